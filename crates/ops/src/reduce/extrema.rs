//! The least and the greatest, where they are, how far apart; and what is not zero.

use outcore_storage::Element;
use std::cmp::Ordering;

use super::reducer::Reducer;
use crate::number::Number;
use crate::{Error, Result};

/// Which end of the order is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Least,
    Greatest,
}

impl End {
    /// Whether an element comes before the best so far; a NaN comes before all that are none.
    fn prefers<A: Number>(self, element: A, best: A) -> bool {
        match element.compare(best) {
            Some(ordering) => match self {
                Self::Least => ordering == Ordering::Less,
                Self::Greatest => ordering == Ordering::Greater,
            },
            None => element.is_nan() && !best.is_nan(),
        }
    }

    /// The best of some elements, and the place of the first of its kind.
    fn of<A: Number>(self, elements: &[A]) -> Option<(usize, A)> {
        let mut best = *elements.first()?;
        for &element in elements {
            if self.prefers(element, best) {
                best = element;
            }
        }
        let first = elements.iter().position(|&element| {
            element.compare(best).map_or(best.is_nan() && element.is_nan(), Ordering::is_eq)
        });
        first.map(|first| (first, best))
    }
}

/// The least or the greatest element, or NaN if there is one; as `numpy.min` and `numpy.max`. Complex
/// numbers are compared by their real parts first.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, Extremum, reduce};
///
/// let field = array![[3_u8, 1], [2, 250]];
/// let budget = Budget::new(1 << 20);
/// assert_eq!(reduce(&field, Extremum::min()).plan(budget)?.value(&field, Control::new())?, 1);
/// assert_eq!(reduce(&field, Extremum::max()).plan(budget)?.value(&field, Control::new())?, 250);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Extremum(End);

impl Extremum {
    /// The least.
    pub fn min() -> Self {
        Self(End::Least)
    }

    /// The greatest.
    pub fn max() -> Self {
        Self(End::Greatest)
    }

    fn better<A: Number>(self, best: &mut Option<A>, element: A) {
        if best.is_none_or(|best| self.0.prefers(element, best)) {
            *best = Some(element);
        }
    }
}

impl<A: Number> Reducer<A> for Extremum {
    type Leaf = Option<A>;
    type State = Option<A>;
    type Out = A;

    fn name(&self) -> &'static str {
        if self.0 == End::Least { "min" } else { "max" }
    }

    fn has_identity(&self) -> bool {
        false
    }

    fn leaf(&self) -> Option<A> {
        None
    }

    fn state(&self) -> Option<A> {
        None
    }

    fn push(&self, leaf: &mut Option<A>, element: A, _: u64) {
        self.better(leaf, element);
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> Option<A> {
        let (&first, rest) = elements.split_first()?;
        // NaN are looked for apart, so that this is a loop of comparisons alone.
        let best = rest.iter().fold(first, |best, &element| {
            let better = match self.0 {
                End::Least => element.less(best),
                End::Greatest => best.less(element),
            };
            if better { element } else { best }
        });
        let any_nan = elements.iter().fold(false, |any, element| any | element.is_nan());
        let nan = elements.iter().copied().find(|element| any_nan && element.is_nan());
        Some(nan.unwrap_or(best))
    }

    fn merge(&self, state: &mut Option<A>, leaf: &Option<A>) {
        if let Some(element) = *leaf {
            self.better(state, element);
        }
    }

    fn finish(&self, state: &Option<A>) -> Result<A> {
        // Elements there were, so if none is left all were NaN.
        Ok(state.unwrap_or_else(nan))
    }
}

/// A NaN of a type that has one.
fn nan<A: Number>() -> A {
    A::narrow(A::not_a_number())
}

/// The index of the least or the greatest element, or of the first NaN; as `numpy.argmin` and
/// `numpy.argmax`. Of several the first, in C order of the axes that are reduced.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, ArgExtremum, reduce};
///
/// let field = array![[3, 1], [7, 1]];
/// let plan = reduce(&field, ArgExtremum::min()).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 1);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ArgExtremum(End);

impl ArgExtremum {
    /// Of the least.
    pub fn min() -> Self {
        Self(End::Least)
    }

    /// Of the greatest.
    pub fn max() -> Self {
        Self(End::Greatest)
    }

    fn better<A: Number>(self, best: &mut Option<(A, u64)>, element: A, index: u64) {
        let better = |&mut (other, place): &mut (A, u64)| {
            let equal =
                element.compare(other).map_or(element.is_nan() && other.is_nan(), Ordering::is_eq);
            self.0.prefers(element, other) || (equal && index < place)
        };
        if best.as_mut().is_none_or(better) {
            *best = Some((element, index));
        }
    }
}

impl<A: Number> Reducer<A> for ArgExtremum {
    type Leaf = Option<(A, u64)>;
    type State = Option<(A, u64)>;
    type Out = i64;

    fn name(&self) -> &'static str {
        if self.0 == End::Least { "argmin" } else { "argmax" }
    }

    fn has_identity(&self) -> bool {
        false
    }

    fn needs_index(&self) -> bool {
        true
    }

    fn leaf(&self) -> Self::Leaf {
        None
    }

    fn state(&self) -> Self::State {
        None
    }

    fn push(&self, leaf: &mut Self::Leaf, element: A, index: u64) {
        self.better(leaf, element, index);
    }

    fn fold(&self, elements: &[A], index: u64, step: u64) -> Self::Leaf {
        self.0.of(elements).map(|(place, best)| (best, index + place as u64 * step))
    }

    fn merge(&self, state: &mut Self::State, leaf: &Self::Leaf) {
        if let Some((element, index)) = *leaf {
            self.better(state, element, index);
        }
    }

    fn finish(&self, state: &Self::State) -> Result<i64> {
        let none = || Error::Value(format!("{} of nothing but NaN", Reducer::<A>::name(self)));
        let (_, index) = state.ok_or_else(none)?;
        i64::try_from(index).map_err(|_| Error::Value(format!("index {index} is too large")))
    }
}

/// The greatest element less the least, or NaN if there is one; as `numpy.ptp`. Integers wrap.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, PeakToPeak, reduce};
///
/// let field = array![3.0, -1.0, 2.0];
/// let plan = reduce(&field, PeakToPeak).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 4.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PeakToPeak;

impl<A: Number> Reducer<A> for PeakToPeak {
    type Leaf = (Option<A>, Option<A>);
    type State = (Option<A>, Option<A>);
    type Out = A;

    fn name(&self) -> &'static str {
        "ptp"
    }

    fn has_identity(&self) -> bool {
        false
    }

    fn leaf(&self) -> Self::Leaf {
        (None, None)
    }

    fn state(&self) -> Self::State {
        (None, None)
    }

    fn push(&self, (least, greatest): &mut Self::Leaf, element: A, index: u64) {
        Extremum::min().push(least, element, index);
        Extremum::max().push(greatest, element, index);
    }

    fn fold(&self, elements: &[A], index: u64, step: u64) -> Self::Leaf {
        let (min, max) = (Extremum::min(), Extremum::max());
        (min.fold(elements, index, step), max.fold(elements, index, step))
    }

    fn merge(&self, (least, greatest): &mut Self::State, leaf: &Self::Leaf) {
        Extremum::min().merge(least, &leaf.0);
        Extremum::max().merge(greatest, &leaf.1);
    }

    fn finish(&self, (least, greatest): &Self::State) -> Result<A> {
        Ok(least.zip(*greatest).map_or_else(nan, |(least, greatest)| greatest.minus(least)))
    }
}

/// The number of elements that are not zero, as `numpy.count_nonzero`; a NaN is not.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, CountNonzero, reduce};
///
/// let field = array![[0, 1], [5, 0]];
/// let plan = reduce(&field, CountNonzero).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 2);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CountNonzero;

fn is_zero<A: Element>(element: A) -> bool {
    element == A::default()
}

fn nonzero<A: Element>(elements: &[A]) -> u64 {
    elements.iter().map(|&element| u64::from(!is_zero(element))).sum()
}

impl<A: Element> Reducer<A> for CountNonzero {
    type Leaf = u64;
    type State = u64;
    type Out = i64;

    fn name(&self) -> &'static str {
        "count-nonzero"
    }

    fn leaf(&self) -> u64 {
        0
    }

    fn state(&self) -> u64 {
        0
    }

    fn push(&self, leaf: &mut u64, element: A, _: u64) {
        *leaf += u64::from(!is_zero(element));
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> u64 {
        nonzero(elements)
    }

    fn merge(&self, state: &mut u64, leaf: &u64) {
        *state += leaf;
    }

    fn finish(&self, state: &u64) -> Result<i64> {
        i64::try_from(*state).map_err(|_| Error::Value(format!("{state} is too large a count")))
    }
}

/// Whether any element, or every element, is not zero; as `numpy.any` and `numpy.all`. A NaN is not
/// zero. Of no elements, none is and all are.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, Truth, reduce};
///
/// let field = array![true, false];
/// let budget = Budget::new(1 << 20);
/// assert!(reduce(&field, Truth::any()).plan(budget)?.value(&field, Control::new())?);
/// assert!(!reduce(&field, Truth::all()).plan(budget)?.value(&field, Control::new())?);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    all: bool,
}

impl Truth {
    /// Whether any element is not zero.
    pub fn any() -> Self {
        Self { all: false }
    }

    /// Whether every element is not zero.
    pub fn all() -> Self {
        Self { all: true }
    }
}

impl<A: Element> Reducer<A> for Truth {
    type Leaf = bool;
    type State = bool;
    type Out = bool;

    fn name(&self) -> &'static str {
        if self.all { "all" } else { "any" }
    }

    fn leaf(&self) -> bool {
        self.all
    }

    fn state(&self) -> bool {
        self.all
    }

    fn push(&self, leaf: &mut bool, element: A, _: u64) {
        self.merge_bool(leaf, !is_zero(element));
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> bool {
        let count = nonzero(elements);
        if self.all { count == elements.len() as u64 } else { count > 0 }
    }

    fn merge(&self, state: &mut bool, leaf: &bool) {
        self.merge_bool(state, *leaf);
    }

    fn finish(&self, state: &bool) -> Result<bool> {
        Ok(*state)
    }
}

impl Truth {
    fn merge_bool(self, state: &mut bool, next: bool) {
        *state = if self.all { *state && next } else { *state || next };
    }
}
