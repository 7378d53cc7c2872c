//! How many rows and columns fit: the tiles of a transform, and the memory of its passes.

use ndarray::{Dimension, Ix2};
use num_complex::Complex;
use outcore_storage::{Layout, Order};

use super::Fft2;
use crate::fourier::{Direction, Real};
use crate::lanes::cost;
use crate::pass::run_bytes;
use crate::plan::{PassPlan, SLOTS, greatest, refuse, usable};
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
    pub(super) read: u64,
    pub(super) written: u64,
    /// Elements of the tables of both axes together.
    tables: u64,
    gathered_len: fn(usize, usize) -> usize,
    /// The first byte of the output's elements.
    output_offset: u64,
}

/// A page of the file system, on whose boundaries tiles are cut.
const PAGE_BYTES: usize = 4096;
/// Where the elements of a `.npy` file begin, unless its header is unusually long.
pub(super) const NPY_OFFSET: u64 = 128;

impl Sizes {
    pub(super) fn new<T: Real>(fft2: &Fft2, resources: Resources) -> Self {
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
            read: layout.element_bytes() as u64,
            written: if fft2.real_part { element / 2 } else { element },
            tables: cost(shape[fast]).0 + once,
            gathered_len: gathered_len::<Complex<T>>,
            output_offset: fft2.output_offset,
            layout,
        }
    }

    pub(super) fn name(&self, direction: Direction) -> String {
        let name = if direction == Direction::Forward { "fft2" } else { "ifft2" };
        let bits = self.element * 8;
        format!("{name} of {:?} as complex{bits}", self.layout.shape().slice())
    }

    /// One tile of the whole array if the budget allows it, otherwise rows and then columns.
    pub(super) fn passes(&self, direction: Direction) -> Result<(Vec<Tiling<Ix2>>, Vec<PassPlan>)> {
        let limit = usable(self.resources.memory.bytes());
        let shape = self.layout.shape();
        if self.both_cost() <= limit {
            let tiling = self.tiling(shape[self.slow], shape[self.fast]);
            let bytes = (self.read, self.written);
            let pass = self.pass("rows and columns", &tiling, 1, self.both_cost(), bytes);
            return Ok((vec![tiling], vec![pass]));
        }
        let rows = self.preferred(shape[self.slow], shape[self.fast], limit);
        let (Some(rows), Some((part, slots))) = (rows, self.slow_tiles(limit)) else {
            let least = self.both_cost().min(self.fast_cost(1).max(self.slow_cost(1, 1)));
            return Err(refuse(&self.name(direction), least, self.resources));
        };
        let (names, full) = (self.pass_names(), self.tiling(rows, shape[self.fast]));
        let (memory, slow_memory) =
            (self.fast_cost(rows), self.slow_cost(part.tile()[self.fast], slots));
        let first = self.pass(names.0, &full, SLOTS, memory, (self.read, self.element));
        let second = self.pass(names.1, &part, slots, slow_memory, (self.element, self.written));
        Ok((vec![full, part], vec![first, second]))
    }

    /// As many rows as make a tile of a few megabytes: no more, because long runs get no faster.
    fn preferred(&self, most: usize, len: usize, limit: u64) -> Option<usize> {
        const PREFERRED_BYTES: u64 = 16 << 20;
        let preferred = (PREFERRED_BYTES / (len as u64 * self.element)).max(1);
        let most = most.min(usize::try_from(preferred).unwrap_or(usize::MAX));
        greatest(most, limit, |n| self.fast_cost(n))
    }

    /// Tiles of whole lanes along the slow axis, and how many of them are in memory at a time:
    /// three, unless two allow longer runs where runs are short, or none but one fits.
    fn slow_tiles(&self, limit: u64) -> Option<(Tiling<Ix2>, usize)> {
        const LONG_RUN_BYTES: u64 = 64 << 10;
        let most = self.layout.shape()[self.fast];
        let tiles = |slots| {
            let n = greatest(most, limit, |n| self.slow_cost(n, slots))?;
            Some((self.slow_tiling(n), slots))
        };
        let run_bytes = |tiling: &Tiling<Ix2>| tiling.tile()[self.fast] as u64 * self.element;
        let (three, two) = (tiles(SLOTS), tiles(2));
        match (three, two) {
            (Some((three, _)), Some((two, slots)))
                if run_bytes(&three) < LONG_RUN_BYTES && run_bytes(&three) < run_bytes(&two) =>
            {
                Some((two, slots))
            }
            (Some(three), _) => Some(three),
            (None, Some(two)) => Some(two),
            (None, None) => tiles(1),
        }
    }

    fn pass_names(&self) -> (&'static str, &'static str) {
        if self.fast == 1 { ("rows", "columns") } else { ("columns", "rows") }
    }

    /// Tiles of a length along the slow and along the fast axis.
    fn tiling(&self, slow_len: usize, fast_len: usize) -> Tiling<Ix2> {
        let mut tile = Ix2(0, 0);
        tile[self.slow] = slow_len;
        tile[self.fast] = fast_len;
        Tiling::new(*self.layout.shape(), tile, self.layout.order())
    }

    /// Tiles of at most `n` whole lanes along the slow axis.
    ///
    /// Where rows begin at the same place of a page, so do the edges of tiles; otherwise all tiles
    /// but the last are alike.
    fn slow_tiling(&self, n: usize) -> Tiling<Ix2> {
        let shape = self.layout.shape();
        let (len, element) = (shape[self.fast], usize::try_from(self.element).expect("small"));
        let quantum = PAGE_BYTES / element;
        let lead =
            usize::try_from(self.output_offset % PAGE_BYTES as u64).expect("small") / element;
        if len % quantum == 0 && n >= quantum && len > quantum {
            return self.tiling(shape[self.slow], n / quantum * quantum).with_lead(self.fast, lead);
        }
        self.tiling(shape[self.slow], len.div_ceil(len.div_ceil(n)))
    }

    fn pass(
        &self,
        name: &str,
        tiling: &Tiling<Ix2>,
        slots: usize,
        memory: u64,
        (read, written): (u64, u64),
    ) -> PassPlan {
        let (len, tile_len) =
            (self.layout.len() as u64, tiling.tile().slice().iter().product::<usize>());
        PassPlan {
            name: name.to_owned(),
            tiles: tiling.len(),
            tile: tiling.tile().slice().to_vec(),
            slots: slots.min(tiling.len()),
            tile_bytes: tile_len as u64 * self.element,
            run_bytes: run_bytes(&self.layout, tiling) / self.read * read,
            bytes_read: len * read,
            bytes_written: len * written,
            memory,
        }
    }

    /// The memory of a pass along the fast axis over tiles of `n` lanes.
    fn fast_cost(&self, n: usize) -> u64 {
        let (len, lanes) = (self.layout.shape()[self.fast], self.layout.shape()[self.slow]);
        let tile = len as u64 * n as u64;
        self.cost(
            tile,
            SLOTS.min(lanes.div_ceil(n)),
            self.scratch(self.fast, 1),
            self.read,
            self.element,
        )
    }

    /// The memory of a pass along the slow axis over tiles of at most `n` lanes, so many at a time.
    fn slow_cost(&self, n: usize, slots: usize) -> u64 {
        // The tiles may be narrower than `n`, and then there may be more of them than that asks for.
        let tiling = self.slow_tiling(n);
        let (len, width) = (self.layout.shape()[self.slow], tiling.tile()[self.fast]);
        let (tile, slots) = (len as u64 * width as u64, slots.min(tiling.len()));
        self.cost(tile, slots, self.scratch(self.slow, width), self.element, self.written)
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
        let staging = staging_bytes(tile.saturating_mul(read), tile.saturating_mul(written));
        elements.saturating_mul(self.element).saturating_add(staging)
    }
}
