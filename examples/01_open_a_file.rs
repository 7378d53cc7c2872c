//! What is in a `.npy` file, and how do I get a part of it?
//!
//! In Python: `a = np.load("field.npy", mmap_mode="r"); part = np.array(a[1:3, 2:4])`.

use outcore::ndarray::{Array2, Ix2, array};
use outcore::{DType, FileArray, FileArrayMut, FileInfo};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("field.npy");

    // A new file of zeros, then its elements: 0, 1, 2, ... row by row.
    let mut field = FileArrayMut::<i32, _>::create(&path, (3, 4))?;
    let numbers = Array2::from_shape_vec((3, 4), (0..12).collect())?;
    field.write_window([0..3, 0..4], &numbers)?;
    field.close()?;

    // The header alone, for a program that does not know the type.
    let info = FileInfo::of_npy(&path)?;
    println!("{} {:?}, {} bytes at byte {}", info.dtype, info.shape, info.data_bytes, info.offset);
    assert_eq!((info.dtype, info.data_bytes, info.offset), (DType::I32, 48, 128));

    // Opened with its type and number of axes. Nothing is read until a window is.
    let field = FileArray::<i32, Ix2>::open(&path)?;
    assert_eq!(field.dim(), (3, 4));
    let part = field.read_window([1..3, 2..4])?;
    println!("rows 1 to 3, columns 2 to 4:\n{part}");
    assert_eq!(part, array![[6, 7], [10, 11]]);

    // Another type than the file's is an error that says so; so is a window outside.
    let error = FileArray::<f64, Ix2>::open(&path).unwrap_err();
    println!("as f64: {}", error.kind());
    assert_eq!(error.kind().to_string(), "holds elements of type int32, but was opened as float64");
    let error = field.read_window([0..4, 0..1]).unwrap_err();
    println!("row 3: {}", error.kind());
    assert_eq!(error.kind().to_string(), "window [0..4, 0..1] reaches outside shape [3, 4]");
    Ok(())
}
