//! The pass of an expression: inputs are read, all cores compute, the result is written.
//!
//! ```text
//!     slot                            threads, a register at a time
//!     ┌ a ─────────────┐              ┌───────────────┐            ┌ result ────────┐
//!     │ ▒▒▒│▒▒▒│▒▒▒│▒▒ │ ───────────▶ │ a * b, sin, + │ ─────────▶ │ ▒▒▒│▒▒▒│▒▒▒│▒▒ │
//!     ├ b ─────────────┤              ├───────────────┤            └────────────────┘
//!     │ ▒▒▒│▒▒▒│▒▒▒│▒▒ │ ───────────▶ │ a * b, sin, + │
//!     └────────────────┘              └───────────────┘
//! ```
//!
//! An input that is shorter than the result along an axis is read once for a tile, and if it is small
//! once for all of them.

use ndarray::{ArrayView, IxDyn, ShapeBuilder};
use outcore_storage::{Element, Order, Stored, Window};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Evaluation;
use super::cast::Failure;
use super::register::Register;
use super::source::AnyBuffer;
use crate::Result;
use crate::stream::{Durable, Pass, Resume, each_parallel};
use crate::tile::PerThread;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// Elements of the result that a thread takes at a time.
pub(super) const PART_LEN: usize = 32 << 10;

pub(super) struct Evaluating<'a, T> {
    pub(super) evaluation: &'a Evaluation<'a>,
    pub(super) tiling: &'a Tiling<IxDyn>,
    pub(super) slots: usize,
    /// Inputs that are read once for all tiles, as soon as one is.
    pub(super) held: Vec<Option<OnceLock<AnyBuffer>>>,
    pub(super) sink: &'a dyn WriteShared<T, IxDyn>,
    pub(super) register_len: usize,
    pub(super) registers: PerThread<Vec<Register>>,
}

pub(super) struct Slot {
    /// One for each input that is not held.
    inputs: Vec<Option<AnyBuffer>>,
    result: AnyBuffer,
    failed: Option<Failure>,
}

impl<T> Evaluating<'_, T> {
    fn order(&self) -> Order {
        self.evaluation.order
    }

    /// Reads an input once for all tiles; returns the bytes that this moved.
    fn hold(&self, input: usize, held: &OnceLock<AnyBuffer>, io: &Io) -> Result<u64> {
        if held.get().is_some() {
            return Ok(0);
        }
        let source = &self.evaluation.sources[input];
        let whole = Window::whole(source.shape());
        let mut elements = source.buffer(whole.len());
        let bytes = source.read_pieces(io, &whole, self.order(), &mut elements)?;
        // Only the thread that reads comes here.
        let _ = held.set(elements);
        Ok(bytes)
    }
}

impl<T: Element> Resume for Evaluating<'_, T> {
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Element> Pass for Evaluating<'_, T> {
    type Slot = Slot;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Slot {
        let tile = Window::whole(self.tiling.tile().clone());
        let inputs = self.held.iter().zip(&self.evaluation.sources).enumerate();
        let inputs = inputs.map(|(input, (held, source))| {
            let len = || self.evaluation.under(input, &tile).len();
            held.is_none().then(|| source.buffer(len()))
        });
        let offset = self.sink.layout().offset();
        let result = AnyBuffer::new(T::DTYPE, tile.len(), offset);
        Slot { inputs: inputs.collect(), result, failed: None }
    }

    fn read(&self, index: usize, slot: &mut Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut bytes = 0;
        for (input, (held, elements)) in self.held.iter().zip(&mut slot.inputs).enumerate() {
            let source = &self.evaluation.sources[input];
            bytes += match (held, elements) {
                (Some(held), _) => self.hold(input, held, io)?,
                (None, Some(elements)) => {
                    let window = self.evaluation.under(input, &window);
                    source.read_pieces(io, &window, self.order(), elements)?
                }
                (None, None) => unreachable!("a slot has what is not held"),
            };
        }
        Ok(bytes)
    }

    fn compute(&self, index: usize, slot: &mut Slot) {
        let window = self.tiling.window(index);
        let below = |input: usize, held: bool| {
            let shape = self.evaluation.layouts[input].shape();
            let held = if held {
                Window::whole(shape.clone())
            } else {
                self.evaluation.under(input, &window)
            };
            self.evaluation.below(input, &window, &held)
        };
        let inputs: Vec<_> = (self.held.iter().zip(&slot.inputs).enumerate())
            .map(|(input, (held, elements))| {
                let held = held.as_ref().and_then(OnceLock::get);
                let elements = held.or(elements.as_ref()).expect("all inputs have been read");
                (elements, below(input, held.is_some()))
            })
            .collect();
        let inputs: Vec<_> = inputs.iter().map(|(elements, below)| (*elements, below)).collect();
        let parts = slot.result.parts(window.len(), PART_LEN);
        let failed: Mutex<Option<Failure>> = Mutex::new(None);
        each_parallel(parts.len(), &|number| {
            let mut part = parts[number].lock().unwrap_or_else(PoisonError::into_inner);
            self.registers.with(|registers| {
                for place in (0..part.len()).step_by(self.register_len) {
                    let begin = number * PART_LEN + place;
                    let stretch = begin..begin + self.register_len.min(part.len() - place);
                    match self.evaluation.compute(&inputs, &stretch, registers) {
                        Ok(()) => part.store(place, &registers[self.evaluation.program.result]),
                        Err(mut failure) => {
                            failure.position += begin;
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            // The first in the tile, whichever thread is faster.
                            let first = failed.take().into_iter().chain([failure]);
                            *failed = first.min_by_key(|failure| failure.position);
                            return;
                        }
                    }
                }
            });
        });
        slot.failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    fn write(&self, index: usize, slot: &mut Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        if let Some(failure) = &slot.failed {
            return Err(self.evaluation.error(failure, &window).into());
        }
        let elements =
            slot.result.of::<T>().expect("a result has the type that it was planned for");
        let shape = window.shape.clone().set_f(self.order() == Order::F);
        let tile = ArrayView::from_shape(shape, &elements[..window.len()]);
        io.write(self.sink, &window, tile.expect("as many elements"), self.order())?;
        Ok((window.len() * size_of::<T>()) as u64)
    }
}
