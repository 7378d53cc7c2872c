//! Some of the indices of a source along each axis.

use ndarray::{Array, ArrayViewMut, Axis, Dimension, Slice};

use super::{is_small, refused, staging};
use crate::{Layout, Result, Source, Stored, Window};

/// Some of the indices of a source along each axis: first, last and step, as ndarray's slices have
/// them. Negative places count from the end; with a negative step the same indices come in reverse.
///
/// Along the fastest axis, what lies between close neighbours is read over, because one long run is
/// faster than many short ones; along other axes only what is needed is read.
///
/// ```
/// use ndarray::{Array1, Slice, array};
/// use outcore_storage::{Sliced, Source, Window};
///
/// let field = array![0, 1, 2, 3, 4, 5, 6];
/// let some = Sliced::new(&field, &[Slice::new(1, None, -2)])?;
/// let mut tile = Array1::zeros(3);
/// some.read_tile(&Window::from(0..3), tile.view_mut())?;
/// assert_eq!(tile, array![6, 4, 2]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sliced<S, D> {
    base: S,
    shape: D,
    /// The index of the base that is first along each axis, and the way to the next.
    steps: Vec<(isize, isize)>,
}

/// What is read over between two neighbours is no longer than this.
const GAP_BYTES: usize = 4096;

impl<D: Dimension, S: Stored<D>> Sliced<S, D> {
    /// # Errors
    ///
    /// If there are not as many slices as axes, one reaches outside the array, or a step is 0.
    pub fn new(base: S, slices: &[Slice]) -> Result<Self> {
        let mut shape = base.shape();
        if slices.len() != shape.ndim() {
            let (count, lens) = (slices.len(), shape.slice());
            return refused(format!("{count} slices do not fit shape {lens:?}"));
        }
        let mut steps = Vec::new();
        for (axis, slice) in slices.iter().enumerate() {
            let (first, len, step) = resolve(*slice, axis, shape[axis])?;
            shape[axis] = len;
            steps.push((first, step));
        }
        Ok(Self { base, shape, steps })
    }

    /// The parts of a window that are read together, each with the window of the base around it.
    fn parts(&self, window: &Window<D>) -> Vec<(Window<D>, Window<D>)> {
        let layout = self.base.layout();
        let fastest = self.base.axes().last().copied();
        let together = |part: &Window<D>| {
            let apart = |axis: usize| {
                let gap = (self.steps[axis].1.unsigned_abs() - 1) * layout.element_bytes();
                part.shape[axis] > 1 && gap > 0 && (Some(axis) != fastest || gap > GAP_BYTES)
            };
            let strided = |axis: usize| part.shape[axis] > 1 && self.steps[axis].1.abs() > 1;
            let axes = 0..part.shape.ndim();
            !axes.clone().any(apart)
                && (!axes.clone().any(strided) || is_small(self.around(part).len()))
        };
        let parts = window.clone().halved(layout.order(), together);
        parts.map(|part| (part.clone(), self.around(&part))).collect()
    }

    /// The window of the base from the first to the last element of a part.
    fn around(&self, part: &Window<D>) -> Window<D> {
        let mut base = part.clone();
        for (axis, &(first, step)) in self.steps.iter().enumerate() {
            let at = |index: usize| first + index.cast_signed() * step;
            let (begin, end) =
                (at(part.origin[axis]), at(part.origin[axis] + part.shape[axis] - 1));
            base.origin[axis] = begin.min(end).cast_unsigned();
            base.shape[axis] = begin.abs_diff(end) + 1;
        }
        base
    }
}

/// The first index, the number of indices and the step of a slice of an axis.
fn resolve(slice: Slice, axis: usize, len: usize) -> Result<(isize, usize, isize)> {
    let place = |index: isize| if index < 0 { index + len.cast_signed() } else { index };
    let (start, end) = (place(slice.start), place(slice.end.unwrap_or(len.cast_signed())));
    let inside = 0..=len.cast_signed();
    if !inside.contains(&start) || !inside.contains(&end) {
        return refused(format!("{slice:?} reaches outside axis {axis} of length {len}"));
    }
    if slice.step == 0 {
        return refused(format!("a slice of axis {axis} has step 0"));
    }
    let count = (end - start).max(0).cast_unsigned().div_ceil(slice.step.unsigned_abs());
    let first = if slice.step > 0 || count == 0 { start } else { end - 1 };
    Ok((first, count, slice.step))
}

impl<D: Dimension, S: Stored<D>> Stored<D> for Sliced<S, D> {
    fn layout(&self) -> Layout<D> {
        let base = self.base.layout();
        Layout::new(self.shape.clone(), base.order(), base.element_bytes(), base.offset())
            .expect("no larger than its base")
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

impl<T, D, S> Source<T, D> for Sliced<S, D>
where
    T: Clone + Default,
    D: Dimension,
    S: Source<T, D>,
{
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        let order = self.base.layout().order();
        for (part, base) in self.parts(window) {
            let mut place =
                tile.slice_each_axis_mut(|axis| window.place_of(&part, axis.axis.index()));
            for (axis, &(_, step)) in self.steps.iter().enumerate() {
                if step < 0 {
                    place.invert_axis(Axis(axis));
                }
            }
            if base.shape == part.shape {
                self.base.read_tile(&base, place)?;
                continue;
            }
            let mut around: Array<T, D> = staging(&base.shape, order);
            self.base.read_tile(&base, around.view_mut())?;
            place.assign(&around.slice_each_axis(|axis| {
                let index = axis.axis.index();
                let step = self.steps[index].1.abs();
                Slice::new(0, None, if part.shape[index] > 1 { step } else { 1 })
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Ix3};
    use proptest::prelude::*;

    #[test]
    fn refuses_what_ndarray_would_panic_at() {
        let field = Array3::<u8>::zeros((2, 3, 4));
        let all = Slice::from(..);
        for slices in [
            vec![all, all],
            vec![all, all, Slice::from(0..5)],
            vec![all, all, Slice::from(-5..)],
            vec![Slice { start: 0, end: None, step: 0 }, all, all],
        ] {
            assert!(Sliced::new(&field, &slices).is_err(), "{slices:?}");
        }
    }

    fn slice_of(len: usize) -> impl Strategy<Value = Slice> {
        let step = prop_oneof![-4_isize..0, 1_isize..5];
        (0..=len, 0..=len, step).prop_map(|(one, other, step)| {
            Slice::new(one.min(other).cast_signed(), Some(one.max(other).cast_signed()), step)
        })
    }

    proptest! {
        #[test]
        fn a_window_of_a_slice_is_that_of_ndarrays_slice(
            slices in (slice_of(3), slice_of(7), slice_of(5)),
            cut in (0.0..1.0, 0.0..1.0_f64),
        ) {
            let field = Array3::from_shape_fn((3, 7, 5), |(i, j, k)| i * 100 + j * 10 + k);
            let slices = [slices.0, slices.1, slices.2];
            let expected = field.slice_each_axis(|axis| slices[axis.axis.index()]);
            let sliced = Sliced::new(&field, &slices).unwrap();
            prop_assert_eq!(sliced.shape(), expected.raw_dim());
            let mut window = Window::<Ix3>::whole(expected.raw_dim());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let part = |of: f64, len: usize| (of * len as f64) as usize;
            window.origin[1] = part(cut.0, window.shape[1]);
            window.shape[1] -= window.origin[1];
            window.shape[2] = part(cut.1, window.shape[2]) + usize::from(window.shape[2] > 0);
            let mut tile = Array3::zeros(window.shape);
            sliced.read_tile(&window, tile.view_mut()).unwrap();
            prop_assert_eq!(tile, expected.slice_each_axis(|axis| window.slice(axis.axis.index())));
        }
    }
}
