//! A Python that tests compare with: found or asked for by name, and answering line by line.
//!
//! The tests of several crates include this file.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A Python that passes a check, such as `import numpy`; why there is none, unless one was asked for by
/// name: `OUTCORE_PYTHON`, or else `python3`.
pub(crate) fn python(check: &str) -> Result<OsString, String> {
    let asked = env::var_os("OUTCORE_PYTHON");
    let python = asked.clone().unwrap_or_else(|| "python3".into());
    let output = Command::new(&python).args(["-c", check]).output();
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(python),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(asked.is_none(), "OUTCORE_PYTHON fails {check:?}: {reason}");
    Err(format!("{} fails {check:?}: {reason}", python.display()))
}

/// One Python process.
pub(crate) struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    /// Runs a script.
    pub(crate) fn start(python: OsString, script: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    /// Its answer to a line.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "Python failed on {line}: see standard error");
        answer.trim().to_owned()
    }

    /// Ends it; it must not have failed.
    pub(crate) fn finish(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}
