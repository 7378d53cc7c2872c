//! Numpy's own tests of the `.npy` format, under their names; `docs/numpy.md` lists those left out.

use crate::support::{
    ORDERS, Sample, VERSIONS, folder, golden, maps, numbered, raw_header, refused, types,
    with_dtype, write_numbered,
};
use ndarray::{Ix1, Ix2, IxDyn, array, s};
use outcore_storage::npy::{Header, HeaderError, MAX_AXES, MAX_HEADER_BYTES, Version};
use outcore_storage::{
    ByteOrder, DType, FileArray, FileArrayMut, FileInfo, Format, Options, Order,
};
use std::fs;
use std::io::{self, Read};

const GOOD: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";

/// A reader that hands out a byte at a time.
struct Dripping<R>(R);

impl<R: Read> Read for Dripping<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let end = bytes.len().min(1);
        self.0.read(&mut bytes[..end])
    }
}

fn read(bytes: &[u8]) -> Result<(Header, Version, u64), HeaderError> {
    Header::read(&mut &*bytes)
}

fn damage(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(HeaderError::Damaged(reason)) => reason,
        other => panic!("should have been refused as damaged: {other:?}"),
    }
}

fn header(shape: &[usize], order: Order) -> Header {
    Header { dtype: DType::F32, byte_order: ByteOrder::Little, order, shape: shape.to_vec() }
}

#[test]
fn roundtrip() {
    fn check<T: Sample>(byte_order: ByteOrder, order: Order, shape: &[usize]) {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        let options = Options::new().byte_order(byte_order).order(order);
        write_numbered::<T>(&path, shape, &options);
        let file = FileArray::<T, IxDyn>::open(&path).unwrap();
        assert_eq!((file.order(), file.shape()), (order, shape));
        assert_eq!(file.read().unwrap(), numbered::<T>(shape));
    }
    for (dtype, byte_order) in types() {
        for shape in [&[0][..], &[0, 0, 0], &[], &[10], &[4, 3], &[2, 3, 4]] {
            for order in ORDERS {
                with_dtype!(dtype, T => check::<T>(byte_order, order, shape));
            }
        }
    }
}

#[test]
fn roundtrip_strided() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let all = numbered::<u64>(&[6, 8]).into_dimensionality::<Ix2>().unwrap();
    let strided = all.slice(s![..;2, ..;-2]);
    let mut file = FileArrayMut::<u64, _>::create(&path, (3, 4)).unwrap();
    file.write_window([0..3, 0..4], &strided).unwrap();
    assert_eq!(file.read().unwrap(), strided);
}

#[test]
fn roundtrip_randsize() {
    for version in VERSIONS {
        let bytes = header(&[3, 4], Order::C).to_bytes(version);
        let found = Header::read(&mut Dripping(&bytes[..])).unwrap();
        assert_eq!(found, (header(&[3, 4], Order::C), version, bytes.len() as u64));
    }
}

#[test]
fn roundtrip_truncated() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<f32>(&path, &[3, 4], &Options::new());
    let whole = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(whole - 1).unwrap();
    let both = |message: String| {
        assert!(message.contains("175") && message.contains("176"), "{message}");
    };
    both(refused!(FileArray::<f32, Ix2>::open(&path), Truncated { .. }));
    both(refused!(FileArrayMut::<f32, Ix2>::open_mut(&path), Truncated { .. }));
    both(refused!(FileInfo::of_npy(&path), Truncated { .. }));
    both(refused!(maps::open::<f32, Ix2>(&path), Truncated { .. }));
}

#[test]
fn file_truncated() {
    // Shorter after it was opened: what is still there is read, and the rest is an error.
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<f32>(&path, &[3, 4], &Options::new());
    let file = FileArray::<f32, Ix2>::open(&path).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(128 + 5 * 4).unwrap();
    assert_eq!(file.read_window([0..1, 0..4]).unwrap().into_dyn(), numbered::<f32>(&[1, 4]));
    let message =
        refused!(file.read_window([1..2, 0..4]), Truncated { expected: 176, actual: 148, .. });
    assert!(message.contains("array.npy"), "{message}");
    refused!(maps::map(file), Truncated { expected: 176, actual: 148, .. });
}

#[test]
fn memmap_roundtrip_is_byte_identical() {
    for (order, name) in
        [(Order::C, "f4-little-C-3x4-v1.npy"), (Order::F, "f4-little-F-3x4-v1.npy")]
    {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        // A machine of the other byte order would map its own, which the golden file is not.
        let options = Options::new().order(order);
        let file: FileArrayMut<f32, _> = options.create(&path, (3, 4)).unwrap();
        let mut mapped = maps::map_mut(file).unwrap();
        mapped.view_mut().into_dyn().assign(&numbered::<f32>(&[3, 4]));
        mapped.close().unwrap();
        if ByteOrder::NATIVE == ByteOrder::Little {
            assert_eq!(fs::read(&path).unwrap(), fs::read(golden(name)).unwrap(), "{name}");
        }
        let mapped = maps::open::<f32, Ix2>(&path).unwrap();
        assert_eq!(mapped.view().into_dyn(), numbered::<f32>(&[3, 4]));
    }
}

#[test]
fn pickle_disallowed() {
    let message = refused!(FileInfo::of_npy(golden("object.npy")), Unsupported(_));
    assert!(message.contains("pickled"), "{message}");
}

#[test]
fn version_2_0_memmap() {
    for version in VERSIONS {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        let file: FileArrayMut<f64, _> = Options::new().version(version).create(&path, 2).unwrap();
        assert_eq!((file.format(), file.offset() % 64), (Format::Npy(version), 0));
        let mut mapped = maps::map_mut(file).unwrap();
        mapped.view_mut()[1] = 1.5;
        mapped.close().unwrap();
        assert_eq!(FileArray::<f64, Ix1>::open(&path).unwrap().read().unwrap(), array![0.0, 1.5]);
    }
}

#[test]
fn huge_header_is_refused() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let padded = format!("{GOOD}{}", " ".repeat(MAX_HEADER_BYTES + 1 - GOOD.len()));
    fs::write(&path, [raw_header(2, &padded), vec![0; 48]].concat()).unwrap();
    let both = |message: String| {
        assert!(message.contains("65537") && message.contains("65536"), "{message}");
    };
    both(refused!(FileArray::<f32, Ix2>::open(&path), NotNpy(_)));
    both(refused!(FileInfo::of_npy(&path), NotNpy(_)));
    both(refused!(maps::open::<f32, Ix2>(&path), NotNpy(_)));

    let largest = &padded[..MAX_HEADER_BYTES];
    fs::write(&path, [raw_header(2, largest), vec![0; 48]].concat()).unwrap();
    assert_eq!(FileArray::<f32, Ix2>::open(&path).unwrap().dim(), (3, 4));
}

#[test]
fn write_version() {
    for (version, number) in VERSIONS.into_iter().zip(1..) {
        let bytes = header(&[3, 4], Order::C).to_bytes(version);
        assert_eq!(bytes[..8], [0x93, b'N', b'U', b'M', b'P', b'Y', number, 0]);
        assert_eq!(read(&bytes).unwrap().1, version);
    }
}

#[test]
fn read_magic_bad_magic() {
    let good = raw_header(1, GOOD);
    assert!(read(&good).is_ok());
    for place in 0..6 {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(damage(&bad).contains("NUMPY"));
    }
    for (major, minor) in [(0, 0), (4, 0), (1, 1), (255, 0)] {
        let mut bad = good.clone();
        bad[6..8].copy_from_slice(&[major, minor]);
        assert!(damage(&bad).contains(&format!("{major}.{minor}")));
    }
}

#[test]
fn large_header() {
    // The most axes that NumPy has fit into version 1.0, whatever their lengths.
    let folder = folder().unwrap();
    let mut longest = header(&[usize::MAX; MAX_AXES], Order::C);
    longest.dtype = DType::ComplexF64;
    assert_eq!(read(&longest.to_bytes(Version::V1)).unwrap().0, longest);

    let path = folder.path().join("array.npy");
    FileArrayMut::<u8, _>::create(&path, vec![1; MAX_AXES]).unwrap().close().unwrap();
    assert_eq!(FileInfo::of_npy(&path).unwrap().shape, [1; MAX_AXES]);
    let more = folder.path().join("more.npy");
    let message = refused!(FileArrayMut::<u8, _>::create(&more, vec![1; 65]), Unsupported(_));
    assert!(message.contains("65") && message.contains("64"), "{message}");
    assert!(!more.exists());
}

#[test]
fn read_array_header() {
    for shape in [&[][..], &[1], &[1, 2], &[2, 1], &[2, 2], &[10, 3, 4], &[64]] {
        for (version, order) in VERSIONS.into_iter().flat_map(|v| ORDERS.map(|order| (v, order))) {
            let bytes = header(shape, order).to_bytes(version);
            let (found, _, offset) = read(&bytes).unwrap();
            assert_eq!(found, header(shape, order));
            assert_eq!(offset, bytes.len() as u64);
            assert_eq!(offset % 64, 0);
        }
    }
}

#[test]
fn bad_header() {
    assert!(damage(b"").contains("ends inside its magic bytes"));
    assert!(damage(b"\x93NUMPY\x01\x00\x01").contains("ends inside its header's length"));
    assert!(damage(&raw_header(1, GOOD)[..40]).contains("ends inside its header"));
    for dictionary in [
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'extra': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'shape': (3,)}",
        "{}",
    ] {
        assert!(damage(&raw_header(1, dictionary)).contains("keys"), "{dictionary}");
    }
    for dictionary in [
        "",
        "3",
        "[]",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': 4, 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [3]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3.5,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} + 1",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)",
        "{'descr': '<f4', 'fortran_order': lambda: 1, 'shape': (3,)}",
    ] {
        damage(&raw_header(1, dictionary));
    }
}

#[test]
fn large_file_support() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.dat");
    let options = Options::new().sparse(true).offset(5 << 30);
    let mut file: FileArrayMut<i64, _> = options.create_raw(&path, 5).unwrap();
    let samples = array![0, 1, 2, 3, 4_i64];
    file.write_window(0..5, &samples).unwrap();
    file.close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), (5 << 30) + 40);
    let file: FileArray<i64, _> = options.open_raw(&path, 5).unwrap();
    assert_eq!(file.read().unwrap(), samples);
    assert_eq!(maps::map(file).unwrap().view(), samples);
}

#[test]
fn large_archive() {
    // NumPy's regression: more elements than 32 bits count.
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let mut file: FileArrayMut<u8, _> =
        Options::new().sparse(true).create(&path, (1 << 32, 2)).unwrap();
    let last = (1 << 32) - 1;
    file.write_window([last..last + 1, 0..2], &array![[3, 4]]).unwrap();
    assert_eq!(file.read_window([last - 1..last + 1, 0..2]).unwrap(), array![[0, 0], [3, 4]]);
    let mapped = maps::map_mut(file).unwrap();
    assert_eq!(mapped.view()[[last, 1]], 4);
}

#[test]
fn header_growth_axis() {
    // Thirteen more axes put a header of version 2.0 just over 128 bytes in C order, and not in
    // Fortran order, because "True" is shorter than "False". NumPy 2.4 writes the same lengths.
    for (order, version, more, length) in [
        (Order::C, Version::V1, 13, 128),
        (Order::C, Version::V2, 12, 128),
        (Order::C, Version::V2, 13, 192),
        (Order::F, Version::V2, 13, 128),
    ] {
        for digits in 0..20 {
            let mut shape = vec![1; more];
            let growth = if order == Order::C { 0 } else { more };
            shape.insert(growth, 10_usize.pow(digits));
            let header = header(&shape, order);
            assert_eq!(header.growth_axis(), Some(growth));
            assert_eq!(header.to_bytes(version).len(), length, "{header:?} {version:?}");
        }
    }
}

#[test]
fn save_load_memmap() {
    for order in ORDERS {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        let options = Options::new().order(order);
        write_numbered::<f64>(&path, &[3, 4], &options);
        let mut mapped = maps::open_mut::<f64, Ix2>(&path).unwrap();
        assert_eq!(mapped.view().into_dyn(), numbered::<f64>(&[3, 4]));
        assert_eq!(mapped.order(), order);
        mapped.view_mut()[[2, 1]] = 0.5;
        mapped.close().unwrap();
        let file = FileArray::<f64, Ix2>::open(&path).unwrap();
        assert_eq!(file.read_window([2..3, 1..2]).unwrap(), array![[0.5]]);
    }
}
