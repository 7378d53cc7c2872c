//! `outcore view`: an array, or a slice of one, as a picture.

use ndarray::{Array2, Dimension, Ix1, Ix2, IxDyn};
use num_complex::Complex;
use outcore_ops::{Cast, lazy, thumbnail};
use outcore_storage::{DType, FileArray, FileInfo, Source, Stored};
use serde_json::json;
use std::path::PathBuf;

use crate::args::{RawArgs, ResourceArgs, check_picture};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, json_number};
use crate::picture::{Panel, Screen, pixels, usual_limits, write_png};
use crate::slice::{Along, Selection, Slices};

/// Show an array of any size, or a slice of one, as a picture
///
/// Each cell of the picture is the mean of the elements that fall into it, of complex numbers the mean of
/// their absolute values, from one reading pass. Cells that hold a NaN are grey. Without --png the
/// picture is printed: on a terminal in 24-bit colours, unless `NO_COLOR` is set, elsewhere in plain
/// characters from dark to bright, with `?` for NaN.
///
/// Colours span the range of all cells, unless the lowest and the highest hundredth of them stretch it
/// to more than twice that of the others: then these have the colours of the ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Draw the picture with axes and a colour bar into a file, and print none
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Show the decimal logarithm of the mean absolute value of each cell; zeros are grey
    #[arg(long)]
    log10: bool,
    /// Indices and slices as in NumPy, such as 3,:,10:500:2 or -1,... that leave one axis or two
    #[arg(long, value_name = "SLICES", default_value = "...", allow_hyphen_values = true)]
    slice: Slices,
    /// Pixels or characters across the array, axes not counted [default: up to 720, or what fits]
    #[arg(long, value_name = "N", value_parser = width)]
    width: Option<usize>,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|width| (16..=10_000).contains(width));
    width.ok_or_else(|| "a width is from 16 to 10000".to_owned())
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    check_picture(args.png.as_deref(), &args.input)?;
    let part = args.slice.of(&info)?;
    // Elements are `f64` from here on, so that the rest is compiled once.
    with_element!(info.dtype,
        real T => {
            let file: FileArray<T, IxDyn> = args.raw.open(&info)?;
            cut(args, &info, &part, &lazy(&file).cast::<f64, T, IxDyn>())
        },
        complex T => {
            let file: FileArray<T, IxDyn> = args.raw.open(&info)?;
            let size = |x: T| Cast::<Complex<f64>>::wrapping(x).norm();
            cut(args, &info, &part, &lazy(&file).map(size))
        }
    )
}

/// Shows the slice as a matrix; a single axis is a row.
fn cut(
    args: &Args,
    info: &FileInfo,
    part: &Selection,
    source: &dyn Source<f64, IxDyn>,
) -> Outcome<()> {
    let (path, shape) = (info.path.display(), &info.shape);
    if part.is_empty() {
        let slices = &args.slice;
        let what = format!("{path}: has shape {shape:?}, of which --slice {slices}");
        return Err(format!("{what} leaves no element to show").into());
    }
    let (kept, dropped) = (part.kept(), part.dropped());
    let sliced = lazy(source).slice(&part.slices())?;
    let sliced: &dyn Source<f64, IxDyn> = if args.slice.is_whole() { source } else { &sliced };
    match kept.len() {
        1 => {
            let row = lazy(sliced).squeeze::<IxDyn, Ix1>(&dropped)?;
            let len = Stored::<Ix1>::shape(&row)[0];
            show(args, info, part, &row.broadcast((1, len))?)
        }
        2 => show(args, info, part, &lazy(sliced).squeeze::<IxDyn, Ix2>(&dropped)?),
        left => Err(format!(
            "{path}: has shape {shape:?}, of which --slice {} leaves {left} axes; a picture has 1 or 2",
            args.slice
        )
        .into()),
    }
}

fn show(
    args: &Args,
    info: &FileInfo,
    part: &Selection,
    source: &dyn Source<f64, Ix2>,
) -> Outcome<()> {
    let job = Job::new("view", &args.job);
    let (screen, shape) = (Screen::of_stdout(), source.shape().into_pattern());
    let pixels = match args.png {
        Some(_) => pixels(shape, args.width),
        None => screen.pixels(shape, args.width),
    };
    let picture = thumbnail(&source, pixels).named("view").plan::<f64>(args.resources.resources());
    let picture = picture.map_err(|error| format!("{}: {error}", info.path.display()))?;
    if !job.announce(picture.plan())? {
        return Ok(());
    }
    let element = |x: f64| if args.log10 { x.abs() } else { x };
    let (means, report) =
        job.run(picture.plan(), |control| picture.run(&source, element, control))?;
    let panel = panel(args, info, part, means, pixels);
    let text = if let Some(png) = &args.png {
        let caption = caption(shape, panel.values.dim());
        write_png(png, std::slice::from_ref(&panel), &caption)
            .map_err(|error| format!("{}: {error}", png.display()))?;
        String::new()
    } else {
        screen.text(&panel)
    };
    let limits = [panel.limits.start, panel.limits.end].map(|limit| json_number(&limit));
    let result = json!({ "shape": panel.values.shape(), "limits": limits });
    job.finish_with(picture.plan(), &report, result, &text)
}

fn panel(
    args: &Args,
    info: &FileInfo,
    part: &Selection,
    mut values: Array2<f64>,
    pixels: (usize, usize),
) -> Panel {
    if args.log10 {
        values.mapv_inplace(|mean| if mean == 0.0 { f64::NAN } else { mean.log10() });
    }
    let (name, shape, dtype) = (info.path.file_name(), &info.shape, info.dtype);
    let name = name.unwrap_or_default().to_string_lossy();
    let is_complex = matches!(dtype, DType::ComplexF32 | DType::ComplexF64);
    let bar_label = match (args.log10, is_complex) {
        (true, _) => "log10 of |x|",
        (false, true) => "|x|",
        (false, false) => "value",
    };
    let kept = part.kept();
    let labelled = |along: &Along| (along.edges(), format!("axis {}", along.axis));
    let mut axes = kept.iter().rev().map(labelled);
    // The second axis of a row has neither ticks nor name.
    let mut next = || axes.next().unwrap_or_default();
    let ((x_range, x_label), (y_range, y_label)) = (next(), next());
    let slice = if args.slice.is_whole() { String::new() } else { format!("[{}]", args.slice) };
    let title = format!("{name}{slice} of {shape:?} {dtype}");
    let (limits, bar_label) = (usual_limits(&values), bar_label.to_owned());
    Panel { title, values, pixels, limits, bar_label, x_range, x_label, y_range, y_label }
}

fn caption(shape: (usize, usize), cells: (usize, usize)) -> String {
    let (rows, columns) = (shape.0.div_ceil(cells.0), shape.1.div_ceil(cells.1));
    if rows * columns == 1 {
        return "Each cell is an element.".to_owned();
    }
    let up_to = if (rows * cells.0, columns * cells.1) == shape { "" } else { "up to " };
    format!("Each cell is the mean of {up_to}{rows} x {columns} elements.")
}
