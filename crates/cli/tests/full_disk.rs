//! Runs on disks that are full, or fill up while they run. Room is asked for before anything is done, and
//! what was reserved stays; where nothing can be reserved, the run ends with one clear error, leaves
//! nothing or what another can go on with, and in no case harms its input.
//!
//! The disks are small ones that only a child of each test can see.

mod support;

use num_complex::Complex;
use outcore_storage::{Order, host::free_space};
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, exit};
use support::{Ran, field, folder, run_line, skipped, snapshot, write};

const FOLDER: &str = "OUTCORE_TEST_DISK";
/// The exit code of a child that may not mount the disk.
const NOT_MOUNTED: i32 = 77;
const SHAPE: (usize, usize) = (512, 512);
/// The bytes of a file of that shape.
const BYTES: u64 = 128 + 512 * 512 * 8;

/// Runs a test again in a child that has a mount table of its own, and there does the work on a disk that
/// a command mounts. Answers in the parent.
fn on_a_disk(test: &str, mount: impl FnOnce(&Path) -> Command, work: impl FnOnce(&Path)) {
    if let Some(disk) = env::var_os(FOLDER) {
        let disk = Path::new(&disk);
        if !mount(disk).status().is_ok_and(|status| status.success()) {
            exit(NOT_MOUNTED);
        }
        return work(disk);
    }
    let folder = folder().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--"]).arg(env::current_exe().unwrap());
    let ran = command.args(["--exact", test, "--nocapture"]).env(FOLDER, &disk).output();
    match ran.map(Ran::new) {
        Ok(ran) if ran.stdout.contains("1 passed") => {}
        Ok(ran) if matches!(ran.code, Some(1 | NOT_MOUNTED)) => {
            skipped(test, &format!("cannot mount a small disk: {}", ran.stderr.trim()));
        }
        Ok(ran) => panic!("{ran:?}"),
        Err(error) => skipped(test, &format!("cannot run unshare: {error}")),
    }
}

/// A disk in memory, which reserves room for files.
fn in_memory(disk: &Path) -> Command {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(disk);
    mount
}

/// A disk of a file system that cannot reserve, in a file beside the folder.
fn that_cannot_reserve(disk: &Path) -> Command {
    let image = disk.with_extension("image");
    let make = "truncate -s 8M \"$0\" && mkfs.ext2 -q -F -m 0 -b 1024 \"$0\" && mount -o loop \"$0\" \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", make]).arg(image).arg(disk);
    command
}

/// Fills a disk but for so many bytes, which others may need.
fn fill_but(disk: &Path, bytes: u64) {
    let filler = disk.join("filler");
    loop {
        let free = free_space(disk).unwrap();
        let more = usize::try_from(free.saturating_sub(bytes)).unwrap();
        if more < 4096 {
            return;
        }
        // Less than all of it: a file system takes some for itself.
        let mut content = fs::read(&filler).unwrap_or_default();
        content.resize(content.len() + (more - more / 64).next_multiple_of(1024).min(more), 1);
        fs::write(&filler, content).unwrap();
        fs::File::open(&filler).unwrap().sync_all().unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    snapshot(folder).into_keys().filter(|name| name != "lost+found").collect()
}

/// What a command makes of the same input where there is room.
fn expected(disk: &Path, line: &str) -> Vec<u8> {
    let folder = folder().unwrap();
    fs::copy(disk.join("in.npy"), folder.path().join("in.npy")).unwrap();
    run_line(folder.path(), line).ok();
    fs::read(folder.path().join("out.npy")).unwrap()
}

fn fails(disk: &Path, line: &str, parts: &[&str]) {
    let input = fs::read(disk.join("in.npy")).unwrap();
    let ran = run_line(disk, line);
    // A full disk may have no room for the journal either, which is a warning.
    let mut lines = ran.stderr.lines().filter(|line| !line.contains("failed to record"));
    let error = lines.next().unwrap_or_default();
    assert_eq!((ran.code, lines.next()), (Some(1), None), "{line}: {ran:?}");
    for part in parts {
        assert!(error.contains(part), "{line}: no {part:?} in {ran:?}");
    }
    assert!(fs::read(disk.join("in.npy")).unwrap() == input, "{line}: the input has changed");
}

const COMMANDS: [&str; 5] = [
    "fft2 in.npy out.npy",
    "transpose in.npy out.npy",
    "convert in.npy out.npy --order F",
    "eval 2*a a=in.npy --output out.npy",
    "scan cummax in.npy out.npy --axis 0",
];

#[test]
fn what_cannot_fit_is_refused_before_anything_is_done() {
    let name = "what_cannot_fit_is_refused_before_anything_is_done";
    on_a_disk(name, in_memory, |disk| {
        write(&disk.join("in.npy"), &field(SHAPE), Order::C);
        fill_but(disk, 1 << 20);
        let free = free_space(disk).unwrap().to_string();
        let before = names(disk);
        for line in COMMANDS {
            for journal in ["", "--no-journal", "--resume", "--force"] {
                let line = format!("{line} --quiet --memory 1MiB {journal}");
                fails(disk, &line, &["out.npy.partial", "bytes free", &free]);
                assert_eq!(names(disk), before, "{line}");
            }
        }
    });
}

#[test]
fn what_was_reserved_stays_though_others_fill_the_disk() {
    let name = "what_was_reserved_stays_though_others_fill_the_disk";
    on_a_disk(name, in_memory, |disk| {
        write(&disk.join("in.npy"), &field(SHAPE), Order::C);
        // Room for the output, and not for one byte of a journal.
        fill_but(disk, BYTES.next_multiple_of(4096));
        for line in COMMANDS {
            let line = format!("{line} --memory 1MiB --journal-every 0");
            let expected = expected(disk, &line);
            run_line(disk, &line).ok();
            assert!(fs::read(disk.join("out.npy")).unwrap() == expected, "{line}");
            fs::remove_file(disk.join("out.npy")).unwrap();
            assert_eq!(names(disk), ["filler", "in.npy"], "{line}");
        }
    });
}

#[test]
fn a_disk_that_fills_during_the_run_ends_it_and_another_goes_on() {
    let name = "a_disk_that_fills_during_the_run_ends_it_and_another_goes_on";
    on_a_disk(name, that_cannot_reserve, |disk| {
        write(&disk.join("in.npy"), &field(SHAPE), Order::C);
        // As much as the output takes, but the file system needs some to say where it is.
        fill_but(disk, BYTES + (2 << 10));
        assert!(free_space(disk).unwrap() >= BYTES);
        let full = ["out.npy.partial: failed to write", "at byte", "No space left on device"];
        for line in COMMANDS {
            let line = format!("{line} --memory 1MiB --journal-every 0");
            let expected = expected(disk, &line);
            fails(disk, &format!("{line} --quiet --no-journal"), &full);
            assert_eq!(names(disk), ["filler", "in.npy"], "{line}");
            fails(disk, &format!("{line} --quiet"), &[&full[..], &["--resume"]].concat());
            assert!(names(disk).contains(&"out.npy.partial".to_owned()), "{line}");
            // There is no more room than before.
            fails(
                disk,
                &format!("{line} --quiet --resume"),
                &["No space left on device", "--resume"],
            );
            let filler = fs::read(disk.join("filler")).unwrap();
            fs::write(disk.join("filler"), &filler[..filler.len() - (1 << 20)]).unwrap();
            let ran = run_line(disk, &format!("{line} --resume")).ok();
            assert!(ran.stderr.contains("goes on from pass"), "{line}: {ran:?}");
            assert!(fs::read(disk.join("out.npy")).unwrap() == expected, "{line}");
            fs::remove_file(disk.join("out.npy")).unwrap();
            assert_eq!(names(disk), ["filler", "in.npy"], "{line}");
            fill_but(disk, BYTES + (2 << 10));
        }
    });
}

const _: () = assert!(size_of::<Complex<f32>>() == 8, "what `field` makes");
