//! ndarray for arrays larger than memory: typed views of files, and operations on them within a
//! memory budget that is fixed beforehand.
//!
//! ```text
//!     array on disk            tile in RAM               array on disk
//!     ┌──────────────┐         ┌──────────────┐          ┌──────────────┐
//!     ├──────────────┤  read   │ ▓▓▓▓ kernel  │  write   ├──────────────┤
//!     │▒▒▒ window ▒▒▒│ ──────▶ │ ▓▓▓▓ on all  │ ───────▶ │▒▒▒ window ▒▒▒│
//!     ├──────────────┤         │ ▓▓▓▓ cores   │          ├──────────────┤
//!     └──────────────┘         └──────────────┘          └──────────────┘
//! ```
//!
//! An **array** lies on disk. A **window** is a box of its indices, and a **tile** is a window's copy
//! in RAM. A **kernel** works on one tile, a **pass** applies a kernel to all tiles, and a **plan**
//! is the passes of an operation, fitted to a **budget**: the memory that it may hold.
//!
//! # Arrays in files
//!
//! [`FileArray`] reads and writes windows; [`FileArrayMut`] is one that can be written. A file that
//! is cut short, a full disk or a foreign byte order is an error or simply works; nothing is mapped.
//!
//! ```
//! use outcore::ndarray::{Ix2, array};
//! use outcore::{FileArray, FileArrayMut};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("field.npy");
//! let mut field = FileArrayMut::<f64, _>::create(&path, (1000, 1000))?;
//! field.write_window([500..501, 2..4], &array![[1.5, 2.5]])?;
//! field.close()?; // Durable when this returns.
//!
//! let field = FileArray::<f64, Ix2>::open(&path)?;
//! assert_eq!(field.read_window([499..501, 3..4])?, array![[0.0], [2.5]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`MappedArray`] is the same file as an ndarray view, without a copy: what `numpy.memmap` is. The
//! map of a file that has a name is sound only if nobody else changes the file, so its constructors
//! are `unsafe`. Private scratch files need no such promise:
//!
//! ```
//! use outcore::MappedArrayMut;
//!
//! let mut field = MappedArrayMut::<f32, _>::scratch(std::env::temp_dir(), (2, 3))?;
//! field.view_mut().row_mut(1).fill(7.0);
//! assert_eq!(field.view().sum(), 21.0);
//! # Ok::<(), outcore::Error>(())
//! ```
//!
//! [`Options`] has everything else: raw files with an offset, byte orders, Fortran order, locks, the
//! page cache. [`Output`] is a file that appears whole or not at all.
//!
//! # Operations
//!
//! An operation decides, then does. It makes a plan from the layout of its input and a budget. The
//! plan prints itself; what does not fit the budget has no plan, but an error that names the
//! smallest budget that would do.
//!
//! ```
//! use outcore::ndarray::array;
//! use outcore::num_complex::Complex;
//! use outcore::ops::{Budget, Control, fft2};
//! use outcore::{FileArrayMut, Output};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (input, path) = (folder.path().join("field.npy"), folder.path().join("spectrum.npy"));
//! // An array of 2 MiB with an impulse in its corner.
//! let mut field = FileArrayMut::<Complex<f32>, _>::create(&input, (512, 512))?;
//! field.write_window([0..1, 0..1], &array![[Complex::new(1.0, 0.0)]])?;
//!
//! let transform = fft2(&field).plan(Budget::new(512 << 10))?;
//! assert_eq!(transform.plan().passes.len(), 2);
//! assert!(transform.plan().memory() <= 512 << 10);
//!
//! let mut spectrum = Output::create(&path, field.dim())?;
//! transform.run(&field, &mut spectrum, Control::new())?;
//! // The spectrum of an impulse is flat.
//! assert_eq!(spectrum.array().read_window([7..8, 9..10])?, array![[Complex::new(1.0, 0.0)]]);
//! spectrum.commit()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`ops::fft2`] and [`ops::ifft2`] transform a 2-D array of any size, [`ops::fftn`] and its like any
//!   axes, [`ops::rfftn`] real numbers, [`ops::dct`] to cosines and sines.
//! - [`ops::spectral_filter`] multiplies the spectrum by a function of frequency, and
//!   [`ops::fftconvolve`] convolves with a kernel of any size, both in three passes;
//!   [`ops::power_spectrum`] and [`ops::radial_spectrum`] tell how strong each frequency is.
//! - [`ops::map_tiles`] runs a kernel of yours on every tile; [`ops::TileFft2`] is one ready-made.
//! - [`ops::thumbnail`] and [`ops::dft2_bins`] reduce an array to a few numbers.
//! - [`ops::Lazy::map`] and [`ops::SinkExt::map_sink`] change elements on their way, so
//!   that `i16` on disk can be `Complex<f32>` in a tile, at no cost in passes.
//!
//! Operations read from a [`Source`] and write to a [`Sink`]. Files are both, and so is every ndarray
//! array, so a test needs no file.
//!
//! # Errors
//!
//! [`Error`] is what operations return: a refusal, a cancellation, or an error of storage. An error
//! of storage, [`storage::Error`], names the file and both numbers, and turns into an [`Error`] by
//! `?`. So a program of both returns [`outcore::Result`](Result).
//!
//! # Where to look
//!
//! The README has the command line, what is promised and what the limits are. The folder `examples`
//! answers one question a file. `docs/numpy.md` is the phrase book from `numpy.memmap`,
//! `docs/guarantees.md` has each promise with the test that keeps it, and `docs/safety.md` the argument
//! for each `unsafe` block. `ARCHITECTURE.md` is the map of the code.
//!
//! Arrays, views and complex numbers are those of [`ndarray`] and [`num_complex`], which are
//! re-exported so that versions match.

pub use ndarray;
pub use num_complex;
pub use outcore_ops as ops;
pub use outcore_storage as storage;

#[doc(inline)]
pub use outcore_ops::{Error, Result};
#[doc(inline)]
pub use outcore_storage::*;

/// The programs of the README, which are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
