//! `outcore info`: what a file holds.

use outcore_ops::{Budget, Bytes};
use outcore_storage::{FileInfo, Format, Moment};
use serde_json::json;
use std::path::PathBuf;

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
    let modified =
        info.modified.map_or_else(|| "unknown".to_owned(), |time| Moment(time).to_string());
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
