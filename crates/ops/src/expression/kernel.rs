//! What steps do to whole registers: one loop for each operator and class.

use half::f16;
use num_complex::Complex;
use num_traits::Float;
use outcore_storage::DType;

use super::cast::Failure;
use super::complex;
use super::function::{Binary, Unary};
use super::number::{self, Integer};
use super::register::{Register, Wide};
use super::sine;

/// A function of every value.
pub(super) fn each<A: Copy, B: Wide>(from: &[A], to: &mut Register, f: impl Fn(A) -> B) {
    let to = B::of_mut(to);
    to.clear();
    to.extend(from.iter().map(|&x| f(x)));
}

fn pairs<A: Copy, B: Copy, C: Wide>(a: &[A], b: &[B], to: &mut Register, f: impl Fn(A, B) -> C) {
    let to = C::of_mut(to);
    to.clear();
    to.extend(a.iter().zip(b).map(|(&a, &b)| f(a, b)));
}

/// An operator that a class does not have, which a program that has been compiled never asks for.
fn none(operator: impl std::fmt::Debug) -> ! {
    unreachable!("{operator:?} is not defined for this class")
}

/// Changes the class.
#[expect(clippy::cast_precision_loss, reason = "as NumPy rounds")]
pub(super) fn convert(from: &Register, to: &mut Register) {
    use Register as R;
    match (from, &mut *to) {
        (R::Bool(from), R::I64(_)) => each(from, to, i64::from),
        (R::Bool(from), R::U64(_)) => each(from, to, u64::from),
        (R::Bool(from), R::F32(_)) => each(from, to, |x| f32::from(u8::from(x))),
        (R::Bool(from), R::F64(_)) => each(from, to, |x| f64::from(u8::from(x))),
        (R::Bool(from), R::C32(_)) => each(from, to, |x| Complex::from(f32::from(u8::from(x)))),
        (R::Bool(from), R::C64(_)) => each(from, to, |x| Complex::from(f64::from(u8::from(x)))),
        (R::I64(from), R::Bool(_)) => each(from, to, |x| x != 0),
        (R::I64(from), R::F32(_)) => each(from, to, |x| x as f32),
        (R::I64(from), R::F64(_)) => each(from, to, |x| x as f64),
        (R::I64(from), R::C32(_)) => each(from, to, |x| Complex::from(x as f32)),
        (R::I64(from), R::C64(_)) => each(from, to, |x| Complex::from(x as f64)),
        (R::U64(from), R::Bool(_)) => each(from, to, |x| x != 0),
        (R::U64(from), R::I64(_)) => each(from, to, u64::cast_signed),
        (R::U64(from), R::F32(_)) => each(from, to, |x| x as f32),
        (R::U64(from), R::F64(_)) => each(from, to, |x| x as f64),
        (R::U64(from), R::C32(_)) => each(from, to, |x| Complex::from(x as f32)),
        (R::U64(from), R::C64(_)) => each(from, to, |x| Complex::from(x as f64)),
        (R::F32(from), R::Bool(_)) => each(from, to, |x| x != 0.0),
        (R::F32(from), R::F64(_)) => each(from, to, f64::from),
        (R::F32(from), R::C32(_)) => each(from, to, Complex::from),
        (R::F32(from), R::C64(_)) => each(from, to, |x| Complex::from(f64::from(x))),
        (R::F64(from), R::Bool(_)) => each(from, to, |x| x != 0.0),
        (R::F64(from), R::C64(_)) => each(from, to, Complex::from),
        (R::C32(from), R::Bool(_)) => each(from, to, |z| z != Complex::new(0.0, 0.0)),
        (R::C32(from), R::C64(_)) => each(from, to, wide),
        (R::C64(from), R::Bool(_)) => each(from, to, |z| z != Complex::new(0.0, 0.0)),
        (from, to) => unreachable!("{from:?} is not promoted to {to:?}"),
    }
}

fn wide(z: Complex<f32>) -> Complex<f64> {
    Complex::new(z.re.into(), z.im.into())
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn short(z: Complex<f64>) -> Complex<f32> {
    Complex::new(z.re as f32, z.im as f32)
}

/// Wraps or rounds values to a type.
#[expect(clippy::cast_possible_truncation, reason = "wrapping is meant")]
pub(super) fn narrow(register: &mut Register, dtype: DType) {
    fn each<T: Copy>(values: &mut [T], f: impl Fn(T) -> T) {
        for x in values {
            *x = f(*x);
        }
    }
    match (register, dtype) {
        (Register::I64(values), DType::I8) => each(values, |x| (x as i8).into()),
        (Register::I64(values), DType::I16) => each(values, |x| (x as i16).into()),
        (Register::I64(values), DType::I32) => each(values, |x| (x as i32).into()),
        (Register::U64(values), DType::U8) => each(values, |x| (x as u8).into()),
        (Register::U64(values), DType::U16) => each(values, |x| (x as u16).into()),
        (Register::U64(values), DType::U32) => each(values, |x| (x as u32).into()),
        (Register::F32(values), DType::F16) => each(values, |x| f16::from_f32(x).to_f32()),
        (register, dtype) => unreachable!("{register:?} is not computed for {dtype}"),
    }
}

/// Values of the first register where a condition holds, and of the second elsewhere.
pub(super) fn select(condition: &Register, from: [&Register; 2], to: &mut Register) {
    fn chosen<T: Wide>(condition: &Register, from: [&Register; 2], to: &mut Register) {
        let values = T::of(from[0]).iter().zip(T::of(from[1]));
        let to = T::of_mut(to);
        to.clear();
        let choices = bool::of(condition).iter().zip(values);
        to.extend(choices.map(|(&condition, (&one, &other))| if condition { one } else { other }));
    }
    match to {
        Register::Bool(_) => chosen::<bool>(condition, from, to),
        Register::I64(_) => chosen::<i64>(condition, from, to),
        Register::U64(_) => chosen::<u64>(condition, from, to),
        Register::F32(_) => chosen::<f32>(condition, from, to),
        Register::F64(_) => chosen::<f64>(condition, from, to),
        Register::C32(_) => chosen::<Complex<f32>>(condition, from, to),
        Register::C64(_) => chosen::<Complex<f64>>(condition, from, to),
    }
}

/// An operator on one register.
pub(super) fn unary(operator: Unary, from: &Register, to: &mut Register) {
    match from {
        Register::Bool(from) => match operator {
            Unary::Invert => each(from, to, |x: bool| !x),
            Unary::Imag | Unary::IsNan | Unary::IsInf => each(from, to, |_| false),
            Unary::IsFinite => each(from, to, |_| true),
            other => none(other),
        },
        Register::I64(from) => match operator {
            Unary::Negative => each(from, to, i64::wrapping_neg),
            Unary::Absolute => each(from, to, i64::wrapping_abs),
            Unary::Sign => each(from, to, i64::signum),
            Unary::Invert => each(from, to, |x: i64| !x),
            Unary::Imag => each(from, to, |_| 0_i64),
            Unary::IsNan | Unary::IsInf => each(from, to, |_| false),
            Unary::IsFinite => each(from, to, |_| true),
            other => none(other),
        },
        Register::U64(from) => match operator {
            Unary::Negative => each(from, to, u64::wrapping_neg),
            Unary::Sign => each(from, to, |x: u64| u64::from(x > 0)),
            Unary::Invert => each(from, to, |x: u64| !x),
            Unary::Imag => each(from, to, |_| 0_u64),
            Unary::IsNan | Unary::IsInf => each(from, to, |_| false),
            Unary::IsFinite => each(from, to, |_| true),
            other => none(other),
        },
        Register::F32(from) => match operator {
            Unary::Sin => sine::sin(from, f32::of_mut(to)),
            Unary::Cos => sine::cos(from, f32::of_mut(to)),
            other => real(other, from, to),
        },
        Register::F64(from) => real(operator, from, to),
        Register::C32(from) => complexes(operator, from, to, wide, short),
        Register::C64(from) => complexes(operator, from, to, |z| z, |z| z),
    }
}

/// An operator on real numbers.
fn real<F: Float + Wide>(operator: Unary, from: &[F], to: &mut Register) {
    match operator {
        Unary::Negative => each(from, to, |x: F| -x),
        Unary::Absolute => each(from, to, F::abs),
        Unary::Sqrt => each(from, to, F::sqrt),
        Unary::Exp => each(from, to, F::exp),
        Unary::Log => each(from, to, F::ln),
        Unary::Log2 => each(from, to, F::log2),
        Unary::Log10 => each(from, to, F::log10),
        Unary::Sin => each(from, to, F::sin),
        Unary::Cos => each(from, to, F::cos),
        Unary::Tan => each(from, to, F::tan),
        Unary::Sinh => each(from, to, F::sinh),
        Unary::Cosh => each(from, to, F::cosh),
        Unary::Tanh => each(from, to, F::tanh),
        Unary::Arcsin => each(from, to, F::asin),
        Unary::Arccos => each(from, to, F::acos),
        Unary::Arctan => each(from, to, F::atan),
        Unary::Arcsinh => each(from, to, number::arcsinh::<F>),
        Unary::Arccosh => each(from, to, number::arccosh::<F>),
        Unary::Arctanh => each(from, to, number::arctanh::<F>),
        Unary::Floor => each(from, to, F::floor),
        Unary::Ceil => each(from, to, F::ceil),
        Unary::Round => each(from, to, number::round::<F>),
        Unary::Trunc => each(from, to, F::trunc),
        Unary::Sign => each(from, to, number::sign::<F>),
        Unary::Imag => each(from, to, |_| F::zero()),
        Unary::Angle => each(from, to, |x| F::zero().atan2(x)),
        Unary::IsNan => each(from, to, F::is_nan),
        Unary::IsInf => each(from, to, F::is_infinite),
        Unary::IsFinite => each(from, to, F::is_finite),
        Unary::Positive | Unary::Invert | Unary::Conj | Unary::Real => none(operator),
    }
}

/// An operator on complex numbers; functions are computed in double precision.
fn complexes<F: Float + Wide>(
    operator: Unary,
    from: &[Complex<F>],
    to: &mut Register,
    wide: impl Fn(Complex<F>) -> Complex<f64>,
    short: impl Fn(Complex<f64>) -> Complex<F>,
) where
    Complex<F>: Wide,
{
    match operator {
        Unary::Negative => each(from, to, |z: Complex<F>| -z),
        Unary::Conj => each(from, to, |z: Complex<F>| z.conj()),
        Unary::Real => each(from, to, |z: Complex<F>| z.re),
        Unary::Imag => each(from, to, |z: Complex<F>| z.im),
        Unary::Absolute => each(from, to, |z| short(wide(z).norm().into()).re),
        Unary::Angle => each(from, to, |z: Complex<F>| z.im.atan2(z.re)),
        Unary::Round => {
            each(from, to, |z| Complex::new(number::round(z.re), number::round(z.im)));
        }
        Unary::IsNan => each(from, to, complex::is_nan::<F>),
        Unary::IsInf => each(from, to, |z: Complex<F>| z.re.is_infinite() || z.im.is_infinite()),
        Unary::IsFinite => each(from, to, |z: Complex<F>| z.re.is_finite() && z.im.is_finite()),
        _ => {
            let function = complex::function(operator).unwrap_or_else(|| none(operator));
            each(from, to, |z| short(function(wide(z))));
        }
    }
}

/// An operator on two registers; what it cannot be done to, if that is among the values.
pub(super) fn binary(
    operator: Binary,
    from: [&Register; 2],
    to: &mut Register,
) -> Result<(), Failure> {
    use Register as R;
    if let Some(holds) = operator.relation() {
        compare(operator, holds, from, to);
        return Ok(());
    }
    match from {
        [R::Bool(a), R::Bool(b)] => bools(operator, a, b, to),
        [R::I64(a), R::I64(b)] => integers(operator, a, b, to)?,
        [R::U64(a), R::U64(b)] => integers(operator, a, b, to)?,
        [R::F32(a), R::F32(b)] => reals(operator, a, b, to),
        [R::F64(a), R::F64(b)] => reals(operator, a, b, to),
        [R::C32(a), R::C32(b)] => {
            complex_pairs(operator, a, b, to, |a, b| short(complex::power(wide(a), wide(b))));
        }
        [R::C64(a), R::C64(b)] => complex_pairs(operator, a, b, to, complex::power),
        _ => none(operator),
    }
    Ok(())
}

/// A comparison, which holds as `holds` says of what is less, equal and greater.
fn compare(operator: Binary, holds: [bool; 3], from: [&Register; 2], to: &mut Register) {
    use Register as R;
    match from {
        [R::Bool(a), R::Bool(b)] => related(operator, a, b, to),
        [R::I64(a), R::I64(b)] => related(operator, a, b, to),
        [R::U64(a), R::U64(b)] => related(operator, a, b, to),
        [R::I64(a), R::U64(b)] => {
            pairs(a, b, to, |a, b| holds[place(i128::from(a), i128::from(b))]);
        }
        [R::U64(a), R::I64(b)] => {
            pairs(a, b, to, |a, b| holds[place(i128::from(a), i128::from(b))]);
        }
        [R::F32(a), R::F32(b)] => related(operator, a, b, to),
        [R::F64(a), R::F64(b)] => related(operator, a, b, to),
        [R::C32(a), R::C32(b)] => complex_related(operator, a, b, to),
        [R::C64(a), R::C64(b)] => complex_related(operator, a, b, to),
        _ => none(operator),
    }
}

fn place(a: i128, b: i128) -> usize {
    usize::from(a >= b) + usize::from(a > b)
}

fn related<T: Copy + PartialOrd>(operator: Binary, a: &[T], b: &[T], to: &mut Register) {
    match operator {
        Binary::Equal => pairs(a, b, to, |a, b| a == b),
        Binary::NotEqual => pairs(a, b, to, |a, b| a != b),
        Binary::Less => pairs(a, b, to, |a, b| a < b),
        Binary::LessEqual => pairs(a, b, to, |a, b| a <= b),
        Binary::Greater => pairs(a, b, to, |a, b| a > b),
        Binary::GreaterEqual => pairs(a, b, to, |a, b| a >= b),
        other => none(other),
    }
}

fn complex_related<F: Float>(
    operator: Binary,
    a: &[Complex<F>],
    b: &[Complex<F>],
    to: &mut Register,
) {
    use complex::{is_less, is_less_or_equal};
    match operator {
        Binary::Equal => pairs(a, b, to, |a, b| a == b),
        Binary::NotEqual => pairs(a, b, to, |a, b| a != b),
        Binary::Less => pairs(a, b, to, is_less),
        Binary::LessEqual => pairs(a, b, to, is_less_or_equal),
        Binary::Greater => pairs(a, b, to, |a, b| is_less(b, a)),
        Binary::GreaterEqual => pairs(a, b, to, |a, b| is_less_or_equal(b, a)),
        other => none(other),
    }
}

fn bools(operator: Binary, a: &[bool], b: &[bool], to: &mut Register) {
    match operator {
        Binary::Add | Binary::Or | Binary::Maximum => pairs(a, b, to, |a, b| a | b),
        Binary::Multiply | Binary::And | Binary::Minimum => pairs(a, b, to, |a, b| a & b),
        Binary::Xor => pairs(a, b, to, |a, b| a ^ b),
        other => none(other),
    }
}

fn integers<T: Integer + Wide>(
    operator: Binary,
    a: &[T],
    b: &[T],
    to: &mut Register,
) -> Result<(), Failure> {
    match operator {
        Binary::Add => pairs(a, b, to, T::add),
        Binary::Subtract => pairs(a, b, to, T::subtract),
        Binary::Multiply => pairs(a, b, to, T::multiply),
        Binary::FloorDivide => pairs(a, b, to, T::floor_divide),
        Binary::Remainder => pairs(a, b, to, T::remainder),
        Binary::Power => {
            if let Some(position) = b.iter().position(|exponent| exponent.is_negative()) {
                return Err(Failure { position, value: b[position].to_string(), cast: None });
            }
            pairs(a, b, to, T::power);
        }
        Binary::And => pairs(a, b, to, |a, b| a & b),
        Binary::Or => pairs(a, b, to, |a, b| a | b),
        Binary::Xor => pairs(a, b, to, |a, b| a ^ b),
        Binary::LeftShift => pairs(a, b, to, T::shift_left),
        Binary::RightShift => pairs(a, b, to, T::shift_right),
        Binary::Minimum => pairs(a, b, to, T::min),
        Binary::Maximum => pairs(a, b, to, T::max),
        other => none(other),
    }
    Ok(())
}

fn reals<F: Float + Wide>(operator: Binary, a: &[F], b: &[F], to: &mut Register) {
    match operator {
        Binary::Add => pairs(a, b, to, |a, b| a + b),
        Binary::Subtract => pairs(a, b, to, |a, b| a - b),
        Binary::Multiply => pairs(a, b, to, |a, b| a * b),
        Binary::Divide => pairs(a, b, to, |a, b| a / b),
        Binary::FloorDivide => pairs(a, b, to, number::float_divide),
        Binary::Remainder => pairs(a, b, to, number::float_remainder),
        Binary::Power => pairs(a, b, to, F::powf),
        Binary::Minimum => pairs(a, b, to, number::minimum),
        Binary::Maximum => pairs(a, b, to, number::maximum),
        Binary::Hypot => pairs(a, b, to, F::hypot),
        Binary::Arctan2 => pairs(a, b, to, F::atan2),
        other => none(other),
    }
}

fn complex_pairs<F: Float>(
    operator: Binary,
    a: &[Complex<F>],
    b: &[Complex<F>],
    to: &mut Register,
    power: impl Fn(Complex<F>, Complex<F>) -> Complex<F>,
) where
    Complex<F>: Wide,
{
    match operator {
        Binary::Add => pairs(a, b, to, |a, b| a + b),
        Binary::Subtract => pairs(a, b, to, |a, b| a - b),
        Binary::Multiply => pairs(a, b, to, |a, b| a * b),
        Binary::Divide => pairs(a, b, to, complex::quotient),
        Binary::Power => pairs(a, b, to, power),
        Binary::Minimum => pairs(a, b, to, complex::minimum),
        Binary::Maximum => pairs(a, b, to, complex::maximum),
        other => none(other),
    }
}
