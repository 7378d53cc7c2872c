//! The bytes that a plan predicts are those that sources and sinks see, exactly; so are those of the
//! report and of the last progress.

mod support;

use ndarray::{Array2, Array3, Ix2};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Fft, Plan, Progress, Report, SinkExt, ToComplex, dft2_bins, fft2, ifft2, lazy,
    map_tiles, thumbnail,
};
use outcore_storage::{FileArrayMut, Order};
use support::watch::Counting;
use support::{ORDERS, folder, in_order, needed, random, resources, tightest};

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
        let counted = Counting::new(support::in_order(&field, order));
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
        let source = Counting::new(support::in_order(&field, order));
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

#[test]
fn pictures_and_single_frequencies_read_the_array_once() {
    for order in ORDERS {
        let field = random::<f32>(SHAPE, order, 7).map(|x| x.re);
        let bytes = BYTES / 2;
        for budget in [64 << 10, 1 << 20] {
            let source = Counting::new(support::in_order(&field, order));
            let mut last = None;
            let control = Control::new().on_progress(|progress| last = Some(progress));
            let picture = thumbnail(&source, (10, 10)).plan::<f32>(Budget::new(budget)).unwrap();
            let (_, report) = picture.run(&source, f64::from, control).unwrap();
            assert_eq!((source.bytes(), source.times().0), ((bytes, 0), Some(1)));
            agrees(picture.plan(), &report, last);
            let source = Counting::new(support::in_order(&field, order));
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
