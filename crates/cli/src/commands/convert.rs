//! `outcore convert`: another type, order, byte order or format.

use ndarray::IxDyn;
use outcore_ops::{AnySource, Expression, store};
use outcore_storage::{ByteOrder, DType, Element, FileArray, FileInfo, Order, Output, Source};
use std::path::PathBuf;

use crate::args::{CastArg, OutputArgs, ResourceArgs, SourceArgs};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, work};

/// Copy an array of any size with another type, order, byte order or format
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --from-dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// Element type of the output, such as f4 or int16 [default: that of the input]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<DType>,
    /// Order of the output: C (rows are contiguous) or F (columns are) [default: that of the input]
    #[arg(long, value_name = "C|F")]
    order: Option<Order>,
    /// Byte order of the output: little, big or native
    #[arg(long, value_name = "ORDER", default_value = "native")]
    byte_order: ByteOrder,
    /// Write the elements alone, without a header
    #[arg(long)]
    raw: bool,
    /// Whether fractions that an integer cannot hold are errors, or whatever comes of them
    #[arg(long, value_enum, default_value = "checked")]
    cast: CastArg,
    #[command(flatten)]
    from: SourceArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let raw = args.from.raw();
    let info = raw.describe(&args.input)?;
    args.output.check(&args.input)?;
    with_element!(info.dtype,
        real T => {
            let file: FileArray<T, IxDyn> = raw.open(&info)?;
            convert::<T>(args, &info, &file)
        },
        complex T => {
            let file: FileArray<T, IxDyn> = raw.open(&info)?;
            convert::<T>(args, &info, &file)
        }
    )
}

fn convert<T: Element>(args: &Args, info: &FileInfo, source: &dyn Source<T, IxDyn>) -> Outcome<()>
where
    for<'a> AnySource<'a>: From<&'a dyn Source<T, IxDyn>>,
{
    match args.dtype {
        Some(dtype) if dtype != info.dtype => cast(args, info, AnySource::from(source), dtype),
        _ => copy::<T>(args, info, source),
    }
}

fn cast(args: &Args, info: &FileInfo, source: AnySource<'_>, dtype: DType) -> Outcome<()> {
    let itself = Expression::parse("x")?;
    let inputs = [("x", source)];
    let named = |error| format!("{}: {error}", info.path.display());
    let converted = itself.bind(&inputs)?.astype(dtype, args.cast.into()).map_err(named)?;
    with_element!(dtype,
        real T => copy::<T>(args, info, &converted),
        complex T => copy::<T>(args, info, &converted)
    )
}

fn copy<T: Element>(args: &Args, info: &FileInfo, source: &dyn Source<T, IxDyn>) -> Outcome<()> {
    let job = Job::new("convert", &args.job);
    let order = args.order.unwrap_or(info.order);
    let copy = store(&source).named("convert").order(order);
    let named = |error: outcore_ops::Error| format!("{}: {error}", info.path.display());
    let copy = copy.plan::<T>(args.resources.resources_to(&args.output)).map_err(named)?;
    let plan = copy.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let details = (T::DTYPE, order, args.byte_order, args.raw, args.cast);
    let output = job.begin_with(&args.output, work(plan, &details, &[info]), |options| {
        let options = options.order(order).byte_order(args.byte_order);
        let path = &args.output.output;
        if args.raw {
            Output::<T, IxDyn>::raw(path, source.shape(), &options)
        } else {
            Output::with_options(path, source.shape(), &options)
        }
    })?;
    let report = job.write(plan, output, |output, control| copy.run(&source, output, control))?;
    job.finish(plan, &report)
}
