//! That a person at an authority has read of a check, told across regions: the region that holds the entry tells the one that asked,
//! by the outbox, until it is stored there.
//!
//! ```text
//! there: a notice of the check is acknowledged ─▶ office, time, the entry as the answer named it ─▶ outbox ──▶ here: kept once
//!                                                                     the check's next version, the partner's event ◀──┘
//! ```
//!
//! Readings are only ever added, each by a message of its own, so that their order does not matter; one that comes before the answer
//! of which it speaks is shown with it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::wire::PeerReading;
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::MessageId;
use crate::domain::roles::Role;
use crate::register::checks::{other_region, stored_answer};
use crate::register::receipts::sha256;
use crate::register::{Region, RegisterError, events};
use crate::store::custody::{CHECK_READ, OutboxRow};
use crate::store::enquiries::{self, EnquiryRow};
use crate::store::federation::ReadingRow;
use crate::store::notices::NoticeRow;
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

/// What a region says of itself that takes these messages.
pub const CAPABILITY: &str = "readings";
/// How long the name of an entry is: 128 bits, hexadecimal.
const NAME_CHARACTERS: usize = 32;
/// How long whoever asked may take to keep the check: it waits for the other regions first, ten seconds at most.
const KEPT_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// How an entry is named in a check: nobody who does not know the entry can tell that the names in two checks are of one.
pub fn name(check: Uuid, entry: Uuid) -> String {
    let mut name = sha256(&[check.as_bytes(), entry.as_bytes()]);
    name.truncate(NAME_CHARACTERS);
    name
}

/// Whether a text can be such a name.
pub fn is_name(text: &str) -> bool {
    text.len() == NAME_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Tells the region that asked a check that a notice of it was read: of an entry that the answer told of, and if that region
/// takes such messages.
///
/// # Errors
/// When the database refuses or fails.
pub fn tell(tx: &mut Tx<'_>, region: &Region, asking: &str, check: &EnquiryRow, notice: &NoticeRow) -> Result<(), RegisterError> {
    let takes = |code: &RegionCode| region.membership().peers.get(code).is_some_and(|peer| peer.can(CAPABILITY));
    let Some(to) = asking.parse::<RegionCode>().ok().filter(takes) else { return Ok(()) };
    let told = |entry: &Id| {
        let answer = stored_answer(check)?;
        Ok::<_, RegisterError>(answer.matches.iter().any(|found| found.status.is_current() && found.registration == Some(entry.0)))
    };
    let Some(entry) = notice.registration_id else { return Ok(()) };
    if !told(&entry)? {
        return Ok(());
    }
    let id = MessageId::new_at(tx.wall());
    let said = PeerReading { id, check: check.id.0, entry: name(check.id.0, entry.0), role: notice.to_role.clone(), at: tx.now() };
    let body = serde_json::to_string(&said).map_err(|_| StoreError::Corrupt("message"))?;
    let parties = (region.code().as_str(), to.as_str(), to.as_str());
    let row = OutboxRow::waiting(id.into(), check.id, parties, CHECK_READ, body, tx.wall().into());
    Ok(row.insert(tx.connection)?)
}

/// Takes in that a person in another region has read of a check that was asked here. What came before changes nothing.
///
/// # Errors
/// A broken rule when it cannot be believed; [`RegisterError::Stale`] while the check is still being asked; or the database fails.
pub fn receive(tx: &mut Tx<'_>, region: &Region, sender: &RegionCode, told: &PeerReading) -> Result<(), RegisterError> {
    let rule = |pointer: &str, code, detail: &str| RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() };
    let role: Role = told.role.parse().map_err(|_| rule("/role", "unproven", "name an office that reads notices"))?;
    if !is_name(&told.entry) {
        return Err(rule("/entry", "unproven", "name an entry as the answer named it"));
    }
    let (id, message) = (Id(told.check), Id::from(told.id));
    tx.audit().detail("message", told.id);
    tx.audit().detail("check", told.check);
    let Some(check) = enquiries::find(tx.connection, id)? else {
        // Answered, and not kept yet; or asked by a server that did not live to keep it, or erased since: there is nobody to tell.
        let is_new = made_at(told.id).is_some_and(|at| tx.wall() - at < KEPT_WITHIN);
        tx.audit().detail("status", "unknown-check");
        return if is_new { Err(RegisterError::Stale) } else { Ok(()) };
    };
    let answer = stored_answer(&check)?;
    let was_asked = answer.coverage.iter().any(|row| row.region == sender.as_str()) && sender != region.code();
    if !was_asked || other_region(&check.asked_by).is_some() {
        return Err(rule("/check", "unproven", "tell of a check that this region was asked by the receiver"));
    }
    let row = ReadingRow {
        region: sender.to_string(),
        message_id: message,
        enquiry_id: id,
        entry: told.entry.clone(),
        role: role.as_str().to_owned(),
        read_at: told.at.into(),
    };
    if !row.add(tx.connection)? {
        tx.audit().detail("status", "came-before");
        let is_same = ReadingRow::find(tx.connection, &row.region, message)? == Some(row);
        return if is_same { Ok(()) } else { Err(rule("/id", "altered-duplicate", "send what was sent before")) };
    }
    let of_entry = |found: &&crate::register::checks::StoredMatch| {
        found.region.as_deref() == Some(sender.as_str()) && found.entry.as_deref() == Some(told.entry.as_str())
    };
    // Of an answer that comes late the reading is told with it.
    if answer.matches.iter().any(|found| of_entry(&found)) { events::told_of(tx, &check) } else { Ok(()) }
}

/// When a message was made, by the sender's wall clock.
fn made_at(id: MessageId) -> Option<DateTime<Utc>> {
    let (seconds, nanoseconds) = id.as_uuid().get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_name_in_a_check_and_another_in_the_next() {
        let [check, next, entry, other] = [1, 2, 3, 4].map(Uuid::from_u128);
        assert_eq!(name(check, entry), name(check, entry));
        assert_ne!(name(check, entry), name(next, entry));
        assert_ne!(name(check, entry), name(check, other));
        assert!(is_name(&name(check, entry)));
    }

    #[test]
    fn what_no_region_would_name_an_entry_is_no_name() {
        for text in
            ["", "0123", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef0"]
        {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    fn a_message_says_when_it_was_made() {
        let at = DateTime::from_timestamp(1_800_000_000, 123_000_000).expect("a time");
        assert_eq!(made_at(MessageId::new_at(at)), Some(at));
    }
}
