//! Wrong usage has exit code 2, names the option, and does nothing.

use crate::support::{field, folder, run_line, snapshot, write};
use outcore_storage::Order;
use std::fs;
use std::path::Path;

/// Runs what must be refused as wrong usage.
fn wrong_usage(folder: &Path, line: &str, names: &[&str]) {
    let before = snapshot(folder);
    let ran = run_line(folder, line);
    assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
    assert!(ran.stderr.starts_with("error: "), "{line}: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
    for name in names {
        assert!(ran.stderr.contains(name), "{line}: no {name:?} in {}", ran.stderr);
    }
    assert!(snapshot(folder) == before, "{line}: the folder has changed");
}

#[test]
fn wrong_usage_has_a_code_of_its_own() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((60, 80)), Order::C);
    let command = "fft2 in.npy out.npy";
    let wrong = |options: &str, names: &[&str]| {
        wrong_usage(folder.path(), &format!("{command} {options}"), names);
    };
    wrong("--memory 4parsecs", &["4parsecs", "--memory"]);
    wrong("--memory 0", &["--memory"]);
    wrong("--memory -5MiB", &[]);
    wrong("--memory 99999999TiB", &["--memory"]);
    wrong("--threads 0", &["--threads"]);
    wrong("--threads many", &["--threads", "many"]);
    wrong("--threads 100000", &["--threads", "1024"]);
    wrong("--threads 18446744073709551616", &["--threads"]);
    for tile in ["5", "0,5", "5,0", "5,5,5", "a,b", "5,-5", ",", "18446744073709551616,1"] {
        wrong(&format!("--tile={tile}"), &["--tile"]);
    }
    wrong("--norm fifth", &["--norm", "fifth", "ortho"]);
    wrong("--shape 60,80", &["--dtype"]);
    wrong("--offset 3", &["--dtype"]);
    wrong("--order F", &["--dtype"]);
    wrong("--byte-order big", &["--dtype"]);
    wrong("--dtype f5 --shape 2,2", &["f5", "f4"]);
    wrong("--dtype f4 --shape 2,x", &["--shape"]);
    wrong("--dtype f4 --shape 2,2 --order Z", &["--order"]);
    wrong("--dtype f4 --shape 2,2 --byte-order middle", &["--byte-order"]);
    wrong("--dtype f4 --shape 2,2 --offset -1", &[]);
    wrong("more.npy", &["more.npy"]);
    wrong("--no-such-option", &["--no-such-option"]);
    wrong_usage(folder.path(), "fft2 in.npy", &["OUTPUT"]);
    wrong_usage(folder.path(), "info", &["FILE"]);
    wrong_usage(folder.path(), "fft3 in.npy out.npy", &["fft3"]);
    let nothing = run_line(folder.path(), "");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    assert!(nothing.stderr.contains("fft2"), "{nothing:?}");
}

#[test]
fn a_reader_that_goes_away_is_an_error_and_no_panic() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((60, 80)), Order::C);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output =
        crate::support::outcore(folder.path()).args(["info", "in.npy"]).stdout(full).output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("standard output") && !stderr.contains("panicked"), "{stderr}");
}
