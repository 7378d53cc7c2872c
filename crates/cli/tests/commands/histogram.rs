//! `outcore histogram` prints edges, counts and bars, and draws them.

use crate::support::{folder, run_line, write};
use ndarray::{Array2, array};
use num_complex::Complex;
use outcore_storage::Order;
use serde_json::json;
use std::fs;

#[test]
fn edges_counts_and_bars_are_printed() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &array![[0_u8, 1, 1], [3, 4, 1]], Order::C);
    let ran = run_line(folder.path(), "histogram in.npy --bins 2 --quiet").ok();
    let expected =
        format!("[0.0, 2.0)  4  {}\n[2.0, 4.0]  2  {}\n", "█".repeat(40), "█".repeat(20));
    assert_eq!((ran.stdout, ran.stderr), (expected, String::new()));
    let line = "histogram in.npy --bins 2 --json --range -1,3";
    let json = run_line(folder.path(), line).ok().json();
    assert_eq!(json["result"], json!({ "edges": [-1.0, 1.0, 3.0], "counts": [1, 4] }));
    assert_eq!((&json["bytes_read"], &json["passes"]), (&json!(6), &json!(1)));
    let json = run_line(folder.path(), "histogram in.npy --json --dry-run").ok().json();
    assert_eq!((&json["bytes_read"], &json["passes"]), (&json!(12), &json!(2)));
}

#[test]
fn every_real_type_is_counted() {
    let folder = folder().unwrap();
    let path = folder.path().join("in.npy");
    let counts = || run_line(folder.path(), "histogram in.npy --bins 3 --json").ok().json();
    write(&path, &array![[true, false, true]], Order::C);
    assert_eq!(counts()["result"]["counts"], json!([1, 0, 2]));
    write(&path, &array![[i8::MIN, 0, i8::MAX]], Order::C);
    assert_eq!(counts()["result"]["counts"], json!([1, 1, 1]));
    write(&path, &array![[0, u64::MAX / 2, u64::MAX]], Order::F);
    assert_eq!(counts()["result"]["counts"], json!([1, 1, 1]));
    write(&path, &array![[1.0_f32], [1.5], [2.0], [4.0]], Order::F);
    assert_eq!(counts()["result"], json!({ "edges": [1.0, 2.0, 3.0, 4.0], "counts": [2, 1, 1] }));
    write(&path, &Array2::<f64>::zeros((0, 2)), Order::C);
    assert_eq!(counts()["result"]["counts"], json!([0, 0, 0]));
}

#[test]
fn a_picture_is_written_where_it_is_asked_for() {
    let folder = folder().unwrap();
    let field = Array2::from_shape_fn((40, 50), |(row, column)| {
        f32::from(u16::try_from(row * column).unwrap())
    });
    write(&folder.path().join("in.npy"), &field, Order::C);
    run_line(folder.path(), "histogram in.npy --bins 30 --png h.png --quiet").ok();
    let png = fs::read(folder.path().join("h.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 1000);
    let ran = run_line(folder.path(), "histogram in.npy --png no/such/folder.png --quiet");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no/such/folder.png"), "{ran:?}");
    // What was counted is told all the same.
    assert!(!ran.stdout.is_empty());
    let before = fs::read(folder.path().join("in.npy")).unwrap();
    let ran = run_line(folder.path(), "histogram in.npy --png in.npy --quiet");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(fs::read(folder.path().join("in.npy")).unwrap() == before);
}

#[test]
fn what_has_no_bins_is_one_line() {
    let folder = folder().unwrap();
    write(&folder.path().join("c.npy"), &array![[Complex::new(1.0_f64, 2.0)]], Order::C);
    write(&folder.path().join("n.npy"), &array![[1.0_f32, f32::NAN]], Order::C);
    write(&folder.path().join("i.npy"), &array![[1.0_f32, f32::INFINITY]], Order::C);
    for (line, code, names) in [
        ("c.npy", 1, ["c.npy", "complex128"]),
        ("n.npy", 1, ["[1, 2]", "NaN"]),
        ("i.npy", 1, ["inf", "finite"]),
        ("n.npy --range 1,1.0000001 --bins 9", 1, ["n.npy", "9 bins"]),
        ("n.npy --bins 1000000000 --memory 1MiB", 1, ["1000000000 bins", "(1048576 bytes)"]),
        ("n.npy --bins 0", 2, ["--bins", "1 or more"]),
        ("n.npy --range 2,1", 2, ["--range", "in order"]),
        ("n.npy --range 1", 2, ["--range", "two numbers"]),
        ("n.npy --range 0,inf", 2, ["--range", "0,inf"]),
    ] {
        let ran = run_line(folder.path(), &format!("histogram {line} --quiet"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{line}: {ran:?}");
        assert!(code == 2 || ran.stderr.trim_end().lines().count() == 1, "{ran:?}");
        assert!(names.iter().all(|name| ran.stderr.contains(name)), "{line}: {ran:?}");
    }
    let ran = run_line(folder.path(), "histogram n.npy --range 0,2 --bins 1 --json").ok();
    assert_eq!(ran.json()["result"]["counts"], json!([1]));
}
