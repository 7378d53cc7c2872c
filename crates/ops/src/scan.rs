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

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Buffer, Element, Order, Sink, Source, Stored, Window};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::control::Control;
use crate::grouped::{Grouped, Groups};
use crate::number::{Number, Wide};
use crate::pass::run_bytes;
use crate::plan::{PassPlan, Plan, Report, Run, SLOTS, duration, greatest, refuse, usable};
use crate::stream::Pass;
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, Shared, WriteShared, planned_read_bytes, staging_bytes};
use crate::{Error, Resources, Result};

/// What a scan carries along a lane of elements `A`.
pub trait Scanner<A>: Sync {
    /// What is carried.
    type State: Copy + Send + Sync;
    /// What elements become.
    type Out: Element;

    /// What the operation is called.
    fn name(&self) -> &'static str;

    /// What is carried to the first element.
    fn state(&self) -> Self::State;

    /// Takes an element in, and says what becomes of it.
    fn step(&self, state: &mut Self::State, element: A) -> Self::Out;
}

/// The sum so far, as `numpy.cumsum`: of integers in 64 bits, which wrap; of floating-point numbers in
/// double precision, rounded for each element.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_ops::{Budget, Control, CumSum, scan};
///
/// let field = array![[1, 2], [3, 4], [5, 6]];
/// let mut sums = Array2::<i64>::zeros((3, 2));
/// let plan = scan(&field, 0, CumSum).plan::<i32>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut sums, Control::new())?;
/// assert_eq!(sums, array![[1, 2], [4, 6], [9, 12]]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumSum;

impl<A: Number> Scanner<A> for CumSum {
    type State = A::Wide;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn state(&self) -> A::Wide {
        A::Wide::ZERO
    }

    fn step(&self, state: &mut A::Wide, element: A) -> A::Total {
        *state = state.plus(element.wide());
        A::total(*state)
    }
}

/// The product so far, as `numpy.cumprod`, computed as [`CumSum`] is.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, CumProd, scan};
///
/// let field = array![1.0, 2.0, 3.0];
/// let mut products = Array1::<f64>::zeros(3);
/// let plan = scan(&field, 0, CumProd).plan::<f64>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut products, Control::new())?;
/// assert_eq!(products, array![1.0, 2.0, 6.0]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumProd;

impl<A: Number> Scanner<A> for CumProd {
    type State = A::Wide;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "cumprod"
    }

    fn state(&self) -> A::Wide {
        A::Wide::ONE
    }

    fn step(&self, state: &mut A::Wide, element: A) -> A::Total {
        *state = state.times(element.wide());
        A::total(*state)
    }
}

/// The least or the greatest so far, as `numpy.minimum.accumulate` and `numpy.maximum.accumulate`; NaN
/// from the first NaN on.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, CumExtremum, scan};
///
/// let field = array![3, 1, 2];
/// let mut least = Array1::<i32>::zeros(3);
/// let plan = scan(&field, 0, CumExtremum::min()).plan::<i32>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut least, Control::new())?;
/// assert_eq!(least, array![3, 1, 1]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumExtremum(Ordering);

impl CumExtremum {
    /// The least.
    pub fn min() -> Self {
        Self(Ordering::Less)
    }

    /// The greatest.
    pub fn max() -> Self {
        Self(Ordering::Greater)
    }
}

impl<A: Number> Scanner<A> for CumExtremum {
    type State = Option<A>;
    type Out = A;

    fn name(&self) -> &'static str {
        if self.0 == Ordering::Less { "cummin" } else { "cummax" }
    }

    fn state(&self) -> Option<A> {
        None
    }

    fn step(&self, state: &mut Option<A>, element: A) -> A {
        let best = match *state {
            Some(best) if best.is_nan() => best,
            Some(best) if !element.is_nan() && element.compare(best) != Some(self.0) => best,
            _ => element,
        };
        *state = Some(best);
        best
    }
}

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
            elements: (size_of::<A>() as u64, size_of::<S::Out>() as u64),
            state: size_of::<S::State>() as u64,
        };
        let name = self.scanner.name();
        let operation =
            format!("{name} of {:?} {} along axis {}", shape.slice(), A::DTYPE, self.axis);
        let (tiling, slots) = sizes.best(&operation, resources)?;
        let passes = vec![sizes.pass::<A>(&tiling, slots)];
        let output_bytes = passes[0].bytes_written;
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        let along = sizes.along;
        let scanner = self.scanner;
        Ok(ScanPlan { plan, scanner, shape, groups, along, tiling, element: PhantomData })
    }
}

/// How a source is cut for a scan.
struct Sizes<'a, D> {
    source: Grouped<'a, dyn Stored<D> + 'a, D>,
    /// The group that is scanned; none if the axis has length 1.
    along: Option<usize>,
    read: u64,
    elements: (u64, u64),
    state: u64,
}

/// Larger tiles are transferred no faster.
const PREFERRED_BYTES: u64 = 16 << 20;

impl<D: Dimension> Sizes<'_, D> {
    fn best(&self, operation: &str, resources: Resources) -> Result<(Tiling<IxDyn>, usize)> {
        let limit = usable(resources.memory.bytes());
        let choices = (1..=SLOTS).rev().filter_map(|slots| self.choice(slots, limit));
        let choice = choices.min_by(|one, other| one.0.total_cmp(&other.0));
        let least = || self.cost(&IxDyn(&vec![1; self.source.shape().ndim()]), 1);
        let (_, tiling, slots) = choice.ok_or_else(|| refuse(operation, least(), resources))?;
        Ok((tiling, slots))
    }

    fn choice(&self, slots: usize, limit: u64) -> Option<(f64, Tiling<IxDyn>, usize)> {
        let shape = self.source.shape();
        let mut tile = IxDyn(&vec![1; shape.ndim()]);
        let largest = self.elements.0.max(self.elements.1);
        let most = usize::try_from(PREFERRED_BYTES / largest).unwrap_or(usize::MAX);
        (self.cost(&tile, slots) <= limit).then_some(())?;
        for axis in (0..shape.ndim()).rev() {
            let others = tile.slice().iter().product::<usize>();
            let fits = |len: usize| {
                let mut wider = tile.clone();
                wider[axis] = len;
                self.cost(&wider, slots)
            };
            tile[axis] = greatest(shape[axis].min(most / others).max(1), limit, fits)?;
        }
        let tiling = Tiling::new(shape, tile, Order::C);
        // The tiles of the same lanes one after another.
        let mut axes: Vec<usize> = (0..tiling.tile().ndim()).collect();
        if let Some(along) = self.along {
            axes.remove(along);
            axes.push(along);
        }
        let tiling = tiling.numbered_along(axes);
        let slots = slots.min(tiling.len()).max(1);
        let run = run_bytes(&self.source, &tiling);
        let written = run / self.read.max(1) * self.elements.1;
        let len = self.source.layout().len() as u64;
        let duration = duration([(len * self.read, run), (len * self.elements.1, written)], slots);
        Some((duration, tiling, slots))
    }

    fn cost(&self, tile: &IxDyn, slots: usize) -> u64 {
        let len = tile.slice().iter().fold(1_u64, |len, &axis| len.saturating_mul(axis as u64));
        let lanes = len / self.along.map_or(1, |along| tile[along].max(1) as u64);
        let tiles = (self.elements.0 + self.elements.1).saturating_mul(slots as u64);
        let staging = staging_bytes(
            len.saturating_mul(self.read),
            len.saturating_mul(self.elements.1),
            slots,
        );
        len.saturating_mul(tiles)
            .saturating_add(lanes.saturating_mul(self.state))
            .saturating_add(staging)
    }

    fn pass<A>(&self, tiling: &Tiling<IxDyn>, slots: usize) -> PassPlan {
        let tile = tiling.tile();
        let run_bytes_read = run_bytes(&self.source, tiling);
        PassPlan {
            name: "scan".to_owned(),
            tiles: tiling.len(),
            tile: tile.slice().to_vec(),
            slots,
            tile_bytes: tile.slice().iter().product::<usize>() as u64 * self.elements.0,
            run_bytes_read,
            run_bytes_written: run_bytes_read / self.read.max(1) * self.elements.1,
            bytes_read: planned_read_bytes::<A, _>(&self.source, tiling, Order::C),
            bytes_written: self.source.layout().len() as u64 * self.elements.1,
            memory: self.cost(tile, slots),
        }
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
            if shape != self.shape {
                let (other, planned) = (shape.slice(), self.shape.slice());
                let reason =
                    format!("an array of shape {other:?} does not fit a plan for {planned:?}");
                return Err(Error::Shape(reason));
            }
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

/// The pass of a scan.
struct Scanning<'a, A, S: Scanner<A>> {
    tiling: &'a Tiling<IxDyn>,
    slots: usize,
    along: Option<usize>,
    source: &'a dyn Source<A, IxDyn>,
    sink: &'a dyn WriteShared<S::Out, IxDyn>,
    scanner: &'a S,
    /// What the lanes of the tiles under way carry.
    states: Mutex<Vec<S::State>>,
}

/// Lanes next to each other that a thread takes at a time.
const LANES: usize = 512;

impl<A: Element, S: Scanner<A>> Scanning<'_, A, S> {
    /// Scans blocks of lanes: `len` elements along each, and `inner` lanes next to each other.
    fn scan(
        &self,
        input: &[A],
        output: &mut [S::Out],
        states: &mut [S::State],
        len: usize,
        inner: usize,
    ) {
        if inner == 1 {
            let lanes = input.par_chunks(len).zip(output.par_chunks_mut(len)).zip(states);
            lanes.for_each(|((input, output), state)| {
                for (to, &from) in output.iter_mut().zip(input) {
                    *to = self.scanner.step(state, from);
                }
            });
            return;
        }
        let blocks = input.par_chunks(len * inner).zip(output.par_chunks_mut(len * inner));
        blocks.zip(states.par_chunks_mut(inner)).for_each(|((input, output), states)| {
            let mut rows: Vec<&mut [S::Out]> = output.chunks_mut(inner).collect();
            self.scan_columns(input, &mut rows, states, 0, inner);
        });
    }

    /// Halves the lanes of a block until a thread's are left, and scans them row by row.
    fn scan_columns(
        &self,
        input: &[A],
        rows: &mut [&mut [S::Out]],
        states: &mut [S::State],
        first: usize,
        inner: usize,
    ) {
        if states.len() <= LANES {
            for (row, input) in rows.iter_mut().zip(input.chunks(inner)) {
                let input = &input[first..first + states.len()];
                for ((to, &from), state) in row.iter_mut().zip(input).zip(states.iter_mut()) {
                    *to = self.scanner.step(state, from);
                }
            }
            return;
        }
        let middle = states.len() / 2;
        let (low_states, high_states) = states.split_at_mut(middle);
        let (mut low, mut high): (Vec<_>, Vec<_>) =
            rows.iter_mut().map(|row| row.split_at_mut(middle)).unzip();
        rayon::join(
            || self.scan_columns(input, &mut low, low_states, first, inner),
            || self.scan_columns(input, &mut high, high_states, first + middle, inner),
        );
    }
}

impl<A: Element, S: Scanner<A>> Pass for Scanning<'_, A, S> {
    type Slot = (Buffer<A>, Buffer<S::Out>);

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.tiling.tile().slice().iter().product();
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(len, source), Buffer::new(len, sink))
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, index: usize, (input, output): &mut Self::Slot) {
        let window: Window<IxDyn> = self.tiling.window(index);
        let (len, inner) = self.along.map_or((1, 1), |along| {
            (window.shape[along], window.shape.slice()[along + 1..].iter().product())
        });
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if self.along.is_none_or(|along| window.origin[along] == 0) {
            states.clear();
            states.resize(window.len() / len, self.scanner.state());
        }
        let count = window.len();
        self.scan(&input[..count], &mut output[..count], &mut states, len, inner);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, &mut slot.1, Order::C);
        io.write(self.sink, &window, tile.view(), Order::C)?;
        Ok((window.len() * size_of::<S::Out>()) as u64)
    }
}
