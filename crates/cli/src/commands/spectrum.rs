//! `outcore spectrum`: the power spectrum of a file of any size, and its mean over rings.

use ndarray::{Array2, Axis, Dimension, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    Control, RadialSpectrum, Resources, Signal, ThumbnailPlan, ToComplex, power_spectrum,
    radial_spectrum, thumbnail,
};
use outcore_storage::{Element, FileArray, FileInfo, Layout, Options, Order, Sink, Source, Window};
use std::path::{Path, PathBuf};

use crate::args::{OutputArgs, RawArgs, ResourceArgs, check_picture, resolved};
use crate::element::{open_signal, with_signal};
use crate::job::{Job, JobArgs, Outcome, work};
use crate::picture::{Line, Panel, limits, pixels, write_png};

/// Write the power spectrum of an array of any size: the squares of its transform's magnitudes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// Write the mean over rings of frequencies instead: two rows, frequencies and power
    #[arg(long)]
    radial: bool,
    /// Draw the spectrum, with frequency 0 in the middle, or the rings as a line
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
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
    check_picture(args.png.as_deref(), &args.input)?;
    if let Some(png) = &args.png
        && resolved(png) == resolved(&args.output.output)
    {
        let png = png.display();
        return Err(format!("{png}: is the output; a picture must be another file").into());
    }
    with_signal!(&[&info], A => {
        let source = open_signal::<A>(&args.raw, &info)?;
        if args.radial { radial::<A>(args, &info, &*source) } else { whole::<A>(args, &info, &*source) }
    })
}

fn whole<A>(args: &Args, info: &FileInfo, source: &dyn Source<A, IxDyn>) -> Outcome<()>
where
    A: Signal + ToComplex<Real = <A as Signal>::Real>,
    <A as Signal>::Real: Element + Into<f64>,
    Complex<<A as Signal>::Real>: Element,
{
    let job = Job::new("spectrum", &args.job);
    let resources = args.resources.resources_to(&args.output);
    let named = |error| format!("{}: {error}", info.path.display());
    let spectrum = power_spectrum(&source).plan::<A>(resources).map_err(named)?;
    let (plan, layout) = (spectrum.plan(), source.layout());
    // A budget that is too small for the picture is refused before the spectrum is made.
    let picture = match &args.png {
        Some(png) => Some((png, plan_picture(info, layout.order(), resources)?)),
        None => None,
    };
    if !job.announce(plan)? {
        return Ok(());
    }
    let work = work(plan, &args.radial, &[info]);
    let output = job.begin::<<A as Signal>::Real, IxDyn>(&args.output, &layout, work)?;
    // Where there is one pass, no scratch is needed.
    let empty = IxDyn(&vec![0; layout.shape().ndim()]);
    let shape = if plan.scratch_bytes > 0 { layout.shape().clone() } else { empty };
    let mut scratch = output.output().scratch(shape, &Options::new().order(layout.order()))?;
    let report = job.write(plan, output, |output, control| {
        spectrum.run(&source, &mut scratch, output, control)
    })?;
    job.finish(plan, &report)?;
    if let Some((png, picture)) = picture {
        let file: FileArray<<A as Signal>::Real, Ix2> = FileArray::open(&args.output.output)?;
        let (power, _) = picture.run(&file, Into::into, Control::new())?;
        draw(png, info, &power).map_err(|error| format!("{}: {error}", png.display()))?;
    }
    Ok(())
}

/// Cells of a picture at most.
const MOST: usize = 640;

/// The number of cells along an axis: even, so that frequency 0 begins in the middle.
fn cells(len: usize) -> usize {
    if len < 2 { len } else { len.min(MOST) / 2 * 2 }
}

/// The plan for a picture of the spectrum, which is not there yet.
fn plan_picture<T: Element>(
    info: &FileInfo,
    order: Order,
    resources: Resources,
) -> Outcome<ThumbnailPlan<T>> {
    let (path, shape) = (info.path.display(), &info.shape);
    let &[rows, columns] = &shape[..] else {
        let reason = "a picture has 2 axes; --radial draws any number of them";
        return Err(format!("{path}: has shape {shape:?}; {reason}").into());
    };
    let layout = Layout::new(Ix2(rows, columns), order, size_of::<T>(), 0);
    let layout = layout.ok_or("the output is too large")?;
    let picture = thumbnail(&layout, (cells(rows), cells(columns))).plan(resources);
    Ok(picture.map_err(|error| format!("{path}: {error}"))?)
}

fn draw(png: &Path, info: &FileInfo, power: &Array2<f64>) -> Outcome<()> {
    let values = centred(power).mapv(f64::log10);
    let name = info.path.file_name().unwrap_or_default().to_string_lossy();
    let (shape, dtype) = (&info.shape, info.dtype);
    let panel = Panel {
        title: format!("Power spectrum of {name}"),
        limits: limits(&values, 0.001),
        pixels: pixels(values.dim(), None),
        values,
        bar_label: "log10 of power".to_owned(),
        x_range: -0.5..0.5,
        x_label: "frequency along axis 1 (cycles per sample)".to_owned(),
        y_range: -0.5..0.5,
        y_label: "frequency along axis 0".to_owned(),
    };
    let caption = format!("{shape:?} {dtype}; each cell of the picture is a mean of power");
    Ok(write_png(png, &[panel], &caption)?)
}

/// Frequency 0 in the middle.
fn centred(power: &Array2<f64>) -> Array2<f64> {
    let (rows, columns) = power.dim();
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        power[[(row + rows - rows / 2) % rows, (column + columns - columns / 2) % columns]]
    })
}

fn radial<A: Signal>(args: &Args, info: &FileInfo, source: &dyn Source<A, IxDyn>) -> Outcome<()>
where
    Complex<A::Real>: Element,
{
    let job = Job::new("spectrum", &args.job);
    let named = |error| format!("{}: {error}", info.path.display());
    let request = radial_spectrum(&source);
    let rings = request.plan::<A>(args.resources.resources_to(&args.output)).map_err(named)?;
    let plan = rings.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let layout = Layout::new(Ix2(2, rings.rings()), Order::C, size_of::<f64>(), 0);
    let work = work(plan, &args.radial, &[info]);
    let output =
        job.begin::<f64, Ix2>(&args.output, &layout.ok_or("the output is too large")?, work)?;
    let options = Options::new().order(source.layout().order());
    let mut scratch = output.output().scratch(rings.scratch_shape(), &options)?;
    let (found, report) = job.write(plan, output, |output, control| {
        let (found, report) = rings.run(&source, &mut scratch, control)?;
        let rows = as_rows(&found);
        output.write_tile(&Window::whole(rows.raw_dim()), rows.view())?;
        Ok((found, report))
    })?;
    job.finish(plan, &report)?;
    if let Some(png) = &args.png {
        draw_rings(png, info, &found).map_err(|error| format!("{}: {error}", png.display()))?;
    }
    Ok(())
}

/// Frequencies, and below them power.
fn as_rows(found: &RadialSpectrum) -> Array2<f64> {
    let mut rows = Array2::zeros((2, found.power.len()));
    for (row, numbers) in [&found.frequencies, &found.power].into_iter().enumerate() {
        let mut row = rows.index_axis_mut(Axis(0), row);
        row.iter_mut().zip(numbers).for_each(|(to, &number)| *to = number);
    }
    rows
}

fn draw_rings(png: &Path, info: &FileInfo, found: &RadialSpectrum) -> Outcome<()> {
    let name = info.path.file_name().unwrap_or_default().to_string_lossy();
    let power = found.power.iter().map(|power| power.log10());
    let (shape, dtype, rings) = (&info.shape, info.dtype, found.power.len());
    let picture = Line {
        title: format!("Power spectrum of {name}"),
        points: found.frequencies.iter().copied().zip(power).collect(),
        x_label: "distance from frequency 0 (cycles per sample)".to_owned(),
        y_label: "log10 of mean power".to_owned(),
        caption: format!("{shape:?} {dtype}, mean over {rings} rings"),
    };
    Ok(picture.write_png(png)?)
}
