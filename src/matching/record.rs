//! The normalised person: what keys are made from and comparisons read.

use super::address::{Address, Postcode, read_lines};
use super::birth::BirthForm;
use super::identifier::identifier;
use super::names::{self, Among, national_frequency};
use super::normalise::{WORD, Word, name_words};
use super::person::{NameKind, Person, Sex, redacted};
use super::phonetic::skeleton;
use super::variants::{self, CLASSES, classes};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::sync::LazyLock;
use thiserror::Error;

/// Goes up when normal form, keys or encoding change.
const FORMAT: u32 = 2;
/// Most tokens, words, addresses and identifiers kept of one person: bounds on work and on size.
const TOKENS: usize = 60;
const WORDS: usize = 60;
const ADDRESSES: usize = 8;
const IDENTIFIERS: usize = 6;

/// The version of normal form, encoding, variant and name tables together. Stored records and keys made by another
/// version must be made anew.
#[must_use]
pub fn version() -> u32 {
    static VERSION: LazyLock<u32> = LazyLock::new(|| {
        let mut hash = SipHasher24::new();
        hash.write_u32(FORMAT);
        hash.write(variants::TABLE.as_bytes());
        hash.write(names::TABLE.as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "a digest")]
        let digest = hash.finish() as u32;
        digest
    });
    *VERSION
}

/// Where in a name a token stands.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    /// The whole field, or all its parts fused.
    Whole = 0,
    /// The first of several parts.
    First = 1,
    /// A later part.
    Later = 2,
    /// A middle name.
    Middle = 3,
}

/// One word of a name with all that comparing it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) skeleton: u32,
    pub(super) classes: [u16; CLASSES],
    pub(super) place: Place,
    /// Whether it belongs to an alias or a former name; of a carer: whether this is not the mother.
    pub(super) other: bool,
    /// National frequency: eighths of a bit of rarity.
    pub(super) rarity: u8,
}

/// A frequency in eighths of a bit of rarity.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0–255")]
fn rarity(frequency: f64) -> u8 {
    (-frequency.log2() * 8.0).clamp(0.0, 255.0) as u8
}

impl Token {
    fn new(word: Word, place: Place, other: bool, among: Among) -> Self {
        let frequency = national_frequency(&word, among);
        Self { word, skeleton: skeleton(word.bytes()), classes: classes(&word, among), place, other, rarity: rarity(frequency) }
    }

    /// Whether it is a name that people bear, not a slip of the pen: it has a class, or stands in the national table.
    pub(super) fn is_known(&self) -> bool {
        self.classes[0] != 0 || self.rarity < rarity(super::weights::UNLISTED_FREQUENCY)
    }

    /// log2 of the national frequency.
    pub(super) fn national(&self) -> f32 {
        -f32::from(self.rarity) / 8.0
    }
}

/// The fields that hold names, in the order in which tokens are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Given = 0,
    Family = 1,
    CarerGiven = 2,
    CarerFamily = 3,
}

/// One person in normal form.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Particulars {
    /// Given, family, carers' given, carers' family.
    pub(super) tokens: Vec<Token>,
    /// Where each of the four runs ends.
    pub(super) ends: [u8; 4],
    pub(super) words: Vec<Word>,
    pub(super) addresses: Vec<Address>,
    pub(super) identifiers: Vec<Word>,
    pub(super) birth: BirthForm,
    pub(super) sex: Sex,
}

impl Particulars {
    fn new(person: &Person) -> Self {
        let mut runs: [Vec<Token>; 4] = Default::default();
        let mut push = |role: Role, token: Token| {
            let run = &mut runs[role as usize];
            if run.len() < TOKENS / 4 && !run.iter().any(|known| known.word == token.word) {
                run.push(token);
            }
        };
        // The name in use first, so that a repeated word is kept as current.
        for current in [true, false] {
            for name in person.names.iter().filter(|name| (name.kind == NameKind::Current) == current) {
                let given = name_words(name.given.as_deref().unwrap_or_default(), true);
                for (i, word) in given.parts.iter().enumerate() {
                    let place = if i > 0 {
                        Place::Later
                    } else if given.fused.is_some() {
                        Place::First
                    } else {
                        Place::Whole
                    };
                    push(Role::Given, Token::new(*word, place, !current, Among::Given));
                }
                if let Some(word) = given.fused {
                    push(Role::Given, Token::new(word, Place::Whole, !current, Among::Given));
                }
                for word in name_words(name.middle.as_deref().unwrap_or_default(), true).parts {
                    push(Role::Given, Token::new(word, Place::Middle, !current, Among::Given));
                }
                let family = name_words(name.family.as_deref().unwrap_or_default(), false);
                for (i, word) in family.parts.iter().enumerate() {
                    let place = match (&family.fused, i) {
                        (Some(_), 0) if family.parts.len() > 1 => Place::First,
                        (Some(_), _) if family.parts.len() > 1 => Place::Later,
                        _ => Place::Whole,
                    };
                    push(Role::Family, Token::new(*word, place, !current, Among::Family));
                }
                if let Some(word) = family.fused {
                    push(Role::Family, Token::new(word, Place::Whole, !current, Among::Family));
                }
            }
        }
        for mother in [true, false] {
            for carer in person.carers.iter().filter(|carer| !carer.hidden && carer.is_mother == mother) {
                for (field, role, among) in
                    [(&carer.given, Role::CarerGiven, Among::Given), (&carer.family, Role::CarerFamily, Among::Family)]
                {
                    let words = name_words(field.as_deref().unwrap_or_default(), role == Role::CarerGiven);
                    let parted = words.parts.len() > 1;
                    for (i, word) in words.parts.iter().enumerate() {
                        let place = if !parted {
                            Place::Whole
                        } else if i == 0 {
                            Place::First
                        } else {
                            Place::Later
                        };
                        push(role, Token::new(*word, place, !mother, among));
                    }
                    if let Some(word) = words.fused {
                        push(role, Token::new(word, Place::Whole, !mother, among));
                    }
                }
            }
        }
        let mut out = Self { birth: person.birth.into(), sex: person.sex, ..Self::default() };
        for (end, run) in out.ends.iter_mut().zip(runs) {
            out.tokens.extend(run);
            #[expect(clippy::cast_possible_truncation, reason = "at most TOKENS")]
            {
                *end = out.tokens.len() as u8;
            }
        }
        for current in [true, false] {
            for address in person.addresses.iter().filter(|address| !address.hidden && address.current == current) {
                let (numbers, words) = read_lines(&address.lines);
                let postcode = address.postcode.as_deref().and_then(Postcode::from_text);
                let full = out.addresses.len() >= ADDRESSES || out.words.len() + words.len() > WORDS;
                if full || (postcode.is_none() && words.is_empty()) {
                    continue;
                }
                #[expect(clippy::cast_possible_truncation, reason = "at most WORDS")]
                out.addresses.push(Address { postcode, numbers, first_word: out.words.len() as u8, words: words.len() as u8, current });
                out.words.extend(words);
            }
        }
        for number in person.nhs_numbers.iter().filter_map(|number| identifier(number)).take(IDENTIFIERS) {
            if !out.identifiers.contains(&number) {
                out.identifiers.push(number);
            }
        }
        out
    }

    /// The tokens of one field.
    pub(super) fn run(&self, role: Role) -> &[Token] {
        &self.tokens[self.run_start(role)..self.ends[role as usize] as usize]
    }

    /// Where the tokens of one field begin.
    pub(super) fn run_start(&self, role: Role) -> usize {
        match role {
            Role::Given => 0,
            _ => self.ends[role as usize - 1] as usize,
        }
    }

    /// The words of one address.
    pub(super) fn address_words(&self, address: &Address) -> &[Word] {
        let from = address.first_word as usize;
        self.words.get(from..from + address.words as usize).unwrap_or_default()
    }

    /// Whether this is a child not yet born, or known only by the mother.
    pub(super) fn is_unborn(&self) -> bool {
        matches!(self.birth, BirthForm::Expected { .. })
    }
}

/// A person on the register in normal form.
#[derive(Clone, Default, PartialEq)]
pub struct Record(pub(super) Particulars);

/// A question in normal form.
#[derive(Clone, Default, PartialEq)]
pub struct Query(pub(super) Particulars);

redacted!(Record, Query);

/// Stored bytes are not a record of this version.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Made by another version: normalise the person anew.
    #[error("the record was made by another version of the matching")]
    OtherVersion,
    /// Cut short or damaged.
    #[error("the record is damaged")]
    Damaged,
}

impl Query {
    /// Normalises a question.
    #[must_use]
    pub fn new(person: &Person) -> Self {
        Self(Particulars::new(person))
    }

    /// The question as if it were registered, to compare later questions with it.
    #[must_use]
    pub fn as_record(&self) -> Record {
        Record(self.0.clone())
    }
}

impl Record {
    /// Normalises a person on the register.
    #[must_use]
    pub fn new(person: &Person) -> Self {
        Self(Particulars::new(person))
    }

    /// Compact bytes to keep beside the entry, some 100–250 a person.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let p = &self.0;
        let mut out = Vec::with_capacity(256);
        out.extend(version().to_le_bytes());
        let sex = match p.sex {
            Sex::Unknown => 0u8,
            Sex::Female => 1,
            Sex::Male => 2,
            Sex::Indeterminate => 3,
        };
        let kind = match p.birth {
            BirthForm::Unknown => 0u8,
            BirthForm::Full { .. } => 1,
            BirthForm::Span { .. } => 2,
            BirthForm::Expected { .. } => 3,
        };
        out.push(sex | kind << 2);
        match p.birth {
            BirthForm::Unknown => {}
            BirthForm::Full { year, month, day } => {
                out.extend(year.to_le_bytes());
                out.extend([month, day]);
            }
            BirthForm::Span { from, to } => {
                out.extend(from.to_le_bytes());
                out.extend(to.to_le_bytes());
            }
            BirthForm::Expected { day } => out.extend(day.to_le_bytes()),
        }
        out.extend(p.ends);
        #[expect(clippy::cast_possible_truncation, reason = "bounded by TOKENS, WORDS, ADDRESSES, IDENTIFIERS")]
        out.extend([p.words.len() as u8, p.addresses.len() as u8, p.identifiers.len() as u8]);
        for token in &p.tokens {
            let classes = token.classes.iter().take_while(|class| **class != 0).count();
            #[expect(clippy::cast_possible_truncation, reason = "at most CLASSES")]
            out.push(token.place as u8 | u8::from(token.other) << 2 | (classes as u8) << 3);
            out.push(token.rarity);
            out.extend(token.skeleton.to_le_bytes());
            for class in &token.classes[..classes] {
                out.extend(class.to_le_bytes());
            }
            push_word(&mut out, &token.word);
        }
        for word in p.words.iter().chain(&p.identifiers) {
            push_word(&mut out, word);
        }
        for address in &p.addresses {
            let postcode = address.postcode.unwrap_or_default();
            out.push(postcode.len | postcode.outward << 4 | u8::from(address.current) << 7);
            out.extend(postcode.bytes());
            out.push(address.words);
            for number in address.numbers {
                out.extend(number.to_le_bytes());
            }
        }
        out
    }

    /// Reads what [`Record::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError::OtherVersion`] if tables or code changed since; [`DecodeError::Damaged`] if the bytes are not whole.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut record = Self::default();
        record.decode_from(bytes)?;
        Ok(record)
    }

    /// As [`Record::decode`], into a record whose memory is used again.
    ///
    /// # Errors
    /// As [`Record::decode`]; the record is then of no use.
    pub fn decode_from(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader(bytes);
        if u32::from_le_bytes(reader.array()?) != version() {
            return Err(DecodeError::OtherVersion);
        }
        let p = &mut self.0;
        p.tokens.clear();
        p.words.clear();
        p.addresses.clear();
        p.identifiers.clear();
        let [head] = reader.array()?;
        p.sex = match head & 3 {
            0 => Sex::Unknown,
            1 => Sex::Female,
            2 => Sex::Male,
            _ => Sex::Indeterminate,
        };
        p.birth = match head >> 2 {
            0 => BirthForm::Unknown,
            1 => {
                let [low, high, month, day] = reader.array()?;
                BirthForm::Full { year: u16::from_le_bytes([low, high]), month, day }
            }
            2 => BirthForm::Span { from: i32::from_le_bytes(reader.array()?), to: i32::from_le_bytes(reader.array()?) },
            3 => BirthForm::Expected { day: i32::from_le_bytes(reader.array()?) },
            _ => return Err(DecodeError::Damaged),
        };
        p.ends = reader.array()?;
        if !p.ends.is_sorted() || usize::from(p.ends[3]) > TOKENS {
            return Err(DecodeError::Damaged);
        }
        let [words, addresses, identifiers] = reader.array()?;
        for _ in 0..p.ends[3] {
            let [head, rarity] = reader.array()?;
            let skeleton = u32::from_le_bytes(reader.array()?);
            let mut classes = [0; CLASSES];
            for class in classes.iter_mut().take(usize::from(head >> 3)) {
                *class = u16::from_le_bytes(reader.array()?);
            }
            let place = match head & 3 {
                0 => Place::Whole,
                1 => Place::First,
                2 => Place::Later,
                _ => Place::Middle,
            };
            let word = reader.word()?;
            p.tokens.push(Token { word, skeleton, classes, place, other: head >> 2 & 1 == 1, rarity });
        }
        for _ in 0..words {
            p.words.push(reader.word()?);
        }
        for _ in 0..identifiers {
            p.identifiers.push(reader.word()?);
        }
        let mut first_word = 0u8;
        for _ in 0..addresses {
            let [head] = reader.array()?;
            let (len, outward) = (head & 15, head >> 4 & 7);
            let mut text = [0; 8];
            text.get_mut(..len as usize).ok_or(DecodeError::Damaged)?.copy_from_slice(reader.take(len as usize)?);
            let [words] = reader.array()?;
            let numbers = [u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?)];
            if outward > len {
                return Err(DecodeError::Damaged);
            }
            let postcode = (len > 0).then_some(Postcode { text, len, outward });
            p.addresses.push(Address { postcode, numbers, first_word, words, current: head >> 7 == 1 });
            first_word = first_word.checked_add(words).ok_or(DecodeError::Damaged)?;
        }
        if reader.0.is_empty() && usize::from(first_word) <= p.words.len() { Ok(()) } else { Err(DecodeError::Damaged) }
    }
}

fn push_word(out: &mut Vec<u8>, word: &Word) {
    out.push(word.len);
    out.extend(word.bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn word(&mut self) -> Result<Word, DecodeError> {
        let [len] = self.array()?;
        if usize::from(len) > WORD {
            return Err(DecodeError::Damaged);
        }
        Ok(Word::new(self.take(usize::from(len))?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::person::{Birth, PersonAddress, PersonCarer, PersonName};
    use super::*;
    use proptest::prelude::*;

    fn person(given: &str, family: &str, birth: &str, line: &str, postcode: &str, mother: &str) -> Person {
        Person {
            names: vec![
                PersonName { given: Some(given.into()), family: Some(family.into()), ..PersonName::default() },
                PersonName { family: Some(mother.into()), kind: NameKind::Former, ..PersonName::default() },
            ],
            birth: Birth::from_text(birth),
            sex: Sex::Female,
            nhs_numbers: vec!["943 476 5919".into(), "943 476 5919".into()],
            addresses: vec![PersonAddress { lines: vec![line.into()], postcode: Some(postcode.into()), current: true, hidden: false }],
            carers: vec![PersonCarer { given: Some(mother.into()), family: Some(family.into()), is_mother: true, hidden: false }],
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            given in "\\PC{0,30}", family in "[A-Za-zâŵ' -]{0,30}", birth in "[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?",
            line in "[0-9]{0,3}[ A-Za-z]{0,40}", postcode in "[A-Z0-9 ]{0,9}", mother in "[A-Za-z -]{0,20}",
        ) {
            let record = Record::new(&person(&given, &family, &birth, &line, &postcode, &mother));
            let bytes = record.encode();
            prop_assert!(Record::decode(&bytes) == Ok(record));
            for cut in 0..bytes.len() {
                prop_assert!(Record::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_refused_or_read_without_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            bytes.splice(0..0, version().to_le_bytes());
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn hidden_addresses_and_carers_leave_no_trace() {
        let mut open = person("Siân", "Evans", "2015-03-04", "1 Heol Las", "CF10 3AT", "Mair");
        let mut bare = open.clone();
        bare.addresses.clear();
        bare.carers.clear();
        open.addresses[0].hidden = true;
        open.carers[0].hidden = true;
        assert!(Record::new(&open) == Record::new(&bare));
    }

    #[test]
    fn another_version_says_so() {
        let mut bytes = Record::new(&Person::default()).encode();
        bytes[0] ^= 1;
        assert!(Record::decode(&bytes) == Err(DecodeError::OtherVersion));
    }
}
