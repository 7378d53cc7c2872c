//! Copying tiles in and out with several requests under way at a time.
//!
//! A disk gives its rate only to those who ask for several things at once. A tile is therefore
//! halved, along the axis that keeps the longest runs, until its pieces are a sixteenth of it, and a
//! few threads that do nothing else copy the pieces.

use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension};
use outcore_storage::{Layout, Order, Result, Runs, STAGING_BYTES, Sink, Source, Stored, Window};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::RangeInclusive;
use std::sync::{PoisonError, RwLock};

use crate::stream::{Durable, join, run_on};
use crate::tiling::Tiling;

/// Requests under way at a time.
pub(crate) const IO_THREADS: usize = 4;
/// The part of a tile that a piece is: small, because a source or a sink may hold as much again.
const PIECES: usize = 16;
/// Bytes of a piece: long enough that its ends, which need care, are few.
const PIECE_BYTES: RangeInclusive<usize> = 64 << 10..=16 << 20;

/// The threads that copy tiles.
#[derive(Debug)]
pub(crate) struct Io(ThreadPool);

impl Io {
    pub(crate) fn new() -> crate::Result<Self> {
        Ok(Self(crate::stream::pool(IO_THREADS, "outcore-io")?))
    }

    /// Copies a window into a tile; returns the bytes that this moved.
    pub(crate) fn read<T: Send + Sync, D: Dimension>(
        &self,
        source: &(impl Source<T, D> + ?Sized),
        window: &Window<D>,
        tile: ArrayViewMut<'_, T, D>,
        order: Order,
    ) -> Result<u64> {
        self.read_part(source, window, tile, order, window.len())
    }

    /// Copies a window into a part of a tile of `tile_len` elements; returns the bytes that this moved.
    pub(crate) fn read_part<T: Send + Sync, D: Dimension>(
        &self,
        source: &(impl Source<T, D> + ?Sized),
        window: &Window<D>,
        part: ArrayViewMut<'_, T, D>,
        order: Order,
        tile_len: usize,
    ) -> Result<u64> {
        self.run(|| read_halves(source, window, part, order, piece_len(tile_len, size_of::<T>())))
    }

    /// Does something with each of `count` parts of a tile, several at a time.
    pub(crate) fn each(
        &self,
        count: usize,
        part: impl Fn(usize) -> crate::Result<()> + Send + Sync,
    ) -> crate::Result<()> {
        self.0.install(|| (0..count).into_par_iter().try_for_each(part))
    }

    /// Does something on these threads, which may divide it among them.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        run_on(&self.0, work)
    }

    /// Copies a tile into a window.
    pub(crate) fn write<T: Send + Sync, D: Dimension>(
        &self,
        sink: &(impl WriteShared<T, D> + ?Sized),
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
        order: Order,
    ) -> Result<()> {
        self.write_part(sink, window, tile, order, window.len())
    }

    /// Copies a part of a tile of `tile_len` elements into a window.
    pub(crate) fn write_part<T: Send + Sync, D: Dimension>(
        &self,
        sink: &(impl WriteShared<T, D> + ?Sized),
        window: &Window<D>,
        part: ArrayView<'_, T, D>,
        order: Order,
        tile_len: usize,
    ) -> Result<()> {
        self.run(|| write_halves(sink, window, part, order, piece_len(tile_len, size_of::<T>())))
    }
}

/// What sources and sinks may hold besides tiles, while tiles of these bytes are read and written: at
/// the same time, unless there is one tile alone. A source that copies what it reads more than once
/// holds more.
pub(crate) fn staging_bytes(
    copies: usize,
    read_bytes: u64,
    written_bytes: u64,
    slots: usize,
) -> u64 {
    let least = (IO_THREADS * *PIECE_BYTES.start()) as u64;
    let most = (IO_THREADS * STAGING_BYTES) as u64;
    let of = |bytes: u64| {
        // A whole piece is an element longer than its part, at most.
        let pieces = bytes.div_ceil(PIECES as u64).saturating_mul(IO_THREADS as u64);
        bytes.min(pieces.clamp(least, most))
    };
    let (read, written) = (of(read_bytes) * copies.max(1) as u64, of(written_bytes));
    if slots == 1 { read.max(written) } else { read + written }
}

fn read_halves<T: Send + Sync, D: Dimension>(
    source: &(impl Source<T, D> + ?Sized),
    window: &Window<D>,
    tile: ArrayViewMut<'_, T, D>,
    order: Order,
    piece_len: usize,
) -> Result<u64> {
    let Some((axis, middle)) = halves(window, order, piece_len) else {
        return source.read_tile(window, tile).map(|()| source.read_bytes(window));
    };
    let (low, high) = window.split_at(axis, middle);
    let (low_tile, high_tile) = tile.split_at(Axis(axis), middle);
    let (one, other) = join(
        || read_halves(source, &low, low_tile, order, piece_len),
        || read_halves(source, &high, high_tile, order, piece_len),
    );
    Ok(one? + other?)
}

/// The bytes that reading all tiles moves, piece by piece; elements have so many bytes in a tile.
pub(crate) fn planned_read_bytes<D: Dimension>(
    source: &(impl Stored<D> + ?Sized),
    tiling: &Tiling<D>,
    order: Order,
    element_bytes: usize,
) -> u64 {
    tiling.windows().map(|window| window_read_bytes(source, &window, order, element_bytes)).sum()
}

/// The bytes that reading one tile moves.
pub(crate) fn window_read_bytes<D: Dimension>(
    source: &(impl Stored<D> + ?Sized),
    window: &Window<D>,
    order: Order,
    element_bytes: usize,
) -> u64 {
    fn of_pieces<D: Dimension>(
        source: &(impl Stored<D> + ?Sized),
        window: &Window<D>,
        order: Order,
        piece_len: usize,
    ) -> u64 {
        let Some((axis, middle)) = halves(window, order, piece_len) else {
            return source.read_bytes(window);
        };
        let (low, high) = window.split_at(axis, middle);
        of_pieces(source, &low, order, piece_len) + of_pieces(source, &high, order, piece_len)
    }
    of_pieces(source, window, order, piece_len(window.len(), element_bytes))
}

fn write_halves<T: Send + Sync, D: Dimension>(
    sink: &(impl WriteShared<T, D> + ?Sized),
    window: &Window<D>,
    tile: ArrayView<'_, T, D>,
    order: Order,
    piece_len: usize,
) -> Result<()> {
    let Some((axis, middle)) = halves(window, order, piece_len) else {
        return sink.write(window, tile);
    };
    let (low, high) = window.split_at(axis, middle);
    let (low_tile, high_tile) = tile.split_at(Axis(axis), middle);
    let (one, other) = join(
        || write_halves(sink, &low, low_tile, order, piece_len),
        || write_halves(sink, &high, high_tile, order, piece_len),
    );
    one.and(other)
}

/// The most elements that a piece of a tile has. Of a large tile, where what sources hold has reached
/// its bound, each thread gets a piece: their ends, which lie within pages, are then few.
fn piece_len(tile_len: usize, element_bytes: usize) -> usize {
    let bytes = tile_len * element_bytes;
    let large = bytes / PIECES >= STAGING_BYTES;
    let bytes = bytes / if large { IO_THREADS } else { PIECES };
    bytes.clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end()) / element_bytes
}

fn halves<D: Dimension>(
    window: &Window<D>,
    order: Order,
    piece_len: usize,
) -> Option<(usize, usize)> {
    if window.len() <= piece_len {
        return None;
    }
    let axis = window.slowest_axis(order)?;
    Some((axis, window.shape[axis] / 2))
}

/// What several threads can write to at a time.
pub(crate) trait WriteShared<T, D: Dimension>: Stored<D> + Sync {
    fn write(&self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()>;

    /// Writes runs of elements, counted in the order of the file, of what [has runs](Stored::has_runs).
    fn write_runs(&self, _runs: Runs, _elements: &[T]) -> Result<()> {
        unreachable!("views within an operation are written in windows")
    }

    /// Makes durable what has been written.
    fn sync(&self) -> Result<()>;
}

impl<T, D: Dimension> Durable for &dyn WriteShared<T, D> {
    fn sync(&self) -> crate::Result<()> {
        Ok(WriteShared::sync(*self)?)
    }
}

/// A sink that is written, and read back, by several threads. Files allow that; other sinks are
/// written by one thread at a time.
#[derive(Debug)]
pub(crate) struct Shared<'a, S>(RwLock<&'a mut S>);

impl<'a, S> Shared<'a, S> {
    pub(crate) fn new(sink: &'a mut S) -> Self {
        Self(RwLock::new(sink))
    }
}

impl<T, D: Dimension, S: Sink<T, D>> WriteShared<T, D> for Shared<'_, S> {
    fn write(&self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        let reader = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = reader.write_tile_shared(window, tile.view()) {
            return result;
        }
        drop(reader);
        self.0.write().unwrap_or_else(PoisonError::into_inner).write_tile(window, tile)
    }

    fn write_runs(&self, runs: Runs, elements: &[T]) -> Result<()> {
        let reader = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = reader.write_runs_shared(runs.clone(), elements) {
            return result;
        }
        drop(reader);
        self.0.write().unwrap_or_else(PoisonError::into_inner).write_runs(runs, elements)
    }

    fn sync(&self) -> Result<()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sync()
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Shared<'_, S> {
    fn layout(&self) -> Layout<D> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).layout()
    }

    fn axes(&self) -> Vec<usize> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).axes()
    }

    fn copies(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).copies()
    }

    fn has_runs(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).has_runs()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read_bytes(window)
    }
}

impl<T, D: Dimension, S: Source<T, D> + Send> Source<T, D> for Shared<'_, S> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read_runs(runs, elements)
    }
}
