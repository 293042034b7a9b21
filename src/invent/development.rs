//! A register and queries for developing and measuring the matcher.
//!
//! The queries are about people on the register and about people who are not, with the faults that enquirers make. Each
//! query carries tags, so that recall can be reported per slice. The mixes follow what is published about linkage of
//! children's records: names and dates are mostly right (`Real`), and worse in what is heard at night (`Hard`).

use chrono::{Datelike, Duration, NaiveDate};

use super::child::{AddressKind, Birth, InventedChild, InventedName, NameKind, Sex, Standing};
use super::dice::Dice;
use super::family::Families;
use super::faults;
use super::names::NameTradition;
use super::places::Place;

/// One row of a register or of a list of queries, in the columns of `cofrestr match-report`; empty means not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Particulars {
    /// Identifier of the row.
    pub id: String,
    /// Forename.
    pub given: String,
    /// Middle name.
    pub middle: String,
    /// Family name.
    pub family: String,
    /// Forename of an alias, a former or a preferred name.
    pub alias_given: String,
    /// Family name of an alias, a former or a preferred name.
    pub alias_family: String,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    pub date_of_birth: String,
    /// `female`, `male` or `indeterminate`.
    pub sex: String,
    /// Ten digits, sometimes with spaces in queries.
    pub nhs_number: String,
    /// Lines joined by commas, without the postcode.
    pub address: String,
    /// Postcode.
    pub postcode: String,
    /// Forename of the mother.
    pub mother_given: String,
    /// Family name of the mother.
    pub mother_family: String,
    /// `YYYY-MM-DD`, for an unborn child.
    pub expected_delivery_date: String,
}

impl Particulars {
    /// What a register holds of a child. A confidential address is left out.
    pub fn on_register(child: &InventedChild) -> Self {
        let mut row = Self { id: child.key.clone(), ..Self::default() };
        if let Some(name) = child.name(NameKind::Official) {
            row.given = name.given.clone().unwrap_or_default();
            row.middle = name.middle.clone().unwrap_or_default();
            row.family = name.family.clone().unwrap_or_default();
        }
        if let Some(name) = child.names.iter().find(|name| name.kind != NameKind::Official) {
            row.alias_given = name.given.clone().unwrap_or_default();
            row.alias_family = name.family.clone().unwrap_or_default();
        }
        match child.birth {
            Birth::Exact(on) => row.date_of_birth = on.to_string(),
            Birth::Expected(on) => row.expected_delivery_date = on.to_string(),
            Birth::Approximate { from, to } if from.month() == to.month() && from.year() == to.year() => {
                row.date_of_birth = from.format("%Y-%m").to_string();
            }
            // One cell cannot hold a span of years; the middle of it is nearest to all of them.
            Birth::Approximate { from, to } => {
                row.date_of_birth = (from + (to - from) / 2).format("%Y").to_string();
            }
        }
        row.sex = child.sex.as_str().to_owned();
        row.nhs_number = child.nhs_number.clone().unwrap_or_default();
        if let Some(address) = child.open_address() {
            row.address = address.lines.join(", ");
            row.postcode = address.postcode.clone();
        }
        if let Some(mother) = child.mother() {
            row.mother_given = mother.given.clone();
            row.mother_family = mother.family.clone();
        }
        row
    }
}

/// A question about a person, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What the enquirer knows, or believes.
    pub asked: Particulars,
    /// `id` of the person in the register; empty when the person is not there.
    pub truth: String,
    /// What is special about the person and wrong with the particulars.
    pub slices: Vec<&'static str>,
}

/// How bad the particulars are that enquirers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorMix {
    /// As agencies know a child: 96 of 100 queries have both names and a full date, half have an NHS number.
    Real,
    /// As heard at night: more than half of the queries are wrong in a name or the date, 13 of 100 have an NHS number.
    Hard,
}

/// How much to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetSize {
    /// People on the register.
    pub register: usize,
    /// Queries about people on the register, in each mix.
    pub on_register: usize,
    /// Queries about people who are not, in each mix.
    pub off_register: usize,
    /// Queries about brothers, sisters and twins, not on the register themselves, of people who are.
    pub siblings: usize,
}

/// A register and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct DevelopmentSet {
    /// The people on the register.
    pub register: Vec<InventedChild>,
    /// Queries in the mix `Real`.
    pub real: Vec<Query>,
    /// Queries in the mix `Hard`.
    pub hard: Vec<Query>,
    /// Queries in the mix `Real` about unregistered brothers, sisters and twins; none has a truth.
    pub siblings: Vec<Query>,
}

/// Makes a register and queries, the same for the same size, seed and day.
pub fn development_set(size: SetSize, seed: u64, today: NaiveDate) -> DevelopmentSet {
    let mut families = Families::of_everywhere("welsh", seed, today);
    let (register, unregistered) = people(&mut families, size.register);
    // Strangers come from the same families' stream, so they are like the others and share no identifier with them.
    let (strangers, _) = people(&mut families, size.off_register.min(size.register.max(1000)));
    let queries = |mix, salt| {
        let mut dice = Dice::new(seed, salt);
        let mut queries = asked_about(&register, size.on_register, mix, true, today, &mut dice);
        queries.extend(asked_about(&strangers, size.off_register, mix, false, today, &mut dice));
        numbered(queries, &mut dice)
    };
    let real = queries(ErrorMix::Real, "real");
    let hard = queries(ErrorMix::Hard, "hard");
    let mut dice = Dice::new(seed, "siblings");
    let siblings = asked_about(&unregistered, size.siblings, ErrorMix::Real, false, today, &mut dice);
    let siblings = numbered(siblings, &mut dice);
    DevelopmentSet { register, real, hard, siblings }
}

/// People with an entry, and those of their households without one.
fn people(families: &mut Families, count: usize) -> (Vec<InventedChild>, Vec<InventedChild>) {
    let mut on_register = Vec::with_capacity(count);
    let mut unregistered = Vec::new();
    while on_register.len() < count {
        let Some(family) = families.next_family(count - on_register.len()) else {
            break;
        };
        let (with, without): (Vec<_>, Vec<_>) = family.into_iter().partition(|child| child.registration.is_some());
        on_register.extend(with);
        unregistered.extend(without);
    }
    (on_register, unregistered)
}

/// `count` queries; nobody is asked about a second time before everybody was once.
fn asked_about(people: &[InventedChild], count: usize, mix: ErrorMix, on_register: bool, today: NaiveDate, dice: &mut Dice) -> Vec<Query> {
    let mut order: Vec<usize> = Vec::new();
    let mut queries = Vec::with_capacity(count);
    while queries.len() < count && !people.is_empty() {
        if order.is_empty() {
            order = (0..people.len()).collect();
        }
        let child = &people[order.swap_remove(dice.below(order.len()))];
        let mut query = query(child, mix, today, dice);
        if on_register {
            query.truth = child.key.clone();
        }
        queries.push(query);
    }
    queries
}

fn numbered(mut queries: Vec<Query>, dice: &mut Dice) -> Vec<Query> {
    for last in (1..queries.len()).rev() {
        queries.swap(last, dice.below(last + 1));
    }
    for (number, query) in queries.iter_mut().enumerate() {
        query.asked.id = format!("q{:05}", number + 1);
    }
    queries
}

/// A query about a child that is enough to search on.
///
/// Who knows less is asked for more, and no check is made; so the particulars are drawn until they are enough.
fn query(child: &InventedChild, mix: ErrorMix, today: NaiveDate, dice: &mut Dice) -> Query {
    let mut query = draw_query(child, mix, today, dice);
    for _ in 0..30 {
        if is_enough(&query.asked) {
            break;
        }
        query = draw_query(child, mix, today, dice);
    }
    query
}

/// Whether a check may be asked with these particulars: the rule of `POST /v1/checks`.
pub(super) fn is_enough(asked: &Particulars) -> bool {
    let known = |text: &str| !text.is_empty();
    let names = usize::from(known(&asked.given)) + usize::from(known(&asked.family));
    known(&asked.nhs_number)
        || (names == 2 && (known(&asked.date_of_birth) || known(&asked.postcode)))
        || (names == 1 && asked.date_of_birth.len() == 10 && (known(&asked.sex) || known(&asked.postcode)))
        || (known(&asked.mother_given) && known(&asked.mother_family) && (known(&asked.expected_delivery_date) || known(&asked.postcode)))
}

/// A query about a child: what is known, then what goes wrong.
fn draw_query(child: &InventedChild, mix: ErrorMix, today: NaiveDate, dice: &mut Dice) -> Query {
    let mut enquirer = Enquirer { child, mix, today, asked: Particulars::on_register(child), slices: traits(child), dice };
    enquirer.leave_out();
    if matches!(child.birth, Birth::Expected(_)) {
        enquirer.ask_for_the_unborn();
    } else {
        enquirer.misname();
        enquirer.misdate();
        enquirer.mistake_sex();
    }
    enquirer.misplace();
    enquirer.misnumber();
    enquirer.write_otherwise();
    if enquirer.asked.nhs_number.is_empty() {
        enquirer.slices.push("no-nhs-number");
    }
    Query { asked: enquirer.asked, truth: String::new(), slices: enquirer.slices }
}

fn traits(child: &InventedChild) -> Vec<&'static str> {
    let mut slices = vec![match child.tradition {
        NameTradition::Welsh => "names-welsh",
        NameTradition::British => "names-british",
        NameTradition::Pakistani => "names-pakistani",
        NameTradition::Indian => "names-indian",
        NameTradition::Polish => "names-polish",
        NameTradition::Romanian => "names-romanian",
        NameTradition::Arabic => "names-arabic",
        NameTradition::African => "names-african",
        NameTradition::Traveller => "names-traveller",
    }];
    let family = child.name(NameKind::Official).and_then(|name| name.family.as_deref()).unwrap_or_default();
    slices.extend((family.contains('-') && !family.starts_with("Al-")).then_some("double-barrelled"));
    slices.extend(child.twin_of.is_some().then_some("twin"));
    slices.extend(child.shielded.then_some("shielded"));
    slices.extend(matches!(child.birth, Birth::Approximate { .. }).then_some("approximate-birth-on-register"));
    slices.push(match child.standing() {
        Standing::Registered => "registered",
        Standing::TemporarilyRegistered => "temporary",
        Standing::PreviouslyRegistered => "former",
        Standing::UnbornRegistered => "unborn",
        Standing::Unregistered => "unregistered-sibling",
    });
    slices
}

/// Somebody who asks about a child and does not know everything right.
struct Enquirer<'a> {
    child: &'a InventedChild,
    mix: ErrorMix,
    today: NaiveDate,
    asked: Particulars,
    slices: Vec<&'static str>,
    dice: &'a mut Dice,
}

impl Enquirer<'_> {
    /// Whether something happens whose share is one in the real mix and another in the hard one.
    fn chance(&mut self, real: f64, hard: f64) -> bool {
        let share = match self.mix {
            ErrorMix::Real => real,
            ErrorMix::Hard => hard,
        };
        self.dice.percent(share)
    }

    /// Draws at most one of several faults, each with its share in both mixes.
    fn one_of(&mut self, faults: &[(&'static str, f64, f64)]) -> Option<&'static str> {
        let throw = self.dice.below(100_000) as f64 / 1000.0;
        let mut sum = 0.0;
        for (fault, real, hard) in faults {
            sum += match self.mix {
                ErrorMix::Real => real,
                ErrorMix::Hard => hard,
            };
            if throw < sum {
                return Some(fault);
            }
        }
        None
    }

    fn tag(&mut self, slice: &'static str) {
        if !self.slices.contains(&slice) {
            self.slices.push(slice);
        }
    }

    /// Items that are simply not known; that is no error, and most are missing most of the time.
    fn leave_out(&mut self) {
        let unborn = matches!(self.child.birth, Birth::Expected(_));
        if !self.chance(54.0, 14.0) {
            self.asked.nhs_number.clear();
        }
        if !self.chance(35.0, 18.0) {
            self.asked.middle.clear();
        }
        if !self.chance(86.0, 75.0) {
            self.asked.sex.clear();
        }
        if !self.chance(25.0, 22.0) && !unborn {
            self.asked.mother_given.clear();
            self.asked.mother_family.clear();
        }
        if !self.chance(35.0, 20.0) {
            self.asked.alias_given.clear();
            self.asked.alias_family.clear();
        }
        if !self.chance(64.0, 48.0) {
            self.asked.address.clear();
        }
        if !self.chance(76.0, 58.0) {
            self.asked.postcode.clear();
            self.tag("no-postcode");
        }
    }

    fn misname(&mut self) {
        self.ask_by_another_name();
        self.misname_given();
        self.misname_family();
        if self.asked.family.contains('-')
            && self.chance(12.0, 36.0)
            && let Some(half) = faults::half(&self.asked.family, self.dice)
        {
            self.asked.family = half;
            self.tag("family-half");
        }
        if self.chance(0.6, 2.8) && !self.asked.given.is_empty() && !self.asked.family.is_empty() {
            std::mem::swap(&mut self.asked.given, &mut self.asked.family);
            self.tag("names-swapped");
        }
        if self.chance(70.0, 85.0) {
            self.lose_diacritics();
        }
        if self.asked.mother_given.is_empty() {
            return;
        }
        if self.chance(4.0, 14.0) {
            self.asked.mother_given = faults::typo(&self.asked.mother_given, self.dice);
            self.tag("mother-typo");
        }
        if self.chance(4.0, 12.0) {
            self.asked.mother_family = faults::respelt(&self.asked.mother_family, self.dice);
            self.tag("mother-phonetic");
        }
    }

    /// Some know the child only by the alias, the former or the preferred name.
    fn ask_by_another_name(&mut self) {
        let other: Option<&InventedName> = self.child.names.iter().find(|name| name.kind != NameKind::Official && name.given.is_some());
        let Some(other) = other else { return };
        let (tag, real, hard) = match other.kind {
            NameKind::Preferred => ("preferred-name", 25.0, 35.0),
            NameKind::Alias => ("alias-name", 15.0, 30.0),
            NameKind::Former | NameKind::Official => ("former-name", 12.0, 25.0),
        };
        if self.chance(real, hard) {
            self.asked.given = other.given.clone().unwrap_or_default();
            self.asked.family = other.family.clone().unwrap_or_default();
            self.asked.alias_given.clear();
            self.asked.alias_family.clear();
            self.tag(tag);
        }
    }

    fn misname_given(&mut self) {
        if self.asked.given.is_empty() {
            self.tag("given-missing");
            return;
        }
        let fault = self.one_of(&[
            ("given-typo", 1.1, 6.5),
            ("given-variant", 1.4, 7.5),
            ("given-phonetic", 0.8, 3.8),
            ("given-misread", 0.3, 1.4),
            ("given-initial", 0.2, 0.9),
            ("given-missing", 0.6, 3.2),
            ("given-middle", 0.4, 2.2),
            ("given-short", 0.2, 1.3),
        ]);
        let given = self.asked.given.clone();
        let (asked, tag) = match fault {
            None => return,
            Some("given-variant") => match faults::given_variant(&given, self.dice) {
                Some(variant) => (variant, "given-variant"),
                None => (faults::respelt(&given, self.dice), "given-phonetic"),
            },
            Some("given-middle") => {
                let middle = self.child.name(NameKind::Official).and_then(|name| name.middle.clone());
                match middle {
                    Some(middle) => {
                        self.asked.middle.clear();
                        (middle, "given-middle")
                    }
                    None => (faults::typo(&given, self.dice), "given-typo"),
                }
            }
            Some("given-phonetic") => (faults::respelt(&given, self.dice), "given-phonetic"),
            Some("given-misread") => (faults::misread(&given, self.dice), "given-misread"),
            Some("given-initial") => (given.chars().take(1).collect(), "given-initial"),
            Some("given-missing") => (
                if self.dice.percent(20.0) { ["Unknown", "Baby", "Infant", "Child"][self.dice.below(4)] } else { "" }.to_owned(),
                "given-missing",
            ),
            Some("given-short") => (given.chars().take(if given.len() < 6 { 3 } else { 4 }).collect(), "given-short"),
            Some(_) => (faults::typo(&given, self.dice), "given-typo"),
        };
        self.asked.given = asked;
        self.tag(tag);
    }

    fn misname_family(&mut self) {
        if self.asked.family.is_empty() {
            self.tag("family-missing");
            return;
        }
        let fault = self.one_of(&[
            ("family-typo", 1.2, 6.0),
            ("family-variant", 0.9, 4.2),
            ("family-phonetic", 0.7, 3.2),
            ("family-misread", 0.3, 1.0),
            ("family-missing", 0.4, 1.8),
            ("family-mother", 0.8, 4.0),
            ("family-other", 0.2, 1.2),
        ]);
        let family = self.asked.family.clone();
        let (asked, tag) = match fault {
            None => return,
            Some("family-variant") => match faults::family_variant(&family, self.dice) {
                Some(variant) => (variant, "family-variant"),
                None => (faults::respelt(&family, self.dice), "family-phonetic"),
            },
            Some("family-mother") => match self.child.mother() {
                Some(mother) if mother.family != family => (mother.family.clone(), "family-mother"),
                _ => (faults::typo(&family, self.dice), "family-typo"),
            },
            Some("family-other") => {
                let other = self.child.tradition.family(true, self.dice);
                (other, "family-other")
            }
            Some("family-phonetic") => (faults::respelt(&family, self.dice), "family-phonetic"),
            Some("family-misread") => (faults::misread(&family, self.dice), "family-misread"),
            Some("family-missing") => (String::new(), "family-missing"),
            Some(_) => (faults::typo(&family, self.dice), "family-typo"),
        };
        self.asked.family = asked;
        self.tag(tag);
    }

    fn lose_diacritics(&mut self) {
        let mut lost = false;
        let asked = &mut self.asked;
        for text in [&mut asked.given, &mut asked.middle, &mut asked.family, &mut asked.mother_given, &mut asked.mother_family] {
            let plain = faults::without_diacritics(text);
            lost |= plain != *text;
            *text = plain;
        }
        if lost {
            self.tag("diacritics-lost");
        }
    }

    fn misdate(&mut self) {
        let Birth::Exact(born) = self.child.birth else {
            // The enquirer may well know the day that the register does not.
            if let Birth::Approximate { from, to } = self.child.birth
                && self.chance(50.0, 35.0)
            {
                let days = (to - from).num_days();
                self.asked.date_of_birth = (from + Duration::days(self.dice.between(0, days))).to_string();
            }
            return;
        };
        let fault = self.one_of(&[
            ("birth-day-month-swapped", 0.5, 3.5),
            ("birth-digit", 0.6, 3.5),
            ("birth-near", 0.4, 2.0),
            ("birth-first-of-january", 0.2, 1.3),
            ("birth-year-only", 0.3, 2.5),
            ("birth-month-only", 0.2, 1.0),
            ("birth-missing", 0.6, 3.8),
            ("birth-age", 0.2, 1.0),
        ]);
        let (asked, tag) = match fault {
            None => return,
            Some("birth-day-month-swapped") => match faults::day_and_month_swapped(born) {
                Some(swapped) => (swapped.to_string(), "birth-day-month-swapped"),
                None => (faults::one_digit_off(born, self.dice).to_string(), "birth-digit"),
            },
            Some("birth-near") => (faults::near(born, self.dice).to_string(), "birth-near"),
            Some("birth-first-of-january") => (format!("{}-01-01", born.year()), "birth-first-of-january"),
            Some("birth-year-only") => (born.year().to_string(), "birth-year-only"),
            Some("birth-month-only") => (born.format("%Y-%m").to_string(), "birth-month-only"),
            Some("birth-missing") => (String::new(), "birth-missing"),
            // An age in words is a year of birth that may be one too late or early.
            Some("birth-age") => ((born.year() + self.dice.between(-1, 1) as i32).to_string(), "birth-age"),
            Some(_) => (faults::one_digit_off(born, self.dice).to_string(), "birth-digit"),
        };
        self.asked.date_of_birth = asked;
        self.tag(tag);
    }

    fn mistake_sex(&mut self) {
        if self.chance(0.4, 1.5) && !self.asked.sex.is_empty() {
            self.asked.sex = if self.child.sex == Sex::Female { "male" } else { "female" }.to_owned();
            self.tag("sex-wrong");
        }
    }

    /// Nobody has seen the child: the mother's names, and when it is due or was born.
    fn ask_for_the_unborn(&mut self) {
        let Birth::Expected(expected) = self.child.birth else {
            return;
        };
        if self.chance(60.0, 75.0) {
            self.asked.given.clear();
        }
        if self.chance(35.0, 50.0) {
            self.asked.family.clear();
        }
        let moved = expected + Duration::days(self.dice.between(-9, 9));
        if expected <= self.today + Duration::days(14) && self.dice.percent(45.0) {
            // Born meanwhile, and the register does not know it yet.
            let born = expected - Duration::days(self.dice.between(0, 20));
            self.asked.expected_delivery_date.clear();
            self.asked.date_of_birth = born.min(self.today).to_string();
            self.asked.given = self.child.tradition.given(true, self.dice);
            self.asked.family = self.child.mother().map(|mother| mother.family.clone()).unwrap_or_default();
            self.asked.sex = "female".to_owned();
            self.tag("born-meanwhile");
        } else if self.chance(25.0, 50.0) {
            self.asked.expected_delivery_date = moved.to_string();
            self.tag("expected-date-near");
        } else if self.chance(8.0, 20.0) {
            self.asked.expected_delivery_date.clear();
            self.tag("expected-date-missing");
        }
        if self.chance(3.0, 15.0) {
            self.asked.mother_given = faults::typo(&self.asked.mother_given, self.dice);
            self.tag("mother-typo");
        }
        if self.chance(3.0, 15.0) {
            self.asked.mother_family = faults::respelt(&self.asked.mother_family, self.dice);
            self.tag("mother-phonetic");
        }
        if self.chance(70.0, 85.0) {
            self.lose_diacritics();
        }
    }

    /// Addresses are the item most often out of date.
    fn misplace(&mut self) {
        if self.asked.postcode.is_empty() && self.asked.address.is_empty() {
            return;
        }
        if self.chance(15.0, 33.0) {
            self.move_house();
            return;
        }
        if !self.asked.postcode.is_empty() && self.chance(2.0, 9.0) {
            let postcode = self.asked.postcode.clone();
            self.asked.postcode = faults::typo(&postcode, self.dice).to_uppercase();
            self.tag("postcode-typo");
        }
        if !self.asked.address.is_empty() && self.chance(5.0, 15.0) {
            let address = self.asked.address.clone();
            self.asked.address = faults::typo(&address, self.dice);
            self.tag("address-typo");
        }
    }

    fn move_house(&mut self) {
        self.tag("moved");
        let before = self
            .child
            .addresses
            .iter()
            .find(|address| address.to.is_some() && address.kind != AddressKind::Refuge)
            .map(|address| (address.lines.join(", "), address.postcode.clone()));
        let here = Place::of(&self.child.authority).or_else(|| Place::all().first());
        let there = match before {
            Some(before) if self.dice.percent(50.0) => before,
            _ => {
                let Some(here) = here else { return };
                // Most move within the authority.
                let place = if self.dice.percent(85.0) { here } else { &Place::all()[self.dice.below(Place::all().len())] };
                let house = place.house(self.child.tradition, self.dice);
                (house.lines.join(", "), house.postcode)
            }
        };
        if !self.asked.address.is_empty() {
            self.asked.address = there.0;
        }
        if !self.asked.postcode.is_empty() {
            self.asked.postcode = there.1;
        }
    }

    fn misnumber(&mut self) {
        if self.asked.nhs_number.is_empty() {
            return;
        }
        let number = self.asked.nhs_number.clone();
        let fault = self.one_of(&[("nhs-digit", 0.8, 5.0), ("nhs-swapped", 0.4, 3.0), ("nhs-superseded", 1.0, 2.0)]);
        let (asked, tag) = match fault {
            None => return,
            Some("nhs-superseded") => match self.child.superseded_nhs_number.clone() {
                Some(old) => (old, "nhs-superseded"),
                None => return,
            },
            Some("nhs-swapped") => (faults::digits_swapped(&number, self.dice), "nhs-swapped"),
            Some(_) => (faults::digit_wrong(&number, self.dice), "nhs-digit"),
        };
        self.asked.nhs_number = asked;
        self.tag(tag);
    }

    /// Ways of writing that are no errors: capitals, a postcode without its space, a number in groups.
    fn write_otherwise(&mut self) {
        let upper = self.dice.percent(6.0);
        let asked = &mut self.asked;
        if upper {
            for text in [
                &mut asked.given,
                &mut asked.middle,
                &mut asked.family,
                &mut asked.mother_given,
                &mut asked.mother_family,
                &mut asked.address,
            ] {
                *text = text.to_uppercase();
            }
        }
        if self.dice.percent(12.0) {
            asked.postcode = asked.postcode.replace(' ', "");
        } else if self.dice.percent(4.0) {
            asked.postcode = asked.postcode.to_lowercase();
        }
        if asked.nhs_number.len() == 10 && self.dice.percent(15.0) {
            let number = &asked.nhs_number;
            asked.nhs_number = format!("{} {} {}", &number[..3], &number[3..6], &number[6..]);
        }
    }
}
