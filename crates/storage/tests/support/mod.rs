//! What the tests share: numbered arrays of every element type, their bytes, and folders.

#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(unused_macros, unused_imports, reason = "every test file uses a part of it")]

pub(crate) mod maps;
#[path = "../../../../tests/support/python.rs"]
pub(crate) mod python;
pub(crate) mod tiles;

use half::f16;
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex;
use outcore_storage::npy::Version;
use outcore_storage::{ByteOrder, DType, Element, FileArrayMut, Options, Order};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use tempfile::tempdir as folder;

pub(crate) const BYTE_ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];
pub(crate) const ORDERS: [Order; 2] = [Order::C, Order::F];
pub(crate) const VERSIONS: [Version; 3] = [Version::V1, Version::V2, Version::V3];

/// A multiple of every page size in use.
pub(crate) const PAGE: u64 = 1 << 16;

/// The byte order that is not this machine's.
pub(crate) const FOREIGN: ByteOrder = match ByteOrder::NATIVE {
    ByteOrder::Little => ByteOrder::Big,
    ByteOrder::Big => ByteOrder::Little,
};

/// An element type whose values are a simple function of a number; `golden/samples.py` has the
/// same function in Python.
pub(crate) trait Sample: Element {
    /// The value of element `k`.
    fn sample(k: usize) -> Self;

    /// The bytes of a value in a byte order, made without the crate under test.
    fn bytes(self, byte_order: ByteOrder) -> Vec<u8>;
}

macro_rules! bytes {
    ($number:expr, $byte_order:expr) => {
        match $byte_order {
            ByteOrder::Little => $number.to_le_bytes().to_vec(),
            ByteOrder::Big => $number.to_be_bytes().to_vec(),
        }
    };
}

/// A number of which no two bytes are alike, so that every wrong order of bytes shows.
const STEP: u64 = 0x0102_0304_0506_0709;

macro_rules! sample_integers {
    ($($T:ty),+) => {$(
        impl Sample for $T {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "the low bytes are meant"
            )]
            fn sample(k: usize) -> Self {
                (k as u64).wrapping_mul(STEP).wrapping_add(1) as $T
            }

            fn bytes(self, byte_order: ByteOrder) -> Vec<u8> {
                bytes!(self, byte_order)
            }
        }
    )+};
}

sample_integers!(i8, i16, i32, i64, u8, u16, u32, u64);

#[expect(clippy::cast_precision_loss, reason = "tests number few elements")]
fn real(k: usize) -> f64 {
    k as f64 / 3.0 - 1.0
}

#[expect(clippy::cast_precision_loss, reason = "tests number few elements")]
fn imaginary(k: usize) -> f64 {
    1.0 - k as f64 / 7.0
}

macro_rules! sample_floats {
    ($($T:ty = $from:expr),+) => {$(
        impl Sample for $T {
            fn sample(k: usize) -> Self {
                $from(real(k))
            }

            fn bytes(self, byte_order: ByteOrder) -> Vec<u8> {
                bytes!(self, byte_order)
            }
        }
    )+};
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

sample_floats!(f16 = f16::from_f64, f32 = single, f64 = std::convert::identity);

macro_rules! sample_complex {
    ($($T:ty = $from:expr),+) => {$(
        impl Sample for Complex<$T> {
            fn sample(k: usize) -> Self {
                Complex::new($from(real(k)), $from(imaginary(k)))
            }

            fn bytes(self, byte_order: ByteOrder) -> Vec<u8> {
                [bytes!(self.re, byte_order), bytes!(self.im, byte_order)].concat()
            }
        }
    )+};
}

sample_complex!(f32 = single, f64 = std::convert::identity);

impl Sample for bool {
    fn sample(k: usize) -> Self {
        k.is_multiple_of(3)
    }

    fn bytes(self, _: ByteOrder) -> Vec<u8> {
        vec![u8::from(self)]
    }
}

/// Runs an expression with a type of the name given, for an element type known as a value.
macro_rules! with_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::support::with_dtype!(@match $dtype, $T => $body,
            Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 half::f16, F32 f32, F64 f64,
            ComplexF32 num_complex::Complex<f32>, ComplexF64 num_complex::Complex<f64>)
    };
    (@match $dtype:expr, $T:ident => $body:expr, $($variant:ident $type:ty),+) => {
        match $dtype {$(
            outcore_storage::DType::$variant => {
                type $T = $type;
                $body
            }
        )+}
    };
}
pub(crate) use with_dtype;

/// Asserts that a result is an error of a kind, and gives its message back.
macro_rules! refused {
    ($result:expr, $kind:pat $(if $guard:expr)?) => {{
        use outcore_storage::ErrorKind::*;
        let error = $result.expect_err("should have been refused");
        assert!(
            matches!(error.kind(), $kind $(if $guard)?),
            "refused with another reason: {error}"
        );
        error.to_string()
    }};
}
pub(crate) use refused;

/// The array in which the element of index `k`, counted in C order, is sample `k`.
pub(crate) fn numbered<T: Sample>(shape: &[usize]) -> ArrayD<T> {
    let samples = (0..shape.iter().product()).map(T::sample).collect();
    ArrayD::from_shape_vec(IxDyn(shape), samples).unwrap()
}

/// The elements as a file holds them, made without the crate under test.
pub(crate) fn encoded<T: Sample>(
    array: &ArrayD<T>,
    order: Order,
    byte_order: ByteOrder,
) -> Vec<u8> {
    let in_order = if order == Order::C { array.view() } else { array.t() };
    in_order.iter().flat_map(|element| element.bytes(byte_order)).collect()
}

/// Writes a `.npy` file with the samples of a shape.
pub(crate) fn write_numbered<T: Sample>(path: &Path, shape: &[usize], options: &Options) {
    let mut file: FileArrayMut<T, IxDyn> = options.create(path, IxDyn(shape)).unwrap();
    let whole = outcore_storage::Window::whole(IxDyn(shape));
    file.write_window(whole, &numbered::<T>(shape)).unwrap();
    file.close().unwrap();
}

/// A header as numpy would have to have written it, around a dictionary of any text.
pub(crate) fn raw_header(version: u8, dictionary: &str) -> Vec<u8> {
    let length = dictionary.len();
    let length = match version {
        1 => u16::try_from(length).unwrap().to_le_bytes().to_vec(),
        _ => u32::try_from(length).unwrap().to_le_bytes().to_vec(),
    };
    [b"\x93NUMPY", &[version, 0][..], &length, dictionary.as_bytes()].concat()
}

/// Where the files written by numpy are.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Says that a test did not run, even where the test runner hides what tests print.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// Every element type with every byte order that differs.
pub(crate) fn types() -> impl Iterator<Item = (DType, ByteOrder)> {
    DType::all().flat_map(|dtype| {
        BYTE_ORDERS.into_iter().filter_map(move |byte_order| {
            (dtype.bytes() > 1 || byte_order == ByteOrder::Little).then_some((dtype, byte_order))
        })
    })
}
