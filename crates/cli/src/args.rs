//! The options that commands share.

use clap::{Arg, Args, ValueEnum};
use ndarray::Dimension;
use outcore_ops::{Budget, Casting, Norm, Resources};
use outcore_storage::{
    ByteOrder, DType, Element, FileArray, FileArrayMut, FileInfo, Format, Journal, Lock, Options,
    Order,
};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::element::with_element;
use crate::job::Outcome;

/// What a file without a header holds.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Raw input (without a header)")]
pub(crate) struct RawArgs {
    /// Element type: f4, c8, i2, u1, b1, float64 ...; with < or > in front for the byte order
    #[arg(long, value_name = "TYPE", value_parser = raw_dtype)]
    dtype: Option<(DType, Option<ByteOrder>)>,
    /// Length of each axis; of a 1-D file it may be left out
    #[arg(long, value_name = "N,N", value_delimiter = ',', requires = "dtype")]
    shape: Option<Vec<usize>>,
    /// First byte of the first element
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "dtype")]
    offset: u64,
    /// Order of the elements: C (rows are contiguous) or F (columns are)
    #[arg(long, value_name = "C|F", default_value = "C", requires = "dtype")]
    order: Order,
    /// Byte order: little, big or native
    #[arg(long, value_name = "ORDER", requires = "dtype")]
    byte_order: Option<ByteOrder>,
}

/// The same for a command whose options without a prefix say what the output holds.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Raw input (without a header)")]
pub(crate) struct SourceArgs {
    /// Element type of the input: f4, c8, i2, u1, b1 ...; with < or > in front for the byte order
    #[arg(id = "from-dtype", long = "from-dtype", value_name = "TYPE", value_parser = raw_dtype)]
    dtype: Option<(DType, Option<ByteOrder>)>,
    /// Length of each axis; of a 1-D file it may be left out
    #[arg(
        id = "from-shape",
        long = "from-shape",
        value_name = "N,N",
        value_delimiter = ',',
        requires = "from-dtype"
    )]
    shape: Option<Vec<usize>>,
    /// First byte of the first element
    #[arg(
        id = "from-offset",
        long = "from-offset",
        value_name = "BYTES",
        default_value_t = 0,
        requires = "from-dtype"
    )]
    offset: u64,
    /// Order of the elements: C (rows are contiguous) or F (columns are)
    #[arg(
        id = "from-order",
        long = "from-order",
        value_name = "C|F",
        default_value = "C",
        requires = "from-dtype"
    )]
    order: Order,
}

impl SourceArgs {
    pub(crate) fn raw(&self) -> RawArgs {
        RawArgs {
            dtype: self.dtype,
            shape: self.shape.clone(),
            offset: self.offset,
            order: self.order,
            byte_order: None,
        }
    }
}

fn raw_dtype(text: &str) -> Result<(DType, Option<ByteOrder>), String> {
    let dtype = text.parse()?;
    let order = text.starts_with(['<', '>']).then(|| DType::from_descr(text)).flatten();
    Ok((dtype, order.map(|(_, byte_order)| byte_order)))
}

impl RawArgs {
    /// What a file holds: by these options, or by its header.
    pub(crate) fn describe(&self, path: &Path) -> Outcome<FileInfo> {
        let Some((dtype, _)) = self.dtype else { return Ok(FileInfo::of_npy(path)?) };
        let info = if let Some(shape) = self.shape.as_deref() {
            let shape = ndarray::Dim(shape);
            with_element!(dtype,
                real T => FileInfo::of_array(&self.options().open_raw::<T, _>(path, shape)?),
                complex T => FileInfo::of_array(&self.options().open_raw::<T, _>(path, shape)?)
            )
        } else {
            with_element!(dtype,
                real T => FileInfo::of_array(&self.options().open_raw_1d::<T>(path)?),
                complex T => FileInfo::of_array(&self.options().open_raw_1d::<T>(path)?)
            )
        };
        Ok(info)
    }

    /// Opens the file that an info describes, with as many axes as the dimension has.
    pub(crate) fn open<T: Element, D: Dimension>(
        &self,
        info: &FileInfo,
    ) -> Outcome<FileArray<T, D>> {
        let options = self.options();
        if let Format::Npy(_) = info.format {
            return Ok(options.open(&info.path)?);
        }
        Ok(options.open_raw(&info.path, shape_of::<D>(info)?)?)
    }

    /// The same, to be written too.
    pub(crate) fn open_mut<T: Element, D: Dimension>(
        &self,
        info: &FileInfo,
    ) -> Outcome<FileArrayMut<T, D>> {
        let options = self.options();
        if let Format::Npy(_) = info.format {
            return Ok(options.open_mut(&info.path)?);
        }
        Ok(options.open_raw_mut(&info.path, shape_of::<D>(info)?)?)
    }

    fn options(&self) -> Options {
        let of_dtype = self.dtype.and_then(|(_, byte_order)| byte_order);
        let byte_order = self.byte_order.or(of_dtype).unwrap_or(ByteOrder::NATIVE);
        Options::new().offset(self.offset).order(self.order).byte_order(byte_order)
    }
}

/// The shape of a file, with as many axes as the dimension has.
fn shape_of<D: Dimension>(info: &FileInfo) -> Outcome<D> {
    let shape = &info.shape[..];
    let axes = || format!("shape {shape:?} has not {} axes", D::NDIM.unwrap_or_default());
    Ok(D::from_dimension(&ndarray::Dim(shape)).ok_or_else(axes)?)
}

/// What an operation may use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct ResourceArgs {
    /// Memory budget, such as 512MiB or 4GB [default: half of what is available]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Budget>,
    /// Threads that compute [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST);
    threads.ok_or_else(|| format!("a number of threads is from 1 to {MOST}"))
}

/// An axis of a file; a negative one is counted from the last.
pub(crate) fn axis_of(info: &FileInfo, axis: isize) -> Outcome<usize> {
    let count = info.shape.len();
    let index = if axis < 0 { axis.checked_add_unsigned(count) } else { Some(axis) };
    let index = index.and_then(|index| usize::try_from(index).ok());
    index.filter(|&index| index < count).ok_or_else(|| {
        let (path, shape) = (info.path.display(), &info.shape);
        format!("{path}: has shape {shape:?}; axis {axis} does not exist in it").into()
    })
}

impl ResourceArgs {
    pub(crate) fn resources(&self) -> Resources {
        self.resources_or(Budget::default())
    }

    /// The same for a command that writes: one that goes on has what the unfinished run had, unless it
    /// is given something else.
    pub(crate) fn resources_to<'a>(&self, output: impl Into<Option<&'a OutputArgs>>) -> Resources {
        let output = output.into().filter(|output| output.begin.resume);
        let left = output.and_then(|output| Journal::resources(&output.output));
        let Some((memory, threads)) = left else { return self.resources() };
        let mut resources = self.resources_or(Budget::new(memory));
        let threads = usize::try_from(threads).ok().and_then(NonZeroUsize::new);
        resources.threads = self.threads.or(threads).unwrap_or(resources.threads);
        resources
    }

    pub(crate) fn resources_or(&self, memory: Budget) -> Resources {
        let mut resources = Resources::from(self.memory.unwrap_or(memory));
        resources.threads = self.threads.unwrap_or(resources.threads);
        resources
    }
}

/// The output file.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutputArgs {
    /// File to be written, as .npy
    #[arg(value_name = "OUTPUT")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) begin: BeginArgs,
}

/// How an output begins, and what is left of one that does not end.
#[derive(Clone, Copy, Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct BeginArgs {
    /// Replace OUTPUT if it exists, and what an unfinished run has left of it
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on where an unfinished run of the same command has stopped, or begin if there is none
    #[arg(long)]
    pub(crate) resume: bool,
    /// Leave nothing of a run that does not finish
    #[arg(long, conflicts_with = "resume")]
    pub(crate) no_journal: bool,
    /// Record how far the run has come no more often than this, and durably a thirtieth as often; 0 is
    /// after each tile
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) journal_every: Duration,
    /// Wait while another process writes OUTPUT
    #[arg(long)]
    pub(crate) wait: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "a number of seconds, 0 or more".to_owned())
}

/// The output file, as an option of commands whose arguments are inputs.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutputOption {
    /// File to be written, as .npy
    #[arg(long, short, value_name = "OUTPUT")]
    output: PathBuf,
    #[command(flatten)]
    begin: BeginArgs,
}

/// The output file of commands that print what is short.
#[derive(Clone, Debug, Args)]
#[command(mut_args(needs_output))]
pub(crate) struct OptionalOutput {
    /// File to be written, as .npy
    #[arg(long, short, value_name = "OUTPUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    begin: BeginArgs,
}

/// The options of an output are an error without one.
fn needs_output(option: Arg) -> Arg {
    let of_output = ["force", "resume", "no_journal", "wait"].contains(&option.get_id().as_str());
    if of_output { option.requires("output") } else { option }
}

impl OptionalOutput {
    pub(crate) fn args(&self) -> Option<OutputArgs> {
        let begin = self.begin;
        self.output.clone().map(|output| OutputArgs { output, begin })
    }
}

impl OutputOption {
    pub(crate) fn args(&self) -> OutputArgs {
        OutputArgs { output: self.output.clone(), begin: self.begin }
    }
}

impl OutputArgs {
    /// How the output deals with what is at its place, and with others who write it.
    pub(crate) fn options(&self) -> Options {
        let lock = if self.begin.wait { Lock::Wait } else { Lock::Try };
        Options::new().replace(self.begin.force).resume(self.begin.resume).lock(lock)
    }

    /// Refuses an output that could not be put in place, or that is the input itself.
    pub(crate) fn check(&self, input: &Path) -> Outcome<()> {
        let output = self.output.display();
        if resolved(input) == resolved(&self.output) {
            return Err(format!("{output}: is the input; an output must be another file").into());
        }
        if !self.begin.force && self.output.exists() {
            return Err(format!("{output}: exists already; --force replaces it").into());
        }
        if self.output.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(format!("{output}: is a directory or a device, which stays").into());
        }
        Ok(())
    }
}

/// The same path for all ways to write that of a file, whether it exists or its folder alone.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// Refuses a picture that could not be put in place. One may be replaced, but not the input.
pub(crate) fn check_picture(png: Option<&Path>, input: &Path) -> Outcome<()> {
    let Some(png) = png else { return Ok(()) };
    let begin = BeginArgs { force: true, ..BeginArgs::default() };
    OutputArgs { output: png.to_owned(), begin }.check(input)
}

/// What becomes of fractions that an integer cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CastArg {
    Checked,
    Unsafe,
}

impl From<CastArg> for Casting {
    fn from(cast: CastArg) -> Self {
        match cast {
            CastArg::Checked => Self::Checked,
            CastArg::Unsafe => Self::Unsafe,
        }
    }
}

/// Which direction of a transform is scaled.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NormArg {
    Backward,
    Ortho,
    Forward,
}

impl From<NormArg> for Norm {
    fn from(norm: NormArg) -> Self {
        match norm {
            NormArg::Backward => Self::Backward,
            NormArg::Ortho => Self::Ortho,
            NormArg::Forward => Self::Forward,
        }
    }
}
