//! The narrow waist: what an operation reads from and writes to.
//!
//! Operations know nothing of files. They see a [`Source`], "copy this window into this tile", and a
//! [`Sink`], "copy this tile into this window". A [`FileArray`](crate::FileArray) is both, and so is
//! every ndarray array, which lets a test run in RAM, count bytes, or fail at the nth call.

use ndarray::{ArrayBase, ArrayView, ArrayViewMut, Data, DataMut, Dimension};

use crate::{Error, Layout, Order, Result, Window};

/// Something with a shape, whose elements lie somewhere in some order.
pub trait Stored<D: Dimension> {
    /// The shape, and what a planner must know: order, bytes per element, first byte.
    fn layout(&self) -> Layout<D>;

    /// The length of each axis.
    fn shape(&self) -> D {
        self.layout().shape().clone()
    }

    /// The axes from the slowest to the fastest.
    fn axes(&self) -> Vec<usize> {
        self.layout().axes().collect()
    }

    /// The bytes that reading a window moves. Those of its elements, unless the source is lazy and
    /// needs fewer of them, as one that repeats itself does, or reads over some that it leaves out.
    fn read_bytes(&self, window: &Window<D>) -> u64 {
        window.len() as u64 * self.layout().element_bytes() as u64
    }

    /// How often what is read is copied on its way to a tile that lies in memory as the source does:
    /// never, unless the source is lazy. Each copy takes up to [`STAGING_BYTES`](crate::STAGING_BYTES)
    /// in each thread that reads.
    fn copies(&self) -> usize {
        0
    }

    /// The bytes of each contiguous run that a window is made of.
    fn run_bytes(&self, window: &Window<D>) -> u64 {
        let layout = self.layout();
        (layout.runs(window).run_len() * layout.element_bytes()) as u64
    }
}

/// What operations read from. Several threads may read windows of it at a time.
pub trait Source<T, D: Dimension>: Stored<D> + Sync {
    /// Copies a window into a tile of the same shape, whatever the tile's strides.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, the tile has another shape, or reading fails; the
    /// tile's contents are then unspecified.
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()>;
}

/// What operations write to.
pub trait Sink<T, D: Dimension>: Stored<D> + Send + Sync {
    /// Copies a tile into a window of the same shape.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, the tile has another shape, or writing fails; the
    /// window's contents are then unspecified.
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()>;

    /// The same through a shared reference, for sinks that several threads can write at a time, as
    /// files can; `None`, the default, for those that cannot: the streaming loop then takes turns.
    ///
    /// # Errors
    ///
    /// As [`write_tile`](Self::write_tile).
    fn write_tile_shared(
        &self,
        _window: &Window<D>,
        _tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        None
    }

    /// Makes durable what has been written; does nothing by default, as in memory there is nothing to
    /// do.
    ///
    /// # Errors
    ///
    /// If the disk refuses. What has reached it is then unknown, and it is not asked again.
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// A layout alone is enough to plan with.
impl<D: Dimension> Stored<D> for Layout<D> {
    fn layout(&self) -> Layout<D> {
        self.clone()
    }
}

impl<S: Stored<D> + ?Sized, D: Dimension> Stored<D> for &S {
    fn layout(&self) -> Layout<D> {
        (**self).layout()
    }

    fn axes(&self) -> Vec<usize> {
        (**self).axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        (**self).read_bytes(window)
    }

    fn copies(&self) -> usize {
        (**self).copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        (**self).run_bytes(window)
    }
}

impl<S: Stored<D> + ?Sized, D: Dimension> Stored<D> for &mut S {
    fn layout(&self) -> Layout<D> {
        (**self).layout()
    }

    fn axes(&self) -> Vec<usize> {
        (**self).axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        (**self).read_bytes(window)
    }

    fn copies(&self) -> usize {
        (**self).copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        (**self).run_bytes(window)
    }
}

impl<T, S: Source<T, D> + ?Sized, D: Dimension> Source<T, D> for &S {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        (**self).read_tile(window, tile)
    }
}

impl<T, S: Source<T, D> + ?Sized, D: Dimension> Source<T, D> for &mut S {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        (**self).read_tile(window, tile)
    }
}

impl<T, S: Sink<T, D> + ?Sized, D: Dimension> Sink<T, D> for &mut S {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        (**self).write_tile(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        (**self).write_tile_shared(window, tile)
    }

    fn sync(&self) -> Result<()> {
        (**self).sync()
    }
}

impl<S: Data, D: Dimension> Stored<D> for ArrayBase<S, D> {
    fn layout(&self) -> Layout<D> {
        let fortran = !self.is_standard_layout() && self.t().is_standard_layout();
        let order = if fortran { Order::F } else { Order::C };
        Layout::new(self.raw_dim(), order, size_of::<S::Elem>(), 0)
            .expect("ndarray allows no array that cannot be counted")
    }
}

impl<T, S, D> Source<T, D> for ArrayBase<S, D>
where
    T: Clone,
    S: Data<Elem = T> + Sync,
    D: Dimension,
{
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        window.check(&self.raw_dim(), &tile.raw_dim()).map_err(Error::without_path)?;
        tile.assign(&self.slice_each_axis(|axis| window.slice(axis.axis.index())));
        Ok(())
    }
}

impl<T, S, D> Sink<T, D> for ArrayBase<S, D>
where
    T: Clone,
    S: DataMut<Elem = T> + Send + Sync,
    D: Dimension,
{
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        window.check(&self.raw_dim(), &tile.raw_dim()).map_err(Error::without_path)?;
        self.slice_each_axis_mut(|axis| window.slice(axis.axis.index())).assign(&tile);
        Ok(())
    }
}
