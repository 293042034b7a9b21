//! Blocking keys: what a record is found by.
//!
//! Each key says "a name like this, born then" or "this house in this street". A question makes the same keys,
//! and everybody who shares one is a candidate. Faults are survived because a person has dozens of keys, each
//! resting on other particulars. The keys are keyed hashes: without the region's secret a stolen table cannot
//! be asked whether it holds a name.

use super::address::Address;
use super::birth::BirthForm;
use super::names::Among;
use super::normalise::Word;
use super::phonetic::skeleton;
use super::record::{Particulars, Place, Query, Record, Role, Token};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// Bits of a key: six bytes are enough for a million people and make small rows.
const KEY_BITS: u32 = 48;
/// Most name tokens of one field that go into keys.
const NAMES: usize = 6;

/// Marks a variant class among sounds; skeletons are smaller.
const FORM: u64 = 1 << 40;

/// What a key rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyKind {
    /// NHS, CHI or H&C number.
    Identifier = 1,
    /// First half of the number.
    IdentifierStart = 2,
    /// Second half of the number.
    IdentifierEnd = 3,
    /// Full date of birth.
    Birth = 10,
    /// A name, year and month of birth.
    NameYearMonth = 11,
    /// A name, year and day of birth.
    NameYearDay = 12,
    /// A name, month and day of birth.
    NameMonthDay = 13,
    /// Half a name, year and month.
    HalfYearMonth = 14,
    /// Half a name, month and day.
    HalfMonthDay = 15,
    /// A name and the year, asked when the question is vague.
    NameYear = 16,
    /// A name and a year, of records whose birth date is not known in full.
    NameRoughYear = 17,
    /// Both names, in any order.
    NamePair = 20,
    /// Forename and half the family name.
    GivenHalfFamily = 21,
    /// Family name and half the forename.
    FamilyHalfGiven = 22,
    /// Half of both names and the year.
    HalvesYear = 23,
    /// Postcode unit.
    Postcode = 30,
    /// A name within a postcode sector.
    NameSector = 31,
    /// House number and a word of the address.
    House = 40,
    /// Two words of the address, in any order.
    Street = 41,
    /// Both names of the mother, in any order.
    MotherPair = 50,
    /// One name of the mother, or the family name, and the month in which a child is expected.
    MotherMonth = 51,
    /// One name of the mother and half the other, of unborn children.
    MotherHalf = 52,
}

/// One key of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryKey {
    /// The key, as stored.
    pub key: i64,
    /// What it rests on.
    pub kind: KeyKind,
}

/// Makes keys under a region's secret.
#[derive(Clone)]
pub struct Keyer {
    secret: [u8; 16],
}

impl Keyer {
    /// With the region's secret: sixteen random bytes, kept apart from the database.
    #[must_use]
    pub fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// The keys to store for a record: distinct, ascending, about fifty.
    #[must_use]
    pub fn record_keys(&self, record: &Record) -> Vec<i64> {
        let mut keys = Vec::with_capacity(96);
        self.each_key(&record.0, false, |_, key| keys.push(key));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The keys to look for: distinct, ascending.
    #[must_use]
    pub fn query_keys(&self, query: &Query) -> Vec<QueryKey> {
        self.keys_of(query, true)
    }

    /// The keys under which a question itself is found again by the [`query_keys`](Self::query_keys) of a later one: distinct,
    /// ascending. Who asks looks for a date with day and month exchanged as well, so it is kept once.
    #[must_use]
    pub fn kept_keys(&self, query: &Query) -> Vec<QueryKey> {
        self.keys_of(query, false)
    }

    fn keys_of(&self, query: &Query, asking: bool) -> Vec<QueryKey> {
        let mut keys = Vec::with_capacity(96);
        self.each_key(&query.0, asking, |kind, key| keys.push(QueryKey { key, kind }));
        keys.sort_unstable();
        keys.dedup_by_key(|key| key.key);
        keys
    }

    /// The counters of names and postcodes that a record adds one to: distinct.
    #[must_use]
    pub fn record_counters(&self, record: &Record) -> Vec<i64> {
        let p = &record.0;
        let mut counters: Vec<i64> = counted(p).map(|(token, role)| self.counter(token, role)).collect();
        counters.extend(p.addresses.iter().filter_map(|address| self.postcode_counter(address)));
        counters.sort_unstable();
        counters.dedup();
        counters
    }

    /// The counters of names and postcodes that a question needs: distinct, ascending, at most some twenty.
    #[must_use]
    pub fn query_counters(&self, query: &Query) -> Vec<i64> {
        let p = &query.0;
        let mut counters: Vec<i64> = counted(p).map(|(token, role)| self.counter(token, role)).collect();
        counters.extend(p.addresses.iter().filter_map(|address| self.postcode_counter(address)));
        // Names may be swapped: how common is each in the other place?
        counters.extend(p.run(Role::Given).iter().map(|token| self.counter(token, Role::Family)));
        counters.extend(p.run(Role::Family).iter().map(|token| self.counter(token, Role::Given)));
        counters.sort_unstable();
        counters.dedup();
        counters
    }

    /// The counter of one token in one role.
    pub(super) fn counter(&self, token: &Token, role: Role) -> i64 {
        let packed = token.word.packed();
        #[expect(clippy::cast_possible_truncation, reason = "two halves")]
        self.hash(100 + role as u8, &[packed as u64, (packed >> 64) as u64])
    }

    /// The counter of an address's postcode.
    pub(super) fn postcode_counter(&self, address: &Address) -> Option<i64> {
        let postcode = address.postcode.filter(super::address::Postcode::is_unit)?;
        Some(self.hash(110, &[pack(postcode.bytes())]))
    }

    /// What a record has in common with another record of the same person: names with the full date of birth, as they are
    /// written, and the numbers that the question was asked with. Under a secret that is used once, two holders of records can
    /// let a third see that both mean one person, without showing what their records say.
    #[must_use]
    pub fn person_tags(&self, record: &Record, query: &Query) -> Vec<i64> {
        let p = &record.0;
        let mut tags = Vec::new();
        if let BirthForm::Full { year, month, day } = p.birth {
            let date = u64::from(year) << 16 | u64::from(month) << 8 | u64::from(day);
            let words = |role| p.run(role).iter().filter(|token| token.place != Place::Middle).take(NAMES).map(|token| token.word.packed());
            for given in words(Role::Given) {
                for family in words(Role::Family) {
                    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
                    tags.push(self.hash(120, &[given as u64, (given >> 64) as u64, family as u64, (family >> 64) as u64, date]));
                }
            }
        }
        for number in p.identifiers.iter().filter(|number| query.0.identifiers.contains(number)) {
            let bytes = number.bytes();
            tags.push(self.hash(121, &[pack(bytes), pack(bytes.get(8..).unwrap_or_default())]));
        }
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// A keyed hash; what it is of is told apart by the tag.
    pub(super) fn hash(&self, tag: u8, parts: &[u64]) -> i64 {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write_u8(tag);
        for part in parts {
            hasher.write_u64(*part);
        }
        i64::try_from(hasher.finish() >> (64 - KEY_BITS)).unwrap_or_default()
    }

    fn each_key(&self, p: &Particulars, asking: bool, mut emit: impl FnMut(KeyKind, i64)) {
        let mut key = |kind: KeyKind, parts: &[u64]| emit(kind, self.hash(kind as u8, parts));

        for number in &p.identifiers {
            let bytes = number.bytes();
            let (start, end) = bytes.split_at(bytes.len() / 2);
            key(KeyKind::Identifier, &[pack(bytes), pack(bytes.get(8..).unwrap_or_default())]);
            key(KeyKind::IdentifierStart, &[pack(start)]);
            key(KeyKind::IdentifierEnd, &[pack(end)]);
        }

        let given: Vec<&Token> = p.run(Role::Given).iter().filter(|t| t.place != Place::Middle).take(NAMES).collect();
        let family: Vec<&Token> = p.run(Role::Family).iter().take(NAMES).collect();
        let given_sounds = sounds(given.iter().copied(), false);
        let family_sounds = sounds(family.iter().copied(), false);
        let given_halves = halves(given.iter().copied());
        let family_halves = halves(family.iter().copied());
        let rough = !matches!(p.birth, BirthForm::Full { .. });
        let all_sounds: Vec<u64> = union(&given_sounds, &family_sounds);
        let middle = sounds(p.run(Role::Given).iter().filter(|t| t.place == Place::Middle).take(2), false);
        // Other forms of a name count only beside the other name: elsewhere the date or the place finds them.
        let given_forms = sounds(given.iter().copied(), true);
        let family_forms = sounds(family.iter().copied(), true);

        if let BirthForm::Full { year, month, day } = p.birth {
            let (y, m, d) = (u64::from(year), u64::from(month), u64::from(day));
            key(KeyKind::Birth, &[y, m, d]);
            if asking && m != d {
                key(KeyKind::Birth, &[y, d, m]);
            }
            for n in &all_sounds {
                key(KeyKind::NameYearMonth, &[*n, y, m]);
                key(KeyKind::NameYearDay, &[*n, y, d]);
                key(KeyKind::NameMonthDay, &[*n, m, d]);
            }
            for half in union(&given_halves.starts, &family_halves.starts) {
                key(KeyKind::HalfYearMonth, &[half, y, m]);
                key(KeyKind::HalfMonthDay, &[half, m, d]);
            }
        }

        let vague = rough || given.is_empty() || family.is_empty();
        for year in p.birth.years() {
            for token in given.iter().chain(&family) {
                let (sound, year) = (u64::from(token.skeleton), u64::from(year));
                if !asking || vague {
                    key(KeyKind::NameYear, &[sound, year]);
                }
                if asking || rough {
                    key(KeyKind::NameRoughYear, &[sound, year]);
                }
            }
        }

        for g in given_forms.iter().chain(&middle) {
            for f in family_forms.iter().filter(|f| **f < FORM || *g < FORM) {
                key(KeyKind::NamePair, &[*g.min(f), *g.max(f)]);
            }
        }
        for g in &given_sounds {
            for half in &family_halves.all {
                key(KeyKind::GivenHalfFamily, &[*g, *half]);
            }
        }
        for f in &family_sounds {
            for half in &given_halves.all {
                key(KeyKind::FamilyHalfGiven, &[*f, *half]);
            }
        }
        for year in p.birth.years() {
            for g in &given_halves.all {
                for f in &family_halves.all {
                    key(KeyKind::HalvesYear, &[*g, *f, u64::from(year)]);
                }
            }
        }

        for address in &p.addresses {
            if let Some(postcode) = &address.postcode {
                if postcode.is_unit() {
                    key(KeyKind::Postcode, &[pack(postcode.bytes())]);
                }
                if let Some(sector) = postcode.sector() {
                    for n in &all_sounds {
                        key(KeyKind::NameSector, &[*n, pack(sector)]);
                    }
                }
            }
            let words: Vec<u64> = p.address_words(address).iter().take(3).map(|word| u64::from(skeleton(word.bytes()))).collect();
            // Many share a street, so this is asked only when number or date is wanting.
            let streets = if !asking || rough || address.numbers[0] == 0 { &words[..] } else { &[] };
            for (i, a) in streets.iter().enumerate() {
                for b in &streets[i + 1..] {
                    key(KeyKind::Street, &[*a.min(b), *a.max(b)]);
                }
            }
            for word in &words {
                for number in address.numbers.iter().filter(|number| **number != 0) {
                    key(KeyKind::House, &[u64::from(*number), *word]);
                }
            }
        }

        let mothers_given = sounds(p.run(Role::CarerGiven).iter().filter(|t| !t.other).take(3), true);
        let mothers_family = sounds(p.run(Role::CarerFamily).iter().filter(|t| !t.other).take(3), true);
        for g in &mothers_given {
            for f in &mothers_family {
                key(KeyKind::MotherPair, &[*g.min(f), *g.max(f)]);
            }
        }
        // Only the unborn and the nameless have these keys, so asking for them costs nothing.
        if asking || p.is_unborn() || all_sounds.is_empty() {
            for month in months(p.birth, asking) {
                for n in union(&union(&mothers_given, &mothers_family), &family_sounds) {
                    key(KeyKind::MotherMonth, &[n, month]);
                }
            }
            let halved = |role: Role| halves(p.run(role).iter().filter(|token| !token.other).take(3)).all;
            for n in &mothers_given {
                for half in halved(Role::CarerFamily) {
                    key(KeyKind::MotherHalf, &[*n, half]);
                }
            }
            for n in &mothers_family {
                for half in halved(Role::CarerGiven) {
                    key(KeyKind::MotherHalf, &[*n, half]);
                }
            }
        }
        for f in mothers_family.iter().filter(|f| !family_sounds.contains(f)) {
            for g in &given_sounds {
                key(KeyKind::NamePair, &[*g.min(f), *g.max(f)]);
            }
        }
    }
}

/// The months, counted from year 0, in which a child was born or is expected; when asking, the neighbours too.
fn months(birth: BirthForm, asking: bool) -> Vec<u64> {
    use chrono::{Datelike, NaiveDate};
    let month = match birth {
        BirthForm::Full { year, month, .. } => u64::from(year) * 12 + u64::from(month),
        BirthForm::Expected { day } => {
            NaiveDate::from_num_days_from_ce_opt(day).map_or(0, |date| u64::from(date.year().unsigned_abs()) * 12 + u64::from(date.month()))
        }
        _ => return Vec::new(),
    };
    if asking { vec![month.saturating_sub(1), month, month + 1] } else { vec![month] }
}

/// Tokens that name counters count, with their roles; carers' family names count with the children's.
fn counted(p: &Particulars) -> impl Iterator<Item = (&Token, Role)> {
    [Role::Given, Role::Family, Role::CarerGiven, Role::CarerFamily]
        .into_iter()
        .flat_map(move |role| p.run(role).iter().map(move |token| (token, role)))
}

/// Eight bytes as a number.
fn pack(bytes: &[u8]) -> u64 {
    let mut out = [0; 8];
    for (slot, byte) in out.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    u64::from_le_bytes(out)
}

/// What names sound like: skeletons and, with `forms`, variant classes.
fn sounds<'a>(tokens: impl Iterator<Item = &'a Token>, forms: bool) -> Vec<u64> {
    let mut out = Vec::with_capacity(8);
    for token in tokens {
        let skeleton = Some(u64::from(token.skeleton)).filter(|skeleton| *skeleton != 0);
        let classes = token.classes.iter().filter(|class| forms && **class != 0).map(|class| FORM | u64::from(*class));
        for sound in skeleton.into_iter().chain(classes) {
            if !out.contains(&sound) {
                out.push(sound);
            }
        }
    }
    out
}

struct Halves {
    starts: Vec<u64>,
    all: Vec<u64>,
}

/// First and last three letters.
fn halves<'a>(tokens: impl Iterator<Item = &'a Token>) -> Halves {
    let mut out = Halves { starts: Vec::with_capacity(4), all: Vec::with_capacity(8) };
    let mut add = |word: &Word| {
        let bytes = word.bytes();
        let start = pack(&bytes[..bytes.len().min(3)]);
        if !out.starts.contains(&start) {
            out.starts.push(start);
        }
        let end = 1 << 56 | pack(&bytes[bytes.len().saturating_sub(3)..]);
        for half in [start, end] {
            if !out.all.contains(&half) {
                out.all.push(half);
            }
        }
    };
    tokens.for_each(|token| add(&token.word));
    out
}

fn union(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut out = a.to_vec();
    out.extend(b.iter().filter(|x| !a.contains(x)));
    out
}

/// Which keys to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The keys, rarest first.
    pub keys: Vec<i64>,
    /// Whether keys were left out to stay within the budget: an answer "none" must then say so.
    pub truncated: bool,
}

/// Takes the rarest keys first, until the records behind them would pass `budget`; always at least one key.
/// `count` says how many records a key has (keys known to have none are left out).
#[must_use]
pub fn plan(keys: &[QueryKey], count: impl Fn(i64) -> u32, budget: usize) -> Plan {
    let mut counted: Vec<(u32, i64)> = keys.iter().map(|key| (count(key.key), key.key)).filter(|(count, _)| *count > 0).collect();
    counted.sort_unstable();
    let mut sum = 0usize;
    let mut taken = 0;
    for (count, _) in &counted {
        sum += *count as usize;
        if taken > 0 && sum > budget {
            break;
        }
        taken += 1;
    }
    Plan { truncated: taken < counted.len(), keys: counted[..taken].iter().map(|(_, key)| *key).collect() }
}

/// The frequency field of a role.
pub(super) fn among(role: Role) -> Among {
    match role {
        Role::Given | Role::CarerGiven => Among::Given,
        Role::Family | Role::CarerFamily => Among::Family,
    }
}

#[cfg(test)]
mod tests {
    use super::super::person::{Birth, Person, PersonName};
    use super::*;

    fn named(given: &str, family: &str, birth: &str) -> Person {
        Person {
            names: vec![PersonName { given: Some(given.into()), family: Some(family.into()), ..PersonName::default() }],
            birth: Birth::from_text(birth),
            ..Person::default()
        }
    }

    #[test]
    fn a_faulty_question_still_meets_the_record() {
        let keyer = Keyer::new([7; 16]);
        let keys = keyer.record_keys(&Record::new(&named("Siân", "Llywelyn-Evans", "2015-03-04")));
        let table = [
            ("Sian", "Llywelyn-Evans", "2015-03-04"),
            ("Jane", "Evans", ""),
            ("Llywelyn", "Siân", ""),
            ("", "", "2015-04-03"),
            ("Siann", "Ifans", "2014-03-04"),
            ("S", "Evans", "2015-03-30"),
        ];
        for (given, family, birth) in table {
            let asked = keyer.query_keys(&Query::new(&named(given, family, birth)));
            assert!(asked.iter().any(|key| keys.contains(&key.key)), "{given} {family} {birth}");
        }
        let stranger = keyer.query_keys(&Query::new(&named("Piotr", "Nowak", "2012-11-30")));
        assert!(!stranger.iter().any(|key| keys.contains(&key.key)));
    }

    #[test]
    fn keys_need_the_secret() {
        let record = Record::new(&named("Siân", "Evans", "2015-03-04"));
        let ours = Keyer::new([7; 16]).record_keys(&record);
        let theirs = Keyer::new([8; 16]).record_keys(&record);
        assert!(ours.iter().all(|key| !theirs.contains(key)));
        assert!(ours.iter().all(|key| (0..1 << KEY_BITS).contains(key)));
    }

    #[test]
    fn a_question_that_is_kept_is_found_by_the_next_with_day_and_month_exchanged() {
        let keyer = Keyer::new([7; 16]);
        let births =
            |keys: Vec<QueryKey>| -> Vec<i64> { keys.into_iter().filter(|key| key.kind == KeyKind::Birth).map(|key| key.key).collect() };
        for (kept, asked, is_found) in [
            ("2015-03-04", "2015-03-04", true),
            ("2015-03-04", "2015-04-03", true),
            ("2015-04-03", "2015-03-04", true),
            ("2015-03-04", "2015-03-05", false),
        ] {
            let kept_under = births(keyer.kept_keys(&Query::new(&named("Siân", "Evans", kept))));
            let looked_for = births(keyer.query_keys(&Query::new(&named("Siân", "Evans", asked))));
            assert_eq!(kept_under.len(), 1, "{kept}");
            assert_eq!(kept_under.iter().any(|key| looked_for.contains(key)), is_found, "{kept} and {asked}");
        }
    }

    #[test]
    fn the_plan_takes_the_rarest_and_at_least_one() {
        let keys: Vec<QueryKey> = (1..=4).map(|key| QueryKey { key, kind: KeyKind::NamePair }).collect();
        let count = |key: i64| [0, 500, 90, 20][usize::try_from(key - 1).unwrap()];
        assert_eq!(plan(&keys, count, 600), Plan { keys: vec![4, 3], truncated: true });
        assert_eq!(plan(&keys, count, 610), Plan { keys: vec![4, 3, 2], truncated: false });
        assert_eq!(plan(&keys, count, 1), Plan { keys: vec![4], truncated: true });
        assert_eq!(plan(&keys, |_| 0, 600), Plan { keys: vec![], truncated: false });
    }
}
