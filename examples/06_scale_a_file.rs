//! How do I work through a file at the speed of the disk?
//!
//! ```text
//! cargo run --release --example 06_scale_a_file -- IN.npy OUT.npy [FACTOR] [--memory SIZE]
//! ```
//!
//! In Python, one block after another, and each waits for the disk:
//!
//! ```python
//! a = np.load("in.npy", mmap_mode="r")
//! b = np.lib.format.open_memmap("out.npy", "w+", a.dtype, a.shape)
//! for i in range(0, a.shape[0], 64):
//!     b[i : i + 64] = 2 * a[i : i + 64]
//! b.flush()
//! ```
//!
//! Without arguments it makes a small file and scales that.

#![expect(clippy::cast_precision_loss, reason = "the numbers are small")]

use outcore::ndarray::{Array2, Ix2, Zip};
use outcore::ops::{Budget, Bytes, Control, map_tiles};
use outcore::{FileArray, FileArrayMut, Output};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut budget = Budget::default();
    if let Some(place) = arguments.iter().position(|argument| argument == "--memory") {
        budget =
            arguments.get(place + 1).ok_or("--memory needs a size, such as 512MiB")?.parse()?;
        arguments.drain(place..place + 2);
    }
    match &arguments[..] {
        [] => small(),
        [input, output] => scale(input.as_ref(), output.as_ref(), 2.0, budget),
        [input, output, factor] => scale(input.as_ref(), output.as_ref(), factor.parse()?, budget),
        _ => Err("usage: IN.npy OUT.npy [FACTOR] [--memory SIZE]".into()),
    }
}

/// Multiplies each element of a file by a factor, into another file.
fn scale(input: &Path, output: &Path, factor: f32, budget: Budget) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let array = FileArray::<f32, Ix2>::open(input)?;
    // The plan reads tiles that lie side by side together, in runs as long as the budget allows;
    // while they are scaled on all cores, the next ones are read and the last ones written.
    let tiles = map_tiles(&array, (64, 1024)).named("scale").plan::<f32, f32>(budget)?;
    println!("{tiles}");
    let mut scaled = Output::create(output, array.dim())?;
    let report = tiles.run(
        &array,
        &mut scaled,
        |_, tile, mut out| Zip::from(&mut out).and(&tile).for_each(|to, &from| *to = factor * from),
        Control::new(),
    )?;
    scaled.commit()?;
    let (moved, seconds) = (report.bytes_read() + report.bytes_written(), begin.elapsed());
    let rate = u128::from(moved) * 1000 / seconds.as_millis().max(1);
    println!("  moved {} at {}/s", Bytes(moved), Bytes(rate.try_into()?));
    Ok(())
}

/// The same with a file of 12 MB, no side of which is a multiple of a tile's.
fn small() -> Result<(), Box<dyn Error>> {
    const SHAPE: (usize, usize) = (1000, 3000);
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("in.npy"), folder.path().join("out.npy"));
    let numbers = Array2::from_shape_fn(SHAPE, |(row, column)| ((7 * row + column) % 1000) as f32);
    let mut array = FileArrayMut::create(&input, SHAPE)?;
    array.write_window([0..SHAPE.0, 0..SHAPE.1], &numbers)?;
    array.close()?;

    scale(&input, &output, 2.0, Budget::new(4 << 20))?;
    let scaled = FileArray::<f32, Ix2>::open(&output)?.read()?;
    println!("element [999, 2999]: {}, was {}", scaled[[999, 2999]], numbers[[999, 2999]]);
    assert_eq!(scaled, 2.0 * &numbers);

    // An output that exists is not replaced, unless the program asks for it.
    let error = scale(&input, &output, 2.0, Budget::new(4 << 20)).unwrap_err();
    println!("again: {error}");
    Ok(())
}
