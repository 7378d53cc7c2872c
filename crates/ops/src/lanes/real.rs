//! Transforms between lanes of real numbers and the halves of their spectra.
//!
//! The transform of real numbers is hermitian: frequency N - k is the conjugate of frequency k. So of
//! N real numbers the first N/2 + 1 frequencies say all. Very long lanes are cut in two: see `long_real.rs`.

use num_complex::Complex;
use outcore_storage::Element;
use realfft::{ComplexToReal, RealToComplex};
use std::sync::Arc;

use super::long_real::{LongReal, long_cost};
use super::{cost, real_factors};
use crate::fourier::{Direction, Real};
use crate::tile::{PerThread, into_lens, par_lanes_into};

/// The number of frequencies that say all of the spectrum of so many real numbers.
pub(crate) fn half(len: usize) -> usize {
    len / 2 + 1
}

/// The forward transform of real lanes, times a scale.
pub(crate) struct ToHalf<T: Real> {
    algorithm: Algorithm<dyn RealToComplex<T>, T, Complex<T>, T>,
    scale: T,
}

/// The inverse transform to real lanes, times a scale.
pub(crate) struct FromHalf<T: Real> {
    algorithm: Algorithm<dyn ComplexToReal<T>, Complex<T>, T, T>,
    scale: T,
}

/// How lanes of `A` become lanes of `B`: this depends on their length alone.
enum Algorithm<F: ?Sized, A, B, T: Real> {
    /// Each by one thread.
    Whole {
        fft: Arc<F>,
        gathered: PerThread<(Vec<A>, Vec<B>)>,
        scratch: PerThread<Vec<Complex<T>>>,
    },
    /// One after another, each by all threads.
    Long(Box<LongReal<T>>),
}

fn zeros<T: Clone + Default>(len: usize) -> Vec<T> {
    vec![T::default(); len]
}

impl<T: Real + Element> ToHalf<T>
where
    Complex<T>: Element,
{
    /// For this many threads, and tiles with `inner` elements between those of a lane.
    pub(crate) fn new(len: usize, scale: T, threads: usize, inner: usize) -> Self {
        if let Some(long) = LongReal::new(len, Direction::Forward, threads, inner) {
            return Self { algorithm: Algorithm::Long(Box::new(long)), scale };
        }
        let fft = T::real_fft(len);
        let lens = into_lens::<T, Complex<T>>(len, half(len), inner);
        let gathered = PerThread::new(threads, || (zeros(lens.0), zeros(lens.1)));
        let scratch = PerThread::new(threads, || zeros(fft.get_scratch_len()));
        Self { algorithm: Algorithm::Whole { fft, gathered, scratch }, scale }
    }

    /// Transforms every lane of a tile, whose elements are lost.
    pub(crate) fn apply(&self, from: &mut [T], to: &mut [Complex<T>], inner: usize) {
        let scale = self.scale;
        let (fft, gathered, scratch) = match &self.algorithm {
            Algorithm::Whole { fft, gathered, scratch } => (fft, gathered, scratch),
            Algorithm::Long(long) => return long.apply_forward(from, to, inner, scale),
        };
        let (from, to) = ((from, fft.len()), (to, half(fft.len())));
        par_lanes_into(from, to, inner, gathered, |from, to| {
            scratch.with(|scratch| {
                fft.process_with_scratch(from, to, scratch).expect("buffers of these lengths");
            });
            if scale != T::one() {
                for x in to {
                    *x = x.scale(scale);
                }
            }
        });
    }
}

impl<T: Real + Element> FromHalf<T>
where
    Complex<T>: Element,
{
    /// For this many threads, and tiles with `inner` elements between those of a lane.
    pub(crate) fn new(len: usize, scale: T, threads: usize, inner: usize) -> Self {
        if let Some(long) = LongReal::new(len, Direction::Inverse, threads, inner) {
            return Self { algorithm: Algorithm::Long(Box::new(long)), scale };
        }
        let fft = T::real_ifft(len);
        let lens = into_lens::<Complex<T>, T>(half(len), len, inner);
        let gathered = PerThread::new(threads, || (zeros(lens.0), zeros(lens.1)));
        let scratch = PerThread::new(threads, || zeros(fft.get_scratch_len()));
        Self { algorithm: Algorithm::Whole { fft, gathered, scratch }, scale }
    }

    /// Transforms every lane of a tile, whose elements are lost.
    pub(crate) fn apply(&self, from: &mut [Complex<T>], to: &mut [T], inner: usize) {
        let scale = self.scale;
        let (fft, gathered, scratch) = match &self.algorithm {
            Algorithm::Whole { fft, gathered, scratch } => (fft, gathered, scratch),
            Algorithm::Long(long) => return long.apply_inverse(from, to, inner, scale),
        };
        let len = fft.len();
        par_lanes_into((from, half(len)), (to, len), inner, gathered, |from, to| {
            // What would have to be zero if the spectrum is one of real numbers is not looked at.
            from[0].im = T::zero();
            if len.is_multiple_of(2) {
                from[len / 2].im = T::zero();
            }
            scratch.with(|scratch| {
                fft.process_with_scratch(from, to, scratch).expect("buffers of these lengths");
            });
            if scale != T::one() {
                for x in to {
                    *x = *x * scale;
                }
            }
        });
    }
}

/// Upper bounds of what either transform holds: tables and what all threads work on, and for each thread
/// what it gathers and its scratch; in bytes.
pub(crate) fn real_cost<T: Real>(len: usize, inner: usize) -> (u64, u64)
where
    Complex<T>: Element,
{
    if let Some(factors) = real_factors(len) {
        return long_cost::<T>(factors, inner);
    }
    let complex = size_of::<Complex<T>>() as u64;
    let whole = if len.is_multiple_of(2) { len / 2 } else { len };
    let (tables, scratch) = cost(whole);
    // Half as many factors put the halves together; an odd length needs a lane besides.
    let (tables, scratch) = (tables + len as u64 / 2 + 64, scratch + whole as u64 + 64);
    let (reals, halves) = into_lens::<T, Complex<T>>(len, half(len), inner);
    let real = size_of::<T>() as u64;
    let gathered = (reals as u64).saturating_mul(real) + (halves as u64).saturating_mul(complex);
    let scratch = scratch.saturating_mul(complex).saturating_add(gathered);
    (tables.saturating_mul(complex), scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimated_scratch_is_an_upper_bound() {
        for len in (1..1000).chain([4096, 5239, 10007, 65536, 65537, 99_991, 199_982]) {
            let (forward, inverse) = (f32::real_fft(len), f32::real_ifft(len));
            let most = forward.get_scratch_len().max(inverse.get_scratch_len()) as u64;
            let (_, bytes) = real_cost::<f32>(len, 1);
            assert!(most * 8 <= bytes, "length {len}");
            let (forward, inverse) = (f64::real_fft(len), f64::real_ifft(len));
            let most = forward.get_scratch_len().max(inverse.get_scratch_len()) as u64;
            let (_, bytes) = real_cost::<f64>(len, 1);
            assert!(most * 16 <= bytes, "length {len}");
        }
    }
}
