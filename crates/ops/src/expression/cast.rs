//! A result as another type: NumPy's `astype`, with an eye on what does not fit.

use num_complex::Complex;
use outcore_storage::DType;

use super::kernel::each;
use super::register::Register;
use super::scalar::limits;
use super::types::Class;

/// A change of type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) to: DType,
    pub(super) casting: Casting,
}

/// What becomes of floating-point numbers that an integer type cannot hold, and of imaginary parts that
/// a real type cannot. Other conversions never fail: integers wrap, fractions are rounded or cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Casting {
    /// They are errors.
    #[default]
    Checked,
    /// They become the nearest integer of 64 bits, which wraps, and a NaN becomes 0; imaginary parts are
    /// left out.
    Unsafe,
}

/// What went wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Its place in the register.
    pub(super) position: usize,
    pub(super) value: String,
    /// The type that it does not fit; `None` if it is the negative exponent of an integer.
    pub(super) cast: Option<DType>,
}

impl Cast {
    /// Casts a register; the result is still to be wrapped or rounded to its type.
    pub(super) fn apply(self, from: &Register, to: &mut Register) -> Result<(), Failure> {
        match from {
            Register::Bool(from) => self.integers(from, to, i128::from),
            Register::I64(from) => self.integers(from, to, i128::from),
            Register::U64(from) => self.integers(from, to, i128::from),
            Register::F32(from) => self.floats(from, to, |x| Complex::from(f64::from(x)))?,
            Register::F64(from) => self.floats(from, to, Complex::from)?,
            Register::C32(from) => {
                self.floats(from, to, |z| Complex::new(z.re.into(), z.im.into()))?;
            }
            Register::C64(from) => self.floats(from, to, |z| z)?,
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "wrapping is meant"
    )]
    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    fn integers<T: Copy>(self, from: &[T], to: &mut Register, wide: impl Fn(T) -> i128) {
        match Class::of(self.to) {
            Class::Bool => each(from, to, |x| wide(x) != 0),
            Class::I64 => each(from, to, |x| wide(x) as i64),
            Class::U64 => each(from, to, |x| wide(x) as u64),
            Class::F32 => each(from, to, |x| wide(x) as f32),
            Class::F64 => each(from, to, |x| wide(x) as f64),
            Class::C32 => each(from, to, |x| Complex::from(wide(x) as f32)),
            Class::C64 => each(from, to, |x| Complex::from(wide(x) as f64)),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    #[expect(clippy::cast_precision_loss, reason = "limits are compared with what they round to")]
    fn floats<T: Copy>(
        self,
        from: &[T],
        to: &mut Register,
        wide: impl Fn(T) -> Complex<f64>,
    ) -> Result<(), Failure> {
        if self.casting == Casting::Checked && Class::of(self.to).is_integer() {
            let (least, most) = limits(self.to);
            // Powers of two, which are exact.
            let inside = |x: f64| x.trunc() >= least as f64 && x.trunc() < (most + 1) as f64;
            if let Some(position) = from.iter().position(|&x| !inside(wide(x).re)) {
                let value = wide(from[position]).re.to_string();
                return Err(Failure { position, value, cast: Some(self.to) });
            }
        }
        match Class::of(self.to) {
            Class::Bool => each(from, to, |x| wide(x) != Complex::new(0.0, 0.0)),
            Class::I64 => each(from, to, |x| wide(x).re as i64),
            // Beyond the limits it wraps as a signed integer does.
            Class::U64 => each(from, to, |x| wrapped(wide(x).re)),
            Class::F32 if self.to == DType::F16 => {
                each(from, to, |x| crate::number::half(wide(x).re).to_f32());
            }
            Class::F32 => each(from, to, |x| wide(x).re as f32),
            Class::F64 => each(from, to, |x| wide(x).re),
            Class::C32 => each(from, to, |x| Complex::new(wide(x).re as f32, wide(x).im as f32)),
            Class::C64 => each(from, to, wide),
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "wrapping is meant")]
fn wrapped(x: f64) -> u64 {
    if x < 0.0 { (x as i64).cast_unsigned() } else { x as u64 }
}
