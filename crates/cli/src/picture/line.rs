//! A function of one number as a line.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::Size;
use embedded_graphics::primitives::Rectangle;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::canvas::Canvas;
use super::chart::{Chart, FRAME, part};
use super::plot::point;

const COLOUR: Rgb888 = Rgb888::new(50, 101, 142);
/// White above and below the line, as a part of the height that it takes.
const AROUND: f64 = 0.04;

/// A line to be drawn.
pub(crate) struct Line {
    /// What it shows.
    pub(crate) title: String,
    /// From left to right; those that are not finite are left out.
    pub(crate) points: Vec<(f64, f64)>,
    /// What lies along the axes.
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    /// A line below.
    pub(crate) caption: String,
}

impl Line {
    /// Writes the picture.
    pub(crate) fn write_png(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.draw().to_png()?)
    }

    fn draw(&self) -> Canvas {
        let finite = |point: &&(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let points: Vec<(f64, f64)> = self.points.iter().filter(finite).copied().collect();
        let range = |of: &dyn Fn(&(f64, f64)) -> f64| {
            let low = points.iter().map(of).reduce(f64::min).unwrap_or(0.0);
            let high = points.iter().map(of).reduce(f64::max).unwrap_or(1.0);
            if low < high { low..high } else { low - 0.5..low + 0.5 }
        };
        let (x_range, y_range) = (range(&|point| point.0), range(&|point| point.1));
        let around = AROUND * (y_range.end - y_range.start);
        let y_range = y_range.start - around..y_range.end + around;
        let chart = Chart {
            title: &self.title,
            x_range: x_range.clone(),
            x_label: &self.x_label,
            y_range: y_range.clone(),
            y_label: &self.y_label,
            caption: &self.caption,
        };
        chart.draw(|canvas, corner| {
            let place = |range: &Range<f64>, at: f64, of: u32| {
                part((at - range.start) / (range.end - range.start), of - 1)
            };
            let pixels = points.iter().map(|&(x, y)| {
                let y = place(&y_range, y, FRAME.height);
                (place(&x_range, x, FRAME.width), FRAME.height - 1 - y)
            });
            draw_line(canvas, corner, &pixels.collect::<Vec<_>>());
        })
    }
}

/// Joins neighbours by steps of a pixel across: of several points in a column all are seen.
fn draw_line(canvas: &mut Canvas, (left, top): (u32, u32), pixels: &[(u32, u32)]) {
    let mut dot = |x: u32, from: u32, to: u32| {
        let (high, low) = (from.min(to), from.max(to));
        let area = Rectangle::new(point(left + x, top + high), Size::new(1, low - high + 1));
        canvas.fill(area, COLOUR);
    };
    if let [(x, y)] = pixels {
        dot(*x, *y, *y);
    }
    for pair in pixels.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let across = x1.saturating_sub(x0).max(1);
        let height = |step: u32| {
            let way = f64::from(y1) - f64::from(y0);
            (f64::from(y0) + way * f64::from(step) / f64::from(across)).round() as u32
        };
        (0..across).for_each(|step| dot(x0 + step, height(step), height(step + 1)));
        dot(x1, y1, y1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::pixelcolor::RgbColor;

    fn line(points: Vec<(f64, f64)>) -> Line {
        let title = "field.npy".to_owned();
        let [x_label, y_label, caption] = ["x", "y", "a caption"].map(str::to_owned);
        Line { title, points, x_label, y_label, caption }
    }

    fn blue(line: &Line) -> usize {
        let canvas = line.draw();
        let pixels = canvas.bytes.as_chunks::<3>().0;
        pixels.iter().filter(|pixel| **pixel == [COLOUR.r(), COLOUR.g(), COLOUR.b()]).count()
    }

    #[test]
    fn a_line_crosses_the_frame_without_a_gap() {
        assert_eq!(blue(&line(vec![(0.0, 1.0), (2.0, 1.0)])), 720);
        let steep = blue(&line(vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (2.0, 1.0)]));
        // Without the white above and below, 370 pixels are between the levels.
        assert!((720 + 360..720 + 380).contains(&steep), "{steep}");
        assert!(blue(&line(vec![(0.0, 0.0), (1.0, 5.0), (2.0, -5.0)])) >= 720);
        assert_eq!(blue(&line(vec![(3.0, 3.0)])), 1);
        assert_eq!(blue(&line(vec![])), 0);
        assert_eq!(blue(&line(vec![(0.0, f64::NEG_INFINITY), (1.0, f64::NAN)])), 0);
    }
}
