//! How do I filter a file that is larger than the memory I may use, by a function of frequency?
//!
//! ```text
//! cargo run --release --example 08_filter_a_file -- INPUT OUTPUT MEMORY
//! ```
//!
//! In Python, with the array and its spectrum in memory:
//!
//! ```python
//! fy, fx = np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)
//! band = np.fft.ifft2(np.fft.fft2(a) * h(fy, fx))
//! ```
//!
//! The array is complex64, of two axes. Without arguments it is a small one that does not stay.

use outcore::ndarray::{Array2, Ix2};
use outcore::num_complex::Complex;
use outcore::ops::{Budget, Bytes, Control, spectral_filter};
use outcore::{FileArray, FileArrayMut, Output};
use std::error::Error;
use std::f32::consts::TAU;
use std::path::Path;

/// A wave of this many periods along a row goes through, and one of ten times as many does not.
const PERIODS: [f32; 2] = [4.0, 40.0];
const LEN: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [input, output, memory] = &arguments[..] {
        return low_pass(Path::new(input), Path::new(output), memory.parse()?);
    }
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("waves.npy"), folder.path().join("low.npy"));
    let [low, high] = PERIODS.map(wave);
    let mut file = FileArrayMut::<Complex<f32>, Ix2>::create(&input, (LEN, LEN))?;
    file.write_window([0..LEN, 0..LEN], &(&low + &high))?;
    file.close()?;
    // A half of the array's 0.5 MiB.
    low_pass(&input, &output, "256KiB".parse()?)?;
    let found = FileArray::<Complex<f32>, Ix2>::open(&output)?.read()?;
    let far = (found - low).iter().map(|x| x.norm()).fold(0.0, f32::max);
    println!("what goes through differs from the slow wave by {far:.1e}");
    assert!(far < 1e-5);
    Ok(())
}

/// Lets frequencies below a sixteenth of a cycle per sample through, and half of those at it.
fn low_pass(input: &Path, output: &Path, budget: Budget) -> Result<(), Box<dyn Error>> {
    let field = FileArray::<Complex<f32>, Ix2>::open(input)?;
    // Products alone: it is called for each element of the spectrum.
    #[expect(clippy::cast_possible_truncation, reason = "a number from 0 to 1")]
    let response = |f: &[f64]| {
        let square = |x: f64| x * x;
        let squared = (square(f[0]) + square(f[1])) * square(16.0);
        Complex::from(1.0 / (1.0 + square(square(square(squared)))) as f32)
    };
    let filter = spectral_filter(&field, response).plan::<Complex<f32>>(budget)?;
    println!("{filter}");
    assert_eq!(filter.plan().passes.len(), 3);
    let mut low = Output::create(output, field.dim())?;
    let report = filter.run(&field, &mut low, Control::new())?;
    low.commit()?;
    println!("moved {}", Bytes(report.bytes_read() + report.bytes_written()));
    Ok(())
}

/// A wave along the rows, with so many periods in each.
fn wave(periods: f32) -> Array2<Complex<f32>> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let phase = |column: usize| TAU * periods * column as f32 / LEN as f32;
    Array2::from_shape_fn((LEN, LEN), |(_, column)| Complex::from_polar(1.0, phase(column)))
}
