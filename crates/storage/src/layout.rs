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
        Runs { next: first, run_len, remaining, index: vec![0; outer], extent, strides }
    }
}

/// The runs of a window, as the index of the first element of each; see [`Layout::runs`].
#[derive(Clone, Debug)]
pub struct Runs {
    next: usize,
    run_len: usize,
    remaining: usize,
    index: Vec<usize>,
    extent: Vec<usize>,
    strides: Vec<usize>,
}

impl Runs {
    /// A single run.
    pub fn one(start: usize, run_len: usize) -> Self {
        let none = Vec::new;
        let (index, extent, strides) = (none(), none(), none());
        Self { next: start, run_len, remaining: 1, index, extent, strides }
    }

    /// The number of elements in each run.
    pub fn run_len(&self) -> usize {
        self.run_len
    }

    /// Takes the next so many runs, or as many as there are.
    #[must_use]
    pub fn take_runs(&mut self, count: usize) -> Self {
        let mut taken = self.clone();
        taken.remaining = count.min(self.remaining);
        if let Some(last) = taken.remaining.checked_sub(1) {
            self.nth(last);
        }
        taken
    }
}

impl Iterator for Runs {
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

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Runs {}

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
            let run_len = runs.run_len();
            let found: Vec<_> = runs.flat_map(|start| start..start + run_len).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn whole_rows_are_one_run() {
        let layout = Layout::new(Dim([4, 6, 2]), Order::C, 8, 0).unwrap();
        let runs = layout.runs(&Window::from([1..3, 0..6, 0..2]));
        assert_eq!((runs.len(), runs.run_len()), (1, 24));
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
