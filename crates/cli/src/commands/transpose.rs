//! `outcore transpose`: the axes of an array in another order.

use ndarray::IxDyn;
use outcore_ops::{lazy, store};
use outcore_storage::{Element, FileArray, FileInfo, Order, Source};
use std::path::PathBuf;

use crate::args::{OutputArgs, RawArgs, ResourceArgs};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, work};

/// Put the axes of an array of any size into another order
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// Which axis of the input each axis of the output is [default: all reversed]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    axes: Option<Vec<usize>>,
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
    with_element!(info.dtype,
        real T => transpose::<T>(args, &info),
        complex T => transpose::<T>(args, &info)
    )
}

fn transpose<T: Element>(args: &Args, info: &FileInfo) -> Outcome<()> {
    let file: FileArray<T, IxDyn> = args.raw.open(info)?;
    let path = info.path.display();
    let axes = args.axes.clone().unwrap_or_else(|| (0..info.shape.len()).rev().collect());
    let source = lazy(&file).permuted_axes(&axes).map_err(|error| format!("{path}: {error}"))?;
    let source: &dyn Source<T, IxDyn> = &source;
    let job = Job::new("transpose", &args.job);
    // In the order of the input: a copy of the file with another header would be none.
    let order = if info.shape.len() > 1 { info.order } else { Order::C };
    let copy = store(&source).named("transpose").order(order);
    let copy = copy.plan::<T>(args.resources.resources_to(&args.output));
    let copy = copy.map_err(|error| format!("{path}: {error}"))?;
    let plan = copy.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let layout = outcore_storage::Layout::new(source.shape(), order, size_of::<T>(), 0);
    let layout = layout.expect("as large as the input");
    let output = job.begin::<T, IxDyn>(&args.output, &layout, work(plan, &axes, &[info]))?;
    let report = job.write(plan, output, |output, control| copy.run(&source, output, control))?;
    job.finish(plan, &report)
}
