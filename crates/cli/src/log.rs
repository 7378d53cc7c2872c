//! What a run tells of itself while it runs: warnings on standard error, and with `--log` a line of JSON
//! for each event in a file.
//!
//! The events are those of `tracing`: `start`, `plan`, `pass`, `progress` every few seconds, `pass done`,
//! and `end` or `error`. Each line is one object with a `timestamp`, a `level` and a `message`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::job::Outcome;

/// Of events that standard error says in another way.
pub(crate) const TOLD: &str = "outcore::told";

/// Sends events where they belong. `RUST_LOG`, such as `debug` or `outcore_storage=debug`, has more of
/// them on standard error.
pub(crate) fn begin(log: Option<&Path>) -> Outcome<()> {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let asked = asked.unwrap_or_else(|| Targets::new().with_default(Level::WARN));
    let errors = fmt::layer()
        .with_writer(io::stderr)
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_filter(asked.with_target(TOLD, LevelFilter::OFF));
    let file = log.map(open).transpose()?.map(|file| {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .log_internal_errors(false)
            .with_writer(Mutex::new(file))
            .with_filter(Targets::new().with_target("outcore", Level::INFO))
    });
    tracing_subscriber::registry().with(errors).with(file).try_init()?;
    Ok(())
}

/// Opens a log to add to it; a file that is none is left alone.
fn open(path: &Path) -> Outcome<File> {
    let failed = |error: io::Error| format!("{}: failed to open the log: {error}", path.display());
    let mut file =
        File::options().read(true).append(true).create(true).open(path).map_err(failed)?;
    let mut first = [0];
    if file.metadata().map_err(failed)?.is_file()
        && file.read(&mut first).map_err(failed)? == 1
        && first != *b"{"
    {
        return Err(format!("{}: is no log, to which lines could be added", path.display()).into());
    }
    Ok(file)
}

/// Says something on standard error; nobody need be there to read it.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{text}\n"));
}
