//! How an expression is evaluated within a budget: the tiles of its pass.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Element, Layout, Sink, Stored, Window};
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::Evaluation;
use super::pass::Evaluating;
use super::pieces::REGISTER_LEN;
use crate::control::Control;
use crate::plan::{
    PREFERRED_BYTES, PassPlan, Plan, Report, Run, SLOTS, check_shape, duration, grow, refuse,
    usable,
};
use crate::tile::PerThread;
use crate::tiling::Tiling;
use crate::transfer::{Shared, staging_bytes, window_read_bytes};
use crate::{Error, Resources, Result};

/// The part of a budget that may hold inputs, and the part that may hold registers.
const HELD_PART: u64 = 4;
const REGISTERS_PART: u64 = 16;

impl Evaluation<'_> {
    /// Decides on the tiles of a pass that evaluates all of the expression.
    ///
    /// [`store`](crate::store) does the same with any source; this reads inputs in longer runs, and
    /// computes beside reading and writing.
    ///
    /// Cost: one pass, which reads each input once and writes the result once. An input that is
    /// shorter than the result along an axis is read once if it is small, and else once for each
    /// tile. Memory: up to three tiles of all inputs and of the result.
    ///
    /// ```
    /// use ndarray::{ArrayD, array};
    /// use outcore_ops::{AnySource, Budget, Control, Expression};
    ///
    /// let a = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
    /// let row = array![10.0, 20.0].into_dyn();
    /// let inputs = [("a", AnySource::F64(&a)), ("row", AnySource::F64(&row))];
    /// let sum = Expression::parse("a + row")?.bind(&inputs)?;
    ///
    /// let mut result = ArrayD::<f64>::zeros(vec![2, 2]);
    /// let plan = sum.plan::<f64>(Budget::new(1 << 20))?;
    /// plan.run(&sum, &mut result, Control::new())?;
    /// assert_eq!(result, array![[11.0, 22.0], [13.0, 24.0]].into_dyn());
    /// # Ok::<(), outcore_ops::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the result is not of the type `T`, or single elements exceed the budget.
    pub fn plan<T: Element>(&self, resources: impl Into<Resources>) -> Result<EvaluationPlan<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::Inputs(format!("{self:?} does not give {}", T::DTYPE)));
        }
        let resources = resources.into();
        let operation = format!("eval {} of {:?} {}", self.text, self.shape.slice(), T::DTYPE);
        let sizes = Sizes::new(self, resources);
        let choice = sizes.best(&operation)?;
        let pass = sizes.pass(&choice);
        let output_bytes = pass.bytes_written;
        let passes = vec![pass];
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        Ok(EvaluationPlan { plan, choice, shape: self.shape.clone(), element: PhantomData })
    }
}

/// What is held besides tiles.
#[derive(Clone, Debug)]
struct Fixed {
    /// Which inputs are read once for all tiles.
    held: Vec<bool>,
    /// The values of a register.
    register_len: usize,
}

#[derive(Debug)]
struct Choice {
    tiling: Tiling<IxDyn>,
    slots: usize,
    fixed: Fixed,
    memory: u64,
    duration: f64,
}

/// How tiles may be cut.
struct Sizes<'a> {
    evaluation: &'a Evaluation<'a>,
    resources: Resources,
    /// The result as it will be written.
    sink: Layout<IxDyn>,
}

impl<'a> Sizes<'a> {
    fn new(evaluation: &'a Evaluation<'a>, resources: Resources) -> Self {
        let (shape, bytes) = (evaluation.shape.clone(), evaluation.dtype().bytes());
        let sink = Layout::new(shape, evaluation.order, bytes, 0);
        let sink = sink.expect("this was checked when the expression was bound");
        Self { evaluation, resources, sink }
    }

    fn best(&self, operation: &str) -> Result<Choice> {
        let limit = usable(self.resources.memory.bytes());
        let smallest = Fixed { held: vec![false; self.inputs()], register_len: 1 };
        let preferred = Fixed { register_len: self.register_len(limit), ..smallest.clone() };
        let holding = Fixed { held: self.held(limit), ..preferred.clone() };
        let fitted = [holding, preferred, smallest.clone()];
        let fitted = fitted.iter().find_map(|fixed| self.best_with(fixed, limit));
        let one = IxDyn(&vec![1; self.sink.shape().ndim()]);
        fitted.ok_or_else(|| refuse(operation, self.cost(&one, 1, &smallest), self.resources))
    }

    fn inputs(&self) -> usize {
        self.evaluation.sources.len()
    }

    fn register_len(&self, limit: u64) -> usize {
        let all = self.evaluation.program.value_bytes() * self.resources.threads.get();
        let most = usize::try_from(limit / REGISTERS_PART).unwrap_or(usize::MAX);
        (most / all.max(1)).clamp(1, REGISTER_LEN)
    }

    /// The inputs that are shorter than the result, as many as are small.
    fn held(&self, limit: u64) -> Vec<bool> {
        let mut left = limit / HELD_PART;
        let layouts = self.evaluation.layouts.iter();
        layouts
            .map(|layout| {
                let is_short = layout.len() < self.sink.len() && !layout.is_empty();
                let bytes = layout.bytes();
                let is_small = bytes <= (PREFERRED_BYTES as u64).min(left);
                let is_held = is_short && is_small;
                left -= if is_held { bytes } else { 0 };
                is_held
            })
            .collect()
    }

    fn best_with(&self, fixed: &Fixed, limit: u64) -> Option<Choice> {
        let longest = self.sink.len().max(1);
        let runs = std::iter::successors(Some(1), |run| Some(run * 2));
        let runs: Vec<_> = runs.take_while(|&run| run < longest).chain([longest]).collect();
        let plain = self.is_plain(fixed);
        let choices = (1..=SLOTS).rev().flat_map(|slots| {
            runs.iter().filter_map(move |&run| self.choice(run, slots, plain, fixed, limit))
        });
        choices.min_by(|one, other| one.duration.total_cmp(&other.duration))
    }

    /// Whether any stretch of the result is as good as any other: all inputs lie as it does, or are
    /// held.
    fn is_plain(&self, fixed: &Fixed) -> bool {
        let axes: Vec<_> = self.sink.axes().collect();
        (0..self.inputs()).filter(|&input| !fixed.held[input]).all(|input| {
            let layout = &self.evaluation.layouts[input];
            let long = layout.shape().slice().iter().filter(|&&len| len > 1).count() > 1;
            let source = &self.evaluation.sources[input];
            let lies_alike = source.axes().is_sorted_by_key(|axis| {
                let more = axes.len() - layout.shape().ndim();
                axes.iter().position(|&other| other == more + axis)
            });
            layout.len() == self.sink.len() && (lies_alike || !long)
        })
    }

    /// The largest tile with runs of a length in the result. Then it grows: plain ones along the
    /// result, others across it.
    fn choice(
        &self,
        run: usize,
        slots: usize,
        plain: bool,
        fixed: &Fixed,
        limit: u64,
    ) -> Option<Choice> {
        let shape = self.sink.shape();
        let axes: Vec<_> = self.sink.axes().collect();
        let mut tile = IxDyn(&vec![1; shape.ndim()]);
        let mut left = run;
        for &axis in axes.iter().rev() {
            tile[axis] = left.clamp(1, shape[axis].max(1));
            left = left.div_ceil(tile[axis]);
        }
        let most = if plain { PREFERRED_BYTES / self.widest() } else { usize::MAX };
        let len = |tile: &IxDyn| tile.slice().iter().product::<usize>();
        let fits = self.cost(&tile, slots, fixed) <= limit && len(&tile) <= most.max(1);
        fits.then_some(())?;
        let along: Vec<_> = axes.iter().rev().map(|&axis| (axis, 1)).collect();
        let across: Vec<_> = axes.iter().map(|&axis| (axis, 1)).collect();
        let cost = |tile: &IxDyn| self.cost(tile, slots, fixed);
        grow(&mut tile, shape, if plain { along } else { across }, most, limit, cost)?;
        let tiling = Tiling::new(shape.clone(), tile, self.evaluation.order);
        let slots = slots.min(tiling.len()).max(1);
        let memory = self.cost(tiling.tile(), slots, fixed);
        let duration = self.duration(&tiling, slots, fixed);
        Some(Choice { tiling, slots, fixed: fixed.clone(), memory, duration })
    }

    /// The most bytes of an element of an input or of the result.
    fn widest(&self) -> usize {
        let inputs = self.evaluation.layouts.iter().map(Layout::element_bytes);
        inputs.chain([self.sink.element_bytes()]).max().expect("there is a result").max(1)
    }

    /// About how long a pass takes.
    fn duration(&self, tiling: &Tiling<IxDyn>, slots: usize, fixed: &Fixed) -> f64 {
        let tile = Window::whole(tiling.tile().clone());
        let written = duration([(self.sink.bytes(), self.sink.run_bytes(&tile))], slots);
        let read = |input: usize| {
            let source = &self.evaluation.sources[input];
            let layout = &self.evaluation.layouts[input];
            // Each tile along an axis where the input is repeated reads it again.
            let more = tile.shape.ndim() - layout.shape().ndim();
            let times = (0..tile.shape.ndim())
                .filter(|&axis| axis < more || layout.shape()[axis - more] == 1)
                .map(|axis| self.sink.shape()[axis].div_ceil(tile.shape[axis].max(1)).max(1))
                .product::<usize>();
            let times = if fixed.held[input] { 1 } else { times };
            let bytes = layout.bytes().saturating_mul(times as u64);
            let run = source.run_bytes(&self.evaluation.under(input, &tile));
            duration([(bytes, run)], slots)
        };
        written + (0..self.inputs()).map(read).sum::<f64>()
    }

    fn cost(&self, tile: &IxDyn, slots: usize, fixed: &Fixed) -> u64 {
        let window = Window::whole(tile.clone());
        let written = (window.len() * self.sink.element_bytes()) as u64;
        let (mut tiles, mut held, mut staging) = (written, 0, staging_bytes(0, 0, written, slots));
        for (input, source) in self.evaluation.sources.iter().enumerate() {
            let layout = &self.evaluation.layouts[input];
            let under = self.evaluation.under(input, &window).len() * layout.element_bytes();
            let read = if fixed.held[input] { layout.bytes() } else { under as u64 };
            if fixed.held[input] {
                held += read;
            } else {
                tiles += read;
            }
            staging = staging.max(staging_bytes(source.copies(), read, written, slots));
        }
        let values = self.evaluation.program.value_bytes() * self.resources.threads.get();
        let registers = (values * fixed.register_len) as u64;
        tiles.saturating_mul(slots as u64).saturating_add(held + staging + registers)
    }

    fn bytes_read(&self, choice: &Choice) -> u64 {
        let read = |input: usize| {
            let source = &self.evaluation.sources[input];
            let order = source.layout().order();
            let element = self.evaluation.layouts[input].element_bytes();
            let of = |window: Window<IxDyn>| window_read_bytes(source, &window, order, element);
            if choice.fixed.held[input] {
                return if choice.tiling.is_empty() {
                    0
                } else {
                    of(Window::whole(source.shape()))
                };
            }
            choice.tiling.windows().map(|window| of(self.evaluation.under(input, &window))).sum()
        };
        (0..self.inputs()).map(read).sum()
    }

    fn pass(&self, choice: &Choice) -> PassPlan {
        let tile = Window::whole(choice.tiling.tile().clone());
        let read = |held: bool| {
            let inputs = self.evaluation.sources.iter().enumerate();
            let inputs = inputs.filter(move |&(input, _)| choice.fixed.held[input] == held);
            inputs
                .map(|(input, source)| source.run_bytes(&self.evaluation.under(input, &tile)))
                .min()
        };
        PassPlan {
            name: "evaluate".to_owned(),
            tiles: choice.tiling.len(),
            tile: tile.shape.slice().to_vec(),
            slots: choice.slots,
            tile_bytes: (tile.len() * self.sink.element_bytes()) as u64,
            run_bytes_read: read(false).or_else(|| read(true)).unwrap_or(0),
            run_bytes_written: self.sink.run_bytes(&tile),
            bytes_read: self.bytes_read(choice),
            bytes_written: self.sink.bytes(),
            memory: choice.memory,
        }
    }
}

/// An expression whose evaluation has been planned.
#[derive(Debug)]
pub struct EvaluationPlan<T> {
    plan: Plan,
    choice: Choice,
    shape: IxDyn,
    element: PhantomData<fn(T)>,
}

impl<T> fmt::Display for EvaluationPlan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Element> EvaluationPlan<T> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Evaluates the expression into a sink.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, an element has no result, reading or writing fails, or the
    /// caller cancels.
    pub fn run<S: Sink<T, IxDyn>>(
        &self,
        evaluation: &Evaluation<'_>,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report> {
        for shape in [evaluation.shape(), sink.shape()] {
            check_shape(shape.slice(), self.shape.slice())?;
        }
        let sink = Shared::new(sink);
        let Choice { tiling, slots, fixed, .. } = &self.choice;
        let held = fixed.held.iter().map(|held| held.then(OnceLock::new)).collect();
        let threads = self.plan.resources.threads.get();
        let registers = || evaluation.program.registers(fixed.register_len);
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&Evaluating {
            evaluation,
            tiling,
            slots: *slots,
            held,
            sink: &sink,
            register_len: fixed.register_len,
            registers: PerThread::new(threads, registers),
        })?;
        Ok(run.finish())
    }
}
