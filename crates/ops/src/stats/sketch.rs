//! A histogram of numbers whose range is not known beforehand.
//!
//! ```text
//!     bins of width 1     ▂ ▅ ▇ ▃ ▁ │ a 9 comes: too many bins
//!     bins of width 2     ▄   █   ▂       ▁       neighbours are merged
//! ```
//!
//! Edges are multiples of a power of two, so that two bins of a width are one of twice that width. The
//! width is the least with which all numbers lie in a fixed number of bins: the result depends on the
//! numbers alone, not on their order or on who has seen which.

use crate::Histogram;

/// The most bins.
const BINS: usize = 20;
/// How much smaller than the largest number a bin is at least: as a power of two.
const FINEST: i32 = 40;
/// The smallest and the largest power of two that can be multiplied by and divided by.
const EXPONENTS: std::ops::RangeInclusive<i32> = -960..=1018;

/// Finite numbers counted in bins.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sketch {
    /// The least and the greatest number so far.
    range: Option<(f64, f64)>,
    /// The exponent of the width of bins.
    exponent: i32,
    /// The number of the first bin, counted from zero on.
    first: i64,
    counts: Vec<u64>,
}

impl Sketch {
    /// Counts numbers, of which these are the least and the greatest.
    pub(super) fn count(&mut self, numbers: &[f64], least: f64, greatest: f64) {
        self.widen(least, greatest);
        let scale = power(-self.exponent);
        for &number in numbers {
            // Infinities are in no bin.
            if let Some(count) = self.counts.get_mut(place(bin(number, scale), self.first)) {
                *count += 1;
            }
        }
    }

    /// Adds what another has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        let Some((least, greatest)) = other.range else { return };
        self.widen(least, greatest);
        let wider = self.exponent - other.exponent;
        for (number, &count) in (other.first..).zip(&other.counts) {
            self.counts[place(merged(number, wider), self.first)] += count;
        }
    }

    /// Makes room for numbers.
    fn widen(&mut self, least: f64, greatest: f64) {
        let (low, high) = self.range.unwrap_or((least, greatest));
        let (low, high) = (low.min(least), high.max(greatest));
        if self.range == Some((low, high)) {
            return;
        }
        let exponent = exponent(low, high);
        let scale = power(-exponent);
        let first = bin(low, scale);
        let mut counts = vec![0; place(bin(high, scale), first) + 1];
        for (number, &count) in (self.first..).zip(&self.counts) {
            counts[place(merged(number, exponent - self.exponent), first)] += count;
        }
        *self = Self { range: Some((low, high)), exponent, first, counts };
    }

    /// The bins as a histogram; nothing of no numbers.
    #[expect(clippy::cast_precision_loss, reason = "numbers of bins are far below 2^53")]
    pub(super) fn into_histogram(self) -> Histogram<f64> {
        if self.range.is_none() {
            return Histogram { edges: Vec::new(), counts: Vec::new() };
        }
        let width = power(self.exponent);
        let edges = (self.first..).take(self.counts.len() + 1).map(|bin| bin as f64 * width);
        Histogram { edges: edges.collect(), counts: self.counts }
    }
}

/// The least exponent with which a range lies in so many bins.
fn exponent(low: f64, high: f64) -> i32 {
    let largest = low.abs().max(high.abs());
    let of_largest = i32::try_from(largest.to_bits() >> 52).unwrap_or(0) - 1023;
    let finest = (of_largest - FINEST).clamp(*EXPONENTS.start(), *EXPONENTS.end());
    let fits = |exponent: &i32| {
        let scale = power(-exponent);
        place(bin(high, scale), bin(low, scale)) < BINS
    };
    (finest..=*EXPONENTS.end())
        .find(fits)
        .expect("the greatest width holds all numbers in a few bins")
}

fn power(exponent: i32) -> f64 {
    2.0_f64.powi(exponent)
}

/// The number of a bin where bins are wider by a power of two.
fn merged(bin: i64, wider: i32) -> i64 {
    bin >> wider.min(63)
}

#[expect(clippy::cast_possible_truncation, reason = "far below 2^53; infinities saturate")]
fn bin(number: f64, scale: f64) -> i64 {
    (number * scale).floor() as i64
}

/// A bin's place behind the first; out of all places if it is before it.
fn place(bin: i64, first: i64) -> usize {
    usize::try_from(bin.wrapping_sub(first)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numbers: &[f64], parts: usize) -> Sketch {
        let mut all = Sketch::default();
        for part in numbers.chunks(parts) {
            let ends =
                part.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (x.min(low), x.max(high)));
            let mut sketch = Sketch::default();
            sketch.count(part, ends.0, ends.1);
            all.merge(&sketch);
        }
        all
    }

    proptest! {
        #[test]
        fn the_result_depends_on_the_numbers_alone(
            mut numbers in prop::collection::vec(
                prop_oneof![-1.0..1.0, -1e300..1e300, Just(0.0), Just(5e-324), 1.0..1.000_001],
                1..60,
            ),
            parts in 1_usize..20,
        ) {
            let whole = of(&numbers, 60);
            prop_assert_eq!(&of(&numbers, parts), &whole);
            numbers.reverse();
            prop_assert_eq!(&of(&numbers, parts), &whole);
            let Histogram { edges, counts } = whole.into_histogram();
            prop_assert!(counts.len() <= BINS && edges.is_sorted());
            for (pair, &count) in edges.windows(2).zip(&counts) {
                let inside = numbers.iter().filter(|x| (pair[0]..pair[1]).contains(*x)).count();
                prop_assert_eq!(inside as u64, count);
            }
        }
    }

    #[test]
    fn bins_are_as_narrow_as_they_can_be() {
        let numbers: Vec<_> = (0..1000).map(f64::from).collect();
        let found = of(&numbers, 10).into_histogram();
        assert_eq!(found.counts.len(), 16);
        assert_eq!(found.edges[..2], [0.0, 64.0]);
        assert_eq!((found.counts[0], found.counts[15]), (64, 40));
        assert_eq!(of(&[7.0; 5], 2).into_histogram().counts, [5]);
        assert!(Sketch::default().into_histogram().counts.is_empty());
    }
}
