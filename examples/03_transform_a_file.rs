//! How do I transform a file that is larger than the memory I may use?
//!
//! In Python there is no such line: `np.fft.fft2(a)` holds the whole array, and its result too.

#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use outcore::ndarray::{Array2, Ix2};
use outcore::num_complex::Complex;
use outcore::ops::{Budget, Bytes, Control, fft2};
use outcore::{FileArray, FileArrayMut, Output};
use std::error::Error;
use std::f64::consts::TAU;

const LEN: usize = 1024;
/// The frequency of the wave: 3 periods along a column, 5 along a row.
const PEAK: [usize; 2] = [3, 5];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (input, path) = (folder.path().join("wave.npy"), folder.path().join("spectrum.npy"));
    write_wave(&input)?;
    let wave = FileArray::<Complex<f64>, Ix2>::open(&input)?;

    // A quarter of the array's 16 MiB. The plan is made before anything is read.
    let budget: Budget = "4MiB".parse()?;
    let transform = fft2(&wave).plan(budget)?;
    println!("{transform}");
    let plan = transform.plan();
    assert!(plan.memory() <= budget.bytes());
    assert_eq!(plan.passes.len(), 2);

    // The output is at its path only after the commit.
    let mut spectrum = Output::create(&path, wave.dim())?;
    let mut percent = 0;
    let control = Control::new().on_progress(|progress| {
        percent = 100 * progress.bytes_done / progress.bytes_total;
    });
    let report = transform.run(&wave, &mut spectrum, control)?;
    assert!(!path.exists());
    spectrum.commit()?;
    assert_eq!(percent, 100);
    println!("moved {}", Bytes(report.bytes_read() + report.bytes_written()));
    assert_eq!(report.bytes_read(), plan.bytes_read());
    assert_eq!(report.bytes_written(), plan.bytes_written());

    // A single wave is a single peak, of as much as there are elements.
    let spectrum = FileArray::<Complex<f64>, Ix2>::open(&path)?;
    let around = spectrum.read_window([PEAK[0]..PEAK[0] + 1, PEAK[1] - 1..PEAK[1] + 2])?;
    println!("around the peak: {around:.3}");
    assert!((around[[0, 1]] - 1_048_576.0).norm() < 1e-6);
    assert!(around[[0, 0]].norm() < 1e-6 && around[[0, 2]].norm() < 1e-6);

    // A budget that cannot do is refused, with the one that could.
    let refusal = fft2(&wave).plan::<f64>(Budget::new(10_000)).unwrap_err();
    println!("with 10 kB: {refusal}");
    assert!(refusal.to_string().contains("needs at least"));
    Ok(())
}

/// Writes a wave, 64 rows at a time.
fn write_wave(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let mut wave = FileArrayMut::create(path, (LEN, LEN))?;
    for top in (0..LEN).step_by(64) {
        let rows = Array2::from_shape_fn((64, LEN), |(row, column)| {
            let periods = (PEAK[0] * (top + row) + PEAK[1] * column) % LEN;
            Complex::cis(TAU * periods as f64 / LEN as f64)
        });
        wave.write_window([top..top + 64, 0..LEN], &rows)?;
    }
    Ok(wave.close()?)
}
