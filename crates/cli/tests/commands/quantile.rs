//! `outcore quantile` finds what the library finds, and prints it with all digits or writes it.

use crate::support::{folder, run_line, snapshot, write, write_raw};
use half::f16;
use ndarray::{Array2, ArrayD, array};
use num_complex::Complex;
use outcore_storage::{ByteOrder, FileArray, Order};
use serde_json::json;
use std::path::Path;

/// Scattered integers, each once.
fn scattered(rows: usize, columns: usize) -> Array2<i32> {
    let len = rows * columns;
    let number = |(row, column)| i32::try_from((row * columns + column) * 7919 % len).unwrap();
    Array2::from_shape_fn((rows, columns), number)
}

fn file<T: outcore_storage::Element>(folder: &Path, name: &str) -> ArrayD<T> {
    FileArray::<T, ndarray::IxDyn>::open(folder.join(name)).unwrap().read().unwrap()
}

#[test]
fn quantiles_are_printed_with_all_digits() {
    let folder = folder().unwrap();
    let field = scattered(101, 99).map(|&x| f32::from(i16::try_from(x).unwrap()) / 7.0);
    write(&folder.path().join("in.npy"), &field, Order::F);
    for memory in ["64MiB", "100KiB"] {
        let line = format!("quantile in.npy 0.5 0 1 --memory {memory}");
        let ran = run_line(folder.path(), &format!("{line} --quiet")).ok();
        let (middle, last) = (4999.0_f32 / 7.0, 9998.0_f32 / 7.0);
        assert_eq!(ran.stdout, format!("0.5  {middle:?}\n0  0.0\n1  {last:?}\n"));
        assert_eq!(ran.stderr, "");
        let json = run_line(folder.path(), &format!("{line} --json")).ok().json();
        assert_eq!(json["result"][0], json!({ "quantile": 0.5, "value": 714.1429 }));
        assert_eq!(json["bytes_read"], json!(101 * 99 * 4 * json["passes"].as_u64().unwrap()));
    }
}

#[test]
fn every_type_keeps_its_own() {
    let folder = folder().unwrap();
    let path = folder.path().join("in.npy");
    let median = |method: &str| {
        let line = format!("quantile in.npy 0.5 --quiet --method {method}");
        let whole = run_line(folder.path(), &line).ok().stdout;
        run_line(folder.path(), &format!("{line} --axis 1 --output out.npy --force")).ok();
        whole.trim_end().replace("0.5  ", "")
    };
    write(&path, &array![[-128_i8, 127]], Order::C);
    assert_eq!(
        (median("lower").as_str(), file::<i8>(folder.path(), "out.npy")[[0]]),
        ("-128", -128)
    );
    assert_eq!(median("linear"), "-0.5");
    assert_eq!(file::<f64>(folder.path(), "out.npy"), array![-0.5].into_dyn());
    write(&path, &array![[u64::MAX, u64::MAX - 1]], Order::C);
    assert_eq!(median("higher"), u64::MAX.to_string());
    assert_eq!(file::<u64>(folder.path(), "out.npy")[[0]], u64::MAX);
    write(&path, &array![[false, true]], Order::C);
    assert_eq!(
        (median("higher").as_str(), file::<bool>(folder.path(), "out.npy")[[0]]),
        ("true", true)
    );
    assert_eq!(median("midpoint"), "0.5");
    write(&path, &array![[3_u32, u32::MAX]], Order::C);
    assert_eq!(median("higher"), u32::MAX.to_string());
    assert_eq!(file::<u32>(folder.path(), "out.npy")[[0]], u32::MAX);
    // 2049 has no half precision, and 2050 is its even neighbour's neighbour.
    write(&path, &array![[f16::from_f32(2048.0), f16::from_f32(2050.0)]], Order::C);
    assert_eq!(median("linear"), "2048.0");
    assert_eq!(file::<f16>(folder.path(), "out.npy")[[0]], f16::from_f32(2048.0));
    write(&path, &array![[1.0, f64::NAN]], Order::C);
    assert_eq!(median("linear"), "NaN");
    let json = run_line(folder.path(), "quantile in.npy 0.5 --json").ok().json();
    assert_eq!(json["result"][0]["value"], "NaN");
}

#[test]
fn quantiles_along_an_axis_are_printed_or_written() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &array![[3_i16, 1, 2], [9, 8, 7]], Order::C);
    let run = |rest: &str| run_line(folder.path(), &format!("quantile in.npy {rest} --quiet"));
    assert_eq!(run("0.5 --axis 1").ok().stdout, "[2.0, 8.0]\n");
    assert_eq!(run("0.5 --axis=-2 --method lower").ok().stdout, "[3, 1, 2]\n");
    let json = run("0 1 --axis 1 --method lower --json").ok().json();
    assert_eq!(json["result"], json!({ "axis": 1, "shape": [2, 2], "values": [1, 7, 3, 9] }));
    assert_eq!(run("0 1 --axis 1 --method lower --output out.npy").ok().stdout, "");
    assert_eq!(file::<i16>(folder.path(), "out.npy"), array![[1, 7], [3, 9]].into_dyn());
    run("0.5 --axis 0 --output one.npy").ok();
    assert_eq!(file::<f64>(folder.path(), "one.npy"), array![6.0, 4.5, 4.5].into_dyn());
}

#[test]
fn raw_files_are_read_in_their_byte_order() {
    let folder = folder().unwrap();
    let field = scattered(11, 9);
    write_raw(&folder.path().join("in.raw"), &field, 3, Order::C, ByteOrder::Big);
    let line = "quantile in.raw 1 --dtype >i4 --shape 11,9 --offset 3 --method higher --quiet";
    assert_eq!(run_line(folder.path(), line).ok().stdout, "1  98\n");
}

#[test]
fn a_dry_run_says_what_it_would_read() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &scattered(101, 99), Order::C);
    let before = snapshot(folder.path());
    let line = "quantile in.npy 0.5 --axis 0 --output out.npy --dry-run";
    let json = run_line(folder.path(), &format!("{line} --json")).ok().json();
    assert_eq!(
        (&json["bytes_read"], &json["bytes_written"]),
        (&json!(101 * 99 * 4), &json!(99 * 8))
    );
    // Small integers are wider in memory than where they are written.
    write(&folder.path().join("small.npy"), &Array2::<i8>::ones((101, 99)), Order::C);
    let line = "quantile small.npy 0.5 --axis 0 --method lower --output small-out.npy";
    let json = run_line(folder.path(), &format!("{line} --json --quiet")).ok().json();
    assert_eq!(json["bytes_written"], json!(99));
    std::fs::remove_file(folder.path().join("small.npy")).unwrap();
    std::fs::remove_file(folder.path().join("small-out.npy")).unwrap();
    let line = "quantile in.npy 0.5 --axis 0 --output out.npy --dry-run";
    assert!(run_line(folder.path(), line).ok().stdout.contains("lanes"));
    assert!(snapshot(folder.path()) == before);
}

#[test]
fn what_has_no_quantiles_is_one_line() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &scattered(101, 99), Order::C);
    write(&folder.path().join("c.npy"), &array![[Complex::new(1.0_f32, 2.0)]], Order::C);
    write(&folder.path().join("e.npy"), &Array2::<f32>::zeros((0, 3)), Order::C);
    let before = snapshot(folder.path());
    for (line, code, names) in [
        ("c.npy 0.5", 1, ["c.npy", "complex64"]),
        ("e.npy 0.5", 1, ["e.npy", "no elements"]),
        ("e.npy 0.5 --axis 0", 1, ["e.npy", "length 0"]),
        ("in.npy 0.5 --axis 2", 1, ["axis 2", "[101, 99]"]),
        ("in.npy 0.5 --axis=-3", 1, ["axis -3", "[101, 99]"]),
        ("in.npy 0.5 --memory 1kB", 1, ["in.npy", "(1000 bytes)"]),
        ("in.npy 0.5 0.1 .2 .3 .4 .6 .7 .8 .9 .15 .25 --axis 0", 1, ["1089", "--output"]),
        ("in.npy 0.5 --axis 0 --output in.npy --force", 1, ["in.npy", "input"]),
        ("in.npy 1.5", 2, ["1.5", "from 0 to 1"]),
        ("in.npy", 2, ["<Q>", "required"]),
        ("in.npy 0.5 --method median", 2, ["median", "midpoint"]),
        ("in.npy 0.5 --output out.npy", 2, ["--axis", "required"]),
    ] {
        let ran = run_line(folder.path(), &format!("quantile {line}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{line}: {ran:?}");
        assert!(code == 2 || ran.stderr.trim_end().lines().count() == 1, "{ran:?}");
        assert!(names.iter().all(|name| ran.stderr.contains(name)), "{line}: {ran:?}");
    }
    assert!(snapshot(folder.path()) == before);
}
