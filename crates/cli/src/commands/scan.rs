//! `outcore scan`: sums, products, least and greatest elements so far, along an axis.

use clap::ValueEnum;
use ndarray::IxDyn;
use outcore_ops::{CumExtremum, CumProd, CumSum, Number, Scanner, scan};
use outcore_storage::{FileArray, FileInfo, Source};
use std::path::PathBuf;

use crate::args::{OutputArgs, RawArgs, ResourceArgs, axis_of};
use crate::element::{with_element, with_total};
use crate::job::{Job, JobArgs, Outcome, work};

/// Add up, multiply or compare all elements so far, along an axis
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What elements become
    #[arg(value_name = "OP", value_enum)]
    operation: Operation,
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// Along this axis; -1 is the last
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    axis: isize,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Operation {
    Cumsum,
    Cumprod,
    Cummin,
    Cummax,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    args.output.check(&args.input)?;
    let axis = axis_of(&info, args.axis)?;
    match args.operation {
        Operation::Cumsum => {
            with_total!(args.raw, &info, |source| along(args, &info, axis, source, CumSum))
        }
        Operation::Cumprod => {
            with_total!(args.raw, &info, |source| along(args, &info, axis, source, CumProd))
        }
        Operation::Cummin => extrema(args, &info, axis, CumExtremum::min()),
        Operation::Cummax => extrema(args, &info, axis, CumExtremum::max()),
    }
}

/// Of any type that is not computed with.
fn extrema(args: &Args, info: &FileInfo, axis: usize, scanner: CumExtremum) -> Outcome<()> {
    with_element!(info.dtype,
        real T => {
            let file: FileArray<T, IxDyn> = args.raw.open(info)?;
            along::<T, _>(args, info, axis, &file, scanner)
        },
        complex T => {
            let file: FileArray<T, IxDyn> = args.raw.open(info)?;
            along::<T, _>(args, info, axis, &file, scanner)
        }
    )
}

fn along<T: Number, S: Scanner<T>>(
    args: &Args,
    info: &FileInfo,
    axis: usize,
    source: &dyn Source<T, IxDyn>,
    scanner: S,
) -> Outcome<()> {
    let job = Job::new("scan", &args.job);
    let scan = scan(&source, axis, scanner).plan::<T>(args.resources.resources_to(&args.output));
    let scan = scan.map_err(|error| format!("{}: {error}", info.path.display()))?;
    let plan = scan.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let work = work(plan, &args.operation, &[info]);
    let output = job.begin::<S::Out, IxDyn>(&args.output, &source.layout(), work)?;
    let report = job.write(plan, output, |output, control| scan.run(&source, output, control))?;
    job.finish(plan, &report)
}
