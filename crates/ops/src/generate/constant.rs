//! An array of one value.

use ndarray::{Dimension, IntoDimension};
use outcore_storage::Element;

use super::{Generated, Generator};
use crate::Result;

/// An array whose elements are all the same, as `numpy.full`.
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array1;
/// use outcore_ops::constant;
/// use outcore_storage::{Source, Window};
///
/// // It may be far larger than memory.
/// let sevens = constant(1 << 50, 7_u8)?;
/// let mut tile = Array1::zeros(3);
/// sevens.read_tile(&Window::from((1 << 40)..(1 << 40) + 3), tile.view_mut())?;
/// assert_eq!(tile.to_vec(), [7, 7, 7]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If an array of this shape is too large to address.
pub fn constant<T: Element, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    value: T,
) -> Result<Generated<T, D, Constant<T>>> {
    Generated::new(shape, Constant { value })
}

/// One value everywhere; see [`constant`].
#[derive(Clone, Copy, Debug)]
pub struct Constant<T> {
    value: T,
}

impl<T: Element> Generator<T> for Constant<T> {
    fn fill(&self, _: usize, elements: &mut [T]) {
        elements.fill(self.value);
    }
}
