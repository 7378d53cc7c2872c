//! `outcore fft`: Fourier transforms of a file of any size, along any axes, of real or complex numbers.

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_ops::{Plan, Real, ToComplex, fftn, ifftn, irfftn, lazy, rfftn};
use outcore_storage::{DType, Element, FileArray, FileInfo, Layout, Options, Rolled, Source, Work};
use std::path::PathBuf;

use crate::args::{NormArg, OutputArgs, RawArgs, ResourceArgs, axis_of};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, Writing, work};

/// Transform an array of any size along any axes, within a memory budget
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype; real or complex
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// The axes to transform; negative ones are counted from the last [default: all]
    #[arg(long, value_name = "N,N", value_delimiter = ',', allow_hyphen_values = true)]
    axes: Option<Vec<isize>>,
    /// Transform from frequency to space
    #[arg(long)]
    inverse: bool,
    /// Transform real numbers to half of their spectrum, as rfftn; with --inverse, back to real numbers
    #[arg(long)]
    real: bool,
    /// The length of each of the axes in space: more is cut off, less is continued with zeros
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    n: Option<Vec<usize>>,
    /// Which direction is scaled by 1/N, or both by its root
    #[arg(long, value_enum, default_value = "backward")]
    norm: NormArg,
    /// Frequency 0 is in the middle of the spectrum; not along the halved axis of --real
    #[arg(long)]
    shift: bool,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    args.output.check(&args.input)?;
    let transform = Transform::new(args, &info)?;
    if args.real && !args.inverse {
        return of_reals(&transform);
    }
    with_element!(info.dtype,
        real T => {
            let file: FileArray<T, IxDyn> = args.raw.open(&info)?;
            transform.of_complex(&lazy(&file).map(T::to_complex))
        },
        complex T => {
            let file: FileArray<T, IxDyn> = args.raw.open(&info)?;
            transform.of_complex(&file)
        }
    )
}

fn of_reals(transform: &Transform<'_>) -> Outcome<()> {
    let Transform { args, info, .. } = transform;
    match info.dtype {
        // What need not be converted is read straight into tiles.
        DType::F32 => transform.to_half::<f32>(&args.raw.open::<f32, IxDyn>(info)?),
        DType::F64 => transform.to_half::<f64>(&args.raw.open::<f64, IxDyn>(info)?),
        dtype => with_element!(dtype,
            real T => {
                let file: FileArray<T, IxDyn> = args.raw.open(info)?;
                transform.to_half(&lazy(&file).map(|x: T| x.to_complex().re))
            },
            complex T => {
                let (path, dtype) = (info.path.display(), T::DTYPE);
                Err(format!("{path}: holds {dtype}; --real transforms real numbers").into())
            }
        ),
    }
}

/// What is to be done with which file.
struct Transform<'a> {
    args: &'a Args,
    info: &'a FileInfo,
    axes: Vec<usize>,
}

impl<'a> Transform<'a> {
    fn new(args: &'a Args, info: &'a FileInfo) -> Outcome<Self> {
        let all: Vec<isize> = (0..info.shape.len().cast_signed()).collect();
        let axes = args.axes.as_ref().unwrap_or(&all).iter().map(|&axis| axis_of(info, axis));
        let axes = axes.collect::<Outcome<Vec<usize>>>()?;
        if let Some(lens) = args.n.as_ref().filter(|lens| lens.len() != axes.len()) {
            let path = info.path.display();
            return Err(format!("{path}: --n {lens:?} does not fit the axes {axes:?}").into());
        }
        Ok(Self { args, info, axes })
    }

    /// The shape with the lengths that --n asks for; along the last axis with that of half a spectrum, if
    /// it is read from one.
    fn resized(&self, half: bool) -> IxDyn {
        let mut shape = self.info.shape.clone();
        for (&axis, &len) in self.axes.iter().zip(self.args.n.iter().flatten()) {
            shape[axis] = len;
        }
        if let (true, Some(&last), Some(_)) = (half, self.axes.last(), &self.args.n) {
            shape[last] = shape[last] / 2 + 1;
        }
        IxDyn(&shape)
    }

    /// The axes of a spectrum along which frequency 0 may be in the middle.
    fn shifted(&self) -> &[usize] {
        match &self.axes[..] {
            [others @ .., _] if self.args.real => others,
            all => all,
        }
    }

    /// A source as it is to be transformed: unshifted, of the lengths that were asked for.
    fn with_source<T: Element, R>(
        &self,
        source: &dyn Source<T, IxDyn>,
        then: impl FnOnce(&dyn Source<T, IxDyn>) -> Outcome<R>,
    ) -> Outcome<R> {
        let shape = self.resized(self.args.real && self.args.inverse);
        let unshifted;
        let source = if self.args.shift && self.args.inverse {
            unshifted = lazy(source).ifftshift(self.shifted())?;
            &unshifted
        } else {
            source
        };
        if shape == source.shape() {
            return then(source);
        }
        then(&lazy(source).resize(shape)?)
    }

    /// From complex numbers, to complex or to real ones.
    fn of_complex<T>(&self, source: &dyn Source<Complex<T>, IxDyn>) -> Outcome<()>
    where
        T: Real + Element,
        Complex<T>: Element,
    {
        self.with_source(source, |source| {
            if self.args.real { self.to_reals(source) } else { self.whole(source) }
        })
    }

    fn whole<T>(&self, source: &dyn Source<Complex<T>, IxDyn>) -> Outcome<()>
    where
        T: Real + Element,
        Complex<T>: Element,
    {
        let Self { args, axes, .. } = self;
        let job = Job::new("fft", &args.job);
        let request = if args.inverse { ifftn(&source, axes) } else { fftn(&source, axes) };
        let transform = request.norm(args.norm.into()).plan::<T>(self.resources());
        let transform = transform.map_err(|error| self.refused(&error))?;
        let plan = transform.plan();
        if !job.announce(plan)? {
            return Ok(());
        }
        let layout = source.layout();
        let output = job.begin::<Complex<T>, IxDyn>(&args.output, &layout, self.work(plan))?;
        let through = if plan.scratch_bytes > 0 { layout } else { none(&layout) };
        let mut scratch = scratch::<Complex<T>, _>(&output, &through)?;
        let report = job.write(plan, output, |output, control| {
            let mut output = Rolled::ifftshift(output, self.moved())?;
            transform.run_with_scratch(&source, &mut scratch, &mut output, control)
        })?;
        job.finish(plan, &report)
    }

    /// From real numbers to half of their spectrum.
    fn to_half<T>(&self, source: &dyn Source<T, IxDyn>) -> Outcome<()>
    where
        T: Real + Element,
        Complex<T>: Element,
    {
        self.with_source(source, |source| {
            let Self { args, axes, .. } = self;
            let job = Job::new("fft", &args.job);
            let request = rfftn(&source, axes).norm(args.norm.into());
            let transform = request.plan::<T>(self.resources());
            let transform = transform.map_err(|error| self.refused(&error))?;
            let plan = transform.plan();
            if !job.announce(plan)? {
                return Ok(());
            }
            let layout = self.layout::<Complex<T>>(transform.shape(), &source.layout())?;
            let output = job.begin::<Complex<T>, IxDyn>(&args.output, &layout, self.work(plan))?;
            let through =
                self.layout::<Complex<T>>(transform.scratch_shape().slice(), &source.layout())?;
            let mut scratch = scratch::<Complex<T>, _>(&output, &through)?;
            let report = job.write(plan, output, |output, control| {
                let mut output = Rolled::ifftshift(output, self.moved())?;
                transform.run_through(&source, &mut scratch, &mut output, control)
            })?;
            job.finish(plan, &report)
        })
    }

    /// From half of a spectrum to real numbers.
    fn to_reals<T>(&self, source: &dyn Source<Complex<T>, IxDyn>) -> Outcome<()>
    where
        T: Real + Element,
        Complex<T>: Element,
    {
        let Self { args, axes, .. } = self;
        let job = Job::new("fft", &args.job);
        let shape = source.shape();
        let last = axes.last().map_or(0, |&axis| shape[axis]);
        let len = args.n.as_ref().and_then(|lens| lens.last().copied());
        let len = len.unwrap_or_else(|| 2 * last.saturating_sub(1));
        let request = irfftn(&source, axes, len).norm(args.norm.into());
        let transform = request.plan::<T>(self.resources());
        let transform = transform.map_err(|error| self.refused(&error))?;
        let plan = transform.plan();
        if !job.announce(plan)? {
            return Ok(());
        }
        let layout = self.layout::<T>(transform.shape(), &source.layout())?;
        let output = job.begin::<T, IxDyn>(&args.output, &layout, self.work(plan))?;
        let through = if plan.scratch_bytes > 0 { source.layout() } else { none(&source.layout()) };
        let mut scratch = scratch::<Complex<T>, _>(&output, &through)?;
        let report = job.write(plan, output, |output, control| {
            transform.run_through(&source, &mut scratch, output, control)
        })?;
        job.finish(plan, &report)
    }

    /// The axes along which the output is shifted.
    fn moved(&self) -> &[usize] {
        if self.args.shift && !self.args.inverse { self.shifted() } else { &[] }
    }

    fn layout<T: Element>(&self, shape: &[usize], of: &Layout<IxDyn>) -> Outcome<Layout<IxDyn>> {
        let layout = Layout::new(IxDyn(shape), of.order(), size_of::<T>(), 0);
        let path = self.info.path.display();
        Ok(layout.ok_or_else(|| format!("{path}: a result of shape {shape:?} is too large"))?)
    }

    fn resources(&self) -> outcore_ops::Resources {
        self.args.resources.resources_to(&self.args.output)
    }

    fn refused(&self, error: &outcore_ops::Error) -> String {
        format!("{}: {error}", self.info.path.display())
    }

    /// What the result depends on.
    fn work(&self, plan: &Plan) -> Work {
        let Args { inverse, real, norm, shift, n, .. } = self.args;
        work(plan, &(&self.axes, inverse, real, norm, shift, n), &[self.info])
    }
}

/// An array beside an output, for what is between the passes.
fn scratch<T: Element, B: Element>(
    output: &Writing<B, IxDyn>,
    layout: &Layout<IxDyn>,
) -> outcore_storage::Result<outcore_storage::FileArrayMut<T, IxDyn>> {
    let options = Options::new().order(layout.order());
    output.output().scratch(layout.shape().clone(), &options)
}

/// The layout of an array without elements.
fn none(like: &Layout<IxDyn>) -> Layout<IxDyn> {
    let shape = IxDyn(&vec![0; like.shape().ndim()]);
    Layout::new(shape, like.order(), like.element_bytes(), 0).expect("no elements")
}
