//! How do I do the same to every tile of a file: a transform, or work of my own?
//!
//! In Python, one tile after another and on one core:
//!
//! ```python
//! a = np.load("field.npy", mmap_mode="r+")
//! for i in range(0, a.shape[0], 256):
//!     for j in range(0, a.shape[1], 256):
//!         tile = np.array(a[i : i + 256, j : j + 256])
//!         a[i : i + 256, j : j + 256] = np.fft.fft2(tile).real
//! a.flush()
//! ```

#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use outcore::ndarray::{Array2, Ix2, Zip, s};
use outcore::num_complex::Complex;
use outcore::ops::{Budget, Control, Direction, Norm, Resources, TileFft2, map_tiles};
use outcore::{FileArray, FileArrayMut, Output};
use std::error::Error;

/// No multiples of the tile's: the tiles at the ends are shorter.
const SHAPE: (usize, usize) = (1000, 1500);
const TILE: (usize, usize) = (256, 256);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (path, flat_path) = (folder.path().join("field.npy"), folder.path().join("flat.npy"));
    let resources = Resources::from(Budget::new(5 << 20));
    // Small whole numbers, so that their sums are exact.
    let before = Array2::from_shape_fn(SHAPE, |(row, column)| ((3 * row + column) % 8) as f32);
    let mut field = FileArrayMut::create(&path, SHAPE)?;
    field.write_window([0..SHAPE.0, 0..SHAPE.1], &before)?;

    // A kernel that needs two elements of each tile: its first, and its mean. Any closure will do;
    // it runs on several tiles at a time, and gets the window that the tile is a copy of.
    let flat = map_tiles(&field, TILE).named("subtract means").plan::<f32, f32>(resources)?;
    println!("{flat}");
    let mut output = Output::create(&flat_path, SHAPE)?;
    flat.run(
        &field,
        &mut output,
        |_, tile, mut out| {
            let mean = tile.mean().expect("no tile is empty");
            Zip::from(&mut out).and(&tile).for_each(|to, &from| *to = from - mean);
        },
        Control::new(),
    )?;
    output.commit()?;
    let means = FileArray::<f32, Ix2>::open(&flat_path)?.read()?;
    assert!(means.slice(s![..256, ..256]).mean().unwrap().abs() < 1e-4);

    // The loop above, in place: the real part of the transform of a copy of each tile.
    let fft = TileFft2::<f32>::new(SHAPE, TILE, Direction::Forward, Norm::Backward, resources);
    let copy_bytes = (TILE.0 * TILE.1 * size_of::<f32>()) as u64;
    let transform = map_tiles(&field, TILE)
        .kernel_bytes(fft.bytes() + copy_bytes)
        .named("fft2 per tile")
        .plan_in_place::<f32>(resources)?;
    println!("{transform}");
    transform.run_in_place(
        &mut field,
        |_, tile| {
            let copy = tile.to_owned();
            fft.apply(copy.view(), tile, |x| Complex::new(x, 0.0), |x| x.re);
        },
        Control::new(),
    )?;
    field.flush()?;

    // The first element of a tile's transform is the sum of the tile.
    for (row, column) in [(0, 0), (256, 512), (768, 1280)] {
        let sum = before.slice(s![row.., column..]);
        let (rows, columns) = (sum.nrows().min(256), sum.ncols().min(256));
        let sum = sum.slice(s![..rows, ..columns]).sum();
        let first = field.read_window([row..row + 1, column..column + 1])?[[0, 0]];
        println!("tile at [{row}, {column}]: first element {first}, sum {sum}");
        assert!((first - sum).abs() <= 1e-5 * sum);
    }
    Ok(())
}
