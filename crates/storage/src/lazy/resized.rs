//! A source cut off, or continued with zeros, at the end of each axis.

use ndarray::{ArrayViewMut, Dimension, IntoDimension, Slice};

use super::refused;
use crate::{Error, Layout, Result, Source, Stored, Window};

/// A source with other lengths of its axes: cut off at the end of those that become shorter, continued
/// with zeros at the end of those that become longer.
///
/// ```text
///     base                shape (3, 6)            a window of it
///     ┌─────────┐         ┌─────────┬─────┐         ┌───────┐
///     │ 1 2 3 4 │   ──▶   │ 1 2 3 4 │ 0 0 │         │ 8 0 0 │   8 is read from the base,
///     │ 5 6 7 8 │         │ 5 6 7 8 │ 0 0 │         │ 0 0 0 │   zeros from nowhere
///     └─────────┘         ├─────────┘ 0 0 │         └───────┘
///                         │ 0 0 0 0   0 0 │
///                         └───────────────┘
/// ```
///
/// Only what a window has of the base is read, straight into its place.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_storage::{Resized, Source, Window};
///
/// let field = array![[1, 2, 3], [4, 5, 6]];
/// let resized = Resized::new(&field, (3, 2))?;
/// let mut tile = Array2::zeros((3, 2));
/// resized.read_tile(&Window::from([0..3, 0..2]), tile.view_mut())?;
/// assert_eq!(tile, array![[1, 2], [4, 5], [0, 0]]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resized<S, D> {
    base: S,
    shape: D,
}

impl<D: Dimension, S: Stored<D>> Resized<S, D> {
    /// # Errors
    ///
    /// If the shape has another number of axes than the source, or is too large to be counted.
    pub fn new(base: S, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        let shape = shape.into_dimension();
        let layout = base.layout();
        let (from, to) = (layout.shape().slice(), shape.slice());
        if from.len() != to.len() {
            return refused(format!("shape {from:?} has another number of axes than {to:?}"));
        }
        let counted =
            Layout::new(shape.clone(), layout.order(), layout.element_bytes(), layout.offset());
        if counted.is_none() {
            return refused(format!("shape {to:?} is too large"));
        }
        Ok(Self { base, shape })
    }

    /// What a window has of the base; `None` if that is nothing.
    fn inside(&self, window: &Window<D>) -> Option<Window<D>> {
        let base = self.base.shape();
        let mut inside = window.clone();
        for axis in 0..base.ndim() {
            let left = base[axis].saturating_sub(window.origin[axis]);
            inside.shape[axis] = window.shape[axis].min(left);
        }
        (!inside.is_empty()).then_some(inside)
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Resized<S, D> {
    fn layout(&self) -> Layout<D> {
        let base = self.base.layout();
        Layout::new(self.shape.clone(), base.order(), base.element_bytes(), base.offset())
            .expect("checked when it was made")
    }

    fn axes(&self) -> Vec<usize> {
        self.base.axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.inside(window).map_or(0, |inside| self.base.read_bytes(&inside))
    }

    fn copies(&self) -> usize {
        1 + self.base.copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.inside(window).map_or(0, |inside| self.base.run_bytes(&inside))
    }
}

impl<T, D, S> Source<T, D> for Resized<S, D>
where
    T: Clone + Default,
    D: Dimension,
    S: Source<T, D>,
{
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        window.check(&self.shape, &tile.raw_dim()).map_err(Error::without_path)?;
        let Some(inside) = self.inside(window) else {
            tile.fill(T::default());
            return Ok(());
        };
        zero_outside(&mut tile, &inside.shape);
        let place = tile.slice_each_axis_mut(|axis| Slice::from(..inside.shape[axis.axis.index()]));
        self.base.read_tile(&inside, place)
    }
}

/// Fills with zeros what lies beyond some lengths: of each axis its end, within these lengths along the
/// axes before it.
fn zero_outside<T: Clone + Default, D: Dimension>(tile: &mut ArrayViewMut<'_, T, D>, lens: &D) {
    for outside in 0..lens.ndim() {
        let end = |axis: usize| match axis.cmp(&outside) {
            std::cmp::Ordering::Less => Slice::from(..lens[axis]),
            std::cmp::Ordering::Equal => Slice::from(lens[axis]..),
            std::cmp::Ordering::Greater => Slice::from(..),
        };
        tile.slice_each_axis_mut(|axis| end(axis.axis.index())).fill(T::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array3, Ix3, IxDyn, ShapeBuilder};
    use proptest::prelude::*;

    #[test]
    fn another_number_of_axes_is_refused() {
        let base = Array::<u8, _>::zeros(IxDyn(&[2, 3]));
        for shape in [vec![6], vec![2, 3, 1], vec![usize::MAX, 3]] {
            assert!(Resized::new(&base, IxDyn(&shape)).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn a_window_outside_is_refused() {
        let resized = Resized::new(Array3::<u8>::zeros((2, 2, 2)), (3, 2, 1)).unwrap();
        let mut tile = Array3::zeros((1, 1, 1));
        assert!(resized.read_tile(&Window::from([3..4, 0..1, 0..1]), tile.view_mut()).is_err());
        assert!(resized.read_tile(&Window::from([0..2, 0..1, 0..1]), tile.view_mut()).is_err());
    }

    fn range(len: usize) -> impl Strategy<Value = (usize, usize)> {
        (0..=len, 0..=len).prop_map(|(one, other)| (one.min(other), one.max(other)))
    }

    proptest! {
        #[test]
        fn a_window_is_that_of_the_array_with_zeros(
            from in (0_usize..5, 0_usize..5, 0_usize..5),
            (to, ranges) in (0_usize..7, 0_usize..7, 0_usize..7).prop_flat_map(|to| {
                (Just(to), (range(to.0), range(to.1), range(to.2)))
            }),
            fortran: bool,
        ) {
            let number = |(i, j, k): (usize, usize, usize)| 1 + i * 100 + j * 10 + k;
            let base = Array3::from_shape_fn(from.set_f(fortran), number);
            let whole = Array3::from_shape_fn(to, |at| base.get(at).copied().unwrap_or(0));
            let resized = Resized::new(&base, to).unwrap();
            let (i, j, k) = ranges;
            let window = Window::<Ix3>::from([i.0..i.1, j.0..j.1, k.0..k.1]);
            let mut tile = Array3::from_elem(window.shape, usize::MAX);
            resized.read_tile(&window, tile.view_mut()).unwrap();
            let expected = whole.slice_each_axis(|axis| window.slice(axis.axis.index()));
            prop_assert_eq!(&tile, &expected);
            let read = expected.iter().filter(|&&element| element != 0).count();
            prop_assert_eq!(resized.read_bytes(&window), (read * size_of::<usize>()) as u64);
        }
    }
}
