//! Any bytes as a `.npy` file are read or refused, and what is read is the same by every way.

use ndarray::IxDyn;
use outcore_storage::npy::{Header, MAX_AXES};
use outcore_storage::{DType, Element, FileArray, FileInfo};
use std::io::Write;
use std::path::Path;

/// Reads bytes as a header and, where they are one, as a file.
pub(crate) fn run(bytes: &[u8]) {
    let Ok((header, version, offset)) = Header::read(&mut &bytes[..]) else { return };
    assert!(offset <= bytes.len() as u64, "the data begin at {offset} of {} bytes", bytes.len());
    if header.shape.len() <= MAX_AXES {
        let written = header.to_bytes(version);
        let (again, again_version, _) = Header::read(&mut &written[..]).expect("just written");
        // Of single bytes the order is not written.
        let byte_order =
            if header.dtype.bytes() > 1 { again.byte_order } else { header.byte_order };
        assert_eq!(Header { byte_order, ..again }, header);
        assert_eq!(again_version, version);
    }
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the temporary folder has room");
    let (path, len) = (file.path(), bytes.len() as u64);
    match header.dtype {
        DType::Bool => open::<bool>(path, &header, len),
        DType::I8 => open::<i8>(path, &header, len),
        DType::I16 => open::<i16>(path, &header, len),
        DType::I32 => open::<i32>(path, &header, len),
        DType::I64 => open::<i64>(path, &header, len),
        DType::U8 => open::<u8>(path, &header, len),
        DType::U16 => open::<u16>(path, &header, len),
        DType::U32 => open::<u32>(path, &header, len),
        DType::U64 => open::<u64>(path, &header, len),
        DType::F16 => open::<half::f16>(path, &header, len),
        DType::F32 => open::<f32>(path, &header, len),
        DType::F64 => open::<f64>(path, &header, len),
        DType::ComplexF32 => open::<num_complex::Complex<f32>>(path, &header, len),
        DType::ComplexF64 => open::<num_complex::Complex<f64>>(path, &header, len),
    }
}

/// Opens a file whose header is known, which fails only where the elements are not all there.
fn open<T: Element>(path: &Path, header: &Header, len: u64) {
    let info = FileInfo::of_npy(path);
    let array = match FileArray::<T, IxDyn>::open(path) {
        Ok(array) => array,
        Err(error) => return assert!(info.is_err(), "{info:?}, but {error}"),
    };
    let info = info.expect("it could be opened");
    assert_eq!((info.dtype, &info.shape), (T::DTYPE, &header.shape));
    assert_eq!(array.shape(), &header.shape[..]);
    assert!(info.offset + info.data_bytes <= len, "{info:?} of {len} bytes");
    match array.read() {
        Ok(read) => assert_eq!(read.shape(), &header.shape[..]),
        Err(error) => assert!(T::DTYPE == DType::Bool, "{error}"),
    }
}
