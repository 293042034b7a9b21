//! Postcodes and addresses.

use serde::{Deserialize, Serialize};

use super::coded::coded_error;
use super::identifiers::Uprn;
use super::sensitive::{Personal, personal_text};
use super::text::{self, TextError, string_conversions};

coded_error! {
    /// Why a postcode or an address was not taken.
    pub enum AddressError {
        /// Nothing in it.
        Empty = "empty", "leave the item out, or write something in it";
        /// Longer than the item allows.
        TooLong = "too-long", "shorten the line to 200 characters, or the postcode to 16";
        /// A control or direction character.
        ForbiddenCharacter = "forbidden-character", "remove control characters and characters that change the direction of writing";
        /// More than [`ADDRESS_LINES_MAX`] lines.
        TooManyLines = "too-many-lines", "write the address in at most 10 lines";
    }
}

impl From<TextError> for AddressError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Empty => Self::Empty,
            TextError::TooLong => Self::TooLong,
            TextError::ForbiddenCharacter => Self::ForbiddenCharacter,
        }
    }
}

/// Longest postcode, in characters: the longest abroad has 12.
pub const POSTCODE_CHARACTERS_MAX: usize = 16;

/// Longest line of an address, in characters: the longest place name in these islands has 58.
pub const ADDRESS_LINE_CHARACTERS_MAX: usize = 200;

/// Most lines of an address: the international postal union's templates have at most 9.
pub const ADDRESS_LINES_MAX: usize = 10;

/// A postcode: of the United Kingdom, normalised (`NP20 1AA`), or of another country, as it was written.
///
/// Nothing that looks like text is refused: a mistyped postcode is still evidence.
///
/// # Errors
///
/// `empty`, `too-long`, `forbidden-character`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Postcode(Personal<Kept>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kept {
    UnitedKingdom(String),
    Elsewhere(String),
}

impl Postcode {
    /// Reads the postcode in its canonical form.
    pub fn expose(&self) -> &str {
        match self.0.expose() {
            Kept::UnitedKingdom(text) | Kept::Elsewhere(text) => text,
        }
    }

    /// Whether it has the form of a United Kingdom postcode. It need not exist.
    pub const fn is_united_kingdom(&self) -> bool {
        matches!(self.0.expose(), Kept::UnitedKingdom(_))
    }

    /// The part before the space of a United Kingdom postcode, such as `NP20`: a district, which is not one address.
    pub fn outward(&self) -> Option<&str> {
        match self.0.expose() {
            Kept::UnitedKingdom(text) => text.split_once(' ').map(|(outward, _)| outward),
            Kept::Elsewhere(_) => None,
        }
    }
}

/// The United Kingdom form of a text, if it has one.
///
/// # Source
///
/// BS 7666: A9, A99, AA9, AA99, A9A and AA9A before the space, 9AA after it, with the letters each place can have.
fn united_kingdom(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|character| *character != ' ').map(|character| character.to_ascii_uppercase()).collect();
    if !compact.is_ascii() || !(5..=7).contains(&compact.len()) {
        return None;
    }
    let (outward, inward) = compact.split_at(compact.len() - 3);
    let first = |byte: u8| byte.is_ascii_uppercase() && !b"QVX".contains(&byte);
    let second = |byte: u8| byte.is_ascii_uppercase() && !b"IJZ".contains(&byte);
    let unit = |byte: u8| byte.is_ascii_uppercase() && !b"CIKMOV".contains(&byte);
    let digit = |byte: u8| byte.is_ascii_digit();
    let outward_fits = match *outward.as_bytes() {
        [a, b] => first(a) && digit(b),
        [a, b, c] => first(a) && ((digit(b) && (digit(c) || c.is_ascii_uppercase())) || (second(b) && digit(c)) || outward == "GIR"),
        [a, b, c, d] => first(a) && second(b) && digit(c) && (digit(d) || d.is_ascii_uppercase()),
        _ => false,
    };
    let inward_fits = matches!(*inward.as_bytes(), [a, b, c] if digit(a) && unit(b) && unit(c));
    (outward_fits && inward_fits).then(|| format!("{outward} {inward}"))
}

impl std::str::FromStr for Postcode {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text::line(text, POSTCODE_CHARACTERS_MAX)?;
        Ok(Self(Personal::new(match united_kingdom(&text) {
            Some(postcode) => Kept::UnitedKingdom(postcode),
            None => Kept::Elsewhere(text),
        })))
    }
}

string_conversions!(Postcode, AddressError, |value: &Postcode| value.expose());

personal_text! {
    /// One line of an address: 1–200 characters.
    pub struct AddressLine: AddressError = |text: &str| Ok(text::line(text, ADDRESS_LINE_CHARACTERS_MAX)?);
}

/// Where somebody lives or lived, as far as it is known: lines, a postcode, a property number, at least one of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "AddressFields", into = "AddressFields")]
pub struct Address {
    lines: Vec<AddressLine>,
    postcode: Option<Postcode>,
    uprn: Option<Uprn>,
}

/// The wire shape of an address, before it is known that something is in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressFields {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<AddressLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    postcode: Option<Postcode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uprn: Option<Uprn>,
}

impl TryFrom<AddressFields> for Address {
    type Error = AddressError;

    fn try_from(fields: AddressFields) -> Result<Self, Self::Error> {
        Self::new(fields.lines, fields.postcode, fields.uprn)
    }
}

impl From<Address> for AddressFields {
    fn from(address: Address) -> Self {
        Self { lines: address.lines, postcode: address.postcode, uprn: address.uprn }
    }
}

impl Address {
    /// An address of at least one item.
    ///
    /// # Errors
    ///
    /// * [`AddressError::Empty`] when there is no item.
    /// * [`AddressError::TooManyLines`] above [`ADDRESS_LINES_MAX`].
    pub fn new(lines: Vec<AddressLine>, postcode: Option<Postcode>, uprn: Option<Uprn>) -> Result<Self, AddressError> {
        if lines.is_empty() && postcode.is_none() && uprn.is_none() {
            Err(AddressError::Empty)
        } else if lines.len() > ADDRESS_LINES_MAX {
            Err(AddressError::TooManyLines)
        } else {
            Ok(Self { lines, postcode, uprn })
        }
    }

    /// The lines, most specific first.
    pub fn lines(&self) -> &[AddressLine] {
        &self.lines
    }

    /// The postcode, if known.
    pub const fn postcode(&self) -> Option<&Postcode> {
        self.postcode.as_ref()
    }

    /// The property number, if known.
    pub const fn uprn(&self) -> Option<&Uprn> {
        self.uprn.as_ref()
    }

    /// Reads the lines as one text, separated by `, `, without the postcode.
    pub fn expose_lines(&self) -> String {
        self.lines.iter().map(AddressLine::expose).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_united_kingdom_postcode_is_written_in_one_way() {
        let table = [
            ("NP20 1AA", "NP20 1AA"),
            ("np201aa", "NP20 1AA"),
            (" n p 2 0 1 a a ", "NP20 1AA"),
            ("CF10 3AT", "CF10 3AT"),
            ("M1 1AE", "M1 1AE"),
            ("B33 8TH", "B33 8TH"),
            ("CR2 6XH", "CR2 6XH"),
            ("W1A 0AX", "W1A 0AX"),
            ("EC1A 1BB", "EC1A 1BB"),
            ("gir0aa", "GIR 0AA"),
            ("ZZ99 3VZ", "ZZ99 3VZ"),
        ];
        for (text, expected) in table {
            let postcode: Postcode = text.parse().unwrap();
            assert_eq!(postcode.expose(), expected);
            assert_eq!(postcode.is_united_kingdom(), expected != "ZZ99 3VZ", "{text}");
        }
        assert_eq!("np201aa".parse::<Postcode>().unwrap().outward(), Some("NP20"));
    }

    #[test]
    fn any_other_postcode_is_kept_as_it_was_written() {
        for text in ["D02 X285", "75008", "00-950", "NP20 1A", "NP20 1AAA", "QP20 1AA", "NP20 1AC", "N?20 1AA", "BFPO 801", "ŵ1 1aa"] {
            let postcode: Postcode = text.parse().unwrap();
            assert!(!postcode.is_united_kingdom(), "{text}");
            assert_eq!(postcode.expose(), text);
            assert_eq!(postcode.outward(), None);
        }
        assert_eq!("".parse::<Postcode>(), Err(AddressError::Empty));
        assert!("1".repeat(16).parse::<Postcode>().is_ok());
        assert_eq!("1".repeat(17).parse::<Postcode>(), Err(AddressError::TooLong));
        assert_eq!("NP20\u{0}1AA".parse::<Postcode>(), Err(AddressError::ForbiddenCharacter));
    }

    #[test]
    fn an_address_says_something() {
        let line = || "1 Stryd Fawr".parse::<AddressLine>().unwrap();
        assert_eq!(Address::new(vec![], None, None), Err(AddressError::Empty));
        assert!(Address::new(vec![line(); ADDRESS_LINES_MAX], None, None).is_ok());
        assert_eq!(Address::new(vec![line(); ADDRESS_LINES_MAX + 1], None, None), Err(AddressError::TooManyLines));
        let json = r#"{"lines":["1 Stryd Fawr"],"postcode":"NP20 1AA","uprn":"100090014"}"#;
        let address: Address = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), json);
        assert!(serde_json::from_str::<Address>("{}").is_err());
        assert!(!format!("{address:?}").contains("NP20"));
    }
}
