//! What an array holds, in numbers: counts, extremes, sum, moments, and a small histogram.
//!
//! ```text
//!     tiles    │      tile 0       │      tile 1       │      tile 2       │
//!     leaves   ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒
//!     merged   ──────▶──────▶──────▶──────▶──────▶──────▶──────▶ in this order
//! ```
//!
//! Leaves have a fixed number of elements, counted from the beginning of the file; one that lies in two
//! tiles is put together from both. Any thread may sum up a leaf, and leaves are merged one after
//! another: so results are the same bit for bit, whatever the tiles and threads.

mod moments;
mod sketch;

use ndarray::Dimension;
use outcore_storage::{Source, Stored};
use rayon::prelude::*;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Mutex;

use crate::control::Control;
use crate::ordered::Ordered;
use crate::plan::{Plan, Report, Run, check_shape, refuse};
use crate::sweep::Sweep;
use crate::tile::PerThread;
use crate::{Histogram, Resources, Result};
use moments::Moments;
use sketch::Sketch;

/// The elements of a leaf.
const LEAF: usize = 4096;

/// Counts, extremes, sum, moments and a small histogram of real numbers; see [`stats`].
#[derive(Clone, Debug, PartialEq)]
pub struct Stats<T> {
    /// The elements that are not NaN; all that follows is about these.
    pub count: u64,
    /// The elements that are NaN.
    pub nan: u64,
    /// Those that are infinite.
    pub infinite: u64,
    /// Those that are zero.
    pub zeros: u64,
    /// The least one, if there is any.
    pub min: Option<T>,
    /// The greatest one.
    pub max: Option<T>,
    /// Their sum.
    pub sum: f64,
    /// The same without rounding, of integers and `bool`.
    pub whole_sum: Option<i128>,
    /// Their mean; NaN if there are none.
    pub mean: f64,
    /// Their standard deviation: the root of the mean squared distance from the mean.
    pub std: f64,
    /// Their skewness: the mean third power of the distance from the mean, over that of `std`. As
    /// `scipy.stats.skew`; NaN of numbers that are all the same.
    pub skewness: f64,
    /// Their excess kurtosis: the mean fourth power over that of `std`, less 3 so that a normal
    /// distribution has 0. As `scipy.stats.kurtosis`.
    pub kurtosis: f64,
    /// The finite ones in up to 20 bins, whose edges are multiples of a power of two. Integers of 64
    /// bits are rounded to `f64` for this, as they are for the moments.
    pub histogram: Histogram<f64>,
}

/// What an array of real numbers holds, in one pass.
///
/// NaN are counted and left out of everything else; infinities take part by the rules of IEEE 754, so
/// that the mean of what holds one is infinite or NaN. Sums are computed in `f64` with compensation,
/// moments by merging those of short leaves, in an order that depends on the array's shape and order
/// alone: results are the same bit for bit for any budget and number of threads.
///
/// Cost: one pass that reads the source once. Memory: three tiles, and for every 4096 elements of a
/// tile some numbers.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, stats};
///
/// let field = array![[1.0_f32, 2.0], [f32::NAN, 6.0]];
/// let (found, report) = stats(&field).plan::<f32>(Budget::new(1 << 20))?.run(&field, Control::new())?;
/// assert_eq!((found.count, found.nan, found.max), (3, 1, Some(6.0)));
/// assert_eq!((found.sum, found.mean), (9.0, 3.0));
/// assert_eq!(report.bytes_read(), 16);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn stats<D: Dimension>(source: &impl Stored<D>) -> StatsRequest<'_, D> {
    StatsRequest { source }
}

/// Statistics to be planned; see [`stats`].
#[derive(Clone)]
pub struct StatsRequest<'a, D> {
    source: &'a dyn Stored<D>,
}

impl<D: Dimension> fmt::Debug for StatsRequest<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stats of {:?}", self.source.layout())
    }
}

impl<D: Dimension> StatsRequest<'_, D> {
    /// Decides on tiles.
    ///
    /// # Errors
    ///
    /// If three short tiles exceed the budget; the error names the smallest budget that would do.
    pub fn plan<T: Ordered>(&self, resources: impl Into<Resources>) -> Result<StatsPlan<T, D>> {
        let (layout, resources) = (self.source.layout(), resources.into());
        let shape = layout.shape().clone();
        let operation = format!("stats of {:?}", shape.slice());
        // A leaf of each thread, one between tiles, and what is known of all leaves of a tile.
        let fixed = (resources.threads.get() * (LEAF * 8 + 2048) + LEAF * size_of::<T>()) as u64;
        let beside = |sweep: &Sweep<D>| {
            let leaves = sweep.tiling.tile().size() / LEAF + 1;
            fixed + (leaves * size_of::<Leaf>()) as u64
        };
        let sweep = Sweep::fit::<T>(self.source, None, resources, beside);
        let sweep = sweep.map_err(|cost| refuse(&operation, cost, resources))?;
        let passes = vec![sweep.pass::<T>("leaves", self.source, beside(&sweep))];
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        Ok(StatsPlan { plan, sweep, shape, elements: PhantomData })
    }
}

/// Statistics that have been planned.
#[derive(Debug)]
pub struct StatsPlan<T, D> {
    plan: Plan,
    sweep: Sweep<D>,
    shape: D,
    elements: PhantomData<fn(T)>,
}

impl<T, D> fmt::Display for StatsPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Ordered, D: Dimension> StatsPlan<T, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Reads the source once.
    ///
    /// # Errors
    ///
    /// If the shape differs from the plan's, reading fails, or the caller cancels.
    pub fn run(
        &self,
        source: &impl Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Stats<T>, Report)> {
        self.run_dyn(source, control)
    }

    fn run_dyn(
        &self,
        source: &dyn Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Stats<T>, Report)> {
        check_shape(source.shape().slice(), self.shape.slice())?;
        let mut run = Run::new(&self.plan, control)?;
        let summary = Mutex::new(Summary::<T>::new(self.plan.resources.threads.get()));
        // Tiles are parts of the file without gaps, in its order.
        self.sweep.run(&mut run, source, &|elements: &[T]| {
            summary.lock().expect("a panic ends the run").push(elements);
        })?;
        let summary = summary.into_inner().expect("a panic ends the run");
        Ok((summary.finish(), run.finish()))
    }
}

/// What is known of some neighbouring elements.
#[derive(Clone, Copy, Debug)]
struct Leaf {
    moments: Moments,
    whole: i128,
    nan: u64,
    infinite: u64,
    zeros: u64,
    /// The least and the greatest key of elements that are not NaN.
    keys: (u64, u64),
}

impl Leaf {
    const NONE: Self = Self {
        moments: Moments::NONE,
        whole: 0,
        nan: 0,
        infinite: 0,
        zeros: 0,
        keys: (u64::MAX, 0),
    };

    fn merge(&mut self, next: &Self) {
        self.moments.merge(&next.moments);
        self.whole += next.whole;
        self.nan += next.nan;
        self.infinite += next.infinite;
        self.zeros += next.zeros;
        self.keys = (self.keys.0.min(next.keys.0), self.keys.1.max(next.keys.1));
    }
}

/// What each thread has: the numbers of a leaf, and the histogram of all leaves that it has seen.
#[derive(Debug)]
struct Scratch {
    numbers: Vec<f64>,
    sketch: Sketch,
}

impl Scratch {
    fn new() -> Self {
        Self { numbers: Vec::with_capacity(LEAF), sketch: Sketch::default() }
    }

    fn leaf<T: Ordered>(&mut self, elements: &[T]) -> Leaf {
        let mut leaf = Leaf::NONE;
        self.numbers.clear();
        for &element in elements {
            if element.is_nan() {
                leaf.nan += 1;
                continue;
            }
            let key = element.key();
            leaf.keys = (leaf.keys.0.min(key), leaf.keys.1.max(key));
            if T::WHOLE {
                leaf.whole += element.to_whole();
            }
            self.numbers.push(element.to_double());
        }
        self.sum_up(&mut leaf);
        leaf
    }

    /// What is the same for all types.
    fn sum_up(&mut self, leaf: &mut Leaf) {
        leaf.moments = Moments::of(&self.numbers);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for &number in &self.numbers {
            leaf.zeros += u64::from(number == 0.0);
            if number.is_finite() {
                (least, greatest) = (least.min(number), greatest.max(number));
            } else {
                leaf.infinite += 1;
            }
        }
        if least <= greatest {
            self.sketch.count(&self.numbers, least, greatest);
        }
    }
}

/// What is known of all elements so far.
#[derive(Debug)]
struct Summary<T> {
    all: Leaf,
    /// The first elements of a leaf whose rest is in the next tile.
    begun: Vec<T>,
    leaves: Vec<Leaf>,
    threads: PerThread<Scratch>,
}

impl<T: Ordered> Summary<T> {
    fn new(threads: usize) -> Self {
        Self {
            all: Leaf::NONE,
            begun: Vec::with_capacity(LEAF),
            leaves: Vec::new(),
            threads: PerThread::new(threads, Scratch::new),
        }
    }

    /// Adds the elements of a tile, on all threads of the current pool.
    fn push(&mut self, mut elements: &[T]) {
        if !self.begun.is_empty() {
            let rest = elements.split_off(..elements.len().min(LEAF - self.begun.len()));
            self.begun.extend_from_slice(rest.expect("no more than there are"));
            if self.begun.len() < LEAF {
                return;
            }
            self.end_leaf();
        }
        let leaves = elements.chunks_exact(LEAF);
        self.begun.extend_from_slice(leaves.remainder());
        let threads = &self.threads;
        let whole = elements.par_chunks_exact(LEAF);
        whole
            .map(|leaf| threads.with(|scratch| scratch.leaf(leaf)))
            .collect_into_vec(&mut self.leaves);
        self.leaves.iter().for_each(|leaf| self.all.merge(leaf));
    }

    fn end_leaf(&mut self) {
        let leaf = self.threads.with(|scratch| scratch.leaf(&self.begun));
        self.all.merge(&leaf);
        self.begun.clear();
    }

    fn finish(mut self) -> Stats<T> {
        self.end_leaf();
        let sketches = self.threads.into_inner().map(|scratch| scratch.sketch);
        let sketch = sketches.reduce(|mut all, sketch| {
            all.merge(&sketch);
            all
        });
        let Leaf { moments, whole, nan, infinite, zeros, keys } = self.all;
        let key = |key| (moments.count > 0).then(|| T::from_key(key));
        Stats {
            count: moments.count,
            nan,
            infinite,
            zeros,
            min: key(keys.0),
            max: key(keys.1),
            sum: moments.sum(),
            whole_sum: T::WHOLE.then_some(whole),
            mean: moments.mean(),
            std: moments.std(),
            skewness: moments.skewness(),
            kurtosis: moments.kurtosis(),
            histogram: sketch.expect("there is a thread").into_histogram(),
        }
    }
}
