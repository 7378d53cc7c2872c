//! `outcore info`: what a file holds.

use outcore_ops::{Budget, Bytes};
use outcore_storage::{FileInfo, Format};
use serde_json::json;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::RawArgs;
use crate::job::{Outcome, print};

/// Show what a file holds: type, shape, order, size
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A .npy file, or a raw file with --dtype
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    raw: RawArgs,
}

pub(crate) fn run(args: &Args) -> Outcome<()> {
    let info = args.raw.describe(&args.file)?;
    if args.json { print(&as_json(&info)) } else { print(&as_text(&info)) }
}

fn as_json(info: &FileInfo) -> serde_json::Value {
    let (format, version) = format(info);
    json!({
        "path": info.path.to_string_lossy(),
        "format": format,
        "version": version,
        "dtype": info.dtype.to_string(),
        "byte_order": byte_order(info),
        "shape": info.shape,
        "order": info.order.to_string(),
        "offset": info.offset,
        "data_bytes": info.data_bytes,
    })
}

fn as_text(info: &FileInfo) -> String {
    let (format, version) = format(info);
    let budget = Budget::default();
    let fits = if info.data_bytes <= budget.bytes() { "fits" } else { "exceeds" };
    let modified = info.modified.map_or_else(|| "unknown".to_owned(), utc);
    let rows = [
        ("path", info.path.display().to_string()),
        ("format", format!("{format} {}", version.unwrap_or_default())),
        ("dtype", info.dtype.to_string()),
        ("byte order", byte_order(info).to_owned()),
        ("shape", format!("{:?}", info.shape)),
        ("order", info.order.to_string()),
        ("offset", info.offset.to_string()),
        ("bytes", format!("{} ({})", info.data_bytes, Bytes(info.data_bytes))),
        ("modified", modified),
        ("memory", format!("{fits} the default budget of {budget}")),
    ];
    let lines: Vec<_> = rows.iter().map(|(name, value)| format!("{name:10}  {value}")).collect();
    lines.join("\n")
}

fn format(info: &FileInfo) -> (&'static str, Option<&'static str>) {
    match info.format {
        Format::Npy(version) => ("npy", Some(version.name())),
        Format::Raw => ("raw", None),
    }
}

/// Of single bytes there is no order.
fn byte_order(info: &FileInfo) -> &'static str {
    match info.byte_order {
        _ if info.dtype.swapped_bytes() == 1 => "none",
        outcore_storage::ByteOrder::Little => "little",
        outcore_storage::ByteOrder::Big => "big",
    }
}

/// A time as `2026-01-31 12:00:00 UTC`, by the days-to-date arithmetic of the Gregorian calendar
/// (Richards, "Explanatory Supplement to the Astronomical Almanac", 2013, section 15.11).
fn utc(time: SystemTime) -> String {
    let Ok(since) = time.duration_since(UNIX_EPOCH) else { return "before 1970".to_owned() };
    let (days, seconds) = (since.as_secs() / 86400, since.as_secs() % 86400);
    let julian = days + 2_440_588;
    let f = julian + 1401 + (4 * julian + 274_277) / 146_097 * 3 / 4 - 38;
    let e = 4 * f + 3;
    let h = 5 * (e % 1461 / 4) + 2;
    let (day, month) = (h % 153 / 5 + 1, (h / 153 + 2) % 12 + 1);
    let year = e / 1461 - 4716 + (14 - month) / 12;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_print_as_utc() {
        let at = |seconds| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(at(1_767_225_599), "2025-12-31 23:59:59 UTC");
    }
}
