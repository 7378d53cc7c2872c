//! One panel: its sizes, then its drawing.

use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_9X15, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Point, Size};
use embedded_graphics::primitives::{PointsIter, Rectangle};
use embedded_graphics::text::{Alignment, Baseline};
use std::ops::Range;

use super::Panel;
use super::axis::Axis;
use super::canvas::{Canvas, Style};
use super::colour;

/// The longest and the shortest side of the values in pixels.
const LONGEST: u32 = 720;
pub(super) const SHORTEST: usize = 180;
/// Small arrays are enlarged to about this.
pub(super) const USUAL: u32 = 512;

/// White at the edges and between panels.
pub(super) const MARGIN: u32 = 20;
const BAR_GAP: u32 = 20;
const BAR_WIDTH: u32 = 20;
const TICK: u32 = 6;
/// Between a tick and its label, and around texts.
const GAP: u32 = 8;
/// Between two ticks at least: closer ones tell no more.
const TICK_DISTANCE: u32 = 52;

const DARK: Rgb888 = Rgb888::new(32, 32, 32);
const LINE: Rgb888 = Rgb888::new(96, 96, 96);

const TITLE: Style = Style {
    font: &FONT_10X20,
    colour: Rgb888::BLACK,
    alignment: Alignment::Left,
    baseline: Baseline::Top,
};
const LABEL: Style =
    Style { font: &FONT_9X15, colour: DARK, alignment: Alignment::Center, ..TITLE };
const NUMBER: Style = Style { font: &FONT_8X13, ..LABEL };
pub(super) const CAPTION: Style = Style { font: &FONT_8X13, colour: LINE, ..TITLE };

/// A panel with the sizes of its parts.
pub(super) struct Plot<'a> {
    panel: &'a Panel,
    /// The values' rectangle, in pixels.
    pub(super) frame: Size,
    /// The frame's distance from the panel's left edge.
    pub(super) left: u32,
    x: Axis,
    y: Axis,
    bar: Axis,
    limits: Range<f64>,
}

impl<'a> Plot<'a> {
    pub(super) fn new(panel: &'a Panel) -> Self {
        let (height, width) = panel.pixels;
        let frame = Size::new(width as u32, height as u32);
        let across =
            |label: &str| part(TICK_DISTANCE.max(NUMBER.width(label) + 3 * GAP), frame.width);
        let along = |_: &str| part(TICK_DISTANCE, frame.height);
        let limits = apart(&panel.limits);
        let x = Axis::new(&panel.x_range, across);
        let y = Axis::new(&panel.y_range, along);
        let bar = Axis::new(&limits, along);
        let numbers = (widest(&y) + TICK + GAP).max(widest(&x) / 2);
        let left = MARGIN + LABEL.height() + GAP + numbers;
        Self { panel, frame, left, x, y, bar, limits }
    }

    pub(super) fn top() -> u32 {
        MARGIN + TITLE.height() + GAP
    }

    /// The right edge of the bar's numbers.
    fn bar_end(&self) -> u32 {
        self.left + self.frame.width + BAR_GAP + BAR_WIDTH + TICK + GAP + widest(&self.bar)
    }

    /// The panel's size, with the margin on its right but without the one below.
    pub(super) fn size(&self) -> Size {
        let Panel { title, x_label, y_label, .. } = self.panel;
        let texts = TITLE.width(title).max(LABEL.width(&self.x.title(x_label)));
        let right = (self.bar_end() + GAP + LABEL.height()).max(self.left + texts);
        let frame = Self::top() + self.frame.height;
        let below = frame + TICK + GAP + NUMBER.height() + GAP + LABEL.height();
        let upright = LABEL.width(&self.y.title(y_label)).max(LABEL.width(&self.bar_title()));
        Size::new(right + MARGIN, below.max(Self::top() + upright))
    }

    fn bar_title(&self) -> String {
        self.bar.title(&self.panel.bar_label)
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, x: u32) {
        let (left, top) = (x + self.left, Self::top());
        canvas.text(&self.panel.title, point(left, MARGIN), TITLE);
        self.draw_values(canvas, left);
        self.draw_x_axis(canvas, left);
        let numbers = Style { alignment: Alignment::Right, baseline: Baseline::Middle, ..NUMBER };
        for tick in &self.y.ticks {
            let y = top + along(tick.part, self.frame.height);
            canvas.fill(Rectangle::new(point(left - TICK - 1, y), Size::new(TICK, 1)), LINE);
            canvas.text(&tick.label, point(left - TICK - GAP, y), numbers);
        }
        self.draw_upright(canvas, x + MARGIN, &self.y.title(&self.panel.y_label));
        self.draw_bar(canvas, left + self.frame.width + BAR_GAP);
        self.draw_upright(canvas, x + self.bar_end() + GAP, &self.bar_title());
    }

    fn draw_values(&self, canvas: &mut Canvas, left: u32) {
        let area = Rectangle::new(point(left, Self::top()), self.frame);
        canvas.frame(area, LINE);
        if self.panel.values.is_empty() {
            return;
        }
        for pixel in area.points() {
            let at = pixel - area.top_left;
            let value = self.panel.at(at.y as usize, at.x as usize);
            canvas.set(pixel, colour::colour(value, self.limits.start, self.limits.end));
        }
    }

    fn draw_x_axis(&self, canvas: &mut Canvas, left: u32) {
        let bottom = Self::top() + self.frame.height;
        let numbers = bottom + TICK + GAP;
        for tick in &self.x.ticks {
            let x = left + along(tick.part, self.frame.width);
            canvas.fill(Rectangle::new(point(x, bottom + 1), Size::new(1, TICK)), LINE);
            canvas.text(&tick.label, point(x, numbers), NUMBER);
        }
        let label = self.x.title(&self.panel.x_label);
        // A label longer than the frame begins with it.
        let middle = (self.frame.width / 2).max(LABEL.width(&label) / 2);
        canvas.text(&label, point(left + middle, numbers + NUMBER.height() + GAP), LABEL);
    }

    fn draw_bar(&self, canvas: &mut Canvas, left: u32) {
        let (top, height) = (Self::top(), self.frame.height);
        let span = self.limits.end - self.limits.start;
        for y in 0..height {
            let value = self.limits.end - span * part(y, height - 1);
            let [r, g, b] = colour::colour(value, self.limits.start, self.limits.end);
            let line = Rectangle::new(point(left, top + y), Size::new(BAR_WIDTH, 1));
            canvas.fill(line, Rgb888::new(r, g, b));
        }
        canvas.frame(Rectangle::new(point(left, top), Size::new(BAR_WIDTH, height)), LINE);
        let numbers = Style { alignment: Alignment::Left, baseline: Baseline::Middle, ..NUMBER };
        for tick in &self.bar.ticks {
            let (x, y) = (left + BAR_WIDTH + 1, top + along(1.0 - tick.part, height));
            canvas.fill(Rectangle::new(point(x, y), Size::new(TICK, 1)), LINE);
            canvas.text(&tick.label, point(x + TICK + GAP, y), numbers);
        }
    }

    /// A label along the frame's height; one that is longer reaches below it.
    fn draw_upright(&self, canvas: &mut Canvas, left: u32, label: &str) {
        let middle = (self.frame.height / 2).max(LABEL.width(label) / 2);
        canvas.text_upwards(label, point(left, Self::top() + middle), LABEL);
    }
}

/// Rows and columns of pixels for so many values, of a width if one is asked for: in their own
/// proportions, unless they are too extreme.
pub(crate) fn pixels((rows, columns): (usize, usize), width: Option<usize>) -> (usize, usize) {
    if let Some(width) = width {
        let height = (width as f64 * rows as f64 / columns as f64).round() as usize;
        return (height.clamp(width.div_ceil(4), 2 * width), width);
    }
    let longest = rows.max(columns).max(1) as f64;
    // Whole multiples keep small values square.
    let scale = if longest <= f64::from(USUAL) {
        (f64::from(USUAL) / longest).floor()
    } else {
        f64::from(LONGEST).min(longest) / longest
    };
    let side = |len: usize| ((len as f64 * scale).round() as usize).max(SHORTEST);
    (side(rows), side(columns))
}

/// Limits that can be told apart, around those that cannot.
pub(super) fn apart(limits: &Range<f64>) -> Range<f64> {
    let middle = f64::midpoint(limits.start, limits.end);
    let least = middle.abs().max(1e-30) * 1e-6;
    if limits.end - limits.start > least {
        return limits.clone();
    }
    let half = if middle == 0.0 { 1.0 } else { middle.abs() * 0.05 };
    middle - half..middle + half
}

fn widest(axis: &Axis) -> u32 {
    axis.ticks.iter().map(|tick| NUMBER.width(&tick.label)).max().unwrap_or(0)
}

fn part(pixels: u32, of: u32) -> f64 {
    f64::from(pixels) / f64::from(of)
}

/// The pixel at a part of a side.
fn along(part: f64, side: u32) -> u32 {
    (part * f64::from(side - 1)).round() as u32
}

pub(super) fn point(x: u32, y: u32) -> Point {
    Point::new(x as i32, y as i32)
}
