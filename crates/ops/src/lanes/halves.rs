//! What stands between the spectrum of pairs of real numbers and the half of that of the numbers.
//!
//! ```text
//!     x0 x1 x2 x3 x4 x5 ..  ──▶  z = x0+i x1, x2+i x3, ..  ──▶  Z, of length M  ──▶  X[0..=M]
//!
//!     Z, in rows of N1:    ┌───────────────┐
//!                          │ 0 a b c d e f │    an element, and the one of opposite frequency,
//!                          │ g .   .   . . │    which lies in the opposite row from the end on,
//!                          │ . .   .   . G │    make two of the half spectrum
//!                          │ F E D C B A . │
//!                          └───────────────┘
//! ```
//!
//! With even and odd numbers' spectra E = (Z[k] + conj Z[M-k]) / 2 and O = (Z[k] - conj Z[M-k]) / 2i,
//! X[k] = E + ω^k O and X[M-k] = conj(E - ω^k O), where ω = exp(-2πi / 2M) (Press et al., "Numerical
//! Recipes", section 12.3). A power of ω is the product of one for the row and one for the place in it.

use num_complex::Complex;
use outcore_storage::Element;
use rayon::prelude::*;
use std::ops::Range;

use super::four_step::root;
use crate::fourier::Real;

/// The powers of ω that the elements up to the middle need, seen in rows of N1.
pub(crate) struct Halves {
    rows: usize,
    /// ω^k1, for all places in a row.
    near: Vec<Complex<f64>>,
    /// ω^(k2 N1), for the rows up to the middle one.
    far: Vec<Complex<f64>>,
}

/// The elements of type `Complex<T>` that they take.
pub(crate) fn halves_len<T: Real>(row: usize, rows: usize) -> u64 {
    let roots = (row + rows / 2 + 1) as u64;
    roots * (size_of::<Complex<f64>>() / size_of::<Complex<T>>()) as u64
}

impl Halves {
    /// Of so many rows of a length.
    pub(crate) fn new(row: usize, rows: usize) -> Self {
        let of = |power| root(power, 2 * row * rows).conj();
        Self {
            rows,
            near: (0..row).map(of).collect(),
            far: (0..=rows / 2).map(|number| of(number * row)).collect(),
        }
    }

    /// Works on elements of a row from place `first` on, and on those of opposite frequency, which are in
    /// reverse.
    fn each<T: Real>(
        &self,
        (row, first): (usize, usize),
        elements: &mut [Complex<T>],
        opposite: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2],
    ) {
        let far = self.far[row];
        let pairs = elements.iter_mut().zip(opposite.iter_mut().rev());
        for ((one, other), near) in pairs.zip(&self.near[first..]) {
            [*one, *other] = pair(*one, *other, rounded(far * near));
        }
    }

    /// Works on the element in the middle, which is its own opposite.
    fn middle<T: Real>(
        &self,
        (row, place): (usize, usize),
        element: &mut Complex<T>,
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2],
    ) {
        let root = rounded(self.far[row] * self.near[place]);
        *element = pair(*element, *element, root)[0];
    }

    /// Works on all rows of one tile or two, one after another: those of some places, of which each has its
    /// opposite among them, and the element of place 0 in the first row is left alone.
    pub(crate) fn in_tiles<T: Real>(
        &self,
        mut places: impl Iterator<Item = Range<usize>>,
        tiles: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2] + Sync,
    ) where
        Complex<T>: Element,
    {
        match (places.next(), places.next()) {
            (Some(one), Some(other)) => {
                let (low, rest) = tiles.split_at_mut(one.len() * self.rows);
                let high = &mut rest[..other.len() * self.rows];
                self.in_both([one.start, other.start], low, high, pair);
            }
            (Some(one), None) if one.start == 0 => self.in_first(&mut tiles[..self.rows], pair),
            (Some(one), None) => self.in_middle(&one, &mut tiles[..one.len() * self.rows], pair),
            (None, _) => {}
        }
    }

    /// Works on place 0 of all rows but the first one: opposite elements are in opposite rows.
    fn in_first<T: Real>(
        &self,
        column: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2],
    ) {
        let side = (self.rows - 1) / 2;
        let (low, rest) = column[1..].split_at_mut(side);
        let (middle, high) = rest.split_at_mut(rest.len() - side);
        if let [middle] = middle {
            self.middle((side + 1, 0), middle, &pair);
        }
        for (number, (low, high)) in low.chunks_mut(1).zip(high.rchunks_mut(1)).enumerate() {
            self.each((number + 1, 0), low, high, &pair);
        }
    }

    /// Works on some places of all rows, of which each has its opposite among them, on all threads of the
    /// current pool.
    fn in_middle<T: Real>(
        &self,
        places: &Range<usize>,
        tile: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2] + Sync,
    ) where
        Complex<T>: Element,
    {
        let (first, width, half) = (places.start, places.len(), self.rows / 2);
        let (low, rest) = tile.split_at_mut(half * width);
        let (row, high) = rest.split_at_mut(rest.len() - half * width);
        let rows = low.par_chunks_mut(width).zip(high.par_rchunks_mut(width)).enumerate();
        rows.for_each(|(number, (low, high))| self.each((number, first), low, high, &pair));
        if row.is_empty() {
            return;
        }
        let (low, rest) = row.split_at_mut(width / 2);
        let (middle, high) = rest.split_at_mut(width % 2);
        self.each((half, first), low, high, &pair);
        if let [middle] = middle {
            self.middle((half, first + width / 2), middle, &pair);
        }
    }

    /// Works on some places of all rows, and on the opposite ones; two tiles, each from a place on.
    fn in_both<T: Real>(
        &self,
        starts: [usize; 2],
        one: &mut [Complex<T>],
        other: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2] + Sync,
    ) where
        Complex<T>: Element,
    {
        let width = one.len() / self.rows;
        let rows = one.par_chunks_mut(width).zip(other.par_rchunks_mut(width)).enumerate();
        rows.for_each(|(number, (one, other))| {
            let opposite = self.rows - 1 - number;
            if number <= opposite {
                self.each((number, starts[0]), one, other, &pair);
            } else {
                self.each((opposite, starts[1]), other, one, &pair);
            }
        });
    }

    /// Works on all elements of a lane but the first one, on all threads of the current pool.
    pub(super) fn all<T: Real + Element>(
        &self,
        lane: &mut [Complex<T>],
        pair: impl Fn(Complex<T>, Complex<T>, Complex<T>) -> [Complex<T>; 2] + Sync,
    ) where
        Complex<T>: Element,
    {
        let (len, row) = (lane.len(), self.near.len());
        let side = (len - 1) / 2;
        let (low, rest) = lane[1..].split_at_mut(side);
        let (middle, high) = rest.split_at_mut(rest.len() - side);
        if let [middle] = middle {
            self.middle((len / 2 / row, len / 2 % row), middle, &pair);
        }
        // The first row begins at place 1.
        let (first, low) = low.split_at_mut(row - 1);
        let (high, last) = high.split_at_mut(side - (row - 1));
        self.each((0, 1), first, last, &pair);
        let rows = low.par_chunks_mut(row).zip(high.par_rchunks_mut(row)).enumerate();
        rows.for_each(|(number, (low, high))| self.each((number + 1, 0), low, high, &pair));
    }
}

fn rounded<T: Real>(root: Complex<f64>) -> Complex<T> {
    let part = |x: f64| T::from(x).expect("a root has finite parts");
    Complex::new(part(root.re), part(root.im))
}

/// Two elements of a half spectrum, from two of opposite frequency of the spectrum of pairs.
pub(crate) fn parted<T: Real>(
    one: Complex<T>,
    other: Complex<T>,
    root: Complex<T>,
    scale: T,
) -> [Complex<T>; 2] {
    let half = (T::one() + T::one()).recip();
    let (even, odd) = ((one + other.conj()).scale(half), (one - other.conj()).scale(half));
    let odd = root * Complex::new(odd.im, -odd.re);
    [(even + odd).scale(scale), (even - odd).conj().scale(scale)]
}

/// The first and the last element of a half spectrum.
pub(crate) fn ends<T: Real>(first: Complex<T>, scale: T) -> [Complex<T>; 2] {
    [first.re + first.im, first.re - first.im].map(|x| Complex::new(x * scale, T::zero()))
}

/// The reverse of [`parted`], times two.
pub(crate) fn joined<T: Real>(
    one: Complex<T>,
    other: Complex<T>,
    root: Complex<T>,
) -> [Complex<T>; 2] {
    let (even, odd) = (one + other.conj(), root.conj() * (one - other.conj()));
    let odd = Complex::new(-odd.im, odd.re);
    [even + odd, (even - odd).conj()]
}

/// The reverse of [`ends`], times two. Imaginary parts, which are zero in the spectrum of real numbers, are
/// not looked at.
pub(crate) fn joined_ends<T: Real>(first: Complex<T>, last: Complex<T>) -> Complex<T> {
    Complex::new(first.re + last.re, first.re - last.re)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fourier::Direction;

    /// Lanes of a few rows, of even and odd lengths.
    #[test]
    fn halves_are_those_of_the_definition_and_come_back() {
        for (row, rows) in [(1, 1), (2, 3), (3, 2), (3, 3), (4, 4), (5, 7), (8, 2)] {
            let len = row * rows;
            let number = |n: usize| f64::from(u32::try_from((n * n + 3) % 17).unwrap());
            let mut reals: Vec<f64> = (0..2 * len).map(number).collect();
            let mut expected: Vec<_> = reals.iter().map(|&x| Complex::new(x, 0.0)).collect();
            f64::fft(2 * len, Direction::Forward).process(&mut expected);
            let mut lane = f64::pairs(&mut reals).to_vec();
            f64::fft(len, Direction::Forward).process(&mut lane);

            let halves = Halves::new(row, rows);
            let [first, last] = ends(lane[0], 1.0);
            let spectrum = lane.clone();
            halves.all(&mut lane, |one, other, root| parted(one, other, root, 1.0));
            lane[0] = first;
            for (k, (found, expected)) in lane.iter().chain([&last]).zip(&expected).enumerate() {
                assert!((found - expected).norm() < 1e-10, "{k} of {len}");
            }
            lane[0] = joined_ends(first, last);
            halves.all(&mut lane, joined);
            for (found, expected) in lane.iter().zip(&spectrum) {
                assert!((found - expected * 2.0).norm() < 1e-10);
            }
        }
    }
}
