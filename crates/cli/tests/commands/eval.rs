//! `outcore eval` computes what its expression says, and refuses what it cannot in one line.

use crate::support::{Ran, field, folder, read, run, run_line, snapshot, write};
use ndarray::{Array2, ArrayD, IxDyn, array};
use num_complex::Complex;
use outcore_storage::{Element, FileArray, FileArrayMut, FileInfo, Options, Order, Window};
use std::path::Path;

/// A folder with two arrays of one shape, `a.npy` and `b.npy`, and one row, `row.npy`.
fn with_inputs(order: Order) -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("a.npy"), &a(), order);
    write(&folder.path().join("b.npy"), &b(), order);
    write(
        &folder.path().join("row.npy"),
        &b().row(0).to_owned().insert_axis(ndarray::Axis(0)),
        order,
    );
    folder
}

const SHAPE: (usize, usize) = (61, 97);

fn a() -> Array2<f32> {
    field(SHAPE).map(|z| z.re)
}

fn b() -> Array2<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "they are below 10000")]
    field(SHAPE).map(|z| (20_000.0 * z.im) as i16)
}

fn eval(folder: &Path, expression: &str, rest: &str) -> Ran {
    let line = format!("--output out.npy --quiet {rest}");
    run(folder, ["eval", expression].into_iter().chain(line.split_whitespace()))
}

fn output<T: Element>(folder: &Path) -> Array2<T> {
    read(&folder.join("out.npy"))
}

#[test]
fn the_result_is_that_of_the_expression_for_any_budget_and_order() {
    for order in [Order::C, Order::F] {
        let folder = with_inputs(order);
        let expected = ndarray::Zip::from(&a())
            .and(&b())
            .map_collect(|&a, &b| a * f32::from(b) + a.abs().sqrt() / 2.0);
        for memory in ["64MiB", "400kB"] {
            let rest = format!("a=a.npy b=b.npy --force --memory {memory}");
            let ran = eval(folder.path(), "a*b + sqrt(abs(a))/2", &rest).ok();
            assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
            assert_eq!(output::<f32>(folder.path()), expected, "{memory}");
        }
        assert_eq!(FileInfo::of_npy(folder.path().join("out.npy")).unwrap().order, order);
    }
}

#[test]
fn inputs_are_broadcast() {
    let folder = with_inputs(Order::C);
    eval(folder.path(), "b - row", "b=b.npy row=row.npy").ok();
    let expected = &b() - &b().row(0);
    assert_eq!(output::<i16>(folder.path()), expected);
}

#[test]
fn arrays_of_any_number_of_axes_are_evaluated() {
    let folder = folder().unwrap();
    let save = |name: &str, array: ArrayD<f64>| {
        let path = folder.path().join(name);
        let mut file: FileArrayMut<f64, IxDyn> =
            Options::new().create(path, array.raw_dim()).unwrap();
        file.write_window(Window::whole(array.raw_dim()), &array).unwrap();
        file.close().unwrap();
    };
    let shapes: [&[usize]; 4] = [&[], &[5], &[0, 3], &[2, 1, 3, 2]];
    for shape in shapes {
        save("x.npy", ArrayD::from_elem(IxDyn(shape), 2.0));
        eval(folder.path(), "x**2 + 1", "x=x.npy --force").ok();
        let found: ArrayD<f64> =
            FileArray::<f64, IxDyn>::open(folder.path().join("out.npy")).unwrap().read().unwrap();
        assert_eq!(found, ArrayD::from_elem(IxDyn(shape), 5.0));
    }
}

#[test]
fn an_input_may_have_the_name_of_a_constant() {
    let folder = folder().unwrap();
    write(&folder.path().join("e.npy"), &array![[1_u8, 2]], Order::C);
    eval(folder.path(), "e + 1", "e=e.npy").ok();
    assert_eq!(output::<u8>(folder.path()), array![[2, 3]]);
}

#[test]
fn an_expression_may_begin_with_a_sign() {
    let folder = folder().unwrap();
    write(&folder.path().join("x.npy"), &array![[1_i8, 2]], Order::C);
    eval(folder.path(), "-x", "x=x.npy").ok();
    assert_eq!(output::<i8>(folder.path()), array![[-1, -2]]);
}

#[test]
fn the_type_of_the_output_can_be_chosen() {
    let folder = folder().unwrap();
    write(&folder.path().join("x.npy"), &array![[1.5, -2.5], [300.0, f64::NAN]], Order::C);
    let ran = eval(folder.path(), "x*1", "x=x.npy --dtype u1");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "outcore: element [0, 1] is -2.5, which uint8 cannot hold\n");
    assert_eq!(snapshot(folder.path()).len(), 1, "nothing is left of the output");
    eval(folder.path(), "x*1", "x=x.npy --dtype i1 --cast unsafe").ok();
    assert_eq!(output::<i8>(folder.path()), array![[1, -2], [44, 0]]);
    eval(folder.path(), "x*1j", "x=x.npy --dtype c8 --force").ok();
    let imaginary = output::<Complex<f32>>(folder.path())[[0, 0]];
    assert_eq!(imaginary, Complex::new(0.0, 1.5));
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let folder = with_inputs(Order::C);
    let before = snapshot(folder.path());
    let line = "a=a.npy b=b.npy --dry-run --json";
    let json = eval(folder.path(), "a*b", line).ok().json();
    let elements = (SHAPE.0 * SHAPE.1) as u64;
    assert_eq!(json["command"], "eval");
    assert_eq!(json["bytes_read"], elements * 6);
    assert_eq!(json["bytes_written"], elements * 4);
    assert_eq!((&json["passes"], &json["dry_run"]), (&1.into(), &true.into()));
    assert_eq!(snapshot(folder.path()), before);
    let done = eval(folder.path(), "a*b", "a=a.npy b=b.npy --json").ok().json();
    assert_eq!(done["bytes_read"], json["bytes_read"]);
    assert_eq!(done["bytes_written"], json["bytes_written"]);
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_one_line() {
    let folder = with_inputs(Order::C);
    write(&folder.path().join("short.npy"), &array![[1.0, 2.0]], Order::C);
    let before = snapshot(folder.path());
    let cases = [
        ("a +* b", "a=a.npy b=b.npy", "at column 4: \"*\" is unexpected; expected a value"),
        ("a + c", "a=a.npy", "the name \"c\" has no input"),
        ("a", "a=a.npy b=b.npy", "the expression has no name \"b\", but an input has"),
        ("a", "a=a.npy a=b.npy", "the name \"a\" has two inputs"),
        ("1 + 1", "", "1 + 1: has no input, such as a=field.npy, to give its shape"),
        (
            "a + s",
            "a=a.npy s=short.npy",
            "s of shape [1, 2] cannot be broadcast with a of shape [61, 97]",
        ),
        ("b + 40000", "b=b.npy", "at column 3: 40000 is outside int16, -32768 to 32767"),
        ("a & b", "a=a.npy b=b.npy", "at column 3: bits are not defined for float32 and int16"),
    ];
    for (expression, inputs, message) in cases {
        let ran = eval(folder.path(), expression, inputs);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), &*format!("outcore: {message}\n")));
    }
    let ran = run_line(folder.path(), "eval a a=a.npy --output a.npy --force");
    assert_eq!(ran.stderr, "outcore: a.npy: is the input; an output must be another file\n");
    std::fs::write(folder.path().join("raw"), [1; 64]).unwrap();
    let ran = eval(folder.path(), "a", "a=raw");
    assert!(ran.code == Some(1) && ran.stderr.contains("`outcore convert`"), "{ran:?}");
    std::fs::remove_file(folder.path().join("raw")).unwrap();
    let ran = eval(folder.path(), "a", "nonsense");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(snapshot(folder.path()), before);
    eval(folder.path(), "a", "a=a.npy").ok();
    assert_eq!(eval(folder.path(), "a", "a=a.npy").code, Some(1), "the output exists");
    let ran = eval(folder.path(), "a", "a=a.npy --force --memory 1B");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("needs at least"), "{}", ran.stderr);
}
