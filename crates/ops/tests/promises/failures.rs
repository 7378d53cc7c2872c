//! When a disk fails, a kernel panics or the caller cancels, the run ends soon and says why; nothing
//! hangs, and the input is untouched.

use crate::support::watch::{FAULT, Faulty};
use crate::support::{
    LONG, LONG_REALS, names, noisy, noisy_reals, random, smallest, wished, within,
};
use ndarray::{Array2, ArrayD, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Error, FftPlan, PassPlan, Plan, Report, Trigonometric, dct, fft, fft2, fftn,
    irfft, irfftn, map_tiles, rfft, rfftn, thumbnail,
};
use outcore_storage::{Element, Order};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

type C64 = Complex<f64>;

const SHAPE: (usize, usize) = (40, 60);
const LIMIT: Duration = Duration::from_secs(60);

fn input() -> Array2<C64> {
    random(SHAPE, Order::C, 1)
}

fn two_passes(threads: usize) -> FftPlan<f64, Ix2> {
    smallest::<f64>(&fft2(&input()), threads, |plan| {
        let all = |wished: fn(&PassPlan) -> bool| plan.passes.iter().all(wished);
        plan.passes.len() == 2 && plan.passes[1].slots == 3 && all(|pass| pass.tiles > 5)
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn is_fault(error: &Error) -> bool {
    matches!(error, Error::Storage(_)) && error.to_string() == FAULT
}

#[test]
fn a_failing_read_of_the_source_surfaces() {
    let reads = two_passes(1).plan().passes[0].tiles;
    for call in [0, 1, 2, reads / 2, reads - 1] {
        within(LIMIT, move || {
            let mut source = Faulty::new(input());
            source.fail_read = Some(call);
            let mut sink = Array2::zeros(SHAPE);
            let error = two_passes(1).run(&source, &mut sink, Control::new()).unwrap_err();
            assert!(is_fault(&error), "{error}");
            assert_eq!(source.calls().0, call + 1, "it goes on after a failure");
        });
    }
}

#[test]
fn a_failing_write_surfaces_in_either_pass() {
    let mut counted = Faulty::new(Array2::<C64>::zeros(SHAPE));
    two_passes(2).run(&input(), &mut counted, Control::new()).unwrap();
    let writes = counted.calls().1;
    for call in [0, 1, 5, writes / 2, writes - 1] {
        within(LIMIT, move || {
            let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
            sink.fail_write = Some(call);
            let source = input();
            let error = two_passes(2).run(&source, &mut sink, Control::new()).unwrap_err();
            assert!(is_fault(&error), "{error}");
            // Those that other threads had begun are finished.
            let calls = sink.calls().1;
            assert!((call + 1..call + 5).contains(&calls), "{calls}: it goes on after a failure");
            assert_eq!(source, input());
        });
    }
}

/// A transform of some shape into another one, through an array between the passes.
struct Through<A, B> {
    name: &'static str,
    field: ArrayD<A>,
    made: Vec<usize>,
    between: Vec<usize>,
    run: Run<A, B>,
}

/// Runs it from a source into a sink; between the passes is an array of its own, or the sink.
type Run<A, B> = Box<
    dyn Fn(
            &Faulty<ArrayD<A>>,
            &mut Faulty<ArrayD<C64>>,
            &mut Faulty<ArrayD<B>>,
        ) -> outcore_ops::Result<Report>
        + Send
        + Sync,
>;

fn zeros<T: Element>(shape: &[usize]) -> Faulty<ArrayD<T>> {
    Faulty::new(ArrayD::from_elem(IxDyn(shape), T::default()))
}

impl<A, B> Through<A, B>
where
    A: Element,
    B: Element + PartialEq,
{
    /// Lets the first calls fail, some in the middle, and the last one.
    fn check(self) {
        let this = Arc::new(self);
        let (mut source, mut between) = (Faulty::new(this.field.clone()), zeros(&this.between));
        let mut sink = zeros(&this.made);
        (this.run)(&source, &mut between, &mut sink).unwrap();
        let expected = sink.inner.clone();
        let calls = [
            source.calls().0,
            between.calls().0,
            between.calls().1,
            sink.calls().0,
            sink.calls().1,
        ];
        assert!(calls[0] > 0 && calls[4] > 0, "{}: {calls:?}", this.name);
        for (kind, count) in calls.into_iter().enumerate() {
            let mut places = vec![0, 1, count / 3, count / 2, count.saturating_sub(1)];
            places.dedup();
            for nth in places.into_iter().filter(|&nth| nth < count) {
                let this = Arc::clone(&this);
                within(LIMIT, move || {
                    let mut source = Faulty::new(this.field.clone());
                    let (mut between, mut sink) = (zeros(&this.between), zeros(&this.made));
                    match kind {
                        0 => source.fail_read = Some(nth),
                        1 => between.fail_read = Some(nth),
                        2 => between.fail_write = Some(nth),
                        3 => sink.fail_read = Some(nth),
                        _ => sink.fail_write = Some(nth),
                    }
                    let result = (this.run)(&source, &mut between, &mut sink);
                    let what = format!("{}, call {nth} of kind {kind}", this.name);
                    assert!(result.as_ref().is_err_and(is_fault), "{what}: {result:?}");
                    assert!(source.inner == this.field, "{what}: the input is touched");
                });
            }
        }
        source = Faulty::new(this.field.clone());
        (this.run)(&source, &mut between, &mut sink).unwrap();
        assert!(sink.inner == expected, "{}: another result than before", this.name);
    }
}

fn of_passes(plan: &Plan, passes: &[&str]) -> bool {
    names(plan) == passes && plan.kept_bytes == 0
}

#[test]
fn failures_of_transforms_along_any_axes_surface() {
    let shape = [6, 7, 8];
    let field = noisy::<f64>(&shape, Order::C, 2);
    let plan = wished(
        |resources| fftn(&field, &[0, 1, 2]).plan::<f64>(resources),
        2,
        |plan| plan.plan().passes.len() == 3,
    );
    let run: Run<C64, C64> =
        Box::new(move |source, _, sink| plan.run(source, sink, Control::new()));
    let [made, between] = [shape.to_vec(), vec![0; 3]];
    Through { name: "axis by axis", field: field.clone(), made, between, run }.check();
    let plan = wished(
        |resources| fftn(&field, &[1, 2]).plan::<f64>(resources),
        2,
        |plan| of_passes(plan.plan(), &["columns", "rows"]),
    );
    let run: Run<C64, C64> =
        Box::new(move |source, _, sink| plan.run(source, sink, Control::new()));
    let [made, between] = [shape.to_vec(), vec![0; 3]];
    Through { name: "blocks", field: field.clone(), made, between, run }.check();
    let field = noisy::<f64>(&[LONG], Order::C, 3);
    let plan = fft(&field, 0).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let run: Run<C64, C64> = Box::new(move |source, between, sink| {
        plan.run_through(source, between, sink, Control::new())
    });
    Through { name: "a long lane", field, made: vec![LONG], between: vec![LONG], run }.check();
    let field = noisy::<f64>(&[LONG], Order::C, 3);
    let plan = fft(&field, 0).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let run: Run<C64, C64> =
        Box::new(move |source, _, sink| plan.run(source, sink, Control::new()));
    Through { name: "one in its place", field, made: vec![LONG], between: vec![0], run }.check();
    let shape = [2, LONG];
    let field = noisy::<f64>(&shape, Order::C, 3);
    let plan = fftn(&field, &[0, 1]).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let run: Run<C64, C64> = Box::new(move |source, between, sink| {
        plan.run_with_scratch(source, between, sink, Control::new())
    });
    let [made, between] = [shape.to_vec(), shape.to_vec()];
    Through { name: "a chain", field, made, between, run }.check();
}

#[test]
fn failures_of_transforms_of_real_numbers_surface() {
    let shape = [40, 3, 50];
    let field = noisy_reals::<f64>(&shape, Order::C, 4);
    for (axes, made) in [(vec![0, 2], vec![40, 3, 26]), (vec![1, 2, 0], vec![21, 3, 50])] {
        let plan = wished(
            |resources| rfftn(&field, &axes).plan::<f64>(resources),
            2,
            |plan| plan.plan().passes.len() > 1 && plan.plan().kept_bytes == 0,
        );
        let run: Run<f64, C64> =
            Box::new(move |source, _, sink| plan.run(source, sink, Control::new()));
        Through { name: "rfftn", field: field.clone(), made, between: vec![0; 3], run }.check();
    }
    let shape = [40, 3, 26];
    let field = noisy::<f64>(&shape, Order::C, 5);
    for (axes, made) in [(vec![0, 2], vec![40, 3, 51]), (vec![1, 2, 0], vec![78, 3, 26])] {
        let len = made[*axes.last().unwrap()];
        let plan = wished(
            |resources| irfftn(&field, &axes, len).plan::<f64>(resources),
            2,
            |plan| plan.plan().passes.len() > 1 && plan.plan().kept_bytes == 0,
        );
        let run: Run<C64, f64> = Box::new(move |source, between, sink| {
            plan.run_through(source, between, sink, Control::new())
        });
        Through { name: "irfftn", field: field.clone(), made, between: shape.to_vec(), run }
            .check();
    }
    let field = noisy_reals::<f64>(&[LONG_REALS], Order::C, 6);
    let plan = rfft(&field, 0).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let [made, between] = [vec![LONG + 1], vec![LONG]];
    let run: Run<f64, C64> = Box::new(move |source, between, sink| {
        plan.run_through(source, between, sink, Control::new())
    });
    Through { name: "a long real lane", field, made, between, run }.check();
    let field = noisy::<f64>(&[LONG + 1], Order::C, 7);
    let plan = irfft(&field, 0, LONG_REALS).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let [made, between] = [vec![LONG_REALS], vec![LONG + 1]];
    let run: Run<C64, f64> = Box::new(move |source, between, sink| {
        plan.run_through(source, between, sink, Control::new())
    });
    Through { name: "half of a long spectrum", field, made, between, run }.check();
    let field = noisy_reals::<f64>(&[40, 9], Order::C, 6);
    for axis in [0, 1] {
        let request = dct(&field, axis, Trigonometric::Dct3);
        let plan = wished(|resources| request.plan::<f64>(resources), 2, |_| true);
        let run: Run<f64, f64> =
            Box::new(move |source, _, sink| plan.run(source, sink, Control::new()));
        let field = field.clone();
        Through { name: "dct", field, made: vec![40, 9], between: vec![0; 2], run }.check();
    }
}

#[test]
fn a_failing_read_of_the_second_pass_surfaces() {
    for call in [0, 3, 8] {
        within(LIMIT, move || {
            let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
            sink.fail_read = Some(call);
            let error = two_passes(2).run(&input(), &mut sink, Control::new()).unwrap_err();
            assert!(is_fault(&error), "{error}");
        });
    }
}

#[test]
fn the_first_failing_piece_of_a_large_tile_surfaces() {
    // Four megabytes in one tile: it is copied in pieces, by several threads.
    for call in 0..4 {
        within(LIMIT, move || {
            let mut source = Faulty::new(Array2::<C64>::zeros((512, 512)));
            source.fail_read = Some(call);
            let plan = fft2(&source).plan::<f64>(Budget::new(64 << 20)).unwrap();
            assert_eq!(plan.plan().passes[0].tiles, 1);
            let mut sink = Array2::zeros((512, 512));
            let error = plan.run(&source, &mut sink, Control::new()).unwrap_err();
            assert!(is_fault(&error), "{error}");
        });
    }
}

#[test]
fn failing_reductions_and_tiles_surface() {
    within(LIMIT, || {
        let mut source = Faulty::new(Array2::<f32>::zeros((500, 100)));
        source.fail_read = Some(1);
        let budget = Budget::new(48 << 10);
        let picture = thumbnail(&source, (4, 4)).plan::<f32>(budget).unwrap();
        let error = picture.run(&source, f64::from, Control::new()).unwrap_err();
        assert!(is_fault(&error), "{error}");
        let source = Array2::<f32>::zeros((500, 100));
        let mut sink = Faulty::new(Array2::<u8>::zeros((500, 100)));
        sink.fail_write = Some(3);
        let plan = map_tiles(&source, (20, 20)).plan::<f32, u8>(budget).unwrap();
        let error = plan.run(&source, &mut sink, |_, _, _| (), Control::new()).unwrap_err();
        assert!(is_fault(&error), "{error}");
    });
}

#[test]
fn a_panic_of_a_source_or_a_sink_goes_on_in_the_caller() {
    for (fail_read, fail_write) in [(Some(4), None), (None, Some(4))] {
        within(LIMIT, move || {
            let mut source = Faulty::new(input());
            let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
            (source.panic_instead, sink.panic_instead) = (true, true);
            (source.fail_read, sink.fail_write) = (fail_read, fail_write);
            let plan = two_passes(2);
            let run = AssertUnwindSafe(|| plan.run(&source, &mut sink, Control::new()));
            assert_eq!(message(&*catch_unwind(run).unwrap_err()), FAULT);
        });
    }
}

#[test]
fn a_panicking_kernel_goes_on_in_the_caller_and_does_not_hang() {
    for bad in [0, 1, 17, 29] {
        within(LIMIT, move || {
            let source = Array2::<f32>::zeros((60, 50));
            let mut sink = Array2::<f32>::zeros((60, 50));
            let calls = AtomicUsize::new(0);
            let plan = map_tiles(&source, (10, 10)).plan::<f32, f32>(Budget::new(4000)).unwrap();
            assert!(plan.plan().passes[0].tiles > 3);
            let run = AssertUnwindSafe(|| {
                let kernel = |_: &_,
                              _: ndarray::ArrayView2<'_, f32>,
                              _: ndarray::ArrayViewMut2<'_, f32>| {
                    assert!(calls.fetch_add(1, Ordering::Relaxed) != bad, "the kernel is broken");
                };
                plan.run(&source, &mut sink, kernel, Control::new())
            });
            assert_eq!(message(&*catch_unwind(run).unwrap_err()), "the kernel is broken");
        });
    }
}

#[test]
fn a_plan_runs_again_after_a_failure() {
    within(LIMIT, || {
        let (plan, mut source) = (two_passes(2), Faulty::new(input()));
        source.fail_read = Some(3);
        let mut sink = Array2::zeros(SHAPE);
        plan.run(&source, &mut sink, Control::new()).unwrap_err();
        let mut expected = input();
        let whole = fft2(&expected).plan::<f64>(Budget::new(64 << 20)).unwrap();
        whole.run_in_place(&mut expected, Control::new()).unwrap();
        source.fail_read = None;
        plan.run(&source, &mut sink, Control::new()).unwrap();
        assert_eq!(sink, expected);
    });
}

#[test]
fn a_slow_source_gives_the_same_result() {
    within(LIMIT, || {
        let (plan, mut source) = (two_passes(2), Faulty::new(input()));
        source.delay = Duration::from_millis(3);
        let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
        sink.delay = Duration::from_millis(2);
        let report = plan.run(&source, &mut sink, Control::new()).unwrap();
        let mut expected = input();
        let whole = fft2(&expected).plan::<f64>(Budget::new(64 << 20)).unwrap();
        whole.run_in_place(&mut expected, Control::new()).unwrap();
        assert_eq!(sink.inner, expected);
        let first = report.passes[0];
        let reads = u32::try_from(plan.plan().passes[0].tiles).unwrap();
        assert!(first.reading >= source.delay * reads, "{first:?}");
        assert!(first.elapsed >= first.reading, "{first:?}");
    });
}

#[test]
fn reading_and_writing_overlap() {
    within(LIMIT, || {
        let plan = two_passes(2);
        assert_eq!(plan.plan().passes[1].slots, 3);
        let mut scratch = Faulty::new(Array2::<C64>::zeros(SHAPE));
        let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
        scratch.delay = Duration::from_millis(5);
        sink.delay = scratch.delay;
        let report = plan.run_through(&input(), &mut scratch, &mut sink, Control::new()).unwrap();
        let second = report.passes[1];
        let one_after_another = second.reading + second.writing;
        assert!(second.elapsed < one_after_another * 4 / 5, "{second:?}");
    });
}

#[test]
fn a_flag_raised_before_the_run_stops_it_before_anything_is_read() {
    within(LIMIT, || {
        let (flag, source) = (AtomicBool::new(true), Faulty::new(input()));
        let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
        let control = Control::new().cancelled_by(&flag);
        let error = two_passes(1).run(&source, &mut sink, control).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert_eq!((source.calls(), sink.calls()), ((0, 0), (0, 0)));
    });
}

#[test]
fn a_flag_raised_under_way_stops_soon_and_leaves_the_input_alone() {
    for after in [1, 10, 90] {
        within(LIMIT, move || {
            let (flag, mut source) = (AtomicBool::new(false), Faulty::new(input()));
            source.delay = Duration::from_millis(2);
            let mut sink = Faulty::new(Array2::<C64>::zeros(SHAPE));
            sink.delay = source.delay;
            let (mut seen, mut at) = (0, (0, Instant::now()));
            let calls = || source.calls().0;
            let control = Control::new().cancelled_by(&flag).on_progress(|_| {
                seen += 1;
                if seen == after {
                    flag.store(true, Ordering::Relaxed);
                    at = (calls(), Instant::now());
                }
            });
            let plan = two_passes(2);
            let error = plan.run(&source, &mut sink, control).unwrap_err();
            assert!(matches!(error, Error::Cancelled), "{error}");
            assert!(at.1.elapsed() < Duration::from_secs(5), "it stops only after {:?}", at.1);
            assert!(source.calls().0 <= at.0 + 4, "it went on reading");
            assert_eq!(source.inner, input());
        });
    }
}

#[test]
fn a_panic_in_the_callers_own_progress_report_does_not_hang() {
    within(LIMIT, || {
        let (plan, source) = (two_passes(1), input());
        let mut sink = Array2::zeros(SHAPE);
        let run = AssertUnwindSafe(|| {
            let control = Control::new().on_progress(|_| panic!("no terminal"));
            plan.run(&source, &mut sink, control)
        });
        assert_eq!(message(&*catch_unwind(run).unwrap_err()), "no terminal");
    });
}
