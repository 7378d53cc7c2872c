//! What all Fourier transforms share: their numbers, direction and norm.

use num_complex::Complex;
use outcore_storage::Element;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustdct::DctPlanner;
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};
use std::sync::Arc;

/// A floating-point number that transforms are computed in: `f32` or `f64`.
pub trait Real: FftNum + num_traits::Float + num_traits::FloatConst {
    /// The transform of a length.
    ///
    /// Not generic, so that RustFFT's many algorithms are compiled in this crate, once, and not in
    /// every program that transforms something.
    #[doc(hidden)]
    fn fft(len: usize, direction: Direction) -> Arc<dyn Fft<Self>>;

    /// The forward transform of a length from real numbers, to the first half of the frequencies.
    #[doc(hidden)]
    fn real_fft(len: usize) -> Arc<dyn RealToComplex<Self>>;

    /// Its inverse.
    #[doc(hidden)]
    fn real_ifft(len: usize) -> Arc<dyn ComplexToReal<Self>>;

    /// A planner of RustDCT's.
    #[doc(hidden)]
    fn dct_planner() -> DctPlanner<Self>;

    /// Complex numbers as pairs of real ones.
    #[doc(hidden)]
    fn parts(numbers: &mut [Complex<Self>]) -> &mut [Self];

    /// Pairs of real numbers as complex ones.
    #[doc(hidden)]
    fn pairs(numbers: &mut [Self]) -> &mut [Complex<Self>];
}

macro_rules! real {
    ($real:ty) => {
        impl Real for $real {
            fn fft(len: usize, direction: Direction) -> Arc<dyn Fft<Self>> {
                FftPlanner::new().plan_fft(len, direction.into())
            }

            fn real_fft(len: usize) -> Arc<dyn RealToComplex<Self>> {
                RealFftPlanner::new().plan_fft_forward(len)
            }

            fn real_ifft(len: usize) -> Arc<dyn ComplexToReal<Self>> {
                RealFftPlanner::new().plan_fft_inverse(len)
            }

            fn dct_planner() -> DctPlanner<Self> {
                DctPlanner::new()
            }

            fn parts(numbers: &mut [Complex<Self>]) -> &mut [Self] {
                bytemuck::cast_slice_mut(numbers)
            }

            fn pairs(numbers: &mut [Self]) -> &mut [Complex<Self>] {
                bytemuck::cast_slice_mut(numbers)
            }
        }
    };
}

real!(f32);
real!(f64);

/// The sign of the transform's exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// From space to frequency: exp(-2πi ...).
    #[default]
    Forward,
    /// From frequency to space: exp(+2πi ...).
    Inverse,
}

/// Which of the two directions is scaled; as in `numpy.fft`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Norm {
    /// The inverse transform by 1/N, where N is the number of elements.
    #[default]
    Backward,
    /// Both by 1/√N.
    Ortho,
    /// The forward transform by 1/N.
    Forward,
}

impl From<Direction> for FftDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self::Forward,
            Direction::Inverse => Self::Inverse,
        }
    }
}

impl Norm {
    pub(crate) fn scale<T: Real>(self, direction: Direction, len: usize) -> T {
        let len = T::from(len).expect("a length is a number");
        match (self, direction) {
            (Self::Ortho, _) => len.sqrt().recip(),
            (Self::Backward, Direction::Inverse) | (Self::Forward, Direction::Forward) => {
                len.recip()
            }
            _ => T::one(),
        }
    }
}

/// A number as the complex number that its transform is computed in: `f32` and narrower than 32
/// bits as `Complex<f32>`, all others as `Complex<f64>`.
pub trait ToComplex: Element {
    /// The type of the transform.
    type Real: Real;

    /// The number with an imaginary part of zero.
    fn to_complex(self) -> Complex<Self::Real>;
}

macro_rules! to_complex {
    ($($number:ty => $real:ty, $convert:expr;)+) => {$(
        impl ToComplex for $number {
            type Real = $real;

            fn to_complex(self) -> Complex<$real> {
                let convert: fn($number) -> $real = $convert;
                Complex::new(convert(self), 0.0)
            }
        }
    )+};
}

#[expect(clippy::cast_precision_loss, reason = "NumPy rounds 64-bit integers to f64 too")]
mod conversions {
    use super::{Complex, ToComplex};
    use half::f16;

    to_complex! {
        bool => f32, |x| f32::from(u8::from(x));
        i8 => f32, f32::from; i16 => f32, f32::from; u8 => f32, f32::from; u16 => f32, f32::from;
        f16 => f32, f32::from; f32 => f32, |x| x;
        i32 => f64, f64::from; u32 => f64, f64::from; f64 => f64, |x| x;
        i64 => f64, |x| x as f64; u64 => f64, |x| x as f64;
    }
}

impl ToComplex for Complex<f32> {
    type Real = f32;

    fn to_complex(self) -> Self {
        self
    }
}

impl ToComplex for Complex<f64> {
    type Real = f64;

    fn to_complex(self) -> Self {
        self
    }
}
