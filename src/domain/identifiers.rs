//! Identifiers other bodies give out: NHS, CHI and H&C numbers, UPN, UPRN, GSS and ODS codes.
//!
//! They are read tolerantly (spaces and hyphens where people write them) and kept in one canonical form, so that the
//! same number is equal to itself. Each is a text, never a number: leading zeros count.

use super::coded::{closed_set, coded_error};
use super::nation::Nation;
use super::sensitive::personal_text;
use super::text::plain_text;

coded_error! {
    /// Why a text is not the identifier it should be.
    pub enum IdentifierError {
        /// Nothing in it.
        Empty = "empty", "leave the identifier out, or write it in full";
        /// Not ten digits.
        NotTenDigits = "not-ten-digits", "write all ten digits";
        /// The last digit does not fit the other nine.
        WrongCheckDigit = "wrong-check-digit", "compare the number with its source: at least one digit is wrong or two are swapped";
        /// The number is in no range that is given out, or in another body's range.
        NumberOutOfRange = "number-out-of-range", "check the number and which kind it is: numbers like this are not given out by that body";
        /// The first six digits of a CHI number are no date.
        ImpossibleDate = "impossible-date", "compare the first six digits with the date of birth: they are no date";
        /// A number from the test ranges in a region that holds real children.
        TestNumber = "test-number", "use a real number: numbers from this range exist for tests only";
        /// Not one letter, eleven digits and a digit or letter.
        NotAUpn = "not-a-upn", "write the check letter and the twelve characters after it";
        /// The first letter of a UPN does not fit the rest.
        WrongCheckLetter = "wrong-check-letter", "compare the number with its source: at least one character is wrong or two are swapped";
        /// Not 1–12 digits.
        NotAUprn = "not-a-uprn", "write 1 to 12 digits";
        /// Not one letter and eight digits.
        NotAGssCode = "not-a-gss-code", "write one letter and eight digits, as in W06000022";
        /// Not 3–10 letters and digits.
        NotAnOdsCode = "not-an-ods-code", "write 3 to 10 letters and digits";
        /// Not 1–20 letters and digits.
        NotALocalAuthorityId = "not-a-local-authority-id", "write 1 to 20 letters and digits";
        /// Not lower-case words joined by hyphens.
        NotARegionCode = "not-a-region-code", "write the region's code as the directory has it: lower-case words joined by hyphens";
    }
}

closed_set! {
    /// Which ten-digit numbers a region takes. Set by configuration; never by a request.
    pub enum Ranges {
        /// A region with real children: numbers of the test ranges are refused.
        Live = "live",
        /// A sandbox: numbers of the test ranges are taken too.
        Sandbox = "sandbox",
    }
}

closed_set! {
    /// The body whose range a ten-digit health number stands in.
    pub enum Issuer {
        /// Scotland: a CHI number, which begins with the date of birth (DDMMYY).
        Scotland = "scotland",
        /// Northern Ireland: a Health and Care number, 320–399.
        NorthernIreland = "northern-ireland",
        /// England, Wales and the Isle of Man: an NHS number, 400–499 and 600–799.
        EnglandWalesIsleOfMan = "england-wales-isle-of-man",
        /// Ireland: 800–859.
        Ireland = "ireland",
        /// Nobody: numbers for tests, 500–599 and 900–999.
        Test = "test",
    }
}

/// Removes what people write between groups of digits: spaces, no-break spaces and hyphens.
fn without_separators(text: &str) -> String {
    text.chars()
        .filter(|character| !matches!(character, ' ' | '\t' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}' | '\u{2011}' | '\u{2013}'))
        .collect()
}

/// Longest identifier text looked at, in bytes: none is longer than 20 characters, the rest is room for separators.
const TEXT_BYTES_MAX: usize = 64;

/// Days in each month of a leap year: the century of a CHI number's date is not known.
const DAYS_OF_MONTH: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whether DDMMYY is a date in some century. 29 February exists in `00` because 2000 was a leap year.
fn is_short_date(digits: &[u32]) -> bool {
    let pair = |at: usize| digits[at] * 10 + digits[at + 1];
    let (day, month, year) = (pair(0), pair(2), pair(4));
    let Some(days) = month.checked_sub(1).and_then(|index| DAYS_OF_MONTH.get(index as usize)) else { return false };
    day >= 1 && day <= *days && !(month == 2 && day == 29 && year % 4 != 0)
}

/// Reads ten digits, proves the check digit and names the issuer.
fn ten_digits(text: &str) -> Result<(String, Issuer), IdentifierError> {
    if text.trim().is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(IdentifierError::NotTenDigits);
    }
    let canonical = without_separators(text);
    let digits: Vec<u32> = canonical.chars().map_while(|character| character.to_digit(10)).collect();
    if digits.len() != 10 || canonical.len() != 10 {
        return Err(IdentifierError::NotTenDigits);
    }
    // Modulus 11: weights 10 to 2 and 1 for the check digit itself. A number that would need the digit "10" does not exist.
    let sum: u32 = digits.iter().zip((1..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    if !sum.is_multiple_of(11) {
        return Err(IdentifierError::WrongCheckDigit);
    }
    let issuer = match digits[0] * 100 + digits[1] * 10 + digits[2] {
        // 010101 to 311299: whoever is outside these six digits has no CHI number at all.
        10..=319 => {
            let date = digits[..6].iter().fold(0, |date, digit| date * 10 + digit);
            if !(10_101..=311_299).contains(&date) {
                return Err(IdentifierError::NumberOutOfRange);
            }
            if !is_short_date(&digits[..6]) {
                return Err(IdentifierError::ImpossibleDate);
            }
            Issuer::Scotland
        }
        320..=399 => Issuer::NorthernIreland,
        400..=499 | 600..=799 => Issuer::EnglandWalesIsleOfMan,
        800..=859 => Issuer::Ireland,
        500..=599 | 900..=999 => Issuer::Test,
        _ => return Err(IdentifierError::NumberOutOfRange),
    };
    Ok((canonical, issuer))
}

/// Reads ten digits of one of the issuers; a test number is of every issuer.
fn ten_digits_from(text: &str, issuers: &[Issuer]) -> Result<String, IdentifierError> {
    let (canonical, issuer) = ten_digits(text)?;
    if issuer == Issuer::Test || issuers.contains(&issuer) { Ok(canonical) } else { Err(IdentifierError::NumberOutOfRange) }
}

macro_rules! health_number {
    ($Name:ident) => {
        impl $Name {
            /// Reads a number at the edge of a region, where test numbers are judged too. Use this for requests and
            /// imports; `FromStr` and serde are for reading back what this let in.
            ///
            /// # Errors
            ///
            /// As for `FromStr`, and [`IdentifierError::TestNumber`] for 500–599 and 900–999 unless `ranges` is
            /// [`Ranges::Sandbox`].
            pub fn parse(text: &str, ranges: Ranges) -> Result<Self, IdentifierError> {
                let number: Self = text.parse()?;
                number.permitted(ranges)?;
                Ok(number)
            }

            /// Whether a region with these ranges takes this number.
            ///
            /// # Errors
            ///
            /// [`IdentifierError::TestNumber`] for a number of the test ranges in a live region.
            pub fn permitted(&self, ranges: Ranges) -> Result<(), IdentifierError> {
                match (self.issuer(), ranges) {
                    (Issuer::Test, Ranges::Live) => Err(IdentifierError::TestNumber),
                    _ => Ok(()),
                }
            }

            /// The body whose range the number stands in.
            pub fn issuer(&self) -> Issuer {
                // A stored number has been through `ten_digits`; anything else would have no issuer to name.
                ten_digits(self.expose()).map_or(Issuer::Test, |(_, issuer)| issuer)
            }
        }
    };
}

personal_text! {
    /// A ten-digit health number of any of the islands' services: what people write into a field called "NHS number".
    ///
    /// Kept as ten digits without spaces. [`NhsNumber::issuer`] says whose it is.
    ///
    /// # Errors
    ///
    /// `empty`, `not-ten-digits`, `wrong-check-digit`, `number-out-of-range`, `impossible-date`, in this order.
    ///
    /// # Source
    ///
    /// Contract, part 3 (identifiers): modulus 11 and the ranges of each issuer.
    pub struct NhsNumber: IdentifierError = |text: &str| ten_digits(text).map(|(number, _)| number);
}
health_number!(NhsNumber);

personal_text! {
    /// A Scottish CHI number: ten digits, the first six a date of birth as DDMMYY, modulus 11.
    ///
    /// # Errors
    ///
    /// As [`NhsNumber`]; another issuer's number is `number-out-of-range`.
    pub struct ChiNumber: IdentifierError = |text: &str| ten_digits_from(text, &[Issuer::Scotland]);
}
health_number!(ChiNumber);

personal_text! {
    /// A Northern Ireland Health and Care number: ten digits from 320 to 399, modulus 11.
    ///
    /// # Errors
    ///
    /// As [`NhsNumber`]; another issuer's number is `number-out-of-range`.
    pub struct HcNumber: IdentifierError = |text: &str| ten_digits_from(text, &[Issuer::NorthernIreland]);
}
health_number!(HcNumber);

impl From<ChiNumber> for NhsNumber {
    fn from(number: ChiNumber) -> Self {
        Self(number.0)
    }
}

impl From<HcNumber> for NhsNumber {
    fn from(number: HcNumber) -> Self {
        Self(number.0)
    }
}

/// The letters of a UPN: the alphabet without I, O and S, which look like digits. The place is the value.
const UPN_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";

/// Reads a UPN and proves its check letter.
fn upn(text: &str) -> Result<String, IdentifierError> {
    if text.trim().is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(IdentifierError::NotAUpn);
    }
    let canonical = without_separators(text).to_ascii_uppercase();
    let [check, middle @ .., last] = canonical.as_bytes() else { return Err(IdentifierError::NotAUpn) };
    if middle.len() != 11 || !middle.iter().all(u8::is_ascii_digit) || !check.is_ascii_uppercase() {
        return Err(IdentifierError::NotAUpn);
    }
    let letter_value = |letter: u8| UPN_LETTERS.iter().position(|known| *known == letter);
    let last_value = match last {
        b'0'..=b'9' => usize::from(last - b'0'),
        letter => letter_value(*letter).ok_or(IdentifierError::NotAUpn)?,
    };
    // Weights 2 to 13 for the second to the thirteenth character, modulus 23.
    let sum: usize =
        middle.iter().map(|digit| usize::from(digit - b'0')).chain([last_value]).zip(2..).map(|(value, weight)| value * weight).sum();
    if UPN_LETTERS[sum % UPN_LETTERS.len()] == *check { Ok(canonical) } else { Err(IdentifierError::WrongCheckLetter) }
}

personal_text! {
    /// A unique pupil number: a check letter, eleven digits, and a digit, or a letter when it is temporary.
    ///
    /// # Errors
    ///
    /// `empty`, `not-a-upn`, `wrong-check-letter`.
    ///
    /// # Source
    ///
    /// CIN-VAL, rules 1510 (check letter) and 1530 (form).
    pub struct Upn: IdentifierError = upn;
}

impl Upn {
    /// Whether a school gave this number until the real one is known: its last character is a letter.
    pub fn is_temporary(&self) -> bool {
        self.expose().ends_with(|character: char| character.is_ascii_alphabetic())
    }
}

personal_text! {
    /// A unique property reference number: 1–12 digits, kept without leading zeros. Personal: it says where someone lives.
    ///
    /// # Errors
    ///
    /// `empty`; `not-a-uprn` for anything but 1–12 digits, and for zero.
    pub struct Uprn: IdentifierError = uprn;
}

fn uprn(text: &str) -> Result<String, IdentifierError> {
    if text.trim().is_empty() {
        return Err(IdentifierError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(IdentifierError::NotAUprn);
    }
    let digits = without_separators(text);
    let canonical = digits.trim_start_matches('0');
    if (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !canonical.is_empty() {
        Ok(canonical.to_owned())
    } else {
        Err(IdentifierError::NotAUprn)
    }
}

/// Reads letters and digits of a length, in upper case; separators are not part of such codes, so none are removed.
fn letters_and_digits(text: &str, length: std::ops::RangeInclusive<usize>, otherwise: IdentifierError) -> Result<String, IdentifierError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(otherwise)
    }
}

personal_text! {
    /// A person's id in an authority's own case system: 1–20 letters and digits, never reused.
    ///
    /// Kept in upper case. Means nothing outside its authority.
    ///
    /// # Source
    ///
    /// SSD-PERSON.
    pub struct LocalAuthorityChildId: IdentifierError = |text: &str| {
        letters_and_digits(text, 1..=20, IdentifierError::NotALocalAuthorityId)
    };
}

plain_text! {
    /// An authority's Government Statistical Service code: one letter and eight digits, as in `W06000022`.
    ///
    /// Codes are retired when boundaries move; whether one is in use is a question for the directory, not for this type.
    ///
    /// # Errors
    ///
    /// `empty`, `not-a-gss-code`.
    ///
    /// # Source
    ///
    /// GEO.
    pub struct GssCode: IdentifierError = |text: &str| {
        let code = letters_and_digits(text, 9..=9, IdentifierError::NotAGssCode)?;
        let (letter, digits) = code.split_at(1);
        if letter.bytes().all(|byte| byte.is_ascii_alphabetic()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(code)
        } else {
            Err(IdentifierError::NotAGssCode)
        }
    };
}

impl GssCode {
    /// The nation the code is of, by its letter. `None` for codes that are of no single nation.
    pub fn nation(&self) -> Option<Nation> {
        match self.as_str().as_bytes() {
            [b'W', ..] => Some(Nation::Wales),
            [b'E', ..] => Some(Nation::England),
            [b'S', ..] => Some(Nation::Scotland),
            [b'N', ..] => Some(Nation::NorthernIreland),
            _ => None,
        }
    }
}

plain_text! {
    /// An organisation's ODS code: 3–10 letters and digits, in upper case.
    ///
    /// # Errors
    ///
    /// `empty`, `not-an-ods-code`.
    pub struct OdsCode: IdentifierError = |text: &str| letters_and_digits(text, 3..=10, IdentifierError::NotAnOdsCode);
}

/// Longest region code, in characters: it stands in host names, where a label has at most 63.
pub const REGION_CODE_CHARACTERS_MAX: usize = 63;

plain_text! {
    /// The code of a region of the federation, such as `gwent`: lower-case words joined by single hyphens.
    ///
    /// Whether a member has this code is a question for the directory.
    ///
    /// # Errors
    ///
    /// `empty`, `not-a-region-code`.
    pub struct RegionCode: IdentifierError = |text: &str| {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if text.is_empty() {
            Err(IdentifierError::Empty)
        } else if text.len() <= REGION_CODE_CHARACTERS_MAX && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('-').all(is_word) {
            Ok(text.to_owned())
        } else {
            Err(IdentifierError::NotARegionCode)
        }
    };
}

closed_set! {
    /// Which kind of identifier a child's identifier is.
    pub enum IdentifierKind {
        /// An NHS number of England, Wales, the Isle of Man or Ireland.
        NhsNumber = "nhs-number",
        /// A Scottish CHI number.
        ChiNumber = "chi-number",
        /// A Northern Ireland Health and Care number.
        HcNumber = "hc-number",
        /// A unique pupil number.
        Upn = "upn",
        /// A unique pupil number the child had before.
        FormerUpn = "former-upn",
        /// The child's id in the authority's own case system.
        LocalAuthorityChildId = "local-authority-child-id",
    }
}

/// One identifier of a child, of whichever kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// An NHS number.
    NhsNumber(NhsNumber),
    /// A CHI number.
    ChiNumber(ChiNumber),
    /// A Health and Care number.
    HcNumber(HcNumber),
    /// A unique pupil number.
    Upn(Upn),
    /// A former unique pupil number.
    FormerUpn(Upn),
    /// An id of the authority's own case system.
    LocalAuthorityChildId(LocalAuthorityChildId),
}

impl Identifier {
    /// Reads an identifier of a kind.
    ///
    /// # Errors
    ///
    /// As the type of that kind.
    pub fn parse(kind: IdentifierKind, text: &str, ranges: Ranges) -> Result<Self, IdentifierError> {
        Ok(match kind {
            IdentifierKind::NhsNumber => Self::NhsNumber(NhsNumber::parse(text, ranges)?),
            IdentifierKind::ChiNumber => Self::ChiNumber(ChiNumber::parse(text, ranges)?),
            IdentifierKind::HcNumber => Self::HcNumber(HcNumber::parse(text, ranges)?),
            IdentifierKind::Upn => Self::Upn(text.parse()?),
            IdentifierKind::FormerUpn => Self::FormerUpn(text.parse()?),
            IdentifierKind::LocalAuthorityChildId => Self::LocalAuthorityChildId(text.parse()?),
        })
    }

    /// The kind.
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::NhsNumber(_) => IdentifierKind::NhsNumber,
            Self::ChiNumber(_) => IdentifierKind::ChiNumber,
            Self::HcNumber(_) => IdentifierKind::HcNumber,
            Self::Upn(_) => IdentifierKind::Upn,
            Self::FormerUpn(_) => IdentifierKind::FormerUpn,
            Self::LocalAuthorityChildId(_) => IdentifierKind::LocalAuthorityChildId,
        }
    }

    /// Reads the canonical text.
    pub fn expose(&self) -> &str {
        match self {
            Self::NhsNumber(number) => number.expose(),
            Self::ChiNumber(number) => number.expose(),
            Self::HcNumber(number) => number.expose(),
            Self::Upn(number) | Self::FormerUpn(number) => number.expose(),
            Self::LocalAuthorityChildId(id) => id.expose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Adds the check digit to nine digits; `None` when the number cannot exist.
    fn with_check_digit(nine: &str) -> Option<String> {
        let sum: u32 = nine.chars().zip((2..=10).rev()).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
        match (11 - sum % 11) % 11 {
            10 => None,
            check => Some(format!("{nine}{check}")),
        }
    }

    /// The first number that exists and begins with a prefix.
    fn number(prefix: &str) -> String {
        (0..1_000_000_u32).find_map(|filler| with_check_digit(&format!("{prefix}{:0width$}", filler, width = 9 - prefix.len()))).unwrap()
    }

    #[test]
    fn published_example_numbers_are_read() {
        // 943 476 5919 is the worked example of the NHS data dictionary and stands in the test range 900–999.
        for text in ["9434765919", "943 476 5919", "943-476-5919", " 943\u{a0}476\u{a0}5919 "] {
            assert_eq!(text.parse::<NhsNumber>().unwrap().expose(), "9434765919", "{text}");
        }
        assert_eq!("401 023 2137".parse::<NhsNumber>().unwrap().issuer(), Issuer::EnglandWalesIsleOfMan);
    }

    #[test]
    fn each_range_has_its_issuer_and_its_first_bad_value_on_each_side() {
        let table = [
            ("000", Err(IdentifierError::NumberOutOfRange)),
            ("009", Err(IdentifierError::NumberOutOfRange)),
            ("010100", Err(IdentifierError::NumberOutOfRange)),
            ("010101", Ok(Issuer::Scotland)),
            ("311299", Ok(Issuer::Scotland)),
            ("311300", Err(IdentifierError::NumberOutOfRange)),
            ("319999", Err(IdentifierError::NumberOutOfRange)),
            ("320", Ok(Issuer::NorthernIreland)),
            ("399", Ok(Issuer::NorthernIreland)),
            ("400", Ok(Issuer::EnglandWalesIsleOfMan)),
            ("499", Ok(Issuer::EnglandWalesIsleOfMan)),
            ("500", Ok(Issuer::Test)),
            ("599", Ok(Issuer::Test)),
            ("600", Ok(Issuer::EnglandWalesIsleOfMan)),
            ("799", Ok(Issuer::EnglandWalesIsleOfMan)),
            ("800", Ok(Issuer::Ireland)),
            ("859", Ok(Issuer::Ireland)),
            ("860", Err(IdentifierError::NumberOutOfRange)),
            ("899", Err(IdentifierError::NumberOutOfRange)),
            ("900", Ok(Issuer::Test)),
            ("999", Ok(Issuer::Test)),
        ];
        for (prefix, expected) in table {
            assert_eq!(number(prefix).parse::<NhsNumber>().map(|number| number.issuer()), expected, "{prefix}");
        }
    }

    #[test]
    fn the_date_inside_a_chi_number_must_exist() {
        let table = [
            ("280201", Ok(())),
            ("290201", Err(IdentifierError::ImpossibleDate)),
            ("290200", Ok(())),
            ("290204", Ok(())),
            ("300204", Err(IdentifierError::ImpossibleDate)),
            ("300404", Ok(())),
            ("310404", Err(IdentifierError::ImpossibleDate)),
            ("310504", Ok(())),
            ("150004", Err(IdentifierError::ImpossibleDate)),
            ("151204", Ok(())),
            ("151304", Err(IdentifierError::ImpossibleDate)),
        ];
        for (prefix, expected) in table {
            assert_eq!(number(prefix).parse::<ChiNumber>().map(|_| ()), expected, "{prefix}");
        }
    }

    #[test]
    fn what_is_not_ten_digits_is_refused() {
        let table = [
            ("", IdentifierError::Empty),
            ("  ", IdentifierError::Empty),
            ("943476591", IdentifierError::NotTenDigits),
            ("94347659190", IdentifierError::NotTenDigits),
            ("943476591X", IdentifierError::NotTenDigits),
            ("943.476.5919", IdentifierError::NotTenDigits),
            ("٩٤٣٤٧٦٥٩١٩", IdentifierError::NotTenDigits),
            ("-", IdentifierError::NotTenDigits),
            ("9434765918", IdentifierError::WrongCheckDigit),
            ("9434765910", IdentifierError::WrongCheckDigit),
            ("9434756919", IdentifierError::WrongCheckDigit),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<NhsNumber>(), Err(error), "{text}");
        }
        assert_eq!(" ".repeat(100).parse::<NhsNumber>(), Err(IdentifierError::Empty));
        assert_eq!("9".repeat(100).parse::<NhsNumber>(), Err(IdentifierError::NotTenDigits));
    }

    #[test]
    fn a_test_number_is_refused_by_a_live_region_only() {
        for prefix in ["500", "599", "900", "999"] {
            let text = number(prefix);
            assert_eq!(NhsNumber::parse(&text, Ranges::Live), Err(IdentifierError::TestNumber));
            assert_eq!(ChiNumber::parse(&text, Ranges::Live), Err(IdentifierError::TestNumber));
            assert!(NhsNumber::parse(&text, Ranges::Sandbox).is_ok());
            assert!(HcNumber::parse(&text, Ranges::Sandbox).is_ok());
        }
        assert!(NhsNumber::parse(&number("400"), Ranges::Live).is_ok());
    }

    #[test]
    fn a_number_of_another_issuer_is_out_of_range() {
        assert_eq!(number("400").parse::<ChiNumber>(), Err(IdentifierError::NumberOutOfRange));
        assert_eq!(number("010101").parse::<HcNumber>(), Err(IdentifierError::NumberOutOfRange));
        assert_eq!(number("400").parse::<HcNumber>(), Err(IdentifierError::NumberOutOfRange));
        assert_eq!(NhsNumber::from(number("320").parse::<HcNumber>().unwrap()).issuer(), Issuer::NorthernIreland);
    }

    #[test]
    fn a_upn_has_its_check_letter() {
        // B801200005001 and its damaged forms: the example used by several public checkers.
        let table = [
            ("B801200005001", Ok(false)),
            ("b801200005001", Ok(false)),
            ("B 801 2000 05 001", Ok(false)),
            ("A801200005001", Err(IdentifierError::WrongCheckLetter)),
            ("I801200005001", Err(IdentifierError::WrongCheckLetter)),
            ("B801200005010", Err(IdentifierError::WrongCheckLetter)),
            ("B80120000500", Err(IdentifierError::NotAUpn)),
            ("B8012000050011", Err(IdentifierError::NotAUpn)),
            ("8801200005001", Err(IdentifierError::NotAUpn)),
            ("B80120000500S", Err(IdentifierError::NotAUpn)),
            ("B80120000A001", Err(IdentifierError::NotAUpn)),
            ("B80120000500é", Err(IdentifierError::NotAUpn)),
            ("", Err(IdentifierError::Empty)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Upn>().map(|upn| upn.is_temporary()), expected, "{text}");
        }
    }

    #[test]
    fn a_temporary_upn_ends_in_a_letter_that_counts() {
        // 8·2 + 0 + 1·4 + 2·5 + 5·10 = 80; B is 1, times 13 = 13; 93 mod 23 = 1: B.
        let upn: Upn = "B80120000500B".parse().unwrap();
        assert!(upn.is_temporary());
        assert_eq!("B80120000500C".parse::<Upn>(), Err(IdentifierError::WrongCheckLetter));
    }

    #[test]
    fn a_uprn_has_1_to_12_digits() {
        let table = [
            ("1", Ok("1")),
            ("100090014", Ok("100090014")),
            ("000100090014", Ok("100090014")),
            ("999999999999", Ok("999999999999")),
            ("9999999999999", Err(IdentifierError::NotAUprn)),
            ("0", Err(IdentifierError::NotAUprn)),
            ("12a", Err(IdentifierError::NotAUprn)),
            ("", Err(IdentifierError::Empty)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Uprn>().as_ref().map(Uprn::expose).map_err(|error| *error), expected, "{text}");
        }
    }

    #[test]
    fn codes_of_authorities_organisations_and_regions_have_their_forms() {
        let gss = |text: &str| text.parse::<GssCode>().map(|code| code.nation());
        assert_eq!(gss("W06000022"), Ok(Some(Nation::Wales)));
        assert_eq!(gss(" e08000025 "), Ok(Some(Nation::England)));
        assert_eq!(gss("S12000049"), Ok(Some(Nation::Scotland)));
        assert_eq!(gss("N09000003"), Ok(Some(Nation::NorthernIreland)));
        assert_eq!(gss("K02000001"), Ok(None));
        for text in ["W0600002", "W060000222", "006000022", "WW6000022", "W06 00022", "W0600002é"] {
            assert_eq!(gss(text), Err(IdentifierError::NotAGssCode), "{text}");
        }
        assert_eq!("7a6".parse::<OdsCode>().unwrap().as_str(), "7A6");
        assert!("A123456789".parse::<OdsCode>().is_ok());
        for text in ["7A", "A1234567890", "7A-6"] {
            assert_eq!(text.parse::<OdsCode>(), Err(IdentifierError::NotAnOdsCode), "{text}");
        }
        for text in ["gwent", "mid-and-west-wales", "a1"] {
            assert_eq!(text.parse::<RegionCode>().unwrap().as_str(), text);
        }
        for text in ["Gwent", "-gwent", "gwent-", "mid--wales", "1gwent", "gw ent", "gwént"] {
            assert_eq!(text.parse::<RegionCode>(), Err(IdentifierError::NotARegionCode), "{text}");
        }
        assert!("a".repeat(63).parse::<RegionCode>().is_ok());
        assert!("a".repeat(64).parse::<RegionCode>().is_err());
        assert!("1".repeat(20).parse::<LocalAuthorityChildId>().is_ok());
        assert!("1".repeat(21).parse::<LocalAuthorityChildId>().is_err());
    }

    #[test]
    fn an_identifier_prints_nothing_of_itself() {
        let identifier = Identifier::parse(IdentifierKind::NhsNumber, "9434765919", Ranges::Sandbox).unwrap();
        assert_eq!(format!("{identifier:?}"), "NhsNumber(NhsNumber([personal]))");
        for error in IdentifierError::ALL {
            assert!(!error.to_string().is_empty() && !error.code().is_empty());
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_or_one_swap_never_passes(nine in "[0-9]{9}", at in 0_usize..10, other in 1_u32..10) {
            if let Some(number) = with_check_digit(&nine) {
                let digits: Vec<u32> = number.chars().filter_map(|digit| digit.to_digit(10)).collect();
                let mut wrong = digits.clone();
                wrong[at] = (wrong[at] + other) % 10;
                let text: String = wrong.iter().map(u32::to_string).collect();
                prop_assert_eq!(text.parse::<NhsNumber>(), Err(IdentifierError::WrongCheckDigit));
                if at < 9 && digits[at] != digits[at + 1] {
                    let mut swapped = digits;
                    swapped.swap(at, at + 1);
                    let text: String = swapped.iter().map(u32::to_string).collect();
                    prop_assert_eq!(text.parse::<NhsNumber>(), Err(IdentifierError::WrongCheckDigit));
                }
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,30}") {
            let _ = text.parse::<NhsNumber>();
            let _ = text.parse::<Upn>();
            let _ = text.parse::<Uprn>();
            let _ = text.parse::<GssCode>();
            let _ = text.parse::<RegionCode>();
        }
    }
}
