//! What only a sandbox may do to its database: forget everything but the audit log. The use case checks that this is a sandbox
//! before it calls anything here.

use super::connection::AnyConnection;
use super::error::StoreError;

/// The tables that a reset empties: children, and everything that rests on them. What refers stands before what it refers
/// to.
const EMPTIED: [&str; 77] = [
    // What opens the commitments to questions goes with the questions.
    "audit_commitment",
    "comparison_difference",
    "comparison",
    "webhook_delivery",
    "webhook",
    "missed_appointment",
    "import_mismatch",
    "import_result",
    "import_chunk",
    "import_run",
    "session",
    "sign_in",
    "alert_report",
    "alert_step",
    "alert",
    "custody_inbox",
    "custody_outbox",
    "transfer_step",
    "transfer",
    "custody",
    "check_waiting",
    "check_reading",
    "break_glass",
    "duplicate_check",
    "possible_duplicate",
    "identity_decision",
    "child_shielding",
    "correction",
    "pregnancy",
    "event",
    "event_acknowledgement",
    "notice_escalation",
    "legal_hold",
    "child_withdrawal",
    "referral",
    "child_census",
    "notice",
    "task_evidence",
    "task",
    "enquiry_mark",
    "check_budget",
    "enquiry_match",
    "enquiry_key",
    "enquiry",
    "idempotency",
    "import_record",
    "match_key",
    "match_record",
    "match_key_stat",
    "match_token_stat",
    "match_summary",
    "clock_due",
    "clock_watch",
    "clock_escalation",
    "clock_departure",
    "plan_withdrawal",
    "plan_milestone",
    "core_group_meeting",
    "visit",
    "conference_decision",
    "conference_attendee",
    "conference_state",
    "conference",
    "section47_state",
    "section47",
    "core_group_member",
    "registration_coordinator",
    "registration_category",
    "registration_state",
    "registration",
    "household_member",
    "child_address",
    "child_practice",
    "child_identifier",
    "child_name",
    "child_particulars",
    "child",
];

/// Empties the register and its enquiry log. The audit log is append-only in a sandbox too, and the settings hold what the
/// sandbox began with: both stay, and so do revocations and used assertions, so that no reset makes a token good again, the partner
/// systems, and what the region knows of other regions.
///
/// # Errors
/// When the database fails.
pub fn empty(connection: &mut AnyConnection) -> Result<(), StoreError> {
    for table in EMPTIED {
        connection.execute(&format!("DELETE FROM {table}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::connection::DatabaseUrl;
    use super::super::migrations;
    use super::*;

    /// What a reset leaves: the log of who did what, what the sandbox began with, which tokens are believed no more, and which
    /// systems may have some.
    const KEPT: [&str; 13] = [
        "audit_entry",
        "audit_child",
        "audit_pending",
        "audit_leaf",
        "audit_node",
        "audit_checkpoint",
        "setting",
        "revocation",
        "client",
        "client_assertion",
        "federation_directory",
        "member_statement",
        "peer_message",
    ];

    #[test]
    fn a_reset_decides_about_every_table() {
        let path = std::env::temp_dir().join(format!("cofrestr-{}.sqlite", uuid::Uuid::now_v7()));
        let url = DatabaseUrl::Sqlite(path.to_str().expect("a path in UTF-8").to_owned());
        migrations::run(&url).expect("migrations");
        let (columns, _) = migrations::catalogue(&url).expect("a catalogue");
        let mut tables: Vec<String> = columns.into_iter().map(|column| column.table).collect();
        tables.dedup();
        let mut decided: Vec<String> = EMPTIED.iter().chain(&KEPT).map(|table| (*table).to_owned()).collect();
        decided.sort();
        assert_eq!(tables, decided, "a new table must be emptied by a reset or kept on purpose");
        empty(&mut AnyConnection::open(&url).expect("a connection")).expect("an empty register");
        std::fs::remove_file(&path).expect("the file goes");
    }
}
