//! The two-dimensional Fourier transform: along the fast axis, then along the slow one.
//!
//! ```text
//!     pass 1: whole rows           pass 2: whole columns
//!     ┌───────────────────┐        ┌────┬────┬────┬────┐
//!     │ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ │        │ ▾▾ │    │    │    │
//!     ├───────────────────┤        │ ▾▾ │    │    │    │
//!     │                   │        │ ▾▾ │    │    │    │
//!     └───────────────────┘        └────┴────┴────┴────┘
//! ```
//!
//! Two passes, each of which reads and writes the array once: four transfers, the least possible
//! for an array that exceeds the budget (Aggarwal and Vitter, "The input/output complexity of
//! sorting and related problems", 1988). An array that fits the budget takes one pass.

mod sizes;

use ndarray::{Dimension, Ix2};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Sink, Source, Stored, Window};
use std::fmt;
use std::marker::PhantomData;

use self::sizes::{NPY_OFFSET, Sizes};
use crate::control::Control;
use crate::fourier::{Direction, Norm, Real};
use crate::lanes::Lanes;
use crate::pass::InPlace;
use crate::plan::{Plan, Report, Run};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Shared, WriteShared};
use crate::{Error, Resources, Result};

/// The forward transform of a 2-D array; as `numpy.fft.fft2`.
///
/// Of an `M x N` array `x`, the transform is
/// `X[k, l] = Σ_m Σ_n x[m, n] exp(-2πi (k m / M + l n / N))`.
///
/// Cost: where the array exceeds the budget, two passes that read it twice and write it twice;
/// otherwise one. Memory: at least three rows, and at least one column, and for each thread what
/// the transform of a lane needs.
///
/// Accuracy: the relative error in the L2 norm is at most `0.6 ε √log2(M N)` for `f32` and
/// `1.0 ε √log2(M N)` for `f64` where M and N have no prime factor above 11; otherwise twice and
/// three times that.
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
pub fn fft2(source: &impl Stored<Ix2>) -> Fft2 {
    Fft2 {
        layout: source.layout(),
        direction: Direction::Forward,
        norm: Norm::default(),
        real_part: false,
        output_offset: NPY_OFFSET,
    }
}

/// The inverse transform of a 2-D array; as `numpy.fft.ifft2`. See [`fft2`].
pub fn ifft2(source: &impl Stored<Ix2>) -> Fft2 {
    Fft2 { direction: Direction::Inverse, ..fft2(source) }
}

/// A transform to be planned; see [`fft2`].
#[derive(Clone, Debug)]
pub struct Fft2 {
    layout: Layout<Ix2>,
    direction: Direction,
    norm: Norm,
    real_part: bool,
    output_offset: u64,
}

impl Fft2 {
    /// The first byte of the output's elements in its file, if it is not the usual 128 of a `.npy`
    /// file. Tiles are cut on page boundaries of the output; results do not depend on it.
    #[must_use]
    pub fn output_offset(mut self, offset: u64) -> Self {
        self.output_offset = offset;
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
        let (tilings, passes) = sizes.passes(self.direction)?;
        let array_bytes = self.layout.len() as u64 * sizes.element;
        // One pass needs no scratch: the tile is the intermediate result.
        let scratch_bytes = if self.real_part && passes.len() > 1 { array_bytes } else { 0 };
        let plan = Plan {
            operation: sizes.name(self.direction),
            resources,
            passes,
            output_bytes: self.layout.len() as u64 * sizes.written,
            scratch_bytes,
        };
        let fast = Lanes::new(shape[sizes.fast], sizes.fast, self.direction);
        let slow = if shape[0] == shape[1] {
            fast.along(sizes.slow)
        } else {
            Lanes::new(shape[sizes.slow], sizes.slow, self.direction)
        };
        let slow = slow.scaled(self.norm.scale(self.direction, self.layout.len()));
        Ok(Fft2Plan { plan, tilings, fast, slow, sizes })
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct Fft2Plan<T: Real> {
    plan: Plan,
    tilings: Vec<Tiling<Ix2>>,
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
    /// source is unharmed; the sink's contents are then unspecified.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<Complex<T>, Ix2>,
        S: Source<Complex<T>, Ix2> + Sink<Complex<T>, Ix2>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        let sink = Shared::new(sink);
        self.run_passes(source, &sink, &sink, control)
    }

    /// Transforms an array in place.
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
        let array = Shared::new(array);
        self.run_passes(&array, &array, &array, control)
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
        if self.tilings.len() > 1 {
            self.check(&[&scratch.shape()])?;
        }
        self.run_passes(source, &Shared::new(scratch), &Shared::new(sink), control)
    }

    fn check(&self, shapes: &[&Ix2]) -> Result<()> {
        let planned = self.sizes.layout.shape();
        let Some(other) = shapes.iter().find(|shape| **shape != planned) else { return Ok(()) };
        let (other, planned) = (other.slice(), planned.slice());
        Err(Error::Shape(format!(
            "an array of shape {other:?} does not fit a plan for {planned:?}"
        )))
    }

    fn run_passes<R, V, S>(
        &self,
        source: &R,
        between: &V,
        sink: &S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<Complex<T>, Ix2>,
        V: Source<Complex<T>, Ix2> + WriteShared<Complex<T>, Ix2>,
        S: WriteShared<Complex<T>, Ix2>,
    {
        let mut run = Run::new(&self.plan, control)?;
        let threads = self.plan.resources.threads.get();
        let (read, element, written) = (self.sizes.read, self.sizes.element, self.sizes.written);
        let inner = self.tilings.last().expect("a plan has a pass").tile()[self.sizes.fast];
        match &self.tilings[..] {
            [_both] => {
                let scratch = (self.fast.scratch(threads, 1), self.slow.scratch(threads, inner));
                run.pass(&self.in_place(0, source, sink, (read, written), |_, tile| {
                    self.fast.apply(tile, &scratch.0);
                    self.slow.apply(tile, &scratch.1);
                }))?;
            }
            [_rows, _columns] => {
                let scratch = self.fast.scratch(threads, 1);
                let kernel = |_: &_, tile: &mut Tile<'_, _, _>| self.fast.apply(tile, &scratch);
                run.pass(&self.in_place(0, source, between, (read, element), kernel))?;
                drop(scratch);
                let scratch = self.slow.scratch(threads, inner);
                let kernel = |_: &_, tile: &mut Tile<'_, _, _>| self.slow.apply(tile, &scratch);
                run.pass(&self.in_place(1, between, sink, (element, written), kernel))?;
            }
            _ => unreachable!("a plan has one or two passes"),
        }
        Ok(run.finish())
    }

    fn in_place<'a, R, W, K>(
        &'a self,
        pass: usize,
        source: &'a R,
        sink: &'a W,
        element_bytes: (u64, u64),
        kernel: K,
    ) -> InPlace<'a, Complex<T>, Ix2, R, W, K>
    where
        K: Fn(&Window<Ix2>, &mut Tile<'_, Complex<T>, Ix2>) + Sync,
    {
        let (tiling, order) = (&self.tilings[pass], self.sizes.layout.order());
        let slots = self.plan.passes[pass].slots;
        InPlace { tiling, order, slots, source, sink, element_bytes, kernel, element: PhantomData }
    }
}
