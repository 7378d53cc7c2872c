//! The pass of an expression gives what its window does, whatever the budget, the threads and the
//! orders of the inputs; it moves the bytes of its plan; and its failures name the first element.

use crate::support::watch::Counting;
use crate::support::{ORDERS, folder, needed, resources};
use ndarray::{Array, ArrayD, IxDyn, ShapeBuilder};
use outcore_ops::{AnySource, Casting, Control, Error, Expression};
use outcore_storage::{
    ByteOrder, Cache, DType, FileArray, FileArrayMut, Options, Order, Source, Stored, Window,
};
use proptest::prelude::*;

fn numbers(shape: &[usize], order: Order, seed: u32) -> ArrayD<f32> {
    let mut array = ArrayD::zeros(IxDyn(shape).set_f(order == Order::F));
    let mut state = seed;
    array.iter_mut().for_each(|x| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "any numbers will do")]
        let value = (state >> 8) as f32 / 1e6 - 8.0;
        *x = value;
    });
    array
}

fn bits(array: &ArrayD<f32>) -> Vec<u32> {
    array.iter().map(|x| x.to_bits()).collect()
}

/// A shape, and which of its axes two other inputs have in full, from which on.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Vec<usize>)> {
    let len = prop_oneof![5 => 1..40_usize, 1 => Just(1), 1 => Just(0), 1 => Just(2003)];
    let shape = prop::collection::vec(len, 0..4)
        .prop_filter("small", |shape| shape.iter().product::<usize>() < 40_000);
    shape.prop_flat_map(|shape| {
        let axes = shape.len();
        let part = (prop::collection::vec(any::<bool>(), axes), 0..=axes);
        (Just(shape), part.clone(), part).prop_map(move |(shape, one, other)| {
            let of = |(full, fewer): (Vec<bool>, usize)| {
                let len = |axis: usize| if full[axis] { shape[axis] } else { 1 };
                (fewer..axes).map(len).collect()
            };
            (shape.clone(), of(one), of(other))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn inputs_of_any_shapes_and_orders_give_the_bits_of_one_window(
        (shape, one, other) in shapes(),
        orders in [prop::sample::select(&ORDERS[..]), prop::sample::select(&ORDERS[..]),
            prop::sample::select(&ORDERS[..])],
        to in prop::sample::select(&ORDERS[..]),
    ) {
        let a = Counting::new(numbers(&shape, orders[0], 1));
        let b = Counting::new(numbers(&one, orders[1], 2));
        let c = Counting::new(numbers(&other, orders[2], 3));
        let inputs = [("a", AnySource::F32(&a)), ("b", AnySource::F32(&b)), ("c", AnySource::F32(&c))];
        let expression = Expression::parse("where(a > b, a*c, sin(b) - a) + b").unwrap();
        let evaluation = expression.bind(&inputs).unwrap();
        let mut expected = ArrayD::<f32>::zeros(evaluation.shape());
        let whole = Window::whole(evaluation.shape());
        evaluation.read_tile(&whole, expected.view_mut()).unwrap();
        let least = needed(|bytes| evaluation.plan::<f32>(resources(bytes, 2)));
        prop_assert!(evaluation.plan::<f32>(resources(least - 1, 2)).is_err());
        for budget in [least, least + 3000, 120 << 10, 8 << 20] {
            for threads in [1, 2] {
                let Ok(plan) = evaluation.plan::<f32>(resources(budget, threads)) else {
                    prop_assert!(budget <= 120 << 10);
                    continue;
                };
                prop_assert!(plan.plan().memory() <= budget);
                let zeros = ArrayD::<f32>::zeros(evaluation.shape().set_f(to == Order::F));
                let mut sink = Counting::new(zeros);
                let before: Vec<_> = [&a, &b, &c].map(|input| input.bytes().0).into();
                let report = plan.run(&evaluation, &mut sink, Control::new()).unwrap();
                let read = [&a, &b, &c].into_iter().zip(&before);
                let read: u64 = read.map(|(input, before)| input.bytes().0 - before).sum();
                prop_assert_eq!(bits(&sink.inner), bits(&expected));
                prop_assert_eq!(read, plan.plan().bytes_read());
                prop_assert_eq!(report.bytes_read(), plan.plan().bytes_read());
                prop_assert_eq!(report.bytes_written(), plan.plan().bytes_written());
                prop_assert_eq!(sink.bytes().1, plan.plan().bytes_written());
                prop_assert_eq!(sink.times().1, Some(u32::from(!expected.is_empty())));
            }
        }
    }
}

#[test]
fn a_short_input_is_read_once_and_a_long_one_once_too() {
    let (a, row) = (
        Counting::new(numbers(&[600, 1000], Order::C, 1)),
        Counting::new(numbers(&[1000], Order::C, 2)),
    );
    let column = Counting::new(numbers(&[600, 1], Order::C, 3));
    let inputs =
        [("a", AnySource::F32(&a)), ("r", AnySource::F32(&row)), ("c", AnySource::F32(&column))];
    let evaluation = Expression::parse("a*r + c").unwrap().bind(&inputs).unwrap();
    let plan = evaluation.plan::<f32>(resources(1 << 20, 2)).unwrap();
    assert!(plan.plan().passes[0].tiles > 3, "{plan}");
    let mut sink = ArrayD::<f32>::zeros(evaluation.shape());
    plan.run(&evaluation, &mut sink, Control::new()).unwrap();
    assert_eq!((a.bytes().0, row.bytes().0, column.bytes().0), (2_400_000, 4000, 2400));
    let expected = &a.inner * &row.inner + &column.inner;
    assert_eq!(sink, expected);
}

#[test]
fn files_of_any_byte_order_and_cache_are_evaluated() {
    let folder = folder().unwrap();
    let shape = [700, 1100];
    let (one, other) = (numbers(&shape, Order::C, 1), numbers(&shape, Order::C, 2));
    let expected = &one * &other + one.mapv(f32::abs);
    for (first, second) in [(Order::C, Order::C), (Order::C, Order::F), (Order::F, Order::F)] {
        for cache in [Cache::Use, Cache::Bypass] {
            let path = |name: &str| folder.path().join(name);
            for (name, order, bytes, array) in [
                ("a.npy", first, ByteOrder::Big, &one),
                ("b.npy", second, ByteOrder::Little, &other),
            ] {
                let options = Options::new().order(order).byte_order(bytes);
                let mut file: FileArrayMut<f32, IxDyn> =
                    options.create(path(name), IxDyn(&shape)).unwrap();
                file.write_window(Window::whole(IxDyn(&shape)), array).unwrap();
                file.close().unwrap();
            }
            let options = Options::new().cache(cache);
            let a: FileArray<f32, IxDyn> = options.open(path("a.npy")).unwrap();
            let b: FileArray<f32, IxDyn> = options.open(path("b.npy")).unwrap();
            let inputs = [("a", AnySource::F32(&a)), ("b", AnySource::F32(&b))];
            let evaluation = Expression::parse("a*b + abs(a)").unwrap().bind(&inputs).unwrap();
            for budget in [2 << 20, 64 << 20] {
                let order = evaluation.layout().order();
                let mut sink: FileArrayMut<f32, IxDyn> =
                    options.clone().order(order).create(path("o.npy"), IxDyn(&shape)).unwrap();
                let plan = evaluation.plan::<f32>(resources(budget, 2)).unwrap();
                assert_eq!(plan.plan().bytes_read(), 2 * 4 * 700 * 1100);
                plan.run(&evaluation, &mut sink, Control::new()).unwrap();
                assert_eq!(sink.read().unwrap(), expected, "{first} {second} {cache:?} {budget}");
            }
        }
    }
}

#[test]
fn the_first_element_that_fails_is_named_whatever_the_threads() {
    let mut x = Array::from_elem(IxDyn(&[300, 500]), 1.0_f64);
    x[[299, 499]] = f64::NAN;
    x[[7, 300]] = 1e5;
    x[[7, 301]] = -1e30;
    let source = Expression::parse("2*x").unwrap().bind(&[("x", AnySource::F64(&x))]).unwrap();
    let source = source.astype(DType::I16, Casting::Checked).unwrap();
    for budget in [60 << 10, 400 << 10, 64 << 20] {
        for threads in [1, 2] {
            let plan = source.plan::<i16>(resources(budget, threads)).unwrap();
            let mut sink = ArrayD::<i16>::zeros(IxDyn(&[300, 500]));
            let error = plan.run(&source, &mut sink, Control::new()).unwrap_err();
            assert_eq!(error.to_string(), "element [7, 300] is 200000, which int16 cannot hold");
        }
    }
}

#[test]
fn a_plan_for_another_type_or_shape_is_refused() {
    let x = numbers(&[3, 4], Order::C, 1);
    let bound =
        |text: &str| Expression::parse(text).unwrap().bind(&[("x", AnySource::F32(&x))]).unwrap();
    let error = bound("x + 1").plan::<f64>(resources(1 << 20, 1)).unwrap_err();
    assert_eq!(error.to_string(), "x + 1 of [3, 4] as float32 does not give float64");
    let plan = bound("x").plan::<f32>(resources(1 << 20, 1)).unwrap();
    let mut sink = ArrayD::<f32>::zeros(IxDyn(&[4, 3]));
    let error = plan.run(&bound("x"), &mut sink, Control::new()).unwrap_err();
    assert!(matches!(error, Error::Shape(_)), "{error}");
}
