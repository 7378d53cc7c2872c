//! The two-dimensional Fourier transform: along the slow axis, then along the fast one.
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
//! Two passes, each of which reads and writes the array once: four transfers, the least possible
//! for an array that exceeds the budget (Aggarwal and Vitter, "The input/output complexity of
//! sorting and related problems", 1988). An array that fits the budget takes one pass.

mod between;
mod passes;
mod sizes;

use ndarray::{Dimension, Ix2};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Mark, Sink, Source, Stored, Window};
use std::fmt;

use self::between::{Between, Cuts, Store};
use self::passes::{Columns, Rows};
use self::sizes::{Passes, Sizes};
use crate::control::Control;
use crate::fourier::{Direction, Norm, Real};
use crate::lanes::Lanes;
use crate::pass::{InPlace, run_bytes};
use crate::plan::{Plan, Report, Run, check_shape};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Shared, WriteShared, planned_read_bytes};
use crate::{Error, Resources, Result};

/// The forward transform of a 2-D array; as `numpy.fft.fft2`.
///
/// Of an `M x N` array `x`, the transform is
/// `X[k, l] = Σ_m Σ_n x[m, n] exp(-2πi (k m / M + l n / N))`.
///
/// Cost: where the array exceeds the budget, two passes that read it twice and write it twice, less
/// the rows that stay in memory between them; otherwise one pass. Memory: at least three rows, and at
/// least one column, and for each thread what the transform of a lane needs.
///
/// Accuracy: the relative error in the L2 norm is at most `0.6 ε √log2(M N)` for `f32` and
/// `1.0 ε √log2(M N)` for `f64` where M and N have no prime factor above 11; otherwise twice and
/// three times that. For fewer than 64 elements it is at most what it is for 64.
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
pub fn fft2(source: &impl Stored<Ix2>) -> Fft2<'_> {
    Fft2 {
        source,
        layout: source.layout(),
        direction: Direction::Forward,
        norm: Norm::default(),
        real_part: false,
        in_place: false,
    }
}

/// The inverse transform of a 2-D array; as `numpy.fft.ifft2`. See [`fft2`].
pub fn ifft2(source: &impl Stored<Ix2>) -> Fft2<'_> {
    Fft2 { direction: Direction::Inverse, ..fft2(source) }
}

/// A transform to be planned; see [`fft2`].
#[derive(Clone)]
pub struct Fft2<'a> {
    source: &'a dyn Stored<Ix2>,
    layout: Layout<Ix2>,
    direction: Direction,
    norm: Norm,
    real_part: bool,
    in_place: bool,
}

impl fmt::Debug for Fft2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layout, direction, norm, .. } = self;
        write!(f, "{direction:?} fft2 of {layout:?}, {norm:?}")
    }
}

impl Fft2<'_> {
    /// Plans for [`Fft2Plan::run_in_place`]: tiles of columns are cut on the page boundaries of the
    /// array's file.
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
    /// [`Fft2Plan::run_through`].
    #[must_use]
    pub fn real_part(mut self) -> Self {
        self.real_part = true;
        self
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// If an axis has length 0, or three rows or one column, with what the transform needs besides,
    /// exceed the budget; the error names the smallest budget that would do.
    pub fn plan<T: Real>(&self, resources: impl Into<Resources>) -> Result<Fft2Plan<T>>
    where
        Complex<T>: Element,
    {
        let resources = resources.into();
        let shape = *self.layout.shape();
        if let Some(axis) = (0..2).find(|&axis| shape[axis] == 0) {
            let reason = format!("fft2 cannot transform shape {:?}", shape.slice());
            return Err(Error::Shape(format!("{reason}: its axis {axis} has length 0")));
        }
        let sizes = Sizes::new::<T>(self, resources);
        let (tiles, mut passes) = sizes.passes(self.direction)?;
        let array_bytes = self.layout.len() as u64 * sizes.element;
        let (scratch, kept) = match &tiles {
            // One pass needs no scratch: the tile is the intermediate result.
            Passes::One(_) => (false, 0),
            Passes::Two(cuts) => (self.real_part, sizes.kept_len(cuts)),
        };
        let first = match &tiles {
            Passes::One(tiling) => tiling,
            Passes::Two(cuts) => &cuts.columns,
        };
        let order = self.layout.order();
        passes[0].bytes_read =
            planned_read_bytes(self.source, first, order, size_of::<Complex<T>>());
        passes[0].run_bytes_read = run_bytes(self.source, first);
        let plan = Plan {
            operation: sizes.name(self.direction),
            resources,
            passes,
            output_bytes: self.layout.len() as u64 * sizes.written,
            scratch_bytes: if scratch { array_bytes } else { 0 },
            kept_bytes: kept * sizes.element,
        };
        let slow = Lanes::new(shape[sizes.slow], sizes.slow, self.direction);
        let fast = if shape[0] == shape[1] {
            slow.along(sizes.fast)
        } else {
            Lanes::new(shape[sizes.fast], sizes.fast, self.direction)
        };
        let fast = fast.scaled(self.norm.scale(self.direction, self.layout.len()));
        Ok(Fft2Plan { plan, tiles, fast, slow, sizes })
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct Fft2Plan<T: Real> {
    plan: Plan,
    tiles: Passes,
    fast: Lanes<T>,
    slow: Lanes<T>,
    sizes: Sizes,
}

impl<T: Real> fmt::Debug for Fft2Plan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fft2Plan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<T: Real> fmt::Display for Fft2Plan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Real> Fft2Plan<T>
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
    /// source is unharmed; the sink's contents are then unspecified. With a journal a later run goes on
    /// with them; one that was killed in the second pass reads the source once more.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<Complex<T>, Ix2>,
        S: Source<Complex<T>, Ix2> + Sink<Complex<T>, Ix2>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        let sink = Shared::new(sink);
        self.run_passes(source, &sink, &sink, Home::Sink, control)
    }

    /// Transforms an array in place. Fastest by a plan for that, of [`Fft2::in_place`].
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). If it fails or is killed, the array is lost: parts of it have been
    /// transformed along one axis, parts along both.
    pub fn run_in_place<S>(&self, array: &mut S, control: Control<'_>) -> Result<Report>
    where
        S: Source<Complex<T>, Ix2> + Sink<Complex<T>, Ix2>,
    {
        self.check(&[&array.shape()])?;
        control.in_place()?;
        let array = Shared::new(array);
        self.run_passes(&array, &array, &array, Home::Source, control)
    }

    /// Transforms a source into a sink that cannot be read back, or not as complex numbers; the
    /// result of the first pass goes to a scratch array. Where the plan has a single pass, the
    /// scratch array is not touched, and may have any shape.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_through<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<Complex<T>, Ix2>,
        V: Source<Complex<T>, Ix2> + Sink<Complex<T>, Ix2>,
        S: Sink<Complex<T>, Ix2>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        if matches!(self.tiles, Passes::Two(_)) {
            self.check(&[&scratch.shape()])?;
        }
        self.run_passes(source, &Shared::new(scratch), &Shared::new(sink), Home::Scratch, control)
    }

    fn check(&self, shapes: &[&Ix2]) -> Result<()> {
        let planned = self.sizes.layout.shape().slice();
        shapes.iter().try_for_each(|shape| check_shape(shape.slice(), planned))
    }

    /// Runs the passes. Sources and sinks are called once for each piece of a tile, so they may be
    /// called indirectly: all of this is then compiled once for each type of number.
    fn run_passes(
        &self,
        source: &dyn Source<Complex<T>, Ix2>,
        between: &dyn Store<Complex<T>>,
        sink: &dyn WriteShared<Complex<T>, Ix2>,
        home: Home,
        control: Control<'_>,
    ) -> Result<Report> {
        let mut run = Run::new(&self.plan, control)?;
        match &self.tiles {
            Passes::One(tiling) => self.run_at_once(&mut run, source, sink, tiling)?,
            Passes::Two(cuts) => {
                run.go_on_from(repeated(run.mark(), cuts, home));
                let in_blocks = home != Home::Source;
                let between = Between::new(between, cuts, in_blocks, run.mark().ahead);
                self.run_columns(&mut run, source, &between, cuts)?;
                self.run_rows(&mut run, &between, sink, cuts)?;
            }
        }
        Ok(run.finish())
    }

    fn run_at_once(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<Complex<T>, Ix2>,
        sink: &dyn WriteShared<Complex<T>, Ix2>,
        tiling: &Tiling<Ix2>,
    ) -> Result<()> {
        let threads = self.plan.resources.threads.get();
        let inner = self.sizes.layout.shape()[self.sizes.fast];
        let scratch = (self.slow.scratch(threads, inner), self.fast.scratch(threads, 1));
        run.pass(&InPlace {
            tiling,
            order: self.sizes.layout.order(),
            slots: 1,
            source,
            sink,
            written_bytes: self.sizes.written,
            kernel: |_: &Window<Ix2>, tile: &mut Tile<'_, _, _>| {
                self.slow.apply(tile, &scratch.0);
                self.fast.apply(tile, &scratch.1);
            },
        })
    }

    fn run_columns(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<Complex<T>, Ix2>,
        between: &Between<'_, Complex<T>>,
        cuts: &Cuts,
    ) -> Result<()> {
        let inner = cuts.columns.tile()[self.sizes.fast];
        let scratch = self.slow.scratch(self.plan.resources.threads.get(), inner);
        let slots = self.plan.passes[0].slots;
        run.pass(&Columns { cuts, slots, source, between, lanes: &self.slow, scratch })
    }

    fn run_rows(
        &self,
        run: &mut Run<'_, '_>,
        between: &Between<'_, Complex<T>>,
        sink: &dyn WriteShared<Complex<T>, Ix2>,
        cuts: &Cuts,
    ) -> Result<()> {
        let scratch = self.fast.scratch(self.plan.resources.threads.get(), 1);
        let (slots, written) = (self.plan.passes[1].slots, self.sizes.written);
        run.pass(&Rows { cuts, slots, between, sink, lanes: &self.fast, scratch, written })
    }
}

/// Where the array between the passes is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// In the array that is transformed in place.
    Source,
    /// In the output: each row tile takes the place of its blocks.
    Sink,
    /// In an array of its own.
    Scratch,
}

/// Where a run goes on from the mark of an earlier one. The first pass is repeated if what it left is
/// not there: rows that were kept in memory, and blocks whose place rows may have begun to take. Row
/// tiles that are finished stay so.
fn repeated(mark: Mark, cuts: &Cuts, home: Home) -> Mark {
    let lost = cuts.kept_from < cuts.rows.len();
    let torn = mark.pass == 1 && home == Home::Sink && !mark.at_rest;
    if !lost && !torn {
        return Mark { ahead: mark.ahead.min(cuts.rows.len()), ..mark };
    }
    let ahead = if mark.pass == 1 { mark.tiles } else { mark.ahead };
    Mark { ahead: ahead.min(cuts.rows.len()), ..Mark::default() }
}
