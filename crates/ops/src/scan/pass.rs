//! The pass of a scan: lanes in parallel, each from its first element to its last.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Buffer, Element, Order, Source, Window};
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

use super::scanner::Scanner;
use crate::Result;
use crate::carried::{load_all, save_all};
use crate::stream::{Durable, Pass, Resume, each_parallel};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// The pass of a scan.
pub(super) struct Scanning<'a, A, S: Scanner<A>> {
    pub(super) tiling: &'a Tiling<IxDyn>,
    pub(super) slots: usize,
    pub(super) along: Option<usize>,
    pub(super) source: &'a dyn Source<A, IxDyn>,
    pub(super) sink: &'a dyn WriteShared<S::Out, IxDyn>,
    pub(super) scanner: &'a S,
    /// What the lanes of the tiles under way carry.
    pub(super) states: Mutex<Vec<S::State>>,
}

/// Lanes next to each other that a thread takes at a time.
pub(super) const LANES: usize = 512;
/// Elements that a thread takes at a time, where lanes are few.
const JOB_LEN: usize = 16 << 10;

impl<A: Element, S: Scanner<A>> Scanning<'_, A, S> {
    /// The lanes that a window has a part of.
    fn lanes(&self, window: &Window<IxDyn>) -> usize {
        window.len() / self.along.map_or(1, |along| window.shape[along])
    }

    /// Scans blocks of lanes: `len` elements along each, and `inner` lanes next to each other.
    fn scan(
        &self,
        input: &[A],
        output: &mut [S::Out],
        states: &mut [S::State],
        len: usize,
        inner: usize,
    ) {
        let block = len * inner;
        if inner >= 2 * LANES {
            // Large blocks one after another, groups of lanes at a time.
            let blocks = input.chunks(block).zip(output.chunks_mut(block));
            for ((input, output), states) in blocks.zip(states.chunks_mut(inner)) {
                self.scan_block(input, output, states, inner);
            }
            return;
        }
        let blocks = (JOB_LEN / block).max(1);
        let parts = input.chunks(blocks * block).zip(output.chunks_mut(blocks * block));
        let parts = parts.zip(states.chunks_mut(blocks * inner)).map(Mutex::new);
        let parts: Vec<_> = parts.collect();
        each_parallel(parts.len(), &|number| {
            let mut part = parts[number].lock().unwrap_or_else(PoisonError::into_inner);
            let ((input, output), states) = &mut *part;
            let blocks = input.chunks(block).zip(output.chunks_mut(block));
            for ((input, output), states) in blocks.zip(states.chunks_mut(inner)) {
                for (input, output) in input.chunks(inner).zip(output.chunks_mut(inner)) {
                    self.step_row(input, output, states);
                }
            }
        });
    }

    /// Scans the lanes of a block, row by row, a group of lanes in each thread.
    fn scan_block(
        &self,
        input: &[A],
        output: &mut [S::Out],
        states: &mut [S::State],
        inner: usize,
    ) {
        let rows = output.len() / inner;
        let mut groups: Vec<Vec<&mut [S::Out]>> = Vec::new();
        groups.resize_with(inner.div_ceil(LANES), || Vec::with_capacity(rows));
        for row in output.chunks_mut(inner) {
            groups.iter_mut().zip(row.chunks_mut(LANES)).for_each(|(group, part)| group.push(part));
        }
        let groups: Vec<_> =
            groups.into_iter().zip(states.chunks_mut(LANES)).map(Mutex::new).collect();
        each_parallel(groups.len(), &|number| {
            let mut group = groups[number].lock().unwrap_or_else(PoisonError::into_inner);
            let (rows, states) = &mut *group;
            let first = number * LANES;
            for (row, input) in rows.iter_mut().zip(input.chunks(inner)) {
                self.step_row(&input[first..first + states.len()], row, states);
            }
        });
    }

    fn step_row(&self, input: &[A], output: &mut [S::Out], states: &mut [S::State]) {
        for ((to, &from), state) in output.iter_mut().zip(input).zip(states) {
            *to = self.scanner.step(state, from);
        }
    }
}

impl<A: Element, S: Scanner<A>> Resume for Scanning<'_, A, S> {
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }

    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        save_all(&self.states.lock().unwrap_or_else(PoisonError::into_inner), to)
    }

    fn restore(&self, tiles: usize, from: &mut dyn Read) -> io::Result<()> {
        let states = load_all(from, self.lanes(&self.tiling.window(tiles - 1)))?;
        *self.states.lock().unwrap_or_else(PoisonError::into_inner) = states;
        Ok(())
    }
}

impl<A: Element, S: Scanner<A>> Pass for Scanning<'_, A, S> {
    type Slot = (Buffer<A>, Buffer<S::Out>);

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.tiling.tile().slice().iter().product();
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(len, source), Buffer::new(len, sink))
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, index: usize, (input, output): &mut Self::Slot) {
        let window: Window<IxDyn> = self.tiling.window(index);
        let (len, inner) = self.along.map_or((1, 1), |along| {
            (window.shape[along], window.shape.slice()[along + 1..].iter().product())
        });
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if self.along.is_none_or(|along| window.origin[along] == 0) {
            states.clear();
            states.resize(self.lanes(&window), self.scanner.state());
        }
        let count = window.len();
        self.scan(&input[..count], &mut output[..count], &mut states, len, inner);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, &mut slot.1, Order::C);
        io.write(self.sink, &window, tile.view(), Order::C)?;
        Ok((window.len() * size_of::<S::Out>()) as u64)
    }
}
