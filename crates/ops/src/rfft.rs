//! Fourier transforms of real numbers: the half of the spectrum that says all.
//!
//! A single axis takes one pass of real transforms, or two where a lane of it is longer than memory
//! (`rfft/long.rs`). Several take the passes of the complex transform, with half of the bytes: where the
//! halved axis is contiguous, pairs of real columns are transformed as complex ones, and rows in pairs
//! after that (`rfft/pairs.rs`); otherwise the halved axis is transformed first, by itself, and the other
//! axes in place.

mod long;
mod packed;
mod pairs;

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Mark, Order, Sink, Source, Stored};
use std::fmt;
use std::sync::Mutex;

use self::long::{Long, LongRequest};
use self::packed::Packed;
use self::pairs::{PairRows, Pairs, pairs_cost};
use crate::control::Control;
use crate::fft::axes::{Axes, inner_len};
use crate::fft::between::{Between, RowTiles, Store};
use crate::fft::blocks::{BlockRequest, Blocks, Matrices};
use crate::fft::passes::{Columns, Transforms};
use crate::fft::reals::undivided;
use crate::fft::sizes::{LaneCosts, product, total};
use crate::fft::tiles::{TileRequest, Tiles};
use crate::fft::{FftPlan, Home, fftn, repeated};
use crate::fourier::{Direction, Norm, Real};
use crate::grouped::Grouped;
use crate::lanes::{Lanes, ToHalf, half, real_cost};
use crate::pass::AlongAxis;
use crate::plan::{Plan, Report, Run, both, check_shape, refuse, usable};
use crate::transfer::{Shared, WriteShared, staging_bytes, window_read_bytes};
use crate::{Error, Resources, Result};

/// The forward transform of real numbers along one axis; as `numpy.fft.rfft`. See [`rfftn`].
///
/// A lane of even length whose half exceeds 2^20 and is the product of two lengths up to 2^20 is transformed
/// in four steps, whatever the budget. So it may be longer than the budget, if its elements lie in a row of
/// the file: then there are two passes, through a scratch array of the size of the source (see
/// [`RfftPlan::run_through`]). They read the array and write it twice, which is half of what [`fft`]
/// moves, and hold a few tiles of columns of about the root of the length. Other long lanes must fit, and the
/// refusal says why, or names the next length that need not.
///
/// [`fft`]: crate::fft
///
/// ```
/// use ndarray::{Array1, array};
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, rfft};
///
/// let field = array![1.0_f32, 2.0, 3.0];
/// let mut spectrum = Array1::zeros(2);
/// rfft(&field, 0).plan(Budget::new(1 << 20))?.run(&field, &mut spectrum, Control::new())?;
/// assert_eq!(spectrum[0], Complex::new(6.0, 0.0));
/// assert!((spectrum[1] - Complex::new(-1.5, 0.75_f32.sqrt())).norm() < 1e-6);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn rfft<D: Dimension>(source: &impl Stored<D>, axis: usize) -> Rfft<'_, D> {
    Rfft { name: "rfft", source, axes: vec![axis], norm: Norm::default() }
}

/// The forward transform of real numbers along some axes; as `numpy.fft.rfftn`.
///
/// The last of the axes, of length n, has length n/2 + 1 in the spectrum: what is left out are the
/// conjugates of what is there. For more of one axis than there is, or less, see
/// [`Lazy::resize`](crate::Lazy::resize).
///
/// Cost: half of the passes' bytes of [`fftn`]. The source is read once; with several axes the spectrum
/// is written and read once more for each further pass, of which there is one where the last axis is
/// the fastest of the file and some of the array fits, else as many as `fftn` takes for the other axes.
///
/// Accuracy: that of [`fftn`].
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, rfftn};
///
/// let field = Array2::<f64>::ones((4, 6));
/// let mut spectrum = Array2::zeros((4, 4));
/// let plan = rfftn(&field, &[0, 1]).plan::<f64>(Budget::new(1 << 20))?;
/// assert_eq!(plan.shape(), [4, 4]);
/// plan.run(&field, &mut spectrum, Control::new())?;
/// assert_eq!(spectrum[[0, 0]], Complex::new(24.0, 0.0));
/// assert!((spectrum.sum() - 24.0).norm() < 1e-12);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn rfftn<'a, D: Dimension>(source: &'a impl Stored<D>, axes: &[usize]) -> Rfft<'a, D> {
    Rfft { name: "rfftn", source, axes: axes.to_vec(), norm: Norm::default() }
}

/// A transform to be planned; see [`rfftn`].
#[derive(Clone)]
pub struct Rfft<'a, D> {
    name: &'static str,
    source: &'a dyn Stored<D>,
    axes: Vec<usize>,
    norm: Norm,
}

impl<D: Dimension> fmt::Debug for Rfft<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, axes, norm, .. } = self;
        write!(f, "{name} of {:?} along {axes:?}, {norm:?}", self.source.layout())
    }
}

impl<D: Dimension> Rfft<'_, D> {
    /// Whether the spectrum is scaled.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// As [`Fft::plan`](crate::Fft::plan), and if there is no axis.
    pub fn plan<T: Real + Element>(&self, resources: impl Into<Resources>) -> Result<RfftPlan<T, D>>
    where
        Complex<T>: Element,
    {
        let resources = resources.into();
        let layout = self.source.layout();
        let shape = layout.shape().clone();
        let Some(&last) = self.axes.last() else {
            return Err(Error::Shape(format!("{} needs an axis at least", self.name)));
        };
        let axes = Axes::new(self.name, self.source, &self.axes, Some(last))?;
        let mut made = shape.clone();
        made[last] = half(shape[last]);
        let counted = |lens: D, element_bytes| {
            let counted = Layout::new(lens, layout.order(), element_bytes, layout.offset());
            counted.ok_or_else(|| Error::Shape(format!("{:?} is too large", shape.slice())))
        };
        let made = counted(made, size_of::<Complex<T>>())?;
        // Pairs of numbers, of which the last may lack one.
        let mut packed = shape.clone();
        packed[last] = packed[last].div_ceil(2);
        counted(packed, 2 * layout.element_bytes())?;
        let bits = size_of::<Complex<T>>() * 8;
        let all = self.axes.iter().copied().eq(0..shape.ndim());
        let along = if all { String::new() } else { format!(" along {:?}", self.axes) };
        let operation = format!("{} of {:?} as complex{bits}{along}", self.name, shape.slice());
        let of = Planning {
            source: self.source,
            axes: &axes,
            place: axes.place(last).unwrap_or_default(),
            layout: &layout,
            made: &made,
            others: &self.axes[..self.axes.len() - 1],
            operation: &operation,
            resources,
        };
        let (way, passes, kept_bytes) = of.way::<T>()?;
        let place = of.place;
        let output_bytes = made.bytes();
        let mut scratch = shape.clone();
        match way {
            Way::Long(_) => scratch[last] /= 2,
            _ => scratch.slice_mut().fill(0),
        }
        let scratch_bytes = (scratch.size() * size_of::<Complex<T>>()) as u64;
        let plan = Plan { operation, resources, passes, output_bytes, scratch_bytes, kept_bytes };
        let count = self.axes.iter().map(|&axis| shape[axis]).product();
        let scale = self.norm.scale(Direction::Forward, count);
        let made = made.shape().clone();
        Ok(RfftPlan { plan, shape, made, scratch, place, axes, way, scale })
    }
}

/// How it is done.
enum Way<T: Real, D> {
    /// Tiles that are whole along the halved axis, and along some others that are transformed after it;
    /// then the rest, in place.
    Tiles { tiles: Tiles, after: Vec<usize>, rest: Option<Box<FftPlan<T, D>>> },
    /// Packed tiles that are whole along all axes.
    Pairs(Tiles),
    /// Packed columns, then rows in pairs.
    PairsOfBlocks(Box<Blocks>),
    /// Lanes that are cut in two, through a scratch array.
    Long(Box<Long>),
}

/// What a plan is made from.
struct Planning<'a, D> {
    source: &'a dyn Stored<D>,
    axes: &'a Axes,
    /// The place of the halved axis.
    place: usize,
    layout: &'a Layout<D>,
    made: &'a Layout<D>,
    /// The other axes.
    others: &'a [usize],
    operation: &'a str,
    resources: Resources,
}

type Ways<T, D> = (Way<T, D>, Vec<crate::PassPlan>, u64);

impl<D: Dimension> Planning<'_, D> {
    fn way<T: Real + Element>(&self) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        if self.is_packed() { self.pairs() } else { self.tiles() }
    }

    /// Whether columns are transformed in pairs: this depends on shape and order alone.
    fn is_packed(&self) -> bool {
        self.place == self.axes.last() && self.axes.transformed().len() > 1
    }

    fn len(&self) -> usize {
        self.axes.lens()[self.place]
    }

    fn tiles<T: Real + Element>(&self) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let others: Vec<usize> =
            self.axes.transformed().iter().copied().filter(|&place| place != self.place).collect();
        let limit = usable(self.resources);
        if let Some((tiles, plan)) = self.request::<T, _>(&others, |request| {
            let tiles = request.best(limit)?;
            let plan = request.plan(self.axes.name(request.whole), &tiles);
            Some((tiles, plan))
        }) {
            return Ok((Way::Tiles { tiles, after: others, rest: None }, vec![plan], 0));
        }
        let first = self.request::<T, _>(&[], |request| match request.best(limit) {
            Some(tiles) => {
                let plan = request.plan(self.axes.name(&[self.place]), &tiles);
                Ok((tiles, plan))
            }
            None => Err(request.least()),
        });
        if others.is_empty() {
            return first.map_or_else(
                |least| self.long(least),
                |(tiles, plan)| {
                    Ok((Way::Tiles { tiles, after: others, rest: None }, vec![plan], 0))
                },
            );
        }
        let first = first.map_err(|least| refuse(self.operation, least, self.resources));
        let rest = fftn(self.made, self.others).in_place().plan::<T>(self.resources);
        let ((tiles, plan), rest) = both(self.operation, first, rest)?;
        let plans = [plan].into_iter().chain(rest.plan().passes.iter().cloned()).collect();
        Ok((Way::Tiles { tiles, after: Vec::new(), rest: Some(Box::new(rest)) }, plans, 0))
    }

    /// Lanes that are cut in two; whole, the smallest tile of them costs so much.
    fn long<T: Real + Element>(&self, whole: u64) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let request = LongRequest::<T>::new(self.axes, self.source, self.len(), self.resources);
        let best = request.as_ref().and_then(|request| request.best(usable(self.resources)));
        if let Some((long, plans)) = best {
            return Ok((Way::Long(Box::new(long)), plans, 0));
        }
        let least = request.map_or(whole, |request| request.least().min(whole));
        let reason = undivided(self.axes, self.source, self.place, self.len());
        Err(refuse(&format!("{}{reason}", self.operation), least, self.resources))
    }

    /// What a pass along the halved axis and some others asks of its tiles.
    fn request<T: Real + Element, R>(
        &self,
        others: &[usize],
        then: impl FnOnce(&TileRequest<'_>) -> R,
    ) -> R
    where
        Complex<T>: Element,
    {
        let groups = self.axes.places(self.layout);
        let source = Grouped::new(self.source, &groups);
        let made = self.axes.places(self.made);
        let made = Grouped::new(self.made, &made).layout();
        let whole = [others, &[self.place]].concat();
        let lanes = LaneCosts::new::<T>(self.resources);
        let threads = self.resources.threads.get() as u64;
        let (len, complex) = (self.len(), size_of::<Complex<T>>() as u64);
        let read = self.layout.element_bytes() as u64;
        // Those of the axes that are transformed later are there from the beginning.
        let places = self.axes.transformed().iter().filter(|&&place| place != self.place);
        let table = |&place: &usize| lanes.tables(std::iter::once(self.axes.lens()[place]));
        let tables = total(places.map(table)).saturating_mul(complex);
        let cost = |tile: &[usize], slots: usize| {
            let (real_tables, each) = real_cost::<T>(len, inner_len(tile, self.place));
            let mut out = tile.to_vec();
            out[self.place] = half(len);
            let (reals, halves) = (product(tile), product(&out).saturating_mul(complex));
            let slot = reals.saturating_mul(size_of::<T>() as u64).saturating_add(halves);
            let scratch = lanes.scratch(&out, others).saturating_mul(complex);
            let staging = staging_bytes(source.copies(), reals.saturating_mul(read), halves, slots);
            let slots = slot.saturating_mul(slots as u64);
            total([slots, threads.saturating_mul(each), scratch, real_tables, tables, staging])
        };
        then(&TileRequest {
            source: &source,
            sink: &made,
            whole: &whole,
            element: size_of::<T>(),
            cost: &cost,
        })
    }

    fn pairs<T: Real + Element>(&self) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let groups = self.axes.places(self.layout);
        let source = Grouped::new(self.source, &groups);
        let packed = Packed(&source);
        let made = self.axes.places(self.made);
        let made = Grouped::new(self.made, &made).layout();
        let costs = PairCosts {
            axes: self.axes,
            lanes: LaneCosts::new::<T>(self.resources),
            threads: self.resources.threads.get() as u64,
            element: size_of::<Complex<T>>() as u64,
            read: 2 * self.layout.element_bytes() as u64,
            copies: packed.copies(),
        };
        let limit = usable(self.resources);
        let request = TileRequest {
            source: &packed,
            sink: &made,
            whole: self.axes.transformed(),
            element: size_of::<Complex<T>>(),
            cost: &|tile, slots| costs.tile(tile, slots),
        };
        if let Some(tiles) = request.best(limit) {
            let plan = request.plan("columns and rows", &tiles);
            return Ok((Way::Pairs(tiles), vec![plan], 0));
        }
        let split = self.axes.first() + 1;
        let [matrices, rows, _] = self.axes.third_lens(split);
        let (len, pitch) = (costs.packed_len(), costs.half_len());
        let blocks = BlockRequest {
            of: Matrices {
                pitch,
                mirrored: true,
                ..Matrices::new(matrices, rows, len, costs.element)
            },
            read: costs.read,
            output_bytes: self.made.bytes(),
            columns_cost: &|width, slots| costs.columns(matrices, rows, width, slots),
            rows_cost: &|rows| costs.rows(matrices, rows),
        };
        let Some(best) = blocks.best(limit) else {
            let least = blocks.least().min(request.least());
            return Err(refuse(self.operation, least, self.resources));
        };
        let mut plans = blocks.plans(&best);
        plans[1].tiles = matrices * best.cuts.rows.pair_count();
        plans[1].slots = crate::plan::slots(plans[1].tiles);
        let thirds = thirds(self.axes, &packed.layout(), split);
        let columns = Grouped::new(&packed, &thirds);
        let windows =
            || (0..best.cuts.all_column_tiles()).map(|tile| best.cuts.column_window(tile));
        let read = |window| window_read_bytes(&columns, &window, Order::C, size_of::<Complex<T>>());
        plans[0].bytes_read = windows().map(read).sum();
        plans[0].run_bytes_read = windows().take(1).map(|window| columns.run_bytes(&window)).sum();
        let kept = blocks.kept_bytes(&best.cuts);
        Ok((Way::PairsOfBlocks(Box::new(best)), plans, kept))
    }
}

/// The places of an array in C order as matrices, rows, and what is in a row.
fn thirds(axes: &Axes, places: &Layout<IxDyn>, split: usize) -> crate::grouped::Groups {
    let (first, count) = (axes.first(), places.shape().ndim());
    let groups = [0..first, first..split, split..count].map(Vec::from_iter);
    crate::grouped::Groups::of(places, groups.to_vec())
}

/// What passes over packed numbers hold.
struct PairCosts<'a> {
    axes: &'a Axes,
    lanes: LaneCosts,
    threads: u64,
    element: u64,
    read: u64,
    copies: usize,
}

impl PairCosts<'_> {
    /// The length of the halved axis.
    fn len(&self) -> usize {
        self.axes.lens()[self.axes.last()]
    }

    /// The axes of a row after the first one, with the last one of another length.
    fn row(&self, last: usize) -> Vec<usize> {
        let mut row = self.axes.lens()[self.axes.first() + 1..].to_vec();
        *row.last_mut().expect("the halved axis") = last;
        row
    }

    fn packed_len(&self) -> usize {
        self.row(self.len().div_ceil(2)).iter().product()
    }

    fn half_len(&self) -> usize {
        self.row(half(self.len())).iter().product()
    }

    /// The places that are transformed after the rows have been put together from pairs.
    fn rest(&self) -> &[usize] {
        let places = self.axes.transformed();
        &places[1..places.len() - 1]
    }

    fn tables(&self) -> u64 {
        let places = self.axes.transformed();
        let table = |&place: &usize| self.lanes.tables(std::iter::once(self.axes.lens()[place]));
        let tables = places[..places.len() - 1].iter().map(table);
        total(tables.chain([pairs_cost(self.len()).0]))
    }

    /// A tile of packed numbers, and the half spectrum made of it.
    fn tile(&self, tile: &[usize], slots: usize) -> u64 {
        let first = self.axes.first();
        let mut out = tile.to_vec();
        out[self.axes.last()] = half(self.len());
        let columns = self.lanes.scratch(tile, &[first]);
        let rest = self.lanes.scratch(&out, self.rest());
        let pairs = self.threads.saturating_mul(pairs_cost(self.len()).1);
        let (packed, made) = (product(tile), product(&out));
        let elements = packed.saturating_add(made).saturating_mul(slots as u64);
        let elements = total([elements, columns, rest, pairs, self.tables()]);
        self.bytes(elements, packed, made, slots)
    }

    fn columns(&self, matrices: usize, rows: usize, width: usize, slots: usize) -> u64 {
        let slots = slots.min(matrices * self.packed_len().div_ceil(width));
        let tile = (rows as u64).saturating_mul(width as u64);
        let scratch = self.lanes.scratch(&[rows, width], &[0]);
        let elements = total([tile.saturating_mul(slots as u64), scratch, self.tables()]);
        self.bytes(elements, tile, tile, slots)
    }

    fn rows(&self, matrices: usize, rows: RowTiles) -> u64 {
        let height = rows.tallest_pair();
        let slots = crate::plan::slots(matrices * rows.pair_count());
        let (packed, made) = (
            (height as u64).saturating_mul(self.packed_len() as u64),
            (height as u64).saturating_mul(self.half_len() as u64),
        );
        let gathered = if rows.tallest() > 1 { packed } else { 0 };
        let out = [&[height], &self.row(half(self.len()))[..]].concat();
        let axes: Vec<usize> = self.rest().iter().map(|place| place - self.axes.first()).collect();
        let rest = self.lanes.scratch(&out, &axes);
        let pairs = self.threads.saturating_mul(pairs_cost(self.len()).1);
        let elements = packed.saturating_add(made).saturating_mul(slots as u64);
        let elements = total([elements, gathered, rest, pairs, self.tables()]);
        self.bytes(elements, packed, made, slots)
    }

    fn bytes(&self, elements: u64, read: u64, written: u64, slots: usize) -> u64 {
        let read = read.saturating_mul(self.read.max(self.element));
        let staging = staging_bytes(self.copies, read, written.saturating_mul(self.element), slots);
        elements.saturating_mul(self.element).saturating_add(staging)
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct RfftPlan<T: Real, D> {
    plan: Plan,
    shape: D,
    made: D,
    scratch: D,
    /// The place of the halved axis.
    place: usize,
    axes: Axes,
    way: Way<T, D>,
    scale: T,
}

impl<T: Real, D> fmt::Debug for RfftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RfftPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<T: Real, D> fmt::Display for RfftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Real + Element, D: Dimension> RfftPlan<T, D>
where
    Complex<T>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The length of each axis of the spectrum.
    pub fn shape(&self) -> &[usize] {
        self.made.slice()
    }

    /// The shape of the array that [`run_through`](Self::run_through) needs; of zeros, if it needs none.
    pub fn scratch_shape(&self) -> D {
        self.scratch.clone()
    }

    /// Transforms a source into a sink of the shape of the spectrum, which also holds what is between
    /// the passes.
    ///
    /// # Errors
    ///
    /// If the plan needs a scratch array, for lanes that are longer than the budget: see
    /// [`run_through`](Self::run_through). If a shape differs from the plan's, reading or writing fails, or
    /// the caller cancels. The source is unharmed; the sink's contents are then unspecified. With a journal a
    /// later run goes on with them; one that was killed after its first pass reads the source once more.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<T, D>,
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        if self.plan.scratch_bytes > 0 {
            let (operation, bytes) = (&self.plan.operation, self.plan.scratch_bytes);
            let reason = format!("{operation} needs a scratch array of {bytes} bytes");
            return Err(Error::Shape(reason));
        }
        check_shape(source.shape().slice(), self.shape.slice())?;
        check_shape(sink.shape().slice(), self.made.slice())?;
        self.run_passes(source, &Shared::new(sink), control)
    }

    /// Transforms a source into a sink of the shape of the spectrum, through a scratch array of the plan's
    /// [`scratch_shape`](Self::scratch_shape); where that is of zeros, it is not touched.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if the plan needs a scratch array and source or sink
    /// [have no runs](Stored::has_runs), or are in another order than the source that it was made for.
    pub fn run_through<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<T, D>,
        V: Source<Complex<T>, D> + Sink<Complex<T>, D>,
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        let Way::Long(long) = &self.way else { return self.run(source, sink, control) };
        check_shape(source.shape().slice(), self.shape.slice())?;
        check_shape(scratch.shape().slice(), self.scratch.slice())?;
        check_shape(sink.shape().slice(), self.made.slice())?;
        self.axes.check_runs(&self.plan.operation, source)?;
        self.axes.check_runs(&self.plan.operation, sink)?;
        let (scratch, sink) = (Shared::new(scratch), Shared::new(sink));
        let written: [&dyn WriteShared<_, _>; 2] = [&scratch, &sink];
        let mut run = Run::new(&self.plan, control.over([&written[0], &written[1]]))?;
        long.run(&mut run, self.scale, self.threads(), (source, &scratch, &sink))?;
        Ok(run.finish())
    }

    fn run_passes(
        &self,
        source: &dyn Source<T, D>,
        sink: &dyn Store<Complex<T>, D>,
        control: Control<'_>,
    ) -> Result<Report> {
        let mut run = Run::new(&self.plan, control)?;
        let groups = (self.axes.places(&source.layout()), self.axes.places(&sink.layout()));
        let source = Grouped::new(source, &groups.0);
        let places = Grouped::new(sink, &groups.1);
        match &self.way {
            Way::Tiles { tiles, after, rest } => {
                // What works in place cannot be done again.
                if run.mark().pass > 0 && !run.mark().at_rest {
                    run.go_on_from(Mark::default());
                }
                self.run_tiles(&mut run, (&source, &places), tiles, after)?;
                if let Some(rest) = rest {
                    rest.run_tiles_of(&mut run, sink)?;
                }
            }
            Way::Pairs(tiles) => self.run_pairs(&mut run, (&source, &places), tiles)?,
            Way::PairsOfBlocks(blocks) => self.run_blocks(&mut run, &source, &places, blocks)?,
            Way::Long(_) => unreachable!("lanes that need a scratch array"),
        }
        Ok(run.finish())
    }

    fn run_tiles(
        &self,
        run: &mut Run<'_, '_>,
        (source, sink): Arrays<'_, T>,
        tiles: &Tiles,
        after: &[usize],
    ) -> Result<()> {
        let tile = tiles.tiling.tile().slice();
        let (len, place) = (tile[self.place], self.place);
        let fft = ToHalf::new(len, self.scale, self.threads(), inner_len(tile, place));
        let mut out = tile.to_vec();
        out[place] = half(len);
        let after = Transforms::new(self.lanes(after, |place| place), &out, self.threads());
        run.pass(&AlongAxis {
            tiling: &tiles.tiling,
            slots: tiles.slots,
            axis: place,
            len: half(len),
            source,
            sink,
            kernel: |shape: &[usize], from: &mut [T], to: &mut [Complex<T>]| {
                fft.apply(from, to, inner_len(shape, place));
                let mut out = shape.to_vec();
                out[place] = half(len);
                after.apply_to(&out, to);
            },
        })
    }

    fn run_pairs(
        &self,
        run: &mut Run<'_, '_>,
        (source, sink): Arrays<'_, T>,
        tiles: &Tiles,
    ) -> Result<()> {
        let packed = Packed(source);
        let (first, last) = (self.axes.first(), self.axes.last());
        let tile = tiles.tiling.tile().slice();
        let columns = self.lanes(&[first], |place| place);
        let columns = Transforms::new(columns, tile, self.threads());
        let pairs = self.pairs(&tile[first + 1..], tile[first]);
        run.pass(&AlongAxis {
            tiling: &tiles.tiling,
            slots: tiles.slots,
            axis: last,
            len: half(self.len()),
            source: &packed,
            sink,
            kernel: |shape: &[usize], from: &mut [Complex<T>], to: &mut [Complex<T>]| {
                columns.apply_to(shape, from);
                let row = &shape[first + 1..];
                let (rows, len) = (shape[first], row.iter().product::<usize>());
                let made = to.len() * len / from.len();
                let matrices = from.chunks(rows * len).zip(to.chunks_mut(rows * made));
                for (from, to) in matrices {
                    // The first row is its own opposite, the others are opposite to each other.
                    let (begin, rest) = to.split_at_mut(made);
                    pairs.apply(&[&[1], row].concat(), &from[..len], begin);
                    if rows > 1 {
                        pairs.apply(&[&[rows - 1], row].concat(), &from[len..], rest);
                    }
                }
            },
        })
    }

    fn run_blocks(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<T, IxDyn>,
        sink: &dyn Store<Complex<T>, IxDyn>,
        blocks: &Blocks,
    ) -> Result<()> {
        let Blocks { cuts, slots, .. } = blocks;
        let again = repeated(run.mark(), cuts, Home::Sink);
        // Pairs of tiles are not finished from the first to the last: all of them are made anew.
        run.go_on_from(Mark { ahead: 0, ..again });
        let split = self.axes.first() + 1;
        let packed = Packed(source);
        let columns = thirds(&self.axes, &packed.layout(), split);
        let columns = Grouped::new(&packed, &columns);
        let places = thirds(&self.axes, &sink.layout(), split);
        let sink = Grouped::new(sink, &places);
        let between = Between::new(&sink, cuts, 0);
        let axes = [cuts.rows.count];
        let lanes = self.lanes(&[self.axes.first()], |_| 0);
        let transforms = Transforms::new(lanes, &[axes[0], cuts.width], self.threads());
        run.pass(&Columns {
            cuts,
            slots: *slots,
            source: &columns,
            between: &between,
            work: transforms.of_columns(&axes),
        })?;
        let mut axes = self.axes.lens()[split..].to_vec();
        *axes.last_mut().expect("the halved axis") = self.len().div_ceil(2);
        let height = cuts.rows.tallest_pair();
        let pairs = self.pairs(&axes, height);
        let gathered = if cuts.rows.tallest() > 1 { height * cuts.len } else { 0 };
        let gathered = Mutex::new(vec![Complex::default(); gathered]);
        run.pass(&PairRows { cuts, between: &between, sink: &sink, axes: &axes, pairs, gathered })
    }

    /// For at most so many rows, of packed numbers of these axes.
    fn pairs(&self, row: &[usize], rows: usize) -> Pairs<T> {
        let first = self.axes.first();
        let mut shape = [&[rows], row].concat();
        *shape.last_mut().expect("the halved axis") = half(self.len());
        let places = self.axes.transformed();
        let rest = self.lanes(&places[1..places.len() - 1], |place| place - first);
        let rest = Transforms::new(rest, &shape, self.threads());
        let lanes = Lanes::whole(self.len(), 0, Direction::Forward).scaled(self.scale);
        Pairs::new(lanes, rest, self.threads())
    }

    /// The transforms along some places, with the axes that these are in a tile.
    fn lanes(&self, places: &[usize], axis: impl Fn(usize) -> usize) -> Vec<Lanes<T>> {
        let lens = self.axes.lens();
        let lanes = |&place: &usize| Lanes::new(lens[place], axis(place), Direction::Forward);
        places.iter().map(lanes).collect()
    }

    /// The length of the halved axis.
    fn len(&self) -> usize {
        self.axes.lens()[self.place]
    }

    fn threads(&self) -> usize {
        self.plan.resources.threads.get()
    }
}

/// A source and a sink.
type Arrays<'a, T> = (&'a dyn Source<T, IxDyn>, &'a dyn WriteShared<Complex<T>, IxDyn>);
