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
//! Reads take in the neighbours of a run's head and tail. Writes must not, so heads and tails are
//! written through the page cache; the kernel keeps both ways coherent. All requests of a batch are
//! under way at a time, through `io_uring` where the kernel has it and one after another elsewhere.
//! Sources: Axboe, "Efficient IO with io_uring", 2019; the Linux manual page open(2), `O_DIRECT`.
#![expect(unsafe_code, reason = "io_uring is given the addresses of buffers")]

use bytemuck::{Pod, Zeroable};
use io_uring::{IoUring, opcode, types::Fd};
use rustix::fs::{AtFlags, OFlags, StatxFlags, fstatfs, statx};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use crate::file_array::STAGING_BYTES;

/// The unit of direct transfers; no file system asks for more.
pub(crate) const PAGE: usize = 4096;
const BATCH_PAGES: usize = STAGING_BYTES / PAGE;

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(4096))]
pub(crate) struct Page([u8; PAGE]);

/// A second handle on a file, past the page cache.
#[derive(Debug)]
pub(crate) struct DirectFile(File);

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Read,
    Write,
}

/// Neighbouring pages of the file, next to each other in the batch.
#[derive(Clone, Copy, Debug)]
struct Span {
    offset: u64,
    first_page: usize,
    pages: usize,
}

/// The pages that one thread transfers at a time.
struct Batch {
    pages: Vec<Page>,
    used: usize,
    spans: Vec<Span>,
    ring: Option<IoUring>,
}

thread_local! {
    static BATCH: RefCell<Batch> = RefCell::new(Batch {
        pages: vec![Page::zeroed(); BATCH_PAGES],
        used: 0,
        spans: Vec::with_capacity(BATCH_PAGES),
        // Without io_uring (an old kernel, or one that forbids it) requests go one by one.
        ring: u32::try_from(BATCH_PAGES).ok().and_then(|entries| IoUring::new(entries).ok()),
    });
}

impl DirectFile {
    /// Opens a file once more; `None` where its file system has no direct transfers.
    pub(crate) fn of(file: &File, writable: bool) -> Option<Self> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let file =
            File::options().read(true).write(writable).custom_flags(flags).open(path).ok()?;
        (!is_cached_all_the_same(&file)).then_some(Self(file))
    }

    /// The handle, for single requests of whole pages.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }

    /// Reads runs of bytes, each from its offset.
    pub(crate) fn read<'a>(
        &self,
        runs: impl Iterator<Item = (u64, &'a mut [u8])>,
    ) -> Result<(), Failed> {
        BATCH.with_borrow_mut(|batch| {
            batch.clear();
            let mut targets = Vec::with_capacity(BATCH_PAGES);
            for (mut offset, mut bytes) in runs {
                while !bytes.is_empty() {
                    if batch.room() == 0 {
                        batch.read(&self.0, &mut targets)?;
                    }
                    let skip = in_page(offset);
                    let len = bytes.len().min(batch.room() * PAGE - skip);
                    let (target, rest) = bytes.split_at_mut(len);
                    batch.push(offset - skip as u64, (skip + len).div_ceil(PAGE));
                    targets.push((skip, target));
                    (offset, bytes) = (offset + len as u64, rest);
                }
            }
            batch.read(&self.0, &mut targets)
        })
    }

    /// Writes runs of bytes, each to its offset: whole pages directly, the rest to `buffered`.
    pub(crate) fn write<'a>(
        &self,
        buffered: &File,
        runs: impl Iterator<Item = (u64, &'a [u8])>,
    ) -> Result<(), Failed> {
        BATCH.with_borrow_mut(|batch| {
            batch.clear();
            for (offset, bytes) in runs {
                let head = ((PAGE - in_page(offset)) % PAGE).min(bytes.len());
                let tail = (bytes.len() - head) % PAGE;
                let (head, rest) = bytes.split_at(head);
                let (pages, tail) = rest.split_at(rest.len() - tail);
                let mut offset = offset;
                write_buffered(buffered, head, &mut offset)?;
                let mut pages = pages;
                while !pages.is_empty() {
                    if batch.room() == 0 {
                        batch.write(&self.0)?;
                    }
                    let (now, later) = pages.split_at(pages.len().min(batch.room() * PAGE));
                    let span = batch.push(offset, now.len() / PAGE);
                    batch.bytes_mut(span).copy_from_slice(now);
                    (offset, pages) = (offset + now.len() as u64, later);
                }
                write_buffered(buffered, tail, &mut offset)?;
            }
            batch.write(&self.0)
        })
    }
}

/// Whether the file system takes `O_DIRECT` and uses the page cache in spite of it: tmpfs, which has
/// no other place (since Linux 6.6), and what tells so itself (ext4 that journals data).
fn is_cached_all_the_same(file: &File) -> bool {
    const TMPFS: i128 = 0x0102_1994;
    const RAMFS: i128 = 0x8584_58f6;
    let in_memory = fstatfs(file).is_ok_and(|stat| [TMPFS, RAMFS].contains(&stat.f_type.into()));
    let told = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN).is_ok_and(|stat| {
        stat.stx_mask & StatxFlags::DIOALIGN.bits() != 0 && stat.stx_dio_offset_align == 0
    });
    in_memory || told
}

/// How many runs of so many bytes, whole pages, are under way at a time in one call.
pub(crate) fn runs_at_once(run_bytes: usize) -> usize {
    let ring = BATCH.with_borrow(|batch| batch.ring.is_some());
    if ring { (STAGING_BYTES / run_bytes).max(1) } else { 1 }
}

fn in_page(offset: u64) -> usize {
    usize::try_from(offset % PAGE as u64).expect("less than a page")
}

fn write_buffered(file: &File, bytes: &[u8], offset: &mut u64) -> Result<(), Failed> {
    if !bytes.is_empty() {
        let failed = |error| Failed { offset: *offset, bytes: bytes.len(), error };
        file.write_all_at(bytes, *offset).map_err(failed)?;
        *offset += bytes.len() as u64;
    }
    Ok(())
}

impl Batch {
    fn clear(&mut self) {
        self.used = 0;
        self.spans.clear();
    }

    /// The pages that are free.
    fn room(&self) -> usize {
        self.pages.len() - self.used
    }

    fn push(&mut self, offset: u64, pages: usize) -> Span {
        let span = Span { offset, first_page: self.used, pages };
        self.used += pages;
        self.spans.push(span);
        span
    }

    fn bytes_mut(&mut self, span: Span) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.pages[span.first_page..span.first_page + span.pages])
    }

    /// Reads all spans and copies what was asked for to its targets.
    fn read(&mut self, file: &File, targets: &mut Vec<(usize, &mut [u8])>) -> Result<(), Failed> {
        let spans = self.transfer(file, Transfer::Read)?;
        for ((span, got), (skip, target)) in spans.into_iter().zip(targets.drain(..)) {
            let (offset, bytes) = (span.offset + skip as u64, target.len());
            if got < skip + bytes {
                let error = io::ErrorKind::UnexpectedEof.into();
                return Err(Failed { offset, bytes, error });
            }
            target.copy_from_slice(&self.bytes_mut(span)[skip..skip + bytes]);
        }
        Ok(())
    }

    fn write(&mut self, file: &File) -> Result<(), Failed> {
        self.transfer(file, Transfer::Write).map(|_| ())
    }

    /// Transfers all spans and empties the batch; returns the bytes that each got.
    fn transfer(&mut self, file: &File, transfer: Transfer) -> Result<Vec<(Span, usize)>, Failed> {
        let spans = std::mem::take(&mut self.spans);
        self.used = 0;
        let mut done = match self.at_once(file, transfer, &spans) {
            Some(results) => results,
            None => spans.iter().map(|_| Ok(0)).collect(),
        };
        // What is not done yet, and the rest of transfers that were cut short.
        for (span, done) in spans.iter().zip(&mut done) {
            if let Ok(got) = *done {
                *done = self.one_by_one(file, transfer, *span, got);
            }
        }
        let outcome = spans.iter().zip(done).map(|(&span, done)| match done {
            Ok(got) => Ok((span, got)),
            Err(error) => Err(Failed { offset: span.offset, bytes: span.pages * PAGE, error }),
        });
        let outcome = outcome.collect();
        self.spans = spans;
        self.spans.clear();
        outcome
    }

    /// Goes on with a span from its byte `got`, until it is done or the file ends.
    fn one_by_one(
        &mut self,
        file: &File,
        transfer: Transfer,
        span: Span,
        mut got: usize,
    ) -> io::Result<usize> {
        let bytes = self.bytes_mut(span);
        while got < bytes.len() {
            let offset = span.offset + got as u64;
            let more = match transfer {
                Transfer::Read => file.read_at(&mut bytes[got..], offset),
                Transfer::Write => file.write_at(&bytes[got..], offset),
            };
            match more {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Direct reads go on at sector boundaries only: the file has ended in between.
                Err(_) if transfer == Transfer::Read && !got.is_multiple_of(512) => break,
                Err(error) => return Err(error),
            }
        }
        if transfer == Transfer::Write && got < bytes.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(got)
    }

    /// Hands all spans to the kernel and waits for all of them; `None` without a ring.
    fn at_once(
        &mut self,
        file: &File,
        transfer: Transfer,
        spans: &[Span],
    ) -> Option<Vec<io::Result<usize>>> {
        if spans.len() < 2 {
            return None;
        }
        let mut ring = self.ring.take()?;
        let fd = Fd(file.as_raw_fd());
        for (index, &span) in spans.iter().enumerate() {
            let bytes = self.bytes_mut(span);
            let len = u32::try_from(bytes.len()).expect("a batch is small");
            let entry = match transfer {
                Transfer::Read => {
                    opcode::Read::new(fd, bytes.as_mut_ptr(), len).offset(span.offset).build()
                }
                Transfer::Write => {
                    opcode::Write::new(fd, bytes.as_ptr(), len).offset(span.offset).build()
                }
            };
            let entry = entry.user_data(index as u64);
            // SAFETY: the entry's address and length are those of a part of `self.pages`, which no
            // other span overlaps, and its file is open. Both stay so until the kernel is done with
            // the entry, because below either all completions are awaited, or the pages are leaked.
            // The queue has a place for each page of the batch, so none is refused.
            unsafe { ring.submission().push(&entry) }.expect("the queue is as long as the batch");
        }
        let mut results: Vec<_> = spans.iter().map(|_| Ok(0)).collect();
        let mut awaited = spans.len();
        while awaited > 0 {
            match ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(self.give_up(&error, spans.len())),
            }
            for done in ring.completion() {
                let index = usize::try_from(done.user_data()).expect("an index");
                results[index] = usize::try_from(done.result())
                    .map_err(|_| io::Error::from_raw_os_error(-done.result()));
                awaited -= 1;
            }
        }
        self.ring = Some(ring);
        Some(results)
    }

    /// Leaves the pages to the kernel, which may still write to them, and goes on without a ring.
    fn give_up(&mut self, error: &io::Error, spans: usize) -> Vec<io::Result<usize>> {
        std::mem::forget(std::mem::replace(&mut self.pages, vec![Page::zeroed(); BATCH_PAGES]));
        (0..spans).map(|_| Err(io::Error::new(error.kind(), error.to_string()))).collect()
    }
}
