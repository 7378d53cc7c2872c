//! Sources with another geometry than the one they read from: nothing is read until a window is.
//!
//! ```text
//!     slice              permuted axes         broadcast             reshape
//!     ┌─────────┐        ┌───────┐             ▒▒▒▒▒▒▒▒▒  one row    ┌─────┐  12
//!     │· ▒ · ▒ ·│        │▒▒▒▒▒▒▒│ ──▶ ┌──┐    ─────────             │▒▒▒▒▒│ ──▶ ▒▒▒▒▒▒▒▒▒▒▒▒
//!     │· ▒ · ▒ ·│        └───────┘     │▒▒│    ▒▒▒▒▒▒▒▒▒            │▒▒▒▒▒│
//!     └─────────┘                      └──┘    ▒▒▒▒▒▒▒▒▒  as many   └─────┘
//! ```
//!
//! Each knows which windows of its base a window of its own is made of, so that what reading moves is
//! known beforehand, and reads them in runs as long as possible.

mod broadcast;
mod permuted;
mod reshaped;
mod sliced;

pub use broadcast::Broadcast;
pub use permuted::Permuted;
pub use reshaped::Reshaped;
pub use sliced::Sliced;

use ndarray::{ArrayViewMut, Dimension, ShapeBuilder, Slice};

use crate::{Error, ErrorKind, Order, Result, STAGING_BYTES, Window};

/// The bytes of the largest element: what is read by the way is bounded by them.
const LARGEST_ELEMENT: usize = 16;

/// Whether so many elements may be read by the way.
fn is_small(len: usize) -> bool {
    len.saturating_mul(LARGEST_ELEMENT) <= STAGING_BYTES
}

/// Where a part of a window lies in its tile, along an axis.
fn within<D: Dimension>(window: &Window<D>, part: &Window<D>, axis: usize) -> Slice {
    let begin = part.origin[axis] - window.origin[axis];
    Slice::from(begin..begin + part.shape[axis])
}

/// Halves a window until its parts satisfy a condition, which single elements must.
fn halved<D: Dimension>(
    window: Window<D>,
    order: Order,
    fits: &impl Fn(&Window<D>) -> bool,
    parts: &mut Vec<Window<D>>,
) {
    if window.is_empty() {
        return;
    }
    match window.slowest_axis(order) {
        Some(axis) if !fits(&window) => {
            let (low, high) = window.split_at(axis, window.shape[axis] / 2);
            halved(low, order, fits, parts);
            halved(high, order, fits, parts);
        }
        _ => parts.push(window),
    }
}

/// Memory for a window that is read by the way.
fn staging<T: Clone + Default, D: Dimension>(shape: &D, order: Order) -> ndarray::Array<T, D> {
    ndarray::Array::from_elem(shape.clone().set_f(order == Order::F), T::default())
}

/// Views of as many axes as another dimension has.
fn into_dimension<T, D: Dimension, E: Dimension>(
    view: ArrayViewMut<'_, T, D>,
) -> ArrayViewMut<'_, T, E> {
    view.into_dimensionality::<E>().expect("a dimension of as many axes")
}

fn refused<T>(reason: String) -> Result<T> {
    Err(Error::without_path(ErrorKind::Unsupported(reason)))
}
