//! Invented entries on the register: when, why, who answers for the child, what comes next.

use std::sync::LazyLock;

use chrono::{Duration, NaiveDate};

use super::child::{
    Birth, Category, InventedChild, InventedRegistration, LegalStatus, Removal, RemovalGround, Standing, Worker, birthday, weekday,
};
use super::dice::Dice;
use super::identifiers::{PhoneArea, phone};
use super::lists::Lists;
use super::places::Place;

static SERVICES: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/services.txt")));

/// What the register decided about a family, before it is known who its children are.
pub(super) struct EntryPlan {
    /// Came off, on that day at the latest.
    removed_on: Option<NaiveDate>,
    /// The conference, or the first day of a temporary stay.
    pub(super) registered_on: NaiveDate,
    /// Only staying in the area.
    pub(super) temporary: bool,
    /// A child is expected.
    pub(super) unborn: bool,
    /// Where they live is confidential.
    pub(super) shielded: bool,
}

impl EntryPlan {
    pub(super) fn draw(today: NaiveDate, dice: &mut Dice) -> Self {
        let former = dice.percent(17.0);
        let removed_on = former.then(|| weekday(today - Duration::days(dice.between(5, 1820))));
        let temporary = !former && dice.percent(5.0);
        let days = if temporary { dice.between(3, 80) } else { dice.between(1, 730).min(dice.between(1, 900)) };
        let registered_on = match removed_on {
            Some(removed_on) => weekday(removed_on - Duration::days(dice.between(90, 760))),
            None => weekday(today - Duration::days(days)),
        };
        let unborn = !former && !temporary && dice.percent(3.4);
        Self { removed_on, registered_on, temporary, unborn, shielded: !former && !temporary && dice.percent(2.5) }
    }

    /// A day on which the child that made the family known was surely born.
    pub(super) fn latest_known_day(&self, today: NaiveDate) -> NaiveDate {
        self.removed_on.map_or(today, |_| self.registered_on)
    }
}

/// Puts children of a family on the register, at least one and at most `most`.
pub(super) fn register_family(
    children: &mut [InventedChild],
    plan: &EntryPlan,
    place: &Place,
    today: NaiveDate,
    most: usize,
    dice: &mut Dice,
) {
    let coordinator = worker(coordinator_role(place), place, dice);
    let core_group: Vec<Worker> = (0..2 + dice.below(4)).map(|_| worker(SERVICES.draw("roles", dice), place, dice)).collect();
    let legal_status = legal_status(dice);
    let categories = categories(place.is_in_wales(), dice);
    let home_authority = plan.temporary.then(|| SERVICES.draw("outside", dice).split(' ').next().unwrap_or_default().to_owned());
    let review = next_review(plan.registered_on, today, dice);
    let keep_twins_together = dice.percent(85.0);
    let mut on_register = 0;
    let mut previous: Option<(String, bool)> = None;
    let certain = children.len() - 1 - dice.below(children.len());
    for (index, child) in children.iter_mut().enumerate() {
        let unborn = matches!(child.birth, Birth::Expected(_));
        let with_twin = match &previous {
            Some((key, registered)) if keep_twins_together && child.twin_of.as_ref() == Some(key) => Some(*registered),
            _ => None,
        };
        let wanted = with_twin.unwrap_or_else(|| unborn || index == certain || dice.percent(70.0));
        let entry = if wanted && on_register < most { entry_dates(child, plan, today, dice) } else { None };
        previous = Some((child.key.clone(), entry.is_some()));
        let Some((registered_on, removal)) = entry else {
            continue;
        };
        on_register += 1;
        let standing = match removal {
            Some(_) => Standing::PreviouslyRegistered,
            None if plan.temporary => Standing::TemporarilyRegistered,
            None if unborn => Standing::UnbornRegistered,
            None => Standing::Registered,
        };
        child.registration = Some(InventedRegistration {
            standing,
            categories: if dice.percent(80.0) { categories.clone() } else { self::categories(place.is_in_wales(), dice) },
            registered_on,
            conference_on: (!plan.temporary).then_some(registered_on),
            removal,
            next_review_on: match removal {
                Some(_) => None,
                None if plan.temporary => None,
                None if registered_on == plan.registered_on => Some(review),
                None => Some(next_review(registered_on, today, dice)),
            },
            coordinator: coordinator.clone(),
            core_group: core_group.clone(),
            legal_status,
            home_authority: home_authority.clone(),
        });
    }
}

/// When the child went on, and off; `None` when neither can have been.
fn entry_dates(child: &InventedChild, plan: &EntryPlan, today: NaiveDate, dice: &mut Dice) -> Option<(NaiveDate, Option<Removal>)> {
    let eighteen = birthday(child.birth.earliest(), 18);
    let registered_on = match child.birth {
        // Procedures do not put a child on much before the twelfth week, nor does anyone know of it.
        Birth::Expected(expected) => plan.registered_on.max(weekday(expected - Duration::days(190))).min(today),
        birth if birth.earliest() > plan.registered_on => {
            weekday((birth.earliest() + Duration::days(dice.between(4, 40))).min(today)).max(birth.earliest())
        }
        _ => plan.registered_on,
    };
    if registered_on >= eighteen {
        return None;
    }
    let Some(removed_on) = plan.removed_on else {
        return (eighteen > today).then_some((registered_on, None));
    };
    let removal = if eighteen <= removed_on {
        Removal { on: eighteen, ground: RemovalGround::ReachedEighteen }
    } else {
        let ground = match dice.below(100) {
            0..=84 => RemovalGround::NoLongerAtRisk,
            85..=95 => RemovalGround::Transferred,
            96..=98 => RemovalGround::LeftUnitedKingdom,
            _ => RemovalGround::Died,
        };
        Removal { on: removed_on, ground }
    };
    let within_five_years = removal.on >= today - Duration::days(1826);
    (removal.on > registered_on && within_five_years).then_some((registered_on, Some(removal)))
}

/// The first review within three months of the conference, later ones at most six months apart; some are overdue.
fn next_review(registered_on: NaiveDate, today: NaiveDate, dice: &mut Dice) -> NaiveDate {
    let mut review = weekday(registered_on + Duration::days(dice.between(70, 90)));
    let overdue = dice.percent(6.0);
    while review <= today {
        let next = weekday(review + Duration::days(dice.between(150, 181)));
        if overdue && next > today {
            return review;
        }
        review = next;
    }
    review
}

fn legal_status(dice: &mut Dice) -> LegalStatus {
    match dice.below(100) {
        0..=73 => LegalStatus::None,
        74..=81 => LegalStatus::VoluntaryAccommodation,
        82..=90 => LegalStatus::InterimCareOrder,
        91..=93 => LegalStatus::CareOrder,
        94..=97 => LegalStatus::SupervisionOrder,
        98 => LegalStatus::EmergencyProtectionOrder,
        _ => LegalStatus::PoliceProtection,
    }
}

fn categories(wales: bool, dice: &mut Dice) -> Vec<Category> {
    let mut categories = Vec::with_capacity(2);
    for _ in 0..1 + usize::from(dice.percent(14.0)) {
        let category = match dice.below(1000) {
            0..=419 => Category::Neglect,
            420..=809 => Category::Emotional,
            810..=934 => Category::Physical,
            935..=989 => Category::Sexual,
            _ if wales => Category::Financial,
            _ => Category::Neglect,
        };
        if !categories.contains(&category) {
            categories.push(category);
        }
    }
    categories
}

/// What the worker is called who answers for the child's plan.
pub(super) fn coordinator_role(place: &Place) -> &'static str {
    if place.is_in_wales() { "care and support protection plan co-ordinator" } else { "lead social worker" }
}

/// Somebody who works for or with the authority.
pub(super) fn worker(role: &'static str, place: &Place, dice: &mut Dice) -> Worker {
    let given = SERVICES.draw("given", dice);
    let family = SERVICES.draw("family", dice);
    Worker {
        name: format!("{given} {family}"),
        role,
        phone: phone(if dice.percent(25.0) { PhoneArea::Mobile } else { place.phone }, dice),
        email: format!("{}.{}@{}", given.to_ascii_lowercase(), family.to_ascii_lowercase(), place.domain()),
    }
}
