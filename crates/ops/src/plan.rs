//! What an operation will do and what that costs, decided before it begins.

use ndarray::{Dimension, IxDyn};
use outcore_storage::Mark;
use std::cmp::Ordering;
use std::fmt;

use crate::budget::{Budget, Bytes, Resources};
use crate::control::Control;
use crate::stream::{AnyPass, PassReport, Threads, stream};
use crate::{Error, Result};

/// Tiles under way at a time: one is read, one computed, one written.
pub(crate) const SLOTS: usize = 3;

/// The cost of an operation: its passes, the bytes it moves and the memory it holds.
///
/// Prints itself; printing it is a dry run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is done to what: `fft2 of [4096, 4096] complex64`.
    pub operation: String,
    /// The memory and threads that were granted.
    pub resources: Resources,
    /// The passes, in order.
    pub passes: Vec<PassPlan>,
    /// The bytes of disk that the output needs.
    pub output_bytes: u64,
    /// The bytes of disk that a scratch file needs while the operation runs.
    pub scratch_bytes: u64,
    /// The bytes that stay in memory between the passes, and so are neither written nor read there.
    pub kept_bytes: u64,
}

/// The cost of one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct PassPlan {
    /// What the pass works on: `rows`.
    pub name: String,
    /// The number of tiles.
    pub tiles: usize,
    /// The shape of all tiles but ragged ones.
    pub tile: Vec<usize>,
    /// The tiles in memory at a time.
    pub slots: usize,
    /// The bytes of one tile in memory.
    pub tile_bytes: u64,
    /// The bytes of each contiguous run that is read.
    pub run_bytes_read: u64,
    /// The bytes of each contiguous run that is written; 0 if nothing is.
    pub run_bytes_written: u64,
    /// The bytes that the pass reads.
    pub bytes_read: u64,
    /// The bytes that the pass writes.
    pub bytes_written: u64,
    /// The most memory that the pass holds: tiles, scratch, tables.
    pub memory: u64,
}

impl Plan {
    /// The bytes read by all passes.
    pub fn bytes_read(&self) -> u64 {
        self.passes.iter().map(|pass| pass.bytes_read).sum()
    }

    /// The bytes written by all passes.
    pub fn bytes_written(&self) -> u64 {
        self.passes.iter().map(|pass| pass.bytes_written).sum()
    }

    /// The most memory that any pass holds.
    pub fn memory(&self) -> u64 {
        self.passes.iter().map(|pass| pass.memory).max().unwrap_or(0)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resources { memory, threads } = self.resources;
        let plural = if threads.get() == 1 { "thread" } else { "threads" };
        writeln!(f, "{} within {memory} on {threads} {plural}", self.operation)?;
        let width = self.passes.iter().map(|pass| pass.name.len()).max().unwrap_or(0);
        for (index, pass) in self.passes.iter().enumerate() {
            let PassPlan { name, tiles, tile, .. } = pass;
            let plural = if *tiles == 1 { "tile" } else { "tiles" };
            write!(f, "  pass {}  {name:width$}  {tiles:>5} {plural} of {tile:?}, ", index + 1)?;
            write!(f, "{} each, {} at a time, ", Bytes(pass.tile_bytes), pass.slots)?;
            write!(f, "runs of {} in", Bytes(pass.run_bytes_read))?;
            if pass.run_bytes_written > 0 {
                write!(f, ", {} out", Bytes(pass.run_bytes_written))?;
            }
            writeln!(f)?;
        }
        let (read, written) = (Bytes(self.bytes_read()), Bytes(self.bytes_written()));
        write!(f, "  reads {read}, writes {written}, holds at most {}", Bytes(self.memory()))?;
        if self.kept_bytes > 0 {
            write!(f, ", keeps {} of it between the passes", Bytes(self.kept_bytes))?;
        }
        write!(f, "; needs {} of disk", Bytes(self.output_bytes + self.scratch_bytes))?;
        if self.scratch_bytes > 0 {
            write!(f, ", {} of it for a while", Bytes(self.scratch_bytes))?;
        }
        Ok(())
    }
}

/// What a run did, pass by pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The passes, in order.
    pub passes: Vec<PassReport>,
}

impl Report {
    /// The bytes read by all passes.
    pub fn bytes_read(&self) -> u64 {
        self.passes.iter().map(|pass| pass.bytes_read).sum()
    }

    /// The bytes written by all passes.
    pub fn bytes_written(&self) -> u64 {
        self.passes.iter().map(|pass| pass.bytes_written).sum()
    }
}

/// A run of a plan: its threads, what it has done so far, and whom it tells.
pub(crate) struct Run<'p, 'c> {
    plan: &'p Plan,
    control: Control<'c>,
    threads: Threads,
    report: Report,
    /// Where an earlier run stopped.
    mark: Mark,
}

impl<'p, 'c> Run<'p, 'c> {
    pub(crate) fn new(plan: &'p Plan, control: Control<'c>) -> Result<Self> {
        let threads = Threads::new(plan.resources.threads.get())?;
        let mark = control.mark().unwrap_or_default();
        Ok(Self { plan, control, threads, report: Report::default(), mark })
    }

    /// Where an earlier run stopped; the beginning, if none did.
    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// Goes on from another mark.
    pub(crate) fn go_on_from(&mut self, mark: Mark) {
        self.mark = mark;
    }

    /// Runs the next pass: from its beginning, or from where an earlier run stopped.
    pub(crate) fn pass(&mut self, pass: &dyn AnyPass) -> Result<()> {
        let index = self.report.passes.len();
        let total = self.plan.bytes_read() + self.plan.bytes_written();
        self.control.begin(index, self.plan.passes.len(), total);
        let mut mark = Mark { pass: index, ..Mark::default() };
        match self.mark.pass.cmp(&index) {
            Ordering::Greater => mark.tiles = pass.tiles(),
            Ordering::Equal if self.mark != mark => {
                mark = Mark { tiles: self.mark.tiles.min(pass.tiles()), ..self.mark };
                self.control.restore(pass, mark)?;
            }
            // A pass that was repeated comes before one that was under way.
            Ordering::Less if self.mark.pass + 1 == index => {
                mark.tiles = self.mark.ahead.min(pass.tiles());
            }
            _ => {}
        }
        if mark.tiles > 0 {
            self.control.advance(self.part_done(index, mark.tiles, pass.tiles()));
        }
        let name = self.plan.passes.get(index).map_or("", |pass| &pass.name);
        tracing::info!(pass = index + 1, name, tiles = pass.tiles(), from = mark.tiles, "pass");
        let report = stream(pass, &self.threads, &mut self.control, mark)?;
        let PassReport { bytes_read, bytes_written, .. } = report;
        let seconds = report.elapsed.as_secs_f64();
        let [reading, computing, writing] =
            [report.reading, report.computing, report.writing].map(|busy| busy.as_secs_f64());
        tracing::info!(
            pass = index + 1,
            bytes_read,
            bytes_written,
            seconds,
            reading,
            computing,
            writing,
            "pass done"
        );
        self.report.passes.push(report);
        let next = Mark { pass: index + 1, tiles: mark.ahead, ..Mark::default() };
        if next.pass < self.plan.passes.len() {
            self.control.passed(pass, next)?;
        }
        Ok(())
    }

    /// About how many bytes of a pass the first so many of its tiles move.
    fn part_done(&self, pass: usize, done: usize, tiles: usize) -> u64 {
        let Some(pass) = self.plan.passes.get(pass).filter(|_| tiles > 0) else { return 0 };
        let bytes = u128::from(pass.bytes_read + pass.bytes_written);
        u64::try_from(bytes * done as u128 / tiles as u128).unwrap_or(u64::MAX)
    }

    pub(crate) fn finish(self) -> Report {
        self.report
    }
}

/// The run that is transferred at half the rate of a long one; `outcore disk` measures it.
const HALF_RATE_BYTES: f64 = 32768.0;
/// How much longer a pass takes with one, two and three tiles under way: with one, the disk waits
/// while the processor works, but reading and writing at once is not faster than in turns.
const OVERLAP: [f64; SLOTS] = [1.25, 1.05, 1.0];

/// About how long a pass takes that transfers bytes in runs of a length, with so many tiles under way
/// at a time; in units of the time for one byte of a long run. Plans are chosen by it.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn duration<const N: usize>(transfers: [(u64, u64); N], slots: usize) -> f64 {
    let each =
        |(bytes, run): (u64, u64)| bytes as f64 * (1.0 + HALF_RATE_BYTES / run.max(1) as f64);
    transfers.map(each).iter().sum::<f64>() * OVERLAP[slots.clamp(1, SLOTS) - 1]
}

impl PassPlan {
    /// About how long it takes, as [`duration`] says.
    pub(crate) fn duration(&self) -> f64 {
        let read = (self.bytes_read, self.run_bytes_read);
        duration([read, (self.bytes_written, self.run_bytes_written)], self.slots)
    }
}

/// Refuses an array of another shape than the one that was planned for.
pub(crate) fn check_shape(shape: &[usize], planned: &[usize]) -> Result<()> {
    if shape == planned {
        return Ok(());
    }
    Err(Error::Shape(format!("an array of shape {shape:?} does not fit a plan for {planned:?}")))
}

/// Tiles of plain stretches of a file are no larger: longer runs are transferred no faster.
pub(crate) const PREFERRED_BYTES: usize = 16 << 20;

/// The number of tiles under way at a time.
pub(crate) fn slots(tiles: usize) -> usize {
    tiles.min(SLOTS)
}

/// The most that the loop holds besides what a pass says, on a few threads: their queues, channels,
/// tables of windows. Of a smaller budget it takes a sixteenth.
const OVERHEAD_BYTES: u64 = 256 << 10;
/// What queues alone take, and each thread that computes. Measured: 28 KiB and 5.1 KiB.
const QUEUES_BYTES: u64 = 32 << 10;
const THREAD_BYTES: u64 = 8 << 10;

/// The memory that passes may plan with. What threads take is set aside, but of the smallest budgets no
/// more than a quarter: these are exceeded by the rest.
pub(crate) fn usable(resources: Resources) -> u64 {
    let Resources { memory, threads } = resources;
    let threads = QUEUES_BYTES + THREAD_BYTES * threads.get() as u64;
    let least = OVERHEAD_BYTES.min(memory.bytes() / 16);
    memory.bytes() - least.max(threads.min(memory.bytes() / 4))
}

/// A refusal, with the smallest budget of which `cost` bytes are usable.
pub(crate) fn refuse(operation: &str, cost: u64, resources: Resources) -> Error {
    let is_enough = |memory: u64| {
        let memory = Budget::new(memory);
        usable(Resources { memory, ..resources }) >= cost
    };
    // Less than the cost is not enough, and if all there is is not, nothing is.
    let (mut less, mut needed) = (cost.saturating_sub(1), u64::MAX);
    while needed - less > 1 {
        let middle = less + (needed - less) / 2;
        if is_enough(middle) { needed = middle } else { less = middle }
    }
    Error::Budget { operation: operation.to_owned(), needed, allowed: resources.memory.bytes() }
}

/// Both of two parts of an operation, or a refusal: of two the one that asks for more says what is needed.
pub(crate) fn both<A, B>(operation: &str, one: Result<A>, other: Result<B>) -> Result<(A, B)> {
    let named = |error| match error {
        Error::Budget { needed, allowed, .. } => {
            Error::Budget { operation: operation.to_owned(), needed, allowed }
        }
        error => error,
    };
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Ok(_)) => Err(named(one)),
        (Ok(_), Err(other)) => Err(named(other)),
        (Err(one), Err(other)) => {
            let needed = |error: &Error| match error {
                Error::Budget { needed, .. } => *needed,
                _ => u64::MAX,
            };
            Err(named(if needed(&other) > needed(&one) { other } else { one }))
        }
    }
}

/// The greatest number in `1..=most` whose cost is within a limit, if 1 is. Costs must not fall.
pub(crate) fn greatest(most: usize, limit: u64, cost: impl Fn(usize) -> u64) -> Option<usize> {
    let (mut low, mut high) = (0, most + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if cost(middle) <= limit { low = middle } else { high = middle }
    }
    (low > 0).then_some(low)
}

/// Lengthens a tile along some axes, one after another, by whole units: as far as the array goes, up to
/// so many elements, and while its cost is within a limit. `None` if the tile costs more as it is.
pub(crate) fn grow(
    tile: &mut IxDyn,
    shape: &IxDyn,
    axes: impl IntoIterator<Item = (usize, usize)>,
    most: usize,
    limit: u64,
    cost: impl Fn(&IxDyn) -> u64,
) -> Option<()> {
    for (axis, unit) in axes {
        let others = (0..tile.ndim()).filter(|&other| other != axis);
        let others: usize = others.map(|other| tile[other].max(1)).product();
        let units = shape[axis].div_ceil(unit).min(most / others / unit);
        let units = units.max(tile[axis].div_ceil(unit)).max(1);
        let length = |units: usize| units.saturating_mul(unit).min(shape[axis]);
        let longer = |units: usize| {
            let mut longer = tile.clone();
            longer[axis] = length(units);
            longer
        };
        tile[axis] = length(greatest(units, limit, |units| cost(&longer(units)))?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn a_refusal_names_the_smallest_budget_that_holds_the_cost() {
        for cost in [1, 15, 16, 1000, 1 << 20, (15 << 18) - 1, 15 << 18, 1 << 30] {
            for threads in [1, 2, 100] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let of = |memory| Resources { memory: Budget::new(memory), threads };
                let Error::Budget { needed, .. } = refuse("x", cost, of(1)) else { unreachable!() };
                assert!(usable(of(needed)) >= cost);
                assert!(usable(of(needed - 1)) < cost);
            }
        }
    }

    #[test]
    fn a_cost_that_nothing_holds_is_refused_all_the_same() {
        let error = refuse("x", u64::MAX, Budget::new(1).into());
        assert!(matches!(error, Error::Budget { needed: u64::MAX, allowed: 1, .. }), "{error}");
    }

    #[test]
    fn greatest_is_the_last_within_the_limit() {
        assert_eq!(greatest(10, 35, |n| n as u64 * 10), Some(3));
        assert_eq!(greatest(10, 1000, |n| n as u64 * 10), Some(10));
        assert_eq!(greatest(10, 9, |n| n as u64 * 10), None);
    }
}
