//! Cosine and sine transforms are those of their definitions, in more digits, whatever the axis, the
//! order and the plan.

use crate::support::double_double::Double2;
use crate::support::{Number, ORDERS, float, in_order, needed, noise, resources};
use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn};
use outcore_ops::{Budget, Control, Norm, Trigonometric, dct, idct};
use outcore_storage::Order;

const ALL: [Trigonometric; 8] = [
    Trigonometric::Dct1,
    Trigonometric::Dct2,
    Trigonometric::Dct3,
    Trigonometric::Dct4,
    Trigonometric::Dst1,
    Trigonometric::Dst2,
    Trigonometric::Dst3,
    Trigonometric::Dst4,
];

/// The cosines and the sines of all angles of a transform, because series take time.
fn turns(kind: Trigonometric, len: usize) -> Vec<(Double2, Double2)> {
    let (_, denominator, _) = angle(kind, len, 0, 0);
    (0..2 * denominator).map(|k| Double2::turn(k, 2 * denominator)).collect()
}

/// What half a turn is multiplied and divided by, and whether its sine is taken.
fn angle(kind: Trigonometric, len: usize, k: usize, n: usize) -> (usize, usize, bool) {
    match kind {
        Trigonometric::Dct1 => (k * n, len - 1, false),
        Trigonometric::Dct2 => (k * (2 * n + 1), 2 * len, false),
        Trigonometric::Dct3 => ((2 * k + 1) * n, 2 * len, false),
        Trigonometric::Dct4 => ((2 * k + 1) * (2 * n + 1), 4 * len, false),
        Trigonometric::Dst1 => ((k + 1) * (n + 1), len + 1, true),
        Trigonometric::Dst2 => ((k + 1) * (2 * n + 1), 2 * len, true),
        Trigonometric::Dst3 => ((2 * k + 1) * (n + 1), 2 * len, true),
        Trigonometric::Dst4 => ((2 * k + 1) * (2 * n + 1), 4 * len, true),
    }
}

/// What an element is multiplied by.
fn term(
    kind: Trigonometric,
    len: usize,
    [k, n]: [usize; 2],
    turns: &[(Double2, Double2)],
) -> Double2 {
    let (numerator, _, sine) = angle(kind, len, k, n);
    let (cosine, sin) = turns[numerator % turns.len()];
    let halved = match kind {
        Trigonometric::Dct1 => n == 0 || n == len - 1,
        Trigonometric::Dct3 => n == 0,
        Trigonometric::Dst3 => n == len - 1,
        _ => false,
    };
    let weight = Double2::from(if halved { 1.0 } else { 2.0 });
    weight * if sine { sin } else { cosine }
}

fn definition<T: Number>(lane: &[T], kind: Trigonometric) -> Vec<f64> {
    let turns = turns(kind, lane.len());
    let of = |k: usize| {
        let terms = lane
            .iter()
            .enumerate()
            .map(|(n, x)| Double2::from(x.wide()) * term(kind, lane.len(), [k, n], &turns));
        let sum = terms.fold(Double2::from(0.0), |sum, term| sum + term);
        sum.high + sum.low
    };
    (0..lane.len()).map(of).collect()
}

fn reals<T: Number>(shape: &[usize], order: Order, seed: u64) -> ArrayD<T> {
    let mut index = 0;
    let numbers = ArrayD::from_shape_fn(IxDyn(shape), |_| {
        index += 1;
        T::of(noise(seed, index))
    });
    in_order(&numbers, order)
}

fn far<T: Number, D: Dimension>(found: &Array<T, D>, expected: &[f64]) -> f64 {
    let apart = found.iter().zip(expected).map(|(x, y)| (x.wide() - y).powi(2)).sum::<f64>();
    let size = expected.iter().map(|y| y * y).sum::<f64>();
    (apart / size.max(f64::MIN_POSITIVE)).sqrt()
}

fn bound<T: Number>(len: usize) -> f64 {
    3.0 * T::UNIT * float((2 * len).max(64)).log2().sqrt()
}

fn every_length<T: Number>() {
    for kind in ALL {
        for len in (1..40).chain([64, 97, 100, 128, 255, 256, 257]) {
            if kind == Trigonometric::Dct1 && len < 2 {
                continue;
            }
            let field = reals::<T>(&[len], Order::C, len as u64);
            let mut spectrum = field.clone();
            let plan = dct(&field, 0, kind).plan::<T>(Budget::new(1 << 20)).unwrap();
            plan.run(&field, &mut spectrum, Control::new()).unwrap();
            let lane: Vec<T> = field.iter().copied().collect();
            let error = far(&spectrum, &definition(&lane, kind));
            assert!(error <= bound::<T>(len), "{kind:?} of {len}: {error:e}");
        }
    }
}

#[test]
fn every_type_and_length_is_as_accurate_as_promised() {
    every_length::<f32>();
    every_length::<f64>();
}

#[test]
fn inverses_undo_with_every_norm_and_orthonormal_ones_keep_lengths() {
    for kind in ALL {
        for norm in [Norm::Backward, Norm::Ortho, Norm::Forward] {
            for len in [2, 3, 8, 21, 60] {
                let field = reals::<f64>(&[len], Order::C, 3);
                let (mut spectrum, mut back) = (field.clone(), field.clone());
                let plan =
                    dct(&field, 0, kind).norm(norm).plan::<f64>(Budget::new(1 << 20)).unwrap();
                plan.run(&field, &mut spectrum, Control::new()).unwrap();
                let energy = |array: &ArrayD<f64>| array.iter().map(|x| x * x).sum::<f64>();
                if norm == Norm::Ortho {
                    let ratio = energy(&spectrum) / energy(&field);
                    assert!((ratio - 1.0).abs() < 1e-14, "{kind:?} of {len}: {ratio}");
                }
                let plan =
                    idct(&spectrum, 0, kind).norm(norm).plan::<f64>(Budget::new(1 << 20)).unwrap();
                plan.run(&spectrum, &mut back, Control::new()).unwrap();
                let change = energy(&(&back - &field)) / energy(&field);
                assert!(change.sqrt() < 2.0 * bound::<f64>(len), "{kind:?} {norm:?} of {len}");
            }
        }
    }
}

#[test]
fn any_axis_order_and_budget_gives_the_same_bits() {
    for (shape, axis) in
        [(vec![13, 30, 7], 0), (vec![13, 30, 7], 1), (vec![13, 30, 7], 2), (vec![1, 5], 0)]
    {
        for order in ORDERS {
            let field = reals::<f32>(&shape, order, 4);
            for kind in [Trigonometric::Dct2, Trigonometric::Dst4] {
                let request = dct(&field, axis, kind);
                let least = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
                let mut results = [least, 2 * least, 1 << 22]
                    .map(|budget| {
                        let plan = request.plan::<f32>(resources(budget, 2)).unwrap();
                        let mut spectrum = field.clone();
                        let report = plan.run(&field, &mut spectrum, Control::new()).unwrap();
                        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
                        assert_eq!(report.bytes_written(), plan.plan().bytes_written());
                        spectrum
                    })
                    .into_iter();
                let first = results.next().unwrap();
                assert!(results.all(|other| other == first));
                for (lane, found) in
                    field.lanes(Axis(axis)).into_iter().zip(first.lanes(Axis(axis)))
                {
                    let expected = definition(&lane.to_vec(), kind);
                    assert!(far(&found.to_owned(), &expected) <= bound::<f32>(lane.len()));
                }
            }
        }
    }
}

#[test]
fn what_is_too_short_or_does_not_exist_is_refused() {
    let field = ArrayD::<f64>::zeros(IxDyn(&[1, 0, 3]));
    for (axis, kind, text) in [
        (0, Trigonometric::Dct1, "axis 0 is shorter than 2"),
        (1, Trigonometric::Dst1, "axis 1 has length 0"),
        (3, Trigonometric::Dct2, "no axis 3"),
    ] {
        let error = dct(&field, axis, kind).plan::<f64>(Budget::new(1 << 20)).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}
