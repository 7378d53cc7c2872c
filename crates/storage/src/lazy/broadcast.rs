//! A source repeated along axes that it does not have, or where it has a single index.

use ndarray::{Array, ArrayViewMut, Axis, Dimension, IntoDimension};
use std::marker::PhantomData;

use super::{into_dimension, is_small, refused, staging};
use crate::{Layout, Result, Source, Stored, Window};

/// A source of dimension `D` repeated to a shape of dimension `E`, by NumPy's rule: axes are matched
/// from the last; those that the source does not have, and those of length 1, are repeated.
///
/// What is repeated is read once for each tile, or for each piece of one that is read by itself.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_storage::{Broadcast, Source, Window};
///
/// let row = array![1, 2, 3];
/// let rows = Broadcast::new(&row, (4, 3))?;
/// let mut tile = Array2::zeros((2, 2));
/// rows.read_tile(&Window::from([2..4, 1..3]), tile.view_mut())?;
/// assert_eq!(tile, array![[2, 3], [2, 3]]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Broadcast<S, D, E> {
    base: S,
    shape: E,
    dimension: PhantomData<fn() -> D>,
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Broadcast<S, D, E> {
    /// # Errors
    ///
    /// If the source cannot be repeated to that shape.
    pub fn new(base: S, shape: impl IntoDimension<Dim = E>) -> Result<Self> {
        let shape = shape.into_dimension();
        let (from, to) = (base.shape(), &shape);
        let lead = to.ndim().checked_sub(from.ndim());
        let fits = |lead: usize| {
            (0..from.ndim()).all(|axis| from[axis] == 1 || from[axis] == to[axis + lead])
        };
        if !lead.is_some_and(fits) {
            let (from, to) = (from.slice(), to.slice());
            return refused(format!("shape {from:?} cannot be broadcast to shape {to:?}"));
        }
        let layout = base.layout();
        if Layout::new(shape.clone(), layout.order(), layout.element_bytes(), 0).is_none() {
            return refused(format!("shape {:?} is too large", shape.slice()));
        }
        Ok(Self { base, shape, dimension: PhantomData })
    }

    /// The axes that the base does not have.
    fn lead(&self) -> usize {
        self.shape.ndim() - self.base.shape().ndim()
    }

    fn base_window(&self, window: &Window<E>) -> Window<D> {
        let (shape, lead) = (self.base.shape(), self.lead());
        let mut base = Window::whole(shape.clone());
        for axis in 0..shape.ndim() {
            if shape[axis] != 1 {
                base.origin[axis] = window.origin[axis + lead];
                base.shape[axis] = window.shape[axis + lead];
            }
        }
        base
    }

    /// The parts of a window that are read together, each with its window of the base.
    fn parts(&self, window: &Window<E>) -> Vec<(Window<E>, Window<D>)> {
        let together = |part: &Window<E>| {
            let base = self.base_window(part).len();
            base == part.len() || is_small(base)
        };
        let parts = window.clone().halved(self.layout().order(), together);
        parts.map(|part| (part.clone(), self.base_window(&part))).collect()
    }
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Stored<E> for Broadcast<S, D, E> {
    fn layout(&self) -> Layout<E> {
        let base = self.base.layout();
        Layout::new(self.shape.clone(), base.order(), base.element_bytes(), base.offset())
            .expect("checked when it was made")
    }

    fn read_bytes(&self, window: &Window<E>) -> u64 {
        self.parts(window).iter().map(|(_, base)| self.base.read_bytes(base)).sum()
    }

    fn copies(&self) -> usize {
        1 + self.base.copies()
    }

    fn run_bytes(&self, window: &Window<E>) -> u64 {
        let parts = self.parts(window).into_iter();
        parts.map(|(_, base)| self.base.run_bytes(&base)).max().unwrap_or(0)
    }
}

impl<T, D, E, S> Source<T, E> for Broadcast<S, D, E>
where
    T: Clone + Default,
    D: Dimension,
    E: Dimension,
    S: Source<T, D>,
{
    fn read_tile(&self, window: &Window<E>, mut tile: ArrayViewMut<'_, T, E>) -> Result<()> {
        let order = self.base.layout().order();
        for (part, base) in self.parts(window) {
            let mut place =
                tile.slice_each_axis_mut(|axis| window.place_of(&part, axis.axis.index()));
            if base.len() == part.len() {
                // Nothing is repeated: axes that the base does not have are of length 1 here.
                let mut place = place.into_dyn();
                for _ in 0..self.lead() {
                    place = place.index_axis_move(Axis(0), 0);
                }
                self.base.read_tile(&base, into_dimension(place))?;
                continue;
            }
            let mut once: Array<T, D> = staging(&base.shape, order);
            self.base.read_tile(&base, once.view_mut())?;
            let repeated = once.broadcast(part.shape).expect("checked when it was made");
            place.assign(&repeated);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array4, IxDyn};

    #[test]
    fn windows_are_those_of_ndarrays_broadcast() {
        for from in [vec![], vec![5], vec![3, 1], vec![1, 5], vec![2, 1, 3, 5], vec![4, 1, 1]] {
            let len = from.iter().product::<usize>();
            let base = Array::from_shape_vec(IxDyn(&from), (0..len).collect()).unwrap();
            let lazy = Broadcast::new(&base, (2, 4, 3, 5)).unwrap();
            let expected = base.broadcast((2, 4, 3, 5)).unwrap();
            for window in
                [Window::from([0..2, 0..4, 0..3, 0..5]), Window::from([1..2, 2..3, 0..2, 3..5])]
            {
                let mut tile = Array4::zeros(window.shape);
                lazy.read_tile(&window, tile.view_mut()).unwrap();
                assert_eq!(tile, expected.slice_each_axis(|axis| window.slice(axis.axis.index())));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let base = Array::<u8, _>::zeros((3, 4));
        for shape in [vec![3], vec![4, 3], vec![2, 4], vec![3, 4, 1], vec![usize::MAX / 2, 3, 4]] {
            assert!(Broadcast::new(&base, IxDyn(&shape)).is_err(), "{shape:?}");
        }
    }
}
