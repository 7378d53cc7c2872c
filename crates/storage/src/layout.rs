//! Where the elements of an array lie in its file, and which runs of bytes a window is made of.
//!
//! ```text
//!   window [1..3, 2..5] of a C-order array of shape [4, 6]:     in the file:
//!
//!     ·  ·  ·  ·  ·  ·
//!     ·  ·  ▒  ▒  ▒  ·       two runs of three elements     ····· ··▒▒▒· ··▒▒▒· ·····
//!     ·  ·  ▒  ▒  ▒  ·                                              run 0   run 1
//!     ·  ·  ·  ·  ·  ·
//! ```
//!
//! A window that covers whole rows is a single run. Everything here is computed in the order of
//! memory, from the slowest to the fastest axis, so that C and Fortran order are one case.

use ndarray::Dimension;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::Window;

/// The order of an array's elements in memory or in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The last axis varies fastest: rows are contiguous.
    #[default]
    C,
    /// The first axis varies fastest: columns are contiguous.
    F,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::C => "C",
            Self::F => "F",
        })
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "C" | "c" => Ok(Self::C),
            "F" | "f" => Ok(Self::F),
            _ => Err(format!("unknown order {text:?}; known are C and F")),
        }
    }
}

/// Where the elements of an array lie: its shape, order, bytes per element and first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout<D> {
    shape: D,
    order: Order,
    element_bytes: usize,
    offset: u64,
}

impl<D: Dimension> Layout<D> {
    /// The layout of an array whose first element lies at byte `offset`; `None` if its elements
    /// cannot be counted in `isize` or its bytes in a file's length.
    pub fn new(shape: D, order: Order, element_bytes: usize, offset: u64) -> Option<Self> {
        // As ndarray does, axes of length 0 are left out: the others must be countable too.
        let nonzero = shape.slice().iter().filter(|&&len| len > 0);
        let bytes =
            nonzero.copied().chain([element_bytes]).try_fold(1_usize, usize::checked_mul)?;
        // What takes no bytes ends where it begins.
        let held = if shape.slice().contains(&0) { 0 } else { bytes };
        let end = u64::try_from(held).ok()?.checked_add(offset)?;
        let countable = isize::try_from(bytes).is_ok() && i64::try_from(end).is_ok();
        countable.then_some(Self { shape, order, element_bytes, offset })
    }

    /// The length of each axis.
    pub fn shape(&self) -> &D {
        &self.shape
    }

    /// The order of the elements.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The bytes of one element.
    pub fn element_bytes(&self) -> usize {
        self.element_bytes
    }

    /// The first byte of the first element in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.size()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all elements.
    pub fn bytes(&self) -> u64 {
        self.len() as u64 * self.element_bytes as u64
    }

    /// The axes from the slowest to the fastest.
    pub fn axes(&self) -> impl DoubleEndedIterator<Item = usize> + use<D> {
        let (last, order) = (self.shape.ndim().wrapping_sub(1), self.order);
        (0..self.shape.ndim()).map(move |axis| match order {
            Order::C => axis,
            Order::F => last - axis,
        })
    }

    /// The fastest axis: its neighbours lie next to each other. `None` for an array of no axes.
    pub fn fastest_axis(&self) -> Option<usize> {
        self.axes().next_back()
    }

    /// The contiguous runs of elements that make up a window, in the order of the file.
    pub fn runs(&self, window: &Window<D>) -> Runs {
        let pick = |lengths: &D| self.axes().map(|axis| lengths[axis]).collect::<Vec<_>>();
        let (shape, origin, mut extent) =
            (pick(&self.shape), pick(&window.origin), pick(&window.shape));
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        // A run takes in every fast axis that is covered whole, and one more.
        let (mut run_len, mut outer) = (1, extent.len());
        while outer > 0 {
            outer -= 1;
            run_len *= extent[outer];
            if extent[outer] != shape[outer] {
                break;
            }
        }
        let first = origin.iter().zip(&strides).map(|(o, s)| o * s).sum();
        let remaining = if window.is_empty() { 0 } else { extent[..outer].iter().product() };
        extent.truncate(outer);
        strides.truncate(outer);
        let starts = Starts { next: first, remaining, index: vec![0; outer], extent, strides };
        Runs { starts, run_len, rest: 0..0, turns: Vec::new() }
    }
}

/// The runs of a window, as ranges of elements in the order of the file; see [`Layout::runs`].
///
/// All are of one length, unless they are [turned](Self::turned).
#[derive(Clone, Debug)]
pub struct Runs {
    starts: Starts,
    run_len: usize,
    /// What is left of a run that is in several parts.
    rest: Range<usize>,
    turns: Vec<Turn>,
}

impl Runs {
    /// A single run.
    pub fn one(start: usize, run_len: usize) -> Self {
        let none = Vec::new;
        let (index, extent, strides) = (none(), none(), none());
        let starts = Starts { next: start, remaining: 1, index, extent, strides };
        Self { starts, run_len, rest: 0..0, turns: Vec::new() }
    }

    /// The same runs, so many elements later, before they are [turned](Self::turned).
    #[must_use]
    pub fn later(mut self, elements: usize) -> Self {
        self.starts.next += elements;
        self.rest = self.rest.start + elements..self.rest.end + elements;
        self
    }

    /// Where the same elements are in an array whose blocks of `block` elements are turned: what is first
    /// in a block is at `by` there, and what leaves the block at its end comes back at its beginning. A run
    /// that this divides is in several parts.
    ///
    /// ```
    /// use outcore_storage::Runs;
    ///
    /// // 0 1 2 3 4 5 6 7 8 9  is  3 4 0 1 2 8 9 5 6 7
    /// let parts: Vec<_> = Runs::one(1, 7).turned(5, 3).collect();
    /// assert_eq!(parts, [4..5, 0..3, 8..10, 5..6]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `by` is not less than `block`.
    #[must_use]
    pub fn turned(mut self, block: usize, by: usize) -> Self {
        assert!(by < block, "a block of {block} elements has no element {by}");
        if by > 0 {
            self.turns.push(Turn { block, by });
        }
        self
    }

    /// The number of elements in each run, before it is [turned](Self::turned).
    pub fn run_len(&self) -> usize {
        self.run_len
    }

    /// The number of elements in all runs that are left.
    pub fn elements(&self) -> usize {
        self.rest.len() + self.starts.remaining * self.run_len
    }

    /// The most elements that are in one range.
    pub(crate) fn longest(&self) -> usize {
        let turns = self.turns.iter().map(|turn| turn.by.max(turn.block - turn.by));
        turns.fold(self.run_len, usize::min)
    }

    /// Takes the next so many runs, or as many as there are.
    #[must_use]
    pub fn take_runs(&mut self, count: usize) -> Self {
        let mut taken = self.clone();
        taken.starts.remaining = count.min(self.starts.remaining);
        if let Some(last) = taken.starts.remaining.checked_sub(1) {
            self.starts.nth(last);
        }
        self.rest = 0..0;
        taken
    }

    /// Each range with its part of elements that lie one after another.
    pub(crate) fn with<T>(self, mut elements: &[T]) -> impl Iterator<Item = (usize, &[T])> {
        self.map(move |run| {
            let (now, later) = elements.split_at(run.len().min(elements.len()));
            elements = later;
            (run.start, now)
        })
    }

    /// The same to be changed.
    pub(crate) fn with_mut<T>(
        self,
        mut elements: &mut [T],
    ) -> impl Iterator<Item = (usize, &mut [T])> {
        self.map(move |run| {
            let rest = std::mem::take(&mut elements);
            let (now, later) = rest.split_at_mut(run.len().min(rest.len()));
            elements = later;
            (run.start, now)
        })
    }
}

impl Iterator for Runs {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.rest.is_empty() {
            let start = self.starts.next()?;
            self.rest = start..start + self.run_len;
        }
        let part = self.turns.iter().fold(self.rest.clone(), |part, turn| turn.apply(part));
        self.rest.start += part.len();
        Some(part)
    }
}

/// Blocks of elements, turned by less than their length.
#[derive(Clone, Copy, Debug)]
struct Turn {
    block: usize,
    by: usize,
}

impl Turn {
    /// Where the beginning of a range is, as much of it as stays together.
    fn apply(self, range: Range<usize>) -> Range<usize> {
        let within = range.start % self.block;
        // The first element that comes back at the beginning.
        let seam = self.block - self.by;
        let (end, to) =
            if within < seam { (seam, within + self.by) } else { (self.block, within - seam) };
        let start = range.start - within + to;
        start..start + range.len().min(end - within)
    }
}

/// The first elements of runs.
#[derive(Clone, Debug)]
struct Starts {
    next: usize,
    remaining: usize,
    index: Vec<usize>,
    extent: Vec<usize>,
    strides: Vec<usize>,
}

impl Iterator for Starts {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.remaining = self.remaining.checked_sub(1)?;
        let start = self.next;
        for axis in (0..self.index.len()).rev() {
            self.index[axis] += 1;
            self.next += self.strides[axis];
            if self.index[axis] < self.extent[axis] {
                break;
            }
            self.next -= self.strides[axis] * self.extent[axis];
            self.index[axis] = 0;
        }
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Dim, IxDyn, ShapeBuilder};
    use proptest::prelude::*;

    fn window_in(lengths: Vec<usize>) -> impl Strategy<Value = (Vec<usize>, Window<IxDyn>)> {
        let ranges: Vec<_> =
            lengths.iter().map(|&n| (0..=n).prop_flat_map(move |o| (Just(o), 0..=n - o))).collect();
        (Just(lengths), ranges).prop_map(|(lengths, ranges)| {
            let (origin, shape): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
            (lengths, Window::new(Dim(origin), Dim(shape)))
        })
    }

    proptest! {
        #[test]
        fn runs_are_the_elements_of_the_window_in_file_order(
            (lengths, window) in prop::collection::vec(0_usize..5, 0..4).prop_flat_map(window_in),
            fortran: bool,
        ) {
            let order = if fortran { Order::F } else { Order::C };
            let layout = Layout::new(Dim(lengths.clone()), order, 1, 0).unwrap();
            let size = lengths.iter().product();
            let numbered =
                Array::from_shape_vec(IxDyn(&lengths).set_f(fortran), (0..size).collect()).unwrap();
            let part = numbered.slice_each_axis(|axis| window.slice(axis.axis.index()));
            let expected: Vec<_> =
                if fortran { part.t().iter().copied().collect() } else { part.iter().copied().collect() };
            let runs = layout.runs(&window);
            prop_assert_eq!(runs.elements(), expected.len());
            let found: Vec<_> = runs.flatten().collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn turned_runs_are_where_the_elements_have_gone(
            (start, len) in (0_usize..30, 0_usize..30),
            turns in prop::collection::vec((1_usize..12, 0_usize..12), 0..3),
            taken in 0_usize..5,
        ) {
            let gone = |element: usize, &(block, by): &(usize, usize)| {
                element / block * block + (element % block + by) % block
            };
            let expected: Vec<_> =
                (start..start + len).map(|element| turns.iter().fold(element, gone)).collect();
            let mut runs = turns.iter().fold(Runs::one(start, len), |runs, &(block, by)| {
                runs.turned(block, by % block)
            });
            prop_assert!(runs.clone().all(|part| part.len() <= runs.longest()));
            let mut found = Vec::new();
            for part in runs.by_ref().take(taken) {
                found.extend(part);
            }
            prop_assert_eq!(runs.elements(), len - found.len());
            let rest = runs.take_runs(usize::MAX);
            prop_assert_eq!((runs.elements(), runs.next()), (0, None));
            found.extend(rest.flatten());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn whole_rows_are_one_run() {
        let layout = Layout::new(Dim([4, 6, 2]), Order::C, 8, 0).unwrap();
        let runs = layout.runs(&Window::from([1..3, 0..6, 0..2]));
        assert_eq!((runs.elements(), runs.run_len()), (24, 24));
        assert_eq!(runs.later(5).next(), Some(12 + 5..36 + 5));
    }

    #[test]
    fn refuses_sizes_that_cannot_be_counted() {
        assert!(Layout::new(Dim([usize::MAX, 2]), Order::C, 1, 0).is_none());
        assert!(Layout::new(Dim([0, usize::MAX, 2]), Order::C, 1, 0).is_none());
        assert!(Layout::new(Dim([1 << 62]), Order::C, 8, 0).is_none());
        assert!(Layout::new(Dim([1]), Order::C, 8, u64::MAX).is_none());
        let most = isize::MAX.unsigned_abs();
        assert!(Layout::new(Dim([most]), Order::C, 1, 1).is_none());
        assert!(Layout::new(Dim([0, most]), Order::C, 1, 1).is_some());
        assert!(Layout::new(Dim([1 << 40]), Order::C, 8, 1 << 40).is_some());
    }
}
