//! NumPy, and files that it writes.

use outcore_storage::{ByteOrder, DType, Order};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::path::Path;

use super::python::{Python, python};
use super::{script, skipped};

/// Runs a script of the folder `tests`; says that the test is skipped where there is no NumPy.
pub(crate) fn start(name: &str, test: &str) -> Option<Python> {
    match python("import numpy") {
        Ok(python) => Some(Python::start(python, &script(name), &[])),
        Err(reason) => {
            skipped(test, &reason);
            None
        }
    }
}

/// A file that NumPy writes, and resources to work on it with.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) dtype: DType,
    pub(crate) byte_order: ByteOrder,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    /// What its elements are like: see the script.
    pub(crate) kind: &'static str,
    /// Otherwise the budget is the smallest that will do.
    pub(crate) roomy: bool,
    pub(crate) threads: usize,
}

impl File {
    /// Files of all real types and up to four axes.
    pub(crate) fn any(kinds: Vec<&'static str>) -> impl Strategy<Value = Self> {
        let real = DType::all().filter(|dtype| !dtype.is_complex()).collect::<Vec<_>>();
        let axis = prop_oneof![6 => 1_usize..14, 2 => Just(1), 1 => Just(97)];
        let strategy = (
            prop::sample::select(real),
            prop::sample::select(vec![ByteOrder::Little, ByteOrder::Big]),
            prop::sample::select(&super::ORDERS[..]),
            prop::collection::vec(axis, 0..5),
            prop::sample::select(kinds),
            (any::<bool>(), 1_usize..3),
        );
        strategy.prop_map(|(dtype, byte_order, order, shape, kind, (roomy, threads))| Self {
            dtype,
            byte_order,
            order,
            shape,
            kind,
            roomy,
            threads,
        })
    }

    /// Lets NumPy write it.
    pub(crate) fn make(&self, numpy: &mut Python, path: &Path, seed: usize) {
        let descr = self.dtype.descr(self.byte_order);
        let shape: Vec<_> = self.shape.iter().map(usize::to_string).collect();
        let (at, order, shape, kind) = (path.display(), self.order, shape.join(","), self.kind);
        let made = numpy.ask(&format!("make {at} {descr} {order} ({shape}) {seed} {kind}"));
        assert_eq!(made, "done");
    }
}

/// The same cases in every run; they differ when the strategy does.
pub(crate) fn cases<S: Strategy>(count: usize, strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Evaluates an expression with `T` as a file's type, which is real.
#[allow(unused_macros, reason = "not every test file has files of NumPy")]
macro_rules! with_real {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_real!($dtype, $T => $body,
            Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 half::f16, F32 f32, F64 f64)
    };
    ($dtype:expr, $T:ident => $body:expr, $($name:ident $type:ty),+) => {
        match $dtype {
            $(outcore_storage::DType::$name => {
                type $T = $type;
                $body
            })+
            complex => panic!("{complex} is not real"),
        }
    };
}
pub(crate) use with_real;
