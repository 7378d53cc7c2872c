//! An array seen with fewer axes: neighbouring ones that are treated alike become one.
//!
//! ```text
//!     axes (4, 5, 6), seen as (20, 6)              a window of 7 in 20 is up to three boxes
//!
//!       0 ┌──────┐                                   0 ·····
//!       1 ├──────┤       0  ┌──────┐                 1 ··▒▒▒   head
//!       2 ├──────┤  ──▶     │      │                 2 ▒▒▒▒▒   middle
//!       3 └──────┘      19  └──────┘                 3 ▒····   tail
//! ```
//!
//! Axes are put from the slowest to the fastest, so that all of this is in C order, whatever the order
//! of the file. An operation that treats all axes alike sees a single one, and its tiles are cut
//! anywhere; one that works along an axis sees at most three: those outside, the axis, those inside.

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use outcore_storage::{Layout, Order, Result, Runs, STAGING_LEN, Source, Stored, Window};
use std::marker::PhantomData;
use std::ops::Range;

use crate::transfer::WriteShared;

/// How the axes of an array are grouped: groups from the slowest to the fastest, and axes within them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    axes: Vec<Vec<usize>>,
    /// The lengths of the axes of each group.
    lens: Vec<Vec<usize>>,
    /// Axes of length 1, which are in no group.
    ones: Vec<usize>,
    element_bytes: usize,
    offset: u64,
}

impl Groups {
    /// Groups neighbours, from the slowest to the fastest axis, that belong together.
    pub(crate) fn new<D: Dimension>(
        stored: &(impl Stored<D> + ?Sized),
        together: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let layout = stored.layout();
        let mut axes: Vec<Vec<usize>> = Vec::new();
        for axis in stored.axes().into_iter().filter(|&axis| layout.shape()[axis] != 1) {
            match axes.last_mut() {
                Some(group) if group.last().is_some_and(|&last| together(last, axis)) => {
                    group.push(axis);
                }
                _ => axes.push(vec![axis]),
            }
        }
        Self::of(&layout, axes)
    }

    /// Groups of axes; all others are of length 1.
    pub(crate) fn of<D: Dimension>(layout: &Layout<D>, axes: Vec<Vec<usize>>) -> Self {
        let len = |&axis: &usize| layout.shape()[axis];
        let lens = axes.iter().map(|group| group.iter().map(len).collect()).collect();
        let grouped = |axis: &usize| axes.iter().flatten().any(|other| other == axis);
        let ones = (0..layout.shape().ndim()).filter(|axis| !grouped(axis)).collect();
        let (element_bytes, offset) = (layout.element_bytes(), layout.offset());
        Self { axes, lens, ones, element_bytes, offset }
    }

    /// The same groups of another array of the same shape, in another order.
    pub(crate) fn reordered<D: Dimension>(&self, layout: &Layout<D>, order: &[usize]) -> Self {
        Self::of(layout, order.iter().map(|&group| self.axes[group].clone()).collect())
    }

    /// The axes of each group.
    pub(crate) fn axes(&self) -> &[Vec<usize>] {
        &self.axes
    }

    /// The length of each group.
    pub(crate) fn shape(&self) -> IxDyn {
        let lens: Vec<usize> = self.lens.iter().map(|lens| lens.iter().product()).collect();
        IxDyn(&lens)
    }

    fn layout(&self) -> Layout<IxDyn> {
        Layout::new(self.shape(), Order::C, self.element_bytes, self.offset)
            .expect("an array with as many elements exists")
    }

    /// The boxes of a window that are boxes of the array too, in the order of a tile. Each is contiguous
    /// in the tile or small.
    fn boxes(&self, window: &Window<IxDyn>) -> Vec<Window<IxDyn>> {
        let parts: Vec<Vec<Range<usize>>> = (self.lens.iter().zip(window.ranges()))
            .map(|(lens, range)| whole_parts(lens, &range))
            .collect();
        let mut boxes = Vec::new();
        if window.is_empty() {
            return boxes;
        }
        let count = parts.iter().map(Vec::len).product();
        for number in 0..count {
            let (mut rest, mut part) = (number, window.clone());
            for (axis, ranges) in parts.iter().enumerate().rev() {
                let range = &ranges[rest % ranges.len()];
                rest /= ranges.len();
                part.origin[axis] = range.start;
                part.shape[axis] = range.len();
            }
            let fits = |part: &_| is_contiguous(window, part) || part.len() <= STAGING_LEN;
            boxes.extend(part.halved(Order::C, fits));
        }
        boxes
    }

    /// A box of groups as a box of the array.
    fn ungrouped<D: Dimension>(&self, part: &Window<IxDyn>) -> Window<D> {
        let count = self.axes.iter().map(Vec::len).sum::<usize>() + self.ones.len();
        let mut window = Window::whole(D::zeros(count));
        self.ones.iter().for_each(|&axis| window.shape[axis] = 1);
        for ((axes, lens), range) in self.axes.iter().zip(&self.lens).zip(part.ranges()) {
            let (mut first, mut last) = (range.start, range.end - 1);
            for (&axis, &len) in axes.iter().zip(lens).rev() {
                window.origin[axis] = first % len;
                window.shape[axis] = last % len - first % len + 1;
                (first, last) = (first / len, last / len);
            }
        }
        window
    }

    /// The shape of a box of the array, axes from the slowest to the fastest, and for each axis of the
    /// array where it is in there.
    fn split<D: Dimension>(&self, window: &Window<D>) -> (IxDyn, IxDyn) {
        let order: Vec<usize> = self.axes.iter().flatten().chain(&self.ones).copied().collect();
        let mut places = vec![0; order.len()];
        for (place, &axis) in order.iter().enumerate() {
            places[axis] = place;
        }
        let lens: Vec<usize> = order.iter().map(|&axis| window.shape[axis]).collect();
        (IxDyn(&lens), IxDyn(&places))
    }
}

/// Whether a part of a window is contiguous in the window's tile.
fn is_contiguous(window: &Window<IxDyn>, part: &Window<IxDyn>) -> bool {
    let slowest = part.slowest_axis(Order::C).unwrap_or(0);
    (slowest + 1..part.shape.ndim()).all(|axis| part.shape[axis] == window.shape[axis])
}

/// Cuts a range of a group of axes into ranges that are boxes of these axes.
fn whole_parts(lens: &[usize], range: &Range<usize>) -> Vec<Range<usize>> {
    let inner: usize = lens.iter().skip(1).product();
    if lens.len() <= 1 || range.is_empty() {
        return vec![range.clone()];
    }
    let (first, last) = (range.start / inner, (range.end - 1) / inner);
    let within = |index: usize| {
        let begin = index * inner;
        let range = range.start.max(begin) - begin..range.end.min(begin + inner) - begin;
        let parts = whole_parts(&lens[1..], &range).into_iter();
        parts.map(move |part| begin + part.start..begin + part.end)
    };
    if first == last {
        return within(first).collect();
    }
    let mut parts = Vec::new();
    let middle = range.start.div_ceil(inner)..range.end / inner;
    if first < middle.start {
        parts.extend(within(first));
    }
    if !middle.is_empty() {
        parts.push(middle.start * inner..middle.end * inner);
    }
    if last >= middle.end {
        parts.extend(within(last));
    }
    parts
}

/// A source or a sink with its axes grouped.
pub(crate) struct Grouped<'a, S: ?Sized, D> {
    array: &'a S,
    groups: &'a Groups,
    dimension: PhantomData<fn(D)>,
}

impl<'a, S: Stored<D> + ?Sized, D: Dimension> Grouped<'a, S, D> {
    pub(crate) fn new(array: &'a S, groups: &'a Groups) -> Self {
        Self { array, groups, dimension: PhantomData }
    }
}

impl<S: Stored<D> + ?Sized, D: Dimension> Stored<IxDyn> for Grouped<'_, S, D> {
    fn layout(&self) -> Layout<IxDyn> {
        self.groups.layout()
    }

    fn read_bytes(&self, window: &Window<IxDyn>) -> u64 {
        let boxes = self.groups.boxes(window).into_iter();
        boxes.map(|part| self.array.read_bytes(&self.groups.ungrouped(&part))).sum()
    }

    fn copies(&self) -> usize {
        self.array.copies()
    }

    /// Groups are in the order of the file, but for an array of another order than they are from.
    fn has_runs(&self) -> bool {
        self.array.has_runs() && self.in_order_of_file()
    }

    fn run_bytes(&self, window: &Window<IxDyn>) -> u64 {
        let boxes = self.groups.boxes(window).into_iter();
        boxes.map(|part| self.array.run_bytes(&self.groups.ungrouped(&part))).max().unwrap_or(0)
    }
}

impl<T, S, D> Source<T, IxDyn> for Grouped<'_, S, D>
where
    T: Copy + Default + Send + Sync,
    S: Source<T, D> + ?Sized,
    D: Dimension,
{
    fn read_tile(&self, window: &Window<IxDyn>, mut tile: ArrayViewMutD<'_, T>) -> Result<()> {
        for part in self.groups.boxes(window) {
            let target = self.groups.ungrouped::<D>(&part);
            let (shape, places) = self.groups.split(&target);
            let mut place =
                tile.slice_each_axis_mut(|axis| window.place_of(&part, axis.axis.index()));
            if let Ok(view) = place.view_mut().into_shape_with_order(shape.clone()) {
                let view = view.permuted_axes(places).into_dimensionality::<D>();
                self.array.read_tile(&target, view.expect("as many axes as the array"))?;
                continue;
            }
            let mut staging = Array::from_elem(shape, T::default());
            let view = staging.view_mut().permuted_axes(places).into_dimensionality::<D>();
            self.array.read_tile(&target, view.expect("as many axes as the array"))?;
            let staging = staging.into_shape_with_order(place.raw_dim());
            place.assign(&staging.expect("as many elements"));
        }
        Ok(())
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.array.read_runs(runs, elements)
    }
}

impl<S: Stored<D> + ?Sized, D: Dimension> Grouped<'_, S, D> {
    fn in_order_of_file(&self) -> bool {
        let shape = self.array.shape();
        let axes = self.array.axes().into_iter().filter(|&axis| shape[axis] != 1);
        let groups = self.groups.axes.iter().flatten().copied().filter(|&axis| shape[axis] != 1);
        axes.eq(groups)
    }
}

impl<T, S, D> WriteShared<T, IxDyn> for Grouped<'_, S, D>
where
    T: Copy + Default + Send + Sync,
    S: WriteShared<T, D> + ?Sized,
    D: Dimension,
{
    fn write(&self, window: &Window<IxDyn>, tile: ArrayViewD<'_, T>) -> Result<()> {
        for part in self.groups.boxes(window) {
            let target = self.groups.ungrouped::<D>(&part);
            let (shape, places) = self.groups.split(&target);
            let place = tile.slice_each_axis(|axis| window.place_of(&part, axis.axis.index()));
            let mut staging = Vec::new();
            if !place.is_standard_layout() {
                staging.extend(place.iter().copied());
            }
            let elements = place.to_slice().unwrap_or(&staging);
            let view = ArrayView::from_shape(shape, elements);
            let view = view.expect("as many elements").permuted_axes(places);
            let view = view.into_dimensionality::<D>().expect("as many axes as the array");
            self.array.write(&target, view)?;
        }
        Ok(())
    }

    fn write_runs(&self, runs: Runs, elements: &[T]) -> Result<()> {
        self.array.write_runs(runs, elements)
    }

    fn sync(&self) -> Result<()> {
        self.array.sync()
    }
}
