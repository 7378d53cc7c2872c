//! How do I fill a large array piece by piece, make it durable, and read it back?
//!
//! In Python: `a = np.lib.format.open_memmap("million.npy", "w+", "f8", (1_000_000,))`, then
//! `a[i : i + 100_000] = ...` for each piece, then `a.flush()`.

use outcore::ndarray::{Array1, Ix1};
use outcore::{FileArray, FileArrayMut};
use std::error::Error;

const LEN: usize = 1_000_000;
const PIECE: usize = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("million.npy");

    // The disk space is reserved here, so a disk that is too full is an error now and not later.
    let mut squares = FileArrayMut::<f64, _>::create(&path, LEN)?;
    let mut index = 0.0;
    for start in (0..LEN).step_by(PIECE) {
        let piece = Array1::from_shape_simple_fn(PIECE, || {
            let square = index * index;
            index += 1.0;
            square
        });
        squares.write_window(start..start + PIECE, &piece)?;
    }
    // What was written is durable when this returns.
    squares.flush()?;
    // The file is locked against other writers until it is closed.
    assert!(FileArrayMut::<f64, Ix1>::open_mut(&path).is_err());
    squares.close()?;

    // Read-only: this type has no method that writes. One element is one small read.
    let squares = FileArray::<f64, Ix1>::open(&path)?;
    let element = squares.read_window(999_999..1_000_000)?[0];
    println!("element 999999 of {} is {element}", squares.len());
    assert_eq!(element.to_bits(), 999_998_000_001_f64.to_bits());
    assert_eq!(std::fs::metadata(&path)?.len(), 128 + 8 * LEN as u64);
    Ok(())
}
