//! `outcore eval`: an expression with NumPy's operators and functions, on files of any size.

use ndarray::IxDyn;
use outcore_ops::{AnySource, Evaluation, Expression};
use outcore_storage::{DType, Element, ErrorKind, FileArray, FileInfo, Source, Stored};
use std::path::{Path, PathBuf};

use crate::args::{CastArg, OutputOption, ResourceArgs};
use crate::element::with_element;
use crate::job::{Job, JobArgs, Outcome, work};

/// Evaluate an expression of arrays of any size, within a memory budget
///
/// Operators, functions, broadcasting and types are NumPy's: `outcore eval 'a*b + sin(a)' a=a.npy
/// b=b.npy --output c.npy`. Operators: + - * / // % ** == != < <= > >= & | ^ ~ << >>. Functions: abs
/// sqrt exp log log2 log10 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh
/// floor ceil round trunc sign conj real imag angle isnan isinf isfinite minimum maximum hypot arctan2
/// where clip. Constants: pi e inf nan True False, and imaginary numbers such as 2.5j.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The expression, such as 'a*b + sin(a)'
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    /// A name in the expression and its .npy file; a raw one is made one by `outcore convert`
    #[arg(value_name = "NAME=FILE", value_parser = input)]
    inputs: Vec<(String, PathBuf)>,
    #[command(flatten)]
    output: OutputOption,
    /// Element type of the output, such as f4 or int16 [default: that of the expression]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<DType>,
    /// Whether fractions that an integer --dtype cannot hold are errors, or whatever comes of them
    #[arg(long, value_enum, default_value = "checked", requires = "dtype")]
    cast: CastArg,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

fn input(text: &str) -> Result<(String, PathBuf), String> {
    let parts = text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
    let (name, file) = parts.ok_or("an input is a name and a file, such as a=field.npy")?;
    Ok((name.to_owned(), file.into()))
}

/// An open file, its type of element forgotten.
trait Input {
    fn source(&self) -> AnySource<'_>;
}

impl<T: Element> Input for FileArray<T, IxDyn>
where
    for<'a> AnySource<'a>: From<&'a dyn Source<T, IxDyn>>,
{
    fn source(&self) -> AnySource<'_> {
        AnySource::from(self as &dyn Source<T, IxDyn>)
    }
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let expression = Expression::parse(&args.expression)?;
    if args.inputs.is_empty() {
        return Err(
            format!("{expression}: has no input, such as a=field.npy, to give its shape").into()
        );
    }
    let output = args.output.args();
    let (mut files, mut infos) = (Vec::new(), Vec::new());
    for (name, path) in &args.inputs {
        output.check(path)?;
        let info = describe(path)?;
        files.push((name.as_str(), open(&info)?));
        infos.push(info);
    }
    let inputs: Vec<_> = files.iter().map(|(name, file)| (*name, file.source())).collect();
    let evaluation = expression.bind(&inputs)?;
    let dtype = args.dtype.unwrap_or(evaluation.dtype());
    let evaluation = evaluation.astype(dtype, args.cast.into())?;
    with_element!(dtype,
        real T => write::<T>(args, &infos, &evaluation),
        complex T => write::<T>(args, &infos, &evaluation)
    )
}

/// What a .npy file holds. No option says what a raw one does, because there may be several.
fn describe(path: &Path) -> Outcome<FileInfo> {
    FileInfo::of_npy(path).map_err(|error| match error.kind() {
        ErrorKind::NotNpy(_) => {
            format!("{error}; `outcore convert` makes a raw file one, with --from-dtype").into()
        }
        _ => error.into(),
    })
}

fn open(info: &FileInfo) -> Outcome<Box<dyn Input>> {
    with_element!(info.dtype,
        real T => Ok(Box::new(FileArray::<T, IxDyn>::open(&info.path)?)),
        complex T => Ok(Box::new(FileArray::<T, IxDyn>::open(&info.path)?))
    )
}

fn write<T: Element>(args: &Args, infos: &[FileInfo], evaluation: &Evaluation<'_>) -> Outcome<()> {
    let job = Job::new("eval", &args.job);
    let output = args.output.args();
    let planned = evaluation.plan::<T>(args.resources.resources_to(&output))?;
    let plan = planned.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let work = work(plan, &(T::DTYPE, args.cast), &infos.iter().collect::<Vec<_>>());
    let output = job.begin::<T, IxDyn>(&output, &evaluation.layout(), work)?;
    let report =
        job.write(plan, output, |output, control| planned.run(evaluation, output, control))?;
    job.finish(plan, &report)
}
