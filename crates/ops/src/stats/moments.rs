//! Sums and centred moments of leaves, and how those of neighbours are put together.
//!
//! ```text
//!     leaf    first element, distances from it, their mean, then powers of distances from the mean
//!     merge   sum: with what rounding took from it; moments: by the distance between the means
//! ```
//!
//! Source: Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
//! statistical moments", Sandia report SAND2008-6212, 2008.

use crate::reduce::{Total, side_by_side};

/// What is known of some numbers, none of which is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) count: u64,
    sum: Total<f64>,
    mean: f64,
    /// The sums of the second, third and fourth powers of distances from the mean.
    powers: [f64; 3],
}

impl Moments {
    pub(super) const NONE: Self = Self { count: 0, sum: Total::ZERO, mean: 0.0, powers: [0.0; 3] };

    /// Of the numbers of a leaf.
    pub(super) fn of(numbers: &[f64]) -> Self {
        let Some(&first) = numbers.first() else { return Self::NONE };
        let n = float(numbers.len() as u64);
        let mut sum = Total::ZERO;
        sum.add(side_by_side(numbers, |x| x));
        // Distances from an element: of numbers that are all the same they are nothing.
        let shift = side_by_side(numbers, |x| x - first) / n;
        let distance = |x: f64| (x - first) - shift;
        // What is left of the mean distance from the mean is rounding.
        let rest = side_by_side(numbers, distance) / n;
        let powers = [
            side_by_side(numbers, |x| distance(x) * distance(x)) - n * rest * rest,
            side_by_side(numbers, |x| distance(x) * distance(x) * distance(x)),
            side_by_side(numbers, |x| (distance(x) * distance(x)) * (distance(x) * distance(x))),
        ];
        Self { count: numbers.len() as u64, sum, mean: first + shift, powers }
    }

    /// Adds a leaf that follows.
    pub(super) fn merge(&mut self, next: &Self) {
        if next.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *next;
            return;
        }
        self.sum.add(next.sum.value());
        let (a, b) = (float(self.count), float(next.count));
        let n = a + b;
        let way = next.mean - self.mean;
        let ([a2, a3, a4], [b2, b3, b4]) = (self.powers, next.powers);
        let step = way / n;
        let second = a2 + b2 + way * step * a * b;
        let third = a3 + b3 + way * step * step * a * b * (a - b) + 3.0 * step * (a * b2 - b * a2);
        let fourth = a4
            + b4
            + way * step * step * step * a * b * (a * a - a * b + b * b)
            + 6.0 * step * step * (a * a * b2 + b * b * a2)
            + 4.0 * step * (a * b3 - b * a3);
        self.powers = [second, third, fourth];
        self.mean += step * b;
        self.count += next.count;
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum.value()
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum() / float(self.count)
    }

    pub(super) fn std(&self) -> f64 {
        (self.powers[0].max(0.0) / float(self.count)).sqrt() + self.doubt()
    }

    pub(super) fn skewness(&self) -> f64 {
        let [second, third, _] = self.powers;
        float(self.count).sqrt() * third / (second * second.sqrt())
    }

    pub(super) fn kurtosis(&self) -> f64 {
        let [second, _, fourth] = self.powers;
        float(self.count) * fourth / (second * second) - 3.0
    }

    /// NaN if the moments are; `max` forgets that.
    fn doubt(&self) -> f64 {
        if self.powers[0].is_nan() { f64::NAN } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of elements")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of numbers in leaves of a length.
    fn in_leaves(numbers: &[f64], leaf: usize) -> Moments {
        let mut all = Moments::NONE;
        numbers.chunks(leaf).for_each(|leaf| all.merge(&Moments::of(leaf)));
        all
    }

    /// Whether two numbers are the same but for rounding: up to a thousand means of about 1000 are each
    /// off by 1e-13.
    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-10 * one.abs().max(1.0)
    }

    #[test]
    fn leaves_of_any_length_have_the_moments_of_the_definition() {
        let numbers: Vec<f64> = (0..1000_u32).map(|i| f64::from(i * i % 337) + 1e3).collect();
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        let power = |p| numbers.iter().map(|x| (x - mean).powi(p)).sum::<f64>() / 1000.0;
        for leaf in [1, 7, 64, 999, 1000] {
            let found = in_leaves(&numbers, leaf);
            assert!(close(found.mean(), mean) && close(found.std(), power(2).sqrt()));
            assert!(close(found.skewness(), power(3) / power(2).powf(1.5)), "{leaf}");
            assert!(close(found.kurtosis(), power(4) / power(2).powi(2) - 3.0), "{leaf}");
        }
    }

    #[test]
    fn sums_keep_what_rounding_takes() {
        let numbers = [1e16, 1.0, -1e16, 1.0];
        assert!(close(in_leaves(&numbers, 1).sum(), 2.0));
    }

    #[test]
    fn a_constant_does_not_spread() {
        let found = in_leaves(&[0.1; 1000], 64);
        assert!(found.std() == 0.0 && found.skewness().is_nan() && found.kurtosis().is_nan());
    }

    #[test]
    fn infinities_take_part() {
        let found = in_leaves(&[1.0, f64::INFINITY, 2.0], 2);
        assert!(found.sum() == f64::INFINITY && found.mean() == f64::INFINITY);
        assert!(found.std().is_nan());
        assert!(in_leaves(&[f64::INFINITY, f64::NEG_INFINITY], 1).sum().is_nan());
        assert!(Moments::NONE.mean().is_nan());
    }
}
