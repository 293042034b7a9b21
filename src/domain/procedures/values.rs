//! The small values that every rule carries: its code, its words in both languages, and its source.

use serde::{Deserialize, Serialize};

use crate::domain::coded::coded_error;
use crate::domain::language::Language;
use crate::domain::text::plain_text;

coded_error! {
    /// Why a value of a procedures file was not taken.
    pub enum RuleValueError {
        /// Not a code.
        NotACode = "not-a-code", "write a code of 1 to 60 letters, digits, hyphens and underscores";
        /// Not the keys of sources.
        NotASource = "not-a-source", "name the source: one or more keys such as WSP-4.12, separated by commas";
        /// No words, or words that are not fit to print.
        NoWords = "no-words", "write 1 to 200 characters on one line, in English (en) and in Welsh (cy)";
    }
}

plain_text! {
    /// The code of a rule, as it stands in bodies and in the database.
    pub struct Code: RuleValueError = |text: &str| {
        let fits = (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fits { Ok(text.to_owned()) } else { Err(RuleValueError::NotACode) }
    };
}

plain_text! {
    /// Where a rule comes from: keys of the domain notes, separated by commas. `DESIGN` stands for a reading of our own.
    pub struct Source: RuleValueError = |text: &str| {
        let is_key = |key: &str| {
            let key = key.trim();
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
        };
        if text.len() <= 200 && text.split(',').all(is_key) { Ok(text.to_owned()) } else { Err(RuleValueError::NotASource) }
    };
}

/// What a rule is called, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BothTexts")]
pub struct Words {
    en: String,
    cy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BothTexts {
    en: String,
    cy: String,
}

impl TryFrom<BothTexts> for Words {
    type Error = RuleValueError;

    fn try_from(BothTexts { en, cy }: BothTexts) -> Result<Self, Self::Error> {
        let fit = |text: &str| (1..=200).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control);
        if fit(&en) && fit(&cy) { Ok(Self { en, cy }) } else { Err(RuleValueError::NoWords) }
    }
}

impl Words {
    /// The words in a language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Welsh => &self.cy,
        }
    }
}
