//! The seeds of a fuzzer, replayed: a finding that has been fixed stays fixed, without a fuzzer.
//!
//! The tests of several crates include this file.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// The time after which what is left of a corpus is left out.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a check on each seed of a target.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let begin = Instant::now();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut seeds: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() > 10, "{} has {} seeds", folder.display(), seeds.len());
    for (done, path) in seeds.iter().enumerate() {
        if begin.elapsed() > LIMIT {
            return eprintln!("{target}: {done} of {} seeds, and then no time", seeds.len());
        }
        let seed = fs::read(path).unwrap();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&seed))) {
            eprintln!("the seed {} has failed", path.display());
            resume_unwind(panic);
        }
    }
}
