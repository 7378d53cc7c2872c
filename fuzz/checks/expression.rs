//! Any text is an expression or is refused, and its value does not depend on windows.
//!
//! The input is a line with the expression, and then bytes that choose type, shape and elements of
//! each of its names.

use ndarray::{ArrayD, Dimension, IxDyn, ShapeBuilder};
use outcore_ops::{AnySource, Casting, Evaluation, Expression};
use outcore_storage::{DType, Element, Source, Stored, Window};

/// Shapes that can be broadcast with each other, and some that cannot.
const SHAPES: [&[usize]; 8] = [&[], &[1], &[3], &[2, 3], &[2, 1], &[0], &[1, 1, 3], &[2, 2]];

/// Parses, binds and evaluates an expression.
pub(crate) fn run(input: &[u8]) {
    let line_end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let text = String::from_utf8_lossy(&input[..line_end]);
    let Ok(expression) = Expression::parse(&text) else { return };
    assert_eq!(expression.to_string(), text);
    let mut bytes = input[line_end..].iter().skip(1).copied();
    let names: Vec<_> = expression.names().map(str::to_owned).collect();
    let inputs: Vec<_> = names.iter().map(|_| Input::new(&mut bytes)).collect();
    let bound: Vec<_> =
        names.iter().zip(&inputs).map(|(name, input)| (name.as_str(), input.source())).collect();
    let Ok(evaluation) = expression.bind(&bound) else { return };
    evaluate(&evaluation);
    let dtypes: Vec<_> = DType::all().collect();
    let other = usize::from(bytes.next().unwrap_or(0));
    let casting = if other < 128 { Casting::Checked } else { Casting::Unsafe };
    if let Ok(cast) = evaluation.astype(dtypes[other % dtypes.len()], casting) {
        evaluate(&cast);
    }
}

macro_rules! types {
    ($($name:ident $type:ty),+) => {
        /// An array of any type.
        enum Input {
            $($name(ArrayD<$type>),)+
        }

        impl Input {
            fn new(bytes: &mut impl Iterator<Item = u8>) -> Self {
                let mut next = || usize::from(bytes.next().unwrap_or(0));
                let (dtype, shape) = (next(), next());
                let dtypes: Vec<_> = DType::all().collect();
                match dtypes[dtype % dtypes.len()] {
                    $(DType::$name => Self::$name(array(shape, bytes)),)+
                }
            }

            fn source(&self) -> AnySource<'_> {
                match self {
                    $(Self::$name(array) => AnySource::$name(array),)+
                }
            }
        }

        fn evaluate(evaluation: &Evaluation<'_>) {
            match evaluation.dtype() {
                $(DType::$name => evaluate_as::<$type>(evaluation),)+
            }
        }
    };
}

types! {
    Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
    F16 half::f16, F32 f32, F64 f64,
    ComplexF32 num_complex::Complex<f32>, ComplexF64 num_complex::Complex<f64>
}

fn array<T: Element>(shape: usize, bytes: &mut impl Iterator<Item = u8>) -> ArrayD<T> {
    let fortran = shape >= 128;
    let shape = IxDyn(SHAPES[shape % SHAPES.len()]).set_f(fortran);
    ArrayD::from_shape_simple_fn(shape, || {
        let mut element = [T::default()];
        let mut encoded: Vec<u8> = bytes.take(T::DTYPE.bytes()).collect();
        encoded.resize(T::DTYPE.bytes(), 0);
        if T::DTYPE == DType::Bool {
            encoded[0] &= 1;
        }
        T::decode(&encoded, &mut element).expect("a number, or 0 or 1");
        element[0]
    })
}

/// Evaluates the whole, and each element alone, which must be the same.
fn evaluate_as<T: Element>(evaluation: &Evaluation<'_>)
where
    for<'a> Evaluation<'a>: Source<T, IxDyn>,
{
    let shape = evaluation.shape();
    let mut whole = ArrayD::from_elem(shape.clone(), T::default());
    let outcome = evaluation.read_tile(&Window::whole(shape.clone()), whole.view_mut());
    let mut failed = false;
    for (index, element) in whole.indexed_iter() {
        let ones = IxDyn(&vec![1; shape.ndim()]);
        let window = Window::new(index, ones.clone());
        let mut alone = ArrayD::from_elem(ones, T::default());
        match evaluation.read_tile(&window, alone.view_mut()) {
            Ok(()) if outcome.is_ok() => {
                let alone = alone.first().expect("one element");
                // What is not equal to itself is NaN.
                #[allow(clippy::eq_op, reason = "NaN is not equal to itself")]
                let same = alone == element || (alone != alone && element != element);
                assert!(same, "{alone:?} alone, {element:?} among others");
            }
            Ok(()) => {}
            Err(_) => failed = true,
        }
    }
    assert_eq!(failed, outcome.is_err(), "{outcome:?}");
}
