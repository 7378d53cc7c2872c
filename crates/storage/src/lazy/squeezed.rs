//! A source without some of its axes of length 1.

use ndarray::{ArrayViewMut, Axis, Dimension};
use std::marker::PhantomData;

use super::{into_dimension, refused};
use crate::{Layout, Order, Result, Source, Stored, Window};

/// A source of dimension `D` without some of its axes of length 1, as `numpy.squeeze` has it; what is
/// left has dimension `E`.
///
/// Nothing is copied on the way, and runs stay as long as they are, whatever the order of the source.
///
/// ```
/// use ndarray::{Array1, Ix1, Ix2, Slice, array};
/// use outcore_storage::{Sliced, Source, Squeezed, Window};
///
/// let field = array![[1, 2, 3], [4, 5, 6]];
/// let row = Sliced::new(&field, &[Slice::from(1..2), Slice::from(..)])?;
/// let row = Squeezed::<_, Ix2, Ix1>::new(row, &[0])?;
/// let mut tile = Array1::zeros(2);
/// row.read_tile(&Window::from(1..3), tile.view_mut())?;
/// assert_eq!(tile, array![5, 6]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Squeezed<S, D, E> {
    base: S,
    /// For each axis, which of the base it is.
    kept: Vec<usize>,
    /// The axes of the base that are left out, from the first to the last.
    dropped: Vec<usize>,
    dimensions: PhantomData<fn(D) -> E>,
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Squeezed<S, D, E> {
    /// # Errors
    ///
    /// If an axis to be left out does not exist, is named twice or is not of length 1, or if not as
    /// many are left as the dimension has.
    pub fn new(base: S, axes: &[usize]) -> Result<Self> {
        let shape = base.shape();
        let lens = shape.slice();
        let (dropped, kept): (Vec<_>, Vec<_>) = (0..lens.len()).partition(|a| axes.contains(a));
        if dropped.len() != axes.len() || dropped.iter().any(|&axis| lens[axis] != 1) {
            return refused(format!("{axes:?} does not name axes of length 1 of shape {lens:?}"));
        }
        if E::NDIM.is_some_and(|count| count != kept.len()) {
            let count = E::NDIM.unwrap_or_default();
            return refused(format!("shape {lens:?} without axes {axes:?} has not {count} axes"));
        }
        Ok(Self { base, kept, dropped, dimensions: PhantomData })
    }

    fn base_window(&self, window: &Window<E>) -> Window<D> {
        let mut base = Window::whole(self.base.shape());
        for (place, &axis) in self.kept.iter().enumerate() {
            base.origin[axis] = window.origin[place];
            base.shape[axis] = window.shape[place];
        }
        base
    }
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Stored<E> for Squeezed<S, D, E> {
    fn layout(&self) -> Layout<E> {
        let base = self.base.layout();
        let mut shape = E::zeros(self.kept.len());
        for (place, &axis) in self.kept.iter().enumerate() {
            shape[place] = base.shape()[axis];
        }
        let order = match self.axes().last() {
            Some(0) if shape.ndim() > 1 => Order::F,
            _ => Order::C,
        };
        Layout::new(shape, order, base.element_bytes(), base.offset())
            .expect("as large as its base")
    }

    fn axes(&self) -> Vec<usize> {
        let place = |axis| self.kept.iter().position(|&kept| kept == axis);
        self.base.axes().into_iter().filter_map(place).collect()
    }

    fn read_bytes(&self, window: &Window<E>) -> u64 {
        self.base.read_bytes(&self.base_window(window))
    }

    fn copies(&self) -> usize {
        self.base.copies()
    }

    fn run_bytes(&self, window: &Window<E>) -> u64 {
        self.base.run_bytes(&self.base_window(window))
    }
}

impl<T, D, E, S> Source<T, E> for Squeezed<S, D, E>
where
    D: Dimension,
    E: Dimension,
    S: Source<T, D>,
{
    fn read_tile(&self, window: &Window<E>, tile: ArrayViewMut<'_, T, E>) -> Result<()> {
        let mut tile = tile.into_dyn();
        for &axis in &self.dropped {
            tile = tile.insert_axis(Axis(axis));
        }
        self.base.read_tile(&self.base_window(window), into_dimension(tile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, ArrayD, IxDyn, ShapeBuilder};

    #[test]
    fn windows_are_those_of_the_array_without_the_axes() {
        let shape = [1, 4, 1, 5, 1];
        for fortran in [false, true] {
            let base = ArrayD::from_shape_fn(IxDyn(&shape).set_f(fortran), |at| at[1] * 10 + at[3]);
            for axes in [vec![], vec![0], vec![2, 0], vec![4], vec![0, 2, 4]] {
                let lazy = Squeezed::<_, IxDyn, IxDyn>::new(&base, &axes).unwrap();
                let mut expected = base.view();
                let mut last_first = axes.clone();
                last_first.sort_unstable_by(|one, other| other.cmp(one));
                for axis in last_first {
                    expected = expected.index_axis_move(Axis(axis), 0);
                }
                assert_eq!(lazy.shape(), expected.raw_dim());
                assert_eq!(lazy.layout().order() == Order::F, fortran);
                let mut window = Window::whole(lazy.shape());
                for _ in 0..2 {
                    let mut tile = Array::zeros(window.shape.clone());
                    lazy.read_tile(&window, tile.view_mut()).unwrap();
                    let part = expected.slice_each_axis(|axis| window.slice(axis.axis.index()));
                    assert_eq!(tile, part, "{window} without {axes:?}");
                    let long = (0..window.shape.ndim()).filter(|&axis| lazy.shape()[axis] > 1);
                    long.for_each(|axis| (window.origin[axis], window.shape[axis]) = (2, 1));
                }
            }
        }
    }

    #[test]
    fn axes_are_those_of_the_base_from_slow_to_fast() {
        let base = Layout::new(IxDyn(&[1, 4, 5]), Order::F, 4, 128).unwrap();
        let lazy = Squeezed::<_, IxDyn, ndarray::Ix2>::new(&base, &[0]).unwrap();
        assert_eq!((lazy.axes(), lazy.copies()), (vec![1, 0], 0));
        assert_eq!(lazy.run_bytes(&Window::from([0..4, 0..2])), 4 * 4 * 2);
        assert_eq!(lazy.layout().offset(), 128);
    }

    #[test]
    fn axes_that_are_no_axes_of_length_1_are_refused() {
        let base = Array::<u8, _>::zeros((1, 3, 1));
        for axes in [vec![1], vec![3], vec![0, 0], vec![0, 1]] {
            assert!(Squeezed::<_, _, IxDyn>::new(&base, &axes).is_err(), "{axes:?}");
        }
        assert!(Squeezed::<_, _, ndarray::Ix2>::new(&base, &[0, 2]).is_err());
        assert!(Squeezed::<_, _, ndarray::Ix1>::new(&base, &[0, 2]).is_ok());
    }
}
