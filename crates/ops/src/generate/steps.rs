//! Numbers that go up or down in equal steps.

use half::f16;
use ndarray::Ix1;
use num_traits::AsPrimitive;
use outcore_storage::Element;

use super::{Generated, Generator};
use crate::{Error, Result};

/// The numbers from `start` on, `step` apart, that come before `stop`; as `numpy.arange`.
///
/// There are `ceil((stop - start) / step)` of them. Element `i` is `start + i * step`, exactly for
/// integers. Floating-point numbers are those that NumPy computes for the same values: the length
/// in `f64`; element 1 is `start + step` rounded to `T`; the step is then the difference of the
/// first two, so that element `i` is `start + i * ((start + step) - start)`, in `f32` for `f16` and
/// in `T` otherwise. From 2²⁴ elements on the `i` of an `f32` is itself rounded: a [`linspace`] has
/// no such limit.
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array1;
/// use outcore_ops::arange;
/// use outcore_storage::{Source, Stored, Window};
///
/// let countdown = arange(10, 0, -3_i32)?;
/// let mut tile = Array1::zeros(4);
/// countdown.read_tile(&Window::from(0..4), tile.view_mut())?;
/// assert_eq!(tile.to_vec(), [10, 7, 4, 1]);
/// // In floating point, 1.3 - 1 is a little more than three tenths: there is a fourth number.
/// assert_eq!(arange(1.0, 1.3, 0.1)?.layout().len(), 4);
/// assert!(arange(0, 1, 0_u8).is_err());
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If the step is zero, if no length follows, as from infinities and NaN, or if there are too many
/// numbers to address.
#[expect(clippy::similar_names, reason = "they are NumPy's")]
pub fn arange<T: Step>(start: T, stop: T, step: T) -> Result<Generated<T, Ix1, Arange<T>>> {
    let len = T::count(start, stop, step).ok_or_else(|| {
        let what = format!("an arange from {start:?} to {stop:?} in steps of {step:?}");
        Error::Shape(format!("{what} has no length that can be counted"))
    })?;
    Generated::new(len, Arange { start, step })
}

/// Numbers in equal steps; see [`arange`].
#[derive(Clone, Copy, Debug)]
pub struct Arange<T> {
    start: T,
    step: T,
}

impl<T: Step> Generator<T> for Arange<T> {
    fn fill(&self, first: usize, elements: &mut [T]) {
        T::fill(self.start, self.step, first, elements);
    }
}

/// A number that [`arange`] counts with: an integer or a floating-point number.
pub trait Step: Element {
    /// The number of steps before `stop`; `None` if it is not a number that can be counted.
    #[doc(hidden)]
    fn count(start: Self, stop: Self, step: Self) -> Option<usize>;

    /// The elements from index `first` on.
    #[doc(hidden)]
    fn fill(start: Self, step: Self, first: usize, elements: &mut [Self]);
}

macro_rules! integer_steps {
    ($($integer:ty),+) => {$(
        impl Step for $integer {
            fn count(start: Self, stop: Self, step: Self) -> Option<usize> {
                let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
                let distance = if step < 0 { start - stop } else { stop - start };
                let rounded_up = (distance + step.abs() - 1).checked_div_euclid(step.abs())?;
                usize::try_from(rounded_up.max(0)).ok()
            }

            fn fill(start: Self, step: Self, first: usize, elements: &mut [Self]) {
                // Whatever a product loses, the elements are within the type.
                let mut next = start.wrapping_add(step.wrapping_mul(first.as_()));
                for element in elements {
                    *element = next;
                    next = next.wrapping_add(step);
                }
            }
        }
    )+};
}

integer_steps!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! float_steps {
    ($($float:ty, computed in $wide:ty, $narrow:expr;)+) => {$(
        impl Step for $float {
            fn count(start: Self, stop: Self, step: Self) -> Option<usize> {
                count_floats(f64::from(stop) - f64::from(start), f64::from(step))
            }

            fn fill(start: Self, step: Self, first: usize, elements: &mut [Self]) {
                let narrow: fn($wide) -> $float = $narrow;
                let second = <$float>::of_f64(f64::from(start) + f64::from(step));
                let from = <$wide>::from(start);
                let delta = <$wide>::from(second) - from;
                for (index, element) in (first..).zip(&mut *elements) {
                    *element = narrow(from + AsPrimitive::<$wide>::as_(index) * delta);
                }
                // The first two are given; the formula may miss them by a rounding or an infinity.
                for (index, value) in [start, second].into_iter().enumerate() {
                    let at = index.checked_sub(first);
                    if let Some(element) = at.and_then(|at| elements.get_mut(at)) {
                        *element = value;
                    }
                }
            }
        }
    )+};
}

float_steps! {
    f16, computed in f32, f16::from_f32;
    f32, computed in f32, |x| x;
    f64, computed in f64, |x| x;
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
fn count_floats(distance: f64, step: f64) -> Option<usize> {
    let steps = distance / step;
    if steps == 0.0 && distance != 0.0 {
        // Too small a part of a step to be told from none, which has a sign all the same.
        return Some(usize::from(steps.is_sign_positive()));
    }
    // Beyond 2^63 no array can be addressed.
    let counted = step != 0.0 && steps.is_finite() && steps < 9.2e18;
    counted.then(|| steps.ceil().max(0.0) as usize)
}

/// So many numbers at equal distances from `start` to `stop`; as `numpy.linspace` of `f64` numbers,
/// rounded to `T`.
///
/// The last element is exactly `stop`, unless [`endpoint(false)`](Generated::endpoint) leaves it
/// out: then it is where the next one would be. Element `i` is `i * step + start`, computed in
/// `f64`, where `step` is `(stop - start) / (count - 1)`.
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array1;
/// use outcore_ops::linspace;
/// use outcore_storage::{Source, Window};
///
/// let mut tile = Array1::zeros(5);
/// linspace(0.0_f32, 1.0, 5)?.read_tile(&Window::from(0..5), tile.view_mut())?;
/// assert_eq!(tile.to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
/// linspace(0.0_f32, 1.0, 5)?.endpoint(false).read_tile(&Window::from(0..5), tile.view_mut())?;
/// assert_eq!(tile.to_vec(), [0.0, 0.2, 0.4, 0.6, 0.8]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If so many numbers are too many to address.
pub fn linspace<T>(start: T, stop: T, count: usize) -> Result<Generated<T, Ix1, Linspace>>
where
    T: OfF64 + Into<f64>,
{
    let (start, stop) = (start.into(), stop.into());
    Generated::new(count, Linspace { start, stop, count, endpoint: true })
}

impl<T> Generated<T, Ix1, Linspace> {
    /// Whether `stop` is the last of the numbers, as it is unless this says otherwise.
    #[must_use]
    pub fn endpoint(mut self, endpoint: bool) -> Self {
        self.generator.endpoint = endpoint;
        self
    }
}

/// Numbers at equal distances; see [`linspace`].
#[derive(Clone, Copy, Debug)]
pub struct Linspace {
    start: f64,
    stop: f64,
    count: usize,
    endpoint: bool,
}

impl<T: OfF64> Generator<T> for Linspace {
    #[expect(clippy::cast_precision_loss, reason = "arrays have fewer than 2^53 elements")]
    fn fill(&self, first: usize, elements: &mut [T]) {
        let &Self { start, stop, count, endpoint } = self;
        let (delta, parts) = (stop - start, count.saturating_sub(endpoint.into()));
        let step = delta / parts as f64;
        let each = |index: usize| match index as f64 {
            index if parts == 0 => index * delta + start,
            // A step that underflows to zero would not lead from start to stop.
            index if step == 0.0 => index / parts as f64 * delta + start,
            index => index * step + start,
        };
        for (index, element) in (first..).zip(&mut *elements) {
            *element = T::of_f64(each(index));
        }
        let last = count.checked_sub(first + 1).filter(|_| endpoint && count > 1);
        if let Some(element) = last.and_then(|at| elements.get_mut(at)) {
            *element = T::of_f64(stop);
        }
    }
}

/// A floating-point number, rounded from an `f64`.
pub trait OfF64: Element {
    #[doc(hidden)]
    fn of_f64(value: f64) -> Self;
}

impl OfF64 for f16 {
    fn of_f64(value: f64) -> Self {
        crate::number::half(value)
    }
}

impl OfF64 for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    fn of_f64(value: f64) -> Self {
        value as f32
    }
}

impl OfF64 for f64 {
    fn of_f64(value: f64) -> Self {
        value
    }
}
