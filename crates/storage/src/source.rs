//! The narrow waist: what an operation reads from and writes to.
//!
//! Operations know nothing of files. They see a [`Source`], "copy this window into this tile", and a
//! [`Sink`], "copy this tile into this window". A [`FileArray`](crate::FileArray) is both, and so is
//! every ndarray array, which lets a test run in RAM, count bytes, or fail at the nth call.

use ndarray::{ArrayBase, ArrayView, ArrayViewMut, Data, DataMut, Dimension};

use crate::{Error, ErrorKind, Layout, Order, Result, Runs, Window};

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

    /// Whether elements can be had in runs in the order of the file, whatever the shape; see
    /// [`Source::read_runs`].
    fn has_runs(&self) -> bool {
        false
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

    /// Copies runs of elements, counted in the order of the file, one after another: what a window of
    /// the same elements in another shape is made of. For algorithms that cut an axis in two.
    ///
    /// # Errors
    ///
    /// If a run reaches outside the array, reading fails, or the source
    /// [has no runs](Stored::has_runs).
    fn read_runs(&self, _runs: Runs, _elements: &mut [T]) -> Result<()> {
        Err(without_runs())
    }
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

    /// Writes runs of elements, counted in the order of the file, that lie one after another.
    ///
    /// # Errors
    ///
    /// If a run reaches outside the array, writing fails, or the sink [has no runs](Stored::has_runs).
    fn write_runs(&mut self, _runs: Runs, _elements: &[T]) -> Result<()> {
        Err(without_runs())
    }

    /// The same through a shared reference; `None` as of [`write_tile_shared`](Self::write_tile_shared).
    ///
    /// # Errors
    ///
    /// As [`write_runs`](Self::write_runs).
    fn write_runs_shared(&self, _runs: Runs, _elements: &[T]) -> Option<Result<()>> {
        None
    }
}

fn outside() -> Error {
    Error::without_path(ErrorKind::Unsupported("a run that reaches outside the array".to_owned()))
}

fn without_runs() -> Error {
    Error::without_path(ErrorKind::Unsupported("elements that do not lie in a row".to_owned()))
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

    fn has_runs(&self) -> bool {
        (**self).has_runs()
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

    fn has_runs(&self) -> bool {
        (**self).has_runs()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        (**self).run_bytes(window)
    }
}

impl<T, S: Source<T, D> + ?Sized, D: Dimension> Source<T, D> for &S {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        (**self).read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        (**self).read_runs(runs, elements)
    }
}

impl<T, S: Source<T, D> + ?Sized, D: Dimension> Source<T, D> for &mut S {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        (**self).read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        (**self).read_runs(runs, elements)
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

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        (**self).write_runs(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        (**self).write_runs_shared(runs, elements)
    }
}

impl<S: Data, D: Dimension> Stored<D> for ArrayBase<S, D> {
    fn layout(&self) -> Layout<D> {
        let fortran = !self.is_standard_layout() && self.t().is_standard_layout();
        let order = if fortran { Order::F } else { Order::C };
        Layout::new(self.raw_dim(), order, size_of::<S::Elem>(), 0)
            .expect("ndarray allows no array that cannot be counted")
    }

    fn has_runs(&self) -> bool {
        self.as_slice_memory_order().is_some()
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

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        let all = self.as_slice_memory_order().ok_or_else(without_runs)?;
        for (start, to) in runs.with_mut(elements) {
            to.clone_from_slice(all.get(start..start + to.len()).ok_or_else(outside)?);
        }
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

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        let all = self.as_slice_memory_order_mut().ok_or_else(without_runs)?;
        for (start, from) in runs.with(elements) {
            all.get_mut(start..start + from.len()).ok_or_else(outside)?.clone_from_slice(from);
        }
        Ok(())
    }
}
