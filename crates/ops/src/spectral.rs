//! Work on the spectrum of an array of any size: forward, times something, and back.
//!
//! ```text
//!     pass 1: rows           pass 2: columns                 pass 3: rows
//!     ┌───────────────┐      ┌────┬────┬────┬────┐           ┌───────────────┐
//!     │ ▸ ▸ ▸ ▸ ▸ ▸ ▸ │      │ ▾▾ │    │    │    │           │ ◂ ◂ ◂ ◂ ◂ ◂ ◂ │
//!     ├───────────────┤ ──▶  │ ×H │    │    │    │    ──▶    ├───────────────┤
//!     │               │      │ ▴▴ │    │    │    │           │               │
//!     └───────────────┘      └────┴────┴────┴────┘           └───────────────┘
//! ```
//!
//! A transform and its inverse are two passes each, and what is done in between is a fifth. But the order
//! in which axes are transformed is free: with the slow axes last on the way there and first on the way
//! back, a tile of whole columns is transformed, multiplied and transformed back at once. So three passes
//! do all of it, and the spectrum is never in one place.
//!
//! Real numbers are half of that: their spectrum has one half along the fastest axis.

mod convolve;
mod filter;
mod frame;
mod overlap;
mod passes;
mod power;
mod radial;
mod response;
mod rings;
mod sizes;
mod transforms;
mod views;
mod whole;

pub use convolve::{Convolve, ConvolvePlan, Mode, fftconvolve, fftcorrelate};
pub use filter::{FilterPlan, SpectralFilter, spectral_filter};
pub use power::{PowerPlan, PowerSpectrum, power_spectrum};
pub use radial::{RadialPlan, RadialRequest, RadialSpectrum, radial_spectrum};

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Mark, Source, Window};
use std::sync::{Mutex, PoisonError};

use self::frame::Frame;
use self::passes::{Columns, Factor, Rows, RowsBack, RowsForward, Stored};
use self::sizes::{Used, kernel_cuts};
use self::transforms::{Transforms, lanes};
use self::views::Below;
use self::whole::{Kept, Multiplied, Tiles};
use crate::fft::Home;
use crate::fft::axes::{Axes, inner_len};
use crate::fft::between::{Between, Cuts, Store};
use crate::fft::blocks::Blocks;
use crate::fourier::{Direction, Norm};
use crate::lanes::Lanes;
use crate::plan::Run;
use crate::signal::{Halves, Signal};
use crate::tiling::Tiling;
use crate::transfer::WriteShared;
use crate::{Result, fft};

/// The transforms of an array, along its places.
pub(crate) struct Engine<A: Signal> {
    axes: Axes,
    used: Used,
    /// The place that is halved in the spectrum.
    half: Option<usize>,
    /// What the way back is multiplied by.
    scale: A::Real,
    /// The transforms along the other places that are transformed, and the way back.
    forward: Vec<Lanes<A::Real>>,
    back: Vec<Lanes<A::Real>>,
    threads: usize,
}

/// What the spectra of columns are multiplied by.
trait ColumnFactor<T>: Sync {
    /// Multiplies a tile of so many columns from one on, on all threads of the current pool.
    fn multiply_tile(&self, elements: &mut [Complex<T>], first: usize, width: usize);

    /// Multiplies a column that is a single lane, in this thread.
    fn multiply_lane(&self, elements: &mut [Complex<T>], column: usize);
}

/// The same in a tile that is whole along the places that are transformed: its window, and the shape of its
/// spectrum.
type TileFactor<'a, T> = &'a (dyn Fn(&mut [Complex<T>], &Window<IxDyn>, &IxDyn) + Sync);
/// A spectrum that stays in memory.
type KeptSpectrum<T> = Mutex<Option<Buffer<Complex<T>>>>;

/// The arrays of three passes, each with thirds for axes.
struct Arrays<'a, A: Signal> {
    source: &'a dyn Source<A, IxDyn>,
    kernel: Option<&'a dyn Source<A, IxDyn>>,
    between: &'a dyn Store<Complex<A::Real>, IxDyn>,
    sink: &'a dyn WriteShared<A, IxDyn>,
    home: Home,
}

/// The place that is halved in the spectrum of real numbers: the fastest that is transformed.
fn half<A: Signal>(axes: &Axes) -> Option<usize> {
    axes.transformed().last().copied().filter(|_| A::IS_REAL)
}

impl<A: Signal> Engine<A>
where
    Complex<A::Real>: Element,
{
    fn new(axes: Axes, used: Used, threads: usize) -> Self {
        let half = half::<A>(&axes);
        let (lens, transformed) = (axes.lens(), axes.transformed());
        let count = transformed.iter().map(|&place| lens[place]).product();
        let scale = Norm::Backward.scale(Direction::Inverse, count);
        let others = || transformed.iter().copied().filter(|&place| Some(place) != half);
        let forward = lanes(lens, others(), Direction::Forward);
        let mut back: Vec<Lanes<_>> = lanes(lens, others(), Direction::Inverse);
        // Whatever is transformed last is scaled.
        if let (None, Some(last)) = (half, back.last_mut()) {
            *last = last.scaled(scale);
        }
        Self { axes, used, half, scale, forward, back, threads }
    }

    /// The transforms along some places, each of which is an axis of a tile.
    fn transforms(
        &self,
        places: std::ops::Range<usize>,
        axis: impl Fn(usize) -> usize,
        tile: &[usize],
    ) -> Transforms<A::Real> {
        let of = |all: &[Lanes<A::Real>]| {
            let some = all.iter().filter(|lanes| places.contains(&lanes.axis()));
            some.map(|lanes| lanes.along(axis(lanes.axis()))).collect()
        };
        Transforms::new(of(&self.forward), of(&self.back), tile, self.threads)
    }

    /// The transforms along the place that is halved, of tiles of some shape.
    fn halves_of(&self, tile: &[usize], axis: Option<usize>) -> Option<Halves<A::Real>> {
        let (len, inner) = (self.axes.lens()[self.half?], inner_len(tile, axis?));
        Some(Halves::new(len, self.scale, self.threads, inner))
    }

    /// The length of each place in the spectrum.
    fn spectrum(&self) -> Vec<usize> {
        let mut lens = self.axes.lens().to_vec();
        if let Some(half) = self.half {
            lens[half] = lens[half] / 2 + 1;
        }
        lens
    }

    fn tiles<'a>(&'a self, tiling: &'a Tiling<IxDyn>) -> Tiles<'a, A> {
        let spectrum = self.spectrum();
        let half = self.half.map(|place| (place, spectrum[place]));
        let mut tile = tiling.tile().slice().to_vec();
        if let Some((place, len)) = half {
            tile[place] = len;
        }
        let halves = self.halves_of(&tile, self.half);
        let transforms = self.transforms(0..tile.len(), |place| place, &tile);
        Tiles { tiling, half, transforms, halves }
    }

    /// Multiplies tiles that are whole along the places that are transformed; the sink takes so many
    /// elements of each, if not all.
    fn multiply_tiles(
        &self,
        run: &mut Run<'_, '_>,
        tiles: &fft::tiles::Tiles,
        (source, sink): (&dyn Source<A, IxDyn>, &dyn WriteShared<A, IxDyn>),
        taken: Option<usize>,
        factor: TileFactor<'_, A::Real>,
    ) -> Result<()> {
        let slots = tiles.slots;
        let tiles = self.tiles(&tiles.tiling);
        run.pass(&Multiplied { tiles, slots, source, sink, taken, factor })
    }

    /// Transforms a kernel in one tile, and keeps its spectrum.
    fn keep_spectrum(
        &self,
        run: &mut Run<'_, '_>,
        tiling: &Tiling<IxDyn>,
        source: &dyn Source<A, IxDyn>,
        spectrum: &KeptSpectrum<A::Real>,
    ) -> Result<()> {
        // A later run does not find it, and goes on after it.
        let mark = run.mark();
        if mark.pass == 1 {
            run.go_on_from(Mark { ahead: mark.tiles, ..Mark::default() });
        }
        let then = |found: Buffer<_>| {
            *spectrum.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        };
        run.pass(&Kept { tiles: self.tiles(tiling), source, then: &then })
    }

    /// What passes over rows know.
    fn rows<'a>(
        &'a self,
        split: usize,
        axes: &'a [usize],
        between: &'a Between<'a, Complex<A::Real>>,
        cuts: &'a Cuts,
        frame: &'a Frame,
    ) -> Rows<'a, A> {
        let tile = [&[cuts.rows.tallest()], axes].concat();
        let lens = self.axes.lens();
        let halves = self.halves_of(&tile, self.half.map(|place| place - split + 1));
        let transforms = self.transforms(split..lens.len(), |place| place - split + 1, &tile);
        let len = lens[split..].iter().product();
        Rows { cuts, between, frame, len, axes, transforms, halves }
    }

    /// Rows, columns, rows; before them the rows of the kernel, if there is one.
    fn multiply_blocks(
        &self,
        run: &mut Run<'_, '_>,
        (blocks, split): (&Blocks, usize),
        arrays: &Arrays<'_, A>,
        response: Option<&dyn ColumnFactor<A::Real>>,
    ) -> Result<()> {
        let (cuts, row_axes) = (&blocks.cuts, &self.spectrum()[split..]);
        let [of_source, of_output] = self.used.frames(&self.axes, split);
        let (count, of_kernel) = self.used.kernel_frame(&self.axes, split);
        let kernel_cuts = kernel_cuts(cuts, count);
        run.go_on_from(repeated(run.mark(), cuts, arrays));
        let below = Below::new(arrays.between, cuts.rows.count);
        let kernel_blocks = Between::new(&below, &kernel_cuts, 0);
        if let Some(source) = arrays.kernel {
            let rows = self.rows(split, row_axes, &kernel_blocks, &kernel_cuts, &of_kernel);
            run.pass(&RowsForward { rows, source })?;
        }
        let between = Between::new(arrays.between, cuts, 0);
        let rows = self.rows(split, row_axes, &between, cuts, &of_source);
        run.pass(&RowsForward { rows, source: arrays.source })?;
        let first = self.axes.first();
        let axes = &self.axes.lens()[first..split];
        let tile = [axes, &[cuts.width]].concat();
        let kernel = Stored { blocks: &kernel_blocks, cuts: &kernel_cuts, frame: &of_kernel };
        run.pass(&Columns {
            slots: blocks.slots,
            source: Stored { blocks: &between, cuts, frame: &of_source },
            factor: response.map_or(Factor::Spectrum(kernel), Factor::Response),
            needed: &of_output,
            axes,
            transforms: self.transforms(first..split, |place| place - first, &tile),
        })?;
        let rows = self.rows(split, row_axes, &between, cuts, &of_output);
        let taken = self.used.output[split..].iter().map(ExactSizeIterator::len).product();
        run.pass(&RowsBack { rows, sink: arrays.sink, taken })
    }
}

/// Where a run goes on from the mark of an earlier one. Columns are changed where they lie, and rows may take
/// the place of their blocks: after a run that was killed there, and where rows were kept in memory, the
/// source's rows are transformed once more. Those of a kernel are not.
fn repeated<A: Signal>(mark: Mark, cuts: &Cuts, arrays: &Arrays<'_, A>) -> Mark {
    let rows = usize::from(arrays.kernel.is_some());
    let (columns, back) = (rows + 1, rows + 2);
    let lost = cuts.kept_from < cuts.all_row_tiles();
    let in_place = mark.pass == columns || (mark.pass == back && arrays.home == Home::Sink);
    if mark.pass < rows || !(lost || (in_place && !mark.at_rest)) {
        return mark;
    }
    Mark { pass: rows, ..Mark::default() }
}
