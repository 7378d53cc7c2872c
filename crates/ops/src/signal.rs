//! What is filtered and convolved: real numbers, whose spectrum is half as long along one axis, and complex
//! ones.
//!
//! ```text
//!     n real numbers                n / 2 + 1 complex ones
//!     ┌───────────────────┐         ┌──────────┐┄┄┄┄┄┄┄┄┐
//!     │ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ ▸ │  ──▶    │ 0 .. n/2 │ conj.   ┆   the other half is never computed
//!     └───────────────────┘         └──────────┘┄┄┄┄┄┄┄┄┘
//! ```

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use num_complex::Complex;
use outcore_storage::Element;
use rayon::prelude::*;
use realfft::{ComplexToReal, RealToComplex};
use std::sync::Arc;

use crate::fourier::Real;
use crate::lanes::cost;
use crate::tile::{PerThread, group_len};

/// A number that is filtered and convolved: `f32`, `f64` and complex numbers of these.
///
/// Other numbers are converted on the way, by [`Lazy::map`](crate::Lazy::map) or
/// [`Lazy::cast`](crate::Lazy::cast).
pub trait Signal: Element {
    /// What its transforms are computed in.
    type Real: Real;

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
        halves: Option<&Halves<'_, Self::Real>>,
        from: &mut [Self],
        to: &mut [Complex<Self::Real>],
    );

    /// Makes lanes of a tile from lanes of the spectrum, which are overwritten.
    #[doc(hidden)]
    fn from_spectrum(
        halves: Option<&Halves<'_, Self::Real>>,
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
                halves: Option<&Halves<'_, $real>>,
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
                halves: Option<&Halves<'_, $real>>,
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

            fn to_spectrum(_: Option<&Halves<'_, $real>>, from: &mut [Self], to: &mut [Self]) {
                let parts = to.par_chunks_mut(CONVERTED).zip(from.par_chunks(CONVERTED));
                parts.for_each(|(to, from)| to.copy_from_slice(from));
            }

            fn from_spectrum(_: Option<&Halves<'_, $real>>, from: &mut [Self], to: &mut [Self]) {
                let parts = to.par_chunks_mut(CONVERTED).zip(from.par_chunks(CONVERTED));
                parts.for_each(|(to, from)| to.copy_from_slice(from));
            }
        }
    )+};
}

signal!(f32, f64);

/// The length of the spectrum of so many elements along the axis that is halved.
pub(crate) fn spectrum_len<A: Signal>(len: usize) -> usize {
    if A::IS_REAL { len / 2 + 1 } else { len }
}

/// The transforms between real lanes of a length and the first halves of their spectra, both ways.
pub(crate) struct HalfLanes<T> {
    forward: Arc<dyn RealToComplex<T>>,
    inverse: Arc<dyn ComplexToReal<T>>,
    /// What the inverse is multiplied by.
    scale: T,
}

impl<T: Real> HalfLanes<T>
where
    Complex<T>: Element,
{
    pub(crate) fn new(len: usize, scale: T) -> Self {
        Self { forward: T::real_fft(len), inverse: T::real_ifft(len), scale }
    }

    /// The transforms of the lanes of tiles with `inner` elements between neighbours of a lane.
    pub(crate) fn of_tiles(&self, inner: usize, threads: usize) -> Halves<'_, T> {
        let (len, half) = (self.forward.len(), self.forward.len() / 2 + 1);
        let gathered = usize::from(inner > 1);
        let fft = self.forward.get_scratch_len().max(self.inverse.get_scratch_len());
        let scratch = PerThread::new(threads, || Scratch {
            real: vec![T::zero(); gathered * len],
            half: vec![Complex::default(); gathered * half],
            fft: vec![Complex::default(); fft],
        });
        Halves { lanes: self, inner, scratch }
    }
}

/// Upper bounds of what transforms of real lanes of a length hold: `(tables, scratch per thread)`, in complex
/// elements.
pub(crate) fn half_cost(len: usize) -> (u64, u64) {
    let (tables, fft) = cost(len);
    let elements = len as u64;
    // Those of a lane are of at most its length, with factors to put its halves together; and gathered
    // lanes, real and complex.
    (2 * (tables + elements), fft + elements + (elements + 2))
}

struct Scratch<T> {
    real: Vec<T>,
    half: Vec<Complex<T>>,
    fft: Vec<Complex<T>>,
}

/// The same for tiles of some shape, with scratch for each thread.
#[doc(hidden)]
pub struct Halves<'a, T> {
    lanes: &'a HalfLanes<T>,
    inner: usize,
    scratch: PerThread<Scratch<T>>,
}

impl<T: Real> Halves<'_, T>
where
    Complex<T>: Element,
{
    /// Transforms all lanes, on all threads of the current pool; overwrites what it reads.
    fn forward(&self, from: &mut [T], to: &mut [Complex<T>]) {
        let (len, inner) = (self.lanes.forward.len(), self.inner);
        let blocks = from.par_chunks_mut(len * inner).zip(to.par_chunks_mut((len / 2 + 1) * inner));
        if inner == 1 {
            return blocks.for_each(|(from, to)| {
                self.scratch.with(|scratch| self.lanes.forward(from, to, &mut scratch.fft));
            });
        }
        blocks.for_each(|(from, to)| {
            let from = ArrayView2::from_shape((len, inner), from).expect("whole lanes");
            let mut to = ArrayViewMut2::from_shape((len / 2 + 1, inner), to).expect("whole lanes");
            let width = group_len::<Complex<T>>(inner);
            let groups = from.axis_chunks_iter(Axis(1), width).into_par_iter();
            let groups = groups.zip(to.axis_chunks_iter_mut(Axis(1), width));
            groups.for_each(|(from, mut to)| {
                self.scratch.with(|Scratch { real, half, fft }| {
                    for (from, mut to) in from.columns().into_iter().zip(to.columns_mut()) {
                        real.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
                        self.lanes.forward(real, half, fft);
                        to.iter_mut().zip(&*half).for_each(|(to, &from)| *to = from);
                    }
                });
            });
        });
    }

    /// The way back, which is scaled.
    fn inverse(&self, from: &mut [Complex<T>], to: &mut [T]) {
        let (len, inner) = (self.lanes.forward.len(), self.inner);
        let blocks = from.par_chunks_mut((len / 2 + 1) * inner).zip(to.par_chunks_mut(len * inner));
        if inner == 1 {
            return blocks.for_each(|(from, to)| {
                self.scratch.with(|scratch| self.lanes.inverse(from, to, &mut scratch.fft));
            });
        }
        blocks.for_each(|(from, to)| {
            let from = ArrayView2::from_shape((len / 2 + 1, inner), from).expect("whole lanes");
            let mut to = ArrayViewMut2::from_shape((len, inner), to).expect("whole lanes");
            let width = group_len::<Complex<T>>(inner);
            let groups = from.axis_chunks_iter(Axis(1), width).into_par_iter();
            let groups = groups.zip(to.axis_chunks_iter_mut(Axis(1), width));
            groups.for_each(|(from, mut to)| {
                self.scratch.with(|Scratch { real, half, fft }| {
                    for (from, mut to) in from.columns().into_iter().zip(to.columns_mut()) {
                        half.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
                        self.lanes.inverse(half, real, fft);
                        to.iter_mut().zip(&*real).for_each(|(to, &from)| *to = from);
                    }
                });
            });
        });
    }
}

impl<T: Real> HalfLanes<T> {
    fn forward(&self, from: &mut [T], to: &mut [Complex<T>], scratch: &mut [Complex<T>]) {
        let done = self.forward.process_with_scratch(from, to, scratch);
        done.expect("buffers of these lengths");
    }

    fn inverse(&self, from: &mut [Complex<T>], to: &mut [T], scratch: &mut [Complex<T>]) {
        // Real numbers have no imaginary part there: what is left of it is not theirs.
        let (first, last) = (0, from.len() - 1);
        from[first].im = T::zero();
        if self.inverse.len().is_multiple_of(2) {
            from[last].im = T::zero();
        }
        let done = self.inverse.process_with_scratch(from, to, scratch);
        done.expect("buffers of these lengths");
        for x in to {
            *x = *x * self.scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimated_scratch_is_an_upper_bound() {
        for len in (1..2000).chain([4096, 5239, 10_007, 65_536, 65_537, 99_991]) {
            let lanes = HalfLanes::<f32>::new(len, 1.0);
            let fft = lanes.forward.get_scratch_len().max(lanes.inverse.get_scratch_len());
            assert!((fft + len) as u64 <= half_cost(len).1, "length {len}");
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
    fn lanes_that_lie_apart_are_those_that_lie_together() {
        for (len, inner) in [(1, 3), (2, 1), (7, 5), (12, 40), (33, 2)] {
            let noise = |index: usize| ((index * 7919 + 13) % 101) as f64 - 50.0;
            let tile: Vec<f64> = (0..2 * len * inner).map(noise).collect();
            let (half, scale) = (len / 2 + 1, 1.0 / len as f64);
            let lanes = HalfLanes::new(len, scale);
            let mut spectrum = vec![Complex::default(); 2 * half * inner];
            lanes.of_tiles(inner, 2).forward(&mut tile.clone(), &mut spectrum);
            for lane in 0..2 * inner {
                let at = |row: usize, len: usize| (lane / inner * len + row) * inner + lane % inner;
                let mut one: Vec<f64> = (0..len).map(|row| tile[at(row, len)]).collect();
                let mut expected = vec![Complex::default(); half];
                lanes.of_tiles(1, 1).forward(&mut one, &mut expected);
                let found: Vec<_> = (0..half).map(|row| spectrum[at(row, half)]).collect();
                assert_eq!(found, expected);
            }
            let mut back = vec![0.0; tile.len()];
            lanes.of_tiles(inner, 2).inverse(&mut spectrum, &mut back);
            assert!(tile.iter().zip(&back).all(|(one, other)| (one - other).abs() < 1e-12));
        }
    }
}
