//! A histogram as a picture: one bar for each bin.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::Size;
use embedded_graphics::primitives::Rectangle;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::canvas::Canvas;
use super::chart::{Chart, FRAME, part};
use super::plot::point;

/// Bars that are not wider have no gap between them.
const NARROW: u32 = 4;
const BAR: Rgb888 = Rgb888::new(50, 101, 142);

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
        let chart = Chart {
            title: &self.title,
            x_range: self.range.clone(),
            x_label: &self.label,
            y_range: 0.0..most,
            y_label: "elements",
            caption: &self.caption,
        };
        chart.draw(|canvas, corner| self.draw_bars(canvas, corner, most))
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

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::pixelcolor::RgbColor;

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
