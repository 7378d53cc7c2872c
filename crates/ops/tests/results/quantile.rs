//! Quantiles are those of the sorted elements, for every type, shape, order, budget and number of
//! threads; they cost what their plan says.

use crate::support::numpy::{self, with_real};
use crate::support::watch::Counting;
use crate::support::{ORDERS, in_order, needed, resources, scrambled};
use half::f16;
use ndarray::{Array, Array1, ArrayD, Axis, Dimension, IxDyn};
use outcore_ops::{Between, Budget, Control, Error, Method, Ordered, Plan, Report, quantile};
use outcore_storage::{Element, FileArray, FileArrayMut, Order, Stored, Window};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

const METHODS: [Method; 5] =
    [Method::Linear, Method::Lower, Method::Higher, Method::Nearest, Method::Midpoint];

/// Elements of a kind: all bits random, or few distinct ones, or nearly the same.
fn field<T: Ordered>(shape: &[usize], order: Order, seed: u64, kind: u64) -> ArrayD<T> {
    let mut index = 0;
    let next = || {
        index += 1;
        let bits = scrambled(seed, index) >> (64 - T::BITS);
        // About the middle of all keys lie zero, of floating-point and of signed numbers.
        let middle = 1_u64 << (T::BITS - 1);
        let key = match kind {
            _ if T::BITS == 1 => bits % 2,
            0 => bits,
            1 => middle + bits % 7 * 3 - 9.min(middle),
            _ => middle - 50.min(middle) + bits % 100,
        };
        let element = T::from_key(key);
        if element.is_nan() { T::from_key(1 << (T::BITS - 1)) } else { element }
    };
    in_order(&Array::from_shape_simple_fn(IxDyn(shape), next), order)
}

/// The elements next to a quantile, by sorting.
fn expected<T: Ordered>(elements: impl IntoIterator<Item = T>, q: f64, method: Method) -> [T; 2] {
    let mut sorted: Vec<T> = elements.into_iter().collect();
    if sorted.iter().any(|element| element.is_nan()) {
        return [T::nan(); 2];
    }
    sorted.sort_by_key(|element| element.key());
    let rank = crate::support::float(sorted.len() - 1) * q;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    let at = |rank: f64| sorted[(rank as usize).min(sorted.len() - 1)];
    match method {
        Method::Linear | Method::Midpoint => [at(rank.floor()), at(rank.floor() + 1.0)],
        Method::Lower => [at(rank.floor()); 2],
        Method::Higher => [at(rank.ceil()); 2],
        Method::Nearest if (rank * 2.0) % 2.0 >= 1.0 && (rank * 2.0).fract() <= 0.0 => {
            [at((rank / 2.0).round() * 2.0); 2]
        }
        Method::Nearest => [at(rank.round()); 2],
    }
}

fn same<T: Ordered>(found: &[Between<T>], expected: &[[T; 2]]) {
    let found: Vec<_> = found.iter().map(|found| [found.below.key(), found.above.key()]).collect();
    let expected: Vec<_> = expected.iter().map(|pair| [pair[0].key(), pair[1].key()]).collect();
    assert_eq!(found, expected);
}

/// A budget between the smallest that will do and one that holds everything.
fn budget(least: u64, bytes: u64, quarter: u64) -> u64 {
    if quarter == 0 { least } else { least + (bytes * 2 + least) * quarter / 4 }
}

#[derive(Clone, Debug)]
struct Case {
    shape: Vec<usize>,
    order: Order,
    kind: u64,
    seed: u64,
    quantiles: Vec<f64>,
    method: Method,
    threads: usize,
    quarter: u64,
    nan: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let q = prop_oneof![Just(0.0), Just(1.0), Just(0.5), 0.0..=1.0];
    (
        prop::collection::vec(1_usize..12, 0..5),
        prop::sample::select(&ORDERS[..]),
        (0_u64..3, any::<u16>(), 0_u64..5, 1_usize..4, prop::bool::weighted(0.2)),
        prop::collection::vec(q, 1..4),
        prop::sample::select(&METHODS[..]),
    )
        .prop_map(|(shape, order, (kind, seed, quarter, threads, nan), quantiles, method)| {
            let seed = seed.into();
            Case { shape, order, kind, seed, quantiles, method, threads, quarter, nan }
        })
}

fn of_case<T: Ordered>(case: &Case) -> ArrayD<T> {
    let mut field = field::<T>(&case.shape, case.order, case.seed, case.kind);
    if case.nan && T::DTYPE.code().starts_with('f') {
        let index = usize::try_from(scrambled(case.seed, 0) % field.len() as u64).unwrap();
        *field.iter_mut().nth(index).unwrap() = T::nan();
    }
    field
}

fn whole<T: Ordered>(case: &Case) {
    let field = of_case::<T>(case);
    let request = quantile(&field, &case.quantiles).unwrap().method(case.method);
    let least = needed(|bytes| request.plan::<T>(resources(bytes, case.threads)));
    request.plan::<T>(resources(least - 1, case.threads)).unwrap_err();
    let budget = budget(least, (field.len() * size_of::<T>()) as u64, case.quarter);
    let plan = request.plan::<T>(resources(budget, case.threads)).unwrap();
    assert!(plan.plan().memory() <= budget);
    let (found, _) = plan.run(&field, Control::new()).unwrap();
    let elements = || field.iter().copied();
    let expected: Vec<_> =
        case.quantiles.iter().map(|&q| expected(elements(), q, case.method)).collect();
    same(&found, &expected);
}

fn along<T: Ordered>(case: &Case) {
    let field = of_case::<T>(case);
    for axis in 0..case.shape.len() {
        let request = quantile(&field, &case.quantiles).unwrap().method(case.method);
        let least =
            needed(|bytes| request.plan_along::<T, T>(axis, resources(bytes, case.threads)));
        request.plan_along::<T, T>(axis, resources(least - 1, case.threads)).unwrap_err();
        let budget = budget(least, (field.len() * size_of::<T>()) as u64, case.quarter);
        let plan = request.plan_along::<T, T>(axis, resources(budget, case.threads)).unwrap();
        for order in ORDERS {
            for above in [false, true] {
                let mut out = in_order(&ArrayD::<T>::default(plan.output_shape()), order);
                let convert = |found: Between<T>| if above { found.above } else { found.below };
                plan.run(&field, &mut out, convert, Control::new()).unwrap();
                let mut several = out.view();
                if case.quantiles.len() == 1 {
                    several = several.insert_axis(Axis(0));
                }
                for (out, &q) in several.outer_iter().zip(&case.quantiles) {
                    for (lane, out) in field.lanes(Axis(axis)).into_iter().zip(&out) {
                        let pair = expected(lane.iter().copied(), q, case.method);
                        assert_eq!(out.key(), pair[usize::from(above)].key());
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn quantiles_of_an_array_are_those_of_its_sorted_elements(case in case()) {
        whole::<f16>(&case);
        whole::<f32>(&case);
        whole::<f64>(&case);
        whole::<i8>(&case);
        whole::<u16>(&case);
        whole::<i64>(&case);
        whole::<bool>(&case);
    }

    #[test]
    fn quantiles_along_an_axis_are_those_of_its_sorted_lanes(case in case()) {
        along::<f32>(&case);
        along::<i16>(&case);
        along::<u64>(&case);
    }
}

/// Checks a report and what a source has seen against a plan.
fn agrees<D: Dimension, S: Stored<D>>(plan: &Plan, report: &Report, source: &Counting<S, D>) {
    assert_eq!(report.passes.len(), plan.passes.len());
    assert_eq!(report.bytes_read(), plan.bytes_read());
    assert_eq!(report.bytes_written(), plan.bytes_written());
    assert_eq!(source.bytes(), (plan.bytes_read(), 0));
}

/// Runs with less memory than the array has, and counts how often it is read.
fn reads<T: Ordered>(len: usize, budget: u64, expected: u32) {
    let source = Counting::new(field::<T>(&[7, len / 7], Order::C, 3, 0));
    assert!((len * size_of::<T>()) as u64 > budget, "the array fits");
    let plan = quantile(&source, &[0.5]).unwrap().plan::<T>(resources(budget, 2)).unwrap();
    let mut last = None;
    let control = Control::new().on_progress(|progress| last = Some(progress));
    let (_, report) = plan.run(&source, control).unwrap();
    agrees(plan.plan(), &report, &source);
    assert_eq!(source.times(), (Some(expected), Some(0)), "{plan}");
    let last = last.unwrap();
    assert_eq!((last.bytes_done, last.bytes_total), (report.bytes_read(), report.bytes_read()));
}

#[test]
fn an_array_larger_than_memory_is_read_once_for_every_sixteen_to_22_bits() {
    reads::<u8>(7 << 18, 1 << 20, 1);
    reads::<bool>(7 << 18, 1 << 20, 1);
    reads::<i16>(7 << 18, 2 << 20, 1);
    reads::<f16>(7 << 18, 2 << 20, 1);
    reads::<f32>(7 << 17, 3 << 20, 2);
    reads::<u32>(7 << 17, 3 << 20, 2);
    // Tables of 2^16 counters for two ranks and two threads take 2 MiB.
    reads::<f64>(7 << 16, 3 << 20, 4);
    reads::<i64>(7 << 16, 1 << 20, 5);
}

#[test]
fn an_array_that_fits_is_read_once() {
    fn once<T: Ordered>() {
        for order in ORDERS {
            let source = Counting::new(field::<T>(&[40, 50, 3], order, 4, 0));
            let request = quantile(&source, &[0.1, 0.9]).unwrap();
            let plan = request.plan::<T>(Budget::new(64 << 20)).unwrap();
            let (_, report) = plan.run(&source, Control::new()).unwrap();
            agrees(plan.plan(), &report, &source);
            assert_eq!(source.times(), (Some(1), Some(0)));
        }
    }
    once::<f64>();
    once::<u32>();
    once::<i8>();
}

#[test]
fn a_large_array_of_64_bits_is_read_three_times() {
    // Planned only: 8 TiB.
    let layout = outcore_storage::Layout::new(IxDyn(&[1 << 20, 1 << 20]), Order::C, 8, 128);
    let layout = layout.unwrap();
    let request = quantile(&layout, &[0.5]).unwrap();
    let plan = request.plan::<f64>(resources(1 << 30, 2)).unwrap();
    assert_eq!(plan.plan().passes.len(), 3);
    assert_eq!(plan.plan().bytes_read(), 3 << 43);
    let text = plan.to_string();
    assert!(text.contains("bits 0..22") && text.contains("bits 43..64"), "{text}");
}

#[test]
fn lanes_are_read_once_and_quantiles_written_once() {
    for order in ORDERS {
        let field = field::<f32>(&[30, 41, 5], order, 5, 0);
        for axis in 0..3 {
            for quantiles in [&[0.5][..], &[0.1, 0.2, 0.9]] {
                let source = Counting::new(field.view());
                let request = quantile(&source, quantiles).unwrap();
                let least =
                    needed(|bytes| request.plan_along::<f32, f64>(axis, resources(bytes, 2)));
                for budget in [least, 2 * least, 1 << 24] {
                    let source = Counting::new(field.view());
                    let plan = request.plan_along::<f32, f64>(axis, resources(budget, 2)).unwrap();
                    let mut sink = Counting::new(ArrayD::<f64>::zeros(plan.output_shape()));
                    let convert = |found: Between<f32>| found.value().into();
                    let report = plan.run(&source, &mut sink, convert, Control::new()).unwrap();
                    agrees(plan.plan(), &report, &source);
                    assert_eq!((source.times().0, sink.times().1), (Some(1), Some(1)));
                    assert_eq!(sink.bytes(), (0, plan.plan().bytes_written()));
                    assert_eq!(plan.plan().output_bytes, plan.plan().bytes_written());
                }
            }
        }
    }
}

#[test]
fn a_nan_ends_the_run_with_the_first_pass() {
    let mut field = field::<f32>(&[7, 1 << 17], Order::C, 6, 2);
    field[[3, 1000]] = -f32::NAN;
    let source = Counting::new(field);
    let plan = quantile(&source, &[0.5]).unwrap().plan::<f32>(resources(3 << 20, 2)).unwrap();
    let (found, report) = plan.run(&source, Control::new()).unwrap();
    assert!(found.iter().all(|found| found.value().is_nan() && found.below.is_nan()));
    assert_eq!((plan.plan().passes.len(), report.passes.len()), (2, 1));
    assert_eq!(report.bytes_read() * 2, plan.plan().bytes_read());
}

#[test]
fn results_have_the_same_bits_by_every_plan() {
    let quantiles = [0.0, 0.123, 0.5, 0.77, 1.0];
    let (mut results, mut passes) = (BTreeSet::new(), BTreeSet::new());
    for order in ORDERS {
        let field = field::<f64>(&[300, 1001], order, 7, 0);
        for budget in [300 << 10, 1 << 20, 2 << 20, 5 << 20, 1 << 30] {
            for threads in [1, 3] {
                let request = quantile(&field, &quantiles).unwrap();
                let plan = request.plan::<f64>(resources(budget, threads)).unwrap();
                passes.insert((plan.plan().passes.len(), plan.plan().passes[0].tiles));
                let (found, _) = plan.run(&field, Control::new()).unwrap();
                let bits = |found: &Between<f64>| found.value().to_bits();
                results.insert(found.iter().map(bits).collect::<Vec<_>>());
            }
        }
    }
    // The two orders hold the same numbers at other places.
    assert_eq!(results.len(), 1);
    assert!(passes.len() > 4, "the plans are too much alike: {passes:?}");
}

fn sentence(error: &Error, names: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n') && names.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn what_cannot_be_answered_is_refused_in_a_sentence() {
    let field = field::<f32>(&[3, 0, 2], Order::C, 1, 0);
    for wrong in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        let error = quantile(&field, &[0.5, wrong]).unwrap_err();
        sentence(&error, &["from 0 to 1", &wrong.to_string()]);
    }
    sentence(&quantile(&field, &[]).unwrap_err(), &["no quantiles"]);
    let request = quantile(&field, &[0.5]).unwrap();
    sentence(
        &request.plan::<f32>(Budget::new(1 << 20)).unwrap_err(),
        &["[3, 0, 2]", "no elements"],
    );
    let along = |axis| request.plan_along::<f32, f32>(axis, Budget::new(1 << 20));
    sentence(&along(1).unwrap_err(), &["[3, 0, 2]", "axis 1", "length 0"]);
    sentence(&along(3).unwrap_err(), &["[3, 0, 2]", "axis 3", "3 axes"]);
    // Lanes there are none of.
    let plan = along(0).unwrap();
    let mut out = ArrayD::<f32>::zeros(plan.output_shape());
    assert_eq!(out.shape(), [0, 2]);
    plan.run(&field, &mut out, |found| found.below, Control::new()).unwrap();
}

/// Two lanes that are too long for three tiles, and together longer than tiles are otherwise.
#[test]
fn the_budget_that_a_refusal_names_is_enough_for_few_long_lanes() {
    let layout = outcore_storage::Layout::new(ndarray::Ix2(2, 4_456_448), Order::C, 4, 0).unwrap();
    let request = quantile(&layout, &[0.5]).unwrap();
    let along = |bytes| request.plan_along::<f32, f32>(1, resources(bytes, 1));
    let least = needed(along);
    assert_eq!(along(least).unwrap().plan().passes[0].tiles, 1);
    assert!(along(least - 1).is_err());
}

#[test]
fn arrays_of_another_shape_are_refused() {
    let field = Array1::<f32>::zeros(6);
    let request = quantile(&field, &[0.5]).unwrap();
    let plan = request.plan::<f32>(Budget::new(1 << 20)).unwrap();
    let other = Array1::<f32>::zeros(7);
    sentence(&plan.run(&other, Control::new()).unwrap_err(), &["[7]", "[6]"]);
    let plan = request.plan_along::<f32, f32>(0, Budget::new(1 << 20)).unwrap();
    let mut out = Array::zeros(());
    let convert = |found: Between<f32>| found.below;
    sentence(&plan.run(&other, &mut out, convert, Control::new()).unwrap_err(), &["[7]", "[6]"]);
    let mut wrong = Array1::zeros(2);
    let error = plan.run(&field, &mut wrong, convert, Control::new()).unwrap_err();
    sentence(&error, &["[2]", "[]"]);
}

/// Writes an array as a file for NumPy.
fn save<T: Element>(path: &Path, array: &ArrayD<T>) {
    let mut file: FileArrayMut<T, IxDyn> = FileArrayMut::create(path, array.raw_dim()).unwrap();
    file.write_window(Window::whole(array.raw_dim()), array).unwrap();
    file.close().unwrap();
}

/// The quantiles of a file, all of them or along an axis, as elements of another type.
fn quantiles_of<T: Ordered, B: Element>(
    input: &Path,
    (file, method, axis): (&numpy::File, Method, Option<usize>),
    quantiles: &[f64],
    convert: impl Fn(Between<T>) -> B + Sync,
) -> ArrayD<B> {
    let source: FileArray<T, IxDyn> = FileArray::open(input).unwrap();
    let request = quantile(&source, quantiles).unwrap().method(method);
    let Some(axis) = axis else {
        let least = needed(|bytes| request.plan::<T>(resources(bytes, file.threads)));
        let budget = if file.roomy { 1 << 30 } else { least };
        let plan = request.plan::<T>(resources(budget, file.threads)).unwrap();
        let (found, _) = plan.run(&source, Control::new()).unwrap();
        return found.into_iter().map(convert).collect::<Array1<B>>().into_dyn();
    };
    let least = needed(|bytes| request.plan_along::<T, B>(axis, resources(bytes, file.threads)));
    let budget = if file.roomy { 1 << 30 } else { least };
    let plan = request.plan_along::<T, B>(axis, resources(budget, file.threads)).unwrap();
    let mut out = ArrayD::<B>::default(plan.output_shape());
    plan.run(&source, &mut out, convert, Control::new()).unwrap();
    out
}

#[test]
fn quantiles_of_numpys_files_are_numpys() {
    let test = "quantiles_of_numpys_files_are_numpys";
    let Some(mut python) = numpy::start("numpy_cases.py", test) else { return };
    let folder = crate::support::folder().unwrap();
    let kinds = vec!["normal", "wide", "few", "same", "nan", "infinite"];
    let q = prop_oneof![Just(0.0), Just(1.0), Just(0.5), Just(0.25), 0.0..=1.0];
    let strategy = (
        numpy::File::any(kinds),
        prop::sample::select(&METHODS[..]),
        prop::collection::vec(q, 1..4),
        prop::option::of(any::<prop::sample::Index>()),
    );
    for (number, case) in numpy::cases(400, strategy).into_iter().enumerate() {
        let (file, method, quantiles, axis) = &case;
        let path = |side: &str| folder.path().join(format!("{side}-{number}.npy"));
        let (input, output) = (path("in"), path("out"));
        file.make(&mut python, &input, number);
        let count = file.shape.len();
        let axis = axis.filter(|_| count > 0).map(|index| index.index(count));
        let how = (file, *method, axis);
        with_real!(file.dtype, T => if method.is_element() {
            save(&output, &quantiles_of(&input, how, quantiles, |found: Between<T>| found.below));
        } else {
            save(&output, &quantiles_of(&input, how, quantiles, |found: Between<T>| found.value()));
        });
        let axis = axis.map_or("all".to_owned(), |axis| axis.to_string());
        let method = format!("{method:?}").to_lowercase();
        let quantiles: Vec<_> = quantiles.iter().map(|q| format!("{q:?}")).collect();
        let (input, output, quantiles) = (input.display(), output.display(), quantiles.join(" "));
        let answer = python.ask(&format!("quantile {input} {output} {method} {axis} {quantiles}"));
        assert_eq!(answer, "same", "{case:?}");
    }
    python.finish();
}
