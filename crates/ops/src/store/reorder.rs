//! The pass that reads tiles in one order of the axes and writes them in another.
//!
//! ```text
//!     tile                           pieces of the sink's order
//!     ┌────────────┐                 ┌──────────────┐
//!     │ a a a b b b│  eight columns  │ a a a a a a  │
//!     │ a a a b b b│ ──────────────▶ │ a a a a a a  │ ──▶ written in one run
//!     │ a a a b b b│  at a time      └──────────────┘
//!     └────────────┘
//! ```
//!
//! A piece takes a few cache lines of each row of the tile, so that every line is fetched from memory
//! once, and is small enough to stay in cache until it is written.

use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Dimension, Ix2, IxDyn};
use outcore_storage::{Buffer, Element, Order, Source, Window};
use std::ops::RangeInclusive;

use super::in_order;
use crate::Result;
use crate::stream::{Pass, Resume};
use crate::tile::{PerThread, Tile};
use crate::tiling::Tiling;
use crate::transfer::{IO_THREADS, Io, WriteShared};

/// What one thread puts in another order at a time: some whole rows of the sink where they are not
/// too long, so that they are written in one run.
const PIECE_BYTES: RangeInclusive<u64> = 64 << 10..=2 << 20;
/// The part of a tile that a piece is at most.
const PIECES: u64 = 16;
/// Elements next to each other in a tile that a piece has at least, in bytes: a cache line.
const LINE_BYTES: usize = 64;

fn piece_bytes(tile_bytes: u64) -> u64 {
    (tile_bytes / PIECES).clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end()).min(tile_bytes)
}

/// The memory of the pieces of a tile.
pub(super) fn bytes(tile_bytes: u64) -> u64 {
    IO_THREADS as u64 * piece_bytes(tile_bytes)
}

pub(super) struct Reorder<'a, T> {
    tiling: &'a Tiling<IxDyn>,
    slots: usize,
    source: &'a dyn Source<T, IxDyn>,
    /// The sink, with its own order of the axes.
    sink: &'a dyn WriteShared<T, IxDyn>,
    /// The axes from the slowest to the fastest in the sink.
    to_sink: &'a [usize],
    /// The most elements of a piece.
    piece_len: usize,
    pieces: PerThread<Buffer<T>>,
}

impl<'a, T: Element> Reorder<'a, T> {
    pub(super) fn new(
        tiling: &'a Tiling<IxDyn>,
        slots: usize,
        source: &'a dyn Source<T, IxDyn>,
        sink: &'a dyn WriteShared<T, IxDyn>,
        to_sink: &'a [usize],
    ) -> Self {
        let bytes = (tiling.tile().slice().iter().product::<usize>() * size_of::<T>()) as u64;
        let bytes = usize::try_from(piece_bytes(bytes)).expect("a piece is small");
        let (piece_len, offset) = (bytes / size_of::<T>(), sink.layout().offset());
        let pieces = PerThread::new(IO_THREADS, || Buffer::new(piece_len, offset));
        Self { tiling, slots, source, sink, to_sink, piece_len, pieces }
    }

    /// The pieces of a tile: as long in the order of the sink as they may be.
    fn pieces_of(&self, tile: &IxDyn) -> Tiling<IxDyn> {
        let most = self.piece_len;
        let mut piece = IxDyn(&vec![1; tile.ndim()]);
        let fastest = tile.ndim() - 1;
        piece[fastest] = (LINE_BYTES / size_of::<T>()).min(tile[fastest]).min(most);
        for &axis in self.to_sink.iter().rev() {
            let others = piece.slice().iter().product::<usize>() / piece[axis];
            piece[axis] = (most / others).clamp(piece[axis], tile[axis]);
        }
        Tiling::new(tile.clone(), piece, Order::C)
    }
}

impl<T: Element> Resume for Reorder<'_, T> {
    fn is_resumable(&self) -> bool {
        true
    }

    fn sync(&self) -> Result<()> {
        Ok(self.sink.sync()?)
    }
}

impl<T: Element> Pass for Reorder<'_, T> {
    type Slot = Buffer<T>;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Buffer<T> {
        let len = self.tiling.tile().slice().iter().product();
        Buffer::new(len, self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, slot, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, _: usize, _: &mut Buffer<T>) {}

    fn write(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, slot, Order::C);
        let tile = tile.view();
        let pieces = self.pieces_of(&window.shape);
        io.each(pieces.len(), |index| {
            let piece = pieces.window(index);
            let part = tile.slice_each_axis(|axis| piece.slice(axis.axis.index()));
            let part = part.permuted_axes(IxDyn(self.to_sink));
            let mut place = Window::new(piece.origin.clone(), part.raw_dim());
            for (axis, &group) in self.to_sink.iter().enumerate() {
                place.origin[axis] = window.origin[group] + piece.origin[group];
            }
            debug_assert_eq!(place.shape, in_order(&piece.shape, self.to_sink));
            self.pieces.with(|elements| {
                let mut reordered = Tile::new(&place, elements, Order::C);
                copy(part, reordered.view_mut());
                self.sink.write(&place, reordered.view())
            })?;
            Ok(())
        })?;
        Ok((window.len() * size_of::<T>()) as u64)
    }
}

/// Copies between views of different orders: `to` is in C order, `from` has another fastest axis.
fn copy<T: Element>(from: ArrayViewD<'_, T>, mut to: ArrayViewMutD<'_, T>) {
    let Some(fastest) =
        (0..from.ndim()).find(|&axis| from.strides()[axis] == 1 && from.len_of(Axis(axis)) > 1)
    else {
        return to.assign(&from);
    };
    let last = from.ndim() - 1;
    if fastest == last {
        return to.assign(&from);
    }
    copy_planes(from, to, fastest);
}

/// Goes down to planes of the fastest axis of `from` and the last.
fn copy_planes<T: Element>(from: ArrayViewD<'_, T>, to: ArrayViewMutD<'_, T>, fastest: usize) {
    if from.ndim() == 2 {
        let (from, to) = (from.into_dimensionality::<Ix2>(), to.into_dimensionality::<Ix2>());
        return copy_transposed(&from.expect("two axes"), &mut to.expect("two axes"));
    }
    // Any other axis: the first, or the second if the first is the fastest.
    let other = usize::from(fastest == 0);
    let fastest = if other < fastest { fastest - 1 } else { fastest };
    let mut to = to;
    for (from, to) in from.axis_iter(Axis(other)).zip(to.axis_iter_mut(Axis(other))) {
        copy_planes(from, to, fastest);
    }
}

/// Elements of a row of `to` that are put together at a time.
const BLOCK: usize = 8;

/// Copies a plane whose columns are contiguous to one whose rows are.
fn copy_transposed<T: Element>(from: &ArrayView2<'_, T>, to: &mut ArrayViewMut2<'_, T>) {
    let whole = from.ncols() - from.ncols() % BLOCK;
    for first in (0..whole).step_by(BLOCK) {
        let columns: [&[T]; BLOCK] = std::array::from_fn(|column| {
            from.index_axis(Axis(1), first + column).to_slice().expect("columns are contiguous")
        });
        for (row, mut place) in to.rows_mut().into_iter().enumerate() {
            let place = place.as_slice_mut().expect("rows are contiguous");
            let place: &mut [T; BLOCK] =
                (&mut place[first..first + BLOCK]).try_into().expect("a block");
            *place = std::array::from_fn(|column| columns[column][row]);
        }
    }
    for column in whole..from.ncols() {
        to.column_mut(column).assign(&from.column(column));
    }
}
