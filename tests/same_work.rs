//! What may not be known looks exactly like what does not exist: the same answer, the same traces, the same work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::{question_about, somebody};
use crate::support::database::{Backend, TestDatabase};
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::operations::{Ground, documented};
use crate::support::people::Child;
use crate::support::program::{Program, headers};
use crate::support::tokens::{Caller, TORFAEN};

/// Requests of each kind whose statements are counted.
const COUNTED: usize = 5;
/// Requests of each kind whose time is taken: when the medians lie apart it is taken again, of more. A busy machine moves a median of
/// few, and not one of many; a difference in the work moves all.
const TIMED: [usize; 4] = [50, 100, 400, 400];
/// How far the medians may lie apart.
const APART: f64 = 1.25;

/// Whether something is there that this person may not know of, is not there, or is no identifier at all.
const KINDS: [&str; 3] = ["hidden", "missing", "malformed"];

/// A server that says little, so that what is measured is the work.
fn quiet(kind: Backend) -> Program {
    Program::start(Arc::new(TestDatabase::migrated(kind)), "[log]\nlevel = \"info\"\n[audit]\ncheckpoint_ms = 5000")
}

/// Somebody whose role may do the operation and who may not know of anything of Newport.
fn outsider(operation: &str) -> Caller {
    match operation {
        "readCheck" => Caller::police(),
        "readTransfer" | "readAlert" | "readResponsibility" => Caller::of_authority("custodian", TORFAEN),
        "readCoordinator" | "readCategories" | "readCoreGroup" | "readRemoval" | "readSection47Enquiry" | "readConference" => {
            Caller::of_authority("custodian", TORFAEN)
        }
        "listVisits"
        | "readVisit"
        | "listCoreGroupMeetings"
        | "readCoreGroupMeeting"
        | "listMilestones"
        | "readMilestone"
        | "readClocks" => Caller::of_authority("custodian", TORFAEN),
        "readChild"
        | "readHistory"
        | "readIdentityDecision"
        | "readRegistration"
        | "readNotice"
        | "readTask"
        | "readAuditProof"
        | "readLegalHold"
        | "listMissedAppointments"
        | "readImport"
        | "listImportRows"
        | "readWebhook"
        | "readWebhookSecret"
        | "listWebhookDeliveries" => Caller::of_authority("custodian", TORFAEN),
        "readClient" => Caller::of_authority("operator", TORFAEN),
        other => panic!("{other} reads something by its identifier: who may not know of it? Say so in tests/same_work.rs"),
    }
}

/// The three paths of an operation: of something hidden, of nothing, and malformed.
struct Paths {
    operation: String,
    caller: Caller,
    hidden: String,
    pattern: String,
}

impl Paths {
    fn path(&self, kind: &str) -> String {
        match kind {
            "hidden" => self.hidden.clone(),
            "missing" => crate::access::concrete(&self.pattern),
            _ => self.pattern.replace("{id}", "Gwenllian-Trahaearn").replace("{item}", "Gwenllian-Trahaearn"),
        }
    }

    fn read(&self, program: &Program, kind: &str) -> Answer {
        program.get(&self.path(kind), &self.caller).problem(404, "not-found")
    }
}

/// Every operation that reads by an identifier. Beside the one in whose role it is asked, whoever reaches only their own.
fn all(program: &Program) -> Vec<Paths> {
    let send = |caller: &Caller, path: &str, body: Option<&Value>| match body {
        Some(body) => program.post(path, Some(caller), body),
        None => program.get(path, caller),
    };
    let child = |number: usize| somebody(number).0;
    let ground = Ground::new(&send, &child, &question_about);
    let document = program.send(&Method::GET, "/openapi.json", &headers(None, &[]), None).json();
    let mut paths = Vec::new();
    for (operation, documented) in documented(&document) {
        if documented.method != Method::GET || !documented.path.contains("{id}") {
            continue;
        }
        let hidden = ground.example(&operation, &Caller::custodian()).path;
        let mut callers = vec![outsider(&operation)];
        if crate::support::operations::allowed(&operation).iter().any(|role| role.as_str() == "coordinator") {
            callers.push(Caller::of_authority("coordinator", TORFAEN));
        }
        for caller in callers {
            paths.push(Paths { operation: operation.clone(), caller, hidden: hidden.clone(), pattern: documented.path.clone() });
        }
    }
    assert!(paths.len() >= 10, "only {} ways to read by an identifier", paths.len());
    paths
}

/// The number of statements that the server has sent for an operation.
fn statements(program: &Program, operation: &str) -> u64 {
    let metrics = program.send(&Method::GET, "/metrics", &headers(None, &[]), None).body;
    let name = format!("cofrestr_database_statements_total{{operation=\"{operation}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no count for {operation}: {metrics}"));
    line.parse().expect("a number")
}

on_both_databases!(what_may_not_be_known_is_answered_and_recorded_like_what_does_not_exist);
fn what_may_not_be_known_is_answered_and_recorded_like_what_does_not_exist(kind: Backend) {
    let program = quiet(kind);
    for paths in all(&program) {
        let told = |kind: &str| {
            let answer = paths.read(&program, kind);
            let mut body = answer.json();
            body["instance"] = json!("");
            let own = ["x-request-id", "x-correlation-id", "date"];
            let headers: BTreeSet<_> = answer
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), if own.contains(&name.as_str()) { String::new() } else { format!("{value:?}") }))
                .collect();
            let id = answer.header("x-request-id").expect("an id").to_owned();
            let recorded: Vec<_> = program
                .database()
                .audit_of_request(&id)
                .into_iter()
                .map(|entry| {
                    let mut record: Value = serde_json::from_str(&entry.record).expect("a record");
                    for name in ["id", "recordedAt", "request", "correlation"] {
                        record[name] = json!("");
                    }
                    record.to_string()
                })
                .collect();
            assert_eq!(recorded.len(), 1);
            (body.to_string(), answer.body.len(), headers, recorded)
        };
        let hidden = told("hidden");
        for other in ["missing", "malformed"] {
            assert_eq!(told(other), hidden, "{} as {}: {other}", paths.operation, paths.caller.subject());
        }
    }
}

on_both_databases!(what_may_not_be_known_takes_as_many_statements_as_what_does_not_exist);
fn what_may_not_be_known_takes_as_many_statements_as_what_does_not_exist(kind: Backend) {
    let program = quiet(kind);
    for paths in all(&program) {
        let sent = KINDS.map(|kind| {
            paths.read(&program, kind);
            let before = statements(&program, &paths.operation);
            (0..COUNTED).for_each(|_| drop(paths.read(&program, kind)));
            statements(&program, &paths.operation) - before
        });
        assert!(sent[0] >= 3 * COUNTED as u64, "{}: hardly anything was counted: {sent:?}", paths.operation);
        assert_eq!(sent, [sent[0]; 3], "{} as {}: statements for {KINDS:?}", paths.operation, paths.caller.subject());
    }
    // The count can differ: what is found takes more.
    let send = |caller: &Caller, path: &str, body: Option<&Value>| program.post(path, Some(caller), body.expect("a body"));
    let child = send(&Caller::custodian(), "/v1/children", Some(&Child::usual().0)).text("/id");
    let sent = |path: &str| {
        let before = statements(&program, "readChild");
        program.get(path, &Caller::custodian());
        statements(&program, "readChild") - before
    };
    assert!(sent(&format!("/v1/children/{child}")) > sent(&format!("/v1/children/{}", Uuid::now_v7())));
}

/// The median: what the machine does beside makes some samples long, and does not move it.
fn middle(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64()
}

on_both_databases!(what_may_not_be_known_takes_as_long_as_what_does_not_exist);
fn what_may_not_be_known_takes_as_long_as_what_does_not_exist(kind: Backend) {
    let program = quiet(kind);
    // One caller for each operation: that others send as many statements is proved above, and this takes its time.
    let mut all = all(&program);
    all.dedup_by(|next, first| next.operation == first.operation);
    for paths in all {
        let attempt = |rounds: usize| {
            let mut samples = [const { Vec::new() }; 3];
            for round in 0..rounds {
                // Taken in turns, each time another one first: what else the machine does meets all of them.
                for place in 0..KINDS.len() {
                    let kind = (place + round) % KINDS.len();
                    let begun = Instant::now();
                    paths.read(&program, KINDS[kind]);
                    samples[kind].push(begun.elapsed());
                }
            }
            let medians = samples.map(middle);
            medians.iter().copied().fold(f64::MIN, f64::max) / medians.iter().copied().fold(f64::MAX, f64::min)
        };
        let mut ratios = Vec::new();
        while ratios.last().is_none_or(|ratio| *ratio > APART) {
            let rounds = TIMED.get(ratios.len());
            let rounds =
                rounds.unwrap_or_else(|| panic!("{} as {}: medians lie apart: {ratios:?}", paths.operation, paths.caller.subject()));
            ratios.push(attempt(*rounds));
        }
    }
}
