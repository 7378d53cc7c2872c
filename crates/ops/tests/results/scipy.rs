//! Files that NumPy wrote, transformed, against `scipy.fft` in extended precision; and NumPy reads
//! what we wrote.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with NumPy and SciPy.

use crate::support::python::{Python, python};
use crate::support::{Number, ORDERS, bound, folder, resources, skipped};
use ndarray::Ix2;
use num_complex::Complex;
use outcore_ops::{Control, Fft, Norm, Real, SinkExt, ToComplex, fft2, ifft2, lazy};
use outcore_storage::{
    ByteOrder, DType, Element, FileArray, FileInfo, Options, Order, Output, Source,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::path::Path;

const CASES: usize = 150;

#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    byte_order: ByteOrder,
    order: Order,
    shape: (usize, usize),
    inverse: bool,
    norm: Norm,
    real: bool,
    /// Otherwise the budget is the smallest that will do.
    roomy: bool,
    threads: usize,
    how: &'static str,
}

/// The same cases in every run; they differ when the strategy does.
fn cases() -> Vec<Case> {
    let length =
        || prop_oneof![1_usize..200, prop::sample::select(vec![1_usize, 2, 64, 97, 256, 509, 512])];
    let strategy = (
        prop::sample::select(DType::all().collect::<Vec<_>>()),
        prop::sample::select(vec![ByteOrder::Little, ByteOrder::Big]),
        prop::sample::select(&ORDERS[..]),
        (length(), length()),
        prop::sample::select(vec![Norm::Backward, Norm::Ortho, Norm::Forward]),
        (any::<bool>(), any::<bool>(), any::<bool>(), 1_usize..3),
        prop::sample::select(vec!["save", "memmap"]),
    );
    let strategy = strategy.prop_map(|(dtype, byte_order, order, shape, norm, rest, how)| {
        let (inverse, real, roomy, threads) = rest;
        Case { dtype, byte_order, order, shape, inverse, norm, real, roomy, threads, how }
    });
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Evaluates an expression with `T` as a file's type.
macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_type!($dtype, $T => $body,
            Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 half::f16, F32 f32, F64 f64, ComplexF32 Complex<f32>, ComplexF64 Complex<f64>)
    };
    ($dtype:expr, $T:ident => $body:expr, $($name:ident $type:ty),+) => {
        match $dtype {
            $(DType::$name => {
                type $T = $type;
                $body
            })+
        }
    };
}

impl Case {
    /// Transforms one file into another; the largest error that the result may have.
    fn run<N: ToComplex>(&self, input: &Path, output: &Path) -> f64
    where
        N::Real: Number,
        Complex<N::Real>: Element,
    {
        let file: FileArray<N, Ix2> = FileArray::open(input).unwrap();
        let source = lazy(&file).map(N::to_complex);
        let request = if self.inverse { ifft2(&source) } else { fft2(&source) };
        let request = request.norm(self.norm);
        if self.real {
            self.transform::<N::Real>(&request.real_part(), &source, output);
        } else {
            self.transform::<N::Real>(&request, &source, output);
        }
        bound::<N::Real>(self.shape)
    }

    fn transform<T: Real + Number>(
        &self,
        request: &Fft<'_, Ix2>,
        source: &dyn Source<Complex<T>, Ix2>,
        output: &Path,
    ) where
        Complex<T>: Element,
    {
        let plan = if self.roomy {
            request.plan::<T>(resources(1 << 30, self.threads)).unwrap()
        } else {
            crate::support::tightest(request, self.threads)
        };
        let options = Options::new().order(self.order);
        if self.real {
            let mut out = Output::<T, _>::with_options(output, self.shape, &options).unwrap();
            let folder = output.parent().unwrap();
            let mut scratch = options.scratch::<Complex<T>, _>(folder, self.shape).unwrap();
            let mut sink = out.map_sink(|x: Complex<T>| x.re);
            plan.run_through(&source, &mut scratch, &mut sink, Control::new()).unwrap();
            out.commit().unwrap();
        } else {
            let mut out = Output::with_options(output, self.shape, &options).unwrap();
            plan.run(&source, &mut out, Control::new()).unwrap();
            out.commit().unwrap();
        }
    }

    fn norm_name(&self) -> &'static str {
        match self.norm {
            Norm::Backward => "backward",
            Norm::Ortho => "ortho",
            Norm::Forward => "forward",
        }
    }
}

#[test]
fn transforms_of_numpys_files_agree_with_scipy() {
    let mut python = match python("import numpy, scipy.fft") {
        Ok(python) => Python::start(python, &crate::support::script("scipy_cases.py"), &[]),
        Err(reason) => return skipped("transforms_of_numpys_files_agree_with_scipy", &reason),
    };
    let folder = folder().unwrap();
    for (number, case) in cases().iter().enumerate() {
        let path = |side: &str| folder.path().join(format!("{side}-{number}.npy"));
        let (input, output) = (path("in"), path("out"));
        let Case { dtype, byte_order, order, shape, how, .. } = case;
        let descr = dtype.descr(*byte_order);
        let (rows, columns, at) = (shape.0, shape.1, input.display());
        let made =
            python.ask(&format!("make {at} {descr} {order} {rows} {columns} {number} {how}"));
        assert_eq!(made, "done");
        let before = std::fs::read(&input).unwrap();
        assert_eq!(FileInfo::of_npy(&input).unwrap().dtype, *dtype);
        let bound = with_type!(dtype, T => case.run::<T>(&input, &output));
        assert!(std::fs::read(&input).unwrap() == before, "the input has changed");
        let (direction, part) = (
            if case.inverse { "inverse" } else { "forward" },
            if case.real { "real" } else { "whole" },
        );
        let (norm, to) = (case.norm_name(), output.display());
        let answer = python.ask(&format!("check {at} {to} {direction} {norm} {part}"));
        let error: f64 = answer.parse().unwrap_or_else(|_| panic!("{case:?}: {answer}"));
        assert!(error <= bound, "{case:?}: error {error:e}, bound {bound:e}");
    }
    python.finish();
}
