//! No safe function leads to `SIGBUS`: a test for each way that a map has to it. All of them end in the
//! process being killed, so each runs in a process of its own, whose end is looked at.

mod support;

use ndarray::{Array1, Ix1};
use outcore_storage::{FileArray, FileArrayMut, MappedArray, MappedArrayMut, Source, Window};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use support::{folder, refused};

const CHILD: &str = "OUTCORE_TEST_NO_SIGNAL";
const LEN: usize = 100_000;

/// Runs work in a child of this test, which is the process that it runs in if it is that child.
fn in_child(test: &str, work: impl FnOnce()) -> ExitStatus {
    if env::var_os(CHILD).is_some() {
        work();
        std::process::exit(0);
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "")
        .status();
    child.unwrap()
}

/// Checks that work ends without a signal.
fn survives(test: &str, work: impl FnOnce()) {
    let status = in_child(test, work);
    assert!(status.success(), "{status}");
}

/// A file of ones, its array and its path.
fn file(folder: &Path) -> PathBuf {
    let path = folder.join("field.npy");
    let mut file = FileArrayMut::<u8, _>::create(&path, LEN).unwrap();
    file.write_window(0..LEN, &Array1::ones(LEN)).unwrap();
    file.close().unwrap();
    path
}

fn shorten(path: &Path) {
    File::options().write(true).open(path).unwrap().set_len(128).unwrap();
}

/// Without this, none of the tests here would show anything.
#[test]
fn a_signal_is_noticed() {
    let status = in_child("a_signal_is_noticed", || {
        let this = std::process::id().to_string();
        // The first time the standard library's own handler steps aside.
        for _ in 0..2 {
            Command::new("kill").args(["-BUS", &this]).status().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_secs(60));
    });
    assert!(status.signal().is_some_and(|signal| signal == 7 || signal == 10), "{status}");
}

/// Reading pages behind the new end of a file, through what takes the place of a shared map.
#[test]
fn a_shortened_file_is_an_error_of_a_file_array() {
    survives("a_shortened_file_is_an_error_of_a_file_array", || {
        let folder = folder().unwrap();
        let path = file(folder.path());
        let array = FileArray::<u8, Ix1>::open(&path).unwrap();
        let mut writable = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
        shorten(&path);
        refused!(array.read(), Truncated { actual: 128, .. });
        refused!(writable.read(), Truncated { actual: 128, .. });
        let mut tile = Array1::zeros(LEN);
        refused!(array.read_tile(&Window::from(0..LEN), tile.view_mut()), Changed { .. });
        // A write makes the file longer again, and reads nothing.
        writable.write_window(LEN - 1..LEN, &Array1::ones(1)).unwrap();
        assert_eq!(writable.read_window(0..LEN).unwrap().sum(), 1);
    });
}

/// The same behind a shared map: the kernel refuses to shorten what safe code may map.
#[test]
fn what_can_be_shortened_is_not_mapped_shared() {
    survives("what_can_be_shortened_is_not_mapped_shared", || {
        let folder = folder().unwrap();
        let path = file(folder.path());
        refused!(MappedArray::<u8, Ix1>::open_immutable(&path), NotMappable { .. });
        let (against_writing, path) = memory_file(SealFlags::WRITE);
        refused!(MappedArray::<u8, Ix1>::open_immutable(&path), NotMappable { .. });
        let (sealed, sealed_path) = memory_file(SealFlags::WRITE | SealFlags::SHRINK);
        let map = MappedArray::<u8, Ix1>::open_immutable(&sealed_path).unwrap();
        ftruncate(&sealed, 128).unwrap_err();
        assert_eq!(map.view(), Array1::ones(LEN));
        drop(against_writing);
    });
}

/// A `.npy` file of ones in memory, which the kernel keeps from being changed in some ways.
fn memory_file(seals: SealFlags) -> (OwnedFd, PathBuf) {
    let folder = folder().unwrap();
    let bytes = fs::read(file(folder.path())).unwrap();
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
    let memory = memfd_create("field", flags).unwrap();
    let path = PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()));
    fs::write(&path, bytes).unwrap();
    fcntl_add_seals(&memory, seals).unwrap();
    (memory, path)
}

/// Behind a private map, whether a page has been copied on write or not, the same signal is raised. So
/// safe code makes none of a file that has a name.
#[test]
fn the_safe_constructors_of_maps_are_those_of_private_and_of_immutable_files() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/mapped.rs")).unwrap();
    let mut safe = BTreeSet::new();
    let mut others = BTreeSet::new();
    for function in text.split("\n    pub ").skip(1) {
        let head = function.split('{').next().unwrap();
        if !head.contains("Result<Self>") {
            continue;
        }
        let (names, head) = match head.strip_prefix("unsafe fn ") {
            Some(head) => (&mut others, head),
            None => (&mut safe, head.strip_prefix("fn ").unwrap()),
        };
        names.insert(head.split(['(', '<']).next().unwrap().to_owned());
    }
    assert_eq!(safe, ["map_immutable", "open_immutable", "scratch"].map(str::to_owned).into());
    let named = ["create", "map", "map_copy", "map_mut", "open", "open_copy", "open_mut"];
    assert_eq!(others, named.map(str::to_owned).into());
}

/// Storing where a full disk has no place. With a disk that is full, `full_disk.rs` does it.
#[test]
fn a_scratch_map_has_a_place_on_disk_for_every_byte_and_no_name() {
    survives("a_scratch_map_has_a_place_on_disk_for_every_byte_and_no_name", || {
        let folder = folder().unwrap();
        let mut map = MappedArrayMut::<u8, _>::scratch(folder.path(), LEN).unwrap();
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "it has a name");
        map.view_mut().fill(7);
        assert_eq!(map.view(), Array1::from_elem(LEN, 7));
    });
}
