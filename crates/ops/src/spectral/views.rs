//! Arrays as the passes see them: an output that is a part of what is written, the second part of a scratch
//! array, and a kernel in reverse.

use ndarray::{ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, Dimension, IxDyn, Slice};
use outcore_storage::{Layout, Result, Sliced, Source, Stored, Window};
use std::marker::PhantomData;

use crate::fft::between::Store;
use crate::signal::Signal;
use crate::transfer::WriteShared;

/// A sink that takes a part of a larger array, and leaves out the rest.
pub(super) struct Cropped<'a, T, D> {
    sink: &'a dyn WriteShared<T, D>,
    /// The shape of the larger array, and where in it the sink begins.
    shape: D,
    origin: D,
}

impl<'a, T, D: Dimension> Cropped<'a, T, D> {
    pub(super) fn new(sink: &'a dyn WriteShared<T, D>, shape: D, origin: D) -> Self {
        Self { sink, shape, origin }
    }

    /// What a window has of the sink: in the window's tile, and in the sink.
    fn inside(&self, window: &Window<D>) -> Option<(Window<D>, Window<D>)> {
        let sink = self.sink.shape();
        let (mut part, mut target) = (window.clone(), window.clone());
        for axis in 0..sink.ndim() {
            let begin = window.origin[axis].max(self.origin[axis]);
            let end = window.origin[axis] + window.shape[axis];
            let end = end.min(self.origin[axis] + sink[axis]);
            part.origin[axis] = begin;
            part.shape[axis] = end.checked_sub(begin).filter(|&len| len > 0)?;
            target.origin[axis] = begin - self.origin[axis];
            target.shape[axis] = part.shape[axis];
        }
        Some((part, target))
    }
}

impl<T, D: Dimension> Stored<D> for Cropped<'_, T, D> {
    fn layout(&self) -> Layout<D> {
        let sink = self.sink.layout();
        Layout::new(self.shape.clone(), sink.order(), sink.element_bytes(), sink.offset())
            .expect("as large as the padded source")
    }

    fn axes(&self) -> Vec<usize> {
        self.sink.axes()
    }
}

impl<T, D: Dimension> WriteShared<T, D> for Cropped<'_, T, D> {
    fn write(&self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        let Some((part, target)) = self.inside(window) else { return Ok(()) };
        let place =
            |axis: ndarray::AxisDescription| -> Slice { window.place_of(&part, axis.axis.index()) };
        self.sink.write(&target, tile.slice_each_axis(place))
    }

    fn sync(&self) -> Result<()> {
        self.sink.sync()
    }
}

/// The rows of a store of one matrix from one on.
pub(super) struct Below<'a, T> {
    store: &'a dyn Store<T, IxDyn>,
    first: usize,
    elements: PhantomData<fn(T)>,
}

impl<'a, T> Below<'a, T> {
    pub(super) fn new(store: &'a dyn Store<T, IxDyn>, first: usize) -> Self {
        Self { store, first, elements: PhantomData }
    }

    fn moved(&self, window: &Window<IxDyn>) -> Window<IxDyn> {
        let mut moved = window.clone();
        moved.origin[1] += self.first;
        moved
    }
}

impl<T> Stored<IxDyn> for Below<'_, T> {
    fn layout(&self) -> Layout<IxDyn> {
        Stored::layout(self.store)
    }
}

impl<T> Source<T, IxDyn> for Below<'_, T> {
    fn read_tile(&self, window: &Window<IxDyn>, tile: ArrayViewMutD<'_, T>) -> Result<()> {
        self.store.read_tile(&self.moved(window), tile)
    }
}

impl<T> WriteShared<T, IxDyn> for Below<'_, T> {
    fn write(&self, window: &Window<IxDyn>, tile: ArrayViewD<'_, T>) -> Result<()> {
        self.store.write(&self.moved(window), tile)
    }

    fn sync(&self) -> Result<()> {
        WriteShared::sync(self.store)
    }
}

/// The conjugate of a source, with the indices of all axes in reverse order.
pub(super) struct Mirrored<S, D>(Sliced<S, D>);

impl<D: Dimension, S: Stored<D>> Mirrored<S, D> {
    pub(super) fn new(base: S) -> Result<Self> {
        let reverse = vec![Slice::new(0, None, -1); base.shape().ndim()];
        Sliced::new(base, &reverse).map(Self)
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Mirrored<S, D> {
    fn layout(&self) -> Layout<D> {
        self.0.layout()
    }

    fn axes(&self) -> Vec<usize> {
        self.0.axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.0.read_bytes(window)
    }

    fn copies(&self) -> usize {
        self.0.copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.0.run_bytes(window)
    }
}

impl<A: Signal, D: Dimension, S: Source<A, D>> Source<A, D> for Mirrored<S, D> {
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, A, D>) -> Result<()> {
        self.0.read_tile(window, tile.view_mut())?;
        if !A::IS_REAL {
            tile.map_inplace(|x| *x = Signal::conj(*x));
        }
        Ok(())
    }
}
