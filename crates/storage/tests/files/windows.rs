//! Windows of files agree with the same windows of an array in RAM, whatever the type, shape, order,
//! byte order and offset of the file, and whatever the strides of the tile.

use crate::support::tiles::{
    Strides, Tile, part, part_mut, shape, strides, window_in, window_outside,
};
use crate::support::{BYTE_ORDERS, ORDERS, Sample, encoded, folder, numbered, refused, with_dtype};
use ndarray::{ArrayD, Dimension, Ix2, IxDyn, array};
use outcore_storage::{
    ByteOrder, DType, FileArray, FileArrayMut, Options, Order, STAGING_BYTES, Sink, Source, Window,
};
use proptest::prelude::*;
use std::fs;

/// What the file looks like.
#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    order: Order,
    byte_order: ByteOrder,
    /// The offset of a raw file, or a `.npy` file.
    offset: Option<u64>,
    shape: Vec<usize>,
}

impl Case {
    fn create<T: Sample>(&self, path: &std::path::Path) -> FileArrayMut<T, IxDyn> {
        let options = Options::new().order(self.order).byte_order(self.byte_order);
        match self.offset {
            Some(offset) => options.offset(offset).create_raw(path, IxDyn(&self.shape)),
            None => options.create(path, IxDyn(&self.shape)),
        }
        .unwrap()
    }
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::sample::select(DType::all().collect::<Vec<_>>()),
        prop::sample::select(&ORDERS[..]),
        prop::sample::select(&BYTE_ORDERS[..]),
        prop::option::of(0_u64..100),
        shape(),
    )
        .prop_map(|(dtype, order, byte_order, offset, shape)| Case {
            dtype,
            order,
            byte_order,
            offset,
            shape,
        })
}

/// A window of a case, with the strides of the tile that goes there.
fn step_in(shape: &[usize]) -> impl Strategy<Value = (Window<IxDyn>, Strides)> + use<> {
    (window_in(shape), strides(shape.len()))
}

fn case_with_steps() -> impl Strategy<Value = (Case, Vec<(Window<IxDyn>, Strides)>)> {
    case().prop_flat_map(|case| {
        let steps = prop::collection::vec(step_in(&case.shape), 1..5);
        (Just(case), steps)
    })
}

/// Writes tiles to windows of a file of zeros and of an array in RAM, and compares the bytes.
fn write_and_compare<T: Sample>(case: &Case, steps: &[(Window<IxDyn>, Strides)]) {
    let folder = folder().unwrap();
    let path = folder.path().join("array");
    let mut file = case.create::<T>(&path);
    let mut ram = ArrayD::<T>::default(IxDyn(&case.shape));
    for (index, (window, strides)) in steps.iter().enumerate() {
        let lengths = window.shape.slice();
        let mut tile = Tile::new(lengths, strides.clone(), T::default());
        let samples = numbered::<T>(lengths);
        tile.view_mut().assign(&samples);
        part_mut(&mut ram, window).assign(&samples);
        if index % 2 == 0 {
            file.write_window(window.clone(), &tile.view()).unwrap();
        } else {
            file.write_tile(window, tile.view()).unwrap();
        }
    }
    let offset = usize::try_from(file.offset()).unwrap();
    file.close().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[offset..], encoded(&ram, case.order, case.byte_order));
    if case.offset.is_some() {
        assert_eq!(bytes[..offset], vec![0; offset], "the bytes before the offset are touched");
    }
}

/// Reads windows of a file of samples into tiles, and compares them with the array in RAM.
fn read_and_compare<T: Sample>(case: &Case, steps: &[(Window<IxDyn>, Strides)]) {
    let folder = folder().unwrap();
    let path = folder.path().join("array");
    let file = case.create::<T>(&path);
    let ram = numbered::<T>(&case.shape);
    let data = encoded(&ram, case.order, case.byte_order);
    let mut bytes = fs::read(&path).unwrap();
    bytes.splice(usize::try_from(file.offset()).unwrap().., data);
    fs::write(&path, bytes).unwrap();
    for (window, strides) in steps {
        assert_eq!(file.read_window(window.clone()).unwrap(), part(&ram, window));
        let lengths = window.shape.slice();
        let mut tile = Tile::new(lengths, strides.clone(), T::sample(5));
        file.read_tile(window, tile.view_mut()).unwrap();
        assert_eq!(tile.view(), part(&ram, window), "{window} into {strides:?}");
        let mut tile = Tile::new(lengths, strides.clone(), T::sample(5));
        ram.read_tile(window, tile.view_mut()).unwrap();
        assert_eq!(tile.view(), part(&ram, window), "{window} of RAM");
    }
}

proptest! {
    #[test]
    fn what_is_written_to_windows_is_in_the_file((case, steps) in case_with_steps()) {
        with_dtype!(case.dtype, T => write_and_compare::<T>(&case, &steps));
    }

    #[test]
    fn what_is_read_from_windows_is_in_the_file((case, steps) in case_with_steps()) {
        with_dtype!(case.dtype, T => read_and_compare::<T>(&case, &steps));
    }

    #[test]
    fn windows_outside_are_refused(
        (lengths, window) in prop::collection::vec(0_usize..6, 1..4)
            .prop_flat_map(|lengths| { let outside = window_outside(&lengths); (Just(lengths), outside) }),
    ) {
        let folder = folder().unwrap();
        let mut file = FileArrayMut::<u8, _>::scratch(folder.path(), IxDyn(&lengths)).unwrap();
        let message = refused!(file.read_window(window.clone()), OutOfBounds { .. });
        prop_assert!(message.contains(&window.to_string()), "{}", message);
        let tile = ArrayD::<u8>::zeros(vec![1; lengths.len()]);
        refused!(file.write_window(window.clone(), &tile), OutOfBounds { .. });
        refused!(file.flush_window(window), OutOfBounds { .. });
    }
}

#[test]
fn tiles_of_another_shape_are_refused() {
    let folder = folder().unwrap();
    let mut file = FileArrayMut::<f32, _>::scratch(folder.path(), (3, 4)).unwrap();
    refused!(file.write_window([0..2, 0..2], &array![[1.0, 2.0]]), WrongShape { .. });
    let mut tile = ndarray::Array2::<f32>::zeros((1, 2));
    refused!(file.read_tile(&Window::from([0..2, 0..2]), tile.view_mut()), WrongShape { .. });
}

/// Larger than what is copied at a time, so that windows are halved on the way.
#[test]
fn large_tiles_of_other_strides_go_through_the_staging_buffer() {
    fn check<T: Sample>(order: Order, byte_order: ByteOrder) {
        let shape = [700, 800];
        assert!(shape.iter().product::<usize>() * size_of::<T>() > 2 * STAGING_BYTES);
        let folder = folder().unwrap();
        let path = folder.path().join("array");
        let options = Options::new().order(order).byte_order(byte_order).offset(3);
        let mut file: FileArrayMut<T, Ix2> = options.create_raw(&path, shape).unwrap();
        let ram = numbered::<T>(&[800, 700]);
        let transposed = ram.view().into_dimensionality::<Ix2>().unwrap().reversed_axes();
        file.write_window([0..700, 0..800], &transposed).unwrap();
        file.close().unwrap();
        let ram = ram.reversed_axes();
        assert!(fs::read(&path).unwrap()[3..] == encoded(&ram, order, byte_order));

        let file: FileArray<T, Ix2> = options.open_raw(&path, shape).unwrap();
        let mut tile = ndarray::Array2::<T>::default((798, 697));
        let window = Window::from([2..699, 1..799]);
        file.read_tile(&window, tile.view_mut().reversed_axes()).unwrap();
        let expected = part(&ram, &Window::new(IxDyn(&[2, 1]), IxDyn(&[697, 798]))).to_owned();
        assert!(tile.reversed_axes().into_dyn() == expected);
    }
    for (order, byte_order) in ORDERS.into_iter().flat_map(|o| BYTE_ORDERS.map(|b| (o, b))) {
        check::<bool>(order, byte_order);
        check::<f32>(order, byte_order);
    }
}

#[test]
fn a_byte_that_is_no_bool_is_an_error_with_its_place() {
    let folder = folder().unwrap();
    let path = folder.path().join("mask.dat");
    fs::write(&path, [0, 1, 1, 2, 0, 1]).unwrap();
    let mask: FileArray<bool, _> = Options::new().open_raw(&path, (2, 3)).unwrap();
    assert_eq!(mask.read_window([0..1, 0..3]).unwrap(), array![[false, true, true]]);
    refused!(mask.read(), NotBool { offset: 3 });
    refused!(mask.read_window([1..2, 0..2]), NotBool { offset: 3 });
    assert_eq!(mask.read_window([1..2, 1..3]).unwrap(), array![[false, true]]);
}
