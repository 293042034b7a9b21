//! `/v1/alerts`: a missing child in one region with several authorities.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// How long what the keeper does may take.
const KEPT_WITHIN: Duration = Duration::from_secs(20);

/// What the enquirer is told to do.
const INSTRUCTIONS: &str = "Keep her with you. Do not tell the family that you have rung.";

fn newport(role: &str, name: &str) -> Caller {
    Caller::of_authority(role, NEWPORT).named(role).with("name", json!(name))
}

fn custodian() -> Caller {
    newport("custodian", "Nia Pritchard")
}

fn details() -> Value {
    json!({
        "lastSeen": {"at": "2026-11-16T15:40:00Z", "place": "Outside the leisure centre"},
        "risk": "high",
        "companions": "Her mother's former partner",
        "instructions": INSTRUCTIONS,
        "police": {"at": "2026-11-16T17:05:00Z", "name": "PC Rees", "reference": "GP-118834"},
        "manager": {"at": "2026-11-16T17:10:00Z", "name": "Delyth Morgan"},
    })
}

#[track_caller]
fn raise(app: &TestApp, caller: &Caller, entered: &Entered, exercise: bool) -> String {
    let body = json!({
        "registrationId": entered.registration, "path": "child-missing", "exercise": exercise, "details": details(),
        "note": "She did not come home from school",
    });
    app.as_caller(caller).post("/v1/alerts", &body).expect(201).header("location").expect("a location").to_owned()
}

/// Sends a step at whichever version the alert is at.
fn step(app: &TestApp, caller: &Caller, path: &str, action: &str, body: &Value) -> Answer {
    app.as_caller(caller).change(&format!("{path}/{action}"), "*", body)
}

#[track_caller]
fn wait<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(begun.elapsed() < KEPT_WITHIN, "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn notices(app: &TestApp, caller: &Caller, kind: &str) -> Vec<Value> {
    let all = app.as_caller(caller).get("/v1/notices?limit=200").expect(200).list("/items");
    all.into_iter().filter(|notice| notice["kind"] == kind).collect()
}

fn tasks(app: &TestApp, kind: &str, open: bool) -> usize {
    let all = app.as_caller(&custodian()).get(&format!("/v1/tasks?open={open}&limit=200")).expect(200).list("/items");
    all.iter().filter(|task| task["kind"] == kind && task["alertId"].is_string()).count()
}

fn actions(answer: &Answer, at: &str) -> Vec<String> {
    let all = answer.list("/possible");
    let here = all.iter().filter(|turn| turn["authority"] == at);
    here.map(|turn| turn["action"].as_str().expect("an action").to_owned()).collect()
}

on_both!(a_missing_child_is_raised_decided_sought_and_found);
fn a_missing_child_is_raised_decided_sought_and_found(app: &TestApp) {
    let entered = app.register(&Child::usual().also("alias", "Gwen", "Morys"));
    let worker = newport("emergency-duty", "Huw Rees");
    let path = raise(app, &worker, &entered, false);
    let seen = app.as_caller(&custodian()).get(&path).expect(200);
    assert_eq!(
        (seen.text("/status"), seen.text("/owner/code"), seen.text("/childId")),
        ("raised".into(), NEWPORT.into(), entered.child.clone())
    );
    assert_eq!((seen.text("/details/police/reference"), seen.at("/missing")), ("GP-118834".into(), json!([])));
    assert_eq!(seen.text("/duties/0/code"), "alert-decision");
    assert_eq!(
        actions(&seen, NEWPORT),
        ["authorise", "circulate", "decline", "update", "locate", "stand-down", "sighting"],
        "{}",
        seen.body
    );
    // The custodian is asked to decide, the managers hear of it; nobody else knows of it, and nobody's check is flagged.
    let told = notices(app, &custodian(), "alert-raised");
    let roles: Vec<_> = told.iter().map(|notice| notice["toRole"].as_str().expect("a role")).collect();
    assert!(["custodian", "team-manager", "senior-safeguarding-manager"].iter().all(|role| roles.contains(role)), "{told:?}");
    assert!(told.iter().all(|notice| notice["urgency"] == "urgent" && path.ends_with(notice["alertId"].as_str().expect("an id"))));
    assert_eq!(tasks(app, "alert-decision", true), 1);
    let torfaen = Caller::of_authority("custodian", TORFAEN).named("torfaen").with("name", json!("Gwen Powell"));
    app.as_caller(&torfaen).get(&path).problem(404, "not-found");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).at("/matches/0/missingAlert"), Value::Null);

    // A manager approves; not to circulate is a decision with reasons, too.
    let manager = newport("team-manager", "Delyth Morgan");
    step(app, &manager, &path, "authorise", &json!({"note": "Agreed at 17:15"})).expect(200);
    let missing = step(app, &custodian(), &path, "decline", &json!({})).problem(422, "invalid");
    assert_eq!(missing.mistakes(), ["/note missing"]);
    let declined = step(app, &custodian(), &path, "decline", &json!({"note": "An aunt is being asked first"})).expect(200);
    assert_eq!(declined.text("/status"), "not-circulated");
    assert_eq!((tasks(app, "alert-decision", true), tasks(app, "alert-decision", false)), (0, 1));

    // Circulated: to every other region, and to the other authorities of this one.
    let reasons = json!({"note": "The aunt has not seen her; serious harm is likely"});
    let active = step(app, &custodian(), &path, "circulate", &reasons).expect(200);
    assert_eq!(active.text("/status"), "active");
    let recipients = active.list("/recipients");
    assert!(recipients.len() >= 6 && recipients.iter().all(|one| one["delivered"] == json!(false)), "{}", active.body);
    let told = notices(app, &torfaen, "alert-received");
    assert!(told.iter().any(|notice| notice["toRole"] == "emergency-duty" && notice["urgency"] == "urgent"), "{told:?}");
    let seen = app.as_caller(&torfaen).get(&path).expect(200);
    assert_eq!(seen.text("/child/names/1/kind"), "alias");
    assert_eq!(app.as_caller(&torfaen).get("/v1/alerts?status=active").expect(200).list("/items").len(), 1);
    assert_eq!(app.as_caller(&torfaen).get("/v1/alerts?status=raised").expect(200).list("/items").len(), 0);

    // Whoever asks is told what to do and whom to ring, also under an alias.
    for question in [Question::usual(), Question::about("Gwen", "Morys").born("2017-05-09")] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(answer.text("/outcome"), "on-register");
        let alert = answer.at("/matches/0/missingAlert");
        assert_eq!((&alert["instructions"], &alert["exercise"], &alert["stale"]), (&json!(INSTRUCTIONS), &json!(false), &json!(false)));
        assert!(alert["contact"]["phone"].is_string(), "{alert}");
        let mut told: Vec<_> = alert.as_object().expect("an object").keys().map(String::as_str).collect();
        told.sort_unstable();
        assert_eq!(told, ["contact", "exercise", "grade", "instructions", "stale"], "what to do and whom to ring, nothing more");
        assert_eq!(answer.at("/missingAlert"), Value::Null, "the match carries it");
        assert!(answer.list("/advice").iter().any(|advice| advice["code"] == "missing-alert"));
        assert!(!answer.body.contains("former partner") && !answer.body.contains("GP-118834"));
    }
    // The emergency duty team is rung at once, with who asked and where to ring them.
    let mut caller = Question::usual().with("reason", json!("emergency-duty"));
    caller = caller.with(
        "onBehalfOf",
        json!({"name": "Ann Price", "agency": "Royal Gwent Hospital", "role": "nurse", "callBackNumber": "01632 960123",
            "verifiedBy": {"method": "switchboard-call-back", "at": "2026-11-17T09:55:00Z", "by": "Huw Rees"}}),
    );
    app.ask(&Caller::emergency_duty(), &caller);
    let paged = wait("three hits", || {
        let all = notices(app, &custodian(), "alert-hit");
        let duty: Vec<_> = all.into_iter().filter(|notice| notice["toRole"] == "emergency-duty").collect();
        (duty.len() == 3).then_some(duty)
    });
    assert!(paged.iter().all(|notice| notice["urgency"] == "urgent" && notice["authority"] == NEWPORT), "{paged:?}");
    assert_eq!(tasks(app, "alert-hit", true), 1, "one task until what came is read");
    let own = app.as_caller(&worker).get("/v1/tasks?limit=200").expect(200).list("/items");
    let kinds: Vec<_> = own.iter().map(|task| task["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["alert-hit"], "the duty team sees what is its own to do");
    let reports = app.as_caller(&worker).get(&path).expect(200).list("/reports");
    assert_eq!(reports.len(), 3, "{reports:?}");
    let rung = reports.iter().find(|report| report["callBack"] == "01632 960123").expect("the call-back");
    assert_eq!((&rung["agency"], &rung["kind"]), (&json!("Royal Gwent Hospital"), &json!("enquiry")));
    for report in &reports {
        let body = json!({"sightingId": report["id"], "note": "Rang them"});
        let read = step(app, &worker, &path, "read-sighting", &body).expect(200);
        assert!(read.list("/reports").iter().any(|one| one["id"] == report["id"] && one["read"]["name"] == "Huw Rees"), "{}", read.body);
    }
    assert_eq!((tasks(app, "alert-hit", true), tasks(app, "alert-hit", false)), (0, 1));

    // Another authority may say that it has seen her; what is the owner's it may not do, and is told whose it is.
    let body = json!({"place": "Cwmbran bus station", "note": "Alone, at 09:40"});
    step(app, &torfaen, &path, "sighting", &body).expect(200);
    wait("the sighting", || (notices(app, &custodian(), "alert-hit").len() == 8).then_some(()));
    for (action, body) in
        [("renew", json!({})), ("stand-down", json!({"reason": "raised-by-mistake"})), ("update", json!({"details": {"risk": "low"}}))]
    {
        let refused = step(app, &torfaen, &path, action, &body).problem(409, "out-of-turn");
        assert_eq!(refused.text("/errors/0/code"), "other-authority", "{action}");
        let possible = refused.list("/possible");
        assert!(possible.iter().any(|turn| turn["action"] == action && turn["authority"] == NEWPORT), "{possible:?}");
    }

    // Found, by a named person: the child is in the area of another authority, and a move to it is begun.
    let refused = step(app, &custodian(), &path, "locate", &json!({"foundIn": TORFAEN})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/seenBy missing"], "nobody is found whom nobody has seen");
    let body = json!({"seenBy": "Sister Ruth Adeyemi", "foundIn": TORFAEN, "note": "With her grandmother"});
    let found = step(app, &custodian(), &path, "locate", &body).expect(200);
    assert_eq!(
        (found.text("/status"), found.text("/closure"), found.text("/located/seenBy")),
        ("closed".into(), "located-and-seen".into(), "Sister Ruth Adeyemi".into())
    );
    let transfer = app.as_caller(&custodian()).get(&format!("/v1/transfers/{}", found.text("/transferId"))).expect(200);
    assert_eq!((transfer.text("/status"), transfer.text("/to/code")), ("expected".into(), TORFAEN.into()));
    assert_eq!(notices(app, &torfaen, "alert-stood-down").len(), 2);
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).at("/matches/0/missingAlert"), Value::Null, "a closed alert flags nothing");
    let closed = step(app, &custodian(), &path, "renew", &json!({})).problem(409, "out-of-turn");
    assert_eq!(
        (closed.text("/errors/0/code"), actions(&closed, NEWPORT)),
        ("alert-closed".into(), vec!["read-sighting".into(), "sighting".into()])
    );
    let steps: Vec<_> = found.list("/steps").iter().map(|step| step["action"].as_str().expect("an action").to_owned()).collect();
    assert_eq!(
        steps,
        ["raise", "authorise", "decline", "circulate", "read-sighting", "read-sighting", "read-sighting", "sighting", "locate"]
    );
    // Programs follow it.
    let kinds: Vec<String> = wait("the events", || {
        let events = app.custodian().get("/v1/events?limit=200").expect(200).list("/items");
        let kinds: Vec<String> = events.iter().filter_map(|event| event["type"].as_str()).map(str::to_owned).collect();
        kinds.iter().any(|kind| kind.ends_with("alert.stood-down")).then_some(kinds)
    });
    for kind in ["alert.raised", "alert.not-circulated", "alert.circulated", "alert.hit"] {
        assert!(kinds.iter().any(|told| told.ends_with(kind)), "{kind}: {kinds:?}");
    }
}

on_both!(an_alert_about_a_child_is_about_the_entry_in_force);
fn an_alert_about_a_child_is_about_the_entry_in_force(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let raised = |child: &str| json!({"childId": child, "path": "child-missing", "exercise": true});
    let alert = app.custodian().post("/v1/alerts", &raised(&entered.child)).expect(201);
    assert_eq!((alert.at("/registrationId"), alert.at("/childId")), (json!(entered.registration), json!(entered.child)));
    // Whoever reaches another authority alone knows of no such child; who was on the register once is not in force.
    let elsewhere = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    assert_eq!(elsewhere.post("/v1/alerts", &raised(&entered.child)).problem(422, "invalid").mistakes(), ["/childId unknown-child"]);
    let former = app.register_formerly(&Child::named("Tomos", "Bevan").born("2014-01-28"));
    app.custodian().post("/v1/alerts", &raised(&former.child)).problem(409, "not-in-force");
    // With two in force, as while a child moves, one is named.
    let other = Entry::usual().child(&entered.child).with("authority", json!(TORFAEN));
    app.custodian().post("/v1/registrations", &other.0).expect(201);
    let refused = app.custodian().post("/v1/alerts", &raised(&entered.child)).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/childId several-entries"]);
}

on_both!(what_is_wrong_with_an_alert_is_said_and_nothing_confidential_goes_into_one);
fn what_is_wrong_with_an_alert_is_said_and_nothing_confidential_goes_into_one(app: &TestApp) {
    let entered = app.register(&Child::usual().hidden_at(&["9 Lôn Gudd", "Casnewydd"], "NP10 8QQ"));
    for (body, mistakes) in [
        (json!({}), vec!["/registrationId missing", "/path missing"]),
        (json!({"registrationId": entered.registration, "path": "gone"}), vec!["/path unknown-code"]),
        (
            json!({"registrationId": "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "path": "child-missing"}),
            vec!["/registrationId unknown-registration"],
        ),
        (json!({"childId": "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "path": "child-missing"}), vec!["/childId unknown-child"]),
        (
            json!({"registrationId": entered.registration, "childId": entered.child, "path": "child-missing"}),
            vec!["/childId entry-or-child"],
        ),
        (
            json!({"registrationId": entered.registration, "path": "child-missing",
                "details": {"risk": "grave", "police": {"reference": "1"}, "lastSeen": {"at": "2026-12-24T10:00:00Z"}, "sectors": ["post"]}}),
            vec![
                "/details/lastSeen/at in-the-future",
                "/details/sectors/0 unknown-code",
                "/details/risk unknown-code",
                "/details/police/at missing",
                "/details/police/name missing",
            ],
        ),
        (
            json!({"registrationId": entered.registration, "path": "child-missing", "details": {"companions": "May be at np108qq"}}),
            vec!["/details/companions confidential-address"],
        ),
        (
            json!({"registrationId": entered.registration, "path": "child-missing", "details": {"instructions": "Not to 9, LÔN GUDD"}}),
            vec!["/details/instructions confidential-address"],
        ),
    ] {
        let refused = app.as_caller(&custodian()).post("/v1/alerts", &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), mistakes, "{body}");
    }
    let path = raise(app, &custodian(), &entered, false);
    let again = json!({"registrationId": entered.registration, "path": "family-not-where-expected"});
    let again = app.as_caller(&custodian()).post("/v1/alerts", &again).problem(409, "out-of-turn");
    assert_eq!(again.text("/errors/0/code"), "already-raised");
    assert!(actions(&again, NEWPORT).contains(&"circulate".to_owned()), "{}", again.body);
    for (action, body, mistakes) in [
        ("circulate", json!({}), vec!["/note missing"]),
        ("circulate", json!({"note": "Yes", "regions": ["atlantis"]}), vec!["/regions unknown-region"]),
        ("circulate", json!({"note": "Yes", "reviewBy": "2026-11-16T10:00:00Z"}), vec!["/reviewBy in-the-past"]),
        ("circulate", json!({"note": "Yes", "reviewBy": "2026-12-16T10:00:00Z"}), vec!["/reviewBy review-too-late"]),
        ("circulate", json!({"note": "Yes", "reason": "died"}), vec!["/reason not-of-this-step"]),
        ("update", json!({}), vec!["/details missing"]),
        ("update", json!({"details": {"riskNote": "Was at NP10 8QQ"}}), vec!["/details/riskNote confidential-address"]),
        ("stand-down", json!({}), vec!["/reason missing"]),
        ("stand-down", json!({"reason": "located-and-seen"}), vec!["/reason use-locate"]),
        ("stand-down", json!({"reason": "exercise-over"}), vec!["/reason not-an-exercise"]),
        ("sighting", json!({}), vec!["/note missing"]),
        ("read-sighting", json!({}), vec!["/sightingId missing"]),
    ] {
        let refused = step(app, &custodian(), &path, action, &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), mistakes, "{action} {body}");
    }
    for (action, body, why) in [
        ("renew", json!({}), "not-now"),
        ("acknowledge", json!({}), "own-alert"),
        ("search", json!({}), "own-alert"),
        ("read-sighting", json!({"sightingId": "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"}), "not-now"),
    ] {
        let refused = step(app, &custodian(), &path, action, &body).problem(409, "out-of-turn");
        assert_eq!(refused.text("/errors/0/code"), why, "{action}");
        assert!(!refused.list("/possible").is_empty(), "{action}");
    }
    let duty = newport("emergency-duty", "Huw Rees");
    step(app, &duty, &path, "circulate", &json!({"note": "Yes"})).problem(403, "operation-not-allowed");
    step(app, &newport("team-manager", "Delyth"), &path, "circulate", &json!({"note": "Yes"})).problem(403, "operation-not-allowed");
    app.as_caller(&Caller::health()).get(&path).problem(403, "operation-not-allowed");
    let custodian = app.as_caller(&custodian());
    custodian.change(&format!("{path}/juggle"), "\"1\"", &json!({})).problem(404, "not-found");
    custodian.change(&format!("{path}/renew"), "\"7\"", &json!({})).problem(412, "precondition-failed");
    custodian.request(Method::POST, &format!("{path}/renew")).json(&json!({})).send().problem(428, "precondition-required");
    custodian.get("/v1/alerts?status=lost").problem(400, "malformed-query");
}

on_both!(an_exercise_is_called_one_everywhere_and_rings_nobody);
fn an_exercise_is_called_one_everywhere_and_rings_nobody(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, true);
    step(app, &custodian(), &path, "circulate", &json!({"note": "The yearly drill"})).expect(200);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(answer.at("/matches/0/missingAlert/exercise"), json!(true));
    let advice = answer.list("/advice");
    let codes: Vec<_> = advice.iter().map(|advice| advice["code"].as_str().expect("a code")).collect();
    assert!(codes.contains(&"missing-alert-exercise") && !codes.contains(&"missing-alert"), "{codes:?}");
    wait("the hit", || (app.as_caller(&custodian()).get(&path).expect(200).list("/reports").len() == 1).then_some(()));
    let all = app.as_caller(&custodian()).get("/v1/notices?limit=200").expect(200).list("/items");
    let of_alerts: Vec<_> = all.iter().filter(|notice| notice["alertId"].is_string()).collect();
    assert!(of_alerts.len() >= 4, "{of_alerts:?}");
    assert!(of_alerts.iter().all(|notice| notice["kind"] == "alert-exercise" && notice["urgency"] == "normal"), "{of_alerts:?}");
    assert!(of_alerts.iter().all(|notice| notice["text"].as_str().is_some_and(|text| text.starts_with("EXERCISE"))));
    assert_eq!(tasks(app, "alert-hit", true) + tasks(app, "alert-decision", true), 0);
    let over = step(app, &custodian(), &path, "stand-down", &json!({"reason": "exercise-over"})).expect(200);
    assert_eq!((over.text("/closure"), over.at("/exercise")), ("exercise-over".into(), json!(true)));
    // A real one stands beside a drill.
    let second = raise(app, &custodian(), &entered, true);
    let real = raise(app, &custodian(), &entered, false);
    assert_ne!(second, real);
    step(app, &custodian(), &second, "circulate", &json!({"note": "The drill"})).expect(200);
    step(app, &custodian(), &real, "circulate", &json!({"note": "In earnest"})).expect(200);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(answer.at("/matches/0/missingAlert/exercise"), json!(false), "what is real is told first: {}", answer.body);
}

on_both!(an_alert_that_is_not_confirmed_grows_stale_and_stays);
fn an_alert_that_is_not_confirmed_grows_stale_and_stays(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, false);
    // Not decided in time: more and more people hear of it.
    app.set_clock("2026-11-17T11:30:01Z");
    wait("the decision to be escalated", || (!notices(app, &custodian(), "alert-escalated").is_empty()).then_some(()));
    let circulated = json!({"note": "Serious harm is likely", "reviewBy": "2026-11-20T10:00:00Z"});
    let active = step(app, &custodian(), &path, "circulate", &circulated).expect(200);
    assert_eq!((active.text("/reviewBy"), active.at("/stale")), ("2026-11-20T10:00:00Z".into(), json!(false)));
    app.set_clock("2026-11-21T10:00:01Z");
    wait("the task", || (tasks(app, "alert-renewal", true) == 1).then_some(()));
    let seen = app.as_caller(&custodian()).get(&path).expect(200);
    assert_eq!((seen.text("/status"), seen.at("/stale"), seen.at("/staleHours")), ("active".into(), json!(true), json!(24)));
    let alert = app.ask(&Caller::health(), &Question::usual()).at("/matches/0/missingAlert");
    assert_eq!((&alert["stale"], &alert["staleSince"]), (&json!(true), &json!("2026-11-20T10:00:00Z")), "shown with its age, never hidden");
    let renewed = step(app, &custodian(), &path, "renew", &json!({"reviewBy": "2026-11-25T10:00:00Z"})).expect(200);
    assert_eq!((renewed.at("/stale"), tasks(app, "alert-renewal", true)), (json!(false), 0));
    assert_eq!(renewed.text("/steps/2/by/name"), "Nia Pritchard", "by name");
}

on_both!(the_end_of_the_registration_closes_the_alert_with_its_reason);
fn the_end_of_the_registration_closes_the_alert_with_its_reason(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, false);
    step(app, &custodian(), &path, "circulate", &json!({"note": "Serious harm is likely"})).expect(200);
    let entry = format!("/v1/registrations/{}", entered.registration);
    let etag = app.custodian().get(&entry).expect(200).header("etag").expect("a tag").to_owned();
    let died = json!({"removedOn": "2026-11-17", "ground": "died", "evidence": "Certificate seen", "reasons": "The hospital rang"});
    app.custodian().change(&format!("{entry}/removal"), &etag, &died).expect(201);
    let closed = app.as_caller(&custodian()).get(&path).expect(200);
    assert_eq!((closed.text("/status"), closed.text("/closure")), ("closed".into(), "died".into()));
}

on_both!(custody_that_passes_within_the_region_takes_the_alert_with_it);
fn custody_that_passes_within_the_region_takes_the_alert_with_it(app: &TestApp) {
    use crate::support::people::{Conference, full};

    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, false);
    step(app, &custodian(), &path, "circulate", &json!({"note": "Serious harm is likely"})).expect(200);
    let receiver = Caller::of_authority("custodian", TORFAEN).named("torfaen").with("name", json!("Gwen Powell"));
    let body = json!({"registrationId": entered.registration, "to": TORFAEN, "nature": "permanent"});
    let transfer = app.as_caller(&custodian()).post("/v1/transfers", &body).expect(201).header("location").expect("a place").to_owned();
    wait("the offer", || (app.as_caller(&receiver).get(&transfer).expect(200).at("/delivered") == json!(true)).then_some(()));
    let act = |action: &str, body: Value| {
        wait(action, || {
            let answer = app.as_caller(&receiver).change(&format!("{transfer}/{action}"), "*", &body);
            (answer.status == 200).then_some(())
        });
    };
    act("agree", json!({"nature": "permanent", "practitioner": "Elin Gwynne"}));
    app.set_clock("2026-11-18T15:00:00Z");
    let held = Conference::of(TORFAEN, "transfer-in", "2026-11-18").decides(&entered.child, "registered", full(json!(["neglect"])));
    let held = app.custodian().post("/v1/conferences", &held.0).expect(201).text("/id");
    act("hold-conference", json!({"conferenceId": held}));
    act("accept", json!({"note": "Accepted in writing"}));
    let seen = wait("the alert to pass", || {
        let seen = app.as_caller(&receiver).get(&path).expect(200);
        (seen.text("/owner/code") == TORFAEN).then_some(seen)
    });
    assert_eq!(seen.text("/status"), "active", "somebody owns it at every moment");
    assert!(!notices(app, &receiver, "alert-taken-over").is_empty());
    let refused = step(app, &custodian(), &path, "stand-down", &json!({"reason": "raised-by-mistake"})).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "other-authority");
    wait("the origin's entry to end", || {
        let entry = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
        (entry.text("/status") == "previously-registered").then_some(())
    });
    assert_eq!(app.as_caller(&receiver).get(&path).expect(200).text("/status"), "active", "the end of the old entry closes nothing");
    step(app, &receiver, &path, "locate", &json!({"seenBy": "PC Rees"})).expect(200);
}

on_both!(a_hit_that_is_put_to_the_alert_once_more_rings_nobody_again);
fn a_hit_that_is_put_to_the_alert_once_more_rings_nobody_again(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, false);
    step(app, &custodian(), &path, "circulate", &json!({"note": "Serious harm is likely"})).expect(200);
    app.ask(&Caller::health(), &Question::usual());
    let hits = || notices(app, &custodian(), "alert-hit").len();
    wait("the hit", || (hits() == 2).then_some(()));
    // As when the region where the question was asked tells of it before this one has come to what it noted itself.
    app.database().execute("UPDATE alert_report SET is_taken = NOT is_taken").expect("a report that waits");
    let waiting = || app.database().number("SELECT count(*) AS n FROM alert_report WHERE NOT is_taken");
    wait("the report to be taken", || (waiting() == 0).then_some(()));
    assert_eq!(hits(), 2, "the same enquiry is one hit");
    assert_eq!(app.as_caller(&custodian()).get(&path).expect(200).list("/reports").len(), 1);
}

on_both!(a_record_that_may_be_of_the_missing_child_is_reported);
fn a_record_that_may_be_of_the_missing_child_is_reported(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = raise(app, &custodian(), &entered, false);
    step(app, &custodian(), &path, "circulate", &json!({"note": "Serious harm is likely"})).expect(200);
    // A stranger is nobody's hit; somebody with her name and date of birth is.
    app.enter(&Child::named("Macsen", "Prydderch").born("2016-01-09").of(TORFAEN));
    app.enter(&Child::named("Gwenllian", "Trahaearn").born("2017-05-09").sex("female").of(TORFAEN));
    let reports = wait("the report", || {
        let reports = app.as_caller(&custodian()).get(&path).expect(200).list("/reports");
        (!reports.is_empty()).then_some(reports)
    });
    assert_eq!((reports.len(), &reports[0]["kind"], &reports[0]["agency"]), (1, &json!("record"), &json!("Torfaen")), "{reports:?}");
}
