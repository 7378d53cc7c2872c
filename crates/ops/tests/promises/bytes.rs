//! The bytes that a plan predicts are those that sources and sinks see, exactly; so are those of the
//! report and of the last progress.

use crate::support::watch::Counting;
use crate::support::{
    LONG, LONG_REALS, ORDERS, folder, in_order, integers, needed, noisy, noisy_reals, random,
    resources, tightest,
};
use ndarray::{Array2, Array3, ArrayD, Dimension, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Fft, Mode, Plan, Progress, Report, Resources, SinkExt, ToComplex,
    Trigonometric, dct, dft2_bins, fft, fft2, fftconvolve, fftcorrelate, fftn, ifft2, ifftn, irfft,
    irfftn, lazy, map_tiles, power_spectrum, radial_spectrum, rfft, rfftn, spectral_filter,
    thumbnail,
};
use outcore_storage::{Element, FileArrayMut, Order, Source};
use std::collections::BTreeSet;
use std::fmt::Debug;

type C32 = Complex<f32>;

const SHAPE: (usize, usize) = (150, 230);
const BYTES: u64 = 150 * 230 * 8;

/// Plans of one pass and of two, in both orders.
fn with_plans(each: impl Fn(Order, u64, usize)) {
    for order in ORDERS {
        let field = random::<f32>(SHAPE, order, 1);
        let two = tightest::<f32>(&fft2(&field), 2);
        assert_eq!(two.plan().passes.len(), 2);
        each(order, two.plan().resources.memory.bytes(), 2);
        each(order, 1 << 30, 1);
    }
}

/// Checks a report and the last progress against a plan.
fn agrees(plan: &Plan, report: &Report, last: Option<Progress>) {
    let (read, written) = (plan.bytes_read(), plan.bytes_written());
    assert_eq!((report.bytes_read(), report.bytes_written()), (read, written));
    assert_eq!(report.passes.len(), plan.passes.len());
    for (done, planned) in report.passes.iter().zip(&plan.passes) {
        assert_eq!(done.bytes_read, planned.bytes_read);
        assert_eq!(done.bytes_written, planned.bytes_written);
    }
    let last = last.expect("progress is reported");
    assert_eq!((last.bytes_done, last.bytes_total), (read + written, read + written));
    assert_eq!((last.pass + 1, last.passes), (plan.passes.len(), plan.passes.len()));
}

#[test]
fn a_transform_reads_and_writes_the_array_once_in_each_pass() {
    with_plans(|order, budget, passes| {
        let source = Counting::new(random::<f32>(SHAPE, order, 1));
        let mut sink = Counting::new(Array2::<C32>::zeros(SHAPE));
        let plan = fft2(&source).plan::<f32>(resources(budget, 2)).unwrap();
        assert_eq!(plan.plan().passes.len(), passes);
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let report = plan.run(&source, &mut sink, control).unwrap();
        agrees(plan.plan(), &report, last);
        let times = u32::try_from(passes).unwrap();
        assert_eq!(source.times(), (Some(1), Some(0)));
        assert_eq!(sink.times(), (Some(times - 1), Some(times)));
        let (read, written) = (BYTES * passes as u64, BYTES * passes as u64);
        assert_eq!((source.bytes(), sink.bytes().1), ((BYTES, 0), written));
        assert_eq!(source.bytes().0 + sink.bytes().0, plan.plan().bytes_read());
        assert_eq!((read, written), (plan.plan().bytes_read(), plan.plan().bytes_written()));
        assert_eq!(plan.plan().output_bytes, BYTES);
        assert_eq!(plan.plan().scratch_bytes, 0);
    });
}

/// The largest budget that takes two passes.
fn largest_of_two(request: &Fft<'_, Ix2>) -> u64 {
    let passes =
        |bytes| request.plan::<f32>(resources(bytes, 1)).map_or(2, |plan| plan.plan().passes.len());
    let (mut two, mut one) = (0, 1 << 30);
    while one - two > 1 {
        let middle = two + (one - two) / 2;
        if passes(middle) == 2 { two = middle } else { one = middle }
    }
    two
}

#[test]
fn rows_that_stay_in_memory_are_neither_written_nor_read_between_the_passes() {
    // Rows so long that the runs of half of one are long: else the budget is better spent on those.
    for (order, shape) in [(Order::C, (40, 16_000)), (Order::F, (16_000, 40))] {
        const BYTES: u64 = 40 * 16_000 * 8;
        let source = Counting::new(random::<f32>(shape, order, 7));
        let request = fft2(&source);
        let mut kept = 0;
        let (smallest, largest) =
            (needed(|bytes| request.plan::<f32>(resources(bytes, 1))), largest_of_two(&request));
        for step in 0..=8 {
            let budget = smallest + (largest - smallest) * step / 8;
            let plan = request.plan::<f32>(resources(budget, 1)).unwrap();
            let bytes = plan.plan().kept_bytes;
            assert!(bytes <= budget && plan.plan().memory() <= budget);
            let source = Counting::new(&source.inner);
            let mut sink = Counting::new(in_order(&Array2::<C32>::zeros(shape), order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report = plan.run(&source, &mut sink, control).unwrap();
            agrees(plan.plan(), &report, last);
            assert_eq!(source.bytes(), (BYTES, 0));
            assert_eq!(sink.bytes(), (BYTES - bytes, 2 * BYTES - bytes));
            kept = kept.max(bytes);
        }
        assert!(kept > BYTES / 10, "{kept} bytes are kept at most, so this shows nothing");
    }
}

#[test]
fn a_transform_in_place_moves_the_same_bytes() {
    with_plans(|order, budget, passes| {
        let mut array = Counting::new(random::<f32>(SHAPE, order, 2));
        let plan = ifft2(&array).in_place().plan::<f32>(resources(budget, 1)).unwrap();
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let report = plan.run_in_place(&mut array, control).unwrap();
        agrees(plan.plan(), &report, last);
        let times = u32::try_from(plan.plan().passes.len()).unwrap();
        assert_eq!((times as usize, array.times()), (passes, (Some(times), Some(times))));
        assert_eq!(array.bytes(), (plan.plan().bytes_read(), plan.plan().bytes_written()));
    });
}

#[test]
fn real_input_is_read_as_it_lies_in_its_file() {
    with_plans(|order, budget, passes| {
        let field = random::<f32>(SHAPE, order, 3).map(|x| x.re);
        let counted = Counting::new(crate::support::in_order(&field, order));
        let source = lazy(&counted).map(f32::to_complex);
        let mut sink = Counting::new(Array2::<C32>::zeros(SHAPE));
        let plan = fft2(&source).plan::<f32>(resources(budget, 2)).unwrap();
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let report = plan.run(&source, &mut sink, control).unwrap();
        assert_eq!(plan.plan().passes.len(), passes);
        agrees(plan.plan(), &report, last);
        assert_eq!(counted.bytes(), (BYTES / 2, 0));
        assert_eq!(counted.times(), (Some(1), Some(0)));
        assert_eq!(sink.bytes().0 + BYTES / 2, plan.plan().bytes_read());
        assert_eq!(sink.bytes().1, plan.plan().bytes_written());
    });
}

#[test]
fn the_real_part_goes_through_scratch_once_and_is_written_once() {
    with_plans(|order, budget, passes| {
        let source = Counting::new(random::<f32>(SHAPE, order, 4));
        let mut scratch = Counting::new(Array2::<C32>::zeros(SHAPE));
        let mut out = Counting::new(Array2::<f32>::zeros(SHAPE));
        let plan = fft2(&source).real_part().plan::<f32>(resources(budget, 2)).unwrap();
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let mut sink = out.map_sink(|x: C32| x.re);
        let report = plan.run_through(&source, &mut scratch, &mut sink, control).unwrap();
        agrees(plan.plan(), &report, last);
        let between = BYTES * (passes as u64 - 1);
        assert_eq!(plan.plan().passes.len(), passes);
        assert_eq!(source.bytes(), (BYTES, 0));
        assert_eq!(scratch.bytes(), (between, between));
        assert_eq!(out.bytes(), (0, BYTES / 2));
        assert_eq!(out.times(), (Some(0), Some(1)));
        assert_eq!(plan.plan().bytes_written(), between + BYTES / 2);
        assert_eq!((plan.plan().output_bytes, plan.plan().scratch_bytes), (BYTES / 2, between));
    });
}

#[test]
fn a_file_sees_the_bytes_of_the_plan() {
    let folder = folder().unwrap();
    // Several megabytes, so that tiles are copied in pieces.
    let shape = (1800, 1024);
    for (number, order) in ORDERS.into_iter().enumerate() {
        let options = outcore_storage::Options::new().order(order);
        let path = folder.path().join(format!("{number}.npy"));
        let mut file: FileArrayMut<C32, Ix2> = options.create(path, shape).unwrap();
        let whole = outcore_storage::Window::from([0..shape.0, 0..shape.1]);
        file.write_window(whole, &random::<f32>(shape, order, 5)).unwrap();
        let mut file = Counting::new(file);
        let plan = fft2(&file).in_place().plan::<f32>(resources(4 << 20, 2)).unwrap();
        // What is kept in memory between the passes is not read twice.
        assert_eq!((plan.plan().passes.len(), plan.plan().kept_bytes), (2, 0));
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let report = plan.run_in_place(&mut file, control).unwrap();
        agrees(plan.plan(), &report, last);
        assert_eq!(file.bytes(), (plan.plan().bytes_read(), plan.plan().bytes_written()));
        assert_eq!(file.times(), (Some(2), Some(2)));
    }
}

#[test]
fn tiles_are_read_once_and_written_once_with_another_type() {
    for order in ORDERS {
        let field = random::<f64>(SHAPE, order, 6).map(|x| x.re);
        let source = Counting::new(crate::support::in_order(&field, order));
        let mut sink = Counting::new(Array2::<u8>::zeros(SHAPE));
        for budget in [64 << 10, 1 << 20] {
            let (before, written) = (source.bytes().0, sink.bytes().1);
            let plan = map_tiles(&source, (7, 11)).plan::<f64, u8>(resources(budget, 2)).unwrap();
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report =
                plan.run(&source, &mut sink, |_, _, mut out| out.fill(1), control).unwrap();
            agrees(plan.plan(), &report, last);
            assert_eq!(source.bytes().0 - before, plan.plan().bytes_read());
            assert_eq!(sink.bytes().1 - written, plan.plan().bytes_written());
        }
        assert_eq!((source.times(), sink.times()), ((Some(2), Some(0)), (Some(0), Some(2))));
        assert_eq!(source.bytes().0, 2 * BYTES);
        assert_eq!(sink.bytes().1, 2 * BYTES / 8);
    }
}

#[test]
fn tiles_in_place_are_read_once_and_written_once() {
    let mut array = Counting::new(Array3::<i16>::zeros((9, 20, 31)));
    let plan = map_tiles(&array, (2, 3, 5)).plan_in_place::<i16>(Budget::new(20_000)).unwrap();
    assert!(plan.plan().passes[0].tiles > 1);
    let mut last = None;
    let control = Control::new().on_progress(|progress| last = Some(progress));
    let report = plan.run_in_place(&mut array, |_, mut tile| tile += 1, control).unwrap();
    agrees(plan.plan(), &report, last);
    assert_eq!(array.times(), (Some(1), Some(1)));
    assert_eq!(array.bytes(), (9 * 20 * 31 * 2, 9 * 20 * 31 * 2));
}

/// A response that is different at all frequencies.
fn response(f: &[f64]) -> C32 {
    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    Complex::from((f[0] + 2.0 * f[1]).cos() as f32)
}

#[test]
fn a_filter_reads_and_writes_the_array_once_in_each_of_three_passes() {
    for order in ORDERS {
        let field = random::<f32>(SHAPE, order, 9);
        let smallest =
            needed(|bytes| spectral_filter(&field, response).plan::<C32>(resources(bytes, 2)));
        for (budget, passes) in [(smallest, 3), (1 << 30, 1)] {
            let source = Counting::new(&field);
            let mut sink = Counting::new(in_order(&Array2::<C32>::zeros(SHAPE), order));
            let plan =
                spectral_filter(&source, response).plan::<C32>(resources(budget, 2)).unwrap();
            assert_eq!((plan.plan().passes.len(), plan.plan().scratch_bytes), (passes, 0));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report = plan.run(&source, &mut sink, control).unwrap();
            agrees(plan.plan(), &report, last);
            let times = u32::try_from(passes).unwrap();
            assert_eq!((source.times(), source.bytes()), ((Some(1), Some(0)), (BYTES, 0)));
            assert_eq!(sink.times(), (Some(times - 1), Some(times)));
            let (read, written) = (plan.plan().bytes_read(), plan.plan().bytes_written());
            assert_eq!((read, written), (BYTES * passes as u64, BYTES * passes as u64));
        }
    }
}

#[test]
fn a_filter_of_real_numbers_moves_half_of_that() {
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 10).map(|x| x.re), order);
        let smallest =
            needed(|bytes| spectral_filter(&field, response).plan::<f32>(resources(bytes, 2)));
        for (budget, passes) in [(smallest, 3), (1 << 30, 1)] {
            let source = Counting::new(&field);
            let plan =
                spectral_filter(&source, response).plan::<f32>(resources(budget, 2)).unwrap();
            let half = if order == Order::C { (150, 116) } else { (76, 230) };
            let between = if passes == 3 { half } else { (0, 0) };
            assert_eq!(plan.scratch_shape().into_pattern(), between);
            let mut scratch = Counting::new(in_order(&Array2::<C32>::zeros(half), order));
            let mut sink = Counting::new(in_order(&Array2::<f32>::zeros(SHAPE), order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report = plan.run_through(&source, &mut scratch, &mut sink, control).unwrap();
            agrees(plan.plan(), &report, last);
            assert_eq!(plan.plan().passes.len(), passes);
            let between = if passes == 3 { 2 * (half.0 * half.1 * 8) as u64 } else { 0 };
            assert_eq!(plan.plan().scratch_bytes, between / 2);
            assert_eq!((source.bytes(), sink.bytes()), ((BYTES / 2, 0), (0, BYTES / 2)));
            assert_eq!(scratch.bytes(), (between, between));
        }
    }
}

#[test]
fn rows_of_a_filter_that_stay_in_memory_are_neither_written_nor_read_between_the_passes() {
    const SHAPE: (usize, usize) = (40, 16_000);
    const BYTES: u64 = 40 * 16_000 * 8;
    let source = random::<f32>(SHAPE, Order::C, 11);
    let plan = |bytes| spectral_filter(&source, response).plan::<C32>(resources(bytes, 1));
    let smallest = needed(plan);
    let mut kept = 0;
    for budget in (0..30).map(|step| smallest + step * BYTES / 15) {
        let plan = plan(budget).unwrap();
        let bytes = plan.plan().kept_bytes;
        kept = kept.max(bytes);
        let mut sink = Counting::new(Array2::<C32>::zeros(SHAPE));
        let mut last = None;
        let control = Control::new().on_progress(|progress| last = Some(progress));
        let report = plan.run(&source, &mut sink, control).unwrap();
        agrees(plan.plan(), &report, last);
        let between = if plan.plan().passes.len() == 1 { 0 } else { 2 * (BYTES - bytes) };
        assert_eq!(sink.bytes(), (between, BYTES + between));
    }
    assert!(kept > BYTES / 10, "{kept} bytes are kept at most, so this shows nothing");
}

#[test]
fn a_convolution_neither_reads_nor_stores_what_is_padding() {
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 12).map(|x| x.re), order);
        let kernel = random::<f32>((20, 33), order, 13).map(|x| x.re);
        for (correlate, mode) in [(false, Mode::Full), (true, Mode::Same), (false, Mode::Valid)] {
            let (source, kernel) = (Counting::new(&field), Counting::new(&kernel));
            let request = if correlate {
                fftcorrelate(&source, &kernel)
            } else {
                fftconvolve(&source, &kernel)
            };
            let request = request.mode(mode);
            let smallest = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
            for (budget, passes) in [(smallest, 4), (1 << 30, 2)] {
                let before = (source.bytes().0, kernel.bytes().0);
                let plan = request.plan::<f32>(resources(budget, 2)).unwrap();
                assert_eq!(plan.plan().passes.len(), passes);
                let shape = plan.output_shape();
                let mut sink = Counting::new(in_order(&Array2::<f32>::zeros(shape), order));
                let scratch = in_order(&Array2::<C32>::zeros(plan.scratch_shape()), order);
                let mut scratch = Counting::new(scratch);
                let mut last = None;
                let control = Control::new().on_progress(|progress| last = Some(progress));
                let report = plan.run(&source, &kernel, &mut scratch, &mut sink, control).unwrap();
                agrees(plan.plan(), &report, last);
                let of_kernel = kernel.bytes().0 - before.1;
                assert_eq!((source.bytes().0 - before.0, of_kernel), (BYTES / 2, 20 * 33 * 4));
                let written = (shape[0] * shape[1] * 4) as u64;
                assert_eq!((sink.bytes(), sink.times()), ((0, written), (Some(0), Some(1))));
                let moved = scratch.bytes();
                assert_eq!(moved.0 + BYTES / 2 + of_kernel, plan.plan().bytes_read());
                assert_eq!(moved.1 + written, plan.plan().bytes_written());
                // The tightest plan has a row in each tile: no row of zeros is stored.
                if passes == 4 {
                    let row = scratch.inner.shape()[usize::from(order == Order::C)] * 8;
                    let slow = usize::from(order == Order::F);
                    let rows = [SHAPE.0, SHAPE.1][slow] + [20, 33][slow] + shape[slow];
                    assert_eq!(moved.1, (rows * row) as u64);
                }
            }
        }
    }
}

#[test]
fn a_convolution_by_blocks_writes_once_and_reads_overlaps_as_often_as_the_plan_says() {
    const SHAPE: (usize, usize) = (300, 400);
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 15).map(|x| x.re), order);
        let kernel = random::<f32>((5, 8), order, 16).map(|x| x.re);
        let request = fftconvolve(&field, &kernel).mode(Mode::Same);
        let smallest = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
        for budget in [smallest, smallest + (200 << 10), 1 << 30] {
            let (source, kernel) = (Counting::new(&field), Counting::new(&kernel));
            let plan = request.plan::<f32>(resources(budget, 2)).unwrap();
            assert_eq!(plan.plan().passes[1].name, "blocks");
            let mut sink = Counting::new(in_order(&Array2::<f32>::zeros(SHAPE), order));
            let (mut scratch, mut last) = (Array2::<C32>::zeros((0, 0)), None);
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report = plan.run(&source, &kernel, &mut scratch, &mut sink, control).unwrap();
            agrees(plan.plan(), &report, last);
            let planned = plan.plan().passes[1].bytes_read;
            assert_eq!((kernel.bytes().0, source.bytes().0), (160, planned));
            let bytes = 300 * 400 * 4;
            assert_eq!((sink.bytes(), sink.times()), ((0, bytes), (Some(0), Some(1))));
            let read = source.bytes().0;
            assert!(read >= bytes && read < 2 * bytes, "{read} of {bytes}");
            assert!(budget < 1 << 30 || read == bytes, "{read} of {bytes}");
        }
    }
}

#[test]
fn spectra_read_the_array_once_and_write_nothing_or_the_power() {
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 14).map(|x| x.re), order);
        let smallest = needed(|bytes| power_spectrum(&field).plan::<f32>(resources(bytes, 2)));
        for (budget, passes) in [(smallest, 2), (1 << 30, 1)] {
            let source = Counting::new(&field);
            let plan = power_spectrum(&source).plan::<f32>(resources(budget, 2)).unwrap();
            assert_eq!(plan.plan().passes.len(), passes);
            let mut scratch = Counting::new(Array2::<C32>::zeros(SHAPE));
            let mut sink = Counting::new(in_order(&Array2::<f32>::zeros(SHAPE), order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let report = plan.run(&source, &mut scratch, &mut sink, control).unwrap();
            agrees(plan.plan(), &report, last);
            let between = BYTES * (passes as u64 - 1);
            assert_eq!(scratch.bytes(), (between, between));
            assert_eq!((source.bytes(), sink.bytes()), ((BYTES / 2, 0), (0, BYTES / 2)));
        }
        let smallest = needed(|bytes| radial_spectrum(&field).plan::<f32>(resources(bytes, 2)));
        for (budget, passes) in [(smallest, 2), (1 << 30, 1)] {
            let source = Counting::new(&field);
            let plan = radial_spectrum(&source).plan::<f32>(resources(budget, 2)).unwrap();
            assert_eq!(plan.plan().passes.len(), passes);
            let shape = plan.scratch_shape();
            let mut scratch = Counting::new(Array2::<C32>::zeros(shape));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let (_, report) = plan.run(&source, &mut scratch, control).unwrap();
            agrees(plan.plan(), &report, last);
            let between = (shape[0] * shape[1] * 8) as u64 * (passes as u64 - 1);
            assert_eq!((source.bytes(), scratch.bytes()), ((BYTES / 2, 0), (between, between)));
            assert_eq!(plan.plan().scratch_bytes, between);
        }
    }
}

#[test]
fn pictures_and_single_frequencies_read_the_array_once() {
    for order in ORDERS {
        let field = random::<f32>(SHAPE, order, 7).map(|x| x.re);
        let bytes = BYTES / 2;
        for budget in [64 << 10, 1 << 20] {
            let source = Counting::new(crate::support::in_order(&field, order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let picture = thumbnail(&source, (10, 10)).plan::<f32>(Budget::new(budget)).unwrap();
            let (_, report) = picture.run(&source, f64::from, control).unwrap();
            assert_eq!((source.bytes(), source.times().0), ((bytes, 0), Some(1)));
            agrees(picture.plan(), &report, last);
            let source = Counting::new(crate::support::in_order(&field, order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let wide = |x: f32| Complex::new(f64::from(x), 0.0);
            let bins = [[0, 0], [3, 7], [149, 229]];
            dft2_bins(&source, &bins, wide, Budget::new(budget), control).unwrap();
            assert_eq!((source.bytes(), source.times().0), ((bytes, 0), Some(1)));
            assert_eq!(last.unwrap().bytes_done, bytes);
        }
    }
}

#[test]
fn progress_never_falls_and_names_every_pass() {
    let field = random::<f32>(SHAPE, Order::C, 8);
    let mut spectrum = field.clone();
    let plan = tightest::<f32>(&fft2(&field), 2);
    let mut seen = Vec::new();
    let control = Control::new().on_progress(|progress| seen.push(progress));
    plan.run(&field, &mut spectrum, control).unwrap();
    assert!(seen.is_sorted_by_key(|progress| progress.bytes_done));
    assert!(seen.is_sorted_by_key(|progress| progress.pass));
    let tiles: usize = plan.plan().passes.iter().map(|pass| pass.tiles).sum();
    assert_eq!(seen.len(), 2 * tiles, "one report for each tile read and each written");
    assert_eq!((seen[0].pass, seen.last().unwrap().pass), (0, 1));
}

/// Plans within budgets from the smallest on.
fn plans<P: Debug>(plan: impl Fn(Resources) -> outcore_ops::Result<P>) -> Vec<P> {
    let least = needed(|bytes| plan(resources(bytes, 2)));
    let budgets = [least, least * 5 / 4, least * 3 / 2, 2 * least, 1 << 26];
    budgets.map(|budget| plan(resources(budget, 2)).unwrap()).into()
}

/// Runs a plan, and checks its report and its progress.
fn run(plan: &Plan, run: impl FnOnce(Control<'_>) -> outcore_ops::Result<Report>) {
    let mut last = None;
    let report = run(Control::new().on_progress(|progress| last = Some(progress))).unwrap();
    agrees(plan, &report, last);
}

fn zeros<T: Element>(shape: &[usize], order: Order) -> Counting<ArrayD<T>, IxDyn> {
    Counting::new(in_order(&ArrayD::from_elem(IxDyn(shape), T::default()), order))
}

/// Shapes and axes: columns and rows, several matrices, axis by axis, a single axis, axes of length 1.
const AXES: [(&[usize], &[usize]); 8] = [
    (&[6, 10, 12], &[0, 1, 2]),
    (&[6, 30, 40], &[2, 1, 0]),
    (&[4, 15, 16], &[1, 2]),
    (&[5, 12, 7], &[0]),
    (&[5, 12, 7], &[2]),
    (&[8, 3, 9], &[2, 0]),
    (&[40, 1, 31], &[0, 1, 2]),
    (&[31, 1, 2, 1], &[1, 3, 0]),
];

#[test]
fn transforms_along_any_axes_move_the_bytes_of_their_plans() {
    let mut passes = BTreeSet::new();
    for (order, (shape, axes)) in ORDERS.into_iter().flat_map(|order| AXES.map(|of| (order, of))) {
        let field = noisy::<f32>(shape, order, 10);
        for plan in plans(|resources| fftn(&field, axes).plan::<f32>(resources)) {
            passes.insert(plan.plan().passes.len());
            let (source, mut sink) = (Counting::new(&field), zeros::<C32>(shape, order));
            run(plan.plan(), |control| plan.run(&source, &mut sink, control));
            assert_eq!(source.times(), (Some(1), Some(0)));
            let moved = (source.bytes().0 + sink.bytes().0, sink.bytes().1);
            assert_eq!(moved, (plan.plan().bytes_read(), plan.plan().bytes_written()), "{plan}");
        }
        for plan in plans(|resources| ifftn(&field, axes).in_place().plan::<f32>(resources)) {
            let mut array = Counting::new(field.clone());
            run(plan.plan(), |control| plan.run_in_place(&mut array, control));
            let planned = (plan.plan().bytes_read(), plan.plan().bytes_written());
            assert_eq!(array.bytes(), planned, "{plan}");
        }
        for plan in plans(|resources| fftn(&field, axes).real_part().plan::<f32>(resources)) {
            let (source, mut scratch) = (Counting::new(&field), zeros::<C32>(shape, order));
            let mut out = zeros::<f32>(shape, order);
            let mut sink = out.map_sink(|x: C32| x.re);
            run(plan.plan(), |control| plan.run_through(&source, &mut scratch, &mut sink, control));
            assert_eq!(out.times(), (Some(0), Some(1)));
            let moved = (source.bytes().0 + scratch.bytes().0, scratch.bytes().1 + out.bytes().1);
            assert_eq!(moved, (plan.plan().bytes_read(), plan.plan().bytes_written()), "{plan}");
            assert!(scratch.bytes().1 == 0 || plan.plan().scratch_bytes > 0);
        }
    }
    assert_eq!(passes, BTreeSet::from([1, 2, 3]));
}

#[test]
fn transforms_of_real_numbers_move_the_bytes_of_their_plans() {
    let (mut forward, mut inverse) = (BTreeSet::new(), BTreeSet::new());
    for (order, (shape, axes)) in ORDERS.into_iter().flat_map(|order| AXES.map(|of| (order, of))) {
        let last = *axes.last().unwrap();
        let mut half = shape.to_vec();
        half[last] = shape[last] / 2 + 1;
        let field = noisy_reals::<f32>(shape, order, 11);
        for plan in plans(|resources| rfftn(&field, axes).plan::<f32>(resources)) {
            forward.insert(plan.plan().passes.len());
            let (source, mut sink) = (Counting::new(&field), zeros::<C32>(&half, order));
            run(plan.plan(), |control| plan.run(&source, &mut sink, control));
            assert_eq!(source.times(), (Some(1), Some(0)));
            let moved = (source.bytes().0 + sink.bytes().0, sink.bytes().1);
            assert_eq!(moved, (plan.plan().bytes_read(), plan.plan().bytes_written()), "{plan}");
            assert_eq!(plan.plan().output_bytes, sink.inner.len() as u64 * 8);
        }
        let spectrum = noisy::<f32>(&half, order, 12);
        let request = || irfftn(&spectrum, axes, shape[last]);
        for plan in plans(|resources| request().plan::<f32>(resources)) {
            inverse.insert(plan.plan().passes.len());
            let (source, mut sink) = (Counting::new(&spectrum), zeros::<f32>(shape, order));
            let mut scratch = zeros::<C32>(&half, order);
            run(plan.plan(), |control| plan.run_through(&source, &mut scratch, &mut sink, control));
            assert_eq!((source.times().0, sink.times()), (Some(1), (Some(0), Some(1))));
            let read = source.bytes().0 + scratch.bytes().0;
            let written = scratch.bytes().1 + sink.bytes().1;
            let planned = (plan.plan().bytes_read(), plan.plan().bytes_written());
            assert_eq!((read, written), planned, "{plan}");
            assert!(scratch.bytes().1 == 0 || plan.plan().scratch_bytes > 0);
        }
    }
    assert_eq!((forward, inverse), (BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 3])));
}

#[test]
fn cosine_transforms_move_the_bytes_of_their_plans() {
    for (order, axis) in ORDERS.into_iter().flat_map(|order| [0, 1, 2].map(|axis| (order, axis))) {
        let shape = [13, 10, 12];
        let field = noisy_reals::<f64>(&shape, order, 13);
        let request = dct(&field, axis, Trigonometric::Dst1);
        for plan in plans(|resources| request.plan::<f64>(resources)) {
            let (source, mut sink) = (Counting::new(&field), zeros::<f64>(&shape, order));
            run(plan.plan(), |control| plan.run(&source, &mut sink, control));
            assert_eq!((source.times(), sink.times()), ((Some(1), Some(0)), (Some(0), Some(1))));
            assert_eq!(source.bytes().0, plan.plan().bytes_read());
        }
    }
}

/// What is read in the end.
type Counted<'a> = &'a Counting<&'a ArrayD<i16>, IxDyn>;

#[test]
fn what_a_lazy_source_leaves_out_is_not_counted() {
    let (base, shape) = ([8, 11, 13], [10, 12, 9]);
    for (order, axes) in ORDERS
        .into_iter()
        .flat_map(|order| [vec![0, 1, 2], vec![2, 0], vec![1]].map(|of| (order, of)))
    {
        let field = integers(&base, order, 14, 1000).map(|&x| i16::try_from(x).unwrap());
        let field = in_order(&field, order);
        let last = *axes.last().unwrap();
        let with_source = |then: &mut dyn FnMut(Counted<'_>, &dyn Source<C32, IxDyn>)| {
            let counted = Counting::new(&field);
            let source = lazy(&counted).map(i16::to_complex);
            then(&counted, &source.resize(IxDyn(&shape)).unwrap().roll(&[3, -2, 1]).unwrap());
            let counted = Counting::new(&field);
            let source = lazy(&counted).fftshift(&[0, 2]).unwrap().resize(IxDyn(&shape)).unwrap();
            then(&counted, &source.map(i16::to_complex));
        };
        with_source(&mut |_, source| {
            for plan in plans(|resources| fftn(&source, &axes).plan::<f32>(resources)) {
                with_source(&mut |counted, source| {
                    let plan = fftn(&source, &axes).plan::<f32>(plan.plan().resources).unwrap();
                    let mut sink = zeros::<C32>(&shape, order);
                    run(plan.plan(), |control| plan.run(&source, &mut sink, control));
                    let read = counted.bytes().0 + sink.bytes().0;
                    assert_eq!(read, plan.plan().bytes_read(), "{plan}");
                });
            }
            let mut made = shape.to_vec();
            made[last] = 2 * shape[last] - 2;
            let request = || irfftn(&source, &axes, 2 * shape[last] - 2);
            for plan in plans(|resources| request().plan::<f32>(resources)) {
                with_source(&mut |counted, source| {
                    let request = irfftn(&source, &axes, 2 * shape[last] - 2);
                    let plan = request.plan::<f32>(plan.plan().resources).unwrap();
                    let mut scratch = zeros::<C32>(&shape, order);
                    let mut sink = zeros::<f32>(&made, order);
                    run(plan.plan(), |control| {
                        plan.run_through(&source, &mut scratch, &mut sink, control)
                    });
                    let read = counted.bytes().0 + scratch.bytes().0;
                    assert_eq!(read, plan.plan().bytes_read(), "{plan}");
                });
            }
        });
        let mut made = shape.to_vec();
        made[last] = shape[last] / 2 + 1;
        let counted = Counting::new(&field);
        let source = lazy(&counted).map(f32::from).resize(IxDyn(&shape)).unwrap();
        let source = source.ifftshift(&[1, 2]).unwrap();
        let mut before = 0;
        for plan in plans(|resources| rfftn(&source, &axes).plan::<f32>(resources)) {
            let mut sink = zeros::<C32>(&made, order);
            run(plan.plan(), |control| plan.run(&source, &mut sink, control));
            let read = counted.bytes().0 - before + sink.bytes().0;
            assert_eq!(read, plan.plan().bytes_read(), "{plan}");
            before = counted.bytes().0;
        }
    }
}

#[test]
fn each_stage_moves_the_bytes_of_its_plan() {
    for (shape, passes) in [([2, LONG], 3), ([LONG, 2], 3)] {
        let field = noisy_reals::<f32>(&shape, Order::C, 16);
        for budget in [1 << 20, 3 << 20] {
            let counted = Counting::new(&field);
            let source = lazy(&counted).map(f32::to_complex);
            let plan = fftn(&source, &[0, 1]).plan::<f32>(resources(budget, 2)).unwrap();
            assert_eq!(plan.plan().passes.len(), passes, "{plan}");
            let (mut scratch, mut sink) =
                (zeros::<C32>(&shape, Order::C), zeros::<C32>(&shape, Order::C));
            run(plan.plan(), |control| {
                plan.run_with_scratch(&source, &mut scratch, &mut sink, control)
            });
            // A lane that comes first is cut in the output.
            let (all, is_first) = (2 * LONG as u64 * 8, shape[0] == LONG);
            let between = if is_first { 0 } else { all };
            let times = if is_first { (Some(2), Some(3)) } else { (Some(1), Some(2)) };
            assert_eq!((counted.times().0, sink.times()), (Some(1), times));
            assert_eq!(scratch.bytes(), (between, between));
            assert_eq!(all / 2 + 2 * all, plan.plan().bytes_read());
            assert_eq!(3 * all, plan.plan().bytes_written());
            assert_eq!((plan.plan().scratch_bytes, plan.plan().output_bytes), (between, all));
        }
    }
}

#[test]
fn a_lane_longer_than_the_budget_is_read_and_written_twice() {
    let field = noisy_reals::<f32>(&[LONG], Order::C, 15);
    for budget in [1 << 20, 3 << 20, 7 << 20] {
        let counted = Counting::new(&field);
        let source = lazy(&counted).map(f32::to_complex);
        let plan = fft(&source, 0).plan::<f32>(resources(budget, 2)).unwrap();
        let (mut scratch, mut sink) =
            (zeros::<C32>(&[LONG], Order::C), zeros::<C32>(&[LONG], Order::C));
        run(plan.plan(), |control| plan.run_through(&source, &mut scratch, &mut sink, control));
        let between = LONG as u64 * 8;
        assert_eq!((counted.times(), sink.times()), ((Some(1), Some(0)), (Some(0), Some(1))));
        assert_eq!(counted.bytes(), (LONG as u64 * 4, 0));
        assert_eq!(scratch.bytes(), (between, between));
        assert_eq!(counted.bytes().0 + between, plan.plan().bytes_read());
        assert_eq!(between + sink.bytes().1, plan.plan().bytes_written());
        assert_eq!((plan.plan().scratch_bytes, plan.plan().kept_bytes), (0, 0));
        // Without a scratch array the output is read back.
        let (counted, mut sink) = (Counting::new(&field), zeros::<C32>(&[LONG], Order::C));
        let source = lazy(&counted).map(f32::to_complex);
        run(plan.plan(), |control| plan.run(&source, &mut sink, control));
        assert_eq!((counted.times(), sink.times()), ((Some(1), Some(0)), (Some(1), Some(2))));
    }
}

#[test]
fn real_lanes_longer_than_the_budget_move_half_of_that() {
    let shape = [2, LONG_REALS];
    let field = noisy_reals::<f32>(&shape, Order::C, 16);
    let bytes = 4 * field.len() as u64;
    for budget in [1 << 20, 3 << 20, 7 << 20] {
        let source = Counting::new(&field);
        let plan = rfft(&source, 1).plan::<f32>(resources(budget, 2)).unwrap();
        let of = |shape: IxDyn| zeros::<C32>(shape.slice(), Order::C);
        let (mut scratch, mut sink) = (of(plan.scratch_shape()), of(IxDyn(plan.shape())));
        run(plan.plan(), |control| plan.run_through(&source, &mut scratch, &mut sink, control));
        let between = bytes - plan.plan().kept_bytes;
        assert_eq!((source.times(), sink.times()), ((Some(1), Some(0)), (Some(0), Some(1))));
        assert_eq!((source.bytes(), scratch.bytes()), ((bytes, 0), (between, between)));
        assert_eq!(bytes + between, plan.plan().bytes_read());
        assert_eq!(between + sink.bytes().1, plan.plan().bytes_written());
        assert_eq!((plan.plan().scratch_bytes, sink.bytes().1), (bytes, bytes + 2 * 8));
    }
}

#[test]
fn half_spectra_of_lanes_longer_than_the_budget_are_read_once() {
    let (shape, half) = ([2, LONG_REALS], [2, LONG + 1]);
    let spectrum = noisy::<f32>(&half, Order::C, 17);
    let bytes = 4 * 2 * LONG_REALS as u64;
    for budget in [1 << 20, 3 << 20, 7 << 20] {
        let source = Counting::new(&spectrum);
        let plan = irfft(&source, 1, LONG_REALS).plan::<f32>(resources(budget, 2)).unwrap();
        let (mut scratch, mut sink) =
            (zeros::<C32>(&half, Order::C), zeros::<f32>(&shape, Order::C));
        run(plan.plan(), |control| plan.run_through(&source, &mut scratch, &mut sink, control));
        let between = bytes - plan.plan().kept_bytes;
        assert_eq!((source.times(), sink.times()), ((Some(1), Some(0)), (Some(0), Some(1))));
        assert_eq!((source.bytes(), scratch.bytes()), ((bytes + 2 * 8, 0), (between, between)));
        assert_eq!(source.bytes().0 + between, plan.plan().bytes_read());
        assert_eq!(between + bytes, plan.plan().bytes_written());
        assert_eq!((sink.bytes().1, plan.plan().scratch_bytes), (bytes, bytes + 2 * 8));
    }
}
