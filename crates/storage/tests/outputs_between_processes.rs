//! Processes that write one output at the same time never mix their results, and do not disturb those
//! who read. The process of the test holds no lock, because one that is being started holds copies of
//! all locks for a moment.

mod support;

use ndarray::{Array1, Ix1};
use outcore_storage::{ErrorKind, FileArray, Lock, Options, Output, Result};
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{folder, write_numbered};

const FOLDER: &str = "OUTCORE_TEST_RACE_FOLDER";
const WRITER: &str = "OUTCORE_TEST_RACE_WRITER";
const WRITERS: usize = 4;
const ROUNDS: usize = 30;
/// Windows of one result, so that a mixture would show.
const WINDOWS: usize = 8;

/// How writers deal with each other: whether they wait, and replace what others have written.
#[derive(Clone, Copy, PartialEq)]
struct Manners {
    wait: bool,
    replace: bool,
}

/// How often an attempt to write ended in each way.
#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    committed: usize,
    locked: usize,
    exists: usize,
}

/// The length of a result of a writer; the elements are all the writer's number.
fn len_of(writer: usize) -> usize {
    WINDOWS * (100 + 10 * writer)
}

fn write(target: &Path, writer: usize, options: &Options) -> Result<()> {
    let len = len_of(writer);
    let mut output = Output::<u16, _>::with_options(target, len, options)?;
    let part = len / WINDOWS;
    let tile = Array1::from_elem(part, u16::try_from(writer).unwrap());
    for window in 0..WINDOWS {
        output.array().write_window(window * part..(window + 1) * part, &tile)?;
        std::thread::yield_now();
    }
    output.commit()
}

/// In a process of its own: writes again and again, and tells what became of it.
fn write_again_and_again(folder: &Path, writer: usize, manners: Manners) {
    let options = Options::new().replace(manners.replace);
    let options = options.lock(if manners.wait { Lock::Wait } else { Lock::Try });
    let mut outcomes = Outcomes::default();
    for _ in 0..ROUNDS {
        match write(&folder.join("output.npy"), writer, &options) {
            Ok(()) => outcomes.committed += 1,
            Err(error) => match error.kind() {
                ErrorKind::Locked { .. } => outcomes.locked += 1,
                ErrorKind::Exists => outcomes.exists += 1,
                _ => panic!("writer {writer}: {error}"),
            },
        }
    }
    println!("outcomes {} {} {}", outcomes.committed, outcomes.locked, outcomes.exists);
}

fn start(test: &str, folder: &Path, writer: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(WRITER, writer.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The end of a process, and the line of its output that begins with a word.
fn line_of(child: Child, word: &str) -> String {
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stdout}{stderr}");
    // The test runner prints on the same line.
    let line = stdout.lines().find_map(|line| line.split_once(word));
    line.unwrap_or_else(|| panic!("no {word:?} in {stdout}{stderr}")).1.to_owned()
}

/// Checks that there is one whole result, or none.
fn check_target(target: &Path) {
    let array = match FileArray::<u16, Ix1>::open(target) {
        Ok(array) => array.read().unwrap(),
        Err(error) => {
            let ErrorKind::Io { source, .. } = error.kind() else { panic!("{error}") };
            return assert_eq!(source.kind(), io::ErrorKind::NotFound, "{error}");
        }
    };
    let writer = usize::from(array[0]);
    assert!(array.iter().all(|&element| usize::from(element) == writer), "a mixture: {array}");
    assert_eq!(array.len(), len_of(writer), "of writer {writer}");
}

/// Lets several processes write at the same time, and looks on.
fn race(test: &str, manners: Manners) {
    if let (Some(folder), Some(writer)) = (env::var_os(FOLDER), env::var_os(WRITER)) {
        let writer = writer.into_string().unwrap().parse().unwrap();
        return write_again_and_again(Path::new(&folder), writer, manners);
    }
    let folder = folder().unwrap();
    let target = folder.path().join("output.npy");
    let mut children: Vec<_> =
        (1..=WRITERS).map(|writer| start(test, folder.path(), writer)).collect();
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        check_target(&target);
        if !manners.replace {
            // Makes room for the next.
            let _ = fs::remove_file(&target);
        }
    }
    check_target(&target);
    let mut all = Outcomes::default();
    for child in children {
        let line = line_of(child, "outcomes ");
        let counts: Vec<usize> =
            line.split_whitespace().take(3).map(|count| count.parse().unwrap()).collect();
        all.committed += counts[0];
        all.locked += counts[1];
        all.exists += counts[2];
    }
    assert_eq!(all.committed + all.locked + all.exists, WRITERS * ROUNDS, "{all:?}");
    assert!(all.committed > 0, "{all:?}");
    assert!(!manners.wait || all.locked == 0, "{all:?}");
    assert!(!manners.replace || all.exists == 0, "{all:?}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name == "output.npy"), "{names:?}");
}

#[test]
fn writers_that_replace_each_others_results_never_mix_them() {
    let manners = Manners { wait: false, replace: true };
    race("writers_that_replace_each_others_results_never_mix_them", manners);
}

#[test]
fn writers_that_wait_for_each_other_all_succeed() {
    race("writers_that_wait_for_each_other_all_succeed", Manners { wait: true, replace: true });
}

#[test]
fn a_result_that_may_not_be_replaced_is_never_touched() {
    let manners = Manners { wait: false, replace: false };
    race("a_result_that_may_not_be_replaced_is_never_touched", manners);
}

#[test]
fn waiting_writers_leave_a_result_that_may_not_be_replaced() {
    let manners = Manners { wait: true, replace: false };
    race("waiting_writers_leave_a_result_that_may_not_be_replaced", manners);
}

/// Three processes read one file, locking it or not, while another writes one beside it.
#[test]
fn readers_are_not_disturbed_by_writers_of_another_file() {
    const TEST: &str = "readers_are_not_disturbed_by_writers_of_another_file";
    const READERS: usize = 3;
    if let (Some(folder), Some(number)) = (env::var_os(FOLDER), env::var_os(WRITER)) {
        let (folder, number) = (Path::new(&folder), number.into_string().unwrap());
        let number: usize = number.parse().unwrap();
        if number > READERS {
            return write_again_and_again(folder, number, Manners { wait: false, replace: true });
        }
        let lock = [Lock::None, Lock::Try, Lock::Wait][number - 1];
        for _ in 0..10 * ROUNDS {
            let options = Options::new().lock(lock);
            let array = options.open::<i32, Ix1>(folder.join("input.npy")).unwrap();
            let sum: i64 = array.read().unwrap().iter().map(|&element| i64::from(element)).sum();
            assert_eq!(sum, support::numbered::<i32>(&[1000]).iter().map(|&x| i64::from(x)).sum());
        }
        println!("outcomes {} 0 0", 10 * ROUNDS);
        return;
    }
    let folder = folder().unwrap();
    let unlocked = Options::new().lock(Lock::None);
    write_numbered::<i32>(&folder.path().join("input.npy"), &[1000], &unlocked);
    let children: Vec<_> =
        (1..=READERS + 1).map(|number| start(TEST, folder.path(), number)).collect();
    for child in children {
        let line = line_of(child, "outcomes ");
        assert!(!line.starts_with("0 "), "{line}");
    }
    check_target(&folder.path().join("output.npy"));
}
