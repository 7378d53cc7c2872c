//! The command line against NumPy: random commands on random files, at the smallest budgets too.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with NumPy. The cases are the same in
//! every run unless `OUTCORE_SEED` is another number.

use crate::support::python::{Python, python};
use crate::support::{Ran, folder, run, skipped};
use serde_json::{Value, json};
use std::env;
use std::path::Path;

const CASES: usize = 200;

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
    let python = match python("import numpy") {
        Ok(python) => python,
        Err(reason) => {
            return skipped("commands_do_as_numpy_does", &reason);
        }
    };
    let seed = env::var("OUTCORE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("OUTCORE_SEED={seed}");
    let folder = folder().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy_cases.py");
    let arguments = [folder.path().to_str().unwrap(), &seed.to_string()];
    let mut python = Python::start(python, &script, &arguments);
    let mut wrong = Vec::new();
    for number in 0..CASES {
        let case = serde_json::from_str::<Value>(&python.ask(&format!("make {number}"))).unwrap();
        let ran = run_case(folder.path(), &case);
        let answer = json!({ "code": ran.code, "stdout": ran.stdout, "stderr": ran.stderr });
        let verdict =
            serde_json::from_str::<Value>(&python.ask(&format!("check {answer}"))).unwrap();
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
