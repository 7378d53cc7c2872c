//! Sources and sinks that count, fail and take their time.

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, ShapeBuilder};
use outcore_storage::{
    Error, ErrorKind, Layout, Order, Result, Runs, Sink, Source, Stored, Window,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Counts the bytes that pass, and how often each element does.
pub(crate) struct Counting<S, D: Dimension> {
    pub(crate) inner: S,
    read: AtomicU64,
    written: AtomicU64,
    reads: Mutex<Array<u32, D>>,
    writes: Mutex<Array<u32, D>>,
}

impl<S: Stored<D>, D: Dimension> Counting<S, D> {
    pub(crate) fn new(inner: S) -> Self {
        // In the order of the file, in which runs are counted.
        let in_order = inner.layout().order() == Order::F;
        let counts = || Mutex::new(Array::zeros(inner.shape().set_f(in_order)));
        let (reads, writes) = (counts(), counts());
        Self { read: AtomicU64::new(0), written: AtomicU64::new(0), reads, writes, inner }
    }

    /// The bytes read from it and written to it.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }

    /// How often each element was read and written, if all were alike.
    pub(crate) fn times(&self) -> (Option<u32>, Option<u32>) {
        let same = |counts: &Mutex<Array<u32, D>>| {
            let counts = counts.lock().unwrap();
            let first = counts.iter().next().copied().unwrap_or(0);
            counts.iter().all(|&count| count == first).then_some(first)
        };
        (same(&self.reads), same(&self.writes))
    }

    fn count(&self, window: &Window<D>, bytes: &AtomicU64, counts: &Mutex<Array<u32, D>>) {
        let moved = window.len() * self.inner.layout().element_bytes();
        bytes.fetch_add(moved as u64, Ordering::Relaxed);
        let mut counts = counts.lock().unwrap();
        let mut part = counts.slice_each_axis_mut(|axis| window.slice(axis.axis.index()));
        part.map_inplace(|count| *count += 1);
    }

    fn count_runs(&self, runs: &Runs, bytes: &AtomicU64, counts: &Mutex<Array<u32, D>>) {
        let mut counts = counts.lock().unwrap();
        let counts = counts.as_slice_memory_order_mut().unwrap();
        for run in runs.clone() {
            counts[run].iter_mut().for_each(|count| *count += 1);
        }
        let moved = runs.elements() * self.inner.layout().element_bytes();
        bytes.fetch_add(moved as u64, Ordering::Relaxed);
    }
}

impl<S: Stored<D>, D: Dimension> Stored<D> for Counting<S, D> {
    fn layout(&self) -> Layout<D> {
        self.inner.layout()
    }

    fn has_runs(&self) -> bool {
        self.inner.has_runs()
    }
}

impl<T, S: Source<T, D>, D: Dimension> Source<T, D> for Counting<S, D> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.count(window, &self.read, &self.reads);
        self.inner.read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.count_runs(&runs, &self.read, &self.reads);
        self.inner.read_runs(runs, elements)
    }
}

impl<T, S: Sink<T, D>, D: Dimension> Sink<T, D> for Counting<S, D> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.count(window, &self.written, &self.writes);
        self.inner.write_tile(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        let result = self.inner.write_tile_shared(window, tile);
        if result.is_some() {
            self.count(window, &self.written, &self.writes);
        }
        result
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        self.count_runs(&runs, &self.written, &self.writes);
        self.inner.write_runs(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        let result = self.inner.write_runs_shared(runs.clone(), elements);
        if result.is_some() {
            self.count_runs(&runs, &self.written, &self.writes);
        }
        result
    }
}

/// Fails at one read, write or sync, counted from 0, and takes its time for all.
#[derive(Debug, Default)]
pub(crate) struct Faulty<S> {
    pub(crate) inner: S,
    pub(crate) fail_read: Option<usize>,
    pub(crate) fail_write: Option<usize>,
    pub(crate) fail_sync: Option<usize>,
    pub(crate) fault: Fault,
    pub(crate) panic_instead: bool,
    pub(crate) delay: Duration,
    /// The file of `inner`, which loses what was written after the last sync when one fails.
    pub(crate) volatile: Option<PathBuf>,
    synced: Mutex<Vec<u8>>,
    reads: AtomicUsize,
    writes: AtomicUsize,
    syncs: AtomicUsize,
}

/// What happens at the call that fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error that says [`FAULT`].
    #[default]
    OnFire,
    /// What the operating system says of a broken disk.
    Broken,
    /// What it says of a full one.
    Full,
    /// The end of the elements before their number has been read.
    Short,
    /// None of these: the file is cut short, and the call finds out what it may.
    Cut(PathBuf),
}

/// What the error of a [`Faulty`] source or sink says.
pub(crate) const FAULT: &str = "the disk is on fire";

/// The length of a file that was cut short.
pub(crate) const CUT_BYTES: u64 = 100;

impl Fault {
    /// What its error says.
    pub(crate) fn says(&self) -> Vec<String> {
        match self {
            Self::OnFire => vec![FAULT.to_owned()],
            Self::Broken => vec!["at byte 7".to_owned(), "Input/output error".to_owned()],
            Self::Full => vec!["at byte 7".to_owned(), "No space left on device".to_owned()],
            Self::Short => vec!["is 5 bytes long".to_owned(), "byte 9".to_owned()],
            Self::Cut(path) => vec![
                path.display().to_string(),
                "changed while it was read".to_owned(),
                format!("{CUT_BYTES} bytes"),
            ],
        }
    }

    fn happens(&self) -> Result<()> {
        let system = |code: i32| {
            let action = "failed to move 3 bytes at byte 7".to_owned();
            ErrorKind::Io { action, source: io::Error::from_raw_os_error(code) }
        };
        Err(Error::without_path(match self {
            Self::OnFire => ErrorKind::Unsupported(FAULT.to_owned()),
            Self::Broken => system(5),
            Self::Full => system(28),
            Self::Short => {
                let promise = "its array ends at byte";
                ErrorKind::Truncated { promise, expected: 9, actual: 5 }
            }
            Self::Cut(path) => {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(CUT_BYTES).unwrap();
                return Ok(());
            }
        }))
    }
}

impl<S> Faulty<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            fail_read: None,
            fail_write: None,
            fail_sync: None,
            fault: Fault::OnFire,
            panic_instead: false,
            delay: Duration::ZERO,
            volatile: None,
            synced: Mutex::default(),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            syncs: AtomicUsize::new(0),
        }
    }

    /// The calls so far: reads and writes.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.reads.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed))
    }

    /// The syncs so far.
    pub(crate) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::Relaxed)
    }

    fn call(&self, calls: &AtomicUsize, fails: Option<usize>) -> Result<()> {
        if !self.delay.is_zero() {
            sleep(self.delay);
        }
        let fault = fails == Some(calls.fetch_add(1, Ordering::Relaxed));
        assert!(!(fault && self.panic_instead), "{FAULT}");
        if fault { self.fault.happens() } else { Ok(()) }
    }

    /// Keeps what a sync makes durable, and loses the rest when it fails.
    fn keep(&self, is_synced: bool) {
        let Some(path) = &self.volatile else { return };
        let mut synced = self.synced.lock().unwrap();
        if is_synced {
            *synced = std::fs::read(path).unwrap();
        } else {
            let file = File::options().write(true).open(path).unwrap();
            let lost = vec![0xff; usize::try_from(file.metadata().unwrap().len()).unwrap()];
            // Before the first sync the disk has what was reserved, and nobody knows what that holds;
            // but a header is short, and was there long ago.
            let durable =
                if synced.is_empty() { &lost[HEADER_BYTES..] } else { &synced[HEADER_BYTES..] };
            file.write_all_at(durable, HEADER_BYTES as u64).unwrap();
        }
    }
}

/// The bytes before the elements of the files that the tests write.
const HEADER_BYTES: usize = 128;

impl<S: Stored<D>, D: Dimension> Stored<D> for Faulty<S> {
    fn layout(&self) -> Layout<D> {
        self.inner.layout()
    }

    fn has_runs(&self) -> bool {
        self.inner.has_runs()
    }
}

impl<T, S: Source<T, D>, D: Dimension> Source<T, D> for Faulty<S> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.call(&self.reads, self.fail_read)?;
        self.inner.read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.call(&self.reads, self.fail_read)?;
        self.inner.read_runs(runs, elements)
    }
}

impl<T, S: Sink<T, D>, D: Dimension> Sink<T, D> for Faulty<S> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.call(&self.writes, self.fail_write)?;
        self.inner.write_tile(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        // Whether it can be written so shows when it is; that what fails has been written is no harm.
        let result = self.inner.write_tile_shared(window, tile)?;
        Some(self.call(&self.writes, self.fail_write).and(result))
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        self.call(&self.writes, self.fail_write)?;
        self.inner.write_runs(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        let result = self.inner.write_runs_shared(runs, elements)?;
        Some(self.call(&self.writes, self.fail_write).and(result))
    }

    fn sync(&self) -> Result<()> {
        let result = self.call(&self.syncs, self.fail_sync).and_then(|()| self.inner.sync());
        self.keep(result.is_ok());
        result
    }
}
