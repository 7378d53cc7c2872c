//! Expressions with NumPy's operators and functions, as sources.
//!
//! ```text
//!     a.npy ──window──▶ ▓▓▓ ─┐   registers of a few         ┌─▶ ▒▒▒ tile
//!                            ├─▶ thousand values: a * b,   ─┤
//!     b.npy ──window──▶ ▓▓▓ ─┘   sin, + ...                 └─▶ ▒▒▒
//! ```
//!
//! An expression that has been bound to its inputs is a source itself: nothing is computed before a
//! window of it is read, and nothing but that window. The window is cut into pieces that fit the
//! cache, each input is read once for a piece, and every step of the expression works on a register
//! of values at a time.

mod below;
mod cast;
mod complex;
mod function;
mod kernel;
mod number;
mod parse;
mod pass;
mod pieces;
mod plan;
mod program;
mod register;
mod scalar;
mod sine;
mod source;
mod token;
mod types;

use ndarray::{ArrayViewMutD, Dimension, IxDyn};
use outcore_storage::{DType, ErrorKind, Layout, Order, Stored, Window};
use std::fmt;
use std::ops::Range;

use crate::{Error, Result};
use below::Below;
pub use cast::Casting;
use cast::{Cast, Failure};
use function::constant;
use parse::{Postfix, parse};
use pieces::{Sizes, pieces, under};
pub use plan::EvaluationPlan;
use program::{Meaning, Program, Step};
use register::Register;
pub use source::AnySource;
use source::{AnyBuffer, Operand, store};

/// An expression in NumPy's notation: `a * b + sin(a)`.
///
/// It has Python's operators and precedence: `+ - * / // % **`, comparisons, `& | ^ ~ << >>`; the
/// constants `pi`, `e`, `inf`, `nan`, `True` and `False`, and imaginary numbers such as `2.5j`; and
/// these functions of NumPy: `abs sqrt exp log log2 log10 sin cos tan sinh cosh tanh arcsin arccos
/// arctan arcsinh arccosh arctanh floor ceil round trunc sign conj real imag angle isnan isinf
/// isfinite minimum maximum hypot arctan2 where clip`.
///
/// Types are promoted as NumPy 2 does it, and numbers in the text take the type of what they stand
/// beside. Integers wrap; an integer divided by zero with `//` or `%` is 0.
///
/// ```
/// use outcore_ops::Expression;
///
/// let expression = Expression::parse("a*b + sin(a) / pi")?;
/// assert_eq!(expression.names().collect::<Vec<_>>(), ["a", "b"]);
/// let error = Expression::parse("a + (b * )").unwrap_err();
/// assert_eq!(error.to_string(), "at column 10: \")\" is unexpected; expected a value");
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    postfix: Postfix,
}

impl Expression {
    /// Reads an expression. Any text is safe to read: nesting has a limit.
    ///
    /// # Errors
    ///
    /// [`Error::Expression`], with the column, where the text is no expression.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { text: text.to_owned(), postfix: parse(text)? })
    }

    /// The names of its inputs, in the order of their first appearance. Those of constants are left
    /// out, though inputs may have them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.postfix.names.iter().map(String::as_str);
        names.filter(|name| constant(name).is_none())
    }

    /// Binds the names to inputs, whose shapes are broadcast. An input may have the name of a
    /// constant, which it then hides.
    ///
    /// Cost: none but the layouts of the inputs are asked.
    ///
    /// ```
    /// use ndarray::{Array, ArrayD, Axis, array};
    /// use outcore_ops::{AnySource, Expression};
    /// use outcore_storage::{DType, Source, Stored, Window};
    ///
    /// let column = array![[1_i16], [2]].into_dyn();
    /// let row = array![10.0_f32, 20.0, 30.0].into_dyn();
    /// let inputs = [
    ///     ("column", AnySource::I16(&column)),
    ///     ("row", AnySource::F32(&row)),
    /// ];
    /// let sum = Expression::parse("row + 2 * column")?.bind(&inputs)?;
    /// assert_eq!(sum.dtype(), DType::F32);
    ///
    /// let mut tile = ArrayD::<f32>::zeros(sum.shape());
    /// sum.read_tile(&Window::whole(sum.shape()), tile.view_mut())?;
    /// assert_eq!(tile, array![[12.0, 22.0, 32.0], [14.0, 24.0, 34.0]].into_dyn());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a name has no input or two, an input has a name that the expression does not have, the
    /// shapes cannot be broadcast, or an operator is not defined for the types of its operands.
    pub fn bind<'a>(&self, inputs: &[(&str, AnySource<'a>)]) -> Result<Evaluation<'a>> {
        self.check_names(inputs)?;
        let items = &self.postfix.items;
        let meaning = |name: &String| {
            let input = inputs.iter().position(|(input, _)| input == name);
            let input = input.map(|index| Meaning::Input(index, inputs[index].1.dtype()));
            let meaning = input.or_else(|| constant(name).map(Meaning::Constant));
            meaning.ok_or_else(|| Error::Inputs(format!("the name {name:?} has no input")))
        };
        let meanings = self.postfix.names.iter().map(meaning).collect::<Result<Vec<_>>>()?;
        let program = Program::new(items, &meanings)?;
        let layouts: Vec<_> = inputs.iter().map(|(_, source)| source.layout()).collect();
        let shape = broadcast(inputs, &layouts)?;
        let order = prevailing(&layouts);
        let sources = inputs.iter().map(|&(_, source)| source).collect();
        let text = self.text.clone();
        let evaluation = Evaluation { text, sources, layouts, shape, order, program };
        evaluation.countable()
    }

    fn check_names(&self, inputs: &[(&str, AnySource<'_>)]) -> Result<()> {
        let refused = |reason: String| Err(Error::Inputs(reason));
        for (index, (name, _)) in inputs.iter().enumerate() {
            if inputs[..index].iter().any(|(other, _)| other == name) {
                return refused(format!("the name {name:?} has two inputs"));
            }
            if !self.postfix.names.iter().any(|known| known == name) {
                return refused(format!("the expression has no name {name:?}, but an input has"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The shape that all inputs can be repeated to.
fn broadcast(inputs: &[(&str, AnySource<'_>)], layouts: &[Layout<IxDyn>]) -> Result<IxDyn> {
    let axes = layouts.iter().map(|layout| layout.shape().ndim()).max().unwrap_or(0);
    // The length of each axis, and the input that has it.
    let mut lengths = vec![(1, 0); axes];
    for (input, layout) in layouts.iter().enumerate() {
        let shape = layout.shape().slice();
        for (length, &own) in lengths[axes - shape.len()..].iter_mut().zip(shape) {
            if length.0 == 1 {
                *length = (own, input);
            } else if own != 1 && own != length.0 {
                let other = length.1;
                let (name, other_name) = (inputs[input].0, inputs[other].0);
                let other_shape = layouts[other].shape().slice();
                return Err(Error::Shape(format!(
                    "{name} of shape {shape:?} cannot be broadcast with {other_name} of shape \
                     {other_shape:?}"
                )));
            }
        }
    }
    Ok(IxDyn(&lengths.iter().map(|&(length, _)| length).collect::<Vec<_>>()))
}

/// The order of most inputs; those whose elements lie the same way in either do not count.
fn prevailing(layouts: &[Layout<IxDyn>]) -> Order {
    let long = |layout: &Layout<IxDyn>| {
        layout.shape().slice().iter().filter(|&&length| length > 1).count() > 1
    };
    let of =
        |order| layouts.iter().filter(|layout| long(layout) && layout.order() == order).count();
    if of(Order::F) > of(Order::C) { Order::F } else { Order::C }
}

/// An expression with its inputs: a source of elements of type [`dtype`](Self::dtype).
///
/// Its shape is what the inputs broadcast to, its order that of most of them; its layout says what
/// an element takes in the inputs.
///
/// Reading a window reads the windows of the inputs that it needs, each input once, in pieces; what
/// is held meanwhile is at most [`STAGING_BYTES`](outcore_storage::STAGING_BYTES), and no more than
/// the inputs have bytes for the window, unless these are a few elements. An input that is shorter
/// than the result along an axis is read again for every piece. To evaluate all of it, see
/// [`plan`](Self::plan).
pub struct Evaluation<'a> {
    text: String,
    sources: Vec<AnySource<'a>>,
    layouts: Vec<Layout<IxDyn>>,
    shape: IxDyn,
    order: Order,
    program: Program,
}

impl fmt::Debug for Evaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} as {}", self.text, self.shape.slice(), self.program.dtype)
    }
}

impl Evaluation<'_> {
    /// The type of the result.
    pub fn dtype(&self) -> DType {
        self.program.dtype
    }

    /// The same with a result of another type, as NumPy's `astype` gives it.
    ///
    /// ```
    /// use ndarray::{arr0, array};
    /// use outcore_ops::{AnySource, Casting, Expression};
    /// use outcore_storage::{DType, Source, Window};
    ///
    /// let x = array![0.5, 3.9].into_dyn();
    /// let bytes = Expression::parse("100 * x")?.bind(&[("x", AnySource::F64(&x))])?;
    /// let bytes = bytes.astype(DType::U8, Casting::Checked)?;
    /// let mut tile = array![0_u8, 0].into_dyn();
    /// let error = bytes.read_tile(&Window::whole(x.raw_dim()), tile.view_mut()).unwrap_err();
    /// assert_eq!(error.to_string(), "element [1] is 390, which uint8 cannot hold");
    /// # Ok::<(), outcore_ops::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the result is too large to address, or the cast is checked and from complex to real numbers.
    /// While elements are read: if one does not fit and the cast is checked.
    pub fn astype(mut self, dtype: DType, casting: Casting) -> Result<Self> {
        let is_real = !dtype.is_complex() && dtype != DType::Bool;
        if casting == Casting::Checked && self.dtype().is_complex() && is_real {
            let reason = format!("{self:?} has imaginary parts, which {dtype} cannot hold");
            return Err(Error::Value(reason));
        }
        if self.dtype() != dtype {
            self.program.cast(Cast { to: dtype, casting });
        }
        self.countable()
    }

    fn countable(self) -> Result<Self> {
        let (shape, bytes) = (self.shape.clone(), self.dtype().bytes());
        let largest = bytes.max(self.element_bytes());
        if Layout::new(shape.clone(), self.order, largest, 0).is_none() {
            let shape = shape.slice();
            return Err(Error::Shape(format!(
                "a result of shape {shape:?} with {bytes} bytes per element is too large to address"
            )));
        }
        Ok(self)
    }

    /// The bytes that an element takes in the inputs; of a constant, in itself.
    fn element_bytes(&self) -> usize {
        let inputs = self.layouts.iter().map(Layout::element_bytes).sum();
        if self.layouts.is_empty() { self.dtype().bytes() } else { inputs }
    }

    fn sizes(&self, window: &Window<IxDyn>) -> Sizes {
        let bytes = || self.layouts.iter().map(Layout::element_bytes);
        // What an input itself may stage of a window, besides what is staged here of all inputs.
        let staged = bytes().sum::<usize>() + bytes().max().unwrap_or(0);
        Sizes::new(window.len() * self.element_bytes(), staged, self.program.value_bytes())
    }

    /// The window of an input for a window of the result.
    fn under(&self, input: usize, window: &Window<IxDyn>) -> Window<IxDyn> {
        under(self.layouts[input].shape(), window)
    }

    /// Evaluates a window into a tile of elements of the result's type.
    fn evaluate<T: Operand>(
        &self,
        window: &Window<IxDyn>,
        mut tile: ArrayViewMutD<'_, T>,
    ) -> outcore_storage::Result<()> {
        self.check::<T>(window, &tile.raw_dim()).map_err(outcore_storage::Error::without_path)?;
        let sizes = self.sizes(window);
        let mut registers = self.program.registers(sizes.register);
        for piece in pieces(window, self.order, sizes.piece) {
            let staged = self.sources.iter().enumerate();
            let staged =
                staged.map(|(input, source)| source.read(&self.under(input, &piece), self.order));
            let staged = staged.collect::<outcore_storage::Result<Vec<_>>>()?;
            let below: Vec<_> = (0..staged.len())
                .map(|input| self.below(input, &piece, &self.under(input, &piece)))
                .collect();
            let tile = tile.slice_each_axis_mut(|axis| window.place_of(&piece, axis.axis.index()));
            let mut tile = if self.order == Order::F { tile.reversed_axes() } else { tile };
            let mut places = tile.iter_mut();
            for begin in (0..piece.len()).step_by(sizes.register) {
                let stretch = begin..(begin + sizes.register).min(piece.len());
                let staged = staged.iter().zip(&below).collect::<Vec<_>>();
                self.compute(&staged, &stretch, &mut registers).map_err(|mut failure| {
                    failure.position += begin;
                    self.error(&failure, &piece)
                })?;
                store(&registers[self.program.result], places.by_ref().take(stretch.len()));
            }
        }
        Ok(())
    }

    /// How the elements of a window find theirs in memory that holds a window of an input.
    fn below(&self, input: usize, window: &Window<IxDyn>, held: &Window<IxDyn>) -> Below {
        Below::new(window, self.layouts[input].shape(), held, self.order)
    }

    fn check<T: Operand>(&self, window: &Window<IxDyn>, tile: &IxDyn) -> Result<(), ErrorKind> {
        window.check(&self.shape, tile)?;
        if T::DTYPE != self.dtype() {
            return Err(ErrorKind::WrongType { expected: T::DTYPE, actual: self.dtype() });
        }
        Ok(())
    }

    /// What a failure means for an element of a window of the result.
    fn error(&self, failure: &Failure, window: &Window<IxDyn>) -> outcore_storage::Error {
        let mut rest = failure.position;
        let mut index = vec![0; window.shape.ndim()];
        let mut place = |axis: usize| {
            index[axis] = window.origin[axis] + rest % window.shape[axis];
            rest /= window.shape[axis];
        };
        match self.order {
            Order::C => (0..window.shape.ndim()).rev().for_each(&mut place),
            Order::F => (0..window.shape.ndim()).for_each(&mut place),
        }
        outcore_storage::Error::without_path(match failure.cast {
            Some(dtype) => {
                ErrorKind::NotRepresentable { index, value: failure.value.clone(), dtype }
            }
            None => ErrorKind::Unsupported(format!(
                "{}: element {index:?} is an integer to the power {}, which is no integer",
                self.text, failure.value
            )),
        })
    }

    /// Runs all steps on what is below a stretch of a window of the result.
    fn compute(
        &self,
        staged: &[(&AnyBuffer, &Below)],
        stretch: &Range<usize>,
        registers: &mut [Register],
    ) -> Result<(), Failure> {
        for step in &self.program.steps {
            // Taken out while it is filled: no step fills what it reads.
            let mut filled =
                |to: usize| std::mem::replace(&mut registers[to], Register::Bool(vec![]));
            match *step {
                Step::Load { input, to } => {
                    let (elements, below) = staged[input];
                    elements.load(below, stretch.clone(), &mut registers[to]);
                }
                Step::Fill { value, to } => registers[to].fill(value, stretch.len()),
                Step::Narrow { register, dtype } => kernel::narrow(&mut registers[register], dtype),
                Step::Convert { from, to } => {
                    let mut register = filled(to);
                    kernel::convert(&registers[from], &mut register);
                    registers[to] = register;
                }
                Step::Unary { operator, from, to } => {
                    let mut register = filled(to);
                    kernel::unary(operator, &registers[from], &mut register);
                    registers[to] = register;
                }
                Step::Binary { operator, from: [a, b], to } => {
                    let mut register = filled(to);
                    let done =
                        kernel::binary(operator, [&registers[a], &registers[b]], &mut register);
                    registers[to] = register;
                    done?;
                }
                Step::Select { condition, from: [a, b], to } => {
                    let mut register = filled(to);
                    let from = [&registers[a], &registers[b]];
                    kernel::select(&registers[condition], from, &mut register);
                    registers[to] = register;
                }
                Step::Cast { cast, from, to } => {
                    let mut register = filled(to);
                    let done = cast.apply(&registers[from], &mut register);
                    registers[to] = register;
                    done?;
                }
            }
        }
        Ok(())
    }
}

impl Stored<IxDyn> for Evaluation<'_> {
    fn layout(&self) -> Layout<IxDyn> {
        Layout::new(self.shape.clone(), self.order, self.element_bytes(), 0)
            .expect("this was checked when the expression was bound")
    }

    fn read_bytes(&self, window: &Window<IxDyn>) -> u64 {
        let of_piece = |piece: Window<IxDyn>| {
            let inputs = self.sources.iter().enumerate();
            inputs.map(|(input, source)| source.read_bytes(&self.under(input, &piece))).sum::<u64>()
        };
        pieces(window, self.order, self.sizes(window).piece).map(of_piece).sum()
    }

    fn copies(&self) -> usize {
        1 + self.sources.iter().map(Stored::copies).max().unwrap_or(0)
    }

    /// The shortest run among the inputs that are as long as the result.
    fn run_bytes(&self, window: &Window<IxDyn>) -> u64 {
        let runs = |whole: bool| {
            let inputs = self.sources.iter().enumerate();
            let inputs = inputs.filter(move |&(input, _)| {
                !whole || self.layouts[input].shape().size() == self.shape.size()
            });
            inputs.map(|(input, source)| source.run_bytes(&self.under(input, window))).min()
        };
        let own = || (self.layout().runs(window).run_len() * self.element_bytes()) as u64;
        runs(true).or_else(|| runs(false)).unwrap_or_else(own)
    }
}
