//! Very long lanes of real numbers: pairs of them in four steps, one lane after another.
//!
//! See `four_step.rs` and `halves.rs` for the mathematics. A lane that is longer than memory is transformed
//! with the same arithmetic: see `rfft/long.rs`.

use num_complex::Complex;
use outcore_storage::Element;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::halves::{Halves, ends, halves_len, joined, joined_ends, parted};
use super::{FourStep, LaneCost, LaneScratch, half, real_factors};
use crate::fourier::{Direction, Real};

/// The transforms of lanes of pairs that are cut in two.
pub(super) struct LongReal<T: Real> {
    fft: FourStep<T>,
    halves: Halves,
    scratch: LaneScratch<T>,
    /// A lane, and what is made of it, where they are not contiguous.
    gathered: Mutex<(Vec<T>, Vec<Complex<T>>)>,
}

/// Upper bounds of what the transforms of lanes hold that [are cut in two](real_factors): together, and for
/// each thread; in bytes.
pub(super) fn long_cost<T: Real>((one, other): (usize, usize), inner: usize) -> (u64, u64)
where
    Complex<T>: Element,
{
    let pairs = one * other;
    let cost = LaneCost::of::<T>(pairs, 1);
    let halves = halves_len::<T>(one, other).max(halves_len::<T>(other, one));
    let gathered = if inner > 1 { pairs + half(2 * pairs) } else { 0 };
    let bytes = |elements: u64| elements.saturating_mul(size_of::<Complex<T>>() as u64);
    (bytes(cost.tables + halves + gathered as u64), bytes(cost.gathered + cost.fft))
}

impl<T: Real + Element> LongReal<T>
where
    Complex<T>: Element,
{
    /// `None` if lanes of this length are not cut in two.
    pub(super) fn new(
        len: usize,
        direction: Direction,
        threads: usize,
        inner: usize,
    ) -> Option<Self> {
        let (one, other) = real_factors(len)?;
        let halves = match direction {
            Direction::Forward => Halves::new(one, other),
            Direction::Inverse => Halves::new(other, one),
        };
        let cost = LaneCost::of::<T>(len / 2, 1);
        let gathered = usize::try_from(cost.gathered).expect("within a budget");
        let (reals, made) = if inner > 1 { (len, half(len)) } else { (0, 0) };
        let gathered_lane = (vec![T::default(); reals], vec![Complex::default(); made]);
        Some(Self {
            fft: FourStep::new((one, other), direction),
            halves,
            scratch: LaneScratch::of_lens(threads, gathered, cost.fft),
            gathered: Mutex::new(gathered_lane),
        })
    }

    /// Makes half spectra of all lanes of a tile, times a scale.
    pub(super) fn apply_forward(
        &self,
        from: &mut [T],
        to: &mut [Complex<T>],
        inner: usize,
        scale: T,
    ) {
        let len = 2 * self.fft.len();
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let (reals, made) = &mut *gathered;
        each_lane((from, len, reals), (to, half(len), made), inner, |from, to| {
            let (last, to) = to.split_last_mut().expect("half a spectrum");
            self.fft.apply_into(T::pairs(from), to, &self.scratch);
            let ends = ends(to[0], scale);
            self.halves.all(to, |one, other, root| parted(one, other, root, scale));
            [to[0], *last] = ends;
        });
    }

    /// Makes lanes of all half spectra of a tile, times a scale.
    pub(super) fn apply_inverse(
        &self,
        from: &mut [Complex<T>],
        to: &mut [T],
        inner: usize,
        scale: T,
    ) {
        let len = 2 * self.fft.len();
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, halves) = &mut *gathered;
        each_lane((from, half(len), halves), (to, len, made), inner, |from, to| {
            let (last, from) = from.split_last_mut().expect("half a spectrum");
            from[0] = joined_ends(from[0], *last);
            self.halves.all(from, joined);
            self.fft.apply_into(from, T::pairs(to), &self.scratch);
            if scale != T::one() {
                to.par_iter_mut().for_each(|x| *x = *x * scale);
            }
        });
    }
}

/// Makes each lane of a tile in C order from that of another tile; lanes that are not contiguous are
/// gathered, and scattered.
fn each_lane<A: Element, B: Element>(
    (from, from_len, gathered): (&mut [A], usize, &mut [A]),
    (to, to_len, made): (&mut [B], usize, &mut [B]),
    inner: usize,
    each: impl Fn(&mut [A], &mut [B]),
) {
    let blocks = from.chunks_exact_mut(from_len * inner).zip(to.chunks_exact_mut(to_len * inner));
    for (from, to) in blocks {
        if inner == 1 {
            each(from, to);
            continue;
        }
        for lane in 0..inner {
            let elements = from[lane..].iter().step_by(inner);
            gathered.iter_mut().zip(elements).for_each(|(to, &from)| *to = from);
            each(gathered, made);
            let elements = to[lane..].iter_mut().step_by(inner);
            elements.zip(&*made).for_each(|(to, &from)| *to = from);
        }
    }
}
