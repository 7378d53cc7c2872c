//! The pass of a reduction.

use ndarray::{ArrayView, Dimension, IxDyn};
use outcore_storage::{Buffer, Element, Order, Source, Window};
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

use super::reducer::{LEAF, LEAF_ROWS, Reducer};
use super::sizes::{Axes, COLUMNS, LEAVES};
use crate::Result;
use crate::carried::{load_all, save_all};
use crate::stream::{Durable, Pass, Resume, each_parallel};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

pub(super) struct Reducing<'a, A, R: Reducer<A>> {
    pub(super) slots: usize,
    pub(super) places: Places<'a>,
    pub(super) source: &'a dyn Source<A, IxDyn>,
    pub(super) sink: &'a dyn WriteShared<R::Out, IxDyn>,
    pub(super) reducer: &'a R,
    /// A state for each element of the block under way.
    pub(super) state: Mutex<Vec<R::State>>,
}

/// Where tiles and their elements belong.
pub(super) struct Places<'a> {
    pub(super) tiling: &'a Tiling<IxDyn>,
    pub(super) axes: &'a Axes,
    /// Whether the result is made block by block: each is that of one stack of tiles.
    pub(super) by_block: bool,
}

/// A tile, and the result of its block if it is the last of it.
pub(super) struct Slot<A, B> {
    tile: Buffer<A>,
    result: Option<Result<Vec<B>>>,
}

/// Where a stretch of a tile belongs: which element of the block, and which index along the axes that
/// are reduced.
#[derive(Clone, Copy)]
struct Place {
    kept: usize,
    index: u64,
}

impl Places<'_> {
    /// The number of tiles; of no elements there is a result all the same.
    fn tiles(&self) -> usize {
        self.tiling.len().max(1)
    }

    /// The window of a tile; of no elements there is one tile all the same.
    fn window(&self, index: usize) -> Window<IxDyn> {
        if self.tiling.is_empty() {
            Window::whole(self.axes.shape.clone())
        } else {
            self.tiling.window(index)
        }
    }

    /// The part of the result that a window belongs to, as a box of the kept groups.
    fn block(&self, window: &Window<IxDyn>) -> Window<IxDyn> {
        let kept = (0..self.axes.reduced.len()).filter(|&group| !self.axes.reduced[group]);
        let (origin, shape): (Vec<_>, Vec<_>) = kept
            .map(|group| {
                if self.by_block {
                    (window.origin[group], window.shape[group])
                } else {
                    (0, self.axes.shape[group])
                }
            })
            .unzip();
        Window::new(IxDyn(&origin), IxDyn(&shape))
    }

    fn is_first(&self, index: usize, window: &Window<IxDyn>) -> bool {
        let first = |group: usize| !self.axes.reduced[group] || window.origin[group] == 0;
        if self.by_block { (0..self.axes.reduced.len()).all(first) } else { index == 0 }
    }

    fn is_last(&self, index: usize, window: &Window<IxDyn>) -> bool {
        let end = |group: usize| window.origin[group] + window.shape[group];
        let last = |group: usize| !self.axes.reduced[group] || end(group) == self.axes.shape[group];
        let all = (0..self.axes.reduced.len()).all(last);
        if self.by_block { all } else { index + 1 == self.tiles() }
    }

    /// Where the stretch with a number lies, of those that the first `count` groups of a window make.
    fn place(&self, window: &Window<IxDyn>, count: usize, number: usize) -> Place {
        let mut rest = number;
        let mut kept_step: usize = (count..self.axes.reduced.len())
            .filter(|&group| !self.axes.reduced[group])
            .map(|group| self.block_len(window, group))
            .product();
        let mut place = Place { kept: 0, index: 0 };
        for group in (0..count).rev() {
            let at = rest % window.shape[group];
            rest /= window.shape[group];
            if self.axes.reduced[group] {
                place.index += (window.origin[group] + at) as u64 * self.axes.weights[group];
            } else {
                let origin = if self.by_block { 0 } else { window.origin[group] };
                place.kept += (origin + at) * kept_step;
                kept_step *= self.block_len(window, group);
            }
        }
        place
    }

    fn block_len(&self, window: &Window<IxDyn>, group: usize) -> usize {
        if self.by_block { window.shape[group] } else { self.axes.shape[group] }
    }

    /// The axis along which neighbours in memory lie, the first index there, and how far one step along
    /// it is in the order of what is reduced.
    fn fast(&self, window: &Window<IxDyn>) -> (usize, usize, u64) {
        match self.axes.reduced.len().checked_sub(1) {
            Some(fast) => (fast, window.origin[fast], self.axes.weights[fast]),
            None => (0, 0, 1),
        }
    }
}

impl<A: Element, R: Reducer<A>> Reducing<'_, A, R> {
    /// Neighbours in memory belong to one element of the result.
    fn along_runs(&self, window: &Window<IxDyn>, tile: &[A], states: &mut [R::State]) {
        let places = &self.places;
        let len = window.shape.slice().last().copied().unwrap_or(1);
        let (fast, origin, step) = places.fast(window);
        let leaf = |row: usize, begin: usize| {
            let end = (begin + LEAF).min(len);
            let index = places.place(window, fast, row).index + (origin + begin) as u64 * step;
            self.reducer.fold(&tile[row * len + begin..row * len + end], index, step)
        };
        let rows = tile.len() / len;
        // Rows that each belong to another element can be worked on at a time.
        if places.axes.reduced[..fast].iter().all(|reduced| !reduced) && rows >= len.div_ceil(LEAF)
        {
            let first = places.place(window, fast, 0).kept;
            let at_once = (JOB_LEN / len).max(1);
            let jobs = states[first..first + rows].chunks_mut(at_once).map(Mutex::new);
            let jobs: Vec<_> = jobs.collect();
            each_parallel(jobs.len(), &|number| {
                let mut states = jobs[number].lock().unwrap_or_else(PoisonError::into_inner);
                for (state, row) in states.iter_mut().zip(number * at_once..) {
                    for begin in (0..len).step_by(LEAF) {
                        self.reducer.merge(state, &leaf(row, begin));
                    }
                }
            });
            return;
        }
        let in_row = len.div_ceil(LEAF);
        in_order(
            rows * in_row,
            (LEAVES, JOB_LEN / LEAF),
            &|number| leaf(number / in_row, number % in_row * LEAF),
            &mut |number, leaf| {
                let state = self.places.place(window, fast, number / in_row).kept;
                self.reducer.merge(&mut states[state], &leaf);
            },
        );
    }

    /// Neighbours in memory belong to different elements of the result: rows are added to each other.
    fn across_rows(&self, window: &Window<IxDyn>, tile: &[A], states: &mut [R::State]) {
        let groups = self.places.axes.reduced.len();
        let columns = window.shape[groups - 1];
        let first_column = if self.places.by_block { 0 } else { window.origin[groups - 1] };
        let (outer, rows) =
            if groups == 1 { (0, 1) } else { (groups - 2, window.shape[groups - 2]) };
        let row_index = |row: usize| {
            let first = if groups == 1 { 0 } else { window.origin[groups - 2] };
            let weight = if groups == 1 { 0 } else { self.places.axes.weights[groups - 2] };
            (first + row) as u64 * weight
        };
        // The leaf of some rows, of these columns.
        let fold = |block: &[A], index: u64, begin: usize, columns_of: std::ops::Range<usize>| {
            let mut leaves = vec![self.reducer.leaf(); columns_of.len()];
            for row in begin..rows.min(begin + LEAF_ROWS) {
                let elements = &block[row * columns..(row + 1) * columns][columns_of.clone()];
                self.reducer.push_row(&mut leaves, elements, index + row_index(row));
            }
            leaves
        };
        let blocks: Vec<_> = tile.chunks_exact(rows * columns).enumerate().collect();
        let place = |number: usize| {
            let place = self.places.place(window, outer, number);
            Place { kept: place.kept + first_column, ..place }
        };
        if columns >= 2 * COLUMNS {
            for (number, block) in blocks {
                let Place { kept, index } = place(number);
                let groups = states[kept..kept + columns].chunks_mut(COLUMNS).map(Mutex::new);
                let groups: Vec<_> = groups.collect();
                each_parallel(groups.len(), &|group| {
                    let begin = group * COLUMNS;
                    let mut states = groups[group].lock().unwrap_or_else(PoisonError::into_inner);
                    for row in (0..rows).step_by(LEAF_ROWS) {
                        let leaves = fold(block, index, row, begin..begin + states.len());
                        for (state, leaf) in states.iter_mut().zip(&leaves) {
                            self.reducer.merge(state, leaf);
                        }
                    }
                });
            }
            return;
        }
        let in_block = rows.div_ceil(LEAF_ROWS);
        in_order(
            blocks.len() * in_block,
            ((LEAVES / columns).max(1), 1),
            &|number| {
                let (number, row) = (number / in_block, number % in_block * LEAF_ROWS);
                fold(blocks[number].1, place(number).index, row, 0..columns)
            },
            &mut |number, leaves| {
                let Place { kept, .. } = place(number / in_block);
                for (state, leaf) in states[kept..kept + columns].iter_mut().zip(&leaves) {
                    self.reducer.merge(state, leaf);
                }
            },
        );
    }
}

/// Elements that a thread takes at a time.
const JOB_LEN: usize = 16 << 10;

/// Makes things in parallel, so many at a time and in each job, and takes them in order.
fn in_order<T: Send>(
    count: usize,
    (at_once, in_job): (usize, usize),
    fold: &(dyn Fn(usize) -> T + Sync),
    take: &mut dyn FnMut(usize, T),
) {
    for begin in (0..count).step_by(at_once) {
        let numbers = begin..count.min(begin + at_once);
        let jobs = numbers.len().div_ceil(in_job);
        let made: Vec<_> = (0..jobs).map(|_| Mutex::new(Vec::new())).collect();
        each_parallel(jobs, &|job| {
            let first = begin + job * in_job;
            let things = (first..numbers.end.min(first + in_job)).map(fold).collect();
            *made[job].lock().unwrap_or_else(PoisonError::into_inner) = things;
        });
        let made = made
            .into_iter()
            .flat_map(|job| job.into_inner().unwrap_or_else(PoisonError::into_inner));
        numbers.zip(made).for_each(|(number, thing)| take(number, thing));
    }
}

impl<A: Element, R: Reducer<A>> Resume for Reducing<'_, A, R> {
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }

    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        save_all(&self.state.lock().unwrap_or_else(PoisonError::into_inner), to)
    }

    fn restore(&self, tiles: usize, from: &mut dyn Read) -> io::Result<()> {
        let states = load_all(from, self.places.block(&self.places.window(tiles - 1)).len())?;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = states;
        Ok(())
    }
}

impl<A: Element, R: Reducer<A>> Pass for Reducing<'_, A, R> {
    type Slot = Slot<A, R::Out>;

    fn tiles(&self) -> usize {
        self.places.tiles()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.places.tiling.tile().slice().iter().product();
        Slot { tile: Buffer::new(len, self.source.layout().offset()), result: None }
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        if self.places.tiling.is_empty() {
            return Ok(0);
        }
        let window = self.places.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.tile, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let mut states = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = self.places.window(index);
        if self.places.is_first(index, &window) {
            states.clear();
            states.resize(self.places.block(&window).len(), self.reducer.state());
        }
        if !window.is_empty() {
            let tile = &slot.tile[..window.len()];
            if self.places.axes.fast_is_reduced() {
                self.along_runs(&window, tile, &mut states);
            } else {
                self.across_rows(&window, tile, &mut states);
            }
        }
        let result = || {
            // Collected it would grow, and hold up to three times as much while it does.
            let mut result = Vec::with_capacity(states.len());
            for state in states.iter() {
                result.push(self.reducer.finish(state)?);
            }
            Ok(result)
        };
        slot.result = self.places.is_last(index, &window).then(result);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let Some(result) = slot.result.take() else { return Ok(0) };
        let result = result?;
        let window = self.places.window(index);
        let block = self.places.block(&window);
        let view = ArrayView::from_shape(block.shape.clone(), &result);
        io.write(self.sink, &block, view.expect("an element for each state"), Order::C)?;
        Ok((result.len() * size_of::<R::Out>()) as u64)
    }
}
