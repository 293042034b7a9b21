//! Events: what happened, for programs that follow the register. Opaque identifiers and links; more is read through the API, by
//! whoever may.
//!
//! ```text
//! a unit of work ─▶ its notices ─▶ an event each for the authority   ─┐
//!                └▶ a notice was read ─▶ one for whoever had asked    ├─▶ the feed, in the order of the audit log
//! ```

use super::{Region, RegisterError, work_lists};
use crate::authz::{Principal, Scope};
use crate::domain::roles::Role;
use crate::store::Tx;
use crate::store::connection::AnyConnection;
use crate::store::enquiries::{self, EnquiryRow};
use crate::store::events::{self as rows, EventRow, NewEvent, Place};
use crate::store::notices::NoticeRow;
use crate::store::types::Id;

use super::checks::other_region;
use super::notices::is_told_back;
use super::peers::readings;

/// The event that tells an enquirer that a person at the authority has read of the enquiry.
pub const READ_BY_AUTHORITY: &str = "check.read-by-authority";

pub(super) fn of_authority(code: &str) -> String {
    format!("authority:{code}")
}

fn of_client(issuer: &str, client: &str) -> String {
    format!("client:{issuer}#{client}")
}

/// Whose events somebody gets: those of their authorities, or those of the partner system through which they act.
pub fn audiences(principal: &Principal, region: &Region) -> Vec<String> {
    match principal.scope {
        Scope::Organisation(_) => principal.client.iter().map(|client| of_client(&principal.issuer, client)).collect(),
        Scope::Region(_) | Scope::Authority(_) => work_lists(principal, region).iter().map(|list| of_authority(list)).collect(),
    }
}

/// Under which name somebody acknowledges: a partner system as such, everybody else for themselves.
pub fn consumer(principal: &Principal) -> String {
    match (&principal.scope, &principal.client) {
        (Scope::Organisation(_), Some(client)) => of_client(&principal.issuer, client),
        _ => format!("person:{}", principal.key()),
    }
}

/// Gives a notice, and tells the programs of its authority: of each thing that is told to several once, by the notice to the
/// custodian.
///
/// # Errors
/// When the database refuses or fails.
pub fn give_notice(tx: &mut Tx<'_>, notice: NoticeRow) -> Result<(), RegisterError> {
    if notice.to_role == Role::Custodian.as_str() {
        rows::tell(
            tx,
            NewEvent {
                kind: format!("notice.{}", notice.kind),
                audience: of_authority(&notice.authority),
                subject: format!("/v1/notices/{}", notice.id.0),
                child: notice.child_id,
            },
        )?;
    }
    Ok(notice.insert(tx)?)
}

/// Tells the programs of an authority, or of every authority of the region, of something about an alert.
///
/// # Errors
/// When the database refuses or fails.
pub fn of_alert(tx: &mut Tx<'_>, kind: &str, authority: &str, alert: Id, child: Option<Id>) -> Result<(), RegisterError> {
    let subject = format!("/v1/alerts/{}", alert.0);
    Ok(rows::tell(tx, NewEvent { kind: kind.to_owned(), audience: of_authority(authority), subject, child })?)
}

/// Tells whoever asked, here or in another region, that a person has read of it: by the check, and by an event. Of notices that the answer says nothing of –
/// about the same address, or a former entry – nothing is told: it would be the only sign of them.
///
/// # Errors
/// When the database refuses or fails.
pub fn notice_read(tx: &mut Tx<'_>, region: &Region, notice: &NoticeRow) -> Result<(), RegisterError> {
    let Some(enquiry) = notice.enquiry_id.filter(|_| is_told_back(&notice.kind)) else { return Ok(()) };
    let Some(check) = enquiries::find(tx.connection, enquiry)? else { return Ok(()) };
    match other_region(&check.asked_by) {
        Some(asking) => {
            enquiries::advance(tx.connection, check.id)?;
            readings::tell(tx, region, asking, &check, notice)
        }
        None => told_of(tx, &check),
    }
}

/// Tells whoever asked a check that its answer says more than before of who has read of it.
///
/// # Errors
/// When the database refuses or fails.
pub fn told_of(tx: &mut Tx<'_>, check: &EnquiryRow) -> Result<(), RegisterError> {
    enquiries::advance(tx.connection, check.id)?;
    to_enquirer(tx, READ_BY_AUTHORITY.into(), check)
}

/// Tells the partner system through which a check was asked what became of it. Of checks, not of children.
///
/// # Errors
/// When the database refuses or fails.
pub fn to_enquirer(tx: &mut Tx<'_>, kind: String, check: &EnquiryRow) -> Result<(), RegisterError> {
    match (&check.client, check.asked_by.split_once('#')) {
        (Some(client), Some((issuer, _))) if check.role == Role::Partner.as_str() => {
            let (audience, subject) = (of_client(issuer, client), format!("/v1/checks/{}", check.id.0));
            Ok(rows::tell(tx, NewEvent { kind, audience, subject, child: None })?)
        }
        _ => Ok(()),
    }
}

/// Events after a place – or after what was acknowledged, when none is named – oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    principal: &Principal,
    region: &Region,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<(Place, EventRow)>, RegisterError> {
    let after = match after {
        Some(after) => Some(after),
        None => rows::acknowledged(connection, &consumer(principal))?,
    };
    Ok(rows::after(connection, &audiences(principal, region), after, limit)?)
}

/// Acknowledges the feed up to a place. Never back: what was acknowledged stays so. Answers how far it is acknowledged now.
///
/// # Errors
/// A broken rule when there is no event for the caller at that place.
pub fn acknowledge(tx: &mut Tx<'_>, principal: &Principal, region: &Region, place: Place) -> Result<Place, RegisterError> {
    if !rows::is_at(tx.connection, &audiences(principal, region), place)? {
        return Err(RegisterError::Rule {
            pointer: "/cursor".into(),
            code: "unknown-cursor",
            detail: "give the cursor of an event that you were shown".into(),
        });
    }
    let consumer = consumer(principal);
    let before = rows::acknowledged(tx.connection, &consumer)?;
    let place = before.map_or(place, |before| before.max(place));
    let now = tx.wall();
    rows::acknowledge(tx.connection, &consumer, place, now)?;
    Ok(place)
}
