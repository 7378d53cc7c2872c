//! The seeds of the fuzzer of expressions, replayed.

#[path = "../../../tests/support/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/expression.rs"]
mod expression;

#[test]
fn expressions_of_the_corpus_have_a_value_or_are_refused() {
    corpus::replay("expression", expression::run);
}
