//! Reductions: all elements, or those along some axes, become one.
//!
//! ```text
//!     axis 1 of (4, 6)              axis 0 of (4, 6)
//!     ┌─────────────┐               ┌─────────────┐
//!     │▒▒▒▒▒▒▒▒▒▒▒▒▒│ ──▶ ○         │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!     │▒▒▒▒▒▒▒▒▒▒▒▒▒│ ──▶ ○         │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!     │▒▒▒▒▒▒▒▒▒▒▒▒▒│ ──▶ ○         │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!     └─────────────┘               └┬─┬─┬─┬─┬─┬─┬┘
//!       leaves of 512 neighbours     ▼ ▼ ▼ ▼ ▼ ▼ ▼   leaves of some rows, column by column
//! ```
//!
//! Neighbouring axes that are all reduced, or all kept, are one. One state for each element of the
//! result is in memory; where that is too much, the result is made block by block.

mod extrema;
mod pass;
mod reducer;
mod sizes;
mod sums;

pub use extrema::{ArgExtremum, CountNonzero, Extremum, PeakToPeak, Truth};
pub use reducer::Reducer;
pub use sums::{Mean, NormOf, Product, SkipNan, Sum, Variance};
pub(crate) use sums::{Total, side_by_side};

use ndarray::{Array0, Dimension, IxDyn};
use outcore_storage::{DType, Element, Sink, Source, Stored};
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;
use crate::grouped::{Grouped, Groups};
use crate::plan::{Plan, Report, Run, check_shape};
use crate::tiling::Tiling;
use crate::transfer::{Shared, WriteShared};
use crate::{Error, Resources, Result};
use pass::{Places, Reducing};
use sizes::Sizes;

/// Puts all elements together, or those along [some axes](Reduce::axes).
///
/// Cost: one pass that reads the source once. Memory: up to three tiles, and a state of some numbers
/// for each element of the result, or of a block of it.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, Sum, lazy, reduce};
///
/// let a = array![[1.0, 2.0], [3.0, 4.0]];
/// let b = array![[1.0, 0.5], [0.0, 1.0]];
/// // The scalar product reads both once and writes nothing.
/// let products = lazy(&a).zip(&b, |x, y| x * y)?;
/// let plan = reduce(&products, Sum).plan::<f64>(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&products, Control::new())?, 6.0);
///
/// let mut sums = Array1::<f64>::zeros(2);
/// let plan = reduce(&a, Sum).axes(&[1]).plan(Budget::new(1 << 20))?;
/// plan.run(&a, &mut sums, Control::new())?;
/// assert_eq!(sums, array![3.0, 7.0]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn reduce<D: Dimension, R>(source: &impl Stored<D>, reducer: R) -> Reduce<'_, R, D> {
    Reduce { source, reducer, axes: None, keep_dims: false }
}

/// A reduction to be planned; see [`reduce`].
pub struct Reduce<'a, R, D> {
    source: &'a dyn Stored<D>,
    reducer: R,
    axes: Option<Vec<usize>>,
    keep_dims: bool,
}

impl<R, D: Dimension> fmt::Debug for Reduce<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reduction of {:?} along {:?}", self.source.layout(), self.axes)
    }
}

impl<R, D: Dimension> Reduce<'_, R, D> {
    /// Reduces these axes; all, unless this is called.
    #[must_use]
    pub fn axes(mut self, axes: &[usize]) -> Self {
        self.axes = Some(axes.to_vec());
        self
    }

    /// Leaves axes of length 1 where the reduced ones were.
    #[must_use]
    pub fn keep_dims(mut self) -> Self {
        self.keep_dims = true;
        self
    }

    /// Decides on the tiles, for a source of elements `A`.
    ///
    /// # Errors
    ///
    /// If an axis does not exist or is named twice, there is no result of no elements, or the budget is
    /// exceeded.
    pub fn plan<A: Element>(self, resources: impl Into<Resources>) -> Result<ReducePlan<A, R, D>>
    where
        R: Reducer<A>,
    {
        let facts = Facts {
            name: self.reducer.name(),
            has_identity: self.reducer.has_identity(),
            needs_index: self.reducer.needs_index(),
            dtype: A::DTYPE,
            bytes: sizes::Bytes::of::<A, R>(),
        };
        let axes = self.axes.as_deref();
        let cut = Cut::new(self.source, axes, self.keep_dims, &facts, resources.into())?;
        Ok(ReducePlan { cut, reducer: self.reducer, element: PhantomData })
    }
}

/// What a plan needs of a reducer.
struct Facts<'a> {
    name: &'a str,
    has_identity: bool,
    needs_index: bool,
    dtype: DType,
    bytes: sizes::Bytes,
}

/// How a source is cut for a reduction of any kind: compiled once, and not for each reducer.
#[derive(Debug)]
struct Cut<D> {
    plan: Plan,
    shape: D,
    reduced: Vec<bool>,
    keep_dims: bool,
    result: Vec<usize>,
    groups: Groups,
    tiling: Tiling<IxDyn>,
    /// Whether the result is made block by block.
    blocks: bool,
}

impl<D: Dimension> Cut<D> {
    fn new(
        source: &dyn Stored<D>,
        axes: Option<&[usize]>,
        keep_dims: bool,
        facts: &Facts<'_>,
        resources: Resources,
    ) -> Result<Self> {
        let Facts { name, has_identity, needs_index, dtype, bytes } = facts;
        let shape = source.shape();
        let reduced = reduced_axes(axes, shape.slice())?;
        let lens = || shape.slice().iter().zip(&reduced);
        if !has_identity
            && lens().any(|(&len, &reduced)| reduced && len == 0)
            && lens().all(|(&len, &reduced)| reduced || len > 0)
        {
            let shape = shape.slice();
            return Err(Error::Value(format!(
                "{name} of shape {shape:?}: there is none of no elements"
            )));
        }
        let groups = Groups::new(source, |one, next| {
            reduced[one] == reduced[next]
                && (!needs_index || !reduced[one] || follows(&shape, one, next))
        });
        let sizes = Sizes::new(source, &groups, &reduced, resources.threads.get(), *bytes);
        let operation = format!("{name} of {:?} {dtype}", shape.slice());
        let (tiling, blocks, pass) = sizes.best(&operation, resources)?;
        let passes = vec![pass];
        let result = result_shape(&shape, &reduced, keep_dims);
        let output_bytes = passes[0].bytes_written;
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        Ok(Self { plan, shape, reduced, keep_dims, result, groups, tiling, blocks })
    }

    /// The axes of the sink that are kept groups of the source.
    fn sink_axes(&self) -> Vec<Vec<usize>> {
        let place = |axis: &usize| {
            let dropped = self.reduced[..*axis].iter().filter(|reduced| **reduced).count();
            if self.keep_dims { *axis } else { axis - dropped }
        };
        let kept = self.groups.axes().iter().filter(|group| !self.reduced[group[0]]);
        kept.map(|group| group.iter().map(place).collect()).collect()
    }
}

/// Which axes are reduced: these, or all.
fn reduced_axes(axes: Option<&[usize]>, lens: &[usize]) -> Result<Vec<bool>> {
    let Some(axes) = axes else { return Ok(vec![true; lens.len()]) };
    let mut reduced = vec![false; lens.len()];
    for &axis in axes {
        let count = lens.len();
        let place = reduced.get_mut(axis).ok_or_else(|| {
            Error::Shape(format!("axis {axis} does not exist in shape {lens:?} of {count} axes"))
        })?;
        if std::mem::replace(place, true) {
            return Err(Error::Shape(format!("axis {axis} is named twice")));
        }
    }
    Ok(reduced)
}

/// Whether an axis is the next one after another, in C order, but for axes of length 1.
fn follows<D: Dimension>(shape: &D, one: usize, next: usize) -> bool {
    one < next && shape.slice()[one + 1..next].iter().all(|&len| len == 1)
}

fn result_shape<D: Dimension>(shape: &D, reduced: &[bool], keep_dims: bool) -> Vec<usize> {
    let lens = shape.slice().iter().zip(reduced);
    lens.filter(|(_, reduced)| keep_dims || !**reduced)
        .map(|(&len, &reduced)| if reduced { 1 } else { len })
        .collect()
}

/// A reduction that has been planned.
#[derive(Debug)]
pub struct ReducePlan<A, R, D> {
    cut: Cut<D>,
    reducer: R,
    element: PhantomData<fn(A)>,
}

impl<A, R, D> fmt::Display for ReducePlan<A, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cut.plan.fmt(f)
    }
}

impl<A: Element, R: Reducer<A>, D: Dimension> ReducePlan<A, R, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.cut.plan
    }

    /// The shape of the result.
    pub fn shape(&self) -> &[usize] {
        &self.cut.result
    }

    /// The result of a source of which all axes are reduced.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if an axis is left.
    pub fn value(&self, source: &impl Source<A, D>, control: Control<'_>) -> Result<R::Out> {
        let mut result = Array0::from_elem((), R::Out::default());
        self.run(source, &mut result, control)?;
        Ok(result.into_scalar())
    }

    /// Reduces a source into a sink.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, there is no result of the elements, reading or writing fails,
    /// or the caller cancels.
    pub fn run<S, E>(
        &self,
        source: &impl Source<A, D>,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        S: Sink<R::Out, E>,
        E: Dimension,
    {
        self.run_shared(source, &Shared::new(sink), control)
    }

    fn run_shared<E: Dimension>(
        &self,
        source: &dyn Source<A, D>,
        sink: &dyn WriteShared<R::Out, E>,
        control: Control<'_>,
    ) -> Result<Report> {
        let Cut { plan, shape, reduced, result, groups, tiling, blocks, .. } = &self.cut;
        check_shape(source.shape().slice(), shape.slice())?;
        check_shape(sink.shape().slice(), result)?;
        let sink_groups = Groups::of(&sink.layout(), self.cut.sink_axes());
        let axes = sizes::Axes::new(groups, reduced, shape.slice());
        let mut run = Run::new(plan, control)?;
        run.pass(&Reducing {
            slots: plan.passes[0].slots,
            places: Places { tiling, axes: &axes, by_block: *blocks },
            source: &Grouped::new(source, groups),
            sink: &Grouped::new(sink, &sink_groups),
            reducer: &self.reducer,
            state: std::sync::Mutex::default(),
        })?;
        Ok(run.finish())
    }
}
