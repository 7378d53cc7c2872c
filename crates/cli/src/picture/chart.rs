//! A frame of fixed size with axes, for bars and lines.

use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_9X15, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::Size;
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline};
use std::ops::Range;

use super::axis::Axis;
use super::canvas::{Canvas, Style};
use super::plot::{CAPTION, MARGIN, point};

pub(super) const FRAME: Size = Size::new(720, 400);
const TICK: u32 = 6;
/// Between a tick and its label, and around texts.
const GAP: u32 = 8;
const TICK_DISTANCE: u32 = 52;

const LINE: Rgb888 = Rgb888::new(96, 96, 96);
const TITLE: Style = Style {
    font: &FONT_10X20,
    colour: Rgb888::BLACK,
    alignment: Alignment::Left,
    baseline: Baseline::Top,
};
const LABEL: Style = Style { font: &FONT_9X15, alignment: Alignment::Center, ..TITLE };
const NUMBER: Style = Style { font: &FONT_8X13, ..LABEL };

/// What stands around a frame.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x_range: Range<f64>,
    pub(super) x_label: &'a str,
    /// From the lower edge to the upper one.
    pub(super) y_range: Range<f64>,
    pub(super) y_label: &'a str,
    /// A line below.
    pub(super) caption: &'a str,
}

impl Chart<'_> {
    /// Draws the frame, with what a function draws from its upper left corner on.
    pub(super) fn draw(&self, content: impl FnOnce(&mut Canvas, (u32, u32))) -> Canvas {
        let across = |label: &str| {
            f64::from(TICK_DISTANCE.max(NUMBER.width(label) + 3 * GAP)) / f64::from(FRAME.width)
        };
        let along = |_: &str| f64::from(TICK_DISTANCE) / f64::from(FRAME.height);
        let (x_axis, y_axis) = (Axis::new(&self.x_range, across), Axis::new(&self.y_range, along));
        let widest = |axis: &Axis| {
            axis.ticks.iter().map(|tick| NUMBER.width(&tick.label)).max().unwrap_or(0)
        };
        let left =
            MARGIN + LABEL.height() + GAP + (widest(&y_axis) + TICK + GAP).max(widest(&x_axis) / 2);
        let top = MARGIN + TITLE.height() + GAP;
        let texts = TITLE.width(self.title).max(CAPTION.width(self.caption));
        let width = left + FRAME.width.max(texts) + MARGIN + widest(&x_axis) / 2;
        let below = top + FRAME.height + TICK + GAP + NUMBER.height() + GAP;
        let height = below + LABEL.height() + GAP + CAPTION.height() + MARGIN;
        let mut canvas = Canvas::new(Size::new(width, height));
        canvas.text(self.title, point(left, MARGIN), TITLE);
        content(&mut canvas, (left, top));
        canvas.frame(Rectangle::new(point(left, top), FRAME), LINE);
        for tick in &x_axis.ticks {
            let x = left + part(tick.part, FRAME.width - 1);
            canvas.fill(Rectangle::new(point(x, top + FRAME.height + 1), Size::new(1, TICK)), LINE);
            canvas.text(&tick.label, point(x, top + FRAME.height + TICK + GAP), NUMBER);
        }
        let numbers = Style { alignment: Alignment::Right, baseline: Baseline::Middle, ..NUMBER };
        for tick in &y_axis.ticks {
            let y = top + part(1.0 - tick.part, FRAME.height - 1);
            canvas.fill(Rectangle::new(point(left - TICK - 1, y), Size::new(TICK, 1)), LINE);
            canvas.text(&tick.label, point(left - TICK - GAP, y), numbers);
        }
        canvas.text(&x_axis.title(self.x_label), point(left + FRAME.width / 2, below), LABEL);
        let upright = point(MARGIN, top + FRAME.height / 2);
        canvas.text_upwards(&y_axis.title(self.y_label), upright, LABEL);
        canvas.text(self.caption, point(left, below + LABEL.height() + GAP), CAPTION);
        canvas
    }
}

/// A part of a length in pixels.
pub(super) fn part(part: f64, of: u32) -> u32 {
    (part * f64::from(of)).round() as u32
}
