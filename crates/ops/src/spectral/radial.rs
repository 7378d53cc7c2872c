//! The power spectrum as a function of the distance from frequency 0.

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Mark, Sink, Source, Stored};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Engine;
use super::passes::{RowsForward, Stored as StoredRows};
use super::rings::{Rings, Squares, TOGETHER};
use super::sizes::{Passes, Sizes, Used};
use super::transforms::Transforms;
use super::whole::Kept;
use crate::control::Control;
use crate::fft::axes::{Axes, layout};
use crate::fft::between::{Between, Store};
use crate::fourier::Real;
use crate::grouped::Grouped;
use crate::plan::{Plan, Report, Run, check_shape};
use crate::signal::{Signal, spectrum_len};
use crate::stream::{Pass, Resume};
use crate::transfer::{Io, Shared};
use crate::{Error, Resources, Result};

/// The mean power at each distance from frequency 0: of `abs(fftn(x))**2`, over rings of `|f|`, the length of
/// the vector of frequencies in cycles per sample.
///
/// With N the length of the longest axis, ring b has all elements of the whole spectrum whose |f| N rounds to
/// b (a half, to within the rounding of |f|, away from zero), so that it is as wide as one element of the
/// longest axis. There are `N / 2 + 1` of them, up to half a cycle per sample; what is farther, in the corners,
/// is in none. Ring 0 is frequency 0 alone. Of real numbers one half of the spectrum is computed, and its
/// elements count twice.
///
/// Elements: `f32`, `f64` or complex. The result is in double precision.
///
/// Cost: one pass that reads the source where it fits the budget, with its spectrum. Otherwise two: rows,
/// which are written to a scratch array, and columns, which are read from it and added up; nothing else is
/// written. Memory: at least one index of the slowest axis, and eight of the columns along it.
///
/// The sums are made in one order, whatever the plan, and compensated.
///
/// ```
/// use ndarray::Array2;
/// use outcore_ops::{Budget, Control, radial_spectrum};
///
/// // A wave of 8 samples: a line at an eighth of a cycle per sample.
/// let wave = |n: usize| (std::f64::consts::TAU * n as f64 / 8.0).cos();
/// let field = Array2::from_shape_fn((16, 32), |(_, n)| wave(n));
/// let plan = radial_spectrum(&field).plan::<f64>(Budget::new(1 << 20))?;
/// let mut scratch = Array2::zeros(plan.scratch_shape());
/// let (found, _) = plan.run(&field, &mut scratch, Control::new())?;
/// let peak = (0..17).max_by(|&a, &b| found.power[a].total_cmp(&found.power[b])).unwrap();
/// assert_eq!((found.frequencies[peak], found.counts[0]), (0.125, 1));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn radial_spectrum<D: Dimension>(source: &impl Stored<D>) -> RadialRequest<'_, D> {
    RadialRequest { source }
}

/// A radial spectrum; see [`radial_spectrum`].
#[derive(Clone, Debug, PartialEq)]
pub struct RadialSpectrum {
    /// The frequency of each ring, in cycles per sample.
    pub frequencies: Vec<f64>,
    /// The mean power of each ring.
    pub power: Vec<f64>,
    /// How many elements of the whole spectrum each ring has.
    pub counts: Vec<u64>,
}

/// A radial spectrum to be planned; see [`radial_spectrum`].
#[derive(Clone)]
pub struct RadialRequest<'a, D> {
    source: &'a dyn Stored<D>,
}

impl<D: Dimension> fmt::Debug for RadialRequest<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "radial_spectrum of {:?}", self.source.layout())
    }
}

impl<D: Dimension> RadialRequest<'_, D> {
    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// If the array is empty, or the smallest tiles, with what the transforms need besides, exceed the budget;
    /// the error names the smallest budget that would do.
    pub fn plan<A: Signal>(&self, resources: impl Into<Resources>) -> Result<RadialPlan<A, D>>
    where
        Complex<A::Real>: Element,
    {
        let resources = resources.into();
        let array = self.source.layout();
        let (shape, dtype) = (array.shape().slice(), A::DTYPE);
        let all: Vec<usize> = (0..shape.len()).collect();
        let axes = Axes::new("radial_spectrum", self.source, &all, None)?;
        let groups = axes.places(&array);
        let source = Grouped::new(self.source, &groups);
        let (used, sink) = (Used::whole(&axes), layout(&axes, size_of::<A>(), array.offset()));
        let longest = axes.lens().iter().copied().max().unwrap_or(1);
        let squares: u64 = axes.lens().iter().map(|&len| Squares::bytes(len)).sum();
        let sizes = Sizes {
            besides: squares + Rings::bytes(longest),
            summed: Some(TOGETHER),
            ..Sizes::new::<A>(&axes, &source, &used, &sink, resources)
        };
        let (half, spectrum) = (sizes.half, sizes.spectrum);
        let operation = format!("radial_spectrum of {shape:?} as {dtype}");
        let passes = sizes.passes(&operation)?;
        let (mut plans, kept_bytes) = match &passes {
            Passes::Whole(tiles) => (sizes.whole_plans(tiles), 0),
            Passes::Blocks { blocks, split } => {
                let groups = axes.thirds(&array, *split);
                let source = Grouped::new(self.source, &groups);
                (sizes.block_plans(blocks, *split, &source, None), sizes.kept_bytes(blocks))
            }
        };
        // Rows are not transformed back, and nothing is written in the end.
        plans.truncate(2);
        if let Some(last) = plans.last_mut() {
            (last.bytes_written, last.run_bytes_written) = (0, 0);
        }
        let mut scratch =
            if plans.len() > 1 { array.shape().clone() } else { D::zeros(shape.len()) };
        if let Some(axis) = half.and_then(|place| axes.axis(place)).filter(|_| plans.len() > 1) {
            scratch[axis] = spectrum_len::<A>(scratch[axis]);
        }
        let between = if plans.len() > 1 { scratch.size() as u64 } else { 0 };
        let plan = Plan {
            operation,
            resources,
            output_bytes: 0,
            scratch_bytes: between * spectrum,
            kept_bytes,
            passes: plans,
        };
        let place = |place| Squares::new(axes.lens()[place], half == Some(place));
        let squares = (0..axes.lens().len()).map(place).collect();
        let engine = Engine::new(axes, used, resources.threads.get());
        let shape = array.shape().clone();
        Ok(RadialPlan { plan, shape, scratch, engine, passes, squares, longest })
    }
}

/// A radial spectrum that has been planned; runs on any number of arrays of its shape.
pub struct RadialPlan<A: Signal, D> {
    plan: Plan,
    shape: D,
    scratch: D,
    engine: Engine<A>,
    passes: Passes,
    squares: Vec<Squares>,
    longest: usize,
}

impl<A: Signal, D> fmt::Debug for RadialPlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadialPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<A: Signal, D> fmt::Display for RadialPlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A: Signal, D: Dimension> RadialPlan<A, D>
where
    Complex<A::Real>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shape of the scratch array between the passes: of real numbers, one half of the spectrum; zeros
    /// where none is needed.
    pub fn scratch_shape(&self) -> D {
        self.scratch.clone()
    }

    /// The number of rings.
    pub fn rings(&self) -> usize {
        Rings::count(self.longest)
    }

    /// Reads a source, and makes its radial spectrum. What lies between the passes goes to a scratch array;
    /// where the plan has a single pass, that is not touched.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. With a journal a
    /// later run goes on in the first pass, and does the second anew.
    pub fn run<R, V>(
        &self,
        source: &R,
        scratch: &mut V,
        control: Control<'_>,
    ) -> Result<(RadialSpectrum, Report)>
    where
        R: Source<A, D>,
        V: Source<Complex<A::Real>, D> + Sink<Complex<A::Real>, D>,
    {
        check_shape(source.shape().slice(), self.shape.slice())?;
        let source: &dyn Source<A, D> = source;
        let mut run = Run::new(&self.plan, control)?;
        let rings = Mutex::new(Rings::new(self.longest));
        if self.plan.passes.len() > 1 {
            check_shape(scratch.shape().slice(), self.scratch.slice())?;
            self.add_columns(&mut run, source, &Shared::new(scratch), &rings)?;
        } else {
            self.add_all(&mut run, source, &rings)?;
        }
        let rings = rings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (frequencies, power, counts) = rings.means();
        Ok((RadialSpectrum { frequencies, power, counts }, run.finish()))
    }

    /// One pass, of one tile.
    fn add_all(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<A, D>,
        rings: &Mutex<Rings>,
    ) -> Result<()> {
        let Passes::Whole(tiles) = &self.passes else { return self.torn() };
        let groups = self.engine.axes.places(&source.layout());
        let one = [Squares::new(1, false)];
        let (rows, places) = self.squares.split_first().unwrap_or((&one[0], &[]));
        let width = self.engine.spectrum().iter().skip(1).product();
        let then = |spectrum: Buffer<Complex<A::Real>>| {
            let mut rings = rings.lock().unwrap_or_else(PoisonError::into_inner);
            rings.add(&spectrum, rows, places, (0, width));
        };
        run.pass(&Kept {
            tiles: self.engine.tiles(&tiles.tiling),
            source: &Grouped::new(source, &groups),
            then: &then,
        })
    }

    /// Rows, then columns.
    fn add_columns(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<A, D>,
        between: &dyn Store<Complex<A::Real>, D>,
        rings: &Mutex<Rings>,
    ) -> Result<()> {
        let Passes::Blocks { blocks, split } = &self.passes else { return self.torn() };
        let (engine, cuts, split) = (&self.engine, &blocks.cuts, *split);
        let groups = |layout| engine.axes.thirds(&layout, split);
        let sets = (groups(source.layout()), groups(between.layout()));
        let (source, between) = (Grouped::new(source, &sets.0), Grouped::new(between, &sets.1));
        // Rows that were kept in memory are lost.
        if cuts.kept_from < cuts.all_row_tiles() {
            run.go_on_from(Mark::default());
        }
        let between = Between::new(&between, cuts, 0);
        let [frame, _] = engine.used.frames(&engine.axes, split);
        let row_axes = &engine.spectrum()[split..];
        let rows = engine.rows(split, row_axes, &between, cuts, &frame);
        run.pass(&RowsForward { rows, source: &source })?;
        let axes = &engine.axes.lens()[..split];
        let tile = [axes, &[cuts.width]].concat();
        let transforms = engine.transforms(0..split, |place| place, &tile);
        let stored = StoredRows { blocks: &between, cuts, frame: &frame };
        let (squares, slots) = (&self.squares, blocks.slots);
        run.pass(&Added { slots, source: stored, transforms, squares, rings })
    }

    fn torn<T>(&self) -> Result<T> {
        Err(Error::Shape(format!("the plan for {} has other passes", self.plan.operation)))
    }
}

/// The pass over columns, which are added up.
struct Added<'a, T: Real> {
    slots: usize,
    source: StoredRows<'a, T>,
    transforms: Transforms<T>,
    squares: &'a [Squares],
    rings: &'a Mutex<Rings>,
}

/// What is added up is in no file, so a later run does it again.
impl<T: Real> Resume for Added<'_, T> where Complex<T>: Element {}

impl<T: Real> Pass for Added<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.source.cuts.all_column_tiles()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let cuts = self.source.cuts;
        Buffer::new(cuts.rows.count * cuts.width, self.source.blocks.offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.source.cuts.column_window(index).len();
        let read = self.source.read(index, &mut slot[..len], io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let (_, columns) = self.source.cuts.columns(index);
        let rows = self.source.cuts.rows.count;
        let tile = &mut slot[..rows * columns.len()];
        self.transforms.forward(&IxDyn(&[rows, columns.len()]), tile);
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.add(tile, &self.squares[0], &self.squares[1..], (columns.start, columns.len()));
    }

    fn write(&self, _: usize, _: &mut Self::Slot, _: &Io) -> Result<u64> {
        Ok(0)
    }
}
