//! Sine and cosine of single precision, many at a time.
//!
//! Computed in double precision without a branch, so that the compiler makes vector instructions of it:
//! the angle is brought to at most an eighth of a turn by taking multiples of pi/2 away, in two parts of
//! which the first times a whole number is exact (Cody and Waite, "Software Manual for the Elementary
//! Functions", 1980). There polynomials that meet the functions at Chebyshev's points are good to 2e-10.
//! The result is within 0.51 units in the last place.

use std::f64::consts::FRAC_2_PI;

/// Up to here whole multiples of pi/2 times its first part are exact.
const LIMIT: f32 = 1e6;
/// Added to a number, rounds it to a whole one, which is then in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// The first 33 bits of pi/2.
const PART: f64 = 1.570_796_326_734_125_6;
/// The rest of pi/2.
const REST: f64 = 6.077_100_506_506_192e-11;

/// The coefficients of `(sin(r) / r - 1) / s`, where `s` is the square of `r`, up to an eighth of a turn.
const SINE: [f64; 4] = [
    -0.166_666_666_638_541_63,
    0.008_333_331_874_272_949,
    -0.000_198_400_864_993_093,
    2.724_989_520_219_343e-6,
];
/// The same of `(cos(r) - 1) / s`.
const COSINE: [f64; 4] = [
    -0.499_999_999_691_069_9,
    0.041_666_650_639_724_66,
    -0.001_388_758_889_674_088_4,
    2.446_375_473_140_867_3e-5,
];

/// The sines of angles, or after so many quarter turns more.
fn shifted(angles: &[f32], to: &mut Vec<f32>, turns: u64, beyond: impl Fn(f32) -> f32) {
    to.clear();
    to.extend(angles.iter().map(|&angle| within_limit(angle, turns)));
    if angles.iter().any(|&angle| is_beyond(angle)) {
        let beyond_limit = to.iter_mut().zip(angles).filter(|(_, angle)| is_beyond(**angle));
        beyond_limit.for_each(|(to, &angle)| *to = beyond(angle));
    }
}

fn is_beyond(angle: f32) -> bool {
    angle.is_nan() || angle.abs() > LIMIT
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision")]
fn within_limit(angle: f32, turns: u64) -> f32 {
    let x = f64::from(angle);
    let rounded = x * FRAC_2_PI + ROUND;
    let quarter = rounded.to_bits().wrapping_add(turns);
    let whole = rounded - ROUND;
    let r = (x - whole * PART) - whole * REST;
    let s = r * r;
    // As a product, so that the sine of -0 is -0.
    let sine = r * (1.0 + s * (SINE[0] + s * (SINE[1] + s * (SINE[2] + s * SINE[3]))));
    let cosine = 1.0 + s * (COSINE[0] + s * (COSINE[1] + s * (COSINE[2] + s * COSINE[3])));
    // All bits of the one or of the other: no branch, which could not be foreseen.
    let other = (quarter & 1).wrapping_neg();
    let value = (sine.to_bits() & !other) | (cosine.to_bits() & other);
    // Twice a quarter turn changes the sign.
    f64::from_bits(value ^ ((quarter & 2) << 62)) as f32
}

pub(super) fn sin(angles: &[f32], to: &mut Vec<f32>) {
    shifted(angles, to, 0, f32::sin);
}

pub(super) fn cos(angles: &[f32], to: &mut Vec<f32>) {
    shifted(angles, to, 1, f32::cos);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn angles() -> Vec<f32> {
        let mut angles =
            vec![0.0, -0.0, 1e-40, -1e-20, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e30];
        // Every 9,973rd number there is, and those next to multiples of pi/2.
        angles.extend((0..u32::MAX).step_by(9973).map(f32::from_bits));
        for n in -100_000_i32..100_000 {
            #[expect(clippy::cast_possible_truncation)]
            let near = (f64::from(n) * std::f64::consts::FRAC_PI_2) as f32;
            angles.extend([near, near.next_up(), near.next_down()]);
        }
        angles
    }

    /// Half a unit in the last place, and a hundredth for the double precision before rounding.
    fn agrees(found: f32, exact: f64) -> bool {
        let unit = f64::from(found.abs().next_up()) - f64::from(found.abs());
        (f64::from(found) - exact).abs() <= 0.51 * unit || (found.is_nan() && exact.is_nan())
    }

    #[test]
    fn sines_and_cosines_are_right_to_the_last_place() {
        let angles = angles();
        let (mut sines, mut cosines) = (Vec::new(), Vec::new());
        sin(&angles, &mut sines);
        cos(&angles, &mut cosines);
        for ((&angle, &sine), &cosine) in angles.iter().zip(&sines).zip(&cosines) {
            // Beyond the limit the system's functions are used, which are good to a unit.
            let exact = f64::from(angle);
            if angle.abs() <= LIMIT {
                assert!(agrees(sine, exact.sin()), "sin {angle:e} = {sine:e}");
                assert!(agrees(cosine, exact.cos()), "cos {angle:e} = {cosine:e}");
            } else {
                assert!((f64::from(sine) - exact.sin()).abs() < 1e-7 || sine.is_nan());
                assert!((f64::from(cosine) - exact.cos()).abs() < 1e-7 || cosine.is_nan());
                assert_eq!(
                    (sine.is_nan(), cosine.is_nan()),
                    (!angle.is_finite(), !angle.is_finite())
                );
            }
        }
        assert!(sines[0].is_sign_positive() && sines[1].is_sign_negative());
    }
}
