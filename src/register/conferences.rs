//! Conferences: recorded once, with a decision for each child by itself, which takes effect in the same transaction.
//!
//! What a conference decided is not overwritten. What is harmless – who chaired, who was there, whose views were heard and
//! how – is corrected by new facts; a decision that has effect is undone only by marking it as entered in error.

use chrono::NaiveDate;

use super::registrations::{self, NewBasis, NewCoordinator, NewCoreGroupMember, NewRegistration, Registration};
use super::{Broken, Region, RegisterError, children, refused, removal, tasks, unless_broken};
use crate::authz::{Principal, Reach};
use crate::domain::calendar::Calendar;
use crate::domain::category::{Category, CategorySet};
use crate::domain::coded::{closed_set, coded_error};
use crate::domain::conference::{ChildDecision, ConferenceViolation, Decision, ProposedConference};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ChildId, ConferenceId, RegistrationId, Section47Id};
use crate::domain::language::PreferredLanguage;
use crate::domain::procedures::Item;
use crate::domain::registration::{ConferenceKind, LegalStatusCode};
use crate::domain::roles::Role;
use crate::domain::rule::{Breach, Rule};
use crate::domain::text::{Line, Note};
use crate::store::conferences::{AttendeeRow, ConferenceRow, ConferenceStateRow, DecisionRow, Whose};
use crate::store::connection::AnyConnection;
use crate::store::registrations as registration_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

mod record;

pub use record::record;

closed_set! {
    /// How somebody took part in a conference.
    pub enum Attendance {
        /// Was there.
        Attended = "attended",
        /// Sent apologies.
        Apologies = "apologies",
        /// Sent a report instead.
        ReportOnly = "report-only",
        /// Should have been asked and was not.
        NotInvited = "not-invited",
    }
}

coded_error! {
    /// A rule that a record of a conference would break, beyond those of the conference itself.
    pub enum RecordViolation {
        /// No child that the caller may know of.
        UnknownChild = "unknown-child", "give the id of a person on this register, or their name";
        /// No enquiry about this child at this authority.
        UnknownSection47 = "unknown-section-47", "give the id of an enquiry about this child at this authority";
        /// No entry of this child at this authority.
        UnknownRegistration = "unknown-registration", "give the id of an entry of this child on this authority's register";
        /// No conference that the entry could rest on.
        UnknownConference = "unknown-conference", "give the id of a conference of this authority with a decision about this child";
        /// The conference did not decide to register this child.
        NotDecided = "no-conference-decision", "name a conference that decided to register this child";
        /// An entry rests on the decision already.
        DecisionUsed = "decision-used", "an entry rests on this decision already";
        /// Other categories than the conference decided.
        CategoriesDiffer = "categories-differ", "give the categories that the conference decided, or leave them out";
        /// The entry would begin before the conference that decided it.
        BeforeConference = "before-conference", "give the day of the conference or a later one";
        /// The same category twice.
        DuplicateCategory = "duplicate-category", "give each category once";
        /// Something that only a child on the register has.
        WithoutEntry = "without-entry", "leave this out when the child is not on the register after the conference";
        /// A day that has not come.
        InTheFuture = "in-the-future", "check the date: it has not come yet";
        /// An answer to the offer of an advocate that these procedures do not know.
        UnknownResponse = "unknown-advocacy-response", "use an answer of the procedures: accepted, declined, already-has, too-young or not-possible";
        /// A way to take part that these procedures do not know.
        UnknownParticipation = "unknown-participation", "use one of the codes PN0 to PN7";
        /// A chair records the conferences they chaired, and no others.
        NotTheChair = "not-the-chair", "record only conferences that you chaired yourself";
        /// A later date than the limit needs both a reason and who authorised it.
        DepartureIncomplete = "departure-incomplete", "give the reason for the departure and who approved it";
    }
}

impl Rule for RecordViolation {
    fn origin(&self) -> &'static str {
        match self {
            Self::UnknownChild | Self::UnknownSection47 | Self::UnknownRegistration | Self::InTheFuture | Self::NotTheChair => "DESIGN",
            Self::UnknownConference | Self::NotDecided | Self::DecisionUsed | Self::BeforeConference => "WSP-4.12",
            Self::CategoriesDiffer | Self::DuplicateCategory => "WSP-3.2.10",
            Self::WithoutEntry => "WSP-3.2.13",
            Self::UnknownResponse => "WG-ADV",
            Self::UnknownParticipation => "SSD-CPREVIEW",
            Self::DepartureIncomplete => "WSP-3.1.8",
        }
    }
}

/// Who was at a conference, or should have been.
#[derive(Debug, Clone)]
pub struct NewAttendee {
    /// Name.
    pub name: Line,
    /// Agency.
    pub agency: Option<Line>,
    /// What they are there, or to the child.
    pub role: Option<Line>,
    /// How they took part.
    pub attendance: Attendance,
    /// Whether they know the child.
    pub direct_contact: Option<bool>,
}

/// What child and parents wanted to be heard, and how it came to be known.
#[derive(Debug, Clone, Default)]
pub struct Voice {
    /// The child's views.
    pub child: Option<Note>,
    /// How they were obtained.
    pub child_how: Option<Line>,
    /// How the child took part, as the procedures code it.
    pub participation: Option<String>,
    /// The parents' views.
    pub parents: Option<Note>,
    /// How they were obtained.
    pub parents_how: Option<Line>,
    /// In which language.
    pub language: Option<PreferredLanguage>,
    /// When an advocate was actively offered.
    pub offered_on: Option<NaiveDate>,
    /// By whom.
    pub offered_by: Option<Line>,
    /// The answer, as the procedures code it.
    pub response: Option<String>,
}

/// What was decided about one child.
#[derive(Debug, Clone)]
pub struct NewDecision {
    /// The child.
    pub child: ChildId,
    /// The enquiry that led to it.
    pub section47: Option<Section47Id>,
    /// For a review: the entry. It can be left out when the child has one.
    pub registration: Option<RegistrationId>,
    /// What was decided.
    pub decision: Decision,
    /// Categories.
    pub categories: Vec<Category>,
    /// Whether all agreed. If not, the chair decided.
    pub consensus: bool,
    /// Who did not agree, and why.
    pub dissent: Option<Note>,
    /// The reasons.
    pub reasons: Option<Note>,
    /// What they rest on.
    pub evidence: Option<Note>,
    /// Views and advocacy.
    pub voice: Voice,
    /// From when the name is on the register; usually the day of the conference.
    pub registered_on: Option<NaiveDate>,
    /// From when it is off; usually the day of the conference.
    pub removed_on: Option<NaiveDate>,
    /// The co-ordinator.
    pub coordinator: Option<NewCoordinator>,
    /// The core group; at a review, `None` leaves it as it is.
    pub core_group: Option<Vec<NewCoreGroupMember>>,
    /// When the next review is held.
    pub next_review_on: Option<NaiveDate>,
    /// When the core group meets next.
    pub core_group_on: Option<NaiveDate>,
    /// Legal status.
    pub legal_status: Option<LegalStatusCode>,
}

/// What of a conference can be said anew without touching what was decided.
#[derive(Debug, Clone)]
pub struct Particulars {
    /// Who chaired it.
    pub chair: Option<Line>,
    /// Who that is at the identity provider: what makes the conference theirs.
    pub chair_person: Option<String>,
    /// In which language it was held.
    pub language: Option<PreferredLanguage>,
    /// Whether enough were there, in the chair's judgement.
    pub quorate: Option<bool>,
    /// Why it went ahead without.
    pub quorum_reason: Option<Note>,
    /// Why next dates lie beyond the limits.
    pub departure_reason: Option<Note>,
    /// Which senior safeguarding manager authorised it.
    pub departure_approved_by: Option<Line>,
    /// Attendance.
    pub attendance: Vec<NewAttendee>,
}

/// A conference to be recorded.
#[derive(Debug, Clone)]
pub struct NewConference {
    /// Its kind.
    pub kind: ConferenceKind,
    /// Whose it was.
    pub authority: GssCode,
    /// When it was held.
    pub held_on: NaiveDate,
    /// Chair, quorum, attendance.
    pub particulars: Particulars,
    /// Decisions, one for each child.
    pub decisions: Vec<NewDecision>,
}

/// A conference with what is held to be true of it now.
#[derive(Debug, Clone)]
pub struct Held {
    /// The conference.
    pub row: ConferenceRow,
    /// What holds of it.
    pub state: ConferenceStateRow,
    /// Who was there.
    pub attendees: Vec<AttendeeRow>,
    /// What was decided.
    pub decisions: Vec<DecisionRow>,
}

fn codes(categories: &[String]) -> String {
    serde_json::to_string(categories).unwrap_or_else(|_| "[]".into())
}

/// The categories of a decision, as codes.
pub fn categories(decision: &DecisionRow) -> Vec<String> {
    serde_json::from_str(&decision.categories).unwrap_or_default()
}

impl Held {
    /// The conference of an entry that names it by its date only, with the one decision that is known of it. Who was there and
    /// whether all agreed was not said.
    pub fn with(entry: &Registration) -> Option<Self> {
        let state = &entry.state;
        let conference = state.conference_id?;
        let (at, by) = (state.recorded_at, state.recorded_by.as_str());
        let categories = codes(&entry.categories.iter().map(|row| row.category.clone()).collect::<Vec<_>>());
        Some(Self {
            row: ConferenceRow {
                id: conference,
                authority: state.conference_authority.clone()?,
                version: 1,
                created_at: at,
                changed_at: at,
            },
            state: ConferenceStateRow::bare(conference, state.conference_kind.as_deref()?, state.conference_held_on?, at, by),
            attendees: Vec::new(),
            decisions: vec![DecisionRow {
                registration_id: Some(entry.row.id),
                review_due_on: state.review_due_on,
                ..DecisionRow::bare(conference, entry.row.child_id, Decision::Register.as_str(), categories, at, by)
            }],
        })
    }

    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        self.row.insert(connection)?;
        self.state.insert(connection)?;
        AttendeeRow::insert_all(connection, &self.attendees)?;
        DecisionRow::insert_all(connection, &self.decisions)
    }

    /// Its kind.
    ///
    /// # Errors
    /// When the database holds none of ours.
    pub fn kind(&self) -> Result<ConferenceKind, StoreError> {
        self.state.kind.parse().map_err(|_| StoreError::Corrupt("the kind of a conference"))
    }

    /// Whether a child's entitlement to an active offer of an advocate is unmet; `None` where there is no entitlement.
    ///
    /// # Source
    /// WG-ADV: children who are the subject of enquiries leading to an initial conference, in Wales.
    pub fn advocacy_unmet(&self, region: &Region, decision: &DecisionRow) -> Option<bool> {
        let kind = self.kind().ok()?;
        let procedures = &region.procedures;
        let entitled = matches!(kind, ConferenceKind::Initial | ConferenceKind::PreBirth)
            && procedures.required.iter().any(|item| item.code == Item::AdvocacyOffer);
        entitled.then(|| {
            let answer = decision.advocacy_response.as_deref();
            let unmet_answer = procedures.advocacy.iter().any(|response| Some(response.code.as_str()) == answer && response.unmet);
            decision.advocacy_offered_on.is_none() || unmet_answer
        })
    }

    /// What is taken and doubted aloud: a Saturday, a missing quorum that is explained, later dates that were authorised.
    pub fn doubts(&self, region: &Region, today: NaiveDate) -> Vec<Broken> {
        let (Ok(kind), Ok(calendar)) = (self.kind(), Calendar::for_nation(region.procedures.nation)) else { return Vec::new() };
        let mut doubts = Vec::new();
        for (index, decision) in self.decisions.iter().enumerate() {
            let Ok(decided) = decision.decision.parse::<Decision>() else { continue };
            let child = [bare(decided)];
            let proposed = self.proposed(kind, &child, decision.review_due_on, decision.core_group_due_on, today);
            let found = proposed.breaches(region.procedures, calendar).unwrap_or_default();
            for breach in found.iter().filter(|breach| !breach.refuses()) {
                let place = place_of(&breach.pointer, Some(index));
                if !doubts.iter().any(|other: &Broken| other.pointer == place && other.code == breach.rule.code()) {
                    doubts.push(Broken::from(breach).moved(place));
                }
            }
        }
        doubts
    }

    fn proposed<'a>(
        &self,
        kind: ConferenceKind,
        children: &'a [ChildDecision<'a>],
        review_on: Option<NaiveDate>,
        core_group_on: Option<NaiveDate>,
        today: NaiveDate,
    ) -> ProposedConference<'a> {
        let state = &self.state;
        let (social_care_present, other_agencies_present) = self.present();
        ProposedConference {
            kind,
            held_on: state.held_on,
            today,
            social_care_present,
            other_agencies_present,
            inquorate_reason: state.quorum_reason.is_some(),
            children,
            review_on,
            core_group_on,
            departure_authorised: state.departure_reason.is_some() && state.departure_approved_by.is_some(),
        }
    }

    /// Whether children's social care and how many other agencies were there. The chair's word counts; without it those are
    /// counted who attended, one of their agencies taken for social care, because nothing says which one it is.
    fn present(&self) -> (bool, u8) {
        match self.state.quorate {
            Some(true) => (true, u8::MAX),
            Some(false) => (false, 0),
            None => {
                let mut agencies: Vec<String> = self
                    .attendees
                    .iter()
                    .filter(|attendee| attendee.attendance == Attendance::Attended.as_str() && attendee.direct_contact != Some(false))
                    .filter_map(|attendee| attendee.agency.as_deref())
                    .map(str::to_lowercase)
                    .collect();
                agencies.sort();
                agencies.dedup();
                (!agencies.is_empty(), u8::try_from(agencies.len().saturating_sub(1)).unwrap_or(u8::MAX))
            }
        }
    }
}

/// A child of whom only the decision is known.
fn bare(decision: Decision) -> ChildDecision<'static> {
    ChildDecision {
        child: ChildId::new_at(chrono::DateTime::UNIX_EPOCH),
        unborn: true,
        entry: None,
        decision,
        categories: None,
        chair_decided: false,
        reasons: true,
    }
}

/// The item of a request that a place in a proposed conference stands for.
fn place_of(pointer: &str, only: Option<usize>) -> String {
    let item = |index: &str, rest: &str| match rest {
        "" | "/child" => format!("/decisions/{index}/childId"),
        rest => format!("/decisions/{index}{rest}"),
    };
    match (pointer.strip_prefix("/children"), only) {
        (Some(""), _) => "/decisions".into(),
        (Some(rest), only) => {
            let rest = rest.trim_start_matches('/');
            let (index, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            item(&only.map_or_else(|| index.to_owned(), |index| index.to_string()), rest)
        }
        (None, Some(index)) if pointer == "/reviewOn" => format!("/decisions/{index}/nextReviewOn"),
        (None, Some(index)) if pointer == "/coreGroupOn" => format!("/decisions/{index}/coreGroupOn"),
        (None, _) => pointer.to_owned(),
    }
}

/// Puts conferences together with what holds of them.
///
/// # Errors
/// When the database fails, or a conference has no state.
pub fn assemble(connection: &mut AnyConnection, rows: Vec<ConferenceRow>) -> Result<Vec<Held>, RegisterError> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let states = ConferenceStateRow::current(connection, &ids)?;
    let attendees = AttendeeRow::current(connection, &ids)?;
    let decisions = DecisionRow::current(connection, &ids)?;
    rows.into_iter()
        .map(|row| {
            let state = states.iter().find(|state| state.conference_id == row.id).cloned();
            Ok(Held {
                state: state.ok_or(StoreError::Corrupt("a conference has no state"))?,
                attendees: attendees.iter().filter(|attendee| attendee.conference_id == row.id).cloned().collect(),
                decisions: decisions.iter().filter(|decision| decision.conference_id == row.id).cloned().collect(),
                row,
            })
        })
        .collect()
}

/// A conference, whoever asks.
///
/// # Errors
/// When the database fails.
pub fn load(connection: &mut AnyConnection, id: Id) -> Result<Option<Held>, RegisterError> {
    let found = ConferenceRow::find(connection, id)?.into_iter().collect();
    Ok(assemble(connection, found)?.pop())
}

/// What of a conference the caller may see: a chair the conferences they chaired, a co-ordinator the decisions about children
/// whose cases they co-ordinate.
///
/// # Errors
/// When the database fails.
pub fn seen_by(connection: &mut AnyConnection, mut held: Held, principal: &Principal, reach: Reach) -> Result<Option<Held>, RegisterError> {
    let visible = match (reach, principal.role) {
        (Reach::Scope, _) => principal.scope.covers(&held.row.authority),
        (Reach::Own, Role::ConferenceChair) => held.state.chair_person.as_deref() == Some(principal.key().as_str()),
        (Reach::Own, _) => {
            let mut theirs = Vec::new();
            for decision in held.decisions {
                if registration_rows::coordinates(connection, &principal.key(), decision.child_id)? {
                    theirs.push(decision);
                }
            }
            held.decisions = theirs;
            !held.decisions.is_empty()
        }
    };
    Ok(visible.then_some(held))
}

/// A conference that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: ConferenceId, principal: &Principal, reach: Reach) -> Result<Held, RegisterError> {
    // The same statements run whether there is no conference or one that the caller may not know of.
    let row = match reach {
        Reach::Scope => ConferenceRow::find(connection, id.into())?.filter(|row| principal.scope.covers(&row.authority)),
        Reach::Own => ConferenceRow::find_of(connection, id.into(), &own(principal))?,
    };
    let row = row.ok_or(RegisterError::NotFound)?;
    let held = assemble(connection, vec![row])?.pop().ok_or(RegisterError::NotFound)?;
    seen_by(connection, held, principal, reach)?.ok_or(RegisterError::NotFound)
}

/// Whose conferences are the caller's own: those they chaired, or those about children whose cases they co-ordinate.
pub fn own(principal: &Principal) -> Whose {
    match principal.role {
        Role::ConferenceChair => Whose::Chair(principal.key()),
        _ => Whose::Coordinator(principal.key()),
    }
}

fn calendar(region: &Region) -> Result<&'static Calendar, RegisterError> {
    Calendar::for_nation(region.procedures.nation).map_err(|_| StoreError::Corrupt("no calendar for this nation").into())
}

fn breaches(proposed: &ProposedConference<'_>, region: &Region) -> Result<Vec<Breach<ConferenceViolation>>, RegisterError> {
    proposed.breaches(region.procedures, calendar(region)?).map_err(|_| RegisterError::Rule {
        pointer: "/heldOn".into(),
        code: "year-out-of-range",
        detail: "check the year: no bank holidays are known for it".into(),
    })
}

/// Whether a conference that is named by its date only can have been held on it, and the entry begin when it is said to.
///
/// # Errors
/// [`RegisterError::Broken`].
///
/// # Source
/// CIN-VAL rule 8875; WSP-4.12.
pub fn check_day(
    region: &Region,
    kind: ConferenceKind,
    held_on: NaiveDate,
    registered_on: NaiveDate,
    today: NaiveDate,
) -> Result<(), RegisterError> {
    let children = [bare(Decision::DoNotRegister)];
    let proposed = ProposedConference {
        kind,
        held_on,
        today,
        social_care_present: true,
        other_agencies_present: u8::MAX,
        inquorate_reason: false,
        children: &children,
        review_on: None,
        core_group_on: None,
        departure_authorised: false,
    };
    let found = breaches(&proposed, region)?;
    let of_the_day = refused(&found).into_iter().filter(|broken| matches!(broken.pointer.as_str(), "/heldOn" | "/kind"));
    let mut broken: Vec<Broken> = of_the_day.map(|broken| broken.clone().moved(format!("/conference{}", broken.pointer))).collect();
    if registered_on < held_on {
        broken.push(Broken::at("/registeredOn", &RecordViolation::BeforeConference));
    }
    unless_broken(broken)
}

/// The entry that is to be made upon a recorded conference: its decision about this child must be to register, and no entry
/// may rest on it yet, unless in error.
///
/// # Errors
/// [`RegisterError::Broken`].
///
/// # Source
/// WSP-4.12, invariant I3.
pub fn resting_on(
    tx: &mut Tx<'_>,
    child: ChildId,
    conference: ConferenceId,
    new: &NewRegistration,
) -> Result<NewRegistration, RegisterError> {
    let broken = |violation| RegisterError::Broken(vec![Broken::at("/conferenceId", &violation)]);
    let held = load(tx.connection, conference.into())?
        .filter(|held| held.row.authority == new.authority && !held.state.entered_in_error)
        .ok_or_else(|| broken(RecordViolation::UnknownConference))?;
    let decision = held
        .decisions
        .iter()
        .find(|decision| decision.child_id == child.into())
        .ok_or_else(|| broken(RecordViolation::UnknownConference))?;
    if decision.decision != Decision::Register.as_str() {
        return Err(broken(RecordViolation::NotDecided));
    }
    if let Some(entry) = decision.registration_id
        && !registrations::load(tx.connection, entry)?.state.entered_in_error
    {
        return Err(broken(RecordViolation::DecisionUsed));
    }
    if new.registered_on < held.state.held_on {
        return Err(RegisterError::Broken(vec![Broken::at("/registeredOn", &RecordViolation::BeforeConference)]));
    }
    let decided: Vec<Category> = categories(decision).iter().filter_map(|code| code.parse().ok()).collect();
    let same = |one: &[Category], other: &[Category]| CategorySet::new(one.to_vec()).ok() == CategorySet::new(other.to_vec()).ok();
    if !new.categories.is_empty() && !same(&new.categories, &decided) {
        return Err(RegisterError::Broken(vec![Broken::at("/categories", &RecordViolation::CategoriesDiffer)]));
    }
    Ok(NewRegistration {
        basis: NewBasis::Conference {
            id: Some(conference),
            held_on: held.state.held_on,
            kind: held.kind()?,
            authority: held.row.authority.parse().map_err(|_| StoreError::Corrupt("the authority of a conference"))?,
        },
        categories: decided,
        review_due_on: new.review_due_on.or(decision.review_due_on),
        ..new.clone()
    })
}

/// Notes which entry rests on a decision.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
pub fn used(tx: &mut Tx<'_>, conference: ConferenceId, entry: &Registration, by: &str) -> Result<(), RegisterError> {
    let held = load(tx.connection, conference.into())?.ok_or(RegisterError::NotFound)?;
    let at = advance(tx, &held)?;
    let Some(decision) = held.decisions.iter().find(|decision| decision.child_id == entry.row.child_id) else { return Ok(()) };
    DecisionRow::supersede(tx.connection, &[decision.id], at)?;
    DecisionRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: Some(entry.row.id),
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
        ..decision.clone()
    }
    .insert(tx.connection)?;
    Ok(())
}

/// Moves a conference to its next version.
fn advance(tx: &mut Tx<'_>, held: &Held) -> Result<Instant, RegisterError> {
    let at = Instant::new(tx.now());
    if !ConferenceRow::advance(tx.connection, held.row.id, held.row.version, at)? {
        return Err(RegisterError::Stale);
    }
    tx.audit().detail("conference", held.row.id.0);
    Ok(at)
}

fn attendee_row(conference: Id, new: &NewAttendee, at: Instant, by: &str) -> AttendeeRow {
    AttendeeRow {
        id: Id(uuid::Uuid::now_v7()),
        conference_id: conference,
        name: new.name.expose().to_owned(),
        agency: new.agency.as_ref().map(|agency| agency.expose().to_owned()),
        role: new.role.as_ref().map(|role| role.expose().to_owned()),
        attendance: new.attendance.as_str().into(),
        direct_contact: new.direct_contact,
        valid_from: None,
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

fn state_row(conference: Id, kind: &str, held_on: NaiveDate, new: &Particulars, at: Instant, by: &str) -> ConferenceStateRow {
    ConferenceStateRow {
        id: Id(uuid::Uuid::now_v7()),
        conference_id: conference,
        kind: kind.to_owned(),
        held_on,
        chair: new.chair.as_ref().map(|chair| chair.expose().to_owned()),
        chair_person: new.chair_person.clone(),
        language: new.language.as_ref().map(|language| language.as_str().to_owned()),
        quorate: new.quorate,
        quorum_reason: new.quorum_reason.as_ref().map(|reason| reason.expose().to_owned()),
        departure_reason: new.departure_reason.as_ref().map(|reason| reason.expose().to_owned()),
        departure_approved_by: new.departure_approved_by.as_ref().map(|by| by.expose().to_owned()),
        entered_in_error: false,
        error_reason: None,
        valid_from: None,
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

/// What is wrong with the views and the offer of an advocate, by the procedures.
fn check_voice(region: &Region, pointer: &str, voice: &Voice, today: NaiveDate) -> Vec<Broken> {
    let procedures = &region.procedures;
    let mut broken = Vec::new();
    let mut note = |holds: bool, item: &str, violation| {
        if !holds {
            broken.push(Broken::at(format!("{pointer}{item}"), &violation));
        }
    };
    let knows = |code: &Option<String>, mut codes: Box<dyn Iterator<Item = &str> + '_>| {
        code.as_deref().is_none_or(|code| codes.any(|known| known == code))
    };
    let participation = procedures.participation.iter().map(|known| known.code.as_str());
    note(knows(&voice.participation, Box::new(participation)), "/participation", RecordViolation::UnknownParticipation);
    let responses = procedures.advocacy.iter().map(|known| known.code.as_str());
    note(knows(&voice.response, Box::new(responses)), "/advocacy/response", RecordViolation::UnknownResponse);
    note(voice.offered_on.is_none_or(|day| day <= today), "/advocacy/offeredOn", RecordViolation::InTheFuture);
    broken
}

fn check_departure(particulars: &Particulars) -> Option<Broken> {
    let missing = match (&particulars.departure_reason, &particulars.departure_approved_by) {
        (Some(_), None) => "/departure/approvedBy",
        (None, Some(_)) => "/departure/reason",
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Broken::at(missing, &RecordViolation::DepartureIncomplete))
}

fn with_voice(row: DecisionRow, voice: &Voice) -> DecisionRow {
    let line = |line: &Option<Line>| line.as_ref().map(|line| line.expose().to_owned());
    DecisionRow {
        child_views: voice.child.as_ref().map(|views| views.expose().to_owned()),
        child_views_how: line(&voice.child_how),
        child_participation: voice.participation.clone(),
        parent_views: voice.parents.as_ref().map(|views| views.expose().to_owned()),
        parent_views_how: line(&voice.parents_how),
        views_language: voice.language.as_ref().map(|language| language.as_str().to_owned()),
        advocacy_offered_on: voice.offered_on,
        advocacy_offered_by: line(&voice.offered_by),
        advocacy_response: voice.response.clone(),
        ..row
    }
}

/// What of a conference is said anew.
#[derive(Debug, Clone)]
pub struct Correction {
    /// Chair, quorum, attendance: these take the place of what was said before.
    pub particulars: Particulars,
    /// Views and advocacy of the children named; of the others they stay.
    pub voices: Vec<(ChildId, Voice)>,
}

/// Corrects what is harmless, by new facts. What was decided is not touched.
///
/// # Errors
/// [`RegisterError::Conflict`] for a conference entered in error; [`RegisterError::Broken`]; [`RegisterError::Stale`].
pub fn correct(tx: &mut Tx<'_>, region: &Region, held: &Held, new: &Correction, by: &str) -> Result<Held, RegisterError> {
    if held.state.entered_in_error {
        return Err(RegisterError::Conflict);
    }
    let (at, today) = (Instant::new(tx.now()), children::today(tx.now()));
    let id = held.row.id;
    let mut after = Held {
        state: state_row(id, &held.state.kind, held.state.held_on, &new.particulars, at, by),
        attendees: new.particulars.attendance.iter().map(|attendee| attendee_row(id, attendee, at, by)).collect(),
        ..held.clone()
    };
    let mut broken: Vec<Broken> = check_departure(&new.particulars).into_iter().collect();
    let decisions: Vec<ChildDecision<'_>> = held.decisions.iter().filter_map(|row| row.decision.parse().ok()).map(bare).collect();
    let found = breaches(&after.proposed(held.kind()?, &decisions, None, None, today), region)?;
    broken.extend(refused(&found).into_iter().filter(|broken| broken.pointer == "/attendance"));
    for (index, (child, voice)) in new.voices.iter().enumerate() {
        let pointer = format!("/children/{index}");
        broken.extend(check_voice(region, &pointer, voice, today));
        match after.decisions.iter_mut().find(|row| row.child_id == (*child).into()) {
            Some(row) => {
                let fresh = DecisionRow { id: Id(uuid::Uuid::now_v7()), recorded_at: at, recorded_by: by.to_owned(), ..row.clone() };
                *row = with_voice(fresh, voice);
            }
            None => broken.push(Broken::at(format!("{pointer}/childId"), &RecordViolation::UnknownChild)),
        }
    }
    unless_broken(broken)?;
    advance(tx, held)?;
    ConferenceStateRow::supersede(tx.connection, &[held.state.id], at)?;
    after.state.insert(tx.connection)?;
    let attendees: Vec<Id> = held.attendees.iter().map(|row| row.id).collect();
    AttendeeRow::supersede(tx.connection, &attendees, at)?;
    AttendeeRow::insert_all(tx.connection, &after.attendees)?;
    for (before, row) in held.decisions.iter().zip(&after.decisions).filter(|(before, row)| before.id != row.id) {
        DecisionRow::supersede(tx.connection, &[before.id], at)?;
        row.insert(tx.connection)?;
        tx.audit().child(row.child_id);
        if held.advocacy_unmet(region, before) == Some(true) && after.advocacy_unmet(region, row) == Some(false) {
            let offered = "The active offer was recorded.";
            tasks::settle_about(tx, row.child_id, &held.row.authority, tasks::Kind::AdvocacyUnmet, by, offered)?;
        }
    }
    after.row.version += 1;
    after.row.changed_at = at;
    Ok(after)
}

/// Marks a conference as entered in error. Entries that rest on it must be marked first, one by one; a removal that it decided
/// is undone, so that nobody stays off the register by mistake; a review date that it set is taken back and asked for anew.
///
/// # Errors
/// [`RegisterError::Conflict`] when it was marked before; [`RegisterError::StillRegistered`] while an entry rests on it;
/// [`RegisterError::Broken`] when a child cannot be put back; [`RegisterError::Stale`].
pub fn mark_in_error(tx: &mut Tx<'_>, region: &Region, held: &Held, reason: &str, by: &str) -> Result<Held, RegisterError> {
    if held.state.entered_in_error {
        return Err(RegisterError::Conflict);
    }
    for decision in &held.decisions {
        let Some(entry) = decision.registration_id else { continue };
        let entry = registrations::load(tx.connection, entry)?;
        let rests = entry.state.conference_id == Some(held.row.id) && !entry.state.entered_in_error;
        if rests {
            return Err(RegisterError::StillRegistered);
        }
        if entry.state.removal_conference_id == Some(held.row.id) {
            removal::reinstate(tx, region, &entry, reason, by)?;
        } else if decision.decision == Decision::StayOn.as_str()
            && entry.is_live_on(children::today(tx.now()))
            && entry.state.review_due_on == decision.review_due_on
        {
            let state = crate::store::registrations::StateRow { review_due_on: None, ..entry.state.clone() };
            registrations::restate(tx, &entry, state, by)?;
            tasks::raise_once(tx, tasks::Kind::ReviewDateMissing, &entry.row.authority, entry.row.child_id, entry.row.id)?;
        }
        tx.audit().child(decision.child_id);
    }
    let at = advance(tx, held)?;
    ConferenceStateRow::supersede(tx.connection, &[held.state.id], at)?;
    let mut after = held.clone();
    after.state = ConferenceStateRow {
        id: Id(uuid::Uuid::now_v7()),
        entered_in_error: true,
        error_reason: Some(reason.to_owned()),
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
        ..held.state.clone()
    };
    let about: Vec<Id> = held.decisions.iter().map(|decision| decision.child_id).collect();
    crate::store::clocks::mark_stale(tx.connection, &about)?;
    after.state.insert(tx.connection)?;
    after.row.version += 1;
    after.row.changed_at = at;
    Ok(after)
}
