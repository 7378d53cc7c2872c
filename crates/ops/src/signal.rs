//! What is filtered and convolved: real numbers, whose spectrum is half as long along one axis, and complex
//! ones.
//!
//! ```text
//!     n real numbers                n / 2 + 1 complex ones
//!     ┌───────────────────┐         ┌──────────┐┄┄┄┄┄┄┄┄┐
//!     │ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ │  ──▶    │ 0 .. n/2 │ conj.   ┆   the other half is never computed
//!     └───────────────────┘         └──────────┘┄┄┄┄┄┄┄┄┘
//! ```

use num_complex::Complex;
use outcore_storage::Element;
use rayon::prelude::*;
use std::sync::Arc;

use crate::fourier::Real;
use crate::lanes::{FromHalf, ToHalf, half};

/// A number that is filtered and convolved: `f32`, `f64` and complex numbers of these.
///
/// Other numbers are converted on the way, by [`Lazy::map`](crate::Lazy::map) or
/// [`Lazy::cast`](crate::Lazy::cast).
pub trait Signal: Element {
    /// What its transforms are computed in.
    type Real: Real + Element;

    /// Whether the spectrum is half as long along one axis.
    #[doc(hidden)]
    const IS_REAL: bool;

    /// The complex conjugate.
    #[doc(hidden)]
    #[must_use]
    fn conj(self) -> Self;

    /// Makes lanes of the spectrum from lanes of a tile; complex numbers are copied only.
    #[doc(hidden)]
    fn to_spectrum(
        halves: Option<&Halves<Self::Real>>,
        from: &mut [Self],
        to: &mut [Complex<Self::Real>],
    );

    /// Makes lanes of a tile from lanes of the spectrum, which are overwritten.
    #[doc(hidden)]
    fn from_spectrum(
        halves: Option<&Halves<Self::Real>>,
        from: &mut [Complex<Self::Real>],
        to: &mut [Self],
    );
}

/// Elements that a thread converts at a time.
const CONVERTED: usize = 1 << 14;

macro_rules! signal {
    ($($real:ty),+) => {$(
        impl Signal for $real {
            type Real = $real;
            const IS_REAL: bool = true;

            fn conj(self) -> Self {
                self
            }

            fn to_spectrum(
                halves: Option<&Halves<$real>>,
                from: &mut [$real],
                to: &mut [Complex<$real>],
            ) {
                match halves {
                    Some(halves) => halves.forward(from, to),
                    // A single element.
                    None => to.iter_mut().zip(from).for_each(|(to, &mut x)| *to = x.into()),
                }
            }

            fn from_spectrum(
                halves: Option<&Halves<$real>>,
                from: &mut [Complex<$real>],
                to: &mut [$real],
            ) {
                match halves {
                    Some(halves) => halves.inverse(from, to),
                    None => to.iter_mut().zip(from).for_each(|(to, x)| *to = x.re),
                }
            }
        }

        impl Signal for Complex<$real> {
            type Real = $real;
            const IS_REAL: bool = false;

            fn conj(self) -> Self {
                Complex::conj(&self)
            }

            fn to_spectrum(_: Option<&Halves<$real>>, from: &mut [Self], to: &mut [Self]) {
                let parts = to.par_chunks_mut(CONVERTED).zip(from.par_chunks(CONVERTED));
                parts.for_each(|(to, from)| to.copy_from_slice(from));
            }

            fn from_spectrum(_: Option<&Halves<$real>>, from: &mut [Self], to: &mut [Self]) {
                let parts = to.par_chunks_mut(CONVERTED).zip(from.par_chunks(CONVERTED));
                parts.for_each(|(to, from)| to.copy_from_slice(from));
            }
        }
    )+};
}

signal!(f32, f64);

/// The length of the spectrum of so many elements along the axis that is halved.
pub(crate) fn spectrum_len<A: Signal>(len: usize) -> usize {
    if A::IS_REAL { half(len) } else { len }
}

/// The transforms between real lanes of a length and the first halves of their spectra, both ways.
#[doc(hidden)]
#[derive(Clone)]
pub struct Halves<T: Real> {
    forward: Arc<ToHalf<T>>,
    inverse: Arc<FromHalf<T>>,
    /// The elements between neighbours of a lane.
    inner: usize,
}

impl<T: Real + Element> Halves<T>
where
    Complex<T>: Element,
{
    /// For this many threads; what comes back is scaled.
    pub(crate) fn new(len: usize, scale: T, threads: usize, inner: usize) -> Self {
        let forward = Arc::new(ToHalf::new(len, T::one(), threads, inner));
        let inverse = Arc::new(FromHalf::new(len, scale, threads, inner));
        Self { forward, inverse, inner }
    }

    /// The same for a tile that is narrower, with the same scratch.
    pub(crate) fn narrowed(&self, inner: usize) -> Self {
        Self { inner, ..self.clone() }
    }

    /// Transforms all lanes, on all threads of the current pool; overwrites what it reads.
    fn forward(&self, from: &mut [T], to: &mut [Complex<T>]) {
        self.forward.apply(from, to, self.inner);
    }

    /// The way back, which is scaled.
    fn inverse(&self, from: &mut [Complex<T>], to: &mut [T]) {
        self.inverse.apply(from, to, self.inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
    fn lanes_that_lie_apart_are_those_that_lie_together() {
        for (len, inner) in [(1, 3), (2, 1), (7, 5), (12, 40), (33, 2)] {
            let noise = |index: usize| ((index * 7919 + 13) % 101) as f64 - 50.0;
            let tile: Vec<f64> = (0..2 * len * inner).map(noise).collect();
            let (half, scale) = (len / 2 + 1, 1.0 / len as f64);
            let apart = Halves::new(len, scale, 2, inner);
            let together = Halves::new(len, scale, 1, 1);
            let mut spectrum = vec![Complex::default(); 2 * half * inner];
            apart.forward(&mut tile.clone(), &mut spectrum);
            for lane in 0..2 * inner {
                let at = |row: usize, len: usize| (lane / inner * len + row) * inner + lane % inner;
                let mut one: Vec<f64> = (0..len).map(|row| tile[at(row, len)]).collect();
                let mut expected = vec![Complex::default(); half];
                together.forward(&mut one, &mut expected);
                let found: Vec<_> = (0..half).map(|row| spectrum[at(row, half)]).collect();
                assert_eq!(found, expected);
            }
            let mut back = vec![0.0; tile.len()];
            apart.inverse(&mut spectrum, &mut back);
            assert!(tile.iter().zip(&back).all(|(one, other)| (one - other).abs() < 1e-12));
        }
    }
}
