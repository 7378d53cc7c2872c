//! The copy of a window that kernels work on.
//!
//! A tile lies in memory as its window lies in the file, so that it is read and written without a
//! detour. A kernel that works along an axis sees contiguous lanes all the same: along the fastest
//! axis they are contiguous already, and along another a group of neighbouring lanes is gathered
//! into cache, worked on and scattered back.
//!
//! ```text
//!     tile, lanes downwards          group in cache
//!     ┌──────────────────┐  gather   ┌────────────┐
//!     │ a b │ c d │ e f  │ ────────▶ │ a a a a    │ ◀ one contiguous lane
//!     │ a b │ c d │ e f  │           │ b b b b    │
//!     │ a b │ c d │ e f  │ ◀──────── └────────────┘
//!     │ a b │ c d │ e f  │  scatter
//!     └──────────────────┘
//! ```

use ndarray::{ArrayView, ArrayView2, ArrayViewMut, ArrayViewMut2, Axis, Dimension, ShapeBuilder};
use outcore_storage::{Element, Order, Window};
use rayon::prelude::*;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// Bytes of neighbouring lanes that are gathered together: one to four cache lines of each row. With
/// four, memory has several requests under way; that they leave the second-level cache costs less.
const GROUP_BYTES: RangeInclusive<usize> = 64..=256;
/// What is gathered is a small part of the tile at most.
const GROUP_PART: usize = 16;
/// Rows that are gathered at a time: of each lane they make a cache line or so.
const BLOCK_ROWS: usize = 8;
/// Bytes between gathered lanes: they must not lie a power of two apart, or all of them would
/// compete for the same few places in the cache.
const PAD_BYTES: usize = 64;

/// A window's copy in memory.
#[derive(Debug)]
pub(crate) struct Tile<'a, T, D> {
    shape: &'a D,
    elements: &'a mut [T],
    order: Order,
}

impl<'a, T: Element, D: Dimension> Tile<'a, T, D> {
    /// A tile for a window, in the first elements of a buffer.
    pub(crate) fn new(window: &'a Window<D>, buffer: &'a mut [T], order: Order) -> Self {
        Self::of_shape(&window.shape, buffer, order)
    }

    /// A tile of a shape, in the first elements of a buffer.
    pub(crate) fn of_shape(shape: &'a D, buffer: &'a mut [T], order: Order) -> Self {
        let len = shape.slice().iter().product();
        Self { shape, elements: &mut buffer[..len], order }
    }

    pub(crate) fn elements_mut(&mut self) -> &mut [T] {
        self.elements
    }

    pub(crate) fn view(&self) -> ArrayView<'_, T, D> {
        let shape = self.shape.clone().set_f(self.order == Order::F);
        ArrayView::from_shape(shape, self.elements).expect("as many elements as the window has")
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMut<'_, T, D> {
        let shape = self.shape.clone().set_f(self.order == Order::F);
        ArrayViewMut::from_shape(shape, self.elements).expect("as many elements as the window has")
    }

    /// Applies a function to every lane along an axis, on all threads of the current pool. Lanes are
    /// numbered in the order of the tile.
    pub(crate) fn par_lanes_mut(
        &mut self,
        axis: usize,
        gathered: &PerThread<Vec<T>>,
        each: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let len = self.shape[axis];
        if self.elements.is_empty() {
            return;
        }
        let inner = self.inner_len(axis);
        if inner == 1 {
            let lanes = self.elements.par_chunks_mut(len).enumerate();
            lanes.for_each(|(number, lane)| each(number, lane));
            return;
        }
        let width = group_len::<T>(inner);
        self.elements.par_chunks_mut(len * inner).enumerate().for_each(|(outer, block)| {
            let mut lanes = ArrayViewMut2::from_shape((len, inner), block).expect("a whole block");
            let groups = lanes.axis_chunks_iter_mut(Axis(1), width).into_par_iter().enumerate();
            groups.for_each(|(group, lanes)| {
                let first = outer * inner + group * width;
                let each = |lane: usize, elements: &mut [T]| each(first + lane, elements);
                gathered.with(|gathered| for_each_gathered(lanes, gathered, each));
            });
        });
    }

    /// The elements between neighbours along an axis.
    pub(crate) fn inner_len(&self, axis: usize) -> usize {
        match self.order {
            Order::C => self.shape.slice()[axis + 1..].iter().product(),
            Order::F => self.shape.slice()[..axis].iter().product(),
        }
    }
}

/// Makes each lane of a tile in C order from the lane of another tile, which has another length along
/// the axis, on all threads of the current pool. `inner` elements lie between neighbours of a lane.
pub(crate) fn par_lanes_into<A: Element, B: Element>(
    (from, from_len): (&mut [A], usize),
    (to, to_len): (&mut [B], usize),
    inner: usize,
    gathered: &PerThread<(Vec<A>, Vec<B>)>,
    each: impl Fn(&mut [A], &mut [B]) + Sync,
) {
    if inner == 1 {
        let lanes = from.par_chunks_mut(from_len).zip(to.par_chunks_mut(to_len));
        lanes.for_each(|(from, to)| each(from, to));
        return;
    }
    let width = into_width::<A, B>(inner);
    let blocks = from.par_chunks_mut(from_len * inner).zip(to.par_chunks_mut(to_len * inner));
    blocks.for_each(|(from, to)| {
        let from = ArrayView2::from_shape((from_len, inner), &*from).expect("a whole block");
        let mut to = ArrayViewMut2::from_shape((to_len, inner), to).expect("a whole block");
        let groups = to.axis_chunks_iter_mut(Axis(1), width).into_par_iter();
        groups.zip(from.axis_chunks_iter(Axis(1), width)).for_each(|(mut to, from)| {
            gathered.with(|(lanes, made)| {
                let (pitch, made_pitch) = (lane_pitch::<A>(from_len), lane_pitch::<B>(to_len));
                for (row, elements) in from.rows().into_iter().enumerate() {
                    let places = lanes[row..].iter_mut().step_by(pitch);
                    places.zip(elements).for_each(|(to, &from)| *to = from);
                }
                let pairs = lanes.chunks_exact_mut(pitch).zip(made.chunks_exact_mut(made_pitch));
                for (from, to) in pairs.take(from.ncols()) {
                    each(&mut from[..from_len], &mut to[..to_len]);
                }
                for (row, elements) in to.rows_mut().into_iter().enumerate() {
                    let places = made[row..].iter().step_by(made_pitch);
                    elements.into_iter().zip(places).for_each(|(to, &from)| *to = from);
                }
            });
        });
    });
}

/// The number of lanes that [`par_lanes_into`] gathers together.
fn into_width<A, B>(inner: usize) -> usize {
    group_len::<A>(inner).min(group_len::<B>(inner))
}

/// The elements of both types that one thread gathers for [`par_lanes_into`].
pub(crate) fn into_lens<A, B>(from_len: usize, to_len: usize, inner: usize) -> (usize, usize) {
    let width = if inner <= 1 { 0 } else { into_width::<A, B>(inner) };
    (width * lane_pitch::<A>(from_len), width * lane_pitch::<B>(to_len))
}

/// Gathers a group of neighbouring lanes, works on each by its number, and scatters them back.
pub(crate) fn for_each_gathered<T: Element>(
    mut group: ArrayViewMut2<'_, T>,
    lanes: &mut [T],
    mut each: impl FnMut(usize, &mut [T]),
) {
    let (len, width) = group.dim();
    let pitch = lane_pitch::<T>(len);
    let lanes = &mut lanes[..width * pitch];
    let whole = len - len % BLOCK_ROWS;
    let (mut blocks, mut rest) = group.view_mut().split_at(Axis(0), whole);
    for (begin, rows) in (0..).step_by(BLOCK_ROWS).zip(row_blocks(&mut blocks)) {
        for (lane, to) in lanes.chunks_exact_mut(pitch).enumerate() {
            let to: &mut [T; BLOCK_ROWS] =
                (&mut to[begin..begin + BLOCK_ROWS]).try_into().expect("a block");
            *to = std::array::from_fn(|row| rows[row][lane]);
        }
    }
    for ((row, lane), &element) in rest.indexed_iter() {
        lanes[lane * pitch + whole + row] = element;
    }
    for (number, lane) in lanes.chunks_exact_mut(pitch).enumerate() {
        each(number, &mut lane[..len]);
    }
    for (begin, mut rows) in (0..).step_by(BLOCK_ROWS).zip(row_blocks(&mut blocks)) {
        for (lane, from) in lanes.chunks_exact(pitch).enumerate() {
            let from: &[T; BLOCK_ROWS] =
                from[begin..begin + BLOCK_ROWS].try_into().expect("a block");
            for (row, &element) in rows.iter_mut().zip(from) {
                row[lane] = element;
            }
        }
    }
    for ((row, lane), element) in rest.indexed_iter_mut() {
        *element = lanes[lane * pitch + whole + row];
    }
}

/// The rows of a view, a fixed number at a time.
fn row_blocks<'a, T>(
    rows: &'a mut ArrayViewMut2<'_, T>,
) -> impl Iterator<Item = [&'a mut [T]; BLOCK_ROWS]> {
    let blocks = rows.nrows() / BLOCK_ROWS;
    let mut rows = rows.rows_mut().into_iter();
    let mut row = move |_| {
        let row = rows.next().expect("as many rows as the blocks have");
        row.into_slice().expect("neighbouring lanes are contiguous")
    };
    (0..blocks).map(move |_| std::array::from_fn(&mut row))
}

/// The number of lanes that are gathered together, of `inner` neighbouring ones.
pub(crate) fn group_len<T>(inner: usize) -> usize {
    let bytes = inner.saturating_mul(size_of::<T>()) / GROUP_PART;
    let bytes = bytes.clamp(*GROUP_BYTES.start(), *GROUP_BYTES.end());
    (bytes / size_of::<T>()).clamp(1, inner.max(1))
}

fn lane_pitch<T>(len: usize) -> usize {
    len + PAD_BYTES.div_ceil(size_of::<T>())
}

/// The elements that one thread gathers of lanes of `len` elements, `inner` of them neighbours.
pub(crate) fn gathered_len<T>(len: usize, inner: usize) -> usize {
    if inner <= 1 { 0 } else { group_len::<T>(inner) * lane_pitch::<T>(len) }
}

/// Scratch memory for each thread of a pool, allocated once.
#[derive(Debug)]
pub(crate) struct PerThread<S>(Vec<Mutex<S>>);

impl<S> PerThread<S> {
    pub(crate) fn new(threads: usize, scratch: impl Fn() -> S) -> Self {
        Self((0..threads).map(|_| Mutex::new(scratch())).collect())
    }

    /// Lends this thread's scratch. What it holds from before is unspecified.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        let index = rayon::current_thread_index().unwrap_or(0) % self.0.len();
        work(&mut self.0[index].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What every thread has left in its scratch.
    pub(crate) fn into_inner(self) -> impl Iterator<Item = S> {
        let scratch = self.0.into_iter();
        scratch.map(|scratch| scratch.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
