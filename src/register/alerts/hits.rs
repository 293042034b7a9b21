//! Hits: whether a question, or a record, is about a child who is sought.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::particulars::ReportDetails;
use super::{Held, keep};
use crate::domain::custody::alert::AlertAction;
use crate::domain::ids::SightingId;
use crate::domain::outcome::Grade;
use crate::matching::{self, DecodeError, Query, Record, enough_to_search};
use crate::register::checks::{self, StoredMatch};
use crate::register::{Region, RegisterError, transfers};
use crate::store::alerts::{AlertRow, LiveRow, ReportRow};
use crate::store::children::{self as child_rows, ChildRow};
use crate::store::connection::AnyConnection;
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

/// How many earlier enquiries of a search are reported: whoever leads rings them one after the other.
const ENQUIRIES_MAX: usize = 20;

/// A live alert that a question is about, as an enquirer is told of it: what to do now and whom to ring, and nothing more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldAlert {
    /// The alert.
    pub id: uuid::Uuid,
    /// How sure it is that the question is about this child.
    pub grade: Grade,
    /// The authority that leads: whom to ring.
    pub authority: String,
    /// Whether it is an exercise.
    pub exercise: bool,
    /// When its owner was to confirm it; past that it is stale, and told all the same.
    pub reconfirm_by: DateTime<Utc>,
    /// What its owner asks of whoever meets the child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

/// The grade of a question against somebody's particulars; `None` when it is not about them.
fn grade(
    connection: &mut AnyConnection,
    query: &Query,
    row: &LiveRow,
    context: &matching::Context,
) -> Result<Option<Grade>, RegisterError> {
    let record = match Record::decode(&row.body) {
        Ok(record) => record,
        // Packed by a program with another matcher, before an update: made anew of the particulars, so that nobody is missed.
        Err(DecodeError::OtherVersion) => match AlertRow::find(connection, row.id)?.map(Held::read).transpose()? {
            Some(held) => Record::new(&held.kept.particulars.child.person()),
            None => return Ok(None),
        },
        Err(DecodeError::Damaged) => return Err(StoreError::Corrupt("alert").into()),
    };
    Ok(matching::same_child(query, &record, context).map(checks::grade))
}

/// The live alerts that a question is about: those of the people it found, and those whose descriptors it fits though the child is
/// on no register here. Each person found is marked with theirs.
///
/// # Errors
/// When the database fails.
pub fn look(
    connection: &mut AnyConnection,
    region: &Region,
    query: &Query,
    shown: &mut [StoredMatch],
    is_same: impl Fn(Id, Id) -> bool,
) -> Result<Vec<ToldAlert>, RegisterError> {
    let live = LiveRow::all(connection)?;
    if live.is_empty() {
        return Ok(Vec::new());
    }
    let context = region.matcher.context(connection, query)?;
    let mut hits = Vec::new();
    for row in live {
        let is_child = |found: &StoredMatch| {
            found.child.zip(row.child_id).is_some_and(|(found, sought)| found == sought.0 || is_same(Id(found), sought))
        };
        let person = shown.iter_mut().find(|found| is_child(found));
        let by_particulars = grade(connection, query, &row, &context)?;
        let Some(grade) = person.as_ref().map(|found| found.grade).max(by_particulars) else { continue };
        let Some(held) = AlertRow::find(connection, row.id)?.map(Held::read).transpose()? else { continue };
        let Some(bulletin) = held.alert.bulletin.as_ref() else { continue };
        let told = ToldAlert {
            id: row.id.0,
            grade,
            authority: held.authority().to_owned(),
            exercise: bulletin.exercise,
            reconfirm_by: bulletin.reconfirm_by,
            instructions: held.kept.particulars.details.instructions.clone(),
        };
        // What is real is told before what is a drill, and of two the later one: they come oldest first.
        if let Some(person) = person.filter(|person| person.alert.as_ref().is_none_or(|known| known.exercise || !told.exercise)) {
            person.alert = Some(told.clone());
        }
        hits.push(told);
    }
    Ok(hits)
}

/// The row of a report, as it is written in the transaction of what it comes from.
pub fn reported(alert: Id, sighting: SightingId, details: &ReportDetails, at: DateTime<Utc>) -> Result<ReportRow, RegisterError> {
    let details = serde_json::to_string(details).map_err(|_| StoreError::Corrupt("report"))?;
    Ok(ReportRow { alert_id: alert, sighting_id: sighting.into(), details, is_taken: false, created_at: at.into() })
}

/// Searches the own register and the enquiries of late for the child of an alert, and says that it was done. What is found is
/// reported by the keeper.
///
/// # Errors
/// When the database fails.
///
/// # Source
/// SCOT-27 (the keeper must try to trace the child), EMID.
pub fn search(tx: &mut Tx<'_>, region: &Region, mut held: Held, by: &str) -> Result<(), RegisterError> {
    let found = find_records(tx, region, &held)? | find_enquiries(tx, region, &held)?;
    let signature = transfers::acts::program(by, tx.now());
    match held.alert.act(AlertAction::Search { found }, &signature) {
        Ok(outcome) => keep(tx, region, held, &outcome, by).map(|_| ()),
        // Closed, or the own one: nobody waits for it.
        Err(_) => Ok(()),
    }
}

fn find_records(tx: &mut Tx<'_>, region: &Region, held: &Held) -> Result<bool, RegisterError> {
    let query = held.kept.particulars.child.query();
    if enough_to_search(&query).is_err() {
        return Ok(false);
    }
    let found = region.matcher.search(tx.connection, &query)?;
    let pids: Vec<i64> = found.current.candidates.iter().chain(&found.former.candidates).map(|candidate| candidate.id).collect();
    let people = child_rows::by_numbers(tx.connection, &pids)?;
    let mut any = false;
    for candidate in found.current.candidates.iter().chain(&found.former.candidates) {
        let Some(person) = people.iter().map(|found| &found.person).find(|person| person.pid == candidate.id) else { continue };
        if held.child == Some(person.id) || person.standing != "current" {
            continue;
        }
        any = true;
        report_record(tx, region, held.alert.id.into(), person, checks::grade(candidate.grade))?;
    }
    Ok(any)
}

/// A record of this register may be of a child who is sought. Its own identifier makes it one report however often it is found.
fn report_record(tx: &mut Tx<'_>, region: &Region, alert: Id, person: &ChildRow, grade: Grade) -> Result<(), RegisterError> {
    let details = ReportDetails {
        kind: "record".into(),
        region: region.code().to_string(),
        at: tx.now(),
        grade: Some(grade.as_str().into()),
        agency: region.authority(&person.authority).map(|(_, authority)| authority.name[0].clone()),
        role: None,
        reason: None,
        call_back: None,
        place: None,
        seen_by: None,
        note: None,
    };
    let Ok(sighting) = SightingId::try_from(person.id.0) else { return Ok(()) };
    tx.audit().child(person.id);
    reported(alert, sighting, &details, tx.now())?.add(tx.connection)?;
    Ok(())
}

fn find_enquiries(tx: &mut Tx<'_>, region: &Region, held: &Held) -> Result<bool, RegisterError> {
    let query = held.kept.particulars.child.query();
    let last_seen = held.kept.particulars.details.last_seen.as_ref().map(|seen| seen.at);
    let earliest = tx.now() - TimeDelta::days(region.look_back_days);
    let since = last_seen.map_or(earliest, |at| at.max(earliest));
    let enquiries = checks::about_same_child(tx.connection, region, &query, since)?;
    // Whoever is of another region is reported by their own.
    let own = enquiries.into_iter().filter(|(row, _)| checks::other_region(&row.asked_by).is_none());
    let mut any = false;
    for (row, grade) in own.take(ENQUIRIES_MAX) {
        let details = ReportDetails {
            kind: "enquiry".into(),
            region: region.code().to_string(),
            at: row.asked_at.get(),
            grade: Some(grade.as_str().into()),
            agency: Some(row.agency),
            role: None,
            reason: None,
            call_back: None,
            place: None,
            seen_by: None,
            note: None,
        };
        let Ok(sighting) = SightingId::try_from(row.id.0) else { continue };
        any = true;
        reported(held.alert.id.into(), sighting, &details, tx.now())?.add(tx.connection)?;
    }
    Ok(any)
}

/// Holds a record that was entered or changed against the alerts that are live: what fits is reported.
///
/// # Errors
/// When the database fails.
///
/// # Source
/// Domain notes, part 6.5: a match in another region's registration, too.
pub fn compare_record(tx: &mut Tx<'_>, region: &Region, person: &ChildRow, record: &matching::Person) -> Result<(), RegisterError> {
    let live = LiveRow::all(tx.connection)?;
    if live.is_empty() {
        return Ok(());
    }
    let query = Query::new(record);
    if enough_to_search(&query).is_err() {
        return Ok(());
    }
    let context = region.matcher.context(tx.connection, &query)?;
    for row in live {
        if row.child_id == Some(person.id) {
            continue;
        }
        if let Some(grade) = grade(tx.connection, &query, &row, &context)? {
            report_record(tx, region, row.id, person, grade)?;
        }
    }
    Ok(())
}
