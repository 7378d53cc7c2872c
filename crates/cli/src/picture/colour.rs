//! From a number to a colour, or to a character as bright.

/// Colours from low to high: 32 of the 256 of "viridis", whose steps look equally far apart also
/// in grey and to the colour-blind. By Stéfan van der Walt and Nathaniel Smith, released under CC0.
const VIRIDIS: [[u8; 3]; 32] = [
    [68, 1, 84],
    [71, 13, 96],
    [72, 25, 107],
    [72, 36, 116],
    [71, 46, 124],
    [69, 56, 130],
    [65, 66, 134],
    [62, 75, 137],
    [58, 84, 140],
    [54, 93, 141],
    [50, 101, 142],
    [46, 109, 142],
    [43, 117, 142],
    [40, 125, 142],
    [37, 133, 142],
    [34, 140, 141],
    [32, 148, 140],
    [30, 156, 137],
    [32, 163, 134],
    [37, 171, 130],
    [45, 178, 125],
    [57, 186, 118],
    [72, 193, 110],
    [88, 199, 101],
    [106, 205, 91],
    [126, 211, 79],
    [146, 215, 66],
    [168, 219, 52],
    [190, 223, 38],
    [212, 226, 27],
    [233, 228, 26],
    [253, 231, 37],
];

/// What is not a number.
pub(super) const MISSING: [u8; 3] = [176, 176, 176];

/// The colour of a value in a range; values outside have the colour of the nearer end.
pub(super) fn colour(value: f64, low: f64, high: f64) -> [u8; 3] {
    if value.is_nan() {
        return MISSING;
    }
    let part = part(value, low, high);
    let last = VIRIDIS.len() - 1;
    let place = part * last as f64;
    let index = (place as usize).min(last - 1);
    let rest = place - index as f64;
    let mix = |(&from, &to): (&u8, &u8)| {
        (f64::from(from) + rest * (f64::from(to) - f64::from(from))).round() as u8
    };
    let [from, to] = [&VIRIDIS[index], &VIRIDIS[index + 1]];
    std::array::from_fn(|channel| mix((&from[channel], &to[channel])))
}

/// The place of a value in a range, from 0 to 1.
fn part(value: f64, low: f64, high: f64) -> f64 {
    // An infinity minus a number stays one, and ends at an end.
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

/// Characters from dark to bright.
const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];

/// The character of a value in a range, where there are no colours.
pub(super) fn shade(value: f64, low: f64, high: f64) -> char {
    if value.is_nan() {
        return '?';
    }
    let index = (part(value, low, high) * SHADES.len() as f64) as usize;
    SHADES[index.min(SHADES.len() - 1)]
}
