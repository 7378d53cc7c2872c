//! Bins of one width, by the arithmetic of `numpy.histogram`.
//!
//! ```text
//!     index of x ≈ (x - first) / (last - first) · bins, rounded down; then one less if x is below the
//!     edge of that bin, or one more if x is not below the next: so that edges decide, not rounding
//! ```

use num_traits::{Float, NumCast, ToPrimitive, Zero};

use crate::ordered::Ordered;
use crate::{Error, Result};

/// The bins between two numbers.
#[derive(Debug)]
pub(super) struct Bins<T: Ordered> {
    edges: Vec<T::Float>,
    width: Width<T::Float>,
}

/// What distances from the first edge are divided by: NumPy computes in the elements' type if it has
/// found the range among them, and in `f64` if it was given one.
#[derive(Clone, Copy, Debug)]
enum Width<F> {
    Own(F),
    Given(f64),
}

impl<T: Ordered> Bins<T> {
    /// Bins over a range.
    #[expect(clippy::float_cmp, reason = "a width of exactly nothing")]
    pub(super) fn over_range(low: f64, high: f64, bins: usize) -> Result<Self> {
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let edges = linspace(low, high, bins)?.into_iter().map(rounded).collect();
        Self { edges, width: Width::Given(high - low) }.checked()
    }

    /// Bins from the least to the greatest element.
    pub(super) fn between(least: T, greatest: T, bins: usize) -> Result<Self> {
        let (low, high) = (least.to_float(), greatest.to_float());
        if !(low.is_finite() && high.is_finite()) {
            let (low, high) = (wide(low), wide(high));
            return Err(Error::Value(format!(
                "elements from {low} to {high} have no finite range for a histogram"
            )));
        }
        if least == greatest {
            let half = rounded(0.5);
            let (low, high) = (low - half, high + half);
            let edges = linspace(low, high, bins)?;
            return Self { edges, width: Width::Own(high - low) }.checked();
        }
        Self { edges: linspace(low, high, bins)?, width: Width::Own(T::way(least, greatest)) }
            .checked()
    }

    /// Refuses edges that are the same.
    fn checked(self) -> Result<Self> {
        let rises = |pair: &[T::Float]| pair[0] < pair[1];
        if self.edges.windows(2).all(rises) {
            return Ok(self);
        }
        let (bins, low) = (self.edges.len() - 1, wide(self.edges[0]));
        let high = wide(self.edges[bins]);
        Err(Error::Value(format!(
            "{bins} bins from {low} to {high} are too many: the edges of some are the same number"
        )))
    }

    pub(super) fn into_edges(self) -> Vec<T::Float> {
        self.edges
    }

    /// Counts elements.
    pub(super) fn count(&self, elements: &[T], counts: &mut [u64]) {
        let bins = counts.len();
        match self.width {
            Width::Own(width) => {
                let bins: T::Float = rounded(bins);
                // Whole numbers are rounded towards zero, as a cast in C does.
                self.count_by(elements, counts, |way| (way / width * bins).to_usize());
            }
            Width::Given(width) => {
                let bins = wide(rounded::<f64, _>(bins));
                self.count_by(elements, counts, |way| (wide(way) / width * bins).to_usize());
            }
        }
    }

    fn count_by(
        &self,
        elements: &[T],
        counts: &mut [u64],
        index: impl Fn(T::Float) -> Option<usize>,
    ) {
        let edges = &self.edges[..];
        let highest = counts.len() - 1;
        let (first, last) = (edges[0], edges[highest + 1]);
        for element in elements {
            let x = element.to_float();
            if !(x >= first && x <= last) {
                continue;
            }
            let mut bin = index(x - first).unwrap_or(highest).min(highest);
            if x < edges[bin] {
                bin -= 1;
            } else if x >= edges[bin + 1] && bin != highest {
                bin += 1;
            }
            counts[bin] += 1;
        }
    }
}

/// `numpy.linspace`: the edges of bins, in the precision of their ends.
fn linspace<F: Float + Zero>(low: F, high: F, bins: usize) -> Result<Vec<F>> {
    let (way, count) = (high - low, rounded::<F, _>(bins));
    if !way.is_finite() {
        let (low, high) = (wide(low), wide(high));
        return Err(Error::Value(format!("a range from {low} to {high} is too wide for its type")));
    }
    let step = way / count;
    let edge = |index: usize| {
        let index = rounded::<F, _>(index);
        // A step that is lost below the smallest number.
        let way = if step.is_zero() { index / count * way } else { index * step };
        way + low
    };
    Ok((0..bins).map(edge).chain([high]).collect())
}

/// A number in another type, rounded to the nearest.
fn rounded<F: Float, N: ToPrimitive>(number: N) -> F {
    NumCast::from(number).expect("numbers round to floating-point numbers")
}

fn wide<F: Float>(number: F) -> f64 {
    rounded(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_no_width_is_widened() {
        let bins = Bins::<i16>::between(7, 7, 2).unwrap();
        assert_eq!(bins.edges, [6.5, 7.0, 7.5]);
        let bins = Bins::<f32>::over_range(0.0, 0.0, 1).unwrap();
        assert_eq!(bins.edges, [-0.5, 0.5]);
    }

    #[test]
    fn edges_decide() {
        // 0.3 / 0.1 is less than 3, but 0.30000000000000004 is the edge between two bins.
        let bins = Bins::<f64>::over_range(0.0, 1.0, 10).unwrap();
        let mut counts = [0; 10];
        bins.count(
            &[bins.edges[3], bins.edges[3].next_down(), 1.0, 1.5, -0.1, f64::NAN],
            &mut counts,
        );
        assert_eq!(counts, [0, 0, 1, 1, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn bins_that_cannot_be_told_apart_are_refused() {
        let refused = |bins: Result<Bins<f32>>| bins.unwrap_err().to_string();
        let text = refused(Bins::between(1.0, 1.0_f32.next_up(), 2));
        assert!(text.contains("2 bins from 1 to 1.0000001"), "{text}");
        assert!(refused(Bins::between(f32::MIN, f32::MAX, 2)).contains("too wide"));
        assert!(refused(Bins::between(0.0, f32::INFINITY, 2)).contains("inf"));
    }
}
