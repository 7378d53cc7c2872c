//! What tells that a file has changed: its length, and when it was last modified.

use std::fmt;
use std::fs::File;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's length and when it was last modified. A file of which both have stayed the same is taken
/// for unchanged.
///
/// A change that the file system does not date is not seen: one that came sooner after another than
/// its clock goes on (a few milliseconds, before Linux 6.13), one through a map that has not been
/// written back yet, or one whose author has set the time back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// The length.
    pub bytes: u64,
    /// When the file was last modified, where the file system knows.
    pub modified: Option<SystemTime>,
}

impl FileState {
    /// The state of an open file now.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes)?;
        match self.modified {
            Some(modified) => write!(f, ", modified at {:.9}", Moment(modified)),
            None => Ok(()),
        }
    }
}

/// A time that prints as `2026-01-31 12:00:00 UTC`, or with a precision with as many digits of the
/// second.
///
/// ```
/// use outcore_storage::Moment;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let moment = Moment(UNIX_EPOCH + Duration::from_millis(951_782_400_125));
/// assert_eq!(moment.to_string(), "2000-02-29 00:00:00 UTC");
/// assert_eq!(format!("{moment:.3}"), "2000-02-29 00:00:00.125 UTC");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub SystemTime);

impl fmt::Display for Moment {
    /// By the days-to-date arithmetic of the Gregorian calendar (Richards, "Explanatory Supplement to
    /// the Astronomical Almanac", 2013, section 15.11).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(since) = self.0.duration_since(UNIX_EPOCH) else {
            return f.write_str("before 1970");
        };
        let (days, seconds) = (since.as_secs() / 86400, since.as_secs() % 86400);
        let julian = days + 2_440_588;
        let shifted = julian + 1401 + (4 * julian + 274_277) / 146_097 * 3 / 4 - 38;
        let e = 4 * shifted + 3;
        let h = 5 * (e % 1461 / 4) + 2;
        let (day, month) = (h % 153 / 5 + 1, (h / 153 + 2) % 12 + 1);
        let year = e / 1461 - 4716 + (14 - month) / 12;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        if let Some(digits) = f.precision().filter(|&digits| digits > 0) {
            let fraction = format!("{:09}", since.subsec_nanos());
            write!(f, ".{}", &fraction[..digits.min(fraction.len())])?;
        }
        f.write_str(" UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_print_as_utc() {
        let at = |seconds| Moment(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(1_767_225_599), "2025-12-31 23:59:59 UTC");
        let before = Moment(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(before.to_string(), "before 1970");
    }

    #[test]
    fn a_state_prints_both() {
        let modified = Some(UNIX_EPOCH + Duration::new(1, 20));
        let state = FileState { bytes: 4224, modified };
        let printed = "4224 bytes, modified at 1970-01-01 00:00:01.000000020 UTC";
        assert_eq!(state.to_string(), printed);
        assert_eq!(FileState { modified: None, ..state }.to_string(), "4224 bytes");
    }
}
