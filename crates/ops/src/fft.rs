//! Fourier transforms along any axes of an array of any size.
//!
//! ```text
//!     pass 1: whole columns        pass 2: whole rows
//!     ┌────┬────┬────┬────┐        ┌───────────────────┐
//!     │ ▾▾ │    │    │    │        │ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ │
//!     │ ▾▾ │    │    │    │        ├───────────────────┤
//!     │ ▾▾ │    │    │    │        │                   │
//!     └────┴────┴────┴────┘        └───────────────────┘
//! ```
//!
//! An array of many axes is seen as a matrix: its slow axes make the columns, its fast ones the rows.
//! Two passes, each of which reads and writes the array once, are four transfers, the least possible
//! for an array that exceeds the budget (Aggarwal and Vitter, "The input/output complexity of
//! sorting and related problems", 1988). A single axis, or an array that fits the budget, takes one
//! pass; where neither columns nor rows fit, each pass takes fewer axes, and there are more of them; where
//! a single lane does not fit, it is cut in two (`chain.rs`).

pub(crate) mod axes;
pub(crate) mod between;
pub(crate) mod blocks;
pub(crate) mod chain;
pub(crate) mod in_shape;
pub(crate) mod long;
pub(crate) mod passes;
pub(crate) mod reals;
pub(crate) mod sizes;
mod strips;
pub(crate) mod tiles;

use ndarray::{Dimension, Ix2, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Mark, Order, Sink, Source, Stored, Window};
use std::fmt;

use self::axes::Axes;
use self::between::{Between, Cuts, Store};
use self::blocks::Blocks;
use self::chain::Stage;
use self::passes::{Columns, Rows, Transforms};
use self::sizes::{Passes, Sizes, TilePass};
use crate::control::Control;
use crate::fourier::{Direction, Norm, Real};
use crate::grouped::Grouped;
use crate::lanes::Lanes;
use crate::pass::InPlace;
use crate::plan::{Plan, Report, Run, check_shape};
use crate::tile::Tile;
use crate::transfer::{Shared, WriteShared, window_read_bytes};
use crate::{Error, Resources, Result};

/// The forward transform along one axis; as `numpy.fft.fft`. See [`fftn`].
///
/// A lane of more than 2^20 elements whose length is the product of two up to 2^20 is transformed in four
/// steps, whatever the budget (Bailey, "FFTs in external or hierarchical memory", 1990). So it may be longer
/// than the budget: then there are two passes, the second of which works in place in the output. Other long
/// lanes must fit, and the refusal names the next length that need not.
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, fft};
///
/// // The transform of an impulse is constant.
/// let mut field = Array2::zeros((3, 4));
/// field[[1, 0]] = Complex::new(1.0, 0.0);
/// let mut spectrum = Array2::zeros((3, 4));
/// fft(&field, 1).plan(Budget::new(1 << 20))?.run(&field, &mut spectrum, Control::new())?;
/// assert_eq!(spectrum.row(1), ndarray::Array1::from_elem(4, Complex::new(1.0, 0.0)));
/// assert_eq!(spectrum.row(0), ndarray::Array1::zeros(4));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn fft<D: Dimension>(source: &impl Stored<D>, axis: usize) -> Fft<'_, D> {
    Fft::new("fft", source, vec![axis], Direction::Forward)
}

/// The inverse transform along one axis; as `numpy.fft.ifft`. See [`fftn`].
pub fn ifft<D: Dimension>(source: &impl Stored<D>, axis: usize) -> Fft<'_, D> {
    Fft::new("ifft", source, vec![axis], Direction::Inverse)
}

/// The forward transform of a 2-D array; as `numpy.fft.fft2`. See [`fftn`], which takes any two axes.
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, fft2};
///
/// // One wave along the second axis is one peak at frequency [0, 1].
/// let wave = Array2::from_shape_fn((4, 8), |(_, n)| {
///     Complex::cis(std::f64::consts::TAU * n as f64 / 8.0)
/// });
/// let mut spectrum = Array2::zeros((4, 8));
/// let plan = fft2(&wave).plan(Budget::new(1 << 20))?;
/// plan.run(&wave, &mut spectrum, Control::new())?;
/// assert!((spectrum[[0, 1]] - 32.0).norm() < 1e-13);
/// assert!(spectrum[[1, 1]].norm() < 1e-13);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn fft2(source: &impl Stored<Ix2>) -> Fft<'_, Ix2> {
    Fft::new("fft2", source, vec![0, 1], Direction::Forward)
}

/// The inverse transform of a 2-D array; as `numpy.fft.ifft2`. See [`fftn`].
pub fn ifft2(source: &impl Stored<Ix2>) -> Fft<'_, Ix2> {
    Fft::new("ifft2", source, vec![0, 1], Direction::Inverse)
}

/// The forward transform along some axes; as `numpy.fft.fftn`.
///
/// Along one axis of length N, the transform of `x` is `X[k] = Σ_n x[n] exp(-2πi k n / N)`; along
/// several it is that along each of them.
///
/// Cost: one pass where a tile that is whole along all axes fits the budget. Otherwise two passes that
/// read the array twice and write it twice, less the rows that stay in memory between them, where the
/// slower of the axes fit as one column and the others as one row; otherwise as many passes as it takes.
/// Memory: at least one lane, and for each thread what its transform needs; where that exceeds the budget,
/// a long lane is cut in two, as that of [`fft`] is. Along its axis there are then two passes, and along
/// the others as few as fit. If it comes after others, [`FftPlan::run_with_scratch`] runs them.
///
/// Accuracy: the relative error in the L2 norm is at most `0.6 ε √log2 N` for `f32` and `1.0 ε √log2 N`
/// for `f64`, N the number of elements that are transformed together, where no length has a prime
/// factor above 11; otherwise twice and three times that. For fewer than 64 elements it is at most what
/// it is for 64.
///
/// ```
/// use ndarray::Array3;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, fftn};
///
/// let field = Array3::from_elem((2, 3, 4), Complex::new(1.0_f32, 0.0));
/// let mut spectrum = Array3::zeros((2, 3, 4));
/// let plan = fftn(&field, &[0, 2]).plan(Budget::new(1 << 20))?;
/// plan.run(&field, &mut spectrum, Control::new())?;
/// assert_eq!(spectrum[[0, 1, 0]], Complex::new(8.0, 0.0));
/// assert_eq!(spectrum.sum(), Complex::new(24.0, 0.0));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn fftn<'a, D: Dimension>(source: &'a impl Stored<D>, axes: &[usize]) -> Fft<'a, D> {
    Fft::new("fftn", source, axes.to_vec(), Direction::Forward)
}

/// The inverse transform along some axes; as `numpy.fft.ifftn`. See [`fftn`].
pub fn ifftn<'a, D: Dimension>(source: &'a impl Stored<D>, axes: &[usize]) -> Fft<'a, D> {
    Fft::new("ifftn", source, axes.to_vec(), Direction::Inverse)
}

/// A transform to be planned; see [`fftn`].
#[derive(Clone)]
pub struct Fft<'a, D> {
    name: &'static str,
    source: &'a dyn Stored<D>,
    axes: Vec<usize>,
    direction: Direction,
    norm: Norm,
    real_part: bool,
    in_place: bool,
}

impl<D: Dimension> fmt::Debug for Fft<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, axes, norm, .. } = self;
        write!(f, "{name} of {:?} along {axes:?}, {norm:?}", self.source.layout())
    }
}

impl<'a, D: Dimension> Fft<'a, D> {
    pub(crate) fn new(
        name: &'static str,
        source: &'a dyn Stored<D>,
        axes: Vec<usize>,
        direction: Direction,
    ) -> Self {
        let norm = Norm::default();
        Self { name, source, axes, direction, norm, real_part: false, in_place: false }
    }

    /// Plans for [`FftPlan::run_in_place`]. Both transfers of columns then have short runs, cut on the
    /// page boundaries of the array's file.
    #[must_use]
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// Which direction is scaled.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Plans for an output of the real part alone. It is then written through a scratch array, with
    /// [`FftPlan::run_through`], and not in place.
    #[must_use]
    pub fn real_part(mut self) -> Self {
        self.real_part = true;
        self
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// If an axis does not exist, is named twice or has length 0, the result is too large to be counted,
    /// the real part alone is wanted in place, or the smallest tiles, with what the transforms need besides, exceed the budget; the error names
    /// the smallest budget that would do.
    pub fn plan<T: Real>(&self, resources: impl Into<Resources>) -> Result<FftPlan<T, D>>
    where
        Complex<T>: Element,
    {
        let resources = resources.into();
        let layout = self.source.layout();
        let axes = Axes::new(self.name, self.source, &self.axes, None)?;
        check_size(&layout, size_of::<Complex<T>>())?;
        if self.in_place && self.real_part {
            let reason = format!("{} in place leaves complex numbers, no real part", self.name);
            return Err(Error::Shape(reason));
        }
        let places = axes.places(&layout);
        let source = Grouped::new(self.source, &places);
        let mut sizes = Sizes::new::<T>(&axes, &source, resources);
        sizes.in_place = self.in_place;
        if !self.in_place && !self.real_part {
            sizes.long = chain::requests::<T>(&axes, &source, resources);
        }
        if self.real_part {
            sizes.written /= 2;
        }
        let operation = self.operation::<T>(&layout);
        let cut = sizes.passes(&operation)?;
        let (mut passes, kept_bytes) = sizes.plans(&cut);
        if let Passes::Blocks { blocks, split } = &cut {
            let (cuts, element) = (&blocks.cuts, size_of::<Complex<T>>());
            let groups = axes.thirds(&layout, *split);
            let source = Grouped::new(self.source, &groups);
            let windows = || (0..cuts.all_column_tiles()).map(|tile| cuts.column_window(tile));
            passes[0].bytes_read = windows()
                .map(|window| window_read_bytes(&source, &window, Order::C, element))
                .sum();
            passes[0].run_bytes_read =
                windows().take(1).map(|window| source.run_bytes(&window)).sum();
        }
        let (element, written) = (sizes.element, sizes.written);
        let len = layout.len() as u64;
        let plan = Plan {
            operation,
            resources,
            output_bytes: len * written,
            // A single pass needs no scratch: the tile is the intermediate result.
            scratch_bytes: if passes.len() > 1 && (self.real_part || cut.needs_scratch()) {
                len * element
            } else {
                0
            },
            kept_bytes,
            passes,
        };
        let mut lanes = axes.lanes(self.direction);
        let count = lanes.iter().map(Lanes::len).product();
        if let Some(last) = lanes.last_mut() {
            *last = last.scaled(self.norm.scale(self.direction, count));
        }
        let (shape, in_place) = (layout.shape().clone(), self.in_place);
        Ok(FftPlan { plan, shape, axes, passes: cut, lanes, written, in_place })
    }

    fn operation<T: Real>(&self, layout: &Layout<D>) -> String {
        let (shape, bits) = (layout.shape().slice(), size_of::<Complex<T>>() * 8);
        let (name, axes) = (self.name, &self.axes);
        let all = axes.iter().copied().eq(0..shape.len());
        let along = if all { String::new() } else { format!(" along {axes:?}") };
        format!("{name} of {shape:?} as complex{bits}{along}")
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct FftPlan<T: Real, D> {
    plan: Plan,
    shape: D,
    axes: Axes,
    passes: Passes,
    /// The transform along each transformed place.
    lanes: Vec<Lanes<T>>,
    /// The bytes of an element of the output.
    written: u64,
    in_place: bool,
}

impl<T: Real, D> fmt::Debug for FftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FftPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<T: Real, D> fmt::Display for FftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Real, D: Dimension> FftPlan<T, D>
where
    Complex<T>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Transforms a source into a sink, which also holds the result of the first pass.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. The
    /// source is unharmed; the sink's contents are then unspecified, but with a journal a later run goes on
    /// with them; one that was killed after its first pass reads the source once more. If the plan needs a
    /// scratch array, for a lane that is longer than the budget and comes after other axes, or is one for the
    /// real part: see [`run_with_scratch`](Self::run_with_scratch) and [`run_through`](Self::run_through).
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        self.check_whole()?;
        if self.passes.needs_scratch() {
            return self.refused("");
        }
        let sink = Shared::new(sink);
        self.run_passes(source, &sink, &sink, Home::Sink, control)
    }

    /// Transforms an array in place, by a plan for that: see [`Fft::in_place`].
    ///
    /// # Errors
    ///
    /// If the plan is for something else and takes more than one pass, and as [`run`](Self::run). If it
    /// fails or is killed, the array is lost: parts of it have been transformed along one axis, parts
    /// along several.
    pub fn run_in_place<S>(&self, array: &mut S, control: Control<'_>) -> Result<Report>
    where
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        self.check(&[&array.shape()])?;
        self.check_whole()?;
        control.in_place()?;
        if !self.in_place && self.plan.passes.len() > 1 {
            let reason = format!("the plan for {} is not for one in place", self.plan.operation);
            return Err(Error::Shape(reason));
        }
        let array = Shared::new(array);
        self.run_passes(&array, &array, &array, Home::Sink, control)
    }

    /// Transforms a source into a sink that cannot be read back, or not as complex numbers; the
    /// result of the first pass goes to a scratch array. Where the plan has a single pass, the
    /// scratch array is not touched, and may have any shape.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if the plan cuts a lane that is longer than the budget, and source or
    /// sink [have no runs](Stored::has_runs), or in another order than the source that it was made for; or
    /// if it has other passes besides, which read the sink: see [`run_with_scratch`](Self::run_with_scratch).
    pub fn run_through<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        V: Source<Complex<T>, D> + Sink<Complex<T>, D>,
        S: Sink<Complex<T>, D>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        if self.plan.passes.len() > 1 {
            self.check(&[&scratch.shape()])?;
        }
        if matches!(&self.passes, Passes::Chain(stages) if stages.len() > 1) {
            return self.refused(" and an output that is read back");
        }
        self.run_passes(source, &Shared::new(scratch), &Shared::new(sink), Home::Scratch, control)
    }

    /// Transforms a source into a sink, as [`run`](Self::run) does, by any plan: if it needs a scratch array
    /// (see [`Plan::scratch_bytes`]), by that. Otherwise the scratch array is not touched, and may have any
    /// shape.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), but for the scratch array; and if the plan cuts a lane that is longer than the
    /// budget, as [`run_through`](Self::run_through). A journal is gone on with where what a pass has read
    /// is still there: a later pass over tiles, which works in place, is not repeated, so that a run that is
    /// killed in one begins anew.
    pub fn run_with_scratch<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        V: Source<Complex<T>, D> + Sink<Complex<T>, D>,
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        self.check_whole()?;
        let stages = match &self.passes {
            Passes::Chain(stages) if self.passes.needs_scratch() => stages,
            _ => return self.run(source, sink, control),
        };
        self.check(&[&scratch.shape()])?;
        let (scratch, sink) = (Shared::new(scratch), Shared::new(sink));
        let written: [&dyn WriteShared<_, _>; 2] = [&scratch, &sink];
        let mut run = Run::new(&self.plan, control.over([&written[0], &written[1]]))?;
        self.run_chain(&mut run, stages, (source, &scratch, &sink), Some(&sink))?;
        Ok(run.finish())
    }

    /// What a plan that needs a scratch array says to those who have none, or not that alone.
    fn refused(&self, more: &str) -> Result<Report> {
        let (operation, bytes) = (&self.plan.operation, self.plan.scratch_bytes);
        let reason = format!("{operation} needs a scratch array of {bytes} bytes{more}");
        Err(Error::Shape(reason))
    }

    fn check(&self, shapes: &[&D]) -> Result<()> {
        shapes.iter().try_for_each(|shape| check_shape(shape.slice(), self.shape.slice()))
    }

    /// A plan for the real part has counted half of what whole numbers take.
    fn check_whole(&self) -> Result<()> {
        if self.written == size_of::<Complex<T>>() as u64 {
            return Ok(());
        }
        let reason = format!("the plan for {} is for the real part alone", self.plan.operation);
        Err(Error::Shape(reason))
    }

    /// Runs the passes. Sources and sinks are called once for each piece of a tile, so they may be
    /// called indirectly: all of this is then compiled once for each type of number and dimension.
    fn run_passes(
        &self,
        source: &dyn Source<Complex<T>, D>,
        between: &dyn Store<Complex<T>, D>,
        sink: &dyn WriteShared<Complex<T>, D>,
        home: Home,
        control: Control<'_>,
    ) -> Result<Report> {
        let written: [&dyn WriteShared<_, _>; 2] = [between, sink];
        let through = home == Home::Scratch;
        let control = if through { control.over([&written[0], &written[1]]) } else { control };
        let mut run = Run::new(&self.plan, control)?;
        match &self.passes {
            Passes::Tiles(passes) => {
                let groups = |layout| self.axes.places(&layout);
                // A scratch array that is not needed may have any shape.
                let scratch = if passes.len() > 1 { between.layout() } else { source.layout() };
                let sets = (groups(source.layout()), groups(scratch), groups(sink.layout()));
                let source = Grouped::new(source, &sets.0);
                let (between, sink) = (Grouped::new(between, &sets.1), Grouped::new(sink, &sets.2));
                self.run_tiles(&mut run, passes, (&source, &between, &sink), home)?;
            }
            Passes::Blocks { blocks, split } => {
                let groups = |layout| self.axes.thirds(&layout, *split);
                let sets =
                    (groups(source.layout()), groups(between.layout()), groups(sink.layout()));
                let source = Grouped::new(source, &sets.0);
                let (between, sink) = (Grouped::new(between, &sets.1), Grouped::new(sink, &sets.2));
                self.run_blocks(&mut run, (blocks, *split), (&source, &between, &sink), home)?;
            }
            Passes::Chain(stages) => {
                let back = (home == Home::Sink).then_some(between);
                self.run_chain(&mut run, stages, (source, between, sink), back)?;
            }
        }
        Ok(run.finish())
    }

    /// Runs stages, of which all but the first read the sink back. The first one needs no scratch array if
    /// that can be done.
    fn run_chain(
        &self,
        run: &mut Run<'_, '_>,
        stages: &[Stage],
        (source, scratch, sink): long::Arrays<'_, T, D>,
        back: Option<&dyn Store<Complex<T>, D>>,
    ) -> Result<()> {
        self.axes.check_runs(&self.plan.operation, sink)?;
        if let Some(Stage::Long(_)) = stages.first() {
            self.axes.check_runs(&self.plan.operation, source)?;
        }
        let home = if back.is_some() { Home::Sink } else { Home::Scratch };
        run.go_on_from(chain::resumed(run.mark(), stages, home));
        for (index, stage) in stages.iter().enumerate() {
            let is_first = index == 0;
            let read_back = back.filter(|_| !is_first);
            let source = read_back.map_or(source, |back| back as &dyn Source<_, _>);
            match stage {
                Stage::Tiles(pass) => self.run_stage(run, pass, source, sink)?,
                Stage::Long(stage) => {
                    let mut lanes = self.lanes.iter();
                    let lanes = lanes.find(|lanes| lanes.axis() == stage.place);
                    let lanes = lanes.expect("a transform along each of the places");
                    let finished = if is_first { run.mark().ahead } else { 0 };
                    let between = back.filter(|_| is_first).unwrap_or(scratch);
                    let arrays = (source, between, sink);
                    stage.long.run(run, lanes, self.threads(), finished, arrays)?;
                }
            }
        }
        Ok(())
    }

    fn run_stage(
        &self,
        run: &mut Run<'_, '_>,
        pass: &TilePass,
        source: &dyn Source<Complex<T>, D>,
        sink: &dyn WriteShared<Complex<T>, D>,
    ) -> Result<()> {
        let groups = (self.axes.places(&source.layout()), self.axes.places(&sink.layout()));
        let (source, sink) = (Grouped::new(source, &groups.0), Grouped::new(sink, &groups.1));
        self.run_pass(run, pass, &source, (&sink, self.written))
    }

    fn run_tiles(
        &self,
        run: &mut Run<'_, '_>,
        passes: &[TilePass],
        (source, between, sink): Arrays<'_, T>,
        home: Home,
    ) -> Result<()> {
        let last = passes.len() - 1;
        // What works in place cannot be done again.
        let in_place = |pass: usize| pass > 0 && (home == Home::Sink || pass < last);
        let mark = run.mark();
        if in_place(mark.pass) && !mark.at_rest {
            run.go_on_from(Mark::default());
        }
        self.run_each(run, passes, (source, between, sink))
    }

    fn run_each(
        &self,
        run: &mut Run<'_, '_>,
        passes: &[TilePass],
        (source, between, sink): Arrays<'_, T>,
    ) -> Result<()> {
        let last = passes.len() - 1;
        for (index, pass) in passes.iter().enumerate() {
            let source = if index == 0 { source } else { between };
            let to_sink = (sink, self.written);
            let to_between: (&dyn WriteShared<_, _>, _) = (between, size_of::<Complex<T>>() as u64);
            let sink = if index == last { to_sink } else { to_between };
            self.run_pass(run, pass, source, sink)?;
        }
        Ok(())
    }

    /// Runs a pass over tiles, to a sink whose elements have so many bytes.
    fn run_pass(
        &self,
        run: &mut Run<'_, '_>,
        pass: &TilePass,
        source: &dyn Source<Complex<T>, IxDyn>,
        (sink, written_bytes): (&dyn WriteShared<Complex<T>, IxDyn>, u64),
    ) -> Result<()> {
        let tiling = &pass.tiles.tiling;
        let lanes = self.lanes_along(&pass.places, |place| place);
        let transforms = Transforms::new(lanes, tiling.tile().slice(), self.threads());
        run.pass(&InPlace {
            tiling,
            order: Order::C,
            slots: pass.tiles.slots,
            source,
            sink,
            written_bytes,
            kernel: |_: &Window<IxDyn>, tile: &mut Tile<'_, _, _>| transforms.apply(tile),
        })
    }

    /// Runs the passes of a plan for in place on an array, as a part of another run.
    pub(crate) fn run_tiles_of(
        &self,
        run: &mut Run<'_, '_>,
        array: &dyn Store<Complex<T>, D>,
    ) -> Result<()> {
        let Passes::Tiles(passes) = &self.passes else { unreachable!("a plan for in place") };
        let groups = self.axes.places(&array.layout());
        let array = Grouped::new(array, &groups);
        self.run_each(run, passes, (&array, &array, &array))
    }

    /// The same from a source into an array.
    pub(crate) fn run_tiles_into(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<Complex<T>, D>,
        array: &dyn Store<Complex<T>, D>,
    ) -> Result<()> {
        let Passes::Tiles(passes) = &self.passes else { unreachable!("a plan for in place") };
        let groups = (self.axes.places(&source.layout()), self.axes.places(&array.layout()));
        let (source, array) = (Grouped::new(source, &groups.0), Grouped::new(array, &groups.1));
        self.run_each(run, passes, (&source, &array, &array))
    }

    fn run_blocks(
        &self,
        run: &mut Run<'_, '_>,
        (blocks, split): (&Blocks, usize),
        (source, between, sink): Arrays<'_, T>,
        home: Home,
    ) -> Result<()> {
        let Blocks { cuts, slots, .. } = blocks;
        run.go_on_from(repeated(run.mark(), cuts, home));
        let between = Between::new(between, cuts, run.mark().ahead);
        let (first, threads) = (self.axes.first(), self.threads());
        let places = |range: std::ops::Range<usize>| -> Vec<usize> {
            let places = self.axes.transformed().iter().copied();
            places.filter(|place| range.contains(place)).collect()
        };
        let axes = &self.axes.lens()[first..split];
        let lanes = self.lanes_along(&places(first..split), |place| place - first);
        let tile = [axes, &[cuts.width]].concat();
        let transforms = Transforms::new(lanes, &tile, threads);
        let work = transforms.of_columns(axes);
        run.pass(&Columns { cuts, slots: *slots, source, between: &between, work })?;
        let axes = &self.axes.lens()[split..];
        let lanes =
            self.lanes_along(&places(split..self.axes.lens().len()), |place| place - split + 1);
        let tile = [&[cuts.rows.tallest()], axes].concat();
        let transforms = Transforms::new(lanes, &tile, threads);
        let written = self.written;
        run.pass(&Rows { cuts, between: &between, sink, axes, transforms, written })
    }

    /// The transforms along some places, with the axes that these are in a tile.
    fn lanes_along(&self, places: &[usize], axis: impl Fn(usize) -> usize) -> Vec<Lanes<T>> {
        let lanes = self.lanes.iter().filter(|lanes| places.contains(&lanes.axis()));
        lanes.map(|lanes| lanes.along(axis(lanes.axis()))).collect()
    }

    fn threads(&self) -> usize {
        self.plan.resources.threads.get()
    }
}

/// Refuses an array whose elements cannot be counted if each has so many bytes.
pub(crate) fn check_size<D: Dimension>(layout: &Layout<D>, element_bytes: usize) -> Result<()> {
    let shape = layout.shape();
    match Layout::new(shape.clone(), layout.order(), element_bytes, layout.offset()) {
        Some(_) => Ok(()),
        None => Err(Error::Shape(format!("{:?} is too large", shape.slice()))),
    }
}

/// A source, what lies between the passes, and a sink.
type Arrays<'a, T> = (
    &'a dyn Source<Complex<T>, IxDyn>,
    &'a dyn Store<Complex<T>, IxDyn>,
    &'a dyn WriteShared<Complex<T>, IxDyn>,
);

/// Where the array between the passes is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the output: each row tile takes the place of its blocks.
    Sink,
    /// In an array of its own.
    Scratch,
}

/// Where a run goes on from the mark of an earlier one. The first pass is repeated if what it left is
/// not there: rows that were kept in memory, and blocks whose place rows may have begun to take. Row
/// tiles that are finished stay so.
pub(crate) fn repeated(mark: Mark, cuts: &Cuts, home: Home) -> Mark {
    let count = cuts.all_row_tiles();
    again(mark, count, cuts.kept_from < count, home)
}

/// The same of so many tiles of rows, of which some are lost or none.
fn again(mark: Mark, count: usize, lost: bool, home: Home) -> Mark {
    let torn = mark.pass == 1 && home == Home::Sink && !mark.at_rest;
    if !lost && !torn {
        return Mark { ahead: mark.ahead.min(count), ..mark };
    }
    let ahead = if mark.pass == 1 { mark.tiles } else { mark.ahead };
    Mark { ahead: ahead.min(count), ..Mark::default() }
}
