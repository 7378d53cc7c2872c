//! Sources that read nothing: their elements are computed where a tile wants them.
//!
//! ```text
//!     window of an array of shape [4, 6]        its runs, by index in C order
//!
//!      0  1  2  3  4  5
//!      6  7 ▒8 ▒9 10 11        ──▶   fill(8, ▒▒)  fill(14, ▒▒)
//!     12 13 ▒▒ ▒▒ 16 17
//!     18 19 20 21 22 23
//! ```
//!
//! An element depends on its index alone. So whatever the tiles, the order in which they are read
//! and the number of threads, the numbers are the same; and an operation on such a source moves no
//! byte of input.

mod constant;
mod indices;
mod normal;
mod philox;
mod random;
mod steps;

pub use constant::{Constant, constant};
pub use indices::{Indices, indices};
pub use random::{
    RandomInteger, RandomIntegers, RandomNormal, RandomUniform, random_integers, random_normal,
    random_uniform,
};
pub use steps::{Arange, Linspace, OfF64, Step, arange, linspace};

use ndarray::{ArrayView1, ArrayViewMut, ArrayViewMut1, Axis, Dimension, IntoDimension};
use outcore_storage::{Element, Error, ErrorKind, Layout, Order, Source, Stored, Window};
use std::marker::PhantomData;

/// What computes the elements of a [`Generated`] source.
pub trait Generator<T>: Sync {
    /// Computes elements that follow each other in C order; `first` is the index of the first.
    fn fill(&self, first: usize, elements: &mut [T]);
}

/// A source whose elements are computed when they are read, each from its index in C order.
///
/// Cost: no byte is read, and none is held but 256 elements for a tile that is not contiguous. Its
/// runs are those that its elements would have in a file, since planners derive from them those of
/// what they write.
///
/// ```
/// use ndarray::Array2;
/// use outcore_ops::{Generated, Generator};
/// use outcore_storage::{Source, Stored, Window};
///
/// struct Squares;
///
/// impl Generator<u64> for Squares {
///     fn fill(&self, first: usize, elements: &mut [u64]) {
///         for (index, element) in (first as u64..).zip(elements) {
///             *element = index * index;
///         }
///     }
/// }
///
/// let squares = Generated::new((2, 3), Squares)?;
/// let window = Window::from([0..2, 1..3]);
/// let mut tile = Array2::<u64>::zeros((2, 2));
/// squares.read_tile(&window, tile.view_mut())?;
/// assert_eq!(tile, ndarray::array![[1, 4], [16, 25]]);
/// assert_eq!(squares.read_bytes(&window), 0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generated<T, D, G> {
    layout: Layout<D>,
    generator: G,
    element: PhantomData<fn() -> T>,
}

impl<T: Element, D: Dimension, G: Generator<T>> Generated<T, D, G> {
    /// An array of a shape whose elements a generator computes.
    ///
    /// # Errors
    ///
    /// If an array of this shape is too large to address.
    pub fn new(shape: impl IntoDimension<Dim = D>, generator: G) -> crate::Result<Self> {
        let (shape, element_bytes) = (shape.into_dimension(), size_of::<T>());
        let lengths = shape.slice().to_vec();
        let layout = Layout::new(shape, Order::C, element_bytes, 0).ok_or_else(|| {
            Error::without_path(ErrorKind::TooLarge { shape: lengths, element_bytes })
        })?;
        Ok(Self { layout, generator, element: PhantomData })
    }

    /// Fills a row from the element of an index on, contiguous or not.
    fn fill_row(&self, first: usize, mut row: ArrayViewMut1<'_, T>) {
        const STAGED: usize = 256;
        if let Some(elements) = row.as_slice_mut() {
            return self.generator.fill(first, elements);
        }
        let mut staging = [T::default(); STAGED];
        let parts = row.axis_chunks_iter_mut(Axis(0), STAGED);
        for (first, mut part) in (first..).step_by(STAGED).zip(parts) {
            let staged = &mut staging[..part.len()];
            self.generator.fill(first, staged);
            part.assign(&ArrayView1::from(&*staged));
        }
    }
}

impl<T, D: Dimension, G> Stored<D> for Generated<T, D, G> {
    fn layout(&self) -> Layout<D> {
        self.layout.clone()
    }

    fn read_bytes(&self, _: &Window<D>) -> u64 {
        0
    }
}

impl<T: Element, D: Dimension, G: Generator<T>> Source<T, D> for Generated<T, D, G> {
    fn read_tile(
        &self,
        window: &Window<D>,
        mut tile: ArrayViewMut<'_, T, D>,
    ) -> outcore_storage::Result<()> {
        window.check(self.layout.shape(), &tile.raw_dim()).map_err(Error::without_path)?;
        if window.is_empty() {
            return Ok(());
        }
        let runs = self.layout.runs(window);
        if let Some(elements) = tile.as_slice_mut() {
            let len = runs.run_len();
            for (run, elements) in runs.zip(elements.chunks_mut(len)) {
                self.generator.fill(run.start, elements);
            }
            return Ok(());
        }
        // A run is one or several rows.
        let row_len = window.shape.slice().last().map_or(1, |&len| len);
        let rows = runs.flat_map(|run| run.step_by(row_len));
        for (first, row) in rows.zip(tile.rows_mut()) {
            self.fill_row(first, row);
        }
        Ok(())
    }
}
