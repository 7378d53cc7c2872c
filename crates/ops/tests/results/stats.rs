//! Statistics are those of the definition, in one pass, with the same bits for any budget and number of
//! threads.

use crate::support::numpy::{self, with_real};
use crate::support::watch::Counting;
use crate::support::{ORDERS, float, in_order, needed, noise, resources};
use ndarray::{Array, Array2, ArrayD, IxDyn};
use outcore_ops::{Budget, Control, Error, Ordered, Stats, stats};
use outcore_storage::{FileArray, Order};
use std::collections::BTreeSet;

fn field(shape: &[usize], order: Order, seed: u64) -> ArrayD<f64> {
    let mut index = 0;
    let next = || {
        index += 1;
        noise(seed, index) * 1e3 + 1e5
    };
    in_order(&Array::from_shape_simple_fn(IxDyn(shape), next), order)
}

/// All bits of statistics.
fn bits<T: Ordered>(found: &Stats<T>) -> Vec<u64> {
    let Stats { sum, mean, std, skewness, kurtosis, .. } = found;
    let numbers = [sum, mean, std, skewness, kurtosis].map(|x| x.to_bits());
    let edges = found.histogram.edges.iter().map(|x| x.to_bits());
    numbers.into_iter().chain(edges).chain(found.histogram.counts.iter().copied()).collect()
}

#[test]
fn results_have_the_same_bits_by_every_plan() {
    let (mut results, mut tiles) = (BTreeSet::new(), BTreeSet::new());
    // Lengths that no leaf divides.
    for (shape, order) in [([301, 1, 1013], Order::C), ([1013, 1, 301], Order::F)] {
        let mut index = 0;
        let mut elements = Array::from_shape_simple_fn(301 * 1013, || {
            index += 1;
            noise(1, index) * 1e3 + 1e5
        });
        elements[77] = f64::NAN;
        let field = match order {
            Order::C => Array::from_shape_vec(IxDyn(&shape), elements.to_vec()).unwrap(),
            Order::F => {
                use ndarray::ShapeBuilder;
                Array::from_shape_vec(IxDyn(&shape).f(), elements.to_vec()).unwrap()
            }
        };
        for threads in [1, 2, 5] {
            let least = needed(|bytes| stats(&field).plan::<f64>(resources(bytes, threads)));
            for budget in [least, least + 100_000, 2 << 20, 64 << 20] {
                let plan = stats(&field).plan::<f64>(resources(budget, threads)).unwrap();
                assert!(plan.plan().memory() <= budget);
                tiles.insert(plan.plan().passes[0].tiles);
                results.insert(bits(&plan.run(&field, Control::new()).unwrap().0));
            }
        }
    }
    // The two arrays have the same elements in the order of the file.
    let bits_of = |field: &ndarray::ArrayD<f64>| {
        let mut results = BTreeSet::new();
        for budget in [1 << 20, 64 << 20] {
            // Planned for C order, and run on an array that is not.
            let layout = outcore_storage::Layout::new(IxDyn(&[301, 7]), Order::C, 8, 0).unwrap();
            let plan = stats(&layout).plan::<f64>(resources(budget, 2)).unwrap();
            results.insert(bits(&plan.run(field, Control::new()).unwrap().0));
        }
        results
    };
    let field = Array::from_shape_fn(IxDyn(&[301, 7]), |at| noise(2, (at[0] * 7 + at[1]) as u64));
    let columns = crate::support::in_order(&field, Order::F);
    assert_eq!(bits_of(&field), bits_of(&columns));
    assert_eq!(results.len(), 1);
    assert!(tiles.len() > 3, "the plans are too much alike: {tiles:?}");
}

#[test]
fn an_array_is_read_once() {
    for order in ORDERS {
        for budget in [200 << 10, 64 << 20] {
            let source = Counting::new(field(&[50, 41, 30], order, 1));
            let plan = stats(&source).plan::<f64>(resources(budget, 2)).unwrap();
            let (_, report) = plan.run(&source, Control::new()).unwrap();
            assert_eq!(source.times(), (Some(1), Some(0)));
            assert_eq!(
                (source.bytes().0, report.bytes_read()),
                (50 * 41 * 30 * 8, 50 * 41 * 30 * 8)
            );
            assert_eq!(plan.plan().bytes_read(), report.bytes_read());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let field = Array2::<f32>::zeros((60, 70));
    let least = needed(|bytes| stats(&field).plan::<f32>(resources(bytes, 2)));
    stats(&field).plan::<f32>(resources(least, 2)).unwrap();
    let refused = stats(&field).plan::<f32>(resources(least - 1, 2)).unwrap_err().to_string();
    assert!(refused.contains("[60, 70]") && refused.contains(&least.to_string()), "{refused}");
    let plan = stats(&field).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let other = plan.run(&Array2::zeros((70, 60)), Control::new()).unwrap_err();
    assert!(matches!(other, Error::Shape(_)), "{other}");
}

#[test]
fn sums_of_many_numbers_are_as_exact_as_their_type() {
    // Their sum in double precision, one after another, is off by thousands of units.
    let field = Array::from_elem((1000, 1000), 0.1_f64);
    let plan = stats(&field).plan::<f64>(Budget::new(4 << 20)).unwrap();
    let found = plan.run(&field, Control::new()).unwrap().0;
    // A leaf's sum is eight sums of 512 numbers: its relative error is 520 units at most, and much
    // less with signs at random.
    assert!((found.sum - 1e5).abs() <= 520.0 * f64::EPSILON * 1e5, "{}", found.sum - 1e5);
    assert!(found.std == 0.0 && found.skewness.is_nan());
    assert_eq!(found.histogram.counts, [1_000_000]);
}

fn of_file<T: Ordered>(path: &std::path::Path, file: &numpy::File) -> Vec<f64> {
    let source: FileArray<T, IxDyn> = FileArray::open(path).unwrap();
    let least = needed(|bytes| stats(&source).plan::<T>(resources(bytes, file.threads)));
    let budget = if file.roomy { 1 << 30 } else { least };
    let plan = stats(&source).plan::<T>(resources(budget, file.threads)).unwrap();
    let found = plan.run(&source, Control::new()).unwrap().0;
    let wide = |end: Option<T>| end.map(T::to_double);
    let counts = [found.count, found.nan, found.infinite, found.zeros];
    let counts = counts.map(|n| float(usize::try_from(n).unwrap()));
    let ends = [found.min, found.max].into_iter().filter_map(wide);
    let sum = found.whole_sum.map_or(found.sum, |sum| {
        #[expect(clippy::cast_precision_loss, reason = "rounded as NumPy's is")]
        let sum = sum as f64;
        sum
    });
    let moments = [sum, found.mean, found.std, found.skewness, found.kurtosis];
    let finite = found.count - found.infinite;
    assert_eq!(found.histogram.counts.iter().sum::<u64>(), finite);
    counts.into_iter().chain(ends).chain(moments).collect()
}

#[test]
fn statistics_of_numpys_files_are_those_of_the_definition() {
    let test = "statistics_of_numpys_files_are_those_of_the_definition";
    let Some(mut python) = numpy::start("numpy_cases.py", test) else { return };
    let folder = crate::support::folder().unwrap();
    let kinds = vec!["normal", "few", "same", "nan", "infinite", "empty"];
    for (number, file) in numpy::cases(300, numpy::File::any(kinds)).into_iter().enumerate() {
        let mut file = file;
        if file.kind == "empty" {
            file.shape.push(0);
        }
        let input = folder.path().join(format!("{number}.npy"));
        file.make(&mut python, &input, number);
        let found = with_real!(file.dtype, T => of_file::<T>(&input, &file));
        let answer = python.ask(&format!("stats {}", input.display()));
        let expected: Vec<f64> = answer.split(' ').map_while(|x| x.parse().ok()).collect();
        let spread = expected.get(8).copied().unwrap_or(f64::NAN);
        for (place, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            // Counts and extremes are exact. Sums and moments of a few thousand numbers are rounded a
            // few thousand times, each of them relative to the largest number or the spread; powers
            // lose more of what has a tiny spread.
            let size = match place {
                0..6 => 0.0,
                6 => expected.abs().max(found.abs()).max(spread * 1e4),
                7 | 8 => expected.abs().max(spread),
                _ => expected.abs().max(1.0),
            };
            let same = found.to_bits() == expected.to_bits()
                || (found.is_nan() && expected.is_nan())
                || (found - expected).abs() <= 1e-11 * size;
            assert!(same, "{file:?}: number {place} is {found:?}, not {expected:?}");
        }
        assert!(expected.len() == 11 || file.kind == "empty" || expected[0] == 0.0, "{answer}");
    }
    python.finish();
}
