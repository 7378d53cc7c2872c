//! Several runs of the program at a time: those that write one output exclude each other, with a clear
//! error or by waiting, and never mix their results.

mod support;

use ndarray::{Array2, Ix2};
use outcore_storage::{FileArray, Order, Output};
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use support::{Ran, folder, outcore, read, run_line, write};

const ROWS: usize = 50;

/// Starts a run.
fn start(folder: &Path, line: &str) -> Child {
    let mut command = outcore(folder);
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    Ran::new(child.wait_with_output().unwrap())
}

/// Inputs that differ in length and in every element: of input `n` all are `n`.
fn inputs(folder: &Path, count: u8) {
    for number in 1..=count {
        let array = Array2::from_elem((ROWS, 10 + usize::from(number)), number);
        write(&folder.join(format!("in{number}.npy")), &array, Order::C);
    }
}

/// The number of the input that the output is a whole copy of.
fn whole(path: &Path) -> u8 {
    let array: Array2<u8> = read(path);
    let number = array[[0, 0]];
    assert!(array.iter().all(|&element| element == number), "a mixture: {array}");
    assert_eq!(array.dim(), (ROWS, 10 + usize::from(number)));
    number
}

#[test]
fn runs_that_write_one_output_exclude_each_other() {
    const RUNS: u8 = 4;
    for options in ["", "--force"] {
        let folder = folder().unwrap();
        inputs(folder.path(), RUNS);
        let output = folder.path().join("out.npy");
        for _ in 0..10 {
            let _ = fs::remove_file(&output);
            let runs: Vec<_> = (1..=RUNS)
                .map(|number| {
                    let line = format!("convert in{number}.npy out.npy --quiet {options}");
                    start(folder.path(), &line)
                })
                .collect();
            let ended: Vec<_> = runs.into_iter().map(end).collect();
            let winners = ended.iter().filter(|ran| ran.code == Some(0)).count();
            assert!(winners == 1 || (winners > 1 && options == "--force"), "{ended:?}");
            for ran in ended.iter().filter(|ran| ran.code != Some(0)) {
                assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
                let locked = ran.stderr.contains("out.npy.partial: is locked by another");
                assert!(locked || ran.stderr.contains("out.npy: exists already"), "{ran:?}");
            }
            let number = usize::from(whole(&output));
            assert_eq!(ended[number - 1].code, Some(0), "{ended:?}");
            assert!(!folder.path().join("out.npy.partial").exists());
        }
    }
}

#[test]
fn runs_that_wait_all_succeed() {
    const RUNS: u8 = 4;
    let folder = folder().unwrap();
    inputs(folder.path(), RUNS);
    let line = |number| format!("convert in{number}.npy out.npy --quiet --force --wait");
    let runs: Vec<_> = (1..=RUNS).map(|number| start(folder.path(), &line(number))).collect();
    for run in runs {
        end(run).ok();
    }
    whole(&folder.path().join("out.npy"));
}

#[test]
fn a_run_waits_for_another_only_when_it_is_asked_to() {
    let folder = folder().unwrap();
    inputs(folder.path(), 1);
    let output = folder.path().join("out.npy");
    let other = Output::<u8, _>::create(&output, (1, 1)).unwrap();
    let ran = run_line(folder.path(), "convert in1.npy out.npy --quiet");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let expected = format!("{}.partial: is locked by another reader or writer", output.display());
    assert!(ran.stderr.contains(&expected), "{ran:?}");

    let mut waiting = start(folder.path(), "convert in1.npy out.npy --quiet --wait");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(waiting.try_wait().unwrap(), None, "it does not wait");
    drop(other);
    end(waiting).ok();
    assert_eq!(whole(&output), 1);

    // What the other has written meanwhile is not replaced without being asked to.
    fs::remove_file(&output).unwrap();
    let other = Output::<u8, _>::create(&output, (1, 1)).unwrap();
    let mut waiting = start(folder.path(), "convert in1.npy out.npy --quiet --wait");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(waiting.try_wait().unwrap(), None, "it does not wait");
    other.commit().unwrap();
    let ran = end(waiting);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("out.npy: exists already"), "{ran:?}");
    assert_eq!(FileArray::<u8, Ix2>::open(&output).unwrap().dim(), (1, 1));
}

#[test]
fn many_runs_read_one_input_while_others_write_beside_it() {
    let folder = folder().unwrap();
    inputs(folder.path(), 2);
    let readers: Vec<_> =
        (0..6).map(|_| start(folder.path(), "reduce sum in1.npy --quiet")).collect();
    let writers: Vec<_> = (0..3)
        .map(|number| start(folder.path(), &format!("convert in1.npy out{number}.npy --quiet")))
        .collect();
    for reader in readers {
        let ran = end(reader).ok();
        assert_eq!(ran.stdout.trim(), (ROWS * 11).to_string(), "{ran:?}");
    }
    for writer in writers {
        end(writer).ok();
    }
}
