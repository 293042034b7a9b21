//! Visits, meetings of the core group and milestones of an entry.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::on_both;
use crate::support::people::{Child, Entry};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// A child whose case the usual co-ordinator has.
fn coordinated(app: &TestApp) -> Entered {
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    app.register_with(&Child::usual(), Entry::usual().with("coordinator", coordinator))
}

fn below(entered: &Entered, what: &str) -> String {
    format!("/v1/registrations/{}/{what}", entered.registration)
}

on_both!(a_visit_is_recorded_and_read_again);
fn a_visit_is_recorded_and_read_again(app: &TestApp) {
    let visits = below(&coordinated(app), "visits");
    let visit = json!({"visitedOn": "2026-11-10", "visitedBy": "Carys Mathias", "seen": true, "seenAlone": true, "atHome": true,
        "bedroomSeen": true, "note": "Settled."});
    let coordinator = app.as_caller(&Caller::coordinator());
    let made = coordinator.post(&visits, &visit).expect(201);
    for (item, value) in visit.as_object().expect("an object") {
        assert_eq!(made.at(&format!("/{item}")), *value);
    }
    assert_eq!((made.header("etag"), made.text("/recordedBy")), (Some("\"1\""), Caller::coordinator().key()));
    let location = made.header("location").expect("a location").to_owned();
    assert_eq!(coordinator.get(&location).expect(200).json(), made.json());
    // Two people record two visits, and neither is in the other's way.
    let second = app.custodian().post(&visits, &json!({"visitedOn": "2026-11-12", "seen": false})).expect(201);
    let days: Vec<_> = app.custodian().get(&visits).expect(200).list("/items").iter().map(|visit| visit["visitedOn"].clone()).collect();
    assert_eq!(days, ["2026-11-12", "2026-11-10"]);
    assert_eq!((second.at("/seenAlone"), second.at("/atHome"), second.at("/note")), (json!(false), json!(false), Value::Null));
    let first_page = app.custodian().get(&format!("{visits}?limit=1")).expect(200);
    let next = app.custodian().get(&first_page.text("/links/next")).expect(200);
    assert_eq!((next.text("/items/0/visitedOn"), next.at("/links/next")), ("2026-11-10".to_owned(), Value::Null));
}

on_both!(a_visit_that_cannot_have_been_is_refused_with_its_place);
fn a_visit_that_cannot_have_been_is_refused_with_its_place(app: &TestApp) {
    let entered = coordinated(app);
    for (visit, mistake) in [
        (json!({"seen": true}), "/visitedOn missing"),
        (json!({"visitedOn": "2026-11-10"}), "/seen missing"),
        (json!({"visitedOn": "2026-11-31", "seen": true}), "/visitedOn impossible-date"),
        (json!({"visitedOn": "2026-11-18", "seen": true}), "/visitedOn in-the-future"),
        (json!({"visitedOn": "2026-03-02", "seen": true}), "/visitedOn before-registration"),
        (json!({"visitedOn": "2026-11-10", "seen": false, "seenAlone": true}), "/seenAlone alone-but-not-seen"),
        (json!({"visitedOn": "2026-11-10", "seen": true, "bedroomSeen": true}), "/bedroomSeen bedroom-but-not-at-home"),
        (json!({"visitedOn": "2026-11-10", "seen": true, "notes": "good"}), "/notes unknown-field"),
    ] {
        let refused = app.custodian().post(&below(&entered, "visits"), &visit).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [mistake], "{visit}");
    }
    let pre_birth = Entry::usual().with("conference", json!({"heldOn": "2026-03-03", "kind": "pre-birth", "authority": NEWPORT}));
    let unborn = app.register_with(&Child::unborn("2027-01-20").mother("Meinir", "Vaughan"), pre_birth);
    let visits = below(&unborn, "visits");
    let refused = app.custodian().post(&visits, &json!({"visitedOn": "2026-11-10", "seen": true})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/seen not-yet-born"]);
    app.custodian().post(&visits, &json!({"visitedOn": "2026-11-10", "seen": false, "atHome": true})).expect(201);
    let former = below(&app.register_formerly(&Child::named("Nia", "Former")), "visits");
    let refused = app.custodian().post(&former, &json!({"visitedOn": "2026-06-17", "seen": true})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/visitedOn after-removal"]);
    app.custodian().post(&former, &json!({"visitedOn": "2026-06-16", "seen": true})).expect(201);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM visit"), 2);
}

on_both!(what_was_entered_in_error_stays_readable_and_says_so);
fn what_was_entered_in_error_stays_readable_and_says_so(app: &TestApp) {
    // Invariant I17.
    let entered = coordinated(app);
    for (what, body) in [
        ("visits", json!({"visitedOn": "2026-11-10", "seen": true})),
        ("core-group/meetings", json!({"heldOn": "2026-11-10"})),
        ("milestones", json!({"kind": "plan-circulated", "reachedOn": "2026-11-10"})),
    ] {
        let list = below(&entered, what);
        let made = app.custodian().post(&list, &body).expect(201);
        let one = made.header("location").expect("a location").to_owned();
        let mark = format!("{one}/entered-in-error");
        let reason = json!({"reason": "It was the brother"});
        app.custodian().request(Method::POST, &mark).json(&reason).send().problem(428, "precondition-required");
        app.custodian().change(&mark, "\"1\"", &json!({})).problem(422, "invalid");
        let marked = app.custodian().change(&mark, "\"1\"", &reason).expect(200);
        assert_eq!(marked.at("/enteredInError/reason"), "It was the brother");
        assert_eq!((marked.at("/enteredInError/by"), marked.header("etag")), (json!(Caller::custodian().key()), Some("\"2\"")));
        app.custodian().change(&mark, "\"1\"", &reason).problem(412, "precondition-failed");
        app.custodian().change(&mark, "\"2\"", &reason).problem(409, "conflict");
        assert_eq!(app.custodian().get(&one).expect(200).json(), marked.json());
        assert_eq!(app.custodian().get(&list).expect(200).at("/items/0/enteredInError/reason"), "It was the brother");
        // Of another entry it is nothing.
        let other = app.register(&Child::named("Nia", "Elsewhere"));
        let elsewhere = one.replace(&entered.registration, &other.registration);
        app.custodian().get(&elsewhere).problem(404, "not-found");
        app.custodian().change(&format!("{elsewhere}/entered-in-error"), "*", &reason).problem(404, "not-found");
    }
}

on_both!(a_repeated_request_records_one_visit);
fn a_repeated_request_records_one_visit(app: &TestApp) {
    let visits = below(&coordinated(app), "visits");
    let send = || {
        let body = json!({"visitedOn": "2026-11-10", "seen": true});
        app.custodian().request(Method::POST, &visits).key("one").json(&body).send().expect(201).body
    };
    assert_eq!(send(), send());
    assert_eq!(app.database().number("SELECT count(*) AS n FROM visit"), 1);
}

on_both!(a_plan_is_for_those_who_keep_it);
fn a_plan_is_for_those_who_keep_it(app: &TestApp) {
    let mine = coordinated(app);
    let other = app.register(&Child::named("Nia", "Elsewhere"));
    let visit = json!({"visitedOn": "2026-11-10", "seen": true});
    let coordinator = app.as_caller(&Caller::coordinator());
    coordinator.post(&below(&mine, "visits"), &visit).expect(201);
    coordinator.post(&below(&other, "visits"), &visit).problem(404, "not-found");
    coordinator.get(&below(&other, "clocks")).problem(404, "not-found");
    let manager = app.as_caller(&Caller::of_authority("team-manager", NEWPORT));
    manager.post(&below(&other, "visits"), &visit).expect(201);
    let torfaen = app.as_caller(&Caller::of_authority("team-manager", TORFAEN));
    for what in ["visits", "core-group/meetings", "milestones", "clocks"] {
        torfaen.get(&below(&mine, what)).problem(404, "not-found");
    }
    torfaen.post(&below(&mine, "visits"), &visit).problem(404, "not-found");
    app.as_caller(&Caller::emergency_duty()).get(&below(&mine, "visits")).problem(403, "operation-not-allowed");
    app.as_caller(&Caller::of_region("senior-safeguarding-manager"))
        .post(&below(&mine, "visits"), &visit)
        .problem(403, "operation-not-allowed");
}

on_both!(milestones_have_their_rules);
fn milestones_have_their_rules(app: &TestApp) {
    let milestones = below(&coordinated(app), "milestones");
    for (milestone, mistake) in [
        (json!({"reachedOn": "2026-11-10"}), "/kind missing"),
        (json!({"kind": "tea", "reachedOn": "2026-11-10"}), "/kind unknown-code"),
        (json!({"kind": "plan-circulated", "reachedOn": "2026-03-02"}), "/reachedOn before-registration"),
        (json!({"kind": "parents-not-told", "reachedOn": "2026-11-10"}), "/note missing"),
    ] {
        let refused = app.custodian().post(&milestones, &milestone).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [mistake], "{milestone}");
    }
    let why = json!({"kind": "parents-not-told", "reachedOn": "2026-11-10", "note": "It would put the child at risk."});
    app.custodian().post(&milestones, &why).expect(201);
    // The assessment belongs to the enquiry and may have been completed before.
    app.custodian().post(&milestones, &json!({"kind": "assessment-completed", "reachedOn": "2026-02-20"})).expect(201);
    let refused = app.custodian().post(&milestones.replace("milestones", "core-group/meetings"), &json!({"heldOn": "2026-03-02"}));
    assert_eq!(refused.problem(422, "invalid").mistakes(), ["/heldOn before-registration"]);
}
