//! The command line against NumPy: random commands on random files, at the smallest budgets too.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with NumPy. The cases are the same in
//! every run unless `OUTCORE_SEED` is another number.

mod support;

use serde_json::{Value, json};
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use support::{Ran, folder, run};

const CASES: usize = 150;

/// A Python with NumPy; why there is none, unless one was asked for by name.
fn python() -> Result<OsString, String> {
    let asked = env::var_os("OUTCORE_PYTHON");
    let python = asked.clone().unwrap_or_else(|| "python3".into());
    let output = Command::new(&python).args(["-c", "import numpy"]).output();
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(python),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(asked.is_none(), "OUTCORE_PYTHON is no Python with NumPy: {reason}");
    Err(format!("{} is no Python with NumPy: {reason}", python.display()))
}

/// One Python process that answers line by line, in JSON.
struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    fn new(python: OsString, folder: &Path, seed: u64) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy_cases.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder).arg(seed.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    fn ask(&mut self, question: &str) -> Value {
        writeln!(self.stdin, "{question}").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "Python failed on {question}: see standard error");
        serde_json::from_str(&answer).unwrap()
    }

    fn finish(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

/// The smallest budget that a refusal names.
fn needed(refusal: &str) -> Option<u64> {
    let (before, _) = refusal.split_once(" bytes), but may use only")?;
    before.rsplit_once('(')?.1.parse().ok()
}

/// Runs a case's command: as it is, or in the smallest budget that will do.
fn run_case(folder: &Path, case: &Value) -> Ran {
    let words = case["arguments"].as_array().unwrap().iter();
    let mut arguments: Vec<_> = words.map(|word| word.as_str().unwrap().to_owned()).collect();
    arguments.extend(["--quiet".to_owned(), "--threads".to_owned(), case["threads"].to_string()]);
    if case["prints"] == "json" {
        arguments.push("--json".to_owned());
    }
    if case["tight"] == false {
        return run(folder, &arguments);
    }
    let within = |budget: u64| {
        let budget = ["--memory".to_owned(), budget.to_string()];
        run(folder, arguments.iter().chain(&budget))
    };
    let refused = within(1);
    match needed(&refused.stderr) {
        Some(budget) => within(budget),
        None => refused,
    }
}

#[test]
fn commands_do_as_numpy_does() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED commands_do_as_numpy_does: {reason}");
            return;
        }
    };
    let seed = env::var("OUTCORE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("OUTCORE_SEED={seed}");
    let folder = folder().unwrap();
    let mut python = Python::new(python, folder.path(), seed);
    let mut wrong = Vec::new();
    for number in 0..CASES {
        let case = python.ask(&format!("make {number}"));
        let ran = run_case(folder.path(), &case);
        let answer = json!({ "code": ran.code, "stdout": ran.stdout, "stderr": ran.stderr });
        let verdict = python.ask(&format!("check {answer}"));
        if !verdict.is_null() {
            let tight = if case["tight"] == true { ", tight" } else { "" };
            let said = ran.stderr.lines().next().unwrap_or_default();
            wrong.push(format!("{number}: {}{tight}: {verdict}; {said}", case["words"]));
        }
    }
    python.finish();
    let count = wrong.len();
    assert!(wrong.is_empty(), "seed {seed}: {count} of {CASES} are wrong:\n{}", wrong.join("\n"));
}
