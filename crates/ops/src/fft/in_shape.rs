//! An array seen in another shape: the same elements in the order of the file, in C order.

use ndarray::{ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use outcore_storage::{Layout, Order, Result, Runs, STAGING_LEN, Source, Stored, Window};
use std::marker::PhantomData;

use crate::transfer::WriteShared;

/// An array that [has runs](Stored::has_runs), in another shape.
pub(crate) struct InShape<'a, S: ?Sized, D> {
    array: &'a S,
    layout: Layout<IxDyn>,
    /// The elements before the first one, and between what belongs to neighbours along the first axis.
    begin: usize,
    gap: usize,
    dimension: PhantomData<fn(D)>,
}

impl<'a, S: Stored<D> + ?Sized, D: Dimension> InShape<'a, S, D> {
    /// In a shape of as many elements, or fewer.
    pub(crate) fn new(array: &'a S, shape: &[usize]) -> Self {
        Self::with_gap(array, shape, 0)
    }

    /// The same with so many elements left out after all that have the same place along the first axis. Windows
    /// must have one place there.
    pub(crate) fn with_gap(array: &'a S, shape: &[usize], gap: usize) -> Self {
        let of = array.layout();
        let layout = Layout::new(IxDyn(shape), Order::C, of.element_bytes(), of.offset());
        let layout = layout.expect("an array with as many elements exists");
        Self { array, layout, begin: 0, gap, dimension: PhantomData }
    }

    /// The same so many elements later.
    pub(crate) fn later(self, begin: usize) -> Self {
        Self { begin, ..self }
    }

    fn runs(&self, window: &Window<IxDyn>) -> Runs {
        self.layout.runs(window).later(self.begin + window.origin[0] * self.gap)
    }
}

impl<S: Stored<D> + ?Sized, D: Dimension> Stored<IxDyn> for InShape<'_, S, D> {
    fn layout(&self) -> Layout<IxDyn> {
        self.layout.clone()
    }

    fn copies(&self) -> usize {
        self.array.copies()
    }
}

impl<T, S, D> Source<T, IxDyn> for InShape<'_, S, D>
where
    T: Copy + Default,
    S: Source<T, D> + ?Sized,
    D: Dimension,
{
    fn read_tile(&self, window: &Window<IxDyn>, mut tile: ArrayViewMutD<'_, T>) -> Result<()> {
        if let Some(elements) = tile.as_slice_mut() {
            return self.array.read_runs(self.runs(window), elements);
        }
        for piece in window.clone().halved(Order::C, |piece| piece.len() <= STAGING_LEN) {
            let mut staging = ndarray::Array::from_elem(piece.shape.clone(), T::default());
            let elements = staging.as_slice_mut().expect("in C order");
            self.array.read_runs(self.runs(&piece), elements)?;
            let place = |axis: ndarray::AxisDescription| window.place_of(&piece, axis.axis.index());
            tile.slice_each_axis_mut(place).assign(&staging);
        }
        Ok(())
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.array.read_runs(runs, elements)
    }
}

impl<T, S, D> WriteShared<T, IxDyn> for InShape<'_, S, D>
where
    T: Copy + Default,
    S: WriteShared<T, D> + ?Sized,
    D: Dimension,
{
    fn write(&self, window: &Window<IxDyn>, tile: ArrayViewD<'_, T>) -> Result<()> {
        if let Some(elements) = tile.as_slice() {
            return self.array.write_runs(self.runs(window), elements);
        }
        for piece in window.clone().halved(Order::C, |piece| piece.len() <= STAGING_LEN) {
            let place = |axis: ndarray::AxisDescription| window.place_of(&piece, axis.axis.index());
            let elements: Vec<T> = tile.slice_each_axis(place).iter().copied().collect();
            self.array.write_runs(self.runs(&piece), &elements)?;
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
