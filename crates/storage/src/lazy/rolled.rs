//! An array moved along its axes, what leaves at one end coming back at the other.

use ndarray::{ArrayView, ArrayViewMut, Dimension};

use super::refused;
use crate::{Layout, Result, Runs, Sink, Source, Stored, Window};

/// A source, or a sink, moved along its axes: element `i` of an axis is element `i - distance` of the
/// base, and what leaves at one end comes back at the other, as with `numpy.roll`.
///
/// ```text
///     base, window          moved by 2
///     ┌───────────┐         ┌───────────┐
///     │ 0 1 2 3 4 │   ──▶   │ 3 4 0 1 2 │   a window is up to two of the base along each axis
///     └───────────┘         └───────────┘
/// ```
///
/// If the base [has runs](Stored::has_runs), so has this: those that are divided by a seam in parts.
///
/// Spectra are moved by half of their length, so that frequency 0 is in the middle. A transform that
/// writes through one of these costs nothing more:
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_storage::{Rolled, Sink, Source, Window};
///
/// // To write an array so that its shifted form is there is to write it to the unshifted view of it.
/// let mut shifted = Array1::zeros(5);
/// let spectrum = array![0, 1, 2, -2, -1];
/// Rolled::ifftshift(&mut shifted, &[0])?.write_tile(&Window::from(0..5), spectrum.view())?;
/// assert_eq!(shifted, array![-2, -1, 0, 1, 2]);
///
/// let mut back = Array1::zeros(5);
/// Rolled::ifftshift(&shifted, &[0])?.read_tile(&Window::from(0..5), back.view_mut())?;
/// assert_eq!(back, spectrum);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rolled<S, D> {
    base: S,
    /// The element of the base that is first along each axis.
    first: D,
}

impl<D: Dimension, S: Stored<D>> Rolled<S, D> {
    /// Moved by a distance along each axis; negative ones are towards the beginning.
    ///
    /// # Errors
    ///
    /// If there are not as many distances as axes.
    pub fn new(base: S, distances: &[isize]) -> Result<Self> {
        let shape = base.shape();
        if distances.len() != shape.ndim() {
            let (count, lens) = (distances.len(), shape.slice());
            return refused(format!("{count} distances do not fit shape {lens:?}"));
        }
        let mut first = shape.clone();
        for (axis, &distance) in distances.iter().enumerate() {
            let len = shape[axis].cast_signed();
            first[axis] =
                if len == 0 { 0 } else { (-(distance % len)).rem_euclid(len).cast_unsigned() };
        }
        Ok(Self { base, first })
    }

    /// Moved so that element 0 of some axes is in the middle: as `numpy.fft.fftshift`.
    ///
    /// # Errors
    ///
    /// If an axis does not exist.
    pub fn fftshift(base: S, axes: &[usize]) -> Result<Self> {
        Self::halfway(base, axes, |len| len / 2)
    }

    /// Moved so that the element in the middle of some axes is the first: as `numpy.fft.ifftshift`.
    ///
    /// # Errors
    ///
    /// If an axis does not exist.
    pub fn ifftshift(base: S, axes: &[usize]) -> Result<Self> {
        Self::halfway(base, axes, |len| -(len / 2))
    }

    fn halfway(base: S, axes: &[usize], distance: impl Fn(isize) -> isize) -> Result<Self> {
        let shape = base.shape();
        let mut distances = vec![0; shape.ndim()];
        for &axis in axes {
            let Some(to) = distances.get_mut(axis) else {
                let lens = shape.slice();
                return refused(format!("axis {axis} does not exist in shape {lens:?}"));
            };
            *to = distance(shape[axis].cast_signed());
        }
        Self::new(base, &distances)
    }

    /// The parts of a window, each with its window of the base.
    fn parts(&self, window: &Window<D>) -> Vec<(Window<D>, Window<D>)> {
        let mut parts = vec![window.clone()];
        let shape = self.base.shape();
        for axis in 0..shape.ndim() {
            // The first index whose element is at the other end of the base.
            let seam = shape[axis] - self.first[axis];
            let cut = |part: Window<D>| {
                let end = part.origin[axis] + part.shape[axis];
                if part.origin[axis] < seam && seam < end {
                    let (low, high) = part.split_at(axis, seam - part.origin[axis]);
                    vec![low, high]
                } else {
                    vec![part]
                }
            };
            parts = parts.into_iter().flat_map(cut).collect();
        }
        let of_base = |part: &Window<D>| {
            let mut base = part.clone();
            for axis in 0..shape.ndim() {
                let index = part.origin[axis] + self.first[axis];
                base.origin[axis] = if index < shape[axis] { index } else { index - shape[axis] };
            }
            base
        };
        parts.into_iter().map(|part| (part.clone(), of_base(&part))).collect()
    }

    /// Where runs are in the base. In the order of the file, moving an axis turns blocks that are whole
    /// along it and all faster ones.
    fn of_base(&self, runs: Runs) -> Runs {
        let (layout, mut inner) = (self.base.layout(), 1);
        let mut runs = runs;
        for axis in layout.axes().rev() {
            let len = layout.shape()[axis];
            if self.first[axis] > 0 {
                runs = runs.turned(len * inner, self.first[axis] * inner);
            }
            inner *= len;
        }
        runs
    }
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Rolled<S, D> {
    fn layout(&self) -> Layout<D> {
        self.base.layout()
    }

    fn axes(&self) -> Vec<usize> {
        self.base.axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        self.parts(window).iter().map(|(_, base)| self.base.read_bytes(base)).sum()
    }

    fn copies(&self) -> usize {
        1 + self.base.copies()
    }

    fn has_runs(&self) -> bool {
        self.base.has_runs()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        let parts = self.parts(window).into_iter();
        parts.map(|(_, base)| self.base.run_bytes(&base)).max().unwrap_or(0)
    }
}

impl<T, D: Dimension, S: Source<T, D>> Source<T, D> for Rolled<S, D> {
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        for (part, base) in self.parts(window) {
            let place = tile.slice_each_axis_mut(|axis| window.place_of(&part, axis.axis.index()));
            self.base.read_tile(&base, place)?;
        }
        Ok(())
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.base.read_runs(self.of_base(runs), elements)
    }
}

impl<T, D: Dimension, S: Sink<T, D>> Sink<T, D> for Rolled<S, D> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        for (part, base) in self.parts(window) {
            let place = tile.slice_each_axis(|axis| window.place_of(&part, axis.axis.index()));
            self.base.write_tile(&base, place)?;
        }
        Ok(())
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        for (part, base) in self.parts(window) {
            let place = tile.slice_each_axis(|axis| window.place_of(&part, axis.axis.index()));
            if let Err(error) = self.base.write_tile_shared(&base, place)? {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    fn sync(&self) -> Result<()> {
        self.base.sync()
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        let runs = self.of_base(runs);
        self.base.write_runs(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        self.base.write_runs_shared(self.of_base(runs), elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileArrayMut, Options, Order};
    use ndarray::{Array1, Array3, Ix3, ShapeBuilder};

    /// Element `i` is element `i - distance` of the base.
    fn rolled<T: Copy>(base: &Array3<T>, distances: [isize; 3]) -> Array3<T> {
        let (a, b, c) = base.dim();
        let from = |index: usize, distance: isize, len: usize| {
            (index.cast_signed() - distance).rem_euclid(len.cast_signed()).cast_unsigned()
        };
        Array3::from_shape_fn(base.raw_dim(), |(i, j, k)| {
            base[(from(i, distances[0], a), from(j, distances[1], b), from(k, distances[2], c))]
        })
    }

    #[test]
    fn windows_are_those_of_the_moved_array_both_ways() {
        let base = Array3::from_shape_fn((4, 5, 1), |(i, j, _)| 10 * i + j);
        for distances in [[0, 0, 0], [1, 0, 0], [-1, 7, 3], [4, -5, 1], [6, 2, -2]] {
            let expected = rolled(&base, distances);
            let source = Rolled::new(&base, &distances).unwrap();
            let mut written = Array3::zeros(base.raw_dim());
            let mut sink = Rolled::new(&mut written, &distances).unwrap();
            for (i, j) in [(0..4, 0..2), (0..1, 2..5), (1..4, 2..5), (0..0, 0..5)] {
                let window = Window::from([i, j, 0..1]);
                let part = expected.slice_each_axis(|axis| window.slice(axis.axis.index()));
                let mut tile = Array3::zeros(window.shape);
                source.read_tile(&window, tile.view_mut()).unwrap();
                assert_eq!(tile, part, "{distances:?}, {window}");
                sink.write_tile(&window, part).unwrap();
            }
            assert_eq!(written, base, "{distances:?}");
        }
    }

    #[test]
    fn odd_and_even_lengths_are_shifted_as_numpy_does() {
        for len in 1..6 {
            let base = Array3::from_shape_fn((1, len, 1), |(_, j, _)| j);
            let half = len.cast_signed() / 2;
            for (lazy, distance) in [
                (Rolled::fftshift(&base, &[1]).unwrap(), half),
                (Rolled::ifftshift(&base, &[1]).unwrap(), -half),
            ] {
                let mut all = Array3::zeros((1, len, 1));
                lazy.read_tile(&Window::whole(Ix3(1, len, 1)), all.view_mut()).unwrap();
                assert_eq!(all, rolled(&base, [0, distance, 0]), "length {len}");
            }
        }
    }

    /// An array of numbers in the order of the file.
    fn numbered(shape: (usize, usize, usize), order: Order) -> Array3<u64> {
        let numbers = (0..(shape.0 * shape.1 * shape.2) as u64).collect();
        Array3::from_shape_vec(shape.set_f(order == Order::F), numbers).unwrap()
    }

    /// The elements of an array in an order.
    fn flat(array: &Array3<u64>, order: Order) -> Vec<u64> {
        let view = if order == Order::F { array.t() } else { array.view() };
        view.iter().copied().collect()
    }

    /// The runs of windows of the same elements in another shape, which cover all of them.
    fn all_runs(rows: usize, columns: usize) -> Vec<Runs> {
        let layout = Layout::new(ndarray::Ix2(rows, columns), Order::C, 8, 0).unwrap();
        let cuts = [0..columns / 3, columns / 3..columns / 2 + 1, columns / 2 + 1..columns];
        let windows = cuts.map(|cut| Window::from([0..rows, cut]));
        windows.iter().map(|window| layout.runs(window)).collect()
    }

    /// Reads all of a source, and writes all of it to a sink, in runs.
    fn in_runs<S>(base: &Array3<u64>, file: S, order: Order, distances: [isize; 3])
    where
        S: Source<u64, Ix3> + Sink<u64, Ix3>,
    {
        let (len, expected) = (base.len(), flat(&rolled(base, distances), order));
        let mut file = Rolled::new(file, &distances).unwrap();
        assert!(file.has_runs());
        for rows in (1..=len).filter(|rows| len.is_multiple_of(*rows)) {
            let what = format!("{distances:?} of {base:?}, {rows} rows");
            let mut negative = vec![0; len];
            for runs in all_runs(rows, len / rows) {
                let mut part = vec![0; runs.elements()];
                file.read_runs(runs.clone(), &mut part).unwrap();
                let places: Vec<usize> = runs.clone().flatten().collect();
                assert!(
                    places.iter().zip(&part).all(|(&at, &found)| found == expected[at]),
                    "{what}"
                );
                for number in &mut part {
                    *number = !*number;
                }
                if file.write_runs_shared(runs.clone(), &part).is_none() {
                    file.write_runs(runs.clone(), &part).unwrap();
                }
                places.iter().zip(&part).for_each(|(&at, &written)| negative[at] = written);
            }
            let mut found = vec![0; len];
            file.read_runs(Runs::one(0, len), &mut found).unwrap();
            assert!(
                found == negative && found.iter().zip(&expected).all(|(x, y)| *x == !y),
                "{what}"
            );
            let back: Vec<u64> = found.iter().map(|number| !number).collect();
            file.write_runs(Runs::one(0, len), &back).unwrap();
        }
        assert!(file.read_runs(Runs::one(1, len), &mut vec![0; len]).is_err());
    }

    #[test]
    fn runs_are_those_of_the_moved_array_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        for (shape, order) in [
            ((1, 12, 1), Order::C),
            ((15, 1, 1), Order::F),
            ((2, 5, 3), Order::C),
            ((3, 4, 2), Order::F),
        ] {
            let base = numbered(shape, order);
            for distances in [[0, 0, 0], [0, 6, 0], [0, -3, 0], [-1, 0, 1], [7, 0, 0], [2, -2, 1]] {
                let mut array = base.clone();
                in_runs(&base, &mut array, order, distances);
                assert_eq!(array, base);
                let path = folder.path().join("a.npy");
                let options = Options::new().order(order).replace(true);
                let mut file: FileArrayMut<u64, Ix3> = options.create(&path, shape).unwrap();
                file.write_window(Window::whole(base.raw_dim()), &base).unwrap();
                in_runs(&base, &mut file, order, distances);
                assert_eq!(file.read().unwrap(), base);
            }
        }
    }

    #[test]
    fn an_array_that_was_moved_twice_has_the_runs_of_both() {
        let base = Array1::from_iter(0..10);
        let twice = Rolled::new(Rolled::new(&base, &[3]).unwrap(), &[-5]).unwrap();
        let mut found = [0; 10];
        twice.read_runs(Runs::one(0, 10), &mut found).unwrap();
        assert_eq!(found, [2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        // What has no runs has none when it is moved.
        let base = Array3::<u8>::zeros((2, 3, 4));
        let part = base.slice(ndarray::s![.., ..2, ..]);
        assert!(!Rolled::new(&part, &[0, 1, 0]).unwrap().has_runs());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let base = Array3::<u8>::zeros((2, 0, 3));
        assert!(Rolled::new(&base, &[1, 2]).is_err());
        assert!(Rolled::fftshift(&base, &[3]).is_err());
        assert!(Rolled::new(&base, &[isize::MIN, isize::MAX, isize::MIN]).is_ok());
    }
}
