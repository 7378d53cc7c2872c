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
//! Overlap, cancellation, progress and the journal live here and nowhere else: a pass says how to read,
//! compute and write one tile.
//!
//! When the journal wants a mark, or the caller wants to stop, the reader stops between two tiles, and
//! those under way are finished. Then all tiles so far are written and none after them has been begun,
//! which is what the journal records.

use outcore_storage::Mark;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::io::{self, Read, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::control::{Control, Stop};
use crate::transfer::Io;
use crate::{Error, Result};

/// Something that can be made durable.
pub(crate) trait Durable {
    /// Waits until the disk has what has been written.
    fn sync(&self) -> Result<()>;
}

/// What a journal needs of a pass.
pub(crate) trait Resume: Sync {
    /// What must be durable before a later run can go on after any tile of the pass; `None` if it cannot,
    /// and begins anew.
    fn written(&self) -> Option<&dyn Durable> {
        None
    }

    /// Writes what tiles need of those before them, besides what has been written.
    fn save(&self, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Reads what [`save`](Self::save) has written after so many tiles, one at least.
    fn restore(&self, _tiles: usize, _from: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}

/// One pass of an operation: what happens to each tile.
pub(crate) trait Pass: Resume {
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
pub(crate) trait AnyPass: Resume {
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

/// Does two things, on two threads of the current pool if one of them is free; compiled once.
pub(crate) fn join<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    fn both(one: &mut (dyn FnMut() + Send), other: &mut (dyn FnMut() + Send)) {
        rayon::join(one, other);
    }
    let (mut one, mut other) = (Once::new(one), Once::new(other));
    both(&mut || one.call(), &mut || other.call());
    (one.result(), other.result())
}

/// Does something on the threads of a pool; compiled once.
pub(crate) fn run_on<R: Send>(pool: &ThreadPool, work: impl FnOnce() -> R + Send) -> R {
    fn install(pool: &ThreadPool, work: &mut (dyn FnMut() + Send)) {
        pool.install(work);
    }
    let mut work = Once::new(work);
    install(pool, &mut || work.call());
    work.result()
}

/// A closure that is called once, through a reference, and what it has given.
enum Once<F, R> {
    Before(F),
    Called,
    After(R),
}

impl<R, F: FnOnce() -> R> Once<F, R> {
    fn new(work: F) -> Self {
        Self::Before(work)
    }

    fn call(&mut self) {
        if let Self::Before(work) = std::mem::replace(self, Self::Called) {
            *self = Self::After(work());
        }
    }

    fn result(self) -> R {
        let Self::After(result) = self else { panic!("the closure has not been called") };
        result
    }
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
    /// The time spent reading, and on what threads do with what they have just read.
    pub reading: Duration,
    /// The time spent computing.
    pub computing: Duration,
    /// The time spent writing.
    pub writing: Duration,
}

impl PassReport {
    fn add(&mut self, more: &Self) {
        self.bytes_read += more.bytes_read;
        self.bytes_written += more.bytes_written;
        self.elapsed += more.elapsed;
        self.reading += more.reading;
        self.computing += more.computing;
        self.writing += more.writing;
    }
}

/// Runs a pass over its tiles from the one that a mark names.
pub(crate) fn stream(
    pass: &dyn AnyPass,
    threads: &Threads,
    control: &mut Control<'_>,
    mut mark: Mark,
) -> Result<PassReport> {
    let mut slots: Vec<_> = (0..pass.slots()).map(|_| pass.slot()).collect();
    let mut report = PassReport::default();
    while mark.tiles < pass.tiles() {
        let begin = Instant::now();
        let stretch = stretch(pass, threads, control, slots, mark.tiles)?;
        (slots, mark.tiles) = (stretch.slots, stretch.end);
        if mark.tiles < pass.tiles() {
            // With one tile under way nothing is lost by finishing it: the reader waits for it anyway.
            let since = if pass.slots() > 1 { stretch.stopped } else { Instant::now() };
            control.stopped(pass, mark, since)?;
        }
        report.add(&PassReport { elapsed: begin.elapsed(), ..stretch.report });
    }
    Ok(report)
}

/// Tiles that were worked on without a stop.
struct Stretch {
    report: PassReport,
    slots: Vec<AnySlot>,
    /// The first tile that was not begun.
    end: usize,
    /// When the reader stopped, and the disk began to have less to do.
    stopped: Instant,
}

/// Works on tiles from one on, until it is time to stop.
fn stretch(
    pass: &dyn AnyPass,
    threads: &Threads,
    control: &mut Control<'_>,
    slots: Vec<AnySlot>,
    first: usize,
) -> Result<Stretch> {
    let (empty, empties) = channel();
    let (loaded, to_compute) = channel();
    let (computed, to_write) = channel();
    let (moved, progress) = channel();
    for slot in slots {
        empty.send(slot).expect("the receiver is alive");
    }
    let stop = control.stop().filter_time(pass.written().is_some());
    thread::scope(|scope| {
        let (read_moved, io) = (moved.clone(), &threads.io);
        let reader = scope.spawn(move || {
            let read = read_all(pass, first, io, &empties, &loaded, &read_moved, &stop);
            drop(loaded);
            // All slots come back, unless a later stage has failed.
            read.map(|read| (read, empties.into_iter().collect()))
        });
        let worker =
            scope.spawn(move || compute_all(pass, &threads.compute, &to_compute, &computed));
        let writer = scope.spawn(move || write_all(pass, io, &to_write, &empty, &moved));
        for bytes in progress {
            control.advance(bytes);
        }
        let reader = joined(reader);
        let computing = joined(worker);
        let writer = joined(writer);
        let ((report, end, stopped), slots) = reader?;
        let (bytes_written, writing) = writer?;
        let report = PassReport { bytes_written, computing, writing, ..report };
        Ok(Stretch { report, slots, end, stopped })
    })
}

/// A thread's result; its panic, if it had one, goes on in this thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Reads tiles until there are no more, or it is time to stop. Returns what it did, the first tile that
/// it did not read, and when it ended.
fn read_all(
    pass: &dyn AnyPass,
    first: usize,
    io: &Io,
    empties: &Receiver<AnySlot>,
    loaded: &Sender<(usize, AnySlot)>,
    moved: &Sender<u64>,
    stop: &Stop<'_>,
) -> Result<(PassReport, usize, Instant)> {
    let (mut report, mut next) = (PassReport::default(), first);
    while next < pass.tiles() && !stop.is_cancelled() {
        // However short the time is, a tile is worked on.
        if next > first && stop.is_time() {
            break;
        }
        // A channel that is closed means that a later stage has stopped, and says why itself.
        let Ok(mut slot) = empties.recv() else { break };
        let begin = Instant::now();
        let bytes = pass.read(next, &mut slot, io)?;
        report.reading += begin.elapsed();
        report.bytes_read += bytes;
        let _ = moved.send(bytes);
        if loaded.send((next, slot)).is_err() {
            break;
        }
        next += 1;
    }
    Ok((report, next, Instant::now()))
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
