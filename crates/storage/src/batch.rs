//! Many transfers under way at a time, through memory that the kernel moves in one piece.
//!
//! ```text
//!     two huge pages, cut into four batches
//!     ┌──────────────┬──────────────┬──────────────┬──────────────┐
//!     │▒▒│▒▒│▒▒│▒▒   │▒▒▒▒▒▒│▒▒▒▒   │              │              │
//!     └──────────────┴──────────────┴──────────────┴──────────────┘
//!      one request each, all submitted together
//! ```
//!
//! Small pages lie anywhere in memory, and each is a segment of its own for the disk: with them runs
//! of 16 KiB were read at half the rate. So batches are parts of huge pages. They are lent to
//! whichever thread transfers something, and there are as many as there were threads at a time: for
//! up to four, 4 MiB for as long as the process lives.
#![expect(unsafe_code, reason = "io_uring is given the addresses of buffers")]

use io_uring::{IoUring, opcode, types::Fd};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use crate::Buffer;
use crate::direct::{Failed, LONG};

/// Bytes of one batch.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// Bytes that are allocated at a time: huge pages, enough for four threads.
const POOL_BYTES: usize = 4 << 20;
/// Requests of one batch.
const REQUESTS: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Read,
    Write,
}

/// Neighbouring sectors of the file, next to each other in the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    offset: u64,
    /// The first byte in the batch.
    place: usize,
    bytes: usize,
}

/// The bytes that one thread transfers at a time.
pub(crate) struct Batch {
    memory: &'static mut [u8],
    /// The bytes in use: whole sectors.
    used: usize,
    spans: Vec<Span>,
    ring: Option<IoUring>,
}

/// The batches that no thread uses now.
static POOL: Mutex<Vec<Batch>> = Mutex::new(Vec::new());

/// Lends a batch.
pub(crate) fn with_batch<R>(work: impl FnOnce(&mut Batch) -> R) -> R {
    let pool = || POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = {
        let mut pool = pool();
        if pool.is_empty() {
            pool.extend(Batch::huge_page());
        }
        pool.pop().expect("it has just been filled")
    };
    batch.clear();
    let result = work(&mut batch);
    // One whose memory is the kernel's has none.
    if !batch.memory.is_empty() {
        pool().push(batch);
    }
    result
}

/// How many runs of so many bytes, whole pages, one thread has under way at a time: as many as fill a
/// batch, and one of those that need no batch.
pub(crate) fn runs_at_once(run_bytes: usize) -> usize {
    let ring = with_batch(|batch| batch.ring.is_some());
    if ring && run_bytes < LONG { (BATCH_BYTES / run_bytes).min(REQUESTS) } else { 1 }
}

impl Batch {
    /// As many batches as a huge page has room for. They are never freed, so that memory which the
    /// kernel may write to is never used for anything else.
    pub(crate) fn huge_page() -> impl Iterator<Item = Self> {
        let memory: &'static mut Buffer<u8> = Box::leak(Box::new(Buffer::new(POOL_BYTES, 0)));
        memory.chunks_exact_mut(BATCH_BYTES).map(|memory| Self {
            memory,
            used: 0,
            spans: Vec::with_capacity(REQUESTS),
            // Without io_uring (an old kernel, or one that forbids it) requests go one by one.
            ring: u32::try_from(REQUESTS).ok().and_then(|entries| IoUring::new(entries).ok()),
        })
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.spans.clear();
    }

    /// The bytes that are free; none if there are as many requests as the ring has places.
    pub(crate) fn room(&self) -> usize {
        if self.spans.len() < REQUESTS { self.memory.len() - self.used } else { 0 }
    }

    pub(crate) fn push(&mut self, offset: u64, bytes: usize) -> Span {
        let span = Span { offset, place: self.used, bytes };
        self.used += bytes;
        self.spans.push(span);
        span
    }

    pub(crate) fn bytes_mut(&mut self, span: Span) -> &mut [u8] {
        &mut self.memory[span.place..span.place + span.bytes]
    }

    /// Reads all spans and copies what was asked for to its targets.
    pub(crate) fn read(
        &mut self,
        file: &File,
        targets: &mut Vec<(usize, &mut [u8])>,
    ) -> Result<(), Failed> {
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

    pub(crate) fn write(&mut self, file: &File) -> Result<(), Failed> {
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
            Err(error) => Err(Failed { offset: span.offset, bytes: span.bytes, error }),
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
            // SAFETY: the entry's address and length are those of a part of `self.memory`, which no
            // other span overlaps, and its file is open. Both stay so until the kernel is done with
            // the entry, because below either all completions are awaited, or the memory, which is
            // never freed, is given up.
            // The queue has a place for each span that `room` allows, so none is refused.
            unsafe { ring.submission().push(&entry) }.expect("the queue is as long as the batch");
        }
        let mut results: Vec<_> = spans.iter().map(|_| Ok(0)).collect();
        let mut awaited = spans.len();
        while awaited > 0 {
            match ring.submit_and_wait(awaited) {
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

    /// Leaves the memory to the kernel, which may still write to it, and the batch without any.
    fn give_up(&mut self, error: &io::Error, spans: usize) -> Vec<io::Result<usize>> {
        self.memory = &mut [];
        (0..spans).map(|_| Err(io::Error::new(error.kind(), error.to_string()))).collect()
    }

    /// A batch as on a kernel without rings.
    #[cfg(test)]
    pub(crate) fn without_ring(&mut self) {
        self.ring = None;
    }
}
