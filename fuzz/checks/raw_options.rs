//! Any options for a raw file open it or are refused, and the elements are those of its bytes.
//!
//! The input is four lines, as a user would type them, and then the file:
//!
//! ```text
//!   <f4          type, with its byte order
//!   3,4          shape
//!   16           offset
//!   C            order
//!   ...          bytes
//! ```

use ndarray::{Dim, IxDyn};
use outcore_storage::{
    ByteOrder, Cache, DType, Element, ErrorKind, FileArray, Options, Order, Window,
};
use std::io::Write;
use std::path::Path;

/// What the lines say.
struct Raw<'a> {
    byte_order: ByteOrder,
    shape: Vec<usize>,
    offset: u64,
    order: Order,
    bytes: &'a [u8],
}

/// Reads lines and file, and opens the file as the lines say.
pub(crate) fn run(input: &[u8]) {
    let Some((dtype, raw)) = parse(input) else { return };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(raw.bytes).expect("the temporary folder has room");
    let path = file.path();
    match dtype {
        DType::Bool => open::<bool>(path, &raw),
        DType::I8 => open::<i8>(path, &raw),
        DType::I16 => open::<i16>(path, &raw),
        DType::I32 => open::<i32>(path, &raw),
        DType::I64 => open::<i64>(path, &raw),
        DType::U8 => open::<u8>(path, &raw),
        DType::U16 => open::<u16>(path, &raw),
        DType::U32 => open::<u32>(path, &raw),
        DType::U64 => open::<u64>(path, &raw),
        DType::F16 => open::<half::f16>(path, &raw),
        DType::F32 => open::<f32>(path, &raw),
        DType::F64 => open::<f64>(path, &raw),
        DType::ComplexF32 => open::<num_complex::Complex<f32>>(path, &raw),
        DType::ComplexF64 => open::<num_complex::Complex<f64>>(path, &raw),
    }
}

fn parse(input: &[u8]) -> Option<(DType, Raw<'_>)> {
    let mut parts = input.splitn(5, |&byte| byte == b'\n');
    let mut line = || str::from_utf8(parts.next()?).ok();
    let (dtype, shape, offset, order) = (line()?, line()?, line()?, line()?);
    let bytes = parts.next()?;
    let of_descr = DType::from_descr(dtype);
    let dtype: DType = dtype.parse().ok()?;
    assert!(of_descr.is_none_or(|(other, _)| other == dtype), "two types in one text");
    let byte_order = of_descr.map_or(ByteOrder::NATIVE, |(_, byte_order)| byte_order);
    let lengths = shape.split(',').filter(|length| !length.is_empty());
    let shape = lengths.map(|length| length.parse().ok()).collect::<Option<Vec<usize>>>()?;
    let (offset, order) = (offset.parse().ok()?, order.parse().ok()?);
    Some((dtype, Raw { byte_order, shape, offset, order, bytes }))
}

fn open<T: Element>(path: &Path, raw: &Raw<'_>) {
    let options = Options::new().offset(raw.offset).order(raw.order).byte_order(raw.byte_order);
    let options = options.cache(Cache::Use);
    let (size, len) = (T::DTYPE.bytes(), raw.bytes.len() as u64);

    let lengths = raw.shape.iter().map(|&length| length as u128);
    let elements = lengths.clone().try_fold(1, u128::checked_mul);
    let countable = lengths.filter(|&length| length > 0).try_fold(size as u128, u128::checked_mul);
    let countable = countable.is_some_and(|bytes| bytes <= isize::MAX.unsigned_abs() as u128);
    let fits = countable
        && elements.is_some_and(|n| n * size as u128 + u128::from(raw.offset) <= len.into());
    match options.open_raw::<T, _>(path, IxDyn(&raw.shape)) {
        Ok(array) => {
            assert!(fits, "{:?} of {size} bytes at {} in {len}", raw.shape, raw.offset);
            read(&array, raw);
        }
        Err(error) => assert!(!fits, "{error}"),
    }

    let rest = len.checked_sub(raw.offset);
    let whole = rest.is_some_and(|rest| rest % size as u64 == 0);
    let array = options.open_raw_1d::<T>(path);
    assert_eq!(array.is_ok(), whole, "{array:?}");
    if let (Ok(array), Some(rest)) = (array, rest) {
        assert_eq!(array.len() as u64, rest / size as u64);
    }
}

/// Reads all elements, and a window of them, and compares with the bytes.
fn read<T: Element>(array: &FileArray<T, IxDyn>, raw: &Raw<'_>) {
    let offset = usize::try_from(raw.offset).expect("less than the bytes");
    let mut bytes = raw.bytes[offset..][..array.len() * T::DTYPE.bytes()].to_vec();
    if raw.byte_order != ByteOrder::NATIVE {
        bytes.chunks_exact_mut(T::DTYPE.swapped_bytes()).for_each(<[u8]>::reverse);
    }
    let read = match array.read() {
        Ok(read) => read,
        Err(error) => {
            let ErrorKind::NotBool { offset } = *error.kind() else { panic!("{error}") };
            assert!(raw.bytes[usize::try_from(offset).expect("a place in the bytes")] > 1);
            return;
        }
    };
    assert_eq!(read.shape(), &raw.shape[..]);
    let elements = read.as_slice_memory_order().expect("it is contiguous");
    assert!(T::as_bytes(elements) == bytes, "other elements than the file has");

    // A window that the bytes choose, now and then outside.
    let digit = |index: usize| usize::from(*raw.bytes.get(index).unwrap_or(&0));
    let axes = || raw.shape.iter().enumerate();
    let origin: Vec<_> = axes().map(|(axis, &n)| digit(2 * axis) % (n % 256 + 1)).collect();
    let shape: Vec<_> = axes().map(|(axis, &n)| digit(2 * axis + 1) % (n % 256 + 2)).collect();
    let inside = axes().all(|(axis, &n)| origin[axis] + shape[axis] <= n);
    let window = Window::new(Dim(origin), Dim(shape));
    match array.read_window(window.clone()) {
        Ok(part) => {
            assert!(inside, "{window} of {:?}", raw.shape);
            let expected = read.slice_each_axis(|axis| window.slice(axis.axis.index()));
            let bytes = |element: &T| T::as_bytes(&[*element]).to_vec();
            assert!(part.iter().map(bytes).eq(expected.iter().map(bytes)), "{window} differs");
        }
        Err(error) => assert!(!inside, "{error}"),
    }
}
