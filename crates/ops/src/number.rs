//! What a number becomes when many of them are put together: NumPy's rules.
#![expect(clippy::return_self_not_must_use, reason = "this is arithmetic")]

use half::f16;
use num_complex::Complex;
use outcore_storage::Element;
use std::cmp::Ordering;

use crate::carried::Carried;

/// An element as reductions and scans see it.
///
/// Implemented for every [`Element`]. Sums and products are computed in [`Wide`](Self::Wide) and given
/// back as [`Total`](Self::Total); means and deviations are computed in double precision and given
/// back as [`Mean`](Self::Mean) and [`Spread`](Self::Spread).
pub trait Number: Element + Carried {
    /// The type in which sums and products are computed.
    type Wide: Wide;
    /// The type in which means and deviations are computed.
    type Float: Float;
    /// The type of a sum or a product: 64 bits of an integer, otherwise the element's own type.
    type Total: Element;
    /// The type of a mean: double precision of an integer, otherwise the element's own type.
    type Mean: Element;
    /// The type of a deviation: as a mean, and real.
    type Spread: Element;

    #[doc(hidden)]
    fn wide(self) -> Self::Wide;
    #[doc(hidden)]
    fn total(wide: Self::Wide) -> Self::Total;
    #[doc(hidden)]
    fn float(self) -> Self::Float;
    #[doc(hidden)]
    fn mean(mean: Self::Float) -> Self::Mean;
    #[doc(hidden)]
    fn spread(spread: f64) -> Self::Spread;
    #[doc(hidden)]
    fn narrow(wide: Self::Wide) -> Self;

    /// The smaller and the larger; complex numbers are compared by their real parts first. `None` if
    /// one of them is NaN.
    #[doc(hidden)]
    fn compare(self, other: Self) -> Option<Ordering>;

    /// Whether the element is smaller; not if one of them is NaN.
    #[doc(hidden)]
    fn less(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Less)
    }

    /// The difference, in the element's own type; integers wrap.
    #[doc(hidden)]
    fn minus(self, other: Self) -> Self;

    /// NaN, of a type that has one; zero of others.
    #[doc(hidden)]
    fn not_a_number() -> Self::Wide {
        Self::Wide::ZERO
    }

    /// Whether the element, or a part of it, is NaN.
    #[doc(hidden)]
    fn is_nan(self) -> bool {
        self.compare(self).is_none()
    }
}

/// Numbers that sums and products are computed in.
pub trait Wide: Copy + Send + Sync + Carried + 'static {
    #[doc(hidden)]
    const ZERO: Self;
    #[doc(hidden)]
    const ONE: Self;
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    #[doc(hidden)]
    fn times(self, other: Self) -> Self;
    /// What rounding took from the sum of two numbers.
    #[doc(hidden)]
    fn lost(self, other: Self, sum: Self) -> Self;
    /// Whether the number is neither infinite nor NaN.
    #[doc(hidden)]
    fn is_finite(self) -> bool;
}

macro_rules! wide_integers {
    ($($type:ty),+) => {$(
        impl Wide for $type {
            const ZERO: Self = 0;
            const ONE: Self = 1;

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn lost(self, _: Self, _: Self) -> Self {
                0
            }

            fn is_finite(self) -> bool {
                true
            }
        }
    )+};
}

wide_integers!(i64, u64);

impl Wide for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    /// The error of a sum is a number itself, computed without error.
    /// Source: Knuth, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B.
    fn lost(self, other: Self, sum: Self) -> Self {
        let part = sum - self;
        (self - (sum - part)) + (other - part)
    }

    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }
}

impl Wide for Complex<f64> {
    const ZERO: Self = Self::new(0.0, 0.0);
    const ONE: Self = Self::new(1.0, 0.0);

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn lost(self, other: Self, sum: Self) -> Self {
        Self::new(self.re.lost(other.re, sum.re), self.im.lost(other.im, sum.im))
    }

    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
}

/// Wide numbers that can be divided.
pub trait Float: Wide {
    #[doc(hidden)]
    fn minus(self, other: Self) -> Self;
    #[doc(hidden)]
    fn scaled(self, factor: f64) -> Self;
    #[doc(hidden)]
    fn over(self, divisor: f64) -> Self;
    /// The square of the absolute value.
    #[doc(hidden)]
    fn square(self) -> f64;
}

impl Float for f64 {
    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn scaled(self, factor: f64) -> Self {
        self * factor
    }

    fn over(self, divisor: f64) -> Self {
        self / divisor
    }

    fn square(self) -> f64 {
        self * self
    }
}

impl Float for Complex<f64> {
    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn scaled(self, factor: f64) -> Self {
        self * factor
    }

    fn over(self, divisor: f64) -> Self {
        self / divisor
    }

    fn square(self) -> f64 {
        self.norm_sqr()
    }
}

macro_rules! integers {
    ($($type:ty => $wide:ty),+ $(,)?) => {$(
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_lossless,
            reason = "one definition for integers of every size"
        )]
        impl Number for $type {
            type Wide = $wide;
            type Float = f64;
            type Total = $wide;
            type Mean = f64;
            type Spread = f64;

            fn wide(self) -> $wide {
                self as $wide
            }

            fn total(wide: $wide) -> $wide {
                wide
            }

            fn float(self) -> f64 {
                self as f64
            }

            fn mean(mean: f64) -> f64 {
                mean
            }

            fn spread(spread: f64) -> f64 {
                spread
            }

            fn narrow(wide: $wide) -> Self {
                wide as Self
            }

            fn compare(self, other: Self) -> Option<Ordering> {
                Some(self.cmp(&other))
            }

            fn less(self, other: Self) -> bool {
                self < other
            }

            fn is_nan(self) -> bool {
                false
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
    )+};
}

integers!(i8 => i64, i16 => i64, i32 => i64, i64 => i64, u8 => u64, u16 => u64, u32 => u64, u64 => u64);

impl Number for bool {
    type Wide = i64;
    type Float = f64;
    type Total = i64;
    type Mean = f64;
    type Spread = f64;

    fn wide(self) -> i64 {
        self.into()
    }

    fn total(wide: i64) -> i64 {
        wide
    }

    fn float(self) -> f64 {
        u8::from(self).into()
    }

    fn mean(mean: f64) -> f64 {
        mean
    }

    fn spread(spread: f64) -> f64 {
        spread
    }

    fn narrow(wide: i64) -> Self {
        wide != 0
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        Some(self.cmp(&other))
    }

    fn minus(self, other: Self) -> Self {
        self ^ other
    }
}

macro_rules! floats {
    ($($type:ty, $wide:expr, $narrow:expr;)+) => {$(
        impl Number for $type {
            type Wide = f64;
            type Float = f64;
            type Total = Self;
            type Mean = Self;
            type Spread = Self;

            fn wide(self) -> f64 {
                $wide(self)
            }

            fn not_a_number() -> f64 {
                f64::NAN
            }

            fn total(wide: f64) -> Self {
                $narrow(wide)
            }

            fn float(self) -> f64 {
                $wide(self)
            }

            fn mean(mean: f64) -> Self {
                $narrow(mean)
            }

            fn spread(spread: f64) -> Self {
                $narrow(spread)
            }

            fn narrow(wide: f64) -> Self {
                $narrow(wide)
            }

            fn compare(self, other: Self) -> Option<Ordering> {
                self.partial_cmp(&other)
            }

            fn less(self, other: Self) -> bool {
                self < other
            }

            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }
        }
    )+};
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision")]
fn single(wide: f64) -> f32 {
    wide as f32
}

/// The nearest number of half precision. By way of single precision, but rounded to odd there, so that
/// only the last rounding counts.
/// Source: Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008.
#[expect(clippy::float_cmp, reason = "whether anything was rounded away")]
pub(crate) fn half(wide: f64) -> f16 {
    let near = single(wide);
    if f64::from(near) == wide || wide.is_nan() {
        return f16::from_f32(near);
    }
    let cut = near.to_bits() - u32::from(f64::from(near).abs() > wide.abs());
    f16::from_f32(f32::from_bits(cut | 1))
}

floats! {
    f16, f16::to_f64, half;
    f32, f64::from, single;
    f64, |x| x, |x| x;
}

macro_rules! complex {
    ($($type:ty, $wide:expr, $narrow:expr;)+) => {$(
        impl Number for Complex<$type> {
            type Wide = Complex<f64>;
            type Float = Complex<f64>;
            type Total = Self;
            type Mean = Self;
            type Spread = $type;

            fn wide(self) -> Complex<f64> {
                Complex::new($wide(self.re), $wide(self.im))
            }

            fn not_a_number() -> Complex<f64> {
                Complex::new(f64::NAN, 0.0)
            }

            fn total(wide: Complex<f64>) -> Self {
                Self::new($narrow(wide.re), $narrow(wide.im))
            }

            fn float(self) -> Complex<f64> {
                self.wide()
            }

            fn mean(mean: Complex<f64>) -> Self {
                Self::total(mean)
            }

            fn spread(spread: f64) -> $type {
                $narrow(spread)
            }

            fn narrow(wide: Complex<f64>) -> Self {
                Self::total(wide)
            }

            fn compare(self, other: Self) -> Option<Ordering> {
                // A NaN in any part makes the number one, as NumPy has it.
                if self.re.is_nan() || self.im.is_nan() || other.re.is_nan() || other.im.is_nan() {
                    return None;
                }
                Some(self.re.partial_cmp(&other.re)?.then(self.im.partial_cmp(&other.im)?))
            }

            fn minus(self, other: Self) -> Self {
                self - other
            }
        }
    )+};
}

complex! {
    f32, f64::from, single;
    f64, |x| x, |x| x;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_rounded_once() {
        // Just above and just below the middle between two neighbours, and below that of infinity.
        let close = 40_f64.exp2().recip();
        let ulp = 10_f64.exp2().recip();
        assert_eq!(half(1.0 + ulp / 2.0 + close), f16::from_f32(1.000_976_6));
        assert_eq!(half(1.0 + 1.5 * ulp - close), f16::from_f32(1.000_976_6));
        assert_eq!(half(-(1.0 + ulp / 2.0 + close)), f16::from_f32(-1.000_976_6));
        assert_eq!((half(65_519.999_99), half(65_520.0)), (f16::MAX, f16::INFINITY));
        assert_eq!((half(1e-300), half(1e300)), (f16::ZERO, f16::INFINITY));
        assert!(half(f64::NAN).is_nan());
        // What half precision holds stays what it is.
        for bits in 0..=u16::MAX {
            let exact = f16::from_bits(bits);
            assert!(half(exact.to_f64()) == exact || exact.is_nan());
        }
    }
}
