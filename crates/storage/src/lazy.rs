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
mod resized;
mod sliced;

pub use broadcast::Broadcast;
pub use permuted::Permuted;
pub use reshaped::Reshaped;
pub use resized::Resized;
pub use sliced::Sliced;

use ndarray::{ArrayViewMut, Dimension, ShapeBuilder};

use crate::{Error, ErrorKind, Order, Result, STAGING_LEN};

/// Whether so many elements may be read by the way.
fn is_small(len: usize) -> bool {
    len <= STAGING_LEN
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
