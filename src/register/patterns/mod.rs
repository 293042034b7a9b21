//! Fishing: what in the enquiry log a custodian should look at.
//!
//! ```text
//!  a check  ──▶ mark    in its unit of work: own name or address? out of hours? whose custodian would hear of it?
//!  every ten minutes, on every server
//!           ──▶ look    on a reader's snapshot: the marks of a day, with what their questions have in common (keyed hashes)
//!           └─▶ tell    one task for each finding, with the checks it rests on
//! ```
//!
//! A check is evidence for a pattern once ([`crate::store::patterns`]): however many servers look, and however often, a finding
//! raises one task, and the next one needs new checks. Nobody is refused because of a finding.
//!
//! **Whose custodian.** That of the authority for which the enquirer works (the authority of their token); for everybody else
//! that of the authority responsible for the child who was found; when there is none, or the checks of a finding differ, it
//! stands on the list of the region, which every custodian of the region sees. Whoever asked does not see the task about
//! themselves, and cannot close it.
//!
//! **Office hours** are kept by everybody but emergency duty teams, health, police and ambulance services, whose people work at
//! every hour.
//!
//! The enquirer's own name and postcode are read from their token, compared, and forgotten: what is kept is that they were alike.
//!
//! # Source
//! The rules against fishing: alert, do not block, except by hard budgets.

mod detect;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use detect::{Finding, Look, Pattern, Used};

use super::checks::StoredMatch;
use super::{Region, RegisterError, tasks};
use crate::authz::policy::action::DetectPatterns;
use crate::authz::{Operation, Principal, Scope, program_permit};
use crate::config::Fishing;
use crate::domain::calendar::Calendar;
use crate::domain::ids::CheckId;
use crate::domain::roles::{Role, Sector};
use crate::domain::shift::Shift;
use crate::matching::{Query, Record, shares_postcode};
use crate::store::patterns::{self as rows, MarkRow};
use crate::store::tasks::TaskRow;
use crate::store::types::{Id, Instant};
use crate::store::{Snapshot, Store, StoreError, Tx, budgets};

/// Checks looked at in one go, the newest: bounds memory (some 250 bytes each) and time.
const LOOKED_AT: i64 = 50_000;
/// Checks out of hours of one person for which it is asked what was done afterwards: more make no difference to a custodian.
const NIGHTS_LOOKED_AT: usize = 200;
/// How long hours of the budgets are kept: this one and the one before count; one more for clocks that differ.
const BUDGET_HOURS: i64 = 3;
/// What is no work on a case: asking, and reading what was asked.
const ASKING: [Operation; 6] =
    [Operation::AskCheck, Operation::AskChecks, Operation::ReadCheck, Operation::ListChecks, Operation::ReadDirectory, Operation::Unknown];

/// Why a task was raised, as it is kept with the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReason {
    /// The pattern.
    pub code: String,
    /// How many children, names, dates or checks.
    pub count: usize,
}

/// The reasons of a task; none for those that speak for themselves.
pub fn reasons(stored: &str) -> Vec<StoredReason> {
    serde_json::from_str(stored).unwrap_or_default()
}

/// Whether somebody works in office hours.
fn keeps_office_hours(principal: &Principal) -> bool {
    match principal.role {
        Role::EmergencyDuty => false,
        Role::Partner => !matches!(principal.sector, Some(Sector::Health | Sector::Police | Sector::Ambulance)),
        _ => true,
    }
}

fn is_out_of_hours(region: &Region, principal: &Principal, now: DateTime<Utc>) -> bool {
    let own = |gss: &str| matches!(&principal.scope, Scope::Authority(own) if own == gss);
    let contacts = region
        .authorities()
        .iter()
        .find(|authority| own(&authority.gss))
        .or_else(|| region.authorities().first())
        .and_then(|authority| authority.contacts.as_ref());
    let shift =
        contacts.zip(Calendar::for_nation(region.own().nation).ok()).and_then(|(contacts, calendar)| contacts.shift_at(now, calendar).ok());
    keeps_office_hours(principal) && shift == Some(Shift::OutOfHours)
}

/// Whether the question has a family name in common with the enquirer that is so rare that it says something.
fn has_own_name(snapshot: &mut Snapshot<'_>, region: &Region, principal: &Principal, query: &Query) -> Result<bool, RegisterError> {
    let Some(own) = &principal.family_name else { return Ok(false) };
    let shared = region.matcher.keyer.shared_names(query, own.expose());
    if shared.is_empty() {
        return Ok(false);
    }
    // A name may be common here that is rare in the country.
    let statistics = region.matcher.statistics(snapshot.connection)?;
    let people = statistics.people.max(1);
    let rarer_than = 1.0 / f64::from(region.fishing.own_name_rarer_than);
    Ok(shared.iter().any(|name| {
        let bearers = statistics.tokens.get(name.counter).unwrap_or(0);
        // A few bearers on a register are a family, not a common name.
        let here = if bearers > FAMILY { f64::from(bearers) / people as f64 } else { 0.0 };
        f64::from(name.national).exp2().max(here) < rarer_than
    }))
}

/// So many bearers of a name on one register may be brothers and sisters.
const FAMILY: u32 = 8;

/// What is noted of a check.
///
/// # Errors
/// When the database fails.
pub fn mark(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    principal: &Principal,
    query: &Query,
    shown: &[StoredMatch],
    id: CheckId,
) -> Result<MarkRow, RegisterError> {
    let of_region = |gss: &&str| region.authorities().iter().any(|authority| authority.gss == **gss);
    let work_list = match &principal.scope {
        Scope::Authority(authority) => authority.as_str(),
        Scope::Region(_) => region.code().as_str(),
        Scope::Organisation(_) => shown.first().map(|found| found.authority.as_str()).filter(of_region).unwrap_or(region.code().as_str()),
    };
    Ok(MarkRow {
        enquiry_id: id.into(),
        marked_at: Instant::new(snapshot.wall()),
        work_list: work_list.to_owned(),
        own_name: has_own_name(snapshot, region, principal, query)?,
        own_address: principal.postcode.as_ref().is_some_and(|own| shares_postcode(query, own.expose())),
        out_of_hours: is_out_of_hours(region, principal, snapshot.now()),
    })
}

/// A finding with what its task needs.
#[derive(Debug)]
struct Told {
    finding: Finding,
    work_list: String,
    about: Option<String>,
}

/// Looks through the enquiry log and raises a task for each finding. Any number of servers may do this at once. Answers how many
/// tasks were raised.
///
/// # Errors
/// When the database fails.
pub async fn look(store: &Store, region: &Arc<Region>) -> Result<usize, RegisterError> {
    let (reader, writer) = (Arc::clone(region), Arc::clone(region));
    store
        .run::<_, _, _, RegisterError>(
            program_permit::<DetectPatterns>("cofrestr", region.code().as_str()),
            move |snapshot| findings(snapshot, &reader),
            move |tx, found| tell(tx, &writer, found),
        )
        .await
}

fn findings(snapshot: &mut Snapshot<'_>, region: &Region) -> Result<Vec<Told>, RegisterError> {
    let fishing = &region.fishing;
    let now = snapshot.wall();
    let (window, follow_up) = (TimeDelta::hours(fishing.window_hours.into()), TimeDelta::hours(fishing.follow_up_hours.into()));
    let since = Instant::new(now - window - follow_up);
    let seen = rows::seen(snapshot.connection, since, LOOKED_AT)?;
    if seen.len() as i64 == LOOKED_AT {
        tracing::warn!(checks = seen.len(), "more checks in the window than are looked at for patterns; the oldest were left out");
    }
    snapshot.audit().detail("checks", seen.len());
    let mut looks = Vec::with_capacity(seen.len());
    for row in seen {
        // A question that another version of the matcher packed is too old to be part of a pattern.
        let Ok(record) = Record::decode(&row.packed) else { continue };
        looks.push(Look {
            id: row.id,
            at: row.marked_at.get(),
            person: row.asked_by,
            organisation: row.organisation,
            case_reference: row.case_reference,
            work_list: row.work_list,
            own_name: row.own_name,
            own_address: row.own_address,
            out_of_hours: row.out_of_hours,
            likeness: region.matcher.keyer.likeness(&record),
        });
    }
    let used: Used = rows::used_since(snapshot.connection, since)?
        .into_iter()
        .filter_map(|(pattern, id)| pattern.parse().ok().map(|pattern| (pattern, id)))
        .collect();
    let mut found = unfollowed(snapshot, region, &looks, &used, now - follow_up)?;
    let recent: Vec<Look> = looks.iter().filter(|look| look.at >= now - window).cloned().collect();
    let noted = usize::try_from(region.budgets.limits().person_checks_noted_per_hour).unwrap_or(usize::MAX);
    found.extend(detect::findings(&recent, &used, fishing, noted));
    let by_id: BTreeMap<Id, &Look> = looks.iter().map(|look| (look.id, look)).collect();
    Ok(found.into_iter().map(|finding| addressed(finding, &by_id, region)).collect())
}

/// Checks out of hours whose enquirers did nothing afterwards.
fn unfollowed(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    looks: &[Look],
    used: &Used,
    until: DateTime<Utc>,
) -> Result<Vec<Finding>, RegisterError> {
    let Fishing { out_of_hours_checks: threshold, follow_up_hours, .. } = region.fishing;
    let follow_up = TimeDelta::hours(follow_up_hours.into());
    let asking = ASKING.map(Operation::as_str);
    let mut found = Vec::new();
    for checks in detect::out_of_hours(looks, used, until, follow_up) {
        if checks.len() < threshold {
            continue;
        }
        let mut left = Vec::new();
        for look in checks.into_iter().take(NIGHTS_LOOKED_AT) {
            // Issuer and subject; the log's index is over the subject. Another issuer's namesake counts in the enquirer's favour.
            let subject = look.person.split_once('#').map_or("", |(_, subject)| subject);
            let (from, to) = (Instant::new(look.at), Instant::new(look.at + follow_up));
            if !rows::was_active(snapshot.connection, subject, from, to, &asking)? {
                left.push(look);
            }
        }
        found.extend(detect::without_follow_up(&left, threshold));
    }
    Ok(found)
}

/// Whose custodian is to look at a finding, and about whom it is.
fn addressed(finding: Finding, looks: &BTreeMap<Id, &Look>, region: &Region) -> Told {
    let of = |part: fn(&Look) -> &String| {
        let mut all = finding.evidence.iter().filter_map(|id| looks.get(id)).map(|look| part(look));
        let first = all.next();
        first.filter(|first| all.all(|other| other == *first)).cloned()
    };
    let work_list = of(|look| &look.work_list).unwrap_or_else(|| region.code().to_string());
    Told { about: of(|look| &look.person), work_list, finding }
}

fn tell(tx: &mut Tx<'_>, region: &Region, found: &[Told]) -> Result<usize, RegisterError> {
    let mut raised = 0;
    for Told { finding: Finding { pattern, count, evidence }, work_list, about } in found {
        // Looked at again here: another server may have told it a moment ago, and one check may be part of two sweeps.
        if rows::is_used(tx.connection, pattern.as_str(), evidence)? {
            continue;
        }
        let reasons = vec![StoredReason { code: pattern.as_str().to_owned(), count: *count }];
        let mut task = tasks::row(tx.now(), tasks::Kind::EnquiryPattern, work_list, None, None, None);
        task.reasons = serde_json::to_string(&reasons).map_err(|_| StoreError::Corrupt("the reasons of a task"))?;
        task.about = about.clone();
        // At once, not with the rest of a group: the evidence refers to it.
        let id = task.id;
        TaskRow::insert_all(tx.connection, &[task])?;
        rows::use_up(tx.connection, pattern.as_str(), evidence, id)?;
        tx.audit().detail(pattern.as_str(), evidence.len());
        raised += 1;
    }
    let wall = tx.wall();
    let kept = TimeDelta::hours(i64::from(region.fishing.window_hours) + i64::from(region.fishing.follow_up_hours) + 1);
    rows::prune(tx.connection, Instant::new(wall - kept))?;
    budgets::prune(tx.connection, Instant::new(wall - TimeDelta::hours(BUDGET_HOURS)))?;
    Ok(raised)
}
