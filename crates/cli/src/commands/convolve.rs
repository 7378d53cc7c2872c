//! `outcore convolve`: an array of any size and a kernel of any size, by their spectra.

use clap::ValueEnum;
use ndarray::IxDyn;
use num_complex::Complex;
use outcore_ops::{Mode, Signal, fftconvolve, fftcorrelate};
use outcore_storage::{Element, FileInfo, Layout, Options, Source};
use std::path::PathBuf;

use crate::args::{OutputArgs, RawArgs, ResourceArgs};
use crate::element::{open_signal, with_signal};
use crate::job::{Job, JobArgs, Outcome, work};

/// Convolve an array of any size with a kernel, as SciPy's fftconvolve
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// A .npy file with as many axes
    #[arg(value_name = "KERNEL")]
    kernel: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    /// All of the result; as much as INPUT has, from the middle; or what sees no padding
    #[arg(long, value_enum, default_value = "full")]
    mode: ModeArg,
    /// Correlate: convolve with the conjugate of the kernel in reverse order
    #[arg(long)]
    correlate: bool,
    #[command(flatten)]
    raw: RawArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    Full,
    Same,
    Valid,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Full => Self::Full,
            ModeArg::Same => Self::Same,
            ModeArg::Valid => Self::Valid,
        }
    }
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let infos = [args.raw.describe(&args.input)?, FileInfo::of_npy(&args.kernel)?];
    args.output.check(&args.input)?;
    args.output.check(&args.kernel)?;
    let infos = infos.each_ref();
    let npy = RawArgs::default();
    with_signal!(&infos, A => {
        let (source, kernel) = (open_signal::<A>(&args.raw, infos[0])?, open_signal(&npy, infos[1])?);
        convolve::<A>(args, infos, &*source, &*kernel)
    })
}

fn convolve<A: Signal>(
    args: &Args,
    infos: [&FileInfo; 2],
    source: &dyn Source<A, IxDyn>,
    kernel: &dyn Source<A, IxDyn>,
) -> Outcome<()>
where
    Complex<A::Real>: Element,
{
    let job = Job::new("convolve", &args.job);
    let request =
        if args.correlate { fftcorrelate(&source, &kernel) } else { fftconvolve(&source, &kernel) };
    let request = request.mode(args.mode.into());
    let convolution = request.plan::<A>(args.resources.resources_to(&args.output));
    let convolution =
        convolution.map_err(|error| format!("{}: {error}", infos[0].path.display()))?;
    let plan = convolution.plan();
    if !job.announce(plan)? {
        return Ok(());
    }
    let (shape, order) = (convolution.output_shape(), source.layout().order());
    let layout = Layout::new(shape, order, size_of::<A>(), 0).ok_or("the output is too large")?;
    let work = work(plan, &(args.mode, args.correlate), &infos);
    let output = job.begin::<A, IxDyn>(&args.output, &layout, work)?;
    let options = Options::new().order(order);
    let mut scratch = output.output().scratch(convolution.scratch_shape(), &options)?;
    let report = job.write(plan, output, |output, control| {
        convolution.run(&source, &kernel, &mut scratch, output, control)
    })?;
    job.finish(plan, &report)
}
