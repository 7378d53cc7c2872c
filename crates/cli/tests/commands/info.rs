//! `outcore info` tells what a file holds, to people and to programs.

use crate::support::{field, folder, header, run_line, write_as, write_raw};
use ndarray::Array2;
use num_complex::Complex;
use outcore_storage::npy::Version;
use outcore_storage::{ByteOrder, Options, Order};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn info(folder: &Path, arguments: &str) -> Value {
    run_line(folder, &format!("info {arguments} --json")).ok().json()
}

#[test]
fn every_key_has_the_value_of_the_file() {
    let folder = folder().unwrap();
    let path = folder.path().join("a.npy");
    let versions = [(Version::V1, "1.0"), (Version::V2, "2.0"), (Version::V3, "3.0")];
    for (version, version_name) in versions {
        for order in [Order::C, Order::F] {
            for byte_order in [ByteOrder::Little, ByteOrder::Big] {
                let options = Options::new().version(version).order(order).byte_order(byte_order);
                write_as(&path, &field((30, 7)), &options);
                let expected = json!({
                    "path": path.to_string_lossy(),
                    "format": "npy",
                    "version": version_name,
                    "dtype": "complex64",
                    "byte_order": byte_order.to_string(),
                    "shape": [30, 7],
                    "order": order.to_string(),
                    "offset": fs::metadata(&path).unwrap().len() - 30 * 7 * 8,
                    "data_bytes": 30 * 7 * 8,
                });
                assert_eq!(info(folder.path(), "a.npy"), expected);
            }
        }
    }
}

#[test]
fn single_bytes_have_no_byte_order() {
    let folder = folder().unwrap();
    write_as(&folder.path().join("b.npy"), &Array2::from_elem((2, 2), true), &Options::new());
    let found = info(folder.path(), "b.npy");
    assert_eq!((&found["dtype"], &found["byte_order"]), (&json!("bool"), &json!("none")));
}

#[test]
fn any_number_of_axes_is_shown() {
    let folder = folder().unwrap();
    for (shape, expected) in
        [("()", json!([])), ("(5,)", json!([5])), ("(0, 3, 2)", json!([0, 3, 2]))]
    {
        let dictionary = crate::support::dictionary("'<i2'", shape);
        let bytes = [header(&dictionary), vec![0; 10]].concat();
        fs::write(folder.path().join("n.npy"), bytes).unwrap();
        let found = info(folder.path(), "n.npy");
        assert_eq!((&found["shape"], &found["dtype"]), (&expected, &json!("int16")));
        let text = run_line(folder.path(), "info n.npy").ok().stdout;
        assert!(
            text.contains(&format!("shape       {}", expected.to_string().replace(',', ", "))),
            "{text}"
        );
    }
}

#[test]
fn raw_files_are_what_the_options_say() {
    let folder = folder().unwrap();
    let path = folder.path().join("r.bin");
    let numbers = field((6, 5)).map(|x: &Complex<f32>| f64::from(x.re));
    write_raw(&path, &numbers, 13, Order::F, ByteOrder::Big);
    let expected = json!({
        "path": path.to_string_lossy(),
        "format": "raw",
        "version": null,
        "dtype": "float64",
        "byte_order": "big",
        "shape": [6, 5],
        "order": "F",
        "offset": 13,
        "data_bytes": 240,
    });
    let options = "r.bin --shape 6,5 --offset 13 --order F";
    assert_eq!(info(folder.path(), &format!("{options} --dtype >f8")), expected);
    assert_eq!(
        info(folder.path(), &format!("{options} --dtype float64 --byte-order big")),
        expected
    );
    let flat = info(folder.path(), "r.bin --dtype f8 --offset 13");
    assert_eq!((&flat["shape"], &flat["data_bytes"]), (&json!([30]), &json!(240)));
}

#[test]
fn the_text_has_a_line_for_each_fact() {
    let folder = folder().unwrap();
    let path = folder.path().join("t.npy");
    write_as(&path, &field((100, 200)), &Options::new().order(Order::F));
    let ran = run_line(folder.path(), "info t.npy").ok();
    assert_eq!(ran.stderr, "");
    let path = path.display().to_string();
    let facts = [
        ("path", path.as_str()),
        ("format", "npy 1.0"),
        ("dtype", "complex64"),
        ("byte order", "little"),
        ("shape", "[100, 200]"),
        ("order", "F"),
        ("offset", "128"),
        ("bytes", "160000 (156.2 KiB)"),
        ("memory", "fits the default budget"),
    ];
    for (name, value) in facts {
        let line = format!("{name:10}  {value}");
        assert!(ran.stdout.lines().any(|found| found.starts_with(&line)), "{line}: {}", ran.stdout);
    }
    let modified = ran.stdout.lines().find(|line| line.starts_with("modified")).unwrap();
    assert!(modified.ends_with(" UTC") && modified.contains(" 20"), "{modified}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let folder = folder().unwrap();
    for (line, word) in [("--help", "fft2"), ("fft2 --help", "--memory"), ("--version", "outcore ")]
    {
        let ran = run_line(folder.path(), line).ok();
        assert!(ran.stdout.contains(word) && ran.stderr.is_empty(), "{ran:?}");
    }
}
