//! The second table: runs of bytes as column tiles have them, many under way at a time.
//!
//! ```text
//!             column of windows
//!                 ▼
//!   row    ┌──┬──┬──┬──┬──┬──┬──┬──┐
//!          │  │  │▒▒│  │  │  │  │  │  ┐ a window: one run in each of its rows,
//!          │  │  │▒▒│  │  │  │  │  │  ┘ all under way at a time
//!          │  │  │▓▓│  │  │  │  │  │  ┐ the window of the next thread
//!          │  │  │▓▓│  │  │  │  │  │  ┘
//!          └──┴──┴──┴──┴──┴──┴──┴──┘
//! ```
//!
//! The array is one of bytes, its rows 128 KiB or two runs long, whichever is longer, so that runs
//! are never neighbours. Windows go down a column of the array and on in another one, as the tiles
//! of a column pass do.
//!
//! The depth is the number of runs under way at a time, and this is how it is reached.
//! [`FileArray`](outcore_storage::FileArray) hands the runs of a window to the kernel as one batch,
//! but no more than 128, nor than fill its 1 MiB: 128 runs of 4 KiB, or 16 of 64 KiB. A window here
//! has as many rows as go into one batch, or as the depth if that is less, and as many threads as it
//! takes to make up the depth read or write a window each. A run of 128 KiB or more goes straight to
//! its place, so it has a thread of its own. So depth 64 is one thread with 64 requests at 4 KiB, 4
//! threads with 16 at 64 KiB, and 64 threads with one each from 256 KiB on.
//! Where `io_uring` is missing every run has a thread of its own. A thread waits for its whole
//! window before it begins the next, so the depth falls towards the end of each window, as it does
//! when tiles are read.
//!
//! Each cell is given a fifth of a second. A flush would be a large part of that, while an operation
//! flushes once in all; so every cell is followed by a flush, which is timed by itself.

use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use outcore_storage::{FileArrayMut, ProbeFile, Result, Sink, Source, Window};
use std::time::Duration;

use super::Files;
use super::blocks::Transfer;
use super::repeat::{Rate, repeat, seconds};
use crate::job::Outcome;

/// A cell of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) transfer: Transfer,
    pub(super) run_bytes: usize,
    pub(super) depth: usize,
    pub(super) threads: usize,
    pub(super) row_bytes: usize,
    /// `None` where the file system has no way past the page cache.
    pub(super) rate: Option<Rate>,
    /// The flush that follows; not in the rate.
    pub(super) flush_seconds: f64,
}

pub(super) const RUN_BYTES: [usize; 7] =
    [4 << 10, 8 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
pub(super) const DEPTHS: [usize; 4] = [1, 4, 16, 64];
pub(super) const LEAST_ROW_BYTES: usize = 128 << 10;
const LIMIT: Duration = Duration::from_millis(200);

/// Measures all cells whose runs fit the file and the memory.
pub(super) fn measure(files: &mut Files, tell: &dyn Fn(&str)) -> Outcome<Vec<Cell>> {
    let mut cells = Vec::new();
    for transfer in [Transfer::Read, Transfer::Write] {
        tell(&format!("{} runs past the page cache", transfer.name()));
        files.forget_cached()?;
        for run_bytes in RUN_BYTES {
            for depth in DEPTHS {
                let plan = Plan::new(transfer, run_bytes, depth);
                if plan.fits(files) {
                    cells.push(plan.time(files, cells.len())?);
                }
            }
        }
    }
    Ok(cells)
}

/// A cell before it is measured.
struct Plan {
    cell: Cell,
    /// Rows of the window of one thread.
    rows: usize,
}

impl Plan {
    fn new(transfer: Transfer, run_bytes: usize, depth: usize) -> Self {
        let rows = ProbeFile::runs_at_once(run_bytes).min(depth);
        let threads = depth.div_ceil(rows);
        let row_bytes = LEAST_ROW_BYTES.max(2 * run_bytes);
        let cell =
            Cell { transfer, run_bytes, depth, threads, row_bytes, rate: None, flush_seconds: 0.0 };
        Self { cell, rows }
    }

    /// Whether the file has enough rows, and the memory room for all runs under way.
    fn fits(&self, files: &Files) -> bool {
        let Cell { run_bytes, depth, row_bytes, .. } = self.cell;
        let rows = files.source.bytes() / row_bytes as u64;
        depth as u64 <= rows && depth * run_bytes <= files.memory.len()
    }

    /// Moves windows for a while, from some column on.
    fn time(&self, files: &mut Files, first_column: usize) -> Outcome<Cell> {
        let Files { source, target, memory } = files;
        let Cell { transfer, run_bytes, row_bytes, threads, .. } = self.cell;
        let file = if transfer == Transfer::Read { &*source } else { &*target };
        if file.past_cache().is_none() {
            return Ok(self.cell);
        }
        let rows = usize::try_from(file.bytes())? / row_bytes;
        let array = file.array((rows, row_bytes))?;
        let (down, across) = (rows / self.rows, row_bytes / run_bytes);
        let move_window = |index: u64, buffer: &mut [u8]| {
            let index = usize::try_from(index).expect("a count of what was done in a moment");
            let row = index % down * self.rows;
            // An odd factor permutes the columns, whose number is a power of two, so that the next
            // column is no neighbour.
            let column = (index / down + first_column) * 13 % across * run_bytes;
            let window = Window::from([row..row + self.rows, column..column + run_bytes]);
            move_tile(&array, transfer, &window, buffer)
        };
        let buffers = memory.chunks_exact_mut(self.rows * run_bytes).take(threads);
        let endless = u64::MAX / 2;
        let rate = Some(repeat(buffers, endless, LIMIT, move_window)?);
        let flush_seconds = seconds(|| file.flush())?;
        Ok(Cell { rate, flush_seconds, ..self.cell })
    }
}

fn move_tile(
    array: &FileArrayMut<u8, Ix2>,
    transfer: Transfer,
    window: &Window<Ix2>,
    buffer: &mut [u8],
) -> Result<u64> {
    let bytes = buffer.len() as u64;
    let shape = window.shape;
    if transfer == Transfer::Read {
        let tile = ArrayViewMut2::from_shape(shape, buffer).expect("a buffer of the window's size");
        array.read_tile(window, tile)?;
    } else {
        let tile = ArrayView2::from_shape(shape, buffer).expect("a buffer of the window's size");
        array.write_tile_shared(window, tile).expect("files are written by many threads")?;
    }
    Ok(bytes)
}
