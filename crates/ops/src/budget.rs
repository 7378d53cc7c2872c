//! How much memory an operation may hold, and how many threads it may use.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread;

use crate::{Error, Result};

/// The memory that an operation may hold, in bytes: every tile, table and scratch buffer.
///
/// A budget is a ceiling, not a target. Threads and their queues are within it too, unless they take
/// more than a quarter of it: of budgets below 200 KiB on two threads, and 32 KiB more for each more.
///
/// Parses from a number with a unit, binary or decimal:
///
/// ```
/// use outcore_ops::Budget;
///
/// assert_eq!("512MiB".parse::<Budget>()?.bytes(), 512 << 20);
/// assert_eq!("1.5 GiB".parse::<Budget>()?.bytes(), 3 << 29);
/// assert_eq!("4GB".parse::<Budget>()?.bytes(), 4_000_000_000);
/// assert_eq!(Budget::new(3 << 29).to_string(), "1.5 GiB");
/// assert!("4 parsecs".parse::<Budget>().is_err());
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget(u64);

const UNITS: [(&str, u64); 13] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
];

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// Half of what the control group, the resource limits or the machine leave, whichever is least;
/// 1 GiB where none of them can be read.
impl Default for Budget {
    fn default() -> Self {
        Self(outcore_storage::host::available_memory().map_or(1 << 30, |bytes| bytes / 2))
    }
}

impl FromStr for Budget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim());
        let wrong = |reason| Error::BudgetSyntax { text: text.to_owned(), reason };
        let factor = if unit.is_empty() { Some(1) } else { unit_bytes(unit) };
        let factor =
            factor.ok_or_else(|| wrong("its unit is none of B KiB MiB GiB TiB kB MB GB TB"))?;
        let bytes = scaled(number, factor).ok_or_else(|| wrong("its number cannot be read"))?;
        if bytes == 0 { Err(wrong("it is zero")) } else { Ok(Self(bytes)) }
    }
}

fn unit_bytes(unit: &str) -> Option<u64> {
    let exact = UNITS.iter().find(|(name, _)| *name == unit);
    let found = exact.or_else(|| UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)));
    found.map(|(_, bytes)| *bytes)
}

/// A decimal number times a factor, rounded down, without the rounding of floating point.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if number.len() > 30 || !all_digits(whole) || !all_digits(fraction) || number == "." {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(12)];
    let digits: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let tens = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let bytes = whole.checked_mul(tens)?.checked_add(digits)?.checked_mul(factor.into())? / tens;
    u64::try_from(bytes).ok()
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&Bytes(self.0).to_string())
    }
}

/// A number of bytes that prints in binary units: `1.5 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is printed")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let mut value = self.0 as f64;
        let mut unit = "B";
        for larger in units {
            // What would print as 1024.0 prints in the larger unit.
            if value < 1023.95 {
                break;
            }
            value /= 1024.0;
            unit = larger;
        }
        let digits = usize::from(unit != "B");
        f.pad(&format!("{value:.digits$} {unit}"))
    }
}

/// What an operation may use: memory and threads.
///
/// A [`Budget`] alone stands for that memory and as many threads as the machine has cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The memory.
    pub memory: Budget,
    /// The threads that compute. Those that read and write are mostly asleep and not counted.
    pub threads: NonZeroUsize,
}

impl Default for Resources {
    fn default() -> Self {
        Budget::default().into()
    }
}

impl From<Budget> for Resources {
    fn from(memory: Budget) -> Self {
        Self { memory, threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<u64> {
        text.parse().ok().map(Budget::bytes)
    }

    #[test]
    fn reads_sizes_as_people_write_them() {
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!(bytes(" 64 kib "), Some(64 << 10));
        assert_eq!(bytes("0.5GiB"), Some(1 << 29));
        assert_eq!(bytes("1.1 GB"), Some(1_100_000_000));
        assert_eq!(bytes("16G"), Some(16 << 30));
    }

    #[test]
    fn refuses_what_is_no_size() {
        let huge = "99999999999999999999 TiB";
        for text in ["", "MiB", "-1 MiB", "1.2.3 MiB", "1e9", "12 lightyears", "0", ".", huge] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn prints_what_reads_back() {
        for size in [1, 1023, 1 << 10, 1 << 20, 3 << 29, 7 << 40] {
            assert_eq!(bytes(&Bytes(size).to_string()), Some(size));
        }
        assert_eq!(Bytes((1 << 30) - 1).to_string(), "1.0 GiB");
    }
}
