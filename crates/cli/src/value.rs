//! Single numbers as text: with all the digits that it takes to read the same number back.

use half::f16;
use num_complex::Complex;
use outcore_storage::Element;
use serde_json::Value;

use crate::element::with_element;
use crate::job::json_number;

/// An element as text, in NumPy's notation, and as JSON.
pub(crate) fn told<T: Element>(value: T) -> (String, Value) {
    let bytes = T::as_bytes(std::slice::from_ref(&value));
    with_element!(T::DTYPE, real U => read::<U>(bytes), complex U => read::<U>(bytes))
}

/// A number without the quotes of those that JSON has not.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read<T: Element + Text>(bytes: &[u8]) -> (String, Value) {
    let mut value = [T::default()];
    T::decode(bytes, &mut value).expect("bytes of an element");
    (value[0].text(), value[0].json())
}

trait Text {
    fn text(&self) -> String;
    fn json(&self) -> Value;
}

macro_rules! real {
    ($($type:ty),+) => {$(
        impl Text for $type {
            fn text(&self) -> String {
                format!("{self:?}")
            }

            fn json(&self) -> Value {
                json_number(self)
            }
        }
    )+};
}

real!(i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64);

impl Text for bool {
    fn text(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }

    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! complex {
    ($($type:ty),+) => {$(
        impl Text for Complex<$type> {
            fn text(&self) -> String {
                // A NaN prints without a sign.
                let plus = if self.im.is_nan() { "+" } else { "" };
                format!("({:?}{plus}{:+?}j)", self.re, self.im)
            }

            fn json(&self) -> Value {
                Value::String(self.text())
            }
        }
    )+};
}

complex!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        let text = |(text, _): (String, Value)| text;
        assert_eq!(text(told(0.1_f32)), "0.1");
        assert_eq!(text(told(1e300)), "1e300");
        assert_eq!(text(told(-7_i64)), "-7");
        assert_eq!(text(told(f64::NAN)), "NaN");
        assert_eq!(text(told(true)), "True");
        assert_eq!(text(told(Complex::new(1.5_f32, -2.0))), "(1.5-2.0j)");
        assert_eq!(text(told(Complex::new(0.0, f64::INFINITY))), "(0.0+infj)");
        assert_eq!(text(told(Complex::new(0.0_f32, f32::NAN))), "(0.0+NaNj)");
        assert_eq!(told(0.1_f32).1.to_string(), "0.1");
    }
}
