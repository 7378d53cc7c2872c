//! A run that died goes on where it stopped, whatever it was doing, and its output is the same bit for
//! bit.

use crate::support::watch::Faulty;
use crate::support::{
    LONG, LONG_REALS, integers, names, noisy, noisy_reals, quick_folder, random, resources,
    smallest, wished,
};
use ndarray::{Array, Array2, ArrayD, ArrayView, ArrayViewMut, Dimension, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    ArgExtremum, Budget, Control, CumExtremum, CumSum, Error, FftPlan, Plan, Report, SinkExt,
    Trigonometric, Variance, dct, fft, fft2, fftconvolve, fftn, ifftn, irfft, irfftn, lazy,
    map_tiles, quantile, reduce, rfft, rfftn, scan, spectral_filter, store,
};
use outcore_storage::{
    Element, ErrorKind, FileArrayMut, FileInfo, Journal, Layout, Options, Order, Output, Runs,
    Sink, Source, Stored, Window, Work,
};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

type C64 = Complex<f64>;

/// An output of a process that dies at a write, half of which is nonsense, and does nothing after it.
struct Dying<T, D, S = Output<T, D>> {
    output: S,
    writes_left: Arc<AtomicUsize>,
    /// What each write takes.
    delay: Duration,
    /// Whether something has been written.
    written: Arc<AtomicBool>,
    elements: PhantomData<fn(T, D)>,
}

/// What happens to a write.
enum Fate {
    Lives,
    /// Half of it is nonsense, and there is nothing after it.
    Dies,
    IsDead,
}

fn dead<T>() -> outcore_storage::Result<T> {
    let reason = "the process is dead".to_owned();
    Err(outcore_storage::Error::without_path(ErrorKind::Unsupported(reason)))
}

impl<T: Element, D: Dimension, S> Dying<T, D, S> {
    /// Another array of the same process.
    fn with<U, E, A>(&self, array: A) -> Dying<U, E, A> {
        Dying {
            output: array,
            writes_left: Arc::clone(&self.writes_left),
            delay: self.delay,
            written: Arc::clone(&self.written),
            elements: PhantomData,
        }
    }

    fn fate(&self) -> Fate {
        self.written.store(true, Ordering::Relaxed);
        std::thread::sleep(self.delay);
        let step = |left: usize| left.checked_sub(1);
        match self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Err(_) => Fate::IsDead,
            Ok(1) => Fate::Dies,
            Ok(_) => Fate::Lives,
        }
    }
}

impl<T: Element, D: Dimension, S: Sink<T, D>> Dying<T, D, S> {
    fn write(&self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> outcore_storage::Result<()> {
        let write = |window: &Window<D>, tile: ArrayView<'_, T, D>| {
            self.output.write_tile_shared(window, tile).expect("files are written by many threads")
        };
        match self.fate() {
            Fate::IsDead => dead(),
            Fate::Dies => {
                let axis = window.slowest_axis(Order::C).unwrap_or(0);
                if window.shape.ndim() > 0 {
                    let (torn, _) = window.split_at(axis, window.shape[axis] / 2);
                    write(&torn, Array::from_elem(torn.shape.clone(), T::default()).view())?;
                }
                dead()
            }
            Fate::Lives => write(window, tile),
        }
    }

    fn write_each(&self, mut runs: Runs, elements: &[T]) -> outcore_storage::Result<()> {
        let write = |runs: Runs, elements: &[T]| {
            self.output
                .write_runs_shared(runs, elements)
                .expect("files are written by many threads")
        };
        match self.fate() {
            Fate::IsDead => dead(),
            Fate::Dies => {
                let torn = runs.take_runs((runs.elements() / runs.run_len()).div_ceil(2));
                let nonsense = vec![T::default(); torn.elements()];
                write(torn, &nonsense)?;
                dead()
            }
            Fate::Lives => write(runs, elements),
        }
    }
}

impl<T: Element, D: Dimension, S: Stored<D>> Stored<D> for Dying<T, D, S> {
    fn layout(&self) -> Layout<D> {
        self.output.layout()
    }

    fn has_runs(&self) -> bool {
        self.output.has_runs()
    }
}

impl<T: Element, D: Dimension, S: Source<T, D>> Source<T, D> for Dying<T, D, S> {
    fn read_tile(
        &self,
        window: &Window<D>,
        tile: ArrayViewMut<'_, T, D>,
    ) -> outcore_storage::Result<()> {
        self.output.read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> outcore_storage::Result<()> {
        self.output.read_runs(runs, elements)
    }
}

impl<T: Element, D: Dimension, S: Sink<T, D>> Sink<T, D> for Dying<T, D, S> {
    fn write_tile(
        &mut self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> outcore_storage::Result<()> {
        self.write(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<outcore_storage::Result<()>> {
        Some(self.write(window, tile))
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> outcore_storage::Result<()> {
        self.write_each(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<outcore_storage::Result<()>> {
        Some(self.write_each(runs, elements))
    }

    fn sync(&self) -> outcore_storage::Result<()> {
        self.output.sync()
    }
}

type Operation<'a, T, D> =
    dyn Fn(&mut Dying<T, D>, Control<'_>) -> outcore_ops::Result<Report> + 'a;

/// Something that writes an array, and may be interrupted.
struct Case<'a, T, D> {
    name: &'a str,
    shape: D,
    run: &'a Operation<'a, T, D>,
}

/// Marks that are all durable, and marks that none is.
const PACES: [(Duration, Duration); 2] =
    [(Duration::ZERO, Duration::ZERO), (Duration::ZERO, Duration::MAX)];

impl<T: Element, D: Dimension> Case<'_, T, D> {
    fn begin(
        &self,
        path: &Path,
        writes: usize,
        pace: (Duration, Duration),
    ) -> (Dying<T, D>, Journal) {
        let options = Options::new().resume(true);
        let output = Output::with_options(path, self.shape.clone(), &options).unwrap();
        let journal = output.journal(Work::new(self.name)).unwrap().every(pace.0, pace.1);
        (
            Dying {
                output,
                writes_left: Arc::new(AtomicUsize::new(writes)),
                delay: Duration::ZERO,
                written: Arc::default(),
                elements: PhantomData,
            },
            journal,
        )
    }

    /// The bits of the file that a run makes which nothing interrupts, its writes, and the bytes it reads.
    fn whole(&self) -> (Vec<u8>, usize, u64) {
        let folder = quick_folder();
        let path = folder.path().join("whole.npy");
        let (mut sink, _) = self.begin(&path, usize::MAX, PACES[0]);
        let report = (self.run)(&mut sink, Control::new()).unwrap();
        let writes = usize::MAX - sink.writes_left.load(Ordering::Relaxed);
        sink.output.commit().unwrap();
        (std::fs::read(path).unwrap(), writes, report.bytes_read())
    }

    /// Dies at every write, up to so many of them, and goes on.
    fn survives(&self) {
        self.survives_some(5, 2);
    }

    /// Dies at so many writes all over the run, and at some in its end, where passes have fewer; so many
    /// runs at least read less than a whole one.
    fn survives_some(&self, deaths: usize, least: usize) {
        let (expected, writes, read) = self.whole();
        assert!(writes > 3, "{}: {writes} writes", self.name);
        for pace in PACES {
            let mut went_on = 0;
            let late = (writes.saturating_sub(40).max(1)..=writes).step_by(48 / deaths);
            for death in (1..=writes).step_by(writes.div_ceil(deaths)).chain(late) {
                let folder = quick_folder();
                let path = folder.path().join("out.npy");
                let (mut sink, mut journal) = self.begin(&path, death, pace);
                let died = (self.run)(&mut sink, Control::new().journal(&mut journal));
                assert!(matches!(died, Err(Error::Storage(_))), "{}: {died:?}", self.name);
                drop(sink);
                assert!(!path.exists());
                // Dies again, a little later.
                let (mut sink, mut journal) = self.begin(&path, 2, pace);
                let _ = (self.run)(&mut sink, Control::new().journal(&mut journal));
                drop(sink);
                let (mut sink, mut journal) = self.begin(&path, usize::MAX, pace);
                let report = (self.run)(&mut sink, Control::new().journal(&mut journal)).unwrap();
                went_on += usize::from(report.bytes_read() < read);
                sink.output.commit().unwrap();
                let name = self.name;
                assert!(std::fs::read(&path).unwrap() == expected, "{name}, death at {death}");
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{name}");
            }
            assert!(went_on >= least, "{}: {went_on} of the runs went on", self.name);
        }
    }

    /// Is asked to stop after any tile, and goes on.
    fn rests(&self) {
        let (expected, ..) = self.whole();
        let folder = quick_folder();
        let path = folder.path().join("out.npy");
        let mut runs = 0;
        loop {
            let (mut sink, mut journal) =
                self.begin(&path, usize::MAX, (Duration::MAX, Duration::MAX));
            let stop = Arc::clone(&sink.written);
            let control = Control::new().cancelled_by(&stop).journal(&mut journal);
            let outcome = (self.run)(&mut sink, control);
            runs += 1;
            match outcome {
                Err(Error::Cancelled) => assert!(runs < 1000, "{}: no end", self.name),
                outcome => {
                    outcome.unwrap();
                    sink.output.commit().unwrap();
                    break;
                }
            }
        }
        assert!(runs > 2, "{}: {runs} runs", self.name);
        assert!(std::fs::read(&path).unwrap() == expected, "{}", self.name);
    }

    fn check(&self) {
        self.survives();
        self.rests();
    }
}

#[test]
fn copies_go_on() {
    let source = integers(&[300, 70], Order::C, 1, 1000);
    let doubled = lazy(&source).map(|x: i32| 2 * x);
    let plan = store(&doubled).plan::<i32>(resources(20 << 10, 2)).unwrap();
    let run = |sink: &mut Dying<_, _>, control: Control<'_>| plan.run(&doubled, sink, control);
    Case { name: "copy", shape: IxDyn(&[300, 70]), run: &run }.check();
}

#[test]
fn transpositions_go_on() {
    let source = integers(&[120, 90], Order::C, 2, 1000);
    let turned = lazy(&source).permuted_axes(&[1, 0]).unwrap();
    let plan = store(&turned).plan::<i32>(resources(16 << 10, 2)).unwrap();
    let run = |sink: &mut Dying<_, _>, control: Control<'_>| plan.run(&turned, sink, control);
    Case { name: "transposition", shape: IxDyn(&[90, 120]), run: &run }.check();
}

#[test]
fn scans_go_on_with_what_lanes_carry() {
    let source = integers(&[90, 40], Order::C, 3, 1000).map(|&x| f64::from(x) / 3.0);
    for axis in [0, 1] {
        let plan = scan(&source, axis, CumSum).plan::<f64>(resources(16 << 10, 2)).unwrap();
        let run = |sink: &mut Dying<_, _>, control: Control<'_>| plan.run(&source, sink, control);
        Case { name: "cumsum", shape: IxDyn(&[90, 40]), run: &run }.check();
        let scanner = CumExtremum::max();
        let plan = scan(&source, axis, scanner).plan::<f64>(resources(16 << 10, 2)).unwrap();
        let run = |sink: &mut Dying<_, _>, control: Control<'_>| plan.run(&source, sink, control);
        Case { name: "cummax", shape: IxDyn(&[90, 40]), run: &run }.check();
    }
}

#[test]
fn reductions_go_on_with_what_they_have_added_up() {
    let source = integers(&[3000, 10, 20], Order::C, 4, 1000);
    let plan = reduce(&source, Variance::new(1)).axes(&[0]).plan::<i32>(resources(400 << 10, 2));
    let plan = plan.unwrap();
    assert!(plan.plan().passes[0].tiles > 5, "{plan}");
    let whole =
        |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
    let case = Case { name: "variance", shape: IxDyn(&[10, 20]), run: &whole };
    let (expected, ..) = case.whole();
    let folder = quick_folder();
    let path = folder.path().join("out.npy");
    // Nothing is written before the end: what has been read is in the journal alone.
    let mut slow = Faulty::new(source.clone());
    slow.delay = Duration::from_millis(3);
    let stop = AtomicBool::new(false);
    let (mut sink, mut journal) = case.begin(&path, usize::MAX, PACES[0]);
    let control = Control::new()
        .cancelled_by(&stop)
        .on_progress(|progress| {
            stop.store(progress.bytes_done > progress.bytes_total / 3, Ordering::Relaxed);
        })
        .journal(&mut journal);
    assert!(matches!(plan.run(&slow, &mut sink, control), Err(Error::Cancelled)));
    drop(sink);
    let (mut sink, mut journal) = case.begin(&path, usize::MAX, PACES[0]);
    let report = whole(&mut sink, Control::new().journal(&mut journal)).unwrap();
    assert!(report.bytes_read() <= plan.plan().bytes_read() / 3 * 2, "{report:?}");
    sink.output.commit().unwrap();
    assert!(std::fs::read(&path).unwrap() == expected);
    let source = integers(&[300, 40, 50], Order::C, 4, 1000);
    let lanes = |sink: &mut Dying<i64, IxDyn>, control: Control<'_>| {
        let request = reduce(&source, ArgExtremum::max()).axes(&[2]);
        request.plan::<i32>(resources(300 << 10, 2)).unwrap().run(&source, sink, control)
    };
    Case { name: "argmax", shape: IxDyn(&[300, 40]), run: &lanes }.check();
}

#[test]
fn quantiles_of_lanes_go_on() {
    let source = integers(&[60, 500], Order::C, 5, 1000).map(|&x| f64::from(x));
    let plan = quantile(&source, &[0.25]).unwrap();
    let plan = plan.plan_along::<f64, f64>(1, resources(64 << 10, 2)).unwrap();
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        plan.run(&source, sink, |found| found.value(), control)
    };
    Case { name: "quantile", shape: IxDyn(&[60]), run: &run }.check();
}

#[test]
fn kernels_on_tiles_go_on() {
    let source = random::<f64>((90, 80), Order::C, 6);
    let plan = map_tiles(&source, (10, 16)).plan::<C64, C64>(Budget::new(96 << 10)).unwrap();
    let run = |sink: &mut Dying<C64, Ix2>, control: Control<'_>| {
        plan.run(&source, sink, |_, from, mut to| to.assign(&from.map(|x| x * x)), control)
    };
    Case { name: "tiles", shape: Ix2(90, 80), run: &run }.check();
}

fn two_passes(source: &Array2<C64>) -> FftPlan<f64, Ix2> {
    // One tile of columns under way, and rows that overlap.
    smallest::<f64>(&fft2(source), 2, |plan| {
        let slots: Vec<usize> = plan.passes.iter().map(|pass| pass.slots).collect();
        slots == [1, 3] && plan.kept_bytes == 0
    })
}

#[test]
fn transforms_go_on_in_either_pass() {
    for order in crate::support::ORDERS {
        let source = random::<f64>((40, 60), order, 7);
        let plan = two_passes(&source);
        let run =
            |sink: &mut Dying<C64, Ix2>, control: Control<'_>| plan.run(&source, sink, control);
        Case { name: "fft2", shape: Ix2(40, 60), run: &run }.check();
    }
}

#[test]
fn a_tile_that_is_waited_for_anyway_delays_no_mark() {
    let source = random::<f64>((40, 60), Order::C, 11);
    let plan = two_passes(&source);
    let columns = &plan.plan().passes[0];
    assert_eq!(columns.slots, 1, "{}", plan.plan());
    let run = |sink: &mut Dying<C64, Ix2>, control: Control<'_>| plan.run(&source, sink, control);
    let case = Case { name: "slow fft2", shape: Ix2(40, 60), run: &run };
    let folder = quick_folder();
    let path = folder.path().join("out.npy");
    // A tile of columns takes ten times as long as there is between marks, and marks take no time.
    let pace = (Duration::from_millis(2), Duration::MAX);
    let last = columns.tiles * plan.plan().passes[1].tiles - 1;
    let (mut sink, mut journal) = case.begin(&path, last, pace);
    sink.delay = Duration::from_millis(2);
    run(&mut sink, Control::new().journal(&mut journal)).unwrap_err();
    drop(sink);
    let (mut sink, mut journal) = case.begin(&path, usize::MAX, pace);
    let before = journal.mark().expect("a mark");
    assert!(before.tiles > columns.tiles / 2, "{before:?} of {}", plan.plan());
    run(&mut sink, Control::new().journal(&mut journal)).unwrap();
    sink.output.commit().unwrap();
    assert!(std::fs::read(&path).unwrap() == case.whole().0);
}

#[test]
fn transforms_that_keep_rows_in_memory_go_on() {
    let source = random::<f64>((64, 48), Order::C, 8);
    let kept = |memory: &u64| {
        let plan = fft2(&source).plan::<f64>(Budget::new(*memory)).unwrap();
        let rows = plan.plan().passes.last().unwrap().tiles;
        plan.plan().passes.len() == 2 && plan.plan().kept_bytes > 0 && rows > 4
    };
    let memory = (10..60)
        .map(|n| n << 10)
        .filter(|&memory| fft2(&source).plan::<f64>(Budget::new(memory)).is_ok());
    let memory = memory.rev().find(|memory| kept(memory)).expect("a budget that leaves some rows");
    let plan = fft2(&source).plan::<f64>(Budget::new(memory)).unwrap();
    let run = |sink: &mut Dying<C64, Ix2>, control: Control<'_>| plan.run(&source, sink, control);
    // What is in memory is computed again, so that going on reads no less.
    let case = Case { name: "fft2 with kept rows", shape: Ix2(64, 48), run: &run };
    let (expected, writes, _) = case.whole();
    for pace in PACES {
        for death in 1..=writes {
            let folder = quick_folder();
            let path = folder.path().join("out.npy");
            for writes in [death, death / 2 + 1, usize::MAX] {
                let (mut sink, mut journal) = case.begin(&path, writes, pace);
                if run(&mut sink, Control::new().journal(&mut journal)).is_ok() {
                    sink.output.commit().unwrap();
                    break;
                }
            }
            assert!(std::fs::read(&path).unwrap() == expected, "death at {death}");
        }
    }
}

/// An array of a dying process beside its output.
fn beside<T: Element, U: Element>(
    sink: &Dying<T, IxDyn>,
    shape: &[usize],
) -> outcore_ops::Result<Dying<U, IxDyn, FileArrayMut<U, IxDyn>>> {
    Ok(sink.with(sink.output.scratch(IxDyn(shape), &Options::new())?))
}

#[test]
fn transforms_in_passes_over_tiles_go_on() {
    let shape = [9, 10, 11];
    let source = noisy::<f64>(&shape, Order::C, 12);
    let request = fftn(&source, &[0, 1, 2]);
    let plan =
        wished(|resources| request.plan::<f64>(resources), 2, |plan| plan.plan().passes.len() == 3);
    let run = |sink: &mut Dying<C64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
    Case { name: "fftn in three passes", shape: IxDyn(&shape), run: &run }.check();
    let source = noisy::<f64>(&shape, Order::F, 12);
    let request = ifftn(&source, &[0, 1, 2]).real_part();
    let plan =
        wished(|resources| request.plan::<f64>(resources), 2, |plan| plan.plan().passes.len() == 3);
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        let mut scratch = beside::<_, C64>(sink, &shape)?;
        let mut sink = sink.map_sink(|x: C64| x.re);
        plan.run_through(&source, &mut scratch, &mut sink, control)
    };
    Case { name: "the real part in three passes", shape: IxDyn(&shape), run: &run }.check();
}

/// Whether a plan takes two passes, and keeps rows in memory between them as wished.
fn two_with_rows(plan: &Plan, kept: bool) -> bool {
    plan.passes.len() == 2 && (plan.kept_bytes > 0) == kept
}

#[test]
fn transforms_of_several_matrices_go_on() {
    let shape = [3, 30, 40];
    let source = noisy::<f64>(&shape, Order::C, 13);
    let request = fftn(&source, &[1, 2]);
    for kept in [false, true] {
        let plan = wished(
            |resources| request.plan::<f64>(resources),
            2,
            |plan| names(plan.plan()) == ["columns", "rows"] && two_with_rows(plan.plan(), kept),
        );
        let run =
            |sink: &mut Dying<C64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
        let case = Case { name: "fftn of matrices", shape: IxDyn(&shape), run: &run };
        // What is in memory is computed again, so that going on reads no less.
        if kept { case.survives_some(6, 0) } else { case.check() }
    }
}

#[test]
fn transforms_of_real_numbers_go_on() {
    // Pairs of rows, of an even number of them and of an odd one, in one matrix and in several.
    let cases =
        [([1, 42, 50], false), ([1, 43, 51], true), ([3, 41, 38], false), ([3, 40, 37], true)];
    for (shape, kept) in cases {
        let source = noisy_reals::<f64>(&shape, Order::C, 14);
        let request = rfftn(&source, &[1, 2]);
        let plan = wished(
            |resources| request.plan::<f64>(resources),
            2,
            |plan| two_with_rows(plan.plan(), kept),
        );
        let run =
            |sink: &mut Dying<C64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
        let made = IxDyn(&[shape[0], shape[1], shape[2] / 2 + 1]);
        let case = Case { name: "rfftn in pairs", shape: made, run: &run };
        if kept { case.survives_some(6, 0) } else { case.check() }
    }
    // The halved axis by itself, and the others in place.
    let shape = [8, 30, 40];
    let source = noisy_reals::<f64>(&shape, Order::C, 15);
    let request = rfftn(&source, &[1, 2, 0]);
    let plan =
        wished(|resources| request.plan::<f64>(resources), 2, |plan| plan.plan().passes.len() == 3);
    let run = |sink: &mut Dying<C64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
    Case { name: "rfftn axis by axis", shape: IxDyn(&[5, 30, 40]), run: &run }.survives();
}

#[test]
fn transforms_to_real_numbers_go_on() {
    let cases = [([1, 42, 26], 50, false), ([3, 40, 20], 39, false), ([3, 40, 20], 38, true)];
    for (shape, len, kept) in cases {
        let source = noisy::<f64>(&shape, Order::C, 16);
        let request = irfftn(&source, &[1, 2], len);
        let plan = wished(
            |resources| request.plan::<f64>(resources),
            2,
            |plan| two_with_rows(plan.plan(), kept),
        );
        let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
            let mut scratch = beside::<_, C64>(sink, &shape)?;
            plan.run_through(&source, &mut scratch, sink, control)
        };
        let case = Case { name: "irfftn", shape: IxDyn(&[shape[0], shape[1], len]), run: &run };
        if kept { case.survives_some(6, 0) } else { case.check() }
    }
    // The halved axis last, and the others before it in passes of their own.
    let shape = [5, 30, 40];
    let source = noisy::<f64>(&shape, Order::C, 17);
    let request = irfftn(&source, &[1, 2, 0], 9);
    let plan =
        wished(|resources| request.plan::<f64>(resources), 2, |plan| plan.plan().passes.len() == 3);
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        let mut scratch = beside::<_, C64>(sink, &shape)?;
        plan.run_through(&source, &mut scratch, sink, control)
    };
    Case { name: "irfftn axis by axis", shape: IxDyn(&[9, 30, 40]), run: &run }.survives();
}

#[test]
fn cosine_transforms_go_on() {
    let source = noisy_reals::<f64>(&[60, 30], Order::C, 18);
    for axis in [0, 1] {
        let request = dct(&source, axis, Trigonometric::Dct2);
        let plan = wished(
            |resources| request.plan::<f64>(resources),
            2,
            |plan| plan.plan().passes[0].tiles > 8,
        );
        let run =
            |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
        Case { name: "dct", shape: IxDyn(&[60, 30]), run: &run }.check();
    }
}

#[test]
fn lanes_longer_than_the_budget_go_on() {
    let source = noisy::<f32>(&[LONG], Order::C, 19);
    let request = fft(&source, 0);
    let plan = request.plan::<f32>(resources(1 << 20, 2)).unwrap();
    assert_eq!((plan.plan().passes.len(), plan.plan().scratch_bytes), (2, 0));
    let run = |sink: &mut Dying<Complex<f32>, IxDyn>, control: Control<'_>| {
        let mut scratch = beside::<_, Complex<f32>>(sink, &[LONG])?;
        plan.run_through(&source, &mut scratch, sink, control)
    };
    Case { name: "a long lane", shape: IxDyn(&[LONG]), run: &run }.survives_some(6, 4);
    // In its place, so that the source is read once more for strips that may be there or not.
    let run = |sink: &mut Dying<Complex<f32>, IxDyn>, control: Control<'_>| {
        plan.run(&source, sink, control)
    };
    let case = Case { name: "a long lane in its place", shape: IxDyn(&[LONG]), run: &run };
    case.survives_some(6, 2);
    case.rests();
    let (shape, order) = ([3, LONG, 2], Order::C);
    let source = noisy::<f32>(&shape, order, 19);
    let plan = fft(&source, 1).plan::<f32>(resources(3 << 20, 2)).unwrap();
    let run = |sink: &mut Dying<Complex<f32>, IxDyn>, control: Control<'_>| {
        plan.run(&source, sink, control)
    };
    let case = Case { name: "long lanes with neighbours", shape: IxDyn(&shape), run: &run };
    case.survives_some(4, 1);
}

/// A stage reads what the one before it has written, which is there or has been overwritten.
#[test]
fn chains_of_stages_go_on() {
    for shape in [[2, LONG], [LONG, 2]] {
        let source = noisy::<f32>(&shape, Order::C, 20);
        let plan = fftn(&source, &[0, 1]).plan::<f32>(resources(2 << 20, 2)).unwrap();
        assert_eq!(plan.plan().passes.len(), 3);
        let run = |sink: &mut Dying<Complex<f32>, IxDyn>, control: Control<'_>| {
            let mut scratch = beside::<_, Complex<f32>>(sink, &shape)?;
            plan.run_with_scratch(&source, &mut scratch, sink, control)
        };
        let case = Case { name: "a chain", shape: IxDyn(&shape), run: &run };
        case.survives_some(3, 1);
        case.rests();
    }
}

#[test]
fn real_lanes_longer_than_the_budget_go_on() {
    let source = noisy_reals::<f32>(&[LONG_REALS], Order::C, 20);
    let plan = rfft(&source, 0).plan::<f32>(resources(1 << 20, 2)).unwrap();
    assert!(plan.plan().scratch_bytes > 0);
    let run = |sink: &mut Dying<Complex<f32>, IxDyn>, control: Control<'_>| {
        let mut scratch = beside::<_, Complex<f32>>(sink, plan.scratch_shape().slice())?;
        plan.run_through(&source, &mut scratch, sink, control)
    };
    Case { name: "a long real lane", shape: IxDyn(plan.shape()), run: &run }.survives_some(3, 2);
    let spectrum = noisy::<f32>(&[LONG + 1], Order::C, 21);
    let plan = irfft(&spectrum, 0, LONG_REALS).plan::<f32>(resources(1 << 20, 2)).unwrap();
    assert!(plan.plan().scratch_bytes > 0);
    let run = |sink: &mut Dying<f32, IxDyn>, control: Control<'_>| {
        let mut scratch = beside::<_, Complex<f32>>(sink, &[LONG + 1])?;
        plan.run_through(&spectrum, &mut scratch, sink, control)
    };
    let shape = IxDyn(&[LONG_REALS]);
    Case { name: "half of a long spectrum", shape, run: &run }.survives_some(3, 2);
}

/// Stops in the last pass, of which marks are durable: so must be what it reads of the passes before it.
fn syncs_its_scratch<T: Element>(
    shape: &[usize],
    run: &Operation<'_, T, IxDyn>,
    syncs: &AtomicUsize,
) {
    let case = Case { name: "through scratch", shape: IxDyn(shape), run };
    let folder = quick_folder();
    let pace = (Duration::MAX, Duration::MAX);
    let (mut sink, mut journal) = case.begin(&folder.path().join("out.npy"), usize::MAX, pace);
    let stop = Arc::clone(&sink.written);
    let control = Control::new().cancelled_by(&stop).journal(&mut journal);
    assert!(matches!(run(&mut sink, control), Err(Error::Cancelled)));
    assert_eq!(syncs.load(Ordering::Relaxed), 1);
}

#[test]
fn a_durable_mark_holds_for_the_scratch_array_too() {
    let syncs = AtomicUsize::new(0);
    let zeros = |shape: &[usize]| Faulty::new(ArrayD::<C64>::zeros(IxDyn(shape)));
    let shape = [40, 60];
    let source = noisy::<f64>(&shape, Order::C, 22);
    let request = ifftn(&source, &[0, 1]).real_part();
    let plan = wished(|of| request.plan::<f64>(of), 2, |plan| plan.plan().scratch_bytes > 0);
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        let mut scratch = zeros(&shape);
        let outcome =
            plan.run_through(&source, &mut scratch, &mut sink.map_sink(|x: C64| x.re), control);
        syncs.store(scratch.syncs(), Ordering::Relaxed);
        outcome
    };
    syncs_its_scratch(&shape, &run, &syncs);

    let request = irfftn(&source, &[0, 1], 118);
    let plan = wished(|of| request.plan::<f64>(of), 2, |plan| plan.plan().scratch_bytes > 0);
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        let mut scratch = zeros(&shape);
        let outcome = plan.run_through(&source, &mut scratch, sink, control);
        syncs.store(scratch.syncs(), Ordering::Relaxed);
        outcome
    };
    syncs_its_scratch(&[40, 118], &run, &syncs);

    let reals = source.map(|x| x.re);
    let response = |_: &[f64]| C64::new(0.5, 0.0);
    let filter = |of| spectral_filter(&reals, response).plan::<f64>(of);
    let plan = wished(filter, 2, |plan| plan.plan().scratch_bytes > 0);
    let run = |sink: &mut Dying<f64, IxDyn>, control: Control<'_>| {
        let mut scratch = zeros(plan.scratch_shape().slice());
        let outcome = plan.run_through(&reals, &mut scratch, sink, control);
        syncs.store(scratch.syncs(), Ordering::Relaxed);
        outcome
    };
    syncs_its_scratch(&shape, &run, &syncs);
}

#[test]
fn filters_and_convolutions_go_on_in_any_pass() {
    let response = |f: &[f64]| C64::new((f[0] * 3.0 + f[1]).cos(), 0.0);
    let source = random::<f64>((40, 60), Order::C, 12);
    let filter = |bytes| spectral_filter(&source, response).plan::<C64>(resources(bytes, 2));
    let plan = filter(crate::support::needed(filter)).unwrap();
    assert_eq!((plan.plan().passes.len(), plan.plan().kept_bytes), (3, 0));
    let run = |sink: &mut Dying<C64, Ix2>, control: Control<'_>| plan.run(&source, sink, control);
    Case { name: "filter", shape: Ix2(40, 60), run: &run }.check();

    let source = crate::support::in_order(&source.map(|x| x.re), Order::F);
    let filter = |bytes| spectral_filter(&source, response).plan::<f64>(resources(bytes, 2));
    let plan = filter(crate::support::needed(filter)).unwrap();
    let through = Options::new().order(Order::F);
    let run = |sink: &mut Dying<f64, Ix2>, control: Control<'_>| {
        let mut scratch = sink.output.scratch::<C64, _>(plan.scratch_shape(), &through)?;
        plan.run_through(&source, &mut scratch, sink, control)
    };
    Case { name: "filter of real numbers", shape: Ix2(40, 60), run: &run }.check();

    let kernel = random::<f64>((9, 50), Order::C, 13).map(|x| x.re);
    let convolution = |bytes| fftconvolve(&source, &kernel).plan::<f64>(resources(bytes, 2));
    let plan = convolution(crate::support::needed(convolution)).unwrap();
    assert_eq!(plan.plan().passes.len(), 4);
    let run = |sink: &mut Dying<f64, Ix2>, control: Control<'_>| {
        let mut scratch = sink.output.scratch::<C64, _>(plan.scratch_shape(), &through)?;
        plan.run(&source, &kernel, &mut scratch, sink, control)
    };
    Case { name: "convolution", shape: plan.output_shape(), run: &run }.check();
}

#[test]
fn what_works_in_place_refuses_a_journal() {
    let folder = quick_folder();
    let output = Output::<u8, _>::create(folder.path().join("out.npy"), 1).unwrap();
    let mut journal = output.journal(Work::new("in place")).unwrap();
    let mut array = random::<f64>((8, 8), Order::C, 9);
    let before = array.clone();
    let plan = fft2(&array).in_place().plan::<f64>(Budget::new(1 << 20)).unwrap();
    let error = plan.run_in_place(&mut array, Control::new().journal(&mut journal)).unwrap_err();
    assert!(matches!(error, Error::NotResumable), "{error}");
    let plan = map_tiles(&array, (4, 4)).plan_in_place::<C64>(Budget::new(1 << 20)).unwrap();
    let run = plan.run_in_place(&mut array, |_, _| (), Control::new().journal(&mut journal));
    assert!(matches!(run.unwrap_err(), Error::NotResumable));
    assert_eq!(array, before);
}

#[test]
fn a_changed_plan_or_input_is_refused_with_the_reason() {
    let folder = quick_folder();
    let (input, path) = (folder.path().join("in.npy"), folder.path().join("out.npy"));
    let write = |value: i32, len: usize| {
        let mut file = FileArrayMut::<i32, _>::create(&input, len).unwrap();
        file.write_window(0..len, &ndarray::Array1::from_elem(len, value)).unwrap();
        file.close().unwrap();
    };
    write(1, 100);
    let work = |text: &str| Work::new(text).input(&FileInfo::of_npy(&input).unwrap());
    let output = Output::<i32, _>::create(&path, 100).unwrap();
    let mut journal = output.journal(work("a plan")).unwrap();
    journal
        .record(
            outcore_storage::Mark { tiles: 3, ..Default::default() },
            true,
            std::time::Instant::now(),
            &mut |_| Ok(()),
        )
        .unwrap();
    drop(output);
    let resume = |len: usize, work: Work| {
        let output = Output::<i32, _>::with_options(&path, len, &Options::new().resume(true))?;
        output.journal(work).map(|journal| journal.mark().unwrap().tiles)
    };
    assert_eq!(resume(100, work("a plan")).unwrap(), 3);
    let error = resume(100, work("another plan")).unwrap_err().to_string();
    assert!(error.contains("\"a plan\"") && error.contains("\"another plan\""), "{error}");
    let error = resume(99, work("a plan")).unwrap_err().to_string();
    assert!(error.contains("528") && error.contains("524"), "{error}");
    std::thread::sleep(Duration::from_millis(20));
    write(2, 100);
    let error = resume(100, work("a plan")).unwrap_err().to_string();
    assert!(error.contains("in.npy") && error.contains("modified at"), "{error}");
    // What was refused is still there.
    assert!(folder.path().join("out.npy.partial").exists());
    // And is named, when somebody begins anew.
    let error = Output::<i32, _>::create(&path, 100).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unfinished), "{error}");
    assert!(error.to_string().contains("out.npy.partial"), "{error}");
    let replaced =
        Output::<i32, _>::with_options(&path, 100, &Options::new().replace(true)).unwrap();
    assert_eq!(replaced.journal(work("a plan")).unwrap().mark(), None);
}

#[test]
fn arrays_of_arrays_are_of_any_dimension() {
    let source: ArrayD<i32> = integers(&[17, 6, 5, 9], Order::F, 10, 1000);
    let plan = scan(&source, 1, CumSum).plan::<i32>(resources(8 << 10, 1)).unwrap();
    let run = |sink: &mut Dying<i64, IxDyn>, control: Control<'_>| plan.run(&source, sink, control);
    Case { name: "4-D", shape: IxDyn(&[17, 6, 5, 9]), run: &run }.check();
}
