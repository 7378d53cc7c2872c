//! `outcore reduce`: all elements, or those along some axes, become one.

use clap::ValueEnum;
use ndarray::{ArrayD, IxDyn};
use outcore_ops::{
    ArgExtremum, CountNonzero, Extremum, Mean, NormOf, Number, PeakToPeak, Product, Reducer,
    SkipNan, Sum, Truth, Variance, reduce,
};
use outcore_storage::{FileArray, FileInfo, Layout, Source};
use std::path::PathBuf;

use crate::args::{OptionalOutput, RawArgs, ResourceArgs, axis_of};
use crate::element::{with_element, with_total};
use crate::job::{Job, JobArgs, Outcome, work};
use crate::value;

/// Reduce an array of any size to one number, or along some axes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is computed
    #[arg(value_name = "OP", value_enum)]
    operation: Operation,
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Along this axis, or these; -1 is the last [default: all]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    axis: Vec<isize>,
    /// Leave axes of length 1 where the reduced ones were
    #[arg(long)]
    keepdims: bool,
    /// What var and std take from the number of elements
    #[arg(long, value_name = "N", default_value_t = 0)]
    ddof: u64,
    /// Leave out elements that are NaN
    #[arg(long)]
    skip_nan: bool,
    #[command(flatten)]
    output: OptionalOutput,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Operation {
    Sum,
    Prod,
    Min,
    Max,
    Mean,
    Var,
    Std,
    Any,
    All,
    CountNonzero,
    Argmin,
    Argmax,
    Norm,
    Ptp,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    if let Some(output) = args.output.args() {
        output.check(&args.input)?;
    }
    match args.operation {
        Operation::Min | Operation::Max | Operation::Ptp => with_element!(info.dtype,
            real T => native::<T>(args, &info, &args.raw.open(&info)?),
            complex T => native::<T>(args, &info, &args.raw.open(&info)?)
        ),
        _ => with_total!(args.raw, &info, |source| wide(args, &info, source)),
    }
}

/// Of any type, which the result has too.
fn native<T: Number>(args: &Args, info: &FileInfo, file: &FileArray<T, IxDyn>) -> Outcome<()> {
    match args.operation {
        Operation::Min => go::<T, _>(args, info, file, Extremum::min()),
        Operation::Max => go::<T, _>(args, info, file, Extremum::max()),
        _ => go::<T, _>(args, info, file, PeakToPeak),
    }
}

/// Of a type in which numbers are added.
fn wide<T: Number>(args: &Args, info: &FileInfo, source: &dyn Source<T, IxDyn>) -> Outcome<()> {
    match args.operation {
        Operation::Sum => go(args, info, source, Sum),
        Operation::Prod => go(args, info, source, Product),
        Operation::Mean => go(args, info, source, Mean),
        Operation::Var => go(args, info, source, Variance::new(args.ddof)),
        Operation::Std => go(args, info, source, Variance::new(args.ddof).root()),
        Operation::Any => go(args, info, source, Truth::any()),
        Operation::All => go(args, info, source, Truth::all()),
        Operation::CountNonzero => go(args, info, source, CountNonzero),
        Operation::Argmin => go(args, info, source, ArgExtremum::min()),
        Operation::Argmax => go(args, info, source, ArgExtremum::max()),
        Operation::Norm => go(args, info, source, NormOf),
        Operation::Min | Operation::Max | Operation::Ptp => unreachable!("of the file's own type"),
    }
}

fn go<T, R>(args: &Args, info: &FileInfo, source: &dyn Source<T, IxDyn>, reducer: R) -> Outcome<()>
where
    T: Number,
    R: Reducer<T>,
{
    let job = Job::new("reduce", &args.job);
    let mut request = reduce(&source, SkipNan::new(reducer).only_if(args.skip_nan));
    if !args.axis.is_empty() {
        let axes: Outcome<Vec<_>> = args.axis.iter().map(|&axis| axis_of(info, axis)).collect();
        request = request.axes(&axes?);
    }
    if args.keepdims {
        request = request.keep_dims();
    }
    let path = info.path.display();
    let named = |error: outcore_ops::Error| format!("{path}: {error}");
    let output = args.output.args();
    let resources = args.resources.resources_to(output.as_ref());
    let reduction = request.plan::<T>(resources).map_err(named)?;
    let (plan, shape) = (reduction.plan(), reduction.shape());
    let is_value = shape.iter().product::<usize>() == 1;
    if !is_value && output.is_none() {
        return Err(
            format!("{path}: the result has shape {shape:?}; --output says where to").into()
        );
    }
    if !job.announce(plan)? {
        return Ok(());
    }
    let Some(output) = output else {
        let mut result = ArrayD::from_elem(IxDyn(shape), R::Out::default());
        let report = job.run(plan, |control| reduction.run(&source, &mut result, control))?;
        let (text, json) = value::told(*result.first().expect("one element"));
        return job.finish_with(plan, &report, json, &text);
    };
    let layout = Layout::new(IxDyn(shape), source.layout().order(), size_of::<R::Out>(), 0);
    let work = work(plan, &(args.keepdims, args.ddof, args.skip_nan), &[info]);
    let layout = layout.expect("no larger than the input");
    let output = job.begin::<R::Out, IxDyn>(&output, &layout, work)?;
    let report =
        job.write(plan, output, |output, control| reduction.run(&source, output, control))?;
    job.finish(plan, &report)
}
