//! Which sizes has a landscape, and what does it look like with some of them alone?
//!
//! ```text
//! cargo run --release --example 07_spectrum_and_band_pass -- FOLDER
//! ```
//!
//! In Python, with everything in memory at a time:
//!
//! ```python
//! power = np.abs(np.fft.fft2(a)) ** 2
//! fy, fx = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)
//! band = np.fft.irfft2(np.fft.rfft2(a) * h(fy[:, None], fx), a.shape)
//! ```
//!
//! Writes `power.npy` and `band.npy` to the folder, which `outcore view` shows; without one, to one that does
//! not stay.

use outcore::ndarray::Ix2;
use outcore::num_complex::Complex;
use outcore::ops::{
    Budget, Control, Mean, lazy, power_spectrum, radial_spectrum, reduce, spectral_filter,
};
use outcore::{FileArray, Options, Output};
use std::error::Error;
use std::path::Path;

/// The land around Jacksboro, Tennessee: metres above sea level, a sample each 93 m down a column and each
/// 74 m along a row.
const LAND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/jacksboro.npy");
const SPACING_KM: [f64; 2] = [0.093, 0.074];
/// The wavelengths that are let through.
const BAND_KM: [f64; 2] = [1.0, 4.0];

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let argument = std::env::args().nth(1);
    let folder = argument.as_deref().map_or(temporary.path(), Path::new);
    let land = FileArray::<i16, Ix2>::open(LAND)?;
    // The array has 0.5 MiB in single precision, and its spectrum twice as much.
    let budget = Budget::new(300 << 10);
    spectra(&land, folder, budget)?;
    band_pass(&land, folder, budget)
}

/// Writes the power spectrum, and prints its mean over rings of frequencies.
fn spectra(
    land: &FileArray<i16, Ix2>,
    folder: &Path,
    budget: Budget,
) -> Result<(), Box<dyn Error>> {
    let request = power_spectrum(land).plan::<i16>(budget)?;
    println!("{request}");
    let mut power = Output::create(folder.join("power.npy"), land.dim())?;
    let mut scratch = power.scratch(land.dim(), &Options::new())?;
    request.run(land, &mut scratch, &mut power, Control::new())?;
    power.commit()?;

    let heights = lazy(land).map(f32::from);
    let rings = radial_spectrum(&heights).plan::<f32>(budget)?;
    // What lies between the passes is an array like any other: this one is in memory.
    let mut scratch = outcore::ndarray::Array2::zeros(rings.scratch_shape());
    let (found, _) = rings.run(&heights, &mut scratch, Control::new())?;
    println!("cycles per sample, mean power");
    for ring in [0, 1, 10, 100, 200] {
        println!("{:17.3}, {:.3e}", found.frequencies[ring], found.power[ring]);
    }
    // Land is rough at all sizes, and the larger the rougher.
    assert!(found.power[10] > 100.0 * found.power[100]);
    Ok(())
}

/// Lets the hills through, and leaves out mountains and trees: in three passes.
fn band_pass(
    land: &FileArray<i16, Ix2>,
    folder: &Path,
    budget: Budget,
) -> Result<(), Box<dyn Error>> {
    let heights = lazy(land).map(f32::from);
    // A function of frequency, with soft ends: what is cut off sharply rings.
    let response = |f: &[f64]| {
        let per_km = (f[0] / SPACING_KM[0]).hypot(f[1] / SPACING_KM[1]);
        let passes = |km: f64| (-(per_km * km).powi(2)).exp();
        #[expect(clippy::cast_possible_truncation, reason = "a number from 0 to 1")]
        let part = (passes(BAND_KM[0]) - passes(BAND_KM[1])) as f32;
        Complex::from(part)
    };
    let filter = spectral_filter(&heights, response).plan::<f32>(budget)?;
    println!("{filter}");
    assert_eq!(filter.plan().passes.len(), 3);
    let path = folder.join("band.npy");
    let mut band = Output::create(&path, land.dim())?;
    let mut scratch = band.scratch(filter.scratch_shape(), &Options::new())?;
    filter.run_through(&heights, &mut scratch, &mut band, Control::new())?;
    band.commit()?;

    // Nothing of frequency 0 is left.
    let band = FileArray::<f32, Ix2>::open(&path)?;
    let mean = reduce(&band, Mean).plan::<f32>(budget)?.value(&band, Control::new())?;
    println!("mean of the band: {mean:.6} m");
    assert!(mean.abs() < 1e-3);
    Ok(())
}
