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
use outcore_storage::{Element, Sink, Source, Stored};
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;
use crate::grouped::{Grouped, Groups};
use crate::plan::{Plan, Report, Run, check_shape};
use crate::tiling::Tiling;
use crate::transfer::Shared;
use crate::{Error, Resources, Result};
use pass::Reducing;
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
        let resources = resources.into();
        let shape = self.source.shape();
        let reduced = self.reduced(&shape)?;
        let lens = || shape.slice().iter().zip(&reduced);
        if !self.reducer.has_identity()
            && lens().any(|(&len, &reduced)| reduced && len == 0)
            && lens().all(|(&len, &reduced)| reduced || len > 0)
        {
            let (name, shape) = (self.reducer.name(), shape.slice());
            return Err(Error::Value(format!(
                "{name} of shape {shape:?}: there is none of no elements"
            )));
        }
        let indexed = self.reducer.needs_index();
        let groups = Groups::new(self.source, |one, next| {
            reduced[one] == reduced[next]
                && (!indexed || !reduced[one] || follows(&shape, one, next))
        });
        let sizes = Sizes::new::<A, R>(self.source, &groups, &reduced, resources.threads.get());
        let operation = format!("{} of {:?} {}", self.reducer.name(), shape.slice(), A::DTYPE);
        let (tiling, blocks, pass) = sizes.best(&operation, resources)?;
        let passes = vec![pass];
        let result = result_shape(&shape, &reduced, self.keep_dims);
        let output_bytes = passes[0].bytes_written;
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        let Self { reducer, keep_dims, .. } = self;
        Ok(ReducePlan {
            plan,
            reducer,
            shape,
            reduced,
            keep_dims,
            result,
            groups,
            tiling,
            blocks,
            element: PhantomData,
        })
    }

    /// Which axes are reduced.
    fn reduced(&self, shape: &D) -> Result<Vec<bool>> {
        let Some(axes) = &self.axes else { return Ok(vec![true; shape.ndim()]) };
        let mut reduced = vec![false; shape.ndim()];
        for &axis in axes {
            let (count, lens) = (shape.ndim(), shape.slice());
            let place = reduced.get_mut(axis).ok_or_else(|| {
                Error::Shape(format!(
                    "axis {axis} does not exist in shape {lens:?} of {count} axes"
                ))
            })?;
            if std::mem::replace(place, true) {
                return Err(Error::Shape(format!("axis {axis} is named twice")));
            }
        }
        Ok(reduced)
    }
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
    plan: Plan,
    reducer: R,
    shape: D,
    reduced: Vec<bool>,
    keep_dims: bool,
    result: Vec<usize>,
    groups: Groups,
    tiling: Tiling<IxDyn>,
    /// Whether the result is made block by block.
    blocks: bool,
    element: PhantomData<fn(A)>,
}

impl<A, R, D> fmt::Display for ReducePlan<A, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A: Element, R: Reducer<A>, D: Dimension> ReducePlan<A, R, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shape of the result.
    pub fn shape(&self) -> &[usize] {
        &self.result
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
        check_shape(source.shape().slice(), self.shape.slice())?;
        check_shape(sink.shape().slice(), &self.result)?;
        let sink_groups = Groups::of(&sink.layout(), self.sink_axes());
        let sink = Shared::new(sink);
        let (source, sink) = (
            Grouped::new(source as &dyn Source<A, D>, &self.groups),
            Grouped::new(&sink, &sink_groups),
        );
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&Reducing {
            tiling: &self.tiling,
            slots: self.plan.passes[0].slots,
            blocks: self.blocks,
            axes: &sizes::Axes::new(&self.groups, &self.reduced, self.shape.slice()),
            source: &source,
            sink: &sink,
            reducer: &self.reducer,
            state: std::sync::Mutex::default(),
        })?;
        Ok(run.finish())
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
