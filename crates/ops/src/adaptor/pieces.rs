//! Small parts of a window, through which elements go on their way.

use ndarray::{Array, ArrayView, ArrayViewMut, AxisDescription, Dimension, ShapeBuilder, Slice};
use outcore_storage::{Element, Order, STAGING_BYTES, Window};

/// Halves a window until elements of so many bytes for each part are no more than [`STAGING_BYTES`].
pub(super) fn pieces<D: Dimension>(
    window: &Window<D>,
    order: Order,
    element_bytes: usize,
) -> Vec<Window<D>> {
    let mut pieces = Vec::new();
    push_pieces(window.clone(), order, STAGING_BYTES / element_bytes.max(1), &mut pieces);
    pieces
}

fn push_pieces<D: Dimension>(
    window: Window<D>,
    order: Order,
    most: usize,
    pieces: &mut Vec<Window<D>>,
) {
    match window.slowest_axis(order) {
        Some(axis) if window.len() > most => {
            let (low, high) = window.split_at(axis, window.shape[axis] / 2);
            push_pieces(low, order, most, pieces);
            push_pieces(high, order, most, pieces);
        }
        _ => pieces.push(window),
    }
}

/// The part of a tile that belongs to a piece of its window.
pub(super) fn part<'a, T, D: Dimension>(
    tile: &'a ArrayView<'_, T, D>,
    window: &Window<D>,
    piece: &Window<D>,
) -> ArrayView<'a, T, D> {
    tile.slice_each_axis(|axis| place(window, piece, &axis))
}

/// The same of a tile that is filled.
pub(super) fn part_mut<'a, T, D: Dimension>(
    tile: &'a mut ArrayViewMut<'_, T, D>,
    window: &Window<D>,
    piece: &Window<D>,
) -> ArrayViewMut<'a, T, D> {
    tile.slice_each_axis_mut(|axis| place(window, piece, &axis))
}

fn place<D: Dimension>(window: &Window<D>, piece: &Window<D>, axis: &AxisDescription) -> Slice {
    let axis = axis.axis.index();
    let begin = piece.origin[axis] - window.origin[axis];
    Slice::from(begin..begin + piece.shape[axis])
}

/// Memory for a piece.
pub(super) fn staging<T: Element, D: Dimension>(piece: &Window<D>, order: Order) -> Array<T, D> {
    Array::from_elem(piece.shape.clone().set_f(order == Order::F), T::default())
}
