//! Numbers as bars of block characters, as plain lines.

/// Eighths of a character, from none to all.
const EIGHTHS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A bar as long as a number's part of the greatest one of so many characters; what is not nothing is
/// an eighth at least.
#[expect(clippy::cast_precision_loss, reason = "a bar has a few hundred lengths")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length is small")]
pub(crate) fn bar(count: u64, most: u64, characters: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let part = count as f64 / most.max(1) as f64;
    let eighths = ((part * (8 * characters) as f64).round() as usize).max(1);
    let rest = EIGHTHS[eighths % 8];
    let whole = EIGHTHS[8].to_string().repeat(eighths / 8);
    if rest == ' ' { whole } else { format!("{whole}{rest}") }
}

/// A line for each number, with its label and its bar.
pub(crate) fn bars(labels: &[String], counts: &[u64], characters: usize) -> Vec<String> {
    let most = counts.iter().copied().max().unwrap_or(0);
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let digits = most.to_string().len();
    let line = |(label, &count): (&String, &u64)| {
        let line = format!("{label:>width$}  {count:>digits$}  {}", bar(count, most, characters));
        line.trim_end().to_owned()
    };
    labels.iter().zip(counts).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        assert_eq!(bar(0, 10, 4), "");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(5, 10, 4), "██");
        assert_eq!(bar(1, 32, 4), "▏");
        assert_eq!(bar(1, 1_000_000, 4), "▏");
        assert_eq!(bar(9, 32, 4), "█▏");
    }

    #[test]
    fn lines_are_aligned() {
        let lines = bars(&["0..10".to_owned(), "10..20".to_owned()], &[5, 10], 2);
        assert_eq!(lines, [" 0..10   5  █", "10..20  10  ██"]);
    }
}
