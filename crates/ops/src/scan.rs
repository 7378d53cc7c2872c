//! Scans: each element becomes what it and all before it along an axis make.
//!
//! ```text
//!     axis 1                          axis 0
//!     ┌─────────────┐                 ┌─────────────┐
//!     │▒▒▒▒▒▒▒┊▒▒▒▒▒│ ──▶ carried     │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!     │▒▒▒▒▒▒▒┊▒▒▒▒▒│     from tile   │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!     └─────────────┘     to tile     ├─┬─┬─┬─┬─┬─┬─┤ carried
//!                                     │▒ ▒ ▒ ▒ ▒ ▒ ▒│
//!                                     └─────────────┘
//! ```
//!
//! Each lane is scanned from its first element to its last, whatever tile they are in, so tiles and
//! threads make no difference; what a lane has come to is carried from tile to tile.

mod pass;
mod scanner;
mod sizes;

pub use scanner::{CumExtremum, CumProd, CumSum, Scanner};

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Element, Sink, Source, Stored};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Mutex;

use crate::control::Control;
use crate::grouped::{Grouped, Groups};
use crate::plan::{Plan, Report, Run, check_shape};
use crate::tiling::Tiling;
use crate::transfer::Shared;
use crate::{Error, Resources, Result};
use pass::Scanning;
use sizes::Sizes;

/// Scans a source along an axis.
///
/// Cost: one pass that reads the source once and writes the sink once. Memory: up to three tiles of each
/// of the two types, and what the lanes of a tile carry.
pub fn scan<D: Dimension, S>(source: &impl Stored<D>, axis: usize, scanner: S) -> Scan<'_, S, D> {
    Scan { source, axis, scanner }
}

/// A scan to be planned; see [`scan`].
pub struct Scan<'a, S, D> {
    source: &'a dyn Stored<D>,
    axis: usize,
    scanner: S,
}

impl<S, D: Dimension> fmt::Debug for Scan<'_, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scan of {:?} along axis {}", self.source.layout(), self.axis)
    }
}

impl<S, D: Dimension> Scan<'_, S, D> {
    /// Decides on the tiles, for a source of elements `A`.
    ///
    /// # Errors
    ///
    /// If the axis does not exist, or single elements exceed the budget.
    pub fn plan<A: Element>(self, resources: impl Into<Resources>) -> Result<ScanPlan<A, S, D>>
    where
        S: Scanner<A>,
    {
        let resources = resources.into();
        let shape = self.source.shape();
        if self.axis >= shape.ndim() {
            let (axis, lens, count) = (self.axis, shape.slice(), shape.ndim());
            let reason = format!("axis {axis} does not exist in shape {lens:?} of {count} axes");
            return Err(Error::Shape(reason));
        }
        let groups = Groups::new(self.source, |one, next| one != self.axis && next != self.axis);
        let sizes = Sizes {
            source: Grouped::new(self.source, &groups),
            along: groups.axes().iter().position(|group| group[0] == self.axis),
            read: self.source.layout().element_bytes() as u64,
            elements: (size_of::<A>(), size_of::<S::Out>()),
            state: size_of::<S::State>() as u64,
        };
        let name = self.scanner.name();
        let operation =
            format!("{name} of {:?} {} along axis {}", shape.slice(), A::DTYPE, self.axis);
        let (tiling, slots) = sizes.best(&operation, resources)?;
        let passes = vec![sizes.pass(&tiling, slots)];
        let output_bytes = passes[0].bytes_written;
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        let along = sizes.along;
        let scanner = self.scanner;
        Ok(ScanPlan { plan, scanner, shape, groups, along, tiling, element: PhantomData })
    }
}

/// A scan that has been planned.
#[derive(Debug)]
pub struct ScanPlan<A, S, D> {
    plan: Plan,
    scanner: S,
    shape: D,
    groups: Groups,
    along: Option<usize>,
    tiling: Tiling<IxDyn>,
    element: PhantomData<fn(A)>,
}

impl<A, S, D> fmt::Display for ScanPlan<A, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A: Element, S: Scanner<A>, D: Dimension> ScanPlan<A, S, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Scans a source into a sink of the same shape.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels.
    pub fn run<R, W>(&self, source: &R, sink: &mut W, control: Control<'_>) -> Result<Report>
    where
        R: Source<A, D>,
        W: Sink<S::Out, D>,
    {
        for shape in [source.shape(), sink.shape()] {
            check_shape(shape.slice(), self.shape.slice())?;
        }
        let sink_groups = Groups::of(&sink.layout(), self.groups.axes().to_vec());
        let sink = Shared::new(sink);
        let (source, sink) = (
            Grouped::new(source as &dyn Source<A, D>, &self.groups),
            Grouped::new(&sink, &sink_groups),
        );
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&Scanning {
            tiling: &self.tiling,
            slots: self.plan.passes[0].slots,
            along: self.along,
            source: &source,
            sink: &sink,
            scanner: &self.scanner,
            states: Mutex::default(),
        })?;
        Ok(run.finish())
    }
}
