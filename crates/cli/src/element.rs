//! The one place where a type that is known at run time becomes a type of the program.

/// Evaluates an expression with a type parameter standing for the type of a [`DType`] value. Real
/// numbers, including `bool`, and complex numbers have an expression each.
///
/// [`DType`]: outcore_storage::DType
macro_rules! with_element {
    ($dtype:expr, real $real:ident => $of_real:expr, complex $complex:ident => $of_complex:expr) => {{
        use outcore_storage::DType;
        macro_rules! real {
            ($type:ty) => {{
                type $real = $type;
                $of_real
            }};
        }
        macro_rules! complex {
            ($type:ty) => {{
                type $complex = num_complex::Complex<$type>;
                $of_complex
            }};
        }
        match $dtype {
            DType::Bool => real!(bool),
            DType::I8 => real!(i8),
            DType::I16 => real!(i16),
            DType::I32 => real!(i32),
            DType::I64 => real!(i64),
            DType::U8 => real!(u8),
            DType::U16 => real!(u16),
            DType::U32 => real!(u32),
            DType::U64 => real!(u64),
            DType::F16 => real!(half::f16),
            DType::F32 => real!(f32),
            DType::F64 => real!(f64),
            DType::ComplexF32 => complex!(f32),
            DType::ComplexF64 => complex!(f64),
        }
    }};
}

pub(crate) use with_element;
