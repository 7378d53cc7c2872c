//! A source with its axes in another order.

use ndarray::{ArrayViewMut, Dimension};

use super::refused;
use crate::{Layout, Order, Result, Source, Stored, Window};

/// A source with its axes in another order, as ndarray's `permuted_axes` and `numpy.transpose` have it:
/// axis `i` is axis `axes[i]` of the base.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_storage::{Permuted, Source, Window};
///
/// let field = array![[1, 2, 3], [4, 5, 6]];
/// let transposed = Permuted::new(&field, &[1, 0])?;
/// let mut tile = Array2::zeros((2, 2));
/// transposed.read_tile(&Window::from([1..3, 0..2]), tile.view_mut())?;
/// assert_eq!(tile, array![[2, 5], [3, 6]]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Permuted<S, D> {
    base: S,
    /// For each axis, which of the base it is.
    axes: D,
    /// For each axis of the base, where it is.
    places: D,
}

impl<D: Dimension, S: Stored<D>> Permuted<S, D> {
    /// # Errors
    ///
    /// If `axes` does not name each axis of the source once.
    pub fn new(base: S, axes: &[usize]) -> Result<Self> {
        let count = base.shape().ndim();
        let mut places = D::zeros(count);
        for (place, &axis) in axes.iter().enumerate() {
            let again = axes[..place].contains(&axis);
            if axes.len() != count || axis >= count || again {
                return refused(format!("{axes:?} does not name each of {count} axes once"));
            }
            places[axis] = place;
        }
        if axes.len() != count {
            return refused(format!("{axes:?} does not name each of {count} axes once"));
        }
        let mut order = D::zeros(count);
        order.slice_mut().copy_from_slice(axes);
        Ok(Self { base, axes: order, places })
    }

    fn base_window(&self, window: &Window<D>) -> Window<D> {
        let of = |lens: &D| {
            let mut base = lens.clone();
            for (place, &axis) in self.axes.slice().iter().enumerate() {
                base[axis] = lens[place];
            }
            base
        };
        Window::new(of(&window.origin), of(&window.shape))
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Permuted<S, D> {
    fn layout(&self) -> Layout<D> {
        let base = self.base.layout();
        let mut shape = base.shape().clone();
        for (place, &axis) in self.axes.slice().iter().enumerate() {
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
        self.base.axes().into_iter().map(|axis| self.places[axis]).collect()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.base.read_bytes(&self.base_window(window))
    }

    fn copies(&self) -> usize {
        1 + self.base.copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.base.run_bytes(&self.base_window(window))
    }
}

impl<T, D: Dimension, S: Source<T, D>> Source<T, D> for Permuted<S, D> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.base.read_tile(&self.base_window(window), tile.permuted_axes(self.places.clone()))
    }
}
