//! What a file and the register say differently: a custodian decides, with the ways in which it can be put right.
//!
//! A row that says the same again is not asked about again, however often it comes: a nightly file would otherwise bury what
//! is new. What agrees again by itself is settled.

use std::collections::{HashMap, HashSet};

use super::Row;
use crate::domain::ids::ChildId;
use crate::register::{RegisterError, tasks};
use crate::store::children as child_rows;
use crate::store::connection::AnyConnection;
use crate::store::import_runs::{self as rows, MismatchRow};
use crate::store::tasks::TaskRow;
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

crate::domain::coded::closed_set! {
    /// What is different.
    pub enum Difference {
        /// The file gives an NHS number that this register knows to be replaced by another.
        SupersededNumber = "superseded-number",
        /// The file gives an NHS number that somebody else on this register has.
        NumberOfAnother = "number-of-another",
        /// The file says something else than what was entered here by hand since.
        ChangedHere = "changed-here",
        /// Rows of the file cannot be taken at all.
        RowsRejected = "rows-rejected",
    }
}

crate::domain::coded::closed_set! {
    /// How it can be put right.
    pub enum Fix {
        /// In the system from which the file comes.
        CorrectTheSource = "correct-the-source",
        /// On this register.
        CorrectTheRegister = "correct-the-register",
        /// The two records may be of one person.
        CompareTheRecords = "compare-the-records",
        /// Row by row, by what was said of each.
        CorrectTheRows = "correct-the-rows",
    }
}

impl Difference {
    /// How it can be put right; what is most often right stands first.
    pub const fn fixes(self) -> &'static [Fix] {
        match self {
            Self::SupersededNumber => &[Fix::CorrectTheSource, Fix::CorrectTheRegister],
            Self::NumberOfAnother => &[Fix::CompareTheRecords, Fix::CorrectTheSource, Fix::CorrectTheRegister],
            Self::ChangedHere => &[Fix::CorrectTheSource, Fix::CorrectTheRegister],
            Self::RowsRejected => &[Fix::CorrectTheRows],
        }
    }

    /// Whether every look at a row shows it, so that a look without it settles it.
    const fn is_always_seen(self) -> bool {
        match self {
            Self::SupersededNumber | Self::NumberOfAnother => true,
            Self::ChangedHere | Self::RowsRejected => false,
        }
    }
}

/// Something that a row and the register say differently.
#[derive(Debug, Clone)]
pub(super) struct Mismatch {
    pub(super) difference: Difference,
    /// The row; empty for all that could not be taken.
    pub(super) external_id: String,
    /// The digest of what it said.
    pub(super) said: String,
    pub(super) authority: String,
    pub(super) child: Option<ChildId>,
    pub(super) other: Option<Id>,
}

/// What the register knows around rows, looked up for all of them at once.
pub(super) struct Around {
    bearers: HashMap<String, Vec<(Id, bool)>>,
    shielded: HashSet<Id>,
}

impl Around {
    /// Looks it up; `known` are the children of rows that came before.
    pub(super) fn new(connection: &mut AnyConnection, rows: &[Row], known: &[Id]) -> Result<Self, StoreError> {
        let numbers: Vec<&str> = rows.iter().filter_map(nhs_number).collect();
        let mut bearers: HashMap<String, Vec<(Id, bool)>> = HashMap::new();
        for (number, child, is_current) in rows::bearers(connection, &numbers)? {
            bearers.entry(number).or_default().push((child, is_current));
        }
        let children = child_rows::by_ids(connection, known)?;
        Ok(Self { bearers, shielded: children.into_iter().filter(|row| row.shielded).map(|row| row.id).collect() })
    }

    /// Whether the record of a child is restricted.
    pub(super) fn is_shielded(&self, child: ChildId) -> bool {
        self.shielded.contains(&child.into())
    }

    /// What is odd about the number of a row, and whose it is besides.
    pub(super) fn number(&self, row: &Row, child: Option<ChildId>) -> Option<(Difference, Option<Id>)> {
        let bearers = self.bearers.get(nhs_number(row)?)?;
        let own = child.map(Id::from);
        let is_own = |bearer: &&(Id, bool)| Some(bearer.0) == own;
        if bearers.iter().filter(is_own).any(|(_, is_current)| *is_current) {
            return None;
        }
        if bearers.iter().any(|bearer| is_own(&bearer)) {
            return Some((Difference::SupersededNumber, None));
        }
        let now = bearers.iter().find(|(_, is_current)| *is_current);
        match now {
            Some((other, _)) => Some((Difference::NumberOfAnother, Some(*other))),
            None => bearers.first().map(|(other, _)| (Difference::SupersededNumber, Some(*other))),
        }
    }
}

fn nhs_number(row: &Row) -> Option<&str> {
    let identifiers = &row.entry.as_ref()?.child.identifiers;
    identifiers.iter().find(|new| new.identifier.kind().as_str() == "nhs-number").map(|new| new.identifier.expose())
}

/// Asks a custodian about what is different, once for what a row said, and settles what is not different any more of the rows
/// that were looked at.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn raise(
    tx: &mut Tx<'_>,
    source: &str,
    run: Option<Id>,
    looked_at: &[&str],
    mismatches: &[Mismatch],
) -> Result<usize, RegisterError> {
    let known = MismatchRow::of(tx.connection, source, looked_at)?;
    let open = rows::open(tx.connection, &known.iter().map(|row| row.task_id).collect::<Vec<_>>())?;
    let mut raised = 0;
    for mismatch in mismatches {
        let code = mismatch.difference.as_str();
        let before = known.iter().find(|row| row.external_id == mismatch.external_id && row.code == code);
        if before.is_some_and(|before| before.said_digest == mismatch.said || open.contains(&before.task_id)) {
            continue;
        }
        let task = TaskRow {
            reasons: format!("[{{\"code\":\"{code}\",\"count\":1}}]"),
            ..tasks::row(tx.now(), tasks::Kind::ImportMismatch, &mismatch.authority, mismatch.child, None, None)
        };
        // At once, not with the rest of a group: what is different refers to it.
        TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?;
        MismatchRow {
            source: source.to_owned(),
            external_id: mismatch.external_id.clone(),
            code: code.to_owned(),
            said_digest: mismatch.said.clone(),
            task_id: task.id,
            run_id: run,
            child_id: mismatch.child.map(Id::from),
            other_id: mismatch.other,
        }
        .put(tx.connection)?;
        raised += 1;
    }
    settle(tx, &known, &open, mismatches)?;
    if raised > 0 {
        tx.audit().detail("mismatches", raised);
    }
    Ok(raised)
}

fn settle(tx: &mut Tx<'_>, known: &[MismatchRow], open: &[Id], mismatches: &[Mismatch]) -> Result<(), RegisterError> {
    for row in known {
        let still = |mismatch: &Mismatch| mismatch.external_id == row.external_id && mismatch.difference.as_str() == row.code;
        let is_seen = row.code.parse::<Difference>().is_ok_and(Difference::is_always_seen);
        if !is_seen || mismatches.iter().any(still) {
            continue;
        }
        if open.contains(&row.task_id)
            && let Some(task) = crate::store::tasks::find(tx.connection, row.task_id)?
        {
            let now = tx.now();
            crate::store::tasks::close(tx.connection, task.id, task.version, "cofrestr", "The file and the register agree", now.into())?;
        }
        row.forget(tx.connection)?;
    }
    Ok(())
}
