//! Two writers of one file exclude each other; readers are let in unless they ask for a lock.

use crate::support::{folder, maps, refused};
use ndarray::{Ix1, array};
use outcore_storage::{FileArray, FileArrayMut, Lock, Options};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let mut file = FileArrayMut::<u8, _>::create(&path, 2).unwrap();
    file.write_window(0..2, &array![1, 2]).unwrap();
    file.close().unwrap();
    (folder, path)
}

fn writer(path: &PathBuf, lock: Lock) -> outcore_storage::Result<FileArrayMut<u8, Ix1>> {
    Options::new().lock(lock).open_mut(path)
}

fn reader(path: &PathBuf, lock: Lock) -> outcore_storage::Result<FileArray<u8, Ix1>> {
    Options::new().lock(lock).open(path)
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_closed() {
    let (_folder, path) = file();
    let first = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    let message = refused!(FileArrayMut::<u8, Ix1>::open_mut(&path), Locked { .. });
    assert!(message.contains("array.npy"), "{message}");
    refused!(Options::new().open_raw_mut::<u8, _>(&path, 2), Locked { .. });
    first.close().unwrap();
    FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
}

#[test]
fn a_locked_file_keeps_its_contents_when_another_creates_it() {
    let (_folder, path) = file();
    let first = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    refused!(FileArrayMut::<u8, _>::create(&path, 5), Locked { .. });
    refused!(Options::new().create_raw::<u8, _>(&path, 5), Locked { .. });
    assert_eq!(first.read().unwrap(), array![1, 2]);
}

#[test]
fn waiting_waits_until_the_lock_is_free() {
    let (_folder, path) = file();
    let first = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    let (send, receive) = channel();
    let other = path.clone();
    let waiter = thread::spawn(move || {
        let second = writer(&other, Lock::Wait).unwrap();
        send.send(()).unwrap();
        second.read().unwrap()
    });
    let early = receive.recv_timeout(Duration::from_millis(200));
    assert_eq!(early, Err(RecvTimeoutError::Timeout));
    first.close().unwrap();
    receive.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(waiter.join().unwrap(), array![1, 2]);
}

#[test]
fn none_ignores_the_lock_and_holds_none() {
    let (_folder, path) = file();
    let first = writer(&path, Lock::Try).unwrap();
    let second = writer(&path, Lock::None).unwrap();
    first.close().unwrap();
    writer(&path, Lock::Try).unwrap();
    second.close().unwrap();
}

#[test]
fn readers_are_unlocked_by_default() {
    let (_folder, path) = file();
    let before = FileArray::<u8, Ix1>::open(&path).unwrap();
    let mut writer = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    let during = FileArray::<u8, Ix1>::open(&path).unwrap();
    writer.write_window(1..2, &array![9]).unwrap();
    assert_eq!(before.read().unwrap(), array![1, 9]);
    assert_eq!(during.read().unwrap(), array![1, 9]);
}

#[test]
fn readers_that_lock_share_with_each_other_and_exclude_writers() {
    let (_folder, path) = file();
    let first = reader(&path, Lock::Try).unwrap();
    let second = reader(&path, Lock::Try).unwrap();
    let message = refused!(writer(&path, Lock::Try), Locked { .. });
    assert!(message.contains("reader or writer"), "{message}");
    drop((first, second));
    let writer = writer(&path, Lock::Try).unwrap();
    let message = refused!(reader(&path, Lock::Try), Locked { .. });
    assert!(message.ends_with("another writer"), "{message}");
    writer.close().unwrap();
}

#[test]
fn a_map_holds_its_files_lock_until_it_is_closed() {
    let (_folder, path) = file();
    let map = maps::open_mut::<u8, Ix1>(&path).unwrap();
    refused!(writer(&path, Lock::Try), Locked { .. });
    map.close().unwrap();
    let map = maps::map_copy(reader(&path, Lock::Try).unwrap()).unwrap();
    refused!(writer(&path, Lock::Try), Locked { .. });
    drop(map);
    writer(&path, Lock::Try).unwrap();
}
