//! `outcore demo`: the whole story in a minute, on real data, with its result checked and drawn.

#![expect(clippy::cast_precision_loss, reason = "sizes up to a million")]

use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_datasets::Terrain;
use outcore_ops::{
    Budget, Bytes, Control, FftPlan, Report, Resources, ToComplex, dft2_bins, fft2, lazy,
    map_tiles, thumbnail,
};
use outcore_storage::{Element, FileArray, Options, Output, Source, Window, host};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::args::ResourceArgs;
use crate::job::{Job, JobArgs, Outcome, rate};
use crate::picture::{Panel, limits, pixels, write_png};

/// Transform a landscape larger than the memory that may be used, check the result, draw it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows and columns of the landscape
    #[arg(long, value_name = "N", default_value_t = 12288, value_parser = size)]
    size: usize,
    /// Folder for the landscape, its spectrum and the picture
    #[arg(long, value_name = "DIR", default_value = "outcore-demo")]
    folder: PathBuf,
    /// Keep the two arrays; the picture is kept in any case
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    resources: ResourceArgs,
}

fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size @ 16..=1_000_000) => Ok(size),
        _ => Err("a size is a number from 16 to 1000000".to_owned()),
    }
}

/// Cells along each side of the pictures.
const CELLS: usize = 512;
/// Output elements that are computed a second time, from the definition.
const BINS: usize = 24;

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let demo = Demo::new(args)?;
    demo.tell();
    let field_path = args.folder.join("terrain.npy");
    let spectrum_path = args.folder.join("spectrum.npy");
    demo.build(&field_path)?;
    let field: FileArray<f32, Ix2> = FileArray::open(&field_path)?;
    let transform = fft2(&field).plan::<f32>(demo.resources)?;
    let (report, seconds) = transform_file(&field, &transform, &spectrum_path)?;
    let spectrum: FileArray<Complex<f32>, Ix2> = FileArray::open(&spectrum_path)?;
    let check = demo.check(&field, &spectrum)?;
    let picture = args.folder.join("demo.png");
    demo.draw(&field, &spectrum, &picture)?;
    demo.table(&transform, &report, seconds, &check);
    println!("picture     {}", picture.display());
    if args.keep {
        println!("arrays      {}, {}", field_path.display(), spectrum_path.display());
    } else {
        std::fs::remove_file(&field_path)?;
        std::fs::remove_file(&spectrum_path)?;
    }
    // NaN would be wrong too.
    if check.error.is_nan() || check.error > check.bound {
        let (error, bound) = (check.error, check.bound);
        return Err(format!("the spectrum is wrong: error {error:.1e}, bound {bound:.1e}").into());
    }
    Ok(())
}

struct Demo {
    size: usize,
    resources: Resources,
}

/// How far the spectrum is from its definition.
struct Check {
    /// The root mean square of the differences, relative to that of the spectrum.
    error: f64,
    bound: f64,
}

impl Demo {
    /// A budget of two ninths of the landscape, so that with all else the process holds less than
    /// a quarter of it, unless the user gives one.
    fn new(args: &Args) -> Outcome<Self> {
        let bytes = (args.size * args.size * size_of::<f32>()) as u64;
        // At least what the plans need: a few rows and columns, and what copying them takes.
        let least = args.size as u64 * 512 + (4 << 20);
        let part = Budget::new((bytes * 2 / 9).max(least)).min(Budget::default());
        std::fs::create_dir_all(&args.folder)
            .map_err(|error| format!("{}: {error}", args.folder.display()))?;
        Ok(Self { size: args.size, resources: args.resources.resources_or(part) })
    }

    fn tell(&self) {
        let (size, memory) = (self.size, self.resources.memory);
        let bytes = Bytes((size * size * size_of::<f32>()) as u64);
        println!("A landscape of {size} x {size} heights, {bytes}, grown from a real elevation");
        println!(
            "model; its 2-D Fourier transform, {}, within {memory} of memory.\n",
            bytes_of(size)
        );
    }

    /// Writes the landscape.
    fn build(&self, path: &Path) -> Outcome<()> {
        println!("1. Build {}", path.display());
        let terrain = Terrain::new(self.size, self.size)?;
        let copy = map_tiles(&terrain, (1, self.size)).named("build");
        let copy = copy.plan::<f32, f32>(self.resources)?;
        let mut output =
            Output::with_options(path, (self.size, self.size), &Options::new().replace(true))?;
        Job::new("demo", &LOUD).run(copy.plan(), |control| {
            copy.run(&terrain, &mut output, |_, from, mut to| to.assign(&from), control)
        })?;
        Ok(output.commit()?)
    }

    /// Compares elements of the spectrum with their definition, summed in `f64`.
    fn check(
        &self,
        field: &FileArray<f32, Ix2>,
        spectrum: &FileArray<Complex<f32>, Ix2>,
    ) -> Outcome<Check> {
        println!("\n3. Check {BINS} of its elements against the definition, summed in f64");
        let bins = bins(self.size);
        let to_complex = |x: f32| Complex::new(f64::from(x), 0.0);
        let expected = dft2_bins(field, &bins, to_complex, self.resources, Control::new())?;
        // By Parseval's theorem the spectrum's mean square is the sum of the field's squares.
        let square = |x: f32| f64::from(x) * f64::from(x);
        let one = self.reduced(field, 1, square)?;
        let elements = (self.size * self.size) as f64;
        let rms = (one[[0, 0]] * elements).sqrt();
        let mut squares = 0.0_f64;
        for (&[k, l], expected) in bins.iter().zip(expected) {
            let mut tile = Array2::zeros((1, 1));
            spectrum.read_tile(&Window::from([k..k + 1, l..l + 1]), tile.view_mut())?;
            let found: Complex<f32> = tile[[0, 0]];
            let found = Complex::new(f64::from(found.re), f64::from(found.im));
            squares += (found - expected).norm_sqr();
        }
        let error = (squares / bins.len() as f64).sqrt() / rms;
        // Lengths with great prime factors take more steps.
        let smooth = [2, 3, 5, 7, 11].iter().fold(self.size, |mut rest, &prime| {
            while rest % prime == 0 {
                rest /= prime;
            }
            rest
        });
        let factor = if smooth == 1 { 0.6 } else { 1.2 };
        let bound = factor * f64::from(f32::EPSILON) * elements.log2().sqrt();
        Ok(Check { error, bound })
    }

    /// The means of a function in at most so many cells along each side.
    fn reduced<T: Element>(
        &self,
        array: &FileArray<T, Ix2>,
        cells: usize,
        f: impl Fn(T) -> f64 + Sync,
    ) -> Outcome<Array2<f64>> {
        let plan = thumbnail(array, (cells, cells)).plan::<T>(self.resources)?;
        Ok(plan.run(array, f, Control::new())?.0)
    }

    /// Draws the landscape beside its power spectrum.
    fn draw(
        &self,
        field: &FileArray<f32, Ix2>,
        spectrum: &FileArray<Complex<f32>, Ix2>,
        path: &Path,
    ) -> Outcome<()> {
        println!("4. Draw {}", path.display());
        let heights = self.reduced(field, CELLS, f64::from)?;
        let power = |x: Complex<f32>| f64::from(x.re).powi(2) + f64::from(x.im).powi(2);
        let power = self.reduced(spectrum, CELLS, power)?;
        let size = self.size as f64;
        let power = centred(&power).mapv(f64::log10);
        let panels = [
            Panel {
                title: "Landscape".to_owned(),
                limits: limits(&heights, 0.0),
                pixels: pixels(heights.dim(), None),
                values: heights,
                bar_label: "height (m)".to_owned(),
                x_range: 0.0..size,
                x_label: "column".to_owned(),
                y_range: 0.0..size,
                y_label: "row".to_owned(),
            },
            Panel {
                title: "Power spectrum".to_owned(),
                limits: limits(&power, 0.001),
                pixels: pixels(power.dim(), None),
                values: power,
                bar_label: "log10 of power (m²)".to_owned(),
                x_range: -0.5..0.5,
                x_label: "frequency along a row (cycles per element)".to_owned(),
                y_range: -0.5..0.5,
                y_label: "frequency along a column".to_owned(),
            },
        ];
        let caption = format!(
            "{n} x {n} elements, each cell of the picture a mean over {k} x {k} of them. The cross \
             comes from the edges, where the landscape does not continue.",
            n = self.size,
            k = self.size.div_ceil(CELLS),
        );
        write_png(path, &panels, &caption)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(())
    }

    fn table(&self, transform: &FftPlan<f32, Ix2>, report: &Report, seconds: f64, check: &Check) {
        let plan = transform.plan();
        let field = (self.size * self.size * size_of::<f32>()) as u64;
        let moved = report.bytes_read() + report.bytes_written();
        let predicted = plan.bytes_read() + plan.bytes_written();
        let budget = self.resources.memory.bytes();
        let times = field as f64 / budget as f64;
        println!("\narray       {}, {times:.1} times the budget", Bytes(field));
        println!("budget      {}", self.resources.memory);
        println!("peak        {} of memory", Bytes(host::peak_memory().unwrap_or(0)));
        println!("moved       {moved} bytes; {predicted} predicted");
        println!("time        {seconds:.2} s");
        println!("rate        {}/s", Bytes(rate(moved, seconds)));
        println!("error       {:.1e}, relative; bound {:.1e}", check.error, check.bound);
    }
}

/// The demo reports in any case.
static LOUD: JobArgs = JobArgs { dry_run: false, quiet: false, json: false };

fn bytes_of(size: usize) -> Bytes {
    Bytes((size * size * size_of::<Complex<f32>>()) as u64)
}

fn transform_file(
    field: &FileArray<f32, Ix2>,
    transform: &FftPlan<f32, Ix2>,
    path: &Path,
) -> Outcome<(Report, f64)> {
    println!("\n2. Transform it into {}\n\n{transform}\n", path.display());
    let (rows, columns) = field.dim();
    let mut output = Output::with_options(path, (rows, columns), &Options::new().replace(true))?;
    let begin = Instant::now();
    let source = lazy(&field).map(f32::to_complex);
    let job = Job::new("demo", &LOUD);
    let report =
        job.run(transform.plan(), |control| transform.run(&source, &mut output, control))?;
    output.commit()?;
    Ok((report, begin.elapsed().as_secs_f64()))
}

/// Elements spread over the spectrum without a pattern, outside row 0 and column 0: into those goes
/// the rounding of the landscape's mean height, thousands of times greater than most elements.
fn bins(size: usize) -> Vec<[usize; 2]> {
    let mut state = 1_usize;
    let mut next = || {
        // The upper bits of a linear congruential generator (Knuth, TAOCP volume 2, 3.3.4).
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (state >> 33) % (size - 1)
    };
    (0..BINS).map(|_| [next(), next()]).collect()
}

/// A spectrum with frequency zero moved from the corner to the middle.
fn centred(spectrum: &Array2<f64>) -> Array2<f64> {
    let (rows, columns) = spectrum.dim();
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        spectrum[[(row + rows.div_ceil(2)) % rows, (column + columns.div_ceil(2)) % columns]]
    })
}
