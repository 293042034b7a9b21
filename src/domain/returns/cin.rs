//! The plan module of England's children-in-need census, as the XML that authorities send.
//!
//! A register knows a part of what the census asks: children with a plan, their referral, enquiry, conference, plan and
//! reviews. Assessments and plans of children in need are the case system's to add. What the census requires and nobody
//! recorded is left out and told as a gap.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Entry, History};
use crate::domain::category::{CategorySet, CinCategory};
use crate::domain::coded::closed_set;
use crate::domain::dates::BirthDate;
use crate::domain::identifiers::LocalAuthorityChildId;
use crate::domain::ids::ChildId;
use crate::domain::nation::Nation;
use crate::domain::procedures::Code;
use crate::domain::registration::RemovalGround;
use crate::domain::span::add_months;

/// What the census is about and who sends it.
#[derive(Debug, Clone)]
pub struct Census {
    /// The authority's number at the Department for Education.
    pub lea: u16,
    /// The last day of the census year: a 31 March.
    pub reference_on: NaiveDate,
    /// The nation whose conferences decided: other than England, categories are derived.
    pub nation: Nation,
}

closed_set! {
    /// Something the census requires of a child and the register does not hold.
    pub enum Gap {
        /// A category that has a code.
        Category = "category",
        /// The date, source and primary need of the referral.
        Referral = "referral",
        /// Ethnicity.
        Ethnicity = "ethnicity",
        /// Disabilities, or that there are none.
        Disability = "disability",
        /// A date of birth or an expected one.
        Birth = "birth",
        /// The date of the initial conference.
        Conference = "conference",
        /// A pupil number, or why there is none.
        PupilNumber = "pupil-number",
    }
}

/// A return and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CinReturn {
    /// The document.
    pub xml: String,
    /// What the census requires and the register does not hold, child by child.
    pub gaps: Vec<(LocalAuthorityChildId, Gap)>,
}

/// The id of a child in an authority's returns where the case system gave none: the last twenty digits of the child's id,
/// which are its random ones, so that it says nothing, never changes and never comes back.
///
/// # Source
///
/// SSD-PERSON; CIN-VAL rules 1570 and 1580.
pub fn child_id(child: ChildId) -> Option<LocalAuthorityChildId> {
    let digits = child.as_uuid().simple().to_string();
    digits.get(12..)?.parse().ok()
}

/// The return of every child with a plan in force on any day of the census year, ordered by id.
///
/// The year is the twelve months that end on the reference day; what happened later is not told, so that a return made
/// again says the same.
///
/// # Source
///
/// CIN-VAL: 100 (header), 1104, 1105, 2884, 2885 (dates of referral, conference and plan), 8510, 8525Q, 8750 (identity),
/// 8730, 8840, 8841, 8905, 8910, 8925, 8930, 8935, 8940 (plans), 8715, 8740 (enquiries of the year), 8805, 8815, 8820
/// (episodes), 4180, 4220, 8540.
pub fn cin_return(histories: &[History], census: &Census) -> CinReturn {
    let mut children: BTreeMap<&str, &History> = BTreeMap::new();
    for history in histories.iter().filter(|history| history.entries.iter().any(|entry| census.concerns(entry))) {
        children.insert(history.id.expose(), history);
    }
    let mut writer = Writer::default();
    let mut gaps = Vec::new();
    writer.element("Message", |message| {
        message.element("Header", |header| write_header(header, census));
        message.element("Children", |list| {
            for history in children.values() {
                list.element("Child", |child| {
                    let found = write_child(child, history, census);
                    gaps.extend(found.into_iter().map(|gap| (history.id.clone(), gap)));
                });
            }
        });
    });
    CinReturn { xml: format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{}", writer.text), gaps }
}

impl Census {
    /// The first day of the census year.
    fn first_day(&self) -> NaiveDate {
        let before = NaiveDate::from_ymd_opt(chrono::Datelike::year(&self.reference_on) - 1, 4, 1);
        before.unwrap_or(self.reference_on)
    }

    fn in_year(&self, day: NaiveDate) -> bool {
        (self.first_day()..=self.reference_on).contains(&day)
    }

    /// Whether a plan was in force on any day of the year.
    fn concerns(&self, entry: &Entry) -> bool {
        entry.period.started_on <= self.reference_on && entry.period.ended_on.is_none_or(|ended_on| ended_on >= self.first_day())
    }
}

fn write_header(header: &mut Writer, census: &Census) {
    header.element("CollectionDetails", |details| {
        details.value("Collection", "CIN");
        details.value("Year", &chrono::Datelike::year(&census.reference_on).to_string());
        details.date("ReferenceDate", census.reference_on);
    });
    header.element("Source", |source| {
        source.value("SourceLevel", "L");
        source.value("LEA", &format!("{:03}", census.lea));
        source.value("SoftwareCode", "Cofrestr");
        // The form of the return, not the version of the program: an upgrade alone changes no byte.
        source.value("Release", "1");
        source.value("SerialNo", "001");
        // Not the time at which it was made: the same register gives the same bytes.
        source.value("DateTime", &format!("{}T00:00:00", census.reference_on));
    });
}

fn write_child(child: &mut Writer, history: &History, census: &Census) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let unborn = history.is_unborn_on(census.reference_on);
    child.element("ChildIdentifiers", |identifiers| {
        identifiers.value("LAchildID", history.id.expose());
        match &history.upn {
            Some(upn) => identifiers.value("UPN", upn.expose()),
            None if history.upn_unknown.is_some() => {
                identifiers.optional("UPNunknown", history.upn_unknown.as_ref().map(Code::as_str));
            }
            // Not yet of school age; of an older child without a number the reason is not known.
            None if unborn || history.age_on(census.reference_on).is_some_and(|age| age < 5) => identifiers.value("UPNunknown", "UN1"),
            None => gaps.push(Gap::PupilNumber),
        }
        match &history.birth {
            Some(BirthDate::Expected(expected)) => identifiers.date("ExpectedPersonBirthDate", expected.expose()),
            Some(_) => {
                let name = if unborn { "ExpectedPersonBirthDate" } else { "PersonBirthDate" };
                identifiers.optional_date(name, history.born_on());
            }
            None => gaps.push(Gap::Birth),
        }
        identifiers.value("Sex", if unborn { "U" } else { history.sex.cin_code() });
        identifiers.optional_date("PersonDeathDate", history.died_on.filter(|died_on| *died_on <= census.reference_on));
    });
    child.element("ChildCharacteristics", |characteristics| {
        match &history.ethnicity {
            Some(ethnicity) => characteristics.value("Ethnicity", ethnicity.as_str()),
            None => gaps.push(Gap::Ethnicity),
        }
        match &history.disabilities {
            None => gaps.push(Gap::Disability),
            Some(disabilities) => characteristics.element("Disabilities", |list| {
                if disabilities.is_empty() {
                    list.value("Disability", "NONE");
                }
                for disability in disabilities {
                    list.value("Disability", disability.as_str());
                }
            }),
        }
    });
    for episode in episodes(history, census) {
        child.element("CINdetails", |details| gaps.extend(write_episode(details, &episode, history, census)));
    }
    gaps.sort_unstable();
    gaps.dedup();
    gaps
}

/// The entries of the year in order, parted where one closed the case here: by death, or by transfer to another authority.
fn episodes<'a>(history: &'a History, census: &Census) -> Vec<Vec<&'a Entry>> {
    let mut entries: Vec<&Entry> = history.entries.iter().filter(|entry| census.concerns(entry)).collect();
    entries.sort_by_key(|entry| entry.period);
    let mut episodes: Vec<Vec<&Entry>> = Vec::new();
    let mut closed = true;
    for entry in entries {
        if closed {
            episodes.push(Vec::new());
        }
        closed = closure(entry, census).is_some();
        if let Some(episode) = episodes.last_mut() {
            episode.push(entry);
        }
    }
    episodes
}

/// When and why an entry closed the case here. Coming off the register by itself closes none.
///
/// # Source
///
/// CIN-VAL, reasons for closure: RC2 died, RC5 transferred to another authority.
fn closure(entry: &Entry, census: &Census) -> Option<(NaiveDate, &'static str)> {
    let ended_on = entry.period.ended_on.filter(|ended_on| *ended_on <= census.reference_on)?;
    let reason = match entry.ground? {
        RemovalGround::Died => "RC2",
        RemovalGround::Transferred => "RC5",
        RemovalGround::ReviewConferenceDecision
        | RemovalGround::ReachedEighteen
        | RemovalGround::LeftUnitedKingdom
        | RemovalGround::HomeAuthorityEnded => return None,
    };
    Some((ended_on, reason))
}

fn write_episode(details: &mut Writer, episode: &[&Entry], history: &History, census: &Census) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let (Some(first), Some(last)) = (episode.first(), episode.last()) else { return gaps };
    match &first.referral {
        Some(referral) => {
            details.date("CINreferralDate", referral.on);
            details.value("ReferralSource", referral.source.as_str());
            details.value("PrimaryNeedCode", referral.primary_need.as_str());
        }
        None => gaps.push(Gap::Referral),
    }
    // A death after the plan closes the case too.
    let died_on = history.died_on.filter(|died_on| *died_on <= census.reference_on);
    if let Some((closed_on, reason)) = closure(last, census).or_else(|| died_on.map(|died_on| (died_on, "RC2"))) {
        details.date("CINclosureDate", closed_on);
        details.value("ReasonForClosure", reason);
    }
    // The conference is told once: with its enquiry where that is of the year, else here.
    let new: Vec<&Entry> = episode.iter().copied().filter(|entry| census.in_year(entry.period.started_on)).collect();
    gaps.extend(new.iter().filter(|entry| entry.conference_on.is_none()).map(|_| Gap::Conference));
    if let Some(conference_on) = new.iter().filter(|entry| entry.enquiry.is_none()).find_map(|entry| entry.conference_on) {
        details.date("DateOfInitialCPC", conference_on);
    }
    for entry in &new {
        if let (Some((started_on, target_on)), Some(conference_on)) = (entry.enquiry, entry.conference_on) {
            details.element("Section47", |enquiry| {
                enquiry.date("S47ActualStartDate", started_on);
                enquiry.optional_date("InitialCPCtarget", target_on);
                enquiry.date("DateOfInitialCPC", conference_on);
                enquiry.value("ICPCnotRequired", "0");
            });
        }
    }
    details.value("ReferralNFA", "0");
    for entry in episode {
        details.element("ChildProtectionPlans", |plan| gaps.extend(write_plan(plan, entry, census)));
    }
    gaps
}

fn write_plan(plan: &mut Writer, entry: &Entry, census: &Census) -> Option<Gap> {
    let ended_on = entry.period.ended_on.filter(|ended_on| *ended_on <= census.reference_on);
    let code = |set: Option<&CategorySet>| set.and_then(|set| set.cin_code(census.nation).code).map(CinCategory::as_str);
    let initial = code(entry.initial_categories());
    let latest = code(entry.categories_on(ended_on.unwrap_or(census.reference_on)));
    plan.date("CPPstartDate", entry.period.started_on);
    plan.optional_date("CPPendDate", ended_on);
    for (name, code) in [("InitialCategoryOfAbuse", initial), ("LatestCategoryOfAbuse", latest)] {
        if let Some(code) = code {
            plan.value(name, code);
        }
    }
    plan.value("NumberOfPreviousCPP", &entry.previous_plans.to_string());
    let mut reviews: Vec<NaiveDate> = entry.reviews.iter().copied().filter(|review| *review <= census.reference_on).collect();
    reviews.sort_unstable();
    reviews.dedup();
    if !reviews.is_empty() {
        plan.element("Reviews", |list| reviews.iter().for_each(|review| list.date("CPPreviewDate", *review)));
    }
    (initial.is_none() || latest.is_none()).then_some(Gap::Category)
}

/// Plans in force on the reference day whose reviews were in time, and how many plans there are: the derived report on
/// reviews.
///
/// # Source
///
/// COLLECT (reviewed in timescale), NYORKS (three months, then six).
pub fn reviewed_in_time(histories: &[History], on: NaiveDate) -> (u64, u64) {
    let in_force: Vec<&Entry> = histories.iter().filter_map(|history| history.entry_on(on)).collect();
    let in_time = |entry: &&&Entry| {
        let mut reviews: Vec<NaiveDate> = entry.reviews.iter().copied().filter(|review| *review <= on).collect();
        reviews.sort_unstable();
        let mut from = (entry.period.started_on, 3);
        for next in reviews.into_iter().chain([on]) {
            if add_months(from.0, from.1).is_some_and(|due| next > due) {
                return false;
            }
            from = (next, 6);
        }
        true
    };
    (in_force.iter().filter(in_time).count() as u64, in_force.len() as u64)
}

/// Writes elements with their text escaped, two spaces a level, one element a line.
#[derive(Debug, Default)]
struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    fn value(&mut self, name: &str, value: &str) {
        let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.line(&format!("<{name}>{escaped}</{name}>"));
    }

    fn date(&mut self, name: &str, day: NaiveDate) {
        self.value(name, &day.to_string());
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    fn optional_date(&mut self, name: &str, day: Option<NaiveDate>) {
        if let Some(day) = day {
            self.date(name, day);
        }
    }
}

#[cfg(test)]
#[path = "cin_tests.rs"]
mod tests;
