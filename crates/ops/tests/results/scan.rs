//! Scans against their definitions along every axis, in both orders and within any budget, with lanes
//! longer than the budget too.

#![expect(clippy::float_cmp, reason = "the same additions in the same order")]

use crate::support::watch::Counting;
use crate::support::{ORDERS, integers, resources};
use ndarray::{Array1, ArrayD, Axis, IxDyn};
use outcore_ops::{Control, CumExtremum, CumProd, CumSum, Error, Scanner, scan};
use outcore_storage::{Element, Order};
use proptest::prelude::*;

fn elements(shape: &[usize], order: Order, seed: u64) -> ArrayD<i32> {
    integers(shape, order, seed, 1000)
}

fn scans<A: Element, S: Scanner<A> + Copy>(
    array: &ArrayD<A>,
    axis: usize,
    scanner: S,
) -> ArrayD<S::Out> {
    let mut expected = ArrayD::from_elem(array.raw_dim(), S::Out::default());
    for (lane, mut to) in array.lanes(Axis(axis)).into_iter().zip(expected.lanes_mut(Axis(axis))) {
        let mut state = scanner.state();
        lane.iter().zip(&mut to).for_each(|(&from, to)| *to = scanner.step(&mut state, from));
    }
    let source = Counting::new(array);
    for (memory, threads) in [(20 << 10, 1), (300 << 10, 2), (64 << 20, 2)] {
        let plan = match scan(&source, axis, scanner).plan::<A>(resources(memory, threads)) {
            Err(Error::Budget { .. }) if memory < 1 << 20 => continue,
            plan => plan.unwrap(),
        };
        assert!(plan.plan().memory() <= memory);
        let before = source.bytes().0;
        let mut sink = Counting::new(ArrayD::from_elem(array.raw_dim(), S::Out::default()));
        let report = plan.run(&source, &mut sink, Control::new()).unwrap();
        assert_eq!(sink.inner, expected, "axis {axis} within {memory}");
        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
        assert_eq!(
            (source.bytes().0 - before, sink.bytes().1),
            (plan.plan().bytes_read(), plan.plan().bytes_written())
        );
        assert_eq!(sink.bytes().1, report.bytes_written());
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn every_scan_is_that_of_its_lanes(
        shape in prop::collection::vec(prop_oneof![6 => 1..40_usize, 1 => Just(0), 1 => Just(1), 1 => 500..2000_usize], 1..5)
            .prop_filter("small", |shape| shape.iter().product::<usize>() < 100_000),
        order in prop::sample::select(&ORDERS[..]),
        axis: prop::sample::Index,
        seed: u64,
    ) {
        let array = elements(&shape, order, seed);
        let axis = axis.index(shape.len());
        scans(&array, axis, CumSum);
        scans(&array, axis, CumProd);
        scans(&array, axis, CumExtremum::min());
        scans(&array, axis, CumExtremum::max());
        scans(&array.map(|&n| f64::from(n) / 7.0), axis, CumSum);
    }
}

#[test]
fn the_steps_are_those_of_the_definition() {
    let sums = scans(&Array1::from(vec![1_u8, 255, 3]).into_dyn(), 0, CumSum);
    assert_eq!(sums.as_slice().unwrap(), [1_u64, 256, 259]);
    let products = scans(&Array1::from(vec![2.0_f32, 1e30, 1e30, 1e-40]).into_dyn(), 0, CumProd);
    assert_eq!(products.as_slice().unwrap()[..3], [2.0, 2e30, f32::INFINITY]);
    let nan = f64::NAN;
    let least = scans_of(&[3.0, nan, 1.0], CumExtremum::min());
    assert!(least[0] == 3.0 && least[1].is_nan() && least[2].is_nan());
    assert_eq!(scans_of(&[1.0, 3.0, 2.0], CumExtremum::max()), [1.0, 3.0, 3.0]);
}

fn scans_of<S: Scanner<f64, Out = f64>>(lane: &[f64], scanner: S) -> Vec<f64> {
    let source = Array1::from(lane.to_vec());
    let mut sink = Array1::zeros(lane.len());
    let plan = scan(&source, 0, scanner).plan::<f64>(resources(1 << 20, 1)).unwrap();
    plan.run(&source, &mut sink, Control::new()).unwrap();
    sink.to_vec()
}

/// A lane of 8 MB within 200 KiB.
#[test]
fn a_lane_may_be_longer_than_the_budget() {
    let array = elements(&[1_000_000], Order::C, 3).map(|&n| f64::from(n) / 3.0);
    let plan = scan(&array, 0, CumSum).plan::<f64>(resources(200 << 10, 2)).unwrap();
    assert!(plan.plan().passes[0].tiles > 100);
    let mut sink = ArrayD::zeros(IxDyn(&[1_000_000]));
    plan.run(&array, &mut sink, Control::new()).unwrap();
    let mut sum = 0.0;
    let expected = array.mapv(|x: f64| {
        sum += x;
        sum
    });
    assert_eq!(sink, expected);
}

#[test]
fn an_axis_that_does_not_exist_is_refused() {
    let array = elements(&[3, 4], Order::C, 1);
    let error = scan(&array, 2, CumSum).plan::<i32>(resources(1 << 20, 1)).unwrap_err();
    assert_eq!(error.to_string(), "axis 2 does not exist in shape [3, 4] of 2 axes");
}
