//! Weighing one candidate: evidence in bits, field by field.

use super::address::{Home, PlaceEvidence, compare_addresses};
use super::birth::{BirthWeights, compare_birth};
use super::identifier::{Agreement, agreement};
use super::keys::{Keyer, among};
use super::names::national_frequency;
use super::person::Sex;
use super::rank::{Grade, alone};
use super::record::{Particulars, Place, Query, Record, Role, Token};
use super::similarity::{jaro_winkler, one_edit_apart};
use super::weights::{self as w, NameWeight};
use serde::{Deserialize, Serialize};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Forename.
    GivenName,
    /// Middle name.
    MiddleName,
    /// Family name.
    FamilyName,
    /// Date of birth, or expected date.
    BirthDate,
    /// Sex.
    Sex,
    /// NHS, CHI or H&C number.
    Identifier,
    /// Postcode.
    Postcode,
    /// House and street.
    Address,
    /// Mother or another carer.
    Carer,
}

/// How far a field agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Not known on one side or the other: no evidence.
    #[default]
    Missing,
    /// The same.
    Exact,
    /// Another form of the same name.
    Variant,
    /// One slip of the pen, or the same sound.
    Close,
    /// Some likeness.
    Similar,
    /// Only the initial is known, and agrees.
    Initial,
    /// Not the same.
    Differs,
    /// Day and month swapped.
    DayMonthSwapped,
    /// One character wrong, missing or too many, or two neighbours transposed.
    OneDigit,
    /// A few days apart.
    NearDays,
    /// Two of year, month and day.
    TwoParts,
    /// Full dates in the same year.
    SameYear,
    /// Month and year agree; the day is not known.
    MonthOnly,
    /// Year agrees; more is not known.
    YearOnly,
    /// Less than a year out.
    YearNear,
    /// Within the range or age given.
    InRange,
    /// Born or expected about the expected date.
    ExpectedNear,
    /// The same postcode unit.
    Unit,
    /// The same postcode sector.
    Sector,
    /// The same postcode district.
    District,
    /// The same postcode area.
    Area,
    /// Another area.
    Other,
    /// Street or place agree, the house number does not or is not known.
    StreetOnly,
}

/// Under which condition a field agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Qualifier {
    /// With an alias or a former name.
    Alias,
    /// A middle or second name in place of the forename.
    MiddleName,
    /// Forename and family name swapped.
    Swapped,
    /// One part of a double-barrelled name.
    Part,
    /// The mother's family name.
    MotherName,
    /// A former address.
    Former,
}

/// One line of an explanation: codes only, never a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What was compared.
    pub field: Field,
    /// How far it agrees.
    pub level: Level,
    /// Under which condition.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub qualifier: Option<Qualifier>,
    /// Evidence in bits: positive for the same person, negative against.
    pub bits: f32,
}

/// How alike two names are, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Differs,
    Initial,
    Similar,
    Close,
    Variant,
    Exact,
}

impl Likeness {
    fn level(self) -> Level {
        match self {
            Self::Differs => Level::Differs,
            Self::Initial => Level::Initial,
            Self::Similar => Level::Similar,
            Self::Close => Level::Close,
            Self::Variant => Level::Variant,
            Self::Exact => Level::Exact,
        }
    }
}

/// Size and reach of the register asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// How many people it holds.
    pub persons: u64,
    /// How many years of birth it covers; [`w::BIRTH_YEARS`] for children.
    pub birth_years: u16,
    /// Whether it holds children, whose brothers, sisters and twins are asked for every day: then a contradicted
    /// candidate is at most `possible`. False for a collection of people of all ages.
    pub children: bool,
}

impl Register {
    /// A register of children.
    #[must_use]
    pub fn of_children(persons: u64) -> Self {
        Self { persons, birth_years: w::BIRTH_YEARS, children: true }
    }

    /// A collection of people of all ages, born over so many years.
    #[must_use]
    pub fn of_all_ages(persons: u64, birth_years: u16) -> Self {
        Self { persons, birth_years, children: false }
    }
}

/// log2 of a name's frequency on this register.
#[derive(Clone, Copy)]
struct Rate {
    own: f32,
    /// As the other of forename and family name.
    swapped: f32,
}

/// What a question must know of the register: its size, and how common the names asked for are in it.
#[derive(Clone)]
pub struct Context {
    prior: f32,
    children: bool,
    home: f32,
    birth: BirthWeights,
    rates: Vec<Rate>,
    /// Bits for an equal postcode, for each address asked.
    postcodes: Vec<f32>,
}

impl Context {
    /// Looks up the frequency of the question's names; `count` gives a counter of [`Keyer::query_counters`].
    #[must_use]
    pub fn new(query: &Query, keyer: &Keyer, register: Register, count: impl Fn(i64) -> u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a million people")]
        let persons = register.persons.max(if register.children { w::LEAST_CHILDREN } else { 1 }) as f64;
        let blended = |token: &Token, role: Role, word_role: Role| {
            let national = national_frequency(&token.word, among(word_role));
            #[expect(clippy::cast_precision_loss, reason = "a million people")]
            let counted = count(keyer.counter(token, role)) as f64;
            let blended = (counted + w::NATIONAL_PERSONS * national) / (persons + w::NATIONAL_PERSONS);
            #[expect(clippy::cast_possible_truncation, reason = "weights need no more")]
            let log = blended.clamp(w::LEAST_FREQUENCY, 1.0).log2() as f32;
            log
        };
        let p = &query.0;
        let mut rates = Vec::with_capacity(p.tokens.len());
        for (role, other) in
            [(Role::Given, Some(Role::Family)), (Role::Family, Some(Role::Given)), (Role::CarerGiven, None), (Role::CarerFamily, None)]
        {
            for token in p.run(role) {
                let own = blended(token, role, role);
                rates.push(Rate { own, swapped: other.map_or(own, |other| blended(token, other, other)) });
            }
        }
        let postcodes = p
            .addresses
            .iter()
            .map(|address| {
                #[expect(clippy::cast_precision_loss, reason = "a million people")]
                let counted = keyer.postcode_counter(address).map_or(0, &count).max(1) as f64;
                let foreign = address.postcode.is_some_and(|postcode| postcode.outward == 0);
                let cap = if foreign { w::PLACE_CAP } else { w::POSTCODE_UNIT };
                #[expect(clippy::cast_possible_truncation, reason = "weights need no more")]
                let bits = (w::POSTCODE_SAME * persons / counted).log2() as f32;
                bits.clamp(w::POSTCODE_DISTRICT, cap)
            })
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "weights need no more")]
        Self {
            postcodes,
            prior: (if register.children { w::ON_REGISTER } else { 0.0 } - persons.log2()) as f32,
            children: register.children,
            home: if register.children { w::HOME_OVER_PRIOR } else { w::HOME_OVER_PRIOR_ALL_AGES },
            birth: BirthWeights::new(register.birth_years),
            rates,
        }
    }
}

/// Evidence of one field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How far the field agrees.
    pub level: Level,
    /// Under which condition.
    pub qualifier: Option<Qualifier>,
    /// Bits.
    pub bits: f32,
}

/// A candidate weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Posterior log-odds in bits: all evidence less log2 of the number of people on the register; held below
    /// [`w::PROBABLE`] when the candidate is contradicted.
    pub log_odds: f32,
    /// The same, not held down: orders the contradicted among themselves.
    pub unheld: f32,
    /// The same home.
    pub same_home: bool,
    /// Whether the address is the same as far as both are known.
    pub address_agrees: bool,
    /// The forenames are alike and yet two names, as twins have them.
    pub another_forename: bool,
    /// Forename.
    pub given: Evidence,
    /// Middle names.
    pub middle: Evidence,
    /// Family name.
    pub family: Evidence,
    /// Date of birth.
    pub birth: Evidence,
    /// Sex.
    pub sex: Evidence,
    /// NHS, CHI or H&C number.
    pub identifier: Evidence,
    /// Postcode; its bits are those of postcode and address together.
    pub postcode: Evidence,
    /// House and street; its bits stand with the postcode.
    pub address: Evidence,
    /// Mother and carers.
    pub carer: Evidence,
}

impl Comparison {
    /// The forenames are known and differ: perhaps a brother, a sister or a twin, not the child.
    #[must_use]
    pub fn forename_contradicted(&self) -> bool {
        self.given.level == Level::Differs || self.another_forename
    }

    /// The forename agrees: the same, another form, or one slip.
    #[must_use]
    pub fn forename_agrees(&self) -> bool {
        !self.another_forename && matches!(self.given.level, Level::Exact | Level::Variant | Level::Close)
    }

    /// At least two parts of the birth date agree.
    #[must_use]
    pub fn birth_agrees(&self) -> bool {
        use Level::{DayMonthSwapped, Exact, NearDays, OneDigit, TwoParts};
        matches!(self.birth.level, Exact | DayMonthSwapped | OneDigit | NearDays | TwoParts)
    }

    /// The birth dates, or birth and expected date, cannot both be right.
    #[must_use]
    pub fn birth_contradicted(&self) -> bool {
        matches!(self.birth.level, Level::Differs | Level::SameYear)
    }

    /// Whether a core particular is contradicted and nothing independent makes up for it. Such a candidate is at most
    /// `possible`: a brother, a sister or a twin, the mother's other child, or a stranger of the same name. On a register
    /// of children a home makes up for no forename, because brothers and sisters share it.
    #[must_use]
    pub fn contradicted(&self, children: bool) -> bool {
        let numbered = self.identifier.level == Level::Exact;
        let carer = self.carer.bits >= w::CARER_CONFIRMS;
        // Another street within a sector or a foreign postcode makes up for nothing.
        let placed = |levels: &[Level]| self.same_home || (levels.contains(&self.postcode.level) && self.address.level != Level::Differs);
        let unit = placed(&[Level::Unit]);
        let near = placed(&[Level::Unit, Level::OneDigit, Level::Sector]);
        let family_agrees = matches!(self.family.level, Level::Exact | Level::Variant | Level::Close);
        if self.given.level == Level::Differs || (children && self.another_forename) {
            let made_up_for = near || (self.birth.level == Level::Exact && family_agrees);
            return if children || numbered { !(numbered && self.birth_agrees()) } else { !made_up_for };
        }
        if numbered {
            return self.identifier_conflict();
        }
        if self.birth_contradicted() {
            let same_forename = matches!(self.given.level, Level::Exact | Level::Variant);
            return !(same_forename && (self.same_home || carer || (unit && family_agrees))) && (children || !near);
        }
        if self.family.level == Level::Differs {
            return !(near || carer || self.identifier.level == Level::OneDigit);
        }
        false
    }

    /// The person lives at the address asked about, as far as both are known, and has not left it behind.
    #[must_use]
    pub fn same_address(&self) -> bool {
        self.address_agrees
            && self.address.qualifier != Some(Qualifier::Former)
            && matches!(self.postcode.level, Level::Unit | Level::OneDigit | Level::Missing)
    }

    /// The number is the same but name and birth date are not: mistyped, the mother's, or an identity that was closed.
    #[must_use]
    pub fn identifier_conflict(&self) -> bool {
        self.identifier.level == Level::Exact
            && matches!(self.birth.level, Level::Differs | Level::SameYear | Level::YearNear)
            && (self.given.level == Level::Differs || (self.given.level == Level::Missing && self.family.level == Level::Differs))
    }

    /// Posterior probability, 0–1.
    #[must_use]
    pub fn score(&self) -> f64 {
        1.0 / (1.0 + (-f64::from(self.log_odds)).exp2())
    }

    /// How the address is told: a number and a word in common, which may be the town, are not yet the same address.
    fn told_address(&self) -> Evidence {
        let level = if self.address.level == Level::Exact && !self.address_agrees { Level::Similar } else { self.address.level };
        Evidence { level, ..self.address }
    }

    /// The explanation, every field that was asked for or known.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        [
            (Field::Identifier, &self.identifier),
            (Field::GivenName, &self.given),
            (Field::MiddleName, &self.middle),
            (Field::FamilyName, &self.family),
            (Field::BirthDate, &self.birth),
            (Field::Sex, &self.sex),
            (Field::Postcode, &self.postcode),
            (Field::Address, &self.told_address()),
            (Field::Carer, &self.carer),
        ]
        .into_iter()
        .filter(|(field, evidence)| {
            evidence.level != Level::Missing || matches!(field, Field::GivenName | Field::FamilyName | Field::BirthDate)
        })
        .map(|(field, evidence)| Reason { field, level: evidence.level, qualifier: evidence.qualifier, bits: evidence.bits })
        .collect()
    }
}

fn share_class(a: &Token, b: &Token) -> bool {
    a.classes[0] != 0 && b.classes[0] != 0 && a.classes.iter().any(|class| *class != 0 && b.classes.contains(class))
}

/// Polish and other family names that differ by the bearer's sex: Kowalska, Kowalski.
fn differ_by_sex(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.len() >= 5
        && a[..a.len() - 1] == b[..b.len() - 1]
        && a[a.len() - 2] == b'K'
        && matches!((a[a.len() - 1], b[b.len() - 1]), (b'A', b'I') | (b'I', b'A'))
}

fn likeness(a: &Token, b: &Token) -> Likeness {
    if a.word.packed() == b.word.packed() {
        return if a.word.len == 1 { Likeness::Initial } else { Likeness::Exact };
    }
    let (x, y) = (a.word.bytes(), b.word.bytes());
    if x.len() <= 1 || y.len() <= 1 {
        return if x.first() == y.first() { Likeness::Initial } else { Likeness::Differs };
    }
    if share_class(a, b) {
        return Likeness::Variant;
    }
    let unlike = (a.word.letters ^ b.word.letters).count_ones();
    let shorter = x.len().min(y.len());
    if unlike <= 2 && one_edit_apart(x, y) {
        return match (shorter, x.len() == y.len()) {
            _ if differ_by_sex(x, y) => Likeness::Variant,
            (4.., _) | (3, false) => Likeness::Close,
            _ => Likeness::Similar,
        };
    }
    let same_sound = a.skeleton == b.skeleton;
    // No pair with so few letters in common reaches the least similarity asked for below.
    let common = (a.word.letters & b.word.letters).count_ones();
    if common >= 2 {
        let alike = jaro_winkler(x, y);
        if alike >= 0.92 || (same_sound && alike >= 0.75) {
            return Likeness::Close;
        }
        if alike >= 0.84 || (shorter >= 3 && x[..shorter] == y[..shorter]) {
            return Likeness::Similar;
        }
    }
    if same_sound && shorter >= 3 { Likeness::Similar } else { Likeness::Differs }
}

/// `log2(agree / max(2·tf, least))` in logarithms.
fn weigh(weight: &NameWeight, rate: f32) -> f32 {
    (weight.agree - rate.max(weight.least)).clamp(weight.floor, weight.cap)
}

fn name_bits(likeness: Likeness, rate: f32, token: &Token, given: bool) -> f32 {
    let wider = (rate + 1.0).max(token.national());
    match likeness {
        Likeness::Exact => weigh(&w::NAME_EXACT, rate),
        Likeness::Variant => weigh(&w::NAME_VARIANT, wider),
        Likeness::Close => weigh(&w::NAME_CLOSE, wider),
        Likeness::Similar => weigh(&w::NAME_SIMILAR, wider),
        Likeness::Initial => {
            if given {
                w::GIVEN_INITIAL
            } else {
                w::FAMILY_INITIAL
            }
        }
        Likeness::Differs => {
            if given {
                w::GIVEN_DIFFERS
            } else {
                w::FAMILY_DIFFERS
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Best {
    bits: f32,
    likeness: Likeness,
    qualifier: Option<Qualifier>,
    /// Both are names in their own right that happen to be alike, such as Elin and Erin.
    another_name: bool,
}

impl Best {
    fn evidence(self) -> Evidence {
        Evidence { level: self.likeness.level(), qualifier: self.qualifier, bits: self.bits }
    }
}

/// The best pair of tokens of two fields.
fn best_pair(asked: &[Token], rates: &[Rate], swapped: bool, known: &[Token], given: bool, carers: bool) -> Option<Best> {
    let mut best: Option<Best> = None;
    for (a, rate) in asked.iter().zip(rates) {
        let rate = if swapped { rate.swapped } else { rate.own };
        for b in known {
            let likeness = likeness(a, b);
            if best.is_some() && likeness == Likeness::Differs {
                continue;
            }
            let mut bits = name_bits(likeness, rate, b, given);
            let mut qualifier = None;
            if likeness != Likeness::Differs {
                let (worse, better) = (a.place.max(b.place), a.place.min(b.place));
                let (penalty, why) = match (given, worse, better) {
                    (true, Place::Middle, _) => (w::MIDDLE_AS_GIVEN, Some(Qualifier::MiddleName)),
                    (true, Place::Later, _) => (w::SECOND_GIVEN, Some(Qualifier::MiddleName)),
                    (false, Place::First | Place::Later, _) => (w::NAME_PART, Some(Qualifier::Part)),
                    _ => (0.0, None),
                };
                bits += penalty;
                qualifier = why;
                if !carers && (a.other || b.other) {
                    bits += w::ALIAS;
                    qualifier = Some(Qualifier::Alias);
                }
            }
            if best.is_none_or(|best| bits > best.bits || best.likeness == Likeness::Differs) {
                let alike = matches!(likeness, Likeness::Close | Likeness::Similar);
                best = Some(Best { bits, likeness, qualifier, another_name: alike && a.is_known() && b.is_known() });
            }
        }
    }
    best
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

struct Names {
    another_forename: bool,
    given: Evidence,
    middle: Evidence,
    family: Evidence,
}

fn compare_names(q: &Particulars, r: &Particulars, rates: &[Rate]) -> Names {
    let run_rates = |role: Role| &rates[q.run_start(role)..];
    let (qg, qf) = (q.run(Role::Given), q.run(Role::Family));
    let (rg, rf) = (r.run(Role::Given), r.run(Role::Family));
    let (qg_rates, qf_rates) = (run_rates(Role::Given), run_rates(Role::Family));
    let given = best_pair(qg, qg_rates, false, rg, true, false);
    let mut family = best_pair(qf, qf_rates, false, rf, false, false);

    let poor = |best: Option<Best>| best.is_none_or(|best| best.likeness <= Likeness::Similar);
    if poor(given) || poor(family) || given.is_some_and(|best| best.qualifier == Some(Qualifier::MiddleName)) {
        let first = best_pair(qg, qg_rates, true, rf, false, false);
        let last = best_pair(qf, qf_rates, true, rg, true, false);
        let sound = |best: Option<Best>| best.is_none_or(|best| best.likeness >= Likeness::Initial);
        let bits = |best: Option<Best>| best.map_or(0.0, |best| best.bits);
        let any = first.is_some() || last.is_some();
        if any && sound(first) && sound(last) && bits(first) + bits(last) + w::NAMES_SWAPPED > bits(given) + bits(family) {
            let swapped = |best: Option<Best>| {
                best.map_or_else(Evidence::default, |best| Evidence {
                    qualifier: Some(Qualifier::Swapped),
                    bits: best.bits + w::NAMES_SWAPPED / if first.is_some() && last.is_some() { 2.0 } else { 1.0 },
                    ..best.evidence()
                })
            };
            return Names { another_forename: false, given: swapped(last), family: swapped(first), middle: Evidence::default() };
        }
    }
    if family.is_none_or(|best| best.likeness == Likeness::Differs) {
        let mothers = best_pair(qf, qf_rates, false, r.run(Role::CarerFamily), false, true);
        if let Some(mothers) = mothers.filter(|best| best.likeness >= Likeness::Close) {
            let bits = mothers.bits + w::MOTHER_FAMILY;
            if bits > family.map_or(0.0, |best| best.bits) {
                family = Some(Best { bits, qualifier: Some(Qualifier::MotherName), ..mothers });
            }
        }
    }
    let given_evidence = given.map_or_else(Evidence::default, Best::evidence);
    let mut family_evidence = family.map_or_else(Evidence::default, Best::evidence);
    family_evidence.bits =
        family_evidence.bits.min(w::NAMES_CAP - given_evidence.bits.max(0.0)).max(w::NAMES_FLOOR - given_evidence.bits.min(0.0));
    let another_forename = given.is_some_and(|best| best.another_name);
    Names { another_forename, given: given_evidence, middle: compare_middle(qg, rg, given), family: family_evidence }
}

/// Middle names count only beside a forename that agrees as such.
fn compare_middle(asked: &[Token], known: &[Token], given: Option<Best>) -> Evidence {
    if given.is_none_or(|best| best.likeness < Likeness::Initial || best.qualifier.is_some()) {
        return Evidence::default();
    }
    let later = |token: &&Token| token.place >= Place::Later && !token.other;
    let mut best: Option<Likeness> = None;
    for a in asked.iter().filter(later) {
        for b in known.iter().filter(later) {
            best = best.max(Some(likeness(a, b)));
        }
    }
    best.map_or_else(Evidence::default, |likeness| Evidence {
        level: likeness.level(),
        qualifier: None,
        bits: match likeness {
            Likeness::Exact | Likeness::Variant | Likeness::Close => w::MIDDLE_AGREES,
            Likeness::Similar | Likeness::Initial => w::MIDDLE_INITIAL,
            Likeness::Differs => w::MIDDLE_DIFFERS,
        },
    })
}

fn compare_carers(q: &Particulars, r: &Particulars, rates: &[Rate]) -> Evidence {
    let role = |given: bool| if given { Role::CarerGiven } else { Role::CarerFamily };
    let best = |given: bool| {
        let from = q.run_start(role(given));
        best_pair(q.run(role(given)), &rates[from..], false, r.run(role(given)), given, true)
    };
    let (given, mut family) = (best(true), best(false));
    // A mother who bears the child's own family name says nothing new by it.
    let own = |p: &Particulars| {
        let names = p.run(Role::Family);
        p.run(Role::CarerFamily).iter().all(|carer| names.iter().any(|name| name.word == carer.word))
    };
    if family.is_some() && !r.run(Role::Family).is_empty() && !q.run(Role::Family).is_empty() && own(q) {
        family = None;
    }
    let Some(level) = given.or(family) else { return Evidence::default() };
    let bits = given.map_or(0.0, |best| best.bits) + family.map_or(0.0, |best| best.bits);
    let unborn = q.is_unborn() || r.is_unborn();
    let cap = if unborn { w::MOTHER_CAP_UNBORN } else { w::CARER_CAP };
    Evidence { level: level.likeness.level(), qualifier: None, bits: bits.clamp(w::CARER_FLOOR, cap) }
}

fn compare_identifiers(q: &Particulars, r: &Particulars) -> Evidence {
    let best = q.identifiers.iter().flat_map(|a| r.identifiers.iter().map(|b| agreement(a, b))).max();
    let (level, bits) = match best {
        None => (Level::Missing, 0.0),
        Some(Agreement::Same) => (Level::Exact, w::IDENTIFIER_SAME),
        Some(Agreement::Close) => (Level::OneDigit, w::IDENTIFIER_CLOSE),
        Some(Agreement::Differs) => (Level::Differs, w::IDENTIFIER_DIFFERS),
    };
    Evidence { level, qualifier: None, bits }
}

fn compare_places(q: &Particulars, r: &Particulars, postcodes: &[f32]) -> PlaceEvidence {
    let mut best: Option<PlaceEvidence> = None;
    for (a, unit) in q.addresses.iter().zip(postcodes) {
        for b in &r.addresses {
            let evidence = compare_addresses(a, q.address_words(a), b, r.address_words(b), *unit);
            if best.is_none_or(|best| (evidence.home, evidence.bits) > (best.home, best.bits)) {
                best = Some(evidence);
            }
        }
    }
    best.unwrap_or_default()
}

fn compare_sex(q: Sex, r: Sex) -> Evidence {
    let (level, bits) = match (q, r) {
        (Sex::Unknown | Sex::Indeterminate, _) | (_, Sex::Unknown | Sex::Indeterminate) => (Level::Missing, 0.0),
        _ if q == r => (Level::Exact, w::SEX_SAME),
        _ => (Level::Differs, w::SEX_DIFFERS),
    };
    Evidence { level, qualifier: None, bits }
}

/// Weighs one candidate. Allocates nothing.
#[must_use]
pub fn compare(query: &Query, record: &Record, context: &Context) -> Comparison {
    let (q, r) = (&query.0, &record.0);
    let names = compare_names(q, r, &context.rates);
    let (birth_level, birth_bits) = compare_birth(q.birth, r.birth, &context.birth);
    let place = compare_places(q, r, &context.postcodes);
    let place_bits = match place.home {
        Home::No => place.bits,
        Home::Near => place.bits.max(context.home - context.prior - w::NEAR_HOME),
        Home::Same => place.bits.max(context.home - context.prior),
    };
    let former = (place.former && place.bits > 0.0).then_some(Qualifier::Former);
    let mut comparison = Comparison {
        log_odds: 0.0,
        unheld: 0.0,
        same_home: place.home == Home::Same,
        address_agrees: place.agrees,
        another_forename: names.another_forename,
        given: names.given,
        middle: names.middle,
        family: names.family,
        birth: Evidence { level: birth_level, qualifier: None, bits: birth_bits },
        sex: compare_sex(q.sex, r.sex),
        identifier: compare_identifiers(q, r),
        postcode: Evidence { level: place.postcode, qualifier: former, bits: place_bits },
        address: Evidence { level: place.street, qualifier: former, bits: 0.0 },
        carer: compare_carers(q, r, &context.rates),
    };
    if comparison.postcode.level == Level::Missing {
        std::mem::swap(&mut comparison.postcode.bits, &mut comparison.address.bits);
    }
    let c = &comparison;
    comparison.unheld = context.prior
        + c.given.bits
        + c.middle.bits
        + c.family.bits
        + c.birth.bits
        + c.sex.bits
        + c.identifier.bits
        + c.postcode.bits
        + c.address.bits
        + c.carer.bits;
    if comparison.identifier_conflict() {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let least = w::POSSIBLE as f32;
        comparison.unheld = comparison.unheld.max(least);
    }
    comparison.log_odds =
        if comparison.contradicted(context.children) { comparison.unheld.min(w::CONTRADICTED_CAP) } else { comparison.unheld };
    comparison
}

/// Whether two questions concern the same child: the grade they would have, if any. The context is the later
/// question's, over the number of questions searched.
#[must_use]
pub fn same_child(later: &Query, earlier: &Record, context: &Context) -> Option<Grade> {
    alone(&compare(later, earlier, context))
}
