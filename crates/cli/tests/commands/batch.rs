//! The life of a batch job: no terminal, no input, folders that cannot be written, paths of every kind,
//! and a log that says what happened.

use crate::support::{Ran, field, folder, outcore, read, run, run_line, skipped, write};
use ndarray::Array2;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

type C32 = num_complex::Complex<f32>;

fn with_input() -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((60, 80)), outcore_storage::Order::C);
    folder
}

fn is_transposed(path: &Path) {
    assert_eq!(read::<C32>(path), field((60, 80)).t(), "{}", path.display());
}

fn events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[test]
fn the_log_tells_a_run_from_its_start_to_its_end() {
    let folder = with_input();
    let line = "fft2 in.npy out.npy --memory 70kB --log run.log --json";
    let object = run_line(folder.path(), line).ok().json();
    let log = events(&folder.path().join("run.log"));
    let expected = ["start", "plan", "pass", "pass done", "pass", "pass done", "end"];
    assert_eq!(messages(&log), expected);
    assert!(log.iter().all(|event| event["timestamp"].as_str().unwrap().ends_with('Z')));
    assert!(log[0]["arguments"].as_str().unwrap().contains("in.npy"));
    assert!(log[1]["operation"].as_str().unwrap().contains("fft2 of [60, 80]"));
    for name in ["bytes_read", "bytes_written"] {
        assert_eq!(log[1][name], object[name]);
        assert_eq!(log[6][name], object[name]);
        let of_passes = log[3][name].as_u64().unwrap() + log[5][name].as_u64().unwrap();
        assert_eq!(of_passes, object[name].as_u64().unwrap());
    }
    assert!(log[6]["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
}

#[test]
fn the_log_tells_a_failure_and_goes_on_with_the_next_run() {
    let folder = with_input();
    let ran = run_line(folder.path(), "fft2 missing.npy out.npy --log run.log");
    assert_eq!(ran.code, Some(1));
    let log = events(&folder.path().join("run.log"));
    assert_eq!(messages(&log), ["start", "error"]);
    assert_eq!((log[1]["level"].as_str(), log[1]["exit_code"].as_u64()), (Some("ERROR"), Some(1)));
    assert!(log[1]["error"].as_str().unwrap().contains("missing.npy"));
    assert!(ran.stderr.lines().count() == 1, "{ran:?}");
    run_line(folder.path(), "reduce sum in.npy --log run.log").ok();
    let log = events(&folder.path().join("run.log"));
    assert_eq!(messages(&log)[..4], ["start", "error", "start", "plan"]);
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let folder = with_input();
    let before = fs::read(folder.path().join("in.npy")).unwrap();
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --log in.npy");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("in.npy: is no log"), "{ran:?}");
    assert!(fs::read(folder.path().join("in.npy")).unwrap() == before);
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --log no/such/folder.log");
    assert!(ran.code == Some(1) && ran.stderr.contains("no/such/folder.log"), "{ran:?}");
}

#[test]
fn nobody_need_be_there_to_read_or_to_answer() {
    let folder = with_input();
    // Closed, not merely empty.
    let closed = |redirection: &str| {
        let line = format!("exec \"$0\" transpose in.npy out.npy --force {redirection}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).arg(env!("CARGO_BIN_EXE_outcore"));
        command.current_dir(folder.path()).stdin(Stdio::null());
        let ran = Ran::new(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{redirection}: {ran:?}");
        is_transposed(&folder.path().join("out.npy"));
    };
    closed("<&-");
    closed("<&- >&- 2>&-");
    closed("2>/dev/full >/dev/null");
    // A reader of standard error that has gone away.
    let mut command = outcore(folder.path());
    command.args(["transpose", "in.npy", "out.npy", "--force"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    is_transposed(&folder.path().join("out.npy"));
}

#[test]
fn the_current_folder_need_not_be_writable() {
    let (here, there) = (with_input(), folder().unwrap());
    fs::set_permissions(here.path(), Permissions::from_mode(0o555)).unwrap();
    let output = there.path().join("out.npy");
    let arguments = ["fft2", "in.npy", output.to_str().unwrap(), "--memory", "70kB", "--real"];
    run(here.path(), arguments).ok();
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1);
    assert_eq!(read::<f32>(&output).dim(), (60, 80));
    fs::set_permissions(here.path(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn paths_of_every_kind_name_files() {
    let folder = with_input();
    let check = |name: &OsStr| {
        let arguments =
            [OsStr::new("transpose"), OsStr::new("in.npy"), name, OsStr::new("--quiet")];
        let ran = run(folder.path(), arguments).ok();
        assert_eq!(ran.stderr, "");
        is_transposed(&folder.path().join(name));
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!left.into_iter().any(|left| left.to_string_lossy().contains(".partial")));
    };
    check(OsStr::new("./out.npy"));
    check(folder.path().join("absolute.npy").as_os_str());
    check(OsStr::from_bytes(b"\xff\xfe not UTF-8.npy"));
    // As long as names may be: that of the partial file has no room for all of it.
    check(OsStr::new(&format!("{}.npy", "n".repeat(251))));
    let deep = folder.path().join(format!("{0}/{0}/{0}/{0}", "d".repeat(200)));
    fs::create_dir_all(&deep).unwrap();
    check(deep.join("out.npy").as_os_str());
    // Too long for any file system: an error.
    let line = format!("transpose in.npy {}.npy --quiet", "n".repeat(300));
    let ran = run_line(folder.path(), &line);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
}

#[test]
fn two_names_of_full_length_that_differ_at_the_end_have_two_partial_files() {
    let folder = with_input();
    for end in ["a.npy", "b.npy"] {
        let line = format!("transpose in.npy {}{end} --quiet", "n".repeat(250));
        run_line(folder.path(), &line).ok();
        is_transposed(&folder.path().join(format!("{}{end}", "n".repeat(250))));
    }
}

#[test]
fn symbolic_links_lead_to_inputs_and_outputs_and_stay() {
    let (folder, elsewhere) = (with_input(), folder().unwrap());
    symlink("in.npy", folder.path().join("link-in.npy")).unwrap();
    // To a file that is not there yet, to one that is, and through a folder.
    let place = elsewhere.path().join("there.npy");
    symlink(&place, folder.path().join("link-out.npy")).unwrap();
    run_line(folder.path(), "transpose link-in.npy link-out.npy --quiet").ok();
    is_transposed(&place);
    let ran = run_line(folder.path(), "transpose link-in.npy link-out.npy --quiet");
    assert_eq!(ran.code, Some(1), "it replaces without being asked to");
    fs::write(&place, "old").unwrap();
    run_line(folder.path(), "transpose link-in.npy link-out.npy --quiet --force").ok();
    is_transposed(&place);
    assert!(folder.path().join("link-out.npy").is_symlink());
    symlink(elsewhere.path(), folder.path().join("link-folder")).unwrap();
    run_line(folder.path(), "transpose in.npy link-folder/second.npy --quiet").ok();
    is_transposed(&elsewhere.path().join("second.npy"));
    // An output that leads to the input is the input.
    symlink("in.npy", folder.path().join("disguise.npy")).unwrap();
    let ran = run_line(folder.path(), "transpose in.npy disguise.npy --quiet --force");
    assert!(ran.code == Some(1) && ran.stderr.contains("input"), "{ran:?}");
    let links = fs::read_link(folder.path().join("link-in.npy")).unwrap();
    assert_eq!(links, Path::new("in.npy"));
}

#[test]
fn an_output_may_be_on_another_file_system_than_temporary_files() {
    let name = "an_output_may_be_on_another_file_system_than_temporary_files";
    let folder = with_input();
    let Ok(shared) = tempfile::tempdir_in("/dev/shm") else {
        return skipped(name, "there is no /dev/shm");
    };
    let output = shared.path().join("out.npy");
    let mut command = outcore(folder.path());
    command.args(["fft2", "in.npy"]).arg(&output).args(["--real", "--memory", "70kB", "--quiet"]);
    Ran::new(command.env("TMPDIR", "/nonexistent").output().unwrap()).ok();
    assert_eq!(read::<f32>(&output).dim(), (60, 80));
    assert_eq!(fs::read_dir(shared.path()).unwrap().count(), 1);
}

#[test]
fn exit_codes_are_those_that_are_documented() {
    let folder = with_input();
    let code = |line: &str| run_line(folder.path(), line).code;
    assert_eq!(code("reduce sum in.npy --quiet"), Some(0));
    assert_eq!(code("reduce sum missing.npy --quiet"), Some(1));
    assert_eq!(code("reduce sum"), Some(2));
    assert_eq!(code("no-such-command"), Some(2));
    // 130 is tested beside Ctrl-C.
    let full = Array2::<f32>::zeros((2, 2));
    write(&folder.path().join("full.npy"), &full, outcore_storage::Order::C);
    let mut command = outcore(folder.path());
    command.args(["reduce", "sum", "full.npy"]).stdout(fs::File::create("/dev/full").unwrap());
    let ran = Ran::new(command.stderr(Stdio::piped()).output().unwrap());
    assert_eq!(ran.code, Some(1), "a result that nobody got: {ran:?}");
}
