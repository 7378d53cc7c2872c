//! The pass that reads tiles in one order of the axes and writes them in another.
//!
//! ```text
//!     pieces of the source's order      tile, in the sink's order
//!     ┌────────────┐                    ┌──────────────┬ ─ ─ ─
//!     │ a a a b b b│   small squares    │ a a a        │
//!     │ a a a b b b│ ─────────────────▶ │ a a a        │        ──▶ written in one run
//!     │ a a a b b b│                    │ b b b        │
//!     └────────────┘                    └──────────────┴ ─ ─ ─
//! ```
//!
//! Pieces are put in order as they are read, because short runs keep the disk busy and leave the
//! processor idle. Then the tile lies as its window of the sink does, and goes there without a detour.

use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Dimension, Ix2, IxDyn};
use outcore_storage::{Buffer, Element, Order, Source, Stored, Window};
use std::ops::RangeInclusive;

use super::in_order;
use crate::Result;
use crate::stream::{Durable, Pass, Resume, join};
use crate::tile::{PerThread, Tile};
use crate::tiling::Tiling;
use crate::transfer::{IO_THREADS, Io, WriteShared};

/// What one thread reads and puts in order at a time: so small that it stays in cache, and so many runs
/// that the disk has a queue.
const PIECE_BYTES: RangeInclusive<usize> = 64 << 10..=1 << 20;
/// The part of a tile that a piece is at most.
const PIECES: usize = 16;
/// Elements next to each other in the sink that a piece has at least, in bytes: a cache line.
const LINE_BYTES: usize = 64;

pub(crate) fn piece_bytes(tile_bytes: usize) -> usize {
    (tile_bytes / PIECES).clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end()).min(tile_bytes)
}

/// The memory of the pieces of a tile.
pub(super) fn bytes(tile_bytes: u64) -> u64 {
    let tile_bytes = usize::try_from(tile_bytes).unwrap_or(usize::MAX);
    (IO_THREADS * piece_bytes(tile_bytes)) as u64
}

/// The bytes that reading all tiles moves, piece by piece.
pub(super) fn read_bytes(
    source: &dyn Stored<IxDyn>,
    tiling: &Tiling<IxDyn>,
    to_sink: &[usize],
    element: usize,
) -> u64 {
    fn of_pieces(source: &dyn Stored<IxDyn>, window: &Window<IxDyn>, pieces: &Pieces<'_>) -> u64 {
        let Some((axis, middle)) = pieces.halves(window) else { return source.read_bytes(window) };
        let (low, high) = window.split_at(axis, middle);
        of_pieces(source, &low, pieces) + of_pieces(source, &high, pieces)
    }
    let pieces = Pieces::new(tiling, to_sink, element);
    tiling.windows().map(|window| of_pieces(source, &window, &pieces)).sum()
}

/// How tiles are cut into pieces.
struct Pieces<'a> {
    /// The axes from the slowest to the fastest in the sink.
    to_sink: &'a [usize],
    /// The most elements of a piece.
    most: usize,
    /// The least along the fastest axis of the sink, unless all others are single.
    line: usize,
}

impl<'a> Pieces<'a> {
    fn new(tiling: &Tiling<IxDyn>, to_sink: &'a [usize], element: usize) -> Self {
        let tile_bytes = tiling.tile().slice().iter().product::<usize>() * element;
        Self { to_sink, most: piece_bytes(tile_bytes) / element, line: LINE_BYTES / element }
    }

    /// Where to halve a window, so that its runs in the source stay long.
    fn halves(&self, window: &Window<IxDyn>) -> Option<(usize, usize)> {
        if window.len() <= self.most {
            return None;
        }
        let fastest = self.to_sink.last().copied();
        let least = |axis: usize| if Some(axis) == fastest { self.line.max(1) } else { 1 };
        let axis = (0..window.shape.ndim()).find(|&axis| window.shape[axis] >= 2 * least(axis));
        let axis = axis.or_else(|| window.slowest_axis(Order::C))?;
        Some((axis, window.shape[axis] / 2))
    }
}

pub(super) struct Reorder<'a, T> {
    tiling: &'a Tiling<IxDyn>,
    slots: usize,
    source: &'a dyn Source<T, IxDyn>,
    /// The sink, with its own order of the axes.
    sink: &'a dyn WriteShared<T, IxDyn>,
    pieces: Pieces<'a>,
    /// For each axis, where it is in the sink.
    places: IxDyn,
    scratch: PerThread<Buffer<T>>,
}

impl<'a, T: Element> Reorder<'a, T> {
    pub(super) fn new(
        tiling: &'a Tiling<IxDyn>,
        slots: usize,
        source: &'a dyn Source<T, IxDyn>,
        sink: &'a dyn WriteShared<T, IxDyn>,
        to_sink: &'a [usize],
    ) -> Self {
        let pieces = Pieces::new(tiling, to_sink, size_of::<T>());
        let offset = source.layout().offset();
        let scratch = PerThread::new(IO_THREADS, || Buffer::new(pieces.most, offset));
        let mut places = IxDyn(&vec![0; to_sink.len()]);
        to_sink.iter().enumerate().for_each(|(place, &axis)| places[axis] = place);
        Self { tiling, slots, source, sink, pieces, places, scratch }
    }

    /// The window of the sink that is a window of the source.
    fn in_sink(&self, window: &Window<IxDyn>) -> Window<IxDyn> {
        let to_sink = self.pieces.to_sink;
        Window::new(in_order(&window.origin, to_sink), in_order(&window.shape, to_sink))
    }

    /// Reads a part of a tile that lies in the order of the sink; its axes are those of the source.
    fn read_part(&self, window: &Window<IxDyn>, tile: ArrayViewMutD<'_, T>) -> Result<u64> {
        if let Some((axis, middle)) = self.pieces.halves(window) {
            let (low, high) = window.split_at(axis, middle);
            let (low_tile, high_tile) = tile.split_at(Axis(axis), middle);
            let (one, other) =
                join(|| self.read_part(&low, low_tile), || self.read_part(&high, high_tile));
            return Ok(one? + other?);
        }
        let to_sink = IxDyn(self.pieces.to_sink);
        self.scratch.with(|elements| {
            let mut piece = Tile::new(window, elements, Order::C);
            self.source.read_tile(window, piece.view_mut())?;
            copy(piece.view().permuted_axes(to_sink.clone()), tile.permuted_axes(to_sink.clone()));
            Ok(self.source.read_bytes(window))
        })
    }
}

impl<T: Element> Resume for Reorder<'_, T> {
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
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
        Buffer::new(len, self.sink.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let place = self.in_sink(&window);
        let mut tile = Tile::new(&place, slot, Order::C);
        let tile = tile.view_mut().permuted_axes(self.places.clone());
        io.run(|| self.read_part(&window, tile))
    }

    fn compute(&self, _: usize, _: &mut Buffer<T>) {}

    fn write(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let place = self.in_sink(&self.tiling.window(index));
        let tile = Tile::new(&place, slot, Order::C);
        io.write(self.sink, &place, tile.view(), Order::C)?;
        Ok((place.len() * size_of::<T>()) as u64)
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

/// The side of the squares that are copied at a time: of `f32` a cache line.
const SIDE: usize = 16;

/// Copies a plane whose columns are contiguous to one whose rows are, square by square: of each, whole
/// cache lines are read and written, however far apart they are.
pub(crate) fn copy_transposed<T: Element>(from: &ArrayView2<'_, T>, to: &mut ArrayViewMut2<'_, T>) {
    let (rows, columns) = (to.nrows() - to.nrows() % SIDE, to.ncols() - to.ncols() % SIDE);
    for column in (0..columns).step_by(SIDE) {
        let lanes: [&[T]; SIDE] = std::array::from_fn(|lane| {
            from.index_axis(Axis(1), column + lane).to_slice().expect("columns are contiguous")
        });
        let mut places = to.rows_mut().into_iter();
        for row in (0..rows).step_by(SIDE) {
            let square: [[T; SIDE]; SIDE] =
                lanes.map(|lane| lane[row..row + SIDE].try_into().expect("a side"));
            for (within, place) in places.by_ref().take(SIDE).enumerate() {
                let place = place.into_slice().expect("rows are contiguous");
                let place: &mut [T; SIDE] =
                    (&mut place[column..column + SIDE]).try_into().expect("a side");
                *place = std::array::from_fn(|lane| square[lane][within]);
            }
        }
    }
    // The edges, which make no whole square.
    for column in 0..to.ncols() {
        let first = if column < columns { rows } else { 0 };
        for row in first..to.nrows() {
            to[[row, column]] = from[[row, column]];
        }
    }
}
