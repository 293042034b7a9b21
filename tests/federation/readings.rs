//! Whoever asks from another region sees that a person at the authority has read of it.

use chrono::{DateTime, Duration, Utc};
use cofrestr::domain::ids::MessageId;
use cofrestr::register::peers::message::kind;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::support::{BIRMINGHAM, Federation, Region, wait};
use super::{about_amara, amara, notices, register};
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::Entry;
use crate::support::tokens::Caller;

const PLACE: &str = "/federation/v1/readings";

fn coordinator(region: &Region) -> Caller {
    region.person(Caller::coordinator())
}

/// Confirms, as somebody, the notice of a check.
fn confirm(region: &Region, caller: &Caller, role: &str, check: &str) {
    let notice = notices(region, caller).into_iter().find(|notice| notice["toRole"] == role && notice["checkId"] == check);
    let path = format!("/v1/notices/{}/acknowledgement", notice.expect("a notice")["id"].as_str().expect("an id"));
    region.program.post(&path, Some(caller), &json!({"note": "Rang the ward"})).expect(200);
}

fn read(region: &Region, caller: &Caller, check: &str) -> Answer {
    region.program.get(&format!("/v1/checks/{check}"), caller).expect(200)
}

/// The check, once so many have read of it.
fn read_by(region: &Region, caller: &Caller, check: &str, count: usize) -> Answer {
    wait("the readers", || {
        let seen = read(region, caller, check);
        (seen.at("/matches/0/readBy").as_array().map_or(0, Vec::len) == count).then_some(seen)
    })
}

fn delivered(region: &Region) -> i64 {
    region.database.number("SELECT count(*) AS n FROM custody_outbox WHERE kind = 'check-read' AND state = 'delivered'")
}

fn kept(region: &Region) -> i64 {
    region.database.number("SELECT count(*) AS n FROM check_reading")
}

on_both_databases!(whoever_asked_in_another_region_sees_that_a_person_at_the_authority_has_read_of_it);
fn whoever_asked_in_another_region_sees_that_a_person_at_the_authority_has_read_of_it(backend: Backend) {
    let mut federation = Federation::of(backend, &["gwent", "west-midlands"]);
    let midlands = federation.region("west-midlands");
    let entry = Entry::of(BIRMINGHAM).with("coordinator", json!({"name": "Ruth Adeyemi", "person": coordinator(midlands).key()}));
    let child = register(midlands, amara(), entry);
    federation.until_all_answer(federation.region("gwent"));
    let gwent = federation.region("gwent");
    let (nurse, custodian) = (gwent.person(Caller::health()), midlands.person(Caller::custodian()));
    let asked = gwent.ask(&nurse, &about_amara());
    let check = asked.text("/id");
    assert_eq!((asked.text("/outcome"), asked.body.contains("readBy")), ("on-register".into(), false), "{}", asked.body);
    assert!(!asked.body.contains("\"entry\""), "how regions name an entry among each other is nobody's business");

    confirm(midlands, &custodian, "custodian", &check);
    let seen = read_by(gwent, &nurse, &check, 1);
    assert_eq!((seen.text("/matches/0/readBy/0/role"), seen.header("etag")), ("custodian".into(), Some("\"2\"")));
    let fields: Vec<_> = seen.at("/matches/0/readBy/0").as_object().expect("a reader").keys().cloned().collect();
    assert_eq!(fields, ["at", "role"], "the office, never the name");
    for secret in [custodian.key(), "Rang the ward".into(), child.clone()] {
        assert!(!seen.body.contains(&secret), "{}", seen.body);
    }
    // The partner's program hears of it; on PostgreSQL a place in the feed takes a moment.
    let told = wait("the event", || {
        let told = gwent.program.get("/v1/events", &nurse).expect(200).list("/items");
        (!told.is_empty()).then_some(told)
    });
    let told: Vec<_> = told.iter().map(|event| (event["type"].clone(), event["subject"].clone())).collect();
    assert_eq!(told, [(json!("cofrestr.check.read-by-authority"), json!(format!("/v1/checks/{check}")))]);
    // What went over the line names nobody.
    let said = midlands.database.texts("SELECT body AS value FROM custody_outbox WHERE kind = 'check-read'");
    let said: Value = serde_json::from_str(&said[0]).expect("JSON");
    assert_eq!(said.as_object().expect("an object").keys().map(String::as_str).collect::<Vec<_>>(), ["at", "check", "entry", "id", "role"]);
    // Both logs have it.
    let taken_in = gwent.audit().into_iter().filter(|row| row.operation == "receiveReading" && row.outcome == "granted");
    assert_eq!(taken_in.count(), 1);

    // The next one reads of it while the region that asked is away.
    federation.region_mut("gwent").program.kill();
    let midlands = federation.region("west-midlands");
    confirm(midlands, &coordinator(midlands), "coordinator", &check);
    federation.region_mut("gwent").program.start_again();
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    let seen = read_by(gwent, &nurse, &check, 2);
    let roles: Vec<_> = seen.list("/matches/0/readBy").iter().map(|reader| reader["role"].clone()).collect();
    assert_eq!((roles, seen.header("etag")), (vec![json!("custodian"), json!("coordinator")], Some("\"3\"")), "the first first");

    // Sent again, it changes nothing.
    wait("both to be delivered", || (delivered(midlands) == 2).then_some(()));
    midlands.database.execute("UPDATE custody_outbox SET state = 'waiting', ended_at = NULL").expect("a change");
    wait("both to be delivered again", || (delivered(midlands) == 2).then_some(()));
    assert_eq!((read(gwent, &nurse, &check).body, kept(gwent)), (seen.body, 2));
}

on_both_databases!(that_somebody_read_of_a_check_is_believed_of_a_region_that_was_asked_it_and_kept_once);
fn that_somebody_read_of_a_check_is_believed_of_a_region_that_was_asked_it_and_kept_once(backend: Backend) {
    let federation = Federation::of(backend, &["gwent", "west-midlands"]);
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    register(midlands, amara(), Entry::of(BIRMINGHAM));
    federation.until_all_answer(gwent);
    let nurse = gwent.person(Caller::health());
    let check = gwent.ask(&nurse, &about_amara()).text("/id");
    let mut alone = about_amara();
    alone["search"] = json!("own-region");
    let alone = gwent.ask(&nurse, &alone).text("/id");

    let hand = Hand::of(midlands, gwent).speaking(kind::READING, PLACE);
    let now = Utc::now();
    let reading = |made: DateTime<Utc>, check: &str| {
        let id = MessageId::new_at(made).to_string();
        json!({"id": id, "check": check, "entry": "0123456789abcdef0123456789abcdef", "role": "custodian", "at": "2026-11-17T10:20:00Z"})
    };
    let say = |body: &Value| hand.send(&hand.saying(body.clone()));
    let (good, fine, unproven) = (reading(now, &check), (200, String::new()), (422, "unproven".to_owned()));
    let with = |name: &str, value: &str| {
        let mut body = good.clone();
        body[name] = json!(value);
        body
    };
    assert_eq!(say(&with("role", "caretaker")), unproven);
    assert_eq!(say(&with("entry", "W06000022")), unproven);
    assert_eq!(say(&with("at", "yesterday")), (400, "malformed-body".to_owned()));
    assert_eq!(say(&reading(now, &alone)), unproven, "that region was not asked");
    let unknown = Uuid::now_v7().to_string();
    assert_eq!(say(&reading(now, &unknown)), (503, "temporarily-unavailable".to_owned()), "the check may be about to be kept");
    assert_eq!(say(&reading(now - Duration::hours(1), &unknown)), fine, "there is nobody to tell any more");
    assert_eq!(kept(gwent), 0);

    // It may come before the answer that it is about; once for ever.
    for _ in 0..2 {
        assert_eq!(say(&good), fine);
    }
    assert_eq!(say(&with("role", "coordinator")), (422, "altered-duplicate".to_owned()));
    assert_eq!(kept(gwent), 1);
    let seen = read(gwent, &nurse, &check);
    assert_eq!((seen.header("etag"), seen.body.contains("readBy")), (Some("\"1\""), false), "nothing in the answer has that name");
}
