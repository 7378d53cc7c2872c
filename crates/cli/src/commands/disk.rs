//! `outcore disk`: what the disk under a folder gives, without the page cache's help.
//!
//! Two tables. The first is what a plain program gets that moves a file from one end to the other:
//! `blocks.rs`. Its fastest copy is the floor that every operation is compared with, because an
//! operation reads its input and writes its output at least once. The second is what arrays in
//! files get for the runs of column tiles: `runs.rs`.
//!
//! Both work on two files without a name, which are gone with the process, however that ends. Every
//! byte of them is written before anything is timed: a file system answers reads of what was never
//! written from nothing, and the first write of a block costs more than the next.

mod blocks;
mod repeat;
mod report;
mod runs;

use outcore_ops::{Budget, Bytes};
use outcore_storage::{PageBuffer, ProbeFile, host};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::job::{Outcome, print};
use crate::log::say;
use report::Report;

/// Measure the disk under a folder: reading, writing and copying, in long and in short runs
///
/// Writes two files without a name to the folder, which are gone at the end, and measures with them
/// how fast a plain program reads, writes and copies, through the page cache and past it. The
/// fastest copy is the floor: no operation that reads a file and writes another can be faster. Then
/// measures runs of bytes as column tiles have them, from 4 KiB to 4 MiB, with up to 64 under way at
/// a time. Takes about half a minute on a disk of 1 GB/s.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder on the disk
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Size of each of the two files, from 8MiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    size: usize,
    /// Print one JSON object on standard output instead of the tables
    #[arg(long)]
    json: bool,
    /// Do not tell what is being measured
    #[arg(long, short)]
    quiet: bool,
}

const MIB: usize = 1 << 20;
/// Room for two runs of the longest length.
const LEAST_BYTES: usize = 8 * MIB;
/// Room for the longest runs at the greatest depth.
const MOST_MEMORY: usize = 256 * MIB;

/// Whole mebibytes, so that blocks and rows fill the file.
fn size(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<Budget>().map_err(|error| error.to_string())?.bytes();
    if bytes < LEAST_BYTES as u64 {
        return Err(format!("the least size is 8 MiB, and this is {}", Bytes(bytes)));
    }
    let bytes = usize::try_from(bytes).map_err(|error| error.to_string())?;
    Ok(bytes / MIB * MIB)
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let begin = Instant::now();
    let folder = check(&args.folder, args.size)?;
    let tell = |what: &str| {
        if !args.quiet {
            say(format_args!("  {what}"));
        }
    };
    let mut files = Files::new(&folder, args.size)?;
    tell(&format!("write two files of {}", Bytes(args.size as u64)));
    blocks::fill(&mut files)?;
    let rows = blocks::measure(&mut files, &tell)?;
    let cells = runs::measure(&mut files, &tell)?;
    let seconds = begin.elapsed().as_secs_f64();
    let report = Report { folder: &folder, size: args.size, rows, cells, seconds };
    if args.json { print(&report.json()) } else { print(&report) }
}

/// The folder's full path; refuses what cannot be a folder with room for both files.
fn check(folder: &Path, size: usize) -> Outcome<PathBuf> {
    let name = folder.display();
    let folder = fs::canonicalize(folder).map_err(|error| format!("{name}: {error}"))?;
    if !folder.is_dir() {
        return Err(format!("{name}: is no folder").into());
    }
    let needed = (size as u64).saturating_mul(2);
    match host::free_space(&folder) {
        Some(free) if needed > free => {
            let needs = format!("needs {needed} bytes on its disk for two files");
            Err(format!("{name}: {needs}, which has {free} bytes free").into())
        }
        _ => Ok(folder),
    }
}

/// What is measured with: a file to read, a file to write, and memory.
struct Files {
    source: ProbeFile,
    target: ProbeFile,
    memory: PageBuffer,
}

impl Files {
    /// Creates both files, with their disk space reserved.
    fn new(folder: &Path, size: usize) -> Outcome<Self> {
        let source = ProbeFile::scratch(folder, size as u64)?;
        let target = ProbeFile::scratch(folder, size as u64)?;
        let available = host::available_memory().and_then(|bytes| usize::try_from(bytes).ok());
        let most = available.map_or(MOST_MEMORY, |bytes| bytes / 2);
        let memory = PageBuffer::new(MOST_MEMORY.min(most).min(size).max(MIB));
        Ok(Self { source, target, memory })
    }

    /// Makes the page cache forget both files.
    fn forget_cached(&self) -> Outcome<()> {
        self.source.forget_cached()?;
        Ok(self.target.forget_cached()?)
    }
}
