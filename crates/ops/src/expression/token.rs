//! The words of an expression: numbers, names and signs, each with its column.

use num_complex::Complex;

use super::scalar::Weak;
use crate::{Error, Result};

/// A word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(Weak),
    Name(&'a str),
    Sign(&'static str),
    End,
}

/// The signs, those of two characters before those that begin them.
const SIGNS: [&str; 23] = [
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "&", "|",
    "^", "~", "(", ")", ",", "=",
];

/// The words of a text, one by one.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    /// The number of characters before it.
    characters: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, characters: 0 }
    }

    /// The next word and the column of its first character.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize)> {
        let rest = &self.text[self.at..];
        self.skip(rest.len() - rest.trim_start().len());
        let (rest, column) = (&self.text[self.at..], self.characters + 1);
        let Some(first) = rest.chars().next() else { return Ok((Token::End, column)) };
        let second_is_digit = rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        let (token, len) = if first.is_ascii_digit() || (first == '.' && second_is_digit) {
            let len = number_len(rest);
            let number = number(&rest[..len]).map_err(|reason| at(column, reason))?;
            (Token::Number(number), len)
        } else if is_letter(first) {
            let len = rest.find(|c| !is_letter(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
            (Token::Name(&rest[..len]), len)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(at(column, format!("unexpected {first:?}")));
        };
        self.skip(len);
        Ok((token, column))
    }

    fn skip(&mut self, bytes: usize) {
        let end = self.at + bytes;
        self.characters += self.text[self.at..end].chars().count();
        self.at = end;
    }
}

/// An error at a column.
pub(super) fn at(column: usize, reason: impl Into<String>) -> Error {
    Error::Expression { column, reason: reason.into() }
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

/// The length of the number that a text begins with, and of all letters that stick to it.
fn number_len(text: &str) -> usize {
    let mut before = ' ';
    let ends = |c: char| {
        let in_exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        before = c;
        !(is_letter(c) || c.is_ascii_digit() || c == '.' || in_exponent)
    };
    text.find(ends).unwrap_or(text.len())
}

/// Reads a number as Python does: `12`, `1_000`, `2.5`, `.5`, `1e-3`, `2j`.
fn number(text: &str) -> std::result::Result<Weak, String> {
    let bad = || format!("{text:?} is not a number");
    let edges =
        |part: &str| part.split('_').any(|group| !group.contains(|c: char| c.is_ascii_digit()));
    if text.contains('_') && edges(text) {
        return Err(bad());
    }
    let plain = text.replace('_', "");
    if let Some(imaginary) = plain.strip_suffix(['j', 'J']) {
        return Ok(Weak::Complex(Complex::new(0.0, float(imaginary).ok_or_else(bad)?)));
    }
    if !plain.chars().all(|c| c.is_ascii_digit()) {
        return float(&plain).map(Weak::Float).ok_or_else(bad);
    }
    if plain.len() > 1 && plain.starts_with('0') && plain.contains(|c| c != '0') {
        return Err(format!("{text:?} begins with a zero"));
    }
    plain.parse().map(Weak::Int).map_err(|_| format!("{text} has more than 127 bits"))
}

/// A number without sign; Rust's parser would take "inf" and "nan" too.
fn float(text: &str) -> Option<f64> {
    let ours = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    text.parse().ok().filter(|_| ours)
}
