//! A short reference to a check that two people can read to each other over a bad line.
//!
//! Eight characters and a check character of a 32-letter alphabet without I, L, O and U, written `K7QF-3M9T-T`. What is
//! heard or typed as O counts as 0, and I or L as 1; case, spaces and hyphens do not matter. The check character
//! finds every single wrong character and every swap of two.

use super::coded::coded_error;
use super::text::string_conversions;

coded_error! {
    /// Why a text is not a short reference.
    pub enum ShortReferenceError {
        /// Not nine characters.
        WrongLength = "wrong-length", "write all nine characters, as in K7QF-3M9T-T";
        /// A character that is not in the alphabet.
        UnknownCharacter = "unknown-character", "check the characters: only digits and letters other than U are used";
        /// The last character does not fit the others.
        WrongCheckCharacter = "wrong-check-character", "read the reference again: at least one character is wrong or two are swapped";
    }
}

/// Douglas Crockford's base 32: the place of a character is its value.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters that carry the reference; the check character is one more.
const CHARACTERS: usize = 8;

/// Bytes that carry the reference: 40 bits, so that a region's ten million checks collide about 45 times. The
/// reference helps people find a check; it is not its key.
pub const BYTES: usize = 5;

/// A short reference to a check, in its canonical form `K7QF-3M9T-T`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortReference(String);

/// Multiplies by x in the field of 32 elements (x⁵ + x² + 1), in which x has order 31: nine places, nine weights.
const fn times_x(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 0x20 == 0 { doubled } else { doubled ^ 0x25 }
}

/// The value that makes the weighted sum of all nine characters zero.
fn check_value(values: &[u8]) -> u8 {
    // The check character has weight 1, so it is the weighted sum of the others.
    values.iter().fold(0, |sum, value| times_x(sum ^ value))
}

fn value_of(character: char) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|known| char::from(*known) == character).and_then(|value| u8::try_from(value).ok())
}

fn written(values: &[u8]) -> String {
    let mut text = String::with_capacity(CHARACTERS + 3);
    for (place, value) in values.iter().enumerate() {
        if place == 4 || place == 8 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(value & 0x1f)]));
    }
    text
}

impl ShortReference {
    /// The reference that five random bytes make.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        let bits = bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut values: Vec<u8> = (0..CHARACTERS).rev().map(|place| ((bits >> (5 * place)) & 0x1f) as u8).collect();
        values.push(check_value(&values));
        Self(written(&values))
    }

    /// The canonical form, grouped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ShortReference {
    type Err = ShortReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Separators may stand anywhere, but a text of separators need not be read to its end.
        if text.len() > 40 {
            return Err(ShortReferenceError::WrongLength);
        }
        let values = text
            .chars()
            .filter(|character| !character.is_whitespace() && *character != '-')
            .map(|character| value_of(character).ok_or(ShortReferenceError::UnknownCharacter))
            .collect::<Result<Vec<u8>, _>>()?;
        match values.split_last() {
            Some((check, rest)) if rest.len() == CHARACTERS => {
                if check_value(rest) == *check {
                    Ok(Self(written(&values)))
                } else {
                    Err(ShortReferenceError::WrongCheckCharacter)
                }
            }
            _ => Err(ShortReferenceError::WrongLength),
        }
    }
}

impl std::fmt::Display for ShortReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

string_conversions!(ShortReference, ShortReferenceError, |value: &ShortReference| value.as_str());

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_is_read_however_it_was_said() {
        let reference = ShortReference::from_bytes([0, 0, 32, 1, 255]);
        let text = reference.as_str();
        assert_eq!(text.len(), 11);
        for said in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
            text.replace('0', "o"),
            text.replace('1', "l"),
            text.replace('1', "I"),
        ] {
            assert_eq!(said.parse().as_ref(), Ok(&reference), "{said}");
        }
    }

    #[test]
    fn what_is_not_a_reference_is_refused() {
        let table = [
            ("", ShortReferenceError::WrongLength),
            ("0000-0000", ShortReferenceError::WrongLength),
            ("0000-0000-00", ShortReferenceError::WrongLength),
            ("0000-0000-U", ShortReferenceError::UnknownCharacter),
            ("0000-0000-é", ShortReferenceError::UnknownCharacter),
            ("0000-0000-1", ShortReferenceError::WrongCheckCharacter),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<ShortReference>(), Err(error), "{text}");
        }
        assert_eq!("0000-0000-0".parse(), Ok(ShortReference::from_bytes([0; 5])));
    }

    proptest! {
        #[test]
        fn one_wrong_character_or_one_swap_is_found(bytes: [u8; 5], at in 0_usize..9, by in 1_u8..32, other in 0_usize..9) {
            let reference = ShortReference::from_bytes(bytes);
            prop_assert_eq!(reference.as_str().parse(), Ok(reference.clone()));
            let values: Vec<u8> = reference.as_str().chars().filter_map(value_of).collect();
            prop_assert_eq!(values.len(), 9);
            let mut wrong = values.clone();
            wrong[at] = (wrong[at] + by) % 32;
            prop_assert_eq!(written(&wrong).parse::<ShortReference>(), Err(ShortReferenceError::WrongCheckCharacter));
            if values[at] != values[other] {
                let mut swapped = values;
                swapped.swap(at, other);
                prop_assert_eq!(written(&swapped).parse::<ShortReference>(), Err(ShortReferenceError::WrongCheckCharacter));
            }
        }
    }
}
