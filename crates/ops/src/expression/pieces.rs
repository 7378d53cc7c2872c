//! How a window is cut: pieces for which inputs are staged, and parts of them that fill registers.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Order, Result, STAGING_BYTES, Window};

/// The most values of a register: those of a handful of registers fit the first cache.
const REGISTER_LEN: usize = 1024;

/// How many elements are staged and computed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Of a piece.
    pub(super) piece: usize,
    /// Of a register.
    pub(super) register: usize,
}

impl Sizes {
    /// Sizes for a window of some bytes, whose inputs have `staged` bytes for each element, and
    /// whose registers have `computed`. Altogether no more is held than the window has bytes,
    /// because that is what those who ask for it count on; and never more than [`STAGING_BYTES`].
    pub(super) fn new(window_bytes: usize, staged: usize, computed: usize) -> Self {
        let bytes = window_bytes.min(STAGING_BYTES);
        let register = (bytes / 4 / computed.max(1)).clamp(1, REGISTER_LEN);
        let left = bytes.saturating_sub(register * computed);
        let piece = left.checked_div(staged).unwrap_or(usize::MAX).max(1);
        Self { piece, register: register.min(piece) }
    }
}

/// Halves a window until its parts have at most so many elements. An empty one has no parts.
pub(super) fn each_piece(
    window: &Window<IxDyn>,
    order: Order,
    most: usize,
    each: &mut impl FnMut(&Window<IxDyn>) -> Result<()>,
) -> Result<()> {
    if window.is_empty() {
        return Ok(());
    }
    let axis = window.slowest_axis(order).filter(|_| window.len() > most);
    let Some(axis) = axis else { return each(window) };
    let (low, high) = window.split_at(axis, window.shape[axis] / 2);
    each_piece(&low, order, most, each)?;
    each_piece(&high, order, most, each)
}

/// The window of an array that a window of what it is broadcast to is made of.
pub(super) fn under(shape: &IxDyn, window: &Window<IxDyn>) -> Window<IxDyn> {
    let more = window.shape.ndim() - shape.ndim();
    let mut under = Window::whole(shape.clone());
    for axis in 0..shape.ndim() {
        if shape[axis] != 1 {
            under.origin[axis] = window.origin[more + axis];
            under.shape[axis] = window.shape[more + axis];
        }
    }
    under
}
