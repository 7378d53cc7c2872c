//! Functions of complex numbers that keep their accuracy, their branch cuts and the signs of zeros.
//!
//! Where nothing else is said, after Kahan, "Branch cuts for complex elementary functions, or much
//! ado about nothing's sign bit" (1987).

use num_complex::Complex;
use num_traits::Float;

use super::function::Unary;
use super::number;

type C = Complex<f64>;

/// The function of an operator, if it is one of these.
pub(super) fn function(operator: Unary) -> Option<fn(C) -> C> {
    Some(match operator {
        Unary::Sqrt => sqrt,
        Unary::Exp => exp,
        Unary::Log => log,
        Unary::Log2 => |z| log(z) * std::f64::consts::LOG2_E,
        Unary::Log10 => |z| log(z) * std::f64::consts::LOG10_E,
        Unary::Sin => |z| turned(z, sinh),
        Unary::Cos => |z| cosh(C::new(-z.im, z.re)),
        Unary::Tan => |z| turned(z, tanh),
        Unary::Sinh => sinh,
        Unary::Cosh => cosh,
        Unary::Tanh => tanh,
        Unary::Arcsin => |z| turned(z, arcsinh),
        Unary::Arccos => arccos,
        Unary::Arctan => |z| turned(z, arctanh),
        Unary::Arcsinh => arcsinh,
        Unary::Arccosh => arccosh,
        Unary::Arctanh => arctanh,
        Unary::Sign => sign,
        _ => return None,
    })
}

/// A quotient without needless overflow (Smith, "Algorithm 116: complex division", 1962), in the
/// form that NumPy computes it.
pub(super) fn quotient<F: Float>(a: Complex<F>, b: Complex<F>) -> Complex<F> {
    if b.re.abs() >= b.im.abs() {
        if b.re == F::zero() && b.im == F::zero() {
            return Complex::new(a.re / b.re.abs(), a.im / b.re.abs());
        }
        let ratio = b.im / b.re;
        let scale = (b.re + b.im * ratio).recip();
        Complex::new((a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale)
    } else {
        let ratio = b.re / b.im;
        let scale = (b.im + b.re * ratio).recip();
        Complex::new((a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale)
    }
}

/// Whether a number comes before another: by real parts, and by imaginary parts where those are
/// equal.
pub(super) fn is_less<F: Float>(a: Complex<F>, b: Complex<F>) -> bool {
    (a.re < b.re && !a.im.is_nan() && !b.im.is_nan()) || (a.re == b.re && a.im < b.im)
}

pub(super) fn is_less_or_equal<F: Float>(a: Complex<F>, b: Complex<F>) -> bool {
    is_less(a, b) || a == b
}

pub(super) fn is_nan<F: Float>(z: Complex<F>) -> bool {
    z.re.is_nan() || z.im.is_nan()
}

pub(super) fn minimum<F: Float>(a: Complex<F>, b: Complex<F>) -> Complex<F> {
    if is_less_or_equal(a, b) || is_nan(a) { a } else { b }
}

pub(super) fn maximum<F: Float>(a: Complex<F>, b: Complex<F>) -> Complex<F> {
    if is_less_or_equal(b, a) || is_nan(a) { a } else { b }
}

/// The number of size 1 in the same direction; zero has none.
fn sign(z: C) -> C {
    let size = z.norm();
    if z == C::new(0.0, 0.0) {
        C::new(0.0, 0.0)
    } else if size.is_finite() {
        z / size
    } else if z.is_nan() || (z.re.is_infinite() && z.im.is_infinite()) {
        C::new(f64::NAN, f64::NAN)
    } else if z.re.is_infinite() {
        C::new(1.0_f64.copysign(z.re), 0.0)
    } else if z.im.is_infinite() {
        C::new(0.0, 1.0_f64.copysign(z.im))
    } else {
        // The size alone overflows.
        let half = z / 2.0;
        half / half.norm()
    }
}

fn sqrt(z: C) -> C {
    if z == C::new(0.0, 0.0) {
        return C::new(0.0, z.im);
    }
    if z.im.is_infinite() {
        return C::new(f64::INFINITY, z.im);
    }
    // Scaled by powers of four, so that neither the largest nor the smallest numbers are lost.
    let (scale, back) = match z.re.abs().max(z.im.abs()) {
        size if size > 1e300 => (1.0 / 16.0, 4.0),
        size if size < 1e-290 => (2.0_f64.powi(200), 2.0_f64.powi(-100)),
        _ => (1.0, 1.0),
    };
    let (re, im) = (z.re * scale, z.im * scale);
    let root = (re.abs().midpoint(re.hypot(im))).sqrt();
    let other = if root.is_infinite() { 0.0 } else { im.abs() / root / 2.0 };
    let (root, other) = (root * back, other * back);
    if z.re >= 0.0 {
        C::new(root, other.copysign(z.im))
    } else if z.re.is_nan() {
        C::new(f64::NAN, f64::NAN)
    } else {
        C::new(other, root.copysign(z.im))
    }
}

fn exp(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.exp(), z.im);
    }
    if z.re == f64::NEG_INFINITY && !z.im.is_finite() {
        return C::new(0.0, 0.0);
    }
    if z.re == f64::INFINITY && !z.im.is_finite() {
        return C::new(f64::INFINITY, f64::NAN);
    }
    let (sin, cos) = z.im.sin_cos();
    if z.re > 700.0 && z.re < 1400.0 {
        // The size may overflow where a part does not.
        let half = (z.re / 2.0).exp();
        return C::new(half * cos * half, half * sin * half);
    }
    C::new(z.re.exp() * cos, z.re.exp() * sin)
}

fn log(z: C) -> C {
    C::new(log_norm(z), z.im.atan2(z.re))
}

/// The logarithm of the absolute value, accurate near 1 too.
fn log_norm(z: C) -> f64 {
    let (large, small) = (z.re.abs().max(z.im.abs()), z.re.abs().min(z.im.abs()));
    let size = z.re.hypot(z.im);
    if size.is_nan() {
        size
    } else if size > 0.7 && size < 1.75 {
        ((large - 1.0) * (large + 1.0) + small * small).ln_1p() / 2.0
    } else if size.is_finite() && size > 1e-300 {
        size.ln()
    } else {
        // Scaled by powers of two, whose logarithms are known.
        let power = if large > 1.0 { -60 } else { 60 };
        let scale = 2.0_f64.powi(power);
        (large * scale).hypot(small * scale).ln() - f64::from(power) * std::f64::consts::LN_2
    }
}

fn sinh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.sinh(), z.im);
    }
    let (sin, cos) = z.im.sin_cos();
    let sinh = if z.re == 0.0 { z.re } else { z.re.sinh() * cos };
    if z.re.abs() > 700.0 && z.re.is_finite() {
        let half = (z.re.abs() / 2.0).exp();
        return C::new((half / 2.0 * cos * half).copysign(cos * z.re), half / 2.0 * sin * half);
    }
    C::new(sinh, z.re.cosh() * sin)
}

fn cosh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.cosh(), z.im * 1.0_f64.copysign(z.re));
    }
    let (sin, cos) = z.im.sin_cos();
    if z.re.abs() > 700.0 && z.re.is_finite() {
        let half = (z.re.abs() / 2.0).exp();
        return C::new(half / 2.0 * cos * half, half / 2.0 * sin.copysign(sin * z.re) * half);
    }
    let sinh = if z.re == 0.0 { z.re * sin } else { z.re.sinh() * sin };
    C::new(z.re.cosh() * cos, sinh)
}

fn tanh(z: C) -> C {
    if z.re.is_infinite() || z.re.abs() > 350.0 {
        let im = if z.im.is_finite() { (2.0 * z.im).sin() } else { 0.0 };
        return C::new(1.0_f64.copysign(z.re), 2.0 * im * (-2.0 * z.re.abs()).exp());
    }
    if z.im == 0.0 {
        return C::new(z.re.tanh(), z.im);
    }
    let (tanh, tan) = (z.re.tanh(), z.im.tan());
    let inverse = z.re.cosh().recip();
    let square = (tanh * tan).powi(2) + 1.0;
    C::new(tanh * (1.0 + tan * tan) / square, tan / square * inverse * inverse)
}

fn arcsinh(z: C) -> C {
    if is_large(z) {
        let log = log_norm(z) + std::f64::consts::LN_2;
        return C::new(log.copysign(z.re), z.im.atan2(z.re.abs()));
    }
    let (one, other) = (sqrt(C::new(1.0 + z.im, -z.re)), sqrt(C::new(1.0 - z.im, z.re)));
    let re = number::arcsinh(one.re * other.im - other.re * one.im);
    C::new(re, z.im.atan2(one.re * other.re - one.im * other.im))
}

fn arccosh(z: C) -> C {
    if is_large(z) {
        return C::new(log_norm(z) + std::f64::consts::LN_2, z.im.atan2(z.re));
    }
    let (below, above) = (sqrt(C::new(z.re - 1.0, z.im)), sqrt(C::new(z.re + 1.0, z.im)));
    let re = number::arcsinh(below.re * above.re + below.im * above.im);
    C::new(re, 2.0 * below.im.atan2(above.re))
}

fn arccos(z: C) -> C {
    if is_large(z) {
        let log = log_norm(z) + std::f64::consts::LN_2;
        return C::new(z.im.abs().atan2(z.re), -log.copysign(z.im));
    }
    let (below, above) = (sqrt(C::new(1.0 - z.re, -z.im)), sqrt(C::new(1.0 + z.re, z.im)));
    let im = number::arcsinh(above.re * below.im - above.im * below.re);
    C::new(2.0 * below.re.atan2(above.re), im)
}

fn arctanh(z: C) -> C {
    if z.re < 0.0 || (z.re == 0.0 && z.re.is_sign_negative()) {
        return -arctanh(-z);
    }
    let size = z.im.abs();
    if z.re > 1e150 || size > 1e150 {
        // The reciprocal, but for its size: the real part is nothing, or nearly so.
        let norm = (z.re / 2.0).hypot(size / 2.0);
        let re = if norm.is_finite() { z.re / 4.0 / norm / norm } else { 0.0 };
        return C::new(re, std::f64::consts::FRAC_PI_2.copysign(z.im));
    }
    if z.re - 1.0 == 0.0 && size < 1e-150 {
        if size == 0.0 {
            return C::new(f64::INFINITY, z.im);
        }
        let re = -(size.sqrt() / size.hypot(2.0).sqrt()).ln();
        return C::new(re, (2.0_f64.atan2(-size) / 2.0).copysign(z.im));
    }
    let below = 1.0 - z.re;
    let re = (4.0 * z.re / (below * below + size * size)).ln_1p() / 4.0;
    C::new(re, (2.0 * z.im).atan2(below * (1.0 + z.re) - size * size) / 2.0)
}

/// A function of `i z`, turned back: `sin z = -i sinh i z`, and so for the others.
fn turned(z: C, function: impl Fn(C) -> C) -> C {
    let turned = function(C::new(-z.im, z.re));
    C::new(turned.im, -turned.re)
}

fn is_large(z: C) -> bool {
    z.re.abs() > 1e150 || z.im.abs() > 1e150
}

/// A power; small whole exponents by multiplication.
pub(super) fn power(a: C, b: C) -> C {
    let zero = C::new(0.0, 0.0);
    if b == zero {
        return C::new(1.0, 0.0);
    }
    if a == zero {
        let lost = C::new(f64::NAN, f64::NAN);
        return if b.re > 0.0 { zero } else { lost };
    }
    if b.im == 0.0 && b.re.fract() == 0.0 && b.re.abs() < 100.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 100")]
        let power = whole_power(a, b.re.abs() as u32);
        return if b.re < 0.0 { quotient(C::new(1.0, 0.0), power) } else { power };
    }
    exp(b * log(a))
}

fn whole_power(mut base: C, mut exponent: u32) -> C {
    let mut power: Option<C> = None;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = Some(power.map_or(base, |power| power * base));
        }
        base = base * base;
        exponent >>= 1;
    }
    power.unwrap_or(C::new(1.0, 0.0))
}
