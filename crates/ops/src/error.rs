//! What an operation refuses, and what stops it.

use crate::budget::Bytes;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed; the error names the file.
    #[error(transparent)]
    Storage(#[from] outcore_storage::Error),
    /// The operation cannot be done within the budget.
    #[error("{operation} needs at least {} of memory ({needed} bytes), but may use only {} ({allowed} bytes)", Bytes(*needed), Bytes(*allowed))]
    Budget {
        /// The operation that does not fit.
        operation: String,
        /// The smallest budget that would do, in bytes.
        needed: u64,
        /// The budget, in bytes.
        allowed: u64,
    },
    /// A text that is no budget.
    #[error("{text:?} is not a size: {reason}")]
    BudgetSyntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that is no expression, or one whose operators its operands do not have.
    #[error("at column {column}: {reason}")]
    Expression {
        /// The character that it is about, counted from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// Inputs that an expression cannot use, or a result that it does not give.
    #[error("{0}")]
    Inputs(String),
    /// Arrays or tiles whose shapes the operation cannot use.
    #[error("{0}")]
    Shape(String),
    /// Elements that the operation has no result for.
    #[error("{0}")]
    Value(String),
    /// The system refused to start so many threads.
    #[error("failed to start {threads} threads: {reason}")]
    Threads {
        /// The number of threads.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// A later run cannot go on with an operation in place, so that a journal would promise too much.
    #[error("cannot be resumed: what is worked on in place cannot be read again")]
    NotResumable,
    /// The caller asked the operation to stop.
    #[error("cancelled")]
    Cancelled,
}
