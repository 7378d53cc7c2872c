//! The numbers that files may hold, and how their bytes become values.
//!
//! Every bit pattern of a number is some number, so tiles of numbers are filled with bytes from a
//! file directly. A `bool` has only two valid patterns and is therefore always copied and checked:
//! no content of a file can cause undefined behaviour.

use half::f16;
use num_complex::Complex;
use std::fmt::Debug;

use crate::DType;

mod sealed {
    pub trait Sealed {}
}

/// A number, or `bool`, that a file can hold.
///
/// Sealed: implemented for `i8` to `i64`, `u8` to `u64`, [`f16`](struct@f16), `f32`, `f64`,
/// `Complex<f32>`, `Complex<f64>` and `bool`.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + Debug + Send + Sync + 'static
{
    /// The type as a value.
    const DTYPE: DType;

    /// The bytes of elements in this machine's byte order.
    #[doc(hidden)]
    fn as_bytes(elements: &[Self]) -> &[u8];

    /// The same for writing, if any bytes are valid elements.
    #[doc(hidden)]
    fn as_bytes_mut(elements: &mut [Self]) -> Option<&mut [u8]>;

    /// Copies bytes in this machine's byte order into elements, or says which is not valid.
    #[doc(hidden)]
    fn decode(bytes: &[u8], elements: &mut [Self]) -> Result<(), usize>;
}

/// A number any bytes of which are valid: every [`Element`] but `bool`. Such arrays can be mapped.
pub trait Pod: Element + bytemuck::Pod {}

macro_rules! numbers {
    ($($number:ty = $dtype:ident),+ $(,)?) => {$(
        impl sealed::Sealed for $number {}
        impl Pod for $number {}
        impl Element for $number {
            const DTYPE: DType = DType::$dtype;

            fn as_bytes(elements: &[Self]) -> &[u8] {
                bytemuck::cast_slice(elements)
            }

            fn as_bytes_mut(elements: &mut [Self]) -> Option<&mut [u8]> {
                Some(bytemuck::cast_slice_mut(elements))
            }

            fn decode(bytes: &[u8], elements: &mut [Self]) -> Result<(), usize> {
                bytemuck::cast_slice_mut(elements).copy_from_slice(bytes);
                Ok(())
            }
        }
    )+};
}

numbers! {
    i8 = I8, i16 = I16, i32 = I32, i64 = I64,
    u8 = U8, u16 = U16, u32 = U32, u64 = U64,
    f16 = F16, f32 = F32, f64 = F64,
    Complex<f32> = ComplexF32, Complex<f64> = ComplexF64,
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;

    fn as_bytes(elements: &[Self]) -> &[u8] {
        bytemuck::cast_slice(elements)
    }

    fn as_bytes_mut(_: &mut [Self]) -> Option<&mut [u8]> {
        None
    }

    fn decode(bytes: &[u8], elements: &mut [Self]) -> Result<(), usize> {
        for (index, (byte, element)) in bytes.iter().zip(elements).enumerate() {
            *element = match byte {
                0 => false,
                1 => true,
                _ => return Err(index),
            };
        }
        Ok(())
    }
}

/// Reverses the bytes of each number of `unit` bytes.
pub(crate) fn swap_bytes(bytes: &mut [u8], unit: usize) {
    fn swap<const UNIT: usize>(bytes: &mut [u8]) {
        for number in bytes.as_chunks_mut::<UNIT>().0 {
            number.reverse();
        }
    }
    match unit {
        1 => {}
        2 => swap::<2>(bytes),
        4 => swap::<4>(bytes),
        8 => swap::<8>(bytes),
        _ => unreachable!("no element has parts of {unit} bytes"),
    }
}
