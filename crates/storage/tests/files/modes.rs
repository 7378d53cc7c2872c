//! numpy's four modes of a mapped array, its two safe kinds, and what cannot be mapped.

#![expect(clippy::float_cmp, reason = "the sums are exact")]

use crate::support::tiles::{Strides, Tile, shape, strides, window_in};
use crate::support::{FOREIGN, ORDERS, Sample, folder, maps, numbered, refused, write_numbered};
use ndarray::{Array2, Axis, Dimension, Ix1, Ix2, IxDyn, array};
use outcore_storage::{
    Advice, DType, FileArray, FileArrayMut, MappedArray, MappedArrayMut, Options, Order, Pod,
    Source, Stored, Window,
};
use proptest::prelude::*;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// A file of the samples 0 to 11 in three rows.
fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<i32>(&path, &[3, 4], &Options::new());
    (folder, path)
}

fn samples() -> Array2<i32> {
    numbered(&[3, 4]).into_dimensionality().unwrap()
}

fn in_file(path: &PathBuf) -> Array2<i32> {
    FileArray::open(path).unwrap().read().unwrap()
}

#[test]
fn r_reads_and_needs_no_more_than_reading() {
    let (_folder, path) = file();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let map = maps::open::<i32, Ix2>(&path).unwrap();
    assert_eq!(map.view(), samples());
    drop(map);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
}

#[test]
fn r_plus_reads_and_writes_the_file() {
    let (_folder, path) = file();
    let mut map = maps::open_mut::<i32, Ix2>(&path).unwrap();
    assert_eq!(map.view(), samples());
    map.view_mut().row_mut(1).fill(5);
    let mut expected = samples();
    expected.row_mut(1).fill(5);
    // Every other reader sees it at once, before anything is flushed.
    assert_eq!(in_file(&path), expected);
    map.close().unwrap();
    assert_eq!(in_file(&path), expected);
}

#[test]
fn w_plus_replaces_the_file_by_zeros() {
    let (_folder, path) = file();
    let mut map = maps::create::<i32, _>(&path, (2, 2)).unwrap();
    assert_eq!(map.view(), Array2::zeros((2, 2)));
    map.view_mut()[[1, 0]] = 5;
    drop(map);
    assert_eq!(in_file(&path), array![[0, 0], [5, 0]]);
}

#[test]
fn c_writes_to_memory_and_leaves_the_file_alone() {
    let (_folder, path) = file();
    let before = fs::read(&path).unwrap();
    let mut map = maps::open_copy::<i32, Ix2>(&path).unwrap();
    map.view_mut().fill(5);
    assert_eq!(map.view(), Array2::from_elem((3, 4), 5));
    assert_eq!(fs::read(&path).unwrap(), before);
    // It holds no lock, because it writes nothing that another could see.
    FileArrayMut::<i32, Ix2>::open_mut(&path).unwrap().close().unwrap();
    drop(map);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn flushing_succeeds_for_the_whole_a_window_and_later() {
    for order in ORDERS {
        let folder = folder().unwrap();
        let file: FileArrayMut<f64, _> =
            Options::new().order(order).create(folder.path().join("array.npy"), (99, 101)).unwrap();
        let mut map = maps::map_mut(file).unwrap();
        map.view_mut().fill(1.0);
        map.flush_async().unwrap();
        for window in
            [[0..99, 0..101], [98..99, 100..101], [0..1, 0..101], [3..5, 7..9], [4..4, 0..9]]
        {
            map.flush_window(window).unwrap();
        }
        refused!(map.flush_window([98..100, 0..1]), OutOfBounds { .. });
        map.flush().unwrap();
    }
}

#[test]
fn scratch_is_private_and_leaves_nothing_behind() {
    let folder = folder().unwrap();
    let mut map = MappedArrayMut::<f64, _>::scratch(folder.path(), (300, 400)).unwrap();
    assert_eq!(map.path(), folder.path());
    assert_eq!(map.view().sum(), 0.0);
    map.view_mut().index_axis_mut(Axis(1), 399).fill(1.0);
    assert_eq!(map.view().sum(), 300.0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    map.flush().unwrap();
    let missing = folder.path().join("missing");
    refused!(MappedArrayMut::<f64, _>::scratch(missing, 3), Io { .. });
}

/// A memory file with the contents of a `.npy` file, and the path by which it can be opened.
fn memory_file(seals: SealFlags) -> (OwnedFd, PathBuf) {
    let (_folder, path) = file();
    let memory = memfd_create("array", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let mut memory = File::from(memory);
    std::io::copy(&mut File::open(path).unwrap(), &mut memory).unwrap();
    fcntl_add_seals(&memory, seals).unwrap();
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    (memory.into(), path.into())
}

#[test]
fn open_immutable_takes_what_the_kernel_keeps_from_changing() {
    let (_memory, path) = memory_file(SealFlags::WRITE | SealFlags::SHRINK);
    let map = MappedArray::<i32, Ix2>::open_immutable(&path).unwrap();
    assert_eq!(map.view(), samples());
}

#[test]
fn open_immutable_refuses_what_could_change() {
    for seals in [SealFlags::empty(), SealFlags::WRITE, SealFlags::SHRINK, SealFlags::GROW] {
        let (_memory, path) = memory_file(seals);
        refused!(MappedArray::<i32, Ix2>::open_immutable(&path), NotMappable { .. });
    }
    let (_folder, path) = file();
    let message = refused!(MappedArray::<i32, Ix2>::open_immutable(&path), NotMappable { .. });
    assert!(message.contains("changing") && message.contains("FileArray"), "{message}");
}

#[test]
fn foreign_byte_order_is_refused_and_names_what_reads_it() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let options = Options::new().byte_order(FOREIGN);
    write_numbered::<i32>(&path, &[3, 4], &options);
    for message in [
        refused!(maps::open::<i32, Ix2>(&path), ForeignByteOrder { .. }),
        refused!(maps::open_mut::<i32, Ix2>(&path), ForeignByteOrder { .. }),
        refused!(maps::open_copy::<i32, Ix2>(&path), ForeignByteOrder { .. }),
        refused!(MappedArray::<i32, Ix2>::open_immutable(&path), ForeignByteOrder { .. }),
    ] {
        assert!(
            message.contains(&FOREIGN.to_string()) && message.contains("FileArray"),
            "{message}"
        );
    }
    assert_eq!(in_file(&path), samples());
    // Single bytes have no order.
    let bytes = options.create::<u8, _>(&path, 3).unwrap();
    assert_eq!(maps::map_mut(bytes).unwrap().view(), array![0, 0, 0]);
}

#[test]
fn every_type_maps_at_multiples_of_its_alignment_and_nowhere_else() {
    fn check<T: Sample + Pod>() {
        let folder = folder().unwrap();
        let path = folder.path().join("array.dat");
        for offset in 0..=32 {
            let options = Options::new().offset(offset);
            let mut file: FileArrayMut<T, _> = options.create_raw(&path, IxDyn(&[2, 3])).unwrap();
            let samples = numbered::<T>(&[2, 3]);
            file.write_window(Window::whole(IxDyn(&[2, 3])), &samples).unwrap();
            if offset % align_of::<T>() as u64 == 0 {
                assert_eq!(maps::map_mut(file).unwrap().view(), samples);
                continue;
            }
            let message = refused!(maps::map_mut(file), NotMappable { .. });
            assert!(message.contains(&format!("byte {offset},")), "{message}");
            assert!(message.contains("FileArray"), "{message}");
            let file: FileArray<T, _> = options.open_raw(&path, IxDyn(&[2, 3])).unwrap();
            assert_eq!(file.read().unwrap(), samples);
        }
    }
    // The mapped types are all but `bool`, which the type system keeps out.
    check::<half::f16>();
    check::<i64>();
    check::<num_complex::Complex<f32>>();
    check::<num_complex::Complex<f64>>();
}

#[test]
fn a_view_has_the_strides_of_the_files_order() {
    for (order, strides) in [(Order::C, [4, 1]), (Order::F, [1, 3])] {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        write_numbered::<i32>(&path, &[3, 4], &Options::new().order(order));
        let map = maps::open::<i32, Ix2>(&path).unwrap();
        assert_eq!(map.view(), samples());
        assert_eq!(map.view().strides(), strides);
        assert_eq!((map.order(), map.dim(), map.dtype()), (order, (3, 4), DType::I32));
    }
}

#[test]
fn every_advice_is_taken() {
    let (_folder, path) = file();
    let map = maps::open::<i32, Ix2>(&path).unwrap();
    for advice in
        [Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::Populate, Advice::Normal]
    {
        map.advise(advice).unwrap();
    }
    assert_eq!(map.view(), samples());
    let empty = maps::create::<i32, _>(&path, (0, 4)).unwrap();
    empty.advise(Advice::Populate).unwrap();
    empty.flush_async().unwrap();
    empty.flush_window([0..0, 1..3]).unwrap();
    empty.close().unwrap();
}

#[test]
fn views_of_one_map_are_shared_by_threads() {
    let (_folder, path) = file();
    let map = maps::open::<i32, Ix2>(&path).unwrap();
    std::thread::scope(|scope| {
        for row in 0..3 {
            let map = &map;
            scope.spawn(move || assert_eq!(map.view().row(row), samples().row(row)));
        }
    });
}

#[test]
fn a_map_is_a_source_whose_errors_name_its_file() {
    let (_folder, path) = file();
    let map = maps::open::<i32, Ix2>(&path).unwrap();
    assert_eq!(map.layout(), FileArray::<i32, Ix2>::open(&path).unwrap().layout());
    let mut tile = Array2::zeros((1, 4));
    let outside = Window::from([3..4, 0..4]);
    let message = refused!(map.read_tile(&outside, tile.view_mut()), OutOfBounds { .. });
    assert!(message.contains("array.npy"), "{message}");
    let inside = Window::from([2..3, 0..2]);
    refused!(map.read_tile(&inside, tile.view_mut()), WrongShape { .. });
}

fn read_through_both<T: Sample + Pod>(
    order: Order,
    shape: &[usize],
    window: &Window<IxDyn>,
    strides: Strides,
) {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    write_numbered::<T>(&path, shape, &Options::new().order(order));
    let map = maps::open_mut::<T, IxDyn>(&path).unwrap();
    map.flush_window(window.clone()).unwrap();
    let mut tile = Tile::new(window.shape.slice(), strides, T::default());
    map.read_tile(window, tile.view_mut()).unwrap();
    let file = FileArray::<T, IxDyn>::open(&path).unwrap();
    assert_eq!(tile.view(), file.read_window(window.clone()).unwrap());
}

proptest! {
    #[test]
    fn tiles_read_through_a_map_are_those_of_the_file(
        (shape, window, strides) in shape().prop_flat_map(|shape| {
            let (window, strides) = (window_in(&shape), strides(shape.len()));
            (Just(shape), window, strides)
        }),
        order in prop::sample::select(&ORDERS[..]),
    ) {
        read_through_both::<u16>(order, &shape, &window, strides.clone());
        read_through_both::<num_complex::Complex<f64>>(order, &shape, &window, strides);
    }
}

#[test]
fn another_type_or_number_of_axes_is_refused() {
    let (_folder, path) = file();
    refused!(maps::open::<f32, Ix2>(&path), WrongType { .. });
    refused!(maps::open::<i32, Ix1>(&path), WrongAxes { .. });
}
