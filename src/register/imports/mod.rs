//! Taking over a register from a file: children and their entries, row by row.
//!
//! ```text
//! file            ──▶ sheet       its rows; what was sent through the API lies in the database meanwhile (runs)
//! row of the file ──▶ row::read   pure: what it says, what was dropped, whether it can be an entry
//!                 ──▶ write       two thousand rows to a unit of work: children, entries, index, and where each row went
//! ```
//!
//! Where a row went is kept in the transaction that put it there, so an import that broke off goes on where it stopped, and
//! the same file again changes nothing. A row that says something else than before changes what it had put in
//! (in `change.rs`); facts that somebody entered here by hand are left alone. Where file and register differ for good, a
//! custodian decides (in `mismatch.rs`).

mod change;
mod mismatch;
mod row;
mod runs;
mod sheet;

use std::collections::HashMap;
use std::sync::Arc;

pub use mismatch::{Difference, Fix};
pub use row::{COLUMNS, Cells, Entry, REQUIRED, Remark, Row, Rules, read};
pub use runs::{NewRun, Run, Status, accept, counts, find, list, results, source_of, work_off};
pub use sheet::{Format, ReadRow, Rows, Sheet, SheetError, Sheets, Unreadable};

use super::bulk::Bulk;
use super::{Region, RegisterError, children, registrations};
use crate::authz::policy::action::Import;
use crate::authz::program_permit;
use crate::domain::ids::ChildId;
use crate::store::identities;
use crate::store::imports::{self as rows, ImportRow};
use crate::store::types::Id;
use crate::store::{Failure, Snapshot, Store, StoreError, Tx};
use change::Change;
use mismatch::{Around, Mismatch};

/// Rows in one unit of work: few enough that another writer waits for half a second at most, many enough that the index,
/// whose keys are spread over all its pages, is not written anew for every handful of children.
pub const UNIT: usize = 2_000;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The child and the entry are on the register now.
    Added,
    /// The row went in before, as it is.
    Unchanged,
    /// The row went in before and says something else now; what it had put in was changed.
    Changed,
    /// The row was not taken.
    Rejected,
}

impl Outcome {
    /// The stable code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
        }
    }
}

/// What became of a row, with everything there is to say about it.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its place in the file, from 1.
    pub number: u64,
    /// Its identifier in the source, if the file gave one.
    pub id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The child.
    pub child: Option<ChildId>,
    /// What was dropped or missed.
    pub warnings: Vec<Remark>,
    /// Why it was not taken.
    pub errors: Vec<Remark>,
    /// Whether the record of the child is restricted.
    pub sensitive: bool,
}

impl Done {
    fn of(row: &Row, outcome: Outcome, child: Option<ChildId>) -> Self {
        Self {
            number: row.number,
            id: row.own_id.then(|| row.external_id.clone()),
            outcome,
            child,
            warnings: row.warnings.clone(),
            errors: row.errors.clone(),
            sensitive: row.entry.as_ref().is_some_and(|entry| entry.child.shielded),
        }
    }

    /// What is to be said of the row in codes: whether somebody was found for it, what became of it, and every remark.
    pub fn codes(&self) -> Vec<&'static str> {
        let found = match self.outcome {
            Outcome::Added => "unmatched",
            Outcome::Unchanged | Outcome::Changed => "matched",
            Outcome::Rejected => "invalid",
        };
        let mut codes = vec![found, self.outcome.as_str()];
        codes.extend(self.sensitive.then_some("sensitive"));
        for remark in self.errors.iter().chain(&self.warnings) {
            if !codes.contains(&remark.code) {
                codes.push(remark.code);
            }
        }
        codes
    }

    fn refused(row: &Row, column: &'static str, code: &'static str, detail: &str) -> Self {
        let mut done = Self::of(row, Outcome::Rejected, None);
        done.errors.push(Remark { row: row.number, column, code, detail: detail.to_owned() });
        done
    }
}

/// Under whose name facts stand that an import put in: that of the source.
pub fn recorded_by(source: &str) -> String {
    format!("import#{source}")
}

/// An import at work.
#[derive(Debug, Clone)]
pub struct Importer {
    /// Where to.
    pub store: Store,
    /// Whose register.
    pub region: Arc<Region>,
    /// Who runs it.
    pub user: String,
    /// The name of the source: the same one each time.
    pub source: String,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// The run of the API that it is, which keeps what became of each row.
    pub run: Option<Run>,
}

/// What a unit of work will do.
struct Planned {
    bulk: Bulk,
    records: Vec<ImportRow>,
    changes: Vec<Change>,
    done: Vec<Done>,
    mismatches: Vec<Mismatch>,
    /// The rows that were looked at.
    looked_at: Vec<String>,
}

impl Importer {
    /// Takes rows in, in one unit of work; answers what became of each, in their order. Should the unit fail, each of its rows
    /// is tried alone, so that one never costs the others.
    ///
    /// # Errors
    /// When the database fails; the rows answered before are safe.
    pub async fn take(&self, rows: Vec<Row>) -> Result<Vec<Done>, RegisterError> {
        let rows = Arc::new(rows);
        match self.unit(Arc::clone(&rows)).await {
            Ok(done) => Ok(done),
            Err(RegisterError::Store(error)) if error.is_temporary() => Err(error.into()),
            // Another server has taken the run over.
            Err(RegisterError::Conflict) => Err(RegisterError::Conflict),
            Err(_) => {
                let mut done = Vec::with_capacity(rows.len());
                for row in rows.iter() {
                    match self.unit(Arc::new(vec![row.clone()])).await {
                        Ok(one) => done.extend(one),
                        Err(RegisterError::Store(error)) if error.is_temporary() => return Err(error.into()),
                        Err(RegisterError::Conflict) => return Err(RegisterError::Conflict),
                        Err(error) => {
                            let refused = Done::refused(row, "id", Failure::code(&error), &error.to_string());
                            self.keep(&refused).await?;
                            done.push(refused);
                        }
                    }
                }
                Ok(done)
            }
        }
    }

    async fn unit(&self, rows: Arc<Vec<Row>>) -> Result<Vec<Done>, RegisterError> {
        let permit = program_permit::<Import>(&self.user, self.region.code().as_str());
        let region = Arc::clone(&self.region);
        let source = self.source.clone();
        let dry_run = self.dry_run;
        let plan = move |snapshot: &mut Snapshot<'_>| {
            snapshot.audit().detail("source", &source);
            snapshot.audit().detail("dryRun", dry_run);
            plan(snapshot, &region, &source, &rows)
        };
        if dry_run {
            return self.store.read(permit, move |snapshot| plan(snapshot).map(|planned| planned.done)).await;
        }
        let (region, source, run) = (Arc::clone(&self.region), self.source.clone(), self.run);
        self.store.run_alone(permit, plan, move |tx, planned| carry_out(tx, &region, &source, run, planned)).await
    }

    /// Keeps what became of a row that failed by itself.
    async fn keep(&self, done: &Done) -> Result<(), RegisterError> {
        let Some(run) = self.run else { return Ok(()) };
        let permit = program_permit::<Import>(&self.user, self.region.code().as_str());
        let done = vec![done.clone()];
        self.store.run_alone(permit, |_| Ok(()), move |tx, ()| run.answered(tx, &done)).await
    }
}

/// Sees what became of each row before, and puts together what is to be written.
fn plan(snapshot: &mut Snapshot<'_>, region: &Region, source: &str, rows: &[Row]) -> Result<Planned, RegisterError> {
    let at = snapshot.now();
    let by = recorded_by(source);
    let ids: Vec<&str> = rows.iter().filter(|row| row.entry.is_some()).map(|row| row.external_id.as_str()).collect();
    let before: HashMap<String, ImportRow> =
        rows::find(snapshot.connection, source, &ids)?.into_iter().map(|record| (record.external_id.clone(), record)).collect();
    let around = Around::new(snapshot.connection, rows, &before.values().map(|record| record.child_id).collect::<Vec<_>>())?;
    let mut planned = Planned {
        bulk: Bulk::default(),
        records: Vec::new(),
        changes: Vec::new(),
        done: Vec::with_capacity(rows.len()),
        mismatches: Vec::new(),
        looked_at: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    for row in rows {
        let Some(entry) = &row.entry else {
            planned.done.push(Done::of(row, Outcome::Rejected, None));
            continue;
        };
        let child = before.get(&row.external_id).and_then(|known| ChildId::try_from(known.child_id.0).ok());
        let number = around.number(row, child);
        let record = |child: Id| ImportRow {
            source: source.to_owned(),
            external_id: row.external_id.clone(),
            row_digest: row.digest.clone(),
            child_id: child,
            imported_at: at.into(),
        };
        match before.get(&row.external_id) {
            None => {
                let (id, child) = children::facts(&entry.child, at, &by)?;
                let (registration, facts) = registrations::facts(region.own().nation, id, &entry.registration, at, &by);
                planned.bulk.enter(&region.matcher.keyer, child, vec![facts], children::today(at));
                planned.bulk.raise(registrations::gaps(id, registration, &entry.registration, at));
                planned.records.push(record(id.into()));
                planned.done.push(Done::of(row, Outcome::Added, Some(id)));
            }
            Some(known) => {
                let child = ChildId::try_from(known.child_id.0).map_err(|_| StoreError::Corrupt("child id"))?;
                if known.row_digest == row.digest {
                    planned.done.push(Done::of(row, Outcome::Unchanged, Some(child)));
                    planned.compare(row, entry, number, &around);
                    continue;
                }
                // A number that was replaced here is not put back.
                let mut without = entry.clone();
                if matches!(number, Some((Difference::SupersededNumber, _))) {
                    without.child.identifiers.clear();
                }
                match change::plan(snapshot.connection, region, child, &without, row.number, record(known.child_id), at, &by) {
                    Ok((change, left_alone)) => {
                        planned.changes.push(change);
                        let mut done = Done::of(row, Outcome::Changed, Some(child));
                        done.warnings.extend(left_alone);
                        planned.done.push(done);
                    }
                    Err(error) => match error.rule() {
                        Some((_, _, detail)) => planned.done.push(Done::refused(row, "authority", "changed-not-applied", detail)),
                        None => return Err(error),
                    },
                }
            }
        }
        planned.compare(row, entry, number, &around);
    }
    Ok(planned)
}

impl Planned {
    /// Notes what the last row and the register say differently.
    fn compare(&mut self, row: &Row, entry: &Entry, number: Option<(Difference, Option<Id>)>, around: &Around) {
        let Some(done) = self.done.last_mut() else { return };
        done.sensitive |= done.child.is_some_and(|child| around.is_shielded(child));
        let mismatch = |difference, other| Mismatch {
            difference,
            external_id: row.external_id.clone(),
            said: row.digest.clone(),
            authority: entry.child.authority.clone(),
            child: done.child,
            other,
        };
        if done.outcome == Outcome::Rejected {
            return;
        }
        if done.warnings.iter().any(|warning| warning.code == Difference::ChangedHere.as_str()) {
            self.mismatches.push(mismatch(Difference::ChangedHere, None));
        }
        if let Some((difference, other)) = number {
            self.mismatches.push(mismatch(difference, other));
            let detail = match difference {
                Difference::SupersededNumber => "this register knows that the number was replaced by another; it was not put in its place",
                Difference::NumberOfAnother => "somebody else on this register has this number; a custodian compares the two",
                Difference::ChangedHere | Difference::RowsRejected => "",
            };
            let remark = Remark { row: row.number, column: "nhsNumber", code: difference.as_str(), detail: detail.into() };
            done.warnings.push(remark);
        }
    }
}

fn carry_out(tx: &mut Tx<'_>, region: &Region, source: &str, run: Option<Run>, planned: &Planned) -> Result<Vec<Done>, RegisterError> {
    planned.bulk.write(tx.connection, region.matcher.index)?;
    rows::insert_all(tx.connection, &planned.records)?;
    for change in &planned.changes {
        change.apply(tx, region)?;
    }
    let looked_at: Vec<&str> = planned.looked_at.iter().map(String::as_str).collect();
    mismatch::raise(tx, source, run.map(|run| run.id.into()), &looked_at, &planned.mismatches)?;
    if let Some(run) = run {
        run.answered(tx, &planned.done)?;
    }
    for done in &planned.done {
        if let (Some(child), Outcome::Added | Outcome::Changed) = (done.child, done.outcome) {
            tx.audit().child(child);
        }
    }
    let touched: Vec<Id> = planned
        .done
        .iter()
        .filter(|done| matches!(done.outcome, Outcome::Added | Outcome::Changed))
        .filter_map(|done| done.child.map(Id::from))
        .collect();
    identities::queue(tx.connection, &touched, tx.now().into())?;
    tx.audit().detail("added", planned.records.len());
    tx.audit().detail("changed", planned.changes.len());
    Ok(planned.done.clone())
}

/// What would become of a row on a register that holds nothing yet.
pub fn untried(row: &Row) -> Done {
    Done::of(row, if row.entry.is_some() { Outcome::Added } else { Outcome::Rejected }, None)
}
