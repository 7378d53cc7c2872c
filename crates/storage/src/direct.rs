//! Reading and writing past the page cache.
//!
//! An array that is larger than memory gains nothing from the page cache, and loses: every byte is
//! copied by the kernel, and pages that will not be read again push out those that will. Direct
//! transfers want whole pages, in the file and in memory, so they go through a small aligned batch:
//!
//! ```text
//!   file   ──┬─────┬─────┬─────┬─────┬──        batch   ┌─────┬─────┬─────┐
//!            │   ▒▒│▒▒▒▒▒│▒▒   │     │   ◀───────────▶  │   ▒▒│▒▒▒▒▒│▒▒   │  ◀──▶  tile
//!          ──┴─────┴─────┴─────┴─────┴──                └─────┴─────┴─────┘
//!             a run: head, whole pages, tail             one request for each run
//! ```
//!
//! Reads take in the neighbours of a run's head and tail, up to the next sector. Writes must not, so
//! heads and tails of a page are written through the page cache; the kernel keeps both ways coherent.
//! All requests of a batch are under way at a time, through `io_uring` where the kernel has it and one
//! after another elsewhere. A long run that lies at the same distance from a sector in memory as in
//! the file needs no batch: its middle goes straight to its place.
//! Sources: Axboe, "Efficient IO with io_uring", 2019; the Linux manual page open(2), `O_DIRECT`.

use rustix::fs::{AtFlags, OFlags, StatxFlags, fstatfs, statx};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::batch::{Batch, with_batch};

/// The unit of direct transfers; no file system asks for more.
pub(crate) const PAGE: usize = 4096;

/// Runs from this length on are transferred without a copy where they can be. Shorter ones do better
/// together in a batch.
pub(crate) const LONG: usize = 128 << 10;

/// A second handle on a file, past the page cache.
#[derive(Debug)]
pub(crate) struct DirectFile {
    file: File,
    /// The unit in which this file can be read, in the file and in memory.
    sector: usize,
    given_up: AtomicBool,
}

/// A transfer that failed: where, how many bytes, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
    pub(crate) error: io::Error,
}

impl Failed {
    /// Whether the file system turned the request down as it is, so that it must go the usual way.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
    }
}

impl DirectFile {
    /// Opens a file once more; `None` where its file system has no direct transfers.
    pub(crate) fn of(file: &File, writable: bool) -> Option<Self> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let file = File::options().read(true).write(writable).custom_flags(flags).open(path);
        let file = file.ok()?;
        let sector = sector(&file)?;
        Some(Self { file, sector, given_up: AtomicBool::new(false) })
    }

    /// Whether this way has turned out not to work for this file.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// The handle, for single requests of whole pages.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Reads runs of bytes, each from its offset.
    pub(crate) fn read<'a>(
        &self,
        runs: impl Iterator<Item = (u64, &'a mut [u8])>,
    ) -> Result<(), Failed> {
        with_batch(|batch| self.read_with(batch, runs))
    }

    fn read_with<'a>(
        &self,
        batch: &mut Batch,
        runs: impl Iterator<Item = (u64, &'a mut [u8])>,
    ) -> Result<(), Failed> {
        let mut targets = Vec::new();
        for (offset, bytes) in runs {
            let (head, middle) = self.without_copy(offset, bytes.as_ptr(), bytes.len());
            let (head_bytes, rest) = bytes.split_at_mut(head);
            let (middle_bytes, tail_bytes) = rest.split_at_mut(middle);
            let middle_offset = offset + head as u64;
            self.read_run(batch, &mut targets, offset, head_bytes)?;
            read_exact(&self.file, middle_bytes, middle_offset)?;
            self.read_run(batch, &mut targets, middle_offset + middle as u64, tail_bytes)?;
        }
        batch.read(&self.file, &mut targets)
    }

    /// Adds a run to the batch, which is read each time it is full.
    fn read_run<'a>(
        &self,
        batch: &mut Batch,
        targets: &mut Vec<(usize, &'a mut [u8])>,
        mut offset: u64,
        mut bytes: &'a mut [u8],
    ) -> Result<(), Failed> {
        while !bytes.is_empty() {
            if batch.room() == 0 {
                batch.read(&self.file, targets)?;
            }
            let skip = in_unit(offset, self.sector);
            let len = bytes.len().min(batch.room() - skip);
            let (target, rest) = bytes.split_at_mut(len);
            batch.push(offset - skip as u64, (skip + len).next_multiple_of(self.sector));
            targets.push((skip, target));
            (offset, bytes) = (offset + len as u64, rest);
        }
        Ok(())
    }

    /// How many bytes of a run lie before the part that needs no copy, and how many in it.
    fn without_copy(&self, offset: u64, memory: *const u8, len: usize) -> (usize, usize) {
        let congruent = in_unit(offset, self.sector) == memory.addr() % self.sector;
        if len < LONG || !congruent {
            return (len, 0);
        }
        let head = (self.sector - in_unit(offset, self.sector)) % self.sector;
        let middle = (len - head) / self.sector * self.sector;
        (head, middle)
    }

    /// Writes runs of bytes, each to its offset: whole pages directly, the rest to `buffered`.
    pub(crate) fn write<'a>(
        &self,
        buffered: &File,
        runs: impl Iterator<Item = (u64, &'a [u8])>,
    ) -> Result<(), Failed> {
        with_batch(|batch| self.write_with(batch, buffered, runs))
    }

    fn write_with<'a>(
        &self,
        batch: &mut Batch,
        buffered: &File,
        runs: impl Iterator<Item = (u64, &'a [u8])>,
    ) -> Result<(), Failed> {
        for (mut offset, bytes) in runs {
            let head = ((PAGE - in_unit(offset, PAGE)) % PAGE).min(bytes.len());
            let tail = (bytes.len() - head) % PAGE;
            let (head, rest) = bytes.split_at(head);
            let (pages, tail) = rest.split_at(rest.len() - tail);
            write_all(buffered, head, offset)?;
            offset += head.len() as u64;
            let congruent = pages.as_ptr().addr().is_multiple_of(self.sector);
            if pages.len() >= LONG && congruent {
                write_all(&self.file, pages, offset)?;
            } else {
                self.write_pages(batch, offset, pages)?;
            }
            write_all(buffered, tail, offset + pages.len() as u64)?;
        }
        batch.write(&self.file)
    }

    /// Adds whole pages to the batch, which is written each time it is full.
    fn write_pages(
        &self,
        batch: &mut Batch,
        mut offset: u64,
        mut pages: &[u8],
    ) -> Result<(), Failed> {
        while !pages.is_empty() {
            if batch.room() < PAGE {
                batch.write(&self.file)?;
            }
            let (now, later) = pages.split_at(pages.len().min(batch.room() / PAGE * PAGE));
            let span = batch.push(offset, now.len());
            batch.bytes_mut(span).copy_from_slice(now);
            (offset, pages) = (offset + now.len() as u64, later);
        }
        Ok(())
    }
}

/// The unit of direct reads; `None` where the file system takes `O_DIRECT` and uses the page cache in
/// spite of it: tmpfs, which has no other place (since Linux 6.6), and what tells so itself (ext4
/// that journals data).
fn sector(file: &File) -> Option<usize> {
    const TMPFS: i128 = 0x0102_1994;
    const RAMFS: i128 = 0x8584_58f6;
    if fstatfs(file).is_ok_and(|stat| [TMPFS, RAMFS].contains(&stat.f_type.into())) {
        return None;
    }
    // Told since Linux 6.1.
    let told = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN).ok();
    let told = told.filter(|stat| stat.stx_mask & StatxFlags::DIOALIGN.bits() != 0);
    let Some(stat) = told else { return Some(PAGE) };
    let sector = stat.stx_dio_offset_align.max(stat.stx_dio_mem_align) as usize;
    match stat.stx_dio_offset_align {
        0 => None,
        _ if sector.is_power_of_two() && sector <= PAGE => Some(sector),
        _ => Some(PAGE),
    }
}

fn in_unit(offset: u64, unit: usize) -> usize {
    usize::try_from(offset % unit as u64).expect("less than a unit")
}

/// Reads all of a run; for long ones, which fill the disk's queue by themselves.
fn read_exact(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), Failed> {
    let len = bytes.len();
    let mut got = 0;
    while got < len {
        match file.read_at(&mut bytes[got..], offset + got as u64) {
            Ok(0) => {
                let error = io::ErrorKind::UnexpectedEof.into();
                return Err(Failed { offset, bytes: len, error });
            }
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // After the last sector of a file that ends within one, direct reads go no further.
            Err(_) if !got.is_multiple_of(512) => {
                let error = io::ErrorKind::UnexpectedEof.into();
                return Err(Failed { offset, bytes: len, error });
            }
            Err(error) => return Err(Failed { offset, bytes: len, error }),
        }
    }
    Ok(())
}

fn write_all(file: &File, bytes: &[u8], offset: u64) -> Result<(), Failed> {
    let failed = |error| Failed { offset, bytes: bytes.len(), error };
    file.write_all_at(bytes, offset).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Buffer;
    use proptest::prelude::*;
    use std::ops::Range;

    const FILE_BYTES: usize = 3 << 20;

    fn pattern(seed: usize, len: usize) -> Vec<u8> {
        (0..len).map(|index| (((index + seed) * 2_654_435_761) >> 13).to_le_bytes()[0]).collect()
    }

    /// Runs that do not overlap, in the order of the file: short, long, next to each other and apart.
    fn runs() -> impl Strategy<Value = Vec<Range<usize>>> {
        let gap = prop_oneof![Just(0_usize), 1_usize..600, 1_usize..20_000];
        let len = prop_oneof![1_usize..600, 4096_usize..20_000, LONG..LONG + 9000, LONG..1 << 20];
        prop::collection::vec((gap, len), 1..40).prop_map(|parts| {
            let mut end = 0;
            let runs = parts.into_iter().map(|(gap, len)| {
                let begin = (end + gap).min(FILE_BYTES);
                end = (begin + len).min(FILE_BYTES);
                begin..end
            });
            runs.filter(|run| !run.is_empty()).collect()
        })
    }

    /// A file in a folder whose file system has direct transfers; `None` where none is known.
    fn file_of(bytes: &[u8]) -> Option<(File, DirectFile)> {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).ok()?;
        file.write_all_at(bytes, 0).unwrap();
        let direct = DirectFile::of(&file, true)?;
        Some((file, direct))
    }

    /// A batch with a ring, if the kernel has rings, and one without.
    fn batches() -> Vec<Batch> {
        let mut batches: Vec<_> = Batch::huge_page().take(2).collect();
        batches[1].without_ring();
        batches
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

        #[test]
        #[cfg_attr(miri, ignore = "Miri has no direct transfers and no rings")]
        fn every_path_reads_and_writes_the_same_bytes(
            runs in runs(),
            // How far memory is from a sector, and the file.
            phase in prop_oneof![Just(0_usize), Just(128), 0_usize..512],
        ) {
            let before = pattern(1, FILE_BYTES);
            let Some((file, direct)) = file_of(&before) else { return Ok(()) };
            for (number, mut batch) in batches().into_iter().enumerate() {
                // The same distances between runs in memory as in the file: some need no copy.
                let mut memory = Buffer::<u8>::new(FILE_BYTES + 512, 0);
                let mut rest = &mut memory[phase..];
                let (mut targets, mut place) = (Vec::new(), 0);
                for run in &runs {
                    let (_, later) = rest.split_at_mut(run.start - place);
                    let (target, later) = later.split_at_mut(run.len());
                    targets.push((run.start as u64, target));
                    (rest, place) = (later, run.end);
                }
                batch.clear();
                direct.read_with(&mut batch, targets.into_iter()).map_err(|f| f.error).unwrap();
                let after = pattern(2 + number, FILE_BYTES);
                let mut expected = vec![0; FILE_BYTES];
                file.read_exact_at(&mut expected, 0).unwrap();
                for run in &runs {
                    let read = &memory[phase + run.start..phase + run.end];
                    prop_assert!(*read == expected[run.clone()], "{run:?} differs");
                    expected[run.clone()].copy_from_slice(&after[run.clone()]);
                }
                memory[phase..phase + FILE_BYTES].copy_from_slice(&after);
                let written = runs.iter().map(|run| {
                    (run.start as u64, &memory[phase + run.start..phase + run.end])
                });
                batch.clear();
                direct.write_with(&mut batch, &file, written).map_err(|f| f.error).unwrap();
                let mut found = vec![0; FILE_BYTES];
                file.read_exact_at(&mut found, 0).unwrap();
                prop_assert!(found == expected, "the file differs");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no direct transfers and no rings")]
    fn a_file_that_ends_within_a_run_is_an_error_by_every_path() {
        let Some((_file, direct)) = file_of(&pattern(1, 300_000)) else { return };
        for (offset, len) in [(0, 300_001), (299_000, 4096), (0, 1 << 20), (400_000, 10)] {
            for mut batch in batches() {
                let mut memory = Buffer::<u8>::new(len, 0);
                batch.clear();
                let runs = [(offset, &mut memory[..])].into_iter();
                let failed = direct.read_with(&mut batch, runs).unwrap_err();
                assert_eq!(failed.error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}
