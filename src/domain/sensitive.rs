//! Personal values that do not print themselves.
//!
//! A name, a date of birth, an address or an identifier may stand in a body or in a stored document, and nowhere else:
//! not in a log line, a span, a panic text or a URL. [`Personal`] wraps such a value. Its `Debug` prints `[personal]`, it
//! has no `Display`, and reading it is `.expose()`, so that every place that reads one can be found.
//!
//! ```
//! use cofrestr::domain::sensitive::Personal;
//!
//! let name = Personal::new("Siân");
//! assert_eq!(format!("{name:?}"), "[personal]");
//! assert_eq!(*name.expose(), "Siân");
//! ```
//!
//! It cannot be printed by accident:
//!
//! ```compile_fail
//! use cofrestr::domain::sensitive::Personal;
//!
//! println!("{}", Personal::new("Siân"));
//! ```

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a personal value prints instead of itself.
pub const REDACTED: &str = "[personal]";

/// A value about a person. Prints as [`REDACTED`]; read by [`Personal::expose`].
///
/// It does serialise, because bodies, stored documents and messages between regions carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Reads the value. Search for this word to find everything that reads personal data.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// Declares a personal text: a newtype over [`Personal<String>`] with one parser, which returns the canonical text.
macro_rules! personal_text {
    ($(#[$meta:meta])* $vis:vis struct $Name:ident: $Error:ty = $parse:expr;) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $Name($crate::domain::sensitive::Personal<String>);

        impl $Name {
            /// Reads the canonical text.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }
        }

        impl ::std::str::FromStr for $Name {
            type Err = $Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let canonical: Result<String, $Error> = $parse(text);
                canonical.map(|text| Self($crate::domain::sensitive::Personal::new(text)))
            }
        }

        $crate::domain::text::string_conversions!($Name, $Error, |value: &$Name| value.0.expose().as_str());
    };
}

pub(crate) use personal_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_value_prints_nothing_of_itself() {
        let value = Personal::new(vec!["secret"]);
        assert_eq!(format!("{value:?}"), "[personal]");
        assert_eq!(format!("{value:#?}"), "[personal]");
        assert_eq!(format!("{:?}", Some(&value)), "Some([personal])");
    }

    #[test]
    fn a_personal_value_is_written_and_read_as_itself() {
        let json = serde_json::to_string(&Personal::new(7)).unwrap();
        assert_eq!(json, "7");
        assert_eq!(serde_json::from_str::<Personal<u8>>(&json).unwrap().into_exposed(), 7);
    }
}
