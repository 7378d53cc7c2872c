//! Data to try things on: a small real elevation model, and terrain of any size grown from it.
//!
//! - [`elevation`] is 344 x 403 heights around Jacksboro, Tennessee, from the Shuttle Radar
//!   Topography Mission. Its origin and licence are in the README beside this crate.
//! - [`Terrain`] is the same landscape with as many rows and columns as one asks for: a
//!   [`Source`](outcore_storage::Source) of `f32` that computes its tiles, so that an array far
//!   larger than memory, or than the disk, needs no download and no space.
//!
//! ```
//! use ndarray::Array2;
//! use outcore_datasets::Terrain;
//! use outcore_storage::{Source, Window};
//!
//! let terrain = Terrain::new(100_000, 100_000)?; // 40 GB, of which this reads 40 KB.
//! let mut tile = Array2::zeros((100, 100));
//! terrain.read_tile(&Window::from([70_000..70_100, 0..100]), tile.view_mut())?;
//! assert!(tile.iter().all(|height| (200.0..1100.0).contains(height)));
//! # Ok::<(), outcore_storage::Error>(())
//! ```

mod octave;
mod terrain;

use ndarray::Array2;
use outcore_storage::npy::Header;
use outcore_storage::{ByteOrder, DType, Order};

pub use terrain::Terrain;

const FILE: &[u8] = include_bytes!("../jacksboro.npy");

/// The heights in metres above sea level: 344 rows from north to south, 403 columns from west to
/// east, one every three seconds of arc.
///
/// # Panics
///
/// Never: the file is part of this crate, and its tests read it.
pub fn elevation() -> Array2<i16> {
    let mut rest = FILE;
    let (header, ..) = Header::read(&mut rest).expect("jacksboro.npy has a header");
    let kind = (header.dtype, header.byte_order, header.order);
    assert_eq!(kind, (DType::I16, ByteOrder::Little, Order::C), "jacksboro.npy has another type");
    let (numbers, _) = rest.as_chunks();
    let heights = numbers.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect();
    Array2::from_shape_vec((header.shape[0], header.shape[1]), heights)
        .expect("jacksboro.npy is as long as its header says")
}
