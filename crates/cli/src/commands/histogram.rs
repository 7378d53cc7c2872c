//! `outcore histogram`: how many elements of an array lie between which numbers.

use half::f16;
use ndarray::IxDyn;
use outcore_ops::{Histogram, Ordered, histogram};
use outcore_storage::{DType, FileArray, FileInfo, Source};
use serde_json::json;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use crate::args::{RawArgs, ResourceArgs, check_picture};
use crate::blocks::bars;
use crate::element::with_wide;
use crate::job::{Job, JobArgs, Outcome, json_number};
use crate::picture::Bars;

/// Count the elements of an array of any size between evenly spaced edges
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype; real numbers
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Number of bins
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = bins)]
    bins: usize,
    /// Lowest and highest edge [default: the least and the greatest element, in a pass of its own]
    #[arg(long, value_name = "LO,HI", value_parser = range, allow_hyphen_values = true)]
    range: Option<(f64, f64)>,
    /// Draw the bars as a picture
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

fn bins(text: &str) -> Result<usize, String> {
    let bins = text.parse().ok().filter(|&bins| bins > 0);
    bins.ok_or_else(|| "a number of bins is 1 or more".to_owned())
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let ends = text
        .split_once(',')
        .and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
    ends.filter(|(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low <= high)
        .ok_or_else(|| "a range is two numbers in order, such as 0,255".to_owned())
}

/// Characters of the longest bar.
const BAR_LEN: usize = 40;

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    check_picture(args.png.as_deref(), &args.input)?;
    if info.dtype == DType::F16 {
        // Bins have edges of the type of the elements.
        let file: FileArray<f16, IxDyn> = args.raw.open(&info)?;
        return count::<f16>(args, &info, &file);
    }
    let (path, dtype) = (info.path.display(), info.dtype);
    let complex = format!("{path}: holds {dtype}; complex numbers have no order and so no bins");
    with_wide!(args.raw, &info, Err(complex.into()), |source, T, narrow| {
        let _: fn(_) -> T = narrow;
        count(args, &info, source)
    })
}

fn count<T: Ordered>(args: &Args, info: &FileInfo, source: &dyn Source<T, IxDyn>) -> Outcome<()>
where
    T::Float: Debug + Into<f64>,
{
    let job = Job::new("histogram", &args.job);
    let named = |error| format!("{}: {error}", info.path.display());
    let mut request = histogram(&source, args.bins)?;
    if let Some((low, high)) = args.range {
        request = request.range(low, high)?;
    }
    let counting = request.plan::<T>(args.resources.resources()).map_err(named)?;
    if !job.announce(counting.plan())? {
        return Ok(());
    }
    let (found, report) = job.run(counting.plan(), |control| counting.run(&source, control))?;
    let edges: Vec<_> = found.edges.iter().map(json_number).collect();
    let result = json!({ "edges": edges, "counts": found.counts });
    job.finish_with(counting.plan(), &report, result, &text(&found))?;
    if let Some(png) = &args.png {
        draw(png, info, &found).map_err(|error| format!("{}: {error}", png.display()))?;
    }
    Ok(())
}

/// A line for each bin: its edges, its count, its bar.
pub(super) fn text<F: Debug>(found: &Histogram<F>) -> String {
    let edges: Vec<_> = found.edges.iter().map(|edge| format!("{edge:?}")).collect();
    let width = edges.iter().map(String::len).max().unwrap_or(0);
    let last = found.counts.len().saturating_sub(1);
    let label = |(bin, pair): (usize, &[String])| {
        let end = if bin == last { ']' } else { ')' };
        format!("[{:>width$}, {:>width$}{end}", pair[0], pair[1])
    };
    let labels: Vec<_> = edges.windows(2).enumerate().map(label).collect();
    bars(&labels, &found.counts, BAR_LEN).join("\n")
}

fn draw<F: Copy + Into<f64>>(png: &Path, info: &FileInfo, found: &Histogram<F>) -> Outcome<()> {
    let bins = found.counts.len();
    let (low, high) = (found.edges[0].into(), found.edges[bins].into());
    let name = info.path.file_name().unwrap_or_default().to_string_lossy();
    let counted: u64 = found.counts.iter().sum();
    let all: usize = info.shape.iter().product();
    let (shape, dtype) = (&info.shape, info.dtype);
    let picture = Bars {
        title: name.into_owned(),
        counts: found.counts.clone(),
        range: low..high,
        label: "value".to_owned(),
        caption: format!("{counted} of {all} elements of {shape:?} {dtype} in {bins} bins"),
    };
    Ok(picture.write_png(png)?)
}
