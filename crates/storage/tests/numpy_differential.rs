//! Random arrays, written by this crate and by numpy: the files are the same byte for byte, and each
//! side reads the other's.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with numpy.

mod support;

use ndarray::IxDyn;
use outcore_storage::npy::Version;
use outcore_storage::{ByteOrder, DType, FileArray, Options, Order};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::python::python;
use support::{
    BYTE_ORDERS, ORDERS, VERSIONS, folder, golden, numbered, skipped, with_dtype, write_numbered,
};

const CASES: usize = 250;

#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    byte_order: ByteOrder,
    order: Order,
    shape: Vec<usize>,
    version: Version,
}

impl Case {
    /// The case as a line that `compare.py` reads.
    fn line(&self, number: usize) -> String {
        let lengths: Vec<_> = self.shape.iter().map(usize::to_string).collect();
        let lengths = if lengths.is_empty() { "scalar".to_owned() } else { lengths.join("x") };
        let (code, version) = (self.dtype.code(), &self.version.name()[..1]);
        format!("{number} {code} {} {} {lengths} {version}\n", self.byte_order, self.order)
    }
}

/// The same cases in every run; they differ when the strategy does.
fn cases() -> Vec<Case> {
    let strategy = (
        prop::sample::select(DType::all().collect::<Vec<_>>()),
        prop::sample::select(&BYTE_ORDERS[..]),
        prop::sample::select(&ORDERS[..]),
        prop_oneof![
            4 => prop::collection::vec(0_usize..8, 0..5),
            1 => prop::collection::vec(1_usize..2, 5..40),
            1 => prop::collection::vec(prop::sample::select(vec![1, 99, 100, 999]), 1..3),
        ],
        prop::sample::select(&VERSIONS[..]),
    )
        .prop_map(|(dtype, byte_order, order, shape, version)| Case {
            dtype,
            byte_order,
            order,
            shape,
            version,
        });
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Has numpy check the files of a folder and write its own; the differences that it finds.
fn compare(python: OsString, folder: &Path, lines: &str) -> String {
    let mut child = Command::new(python)
        .arg(golden("compare.py"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "NumPy failed on a file: see standard error");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn files_are_numpys_byte_for_byte() {
    let python = match python("import numpy") {
        Ok(python) => python,
        Err(reason) => return skipped("files_are_numpys_byte_for_byte", &reason),
    };
    let folder = folder().unwrap();
    let file = |writer, number| folder.path().join(format!("{writer}-{number}.npy"));
    let cases = cases();
    let mut lines = String::new();
    for (number, case) in cases.iter().enumerate() {
        let options =
            Options::new().byte_order(case.byte_order).order(case.order).version(case.version);
        with_dtype!(case.dtype, T => {
            write_numbered::<T>(&file("rust", number), &case.shape, &options);
        });
        lines.push_str(&case.line(number));
    }
    assert_eq!(compare(python, folder.path(), &lines), "");
    for (number, case) in cases.iter().enumerate() {
        let [ours, numpys] =
            ["rust", "numpy"].map(|writer| fs::read(file(writer, number)).unwrap());
        assert!(ours == numpys, "the files differ for {case:?}");
        with_dtype!(case.dtype, T => {
            let read = FileArray::<T, IxDyn>::open(file("numpy", number)).unwrap().read().unwrap();
            assert_eq!(read, numbered::<T>(&case.shape), "{case:?}");
        });
    }
}
