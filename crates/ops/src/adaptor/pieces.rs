//! Small parts of a window, through which elements go on their way.

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, ShapeBuilder};
use outcore_storage::{Element, Order, STAGING_BYTES, Window};

/// Halves a window until elements of so many bytes for each part are no more than [`STAGING_BYTES`].
pub(super) fn pieces<D: Dimension>(
    window: &Window<D>,
    order: Order,
    element_bytes: usize,
) -> impl Iterator<Item = Window<D>> {
    let most = STAGING_BYTES / element_bytes.max(1);
    window.clone().halved(order, move |piece| piece.len() <= most)
}

/// The part of a tile that belongs to a piece of its window.
pub(super) fn part<'a, T, D: Dimension>(
    tile: &'a ArrayView<'_, T, D>,
    window: &Window<D>,
    piece: &Window<D>,
) -> ArrayView<'a, T, D> {
    tile.slice_each_axis(|axis| window.place_of(piece, axis.axis.index()))
}

/// The same of a tile that is filled.
pub(super) fn part_mut<'a, T, D: Dimension>(
    tile: &'a mut ArrayViewMut<'_, T, D>,
    window: &Window<D>,
    piece: &Window<D>,
) -> ArrayViewMut<'a, T, D> {
    tile.slice_each_axis_mut(|axis| window.place_of(piece, axis.axis.index()))
}

/// Memory for a piece.
pub(super) fn staging<T: Element, D: Dimension>(piece: &Window<D>, order: Order) -> Array<T, D> {
    Array::from_elem(piece.shape.clone().set_f(order == Order::F), T::default())
}
