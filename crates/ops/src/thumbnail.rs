//! A matrix as a small picture: the means of its elements in a few cells, in one reading pass.
//!
//! ```text
//!     lanes   ▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒   What of a lane lies in a cell is summed up
//!             ▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒   from its beginning to its end,
//!             ▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒│▒▒▒▒▒▒▒▒▒▒▒
//!             ─────┬───────────┬───────────┬─────
//!     cells        ▼           ▼           ▼        and these sums one lane after another.
//! ```
//!
//! Lanes are rows or columns, whichever are contiguous. The sums of a lane that is cut go on with the
//! next tile from what they are, so results do not depend on tiles or threads.

use ndarray::{Array2, Dimension, Ix2};
use outcore_storage::{Element, Layout, Source, Stored};
use rayon::prelude::*;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Mutex;

use crate::control::Control;
use crate::plan::{Plan, Report, Run, check_shape, refuse};
use crate::sweep::Sweep;
use crate::{Resources, Result};

/// The matrix reduced to at most `rows x columns` cells: each holds the mean of a function over the
/// elements that fall into it, `NaN` if one of them is. For pictures.
///
/// Row `i` of `rows` falls into cell `i * cells / rows`, and so do columns: where cells do not divide
/// the matrix, some have a row or a column more than others. Sums are computed in `f64`, in an order
/// that depends on the matrix's shape and order alone.
///
/// Cost: one pass that reads the source once, in long runs whatever its order. Memory: three tiles,
/// which may be parts of a row, the cells, and up to 256 KiB of sums or those of one row.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_ops::{Budget, Control, thumbnail};
///
/// let field = Array2::from_shape_fn((4, 4), |(row, column)| (row * 4 + column) as f64);
/// let plan = thumbnail(&field, (2, 2)).plan::<f64>(Budget::new(1 << 20))?;
/// let (small, report) = plan.run(&field, |x| x, Control::new())?;
/// assert_eq!(small, array![[2.5, 4.5], [10.5, 12.5]]);
/// assert_eq!(report.bytes_read(), 128);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn thumbnail(source: &impl Stored<Ix2>, cells: (usize, usize)) -> Thumbnail<'_> {
    let (rows, columns) = source.shape().into_pattern();
    let cells = [cells.0.clamp(1, rows.max(1)), cells.1.clamp(1, columns.max(1))];
    Thumbnail { name: "thumbnail".to_owned(), source, cells }
}

/// A small picture to be planned; see [`thumbnail`].
pub struct Thumbnail<'a> {
    name: String,
    source: &'a dyn Stored<Ix2>,
    cells: [usize; 2],
}

impl fmt::Debug for Thumbnail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} in {:?} cells", self.name, self.source.layout(), self.cells)
    }
}

impl Thumbnail<'_> {
    /// What the plan calls the operation.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Decides on tiles.
    ///
    /// # Errors
    ///
    /// If the cells and three short tiles exceed the budget; the error names the smallest budget that
    /// would do.
    pub fn plan<T: Element>(&self, resources: impl Into<Resources>) -> Result<ThumbnailPlan<T>> {
        let (layout, resources) = (self.source.layout(), resources.into());
        let (shape, cells) = (*layout.shape(), self.cells);
        let operation = format!("{} of {:?} in {cells:?} cells", self.name, shape.slice());
        let cut = Cut { shape, cells, along: lane_axis(&layout), lanes: 1 };
        let fit = |cut: Cut| {
            let sweep = Sweep::fit::<T>(self.source, None, resources, |_| cut.bytes());
            sweep.map(|sweep| (sweep, cut))
        };
        // Where sums of many lanes leave no room for tiles, a lane at a time will do.
        let many = fit(cut.of_many_lanes()).ok().filter(|(sweep, _)| sweep.is_worthwhile());
        let fitted = many.map_or_else(|| fit(cut), Ok);
        let (sweep, cut) = fitted.map_err(|cost| refuse(&operation, cost, resources))?;
        let passes = vec![sweep.pass::<T>("cells", self.source, cut.bytes())];
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        Ok(ThumbnailPlan { plan, sweep, cut, elements: PhantomData })
    }
}

/// The axis whose neighbours lie next to each other: the fastest, unless it has a single index.
fn lane_axis(layout: &Layout<Ix2>) -> usize {
    let fastest = layout.fastest_axis().expect("a matrix has axes");
    if layout.shape()[fastest] == 1 { 1 - fastest } else { fastest }
}

/// A small picture that has been planned.
#[derive(Debug)]
pub struct ThumbnailPlan<T> {
    plan: Plan,
    sweep: Sweep<Ix2>,
    cut: Cut,
    elements: PhantomData<fn(T)>,
}

impl<T> fmt::Display for ThumbnailPlan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Element> ThumbnailPlan<T> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Reads the source once; returns the means of a function in each cell. Of a matrix without
    /// elements they are NaN.
    ///
    /// # Errors
    ///
    /// If the shape differs from the plan's, reading fails, or the caller cancels.
    #[expect(clippy::missing_panics_doc, reason = "whoever panics ends the run")]
    pub fn run(
        &self,
        source: &impl Source<T, Ix2>,
        f: impl Fn(T) -> f64 + Sync,
        control: Control<'_>,
    ) -> Result<(Array2<f64>, Report)> {
        check_shape(source.shape().slice(), self.cut.shape.slice())?;
        let mut run = Run::new(&self.plan, control)?;
        let sums = Mutex::new(Sums::new(&self.cut));
        // Tiles are parts of the file without gaps, in its order.
        self.sweep.run(&mut run, source, &|elements: &[T]| {
            sums.lock().expect("a panic ends the run").push(elements, &f);
        })?;
        let means = sums.into_inner().expect("a panic ends the run").means();
        let means = if self.cut.along == 0 { means.reversed_axes() } else { means };
        Ok((means, run.finish()))
    }
}

/// How a matrix is cut into cells.
#[derive(Clone, Copy, Debug)]
struct Cut {
    shape: Ix2,
    cells: [usize; 2],
    /// The axis of the lanes.
    along: usize,
    /// The lanes that are summed up at a time.
    lanes: usize,
}

/// Sums that are made at a time, so that threads have enough to do: 256 KiB.
const SUMS: usize = 1 << 15;

impl Cut {
    fn across(&self) -> usize {
        1 - self.along
    }

    fn of_many_lanes(self) -> Self {
        let lanes = SUMS / self.cells[self.along];
        Self { lanes: lanes.clamp(1, self.shape[self.across()].max(1)), ..self }
    }

    /// What is held besides tiles: the cells, their edges, and the sums of some lanes.
    fn bytes(&self) -> u64 {
        let [rows, columns] = self.cells;
        let numbers = self.lanes * self.cells[self.along] + rows * columns;
        ((numbers + rows + columns + 2) * 8) as u64
    }

    /// Where each of an axis' cells begins, and where the last one ends.
    fn edges(&self, axis: usize) -> Vec<usize> {
        let (len, cells) = (self.shape[axis] as u128, self.cells[axis] as u128);
        // Cell i begins at the first index with index * cells / len == i.
        let edge = |cell: u128| usize::try_from((cell * len).div_ceil(cells));
        (0..=cells).map(|cell| edge(cell).expect("no further than the end")).collect()
    }
}

/// What is known of the elements so far.
#[derive(Debug)]
struct Sums {
    /// The edges of the cells along lanes, and across them.
    along: Vec<usize>,
    across: Vec<usize>,
    /// The sum of each cell, in rows of cells with the same lanes.
    cells: Array2<f64>,
    /// The row of the latest lane.
    row: usize,
    /// The sums of some lanes. Those of a lane that is cut wait here for its rest.
    lanes: Vec<f64>,
    /// The number of elements so far.
    seen: usize,
}

impl Sums {
    fn new(cut: &Cut) -> Self {
        let (along, across) = (cut.cells[cut.along], cut.cells[cut.across()]);
        Self {
            along: cut.edges(cut.along),
            across: cut.edges(cut.across()),
            cells: Array2::zeros((across, along)),
            row: 0,
            lanes: vec![0.0; cut.lanes * along],
            seen: 0,
        }
    }

    /// Adds the elements of a tile, a part of a lane or whole lanes, on all threads of the current
    /// pool.
    fn push<T: Element>(&mut self, elements: &[T], f: &(impl Fn(T) -> f64 + Sync)) {
        let (len, cells) = (self.along[self.along.len() - 1], self.cells.ncols());
        let at_a_time = (self.lanes.len() / cells).saturating_mul(len);
        for part in elements.chunks(at_a_time) {
            let (first, begin) = (self.seen / len, self.seen % len);
            if begin == 0 {
                self.lanes.fill(0.0);
            }
            let (along, lanes) = (&self.along, self.lanes.par_chunks_mut(cells));
            lanes
                .zip(part.par_chunks(len))
                .for_each(|(sums, lane)| add_lane(sums, along, begin, lane, f));
            self.seen += part.len();
            self.add_whole_lanes(first);
        }
    }

    /// Adds the sums of the lanes that have ended to those of their cells.
    fn add_whole_lanes(&mut self, first: usize) {
        let len = self.along[self.along.len() - 1];
        let sums = self.lanes.chunks(self.cells.ncols());
        for (lane, sums) in (first..self.seen / len).zip(sums) {
            while lane >= self.across[self.row + 1] {
                self.row += 1;
            }
            let mut cells = self.cells.row_mut(self.row);
            cells.iter_mut().zip(sums).for_each(|(cell, sum)| *cell += sum);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "elements of a cell are counted to 2^53")]
    fn means(self) -> Array2<f64> {
        let Self { along, across, cells: mut means, .. } = self;
        let count = |edges: &[usize], cell: usize| (edges[cell + 1] - edges[cell]) as f64;
        means.indexed_iter_mut().for_each(|((row, column), mean)| {
            *mean /= count(&across, row) * count(&along, column);
        });
        means
    }
}

/// Elements of a lane whose cells are worth to be summed up on several threads.
const LONG: usize = 1 << 16;

/// Adds a part of a lane, from an index on, to the sums of its cells.
fn add_lane<T: Element>(
    sums: &mut [f64],
    edges: &[usize],
    begin: usize,
    lane: &[T],
    f: &(impl Fn(T) -> f64 + Sync),
) {
    let end = begin + lane.len();
    let first = edges.partition_point(|&edge| edge <= begin) - 1;
    let last = edges.partition_point(|&edge| edge < end);
    let add = |(cell, sum): (usize, &mut f64)| {
        let cell = first + cell;
        let (from, to) = (edges[cell].max(begin), edges[cell + 1].min(end));
        lane[from - begin..to - begin].iter().for_each(|&element| *sum += f(element));
    };
    let sums = &mut sums[first..last];
    if lane.len() < LONG {
        sums.iter_mut().enumerate().for_each(add);
    } else {
        sums.par_iter_mut().enumerate().for_each(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;
    use ndarray::{ArrayView2, Axis, ShapeBuilder, Slice};
    use std::collections::BTreeSet;

    /// The mean of each cell, by its definition.
    fn means(field: &ArrayView2<'_, f64>, cells: (usize, usize)) -> Array2<f64> {
        Array2::from_shape_fn(cells, |(row, column)| {
            let within = |axis: usize, cells: usize, cell: usize| {
                let len = field.len_of(Axis(axis));
                let found: Vec<_> = (0..len).filter(|i| i * cells / len == cell).collect();
                Slice::from(found[0]..found[found.len() - 1] + 1)
            };
            let rows = field.slice_axis(Axis(0), within(0, cells.0, row));
            rows.slice_axis(Axis(1), within(1, cells.1, column)).mean().unwrap()
        })
    }

    #[test]
    fn cells_hold_the_means_of_their_elements_however_the_matrix_is_cut() {
        for (shape, cells) in [
            ((7_usize, 5_usize), (3_usize, 2_usize)),
            ((1, 200_000), (1, 7)),
            ((200_000, 1), (9, 1)),
            ((90, 3000), (7, 11)),
        ] {
            for fortran in [false, true] {
                let number =
                    |(row, column)| f64::from(u32::try_from(row * 31 + column * 7).unwrap());
                let field = Array2::from_shape_fn(shape.set_f(fortran), number);
                let (mut pictures, mut tiles) = (BTreeSet::new(), BTreeSet::new());
                for budget in [32 << 10, 128 << 10, 1 << 30] {
                    let plan = thumbnail(&field, cells).plan::<f64>(Budget::new(budget));
                    let Ok(plan) = plan else { continue };
                    let (found, _) = plan.run(&field, |x| x, Control::new()).unwrap();
                    let expected = means(&field.view(), cells);
                    let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * y.abs();
                    assert_eq!(found.dim(), expected.dim());
                    assert!(found.iter().zip(&expected).all(close), "{plan}");
                    pictures.insert(found.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
                    tiles.insert(plan.plan().passes[0].tile.clone());
                }
                assert_eq!(pictures.len(), 1, "{shape:?}, {fortran}, {tiles:?}");
                assert!(tiles.len() > 1 || field.len() < 100, "{tiles:?}");
            }
        }
    }

    #[test]
    fn one_that_is_nan_makes_its_cell_nan_and_no_other() {
        let mut field = Array2::from_elem((6, 6), 1.0);
        field[[1, 4]] = f64::NAN;
        let plan = thumbnail(&field, (2, 2)).plan::<f64>(Budget::new(1 << 20)).unwrap();
        let (found, _) = plan.run(&field, |x| 2.0 * x, Control::new()).unwrap();
        assert!(found[[0, 1]].is_nan());
        assert_eq!((found[[0, 0]], found[[1, 0]], found[[1, 1]]), (2.0, 2.0, 2.0));
    }

    #[test]
    fn there_are_no_more_cells_than_elements() {
        let field = ndarray::array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]];
        let plan = thumbnail(&field, (100, 0)).plan::<f64>(Budget::new(1 << 20)).unwrap();
        assert_eq!(
            plan.run(&field, |x| x, Control::new()).unwrap().0,
            ndarray::array![[1.0], [4.0]]
        );
        let none = Array2::<f64>::zeros((0, 3));
        let plan = thumbnail(&none, (4, 4)).plan::<f64>(Budget::new(1 << 20)).unwrap();
        let (found, _) = plan.run(&none, |x| x, Control::new()).unwrap();
        assert!(found.dim() == (1, 3) && found.iter().all(|mean| mean.is_nan()));
    }
}
