//! A program that is killed at any moment loses no more than the tile it was at: it goes on from there,
//! and its output has the bytes of one that nothing has stopped.

mod support;

use ndarray::Array2;
use outcore_storage::Order;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::{Ran, field, folder, outcore, run_line, write};

const KILLS: u32 = 50;

/// Starts a command that writes `out.npy` within a budget much smaller than its input.
fn start(folder: &Path, line: &str) -> Child {
    let mut command = outcore(folder);
    command.args(line.split_whitespace());
    command.args(["--memory", "1MiB", "--journal-every", "0"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs a command to its end, and says how long that took.
fn whole(folder: &Path, line: &str) -> (Vec<u8>, Duration) {
    let begin = Instant::now();
    let ran = Ran::new(start(folder, line).wait_with_output().unwrap()).ok();
    let elapsed = begin.elapsed();
    assert!(ran.stderr.contains("done in"), "{ran:?}");
    let bytes = fs::read(folder.join("out.npy")).unwrap();
    fs::remove_file(folder.join("out.npy")).unwrap();
    (bytes, elapsed)
}

/// Kills a command at many moments of its life, lets it go on, and compares.
fn survives(line: &str) {
    survives_with(line, (1024, 1024));
}

/// The same with an input of another shape.
fn survives_with(line: &str, shape: (usize, usize)) {
    let folder = folder().unwrap();
    let real = field(shape).map(|x| x.re);
    write(&folder.path().join("in.npy"), &real, Order::C);
    let (expected, elapsed) = whole(folder.path(), line);
    let resume = format!("{line} --resume");
    let mut went_on = 0;
    for kill in 0..KILLS {
        // Moments spread over the life, in no order.
        let moment = elapsed * (kill * 31 % KILLS) / KILLS;
        let mut child = start(folder.path(), &resume);
        sleep(moment);
        child.kill().unwrap();
        let killed = child.wait_with_output().unwrap();
        if killed.status.success() {
            // It was quicker.
            assert!(fs::read(folder.path().join("out.npy")).unwrap() == expected, "{line}");
            fs::remove_file(folder.path().join("out.npy")).unwrap();
            continue;
        }
        if folder.path().join("out.npy").exists() {
            // It was killed between putting its output in place and its end.
            let found = fs::read(folder.path().join("out.npy")).unwrap();
            assert!(found == expected, "{line}: a half-written output, killed after {moment:?}");
            fs::remove_file(folder.path().join("out.npy")).unwrap();
        }
        let ran = Ran::new(start(folder.path(), &resume).wait_with_output().unwrap()).ok();
        went_on += u32::from(ran.stderr.contains("goes on from pass"));
        let found = fs::read(folder.path().join("out.npy")).unwrap();
        assert!(found == expected, "{line}: killed after {moment:?}");
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["in.npy", "out.npy"], "{line}: killed after {moment:?}");
        fs::remove_file(folder.path().join("out.npy")).unwrap();
    }
    assert!(went_on >= KILLS / 5, "{line}: {went_on} runs of {KILLS} went on");
}

#[test]
fn fft2_survives() {
    survives("fft2 in.npy out.npy");
}

#[test]
fn fft2_to_real_numbers_survives() {
    survives("fft2 in.npy out.npy --real");
}

#[test]
fn fft_of_real_numbers_survives() {
    survives("fft in.npy out.npy --real");
}

#[test]
fn fft_to_real_numbers_survives() {
    survives("fft in.npy out.npy --real --inverse");
}

#[test]
fn fft_of_a_lane_longer_than_the_budget_survives() {
    survives_with("fft in.npy out.npy --axes 1", (1, 1024 * 1025));
}

#[test]
fn fft_of_such_a_lane_to_a_shifted_spectrum_survives() {
    survives_with("fft in.npy out.npy --axes 1 --shift", (1, 1024 * 1025));
}

#[test]
fn fft_of_such_a_lane_and_another_axis_survives() {
    survives_with("fft in.npy out.npy --axes 0,1", (2, 1024 * 1025));
}

#[test]
fn transpose_survives() {
    survives("transpose in.npy out.npy");
}

#[test]
fn eval_survives() {
    survives("eval a*a+sin(a) a=in.npy --output out.npy");
}

#[test]
fn scan_survives() {
    survives("scan cumsum in.npy out.npy --axis 0");
}

/// A folder in which `out.npy.partial` is that of a run that was stopped.
fn interrupted(line: &str) -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((1024, 1024)), Order::C);
    for _ in 0..100 {
        let mut child = start(folder.path(), line);
        sleep(Duration::from_millis(60));
        child.kill().unwrap();
        child.wait_with_output().unwrap();
        if folder.path().join("out.npy.partial.latest").exists()
            || folder.path().join("out.npy.partial.journal").exists()
        {
            return folder;
        }
        let _ = fs::remove_file(folder.path().join("out.npy"));
    }
    panic!("{line} leaves no journal");
}

#[test]
fn what_is_left_is_named_and_used_by_nobody_who_does_not_ask() {
    let folder = interrupted("fft2 in.npy out.npy");
    let partial = fs::read(folder.path().join("out.npy.partial")).unwrap();
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --memory 1MiB --quiet");
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    for part in ["out.npy.partial", "--resume", "--force"] {
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    assert!(fs::read(folder.path().join("out.npy.partial")).unwrap() == partial);
    run_line(folder.path(), "fft2 in.npy out.npy --memory 1MiB --quiet --force").ok();
    assert!(!folder.path().join("out.npy.partial").exists());
}

#[test]
fn another_plan_command_or_input_is_refused_with_the_reason() {
    let line = "fft2 in.npy out.npy";
    let folder = interrupted(line);
    let refused = |line: &str, parts: &[&str]| {
        let ran = run_line(folder.path(), &format!("{line} --resume --quiet"));
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        for part in parts {
            assert!(ran.stderr.contains(part), "{line}: {ran:?}");
        }
        assert!(folder.path().join("out.npy.partial").exists());
    };
    refused("fft2 in.npy out.npy --memory 2MiB", &["1.0 MiB", "2.0 MiB", "--force"]);
    refused("fft2 in.npy out.npy --norm ortho", &["Backward", "Ortho"]);
    refused("transpose in.npy out.npy", &["fft2", "transpose"]);
    refused("fft2 in.npy out.npy --real", &["bytes long"]);
    sleep(Duration::from_millis(20));
    let other = Array2::<num_complex::Complex<f32>>::ones((1024, 1024));
    write(&folder.path().join("in.npy"), &other, Order::C);
    refused(line, &["in.npy", "modified"]);
}

#[test]
fn the_budget_of_the_unfinished_run_need_not_be_repeated() {
    let folder = interrupted("fft2 in.npy out.npy");
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --resume").ok();
    assert!(ran.stderr.contains("within 1.0 MiB"), "{ran:?}");
    assert!(ran.stderr.contains("goes on from pass"), "{ran:?}");
}

#[test]
fn a_file_that_is_no_journal_is_an_error() {
    let folder = interrupted("fft2 in.npy out.npy");
    for text in ["", "\n\n", "{}\n", "outcore 0.1.0\n\n", "\0\0\0"] {
        let _ = fs::remove_file(folder.path().join("out.npy.partial.latest"));
        fs::write(folder.path().join("out.npy.partial.journal"), text).unwrap();
        let ran = run_line(folder.path(), "fft2 in.npy out.npy --resume --quiet --memory 1MiB");
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{text:?}: {ran:?}");
        assert!(ran.stderr.contains("out.npy.partial.journal"), "{ran:?}");
    }
}

#[test]
fn without_a_journal_nothing_is_left_to_go_on_from() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((1024, 1024)), Order::C);
    let mut child = start(folder.path(), "fft2 in.npy out.npy --no-journal");
    sleep(Duration::from_millis(60));
    child.kill().unwrap();
    child.wait_with_output().unwrap();
    assert!(!folder.path().join("out.npy.partial.latest").exists());
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --resume --force").ok();
    assert!(ran.stderr.contains("goes on from the beginning"), "{ran:?}");
}
