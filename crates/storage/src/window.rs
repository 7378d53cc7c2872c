//! A box of indices inside an array.

use ndarray::{Dim, Dimension, Ix, Ix1, Slice};
use std::fmt;
use std::ops::Range;

use crate::{ErrorKind, Order};

/// A box of indices: where it begins and how long it is, along each axis.
///
/// ```
/// use outcore_storage::Window;
///
/// let window = Window::from([2..5, 0..4]);
/// assert_eq!(window.len(), 12);
/// assert_eq!(window.to_string(), "[2..5, 0..4]");
/// assert_eq!(Window::from(2..5).to_string(), "[2..5]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window<D> {
    /// The first index along each axis.
    pub origin: D,
    /// The number of indices along each axis.
    pub shape: D,
}

impl<D: Dimension> Window<D> {
    /// The window of a shape that begins at an index.
    pub fn new(origin: D, shape: D) -> Self {
        Self { origin, shape }
    }

    /// The window that covers a whole array.
    pub fn whole(shape: D) -> Self {
        Self { origin: D::zeros(shape.ndim()), shape }
    }

    /// The number of elements in the window.
    ///
    /// # Panics
    ///
    /// If the number overflows `usize`; it does not for a window inside an array.
    pub fn len(&self) -> usize {
        self.shape.size_checked().expect("a window inside an array has a countable size")
    }

    /// Whether the window holds no element.
    pub fn is_empty(&self) -> bool {
        self.shape.slice().contains(&0)
    }

    /// The indices along each axis.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.origin.slice().iter().zip(self.shape.slice()).map(|(&o, &n)| o..o.saturating_add(n))
    }

    /// The window as the argument of ndarray's `slice_each_axis`.
    pub fn slice(&self, axis: usize) -> Slice {
        Slice::from(self.origin[axis]..self.origin[axis] + self.shape[axis])
    }

    /// Whether the window lies inside an array of this shape.
    pub fn is_inside(&self, shape: &D) -> bool {
        self.origin.ndim() == shape.ndim()
            && self.shape.ndim() == shape.ndim()
            && self.ranges().zip(shape.slice()).zip(self.origin.slice()).all(
                // The end saturates, so a window that overflows is longer than any axis.
                |((range, &len), &origin)| {
                    range.end <= len && origin <= len && range.end != usize::MAX
                },
            )
    }

    /// Checks that the window lies inside an array and that a tile has its shape.
    ///
    /// # Errors
    ///
    /// If one of them does not.
    pub fn check(&self, shape: &D, tile: &D) -> Result<(), ErrorKind> {
        if !self.is_inside(shape) {
            let shape = shape.slice().to_vec();
            return Err(ErrorKind::OutOfBounds { window: self.to_string(), shape });
        }
        if *tile != self.shape {
            let (tile, window) = (tile.slice().to_vec(), self.shape.slice().to_vec());
            return Err(ErrorKind::WrongShape { tile, window });
        }
        Ok(())
    }

    /// The two windows on both sides of an index, counted from this window's origin.
    ///
    /// # Panics
    ///
    /// If `index` is greater than the window's length along `axis`.
    pub fn split_at(&self, axis: usize, index: usize) -> (Self, Self) {
        assert!(index <= self.shape[axis], "index {index} outside {self} along axis {axis}");
        let (mut low, mut high) = (self.clone(), self.clone());
        low.shape[axis] = index;
        high.origin[axis] += index;
        high.shape[axis] -= index;
        (low, high)
    }

    /// Where a part of this window lies in its tile, along an axis, as ndarray's slice.
    pub fn place_of(&self, part: &Self, axis: usize) -> Slice {
        let begin = part.origin[axis] - self.origin[axis];
        Slice::from(begin..begin + part.shape[axis])
    }

    /// Halves the window until its parts satisfy a condition or are single elements. The parts keep
    /// the longest runs and are in the order of memory; an empty window has none.
    pub fn halved(self, order: Order, fits: impl Fn(&Self) -> bool) -> impl Iterator<Item = Self> {
        // What is left to be halved, from the last to the first.
        let mut rest = if self.is_empty() { vec![] } else { vec![self] };
        std::iter::from_fn(move || {
            loop {
                let part = rest.pop()?;
                let axis = part.slowest_axis(order).filter(|_| !fits(&part));
                let Some(axis) = axis else { return Some(part) };
                let (low, high) = part.split_at(axis, part.shape[axis] / 2);
                rest.extend([high, low]);
            }
        })
    }

    /// The axis to halve so that both halves keep the longest runs: the slowest that has a middle.
    pub fn slowest_axis(&self, order: Order) -> Option<usize> {
        let divisible = |&axis: &usize| self.shape[axis] > 1;
        match order {
            Order::C => (0..self.shape.ndim()).find(divisible),
            Order::F => (0..self.shape.ndim()).rev().find(divisible),
        }
    }
}

impl<const N: usize> From<[Range<usize>; N]> for Window<Dim<[Ix; N]>>
where
    Dim<[Ix; N]>: Dimension,
{
    fn from(ranges: [Range<usize>; N]) -> Self {
        let mut window = Self::whole(Dim::<[Ix; N]>::zeros(N));
        for (axis, range) in ranges.into_iter().enumerate() {
            window.origin[axis] = range.start;
            window.shape[axis] = range.len();
        }
        window
    }
}

impl From<Range<usize>> for Window<Ix1> {
    fn from(range: Range<usize>) -> Self {
        Self::new(Ix1(range.start), Ix1(range.len()))
    }
}

impl<D: Dimension> fmt::Display for Window<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<_> = self.ranges().map(|range| format!("{range:?}")).collect();
        write!(f, "[{}]", ranges.join(", "))
    }
}
