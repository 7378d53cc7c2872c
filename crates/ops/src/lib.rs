//! Operations on arrays larger than memory, within a budget that is fixed beforehand.
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
//! An operation decides, then does. Given the layout of its input and a [`Budget`], it makes a
//! [`Plan`]: passes over tiles, the bytes that they move and the memory that they hold. A plan
//! prints itself; if the operation does not fit the budget, there is no plan but an error that
//! names the smallest budget that would do. Then it runs, from a
//! [`Source`](outcore_storage::Source) to a [`Sink`](outcore_storage::Sink), through the one
//! streaming loop, which overlaps reading, computing and writing.
//!
//! What holds for every operation: it stays within its budget, it moves exactly the bytes of its
//! plan, and its results are the same bit for bit whatever the budget, the tiling and the number of
//! threads.
//!
//! ```
//! use ndarray::Array2;
//! use num_complex::Complex;
//! use outcore_ops::{Budget, Control, fft2};
//!
//! // The transform of a constant is a peak at frequency zero.
//! let field = Array2::from_elem((4, 8), Complex::new(1.0, 0.0));
//! let mut spectrum = Array2::zeros((4, 8));
//! let plan = fft2(&field).plan(Budget::new(1 << 20))?;
//! plan.run(&field, &mut spectrum, Control::new())?;
//! assert_eq!(spectrum[[0, 0]], Complex::new(32.0, 0.0));
//! assert_eq!(spectrum.sum(), Complex::new(32.0, 0.0));
//! # Ok::<(), outcore_ops::Error>(())
//! ```

#![forbid(unsafe_code)]

mod adaptor;
mod budget;
mod carried;
mod control;
mod dct;
mod error;
mod expression;
mod fft;
mod fourier;
mod frequency;
mod generate;
mod grouped;
mod histogram;
mod irfft;
#[doc(hidden)]
pub mod kernels;
mod lanes;
mod map_tiles;
mod number;
mod ordered;
mod pass;
mod plan;
mod quantile;
mod reduce;
mod reduce_rows;
mod rfft;
mod scan;
mod signal;
mod spectral;
mod stats;
mod store;
mod stream;
mod sweep;
mod thumbnail;
mod tile;
mod tile_fft2;
mod tiling;
mod transfer;
mod transpose_in_place;

pub use adaptor::{Cast, CastSource, Lazy, MapSink, MapSource, SinkExt, Zip2, Zip3, Zip4, lazy};
pub use budget::{Budget, Bytes, Resources};
pub use carried::Carried;
pub use control::{Control, Progress};
pub use dct::{Dct, DctPlan, Trigonometric, dct, idct};
pub use error::{Error, Result};
pub use expression::{AnySource, Casting, Evaluation, EvaluationPlan, Expression};
pub use fft::{Fft, FftPlan, fft, fft2, fftn, ifft, ifft2, ifftn};
pub use fourier::{Direction, Norm, Real, ToComplex};
pub use frequency::{fftfreq, next_fast_len, rfftfreq};
pub use generate::{
    Arange, Constant, Generated, Generator, Indices, Linspace, OfF64, RandomInteger,
    RandomIntegers, RandomNormal, RandomUniform, Step, arange, constant, indices, linspace,
    random_integers, random_normal, random_uniform,
};
pub use histogram::{Histogram, HistogramPlan, HistogramRequest, histogram};
pub use irfft::{Irfft, IrfftPlan, irfft, irfftn};
pub use map_tiles::{MapTiles, MapTilesPlan, map_tiles};
pub use number::{Float, Number, Wide};
pub use ordered::Ordered;
pub use plan::{PassPlan, Plan, Report};
pub use quantile::{Between, Method, Quantile, QuantileAlongPlan, QuantilePlan, quantile};
pub use reduce::{
    ArgExtremum, CountNonzero, Extremum, Mean, NormOf, PeakToPeak, Product, Reduce, ReducePlan,
    Reducer, SkipNan, Sum, Truth, Variance, reduce,
};
pub use reduce_rows::dft2_bins;
pub use rfft::{Rfft, RfftPlan, rfft, rfftn};
pub use scan::{CumExtremum, CumProd, CumSum, Scan, ScanPlan, Scanner, scan};
pub use signal::Signal;
pub use spectral::{
    Convolve, ConvolvePlan, FilterPlan, Mode, PowerPlan, PowerSpectrum, RadialPlan, RadialRequest,
    RadialSpectrum, SpectralFilter, fftconvolve, fftcorrelate, power_spectrum, radial_spectrum,
    spectral_filter,
};
pub use stats::{Stats, StatsPlan, StatsRequest, stats};
pub use store::{Store, StorePlan, store};
pub use stream::PassReport;
pub use thumbnail::{Thumbnail, ThumbnailPlan, thumbnail};
pub use tile_fft2::TileFft2;
pub use tiling::Tiling;
pub use transpose_in_place::{TransposeInPlace, TransposeInPlacePlan, transpose_in_place};
