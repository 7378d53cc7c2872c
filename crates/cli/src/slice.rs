//! Which part of an array is meant, in NumPy's notation: `3,:,10:500:2`.

use ndarray::Slice;
use outcore_storage::FileInfo;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::job::Outcome;

/// An index or a slice for each axis, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Slices {
    text: String,
    parts: Vec<Part>,
}

/// What is written for an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A number, which leaves the axis out.
    Index(isize),
    /// `begin:end:step`
    Slice { begin: Option<isize>, end: Option<isize>, step: isize },
    /// `...`, as many whole axes as are left.
    Rest,
}

const WHOLE: Part = Part::Slice { begin: None, end: None, step: 1 };

impl FromStr for Slices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split(',').map(|part| part.trim().parse()).collect::<Result<Vec<_>, _>>()?;
        if parts.iter().filter(|&&part| part == Part::Rest).count() > 1 {
            return Err("`...` stands for all axes that are left, once".to_owned());
        }
        Ok(Self { text: text.trim().to_owned(), parts })
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "..." {
            return Ok(Self::Rest);
        }
        let number = |text: &str| match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("{text:?} is no index")),
        };
        match text.split(':').map(number).collect::<Result<Vec<_>, _>>()?[..] {
            [Some(index)] => Ok(Self::Index(index)),
            [begin, end] => Ok(Self::Slice { begin, end, step: 1 }),
            [_, _, Some(0)] => Err("a step is not 0".to_owned()),
            [begin, end, step] => Ok(Self::Slice { begin, end, step: step.unwrap_or(1) }),
            _ => Err(format!("{text:?} is neither an index nor begin:end:step nor ...")),
        }
    }
}

impl fmt::Display for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The indices of an axis that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Along {
    pub(crate) axis: usize,
    first: usize,
    len: usize,
    step: isize,
    /// Whether it is a single index, which leaves the axis out.
    is_index: bool,
}

impl Along {
    /// The same as ndarray has it: with a negative step, from the last index on.
    fn slice(&self) -> Slice {
        let last = self.first.saturating_add_signed((self.len.cast_signed() - 1) * self.step);
        let (low, high) = (self.first.min(last), self.first.max(last));
        // Of nothing there is no last index.
        let end = if self.len == 0 { low } else { high + 1 };
        Slice::new(low.cast_signed(), Some(end.cast_signed()), self.step)
    }

    /// From the beginning of the first index to the end of the last one.
    #[expect(clippy::cast_precision_loss, reason = "ticks are rounded")]
    pub(crate) fn edges(&self) -> Range<f64> {
        let begin = self.first as f64 + if self.step < 0 { 1.0 } else { 0.0 };
        begin..begin + self.len as f64 * self.step as f64
    }
}

/// The part of an array that slices mean.
#[derive(Clone, Debug)]
pub(crate) struct Selection(Vec<Along>);

impl Selection {
    /// The axes that are left.
    pub(crate) fn kept(&self) -> Vec<Along> {
        self.0.iter().filter(|along| !along.is_index).copied().collect()
    }

    /// Those that are not.
    pub(crate) fn dropped(&self) -> Vec<usize> {
        self.0.iter().filter(|along| along.is_index).map(|along| along.axis).collect()
    }

    /// The indices of each axis; those that are dropped have a single one.
    pub(crate) fn slices(&self) -> Vec<Slice> {
        self.0.iter().map(Along::slice).collect()
    }

    /// Whether there is no element in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().any(|along| along.len == 0)
    }
}

impl Slices {
    /// Whether they mean the array as it is, whatever its shape.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts == [Part::Rest]
    }

    /// What they mean in a file: for each axis which indices, and whether it is left.
    ///
    /// # Errors
    ///
    /// If there are more of them than axes, or an index does not exist.
    pub(crate) fn of(&self, info: &FileInfo) -> Outcome<Selection> {
        let (path, shape) = (info.path.display(), &info.shape);
        let given = self.parts.iter().filter(|&&part| part != Part::Rest).count();
        let Some(rest) = shape.len().checked_sub(given) else {
            let count = shape.len();
            return Err(format!(
                "{path}: has shape {shape:?}; {given} indices are too many for {count} axes"
            )
            .into());
        };
        let rest = std::iter::repeat_n(WHOLE, rest);
        let place = self.parts.iter().position(|&part| part == Part::Rest);
        let mut parts = self.parts.clone();
        parts.splice(place.map_or(parts.len()..parts.len(), |place| place..place + 1), rest);
        let along = |(axis, part): (usize, Part)| {
            let missing = |index| {
                format!("{path}: has shape {shape:?}; axis {axis} has no index {index} in it")
            };
            part.along(axis, shape[axis]).map_err(missing)
        };
        Ok(Selection(parts.into_iter().enumerate().map(along).collect::<Result<_, _>>()?))
    }
}

impl Part {
    /// The indices of an axis of some length, as NumPy resolves them: slices that reach outside are cut
    /// off there. `Err` has an index that does not exist.
    fn along(self, axis: usize, len: usize) -> Result<Along, isize> {
        let count = len.cast_signed();
        let counted = |index: isize| if index < 0 { index + count } else { index };
        let (begin, end, step) = match self {
            Self::Rest => (None, None, 1),
            Self::Slice { begin, end, step } => (begin, end, step),
            Self::Index(index) => {
                let first = usize::try_from(counted(index)).ok().filter(|&first| first < len);
                let first = first.ok_or(index)?;
                return Ok(Along { axis, first, len: 1, step: 1, is_index: true });
            }
        };
        let (least, most) = if step > 0 { (0, count) } else { (-1, count - 1) };
        let (from, to) = if step > 0 { (least, most) } else { (most, least) };
        let place = |index: isize| counted(index).clamp(least, most);
        let (from, to) = (begin.map_or(from, place), end.map_or(to, place));
        let span = if step > 0 { to - from } else { from - to };
        let len = span.max(0).cast_unsigned().div_ceil(step.unsigned_abs());
        // A step that is never made may be longer than any axis.
        let step = if len > 1 { step } else { 1 };
        Ok(Along { axis, first: usize::try_from(from).unwrap_or(0), len, step, is_index: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The indices that a slice leaves of an axis, as ndarray's slice has them.
    fn indices(text: &str, len: usize) -> Vec<usize> {
        let part: Part = text.parse().unwrap();
        let all: ndarray::Array1<usize> = (0..len).collect();
        all.slice_axis(ndarray::Axis(0), part.along(0, len).unwrap().slice()).to_vec()
    }

    #[test]
    fn slices_are_those_of_numpy() {
        assert_eq!(indices(":", 4), [0, 1, 2, 3]);
        assert_eq!(indices("1:", 4), [1, 2, 3]);
        assert_eq!(indices(":-1", 4), [0, 1, 2]);
        assert_eq!(indices("::2", 5), [0, 2, 4]);
        assert_eq!(indices("1:100:3", 9), [1, 4, 7]);
        assert_eq!(indices("::-1", 4), [3, 2, 1, 0]);
        assert_eq!(indices("::-2", 4), [3, 1]);
        assert_eq!(indices("-2:0:-3", 9), [7, 4, 1]);
        assert_eq!(indices("7:2:-4", 9), [7, 3]);
        assert_eq!(indices("-100:2", 9), [0, 1]);
        assert_eq!(indices("2", 9), [2]);
        assert_eq!(indices("-9", 9), [0]);
        assert_eq!(indices("5::9223372036854775807", 9), [5]);
        assert_eq!(indices("::-9223372036854775808", 9), [8]);
        for nothing in ["3:3", "5:2", "2:5:-1", "100:", ":-100"] {
            assert_eq!(indices(nothing, 9), [0; 0], "{nothing}");
        }
        assert_eq!(indices("::-1", 0), [0; 0]);
    }

    #[test]
    fn edges_are_around_the_indices() {
        let edges = |text: &str| text.parse::<Part>().unwrap().along(0, 10).unwrap().edges();
        assert_eq!(edges(":"), 0.0..10.0);
        assert_eq!(edges("2:8:3"), 2.0..8.0);
        assert_eq!(edges("::-1"), 10.0..0.0);
        assert_eq!(edges("8:2:-2"), 9.0..3.0);
    }

    #[test]
    fn what_is_no_slice_is_refused() {
        for text in
            ["", "1,", "a", "1:2:3:4", "::0", "1.5", "...,...", "None", "99999999999999999999"]
        {
            assert!(text.parse::<Slices>().is_err(), "{text}");
        }
        assert!("...".parse::<Slices>().unwrap().is_whole());
        assert_eq!(" -1, ...".parse::<Slices>().unwrap().to_string(), "-1, ...");
    }
}
