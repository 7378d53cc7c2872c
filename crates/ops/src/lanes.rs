//! Fourier transforms of the lanes of a tile, and what they cost in memory.
//!
//! The transforms are RustFFT's: mixed radix, and Rader's and Bluestein's algorithms for lengths
//! with large prime factors. Very long lanes are cut in two directions: see `four_step.rs`. How a lane
//! is transformed depends on its length and element type alone, never on the tile it is in, which
//! keeps results independent of the budget.

mod four_step;
mod halves;
mod long_real;
mod real;

pub(crate) use four_step::{
    FourStep, factors, next_divided, next_divided_reals, real_factors, roots_len,
};
pub(crate) use halves::{Halves, ends, halves_len, joined, joined_ends, parted};
pub(crate) use real::{FromHalf, ToHalf, half, real_cost};

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::Element;
use rustfft::Fft;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fourier::{Direction, Real};
use crate::tile::{PerThread, Tile, gathered_len};

/// The transform of lanes of one length, times a scale.
#[derive(Clone)]
pub(crate) struct Lanes<T: Real> {
    algorithm: Algorithm<T>,
    axis: usize,
    scale: T,
}

#[derive(Clone)]
enum Algorithm<T: Real> {
    Whole(Arc<dyn Fft<T>>),
    FourStep(Arc<FourStep<T>>),
}

/// The scratch memory of a pass over lanes.
pub(crate) struct LaneScratch<T: Real> {
    gathered: PerThread<Vec<Complex<T>>>,
    fft: PerThread<Vec<Complex<T>>>,
    /// For a lane that all threads work on.
    long: Mutex<Vec<Complex<T>>>,
}

impl<T: Real> LaneScratch<T>
where
    Complex<T>: Element,
{
    /// Scratch for this many threads, for lanes of some lengths, each with so many elements between
    /// neighbours of a lane.
    pub(crate) fn new(threads: usize, lanes: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut most = LaneCost::default();
        let mut fft = 0;
        for (len, inner) in lanes {
            let cost = LaneCost::of::<T>(len, inner);
            most.gathered = most.gathered.max(cost.gathered);
            most.shared = most.shared.max(cost.shared);
            fft = fft.max(cost.fft);
        }
        let len = |elements: u64| usize::try_from(elements).expect("within a budget");
        let buffer = |elements| PerThread::new(threads, || vec![Complex::default(); len(elements)]);
        let long = Mutex::new(vec![Complex::default(); len(most.shared)]);
        Self { gathered: buffer(most.gathered), fft: buffer(fft), long }
    }

    /// Scratch of some lengths for each thread: for what is gathered, and for RustFFT.
    pub(crate) fn of_lens(threads: usize, gathered: usize, fft: u64) -> Self {
        let fft = usize::try_from(fft).expect("within a budget");
        let buffer = |len| PerThread::new(threads, || vec![Complex::default(); len]);
        Self { gathered: buffer(gathered), fft: buffer(fft), long: Mutex::new(Vec::new()) }
    }

    pub(crate) fn gathered(&self) -> &PerThread<Vec<Complex<T>>> {
        &self.gathered
    }
}

impl<T: Real> Lanes<T>
where
    Complex<T>: Element,
{
    pub(crate) fn new(len: usize, axis: usize, direction: Direction) -> Self {
        let algorithm = match factors(len) {
            Some(factors) => Algorithm::FourStep(Arc::new(FourStep::new(factors, direction))),
            None => Algorithm::Whole(T::fft(len, direction)),
        };
        Self { algorithm, axis, scale: T::one() }
    }

    /// The transform of a lane of any length by one thread.
    pub(crate) fn whole(len: usize, axis: usize, direction: Direction) -> Self {
        let algorithm = Algorithm::Whole(T::fft(len, direction));
        Self { algorithm, axis, scale: T::one() }
    }

    /// The same transform along another axis.
    pub(crate) fn along(&self, axis: usize) -> Self {
        Self { axis, ..self.clone() }
    }

    pub(crate) fn scaled(&self, scale: T) -> Self {
        Self { scale, ..self.clone() }
    }

    pub(crate) fn axis(&self) -> usize {
        self.axis
    }

    pub(crate) fn len(&self) -> usize {
        match &self.algorithm {
            Algorithm::Whole(fft) => fft.len(),
            Algorithm::FourStep(fft) => fft.len(),
        }
    }

    /// The transform of a lane that is cut in two.
    pub(crate) fn four_step(&self) -> Option<&FourStep<T>> {
        match &self.algorithm {
            Algorithm::FourStep(fft) => Some(fft),
            Algorithm::Whole(_) => None,
        }
    }

    /// Whether a lane is one thread's work.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.algorithm, Algorithm::Whole(_))
    }

    /// Scratch for this many threads, for tiles with `inner` elements between those of a lane.
    pub(crate) fn scratch(&self, threads: usize, inner: usize) -> LaneScratch<T> {
        LaneScratch::new(threads, std::iter::once((self.len(), inner)))
    }

    /// Transforms every lane of a tile, on all threads of the current pool.
    pub(crate) fn apply<D: Dimension>(
        &self,
        tile: &mut Tile<'_, Complex<T>, D>,
        scratch: &LaneScratch<T>,
    ) {
        match &self.algorithm {
            Algorithm::Whole(_) => tile.par_lanes_mut(self.axis, &scratch.gathered, |_, lane| {
                self.apply_to_lane(lane, scratch);
            }),
            Algorithm::FourStep(fft) => self.apply_to_long(fft, tile, scratch),
        }
    }

    /// Transforms lanes one after another, each on all threads.
    fn apply_to_long<D: Dimension>(
        &self,
        fft: &FourStep<T>,
        tile: &mut Tile<'_, Complex<T>, D>,
        scratch: &LaneScratch<T>,
    ) {
        let (len, inner) = (fft.len(), tile.inner_len(self.axis));
        let mut long = scratch.long.lock().unwrap_or_else(PoisonError::into_inner);
        let (work, gathered) = long.split_at_mut(len);
        for block in tile.elements_mut().chunks_exact_mut(len * inner) {
            if inner == 1 {
                fft.apply(block, work, scratch);
                self.scale(block);
                continue;
            }
            let gathered = &mut gathered[..len];
            for lane in 0..inner {
                let elements = block[lane..].iter().step_by(inner);
                gathered.iter_mut().zip(elements).for_each(|(to, &from)| *to = from);
                fft.apply(gathered, work, scratch);
                self.scale(gathered);
                let elements = block[lane..].iter_mut().step_by(inner);
                elements.zip(gathered.iter()).for_each(|(to, &from)| *to = from);
            }
        }
    }

    /// Transforms one lane that is [whole](Self::is_whole), in a thread of the current pool.
    pub(crate) fn apply_to_lane(&self, lane: &mut [Complex<T>], scratch: &LaneScratch<T>) {
        scratch.fft.with(|buffer| self.apply_to(lane, buffer));
    }

    /// Transforms one lane that is [whole](Self::is_whole), with a buffer of its own.
    pub(crate) fn apply_to(&self, lane: &mut [Complex<T>], buffer: &mut [Complex<T>]) {
        let Algorithm::Whole(fft) = &self.algorithm else { unreachable!("a lane for all threads") };
        fft.process_with_scratch(lane, buffer);
        self.scale(lane);
    }

    /// Multiplies by the scale.
    pub(crate) fn scale(&self, lane: &mut [Complex<T>]) {
        if self.scale != T::one() {
            for element in lane {
                *element = element.scale(self.scale);
            }
        }
    }
}

/// The greatest prime factor up to which RustFFT transforms in place by mixed radix alone.
const SMOOTH: usize = 11;

/// Upper bounds of what the transform of lanes of a length holds, in elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaneCost {
    pub(crate) tables: u64,
    /// Of each thread: what is gathered, and what RustFFT needs.
    pub(crate) gathered: u64,
    pub(crate) fft: u64,
    pub(crate) shared: u64,
}

impl LaneCost {
    /// Of lanes with `inner` elements between neighbours.
    pub(crate) fn of<T: Real>(len: usize, inner: usize) -> Self
    where
        Complex<T>: Element,
    {
        let gathered = |len, inner| gathered_len::<Complex<T>>(len, inner) as u64;
        let Some((one, other)) = factors(len) else {
            let (tables, fft) = cost(len);
            return Self { tables, gathered: gathered(len, inner), fft, shared: 0 };
        };
        let (columns, rows) = (cost(one), cost(other));
        Self {
            tables: columns.0 + rows.0 + roots_len::<T>(len),
            gathered: gathered(one, other),
            fft: columns.1.max(rows.1),
            shared: len as u64 * if inner == 1 { 1 } else { 2 },
        }
    }
}

/// Upper bounds of what a transform of this length by RustFFT holds: `(tables, scratch per thread)`,
/// in elements. Measured over all lengths up to 6000 and samples to 2^22: tables are at most 1.18
/// times the length where it has no prime factor above 11 and 5.6 times otherwise, scratch once and
/// 4.5 times; short lengths have up to a few hundred bytes more.
pub(crate) fn cost(len: usize) -> (u64, u64) {
    let elements = len as u64;
    if is_smooth(len) {
        (elements + elements / 4 + 256, elements)
    } else {
        (elements.saturating_mul(23) / 4 + 256, elements.saturating_mul(37) / 8 + 64)
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
            let narrow = f32::fft(len, Direction::Forward).get_inplace_scratch_len();
            let wide = f64::fft(len, Direction::Inverse).get_inplace_scratch_len();
            assert!(narrow.max(wide) as u64 <= cost(len).1, "length {len}");
        }
    }
}
