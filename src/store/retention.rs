//! What retention reads of a record, and how a record is erased.
//!
//! The audit log is never touched but for the keys of its commitments: without them it says nothing of what was asked, and
//! stays whole.

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;

use super::children::ChildRow;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::matching;
use super::schema::{
    alert, alert_report, alert_step, audit_child, audit_commitment, audit_entry, break_glass, check_reading, check_waiting, child,
    child_address, child_census, child_identifier, child_name, child_particulars, child_practice, child_shielding, child_withdrawal,
    clock_departure, clock_due, clock_escalation, clock_watch, conference, conference_attendee, conference_decision, conference_state,
    core_group_meeting, core_group_member, correction, custody, custody_inbox, custody_outbox, duplicate_check, enquiry, enquiry_key,
    enquiry_mark, enquiry_match, household_member, idempotency, identity_decision, import_mismatch, import_record, import_result,
    legal_hold, missed_appointment, notice, notice_escalation, plan_milestone, plan_withdrawal, possible_duplicate, pregnancy, referral,
    registration, registration_category, registration_coordinator, registration_state, section47, section47_state, task, task_evidence,
    transfer, transfer_step, visit,
};
use super::types::{Id, Instant};
use crate::domain::shift::london_date;

/// Enquiries that one unit of work erases: each takes a handful of rows with it, and a writer is not held up for long.
pub const ENQUIRIES_AT_ONCE: i64 = 200;

/// A page of the people of these authorities, newest first.
///
/// # Errors
/// When the database fails.
pub fn page(connection: &mut AnyConnection, authorities: &[String], before: Option<Id>, limit: i64) -> Result<Vec<ChildRow>, StoreError> {
    with!(connection, |c| {
        let mut query = child::table
            .filter(child::authority.eq_any(authorities))
            .select(ChildRow::as_select())
            .order(child::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(child::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Who was at any time put down as of one household with any of these people, by their own records on either side.
///
/// # Errors
/// When the database fails.
pub fn related(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<(Id, Id)>, StoreError> {
    let found: Vec<(Id, Option<Id>)> = with!(connection, |c| household_member::table
        .filter(household_member::related_child_id.is_not_null())
        .filter(household_member::child_id.eq_any(people).or(household_member::related_child_id.eq_any(people.iter().copied().map(Some))))
        .select((household_member::child_id, household_member::related_child_id))
        .load(c))?;
    Ok(found.into_iter().filter_map(|(one, other)| Some((one, other?))).collect())
}

/// The days on which somebody had to do with people: visits, conferences, checks that found them, enquiries under section 47.
///
/// # Errors
/// When the database fails.
pub fn contacts(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<(Id, NaiveDate)>, StoreError> {
    with!(connection, |c| {
        let mut days: Vec<(Id, NaiveDate)> = visit::table
            .inner_join(registration::table.on(registration::id.eq(visit::registration_id)))
            .filter(registration::child_id.eq_any(people))
            .select((registration::child_id, visit::visited_on))
            .load(c)?;
        let held: Vec<(Id, NaiveDate)> = conference_decision::table
            .inner_join(conference_state::table.on(conference_state::conference_id.eq(conference_decision::conference_id)))
            .filter(conference_decision::child_id.eq_any(people))
            .select((conference_decision::child_id, conference_state::held_on))
            .load(c)?;
        let asked: Vec<(Id, Instant)> = enquiry_match::table
            .filter(enquiry_match::child_id.eq_any(people))
            .select((enquiry_match::child_id, enquiry_match::asked_at))
            .load(c)?;
        let enquired: Vec<(Id, Instant)> =
            section47::table.filter(section47::child_id.eq_any(people)).select((section47::child_id, section47::changed_at)).load(c)?;
        days.extend(held);
        days.extend(asked.into_iter().chain(enquired).map(|(child, at)| (child, london_date(at.get()))));
        Ok(days)
    })
}

/// The legal statuses that entries of people ever had.
///
/// # Errors
/// When the database fails.
pub fn legal_statuses(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<(Id, Option<String>)>, StoreError> {
    Ok(with!(connection, |c| registration_state::table
        .inner_join(registration::table.on(registration::id.eq(registration_state::registration_id)))
        .filter(registration::child_id.eq_any(people))
        .filter(registration_state::legal_status.is_not_null())
        .select((registration::child_id, registration_state::legal_status))
        .load(c))?)
}

/// Keeps everybody else from changing what a decision to erase rests on, until the end of the transaction: entries, holds,
/// moves and households. Must be the first statement of the transaction, so that it sees all that was committed before.
///
/// # Errors
/// When the database fails.
pub fn lock(connection: &mut AnyConnection) -> Result<(), StoreError> {
    match connection {
        // There is one writer.
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Pg(_) => Ok(connection.execute(
            "LOCK TABLE child, household_member, registration, registration_state, legal_hold, custody, alert IN SHARE ROW EXCLUSIVE MODE",
        )?),
    }
}

/// Erases what is kept of a person. `keys` are those under which the matcher finds them. Answers how many rows went from
/// which table, those from which none went left out.
///
/// Checks that found nobody else go with the person; of one that also found somebody else for certain or probably, only the
/// tie to this person goes: it belongs to the other's file.
///
/// # Errors
/// When the database fails, or something that was not decided about still rests on the person.
pub fn erase(connection: &mut AnyConnection, person: &ChildRow, keys: &[i64]) -> Result<Vec<(&'static str, usize)>, StoreError> {
    let id = person.id;
    let mut gone: Vec<(&'static str, usize)> = Vec::new();
    macro_rules! erase {
        ($($table:ident: $filter:expr;)+) => {
            $(gone.push((stringify!($table), with!(&mut *connection, |c| diesel::delete($table::table.filter($filter)).execute(c))?));)+
        };
    }
    let (entries, enquiries, conferences, checks) = resting_on(connection, id)?;
    erase! {
        clock_due: clock_due::registration_id.eq_any(&entries);
        clock_watch: clock_watch::registration_id.eq_any(&entries);
        clock_escalation: clock_escalation::registration_id.eq_any(&entries);
        clock_departure: clock_departure::registration_id.eq_any(&entries);
        plan_withdrawal: plan_withdrawal::registration_id.eq_any(&entries);
        plan_milestone: plan_milestone::registration_id.eq_any(&entries);
        core_group_meeting: core_group_meeting::registration_id.eq_any(&entries);
        visit: visit::registration_id.eq_any(&entries);
        conference_decision: conference_decision::child_id.eq(id);
    }
    let decided: Vec<Id> = with!(&mut *connection, |c| conference_decision::table
        .filter(conference_decision::conference_id.eq_any(&conferences))
        .select(conference_decision::conference_id)
        .load(c))?;
    // A conference about brothers and sisters stays while anything that it decided does.
    let empty: Vec<Id> = conferences.into_iter().filter(|conference| !decided.contains(conference)).collect();
    let asking: Vec<Id> = with!(&mut *connection, |c| possible_duplicate::table
        .filter(possible_duplicate::one_id.eq(id).or(possible_duplicate::other_id.eq(id)))
        .select(possible_duplicate::task_id)
        .load(c))?;
    erase! {
        conference_attendee: conference_attendee::conference_id.eq_any(&empty);
        conference_state: conference_state::conference_id.eq_any(&empty);
        conference: conference::id.eq_any(&empty);
        section47_state: section47_state::section47_id.eq_any(&enquiries);
        section47: section47::id.eq_any(&enquiries);
        missed_appointment: missed_appointment::child_id.eq(id);
        // What a file said of the person; the file itself goes when it has been answered.
        import_mismatch: import_mismatch::child_id.eq(id).or(import_mismatch::other_id.eq(id));
        import_result: import_result::child_id.eq(id);
        // What asks whether this and another record are of one person goes, whichever of the two it is kept with.
        possible_duplicate: possible_duplicate::task_id.eq_any(&asking);
        task_evidence: task_evidence::task_id.eq_any(&asking);
        task: task::id.eq_any(&asking);
        notice_escalation: notice_escalation::notice_id.eq_any(notice::table.filter(notice::child_id.eq(id)).select(notice::id));
        notice: notice::child_id.eq(id);
        task_evidence: task_evidence::task_id.eq_any(task::table.filter(task::child_id.eq(id)).select(task::id));
        task: task::child_id.eq(id);
    }
    gone.extend(erase_checks(connection, &checks)?);
    let places: Vec<String> = entries.iter().map(|entry| format!("/v1/registrations/{}", entry.0)).collect();
    erase! {
        enquiry_match: enquiry_match::child_id.eq(id);
        // An identifier is 36 characters of its own kind: no other text contains it by chance.
        idempotency: idempotency::body.like(format!("%{}%", id.0)).or(idempotency::location.eq_any(places.iter().map(Some)));
        import_record: import_record::child_id.eq(id);
    }
    matching::remove(connection, person.pid, keys)?;
    let custodies: Vec<Id> =
        with!(&mut *connection, |c| custody::table.filter(custody::child_id.eq(id)).select(custody::custody_id).load(c))?;
    let alerts: Vec<Id> = with!(&mut *connection, |c| alert::table.filter(alert::child_id.eq(id)).select(alert::id).load(c))?;
    erase! {
        alert_report: alert_report::alert_id.eq_any(&alerts);
        alert_step: alert_step::alert_id.eq_any(&alerts);
        alert: alert::child_id.eq(id);
        custody_inbox: custody_inbox::custody_id.eq_any(&custodies);
        custody_outbox: custody_outbox::custody_id.eq_any(&custodies);
        transfer_step: transfer_step::transfer_id.eq_any(transfer::table.filter(transfer::child_id.eq(id)).select(transfer::id));
        transfer: transfer::child_id.eq(id);
        custody: custody::child_id.eq(id);
        core_group_member: core_group_member::registration_id.eq_any(&entries);
        registration_coordinator: registration_coordinator::registration_id.eq_any(&entries);
        registration_category: registration_category::registration_id.eq_any(&entries);
        registration_state: registration_state::registration_id.eq_any(&entries);
        registration: registration::child_id.eq(id);
        identity_decision: identity_decision::kept_id.eq(id).or(identity_decision::other_id.eq(id));
        duplicate_check: duplicate_check::child_id.eq(id);
        break_glass: break_glass::child_id.eq(id);
        child_shielding: child_shielding::child_id.eq(id);
        correction: correction::child_id.eq(id);
        pregnancy: pregnancy::child_id.eq(id);
        referral: referral::child_id.eq(id);
        child_census: child_census::child_id.eq(id);
        child_withdrawal: child_withdrawal::child_id.eq(id);
        // One that lies on the person stays, and with it everything: the database refuses the last of these.
        legal_hold: legal_hold::child_id.eq(id).and(legal_hold::lifted_at.is_not_null());
        household_member: household_member::child_id.eq(id);
    }
    unlink(connection, id)?;
    let about = || audit_child::table.filter(audit_child::child_id.eq(id)).select(audit_child::entry_id);
    // A question that is kept for another child's sake keeps the key with which it can be shown to be the one that was asked.
    let still_kept: Vec<Id> = with!(&mut *connection, |c| audit_entry::table
        .filter(audit_entry::id.eq_any(about()))
        .filter(audit_entry::enquiry_id.eq_any(enquiry::table.select(enquiry::id.nullable())))
        .select(audit_entry::id)
        .load(c))?;
    erase! {
        child_address: child_address::child_id.eq(id);
        child_practice: child_practice::child_id.eq(id);
        child_identifier: child_identifier::child_id.eq(id);
        child_name: child_name::child_id.eq(id);
        child_particulars: child_particulars::child_id.eq(id);
        audit_commitment: audit_commitment::entry_id.eq_any(about()).and(audit_commitment::entry_id.ne_all(&still_kept));
        child: child::id.eq(id);
    }
    gone.retain(|(_, rows)| *rows > 0);
    Ok(gone)
}

/// Entries, enquiries under section 47, conferences and checks that rest on a person; of the checks, those that found nobody
/// else but possibly.
type RestingOn = (Vec<Id>, Vec<Id>, Vec<Id>, Vec<Id>);

fn resting_on(connection: &mut AnyConnection, id: Id) -> Result<RestingOn, StoreError> {
    with!(connection, |c| {
        let entries = registration::table.filter(registration::child_id.eq(id)).select(registration::id).load(c)?;
        let enquiries = section47::table.filter(section47::child_id.eq(id)).select(section47::id).load(c)?;
        let conferences = conference_decision::table
            .filter(conference_decision::child_id.eq(id))
            .select(conference_decision::conference_id)
            .distinct()
            .load(c)?;
        let checks: Vec<Id> = enquiry_match::table.filter(enquiry_match::child_id.eq(id)).select(enquiry_match::enquiry_id).load(c)?;
        let shared: Vec<Id> = enquiry_match::table
            .filter(enquiry_match::enquiry_id.eq_any(&checks))
            .filter(enquiry_match::child_id.ne(id))
            .filter(enquiry_match::grade.ne("possible"))
            .select(enquiry_match::enquiry_id)
            .load(c)?;
        Ok((entries, enquiries, conferences, checks.into_iter().filter(|check| !shared.contains(check)).collect()))
    })
}

/// Erases checks with what was told of them.
fn erase_checks(connection: &mut AnyConnection, checks: &[Id]) -> Result<[(&'static str, usize); 8], StoreError> {
    let places: Vec<String> = checks.iter().map(|check| format!("/v1/checks/{}", check.0)).collect();
    let some: Vec<Option<Id>> = checks.iter().copied().map(Some).collect();
    with!(connection, |c| {
        diesel::delete(idempotency::table.filter(idempotency::location.eq_any(places.iter().map(Some)))).execute(c)?;
        // Long gone: a check waits for other regions for an hour.
        diesel::delete(check_waiting::table.filter(check_waiting::enquiry_id.eq_any(checks))).execute(c)?;
        // That somebody has read of it: told by others, and told to others.
        diesel::delete(check_reading::table.filter(check_reading::enquiry_id.eq_any(checks))).execute(c)?;
        diesel::delete(custody_outbox::table.filter(custody_outbox::custody_id.eq_any(checks))).execute(c)?;
        let notices = notice::table.filter(notice::enquiry_id.eq_any(&some)).select(notice::id);
        let tasks = task::table.filter(task::enquiry_id.eq_any(&some)).select(task::id);
        let evidence = task_evidence::enquiry_id.eq_any(checks).or(task_evidence::task_id.eq_any(tasks));
        Ok([
            (
                "notice_escalation",
                diesel::delete(notice_escalation::table.filter(notice_escalation::notice_id.eq_any(notices))).execute(c)?,
            ),
            ("task_evidence", diesel::delete(task_evidence::table.filter(evidence)).execute(c)?),
            ("enquiry_mark", diesel::delete(enquiry_mark::table.filter(enquiry_mark::enquiry_id.eq_any(checks))).execute(c)?),
            ("notice", diesel::delete(notice::table.filter(notice::enquiry_id.eq_any(&some))).execute(c)?),
            ("task", diesel::delete(task::table.filter(task::enquiry_id.eq_any(&some))).execute(c)?),
            ("enquiry_match", diesel::delete(enquiry_match::table.filter(enquiry_match::enquiry_id.eq_any(checks))).execute(c)?),
            ("enquiry_key", diesel::delete(enquiry_key::table.filter(enquiry_key::enquiry_id.eq_any(checks))).execute(c)?),
            ("enquiry", diesel::delete(enquiry::table.filter(enquiry::id.eq_any(checks))).execute(c)?),
        ])
    })
}

/// Takes the tie to a person out of the households of others. Who stands there by nothing but the tie goes with it.
fn unlink(connection: &mut AnyConnection, id: Id) -> Result<(), StoreError> {
    with!(connection, |c| {
        let tied = household_member::table.filter(household_member::related_child_id.eq(id));
        diesel::delete(
            household_member::table
                .filter(household_member::related_child_id.eq(id))
                .filter(household_member::given.is_null())
                .filter(household_member::family.is_null()),
        )
        .execute(c)?;
        diesel::update(tied).set(household_member::related_child_id.eq(None::<Id>)).execute(c)?;
        Ok(())
    })
}

/// How many checks from before an instant found nobody on the register.
///
/// # Errors
/// When the database fails.
pub fn checks_of_nobody(connection: &mut AnyConnection, before: Instant) -> Result<i64, StoreError> {
    Ok(with!(connection, |c| enquiry::table
        .filter(enquiry::asked_at.lt(before))
        .filter(diesel::dsl::not(exists(enquiry_match::table.filter(enquiry_match::enquiry_id.eq(enquiry::id)))))
        .count()
        .get_result(c))?)
}

/// Erases some of the checks from before an instant that found nobody on the register, with the keys of the commitments to
/// them; answers how many.
///
/// # Errors
/// When the database fails.
pub fn erase_checks_of_nobody(connection: &mut AnyConnection, before: Instant) -> Result<usize, StoreError> {
    let checks: Vec<Id> = with!(&mut *connection, |c| enquiry::table
        .filter(enquiry::asked_at.lt(before))
        .filter(diesel::dsl::not(exists(enquiry_match::table.filter(enquiry_match::enquiry_id.eq(enquiry::id)))))
        .order(enquiry::id)
        .limit(ENQUIRIES_AT_ONCE)
        .select(enquiry::id)
        .load(c))?;
    erase_checks(connection, &checks)?;
    let some: Vec<Option<Id>> = checks.iter().copied().map(Some).collect();
    with!(connection, |c| diesel::delete(audit_commitment::table.filter(
        audit_commitment::entry_id.eq_any(audit_entry::table.filter(audit_entry::enquiry_id.eq_any(&some)).select(audit_entry::id))
    ))
    .execute(c))?;
    Ok(checks.len())
}

#[cfg(test)]
mod tests {
    use super::super::connection::DatabaseUrl;
    use super::super::migrations;

    /// The tables from which rows of a person go.
    const ERASED: [&str; 67] = [
        "alert",
        "alert_report",
        "alert_step",
        "missed_appointment",
        // Files that are imported lie here until every row is answered, for an hour at most when nobody asked for it.
        "import_chunk",
        "import_result",
        "import_mismatch",
        "custody",
        "custody_inbox",
        "custody_outbox",
        "transfer",
        "transfer_step",
        "check_waiting",
        "check_reading",
        "break_glass",
        "child_shielding",
        "correction",
        "duplicate_check",
        "identity_decision",
        "possible_duplicate",
        "pregnancy",
        "child",
        "child_address",
        "child_census",
        "child_identifier",
        "child_name",
        "child_particulars",
        "child_practice",
        "child_withdrawal",
        "clock_departure",
        "clock_due",
        "clock_escalation",
        "clock_watch",
        "conference",
        "conference_attendee",
        "conference_decision",
        "conference_state",
        "core_group_meeting",
        "core_group_member",
        "enquiry",
        "enquiry_key",
        "enquiry_mark",
        "enquiry_match",
        "household_member",
        "idempotency",
        "import_record",
        "legal_hold",
        "match_key",
        "match_record",
        "notice",
        "notice_escalation",
        "plan_milestone",
        "plan_withdrawal",
        "referral",
        "registration",
        "registration_category",
        "registration_coordinator",
        "registration_state",
        "section47",
        "section47_state",
        "task",
        "task_evidence",
        "visit",
        "audit_commitment",
        // Counts of the whole register: made anew every hour.
        "match_key_stat",
        "match_token_stat",
        "match_summary",
    ];

    /// The tables that hold nothing of a person but opaque identifiers, or nothing of people at all.
    const KEPT: [&str; 23] = [
        "audit_checkpoint",
        "audit_child",
        "audit_entry",
        "audit_leaf",
        "audit_node",
        "audit_pending",
        "check_budget",
        "client",
        "client_assertion",
        "comparison",
        "comparison_difference",
        "federation_directory",
        "import_run",
        "member_statement",
        "peer_message",
        "event",
        "event_acknowledgement",
        "revocation",
        "session",
        "setting",
        "sign_in",
        "webhook",
        "webhook_delivery",
    ];

    #[test]
    fn erasing_a_person_decides_about_every_table() {
        let path = std::env::temp_dir().join(format!("cofrestr-{}.sqlite", uuid::Uuid::now_v7()));
        let url = DatabaseUrl::Sqlite(path.to_str().expect("a path in UTF-8").to_owned());
        migrations::run(&url).expect("migrations");
        let (columns, _) = migrations::catalogue(&url).expect("a catalogue");
        let mut tables: Vec<String> = columns.into_iter().map(|column| column.table).collect();
        tables.dedup();
        let mut decided: Vec<String> = ERASED.iter().chain(&KEPT).map(|table| (*table).to_owned()).collect();
        decided.sort();
        assert_eq!(tables, decided, "say what becomes of a new table when a person is erased – and whether anything in it is live (I25)");
        std::fs::remove_file(&path).expect("the file goes");
    }
}
