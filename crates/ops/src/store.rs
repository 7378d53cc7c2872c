//! Copying a source into a sink: the elementwise operation, and the transposition.
//!
//! ```text
//!     source                              tile             sink, in another order
//!     ┌───┬───┬───┐  transposed in        ┌───────────┐    ┌───────┬───────┐
//!     │   │▒▒▒│   │  small pieces         │▒▒▒▒▒▒▒▒▒▒▒│    ├───────┼───────┤
//!     │   │▒▒▒│   │ ────────────────────▶ │▒▒▒▒▒▒▒▒▒▒▒│ ─▶ │▒▒▒▒▒▒▒│▒▒▒▒▒▒▒│ long runs
//!     │   │▒▒▒│   │  short runs           └───────────┘    ├───────┼───────┤
//!     └───┴───┴───┘                                        └───────┴───────┘
//! ```
//!
//! Where source and sink have the same order, axes make no difference and tiles are plain stretches of
//! the file. Where they differ, no tile has long runs on both sides, and its shape is chosen by the
//! model of the disk: see [`duration`](crate::plan::duration).

mod reorder;

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Element, Layout, Order, Sink, Source, Stored, Window};
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;
use crate::grouped::{Grouped, Groups};
use crate::pass::{InPlace, run_bytes};
use crate::plan::{
    PREFERRED_BYTES, PassPlan, Plan, Report, Run, SLOTS, check_shape, duration, grow, refuse,
    usable,
};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Shared, planned_read_bytes, staging_bytes};
use crate::{Error, Resources, Result};
use reorder::Reorder;
pub(crate) use reorder::{copy_transposed, piece_bytes};

/// Copies a source to a sink of the same shape. With lazy sources this is every elementwise operation,
/// conversion and transposition: whatever the source computes is computed once for each element.
///
/// Cost: one pass that reads the source once and writes the sink once. Memory: up to three tiles; where
/// source and sink have the same order they are small, otherwise as large as the budget allows.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_ops::{Budget, Control, lazy, store};
///
/// let field = array![[1.0, 4.0], [9.0, 16.0]];
/// let mut roots = Array2::<f64>::zeros((2, 2));
/// let source = lazy(&field).map(f64::sqrt);
/// let plan = store(&source).plan::<f64>(Budget::new(1 << 20))?;
/// plan.run(&source, &mut roots, Control::new())?;
/// assert_eq!(roots, array![[1.0, 2.0], [3.0, 4.0]]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn store<D: Dimension>(source: &impl Stored<D>) -> Store<'_, D> {
    Store { name: "store".to_owned(), source, order: source.layout().order() }
}

/// A copy to be planned; see [`store`].
pub struct Store<'a, D> {
    name: String,
    source: &'a dyn Stored<D>,
    order: Order,
}

impl<D: Dimension> fmt::Debug for Store<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} to order {}", self.name, self.source.layout(), self.order)
    }
}

impl<D: Dimension> Store<'_, D> {
    /// The order of the sink; that of the source, unless this is called.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What the plan calls the operation.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Decides on the tiles.
    ///
    /// # Errors
    ///
    /// If single elements, with what reading and writing need besides, exceed the budget.
    pub fn plan<T: Element>(&self, resources: impl Into<Resources>) -> Result<StorePlan<T, D>> {
        let resources = resources.into();
        let shape = self.source.shape();
        let sink = Layout::new(shape.clone(), self.order, size_of::<T>(), 0)
            .ok_or_else(|| Error::Shape(format!("{:?} is too large", shape.slice())))?;
        let sink_axes: Vec<usize> = sink.axes().collect();
        let place = |axis| sink_axes.iter().position(|&other| other == axis);
        let groups = Groups::new(self.source, |one, next| {
            next_of(&sink, &sink_axes, place(one)) == place(next)
        });
        let to_sink = order_of_groups(&groups, &sink_axes);
        let sink_groups = groups.reordered(&sink, &to_sink);
        let sizes = Sizes {
            source: &Grouped::new(self.source, &groups),
            sink: &Grouped::new(&sink, &sink_groups),
            to_sink: &to_sink,
            element: size_of::<T>(),
        };
        let operation = format!("{} of {:?} {}", self.name, shape.slice(), T::DTYPE);
        let choice = sizes.best(&operation, resources)?;
        let pass = sizes.pass(&choice);
        let output_bytes = pass.bytes_written;
        let passes = vec![pass];
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        Ok(StorePlan { plan, shape, groups, to_sink, tiling: choice.tiling, element: PhantomData })
    }
}

/// The place after one in the sink's order, without axes of length 1.
fn next_of<D: Dimension>(sink: &Layout<D>, axes: &[usize], place: Option<usize>) -> Option<usize> {
    let first = place? + 1;
    (first..axes.len()).find(|&next| sink.shape()[axes[next]] != 1)
}

/// The groups in the order in which their axes follow each other in the sink.
fn order_of_groups(groups: &Groups, sink_axes: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups.axes().len()).collect();
    let place = |group: &usize| sink_axes.iter().position(|axis| *axis == groups.axes()[*group][0]);
    order.sort_by_key(place);
    order
}

/// How tiles may be cut: sources and sinks with their axes grouped.
struct Sizes<'a> {
    source: &'a dyn Stored<IxDyn>,
    sink: &'a dyn Stored<IxDyn>,
    /// The groups from the slowest to the fastest in the sink.
    to_sink: &'a [usize],
    element: usize,
}

struct Choice {
    tiling: Tiling<IxDyn>,
    slots: usize,
    memory: u64,
    duration: f64,
}

/// Even tiles are whole sectors long, of which a disk transfers nothing less.
const SECTOR: usize = 512;

/// How much shorter runs are to be written that have pages in common with others: so much dearer.
const SHARED_PAGES: u64 = 8;

impl Sizes<'_> {
    fn keeps_order(&self) -> bool {
        self.to_sink.is_sorted()
    }

    fn best(&self, operation: &str, resources: Resources) -> Result<Choice> {
        let limit = usable(resources);
        let choices = (1..=SLOTS).rev().flat_map(|slots| {
            let shape = self.source.shape();
            let longest = shape.slice().iter().product::<usize>().max(1);
            let runs = std::iter::successors(Some(1), |run| Some(run * 2));
            let runs: Vec<_> = runs.take_while(|&run| run < longest).chain([longest]).collect();
            runs.into_iter().filter_map(move |run| self.choice(run, slots, limit))
        });
        choices
            .min_by(|one, other| one.duration.total_cmp(&other.duration))
            .ok_or_else(|| refuse(operation, self.cost(1, 1), resources))
    }

    /// The largest tile with runs of a length in the source: then it grows in the order of the sink.
    fn choice(&self, run: usize, slots: usize, limit: u64) -> Option<Choice> {
        let shape = self.source.shape();
        let mut tile = IxDyn(&vec![1; shape.ndim()]);
        let mut left = run;
        for axis in (0..shape.ndim()).rev() {
            tile[axis] = left.clamp(1, shape[axis].max(1));
            left = left.div_ceil(tile[axis]);
        }
        let most = if self.keeps_order() { PREFERRED_BYTES / self.element } else { usize::MAX };
        (self.cost(len(&tile), slots) <= limit && len(&tile) <= most.max(1)).then_some(())?;
        let axes = self.to_sink.iter().rev().map(|&axis| (axis, 1));
        grow(&mut tile, &shape, axes, most, limit, |tile| self.cost(len(tile), slots))?;
        if !self.keeps_order() {
            self.even_out(&mut tile, &shape);
        }
        let tiling = Tiling::new(shape, tile, Order::C);
        let slots = slots.min(tiling.len()).max(1);
        let memory = self.cost(len(tiling.tile()), slots);
        let bytes = self.source.layout().bytes();
        let (read, written) = self.runs(&tiling);
        let written_bytes = self.sink.layout().bytes();
        // Where runs end within pages, these are read, changed and written.
        let written = if self.keeps_order() { written } else { written / SHARED_PAGES };
        let duration = duration([(bytes, read), (written_bytes, written)], slots);
        Some(Choice { tiling, slots, memory, duration })
    }

    /// Shortens a tile where as many shorter ones do: else the last of them might be so short that its
    /// runs are.
    fn even_out(&self, tile: &mut IxDyn, shape: &IxDyn) {
        for axis in 0..shape.ndim() {
            let count = shape[axis].div_ceil(tile[axis].max(1)).max(1);
            let unit = (SECTOR / self.element).max(1);
            let even = shape[axis].div_ceil(count).next_multiple_of(unit);
            tile[axis] = tile[axis].min(even);
        }
    }

    /// The runs that are read, and those that are written.
    fn runs(&self, tiling: &Tiling<IxDyn>) -> (u64, u64) {
        let mut window = Window::whole(tiling.tile().clone());
        window.shape = in_order(&window.shape, self.to_sink);
        (run_bytes(self.source, tiling), self.sink.run_bytes(&window))
    }

    fn cost(&self, tile: usize, slots: usize) -> u64 {
        let tile = tile as u64;
        let read = tile.saturating_mul(self.source.layout().element_bytes() as u64);
        let written = tile.saturating_mul(self.element as u64);
        let reorder = if self.keeps_order() { 0 } else { reorder::bytes(written) };
        let slots_bytes = written.saturating_mul(slots as u64);
        slots_bytes
            .saturating_add(staging_bytes(self.source.copies(), read, written, slots))
            .saturating_add(reorder)
    }

    fn pass(&self, choice: &Choice) -> PassPlan {
        let tile = choice.tiling.tile();
        let (run_bytes_read, run_bytes_written) = self.runs(&choice.tiling);
        PassPlan {
            name: if self.keeps_order() { "copy" } else { "transpose" }.to_owned(),
            tiles: choice.tiling.len(),
            tile: tile.slice().to_vec(),
            slots: choice.slots,
            tile_bytes: (len(tile) * self.element) as u64,
            run_bytes_read,
            run_bytes_written,
            bytes_read: if self.keeps_order() {
                planned_read_bytes(self.source, &choice.tiling, Order::C, self.element)
            } else {
                reorder::read_bytes(self.source, &choice.tiling, self.to_sink, self.element)
            },
            bytes_written: self.sink.layout().bytes(),
            memory: choice.memory,
        }
    }
}

fn len(tile: &IxDyn) -> usize {
    tile.slice().iter().product()
}

/// Lengths of groups in another order of them.
fn in_order(lens: &IxDyn, order: &[usize]) -> IxDyn {
    let lens: Vec<usize> = order.iter().map(|&group| lens[group]).collect();
    IxDyn(&lens)
}

/// A copy that has been planned.
#[derive(Debug)]
pub struct StorePlan<T, D> {
    plan: Plan,
    shape: D,
    groups: Groups,
    to_sink: Vec<usize>,
    tiling: Tiling<IxDyn>,
    element: PhantomData<fn(T)>,
}

impl<T, D> fmt::Display for StorePlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Element, D: Dimension> StorePlan<T, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Copies a source to a sink.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller
    /// cancels.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<T, D>,
        S: Sink<T, D>,
    {
        for shape in [source.shape(), sink.shape()] {
            check_shape(shape.slice(), self.shape.slice())?;
        }
        let sink_layout = sink.layout();
        let sink = Shared::new(sink);
        let sink_groups = self.groups.reordered(&sink_layout, &self.to_sink);
        let (source, sink) = (
            Grouped::new(source as &dyn Source<T, D>, &self.groups),
            Grouped::new(&sink, &sink_groups),
        );
        let mut run = Run::new(&self.plan, control)?;
        let slots = self.plan.passes[0].slots;
        if self.to_sink.is_sorted() {
            run.pass(&InPlace {
                tiling: &self.tiling,
                order: Order::C,
                slots,
                source: &source,
                sink: &sink,
                written_bytes: size_of::<T>() as u64,
                kernel: |_: &_, _: &mut Tile<'_, T, IxDyn>| {},
            })?;
        } else {
            run.pass(&Reorder::new(&self.tiling, slots, &source, &sink, &self.to_sink))?;
        }
        Ok(run.finish())
    }
}
