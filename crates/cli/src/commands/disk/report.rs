//! What was measured, as two tables and as JSON.

use outcore_ops::Bytes;
use serde_json::{Map, Value, json};
use std::fmt;
use std::path::Path;

use super::MIB;
use super::blocks::{Arrangement, Row, Transfer};
use super::repeat::Rate;
use super::runs::{Cell, DEPTHS, LEAST_ROW_BYTES, RUN_BYTES};

/// All that was measured.
pub(super) struct Report<'a> {
    pub(super) folder: &'a Path,
    pub(super) size: usize,
    pub(super) rows: Vec<Row>,
    pub(super) cells: Vec<Cell>,
    pub(super) seconds: f64,
}

impl Report<'_> {
    /// The fastest copy.
    fn floor(&self) -> Option<(&Row, Arrangement, Rate)> {
        let copies = self.rows.iter().filter(|row| row.transfer == Transfer::Copy);
        let copies = copies.filter_map(|row| row.best.map(|(how, rate)| (row, how, rate)));
        copies.max_by_key(|(_, _, rate)| rate.bytes_per_second())
    }

    pub(super) fn json(&self) -> Value {
        let floor = self.floor().map(|(row, ..)| row);
        json!({
            "command": "disk",
            "folder": self.folder.to_string_lossy(),
            "size_bytes": self.size,
            "seconds": self.seconds,
            "floor_copy_bytes_per_second": self.floor().map(|(.., rate)| rate.bytes_per_second()),
            "floor_copy": floor.map(row_json),
            "sequential": self.rows.iter().map(row_json).collect::<Value>(),
            "runs": self.cells.iter().map(cell_json).collect::<Value>(),
        })
    }

    fn cell(&self, transfer: Transfer, run_bytes: usize, depth: usize) -> Option<&Cell> {
        let at = |cell: &&Cell| (cell.transfer, cell.run_bytes, cell.depth);
        self.cells.iter().find(|cell| at(cell) == (transfer, run_bytes, depth))
    }
}

fn row_json(row: &Row) -> Value {
    let how = row.best.map(|(how, _)| how);
    let mut object = rate_json(row.transfer, row.best.map(|(_, rate)| rate));
    object.insert("page_cache".to_owned(), json!(row.cached));
    object.insert("block_bytes".to_owned(), json!(how.map(|how| how.block_bytes)));
    object.insert("threads".to_owned(), json!(how.map(|how| how.threads)));
    Value::Object(object)
}

fn cell_json(cell: &Cell) -> Value {
    let mut object = rate_json(cell.transfer, cell.rate);
    object.insert("run_bytes".to_owned(), json!(cell.run_bytes));
    object.insert("depth".to_owned(), json!(cell.depth));
    object.insert("threads".to_owned(), json!(cell.threads));
    object.insert("row_bytes".to_owned(), json!(cell.row_bytes));
    object.insert("flush_seconds".to_owned(), json!(cell.flush_seconds));
    Value::Object(object)
}

fn rate_json(transfer: Transfer, rate: Option<Rate>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("transfer".to_owned(), json!(transfer.name()));
    object.insert("refused".to_owned(), json!(rate.is_none()));
    object.insert("bytes".to_owned(), json!(rate.map(|rate| rate.bytes)));
    object.insert("seconds".to_owned(), json!(rate.map(|rate| rate.seconds)));
    object.insert("bytes_per_second".to_owned(), json!(rate.map(Rate::bytes_per_second)));
    object
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, size) = (self.folder.display(), Bytes(self.size as u64));
        writeln!(f, "The disk under {folder}, with two files of {size}, in MiB/s\n")?;
        self.write_rows(f)?;
        self.write_cells(f)?;
        write!(f, "\nmeasured in {:.1} s", self.seconds)
    }
}

impl Report<'_> {
    fn write_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:8}  {:36}  past it", "", "through the page cache")?;
        for transfer in [Transfer::Read, Transfer::Write, Transfer::Copy] {
            let rows = self.rows.iter().filter(|row| row.transfer == transfer);
            let ways: Vec<_> = rows.map(|row| row.best.map_or(REFUSED.to_owned(), best)).collect();
            let line = format!("{:8}  {:36}  {}", transfer.name(), ways[0], ways[1]);
            writeln!(f, "{}", line.trim_end())?;
        }
        let Some((row, _, rate)) = self.floor() else { return Ok(()) };
        let way = if row.cached { "through" } else { "past" };
        let (bytes, per_second) = (Bytes(rate.bytes), mib(rate));
        let seconds = rate.seconds;
        writeln!(
            f,
            "\nThe floor: copies {bytes} in {seconds:.2} s = {per_second} MiB/s read and as much \
             written,\n{way} the page cache, flush included.\n"
        )
    }

    fn write_cells(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = Bytes(LEAST_ROW_BYTES as u64);
        writeln!(f, "Runs past the page cache, one row apart (rows of {row}, or two runs);")?;
        writeln!(f, "the flush after each cell is not counted\n")?;
        let depths = DEPTHS.map(|depth| format!("{depth:>8}")).concat();
        writeln!(f, "{:>8}  {:<32}    write at depth", "run", "read at depth")?;
        writeln!(f, "{:>8}  {depths}    {depths}", "")?;
        for run_bytes in RUN_BYTES {
            let [read, write] = [Transfer::Read, Transfer::Write].map(|transfer| {
                let cell = |depth| self.cell(transfer, run_bytes, depth);
                DEPTHS.map(|depth| format!("{:>8}", text(cell(depth)))).concat()
            });
            writeln!(f, "{:>8}  {read}    {write}", run(run_bytes))?;
        }
        Ok(())
    }
}

/// Instead of a rate that would be the page cache's.
const REFUSED: &str = "refused";

fn best((how, rate): (Arrangement, Rate)) -> String {
    let Arrangement { block_bytes, threads } = how;
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    format!("{:>6}  ({} MiB blocks, {threads})", mib(rate), block_bytes / MIB)
}

/// A dash stands for runs that do not fit the file or the memory.
fn text(cell: Option<&Cell>) -> String {
    let rate = |cell: &Cell| cell.rate.map_or(REFUSED.to_owned(), mib);
    cell.map_or("-".to_owned(), rate)
}

/// A rate in MiB/s, below 100 with a decimal.
fn mib(rate: Rate) -> String {
    let tenths = rate.bytes_per_second().saturating_mul(10) / MIB as u64;
    if tenths < 1000 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        (tenths / 10).to_string()
    }
}

fn run(bytes: usize) -> String {
    if bytes < MIB { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes / MIB) }
}
