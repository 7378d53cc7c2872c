//! Whatever goes wrong is one line on standard error that names the file, exit code 1, and no trace in
//! the folder: no output, no partial file, inputs as they were.

use crate::support::{
    Ran, dictionary, field, folder, header, read, run_line, skipped, snapshot, write,
};
use ndarray::{Array2, Ix3};
use num_complex::Complex;
use outcore_storage::{FileArrayMut, Order};
use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, exit};

type C32 = Complex<f32>;

/// A folder with a good input, `in.npy`.
fn with_input() -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((60, 80)), Order::C);
    folder
}

/// Runs what must fail, and checks everything that all failures have in common.
fn fails(folder: &Path, line: &str, names: &[&str]) -> Ran {
    let before = snapshot(folder);
    let ran = run_line(folder, line);
    assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
    assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{line}: {}", ran.stderr);
    assert!(ran.stderr.starts_with("outcore: "), "{line}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{line}");
    for name in names {
        assert!(ran.stderr.contains(name), "{line}: no {name:?} in {}", ran.stderr);
    }
    for word in ["panicked", "unwrap", "RUST_BACKTRACE", "Error {", "Os {"] {
        assert!(!ran.stderr.contains(word), "{line}: {}", ran.stderr);
    }
    assert!(snapshot(folder) == before, "{line}: the folder has changed");
    ran
}

#[test]
fn inputs_that_are_no_arrays_are_named() {
    let folder = with_input();
    let at = |name: &str| folder.path().join(name);
    let good = fs::read(at("in.npy")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("empty.npy"), "").unwrap();
    fs::write(at("text.npy"), "these are no numbers\nnot at all\n".repeat(50)).unwrap();
    fs::write(at("short.npy"), &good[..good.len() - 1]).unwrap();
    fs::write(at("head.npy"), &good[..40]).unwrap();
    fs::write(at("zip.npy"), b"PK\x03\x04 a zip archive").unwrap();
    let whole = [at("in.npy")].map(|path| fs::metadata(path).unwrap().len())[0];
    for command in ["info FILE", "fft2 FILE out.npy", "fft2 FILE out.npy --dry-run --force"] {
        let fails = |file: &str, names: &[&str]| {
            let names = [&[file], names].concat();
            fails(folder.path(), &command.replace("FILE", file), &names)
        };
        fails("missing.npy", &["No such file"]);
        fails("no/such/folder.npy", &["No such file"]);
        fails("folder", &["directory"]);
        fails("empty.npy", &[]);
        fails("text.npy", &["is not a .npy file"]);
        fails("head.npy", &[]);
        fails("zip.npy", &["is not a .npy file"]);
        let (long, short) = (whole.to_string(), (whole - 1).to_string());
        fails("short.npy", &[&long, &short]);
    }
}

#[test]
fn headers_that_promise_too_much_are_refused_with_both_numbers() {
    let folder = with_input();
    let huge = header(&dictionary("'<c8'", "(100000, 1000000)"));
    fs::write(folder.path().join("huge.npy"), &huge).unwrap();
    let (needs, has) = ((800_000_000_000 + huge.len() as u64).to_string(), huge.len().to_string());
    fails(folder.path(), "fft2 huge.npy out.npy", &["huge.npy", &needs, &has]);
    fails(folder.path(), "info huge.npy", &["huge.npy", &needs, &has]);
    for shape in ["(18446744073709551615, 2)", "(4294967296, 4294967296)", "(-1, 2)"] {
        let name = "absurd.npy";
        fs::write(folder.path().join(name), header(&dictionary("'<c16'", shape))).unwrap();
        fails(folder.path(), "fft2 absurd.npy out.npy", &[name]);
        fails(folder.path(), "info absurd.npy", &[name]);
    }
}

#[test]
fn types_that_are_no_numbers_are_refused_by_name() {
    let folder = with_input();
    let types = ["'|O'", "'<U7'", "'|S3'", "'<M8[ns]'", "'<f16'", "[('x', '<f4'), ('y', '<i2')]"];
    for descr in types {
        let bytes = [header(&dictionary(descr, "(2, 2)")), vec![0; 1000]].concat();
        fs::write(folder.path().join("odd.npy"), bytes).unwrap();
        fails(folder.path(), "fft2 odd.npy out.npy", &["odd.npy"]);
        fails(folder.path(), "info odd.npy", &["odd.npy"]);
    }
}

#[test]
fn arrays_of_another_number_of_axes_are_refused_with_their_shape() {
    let folder = with_input();
    let path = folder.path().join("cube.npy");
    let cube: FileArrayMut<f32, Ix3> = FileArrayMut::create(&path, (2, 3, 4)).unwrap();
    cube.close().unwrap();
    fails(folder.path(), "fft2 cube.npy out.npy", &["cube.npy", "[2, 3, 4]", "3 axes"]);
    fails(folder.path(), "fft2 cube.npy out.npy --tile 2,2", &["cube.npy", "[2, 3, 4]"]);
    let raw = "fft2 in.npy out.npy --dtype u1";
    fails(folder.path(), raw, &["in.npy", "[38528]", "1 axes"]);
    fails(folder.path(), &format!("{raw} --shape 4,4,4"), &["in.npy", "[4, 4, 4]"]);
}

#[test]
fn arrays_without_elements_are_refused_by_axis() {
    let folder = with_input();
    write(&folder.path().join("none.npy"), &Array2::<f32>::zeros((0, 7)), Order::C);
    fails(folder.path(), "fft2 none.npy out.npy", &["none.npy", "axis 0", "[0, 7]"]);
}

#[test]
fn raw_files_shorter_than_their_shape_are_refused_with_both_numbers() {
    let folder = folder().unwrap();
    fs::write(folder.path().join("raw.bin"), vec![0; 1003]).unwrap();
    let fails = |options: &str, names: &[&str]| {
        let names = [&["raw.bin"], names].concat();
        fails(folder.path(), &format!("fft2 raw.bin out.npy --dtype {options}"), &names);
        crate::support::run_line(folder.path(), &format!("info raw.bin --dtype {options}"));
    };
    fails("f4 --shape 10,30", &["1200", "1003"]);
    fails("f4 --shape 10,25 --offset 4", &["1004", "1003"]);
    fails("f4", &["1003", "4 bytes"]);
    fails("f4 --offset 2000", &["2000", "1003"]);
    fails("c16 --shape 4294967296,4294967296", &[]);
    fails("u1 --shape 3,4 --offset 18446744073709551615", &[]);
}

#[test]
fn bytes_that_are_no_booleans_are_refused_by_place() {
    let folder = folder().unwrap();
    let mut bytes = vec![1; 16];
    bytes[11] = 2;
    fs::write(folder.path().join("flags.bin"), bytes).unwrap();
    let line = "fft2 flags.bin out.npy --dtype b1 --shape 4,4 --quiet";
    fails(folder.path(), line, &["flags.bin", "byte 11"]);
}

#[test]
fn the_input_is_never_the_output() {
    let folder = with_input();
    symlink("in.npy", folder.path().join("link.npy")).unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    let absolute = folder.path().join("in.npy").display().to_string();
    let outputs: [&str; 5] = ["in.npy", "./in.npy", "sub/../in.npy", "link.npy", &absolute];
    for output in outputs {
        for force in ["", "--force"] {
            let line = format!("fft2 in.npy {output} {force}");
            fails(folder.path(), &line, &[output, "input"]);
        }
        fails(folder.path(), &format!("fft2 link.npy {output} --force --tile 2,2"), &["input"]);
    }
    assert!(fs::symlink_metadata(folder.path().join("link.npy")).unwrap().is_symlink());
}

#[test]
fn an_existing_output_stays_unless_it_may_be_replaced() {
    let folder = with_input();
    fs::write(folder.path().join("out.npy"), "old").unwrap();
    for options in ["", "--real", "--tile 4,4", "--dry-run"] {
        let line = format!("fft2 in.npy out.npy {options}");
        fails(folder.path(), &line, &["out.npy", "exists", "--force"]);
    }
    run_line(folder.path(), "fft2 in.npy out.npy --force").ok();
    assert_eq!(read::<C32>(&folder.path().join("out.npy")).dim(), (60, 80));
}

#[test]
fn an_old_output_survives_a_failure_with_force() {
    let folder = with_input();
    fs::write(folder.path().join("flags.bin"), [2; 16]).unwrap();
    fs::write(folder.path().join("out.npy"), "old").unwrap();
    let line = "fft2 flags.bin out.npy --dtype b1 --shape 4,4 --quiet --force";
    fails(folder.path(), line, &["flags.bin"]);
    assert_eq!(fs::read(folder.path().join("out.npy")).unwrap(), b"old");
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    let folder = with_input();
    fs::create_dir(folder.path().join("there")).unwrap();
    fails(folder.path(), "fft2 in.npy missing/out.npy --quiet", &["missing/out.npy", "No such"]);
    for options in ["--force", "--force --tile 2,2", "--force --dry-run"] {
        fails(folder.path(), &format!("fft2 in.npy there {options}"), &["there", "directory"]);
    }
    fails(folder.path(), "fft2 in.npy there --quiet", &["there"]);
    fails(folder.path(), "fft2 in.npy in.npy/out.npy --quiet", &["in.npy/out.npy"]);
}

#[test]
fn special_files_are_never_replaced() {
    let folder = with_input();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("pipe", folder.path().join("link")).unwrap();
    for output in ["pipe", "link"] {
        let line = format!("fft2 in.npy {output} --quiet --force");
        let ran = run_line(folder.path(), &line);
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains(output), "{ran:?}");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(!folder.path().join(format!("{output}.partial")).exists());
    }
}

#[test]
fn names_with_line_breaks_and_foreign_bytes_still_make_one_line() {
    let folder = with_input();
    for name in [&b"two\nlines.npy"[..], b"\xff\xfe.npy", "Größe 数.npy".as_bytes()] {
        let name = OsStr::from_bytes(name);
        for arguments in [["info", "", ""], ["fft2", "in.npy", "missing"]] {
            let mut command = crate::support::outcore(folder.path());
            command.arg(arguments[0]);
            if arguments[0] == "fft2" {
                command.arg(arguments[1]).arg(Path::new(arguments[2]).join(name)).arg("--quiet");
            } else {
                command.arg(name);
            }
            let ran = Ran::new(command.output().unwrap());
            assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        }
        let path = folder.path().join(name);
        fs::copy(folder.path().join("in.npy"), &path).unwrap();
        let mut command = crate::support::outcore(folder.path());
        Ran::new(
            command.arg("fft2").arg(name).args(["out.npy", "-q", "--force"]).output().unwrap(),
        )
        .ok();
    }
}

/// The user that runs the test of permissions, where the test is run by root.
const NOBODY: &str = "--reuid=65534";

#[test]
fn files_without_permission_are_named() {
    let name = "errors::files_without_permission_are_named";
    let user = fs::metadata("/proc/self").map(|process| process.uid());
    if user.is_ok_and(|user| user == 0) {
        // Root may do everything, so a child without rights does it.
        let mut command = Command::new("setpriv");
        command.args([NOBODY, "--clear-groups", "--"]).arg(env::current_exe().unwrap());
        let ran = command.args(["--exact", name, "--nocapture"]).output().map(Ran::new);
        match ran {
            Ok(ran) if ran.stdout.contains("1 passed") => {}
            Ok(ran) if ran.stdout.contains("FAILED") => panic!("{ran:?}"),
            other => skipped(name, &format!("no user without rights can run it: {other:?}")),
        }
        return;
    }
    let folder = with_input();
    let (secret, closed) = (folder.path().join("secret.npy"), folder.path().join("closed"));
    fs::copy(folder.path().join("in.npy"), &secret).unwrap();
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    if fs::read(&secret).is_ok() {
        return skipped(name, "this user may read everything, as root may");
    }
    fails(folder.path(), "info secret.npy", &["secret.npy", "ermission denied"]);
    fails(folder.path(), "fft2 secret.npy out.npy", &["secret.npy", "ermission denied"]);
    let line = "fft2 in.npy closed/out.npy --quiet";
    fails(folder.path(), line, &["closed/out.npy", "ermission denied"]);
}

/// The number before a phrase.
fn number_before(text: &str, phrase: &str) -> u64 {
    let head = text.split(phrase).next().unwrap();
    head.rsplit('(').next().unwrap().trim().parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn the_smallest_budget_that_an_error_names_is_sufficient() {
    let folder = with_input();
    for options in ["", "--real", "--tile 50,70", "--inverse --tile 60,80 --real"] {
        let line =
            |memory: &str| format!("fft2 in.npy out.npy --quiet {options} --memory {memory}");
        let ran = fails(folder.path(), &line("1kB"), &["in.npy", "(1000 bytes)"]);
        let needed = number_before(&ran.stderr, " bytes)");
        let less = (needed - 1).to_string();
        fails(folder.path(), &line(&less), &[&needed.to_string(), &less]);
        run_line(folder.path(), &line(&needed.to_string())).ok();
        fs::remove_file(folder.path().join("out.npy")).unwrap();
    }
}

#[test]
fn a_tile_far_larger_than_the_budget_is_refused_before_it_takes_memory() {
    let folder = folder().unwrap();
    // Thirty-two gigabytes of zeros that take no disk.
    let path = folder.path().join("huge.bin");
    fs::File::create(&path).unwrap().set_len(1 << 35).unwrap();
    let line = "fft2 huge.bin out.npy --dtype c8 --shape 65536,65536 --tile 65536,65536 \
                --memory 64MiB --quiet";
    let ran = run_line(folder.path(), line);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    assert!(ran.stderr.contains("(67108864 bytes)"), "{ran:?}");
    assert!(!folder.path().join("out.npy").exists());
}

const FULL_DISK: &str = "errors::a_full_disk_is_an_error_and_leaves_nothing";
const DISK_FOLDER: &str = "OUTCORE_TEST_FULL_DISK";
/// The exit code of a child that may not mount the disk.
const NOT_MOUNTED: i32 = 77;

/// In the child, which has a mount table of its own.
fn on_a_full_disk(disk: &Path) {
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(disk).status();
    if !mount.is_ok_and(|status| status.success()) {
        exit(NOT_MOUNTED);
    }
    write(&disk.join("in.npy"), &field((250, 300)), Order::C);
    let size = (128 + 250 * 300 * 8).to_string();
    for options in ["", "--tile 50,50", "--real --memory 300KiB"] {
        let line = format!("fft2 in.npy out.npy --quiet {options}");
        let names: &[&str] = if options.contains("--real") { &[] } else { &["out.npy", &size] };
        let ran = fails(disk, &line, names);
        assert!(ran.stderr.contains("bytes free"), "{}", ran.stderr);
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    if let Some(disk) = env::var_os(DISK_FOLDER) {
        return on_a_full_disk(Path::new(&disk));
    }
    let disk = folder().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--"]).arg(env::current_exe().unwrap());
    command.args(["--exact", FULL_DISK, "--nocapture"]).env(DISK_FOLDER, disk.path());
    let ran = match command.output() {
        Ok(output) => Ran::new(output),
        Err(error) => return skipped(FULL_DISK, &format!("cannot run unshare: {error}")),
    };
    if matches!(ran.code, Some(1 | NOT_MOUNTED)) {
        return skipped(FULL_DISK, &format!("cannot mount a small disk: {}", ran.stderr.trim()));
    }
    assert!(ran.stdout.contains("1 passed"), "{ran:?}");
    ran.ok();
}
