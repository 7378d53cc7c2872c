//! Histograms count every element in the bin that its edges say, with NumPy's edges, for every type,
//! shape, order, budget and number of threads; they cost what their plan says.

use crate::support::numpy::{self, with_real};
use crate::support::watch::Counting;
use crate::support::{ORDERS, in_order, needed, resources, scrambled};
use half::f16;
use ndarray::{Array, Array1, Array2, ArrayD, IxDyn};
use outcore_ops::{Budget, Control, Error, Histogram, Ordered, histogram};
use outcore_storage::{Element, FileArray, FileArrayMut, Order, Window};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Finite elements.
fn field<T: Ordered>(shape: &[usize], order: Order, seed: u64, few: bool) -> ArrayD<T> {
    let mut index = 0;
    let next = || {
        index += 1;
        let bits = scrambled(seed, index) >> (64 - T::BITS);
        let middle = 1 << (T::BITS - 1);
        // Around the middle of all keys, far from infinities.
        let element = if few { bits % 3 + middle } else { bits / 8 + middle / 8 * 7 };
        T::from_key(if T::DTYPE.code() == "b1" { bits % 2 } else { element })
    };
    in_order(&Array::from_shape_simple_fn(IxDyn(shape), next), order)
}

/// The counts by comparing every element with every edge.
fn expected<T: Ordered>(field: &ArrayD<T>, edges: &[T::Float]) -> Vec<u64> {
    let last = edges.len() - 2;
    let holds = |bin: usize, x: T::Float| {
        edges[bin] <= x && (x < edges[bin + 1] || (bin == last && x == edges[last + 1]))
    };
    let count = |bin| field.iter().filter(|element| holds(bin, element.to_float())).count() as u64;
    (0..=last).map(count).collect()
}

fn agrees<T: Ordered>(
    field: &ArrayD<T>,
    bins: usize,
    range: Option<(f64, f64)>,
    (quarter, threads): (u64, usize),
) {
    let request = histogram(field, bins).unwrap();
    let request = match range {
        Some((low, high)) => request.range(low, high).unwrap(),
        None => request,
    };
    let least = needed(|bytes| request.plan::<T>(resources(bytes, threads)));
    let too_little = request.plan::<T>(resources(least - 1, threads)).unwrap_err();
    assert!(matches!(too_little, Error::Budget { needed, .. } if needed == least));
    let budget = least + ((field.len() * size_of::<T>()) as u64) * quarter;
    let Ok(plan) = request.plan::<T>(resources(budget, threads)) else {
        // Bins that half precision cannot tell apart.
        return assert!(range.is_some() && T::BITS == 16);
    };
    assert!(plan.plan().memory() <= budget);
    match plan.run(field, Control::new()) {
        Ok((found, _)) => {
            assert_eq!((found.edges.len(), found.counts.len()), (bins + 1, bins));
            assert_eq!(found.counts, expected(field, &found.edges));
            let total: u64 = found.counts.iter().sum();
            assert!(range.is_some() || total == field.len() as u64);
        }
        Err(error) => assert!(matches!(error, Error::Value(_)), "{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn every_element_is_counted_in_its_bin(
        shape in prop::collection::vec(0_usize..14, 0..5),
        order in prop::sample::select(&ORDERS[..]),
        seed in 0_u64..1000,
        few: bool,
        bins in 1_usize..30,
        range in prop::option::of((-3.0..3.0, 0.0..9.0)),
        budget in (0_u64..4, 1_usize..4),
    ) {
        let range = range.map(|(low, width)| (low, low + width));
        agrees(&field::<f32>(&shape, order, seed, few), bins, range, budget);
        agrees(&field::<f64>(&shape, order, seed, few), bins, range, budget);
        agrees(&field::<u8>(&shape, order, seed, few), bins, range, budget);
        agrees(&field::<i64>(&shape, order, seed, few), bins, range, budget);
        agrees(&field::<bool>(&shape, order, seed, few), bins, range, budget);
        agrees(&field::<f16>(&shape, order, seed, few), bins.min(4), range, budget);
    }
}

#[test]
fn an_array_is_read_once_with_a_range_and_twice_without() {
    for order in ORDERS {
        for budget in [100 << 10, 64 << 20] {
            let field = field::<f32>(&[50, 41, 30], order, 1, true);
            for (range, times) in [(Some((0.0, 1.0)), 1), (None, 2)] {
                let source = Counting::new(field.view());
                let request = histogram(&source, 7).unwrap();
                let request = match range {
                    Some((low, high)) => request.range(low, high).unwrap(),
                    None => request,
                };
                // Three numbers next to zero are too close for seven bins.
                let source = Counting::new(field.map(|x| f32::from(u8::from(*x > 0.0))));
                let plan = request.plan::<f32>(resources(budget, 2)).unwrap();
                let mut last = None;
                let control = Control::new().on_progress(|progress| last = Some(progress));
                let (_, report) = plan.run(&source, control).unwrap();
                assert_eq!(source.times(), (Some(times), Some(0)));
                assert_eq!(source.bytes(), (plan.plan().bytes_read(), 0));
                assert_eq!(report.bytes_read(), plan.plan().bytes_read());
                assert_eq!(report.passes.len(), times as usize);
                let last = last.unwrap();
                assert_eq!(last.bytes_done, last.bytes_total);
            }
        }
    }
}

#[test]
fn results_are_the_same_by_every_plan() {
    let (mut results, mut tiles) = (BTreeSet::new(), BTreeSet::new());
    for order in ORDERS {
        let field = field::<f64>(&[211, 307], order, 2, false);
        for budget in [64 << 10, 200 << 10, 1 << 20, 64 << 20] {
            for threads in [1, 3] {
                let request = histogram(&field, 100).unwrap().range(-1e-9, 1e9).unwrap();
                let plan = request.plan::<f64>(resources(budget, threads)).unwrap();
                tiles.insert(plan.plan().passes[0].tiles);
                results.insert(plan.run(&field, Control::new()).unwrap().0.counts);
            }
        }
    }
    assert_eq!(results.len(), 1);
    assert!(tiles.len() > 3, "the plans are too much alike: {tiles:?}");
}

fn sentence(error: &Error, names: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n') && names.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn what_has_no_bins_is_refused_in_a_sentence() {
    let field = Array2::<f32>::zeros((2, 3));
    sentence(&histogram(&field, 0).unwrap_err(), &["0"]);
    for (low, high) in [(2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        let error = histogram(&field, 3).unwrap().range(low, high).unwrap_err();
        sentence(&error, &[&low.to_string(), &high.to_string()]);
    }
    let close = histogram(&field, 3).unwrap().range(1.0, 1.000_000_1).unwrap();
    sentence(
        &close.plan::<f32>(Budget::new(1 << 20)).unwrap_err(),
        &["3 bins", "from 1 to 1.0000001"],
    );
    let many = histogram(&field, usize::MAX).unwrap();
    assert!(matches!(many.plan::<f32>(Budget::new(1 << 20)), Err(Error::Budget { .. })));
    let plan = histogram(&field, 3).unwrap().plan::<f32>(Budget::new(1 << 20)).unwrap();
    let with = |value| {
        let mut field = field.clone();
        field[[1, 1]] = value;
        plan.run(&field, Control::new()).unwrap_err()
    };
    sentence(&with(f32::NAN), &["[2, 3]", "NaN"]);
    sentence(&with(f32::INFINITY), &["0", "inf"]);
    let other = Array2::<f32>::zeros((3, 2));
    sentence(&plan.run(&other, Control::new()).unwrap_err(), &["[3, 2]", "[2, 3]"]);
}

/// Writes numbers as a file for NumPy.
fn save<T: Element>(path: &Path, numbers: Vec<T>) {
    let numbers = Array1::from(numbers);
    let mut file = FileArrayMut::<T, _>::create(path, numbers.len()).unwrap();
    file.write_window(Window::from(0..numbers.len()), &numbers).unwrap();
    file.close().unwrap();
}

fn of_file<T: Ordered>(
    path: &Path,
    file: &numpy::File,
    bins: usize,
    range: Option<(f64, f64)>,
) -> Result<Histogram<T::Float>, Error> {
    let source: FileArray<T, IxDyn> = FileArray::open(path).unwrap();
    let request = histogram(&source, bins)?;
    let request = match range {
        Some((low, high)) => request.range(low, high)?,
        None => request,
    };
    let least = needed(|bytes| request.plan::<T>(resources(bytes, file.threads)));
    let budget = if file.roomy { 1 << 30 } else { least };
    let plan = request.plan::<T>(resources(budget, file.threads))?;
    Ok(plan.run(&source, Control::new())?.0)
}

#[test]
fn histograms_of_numpys_files_are_numpys() {
    let test = "histograms_of_numpys_files_are_numpys";
    let Some(mut python) = numpy::start("numpy_cases.py", test) else { return };
    let folder = crate::support::folder().unwrap();
    let kinds = vec!["normal", "wide", "few", "same", "nan", "infinite", "empty"];
    let bins = prop_oneof![1_usize..20, Just(10), Just(64), Just(100), 100_usize..2000];
    let ends = (-3.0..3.0, prop_oneof![Just(0.0), 0.0..5.0, Just(100.0)]);
    let strategy = (numpy::File::any(kinds), bins, prop::option::of(ends));
    let (mut same, mut errors) = (0, 0);
    for (number, case) in numpy::cases(500, strategy).into_iter().enumerate() {
        let (file, bins, range) = &case;
        let mut file = file.clone();
        if file.kind == "empty" {
            file.shape.push(0);
        }
        let range = range.map(|(low, width): (f64, f64)| (low, low + width));
        let path = |side: &str| folder.path().join(format!("{side}-{number}.npy"));
        let (input, edges, counts) = (path("in"), path("edges"), path("counts"));
        file.make(&mut python, &input, number);
        let limits = range.map_or("all".to_owned(), |(low, high)| format!("{low:?},{high:?}"));
        let found = with_real!(file.dtype, T => of_file::<T>(&input, &file, *bins, range).map(|found| {
            save(&edges, found.edges);
            save(&counts, found.counts);
        }));
        let edges = if found.is_ok() { edges.display().to_string() } else { "none".to_owned() };
        let (input, counts) = (input.display(), counts.display());
        let answer = python.ask(&format!("histogram {input} {edges} {counts} {bins} {limits}"));
        match found {
            Ok(()) => assert_eq!(answer, "same", "{case:?}"),
            Err(error) => assert!(answer.starts_with("error: "), "{case:?}: {error} {answer}"),
        }
        if answer == "same" { same += 1 } else { errors += 1 }
    }
    assert!(same > 250 && errors > 20, "{same} histograms and {errors} errors show little");
    python.finish();
}
