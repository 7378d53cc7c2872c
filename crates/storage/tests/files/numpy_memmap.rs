//! Numpy's own tests of `numpy.memmap`, under their names; `docs/numpy.md` lists those left out.

#![expect(clippy::float_cmp, reason = "the sums are exact")]

use crate::support::{PAGE, folder, maps, refused};
use ndarray::{Array1, Array2, Axis, Ix1, Ix2, array, s};
use outcore_storage::{FileArray, FileArrayMut, MappedArray, MappedArrayMut, Options};
use std::fs;
use std::path::{Path, PathBuf};

/// numpy's test data: 0 to 11 as `float32`, in three rows.
fn data() -> Array2<f32> {
    Array2::from_shape_fn((3, 4), |(row, column)| {
        f32::from(u8::try_from(4 * row + column).unwrap())
    })
}

fn mapped_data(folder: &Path) -> MappedArrayMut<f32, Ix2> {
    let mut mapped = maps::create(&folder.join("data.npy"), (3, 4)).unwrap();
    mapped.view_mut().assign(&data());
    mapped
}

#[test]
fn roundtrip() {
    let folder = folder().unwrap();
    drop(mapped_data(folder.path()));
    // There is no `view_mut` on this type, so nothing has to test that it is not writable.
    let mapped: MappedArray<f32, Ix2> = maps::open(&folder.path().join("data.npy")).unwrap();
    assert_eq!(mapped.view(), data());
    assert_eq!(mapped.dtype().to_string(), "float32");
}

#[test]
fn open_with_filename() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    assert_eq!(mapped.view(), data());
    assert_eq!(mapped.dim(), (3, 4));
    assert!(folder.path().join("data.npy").exists());
}

#[test]
fn unnamed_file() {
    let folder = folder().unwrap();
    let mut mapped = MappedArrayMut::<f32, _>::scratch(folder.path(), (3, 4)).unwrap();
    mapped.view_mut().assign(&data());
    assert_eq!(mapped.view(), data());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn attributes_offset_1() {
    let folder = folder().unwrap();
    let path = folder.path().join("data.dat");
    let options = Options::new().offset(1);
    let mut file: FileArrayMut<f32, _> = options.create_raw(&path, (3, 4)).unwrap();
    file.write_window([0..3, 0..4], &data()).unwrap();
    assert_eq!(file.offset(), 1);
    file.close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 + 12 * 4);

    let file: FileArray<f32, _> = options.open_raw(&path, (3, 4)).unwrap();
    assert_eq!(file.read().unwrap(), data());
    // What a view of Rust cannot be aligned to is refused, and read by copy as above.
    let message = refused!(maps::map(file), NotMappable { .. });
    assert!(message.contains("FileArray"), "{message}");
}

#[test]
fn filename() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    assert_eq!(mapped.path(), folder.path().join("data.npy"));
}

#[test]
fn path() {
    let folder = folder().unwrap();
    drop(mapped_data(folder.path()));
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(folder.path().strip_prefix("/").unwrap()).join("data.npy");
    assert!(relative.is_relative());
    let mapped: MappedArray<f32, Ix2> = maps::open(&relative).unwrap();
    assert!(mapped.path().is_absolute());
    assert_eq!(
        mapped.path().canonicalize().unwrap(),
        folder.path().join("data.npy").canonicalize().unwrap()
    );
}

#[test]
fn flush() {
    let folder = folder().unwrap();
    let mut mapped = mapped_data(folder.path());
    mapped.view_mut()[[0, 0]] = 5.0;
    mapped.flush().unwrap();
    assert_eq!(mapped.view()[[0, 0]], 5.0);
}

#[test]
fn del() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    // NumPy's test: the end of a view, even of the last one, does not unmap the array.
    let sum = {
        let view = mapped.view();
        view.slice(s![1.., ..]).sum()
    };
    assert_eq!(mapped.view().slice(s![1.., ..]).sum(), sum);
    assert_eq!(sum, 60.0);
}

#[test]
fn arithmetic_drops_references() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    let sum: Array2<f32> = &mapped.view() + 10.0;
    mapped.close().unwrap();
    assert_eq!(sum, data() + 10.0);
}

#[test]
fn indexing_drops_references() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    let picked: Array2<f32> = mapped.view().select(Axis(0), &[2, 0]);
    mapped.close().unwrap();
    assert_eq!(picked.row(0), data().row(2));
    assert_eq!(picked.row(1), data().row(0));
}

#[test]
fn slicing_keeps_references() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    let view = mapped.view();
    assert!(std::ptr::eq(view.slice(s![1..2, 2..]).first().unwrap(), &raw const view[[1, 2]]));
}

#[test]
fn view() {
    let folder = folder().unwrap();
    let mapped = mapped_data(folder.path());
    assert_eq!(mapped.view().as_ptr(), mapped.view().view().as_ptr());
}

#[test]
fn ufunc_return_ndarray() {
    let folder = folder().unwrap();
    let mut mapped = mapped_data(folder.path());
    assert_eq!(mapped.view().sum(), 66.0);
    assert_eq!(mapped.view().sum_axis(Axis(0)), array![12.0, 15.0, 18.0, 21.0]);
    mapped.view_mut().mapv_inplace(|value| value + 1.0);
    mapped.close().unwrap();
    let file = FileArray::<f32, Ix2>::open(folder.path().join("data.npy")).unwrap();
    assert_eq!(file.read().unwrap(), data() + 1.0);
}

#[test]
fn getitem() {
    let folder = folder().unwrap();
    let mut mapped = mapped_data(folder.path());
    let mut copy = mapped.view().select(Axis(1), &[0]);
    copy.fill(-1.0);
    assert_eq!(mapped.view(), data());
    mapped.view_mut().slice_mut(s![.., 0]).fill(-1.0);
    assert_eq!(mapped.view().column(0), array![-1.0, -1.0, -1.0]);
}

#[test]
fn mmap_offset_greater_than_allocation_granularity() {
    let folder = folder().unwrap();
    let path = folder.path().join("data.dat");
    let options = Options::new().offset(PAGE + 1);
    let size = 5 * usize::try_from(PAGE).unwrap();
    let file: FileArrayMut<u8, _> = options.create_raw(&path, size).unwrap();
    let mut mapped = maps::map_mut(file).unwrap();
    *mapped.view_mut().first_mut().unwrap() = 1;
    *mapped.view_mut().last_mut().unwrap() = 2;
    mapped.close().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), size + usize::try_from(PAGE).unwrap() + 1);
    let set: Vec<_> = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).collect();
    assert_eq!(set, [(bytes.len() - size, &1), (bytes.len() - 1, &2)]);
}

#[test]
fn empty_array_with_offset_multiple_of_allocation_granularity() {
    let folder = folder().unwrap();
    let path = folder.path().join("data.dat");
    let file: FileArrayMut<f64, _> = Options::new().offset(PAGE).create_raw(&path, 0).unwrap();
    let mapped = maps::map_mut(file).unwrap();
    assert_eq!(mapped.shape(), [0]);
    assert_eq!(mapped.view().iter().next(), None);
    mapped.close().unwrap();
}

#[test]
fn no_shape() {
    let folder = folder().unwrap();
    let path = folder.path().join("data.dat");
    fs::write(&path, [0; 16]).unwrap();
    let mapped = maps::map(FileArray::<f64, Ix1>::open_raw(&path).unwrap()).unwrap();
    assert_eq!(mapped.shape(), [2]);
    fs::write(&path, [0; 17]).unwrap();
    let message = refused!(FileArray::<f64, Ix1>::open_raw(&path), NotWhole { .. });
    assert!(message.contains("17") && message.contains('8'), "{message}");
}

#[test]
fn empty_array() {
    let folder = folder().unwrap();
    let raw = folder.path().join("data.dat");
    fs::write(&raw, []).unwrap();
    // NumPy refuses an empty file in mode r, for want of an empty map; here it is no special case.
    let empty = maps::map(FileArray::<f32, Ix1>::open_raw(&raw).unwrap()).unwrap();
    assert_eq!(empty.view(), Array1::<f32>::zeros(0));

    let npy = folder.path().join("data.npy");
    for _ in 0..2 {
        let mapped = maps::create::<f32, _>(&npy, (0, 4)).unwrap();
        assert_eq!(mapped.view(), Array2::<f32>::zeros((0, 4)));
        mapped.close().unwrap();
    }
    assert_eq!(maps::open::<f32, Ix2>(&npy).unwrap().dim(), (0, 4));
    assert_eq!(maps::open_copy::<f32, Ix2>(&npy).unwrap().dim(), (0, 4));
}

#[test]
fn shape_type() {
    let folder = folder().unwrap();
    let path = folder.path().join("data.npy");
    assert_eq!(maps::create::<f32, _>(&path, 3).unwrap().shape(), [3]);
    assert_eq!(maps::create::<f32, _>(&path, (3,)).unwrap().shape(), [3]);
    assert_eq!(maps::create::<f32, _>(&path, [3, 4]).unwrap().shape(), [3, 4]);
    assert_eq!(maps::create::<f32, _>(&path, vec![3, 4]).unwrap().shape(), [3, 4]);
    assert_eq!(maps::create::<f32, _>(&path, ()).unwrap().view().len(), 1);
}
