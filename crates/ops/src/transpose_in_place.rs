//! The transposition of a square array in its own place.
//!
//! ```text
//!     ┌───┬───┬───┐     Two tiles that mirror each other are read, transposed into each other's
//!     │ d │ a │   │     memory, and written; one on the diagonal is its own mirror.
//!     ├───┼───┼───┤
//!     │ a'│   │   │     So each element is read once and written once, and no other disk is
//!     ├───┼───┼───┤     needed. Until the end, some tiles are transposed and some are not.
//!     │   │   │   │
//!     └───┴───┴───┘
//! ```

use ndarray::{ArrayViewMut2, Axis, Dimension, Ix2};
use outcore_storage::{Buffer, Element, Layout, Order, Sink, Source, Stored, Window};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::control::Control;
use crate::plan::{
    PassPlan, Plan, Report, Run, SLOTS, check_shape, duration, greatest, refuse, usable,
};
use crate::stream::{Pass, Resume, each_parallel};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, Shared, WriteShared, staging_bytes};
use crate::{Error, Resources, Result};

/// Transposes a square array of two axes in its own place.
///
/// Cost: one pass that reads and writes the array once; no disk besides the array's. Memory: two tiles
/// at a time, up to six where runs stay long.
///
/// Not safe against a crash: an array whose transposition is cut short, by an error, a cancellation or
/// a loss of power, is neither what it was nor what it should be, and cannot be brought back. To keep
/// the original, transpose into another file, with [`store`](crate::store) and
/// [`lazy(..).permuted_axes(..)`](crate::Lazy::permuted_axes).
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, transpose_in_place};
///
/// let mut field = array![[1, 2], [3, 4]];
/// let plan = transpose_in_place(&field).plan::<i32>(Budget::new(1 << 20))?;
/// plan.run(&mut field, Control::new())?;
/// assert_eq!(field, array![[1, 3], [2, 4]]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn transpose_in_place<D: Dimension>(array: &impl Stored<D>) -> TransposeInPlace<D> {
    TransposeInPlace { layout: array.layout() }
}

/// A transposition in place to be planned; see [`transpose_in_place`].
#[derive(Clone, Debug)]
pub struct TransposeInPlace<D> {
    layout: Layout<D>,
}

/// Cuts between tiles are a multiple of so many bytes apart where rows are: no page is shared then.
const PAGE_BYTES: usize = 4096;

impl<D: Dimension> TransposeInPlace<D> {
    /// Decides on the tiles.
    ///
    /// # Errors
    ///
    /// If the array is not square, or single elements exceed the budget.
    pub fn plan<T: Element>(
        &self,
        resources: impl Into<Resources>,
    ) -> Result<TransposeInPlacePlan<T, D>> {
        let shape = self.layout.shape();
        let &[side, columns] = shape.slice() else { return Err(self.refused()) };
        if side != columns {
            return Err(self.refused());
        }
        let resources = resources.into();
        let operation = format!("transpose in place of {:?} {}", shape.slice(), T::DTYPE);
        let limit = usable(resources);
        let choices = (1..=SLOTS).rev().filter_map(|slots| {
            let len = greatest(side.max(1), limit, |len| cost::<T>(len, slots))?;
            let tiling = self.tiling::<T>(side, len);
            let count = pairs(&tiling).len();
            let slots = slots.min(count).max(1);
            let run = (tiling.tile()[0] * size_of::<T>()) as u64;
            let bytes = self.layout.bytes();
            Some((duration([(bytes, run), (bytes, run)], slots), tiling, slots))
        });
        let best = choices.min_by(|one, other| one.0.total_cmp(&other.0));
        let (_, tiling, slots) =
            best.ok_or_else(|| refuse(&operation, cost::<T>(1, 1), resources))?;
        let (pairs, len) = (pairs(&tiling), tiling.tile()[0]);
        let bytes = (side * side * size_of::<T>()) as u64;
        let run_bytes = (len * size_of::<T>()) as u64;
        let pass = PassPlan {
            name: "transpose".to_owned(),
            tiles: pairs.len(),
            tile: vec![len, len],
            slots,
            tile_bytes: 2 * (len * len * size_of::<T>()) as u64,
            run_bytes_read: run_bytes,
            run_bytes_written: run_bytes,
            bytes_read: bytes,
            bytes_written: bytes,
            memory: cost::<T>(len, slots),
        };
        let passes = vec![pass];
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        Ok(TransposeInPlacePlan { plan, shape: shape.clone(), tiling, pairs, element: PhantomData })
    }

    fn refused(&self) -> Error {
        let shape = self.layout.shape().slice();
        Error::Shape(format!(
            "an array of shape {shape:?} is not square, which it must be in place"
        ))
    }

    /// Square tiles, as even as can be, or cut where pages of the file end.
    fn tiling<T>(&self, side: usize, len: usize) -> Tiling<Ix2> {
        let shape = Ix2(side, side);
        let whole = |len: usize| Tiling::new(shape, Ix2(len, len), Order::C);
        let page = PAGE_BYTES / size_of::<T>();
        let first = usize::try_from(self.layout.offset() % PAGE_BYTES as u64);
        let lead = first.expect("less than a page") / size_of::<T>();
        if len >= side || len < page || !side.is_multiple_of(page) {
            let count = side.div_ceil(len.max(1)).max(1);
            return whole(side.div_ceil(count).max(1));
        }
        let most = len / page * page;
        let count = (side + lead).div_ceil(most);
        let even = (side + lead).div_ceil(count).next_multiple_of(page).min(most);
        whole(even).with_lead(0, lead).with_lead(1, lead)
    }
}

/// What tiles of so many rows hold, two in a slot.
fn cost<T>(len: usize, slots: usize) -> u64 {
    let tile = (len as u64).saturating_mul(len as u64).saturating_mul(size_of::<T>() as u64);
    let tiles = tile.saturating_mul(2 * slots as u64);
    tiles.saturating_add(staging_bytes(0, tile, tile, slots))
}

/// The tiles above the diagonal and on it, each with its mirror.
fn pairs(tiling: &Tiling<Ix2>) -> Vec<(usize, usize)> {
    let count = tiling.len().isqrt();
    let row =
        |row: usize| (row..count).map(move |column| (row * count + column, column * count + row));
    (0..count).flat_map(row).collect()
}

/// A transposition in place that has been planned.
#[derive(Debug)]
pub struct TransposeInPlacePlan<T, D> {
    plan: Plan,
    shape: D,
    tiling: Tiling<Ix2>,
    pairs: Vec<(usize, usize)>,
    element: PhantomData<fn(T)>,
}

impl<T, D> fmt::Display for TransposeInPlacePlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Element, D: Dimension> TransposeInPlacePlan<T, D> {
    /// The pass and its cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Transposes an array. Whatever stops this halfway leaves it neither as it was nor transposed.
    ///
    /// # Errors
    ///
    /// If the shape differs from the plan's, reading or writing fails, or the caller cancels.
    pub fn run<S>(&self, array: &mut S, control: Control<'_>) -> Result<Report>
    where
        S: Source<T, D> + Sink<T, D>,
    {
        check_shape(array.shape().slice(), self.shape.slice())?;
        let array = Shared::new(array);
        control.in_place()?;
        let mut run = Run::new(&self.plan, control)?;
        run.pass(&Mirroring {
            tiling: &self.tiling,
            pairs: &self.pairs,
            slots: self.plan.passes[0].slots,
            source: &array,
            sink: &array,
        })?;
        Ok(run.finish())
    }
}

/// The pass over pairs of tiles.
struct Mirroring<'a, T, D: Dimension> {
    tiling: &'a Tiling<Ix2>,
    pairs: &'a [(usize, usize)],
    slots: usize,
    source: &'a dyn Source<T, D>,
    sink: &'a dyn WriteShared<T, D>,
}

impl<T: Element, D: Dimension> Mirroring<'_, T, D> {
    fn order(&self) -> Order {
        self.source.layout().order()
    }

    /// The windows of a pair; one on the diagonal has no mirror.
    fn windows(&self, index: usize) -> (Window<D>, Option<Window<D>>) {
        let window = |tile: usize| {
            let Window { origin, shape } = self.tiling.window(tile);
            let dimension = |lens: Ix2| D::from_dimension(&lens).expect("two axes, as was planned");
            Window::new(dimension(origin), dimension(shape))
        };
        let (one, other) = self.pairs[index];
        (window(one), (one != other).then(|| window(other)))
    }
}

impl<T: Element, D: Dimension> Resume for Mirroring<'_, T, D> {}

impl<T: Element, D: Dimension> Pass for Mirroring<'_, T, D> {
    type Slot = [Buffer<T>; 2];

    fn tiles(&self) -> usize {
        self.pairs.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let (len, offset) = (self.tiling.tile().size(), self.source.layout().offset());
        [Buffer::new(len, offset), Buffer::new(len, offset)]
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let (window, mirror) = self.windows(index);
        let mut bytes = 0;
        for (window, elements) in [Some(window), mirror].into_iter().flatten().zip(slot) {
            let mut tile = Tile::new(&window, elements, self.order());
            bytes += io.read(self.source, &window, tile.view_mut(), self.order())?;
        }
        Ok(bytes)
    }

    fn compute(&self, index: usize, [one, other]: &mut Self::Slot) {
        let (window, mirror) = self.windows(index);
        let (rows, columns) = match self.order() {
            Order::C => (window.shape[0], window.shape[1]),
            Order::F => (window.shape[1], window.shape[0]),
        };
        let one = ArrayViewMut2::from_shape((rows, columns), &mut one[..rows * columns]);
        let one = one.expect("as many elements");
        if mirror.is_none() {
            return transpose_square(one);
        }
        let other = ArrayViewMut2::from_shape((columns, rows), &mut other[..rows * columns]);
        swap_transposed(one, other.expect("as many elements"));
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let (window, mirror) = self.windows(index);
        let mut bytes = 0;
        for (window, elements) in [Some(window), mirror].into_iter().flatten().zip(slot) {
            let tile = Tile::new(&window, elements, self.order());
            io.write(self.sink, &window, tile.view(), self.order())?;
            bytes += (window.len() * size_of::<T>()) as u64;
        }
        Ok(bytes)
    }
}

/// The side of the squares that are swapped at a time: what they lie in stays in cache meanwhile.
const SIDE: usize = 32;

/// Transposes a square in its place: its quarters on the diagonal, and the others into each other.
fn transpose_square<T: Element>(mut square: ArrayViewMut2<'_, T>) {
    let side = square.nrows();
    if side <= SIDE {
        for row in 0..side {
            for column in 0..row {
                square.swap([row, column], [column, row]);
            }
        }
        return;
    }
    let middle = side / 2;
    let (top, bottom) = square.split_at(Axis(0), middle);
    let (first, right) = top.split_at(Axis(1), middle);
    let (left, last) = bottom.split_at(Axis(1), middle);
    swap_transposed(right, left);
    transpose_square(first);
    transpose_square(last);
}

/// Transposes two tiles into each other, on all threads.
fn swap_transposed<T: Element>(mut one: ArrayViewMut2<'_, T>, mut other: ArrayViewMut2<'_, T>) {
    let rows = one.axis_chunks_iter_mut(Axis(0), SIDE);
    let bands = rows.zip(other.axis_chunks_iter_mut(Axis(1), SIDE)).map(Mutex::new);
    let bands: Vec<_> = bands.collect();
    each_parallel(bands.len(), &|number| {
        let mut band = bands[number].lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, columns) = &mut *band;
        let squares = rows.axis_chunks_iter_mut(Axis(1), SIDE);
        for (mut here, mut there) in squares.zip(columns.axis_chunks_iter_mut(Axis(0), SIDE)) {
            ndarray::Zip::from(&mut here)
                .and(there.view_mut().reversed_axes())
                .for_each(std::mem::swap);
        }
    });
}
