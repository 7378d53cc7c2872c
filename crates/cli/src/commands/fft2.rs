//! `outcore fft2`: the two-dimensional Fourier transform of a file of any size.

use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use num_complex::Complex;
use outcore_ops::{Direction, Real, SinkExt, TileFft2, ToComplex, fft2, ifft2, lazy, map_tiles};
use outcore_storage::{DType, Element, FileArray, FileInfo, Options, Source};
use std::path::PathBuf;

use crate::args::{NormArg, OutputArgs, RawArgs, ResourceArgs};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, work};

/// Transform a 2-D array of any size, within a memory budget
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype; 2-D, real or complex
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// Transform from frequency to space
    #[arg(long)]
    inverse: bool,
    /// Which direction is scaled by 1/N, or both by its root
    #[arg(long, value_enum, default_value = "backward")]
    norm: NormArg,
    /// Transform each tile of R x C elements by itself
    #[arg(long, value_name = "R,C", value_parser = tile_shape)]
    tile: Option<Ix2>,
    /// Write the real part only
    #[arg(long)]
    real: bool,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

fn tile_shape(text: &str) -> Result<Ix2, String> {
    let lengths: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match lengths.as_deref() {
        Some(&[rows, columns]) if rows > 0 && columns > 0 => Ok(Ix2(rows, columns)),
        _ => Err("a tile is two lengths greater than zero, such as 1024,1024".to_owned()),
    }
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    let path = info.path.display();
    if info.shape.len() != 2 {
        let (shape, axes) = (&info.shape, info.shape.len());
        return Err(format!("{path}: has shape {shape:?} with {axes} axes; fft2 needs 2").into());
    }
    args.output.check(&args.input)?;
    match (info.dtype, args.tile) {
        // What need not be converted is read straight into tiles.
        (DType::F32, Some(tile)) => {
            real_tiles(args, &info, &args.raw.open::<f32, Ix2>(&info)?, tile)
        }
        (DType::F64, Some(tile)) => {
            real_tiles(args, &info, &args.raw.open::<f64, Ix2>(&info)?, tile)
        }
        (dtype, tile) => with_element!(dtype,
            real T => {
                let file: FileArray<T, Ix2> = args.raw.open(&info)?;
                match tile {
                    Some(tile) => {
                        let reals = lazy(&file).map(|x: T| x.to_complex().re);
                        real_tiles(args, &info, &reals, tile)
                    }
                    None => transform(args, &info, &lazy(&file).map(T::to_complex)),
                }
            },
            complex T => transform(args, &info, &args.raw.open::<T, Ix2>(&info)?)
        ),
    }
}

/// A source whose own type is forgotten: what follows is compiled twice, for `f32` and `f64`, and
/// not once for each type of element.
type AnySource<'a, T> = &'a dyn Source<T, Ix2>;

/// Transforms a source of complex numbers, to complex or to real numbers.
fn transform<T>(args: &Args, info: &FileInfo, source: AnySource<'_, Complex<T>>) -> Outcome<()>
where
    T: Real + Element,
    Complex<T>: Element,
{
    match args.tile {
        Some(tile) if args.real => {
            each_tile(args, info, source, tile, |fft, tile, out: ArrayViewMut2<'_, T>| {
                fft.apply(tile, out, |x| x, |x| x.re);
            })
        }
        Some(tile) => {
            each_tile(args, info, source, tile, |fft, tile, out: ArrayViewMut2<'_, Complex<T>>| {
                fft.apply(tile, out, |x| x, |x| x);
            })
        }
        None => whole(args, info, source),
    }
}

/// Transforms each tile of a source of real numbers, which takes half the memory and time of complex
/// ones.
fn real_tiles<T>(args: &Args, info: &FileInfo, source: AnySource<'_, T>, tile: Ix2) -> Outcome<()>
where
    T: Real + Element,
    Complex<T>: Element,
{
    if args.real {
        each_tile(args, info, source, tile, |fft, tile, out: ArrayViewMut2<'_, T>| {
            fft.apply_real(tile, out, |x| x, |x| x.re);
        })
    } else {
        each_tile(args, info, source, tile, |fft, tile, out: ArrayViewMut2<'_, Complex<T>>| {
            fft.apply_real(tile, out, |x| x, |x| x);
        })
    }
}

fn whole<T>(args: &Args, info: &FileInfo, source: AnySource<'_, Complex<T>>) -> Outcome<()>
where
    T: Real + Element,
    Complex<T>: Element,
{
    let job = Job::new("fft2", &args.job);
    let request = if args.inverse { ifft2(&source) } else { fft2(&source) };
    let request = request.norm(args.norm.into());
    let request = if args.real { request.real_part() } else { request };
    let transform = request.plan::<T>(args.resources.resources_to(&args.output));
    let transform = transform.map_err(|error| format!("{}: {error}", info.path.display()))?;
    let plan = transform.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let layout = source.layout();
    let work = work(plan, &details(args), &[info]);
    // Where there is one pass, or the output serves, no scratch is needed.
    let shape = if plan.scratch_bytes > 0 { *layout.shape() } else { Ix2(0, 0) };
    let options = Options::new().order(layout.order());
    let report = if args.real {
        let output = job.begin::<T, Ix2>(&args.output, &layout, work)?;
        let mut scratch = output.output().scratch(shape, &options)?;
        job.write(plan, output, |output, control| {
            let mut sink = output.map_sink(|x: Complex<T>| x.re);
            transform.run_through(&source, &mut scratch, &mut sink, control)
        })?
    } else {
        let output = job.begin::<Complex<T>, Ix2>(&args.output, &layout, work)?;
        let mut scratch = output.output().scratch(shape, &options)?;
        job.write(plan, output, |output, control| {
            transform.run_with_scratch(&source, &mut scratch, output, control)
        })?
    };
    job.finish(plan, &report)
}

/// What the result depends on, besides the input and the plan.
fn details(args: &Args) -> impl std::fmt::Debug {
    (args.inverse, args.norm, args.real, args.tile)
}

fn each_tile<A, T, B>(
    args: &Args,
    info: &FileInfo,
    source: AnySource<'_, A>,
    tile: Ix2,
    kernel: impl Fn(&TileFft2<T>, ArrayView2<'_, A>, ArrayViewMut2<'_, B>) + Sync,
) -> Outcome<()>
where
    A: Element,
    T: Real,
    Complex<T>: Element,
    B: Element,
{
    let job = Job::new("fft2", &args.job);
    let direction = if args.inverse { Direction::Inverse } else { Direction::Forward };
    let resources = args.resources.resources_to(&args.output);
    let shape = source.shape();
    let fft = TileFft2::<T>::new(shape, tile, direction, args.norm.into(), resources);
    let request = map_tiles(&source, tile).kernel_bytes(fft.bytes()).named("fft2 per tile");
    let tiles = request.plan::<A, B>(resources);
    let tiles = tiles.map_err(|error| format!("{}: {error}", info.path.display()))?;
    if !job.announce(tiles.plan())? {
        return Ok(());
    }
    let work = work(tiles.plan(), &details(args), &[info]);
    let output = job.begin::<B, Ix2>(&args.output, &source.layout(), work)?;
    let report = job.write(tiles.plan(), output, |output, control| {
        tiles.run(&source, output, |_, tile, out| kernel(&fft, tile, out), control)
    })?;
    job.finish(tiles.plan(), &report)
}
