//! The one streaming loop: read tile i+1, compute tile i, write tile i-1.
//!
//! ```text
//!            ┌──────────────── empty slots ────────────────┐
//!            ▼                                             │
//!        ┌────────┐  loaded   ┌───────────┐  computed  ┌───┴────┐
//!        │ reader │ ────────▶ │ computer  │ ─────────▶ │ writer │
//!        └────────┘           │ all cores │            └────────┘
//!                             └───────────┘
//! ```
//!
//! Three threads hand a fixed set of slots round, so memory is bounded by the number of slots, and
//! whichever of disk and processor is slower sets the pace. The caller's thread reports progress.
//! Overlap, cancellation and progress live here and nowhere else: a pass says how to read, compute
//! and write one tile.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::transfer::Io;
use crate::{Error, Result};

/// One pass of an operation: what happens to each tile.
pub(crate) trait Pass: Sync {
    /// The buffers of one tile under way.
    type Slot: Send + 'static;

    /// The number of tiles.
    fn tiles(&self) -> usize;

    /// The number of slots, each of which is allocated once.
    fn slots(&self) -> usize;

    /// A slot for any tile.
    fn slot(&self) -> Self::Slot;

    /// Fills a slot; returns the bytes read.
    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64>;

    /// Works on a slot, with all cores.
    fn compute(&self, index: usize, slot: &mut Self::Slot);

    /// Empties a slot; returns the bytes written.
    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64>;
}

/// A slot of some pass.
type AnySlot = Box<dyn Any + Send>;

/// A pass whose type of slot is forgotten, so that the loop is compiled once and not for each pass and
/// type of element.
pub(crate) trait AnyPass: Sync {
    fn tiles(&self) -> usize;
    fn slots(&self) -> usize;
    fn slot(&self) -> AnySlot;
    fn read(&self, index: usize, slot: &mut AnySlot, io: &Io) -> Result<u64>;
    fn compute(&self, index: usize, slot: &mut AnySlot);
    fn write(&self, index: usize, slot: &mut AnySlot, io: &Io) -> Result<u64>;
}

fn of_pass<P: Pass>(slot: &mut AnySlot) -> &mut P::Slot {
    slot.downcast_mut().expect("slots stay with their pass")
}

impl<P: Pass> AnyPass for P {
    fn tiles(&self) -> usize {
        Pass::tiles(self)
    }

    fn slots(&self) -> usize {
        Pass::slots(self)
    }

    fn slot(&self) -> AnySlot {
        Box::new(Pass::slot(self))
    }

    fn read(&self, index: usize, slot: &mut AnySlot, io: &Io) -> Result<u64> {
        Pass::read(self, index, of_pass::<P>(slot), io)
    }

    fn compute(&self, index: usize, slot: &mut AnySlot) {
        Pass::compute(self, index, of_pass::<P>(slot));
    }

    fn write(&self, index: usize, slot: &mut AnySlot, io: &Io) -> Result<u64> {
        Pass::write(self, index, of_pass::<P>(slot), io)
    }
}

/// Does something with each number below a count, on all threads of the current pool; compiled once,
/// as the loop is.
pub(crate) fn each_parallel(count: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(work);
}

/// The threads of a run.
#[derive(Debug)]
pub(crate) struct Threads {
    compute: ThreadPool,
    io: Io,
}

impl Threads {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        Ok(Self { compute: pool(threads, "outcore")?, io: Io::new()? })
    }
}

pub(crate) fn pool(threads: usize, name: &'static str) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |index| format!("{name}-{index}"))
        .build()
        .map_err(|error| Error::Threads { threads, reason: error.to_string() })
}

/// What a pass did, and how long each of its three threads was busy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PassReport {
    /// The bytes read.
    pub bytes_read: u64,
    /// The bytes written.
    pub bytes_written: u64,
    /// The time from beginning to end.
    pub elapsed: Duration,
    /// The time spent reading.
    pub reading: Duration,
    /// The time spent computing.
    pub computing: Duration,
    /// The time spent writing.
    pub writing: Duration,
}

/// Runs a pass over all its tiles.
pub(crate) fn stream(
    pass: &dyn AnyPass,
    threads: &Threads,
    control: &mut Control<'_>,
) -> Result<PassReport> {
    let begin = Instant::now();
    let (empty, empties) = channel();
    let (loaded, to_compute) = channel();
    let (computed, to_write) = channel();
    let (moved, progress) = channel();
    for _ in 0..pass.slots() {
        empty.send(pass.slot()).expect("the receiver is alive");
    }
    let cancelled = control.cancelled();
    let mut report = thread::scope(|scope| {
        let (read_moved, io) = (moved.clone(), &threads.io);
        let reader = scope.spawn(move || {
            let stop =
                || cancelled.is_some_and(|flag| flag.load(std::sync::atomic::Ordering::Relaxed));
            read_all(pass, io, &empties, &loaded, &read_moved, stop)
        });
        let worker =
            scope.spawn(move || compute_all(pass, &threads.compute, &to_compute, &computed));
        let writer = scope.spawn(move || write_all(pass, io, &to_write, &empty, &moved));
        for bytes in progress {
            control.advance(bytes);
        }
        let (bytes_read, reading) = joined(reader)?;
        let computing = joined(worker);
        let (bytes_written, writing) = joined(writer)?;
        let elapsed = Duration::ZERO;
        Ok::<_, Error>(PassReport {
            bytes_read,
            bytes_written,
            elapsed,
            reading,
            computing,
            writing,
        })
    })?;
    report.elapsed = begin.elapsed();
    Ok(report)
}

/// A thread's result; its panic, if it had one, goes on in this thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn read_all(
    pass: &dyn AnyPass,
    io: &Io,
    empties: &Receiver<AnySlot>,
    loaded: &Sender<(usize, AnySlot)>,
    moved: &Sender<u64>,
    cancelled: impl Fn() -> bool,
) -> Result<(u64, Duration)> {
    let (mut total, mut busy) = (0, Duration::ZERO);
    for index in 0..pass.tiles() {
        // A channel that is closed means that a later stage has stopped, and says why itself.
        let Ok(mut slot) = empties.recv() else { break };
        if cancelled() {
            return Err(Error::Cancelled);
        }
        let begin = Instant::now();
        let bytes = pass.read(index, &mut slot, io)?;
        busy += begin.elapsed();
        total += bytes;
        let _ = moved.send(bytes);
        if loaded.send((index, slot)).is_err() {
            break;
        }
    }
    Ok((total, busy))
}

fn compute_all(
    pass: &dyn AnyPass,
    pool: &ThreadPool,
    loaded: &Receiver<(usize, AnySlot)>,
    computed: &Sender<(usize, AnySlot)>,
) -> Duration {
    let mut busy = Duration::ZERO;
    for (index, mut slot) in loaded {
        let begin = Instant::now();
        pool.install(|| pass.compute(index, &mut slot));
        busy += begin.elapsed();
        if computed.send((index, slot)).is_err() {
            break;
        }
    }
    busy
}

fn write_all(
    pass: &dyn AnyPass,
    io: &Io,
    computed: &Receiver<(usize, AnySlot)>,
    empty: &Sender<AnySlot>,
    moved: &Sender<u64>,
) -> Result<(u64, Duration)> {
    let (mut total, mut busy) = (0, Duration::ZERO);
    for (index, mut slot) in computed {
        let begin = Instant::now();
        let bytes = pass.write(index, &mut slot, io)?;
        busy += begin.elapsed();
        total += bytes;
        let _ = moved.send(bytes);
        let _ = empty.send(slot);
    }
    Ok((total, busy))
}
