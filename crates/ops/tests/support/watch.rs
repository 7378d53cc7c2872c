//! Sources and sinks that count, fail and take their time.

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension};
use outcore_storage::{Error, ErrorKind, Layout, Result, Sink, Source, Stored, Window};
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
        let counts = || Mutex::new(Array::zeros(inner.shape()));
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
}

impl<S: Stored<D>, D: Dimension> Stored<D> for Counting<S, D> {
    fn layout(&self) -> Layout<D> {
        self.inner.layout()
    }
}

impl<T, S: Source<T, D>, D: Dimension> Source<T, D> for Counting<S, D> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.count(window, &self.read, &self.reads);
        self.inner.read_tile(window, tile)
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
}

/// Fails at one read or one write, counted from 0, and takes its time for all.
#[derive(Debug, Default)]
pub(crate) struct Faulty<S> {
    pub(crate) inner: S,
    pub(crate) fail_read: Option<usize>,
    pub(crate) fail_write: Option<usize>,
    pub(crate) panic_instead: bool,
    pub(crate) delay: Duration,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

/// What the error of a [`Faulty`] source or sink says.
pub(crate) const FAULT: &str = "the disk is on fire";

impl<S: Default> Faulty<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, ..Self::default() }
    }
}

impl<S> Faulty<S> {
    /// The calls so far: reads and writes.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.reads.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed))
    }

    fn call(&self, calls: &AtomicUsize, fails: Option<usize>) -> Result<()> {
        if !self.delay.is_zero() {
            sleep(self.delay);
        }
        let fault = fails == Some(calls.fetch_add(1, Ordering::Relaxed));
        assert!(!(fault && self.panic_instead), "{FAULT}");
        if fault {
            return Err(Error::without_path(ErrorKind::Unsupported(FAULT.to_owned())));
        }
        Ok(())
    }
}

impl<S: Stored<D>, D: Dimension> Stored<D> for Faulty<S> {
    fn layout(&self) -> Layout<D> {
        self.inner.layout()
    }
}

impl<T, S: Source<T, D>, D: Dimension> Source<T, D> for Faulty<S> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.call(&self.reads, self.fail_read)?;
        self.inner.read_tile(window, tile)
    }
}

impl<T, S: Sink<T, D>, D: Dimension> Sink<T, D> for Faulty<S> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.call(&self.writes, self.fail_write)?;
        self.inner.write_tile(window, tile)
    }
}
