//! Under the limit of a real control group nothing is killed, and memory stays within the budget and a
//! small base: when an array four times the limit is transformed, and for every command, at any size of
//! array, in any shape, on any number of threads.
//!
//! Runs where a control group with a memory limit can be made, as by root, or below a group that was
//! delegated.

mod support;

use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_storage::{Element, FileArray, FileArrayMut, Options, Window};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Ran, folder, skipped};

const LIMIT: u64 = 96 << 20;
const MEMORY: u64 = 64 << 20;
/// What the program takes besides its budget: code, stacks, the runtime.
const BASE: u64 = 32 << 20;
/// 384 MiB of `complex64`: four times the limit.
const SHAPE: (usize, usize) = (4096, 12_288);

type C32 = Complex<f32>;

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A control group with a memory limit; it is removed with the value.
struct Group(PathBuf);

impl Group {
    fn new(limit: u64) -> Result<Self, String> {
        let v1 = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes");
        let v2 = ("/sys/fs/cgroup", "memory.max");
        let mut reasons = Vec::new();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        for (root, file) in [v1, v2] {
            let group = Self(Path::new(root).join(format!("outcore-test-{}-{number}", id())));
            let made = fs::create_dir(&group.0)
                .and_then(|()| fs::write(group.0.join(file), limit.to_string()));
            match made {
                Ok(()) => return Ok(group),
                Err(error) => reasons.push(format!("{}: {error}", group.0.join(file).display())),
            }
        }
        Err(reasons.join("; "))
    }

    /// How often the kernel has killed for want of memory.
    fn kills(&self) -> u64 {
        let events = ["memory.oom_control", "memory.events"]
            .iter()
            .find_map(|name| fs::read_to_string(self.0.join(name)).ok())
            .unwrap_or_default();
        let line = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// Runs the program inside.
    fn run(&self, folder: &Path, arguments: &str) -> Ran {
        let join = "echo $$ > \"$0\"/cgroup.procs && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", join]).arg(&self.0).arg(env!("CARGO_BIN_EXE_outcore"));
        command.args(arguments.split_whitespace()).current_dir(folder);
        Ran::new(command.output().unwrap())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// An impulse in an array of zeros, which takes no disk.
fn write_impulse(path: &Path, place: [usize; 2]) {
    let options = Options::new().sparse(true);
    let mut file: FileArrayMut<C32, Ix2> = options.create(path, SHAPE).unwrap();
    let [row, column] = place;
    let impulse = Array2::from_elem((1, 1), Complex::new(3.0, 0.0));
    file.write_window([row..row + 1, column..column + 1], &impulse).unwrap();
    file.close().unwrap();
}

fn element(path: &Path, [row, column]: [usize; 2]) -> C32 {
    let file: FileArray<C32, Ix2> = FileArray::open(path).unwrap();
    file.read_window(Window::from([row..row + 1, column..column + 1])).unwrap()[[0, 0]]
}

#[test]
fn an_array_larger_than_the_limit_is_transformed_within_the_budget() {
    let name = "an_array_larger_than_the_limit_is_transformed_within_the_budget";
    let group = match Group::new(LIMIT) {
        Ok(group) => group,
        Err(reason) => return skipped(name, &format!("cannot limit memory: {reason}")),
    };
    let folder = folder().unwrap();
    // The spectrum turns by a quarter with every row: 3, -3i, -3, 3i.
    write_impulse(&folder.path().join("in.npy"), [SHAPE.0 / 4, 0]);
    let arguments = format!("fft2 in.npy out.npy --json --quiet --memory {MEMORY} --threads 2");
    let ran = group.run(folder.path(), &arguments).ok();
    assert_eq!(group.kills(), 0);
    let object = ran.json();
    assert_eq!(object["passes"], 2);
    let peak = object["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= MEMORY + BASE, "peak {peak}, budget {MEMORY}");
    assert!(peak > MEMORY / 2, "peak {peak}, budget {MEMORY}");
    let bins = [
        ([0, 0], Complex::new(3.0, 0.0)),
        ([1, 4000], Complex::new(0.0, -3.0)),
        ([2, 1], Complex::new(-3.0, 0.0)),
        ([4095, 12_287], Complex::new(0.0, 3.0)),
    ];
    for (bin, expected) in bins {
        let found = element(&folder.path().join("out.npy"), bin);
        assert!((found - expected).norm() < 1e-5, "{bin:?}: {found}, not {expected}");
    }
}

#[test]
fn the_default_budget_is_what_the_limit_leaves_by_half() {
    let name = "the_default_budget_is_what_the_limit_leaves_by_half";
    let group = match Group::new(LIMIT) {
        Ok(group) => group,
        Err(reason) => return skipped(name, &format!("cannot limit memory: {reason}")),
    };
    let folder = folder().unwrap();
    write_impulse(&folder.path().join("in.npy"), [0, 0]);
    let plan = group.run(folder.path(), "fft2 in.npy out.npy --dry-run --json").ok().json();
    let planned = plan["planned_memory_bytes"].as_u64().unwrap();
    assert!((LIMIT / 4..=LIMIT / 2).contains(&planned), "plans with {planned} of {LIMIT}");
    let ran = group.run(folder.path(), "fft2 in.npy out.npy --json --quiet").ok().json();
    assert_eq!(group.kills(), 0);
    let peak = ran["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= LIMIT / 2 + BASE, "peak {peak}, limit {LIMIT}");
    let found = element(&folder.path().join("out.npy"), [77, 4099]);
    assert_eq!(found, Complex::new(3.0, 0.0));
}

/// The budget of commands on arrays of several sizes.
const SMALL: u64 = 8 << 20;
/// The page cache needs this much, so that it is no matter of seconds to write a file.
const CACHED: u64 = 16 << 20;

const COMMANDS: [&str; 22] = [
    "fft2 in.npy out.npy",
    "fft2 in.npy out.npy --real",
    "fft2 in.npy out.npy --tile 256,200",
    "eval a*a+sin(a) a=in.npy --output out.npy",
    "convert in.npy out.npy --dtype f8 --order F",
    "transpose in.npy out.npy",
    "reduce std in.npy",
    "reduce sum in.npy --axis 0 --output out.npy",
    "reduce sum in.npy --axis 1 --output out.npy",
    "scan cumsum in.npy out.npy --axis 0",
    "scan cumsum in.npy out.npy --axis 1",
    "quantile in.npy 0.5",
    "quantile in.npy 0.5 --axis 0 --output out.npy",
    "quantile in.npy 0.5 --axis 1 --output out.npy",
    "histogram in.npy",
    "stats in.npy",
    "view in.npy",
    "view in.npy --png view.png",
    "fft in.npy out.npy --axes 0",
    "fft in.npy out.npy --axes 1",
    "fft in.npy out.npy --real",
    "fft in.npy out.npy --real --inverse",
];

/// Zeros, which take no disk.
fn write_zeros<T: Element>(folder: &Path, shape: (usize, usize)) {
    let options = Options::new().sparse(true);
    let file: FileArrayMut<T, Ix2> = options.create(folder.join("in.npy"), shape).unwrap();
    file.close().unwrap();
}

/// Runs a command within a budget, or sees it refused with both numbers; answers which.
fn keeps_to(group: &Group, folder: &Path, line: &str, budget: u64, threads: usize) -> bool {
    let line = format!("{line} --json --quiet --force --memory {budget} --threads {threads}");
    // There is nothing to be put in the place of, where nothing is written.
    let writes = line.contains("out.npy");
    let line = if writes { line } else { line.replace(" --force", "") };
    let ran = group.run(folder, &line);
    assert_eq!(group.kills(), 0, "{line}");
    if ran.code == Some(1) && ran.stderr.contains("needs at least") {
        assert!(ran.stderr.contains(&format!("({budget} bytes)")), "{line}: {ran:?}");
        return false;
    }
    let peak = ran.ok().json()["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= budget + BASE, "{line}: peak {peak}, budget {budget}");
    true
}

#[test]
fn every_command_keeps_to_its_budget_at_any_size() {
    let name = "every_command_keeps_to_its_budget_at_any_size";
    let group = match Group::new(SMALL + BASE + CACHED) {
        Ok(group) => group,
        Err(reason) => return skipped(name, &format!("cannot limit memory: {reason}")),
    };
    let folder = folder().unwrap();
    // One, four and twelve times the budget.
    for (times, shape) in [(1, (1024, 2048)), (4, (2048, 4096)), (12, (4096, 6144))] {
        write_zeros::<f32>(folder.path(), shape);
        for (index, line) in COMMANDS.iter().enumerate() {
            // The larger take time: each on one number of threads, half of them on either.
            let threads = if times > 1 { index % 2 + 1..index % 2 + 2 } else { 1..3 };
            for threads in threads {
                assert!(keeps_to(&group, folder.path(), line, SMALL, threads), "{line}: {shape:?}");
            }
        }
    }
}

#[test]
fn every_command_keeps_to_its_budget_in_any_shape() {
    let name = "every_command_keeps_to_its_budget_in_any_shape";
    let group = match Group::new(SMALL + BASE + CACHED) {
        Ok(group) => group,
        Err(reason) => return skipped(name, &format!("cannot limit memory: {reason}")),
    };
    let folder = folder().unwrap();
    let mut refused = Vec::new();
    for shape in [(1_000_000, 3), (3, 1_000_000), (1, 3_000_000)] {
        write_zeros::<f32>(folder.path(), shape);
        for (index, line) in COMMANDS.iter().enumerate() {
            if !keeps_to(&group, folder.path(), line, SMALL, index % 2 + 1) {
                refused.push((shape, *line));
            }
        }
    }
    // Whole lanes in memory are what these need, and all others do without.
    assert!(refused.iter().all(|(_, line)| line.starts_with("fft") || line.contains("--axis")));
    assert!(refused.contains(&((1, 3_000_000), COMMANDS[13])), "{refused:?}");
    // A lane that is cut in two need not fit.
    assert!(!refused.contains(&((1, 3_000_000), COMMANDS[17])), "{refused:?}");
    assert!(refused.len() < 20, "{refused:?}");
    // A lane of a thousand million elements.
    write_zeros::<u8>(folder.path(), (1, 1_000_000_000));
    assert!(keeps_to(&group, folder.path(), "reduce max in.npy", SMALL, 2));
    assert!(keeps_to(&group, folder.path(), "view in.npy", SMALL, 2));
    assert!(!keeps_to(&group, folder.path(), COMMANDS[13], SMALL, 2));
}
