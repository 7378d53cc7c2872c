//! `outcore stats` tells what an array holds, in lines for people and in one object for programs.

use crate::support::{folder, run_line, write};
use ndarray::{Array2, array};
use num_complex::Complex;
use outcore_storage::Order;
use serde_json::json;

#[test]
fn every_number_has_a_line_and_a_key() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &array![[0.5_f32, 2.0], [f32::NAN, 0.0]], Order::F);
    let ran = run_line(folder.path(), "stats in.npy --quiet").ok();
    let facts = [("count", "3"), ("nan", "1"), ("infinite", "0"), ("zeros", "1"), ("min", "0.0")];
    for (name, value) in facts.into_iter().chain([("max", "2.0"), ("sum", "2.5")]) {
        let line = format!("{name:10}  {value}");
        assert!(ran.stdout.lines().any(|found| found == line), "{line}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains('█') && ran.stderr.is_empty(), "{ran:?}");
    let json = run_line(folder.path(), "stats in.npy --json").ok().json();
    let result = &json["result"];
    assert_eq!((&result["max"], &result["zeros"]), (&json!(2.0), &json!(1)));
    assert_eq!((&json["passes"], &json["bytes_read"]), (&json!(1), &json!(16)));
    let counts = result["histogram"]["counts"].as_array().unwrap();
    assert_eq!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 3);
}

#[test]
fn integers_are_added_without_rounding() {
    let folder = folder().unwrap();
    let path = folder.path().join("in.npy");
    let result = || run_line(folder.path(), "stats in.npy --json").ok().json()["result"].clone();
    write(&path, &array![[u64::MAX, u64::MAX - 4]], Order::C);
    assert_eq!(result()["sum"], "36893488147419103226");
    assert_eq!(result()["min"], json!(u64::MAX - 4));
    write(&path, &array![[true, true, false]], Order::C);
    assert_eq!((&result()["sum"], &result()["min"]), (&json!(2), &json!(false)));
    write(&path, &Array2::<i16>::zeros((0, 3)), Order::C);
    assert_eq!((&result()["count"], &result()["max"]), (&json!(0), &json!(null)));
}

#[test]
fn what_has_no_statistics_is_one_line() {
    let folder = folder().unwrap();
    write(&folder.path().join("c.npy"), &array![[Complex::new(1.0_f32, 2.0)]], Order::C);
    write(&folder.path().join("in.npy"), &Array2::<i16>::zeros((100, 300)), Order::C);
    for (line, names) in
        [("c.npy", ["c.npy", "complex64"]), ("in.npy --memory 9kB", ["in.npy", "(9000 bytes)"])]
    {
        let ran = run_line(folder.path(), &format!("stats {line} --quiet"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{line}: {ran:?}");
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{ran:?}");
        assert!(names.iter().all(|name| ran.stderr.contains(name)), "{line}: {ran:?}");
    }
}
