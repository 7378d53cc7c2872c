//! The real data, prepared for adding it at every scale.

use ndarray::Array2;
use std::sync::LazyLock;

use crate::elevation;

/// How much lower the relief of an octave is than that of the one before, `2^-0.8`: the roughness
/// of eroded land, and about where the spectrum of the real data leaves off.
const FALL: f32 = 0.574_349_2;

/// How far each octave is shifted against the one before, in elements. Primes that divide neither
/// length of the data, so that no two octaves are mirrored at the same places.
const SHIFT: [i64; 2] = [211, 157];

/// Half-band low-pass filter: the interpolation of `terrain.rs` seen as a filter. Removing what it
/// passes leaves exactly the band that interpolated data lacks.
const LOW_PASS: [f32; 7] = [-0.031_25, 0.0, 0.281_25, 0.5, 0.281_25, 0.0, -0.031_25];

struct Fields {
    heights: Array2<f32>,
    details: Array2<f32>,
    turned_details: Array2<f32>,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let heights = elevation().mapv(f32::from);
    let smooth = low_pass(&low_pass(&heights).reversed_axes()).reversed_axes();
    let details = heights.clone() - smooth;
    let turned_details = details.t().as_standard_layout().into_owned();
    Fields { heights, details, turned_details }
});

/// The lengths of the data along both axes.
pub(crate) fn data_shape() -> [usize; 2] {
    FIELDS.heights.dim().into()
}

/// What one level of refinement adds: octave 0 is the data, later ones are its fine detail, lower
/// and lower, repeated in both directions with every other copy mirrored.
pub(crate) struct Octave {
    field: &'static Array2<f32>,
    shift: [i64; 2],
    amplitude: f32,
}

impl Octave {
    pub(crate) fn new(number: u32) -> Self {
        let field = match number {
            0 => &FIELDS.heights,
            n if n % 2 == 0 => &FIELDS.details,
            _ => &FIELDS.turned_details,
        };
        let amplitude = (0..number).fold(1.0, |amplitude, _| amplitude * FALL);
        Self { field, shift: SHIFT.map(|shift| shift * i64::from(number)), amplitude }
    }

    /// Adds the elements of a row from a column on.
    pub(crate) fn add(&self, row: i64, column: i64, mut out: &mut [f32]) {
        let (rows, columns) = self.field.dim();
        let row = mirrored(row + self.shift[0], rows);
        let row = if row < rows { row } else { 2 * rows - 1 - row };
        let row = self.field.row(row);
        let row = row.as_slice().expect("fields are in standard layout");
        let mut at = mirrored(column + self.shift[1], columns);
        while !out.is_empty() {
            let period_end = if at < columns { columns } else { 2 * columns };
            let (run, rest) = out.split_at_mut(out.len().min(period_end - at));
            if at < columns {
                let pairs = run.iter_mut().zip(&row[at..]);
                pairs.for_each(|(out, value)| *out += self.amplitude * value);
            } else {
                let pairs = run.iter_mut().zip(row[..2 * columns - at].iter().rev());
                pairs.for_each(|(out, value)| *out += self.amplitude * value);
            }
            at = period_end % (2 * columns);
            out = rest;
        }
    }
}

/// An index within the period of two copies, the second of which is mirrored.
fn mirrored(index: i64, len: usize) -> usize {
    usize::try_from(index.rem_euclid(signed(2 * len))).expect("a remainder is not negative")
}

pub(crate) fn signed(index: usize) -> i64 {
    i64::try_from(index).expect("an index of a countable shape is far below 2^63")
}

/// Filters every column, mirroring it at its ends.
fn low_pass(field: &Array2<f32>) -> Array2<f32> {
    let rows = field.nrows();
    Array2::from_shape_fn(field.dim(), |(row, column)| {
        let taps = LOW_PASS.iter().zip(signed(row) - 3..);
        taps.fold(0.0, |sum, (weight, row)| {
            let row = mirrored(row, rows);
            sum + weight * field[(row.min(2 * rows - 1 - row), column)]
        })
    })
}
