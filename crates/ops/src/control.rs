//! What a caller sees and may do while an operation runs: progress as plain data, a flag that stops it,
//! and a journal for a later run to go on from.

use outcore_storage::{Journal, Mark};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::stream::{Durable, Resume};
use crate::{Error, Result};

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The pass under way, counted from 0.
    pub pass: usize,
    /// The number of passes.
    pub passes: usize,
    /// The bytes read and written so far, over all passes.
    pub bytes_done: u64,
    /// The bytes that the plan reads and writes, over all passes.
    pub bytes_total: u64,
}

/// When the streaming loop is to stop between two tiles.
#[derive(Clone, Copy)]
pub(crate) struct Stop<'a> {
    cancelled: Option<&'a AtomicBool>,
    /// When the journal wants a mark.
    time: Option<Instant>,
}

impl Stop<'_> {
    /// The same without a time, unless a pass can be resumed.
    pub(crate) fn filter_time(self, is_resumable: bool) -> Self {
        Self { time: self.time.filter(|_| is_resumable), ..self }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    pub(crate) fn is_time(&self) -> bool {
        self.time.is_some_and(|time| Instant::now() >= time)
    }
}

/// Reports progress to a closure, and stops when a flag is raised.
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, fft2};
///
/// let field = Array2::<Complex<f64>>::ones((8, 8));
/// let mut spectrum = Array2::zeros((8, 8));
/// let plan = fft2(&field).plan(Budget::new(1 << 20))?;
/// let mut last = None;
/// plan.run(&field, &mut spectrum, Control::new().on_progress(|progress| last = Some(progress)))?;
/// let last = last.unwrap();
/// assert_eq!(last.bytes_done, last.bytes_total);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Default)]
pub struct Control<'a> {
    on_progress: Option<Box<dyn FnMut(Progress) + 'a>>,
    cancelled: Option<&'a AtomicBool>,
    journal: Option<&'a mut Journal>,
    progress: Option<Progress>,
    /// What one pass writes and another reads: durable with any mark that is.
    arrays: Vec<&'a dyn Durable>,
}

impl<'a> Control<'a> {
    /// No reports, and no way to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls a closure, in the caller's thread, each time a tile has been read or written.
    #[must_use]
    pub fn on_progress(mut self, report: impl FnMut(Progress) + 'a) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }

    /// Stops, with [`Error::Cancelled`], soon after the flag becomes true: tiles that have been read are
    /// still computed and written, and the journal, if there is one, says so.
    #[must_use]
    pub fn cancelled_by(mut self, flag: &'a AtomicBool) -> Self {
        self.cancelled = Some(flag);
        self
    }

    /// Records in a journal how far the run has come, and goes on from where the journal says that an
    /// earlier run of the same work has stopped. The result is the same, bit for bit.
    ///
    /// ```
    /// use ndarray::{Array1, Ix1};
    /// use outcore_ops::{Budget, Control, CumSum, scan};
    /// use outcore_storage::{FileArray, Output, Work};
    ///
    /// let ones = Array1::<f64>::ones(1000);
    /// let plan = scan(&ones, 0, CumSum).plan::<f64>(Budget::new(1 << 20))?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sums.npy");
    /// let mut sums = Output::create(&path, 1000)?;
    /// let mut journal = sums.journal(Work::new(plan.to_string()))?;
    /// plan.run(&ones, &mut sums, Control::new().journal(&mut journal))?;
    /// sums.commit()?;
    /// assert_eq!(FileArray::<f64, Ix1>::open(&path)?.read()?[999], 1000.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn journal(mut self, journal: &'a mut Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Of passes that write one array and read another, which an earlier one has written: a mark is durable
    /// when both are.
    pub(crate) fn over(mut self, arrays: [&'a dyn Durable; 2]) -> Self {
        self.arrays = arrays.to_vec();
        self
    }

    /// Where an earlier run stopped.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.journal.as_ref()?.mark()
    }

    /// What ends a stretch of tiles.
    pub(crate) fn stop(&self) -> Stop<'a> {
        let time = self.journal.as_ref().map(|journal| journal.due());
        Stop { cancelled: self.cancelled, time }
    }

    /// Gives a pass what the earlier run carried at its mark.
    pub(crate) fn restore(&mut self, pass: &dyn Resume, mark: Mark) -> Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if mark.tiles > 0 {
            journal.restore(&mut |from| pass.restore(mark.tiles, from))?;
        }
        if mark.at_rest {
            // From here on something is under way again.
            let now = Instant::now();
            let begun = Mark { at_rest: false, ..mark };
            journal.record(begun, true, now, &mut |to| pass.save(to))?;
        }
        Ok(())
    }

    /// Records that a pass has stopped between two tiles: because it is time, or for good. A journal that
    /// cannot be written, as on a disk that others have filled, is no reason to end.
    pub(crate) fn stopped(&mut self, pass: &dyn Resume, mark: Mark, since: Instant) -> Result<()> {
        let at_rest = self.stop().is_cancelled();
        // Of nothing done nothing need be kept.
        let begun = mark != Mark::default();
        let journal = self.journal.as_mut().filter(|journal| begun || journal.is_kept());
        if let Some(journal) = journal.filter(|_| pass.written().is_some()) {
            let durable = at_rest || journal.is_durable_due();
            if durable {
                sync(pass, &self.arrays, journal)?;
            }
            let mark = Mark { at_rest, ..mark };
            let recorded = journal.record(mark, durable, since, &mut |to| pass.save(to));
            if let Err(error) = recorded {
                // The mark before it still holds, and the run need not end for it.
                tracing::warn!("{error}; the run goes on, and would be resumed from further back");
                journal.put_off();
            }
        }
        if at_rest { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Records that a pass is done, before the next one undoes what a mark within it says.
    pub(crate) fn passed(&mut self, pass: &dyn Resume, next: Mark) -> Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if !journal.is_kept() {
            return Ok(());
        }
        let (durable, since) = (journal.is_durable(), Instant::now());
        if durable {
            sync(pass, &self.arrays, journal)?;
        }
        if let Err(error) = journal.record(next, durable, since, &mut |_| Ok(())) {
            tracing::warn!("{error}; the run goes on, and could not be resumed");
            journal.forget()?;
        }
        Ok(())
    }

    /// Refuses a journal, of an operation in place.
    pub(crate) fn in_place(&self) -> Result<()> {
        if self.journal.is_some() { Err(Error::NotResumable) } else { Ok(()) }
    }

    /// Begins a pass.
    pub(crate) fn begin(&mut self, pass: usize, passes: usize, bytes_total: u64) {
        let bytes_done = self.progress.map_or(0, |progress| progress.bytes_done);
        self.progress = Some(Progress { pass, passes, bytes_done, bytes_total });
    }

    /// Counts bytes that were read or written.
    pub(crate) fn advance(&mut self, bytes: u64) {
        let Some(progress) = &mut self.progress else { return };
        progress.bytes_done += bytes;
        if let Some(report) = &mut self.on_progress {
            report(*progress);
        }
    }
}

/// Makes durable what a pass has written, and what it has read of what others have. A sync that fails is not
/// tried again, and what was recorded in the belief that it would not is taken back.
fn sync(pass: &dyn Resume, arrays: &[&dyn Durable], journal: &mut Journal) -> Result<()> {
    let mut all = arrays.iter().copied().chain(pass.written().filter(|_| arrays.is_empty()));
    all.try_for_each(Durable::sync).inspect_err(|_| {
        // Of two errors the first one says more.
        let _ = journal.sync_failed();
    })
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("progress", &self.progress).finish_non_exhaustive()
    }
}
