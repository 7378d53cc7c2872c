//! Sources and sinks with a function of every element on the way.
//!
//! An adaptor costs no pass of its own: whatever operation reads from it reads the file once.

use ndarray::{Array, ArrayView, ArrayViewMut, Axis, Dimension, ShapeBuilder, Zip};
use outcore_storage::{
    Element, Layout, Order, Result, STAGING_BYTES, Sink, Source, Stored, Window,
};
use std::marker::PhantomData;

/// Adaptors for every source.
pub trait SourceExt<A, D: Dimension>: Source<A, D> {
    /// This source with a function applied to every element that is read.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use outcore_ops::SourceExt;
    /// use outcore_storage::{Source, Window};
    ///
    /// let counts = array![[1_i16, 2], [3, 4]];
    /// let halves = counts.map_source(|n: i16| f32::from(n) / 2.0);
    /// let mut tile = Array2::zeros((2, 1));
    /// halves.read_tile(&Window::from([0..2, 1..2]), tile.view_mut())?;
    /// assert_eq!(tile, array![[1.0], [2.0]]);
    /// # Ok::<(), outcore_storage::Error>(())
    /// ```
    fn map_source<B, F: Fn(A) -> B + Sync>(&self, f: F) -> MapSource<'_, Self, A, F> {
        MapSource { source: self, f, element: PhantomData }
    }
}

impl<A, D: Dimension, S: Source<A, D> + ?Sized> SourceExt<A, D> for S {}

/// Adaptors for every sink.
pub trait SinkExt<B, D: Dimension>: Sink<B, D> {
    /// This sink with a function applied to every element before it is written.
    ///
    /// ```
    /// use ndarray::{Array1, array};
    /// use outcore_ops::SinkExt;
    /// use outcore_storage::{Sink, Window};
    ///
    /// let mut doubled = Array1::<i32>::zeros(2);
    /// let tile = array![1_i32, 2];
    /// doubled.map_sink(|n: i32| 2 * n).write_tile(&Window::from([0..2]), tile.view())?;
    /// assert_eq!(doubled, array![2, 4]);
    /// # Ok::<(), outcore_storage::Error>(())
    /// ```
    fn map_sink<A, F: Fn(A) -> B + Send + Sync>(&mut self, f: F) -> MapSink<'_, Self, B, F> {
        MapSink { sink: self, f, element: PhantomData }
    }
}

impl<B, D: Dimension, S: Sink<B, D> + ?Sized> SinkExt<B, D> for S {}

/// A source with a function of every element; see [`SourceExt::map_source`].
///
/// Its layout is that of the source, whose bytes are what is read.
#[derive(Debug)]
pub struct MapSource<'a, S: ?Sized, A, F> {
    source: &'a S,
    f: F,
    element: PhantomData<fn() -> A>,
}

/// A sink with a function of every element; see [`SinkExt::map_sink`].
#[derive(Debug)]
pub struct MapSink<'a, S: ?Sized, B, F> {
    sink: &'a mut S,
    f: F,
    element: PhantomData<fn() -> B>,
}

impl<D: Dimension, S: Stored<D> + ?Sized, A, F> Stored<D> for MapSource<'_, S, A, F> {
    fn layout(&self) -> Layout<D> {
        self.source.layout()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.source.read_bytes(window)
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.source.run_bytes(window)
    }
}

impl<D: Dimension, S: Stored<D> + ?Sized, B, F> Stored<D> for MapSink<'_, S, B, F> {
    fn layout(&self) -> Layout<D> {
        self.sink.layout()
    }
}

impl<A, B, D, S, F> Source<B, D> for MapSource<'_, S, A, F>
where
    A: Element,
    D: Dimension,
    S: Source<A, D> + ?Sized,
    F: Fn(A) -> B + Sync,
{
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, B, D>) -> Result<()> {
        let order = self.source.layout().order();
        in_pieces::<A, _, _>(window, tile, order, &mut |window, tile| {
            let mut staging = staging(window, order);
            self.source.read_tile(window, staging.view_mut())?;
            Zip::from(tile).and(&staging).for_each(|to, &from| *to = (self.f)(from));
            Ok(())
        })
    }
}

impl<A, B, D, S, F> Sink<A, D> for MapSink<'_, S, B, F>
where
    A: Copy,
    B: Element,
    D: Dimension,
    S: Sink<B, D> + ?Sized,
    F: Fn(A) -> B + Send + Sync,
{
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, A, D>) -> Result<()> {
        let order = self.sink.layout().order();
        in_pieces::<B, _, _>(window, tile, order, &mut |window, tile| {
            let staging = mapped(window, tile, order, &self.f);
            self.sink.write_tile(window, staging.view())
        })
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, A, D>,
    ) -> Option<Result<()>> {
        let order = self.sink.layout().order();
        let mut shared = true;
        let result = in_pieces::<B, _, _>(window, tile, order, &mut |window, tile| {
            let staging = mapped(window, tile, order, &self.f);
            self.sink.write_tile_shared(window, staging.view()).unwrap_or_else(|| {
                shared = false;
                Ok(())
            })
        });
        shared.then_some(result)
    }
}

fn staging<T: Element, D: Dimension>(window: &Window<D>, order: Order) -> Array<T, D> {
    let shape = window.shape.clone().set_f(order == Order::F);
    Array::from_elem(shape, T::default())
}

fn mapped<A: Copy, B: Element, D: Dimension>(
    window: &Window<D>,
    tile: ArrayView<'_, A, D>,
    order: Order,
    f: impl Fn(A) -> B,
) -> Array<B, D> {
    let mut staging = staging(window, order);
    Zip::from(&mut staging).and(tile).for_each(|to, &from| *to = f(from));
    staging
}

/// A tile, or a view of one, that can be cut in two.
trait Halves<D>: Sized {
    fn halves(self, axis: usize, index: usize) -> (Self, Self);
}

impl<T, D: Dimension> Halves<D> for ArrayView<'_, T, D> {
    fn halves(self, axis: usize, index: usize) -> (Self, Self) {
        self.split_at(Axis(axis), index)
    }
}

impl<T, D: Dimension> Halves<D> for ArrayViewMut<'_, T, D> {
    fn halves(self, axis: usize, index: usize) -> (Self, Self) {
        self.split_at(Axis(axis), index)
    }
}

/// Halves a tile until `S` elements for its pieces are no more than [`STAGING_BYTES`].
fn in_pieces<S, V: Halves<D>, D: Dimension>(
    window: &Window<D>,
    tile: V,
    order: Order,
    each: &mut impl FnMut(&Window<D>, V) -> Result<()>,
) -> Result<()> {
    if window.len() * size_of::<S>() <= STAGING_BYTES {
        return each(window, tile);
    }
    let axis = window.slowest_axis(order).expect("more than one element has an axis to halve");
    let middle = window.shape[axis] / 2;
    let (low, high) = window.split_at(axis, middle);
    let (low_tile, high_tile) = tile.halves(axis, middle);
    in_pieces::<S, _, _>(&low, low_tile, order, each)?;
    in_pieces::<S, _, _>(&high, high_tile, order, each)
}
