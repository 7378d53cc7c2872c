//! The seeds of the fuzzer of expressions, replayed.

#[path = "../../../../tests/support/corpus.rs"]
mod corpus;
#[path = "../../../../fuzz/checks/expression.rs"]
mod expression;
#[path = "../../../../fuzz/checks/journal.rs"]
mod journal;

#[test]
fn expressions_of_the_corpus_have_a_value_or_are_refused() {
    corpus::replay("expression", expression::run);
}

#[test]
fn journals_of_the_corpus_are_gone_on_from_or_refused() {
    corpus::replay("journal", journal::run);
}
