//! Sources and sinks that change elements, or where they are, on the way.
//!
//! An adaptor costs no pass of its own: whatever operation reads from it reads the file once, as with
//! the adaptors of an iterator.

mod cast;
mod map;
mod pieces;
mod zip;

pub use cast::{Cast, CastSource};
pub use map::{MapSink, MapSource};
pub use zip::{Zip2, Zip3, Zip4};

use ndarray::{ArrayViewMut, Dimension, IntoDimension, Slice};
use outcore_storage::{
    Broadcast, Element, Layout, Permuted, Reshaped, Resized, Result, Sink, Sliced, Source, Stored,
    Window,
};

/// A source, or a reference to one, with adaptors: methods that ndarray's arrays have too, but lazy.
///
/// Whatever they return is lazy again, and a source for any operation.
///
/// ```
/// use ndarray::{Array2, Ix2, Slice, array};
/// use outcore_ops::{Budget, Control, lazy, store};
/// use outcore_storage::{FileArray, FileArrayMut};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("field.npy");
/// let mut field = FileArrayMut::<i16, Ix2>::create(&path, (3, 4))?;
/// field.write_window([0..3, 0..4], &array![[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])?;
///
/// // Every other column, transposed, as halves: the file is read once, and nothing in between exists.
/// let columns = lazy(&field).slice(&[Slice::from(..), Slice::from(..).step_by(2)])?;
/// let halves = columns.permuted_axes(&[1, 0])?.map(|n| f32::from(n) / 2.0);
/// let mut result = Array2::<f32>::zeros((2, 3));
/// store(&halves).plan::<f32>(Budget::new(1 << 20))?.run(&halves, &mut result, Control::new())?;
/// assert_eq!(result, array![[0.5, 2.5, 4.5], [1.5, 3.5, 5.5]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lazy<S>(S);

/// A source with [adaptors](Lazy), which read nothing until an operation does.
pub fn lazy<S>(source: S) -> Lazy<S> {
    Lazy(source)
}

impl<S> Lazy<S> {
    /// A function of every element.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use outcore_ops::lazy;
    /// use outcore_storage::{Source, Window};
    ///
    /// let counts = array![[1_i16, 2], [3, 4]];
    /// let halves = lazy(&counts).map(|n: i16| f32::from(n) / 2.0);
    /// let mut tile = Array2::zeros((2, 1));
    /// halves.read_tile(&Window::from([0..2, 1..2]), tile.view_mut())?;
    /// assert_eq!(tile, array![[1.0], [2.0]]);
    /// # Ok::<(), outcore_storage::Error>(())
    /// ```
    pub fn map<A, B, D, F>(self, f: F) -> Lazy<MapSource<S, A, F>>
    where
        D: Dimension,
        S: Source<A, D>,
        F: Fn(A) -> B + Sync,
    {
        Lazy(MapSource::new(self.0, f))
    }

    /// A function of the elements of two sources of one shape.
    ///
    /// # Errors
    ///
    /// If the shapes differ.
    #[expect(clippy::type_complexity, reason = "every source and element has a type of its own")]
    pub fn zip<A, B, C, T, D, F>(self, other: T, f: F) -> crate::Result<Lazy<Zip2<S, T, A, B, F>>>
    where
        D: Dimension,
        S: Source<A, D>,
        T: Source<B, D>,
        F: Fn(A, B) -> C + Sync,
    {
        Zip2::new(self.0, other, f).map(Lazy)
    }

    /// A function of the elements of three sources of one shape.
    ///
    /// # Errors
    ///
    /// If the shapes differ.
    #[expect(clippy::type_complexity, reason = "every source and element has a type of its own")]
    pub fn zip3<A, B, C, R, T, U, D, F>(
        self,
        others: (T, U),
        f: F,
    ) -> crate::Result<Lazy<Zip3<S, T, U, A, B, C, F>>>
    where
        D: Dimension,
        S: Source<A, D>,
        T: Source<B, D>,
        U: Source<C, D>,
        F: Fn(A, B, C) -> R + Sync,
    {
        Zip3::new(self.0, others, f).map(Lazy)
    }

    /// A function of the elements of four sources of one shape.
    ///
    /// # Errors
    ///
    /// If the shapes differ.
    #[expect(clippy::type_complexity, reason = "every source and element has a type of its own")]
    pub fn zip4<A, B, C, E, R, T, U, V, D, F>(
        self,
        others: (T, U, V),
        f: F,
    ) -> crate::Result<Lazy<Zip4<S, T, U, V, A, B, C, E, F>>>
    where
        D: Dimension,
        S: Source<A, D>,
        T: Source<B, D>,
        U: Source<C, D>,
        V: Source<E, D>,
        F: Fn(A, B, C, E) -> R + Sync,
    {
        Zip4::new(self.0, others, f).map(Lazy)
    }

    /// The elements as another type; a floating-point number that an integer cannot hold is an error
    /// that names its index. [`Cast::wrapping`] in a [`map`](Self::map) converts without a check.
    pub fn cast<B, A, D>(self) -> Lazy<CastSource<S, A, B>>
    where
        A: Cast<B>,
        B: Element,
        D: Dimension,
        S: Source<A, D>,
    {
        Lazy(CastSource::new(self.0))
    }

    /// Some of the indices along each axis; see [`Sliced`].
    ///
    /// # Errors
    ///
    /// If there are not as many slices as axes, one reaches outside the array, or a step is 0.
    pub fn slice<D: Dimension>(self, slices: &[Slice]) -> Result<Lazy<Sliced<S, D>>>
    where
        S: Stored<D>,
    {
        Sliced::new(self.0, slices).map(Lazy)
    }

    /// The axes in another order; see [`Permuted`].
    ///
    /// # Errors
    ///
    /// If `axes` does not name each axis once.
    pub fn permuted_axes<D: Dimension>(self, axes: &[usize]) -> Result<Lazy<Permuted<S, D>>>
    where
        S: Stored<D>,
    {
        Permuted::new(self.0, axes).map(Lazy)
    }

    /// The source repeated to a larger shape; see [`Broadcast`].
    ///
    /// # Errors
    ///
    /// If it cannot be.
    pub fn broadcast<D: Dimension, E: Dimension>(
        self,
        shape: impl IntoDimension<Dim = E>,
    ) -> Result<Lazy<Broadcast<S, D, E>>>
    where
        S: Stored<D>,
    {
        Broadcast::new(self.0, shape).map(Lazy)
    }

    /// The elements in another shape, in C order; see [`Reshaped`].
    ///
    /// # Errors
    ///
    /// If the shape has another number of elements.
    pub fn reshape<D: Dimension, E: Dimension>(
        self,
        shape: impl IntoDimension<Dim = E>,
    ) -> Result<Lazy<Reshaped<S, D, E>>>
    where
        S: Stored<D>,
    {
        Reshaped::new(self.0, shape).map(Lazy)
    }

    /// The source cut off, or continued with zeros, at the end of each axis; see [`Resized`].
    ///
    /// # Errors
    ///
    /// If the shape has another number of axes, or is too large to be counted.
    pub fn resize<D: Dimension>(
        self,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Lazy<Resized<S, D>>>
    where
        S: Stored<D>,
    {
        Resized::new(self.0, shape).map(Lazy)
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Lazy<S> {
    fn layout(&self) -> Layout<D> {
        self.0.layout()
    }

    fn axes(&self) -> Vec<usize> {
        self.0.axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.0.read_bytes(window)
    }

    fn copies(&self) -> usize {
        self.0.copies()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.0.run_bytes(window)
    }
}

impl<T, D: Dimension, S: Source<T, D>> Source<T, D> for Lazy<S> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.0.read_tile(window, tile)
    }
}

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
        MapSink::new(self, f)
    }
}

impl<B, D: Dimension, S: Sink<B, D> + ?Sized> SinkExt<B, D> for S {}

/// The bytes that reading a window moves, of sources that are read in pieces.
fn read_bytes<D: Dimension>(
    sources: &[&dyn Stored<D>],
    pieces: impl Iterator<Item = Window<D>>,
) -> u64 {
    let of_piece =
        |piece: Window<D>| sources.iter().map(|source| source.read_bytes(&piece)).sum::<u64>();
    pieces.map(of_piece).sum()
}
