//! Sums, products, means, norms, variances.
//!
//! Sums of a leaf are computed in double precision, eight side by side; those of leaves are added with
//! compensation, so that the error does not grow with their number. For n elements of double precision
//! the error of a sum is at most (64 + n eps) eps times the sum of the absolute values.
//! Sources: Knuth, "The Art of Computer Programming", volume 2, section 4.2.2; Chan and
//! others, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.

use std::io::{self, Read, Write};

use super::reducer::Reducer;
use crate::Result;
use crate::carried::Carried;
use crate::number::{Float, Number, Wide};

/// Partial sums side by side.
const PARTS: usize = 8;

/// A sum with what rounding took from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total<W> {
    sum: W,
    lost: W,
}

impl<W: Wide> Total<W> {
    pub(crate) const ZERO: Self = Self { sum: W::ZERO, lost: W::ZERO };

    pub(crate) fn add(&mut self, next: W) {
        let sum = self.sum.plus(next);
        self.lost = self.lost.plus(self.sum.lost(next, sum));
        self.sum = sum;
    }

    pub(crate) fn value(self) -> W {
        // What an infinity lost is no number.
        if self.sum.is_finite() { self.sum.plus(self.lost) } else { self.sum }
    }
}

impl<W: Carried> Carried for Total<W> {
    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        self.sum.save(to)?;
        self.lost.save(to)
    }

    fn load(from: &mut dyn Read) -> io::Result<Self> {
        Ok(Self { sum: W::load(from)?, lost: W::load(from)? })
    }
}

/// The sum of a function of neighbouring elements, in a fixed order.
pub(crate) fn side_by_side<A: Copy, W: Wide>(elements: &[A], each: impl Fn(A) -> W) -> W {
    let mut sums = [W::ZERO; PARTS];
    let (groups, rest) = elements.as_chunks::<PARTS>();
    for group in groups {
        for (sum, &element) in sums.iter_mut().zip(group) {
            *sum = sum.plus(each(element));
        }
    }
    for (sum, &element) in sums.iter_mut().zip(rest) {
        *sum = sum.plus(each(element));
    }
    sums.into_iter().reduce(W::plus).expect("some lanes")
}

/// The sum; of integers in 64 bits, which wrap, as `numpy.sum`.
///
/// Floating-point numbers are added in double precision and rounded once, which is more accurate than
/// NumPy where they are shorter.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_ops::{Budget, Control, Sum, reduce};
///
/// let field = array![[1_i8, 2], [100, 100]];
/// let plan = reduce(&field, Sum).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 203_i64);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sum;

impl<A: Number> Reducer<A> for Sum {
    type Leaf = A::Wide;
    type State = Total<A::Wide>;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "sum"
    }

    fn leaf(&self) -> A::Wide {
        A::Wide::ZERO
    }

    fn state(&self) -> Total<A::Wide> {
        Total::ZERO
    }

    fn push(&self, leaf: &mut A::Wide, element: A, _: u64) {
        *leaf = leaf.plus(element.wide());
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> A::Wide {
        side_by_side(elements, A::wide)
    }

    fn merge(&self, state: &mut Total<A::Wide>, leaf: &A::Wide) {
        state.add(*leaf);
    }

    fn finish(&self, state: &Total<A::Wide>) -> Result<A::Total> {
        Ok(A::total(state.value()))
    }
}

/// The product; of integers in 64 bits, which wrap, as `numpy.prod`.
///
/// Floating-point numbers are multiplied in double precision and rounded once.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, Product, reduce};
///
/// let field = array![[1.0_f32, 2.0], [3.0, 4.0]];
/// let plan = reduce(&field, Product).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 24.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Product;

impl<A: Number> Reducer<A> for Product {
    type Leaf = A::Wide;
    type State = A::Wide;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "prod"
    }

    fn leaf(&self) -> A::Wide {
        A::Wide::ONE
    }

    fn state(&self) -> A::Wide {
        A::Wide::ONE
    }

    fn push(&self, leaf: &mut A::Wide, element: A, _: u64) {
        *leaf = leaf.times(element.wide());
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> A::Wide {
        elements.iter().fold(A::Wide::ONE, |product, element| product.times(element.wide()))
    }

    fn merge(&self, state: &mut A::Wide, leaf: &A::Wide) {
        *state = state.times(*leaf);
    }

    fn finish(&self, state: &A::Wide) -> Result<A::Total> {
        Ok(A::total(*state))
    }
}

/// The mean, in double precision; `NaN` of no elements, as `numpy.mean`.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, Mean, reduce};
///
/// let field = array![[1, 2], [3, 5]];
/// let mut means = Array1::<f64>::zeros(2);
/// let plan = reduce(&field, Mean).axes(&[0]).plan(Budget::new(1 << 20))?;
/// plan.run(&field, &mut means, Control::new())?;
/// assert_eq!(means, array![2.0, 3.5]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mean;

/// A count, as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "a count of elements")]
fn count(n: u64) -> f64 {
    n as f64
}

impl<A: Number> Reducer<A> for Mean {
    type Leaf = (u64, A::Float);
    type State = (u64, Total<A::Float>);
    type Out = A::Mean;

    fn name(&self) -> &'static str {
        "mean"
    }

    fn leaf(&self) -> Self::Leaf {
        (0, A::Float::ZERO)
    }

    fn state(&self) -> Self::State {
        (0, Total::ZERO)
    }

    fn push(&self, (n, sum): &mut Self::Leaf, element: A, _: u64) {
        *n += 1;
        *sum = sum.plus(element.float());
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> Self::Leaf {
        (elements.len() as u64, side_by_side(elements, A::float))
    }

    fn merge(&self, (n, sum): &mut Self::State, leaf: &Self::Leaf) {
        *n += leaf.0;
        sum.add(leaf.1);
    }

    fn finish(&self, (n, sum): &Self::State) -> Result<A::Mean> {
        // Nothing divided by nothing is NaN, as it should be.
        Ok(A::mean(sum.value().over(count(*n))))
    }
}

/// The variance, or its root the standard deviation, as `numpy.var` and `numpy.std`: the sum of the
/// squared distances from the mean, divided by the number of elements less `ddof`.
///
/// Each leaf is taken relative to its mean (across rows, to its first element), and leaves are merged by their centred moments, so
/// a large mean takes nothing from the accuracy.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, Variance, reduce};
///
/// let field = array![1e9, 1e9 + 1.0, 1e9 + 2.0];
/// let plan = reduce(&field, Variance::new(1)).plan::<f64>(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 1.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Variance {
    ddof: u64,
    root: bool,
}

impl Variance {
    /// The variance, with what is taken from the number of elements.
    pub fn new(ddof: u64) -> Self {
        Self { ddof, root: false }
    }

    /// The standard deviation.
    #[must_use]
    pub fn root(mut self) -> Self {
        self.root = true;
        self
    }
}

/// Sums of the distances from a first element, and of their squares.
#[derive(Clone, Copy, Debug)]
pub struct Distances<W> {
    n: u64,
    first: W,
    sum: W,
    squares: f64,
}

/// The number of elements, their mean, and the sum of the squared distances from it.
#[derive(Clone, Copy, Debug)]
pub struct Moments<W> {
    n: u64,
    mean: W,
    squares: f64,
}

impl<W: Carried> Carried for Moments<W> {
    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        self.n.save(to)?;
        self.mean.save(to)?;
        self.squares.save(to)
    }

    fn load(from: &mut dyn Read) -> io::Result<Self> {
        Ok(Self { n: u64::load(from)?, mean: W::load(from)?, squares: f64::load(from)? })
    }
}

impl<A: Number> Reducer<A> for Variance {
    type Leaf = Distances<A::Float>;
    type State = Moments<A::Float>;
    type Out = A::Spread;

    fn name(&self) -> &'static str {
        if self.root { "std" } else { "var" }
    }

    fn leaf(&self) -> Self::Leaf {
        Distances { n: 0, first: A::Float::ZERO, sum: A::Float::ZERO, squares: 0.0 }
    }

    fn state(&self) -> Self::State {
        Moments { n: 0, mean: A::Float::ZERO, squares: 0.0 }
    }

    fn push(&self, leaf: &mut Self::Leaf, element: A, _: u64) {
        let element = element.float();
        if leaf.n == 0 {
            leaf.first = element;
        }
        let distance = element.minus(leaf.first);
        leaf.n += 1;
        leaf.sum = leaf.sum.plus(distance);
        leaf.squares += distance.square();
    }

    /// As `push`, with one look at the rows so far for all columns.
    fn push_row(&self, leaves: &mut [Self::Leaf], row: &[A], index: u64) {
        if leaves.first().is_none_or(|leaf| leaf.n == 0) {
            leaves.iter_mut().zip(row).for_each(|(leaf, &element)| self.push(leaf, element, index));
            return;
        }
        for (leaf, element) in leaves.iter_mut().zip(row) {
            let distance = element.float().minus(leaf.first);
            leaf.n += 1;
            leaf.sum = leaf.sum.plus(distance);
            leaf.squares += distance.square();
        }
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> Self::Leaf {
        let Some(first) = elements.first().map(|first| first.float()) else {
            return Reducer::<A>::leaf(self);
        };
        // The leaf is in cache, so it is taken relative to its own mean.
        let n = elements.len() as u64;
        let mean = first
            .plus(side_by_side(elements, |element| element.float().minus(first)).over(count(n)));
        let sum = side_by_side(elements, |element| element.float().minus(mean));
        let squares = side_by_side(elements, |element| element.float().minus(mean).square());
        Distances { n, first: mean, sum, squares }
    }

    fn merge(&self, state: &mut Self::State, leaf: &Self::Leaf) {
        if leaf.n == 0 {
            return;
        }
        let distance = leaf.sum.over(count(leaf.n));
        let mean = leaf.first.plus(distance);
        // Not less than zero, but for rounding.
        let squares = leaf.squares - distance.square() * count(leaf.n);
        let squares = if squares < 0.0 { 0.0 } else { squares };
        let n = state.n + leaf.n;
        let way = mean.minus(state.mean);
        let part = count(leaf.n) / count(n);
        state.squares += squares + way.square() * count(state.n) * part;
        state.mean = state.mean.plus(way.scaled(part));
        state.n = n;
    }

    fn finish(&self, state: &Self::State) -> Result<A::Spread> {
        let variance = state.squares / count(state.n.saturating_sub(self.ddof));
        let variance = if state.n == 0 { f64::NAN } else { variance };
        Ok(A::spread(if self.root { variance.sqrt() } else { variance }))
    }
}

/// The Euclidean norm: the root of the sum of the squared absolute values, as `numpy.linalg.norm` of a
/// flat array.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, NormOf, reduce};
///
/// let field = array![3.0_f32, 4.0];
/// let plan = reduce(&field, NormOf).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 5.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NormOf;

impl<A: Number> Reducer<A> for NormOf {
    type Leaf = f64;
    type State = Total<f64>;
    type Out = A::Spread;

    fn name(&self) -> &'static str {
        "norm"
    }

    fn leaf(&self) -> f64 {
        0.0
    }

    fn state(&self) -> Total<f64> {
        Total::ZERO
    }

    fn push(&self, leaf: &mut f64, element: A, _: u64) {
        *leaf += element.float().square();
    }

    fn fold(&self, elements: &[A], _: u64, _: u64) -> f64 {
        side_by_side(elements, |element| element.float().square())
    }

    fn merge(&self, state: &mut Total<f64>, leaf: &f64) {
        state.add(*leaf);
    }

    fn finish(&self, state: &Total<f64>) -> Result<A::Spread> {
        Ok(A::spread(state.value().sqrt()))
    }
}

/// Any reducer, of the elements that are not NaN; as `numpy.nansum`, `numpy.nanmean` and so on.
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, SkipNan, Mean, reduce};
///
/// let field = array![1.0, f64::NAN, 3.0];
/// let plan = reduce(&field, SkipNan::new(Mean)).plan(Budget::new(1 << 20))?;
/// assert_eq!(plan.value(&field, Control::new())?, 2.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SkipNan<R> {
    reducer: R,
    skips: bool,
}

impl<R> SkipNan<R> {
    /// A reducer that leaves NaN out.
    pub fn new(reducer: R) -> Self {
        Self { reducer, skips: true }
    }

    /// The same, if that is wanted; otherwise NaN count as they do for the reducer.
    #[must_use]
    pub fn only_if(mut self, skips: bool) -> Self {
        self.skips = skips;
        self
    }
}

impl<A: Number, R: Reducer<A>> Reducer<A> for SkipNan<R> {
    type Leaf = R::Leaf;
    type State = R::State;
    type Out = R::Out;

    fn name(&self) -> &'static str {
        self.reducer.name()
    }

    fn has_identity(&self) -> bool {
        self.reducer.has_identity()
    }

    fn needs_index(&self) -> bool {
        self.reducer.needs_index()
    }

    fn leaf(&self) -> Self::Leaf {
        self.reducer.leaf()
    }

    fn state(&self) -> Self::State {
        self.reducer.state()
    }

    fn push(&self, leaf: &mut Self::Leaf, element: A, index: u64) {
        if !(self.skips && element.is_nan()) {
            self.reducer.push(leaf, element, index);
        }
    }

    fn push_row(&self, leaves: &mut [Self::Leaf], row: &[A], index: u64) {
        if !self.skips {
            return self.reducer.push_row(leaves, row, index);
        }
        leaves.iter_mut().zip(row).for_each(|(leaf, &element)| self.push(leaf, element, index));
    }

    fn fold(&self, elements: &[A], index: u64, step: u64) -> Self::Leaf {
        if !self.skips || !elements.iter().any(|element| element.is_nan()) {
            return self.reducer.fold(elements, index, step);
        }
        let mut leaf = self.reducer.leaf();
        for (&element, place) in elements.iter().zip(0..) {
            self.push(&mut leaf, element, index + place * step);
        }
        leaf
    }

    fn merge(&self, state: &mut Self::State, leaf: &Self::Leaf) {
        self.reducer.merge(state, leaf);
    }

    fn finish(&self, state: &Self::State) -> Result<Self::Out> {
        self.reducer.finish(state)
    }
}
