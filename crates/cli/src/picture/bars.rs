//! A histogram as a picture: one bar for each bin.

use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_9X15, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::Size;
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::axis::Axis;
use super::canvas::{Canvas, Style};
use super::plot::{CAPTION, MARGIN, point};

const FRAME: Size = Size::new(720, 400);
const TICK: u32 = 6;
/// Between a tick and its label, and around texts.
const GAP: u32 = 8;
const TICK_DISTANCE: u32 = 52;
/// Bars that are not wider have no gap between them.
const NARROW: u32 = 4;

const LINE: Rgb888 = Rgb888::new(96, 96, 96);
const BAR: Rgb888 = Rgb888::new(50, 101, 142);
const TITLE: Style = Style {
    font: &FONT_10X20,
    colour: Rgb888::BLACK,
    alignment: Alignment::Left,
    baseline: Baseline::Top,
};
const LABEL: Style = Style { font: &FONT_9X15, alignment: Alignment::Center, ..TITLE };
const NUMBER: Style = Style { font: &FONT_8X13, ..LABEL };

/// A histogram to be drawn.
pub(crate) struct Bars {
    /// What is counted.
    pub(crate) title: String,
    /// The number of elements in each bin.
    pub(crate) counts: Vec<u64>,
    /// The lowest and the highest edge.
    pub(crate) range: Range<f64>,
    /// What lies between the edges.
    pub(crate) label: String,
    /// A line below.
    pub(crate) caption: String,
}

impl Bars {
    /// Writes the picture.
    pub(crate) fn write_png(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.draw().to_png()?)
    }

    fn draw(&self) -> Canvas {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let across = |label: &str| {
            f64::from(TICK_DISTANCE.max(NUMBER.width(label) + 3 * GAP)) / f64::from(FRAME.width)
        };
        let along = |_: &str| f64::from(TICK_DISTANCE) / f64::from(FRAME.height);
        let (x_axis, y_axis) = (Axis::new(&self.range, across), Axis::new(&(0.0..most), along));
        let widest = |axis: &Axis| {
            axis.ticks.iter().map(|tick| NUMBER.width(&tick.label)).max().unwrap_or(0)
        };
        let left =
            MARGIN + LABEL.height() + GAP + (widest(&y_axis) + TICK + GAP).max(widest(&x_axis) / 2);
        let top = MARGIN + TITLE.height() + GAP;
        let texts = TITLE.width(&self.title).max(CAPTION.width(&self.caption));
        let width = left + FRAME.width.max(texts) + MARGIN + widest(&x_axis) / 2;
        let below = top + FRAME.height + TICK + GAP + NUMBER.height() + GAP;
        let height = below + LABEL.height() + GAP + CAPTION.height() + MARGIN;
        let mut canvas = Canvas::new(Size::new(width, height));
        canvas.text(&self.title, point(left, MARGIN), TITLE);
        self.draw_bars(&mut canvas, (left, top), most);
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
        canvas.text(&x_axis.title(&self.label), point(left + FRAME.width / 2, below), LABEL);
        let upright = point(MARGIN, top + FRAME.height / 2);
        canvas.text_upwards(&y_axis.title("elements"), upright, LABEL);
        canvas.text(&self.caption, point(left, below + LABEL.height() + GAP), CAPTION);
        canvas
    }

    /// Every bar that is not empty has a pixel at least; of bins narrower than a pixel the highest is
    /// seen.
    fn draw_bars(&self, canvas: &mut Canvas, (left, top): (u32, u32), most: f64) {
        let edge = |bin: usize| {
            u32::try_from(bin as u64 * u64::from(FRAME.width) / self.counts.len() as u64)
                .unwrap_or(FRAME.width)
        };
        for (bin, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = part(count as f64 / most, FRAME.height).max(1);
            let (begin, end) = (edge(bin), edge(bin + 1));
            let gap = u32::from(end - begin.min(end) > NARROW);
            let width = (end - begin).saturating_sub(gap).max(1);
            let at = point(left + begin, top + FRAME.height - height);
            canvas.fill(Rectangle::new(at, Size::new(width, height)), BAR);
        }
    }
}

/// A part of a length in pixels.
fn part(part: f64, of: u32) -> u32 {
    (part * f64::from(of)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(counts: Vec<u64>) -> Bars {
        let title = "field.npy".to_owned();
        let caption = "13 elements".to_owned();
        Bars { title, counts, range: -2.0..3.0, label: "value".to_owned(), caption }
    }

    /// The pixels of bars.
    fn blue(bars: &Bars) -> usize {
        let canvas = bars.draw();
        let pixels = canvas.bytes.as_chunks::<3>().0;
        pixels.iter().filter(|pixel| **pixel == [BAR.r(), BAR.g(), BAR.b()]).count()
    }

    #[test]
    fn the_area_of_a_bar_is_its_part_of_the_highest() {
        // Four bars of 180 pixels, a gap at the right of each.
        assert_eq!(blue(&bars(vec![4, 2, 0, 1])), 179 * (400 + 200 + 100));
        assert_eq!(blue(&bars(vec![0, 0])), 0);
        // A single element is seen beside a million.
        assert_eq!(blue(&bars(vec![1_000_000, 1])), 359 * 401);
        assert_eq!(blue(&bars(vec![7; 720])), 720 * 400);
        assert_eq!(blue(&bars(vec![7; 100_000])), 720 * 400);
    }

    #[test]
    fn nothing_is_drawn_at_the_edge() {
        let mut bars = bars(vec![u64::MAX, 3]);
        bars.range = -1e-30..12_345_678.0;
        bars.title = "A title that is much longer than the frame is wide: ".repeat(3);
        let canvas = bars.draw();
        let (width, height) = (canvas.size.width as usize, canvas.size.height as usize);
        for (index, pixel) in canvas.bytes.as_chunks::<3>().0.iter().enumerate() {
            let (row, column) = (index / width, index % width);
            let edge = row.min(height - 1 - row).min(column).min(width - 1 - column);
            assert!(edge >= 8 || *pixel == [255; 3], "row {row}, column {column}");
        }
    }
}
