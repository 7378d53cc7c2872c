//! Numbers in the text of an expression: Python's, which take the type of what they stand beside.
//!
//! `2 * a` is of the type of `a` (NEP 50, "Promotion rules for Python scalars"). Among themselves
//! such numbers follow Python: `2 / 3` is a fraction, and `7 // 2` an integer.

use num_complex::Complex;
use outcore_storage::DType;

use super::complex;
use super::function::{Binary, Unary};
use super::number::{float_divide, float_remainder};
use super::types::Class;

/// A number without a type of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weak {
    Int(i128),
    Float(f64),
    Complex(Complex<f64>),
}

/// A number in the class that an operation is computed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
    C32(Complex<f32>),
    C64(Complex<f64>),
}

/// What an operator makes of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Folded {
    Number(Weak),
    Bool(bool),
}

type Outcome<T> = Result<T, String>;

impl Weak {
    /// The type that it takes beside an operand of a type.
    pub(super) fn beside(self, dtype: DType) -> DType {
        let class = Class::of(dtype);
        let counts = class == Class::Bool || class.is_integer();
        match self {
            Self::Int(_) if class == Class::Bool => DType::I64,
            Self::Float(_) if counts => DType::F64,
            Self::Complex(_) if matches!(dtype, DType::F16 | DType::F32) => DType::ComplexF32,
            Self::Complex(_) if !class.is_complex() => DType::ComplexF64,
            _ => dtype,
        }
    }

    /// The type that it takes alone.
    pub(super) fn alone(self) -> DType {
        match self {
            Self::Int(value) if i64::try_from(value).is_err() && u64::try_from(value).is_ok() => {
                DType::U64
            }
            Self::Int(_) => DType::I64,
            Self::Float(_) => DType::F64,
            Self::Complex(_) => DType::ComplexF64,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    fn wide(self) -> Complex<f64> {
        match self {
            Self::Int(value) => Complex::from(value as f64),
            Self::Float(value) => Complex::from(value),
            Self::Complex(value) => value,
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self.wide() == Complex::new(0.0, 0.0)
    }

    /// This number as an element of a type, which is not `bool`.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    pub(super) fn of_type(self, dtype: DType) -> Outcome<Scalar> {
        let wide = self.wide();
        Ok(match (Class::of(dtype), self) {
            (Class::I64 | Class::U64, Self::Int(value)) => {
                let (least, most) = limits(dtype);
                if value < least || value > most {
                    return Err(format!("{value} is outside {dtype}, {least} to {most}"));
                }
                of_class(value, Class::of(dtype))
            }
            (Class::F32, _) if dtype == DType::F16 => {
                Scalar::F32(crate::number::half(wide.re).to_f32())
            }
            (Class::F32, _) => Scalar::F32(wide.re as f32),
            (Class::F64, _) => Scalar::F64(wide.re),
            (Class::C32, _) => Scalar::C32(Complex::new(wide.re as f32, wide.im as f32)),
            (Class::C64, _) => Scalar::C64(wide),
            (Class::Bool | Class::I64 | Class::U64, _) => {
                return Err(format!("a number beside {dtype} must be an integer"));
            }
        })
    }

    /// An integer for comparisons, which are exact whatever the types; `None` if it is less or
    /// greater than any element.
    pub(super) fn comparable(value: i128) -> Option<Scalar> {
        let signed = i64::try_from(value).map(Scalar::I64);
        signed.or_else(|_| u64::try_from(value).map(Scalar::U64)).ok()
    }

    /// An operator on a number alone, where Python has one that gives such a number.
    pub(super) fn unary(self, operator: Unary) -> Option<Outcome<Self>> {
        let too_large = || "a constant exceeds 127 bits".to_owned();
        Some(match (operator, self) {
            (Unary::Negative, Self::Int(value)) => {
                value.checked_neg().map(Self::Int).ok_or_else(too_large)
            }
            (Unary::Negative, Self::Float(value)) => Ok(Self::Float(-value)),
            (Unary::Negative, Self::Complex(value)) => Ok(Self::Complex(-value)),
            (Unary::Invert, Self::Int(value)) => Ok(Self::Int(!value)),
            (Unary::Invert, _) => Err("~ is not defined for fractions".to_owned()),
            (Unary::Real, Self::Complex(value)) => Ok(Self::Float(value.re)),
            (Unary::Imag, Self::Complex(value)) => Ok(Self::Float(value.im)),
            (Unary::Positive | Unary::Real, _) => Ok(self),
            (Unary::Imag, Self::Int(_)) => Ok(Self::Int(0)),
            (Unary::Imag, Self::Float(_)) => Ok(Self::Float(0.0)),
            _ => return None,
        })
    }

    /// An operator on two numbers, as in Python; `None` for functions.
    pub(super) fn binary(self, operator: Binary, other: Self) -> Option<Outcome<Folded>> {
        use Binary as B;
        if matches!(operator, B::Minimum | B::Maximum | B::Hypot | B::Arctan2) {
            return None;
        }
        Some(match (self, other) {
            (Self::Int(a), Self::Int(b)) => integers(operator, a, b),
            (Self::Complex(_), _) | (_, Self::Complex(_)) => {
                complexes(operator, self.wide(), other.wide())
            }
            _ => floats(operator, self.wide().re, other.wide().re),
        })
    }
}

/// The least and the greatest integer of a type.
pub(super) fn limits(dtype: DType) -> (i128, i128) {
    let bits = 8 * dtype.bytes();
    if Class::of(dtype) == Class::U64 {
        (0, (1 << bits) - 1)
    } else {
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    }
}

/// An integer that is within the limits of a class.
fn of_class(value: i128, class: Class) -> Scalar {
    let within = "the limits have been checked";
    if class == Class::U64 {
        Scalar::U64(value.try_into().expect(within))
    } else {
        Scalar::I64(value.try_into().expect(within))
    }
}

impl Scalar {
    /// The class that it is of.
    pub(super) fn class(self) -> Class {
        match self {
            Self::Bool(_) => Class::Bool,
            Self::I64(_) => Class::I64,
            Self::U64(_) => Class::U64,
            Self::F32(_) => Class::F32,
            Self::F64(_) => Class::F64,
            Self::C32(_) => Class::C32,
            Self::C64(_) => Class::C64,
        }
    }
}

fn folded(operator: Binary, order: Option<std::cmp::Ordering>) -> Option<Outcome<Folded>> {
    let [less, equal, greater] = operator.relation()?;
    let holds = match order {
        Some(std::cmp::Ordering::Less) => less,
        Some(std::cmp::Ordering::Equal) => equal,
        Some(std::cmp::Ordering::Greater) => greater,
        None => operator == Binary::NotEqual,
    };
    Some(Ok(Folded::Bool(holds)))
}

/// The remainder of the sign of the divisor.
fn rest(a: i128, b: i128) -> i128 {
    let rest = a.wrapping_rem_euclid(b);
    if b < 0 && rest != 0 { rest + b } else { rest }
}

#[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
fn integers(operator: Binary, a: i128, b: i128) -> Outcome<Folded> {
    use Binary as B;
    if let Some(folded) = folded(operator, a.partial_cmp(&b)) {
        return folded;
    }
    let zero = || Err("division by zero".to_owned());
    let shift = || u32::try_from(b).map_err(|_| format!("a shift by {b} is not defined"));
    let value = match operator {
        B::Divide | B::FloorDivide | B::Remainder if b == 0 => return zero(),
        B::Divide => return Ok(Folded::Number(Weak::Float(a as f64 / b as f64))),
        B::Power if b < 0 => return floats(operator, a as f64, b as f64),
        B::Add => a.checked_add(b),
        B::Subtract => a.checked_sub(b),
        B::Multiply => a.checked_mul(b),
        // Towards negative infinity, where Euclid's remainder is never negative.
        B::FloorDivide => a.checked_div_euclid(b).map(|q| q - i128::from(b < 0 && rest(a, b) != 0)),
        B::Remainder => Some(rest(a, b)),
        B::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        B::And => Some(a & b),
        B::Or => Some(a | b),
        B::Xor => Some(a ^ b),
        B::LeftShift => {
            let factor = 1_i128.checked_shl(shift()?).filter(|&factor| factor > 0);
            if a == 0 { Some(0) } else { factor.and_then(|factor| a.checked_mul(factor)) }
        }
        B::RightShift => Some(a >> shift()?.min(127)),
        _ => None,
    };
    let too_large = || "a constant exceeds 127 bits".to_owned();
    value.map(|value| Folded::Number(Weak::Int(value))).ok_or_else(too_large)
}

fn floats(operator: Binary, a: f64, b: f64) -> Outcome<Folded> {
    use Binary as B;
    if let Some(folded) = folded(operator, a.partial_cmp(&b)) {
        return folded;
    }
    let zero = || Err("division by zero".to_owned());
    let value = match operator {
        B::Divide | B::FloorDivide | B::Remainder if b == 0.0 => return zero(),
        B::Power if a == 0.0 && b < 0.0 => return zero(),
        // Python's power of a negative number to a fraction is complex.
        B::Power if a < 0.0 && b.is_finite() && b.fract() != 0.0 => {
            return complexes(operator, a.into(), b.into());
        }
        B::Add => a + b,
        B::Subtract => a - b,
        B::Multiply => a * b,
        B::Divide => a / b,
        B::FloorDivide => float_divide(a, b),
        B::Remainder => float_remainder(a, b),
        B::Power => a.powf(b),
        _ => return Err("an operator on bits is not defined for fractions".to_owned()),
    };
    Ok(Folded::Number(Weak::Float(value)))
}

fn complexes(operator: Binary, a: Complex<f64>, b: Complex<f64>) -> Outcome<Folded> {
    use Binary as B;
    let value = match operator {
        B::Equal => return Ok(Folded::Bool(a == b)),
        B::NotEqual => return Ok(Folded::Bool(a != b)),
        B::Divide if b == Complex::new(0.0, 0.0) => return Err("division by zero".to_owned()),
        B::Add => a + b,
        B::Subtract => a - b,
        B::Multiply => a * b,
        B::Divide => complex::quotient(a, b),
        B::Power => complex::power(a, b),
        _ => return Err("this operator is not defined for complex constants".to_owned()),
    };
    Ok(Folded::Number(Weak::Complex(value)))
}
