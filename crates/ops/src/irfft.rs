//! The inverse Fourier transforms to real numbers, from the half of the spectrum that says all.
//!
//! The halved axis is transformed last, after all others; where it is the only one and its lanes are longer
//! than memory, in two passes (`irfft/long.rs`). Where it is contiguous and the array exceeds the budget,
//! columns and rows with blocks in between take two passes, as in the complex transform.

mod long;
mod rows;

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Layout, Mark, Order, Sink, Source, Stored};
use std::fmt;
use std::sync::Mutex;

use self::long::{Long, LongRequest};
use self::rows::RealRows;
use crate::control::Control;
use crate::fft::axes::{Axes, inner_len};
use crate::fft::between::{Between, RowTiles, Store};
use crate::fft::blocks::{BlockRequest, Blocks, Matrices};
use crate::fft::passes::{Columns, Transforms};
use crate::fft::reals::undivided;
use crate::fft::sizes::{LaneCosts, product, total};
use crate::fft::tiles::{TileRequest, Tiles};
use crate::fft::{FftPlan, Home, check_size, ifftn, repeated};
use crate::fourier::{Direction, Norm, Real};
use crate::grouped::Grouped;
use crate::lanes::{FromHalf, Lanes, half, real_cost};
use crate::pass::AlongAxis;
use crate::plan::{PassPlan, Plan, Report, Run, both, check_shape, refuse, slots, usable};
use crate::transfer::{Shared, WriteShared, staging_bytes, window_read_bytes};
use crate::{Error, Resources, Result};

/// The inverse of [`rfft`](crate::rfft), to real lanes of a length; as `numpy.fft.irfft`. See [`irfftn`].
///
/// A lane that is longer than the budget takes two passes, where `rfft` to it does: through a scratch array of
/// the size of the spectrum, with as much memory and half of the bytes that [`ifft`](crate::ifft) moves. The
/// refusal of another one says why it must fit, or names the next length that need not.
///
/// ```
/// use ndarray::{Array1, array};
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, irfft};
///
/// let spectrum = array![Complex::new(6.0, 0.0), Complex::new(0.0, 0.0)];
/// let mut field = Array1::<f64>::zeros(3);
/// irfft(&spectrum, 0, 3).plan(Budget::new(1 << 20))?.run(&spectrum, &mut field, Control::new())?;
/// assert_eq!(field, array![2.0, 2.0, 2.0]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn irfft<D: Dimension>(source: &impl Stored<D>, axis: usize, len: usize) -> Irfft<'_, D> {
    Irfft { name: "irfft", source, axes: vec![axis], len, norm: Norm::default() }
}

/// The inverse of [`rfftn`](crate::rfftn), to a real array whose last axis, of those that are
/// transformed, has length `len`; as `numpy.fft.irfftn`.
///
/// The spectrum has length `len / 2 + 1` along that axis; see [`Lazy::resize`](crate::Lazy::resize) for
/// one that has not. The imaginary parts that are zero in the spectrum of real numbers are not looked at.
///
/// Cost: one pass where a tile that is whole along all axes fits the budget. Otherwise two, through a
/// scratch array of the size of the spectrum, where the last axis is the fastest of the file, or as many
/// as [`ifftn`](crate::ifftn) takes for the other axes and one more.
///
/// Accuracy: that of [`fftn`](crate::fftn).
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, irfftn};
///
/// let mut spectrum = Array2::zeros((4, 4));
/// spectrum[[0, 0]] = Complex::new(24.0, 0.0);
/// let mut field = Array2::<f64>::zeros((4, 6));
/// let plan = irfftn(&spectrum, &[0, 1], 6).plan(Budget::new(1 << 20))?;
/// plan.run(&spectrum, &mut field, Control::new())?;
/// assert_eq!(field, Array2::ones((4, 6)));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn irfftn<'a, D: Dimension>(
    source: &'a impl Stored<D>,
    axes: &[usize],
    len: usize,
) -> Irfft<'a, D> {
    Irfft { name: "irfftn", source, axes: axes.to_vec(), len, norm: Norm::default() }
}

/// A transform to be planned; see [`irfftn`].
#[derive(Clone)]
pub struct Irfft<'a, D> {
    name: &'static str,
    source: &'a dyn Stored<D>,
    axes: Vec<usize>,
    len: usize,
    norm: Norm,
}

impl<D: Dimension> fmt::Debug for Irfft<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, axes, len, norm, .. } = self;
        write!(f, "{name} of {:?} along {axes:?} to {len}, {norm:?}", self.source.layout())
    }
}

impl<D: Dimension> Irfft<'_, D> {
    /// Whether the result is scaled.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// As [`Fft::plan`](crate::Fft::plan), and if there is no axis, or the last one has not the length
    /// that the result asks for.
    pub fn plan<T: Real + Element>(
        &self,
        resources: impl Into<Resources>,
    ) -> Result<IrfftPlan<T, D>>
    where
        Complex<T>: Element,
    {
        let resources = resources.into();
        let layout = self.source.layout();
        let shape = layout.shape().clone();
        let Some((&last, others)) = self.axes.split_last() else {
            return Err(Error::Shape(format!("{} needs an axis at least", self.name)));
        };
        let axes = Axes::new(self.name, self.source, &self.axes, Some(last))?;
        if self.len == 0 || shape[last] != half(self.len) {
            let (name, len, found) = (self.name, self.len, shape[last]);
            let needed = if len == 0 { "which nothing has".into() } else { half(len).to_string() };
            return Err(Error::Shape(format!(
                "{name} to length {len} needs half a spectrum of length {needed} along axis {last}, \
                 which has length {found}"
            )));
        }
        let mut made = shape.clone();
        made[last] = self.len;
        let made = Layout::new(made, layout.order(), size_of::<T>(), layout.offset());
        let made = made.ok_or_else(|| Error::Shape(format!("{:?} is too large", shape.slice())))?;
        check_size(&layout, size_of::<Complex<T>>())?;
        let bits = size_of::<T>() * 8;
        let all = self.axes.iter().copied().eq(0..shape.ndim());
        let along = if all { String::new() } else { format!(" along {:?}", self.axes) };
        let made_lens = made.shape().slice();
        let operation =
            format!("{} of {:?} to {made_lens:?} as float{bits}{along}", self.name, shape.slice());
        let place = axes.place(last).unwrap_or_default();
        let of = Planning {
            source: self.source,
            axes: &axes,
            place,
            len: self.len,
            layout: &layout,
            made: &made,
            others,
            operation: &operation,
            resources,
        };
        let (way, passes, kept_bytes) = of.way::<T>()?;
        let scratch = layout.len() * size_of::<Complex<T>>();
        let plan = Plan {
            resources,
            output_bytes: made.bytes(),
            scratch_bytes: if passes.len() > 1 { scratch as u64 } else { 0 },
            kept_bytes,
            passes,
            operation,
        };
        let count = self.axes.iter().map(|&axis| made.shape()[axis]).product();
        let scale = self.norm.scale(Direction::Inverse, count);
        let made = made.shape().clone();
        Ok(IrfftPlan { plan, shape, made, place, len: self.len, axes, way, scale })
    }
}

/// How it is done.
enum Way<T: Real, D> {
    /// Some axes first; then tiles that are whole along the halved axis, and along others that are
    /// transformed before it.
    Tiles { first: Option<Box<FftPlan<T, D>>>, before: Vec<usize>, tiles: Tiles },
    /// Columns, then rows.
    Blocks { blocks: Box<Blocks>, split: usize },
    /// Lanes that are cut in two.
    Long(Box<Long>),
}

/// What a plan is made from.
struct Planning<'a, D> {
    source: &'a dyn Stored<D>,
    axes: &'a Axes,
    /// The place of the halved axis, and its length in the result.
    place: usize,
    len: usize,
    layout: &'a Layout<D>,
    made: &'a Layout<D>,
    /// The other axes.
    others: &'a [usize],
    operation: &'a str,
    resources: Resources,
}

type Ways<T, D> = (Way<T, D>, Vec<PassPlan>, u64);

impl<D: Dimension> Planning<'_, D> {
    fn way<T: Real + Element>(&self) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let others: Vec<usize> =
            self.axes.transformed().iter().copied().filter(|&place| place != self.place).collect();
        let limit = usable(self.resources);
        let at_once = self.request::<T, _>(&others, true, |request| match request.best(limit) {
            Some(tiles) => {
                let plan = request.plan(self.axes.name(request.whole), &tiles);
                Ok((tiles, plan))
            }
            None => Err(request.least()),
        });
        let least = match at_once {
            Ok((tiles, plan)) => {
                return Ok((Way::Tiles { first: None, before: others, tiles }, vec![plan], 0));
            }
            Err(least) => least,
        };
        if others.is_empty() {
            return self.long(least);
        }
        if self.place == self.axes.last() {
            return self.blocks::<T>(least);
        }
        self.tiles::<T>()
    }

    /// Lanes that are cut in two; whole, the smallest tile of them costs so much.
    fn long<T: Real + Element>(&self, whole: u64) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let request = LongRequest::<T>::new(self.axes, self.source, self.len, self.resources);
        let best = request.as_ref().and_then(|request| request.best(usable(self.resources)));
        if let Some((long, plans)) = best {
            return Ok((Way::Long(Box::new(long)), plans, 0));
        }
        let least = request.map_or(whole, |request| request.least().min(whole));
        let reason = undivided(self.axes, self.source, self.place, self.len);
        Err(refuse(&format!("{}{reason}", self.operation), least, self.resources))
    }

    /// The other axes in passes of their own.
    fn tiles<T: Real + Element>(&self) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let limit = usable(self.resources);
        let last = self.request::<T, _>(&[], false, |request| match request.best(limit) {
            Some(tiles) => {
                let plan = request.plan(self.axes.name(&[self.place]), &tiles);
                Ok((tiles, plan))
            }
            None => Err(refuse(self.operation, request.least(), self.resources)),
        });
        // The scale is that of the last pass.
        let first = ifftn(&self.source, self.others).norm(Norm::Forward).in_place();
        let first = first.plan::<T>(self.resources);
        let ((tiles, plan), first) = both(self.operation, last, first)?;
        let plans = first.plan().passes.iter().cloned().chain([plan]).collect();
        Ok((Way::Tiles { first: Some(Box::new(first)), before: Vec::new(), tiles }, plans, 0))
    }

    /// What a pass along some axes and the halved one asks of its tiles, which are read from the source
    /// or from the array between the passes.
    fn request<T: Real + Element, R>(
        &self,
        others: &[usize],
        is_first: bool,
        then: impl FnOnce(&TileRequest<'_>) -> R,
    ) -> R
    where
        Complex<T>: Element,
    {
        let groups = self.axes.places(self.layout);
        let source = Grouped::new(self.source, &groups);
        let bytes = size_of::<Complex<T>>();
        let between = Layout::new(source.shape(), Order::C, bytes, self.layout.offset())
            .expect("an array with as many elements exists");
        let made = self.axes.places(self.made);
        let made = Grouped::new(self.made, &made).layout();
        let whole = [others, &[self.place]].concat();
        let costs = self.costs::<T>(source.copies());
        then(&TileRequest {
            source: if is_first { &source } else { &between },
            sink: &made,
            whole: &whole,
            element: size_of::<Complex<T>>(),
            cost: &|tile, slots| costs.tile(tile, others, slots),
        })
    }

    fn costs<T: Real + Element>(&self, copies: usize) -> Costs<'_>
    where
        Complex<T>: Element,
    {
        let (len, lanes) = (self.len, LaneCosts::new::<T>(self.resources));
        Costs {
            axes: self.axes,
            place: self.place,
            len,
            lanes,
            threads: self.resources.threads.get() as u64,
            real_cost: real_cost::<T>,
            element: size_of::<Complex<T>>() as u64,
            read: self.layout.element_bytes() as u64,
            copies,
        }
    }

    /// Columns and rows; the smallest tile of all of it costs so much.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method is not general enough")]
    fn blocks<T: Real + Element>(&self, at_once: u64) -> Result<Ways<T, D>>
    where
        Complex<T>: Element,
    {
        let costs = self.costs::<T>(self.source.copies());
        let request = |split| self.block_request(&costs, split);
        let splits = || self.axes.transformed().iter().copied().skip(1);
        let of_split = |split| -> Option<(Blocks, usize)> {
            request(split)
                .of(|request| request.best(usable(self.resources)))
                .map(|best| (best, split))
        };
        let best = splits().filter_map(of_split);
        let best = best.min_by(|one, other| one.0.duration.total_cmp(&other.0.duration));
        let Some((blocks, split)) = best else {
            let least = splits().map(|split| request(split).of(|request| request.least())).min();
            let least = least.unwrap_or(u64::MAX).min(at_once);
            return Err(refuse(self.operation, least, self.resources));
        };
        let (mut plans, kept) =
            request(split).of(|request| (request.plans(&blocks), request.kept_bytes(&blocks.cuts)));
        let groups = self.axes.thirds(self.layout, split);
        let columns = Grouped::new(self.source, &groups);
        let windows =
            || (0..blocks.cuts.all_column_tiles()).map(|tile| blocks.cuts.column_window(tile));
        let read = |window| window_read_bytes(&columns, &window, Order::C, size_of::<Complex<T>>());
        plans[0].bytes_read = windows().map(read).sum();
        plans[0].run_bytes_read = windows().take(1).map(|window| columns.run_bytes(&window)).sum();
        Ok((Way::Blocks { blocks: Box::new(blocks), split }, plans, kept))
    }

    fn block_request<'a>(&'a self, costs: &'a Costs<'a>, split: usize) -> Splitting<'a> {
        Splitting { costs, split, output_bytes: self.made.bytes() }
    }
}

/// What passes hold.
struct Costs<'a> {
    axes: &'a Axes,
    place: usize,
    len: usize,
    lanes: LaneCosts,
    threads: u64,
    real_cost: fn(usize, usize) -> (u64, u64),
    element: u64,
    read: u64,
    copies: usize,
}

impl Costs<'_> {
    /// A tile of half spectra, transformed along some axes first, and the real tile made of it.
    fn tile(&self, tile: &[usize], others: &[usize], slots: usize) -> u64 {
        let (tables, each) = (self.real_cost)(self.len, inner_len(tile, self.place));
        let mut out = tile.to_vec();
        out[self.place] = self.len;
        let scratch = self.lanes.scratch(tile, others).saturating_add(self.tables());
        let scratch = scratch.saturating_mul(self.element);
        let slots = self.bytes(product(tile), product(&out), slots);
        total([slots, scratch, tables, self.threads.saturating_mul(each)])
    }

    fn columns(&self, split: usize, width: usize, slots: usize) -> u64 {
        let [matrices, rows, len] = self.axes.third_lens(split);
        let slots = slots.min(matrices * len.div_ceil(width));
        let (dims, axes) = self.axes.column(split, width);
        let tile = (rows as u64).saturating_mul(width as u64);
        let scratch = self.lanes.scratch(&dims, &axes).saturating_add(self.tables());
        let slot = tile.saturating_mul(slots as u64).saturating_add(scratch);
        let bytes = tile.saturating_mul(self.read.max(self.element));
        slot.saturating_mul(self.element).saturating_add(staging_bytes(
            self.copies,
            bytes,
            bytes,
            slots,
        ))
    }

    fn rows(&self, split: usize, rows: RowTiles) -> u64 {
        let [matrices, _, len] = self.axes.third_lens(split);
        let height = rows.tallest();
        let (dims, axes) = self.axes.row(split, height);
        let others: Vec<usize> = axes[..axes.len() - 1].to_vec();
        let (tables, each) = (self.real_cost)(self.len, 1);
        let tile = (len as u64).saturating_mul(height as u64);
        let out = tile / dims[dims.len() - 1] as u64 * self.len as u64;
        let gathered = if height > 1 { tile } else { 0 };
        let scratch = total([self.lanes.scratch(&dims, &others), self.tables(), gathered]);
        let scratch = scratch.saturating_mul(self.element);
        let slots = self.bytes(tile, out, slots(rows.len() * matrices));
        total([slots, scratch, tables, self.threads.saturating_mul(each)])
    }

    fn tables(&self) -> u64 {
        let others = self.axes.transformed().iter().filter(|&&place| place != self.place);
        let table = |&place: &usize| self.lanes.tables(std::iter::once(self.axes.lens()[place]));
        total(others.map(table))
    }

    /// Of slots with so many complex numbers and so many real ones.
    fn bytes(&self, halves: u64, reals: u64, slots: usize) -> u64 {
        let (complex, made) =
            (halves.saturating_mul(self.element), reals.saturating_mul(self.element / 2));
        let read = halves.saturating_mul(self.read.max(self.element));
        let staging = staging_bytes(self.copies, read, made, slots);
        complex.saturating_add(made).saturating_mul(slots as u64).saturating_add(staging)
    }
}

/// A request for blocks at a place.
struct Splitting<'a> {
    costs: &'a Costs<'a>,
    split: usize,
    output_bytes: u64,
}

impl Splitting<'_> {
    fn of<R>(&self, then: impl FnOnce(&BlockRequest<'_>) -> R) -> R {
        let [matrices, rows, len] = self.costs.axes.third_lens(self.split);
        then(&BlockRequest {
            of: Matrices::new(matrices, rows, len, self.costs.element),
            read: self.costs.read,
            output_bytes: self.output_bytes,
            columns_cost: &|width, slots| self.costs.columns(self.split, width, slots),
            rows_cost: &|rows| self.costs.rows(self.split, rows),
        })
    }
}

/// A transform that has been planned; runs on any number of arrays of its shape.
pub struct IrfftPlan<T: Real, D> {
    plan: Plan,
    shape: D,
    made: D,
    /// The place of the halved axis, and its length in the result.
    place: usize,
    len: usize,
    axes: Axes,
    way: Way<T, D>,
    scale: T,
}

impl<T: Real, D> fmt::Debug for IrfftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IrfftPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<T: Real, D> fmt::Display for IrfftPlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<T: Real + Element, D: Dimension> IrfftPlan<T, D>
where
    Complex<T>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The length of each axis of the result.
    pub fn shape(&self) -> &[usize] {
        self.made.slice()
    }

    /// Transforms a source into a sink of the shape of the result, in one pass.
    ///
    /// # Errors
    ///
    /// If the plan needs a scratch array, and as [`run_through`](Self::run_through).
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        S: Sink<T, D>,
    {
        if self.plan.scratch_bytes > 0 {
            let (operation, bytes) = (&self.plan.operation, self.plan.scratch_bytes);
            let reason = format!("{operation} needs a scratch array of {bytes} bytes");
            return Err(Error::Shape(reason));
        }
        self.run_through(
            source,
            &mut ndarray::Array::zeros(D::zeros(self.shape.ndim())),
            sink,
            control,
        )
    }

    /// Transforms a source into a sink of the shape of the result; what is between the passes goes to a
    /// scratch array of the shape of the source. Where the plan has a single pass, the scratch array is
    /// not touched, and may have any shape.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. The source
    /// is unharmed; the sink's contents are then unspecified. If the plan cuts lanes that are longer than the
    /// budget, and source or sink [have no runs](Stored::has_runs), or are in another order than the source
    /// that it was made for.
    pub fn run_through<R, V, S>(
        &self,
        source: &R,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        V: Source<Complex<T>, D> + Sink<Complex<T>, D>,
        S: Sink<T, D>,
    {
        check_shape(source.shape().slice(), self.shape.slice())?;
        check_shape(sink.shape().slice(), self.made.slice())?;
        if self.plan.scratch_bytes > 0 {
            check_shape(scratch.shape().slice(), self.shape.slice())?;
        }
        if matches!(self.way, Way::Long(_)) {
            self.axes.check_runs(&self.plan.operation, source)?;
            self.axes.check_runs(&self.plan.operation, sink)?;
        }
        self.run_passes(source, &Shared::new(scratch), &Shared::new(sink), control)
    }

    fn run_passes(
        &self,
        source: &dyn Source<Complex<T>, D>,
        scratch: &dyn Store<Complex<T>, D>,
        sink: &dyn WriteShared<T, D>,
        control: Control<'_>,
    ) -> Result<Report> {
        let (first, last): (&dyn WriteShared<_, _>, _) = (scratch, sink);
        let mut run = Run::new(&self.plan, control.over([&first, &last]))?;
        match &self.way {
            Way::Tiles { first, before, tiles } => {
                let last = self.plan.passes.len() - 1;
                // What works in place cannot be done again.
                if (1..last).contains(&run.mark().pass) && !run.mark().at_rest {
                    run.go_on_from(Mark::default());
                }
                if let Some(first) = first {
                    first.run_tiles_into(&mut run, source, scratch)?;
                }
                let source = if first.is_some() { scratch as &dyn Source<_, _> } else { source };
                self.run_tiles(&mut run, (source, sink), before, tiles)?;
            }
            Way::Blocks { blocks, split } => {
                self.run_blocks(&mut run, (source, scratch, sink), blocks, *split)?;
            }
            Way::Long(long) => {
                long.run(&mut run, self.scale, self.threads(), (source, scratch, sink))?;
            }
        }
        Ok(run.finish())
    }

    fn run_tiles(
        &self,
        run: &mut Run<'_, '_>,
        (source, sink): (&dyn Source<Complex<T>, D>, &dyn WriteShared<T, D>),
        before: &[usize],
        tiles: &Tiles,
    ) -> Result<()> {
        let groups = (self.axes.places(&source.layout()), self.axes.places(&sink.layout()));
        let (source, sink) = (Grouped::new(source, &groups.0), Grouped::new(sink, &groups.1));
        let tile = tiles.tiling.tile().slice();
        let (place, threads) = (self.place, self.threads());
        let fft = FromHalf::new(self.len, self.scale, threads, inner_len(tile, place));
        let before = Transforms::new(self.lanes(before, |place| place), tile, threads);
        run.pass(&AlongAxis {
            tiling: &tiles.tiling,
            slots: tiles.slots,
            axis: place,
            len: self.len,
            source: &source,
            sink: &sink,
            kernel: |shape: &[usize], from: &mut [Complex<T>], to: &mut [T]| {
                before.apply_to(shape, from);
                fft.apply(from, to, inner_len(shape, place));
            },
        })
    }

    fn run_blocks(
        &self,
        run: &mut Run<'_, '_>,
        (source, scratch, sink): Arrays<'_, T, D>,
        blocks: &Blocks,
        split: usize,
    ) -> Result<()> {
        let Blocks { cuts, slots, .. } = blocks;
        run.go_on_from(repeated(run.mark(), cuts, Home::Scratch));
        let groups = |layout| self.axes.thirds(&layout, split);
        let sets = (groups(source.layout()), groups(scratch.layout()));
        let (source, scratch) = (Grouped::new(source, &sets.0), Grouped::new(scratch, &sets.1));
        let thirds = self.axes.thirds(&sink.layout(), split);
        let sink = Grouped::new(sink, &thirds);
        let between = Between::new(&scratch, cuts, run.mark().ahead);
        let first = self.axes.first();
        let places = self.axes.transformed();
        let end = places.iter().position(|&place| place == split).expect("a transformed place");
        let lanes = self.lanes(&places[..end], |place| place - first);
        let (dims, _) = self.axes.column(split, cuts.width);
        let transforms = Transforms::new(lanes, &dims, self.threads());
        let axes = &self.axes.lens()[first..split];
        let source: &dyn Source<_, _> = &source;
        let work = transforms.of_columns(axes);
        run.pass(&Columns { cuts, slots: *slots, source, between: &between, work })?;
        let axes = &self.axes.lens()[split..];
        let lanes = self.lanes(&places[end..places.len() - 1], |place| place - split + 1);
        let (dims, _) = self.axes.row(split, cuts.rows.tallest());
        let transforms = Transforms::new(lanes, &dims, self.threads());
        let gathered = if cuts.rows.tallest() > 1 { cuts.rows.tallest() * cuts.len } else { 0 };
        run.pass(&RealRows {
            cuts,
            between: &between,
            sink: &sink,
            axes,
            len: cuts.len / axes[axes.len() - 1] * self.len,
            transforms,
            last: FromHalf::new(self.len, self.scale, self.threads(), 1),
            gathered: Mutex::new(vec![Complex::default(); gathered]),
        })
    }

    /// The transforms along some places, with the axes that these are in a tile.
    fn lanes(&self, places: &[usize], axis: impl Fn(usize) -> usize) -> Vec<Lanes<T>> {
        let lens = self.axes.lens();
        let lanes = |&place: &usize| Lanes::new(lens[place], axis(place), Direction::Inverse);
        places.iter().map(lanes).collect()
    }

    fn threads(&self) -> usize {
        self.plan.resources.threads.get()
    }
}

/// A source, a scratch array and a sink.
type Arrays<'a, T, D> =
    (&'a dyn Source<Complex<T>, D>, &'a dyn Store<Complex<T>, D>, &'a dyn WriteShared<T, D>);
