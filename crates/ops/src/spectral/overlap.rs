//! Convolution block by block, where the kernel is small against the array: overlap-save.
//!
//! ```text
//!     input   ├──────── block ────────┤
//!                              ├──────── block ────────┤      each is transformed, multiplied, transformed
//!     output          ├─ step ─┤                              back: what comes round again is at its
//!                              ├─ step ─┤                     beginning, as long as the kernel, and left out
//! ```
//!
//! (Stockham, "High-speed convolution and correlation", 1966.) One pass, and no array in between. Blocks
//! follow from the shapes alone, and are the same whatever the tiles; a tile is so many of them along each
//! axis, and reads their input once.

use ndarray::{ArrayViewD, ArrayViewMutD, Axis, Dimension, IxDyn, Slice};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source, Stored, Window};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::passes::multiply;
use super::transforms::Transforms;
use crate::Result;
use crate::fft::axes::dim;
use crate::fft::sizes::product;
use crate::frequency::next_fast_len;
use crate::plan::{PREFERRED_BYTES, PassPlan, SLOTS, duration, greatest, grow};
use crate::signal::{Halves, Signal};
use crate::stream::{Durable, Pass, Resume};
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared, window_read_bytes};

/// A block is about so many times as long as the kernel: of a longer one less is left out, but it takes longer.
const TIMES: usize = 4;
/// Elements that a block has at least, about.
const LEAST: usize = 4096;
/// Elements that a block of several axes has at most.
const MOST: usize = 1 << 22;
/// How many times as long as a block everything must be.
const WORTH: usize = 8;
/// Elements of the blocks that are transformed at a time, and the part of the memory that they have at most.
const BATCH: usize = 1 << 18;
const BATCH_PART: u64 = 4;

/// The lengths of a convolution along its axes.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    pub(super) source: Vec<usize>,
    pub(super) kernel: Vec<usize>,
    /// What both are padded to if they are transformed as a whole.
    pub(super) padded: Vec<usize>,
    /// The part of the whole convolution that is wanted.
    pub(super) wanted: Vec<Range<usize>>,
}

/// The lengths of a block, if the kernel is small against the array.
pub(super) fn block(lens: &Lens) -> Option<Vec<usize>> {
    let axes = lens.padded.iter().filter(|&&len| len > 1).count();
    let least = root(LEAST, axes);
    let len = |(kernel, wanted): (&usize, &Range<usize>)| {
        next_fast_len(kernel.saturating_mul(TIMES).max(least).min(kernel - 1 + wanted.len()))
    };
    let block: Vec<usize> = lens.kernel.iter().zip(&lens.wanted).map(len).collect();
    let small = product(&block).saturating_mul(WORTH as u64) <= product(&lens.padded);
    (small && (axes == 1 || product(&block) <= MOST as u64)).then_some(block)
}

/// The greatest number whose power is no more than another.
fn root(of: usize, power: usize) -> usize {
    let power = u32::try_from(power.max(1)).unwrap_or(u32::MAX);
    let fits = |&root: &usize| root.checked_pow(power).is_some_and(|value| value <= of);
    (1..=of).take_while(fits).last().unwrap_or(1)
}

/// How an output is cut into tiles of blocks. All of this has the places of a block for axes.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    pub(super) tiling: Tiling<IxDyn>,
    pub(super) slots: usize,
    memory: u64,
    duration: f64,
}

/// The blocks of a convolution.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    source: Vec<usize>,
    kernel: Vec<usize>,
    wanted: Vec<Range<usize>>,
    pub(super) block: Vec<usize>,
    /// The shape of the spectrum of a block.
    pub(super) spectrum: Vec<usize>,
    /// Blocks that are transformed at a time.
    pub(super) batch: usize,
}

impl Blocks {
    /// The blocks along some of the axes, in their order.
    pub(super) fn new(lens: &Lens, axes: &[usize], block: &[usize], spectrum: Vec<usize>) -> Self {
        let of = |lens: &[usize]| axes.iter().map(|&axis| lens[axis]).collect();
        Self {
            source: of(&lens.source),
            kernel: of(&lens.kernel),
            wanted: axes.iter().map(|&axis| lens.wanted[axis].clone()).collect(),
            block: block.to_vec(),
            spectrum,
            batch: 1,
        }
    }

    /// Transforms several blocks at a time, as many as a part of the memory holds.
    pub(super) fn batched(mut self, limit: u64, cost: &dyn Fn(usize) -> u64) -> Self {
        self.batch = greatest(self.most_at_a_time(), limit / BATCH_PART, cost).unwrap_or(1);
        self
    }

    /// How far it is from a block to the next.
    fn steps(&self) -> Vec<usize> {
        self.block.iter().zip(&self.kernel).map(|(block, kernel)| block + 1 - kernel).collect()
    }

    fn output(&self) -> IxDyn {
        dim(&self.wanted.iter().map(ExactSizeIterator::len).collect::<Vec<_>>())
    }

    /// More blocks at a time are transformed no faster.
    fn most_at_a_time(&self) -> usize {
        let steps = self.steps();
        let of = |(wanted, step): (&Range<usize>, &usize)| wanted.len().div_ceil(*step) as u64;
        let all = self.wanted.iter().zip(&steps).map(of).fold(1, u64::saturating_mul);
        let some = (BATCH as u64 / product(&self.block).max(1)).clamp(1, all.max(1));
        usize::try_from(some).expect("no more than a batch has elements")
    }

    /// The window of the source that a window of the output needs; `None` if it needs zeros alone.
    fn input(&self, output: &Window<IxDyn>) -> Option<Window<IxDyn>> {
        let mut input = output.clone();
        for axis in 0..self.source.len() {
            // One after the last index of the whole convolution that is wanted.
            let end = self.wanted[axis].start + output.origin[axis] + output.shape[axis];
            let begin = (end + 1).saturating_sub(output.shape[axis] + self.kernel[axis]);
            let end = end.min(self.source[axis]);
            input.origin[axis] = begin;
            input.shape[axis] = end.checked_sub(begin).filter(|&len| len > 0)?;
        }
        Some(input)
    }

    /// The elements of the input of a tile, at most.
    fn input_len(&self, tile: &[usize]) -> u64 {
        let lens = tile.iter().zip(&self.kernel).zip(&self.source);
        lens.map(|((tile, kernel), source)| (tile + kernel - 1).min(*source) as u64)
            .fold(1, u64::saturating_mul)
    }

    /// The tiles whose transfers take the least time, if any fit the limit. `cost` is the memory of a pass whose
    /// tiles read so many elements and write so many, so many at a time.
    pub(super) fn tiles(
        &self,
        element: usize,
        source: &dyn Stored<IxDyn>,
        limit: u64,
        cost: &dyn Fn(u64, u64, usize) -> u64,
    ) -> Option<Tiles> {
        let ways = [PREFERRED_BYTES / element, usize::MAX].into_iter();
        let ways = ways.flat_map(|most| (1..=SLOTS).rev().map(move |slots| (most, slots)));
        let all = ways.filter_map(|(most, slots)| {
            let (shape, steps) = (self.output(), self.steps());
            let cost =
                |tile: &IxDyn| cost(self.input_len(tile.slice()), product(tile.slice()), slots);
            let mut tile = self.smallest();
            let axes = (0..shape.ndim()).rev().map(|axis| (axis, steps[axis]));
            grow(&mut tile, &shape, axes, most, limit, cost)?;
            let memory = cost(&tile);
            let (read, written) = (self.input_len(tile.slice()), product(tile.slice()));
            let tiling = Tiling::new(shape.clone(), tile, Order::C);
            let slots = slots.min(tiling.len()).max(1);
            let window = tiling.windows().next().and_then(|window| self.input(&window));
            let run = window.map_or(0, |window| source.run_bytes(&window));
            let (count, element) = (tiling.len() as u64, element as u64);
            let written_run = self.written_run(&tiling) * element;
            let (read, written) = (count * read * element, count * written * element);
            let duration = duration([(read, run), (written, written_run)], slots);
            Some(Tiles { tiling, slots, memory, duration })
        });
        all.min_by(|one, other| one.duration.total_cmp(&other.duration))
    }

    /// A block of the output.
    fn smallest(&self) -> IxDyn {
        let lens = self.steps().into_iter().zip(&self.wanted);
        dim(&lens.map(|(step, wanted)| step.min(wanted.len())).collect::<Vec<_>>())
    }

    /// The memory of the smallest tiles.
    pub(super) fn least(&self, cost: &dyn Fn(u64, u64, usize) -> u64) -> u64 {
        let tile = self.smallest();
        cost(self.input_len(tile.slice()), product(tile.slice()), 1)
    }

    /// The elements of a run that is written.
    fn written_run(&self, tiling: &Tiling<IxDyn>) -> u64 {
        let layout = outcore_storage::Layout::new(self.output(), Order::C, 1, 0);
        let window = tiling.windows().next();
        let runs = layout.zip(window).map(|(layout, window)| layout.runs(&window).run_len());
        runs.unwrap_or(0) as u64
    }

    /// The pass, and what it costs.
    pub(super) fn plan(
        &self,
        tiles: &Tiles,
        element: usize,
        source: &dyn Stored<IxDyn>,
    ) -> PassPlan {
        let Tiles { tiling, slots, memory, .. } = tiles;
        let inputs = tiling.windows().filter_map(|window| self.input(&window));
        let read = inputs.map(|input| window_read_bytes(source, &input, Order::C, element));
        let first = tiling.windows().next().and_then(|window| self.input(&window));
        let tile = tiling.tile().slice();
        PassPlan {
            name: "blocks".to_owned(),
            tiles: tiling.len(),
            tile: tile.to_vec(),
            slots: *slots,
            tile_bytes: product(tile) * element as u64,
            run_bytes_read: first.map_or(0, |window| source.run_bytes(&window)),
            run_bytes_written: self.written_run(tiling) * element as u64,
            bytes_read: read.sum(),
            bytes_written: product(self.output().slice()) * element as u64,
            memory: *memory,
        }
    }
}

/// Blocks that are transformed together: as numbers of the array, and as spectra.
struct Batch<A: Signal> {
    blocks: Buffer<A>,
    spectra: Buffer<Complex<A::Real>>,
}

/// The pass over tiles of blocks.
pub(super) struct Overlapped<'a, A: Signal> {
    blocks: &'a Blocks,
    tiles: &'a Tiles,
    source: &'a dyn Source<A, IxDyn>,
    sink: &'a dyn WriteShared<A, IxDyn>,
    /// The spectrum of the kernel.
    kernel: &'a [Complex<A::Real>],
    transforms: Transforms<A::Real>,
    halves: Option<Halves<A::Real>>,
    batch: Mutex<Batch<A>>,
}

impl<'a, A: Signal> Overlapped<'a, A>
where
    Complex<A::Real>: Element,
{
    pub(super) fn new(
        blocks: &'a Blocks,
        tiles: &'a Tiles,
        (source, sink): (&'a dyn Source<A, IxDyn>, &'a dyn WriteShared<A, IxDyn>),
        kernel: &'a [Complex<A::Real>],
        (transforms, halves): (Transforms<A::Real>, Option<Halves<A::Real>>),
    ) -> Self {
        let len = |lens: &[usize]| lens.iter().product::<usize>() * blocks.batch;
        let batch = Batch {
            blocks: Buffer::new(len(&blocks.block), 0),
            spectra: Buffer::new(len(&blocks.spectrum), 0),
        };
        let batch = Mutex::new(batch);
        Self { blocks, tiles, source, sink, kernel, transforms, halves, batch }
    }

    /// Convolves blocks, the first so many of a batch.
    fn convolve(&self, batch: &mut Batch<A>, count: usize) {
        let Blocks { block, spectrum, .. } = self.blocks;
        let len = spectrum.iter().product::<usize>();
        let blocks = &mut batch.blocks[..count * block.iter().product::<usize>()];
        let spectra = &mut batch.spectra[..count * len];
        let shape = dim(&[&[count], &spectrum[..]].concat());
        A::to_spectrum(self.halves.as_ref(), blocks, spectra);
        self.transforms.forward(&shape, spectra);
        spectra.par_chunks_mut(len).for_each(|spectrum| multiply(spectrum, self.kernel));
        self.transforms.back(&shape, spectra);
        A::from_spectrum(self.halves.as_ref(), spectra, blocks);
    }

    /// Fills a block with what it has of the input, and zeros.
    fn gather(&self, at: &[usize], input: Option<&(Window<IxDyn>, &[A])>, block: &mut [A]) {
        block.fill(A::default());
        let Some((window, elements)) = input else { return };
        let mut place = ArrayViewMutD::from_shape(dim(&self.blocks.block), block).expect("a block");
        let mut from = ArrayViewD::from_shape(window.shape.clone(), elements).expect("the input");
        for (axis, &at) in at.iter().enumerate() {
            // The first index of the block in the source may lie before it.
            let before = self.blocks.kernel[axis] - 1;
            let first = self.blocks.wanted[axis].start + at;
            let begin = first.max(window.origin[axis] + before) - before;
            let end = (first + self.blocks.block[axis]).saturating_sub(before);
            let end = end.min(window.origin[axis] + window.shape[axis]);
            if begin >= end {
                return;
            }
            let skipped = begin + before - first;
            let axis_of = Axis(axis);
            place.slice_axis_inplace(axis_of, Slice::from(skipped..skipped + end - begin));
            let begin = begin - window.origin[axis];
            from.slice_axis_inplace(axis_of, Slice::from(begin..end - window.origin[axis]));
        }
        place.assign(&from);
    }

    /// Puts what is right of a block in its place.
    fn scatter(&self, at: &[usize], output: &Window<IxDyn>, block: &[A], tile: &mut [A]) {
        let steps = self.blocks.steps();
        let mut to = ArrayViewMutD::from_shape(output.shape.clone(), tile).expect("a tile");
        let mut from = ArrayViewD::from_shape(dim(&self.blocks.block), block).expect("a block");
        for axis in 0..at.len() {
            let begin = at[axis] - output.origin[axis];
            let len = steps[axis].min(output.shape[axis] - begin);
            let first = self.blocks.kernel[axis] - 1;
            to.slice_axis_inplace(Axis(axis), Slice::from(begin..begin + len));
            from.slice_axis_inplace(Axis(axis), Slice::from(first..first + len));
        }
        to.assign(&from);
    }

    /// The number of blocks of a window of the output along each axis.
    fn counts(&self, output: &Window<IxDyn>) -> Vec<usize> {
        let steps = self.blocks.steps();
        output.shape.slice().iter().zip(&steps).map(|(len, step)| len.div_ceil(*step)).collect()
    }

    /// Where a block of a window of the output begins.
    fn place(&self, output: &Window<IxDyn>, counts: &[usize], mut number: usize) -> Vec<usize> {
        let steps = self.blocks.steps();
        let mut place = output.origin.slice().to_vec();
        for axis in (0..counts.len()).rev() {
            place[axis] += number % counts[axis] * steps[axis];
            number /= counts[axis];
        }
        place
    }
}

impl<A: Signal> Resume for Overlapped<'_, A>
where
    Complex<A::Real>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<A: Signal> Pass for Overlapped<'_, A>
where
    Complex<A::Real>: Element,
{
    /// The input of a tile, and the tile.
    type Slot = (Buffer<A>, Buffer<A>);

    fn tiles(&self) -> usize {
        self.tiles.tiling.len()
    }

    fn slots(&self) -> usize {
        self.tiles.slots
    }

    fn slot(&self) -> Self::Slot {
        let tile = self.tiles.tiling.tile().slice();
        let len = usize::try_from(self.blocks.input_len(tile)).expect("within a budget");
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(len, source), Buffer::new(tile.iter().product(), sink))
    }

    fn read(&self, index: usize, (input, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.blocks.input(&self.tiles.tiling.window(index));
        let Some(window) = window else { return Ok(0) };
        let tile = &mut input[..window.len()];
        let view = ArrayViewMutD::from_shape(window.shape.clone(), tile).expect("the input");
        Ok(io.read(self.source, &window, view, Order::C)?)
    }

    fn compute(&self, index: usize, (input, tile): &mut Self::Slot) {
        let output = self.tiles.tiling.window(index);
        let window = self.blocks.input(&output);
        let input = window.map(|window| (window.clone(), &input[..window.len()]));
        let tile = &mut tile[..output.len()];
        let len: usize = self.blocks.block.iter().product();
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = self.counts(&output);
        let (all, most) = (counts.iter().product::<usize>(), self.blocks.batch);
        for first in (0..all).step_by(most) {
            let count = most.min(all - first);
            let place = |number: usize| self.place(&output, &counts, first + number);
            let blocks = batch.blocks[..count * len].par_chunks_mut(len).enumerate();
            blocks.for_each(|(number, block)| self.gather(&place(number), input.as_ref(), block));
            self.convolve(&mut batch, count);
            for (number, block) in batch.blocks.chunks(len).take(count).enumerate() {
                self.scatter(&place(number), &output, block, tile);
            }
        }
    }

    fn write(&self, index: usize, (_, tile): &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiles.tiling.window(index);
        let tile = &tile[..window.len()];
        let view = ArrayViewD::from_shape(window.shape.clone(), tile).expect("a tile");
        io.write(self.sink, &window, view, Order::C)?;
        Ok((window.len() * size_of::<A>()) as u64)
    }
}
