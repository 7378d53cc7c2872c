//! `outcore stats`: what an array holds, in numbers.

use ndarray::IxDyn;
use outcore_ops::{Ordered, Stats, stats};
use outcore_storage::{FileInfo, Source};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::path::PathBuf;

use super::histogram::text;
use crate::args::{RawArgs, ResourceArgs};
use crate::element::with_wide;
use crate::job::{Job, JobArgs, Outcome, json_number};
use crate::value::plain;

/// Tell what an array of any size holds: counts, extremes, mean, moments, a small histogram
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype; real numbers
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    let (path, dtype) = (info.path.display(), info.dtype);
    let complex = format!("{path}: holds {dtype}; complex numbers have neither order nor moments");
    with_wide!(args.raw, &info, Err(complex.into()), |source, T, narrow| {
        tell(args, &info, source, &|extreme| {
            let extreme: T = narrow(extreme);
            json_number(&extreme)
        })
    })
}

fn tell<T: Ordered>(
    args: &Args,
    info: &FileInfo,
    source: &dyn Source<T, IxDyn>,
    extreme: &dyn Fn(T) -> Value,
) -> Outcome<()> {
    let job = Job::new("stats", &args.job);
    let leaves = stats(&source).plan::<T>(args.resources.resources());
    let leaves = leaves.map_err(|error| format!("{}: {error}", info.path.display()))?;
    if !job.announce(leaves.plan())? {
        return Ok(());
    }
    let (found, report) = job.run(leaves.plan(), |control| leaves.run(&source, control))?;
    let rows = rows(&found, extreme);
    let mut result: serde_json::Map<_, _> =
        rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (edges, counts) = (&found.histogram.edges, &found.histogram.counts);
    let edges: Vec<_> = edges.iter().map(json_number).collect();
    result.insert("histogram".to_owned(), json!({ "edges": edges, "counts": counts }));
    let line = |(name, value): &(&str, Value)| format!("{name:10}  {}", plain(value));
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.push(text(&found.histogram));
    job.finish_with(leaves.plan(), &report, result.into(), lines.join("\n").trim_end())
}

fn rows<T: Ordered>(found: &Stats<T>, extreme: &dyn Fn(T) -> Value) -> [(&'static str, Value); 11] {
    let number = |number: &dyn Debug| json_number(&number);
    let end = |end: Option<T>| end.map_or(Value::Null, extreme);
    let sum = found.whole_sum.map_or_else(|| number(&found.sum), |sum| number(&sum));
    [
        ("count", json!(found.count)),
        ("nan", json!(found.nan)),
        ("infinite", json!(found.infinite)),
        ("zeros", json!(found.zeros)),
        ("min", end(found.min)),
        ("max", end(found.max)),
        ("sum", sum),
        ("mean", number(&found.mean)),
        ("std", number(&found.std)),
        ("skewness", number(&found.skewness)),
        ("kurtosis", number(&found.kurtosis)),
    ]
}
