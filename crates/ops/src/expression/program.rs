//! From postfix to steps on registers, of known types.
//!
//! ```text
//!    a * b + sin(a)      load a → 0   load b → 1   0 * 1 → 2   load a → 0   sin 0 → 1   2 + 1 → 0
//! ```

use outcore_storage::DType;

use super::cast::Cast;
use super::function::{Binary, Unary};
use super::parse::Item;
use super::register::Register;
use super::scalar::{Folded, Scalar, Weak, limits};
use super::token::at;
use super::types::{self, Class, promote};
use crate::Result;

/// What is done to whole registers. Where a step fills one, it is none of those that it reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Loads an input.
    Load {
        input: usize,
        to: usize,
    },
    /// Repeats a number.
    Fill {
        value: Scalar,
        to: usize,
    },
    /// Changes the class, which holds all values.
    Convert {
        from: usize,
        to: usize,
    },
    /// Wraps or rounds values to a type that is narrower than its class.
    Narrow {
        register: usize,
        dtype: DType,
    },
    Unary {
        operator: Unary,
        from: usize,
        to: usize,
    },
    Binary {
        operator: Binary,
        from: [usize; 2],
        to: usize,
    },
    /// Takes values of the first or of the second, by a condition.
    Select {
        condition: usize,
        from: [usize; 2],
        to: usize,
    },
    /// Changes the type to one that may not hold all values.
    Cast {
        cast: Cast,
        from: usize,
        to: usize,
    },
}

/// The steps that compute an expression, and the registers that they need.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) registers: Vec<Class>,
    /// The register that holds the result at the end.
    pub(super) result: usize,
    pub(super) dtype: DType,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    Constant(Weak),
    Input(usize, DType),
}

impl Program {
    /// Compiles an expression.
    pub(super) fn new(items: &[(Item, usize)], meanings: &[Meaning]) -> Result<Self> {
        let mut compiler = Compiler::default();
        for &(item, column) in items {
            compiler.item(item, meanings).map_err(|reason| at(column, reason))?;
        }
        let column = items.last().map_or(1, |&(_, column)| column);
        let result = compiler.pop();
        let dtype = result.alone();
        let result = compiler.register(result, dtype).map_err(|reason| at(column, reason))?;
        let Compiler { steps, registers, .. } = compiler;
        Ok(Self { steps, registers, result, dtype })
    }

    /// Changes the type of the result.
    pub(super) fn cast(&mut self, cast: Cast) {
        self.registers.push(Class::of(cast.to));
        let (from, to) = (self.result, self.registers.len() - 1);
        self.steps.push(Step::Cast { cast, from, to });
        if types::is_narrow(cast.to) {
            self.steps.push(Step::Narrow { register: to, dtype: cast.to });
        }
        (self.result, self.dtype) = (to, cast.to);
    }

    /// Registers of a length for the steps.
    pub(super) fn registers(&self, len: usize) -> Vec<Register> {
        self.registers.iter().map(|&class| Register::new(class, len)).collect()
    }

    /// The bytes of one value in every register.
    pub(super) fn value_bytes(&self) -> usize {
        self.registers.iter().map(|class| class.bytes()).sum()
    }
}

/// A value under way.
#[derive(Clone, Copy, Debug)]
enum Value {
    Weak(Weak),
    Typed { dtype: DType, register: usize },
}

impl Value {
    fn beside(self, other: DType) -> DType {
        match self {
            Self::Weak(weak) => weak.beside(other),
            Self::Typed { dtype, .. } => dtype,
        }
    }

    fn alone(self) -> DType {
        match self {
            Self::Weak(weak) => weak.alone(),
            Self::Typed { dtype, .. } => dtype,
        }
    }
}

/// The types of values that stand beside each other.
fn types_of<const N: usize>(values: [Value; N]) -> [DType; N] {
    let typed = values.iter().filter_map(|value| match value {
        Value::Weak(_) => None,
        Value::Typed { dtype, .. } => Some(*dtype),
    });
    match typed.reduce(promote) {
        Some(dtype) => values.map(|value| value.beside(dtype)),
        None => values.map(Value::alone),
    }
}

type Outcome<T> = std::result::Result<T, String>;

#[derive(Debug, Default)]
struct Compiler {
    steps: Vec<Step>,
    registers: Vec<Class>,
    /// Registers whose values are not needed any more.
    free: Vec<usize>,
    stack: Vec<Value>,
}

impl Compiler {
    fn pop(&mut self) -> Value {
        self.stack.pop().expect("the parser puts operands before operators")
    }

    fn push(&mut self, dtype: DType, register: usize) {
        self.stack.push(Value::Typed { dtype, register });
    }

    /// A register that is not in use.
    fn take(&mut self, class: Class) -> usize {
        let free = self.free.iter().position(|&register| self.registers[register] == class);
        if let Some(place) = free {
            return self.free.swap_remove(place);
        }
        self.registers.push(class);
        self.registers.len() - 1
    }

    fn fill(&mut self, value: Scalar) -> usize {
        let to = self.take(value.class());
        self.steps.push(Step::Fill { value, to });
        to
    }

    /// A value in a register of the class of a type.
    fn register(&mut self, value: Value, dtype: DType) -> Outcome<usize> {
        let class = Class::of(dtype);
        match value {
            Value::Weak(weak) => Ok(self.fill(weak.of_type(dtype)?)),
            Value::Typed { register, .. } if self.registers[register] == class => Ok(register),
            Value::Typed { register: from, .. } => {
                let to = self.take(class);
                self.steps.push(Step::Convert { from, to });
                self.free.push(from);
                Ok(to)
            }
        }
    }

    /// Ends a step that has read registers: pushes what it has filled.
    fn done<const N: usize>(&mut self, from: [usize; N], dtype: DType, to: usize, exact: bool) {
        if !exact && types::is_narrow(dtype) {
            self.steps.push(Step::Narrow { register: to, dtype });
        }
        self.free.extend(from);
        self.push(dtype, to);
    }

    fn item(&mut self, item: Item, meanings: &[Meaning]) -> Outcome<()> {
        match item {
            Item::Weak(weak) => self.stack.push(Value::Weak(weak)),
            Item::Bool(value) => {
                let register = self.fill(Scalar::Bool(value));
                self.push(DType::Bool, register);
            }
            Item::Name(name) => match meanings[name] {
                Meaning::Constant(weak) => self.stack.push(Value::Weak(weak)),
                Meaning::Input(input, dtype) => {
                    let to = self.take(Class::of(dtype));
                    self.steps.push(Step::Load { input, to });
                    self.push(dtype, to);
                }
            },
            Item::Unary(operator) => {
                let value = self.pop();
                self.unary(operator, value)?;
            }
            Item::Binary(operator) => {
                let (other, one) = (self.pop(), self.pop());
                self.binary(operator, one, other)?;
            }
            Item::Where => {
                let (other, one, condition) = (self.pop(), self.pop(), self.pop());
                self.select(condition, one, other)?;
            }
            Item::Clip => {
                let (high, low, value) = (self.pop(), self.pop(), self.pop());
                self.clip(value, low, high)?;
            }
        }
        Ok(())
    }

    fn unary(&mut self, operator: Unary, value: Value) -> Outcome<()> {
        if let Value::Weak(weak) = value
            && let Some(folded) = weak.unary(operator)
        {
            self.stack.push(Value::Weak(folded?));
            return Ok(());
        }
        let (dtype, result) = types::unary(operator, value.alone())?;
        let from = self.register(value, dtype)?;
        let class = Class::of(dtype);
        if is_identity(operator, class) {
            self.push(result, from);
            return Ok(());
        }
        let to = self.take(Class::of(result));
        self.steps.push(Step::Unary { operator, from, to });
        self.done([from], result, to, false);
        Ok(())
    }

    fn binary(&mut self, operator: Binary, one: Value, other: Value) -> Outcome<()> {
        if let (Value::Weak(a), Value::Weak(b)) = (one, other)
            && let Some(folded) = a.binary(operator, b)
        {
            match folded? {
                Folded::Number(weak) => self.stack.push(Value::Weak(weak)),
                Folded::Bool(value) => {
                    let register = self.fill(Scalar::Bool(value));
                    self.push(DType::Bool, register);
                }
            }
            return Ok(());
        }
        if operator.compares() && self.compare_integers(operator, one, other) {
            return Ok(());
        }
        if operator == Binary::Power && self.short_power(one, other)? {
            return Ok(());
        }
        let [a, b] = types_of([one, other]);
        let (dtype, result) = types::binary(operator, a, b)?;
        if operator == Binary::Power && Class::of(dtype).is_integer() {
            refuse_negative(other)?;
        }
        let from = [self.register(one, dtype)?, self.register(other, dtype)?];
        self.emit(operator, from, result);
        Ok(())
    }

    fn emit(&mut self, operator: Binary, from: [usize; 2], result: DType) {
        let to = self.take(Class::of(result));
        self.steps.push(Step::Binary { operator, from, to });
        let exact = matches!(
            operator,
            Binary::Minimum | Binary::Maximum | Binary::And | Binary::Or | Binary::Xor
        );
        self.done(from, result, to, exact);
    }

    /// Compares integers by their values, whatever their types; answers whether both are integers.
    fn compare_integers(&mut self, operator: Binary, one: Value, other: Value) -> bool {
        let (Some(a), Some(b)) = (self.integer(one), self.integer(other)) else { return false };
        let from = match (a, b) {
            (Integer::Register(a), Integer::Register(b)) => [a, b],
            (Integer::Register(a), Integer::Number(Some(b))) => [a, self.fill(b)],
            (Integer::Number(Some(a)), Integer::Register(b)) => [self.fill(a), b],
            // A number that is beyond all elements: zero is as good as any of them.
            _ => {
                let value = |value| match value {
                    Value::Weak(Weak::Int(value)) => value,
                    _ => 0,
                };
                let [less, equal, greater] = operator.relation().unwrap_or_default();
                let holds = match value(one).cmp(&value(other)) {
                    std::cmp::Ordering::Less => less,
                    std::cmp::Ordering::Equal => equal,
                    std::cmp::Ordering::Greater => greater,
                };
                let typed = [one, other].into_iter().find_map(|value| match value {
                    Value::Typed { register, .. } => Some(register),
                    Value::Weak(_) => None,
                });
                self.free.extend(typed);
                let register = self.fill(Scalar::Bool(holds));
                self.push(DType::Bool, register);
                return true;
            }
        };
        self.emit(operator, from, DType::Bool);
        true
    }

    fn integer(&self, value: Value) -> Option<Integer> {
        match value {
            Value::Weak(Weak::Int(value)) => Some(Integer::Number(Weak::comparable(value))),
            Value::Typed { register, .. } if self.registers[register].is_integer() => {
                Some(Integer::Register(register))
            }
            _ => None,
        }
    }

    /// Powers that NumPy computes in another way: squares, and of floating-point numbers roots and
    /// reciprocals. Answers whether this is one.
    fn short_power(&mut self, base: Value, exponent: Value) -> Outcome<bool> {
        let (Value::Typed { dtype, register }, Value::Weak(weak)) = (base, exponent) else {
            return Ok(false);
        };
        let class = Class::of(dtype);
        let inexact = class.is_float() || class.is_complex();
        let is = |int: i128, float: f64| match weak {
            Weak::Int(value) => value == int,
            Weak::Float(value) => inexact && value.to_bits() == float.to_bits(),
            Weak::Complex(_) => false,
        };
        if is(2, 2.0) {
            // NumPy has no square of bool, and the next type is int8.
            let dtype = if class == Class::Bool { DType::I8 } else { dtype };
            let register = self.register(base, dtype)?;
            let to = self.take(Class::of(dtype));
            self.steps.push(Step::Binary { operator: Binary::Multiply, from: [register; 2], to });
            self.done([register], dtype, to, false);
        } else if inexact && is(-1, -1.0) {
            let one = self.register(Value::Weak(Weak::Int(1)), dtype)?;
            self.emit(Binary::Divide, [one, register], dtype);
        } else if inexact && weak == Weak::Float(0.5) {
            self.unary(Unary::Sqrt, base)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn select(&mut self, condition: Value, one: Value, other: Value) -> Outcome<()> {
        let [a, b] = types_of([one, other]);
        let dtype = promote(a, b);
        let condition = match condition {
            Value::Weak(weak) => self.fill(Scalar::Bool(!weak.is_zero())),
            typed @ Value::Typed { .. } => self.register(typed, DType::Bool)?,
        };
        let from = [self.register(one, dtype)?, self.register(other, dtype)?];
        let to = self.take(Class::of(dtype));
        self.steps.push(Step::Select { condition, from, to });
        self.free.push(condition);
        self.done(from, dtype, to, true);
        Ok(())
    }

    /// The greater of a value and a bound, and the lesser of that and another.
    fn clip(&mut self, value: Value, low: Value, high: Value) -> Outcome<()> {
        // A number is an array to NumPy's function here, and has a type.
        let value = match value {
            Value::Weak(weak) => {
                let dtype = weak.alone();
                Value::Typed { dtype, register: self.fill(weak.of_type(dtype)?) }
            }
            typed @ Value::Typed { .. } => typed,
        };
        let [a, b, c] = types_of([value, low, high]);
        let dtype = promote(promote(a, b), c);
        let (low, high) = (beyond(low, dtype, true), beyond(high, dtype, false));
        let from = [self.register(value, dtype)?, self.register(low, dtype)?];
        self.emit(Binary::Maximum, from, dtype);
        let value = self.pop();
        let from = [self.register(value, dtype)?, self.register(high, dtype)?];
        self.emit(Binary::Minimum, from, dtype);
        Ok(())
    }
}

/// An operand of a comparison of integers.
#[derive(Clone, Copy, Debug)]
enum Integer {
    Register(usize),
    /// `None` if it is less or greater than any element.
    Number(Option<Scalar>),
}

/// A bound, or the bound of the type if that is tighter.
fn beyond(bound: Value, dtype: DType, below: bool) -> Value {
    let Value::Weak(Weak::Int(value)) = bound else { return bound };
    if !Class::of(dtype).is_integer() {
        return bound;
    }
    let (least, most) = limits(dtype);
    let value = if below { value.max(least) } else { value.min(most) };
    Value::Weak(Weak::Int(value))
}

fn refuse_negative(exponent: Value) -> Outcome<()> {
    match exponent {
        Value::Weak(Weak::Int(value)) if value < 0 => {
            Err(format!("an integer has no power {value} that is an integer"))
        }
        _ => Ok(()),
    }
}

/// Whether an operator changes nothing.
fn is_identity(operator: Unary, class: Class) -> bool {
    let counts = class == Class::Bool || class.is_integer();
    match operator {
        Unary::Positive => true,
        Unary::Floor | Unary::Ceil | Unary::Trunc => counts,
        Unary::Round => class.is_integer(),
        Unary::Conj | Unary::Real => !class.is_complex(),
        Unary::Absolute => matches!(class, Class::Bool | Class::U64),
        _ => false,
    }
}
