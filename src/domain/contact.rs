//! Whom to ring.

use serde::{Deserialize, Serialize};

use super::coded::coded_error;
use super::sensitive::personal_text;
use super::text::{self, Line, TextError};

coded_error! {
    /// Why a telephone number or an e-mail address was not taken.
    pub enum ContactError {
        /// Nothing in it.
        Empty = "empty", "leave the item out, or write something in it";
        /// Longer than the item allows.
        TooLong = "too-long", "shorten it";
        /// A control or direction character.
        ForbiddenCharacter = "forbidden-character", "remove control characters and characters that change the direction of writing";
        /// Not a telephone number.
        NotAPhoneNumber = "not-a-phone-number", "write 3 to 15 digits, with + in front for a country code and ext. before an extension";
        /// Not an e-mail address.
        NotAnEmailAddress = "not-an-email-address", "write a full address, as in desk@council.example";
    }
}

impl From<TextError> for ContactError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty => Self::Empty,
            TextError::TooLong => Self::TooLong,
            TextError::ForbiddenCharacter => Self::ForbiddenCharacter,
        }
    }
}

/// Longest telephone number, in characters: 15 digits, grouped, and an extension.
pub const PHONE_CHARACTERS_MAX: usize = 40;

/// Longest e-mail address, in characters (RFC 5321).
pub const EMAIL_CHARACTERS_MAX: usize = 254;

personal_text! {
    /// A telephone number, as people write it: kept as text, checked to be dialable.
    ///
    /// 3–15 digits (101 is one; 15 is the international limit), grouped by spaces, hyphens, dots or brackets; `+` in front
    /// for a country code; an extension of 1–6 digits after `ext`, `ext.`, `x` or `#`.
    ///
    /// # Errors
    ///
    /// `empty`, `too-long`, `forbidden-character`, `not-a-phone-number`.
    pub struct PhoneNumber: ContactError = phone_number;
}

/// Parts a number into what is dialled first and an extension.
fn dialled_and_extension(text: &str) -> (&str, Option<&str>) {
    match text.find(|character: char| character.is_ascii_alphabetic() || character == '#') {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    }
}

fn phone_number(text: &str) -> Result<String, ContactError> {
    let text = text::line(text, PHONE_CHARACTERS_MAX)?;
    let (dialled, extension) = dialled_and_extension(&text);
    let digits = dialled.bytes().filter(u8::is_ascii_digit).count();
    let characters_fit = dialled.chars().enumerate().all(|(place, character)| {
        character.is_ascii_digit() || matches!(character, ' ' | '-' | '.' | '(' | ')') || (character == '+' && place == 0)
    });
    let extension_fits = extension.is_none_or(|extension| {
        let lower = extension.to_ascii_lowercase();
        let number = ["ext.", "ext", "x", "#"].iter().find_map(|word| lower.strip_prefix(word)).map(str::trim);
        number.is_some_and(|number| (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if characters_fit && extension_fits && (3..=15).contains(&digits) { Ok(text) } else { Err(ContactError::NotAPhoneNumber) }
}

impl PhoneNumber {
    /// What a telephone dials: digits and a leading `+`, without the extension. For `tel:` links.
    pub fn dialled(&self) -> String {
        dialled_and_extension(self.expose()).0.chars().filter(|character| character.is_ascii_digit() || *character == '+').collect()
    }
}

personal_text! {
    /// An e-mail address: one `@`, something on either side, a dot in the domain, no spaces; at most 254 characters.
    ///
    /// # Errors
    ///
    /// `empty`, `too-long`, `forbidden-character`, `not-an-email-address`.
    pub struct EmailAddress: ContactError = |text: &str| {
        let text = text::line(text, EMAIL_CHARACTERS_MAX)?;
        let fits = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.contains('@') && domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty())
        });
        if fits && !text.contains([' ', '<', '>', '"', ',', ';']) { Ok(text) } else { Err(ContactError::NotAnEmailAddress) }
    };
}

/// A desk or a person to ring.
///
/// On the wire `{"name", "phone", "email", "hours"}`. Personal, because the desk may be a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who answers.
    pub name: Line,
    /// The number to ring.
    pub phone: PhoneNumber,
    /// An address to write to, if there is one. Never in place of ringing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// When somebody answers, in words for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Line>,
}

impl Contact {
    /// A contact by telephone alone.
    pub const fn new(name: Line, phone: PhoneNumber) -> Self {
        Self { name, phone, email: None, hours: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_can_be_dialled() {
        let table = [
            ("01632 960123", "01632960123"),
            ("+44 (1632) 960-123", "+441632960123"),
            ("01632 960123 ext. 45", "01632960123"),
            ("01632 960123 x45", "01632960123"),
            ("01632 960123#45", "01632960123"),
            ("101", "101"),
            ("123456789012345", "123456789012345"),
        ];
        for (text, dialled) in table {
            let phone: PhoneNumber = text.parse().unwrap();
            assert_eq!((phone.expose(), phone.dialled().as_str()), (text, dialled));
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        for text in [
            "10",
            "1234567890123456",
            "01632 96o123",
            "44+1632960123",
            "ring me",
            "01632 960123 ext",
            "01632 960123 ext 1234567",
            "01632/960123",
        ] {
            assert_eq!(text.parse::<PhoneNumber>(), Err(ContactError::NotAPhoneNumber), "{text}");
        }
        assert_eq!(" ".parse::<PhoneNumber>(), Err(ContactError::Empty));
        assert_eq!("0".repeat(41).parse::<PhoneNumber>(), Err(ContactError::TooLong));
    }

    #[test]
    fn an_email_address_has_its_form() {
        for text in ["desk@council.example", "a.b+c@x.y.example"] {
            assert!(text.parse::<EmailAddress>().is_ok(), "{text}");
        }
        for text in
            ["desk", "@council.example", "desk@", "desk@council", "desk@council.", "a@b@c.example", "a b@c.example", "<a@c.example>"]
        {
            assert_eq!(text.parse::<EmailAddress>(), Err(ContactError::NotAnEmailAddress), "{text}");
        }
    }

    #[test]
    fn a_contact_is_written_without_what_it_lacks() {
        let contact = Contact::new("Emergency duty team".parse().unwrap(), "01632 960123".parse().unwrap());
        let json = serde_json::to_string(&contact).unwrap();
        assert_eq!(json, r#"{"name":"Emergency duty team","phone":"01632 960123"}"#);
        assert_eq!(serde_json::from_str::<Contact>(&json).unwrap(), contact);
        assert!(!format!("{contact:?}").contains("960123"));
    }
}
