//! A file that is truncated, grown or rewritten while an operation reads it ends the run with an error
//! that says so: no signal, no hang, no result of a mixture.

use crate::support::{folder, needed, random, resources, within};
use ndarray::{Array2, ArrayViewMut, Ix2};
use num_complex::Complex;
use outcore_ops::{Control, CumSum, Error, Result, Sum, fft2, lazy, reduce, scan, store};
use outcore_storage::{
    Cache, ErrorKind, FileArray, FileArrayMut, Layout, Options, Order, Source, Stored, Window,
};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

type C64 = Complex<f64>;

const SHAPE: (usize, usize) = (100, 60);
const FILE_BYTES: u64 = 128 + 100 * 60 * 16;
const LIMIT: Duration = Duration::from_secs(60);

/// What another program does to a file, and the length that it has then.
type Change = (&'static str, fn(&Path), u64);

const CHANGES: [Change; 4] = [
    ("truncated", |path| open(path).set_len(100).unwrap(), 100),
    ("emptied", |path| open(path).set_len(0).unwrap(), 0),
    (
        "grown",
        |path| File::options().append(true).open(path).unwrap().write_all(b"more").unwrap(),
        FILE_BYTES + 4,
    ),
    ("rewritten", |path| open(path).write_all(b"\x93NUMPY").unwrap(), FILE_BYTES),
];

fn open(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

fn input(folder: &Path) -> PathBuf {
    let path = folder.join("field.npy");
    let mut file = FileArrayMut::<C64, Ix2>::create(&path, SHAPE).unwrap();
    file.write_window([0..SHAPE.0, 0..SHAPE.1], &random(SHAPE, Order::C, 1)).unwrap();
    file.close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), FILE_BYTES);
    path
}

/// A file that is changed just before its nth window is read.
struct Changing {
    file: FileArray<C64, Ix2>,
    reads: AtomicUsize,
    at: usize,
    change: fn(&Path),
}

impl Stored<Ix2> for Changing {
    fn layout(&self) -> Layout<Ix2> {
        self.file.layout()
    }
}

impl Source<C64, Ix2> for Changing {
    fn read_tile(
        &self,
        window: &Window<Ix2>,
        tile: ArrayViewMut<'_, C64, Ix2>,
    ) -> outcore_storage::Result<()> {
        if self.reads.fetch_add(1, Ordering::Relaxed) == self.at {
            // Longer than the clock of any file system takes to go on.
            sleep(Duration::from_millis(20));
            (self.change)(self.file.path());
        }
        self.file.read_tile(window, tile)
    }
}

type Run = (&'static str, fn(&Changing) -> Result<()>);

/// Operations of every kind of pass, cut into many tiles.
const RUNS: [Run; 5] = [
    ("store", |source| {
        let plan = |bytes| store(source).plan::<C64>(resources(bytes, 2));
        let plan = plan(needed(plan))?;
        plan.run(source, &mut Array2::zeros(SHAPE), Control::new()).map(drop)
    }),
    ("fft2", |source| {
        let plan = crate::support::tightest::<f64>(&fft2(source), 2);
        plan.run(source, &mut Array2::zeros(SHAPE), Control::new()).map(drop)
    }),
    ("reduce", |source| {
        let plan = |bytes| reduce(source, Sum).plan::<C64>(resources(bytes, 2));
        plan(needed(plan))?.value(source, Control::new()).map(drop)
    }),
    ("scan", |source| {
        let plan = |bytes| scan(source, 0, CumSum).plan::<C64>(resources(bytes, 2));
        let plan = plan(needed(plan))?;
        plan.run(source, &mut Array2::zeros(SHAPE), Control::new()).map(drop)
    }),
    ("store of a lazy source", |source| {
        let halves = lazy(source).map(|x: C64| x * 0.5);
        let plan = |bytes| store(&halves).plan::<C64>(resources(bytes, 2));
        let plan = plan(needed(plan))?;
        plan.run(&halves, &mut Array2::zeros(SHAPE), Control::new()).map(drop)
    }),
];

#[test]
fn every_operation_says_that_its_input_has_changed() {
    for (name, run) in RUNS {
        for (what, change, now_bytes) in CHANGES {
            for at in [0, 2] {
                within(LIMIT, move || {
                    let folder = folder().unwrap();
                    let path = input(folder.path());
                    let file = FileArray::open(&path).unwrap();
                    let source = Changing { file, reads: AtomicUsize::new(0), at, change };
                    let error = run(&source).expect_err("the input has changed");
                    let reads = source.reads.load(Ordering::Relaxed);
                    assert!(reads > at, "{name} reads in {reads} pieces");
                    let Error::Storage(error) = error else { panic!("{name}, {what}: {error}") };
                    let ErrorKind::Changed { opened, now } = error.kind() else {
                        panic!("{name}, {what}: {error}")
                    };
                    assert_eq!((opened.bytes, now.bytes), (FILE_BYTES, now_bytes));
                    assert_eq!(error.path(), Some(&*path));
                });
            }
        }
    }
}

#[test]
fn an_input_that_stays_as_it_is_is_read_to_the_end() {
    for (name, run) in RUNS {
        let folder = folder().unwrap();
        let file = FileArray::open(input(folder.path())).unwrap();
        let source = Changing { file, reads: AtomicUsize::new(0), at: usize::MAX, change: |_| () };
        run(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Past the page cache, where a short read looks different.
#[test]
fn direct_reads_say_so_too() {
    // Not in memory, where there are no direct reads.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (what, change, now_bytes) in CHANGES {
        let path = input(folder.path());
        let file = Options::new().cache(Cache::Bypass).open(&path).unwrap();
        let source = Changing { file, reads: AtomicUsize::new(0), at: 2, change };
        let error = RUNS[0].1(&source).unwrap_err().to_string();
        let numbers = format!("it had {FILE_BYTES} bytes, modified at ");
        assert!(error.contains(&numbers), "{what}: {error}");
        assert!(error.contains(&format!("and now has {now_bytes} bytes, ")), "{what}: {error}");
    }
}
