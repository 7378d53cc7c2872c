//! Threads that repeat a transfer, and how long that takes.

use outcore_storage::Result;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Builder, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::job::{Outcome, rate};

/// Bytes that were moved, and the time it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) bytes: u64,
    pub(super) seconds: f64,
}

impl Rate {
    pub(super) fn bytes_per_second(self) -> u64 {
        rate(self.bytes, self.seconds)
    }
}

/// What one thread did, and when.
struct Done {
    begin: Instant,
    end: Instant,
    bytes: u64,
}

/// Calls `transfer` with the numbers below `count` until the time is over, from one thread for each
/// buffer. `transfer` returns the bytes that it has moved.
///
/// The time begins when the first thread does, so that starting threads is not measured; all that
/// was begun in time is waited for.
pub(super) fn repeat<'a>(
    buffers: impl Iterator<Item = &'a mut [u8]>,
    count: u64,
    limit: Duration,
    transfer: impl Fn(u64, &mut [u8]) -> Result<u64> + Sync,
) -> Outcome<Rate> {
    let next = AtomicU64::new(0);
    let work = |buffer: &mut [u8]| {
        let begin = Instant::now();
        let mut bytes = 0;
        while begin.elapsed() < limit {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            bytes += transfer(index, buffer)?;
        }
        Ok(Done { begin, end: Instant::now(), bytes })
    };
    let done = thread::scope(|scope| {
        let work = &work;
        let start = |buffer| Builder::new().spawn_scoped(scope, move || work(buffer));
        let started: io::Result<Vec<_>> = buffers.map(start).collect();
        if started.is_err() {
            // Those that did start have nothing left to do.
            next.store(count, Ordering::Relaxed);
        }
        let started = started.map_err(|error| format!("failed to start a thread: {error}"))?;
        let done: Result<Vec<Done>> = started.into_iter().map(join).collect();
        Outcome::Ok(done?)
    })?;
    let begin = done.iter().map(|done| done.begin).min();
    let end = done.iter().map(|done| done.end).max();
    let seconds = end.zip(begin).map_or(0.0, |(end, begin)| (end - begin).as_secs_f64());
    Ok(Rate { bytes: done.iter().map(|done| done.bytes).sum(), seconds })
}

/// How long an action takes.
pub(super) fn seconds(action: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    action()?;
    Ok(begin.elapsed().as_secs_f64())
}

fn join(thread: ScopedJoinHandle<'_, Result<Done>>) -> Result<Done> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
