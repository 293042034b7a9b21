//! Retention: whose record has run its time, why the others stay, and erasing.
//!
//! ```text
//! plan   a page of people ─▶ their households, entries, contacts, holds ─▶ domain::retention::decide
//! erase  one person, one unit of work: lock ─▶ the same decision again ─▶ rows go ─▶ tombstone in the audit log
//! ```
//!
//! The decision is made again where the record is erased, on what nobody else can change until that is committed: nothing
//! live, held, or in the household of what is live is ever erased (invariant I25).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, Utc};

use super::children::today;
use super::identities::Groups;
use super::registrations::{self, Registration};
use super::{Region, RegisterError, alerts};
use crate::authz::policy::action::{EraseRecord, PlanErasure};
use crate::authz::program_permit;
use crate::domain::ids::ChildId;
use crate::domain::procedures::Code;
use crate::domain::registration::{LegalStatusCode, RemovalGround};
use crate::domain::retention::{Live, RecordFacts, RetentionDecision, RetentionRule, Standing, decide};
use crate::matching::Record;
use crate::store::children::{ChildRow, ParticularsRow, find};
use crate::store::connection::AnyConnection;
use crate::store::custody::CustodyRow;
use crate::store::holds::{self, HoldRow};
use crate::store::retention as rows;
use crate::store::types::{Id, Instant};
use crate::store::{Store, StoreError, Tx, matching};

/// People decided about at once: with their households still one statement's worth of identifiers.
const PAGE: i64 = 200;

/// Legal statuses under which a child is looked after.
///
/// # Source
///
/// Children Act 1989, section 22; Social Services and Well-being (Wales) Act 2014, section 74 (in care, or accommodated by the
/// authority). Police protection and emergency orders are counted too: the record then stays longer, never shorter.
const LOOKED_AFTER: [LegalStatusCode; 6] = [
    LegalStatusCode::CareOrder,
    LegalStatusCode::InterimCareOrder,
    LegalStatusCode::Accommodated,
    LegalStatusCode::PlacementOrder,
    LegalStatusCode::EmergencyProtectionOrder,
    LegalStatusCode::PoliceProtection,
];

/// What retention says of a record.
#[derive(Debug, Clone)]
pub struct Decided {
    /// Whose.
    pub child: Id,
    /// The authority that keeps it.
    pub authority: String,
    /// What.
    pub decision: RetentionDecision,
}

/// What a page of records waits for, newest first.
///
/// # Errors
/// When the database fails.
pub fn page(
    connection: &mut AnyConnection,
    region: &Region,
    authorities: &[String],
    before: Option<Id>,
    limit: i64,
    day: NaiveDate,
) -> Result<Vec<Decided>, RegisterError> {
    let people = rows::page(connection, authorities, before, limit)?;
    decided(connection, region, people, day)
}

/// Decides about records, as they stand now.
fn decided(connection: &mut AnyConnection, region: &Region, people: Vec<ChildRow>, day: NaiveDate) -> Result<Vec<Decided>, RegisterError> {
    let around = Around::new(connection, &people)?;
    let decide_one = |row: ChildRow| {
        let decision = around.decide(region, &row, day);
        Decided { child: row.id, authority: row.authority, decision }
    };
    Ok(people.into_iter().map(decide_one).collect())
}

/// What decisions about some people rest on.
struct Around {
    /// Records of one person are kept and go together: what concerns one of them concerns all.
    groups: Groups,
    households: HashMap<Id, BTreeSet<Id>>,
    entries: HashMap<Id, Vec<Registration>>,
    contacts: HashMap<Id, NaiveDate>,
    statuses: HashSet<(Id, String)>,
    born: HashMap<Id, NaiveDate>,
    holds: Vec<HoldRow>,
    /// Of whom a move is open.
    moving: HashSet<Id>,
    /// For whom an alert is not closed.
    sought: HashSet<Id>,
}

impl Around {
    fn new(connection: &mut AnyConnection, people: &[ChildRow]) -> Result<Self, RegisterError> {
        let asked: Vec<Id> = people.iter().map(|row| row.id).collect();
        let ids: Vec<Id> =
            asked.iter().copied().chain(Groups::around(connection, &asked)?.all()).collect::<BTreeSet<_>>().into_iter().collect();
        let households = households(connection, &ids)?;
        let all: Vec<Id> = ids.iter().copied().chain(households.values().flatten().copied()).collect::<BTreeSet<_>>().into_iter().collect();
        let groups = Groups::around(connection, &all)?;
        let all: Vec<Id> = all.into_iter().chain(groups.all()).collect::<BTreeSet<_>>().into_iter().collect();
        let mut entries: HashMap<Id, Vec<Registration>> = HashMap::new();
        for entry in registrations::of(connection, &all)? {
            entries.entry(entry.row.child_id).or_default().push(entry);
        }
        let mut contacts: HashMap<Id, NaiveDate> = HashMap::new();
        for (child, on) in rows::contacts(connection, &ids)? {
            let latest = contacts.entry(child).or_insert(on);
            *latest = (*latest).max(on);
        }
        // Of an unborn child nobody knows when it will have been born.
        let born = ParticularsRow::current(connection, &ids)?
            .into_iter()
            .filter(|row| row.birth_kind != "expected")
            .filter_map(|row| Some((row.child_id, row.birth_to.or(row.birth_from)?)))
            .collect();
        Ok(Self {
            groups,
            households,
            entries,
            contacts,
            statuses: rows::legal_statuses(connection, &ids)?.into_iter().filter_map(|(child, code)| Some((child, code?))).collect(),
            born,
            holds: holds::lying_on(connection, &ids)?,
            moving: CustodyRow::moving(connection, &ids)?.into_iter().collect(),
            sought: alerts::sought(connection, &ids)?.into_iter().collect(),
        })
    }

    fn entries(&self, child: Id) -> impl Iterator<Item = &Registration> {
        self.groups.members(child).into_iter().filter_map(|record| self.entries.get(&record)).flatten()
    }

    fn live(&self, child: Id, day: NaiveDate) -> Live {
        let records = self.groups.members(child);
        let transfer = records.iter().any(|record| self.moving.contains(record));
        let alert = records.iter().any(|record| self.sought.contains(record));
        Live { registration: self.entries(child).any(|entry| entry.is_live_on(day)), alert, transfer }
    }

    fn decide(&self, region: &Region, row: &ChildRow, day: NaiveDate) -> RetentionDecision {
        let entries: Vec<&Registration> = self.entries(row.id).filter(|entry| !entry.state.entered_in_error).collect();
        let live = self.live(row.id, day);
        // What was last done with the record is contact too: an import a year ago is work of a year ago.
        let days = [today(row.changed_at.get()), today(row.created_at.get())];
        let records = self.groups.members(row.id);
        let contacts = records.iter().filter_map(|record| self.contacts.get(record).copied());
        let changed = self.entries(row.id).map(|entry| today(entry.row.changed_at.get()));
        let last_contact_on = days.into_iter().chain(changed).chain(contacts).max();
        let removed_on = entries.iter().filter_map(|entry| entry.state.removed_on).max();
        let ended = |ground: RemovalGround| {
            entries
                .iter()
                .filter(|entry| entry.state.removal_ground.as_deref() == Some(ground.as_str()))
                .find_map(|entry| entry.state.removed_on)
        };
        let mut standings = Vec::new();
        if LOOKED_AFTER.iter().any(|status| records.iter().any(|record| self.statuses.contains(&(*record, status.as_str().to_owned())))) {
            standings.push(Standing::LookedAfter);
        }
        if row.standing == "closed-by-adoption" {
            standings.push(Standing::Adopted);
        }
        let household: Vec<(ChildId, Live)> = records
            .iter()
            .filter_map(|record| self.households.get(record))
            .flatten()
            .filter_map(|other| Some((ChildId::try_from(other.0).ok()?, self.live(*other, day))))
            .collect();
        let authorities: BTreeSet<&str> =
            std::iter::once(row.authority.as_str()).chain(self.entries(row.id).map(|entry| entry.row.authority.as_str())).collect();
        let lies =
            |hold: &&HoldRow| hold.child_id.map_or_else(|| authorities.contains(hold.authority.as_str()), |child| records.contains(&child));
        // An identifier is a code by its form.
        let holds: Vec<Code> = self.holds.iter().filter(lies).filter_map(|hold| hold.id.0.to_string().parse().ok()).collect();
        let facts = RecordFacts {
            closed_on: if live.registration { None } else { removed_on.or(last_contact_on) },
            last_contact_on,
            born_on: records.iter().filter_map(|record| self.born.get(record).copied()).max(),
            adoption_order_on: None,
            died_on: ended(RemovalGround::Died),
            standings: &standings,
            live,
            holds: &holds,
            household: &household,
        };
        // Of a child on the registers of two authorities, the longest rule of either.
        let policy: Vec<RetentionRule> = authorities.iter().flat_map(|gss| region.retention_of(gss)).cloned().collect();
        decide(&facts, &policy, day)
    }
}

/// Everybody of the households that people were ever part of, through as many records as it takes.
fn households(connection: &mut AnyConnection, people: &[Id]) -> Result<HashMap<Id, BTreeSet<Id>>, StoreError> {
    let mut ties: HashMap<Id, BTreeSet<Id>> = HashMap::new();
    let mut seen: HashSet<Id> = people.iter().copied().collect();
    let mut next: Vec<Id> = people.to_vec();
    while !next.is_empty() {
        let mut found = Vec::new();
        for chunk in next.chunks(500) {
            for (one, other) in rows::related(connection, chunk)? {
                ties.entry(one).or_default().insert(other);
                ties.entry(other).or_default().insert(one);
                found.extend([one, other]);
            }
        }
        next = found.into_iter().filter(|id| seen.insert(*id)).collect();
    }
    let household = |person: &Id| {
        let mut members = BTreeSet::new();
        let mut next = vec![*person];
        while let Some(one) = next.pop() {
            next.extend(ties.get(&one).into_iter().flatten().filter(|other| members.insert(**other)));
        }
        members.remove(person);
        (*person, members)
    };
    Ok(people.iter().map(household).collect())
}

/// What retention says of every record of the region, newest first, and how many checks found nobody and have run their time.
///
/// # Errors
/// When the database fails.
pub async fn plan(store: &Store, region: &Arc<Region>, person: &str) -> Result<(Vec<Decided>, i64), RegisterError> {
    let region = Arc::clone(region);
    let permit = program_permit::<PlanErasure>(person, region.code().as_str());
    store
        .read(permit, move |snapshot| {
            let day = today(snapshot.now());
            let authorities: Vec<String> = region.authorities().iter().map(|authority| authority.gss.clone()).collect();
            let mut all: Vec<Decided> = Vec::new();
            loop {
                let before = all.last().map(|last| last.child);
                let next = page(snapshot.connection, &region, &authorities, before, PAGE, day)?;
                if next.is_empty() {
                    break;
                }
                all.extend(next);
            }
            let checks = rows::checks_of_nobody(snapshot.connection, cut_off(&region, snapshot.now()))?;
            snapshot.audit().detail("records", all.len());
            snapshot.audit().detail("ready", all.iter().filter(|decided| decided.decision.may_go()).count());
            Ok((all, checks))
        })
        .await
}

/// Before when a check that found nobody has run its time.
fn cut_off(region: &Region, now: DateTime<Utc>) -> Instant {
    Instant::new(now.checked_sub_months(Months::new(region.enquiry_months)).unwrap_or(DateTime::UNIX_EPOCH))
}

/// Erases the record of a person, in one unit of work, and leaves a tombstone in the audit log: the opaque identifier, the
/// rule, the day, and how many rows went.
///
/// # Errors
/// [`RegisterError::Kept`] when something keeps the record now, whatever a plan said before; [`RegisterError::NotFound`] when
/// there is none; a failure of the database. Nothing is erased then.
pub async fn erase(store: &Store, region: &Arc<Region>, child: Id, person: &str) -> Result<(), RegisterError> {
    let permit = program_permit::<EraseRecord>(person, region.code().as_str());
    let region = Arc::clone(region);
    store.run(permit, |_| Ok(()), move |tx, ()| erase_in(tx, &region, child)).await
}

fn erase_in(tx: &mut Tx<'_>, region: &Region, child: Id) -> Result<(), RegisterError> {
    rows::lock(tx.connection)?;
    let row = find(tx.connection, child)?.ok_or(RegisterError::NotFound)?;
    tx.audit().child(child);
    let day = today(tx.now());
    let decided = decided(tx.connection, region, vec![row.clone()], day)?.pop().ok_or(RegisterError::NotFound)?;
    let (true, Some((rule, since))) = (decided.decision.may_go(), decided.decision.decided_by) else {
        return Err(RegisterError::Kept);
    };
    region.matcher.index.hold(tx.connection)?;
    let keys = match matching::body(tx.connection, row.pid)? {
        Some(body) => {
            let record = Record::decode(&body).map_err(|_| StoreError::Corrupt("match record"))?;
            region.matcher.keyer.record_keys(&record)
        }
        None => Vec::new(),
    };
    let gone = rows::erase(tx.connection, &row, &keys)?;
    tx.audit().detail("authority", &row.authority);
    tx.audit().detail("rule", rule);
    tx.audit().detail("since", since);
    for (table, count) in gone {
        tx.audit().detail("erased", format!("{table}:{count}"));
    }
    Ok(())
}

/// Erases the checks that found nobody and have run their time; answers how many.
///
/// # Errors
/// When the database fails; what was erased until then stays erased.
pub async fn erase_checks(store: &Store, region: &Arc<Region>, person: &str) -> Result<usize, RegisterError> {
    let mut all = 0;
    loop {
        let permit = program_permit::<EraseRecord>(person, region.code().as_str());
        let of = Arc::clone(region);
        let count = store
            .run::<_, _, _, RegisterError>(
                permit,
                |_| Ok(()),
                move |tx, ()| {
                    let before = cut_off(&of, tx.now());
                    let count = rows::erase_checks_of_nobody(tx.connection, before)?;
                    tx.audit().detail("checks", count);
                    Ok(count)
                },
            )
            .await?;
        all += count;
        if i64::try_from(count).unwrap_or(i64::MAX) < rows::ENQUIRIES_AT_ONCE {
            return Ok(all);
        }
    }
}
