//! The keeper of the clocks: brings the work-list up to date, tells whose turn it is to be told, ends the entries of those who
//! turned eighteen, and tells of urgent notices that nobody reads.
//!
//! ```text
//!  every interval: is anything waiting? ──no──▶ nothing is written
//!                        │ yes
//!                        ▼  a batch of entries, in one unit of work (of several servers one holds the lease)
//!        eighteen? ─▶ clocks ─▶ work-list ─▶ steps not yet taken: a notice and a task each ─▶ tasks that are settled close
//! ```
//!
//! What was told is noted under entry, clock, due date and level, so that a restart, a second server or a clock that jumps tells
//! nothing twice. An entry waits when its day has not been worked out yet or when it or its child has changed since.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aws_lc_rs::digest;
use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::{Facts, Standing, of};
use crate::authz::policy::action::KeepClocks;
use crate::authz::program_permit;
use crate::domain::clocks::ClockState;
use crate::domain::ids::NoticeId;
use crate::domain::notify::Notify;
use crate::domain::procedures::{Item, RequiredItem};
use crate::domain::registration::RemovalGround;
use crate::domain::removal::computed_end;
use crate::domain::roles::Role;
use crate::register::registrations::{self, Registration};
use crate::register::removal::{self, NewRemoval};
use crate::register::{Region, RegisterError, children, events, notices, tasks};
use crate::store::clocks::{self as rows, DueRow, WatchRow};
use crate::store::notices::{self as notice_rows, NoticeRow};
use crate::store::plans::EscalationRow;
use crate::store::registrations as registration_rows;
use crate::store::tasks::{self as task_rows, TaskRow};
use crate::store::types::{Id, Instant};
use crate::store::{Store, Tx};

/// Entries in one unit of work: bounds how long it holds the writer.
const BATCH: i64 = 100;
/// By whom the keeper acts.
const BY: &str = "program#clocks";

/// Does everything that waits.
///
/// # Errors
/// When the database fails. What was done before stays done.
pub async fn keep(store: &Store, region: &Arc<Region>) -> Result<(), RegisterError> {
    loop {
        let today = children::today(store.clock().now());
        let unread = region.unread.iter().map(|(after, _)| *after).collect();
        if !store.clocks_wait(today, unread).await? {
            return Ok(());
        }
        let keeper = Arc::clone(region);
        let permit = program_permit::<KeepClocks>("clocks", region.code().as_str());
        let is_ours = store
            .run_alone::<_, _, _, RegisterError>(
                permit,
                |_| Ok(()),
                move |tx, ()| {
                    if !rows::lease(tx.connection)? {
                        return Ok(false);
                    }
                    batch(tx, &keeper)?;
                    escalate_unread(tx, &keeper)?;
                    Ok(true)
                },
            )
            .await?;
        if !is_ours {
            return Ok(());
        }
    }
}

/// Works out the next entries that wait.
fn batch(tx: &mut Tx<'_>, region: &Region) -> Result<(), RegisterError> {
    let today = children::today(tx.now());
    let waiting = rows::waiting(tx.connection, today, BATCH)?;
    tx.audit().detail("entries", waiting.len());
    work_out(tx, region, &waiting)
}

/// Works out the clocks of one entry at once, after something of it has changed.
///
/// # Errors
/// When the database fails.
pub fn refresh(tx: &mut Tx<'_>, region: &Region, entry: Id) -> Result<(), RegisterError> {
    work_out(tx, region, &[entry])
}

fn work_out(tx: &mut Tx<'_>, region: &Region, ids: &[Id]) -> Result<(), RegisterError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut entries = load(tx, ids)?;
    let facts = Facts::load(tx.connection, &entries)?;
    let mut ended = Vec::new();
    for entry in &entries {
        if end_at_eighteen(tx, region, entry, &facts)? {
            ended.push(entry.row.id);
        }
    }
    if !ended.is_empty() {
        entries = load(tx, ids)?;
    }
    let today = children::today(tx.now());
    let mut batch = Batch::open(tx, ids)?;
    for entry in &entries {
        batch.take(tx, region, entry, &facts, today)?;
    }
    batch.close(tx, ids)
}

fn load(tx: &mut Tx<'_>, ids: &[Id]) -> Result<Vec<Registration>, RegisterError> {
    let found = registration_rows::by_ids(tx.connection, ids)?;
    registrations::assemble(tx.connection, found)
}

/// Ends the entry of somebody who turned eighteen: on the birthday, whenever the keeper comes to it, and only when the day of
/// birth is known exactly.
///
/// # Source
/// WSP-4.9, invariant I5, scenario S17.
fn end_at_eighteen(tx: &mut Tx<'_>, region: &Region, entry: &Registration, facts: &Facts) -> Result<bool, RegisterError> {
    if entry.state.removed_on.is_some() || entry.state.entered_in_error {
        return Ok(false);
    }
    let Some(birthday) = computed_end(facts.birth(entry.row.child_id).as_ref(), region.procedures) else { return Ok(false) };
    // An entry never ends on the day on which it began (invariant I8).
    let on = entry.state.registered_on.succ_opt().map_or(birthday, |next| birthday.max(next));
    if on > children::today(tx.now()) {
        return Ok(false);
    }
    let removal = NewRemoval { removed_on: on, ground: RemovalGround::ReachedEighteen, conference: None, evidence: None, reasons: None };
    match removal::remove(tx, region, entry, &removal, BY) {
        Ok(()) => Ok(true),
        Err(RegisterError::Broken(_)) => {
            tracing::error!("an entry of somebody who is eighteen cannot be ended; the custodian must look at it");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn coordinator(entry: &Registration) -> Option<(Role, Option<String>)> {
    entry.coordinator().and_then(|row| row.person.clone()).map(|person| (Role::Coordinator, Some(person)))
}

/// What is gathered of a batch of entries, and written at its end.
struct Batch {
    due: Vec<DueRow>,
    watched: Vec<WatchRow>,
    versions: HashMap<Id, (i64, i64)>,
    told: BTreeSet<(Uuid, String, NaiveDate, i64)>,
    open: HashMap<Id, Vec<TaskRow>>,
}

impl Batch {
    fn open(tx: &mut Tx<'_>, ids: &[Id]) -> Result<Self, RegisterError> {
        let versions = rows::versions(tx.connection, ids)?;
        let told = EscalationRow::of(tx.connection, ids)?;
        let mut open: HashMap<Id, Vec<TaskRow>> = HashMap::new();
        for task in task_rows::open_about_clocks(tx.connection, ids)? {
            if let Some(entry) = task.registration_id {
                open.entry(entry).or_default().push(task);
            }
        }
        Ok(Self {
            due: Vec::new(),
            watched: Vec::new(),
            versions: versions.into_iter().map(|(id, registration, child)| (id, (registration, child))).collect(),
            told: told.into_iter().map(|row| (row.registration_id.0, row.clock, row.due_on, row.level)).collect(),
            open,
        })
    }

    fn take(
        &mut self,
        tx: &mut Tx<'_>,
        region: &Region,
        entry: &Registration,
        facts: &Facts,
        today: NaiveDate,
    ) -> Result<(), RegisterError> {
        match of(region, entry, facts, today) {
            Ok(standings) => {
                for standing in standings.iter().filter(|standing| standing.state.is_open() && standing.binding) {
                    self.list(entry, standing);
                    self.escalate(tx, entry, standing)?;
                }
                self.settle(tx, entry, &standings)?;
            }
            // One entry that cannot be counted must not keep the others from being told of.
            Err(error) => tracing::error!(error = %error, "the clocks of an entry cannot be worked out"),
        }
        if entry.state.removed_on.is_none() && !entry.state.entered_in_error {
            self.tell_gaps(tx, region, entry)?;
            if let Some((registration_version, child_version)) = self.versions.get(&entry.row.id).copied() {
                let row = WatchRow { registration_id: entry.row.id, worked_on: today, registration_version, child_version, stale: false };
                self.watched.push(row);
            }
        }
        Ok(())
    }

    fn close(self, tx: &mut Tx<'_>, ids: &[Id]) -> Result<(), RegisterError> {
        DueRow::replace(tx.connection, ids, &self.due)?;
        Ok(WatchRow::replace(tx.connection, ids, &self.watched)?)
    }

    fn list(&mut self, entry: &Registration, standing: &Standing) {
        let (Some(due_on), Some(soon_on)) = (standing.due_on, standing.soon_on) else { return };
        self.due.push(DueRow {
            place: place(entry.row.id, standing, due_on),
            registration_id: entry.row.id,
            child_id: entry.row.child_id,
            authority: standing.owed_by.clone(),
            clock: standing.rule.code.as_str().to_owned(),
            started_on: standing.started.on,
            due_on,
            soon_on,
        });
    }

    /// Takes every step whose turn has come and that was not taken: a notice and a task each.
    fn escalate(&mut self, tx: &mut Tx<'_>, entry: &Registration, standing: &Standing) -> Result<(), RegisterError> {
        let Some(due_on) = standing.due_on else { return Ok(()) };
        let clock = standing.rule.code.as_str();
        for (level, role) in (0..).zip(&standing.told) {
            if !self.is_first(tx, entry.row.id, clock, due_on, level)? {
                continue;
            }
            let overdue = standing.state == ClockState::Overdue;
            let (notice, task, urgency) = if overdue {
                (notices::Kind::ClockOverdue, tasks::Kind::ClockOverdue, Notify::Urgent)
            } else {
                (notices::Kind::ClockDueSoon, tasks::Kind::ClockDueSoon, Notify::Normal)
            };
            let authority = &standing.owed_by;
            let to = if *role == Role::Coordinator { coordinator(entry) } else { None }.unwrap_or((*role, None));
            let notice = NoticeRow {
                clock: Some(clock.to_owned()),
                due_on: Some(due_on),
                ..notices::about(tx.now(), notice, urgency, to, authority, entry.row.child_id, entry.row.id)
            };
            events::give_notice(tx, notice)?;
            let task = TaskRow {
                to_role: role.as_str().into(),
                child_id: Some(entry.row.child_id),
                registration_id: Some(entry.row.id),
                clock: Some(clock.to_owned()),
                due_on: Some(due_on),
                ..tasks::row(tx.now(), task, authority, None, None, None)
            };
            // At once: whoever meets the clock in the same commit must find it.
            TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?;
            self.open.entry(entry.row.id).or_default().push(task);
            tx.audit().child(entry.row.child_id);
        }
        Ok(())
    }

    fn is_first(&mut self, tx: &mut Tx<'_>, entry: Id, clock: &str, due_on: NaiveDate, level: i64) -> Result<bool, RegisterError> {
        if !self.told.insert((entry.0, clock.to_owned(), due_on, level)) {
            return Ok(false);
        }
        let row = EscalationRow { registration_id: entry, clock: clock.to_owned(), due_on, level, raised_at: tx.now().into() };
        Ok(row.note(tx.connection)?)
    }

    /// Closes the tasks about clocks that nobody has to act on any more.
    fn settle(&mut self, tx: &mut Tx<'_>, entry: &Registration, standings: &[Standing]) -> Result<(), RegisterError> {
        for task in self.open.remove(&entry.row.id).into_iter().flatten() {
            let (clock, due_on) = (task.clock.as_deref().unwrap_or_default(), task.due_on);
            let same = || standings.iter().filter(|standing| standing.rule.code.as_str() == clock && standing.due_on == due_on);
            if same().any(|standing| standing.state.is_open() && standing.binding) {
                continue;
            }
            let met = same().any(|standing| matches!(standing.state, ClockState::Met | ClockState::MetLate));
            let ended = entry.state.removed_on.is_some() || entry.state.entered_in_error;
            let reason = if met {
                "met"
            } else if ended {
                "ended"
            } else {
                "date-changed"
            };
            task_rows::close(tx.connection, task.id, task.version, BY, reason, tx.now().into())?;
        }
        Ok(())
    }

    /// Tells of a missing co-ordinator or review date on the same day, once for each gap. The tasks were raised with the entry.
    ///
    /// # Source
    /// Invariant I7, scenario S13: WSP-4.3, WSP-3.2.11.
    fn tell_gaps(&mut self, tx: &mut Tx<'_>, region: &Region, entry: &Registration) -> Result<(), RegisterError> {
        let gaps: BTreeMap<Item, NaiveDate> = gaps(entry).into_iter().collect();
        for RequiredItem { code, tell, .. } in &region.procedures.required {
            let Some(since) = gaps.get(code) else { continue };
            let kind = match code {
                Item::Coordinator => notices::Kind::CoordinatorMissing,
                Item::ReviewDueOn => notices::Kind::ReviewDateMissing,
                Item::CoreGroupDate | Item::CoreGroupMembers | Item::AdvocacyOffer => continue,
            };
            if self.is_first(tx, entry.row.id, code.as_str(), *since, 0)? {
                let (to, authority, child) = ((*tell, None), &entry.row.authority, entry.row.child_id);
                events::give_notice(tx, notices::about(tx.now(), kind, Notify::Urgent, to, authority, child, entry.row.id))?;
                tx.audit().child(child);
            }
        }
        Ok(())
    }
}

/// What an entry lacks of what can never wait, and since when.
fn gaps(entry: &Registration) -> Vec<(Item, NaiveDate)> {
    let registered_on = entry.state.registered_on;
    let mut gaps = Vec::new();
    if entry.coordinator().is_none() {
        let last = entry.coordinators.iter().filter_map(|row| row.valid_to).max();
        gaps.push((Item::Coordinator, last.unwrap_or(registered_on)));
    }
    // A temporary entry is reviewed at home.
    if entry.state.review_due_on.is_none() && entry.state.kind != "temporary" {
        gaps.push((Item::ReviewDueOn, registered_on));
    }
    gaps
}

/// Where a clock stands on the work-list: first the day, then what tells it from others of that day, the same every time.
fn place(entry: Id, standing: &Standing, due_on: NaiveDate) -> Id {
    let text = format!("{}\n{}\n{}", entry.0, standing.rule.code, standing.key);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&sortable(due_on));
    bytes[4..].copy_from_slice(&hash.as_ref()[..12]);
    Id(Uuid::from_bytes(bytes))
}

fn sortable(day: NaiveDate) -> [u8; 4] {
    day.num_days_from_ce().to_be_bytes()
}

/// Tells the next level of urgent notices that nobody has acknowledged.
fn escalate_unread(tx: &mut Tx<'_>, region: &Region) -> Result<(), RegisterError> {
    for (level, (after, role)) in (1..).zip(&region.unread) {
        let since = Instant::new(tx.now() - *after);
        for unread in notice_rows::unread_since(tx.connection, since, level, BATCH)? {
            if !notice_rows::note_unread(tx.connection, unread.id, level, tx.now().into())? || unread.to_role == role.as_str() {
                continue;
            }
            if let Some(child) = unread.child_id {
                tx.audit().child(child);
            }
            let notice = NoticeRow {
                id: NoticeId::new_at(tx.now()).into(),
                version: 1,
                kind: notices::Kind::Unread.as_str().into(),
                to_role: role.as_str().into(),
                to_person: None,
                created_at: tx.now().into(),
                ..unread
            };
            events::give_notice(tx, notice)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_by_the_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut last = Uuid::nil();
        for on in ["2020-02-29", "2025-12-31", "2026-01-01", "2026-11-30", "2035-12-31"] {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&sortable(day(on)));
            let place = Uuid::from_bytes(bytes);
            assert!(place > last && place.to_string() > last.to_string(), "{on}");
            last = place;
        }
    }
}
