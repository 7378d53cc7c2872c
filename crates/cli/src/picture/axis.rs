//! Ticks at round numbers.

use std::ops::Range;

/// The ticks of an axis.
#[derive(Debug, Default)]
pub(super) struct Axis {
    pub(super) ticks: Vec<Tick>,
    /// What the labels are to be multiplied by, such as "x1e9", for the axis' label; or nothing.
    pub(super) factor: String,
}

#[derive(Debug)]
pub(super) struct Tick {
    /// Where, as a part of the axis from 0 to 1.
    pub(super) part: f64,
    pub(super) label: String,
}

impl Axis {
    /// The axis with the most ticks whose labels have room, given the room that a label takes in
    /// parts of the axis. The range may run downwards.
    pub(super) fn new(range: &Range<f64>, room: impl Fn(&str) -> f64) -> Self {
        let (low, high) = (range.start.min(range.end), range.start.max(range.end));
        let span = high - low;
        if !span.is_normal() {
            return Self::default();
        }
        let mut best = Self::default();
        // Between whole numbers that are not neighbours, as indices are, lie others.
        let whole = low.fract() == 0.0 && high.fract() == 0.0 && span >= 2.0;
        for step in round_steps(span).filter(|&step| !whole || step >= 1.0) {
            let axis = Self::with_step(range, step);
            let widest = axis.ticks.iter().map(|tick| room(&tick.label)).fold(0.0, f64::max);
            // A single tick says little, so two that touch are still better.
            if axis.ticks.len() < 2 && !best.ticks.is_empty() {
                break;
            }
            best = axis;
            if widest <= step / span {
                break;
            }
        }
        best
    }

    fn with_step(range: &Range<f64>, step: f64) -> Self {
        let (low, high) = (range.start.min(range.end), range.start.max(range.end));
        // Rounding must not lose a tick at an end.
        let slack = 1e-6;
        let first = (low / step - slack).ceil();
        let last = (high / step + slack).floor();
        let (power, decimals) = notation(low.abs().max(high.abs()), step);
        let scale = 10_f64.powi(power);
        let tick = |number: f64| {
            let value = number * step;
            let part = ((value - range.start) / (range.end - range.start)).clamp(0.0, 1.0);
            // Adding zero turns -0 into 0.
            Tick { part, label: format!("{:.decimals$}", value / scale + 0.0) }
        };
        let count = last - first + 1.0;
        let numbers = (0..1000).map(f64::from).take_while(|&index| index < count);
        let ticks = numbers.map(|index| tick(first + index)).collect();
        let factor = if power == 0 { String::new() } else { format!("\u{d7}1e{power}") };
        Self { ticks, factor }
    }

    /// An axis' label with its factor.
    pub(super) fn title(&self, label: &str) -> String {
        [label, &self.factor]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Steps of 1, 2 or 5 times a power of ten, from a twentieth of the span up to the span.
fn round_steps(span: f64) -> impl Iterator<Item = f64> {
    let power = span.log10().floor() as i32;
    let steps = (power - 2..=power + 1).flat_map(|power| {
        // A power below 0 by division, so that the steps are the closest numbers to 0.1 and so on.
        let scale = 10_f64.powi(power.abs());
        [1.0, 2.0, 5.0].map(|digit| if power < 0 { digit / scale } else { digit * scale })
    });
    steps.filter(move |&step| step >= span / 20.0 && step <= span)
}

/// The power of ten that labels leave out, and the decimals that they need.
fn notation(largest: f64, step: f64) -> (i32, usize) {
    let decimals = |power: i32| {
        let digits = f64::from(power) - step.log10() - 1e-9;
        digits.ceil().max(0.0) as usize
    };
    let magnitude = largest.log10().floor() as i32;
    let power = if (-3..6).contains(&magnitude) { 0 } else { 3 * magnitude.div_euclid(3) };
    // A short way from a large number is lost in such decimals: then in full.
    if decimals(power) > 4 && magnitude > 0 { (0, decimals(0)) } else { (power, decimals(power)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range<f64>, room: f64) -> Vec<String> {
        Axis::new(&range, |_| room).ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0..2048.0, 0.1), ["0", "500", "1000", "1500", "2000"]);
        assert_eq!(labels(-0.5..0.5, 0.15), ["-0.4", "-0.2", "0.0", "0.2", "0.4"]);
        assert_eq!(labels(0.0..0.3, 0.3), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(252.2..1078.6, 0.2), ["400", "600", "800", "1000"]);
    }

    #[test]
    fn ticks_of_indices_are_indices() {
        assert_eq!(labels(0.0..2.0, 0.01), ["0", "1", "2"]);
        assert_eq!(labels(0.0..1.0, 0.4), ["0.0", "0.5", "1.0"]);
    }

    #[test]
    fn axes_may_run_downwards() {
        let axis = Axis::new(&(4.0..0.0), |_| 0.4);
        let ticks: Vec<_> = axis.ticks.iter().map(|tick| (tick.part, &tick.label[..])).collect();
        assert_eq!(ticks, [(1.0, "0"), (0.5, "2"), (0.0, "4")]);
    }

    #[test]
    fn large_and_small_numbers_share_a_factor() {
        let axis = Axis::new(&(0.0..7e9), |_| 0.2);
        assert_eq!(axis.title("column"), "column \u{d7}1e9");
        assert_eq!(labels(0.0..7e9, 0.2), ["0", "2", "4", "6"]);
        let axis = Axis::new(&(0.0..2e-7), |_| 0.4);
        assert_eq!(axis.title(""), "\u{d7}1e-9");
        assert_eq!(labels(3e9..3e9 + 100.0, 0.4), ["3000000000", "3000000050", "3000000100"]);
    }

    #[test]
    fn any_range_has_two_ticks_or_none() {
        for range in [1.0..1.0, 0.0..f64::INFINITY, f64::NAN..1.0] {
            assert!(labels(range, 0.1).is_empty());
        }
        for power in -300..300 {
            let scale = 10_f64.powi(power);
            for range in [0.0..scale, 1.3 * scale..9.7 * scale, -0.99 * scale..1.01 * scale] {
                assert!((2..=21).contains(&labels(range.clone(), 0.5).len()), "{range:?}");
            }
        }
    }
}
