//! Fourier transforms of the lanes of a tile, and what they cost in memory.
//!
//! The transforms are RustFFT's: mixed radix, and Rader's and Bluestein's algorithms for lengths
//! with large prime factors. A lane's transform depends on its length and element type alone, never
//! on the tile it is in, which keeps results independent of the budget.

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::Element;
use rustfft::Fft;
use std::sync::Arc;

use crate::fourier::{Direction, Real};
use crate::tile::{PerThread, Tile, gathered_len};

/// The transform of lanes of one length, times a scale.
pub(crate) struct Lanes<T: Real> {
    fft: Arc<dyn Fft<T>>,
    axis: usize,
    scale: T,
}

/// The scratch memory of one pass over lanes.
pub(crate) struct LaneScratch<T: Real> {
    gathered: PerThread<Vec<Complex<T>>>,
    fft: PerThread<Vec<Complex<T>>>,
}

impl<T: Real> LaneScratch<T> {
    pub(crate) fn gathered(&self) -> &PerThread<Vec<Complex<T>>> {
        &self.gathered
    }
}

impl<T: Real> Lanes<T>
where
    Complex<T>: Element,
{
    pub(crate) fn new(len: usize, axis: usize, direction: Direction) -> Self {
        Self { fft: T::fft(len, direction), axis, scale: T::one() }
    }

    /// The same transform along another axis.
    pub(crate) fn along(&self, axis: usize) -> Self {
        Self { fft: Arc::clone(&self.fft), axis, scale: self.scale }
    }

    pub(crate) fn scaled(&self, scale: T) -> Self {
        Self { fft: Arc::clone(&self.fft), axis: self.axis, scale }
    }

    /// Scratch for this many threads, for tiles with `inner` elements between those of a lane.
    pub(crate) fn scratch(&self, threads: usize, inner: usize) -> LaneScratch<T> {
        let buffer = |len| PerThread::new(threads, || vec![Complex::default(); len]);
        let gathered = buffer(gathered_len::<Complex<T>>(self.fft.len(), inner));
        LaneScratch { gathered, fft: buffer(self.fft.get_inplace_scratch_len()) }
    }

    /// Transforms every lane of a tile, on all threads of the current pool.
    pub(crate) fn apply<D: Dimension>(
        &self,
        tile: &mut Tile<'_, Complex<T>, D>,
        scratch: &LaneScratch<T>,
    ) {
        tile.par_lanes_mut(self.axis, &scratch.gathered, |lane| {
            self.apply_to_lane(lane, scratch);
        });
    }

    /// Transforms one lane, in a thread of the current pool.
    pub(crate) fn apply_to_lane(&self, lane: &mut [Complex<T>], scratch: &LaneScratch<T>) {
        scratch.fft.with(|buffer| self.apply_to(lane, buffer));
    }

    /// Transforms one lane, with a buffer of its own.
    pub(crate) fn apply_to(&self, lane: &mut [Complex<T>], buffer: &mut [Complex<T>]) {
        self.fft.process_with_scratch(lane, buffer);
        if self.scale != T::one() {
            for element in lane {
                *element = element.scale(self.scale);
            }
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.fft.get_inplace_scratch_len()
    }
}

/// The greatest prime factor up to which RustFFT transforms in place by mixed radix alone.
const SMOOTH: usize = 11;

/// Upper bounds of what a transform of this length holds: `(tables, scratch per thread)`, in
/// elements. Measured over all lengths up to 6000 and samples to 2^22: tables are at most 1.18
/// times the length where it has no prime factor above 11 and 5.6 times otherwise, scratch once and
/// 4.5 times; short lengths have up to a few hundred bytes more.
pub(crate) fn cost(len: usize) -> (u64, u64) {
    let elements = len as u64;
    if is_smooth(len) {
        (elements + elements / 4 + 256, elements)
    } else {
        (elements * 23 / 4 + 256, elements * 37 / 8 + 64)
    }
}

fn is_smooth(mut len: usize) -> bool {
    if len == 0 {
        return true;
    }
    for prime in 2..=SMOOTH {
        while len.is_multiple_of(prime) {
            len /= prime;
        }
    }
    len == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimated_scratch_is_an_upper_bound() {
        for len in (1..2000).chain([4096, 5239, 10007, 65536, 65537, 99_991]) {
            let fft = f32::fft(len, Direction::Forward);
            assert!(fft.get_inplace_scratch_len() as u64 <= cost(len).1, "length {len}");
        }
    }
}
