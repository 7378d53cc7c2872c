//! Quantiles along an axis: every lane is in memory, and partly sorted there.
//!
//! ```text
//!     tile, lanes downwards                        output
//!     ┌─────────────┐    ranks 1 and 2 in place    ┌─────────────┐
//!     │ 7  1  4  9  │    ┌─────────────┐           │ between the │  one element for each lane
//!     │ 2  8  4  3  │ ─▶ │ ·  ·  ·  ·  │           │ two ranks   │  and quantile
//!     │ 5  6  4  1  │    │ 5  6  4  3  │ ───────▶  └─────────────┘
//!     │ 6  7  4  5  │    │ 6  7  4  5  │
//!     └─────────────┘    │ ·  ·  ·  ·  │
//!                        └─────────────┘
//! ```

use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension, IxDyn, Zip};
use outcore_storage::{Buffer, Element, Order, Sink, Source, Stored, Window};
use std::fmt;
use std::marker::PhantomData;

use super::{Between, Place, Quantile, ranks};
use crate::control::Control;
use crate::ordered::Ordered;
use crate::plan::{Plan, Report, Run, check_shape, refuse};
use crate::stream::{Durable, Pass, Resume};
use crate::sweep::Sweep;
use crate::tile::{PerThread, Tile, gathered_len};
use crate::transfer::{Io, Shared, WriteShared, staging_bytes};
use crate::{Error, Resources, Result};

/// Quantiles of the lanes along an axis that have been planned.
#[derive(Debug)]
pub struct QuantileAlongPlan<T, B, D> {
    plan: Plan,
    sweep: Sweep<D>,
    shape: D,
    axis: usize,
    places: Vec<Place>,
    output: Vec<usize>,
    elements: PhantomData<fn(T) -> B>,
}

impl<T, B, D> fmt::Display for QuantileAlongPlan<T, B, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<D: Dimension> Quantile<'_, D> {
    /// Decides on the tiles for quantiles of the lanes along an axis, which are elements `B`.
    ///
    /// Cost: one pass that reads the source once. Memory: up to three tiles of at least one lane,
    /// of its quantiles, and a few neighbouring lanes for each thread.
    ///
    /// ```
    /// use ndarray::{Array1, array};
    /// use outcore_ops::{Between, Budget, Control, quantile};
    ///
    /// let field = array![[1.0, 2.0, 9.0], [4.0, 4.0, 0.0]];
    /// let plan = quantile(&field, &[0.5])?.plan_along::<f64, f64>(1, Budget::new(1 << 20))?;
    /// let mut medians = Array1::<f64>::zeros(2);
    /// plan.run(&field, &mut medians, |found: Between<f64>| found.value(), Control::new())?;
    /// assert_eq!(medians, array![2.0, 4.0]);
    /// # Ok::<(), outcore_ops::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such axis, its length is 0, or three lanes exceed the budget; the error names
    /// the smallest budget that would do.
    pub fn plan_along<T: Ordered, B: Element>(
        &self,
        axis: usize,
        resources: impl Into<Resources>,
    ) -> Result<QuantileAlongPlan<T, B, D>> {
        let (layout, resources) = (&self.layout, resources.into());
        let shape = layout.shape().clone();
        let operation = format!("quantile of {:?} along axis {axis}", shape.slice());
        let Some(&len) = shape.slice().get(axis) else {
            let count = shape.ndim();
            return Err(Error::Shape(format!("{operation}: the array has {count} axes")));
        };
        if len == 0 {
            return Err(Error::Shape(format!("{operation}: the axis has length 0")));
        }
        let places = self.places(len);
        let mut output = shape.slice().to_vec();
        output.remove(axis);
        if places.len() != 1 {
            output.insert(0, places.len());
        }
        let beside = |sweep: &Sweep<D>| {
            let slots = sweep.most_slots();
            let written = sweep.lanes(axis) as u64 * (places.len() * size_of::<B>()) as u64;
            let gathered = gathered_len::<T>(len, inner(sweep.tiling.tile(), layout.order(), axis));
            let gathered = (gathered * size_of::<T>() * resources.threads.get()) as u64;
            written * slots as u64 + staging_bytes(0, 0, written, slots) + gathered
        };
        let sweep = Sweep::fit::<T>(self.source, Some(axis), resources, beside);
        let sweep = sweep.map_err(|cost| refuse(&operation, cost, resources))?;
        let mut pass = sweep.pass::<T>("lanes", self.source, beside(&sweep));
        let written = self.written.unwrap_or(size_of::<B>());
        pass.bytes_written = (output.iter().product::<usize>() * written) as u64;
        pass.run_bytes_written = (sweep.lanes(axis) * written) as u64;
        let (output_bytes, passes) = (pass.bytes_written, vec![pass]);
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        Ok(QuantileAlongPlan { plan, sweep, shape, axis, places, output, elements: PhantomData })
    }
}

/// The elements of a tile between neighbours of a lane.
fn inner<D: Dimension>(tile: &D, order: Order, axis: usize) -> usize {
    match order {
        Order::C => tile.slice()[axis + 1..].iter().product(),
        Order::F => tile.slice()[..axis].iter().product(),
    }
}

impl<T: Ordered, B: Element, D: Dimension> QuantileAlongPlan<T, B, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shape of the output: without the axis, and with a first axis of the quantiles unless
    /// there is one alone.
    pub fn output_shape(&self) -> &[usize] {
        &self.output
    }

    /// Finds the quantiles and writes what a function makes of each.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels.
    pub fn run<E: Dimension>(
        &self,
        source: &impl Source<T, D>,
        sink: &mut impl Sink<B, E>,
        convert: impl Fn(Between<T>) -> B + Sync,
        control: Control<'_>,
    ) -> Result<Report> {
        check_shape(source.shape().slice(), self.shape.slice())?;
        check_shape(sink.shape().slice(), &self.output)?;
        let mut run = Run::new(&self.plan, control)?;
        let order = self.sweep.order;
        let scratch = gathered_len::<T>(
            self.shape[self.axis],
            inner(self.sweep.tiling.tile(), order, self.axis),
        );
        let threads = self.plan.resources.threads.get();
        run.pass(&Lanes {
            plan: self,
            order,
            source,
            sink: &Shared::new(sink),
            ranks: ranks(&self.places),
            gathered: PerThread::new(threads, || vec![T::default(); scratch]),
            convert,
        })?;
        Ok(run.finish())
    }
}

/// The pass over tiles of whole lanes.
struct Lanes<'a, T, B, D: Dimension, E: Dimension, F> {
    plan: &'a QuantileAlongPlan<T, B, D>,
    order: Order,
    source: &'a dyn Source<T, D>,
    sink: &'a dyn WriteShared<B, E>,
    ranks: Vec<usize>,
    gathered: PerThread<Vec<T>>,
    convert: F,
}

impl<T, B, D: Dimension, E: Dimension, F> Lanes<'_, T, B, D, E, F> {
    /// Where the quantiles of a window's lanes go.
    fn output(&self, window: &Window<D>) -> Window<E> {
        let mut output = Window::whole(E::zeros(self.plan.output.len()));
        let several = usize::from(self.plan.places.len() != 1);
        if several == 1 {
            output.shape[0] = self.plan.places.len();
        }
        let others = (0..window.shape.ndim()).filter(|&axis| axis != self.plan.axis);
        for (to, from) in (several..).zip(others) {
            output.origin[to] = window.origin[from];
            output.shape[to] = window.shape[from];
        }
        output
    }
}

impl<T, B, D, E, F> Resume for Lanes<'_, T, B, D, E, F>
where
    T: Ordered,
    B: Element,
    D: Dimension,
    E: Dimension,
    F: Sync,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T, B, D, E, F> Pass for Lanes<'_, T, B, D, E, F>
where
    T: Ordered,
    B: Element,
    D: Dimension,
    E: Dimension,
    F: Fn(Between<T>) -> B + Sync,
{
    type Slot = (Buffer<T>, Buffer<B>);

    fn tiles(&self) -> usize {
        self.plan.sweep.tiling.len()
    }

    fn slots(&self) -> usize {
        self.plan.sweep.slots()
    }

    fn slot(&self) -> Self::Slot {
        let sweep = &self.plan.sweep;
        let output = sweep.lanes(self.plan.axis) * self.plan.places.len();
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(sweep.tiling.tile().size(), source), Buffer::new(output, sink))
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.plan.sweep.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, self.order);
        Ok(io.read(self.source, &window, tile.view_mut(), self.order)?)
    }

    fn compute(&self, index: usize, (lanes, output): &mut Self::Slot) {
        let window = self.plan.sweep.tiling.window(index);
        let mut tile = Tile::new(&window, lanes, self.order);
        let axis = self.plan.axis;
        tile.par_lanes_mut(axis, &self.gathered, |_, lane| select(lane, &self.ranks));
        let (tile, into) = (tile.view().into_dyn(), self.output(&window));
        let mut output = Tile::new(&into, output, self.sink.layout().order());
        let mut output = output.view_mut().into_dyn();
        if let [place] = self.plan.places[..] {
            self.fill(&tile, place, output);
        } else {
            for (output, &place) in output.outer_iter_mut().zip(&self.plan.places) {
                self.fill(&tile, place, output);
            }
        }
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.output(&self.plan.sweep.tiling.window(index));
        let order = self.sink.layout().order();
        let tile = Tile::new(&window, &mut slot.1, order);
        io.write(self.sink, &window, tile.view(), order)?;
        Ok((window.len() * self.sink.layout().element_bytes()) as u64)
    }
}

impl<T: Ordered, B: Element, D: Dimension, E: Dimension, F> Lanes<'_, T, B, D, E, F>
where
    F: Fn(Between<T>) -> B + Sync,
{
    /// Fills the output of one quantile from lanes that have its ranks in place.
    fn fill(
        &self,
        tile: &ArrayView<'_, T, IxDyn>,
        place: Place,
        output: ArrayViewMut<'_, B, IxDyn>,
    ) {
        let at = |rank| tile.index_axis(Axis(self.plan.axis), rank);
        let (below, above) = (at(place.below), at(place.above));
        Zip::from(output).and(below).and(above).par_for_each(|output, &below, &above| {
            *output = (self.convert)(Between { below, above, part: place.part });
        });
    }
}

/// Puts the elements of some ranks in their places; all elements are NaN if one is.
fn select<T: Ordered>(lane: &mut [T], ranks: &[usize]) {
    if lane.iter().any(|element| element.is_nan()) {
        lane.fill(T::nan());
        return;
    }
    // What lies above a rank stays above it.
    let mut begin = 0;
    for &rank in ranks {
        lane[begin..].select_nth_unstable_by_key(rank - begin, |element| element.key());
        begin = rank + 1;
    }
}
