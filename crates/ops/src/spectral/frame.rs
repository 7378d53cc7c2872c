//! Which part of a padded array is used: of what is read, and of what is written.
//!
//! ```text
//!     ┌───────────┬──────┐
//!     │ ▒▒▒▒▒▒▒▒▒ │      │   rows beyond the frame are zeros before the columns are transformed, and
//!     │ ▒▒▒▒▒▒▒▒▒ │      │   nobody's afterwards: they are neither stored nor read
//!     ├───────────┘      │
//!     │      zeros       │
//!     └──────────────────┘
//! ```

use std::ops::Range;

/// The part of some axes that is used. Rows are numbered along these axes, the last of which is the fastest.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    lens: Vec<usize>,
    inside: Vec<Range<usize>>,
}

impl Frame {
    pub(crate) fn new(lens: &[usize], inside: &[Range<usize>]) -> Self {
        Self { lens: lens.to_vec(), inside: inside.to_vec() }
    }

    /// How many of a range of rows are used.
    pub(crate) fn count(&self, rows: Range<usize>) -> usize {
        count(&self.lens, &self.inside, rows)
    }

    /// How many are used in all.
    pub(crate) fn all(&self) -> usize {
        self.inside.iter().map(ExactSizeIterator::len).product()
    }
}

fn count(lens: &[usize], inside: &[Range<usize>], rows: Range<usize>) -> usize {
    let Some(used) = inside.first().filter(|_| !rows.is_empty()) else { return rows.len() };
    let inner: usize = lens[1..].iter().product();
    let (first, last) = (rows.start / inner, (rows.end - 1) / inner);
    let part = |index: usize| {
        let begin = index * inner;
        let rows = rows.start.max(begin) - begin..rows.end.min(begin + inner) - begin;
        if used.contains(&index) { count(&lens[1..], &inside[1..], rows) } else { 0 }
    };
    if first == last {
        return part(first);
    }
    let whole = used.end.min(last).saturating_sub(used.start.max(first + 1));
    let each: usize = inside[1..].iter().map(ExactSizeIterator::len).product();
    part(first) + whole * each + part(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_counted_as_if_one_by_one(
            lens in prop::collection::vec(1_usize..6, 0..4),
            ends in prop::collection::vec((0_usize..6, 0_usize..6), 4),
            cut in (0.0..1.0, 0.0..1.0_f64),
        ) {
            let ends = lens.iter().zip(&ends).map(|(&len, &(one, other))| {
                one.min(other).min(len)..one.max(other).min(len)
            });
            let inside: Vec<_> = ends.collect();
            let rows: usize = lens.iter().product();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let at = |part: f64| (part * (rows + 1) as f64) as usize;
            let (start, end) = (at(cut.0).min(at(cut.1)), at(cut.0).max(at(cut.1)));
            let is_inside = |mut row: usize| {
                lens.iter().zip(&inside).rev().all(|(len, range)| {
                    let index = row % len;
                    row /= len;
                    range.contains(&index)
                })
            };
            let frame = Frame::new(&lens, &inside);
            prop_assert_eq!(frame.count(start..end), (start..end).filter(|&row| is_inside(row)).count());
            prop_assert_eq!(frame.all(), frame.count(0..rows));
        }
    }
}
