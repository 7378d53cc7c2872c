//! Terrain of any size: the data, doubled in both directions until it is large enough, with finer
//! relief added at every doubling.
//!
//! ```text
//!   level 0        level 1                         level 2
//!   A   B          A   .   B      + octave 1       ...         + octave 2
//!                  .   .   .
//!   C   D          C   .   D
//! ```
//!
//! The dots are interpolated from the four nearest elements along each axis by the weights
//! (-1, 9, 9, -1) / 16, which leave almost none of the doubled lattice in the spectrum, as linear
//! interpolation would.

use ndarray::{ArrayView1, ArrayViewMut2, Ix2, s};
use outcore_storage::{Error, ErrorKind, Layout, Order, Result, Source, Stored, Window};

use crate::octave::{Octave, data_shape, signed};

/// Rows and columns that are computed at a time: the level below takes a quarter, the one below
/// that a sixteenth, so all of them fit into the second-level cache.
const BLOCK: [usize; 2] = [128, 512];

/// A landscape of any number of rows and columns, computed where it is read.
///
/// It is a cut from the middle of the real [`elevation`](crate::elevation) model, made finer by as
/// many doublings as its shape needs; at the shape of the model it is the model. Twice as many rows
/// and columns show the same land with twice the detail.
///
/// An element depends on its index and the shape only, and is computed by additions and
/// multiplications of `f32` in a fixed order. So it has the same bits on every machine, however the
/// terrain is cut into tiles. One call holds about 100 KB; several threads may read at a time.
#[derive(Clone, Debug)]
pub struct Terrain {
    layout: Layout<Ix2>,
    /// The number of doublings.
    level: u32,
    /// The place of element (0, 0) in the refined data, which reach further than the terrain.
    corner: [i64; 2],
}

impl Terrain {
    /// The terrain of a shape.
    ///
    /// # Errors
    ///
    /// If the shape has more elements than can be counted.
    pub fn new(rows: usize, columns: usize) -> Result<Self> {
        let layout = Layout::new(Ix2(rows, columns), Order::C, size_of::<f32>(), 0);
        let layout = layout.ok_or_else(|| {
            let (shape, element_bytes) = (vec![rows, columns], size_of::<f32>());
            Error::without_path(ErrorKind::TooLarge { shape, element_bytes })
        })?;
        let sizes = [(rows, data_shape()[0]), (columns, data_shape()[1])];
        let mut level = 0;
        while sizes.iter().any(|&(len, data_len)| len as u128 > (data_len as u128) << level) {
            level += 1;
        }
        let corner = sizes.map(|(len, data_len)| middle(len, data_len, level));
        Ok(Self { layout, level, corner })
    }

    fn read_block(&self, origin: [usize; 2], mut tile: ArrayViewMut2<'_, f32>) {
        let place = |axis: usize| self.corner[axis] + signed(origin[axis]);
        let (row, column) = (place(0), place(1));
        let mut rows = Rows::new(self.level, [row, column], tile.dim().into());
        for (row, mut out) in (row..).zip(tile.rows_mut()) {
            out.assign(&ArrayView1::from(rows.row(row)));
        }
    }
}

impl Stored<Ix2> for Terrain {
    fn layout(&self) -> Layout<Ix2> {
        self.layout.clone()
    }
}

impl Source<f32, Ix2> for Terrain {
    fn read_tile(&self, window: &Window<Ix2>, mut tile: ArrayViewMut2<'_, f32>) -> Result<()> {
        check(window, self.layout.shape(), tile.raw_dim()).map_err(Error::without_path)?;
        let (rows, columns) = tile.dim();
        for top in (0..rows).step_by(BLOCK[0]) {
            for left in (0..columns).step_by(BLOCK[1]) {
                let (bottom, right) = (rows.min(top + BLOCK[0]), columns.min(left + BLOCK[1]));
                let origin = [window.origin[0] + top, window.origin[1] + left];
                self.read_block(origin, tile.slice_mut(s![top..bottom, left..right]));
            }
        }
        Ok(())
    }
}

/// Where a length begins that lies in the middle of the refined data.
fn middle(len: usize, data_len: usize, level: u32) -> i64 {
    let margin = ((data_len as u128) << level) - len as u128;
    i64::try_from(margin / 2).expect("lengths of countable shapes are far below 2^63")
}

fn check(window: &Window<Ix2>, shape: &Ix2, tile: Ix2) -> Result<(), ErrorKind> {
    let lengths = |shape: &Ix2| vec![shape[0], shape[1]];
    if !window.is_inside(shape) {
        let (window, shape) = (window.to_string(), lengths(shape));
        return Err(ErrorKind::OutOfBounds { window, shape });
    }
    if tile != window.shape {
        let (tile, window) = (lengths(&tile), lengths(&window.shape));
        return Err(ErrorKind::WrongShape { tile, window });
    }
    Ok(())
}

/// The rows of a box of one level, computed one by one.
struct Rows {
    octave: Octave,
    parent: Option<Patch>,
    /// The columns of the box.
    columns: usize,
    /// The first of them.
    first: i64,
    /// A row of the parent.
    coarse: Vec<f32>,
    /// A row of this level, from an even column to an odd one.
    fine: Vec<f32>,
}

impl Rows {
    fn new(level: u32, first: [i64; 2], shape: [usize; 2]) -> Self {
        let parent = level.checked_sub(1).map(|level| Patch::below(level, first, shape));
        let coarse = vec![0.0; parent.as_ref().map_or(0, |parent| parent.columns)];
        let fine = vec![0.0; shape[1] + 2];
        Self {
            octave: Octave::new(level),
            parent,
            columns: shape[1],
            first: first[1],
            coarse,
            fine,
        }
    }

    fn row(&mut self, row: i64) -> &[f32] {
        let odd = usize::from(self.first % 2 != 0);
        if let Some(parent) = &self.parent {
            let half = row.div_euclid(2);
            let coarse = if row % 2 == 0 {
                parent.row(half)
            } else {
                let rows = [half - 1, half, half + 1, half + 2].map(|row| parent.row(row));
                between_rows(rows, &mut self.coarse);
                &self.coarse
            };
            double(coarse, &mut self.fine);
        } else {
            self.fine.fill(0.0);
        }
        let out = &mut self.fine[odd..odd + self.columns];
        self.octave.add(row, self.first, out);
        out
    }
}

/// A box of one level in memory.
struct Patch {
    first_row: i64,
    columns: usize,
    values: Vec<f32>,
}

impl Patch {
    /// What the level above needs for a box: half its size, and two elements around it.
    fn below(level: u32, first: [i64; 2], shape: [usize; 2]) -> Self {
        let first = first.map(|first| first.div_euclid(2) - 1);
        let shape = shape.map(|len| len / 2 + 4);
        let mut rows = Rows::new(level, first, shape);
        let mut values = Vec::with_capacity(shape[0] * shape[1]);
        for row in (first[0]..).take(shape[0]) {
            values.extend_from_slice(rows.row(row));
        }
        Self { first_row: first[0], columns: shape[1], values }
    }

    fn row(&self, row: i64) -> &[f32] {
        let row = usize::try_from(row - self.first_row).expect("a row of the patch");
        &self.values[row * self.columns..][..self.columns]
    }
}

/// The element in the middle of four.
fn between(a: f32, b: f32, c: f32, d: f32) -> f32 {
    (9.0 * (b + c) - (a + d)) * 0.0625
}

fn between_rows([a, b, c, d]: [&[f32]; 4], out: &mut [f32]) {
    for ((((out, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = between(a, b, c, d);
    }
}

/// Puts an element between every two, beginning with the second.
fn double(coarse: &[f32], fine: &mut [f32]) {
    for (pair, near) in fine.chunks_exact_mut(2).zip(coarse.windows(4)) {
        pair[0] = near[1];
        pair[1] = between(near[0], near[1], near[2], near[3]);
    }
}
