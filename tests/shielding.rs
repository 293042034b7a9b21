//! Restricted records: who may read them, and how they are opened in an emergency.

use chrono::Utc;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

fn others() -> [Caller; 4] {
    [
        Caller::emergency_duty(),
        Caller::of_region("team-manager"),
        Caller::of_region("senior-safeguarding-manager"),
        Caller::of_authority("coordinator", NEWPORT).named("another-coordinator"),
    ]
}

fn shielded(app: &TestApp) -> String {
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let child = Child::usual().hidden_at(&["3 Clos Heulog"], "NP18 2XJ").shielded();
    app.register_with(&child, Entry::usual().with("coordinator", coordinator)).child
}

on_both!(a_restricted_record_is_there_only_for_custodians_and_its_own_coordinator);
fn a_restricted_record_is_there_only_for_custodians_and_its_own_coordinator(app: &TestApp) {
    let path = format!("/v1/children/{}", shielded(app));
    for caller in [Caller::custodian(), Caller::of_authority("custodian", NEWPORT), Caller::coordinator()] {
        let read = app.as_caller(&caller).get(&path).expect(200);
        assert_eq!(read.at("/addresses/1/postcode"), "NP18 2XJ", "{}", caller.subject());
    }
    for caller in others() {
        let body = |path: &str| {
            let mut body = app.as_caller(&caller).get(path).problem(404, "not-found").json();
            body["instance"] = json!("");
            body
        };
        assert_eq!(body(&path), body("/v1/children/01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"), "{}", caller.subject());
        // By a check they learn what everybody learns.
        let answer = app.ask(&caller, &Question::usual());
        assert_eq!((answer.at("/outcome"), answer.at("/matches/0/shielded")), (json!("on-register"), json!(true)));
    }
    app.as_caller(&Caller::of_region("team-manager")).get(&format!("{path}/history")).problem(404, "not-found");
}

on_both!(i16_who_is_in_the_core_group_of_a_restricted_record_is_told_to_its_readers_alone);
fn i16_who_is_in_the_core_group_of_a_restricted_record_is_told_to_its_readers_alone(app: &TestApp) {
    let school = json!([{"name": "Ann Price", "agency": "Ysgol y Castell"}]);
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let entry = || Entry::usual().with("coreGroup", school.clone()).with("coordinator", coordinator.clone());
    let hidden = app.register_with(&Child::usual().shielded(), entry());
    let plain = app.register_with(&Child::named("Ffion", "Maddocks"), entry());
    let manager = Caller::of_region("team-manager");
    let told = |caller: &Caller, registration: &str| {
        let client = app.as_caller(caller);
        let read = client.get(&format!("/v1/registrations/{registration}")).expect(200).list("/coreGroup").len();
        let below = client.get(&format!("/v1/registrations/{registration}/core-group")).expect(200);
        let listed = client.get("/v1/registrations").expect(200).list("/items");
        let listed = listed.iter().find(|item| item["id"] == registration).expect("the entry")["coreGroup"].as_array().map(Vec::len);
        (read, below.list("/members").len(), below.list("/history").len(), listed)
    };
    assert_eq!(told(&manager, &plain.registration), (1, 1, 1, Some(1)));
    for reader in [Caller::custodian(), Caller::coordinator()] {
        assert_eq!(told(&reader, &hidden.registration), (1, 1, 1, Some(1)));
    }
    assert_eq!(told(&manager, &hidden.registration), (0, 0, 0, Some(0)));
    let why = json!({"reason": "A police officer is at the door"});
    app.as_caller(&manager).post(&format!("/v1/children/{}/break-glass", hidden.child), &why).expect(201);
    assert_eq!(told(&manager, &hidden.registration), (1, 1, 1, Some(1)));
}

on_both!(shielding_is_decided_with_a_reason_and_holds_at_once);
fn shielding_is_decided_with_a_reason_and_holds_at_once(app: &TestApp) {
    let child = app.register(&Child::named("Ffion", "Maddocks").living_at(&["27 Albany Place"], "NP19 8AB")).child;
    let path = format!("/v1/children/{child}");
    let by_home = Question::about("Ffion", "Maddocks").living_at(&["27 Albany Place"], "NP19 8AB");
    let why = || app.ask(&Caller::health(), &by_home).at("/matches/0/why").to_string();
    assert!(why().contains("postcode: the same"), "{}", why());
    for (body, expected) in [(json!({"shielded": true}), "/reason missing"), (json!({"reason": "In danger"}), "/shielded missing")] {
        assert_eq!(app.custodian().put(&format!("{path}/shielding"), "\"1\"", &body).problem(422, "invalid").mistakes(), [expected]);
    }
    let shield = |tag: &str, shielded: bool| {
        app.custodian().put(&format!("{path}/shielding"), tag, &json!({"shielded": shielded, "reason": "The father looks for them"}))
    };
    let done = shield("\"1\"", true).expect(200);
    assert_eq!((done.at("/shielded"), done.header("etag")), (json!(true), Some("\"2\"")));
    assert!(!why().contains("postcode: the same"), "nobody finds where the child lives: {}", why());
    app.as_caller(&Caller::emergency_duty()).get(&path).problem(404, "not-found");
    shield("\"1\"", false).problem(412, "precondition-failed");
    shield("\"2\"", false).expect(200);
    assert!(why().contains("postcode: the same"));
    app.as_caller(&Caller::emergency_duty()).get(&path).expect(200);
    let kept = app.database().texts("SELECT reason AS value FROM child_shielding ORDER BY recorded_at");
    assert_eq!(kept.len(), 2, "who decided it and why stays");
    app.as_caller(&Caller::coordinator()).put(&format!("{path}/shielding"), "*", &json!({})).problem(403, "operation-not-allowed");
}

on_both!(i16_s42_a_confidential_address_is_read_by_nobody_who_does_not_keep_the_case);
fn i16_s42_a_confidential_address_is_read_by_nobody_who_does_not_keep_the_case(app: &TestApp) {
    let child = app.register(&Child::usual().hidden_at(&["3 Clos Heulog"], "NP18 2XJ")).child;
    // Torfaen has the child for a time: it keeps its own entry, not the record.
    let stay = Entry::temporary("gwent", NEWPORT).with("authority", json!(TORFAEN)).child(&child);
    app.custodian().post("/v1/registrations", &stay.0).expect(201);
    let path = format!("/v1/children/{child}");
    let readers = [
        Caller::emergency_duty(),
        Caller::of_region("team-manager"),
        Caller::of_region("senior-safeguarding-manager"),
        Caller::of_authority("custodian", TORFAEN),
    ];
    for caller in readers {
        for at in [path.clone(), format!("{path}/history")] {
            let read = app.as_caller(&caller).get(&at);
            if read.status == 403 {
                continue;
            }
            assert!(
                !read.body.contains("NP18") && !read.body.contains("Heulog") && !read.body.contains("refuge"),
                "{}: {}",
                caller.subject(),
                read.body
            );
            let addresses = if at == path { read.list("/addresses") } else { read.list("/day/addresses") };
            let hidden: Vec<_> = addresses.iter().filter(|address| address["confidential"] == true).collect();
            assert_eq!(hidden.len(), 1, "that there is one is no secret");
            assert_eq!((&hidden[0]["lines"], &hidden[0]["postcode"]), (&json!([]), &Value::Null));
        }
    }
    for caller in [Caller::health(), Caller::police(), Caller::custodian()] {
        let answer = app.ask(&caller, &Question::usual().living_at(&["3 Clos Heulog"], "NP18 2XJ"));
        // What the enquirer sent in comes back to the custodian as the question; nothing of the record does.
        assert!(!answer.at("/matches").to_string().contains("NP18"), "{}", answer.body);
    }
}

on_both!(what_says_where_a_shielded_child_goes_is_told_to_its_readers_alone);
fn what_says_where_a_shielded_child_goes_is_told_to_its_readers_alone(app: &TestApp) {
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let entered = app.register_with(&Child::usual().shielded(), Entry::usual().with("coordinator", coordinator));
    let missed =
        json!({"kind": "was-not-brought", "service": "Audiology", "missedOn": "2026-11-16", "child": Question::usual().0["child"]});
    app.health().post("/v1/missed-appointments", &missed).expect(201);
    let visits = format!("/v1/registrations/{}/visits", entered.registration);
    let visit = json!({"visitedOn": "2026-11-12", "seen": true, "note": "Seen at Ysgol Heol Las"});
    let visit = app.custodian().post(&visits, &visit).expect(201).text("/id");
    let appointments = format!("/v1/children/{}/missed-appointments", entered.child);
    let manager = Caller::of_region("team-manager");
    let told = |caller: &Caller| {
        let listed = app.as_caller(caller).get(&visits).expect(200).body;
        let read = app.as_caller(caller).get(&format!("{visits}/{visit}")).expect(200).body;
        (listed.contains("Heol Las"), read.contains("Heol Las"), app.as_caller(caller).get(&appointments).status)
    };
    for reader in [Caller::custodian(), Caller::coordinator()] {
        assert_eq!(told(&reader), (true, true, 200), "{}", reader.subject());
    }
    assert_eq!(told(&manager), (false, false, 404));
    let why = json!({"reason": "A police officer is at the door"});
    app.as_caller(&manager).post(&format!("/v1/children/{}/break-glass", entered.child), &why).expect(201);
    assert_eq!(told(&manager), (true, true, 200));
}

on_both!(where_a_shielded_child_stays_for_some_days_is_hidden_as_its_home_is);
fn where_a_shielded_child_stays_for_some_days_is_hidden_as_its_home_is(app: &TestApp) {
    let child = app.register(&Child::usual().shielded()).child;
    let path = format!("/v1/children/{child}");
    let stay = json!({"kind": "temporary", "lines": ["9 Heol Cefn"], "postcode": "NP44 1AB", "from": "2026-11-01", "to": "2036-11-01"});
    app.custodian().change(&format!("{path}/addresses"), "*", &stay).expect(201);
    // Torfaen reads the record of a child that it keeps for a time, without keeping the case.
    let entry = Entry::temporary("gwent", NEWPORT).with("authority", json!(TORFAEN)).child(&child);
    app.custodian().post("/v1/registrations", &entry.0).expect(201);
    let here = Question::usual().living_at(&["9 Heol Cefn"], "NP44 1AB");
    let answer = app.ask(&Caller::health(), &here);
    assert_eq!(answer.at("/outcome"), "on-register");
    assert!(!answer.at("/matches/0/why").to_string().contains("postcode: the same"), "{}", answer.body);
    for caller in [Caller::emergency_duty(), Caller::of_region("team-manager"), Caller::of_authority("custodian", TORFAEN)] {
        let read = app.as_caller(&caller).get(&path);
        assert!(!read.body.contains("Heol Cefn"), "{}: {}", caller.subject(), read.body);
    }
    // Over when it was recorded, it is a former address, by which whoever knew it then finds the child.
    let over = json!({"lines": ["4 Rhes y Bont"], "postcode": "NP44 2XY", "from": "2020-11-01", "to": "2021-11-01"});
    app.custodian().change(&format!("{path}/addresses"), "*", &over).expect(201);
    let there = app.ask(&Caller::health(), &Question::usual().living_at(&["4 Rhes y Bont"], "NP44 2XY"));
    assert!(there.at("/matches/0/why").to_string().contains("postcode: the same"), "{}", there.body);
}

on_both!(break_glass_opens_one_record_for_one_person_for_a_time_and_pages_the_custodian);
fn break_glass_opens_one_record_for_one_person_for_a_time_and_pages_the_custodian(app: &TestApp) {
    let child = shielded(app);
    let other = app.register(&Child::named("Mabli", "Goronwy").born("2015-07-07").shielded()).child;
    let path = format!("/v1/children/{child}");
    let reason = json!({"reason": "Found alone at night; the ward needs to know who may collect her"});
    for caller in others() {
        let client = app.as_caller(&caller);
        client.get(&path).problem(404, "not-found");
        let opened = client.post(&format!("{path}/break-glass"), &reason).expect(201);
        let id = opened.text("/id");
        assert_eq!(opened.header("location"), Some(path.as_str()));
        let read = client.get(&path).expect(200);
        assert_eq!(read.at("/addresses/1/postcode"), "NP18 2XJ", "{}", caller.subject());
        let audit = &app.audit_of(&read)[0];
        assert!(audit.record.contains("break-glass") && audit.record.contains(&id), "{}", audit.record);
        client.get(&format!("/v1/children/{other}")).problem(404, "not-found");
        // Nothing of it enters an answer.
        assert!(!app.ask(&caller, &Question::usual()).body.contains("NP18"));
    }
    app.as_caller(&Caller::emergency_duty().named("another-duty-worker")).get(&path).problem(404, "not-found");
    let notices = app.custodian().get("/v1/notices").expect(200).list("/items");
    let paged: Vec<_> = notices.iter().filter(|notice| notice["kind"] == "break-glass").collect();
    assert_eq!(paged.len(), 4);
    assert!(paged.iter().all(|notice| notice["urgency"] == "urgent" && notice["toRole"] == "custodian" && notice["authority"] == NEWPORT));
    let tasks = app.custodian().get("/v1/tasks").expect(200).list("/items");
    assert_eq!(tasks.iter().filter(|task| task["kind"] == "break-glass-review" && task["childId"] == child.as_str()).count(), 4);
    app.set_clock("2026-11-17T10:58:00Z");
    app.as_caller(&Caller::emergency_duty()).get(&path).expect(200);
    app.set_clock("2026-11-17T11:02:00Z");
    for caller in others() {
        app.as_caller(&caller).get(&path).problem(404, "not-found");
    }
}

on_both!(break_glass_is_for_those_who_may_need_it_within_their_area);
fn break_glass_is_for_those_who_may_need_it_within_their_area(app: &TestApp) {
    let path = format!("/v1/children/{}/break-glass", shielded(app));
    let reason = json!({"reason": "An emergency"});
    app.as_caller(&Caller::health()).post(&path, &reason).problem(403, "operation-not-allowed");
    app.as_caller(&Caller::of_authority("emergency-duty", TORFAEN)).post(&path, &reason).problem(404, "not-found");
    let duty = app.as_caller(&Caller::emergency_duty());
    assert_eq!(duty.post(&path, &json!({})).problem(422, "invalid").mistakes(), ["/reason missing"]);
    let post = |key: &str| duty.request(reqwest::Method::POST, &path).key(key).json(&reason).send();
    assert_eq!(post("one").expect(201).body, post("one").expect(201).body);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM break_glass"), 1);
}

on_both!(a_region_may_ask_for_a_recent_sign_in, "[access]\nrequire_recent_authentication = true\nbreak_glass_minutes = 5");
fn a_region_may_ask_for_a_recent_sign_in(app: &TestApp) {
    let path = format!("/v1/children/{}/break-glass", shielded(app));
    let reason = json!({"reason": "An emergency"});
    let signed_in = |ago: i64| Caller::emergency_duty().with("auth_time", json!(Utc::now().timestamp() - ago));
    for caller in [Caller::emergency_duty(), signed_in(310)] {
        let refused = app.as_caller(&caller).post(&path, &reason).problem(401, "recent-sign-in-required");
        assert!(refused.header("ratelimit").is_some(), "the caller is known, and has limits");
        assert!(refused.header("www-authenticate").is_some_and(|header| header.contains("insufficient_user_authentication")));
        assert_eq!(app.audit_of(&refused)[0].code.as_deref(), Some("recent-sign-in-required"));
    }
    let opened = app.as_caller(&signed_in(200)).post(&path, &reason).expect(201);
    assert!(opened.text("/endsAt").starts_with("2026-11-17T10:05"), "{}", opened.body);
}
