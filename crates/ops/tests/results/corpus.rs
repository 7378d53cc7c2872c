//! The seeds of the fuzzer of expressions, replayed.

#[path = "../../../../fuzz/checks/expression.rs"]
mod expression;
#[path = "../../../../fuzz/checks/journal.rs"]
mod journal;
#[path = "../../../../tests/support/corpus.rs"]
mod seeds;

#[test]
fn expressions_of_the_corpus_have_a_value_or_are_refused() {
    seeds::replay("expression", expression::run);
}

#[test]
fn journals_of_the_corpus_are_gone_on_from_or_refused() {
    seeds::replay("journal", journal::run);
}
