//! How a window is cut: pieces for which inputs are staged, and parts of them that fill registers.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Order, STAGING_BYTES, Window};

/// The most values of a register: those of a handful of registers fit the first cache.
pub(super) const REGISTER_LEN: usize = 1024;

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

/// The parts of a window with at most so many elements.
pub(super) fn pieces(
    window: &Window<IxDyn>,
    order: Order,
    most: usize,
) -> impl Iterator<Item = Window<IxDyn>> + use<> {
    window.clone().halved(order, move |piece| piece.len() <= most)
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
