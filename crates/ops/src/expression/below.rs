//! Which elements of an input are below a stretch of the result, where the input is repeated.
//!
//! ```text
//!     input, a row          result, rows on end: the stretch 2..9
//!     ┌───────────┐         ┌───────────┬───────────┬───────────┐
//!     │ a b c d   │         │ · · c d   │ a b c d   │ a · · ·   │    ──▶  c d, a b c d, a
//!     └───────────┘         └───────────┴───────────┴───────────┘
//! ```
//!
//! Both lie in memory in the same order. So a stretch is made of runs: neighbours of the result are
//! neighbours of the input, or all the same element.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Order, Window};
use std::ops::Range;

use super::pieces::under;

/// How elements of a window of the result find theirs in memory that holds a part of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Below {
    /// The element below the first one.
    first: usize,
    /// The axes from the fastest to the slowest, neighbours as one where they can be: the length, and
    /// the elements of the input between neighbours, 0 where it is repeated.
    axes: Vec<(usize, usize)>,
}

/// Elements of an input that are next to each other in the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Each of them once.
    Each(Range<usize>),
    /// One of them, so many times.
    Repeated(usize, usize),
}

impl Below {
    /// For a window of the result, and an input of a shape of which memory holds a window.
    pub(super) fn new(
        window: &Window<IxDyn>,
        shape: &IxDyn,
        held: &Window<IxDyn>,
        order: Order,
    ) -> Self {
        let (below, more) = (under(shape, window), window.shape.ndim() - shape.ndim());
        let (mut first, mut step) = (0, 1);
        let mut merged: Vec<(usize, usize)> = Vec::new();
        let mut add = |axis: usize| {
            let len = window.shape[axis];
            let mut own = 0;
            if let Some(place) = axis.checked_sub(more) {
                first += (below.origin[place] - held.origin[place]) * step;
                own = if shape[place] == 1 { 0 } else { step };
                step *= held.shape[place];
            }
            match merged.last_mut() {
                _ if len == 1 => {}
                Some((faster, step)) if own == *faster * *step => *faster *= len,
                _ => merged.push((len, own)),
            }
        };
        let count = window.shape.ndim();
        match order {
            Order::C => (0..count).rev().for_each(&mut add),
            Order::F => (0..count).for_each(&mut add),
        }
        Self { first, axes: merged }
    }

    /// The runs below a stretch of the window's elements.
    pub(super) fn runs(&self, stretch: Range<usize>) -> impl Iterator<Item = Run> {
        let (fast, slow) = match self.axes.split_first() {
            Some((&fast, slow)) => (fast, slow),
            None => ((1, 1), &[][..]),
        };
        let mut at = stretch.start;
        std::iter::from_fn(move || {
            let left = stretch.end.checked_sub(at).filter(|&left| left > 0)?;
            let (within, mut rest) = (at % fast.0, at / fast.0);
            let mut place = self.first + within * fast.1;
            for &(len, step) in slow {
                place += rest % len * step;
                rest /= len;
            }
            let count = match fast.1 {
                0 | 1 => (fast.0 - within).min(left),
                _ => 1,
            };
            at += count;
            Some(if fast.1 == 0 {
                Run::Repeated(place, count)
            } else {
                Run::Each(place..place + count)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, ShapeBuilder};
    use proptest::prelude::*;

    /// A shape, which of its axes an input has in full, and a window.
    fn case() -> impl Strategy<Value = (Vec<usize>, Vec<bool>, usize, Window<IxDyn>)> {
        prop::collection::vec(1_usize..5, 0..4).prop_flat_map(|shape| {
            let axes = shape.len();
            let ranges: Vec<_> = shape
                .iter()
                .map(|&len| (0..len).prop_flat_map(move |first| (Just(first), 1..=len - first)))
                .collect();
            let full = prop::collection::vec(any::<bool>(), axes);
            (Just(shape), full, 0..=axes, ranges).prop_map(|(shape, full, fewer, ranges)| {
                let (origin, lens): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
                (shape, full, fewer, Window::new(IxDyn(&origin), IxDyn(&lens)))
            })
        })
    }

    proptest! {
        #[test]
        fn runs_are_what_ndarray_repeats(
            (shape, full, fewer, window) in case(),
            fortran: bool,
            whole: bool,
            (begin, end) in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let order = if fortran { Order::F } else { Order::C };
            let own: Vec<usize> =
                (fewer..shape.len()).map(|axis| if full[axis] { shape[axis] } else { 1 }).collect();
            let own = IxDyn(&own);
            let input = ArrayD::from_shape_fn(own.clone(), |index| index.slice().to_vec());
            // What is in memory: all of the input, or what is below the window.
            let held = if whole { Window::whole(own.clone()) } else { under(&own, &window) };
            let part = input.slice_each_axis(|axis| held.slice(axis.axis.index()));
            let memory: Vec<_> = if fortran { part.t().iter().cloned().collect() }
                else { part.iter().cloned().collect() };
            let repeated = input.broadcast(IxDyn(&shape)).unwrap();
            let repeated = repeated.slice_each_axis(|axis| window.slice(axis.axis.index()));
            let expected: Vec<_> = if fortran { repeated.t().iter().cloned().collect() }
                else { repeated.iter().cloned().collect() };
            prop_assert_eq!(
                ArrayD::from_shape_vec(window.shape.clone().set_f(fortran), expected.clone()).unwrap(),
                repeated
            );
            let place = |part: f64| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                #[expect(clippy::cast_precision_loss)]
                let place = (part * expected.len() as f64) as usize;
                place
            };
            let stretch = place(begin.min(end))..place(begin.max(end));
            let found: Vec<_> = Below::new(&window, &own, &held, order)
                .runs(stretch.clone())
                .flat_map(|run| match run {
                    Run::Each(range) => memory[range].to_vec(),
                    Run::Repeated(place, count) => vec![memory[place].clone(); count],
                })
                .collect();
            prop_assert_eq!(&found[..], &expected[stretch]);
        }
    }
}
