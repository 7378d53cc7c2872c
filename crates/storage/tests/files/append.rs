//! An array that grew is byte for byte the array that had its length from the start.

use crate::support::{
    BYTE_ORDERS, ORDERS, Sample, folder, golden, numbered, raw_header, refused, write_numbered,
};
use ndarray::{Array1, Array2, Axis, Ix1, Ix2, IxDyn, Slice, array};
use outcore_storage::npy::{Header, Version};
use outcore_storage::{ByteOrder, DType, FileArray, FileArrayMut, Options, Order, Window};
use std::fs;
use std::path::Path;

fn grow<T: Sample>(path: &Path, shape: &[usize], axis: usize, pieces: &[usize], options: &Options) {
    let whole = numbered::<T>(shape);
    let piece = |from, len| whole.slice_axis(Axis(axis), Slice::from(from..from + len));
    let first = piece(0, pieces[0]);
    let mut file: FileArrayMut<T, IxDyn> = options.create(path, first.raw_dim()).unwrap();
    file.write_window(Window::whole(first.raw_dim()), &first).unwrap();
    let mut end = pieces[0];
    for &len in &pieces[1..] {
        file.append(&piece(end, len)).unwrap();
        end += len;
        assert_eq!(file.read().unwrap(), piece(0, end));
    }
    assert_eq!(file.shape(), shape);
    file.close().unwrap();
}

#[test]
fn a_grown_file_is_the_file_that_is_created_longer() {
    for (order, byte_order) in ORDERS.into_iter().flat_map(|o| BYTE_ORDERS.map(|b| (o, b))) {
        for shape in [&[12_usize][..], &[12, 3], &[3, 12], &[12, 2, 12], &[12, 0], &[0, 12]] {
            let folder = folder().unwrap();
            let [grown, longer] = ["grown.npy", "longer.npy"].map(|name| folder.path().join(name));
            let options = Options::new().order(order).byte_order(byte_order);
            let axis = if order == Order::C { 0 } else { shape.len() - 1 };
            let pieces: &[usize] = match shape[axis] {
                12 => &[1, 3, 8, 0],
                3 => &[0, 2, 1],
                _ => &[0, 0],
            };
            grow::<u16>(&grown, shape, axis, pieces, &options);
            write_numbered::<u16>(&longer, shape, &options);
            assert_eq!(fs::read(&grown).unwrap(), fs::read(&longer).unwrap(), "{order} {shape:?}");
        }
    }
}

#[test]
fn a_grown_file_is_the_file_that_numpy_writes() {
    for (order, axis, name) in
        [(Order::C, 0, "f4-little-C-3x4-v1.npy"), (Order::F, 1, "f4-little-F-3x4-v1.npy")]
    {
        let folder = folder().unwrap();
        let path = folder.path().join(name);
        let options = Options::new().order(order).byte_order(ByteOrder::Little);
        let pieces: &[usize] = if axis == 0 { &[0, 2, 1] } else { &[0, 3, 1] };
        grow::<f32>(&path, &[3, 4], axis, pieces, &options);
        assert_eq!(fs::read(&path).unwrap(), fs::read(golden(name)).unwrap());
    }
}

#[test]
fn the_header_is_the_longer_shapes_header() {
    for version in [Version::V1, Version::V2, Version::V3] {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        let options = Options::new().version(version).byte_order(ByteOrder::Little);
        let mut file: FileArrayMut<f64, _> = options.create(&path, (9, 2)).unwrap();
        file.append(&Array2::ones((991, 2))).unwrap();
        file.close().unwrap();
        let header = Header {
            dtype: DType::F64,
            byte_order: ByteOrder::Little,
            order: Order::C,
            shape: vec![1000, 2],
        };
        let header = header.to_bytes(version);
        assert_eq!(fs::read(&path).unwrap()[..header.len()], header);
    }
}

#[test]
fn raw_files_grow_without_a_header() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.dat");
    let options = Options::new().offset(3);
    let mut file: FileArrayMut<u8, _> = options.create_raw(&path, 2).unwrap();
    file.append(&array![7, 8, 9]).unwrap();
    file.close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [0, 0, 0, 0, 0, 7, 8, 9]);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<f32>(&path, &[3, 4], &Options::new());
    let before = fs::read(&path).unwrap();
    let mut file = FileArrayMut::<f32, Ix2>::open_mut(&path).unwrap();
    refused!(file.append(&array![[1.0, 2.0, 3.0]]), WrongShape { .. });
    refused!(file.append(&Array2::zeros((3, 1))), WrongShape { .. });
    assert_eq!(file.dim(), (3, 4));
    file.close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_array_without_axes_cannot_grow() {
    let folder = folder().unwrap();
    let mut file = FileArrayMut::<f32, _>::scratch(folder.path(), ()).unwrap();
    let message = refused!(file.append(&ndarray::arr0(1.0)), Unsupported(_));
    assert!(message.contains("without axes"), "{message}");
}

#[test]
fn a_header_without_room_is_refused_and_nothing_is_written() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let header = raw_header(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }\n");
    let before = [header, vec![5; 9]].concat();
    fs::write(&path, &before).unwrap();
    let mut file = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    let message = refused!(file.append(&array![6]), Unsupported(_));
    assert!(message.contains("no room"), "{message}");
    assert_eq!(file.read().unwrap(), Array1::from_elem(9, 5));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_was_cut_short_meanwhile_is_truncated() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let mut file = FileArrayMut::<u8, _>::create(&path, 9).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(130).unwrap();
    refused!(file.append(&array![6]), Truncated { expected: 137, actual: 130, .. });
}

#[test]
fn data_that_a_crash_left_behind_is_not_in_the_array() {
    // The data goes first: a crash before the header is written leaves bytes after the old array.
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<u8>(&path, &[3], &Options::new());
    let crashed = [fs::read(&path).unwrap(), vec![9; 2]].concat();
    fs::write(&path, crashed).unwrap();
    let file = FileArray::<u8, Ix1>::open(&path).unwrap();
    assert_eq!(file.read().unwrap().into_dyn(), numbered::<u8>(&[3]));
}
