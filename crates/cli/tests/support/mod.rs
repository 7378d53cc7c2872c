//! What the tests share: folders, files in the `.npy` format, and runs of the program.

#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

#[path = "../../../../tests/support/python.rs"]
pub(crate) mod python;

use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_storage::{ByteOrder, Element, FileArray, FileArrayMut, Options, Order, Window};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

pub(crate) use tempfile::tempdir as folder;

/// The program, in a folder.
pub(crate) fn outcore(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outcore"));
    command.current_dir(folder);
    command
}

/// Runs the program in a folder to its end.
pub(crate) fn run<A: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = A>) -> Ran {
    Ran::new(outcore(folder).args(args).output().expect("the program starts"))
}

/// Runs the program with arguments in one text.
pub(crate) fn run_line(folder: &Path, line: &str) -> Ran {
    run(folder, line.split_whitespace())
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// Checks that it has succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Its only line of standard output, as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).expect("a JSON object")
    }
}

/// The names and contents of a folder's files.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let contents = |path: &Path| fs::read(path).unwrap_or_default();
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), contents(&entry.path())))
        .collect()
}

/// Complex numbers without a pattern.
pub(crate) fn field(shape: (usize, usize)) -> Array2<Complex<f32>> {
    let mut state = 1_u32;
    let mut next = || {
        // Numerical Recipes' linear congruential generator; its high bits are good enough.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("16 bits")) / 65536.0 - 0.5
    };
    Array2::from_shape_simple_fn(shape, || Complex::new(next(), next()))
}

/// Writes an array as a `.npy` file in native byte order.
pub(crate) fn write<T: Element>(path: &Path, array: &Array2<T>, order: Order) {
    write_as(path, array, &Options::new().order(order));
}

/// The same with other options.
pub(crate) fn write_as<T: Element>(path: &Path, array: &Array2<T>, options: &Options) {
    let mut file: FileArrayMut<T, Ix2> = options.create(path, array.dim()).unwrap();
    let whole = Window::from([0..array.nrows(), 0..array.ncols()]);
    file.write_window(whole, array).unwrap();
    file.close().unwrap();
}

/// Writes an array without a header, after some bytes.
pub(crate) fn write_raw<T: Element>(
    path: &Path,
    array: &Array2<T>,
    offset: usize,
    order: Order,
    byte_order: ByteOrder,
) {
    let bytes = offset + array.len() * size_of::<T>();
    fs::write(path, vec![0xAB; bytes]).unwrap();
    let options = Options::new().order(order).byte_order(byte_order).offset(offset as u64);
    let mut file: FileArrayMut<T, Ix2> = options.open_raw_mut(path, array.dim()).unwrap();
    let whole = Window::from([0..array.nrows(), 0..array.ncols()]);
    file.write_window(whole, array).unwrap();
}

pub(crate) fn read<T: Element>(path: &Path) -> Array2<T> {
    FileArray::<T, Ix2>::open(path).unwrap().read().unwrap()
}

/// A header of format version 1.0 with any dictionary.
pub(crate) fn header(dictionary: &str) -> Vec<u8> {
    let length = u16::try_from(dictionary.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], dictionary.as_bytes()].concat()
}

/// A dictionary for [`header`].
pub(crate) fn dictionary(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
}

/// Says that a test did not run, even where the test runner hides what tests print.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}
