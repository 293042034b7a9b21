//! Texts people type: trimmed, in one Unicode form, with a stated length, and nothing in them that hides or reorders.

use unicode_normalization::UnicodeNormalization;

use super::coded::coded_error;
use super::sensitive::personal_text;

coded_error! {
    /// Why a text was not taken.
    pub enum TextError {
        /// Nothing but white space.
        Empty = "empty", "leave the item out, or write something in it";
        /// Longer than the item allows.
        TooLong = "too-long", "shorten the text";
        /// A control character, a line separator or a character that changes the direction of writing.
        ForbiddenCharacter = "forbidden-character", "remove control characters and characters that change the direction of writing";
    }
}

/// Longest [`Line`], in characters. An agency's or a person's full name with title fits several times over.
pub const LINE_CHARACTERS_MAX: usize = 200;

/// Longest [`Note`], in characters: a page of typing, so that one field cannot fill a body.
pub const NOTE_CHARACTERS_MAX: usize = 4_000;

/// Longest [`CaseReference`], in characters: case systems use at most 36 (a UUID); the rest is room for prefixes.
pub const CASE_REFERENCE_CHARACTERS_MAX: usize = 64;

/// True of characters that have no place in a text a person typed: they are invisible and change what is around them.
///
/// Joiners (U+200C, U+200D) are allowed: Persian and Indian names need them.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00AD}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{FFFD}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// One line of text in its canonical form: Unicode NFC, trimmed, every run of white space one space.
///
/// `characters_max` counts Unicode scalar values of the canonical form.
///
/// # Errors
///
/// * [`TextError::ForbiddenCharacter`] for control and direction characters inside the text. Line breaks and tabs at
///   either end are white space and go with the trimming.
/// * [`TextError::Empty`] when nothing is left.
/// * [`TextError::TooLong`] above `characters_max`.
pub fn line(text: &str, characters_max: usize) -> Result<String, TextError> {
    canonical(text, characters_max, false)
}

/// Several lines of text: as [`line()`], but line breaks stay (as `\n`) and tabs become spaces.
///
/// # Errors
///
/// As [`line()`].
pub fn lines(text: &str, characters_max: usize) -> Result<String, TextError> {
    canonical(text, characters_max, true)
}

fn canonical(text: &str, characters_max: usize, keep_lines: bool) -> Result<String, TextError> {
    // A byte bound first, so that a huge text is not walked: a character has at most four bytes, and composition makes one
    // of at most four.
    let text = text.trim();
    if text.len() > characters_max.saturating_mul(16) {
        return Err(TextError::TooLong);
    }
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    let mut breaks = 0_usize;
    for character in text.nfc() {
        match character {
            '\n' if keep_lines => breaks += 1,
            '\r' | '\t' if keep_lines => gap = true,
            _ if is_forbidden(character) => return Err(TextError::ForbiddenCharacter),
            _ if character.is_whitespace() => gap = true,
            _ => {
                if breaks > 0 {
                    // One empty line between paragraphs is enough.
                    out.extend(std::iter::repeat_n('\n', breaks.min(2)));
                } else if gap && !out.is_empty() {
                    out.push(' ');
                }
                (gap, breaks) = (false, 0);
                out.push(character);
            }
        }
    }
    if out.is_empty() {
        Err(TextError::Empty)
    } else if out.chars().count() > characters_max {
        Err(TextError::TooLong)
    } else {
        Ok(out)
    }
}

personal_text! {
    /// One line about a person or a place of work: an agency, a role, a relationship, the name of a member of staff.
    ///
    /// 1–200 characters, NFC, single spaces. Personal, because nobody can tell what was typed into it.
    pub struct Line: TextError = |text: &str| line(text, LINE_CHARACTERS_MAX);
}

personal_text! {
    /// Several lines a person wrote: a reason, a decision, a note. 1–4,000 characters; at most one empty line in a row.
    pub struct Note: TextError = |text: &str| lines(text, NOTE_CHARACTERS_MAX);
}

personal_text! {
    /// The enquirer's own reference for their case. Opaque to the register; 1–64 characters.
    pub struct CaseReference: TextError = |text: &str| line(text, CASE_REFERENCE_CHARACTERS_MAX);
}

/// `TryFrom<String>`, `TryFrom<&str>`, `From<_> for String` and serde for a type that has `FromStr`.
///
/// `From<_> for String` is what the database layer writes; everything else reads by `as_str` or `expose`.
macro_rules! string_conversions {
    ($Name:ty, $Error:ty, $text:expr) => {
        impl TryFrom<String> for $Name {
            type Error = $Error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&str> for $Name {
            type Error = $Error;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$Name> for String {
            fn from(value: $Name) -> Self {
                let text: fn(&$Name) -> &str = $text;
                text(&value).to_owned()
            }
        }

        impl ::serde::Serialize for $Name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&$Name) -> &str = $text;
                serializer.serialize_str(text(self))
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $Name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

/// Declares a text that is not personal: a newtype over `String` with one parser, which returns the canonical text.
macro_rules! plain_text {
    ($(#[$meta:meta])* $vis:vis struct $Name:ident: $Error:ty = $parse:expr;) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $Name(String);

        impl $Name {
            /// The canonical text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $Name {
            type Err = $Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let canonical: Result<String, $Error> = $parse(text);
                canonical.map(Self)
            }
        }

        impl ::std::fmt::Display for $Name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.pad(&self.0)
            }
        }

        $crate::domain::text::string_conversions!($Name, $Error, |value: &$Name| value.0.as_str());
    };
}

pub(crate) use plain_text;
pub(crate) use string_conversions;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_trimmed_composed_and_singly_spaced() {
        let table = [("  Siân   Evans ", "Siân Evans"), ("Sia\u{302}n", "Siân"), ("a\u{a0}b", "a b"), ("\tSiân\n", "Siân")];
        for (given, canonical) in table {
            assert_eq!(line(given, 50).as_deref(), Ok(canonical), "{given:?}");
        }
    }

    #[test]
    fn a_line_is_refused_with_a_reason() {
        let table = [
            ("", TextError::Empty),
            (" \t\n ", TextError::Empty),
            ("a\u{0}b", TextError::ForbiddenCharacter),
            ("a\nb", TextError::ForbiddenCharacter),
            ("a\u{202e}b", TextError::ForbiddenCharacter),
            ("a\u{200b}b", TextError::ForbiddenCharacter),
            ("\u{feff}a", TextError::ForbiddenCharacter),
        ];
        for (given, error) in table {
            assert_eq!(line(given, 50), Err(error), "{given:?}");
        }
    }

    #[test]
    fn the_bound_is_the_last_length_taken() {
        assert!(line(&"ŵ".repeat(10), 10).is_ok());
        assert_eq!(line(&"ŵ".repeat(11), 10), Err(TextError::TooLong));
        assert!("r".repeat(CASE_REFERENCE_CHARACTERS_MAX).parse::<CaseReference>().is_ok());
        assert_eq!("r".repeat(CASE_REFERENCE_CHARACTERS_MAX + 1).parse::<CaseReference>(), Err(TextError::TooLong));
    }

    #[test]
    fn a_note_keeps_its_paragraphs() {
        let note: Note = "First.\r\n\r\n\r\n\r\nSecond\tline. \n third\n".parse().unwrap();
        assert_eq!(note.expose(), "First.\n\nSecond line.\nthird");
    }

    #[test]
    fn a_text_prints_nothing_of_itself() {
        let line: Line = "canary".parse().unwrap();
        assert!(!format!("{line:?}").contains("canary"));
        let error = serde_json::from_str::<Line>("\"ca\\u0000nary\"").unwrap_err().to_string();
        assert!(!error.contains("nary\""), "{error}");
    }

    proptest! {
        #[test]
        fn a_canonical_line_is_its_own_canonical_form(text in ".{0,60}") {
            if let Ok(once) = line(&text, 60) {
                prop_assert_eq!(line(&once, 60), Ok(once.clone()));
            }
        }

        #[test]
        fn canonical_lines_are_their_own_canonical_form(text in "[a-z \\t\\r\\n]{0,60}") {
            if let Ok(once) = lines(&text, 60) {
                prop_assert_eq!(lines(&once, 60), Ok(once.clone()));
            }
        }
    }
}
