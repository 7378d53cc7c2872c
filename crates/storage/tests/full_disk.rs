//! A full disk is an error with both numbers, at creation where space is reserved, and never a
//! signal. The disk is one of a megabyte, in memory, that only a child of this test can see; alone
//! in its file, because a process that is being started holds copies of all locks for a moment.

mod support;

use ndarray::{Array1, Ix1};
use outcore_storage::{FileArray, FileArrayMut, MappedArrayMut, Options, Output};
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, exit};
use support::{folder, refused, skipped};

const TEST: &str = "a_full_disk_is_an_error";
const FOLDER: &str = "OUTCORE_TEST_FULL_DISK";
const DONE: &str = "every case of a full disk has passed";
/// The exit code of a child that may not mount the disk.
const NOT_MOUNTED: i32 = 77;
const DISK: usize = 1 << 20;

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

fn names_both_numbers(message: &str) {
    let needed = (128 + 2 * DISK).to_string();
    assert!(message.contains(&needed) && message.contains(&DISK.to_string()), "{message}");
}

fn creating_too_much_is_refused_and_leaves_no_file(disk: &Path) {
    let path = disk.join("array.npy");
    names_both_numbers(&refused!(Output::<u8, _>::create(&path, 2 * DISK), DiskFull { .. }));
    assert!(is_empty(disk));
    names_both_numbers(&refused!(FileArrayMut::<u8, _>::create(&path, 2 * DISK), DiskFull { .. }));
    assert!(is_empty(disk));
    refused!(FileArrayMut::<u8, _>::scratch(disk, 2 * DISK), DiskFull { .. });
    refused!(MappedArrayMut::<u8, _>::scratch(disk, 2 * DISK), DiskFull { .. });
    assert!(is_empty(disk));
}

fn old_contents_are_kept_when_new_ones_do_not_fit(disk: &Path) {
    let path = disk.join("array.npy");
    fs::write(&path, "old").unwrap();
    refused!(FileArrayMut::<u8, _>::create(&path, 2 * DISK), DiskFull { .. });
    assert_eq!(fs::read(&path).unwrap(), b"old");
    fs::remove_file(&path).unwrap();
}

fn reserved_space_stays_when_others_fill_the_disk(disk: &Path) {
    let mut map = MappedArrayMut::<u8, _>::scratch(disk, DISK / 2).unwrap();
    let filler = disk.join("filler");
    fs::write(&filler, vec![1; DISK]).unwrap_err();
    map.view_mut().fill(7);
    assert_eq!(map.view(), Array1::from_elem(DISK / 2, 7));
    fs::remove_file(&filler).unwrap();
}

fn writing_to_a_sparse_file_is_an_error(disk: &Path) {
    let path = disk.join("array.npy");
    let mut file: FileArrayMut<u8, _> =
        Options::new().sparse(true).create(&path, 2 * DISK).unwrap();
    let message = refused!(
        file.write_window(0..2 * DISK, &Array1::ones(2 * DISK)),
        Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull
    );
    assert!(message.contains("array.npy"), "{message}");
    drop(file);
    fs::remove_file(&path).unwrap();
}

fn an_append_that_does_not_fit_leaves_the_old_array(disk: &Path) {
    let path = disk.join("array.npy");
    let mut file = FileArrayMut::<u8, _>::create(&path, 3).unwrap();
    refused!(file.append(&Array1::ones(2 * DISK)), Io { .. });
    assert_eq!(file.dim(), 3);
    file.append(&Array1::ones(2)).unwrap();
    file.close().unwrap();
    let file = FileArray::<u8, Ix1>::open(&path).unwrap();
    assert_eq!(file.read().unwrap().to_vec(), [0, 0, 0, 1, 1]);
    assert_eq!(fs::metadata(&path).unwrap().len(), 128 + 5);
    fs::remove_file(&path).unwrap();
}

/// Memory without an end, whose file system knows no reservations.
fn a_map_without_a_reservation_is_refused(disk: &Path) {
    let folder = disk.join("memory");
    fs::create_dir(&folder).unwrap();
    let mount = Command::new("mount").args(["-t", "ramfs", "none"]).arg(&folder).status();
    if !mount.is_ok_and(|status| status.success()) {
        return skipped("a_map_without_a_reservation_is_refused", "cannot mount ramfs");
    }
    let message = refused!(MappedArrayMut::<u8, _>::scratch(&folder, 10_000), NotMappable { .. });
    assert!(message.contains("reserves no space"), "{message}");
    let mut file = FileArrayMut::<u8, _>::scratch(&folder, 10_000).unwrap();
    file.write_window(0..10_000, &Array1::ones(10_000)).unwrap();
    assert_eq!(file.read().unwrap(), Array1::ones(10_000));
}

/// In the child, which has a mount table of its own.
fn run(disk: &Path) {
    let options = format!("size={DISK}");
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(disk).status();
    if !mount.is_ok_and(|status| status.success()) {
        exit(NOT_MOUNTED);
    }
    creating_too_much_is_refused_and_leaves_no_file(disk);
    old_contents_are_kept_when_new_ones_do_not_fit(disk);
    reserved_space_stays_when_others_fill_the_disk(disk);
    writing_to_a_sparse_file_is_an_error(disk);
    an_append_that_does_not_fit_leaves_the_old_array(disk);
    a_map_without_a_reservation_is_refused(disk);
    println!("{DONE}");
}

#[test]
fn a_full_disk_is_an_error() {
    if let Some(disk) = env::var_os(FOLDER) {
        return run(Path::new(&disk));
    }
    let disk = folder().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(FOLDER, disk.path())
        .output();
    let output = match output {
        Ok(output) if matches!(output.status.code(), Some(1 | NOT_MOUNTED)) => {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return skipped(TEST, &format!("cannot mount a small disk: {reason}"));
        }
        Ok(output) => output,
        Err(error) => return skipped(TEST, &format!("cannot run unshare: {error}")),
    };
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success() && stdout.contains(DONE), "{stdout}\n{stderr}");
}
