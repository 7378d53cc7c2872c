//! Convolution and correlation with a kernel of any size, as a product of spectra.
//!
//! ```text
//!     source, padded        kernel, padded         full                   same, valid
//!     ┌───────────┬──┐      ┌────┬─────────┐       ┌──────────────┐       ┌──────────────┐
//!     │ ▒▒▒▒▒▒▒▒▒ │0 │      │ ▒▒ │ 0       │       │ ▒▒▒▒▒▒▒▒▒▒▒▒ │       │ ┌──────────┐ │
//!     │ ▒▒▒▒▒▒▒▒▒ │0 │  *   ├────┘         │   =   │ ▒▒▒▒▒▒▒▒▒▒▒▒ │       │ │ ┌──────┐ │ │
//!     ├───────────┘0 │      │ 0          0 │       │ ▒▒▒▒▒▒▒▒▒▒▒▒ │       │ │ └──────┘ │ │
//!     │ 0 0 0 0 0 0 0│      │ 0          0 │       │ ▒▒▒▒▒▒▒▒▒▒▒▒ │       │ └──────────┘ │
//!     └──────────────┘      └──────────────┘       └──────────────┘       └──────────────┘
//! ```

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Layout, Order, Resized, Sink, Source, Stored, Window};
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::passes::multiply;
use super::sizes::{Passes, Sizes, Used};
use super::views::{Cropped, Mirrored};
use super::{Arrays, Engine, half, overlap};
use crate::control::Control;
use crate::fft::Home;
use crate::fft::axes::{Axes, dim, layout};
use crate::frequency::next_fast_len;
use crate::grouped::Grouped;
use crate::plan::{PassPlan, Plan, Report, Run, check_shape, refuse, usable};
use crate::signal::{Signal, spectrum_len};
use crate::tiling::Tiling;
use crate::transfer::{Shared, WriteShared, window_read_bytes};
use crate::{Error, Resources, Result};

/// Convolves an array with a kernel: `y[n] = Σ_m x[m] h[n - m]`, along all axes; as
/// `scipy.signal.fftconvolve`.
///
/// Shapes: source and kernel have as many axes, and the output has the shape that the [`Mode`] says, at first
/// [`Mode::Full`]. Elements: `f32`, `f64` or complex, of one type. The kernel may be longer than the source.
///
/// Cost: where the kernel is small against the array, one pass over the source, in tiles that overlap by the
/// length of the kernel (overlap-save; Stockham, "High-speed convolution and correlation", 1966): blocks of four
/// times its length are convolved by themselves. Whether that is so follows from the shapes alone: a block
/// must be an eighth of everything at most, and have no more than 2^22 elements unless there is one axis.
/// Memory: a block, its spectrum, that of the kernel, and what a block reads and writes.
///
/// Otherwise both arrays are padded with zeros to [`next_fast_len`] of what the output needs. Where both fit the
/// budget, padded, with their spectra: the kernel and the source are read once, and the output is written.
/// If they do not, the rows of the kernel are transformed first, and then come the three passes of
/// [`spectral_filter`](crate::spectral_filter), which also read the kernel's rows; zeros of the padding are
/// neither read nor, between the passes, written along the slow axes. Both lie in one scratch array. Memory:
/// at least one padded row, and two padded columns.
///
/// Accuracy: the error in the L2 norm is at most three times that of [`fftn`](crate::fftn), relative to the
/// norm of the source times the sum of the kernel's magnitudes; of kernels without a pattern, times its norm.
/// Small elements of the result are therefore less accurate than if they were summed, and a NaN or an infinity
/// anywhere makes all of the result NaN, or of the blocks that read it.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, Mode, fftconvolve};
///
/// let (signal, kernel) = (array![1.0, 2.0, 3.0], array![0.0, 1.0, 0.5]);
/// let plan = fftconvolve(&signal, &kernel).mode(Mode::Same).plan::<f64>(Budget::new(1 << 20))?;
/// let mut scratch = Array1::zeros(plan.scratch_shape());
/// let mut found = Array1::zeros(plan.output_shape());
/// plan.run(&signal, &kernel, &mut scratch, &mut found, Control::new())?;
/// let expected = array![1.0, 2.5, 4.0];
/// assert!((found - expected).iter().all(|x: &f64| x.abs() < 1e-15));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn fftconvolve<'a, D: Dimension>(
    source: &'a impl Stored<D>,
    kernel: &'a impl Stored<D>,
) -> Convolve<'a, D> {
    Convolve { name: "fftconvolve", source, kernel, mode: Mode::Full, mirrored: false }
}

/// Correlates an array with a kernel: `y[n] = Σ_m x[n + m] conj(h[m])`, along all axes; as
/// `scipy.signal.correlate(.., method="fft")`, which is the convolution with the conjugate of the kernel in
/// reverse order. Everything else is as for [`fftconvolve`].
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, Mode, fftcorrelate};
///
/// // Where is the pattern?
/// let (signal, pattern) = (array![0.0, 1.0, 3.0, 2.0, 0.0], array![1.0, 3.0]);
/// let plan = fftcorrelate(&signal, &pattern).mode(Mode::Valid).plan::<f64>(Budget::new(1 << 20))?;
/// let mut scratch = Array1::zeros(plan.scratch_shape());
/// let mut found = Array1::zeros(plan.output_shape());
/// plan.run(&signal, &pattern, &mut scratch, &mut found, Control::new())?;
/// let expected = array![3.0, 10.0, 9.0, 2.0];
/// assert!((found - expected).iter().all(|x: &f64| x.abs() < 1e-14));
/// # Ok::<(), outcore_ops::Error>(())
/// ```
pub fn fftcorrelate<'a, D: Dimension>(
    source: &'a impl Stored<D>,
    kernel: &'a impl Stored<D>,
) -> Convolve<'a, D> {
    Convolve { name: "fftcorrelate", source, kernel, mode: Mode::Full, mirrored: true }
}

/// Which part of a convolution is wanted, along each axis of which the source has `n` indices and the kernel
/// `k`; as in SciPy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All of it: `n + k - 1` indices.
    #[default]
    Full,
    /// As much as the source has, from the middle: `n` indices.
    Same,
    /// What does not see the padding: `|n - k| + 1` indices. One of both must be at least as long as the
    /// other along all axes.
    Valid,
}

impl Mode {
    /// The first index of the whole convolution that is wanted, and how many.
    fn wanted(self, n: usize, k: usize) -> (usize, usize) {
        match self {
            Self::Full => (0, n + k - 1),
            Self::Same => ((k - 1) / 2, n),
            Self::Valid => (n.min(k) - 1, n.abs_diff(k) + 1),
        }
    }

    /// The length that both are padded to: what is wanted must be free of what comes round again.
    fn padded(self, n: usize, k: usize) -> usize {
        let (first, len) = self.wanted(n, k);
        let all = n + k - 1;
        next_fast_len((first + len).max(all - first).max(n).max(k))
    }
}

/// A convolution to be planned; see [`fftconvolve`] and [`fftcorrelate`].
#[derive(Clone)]
pub struct Convolve<'a, D> {
    name: &'static str,
    source: &'a dyn Stored<D>,
    kernel: &'a dyn Stored<D>,
    mode: Mode,
    mirrored: bool,
}

impl<D: Dimension> fmt::Debug for Convolve<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, kernel) = (self.source.layout(), self.kernel.layout());
        write!(f, "{} of {source:?} with {kernel:?}, {:?}", self.name, self.mode)
    }
}

/// The shapes of a convolution.
#[derive(Clone, Debug)]
struct Shapes<D> {
    source: D,
    kernel: D,
    padded: D,
    output: D,
    /// The first index of the whole convolution that is in the output.
    origin: D,
}

impl<D: Dimension> Shapes<D> {
    fn lens(&self) -> overlap::Lens {
        let [source, kernel, padded] =
            [&self.source, &self.kernel, &self.padded].map(|shape| shape.slice().to_vec());
        let wanted = self.origin.slice().iter().zip(self.output.slice());
        let wanted = wanted.map(|(&first, &len)| first..first + len).collect();
        overlap::Lens { source, kernel, padded, wanted }
    }
}

impl<D: Dimension> Convolve<'_, D> {
    /// Which part is wanted.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    fn shapes(&self) -> Result<Shapes<D>> {
        let (source, kernel) = (self.source.shape(), self.kernel.shape());
        let (lens, others) = (source.slice(), kernel.slice());
        let refused = |reason: &str| {
            let name = self.name;
            Err(Error::Shape(format!("{name} of {lens:?} with a kernel of {others:?}: {reason}")))
        };
        if lens.len() != others.len() {
            return refused("both must have as many axes");
        }
        if let Some(axis) = (0..lens.len()).find(|&axis| lens[axis] * others[axis] == 0) {
            return refused(&format!("axis {axis} has length 0"));
        }
        let longer = |one: &[usize], other: &[usize]| one.iter().zip(other).all(|(n, k)| n >= k);
        if self.mode == Mode::Valid && !longer(lens, others) && !longer(others, lens) {
            return refused("neither is as long as the other along all axes, as mode valid needs");
        }
        let [mut padded, mut output, mut origin] = [(); 3].map(|()| source.clone());
        for axis in 0..lens.len() {
            let (n, k) = (source[axis], kernel[axis]);
            (origin[axis], output[axis]) = self.mode.wanted(n, k);
            padded[axis] = self.mode.padded(n, k);
        }
        Ok(Shapes { source, kernel, padded, output, origin })
    }

    /// Decides on the passes.
    ///
    /// # Errors
    ///
    /// If source and kernel do not have as many axes, one of them is empty, mode valid does not suit them,
    /// or the smallest tiles, with what the transforms need besides, exceed the budget; the error names the
    /// smallest budget that would do.
    pub fn plan<A: Signal>(&self, resources: impl Into<Resources>) -> Result<ConvolvePlan<A, D>>
    where
        Complex<A::Real>: Element,
    {
        let (resources, shapes) = (resources.into(), self.shapes()?);
        match overlap::block(&shapes.lens()) {
            Some(block) => self.plan_overlapped(resources, shapes, &block),
            None => self.plan_padded(resources, shapes),
        }
    }

    /// Of a kernel that is small against the source.
    fn plan_overlapped<A: Signal>(
        &self,
        resources: Resources,
        shapes: Shapes<D>,
        block: &[usize],
    ) -> Result<ConvolvePlan<A, D>>
    where
        Complex<A::Real>: Element,
    {
        let mirrored = if self.mirrored { Some(Mirrored::new(self.kernel)?) } else { None };
        let kernel: &dyn Stored<D> = mirrored.as_ref().map_or(self.kernel, |kernel| kernel);
        let mut of_block = shapes.padded.clone();
        of_block.slice_mut().copy_from_slice(block);
        let kernel = Resized::new(kernel, of_block.clone())?;
        let all: Vec<usize> = (0..block.len()).collect();
        let axes = Axes::new(self.name, &Resized::new(self.source, of_block.clone())?, &all, None)?;
        let sink = Layout::new(shapes.output.clone(), Order::C, size_of::<A>(), 0);
        let sink = sink.ok_or_else(|| too_large(self.name, shapes.output.slice()))?;
        let (of_source, of_kernel) =
            (axes.places(&self.source.layout()), axes.places(&kernel.layout()));
        let (source, kernel) =
            (Grouped::new(self.source, &of_source), Grouped::new(&kernel, &of_kernel));
        let (used, block_layout) = (Used::whole(&axes), layout(&axes, size_of::<A>(), 0));
        let sizes = Sizes {
            kernel: Some(&kernel),
            ..Sizes::new::<A>(&axes, &source, &used, &block_layout, resources)
        };
        let places: Vec<usize> =
            (0..axes.lens().len()).filter_map(|place| axes.axis(place)).collect();
        let lens = axes.lens().to_vec();
        let blocks = overlap::Blocks::new(&shapes.lens(), &places, &lens, sizes.spectrum_of(&lens));
        let limit = usable(resources);
        let blocks = blocks.batched(limit, &|batch| sizes.overlap_cost(batch, (0, 0), 1));
        let cost = |read, written, slots| sizes.overlap_cost(blocks.batch, (read, written), slots);
        let operation = self.operation::<A>(&shapes);
        let element = size_of::<A>();
        let tiles = blocks.tiles(element, &source, limit, &cost);
        let tiles = tiles.ok_or_else(|| refuse(&operation, blocks.least(&cost), resources))?;
        let main = blocks.plan(&tiles, element, &source);
        let window = Window::whole(dim(&lens));
        let bytes_read = window_read_bytes(&kernel, &window, Order::C, element);
        let of_kernel = PassPlan {
            name: "kernel".to_owned(),
            tiles: 1,
            tile: lens.clone(),
            slots: 1,
            tile_bytes: window.len() as u64 * element as u64,
            run_bytes_read: bytes_read,
            run_bytes_written: 0,
            bytes_read,
            bytes_written: 0,
            memory: main.memory,
        };
        let plan = Plan {
            operation,
            resources,
            output_bytes: sink.bytes(),
            scratch_bytes: 0,
            kept_bytes: 0,
            passes: vec![of_kernel, main],
        };
        let kernel = Tiling::new(dim(&lens), dim(&lens), Order::C);
        let (scratch, mirrored) = (D::zeros(block.len()), self.mirrored);
        let engine = Engine::new(axes, used, resources.threads.get());
        let way = Overlapped { block: of_block, blocks, tiles, kernel };
        let way = Way::Overlapped(Box::new(way));
        Ok(ConvolvePlan { plan, shapes, scratch, engine, way, mirrored })
    }

    /// Of any kernel, with source and kernel padded to one shape.
    fn plan_padded<A: Signal>(
        &self,
        resources: Resources,
        shapes: Shapes<D>,
    ) -> Result<ConvolvePlan<A, D>>
    where
        Complex<A::Real>: Element,
    {
        let mirrored = if self.mirrored { Some(Mirrored::new(self.kernel)?) } else { None };
        let kernel: &dyn Stored<D> = mirrored.as_ref().map_or(self.kernel, |kernel| kernel);
        let source = Resized::new(self.source, shapes.padded.clone())?;
        let kernel = Resized::new(kernel, shapes.padded.clone())?;
        let all: Vec<usize> = (0..shapes.padded.ndim()).collect();
        let axes = Axes::new(self.name, &source, &all, None)?;
        let used = used(&axes, &shapes);
        let lens: Vec<usize> = used.output.iter().map(ExactSizeIterator::len).collect();
        let sink = Layout::new(dim(&lens), Order::C, size_of::<A>(), 0);
        let sink = sink.ok_or_else(|| too_large(self.name, shapes.output.slice()))?;
        let (of_source, of_kernel) = (axes.places(&source.layout()), axes.places(&kernel.layout()));
        let places = Grouped::new(&source, &of_source);
        let sizes = Sizes {
            kernel: Some(&Grouped::new(&kernel, &of_kernel)),
            ..Sizes::new::<A>(&axes, &places, &used, &sink, resources)
        };
        let operation = self.operation::<A>(&shapes);
        let passes = sizes.passes(&operation)?;
        let (plans, kept_bytes) = match &passes {
            Passes::Whole(tiles) => (sizes.whole_plans(tiles), 0),
            Passes::Blocks { blocks, split } => {
                let groups = |layout| axes.thirds(&layout, *split);
                let sets = (groups(source.layout()), groups(kernel.layout()));
                let source = Grouped::new(&source, &sets.0);
                let kernel = Grouped::new(&kernel, &sets.1);
                let plans = sizes.block_plans(blocks, *split, &source, Some(&kernel));
                (plans, sizes.kept_bytes(blocks))
            }
        };
        let scratch = match passes {
            Passes::Whole(_) => D::zeros(all.len()),
            Passes::Blocks { .. } => scratch_shape::<A, D>(&axes, &shapes),
        };
        let is_needed = matches!(passes, Passes::Blocks { .. });
        let elements = if is_needed { scratch.size() as u64 } else { 0 };
        let plan = Plan {
            operation,
            resources,
            output_bytes: sink.bytes(),
            scratch_bytes: elements * sizes.spectrum,
            kept_bytes,
            passes: plans,
        };
        let mirrored = self.mirrored;
        let engine = Engine::new(axes, used, resources.threads.get());
        let way = Way::Padded(passes);
        Ok(ConvolvePlan { plan, shapes, scratch, engine, way, mirrored })
    }

    fn operation<A: Signal>(&self, shapes: &Shapes<D>) -> String {
        let (source, kernel) = (shapes.source.slice(), shapes.kernel.slice());
        let (name, mode) = (self.name, format!("{:?}", self.mode).to_lowercase());
        format!("{name} of {source:?} with {kernel:?} as {}, {mode}", A::DTYPE)
    }
}

fn too_large(name: &str, shape: &[usize]) -> Error {
    Error::Shape(format!("{name} makes an array of shape {shape:?}, which is too large"))
}

/// What is used of each place. All axes are transformed, so each place is one of them.
fn used<D: Dimension>(axes: &Axes, shapes: &Shapes<D>) -> Used {
    let of = |range: &dyn Fn(usize) -> Range<usize>| {
        let places = 0..axes.lens().len();
        places.filter_map(|place| axes.axis(place)).map(range).collect()
    };
    Used {
        source: of(&|axis| 0..shapes.source[axis]),
        kernel: of(&|axis| 0..shapes.kernel[axis]),
        output: of(&|axis| shapes.origin[axis]..shapes.origin[axis] + shapes.output[axis]),
    }
}

/// The spectrum of the padded source, and below it as many slices as the kernel has.
fn scratch_shape<A: Signal, D: Dimension>(axes: &Axes, shapes: &Shapes<D>) -> D {
    let mut scratch = shapes.padded.clone();
    if let Some(axis) = half::<A>(axes).and_then(|place| axes.axis(place)) {
        scratch[axis] = spectrum_len::<A>(scratch[axis]);
    }
    if let Some(axis) = axes.axis(axes.first()) {
        scratch[axis] += shapes.kernel[axis];
    }
    scratch
}

/// A convolution that has been planned; runs on any number of arrays of its shapes.
pub struct ConvolvePlan<A: Signal, D> {
    plan: Plan,
    shapes: Shapes<D>,
    scratch: D,
    engine: Engine<A>,
    way: Way<D>,
    mirrored: bool,
}

/// How a convolution is done.
enum Way<D> {
    /// As a whole, padded.
    Padded(Passes),
    /// Block by block.
    Overlapped(Box<Overlapped<D>>),
}

/// A convolution block by block.
struct Overlapped<D> {
    /// The shape of a block, with the axes of the arrays.
    block: D,
    blocks: overlap::Blocks,
    tiles: overlap::Tiles,
    /// The one tile of the kernel.
    kernel: Tiling<IxDyn>,
}

/// A source, a kernel, and a sink.
type Operands<'a, A, D> = (&'a dyn Source<A, D>, &'a dyn Source<A, D>, &'a dyn WriteShared<A, D>);

impl<A: Signal, D> fmt::Debug for ConvolvePlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConvolvePlan").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<A: Signal, D> fmt::Display for ConvolvePlan<A, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<A: Signal, D: Dimension> ConvolvePlan<A, D>
where
    Complex<A::Real>: Element,
{
    /// The passes and their cost.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The shape of the output.
    pub fn output_shape(&self) -> D {
        self.shapes.output.clone()
    }

    /// The shape of the scratch array; zeros where none is needed.
    pub fn scratch_shape(&self) -> D {
        self.scratch.clone()
    }

    /// Convolves a source with a kernel into a sink. What lies between the passes goes to a scratch array of
    /// the plan's [`scratch_shape`](Self::scratch_shape); where that is of zeros, it is not touched.
    ///
    /// # Errors
    ///
    /// If a shape differs from the plan's, reading or writing fails, or the caller cancels. Source and kernel
    /// are unharmed; the sink's contents are then unspecified. With a journal a later run goes on with them
    /// and with the scratch array; one that was killed among the columns reads the source once more.
    pub fn run<R, K, V, S>(
        &self,
        source: &R,
        kernel: &K,
        scratch: &mut V,
        sink: &mut S,
        control: Control<'_>,
    ) -> Result<Report>
    where
        R: Source<A, D>,
        K: Source<A, D>,
        V: Source<Complex<A::Real>, D> + Sink<Complex<A::Real>, D>,
        S: Sink<A, D>,
    {
        let Shapes { source: of_source, kernel: of_kernel, output, .. } = &self.shapes;
        check_shape(source.shape().slice(), of_source.slice())?;
        check_shape(kernel.shape().slice(), of_kernel.slice())?;
        check_shape(sink.shape().slice(), output.slice())?;
        let kernel: &dyn Source<A, D> = kernel;
        let mirrored = if self.mirrored { Some(Mirrored::new(kernel)?) } else { None };
        let kernel = mirrored.as_ref().map_or(kernel, |kernel| kernel);
        let (source, sink): (&dyn Source<A, D>, _) = (source, Shared::new(sink));
        match &self.way {
            Way::Overlapped(way) => self.run_overlapped(way, (source, kernel, &sink), control),
            Way::Padded(Passes::Whole(tiles)) => {
                self.run_whole(tiles, (source, kernel, &sink), control)
            }
            Way::Padded(Passes::Blocks { blocks, split }) => {
                check_shape(scratch.shape().slice(), self.scratch.slice())?;
                let groups = |layout: Layout<D>| self.engine.axes.thirds(&layout, *split);
                let padded = |source| Resized::new(source, self.shapes.padded.clone());
                let (source, kernel, sink) =
                    (padded(source)?, padded(kernel)?, self.cropped(&sink));
                let scratch = Shared::new(scratch);
                let sets = (
                    groups(source.layout()),
                    groups(kernel.layout()),
                    groups(Stored::<D>::layout(&scratch)),
                    groups(sink.layout()),
                );
                let arrays = Arrays {
                    source: &Grouped::new(&source, &sets.0),
                    kernel: Some(&Grouped::new(&kernel, &sets.1)),
                    between: &Grouped::new(&scratch, &sets.2),
                    sink: &Grouped::new(&sink, &sets.3),
                    home: Home::Scratch,
                };
                let (first, last): (&dyn WriteShared<_, _>, &dyn WriteShared<_, _>) =
                    (&scratch, &sink);
                let mut run = Run::new(&self.plan, control.over([&first, &last]))?;
                self.engine.multiply_blocks(&mut run, (blocks, *split), &arrays, None)?;
                Ok(run.finish())
            }
        }
    }

    fn run_whole(
        &self,
        tiles: &crate::fft::tiles::Tiles,
        (source, kernel, sink): Operands<'_, A, D>,
        control: Control<'_>,
    ) -> Result<Report> {
        let places = |layout: Layout<D>| self.engine.axes.places(&layout);
        let padded = |source| Resized::new(source, self.shapes.padded.clone());
        let (source, kernel, sink) = (padded(source)?, padded(kernel)?, self.cropped(sink));
        let sets = (places(source.layout()), places(kernel.layout()), places(sink.layout()));
        let (source, kernel) = (Grouped::new(&source, &sets.0), Grouped::new(&kernel, &sets.1));
        let sink = Grouped::new(&sink, &sets.2);
        let mut run = Run::new(&self.plan, control)?;
        let spectrum = Mutex::new(None);
        self.engine.keep_spectrum(&mut run, &tiles.tiling, &kernel, &spectrum)?;
        let spectrum = spectrum.into_inner().unwrap_or_else(PoisonError::into_inner);
        let spectrum = spectrum.as_deref().unwrap_or_default();
        let factor = |elements: &mut [_], _: &_, _: &_| multiply(elements, spectrum);
        let taken = Some(self.shapes.output.size());
        self.engine.multiply_tiles(&mut run, tiles, (&source, &sink), taken, &factor)?;
        Ok(run.finish())
    }

    fn run_overlapped(
        &self,
        Overlapped { block, blocks, tiles, kernel: tiling }: &Overlapped<D>,
        (source, kernel, sink): Operands<'_, A, D>,
        control: Control<'_>,
    ) -> Result<Report> {
        let (engine, kernel) = (&self.engine, Resized::new(kernel, block.clone())?);
        let places = |layout: Layout<D>| engine.axes.places(&layout);
        let sets = (places(source.layout()), places(kernel.layout()), places(sink.layout()));
        let (source, kernel) = (Grouped::new(source, &sets.0), Grouped::new(&kernel, &sets.1));
        let sink = Grouped::new(sink, &sets.2);
        let mut run = Run::new(&self.plan, control)?;
        let spectrum = Mutex::new(None);
        engine.keep_spectrum(&mut run, tiling, &kernel, &spectrum)?;
        let spectrum = spectrum.into_inner().unwrap_or_else(PoisonError::into_inner);
        let spectrum = spectrum.as_deref().unwrap_or_default();
        let batch = [&[blocks.batch], &blocks.spectrum[..]].concat();
        let transforms = engine.transforms(0..blocks.block.len(), |place| place + 1, &batch);
        let halves = engine.halves_of(&batch, engine.half.map(|place| place + 1));
        let arrays = (&source as &dyn Source<_, _>, &sink as &dyn WriteShared<_, _>);
        let (kernel, work) = (spectrum, (transforms, halves));
        run.pass(&overlap::Overlapped::new(blocks, tiles, arrays, kernel, work))?;
        Ok(run.finish())
    }

    /// The sink as a part of the padded array.
    fn cropped<'a>(&self, sink: &'a dyn WriteShared<A, D>) -> Cropped<'a, A, D> {
        Cropped::new(sink, self.shapes.padded.clone(), self.shapes.origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_free_of_what_comes_round_again() {
        for (n, k) in (1..40).flat_map(|n| (1..40).map(move |k| (n, k))) {
            for mode in [Mode::Full, Mode::Same, Mode::Valid] {
                let (first, len) = mode.wanted(n, k);
                let (padded, all) = (mode.padded(n, k), n + k - 1);
                assert!(len > 0 && first + len <= all && n.max(k) <= padded);
                // Index i of the whole convolution comes round at i - padded.
                assert!((padded..all).all(|i| i - padded < first) && first + len <= padded);
            }
        }
    }
}
