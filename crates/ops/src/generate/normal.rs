//! The normal distribution's inverse: which number a given part of all normal numbers is below.
//!
//! By rational functions in three ranges: algorithm AS 241, PPND16, of Wichura, "The percentage
//! points of the normal distribution" (Applied Statistics 37, 1988), with a relative error of about
//! 1e-16. The logarithm that its tails need is computed here, by operations that IEEE 754 defines
//! to the last bit: so the same probability gives the same number on every machine, which the
//! logarithms of systems do not promise.

#![expect(clippy::excessive_precision, reason = "these are the paper's digits")]

use std::f64::consts::{LN_2, SQRT_2};

/// A rational function of a range, coefficients from the constant on.
struct Rational {
    numerator: [f64; 8],
    denominator: [f64; 8],
}

/// Of 0.180625 - q², for q = p - 0.5 of at most 0.425 in magnitude.
const CENTRE: Rational = Rational {
    numerator: [
        3.387_132_872_796_366_608,
        133.141_667_891_784_377_45,
        1_971.590_950_306_551_442_7,
        13_731.693_765_509_461_125,
        45_921.953_931_549_871_457,
        67_265.770_927_008_700_853,
        33_430.575_583_588_128_105,
        2_509.080_928_730_122_672_7,
    ],
    denominator: [
        1.0,
        42.313_330_701_600_911_252,
        687.187_007_492_057_908_3,
        5_394.196_021_424_751_107_7,
        21_213.794_301_586_595_867,
        39_307.895_800_092_710_61,
        28_729.085_735_721_942_674,
        5_226.495_278_852_854_561,
    ],
};

/// Of r - 1.6, for r = √(-ln p) of at most 5.
const TAIL: Rational = Rational {
    numerator: [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    denominator: [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
};

/// Of r - 5, beyond.
const FAR_TAIL: Rational = Rational {
    numerator: [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    denominator: [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
};

impl Rational {
    #[inline]
    fn at(&self, x: f64) -> f64 {
        let horner = |coefficients: &[f64; 8]| {
            let (highest, others) = coefficients.split_last().expect("eight coefficients");
            others.iter().rev().fold(*highest, |value, coefficient| value * x + coefficient)
        };
        horner(&self.numerator) / horner(&self.denominator)
    }
}

/// The number that a normal number with mean 0 and variance 1 is below with a probability between
/// 0 and 1, both excluded.
#[inline]
pub(super) fn quantile(probability: f64) -> f64 {
    let q = probability - 0.5;
    if q.abs() <= 0.425 {
        return q * CENTRE.at(0.180_625 - q * q);
    }
    // Subtracted from 1 no bit is lost, as it would be added to 0.5.
    let r = (-ln(probability.min(1.0 - probability))).sqrt();
    let distance = if r <= 5.0 { TAIL.at(r - 1.6) } else { FAR_TAIL.at(r - 5.0) };
    distance.copysign(q)
}

/// The natural logarithm of a normal positive number.
fn ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = i32::try_from(bits >> 52).expect("11 bits") - 1023;
    let mut fraction = f64::from_bits(bits & FRACTION | 1023 << 52);
    if fraction > SQRT_2 {
        fraction /= 2.0;
        exponent += 1;
    }
    // ln f = 2 artanh t = 2 (t + t³/3 + t⁵/5 + ..), and t² < 0.03: the last term is below 2^-56.
    let t = (fraction - 1.0) / (fraction + 1.0);
    let series = (0..11).rev().fold(0.0, |sum, k| sum * t * t + 1.0 / f64::from(2 * k + 1));
    f64::from(exponent) * LN_2 + 2.0 * t * series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three values that the paper gives to check an implementation by.
    #[test]
    fn gives_the_published_values() {
        let known = [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_814),
            (1e-20, -9.262_340_089_798_408),
        ];
        for (probability, value) in known {
            let error = (quantile(probability) / value - 1.0).abs();
            // The paper promises 16 digits; two are for the roundings here.
            assert!(error < 1e-15, "{probability}: {}", quantile(probability));
        }
    }

    #[test]
    fn rises_over_the_edges_of_its_ranges_and_is_odd() {
        for edge in [0.075, (-25.0_f64).exp()] {
            let below = quantile(edge * (1.0 - 1e-9));
            let above = quantile(edge * (1.0 + 1e-9));
            assert!(below < above && above - below < 1e-8, "{edge}: {below} {above}");
        }
        for k in 1..1024 {
            let p = f64::from(k) / 1024.0;
            assert_eq!(quantile(p).to_bits(), (-quantile(1.0 - p) + 0.0).to_bits(), "{p}");
        }
    }

    #[test]
    fn the_logarithm_is_that_of_the_system_within_its_roundings() {
        for k in 1..2000 {
            let x = f64::from(k) * f64::from(k) / 4e6;
            for x in [x, x * 2_f64.powi(-60)] {
                // Of a sum of two terms, each rounded twice.
                assert!(
                    (ln(x) - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs().max(0.5),
                    "{x}"
                );
            }
        }
    }
}
