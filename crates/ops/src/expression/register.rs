//! Registers: a few thousand values of one class, which every step reads and fills whole.

use num_complex::Complex;

use super::scalar::Scalar;
use super::types::Class;

/// The values of a register.
#[derive(Clone, Debug)]
pub(super) enum Register {
    Bool(Vec<bool>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    C32(Vec<Complex<f32>>),
    C64(Vec<Complex<f64>>),
}

/// A number that a register can hold: what a class is as a type.
pub(super) trait Wide: Copy + 'static {
    /// The values of a register of this class.
    ///
    /// # Panics
    ///
    /// If it is of another class, which a program that has been compiled never asks for.
    fn of(register: &Register) -> &[Self];

    fn of_mut(register: &mut Register) -> &mut Vec<Self>;
}

macro_rules! classes {
    ($($class:ident = $number:ty),+ $(,)?) => {
        impl Register {
            /// A register with room for some values.
            pub(super) fn new(class: Class, len: usize) -> Self {
                match class {
                    $(Class::$class => Self::$class(Vec::with_capacity(len)),)+
                }
            }

            /// Repeats a number.
            pub(super) fn fill(&mut self, scalar: Scalar, len: usize) {
                match scalar {
                    $(Scalar::$class(value) => {
                        let values = <$number>::of_mut(self);
                        values.clear();
                        values.resize(len, value);
                    })+
                }
            }
        }

        $(impl Wide for $number {
            fn of(register: &Register) -> &[Self] {
                match register {
                    Register::$class(values) => values,
                    other => unreachable!("{other:?} is of another class"),
                }
            }

            fn of_mut(register: &mut Register) -> &mut Vec<Self> {
                match register {
                    Register::$class(values) => values,
                    other => unreachable!("{other:?} is of another class"),
                }
            }
        })+
    };
}

classes! {
    Bool = bool, I64 = i64, U64 = u64, F32 = f32, F64 = f64, C32 = Complex<f32>, C64 = Complex<f64>,
}
