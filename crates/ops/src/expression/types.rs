//! The types of results: NumPy's promotion.
//!
//! Arithmetic is done in seven classes, and its results are then wrapped or rounded to their type.
//! That gives NumPy's results, because integers wrap modulo powers of two, and because NumPy too
//! computes half precision in single.

use outcore_storage::DType;

use super::function::{Binary, Unary};

/// What arithmetic is done in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Bool,
    I64,
    U64,
    F32,
    F64,
    C32,
    C64,
}

impl Class {
    /// What elements of a type are computed in.
    pub(super) fn of(dtype: DType) -> Self {
        match dtype {
            DType::Bool => Self::Bool,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => Self::I64,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Self::U64,
            DType::F16 | DType::F32 => Self::F32,
            DType::F64 => Self::F64,
            DType::ComplexF32 => Self::C32,
            DType::ComplexF64 => Self::C64,
        }
    }

    /// The bytes of a value.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::C32 => 8,
            Self::C64 => 16,
        }
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self, Self::I64 | Self::U64)
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    pub(super) fn is_complex(self) -> bool {
        matches!(self, Self::C32 | Self::C64)
    }
}

/// Whether a type is narrower than the class that it is computed in.
pub(super) fn is_narrow(dtype: DType) -> bool {
    dtype.bytes() < Class::of(dtype).bytes()
}

/// The bytes of the floating-point numbers that hold elements of a type, or their parts.
fn float_bytes(dtype: DType) -> usize {
    match Class::of(dtype) {
        Class::Bool => 2,
        Class::I64 | Class::U64 => (2 * dtype.bytes()).min(8),
        Class::F32 | Class::F64 => dtype.bytes(),
        Class::C32 | Class::C64 => dtype.bytes() / 2,
    }
}

fn float(bytes: usize) -> DType {
    match bytes {
        2 => DType::F16,
        4 => DType::F32,
        _ => DType::F64,
    }
}

fn complex(bytes: usize) -> DType {
    if bytes > 4 { DType::ComplexF64 } else { DType::ComplexF32 }
}

/// The type of the parts of a complex number; any other type itself.
pub(super) fn real_type(dtype: DType) -> DType {
    if dtype.is_complex() { float(float_bytes(dtype)) } else { dtype }
}

/// The type in which functions of real and complex numbers are computed: `int8` becomes `float16`,
/// `int16` `float32`, longer integers `float64`.
pub(super) fn inexact(dtype: DType) -> DType {
    let class = Class::of(dtype);
    if class.is_float() || class.is_complex() { dtype } else { float(float_bytes(dtype)) }
}

/// The type that holds the values of two: NumPy's `promote_types`.
pub(super) fn promote(one: DType, other: DType) -> DType {
    let (a, b) = (Class::of(one), Class::of(other));
    let bytes = float_bytes(one).max(float_bytes(other));
    if a == Class::Bool {
        other
    } else if b == Class::Bool {
        one
    } else if a.is_complex() || b.is_complex() {
        complex(bytes)
    } else if a.is_float() || b.is_float() {
        float(bytes)
    } else if a == b {
        if one.bytes() >= other.bytes() { one } else { other }
    } else {
        let (signed, unsigned) = if a == Class::I64 { (one, other) } else { (other, one) };
        if signed.bytes() > unsigned.bytes() { signed } else { above(unsigned) }
    }
}

/// The shortest type that holds an unsigned integer and its negative.
fn above(unsigned: DType) -> DType {
    match unsigned.bytes() {
        1 => DType::I16,
        2 => DType::I32,
        4 => DType::I64,
        _ => DType::F64,
    }
}

/// The types of an operator's operands and of its result.
pub(super) type Signature = (DType, DType);

/// The signature of an operator on one operand of a type; what it is called, if there is none.
pub(super) fn unary(operator: Unary, dtype: DType) -> Result<Signature, String> {
    use Unary as U;
    let class = Class::of(dtype);
    let counts = class == Class::Bool || class.is_integer();
    let none = |what: &str| Err(format!("{what} are not defined for {dtype}"));
    Ok(match operator {
        U::Negative | U::Positive if class == Class::Bool => {
            return none("signs (~ negates elements)");
        }
        U::Sign if class == Class::Bool => return none("signs"),
        U::Invert if !counts => return none("bits"),
        U::Floor | U::Ceil | U::Trunc if class.is_complex() => {
            return none("floor, ceil and trunc");
        }
        U::Round if class == Class::Bool => (DType::F16, DType::F16),
        U::Conj if class == Class::Bool => (DType::I8, DType::I8),
        U::Negative
        | U::Positive
        | U::Sign
        | U::Invert
        | U::Floor
        | U::Ceil
        | U::Trunc
        | U::Round
        | U::Conj => (dtype, dtype),
        U::Absolute | U::Real | U::Imag => (dtype, real_type(dtype)),
        // NumPy asks for the angle to an integer zero, beside which bool becomes int64.
        U::Angle if class == Class::Bool => (DType::F64, DType::F64),
        U::Angle => (inexact(dtype), real_type(inexact(dtype))),
        U::IsNan | U::IsInf | U::IsFinite => (dtype, DType::Bool),
        _ => (inexact(dtype), inexact(dtype)),
    })
}

/// The signature of an operator on operands of two types.
pub(super) fn binary(operator: Binary, one: DType, other: DType) -> Result<Signature, String> {
    use Binary as B;
    let dtype = promote(one, other);
    let class = Class::of(dtype);
    let none = |what: &str| Err(format!("{what} are not defined for {one} and {other}"));
    let counted = if class == Class::Bool { DType::I8 } else { dtype };
    Ok(match operator {
        B::Subtract if class == Class::Bool => return none("differences (^ tells elements apart)"),
        B::Add | B::Subtract | B::Multiply | B::Minimum | B::Maximum => (dtype, dtype),
        B::Divide if class.is_float() || class.is_complex() => (dtype, dtype),
        B::Divide => (DType::F64, DType::F64),
        B::FloorDivide | B::Remainder if class.is_complex() => return none("// and %"),
        B::FloorDivide | B::Remainder | B::Power => (counted, counted),
        B::And | B::Or | B::Xor if class == Class::Bool || class.is_integer() => (dtype, dtype),
        B::And | B::Or | B::Xor => return none("bits"),
        B::LeftShift | B::RightShift if class == Class::Bool || class.is_integer() => {
            (counted, counted)
        }
        B::LeftShift | B::RightShift => return none("shifts"),
        B::Hypot | B::Arctan2 if class.is_complex() => {
            return none("hypot and arctan2");
        }
        B::Hypot | B::Arctan2 => {
            let dtype = promote(inexact(one), inexact(other));
            (dtype, dtype)
        }
        _ => (dtype, DType::Bool),
    })
}
