//! The `.npy` header: what NumPy writes is read, and what is written is byte for byte NumPy's.
//!
//! ```text
//!   \x93NUMPY  1 0  118   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   ···   \n
//!   └─ magic ┘ └┬┘ └─┬─┘  └─ a Python dictionary ──────────────────────────────────┘   └┬┘
//!           version  length, 2 bytes (version 1) or 4                  room to grow, then padding
//!                                                                      to a multiple of 64 bytes
//! ```
//!
//! The room to grow lets an array get longer along its slowest axis without moving its data: NumPy
//! leaves space for a length of 21 digits. The format is documented in NumPy's
//! [`numpy.lib.format`](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

use std::io::{self, Read};

use crate::{ByteOrder, DType, Order};

/// The longest header that is read, in bytes: far more than any header of a numeric array needs,
/// and little enough to allocate before anything is known about a file.
pub const MAX_HEADER_BYTES: usize = 1 << 16;

/// The most axes of a file that is created; NumPy reads no more than these.
pub const MAX_AXES: usize = 64;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
const ALIGN: usize = 64;
/// Decimal digits that NumPy reserves for the length of the axis that may grow.
const GROWTH_DIGITS: usize = 21;

/// What a `.npy` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements.
    pub dtype: DType,
    /// The byte order of the elements; of no meaning where they are single bytes.
    pub byte_order: ByteOrder,
    /// The order of the elements.
    pub order: Order,
    /// The length of each axis.
    pub shape: Vec<usize>,
}

/// The version of the format, in its header's second field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0: a header of up to 65535 bytes.
    V1,
    /// 2.0: a header of up to 4 GiB.
    V2,
    /// 3.0: a header in UTF-8.
    V3,
}

impl Version {
    /// The version as its two numbers, such as `1.0`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
            Self::V3 => "3.0",
        }
    }

    fn length_bytes(self) -> usize {
        if self == Self::V1 { 2 } else { 4 }
    }

    /// The bytes before the dictionary.
    fn prefix_bytes(self) -> usize {
        MAGIC.len() + 2 + self.length_bytes()
    }
}

/// Why a header cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The header is damaged, or no header at all.
    #[error("{0}")]
    Damaged(String),
    /// The header is in order, but says something that is not supported.
    #[error("{0}")]
    Unsupported(String),
}

impl Header {
    /// The bytes of the header as `numpy.lib.format.open_memmap` writes them.
    ///
    /// # Panics
    ///
    /// If the header is longer than the version allows; with up to [`MAX_AXES`] axes it is not.
    ///
    /// ```
    /// use outcore_storage::npy::{Header, Version};
    /// use outcore_storage::{ByteOrder, DType, Order};
    ///
    /// let header = Header {
    ///     dtype: DType::F32,
    ///     byte_order: ByteOrder::Little,
    ///     order: Order::C,
    ///     shape: vec![3, 4],
    /// };
    /// let bytes = header.to_bytes(Version::V1);
    /// assert_eq!(bytes.len(), 128);
    /// assert_eq!(Header::read(&mut &bytes[..]).unwrap(), (header, Version::V1, 128));
    /// ```
    pub fn to_bytes(&self, version: Version) -> Vec<u8> {
        let growth =
            self.growth_axis().map_or(0, |axis| GROWTH_DIGITS - self.shape[axis].to_string().len());
        let unpadded = version.prefix_bytes() + self.dictionary().len() + growth + 1;
        // NumPy pads by a full 64 bytes where the header ends on a multiple already.
        let bytes = self.to_bytes_of_len(version, unpadded + ALIGN - unpadded % ALIGN);
        bytes.expect("the version holds a header of this length")
    }

    /// The bytes of the header, padded to a length; `None` if it does not fit.
    pub(crate) fn to_bytes_of_len(&self, version: Version, len: usize) -> Option<Vec<u8>> {
        let dictionary = self.dictionary();
        let length = len.checked_sub(version.prefix_bytes())?;
        let padding = length.checked_sub(dictionary.len() + 1)?;
        let length = match version {
            Version::V1 => u16::try_from(length).ok()?.to_le_bytes().to_vec(),
            Version::V2 | Version::V3 => u32::try_from(length).ok()?.to_le_bytes().to_vec(),
        };
        let spaces = vec![b' '; padding];
        Some(
            [MAGIC, &[version as u8 + 1, 0][..], &length, dictionary.as_bytes(), &spaces, b"\n"]
                .concat(),
        )
    }

    /// The axis along which the array can grow in place: the slowest one.
    pub fn growth_axis(&self) -> Option<usize> {
        let last = self.shape.len().checked_sub(1)?;
        Some(if self.order == Order::F { last } else { 0 })
    }

    fn dictionary(&self) -> String {
        let mut lengths: Vec<_> = self.shape.iter().map(usize::to_string).collect();
        if let [only] = &mut lengths[..] {
            only.push(','); // Python's tuple of one element.
        }
        format!(
            "{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}",
            self.dtype.descr(self.byte_order),
            if self.order == Order::F { "True" } else { "False" },
            lengths.join(", "),
        )
    }

    /// Reads a header; also returns the format's version and the offset of the data.
    ///
    /// # Errors
    ///
    /// If reading fails, the header is damaged, longer than [`MAX_HEADER_BYTES`], or of an element
    /// type that is not supported. Nothing of the promised length is allocated before it is
    /// checked.
    pub fn read(reader: &mut impl Read) -> Result<(Self, Version, u64), HeaderError> {
        let mut magic = [0; 8];
        read_exact(reader, &mut magic, "its magic bytes")?;
        if &magic[..6] != MAGIC {
            return Err(damaged("it does not begin with the bytes \\x93NUMPY"));
        }
        let version = match magic[6..] {
            [1, 0] => Version::V1,
            [2, 0] => Version::V2,
            [3, 0] => Version::V3,
            _ => {
                let (major, minor) = (magic[6], magic[7]);
                let known = "only 1.0, 2.0 and 3.0 are known";
                return Err(damaged(format!("its version is {major}.{minor}, and {known}")));
            }
        };
        let mut length = [0; 4];
        read_exact(reader, &mut length[..version.length_bytes()], "its header's length")?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER_BYTES {
            return Err(damaged(format!(
                "its header is {length} bytes long, more than the {MAX_HEADER_BYTES} allowed"
            )));
        }
        let mut text = vec![0; length];
        read_exact(reader, &mut text, "its header")?;
        let data_offset = version.prefix_bytes() + length;
        // Versions 1 and 2 are Latin-1, but all that can be supported in a header is ASCII.
        let text = String::from_utf8_lossy(&text);
        Ok((Self::parse(&text)?, version, data_offset as u64))
    }

    fn parse(text: &str) -> Result<Self, HeaderError> {
        let mut parser = Parser { rest: text };
        let Value::Dictionary(entries) = parser.value(0)? else {
            return Err(damaged("its header is not a dictionary"));
        };
        parser.end()?;
        let mut keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if keys != ["descr", "fortran_order", "shape"] {
            return Err(damaged(format!(
                "its header has the keys {keys:?}, not 'descr', 'fortran_order' and 'shape'"
            )));
        }
        let find = |name| &entries.iter().find(|(key, _)| key == name).expect("checked above").1;
        let (dtype, byte_order) = element_type(find("descr"))?;
        let order = match find("fortran_order") {
            Value::Bool(true) => Order::F,
            Value::Bool(false) => Order::C,
            _ => return Err(damaged("its 'fortran_order' is neither True nor False")),
        };
        Ok(Self { dtype, byte_order, order, shape: shape(find("shape"))? })
    }
}

fn element_type(descr: &Value) -> Result<(DType, ByteOrder), HeaderError> {
    match descr {
        Value::Text(descr) => DType::from_descr(descr).ok_or_else(|| {
            let kind = match descr.trim_start_matches(['<', '>', '|', '=']).chars().next() {
                Some('O') => "object elements (pickled Python objects)",
                Some('V') => "structured or void elements",
                Some('S' | 'a' | 'U') => "text elements",
                Some('M' | 'm') => "date or time elements",
                _ => "elements of an unsupported type",
            };
            HeaderError::Unsupported(format!("holds {kind}, type {descr:?}"))
        }),
        Value::List | Value::Tuple(_) => Err(HeaderError::Unsupported(
            "holds structured elements (several fields), which are not supported".into(),
        )),
        _ => Err(damaged("its 'descr' is not a type")),
    }
}

fn shape(value: &Value) -> Result<Vec<usize>, HeaderError> {
    let Value::Tuple(lengths) = value else {
        return Err(damaged("its 'shape' is not a tuple"));
    };
    let length = |value: &Value| match value {
        Value::Int(text) => text
            .parse()
            .map_err(|_| damaged(format!("its 'shape' has the length {text}, out of range"))),
        _ => Err(damaged("its 'shape' holds something that is not a number")),
    };
    lengths.iter().map(length).collect()
}

fn damaged(reason: impl Into<String>) -> HeaderError {
    HeaderError::Damaged(reason.into())
}

fn read_exact(reader: &mut impl Read, bytes: &mut [u8], what: &str) -> Result<(), HeaderError> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(format!("it ends inside {what}")),
        _ => error.into(),
    })
}

/// The literals of Python that a header is made of.
#[derive(Debug)]
enum Value {
    Dictionary(Vec<(String, Value)>),
    /// The elements of a list decide nothing here: a list is always a structured type.
    List,
    Tuple(Vec<Value>),
    Text(String),
    /// The digits, with their sign.
    Int(String),
    Bool(bool),
    None,
}

/// Nesting that is read before a header counts as damaged.
const MAX_DEPTH: usize = 16;

/// A reader of Python literals.
struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), HeaderError> {
        match self.peek() {
            _ if self.take(wanted) => Ok(()),
            Some(found) => {
                Err(damaged(format!("its header has {found:?} where {wanted:?} belongs")))
            }
            None => Err(damaged(format!("its header ends where {wanted:?} belongs"))),
        }
    }

    fn end(&mut self) -> Result<(), HeaderError> {
        match self.peek() {
            None => Ok(()),
            Some(found) => Err(damaged(format!("its header has {found:?} after its end"))),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, HeaderError> {
        if depth > MAX_DEPTH {
            return Err(damaged("its header is nested too deeply"));
        }
        match self.peek() {
            Some('{') => self.dictionary(depth),
            Some('[') => {
                self.sequence('[', ']', depth)?;
                Ok(Value::List)
            }
            Some('(') => {
                let (mut values, comma) = self.sequence('(', ')', depth)?;
                // A value in brackets without a comma is that value, as in Python.
                Ok(if values.len() == 1 && !comma {
                    values.remove(0)
                } else {
                    Value::Tuple(values)
                })
            }
            Some('\'' | '"') => self.text().map(Value::Text),
            Some('0'..='9' | '-' | '+') => self.int(),
            Some(first) if first.is_ascii_alphabetic() => self.word(),
            Some(found) => Err(damaged(format!("its header has an unexpected {found:?}"))),
            None => Err(damaged("its header ends in the middle")),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, HeaderError> {
        self.expect('{')?;
        let mut entries = Vec::new();
        while !self.take('}') {
            let key = self.text()?;
            self.expect(':')?;
            entries.push((key, self.value(depth + 1)?));
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(Value::Dictionary(entries))
    }

    /// The values between two brackets, and whether the last is followed by a comma.
    fn sequence(
        &mut self,
        open: char,
        close: char,
        depth: usize,
    ) -> Result<(Vec<Value>, bool), HeaderError> {
        self.expect(open)?;
        let mut values = Vec::new();
        let mut comma = false;
        while !self.take(close) {
            values.push(self.value(depth + 1)?);
            comma = self.take(',');
            if !comma {
                self.expect(close)?;
                break;
            }
        }
        Ok((values, comma))
    }

    fn text(&mut self) -> Result<String, HeaderError> {
        let Some(quote @ ('\'' | '"')) = self.peek() else {
            return Err(damaged("its header has something else where a text belongs"));
        };
        self.take(quote);
        // No supported type has an escape in it, but field names of others may.
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.ok_or_else(|| damaged("its header ends inside a text"))?;
        let text = self.rest[..end].to_owned();
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    fn int(&mut self) -> Result<Value, HeaderError> {
        let signed = usize::from(self.rest.starts_with(['-', '+']));
        let digits = self.rest[signed..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(damaged("its header has a sign without a number"));
        }
        let text = self.rest[..signed + digits].to_owned();
        self.rest = &self.rest[signed + digits..];
        // Python 2 marks its long integers so.
        self.rest = self.rest.strip_prefix('L').unwrap_or(self.rest);
        Ok(Value::Int(text))
    }

    fn word(&mut self) -> Result<Value, HeaderError> {
        let end = self.rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "True" => Ok(Value::Bool(true)),
            "False" => Ok(Value::Bool(false)),
            "None" => Ok(Value::None),
            _ => Err(damaged(format!("its header has the unknown word {word:?}"))),
        }
    }
}
