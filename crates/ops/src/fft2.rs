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

use ndarray::{Dimension, Ix2};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Order, Sink, Source, Stored, Window};
use rustfft::{FftDirection, FftNum, FftPlanner};
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;
use crate::lanes::{Lanes, cost};
use crate::pass::{InPlace, run_bytes};
use crate::plan::{PassPlan, Plan, Report, Run, SLOTS, greatest, refuse, usable};
use crate::tile::{Tile, gathered_len};
use crate::tiling::Tiling;
use crate::transfer::{Shared, WriteShared, staging_bytes};
use crate::{Error, Resources, Result};

/// A floating-point number that transforms are computed in: `f32` or `f64`.
pub trait Real: FftNum + num_traits::Float {}

impl Real for f32 {}
impl Real for f64 {}

/// The sign of the transform's exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// From space to frequency: exp(-2πi ...).
    #[default]
    Forward,
    /// From frequency to space: exp(+2πi ...).
    Inverse,
}

/// Which of the two directions is scaled; as in `numpy.fft`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Norm {
    /// The inverse transform by 1/N, where N is the number of elements.
    #[default]
    Backward,
    /// Both by 1/√N.
    Ortho,
    /// The forward transform by 1/N.
    Forward,
}

impl Norm {
    pub(crate) fn scale<T: Real>(self, direction: Direction, len: usize) -> T {
        let len = T::from(len).expect("a length is a number");
        match (self, direction) {
            (Self::Ortho, _) => len.sqrt().recip(),
            (Self::Backward, Direction::Inverse) | (Self::Forward, Direction::Forward) => {
                len.recip()
            }
            _ => T::one(),
        }
    }
}

/// A number as the complex number that its transform is computed in: `f32` and narrower than 32
/// bits as `Complex<f32>`, all others as `Complex<f64>`.
pub trait ToComplex: Element {
    /// The type of the transform.
    type Real: Real;

    /// The number with an imaginary part of zero.
    fn to_complex(self) -> Complex<Self::Real>;
}

macro_rules! to_complex {
    ($($number:ty => $real:ty, $convert:expr;)+) => {$(
        impl ToComplex for $number {
            type Real = $real;

            fn to_complex(self) -> Complex<$real> {
                let convert: fn($number) -> $real = $convert;
                Complex::new(convert(self), 0.0)
            }
        }
    )+};
}

#[expect(clippy::cast_precision_loss, reason = "NumPy rounds 64-bit integers to f64 too")]
mod conversions {
    use super::{Complex, ToComplex};
    use half::f16;

    to_complex! {
        bool => f32, |x| f32::from(u8::from(x));
        i8 => f32, f32::from; i16 => f32, f32::from; u8 => f32, f32::from; u16 => f32, f32::from;
        f16 => f32, f32::from; f32 => f32, |x| x;
        i32 => f64, f64::from; u32 => f64, f64::from; f64 => f64, |x| x;
        i64 => f64, |x| x as f64; u64 => f64, |x| x as f64;
    }
}

impl ToComplex for Complex<f32> {
    type Real = f32;

    fn to_complex(self) -> Self {
        self
    }
}

impl ToComplex for Complex<f64> {
    type Real = f64;

    fn to_complex(self) -> Self {
        self
    }
}

/// The forward transform of a 2-D array; as `numpy.fft.fft2`.
///
/// Of an `M x N` array `x`, the transform is
/// `X[k, l] = Σ_m Σ_n x[m, n] exp(-2πi (k m / M + l n / N))`.
///
/// Cost: where the array exceeds the budget, two passes that read it twice and write it twice;
/// otherwise one. Memory: three tiles of at least one row and of at least one column, and for each
/// thread what the transform of a lane needs.
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
    /// If an axis has length 0, or three rows or three columns, with what the transform needs
    /// besides, exceed the budget; the error names the smallest budget that would do.
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
        let mut planner = FftPlanner::new();
        let direction = match self.direction {
            Direction::Forward => FftDirection::Forward,
            Direction::Inverse => FftDirection::Inverse,
        };
        let mut lanes = |axis: usize| Lanes::new(&mut planner, shape[axis], axis, direction);
        let (fast, slow) = (lanes(sizes.fast), lanes(sizes.slow));
        let slow = slow.scaled(self.norm.scale(self.direction, self.layout.len()));
        Ok(Fft2Plan { plan, tilings, fast, slow, sizes })
    }
}

/// The numbers that a plan is made from.
#[derive(Clone, Debug)]
struct Sizes {
    layout: Layout<Ix2>,
    resources: Resources,
    fast: usize,
    slow: usize,
    /// Bytes of an element in memory, in the source and in the output.
    element: u64,
    read: u64,
    written: u64,
    /// Elements of the tables of both axes together.
    tables: u64,
    gathered_len: fn(usize, usize) -> usize,
    /// The first byte of the output's elements.
    output_offset: u64,
}

/// A page of the file system, on whose boundaries tiles are cut.
const PAGE_BYTES: usize = 4096;
/// Where the elements of a `.npy` file begin, unless its header is unusually long.
const NPY_OFFSET: u64 = 128;

impl Sizes {
    fn new<T: Real>(fft2: &Fft2, resources: Resources) -> Self {
        let layout = fft2.layout.clone();
        let (slow, fast) = match layout.order() {
            Order::C => (0, 1),
            Order::F => (1, 0),
        };
        let shape = layout.shape();
        let once = if shape[0] == shape[1] { 0 } else { cost(shape[slow]).0 };
        let element = size_of::<Complex<T>>() as u64;
        Self {
            resources,
            fast,
            slow,
            element,
            read: layout.element_bytes() as u64,
            written: if fft2.real_part { element / 2 } else { element },
            tables: cost(shape[fast]).0 + once,
            gathered_len: gathered_len::<Complex<T>>,
            output_offset: fft2.output_offset,
            layout,
        }
    }

    fn name(&self, direction: Direction) -> String {
        let name = if direction == Direction::Forward { "fft2" } else { "ifft2" };
        let bits = self.element * 8;
        format!("{name} of {:?} as complex{bits}", self.layout.shape().slice())
    }

    /// One tile of the whole array if the budget allows it, otherwise rows and then columns.
    fn passes(&self, direction: Direction) -> Result<(Vec<Tiling<Ix2>>, Vec<PassPlan>)> {
        let limit = usable(self.resources.memory.bytes());
        let shape = self.layout.shape();
        if self.both_cost() <= limit {
            let tiling = self.tiling(shape[self.slow], shape[self.fast]);
            let bytes = (self.read, self.written);
            let pass = self.pass("rows and columns", &tiling, 1, self.both_cost(), bytes);
            return Ok((vec![tiling], vec![pass]));
        }
        let rows = self.preferred(shape[self.slow], shape[self.fast], limit);
        let (Some(rows), Some((part, slots))) = (rows, self.slow_tiles(limit)) else {
            let least = self.both_cost().min(self.fast_cost(1).max(self.slow_cost(1, 1)));
            return Err(refuse(&self.name(direction), least, self.resources));
        };
        let (names, full) = (self.pass_names(), self.tiling(rows, shape[self.fast]));
        let (memory, slow_memory) =
            (self.fast_cost(rows), self.slow_cost(part.tile()[self.fast], slots));
        let first = self.pass(names.0, &full, SLOTS, memory, (self.read, self.element));
        let second = self.pass(names.1, &part, slots, slow_memory, (self.element, self.written));
        Ok((vec![full, part], vec![first, second]))
    }

    /// As many rows as make a tile of a few megabytes: no more, because long runs get no faster.
    fn preferred(&self, most: usize, len: usize, limit: u64) -> Option<usize> {
        const PREFERRED_BYTES: u64 = 16 << 20;
        let preferred = (PREFERRED_BYTES / (len as u64 * self.element)).max(1);
        let most = most.min(usize::try_from(preferred).unwrap_or(usize::MAX));
        greatest(most, limit, |n| self.fast_cost(n))
    }

    /// Tiles of whole lanes along the slow axis, and how many of them are in memory at a time:
    /// three, unless two allow longer runs where runs are short, or none but one fits.
    fn slow_tiles(&self, limit: u64) -> Option<(Tiling<Ix2>, usize)> {
        const LONG_RUN_BYTES: u64 = 64 << 10;
        let most = self.layout.shape()[self.fast];
        let tiles = |slots| {
            let n = greatest(most, limit, |n| self.slow_cost(n, slots))?;
            Some((self.slow_tiling(n), slots))
        };
        let run_bytes = |tiling: &Tiling<Ix2>| tiling.tile()[self.fast] as u64 * self.element;
        let (three, two) = (tiles(SLOTS), tiles(2));
        match (three, two) {
            (Some((three, _)), Some((two, slots)))
                if run_bytes(&three) < LONG_RUN_BYTES && run_bytes(&three) < run_bytes(&two) =>
            {
                Some((two, slots))
            }
            (Some(three), _) => Some(three),
            (None, Some(two)) => Some(two),
            (None, None) => tiles(1),
        }
    }

    fn pass_names(&self) -> (&'static str, &'static str) {
        if self.fast == 1 { ("rows", "columns") } else { ("columns", "rows") }
    }

    /// Tiles of a length along the slow and along the fast axis.
    fn tiling(&self, slow_len: usize, fast_len: usize) -> Tiling<Ix2> {
        let mut tile = Ix2(0, 0);
        tile[self.slow] = slow_len;
        tile[self.fast] = fast_len;
        Tiling::new(*self.layout.shape(), tile, self.layout.order())
    }

    /// Tiles of at most `n` whole lanes along the slow axis.
    ///
    /// Where rows begin at the same place of a page, so do the edges of tiles; otherwise all tiles
    /// but the last are alike.
    fn slow_tiling(&self, n: usize) -> Tiling<Ix2> {
        let shape = self.layout.shape();
        let (len, element) = (shape[self.fast], usize::try_from(self.element).expect("small"));
        let quantum = PAGE_BYTES / element;
        let lead =
            usize::try_from(self.output_offset % PAGE_BYTES as u64).expect("small") / element;
        if len % quantum == 0 && n >= quantum && len > quantum {
            return self.tiling(shape[self.slow], n / quantum * quantum).with_lead(self.fast, lead);
        }
        self.tiling(shape[self.slow], len.div_ceil(len.div_ceil(n)))
    }

    fn pass(
        &self,
        name: &str,
        tiling: &Tiling<Ix2>,
        slots: usize,
        memory: u64,
        (read, written): (u64, u64),
    ) -> PassPlan {
        let (len, tile_len) =
            (self.layout.len() as u64, tiling.tile().slice().iter().product::<usize>());
        PassPlan {
            name: name.to_owned(),
            tiles: tiling.len(),
            tile: tiling.tile().slice().to_vec(),
            slots: slots.min(tiling.len()),
            tile_bytes: tile_len as u64 * self.element,
            run_bytes: run_bytes(&self.layout, tiling) / self.read * read,
            bytes_read: len * read,
            bytes_written: len * written,
            memory,
        }
    }

    /// The memory of a pass along the fast axis over tiles of `n` lanes.
    fn fast_cost(&self, n: usize) -> u64 {
        let (len, lanes) = (self.layout.shape()[self.fast], self.layout.shape()[self.slow]);
        let tile = len as u64 * n as u64;
        self.cost(
            tile,
            SLOTS.min(lanes.div_ceil(n)),
            self.scratch(self.fast, 1),
            self.read,
            self.element,
        )
    }

    /// The memory of a pass along the slow axis over tiles of at most `n` lanes, so many at a time.
    fn slow_cost(&self, n: usize, slots: usize) -> u64 {
        // The tiles may be narrower than `n`, and then there may be more of them than that asks for.
        let tiling = self.slow_tiling(n);
        let (len, width) = (self.layout.shape()[self.slow], tiling.tile()[self.fast]);
        let (tile, slots) = (len as u64 * width as u64, slots.min(tiling.len()));
        self.cost(tile, slots, self.scratch(self.slow, width), self.element, self.written)
    }

    /// The memory of a single pass along both axes.
    fn both_cost(&self) -> u64 {
        let fast_len = self.layout.shape()[self.fast];
        let scratch = self.scratch(self.fast, 1) + self.scratch(self.slow, fast_len);
        self.cost(self.layout.len() as u64, 1, scratch, self.read, self.written)
    }

    /// The elements of scratch for each thread.
    fn scratch(&self, axis: usize, inner: usize) -> u64 {
        let len = self.layout.shape()[axis];
        cost(len).1 + (self.gathered_len)(len, inner) as u64
    }

    fn cost(&self, tile: u64, slots: usize, scratch: u64, read: u64, written: u64) -> u64 {
        let threads = self.resources.threads.get() as u64;
        let elements =
            [tile.saturating_mul(slots as u64), threads.saturating_mul(scratch), self.tables];
        let elements = elements.into_iter().fold(0_u64, u64::saturating_add);
        let staging = staging_bytes(tile.saturating_mul(read), tile.saturating_mul(written));
        elements.saturating_mul(self.element).saturating_add(staging)
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
        let mut run = Run::new(&self.plan, control);
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
