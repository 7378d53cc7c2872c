//! Every operation before a disk that fails at its first, a middle and its last call: the error surfaces
//! and says what the disk said, the run ends, no thread, buffer or half of a file stays behind, and the
//! same plan runs again. A sync that fails is not tried again, and no journal relies on it.
//!
//! Alone in its file, because it counts the threads and the memory of the process.

#![expect(unsafe_code, reason = "an allocator that counts is one that allocates")]

mod support;

use ndarray::{Array2, Dimension, Ix1, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    AnySource, Between, Control, CumSum, Direction, Error, Expression, Norm, Report, Resources,
    Result, SinkExt, Sum, TileFft2, Trigonometric, Variance, dct, dft2_bins, fft, fft2,
    fftconvolve, histogram, irfftn, lazy, map_tiles, power_spectrum, quantile, radial_spectrum,
    reduce, rfftn, scan, spectral_filter, stats, store, thumbnail, transpose_in_place,
};
use outcore_storage::{Element, FileArray, FileArrayMut, Options, Order, Output, Window, Work};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::watch::{Fault, Faulty};
use support::{needed, noise, quick_folder, random, resources, within};

type C64 = Complex<f64>;

/// Only memory of at least a page counts: that of tiles, tables and scratch. Smaller pieces of the queues
/// between threads are freed some time after the threads have ended.
const PAGE: usize = 4096;

static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counted;

fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

// SAFETY: every call is passed on to the system's allocator; `realloc` is the default, which
// allocates anew.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= PAGE {
            HELD.fetch_add(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is that of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if layout.size() >= PAGE {
            HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is that of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

const SHAPE: (usize, usize) = (176, 176);
const TILE: (usize, usize) = (32, 40);
/// What plans have beyond the least that they need: for several tiles, each of some pages.
const ROOM: u64 = 64 << 10;
const LIMIT: Duration = Duration::from_secs(120);

const REALS: &str = "reals.npy";
const COMPLEX: &str = "complex.npy";
const IN_PLACE: &str = "in_place.npy";
const OUTPUT: &str = "out.npy";

fn reals() -> Array2<f64> {
    let mut index = 0;
    Array2::from_shape_simple_fn(SHAPE, || {
        index += 1;
        noise(1, index)
    })
}

fn complex() -> Array2<C64> {
    random(SHAPE, Order::C, 2)
}

fn write<T: Element>(path: &Path, array: &Array2<T>) {
    let mut file: FileArrayMut<T, Ix2> = FileArrayMut::create(path, array.dim()).unwrap();
    file.write_window(Window::whole(array.raw_dim()), array).unwrap();
}

/// Plans with a little more than the smallest budget that will do.
fn fitted<P: Debug>(plan: impl Fn(Resources) -> Result<P>) -> P {
    plan(resources(needed(|bytes| plan(resources(bytes, 2))) + ROOM, 2)).unwrap()
}

/// A kind of call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    ReadBack,
    Sync,
}

/// A disk, its files, and what fails at which call.
struct Disk<'a> {
    folder: &'a Path,
    fails: Option<(Call, usize)>,
    fault: Fault,
    /// How often a journal records marks of either kind, if there is one; then reading is slow.
    journal: Option<(Duration, Duration)>,
}

/// What a run has come to.
struct Ran {
    /// The bits of the result.
    result: Result<Vec<u8>>,
    /// The calls of each kind.
    calls: [usize; 4],
}

impl Disk<'_> {
    fn at(&self, call: Call) -> Option<usize> {
        self.fails.filter(|(kind, _)| *kind == call).map(|(_, nth)| nth)
    }

    fn faulty<S>(&self, inner: S) -> Faulty<S> {
        let mut faulty = Faulty::new(inner);
        faulty.fault = self.fault.clone();
        faulty
    }

    /// What takes its time when it is read, if there is a journal: then there is time for marks.
    fn slow<S>(&self, inner: S) -> Faulty<S> {
        let mut slow = self.faulty(inner);
        slow.delay = self.journal.map_or(Duration::ZERO, |_| Duration::from_millis(1));
        slow
    }

    fn source<T: Element, D: Dimension>(&self, name: &str) -> Faulty<FileArray<T, D>> {
        let mut source = self.slow(FileArray::open(self.folder.join(name)).unwrap());
        source.fail_read = self.at(Call::Read);
        source
    }

    /// What is written, and read back.
    fn sink<S>(&self, inner: S, path: PathBuf) -> Faulty<S> {
        let mut sink = self.faulty(inner);
        sink.fail_write = self.at(Call::Write);
        sink.fail_read = self.at(Call::ReadBack);
        sink.fail_sync = self.at(Call::Sync);
        sink.volatile = self.journal.map(|_| path);
        sink
    }

    /// Runs an operation into an output, which is new unless there is a journal of an earlier one.
    fn write<S, T: Element, D: Dimension>(
        &self,
        source: &Faulty<S>,
        shape: D,
        run: impl FnOnce(&mut Faulty<Output<T, D>>, Control<'_>) -> Result<Report>,
    ) -> Ran {
        let path = self.folder.join(OUTPUT);
        let options = Options::new().resume(self.journal.is_some());
        let output = Output::with_options(&path, shape, &options).unwrap();
        let journal = self.journal.map(|(latest, durable)| {
            output.journal(Work::new("a case")).unwrap().every(latest, durable)
        });
        let partial = output.partial_path().to_owned();
        let mut sink = self.sink(output, partial);
        let mut journal = journal;
        let control = match &mut journal {
            Some(journal) => Control::new().journal(journal),
            None => Control::new(),
        };
        let result = run(&mut sink, control);
        let ((back, writes), syncs) = (sink.calls(), sink.syncs());
        let result = result.map(|_| {
            sink.inner.commit().unwrap();
            let bits = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            bits
        });
        Ran { result, calls: [source.calls().0, writes, back, syncs] }
    }

    /// Runs an operation on a copy of an input.
    fn in_place<T: Element>(
        &self,
        name: &str,
        run: impl FnOnce(&mut Faulty<FileArrayMut<T, Ix2>>) -> Result<Report>,
    ) -> Ran {
        let path = self.folder.join(IN_PLACE);
        fs::copy(self.folder.join(name), &path).unwrap();
        let mut array = self.faulty(FileArrayMut::open_mut(&path).unwrap());
        (array.fail_read, array.fail_write) = (self.at(Call::Read), self.at(Call::Write));
        let result = run(&mut array).map(|_| fs::read(&path).unwrap());
        fs::remove_file(&path).unwrap();
        Ran { result, calls: [array.calls().0, array.calls().1, 0, 0] }
    }
}

/// What an operation that writes nothing has come to.
fn read<S>(source: &Faulty<S>, result: Result<impl Debug>) -> Ran {
    let result = result.map(|found| format!("{found:?}").into_bytes());
    Ran { result, calls: [source.calls().0, 0, 0, 0] }
}

/// An operation that has been planned.
struct Case {
    name: &'static str,
    input: &'static str,
    /// Whether there are tiles to record marks between.
    marks: bool,
    run: Box<dyn Fn(&Disk<'_>) -> Ran + Send>,
}

fn case(
    name: &'static str,
    input: &'static str,
    marks: bool,
    run: impl Fn(&Disk<'_>) -> Ran + Send + 'static,
) -> Case {
    Case { name, input, marks, run: Box::new(run) }
}

impl Case {
    /// The faults of a kind of call.
    fn faults(&self, call: Call, folder: &Path) -> Vec<Fault> {
        match call {
            // A file that is written at the same time grows again.
            Call::Read if self.input == IN_PLACE => vec![Fault::Broken, Fault::Short],
            Call::Read => vec![Fault::Broken, Fault::Short, Fault::Cut(folder.join(self.input))],
            Call::Write => vec![Fault::Broken, Fault::Full],
            Call::ReadBack => vec![Fault::Broken, Fault::Short],
            Call::Sync => vec![Fault::Broken],
        }
    }

    fn check(&self, folder: &Path) {
        let inputs = [REALS, COMPLEX];
        write(&folder.join(REALS), &reals());
        write(&folder.join(COMPLEX), &complex());
        let before = inputs.map(|name| fs::read(folder.join(name)).unwrap());
        let good = Disk { folder, fails: None, fault: Fault::Broken, journal: None };
        let Ran { result, calls } = (self.run)(&good);
        let expected = result.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let kept = (threads(), held());
        for call in [Call::Read, Call::Write, Call::ReadBack] {
            let count = calls[call as usize];
            let mut places = vec![0, count / 2, count.saturating_sub(1)];
            places.dedup();
            for nth in places.into_iter().filter(|_| count > 0) {
                for fault in self.faults(call, folder) {
                    let what = format!("{}: {call:?} {nth} of {count}, {fault:?}", self.name);
                    let fails = Some((call, nth));
                    let ran =
                        (self.run)(&Disk { folder, fails, fault: fault.clone(), journal: None });
                    surfaces(ran, &fault, &what);
                    nothing_stays(kept, &what);
                    if let Fault::Cut(path) = fault {
                        let index = inputs.iter().position(|name| path.ends_with(name));
                        fs::write(path, &before[index.unwrap()]).unwrap();
                    }
                    for (name, before) in inputs.iter().zip(&before) {
                        assert!(fs::read(folder.join(name)).unwrap() == *before, "{what}: {name}");
                    }
                    assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "{what}: a file stays");
                }
            }
        }
        let again = (self.run)(&good).result.unwrap();
        assert!(again == expected, "{}: another result than before", self.name);
        if self.marks {
            assert!(calls[0] >= 10, "{}: {calls:?}", self.name);
            self.check_syncs(folder, &expected);
        }
    }

    /// Lets syncs fail, and the disk lose what they should have kept: a later run makes up for it.
    fn check_syncs(&self, folder: &Path, expected: &[u8]) {
        let mut failed = 0;
        // With marks that are all durable, and with others before the first durable one.
        for pace in [Duration::ZERO, Duration::from_millis(8)] {
            let journal = Some((Duration::ZERO, pace));
            for nth in [0, 2] {
                let what = format!("{}: sync {nth}, durable marks every {pace:?}", self.name);
                let fails = Some((Call::Sync, nth));
                let ran = (self.run)(&Disk { folder, fails, fault: Fault::Broken, journal });
                if ran.result.is_ok() {
                    break;
                }
                failed += 1;
                assert_eq!(ran.calls[Call::Sync as usize], nth + 1, "{what}: is tried again");
                surfaces(ran, &Fault::Broken, &what);
                let latest = folder.join(OUTPUT).with_extension("npy.partial.latest");
                assert!(!latest.exists(), "{what}: a mark stays that says too much");
                let ran = (self.run)(&Disk { folder, fails: None, fault: Fault::Broken, journal });
                assert!(ran.result.unwrap() == expected, "{what}: another result");
                assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "{what}: a file stays");
            }
        }
        assert!(failed > 0, "{}: nothing is synced", self.name);
    }
}

fn surfaces(ran: Ran, fault: &Fault, what: &str) {
    let Err(error) = ran.result else { panic!("{what}: the run succeeds") };
    assert!(matches!(error, Error::Storage(_)), "{what}: {error}");
    for part in fault.says() {
        assert!(error.to_string().contains(&part), "{what}: {error}");
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Checks threads and memory against what there was before. Threads that have been told to end take a
/// moment to do so.
fn nothing_stays((threads_before, held_before): (usize, usize), what: &str) {
    let begin = Instant::now();
    while threads() > threads_before {
        assert!(begin.elapsed() < Duration::from_secs(10), "{what}: a thread stays");
        sleep(Duration::from_millis(1));
    }
    assert_eq!(held(), held_before, "{what}: memory stays");
}

/// Copies, expressions and kernels: what works on single elements and tiles.
fn elementwise() -> Vec<Case> {
    let copy = fitted(|resources| store(&reals()).plan::<f64>(resources));
    let turned = fitted(|resources| {
        store(&lazy(&reals()).permuted_axes(&[1, 0]).unwrap()).plan::<f64>(resources)
    });
    let parsed = Expression::parse("a * a + sin(a)").unwrap();
    let evaluation = fitted(|resources| {
        let field = reals().into_dyn();
        let bound = parsed.bind(&[("a", AnySource::F64(&field))]).unwrap();
        store(&bound).plan::<f64>(resources)
    });
    let tiles = fitted(|resources| map_tiles(&reals(), TILE).plan::<f64, f64>(resources));
    let tiles_in_place =
        fitted(|resources| map_tiles(&reals(), TILE).plan_in_place::<f64>(resources));
    let square = fitted(|resources| transpose_in_place(&reals()).plan::<f64>(resources));
    let fft = |resources| {
        TileFft2::<f64>::new(SHAPE, TILE, Direction::Forward, Norm::Backward, resources)
    };
    let transforms = fitted(|resources| {
        let bytes = fft(resources).bytes();
        map_tiles(&complex(), TILE).kernel_bytes(bytes).plan::<C64, C64>(resources)
    });
    vec![
        case("copy", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write(&source, Ix2(SHAPE.0, SHAPE.1), |sink, control| {
                copy.run(&source, sink, control)
            })
        }),
        case("transposition", REALS, true, move |disk| {
            let source = disk.source::<f64, Ix2>(REALS);
            disk.write(&source, Ix2(SHAPE.1, SHAPE.0), |sink, control| {
                turned.run(&lazy(&source).permuted_axes(&[1, 0]).unwrap(), sink, control)
            })
        }),
        case("expression", REALS, true, move |disk| {
            let source = disk.source::<f64, IxDyn>(REALS);
            let bound = parsed.bind(&[("a", AnySource::F64(&source))]).unwrap();
            disk.write(&source, IxDyn(&[SHAPE.0, SHAPE.1]), |sink, control| {
                evaluation.run(&bound, sink, control)
            })
        }),
        case("map_tiles", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write(&source, Ix2(SHAPE.0, SHAPE.1), |sink, control| {
                let double =
                    |_: &_,
                     from: ndarray::ArrayView2<'_, f64>,
                     mut to: ndarray::ArrayViewMut2<'_, f64>| {
                        to.zip_mut_with(&from, |to, from| *to = 2.0 * from);
                    };
                tiles.run(&source, sink, double, control)
            })
        }),
        case("map_tiles in place", IN_PLACE, false, move |disk| {
            disk.in_place(REALS, |array| {
                let double = |_: &_, mut tile: ndarray::ArrayViewMut2<'_, f64>| tile *= 2.0;
                tiles_in_place.run_in_place(array, double, Control::new())
            })
        }),
        case("transposition in place", IN_PLACE, false, move |disk| {
            disk.in_place(REALS, |array| square.run(array, Control::new()))
        }),
        case("TileFft2", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            let fft = fft(resources(ROOM, 2));
            disk.write(&source, Ix2(SHAPE.0, SHAPE.1), |sink, control| {
                let kernel = |_: &_,
                              from: ndarray::ArrayView2<'_, C64>,
                              to: ndarray::ArrayViewMut2<'_, C64>| {
                    fft.apply(from, to, |x| x, |x| x);
                };
                transforms.run(&source, sink, kernel, control)
            })
        }),
    ]
}

/// The transform, with one pass and with two, and with the array between them in all places.
fn transforms() -> Vec<Case> {
    let at_once = fft2(&complex()).plan::<f64>(resources(16 << 20, 2)).unwrap();
    assert_eq!(at_once.plan().passes.len(), 1);
    let two = || {
        let plan = fitted(|resources| fft2(&complex()).plan::<f64>(resources));
        assert_eq!(plan.plan().passes.len(), 2, "{plan}");
        plan
    };
    let real_part = || fitted(|resources| fft2(&complex()).real_part().plan::<f64>(resources));
    let (passes, in_sink, in_scratch) = (two(), real_part(), real_part());
    let in_place = fitted(|resources| fft2(&complex()).in_place().plan::<f64>(resources));
    let shape = Ix2(SHAPE.0, SHAPE.1);
    vec![
        case("fft2 at once", COMPLEX, false, move |disk| {
            let source = disk.source(COMPLEX);
            disk.write(&source, shape, |sink, control| at_once.run(&source, sink, control))
        }),
        case("fft2", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            disk.write(&source, shape, |sink, control| passes.run(&source, sink, control))
        }),
        case("fft2 through scratch, of a bad sink", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            disk.write::<_, f64, _>(&source, shape, |sink, control| {
                let scratch = sink.inner.scratch::<C64, _>(SHAPE, &Options::new())?;
                let mut scratch = disk.slow(scratch);
                let mut sink = sink.map_sink(|x: C64| x.re);
                in_sink.run_through(&source, &mut scratch, &mut sink, control)
            })
        }),
        case("fft2 through bad scratch", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            let mut calls = [0; 4];
            let ran = disk.write::<_, f64, _>(&source, shape, |sink, control| {
                (sink.fail_write, sink.fail_read, sink.fail_sync) = (None, None, None);
                let scratch = sink.inner.scratch::<C64, _>(SHAPE, &Options::new())?;
                let path = scratch.path().to_owned();
                let mut scratch = disk.sink(scratch, path);
                let mut sink = sink.map_sink(|x: C64| x.re);
                let result = in_scratch.run_through(&source, &mut scratch, &mut sink, control);
                calls = [0, scratch.calls().1, scratch.calls().0, scratch.syncs()];
                result
            });
            calls[0] = ran.calls[0];
            Ran { calls, ..ran }
        }),
        case("fft2 in place", IN_PLACE, false, move |disk| {
            disk.in_place(COMPLEX, |array| in_place.run_in_place(array, Control::new()))
        }),
    ]
}

/// Filters and convolutions, with what lies between their passes in all places.
fn spectral() -> Vec<Case> {
    let response = |f: &[f64]| C64::new((f[0] * f[1]).cos(), 0.0);
    let filter = fitted(|resources| spectral_filter(&complex(), response).plan::<C64>(resources));
    assert_eq!((filter.plan().passes.len(), filter.plan().kept_bytes), (3, 0), "{filter}");
    let of_reals =
        || fitted(|resources| spectral_filter(&reals(), response).plan::<f64>(resources));
    let (in_sink, in_scratch) = (of_reals(), of_reals());
    let kernel = || random::<f64>((30, 100), Order::C, 3).map(|x| x.re);
    let convolution = fitted(|resources| fftconvolve(&reals(), &kernel()).plan::<f64>(resources));
    assert_eq!(convolution.plan().passes.len(), 4, "{convolution}");
    let at_once = fftconvolve(&reals(), &kernel()).plan::<f64>(resources(16 << 20, 2)).unwrap();
    assert_eq!(at_once.plan().passes.len(), 2, "{at_once}");
    let small = || random::<f64>((3, 9), Order::C, 4).map(|x| x.re);
    let by_blocks = fitted(|resources| fftconvolve(&reals(), &small()).plan::<f64>(resources));
    assert_eq!(by_blocks.plan().passes[1].name, "blocks", "{by_blocks}");
    let power = fitted(|resources| power_spectrum(&reals()).plan::<f64>(resources));
    let rings = fitted(|resources| radial_spectrum(&reals()).plan::<f64>(resources));
    assert_eq!((power.plan().passes.len(), rings.plan().passes.len()), (2, 2));
    let shape = Ix2(SHAPE.0, SHAPE.1);
    vec![
        case("filter", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            disk.write(&source, shape, |sink, control| filter.run(&source, sink, control))
        }),
        case("filter through scratch, of a bad sink", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write::<_, f64, _>(&source, shape, |sink, control| {
                let between = in_sink.scratch_shape();
                let scratch = sink.inner.scratch::<C64, _>(between, &Options::new())?;
                let mut scratch = disk.slow(scratch);
                in_sink.run_through(&source, &mut scratch, sink, control)
            })
        }),
        case("filter through bad scratch", REALS, true, move |disk| {
            let source = disk.source(REALS);
            let mut calls = [0; 4];
            let ran = disk.write::<_, f64, _>(&source, shape, |sink, control| {
                (sink.fail_write, sink.fail_read, sink.fail_sync) = (None, None, None);
                let between = in_scratch.scratch_shape();
                let scratch = sink.inner.scratch::<C64, _>(between, &Options::new())?;
                let path = scratch.path().to_owned();
                let mut scratch = disk.sink(scratch, path);
                let result = in_scratch.run_through(&source, &mut scratch, sink, control);
                calls = [0, scratch.calls().1, scratch.calls().0, scratch.syncs()];
                result
            });
            calls[0] = ran.calls[0];
            Ran { calls, ..ran }
        }),
        case("convolution", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write::<_, f64, _>(&source, convolution.output_shape(), |sink, control| {
                let between = convolution.scratch_shape();
                let scratch = sink.inner.scratch::<C64, _>(between, &Options::new())?;
                let mut scratch = disk.slow(scratch);
                convolution.run(&source, &kernel(), &mut scratch, sink, control)
            })
        }),
        case("convolution by blocks", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write::<_, f64, _>(&source, by_blocks.output_shape(), |sink, control| {
                let mut scratch = Array2::zeros((0, 0));
                by_blocks.run(&source, &small(), &mut scratch, sink, control)
            })
        }),
        case("power spectrum", REALS, true, move |disk| {
            let source = disk.source(REALS);
            disk.write::<_, f64, _>(&source, shape, |sink, control| {
                let mut scratch = sink.inner.scratch::<C64, _>(SHAPE, &Options::new())?;
                power.run(&source, &mut scratch, sink, control)
            })
        }),
        case("radial spectrum", REALS, false, move |disk| {
            let source = disk.source(REALS);
            let mut scratch = Array2::<C64>::zeros(rings.scratch_shape());
            read(&source, rings.run(&source, &mut scratch, Control::new()).map(|(found, _)| found))
        }),
        case("convolution at once", REALS, false, move |disk| {
            let source = disk.source(REALS);
            disk.write::<_, f64, _>(&source, at_once.output_shape(), |sink, control| {
                let mut scratch = Array2::zeros((0, 0));
                at_once.run(&source, &kernel(), &mut scratch, sink, control)
            })
        }),
    ]
}

/// Transforms from real numbers and to them, and along an axis.
fn transforms_of_reals() -> Vec<Case> {
    let half = Ix2(SHAPE.0, SHAPE.1 / 2 + 1);
    let doubled = Ix2(SHAPE.0, 2 * SHAPE.1 - 2);
    let pairs = fitted(|resources| rfftn(&reals(), &[0, 1]).plan::<f64>(resources));
    assert_eq!(pairs.plan().passes.len(), 2, "{pairs}");
    let apart = fitted(|resources| rfftn(&reals(), &[1, 0]).plan::<f64>(resources));
    assert_eq!(apart.plan().passes.len(), 2, "{apart}");
    let back = || {
        let plan =
            fitted(|resources| irfftn(&complex(), &[0, 1], doubled[1]).plan::<f64>(resources));
        assert_eq!(plan.plan().passes.len(), 2, "{plan}");
        plan
    };
    let (in_sink, in_scratch) = (back(), back());
    let rows = fitted(|resources| fft(&complex(), 1).plan::<f64>(resources));
    let columns = fitted(|resources| dct(&reals(), 0, Trigonometric::Dct2).plan::<f64>(resources));
    vec![
        case("rfftn in pairs", REALS, true, move |disk| {
            let source = disk.source::<f64, Ix2>(REALS);
            disk.write(&source, half, |sink, control| pairs.run(&source, sink, control))
        }),
        case("rfftn axis by axis", REALS, true, move |disk| {
            let source = disk.source::<f64, Ix2>(REALS);
            let shape = Ix2(SHAPE.0 / 2 + 1, SHAPE.1);
            disk.write(&source, shape, |sink, control| apart.run(&source, sink, control))
        }),
        case("irfftn through scratch, of a bad sink", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            disk.write::<_, f64, _>(&source, doubled, |sink, control| {
                let scratch = sink.inner.scratch::<C64, _>(SHAPE, &Options::new())?;
                in_sink.run_through(&source, &mut disk.slow(scratch), sink, control)
            })
        }),
        case("irfftn through bad scratch", COMPLEX, true, move |disk| {
            let source = disk.source(COMPLEX);
            let mut calls = [0; 4];
            let ran = disk.write::<_, f64, _>(&source, doubled, |sink, control| {
                (sink.fail_write, sink.fail_read, sink.fail_sync) = (None, None, None);
                let scratch = sink.inner.scratch::<C64, _>(SHAPE, &Options::new())?;
                let path = scratch.path().to_owned();
                let mut scratch = disk.sink(scratch, path);
                let result = in_scratch.run_through(&source, &mut scratch, sink, control);
                calls = [0, scratch.calls().1, scratch.calls().0, scratch.syncs()];
                result
            });
            calls[0] = ran.calls[0];
            Ran { calls, ..ran }
        }),
        case("fft along an axis", COMPLEX, true, move |disk| {
            let source = disk.source::<C64, Ix2>(COMPLEX);
            let shape = Ix2(SHAPE.0, SHAPE.1);
            disk.write(&source, shape, |sink, control| rows.run(&source, sink, control))
        }),
        case("dct", REALS, true, move |disk| {
            let source = disk.source::<f64, Ix2>(REALS);
            let shape = Ix2(SHAPE.0, SHAPE.1);
            disk.write(&source, shape, |sink, control| columns.run(&source, sink, control))
        }),
    ]
}

/// Scans and reductions.
fn along_axes() -> Vec<Case> {
    let mut cases = Vec::new();
    for axis in [0, 1] {
        let scanned = fitted(|resources| scan(&reals(), axis, CumSum).plan::<f64>(resources));
        cases.push(case(
            ["scan along axis 0", "scan along axis 1"][axis],
            REALS,
            true,
            move |disk| {
                let source = disk.source(REALS);
                disk.write(&source, Ix2(SHAPE.0, SHAPE.1), |sink, control| {
                    scanned.run(&source, sink, control)
                })
            },
        ));
        let reduced = fitted(|resources| {
            reduce(&reals(), Variance::new(0)).axes(&[axis]).plan::<f64>(resources)
        });
        let len = if axis == 0 { SHAPE.1 } else { SHAPE.0 };
        let name = ["reduce along axis 0", "reduce along axis 1"][axis];
        cases.push(case(name, REALS, false, move |disk| {
            let source = disk.source::<f64, Ix2>(REALS);
            disk.write::<_, f64, _>(&source, Ix1(len), |sink, control| {
                reduced.run(&source, sink, control)
            })
        }));
    }
    let sum = fitted(|resources| reduce(&reals(), Sum).plan::<f64>(resources));
    cases.push(case("reduce", REALS, false, move |disk| {
        let source = disk.source(REALS);
        read(&source, sum.value(&source, Control::new()))
    }));
    let medians =
        fitted(|resources| quantile(&reals(), &[0.5])?.plan_along::<f64, f64>(1, resources));
    cases.push(case("quantile along an axis", REALS, true, move |disk| {
        let source = disk.source::<f64, Ix2>(REALS);
        disk.write(&source, Ix1(SHAPE.0), |sink, control| {
            medians.run(&source, sink, |found: Between<f64>| found.value(), control)
        })
    }));
    cases
}

/// What reads alone.
fn summaries() -> Vec<Case> {
    let median = fitted(|resources| quantile(&reals(), &[0.5])?.plan::<f64>(resources));
    let between =
        fitted(|resources| histogram(&reals(), 50)?.range(-0.4, 0.4)?.plan::<f64>(resources));
    let whole = fitted(|resources| histogram(&reals(), 50)?.plan::<f64>(resources));
    let told = fitted(|resources| stats(&reals()).plan::<f64>(resources));
    let picture = fitted(|resources| thumbnail(&reals(), (9, 9)).plan::<f64>(resources));
    let wide = |x: f64| C64::new(x, 0.0);
    let bins =
        needed(|bytes| dft2_bins(&reals(), &[[1, 2]], wide, resources(bytes, 2), Control::new()));
    let source = |disk: &Disk<'_>| disk.source::<f64, Ix2>(REALS);
    vec![
        case("quantile", REALS, false, move |disk| {
            let source = source(disk);
            read(&source, median.run(&source, Control::new()).map(|(found, _)| found))
        }),
        case("histogram of a range", REALS, false, move |disk| {
            let source = source(disk);
            read(&source, between.run(&source, Control::new()).map(|(found, _)| found))
        }),
        case("histogram", REALS, false, move |disk| {
            let source = source(disk);
            read(&source, whole.run(&source, Control::new()).map(|(found, _)| found))
        }),
        case("stats", REALS, false, move |disk| {
            let source = source(disk);
            read(&source, told.run(&source, Control::new()).map(|(found, _)| found))
        }),
        case("thumbnail", REALS, false, move |disk| {
            let source = source(disk);
            read(&source, picture.run(&source, |x| x, Control::new()).map(|(found, _)| found))
        }),
        case("dft2_bins", REALS, false, move |disk| {
            let (source, resources) = (source(disk), resources(bins + ROOM, 2));
            read(&source, dft2_bins(&source, &[[1, 2]], wide, resources, Control::new()))
        }),
    ]
}

#[test]
fn no_fault_hangs_is_hidden_or_leaves_anything() {
    let all = elementwise().into_iter().chain(transforms()).chain(transforms_of_reals());
    let all = all.chain(spectral());
    for case in all.chain(along_axes()).chain(summaries()) {
        within(LIMIT, move || {
            let folder = quick_folder();
            case.check(folder.path());
        });
    }
}
