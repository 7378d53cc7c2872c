//! Numbers as bits that sort as the numbers do.
//!
//! ```text
//!     f32            bits         key: negative numbers inverted, positive ones above them
//!     -1.0   1 01111111 000..     0 10000000 111..
//!     -0.0   1 00000000 000..     0 11111111 111..
//!      0.0   0 00000000 000..     1 00000000 000..
//!      1.0   0 01111111 000..     1 01111111 000..
//! ```
//!
//! So the k-th smallest number can be found by counting the leading bits of all numbers, then the
//! next bits of those that share the leading ones, and so on, without ever sorting them.

use half::f16;
use outcore_storage::Element;

/// A real number with an order: every [`Element`] but complex numbers.
///
/// Sealed, as [`Element`] is: implemented for integers, floating-point numbers and `bool`.
pub trait Ordered: Element {
    /// What lies between two such numbers: the type itself for floating-point numbers, and `f64` for
    /// integers and `bool`.
    type Float: Element + num_traits::Float;

    /// The number of bits of a key.
    #[doc(hidden)]
    const BITS: u32;

    /// Bits that sort as the numbers do, in the lowest [`BITS`](Self::BITS); -0.0 is below 0.0.
    #[doc(hidden)]
    fn key(self) -> u64;

    /// The number of a key.
    #[doc(hidden)]
    fn from_key(key: u64) -> Self;

    /// Whether this is no number.
    #[doc(hidden)]
    fn is_nan(self) -> bool;

    /// What is no number, of a type that has such.
    #[doc(hidden)]
    fn nan() -> Self;

    /// The number nearest to this one.
    #[doc(hidden)]
    fn to_float(self) -> Self::Float;

    /// The number in double precision, rounded if it has more digits.
    #[doc(hidden)]
    fn to_double(self) -> f64 {
        num_traits::ToPrimitive::to_f64(&self.to_float()).unwrap_or(f64::NAN)
    }

    /// Whether sums are exact in 128 bits: those of integers and `bool`.
    #[doc(hidden)]
    const WHOLE: bool;

    /// A whole number, or nothing.
    #[doc(hidden)]
    fn to_whole(self) -> i128;

    /// The way from one number to another above it.
    #[doc(hidden)]
    fn way(below: Self, above: Self) -> Self::Float;

    /// The value at a part of the way from one number to another, rounded as NumPy rounds it.
    #[doc(hidden)]
    fn between(below: Self, above: Self, part: f64) -> Self::Float;
}

macro_rules! integers {
    ($($integer:ty, $unsigned:ty);+ $(;)?) => {$(
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_wrap, clippy::cast_lossless)]
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        #[allow(trivial_numeric_casts)]
        impl Ordered for $integer {
            type Float = f64;

            const BITS: u32 = <$integer>::BITS;

            fn key(self) -> u64 {
                // The lowest number has key 0.
                ((self as $unsigned) ^ (<$integer>::MIN as $unsigned)) as u64
            }

            fn from_key(key: u64) -> Self {
                ((key as $unsigned) ^ (<$integer>::MIN as $unsigned)) as $integer
            }

            fn is_nan(self) -> bool {
                false
            }

            fn nan() -> Self {
                unreachable!("every integer is a number")
            }

            fn to_float(self) -> f64 {
                self as f64
            }

            const WHOLE: bool = true;

            fn to_whole(self) -> i128 {
                self as i128
            }

            fn way(below: Self, above: Self) -> f64 {
                // Unsigned, so that it cannot overflow.
                above.key().wrapping_sub(below.key()) as f64
            }

            fn between(below: Self, above: Self, part: f64) -> f64 {
                let way = Self::way(below, above);
                lerp((below as f64, above as f64), way, (part, 1.0 - part), part >= 0.5)
            }
        }
    )+};
}

integers! { i8, u8; i16, u16; i32, u32; i64, u64; u8, u8; u16, u16; u32, u32; u64, u64 }

impl Ordered for bool {
    type Float = f64;

    const BITS: u32 = 8;

    fn key(self) -> u64 {
        self.into()
    }

    fn from_key(key: u64) -> Self {
        key != 0
    }

    fn is_nan(self) -> bool {
        false
    }

    fn nan() -> Self {
        unreachable!("false and true count as numbers")
    }

    fn to_float(self) -> f64 {
        u8::from(self).into()
    }

    const WHOLE: bool = true;

    fn to_whole(self) -> i128 {
        self.into()
    }

    fn way(below: Self, above: Self) -> f64 {
        u8::way(below.into(), above.into())
    }

    fn between(below: Self, above: Self, part: f64) -> f64 {
        u8::between(below.into(), above.into(), part)
    }
}

macro_rules! floats {
    ($($float:ty, $bits:ty, $from:expr);+ $(;)?) => {$(
        #[allow(clippy::cast_lossless, clippy::cast_possible_truncation, trivial_numeric_casts)]
        #[allow(clippy::redundant_closure_call)]
        impl Ordered for $float {
            type Float = Self;

            const BITS: u32 = <$bits>::BITS;

            fn key(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = self.to_bits();
                (if bits & SIGN == 0 { bits | SIGN } else { !bits }) as u64
            }

            fn from_key(key: u64) -> Self {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let key = key as $bits;
                Self::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
            }

            fn is_nan(self) -> bool {
                self != self
            }

            fn nan() -> Self {
                <$float>::NAN
            }

            fn to_float(self) -> Self {
                self
            }

            const WHOLE: bool = false;

            fn to_whole(self) -> i128 {
                0
            }

            fn way(below: Self, above: Self) -> Self {
                above - below
            }

            fn between(below: Self, above: Self, part: f64) -> Self {
                let parts = ($from(part), $from(1.0 - part));
                lerp((below, above), above - below, parts, part >= 0.5)
            }
        }
    )+};
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(x: f64) -> f32 {
    x as f32
}

floats! { f16, u16, crate::number::half; f32, u32, single; f64, u64, f64::from }

/// NumPy's interpolation, from whichever end is nearer, so that it is monotonic.
fn lerp<F: num_traits::Float>(
    (below, above): (F, F),
    way: F,
    (part, rest): (F, F),
    from_above: bool,
) -> F {
    if from_above { above - way * rest } else { below + way * part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorts<T: Ordered + PartialOrd>(one: T, other: T) {
        assert_eq!(T::from_key(one.key()), one);
        assert!(T::BITS == 64 || one.key() >> T::BITS == 0);
        if one < other {
            assert!(one.key() < other.key(), "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_sort_as_numbers_do(a: u64, b: u64, c: f64, d: f64, e: i8, f: i8) {
            sorts(a, b);
            sorts(a.cast_signed(), b.cast_signed());
            sorts(single(c), single(d));
            sorts(c, d);
            sorts(f16::from_f64(c % 1e5), f16::from_f64(d % 1e5));
            sorts(e, f);
        }
    }

    #[test]
    fn the_extremes_have_their_places() {
        let numbers = [f32::NEG_INFINITY, f32::MIN, -1.0, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-45];
        let numbers = [&numbers[..], &[1.0, f32::MAX, f32::INFINITY]].concat();
        assert!(numbers.is_sorted_by(|one, other| one.key() < other.key()));
        assert!(
            f32::NAN.key() > f32::INFINITY.key() && (-f32::NAN).key() < f32::NEG_INFINITY.key()
        );
        assert_eq!((i64::MIN.key(), i64::MAX.key()), (0, u64::MAX));
        assert!(false.key() < true.key() && bool::from_key(1) && !bool::from_key(0));
    }

    #[test]
    fn the_way_between_integers_does_not_overflow() {
        let found = [
            i8::between(-128, 127, 0.5),
            i64::between(i64::MIN, i64::MAX, 0.0),
            u64::between(7, 8, 0.25),
            bool::between(false, true, 0.5),
        ];
        let expected = [-0.5, -9_223_372_036_854_775_808.0, 7.25, 0.5];
        assert_eq!(found.map(f64::to_bits), expected.map(f64::to_bits));
    }
}
