//! Arrays as a picture, in a PNG or in lines of text: panels side by side, each with axes and a colour bar.
//!
//! ```text
//!        title                          title
//!      ┌────────────────┐ ┌─┐ 10      ┌────────────────┐ ┌─┐ 1.0
//!    0 ┤                │ │ ├  5 b    ┤                │ │ ├ 0.5
//!  y   │     values     │ │ │    a    │                │ │ │
//!    5 ┤                │ │ ├  0 r    ┤                │ │ ├ 0.0
//!      └┬───────┬───────┘ └─┘         └┬───────┬───────┘ └─┘
//!       0   x   5                      0       5
//!       caption
//! ```
//!
//! Row 0 is on top, as in a matrix. Nothing here knows of files of arrays or of operations.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels, ticks and colours are small numbers"
)]

mod axis;
mod bars;
mod canvas;
mod chart;
mod colour;
mod line;
mod plot;
mod terminal;

use embedded_graphics::prelude::Size;
use ndarray::Array2;
use std::io;
use std::ops::Range;
use std::path::Path;

pub(crate) use bars::Bars;
use canvas::{Canvas, Style};
pub(crate) use line::Line;
pub(crate) use plot::pixels;
use plot::{CAPTION, MARGIN, Plot, USUAL, point};
pub(crate) use terminal::Screen;

/// One array of a picture.
pub(crate) struct Panel {
    /// What the array is.
    pub(crate) title: String,
    /// The values, reduced to at most a few hundred a side; those that are not numbers are grey.
    pub(crate) values: Array2<f64>,
    /// Rows and columns of pixels; see [`pixels`] and [`Screen::pixels`].
    pub(crate) pixels: (usize, usize),
    /// The lowest and the highest value that have colours of their own; see [`limits`].
    pub(crate) limits: Range<f64>,
    /// The units of the values.
    pub(crate) bar_label: String,
    /// The coordinates at the left and right edges.
    pub(crate) x_range: Range<f64>,
    /// What they are.
    pub(crate) x_label: String,
    /// The coordinates at the top and bottom edges.
    pub(crate) y_range: Range<f64>,
    /// What they are.
    pub(crate) y_label: String,
}

impl Panel {
    /// The value at a pixel.
    fn at(&self, row: usize, column: usize) -> f64 {
        let ((rows, columns), (height, width)) = (self.values.dim(), self.pixels);
        self.values[(row * rows / height, column * columns / width)]
    }
}

/// The range of the finite values, without a part of them at each end: 0.01 leaves out the lowest
/// and the highest hundredth.
pub(crate) fn limits(values: &Array2<f64>, part: f64) -> Range<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let Some(last) = values.len().checked_sub(1) else { return 0.0..1.0 };
    let cut = ((last as f64 * part) as usize).min(last / 2);
    let low = *values.select_nth_unstable_by(cut, f64::total_cmp).1;
    low..*values.select_nth_unstable_by(last - cut, f64::total_cmp).1
}

/// Limits for values of any kind: all of them, unless the lowest and the highest hundredth stretch the
/// range to more than twice that of the others.
pub(crate) fn usual_limits(values: &Array2<f64>) -> Range<f64> {
    let (all, most) = (limits(values, 0.0), limits(values, 0.01));
    let [long, short] = [&all, &most].map(|range| range.end - range.start);
    if short > 0.0 && long > 2.0 * short { most } else { all }
}

/// Writes the panels side by side, above a caption.
pub(crate) fn write_png(path: &Path, panels: &[Panel], caption: &str) -> io::Result<()> {
    std::fs::write(path, draw(panels, caption).to_png()?)
}

fn draw(panels: &[Panel], caption: &str) -> Canvas {
    let plots: Vec<_> = panels.iter().map(Plot::new).collect();
    let width = plots.iter().map(|plot| plot.size().width).sum::<u32>();
    let indent = plots.first().map_or(MARGIN, |plot| plot.left);
    let longest_word = caption.split_whitespace().map(|word| CAPTION.width(word)).max();
    let width = width.max(indent + longest_word.unwrap_or(0).max(USUAL) + MARGIN);
    let above = plots.iter().map(|plot| plot.size().height).max().unwrap_or(MARGIN);
    let lines = wrap(caption, width - indent - MARGIN, CAPTION);
    let line_height = CAPTION.height() + 4;
    let height = above + MARGIN + lines.len() as u32 * line_height;
    let mut canvas = Canvas::new(Size::new(width, height));
    let mut x = 0;
    for plot in &plots {
        plot.draw(&mut canvas, x);
        x += plot.size().width;
    }
    for (line, text) in (0..).zip(&lines) {
        canvas.text(text, point(indent, above + MARGIN / 2 + line * line_height), CAPTION);
    }
    canvas
}

/// Breaks a text into lines that are not wider than so many pixels, unless a word is.
fn wrap(text: &str, width: u32, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if style.width(line) + style.width(word) + style.width(" ") <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::plot::SHORTEST;
    use super::*;
    use ndarray::array;

    fn panel(values: Array2<f64>) -> Panel {
        let (rows, columns) = values.dim();
        Panel {
            title: "field.npy".into(),
            limits: limits(&values, 0.0),
            pixels: pixels((rows, columns), None),
            values,
            bar_label: "m".into(),
            x_range: 0.0..columns as f64,
            x_label: "column".into(),
            y_range: 0.0..rows as f64,
            y_label: "row".into(),
        }
    }

    /// The colour in the middle of a part of the first panel's values.
    fn colour_at(panel: &Panel, x: f64, y: f64) -> [u8; 3] {
        let plot = Plot::new(panel);
        let canvas = draw(std::slice::from_ref(panel), "");
        let column = plot.left + (f64::from(plot.frame.width) * x) as u32;
        let row = Plot::top() + (f64::from(plot.frame.height) * y) as u32;
        let pixel = (row * canvas.size.width + column) as usize;
        canvas.bytes[3 * pixel..][..3].try_into().unwrap()
    }

    #[test]
    fn values_have_the_colours_of_the_scale() {
        let panel = panel(array![[1.0, f64::NAN], [f64::INFINITY, 4.0]]);
        assert_eq!(panel.limits, 1.0..4.0);
        assert_eq!(colour_at(&panel, 0.25, 0.25), [68, 1, 84]);
        assert_eq!(colour_at(&panel, 0.75, 0.25), colour::MISSING);
        assert_eq!(colour_at(&panel, 0.25, 0.75), [253, 231, 37]);
        assert_eq!(colour_at(&panel, 0.75, 0.75), [253, 231, 37]);
    }

    #[test]
    fn a_constant_has_the_middle_colour() {
        for value in [0.0, 5.5, -1e30, 1e300] {
            let panel = panel(Array2::from_elem((3, 4), value));
            assert_eq!(colour_at(&panel, 0.5, 0.5), colour::colour(0.5, 0.0, 1.0), "{value}");
        }
    }

    #[test]
    fn limits_leave_out_the_ends() {
        let values = Array2::from_shape_fn((10, 10), |(row, column)| (10 * row + column) as f64);
        assert_eq!(limits(&values, 0.0), 0.0..99.0);
        assert_eq!(limits(&values, 0.02), 1.0..98.0);
        assert_eq!(limits(&Array2::from_elem((1, 1), f64::NAN), 0.0), 0.0..1.0);
        assert_eq!(limits(&Array2::zeros((0, 1)), 0.0), 0.0..1.0);
    }

    #[test]
    fn usual_limits_leave_out_ends_that_are_far_away() {
        let mut values =
            Array2::from_shape_fn((20, 20), |(row, column)| (20 * row + column) as f64);
        assert_eq!(usual_limits(&values), 0.0..399.0);
        values[[3, 4]] = 1e6;
        assert_eq!(usual_limits(&values), 3.0..397.0);
        // Of values that are nearly all the same the others must be seen.
        let mut values = Array2::zeros((20, 20));
        values[[3, 4]] = 1.0;
        assert_eq!(usual_limits(&values), 0.0..1.0);
    }

    #[test]
    fn proportions_are_kept_within_reason() {
        assert_eq!(pixels((512, 512), None), (512, 512));
        assert_eq!(pixels((1440, 720), None), (720, 360));
        assert_eq!(pixels((2, 2), None), (512, 512));
        assert_eq!(pixels((1, 600), None), (SHORTEST, 600));
        assert_eq!(pixels((0, 0), None), (SHORTEST, SHORTEST));
        assert_eq!(pixels((300, 600), Some(1000)), (500, 1000));
        assert_eq!(pixels((1, 600), Some(1000)), (250, 1000));
        assert_eq!(pixels((600, 1), Some(100)), (200, 100));
    }

    #[test]
    fn the_file_decodes_to_the_size_that_was_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("field.png");
        let panels = [panel(Array2::zeros((1, 700))), panel(Array2::zeros((0, 3)))];
        write_png(&path, &panels, "Two panels").unwrap();
        let file = io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let canvas = draw(&panels, "Two panels");
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.width, info.height), (canvas.size.width, canvas.size.height));
        assert_eq!(bytes, canvas.bytes);
    }

    #[test]
    fn nothing_is_drawn_at_the_edge() {
        let mut long = panel(Array2::zeros((700, 1)));
        long.title = "A title that is much longer than the panel's frame is wide".into();
        long.y_range = 0.0..123_456.0;
        long.x_label = "A label that is longer than its axis".into();
        let mut flat = panel(Array2::zeros((1, 700)));
        flat.bar_label = "A label that is longer than its bar".into();
        let canvas = draw(&[long, flat], &"A long caption. ".repeat(20));
        let (width, height) = (canvas.size.width as usize, canvas.size.height as usize);
        for (index, pixel) in canvas.bytes.as_chunks::<3>().0.iter().enumerate() {
            let (row, column) = (index / width, index % width);
            let edge = row.min(height - 1 - row).min(column).min(width - 1 - column);
            assert!(edge >= 8 || *pixel == [255; 3], "row {row}, column {column}");
        }
    }

    #[test]
    fn captions_break_between_words() {
        assert_eq!(wrap("one two three", 7 * 8, CAPTION), ["one two", "three"]);
        assert_eq!(wrap("", 80, CAPTION), [""; 0]);
    }
}
