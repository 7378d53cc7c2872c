//! Real numbers as half as many complex ones: neighbours along the fastest axis are one number.
//!
//! ```text
//!     x0 x1 x2 x3 x4   ──▶   x0+i x1   x2+i x3   x4+i 0
//! ```

use ndarray::{ArrayViewMutD, Axis, Dimension, IxDyn, Slice};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Order, Result, STAGING_LEN, Source, Stored, Window};

use crate::fourier::Real;

/// A source of real numbers in C order, seen as one of complex numbers.
pub(super) struct Packed<'a, S: ?Sized>(pub(super) &'a S);

impl<S: Stored<IxDyn> + ?Sized> Packed<'_, S> {
    /// The window of real numbers in a window of complex ones.
    fn reals(&self, window: &Window<IxDyn>) -> Window<IxDyn> {
        let mut reals = window.clone();
        let (last, shape) = (window.shape.ndim() - 1, self.0.shape());
        reals.origin[last] *= 2;
        reals.shape[last] = (2 * window.shape[last]).min(shape[last] - reals.origin[last]);
        reals
    }
}

impl<S: Stored<IxDyn> + ?Sized> Stored<IxDyn> for Packed<'_, S> {
    fn layout(&self) -> Layout<IxDyn> {
        let base = self.0.layout();
        let mut shape = base.shape().clone();
        let last = shape.ndim() - 1;
        shape[last] = shape[last].div_ceil(2);
        Layout::new(shape, Order::C, 2 * base.element_bytes(), base.offset())
            .expect("about as large as its base")
    }

    fn read_bytes(&self, window: &Window<IxDyn>) -> u64 {
        self.0.read_bytes(&self.reals(window))
    }

    fn copies(&self) -> usize {
        1 + self.0.copies()
    }

    fn run_bytes(&self, window: &Window<IxDyn>) -> u64 {
        self.0.run_bytes(&self.reals(window))
    }
}

impl<T, S> Source<Complex<T>, IxDyn> for Packed<'_, S>
where
    T: Real + Element,
    Complex<T>: Element,
    S: Source<T, IxDyn> + ?Sized,
{
    fn read_tile(
        &self,
        window: &Window<IxDyn>,
        mut tile: ArrayViewMutD<'_, Complex<T>>,
    ) -> Result<()> {
        if let Some(elements) = tile.as_slice_mut() {
            return self.read_contiguous(window, elements);
        }
        for piece in window.clone().halved(Order::C, |piece| piece.len() <= STAGING_LEN) {
            let mut staging = ndarray::ArrayD::zeros(piece.shape.clone());
            self.read_contiguous(&piece, staging.as_slice_mut().expect("in C order"))?;
            let place = |axis: ndarray::AxisDescription| window.place_of(&piece, axis.axis.index());
            tile.slice_each_axis_mut(place).assign(&staging);
        }
        Ok(())
    }
}

impl<S: ?Sized> Packed<'_, S> {
    fn read_contiguous<T>(&self, window: &Window<IxDyn>, elements: &mut [Complex<T>]) -> Result<()>
    where
        T: Real + Element,
        S: Source<T, IxDyn>,
    {
        let reals = self.reals(window);
        let last = Axis(reals.shape.ndim() - 1);
        let mut shape = reals.shape.clone();
        shape[last.index()] = 2 * window.shape[last.index()];
        let tile = ArrayViewMutD::from_shape(shape, T::parts(elements));
        let mut tile = tile.expect("twice as many numbers");
        if reals.shape[last.index()] < tile.len_of(last) {
            tile.index_axis_mut(last, reals.shape[last.index()]).fill(T::zero());
        }
        tile.slice_axis_inplace(last, Slice::from(..reals.shape[last.index()]));
        self.0.read_tile(&reals, tile)
    }
}
