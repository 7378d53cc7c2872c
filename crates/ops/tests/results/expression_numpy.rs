//! Random expressions of files that NumPy wrote, against NumPy: types and shapes, arithmetic to the
//! last bit, functions to a few.
//!
//! Runs where `OUTCORE_PYTHON`, or else `python3`, is a Python with NumPy 2.

use crate::support::python::{Python, python};
use crate::support::{ORDERS, folder, scrambled, skipped};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex;
use outcore_ops::{AnySource, Evaluation, Expression};
use outcore_storage::{
    ByteOrder, DType, Element, FileArray, FileArrayMut, FileInfo, Options, Source, Window,
};
use std::path::{Path, PathBuf};

/// Types are promoted as NumPy 2 does it.
const NUMPY_2: &str = "import numpy; assert numpy.__version__ >= '2.1', numpy.__version__";

/// Evaluates an expression with `T` as the type of a [`DType`].
macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_type!($dtype, $T => $body,
            Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64,
            F16 half::f16, F32 f32, F64 f64, ComplexF32 Complex<f32>, ComplexF64 Complex<f64>)
    };
    ($dtype:expr, $T:ident => $body:expr, $($name:ident $type:ty),+) => {
        match $dtype {
            $(DType::$name => {
                type $T = $type;
                $body
            })+
        }
    };
}

trait Input {
    fn source(&self) -> AnySource<'_>;
}

impl<T: Element> Input for FileArray<T, IxDyn>
where
    for<'a> AnySource<'a>: From<&'a dyn Source<T, IxDyn>>,
{
    fn source(&self) -> AnySource<'_> {
        AnySource::from(self as &dyn Source<T, IxDyn>)
    }
}

fn open(path: &Path) -> Box<dyn Input> {
    let dtype = FileInfo::of_npy(path).unwrap().dtype;
    with_type!(dtype, T => Box::new(FileArray::<T, IxDyn>::open(path).unwrap()))
}

fn save<T: Element>(source: &dyn Source<T, IxDyn>, path: &Path) -> outcore_storage::Result<()> {
    let shape = source.shape();
    let mut array = ArrayD::from_elem(shape.clone(), T::default());
    source.read_tile(&Window::whole(shape.clone()), array.view_mut())?;
    let mut file: FileArrayMut<T, IxDyn> = Options::new().create(path, shape.clone())?;
    file.write_window(Window::whole(shape), &array)?;
    file.close()
}

/// Evaluates an expression into a file; what is refused, if it is.
fn evaluate(text: &str, inputs: &[(&str, &Path)], output: &Path) -> Result<(), String> {
    let expression = Expression::parse(text).map_err(|error| error.to_string())?;
    let files: Vec<_> = inputs.iter().map(|(name, path)| (*name, open(path))).collect();
    let inputs: Vec<_> = files.iter().map(|(name, file)| (*name, file.source())).collect();
    let evaluation: Evaluation<'_> = expression.bind(&inputs).map_err(|error| error.to_string())?;
    let saved = with_type!(evaluation.dtype(), T => save::<T>(&evaluation, output));
    saved.map_err(|error| error.to_string())
}

/// Numbers without a pattern, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 += 1;
        usize::try_from(scrambled(77, self.0) >> 33).unwrap() % count
    }

    fn pick(&mut self, words: &str) -> String {
        let words: Vec<_> = words.split_whitespace().collect();
        words[self.below(words.len())].to_owned()
    }
}

/// An expression of which every operator has one right result.
fn exact(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.below(6) == 0 {
        return random.pick("a a b b c 1 2 3 0.5 -1 7 2.5 100 300 0 pi -0.25");
    }
    let (one, other) = (exact(random, depth - 1), exact(random, depth - 1));
    match random.below(12) {
        0 => format!("{}({one})", random.pick("- + ~ -")),
        1 | 2 => {
            let name = random
                .pick("abs sqrt floor ceil trunc round sign real imag conj isnan isinf isfinite");
            format!("{name}({one})")
        }
        3 => format!("{}({one}, {other})", random.pick("minimum maximum")),
        4 => format!("where({one}, a, b)"),
        5 => format!("clip({one}, {other}, b)"),
        6 => format!("({one})**2"),
        7 => format!("({one}) {} a", random.pick("< <= > >= == !=")),
        8 => format!("({one}) {} ({other})", random.pick("& | ^ << >>")),
        9 => format!("({one}) {} ({other})", random.pick("/ // %")),
        _ => format!("({one}) {} ({other})", random.pick("+ - *")),
    }
}

/// One function, of something that is exact.
fn near(random: &mut Random) -> String {
    let argument = random.pick("a a a-b a+1 a*2 0.25*a a/3 -a");
    match random.below(8) {
        0 => format!("{}({argument}, b)", random.pick("hypot arctan2")),
        1 => random.pick("a**3 a**0.5 a**-1 a**b 2**a a**2.5 a*b a/b 1/a"),
        _ => {
            let name = random.pick(
                "exp log log2 log10 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh \
                 arccosh arctanh abs angle sqrt sign",
            );
            format!("{name}({argument})")
        }
    }
}

/// Files of every type, in three shapes that can be broadcast.
fn files(python: &mut Python, folder: &Path) -> Vec<(DType, PathBuf)> {
    let mut files = Vec::new();
    for (number, dtype) in DType::all().enumerate() {
        for (shape, order) in [("8,16", 0), ("8,16", 1), ("1,16", 0), ("8,1", 1), ("16", 0)] {
            let path = folder.join(format!("{dtype}-{}.npy", files.len()));
            let byte_order = if number % 3 == 0 { ByteOrder::Big } else { ByteOrder::Little };
            let (name, descr) = (path.display().to_string(), dtype.descr(byte_order));
            let (order, seed) = (ORDERS[order].to_string(), files.len().to_string());
            let made = python.ask(&["make", &name, &descr, &order, shape, &seed].join("\t"));
            assert_eq!(made, "done");
            files.push((dtype, path));
        }
    }
    files
}

/// Evaluates cases here and there; the number that neither refused.
fn agree(
    python: &mut Python,
    folder: &Path,
    cases: impl Iterator<Item = (String, Vec<PathBuf>)>,
    ulps: impl Fn(&str, DType) -> f64,
) -> usize {
    let mut evaluated = 0;
    let mut wrong = Vec::new();
    for (text, paths) in cases {
        let names = ["a", "b", "c"].into_iter().zip(&paths).filter(|(name, _)| {
            text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *name)
        });
        let inputs: Vec<_> = names.map(|(name, path)| (name, path.as_path())).collect();
        if inputs.is_empty() {
            continue;
        }
        let output = folder.join("out.npy");
        let done = evaluate(&text, &inputs, &output);
        let to = if done.is_ok() { output.display().to_string() } else { "-".to_owned() };
        let arguments: Vec<_> =
            inputs.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
        let mut words = vec!["check", &to, &text];
        words.extend(arguments.iter().map(String::as_str));
        let answer = python.ask(&words.join("\t"));
        let types: Vec<_> = inputs
            .iter()
            .map(|(name, path)| format!("{name}: {}", FileInfo::of_npy(path).unwrap().dtype))
            .collect();
        match (&done, answer.parse::<f64>()) {
            (Err(_), _) if answer == "refused" => {}
            (Ok(()), Ok(error))
                if error <= ulps(&text, FileInfo::of_npy(&output).unwrap().dtype) =>
            {
                evaluated += 1;
            }
            // NumPy takes bounds of clip that the type cannot hold only where the array is of that type.
            (Ok(()), _) if answer == "refused" && text.contains("clip(") => {}
            _ => wrong.push(format!("{text} ({}): {answer}; {done:?}", types.join(", "))),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    evaluated
}

#[test]
fn arithmetic_is_numpys_to_the_last_bit() {
    let mut python = match python(NUMPY_2) {
        Ok(python) => Python::start(python, &crate::support::script("expression_cases.py"), &[]),
        Err(reason) => return skipped("arithmetic_is_numpys_to_the_last_bit", &reason),
    };
    let folder = folder().unwrap();
    let files = files(&mut python, folder.path());
    let real: Vec<_> = files.iter().filter(|(dtype, _)| !dtype.is_complex()).collect();
    let mut random = Random(0);
    let cases = (0..3000).map(|_| {
        let depth = 1 + random.below(3);
        let text = exact(&mut random, depth);
        (text, (0..3).map(|_| real[random.below(real.len())].1.clone()).collect())
    });
    let evaluated = agree(&mut python, folder.path(), cases, |_, _| 0.0);
    assert!(evaluated > 1000, "only {evaluated} were not refused");
    python.finish();
}

#[test]
fn functions_are_numpys_to_a_few_ulps() {
    let mut python = match python(NUMPY_2) {
        Ok(python) => Python::start(python, &crate::support::script("expression_cases.py"), &[]),
        Err(reason) => return skipped("functions_are_numpys_to_a_few_ulps", &reason),
    };
    let folder = folder().unwrap();
    let files = files(&mut python, folder.path());
    let mut random = Random(1 << 20);
    let cases = (0..3000).map(|_| {
        let text = near(&mut random);
        (text, (0..2).map(|_| files[random.below(files.len())].1.clone()).collect())
    });
    // NumPy promises 4 ulps of its vectorised functions, and the system's library one or two. Complex
    // functions, whose errors are relative to the absolute value, and powers take several steps.
    let ulps = |text: &str, dtype: DType| match (dtype.is_complex(), text.contains("**")) {
        (false, _) => 4.0,
        (true, false) => 8.0,
        (true, true) => 128.0,
    };
    let evaluated = agree(&mut python, folder.path(), cases, ulps);
    assert!(evaluated > 1500, "only {evaluated} were not refused");
    python.finish();
}
