//! Invented families: parents, brothers and sisters, half-siblings, twins, and where they live.

use chrono::{Datelike, Duration, Months, NaiveDate};

use super::child::{AddressKind, Birth, InventedAddress, InventedCarer, InventedChild, InventedName, NameKind, Region, Sex};
use super::dice::Dice;
use super::entry::{EntryPlan, register_family};
use super::identifiers::{chi_number, hc_number, nhs_number, property_reference, pupil_number};
use super::lists::Lists;
use super::names::{NameTradition, Variants};
use super::places::{House, Place};

/// Where a family lives and which numbers are left for people there.
struct Area {
    code: String,
    place: &'static Place,
    slot: u64,
    given_out: u64,
}

/// How many people each area can number before it would meet the next.
const NUMBERS_PER_AREA: u64 = 250_000;

/// A stream of families for some authorities, the same for the same seed.
pub(super) struct Families {
    seed: u64,
    salt: String,
    today: NaiveDate,
    areas: Vec<Area>,
    next: u64,
}

impl Families {
    /// The families of one region.
    pub(super) fn of_region(region: &Region<'_>, seed: u64, today: NaiveDate) -> Self {
        let fallback = if region.nation == "england" { "E08000025" } else { "W06000022" };
        let known = Place::all().len() as u64;
        let areas = region
            .authorities
            .iter()
            .enumerate()
            .filter_map(|(index, (code, _))| {
                // An authority this file does not know borrows another's streets and names.
                let (place, slot) = match Place::of(code) {
                    Some(place) => (place, place.slot),
                    None => (Place::of(fallback)?, known + index as u64 % 4),
                };
                Some(Area { code: (*code).to_owned(), place, slot, given_out: 0 })
            })
            .collect();
        Self { seed, salt: region.code.to_owned(), today, areas, next: 0 }
    }

    /// Families from every authority that is known.
    pub(super) fn of_everywhere(salt: &str, seed: u64, today: NaiveDate) -> Self {
        let areas = Place::all().iter().map(|place| Area { code: place.code.to_owned(), place, slot: place.slot, given_out: 0 }).collect();
        Self { seed, salt: salt.to_owned(), today, areas, next: 0 }
    }

    /// The next family that is known to the register, with at most `most` children who have an entry, and at least one;
    /// `None` when there is nowhere to live.
    pub(super) fn next_family(&mut self, most: usize) -> Option<Vec<InventedChild>> {
        loop {
            let family = self.draw_family(most.max(1))?;
            if family.iter().any(|child| child.registration.is_some()) {
                return Some(family);
            }
        }
    }

    /// A family, of whom in some cases nobody can have had an entry at the time that was drawn.
    fn draw_family(&mut self, most: usize) -> Option<Vec<InventedChild>> {
        let number = self.next;
        self.next += 1;
        let mut dice = Dice::new(self.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)), &self.salt);
        // Fewer children live in Wales than in the West Midlands, but there the service began: count them double.
        let weights: Vec<u32> =
            self.areas.iter().map(|area| if area.place.is_in_wales() { area.place.weight * 2 } else { area.place.weight }).collect();
        let area = self.areas.get_mut(dice.weighted(&weights))?;
        let seed = self.seed;
        let mut next_number = || {
            let n = area.slot * NUMBERS_PER_AREA + area.given_out % NUMBERS_PER_AREA;
            area.given_out += 1;
            nhs_number(seed, n)
        };
        let plan = EntryPlan::draw(self.today, &mut dice);
        let household = Household::draw(area.place, &plan, self.today, &mut dice);
        let family_key = format!("{}-{number:05}", self.salt);
        let mut children = household.children(&family_key, &area.code, &mut next_number, &mut dice);
        register_family(&mut children, &plan, area.place, self.today, most, &mut dice);
        Some(children)
    }
}

/// A parent as names and numbers go.
#[derive(Clone)]
struct Adult {
    tradition: NameTradition,
    given: String,
    /// In the form men carry.
    family: String,
    female: bool,
    birth: NaiveDate,
}

impl Adult {
    fn draw(tradition: NameTradition, wales: bool, female: bool, birth: NaiveDate, dice: &mut Dice) -> Self {
        Self { tradition, given: tradition.given_of_adult(female, dice), family: tradition.family(wales, dice), female, birth }
    }

    fn own_family_name(&self) -> String {
        self.tradition.family_of(&self.family, self.female)
    }

    fn carer(&self, relationship: &'static str, responsible: bool) -> InventedCarer {
        InventedCarer {
            given: self.given.clone(),
            family: self.own_family_name(),
            birth: Some(self.birth),
            relationship,
            is_mother: relationship == "mother",
            parental_responsibility: responsible,
            nhs_number: None,
        }
    }
}

/// A birth in the family: one child or twins, or one still to come.
struct Arrival {
    birth: NaiveDate,
    unborn: bool,
    twins: bool,
    /// Whose child: an index into the fathers.
    father: usize,
}

/// How a family hands on its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surname {
    Father,
    Mother,
    Both,
}

/// Everything that the children of a family share.
struct Household {
    today: NaiveDate,
    place: &'static Place,
    tradition: NameTradition,
    mother: Adult,
    fathers: Vec<Adult>,
    father_lives_there: bool,
    surname: Surname,
    /// Daughters carry a women's name of honour in place of a family name.
    daughters_begum: bool,
    arrivals: Vec<Arrival>,
    language: &'static str,
    addresses: Vec<InventedAddress>,
    shielded: bool,
}

static SERVICES: std::sync::LazyLock<Lists> = std::sync::LazyLock::new(|| Lists::read(include_str!("../../data/invent/services.txt")));

impl Household {
    fn draw(place: &'static Place, plan: &EntryPlan, today: NaiveDate, dice: &mut Dice) -> Self {
        let wales = place.is_in_wales();
        let tradition = place.tradition(dice);
        let arrivals = arrivals(tradition, plan, today, dice);
        let first_birth = arrivals.iter().map(|arrival| arrival.birth).min().unwrap_or(today);
        let mother_age = 17 + dice.below(14) + dice.below(9);
        let mother_birth = first_birth - Duration::days(mother_age as i64 * 365 + dice.between(0, 364));
        let mother = Adult::draw(tradition, wales, true, mother_birth, dice);
        let fathers = (0..2)
            .map(|_| {
                let tradition = if dice.percent(12.0) { place.tradition(dice) } else { tradition };
                let birth = mother_birth - Duration::days(dice.between(-1500, 3600));
                Adult::draw(tradition, wales, false, birth, dice)
            })
            .collect();
        let surname = match dice.below(100) {
            0..=58 => Surname::Father,
            59..=88 => Surname::Mother,
            _ if matches!(tradition, NameTradition::Welsh | NameTradition::British) => Surname::Both,
            _ => Surname::Father,
        };
        let shielded = plan.shielded;
        Self {
            today,
            place,
            tradition,
            father_lives_there: !shielded && dice.percent(48.0),
            mother,
            fathers,
            surname,
            daughters_begum: tradition == NameTradition::Pakistani && dice.percent(12.0),
            arrivals,
            language: language(tradition, place, dice),
            addresses: addresses(place, tradition, plan, today, dice),
            shielded,
        }
    }

    fn children(&self, family_key: &str, authority: &str, next_number: &mut dyn FnMut() -> String, dice: &mut Dice) -> Vec<InventedChild> {
        let mut children: Vec<InventedChild> = Vec::new();
        let mut used: Vec<String> = vec![self.mother.given.clone()];
        for arrival in &self.arrivals {
            let first = children.len();
            for _ in 0..=usize::from(arrival.twins) {
                let key = format!("{family_key}-{}", children.len() + 1);
                let child = self.child(key, family_key, authority, arrival, &mut used, next_number, dice);
                children.push(child);
            }
            if arrival.twins {
                let (one, other) = (children[first].key.clone(), children[first + 1].key.clone());
                // Twins share what a family name is and where they live; only the forename tells them apart.
                children[first].twin_of = Some(other);
                children[first + 1].twin_of = Some(one);
            }
        }
        let keys: Vec<String> = children.iter().map(|child| child.key.clone()).collect();
        for child in &mut children {
            child.siblings = keys.iter().filter(|key| **key != child.key).cloned().collect();
        }
        children
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and each argument is a different thing")]
    fn child(
        &self,
        key: String,
        family_key: &str,
        authority: &str,
        arrival: &Arrival,
        used: &mut Vec<String>,
        next_number: &mut dyn FnMut() -> String,
        dice: &mut Dice,
    ) -> InventedChild {
        let female = dice.percent(48.8);
        let father = &self.fathers[arrival.father];
        let family = self.family_name(father, female);
        let mut carers = self.carers(father, dice);
        let names = if arrival.unborn {
            unborn_names(&self.mother.own_family_name(), dice)
        } else {
            self.names(female, &family, father, used, dice)
        };
        if arrival.unborn
            && let Some(mother) = carers.first_mut()
        {
            mother.nhs_number = Some(next_number());
        }
        let from_elsewhere = matches!(self.tradition, NameTradition::Arabic | NameTradition::Romanian | NameTradition::African);
        let birth = birth(arrival, from_elsewhere, dice);
        let age_days = (self.today - arrival.birth).num_days();
        let without_number = match birth {
            Birth::Expected(_) => 100.0,
            Birth::Approximate { .. } => 45.0,
            Birth::Exact(_) if age_days < 30 => 40.0,
            Birth::Exact(_) => {
                if from_elsewhere {
                    14.0
                } else {
                    4.5
                }
            }
        };
        let nhs_number = (!dice.percent(without_number)).then(&mut *next_number);
        let superseded_nhs_number = (nhs_number.is_some() && dice.percent(1.2)).then(&mut *next_number);
        let born_on = if let Birth::Exact(on) = birth { Some(on) } else { None };
        let chi_number = born_on.filter(|_| dice.percent(0.4)).map(|on| chi_number(on, female, dice));
        let hc_number = (born_on.is_some() && dice.percent(0.3)).then(|| hc_number(dice));
        InventedChild {
            key,
            family_key: family_key.to_owned(),
            authority: authority.to_owned(),
            tradition: self.tradition,
            names,
            birth,
            sex: sex(arrival.unborn, female, dice),
            nhs_number,
            superseded_nhs_number,
            chi_number,
            hc_number,
            upn: born_on.filter(|_| dice.percent(88.0)).and_then(|on| pupil_number(self.place.school, on, self.today, dice)),
            addresses: self.addresses_of(arrival),
            carers,
            siblings: Vec::new(),
            twin_of: None,
            language: self.language,
            communication_needs: (age_days > 700 && dice.percent(6.0)).then(|| SERVICES.draw("needs", dice).to_owned()),
            shielded: self.shielded,
            registration: None,
        }
    }

    fn family_name(&self, father: &Adult, female: bool) -> String {
        let mothers = self.mother.tradition.family_of(&self.mother.family, female);
        let fathers = father.tradition.family_of(&father.family, female);
        match self.surname {
            Surname::Mother => mothers,
            Surname::Both if mothers != fathers && !mothers.contains([' ', '-']) && !fathers.contains([' ', '-']) => {
                format!("{mothers}-{fathers}")
            }
            Surname::Father | Surname::Both => {
                if self.daughters_begum && female {
                    "Begum".to_owned()
                } else {
                    fathers
                }
            }
        }
    }

    fn names(&self, female: bool, family: &str, father: &Adult, used: &mut Vec<String>, dice: &mut Dice) -> Vec<InventedName> {
        // A family does not give one forename twice; a few tries are enough for that.
        let mut given = self.tradition.given(female, dice);
        for _ in 0..6 {
            if !used.contains(&given) {
                break;
            }
            given = self.tradition.given(female, dice);
        }
        used.push(given.clone());
        let middle = match self.tradition {
            NameTradition::Indian if dice.percent(50.0) => Some(if female { "Kaur" } else { "Singh" }.to_owned()),
            _ => self.tradition.middle(&given, female, dice),
        };
        let name = |kind, given: &str, middle: Option<String>, family: &str| InventedName {
            kind,
            given: Some(given.to_owned()),
            middle,
            family: Some(family.to_owned()),
        };
        let mut names = vec![name(NameKind::Official, &given, middle.clone(), family)];
        let mothers = self.mother.tradition.family_of(&self.mother.family, female);
        let fathers = father.tradition.family_of(&father.family, female);
        if dice.percent(9.0) {
            let other = if family == fathers { &mothers } else { &fathers };
            if other != family {
                names.push(name(NameKind::Alias, &given, None, other));
            }
        }
        if dice.percent(3.5) {
            let former = self.tradition.family(self.place.is_in_wales(), dice);
            if former != family {
                names.push(name(NameKind::Former, &given, None, &self.tradition.family_of(&former, female)));
            }
        }
        if dice.percent(45.0)
            && let Some(called) = Variants::shared().short(&given, dice)
        {
            names.push(name(NameKind::Preferred, called, None, family));
        }
        names
    }

    fn carers(&self, father: &Adult, dice: &mut Dice) -> Vec<InventedCarer> {
        let mut carers = Vec::with_capacity(3);
        if dice.percent(95.0) || self.arrivals.iter().any(|arrival| arrival.unborn) {
            carers.push(self.mother.carer("mother", true));
        }
        if self.father_lives_there || (!self.shielded && dice.percent(30.0)) {
            carers.push(father.carer("father", dice.percent(80.0)));
        }
        if let Some(partner) = self.fathers.get(1)
            && partner.given != father.given
            && dice.percent(10.0)
            && !self.shielded
        {
            carers.push(partner.carer("step-father", false));
        }
        if carers.is_empty() || dice.percent(7.0) {
            let birth = self.mother.birth - Duration::days(dice.between(6900, 12000));
            let mut carer = Adult { birth, ..self.mother.clone() }.carer("grandmother", carers.is_empty());
            carer.given = self.tradition.given_of_adult(true, dice);
            carers.push(carer);
        }
        carers
    }

    /// The family's addresses as far as the child can have lived there.
    fn addresses_of(&self, arrival: &Arrival) -> Vec<InventedAddress> {
        let lived_there = |address: &&InventedAddress| match address.to {
            Some(to) => to > arrival.birth && !arrival.unborn,
            None => true,
        };
        // Before birth the address is the mother's, and so is the day she moved in.
        let first_day = |from: NaiveDate| if arrival.unborn { from } else { from.max(arrival.birth) };
        self.addresses
            .iter()
            .filter(lived_there)
            .map(|address| InventedAddress { from: address.from.map(first_day), ..address.clone() })
            .collect()
    }
}

fn unborn_names(family: &str, dice: &mut Dice) -> Vec<InventedName> {
    if dice.percent(40.0) {
        return Vec::new();
    }
    vec![InventedName {
        kind: NameKind::Official,
        given: Some(if dice.percent(80.0) { "Unborn" } else { "Baby" }.to_owned()),
        middle: None,
        family: Some(family.to_owned()),
    }]
}

fn sex(unborn: bool, female: bool, dice: &mut Dice) -> Sex {
    match dice.below(1000) {
        _ if unborn => Sex::Unknown,
        0..=2 => Sex::Indeterminate,
        3..=7 => Sex::Unknown,
        _ if female => Sex::Female,
        _ => Sex::Male,
    }
}

fn birth(arrival: &Arrival, from_elsewhere: bool, dice: &mut Dice) -> Birth {
    let on = arrival.birth;
    if arrival.unborn {
        return Birth::Expected(on);
    }
    if arrival.twins || !dice.percent(if from_elsewhere { 6.0 } else { 0.9 }) {
        return Birth::Exact(on);
    }
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(on);
    match dice.below(3) {
        0 => Birth::Approximate { from: on.with_day(1).unwrap_or(on), to: end_of_month(on) },
        _ => Birth::Approximate { from: year(on.year()), to: year(on.year() + 1) - Duration::days(1) },
    }
}

fn end_of_month(day: NaiveDate) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(Months::new(1)).unwrap_or(day) - Duration::days(1)
}

/// Births in the order they happened. One child is the reason for the family's being known; the others are spaced around it.
fn arrivals(tradition: NameTradition, plan: &EntryPlan, today: NaiveDate, dice: &mut Dice) -> Vec<Arrival> {
    let large = matches!(tradition, NameTradition::Traveller | NameTradition::African | NameTradition::Pakistani);
    let weights: &[u32] = if large { &[24, 30, 24, 14, 8] } else { &[38, 34, 17, 8, 3] };
    let wanted = 1 + dice.weighted(weights);
    // Ages of children on registers, in years: under one, one to four, five to nine, ten to fifteen, sixteen and over.
    let (low, high) = [(0, 1), (1, 5), (5, 10), (10, 16), (16, 18)][dice.weighted(&[11, 29, 29, 27, 4])];
    let latest = plan.latest_known_day(today);
    let anchor = latest - Duration::days(dice.between(low * 365 + 3, high * 365 - 2));
    let place_of_anchor = dice.below(wanted);
    let mut births = vec![anchor];
    let mut older = anchor;
    let mut younger = anchor;
    for index in 0..wanted {
        let gap = Duration::days(dice.between(400, 1500));
        if index < place_of_anchor {
            older -= gap;
            births.push(older);
        } else if index > place_of_anchor {
            younger += gap;
            births.push(younger);
        }
    }
    births.sort_unstable();
    let half_siblings_before = dice.percent(20.0).then(|| dice.below(births.len()));
    let adult_before = latest - Duration::days(18 * 365 + 6);
    let mut arrivals: Vec<Arrival> = births
        .into_iter()
        .enumerate()
        .map(|(index, birth)| Arrival {
            birth,
            unborn: false,
            twins: dice.percent(2.6),
            father: usize::from(half_siblings_before.is_some_and(|before| index < before)),
        })
        .filter(|arrival| arrival.birth <= latest && arrival.birth > adult_before)
        .collect();
    if plan.unborn {
        // Known from about the twelfth week on: at most twenty-eight weeks ahead, a few days overdue at most.
        let expected = today + Duration::days(dice.between(-6, 190));
        if dice.percent(45.0) {
            arrivals.clear();
        }
        arrivals.retain(|arrival| (expected - arrival.birth).num_days() > 330);
        arrivals.push(Arrival { birth: expected, unborn: true, twins: false, father: 0 });
    }
    arrivals
}

fn language(tradition: NameTradition, place: &Place, dice: &mut Dice) -> &'static str {
    let welsh = match tradition {
        NameTradition::Welsh => place.speakers * 1.5,
        NameTradition::British => place.speakers * 0.5,
        _ => 1.0,
    };
    if dice.percent(welsh) {
        return "cy";
    }
    let (others, share): (&[&'static str], f64) = match tradition {
        NameTradition::Welsh | NameTradition::British | NameTradition::Traveller => (&["en"], 0.0),
        NameTradition::Pakistani => (&["ur", "bn", "pa"], 30.0),
        NameTradition::Indian => (&["pa", "gu", "hi"], 22.0),
        NameTradition::Polish => (&["pl"], 55.0),
        NameTradition::Romanian => (&["ro"], 65.0),
        NameTradition::Arabic => (&["ar", "ku"], 60.0),
        NameTradition::African => (&["so", "fr", "ti"], 35.0),
    };
    if dice.percent(share) { dice.pick(others).unwrap_or("en") } else { "en" }
}

fn addresses(place: &Place, tradition: NameTradition, plan: &EntryPlan, today: NaiveDate, dice: &mut Dice) -> Vec<InventedAddress> {
    let mut addresses = Vec::with_capacity(2);
    let mut moved_in = today - Duration::days(dice.between(20, 2200));
    let address = |kind, house: House, from, to, dice: &mut Dice| InventedAddress {
        kind,
        lines: house.lines,
        postcode: house.postcode,
        uprn: dice.percent(70.0).then(|| property_reference(dice)),
        from,
        to,
        confidential: kind == AddressKind::Refuge,
    };
    let house = place.house(tradition, dice);
    let kind = if house.lines.first().is_some_and(|line| line.starts_with("Plot ")) { AddressKind::Site } else { AddressKind::Home };
    if plan.shielded {
        moved_in = today - Duration::days(dice.between(5, 200));
        addresses.push(address(AddressKind::Refuge, place.house(NameTradition::British, dice), Some(moved_in), None, dice));
        addresses.push(address(kind, house, None, Some(moved_in), dice));
        return addresses;
    }
    if plan.temporary {
        moved_in = plan.registered_on - Duration::days(dice.between(0, 6));
        let stay = if dice.percent(50.0) { AddressKind::Temporary } else { AddressKind::Relative };
        addresses.push(address(stay, house, Some(moved_in), None, dice));
        return addresses;
    }
    addresses.push(address(kind, house, Some(moved_in), None, dice));
    if dice.percent(35.0) {
        let before = place.house(tradition, dice);
        addresses.push(address(AddressKind::Home, before, None, Some(moved_in), dice));
    }
    addresses
}
