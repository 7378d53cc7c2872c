//! What numpy wrote is read exactly, and what is written is byte for byte numpy's.
//!
//! The files in `golden/` were written by numpy itself, with the script beside them.

use crate::support::{
    BYTE_ORDERS, ORDERS, Sample, folder, golden, numbered, refused, types, with_dtype,
    write_numbered,
};
use ndarray::{IxDyn, ShapeBuilder};
use outcore_storage::npy::Version;
use outcore_storage::{ByteOrder, DType, FileArray, FileInfo, Format, Options, Order, Window};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Files that hold what no type of this crate is, or a header that numpy no longer writes.
const OTHERS: [&str; 6] =
    ["python-2.npy", "structured.npy", "object.npy", "text.npy", "date.npy", "unicode-v3.npy"];

/// What the name of a golden file says.
#[derive(Clone, Debug)]
struct Golden {
    dtype: DType,
    byte_order: ByteOrder,
    order: Order,
    shape: Vec<usize>,
    version: Version,
}

impl Golden {
    fn name(&self) -> String {
        let lengths: Vec<_> = self.shape.iter().map(usize::to_string).collect();
        let lengths = if lengths.is_empty() { "scalar".to_owned() } else { lengths.join("x") };
        let (code, version) = (self.dtype.code(), self.version.name().replace(".0", ""));
        format!("{code}-{}-{}-{lengths}-v{version}.npy", self.byte_order, self.order)
    }

    fn options(&self) -> Options {
        Options::new().order(self.order).byte_order(self.byte_order).version(self.version)
    }
}

fn all() -> Vec<Golden> {
    let golden = |dtype, byte_order, order, shape: &[usize], version| Golden {
        dtype,
        byte_order,
        order,
        shape: shape.to_vec(),
        version,
    };
    let mut all = Vec::new();
    for (dtype, byte_order) in types() {
        all.extend(ORDERS.map(|order| golden(dtype, byte_order, order, &[3, 4], Version::V1)));
    }
    for byte_order in BYTE_ORDERS {
        all.push(golden(DType::F64, byte_order, Order::C, &[], Version::V1));
        all.push(golden(DType::I16, byte_order, Order::C, &[5], Version::V1));
        for order in ORDERS {
            all.push(golden(DType::F32, byte_order, order, &[0, 4], Version::V1));
            all.push(golden(DType::F32, byte_order, order, &[4, 0], Version::V1));
            all.push(golden(DType::ComplexF32, byte_order, order, &[2, 3, 4], Version::V1));
            all.push(golden(DType::U32, byte_order, order, &[2, 3], Version::V2));
            all.push(golden(DType::U32, byte_order, order, &[2, 3], Version::V3));
        }
    }
    all
}

#[test]
fn every_golden_file_is_tested() {
    let listed = fs::read_dir(golden("")).unwrap().map(|entry| entry.unwrap().file_name());
    let listed: BTreeSet<_> = listed
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "npy"))
        .map(|name| name.into_string().unwrap())
        .collect();
    let tested = all().iter().map(Golden::name).chain(OTHERS.map(str::to_owned)).collect();
    assert_eq!(listed, tested);
}

#[test]
fn what_numpy_wrote_is_read_exactly() {
    fn check<T: Sample>(case: &Golden) {
        let file = FileArray::<T, IxDyn>::open(golden(&case.name())).unwrap();
        assert_eq!(file.read().unwrap(), numbered::<T>(&case.shape), "{case:?}");
        let info = FileInfo::of_array(&file);
        assert_eq!(info, FileInfo::of_npy(golden(&case.name())).unwrap());
        assert_eq!((info.dtype, info.order, &info.shape), (case.dtype, case.order, &case.shape));
        assert_eq!(info.format, Format::Npy(case.version));
    }
    for case in all() {
        with_dtype!(case.dtype, T => check::<T>(&case));
    }
}

#[test]
fn what_is_written_is_byte_for_byte_numpys() {
    let folder = folder().unwrap();
    for case in all() {
        let path = folder.path().join(case.name());
        with_dtype!(case.dtype, T => write_numbered::<T>(&path, &case.shape, &case.options()));
        assert_eq!(fs::read(&path).unwrap(), fs::read(golden(&case.name())).unwrap(), "{case:?}");
    }
}

#[test]
fn every_byte_order_reads_into_tiles_of_either_order() {
    for case in all() {
        with_dtype!(case.dtype, T => {
            let file = FileArray::<T, IxDyn>::open(golden(&case.name())).unwrap();
            let window = Window::whole(IxDyn(&case.shape));
            for order in ORDERS {
                let shape = IxDyn(&case.shape).set_f(order == Order::F);
                let mut tile = ndarray::ArrayD::<T>::default(shape);
                outcore_storage::Source::read_tile(&file, &window, tile.view_mut()).unwrap();
                assert_eq!(tile, numbered::<T>(&case.shape), "{case:?} into {order}");
            }
        });
    }
}

#[test]
fn a_python_2_header_is_read() {
    let file = FileArray::<f32, IxDyn>::open(golden("python-2.npy")).unwrap();
    assert_eq!(file.read().unwrap(), numbered::<f32>(&[2, 3]));
}

#[test]
fn what_no_type_holds_is_refused_by_its_kind() {
    for (name, kind) in [
        ("structured.npy", "structured"),
        ("unicode-v3.npy", "structured"),
        ("object.npy", "pickled Python objects"),
        ("text.npy", "text"),
        ("date.npy", "date or time"),
    ] {
        let by_info = refused!(FileInfo::of_npy(golden(name)), Unsupported(_));
        let by_open = refused!(FileArray::<f32, IxDyn>::open(golden(name)), Unsupported(_));
        assert!(by_info.contains(kind) && by_info.contains(name), "{by_info}");
        assert_eq!(by_info, by_open);
    }
}
