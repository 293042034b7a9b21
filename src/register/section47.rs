//! Enquiries under section 47: the dates before a conference, kept as facts that are superseded and never overwritten.

use chrono::NaiveDate;

use super::{Broken, RegisterError, children, refused, unless_broken};
use crate::authz::{Principal, Reach};
use crate::domain::ids::{ChildId, Section47Id};
use crate::domain::section47::{Determination, ProposedSection47, Section47Violation};
use crate::domain::text::{Line, Note};
use crate::store::clocks;
use crate::store::conferences::{ConferenceStateRow, DecisionRow, Section47Row, Section47StateRow};
use crate::store::connection::AnyConnection;
use crate::store::registrations as registration_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// What somebody says of an enquiry.
#[derive(Debug, Clone)]
pub struct NewSection47 {
    /// When the report or referral arrived.
    pub referral_on: Option<NaiveDate>,
    /// When the strategy discussion was held.
    pub strategy_discussion_on: NaiveDate,
    /// When the enquiry was decided on.
    pub decided_on: Option<NaiveDate>,
    /// When it began.
    pub started_on: Option<NaiveDate>,
    /// What it determined.
    pub outcome: Option<Determination>,
    /// When.
    pub outcome_on: Option<NaiveDate>,
    /// When the assessment was completed.
    pub assessment_completed_on: Option<NaiveDate>,
    /// Why times were departed from.
    pub departure_reason: Option<Note>,
    /// Which senior safeguarding manager approved it.
    pub departure_approved_by: Option<Line>,
}

/// An enquiry with what is held to be true of it now.
#[derive(Debug, Clone)]
pub struct Section47 {
    /// The enquiry.
    pub row: Section47Row,
    /// What holds of it.
    pub state: Section47StateRow,
    /// The first conference that was held upon it, and its day.
    pub conference: Option<(Id, NaiveDate)>,
}

impl Section47 {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        !self.state.entered_in_error && self.proposed(false).is_open()
    }

    fn proposed(&self, another_is_open: bool) -> ProposedSection47 {
        let state = &self.state;
        ProposedSection47 {
            referral_on: state.referral_on,
            strategy_discussion_on: state.strategy_discussion_on,
            decided_on: state.decided_on,
            started_on: state.started_on,
            outcome: state.outcome.as_deref().and_then(|code| code.parse().ok()),
            outcome_on: state.outcome_on,
            assessment_completed_on: state.assessment_completed_on,
            conference_on: self.conference.map(|(_, day)| day),
            another_is_open,
        }
    }
}

/// Puts enquiries together with what holds of them.
///
/// # Errors
/// When the database fails, or an enquiry has no state.
pub fn assemble(connection: &mut AnyConnection, rows: Vec<Section47Row>) -> Result<Vec<Section47>, RegisterError> {
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let people: Vec<Id> = rows.iter().map(|row| row.child_id).collect();
    let states = Section47StateRow::current(connection, &ids)?;
    let decisions = DecisionRow::of_children(connection, &people)?;
    let conferences: Vec<Id> = decisions.iter().map(|decision| decision.conference_id).collect();
    let held = ConferenceStateRow::current(connection, &conferences)?;
    rows.into_iter()
        .map(|row| {
            let state = states.iter().find(|state| state.section47_id == row.id).cloned();
            let conference = decisions
                .iter()
                .filter(|decision| decision.section47_id == Some(row.id))
                .filter_map(|decision| held.iter().find(|state| state.conference_id == decision.conference_id && !state.entered_in_error))
                .map(|state| (state.conference_id, state.held_on))
                .min_by_key(|(_, day)| *day);
            Ok(Section47 { state: state.ok_or(StoreError::Corrupt("an enquiry has no state"))?, conference, row })
        })
        .collect()
}

/// An enquiry that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: Section47Id, principal: &Principal, reach: Reach) -> Result<Section47, RegisterError> {
    let row = Section47Row::find(connection, id.into())?;
    // The same statements run whether there is no enquiry or one that the caller may not know of.
    let child = row.as_ref().map_or_else(|| id.into(), |row| row.child_id);
    let coordinates = registration_rows::coordinates(connection, &principal.key(), child)?;
    let visible = |row: &Section47Row| match reach {
        Reach::Scope => principal.scope.covers(&row.authority),
        Reach::Own => coordinates,
    };
    let row = row.filter(visible).ok_or(RegisterError::NotFound)?;
    assemble(connection, vec![row])?.pop().ok_or(RegisterError::NotFound)
}

fn state_row(enquiry: Id, new: &NewSection47, at: Instant, by: &str) -> Section47StateRow {
    Section47StateRow {
        id: Id(uuid::Uuid::now_v7()),
        section47_id: enquiry,
        referral_on: new.referral_on,
        strategy_discussion_on: new.strategy_discussion_on,
        decided_on: new.decided_on,
        started_on: new.started_on,
        outcome: new.outcome.map(|outcome| outcome.as_str().to_owned()),
        outcome_on: new.outcome_on,
        assessment_completed_on: new.assessment_completed_on,
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

/// Refuses what breaks a rule: in its own dates, or beside the child's other enquiries at the authority.
fn check(tx: &mut Tx<'_>, enquiry: &Section47) -> Result<(), RegisterError> {
    crate::store::children::claim(tx.connection, enquiry.row.child_id)?;
    let rows = Section47Row::of_children(tx.connection, &[enquiry.row.child_id])?;
    let others = assemble(tx.connection, rows)?;
    let another_is_open =
        others.iter().any(|other| other.row.id != enquiry.row.id && other.row.authority == enquiry.row.authority && other.is_open());
    let mut broken = refused(&enquiry.proposed(another_is_open).breaches(children::today(tx.now())));
    if enquiry.state.departure_reason.is_some() != enquiry.state.departure_approved_by.is_some() {
        let missing = if enquiry.state.departure_reason.is_some() { "/departure/approvedBy" } else { "/departure/reason" };
        broken.push(Broken::at(missing, &Section47Violation::DepartureIncomplete));
    }
    unless_broken(broken)
}

/// Enters an enquiry.
///
/// # Errors
/// [`RegisterError::Broken`]; or the database fails.
///
/// # Source
/// CIN-VAL rules 8839 and 8890; WSP-3.2.3.
pub fn add(tx: &mut Tx<'_>, child: ChildId, authority: &str, new: &NewSection47, by: &str) -> Result<Section47, RegisterError> {
    let at = Instant::new(tx.now());
    let id = Id::from(Section47Id::new_at(tx.now()));
    let row = Section47Row { id, child_id: child.into(), authority: authority.to_owned(), version: 1, created_at: at, changed_at: at };
    let enquiry = Section47 { state: state_row(id, new, at, by), conference: None, row };
    check(tx, &enquiry)?;
    enquiry.row.insert(tx.connection)?;
    enquiry.state.insert(tx.connection)?;
    tx.audit().child(child);
    tx.audit().detail("section47", id.0);
    clocks::mark_stale(tx.connection, &[enquiry.row.child_id])?;
    Ok(enquiry)
}

/// Says anew what holds of an enquiry; what was held before stays readable.
///
/// # Errors
/// [`RegisterError::Conflict`] when it was entered in error; [`RegisterError::Broken`]; [`RegisterError::Stale`].
pub fn change(tx: &mut Tx<'_>, enquiry: &Section47, new: &NewSection47, by: &str) -> Result<Section47, RegisterError> {
    if enquiry.state.entered_in_error {
        return Err(RegisterError::Conflict);
    }
    let state = state_row(enquiry.row.id, new, tx.now().into(), by);
    let changed = Section47 { state, ..enquiry.clone() };
    check(tx, &changed)?;
    restate(tx, enquiry, changed)
}

/// Marks an enquiry as entered in error. Nothing is deleted.
///
/// # Errors
/// [`RegisterError::Conflict`] when it was marked before or a conference rests on it; [`RegisterError::Stale`].
pub fn mark_in_error(tx: &mut Tx<'_>, enquiry: &Section47, reason: &str, by: &str) -> Result<Section47, RegisterError> {
    if enquiry.state.entered_in_error || enquiry.conference.is_some() {
        return Err(RegisterError::Conflict);
    }
    let state = Section47StateRow {
        id: Id(uuid::Uuid::now_v7()),
        entered_in_error: true,
        error_reason: Some(reason.to_owned()),
        recorded_at: tx.now().into(),
        recorded_by: by.to_owned(),
        ..enquiry.state.clone()
    };
    restate(tx, enquiry, Section47 { state, ..enquiry.clone() })
}

fn restate(tx: &mut Tx<'_>, before: &Section47, mut after: Section47) -> Result<Section47, RegisterError> {
    let at = Instant::new(tx.now());
    if !Section47Row::advance(tx.connection, before.row.id, before.row.version, at)? {
        return Err(RegisterError::Stale);
    }
    Section47StateRow::supersede(tx.connection, &[before.state.id], at)?;
    after.state.insert(tx.connection)?;
    after.row.version += 1;
    after.row.changed_at = at;
    tx.audit().child(before.row.child_id);
    tx.audit().detail("section47", before.row.id.0);
    clocks::mark_stale(tx.connection, &[before.row.child_id])?;
    Ok(after)
}
