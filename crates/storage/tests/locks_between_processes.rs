//! A lock that one process holds keeps the writers of another out. Alone in its file, because a
//! process that is being started holds copies of all locks for a moment.

mod support;

use ndarray::Ix1;
use outcore_storage::{FileArray, FileArrayMut, Output};
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{folder, refused};

const TEST: &str = "a_writer_in_another_process_is_refused";
const FOLDER: &str = "OUTCORE_TEST_LOCKED_FOLDER";

/// In the other process: holds both locks until its standard input ends.
fn hold(folder: &Path) {
    let _array = FileArrayMut::<u8, Ix1>::open_mut(folder.join("array.npy")).unwrap();
    let _output = Output::<u8, _>::create(folder.join("output.npy"), 2).unwrap();
    println!("locked");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// This test in another process, once it holds the locks.
fn holder(folder: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let locked = lines.map_while(Result::ok).any(|line| line.contains("locked"));
    assert!(locked, "the other process got no lock");
    child
}

#[test]
fn a_writer_in_another_process_is_refused() {
    if let Some(folder) = env::var_os(FOLDER) {
        return hold(Path::new(&folder));
    }
    let folder = folder().unwrap();
    let [array, output] = ["array.npy", "output.npy"].map(|name| folder.path().join(name));
    FileArrayMut::<u8, _>::create(&array, 2).unwrap().close().unwrap();
    let mut child = holder(folder.path());
    refused!(FileArrayMut::<u8, Ix1>::open_mut(&array), Locked { .. });
    refused!(Output::<u8, _>::create(&output, 2), Locked { .. });
    FileArray::<u8, Ix1>::open(&array).unwrap();

    // Killed, so that nothing of it tidies up: the kernel frees its locks.
    child.kill().unwrap();
    child.wait().unwrap();
    FileArrayMut::<u8, Ix1>::open_mut(&array).unwrap();
    assert!(folder.path().join("output.npy.partial").exists());
    Output::<u8, _>::create(&output, 2).unwrap().commit().unwrap();
    assert_eq!(FileArray::<u8, Ix1>::open(&output).unwrap().dim(), 2);
}
