//! `outcore quantile`: the numbers below which given parts of an array lie.

use half::f16;
use ndarray::{ArrayD, Dimension, IxDyn};
use outcore_ops::{Between, Control, Method, Ordered, SinkExt, lazy, quantile};
use outcore_storage::{DType, Element, FileArray, FileInfo, Layout, Sink, Source};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::path::PathBuf;

use crate::args::{OptionalOutput, RawArgs, ResourceArgs, axis_of};
use crate::element::with_wide;
use crate::job::{Job, JobArgs, Outcome, json_number, work};
use crate::value::plain;

/// Find quantiles of an array of any size, or along an axis; 0.5 is the median
#[derive(Debug, clap::Args)]
#[command(mut_arg("output", |output| output.requires("axis")))]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype; real numbers
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Quantiles, from 0 (the least element) to 1 (the greatest)
    #[arg(value_name = "Q", required = true, value_parser = part)]
    quantiles: Vec<f64>,
    /// Of each lane along this axis, not of the whole array; -1 is the last axis
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    axis: Option<isize>,
    /// Between two elements take: linear, lower, higher, nearest or midpoint
    #[arg(long, value_name = "METHOD", default_value = "linear")]
    method: Method,
    #[command(flatten)]
    output: OptionalOutput,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "a quantile is a number from 0 to 1".to_owned())
}

/// What is printed without `--output`.
const MOST_PRINTED: usize = 1000;

type AnySource<'a, T> = &'a dyn Source<T, IxDyn>;

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.input)?;
    match args.axis {
        None => run_whole(args, &info),
        Some(axis) => run_along(args, &info, axis_of(&info, axis)?),
    }
}

fn complex(info: &FileInfo) -> Outcome<()> {
    let (path, dtype) = (info.path.display(), info.dtype);
    Err(format!("{path}: holds {dtype}; complex numbers have no order and so no quantiles").into())
}

/// Of the whole array. Elements that sort as others of as many bits are searched as those, so that
/// searching is compiled for seven types and not for twelve.
fn run_whole(args: &Args, info: &FileInfo) -> Outcome<()> {
    macro_rules! as_key {
        ($type:ty, $key:ty) => {{
            let file: FileArray<$type, IxDyn> = args.raw.open(info)?;
            #[allow(clippy::cast_possible_truncation, reason = "keys have as many bits")]
            let keys = lazy(&file).map(|x: $type| x.key() as $key);
            whole(args, info, &keys, |found: &Between<$key>| {
                let number = |key: $key| <$type>::from_key(key.key());
                let (below, above) = (number(found.below), number(found.above));
                value(args.method, &Between { below, above, part: found.part })
            })
        }};
        ($type:ty) => {{
            let file: FileArray<$type, IxDyn> = args.raw.open(info)?;
            whole(args, info, &file, |found: &Between<$type>| value(args.method, found))
        }};
    }
    match info.dtype {
        DType::Bool => as_key!(bool, u8),
        DType::I8 => as_key!(i8, u8),
        DType::I16 => as_key!(i16, u16),
        DType::I32 => as_key!(i32, u32),
        DType::I64 => as_key!(i64, u64),
        DType::U8 => as_key!(u8),
        DType::U16 => as_key!(u16),
        DType::U32 => as_key!(u32),
        DType::U64 => as_key!(u64),
        DType::F16 => as_key!(f16),
        DType::F32 => as_key!(f32),
        DType::F64 => as_key!(f64),
        DType::ComplexF32 | DType::ComplexF64 => complex(info),
    }
}

/// A quantile as it is printed.
fn value<T: Ordered>(method: Method, found: &Between<T>) -> Value
where
    T::Float: Debug,
{
    if method.is_element() { json_number(&found.below) } else { json_number(&found.value()) }
}

fn whole<T: Ordered>(
    args: &Args,
    info: &FileInfo,
    source: AnySource<'_, T>,
    value: impl Fn(&Between<T>) -> Value,
) -> Outcome<()> {
    let job = Job::new("quantile", &args.job);
    let request = quantile(&source, &args.quantiles)?.method(args.method);
    let search = request.plan::<T>(args.resources.resources());
    let search = search.map_err(|error| format!("{}: {error}", info.path.display()))?;
    if !job.announce(search.plan())? {
        return Ok(());
    }
    let (found, report) = job.run(search.plan(), |control| search.run(&source, control))?;
    let pairs = || args.quantiles.iter().zip(found.iter().map(&value));
    let lines: Vec<_> = pairs().map(|(q, value)| format!("{q}  {}", plain(&value))).collect();
    let result = pairs().map(|(q, value)| json!({ "quantile": q, "value": value })).collect();
    job.finish_with(search.plan(), &report, result, &lines.join("\n"))
}

fn run_along(args: &Args, info: &FileInfo, axis: usize) -> Outcome<()> {
    // Half precision is rounded as such, though the lanes are in single precision.
    if info.dtype == DType::F16 && !args.method.is_element() {
        let file: FileArray<f16, IxDyn> = args.raw.open(info)?;
        let source = lazy(&file).map(f32::from);
        return along(args, info, axis, &source, half, f16::from_f32);
    }
    with_wide!(args.raw, info, complex(info), |source, T, narrow| {
        if args.method.is_element() {
            along::<_, _, T>(args, info, axis, source, |found| found.below, narrow)
        } else {
            along(args, info, axis, source, |found| found.value(), |x| x)
        }
    })
}

/// What lies between two elements in half precision.
fn half(found: Between<f32>) -> f32 {
    let (below, above) = (f16::from_f32(found.below), f16::from_f32(found.above));
    Between { below, above, part: found.part }.value().into()
}

/// Of each lane: elements `T` give `B`, which are written as `N`.
fn along<T: Ordered, B: Element, N: Element>(
    args: &Args,
    info: &FileInfo,
    axis: usize,
    source: AnySource<'_, T>,
    convert: fn(Between<T>) -> B,
    narrow: fn(B) -> N,
) -> Outcome<()> {
    let job = Job::new("quantile", &args.job);
    let request = quantile(&source, &args.quantiles)?.method(args.method);
    let request = request.written_bytes(size_of::<N>());
    let output = args.output.args();
    let lanes = request.plan_along::<T, B>(axis, args.resources.resources_to(output.as_ref()));
    let lanes = lanes.map_err(|error| format!("{}: {error}", info.path.display()))?;
    let shape = IxDyn(lanes.output_shape());
    match &output {
        Some(output) => output.check(&args.input)?,
        None if shape.size() > MOST_PRINTED => {
            let (path, count) = (info.path.display(), shape.size());
            return Err(format!(
                "{path}: has {count} quantiles along axis {axis}, and {MOST_PRINTED} are printed at most; --output writes them to a file"
            )
            .into());
        }
        None => {}
    }
    if !job.announce(lanes.plan())? {
        return Ok(());
    }
    let run = |sink: &mut dyn Sink<B, IxDyn>, control: Control<'_>| {
        lanes.run(&source, &mut &mut *sink, convert, control)
    };
    if let Some(output) = output {
        let layout = Layout::new(shape, info.order, size_of::<N>(), 0).ok_or("too large")?;
        let work = work(lanes.plan(), &(&args.quantiles, args.method), &[info]);
        let output = job.begin::<N, IxDyn>(&output, &layout, work)?;
        let report = job.write(lanes.plan(), output, |output, control| {
            run(&mut output.map_sink(narrow), control)
        })?;
        return job.finish(lanes.plan(), &report);
    }
    let mut found = ArrayD::<B>::default(shape);
    let report = job.run(lanes.plan(), |control| run(&mut found, control))?;
    let found = found.mapv(narrow);
    let values: Vec<_> = found.iter().map(json_number).collect();
    let result = json!({ "axis": axis, "shape": found.shape(), "values": values });
    job.finish_with(lanes.plan(), &report, result, &text(&found))
}

/// All elements, in the brackets of their axes.
fn text<N: Element>(found: &ArrayD<N>) -> String {
    format!("{:#}", found.map(|number| plain(&json_number(number))))
}
