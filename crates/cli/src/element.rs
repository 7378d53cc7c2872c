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

/// Opens a file and evaluates an expression with a source of the type in which its numbers are added:
/// integers have 64 bits there, all others keep their type. So what is done with it is compiled for
/// seven types and not for fourteen.
macro_rules! with_total {
    ($raw:expr, $info:expr, |$source:ident| $body:expr) => {{
        use ndarray::IxDyn;
        use outcore_storage::{DType, Source};
        macro_rules! total {
            ($type:ty, $wide:ty) => {{
                let file = $raw.open::<$type, IxDyn>($info)?;
                let wide = outcore_ops::lazy(&file).map(<$wide>::from);
                let $source: &dyn Source<$wide, IxDyn> = &wide;
                $body
            }};
            ($type:ty) => {{
                let file = $raw.open::<$type, IxDyn>($info)?;
                let $source: &dyn Source<$type, IxDyn> = &file;
                $body
            }};
        }
        match $info.dtype {
            DType::Bool => total!(bool, i64),
            DType::I8 => total!(i8, i64),
            DType::I16 => total!(i16, i64),
            DType::I32 => total!(i32, i64),
            DType::I64 => total!(i64),
            DType::U8 => total!(u8, u64),
            DType::U16 => total!(u16, u64),
            DType::U32 => total!(u32, u64),
            DType::U64 => total!(u64),
            DType::F16 => total!(half::f16),
            DType::F32 => total!(f32),
            DType::F64 => total!(f64),
            DType::ComplexF32 => total!(num_complex::Complex<f32>),
            DType::ComplexF64 => total!(num_complex::Complex<f64>),
        }
    }};
}

pub(crate) use with_total;

/// Opens a file of real numbers and evaluates an expression with a source of one of few types that
/// hold them all: integers of 32 bits or less are `i32` or `i64` there, `f16` is `f32`. So what is done
/// with it is compiled for five types and not for twelve. `$narrow` is the way back to the type `$T` of
/// the file, and `$error` what complex numbers give.
macro_rules! with_wide {
    ($raw:expr, $info:expr, $error:expr, |$source:ident, $T:ident, $narrow:ident| $body:expr) => {{
        use outcore_storage::{DType, FileArray, Source};
        macro_rules! wide {
            ($type:ty, $wide:ty, $widen:expr, $narrow_it:expr) => {{
                type $T = $type;
                let file: FileArray<$T, ndarray::IxDyn> = $raw.open($info)?;
                let mapped = outcore_ops::lazy(&file).map($widen);
                let $source: &dyn Source<$wide, ndarray::IxDyn> = &mapped;
                let $narrow: fn($wide) -> $T = $narrow_it;
                $body
            }};
            ($type:ty) => {{
                type $T = $type;
                let file: FileArray<$T, ndarray::IxDyn> = $raw.open($info)?;
                let $source: &dyn Source<$T, ndarray::IxDyn> = &file;
                let $narrow: fn($T) -> $T = |x| x;
                $body
            }};
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        match $info.dtype {
            DType::Bool => wide!(bool, i32, i32::from, |x| x != 0),
            DType::I8 => wide!(i8, i32, i32::from, |x| x as i8),
            DType::I16 => wide!(i16, i32, i32::from, |x| x as i16),
            DType::I32 => wide!(i32),
            DType::I64 => wide!(i64),
            DType::U8 => wide!(u8, i32, i32::from, |x| x as u8),
            DType::U16 => wide!(u16, i32, i32::from, |x| x as u16),
            DType::U32 => wide!(u32, i64, i64::from, |x| x as u32),
            DType::U64 => wide!(u64),
            DType::F16 => wide!(half::f16, f32, f32::from, half::f16::from_f32),
            DType::F32 => wide!(f32),
            DType::F64 => wide!(f64),
            DType::ComplexF32 | DType::ComplexF64 => $error,
        }
    }};
}

pub(crate) use with_wide;
