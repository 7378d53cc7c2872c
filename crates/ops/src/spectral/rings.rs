//! Sums over rings of frequencies.
//!
//! ```text
//!       f2 ▲          ring b: as far from frequency 0 as b steps, rounded
//!          │ · 2 · 3
//!          │ 1 · 2 ·
//!          0 · 1 · 2 ──▶ f1
//! ```
//!
//! Elements are added in one order, whatever the tiles: a few columns at a time, row by row. Sums are
//! compensated (Neumaier, 1974), as rings have many elements.

use num_complex::Complex;
use outcore_storage::Element;

use crate::fourier::Real;
use crate::frequency::{fftfreq, rfftfreq};

/// Columns that are added together: a cache line or two of each row.
pub(super) const TOGETHER: usize = 8;

/// Moves what is a half up to it, where rounding of the frequencies, their squares and the root has made it
/// less: by a relative 2 ε at most with two axes, and a quarter of ε more with each other one.
const HALVES_UP: f64 = 1.0 + 16.0 * f64::EPSILON;

/// The squares of the frequencies along a place of a spectrum, and how often each stands for two.
pub(super) struct Squares(Vec<(f64, f64)>);

impl Squares {
    pub(super) fn new(len: usize, halved: bool) -> Self {
        let frequencies = if halved { rfftfreq(len, 1.0) } else { fftfreq(len, 1.0) };
        // Of real numbers, what is left out has the power of what is there.
        let twice = |k: usize| halved && k > 0 && 2 * k < len;
        let each = frequencies.iter().enumerate();
        Self(each.map(|(k, f)| (f * f, if twice(k) { 2.0 } else { 1.0 })).collect())
    }

    /// What they hold, in bytes.
    pub(super) fn bytes(len: usize) -> u64 {
        (len * size_of::<(f64, f64)>()) as u64
    }
}

/// A sum, what it has lost by rounding, and how many elements it is of.
#[derive(Clone, Copy, Debug, Default)]
struct Ring {
    sum: f64,
    lost: f64,
    count: f64,
}

impl Ring {
    fn add(&mut self, power: f64, weight: f64) {
        let term = power * weight;
        let sum = self.sum + term;
        // All terms are positive: the larger one keeps its digits.
        self.lost +=
            if self.sum >= term { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
        self.count += weight;
    }

    fn mean(&self) -> f64 {
        // An infinity has lost nothing that is a number.
        let sum = if self.sum.is_finite() { self.sum + self.lost } else { self.sum };
        sum / self.count
    }
}

/// The sums of all rings.
pub(super) struct Rings {
    rings: Vec<Ring>,
    /// Rings per cycle per sample.
    scale: f64,
}

impl Rings {
    /// For an array whose longest axis has so many elements.
    #[expect(clippy::cast_precision_loss, reason = "lengths of axes are far below 2^53")]
    pub(super) fn new(longest: usize) -> Self {
        Self { rings: vec![Ring::default(); Self::count(longest)], scale: longest as f64 }
    }

    /// The number of rings up to half a cycle per sample.
    pub(super) fn count(longest: usize) -> usize {
        longest / 2 + 1
    }

    /// What they hold, in bytes.
    pub(super) fn bytes(longest: usize) -> u64 {
        (Self::count(longest) * size_of::<Ring>()) as u64
    }

    /// Adds a tile: rows along a place, and columns from one on, along others. Columns begin at a multiple of
    /// [`TOGETHER`].
    pub(super) fn add<T: Real>(
        &mut self,
        elements: &[Complex<T>],
        rows: &Squares,
        places: &[Squares],
        (first, width): (usize, usize),
    ) where
        Complex<T>: Element,
    {
        for begin in (0..width).step_by(TOGETHER) {
            let count = TOGETHER.min(width - begin);
            let mut columns = [(0.0, 1.0); TOGETHER];
            for (column, to) in columns[..count].iter_mut().enumerate() {
                *to = of_column(places, first + begin + column);
            }
            for (row, &(of_row, weight)) in elements.chunks_exact(width).zip(&rows.0) {
                let row = &row[begin..begin + count];
                for (element, &(of_column, other)) in row.iter().zip(&columns) {
                    self.add_element(*element, of_row + of_column, weight * other);
                }
            }
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rings are counted in an axis' length"
    )]
    fn add_element<T: Real>(&mut self, element: Complex<T>, square: f64, weight: f64) {
        let ring = (square.sqrt() * self.scale * HALVES_UP).round() as usize;
        let Some(ring) = self.rings.get_mut(ring) else { return };
        let [re, im] = [element.re, element.im].map(|part| part.to_f64().unwrap_or(f64::NAN));
        ring.add(re * re + im * im, weight);
    }

    /// The frequency of each ring, its mean power, and how many elements it has.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "counts of elements are whole and positive"
    )]
    pub(super) fn means(&self) -> (Vec<f64>, Vec<f64>, Vec<u64>) {
        let frequencies = (0..self.rings.len()).map(|ring| ring as f64 / self.scale).collect();
        let means = self.rings.iter().map(Ring::mean).collect();
        (frequencies, means, self.rings.iter().map(|ring| ring.count as u64).collect())
    }
}

/// The square of a column's frequency, and its weight.
fn of_column(places: &[Squares], mut column: usize) -> (f64, f64) {
    let (mut square, mut weight) = (0.0, 1.0);
    for Squares(place) in places.iter().rev() {
        let (of_place, other) = place[column % place.len()];
        column /= place.len();
        square += of_place;
        weight *= other;
    }
    (square, weight)
}
