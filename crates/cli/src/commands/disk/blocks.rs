//! The first table: files from one end to the other, block by block, as a plain program moves them.
//!
//! ```text
//!   source   ┌──────┬──────┬──────┬──────┬──────┬─        each thread takes the next block,
//!            │ done │ thr. 1 thr. 2 done │ thr. 3         reads it, writes it
//!   target   └──────┴──────┴──────┴──────┴──────┴─        to the same place, and so on
//! ```
//!
//! How many threads and which blocks are the fastest depends on the disk. So each arrangement is
//! tried for a tenth of a second, every trial going on in the file where the last one ended, and
//! the fastest does the whole file. Of copies the two fastest do, because the better of them is the
//! floor. Before each trial and each run the page cache forgets both files, and each that writes
//! ends with a flush, which counts. Nothing tries to have the kernel copy (`copy_file_range`): on
//! some file systems that copies no bytes.

use outcore_storage::{ProbeFile, Way};
use std::cmp::Reverse;
use std::time::Duration;

use super::repeat::{Rate, repeat, seconds};
use super::{Files, MIB};
use crate::job::Outcome;

/// What is done with each block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    Read,
    Write,
    Copy,
}

impl Transfer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Copy => "copy",
        }
    }
}

/// How a file is cut, and how many blocks are under way at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrangement {
    pub(super) block_bytes: usize,
    pub(super) threads: usize,
}

/// A row of the table, for one of its two ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) transfer: Transfer,
    /// Through the page cache, or past it.
    pub(super) cached: bool,
    /// The fastest; `None` where the file system has no such way.
    pub(super) best: Option<(Arrangement, Rate)>,
}

const TRIAL: Duration = Duration::from_millis(100);
/// The kernel reads ahead and writes behind, so blocks need not be long.
const CACHED_BLOCKS: [usize; 1] = [MIB];
const BLOCKS: [usize; 3] = [MIB, 4 * MIB, 16 * MIB];
const THREADS: [usize; 4] = [1, 2, 4, 8];

/// Writes every byte of both files.
pub(super) fn fill(files: &mut Files) -> Outcome<()> {
    let cached = files.target.past_cache().is_none();
    let threads = (files.memory.len() / MIB).min(4);
    for _ in 0..2 {
        let arrangement = Arrangement { block_bytes: MIB, threads };
        time(files, Transfer::Write, cached, arrangement, 0, Duration::MAX)?;
        std::mem::swap(&mut files.source, &mut files.target);
    }
    Ok(())
}

/// Measures all rows.
pub(super) fn measure(files: &mut Files, tell: &dyn Fn(&str)) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for cached in [true, false] {
        for transfer in [Transfer::Read, Transfer::Write, Transfer::Copy] {
            let way = if cached { "through" } else { "past" };
            tell(&format!("{} {way} the page cache", transfer.name()));
            rows.push(Row { transfer, cached, best: fastest(files, transfer, cached)? });
        }
    }
    Ok(rows)
}

/// The fastest arrangement, with its rate over the whole file.
fn fastest(
    files: &mut Files,
    transfer: Transfer,
    cached: bool,
) -> Outcome<Option<(Arrangement, Rate)>> {
    if way(&files.source, cached).is_none() {
        return Ok(None);
    }
    let mut tried = Vec::new();
    let mut first_byte = 0;
    for arrangement in arrangements(cached, files.memory.len()) {
        let rate = time(files, transfer, cached, arrangement, first_byte, TRIAL)?;
        first_byte = (first_byte + rate.bytes) % files.source.bytes();
        tried.push((arrangement, rate));
    }
    tried.sort_by_key(|(_, rate)| Reverse(rate.bytes_per_second()));
    tried.truncate(if transfer == Transfer::Copy { 2 } else { 1 });
    for (arrangement, rate) in &mut tried {
        *rate = time(files, transfer, cached, *arrangement, 0, Duration::MAX)?;
    }
    Ok(tried.into_iter().max_by_key(|(_, rate)| rate.bytes_per_second()))
}

/// The arrangements whose blocks fit the memory.
fn arrangements(cached: bool, memory: usize) -> impl Iterator<Item = Arrangement> {
    let blocks = if cached { &CACHED_BLOCKS[..] } else { &BLOCKS[..] };
    let all = blocks.iter().flat_map(|&block_bytes| {
        THREADS.into_iter().map(move |threads| Arrangement { block_bytes, threads })
    });
    all.filter(move |Arrangement { block_bytes, threads }| block_bytes * threads <= memory)
}

fn way(file: &ProbeFile, cached: bool) -> Option<Way<'_>> {
    if cached { Some(file.through_cache()) } else { file.past_cache() }
}

/// Moves blocks from near a byte on, until the time or the file is over.
fn time(
    files: &mut Files,
    transfer: Transfer,
    cached: bool,
    arrangement: Arrangement,
    first_byte: u64,
    limit: Duration,
) -> Outcome<Rate> {
    files.forget_cached()?;
    let Files { source, target, memory } = files;
    let Arrangement { block_bytes, threads } = arrangement;
    let ways = way(source, cached).zip(way(target, cached));
    let (from, to) = ways.expect("a way that is there");
    let (bytes, block) = (source.bytes(), block_bytes as u64);
    let blocks = bytes.div_ceil(block);
    let move_block = |index, buffer: &mut [u8]| {
        let offset = (first_byte / block + index) % blocks * block;
        let len = block.min(bytes - offset);
        let buffer = &mut buffer[..usize::try_from(len).map_or(block_bytes, |len| len)];
        if transfer != Transfer::Write {
            from.read(buffer, offset)?;
        }
        if transfer != Transfer::Read {
            to.write(buffer, offset)?;
        }
        Ok(len)
    };
    let buffers = memory.chunks_exact_mut(block_bytes).take(threads);
    let mut rate = repeat(buffers, blocks, limit, move_block)?;
    if transfer != Transfer::Read {
        rate.seconds += seconds(|| target.flush())?;
    }
    Ok(rate)
}
