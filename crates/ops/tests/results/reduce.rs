//! Reductions against their definitions, element by element, in both orders, along any axes and within
//! any budget; the same bits for all of them.

#![expect(clippy::float_cmp, reason = "results that are exact, or the same bits")]

use crate::support::watch::Counting;
use crate::support::{ORDERS, integers, resources};
use ndarray::{Array1, Array2, ArrayD, Axis, IxDyn, Zip};
use outcore_ops::{
    ArgExtremum, Control, CountNonzero, Error, Extremum, Mean, NormOf, Number, PeakToPeak, Product,
    Reducer, SkipNan, Sum, Truth, Variance, lazy, reduce,
};
use outcore_storage::{Element, Order};
use proptest::prelude::*;

/// Elements that follow no pattern, from -8 to 8; some of them equal.
fn elements(shape: &[usize], order: Order, seed: u64) -> ArrayD<i32> {
    integers(shape, order, seed, 8)
}

/// The lanes of an array along some axes, each in C order, in C order of the other axes.
fn lanes<A: Clone>(array: &ArrayD<A>, axes: &[usize]) -> (Vec<usize>, Vec<Vec<A>>) {
    let kept: Vec<usize> = (0..array.ndim()).filter(|axis| !axes.contains(axis)).collect();
    let shape: Vec<usize> = kept.iter().map(|&axis| array.len_of(Axis(axis))).collect();
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    let order: Vec<usize> = kept.iter().chain(&sorted).copied().collect();
    let mut lanes = vec![Vec::new(); shape.iter().product()];
    let view = array.view().permuted_axes(IxDyn(&order));
    let len: usize = axes.iter().map(|&axis| array.len_of(Axis(axis))).product();
    if len > 0 {
        let all: Vec<A> = view.iter().cloned().collect();
        lanes = all.chunks(len).map(<[A]>::to_vec).collect();
    }
    (shape, lanes)
}

/// Reduces within several budgets and with several threads: all results have the same bits, and all
/// bytes are those of the plan.
fn reduced<A: Element, R: Reducer<A> + Clone>(
    array: &ArrayD<A>,
    axes: &[usize],
    reducer: &R,
) -> Result<ArrayD<R::Out>, Error> {
    let source = Counting::new(array);
    let mut first: Option<Result<ArrayD<R::Out>, Error>> = None;
    for (memory, threads) in [(900 << 10, 1), (1 << 20, 2), (3 << 20, 3), (64 << 20, 2)] {
        let plan =
            reduce(&source, reducer.clone()).axes(axes).plan::<A>(resources(memory, threads));
        let plan = match plan {
            Err(Error::Budget { .. }) if memory < 64 << 20 => continue,
            Err(error) => return Err(error),
            Ok(plan) => plan,
        };
        assert!(plan.plan().memory() <= memory);
        let mut sink = Counting::new(ArrayD::from_elem(IxDyn(plan.shape()), R::Out::default()));
        let before = source.bytes().0;
        let result = plan.run(&source, &mut sink, Control::new());
        let result = result.map(|report| {
            assert_eq!(report.bytes_read(), plan.plan().bytes_read());
            assert_eq!(report.bytes_written(), plan.plan().bytes_written());
            assert_eq!(source.bytes().0 - before, plan.plan().bytes_read());
            assert_eq!(sink.bytes().1, plan.plan().bytes_written());
            sink.inner
        });
        if let (Some(Ok(first)), Ok(result)) = (&first, &result) {
            let bytes =
                |array: &ArrayD<R::Out>| R::Out::as_bytes(array.as_slice().unwrap()).to_vec();
            assert_eq!(bytes(first), bytes(result), "{memory} bytes, {threads} threads");
        }
        first.get_or_insert(result);
    }
    first.expect("64 MiB are enough")
}

fn agrees<A: Element, R: Reducer<A> + Clone>(
    array: &ArrayD<A>,
    axes: &[usize],
    reducer: &R,
    of_lane: impl Fn(&[A]) -> R::Out,
) {
    let (shape, lanes) = lanes(array, axes);
    let expected = lanes.iter().map(|lane| of_lane(lane)).collect();
    let expected = ArrayD::from_shape_vec(IxDyn(&shape), expected).unwrap();
    assert_eq!(reduced(array, axes, reducer).unwrap(), expected, "{} {axes:?}", reducer.name());
}

/// Whether a result is that of a definition of `n` elements, but for rounding: both add numbers up to a
/// scale, one rounds `n` times and the other at most 64 times in each leaf.
#[expect(clippy::cast_precision_loss)]
fn near(found: f64, expected: f64, n: usize, scale: f64) -> bool {
    let bound = 4.0 * (n + 64) as f64 * f64::EPSILON * scale;
    (found - expected).abs() <= bound || (found.is_nan() && expected.is_nan())
}

fn as_f64(n: i32) -> f64 {
    n.into()
}

fn cases() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let len = prop_oneof![6 => 1..30_usize, 1 => Just(0), 1 => Just(1), 1 => 500..1300_usize];
    prop::collection::vec(len, 0..5)
        .prop_filter("small", |shape| shape.iter().product::<usize>() < 100_000)
        .prop_flat_map(|shape| {
            let all: Vec<usize> = (0..shape.len()).collect();
            let count = 0..=shape.len();
            (Just(shape), Just(all).prop_shuffle(), count)
        })
        .prop_map(|(shape, mut axes, count)| {
            axes.truncate(count);
            (shape, axes)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn every_reduction_is_that_of_its_lanes(
        (shape, axes) in cases(),
        order in prop::sample::select(&ORDERS[..]),
        seed: u64,
    ) {
        let array = elements(&shape, order, seed);
        agrees(&array, &axes, &Sum, |lane| lane.iter().map(|&n| i64::from(n)).sum());
        agrees(&array, &axes, &Product, |lane| {
            lane.iter().fold(1_i64, |product, &n| product.wrapping_mul(n.into()))
        });
        agrees(&array, &axes, &CountNonzero, |lane| {
            i64::try_from(lane.iter().filter(|&&n| n != 0).count()).unwrap()
        });
        agrees(&array, &axes, &Truth::any(), |lane| lane.iter().any(|&n| n != 0));
        agrees(&array, &axes, &Truth::all(), |lane| lane.iter().all(|&n| n != 0));
        let (_, lanes) = lanes(&array, &axes);
        if lanes.iter().any(Vec::is_empty) {
            prop_assert!(reduced(&array, &axes, &Extremum::min()).is_err());
            prop_assert!(reduced(&array, &axes, &ArgExtremum::max()).is_err());
        } else {
            agrees(&array, &axes, &Extremum::min(), |lane| *lane.iter().min().unwrap());
            agrees(&array, &axes, &Extremum::max(), |lane| *lane.iter().max().unwrap());
            agrees(&array, &axes, &PeakToPeak, |lane| {
                lane.iter().max().unwrap() - lane.iter().min().unwrap()
            });
            let place = |lane: &[i32], best: i32| {
                i64::try_from(lane.iter().position(|&n| n == best).unwrap()).unwrap()
            };
            agrees(&array, &axes, &ArgExtremum::min(), |lane| place(lane, *lane.iter().min().unwrap()));
            agrees(&array, &axes, &ArgExtremum::max(), |lane| place(lane, *lane.iter().max().unwrap()));
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss)]
    fn means_and_variances_are_those_of_the_definition(
        (shape, axes) in cases(),
        order in prop::sample::select(&ORDERS[..]),
        seed: u64,
    ) {
        let array = elements(&shape, order, seed).map(|&n| as_f64(n) / 3.0);
        let array = if order == Order::F { array.t().as_standard_layout().to_owned().reversed_axes() } else { array };
        let (shape, lanes) = lanes(&array, &axes);
        let compare = |found: ArrayD<f64>, of_lane: &dyn Fn(&[f64]) -> f64| {
            assert_eq!(found.shape(), shape);
            for (&found, lane) in found.iter().zip(&lanes) {
                let scale = lane.len().max(1) as f64 * 9.0;
                assert!(near(found, of_lane(lane), lane.len(), scale), "{found}, not {}", of_lane(lane));
            }
        };
        let mean = |lane: &[f64]| lane.iter().sum::<f64>() / lane.len() as f64;
        let squares = |lane: &[f64]| {
            let mean = mean(lane);
            lane.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
        };
        compare(reduced(&array, &axes, &Sum).unwrap(), &|lane| lane.iter().sum());
        compare(reduced(&array, &axes, &Mean).unwrap(), &mean);
        compare(reduced(&array, &axes, &Variance::new(0)).unwrap(), &|lane| squares(lane) / lane.len() as f64);
        compare(reduced(&array, &axes, &Variance::new(1).root()).unwrap(), &|lane| {
            if lane.is_empty() { f64::NAN } else { (squares(lane) / (lane.len() - 1) as f64).sqrt() }
        });
        compare(reduced(&array, &axes, &NormOf).unwrap(), &|lane| lane.iter().map(|x| x * x).sum::<f64>().sqrt());
    }
}

#[test]
fn nan_is_the_result_or_is_skipped() {
    let array = Array2::from_shape_fn((40, 700), |(i, j)| match (i, j) {
        (3, 600) | (4, _) => f32::NAN,
        _ => f32::from(u16::try_from(i * 10 + j).unwrap()),
    })
    .into_dyn();
    let of = |reducer: Extremum| reduced(&array, &[1], &reducer).unwrap();
    assert!(of(Extremum::min())[[3]].is_nan() && of(Extremum::max())[[3]].is_nan());
    assert_eq!(of(Extremum::max())[[5]], 749.0);
    assert_eq!(reduced(&array, &[1], &ArgExtremum::min()).unwrap()[[3]], 600);
    assert_eq!(reduced(&array, &[0], &ArgExtremum::max()).unwrap()[[600]], 3);
    assert!(reduced(&array, &[], &Sum).unwrap()[[4, 2]].is_nan());
    assert_eq!(reduced(&array, &[1], &SkipNan::new(Extremum::max())).unwrap()[[3]], 729.0);
    assert!(reduced(&array, &[1], &SkipNan::new(Extremum::min())).unwrap()[[4]].is_nan());
    assert_eq!(reduced(&array, &[1], &SkipNan::new(Sum)).unwrap()[[4]], 0.0);
    assert!(reduced(&array, &[1], &SkipNan::new(Mean)).unwrap()[[4]].is_nan());
    assert_eq!(
        reduced(&array, &[1], &SkipNan::new(ArgExtremum::max())).unwrap_err().to_string(),
        "argmax of nothing but NaN"
    );
    // Without the columns 600 and row 4.
    let expected = (0..700).filter(|&j| j != 600).map(|j| f64::from(30 + j)).sum::<f64>() / 699.0;
    let mean = reduced(&array, &[1], &SkipNan::new(Mean)).unwrap()[[3]];
    assert!((f64::from(mean) - expected).abs() < 1e-4);
}

#[test]
fn infinities_stay_what_they_are() {
    let mut array = Array1::<f64>::ones(5000).into_dyn();
    array[[777]] = f64::INFINITY;
    assert_eq!(reduced(&array, &[0], &Sum).unwrap()[[]], f64::INFINITY);
    array[[4000]] = f64::NEG_INFINITY;
    assert!(reduced(&array, &[0], &Sum).unwrap()[[]].is_nan());
    assert_eq!(reduced(&array, &[0], &PeakToPeak).unwrap()[[]], f64::INFINITY);
}

/// Of single precision, with a mean that is many times the deviation: right to 1e-6.
#[test]
#[expect(clippy::cast_precision_loss)]
fn a_large_mean_takes_nothing_from_the_variance() {
    let array = Array2::from_shape_fn((600, 700), |(i, j)| {
        1e9_f32 + ((i * 31 + j * 17) % 64) as f32 * 64.0
    });
    let array = array.into_dyn();
    for axes in [vec![0, 1], vec![0], vec![1]] {
        let (_, lanes) = lanes(&array, &axes);
        let found = reduced(&array, &axes, &Variance::new(0)).unwrap();
        for (&found, lane) in found.iter().zip(&lanes) {
            let n = lane.len() as f64;
            let mean = lane.iter().map(|&x| f64::from(x) - 1e9).sum::<f64>() / n;
            let squares = lane.iter().map(|&x| (f64::from(x) - 1e9 - mean).powi(2)).sum::<f64>();
            let expected = squares / n;
            assert!((f64::from(found) / expected - 1.0).abs() < 1e-6, "{found}, not {expected}");
        }
    }
}

/// A sum of a million tenths in double precision is right to the last digit but one.
#[test]
fn the_error_of_a_sum_does_not_grow() {
    let array = ArrayD::from_elem(IxDyn(&[1000, 1000]), 0.1);
    // 0.1 is 3602879701896397 / 2^55, and a million times that is no more than 2^53 * 2^2 / 2^38.
    let exact = 100_000.000_000_000_005_551_115_123_125_78;
    for axes in [vec![0, 1], vec![0], vec![1]] {
        let found = reduced(&array, &axes, &Sum).unwrap();
        let exact = if axes.len() == 2 { exact } else { exact / 1000.0 };
        assert!(found.iter().all(|&sum: &f64| (sum / exact - 1.0).abs() < 64.0 * f64::EPSILON));
    }
}

#[test]
fn a_result_larger_than_the_budget_is_made_block_by_block() {
    for order in ORDERS {
        let array = elements(&[40, 300, 70], order, 9);
        for axes in [vec![0], vec![1], vec![2], vec![0, 2]] {
            let plan =
                reduce(&array, Variance::new(0)).axes(&axes).plan::<i32>(resources(760 << 10, 1));
            let plan = plan.unwrap();
            if array.len() / axes.iter().map(|&a| array.len_of(Axis(a))).product::<usize>() > 10_000
            {
                assert!(plan.plan().passes[0].name.contains("block"), "{plan}");
            }
            let found = reduced(&array, &axes, &Variance::new(0)).unwrap();
            let (_, lanes) = lanes(&array, &axes);
            for (&found, lane) in found.iter().zip(&lanes) {
                let n = f64::from(u32::try_from(lane.len()).unwrap());
                let mean = lane.iter().map(|&x| as_f64(x)).sum::<f64>() / n;
                let squares = lane.iter().map(|&x| (as_f64(x) - mean).powi(2)).sum::<f64>();
                assert!(near(found, squares / n, lane.len(), 100.0));
            }
        }
    }
}

#[test]
fn lazy_sources_are_reduced_without_a_trace() {
    let (a, b) = (elements(&[300, 200], Order::C, 1), elements(&[300, 200], Order::F, 2));
    let (ca, cb) = (Counting::new(&a), Counting::new(&b));
    let products = lazy(&ca).zip(&cb, |x, y| f64::from(x) * f64::from(y)).unwrap();
    let plan = reduce(&products, Sum).plan::<f64>(resources(1 << 20, 2)).unwrap();
    let sum = plan.value(&products, Control::new()).unwrap();
    let mut expected = 0.0;
    Zip::from(&a).and(&b).for_each(|&x, &y| expected += f64::from(x) * f64::from(y));
    assert_eq!(sum, expected);
    assert_eq!((ca.bytes().0, cb.bytes().0), (240_000, 240_000));
    assert_eq!((ca.times().0, cb.times().0), (Some(1), Some(1)));
}

#[test]
fn axes_that_do_not_exist_are_refused() {
    let array = elements(&[3, 4], Order::C, 1);
    let plan = |axes: &[usize]| {
        reduce(&array, Sum)
            .axes(axes)
            .plan::<i32>(resources(1 << 20, 1))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(plan(&[2]), "axis 2 does not exist in shape [3, 4] of 2 axes");
    assert_eq!(plan(&[1, 1]), "axis 1 is named twice");
    let plan =
        reduce(&array, Sum).axes(&[1]).keep_dims().plan::<i32>(resources(1 << 20, 1)).unwrap();
    assert_eq!(plan.shape(), [3, 1]);
    let mut sink = ArrayD::zeros(IxDyn(&[3, 1]));
    plan.run(&array, &mut sink, Control::new()).unwrap();
    assert_eq!(sink.sum(), array.map(|&n| i64::from(n)).sum());
    assert!(plan.value(&array, Control::new()).is_err());
}

#[test]
fn half_precision_and_complex_numbers_keep_their_type() {
    use half::f16;
    use num_complex::Complex;
    fn out<A: Number>(
        _: &ArrayD<A>,
    ) -> (outcore_storage::DType, outcore_storage::DType, outcore_storage::DType) {
        (A::Total::DTYPE, A::Mean::DTYPE, A::Spread::DTYPE)
    }
    use outcore_storage::DType;
    let halves = ArrayD::from_elem(IxDyn(&[3000]), f16::from_f32(0.5));
    assert_eq!(out(&halves), (DType::F16, DType::F16, DType::F16));
    assert_eq!(reduced(&halves, &[0], &Sum).unwrap()[[]], f16::from_f32(1500.0));
    let waves = ArrayD::from_elem(IxDyn(&[3000]), Complex::new(0.0_f32, 2.0));
    assert_eq!(out(&waves), (DType::ComplexF32, DType::ComplexF32, DType::F32));
    assert_eq!(reduced(&waves, &[0], &Mean).unwrap()[[]], Complex::new(0.0, 2.0));
    assert_eq!(reduced(&waves, &[0], &Variance::new(0)).unwrap()[[]], 0.0);
    assert_eq!(reduced(&waves, &[0], &NormOf).unwrap()[[]], 12000_f32.sqrt());
}
