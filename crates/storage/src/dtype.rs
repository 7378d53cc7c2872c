//! Element types and byte orders as values, for files whose type is known only at run time.

use std::fmt;
use std::str::FromStr;

/// The type of a file's elements.
///
/// Prints as NumPy's name and parses from NumPy's names and codes:
///
/// ```
/// use outcore_storage::DType;
///
/// assert_eq!("c8".parse::<DType>().unwrap(), DType::ComplexF32);
/// assert_eq!(DType::ComplexF32.to_string(), "complex64");
/// assert_eq!(DType::ComplexF32.bytes(), 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// Two `f32`: real and imaginary part; NumPy's `complex64`.
    ComplexF32,
    /// Two `f64`: real and imaginary part; NumPy's `complex128`.
    ComplexF64,
}

/// Each type with NumPy's kind letter, its bytes and NumPy's name.
const TABLE: [(DType, char, usize, &str); 14] = [
    (DType::Bool, 'b', 1, "bool"),
    (DType::I8, 'i', 1, "int8"),
    (DType::I16, 'i', 2, "int16"),
    (DType::I32, 'i', 4, "int32"),
    (DType::I64, 'i', 8, "int64"),
    (DType::U8, 'u', 1, "uint8"),
    (DType::U16, 'u', 2, "uint16"),
    (DType::U32, 'u', 4, "uint32"),
    (DType::U64, 'u', 8, "uint64"),
    (DType::F16, 'f', 2, "float16"),
    (DType::F32, 'f', 4, "float32"),
    (DType::F64, 'f', 8, "float64"),
    (DType::ComplexF32, 'c', 8, "complex64"),
    (DType::ComplexF64, 'c', 16, "complex128"),
];

impl DType {
    /// All element types.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (Self, char, usize, &'static str) {
        &TABLE[self as usize]
    }

    /// The bytes of one element.
    pub fn bytes(self) -> usize {
        self.row().2
    }

    /// The bytes that a change of byte order reverses together: of a complex number, each part.
    pub fn swapped_bytes(self) -> usize {
        match self {
            Self::ComplexF32 | Self::ComplexF64 => self.bytes() / 2,
            _ => self.bytes(),
        }
    }

    /// Whether elements have an imaginary part.
    pub fn is_complex(self) -> bool {
        self.row().1 == 'c'
    }

    /// NumPy's type code without byte order: `f4`, `c8`, `b1`.
    pub fn code(self) -> String {
        let (_, kind, bytes, _) = self.row();
        format!("{kind}{bytes}")
    }

    /// NumPy's type string, as `.npy` headers hold it: `<f4`, `>i2`, `|b1`.
    pub fn descr(self, byte_order: ByteOrder) -> String {
        let mark = match byte_order {
            _ if self.bytes() == 1 => '|',
            ByteOrder::Little => '<',
            ByteOrder::Big => '>',
        };
        format!("{mark}{}", self.code())
    }

    /// Reads a type string such as `<f4`, `>c16`, `|u1`, `=f8` or `f8` (native byte order).
    pub fn from_descr(descr: &str) -> Option<(Self, ByteOrder)> {
        let (byte_order, code) = match descr.as_bytes().first()? {
            b'<' => (ByteOrder::Little, &descr[1..]),
            b'>' => (ByteOrder::Big, &descr[1..]),
            b'|' | b'=' => (ByteOrder::NATIVE, &descr[1..]),
            _ => (ByteOrder::NATIVE, descr),
        };
        let known = |(_, kind, bytes, _): &&(_, char, usize, _)| *code == format!("{kind}{bytes}");
        let dtype = TABLE.iter().find(known)?.0;
        // A mark that says "no byte order" is meant for single bytes only.
        (!descr.starts_with('|') || dtype.bytes() == 1).then_some((dtype, byte_order))
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().3)
    }
}

impl FromStr for DType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let by_name = TABLE.iter().find(|row| row.3 == text).map(|row| row.0);
        by_name.or_else(|| Self::from_descr(text).map(|(dtype, _)| dtype)).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::code).collect();
            format!("unknown element type {text:?}; known are {}", names.join(" "))
        })
    }
}

/// The order of the bytes of a number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The byte order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Little => "little",
            Self::Big => "big",
        })
    }
}

impl FromStr for ByteOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "little" | "<" => Ok(Self::Little),
            "big" | ">" => Ok(Self::Big),
            "native" | "=" => Ok(Self::NATIVE),
            _ => Err(format!("unknown byte order {text:?}; known are little, big and native")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        assert!(DType::all().enumerate().all(|(index, dtype)| dtype as usize == index));
    }

    #[test]
    fn every_type_string_reads_back() {
        for dtype in DType::all() {
            for byte_order in [ByteOrder::Little, ByteOrder::Big] {
                let (read, read_order) = DType::from_descr(&dtype.descr(byte_order)).unwrap();
                assert_eq!(read, dtype);
                assert!(dtype.bytes() == 1 || read_order == byte_order);
            }
            assert_eq!(dtype.to_string().parse(), Ok(dtype));
        }
    }

    #[test]
    fn refuses_types_it_does_not_know() {
        for descr in ["", "<", "O", "|O", "<U8", "|S3", "<M8[ns]", "<f12", "|f4", "é4"] {
            assert_eq!(DType::from_descr(descr), None, "{descr}");
        }
    }
}
