//! The general practice with which a child is registered. One holds at a time; a change of it is a sign that the family has moved, and
//! is asked about at home.
//!
//! # Source
//! Domain notes, part 2, item 22; KNOWSLEY (signs of a move).

use chrono::NaiveDate;

use super::children::{changed_after_claim, claim, today, typed};
use super::transfers::suspected;
use super::{Region, RegisterError};
use crate::domain::identifiers::OdsCode;
use crate::domain::text::Line;
use crate::store::Tx;
use crate::store::children::{ChildRow, PracticeRow};
use crate::store::types::{Id, Instant};

/// The practice, as it is stated.
#[derive(Debug, Clone)]
pub struct NewPractice {
    /// Its name.
    pub name: Line,
    /// Its code.
    pub code: Option<OdsCode>,
    /// Since when the child is known to be with it; `None`: since today.
    pub from: Option<NaiveDate>,
    /// Whether the child never was with the one that is held so far: then nothing has changed but what is known.
    pub is_correction: bool,
}

/// Whether it is the practice that is held already: by the code, and by the name where either has none.
fn is_same(held: &PracticeRow, new: &NewPractice) -> bool {
    match (&held.ods_code, &new.code) {
        (Some(held), Some(new)) => held == new.as_str(),
        _ => held.name.to_lowercase() == new.name.expose().to_lowercase(),
    }
}

/// States with which practice a child is. Another than before raises the question whether the child has moved, and was the one until
/// the day before.
///
/// # Errors
/// A broken rule; [`RegisterError::Stale`]; or the database fails.
pub fn state(tx: &mut Tx<'_>, region: &Region, row: &ChildRow, new: &NewPractice, by: &str) -> Result<(), RegisterError> {
    let child = typed(row.id)?;
    claim(tx, child, row.version)?;
    let at = Instant::new(tx.now());
    let held = PracticeRow::current(tx.connection, &[row.id])?.into_iter().find(|held| held.valid_to.is_none());
    let mut from = new.from.unwrap_or_else(|| today(tx.now()));
    if let Some(held) = held {
        PracticeRow::supersede(tx.connection, &[held.id], at)?;
        if is_same(&held, new) {
            // Said again: perhaps with its code, or spelt otherwise. It is no later for that.
            from = new.from.or(held.valid_from).unwrap_or(from);
        } else if !new.is_correction {
            let until = from.pred_opt().filter(|until| held.valid_from.is_none_or(|begun| begun <= *until));
            let Some(until) = until else {
                return Err(RegisterError::Rule {
                    pointer: "/from".into(),
                    code: "before-the-former",
                    detail: "give a day after the one from which the practice before is held".into(),
                });
            };
            suspected::by_practice(tx, row.id)?;
            let former =
                PracticeRow { id: Id(uuid::Uuid::now_v7()), valid_to: Some(until), recorded_at: at, recorded_by: by.to_owned(), ..held };
            former.insert(tx.connection)?;
        }
    }
    let made = PracticeRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: row.id,
        name: new.name.expose().to_owned(),
        ods_code: new.code.as_ref().map(|code| code.as_str().to_owned()),
        valid_from: Some(from),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    };
    made.insert(tx.connection)?;
    changed_after_claim(tx, region, child)
}
