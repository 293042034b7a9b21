//! Records that may be of one person: the matcher looks for them when a person is entered, imported or corrected, and asks a
//! custodian – once for each pair, and never about people who were told apart, are merged already or whose identity is closed.
//!
//! What an import brings is remembered and looked at afterwards, so that neither the import nor those who ask meanwhile wait
//! for it.

use std::sync::Arc;

use super::alerts::hits;
use super::children::{self, Child};
use super::identities::{Groups, told_apart};
use super::{Region, RegisterError, matcher, tasks};
use crate::authz::policy::action::FindDuplicates;
use crate::authz::program_permit;
use crate::matching::Grade;
use crate::store::children::{self as child_rows, ChildRow};
use crate::store::connection::AnyConnection;
use crate::store::identities::{self as rows, PairRow};
use crate::store::tasks::TaskRow;
use crate::store::types::Id;
use crate::store::{Store, StoreError, Tx};

/// People who are looked for in one unit of work: at a few milliseconds each it stays well below a second.
const AT_ONCE: i64 = 100;

/// The other records that are probably of the same person, best first.
fn alike(connection: &mut AnyConnection, region: &Region, child: &Child) -> Result<Vec<(ChildRow, Grade)>, RegisterError> {
    if child.row.standing != "current" {
        return Ok(Vec::new());
    }
    let found = region.matcher.alike(connection, &matcher::own_person(child), child.row.pid)?;
    let numbers: Vec<i64> = found.iter().map(|(pid, _)| *pid).collect();
    let mut people: Vec<ChildRow> = child_rows::by_numbers(connection, &numbers)?.into_iter().map(|found| found.person).collect();
    Ok(found
        .into_iter()
        .filter_map(|(pid, grade)| {
            let index = people.iter().position(|person| person.pid == pid && person.standing == "current")?;
            Some((people.swap_remove(index), grade))
        })
        .collect())
}

/// Asks a custodian about each pair that nobody was asked about before.
fn ask(tx: &mut Tx<'_>, region: &Region, child: &ChildRow, found: &[(ChildRow, Grade)]) -> Result<usize, RegisterError> {
    if found.is_empty() {
        return Ok(0);
    }
    let groups = Groups::around(tx.connection, &found.iter().map(|(other, _)| other.id).chain([child.id]).collect::<Vec<_>>())?;
    let asked = PairRow::of(tx.connection, child.id)?;
    let mut raised = 0;
    for (other, grade) in found {
        let (one_id, other_id) = (child.id.min(other.id), child.id.max(other.id));
        let before = asked.iter().any(|pair| (pair.one_id, pair.other_id) == (one_id, other_id));
        if before || groups.root(child.id) == groups.root(other.id) {
            continue;
        }
        if told_apart(tx.connection, &groups.members(child.id), &groups.members(other.id))? {
            continue;
        }
        // Two authorities: it concerns no single one, and stands on the list of the region.
        let authority = if child.authority == other.authority { child.authority.as_str() } else { region.code().as_str() };
        let task = tasks::row(tx.now(), tasks::Kind::PossibleDuplicate, authority, Some(children::typed(child.id)?), None, None);
        let task_id = task.id;
        // At once, not with the rest of a group: the pair refers to it.
        TaskRow::insert_all(tx.connection, &[task])?;
        let grade = if *grade == Grade::Certain { "certain" } else { "probable" };
        PairRow { one_id, other_id, task_id, grade: grade.into(), found_at: tx.now().into() }.insert(tx.connection)?;
        raised += 1;
    }
    Ok(raised)
}

/// Looks for a person who was just entered or changed.
///
/// # Errors
/// When the database fails.
pub fn check(tx: &mut Tx<'_>, region: &Region, child: Id) -> Result<(), RegisterError> {
    let row = child_rows::find(tx.connection, child)?.ok_or(StoreError::Corrupt("a changed person is missing"))?;
    let child = children::load(tx.connection, row)?;
    let found = alike(tx.connection, region, &child)?;
    let raised = ask(tx, region, &child.row, &found)?;
    if raised > 0 {
        tx.audit().detail("possibleDuplicates", raised);
    }
    hits::compare_record(tx, region, &child.row, &matcher::own_person(&child))
}

/// Looks for those whom an import brought, as many as wait. Any number of servers may do this; a pair is asked about once.
///
/// # Errors
/// When the database fails; those not yet looked for still wait.
pub async fn work_off(store: &Store, region: &Arc<Region>) -> Result<usize, RegisterError> {
    let mut looked_for = 0;
    while store.has_queued_duplicates().await? {
        let (reader, writer) = (Arc::clone(region), Arc::clone(region));
        looked_for += store
            .run::<_, _, _, RegisterError>(
                program_permit::<FindDuplicates>("cofrestr", region.code().as_str()),
                move |snapshot| {
                    let queued = rows::queued(snapshot.connection, AT_ONCE)?;
                    let mut found = Vec::new();
                    for row in child_rows::by_ids(snapshot.connection, &queued)? {
                        let child = children::load(snapshot.connection, row)?;
                        let others = alike(snapshot.connection, &reader, &child)?;
                        let person = matcher::own_person(&child);
                        found.push((child.row, others, person));
                    }
                    Ok((queued, found))
                },
                move |tx, (queued, found)| {
                    let mut raised = 0;
                    for (child, others, person) in found {
                        hits::compare_record(tx, &writer, child, person)?;
                        raised += ask(tx, &writer, child, others)?;
                    }
                    rows::unqueue(tx.connection, queued)?;
                    tx.audit().detail("people", queued.len());
                    tx.audit().detail("possibleDuplicates", raised);
                    Ok(queued.len())
                },
            )
            .await?;
    }
    Ok(looked_for)
}
