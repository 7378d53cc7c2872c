//! The axes of an array from the slowest to the fastest, and which of them are transformed.
//!
//! ```text
//!     shape [7, 1, 64, 3, 5], axes 0 and 2        places
//!      │     │   │     └──┴─ neighbours that       7   64   15
//!      │     │   └ transformed  stay: one place    ▲    ▲
//!      │     └ length 1: none                      └────┴─ transformed
//! ```

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Order, Stored};

use crate::fourier::{Direction, Real};
use crate::grouped::Groups;
use crate::lanes::Lanes;
use crate::{Error, Result};

/// Places: single axes that are transformed, and neighbours that are not as one.
#[derive(Clone, Debug)]
pub(crate) struct Axes {
    groups: Vec<Vec<usize>>,
    lens: Vec<usize>,
    /// The places that are transformed.
    transformed: Vec<usize>,
}

impl Axes {
    /// Axes of length 1 have no place, unless one is `kept`.
    ///
    /// # Errors
    ///
    /// If an axis does not exist, is named twice, or has length 0.
    pub(crate) fn new<D: Dimension>(
        operation: &str,
        source: &(impl Stored<D> + ?Sized),
        axes: &[usize],
        kept: Option<usize>,
    ) -> Result<Self> {
        let shape = source.shape();
        let lens = shape.slice();
        let refused = |reason: String| {
            Err(Error::Shape(format!("{operation} cannot transform shape {lens:?}: {reason}")))
        };
        for (place, &axis) in axes.iter().enumerate() {
            if axis >= lens.len() {
                return refused(format!("it has {} axes, and no axis {axis}", lens.len()));
            }
            if axes[..place].contains(&axis) {
                return refused(format!("axis {axis} is named twice in {axes:?}"));
            }
            if lens[axis] == 0 {
                return refused(format!("its axis {axis} has length 0"));
            }
        }
        let stays = |axis: usize| !axes.contains(&axis);
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let placed = |axis: &usize| lens[*axis] != 1 || kept == Some(*axis);
        for axis in source.axes().into_iter().filter(placed) {
            match groups.last_mut() {
                Some(group) if stays(group[0]) && stays(axis) => group.push(axis),
                _ => groups.push(vec![axis]),
            }
        }
        let product = |group: &Vec<usize>| group.iter().map(|&axis| lens[axis]).product();
        let lens = groups.iter().map(product).collect();
        let transformed = (0..groups.len()).filter(|&place| !stays(groups[place][0])).collect();
        Ok(Self { groups, lens, transformed })
    }

    /// Refuses an array that a lane cannot be cut in: its parts are read and written in the order of the file,
    /// past its shape.
    pub(crate) fn check_runs<D: Dimension>(
        &self,
        operation: &str,
        array: &(impl Stored<D> + ?Sized),
    ) -> Result<()> {
        let reason = if !array.has_runs() {
            format!("{operation} needs source and sink whose elements lie in a row")
        } else if !self.are_in_order_of(array) {
            format!("{operation} was planned for elements in another order")
        } else {
            return Ok(());
        };
        Err(Error::Shape(reason))
    }

    /// Whether the axes of an array of the same shape are in this order.
    fn are_in_order_of<D: Dimension>(&self, array: &(impl Stored<D> + ?Sized)) -> bool {
        let shape = array.shape();
        let axes = array.axes().into_iter().filter(|&axis| shape[axis] != 1);
        axes.eq(self.groups.iter().flatten().copied().filter(|&axis| shape[axis] != 1))
    }

    /// The length of each place.
    pub(crate) fn lens(&self) -> &[usize] {
        &self.lens
    }

    pub(crate) fn transformed(&self) -> &[usize] {
        &self.transformed
    }

    pub(crate) fn last(&self) -> usize {
        self.lens.len().saturating_sub(1)
    }

    /// The place of an axis; `None` if it has length 1.
    pub(crate) fn place(&self, axis: usize) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(&axis))
    }

    /// The axis that a place is, if it is a single one.
    pub(crate) fn axis(&self, place: usize) -> Option<usize> {
        self.groups.get(place).filter(|group| group.len() == 1).map(|group| group[0])
    }

    /// An array with places for axes.
    pub(crate) fn places<D: Dimension>(&self, layout: &Layout<D>) -> Groups {
        Groups::of(layout, self.groups.clone())
    }

    /// An array with three axes: what is repeated, what is transformed first, the rest.
    pub(crate) fn thirds<D: Dimension>(&self, layout: &Layout<D>, split: usize) -> Groups {
        let first = self.first();
        let of = |places: std::ops::Range<usize>| self.groups[places].concat();
        Groups::of(layout, vec![of(0..first), of(first..split), of(split..self.groups.len())])
    }

    /// The first place that is transformed; if none is, the number of places.
    pub(crate) fn first(&self) -> usize {
        self.transformed.first().copied().unwrap_or(self.lens.len())
    }

    /// The lengths of the three axes of [`thirds`](Self::thirds).
    pub(crate) fn third_lens(&self, split: usize) -> [usize; 3] {
        let (first, lens) = (self.first(), &self.lens);
        [&lens[..first], &lens[first..split], &lens[split..]].map(|lens| lens.iter().product())
    }

    /// The axes of a tile of columns: the places before `split`, and columns; those that are transformed.
    pub(crate) fn column(&self, split: usize, width: usize) -> (Vec<usize>, Vec<usize>) {
        let first = self.first();
        let dims = [&self.lens[first..split], &[width]].concat();
        let places = self.transformed.iter().filter(|&&place| place < split);
        (dims, places.map(|place| place - first).collect())
    }

    /// The axes of a tile of rows: rows, and the places from `split` on; those that are transformed.
    pub(crate) fn row(&self, split: usize, height: usize) -> (Vec<usize>, Vec<usize>) {
        let dims = [&[height], &self.lens[split..]].concat();
        let places = self.transformed.iter().filter(|&&place| place >= split);
        (dims, places.map(|place| place - split + 1).collect())
    }

    /// What a pass along some places works on.
    pub(crate) fn name(&self, places: &[usize]) -> &'static str {
        let last = self.last();
        match (places.iter().any(|&place| place != last), places.contains(&last)) {
            (true, true) => "columns and rows",
            (true, false) => "columns",
            (false, true) => "rows",
            (false, false) => "copy",
        }
    }

    /// The transform along each transformed place, in order.
    pub(crate) fn lanes<T: Real>(&self, direction: Direction) -> Vec<Lanes<T>>
    where
        Complex<T>: Element,
    {
        let mut all: Vec<Lanes<T>> = Vec::new();
        for &place in &self.transformed {
            let same = all.iter().find(|lanes| lanes.len() == self.lens[place]);
            let lanes = same.map(|lanes| lanes.along(place));
            all.push(lanes.unwrap_or_else(|| Lanes::new(self.lens[place], place, direction)));
        }
        all
    }
}

/// The layout of an array with places for axes.
pub(crate) fn layout(axes: &Axes, element_bytes: usize, offset: u64) -> Layout<IxDyn> {
    Layout::new(dim(axes.lens()), Order::C, element_bytes, offset)
        .expect("an array with as many elements exists")
}

/// The elements between neighbours along an axis of a tile in C order.
pub(crate) fn inner_len(tile: &[usize], axis: usize) -> usize {
    tile[axis + 1..].iter().product()
}

pub(crate) fn dim(lens: &[usize]) -> IxDyn {
    IxDyn(lens)
}
