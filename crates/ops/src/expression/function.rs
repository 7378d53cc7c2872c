//! The operators and functions of expressions, by their names in NumPy.

use std::f64::consts;

use super::scalar::Weak;

/// What is done to one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Negative,
    Positive,
    Invert,
    Absolute,
    Sqrt,
    Exp,
    Log,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Sinh,
    Cosh,
    Tanh,
    Arcsin,
    Arccos,
    Arctan,
    Arcsinh,
    Arccosh,
    Arctanh,
    Floor,
    Ceil,
    Round,
    Trunc,
    Sign,
    Conj,
    Real,
    Imag,
    Angle,
    IsNan,
    IsInf,
    IsFinite,
}

/// What is done to two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Xor,
    LeftShift,
    RightShift,
    Minimum,
    Maximum,
    Hypot,
    Arctan2,
}

impl Binary {
    /// Whether it compares its operands.
    pub(super) fn compares(self) -> bool {
        self.relation().is_some()
    }

    /// Of a comparison: whether it holds of operands that are less, equal and greater. None holds
    /// of a NaN but "not equal".
    pub(super) fn relation(self) -> Option<[bool; 3]> {
        Some(match self {
            Self::Equal => [false, true, false],
            Self::NotEqual => [true, false, true],
            Self::Less => [true, false, false],
            Self::LessEqual => [true, true, false],
            Self::Greater => [false, false, true],
            Self::GreaterEqual => [false, true, true],
            _ => return None,
        })
    }
}

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Unary(Unary),
    Binary(Binary),
    Where,
    Clip,
}

/// The function of a name, and the number of its arguments.
pub(super) fn function(name: &str) -> Option<(Function, usize)> {
    if let Some(function) = unary(name) {
        return Some((Function::Unary(function), 1));
    }
    Some(match name {
        "minimum" => (Function::Binary(Binary::Minimum), 2),
        "maximum" => (Function::Binary(Binary::Maximum), 2),
        "hypot" => (Function::Binary(Binary::Hypot), 2),
        "arctan2" | "atan2" => (Function::Binary(Binary::Arctan2), 2),
        "where" => (Function::Where, 3),
        "clip" => (Function::Clip, 3),
        _ => return None,
    })
}

fn unary(name: &str) -> Option<Unary> {
    Some(match name {
        "abs" | "absolute" => Unary::Absolute,
        "sqrt" => Unary::Sqrt,
        "exp" => Unary::Exp,
        "log" => Unary::Log,
        "log2" => Unary::Log2,
        "log10" => Unary::Log10,
        "sin" => Unary::Sin,
        "cos" => Unary::Cos,
        "tan" => Unary::Tan,
        "sinh" => Unary::Sinh,
        "cosh" => Unary::Cosh,
        "tanh" => Unary::Tanh,
        "arcsin" | "asin" => Unary::Arcsin,
        "arccos" | "acos" => Unary::Arccos,
        "arctan" | "atan" => Unary::Arctan,
        "arcsinh" | "asinh" => Unary::Arcsinh,
        "arccosh" | "acosh" => Unary::Arccosh,
        "arctanh" | "atanh" => Unary::Arctanh,
        "floor" => Unary::Floor,
        "ceil" => Unary::Ceil,
        "round" => Unary::Round,
        "trunc" => Unary::Trunc,
        "sign" => Unary::Sign,
        "conj" | "conjugate" => Unary::Conj,
        "real" => Unary::Real,
        "imag" => Unary::Imag,
        "angle" => Unary::Angle,
        "isnan" => Unary::IsNan,
        "isinf" => Unary::IsInf,
        "isfinite" => Unary::IsFinite,
        _ => return None,
    })
}

/// The constant of a name, unless an input has it.
pub(super) fn constant(name: &str) -> Option<Weak> {
    Some(match name {
        "pi" => Weak::Float(consts::PI),
        "e" => Weak::Float(consts::E),
        "nan" => Weak::Float(f64::NAN),
        "inf" => Weak::Float(f64::INFINITY),
        _ => return None,
    })
}
