//! A source with the same elements in another shape.

use ndarray::{Array, ArrayViewMut, Dimension, IntoDimension, IxDyn};
use std::marker::PhantomData;
use std::ops::Range;

use super::{into_dimension, is_small, refused};
use crate::{Layout, Order, Result, Source, Stored, Window};

/// A source of dimension `D` with its elements in a shape of dimension `E`, in C order as
/// `numpy.reshape` has it.
///
/// Runs stay as long as they are in both shapes, so this is fast where the source is in C order and a
/// window covers the last axes whole, and right everywhere.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_storage::{Reshaped, Source, Window};
///
/// let field = array![[1, 2, 3], [4, 5, 6]];
/// let flat = Reshaped::new(&field, 6)?;
/// let mut tile = Array1::zeros(3);
/// flat.read_tile(&Window::from(2..5), tile.view_mut())?;
/// assert_eq!(tile, array![3, 4, 5]);
/// # Ok::<(), outcore_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reshaped<S, D, E> {
    base: S,
    shape: E,
    dimension: PhantomData<fn() -> D>,
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Reshaped<S, D, E> {
    /// # Errors
    ///
    /// If the shape has another number of elements.
    pub fn new(base: S, shape: impl IntoDimension<Dim = E>) -> Result<Self> {
        let shape = shape.into_dimension();
        let layout = base.layout();
        let same = Layout::new(shape.clone(), Order::C, layout.element_bytes(), 0)
            .is_some_and(|other| other.len() == layout.len());
        if !same {
            let (from, to) = (layout.shape().slice(), shape.slice());
            return refused(format!("{from:?} has another number of elements than {to:?}"));
        }
        Ok(Self { base, shape, dimension: PhantomData })
    }

    /// The small parts of a window, each with the windows of the base that follow each other in it.
    fn parts(&self, window: &Window<E>) -> Vec<(Window<E>, Vec<Window<D>>)> {
        let layout = self.layout();
        // A single run goes straight to its place; what is made of several is put together by the way.
        let together =
            |part: &Window<E>| layout.runs(part).run_len() == part.len() || is_small(part.len());
        let parts = window.clone().halved(Order::C, together);
        parts.map(|part| (part.clone(), self.boxes_of(&part))).collect()
    }

    fn boxes_of(&self, part: &Window<E>) -> Vec<Window<D>> {
        let layout = self.layout();
        layout.runs(part).flat_map(|run| self.boxes(run)).collect()
    }

    /// The boxes of the base that hold a range of its elements, counted in C order.
    fn boxes(&self, range: Range<usize>) -> Vec<Window<D>> {
        let shape = self.base.shape();
        let mut boxes = Vec::new();
        push_boxes(&shape, 0, range, Window::new(D::zeros(shape.ndim()), ones(&shape)), &mut boxes);
        boxes
    }
}

fn ones<D: Dimension>(shape: &D) -> D {
    let mut ones = shape.clone();
    ones.slice_mut().fill(1);
    ones
}

/// Cuts a range of the elements from an axis on into boxes: a head, whole indices, a tail.
fn push_boxes<D: Dimension>(
    shape: &D,
    axis: usize,
    range: Range<usize>,
    at: Window<D>,
    boxes: &mut Vec<Window<D>>,
) {
    if range.is_empty() || axis == shape.ndim() {
        if !range.is_empty() {
            boxes.push(at);
        }
        return;
    }
    let inner: usize = shape.slice()[axis + 1..].iter().product();
    let mut next = range.start;
    while next < range.end {
        let index = next / inner;
        let mut part = at.clone();
        part.origin[axis] = index;
        let whole = (range.end / inner).saturating_sub(index);
        if next.is_multiple_of(inner) && whole > 0 {
            part.shape[axis] = whole;
            for inner in axis + 1..shape.ndim() {
                part.shape[inner] = shape[inner];
            }
            boxes.push(part);
            next += whole * inner;
        } else {
            let end = range.end.min((index + 1) * inner);
            push_boxes(shape, axis + 1, next - index * inner..end - index * inner, part, boxes);
            next = end;
        }
    }
}

impl<D: Dimension, E: Dimension, S: Stored<D>> Stored<E> for Reshaped<S, D, E> {
    fn layout(&self) -> Layout<E> {
        let base = self.base.layout();
        Layout::new(self.shape.clone(), Order::C, base.element_bytes(), base.offset())
            .expect("as large as its base")
    }

    fn read_bytes(&self, window: &Window<E>) -> u64 {
        let boxes = self.parts(window).into_iter().flat_map(|(_, boxes)| boxes);
        boxes.map(|part| self.base.read_bytes(&part)).sum()
    }

    fn copies(&self) -> usize {
        1 + self.base.copies()
    }

    fn run_bytes(&self, window: &Window<E>) -> u64 {
        let boxes = self.parts(window).into_iter().flat_map(|(_, boxes)| boxes);
        boxes.map(|part| self.base.run_bytes(&part)).max().unwrap_or(0)
    }
}

impl<T, D, E, S> Source<T, E> for Reshaped<S, D, E>
where
    T: Clone + Default,
    D: Dimension,
    E: Dimension,
    S: Source<T, D>,
{
    fn read_tile(&self, window: &Window<E>, mut tile: ArrayViewMut<'_, T, E>) -> Result<()> {
        let read = |elements: &mut [T], boxes: &[Window<D>]| {
            let mut rest = elements;
            for part in boxes {
                let (now, later) = rest.split_at_mut(part.len());
                let view = ArrayViewMut::from_shape(IxDyn(part.shape.slice()), now);
                let view = into_dimension(view.expect("as many elements as the box has"));
                self.base.read_tile(part, view)?;
                rest = later;
            }
            Ok(())
        };
        for (part, boxes) in self.parts(window) {
            let mut place =
                tile.slice_each_axis_mut(|axis| window.place_of(&part, axis.axis.index()));
            if let Some(elements) = place.as_slice_mut() {
                read(elements, &boxes)?;
                continue;
            }
            // The tile has other strides: small pieces go through memory of their own.
            for piece in part.halved(Order::C, |piece| is_small(piece.len())) {
                let mut staging = Array::from_elem(piece.shape.clone(), T::default());
                let boxes = self.boxes_of(&piece);
                read(staging.as_slice_mut().expect("in C order"), &boxes)?;
                let place =
                    |axis: ndarray::AxisDescription| window.place_of(&piece, axis.axis.index());
                tile.slice_each_axis_mut(place).assign(&staging);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, ShapeBuilder};

    #[test]
    fn windows_are_those_of_the_reshaped_array() {
        for fortran in [false, true] {
            let count = |(i, j, k): (usize, usize, usize)| (i * 5 + j) * 6 + k;
            let base = Array3::from_shape_fn((4, 5, 6).set_f(fortran), count);
            let numbers = Array::from_iter(0..120_usize);
            for shape in [vec![120], vec![8, 15], vec![2, 3, 20], vec![1, 120], vec![5, 2, 3, 4]] {
                let lazy = Reshaped::new(&base, IxDyn(&shape)).unwrap();
                let expected = numbers.to_shape(IxDyn(&shape)).unwrap();
                let mut window = Window::whole(IxDyn(&shape));
                for axis in 0..shape.len() {
                    let mut tile = Array::zeros(window.shape.clone());
                    lazy.read_tile(&window, tile.view_mut()).unwrap();
                    let part = expected.slice_each_axis(|axis| window.slice(axis.axis.index()));
                    assert_eq!(tile, part, "{window} of {shape:?}");
                    window.origin[axis] = shape[axis] / 3;
                    window.shape[axis] -= shape[axis] / 2;
                }
            }
        }
    }

    #[test]
    fn another_number_of_elements_is_refused() {
        let base = Array3::<u8>::zeros((2, 3, 4));
        assert!(Reshaped::new(&base, 23).is_err());
        assert!(Reshaped::new(&base, (24, 0)).is_err());
        assert!(Reshaped::new(&base, (usize::MAX, 24)).is_err());
    }
}
