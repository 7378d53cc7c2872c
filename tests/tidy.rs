//! What holds for the whole source tree: heads of files, arrows between crates, the places of
//! `unsafe` and of single dependencies, and nothing left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of a folder and its folders, relative to the root, with their text.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The sources of all crates, tests left out.
fn sources() -> Vec<(String, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let folders = crates.map(|path| {
        let folder = path.join("src");
        folder.strip_prefix(root()).unwrap().display().to_string()
    });
    let folders: Vec<_> = folders.chain(["src", "datasets/src"].map(str::to_owned)).collect();
    let files: Vec<_> = folders.iter().flat_map(|folder| rust_files(folder)).collect();
    assert!(files.len() > 30, "the sources are somewhere else: {folders:?}");
    files
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap()
}

/// The files of a folder whose code holds a word.
fn files_with(folder: &str, word: &str) -> Vec<String> {
    let holds = |text: &str| text.lines().any(|line| words(code(line)).any(|found| found == word));
    let files = rust_files(folder).into_iter().filter(|(_, text)| holds(text));
    files.map(|(name, _)| name).collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let tests =
        ["crates/storage/tests", "crates/ops/tests", "crates/cli/tests", "tests", "datasets/tests"];
    let tests = tests.into_iter().chain(["fuzz/checks", "fuzz/fuzz_targets"]).flat_map(rust_files);
    for (name, text) in sources().into_iter().chain(tests) {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{name} opens with {first:?}");
    }
}

#[test]
fn unsafe_code_is_in_storage_alone() {
    for (name, text) in sources() {
        let unsafe_line =
            text.lines().position(|line| words(code(line)).any(|word| word == "unsafe"));
        let place = unsafe_line.map(|line| format!("{name}:{}", line + 1));
        assert!(place.is_none() || name.starts_with("crates/storage/"), "{place:?}");
    }
}

/// The `unsafe` blocks and implementations of a text.
fn unsafe_blocks(text: &str) -> usize {
    let marks = ["{", "impl"].map(|mark| format!("unsafe {mark}"));
    let of_line =
        |line: &str| marks.iter().map(|mark| code(line).matches(mark).count()).sum::<usize>();
    text.lines().map(of_line).sum()
}

#[test]
fn every_unsafe_block_is_argued_for() {
    let argued = fs::read_to_string(root().join("docs/safety.md")).unwrap();
    let mut files = 0;
    for (path, text) in sources() {
        let blocks = unsafe_blocks(&text);
        if blocks == 0 {
            continue;
        }
        files += 1;
        let name = path.rsplit('/').next().unwrap();
        let noun = if blocks == 1 { "block" } else { "blocks" };
        let heading = format!("## `{name}`: {blocks} {noun}");
        assert!(argued.lines().any(|line| line == heading), "docs/safety.md has no {heading:?}");
    }
    assert_eq!(argued.lines().filter(|line| line.starts_with("## `")).count(), files);
    for folder in ["crates/storage/tests", "crates/ops/tests", "crates/cli/tests", "examples"] {
        for (path, text) in rust_files(folder) {
            let name = path.rsplit('/').next().unwrap();
            let named = argued.contains(&format!("{name}`"));
            assert!(unsafe_blocks(&text) == 0 || named, "docs/safety.md does not name {path}");
        }
    }
}

#[test]
fn every_test_that_is_said_to_keep_a_promise_exists() {
    let promises = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let files = rust_files("crates");
    let rows = promises.lines().filter(|line| line.starts_with('|'));
    let named: Vec<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    let is_name =
        |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
    let mut tests = 0;
    for name in named {
        if Path::new(name).extension().is_some_and(|extension| extension == "rs") {
            let end = format!("/{name}");
            assert!(files.iter().any(|(path, _)| path.ends_with(&end)), "there is no {name}");
        } else if is_name(name) && name.matches('_').count() > 1 {
            tests += 1;
            let head = format!("fn {name}(");
            assert!(files.iter().any(|(_, text)| text.contains(&head)), "there is no test {name}");
        }
    }
    assert!(tests > 20, "promises are kept by {tests} tests");
}

/// The project's crates that a manifest's `[dependencies]` name.
fn arrows(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let lines = text.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| name.starts_with("outcore")).map(str::to_owned).collect()
}

#[test]
fn arrows_between_crates_point_one_way() {
    let none: [&str; 0] = [];
    assert_eq!(arrows("crates/storage/Cargo.toml"), none);
    assert_eq!(arrows("crates/ops/Cargo.toml"), ["outcore-storage"]);
    let of_cli = arrows("crates/cli/Cargo.toml");
    let known = ["outcore", "outcore-datasets", "outcore-ops", "outcore-storage"];
    assert!(of_cli.iter().all(|name| known.contains(&name.as_str())), "{of_cli:?}");
    assert_eq!(arrows("Cargo.toml"), ["outcore-ops", "outcore-storage"]);
    let of_datasets = arrows("datasets/Cargo.toml");
    assert!(!of_datasets.iter().any(|name| name == "outcore-cli"), "{of_datasets:?}");
}

#[test]
fn operations_touch_neither_files_nor_the_environment() {
    for (name, text) in rust_files("crates/ops/src") {
        for path in ["std::fs", "std::env", "std::net", "std::process", "File::"] {
            let found = text.lines().position(|line| code(line).contains(path));
            assert!(found.is_none(), "{name}:{} uses {path}", found.unwrap() + 1);
        }
    }
}

#[test]
fn single_dependencies_stay_in_their_place() {
    let everywhere = |word: &str| {
        let found = ["crates", "src", "datasets/src"].map(|folder| files_with(folder, word));
        let found = found.concat().into_iter();
        found.filter(|name| !name.contains("/tests/")).collect::<Vec<_>>()
    };
    let maps = everywhere("memmap2");
    assert_eq!(maps.len(), 1, "{maps:?}");
    assert!(maps[0].starts_with("crates/storage/src/"), "{maps:?}");
    let transforms =
        ["fourier", "lanes", "lanes/four_step"].map(|name| format!("crates/ops/src/{name}.rs"));
    assert_eq!(everywhere("rustfft"), transforms);
    for name in everywhere("clap") {
        assert!(name.starts_with("crates/cli/") || name.starts_with("datasets/"), "{name}");
    }
    for name in everywhere("io_uring") {
        assert_eq!(name, "crates/storage/src/batch.rs");
    }
}

#[test]
fn nothing_is_left_behind() {
    // Put together here, so that this file does not hold them.
    let leftovers = ["dbg", "todo", "unimplemented"].map(|name| format!("{name}!("));
    let marks = ["TO", "FIX", "X", "HA"].iter().zip(["DO", "ME", "XX", "CK"]);
    let marks: Vec<_> = marks.map(|(head, tail)| format!("{head}{tail}")).collect();
    let conflict = "<".repeat(7);
    let folders = ["crates", "src", "datasets", "tests", "examples", "benches"];
    for folder in folders.into_iter().chain(["fuzz/checks", "fuzz/fuzz_targets"]) {
        for (name, text) in rust_files(folder) {
            for (number, line) in text.lines().enumerate() {
                let place = format!("{name}:{}: {line}", number + 1);
                assert!(!leftovers.iter().any(|word| line.contains(word)), "{place}");
                assert!(!words(line).any(|word| marks.iter().any(|mark| mark == word)), "{place}");
                assert!(!line.contains(&conflict), "{place}");
                assert!(!line.starts_with("//! Stub"), "{place}");
            }
        }
    }
}

#[test]
fn no_tracked_file_is_large() {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let files = match output {
        Ok(output) if output.status.success() => output.stdout,
        _ => return eprintln!("SKIPPED no_tracked_file_is_large: this is no git repository"),
    };
    let names = files.split(|&byte| byte == 0).map(|name| String::from_utf8_lossy(name));
    for name in names.filter(|name| !name.is_empty()) {
        let path: PathBuf = root().join(&*name);
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        assert!(bytes <= 1 << 20, "{name} has {bytes} bytes");
    }
}
