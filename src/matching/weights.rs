//! Every weight and threshold of the matching, in bits (log2 of a likelihood ratio) unless said otherwise.
//!
//! They follow Fellegi and Sunter: a weight is `log2(m / u)`, with `m` the chance of that outcome for the
//! same person and `u` for another. Sources, where a number is published:
//!
//! * CRATE: Cardinal and others 2023, BMC Med Inform Decis Mak 23:85: error rates in NHS records.
//! * HES: Hagger-Johnson and others 2015: errors in children's hospital records.
//! * PDS: NHS Personal Demographics Service and the child protection handbooks: search practice.
//! * DEV: set by hand on invented families of our own and on the public FEBRL 3 and 4 test sets, so figures on those are flattering.
//!
//! Nothing here is fitted in production. Changing a number changes answers: say why in the commit.

/// Log-odds from which a candidate is `probable`: more likely the child than not.
pub const PROBABLE: f64 = 0.0;
/// Log-odds from which a candidate is shown at all, as `possible`: about one in seventeen.
pub const POSSIBLE: f64 = -4.0;
/// Log-odds for `certain`: 99 in 100.
pub const CERTAIN: f64 = 6.6;
/// Two different persons nearer than this are `ambiguous`; `certain` needs this lead. (CRATE) uses a lead too.
pub const LEAD: f64 = 3.0;
/// Most candidates shown to an enquirer.
pub const SHOWN: usize = 5;
/// Most candidates a check fetches; below it recall did not change up to a million people. (DEV)
pub const CANDIDATE_BUDGET: usize = 600;

/// log2 of the odds that a child asked about is on the register at all: one in three, since most checks find nobody. Even odds where
/// people of all ages are compared. (DEV)
pub const ON_REGISTER: f64 = -1.0;
/// Weight of the national table when blending name frequencies, in persons.
pub const NATIONAL_PERSONS: f64 = 20.0;
/// Least frequency of any name. (CRATE)
pub const LEAST_FREQUENCY: f64 = 5e-6;
/// Frequency of a name that the national table does not list.
pub const UNLISTED_FREQUENCY: f64 = 2e-5;
/// Years of birth a children's register covers, when nothing better is known.
pub const BIRTH_YEARS: u16 = 18;

/// How one level of likeness between two names turns into bits: `log2(agree / max(2·tf, least))`, clamped. Both chances are kept as
/// logarithms, since this runs some thousands of times a check.
#[derive(Clone, Copy)]
pub struct NameWeight {
    /// log2 of the chance that the same person's name looks like this (`m`).
    pub agree: f32,
    /// log2 of the least chance that another person's does (`u`).
    pub least: f32,
    /// Lower bound, bits.
    pub floor: f32,
    /// Upper bound, bits.
    pub cap: f32,
}

/// The same spelling: 0.72 of names are written without a fault in the worst sources; at least 5 in a million. (DEV)
pub const NAME_EXACT: NameWeight = NameWeight { agree: -0.474, least: -17.610, floor: 1.0, cap: 13.0 };
/// Another form of the same name (Siân, Jane): 0.08 against at least 0.0008. (DEV)
pub const NAME_VARIANT: NameWeight = NameWeight { agree: -3.644, least: -10.288, floor: 1.0, cap: 8.0 };
/// One slip of the pen, or the same sound: 0.12 against at least 0.0012. (CRATE) has 0.9 % for metaphone-only agreement and 0.8 %
/// for the first two letters alone; social care writes worse.
pub const NAME_CLOSE: NameWeight = NameWeight { agree: -3.059, least: -9.703, floor: 1.0, cap: 7.0 };
/// Some likeness: the same beginning, or the same consonants: 0.03 against at least 0.0032. (DEV)
pub const NAME_SIMILAR: NameWeight = NameWeight { agree: -5.059, least: -8.288, floor: 0.3, cap: 3.2 };
/// Initial agrees, forename.
pub const GIVEN_INITIAL: f32 = 2.2;
/// Initial agrees, family name.
pub const FAMILY_INITIAL: f32 = 0.5;
/// Forenames differ. (CRATE): wholly different in 0.6 %.
pub const GIVEN_DIFFERS: f32 = -6.0;
/// Family names differ. (CRATE): wholly different in 5.7 % of women, 1.3 % of men.
pub const FAMILY_DIFFERS: f32 = -4.0;
/// The agreeing name is an alias or a former name.
pub const ALIAS: f32 = -1.0;
/// A middle name stands where a forename was asked for.
pub const MIDDLE_AS_GIVEN: f32 = -3.0;
/// The second of two forenames stands where the first was asked for.
pub const SECOND_GIVEN: f32 = -1.5;
/// Only one half of a double-barrelled name agrees.
pub const NAME_PART: f32 = -0.7;
/// The mother's family name stands where the child's was asked for.
pub const MOTHER_FAMILY: f32 = -5.0;
/// Forename and family name are swapped: 4 % of the pairs in public test data, far fewer here.
pub const NAMES_SWAPPED: f32 = -3.5;
/// Most that forename and family name count for together: names go with one another (Johnny Joyce, Maryam Hussain), so
/// two rare names of one community are less rare as a pair. (DEV)
pub const NAMES_CAP: f32 = 20.0;
/// Least that forename and family name count for together: who goes by another name altogether differs in both at once. (DEV)
pub const NAMES_FLOOR: f32 = -7.5;
/// Middle names agree as well.
pub const MIDDLE_AGREES: f32 = 2.0;
/// A middle initial agrees.
pub const MIDDLE_INITIAL: f32 = 0.8;
/// Middle names differ.
pub const MIDDLE_DIFFERS: f32 = -0.8;

/// Chance that the same person's full birth date is written the same. (HES): wrong in 0.11 %; missing and worse elsewhere.
pub const BIRTH_EXACT: f64 = 0.92;
/// Chance that day and month are swapped. (PDS)
pub const BIRTH_SWAPPED: f64 = 0.012;
/// Chance of one wrong digit or two neighbouring digits transposed. (CRATE): 93 % of wrong dates keep two parts right.
pub const BIRTH_ONE_DIGIT: f64 = 0.03;
/// How many dates are one digit or one transposition away from a date.
pub const BIRTH_ONE_DIGIT_WAYS: f64 = 35.0;
/// Chance that a known year alone agrees.
pub const BIRTH_YEAR: f64 = 0.75;
/// Chance that a known year alone is one out.
pub const BIRTH_YEAR_NEAR: f64 = 0.1;
/// Chance that a known month and year agree.
pub const BIRTH_MONTH: f64 = 0.85;
/// Chance that a stated range or age holds.
pub const BIRTH_RANGE: f64 = 0.95;
/// A range or age missed by less than a year.
pub const BIRTH_RANGE_NEAR: f32 = -1.0;
/// 1 January stands for "some day in that year", which agrees. (PDS)
pub const BIRTH_JANUARY: f32 = 1.5;
/// Both say 1 January: a common stand-in, so less than a full date.
pub const BIRTH_BOTH_JANUARY: f32 = -3.0;
/// Two of year, month and day agree.
pub const BIRTH_TWO_PARTS: f32 = 0.7;
/// Only the year agrees between two full dates.
pub const BIRTH_YEAR_ONLY: f32 = -4.0;
/// Full dates at most this many days apart are near: the day of admission, the eve of a birthday.
pub const BIRTH_NEAR_DAYS: i32 = 3;
/// Chance that a date is written a few days out.
pub const BIRTH_NEAR: f64 = 0.01;
/// Dates differ. (CRATE): of the 0.5 % of dates that are not exact, 93 % keep two parts.
pub const BIRTH_DIFFERS: f32 = -7.0;
/// Birth, or a revised expectation, within [`EXPECTED_DAYS`] of the expected date.
pub const EXPECTED_NEAR: f32 = 6.0;
/// Days around an expected date within which nearly all births fall.
pub const EXPECTED_DAYS: i64 = 24;
/// Birth early, up to [`EXPECTED_EARLY_DAYS`] before the expected date; or an expectation revised by more.
pub const EXPECTED_EARLY: f32 = 1.5;
/// How early a living child may be born.
pub const EXPECTED_EARLY_DAYS: i64 = 120;
/// The same expected date on both sides, within [`EXPECTED_SAME_DAYS`]. At most one entry in twenty is unborn, and those are
/// spread over nine months.
pub const EXPECTED_SAME: f32 = 8.0;
/// Days within which two expected dates are the same.
pub const EXPECTED_SAME_DAYS: i64 = 3;
/// Birth and expectation cannot be the same pregnancy.
pub const EXPECTED_DIFFERS: f32 = -9.0;

/// Sex agrees.
pub const SEX_SAME: f32 = 0.95;
/// Sex differs. (CRATE): wrong in 0.33 %.
pub const SEX_DIFFERS: f32 = -4.5;

/// Identifier equal.
pub const IDENTIFIER_SAME: f32 = 24.0;
/// Identifier one digit or one transposition away.
pub const IDENTIFIER_CLOSE: f32 = 9.0;
/// Identifiers differ.
pub const IDENTIFIER_DIFFERS: f32 = -6.0;

/// Postcode and address together count for no more than this: brothers and sisters share them.
pub const PLACE_CAP: f32 = 9.5;
/// … and for no less than this: people move. (CRATE): about 30 % have another postcode; (HES): 53 % wrong or missing.
pub const PLACE_FLOOR: f32 = -2.2;
/// The same postcode unit: some fifteen households.
pub const POSTCODE_UNIT: f32 = 8.0;
/// One character of the postcode differs.
pub const POSTCODE_CLOSE: f32 = 5.5;
/// The same sector. (CRATE): unit wrong but sector right in 1 %.
pub const POSTCODE_SECTOR: f32 = 3.0;
/// The same district.
pub const POSTCODE_DISTRICT: f32 = 1.0;
/// The same area only.
pub const POSTCODE_AREA: f32 = -0.5;
/// Another postcode.
pub const POSTCODE_OTHER: f32 = -1.7;
/// Chance that the same person's postcode is written the same; weighed against how many on the register share it, up to
/// [`POSTCODE_UNIT`], or [`PLACE_CAP`] for a foreign one. (CRATE)
pub const POSTCODE_SAME: f64 = 0.7;
/// A foreign postcode with one slip.
pub const POSTCODE_FOREIGN_CLOSE: f32 = 4.5;
/// House number agrees within the same unit.
pub const HOUSE_IN_UNIT: f32 = 1.5;
/// House number and a word of the address agree.
pub const HOUSE_AND_STREET: f32 = 2.0;
/// Words of the address agree but the house number does not.
pub const HOUSE_DIFFERS: f32 = -0.5;
/// The first telling word of the address that agrees.
pub const STREET_WORD: f32 = 1.5;
/// A single word, often a town, says little: this much of the first word does not count.
pub const STREET_FIRST: f32 = 0.5;
/// Most that words and number of an address count for beside another postcode.
pub const STREET_CAP: f32 = 6.0;
/// No word of the address agrees.
pub const STREET_DIFFERS: f32 = -0.5;
/// The same home (all numbers and street) lifts a candidate this far above the prior, whatever the size of the register:
/// enough to be shown though both names are contradicted, since a child registered at that very door is what an
/// enquirer must hear of. Who is contradicted stays `possible`.
pub const HOME_OVER_PRIOR: f32 = 6.0;
/// Several words and the postcode agree but the number does not or is missing (addresses without British postcodes).
/// That much less than a home.
pub const NEAR_HOME: f32 = 3.0;
/// As [`HOME_OVER_PRIOR`], in a collection of people of all ages where hardly two share a home: there the same door is
/// nearly the same person.
pub const HOME_OVER_PRIOR_ALL_AGES: f32 = 15.0;
/// Words that must agree for [`NEAR_HOME`] where a number is missing; [`HOME_ALL_WORDS`] where the numbers differ.
pub const NEAR_HOME_WORDS: f32 = 2.5;
/// Share (Dice) of the words of both addresses that must agree for a home.
pub const HOME_SHARE: f32 = 0.5;
/// … and for a near home, where the number does not speak for it.
pub const NEAR_HOME_SHARE: f32 = 0.7;
/// So many words and nearly all of both addresses outweigh another postcode.
pub const HOME_ALL_WORDS: f32 = 2.7;
/// Share of words that must agree for a near home whose number differs, and for a home whose street cannot be told.
pub const HOME_MOST_SHARE: f32 = 0.8;
/// See [`HOME_ALL_WORDS`].
pub const HOME_ALL_SHARE: f32 = 0.75;
/// Words that must agree beside the number for a home without a British postcode.
pub const HOME_WORDS: f32 = 1.7;
/// Log-odds to which a contradicted candidate is held: below `probable`.
pub const CONTRADICTED_CAP: f32 = -1.0;
/// The agreeing address is a former one.
pub const FORMER_ADDRESS: f32 = -0.3;

/// Most a mother's two names count for.
pub const CARER_CAP: f32 = 6.0;
/// Most they count for when the child is unborn: then she is the identity.
pub const MOTHER_CAP_UNBORN: f32 = 16.0;
/// A carer whose agreement makes up for a contradicted birth date or family name.
pub const CARER_CONFIRMS: f32 = 4.0;
/// Least they count for: children have stepmothers and carers.
pub const CARER_FLOOR: f32 = -3.0;

/// A register of children smaller than this is weighed as if it had so many: the strangers who are asked about are drawn from
/// the population, not from the register, and do not become fewer with it. (judgement: the register of a small authority)
pub const LEAST_CHILDREN: u64 = 1_000;
