//! Names of people.

use serde::{Deserialize, Serialize};

use super::coded::{closed_set, coded_error};
use super::sensitive::personal_text;
use super::text::{self, TextError};

coded_error! {
    /// Why a name was not taken.
    pub enum NameError {
        /// Nothing in it.
        Empty = "empty", "leave the name out, or write at least one letter";
        /// Longer than [`NAME_PART_CHARACTERS_MAX`].
        TooLong = "too-long", "shorten the name to 100 characters";
        /// A control or direction character.
        ForbiddenCharacter = "forbidden-character", "remove control characters and characters that change the direction of writing";
        /// No letter of any script.
        NoLetter = "no-letter", "write at least one letter; leave the name out when it is not known";
    }
}

impl From<TextError> for NameError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty => Self::Empty,
            TextError::TooLong => Self::TooLong,
            TextError::ForbiddenCharacter => Self::ForbiddenCharacter,
        }
    }
}

/// Longest part of a name, in characters. All given names together stay below 100 on any birth certificate seen; three
/// times the 35 that the NHS demographics service keeps for one part.
pub const NAME_PART_CHARACTERS_MAX: usize = 100;

personal_text! {
    /// The given names or the family name of a person, as people write them: 1–100 characters, NFC, single spaces, at
    /// least one letter of any script.
    ///
    /// Case, accents, apostrophes and hyphens stay as they are; matching folds them for itself.
    ///
    /// # Errors
    ///
    /// `empty`, `too-long`, `forbidden-character`, `no-letter`.
    pub struct NamePart: NameError = |text: &str| {
        let part = text::line(text, NAME_PART_CHARACTERS_MAX)?;
        if part.chars().any(char::is_alphabetic) { Ok(part) } else { Err(NameError::NoLetter) }
    };
}

/// A person's name: given names, a family name, or both. Never neither.
///
/// On the wire `{"given": …, "family": …}`; a part that is not known is absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct PersonName {
    given: Option<NamePart>,
    family: Option<NamePart>,
}

/// The wire shape of a name, before it is known that something is in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given: Option<NamePart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<NamePart>,
}

impl TryFrom<Parts> for PersonName {
    type Error = NameError;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        Self::new(parts.given, parts.family)
    }
}

impl From<PersonName> for Parts {
    fn from(name: PersonName) -> Self {
        Self { given: name.given, family: name.family }
    }
}

impl PersonName {
    /// A name of one or two parts.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`] when both parts are absent.
    pub fn new(given: Option<NamePart>, family: Option<NamePart>) -> Result<Self, NameError> {
        if given.is_none() && family.is_none() { Err(NameError::Empty) } else { Ok(Self { given, family }) }
    }

    /// A name from its texts; an empty text is an absent part.
    ///
    /// # Errors
    ///
    /// As [`NamePart`], and [`NameError::Empty`] when both texts are empty.
    pub fn from_texts(given: &str, family: &str) -> Result<Self, NameError> {
        let part = |text: &str| if text.trim().is_empty() { Ok(None) } else { text.parse().map(Some) };
        Self::new(part(given)?, part(family)?)
    }

    /// The given names, if known.
    pub const fn given(&self) -> Option<&NamePart> {
        self.given.as_ref()
    }

    /// The family name, if known.
    pub const fn family(&self) -> Option<&NamePart> {
        self.family.as_ref()
    }

    /// Whether both parts are known.
    pub const fn is_full(&self) -> bool {
        self.given.is_some() && self.family.is_some()
    }

    /// Reads the whole name, given names first.
    pub fn expose(&self) -> String {
        match (&self.given, &self.family) {
            (Some(given), Some(family)) => format!("{} {}", given.expose(), family.expose()),
            (Some(part), None) | (None, Some(part)) => part.expose().to_owned(),
            (None, None) => String::new(),
        }
    }
}

closed_set! {
    /// What a name is used for. A search looks at all of them.
    pub enum NameUse {
        /// The name on official papers.
        Official = "official",
        /// The name the child wants to be called.
        Preferred = "preferred",
        /// A name also used.
        Alias = "alias",
        /// A name used before.
        Former = "former",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_part_keeps_what_people_write() {
        let table =
            [("Siân", "Siân"), ("  ap   Rhys ", "ap Rhys"), ("O'Brien-Ĺewis", "O'Brien-Ĺewis"), ("李", "李"), ("Sia\u{302}n", "Siân")];
        for (text, expected) in table {
            assert_eq!(text.parse::<NamePart>().unwrap().expose(), expected);
        }
    }

    #[test]
    fn a_name_part_is_refused_with_a_reason() {
        let long = "a".repeat(NAME_PART_CHARACTERS_MAX + 1);
        let table = [
            ("", NameError::Empty),
            (" \n", NameError::Empty),
            ("-", NameError::NoLetter),
            ("?", NameError::NoLetter),
            ("123", NameError::NoLetter),
            ("Si\u{7}an", NameError::ForbiddenCharacter),
            ("Si\u{202e}an", NameError::ForbiddenCharacter),
            (&long, NameError::TooLong),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<NamePart>(), Err(error), "{text:?}");
        }
        assert!("a".repeat(NAME_PART_CHARACTERS_MAX).parse::<NamePart>().is_ok());
    }

    #[test]
    fn a_name_has_at_least_one_part() {
        assert_eq!(PersonName::from_texts("", " "), Err(NameError::Empty));
        assert_eq!(PersonName::from_texts("Siân", "Evans").unwrap().expose(), "Siân Evans");
        assert_eq!(PersonName::from_texts("", "Evans").unwrap().expose(), "Evans");
        assert!(serde_json::from_str::<PersonName>("{}").is_err());
        assert!(serde_json::from_str::<PersonName>(r#"{"given":"A","middle":"B"}"#).is_err());
        let name: PersonName = serde_json::from_str(r#"{"family":"Evans"}"#).unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), r#"{"family":"Evans"}"#);
    }

    #[test]
    fn a_name_prints_nothing_of_itself() {
        let printed = format!("{:?}", PersonName::from_texts("Canary", "Canary").unwrap());
        assert!(!printed.contains("Canary"), "{printed}");
    }
}
