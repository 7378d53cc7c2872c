//! Discrete cosine and sine transforms along an axis.
//!
//! ```text
//!     what a lane is continued with, so that its Fourier transform is real
//!
//!     cosine, type II      a b c d | d c b a      sine, type II      a b c d | -d -c -b -a
//!     cosine, type I       a b c d   c b          sine, type I     0 a b c d 0 -d -c -b -a
//! ```
//!
//! The transforms of lanes are RustDCT's, by Fourier transforms of about the same length.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Element, Layout, Order, Sink, Source, Stored, Window};
use rustdct::{Dct1, Dst1, TransformType2And3, TransformType4};
use std::fmt;
use std::sync::Arc;

use crate::control::Control;
use crate::fft::axes::{Axes, inner_len};
use crate::fft::sizes::{product, total};
use crate::fft::tiles::{TileRequest, Tiles};
use crate::fourier::{Direction, Norm, Real};
use crate::grouped::Grouped;
use crate::lanes::cost;
use crate::pass::InPlace;
use crate::plan::{Plan, Report, Run, check_shape, refuse, usable};
use crate::tile::{PerThread, Tile, gathered_len};
use crate::transfer::{Shared, staging_bytes};
use crate::{Error, Resources, Result};

/// A discrete cosine or sine transform of real lanes, by the types of `scipy.fft`. Of a lane `x` of
/// length N, unscaled:
///
/// | transform | `X[k]` is twice the sum over n of |
/// |---|---|
/// | `Dct1` | `x[n] cos(πkn / (N-1))`, with half of `x[0]` and of `x[N-1]` |
/// | `Dct2` | `x[n] cos(πk(2n+1) / 2N)` |
/// | `Dct3` | `x[n] cos(π(2k+1)n / 2N)`, with half of `x[0]` |
/// | `Dct4` | `x[n] cos(π(2k+1)(2n+1) / 4N)` |
/// | `Dst1` | `x[n] sin(π(k+1)(n+1) / (N+1))` |
/// | `Dst2` | `x[n] sin(π(k+1)(2n+1) / 2N)` |
/// | `Dst3` | `x[n] sin(π(2k+1)(n+1) / 2N)`, with half of `x[N-1]` |
/// | `Dst4` | `x[n] sin(π(2k+1)(2n+1) / 4N)` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says what each is")]
pub enum Trigonometric {
    Dct1,
    Dct2,
    Dct3,
    Dct4,
    Dst1,
    Dst2,
    Dst3,
    Dst4,
}

impl Trigonometric {
    /// The transform that undoes this one, but for a factor.
    fn inverse(self) -> Self {
        match self {
            Self::Dct2 => Self::Dct3,
            Self::Dct3 => Self::Dct2,
            Self::Dst2 => Self::Dst3,
            Self::Dst3 => Self::Dst2,
            same => same,
        }
    }

    /// The length of the Fourier transform behind it.
    fn period(self, len: usize) -> usize {
        match self {
            Self::Dct1 => 2 * (len - 1),
            Self::Dst1 => 2 * (len + 1),
            _ => 2 * len,
        }
    }

    /// The length of the complex transform that RustDCT uses.
    fn inner_len(self, len: usize) -> usize {
        match self {
            Self::Dct1 | Self::Dst1 => self.period(len),
            _ => len,
        }
    }

    /// Upper bound of the real numbers of tables: the Fourier transform behind it, and factors for each
    /// element.
    fn table_cost(self, len: usize) -> u64 {
        let (tables, _) = cost(self.inner_len(len));
        total([tables, (len as u64).saturating_mul(2), 1024]).saturating_mul(2)
    }

    /// Upper bound of the real numbers that each thread needs besides a lane: those of the Fourier
    /// transform and of its scratch, unless the length is a power of two, which is halved again and again.
    fn scratch_cost(self, len: usize) -> u64 {
        let first = matches!(self, Self::Dct1 | Self::Dst1);
        if len.is_power_of_two() && len > 1 && !first {
            return len as u64;
        }
        let inner = self.inner_len(len);
        total([inner as u64, cost(inner).1]).saturating_mul(2).max(len as u64)
    }

    /// With the orthonormal scale, the elements that are multiplied by √2 before, and those that are
    /// divided by it after, so that the matrix is orthogonal.
    fn ends(self, len: usize) -> (Vec<usize>, Vec<usize>) {
        match self {
            Self::Dct1 => (vec![0, len - 1], vec![0, len - 1]),
            Self::Dct2 => (vec![], vec![0]),
            Self::Dct3 => (vec![0], vec![]),
            Self::Dst2 => (vec![], vec![len - 1]),
            Self::Dst3 => (vec![len - 1], vec![]),
            Self::Dct4 | Self::Dst1 | Self::Dst4 => (vec![], vec![]),
        }
    }
}

/// A discrete cosine or sine transform along an axis; as `scipy.fft.dct` and `scipy.fft.dst`.
///
/// With [`Norm::Ortho`] the transform is orthonormal, as scipy's is: the elements at the ends are scaled
/// besides.
///
/// Cost: one pass that reads the source once and writes the sink once. Memory: at least one lane, and for
/// each thread what the transform needs. A lane must fit the budget.
///
/// Accuracy: about that of [`fft`](crate::fft); the relative error in the L2 norm is at most
/// `3 ε √log2(2N)`.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, Trigonometric, dct, idct};
///
/// let field = array![1.0, 2.0, 3.0_f64];
/// let mut spectrum = Array1::zeros(3);
/// let plan = dct(&field, 0, Trigonometric::Dct2).plan::<f64>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut spectrum, Control::new())?;
/// assert!((spectrum[0] - 12.0).abs() < 1e-14);
///
/// let mut back = Array1::zeros(3);
/// let plan = idct(&spectrum, 0, Trigonometric::Dct2).plan::<f64>(Budget::new(1 << 20))?;
/// plan.run(&spectrum, &mut back, Control::new())?;
/// assert!((&back - &field).iter().all(|x| x.abs() < 1e-14));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn dct<D: Dimension>(
    source: &impl Stored<D>,
    axis: usize,
    transform: Trigonometric,
) -> Dct<'_, D> {
    Dct { source, axis, transform, direction: Direction::Forward, norm: Norm::default() }
}

/// The transform that undoes [`dct`]; as `scipy.fft.idct` and `scipy.fft.idst`.
pub fn idct<D: Dimension>(
    source: &impl Stored<D>,
    axis: usize,
    transform: Trigonometric,
) -> Dct<'_, D> {
    Dct { direction: Direction::Inverse, ..dct(source, axis, transform) }
}

/// A transform to be planned; see [`dct`].
#[derive(Clone)]
pub struct Dct<'a, D> {
    source: &'a dyn Stored<D>,
    axis: usize,
    transform: Trigonometric,
    direction: Direction,
    norm: Norm,
}

impl<D: Dimension> fmt::Debug for Dct<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { axis, transform, direction, norm, .. } = self;
        let layout = self.source.layout();
        write!(f, "{direction:?} {transform:?} of {layout:?} along {axis}, {norm:?}")
    }
}

impl<D: Dimension> Dct<'_, D> {
    /// Which direction is scaled; with [`Norm::Ortho`] the transform is orthonormal.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Decides on the tiles.
    ///
    /// # Errors
    ///
    /// If the axis does not exist or is too short (2 for [`Trigonometric::Dct1`], else 1), or a lane, with
    /// what its transform needs besides, exceeds the budget; the error names the smallest budget that
    /// would do.
    pub fn plan<T: Real + Element>(
        &self,
        resources: impl Into<Resources>,
    ) -> Result<DctPlan<T, D>> {
        let resources = resources.into();
        let (layout, kind) = (self.source.layout(), self.transform);
        let shape = layout.shape().clone();
        let name = format!("{}{kind:?}", if self.is_forward() { "" } else { "inverse " });
        let axes = Axes::new(&name, self.source, &[self.axis], Some(self.axis))?;
        let len = shape[self.axis];
        if kind == Trigonometric::Dct1 && len < 2 {
            let (lens, along) = (shape.slice(), self.axis);
            let reason =
                format!("{name} cannot transform shape {lens:?}: axis {along} is shorter than 2");
            return Err(Error::Shape(reason));
        }
        let bits = size_of::<T>() * 8;
        let operation =
            format!("{name} of {:?} as float{bits} along axis {}", shape.slice(), self.axis);
        let place = axes.place(self.axis).unwrap_or_default();
        let kind = if self.is_forward() { kind } else { kind.inverse() };
        let groups = axes.places(&layout);
        let source = Grouped::new(self.source, &groups);
        let sink = Layout::new(source.shape(), Order::C, size_of::<T>(), layout.offset());
        let sink = sink.ok_or_else(|| Error::Shape(format!("{:?} is too large", shape.slice())))?;
        let threads = resources.threads.get();
        let request = TileRequest {
            source: &source,
            sink: &sink,
            whole: &[place],
            element: size_of::<T>(),
            cost: &|tile, slots| {
                let elements = product(tile);
                let bytes = |each: usize| elements.saturating_mul(each as u64);
                let gathered = gathered_len::<T>(len, inner_len(tile, place)) as u64;
                let each = gathered.saturating_add(kind.scratch_cost(len));
                let staging = staging_bytes(
                    source.copies(),
                    bytes(layout.element_bytes().max(size_of::<T>())),
                    bytes(size_of::<T>()),
                    slots,
                );
                let scratch = each.saturating_mul((threads * size_of::<T>()) as u64);
                let tables = kind.table_cost(len).saturating_mul(size_of::<T>() as u64);
                total([bytes(size_of::<T>() * slots), scratch, tables, staging])
            },
        };
        let Some(tiles) = request.best(usable(resources)) else {
            return Err(refuse(&operation, request.least(), resources));
        };
        let passes = vec![request.plan(axes.name(&[place]), &tiles)];
        let lanes = RealLanes::new(kind, len, self.scale(len), self.norm == Norm::Ortho);
        let output_bytes = sink.bytes();
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        Ok(DctPlan { plan, shape, axes, place, tiles, lanes })
    }

    fn is_forward(&self) -> bool {
        self.direction == Direction::Forward
    }

    /// What RustDCT's transforms, which are half of those of the table, are multiplied by.
    fn scale<T: Real>(&self, len: usize) -> T {
        let period = self.transform.period(len).max(1);
        let two = T::one() + T::one();
        two * self.norm.scale::<T>(self.direction, period)
    }
}

/// The transform of lanes of one length.
struct RealLanes<T: Real> {
    fft: Kernel<T>,
    kind: Trigonometric,
    len: usize,
    scale: T,
    ends: (Vec<usize>, Vec<usize>),
}

enum Kernel<T: Real> {
    Cosine1(Arc<dyn Dct1<T>>),
    Sine1(Arc<dyn Dst1<T>>),
    Type2And3(Arc<dyn TransformType2And3<T>>),
    Type4(Arc<dyn TransformType4<T>>),
}

impl<T: Real> RealLanes<T> {
    fn new(kind: Trigonometric, len: usize, scale: T, orthonormal: bool) -> Self {
        let mut planner = T::dct_planner();
        let fft = match kind {
            Trigonometric::Dct1 => Kernel::Cosine1(planner.plan_dct1(len)),
            Trigonometric::Dst1 => Kernel::Sine1(planner.plan_dst1(len)),
            Trigonometric::Dct4 | Trigonometric::Dst4 => Kernel::Type4(planner.plan_dct4(len)),
            _ => Kernel::Type2And3(planner.plan_dct2(len)),
        };
        let ends = if orthonormal { kind.ends(len) } else { (Vec::new(), Vec::new()) };
        Self { fft, kind, len, scale, ends }
    }

    fn scratch_len(&self) -> usize {
        match &self.fft {
            Kernel::Cosine1(fft) => fft.get_scratch_len(),
            Kernel::Sine1(fft) => fft.get_scratch_len(),
            Kernel::Type2And3(fft) => fft.get_scratch_len(),
            Kernel::Type4(fft) => fft.get_scratch_len(),
        }
    }

    fn apply(&self, lane: &mut [T], scratch: &mut [T]) {
        let root = (T::one() + T::one()).sqrt();
        for &end in &self.ends.0 {
            lane[end] = lane[end] * root;
        }
        match (&self.fft, self.kind) {
            (Kernel::Cosine1(fft), _) => fft.process_dct1_with_scratch(lane, scratch),
            (Kernel::Sine1(fft), _) => fft.process_dst1_with_scratch(lane, scratch),
            (Kernel::Type2And3(fft), Trigonometric::Dct2) => {
                fft.process_dct2_with_scratch(lane, scratch);
            }
            (Kernel::Type2And3(fft), Trigonometric::Dct3) => {
                fft.process_dct3_with_scratch(lane, scratch);
            }
            (Kernel::Type2And3(fft), Trigonometric::Dst2) => {
                fft.process_dst2_with_scratch(lane, scratch);
            }
            (Kernel::Type2And3(fft), _) => fft.process_dst3_with_scratch(lane, scratch),
            (Kernel::Type4(fft), Trigonometric::Dct4) => {
                fft.process_dct4_with_scratch(lane, scratch);
            }
            (Kernel::Type4(fft), _) => fft.process_dst4_with_scratch(lane, scratch),
        }
        for element in &mut *lane {
            *element = *element * self.scale;
        }
        for &end in &self.ends.1 {
            lane[end] = lane[end] / root;
        }
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct DctPlan<T: Real, D> {
    plan: Plan,
    shape: D,
    axes: Axes,
    place: usize,
    tiles: Tiles,
    lanes: RealLanes<T>,
}

impl<T: Real, D> fmt::Debug for DctPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DctPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<T: Real, D> fmt::Display for DctPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Real + Element, D: Dimension> DctPlan<T, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Transforms a source into a sink of the same shape.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<T, D>,
        S: Sink<T, D>,
    {
        for shape in [source.shape(), sink.shape()] {
            check_shape(shape.slice(), self.shape.slice())?;
        }
        let groups = (self.axes.places(&source.layout()), self.axes.places(&sink.layout()));
        let sink = Shared::new(sink);
        let source = Grouped::new(source as &dyn Source<T, D>, &groups.0);
        let sink = Grouped::new(&sink, &groups.1);
        let threads = self.plan.resources.threads.get();
        let inner = inner_len(self.tiles.tiling.tile().slice(), self.place);
        let zeros = |len| PerThread::new(threads, || vec![T::zero(); len]);
        let gathered = zeros(gathered_len::<T>(self.lanes.len, inner));
        let scratch = zeros(self.lanes.scratch_len());
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&InPlace {
            tiling: &self.tiles.tiling,
            order: Order::C,
            slots: self.tiles.slots,
            source: &source,
            sink: &sink,
            written_bytes: size_of::<T>() as u64,
            kernel: |_: &Window<IxDyn>, tile: &mut Tile<'_, T, IxDyn>| {
                tile.par_lanes_mut(self.place, &gathered, |_, lane| {
                    scratch.with(|scratch| self.lanes.apply(lane, scratch));
                });
            },
        })?;
        Ok(run.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Real>(kind: Trigonometric, len: usize) {
        let lanes = RealLanes::<T>::new(kind, len, T::one(), false);
        let most = kind.scratch_cost(len);
        assert!(lanes.scratch_len() as u64 <= most, "{kind:?} of length {len}");
    }

    #[test]
    fn the_estimated_scratch_is_an_upper_bound() {
        use Trigonometric::{Dct1, Dct2, Dct3, Dct4, Dst1, Dst2, Dst3, Dst4};
        for kind in [Dct1, Dct2, Dct3, Dct4, Dst1, Dst2, Dst3, Dst4] {
            let least = if kind == Dct1 { 2 } else { 1 };
            for len in (least..300).chain([1 << 14, 5239, 10_007, 65_537, 99_990, 199_982]) {
                check::<f32>(kind, len);
                check::<f64>(kind, len);
            }
        }
    }
}
