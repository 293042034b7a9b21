//! Postcodes and addresses: normal form and comparison.

use super::compare::Level;
use super::normalise::{Word, fold};
use super::similarity::{jaro_winkler, one_edit_apart};
use super::weights as w;

/// A postcode in normal form.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Postcode {
    /// Characters without the blank.
    pub(super) text: [u8; 8],
    pub(super) len: u8,
    /// Characters of the outward part (`CF10`) of a British postcode; 0 for one of another country.
    pub(super) outward: u8,
}

impl Postcode {
    /// Reads a postcode, setting right `O` for `0` and `I` for `1` by position. Stand-ins (`ZZ99 …`) are missing.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let folded: Vec<u8> = fold(text).bytes().filter(|b| *b != b' ').take(8).collect();
        if folded.len() < 2 || folded.starts_with(b"ZZ99") || !folded.iter().any(u8::is_ascii_digit) {
            return None;
        }
        let mut out = Self::default();
        let british = british(&folded);
        let bytes = british.as_ref().map_or(&folded[..], |(bytes, _)| bytes);
        out.text[..bytes.len()].copy_from_slice(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "at most 8")]
        {
            out.len = bytes.len() as u8;
            out.outward = british.as_ref().map_or(0, |(_, outward)| *outward as u8);
        }
        Some(out)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// The district (`CF10`), or the whole of a foreign postcode.
    pub(super) fn district(&self) -> &[u8] {
        if self.outward == 0 { self.bytes() } else { &self.text[..self.outward as usize] }
    }

    /// The sector (`CF10 3`), if known that far; the whole of a foreign postcode.
    pub(super) fn sector(&self) -> Option<&[u8]> {
        match self.outward {
            0 => Some(self.bytes()),
            outward if self.len > outward => Some(&self.text[..=outward as usize]),
            _ => None,
        }
    }

    /// Whether the unit is known.
    pub(super) fn is_unit(&self) -> bool {
        self.outward == 0 || self.len == self.outward + 3
    }

    fn area(&self) -> &[u8] {
        let letters = self.bytes().iter().take_while(|b| b.is_ascii_uppercase()).count();
        &self.text[..letters]
    }
}

/// The characters and the length of the outward part, if this reads as a British postcode, whole or outward only.
fn british(folded: &[u8]) -> Option<(Vec<u8>, usize)> {
    let digit = |b: u8| match b {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        _ => b,
    };
    let letter = |b: u8| match b {
        b'0' => b'O',
        b'1' => b'I',
        _ => b,
    };
    let outward = |part: &[u8]| -> Option<Vec<u8>> {
        // One or two letters, a digit, then perhaps a digit or a letter.
        let letters = usize::from(part.len() > 1 && !digit(part[1]).is_ascii_digit()) + 1;
        let mut out: Vec<u8> = part.to_vec();
        for (i, b) in out.iter_mut().enumerate() {
            if i < letters {
                *b = letter(*b);
            } else if i == letters {
                *b = digit(*b);
            }
        }
        let sound = out.len() > letters
            && out.len() <= letters + 2
            && out[..letters].iter().all(u8::is_ascii_uppercase)
            && out[letters].is_ascii_digit();
        sound.then_some(out)
    };
    if (5..=7).contains(&folded.len()) {
        let (out, inward) = folded.split_at(folded.len() - 3);
        let inward = [digit(inward[0]), letter(inward[1]), letter(inward[2])];
        let sound = inward[0].is_ascii_digit() && inward[1].is_ascii_uppercase() && inward[2].is_ascii_uppercase();
        if sound && let Some(mut whole) = outward(out) {
            let len = whole.len();
            whole.extend(inward);
            return Some((whole, len));
        }
    }
    if (2..=4).contains(&folded.len()) && folded[0].is_ascii_uppercase() {
        return outward(folded).map(|out| {
            let len = out.len();
            (out, len)
        });
    }
    None
}

/// One address in normal form; its words stand in the owner's list.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) postcode: Option<Postcode>,
    /// House and flat numbers, packed with a letter; 0 for none.
    pub(super) numbers: [u32; 2],
    pub(super) first_word: u8,
    pub(super) words: u8,
    pub(super) current: bool,
}

/// Most telling words kept of one address.
const WORDS: usize = 8;

/// Words that nearly every address has.
const COMMON: [&str; 56] = [
    "ROAD",
    "RD",
    "STREET",
    "ST",
    "STR",
    "LANE",
    "LN",
    "AVENUE",
    "AVE",
    "AV",
    "CLOSE",
    "CL",
    "COURT",
    "CT",
    "CRESCENT",
    "CRES",
    "CR",
    "DRIVE",
    "DR",
    "PLACE",
    "PL",
    "TERRACE",
    "TCE",
    "TERR",
    "GARDENS",
    "GDNS",
    "GROVE",
    "GR",
    "WAY",
    "WALK",
    "CIRCUIT",
    "PARADE",
    "FLAT",
    "UNIT",
    "APARTMENT",
    "APT",
    "THE",
    "OF",
    "HOUSE",
    "HEOL",
    "FFORDD",
    "FFRD",
    "STRYD",
    "LON",
    "CLOS",
    "CWRT",
    "RHODFA",
    "TERAS",
    "RHES",
    "Y",
    "YR",
    "VLGE",
    "VILLAGE",
    "UK",
    "WALES",
    "ENGLAND",
];

/// Numbers and telling words of address lines.
pub(super) fn read_lines(lines: &[String]) -> ([u32; 2], Vec<Word>) {
    let folded = fold(&lines.join(" "));
    let mut numbers = [0; 2];
    let mut words = Vec::new();
    let mut common = Vec::new();
    for part in folded.split_whitespace() {
        let word = Word::new(part.as_bytes());
        if word.is_number() {
            if let Some(slot) = numbers.iter_mut().find(|slot| **slot == 0) {
                *slot = number(part);
            }
        } else if part.len() > 1 && !COMMON.contains(&part) {
            words.push(word);
        } else if part.len() > 1 {
            common.push(word);
        }
    }
    if words.is_empty() {
        words = common; // The Avenue; Heol y Cwrt
    }
    words.truncate(WORDS);
    (numbers, words)
}

/// `12A` packed: digits times 32 and the letter.
fn number(part: &str) -> u32 {
    let digits: String = part.chars().take_while(char::is_ascii_digit).take(6).collect();
    let letter = part.as_bytes().get(digits.len()).filter(|b| b.is_ascii_uppercase()).map_or(0, |b| u32::from(*b - b'A') + 1);
    digits.parse::<u32>().map_or(0, |digits| (digits + 1) * 32 + letter)
}

/// Whether two addresses are one home.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Home {
    #[default]
    No,
    /// All but the number.
    Near,
    Same,
}

/// What two addresses say together.
#[derive(Clone, Copy, Default)]
pub(super) struct PlaceEvidence {
    pub(super) postcode: Level,
    pub(super) street: Level,
    pub(super) bits: f32,
    pub(super) home: Home,
    /// It is one address as far as both are known: the house within a postcode, a home, or number and street with no word of the
    /// shorter that the other lacks. A number and a town in common are no address.
    pub(super) agrees: bool,
    pub(super) former: bool,
}

fn compare_postcodes(a: &Postcode, b: &Postcode, unit: f32) -> (Level, f32) {
    if a.bytes() == b.bytes() {
        return match (a.outward, a.is_unit()) {
            (0, _) | (_, true) => (Level::Unit, unit),
            (_, false) => (Level::District, w::POSTCODE_DISTRICT),
        };
    }
    let whole = a.is_unit() && b.is_unit();
    if whole && one_edit_apart(a.bytes(), b.bytes()) {
        let bits = if a.outward == 0 || b.outward == 0 { w::POSTCODE_FOREIGN_CLOSE } else { w::POSTCODE_CLOSE.min(unit) };
        return (Level::OneDigit, bits);
    }
    if a.outward == 0 || b.outward == 0 {
        return (Level::Other, w::POSTCODE_OTHER);
    }
    if a.sector().is_some() && a.sector() == b.sector() {
        (Level::Sector, w::POSTCODE_SECTOR)
    } else if a.district() == b.district() {
        (Level::District, w::POSTCODE_DISTRICT)
    } else if a.area() == b.area() {
        (Level::Area, w::POSTCODE_AREA)
    } else {
        (Level::Other, w::POSTCODE_OTHER)
    }
}

fn alike(a: &Word, b: &Word) -> f32 {
    if a.packed() == b.packed() {
        return 1.0;
    }
    let unlike = (a.letters ^ b.letters).count_ones();
    let shorter = a.len.min(b.len) as usize;
    if shorter >= 4 && unlike <= 2 && one_edit_apart(a.bytes(), b.bytes()) {
        return 0.9;
    }
    if shorter >= 5 && (a.text[..shorter] == b.text[..shorter]) {
        return 0.8;
    }
    if shorter >= 5 && unlike <= 3 && jaro_winkler(a.bytes(), b.bytes()) >= 0.9 {
        return 0.7;
    }
    0.0
}

/// How many telling words two addresses share (short ones count half), and Dice's share of all.
fn overlap(a_words: &[Word], b_words: &[Word]) -> (f32, f32) {
    let weight = |word: &Word| if word.len <= 3 { 0.5 } else { 1.0 };
    let total: f32 = a_words.iter().chain(b_words).map(weight).sum();
    let shared: f32 = a_words.iter().map(|a| weight(a) * b_words.iter().map(|b| alike(a, b)).fold(0.0, f32::max)).sum();
    (shared, 2.0 * shared / total)
}

/// Compares one address with another.
///
/// `unit` is the evidence of an equal postcode, in bits.
pub(super) fn compare_addresses(a: &Address, a_words: &[Word], b: &Address, b_words: &[Word], unit: f32) -> PlaceEvidence {
    let (postcode, postcode_bits) = match (&a.postcode, &b.postcode) {
        (Some(a), Some(b)) => compare_postcodes(a, b, unit),
        _ => (Level::Missing, 0.0),
    };
    let numbered = a.numbers[0] != 0 && b.numbers[0] != 0;
    let same_number = numbered && a.numbers.iter().any(|n| *n != 0 && b.numbers.contains(n));
    let same_numbers = numbered && (a.numbers == b.numbers || (a.numbers[0] == b.numbers[1] && a.numbers[1] == b.numbers[0]));
    let foreign = |postcode: &Option<Postcode>| postcode.is_some_and(|postcode| postcode.outward == 0);
    let mut home = Home::No;
    let mut agrees = false;
    let mut street = Level::Missing;
    let mut street_bits = 0.0;
    if postcode == Level::Unit && a.postcode.is_some_and(|p| p.outward != 0) {
        if same_number {
            street = Level::Exact;
            street_bits = w::HOUSE_IN_UNIT;
            agrees = true;
            if same_numbers {
                home = Home::Same;
            }
        } else if numbered {
            street = Level::StreetOnly;
        }
    } else if !a_words.is_empty() && !b_words.is_empty() {
        let (shared, dice) = overlap(a_words, b_words);
        if shared > 0.0 {
            let mut bits = w::STREET_WORD * (shared - w::STREET_FIRST);
            if same_number {
                street = Level::Exact;
                bits += w::HOUSE_AND_STREET;
            } else {
                street = Level::StreetOnly;
                if numbered {
                    bits += w::HOUSE_DIFFERS;
                }
            }
            street_bits = bits.min(w::STREET_CAP);
            let place_agrees = matches!(postcode, Level::Unit | Level::OneDigit | Level::Sector);
            let least = if foreign(&a.postcode) { w::HOME_WORDS } else { w::HOME_ALL_WORDS };
            let all = shared >= least && dice >= w::HOME_ALL_SHARE;
            // The street comes first: number and town alone make no home.
            let among = |word: &Word, words: &[Word]| words.iter().any(|other| alike(word, other) > 0.0);
            let street_agrees = (among(&a_words[0], b_words) && among(&b_words[0], a_words)) || dice >= w::HOME_MOST_SHARE;
            let within = |words: &[Word], others: &[Word]| words.iter().all(|word| among(word, others));
            agrees = same_number && street_agrees && (within(a_words, b_words) || within(b_words, a_words));
            if same_numbers
                && street_agrees
                && shared >= w::HOME_WORDS
                && dice >= w::HOME_SHARE
                && (place_agrees || all || postcode == Level::Missing)
            {
                home = Home::Same;
            } else if street_agrees
                && place_agrees
                && foreign(&a.postcode)
                && ((!numbered && shared >= w::NEAR_HOME_WORDS && dice >= w::NEAR_HOME_SHARE)
                    || (shared >= w::HOME_ALL_WORDS && dice >= w::HOME_MOST_SHARE))
            {
                home = Home::Near;
            }
        } else {
            street = Level::Differs;
            street_bits = w::STREET_DIFFERS;
        }
    }
    let former = !a.current || !b.current;
    let mut bits = (postcode_bits + street_bits).clamp(w::PLACE_FLOOR, w::PLACE_CAP);
    if former && bits > 0.0 {
        bits += w::FORMER_ADDRESS;
    }
    PlaceEvidence { postcode, street, bits, home, agrees: agrees || home == Home::Same, former }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postcodes_are_set_right() {
        let text = |text: &str| Postcode::from_text(text).map(|p| (String::from_utf8_lossy(p.bytes()).into_owned(), p.outward));
        let known = |text: &str, outward| Some((text.to_owned(), outward));
        let table = [
            ("cf10 3at", known("CF103AT", 4)),
            ("CF1O 3AT", known("CF1O3AT", 4)), // CF1O could be a district of letters: left alone
            ("CF10 3A7", known("CF103A7", 0)),
            ("N1 9GU", known("N19GU", 2)),
            ("SA1 IAA", known("SA11AA", 3)),
            ("W1A 0AX", known("W1A0AX", 3)),
            ("CF10", known("CF10", 4)),
            ("2119", known("2119", 0)),
            ("ZZ99 3VZ", None),
            ("", None),
            ("not known", None),
        ];
        for (written, expected) in table {
            assert_eq!(text(written), expected, "{written}");
        }
    }

    #[test]
    fn levels_of_place() {
        let address = |line: &str, postcode: &str| {
            let (numbers, words) = read_lines(&[line.to_owned()]);
            let address = Address { postcode: Postcode::from_text(postcode), numbers, first_word: 0, words: 0, current: true };
            (address, words)
        };
        let table = [
            (("12 Heol y Bont", "CF10 3AT"), ("12 Heol y Bont", "CF10 3AT"), Level::Unit, Level::Exact),
            (("12 Heol y Bont", "CF10 3AT"), ("14 Heol y Bont", "CF10 3AT"), Level::Unit, Level::StreetOnly),
            (("12 Heol y Bont", "CF10 3AT"), ("12 Heol y Bont", "NP20 1AA"), Level::Other, Level::Exact),
            (("12 Heol y Bont", "CF10 3AT"), ("3 Maes Glas", "CF10 3BB"), Level::Sector, Level::Differs),
            (("", "CF10 3AT"), ("3 Maes Glas", "CF10 9BB"), Level::District, Level::Missing),
            (("", "CF10 3AT"), ("", "CF10 3AR"), Level::OneDigit, Level::Missing),
            (("", "CF10 3AT"), ("", "CF24 1XX"), Level::Area, Level::Missing),
            (("7 wallaby place", "2119"), ("7 walaby place", "2191"), Level::OneDigit, Level::Exact),
        ];
        for ((a_line, a_code), (b_line, b_code), postcode, street) in table {
            let (a, a_words) = address(a_line, a_code);
            let (b, b_words) = address(b_line, b_code);
            let evidence = compare_addresses(&a, &a_words, &b, &b_words, w::POSTCODE_UNIT);
            assert_eq!((evidence.postcode, evidence.street), (postcode, street), "{a_line} {b_line}");
            assert!(evidence.bits <= w::PLACE_CAP && evidence.bits >= w::PLACE_FLOOR);
        }
    }
}
