//! How the array is cut: the tiles of both passes, and the memory that they hold.

use ndarray::{Dimension, Ix2};
use num_complex::Complex;
use outcore_storage::{Layout, Order};

use super::Fft2;
use super::between::Cuts;
use crate::fourier::{Direction, Real};
use crate::lanes::cost;
use crate::plan::{PassPlan, SLOTS, duration, greatest, refuse, usable};
use crate::tile::gathered_len;
use crate::tiling::Tiling;
use crate::transfer::staging_bytes;
use crate::{Resources, Result};

/// The numbers that a plan is made from.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) layout: Layout<Ix2>,
    resources: Resources,
    pub(super) fast: usize,
    pub(super) slow: usize,
    /// Bytes of an element in memory, in the source and in the output.
    pub(super) element: u64,
    /// How often the source copies what it reads.
    copies: usize,
    pub(super) read: u64,
    pub(super) written: u64,
    in_place: bool,
    /// Elements of the tables of both axes together.
    tables: u64,
    gathered_len: fn(usize, usize) -> usize,
}

/// One pass over the whole array, or two that cut it.
#[derive(Clone, Debug)]
pub(super) enum Passes {
    One(Tiling<Ix2>),
    Two(Cuts),
}

/// A choice of tiles.
struct Choice {
    cuts: Cuts,
    slots: usize,
    memory: [u64; 2],
    /// How long the transfers take, in units of the time to read one byte of a long run.
    duration: f64,
}

/// A page of the file system, on whose boundaries columns are cut.
const PAGE_BYTES: usize = 4096;
/// A tile of rows: runs that are longer get no faster.
const ROWS_BYTES: u64 = 16 << 20;
impl Sizes {
    pub(super) fn new<T: Real>(fft2: &Fft2<'_>, resources: Resources) -> Self {
        let layout = fft2.layout.clone();
        let (slow, fast) = match layout.order() {
            Order::C => (0, 1),
            Order::F => (1, 0),
        };
        let shape = layout.shape();
        let once = if shape[0] == shape[1] { 0 } else { cost(shape[slow]).0 };
        let element = size_of::<Complex<T>>() as u64;
        Self {
            resources,
            fast,
            slow,
            element,
            copies: fft2.source.copies(),
            read: layout.element_bytes() as u64,
            written: if fft2.real_part { element / 2 } else { element },
            in_place: fft2.in_place,
            tables: cost(shape[fast]).0 + once,
            gathered_len: gathered_len::<Complex<T>>,
            layout,
        }
    }

    pub(super) fn name(&self, direction: Direction) -> String {
        let name = if direction == Direction::Forward { "fft2" } else { "ifft2" };
        let bits = self.element * 8;
        format!("{name} of {:?} as complex{bits}", self.layout.shape().slice())
    }

    /// One tile of the whole array if the budget allows it, otherwise columns and then rows.
    pub(super) fn passes(&self, direction: Direction) -> Result<(Passes, Vec<PassPlan>)> {
        let limit = usable(self.resources.memory.bytes());
        let (rows, columns) = (self.layout.shape()[self.slow], self.layout.shape()[self.fast]);
        if self.both_cost() <= limit {
            let tiling = self.tiling(rows, columns);
            let (names, bytes) = (self.pass_names(), self.layout.len() as u64);
            let name = format!("{} and {}", names.0, names.1);
            let (read, written) = (bytes * self.read, bytes * self.written);
            let mut pass = self.pass(&name, &tiling, 1, self.both_cost(), (read, written));
            (pass.run_bytes_read, pass.run_bytes_written) = (read, written);
            return Ok((Passes::One(tiling), vec![pass]));
        }
        let Some(choice) = self.best(limit) else {
            let least = self.both_cost().min(self.rows_cost(1).max(self.columns_cost(1, 1, 1)));
            return Err(refuse(&self.name(direction), least, self.resources));
        };
        let passes = self.pass_plans(&choice);
        Ok((Passes::Two(choice.cuts), passes))
    }

    fn pass_plans(&self, choice: &Choice) -> Vec<PassPlan> {
        let (names, cuts) = (self.pass_names(), &choice.cuts);
        let row_bytes = cuts.rows.tile()[self.fast] as u64 * self.element;
        let tile_bytes = cuts.rows.tile()[self.slow] as u64 * row_bytes;
        let len = self.layout.len() as u64;
        let between = self.between_len(cuts) * self.element;
        let (read, written) = (len * self.read, len * self.written);
        let count = SLOTS.min(cuts.rows.len());
        let mut columns =
            self.pass(names.0, &cuts.columns, choice.slots, choice.memory[0], (read, between));
        let mut rows = self.pass(names.1, &cuts.rows, count, choice.memory[1], (between, written));
        let width = cuts.columns.tile()[self.fast] as u64 * self.element;
        let height = if self.in_place { 1 } else { cuts.rows.tile()[self.slow] as u64 };
        columns.run_bytes_written = if between == 0 { 0 } else { width * height };
        rows.run_bytes_read = if between == 0 { 0 } else { tile_bytes };
        rows.run_bytes_written = tile_bytes / self.element * self.written;
        vec![columns, rows]
    }

    /// The elements that are written and read between the passes.
    fn between_len(&self, cuts: &Cuts) -> u64 {
        cuts.stored_rows() as u64 * self.layout.shape()[self.fast] as u64
    }

    /// The elements that stay in memory between the passes.
    pub(super) fn kept_len(&self, cuts: &Cuts) -> u64 {
        self.layout.len() as u64 - self.between_len(cuts)
    }

    /// The tiles whose transfers take the least time. Wide tiles of columns have long runs, narrow
    /// ones leave room to keep rows in memory between the passes.
    fn best(&self, limit: u64) -> Option<Choice> {
        let (rows, columns) = (self.layout.shape()[self.slow], self.layout.shape()[self.fast]);
        let most = ROWS_BYTES / (columns as u64 * self.element).max(1);
        let most = usize::try_from(most).map_or(rows, |most| most.clamp(1, rows));
        let tallest = greatest(most, limit, |n| self.rows_cost(n))?;
        let choices = halvings(tallest).flat_map(|height| {
            (1..=SLOTS).flat_map(move |slots| {
                let cost = |n| self.columns_cost(n, slots, height);
                let widest = greatest(columns, limit, cost).unwrap_or(0);
                halvings(widest).filter_map(move |width| self.choice(width, height, slots, limit))
            })
        });
        choices.min_by(|one, other| one.duration.total_cmp(&other.duration))
    }

    /// `None` if it does not fit: of narrower tiles there may be more under way.
    fn choice(&self, width: usize, height: usize, slots: usize, limit: u64) -> Option<Choice> {
        let columns = self.column_tiling(width, height);
        let rows = self.tiling(height, self.layout.shape()[self.fast]);
        let mut memory = [self.columns_cost(width, slots, height), self.rows_cost(height)];
        let tile = (rows.tile().slice().iter().product::<usize>()) as u64 * self.element;
        let kept_cost = tile + KEPT_TILE_BYTES;
        let kept = limit.checked_sub(memory[0].max(memory[1]))? / kept_cost;
        let kept = usize::try_from(kept).map_or(rows.len(), |kept| kept.min(rows.len()));
        // Rows in memory are lost with the process: few are not worth repeating the first pass for.
        let kept = if kept < rows.len() / WORTH_KEEPING { 0 } else { kept };
        for memory in &mut memory {
            *memory += kept as u64 * kept_cost;
        }
        let slots = slots.min(columns.len());
        let (order, slow, fast) = (self.layout.order(), self.slow, self.fast);
        let kept_from = rows.len() - kept;
        let cuts = Cuts { columns, rows, order, slow, fast, kept_from };
        let duration = self.duration(&cuts, slots);
        Some(Choice { cuts, slots, memory, duration })
    }

    fn duration(&self, cuts: &Cuts, slots: usize) -> f64 {
        let (len, between) = (self.layout.len() as u64, self.between_len(cuts) * self.element);
        let width = cuts.columns.tile()[self.fast] as u64;
        let row_tile = cuts.rows.tile().size() as u64 * self.element;
        let block = width * cuts.rows.tile()[self.slow] as u64 * self.element;
        let written_run = if self.in_place { width * self.element } else { block };
        let columns = [(len * self.read, width * self.read), (between, written_run)];
        let rows = [(between, row_tile), (len * self.written, row_tile)];
        duration(columns, slots) + duration(rows, SLOTS)
    }

    fn pass_names(&self) -> (&'static str, &'static str) {
        if self.fast == 1 { ("columns", "rows") } else { ("rows", "columns") }
    }

    /// Tiles of a length along the slow and along the fast axis.
    fn tiling(&self, slow_len: usize, fast_len: usize) -> Tiling<Ix2> {
        let mut tile = Ix2(0, 0);
        tile[self.slow] = slow_len;
        tile[self.fast] = fast_len;
        Tiling::new(*self.layout.shape(), tile, self.layout.order())
    }

    /// Tiles of at most `n` whole lanes along the slow axis, for row tiles of a height: as even as
    /// whole multiples of the quantum allow.
    fn column_tiling(&self, n: usize, height: usize) -> Tiling<Ix2> {
        let shape = self.layout.shape();
        let len = shape[self.fast];
        let quantum = self.quantum(height);
        let quantum = if n >= quantum { quantum } else { 1 };
        let even = len.div_ceil(len.div_ceil(n / quantum * quantum));
        let tiling = self.tiling(shape[self.slow], even.next_multiple_of(quantum).min(len));
        let page_offset = self.layout.offset() % PAGE_BYTES as u64;
        let lead = usize::try_from(page_offset).expect("less than a page") / self.element_bytes();
        if self.in_place && quantum > 1 && tiling.len() > 1 {
            return tiling.with_lead(self.fast, lead);
        }
        tiling
    }

    /// Columns that are best left together. In place, where rows are whole pages, pages too: a page
    /// that two tiles share would be read and written twice. Out of place as many as make whole rows
    /// of a block, which then is a single window of the array between the passes.
    fn quantum(&self, height: usize) -> usize {
        let len = self.layout.shape()[self.fast];
        if !self.in_place {
            return len / gcd(len, height);
        }
        let page = PAGE_BYTES / self.element_bytes();
        if len.is_multiple_of(page) { page } else { 1 }
    }

    fn element_bytes(&self) -> usize {
        self.layout.element_bytes()
    }

    fn pass(
        &self,
        name: &str,
        tiling: &Tiling<Ix2>,
        slots: usize,
        memory: u64,
        (bytes_read, bytes_written): (u64, u64),
    ) -> PassPlan {
        let tile_len = tiling.tile().slice().iter().product::<usize>();
        PassPlan {
            name: name.to_owned(),
            tiles: tiling.len(),
            tile: tiling.tile().slice().to_vec(),
            slots: slots.min(tiling.len()),
            tile_bytes: tile_len as u64 * self.element,
            run_bytes_read: 0,
            run_bytes_written: 0,
            bytes_read,
            bytes_written,
            memory,
        }
    }

    /// The memory of a pass along the slow axis over tiles of at most `n` lanes, so many at a time.
    fn columns_cost(&self, n: usize, slots: usize, height: usize) -> u64 {
        // The tiles may be narrower than `n`, and then there may be more of them than that asks for.
        let tiling = self.column_tiling(n, height);
        let (len, width) = (self.layout.shape()[self.slow], tiling.tile()[self.fast]);
        let (tile, slots) = (len as u64 * width as u64, slots.min(tiling.len()));
        self.cost(tile, slots, self.scratch(self.slow, width), self.read, self.element)
    }

    /// The memory of a pass along the fast axis over tiles of `n` lanes. Out of place, of more than
    /// one lane there are two copies: as they are read, and put together.
    fn rows_cost(&self, n: usize) -> u64 {
        let (len, lanes) = (self.layout.shape()[self.fast], self.layout.shape()[self.slow]);
        let copies = if n > 1 && !self.in_place { 2 } else { 1 };
        let slots = copies * SLOTS.min(lanes.div_ceil(n));
        let scratch = self.scratch(self.fast, 1);
        self.cost(len as u64 * n as u64, slots, scratch, self.element, self.written)
    }

    /// The memory of a single pass along both axes.
    fn both_cost(&self) -> u64 {
        let fast_len = self.layout.shape()[self.fast];
        let scratch = self.scratch(self.fast, 1) + self.scratch(self.slow, fast_len);
        self.cost(self.layout.len() as u64, 1, scratch, self.read, self.written)
    }

    /// The elements of scratch for each thread.
    fn scratch(&self, axis: usize, inner: usize) -> u64 {
        let len = self.layout.shape()[axis];
        cost(len).1 + (self.gathered_len)(len, inner) as u64
    }

    fn cost(&self, tile: u64, slots: usize, scratch: u64, read: u64, written: u64) -> u64 {
        let threads = self.resources.threads.get() as u64;
        let elements =
            [tile.saturating_mul(slots as u64), threads.saturating_mul(scratch), self.tables];
        let elements = elements.into_iter().fold(0_u64, u64::saturating_add);
        let (read, written) = (tile.saturating_mul(read), tile.saturating_mul(written));
        let staging = staging_bytes(self.copies, read, written, slots);
        elements.saturating_mul(self.element).saturating_add(staging)
    }
}

/// A number, its half, the half of that, down to 1; nothing if it is 0.
fn halvings(from: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |n| Some(n / 2)).take_while(|&n| n > 0)
}

fn gcd(one: usize, other: usize) -> usize {
    if other == 0 { one } else { gcd(other, one % other) }
}

/// The part of all rows that is worth keeping in memory.
const WORTH_KEEPING: usize = 16;
/// What a row tile that is kept in memory holds besides its elements.
const KEPT_TILE_BYTES: u64 = 64;
