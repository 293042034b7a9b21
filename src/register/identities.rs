//! Records of one person, and records of two people who look alike: what a person decided, and how to undo it.
//!
//! A merge moves nothing. Both records, their facts and their entries stay where they are; from then on they are one person to
//! whoever asks: one match, one responsible authority, entries that are no rivals of each other. Undoing it takes away nothing
//! but the decision.
//!
//! # Source
//! Invariants I8 (periods of one child on one register never overlap) and I26 (adopted identities are never joined again).

use std::collections::{BTreeSet, HashMap};

use super::registrations::Registration;
use super::{Region, RegisterError, matcher, registrations};
use crate::domain::ids::IdentityDecisionId;
use crate::domain::text::Note;
use crate::store::children::{self as child_rows, ChildRow};
use crate::store::connection::AnyConnection;
use crate::store::identities::{DecisionRow, PairRow};
use crate::store::tasks as task_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// How often a group is followed outwards: each step is one merge further from where it began, and a person with more records
/// than this has a register with another problem.
const STEPS: usize = 32;

crate::domain::coded::closed_set! {
    /// What was decided of two records.
    pub enum Kind {
        /// They are of one person.
        SamePerson = "same-person",
        /// They are of two people.
        DifferentPeople = "different-people",
    }
}

/// Which records are of one person, as far as some people are concerned.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// Into which record each merged record goes.
    into: HashMap<Id, Id>,
    /// Every record of a merge that was looked at.
    seen: BTreeSet<Id>,
}

impl Groups {
    /// Reads the merges in force around some people.
    ///
    /// # Errors
    /// When the database fails.
    pub fn around(connection: &mut AnyConnection, people: &[Id]) -> Result<Self, StoreError> {
        Self::follow(people, |frontier| DecisionRow::merges(connection, frontier))
    }

    /// Reads the merges around some people that were in force at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub fn around_as_known(connection: &mut AnyConnection, people: &[Id], known: Instant) -> Result<Self, StoreError> {
        Self::follow(people, |frontier| {
            let mut merges = DecisionRow::about(connection, frontier)?;
            merges.retain(|row| {
                row.kind == Kind::SamePerson.as_str() && row.decided_at <= known && row.undone_at.is_none_or(|undone| known < undone)
            });
            Ok(merges)
        })
    }

    /// The groups that these merges make.
    pub fn of(merges: &[DecisionRow]) -> Self {
        let mut groups = Self::default();
        for merge in merges {
            groups.into.insert(merge.other_id, merge.kept_id);
            groups.seen.extend([merge.kept_id, merge.other_id]);
        }
        groups
    }

    fn follow(people: &[Id], mut merges: impl FnMut(&[Id]) -> Result<Vec<DecisionRow>, StoreError>) -> Result<Self, StoreError> {
        let mut groups = Self::default();
        let mut frontier: Vec<Id> = people.to_vec();
        for _ in 0..STEPS {
            let mut next = Vec::new();
            for merge in merges(&frontier)? {
                groups.into.insert(merge.other_id, merge.kept_id);
                for id in [merge.kept_id, merge.other_id] {
                    if groups.seen.insert(id) && !people.contains(&id) {
                        next.push(id);
                    }
                }
            }
            if next.is_empty() {
                return Ok(groups);
            }
            frontier = next;
        }
        Err(StoreError::Corrupt("a person with too many merged records"))
    }

    /// The record into which a record is merged in the end; itself when it is merged into none.
    pub fn root(&self, id: Id) -> Id {
        let mut id = id;
        for _ in 0..=self.into.len() {
            match self.into.get(&id) {
                Some(into) => id = *into,
                None => break,
            }
        }
        id
    }

    /// The record into which a record was merged, if it was.
    pub fn merged_into(&self, id: Id) -> Option<Id> {
        self.into.get(&id).copied()
    }

    /// The records that were merged into a record.
    pub fn merged_from(&self, id: Id) -> Vec<Id> {
        let mut from: Vec<Id> = self.into.iter().filter(|(_, into)| **into == id).map(|(from, _)| *from).collect();
        from.sort_unstable();
        from
    }

    /// Every record of the same person, the one itself among them.
    pub fn members(&self, id: Id) -> Vec<Id> {
        let root = self.root(id);
        let mut members: BTreeSet<Id> = self.seen.iter().copied().filter(|member| self.root(*member) == root).collect();
        members.insert(id);
        members.into_iter().collect()
    }

    /// Every record that is merged with any of those looked at.
    pub fn all(&self) -> impl Iterator<Item = Id> + '_ {
        self.seen.iter().copied()
    }
}

/// Moves a record to its next version, so that whoever read it before reads it again. What is known of the person is as it was.
fn touch(tx: &mut Tx<'_>, row: &ChildRow) -> Result<(), RegisterError> {
    if !child_rows::touch(tx.connection, row.id, row.version)? {
        return Err(RegisterError::Stale);
    }
    tx.audit().child(row.id);
    Ok(())
}

fn decide(tx: &mut Tx<'_>, kind: Kind, kept: Id, other: Id, reason: &str, by: &str) -> Result<DecisionRow, RegisterError> {
    let row = DecisionRow {
        id: IdentityDecisionId::new_at(tx.now()).into(),
        version: 1,
        kind: kind.as_str().into(),
        kept_id: kept,
        other_id: other,
        reason: reason.to_owned(),
        decided_at: tx.now().into(),
        decided_by: by.to_owned(),
        undone_at: None,
        undone_by: None,
        undo_reason: None,
    };
    row.insert(tx.connection)?;
    tx.audit().detail("decision", row.id.0);
    Ok(row)
}

/// The decision in force that two groups of records are of two people, if there is one.
pub(super) fn told_apart(connection: &mut AnyConnection, ones: &[Id], others: &[Id]) -> Result<bool, StoreError> {
    let among = |ids: &[Id], id: Id| ids.contains(&id);
    Ok(DecisionRow::about(connection, ones)?.iter().any(|row| {
        row.kind == Kind::DifferentPeople.as_str()
            && row.undone_at.is_none()
            && ((among(ones, row.kept_id) && among(others, row.other_id)) || (among(ones, row.other_id) && among(others, row.kept_id)))
    }))
}

/// Closes the tasks that ask about a pair: somebody has decided.
fn answer_tasks(tx: &mut Tx<'_>, one: Id, other: Id, by: &str, reason: &str) -> Result<(), RegisterError> {
    let at = Instant::new(tx.now());
    let pairs = PairRow::of(tx.connection, one)?;
    for pair in pairs.iter().filter(|pair| [pair.one_id, pair.other_id].contains(&other)) {
        if let Some(task) = task_rows::find(tx.connection, pair.task_id)?.filter(|task| task.closed_at.is_none()) {
            task_rows::close(tx.connection, task.id, task.version, by, reason, at)?;
        }
    }
    Ok(())
}

/// Decides that two records are of one person: `other` goes into `kept`.
///
/// # Errors
/// [`RegisterError::Conflict`] when one of them is merged already or they were told apart; a broken rule (I8);
/// [`RegisterError::Stale`]; or the database fails.
pub fn merge(
    tx: &mut Tx<'_>,
    region: &Region,
    kept: &ChildRow,
    other: &ChildRow,
    reason: &Note,
    by: &str,
) -> Result<DecisionRow, RegisterError> {
    let groups = Groups::around(tx.connection, &[kept.id, other.id])?;
    touch(tx, kept)?;
    touch(tx, other)?;
    if groups.merged_into(kept.id).is_some() || groups.merged_into(other.id).is_some() || groups.root(kept.id) == groups.root(other.id) {
        return Err(RegisterError::Conflict);
    }
    let (ones, others) = (groups.members(kept.id), groups.members(other.id));
    if told_apart(tx.connection, &ones, &others)? {
        return Err(RegisterError::Conflict);
    }
    one_register_holds_one_period(tx, &ones, &others)?;
    let row = decide(tx, Kind::SamePerson, kept.id, other.id, reason.expose(), by)?;
    answer_tasks(tx, kept.id, other.id, by, reason.expose())?;
    matcher::reindex(tx, region, kept.id)?;
    Ok(row)
}

/// Invariant I8 for the person that two groups of records become.
fn one_register_holds_one_period(tx: &mut Tx<'_>, ones: &[Id], others: &[Id]) -> Result<(), RegisterError> {
    let live =
        |entries: Vec<Registration>| -> Vec<Registration> { entries.into_iter().filter(|entry| !entry.state.entered_in_error).collect() };
    let (ones, others) = (live(registrations::of(tx.connection, ones)?), live(registrations::of(tx.connection, others)?));
    let overlap = ones
        .iter()
        .any(|one| others.iter().any(|other| one.row.authority == other.row.authority && one.period().overlaps(&other.period())));
    if overlap {
        return Err(RegisterError::Rule {
            pointer: "/otherChildId".into(),
            code: "both-registered",
            detail: "both are on the register of the same authority: end one of the entries or mark it as entered in error first".into(),
        });
    }
    Ok(())
}

/// Decides that two records are of two people: nobody is asked about them again.
///
/// # Errors
/// [`RegisterError::Conflict`] when they are merged or were told apart already; [`RegisterError::Stale`]; or the database
/// fails.
pub fn tell_apart(tx: &mut Tx<'_>, one: &ChildRow, other: &ChildRow, reason: &Note, by: &str) -> Result<DecisionRow, RegisterError> {
    touch(tx, one)?;
    touch(tx, other)?;
    let groups = Groups::around(tx.connection, &[one.id, other.id])?;
    if groups.root(one.id) == groups.root(other.id) || told_apart(tx.connection, &[one.id], &[other.id])? {
        return Err(RegisterError::Conflict);
    }
    let (first, second) = (one.id.min(other.id), one.id.max(other.id));
    let row = decide(tx, Kind::DifferentPeople, first, second, reason.expose(), by)?;
    answer_tasks(tx, one.id, other.id, by, reason.expose())?;
    Ok(row)
}

/// The children of one birth are different people: nobody need ask.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn born_together(tx: &mut Tx<'_>, children: &[Id], by: &str) -> Result<(), RegisterError> {
    for (index, one) in children.iter().enumerate() {
        for other in &children[index + 1..] {
            decide(tx, Kind::DifferentPeople, *one.min(other), *one.max(other), "born together", by)?;
        }
    }
    Ok(())
}

/// Undoes a decision: afterwards everything is as if it had not been made, but for the record that it was.
///
/// # Errors
/// [`RegisterError::Conflict`] when it is undone already; [`RegisterError::Stale`]; or the database fails.
pub fn undo(tx: &mut Tx<'_>, region: &Region, decision: &DecisionRow, reason: &Note, by: &str) -> Result<DecisionRow, RegisterError> {
    if decision.undone_at.is_some() {
        return Err(RegisterError::Conflict);
    }
    let at = Instant::new(tx.now());
    if !decision.undo(tx.connection, by, reason.expose(), at)? {
        return Err(RegisterError::Stale);
    }
    for row in child_rows::by_ids(tx.connection, &[decision.kept_id, decision.other_id])? {
        touch(tx, &row)?;
        matcher::reindex(tx, region, row.id)?;
    }
    DecisionRow::find(tx.connection, decision.id)?.ok_or(RegisterError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Id {
        Id(uuid::Uuid::from_u128(number))
    }

    fn groups(edges: &[(u128, u128)], people: &[u128]) -> Groups {
        let people: Vec<Id> = people.iter().map(|number| id(*number)).collect();
        Groups::follow(&people, |frontier| {
            let row = |&(kept, other): &(u128, u128)| DecisionRow {
                id: id(kept * 100 + other),
                version: 1,
                kind: Kind::SamePerson.as_str().into(),
                kept_id: id(kept),
                other_id: id(other),
                reason: String::new(),
                decided_at: chrono::DateTime::UNIX_EPOCH.into(),
                decided_by: String::new(),
                undone_at: None,
                undone_by: None,
                undo_reason: None,
            };
            Ok(edges.iter().filter(|(a, b)| frontier.contains(&id(*a)) || frontier.contains(&id(*b))).map(row).collect())
        })
        .expect("groups")
    }

    #[test]
    fn a_group_is_found_from_any_of_its_records() {
        let edges = [(1, 2), (1, 3), (3, 4), (7, 8)];
        for from in 1..=4 {
            let found = groups(&edges, &[from]);
            assert_eq!(found.members(id(from)), [id(1), id(2), id(3), id(4)], "from {from}");
            assert_eq!(found.root(id(from)), id(1));
        }
        let both = groups(&edges, &[4, 8, 9]);
        assert_eq!(both.members(id(8)), [id(7), id(8)]);
        assert_eq!(both.members(id(9)), [id(9)], "who is merged with nobody is alone");
        assert_eq!((both.merged_into(id(4)), both.merged_from(id(1))), (Some(id(3)), vec![id(2), id(3)]));
    }
}
