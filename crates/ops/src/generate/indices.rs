//! Where an element is: its index along an axis.
//!
//! ```text
//!     axis 0        axis 1        Along the last axis the elements count; along another
//!     0 0 0 0       0 1 2 3       they stay the same over the `inner` elements of all
//!     1 1 1 1       0 1 2 3       axes that follow.
//!     2 2 2 2       0 1 2 3
//! ```

use ndarray::{Dimension, IntoDimension};

use super::{Generated, Generator};
use crate::{Error, Result};

/// The index along an axis at each place of an array, as `numpy.indices(shape)[axis]`.
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array2;
/// use outcore_ops::indices;
/// use outcore_storage::{Source, Window};
///
/// let rows = indices((1 << 20, 1 << 20), 0)?;
/// let mut tile = Array2::zeros((2, 3));
/// rows.read_tile(&Window::from([5..7, 0..3]), tile.view_mut())?;
/// assert_eq!(tile, ndarray::array![[5, 5, 5], [6, 6, 6]]);
/// assert!(indices((2, 3), 2).is_err());
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If the array has no such axis, or is too large to address.
pub fn indices<D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    axis: usize,
) -> Result<Generated<i64, D, Indices>> {
    let shape = shape.into_dimension();
    let lengths = shape.slice().to_vec();
    let Some(&len) = lengths.get(axis) else {
        let count = lengths.len();
        let what = format!("there is no axis {axis} of shape {lengths:?}, which has {count} axes");
        return Err(Error::Shape(what));
    };
    // The product of a shape that is too large wraps, and is refused below.
    let inner = lengths[axis + 1..].iter().fold(1_usize, |inner, &len| inner.wrapping_mul(len));
    Generated::new(shape, Indices { inner, len })
}

/// The index along an axis; see [`indices`].
#[derive(Clone, Copy, Debug)]
pub struct Indices {
    /// The elements between neighbours along the axis.
    inner: usize,
    /// The length of the axis.
    len: usize,
}

impl Generator<i64> for Indices {
    fn fill(&self, first: usize, elements: &mut [i64]) {
        let &Self { inner, len } = self;
        // Counting starts anew after `len` elements, and a new index after `inner`.
        let period = if inner == 1 { len } else { inner };
        let (mut at, mut rest) = (first, elements);
        while !rest.is_empty() {
            let part_len = (period - at % period).min(rest.len());
            let (part, later) = rest.split_at_mut(part_len);
            let index = signed(at / inner % len);
            if inner == 1 {
                (index..).zip(part).for_each(|(index, element)| *element = index);
            } else {
                part.fill(index);
            }
            (at, rest) = (at + part_len, later);
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "no array has so many elements")]
fn signed(index: usize) -> i64 {
    index as i64
}
