//! Random numbers that are a function of a seed and of the place of an element.
//!
//! ```text
//!     index in C order    0  1  2  3 │ 4  5  6  7 │ 8 ..
//!     32-bit words        block 0    │ block 1    │        block b: philox(counter b, key seed)
//!     64-bit words        block 0 │ block 1 │ block 2 ..
//! ```
//!
//! So the same numbers come out under any tiling, in any order of reading and on any number of
//! threads; and on any machine, since only operations are used that are defined to the last bit.

use ndarray::{Dimension, IntoDimension};
use num_traits::AsPrimitive;
use outcore_storage::Element;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use super::normal::quantile;
use super::philox::{Philox, fill_blocks};
use super::{Generated, Generator};
use crate::{Error, Result};

/// Random numbers of type `f32` or `f64`, each of `0..1` as likely as another.
///
/// They are multiples of 2⁻²⁴ and 2⁻⁵³. The generator is Philox4x32-10 (Salmon et al., 2011) with
/// the seed as its key: a function of seed and index, with no state. The sources of this module
/// with the same seed are made of the same random bits, so give each a seed of its own.
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::{Array2, s};
/// use outcore_ops::random_uniform;
/// use outcore_storage::{Source, Window};
///
/// let noise = random_uniform::<f32, _>((100, 100), 42)?;
/// let mut whole = Array2::zeros((100, 100));
/// noise.read_tile(&Window::from([0..100, 0..100]), whole.view_mut())?;
/// assert!(whole.iter().all(|x| (0.0..1.0).contains(x)));
///
/// let mut part = Array2::zeros((3, 5));
/// noise.read_tile(&Window::from([7..10, 20..25]), part.view_mut())?;
/// assert_eq!(part, whole.slice(s![7..10, 20..25]));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If an array of this shape is too large to address.
pub fn random_uniform<T: Element, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    seed: u64,
) -> Result<Generated<T, D, RandomUniform>>
where
    RandomUniform: Generator<T>,
{
    Generated::new(shape, RandomUniform { philox: Philox::new(seed) })
}

/// Uniformly distributed numbers; see [`random_uniform`].
#[derive(Clone, Copy, Debug)]
pub struct RandomUniform {
    philox: Philox,
}

impl Generator<f32> for RandomUniform {
    #[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
    fn fill(&self, first: usize, elements: &mut [f32]) {
        const UNIT: f32 = 1.0 / (1 << 24) as f32;
        let number = |word: u32| (word >> 8) as f32 * UNIT;
        fill_blocks(first, elements, |block| self.philox.block32(block).map(number));
    }
}

impl Generator<f64> for RandomUniform {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn fill(&self, first: usize, elements: &mut [f64]) {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        let number = |word: u64| (word >> 11) as f64 * UNIT;
        fill_blocks(first, elements, |block| self.philox.block64(block, 0).map(number));
    }
}

/// Random numbers of type `f32` or `f64`, normally distributed with mean 0 and variance 1.
///
/// They are the quantiles of uniform numbers of 32 and 52 bits, and so at most 6.4 and 8.2 in
/// magnitude: the inverse of the distribution is computed by algorithm AS 241 (Wichura, 1988), in
/// `f64`, and rounded. For another mean and variance, see
/// [`lazy`](crate::lazy). Seed and generator are those of
/// [`random_uniform`].
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array1;
/// use outcore_ops::random_normal;
/// use outcore_storage::{Source, Window};
///
/// let noise = random_normal::<f64, _>(10_000, 1)?;
/// let mut tile = Array1::zeros(10_000);
/// noise.read_tile(&Window::from(0..10_000), tile.view_mut())?;
/// // The mean of so many deviates by 0.01, and hardly ever by five times that.
/// assert!(tile.mean().unwrap().abs() < 0.05);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If an array of this shape is too large to address.
pub fn random_normal<T: Element, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    seed: u64,
) -> Result<Generated<T, D, RandomNormal>>
where
    RandomNormal: Generator<T>,
{
    Generated::new(shape, RandomNormal { philox: Philox::new(seed) })
}

/// Normally distributed numbers; see [`random_normal`].
#[derive(Clone, Copy, Debug)]
pub struct RandomNormal {
    philox: Philox,
}

impl Generator<f32> for RandomNormal {
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    fn fill(&self, first: usize, elements: &mut [f32]) {
        const UNIT: f64 = 0.5 / (1_u32 << 31) as f64;
        // Half a unit from 0 and from 1, where the quantiles are infinite.
        let number = |word: u32| quantile((f64::from(word) + 0.5) * UNIT) as f32;
        fill_blocks(first, elements, |block| self.philox.block32(block).map(number));
    }
}

impl Generator<f64> for RandomNormal {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn fill(&self, first: usize, elements: &mut [f64]) {
        const UNIT: f64 = 1.0 / (1_u64 << 52) as f64;
        let number = |word: u64| quantile(((word >> 12) as f64 + 0.5) * UNIT);
        fill_blocks(first, elements, |block| self.philox.block64(block, 0).map(number));
    }
}

/// Random integers of a range, each exactly as likely as another.
///
/// By the multiplication of Lemire, "Fast random integer generation in an interval" (2019), of 64
/// random bits, with other bits where it would favour some. The numbers depend on seed, index and
/// range, not on the type. Seed and generator are those of [`random_uniform`].
///
/// Cost: reads nothing, holds nothing.
///
/// ```
/// use ndarray::Array1;
/// use outcore_ops::random_integers;
/// use outcore_storage::{Source, Window};
///
/// let dice = random_integers(1000, 1_u8..=6, 3)?;
/// let mut tile = Array1::zeros(1000);
/// dice.read_tile(&Window::from(0..1000), tile.view_mut())?;
/// assert_eq!((tile.iter().min(), tile.iter().max()), (Some(&1), Some(&6)));
/// assert!(random_integers(1000, 5_i32..5, 3).is_err());
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If the range holds no integer, or an array of this shape is too large to address.
pub fn random_integers<T: RandomInteger, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
    range: impl RangeBounds<T>,
    seed: u64,
) -> Result<Generated<T, D, RandomIntegers<T>>> {
    let (low, high) = (range.start_bound(), range.end_bound());
    let (first, last) = limits(low, high);
    let span = u128::try_from(last - first + 1).ok().filter(|&span| span > 0);
    let span =
        span.ok_or_else(|| Error::Shape(format!("no integer is from {low:?} to {high:?}")))?;
    let span = u64::try_from(span).unwrap_or(0);
    let philox = Philox::new(seed);
    Generated::new(shape, RandomIntegers { philox, first, span, element: PhantomData })
}

/// The first and the last integer of a range.
fn limits<T: RandomInteger>(low: Bound<&T>, high: Bound<&T>) -> (i128, i128) {
    let first = match low {
        Bound::Included(&low) => low.into(),
        Bound::Excluded(&low) => low.into() + 1,
        Bound::Unbounded => T::LEAST,
    };
    let last = match high {
        Bound::Included(&high) => high.into(),
        Bound::Excluded(&high) => high.into() - 1,
        Bound::Unbounded => T::GREATEST,
    };
    (first, last)
}

/// Integers of a range; see [`random_integers`].
#[derive(Clone, Copy, Debug)]
pub struct RandomIntegers<T> {
    philox: Philox,
    first: i128,
    /// The number of integers; 0 for all of 64 bits.
    span: u64,
    element: PhantomData<fn() -> T>,
}

impl<T> RandomIntegers<T> {
    /// What to add to the first integer for one of the two words of a block.
    #[inline]
    fn offset(&self, block: u64, which: usize, mut word: u64) -> u64 {
        if self.span == 0 {
            return word;
        }
        for attempt in 1.. {
            let wide = u128::from(word) * u128::from(self.span);
            let [low, high] = halves(wide);
            // Of the words for an offset some are one more than of others, unless these are left
            // out.
            if low >= self.span || low >= self.span.wrapping_neg() % self.span {
                return high;
            }
            word = self.philox.block64(block, attempt)[which];
        }
        unreachable!("attempts do not end")
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a half")]
fn halves(number: u128) -> [u64; 2] {
    [number as u64, (number >> 64) as u64]
}

impl<T: RandomInteger> Generator<T> for RandomIntegers<T> {
    fn fill(&self, first: usize, elements: &mut [T]) {
        fill_blocks(first, elements, |block| {
            let [one, other] = self.philox.block64(block, 0);
            let offsets = [self.offset(block, 0, one), self.offset(block, 1, other)];
            offsets.map(|offset| T::wrapped(self.first, offset))
        });
    }
}

/// An integer that [`random_integers`] makes.
pub trait RandomInteger: Element + Into<i128> {
    #[doc(hidden)]
    const LEAST: i128;
    #[doc(hidden)]
    const GREATEST: i128;

    /// An integer of this type that many above the first.
    #[doc(hidden)]
    fn wrapped(first: i128, offset: u64) -> Self;
}

macro_rules! random_integer {
    ($($integer:ty),+) => {$(
        impl RandomInteger for $integer {
            const LEAST: i128 = <$integer>::MIN as i128;
            const GREATEST: i128 = <$integer>::MAX as i128;

            #[inline]
            fn wrapped(first: i128, offset: u64) -> Self {
                (first + i128::from(offset)).as_()
            }
        }
    )+};
}

random_integer!(i8, i16, i32, i64, u8, u16, u32, u64);
