//! The life of a command that computes: its plan, its progress, its report, its end.

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ndarray::Dimension;
use outcore_ops::{Bytes, Control, Error, PassPlan, Plan, Progress, Report, Resources};
use outcore_storage::{
    Element, ErrorKind, FileInfo, Journal, Layout, Mark, Options, Output, Work, host,
};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::args::OutputArgs;
use crate::log::{TOLD, say};

/// What a command gives back. Its error is one line that says what, which file and both numbers.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The exit code for an error: 130 if the user interrupted, otherwise 1.
pub(crate) fn exit_code(error: &(dyn std::error::Error + 'static)) -> u8 {
    let interrupted = error.downcast_ref().is_some_and(Stopped::is_interrupted);
    if interrupted { 130 } else { 1 }
}

/// What stopped an operation, and the file that keeps what is done.
#[derive(Debug)]
struct Stopped {
    error: Error,
    kept: Option<PathBuf>,
}

impl Stopped {
    /// With a file that is kept, if it still exists.
    fn keeping(error: Error, file: Option<PathBuf>) -> Self {
        Self { error, kept: file.filter(|file| file.exists()) }
    }

    fn is_interrupted(&self) -> bool {
        matches!(self.error, Error::Cancelled)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_interrupted() {
            f.write_str("interrupted")?;
        } else {
            self.error.fmt(f)?;
        }
        let Some(kept) = &self.kept else { return Ok(()) };
        write!(f, "; {} keeps what is done, and --resume goes on from there", kept.display())
    }
}

impl std::error::Error for Stopped {}

/// How a command tells what it does.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct JobArgs {
    /// Print the plan and what it costs, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print neither plan nor progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print one JSON object on standard output at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// A command under way.
pub(crate) struct Job<'a> {
    command: &'static str,
    args: &'a JobArgs,
    begin: Instant,
}

/// An output under way, and how far it has come.
pub(crate) struct Writing<T, D> {
    output: Output<T, D>,
    /// `None` if nothing is to be left of a run that does not finish.
    journal: Option<Journal>,
}

impl<T: Element, D: Dimension> Writing<T, D> {
    /// The output, to make something beside it.
    pub(crate) fn output(&self) -> &Output<T, D> {
        &self.output
    }
}

/// What a command does, by everything that its result depends on: a run that goes on must do the same.
pub(crate) fn work(plan: &Plan, details: &impl std::fmt::Debug, inputs: &[&FileInfo]) -> Work {
    let Resources { memory, threads } = plan.resources;
    let work = Work::new(format!("{plan}\n{details:?}"));
    let work = work.resources(memory.bytes(), threads.get());
    inputs.iter().fold(work, |work, info| work.input(info))
}

/// Raised by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

impl<'a> Job<'a> {
    /// From here on Ctrl-C stops the operation between two tiles, so that it can be resumed.
    pub(crate) fn new(command: &'static str, args: &'a JobArgs) -> Self {
        // A second handler is refused, and the first one does the same.
        let _ = ctrlc::set_handler(|| {
            // Whoever presses again does not want to wait for the tiles under way.
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
        Self { command, args, begin: Instant::now() }
    }

    /// Tells the plan. Answers whether there is more to do: not in a dry run.
    pub(crate) fn announce(&self, plan: &Plan) -> Outcome<bool> {
        let (bytes_read, bytes_written) = (plan.bytes_read(), plan.bytes_written());
        let (memory, passes) = (plan.memory(), plan.passes.len());
        let operation = &plan.operation;
        tracing::info!(target: TOLD, operation, passes, bytes_read, bytes_written, memory, "plan");
        match (self.args.dry_run, self.args.json) {
            (true, true) => print(&self.json(plan, None))?,
            (true, false) => print(plan)?,
            (false, _) if !self.args.quiet => say(plan),
            _ => {}
        }
        Ok(!self.args.dry_run)
    }

    /// Begins an output of a layout, or goes on with what an unfinished run has left.
    pub(crate) fn begin<T: Element, D: Dimension>(
        &self,
        args: &OutputArgs,
        layout: &Layout<D>,
        work: Work,
    ) -> Outcome<Writing<T, D>> {
        self.begin_with(args, work, |options| {
            let options = options.order(layout.order());
            Output::with_options(&args.output, layout.shape().clone(), &options)
        })
    }

    /// The same for an output that is made in another way.
    pub(crate) fn begin_with<T: Element, D: Dimension>(
        &self,
        args: &OutputArgs,
        work: Work,
        make: impl FnOnce(Options) -> outcore_storage::Result<Output<T, D>>,
    ) -> Outcome<Writing<T, D>> {
        let output = make(args.options()).map_err(|error| match error.kind() {
            ErrorKind::Unfinished => {
                format!("{error}; --resume goes on with it, --force begins anew").into()
            }
            ErrorKind::OtherWork(_) => format!("{error}; --force begins anew").into(),
            _ => Box::<dyn std::error::Error>::from(error),
        })?;
        let journal = output.journal(work);
        let journal = journal.map_err(|error| format!("{error}; --force begins anew"))?;
        if args.begin.resume {
            self.say_where(journal.mark());
        }
        let every = args.begin.journal_every;
        let journal = journal.every(every, every.saturating_mul(30).max(Duration::from_secs(1)));
        Ok(Writing { output, journal: (!args.begin.no_journal).then_some(journal) })
    }

    fn say_where(&self, mark: Option<Mark>) {
        let place = mark.map_or_else(
            || "the beginning: no unfinished run has left anything".to_owned(),
            |mark| format!("pass {}, after {} of its tiles", mark.pass + 1, mark.tiles),
        );
        if !self.args.quiet {
            say(format_args!("  goes on from {place}"));
        }
    }

    /// Runs an operation that writes an output, as [`run`](Self::run) does, and puts the output in its
    /// place.
    pub(crate) fn write<T: Element, D: Dimension, R>(
        &self,
        plan: &Plan,
        writing: Writing<T, D>,
        operation: impl FnOnce(&mut Output<T, D>, Control<'_>) -> outcore_ops::Result<R>,
    ) -> Outcome<R> {
        let Writing { mut output, mut journal } = writing;
        let result = self.go(plan, |control| {
            let control = match &mut journal {
                Some(journal) => control.journal(journal),
                None => control,
            };
            operation(&mut output, control)
        });
        match result {
            Ok(result) => {
                output.commit()?;
                Ok(result)
            }
            Err(error) => {
                let is_kept = journal.is_some_and(|journal| journal.is_kept());
                let partial = output.partial_path().to_owned();
                // If a sync has failed, it may not stay after all.
                drop(output);
                Err(Stopped::keeping(error, is_kept.then_some(partial)).into())
            }
        }
    }

    /// Runs an operation with progress on standard error, until it ends or the user interrupts.
    pub(crate) fn run<R>(
        &self,
        plan: &Plan,
        operation: impl FnOnce(Control<'_>) -> outcore_ops::Result<R>,
    ) -> Outcome<R> {
        Ok(self.go(plan, operation).map_err(|error| Stopped { error, kept: None })?)
    }

    /// The same for an operation that must not stop halfway, because what it works on would be lost: only
    /// a second Ctrl-C ends it.
    pub(crate) fn run_to_its_end<R>(
        &self,
        plan: &Plan,
        operation: impl FnOnce(Control<'_>) -> outcore_ops::Result<R>,
    ) -> Outcome<R> {
        if !self.args.quiet {
            say("  works in place: Ctrl-C does not stop it, and pressed twice loses the file");
        }
        let meter = Meter::new(self.args.quiet, plan);
        let result = operation(Control::new().on_progress(|progress| meter.show(progress)));
        meter.finish();
        Ok(result.map_err(|error| Stopped { error, kept: None })?)
    }

    fn go<R>(
        &self,
        plan: &Plan,
        operation: impl FnOnce(Control<'_>) -> outcore_ops::Result<R>,
    ) -> outcore_ops::Result<R> {
        // What does not depend on the operation is compiled once.
        let (mut operation, mut result) = (Some(operation), None);
        self.with_control(plan, &mut |control| {
            result = operation.take().map(|operation| operation(control));
        });
        result.expect("the operation has been called")
    }

    fn with_control(&self, plan: &Plan, operation: &mut dyn FnMut(Control<'_>)) {
        let meter = Meter::new(self.args.quiet, plan);
        let control = Control::new().on_progress(|progress| meter.show(progress));
        operation(control.cancelled_by(&INTERRUPTED));
        meter.finish();
    }

    /// Tells what was done.
    pub(crate) fn finish(&self, plan: &Plan, report: &Report) -> Outcome<()> {
        if self.args.json {
            print(&self.json(plan, Some(report)))?;
        }
        self.tell(report);
        Ok(())
    }

    /// The same with a result: as a text, or in the final object.
    pub(crate) fn finish_with(
        &self,
        plan: &Plan,
        report: &Report,
        result: Value,
        text: &str,
    ) -> Outcome<()> {
        if self.args.json {
            let mut object = self.json(plan, Some(report));
            object["result"] = result;
            print(&object)?;
        } else if !text.is_empty() {
            print(&text)?;
        }
        self.tell(report);
        Ok(())
    }

    fn tell(&self, report: &Report) {
        let (bytes_read, bytes_written) = (report.bytes_read(), report.bytes_written());
        let (seconds, peak) = (self.begin.elapsed().as_secs_f64(), host::peak_memory());
        tracing::info!(target: TOLD, seconds, bytes_read, bytes_written, peak_memory_bytes = peak, "end");
        if !self.args.quiet {
            let seconds = self.begin.elapsed().as_secs_f64();
            let moved = report.bytes_read() + report.bytes_written();
            let rate = Bytes(rate(moved, seconds));
            let peak = host::peak_memory().map_or(0, |bytes| bytes);
            let (moved, peak) = (Bytes(moved), Bytes(peak));
            say(format_args!(
                "  done in {seconds:.2} s: moved {moved} at {rate}/s, peak memory {peak}"
            ));
        }
    }

    /// The final object; of a dry run, what is predicted.
    fn json(&self, plan: &Plan, report: Option<&Report>) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("command", json!(self.command));
        put("seconds", json!(report.map(|_| self.begin.elapsed().as_secs_f64())));
        put("bytes_read", json!(report.map_or(plan.bytes_read(), Report::bytes_read)));
        put("bytes_written", json!(report.map_or(plan.bytes_written(), Report::bytes_written)));
        put("peak_memory_bytes", json!(report.and_then(|_| host::peak_memory())));
        put("passes", json!(plan.passes.len()));
        put("planned_memory_bytes", json!(plan.memory()));
        put("kept_bytes", json!(plan.kept_bytes));
        put("disk_bytes", json!(plan.output_bytes + plan.scratch_bytes));
        let timed = |index: usize| report.and_then(|report| report.passes.get(index));
        let passes = plan.passes.iter().enumerate().map(|(index, pass)| {
            let PassPlan { name, tiles, tile, tile_bytes, .. } = pass;
            json!({
                "name": name, "tiles": tiles, "tile": tile, "tile_bytes": tile_bytes,
                "run_bytes_read": pass.run_bytes_read, "bytes_read": pass.bytes_read,
                "run_bytes_written": pass.run_bytes_written, "bytes_written": pass.bytes_written,
                "seconds": timed(index).map(|pass| pass.elapsed.as_secs_f64()),
                "reading_seconds": timed(index).map(|pass| pass.reading.as_secs_f64()),
                "computing_seconds": timed(index).map(|pass| pass.computing.as_secs_f64()),
                "writing_seconds": timed(index).map(|pass| pass.writing.as_secs_f64()),
            })
        });
        put("pass_list", passes.collect());
        put("dry_run", json!(report.is_none()));
        Value::Object(object)
    }
}

/// Prints on standard output; a reader that has gone away is an error, not a panic.
pub(crate) fn print(value: &impl std::fmt::Display) -> Outcome<()> {
    writeln!(io::stdout(), "{value}").map_err(|error| format!("standard output: {error}").into())
}

/// A number as JSON, with the digits that it prints with. What JSON has no number for is a text:
/// `"NaN"`, `"inf"`.
pub(crate) fn json_number(number: &impl std::fmt::Debug) -> Value {
    let text = format!("{number:?}");
    let value: Option<Value> = serde_json::from_str(&text).ok();
    // An integer that is too long for one of 64 bits.
    let rounded = |value: &Value| value.is_f64() && !text.contains(['.', 'e']);
    value.filter(|value| !rounded(value)).unwrap_or(Value::String(text))
}

#[expect(clippy::cast_precision_loss, reason = "a rate is printed with two digits")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
pub(crate) fn rate(bytes: u64, seconds: f64) -> u64 {
    (bytes as f64 / seconds.max(1e-9)) as u64
}

/// Progress on standard error: a bar on a terminal, and otherwise a line now and then.
struct Meter {
    bar: ProgressBar,
    names: Vec<String>,
    /// Whether there are lines instead of a bar.
    lines: bool,
    last: Cell<Instant>,
    begin: Instant,
    /// The bytes that an earlier run has moved.
    before: Cell<Option<u64>>,
}

/// Between two lines of progress where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Meter {
    fn new(quiet: bool, plan: &Plan) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = if terminal && !quiet {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        let style =
            "  {msg:16} {wide_bar} {bytes:>10} of {total_bytes}  {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template"));
        let names = plan.passes.iter().map(|pass| pass.name.clone()).collect();
        let begin = Instant::now();
        let (lines, last, before) = (!terminal && !quiet, Cell::new(begin), Cell::default());
        Self { bar, names, lines, last, begin, before }
    }

    fn show(&self, progress: Progress) {
        let name = &self.names[progress.pass];
        if self.before.get().is_none() {
            self.before.set(Some(progress.bytes_done));
        }
        self.bar.set_length(progress.bytes_total);
        self.bar.set_position(progress.bytes_done);
        self.bar.set_message(format!("pass {}/{} {name}", progress.pass + 1, progress.passes));
        if self.last.get().elapsed() < LINE_EVERY {
            return;
        }
        self.last.set(Instant::now());
        let Progress { pass, passes, bytes_done, bytes_total } = progress;
        let (pass, left) = (pass + 1, self.left(progress));
        tracing::info!(target: TOLD, pass, bytes_done, bytes_total, seconds_left = left, "progress");
        if self.lines {
            let (done, total) = (Bytes(bytes_done), Bytes(bytes_total));
            say(format_args!(
                "  pass {pass}/{passes} {name}: {done} of {total}, about {left} s left"
            ));
        }
    }

    /// About how many seconds are left, at the rate of this run so far.
    fn left(&self, progress: Progress) -> u64 {
        let before = self.before.get().unwrap_or(0);
        let done = progress.bytes_done.saturating_sub(before).max(1);
        let left = progress.bytes_total.saturating_sub(progress.bytes_done);
        let seconds = u128::from(left) * self.begin.elapsed().as_millis() / u128::from(done) / 1000;
        u64::try_from(seconds).unwrap_or(u64::MAX)
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
