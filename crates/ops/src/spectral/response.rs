//! What a spectrum is multiplied by: a function of frequency.
//!
//! ```text
//!     a tile: rows of places ahead of the last one     its frequencies
//!     ┌──────────────────┐
//!     │ ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ │ ◀ row 0                     one for each axis, from tables; within a row
//!     │ ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ │ ◀ row 1                     only that of the fastest axis changes
//!     └──────────────────┘
//! ```

use num_complex::Complex;
use outcore_storage::Element;
use rayon::prelude::*;

use crate::fourier::Real;
use crate::frequency::{fftfreq, rfftfreq};

/// A place of a tile: its length, and the frequencies along it with the number of their axis, if it is one
/// that is transformed.
#[derive(Clone, Debug)]
pub(super) struct Place {
    len: usize,
    axis: Option<(usize, Vec<f64>)>,
}

impl Place {
    /// A place of the spectrum, which may have the first half of its frequencies only.
    pub(super) fn new(len: usize, halved: bool, axis: Option<usize>) -> Self {
        let table = || if halved { rfftfreq(len, 1.0) } else { fftfreq(len, 1.0) };
        let axis = axis.map(|axis| (axis, table()));
        Self { len: axis.as_ref().map_or(len, |(_, table)| table.len()), axis }
    }

    /// Puts the frequency of an index in its place.
    fn set(&self, index: usize, frequencies: &mut [f64]) {
        if let Some((axis, table)) = &self.axis {
            frequencies[*axis] = table[index];
        }
    }

    /// The same place, cut to another length; only of one that is not transformed.
    pub(super) fn cut(&self, len: usize) -> Self {
        Self { len, axis: self.axis.clone() }
    }
}

/// Where a tile of a spectrum lies.
pub(super) struct Grid<'a> {
    /// The axes of the tile but the last.
    pub(super) rows: Vec<&'a Place>,
    /// The places that the last axis is made of, and which of their indices the tile has.
    pub(super) columns: Vec<&'a Place>,
    pub(super) first: usize,
    pub(super) width: usize,
    /// The number of frequencies.
    pub(super) axes: usize,
}

/// Elements that a thread multiplies at a time.
const MULTIPLIED: usize = 4096;
/// Elements whose frequencies are put in place before the function is called with them. With those of one
/// element alone, the function would read what has just been written, and wait for it each time.
const AHEAD: usize = 64;

/// A function that multiplies tiles of a spectrum. Called once for each tile or lane, so that it may be
/// called indirectly.
pub(super) trait Response<T>: Sync {
    /// Multiplies a tile, on all threads of the current pool.
    fn multiply(&self, elements: &mut [Complex<T>], grid: &Grid<'_>);

    /// Multiplies one row of a tile, in this thread.
    fn multiply_row(&self, elements: &mut [Complex<T>], row: usize, grid: &Grid<'_>);
}

impl<T: Real, F: Fn(&[f64]) -> Complex<T> + Sync> Response<T> for F
where
    Complex<T>: Element,
{
    fn multiply(&self, elements: &mut [Complex<T>], grid: &Grid<'_>) {
        let height = (MULTIPLIED / grid.width).max(1);
        let parts = elements.par_chunks_mut(height * grid.width).enumerate();
        parts.for_each(|(part, elements)| {
            let mut ahead = Ahead::new(grid.axes, grid.width);
            for (row, elements) in elements.chunks_mut(grid.width).enumerate() {
                grid.multiply_row(self, elements, part * height + row, &mut ahead);
            }
        });
    }

    fn multiply_row(&self, elements: &mut [Complex<T>], row: usize, grid: &Grid<'_>) {
        grid.multiply_row(self, elements, row, &mut Ahead::new(grid.axes, grid.width));
    }
}

/// The frequencies of several elements that follow each other in a row.
struct Ahead {
    frequencies: Vec<f64>,
    axes: usize,
    count: usize,
}

impl Ahead {
    fn new(axes: usize, width: usize) -> Self {
        let count = width.clamp(1, AHEAD);
        Self { frequencies: vec![0.0; axes * count], axes, count }
    }

    #[inline]
    fn of(&mut self, element: usize) -> &mut [f64] {
        &mut self.frequencies[element * self.axes..][..self.axes]
    }

    fn each(&mut self, mut set: impl FnMut(&mut [f64])) {
        (0..self.count).for_each(|element| set(self.of(element)));
    }
}

impl Grid<'_> {
    fn multiply_row<T: Real>(
        &self,
        response: &impl Fn(&[f64]) -> Complex<T>,
        elements: &mut [Complex<T>],
        row: usize,
        ahead: &mut Ahead,
    ) {
        ahead.each(|frequencies| set_all(&self.rows, row, frequencies));
        let Some((fastest, others)) = self.columns.split_last() else {
            return elements.iter_mut().for_each(|x| *x = *x * response(ahead.of(0)));
        };
        let (mut column, mut rest) = (self.first, elements);
        while !rest.is_empty() {
            let (outer, index) = (column / fastest.len, column % fastest.len);
            ahead.each(|frequencies| set_all(others, outer, frequencies));
            let (now, later) = rest.split_at_mut(rest.len().min(fastest.len - index));
            column += now.len();
            for (index, now) in (index..).step_by(ahead.count).zip(now.chunks_mut(ahead.count)) {
                (0..now.len()).for_each(|element| fastest.set(index + element, ahead.of(element)));
                for (element, x) in now.iter_mut().enumerate() {
                    *x = *x * response(ahead.of(element));
                }
            }
            rest = later;
        }
    }
}

/// Puts the frequencies of some places in theirs, by a number along all of them.
fn set_all(places: &[&Place], mut number: usize, frequencies: &mut [f64]) {
    for place in places.iter().rev() {
        place.set(number % place.len, frequencies);
        number /= place.len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_gets_its_own_frequencies() {
        // Axes 2, 0, none and 1 of lengths 3, 4, 2 and 5, the last of which is halved.
        let places = [
            Place::new(3, false, Some(2)),
            Place::new(4, false, Some(0)),
            Place::new(2, false, None),
            Place::new(5, true, Some(1)),
        ];
        let all: Vec<&Place> = places.iter().collect();
        let code = |at: &[f64]| Complex::new(at[2] * 300.0 + at[0] * 40.0, at[1] * 5.0);
        for split in 0..=4 {
            let (rows, columns) = all.split_at(split);
            let width: usize = columns.iter().map(|place| place.len).product();
            for (first, width) in [(0, width), (width / 3, width - width / 3)] {
                let count: usize = rows.iter().map(|place| place.len).product();
                let mut elements = vec![Complex::new(1.0, 0.0); count * width];
                let (rows, columns) = (rows.to_vec(), columns.to_vec());
                code.multiply(&mut elements, &Grid { rows, columns, first, width, axes: 3 });
                let whole = 72 / count;
                let number = |index: usize| index / width * whole + first + index % width;
                for (index, found) in elements.iter().enumerate() {
                    let number = number(index);
                    let (i, j, l) = (number / 24, number / 6 % 4, number % 3);
                    let at = [fftfreq(4, 1.0)[j], rfftfreq(5, 1.0)[l], fftfreq(3, 1.0)[i]];
                    assert_eq!(*found, code(&at), "{split} {first} {index}");
                }
            }
        }
    }
}
