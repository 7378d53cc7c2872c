//! Numbers of about 106 bits, as unevaluated sums of two `f64` (Dekker, "A floating-point technique
//! for extending the available precision", 1971). Exact enough to judge `f64`.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// The sum `high + low`, where `low` is at most half a unit in the last place of `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Double2 {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

/// 2π.
const TAU: Double2 = Double2 { high: std::f64::consts::TAU, low: 2.449_293_598_294_706_4e-16 };

impl From<f64> for Double2 {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// A sum and its rounding error, for any two numbers (Knuth).
#[inline]
fn two_sum(a: f64, b: f64) -> Double2 {
    let high = a + b;
    let of_b = high - a;
    Double2 { high, low: (a - (high - of_b)) + (b - of_b) }
}

/// The same where `a` is the greater in magnitude.
#[inline]
fn quick_two_sum(a: f64, b: f64) -> Double2 {
    let high = a + b;
    Double2 { high, low: b - (high - a) }
}

/// The two halves of a number's digits (Veltkamp).
#[inline]
fn split(a: f64) -> (f64, f64) {
    let scaled = 134_217_729.0 * a;
    let high = scaled - (scaled - a);
    (high, a - high)
}

/// A product and its rounding error.
#[inline]
fn two_product(a: f64, b: f64) -> Double2 {
    let high = a * b;
    let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
    let low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
    Double2 { high, low }
}

impl Add for Double2 {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        let (high, low) = (two_sum(self.high, other.high), two_sum(self.low, other.low));
        let sum = quick_two_sum(high.high, high.low + low.high);
        quick_two_sum(sum.high, sum.low + low.low)
    }
}

impl Neg for Double2 {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Sub for Double2 {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double2 {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        let product = two_product(self.high, other.high);
        let cross = self.high * other.low + self.low * other.high;
        quick_two_sum(product.high, product.low + cross)
    }
}

impl Div for Double2 {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self - other * first.into();
        let second = rest.high / other.high;
        let rest = rest - other * second.into();
        Self::from(first) + second.into() + (rest.high / other.high).into()
    }
}

impl Double2 {
    pub(crate) fn sqrt(self) -> Self {
        let root = self.high.sqrt();
        let rest = self - two_product(root, root);
        Self::from(root) + rest / Self::from(2.0 * root)
    }

    /// The cosine and the sine of `k / n` of a turn, for `k < n`.
    pub(crate) fn turn(k: usize, n: usize) -> (Self, Self) {
        let eighths = 8 * k;
        // The nearest quarter of a turn, and an angle of at most an eighth besides.
        let quarter = (eighths + n) / (2 * n);
        let rest = super::float(4 * k) - super::float(quarter * n);
        let angle = TAU * (Self::from(rest) / Self::from(4.0 * super::float(n)));
        let (cos, sin) = (angle.cos(), angle.sin());
        match quarter % 4 {
            0 => (cos, sin),
            1 => (-sin, cos),
            2 => (-cos, -sin),
            _ => (sin, -cos),
        }
    }

    /// Taylor's series from a term on, whose index goes up by two.
    fn series(self, mut term: Self, mut index: f64) -> Self {
        let mut sum = term;
        let square = -(self * self);
        for _ in 0..16 {
            term = term * square / Self::from((index + 1.0) * (index + 2.0));
            sum = sum + term;
            index += 2.0;
        }
        sum
    }

    fn cos(self) -> Self {
        self.series(1.0.into(), 0.0)
    }

    fn sin(self) -> Self {
        self.series(self, 1.0)
    }
}
