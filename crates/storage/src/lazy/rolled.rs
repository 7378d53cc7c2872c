//! An array moved along its axes, what leaves at one end coming back at the other.

use ndarray::{ArrayView, ArrayViewMut, Dimension};

use super::refused;
use crate::{Layout, Result, Sink, Source, Stored, Window};

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Ix3};

    /// Element `i` is element `i - distance` of the base.
    fn rolled(base: &Array3<usize>, distances: [isize; 3]) -> Array3<usize> {
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

    #[test]
    fn what_does_not_fit_is_refused() {
        let base = Array3::<u8>::zeros((2, 0, 3));
        assert!(Rolled::new(&base, &[1, 2]).is_err());
        assert!(Rolled::fftshift(&base, &[3]).is_err());
        assert!(Rolled::new(&base, &[isize::MIN, isize::MAX, isize::MIN]).is_ok());
    }
}
