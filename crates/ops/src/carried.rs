//! What passes carry from tile to tile, as bytes: for a journal, from which a later run goes on.

use half::f16;
use num_complex::Complex;
use outcore_storage::Element;
use std::io::{self, Read, Write};

/// Something that a scan or a reduction knows of the elements so far, and that a later run of the same
/// program on the same kind of machine can be told.
///
/// Implemented for every [`Element`], and for options and pairs of what it is implemented for.
pub trait Carried: Sized {
    /// Writes its bytes.
    ///
    /// # Errors
    ///
    /// If writing fails.
    fn save(&self, to: &mut dyn Write) -> io::Result<()>;

    /// Reads what [`save`](Self::save) has written.
    ///
    /// # Errors
    ///
    /// If reading fails, or the bytes are none of these.
    fn load(from: &mut dyn Read) -> io::Result<Self>;
}

macro_rules! elements {
    ($($type:ty),+) => {$(
        impl Carried for $type {
            fn save(&self, to: &mut dyn Write) -> io::Result<()> {
                to.write_all(<$type>::as_bytes(std::slice::from_ref(self)))
            }

            fn load(from: &mut dyn Read) -> io::Result<Self> {
                let mut bytes = [0; size_of::<$type>()];
                from.read_exact(&mut bytes)?;
                let mut element = [<$type>::default()];
                <$type>::decode(&bytes, &mut element).map_err(|_| io::ErrorKind::InvalidData)?;
                Ok(element[0])
            }
        }
    )+};
}

elements!(i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, Complex<f32>, Complex<f64>, bool);

impl<T: Carried> Carried for Option<T> {
    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        self.is_some().save(to)?;
        self.as_ref().map_or(Ok(()), |value| value.save(to))
    }

    fn load(from: &mut dyn Read) -> io::Result<Self> {
        if bool::load(from)? { Ok(Some(T::load(from)?)) } else { Ok(None) }
    }
}

impl<A: Carried, B: Carried> Carried for (A, B) {
    fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        self.0.save(to)?;
        self.1.save(to)
    }

    fn load(from: &mut dyn Read) -> io::Result<Self> {
        Ok((A::load(from)?, B::load(from)?))
    }
}

/// Writes how many there are, and each.
pub(crate) fn save_all<T: Carried>(states: &[T], to: &mut dyn Write) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    (states.len() as u64).save(&mut to)?;
    states.iter().try_for_each(|state| state.save(&mut to))?;
    to.flush()
}

/// Reads what [`save_all`] has written of so many.
pub(crate) fn load_all<T: Carried>(from: &mut dyn Read, len: usize) -> io::Result<Vec<T>> {
    if u64::load(from)? != len as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    (0..len).map(|_| T::load(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let states = vec![(Some(-0.0_f64), (7_u64, true)), (None, (u64::MAX, false))];
        let mut bytes = Vec::new();
        save_all(&states, &mut bytes).unwrap();
        let loaded: Vec<(Option<f64>, (u64, bool))> = load_all(&mut &bytes[..], 2).unwrap();
        assert_eq!(format!("{loaded:?}"), format!("{states:?}"));
        for other in [0, 1, 3] {
            assert!(load_all::<(Option<f64>, (u64, bool))>(&mut &bytes[..], other).is_err());
        }
        for len in 0..bytes.len() {
            assert!(load_all::<(Option<f64>, (u64, bool))>(&mut &bytes[..len], 2).is_err());
        }
    }

    #[test]
    fn a_bool_that_is_none_is_an_error() {
        assert!(bool::load(&mut &[2_u8][..]).is_err());
    }
}
