//! The seeds of the fuzzers of this crate, replayed.

#[path = "../../../../fuzz/checks/npy_header.rs"]
mod npy_header;
#[path = "../../../../fuzz/checks/raw_options.rs"]
mod raw_options;
#[path = "../../../../tests/support/corpus.rs"]
mod seeds;

#[test]
fn headers_of_the_corpus_are_read_or_refused() {
    seeds::replay("npy_header", npy_header::run);
}

#[test]
fn raw_options_of_the_corpus_open_or_are_refused() {
    seeds::replay("raw_options", raw_options::run);
}
