//! `outcore demo`: stub.
use crate::job::Outcome;
/// The whole story in a minute
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
pub(crate) fn run(_: &Args) -> Outcome<()> {
    Ok(())
}
