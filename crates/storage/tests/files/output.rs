//! An output appears whole or not at all.

use crate::support::{folder, refused};
use ndarray::{Ix1, Ix2, array};
use outcore_storage::{
    FileArray, FileArrayMut, Lock, Options, Order, Output, Sink, Source, Stored, Window,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn partial(target: &Path) -> PathBuf {
    target.with_extension("npy.partial")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn it_appears_whole_when_it_is_committed() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let mut output = Output::<u8, _>::create(&target, 2).unwrap();
    output.array().write_window(0..2, &array![1, 2]).unwrap();
    assert_eq!(names(folder.path()), ["output.npy.partial"]);
    output.commit().unwrap();
    assert_eq!(names(folder.path()), ["output.npy"]);
    assert_eq!(FileArray::<u8, Ix1>::open(&target).unwrap().read().unwrap(), array![1, 2]);
}

#[test]
fn it_does_not_appear_when_it_is_dropped() {
    let folder = folder().unwrap();
    let mut output = Output::<u8, _>::create(folder.path().join("output.npy"), 2).unwrap();
    output.array().write_window(0..2, &array![1, 2]).unwrap();
    drop(output);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn an_existing_target_is_refused_unless_it_is_to_be_replaced() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    fs::write(&target, "old").unwrap();
    refused!(Output::<u8, _>::create(&target, 2), Exists);
    assert_eq!(names(folder.path()), ["output.npy"]);

    let replace =
        || Output::<u8, _>::with_options(&target, 2, &Options::new().replace(true)).unwrap();
    drop(replace());
    assert_eq!(fs::read(&target).unwrap(), b"old");
    let output = replace();
    assert_eq!(fs::read(&target).unwrap(), b"old");
    output.commit().unwrap();
    assert_eq!(FileArray::<u8, Ix1>::open(&target).unwrap().dim(), 2);
}

#[test]
fn who_reads_the_old_target_goes_on_reading_it() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    FileArrayMut::<u8, _>::create(&target, 3).unwrap().close().unwrap();
    let old = FileArray::<u8, Ix1>::open(&target).unwrap();
    let output =
        Output::<u16, _>::with_options(&target, (2, 2), &Options::new().replace(true)).unwrap();
    output.commit().unwrap();
    assert_eq!(old.read().unwrap(), array![0, 0, 0]);
    assert_eq!(FileArray::<u16, Ix2>::open(&target).unwrap().dim(), (2, 2));
}

#[test]
fn two_outputs_to_one_target_are_refused() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let mut first = Output::<u8, _>::create(&target, 2).unwrap();
    first.array().write_window(0..2, &array![1, 2]).unwrap();
    refused!(Output::<u8, _>::create(&target, 3), Locked { .. });
    refused!(
        Output::<u8, _>::with_options(&target, 3, &Options::new().replace(true)),
        Locked { .. }
    );
    first.commit().unwrap();
    assert_eq!(FileArray::<u8, Ix1>::open(&target).unwrap().read().unwrap(), array![1, 2]);
}

#[test]
fn an_output_that_waits_for_another_begins_a_file_of_its_own() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let first = Output::<u8, _>::create(&target, 2).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let options = Options::new().lock(Lock::Wait).replace(true);
            Output::<u8, _>::with_options(&target, 3, &options).unwrap().commit().unwrap();
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        first.commit().unwrap();
        waiting.join().unwrap();
    });
    assert_eq!(names(folder.path()), ["output.npy"]);
    assert_eq!(FileArray::<u8, Ix1>::open(&target).unwrap().dim(), 3);
}

#[test]
fn a_target_that_came_to_exist_meanwhile_is_left_alone() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let output = Output::<u8, _>::create(&target, 2).unwrap();
    fs::write(&target, "somebody else's").unwrap();
    refused!(output.commit(), Exists);
    assert_eq!(fs::read(&target).unwrap(), b"somebody else's");
    assert_eq!(names(folder.path()), ["output.npy"]);
}

#[test]
fn what_a_killed_program_left_behind_is_taken_over() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    fs::write(partial(&target), vec![7; 1000]).unwrap();
    Output::<u8, _>::create(&target, 2).unwrap().commit().unwrap();
    assert_eq!(fs::metadata(&target).unwrap().len(), 128 + 2);
    assert_eq!(FileArray::<u8, Ix1>::open(&target).unwrap().read().unwrap(), array![0, 0]);
    assert_eq!(names(folder.path()), ["output.npy"]);
}

#[test]
fn folders_that_cannot_be_written_are_errors() {
    let folder = folder().unwrap();
    let missing = folder.path().join("missing/output.npy");
    let message = refused!(Output::<u8, _>::create(&missing, 2), Io { .. });
    assert!(message.contains("missing"), "{message}");
    refused!(Output::<u8, _>::create(folder.path(), 2), Io { .. });

    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    // The administrator may write to any folder, except to those that the kernel makes up.
    let root = rustix::process::geteuid().is_root();
    let closed = if root { Path::new("/proc/self") } else { &closed };
    let message = refused!(Output::<u8, _>::create(closed.join("output.npy"), 2), Io { .. });
    assert!(message.contains("output.npy"), "{message}");
    assert!(!closed.join("output.npy.partial").exists());
}

#[test]
fn a_partial_file_that_vanished_is_an_error_at_commit() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let output = Output::<u8, _>::create(&target, 2).unwrap();
    fs::remove_file(partial(&target)).unwrap();
    refused!(output.commit(), Io { .. });
    assert!(names(folder.path()).is_empty());
}

#[test]
fn it_is_a_source_and_a_sink_of_its_layout() {
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let options = Options::new().order(Order::F);
    let mut output = Output::<u8, _>::with_options(&target, (2, 2), &options).unwrap();
    assert_eq!(output.layout().order(), Order::F);
    let row = Window::from([1..2, 0..2]);
    output.write_tile(&row, array![[3, 4]].view()).unwrap();
    output.write_tile_shared(&row, array![[3, 5]].view()).unwrap().unwrap();
    let mut tile = ndarray::Array2::zeros((2, 2));
    output.read_tile(&Window::from([0..2, 0..2]), tile.view_mut()).unwrap();
    assert_eq!(tile, array![[0, 0], [3, 5]]);
    output.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap()[128..], [0, 3, 0, 5]);
}
