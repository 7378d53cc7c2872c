//! The two-dimensional transform of a tile in memory, as a kernel for [`map_tiles`](crate::map_tiles).

use ndarray::{ArrayView2, ArrayViewMut2, Axis, IntoDimension, Ix2, Zip};
use num_complex::Complex;
use outcore_storage::Element;
use realfft::RealToComplex;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Resources;
use crate::fourier::{Direction, Norm, Real};
use crate::lanes::{Lanes, cost};
use crate::tile::{PerThread, for_each_gathered, gathered_len, group_len};

/// Transforms single tiles, each by itself; shared by all threads.
///
/// ```
/// use ndarray::{Array2, s};
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, Direction, Norm, Resources, TileFft2, map_tiles};
///
/// // The real part of the transform of each 4 x 4 tile.
/// let field = Array2::<f32>::ones((8, 8));
/// let mut out = Array2::<f32>::zeros((8, 8));
/// let resources = Resources::from(Budget::new(1 << 20));
/// let fft = TileFft2::<f32>::new((8, 8), (4, 4), Direction::Forward, Norm::Backward, resources);
/// let plan = map_tiles(&field, (4, 4)).kernel_bytes(fft.bytes()).plan::<f32, f32>(resources)?;
/// let to_complex = |x: f32| Complex::new(x, 0.0);
/// plan.run(&field, &mut out, |_, tile, out| fft.apply(tile, out, to_complex, |x| x.re),
///          Control::new())?;
/// assert_eq!(out[[0, 0]], 16.0);
/// assert_eq!(out.slice(s![..4, ..4]).sum(), 16.0);
/// assert_eq!(out[[4, 4]], 16.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub struct TileFft2<T: Real> {
    /// The transforms of every length that a tile can have, along both axes.
    lanes: BTreeMap<usize, Lanes<T>>,
    /// The same of real rows.
    real_rows: BTreeMap<usize, Arc<dyn RealToComplex<T>>>,
    direction: Direction,
    norm: Norm,
    /// The lengths of the buffers of a [`Scratch`].
    lens: [usize; 3],
    scratch: PerThread<Scratch<T>>,
    bytes: u64,
}

/// The buffers of one thread: empty until it has a tile, so that a plan which is refused has taken
/// no memory.
struct Scratch<T> {
    tile: Vec<Complex<T>>,
    gathered: Vec<Complex<T>>,
    fft: Vec<Complex<T>>,
    real_row: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn of_lens(&mut self, lens: [usize; 3]) -> &mut Self {
        let buffers = [&mut self.tile, &mut self.gathered, &mut self.fft];
        for (buffer, len) in buffers.into_iter().zip(lens) {
            buffer.resize(len, Complex::new(T::zero(), T::zero()));
        }
        self
    }
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self { tile: Vec::new(), gathered: Vec::new(), fft: Vec::new(), real_row: Vec::new() }
    }
}

impl<T: Real> std::fmt::Debug for TileFft2<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TileFft2").field("direction", &self.direction).finish_non_exhaustive()
    }
}

impl<T: Real> TileFft2<T>
where
    Complex<T>: Element,
{
    /// Plans the transforms of the tiles of an array, ragged ones included.
    pub fn new(
        shape: impl IntoDimension<Dim = Ix2>,
        tile: impl IntoDimension<Dim = Ix2>,
        direction: Direction,
        norm: Norm,
        resources: impl Into<Resources>,
    ) -> Self {
        let (shape, mut tile) = (shape.into_dimension(), tile.into_dimension());
        let threads = resources.into().threads.get();
        let (mut lanes, mut real_rows) = (BTreeMap::new(), BTreeMap::new());
        for axis in 0..2 {
            tile[axis] = tile[axis].min(shape[axis]);
            let ragged = shape[axis].checked_rem(tile[axis]).unwrap_or(0);
            for len in [tile[axis], ragged].into_iter().filter(|&len| len > 0) {
                lanes.entry(len).or_insert_with(|| Lanes::whole(len, 0, direction));
                if axis == 1 {
                    real_rows.insert(len, T::real_fft(len));
                }
            }
        }
        // A tile of one column is gathered too, for the sake of simplicity.
        let gathered = |&len: &usize| gathered_len::<Complex<T>>(len, tile[1].max(2));
        let lens = [
            tile[0] * tile[1],
            lanes.keys().map(gathered).max().unwrap_or(0),
            (lanes.keys().map(|&len| usize::try_from(cost(len).1).unwrap_or(usize::MAX)))
                .chain(real_rows.values().map(|fft| fft.get_scratch_len()))
                .max()
                .unwrap_or(0),
        ];
        let scratch = PerThread::new(threads, Scratch::default);
        // The tables are shared by all threads; charged to each, the sum is an upper bound.
        // Those of a real row are of at most its length, with factors to put its halves together.
        let real_tables = |&len: &usize| cost(len).0 + len as u64;
        let tables = lanes.keys().map(|&len| cost(len).0).sum::<u64>()
            + real_rows.keys().map(real_tables).sum::<u64>();
        let elements = (lens.iter().sum::<usize>() + tile[1]) as u64 + tables;
        let bytes = elements * size_of::<Complex<T>>() as u64;
        Self { lanes, real_rows, direction, norm, lens, scratch, bytes }
    }

    /// The memory that the kernel holds for each thread, for
    /// [`MapTiles::kernel_bytes`](crate::MapTiles::kernel_bytes).
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Transforms a tile: from elements that `to_complex` converts, to elements that
    /// `from_complex` makes of the result.
    ///
    /// # Panics
    ///
    /// If the tile is none of the array's that this was made for, or the shapes differ.
    #[expect(clippy::needless_pass_by_value, reason = "views are passed by value, as in ndarray")]
    pub fn apply<A: Copy, B>(
        &self,
        input: ArrayView2<'_, A>,
        output: ArrayViewMut2<'_, B>,
        to_complex: impl Fn(A) -> Complex<T>,
        from_complex: impl Fn(Complex<T>) -> B,
    ) {
        let (rows, columns) = input.dim();
        if rows == 0 || columns == 0 {
            return;
        }
        let (row, column) = (&self.lanes[&columns], &self.lanes[&rows]);
        let row = row.scaled(self.norm.scale(self.direction, rows * columns));
        self.scratch.with(|scratch| {
            let Scratch { tile, gathered, fft, .. } = scratch.of_lens(self.lens);
            let tile = &mut tile[..rows * columns];
            let mut tile = ArrayViewMut2::from_shape((rows, columns), tile).expect("of this size");
            Zip::from(&mut tile).and(input).for_each(|to, &from| *to = to_complex(from));
            let width = group_len::<Complex<T>>(columns);
            for group in tile.axis_chunks_iter_mut(Axis(1), width) {
                for_each_gathered(group, gathered, |_, lane| column.apply_to(lane, fft));
            }
            for lane in tile.rows_mut() {
                row.apply_to(lane.into_slice().expect("rows are contiguous"), fft);
            }
            Zip::from(output).and(&tile).for_each(|to, &from| *to = from_complex(from));
        });
    }

    /// Transforms a tile of real numbers, along half of its columns: the other half of the frequencies
    /// are the conjugates of the first. Rounds differently from [`apply`](Self::apply).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use num_complex::Complex;
    /// use outcore_ops::{Budget, Direction, Norm, TileFft2};
    ///
    /// let tile = Array2::<f64>::ones((3, 5));
    /// let mut spectrum = Array2::<Complex<f64>>::zeros((3, 5));
    /// let fft = TileFft2::new((3, 5), (3, 5), Direction::Forward, Norm::Backward, Budget::default());
    /// fft.apply_real(tile.view(), spectrum.view_mut(), |x| x, |x| x);
    /// assert_eq!(spectrum[[0, 0]].re, 15.0);
    /// assert!(spectrum.iter().skip(1).all(|x| x.norm() < 1e-14));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`apply`](Self::apply).
    #[expect(clippy::needless_pass_by_value, reason = "views are passed by value, as in ndarray")]
    pub fn apply_real<A: Copy, B>(
        &self,
        input: ArrayView2<'_, A>,
        mut output: ArrayViewMut2<'_, B>,
        to_real: impl Fn(A) -> T,
        from_complex: impl Fn(Complex<T>) -> B,
    ) {
        let (rows, columns) = input.dim();
        if rows == 0 || columns == 0 {
            return;
        }
        assert_eq!(output.dim(), input.dim(), "input and output are of one shape");
        let (row, column) = (&self.real_rows[&columns], &self.lanes[&rows]);
        let column = column.scaled(self.norm.scale(self.direction, rows * columns));
        let half = columns / 2 + 1;
        self.scratch.with(|scratch| {
            let Scratch { tile, gathered, fft, real_row } = scratch.of_lens(self.lens);
            real_row.resize(columns, T::zero());
            let tile = &mut tile[..rows * half];
            for (lane, input) in tile.chunks_exact_mut(half).zip(input.rows()) {
                real_row.iter_mut().zip(input).for_each(|(to, &from)| *to = to_real(from));
                let scratch = &mut fft[..row.get_scratch_len()];
                row.process_with_scratch(real_row, lane, scratch)
                    .expect("buffers of these lengths");
                if self.direction == Direction::Inverse {
                    for x in &mut *lane {
                        *x = x.conj();
                    }
                }
            }
            let mut tile = ArrayViewMut2::from_shape((rows, half), tile).expect("of this size");
            for group in tile.axis_chunks_iter_mut(Axis(1), group_len::<Complex<T>>(columns)) {
                for_each_gathered(group, gathered, |_, lane| column.apply_to(lane, fft));
            }
            for (index, output) in output.rows_mut().into_iter().enumerate() {
                let row = |index| tile.row(index).to_slice().expect("rows are contiguous");
                let (first, mirror) = (row(index), row((rows - index) % rows));
                let (low, high) = output.split_at(Axis(0), half);
                low.into_iter().zip(first).for_each(|(to, &x)| *to = from_complex(x));
                // Frequency l and columns - l: the conjugate, of the row of opposite frequency.
                let second = mirror[1..=columns - half].iter().rev();
                high.into_iter().zip(second).for_each(|(to, x)| *to = from_complex(x.conj()));
            }
        });
    }
}
