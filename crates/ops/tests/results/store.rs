//! Copies, with every adaptor and in every order: what arrives is what ndarray has, and the bytes are
//! those of the plan.

use crate::support::watch::Counting;
use crate::support::{ORDERS, folder, resources};
use ndarray::{Array, Array2, ArrayD, Axis, Dimension, Ix2, IxDyn, ShapeBuilder, Slice};
use outcore_ops::{Control, lazy, store};
use outcore_storage::{Element, FileArrayMut, Options, Order, Source, Window};
use proptest::prelude::*;

fn numbered(shape: &[usize], order: Order) -> ArrayD<i32> {
    let mut array = ArrayD::zeros(IxDyn(shape).set_f(order == Order::F));
    array.iter_mut().zip(0..).for_each(|(element, number)| *element = number);
    array
}

/// Stores a source, within several budgets, and compares.
fn stores<T: Element, D: Dimension>(
    source: &impl Source<T, D>,
    order: Order,
    expected: &Array<T, D>,
) {
    for memory in [40 << 10, 300 << 10, 8 << 20] {
        let Ok(plan) = store(source).order(order).plan::<T>(resources(memory, 2)) else {
            assert!(memory < 1 << 20, "8 MiB are enough for anything here");
            continue;
        };
        assert!(plan.plan().memory() <= memory);
        let zeros = Array::from_elem(source.shape().set_f(order == Order::F), T::default());
        let mut sink = Counting::new(zeros);
        let report = plan.run(source, &mut sink, Control::new()).unwrap();
        assert_eq!(sink.inner, expected);
        assert_eq!(sink.times(), (Some(0), Some(u32::from(!expected.is_empty()))));
        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
        assert_eq!(report.bytes_written(), plan.plan().bytes_written());
        assert_eq!(sink.bytes().1, plan.plan().bytes_written());
    }
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![4 => 1..40_usize, 1 => Just(0), 1 => Just(1)], 0..5)
        .prop_filter("small", |shape| shape.iter().product::<usize>() < 200_000)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn every_permutation_is_that_of_ndarray(
        (shape, axes) in shape().prop_flat_map(|shape| {
            let axes: Vec<usize> = (0..shape.len()).collect();
            (Just(shape), Just(axes).prop_shuffle())
        }),
        (from, to) in (prop::sample::select(&ORDERS[..]), prop::sample::select(&ORDERS[..])),
    ) {
        let base = numbered(&shape, from);
        let source = lazy(&base).permuted_axes(&axes).unwrap();
        stores(&source, to, &base.clone().permuted_axes(IxDyn(&axes)));
    }

    #[test]
    fn what_lazy_sources_read_is_what_they_say(
        shape in shape().prop_filter("some axes", |shape| !shape.is_empty() && !shape.contains(&0)),
        order in prop::sample::select(&ORDERS[..]),
        step in prop_oneof![-5_isize..0, 1_isize..6],
    ) {
        let base = numbered(&shape, order);
        let counted = Counting::new(base.clone());
        let slices: Vec<_> = (0..shape.len())
            .map(|axis| if axis % 2 == 0 { Slice::new(0, None, step) } else { Slice::from(..) })
            .collect();
        let mut larger = shape.clone();
        larger.insert(0, 3);
        let sliced = lazy(&counted).slice(&slices).unwrap();
        let repeated = sliced.broadcast(IxDyn(&larger).clone());
        let lens = base.slice_each_axis(|axis| slices[axis.axis.index()]).shape().to_vec();
        let mut target = lens.clone();
        target.insert(0, 3);
        prop_assert_eq!(repeated.is_ok(), lens.iter().zip(&shape).all(|(&l, &s)| l == 1 || l == s));
        let repeated = lazy(&counted).slice(&slices).unwrap().broadcast(IxDyn(&target)).unwrap();
        let doubled = repeated.map(|n| 2 * n);
        let plan = store(&doubled).plan::<i32>(resources(100 << 10, 2)).unwrap();
        let mut sink = ArrayD::zeros(IxDyn(&target));
        let report = plan.run(&doubled, &mut sink, Control::new()).unwrap();
        let once = base.slice_each_axis(|axis| slices[axis.axis.index()]).map(|n| 2 * n);
        for index in 0..3 {
            prop_assert_eq!(sink.index_axis(Axis(0), index), &once);
        }
        prop_assert_eq!(plan.plan().bytes_read(), report.bytes_read());
        prop_assert_eq!(counted.bytes().0, report.bytes_read());
    }
}

#[test]
fn zipped_sources_are_each_read_once() {
    let shape = [40, 50];
    let (a, b) =
        (Counting::new(numbered(&shape, Order::C)), Counting::new(numbered(&shape, Order::F)));
    let c = Counting::new(a.inner.map(|&n| f64::from(n)));
    let sum = lazy(&a).zip3((&b, &c), |x, y, z| f64::from(x * y) + z).unwrap();
    let expected = &a.inner.map(|&x| f64::from(x)) * &b.inner.map(|&x| f64::from(x)) + &c.inner;
    let plan = store(&sum).plan::<f64>(resources(64 << 10, 2)).unwrap();
    let mut sink = ArrayD::zeros(IxDyn(&shape));
    let report = plan.run(&sum, &mut sink, Control::new()).unwrap();
    assert_eq!(sink, expected);
    assert_eq!((a.bytes().0, b.bytes().0, c.bytes().0), (8000, 8000, 16_000));
    assert_eq!(report.bytes_read(), 32_000);
    assert_eq!(plan.plan().bytes_read(), 32_000);
    assert!(lazy(&a).zip(numbered(&[50, 40], Order::C), |x: i32, _| x).is_err());
}

#[test]
fn reshaping_and_casting_go_along() {
    let base = numbered(&[6, 5, 4], Order::C);
    let source = lazy(&base).reshape((20, 6)).unwrap().cast::<u8, _, _>();
    let expected = base.to_shape((20, 6)).unwrap().map(|&n| u8::try_from(n).unwrap());
    stores(&source, Order::C, &expected);
    stores(&source, Order::F, &expected);
}

#[test]
fn an_element_that_does_not_fit_ends_the_copy_and_is_named() {
    let mut field = Array2::<f32>::zeros((300, 200));
    field[[123, 45]] = f32::INFINITY;
    let source = lazy(&field).cast::<i16, _, _>();
    let plan = store(&source).plan::<i16>(resources(64 << 10, 2)).unwrap();
    let mut sink = Array2::<i16>::zeros((300, 200));
    let error = plan.run(&source, &mut sink, Control::new()).unwrap_err();
    assert_eq!(error.to_string(), "element [123, 45] is inf, which int16 cannot hold");
}

#[test]
fn files_are_transposed_in_both_orders() {
    let folder = folder().unwrap();
    let field = Array2::from_shape_fn((1030, 517), |(i, j)| {
        f64::from(u32::try_from(i * 1000 + j).unwrap())
    });
    for (from, to) in [(Order::C, Order::C), (Order::F, Order::C), (Order::C, Order::F)] {
        let file = |name: &str, order, shape| -> FileArrayMut<f64, Ix2> {
            let path = folder.path().join(format!("{name}-{from}-{to}.npy"));
            Options::new().order(order).create(path, shape).unwrap()
        };
        let mut input = file("input", from, (1030, 517));
        input.write_window(Window::whole(Ix2(1030, 517)), &field).unwrap();
        let mut output = file("output", to, (517, 1030));
        let source = lazy(&input).permuted_axes(&[1, 0]).unwrap();
        let plan = store(&source).order(to).plan::<f64>(resources(1 << 20, 2)).unwrap();
        plan.run(&source, &mut output, Control::new()).unwrap();
        assert_eq!(output.read().unwrap(), field.t());
        // Fortran order to C order is no transposition in the file.
        let tiles = plan.plan().passes[0].tile.len();
        assert_eq!(tiles, if from == to { 2 } else { 1 });
    }
}

#[test]
fn a_budget_for_nothing_is_refused_with_one_that_does() {
    let field = numbered(&[1000, 1000], Order::C);
    let refused = store(&field).order(Order::F).plan::<i32>(resources(10, 1)).unwrap_err();
    let outcore_ops::Error::Budget { needed, .. } = refused else { panic!("{refused}") };
    store(&field).order(Order::F).plan::<i32>(resources(needed, 1)).unwrap();
    store(&field).order(Order::F).plan::<i32>(resources(needed - 1, 1)).unwrap_err();
}
