//! What a caller sees and may do while an operation runs: progress as plain data, and a flag that
//! stops it.

use std::sync::atomic::AtomicBool;

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
    progress: Option<Progress>,
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

    /// Stops, with [`Error::Cancelled`](crate::Error::Cancelled), soon after the flag becomes true:
    /// tiles that have been read are still computed and written.
    #[must_use]
    pub fn cancelled_by(mut self, flag: &'a AtomicBool) -> Self {
        self.cancelled = Some(flag);
        self
    }

    pub(crate) fn cancelled(&self) -> Option<&'a AtomicBool> {
        self.cancelled
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

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("progress", &self.progress).finish_non_exhaustive()
    }
}
