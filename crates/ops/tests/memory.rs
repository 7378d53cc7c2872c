//! The budget is a ceiling on what planning and running take from the heap, measured by an
//! allocator that counts; and large arrays make use of it.

#![expect(unsafe_code, reason = "an allocator that counts is one that allocates")]

mod support;

use ndarray::{Array2, ArrayD, Dimension, Ix2, IxDyn, Slice};
use num_complex::Complex;
use outcore_ops::{
    AnySource, Control, CumSum, Direction, Error, Expression, Norm, Real, Resources, SinkExt,
    TileFft2, ToComplex, Trigonometric, Variance, dct, dft2_bins, fft2, fftconvolve, fftn, ifftn,
    irfft, irfftn, lazy, map_tiles, power_spectrum, radial_spectrum, reduce, rfft, rfftn, scan,
    spectral_filter, store, thumbnail, transpose_in_place,
};
use outcore_storage::{
    Cache, Element, FileArray, FileArrayMut, Options, Order, Sink, Source, Stored,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::{LONG, LONG_REALS, Number, ORDERS, folder, in_order, needed, resources};

struct Counted;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

fn shrink(bytes: usize) {
    HELD.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator; `realloc` is the default, which
// allocates anew.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is that of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is that of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's promise is that of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Two tests at a time would count each other's memory. What storage holds for as long as the process
/// lives, once it transfers something past the page cache, is the process's and no operation's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder().unwrap();
    let options = Options::new().cache(Cache::Bypass);
    let path = folder.path().join("first.npy");
    let file: FileArrayMut<u8, Ix2> = options.create(path, (1, 8192)).unwrap();
    file.read().unwrap();
    alone
}

/// The most that work takes from the heap at a time.
fn peak(work: impl FnOnce()) -> u64 {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    (PEAK.load(Ordering::Relaxed) - before) as u64
}

/// Checks a peak against its budget, and that a large array makes use of the budget.
fn within(peak: u64, budget: u64, large: bool, what: &str) {
    assert!(peak <= budget, "{what}: took {peak} of {budget} bytes, {} too many", peak - budget);
    assert!(!large || peak > budget / 2, "{what}: took only {peak} of {budget} bytes");
}

/// Transforms in place an array that is in memory already.
fn transform<T: Number>(shape: (usize, usize), order: Order, budgets: &[u64], threads: &[usize])
where
    Complex<T>: Element,
{
    let mut array = in_order(&Array2::<Complex<T>>::ones(shape), order);
    let bytes = (array.len() * size_of::<Complex<T>>()) as u64;
    for &budget in budgets {
        for &threads in threads {
            let mut passes = 0;
            let peak = peak(|| {
                let plan = fft2(&array).in_place().plan::<T>(resources(budget, threads)).unwrap();
                passes = plan.plan().passes.len();
                plan.run_in_place(&mut array, Control::new()).unwrap();
            });
            let what = format!("{shape:?} {order} {budget} {threads}");
            assert!(passes == 2 || bytes < budget, "{what}: {passes} passes");
            within(peak, budget, bytes > budget, &what);
        }
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn square_arrays_stay_within_the_budget() {
    let _alone = alone();
    transform::<f32>((1024, 1024), Order::C, &[4 * MIB, 5 * MIB, 7 * MIB], &[1, 2]);
    transform::<f64>((1024, 1024), Order::F, &[4 * MIB, 9 * MIB, 20 * MIB], &[2]);
    transform::<f32>((2048, 2304), Order::C, &[16 * MIB], &[2]);
    transform::<f32>((3072, 3072), Order::C, &[64 * MIB], &[2]);
}

#[test]
fn budgets_between_the_sizes_of_whole_tiles_are_kept() {
    let _alone = alone();
    // A row of two pages: tiles are cut on page boundaries, of which there are few.
    for quarters in 4..24 {
        let budget = quarters * MIB / 4;
        transform::<f32>((600, 1024), Order::C, &[budget], &[1]);
        transform::<f32>((1536, 300), Order::F, &[budget], &[1]);
    }
}

/// The smallest budget that one pass is enough for.
fn one_pass(shape: (usize, usize), order: Order) -> u64 {
    let array = in_order(&Array2::<Complex<f32>>::zeros(shape), order);
    let (mut low, mut high) = (0, 1 << 30);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let plan = fft2(&array).plan::<f32>(resources(middle, 2));
        let enough = plan.is_ok_and(|plan| plan.plan().passes.len() == 1);
        if enough { high = middle } else { low = middle }
    }
    high
}

#[test]
fn budgets_just_too_small_for_one_pass_are_kept() {
    let _alone = alone();
    // The second has long scratch for its rows, so that its columns alone would fit.
    for shape in [(600, 1024), (300, 6656), (64, 13_312), (512, 512), (700, 1537)] {
        let budget = one_pass(shape, Order::C);
        for less in [1, 10_000, 100_000, 500_000] {
            transform::<f32>(shape, Order::C, &[budget - less], &[2]);
        }
    }
}

#[test]
fn tall_and_wide_arrays_stay_within_the_budget() {
    let _alone = alone();
    transform::<f32>((100_000, 30), Order::C, &[16 * MIB], &[1, 2]);
    transform::<f32>((30, 100_000), Order::F, &[16 * MIB], &[2]);
    transform::<f32>((30, 100_000), Order::C, &[12 * MIB], &[1, 2]);
    transform::<f64>((20_000, 40), Order::C, &[4 * MIB], &[2]);
}

#[test]
fn prime_lengths_stay_within_the_budget() {
    let _alone = alone();
    transform::<f32>((1009, 1013), Order::C, &[4 * MIB], &[1, 2]);
    transform::<f32>((503, 10_007), Order::C, &[8 * MIB, 16 * MIB], &[2]);
    transform::<f64>((10_007, 103), Order::C, &[8 * MIB], &[2]);
    transform::<f32>((65_537, 20), Order::C, &[10 * MIB], &[1]);
}

#[test]
fn a_single_lane_stays_within_the_budget_or_is_refused() {
    let _alone = alone();
    for shape in [(1, 4_000_000), (4_000_000, 1)] {
        let mut array = Array2::<Complex<f32>>::ones(shape);
        let needed =
            support::needed(|bytes| fft2(&array).in_place().plan::<f32>(resources(bytes, 2)));
        assert!(needed < 5 * 32_000_000, "a lane, its table and scratch for two threads");
        for budget in [4, 16, 64, 80, 96, 128, 160].map(|mib| mib * MIB) {
            let mut refused = false;
            let peak = peak(|| match fft2(&array).in_place().plan::<f32>(resources(budget, 2)) {
                Ok(plan) => {
                    plan.run_in_place(&mut array, Control::new()).unwrap();
                }
                Err(Error::Budget { .. }) => refused = true,
                Err(other) => panic!("{other}"),
            });
            assert_eq!(refused, budget < needed, "{shape:?} {budget}");
            within(peak, if refused { 4096 } else { budget }, false, "a single lane");
        }
    }
}

/// A file of zeros that takes no disk.
fn file<T: Element>(
    folder: &Path,
    name: &str,
    shape: (usize, usize),
    options: &Options,
) -> FileArrayMut<T, Ix2> {
    options.clone().sparse(true).create(folder.join(name), shape).unwrap()
}

/// Transforms from a source to a file.
fn transform_into<T: Real, R, S>(source: &R, sink: &mut S, budget: u64, threads: usize, what: &str)
where
    Complex<T>: Element,
    R: Source<Complex<T>, Ix2>,
    S: Source<Complex<T>, Ix2> + Sink<Complex<T>, Ix2>,
{
    let bytes = source.layout().len() as u64 * size_of::<Complex<T>>() as u64;
    let peak = peak(|| {
        let plan = fft2(source).plan::<T>(resources(budget, threads)).unwrap();
        plan.run(source, sink, Control::new()).unwrap();
    });
    within(peak, budget, bytes > budget, what);
}

#[test]
fn staging_between_orders_and_types_is_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    let shape = (1400, 1024);
    for (cache, orders) in [(Cache::Use, &ORDERS[1..]), (Cache::Bypass, &ORDERS[..])] {
        for &order in orders {
            let out = Options::new().cache(cache);
            let options = out.clone().order(order);
            let mut sink = file::<Complex<f32>>(folder.path(), "out.npy", shape, &out);
            let ram = in_order(&Array2::<Complex<f32>>::ones(shape), order);
            let real: FileArrayMut<f32, Ix2> = file(folder.path(), "f4.npy", shape, &options);
            let foreign = options.clone().byte_order(outcore_storage::ByteOrder::Big);
            let foreign: FileArrayMut<f64, Ix2> = file(folder.path(), "f8.npy", shape, &foreign);
            let flags: FileArrayMut<bool, Ix2> = file(folder.path(), "b1.npy", shape, &options);
            for budget in [4 * MIB, 10 * MIB] {
                let what = |kind| format!("{kind} {cache:?} {order} {budget}");
                transform_into::<f32, _, _>(&ram, &mut sink, budget, 2, &what("memory"));
                let source = lazy(&real).map(f32::to_complex);
                transform_into::<f32, _, _>(&source, &mut sink, budget, 2, &what("f32"));
                #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
                let source = lazy(&foreign).map(|x: f64| Complex::new(x as f32, 0.0));
                transform_into::<f32, _, _>(&source, &mut sink, budget, 1, &what("big-endian f64"));
                let source = lazy(&flags).map(bool::to_complex);
                transform_into::<f32, _, _>(&source, &mut sink, budget, 1, &what("bool"));
            }
        }
    }
}

#[test]
fn the_real_part_through_scratch_is_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    let shape = (1400, 1024);
    for (cache, order) in [(Cache::Use, Order::C), (Cache::Bypass, Order::F)] {
        let options = Options::new().cache(cache).order(order);
        let source: FileArrayMut<f32, Ix2> = file(folder.path(), "in.npy", shape, &options);
        let mut scratch: FileArrayMut<Complex<f32>, Ix2> =
            file(folder.path(), "scratch.npy", shape, &options);
        let mut out: FileArrayMut<f32, Ix2> = file(folder.path(), "out.npy", shape, &options);
        for budget in [4 * MIB, 10 * MIB] {
            let source = lazy(&source).map(f32::to_complex);
            let mut sink = out.map_sink(|x: Complex<f32>| x.re);
            let peak = peak(|| {
                let plan = fft2(&source).real_part().plan::<f32>(resources(budget, 2)).unwrap();
                plan.run_through(&source, &mut scratch, &mut sink, Control::new()).unwrap();
            });
            within(peak, budget, true, &format!("{cache:?} {order} {budget}"));
        }
    }
}

#[test]
fn tiles_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    let shape = (2000, 3000);
    let mut out: FileArrayMut<Complex<f32>, Ix2> =
        file(folder.path(), "out.npy", shape, &Options::new());
    let field = Array2::<f32>::ones(shape);
    for (tile, threads) in [((256, 256), 1), ((100, 101), 2), ((1, 3000), 2), ((499, 499), 2)] {
        for budget in [16 * MIB, 32 * MIB] {
            let what = format!("{tile:?} {threads} {budget}");
            let resources = resources(budget, threads);
            let (forward, backward) = (Direction::Forward, Norm::Backward);
            let peak = peak(|| {
                let fft = TileFft2::<f32>::new(shape, tile, forward, backward, resources);
                let plan = map_tiles(&field, tile).kernel_bytes(fft.bytes());
                let plan = plan.plan::<f32, Complex<f32>>(resources).unwrap();
                let kernel =
                    |_: &_, x: ndarray::ArrayView2<'_, f32>, y: ndarray::ArrayViewMut2<'_, _>| {
                        fft.apply(x, y, f32::to_complex, |x| x);
                    };
                plan.run(&field, &mut out, kernel, Control::new()).unwrap();
            });
            within(peak, budget, true, &what);
        }
    }
}

#[test]
fn pictures_and_single_frequencies_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    let shape = (1500, 2048);
    for cache in [Cache::Use, Cache::Bypass] {
        for order in ORDERS {
            let options = Options::new().cache(cache).order(order);
            file::<f32>(folder.path(), "in.npy", shape, &options).close().unwrap();
            let source: FileArray<f32, Ix2> = options.open(folder.path().join("in.npy")).unwrap();
            for budget in [5 * MIB, 8 * MIB] {
                let resources = resources(budget, 2);
                let what = format!("{cache:?} {order} {budget}");
                let one = peak(|| {
                    let plan = thumbnail(&source, (512, 512)).plan::<f32>(resources).unwrap();
                    let (picture, _) = plan.run(&source, f64::from, Control::new()).unwrap();
                    assert!(picture.iter().all(|mean| mean.abs() < 1e-9));
                });
                within(one, budget, false, &what);
                let two = peak(|| {
                    let wide = |x: f32| Complex::new(f64::from(x), 0.0);
                    let bins = [[1, 2]; 40];
                    dft2_bins(&source, &bins, wide, resources, Control::new()).unwrap();
                });
                within(two, budget, false, &what);
            }
        }
    }
}

#[test]
fn expressions_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    let shape = (1500, 1024);
    let path = |name: &str| folder.path().join(name);
    for order in ORDERS {
        let options = Options::new().order(order);
        let foreign = options.clone().byte_order(outcore_storage::ByteOrder::Big);
        file::<f64>(folder.path(), "f8.npy", shape, &foreign).close().unwrap();
        file::<bool>(folder.path(), "b1.npy", shape, &options).close().unwrap();
        let x = FileArray::<f64, IxDyn>::open(path("f8.npy")).unwrap();
        let flags = FileArray::<bool, IxDyn>::open(path("b1.npy")).unwrap();
        let inputs = [("x", AnySource::F64(&x)), ("b", AnySource::Bool(&flags))];
        // One that reads more than it writes, and one with a register for each of its levels.
        let deep = format!("abs(b{}{}) > 1", "+(1j*x".repeat(60), ")".repeat(60));
        for text in ["(x > 0) & b", &deep] {
            let source = Expression::parse(text).unwrap().bind(&inputs).unwrap();
            for budget in [4 * MIB, 20 * MIB] {
                let mut sink: FileArrayMut<bool, IxDyn> = options
                    .clone()
                    .sparse(true)
                    .create(path("out.npy"), IxDyn(&[1500, 1024]))
                    .unwrap();
                let peak = peak(|| {
                    let plan = store(&source).plan::<bool>(resources(budget, 2)).unwrap();
                    plan.run(&source, &mut sink, Control::new()).unwrap();
                });
                within(peak, budget, false, &format!("{text} {order} {budget}"));
                let peak = self::peak(|| {
                    let plan = source.plan::<bool>(resources(budget, 2)).unwrap();
                    plan.run(&source, &mut sink, Control::new()).unwrap();
                });
                within(peak, budget, false, &format!("the pass of {text} {order} {budget}"));
            }
        }
    }
}

/// Runs an operation within budgets from the smallest on.
fn budgets_are_kept(what: &str, run: impl Fn(u64) -> Result<(), Error>) {
    let mut ran = 0;
    for budget in [MIB / 2, MIB, 2 * MIB, 5 * MIB, 12 * MIB] {
        let mut refused = false;
        let peak = peak(|| match run(budget) {
            Err(Error::Budget { .. }) => refused = true,
            result => result.unwrap(),
        });
        ran += usize::from(!refused);
        within(peak, budget, false, &format!("{what} within {budget}"));
    }
    assert!(ran >= 2, "{what} was refused {} times", 5 - ran);
}

#[test]
fn copies_reductions_and_scans_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    for shape in [(1200, 1100), (1, 1_400_000), (450_000, 3)] {
        for order in ORDERS {
            let options = Options::new().order(order);
            let input = file::<f32>(folder.path(), "in.npy", shape, &options);
            // Sources in sources: each copies what it reads once more.
            let every = [Slice::from(..), Slice::from(..)];
            let nested = lazy(&input).slice(&every).unwrap().map(|x| x + 1.0).map(f64::from);
            let nested = nested.zip(lazy(&input).map(f64::from), |x, y| x * y).unwrap();
            let of =
                |rows, columns| file::<f64>(folder.path(), "out.npy", (rows, columns), &options);
            let threads = 2;
            budgets_are_kept(&format!("copy of {shape:?} {order}"), |budget| {
                let plan = store(&nested).plan::<f64>(resources(budget, threads))?;
                plan.run(&nested, &mut of(shape.0, shape.1), Control::new()).map(|_| ())
            });
            let turned = lazy(&nested).permuted_axes(&[1, 0]).unwrap();
            budgets_are_kept(&format!("transposition of {shape:?} {order}"), |budget| {
                let plan = store(&turned).order(order).plan::<f64>(resources(budget, threads))?;
                plan.run(&turned, &mut of(shape.1, shape.0), Control::new()).map(|_| ())
            });
            for axis in [0, 1] {
                budgets_are_kept(&format!("scan of {shape:?} {order} along {axis}"), |budget| {
                    let plan =
                        scan(&nested, axis, CumSum).plan::<f64>(resources(budget, threads))?;
                    plan.run(&nested, &mut of(shape.0, shape.1), Control::new()).map(|_| ())
                });
                budgets_are_kept(
                    &format!("variance of {shape:?} {order} along {axis}"),
                    |budget| {
                        let request = reduce(&nested, Variance::new(0)).axes(&[axis]).keep_dims();
                        let plan = request.plan::<f64>(resources(budget, threads))?;
                        let (rows, columns) = (plan.shape()[0], plan.shape()[1]);
                        plan.run(&nested, &mut of(rows, columns), Control::new()).map(|_| ())
                    },
                );
            }
        }
    }
}

#[test]
fn squares_in_place_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    for (side, cache) in [(1024, Cache::Bypass), (1100, Cache::Use), (1009, Cache::Bypass)] {
        for order in ORDERS {
            let options = Options::new().order(order).cache(cache);
            let mut array = file::<f32>(folder.path(), "in.npy", (side, side), &options);
            for budget in [MIB / 2, MIB, 3 * MIB, 20 * MIB] {
                let peak = peak(|| {
                    let plan = transpose_in_place(&array).plan::<f32>(resources(budget, 2));
                    plan.unwrap().run(&mut array, Control::new()).unwrap();
                });
                within(peak, budget, false, &format!("{side} {order} {budget}"));
            }
        }
    }
}

/// Checks that an operation on an array of some shape keeps to a budget on any number of threads, and to
/// smaller ones where they are enough.
fn keeps_to<P>(
    what: &str,
    shape: (usize, usize),
    plan: impl Fn(Resources) -> outcore_ops::Result<P>,
    run: impl Fn(&P),
) {
    // The larger arrays take time, and smaller budgets and more threads make no difference to them.
    let count = if shape.0 * shape.1 < 1_200_000 { 5 } else { 2 };
    let cases = [(BUDGET, 1), (BUDGET, 4), (MIB / 2, 1), (MIB / 2, 4), (MIB, 32)];
    for (budget, threads) in cases.into_iter().take(count) {
        let peak = peak(|| match plan(resources(budget, threads)) {
            Err(Error::Budget { .. }) if budget < BUDGET => {}
            plan => run(&plan.unwrap()),
        });
        let what = format!("{what} of {shape:?} within {budget} on {threads} threads");
        within(peak, budget, false, &what);
    }
}

const BUDGET: u64 = 2 * MIB;

/// Checks the same of transforms.
fn transforms_keep_to(folder: &Path, shape: (usize, usize)) {
    let options = Options::new();
    let of = |name: &str| file::<f32>(folder, name, shape, &options);
    let complex = |name: &str| file::<Complex<f32>>(folder, name, shape, &options);
    let input = of("real.npy");
    let wide = lazy(&input).map(f32::to_complex);
    keeps_to(
        "fft2",
        shape,
        |resources| fft2(&wide).plan::<f32>(resources),
        |plan| drop(plan.run(&wide, &mut complex("out.npy"), Control::new()).unwrap()),
    );
    keeps_to(
        "fft2 in place",
        shape,
        |resources| fft2(&complex("out.npy")).in_place().plan::<f32>(resources),
        |plan| drop(plan.run_in_place(&mut complex("out.npy"), Control::new()).unwrap()),
    );
    keeps_to(
        "fft2 through scratch",
        shape,
        |resources| fft2(&wide).real_part().plan::<f32>(resources),
        |plan| {
            let (mut scratch, mut out) = (complex("scratch.npy"), of("out.npy"));
            let mut sink = out.map_sink(|x: Complex<f32>| x.re);
            plan.run_through(&wide, &mut scratch, &mut sink, Control::new()).unwrap();
        },
    );
}

/// Checks the same of filters and convolutions.
fn spectral_work_keeps_to(folder: &Path, shape: (usize, usize), options: &Options) {
    let of = |name: &str, shape| file::<f32>(folder, name, shape, options);
    let complex = |name: &str, shape| file::<Complex<f32>>(folder, name, shape, options);
    let response = |f: &[f64]| Complex::from(if f[0].abs() < 0.25 { 1.0_f32 } else { 0.0 });
    let (real, wide) = (of("real.npy", shape), complex("wide.npy", shape));
    keeps_to(
        "filter",
        shape,
        |resources| spectral_filter(&wide, response).plan::<Complex<f32>>(resources),
        |plan| drop(plan.run(&wide, &mut complex("out.npy", shape), Control::new()).unwrap()),
    );
    // Along one axis alone lanes are gathered, in one order of the file.
    for axes in [&[0, 1][..], &[0]] {
        keeps_to(
            "filter of real numbers",
            shape,
            |resources| spectral_filter(&real, response).axes(axes).plan::<f32>(resources),
            |plan| {
                let between = plan.scratch_shape().into_pattern();
                let mut scratch = complex("scratch.npy", between);
                let mut out = of("out.npy", shape);
                plan.run_through(&real, &mut scratch, &mut out, Control::new()).unwrap();
            },
        );
    }
    keeps_to(
        "power spectrum",
        shape,
        |resources| power_spectrum(&real).plan::<f32>(resources),
        |plan| {
            let (mut scratch, mut out) = (complex("scratch.npy", shape), of("out.npy", shape));
            plan.run(&real, &mut scratch, &mut out, Control::new()).unwrap();
        },
    );
    keeps_to(
        "radial spectrum",
        shape,
        |resources| radial_spectrum(&real).plan::<f32>(resources),
        |plan| {
            let mut scratch = complex("scratch.npy", plan.scratch_shape().into_pattern());
            drop(plan.run(&real, &mut scratch, Control::new()).unwrap());
        },
    );
    for kernel in [(shape.0.min(200), shape.1 / 3 + 1), (5, 7)] {
        let kernel = of("kernel.npy", kernel);
        keeps_to(
            "convolution",
            shape,
            |resources| fftconvolve(&real, &kernel).plan::<f32>(resources),
            |plan| {
                let between = plan.scratch_shape().into_pattern();
                let mut scratch = complex("scratch.npy", between);
                let mut out = of("out.npy", plan.output_shape().into_pattern());
                plan.run(&real, &kernel, &mut scratch, &mut out, Control::new()).unwrap();
            },
        );
    }
}

#[test]
fn filters_and_convolutions_stay_within_the_budget() {
    let _alone = alone();
    let folder = folder().unwrap();
    for (shape, order, cache) in [
        ((512, 1024), Order::C, Cache::Use),
        ((1009, 1013), Order::F, Cache::Bypass),
        ((3000, 40), Order::C, Cache::Bypass),
        ((40, 3000), Order::C, Cache::Use),
    ] {
        spectral_work_keeps_to(folder.path(), shape, &Options::new().order(order).cache(cache));
    }
}

#[test]
fn neither_the_size_of_an_array_nor_the_threads_make_a_difference() {
    let _alone = alone();
    let folder = folder().unwrap();
    let options = Options::new();
    // Once, four and eight times the budget, and odd shapes of twice as much.
    let sides = [(512, 1024), (1024, 2048), (2048, 2048)];
    for shape in sides.into_iter().chain([(350_000, 3), (3, 350_000), (1, 1_100_000)]) {
        let of = |name: &str| file::<f32>(folder.path(), name, shape, &options);
        let input = of("in.npy");
        let turned = lazy(&input).permuted_axes(&[1, 0]).unwrap();
        keeps_to(
            "copy",
            shape,
            |resources| store(&input).plan::<f32>(resources),
            |plan| drop(plan.run(&input, &mut of("out.npy"), Control::new()).unwrap()),
        );
        keeps_to(
            "transposition",
            shape,
            |resources| store(&turned).plan::<f32>(resources),
            |plan| {
                let (rows, columns) = shape;
                let mut out = file::<f32>(folder.path(), "out.npy", (columns, rows), &options);
                plan.run(&turned, &mut out, Control::new()).unwrap();
            },
        );
        let any = FileArray::<f32, IxDyn>::open(folder.path().join("in.npy")).unwrap();
        let parsed = Expression::parse("a * a + sin(a) > 0").unwrap();
        let bound = parsed.bind(&[("a", AnySource::F32(&any))]).unwrap();
        keeps_to(
            "expression",
            shape,
            |resources| store(&bound).plan::<bool>(resources),
            |plan| {
                let shape = IxDyn(&[shape.0, shape.1]);
                let mut out =
                    options.create::<bool, _>(folder.path().join("out.npy"), shape).unwrap();
                plan.run(&bound, &mut out, Control::new()).unwrap();
            },
        );
        let tile = (shape.0.min(100), shape.1.min(100));
        keeps_to(
            "map_tiles",
            shape,
            |resources| map_tiles(&input, tile).plan::<f32, f32>(resources),
            |plan| {
                let double =
                    |_: &_,
                     from: ndarray::ArrayView2<'_, f32>,
                     mut to: ndarray::ArrayViewMut2<'_, f32>| {
                        to.zip_mut_with(&from, |to, from| *to = 2.0 * from);
                    };
                plan.run(&input, &mut of("out.npy"), double, Control::new()).unwrap();
            },
        );
        keeps_to(
            "map_tiles in place",
            shape,
            |resources| map_tiles(&input, tile).plan_in_place::<f32>(resources),
            |plan| {
                let double = |_: &_, mut tile: ndarray::ArrayViewMut2<'_, f32>| tile *= 2.0;
                plan.run_in_place(&mut of("out.npy"), double, Control::new()).unwrap();
            },
        );
        for axis in [0, 1] {
            keeps_to(
                "scan",
                shape,
                |resources| scan(&input, axis, CumSum).plan::<f32>(resources),
                |plan| drop(plan.run(&input, &mut of("out.npy"), Control::new()).unwrap()),
            );
        }
        keeps_to(
            "reduction",
            shape,
            |resources| reduce(&input, Variance::new(0)).plan::<f32>(resources),
            |plan| assert!(plan.value(&input, Control::new()).unwrap().abs() < f32::EPSILON),
        );
        // Of long rows there are results that are longer than the budget, block by block.
        for axis in [0, 1] {
            keeps_to(
                "reduction along an axis",
                shape,
                |resources| {
                    reduce(&input, Variance::new(0))
                        .axes(&[axis])
                        .keep_dims()
                        .plan::<f32>(resources)
                },
                |plan| {
                    let shape = (plan.shape()[0], plan.shape()[1]);
                    let mut out = file::<f32>(folder.path(), "out.npy", shape, &options);
                    plan.run(&input, &mut out, Control::new()).unwrap();
                },
            );
        }
        // Whole lanes of millions of elements do not fit.
        if shape.0.max(shape.1) < 10_000 {
            transforms_keep_to(folder.path(), shape);
        }
    }
}

/// Checks budgets from the smallest on, on one thread and on two; and that a refusal takes little itself.
fn all_budgets<P: Debug>(
    what: &str,
    plan: impl Fn(Resources) -> outcore_ops::Result<P>,
    mut run: impl FnMut(&P),
) {
    for threads in [1, 2] {
        let least = needed(|bytes| plan(resources(bytes, threads)));
        let budgets = [least, 5 * least, least + least / 3, 2 * least, 32 * MIB];
        // What fits one thread tells little of what lies between.
        let count = if threads == 1 { 2 } else { budgets.len() };
        // Of smaller budgets threads may take more than their part.
        for budget in budgets[..count].iter().map(|&budget| budget.max(256 << 10)) {
            let peak = peak(|| run(&plan(resources(budget, threads)).unwrap()));
            within(peak, budget, false, &format!("{what}, {budget} of {least}, {threads}"));
        }
        let peak = peak(|| drop(plan(resources(least - 1, threads)).unwrap_err()));
        within(peak, 64 << 10, false, &format!("{what}, refused"));
    }
}

/// Long lanes, prime and smooth, odd and even, first and last, and axes of length 1 between them.
const LONG_LANES: [(&[usize], &[usize]); 9] = [
    (&[5003, 37], &[0, 1]),
    (&[41, 4999], &[0, 1]),
    (&[2, 2048, 1, 45], &[3, 2, 1]),
    (&[3, 1009, 90], &[1, 2]),
    (&[12, 10, 1013], &[0, 1, 2]),
    (&[4999, 40], &[0]),
    (&[40, 5003], &[1]),
    (&[30, 4096, 3], &[1]),
    (&[1, 10_007, 1], &[0, 1, 2]),
];

fn of<T: Element>(shape: &[usize], order: Order) -> ArrayD<T> {
    in_order(&ArrayD::from_elem(IxDyn(shape), T::default()), order)
}

fn transforms_along_any_axes<T: Number>(order: Order)
where
    Complex<T>: Element,
{
    for (shape, axes) in LONG_LANES {
        let what = |kind| format!("{kind} of {shape:?} {order} along {axes:?}, {}", size_of::<T>());
        let (source, mut sink) = (of::<Complex<T>>(shape, order), of::<Complex<T>>(shape, order));
        all_budgets(
            &what("fftn"),
            |resources| fftn(&source, axes).plan::<T>(resources),
            |plan| drop(plan.run(&source, &mut sink, Control::new()).unwrap()),
        );
        all_budgets(
            &what("fftn in place"),
            |resources| ifftn(&source, axes).in_place().plan::<T>(resources),
            |plan| drop(plan.run_in_place(&mut sink, Control::new()).unwrap()),
        );
        let mut out = of::<T>(shape, order);
        all_budgets(
            &what("the real part"),
            |resources| fftn(&source, axes).real_part().plan::<T>(resources),
            |plan| {
                let mut real = out.map_sink(|x: Complex<T>| x.re);
                plan.run_through(&source, &mut sink, &mut real, Control::new()).unwrap();
            },
        );
    }
}

#[test]
fn transforms_along_any_axes_stay_within_the_budget() {
    let _alone = alone();
    transforms_along_any_axes::<f32>(Order::C);
    transforms_along_any_axes::<f64>(Order::F);
}

fn transforms_of_reals<T: Number>(order: Order)
where
    Complex<T>: Element,
{
    for (shape, axes) in LONG_LANES {
        let what = |kind| format!("{kind} of {shape:?} {order} along {axes:?}, {}", size_of::<T>());
        let last = *axes.last().unwrap();
        let mut half = shape.to_vec();
        half[last] = shape[last] / 2 + 1;
        let (mut reals, mut spectrum) = (of::<T>(shape, order), of::<Complex<T>>(&half, order));
        all_budgets(
            &what("rfftn"),
            |resources| rfftn(&reals, axes).plan::<T>(resources),
            |plan| drop(plan.run(&reals, &mut spectrum, Control::new()).unwrap()),
        );
        let mut scratch = spectrum.clone();
        all_budgets(
            &what("irfftn"),
            |resources| irfftn(&spectrum, axes, shape[last]).plan::<T>(resources),
            |plan| {
                plan.run_through(&spectrum, &mut scratch, &mut reals, Control::new()).unwrap();
            },
        );
    }
}

#[test]
fn transforms_of_real_numbers_stay_within_the_budget() {
    let _alone = alone();
    transforms_of_reals::<f32>(Order::C);
    transforms_of_reals::<f64>(Order::C);
    transforms_of_reals::<f32>(Order::F);
}

#[test]
fn real_lanes_of_a_million_stay_within_the_budget() {
    let _alone = alone();
    // Lanes that a complex transform would cut in two.
    for (shape, axes) in [([2, LONG], [0, 1]), ([LONG, 2], [1, 0]), ([LONG, 2], [0, 1])] {
        let last = axes[1];
        let mut half = shape;
        half[last] = shape[last] / 2 + 1;
        let reals = of::<f32>(&shape, Order::C);
        let mut spectrum = of::<Complex<f32>>(&half, Order::C);
        let smallest = needed(|bytes| rfftn(&reals, &axes).plan::<f32>(resources(bytes, 2)));
        for budget in [smallest, 2 * smallest] {
            let peak = peak(|| {
                let plan = rfftn(&reals, &axes).plan::<f32>(resources(budget, 2)).unwrap();
                plan.run(&reals, &mut spectrum, Control::new()).unwrap();
            });
            within(peak, budget, false, &format!("rfftn of {shape:?} along {axes:?} {budget}"));
        }
    }
}

#[test]
fn cosine_transforms_stay_within_the_budget() {
    use Trigonometric::{Dct1, Dct2, Dct3, Dct4, Dst1, Dst2, Dst3, Dst4};
    let _alone = alone();
    let kinds = [Dct1, Dct2, Dct3, Dct4, Dst1, Dst2, Dst3, Dst4];
    let shapes = [([5003, 40], 0), ([4097, 40], 0), ([60, 8192], 1), ([30, 15_000], 1)];
    for (kind, (shape, axis)) in kinds.into_iter().flat_map(|kind| shapes.map(|of| (kind, of))) {
        let what = format!("{kind:?} of {shape:?} along {axis}");
        let (source, mut sink) = (of::<f32>(&shape, Order::C), of::<f32>(&shape, Order::C));
        all_budgets(
            &what,
            |resources| dct(&source, axis, kind).plan::<f32>(resources),
            |plan| drop(plan.run(&source, &mut sink, Control::new()).unwrap()),
        );
        if shape[axis] < 5000 {
            continue;
        }
        let (source, mut sink) = (of::<f64>(&shape, Order::F), of::<f64>(&shape, Order::F));
        all_budgets(
            &what,
            |resources| dct(&source, axis, kind).plan::<f64>(resources),
            |plan| drop(plan.run(&source, &mut sink, Control::new()).unwrap()),
        );
    }
}

/// Transforms a file along axes one of which is long.
fn long_lane<T: Number>(shape: &[usize], axes: &[usize], order: Order, cache: Cache)
where
    Complex<T>: Element,
{
    let folder = folder().unwrap();
    let options = Options::new().cache(cache).order(order).sparse(true);
    let file = |name: &str| -> FileArrayMut<Complex<T>, IxDyn> {
        options.create(folder.path().join(name), IxDyn(shape)).unwrap()
    };
    let (source, mut scratch, mut sink) = (file("in"), file("scratch"), file("out"));
    let mapped = lazy(&source).map(|x: Complex<T>| x);
    for threads in [1, 2] {
        let plan = |bytes| fftn(&mapped, axes).plan::<T>(resources(bytes, threads));
        let least = needed(plan);
        assert!(least < MIB, "{least}");
        let budgets =
            if threads == 1 { vec![6 * MIB] } else { vec![least.max(256 << 10), 6 * MIB] };
        for budget in budgets {
            let peak = peak(|| {
                let plan = plan(budget).unwrap();
                plan.run_with_scratch(&mapped, &mut scratch, &mut sink, Control::new()).unwrap();
            });
            let what = format!("a lane of {shape:?} {order} {cache:?}, {budget}, {threads}");
            within(peak, budget, false, &what);
        }
    }
}

#[test]
fn lanes_longer_than_the_budget_stay_within_it() {
    let _alone = alone();
    long_lane::<f32>(&[LONG], &[0], Order::C, Cache::Bypass);
    long_lane::<f64>(&[1, LONG], &[1], Order::F, Cache::Use);
    // With a prime factor above 11 on each side, and neighbours of each lane.
    long_lane::<f32>(&[1031 * 1033, 2], &[0], Order::C, Cache::Bypass);
    // And other axes.
    long_lane::<f32>(&[2, LONG], &[0, 1], Order::C, Cache::Bypass);
}

/// Transforms a file of lanes of real numbers.
fn long_reals<T: Number>(shape: &[usize], cache: Cache)
where
    Complex<T>: Element,
{
    let folder = folder().unwrap();
    let options = Options::new().cache(cache).sparse(true);
    let path = |name: &str| folder.path().join(name);
    let source: FileArrayMut<T, IxDyn> = options.create(path("in"), IxDyn(shape)).unwrap();
    let axis = shape.len() - 1;
    let (mut scratch_shape, mut made) = (shape.to_vec(), shape.to_vec());
    (scratch_shape[axis], made[axis]) = (shape[axis] / 2, shape[axis] / 2 + 1);
    let mut scratch = options.create(path("scratch"), IxDyn(&scratch_shape)).unwrap();
    let mut sink = options.create(path("out"), IxDyn(&made)).unwrap();
    let mut other: FileArrayMut<Complex<T>, _> =
        options.create(path("other"), IxDyn(&made)).unwrap();
    let mut back: FileArrayMut<T, _> = options.create(path("back"), IxDyn(shape)).unwrap();
    for threads in [1, 2] {
        let plan = |bytes| rfft(&source, axis).plan::<T>(resources(bytes, threads));
        let least = needed(plan);
        assert!(least < MIB, "{least}");
        for budget in [least.max(256 << 10), 6 * MIB] {
            let peak = peak(|| {
                let plan = plan(budget).unwrap();
                plan.run_through(&source, &mut scratch, &mut sink, Control::new()).unwrap();
            });
            within(peak, budget, false, &format!("real lanes of {shape:?}, {budget}, {threads}"));
        }
        let plan = |bytes| irfft(&sink, axis, shape[axis]).plan::<T>(resources(bytes, threads));
        let least = needed(plan);
        assert!(least < MIB, "{least}");
        for budget in [least.max(256 << 10), 6 * MIB] {
            let peak = peak(|| {
                let plan = plan(budget).unwrap();
                plan.run_through(&sink, &mut other, &mut back, Control::new()).unwrap();
            });
            within(peak, budget, false, &format!("and back, of {shape:?}, {budget}, {threads}"));
        }
    }
}

#[test]
fn real_lanes_longer_than_the_budget_stay_within_it() {
    let _alone = alone();
    long_reals::<f64>(&[LONG_REALS], Cache::Bypass);
}

/// An array that there is no room for anywhere.
struct Huge;

impl Stored<Ix2> for Huge {
    fn layout(&self) -> outcore_storage::Layout<Ix2> {
        let shape = Ix2(1 << 20, 1 << 20);
        outcore_storage::Layout::new(shape, Order::C, 8, 0).unwrap()
    }
}

#[test]
fn a_plan_of_a_huge_array_takes_little_memory() {
    let _alone = alone();
    let mut planned = 0;
    let peak = peak(|| {
        let plan = fft2(&Huge).plan::<f32>(resources(256 * MIB, 2)).unwrap();
        planned = plan.plan().bytes_read();
        assert!(plan.to_string().contains("reads 16.0 TiB"), "{plan}");
    });
    assert_eq!(planned, 2 << 43);
    within(peak, 24 * MIB, false, "two tables of a lane each");
}
