//! Writes a terrain as a `.npy` file.

use ndarray::{Array2, s};
use outcore_datasets::Terrain;
use outcore_storage::{ByteOrder, Options, Output, Source, Stored, Window};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: outcore-datasets terrain ROWS COLUMNS OUT.npy

Writes a terrain of ROWS x COLUMNS heights in metres, as 32-bit floating point numbers.";

/// The elements that are computed and written at a time: 4 MiB.
const BAND_LEN: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["terrain", rows, columns, path] = arguments[..] else {
        return wrong_usage("");
    };
    let (Ok(rows), Ok(columns)) = (rows.parse(), columns.parse()) else {
        return wrong_usage(&format!(
            "ROWS and COLUMNS are whole numbers, not {rows} and {columns}"
        ));
    };
    match write(rows, columns, Path::new(path)) {
        Ok(bytes) => {
            println!("{path}: {rows} x {columns} heights, {bytes} bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wrong_usage(reason: &str) -> ExitCode {
    if !reason.is_empty() {
        eprintln!("error: {reason}\n");
    }
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Writes the file and returns its length.
fn write(rows: usize, columns: usize, path: &Path) -> Result<u64, Box<dyn Error>> {
    let terrain = Terrain::new(rows, columns)?;
    // The same bytes on every machine, whatever its own byte order.
    let options = Options::new().byte_order(ByteOrder::Little);
    let mut output = Output::with_options(path, (rows, columns), &options)?;
    let width = columns.clamp(1, BAND_LEN);
    let height = rows.clamp(1, (BAND_LEN / width).max(1));
    let mut tile = Array2::zeros((height, width));
    for top in (0..rows).step_by(height) {
        for left in (0..columns).step_by(width) {
            let window =
                Window::from([top..rows.min(top + height), left..columns.min(left + width)]);
            let mut tile = tile.slice_mut(s![..window.shape[0], ..window.shape[1]]);
            terrain.read_tile(&window, tile.view_mut())?;
            output.array().write_window(window, &tile)?;
        }
    }
    let layout = output.layout();
    output.commit()?;
    Ok(layout.offset() + layout.bytes())
}
