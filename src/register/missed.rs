//! Missed appointments: a partner says that a child did not come; the authority of a child on the register is told, and whoever
//! said it hears no more than that it was received.

use chrono::NaiveDate;

use super::checks::{self, Concerned};
use super::notices::{self, Kind as Told};
use super::{Region, RegisterError, events};
use crate::authz::Principal;
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::domain::text::Line;
use crate::matching::Person;
use crate::store::missed::MissedRow;
use crate::store::types::Id;
use crate::store::{Snapshot, Tx};

crate::domain::coded::closed_set! {
    /// How an appointment was missed.
    pub enum Missed {
        /// A young person who comes by themselves did not.
        DidNotAttend = "did-not-attend",
        /// A child who must be brought was not.
        WasNotBrought = "was-not-brought",
        /// The family called it off, again or without a new date.
        CancelledByFamily = "cancelled-by-family",
        /// Nobody opened the door to a visit at home.
        NoAccess = "no-access",
    }
}

/// What a partner reports.
#[derive(Debug)]
pub struct Report {
    /// How it was missed.
    pub kind: Missed,
    /// Which service.
    pub service: Line,
    /// When.
    pub missed_on: NaiveDate,
    /// Who, as they know the child.
    pub child: Person,
}

/// A report with whom it concerns.
#[derive(Debug)]
pub struct Found {
    kind: Missed,
    service: Line,
    missed_on: NaiveDate,
    agency: String,
    by: String,
    concerned: Vec<Concerned>,
}

/// Looks for the child as a check does.
///
/// # Errors
/// [`RegisterError::Insufficient`] when there is too little to search on; or the database fails.
pub fn look(snapshot: &mut Snapshot<'_>, region: &Region, report: Report, principal: &Principal) -> Result<Found, RegisterError> {
    let now = snapshot.now();
    let concerned = checks::concerned(snapshot.connection, region, &report.child, now)?;
    let Report { kind, service, missed_on, child: _ } = report;
    let agency = principal.organisation.as_ref().map_or_else(|| principal.key(), |organisation| organisation.name.clone());
    Ok(Found { kind, service, missed_on, agency, by: principal.key(), concerned })
}

/// Keeps the report, and tells the custodian and the co-ordinator of every entry in force of the child. Of a child on no register
/// a row is kept as well, without the child: the work is the same.
///
/// # Errors
/// When the database refuses or fails.
pub fn keep(tx: &mut Tx<'_>, id: Id, found: &Found) -> Result<(), RegisterError> {
    let row = |id, concerned: Option<&Concerned>| MissedRow {
        id,
        child_id: concerned.map(|concerned| concerned.child),
        registration_id: concerned.map(|concerned| concerned.registration),
        kind: found.kind.as_str().into(),
        service: found.service.expose().to_owned(),
        missed_on: found.missed_on,
        agency: found.agency.clone(),
        reported_by: found.by.clone(),
        received_at: tx.now().into(),
    };
    let rows: Vec<MissedRow> = match found.concerned.as_slice() {
        [] => vec![row(id, None)],
        concerned => {
            let mut ids = std::iter::once(id).chain(std::iter::repeat_with(|| Id(uuid::Uuid::now_v7())));
            concerned.iter().filter_map(|concerned| Some(row(ids.next()?, Some(concerned)))).collect()
        }
    };
    for row in rows {
        row.insert(tx)?;
    }
    for concerned in &found.concerned {
        tx.audit().child(concerned.child);
        let coordinator = concerned.coordinator.clone().map(|person| (Role::Coordinator, Some(person)));
        for to in std::iter::once((Role::Custodian, None)).chain(coordinator) {
            let (child, entry) = (concerned.child, concerned.registration);
            let notice = notices::about(tx.now(), Told::MissedAppointment, Notify::Normal, to, &concerned.authority, child, entry);
            events::give_notice(tx, notice)?;
        }
    }
    Ok(())
}
