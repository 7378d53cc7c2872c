//! A lane that is longer than memory: the four steps in two passes.
//!
//! ```text
//!     lane, as N1 x N2          between the passes,        result, as N2 x N1,
//!     ┌────┬────┬────┐          as N2 x N1                 in the same place
//!     │ ▾▾ │    │    │  pass 1  ┌──────────────┐  pass 2   ┌─────┬─────┬─────┐
//!     │ ▾▾ │    │    │ ───────▶ │ ▸▸▸▸▸▸▸▸▸▸▸▸ │ ────────▶ │ ▾▾  │     │     │
//!     │ ▾▾ │    │    │          ├──────────────┤           │ ▾▾  │     │     │
//!     └────┴────┴────┘          └──────────────┘           └─────┴─────┴─────┘
//!     short runs are read       long runs are written      short runs are read and written
//! ```
//!
//! A column of the first pass is a row of what lies between the passes; there, the rows of the four steps are
//! columns, and so is the result: the second pass changes strips in their places. So there is no need of a
//! scratch array, and short runs go to blocks of the disk that have been written before, which is faster than
//! to fresh ones. See `lanes/four_step.rs` for the mathematics; the arithmetic is the same, so is each bit of
//! the result.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, AxisDescription, Dimension, IxDyn, Slice};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Mark, Order, Source, Stored, Window};
use rayon::prelude::*;
use std::ops::Range;

use super::axes::Axes;
use super::between::{RowTiles, Store};
use super::in_shape::InShape;
use super::sizes::LaneCosts;
use super::strips::{Turned, turned_bytes};
use super::{Home, again};
use crate::fourier::Real;
use crate::lanes::{FourStep, LaneScratch, Lanes, cost, factors};
use crate::plan::{PassPlan, Run, SLOTS, greatest};
use crate::stream::{Durable, Pass, Resume};
use crate::transfer::{Io, WriteShared, staging_bytes};
use crate::{Resources, Result};

/// How a long lane is cut.
#[derive(Clone, Debug)]
pub(crate) struct Long {
    lens: Lens,
    columns: Strips,
    rows: Strips,
}

/// An array of lanes of length N1 N2, `outer` of them with `inner` elements between neighbours.
#[derive(Clone, Copy, Debug)]
struct Lens {
    outer: usize,
    one: usize,
    other: usize,
    inner: usize,
}

/// The strips of a pass: of `matrices`, whose columns have a length.
///
/// ```text
///     ┌──┬────┬────┬─┐    a page of the file has the end of a row and the beginning of the next one: so
///     │ 0│  1 │  2 │0│    where strips are written, both are in one, whose runs are whole pages
///     │ 0│  1 │  2 │0│
///     └──┴────┴────┴─┘
/// ```
#[derive(Clone, Debug)]
struct Strips {
    matrices: usize,
    len: usize,
    ranges: RowTiles,
    /// The last columns, which the first strip has besides.
    wrapped: usize,
    /// The strips in memory at a time.
    slots: usize,
}

/// What is read or written at a time of a strip whose last columns are in the row before.
struct Part {
    /// Whether the window is of the matrix whose rows begin with the last columns of the row before.
    is_shifted: bool,
    window: Window<IxDyn>,
    /// Which of the last columns, and of the others, and which elements of them.
    columns: [Range<usize>; 2],
    elements: [Range<usize>; 2],
}

impl Part {
    /// The columns and elements of a half.
    fn places(&self, half: usize) -> impl Fn(AxisDescription) -> Slice {
        let places = [self.columns[half].clone(), self.elements[half].clone()];
        move |axis| Slice::from(places[axis.axis.index()].clone())
    }
}

impl Strips {
    fn count(&self) -> usize {
        self.matrices * self.ranges.len()
    }

    /// The matrix of a strip, and its columns.
    fn of(&self, index: usize) -> (usize, Range<usize>) {
        let count = self.ranges.len();
        (index / count, self.ranges.range(index % count))
    }

    /// How many of the last columns a strip has.
    fn wrapped(&self, index: usize) -> usize {
        if index.is_multiple_of(self.ranges.len()) { self.wrapped } else { 0 }
    }

    /// The elements of a strip, and of the largest one.
    fn elements(&self, index: usize) -> usize {
        self.len * (self.wrapped(index) + self.of(index).1.len())
    }

    fn most(&self) -> usize {
        self.len * self.ranges.height.min(self.width())
    }

    /// The columns of a matrix.
    fn width(&self) -> usize {
        self.ranges.count + self.wrapped
    }

    /// What a strip is read and written in.
    fn parts(&self, index: usize) -> Vec<Part> {
        let ((matrix, columns), wrapped, len) = (self.of(index), self.wrapped(index), self.len);
        let window = |rows: Range<usize>, columns: Range<usize>| {
            let origin = IxDyn(&[matrix, rows.start, columns.start]);
            Window::new(origin, IxDyn(&[1, rows.len(), columns.len()]))
        };
        let (own, count) = (0..columns.len(), self.width());
        let whole = |rows: Range<usize>| Part {
            is_shifted: false,
            window: window(rows.clone(), columns.clone()),
            columns: [0..0, own.clone()],
            elements: [rows.clone(), rows],
        };
        if wrapped == 0 {
            return vec![whole(0..len)];
        }
        let middle = Part {
            is_shifted: true,
            window: window(0..len - 1, 0..wrapped + own.len()),
            columns: [0..wrapped, own.clone()],
            elements: [0..len - 1, 1..len],
        };
        let last = Part {
            is_shifted: false,
            window: window(len - 1..len, count - wrapped..count),
            columns: [0..wrapped, 0..0],
            elements: [len - 1..len, len - 1..len],
        };
        vec![whole(0..1), middle, last]
    }

    /// The columns of a matrix that strips from this one on have.
    fn left(&self, index: usize, matrix: usize) -> Range<usize> {
        match index.saturating_sub(matrix * self.ranges.len()) {
            0 => 0..self.width(),
            strips if strips < self.ranges.len() => {
                self.ranges.range(strips).start..self.ranges.count
            }
            _ => 0..0,
        }
    }
}

/// What a plan is made from.
pub(crate) struct LongRequest {
    lens: Lens,
    resources: Resources,
    /// Bytes of an element in memory, and of one in the source.
    element: u64,
    read: u64,
    copies: usize,
    offset: u64,
    /// The elements of the tables of all transforms.
    tables: u64,
    turned_bytes: fn(usize) -> u64,
}

/// What a pass reads strips of: matrices with columns of a length, and so many of them.
struct Side {
    name: &'static str,
    len: usize,
    width: usize,
    /// The bytes of an element that is read, and how often it is copied on the way.
    read: u64,
    copies: usize,
    /// Whether what is read is where the result goes.
    is_last: bool,
}

/// Where runs are cut, so that tiles have no page in common.
const PAGE_BYTES: u64 = 4096;

impl LongRequest {
    /// For one of the transformed places: the first one reads the source, all others what has been written
    /// so far. `None` unless it is cut in two, and there is something to cut.
    pub(super) fn new<T: Real>(
        axes: &Axes,
        index: usize,
        source: &dyn Stored<IxDyn>,
        resources: Resources,
    ) -> Option<Self>
    where
        Complex<T>: Element,
    {
        let (place, is_first) = (axes.transformed()[index], index == 0);
        let (lens, layout) = (axes.lens(), source.layout());
        let is_possible = (source.has_runs() || !is_first) && !layout.is_empty();
        let (one, other) = factors(lens[place]).filter(|_| is_possible)?;
        let (outer, inner) = (lens[..place].iter().product(), lens[place + 1..].iter().product());
        let element = size_of::<Complex<T>>() as u64;
        let transformed = axes.transformed().iter().map(|&place| lens[place]);
        Some(Self {
            lens: Lens { outer, one, other, inner },
            resources,
            element,
            read: if is_first { layout.element_bytes() as u64 } else { element },
            copies: if is_first { source.copies() } else { 0 },
            offset: layout.offset(),
            tables: LaneCosts::new::<T>(resources).tables(transformed),
            turned_bytes: turned_bytes::<Complex<T>>,
        })
    }

    /// The matrices whose columns the first pass reads, and those that the second one changes.
    fn sides(&self) -> [Side; 2] {
        let Lens { one, other, inner, .. } = self.lens;
        let (read, copies) = (self.read, self.copies);
        let first =
            Side { name: "columns", len: one, width: other * inner, read, copies, is_last: false };
        let (read, copies) = (self.element, 0);
        [first, Side { name: "rows", len: other, width: one * inner, read, copies, is_last: true }]
    }

    pub(super) fn best(&self, limit: u64) -> Option<(Long, Vec<PassPlan>)> {
        let [columns, rows] = self.sides();
        let (columns, first) = self.strips(&columns, limit)?;
        let (rows, second) = self.strips(&rows, limit)?;
        Some((Long { lens: self.lens, columns, rows }, vec![first, second]))
    }

    /// The memory of the smallest strips.
    pub(super) fn least(&self) -> u64 {
        let [columns, rows] = self.sides();
        self.cost(&columns, 1, 1).max(self.cost(&rows, self.lens.inner, 1))
    }

    /// The strips whose transfers take the least time, and what they cost.
    fn strips(&self, side: &Side, limit: u64) -> Option<(Strips, PassPlan)> {
        let choices = (1..=SLOTS).filter_map(|slots| {
            let widest = greatest(side.width, limit, |width| self.cost(side, width, slots))?;
            let (ranges, wrapped) = self.ranges(side, widest)?;
            let strips =
                Strips { matrices: self.lens.outer, len: side.len, ranges, wrapped, slots };
            let strips = Strips { slots: slots.min(strips.count()), ..strips };
            let plan = self.plan(side, &strips);
            Some((strips, plan))
        });
        choices.min_by(|(_, one), (_, other)| one.duration().total_cmp(&other.duration()))
    }

    /// Strips of at most so many columns, and how many of the last ones the first has.
    fn ranges(&self, side: &Side, widest: usize) -> Option<(RowTiles, usize)> {
        // Elements that lie together stay so, which the second pass needs of its columns.
        let inner = self.lens.inner;
        let unit = if widest >= inner { inner } else { 1 };
        if side.is_last && unit != inner {
            return None;
        }
        let bytes = unit as u64 * side.read;
        let units = paged_rows(side.width / unit, bytes, self.offset, widest / unit);
        let (height, lead) = (units.height * unit, units.lead * unit);
        let wrapped = if side.is_last { lead } else { 0 };
        Some((RowTiles { count: side.width - wrapped, height, lead, ..units }, wrapped))
    }

    /// The memory of a pass over strips of so many columns.
    fn cost(&self, side: &Side, width: usize, slots: usize) -> u64 {
        let threads = self.resources.threads.get() as u64;
        let strip = side.len as u64 * width as u64;
        let elements = strip.saturating_mul(slots as u64);
        let elements = elements.saturating_add(threads * cost(side.len).1);
        let elements = elements.saturating_add(self.tables);
        let bytes = strip.saturating_mul(side.read.max(self.element));
        let written = strip.saturating_mul(self.element);
        let turned = (self.turned_bytes)(side.len.saturating_mul(width));
        let beside = staging_bytes(side.copies, bytes, written, slots).saturating_add(turned);
        elements.saturating_mul(self.element).saturating_add(beside)
    }

    fn plan(&self, side: &Side, strips: &Strips) -> PassPlan {
        let Lens { outer, one, inner, .. } = self.lens;
        let (width, elements) = (strips.most() / side.len, (outer * side.len * side.width) as u64);
        let written = match (side.is_last, inner) {
            (false, 1) => width * side.len,
            (false, _) if width >= inner => inner * one,
            _ => width,
        };
        PassPlan {
            name: side.name.to_owned(),
            tiles: strips.count(),
            tile: vec![side.len, width],
            slots: strips.slots,
            tile_bytes: strips.most() as u64 * self.element,
            run_bytes_read: width as u64 * side.read,
            run_bytes_written: written as u64 * self.element,
            bytes_read: elements * side.read,
            bytes_written: elements * self.element,
            memory: self.cost(side, width, strips.slots),
        }
    }
}

/// Tiles of so many rows of at most a height, as even as whole pages of the result allow: there, rows are
/// columns, with elements of so many bytes, the first of which lies at an offset.
pub(crate) fn paged_rows(count: usize, bytes: u64, offset: u64, tallest: usize) -> RowTiles {
    let page = if PAGE_BYTES.is_multiple_of(bytes) { PAGE_BYTES / bytes } else { 1 };
    let page = usize::try_from(page).expect("less than a page");
    let whole_pages = page > 1 && tallest > page && count.is_multiple_of(page);
    let (unit, lead) = if whole_pages {
        let lead = (offset % PAGE_BYTES) / bytes;
        (page, usize::try_from(lead).expect("less than a page"))
    } else {
        (1, 0)
    };
    let most = tallest / unit * unit;
    let height = (count + lead).div_ceil((count + lead).div_ceil(most)).next_multiple_of(unit);
    RowTiles { lead, ..RowTiles::new(count, height.min(most)) }
}

impl Long {
    /// Where a run goes on from a mark: strips that are in their places again cannot be read once more.
    pub(super) fn resumed(&self, mark: Mark, home: Home) -> Mark {
        again(mark, self.rows.count(), false, home)
    }

    /// Runs both passes. The first so many strips of the second have been finished by an earlier run.
    pub(super) fn run<T: Real, D: Dimension>(
        &self,
        run: &mut Run<'_, '_>,
        lanes: &Lanes<T>,
        threads: usize,
        finished: usize,
        (source, between, sink): Arrays<'_, T, D>,
    ) -> Result<()>
    where
        Complex<T>: Element,
    {
        let Lens { outer, one, other, inner } = self.lens;
        let fft = lanes.four_step().expect("a lane that is cut in two");
        let source = InShape::new(source, &[outer, one, other * inner]);
        let (columns, rows, width) = (&self.columns, &self.rows, one * inner);
        let made = [outer, other, width];
        run.pass(&Columns {
            strips: columns,
            left: &|matrix| rows.left(finished, matrix),
            inner,
            source: &source,
            rows: &InShape::new(between, &made),
            groups: &InShape::new(between, &[outer * other, one, inner]),
            fft,
            scratch: LaneScratch::of_lens(threads, 0, cost(one).1),
            turned: Turned::new(columns.most()),
        })?;
        // Rows that begin with the last columns of those before them.
        let (shifted, later) = ([outer, other - 1, width], width - rows.wrapped);
        run.pass(&Rows {
            strips: rows,
            source: [
                &InShape::new(between, &made),
                &InShape::with_gap(between, &shifted, width).later(later),
            ],
            sink: [
                &InShape::new(sink, &made),
                &InShape::with_gap(sink, &shifted, width).later(later),
            ],
            lanes,
            fft,
            scratch: LaneScratch::of_lens(threads, 0, cost(other).1),
            turned: Turned::new(rows.most()),
        })
    }
}

/// A source, what lies between the passes, and a sink, which may be the same.
pub(super) type Arrays<'a, T, D> = (
    &'a dyn Source<Complex<T>, D>,
    &'a dyn Store<Complex<T>, D>,
    &'a dyn WriteShared<Complex<T>, D>,
);

/// The first pass: columns of lanes, and the factors in between.
struct Columns<'a, T: Real> {
    strips: &'a Strips,
    /// The elements of each row between the passes, of one of the matrices, that are no results yet.
    left: &'a (dyn Fn(usize) -> Range<usize> + Sync),
    inner: usize,
    source: &'a dyn Source<Complex<T>, IxDyn>,
    /// What lies between the passes, in its rows, and as matrices of what lies together.
    rows: &'a dyn WriteShared<Complex<T>, IxDyn>,
    groups: &'a dyn WriteShared<Complex<T>, IxDyn>,
    fft: &'a FourStep<T>,
    scratch: LaneScratch<T>,
    turned: Turned<Complex<T>>,
}

impl<T: Real> Columns<'_, T>
where
    Complex<T>: Element,
{
    /// Writes columns that are whole rows.
    fn write_rows(
        &self,
        (matrix, columns): (usize, Range<usize>),
        lanes: &ArrayView2<'_, Complex<T>>,
        io: &Io,
    ) -> Result<()> {
        let left = (self.left)(matrix);
        let origin = IxDyn(&[matrix, columns.start, left.start]);
        let lanes = lanes.slice_axis(Axis(1), Slice::from(left));
        let window = Window::new(origin, IxDyn(&[1, lanes.nrows(), lanes.ncols()]));
        Ok(io.write(self.rows, &window, lanes.insert_axis(Axis(0)).into_dyn(), Order::C)?)
    }

    /// Writes columns of which some make a row together.
    fn write_groups(
        &self,
        (matrix, columns): (usize, Range<usize>),
        lanes: &ArrayView2<'_, Complex<T>>,
        io: &Io,
    ) -> Result<()> {
        let (inner, other) = (self.inner, self.strips.ranges.count / self.inner);
        let left = (self.left)(matrix);
        let left = left.start / inner..left.end / inner;
        let lanes = lanes.slice_axis(Axis(1), Slice::from(left.clone()));
        let write = |n2: usize| {
            let within = columns.start.max(n2 * inner)..columns.end.min((n2 + 1) * inner);
            let part = within.start - columns.start..within.end - columns.start;
            let part = lanes.slice_axis(Axis(0), Slice::from(part));
            let origin = IxDyn(&[matrix * other + n2, left.start, within.start - n2 * inner]);
            let window = Window::new(origin, IxDyn(&[1, part.ncols(), part.nrows()]));
            self.turned.write(self.groups, &window, part.split_at(Axis(0), 0).into(), io)
        };
        let groups = columns.start / inner..columns.end.div_ceil(inner);
        io.run(|| groups.into_par_iter().try_for_each(write))
    }
}

impl<T: Real> Resume for Columns<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.rows)
    }
}

impl<T: Real> Pass for Columns<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.strips.count()
    }

    fn slots(&self) -> usize {
        self.strips.slots
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(self.strips.most(), self.rows.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let elements = self.strips.elements(index);
        let shape = (elements / self.strips.len, self.strips.len);
        let lanes = ArrayViewMut2::from_shape(shape, &mut slot[..elements]).expect("a strip");
        let window = &self.strips.parts(index)[0].window;
        self.turned.read(self.source, window, lanes.split_at(Axis(0), 0).into(), io)?;
        Ok((elements * self.source.layout().element_bytes()) as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let (_, columns) = self.strips.of(index);
        let lanes = slot[..columns.len() * self.strips.len].par_chunks_exact_mut(self.strips.len);
        lanes.zip(columns).for_each(|(lane, column)| {
            self.fft.apply_to_column(column / self.inner, lane, &self.scratch);
        });
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let (matrix, columns) = self.strips.of(index);
        let (count, len) = (columns.len(), self.strips.len);
        let left = (self.left)(matrix).len() / self.inner;
        if left == 0 {
            return Ok(0);
        }
        let lanes = ArrayView2::from_shape((count, len), &slot[..count * len]).expect("columns");
        if self.inner == 1 {
            self.write_rows((matrix, columns), &lanes, io)?;
        } else {
            self.write_groups((matrix, columns), &lanes, io)?;
        }
        Ok((count * left * size_of::<Complex<T>>()) as u64)
    }
}

/// The second pass: rows of lanes, which are columns of the result.
struct Rows<'a, T: Real> {
    strips: &'a Strips,
    /// What lies between the passes, and its place: as they are, and with rows that begin earlier.
    source: [&'a dyn Source<Complex<T>, IxDyn>; 2],
    sink: [&'a dyn WriteShared<Complex<T>, IxDyn>; 2],
    lanes: &'a Lanes<T>,
    fft: &'a FourStep<T>,
    scratch: LaneScratch<T>,
    turned: Turned<Complex<T>>,
}

impl<T: Real> Resume for Rows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink[0])
    }
}

impl<T: Real> Pass for Rows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.strips.count()
    }

    fn slots(&self) -> usize {
        self.strips.slots
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(self.strips.most(), 0)
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let elements = self.strips.elements(index);
        let shape = (elements / self.strips.len, self.strips.len);
        let lanes = ArrayViewMut2::from_shape(shape, &mut slot[..elements]).expect("a strip");
        let (mut one, mut other) = lanes.split_at(Axis(0), self.strips.wrapped(index));
        for part in self.strips.parts(index) {
            let one = one.slice_each_axis_mut(part.places(0));
            let other = other.slice_each_axis_mut(part.places(1));
            let source = self.source[usize::from(part.is_shifted)];
            self.turned.read(source, &part.window, [one, other], io)?;
        }
        Ok((elements * size_of::<Complex<T>>()) as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let elements = self.strips.elements(index);
        slot[..elements].par_chunks_exact_mut(self.strips.len).for_each(|lane| {
            self.fft.apply_to_row(lane, &self.scratch);
            self.lanes.scale(lane);
        });
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let elements = self.strips.elements(index);
        let shape = (elements / self.strips.len, self.strips.len);
        let lanes = ArrayView2::from_shape(shape, &slot[..elements]).expect("a strip");
        let (one, other) = lanes.split_at(Axis(0), self.strips.wrapped(index));
        for part in self.strips.parts(index) {
            let sink = self.sink[usize::from(part.is_shifted)];
            let one = one.slice_each_axis(part.places(0));
            let other = other.slice_each_axis(part.places(1));
            self.turned.write(sink, &part.window, [one, other], io)?;
        }
        Ok((elements * size_of::<Complex<T>>()) as u64)
    }
}
