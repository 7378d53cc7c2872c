//! How do I read what an instrument wrote: a header of its own, then big-endian 16-bit numbers?
//!
//! In Python: `np.memmap("scan.dat", ">i2", "r", offset=21, shape=(200, 300))`.

use outcore::ndarray::{Array2, s};
use outcore::ops::{Budget, Control, ToComplex, fft2, lazy};
use outcore::{ByteOrder, FileArrayMut, MappedArray, Options};
use std::error::Error;
use std::fs;
use std::path::Path;

const HEADER: &[u8] = b"SCANNER 9 200x300 i2\n";
const SHAPE: (usize, usize) = (200, 300);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scan.dat");
    let mut count = 0_i16;
    let counts = Array2::from_shape_simple_fn(SHAPE, || {
        count = (count + 37) % 1000;
        count
    });
    write_scan(&path, &counts)?;

    // The file does not say what it holds, so the program does. The offset may be any number: 21 is
    // a multiple of nothing here.
    let options = Options::new().offset(HEADER.len() as u64).byte_order(ByteOrder::Big);
    let scan = options.open_raw::<i16, _>(&path, SHAPE)?;
    let part = scan.read_window([10..12, 20..23])?;
    println!("rows 10 and 11, columns 20 to 23:\n{part}");
    assert_eq!(part, counts.slice(s![10..12, 20..23]));

    // A shape that the file is too short for is an error with both numbers.
    let error = options.open_raw::<i16, _>(&path, (200, 301)).unwrap_err();
    println!("one column more: {}", error.kind());
    assert_eq!(error.kind().to_string(), "is 120021 bytes long, but its shape needs 120421");

    // Its transform, straight from the file: each number becomes complex as its tile is read. It
    // goes to a file without a name, which is gone when it is closed.
    let mut spectrum = FileArrayMut::scratch(&folder, SHAPE)?;
    let transform = fft2(&scan).plan::<f32>(Budget::new(256 << 10))?;
    println!("{transform}");
    transform.run(&lazy(&scan).map(i16::to_complex), &mut spectrum, Control::new())?;
    let sum = spectrum.read_window([0..1, 0..1])?[[0, 0]];
    let expected = f64::from(counts.iter().map(|&count| i32::from(count)).sum::<i32>());
    println!("sum of all counts: {expected}; first element of the transform: {sum}");
    assert!((f64::from(sum.re) - expected).abs() < 1e-6 * expected);

    // Such a file cannot be mapped: views need this machine's byte order and alignment.
    let error = MappedArray::map_immutable(scan).unwrap_err();
    println!("mapped: {}", error.kind());
    assert!(error.kind().to_string().contains("read it through a FileArray"));
    Ok(())
}

fn write_scan(path: &Path, counts: &Array2<i16>) -> std::io::Result<()> {
    let numbers = counts.iter().flat_map(|count| count.to_be_bytes());
    fs::write(path, HEADER.iter().copied().chain(numbers).collect::<Vec<_>>())
}
