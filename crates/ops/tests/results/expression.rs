//! Expressions: how they are read, what they compute, what they refuse, and what they read.

use crate::support::watch::Counting;
use crate::support::{Number, ORDERS, in_order, needed, noise, resources, scrambled};
use ndarray::{Array, ArrayD, ArrayViewMutD, Axis, IxDyn, ShapeBuilder, Zip, array};
use num_complex::Complex;
use outcore_ops::{AnySource, Casting, Control, Evaluation, Expression, store};
use outcore_storage::{DType, Element, Layout, Order, STAGING_BYTES, Source, Stored, Window};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

type Inputs<'a> = [(&'a str, AnySource<'a>)];

fn bound<'a>(text: &str, inputs: &Inputs<'a>) -> outcore_ops::Result<Evaluation<'a>> {
    Expression::parse(text)?.bind(inputs)
}

/// All elements of an expression that is of a type, of those inputs that it names.
fn eval<T: Element>(text: &str, inputs: &Inputs<'_>) -> ArrayD<T>
where
    for<'a> Evaluation<'a>: Source<T, IxDyn>,
{
    let evaluation = with_named(text, inputs).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(evaluation.dtype(), T::DTYPE, "{text}");
    part(&evaluation, &Window::whole(evaluation.shape())).unwrap()
}

fn part<T: Element>(
    source: &dyn Source<T, IxDyn>,
    window: &Window<IxDyn>,
) -> outcore_storage::Result<ArrayD<T>> {
    let mut tile = ArrayD::from_elem(window.shape.clone(), T::default());
    source.read_tile(window, tile.view_mut()).map(|()| tile)
}

fn refusal(text: &str, inputs: &Inputs<'_>) -> String {
    bound(text, inputs).err().unwrap_or_else(|| panic!("{text} is not refused")).to_string()
}

fn floats(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut index = 0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        index += 1;
        4.0 * noise(seed, index)
    })
}

fn integers(shape: &[usize], seed: u64) -> ArrayD<i64> {
    floats(shape, seed).map(|x| {
        #[expect(clippy::cast_possible_truncation, reason = "below 30")]
        let integer = (10.0 * x) as i64;
        integer
    })
}

#[test]
fn operators_bind_as_in_python() {
    let [a, b, c] = [1, 2, 3].map(|seed| integers(&[40], seed));
    let inputs = [("a", AnySource::I64(&a)), ("b", AnySource::I64(&b)), ("c", AnySource::I64(&c))];
    let pairs = [
        ("a+b*c", "a+(b*c)"),
        ("a-b-c", "(a-b)-c"),
        ("a//b%c", "(a//b)%c"),
        ("a*b//c", "(a*b)//c"),
        ("-a**2", "-(a**2)"),
        ("a**2**2", "a**(2**2)"),
        ("-a*b", "(-a)*b"),
        ("~a+b", "(~a)+b"),
        ("- - +a", "a"),
        ("a+b<<2", "(a+b)<<2"),
        ("a<<1>>2", "(a<<1)>>2"),
        ("a&b<<1", "a&(b<<1)"),
        ("a^b&c", "a^(b&c)"),
        ("a|b^c", "a|(b^c)"),
        ("  a +\t( b ) * c ", "a+(b*c)"),
        ("a -1", "a - 1"),
        ("a--1", "a + 1"),
    ];
    for (text, grouped) in pairs {
        assert_eq!(eval::<i64>(text, &inputs), eval::<i64>(grouped, &inputs), "{text}");
    }
    let pairs =
        [("a|b<c", "(a|b)<c"), ("a<b+c", "a<(b+c)"), ("a==b&c", "a==(b&c)"), ("a!=-b", "a!=(-b)")];
    for (text, grouped) in pairs {
        assert_eq!(eval::<bool>(text, &inputs), eval::<bool>(grouped, &inputs), "{text}");
    }
    let differ = eval::<i64>("a-(b-c)", &inputs) != eval::<i64>("a-b-c", &inputs);
    assert!(differ, "the numbers show no difference");
    assert_eq!(eval::<f64>("2**-1*a", &inputs), eval::<f64>("a/2", &inputs));
}

#[test]
fn numbers_are_pythons() {
    let x = array![1.0].into_dyn();
    let inputs = [("x", AnySource::F64(&x))];
    let numbers = [
        ("1_000", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("1e+2", 100.0),
        ("00", 0.0),
        ("7//2", 3.0),
        ("-7//2", -4.0),
        ("7//-2", -4.0),
        ("-7%3", 2.0),
        ("7%-3", -2.0),
        ("2/4", 0.5),
        ("2**10", 1024.0),
        ("2**-2", 0.25),
        ("1<<10>>3", 128.0),
        ("6&3|8^1", 11.0),
        ("~5", -6.0),
        ("7.5//2", 3.0),
        ("-7.5%2", 0.5),
        ("2*pi", std::f64::consts::TAU),
        ("e", std::f64::consts::E),
        ("-inf", f64::NEG_INFINITY),
        ("real(3+4j)", 3.0),
        ("imag(1j*1j+2j)", 2.0),
    ];
    for (text, number) in numbers {
        assert_eq!(
            eval::<f64>(&format!("x*({text})"), &inputs),
            array![number].into_dyn(),
            "{text}"
        );
    }
    assert_eq!(eval::<Complex<f64>>("x*(1+2.5j)", &inputs)[0], Complex::new(1.0, 2.5));
}

/// Arrays of two elements of every type, by NumPy's codes.
macro_rules! with_every_type {
    ($inputs:ident => $body:expr) => {{
        use half::f16;
        let b1 = array![true, false].into_dyn();
        let (i1, i2) = (array![-1_i8, 2].into_dyn(), array![-1_i16, 2].into_dyn());
        let (i4, i8) = (array![-1_i32, 2].into_dyn(), array![-1_i64, 2].into_dyn());
        let (u1, u2) = (array![1_u8, 2].into_dyn(), array![1_u16, 2].into_dyn());
        let (u4, u8) = (array![1_u32, 2].into_dyn(), array![1_u64, 2].into_dyn());
        let f2 = array![f16::ONE, f16::NEG_ONE].into_dyn();
        let (f4, f8) = (array![0.5_f32, -2.0].into_dyn(), array![0.5_f64, -2.0].into_dyn());
        let c8 = array![Complex::new(1.0_f32, -2.0), Complex::new(0.0, 0.5)].into_dyn();
        let c16 = array![Complex::new(1.0_f64, -2.0), Complex::new(0.0, 0.5)].into_dyn();
        let $inputs = [
            ("b1", AnySource::Bool(&b1)),
            ("i1", AnySource::I8(&i1)),
            ("i2", AnySource::I16(&i2)),
            ("i4", AnySource::I32(&i4)),
            ("i8", AnySource::I64(&i8)),
            ("u1", AnySource::U8(&u1)),
            ("u2", AnySource::U16(&u2)),
            ("u4", AnySource::U32(&u4)),
            ("u8", AnySource::U64(&u8)),
            ("f2", AnySource::F16(&f2)),
            ("f4", AnySource::F32(&f4)),
            ("f8", AnySource::F64(&f8)),
            ("c8", AnySource::ComplexF32(&c8)),
            ("c16", AnySource::ComplexF64(&c16)),
        ];
        $body
    }};
}

/// Binds an expression to those inputs that it names.
fn with_named<'a>(text: &str, all: &Inputs<'a>) -> outcore_ops::Result<Evaluation<'a>> {
    let expression = Expression::parse(text)?;
    let names: Vec<_> = expression.names().collect();
    let used: Vec<_> = all.iter().filter(|(name, _)| names.contains(name)).copied().collect();
    expression.bind(&used)
}

#[test]
fn types_are_promoted_as_numpy_does() {
    let expected = "
        b1+b1 b1; b1+i1 i1; u1+i1 i2; u2+i1 i4; u4+i4 i8; u8+i1 f8; u8+u1 u8; i8+u4 i8; i1+f2 f2
        i2+f2 f4; u2+f4 f4; i4+f4 f8; f2+f4 f4; i1+c8 c8; i4+c8 c16; f8+c8 c16; f2+c8 c8; c8+c16 c16
        b1+1 i8; u1+1 u1; u1+1.5 f8; f2+1.5 f2; f4+1 f4; f2+1j c8; f4+1j c8; f8+1j c16; i1+1j c16
        i1/i1 f8; i1/f2 f2; b1/b1 f8; u1//u1 u1; b1//b1 i1; b1%b1 i1; b1**b1 i1; i2**2 i2; u1**2.5 f8
        b1<<b1 i1; u1<<1 u1; b1&b1 b1; b1&u1 u1; u1^i1 i2; ~u1 u1; ~b1 b1; b1*b1 b1; b1*True b1
        i1<u8 b1; c8==1 b1; f8>=i1 b1; i1<1000 b1
        sqrt(b1) f2; sqrt(i1) f2; sin(i2) f4; exp(u4) f8; log(f2) f2; cos(c8) c8; sqrt(2) f8
        abs(c8) f4; abs(c16) f8; abs(i1) i1; abs(b1) b1; real(c8) f4; imag(i2) i2; conj(b1) i1
        angle(c8) f4; angle(i1) f2; angle(b1) f8; floor(i2) i2; ceil(b1) b1; round(b1) f2; round(c8) c8
        sign(u2) u2; isnan(i1) b1; isfinite(c8) b1
        minimum(i1,u1) i2; minimum(f4,1) f4; maximum(u8,i8) f8; hypot(i1,u1) f2; hypot(i2,1) f4
        arctan2(u1,1.0) f8; arctan2(f4,i4) f8; where(b1,1,2) i8; where(b1,u1,2.5) f8
        where(f8,u1,i1) i2; clip(u1,0,10) u1; clip(f4,0,u1) f4; clip(u1,0.5,f4) f4; 2*3+u1 u1
        sqrt(2)*f4 f8; abs(-2)*u1 i8; real(2j)*f4 f4; (1<2)+u1 u1";
    with_every_type!(inputs => {
        for case in expected.split([';', '\n']).map(str::trim).filter(|case| !case.is_empty()) {
            let (text, dtype) = case.rsplit_once(' ').unwrap();
            let found = with_named(text, &inputs).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found.dtype(), dtype.parse::<DType>().unwrap(), "{text}");
        }
    });
}

#[test]
fn what_has_no_meaning_is_refused_with_its_column() {
    let cases = [
        ("", "at column 1: the expression ends; expected a value"),
        ("  ", "at column 3: the expression ends; expected a value"),
        ("f8 + ", "at column 6: the expression ends; expected a value"),
        ("f8 f4", "at column 4: \"f4\" is unexpected; expected an operator"),
        ("(f8", "at column 4: the expression ends; expected an operator or \")\""),
        ("f8)", "at column 3: \")\" is unexpected; expected an operator"),
        ("é", "at column 1: unexpected 'é'"),
        ("f8 * ü", "at column 6: unexpected 'ü'"),
        ("1.2.3", "at column 1: \"1.2.3\" is not a number"),
        ("1_", "at column 1: \"1_\" is not a number"),
        ("f8+012", "at column 4: \"012\" begins with a zero"),
        ("2e", "at column 1: \"2e\" is not a number"),
        ("f8 < f4 < f2", "at column 9: comparisons cannot be chained; write (a < b) & (b < c)"),
        ("sin(f8, f4)", "at column 1: sin takes 1 argument, not 2"),
        ("where(b1)", "at column 1: where takes 3 arguments, not 1"),
        ("1 + foo(f8)", "at column 5: \"foo\" is no function that is known here"),
        ("pi(f8)", "at column 1: \"pi\" is not a function that is known here"),
        ("u1 + 256", "at column 4: 256 is outside uint8, 0 to 255"),
        ("-129 * i1", "at column 6: -129 is outside int8, -128 to 127"),
        ("f8 & 1", "at column 4: bits are not defined for float64 and float64"),
        ("i8 | u8", "at column 4: bits are not defined for int64 and uint64"),
        ("~f4", "at column 1: bits are not defined for float32"),
        ("-b1", "at column 1: signs (~ negates elements) are not defined for bool"),
        (
            "b1 - b1",
            "at column 4: differences (^ tells elements apart) are not defined for bool and bool",
        ),
        ("c8 // 2", "at column 4: // and % are not defined for complex64 and complex64"),
        ("floor(c8)", "at column 1: floor, ceil and trunc are not defined for complex64"),
        (
            "hypot(c8, 1)",
            "at column 1: hypot and arctan2 are not defined for complex64 and complex64",
        ),
        ("i4 ** -1", "at column 4: an integer has no power -1 that is an integer"),
        ("1/0*f8", "at column 2: division by zero"),
        ("f8 + 2**200", "at column 7: a constant exceeds 127 bits"),
    ];
    with_every_type!(inputs => {
        for (text, message) in cases {
            let error = with_named(text, &inputs).unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    });
}

#[test]
fn inputs_are_matched_by_name() {
    let x = array![1.0, 2.0].into_dyn();
    let y = array![1.0, 2.0, 3.0].into_dyn();
    let (x, y) = (AnySource::F64(&x), AnySource::F64(&y));
    assert_eq!(refusal("x + z", &[("x", x)]), "the name \"z\" has no input");
    let unused = "the expression has no name \"y\", but an input has";
    assert_eq!(refusal("x", &[("x", x), ("y", y)]), unused);
    assert_eq!(refusal("x", &[("x", x), ("x", y)]), "the name \"x\" has two inputs");
    let shapes = "y of shape [3] cannot be broadcast with x of shape [2]";
    assert_eq!(refusal("x * y", &[("x", x), ("y", y)]), shapes);
    let hidden = bound("e + pi", &[("e", x)]).unwrap();
    let found = part::<f64>(&hidden, &Window::whole(IxDyn(&[2]))).unwrap();
    let pi = std::f64::consts::PI;
    assert_eq!(found, array![1.0 + pi, 2.0 + pi].into_dyn());
    assert!(Expression::parse("pi + e*z + a").unwrap().names().eq(["z", "a"]));
}

#[test]
fn functions_are_those_of_the_standard_library() {
    type Real = fn(f64) -> f64;
    let functions: [(&str, Real); 23] = [
        ("abs", f64::abs),
        ("sqrt", f64::sqrt),
        ("exp", f64::exp),
        ("log", f64::ln),
        ("log2", f64::log2),
        ("log10", f64::log10),
        ("sin", f64::sin),
        ("cos", f64::cos),
        ("tan", f64::tan),
        ("sinh", f64::sinh),
        ("cosh", f64::cosh),
        ("tanh", f64::tanh),
        ("arcsin", f64::asin),
        ("arccos", f64::acos),
        ("arctan", f64::atan),
        ("floor", f64::floor),
        ("ceil", f64::ceil),
        ("round", f64::round_ties_even),
        ("trunc", f64::trunc),
        ("conj", |x| x),
        ("real", |x| x),
        ("imag", |_| 0.0),
        ("angle", |x| 0_f64.atan2(x)),
    ];
    let special =
        [0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let mut x = floats(&[200], 5).into_raw_vec_and_offset().0;
    x.extend(special);
    let x = Array::from(x).into_dyn();
    let half = x.map(|&x| half::f16::from_f64(x));
    for (name, function) in functions {
        let found = eval::<f64>(&format!("{name}(x)"), &[("x", AnySource::F64(&x))]);
        assert!(
            found.iter().zip(&x).all(|(y, &x)| y.to_bits() == function(x).to_bits()
                || y.is_nan() && function(x).is_nan()),
            "{name}"
        );
        let found = eval::<half::f16>(&format!("{name}(x)"), &[("x", AnySource::F16(&half))]);
        for (y, x) in found.iter().zip(&half) {
            // Computed in single precision, and rounded: half an ulp, and a little.
            let exact = function(x.to_f64());
            let near = (y.to_f64() - exact).abs() <= 0.000_49 * exact.abs() + 6e-8;
            let both = exact.abs() > 65_519.0 && y.is_infinite() || exact.is_nan() && y.is_nan();
            assert!(near || both, "{name}({x}) is {y}, not {exact}");
        }
    }
}

#[test]
fn inverse_hyperbolic_functions_undo_hyperbolic_ones() {
    let x = floats(&[500], 8).map(|x| x * x * x * x + 1e-9);
    let pairs =
        [("arcsinh", f64::sinh as fn(f64) -> f64), ("arccosh", f64::cosh), ("arctanh", f64::tanh)];
    for (name, function) in pairs {
        let y = x.map(|&x| function(x));
        let found = eval::<f64>(&format!("{name}(y)"), &[("y", AnySource::F64(&y))]);
        for ((&x, &y), found) in x.iter().zip(&y).zip(found) {
            // An ulp of y moves x by an ulp over the derivative, and we allow four.
            let slope = (function(x + 1e-6 * x) - function(x - 1e-6 * x)) / (2e-6 * x);
            let bound = 4.0 * f64::EPSILON * (x + (y / slope).abs()) + f64::EPSILON / slope.abs();
            assert!((found - x).abs() <= bound || slope == 0.0, "{name}({y}) is {found}, not {x}");
        }
    }
    let ends = array![0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NAN, 1e300, -1e300].into_dyn();
    let inputs = [("x", AnySource::F64(&ends))];
    let show = |name: &str| {
        format!("{:?}", eval::<f64>(&format!("{name}(x)"), &inputs).as_slice().unwrap())
    };
    let large = 1e300_f64.ln() + std::f64::consts::LN_2;
    assert_eq!(
        show("arcsinh"),
        format!("[0.0, -0.0, {0:?}, -{0:?}, inf, NaN, {large:?}, -{large:?}]", 1.0_f64.asinh())
    );
    assert_eq!(show("arccosh"), format!("[NaN, NaN, 0.0, NaN, inf, NaN, {large:?}, NaN]"));
    assert_eq!(show("arctanh"), "[0.0, -0.0, inf, -inf, NaN, NaN, NaN, NaN]");
}

#[test]
fn nan_is_passed_on_and_compares_to_nothing() {
    let x = array![f64::NAN, 1.0, f64::INFINITY, -0.0].into_dyn();
    let y = array![2.0, f64::NAN, f64::INFINITY, 0.0].into_dyn();
    let inputs = [("x", AnySource::F64(&x)), ("y", AnySource::F64(&y))];
    for name in ["minimum", "maximum"] {
        let found = eval::<f64>(&format!("{name}(x, y)"), &inputs);
        assert!(
            found[0].is_nan() && found[1].is_nan() && found[2] == f64::INFINITY && found[3] == 0.0
        );
    }
    let logic = |text: &str| eval::<bool>(text, &inputs).into_raw_vec_and_offset().0;
    assert_eq!(logic("x == y"), [false, false, true, true]);
    assert_eq!(logic("x != y"), [true, true, false, false]);
    assert_eq!(logic("x <= y"), [false, false, true, true]);
    assert_eq!(logic("isnan(x) | isnan(y)"), [true, true, false, false]);
    assert_eq!(logic("isinf(x) & ~isfinite(y)"), [false, false, true, false]);
    let divided = eval::<f64>("1/x", &[("x", AnySource::F64(&x))]);
    assert!(divided[3].is_infinite() && divided[3] < 0.0);
}

#[test]
fn integers_wrap_and_divide_downwards() {
    let x = array![i8::MIN, -7, 0, 7, i8::MAX].into_dyn();
    let u = array![0_u8, 1, 200, 255, 16].into_dyn();
    let signed =
        |text: &str| eval::<i8>(text, &[("x", AnySource::I8(&x))]).into_raw_vec_and_offset().0;
    let unsigned =
        |text: &str| eval::<u8>(text, &[("u", AnySource::U8(&u))]).into_raw_vec_and_offset().0;
    let of_x = |f: fn(i8) -> i8| x.iter().map(|&x| f(x)).collect::<Vec<_>>();
    let of_u = |f: fn(u8) -> u8| u.iter().map(|&u| f(u)).collect::<Vec<_>>();
    assert_eq!(signed("x + 100"), of_x(|x| x.wrapping_add(100)));
    assert_eq!(signed("x * 3 - 5"), of_x(|x| x.wrapping_mul(3).wrapping_sub(5)));
    assert_eq!(signed("-x"), of_x(i8::wrapping_neg));
    assert_eq!(signed("abs(x)"), of_x(i8::wrapping_abs));
    assert_eq!(signed("x // 2"), of_x(|x| x.div_euclid(2)));
    assert_eq!(signed("x % 2"), of_x(|x| x.rem_euclid(2)));
    assert_eq!(signed("x // -2"), [64, 3, 0, -4, -64]);
    assert_eq!(signed("x % -2"), [0, -1, 0, -1, -1]);
    assert_eq!(signed("x // -1"), of_x(i8::wrapping_neg));
    assert_eq!(signed("x // 0"), [0; 5]);
    assert_eq!(signed("x % 0"), [0; 5]);
    assert_eq!(signed("x ** 5"), of_x(|x| x.wrapping_pow(5)));
    assert_eq!(signed("x << 1"), of_x(|x| x.wrapping_mul(2)));
    assert_eq!([signed("x << 8"), signed("x >> 9")], [vec![0; 5], vec![-1, -1, 0, 0, 0]]);
    assert_eq!(signed("sign(x)"), of_x(i8::signum));
    assert_eq!(unsigned("-u"), of_u(u8::wrapping_neg));
    assert_eq!(unsigned("~u"), of_u(|u| !u));
    assert_eq!(unsigned("u - 1"), of_u(|u| u.wrapping_sub(1)));
    assert_eq!(unsigned("u ** u"), of_u(|u| u.wrapping_pow(u.into())));
    assert_eq!(unsigned("clip(u, -5, 300)"), of_u(|u| u));
    let exponents = array![2_i64, -3].into_dyn();
    let powers = bound("3 ** n", &[("n", AnySource::I64(&exponents))]).unwrap();
    let error = part::<i64>(&powers, &Window::whole(IxDyn(&[2]))).unwrap_err().to_string();
    assert_eq!(error, "3 ** n: element [1] is an integer to the power -3, which is no integer");
}

#[test]
fn integers_of_different_signs_are_compared_exactly() {
    let i = array![-1_i64, i64::MAX, 0].into_dyn();
    let u = array![u64::MAX, i64::MAX as u64 + 1, 0].into_dyn();
    let inputs = [("i", AnySource::I64(&i)), ("u", AnySource::U64(&u))];
    let logic = |text: &str| {
        let named = inputs.iter().filter(|(name, _)| text.contains(name)).copied();
        eval::<bool>(text, &named.collect::<Vec<_>>()).into_raw_vec_and_offset().0
    };
    assert_eq!(logic("i < u"), [true, true, false]);
    assert_eq!(logic("u <= i"), [false, false, true]);
    assert_eq!(logic("i == u"), [false, false, true]);
    assert_eq!(logic("u == 18446744073709551615"), [true, false, false]);
    assert_eq!(logic("u < 18446744073709551616"), [true; 3]);
    assert_eq!(logic("18446744073709551616 <= u"), [false; 3]);
    assert_eq!(logic("u > -1"), [true; 3]);
    assert_eq!(logic("i >= -9223372036854775809"), [true; 3]);
    assert_eq!(logic("i != 9223372036854775807"), [true, false, true]);
}

#[test]
fn results_are_cast_as_asked() {
    let x = array![1.9, -1.9, 300.5, f64::NAN].into_dyn();
    let inputs = [("x", AnySource::F64(&x))];
    let cast = |dtype, casting| bound("x", &inputs).unwrap().astype(dtype, casting).unwrap();
    let whole = |length: usize| Window::whole(IxDyn(&[length]));
    let bytes = cast(DType::I8, Casting::Checked);
    assert_eq!(part::<i8>(&bytes, &whole(2)).unwrap(), array![1_i8, -1].into_dyn());
    let error = part::<i8>(&bytes, &whole(3)).unwrap_err().to_string();
    assert_eq!(error, "element [2] is 300.5, which int8 cannot hold");
    let wrapped = cast(DType::I8, Casting::Unsafe);
    assert_eq!(part::<i8>(&wrapped, &whole(4)).unwrap(), array![1_i8, -1, 44, 0].into_dyn());
    let truth = cast(DType::Bool, Casting::Checked);
    assert_eq!(part::<bool>(&truth, &whole(4)).unwrap(), array![true, true, true, true].into_dyn());
    let error = part::<f32>(&truth, &whole(4)).unwrap_err().to_string();
    assert_eq!(error, "holds elements of type bool, but was opened as float32");
}

#[test]
fn inputs_are_broadcast_as_ndarray_does() {
    for order in ORDERS {
        let a = in_order(&floats(&[4, 1, 5], 1), order);
        let b = in_order(&floats(&[3, 1], 2), order);
        let c = floats(&[], 3);
        let inputs =
            [("a", AnySource::F64(&a)), ("b", AnySource::F64(&b)), ("c", AnySource::F64(&c))];
        let expected = (&a * &b.broadcast((4, 3, 5)).unwrap()) + *c.first().unwrap();
        assert_eq!(eval::<f64>("a * b + c", &inputs), expected);
        let sum = bound("a * b + c", &inputs).unwrap();
        let window = Window::new(IxDyn(&[1, 2, 1]), IxDyn(&[2, 1, 3]));
        let cut = expected.slice_each_axis(|axis| window.slice(axis.axis.index()));
        assert_eq!(part::<f64>(&sum, &window).unwrap(), cut);
    }
    let (empty, one) = (floats(&[0, 1], 1), floats(&[1, 3], 2));
    let inputs = [("x", AnySource::F64(&empty)), ("y", AnySource::F64(&one))];
    assert_eq!(eval::<f64>("x + y", &inputs).shape(), [0, 3]);
    assert_eq!(eval::<i64>("1 + 1", &[])[IxDyn(&[])], 2);
}

#[test]
fn windows_outside_and_tiles_of_other_shapes_are_refused() {
    let x = floats(&[3, 4], 1);
    let sum = bound("x + 1", &[("x", AnySource::F64(&x))]).unwrap();
    let window = Window::new(IxDyn(&[1, 2]), IxDyn(&[2, 3]));
    assert!(part::<f64>(&sum, &window).unwrap_err().to_string().contains("reaches outside"));
    let mut tile = floats(&[2, 2], 1);
    let window = Window::whole(IxDyn(&[2, 3]));
    let error = sum.read_tile(&window, tile.view_mut()).unwrap_err();
    assert!(error.to_string().contains("does not fit"), "{error}");
}

#[test]
fn reading_moves_the_bytes_that_are_promised() {
    for order in ORDERS {
        let a = Counting::new(in_order(&floats(&[150, 400], 1), order));
        let b = Counting::new(in_order(&floats(&[150, 400], 2).map(|&x| x > 0.0), order));
        let column = Counting::new(floats(&[150, 1], 3));
        let inputs =
            [("a", AnySource::F64(&a)), ("b", AnySource::Bool(&b)), ("c", AnySource::F64(&column))];
        let text = "where(b, a, c) + a*a";
        let source = bound(text, &inputs).unwrap();
        let total = || a.bytes().0 + b.bytes().0 + column.bytes().0;
        let windows = [
            ([0, 0], [150, 400]),
            ([3, 7], [140, 300]),
            ([149, 0], [1, 400]),
            ([5, 5], [1, 1]),
            ([2, 2], [0, 9]),
        ];
        for (origin, shape) in windows {
            let window = Window::new(IxDyn(&origin), IxDyn(&shape));
            let before = total();
            part::<f64>(&source, &window).unwrap();
            assert_eq!(total() - before, source.read_bytes(&window), "{window:?}");
        }
        let before = (a.bytes().0, b.bytes().0, total());
        let mut sink = in_order(&floats(&[150, 400], 4), order);
        let plan = store(&source).plan::<f64>(resources(300 << 10, 2)).unwrap();
        let report = plan.run(&source, &mut sink, Control::new()).unwrap();
        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
        assert_eq!(total() - before.2, plan.plan().bytes_read());
        let read = (a.bytes().0 - before.0, b.bytes().0 - before.1);
        assert_eq!(
            read,
            (150 * 400 * 8, 150 * 400),
            "an input is read once, however often it is used"
        );
    }
}

/// The most bytes that are asked of a source at a time.
struct Largest {
    inner: ArrayD<f64>,
    bytes: AtomicUsize,
}

impl Stored<IxDyn> for Largest {
    fn layout(&self) -> Layout<IxDyn> {
        self.inner.layout()
    }
}

impl Source<f64, IxDyn> for Largest {
    fn read_tile(
        &self,
        window: &Window<IxDyn>,
        tile: ArrayViewMutD<'_, f64>,
    ) -> outcore_storage::Result<()> {
        self.bytes.fetch_max(window.len() * 8, Ordering::Relaxed);
        self.inner.read_tile(window, tile)
    }
}

#[test]
fn what_is_staged_is_bounded() {
    let largest = || Largest { inner: floats(&[300, 1000], 1), bytes: AtomicUsize::new(0) };
    let (a, b) = (largest(), largest());
    let inputs = [("a", AnySource::F64(&a)), ("b", AnySource::F64(&b))];
    let source = bound("a*b + sin(a)", &inputs).unwrap();
    for (rows, columns) in [(1, 1), (1, 10), (1, 1000), (3, 1000), (300, 1000)] {
        for source in [&a, &b] {
            source.bytes.store(0, Ordering::Relaxed);
        }
        let window = Window::whole(IxDyn(&[rows, columns]));
        part::<f64>(&source, &window).unwrap();
        let staged = a.bytes.load(Ordering::Relaxed) + b.bytes.load(Ordering::Relaxed);
        // Besides these, registers hold values, and an input may hold as much again of what it reads.
        let allowed = (rows * columns * 16).min(STAGING_BYTES) * 2 / 3;
        assert!(staged <= allowed.max(16), "{staged} bytes of {window:?}");
        assert!(rows < 300 || staged > STAGING_BYTES / 4, "{staged} bytes are little");
    }
}

#[test]
fn results_are_the_same_for_every_budget_order_and_thread_count() {
    let (a, b) = (floats(&[70, 90], 1), floats(&[70, 90], 2).map(|&x| <f32 as Number>::of(x)));
    let text = "a*b + exp(a)/(b + 3) - where(a > b, a % 0.3, arctan2(a, b))";
    let bits = |array: &ArrayD<f64>| array.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let expected = {
        let inputs = [("a", AnySource::F64(&a)), ("b", AnySource::F32(&b))];
        bits(&eval::<f64>(text, &inputs))
    };
    for order in ORDERS {
        let (a, b) = (in_order(&a, order), in_order(&b, Order::C));
        let inputs = [("a", AnySource::F64(&a)), ("b", AnySource::F32(&b))];
        let source = bound(text, &inputs).unwrap();
        let request = store(&source);
        let least = needed(|bytes| request.plan::<f64>(resources(bytes, 1)));
        for (budget, threads) in [(least, 1), (40 << 10, 2), (300 << 10, 1), (1 << 30, 2)] {
            let mut sink = floats(&[70, 90], 9);
            let plan = request.plan::<f64>(resources(budget.max(least), threads)).unwrap();
            plan.run(&source, &mut sink, Control::new()).unwrap();
            assert_eq!(bits(&sink), expected, "{order} {budget}");
        }
    }
}

#[test]
fn the_order_is_that_of_most_inputs() {
    let c = floats(&[3, 4], 1);
    let f = in_order(&c, Order::F);
    let row = floats(&[4], 1);
    let (c, f, row) = (AnySource::F64(&c), AnySource::F64(&f), AnySource::F64(&row));
    let order = |text: &str, inputs: &Inputs<'_>| bound(text, inputs).unwrap().layout().order();
    assert_eq!(order("f+row+row", &[("f", f), ("row", row)]), Order::F);
    assert_eq!(order("f+c", &[("f", f), ("c", c)]), Order::C);
    assert_eq!(order("f+g+c", &[("f", f), ("g", f), ("c", c)]), Order::F);
}

#[test]
fn neither_depth_nor_length_exhausts_the_stack() {
    let many = 100_000;
    let x = array![1_i64].into_dyn();
    let inputs = [("x", AnySource::I64(&x))];
    for deep in ["(", "-", "~", "sin(", "x**", "(x+", "2**-", "where(x,"] {
        let text = deep.repeat(many);
        let error = Expression::parse(&text).unwrap_err().to_string();
        assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
    }
    assert_eq!(eval::<i64>(&format!("x{}", "+x".repeat(many)), &inputs)[0], 100_001);
    assert_eq!(eval::<i64>(&format!("{}x{}", "(".repeat(99), ")".repeat(99)), &inputs)[0], 1);
    let names: Vec<_> = (0..300).map(|number| format!("x{number}")).collect();
    let error = Expression::parse(&names.join("+")).unwrap_err().to_string();
    assert!(error.ends_with("\"x256\" is one name more than 256"), "{error}");
    // The result of each level waits for the next one in a register of its own.
    let wide = format!("{}x{}", "(x+".repeat(98), ")".repeat(98));
    assert_eq!(eval::<i64>(&wide, &inputs)[0], 99);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,60}") {
        let _ = Expression::parse(&text);
    }

    #[test]
    fn no_row_of_words_panics(
        words in prop::collection::vec(prop::sample::select(vec![
            "x", "y", "1", "2.5", "3j", "0", "-1", "170141183460469231731687303715884105727",
            "+", "-", "*", "/", "//", "%", "**", "<", "==", "&", "|", "^", "~", "<<", ">>", "(", ")",
            ",", "sin(", "where(", "clip(", "abs(", "minimum(", "True", "pi", "inf", "nan", "=",
        ]), 0..14),
        seed: u64,
    ) {
        let (x, y) = (array![1_i8, -1].into_dyn(), array![0.5_f32, f32::NAN].into_dyn());
        let all = [("x", AnySource::I8(&x)), ("y", AnySource::F32(&y))];
        let text = words.join(if scrambled(seed, 0).is_multiple_of(2) { " " } else { "" });
        if let Ok(source) = with_named(&text, &all) {
            // A checked cast refuses imaginary parts before anything is read.
            let casting =
                if source.dtype().is_complex() { Casting::Unsafe } else { Casting::Checked };
            let result = source.astype(DType::F64, casting).unwrap();
            let window = Window::whole(result.shape());
            let _ = part::<f64>(&result, &window);
        }
    }

    #[test]
    fn values_are_the_same_element_by_element(
        lengths in prop::collection::vec(1_usize..40, 0..4),
        fortran: bool,
    ) {
        let order = if fortran { Order::F } else { Order::C };
        let a = in_order(&floats(&lengths, 1), order);
        let mut once = lengths.clone();
        if let Some(length) = once.last_mut() {
            *length = 1;
        }
        let b = in_order(&floats(&once, 2), order);
        let found = eval::<f64>("a / b - a", &[("a", AnySource::F64(&a)), ("b", AnySource::F64(&b))]);
        let mut expected = ArrayD::zeros(IxDyn(&lengths).set_f(fortran));
        Zip::from(&mut expected).and(&a).and_broadcast(&b).for_each(|to, &a, &b| *to = a / b - a);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn complex_functions_keep_their_accuracy_and_their_branches() {
    let z: Vec<Complex<f64>> =
        (0..400).map(|index| Complex::new(3.0 * noise(1, index), 3.0 * noise(2, index))).collect();
    let z = Array::from(z).into_dyn();
    let inputs = [("z", AnySource::ComplexF64(&z))];
    // Each is undone by the other, on these arguments.
    let pairs = [
        "sqrt(z)**2",
        "exp(log(z))",
        "sin(arcsin(z))",
        "cos(arccos(z))",
        "tan(arctan(z))",
        "sinh(arcsinh(z))",
        "cosh(arccosh(z))",
        "tanh(arctanh(z))",
        "2**log2(z)",
        "10**log10(z)",
    ];
    for text in pairs {
        let found = eval::<Complex<f64>>(text, &inputs);
        for (found, z) in found.iter().zip(&z) {
            // Roundings of two functions, each magnified by its slope, which is below 10 here.
            assert!((found - z).norm() <= 40.0 * f64::EPSILON, "{text} of {z} is {found}");
        }
    }
    let cut = array![Complex::new(-2.0, 0.0), Complex::new(-2.0, -0.0)].into_dyn();
    let inputs = [("z", AnySource::ComplexF64(&cut))];
    let both = |text: &str| eval::<Complex<f64>>(text, &inputs).map(|z| z.im.is_sign_negative());
    for text in ["sqrt(z)", "log(z)", "arccosh(z)"] {
        assert_eq!(both(text).as_slice().unwrap(), [false, true], "{text}");
    }
    let axis = eval::<Complex<f64>>("arcsin(z)", &inputs);
    assert_eq!(axis.len_of(Axis(0)), 2);
    assert!(axis[0].im > 1.3 && axis[1].im < -1.3, "{axis}");
}
