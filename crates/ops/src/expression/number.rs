//! What operators mean for single real numbers, where NumPy's meaning is not Rust's.

use num_traits::Float;
use std::fmt::Display;
use std::ops::{BitAnd, BitOr, BitXor};

/// Integers of 64 bits, on which arithmetic wraps.
pub(super) trait Integer:
    Copy + Ord + Display + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    fn is_negative(self) -> bool;
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    /// The quotient, rounded down; 0 if the divisor is.
    fn floor_divide(self, by: Self) -> Self;
    /// The rest of that, of the sign of the divisor.
    fn remainder(self, by: Self) -> Self;
    /// A power; the exponent is not negative.
    fn power(self, exponent: Self) -> Self;
    /// A shift by as many bits as there are, or more, leaves nothing; so does one by a negative
    /// number, which is a large one without sign.
    fn shift_left(self, bits: Self) -> Self;
    fn shift_right(self, bits: Self) -> Self;
}

impl Integer for i64 {
    fn is_negative(self) -> bool {
        self < 0
    }

    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn subtract(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    fn multiply(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    fn floor_divide(self, by: Self) -> Self {
        if by == 0 {
            return 0;
        }
        let exact = self.wrapping_rem(by) == 0;
        self.wrapping_div(by) - Self::from(!exact && (self < 0) != (by < 0))
    }

    fn remainder(self, by: Self) -> Self {
        if by == 0 {
            return 0;
        }
        let rest = self.wrapping_rem(by);
        if rest != 0 && (rest < 0) != (by < 0) { rest + by } else { rest }
    }

    fn power(self, exponent: Self) -> Self {
        self.cast_unsigned().power(exponent.cast_unsigned()).cast_signed()
    }

    fn shift_left(self, bits: Self) -> Self {
        self.cast_unsigned().shift_left(bits.cast_unsigned()).cast_signed()
    }

    fn shift_right(self, bits: Self) -> Self {
        // What sign there is remains.
        self >> u64::min(bits.cast_unsigned(), 63)
    }
}

impl Integer for u64 {
    fn is_negative(self) -> bool {
        false
    }

    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn subtract(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }

    fn multiply(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    fn floor_divide(self, by: Self) -> Self {
        self.checked_div(by).unwrap_or(0)
    }

    fn remainder(self, by: Self) -> Self {
        self.checked_rem(by).unwrap_or(0)
    }

    fn power(mut self, mut exponent: Self) -> Self {
        let mut power = 1_u64;
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = power.wrapping_mul(self);
            }
            self = self.wrapping_mul(self);
            exponent >>= 1;
        }
        power
    }

    fn shift_left(self, bits: Self) -> Self {
        if bits < 64 { self << bits } else { 0 }
    }

    fn shift_right(self, bits: Self) -> Self {
        if bits < 64 { self >> bits } else { 0 }
    }
}

/// The quotient, rounded down, and the rest, of the sign of the divisor; Python's `divmod`, which
/// sees to it that they fit together.
fn divmod<F: Float>(a: F, b: F) -> (F, F) {
    let mut rest = a % b;
    if b == F::zero() {
        return (a / b, rest);
    }
    let mut quotient = (a - rest) / b;
    if rest == F::zero() {
        rest = F::zero().copysign(b);
    } else if (b < F::zero()) != (rest < F::zero()) {
        rest = rest + b;
        quotient = quotient - F::one();
    }
    if quotient == F::zero() {
        return (F::zero().copysign(a / b), rest);
    }
    // It is a whole number but for rounding, which may go either way.
    let down = quotient.floor();
    let half = F::one() / (F::one() + F::one());
    (if quotient - down > half { down + F::one() } else { down }, rest)
}

pub(super) fn float_divide<F: Float>(a: F, b: F) -> F {
    divmod(a, b).0
}

pub(super) fn float_remainder<F: Float>(a: F, b: F) -> F {
    divmod(a, b).1
}

/// To the nearest integer, halves to the even one.
pub(super) fn round<F: Float>(x: F) -> F {
    let nearest = x.round();
    let two = F::one() + F::one();
    let half = (x - x.trunc()).abs() == F::one() / two;
    let even = if half { two * (x / two).round() } else { nearest };
    even.copysign(x)
}

pub(super) fn sign<F: Float>(x: F) -> F {
    if x > F::zero() {
        F::one()
    } else if x < F::zero() {
        -F::one()
    } else if x == F::zero() {
        F::zero()
    } else {
        x
    }
}

/// The lesser, or the NaN. Of zeros with different signs the second, as processors choose.
pub(super) fn minimum<F: Float>(a: F, b: F) -> F {
    if a < b || a.is_nan() { a } else { b }
}

/// The greater, or the NaN. Of zeros with different signs the second, as processors choose.
pub(super) fn maximum<F: Float>(a: F, b: F) -> F {
    if a > b || a.is_nan() { a } else { b }
}

/// Where the square would overflow, or nothing is left of what is added to it.
fn is_large<F: Float>(x: F) -> bool {
    x > F::epsilon().recip()
}

fn ln_2<F: Float>() -> F {
    (F::one() + F::one()).ln()
}

/// `ln(x + √(x² + 1))`, without cancellation.
pub(super) fn arcsinh<F: Float>(x: F) -> F {
    let size = x.abs();
    if is_large(size) {
        return (size.ln() + ln_2()).copysign(x);
    }
    let square = size * size;
    let root = (square + F::one()).sqrt();
    (size + square / (F::one() + root)).ln_1p().copysign(x)
}

/// `ln(x + √(x² - 1))`, without cancellation near 1.
pub(super) fn arccosh<F: Float>(x: F) -> F {
    if is_large(x) {
        return x.ln() + ln_2();
    }
    if x < F::one() {
        return F::nan();
    }
    let above = x - F::one();
    (above + (above * (x + F::one())).sqrt()).ln_1p()
}

/// `ln((1 + x) / (1 - x)) / 2`, without cancellation.
pub(super) fn arctanh<F: Float>(x: F) -> F {
    let size = x.abs();
    let two = F::one() + F::one();
    ((two * size / (F::one() - size)).ln_1p() / two).copysign(x)
}
