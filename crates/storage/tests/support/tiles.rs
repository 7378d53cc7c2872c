//! Random shapes, windows inside them, and tiles of random strides.

use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Dim, Dimension, IxDyn, Slice};
use outcore_storage::Window;
use proptest::prelude::*;

/// Shapes of up to four short axes, some of them empty.
pub(crate) fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..6, 0..5)
}

/// A window inside a shape.
pub(crate) fn window_in(shape: &[usize]) -> impl Strategy<Value = Window<IxDyn>> + use<> {
    let axes: Vec<_> =
        shape.iter().map(|&n| (0..=n).prop_flat_map(move |o| (Just(o), 0..=n - o))).collect();
    axes.prop_map(|ranges| {
        let (origin, shape): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
        Window::new(Dim(origin), Dim(shape))
    })
}

/// How a tile lies in memory: the order of its axes, and the step along each.
#[derive(Clone, Debug)]
pub(crate) struct Strides {
    axes: Vec<usize>,
    steps: Vec<isize>,
}

/// Strides for so many axes: any order of axes, every second element, backwards.
pub(crate) fn strides(ndim: usize) -> impl Strategy<Value = Strides> {
    let axes = Just((0..ndim).collect::<Vec<_>>()).prop_shuffle();
    let steps = prop::collection::vec(prop::sample::select(vec![1, 1, 2, -1]), ndim);
    (axes, steps).prop_map(|(axes, steps)| Strides { axes, steps })
}

/// A tile of some strides, with the memory around it.
pub(crate) struct Tile<T> {
    memory: ArrayD<T>,
    strides: Strides,
}

impl<T: Copy> Tile<T> {
    /// A tile of a shape, filled with one value.
    pub(crate) fn new(shape: &[usize], strides: Strides, value: T) -> Self {
        let mut lengths = vec![0; shape.len()];
        for (axis, &from) in strides.axes.iter().enumerate() {
            lengths[from] = shape[axis] * strides.steps[from].unsigned_abs();
        }
        Self { memory: ArrayD::from_elem(lengths, value), strides }
    }

    pub(crate) fn view(&self) -> ArrayViewD<'_, T> {
        let steps = &self.strides.steps;
        let view = self.memory.slice_each_axis(|axis| step(steps[axis.axis.index()]));
        view.permuted_axes(self.strides.axes.clone())
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        let steps = &self.strides.steps;
        let view = self.memory.slice_each_axis_mut(|axis| step(steps[axis.axis.index()]));
        view.permuted_axes(self.strides.axes.clone())
    }
}

fn step(step: isize) -> Slice {
    Slice::new(0, None, step)
}

/// The part of an array in RAM that a window covers.
pub(crate) fn part<'a, T>(array: &'a ArrayD<T>, window: &Window<IxDyn>) -> ArrayViewD<'a, T> {
    array.slice_each_axis(|axis| window.slice(axis.axis.index()))
}

/// The same to be written.
pub(crate) fn part_mut<'a, T>(
    array: &'a mut ArrayD<T>,
    window: &Window<IxDyn>,
) -> ArrayViewMutD<'a, T> {
    array.slice_each_axis_mut(|axis| window.slice(axis.axis.index()))
}

/// Windows of the same number of axes that reach outside a shape.
pub(crate) fn window_outside(shape: &[usize]) -> impl Strategy<Value = Window<IxDyn>> + use<> {
    let axes = prop::collection::vec((0_usize..8, 0_usize..8), shape.len());
    let outside = (0..shape.len(), prop::sample::select(vec![1_usize, 7, usize::MAX / 2]));
    let shape = shape.to_vec();
    (axes, outside).prop_map(move |(ranges, (axis, beyond))| {
        let (origin, mut lengths): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
        lengths[axis] = (shape[axis] + beyond).saturating_sub(origin[axis]).max(lengths[axis]);
        let mut origin: IxDyn = Dim(origin);
        if origin[axis] + lengths[axis] <= shape[axis] {
            origin[axis] = shape[axis] + beyond;
        }
        debug_assert_eq!(origin.ndim(), shape.len());
        Window::new(origin, Dim(lengths))
    })
}
