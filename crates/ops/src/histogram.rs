//! How many elements lie between which numbers, with the bins of `numpy.histogram`.
//!
//! ```text
//!     edges    0.0   0.5   1.0   1.5   2.0       bins are closed on the left, the last one on both
//!     counts    │  3  │  7  │  2  │  1  │        sides
//! ```
//!
//! Without a range, a first pass looks for the least and the greatest element. Counts are whole
//! numbers, so it makes no difference who counts which elements in which order.

mod bins;

use ndarray::Dimension;
use outcore_storage::{Layout, Source, Stored};
use rayon::prelude::*;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::control::Control;
use crate::ordered::Ordered;
use crate::plan::{Plan, Report, Run, check_shape, refuse};
use crate::sweep::Sweep;
use crate::tile::PerThread;
use crate::{Error, Resources, Result};
use bins::Bins;

/// Elements that a thread looks at together.
const CHUNK: usize = 1 << 14;

/// The edges of some bins of one width, and how many elements lie in each.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram<F> {
    /// The edges, one more than bins: of the elements' type if that has fractions, else `f64`.
    pub edges: Vec<F>,
    /// The number of elements in each bin.
    pub counts: Vec<u64>,
}

/// A histogram of all elements in bins of one width, from the least to the greatest element or over
/// a [`range`](HistogramRequest::range).
///
/// Edges and counts are those of `numpy.histogram`, computed by the same floating-point operations in
/// the same types: the last bin includes its upper edge, what lies outside the range is left out, a
/// NaN is outside any range, and a range of no width is widened by a half on both sides. `bool` counts
/// as 0 and 1.
///
/// Cost: one pass that reads the source once with a range, two without. Memory: three tiles, and a
/// counter for each bin and thread.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, histogram};
///
/// let field = array![[0_u8, 1, 1], [3, 4, 1]];
/// let plan = histogram(&field, 2)?.plan::<u8>(Budget::new(1 << 20))?;
/// let (found, report) = plan.run(&field, Control::new())?;
/// assert_eq!((found.edges, found.counts), (vec![0.0, 2.0, 4.0], vec![4, 2]));
/// assert_eq!(report.bytes_read(), 2 * 6);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If there are no bins.
pub fn histogram<D: Dimension>(
    source: &impl Stored<D>,
    bins: usize,
) -> Result<HistogramRequest<'_, D>> {
    if bins == 0 {
        return Err(Error::Value("a histogram has at least 1 bin, not 0".to_owned()));
    }
    Ok(HistogramRequest { source, layout: source.layout(), bins, range: None })
}

/// A histogram to be planned; see [`histogram()`].
#[derive(Clone)]
pub struct HistogramRequest<'a, D> {
    source: &'a dyn Stored<D>,
    layout: Layout<D>,
    bins: usize,
    range: Option<(f64, f64)>,
}

impl<D: Dimension> fmt::Debug for HistogramRequest<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bins of {:?} over {:?}", self.bins, self.layout, self.range)
    }
}

impl<D: Dimension> HistogramRequest<'_, D> {
    /// The lowest and the highest edge.
    ///
    /// # Errors
    ///
    /// If one of them is not finite, or the lowest is above the highest.
    pub fn range(mut self, low: f64, high: f64) -> Result<Self> {
        if !(low.is_finite() && high.is_finite() && low <= high) {
            let wrong = format!("a range is two finite numbers in order, not {low} and {high}");
            return Err(Error::Value(wrong));
        }
        self.range = Some((low, high));
        Ok(self)
    }

    /// Decides on tiles.
    ///
    /// # Errors
    ///
    /// If the bins are too many for the range to be told apart, or tiles and counters exceed the
    /// budget; the error names the smallest budget that would do.
    pub fn plan<T: Ordered>(&self, resources: impl Into<Resources>) -> Result<HistogramPlan<T, D>> {
        let (layout, resources) = (&self.layout, resources.into());
        let shape = layout.shape().clone();
        let operation = format!("histogram of {:?} in {} bins", shape.slice(), self.bins);
        // Counters for each thread, their sums, and edges.
        let tables = (self.bins as u64)
            .saturating_add(1)
            .saturating_mul(8 * resources.threads.get() as u64 + 16);
        let sweep = Sweep::fit::<T>(self.source, None, resources, |_| tables);
        let sweep = sweep.map_err(|cost| refuse(&operation, cost, resources))?;
        if let Some((low, high)) = self.range {
            Bins::<T>::over_range(low, high, self.bins)?;
        }
        let mut passes = vec![sweep.pass::<T>("counts", self.source, tables)];
        if self.range.is_none() {
            passes.insert(0, sweep.pass::<T>("least and greatest", self.source, 0));
        }
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        let (bins, range) = (self.bins, self.range);
        Ok(HistogramPlan { plan, sweep, shape, bins, range, elements: PhantomData })
    }
}

/// A histogram that has been planned.
#[derive(Debug)]
pub struct HistogramPlan<T, D> {
    plan: Plan,
    sweep: Sweep<D>,
    shape: D,
    bins: usize,
    range: Option<(f64, f64)>,
    elements: PhantomData<fn(T)>,
}

impl<T, D> fmt::Display for HistogramPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Ordered, D: Dimension> HistogramPlan<T, D> {
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Counts.
    ///
    /// # Errors
    ///
    /// If the shape differs from the plan's, reading fails, or the caller cancels; without a range,
    /// if an element is infinite or NaN, or the bins are too many for the elements to be told apart.
    pub fn run(
        &self,
        source: &impl Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Histogram<T::Float>, Report)> {
        self.run_dyn(source, control)
    }

    fn run_dyn(
        &self,
        source: &dyn Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Histogram<T::Float>, Report)> {
        check_shape(source.shape().slice(), self.shape.slice())?;
        let mut run = Run::new(&self.plan, control)?;
        let bins = match self.range {
            Some((low, high)) => Bins::over_range(low, high, self.bins)?,
            None => match self.limits(source, &mut run)? {
                Some((least, greatest)) => Bins::<T>::between(least, greatest, self.bins)?,
                None => Bins::over_range(0.0, 1.0, self.bins)?,
            },
        };
        let threads = self.plan.resources.threads.get();
        let counts = PerThread::new(threads, || vec![0_u64; self.bins]);
        self.pass(source, &mut run, &|elements| {
            counts.with(|counts| bins.count(elements, counts));
        })?;
        let counts = counts.into_inner().reduce(|mut sum, other| {
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
            sum
        });
        let counts = counts.expect("there is a thread");
        Ok((Histogram { edges: bins.into_edges(), counts }, run.finish()))
    }

    /// The least and the greatest element, if there are any.
    fn limits(&self, source: &dyn Source<T, D>, run: &mut Run<'_, '_>) -> Result<Option<(T, T)>> {
        let (least, greatest) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
        let nan = AtomicBool::new(false);
        self.pass(source, run, &|elements| {
            let (mut low, mut high, mut any_nan) = (u64::MAX, 0, false);
            for element in elements {
                let key = element.key();
                (low, high) = (low.min(key), high.max(key));
                any_nan |= element.is_nan();
            }
            least.fetch_min(low, Ordering::Relaxed);
            greatest.fetch_max(high, Ordering::Relaxed);
            nan.fetch_or(any_nan, Ordering::Relaxed);
        })?;
        if self.shape.slice().contains(&0) {
            return Ok(None);
        }
        if nan.into_inner() {
            let what = &self.plan.operation;
            return Err(Error::Value(format!("{what}: an element is NaN, so there is no range")));
        }
        Ok(Some((T::from_key(least.into_inner()), T::from_key(greatest.into_inner()))))
    }

    /// Looks at all elements, some at a time, on all threads.
    fn pass(
        &self,
        source: &dyn Source<T, D>,
        run: &mut Run<'_, '_>,
        each: &(dyn Fn(&[T]) + Sync),
    ) -> Result<()> {
        self.sweep.run(run, source, &|elements: &[T]| {
            elements.par_chunks(CHUNK).for_each(each);
        })
    }
}
