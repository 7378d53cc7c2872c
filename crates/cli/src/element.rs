//! The one place where a type that is known at run time becomes a type of the program.

use ndarray::IxDyn;
use num_complex::Complex;
use outcore_ops::{Signal, ToComplex, lazy};
use outcore_storage::{DType, FileInfo, Source};

use crate::args::RawArgs;
use crate::job::Outcome;

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

/// Evaluates an expression with a type parameter standing for the numbers that transforms of files are
/// computed in: `f32` or `f64`, and complex if one of the files is.
macro_rules! with_signal {
    ($infos:expr, $A:ident => $body:expr) => {{
        use outcore_storage::DType;
        match crate::element::signal_type($infos) {
            DType::ComplexF32 => {
                type $A = num_complex::Complex<f32>;
                $body
            }
            DType::ComplexF64 => {
                type $A = num_complex::Complex<f64>;
                $body
            }
            DType::F32 => {
                type $A = f32;
                $body
            }
            _ => {
                type $A = f64;
                $body
            }
        }
    }};
}

pub(crate) use with_signal;

/// The type of numbers that hold those of several files, as [`ToComplex`](outcore_ops::ToComplex) has it:
/// what is narrower than 32 bits becomes `f32`.
pub(crate) fn signal_type(infos: &[&FileInfo]) -> DType {
    let is_wide = |dtype: DType| {
        let bytes = if dtype.is_complex() { dtype.bytes() / 2 } else { dtype.bytes() };
        bytes == 8 || matches!(dtype, DType::I32 | DType::U32)
    };
    let complex = infos.iter().any(|info| info.dtype.is_complex());
    let wide = infos.iter().any(|info| is_wide(info.dtype));
    match (complex, wide) {
        (false, false) => DType::F32,
        (false, true) => DType::F64,
        (true, false) => DType::ComplexF32,
        (true, true) => DType::ComplexF64,
    }
}

/// Opens a file as a source of another type of numbers, which holds those of the file.
pub(crate) fn open_signal<A: Signal + Parts>(
    raw: &RawArgs,
    info: &FileInfo,
) -> Outcome<Box<dyn Source<A, IxDyn>>> {
    if info.dtype == A::DTYPE {
        return Ok(Box::new(raw.open::<A, IxDyn>(info)?));
    }
    with_element!(info.dtype,
        real T => {
            let file = raw.open::<T, IxDyn>(info)?;
            Ok(Box::new(lazy(file).map(|x: T| A::of_parts(x.to_complex().re.into(), 0.0))))
        },
        complex T => {
            let file = raw.open::<T, IxDyn>(info)?;
            Ok(Box::new(lazy(file).map(|x: T| A::of_parts(x.re.into(), x.im.into()))))
        }
    )
}

/// A number made of parts in double precision.
pub(crate) trait Parts {
    fn of_parts(re: f64, im: f64) -> Self;
}

#[expect(clippy::cast_possible_truncation, reason = "single precision is for what fits it")]
mod parts {
    use super::{Complex, Parts};

    impl Parts for f32 {
        fn of_parts(re: f64, _: f64) -> Self {
            re as Self
        }
    }

    impl Parts for f64 {
        fn of_parts(re: f64, _: f64) -> Self {
            re
        }
    }

    impl Parts for Complex<f32> {
        fn of_parts(re: f64, im: f64) -> Self {
            Self::new(re as f32, im as f32)
        }
    }

    impl Parts for Complex<f64> {
        fn of_parts(re: f64, im: f64) -> Self {
            Self::new(re, im)
        }
    }
}
