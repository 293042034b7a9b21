//! Files sent to be imported: kept before they are answered, taken in behind the answer, each row with what became of it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};
use crate::support::{on_both, on_both_databases};

const HEADER: &str =
    "id,given,family,dateOfBirth,nhsNumber,address,postcode,authority,status,registeredOn,categories,coordinator,reviewDueOn\n";
const NUMBERS: [&str; 3] = ["9990001006", "9990001014", "9990001022"];

/// How long a file may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(180);

fn row(id: &str, given: &str, number: &str) -> String {
    format!(
        "{id},{given},Wilkinson-Pugh,2019-03-04,{number},1 Heol y Bont,NP20 1AA,{NEWPORT},registered,2025-01-06,neglect,Alex Sample,2027-01-05\n"
    )
}

fn file(rows: &[String]) -> String {
    HEADER.to_owned() + &rows.concat()
}

fn attempt(app: &TestApp, caller: &Caller, key: &str, kind: &str, body: &str) -> Answer {
    let to = app.as_caller(caller).request(Method::POST, "/v1/imports?source=nightly");
    to.key(key).header("content-type", kind).body(body).send()
}

/// Sends a file and waits until every row of it is answered.
fn send(app: &TestApp, caller: &Caller, body: &str) -> Answer {
    app.remember_typed("Wilkinson-Pugh");
    let sent = attempt(app, caller, &Uuid::now_v7().to_string(), "text/csv", body).expect(201);
    done(app, caller, &sent.text("/id"))
}

fn done(app: &TestApp, caller: &Caller, id: &str) -> Answer {
    let begun = Instant::now();
    loop {
        let now = app.as_caller(caller).get(&format!("/v1/imports/{id}")).expect(200);
        if !["waiting", "running"].contains(&now.text("/status").as_str()) {
            return now;
        }
        assert!(begun.elapsed() < WITHIN, "the import does not end: {}", now.body);
        sleep(Duration::from_millis(50));
    }
}

fn count(import: &Answer, code: &str) -> u64 {
    let counts = import.list("/counts");
    counts.iter().find(|count| count["code"] == code).and_then(|count| count["rows"].as_u64()).unwrap_or(0)
}

fn rows(app: &TestApp, import: &Answer, query: &str) -> Vec<Value> {
    app.custodian().get(&format!("/v1/imports/{}/rows?limit=200{query}", import.text("/id"))).expect(200).list("/items")
}

fn open_tasks(app: &TestApp) -> Vec<Value> {
    let tasks = app.custodian().get("/v1/tasks?open=true&limit=200").expect(200).list("/items");
    tasks.into_iter().filter(|task| task["kind"] == "import-mismatch").collect()
}

on_both!(a_file_is_kept_taken_in_and_answered_row_by_row);
fn a_file_is_kept_taken_in_and_answered_row_by_row(app: &TestApp) {
    let custodian = Caller::custodian();
    let body = file(&[
        row("1", "Siân", ""),
        row("2", "Huw", "not a number"),
        row("2", "Nia", ""),
        row("4", "Nia", "").replace("registered,", "perhaps,"),
        "\"5\",Mair,\"a, b\",1,2,3,4,5,6,7,8,9,10,11,12\n".into(),
    ]);
    app.remember_typed("Wilkinson-Pugh");
    let sent = attempt(app, &custodian, "one", "text/csv", &body).expect(201);
    let id = sent.text("/id");
    assert_eq!(sent.header("location"), Some(format!("/v1/imports/{id}").as_str()));
    assert_eq!((sent.header("etag"), sent.text("/status"), sent.text("/source")), (Some("\"1\""), "waiting".into(), "nightly".into()));
    assert_eq!(sent.at("/bytes"), json!(body.len()));
    let import = done(app, &custodian, &id);
    assert_eq!((import.text("/status"), import.at("/progress")), ("finished".into(), json!({"rows": 5, "lines": 6})));
    assert_eq!((count(&import, "unmatched"), count(&import, "invalid"), count(&import, "duplicate-id")), (2, 3, 1), "{}", import.body);

    let all = rows(app, &import, "");
    let outcomes: Vec<_> = all.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["added", "added", "rejected", "rejected", "rejected"]);
    assert_eq!((all[0]["codes"].clone(), all[0]["remarks"].clone()), (json!(["unmatched", "added"]), json!([])));
    assert_eq!(all[1]["remarks"][0]["column"], "nhsNumber");
    assert_eq!(all[3]["remarks"][0]["code"], "unknown-code");
    assert_eq!(all[4]["remarks"][0]["code"], "too-many-cells");
    app.custodian().get(&format!("/v1/children/{}", all[0]["childId"].as_str().unwrap())).expect(200);
    let invalid = rows(app, &import, "&code=invalid");
    assert_eq!(invalid.iter().map(|row| row["row"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 4, 5]);
    let first = app.custodian().get(&format!("/v1/imports/{id}/rows?code=invalid&limit=2")).expect(200);
    let next = app.custodian().get(&first.text("/links/next")).expect(200);
    assert_eq!((first.list("/items").len(), next.list("/items")[0]["row"].clone()), (2, json!(5)));
    assert_eq!(app.custodian().get("/v1/imports").expect(200).list("/items").len(), 1);
    assert_eq!(app.count("import_chunk"), 0, "what was sent goes when every row is answered");

    let tasks = open_tasks(app);
    assert_eq!((tasks.len(), tasks[0]["importId"].as_str()), (1, Some(id.as_str())));
    assert_eq!(tasks[0]["reasons"][0]["code"], "rows-rejected");
    assert_eq!(tasks[0]["fixes"][0]["href"], format!("/v1/imports/{id}/rows?code=invalid"));

    // The same request again is the same import; another file under its key is refused; and the file again changes nothing.
    let again = attempt(app, &custodian, "one", "text/csv", &body).expect(201);
    assert_eq!(again.text("/id"), id);
    attempt(app, &custodian, "one", "text/csv", &file(&[row("9", "Eira", "")])).problem(422, "idempotency-key-reused");
    assert_eq!((app.count("import_run"), app.count("import_chunk")), (1, 0));
    let before = (app.count("child"), app.count("child_name"), app.count("match_key"), app.count("task"));
    let second = send(app, &custodian, &body);
    assert_eq!((count(&second, "matched"), count(&second, "unchanged"), count(&second, "invalid")), (2, 2, 3));
    assert_eq!((app.count("child"), app.count("child_name"), app.count("match_key"), app.count("task")), before);
}

on_both!(lines_of_json_are_taken_in_as_well);
fn lines_of_json_are_taken_in_as_well(app: &TestApp) {
    let row = json!({"id": "1", "given": "Mair", "family": "Wilkinson-Pugh", "authority": NEWPORT, "status": "registered",
        "registeredOn": "2025-01-06", "categories": ["neglect"], "shielded": true});
    let sent =
        attempt(app, &Caller::custodian(), "one", "application/x-ndjson; charset=utf-8", &format!("{row}\n[1]\n\n{row}")).expect(201);
    let import = done(app, &Caller::custodian(), &sent.text("/id"));
    assert_eq!((import.at("/progress/rows"), import.at("/progress/lines")), (json!(3), json!(4)));
    assert_eq!((count(&import, "sensitive"), count(&import, "not-json"), count(&import, "duplicate-id")), (1, 1, 1), "{}", import.body);
    let broken =
        attempt(app, &Caller::custodian(), "two", "application/x-ndjson", &format!("{row}\n\"{}", "x".repeat(2 << 20))).expect(201);
    let import = done(app, &Caller::custodian(), &broken.text("/id"));
    assert_eq!((import.text("/status"), import.text("/failure")), ("failed".into(), "line-too-long".into()));
    assert_eq!((count(&import, "unchanged"), open_tasks(app).len()), (1, 1), "the row before is answered, and a custodian is told");
}

on_both!(what_cannot_be_a_file_is_refused_and_nothing_of_it_stays, "[imports]\nbody_limit_bytes = 4096");
fn what_cannot_be_a_file_is_refused_and_nothing_of_it_stays(app: &TestApp) {
    let custodian = Caller::custodian();
    let good = file(&[row("1", "Siân", "")]);
    let post = |path: &str| app.as_caller(&custodian).request(Method::POST, path).header("content-type", "text/csv");
    post("/v1/imports?source=nightly").body(good.as_str()).send().problem(400, "idempotency-key-missing");
    for query in ["", "?source=", "?source=a%20b", "?source=-a", "?source=nightly&more=1"] {
        post(&format!("/v1/imports{query}")).key("k").body(good.as_str()).send().problem(400, "malformed-query");
    }
    attempt(app, &custodian, "k", "application/json", &good).problem(415, "unsupported-media-type");
    attempt(app, &custodian, "k", "text/csv", &"x".repeat(4097)).problem(413, "body-too-large");
    post("/v1/imports?source=nightly").key("k").header("accept", "text/html").body(good.as_str()).send().problem(406, "not-acceptable");
    for (body, code) in [("", "no-header"), ("id,id\n", "column-twice"), ("id,given\n1,Mair\n", "column-missing")] {
        let refused = attempt(app, &custodian, "k", "text/csv", body).problem(422, "invalid");
        assert_eq!(refused.at("/errors/0/code"), code);
        assert_eq!(app.audit_of(&refused).len(), 1, "a refusal is recorded");
    }
    attempt(app, &Caller::health(), "k", "text/csv", &good).problem(403, "operation-not-allowed");
    assert_eq!((app.count("import_run"), app.count("import_chunk"), app.count("child")), (0, 0, 0));
    // None of the refusals has used up the key.
    attempt(app, &custodian, "k", "text/csv", &good).expect(201);
}

on_both!(a_custodian_imports_for_their_own_authority);
fn a_custodian_imports_for_their_own_authority(app: &TestApp) {
    let (newport, torfaen) = (Caller::of_authority("custodian", NEWPORT), Caller::of_authority("custodian", TORFAEN));
    let body = file(&[row("1", "Siân", ""), row("2", "Huw", "").replace(NEWPORT, TORFAEN)]);
    let import = send(app, &newport, &body);
    assert_eq!((import.text("/authority"), import.text("/source")), (NEWPORT.into(), format!("{NEWPORT}/nightly")));
    assert_eq!((count(&import, "unmatched"), count(&import, "authority-outside-scope")), (1, 1));
    let id = import.text("/id");
    for path in [format!("/v1/imports/{id}"), format!("/v1/imports/{id}/rows"), format!("/v1/imports/{}", Uuid::now_v7())] {
        app.as_caller(&torfaen).get(&path).problem(404, "not-found");
    }
    assert_eq!(app.as_caller(&torfaen).get("/v1/imports").expect(200).list("/items"), Vec::<Value>::new());
    app.custodian().get(&format!("/v1/imports/{id}")).expect(200);
    // Another authority that calls its source the same does not meet these rows.
    let other = send(app, &torfaen, &file(&[row("1", "Carys", "").replace(NEWPORT, TORFAEN)]));
    assert_eq!((count(&other, "unmatched"), count(&other, "matched")), (1, 0));
}

on_both!(what_file_and_register_say_differently_is_decided_once);
fn what_file_and_register_say_differently_is_decided_once(app: &TestApp) {
    let custodian = Caller::custodian();
    let body = file(&[row("1", "Siân", NUMBERS[0]), row("2", "Huw", NUMBERS[1])]);
    let first = send(app, &custodian, &body);
    assert_eq!((count(&first, "unmatched"), open_tasks(app).len()), (2, 0));
    let child = rows(app, &first, "")[0]["childId"].as_str().unwrap().to_owned();

    // The register learns that the first number is another one; the file goes on with the old.
    let record = app.custodian().get(&format!("/v1/children/{child}")).expect(200);
    let fact = format!("/v1/children/{child}/identifiers/{}", record.text("/identifiers/0/id"));
    let other = json!({"reason": "Read off the red book", "identifier": {"kind": "nhs-number", "value": NUMBERS[2]}});
    app.custodian().put(&fact, record.header("etag").unwrap(), &other).expect(200);
    let second = send(app, &custodian, &body);
    assert_eq!((count(&second, "unchanged"), count(&second, "superseded-number")), (2, 1), "{}", second.body);
    let tasks = open_tasks(app);
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0]["childId"].as_str(), tasks[0]["toRole"].as_str()), (Some(child.as_str()), Some("custodian")));
    let fixes: Vec<_> = tasks[0]["fixes"].as_array().unwrap().iter().map(|fix| fix["code"].as_str().unwrap()).collect();
    assert_eq!(fixes, ["correct-the-source", "correct-the-register"]);
    let welsh = app.custodian().request(Method::GET, &format!("/v1/tasks/{}", tasks[0]["id"].as_str().unwrap()));
    assert!(welsh.header("accept-language", "cy").send().expect(200).text("/fixes/0/text").starts_with("Cywirwch"));

    // Said again it is not asked again, also after somebody decided; a row that agrees settles what is open.
    send(app, &custodian, &body);
    assert_eq!(open_tasks(app), tasks);
    let changed = file(&[row("1", "Sian", NUMBERS[0]), row("2", "Huw", NUMBERS[1])]);
    let third = send(app, &custodian, &changed);
    assert_eq!((count(&third, "changed"), count(&third, "superseded-number")), (1, 1), "{}", third.body);
    let record = app.custodian().get(&format!("/v1/children/{child}")).expect(200);
    let numbers: Vec<_> = record.list("/identifiers").iter().map(|number| number["value"].clone()).collect();
    assert_eq!(numbers, [NUMBERS[2]], "a number that was replaced is not put back");
    send(app, &custodian, &file(&[row("1", "Sian", NUMBERS[2]), row("2", "Huw", NUMBERS[1])]));
    assert_eq!(open_tasks(app).len(), 0, "the file and the register agree");

    // A number of somebody else.
    let fourth = send(app, &custodian, &file(&[row("1", "Sian", NUMBERS[2]), row("3", "Eira", NUMBERS[1])]));
    assert_eq!((count(&fourth, "number-of-another"), count(&fourth, "unmatched")), (1, 1));
    let task = &open_tasks(app)[0];
    assert_eq!(task["fixes"][0]["code"], "compare-the-records");
    assert!(task["otherChildId"].is_string() && task["otherChildId"] != task["childId"]);
}

on_both!(a_nightly_load_of_everything_changes_only_what_changed);
fn a_nightly_load_of_everything_changes_only_what_changed(app: &TestApp) {
    let night = |changed: usize| -> String {
        let one = |number: usize| {
            let written = row(&number.to_string(), &format!("Plentyn{number}"), "");
            if number == changed { written.replace("1 Heol y Bont", "2 Maes Glas") } else { written }
        };
        file(&(1..=60).map(one).collect::<Vec<_>>())
    };
    let first = send(app, &Caller::custodian(), &night(0));
    assert_eq!(count(&first, "added"), 60);
    let tables = ["child", "child_name", "child_address", "child_particulars", "registration_state", "match_record", "audit_child"];
    let before: Vec<i64> = tables.iter().map(|table| app.count(table)).collect();
    let second = send(app, &Caller::custodian(), &night(17));
    assert_eq!((count(&second, "unchanged"), count(&second, "changed")), (59, 1));
    let after: Vec<i64> = tables.iter().map(|table| app.count(table)).collect();
    let grown: Vec<_> =
        tables.iter().zip(after.iter().zip(&before)).filter(|(_, (now, then))| now != then).map(|(table, _)| *table).collect();
    assert_eq!(grown, ["child_address", "audit_child"], "the address of one child, and that it was touched");
    assert_eq!(app.count("child WHERE version > 1"), 1);
}

on_both_databases!(an_import_whose_server_ended_goes_on_where_it_stopped);
fn an_import_whose_server_ended_goes_on_where_it_stopped(kind: Backend) {
    const ROWS: usize = 2_600;
    let mut app = TestApp::start(kind, "");
    let body = file(&(1..=ROWS).map(|number| row(&number.to_string(), &format!("Plentyn{number}"), "")).collect::<Vec<_>>());
    let sent = attempt(&app, &Caller::custodian(), "one", "text/csv", &body).expect(201);
    let path = format!("/v1/imports/{}", sent.text("/id"));
    let begun = Instant::now();
    while app.custodian().get(&path).expect(200).at("/progress/rows").as_i64().unwrap() < 2_000 {
        assert!(begun.elapsed() < WITHIN, "the first rows are not taken in");
        sleep(Duration::from_millis(20));
    }
    app.restart();
    let import = done(&app, &Caller::custodian(), &sent.text("/id"));
    assert_eq!(
        (import.text("/status"), count(&import, "added"), import.at("/progress/rows")),
        ("finished".into(), ROWS as u64, json!(ROWS))
    );
    assert_eq!((app.count("child"), app.count("import_result WHERE outcome = 'added'"), app.count("import_chunk")), (2_600, 2_600, 0));
}

on_both!(what_became_of_rows_is_kept_for_a_while);
fn what_became_of_rows_is_kept_for_a_while(app: &TestApp) {
    let import = send(app, &Caller::custodian(), &file(&[row("1", "Siân", "")]));
    let (store, _) = app.inside();
    let tidy = |before| crate::support::http::runtime().block_on(store.tidy_imports(before)).unwrap();
    tidy(chrono::Utc::now() - chrono::TimeDelta::days(1));
    assert_eq!(rows(app, &import, "").len(), 1);
    tidy(chrono::Utc::now() + chrono::TimeDelta::days(1));
    assert_eq!(rows(app, &import, "").len(), 0);
    let left = done(app, &Caller::custodian(), &import.text("/id"));
    assert_eq!(count(&left, "added"), 1, "the counts stay");
}

fn ended(line: &str, ground: &str) -> String {
    let line = line.trim_end().replace(",registered,2025-01-06,", ",previously-registered,2025-01-06,");
    format!("{line},2026-11-16,{ground}\n")
}

on_both!(a_row_does_not_end_the_entry_of_a_child_who_moves);
fn a_row_does_not_end_the_entry_of_a_child_who_moves(app: &TestApp) {
    let header = HEADER.trim_end().to_owned() + ",removedOn,removalGround\n";
    let sheet = |rows: &[String]| header.clone() + &rows.concat();
    let live = |id: &str, given: &str| row(id, given, "").trim_end().to_owned() + ",,\n";
    let custodian = Caller::custodian();
    let first = send(app, &custodian, &sheet(&[live("1", "Siân"), live("2", "Huw")]));
    assert_eq!(count(&first, "added"), 2, "{}", first.body);
    let entries = app.custodian().get("/v1/registrations").expect(200).list("/items");
    let children = rows(app, &first, "");
    let entry_of = |number: usize| {
        let entry = entries.iter().find(|entry| entry["childId"] == children[number]["childId"]).expect("an entry");
        entry["id"].as_str().expect("an id").to_owned()
    };
    let (siân, huw) = (entry_of(0), entry_of(1));
    let offer = json!({"registrationId": siân, "to": crate::support::tokens::TORFAEN, "nature": "permanent"});
    app.custodian().post("/v1/transfers", &offer).expect(201);
    let kept = json!({"courtOrder": "Interim care order of 3 November", "reason": "Served today"});
    app.custodian().put(&format!("/v1/registrations/{huw}/responsibility"), "*", &kept).expect(200);

    // Their old system closes both: one of them moves, and nobody there has accepted.
    let second = send(
        app,
        &custodian,
        &sheet(&[ended(&row("1", "Siân", ""), "transferred"), ended(&row("2", "Huw", ""), "review-conference-decision")]),
    );
    assert_eq!((second.text("/status"), count(&second, "changed-here")), ("finished".into(), 1), "{}", second.body);
    let status = |entry: &str| app.custodian().get(&format!("/v1/registrations/{entry}")).expect(200).text("/status");
    assert_eq!((status(&siân), status(&huw)), ("transfer-pending".into(), "previously-registered".into()));
    assert_eq!(open_tasks(app).len(), 1, "a custodian is asked");
    assert_eq!(
        (app.count("custody WHERE standing = 'lead'"), app.count("custody WHERE standing = 'closed'")),
        (1, 1),
        "nobody leads a child who is on no register"
    );
}

on_both!(a_file_of_which_a_part_is_gone_is_not_taken_for_a_short_one);
fn a_file_of_which_a_part_is_gone_is_not_taken_for_a_short_one(app: &TestApp) {
    let import = send(app, &Caller::custodian(), &file(&[row("1", "Siân", "")]));
    // As if nobody had taken it in yet, and what was sent had gone.
    app.database()
        .execute("UPDATE import_run SET status = 'waiting', ended_at = NULL, leased_until = NULL, rows_done = 0")
        .expect("a loss");
    let read = done(app, &Caller::custodian(), &import.text("/id"));
    assert_eq!((read.text("/status"), read.text("/failure")), ("failed".into(), "unreadable".into()), "{}", read.body);
}
