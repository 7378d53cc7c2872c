//! Very long lanes: the four-step transform.
//!
//! ```text
//!     lane, as N1 x N2         columns of length N1,     rows of length N2,    read by columns:
//!     ┌─────────────────┐      times ω^(k1 n2)           │                     k = k2 N1 + k1
//!     │ 0  1  2  3  ..  │      ┌──┬──┬──┬──┐             ▼
//!     │ N2 ..           │ ──▶  │▾ │▾ │▾ │▾ │  ──▶  ┌───────────┐  ──▶  ┌─────┬─────┬───
//!     │ 2 N2 ..         │      │▾ │▾ │▾ │▾ │       │ ▸ ▸ ▸ ▸ ▸ │       │ k1  │ k1  │ ..
//!     └─────────────────┘      └──┴──┴──┴──┘       └───────────┘       └─────┴─────┴───
//! ```
//!
//! With n = n1 N2 + n2 and k = k2 N1 + k1, the exponent of `ω_N` is n1 k1 N2 + n2 k1 + n2 k2 N1: a short
//! transform, a factor, a short transform (Bailey, "FFTs in external or hierarchical memory", 1990).
//! Short lanes stay in cache, so in memory too this is faster than one long transform; and each half
//! needs a part of the lane only, so the lane may be longer than memory.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Order};
use rayon::prelude::*;
use rustfft::Fft;
use std::f64::consts::FRAC_PI_4;
use std::ops::Range;
use std::sync::Arc;

use super::LaneScratch;
use crate::fourier::{Direction, Real};
use crate::frequency::next_fast_len;
use crate::store::copy_transposed;
use crate::tile::Tile;

/// Lanes up to this length are transformed at once; longer ones, which leave the cache, in four steps.
const LONGEST: usize = 1 << 20;

/// The lengths `(N1, N2)` in which a lane is transformed, the first being the smaller one; `None` if it
/// is short, or has no factors that are.
pub(crate) fn factors(len: usize) -> Option<(usize, usize)> {
    if len <= LONGEST {
        return None;
    }
    // With a smaller one the other one would be too long.
    let least = len.div_ceil(LONGEST);
    let one = (least..=len.isqrt()).rev().find(|&one| len.is_multiple_of(one))?;
    Some((one, len / one))
}

/// The lengths in which pairs of real numbers are transformed, if a lane of so many numbers is made of pairs.
pub(crate) fn real_factors(len: usize) -> Option<(usize, usize)> {
    if len.is_multiple_of(2) { factors(len / 2) } else { None }
}

/// The next fast length that can be cut in two, of a lane that is too long to be transformed at once and
/// cannot; `None` of all others.
pub(crate) fn next_divided(len: usize) -> Option<usize> {
    if factors(len).is_some() { None } else { fast_divided(len) }
}

/// The same of a lane of real numbers, of which pairs are cut.
pub(crate) fn next_divided_reals(len: usize) -> Option<usize> {
    if real_factors(len).is_some() {
        return None;
    }
    fast_divided(len.div_ceil(2)).map(|pairs| 2 * pairs)
}

/// The first fast length from one on that can be cut in two, unless that one is short.
fn fast_divided(len: usize) -> Option<usize> {
    if len <= LONGEST {
        return None;
    }
    let fast = std::iter::successors(Some(next_fast_len(len)), |n| Some(next_fast_len(n + 1)));
    fast.take_while(|&len| len <= LONGEST * LONGEST).find(|&len| factors(len).is_some())
}

/// The transform of a lane of length N1 N2.
pub(crate) struct FourStep<T: Real> {
    columns: Arc<dyn Fft<T>>,
    rows: Arc<dyn Fft<T>>,
    roots: Roots,
}

impl<T: Real> FourStep<T>
where
    Complex<T>: Element,
{
    pub(crate) fn new((one, other): (usize, usize), direction: Direction) -> Self {
        let columns = T::fft(one, direction);
        let rows = if one == other { Arc::clone(&columns) } else { T::fft(other, direction) };
        Self { columns, rows, roots: Roots::new(one * other, direction) }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    /// Transforms column `n2`, and multiplies it by the factors in between.
    pub(crate) fn apply_to_column(
        &self,
        n2: usize,
        lane: &mut [Complex<T>],
        scratch: &LaneScratch<T>,
    ) {
        scratch.fft.with(|buffer| self.columns.process_with_scratch(lane, buffer));
        self.roots.multiply(n2, lane);
    }

    /// The same of some columns, of a tile of which they are all, on all threads of the current pool.
    pub(crate) fn apply_to_columns(
        &self,
        columns: Range<usize>,
        tile: &mut [Complex<T>],
        scratch: &LaneScratch<T>,
    ) {
        let shape = IxDyn(&[self.columns.len(), columns.len()]);
        let mut tile = Tile::of_shape(&shape, tile, Order::C);
        tile.par_lanes_mut(0, &scratch.gathered, |number, column| {
            self.apply_to_column(columns.start + number, column, scratch);
        });
    }

    /// Transforms a row.
    pub(crate) fn apply_to_row(&self, lane: &mut [Complex<T>], scratch: &LaneScratch<T>) {
        scratch.fft.with(|buffer| self.rows.process_with_scratch(lane, buffer));
    }

    /// Transforms a lane in memory, on all threads of the current pool. `work` is as long as the lane.
    pub(super) fn apply(
        &self,
        lane: &mut [Complex<T>],
        work: &mut [Complex<T>],
        scratch: &LaneScratch<T>,
    ) {
        self.apply_into(lane, work, scratch);
        lane.par_chunks_mut(COPIED).zip(work.par_chunks(COPIED)).for_each(|(to, from)| {
            to.copy_from_slice(from);
        });
    }

    /// Transforms a lane, whose elements are lost, into another one.
    pub(super) fn apply_into(
        &self,
        lane: &mut [Complex<T>],
        to: &mut [Complex<T>],
        scratch: &LaneScratch<T>,
    ) {
        let (one, other) = (self.columns.len(), self.rows.len());
        self.apply_to_columns(0..other, lane, scratch);
        lane.par_chunks_exact_mut(other).for_each(|row| self.apply_to_row(row, scratch));
        transpose(&ArrayView2::from_shape((one, other), lane).expect("a lane"), to);
    }
}

/// Elements that a thread copies at a time.
const COPIED: usize = 1 << 16;
/// Rows that a thread transposes at a time.
const TRANSPOSED: usize = 64;

/// Writes an array with its axes exchanged, on all threads of the current pool.
fn transpose<T: Element>(from: &ArrayView2<'_, T>, to: &mut [T]) {
    let (rows, columns) = from.dim();
    let mut to = ArrayViewMut2::from_shape((columns, rows), to).expect("as many elements");
    let from = from.t();
    let parts = to.axis_chunks_iter_mut(Axis(0), TRANSPOSED).into_par_iter();
    parts.zip(from.axis_chunks_iter(Axis(0), TRANSPOSED)).for_each(|(mut to, from)| {
        copy_transposed(&from, &mut to);
    });
}

/// Neighbours in a column whose powers are made of one far power and a near one each.
const NEAR: usize = 64;

/// The powers of the root of unity ω = exp(∓2πi/N): each the product of two out of two short tables,
/// whose angles are exact before they are rounded once.
struct Roots {
    /// ω^(i M) and ω^j, for all i and for j below M.
    coarse: Vec<Complex<f64>>,
    fine: Vec<Complex<f64>>,
}

/// The elements of type `Complex<T>` that tables of roots take.
pub(crate) fn roots_len<T: Real>(len: usize) -> u64 {
    let fine = fine_len(len);
    let roots = (fine + len.div_ceil(fine)) as u64;
    roots * (size_of::<Complex<f64>>() / size_of::<Complex<T>>()) as u64
}

impl Roots {
    fn new(len: usize, direction: Direction) -> Self {
        let count = fine_len(len);
        let of = |power| {
            let root = root(power, len);
            if direction == Direction::Forward { root.conj() } else { root }
        };
        Self {
            coarse: (0..len.div_ceil(count)).map(|index| of(index * count)).collect(),
            fine: (0..count).map(of).collect(),
        }
    }

    /// Multiplies element `k1` of a column by ω^(n2 k1), which is at most the last of the powers. Those of a
    /// few neighbours, which lie apart in the tables, are looked up once for each column.
    fn multiply<T: Real>(&self, n2: usize, column: &mut [Complex<T>]) {
        let near: [_; NEAR] = std::array::from_fn(|k1| self.at(n2 * k1.min(column.len() - 1)));
        let (near_re, near_im) = (near.map(|root| root.re), near.map(|root| root.im));
        for (part, elements) in column.chunks_mut(NEAR).enumerate() {
            let far = self.at(n2 * part * NEAR);
            // Real and imaginary parts apart, so that several are computed at once.
            let part = |x: f64| T::from(x).expect("a root has finite parts");
            let re: [T; NEAR] =
                std::array::from_fn(|k1| part(far.re * near_re[k1] - far.im * near_im[k1]));
            let im: [T; NEAR] =
                std::array::from_fn(|k1| part(far.re * near_im[k1] + far.im * near_re[k1]));
            for ((element, &re), &im) in elements.iter_mut().zip(&re).zip(&im) {
                *element = *element * Complex::new(re, im);
            }
        }
    }

    fn at(&self, power: usize) -> Complex<f64> {
        let count = self.fine.len();
        self.coarse[power >> count.trailing_zeros()] * self.fine[power & (count - 1)]
    }
}

/// About the root of a length: a power of two, because division is slow.
fn fine_len(len: usize) -> usize {
    (len.isqrt() + 1).next_power_of_two()
}

/// exp(2πi power / len), from an angle of an eighth of the circle: so its parts are right to about a
/// unit in the last place.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
pub(super) fn root(power: usize, len: usize) -> Complex<f64> {
    let (octant, rest) = (8 * power / len % 8, 8 * power % len);
    let rest = if octant % 2 == 0 { rest } else { len - rest };
    let (sine, cosine) = (FRAC_PI_4 * (rest as f64 / len as f64)).sin_cos();
    let (re, im) = match octant {
        0 => (cosine, sine),
        1 => (sine, cosine),
        2 => (-sine, cosine),
        3 => (-cosine, sine),
        4 => (-cosine, -sine),
        5 => (-sine, -cosine),
        6 => (sine, -cosine),
        _ => (cosine, -sine),
    };
    Complex::new(re, im)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    fn roots_are_those_of_the_definition() {
        for len in [1, 2, 3, 7, 8, 12, 1000, 1 << 21] {
            let roots = Roots::new(len, Direction::Forward);
            for power in (0..len).step_by(1 + len / 100) {
                let angle = -std::f64::consts::TAU * power as f64 / len as f64;
                let far = (roots.at(power) - Complex::cis(angle)).norm();
                assert!(far < 2e-15, "{power} of {len}: {far:e}");
            }
        }
        assert_eq!(root(1, 4), Complex::new(0.0, 1.0));
        assert_eq!(root(4, 8), Complex::new(-1.0, 0.0));
    }

    #[test]
    fn long_lengths_are_cut_into_the_most_even_factors() {
        assert_eq!(factors(LONGEST), None);
        assert_eq!(factors(1 << 28), Some((1 << 14, 1 << 14)));
        assert_eq!(factors(3 << 20), Some((1536, 2048)));
        assert_eq!(factors(4_194_301), None, "a prime");
        assert_eq!(factors(2 * 1_048_583), None, "twice a prime above the longest");
        assert_eq!(factors(LONGEST * LONGEST), Some((LONGEST, LONGEST)));
        assert_eq!(factors(LONGEST * (LONGEST + 1)), None, "longer than any two");
        assert_eq!(factors(usize::MAX), None);
        assert_eq!(real_factors(2 * LONGEST), None);
        assert_eq!(real_factors(3 << 21), Some((1536, 2048)));
        assert_eq!(real_factors(3 * 1025 * 1025), None, "odd");
    }

    #[test]
    fn lengths_that_cannot_be_cut_know_the_next_one_that_can() {
        assert_eq!((next_divided(LONGEST), next_divided(3 << 20)), (None, None));
        assert_eq!(next_divided(4_194_301), Some(1 << 22));
        assert_eq!((next_divided_reals(2 * LONGEST), next_divided_reals(3 << 21)), (None, None));
        assert_eq!(next_divided_reals(2 * 4_194_301), Some(1 << 23));
        assert_eq!(next_divided_reals((3 << 21) - 1), Some(3 << 21), "odd");
    }
}
