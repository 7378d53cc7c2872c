//! How a matrix is cut into blocks, for a pass over whole columns and one over whole rows.

use super::between::{Cuts, RowTiles};
use crate::plan::{PassPlan, SLOTS, duration, greatest, slots};

/// What is cut.
#[derive(Clone, Copy)]
pub(crate) struct Matrices {
    pub(crate) count: usize,
    /// The rows of a matrix, and their length.
    pub(crate) rows: usize,
    pub(crate) len: usize,
    /// The length of a row of the array that the blocks lie in.
    pub(crate) pitch: usize,
    pub(crate) mirrored: bool,
    /// The tiles of rows, if they are chosen already.
    pub(crate) fixed: Option<RowTiles>,
    /// Bytes of an element in memory.
    pub(crate) element: u64,
}

impl Matrices {
    pub(crate) fn new(count: usize, rows: usize, len: usize, element: u64) -> Self {
        Self { count, rows, len, pitch: len, mirrored: false, fixed: None, element }
    }
}

/// What two passes with blocks in between ask of their tiles: those of columns read the source, those of
/// rows write the output.
pub(crate) struct BlockRequest<'a> {
    pub(crate) of: Matrices,
    /// Bytes of an element in the source.
    pub(crate) read: u64,
    pub(crate) output_bytes: u64,
    /// The memory of the pass over so many columns, so many tiles at a time.
    pub(crate) columns_cost: &'a dyn Fn(usize, usize) -> u64,
    pub(crate) rows_cost: &'a dyn Fn(RowTiles) -> u64,
}

/// What a choice of blocks depends on.
pub(crate) struct Search<'a> {
    pub(crate) of: Matrices,
    pub(crate) columns_cost: &'a dyn Fn(usize, usize) -> u64,
    pub(crate) rows_cost: &'a dyn Fn(RowTiles) -> u64,
    /// The width of tiles of at most so many columns, for row tiles of a height.
    pub(crate) width: &'a dyn Fn(usize, usize) -> usize,
    /// About how long all passes take, with so many tiles of columns at a time.
    pub(crate) duration: &'a dyn Fn(&Cuts, usize) -> f64,
}

/// A choice of tiles.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    pub(crate) cuts: Cuts,
    pub(crate) slots: usize,
    /// Of a pass over columns, and of one over rows.
    pub(crate) memory: [u64; 2],
    pub(crate) duration: f64,
}

/// What a disk transfers at least.
const SECTOR_BYTES: u64 = 512;
/// A tile of rows: runs that are longer get no faster.
const ROWS_BYTES: u64 = 16 << 20;
/// The part of all rows that is worth keeping in memory.
const WORTH_KEEPING: usize = 16;
/// What a row tile that is kept in memory holds besides its elements.
const KEPT_TILE_BYTES: u64 = 64;

impl Search<'_> {
    /// The blocks whose transfers take the least time; `None` if the smallest exceed the limit. Wide
    /// tiles of columns have long runs, narrow ones leave room to keep rows in memory between the passes.
    pub(crate) fn best(&self, limit: u64) -> Option<Blocks> {
        if self.least() > limit {
            return None;
        }
        let most = ROWS_BYTES / (self.of.len as u64).saturating_mul(self.of.element).max(1);
        let most = usize::try_from(most).map_or(self.of.rows, |most| most.clamp(1, self.of.rows));
        let tallest = greatest(most, limit, |height| (self.rows_cost)(self.row_tiles(height)))?;
        let heights = if let Some(fixed) = self.of.fixed {
            halvings(fixed.height).take(1)
        } else {
            halvings(tallest).take(usize::MAX)
        };
        let choices = heights.flat_map(|height| {
            (1..=SLOTS).flat_map(move |slots| {
                let cost = |width| (self.columns_cost)((self.width)(width, height), slots);
                let widest = greatest(self.of.len, limit, cost).unwrap_or(0);
                halvings(widest).filter_map(move |width| {
                    let width = (self.width)(width, height);
                    self.choice(self.row_tiles(height), width, slots, limit)
                })
            })
        });
        choices.min_by(|one, other| one.duration.total_cmp(&other.duration))
    }

    /// The memory of the smallest blocks; there are none of an array without elements.
    pub(crate) fn least(&self) -> u64 {
        if self.of.count == 0 || self.of.rows == 0 || self.of.len == 0 {
            return u64::MAX;
        }
        (self.rows_cost)(self.row_tiles(1)).max((self.columns_cost)((self.width)(1, 1), 1))
    }

    fn row_tiles(&self, height: usize) -> RowTiles {
        let tiles = RowTiles { mirrored: self.of.mirrored, ..RowTiles::new(self.of.rows, height) };
        self.of.fixed.unwrap_or(tiles)
    }

    /// `None` if it does not fit: of narrower tiles there may be more under way.
    fn choice(&self, rows: RowTiles, width: usize, slots: usize, limit: u64) -> Option<Blocks> {
        let mut memory = [(self.columns_cost)(width, slots), (self.rows_cost)(rows)];
        let kept_cost =
            rows.tallest() as u64 * self.of.len as u64 * self.of.element + KEPT_TILE_BYTES;
        let count = rows.len() * self.of.count;
        let kept = limit.checked_sub(memory[0].max(memory[1]))? / kept_cost;
        let kept = usize::try_from(kept).map_or(count, |kept| kept.min(count));
        // Rows in memory are lost with the process: few are not worth repeating the first pass for. Tiles of
        // rows that are chosen already are as tall as there is memory.
        let few = kept < count / WORTH_KEEPING || self.of.fixed.is_some();
        let kept = if few { 0 } else { kept };
        for memory in &mut memory {
            *memory += kept as u64 * kept_cost;
        }
        let Matrices { count: matrices, len, pitch, .. } = self.of;
        let mirrored = false;
        let cuts = Cuts { matrices, rows, len, width, mirrored, pitch, kept_from: count - kept };
        let slots = slots.min(cuts.all_column_tiles());
        let duration = (self.duration)(&cuts, slots);
        Some(Blocks { cuts, slots, memory, duration })
    }
}

impl BlockRequest<'_> {
    pub(crate) fn best(&self, limit: u64) -> Option<Blocks> {
        self.search(|search| search.best(limit))
    }

    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method is not general enough")]
    pub(crate) fn least(&self) -> u64 {
        self.search(|search| search.least())
    }

    fn search<R>(&self, then: impl FnOnce(&Search<'_>) -> R) -> R {
        let len = self.of.len;
        then(&Search {
            of: self.of,
            columns_cost: self.columns_cost,
            rows_cost: self.rows_cost,
            width: &|most, height| even_width(len, most, height, self.read),
            duration: &|cuts, slots| self.duration(cuts, slots),
        })
    }

    fn duration(&self, cuts: &Cuts, slots: usize) -> f64 {
        let between = self.between(cuts);
        let (width, height) = (cuts.width as u64, cuts.rows.tallest() as u64);
        let row_tile = height * cuts.len as u64 * self.of.element;
        let columns =
            [(self.source_bytes(), width * self.read), (between, width * height * self.of.element)];
        let rows = [(between, row_tile), (self.output_bytes, row_tile)];
        duration(columns, slots) + duration(rows, SLOTS)
    }

    fn source_bytes(&self) -> u64 {
        (self.of.count * self.of.rows * self.of.len) as u64 * self.read
    }

    /// The bytes that are written and read between the passes.
    fn between(&self, cuts: &Cuts) -> u64 {
        cuts.stored_rows() as u64 * cuts.len as u64 * self.of.element
    }

    /// The bytes that stay in memory between the passes.
    pub(crate) fn kept_bytes(&self, cuts: &Cuts) -> u64 {
        cuts.kept_rows() as u64 * cuts.len as u64 * self.of.element
    }

    /// The two passes, and what each costs.
    pub(crate) fn plans(&self, blocks: &Blocks) -> Vec<PassPlan> {
        let Blocks { cuts, slots: column_slots, memory, .. } = blocks;
        let between = self.between(cuts);
        let height = cuts.rows.tallest();
        let row_tile = (height * cuts.len) as u64 * self.of.element;
        let (width, count) = (cuts.width as u64, cuts.all_row_tiles());
        let stored = |bytes| if between == 0 { 0 } else { bytes };
        let columns = PassPlan {
            name: "columns".to_owned(),
            tiles: cuts.all_column_tiles(),
            tile: vec![cuts.rows.count, cuts.width],
            slots: *column_slots,
            tile_bytes: cuts.rows.count as u64 * width * self.of.element,
            run_bytes_read: width * self.read,
            run_bytes_written: stored(width * height as u64 * self.of.element),
            bytes_read: self.source_bytes(),
            bytes_written: between,
            memory: memory[0],
        };
        let rows = PassPlan {
            name: "rows".to_owned(),
            tiles: count,
            tile: vec![height, cuts.len],
            slots: slots(count),
            tile_bytes: row_tile,
            run_bytes_read: stored(row_tile),
            run_bytes_written: self.output_bytes / (self.of.count * self.of.rows) as u64
                * height as u64,
            bytes_read: between,
            bytes_written: self.output_bytes,
            memory: memory[1],
        };
        vec![columns, rows]
    }
}

/// The width of tiles of at most so many of `len` columns, for row tiles of a height: as even as possible,
/// in multiples of what makes whole rows of a block, which then is a single window; or of sectors, so that
/// every run begins at the same distance from one. Elements have so many bytes where they are read.
pub(crate) fn even_width(len: usize, most: usize, height: usize, element_bytes: u64) -> usize {
    let sector = usize::try_from(SECTOR_BYTES / element_bytes.max(1)).expect("few elements").max(1);
    let sectors = len.is_multiple_of(sector).then_some(sector);
    let quanta = [Some(len / gcd(len, height)), sectors];
    let quantum = quanta.into_iter().flatten().find(|&quantum| most >= quantum).unwrap_or(1);
    let even = len.div_ceil(len.div_ceil(most / quantum * quantum));
    even.next_multiple_of(quantum).min(len)
}

/// A number, its half, the half of that, down to 1; nothing if it is 0.
fn halvings(from: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |n| Some(n / 2)).take_while(|&n| n > 0)
}

fn gcd(one: usize, other: usize) -> usize {
    if other == 0 { one } else { gcd(other, one % other) }
}
