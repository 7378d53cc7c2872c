//! A panel as lines of text: two rows of values in a line of coloured half blocks, or without colours a
//! character for each value.

use rustix::termios::tcgetwinsize;
use std::fmt::Write;
use std::io::{self, IsTerminal};

use super::Panel;
use super::axis::Axis;
use super::colour::{colour, shade};
use super::plot::apart;

/// Where text goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    columns: usize,
    lines: usize,
    /// Whether it has 24-bit colours.
    colours: bool,
}

/// Columns left of the values, for numbers of six digits.
const LEFT: usize = 8;
/// Lines above and below the values, and one for the prompt.
const AROUND: usize = 8;

impl Screen {
    /// What standard output is: a terminal, or something else, which gets plain characters. So does a
    /// terminal if `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let size = tcgetwinsize(&stdout).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = stdout.is_terminal() && !plain;
        let (columns, lines) = size.map_or((80, 48), |size| (size.ws_col, size.ws_row));
        Self { columns: columns.into(), lines: lines.into(), colours }
    }

    /// Rows of values in a line.
    fn rows(self) -> usize {
        if self.colours { 2 } else { 1 }
    }

    /// Rows and columns for so many values: in their own proportions, unless they are too extreme,
    /// where a character is twice as high as wide.
    pub(crate) fn pixels(
        self,
        (rows, columns): (usize, usize),
        width: Option<usize>,
    ) -> (usize, usize) {
        let height = rows as f64 / columns as f64;
        let lines_of = |width: usize| (width as f64 * height / 2.0).round() as usize;
        if let Some(width) = width {
            return (lines_of(width).clamp(1, width) * self.rows(), width);
        }
        let widest = self.columns.saturating_sub(LEFT).max(16);
        let most = self.lines.saturating_sub(AROUND).max(4);
        let width = ((2 * most) as f64 / height) as usize;
        let width = width.clamp(widest / 4, widest);
        // Whole multiples keep small values alike.
        let width = if columns < width { width / columns * columns } else { width };
        (lines_of(width).clamp(1, most) * self.rows(), width)
    }

    /// The panel with its axes and, below, its colours.
    pub(crate) fn text(self, panel: &Panel) -> String {
        let (rows, columns) = panel.pixels;
        let lines = rows / self.rows();
        let limits = apart(&panel.limits);
        let across = |label: &str| (label.chars().count() + 2) as f64 / columns as f64;
        let (x, bar) = (Axis::new(&panel.x_range, across), Axis::new(&limits, across));
        let y = Axis::new(&panel.y_range, |_| 3.0 / lines as f64);
        let left = y.ticks.iter().map(|tick| tick.label.len()).max().unwrap_or(0);
        let paint = |value: &dyn Fn(usize, usize) -> f64| {
            let values = (0..columns).map(|column| [0, 1].map(|half| value(half, column)));
            let (low, high) = (limits.start, limits.end);
            if self.colours { painted(values, low, high) } else { shaded(values, low, high) }
        };
        let mut text = vec![panel.title.clone(), y.title(&panel.y_label)];
        for line in 0..lines {
            let first = self.rows() * line;
            let values = paint(&|half, column| panel.at((first + half).min(rows - 1), column));
            let here = |part: f64| (part * (lines - 1) as f64).round() as usize == line;
            let tick = y.ticks.iter().find(|tick| here(tick.part));
            text.push(format!("{:>left$} {values}", tick.map_or("", |tick| &tick.label)));
        }
        let mut below = |line: String| text.push(format!("{:left$} {line}", ""));
        below(numbers(&x, columns));
        below(x.title(&panel.x_label));
        let step = (limits.end - limits.start) / (columns.max(2) - 1) as f64;
        below(paint(&|_, column| limits.start + step * column as f64));
        below(numbers(&bar, columns));
        below(bar.title(&panel.bar_label));
        text.retain(|line| !line.trim().is_empty());
        text.join("\n")
    }
}

/// Half blocks: the upper half in the colour of one value, the lower half in that of the other.
fn painted(values: impl Iterator<Item = [f64; 2]>, low: f64, high: f64) -> String {
    let (mut text, mut before) = (String::new(), None);
    for pair in values {
        let colours = pair.map(|value| colour(value, low, high));
        if before != Some(colours) {
            let [[r, g, b], [red, green, blue]] = colours;
            let Ok(()) = write!(text, "\x1b[38;2;{r};{g};{b};48;2;{red};{green};{blue}m") else {
                continue;
            };
            before = Some(colours);
        }
        text.push('\u{2580}');
    }
    text + "\x1b[0m"
}

fn shaded(values: impl Iterator<Item = [f64; 2]>, low: f64, high: f64) -> String {
    values.map(|[value, _]| shade(value, low, high)).collect()
}

/// The numbers of an axis in a line below it, as many as have room.
fn numbers(axis: &Axis, columns: usize) -> String {
    let mut ticks: Vec<_> = axis.ticks.iter().collect();
    ticks.sort_by(|one, other| one.part.total_cmp(&other.part));
    let mut line = String::new();
    for tick in ticks {
        let (len, used) = (tick.label.chars().count(), line.chars().count());
        let middle = (tick.part * (columns - 1) as f64).round() as usize;
        let begin = middle.saturating_sub(len / 2).min(columns.saturating_sub(len));
        if begin > used || used == 0 {
            line += &" ".repeat(begin - used);
            line += &tick.label;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    const PLAIN: Screen = Screen { columns: 80, lines: 48, colours: false };
    const COLOURED: Screen = Screen { colours: true, ..PLAIN };

    fn panel(values: Array2<f64>, pixels: (usize, usize)) -> Panel {
        let (rows, columns) = values.dim();
        Panel {
            title: "field.npy".to_owned(),
            limits: super::super::limits(&values, 0.0),
            values,
            pixels,
            bar_label: "value".to_owned(),
            x_range: 0.0..columns as f64,
            x_label: "axis 1".to_owned(),
            y_range: 0.0..rows as f64,
            y_label: "axis 0".to_owned(),
        }
    }

    #[test]
    fn proportions_are_kept_within_reason() {
        assert_eq!(PLAIN.pixels((1000, 1000), None), (36, 72));
        assert_eq!(COLOURED.pixels((1000, 1000), None), (72, 72));
        assert_eq!(PLAIN.pixels((2000, 1000), None), (40, 40));
        assert_eq!(PLAIN.pixels((1_000_000, 3), None), (40, 18));
        assert_eq!(PLAIN.pixels((1, 1_000_000), None), (1, 72));
        assert_eq!(COLOURED.pixels((1, 1), None), (72, 72));
        assert_eq!(PLAIN.pixels((3, 4), None), (27, 72));
        assert_eq!(PLAIN.pixels((1000, 1000), Some(20)), (10, 20));
        assert_eq!(PLAIN.pixels((1_000_000, 3), Some(20)), (20, 20));
        let tiny = Screen { columns: 1, lines: 1, colours: true };
        assert_eq!(tiny.pixels((1000, 1000), None), (8, 8));
    }

    #[test]
    fn without_colours_each_value_is_a_character() {
        let text = PLAIN.text(&panel(array![[0.0, 1.0], [f64::NAN, 0.55]], (2, 2)));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["field.npy", "axis 0"]);
        assert!(lines[2].ends_with("  @") && lines[3].ends_with(" ?+"), "{text}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn with_colours_a_character_has_two_values() {
        let text = COLOURED.text(&panel(array![[0.0, 0.0], [1.0, 1.0]], (2, 2)));
        let line = "\x1b[38;2;68;1;84;48;2;253;231;37m\u{2580}\u{2580}\x1b[0m";
        assert!(text.lines().nth(2).unwrap().ends_with(line), "{text:?}");
    }

    #[test]
    fn numbers_do_not_run_into_each_other() {
        let axis = Axis::new(&(0.0..2000.0), |_| 0.2);
        assert_eq!(numbers(&axis, 30), "0     500    1000   1500  2000");
        let axis = Axis::new(&(2000.0..0.0), |_| 0.2);
        assert_eq!(numbers(&axis, 30), "2000 1500    1000    500     0");
        assert_eq!(numbers(&axis, 3), "2000");
        assert_eq!(numbers(&Axis::default(), 10), "");
    }
}
