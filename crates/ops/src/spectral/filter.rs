//! Filters: the spectrum of an array times a function of frequency.

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Sink, Source, Stored};
use std::fmt;

use super::response::{Grid, Place, Response};
use super::sizes::{Passes, Sizes, Used};
use super::{Arrays, ColumnFactor, Engine};
use crate::control::Control;
use crate::fft::Home;
use crate::fft::axes::Axes;
use crate::fft::between::Store;
use crate::grouped::Grouped;
use crate::plan::{Plan, Report, Run, check_shape};
use crate::signal::{Signal, spectrum_len};
use crate::transfer::{Shared, WriteShared};
use crate::{Resources, Result};

/// Multiplies the spectrum of an array by a function of frequency: `ifftn(H * fftn(x))`, or for real numbers
/// `irfftn(H * rfftn(x))`.
///
/// The function gets the frequencies along the axes that are transformed, in cycles per sample: those of
/// [`fftfreq`](crate::fftfreq), from -0.5 to 0.5. Of real numbers one half of the spectrum is there, along
/// the axis that is fastest in the file: along it frequencies are those of [`rfftfreq`](crate::rfftfreq),
/// from 0 to 0.5. There the function must be hermitian, `H(-f) = conj(H(f))`, as that of every filter is
/// which makes real numbers of real ones; of another one the result is what `numpy.fft.irfftn` makes of that
/// half. It is called once for each element of the spectrum, on all threads.
///
/// Shapes: the sink has that of the source. Elements: `f32`, `f64` or complex, in the source and in the sink.
///
/// Cost: one pass where a tile that is whole along all axes fits the budget; otherwise three, that read the
/// array three times and write it three times, all in long runs: rows forward, columns forward, times H and
/// back, rows back (Aggarwal and Vitter, "The input/output complexity of sorting and related problems", 1988,
/// show that one transform takes two passes; here the passes in the middle of both are one). The array in
/// between is half as large for real numbers. It lies in the sink for complex ones ([`FilterPlan::run`]) and
/// in a scratch array for real ones ([`FilterPlan::run_through`]). Memory: at least one row and one column,
/// of the axes that are transformed.
///
/// Accuracy: where no |H| is above 1, the error in the L2 norm is at most twice that of
/// [`fftn`](crate::fftn), relative to the norm of the source. NaN and infinity spread along all axes that are
/// transformed.
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, spectral_filter};
///
/// // A wave of 8 samples and one of 2 samples; the slow one is let through.
/// let wave = |n: usize, length: f64| (std::f64::consts::TAU * n as f64 / length).cos();
/// let field = Array2::from_shape_fn((16, 16), |(_, n)| wave(n, 8.0) + wave(n, 2.0));
/// let low_pass = |f: &[f64]| Complex::from(if f[1].abs() < 0.25 { 1.0 } else { 0.0 });
/// let plan = spectral_filter(&field, low_pass).plan::<f64>(Budget::new(1 << 20))?;
/// let mut scratch = Array2::zeros(plan.scratch_shape());
/// let mut slow = Array2::zeros((16, 16));
/// plan.run_through(&field, &mut scratch, &mut slow, Control::new())?;
/// assert!((slow[[3, 5]] - wave(5, 8.0)).abs() < 1e-14);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn spectral_filter<D: Dimension, F>(
    source: &impl Stored<D>,
    response: F,
) -> SpectralFilter<'_, D, F> {
    SpectralFilter { source, axes: None, response }
}

/// A filter to be planned; see [`spectral_filter`].
#[derive(Clone)]
pub struct SpectralFilter<'a, D, F> {
    source: &'a dyn Stored<D>,
    axes: Option<Vec<usize>>,
    response: F,
}

impl<D: Dimension, F> fmt::Debug for SpectralFilter<'_, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spectral_filter of {:?} along {:?}", self.source.layout(), self.axes)
    }
}

impl<D: Dimension, F> SpectralFilter<'_, D, F> {
    /// Along some axes only: the function gets as many frequencies, in their order. All axes, if this is not
    /// called.
    #[must_use]
    pub fn axes(mut self, axes: &[usize]) -> Self {
        self.axes = Some(axes.to_vec());
        self
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// If an axis does not exist, is named twice or has length 0, or the smallest tiles, with what the
    /// transforms need besides, exceed the budget; the error names the smallest budget that would do.
    pub fn plan<A: Signal>(self, resources: impl Into<Resources>) -> Result<FilterPlan<A, D, F>>
    where
        F: Fn(&[f64]) -> Complex<A::Real> + Sync,
        Complex<A::Real>: Element,
    {
        let resources = resources.into();
        let layout = self.source.layout();
        let all = || (0..layout.shape().ndim()).collect();
        let names = self.axes.clone().unwrap_or_else(all);
        let axes = Axes::new("spectral_filter", self.source, &names, None)?;
        let (shape, dtype) = (layout.shape().slice(), A::DTYPE);
        let along = self.axes.map(|axes| format!(" along {axes:?}")).unwrap_or_default();
        let operation = format!("spectral_filter of {shape:?} as {dtype}{along}");
        let groups = axes.places(&layout);
        let source = Grouped::new(self.source, &groups);
        let used = Used::whole(&axes);
        let sink = crate::fft::axes::layout(&axes, size_of::<A>(), layout.offset());
        let frequencies: usize = names.iter().map(|&axis| shape[axis]).sum();
        let sizes = Sizes {
            besides: (frequencies * size_of::<f64>()) as u64,
            ..Sizes::new::<A>(&axes, &source, &used, &sink, resources)
        };
        let (half, element, spectrum) = (sizes.half, sizes.element, sizes.spectrum);
        let passes = sizes.passes(&operation)?;
        let (plans, kept_bytes) = match &passes {
            Passes::Whole(tiles) => (sizes.whole_plans(tiles), 0),
            Passes::Blocks { blocks, split } => {
                let groups = axes.thirds(&layout, *split);
                let source = Grouped::new(self.source, &groups);
                (sizes.block_plans(blocks, *split, &source, None), sizes.kept_bytes(blocks))
            }
        };
        let mut scratch = D::zeros(shape.len());
        if let Some(axis) = half.and_then(|place| axes.axis(place)).filter(|_| plans.len() > 1) {
            scratch.clone_from(layout.shape());
            scratch[axis] = spectrum_len::<A>(scratch[axis]);
        }
        let is_needed = A::IS_REAL && plans.len() > 1;
        let between = if is_needed { scratch.size() as u64 } else { 0 };
        let plan = Plan {
            operation,
            resources,
            output_bytes: layout.len() as u64 * element,
            scratch_bytes: between * spectrum,
            kept_bytes,
            passes: plans,
        };
        let place = |place: usize| {
            let own = axes.axis(place).filter(|_| axes.transformed().contains(&place));
            let number = own.and_then(|axis| names.iter().position(|&other| other == axis));
            Place::new(axes.lens()[place], half == Some(place), number)
        };
        let places = (0..axes.lens().len()).map(place).collect();
        let shape = layout.shape().clone();
        let engine = Engine::new(axes, used, resources.threads.get());
        let (response, count) = (self.response, names.len());
        Ok(FilterPlan { plan, shape, scratch, engine, passes, places, count, response })
    }
}

/// A filter that has been planned; runs on any number of arrays of its shape.
pub struct FilterPlan<A: Signal, D, F> {
    plan: Plan,
    shape: D,
    scratch: D,
    engine: Engine<A>,
    passes: Passes,
    places: Vec<Place>,
    /// The number of frequencies.
    count: usize,
    response: F,
}

impl<A: Signal, D, F> fmt::Debug for FilterPlan<A, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterPlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<A: Signal, D, F> fmt::Display for FilterPlan<A, D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A, D, F> FilterPlan<A, D, F>
where
    A: Signal,
    Complex<A::Real>: Element,
    D: Dimension,
    F: Fn(&[f64]) -> Complex<A::Real> + Sync,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shape of the scratch array between the passes, which has one half of the spectrum of real numbers;
    /// zeros where none is needed.
    pub fn scratch_shape(&self) -> D {
        self.scratch.clone()
    }

    fn run_passes(
        &self,
        source: &dyn Source<A, D>,
        between: &dyn Store<Complex<A::Real>, D>,
        sink: &dyn WriteShared<A, D>,
        home: Home,
        control: Control<'_>,
    ) -> Result<Report> {
        let (first, last): (&dyn WriteShared<_, _>, _) = (between, sink);
        let through = home == Home::Scratch;
        let control = if through { control.over([&first, &last]) } else { control };
        let mut run = Run::new(&self.plan, control)?;
        let axes = &self.engine.axes;
        match &self.passes {
            Passes::Whole(tiles) => {
                let sets = (axes.places(&source.layout()), axes.places(&sink.layout()));
                let (source, sink) = (Grouped::new(source, &sets.0), Grouped::new(sink, &sets.1));
                let factor = |elements: &mut [_], _: &_, shape: &ndarray::IxDyn| {
                    self.multiply_tile(elements, shape.slice());
                };
                self.engine.multiply_tiles(&mut run, tiles, (&source, &sink), None, &factor)?;
            }
            Passes::Blocks { blocks, split } => {
                let groups = |layout| axes.thirds(&layout, *split);
                let sets =
                    (groups(source.layout()), groups(between.layout()), groups(sink.layout()));
                let arrays = Arrays {
                    source: &Grouped::new(source, &sets.0),
                    kernel: None,
                    between: &Grouped::new(between, &sets.1),
                    sink: &Grouped::new(sink, &sets.2),
                    home,
                };
                let (rows, columns) = self.places.split_at(*split);
                let rows: Vec<_> = rows[axes.first()..].iter().collect();
                let columns: Vec<_> = columns.iter().collect();
                let (response, axes) = (&self.response, self.count);
                let response = OfColumns { response, rows, columns, axes };
                let blocks = (blocks, *split);
                self.engine.multiply_blocks(&mut run, blocks, &arrays, Some(&response))?;
            }
        }
        Ok(run.finish())
    }

    /// Multiplies the spectrum of a tile that is whole along the axes that are transformed.
    fn multiply_tile(&self, elements: &mut [Complex<A::Real>], shape: &[usize]) {
        let places: Vec<_> =
            self.places.iter().zip(shape).map(|(place, &len)| place.cut(len)).collect();
        let (last, others) = match places.split_last() {
            Some((last, others)) => (vec![last], others),
            None => (vec![], &places[..]),
        };
        let rows = others.iter().collect();
        let width = shape.last().copied().unwrap_or(1);
        let grid = Grid { rows, columns: last, first: 0, width, axes: self.count };
        self.response.multiply(elements, &grid);
    }

    fn check(&self, shapes: &[&D]) -> Result<()> {
        shapes.iter().try_for_each(|shape| check_shape(shape.slice(), self.shape.slice()))
    }
}

/// A function of frequency that columns are multiplied by.
struct OfColumns<'a, F> {
    response: &'a F,
    /// The places of a column, and those that columns are numbered along.
    rows: Vec<&'a Place>,
    columns: Vec<&'a Place>,
    axes: usize,
}

impl<T, F: Response<T>> ColumnFactor<T> for OfColumns<'_, F> {
    fn multiply_tile(&self, elements: &mut [Complex<T>], first: usize, width: usize) {
        let (rows, columns, axes) = (self.rows.clone(), self.columns.clone(), self.axes);
        self.response.multiply(elements, &Grid { rows, columns, first, width, axes });
    }

    fn multiply_lane(&self, elements: &mut [Complex<T>], column: usize) {
        let (rows, columns, axes) = (self.columns.clone(), self.rows.clone(), self.axes);
        let grid = Grid { rows, columns, first: 0, width: elements.len(), axes };
        self.response.multiply_row(elements, column, &grid);
    }
}

impl<T, D, F> FilterPlan<Complex<T>, D, F>
where
    Complex<T>: Signal<Real = T> + Element,
    T: crate::Real,
    D: Dimension,
    F: Fn(&[f64]) -> Complex<T> + Sync,
{
    /// Filters a source of complex numbers into a sink, which also holds what lies between the passes.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. The source is
    /// unharmed; the sink's contents are then unspecified. With a journal a later run goes on with them; one
    /// that was killed after its first pass reads the source once more.
    pub fn run<R, S>(&self, source: &R, sink: &mut S, control: Control<'_>) -> Result<Report>
    where
        R: Source<Complex<T>, D>,
        S: Source<Complex<T>, D> + Sink<Complex<T>, D>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        let sink = Shared::new(sink);
        self.run_passes(source, &sink, &sink, Home::Sink, control)
    }
}

impl<T, D, F> FilterPlan<T, D, F>
where
    T: Signal<Real = T> + crate::Real,
    Complex<T>: Element,
    D: Dimension,
    F: Fn(&[f64]) -> Complex<T> + Sync,
{
    /// Filters a source of real numbers into a sink; what lies between the passes goes to a scratch array of
    /// the plan's [`scratch_shape`](Self::scratch_shape); where that is of zeros, it is not touched.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. The source is
    /// unharmed; the sink's contents are then unspecified. With a journal a later run goes on with them and
    /// with the scratch array; one that was killed in its second pass reads the source once more.
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
        S: Sink<T, D>,
    {
        self.check(&[&source.shape(), &sink.shape()])?;
        if self.plan.passes.len() > 1 {
            check_shape(scratch.shape().slice(), self.scratch.slice())?;
        }
        self.run_passes(source, &Shared::new(scratch), &Shared::new(sink), Home::Scratch, control)
    }
}
