//! `outcore disk` measures every cell of its tables, says where it could not, and leaves nothing. No
//! test asserts a speed.

use crate::support::{Ran, folder, outcore, run_line, skipped, snapshot};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

fn measure(folder: &Path) -> Value {
    let ran = run_line(folder, "disk --size 8MiB --json").ok();
    assert!(ran.stderr.contains("copy past the page cache"), "{ran:?}");
    assert!(snapshot(folder).is_empty(), "something is left in {}", folder.display());
    ran.json()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} of {object}"))
}

/// Checks the rate of a row or cell; answers whether it was measured.
fn is_measured(cell: &Value) -> bool {
    let numbers = ["bytes", "seconds", "bytes_per_second"];
    if cell["refused"] == json!(true) {
        assert!(numbers.iter().all(|key| cell[key].is_null()), "{cell}");
        return false;
    }
    assert!(numbers.iter().all(|key| cell[key].as_f64().unwrap() > 0.0), "{cell}");
    true
}

#[test]
fn every_row_and_cell_has_a_rate_or_was_refused() {
    let folder = folder().unwrap();
    let found = measure(folder.path());
    let names = [
        "command",
        "floor_copy",
        "floor_copy_bytes_per_second",
        "folder",
        "runs",
        "seconds",
        "sequential",
        "size_bytes",
    ];
    assert_eq!(BTreeSet::from_iter(keys(&found)), BTreeSet::from(names));
    let path = folder.path().canonicalize().unwrap();
    let path = json!(path.to_string_lossy());
    assert_eq!((&found["command"], &found["folder"]), (&json!("disk"), &path));
    assert_eq!(number(&found, "size_bytes"), 8 * MIB);
    let rows = found["sequential"].as_array().unwrap();
    let ways: Vec<_> = rows.iter().map(|row| (&row["transfer"], &row["page_cache"])).collect();
    let [read, write, copy] = ["read", "write", "copy"].map(|name| json!(name));
    let [through, past] = [true, false].map(|cached| json!(cached));
    let expected = [&through, &past].map(|way| [&read, &write, &copy].map(|name| (name, way)));
    assert_eq!(ways, expected.concat());
    for row in rows.iter().filter(|row| is_measured(row)) {
        assert_eq!(number(row, "bytes"), 8 * MIB);
        assert!(number(row, "block_bytes") >= MIB && number(row, "threads") >= 1, "{row}");
    }
    let cells = found["runs"].as_array().unwrap();
    assert!(cells.len() > 20, "{cells:?}");
    for cell in cells.iter().filter(|cell| is_measured(cell)) {
        let [run, row, depth] = ["run_bytes", "row_bytes", "depth"].map(|key| number(cell, key));
        assert!(row >= 2 * run && depth * row <= 8 * MIB, "{cell}");
        assert!(number(cell, "bytes").is_multiple_of(run), "{cell}");
        assert!(depth.is_multiple_of(number(cell, "threads")), "{cell}");
    }
    let transfers = |name: &str| cells.iter().filter(|cell| cell["transfer"] == name).count();
    assert_eq!(transfers("read"), transfers("write"));
}

#[test]
fn the_floor_is_the_fastest_copy() {
    let folder = folder().unwrap();
    let found = measure(folder.path());
    let rows = found["sequential"].as_array().unwrap();
    let copies = rows.iter().filter(|row| row["transfer"] == "copy");
    let fastest = copies.filter_map(|row| row["bytes_per_second"].as_u64()).max();
    assert_eq!(found["floor_copy_bytes_per_second"].as_u64(), fastest);
    assert_eq!(found["floor_copy"]["bytes_per_second"].as_u64(), fastest);
}

#[test]
fn tables_are_for_people_and_progress_can_be_left_out() {
    let folder = folder().unwrap();
    let ran = run_line(folder.path(), "disk . --size 9.5MiB --quiet").ok();
    assert_eq!(ran.stderr, "");
    let texts =
        ["9.0 MiB, in MiB/s", "page cache", "read", "write", "copy", "The floor: copies 9.0"];
    for text in [&texts[..], &["depth", "4 KiB", "256 KiB", "4 MiB"]].concat() {
        assert!(ran.stdout.contains(text), "no {text:?} in {}", ran.stdout);
    }
    assert!(snapshot(folder.path()).is_empty());
}

#[test]
fn memory_that_poses_as_a_disk_is_refused_past_the_page_cache() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return skipped("memory_that_poses_as_a_disk", "there is no /dev/shm to write to");
    };
    let found = measure(folder.path());
    for row in found["sequential"].as_array().unwrap() {
        assert_eq!(is_measured(row), row["page_cache"] == json!(true), "{row}");
    }
    assert!(!found["runs"].as_array().unwrap().iter().any(is_measured));
    assert!(number(&found, "floor_copy_bytes_per_second") > 0);
    let text = run_line(folder.path(), "disk --size 8MiB -q").ok().stdout;
    assert!(text.matches("refused").count() > 20, "{text}");
}

/// Runs what must fail, without a trace.
fn fails(folder: &Path, line: &str, code: i32, names: &[&str]) -> Ran {
    let before = snapshot(folder);
    let ran = run_line(folder, line);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{line}: {ran:?}");
    for name in names {
        assert!(ran.stderr.contains(name), "{line}: no {name:?} in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
    assert!(snapshot(folder) == before, "{line}: the folder has changed");
    ran
}

#[test]
fn what_is_no_folder_with_room_is_refused_in_one_line() {
    let folder = folder().unwrap();
    fs::write(folder.path().join("file"), "not a folder").unwrap();
    let fails = |line: &str, names: &[&str]| {
        let ran = fails(folder.path(), line, 1, names);
        assert_eq!(ran.stderr.lines().count(), 1, "{line}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("outcore: "), "{line}: {}", ran.stderr);
    };
    fails("disk missing", &["missing", "No such file"]);
    fails("disk file", &["file", "is no folder"]);
    let twice = (2_u64 << 50).to_string();
    fails("disk --size 1024TiB", &[&twice, "bytes free"]);
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o500)).unwrap();
    if fs::write(locked.join("file"), "").is_ok() {
        return skipped("what_is_no_folder_with_room", "root may write to any folder");
    }
    fails("disk locked --size 8MiB", &["locked", "denied"]);
}

#[test]
fn wrong_sizes_are_wrong_usage_and_name_the_least() {
    let folder = folder().unwrap();
    for size in ["0", "1", "8191KiB"] {
        fails(folder.path(), &format!("disk --size {size}"), 2, &["--size", size]);
    }
    fails(folder.path(), "disk --size 8191KiB", 2, &["8 MiB"]);
    fails(folder.path(), "disk --size 4parsecs", 2, &["4parsecs"]);
    fails(folder.path(), "disk one two", 2, &["two"]);
}

#[test]
fn killing_it_leaves_nothing() {
    let folder = folder().unwrap();
    let mut command = outcore(folder.path());
    let command = command.args(["disk", "--size", "64MiB", "--quiet"]).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Until it has its files, or for a second.
    let fds = format!("/proc/{}/fd", child.id());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        let files = fs::read_dir(&fds).into_iter().flatten().flatten();
        let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        if targets.filter(|path| path.starts_with(folder.path())).count() >= 2 {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(snapshot(folder.path()).is_empty());
}
