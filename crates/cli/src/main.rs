//! Operations on arrays larger than memory, from the command line.
//!
//! One file per command in `commands`; none of them holds an algorithm.

mod args;
mod blocks;
mod commands;
mod element;
mod job;
mod log;
mod picture;
mod slice;
mod value;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arrays larger than memory: look at them and transform them, within a memory budget.
#[derive(Debug, Parser)]
#[command(name = "outcore", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Add a line of JSON to a file for each event: start, plan, passes, progress, end
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Info(commands::info::Args),
    Fft(commands::fft::Args),
    Fft2(commands::fft2::Args),
    Convolve(commands::convolve::Args),
    Spectrum(commands::spectrum::Args),
    Eval(commands::eval::Args),
    Convert(commands::convert::Args),
    Reduce(commands::reduce::Args),
    Scan(commands::scan::Args),
    Transpose(commands::transpose::Args),
    Stats(commands::stats::Args),
    Quantile(commands::quantile::Args),
    Histogram(commands::histogram::Args),
    View(commands::view::Args),
    Demo(commands::demo::Args),
    Disk(commands::disk::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match log::begin(cli.log.as_deref()).and_then(|()| run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A path may hold a line break; the message is one line all the same.
            let text = error.to_string().replace('\n', "\\n");
            let exit_code = job::exit_code(error.as_ref());
            tracing::error!(target: log::TOLD, error = text, exit_code, "error");
            log::say(format_args!("outcore: {text}"));
            ExitCode::from(exit_code)
        }
    }
}

fn run(command: Command) -> job::Outcome<()> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let (version, process) = (env!("CARGO_PKG_VERSION"), std::process::id());
    tracing::info!(target: log::TOLD, ?arguments, version, process, "start");
    match command {
        Command::Info(args) => commands::info::run(&args),
        Command::Fft(args) => commands::fft::run(&args),
        Command::Fft2(args) => commands::fft2::run(&args),
        Command::Convolve(args) => commands::convolve::run(&args),
        Command::Spectrum(args) => commands::spectrum::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Convert(args) => commands::convert::run(&args),
        Command::Reduce(args) => commands::reduce::run(&args),
        Command::Scan(args) => commands::scan::run(&args),
        Command::Transpose(args) => commands::transpose::run(&args),
        Command::Stats(args) => commands::stats::run(&args),
        Command::Quantile(args) => commands::quantile::run(&args),
        Command::Histogram(args) => commands::histogram::run(&args),
        Command::View(args) => commands::view::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Disk(args) => commands::disk::run(&args),
    }
}
