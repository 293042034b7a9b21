//! The two languages the register speaks, and the language a child prefers.

use super::coded::{closed_set, coded_error};
use super::text::plain_text;

closed_set! {
    /// A language the register answers in. Codes never change with it.
    pub enum Language {
        /// Cymraeg.
        Welsh = "cy",
        /// English.
        English = "en",
    }
}

/// Most ranges of an `Accept-Language` header looked at; browsers send fewer than ten.
const RANGES_MAX: usize = 20;

impl Language {
    /// The language that an `Accept-Language` header asks for, English when it asks for neither.
    ///
    /// The range with the highest weight wins, the first of equals; `*` is English; `q=0` excludes.
    ///
    /// # Source
    ///
    /// RFC 9110, section 12.5.4.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best: Option<(u16, Self)> = None;
        for range in header.split(',').take(RANGES_MAX) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let language = match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "cy" => Self::Welsh,
                "en" | "*" => Self::English,
                _ => continue,
            };
            let weight =
                parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))).map_or(Some(1_000), thousandths);
            match weight {
                Some(weight) if weight > 0 && best.is_none_or(|(best, _)| weight > best) => best = Some((weight, language)),
                _ => {}
            }
        }
        best.map_or(Self::English, |(_, language)| language)
    }
}

/// A weight from 0 to 1 with at most three decimals, in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

coded_error! {
    /// Why a text is not a language tag.
    pub enum LanguageTagError {
        /// Nothing in it.
        Empty = "empty", "leave the language out, or write its tag, such as cy, en, pl or bfi";
        /// Not a language tag.
        NotALanguageTag = "not-a-language-tag", "write the language's tag, such as cy, en, pl, ur-PK or bfi";
    }
}

/// Longest language tag, in characters, as the standard requires programs to keep.
const TAG_CHARACTERS_MAX: usize = 35;

plain_text! {
    /// The language a child prefers, as a tag: `cy`, `en-GB`, `zh-Hant`, `bfi` (British Sign Language).
    ///
    /// The form is checked, not the registry; letters are set in the usual case.
    ///
    /// # Errors
    ///
    /// `empty`, `not-a-language-tag`.
    ///
    /// # Source
    ///
    /// RFC 5646 for the form; CAB-CPC: a conference may be in Welsh if the family wishes.
    pub struct PreferredLanguage: LanguageTagError = language_tag;
}

fn language_tag(text: &str) -> Result<String, LanguageTagError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(LanguageTagError::Empty);
    }
    if text.len() > TAG_CHARACTERS_MAX {
        return Err(LanguageTagError::NotALanguageTag);
    }
    let mut canonical = String::with_capacity(text.len());
    for (place, subtag) in text.split('-').enumerate() {
        let letters = subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
        let fits = if place == 0 {
            (2..=3).contains(&subtag.len()) && letters
        } else {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !fits {
            return Err(LanguageTagError::NotALanguageTag);
        }
        if place > 0 {
            canonical.push('-');
        }
        let lower = subtag.to_ascii_lowercase();
        match (place, subtag.len()) {
            (1.., 2) if letters => canonical.push_str(&lower.to_ascii_uppercase()),
            (1.., 4) if letters => {
                canonical.push_str(&lower[..1].to_ascii_uppercase());
                canonical.push_str(&lower[1..]);
            }
            _ => canonical.push_str(&lower),
        }
    }
    // A tag may not end in a lone letter, which announces what would follow.
    if canonical.rsplit('-').next().is_some_and(|last| last.len() == 1) { Err(LanguageTagError::NotALanguageTag) } else { Ok(canonical) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_decides_and_english_is_the_rest() {
        let table = [
            ("", Language::English),
            ("cy", Language::Welsh),
            ("CY-GB", Language::Welsh),
            ("en-GB, cy", Language::English),
            ("cy, en", Language::Welsh),
            ("en;q=0.5, cy;q=0.8", Language::Welsh),
            ("fr, cy;q=0.1", Language::Welsh),
            ("fr", Language::English),
            ("*", Language::English),
            ("*;q=0.1, cy;q=0.2", Language::Welsh),
            ("cy;q=0", Language::English),
            ("cy;q=2", Language::English),
            ("cy;q=0.9999", Language::English),
            ("cy ; q=1.000", Language::Welsh),
            (",,;;==", Language::English),
        ];
        for (header, language) in table {
            assert_eq!(Language::from_accept_language(header), language, "{header}");
        }
    }

    #[test]
    fn a_tag_has_its_form() {
        for (text, expected) in [("cy", "cy"), ("EN-gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("bfi", "bfi"), ("es-419", "es-419")] {
            assert_eq!(text.parse::<PreferredLanguage>().unwrap().as_str(), expected);
        }
        for text in ["c", "Welsh", "cy_GB", "cy-", "-cy", "cy--GB", "cy-123456789", "en-a", "cy GB", "ŵy"] {
            assert_eq!(text.parse::<PreferredLanguage>(), Err(LanguageTagError::NotALanguageTag), "{text}");
        }
        assert_eq!(" ".parse::<PreferredLanguage>(), Err(LanguageTagError::Empty));
    }
}
