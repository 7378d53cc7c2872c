//! `outcore transpose`: the axes of an array in another order.

use ndarray::IxDyn;
use outcore_ops::{lazy, store, transpose_in_place};
use outcore_storage::{Element, FileArray, FileArrayMut, FileInfo, Order, Source};
use std::path::PathBuf;

use crate::args::{BeginArgs, OutputArgs, RawArgs, ResourceArgs};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, work};

/// Put the axes of an array of any size into another order
///
/// A square of two axes can be transposed in its own file with --in-place, without the disk for
/// another. Do not interrupt that: a file that is cut short halfway is lost.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// File to be written, as .npy
    #[arg(value_name = "OUTPUT", required_unless_present = "in_place")]
    output: Option<PathBuf>,
    #[command(flatten)]
    begin: BeginArgs,
    /// Transpose a square of two axes in its own file, which is lost if this is interrupted
    #[arg(long, conflicts_with_all = ["output", "axes", "force", "resume", "no_journal", "wait"])]
    in_place: bool,
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
    let Some(output) = args.output.clone() else {
        return with_element!(info.dtype,
            real T => in_place::<T>(args, &info),
            complex T => in_place::<T>(args, &info)
        );
    };
    let output = OutputArgs { output, begin: args.begin };
    output.check(&args.input)?;
    with_element!(info.dtype,
        real T => transpose::<T>(args, &output, &info),
        complex T => transpose::<T>(args, &output, &info)
    )
}

fn in_place<T: Element>(args: &Args, info: &FileInfo) -> Outcome<()> {
    let path = info.path.display();
    let job = Job::new("transpose", &args.job);
    let planned = {
        let file: FileArray<T, IxDyn> = args.raw.open(info)?;
        transpose_in_place(&file).plan::<T>(args.resources.resources())
    };
    let planned = planned.map_err(|error| format!("{path}: {error}"))?;
    let plan = planned.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let mut file: FileArrayMut<T, IxDyn> = args.raw.open_mut(info)?;
    let report = job.run_to_its_end(plan, |control| planned.run(&mut file, control))?;
    file.close()?;
    job.finish(plan, &report)
}

fn transpose<T: Element>(args: &Args, output: &OutputArgs, info: &FileInfo) -> Outcome<()> {
    let file: FileArray<T, IxDyn> = args.raw.open(info)?;
    let path = info.path.display();
    let axes = args.axes.clone().unwrap_or_else(|| (0..info.shape.len()).rev().collect());
    let source = lazy(&file).permuted_axes(&axes).map_err(|error| format!("{path}: {error}"))?;
    let source: &dyn Source<T, IxDyn> = &source;
    let job = Job::new("transpose", &args.job);
    // In the order of the input: a copy of the file with another header would be none.
    let order = if info.shape.len() > 1 { info.order } else { Order::C };
    let copy = store(&source).named("transpose").order(order);
    let copy = copy.plan::<T>(args.resources.resources_to(output));
    let copy = copy.map_err(|error| format!("{path}: {error}"))?;
    let plan = copy.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let layout = outcore_storage::Layout::new(source.shape(), order, size_of::<T>(), 0);
    let layout = layout.expect("as large as the input");
    let output = job.begin::<T, IxDyn>(output, &layout, work(plan, &axes, &[info]))?;
    let report = job.write(plan, output, |output, control| copy.run(&source, output, control))?;
    job.finish(plan, &report)
}
