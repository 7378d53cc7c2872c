//! A kernel on every tile: copy a tile, work on it, write it back.
//!
//! ```text
//!     ┌────┬────┬────┬──┐
//!     │ k  │ k  │ k  │k │ ◀ one window of the streaming loop: several tiles that are read together,
//!     ├────┼────┼────┼──┤   in long runs; the kernel works on them on all cores
//!     │    │    │    │  │
//!     └────┴────┴────┴──┘
//! ```

use ndarray::{ArrayView, ArrayViewMut, Axis, Dimension, IntoDimension};
use outcore_storage::{Element, Layout, Sink, Source, Stored, Window};
use std::fmt;
use std::marker::PhantomData;

use crate::control::Control;
use crate::pass::{InPlace, OutOfPlace, run_bytes};
use crate::plan::{PassPlan, Plan, Report, Run, SLOTS, check_shape, duration, refuse, usable};
use crate::stream::join;
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Shared, planned_read_bytes, staging_bytes};
use crate::{Resources, Result};

/// A kernel on every tile of an array; tiles of one shape, ragged at the ends.
///
/// Cost: one pass that reads the source once and writes the sink once. Memory: up to three windows
/// of at least one tile, of each of the two element types, and what the kernel says it needs.
///
/// ```
/// use ndarray::Array2;
/// use outcore_ops::{Budget, Control, map_tiles};
///
/// // The mean of each tile, in all of its elements.
/// let field = Array2::from_shape_fn((5, 4), |(row, _)| row as f64);
/// let mut means = Array2::zeros((5, 4));
/// let plan = map_tiles(&field, (2, 2)).plan::<f64, f64>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut means, |_, tile, mut out| out.fill(tile.mean().unwrap()), Control::new())?;
/// assert_eq!(means.column(0).to_vec(), [0.5, 0.5, 2.5, 2.5, 4.0]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Panics
///
/// If the tile has another number of axes than the array, or an axis of length 0.
pub fn map_tiles<D: Dimension>(
    source: &impl Stored<D>,
    tile: impl IntoDimension<Dim = D>,
) -> MapTiles<'_, D> {
    let (layout, tile) = (source.layout(), tile.into_dimension());
    assert_eq!(tile.ndim(), layout.shape().ndim(), "a tile has as many axes as its array");
    assert!(!tile.slice().contains(&0), "a tile of shape {:?} covers nothing", tile.slice());
    MapTiles { name: "map_tiles".to_owned(), source, layout, tile, kernel_bytes: 0 }
}

/// A kernel on every tile, to be planned; see [`map_tiles`].
#[derive(Clone)]
pub struct MapTiles<'a, D> {
    name: String,
    source: &'a dyn Stored<D>,
    layout: Layout<D>,
    tile: D,
    kernel_bytes: u64,
}

impl<D: Dimension> fmt::Debug for MapTiles<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, layout, tile) = (&self.name, &self.layout, &self.tile);
        write!(f, "{name} of {layout:?} by {tile:?}")
    }
}

impl<D: Dimension> MapTiles<'_, D> {
    /// The memory that the kernel holds in each thread, to be counted in the budget.
    #[must_use]
    pub fn kernel_bytes(mut self, bytes: u64) -> Self {
        self.kernel_bytes = bytes;
        self
    }

    /// What the plan calls the operation.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Decides on the windows, for a kernel from elements `A` to elements `B`.
    ///
    /// # Errors
    ///
    /// If a tile of each type, and the kernel in each thread, exceed the budget; the error
    /// names the smallest budget that would do.
    pub fn plan<A: Element, B: Element>(
        &self,
        resources: impl Into<Resources>,
    ) -> Result<MapTilesPlan<A, B, D>> {
        self.plan_window((size_of::<A>() + size_of::<B>()) as u64, size_of::<B>(), resources.into())
    }

    /// The same for a kernel that works on the tile itself, to be run in place.
    ///
    /// # Errors
    ///
    /// If a tile, and the kernel in each thread, exceed the budget.
    pub fn plan_in_place<T: Element>(
        &self,
        resources: impl Into<Resources>,
    ) -> Result<MapTilesPlan<T, T, D>> {
        self.plan_window(size_of::<T>() as u64, size_of::<T>(), resources.into())
    }

    fn plan_window<A, B>(
        &self,
        slot_bytes: u64,
        written: usize,
        resources: Resources,
    ) -> Result<MapTilesPlan<A, B, D>> {
        let operation = format!("{} of {:?}", self.name, self.layout.shape().slice());
        let limit = usable(resources);
        let cost = |tiling: &Tiling<D>, slots| {
            self.cost(tiling, slots, slot_bytes, written as u64, resources)
        };
        let choices = (1..=SLOTS).rev().filter_map(|slots| {
            let tiling = self.widest(slot_bytes, |tiling| cost(tiling, slots) <= limit)?;
            Some((self.duration(&tiling, slots, written as u64), tiling, slots))
        });
        let choice = choices.min_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, tiling, slots)) = choice else {
            return Err(refuse(&operation, cost(&self.tiling(self.tile.clone()), 1), resources));
        };
        let slots = slots.min(tiling.len());
        let pass = self.pass::<A>(&tiling, slots, cost(&tiling, slots), written as u64);
        let output_bytes = pass.bytes_written;
        let passes = vec![pass];
        let plan =
            Plan { operation, resources, passes, output_bytes, scratch_bytes: 0, kept_bytes: 0 };
        let (layout, tile) = (self.layout.clone(), self.tile.clone());
        Ok(MapTilesPlan { plan, layout, tile, tiling, elements: PhantomData })
    }

    /// The largest window that fits, up to a size from which on it makes no difference. It grows
    /// along the fastest axis first: that makes its runs longer.
    fn widest(&self, slot_bytes: u64, fits: impl Fn(&Tiling<D>) -> bool) -> Option<Tiling<D>> {
        let mut tiling = Some(self.tiling(self.tile.clone())).filter(&fits)?;
        for axis in self.layout.axes().rev() {
            while let Some(wider) = self.wider(&tiling, axis, slot_bytes).filter(&fits) {
                tiling = wider;
            }
        }
        Some(tiling)
    }

    fn duration(&self, tiling: &Tiling<D>, slots: usize, written: u64) -> f64 {
        let len = self.layout.len() as u64;
        let run = run_bytes(self.source, tiling);
        let run_written = run / self.layout.element_bytes() as u64 * written;
        duration([(self.layout.bytes(), run), (len * written, run_written)], slots)
    }

    fn tiling(&self, window: D) -> Tiling<D> {
        Tiling::new(self.layout.shape().clone(), window, self.layout.order())
    }

    /// A window that is longer along an axis, unless it covers that axis or is large enough: along
    /// the fastest axis that its runs are long, along the others altogether.
    fn wider(&self, tiling: &Tiling<D>, axis: usize, slot_bytes: u64) -> Option<Tiling<D>> {
        const PREFERRED_BYTES: u64 = 32 << 20;
        const LONG_RUN_BYTES: u64 = 1 << 20;
        let mut window = tiling.tile().clone();
        let fastest = self.layout.fastest_axis() == Some(axis);
        let large = if fastest {
            run_bytes(self.source, tiling) >= LONG_RUN_BYTES
        } else {
            window.size() as u64 * slot_bytes >= PREFERRED_BYTES
        };
        if window[axis] >= self.layout.shape()[axis] || large {
            return None;
        }
        window[axis] = (window[axis] + self.tile[axis]).min(self.layout.shape()[axis]);
        Some(self.tiling(window))
    }

    fn cost(
        &self,
        tiling: &Tiling<D>,
        slots: usize,
        slot_bytes: u64,
        written: u64,
        resources: Resources,
    ) -> u64 {
        let len =
            tiling.tile().slice().iter().fold(1_u64, |len, &axis| len.saturating_mul(axis as u64));
        let read = len.saturating_mul(self.layout.element_bytes() as u64);
        let tiles = len.saturating_mul(slot_bytes).saturating_mul(slots.min(tiling.len()) as u64);
        let kernels = self.kernel_bytes.saturating_mul(resources.threads.get() as u64);
        let staging = staging_bytes(
            self.source.copies(),
            read,
            len.saturating_mul(written),
            slots.min(tiling.len()),
        );
        tiles.saturating_add(kernels).saturating_add(staging)
    }

    fn pass<A>(&self, tiling: &Tiling<D>, slots: usize, memory: u64, written: u64) -> PassPlan {
        let len = self.layout.len() as u64;
        let run_bytes = run_bytes(self.source, tiling);
        PassPlan {
            name: format!("tiles of {:?}", self.tile.slice()),
            tiles: tiling.len(),
            tile: tiling.tile().slice().to_vec(),
            slots,
            tile_bytes: tiling.tile().size() as u64 * self.layout.element_bytes() as u64,
            run_bytes_read: run_bytes,
            run_bytes_written: run_bytes / self.layout.element_bytes() as u64 * written,
            bytes_read: planned_read_bytes(
                self.source,
                tiling,
                self.layout.order(),
                size_of::<A>(),
            ),
            bytes_written: len * written,
            memory,
        }
    }
}

/// A kernel on every tile that has been planned.
#[derive(Debug)]
pub struct MapTilesPlan<A, B, D> {
    plan: Plan,
    layout: Layout<D>,
    tile: D,
    tiling: Tiling<D>,
    elements: PhantomData<fn(A) -> B>,
}

impl<A, B, D> fmt::Display for MapTilesPlan<A, B, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A: Element, B: Element, D: Dimension> MapTilesPlan<A, B, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs a kernel from a source to a sink. The kernel is called with the window of each tile in
    /// the array, its elements, and the elements to be filled (zeros, or those of an earlier tile).
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels.
    ///
    /// # Panics
    ///
    /// If the kernel does.
    pub fn run<R, S, K>(
        &self,
        source: &R,
        sink: &mut S,
        kernel: K,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<A, D>,
        S: Sink<B, D>,
        K: Fn(&Window<D>, ArrayView<'_, A, D>, ArrayViewMut<'_, B, D>) + Sync,
    {
        self.check(&source.shape())?;
        self.check(&sink.shape())?;
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&OutOfPlace {
            tiling: &self.tiling,
            order: self.layout.order(),
            slots: self.plan.passes[0].slots,
            source,
            sink: &Shared::new(sink),
            written_bytes: size_of::<B>() as u64,
            kernel: |window: &_, input: ArrayView<'_, A, D>, output: ArrayViewMut<'_, B, D>| {
                each_tile(window, (input, output), &self.tile, &|window, (input, output)| {
                    kernel(window, input, output);
                });
            },
        })?;
        Ok(run.finish())
    }

    fn check(&self, shape: &D) -> Result<()> {
        check_shape(shape.slice(), self.layout.shape().slice())
    }
}

impl<T: Element, D: Dimension> MapTilesPlan<T, T, D> {
    /// Runs a kernel on an array in place; for a plan of [`MapTiles::plan_in_place`] or one with
    /// room to spare.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). If it fails or is killed, some tiles have been worked on and others
    /// not.
    ///
    /// # Panics
    ///
    /// If the kernel does.
    pub fn run_in_place<S, K>(
        &self,
        array: &mut S,
        kernel: K,
        control: Control<'_>,
    ) -> Result<Report>
    where
        S: Source<T, D> + Sink<T, D>,
        K: Fn(&Window<D>, ArrayViewMut<'_, T, D>) + Sync,
    {
        self.check(&array.shape())?;
        control.in_place()?;
        let mut run = Run::new(&self.plan, control)?;
        let array = Shared::new(array);
        run.pass(&InPlace {
            tiling: &self.tiling,
            order: self.layout.order(),
            slots: self.plan.passes[0].slots,
            source: &array,
            sink: &array,
            written_bytes: size_of::<T>() as u64,
            kernel: |window: &_, tile: &mut Tile<'_, T, D>| {
                each_tile(window, tile.view_mut(), &self.tile, &kernel);
            },
        })?;
        Ok(run.finish())
    }
}

/// Views that a kernel works on, cut along with their window.
trait Cut<D>: Send + Sized {
    fn cut(self, axis: usize, index: usize) -> (Self, Self);
}

impl<T: Send + Sync, D: Dimension> Cut<D> for ArrayViewMut<'_, T, D> {
    fn cut(self, axis: usize, index: usize) -> (Self, Self) {
        self.split_at(Axis(axis), index)
    }
}

impl<A: Send + Sync, B: Send + Sync, D: Dimension> Cut<D>
    for (ArrayView<'_, A, D>, ArrayViewMut<'_, B, D>)
{
    fn cut(self, axis: usize, index: usize) -> (Self, Self) {
        let (low, high) = self.0.split_at(Axis(axis), index);
        let (low_out, high_out) = self.1.split_at(Axis(axis), index);
        ((low, low_out), (high, high_out))
    }
}

/// Halves a window along the edges of tiles until single tiles are left, for all threads to share.
fn each_tile<V: Cut<D>, D: Dimension>(
    window: &Window<D>,
    views: V,
    tile: &D,
    kernel: &(impl Fn(&Window<D>, V) + Sync),
) {
    let tiles = |axis: usize| window.shape[axis].div_ceil(tile[axis]);
    let Some(axis) = (0..tile.ndim()).find(|&axis| tiles(axis) > 1) else {
        return kernel(window, views);
    };
    let middle = tiles(axis) / 2 * tile[axis];
    let (low, high) = window.split_at(axis, middle);
    let (low_views, high_views) = views.cut(axis, middle);
    join(
        || each_tile(&low, low_views, tile, kernel),
        || each_tile(&high, high_views, tile, kernel),
    );
}
