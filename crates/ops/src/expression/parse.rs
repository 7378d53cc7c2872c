//! From words to postfix: operands before what is done to them.
//!
//! ```text
//!     a * b + sin(a)      a  b  *  a  sin  +
//! ```
//!
//! By precedence climbing (Pratt, "Top down operator precedence", 1973), with Python's precedence:
//! comparisons, `|`, `^`, `&`, shifts, `+ -`, `* / // %`, signs, `**`. A list has no depth, so that
//! neither a long chain of operators nor what is done with it later can exhaust the stack; nesting,
//! which the parser follows by recursion, has a limit.

use super::function::{Binary, Function, Unary, constant, function};
use super::scalar::Weak;
use super::token::{Token, Tokens, at};
use crate::Result;

/// What a step of the postfix form does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item {
    Weak(Weak),
    Bool(bool),
    /// The input of a number.
    Name(usize),
    Unary(Unary),
    Binary(Binary),
    Where,
    Clip,
}

/// An expression in postfix form.
#[derive(Clone, Debug, Default)]
pub(super) struct Postfix {
    /// What is done, and the column that says so.
    pub(super) items: Vec<(Item, usize)>,
    /// The names of inputs, in the order of their first appearance.
    pub(super) names: Vec<String>,
}

/// The deepest nesting of parentheses, calls, signs and powers.
const DEPTH: usize = 100;

/// The most names: each is the name of an input, for which memory is needed.
const MOST_NAMES: usize = 256;

/// How tight each operator binds; signs bind tighter than these, and `**` tighter still.
const SIGN: u8 = 8;
const POWER: u8 = 9;

fn infix(sign: &str) -> Option<(Binary, u8)> {
    Some(match sign {
        "==" => (Binary::Equal, 1),
        "!=" => (Binary::NotEqual, 1),
        "<" => (Binary::Less, 1),
        "<=" => (Binary::LessEqual, 1),
        ">" => (Binary::Greater, 1),
        ">=" => (Binary::GreaterEqual, 1),
        "|" => (Binary::Or, 2),
        "^" => (Binary::Xor, 3),
        "&" => (Binary::And, 4),
        "<<" => (Binary::LeftShift, 5),
        ">>" => (Binary::RightShift, 5),
        "+" => (Binary::Add, 6),
        "-" => (Binary::Subtract, 6),
        "*" => (Binary::Multiply, 7),
        "/" => (Binary::Divide, 7),
        "//" => (Binary::FloorDivide, 7),
        "%" => (Binary::Remainder, 7),
        "**" => (Binary::Power, POWER),
        _ => return None,
    })
}

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Postfix> {
    let mut tokens = Tokens::new(text);
    let next = tokens.next()?;
    let mut parser = Parser { tokens, next, postfix: Postfix::default() };
    parser.expression(0, 0)?;
    match parser.next {
        (Token::End, _) => Ok(parser.postfix),
        _ => Err(parser.unexpected("an operator")),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    next: (Token<'a>, usize),
    postfix: Postfix,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<(Token<'a>, usize)> {
        let next = self.tokens.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes a sign if it is next.
    fn take(&mut self, sign: &str) -> Result<bool> {
        let found = matches!(self.next.0, Token::Sign(found) if found == sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &str, instead: &str) -> Result<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.unexpected(instead)) }
    }

    fn emit(&mut self, item: Item, column: usize) {
        self.postfix.items.push((item, column));
    }

    /// What is not at its place, and what would be.
    fn unexpected(&self, expected: &str) -> crate::Error {
        let found = match self.next.0 {
            Token::End => "the expression ends".to_owned(),
            Token::Sign("=") => "\"=\" assigns nothing here (equality is \"==\")".to_owned(),
            Token::Sign(sign) => format!("{sign:?} is unexpected"),
            Token::Name(name @ ("and" | "or" | "not" | "if" | "else" | "in" | "is")) => {
                format!("{name:?} is for single values; for elements there are & | ~ and where()")
            }
            Token::Name(name) => format!("{name:?} is unexpected"),
            Token::Number(_) => "a number is unexpected".to_owned(),
        };
        at(self.next.1, format!("{found}; expected {expected}"))
    }

    /// An operand and all operators behind it that bind at least as tight as `least`.
    fn expression(&mut self, least: u8, depth: usize) -> Result<()> {
        self.operand(depth)?;
        let mut compared = false;
        while let (Token::Sign(sign), column) = self.next {
            let Some((operator, binding)) = infix(sign).filter(|&(_, binding)| binding >= least)
            else {
                break;
            };
            if compared && operator.compares() {
                let reason = "comparisons cannot be chained; write (a < b) & (b < c)";
                return Err(at(column, reason));
            }
            self.advance()?;
            // Powers group from the right, and take a sign on their right: 2**-a.
            let right = if binding == POWER { SIGN } else { binding + 1 };
            self.expression(right, depth + usize::from(binding == POWER))?;
            self.emit(Item::Binary(operator), column);
            compared = operator.compares();
        }
        Ok(())
    }

    fn operand(&mut self, depth: usize) -> Result<()> {
        let (token, column) = self.next;
        if depth >= DEPTH {
            return Err(at(column, format!("nested deeper than {DEPTH} levels")));
        }
        match token {
            Token::Number(number) => {
                self.advance()?;
                self.emit(Item::Weak(number), column);
            }
            Token::Name("and" | "or" | "not" | "if" | "else" | "in" | "is" | "lambda") => {
                return Err(self.unexpected("a value"));
            }
            Token::Name(name) => {
                self.advance()?;
                if self.next.0 == Token::Sign("(") {
                    return self.call(name, column, depth);
                }
                self.name(name, column)?;
            }
            Token::Sign("(") => {
                self.advance()?;
                self.expression(0, depth + 1)?;
                self.expect(")", "an operator or \")\"")?;
            }
            Token::Sign(sign @ ("-" | "+" | "~")) => {
                self.advance()?;
                self.expression(SIGN, depth + 1)?;
                let operator = match sign {
                    "-" => Unary::Negative,
                    "+" => Unary::Positive,
                    _ => Unary::Invert,
                };
                self.emit(Item::Unary(operator), column);
            }
            _ => return Err(self.unexpected("a value")),
        }
        Ok(())
    }

    fn name(&mut self, name: &str, column: usize) -> Result<()> {
        // Whether a constant is meant is not known before the inputs are.
        let item = match name {
            "True" => Item::Bool(true),
            "False" => Item::Bool(false),
            _ => Item::Name(self.number(name, column)?),
        };
        self.emit(item, column);
        Ok(())
    }

    /// The number of a name, which may be new.
    fn number(&mut self, name: &str, column: usize) -> Result<usize> {
        let names = &mut self.postfix.names;
        if let Some(index) = names.iter().position(|known| known == name) {
            return Ok(index);
        }
        if names.len() >= MOST_NAMES {
            return Err(at(column, format!("{name:?} is one name more than {MOST_NAMES}")));
        }
        names.push(name.to_owned());
        Ok(names.len() - 1)
    }

    fn call(&mut self, name: &str, column: usize, depth: usize) -> Result<()> {
        let Some((function, expected)) = function(name) else {
            let reason =
                if constant(name).is_some() { "is not a function" } else { "is no function" };
            return Err(at(column, format!("{name:?} {reason} that is known here")));
        };
        self.expect("(", "\"(\"")?;
        let mut found = 0;
        while self.next.0 != Token::Sign(")") {
            if found > 0 {
                self.expect(",", "\",\" or \")\"")?;
            }
            self.expression(0, depth + 1)?;
            found += 1;
        }
        self.advance()?;
        if found != expected {
            let plural = if expected == 1 { "argument" } else { "arguments" };
            return Err(at(column, format!("{name} takes {expected} {plural}, not {found}")));
        }
        let item = match function {
            Function::Unary(operator) => Item::Unary(operator),
            Function::Binary(operator) => Item::Binary(operator),
            Function::Where => Item::Where,
            Function::Clip => Item::Clip,
        };
        self.emit(item, column);
        Ok(())
    }
}
