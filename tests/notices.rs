//! `/v1/notices`: who hears of an enquiry, and that somebody read it.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{Client, TestApp};
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// An entry with a co-ordinator who has an identity.
fn coordinated() -> Entry {
    Entry::usual().with("coordinator", json!({"name": "Carys Mathias", "person": Caller::coordinator().key()}))
}

#[track_caller]
fn notices(client: &Client<'_>) -> Vec<Value> {
    client.get("/v1/notices").expect(200).list("/items")
}

on_both!(custodian_and_coordinator_each_hear_of_an_enquiry);
fn custodian_and_coordinator_each_hear_of_an_enquiry(app: &TestApp) {
    let entered = app.register_with(&Child::usual(), coordinated());
    let coordinator = app.as_caller(&Caller::coordinator());
    assert_eq!((notices(&app.custodian()).len(), notices(&coordinator).len()), (0, 0));
    let asked = app.ask(&Caller::health(), &Question::usual().with("notify", json!("urgent")));

    let of_coordinator = notices(&coordinator);
    assert_eq!(of_coordinator.len(), 1);
    let of_custodian: Vec<_> = notices(&app.custodian()).into_iter().filter(|notice| notice["toRole"] == "custodian").collect();
    assert_eq!(of_custodian.len(), 1);
    for notice in of_coordinator.iter().chain(&of_custodian) {
        assert_eq!(notice["kind"], "enquiry");
        assert_eq!(notice["urgency"], "urgent");
        assert_eq!(notice["authority"], NEWPORT);
        assert_eq!(notice["childId"], entered.child.as_str());
        assert_eq!(notice["registrationId"], entered.registration.as_str());
        assert_eq!(notice["checkId"], asked.at("/id"));
        assert!(notice["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(notice.get("acknowledgement").is_none());
    }
    assert_ne!(of_coordinator[0]["id"], of_custodian[0]["id"], "each confirms for themselves");
}

on_both!(whoever_asked_sees_that_a_person_at_the_authority_has_read_of_it);
fn whoever_asked_sees_that_a_person_at_the_authority_has_read_of_it(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    app.register_formerly(&Child::named("Tomos", "Bevan").born("2014-01-28"));
    let ask = || app.health().request(Method::POST, "/v1/checks").key("one").json(&Question::usual().0).send().expect(201);
    let asked = ask();
    let check = format!("/v1/checks/{}", asked.text("/id"));
    assert_eq!((asked.body.contains("readBy"), asked.header("etag")), (false, Some("\"1\"")), "nobody yet");
    assert!(!app.health().get(&check).expect(200).body.contains("readBy"));

    let read = |client: &Client<'_>, check: &str, role: &str| {
        let own = notices(client).into_iter().find(|notice| notice["toRole"] == role && notice["checkId"] == check);
        let id = own.expect("a notice")["id"].as_str().expect("an id").to_owned();
        client.change(&format!("/v1/notices/{id}/acknowledgement"), "\"1\"", &json!({"note": "Rang the ward"})).expect(200);
    };
    read(&app.as_caller(&Caller::coordinator()), &asked.text("/id"), "coordinator");
    app.set_clock("2026-11-19T02:40:00Z");
    read(&app.custodian(), &asked.text("/id"), "custodian");
    let again = app.health().get(&check).expect(200);
    let readers = again.list("/matches/0/readBy");
    let roles: Vec<_> = readers.iter().map(|reader| reader["role"].clone()).collect();
    assert_eq!(roles, ["coordinator", "custodian"], "the first first");
    assert!(readers[1]["at"].as_str().is_some_and(|at| at.starts_with("2026-11-19T02:")), "{readers:?}");
    let fields: Vec<_> = readers[0].as_object().expect("a reader").keys().cloned().collect();
    assert_eq!(fields, ["at", "role"], "the office, never the name");
    for secret in [Caller::coordinator().key(), Caller::custodian().key(), "Rang the ward".into()] {
        assert!(!again.body.contains(&secret), "{}", again.body);
    }
    assert_eq!(again.header("etag"), Some("\"3\""), "what changed has another ETag");
    assert_eq!(ask().body, asked.body, "a replay is what was answered first");

    // Of a former entry the answer may say nothing, and so nothing is said of its notice.
    let former = app.ask(&Caller::health(), &Question::about("Tomos", "Bevan").born("2014-01-28"));
    read(&app.custodian(), &former.text("/id"), "custodian");
    let later = app.health().get(&format!("/v1/checks/{}", former.text("/id"))).expect(200);
    assert_eq!((later.header("etag"), later.body.contains("readBy")), (Some("\"1\""), false), "{}", later.body);
}

on_both!(notices_of_routine_checks_are_put_together_and_each_stays_visible);
fn notices_of_routine_checks_are_put_together_and_each_stays_visible(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    let routine = |notify: &str| {
        let question = Question::usual().with("reason", json!("scheduled-care")).with("notify", json!(notify));
        app.ask(&Caller::health(), &question).text("/id")
    };
    let coordinator = app.as_caller(&Caller::coordinator());
    let (first, second, third) = (routine("normal"), routine("normal"), routine("normal"));
    let shown = notices(&coordinator);
    assert_eq!((shown.len(), shown[0]["checkId"].clone(), shown[0]["together"].clone()), (1, json!(first), json!(3)), "{shown:?}");
    let of_custodian: Vec<_> = notices(&app.custodian()).into_iter().filter(|notice| notice["toRole"] == "custodian").collect();
    assert_eq!((of_custodian.len(), of_custodian[0]["together"].clone()), (1, json!(3)), "each reader has their own");
    assert_eq!(app.count("notice"), 6);
    assert_eq!(app.count("event WHERE kind = 'notice.enquiry'"), 3, "programs hear of each");

    let id = shown[0]["id"].as_str().expect("an id").to_owned();
    let each = coordinator.get(&format!("/v1/notices?togetherWith={id}")).expect(200).list("/items");
    let checks: Vec<_> = each.iter().map(|notice| notice["checkId"].clone()).collect();
    assert_eq!(checks, [json!(third), json!(second), json!(first)], "what happened stays visible one by one");
    assert_eq!(each[0]["togetherWith"], id.as_str());
    assert_eq!(
        app.as_caller(&Caller::coordinator().named("another"))
            .get(&format!("/v1/notices?togetherWith={id}"))
            .expect(200)
            .list("/items")
            .len(),
        0
    );
    coordinator.get("/v1/notices?togetherWith=x").problem(400, "malformed-query");

    // What is urgent, or of a reason that is not routine, stands alone.
    routine("urgent");
    app.ask(&Caller::health(), &Question::usual());
    let alone = notices(&coordinator);
    assert_eq!(alone.len(), 3);
    assert!(alone[..2].iter().all(|notice| notice.get("together").is_none() && notice.get("togetherWith").is_none()), "{alone:?}");

    // One more comes while somebody reads: nothing is confirmed unseen.
    let path = format!("/v1/notices/{id}");
    let read = coordinator.get(&path).expect(200);
    let fourth = routine("normal");
    let confirm = format!("{path}/acknowledgement");
    coordinator.change(&confirm, read.header("etag").expect("an ETag"), &json!({})).problem(412, "precondition-failed");
    coordinator.change(&confirm, "*", &json!({"together": 3})).problem(412, "precondition-failed");
    assert!(!app.health().get(&format!("/v1/checks/{second}")).expect(200).body.contains("readBy"));
    coordinator.change(&confirm, "*", &json!({"together": 4})).expect(200);
    for check in [&first, &second, &third, &fourth] {
        let readers = app.health().get(&format!("/v1/checks/{check}")).expect(200).list("/matches/0/readBy");
        let roles: Vec<_> = readers.iter().map(|reader| reader["role"].clone()).collect();
        assert_eq!(roles, ["coordinator"], "whoever asked sees that it was read");
    }

    // After that, and after a day, a group begins anew.
    let fifth = routine("normal");
    let unread = coordinator.get("/v1/notices?acknowledged=false").expect(200).list("/items");
    assert_eq!((unread[0]["checkId"].clone(), unread[0].get("together")), (json!(fifth), None));
    app.set_clock("2026-11-19T09:00:00Z");
    let sixth = routine("normal");
    let unread = coordinator.get("/v1/notices?acknowledged=false").expect(200).list("/items");
    assert_eq!((unread[0]["checkId"].clone(), unread[0].get("together")), (json!(sixth), None));
}

on_both!(what_a_region_does_not_put_together_stands_alone, "[escalation]\ntogether_hours = 0");
fn what_a_region_does_not_put_together_stands_alone(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    for _ in 0..2 {
        app.ask(&Caller::health(), &Question::usual().with("reason", json!("scheduled-care")));
    }
    assert_eq!(notices(&app.as_caller(&Caller::coordinator())).len(), 2);
}

on_both!(a_possible_match_and_a_former_entry_are_told_as_such);
fn a_possible_match_and_a_former_entry_are_told_as_such(app: &TestApp) {
    app.register(&Child::usual());
    app.register_formerly(&Child::named("Tomos", "Bevan").born("2014-01-28"));
    app.ask(&Caller::health(), &Question::about("Gwenllian", "Trahaearn").born("2012-12-01"));
    app.ask(&Caller::partner("education"), &Question::about("Tomos", "Bevan").born("2014-01-28"));
    let kinds: Vec<_> = notices(&app.custodian()).iter().map(|notice| notice["kind"].clone()).collect();
    assert_eq!(
        kinds,
        ["enquiry-former", "enquiry-possible-match"],
        "newest first; the custodian hears of it even where the enquirer does not"
    );
}

on_both!(an_enquiry_about_somebody_at_the_same_address_is_told_and_only_to_the_register);
fn an_enquiry_about_somebody_at_the_same_address_is_told_and_only_to_the_register(app: &TestApp) {
    // Scenario S5 of the procedures.
    let entered = app.register_with(&Child::usual(), coordinated());
    let half_brother = Question::about("Kofi", "Mensah").born("2011-04-05").living_at(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR");
    let asked = app.ask(&Caller::health(), &half_brother);
    assert_eq!(asked.at("/outcome"), "not-on-register", "he gets his own status only: {}", asked.body);
    assert_eq!(asked.list("/matches").len(), 0);
    let told = notices(&app.as_caller(&Caller::coordinator()));
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["kind"], &told[0]["childId"]), (&json!("enquiry-same-address"), &json!(entered.child)));
    assert_eq!(told[0]["checkId"], asked.at("/id"));
}

on_both!(a_number_and_a_town_in_common_are_not_the_same_address);
fn a_number_and_a_town_in_common_are_not_the_same_address(app: &TestApp) {
    let lives = |line: &str, postcode: &str| Child::named("Mabli", "Goronwy").born("2015-07-07").living_at(&[line, "Newport"], postcode);
    app.register(&lives("12 Albany Road", "NP19 8AB"));
    app.register(&Child::named("Nonna", "Meredith").born("2015-03-03").living_at(&["Flat 2, 12 Heol Derw", "Newport"], "NP10 8QQ"));
    let told = |lines: &[&str], postcode: &str| {
        let address = if postcode.is_empty() { json!({"lines": lines}) } else { json!({"lines": lines, "postcode": postcode}) };
        let stranger = Question::about("Kofi", "Mensah").born("2011-04-05").child("addresses", json!([address]));
        let asked = app.ask(&Caller::health(), &stranger);
        let of_it = format!("SELECT count(*) AS n FROM notice WHERE enquiry_id = '{}'", asked.text("/id"));
        app.database().number(&of_it)
    };
    for (lines, postcode, notices) in [
        // Without a postcode the street must agree, and the town.
        (&["12 Albany Road", "Newport"][..], "", 1),
        (&["12 Albny Road", "Newport"], "", 1),
        (&["12 Elm Road", "Newport"], "", 0),
        (&["12", "Newport"], "", 0),
        // What the shorter of two addresses leaves out is no difference: the town may stand in neither, or in one.
        (&["12 Albany Road"], "", 1),
        (&["12 Heol Derw", "Newport"], "", 1),
        (&["14 Albany Road", "Newport"], "", 0),
        (&["12 Albany Road", "Cardiff"], "", 0),
        // The house in a postcode is enough, also of somebody whose flat is not known.
        (&["12"], "NP19 8AB", 1),
        (&["12 Heol Derw"], "NP10 8QQ", 1),
        (&["14 Albany Road"], "NP19 8AB", 0),
        // A postcode that is nearly right, with the street and the town.
        (&["12 Albany Road", "Newport"], "NP19 8AD", 1),
        (&["12 Elm Road", "Newport"], "NP19 8AD", 0),
    ] {
        assert_eq!(told(lines, postcode), notices, "{lines:?} {postcode}");
    }
}

on_both!(nobody_is_told_of_an_enquiry_about_a_stranger);
fn nobody_is_told_of_an_enquiry_about_a_stranger(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    app.ask(&Caller::health(), &Question::about("Peredur", "Tremain").born("2016-06-21"));
    assert_eq!(notices(&app.custodian()), Vec::<Value>::new());
}

on_both!(a_notice_is_nothing_to_another_authority_or_coordinator);
fn a_notice_is_nothing_to_another_authority_or_coordinator(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    app.ask(&Caller::health(), &Question::usual());
    let id = notices(&app.as_caller(&Caller::coordinator()))[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/notices/{id}");
    app.as_caller(&Caller::of_authority("custodian", NEWPORT)).get(&path).expect(200);
    let others = [Caller::of_authority("custodian", TORFAEN), Caller::coordinator().named("another-coordinator")];
    for caller in others {
        assert_eq!(notices(&app.as_caller(&caller)), Vec::<Value>::new(), "{}", caller.subject());
        app.as_caller(&caller).get(&path).problem(404, "not-found");
        app.as_caller(&caller).change(&format!("{path}/acknowledgement"), "\"1\"", &json!({})).problem(404, "not-found");
    }
    // A partner has notices of their own: what became of their checks later. Others' are nothing to them.
    app.health().get(&path).problem(404, "not-found");
    assert_eq!(notices(&app.health()), Vec::<Value>::new());
}

on_both!(a_notice_is_acknowledged_once_by_a_named_person);
fn a_notice_is_acknowledged_once_by_a_named_person(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    app.ask(&Caller::health(), &Question::usual());
    let coordinator = app.as_caller(&Caller::coordinator());
    let id = notices(&coordinator)[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/notices/{id}");
    let read = coordinator.get(&path).expect(200);
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!(coordinator.get(&path).expect(200).at("/acknowledgement"), Value::Null, "reading is not confirming");

    let confirm = format!("{path}/acknowledgement");
    let done = coordinator.change(&confirm, "\"1\"", &json!({"note": "Rang the ward at 02:25"})).expect(200);
    assert_eq!(done.header("etag"), Some("\"2\""));
    assert_eq!(done.at("/acknowledgement/by"), Caller::coordinator().key());
    assert_eq!(done.at("/acknowledgement/note"), "Rang the ward at 02:25");
    assert!(done.text("/acknowledgement/at").starts_with("2026-11-17T10:0"));
    assert_eq!(coordinator.get(&path).expect(200).json(), done.json());
    coordinator.change(&confirm, "\"2\"", &json!({})).problem(409, "already-acknowledged");

    let filtered = |query: &str| coordinator.get(&format!("/v1/notices?acknowledged={query}")).expect(200).list("/items").len();
    assert_eq!((filtered("true"), filtered("false")), (1, 0));
}

on_both!(of_twenty_acknowledgements_with_one_tag_one_wins);
fn of_twenty_acknowledgements_with_one_tag_one_wins(app: &TestApp) {
    app.register_with(&Child::usual(), coordinated());
    app.ask(&Caller::health(), &Question::usual());
    let coordinator = app.as_caller(&Caller::coordinator());
    let path = format!("/v1/notices/{}/acknowledgement", notices(&coordinator)[0]["id"].as_str().expect("an id"));
    let (path, coordinator) = (&path, &coordinator);
    let mut answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let acknowledging: Vec<_> = (0..20)
            .map(|number| {
                scope.spawn(move || {
                    let answer = coordinator.change(path, "\"1\"", &json!({"note": format!("number {number}")}));
                    (answer.status, answer.text(if answer.status == 200 { "/acknowledgement/note" } else { "/code" }))
                })
            })
            .collect();
        acknowledging.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    answers.sort();
    assert_eq!(answers[0].0, 200);
    for (status, code) in &answers[1..] {
        assert_eq!((*status, code.as_str()), (412, "precondition-failed"));
    }
    let kept = app.database().texts("SELECT acknowledgement_note AS value FROM notice WHERE acknowledged_at IS NOT NULL");
    assert_eq!(kept, [answers[0].1.clone()], "what is kept is what was answered");
}

on_both!(notices_are_listed_page_by_page);
fn notices_are_listed_page_by_page(app: &TestApp) {
    app.register(&Child::usual());
    for _ in 0..5 {
        app.ask(&Caller::health(), &Question::usual());
    }
    let whole: Vec<_> = notices(&app.custodian()).iter().map(|notice| notice["id"].clone()).collect();
    assert_eq!(whole.len(), 5);
    let mut paged = Vec::new();
    let mut next = Some("/v1/notices?acknowledged=false&limit=2".to_owned());
    while let Some(path) = next {
        let page = app.custodian().get(&path).expect(200);
        paged.extend(page.list("/items").iter().map(|notice| notice["id"].clone()));
        next = page.at("/links/next").as_str().map(str::to_owned);
        assert!(paged.len() <= 5, "the pages do not end");
    }
    assert_eq!(paged, whole);
}

on_both!(a_notice_speaks_the_readers_language);
fn a_notice_speaks_the_readers_language(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let text = |language: &str| {
        app.custodian().request(Method::GET, "/v1/notices").header("accept-language", language).send().expect(200).text("/items/0/text")
    };
    assert_ne!(text("en"), text("cy"));
}

on_both!(an_acknowledgement_takes_a_note_and_nothing_else);
fn an_acknowledgement_takes_a_note_and_nothing_else(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let path = format!("/v1/notices/{}/acknowledgement", notices(&app.custodian())[0]["id"].as_str().expect("an id"));
    let refused = |body: Value| app.custodian().change(&path, "\"1\"", &body).problem(422, "invalid").mistakes();
    assert_eq!(refused(json!({"remark": "x"})), ["/remark unknown-field"]);
    assert_eq!(refused(json!({"note": 7})), ["/note wrong-type"]);
    assert_eq!(refused(json!({"note": "x".repeat(10_001)})), ["/note too-long"]);
    let unknown = format!("/v1/notices/{}/acknowledgement", Uuid::now_v7());
    app.custodian().change(&unknown, "\"1\"", &json!({})).problem(404, "not-found");
}
