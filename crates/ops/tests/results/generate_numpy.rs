//! Sources that read nothing, bit for bit against the arrays that NumPy makes.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with NumPy.

use crate::support::python::python;
use crate::support::{folder, skipped};
use half::f16;
use ndarray::{Array, Array1, Dimension, Ix1, IxDyn};
use outcore_ops::{
    OfF64, Step, arange, indices, linspace, random_integers, random_normal, random_uniform,
};
use outcore_storage::{ByteOrder, Element, FileArray, Output, Source, Window};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Cases of each type.
const CASES: usize = 12;

fn whole<T: Element, D: Dimension>(source: &impl Source<T, D>) -> Array<T, D> {
    let mut tile = Array::from_elem(source.shape(), T::default());
    source.read_tile(&Window::whole(source.shape()), tile.view_mut()).unwrap();
    tile
}

/// Compares an array of ours with NumPy's, which is in a file.
type Check = Box<dyn Fn(&Path)>;

/// What to ask of NumPy, and how to compare its answers.
struct Cases {
    folder: tempfile::TempDir,
    commands: Vec<String>,
    checks: Vec<Check>,
}

impl Cases {
    /// NumPy's answer is to have all bits of an array.
    fn equals<T: Element, D: Dimension + 'static>(&mut self, command: &str, ours: Array<T, D>) {
        let (kind, arguments) = command.split_once(' ').unwrap();
        let path = self.path();
        let command = format!("{kind} {} {arguments}", path.display());
        self.commands.push(command.clone());
        self.checks.push(Box::new(move |path| {
            let theirs = whole(&FileArray::<T, D>::open(path).unwrap());
            let bits = |array: &Array<T, D>| {
                let elements: Vec<T> = array.iter().copied().collect();
                elements.iter().map(|element| format!("{element:?}")).collect::<Vec<_>>()
            };
            assert_eq!(ours.shape(), theirs.shape(), "{command}");
            let pairs = bits(&ours).into_iter().zip(bits(&theirs)).enumerate();
            let other = pairs.clone().find(|(_, (ours, theirs))| ours != theirs);
            assert_eq!(other, None, "{command}");
        }));
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.npy", self.commands.len()))
    }

    fn floats<T: Step + OfF64 + Into<f64>>(&mut self, runner: &mut TestRunner) {
        let dtype = T::DTYPE.descr(ByteOrder::NATIVE);
        let strategy = (-100.0_f64..100.0, -8.0_f64..8.0, 0_usize..700, any::<bool>());
        for _ in 0..CASES {
            let (from, by, count, endpoint) = strategy.new_tree(runner).unwrap().current();
            let (from, by) = (T::of_f64(from), T::of_f64(by));
            let to = T::of_f64(from.into() + by.into() * crate::support::float(count));
            let steps = whole(&arange(from, to, by).unwrap());
            let even = whole(&linspace(from, to, count).unwrap().endpoint(endpoint));
            let [from, to, by]: [f64; 3] = [from.into(), to.into(), by.into()];
            self.equals(&format!("arange {dtype} {from:?} {to:?} {by:?}"), steps);
            self.equals(&format!("linspace {dtype} {from:?} {to:?} {count} {endpoint}"), even);
        }
    }

    fn integers<T: Step + TryFrom<i64>>(&mut self, runner: &mut TestRunner) {
        let dtype = T::DTYPE.descr(ByteOrder::NATIVE);
        let strategy = (-128_i64..256, -128_i64..256, -20_i64..20);
        let mut left = CASES;
        while left > 0 {
            let limits: [i64; 3] = strategy.new_tree(runner).unwrap().current().into();
            let [Some(from), Some(to), Some(by)] = limits.map(|limit| T::try_from(limit).ok())
            else {
                continue;
            };
            if limits[2] != 0 {
                left -= 1;
                let steps = whole(&arange(from, to, by).unwrap());
                let [from, to, by] = limits;
                self.equals(&format!("arange {dtype} {from} {to} {by}"), steps);
            }
        }
    }

    /// Asks Python, once for all.
    fn check(&self, python: OsString) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generate_cases.py");
        let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{}", self.commands.join("\n")).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "Python failed: see standard error");
        for (number, check) in self.checks.iter().enumerate() {
            check(&self.folder.path().join(format!("{number}.npy")));
        }
    }
}

#[test]
fn steps_and_indices_are_those_of_numpy() {
    let python = match python("import numpy") {
        Ok(python) => python,
        Err(reason) => return skipped("steps_and_indices_are_those_of_numpy", &reason),
    };
    let mut cases = Cases { folder: folder().unwrap(), commands: Vec::new(), checks: Vec::new() };
    let mut runner = TestRunner::deterministic();
    cases.floats::<f16>(&mut runner);
    cases.floats::<f32>(&mut runner);
    cases.floats::<f64>(&mut runner);
    cases.integers::<i8>(&mut runner);
    cases.integers::<i16>(&mut runner);
    cases.integers::<i32>(&mut runner);
    cases.integers::<i64>(&mut runner);
    cases.integers::<u8>(&mut runner);
    cases.integers::<u16>(&mut runner);
    cases.integers::<u32>(&mut runner);
    cases.integers::<u64>(&mut runner);
    for [start, stop, step] in [
        [0.0, 5.0, f64::INFINITY],
        [0.0, 5.0, f64::NEG_INFINITY],
        [0.0, 5e-324, 1e300],
        [1.0, 1.3, 0.1],
    ] {
        let steps = whole(&arange(start, stop, step).unwrap());
        cases.equals(&format!("arange <f8 {start:?} {stop:?} {step:?}"), steps);
    }
    for [start, stop] in [[0.0, 5e-324], [1e300, -1e300], [-0.0, -0.0]] {
        let even = whole(&linspace(start, stop, 7).unwrap());
        cases.equals(&format!("linspace <f8 {start:?} {stop:?} 7 true"), even);
    }
    for shape in [&[3][..], &[2, 0], &[5, 7], &[2, 3, 4]] {
        let lengths: Vec<_> = shape.iter().map(ToString::to_string).collect();
        for axis in 0..shape.len() {
            let array = whole(&indices(IxDyn(shape), axis).unwrap());
            cases.equals(&format!("indices {axis} {}", lengths.join(" ")), array);
        }
    }
    cases.check(python);
}

#[test]
fn normal_numbers_are_the_quantiles_of_their_words() {
    const LEN: usize = 20_000;
    let python = match python("import numpy") {
        Ok(python) => python,
        Err(reason) => return skipped("normal_numbers_are_the_quantiles_of_their_words", &reason),
    };
    let folder = folder().unwrap();
    let (at, to) = (folder.path().join("words.npy"), folder.path().join("quantiles.npy"));
    let words = whole(&random_integers::<u64, _>(LEN, .., 5).unwrap());
    let mut file = Output::<u64, Ix1>::create(&at, LEN).unwrap();
    outcore_storage::Sink::write_tile(&mut file, &Window::from(0..LEN), words.view()).unwrap();
    file.commit().unwrap();
    let command = format!("quantiles {} {}", to.display(), at.display());
    let cases = Cases { folder, commands: vec![command], checks: Vec::new() };
    cases.check(python);
    let theirs: Array1<f64> = whole(&FileArray::<f64, Ix1>::open(&to).unwrap());
    let ours = whole(&random_normal::<f64, _>(LEN, 5).unwrap());
    for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        // The same formulas; their logarithms may round differently, by a unit or two.
        assert!((ours / theirs - 1.0).abs() <= 4.0 * f64::EPSILON, "{index}: {ours} {theirs}");
    }
    // The bits of a uniform number are those of the same words.
    let uniform = whole(&random_uniform::<f64, _>(LEN, 5).unwrap());
    assert_eq!(
        uniform.mapv(|x| (x * 2_f64.powi(53)).to_bits()),
        words
            .mapv(|word| { crate::support::float(usize::try_from(word >> 11).unwrap()).to_bits() })
    );
}
