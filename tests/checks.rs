//! `/v1/checks`: what an enquirer is told.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};
use crate::support::{on_both, on_both_databases};

#[track_caller]
fn outcome(answer: &Answer) -> String {
    answer.text("/outcome")
}

/// Grade and status of each match, best first.
#[track_caller]
fn matches(answer: &Answer) -> Vec<String> {
    answer
        .list("/matches")
        .iter()
        .map(|found| format!("{} {}", found["grade"].as_str().expect("a grade"), found["status"].as_str().expect("a status")))
        .collect()
}

#[track_caller]
fn advice(answer: &Answer) -> Vec<String> {
    answer.list("/advice").iter().map(|advice| advice["code"].as_str().expect("a code").to_owned()).collect()
}

/// What is said about one match, as one text.
fn why(answer: &Answer) -> String {
    answer.at("/matches/0/why").to_string()
}

// -- The four outcomes ------------------------------------------------------------------------------------------------

on_both!(a_child_who_is_known_by_everything_is_certainly_on_the_register);
fn a_child_who_is_known_by_everything_is_certainly_on_the_register(app: &TestApp) {
    app.register(&Child::usual());
    let question = Question::usual().sex("female").nhs("999 000 1006").living_at(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR");
    let answer = app.ask(&Caller::health(), &question);
    assert_eq!(outcome(&answer), "on-register");
    assert_eq!(matches(&answer), ["certain registered"]);
    assert_eq!(advice(&answer), ["on-register", "report-anyway"]);
    assert_eq!(answer.at("/matches/0/authority"), json!({"code": NEWPORT, "name": "Newport", "region": "gwent"}));
    assert_eq!(answer.at("/matches/0/coordinator"), json!({"name": "Carys Mathias"}));
    assert_eq!(answer.at("/matches/0/registeredOn"), "2026-03-03");
    assert_eq!(answer.at("/matches/0/shielded"), false);
    assert!(!answer.list("/matches/0/why").is_empty());
    for contact in ["now", "office", "outOfHours"] {
        for item in ["name", "phone"] {
            assert!(!answer.text(&format!("/matches/0/contact/{contact}/{item}")).is_empty());
        }
    }
}

on_both!(an_answer_holds_what_the_contract_says_and_nothing_more);
fn an_answer_holds_what_the_contract_says_and_nothing_more(app: &TestApp) {
    app.register(&Child::usual());
    let answer = app.ask(&Caller::health(), &Question::usual());
    let names = |value: Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let expected = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let top = [
        "id",
        "reference",
        "askedAt",
        "asOf",
        "validUntil",
        "outcome",
        "matches",
        "coverage",
        "earlierEnquiries",
        "advice",
        "receipt",
        "reason",
    ];
    assert_eq!(names(answer.json()), expected(&top));
    let found = ["grade", "score", "why", "status", "authority", "registeredOn", "coordinator", "contact", "shielded"];
    assert_eq!(names(answer.at("/matches/0")), expected(&found));
    // No category, no address, no number of the child: those are read by those who may, through the child.
    for hidden in ["NP20 4QR", "Stryd y Felin", "9990001006", "Trahaearn", "neglect"] {
        assert!(!answer.body.contains(hidden), "{hidden} stands in the answer");
    }
    let score = answer.at("/matches/0/score").as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&score), "{score}");
    assert_eq!(answer.header("location"), Some(format!("/v1/checks/{}", answer.text("/id")).as_str()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let instant = |pointer: &str| chrono::DateTime::parse_from_rfc3339(&answer.text(pointer)).expect("an instant");
    assert_eq!(instant("/validUntil") - instant("/asOf"), chrono::TimeDelta::minutes(60));
    assert_eq!(instant("/asOf"), instant("/coverage/0/asOf"));
    assert!(answer.text("/askedAt").starts_with("2026-11-17T10:0") && answer.text("/askedAt").ends_with('Z'));
    assert_eq!(uuid::Uuid::parse_str(&answer.text("/id")).expect("an identifier").get_version_num(), 7);
}

on_both!(a_misspelt_child_is_on_the_register);
fn a_misspelt_child_is_on_the_register(app: &TestApp) {
    app.register(&Child::usual().also("alias", "Gwenno", "Prydderch").also("former", "Gwenllian", "Anwyl"));
    let named = |given: &str, family: &str| Question::about(given, family).born("2017-05-09");
    for (slip, question) in [
        ("another spelling", named("Gwenlian", "Trehearne")),
        ("names in the other order", named("Trahaearn", "Gwenllian")),
        ("without its accents and case", named("GWENLLIAN", "trahaearn")),
        ("an alias", named("Gwenno", "Prydderch")),
        ("a former name", named("Gwenllian", "Anwyl")),
        ("day and month swapped", Question::about("Gwenllian", "Trahaearn").born("2017-09-05")),
        ("one digit of the date", Question::about("Gwenllian", "Trahaearn").born("2017-05-08")),
    ] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(outcome(&answer), "on-register", "{slip}: {}", answer.body);
        assert!(matches!(matches(&answer)[0].as_str(), "certain registered" | "probable registered"), "{slip}: {}", answer.body);
    }
}

on_both!(a_former_surname_and_a_slip_in_the_date_never_make_a_child_absent);
fn a_former_surname_and_a_slip_in_the_date_never_make_a_child_absent(app: &TestApp) {
    // Scenario S4 of the procedures.
    app.register(&Child::named("Siân", "Evans-Price").born("2018-04-14").sex("female"));
    let answer = app.ask(&Caller::health(), &Question::about("Sian", "Evans").born("2018-04-13"));
    assert!(["on-register", "possible-match"].contains(&outcome(&answer).as_str()), "{}", answer.body);
    assert!(!answer.text("/matches/0/contact/now/phone").is_empty());
}

on_both!(when_only_the_name_agrees_there_is_a_possible_match_and_never_absence);
fn when_only_the_name_agrees_there_is_a_possible_match_and_never_absence(app: &TestApp) {
    app.register(&Child::usual());
    let answer = app.ask(&Caller::health(), &Question::about("Gwenllian", "Trahaearn").born("2012-12-01"));
    assert_eq!(outcome(&answer), "possible-match");
    assert_eq!(matches(&answer), ["possible registered"]);
    assert!(!answer.text("/matches/0/contact/now/phone").is_empty());
}

// -- A name that many have --------------------------------------------------------------------------------------------

/// Twenty people with one postcode, and sixty near by who are called alike: a question about that name at that postcode leads
/// to the twenty first, and none of them is meant.
fn a_common_name(app: &TestApp) {
    let people: Vec<[(String, String); 10]> = (0..80)
        .map(|number| {
            let (given, family, postcode) = match number {
                0..20 => (
                    ["Owain", "Cadog", "Idris", "Gwilym"][number % 4],
                    ["Bebb", "Kyffin", "Onllwyn", "Tudno", "Wogan"][number % 5],
                    "NP20 4QR",
                ),
                _ => ("Seren", "Maddocks", "NP20 4QX"),
            };
            [
                ("status", "registered".to_owned()),
                ("coordinator", "Alex Sample".to_owned()),
                ("id", format!("old-{number}")),
                ("given", given.to_owned()),
                ("family", family.to_owned()),
                ("dateOfBirth", format!("20{:02}-{:02}-{:02}", 10 + number % 14, 1 + number % 12, 1 + number % 28)),
                ("postcode", postcode.to_owned()),
                ("authority", NEWPORT.to_owned()),
                ("registeredOn", "2026-03-03".to_owned()),
                ("categories", "neglect".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
        })
        .collect();
    let rows: Vec<Vec<(&str, &str)>> =
        people.iter().map(|row| row.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()).collect();
    app.import(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    app.count_names();
}

fn about_the_common_name() -> Question {
    Question::about("Seren", "Maddocks").child("addresses", json!([{"postcode": "NP20 4QR"}]))
}

on_both!(a_name_that_many_have_is_looked_for_among_all_of_them, "[matching]\ncandidate_budget = 50\ncandidate_limit = 1000");
fn a_name_that_many_have_is_looked_for_among_all_of_them(app: &TestApp) {
    a_common_name(app);
    let answer = app.ask(&Caller::health(), &about_the_common_name());
    assert_eq!(outcome(&answer), "possible-match", "{}", answer.body);
    assert!(!advice(&answer).contains(&"search-narrowed".to_owned()));
}

on_both!(a_search_that_left_people_out_never_says_that_nobody_is_there, "[matching]\ncandidate_budget = 50\ncandidate_limit = 60");
fn a_search_that_left_people_out_never_says_that_nobody_is_there(app: &TestApp) {
    a_common_name(app);
    let answer = app.ask(&Caller::health(), &about_the_common_name());
    assert_eq!(outcome(&answer), "indeterminate", "{}", answer.body);
    assert_eq!(advice(&answer), ["indeterminate", "search-narrowed", "report-anyway"]);
    assert_eq!(answer.at("/coverage/0/status"), "refused");
    assert!(!answer.text("/coverage/0/contact/phone").is_empty());
    // What helps: a date leads to the children born then, whatever they are called.
    let dated = app.ask(&Caller::health(), &about_the_common_name().born("2023-02-14"));
    assert_ne!(outcome(&dated), "indeterminate", "{}", dated.body);
    let nobody = app.ask(&Caller::health(), &about_the_common_name().born("2006-07-30"));
    assert_ne!(outcome(&nobody), "indeterminate", "{}", nobody.body);
}

on_both_databases!(what_another_server_has_changed_is_what_a_child_is_compared_with);
fn what_another_server_has_changed_is_what_a_child_is_compared_with(kind: Backend) {
    let app = &mut TestApp::start(kind, "");
    let entered = app.register(&Child::usual());
    let alias = || Question::about("Peredur", "Tremain").born("2017-05-09").with("search", json!("own-region"));
    let asked = |app: &TestApp, question: &Question| outcome(&app.ask(&Caller::health(), question));
    // Both servers have compared the child now, and each has the record as it was.
    for _ in 0..2 {
        assert_ne!(asked(app, &alias()), "on-register");
        assert_eq!(asked(app, &Question::usual()), "on-register");
        app.turn_to_the_other();
    }
    let name = json!({"use": "alias", "given": "Peredur", "family": "Tremain"});
    app.custodian().change(&format!("/v1/children/{}/names", entered.child), "*", &name).expect(201);
    for _ in 0..2 {
        app.turn_to_the_other();
        assert_eq!(asked(app, &alias()), "on-register");
    }
    // A record that says the same of somebody who is no longer on the register is another one.
    let entry = format!("/v1/registrations/{}", entered.registration);
    let wrong = json!({"reason": "Entered for the wrong child"});
    app.custodian().change(&format!("{entry}/entered-in-error"), "*", &wrong).expect(200);
    for _ in 0..2 {
        app.turn_to_the_other();
        assert_eq!(asked(app, &Question::usual()), "not-on-register");
    }
}

on_both!(a_server_of_another_version_answers_nothing_and_changes_nothing_until_it_gives_way);
fn a_server_of_another_version_answers_nothing_and_changes_nothing_until_it_gives_way(app: &TestApp) {
    let entered = app.register(&Child::usual());
    assert_eq!(outcome(&app.ask(&Caller::health(), &Question::usual())), "on-register");
    // A server of a newer version has started and made the index anew: its keys are others, and so is its mark.
    app.database().execute("UPDATE match_key SET k = k - 1 WHERE k > -9000000000000000000").expect("other keys");
    app.database().execute("UPDATE setting SET value = 'another' WHERE name = 'matching.index-version'").expect("another version");
    let asked = app.as_caller(&Caller::health()).post("/v1/checks", &Question::usual().0).problem(503, "temporarily-unavailable");
    let entries = app.audit_of(&asked);
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].outcome.as_str(), entries[0].code.as_deref()), ("failed", Some("temporarily-unavailable")));
    app.custodian().post("/v1/children", &Child::named("Ffion", "Maddocks").0).problem(503, "temporarily-unavailable");
    let name = json!({"use": "alias", "given": "Peredur", "family": "Tremain"});
    app.custodian().change(&format!("/v1/children/{}/names", entered.child), "*", &name).problem(503, "temporarily-unavailable");
    app.anonymous().get("/health/ready").problem(503, "temporarily-unavailable");
    app.anonymous().get("/health/live").expect(200);
    assert_eq!(app.count("child"), 1);
    // The next one that starts makes the index anew; from then on everybody of its version answers.
    let _second = app.second();
    assert_eq!(outcome(&app.ask(&Caller::health(), &Question::usual())), "on-register");
    app.anonymous().get("/health/ready").expect(200);
    app.custodian().change(&format!("/v1/children/{}/names", entered.child), "*", &name).expect(201);
}

on_both!(what_an_earlier_version_packed_keeps_nobody_from_an_answer);
fn what_an_earlier_version_packed_keeps_nobody_from_an_answer(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let alert = json!({
        "registrationId": entered.registration, "path": "child-missing",
        "details": {"lastSeen": {"at": "2026-11-16T15:40:00Z"}, "risk": "high",
            "police": {"at": "2026-11-16T17:05:00Z", "name": "PC Rees", "reference": "GP-118834"},
            "manager": {"at": "2026-11-16T17:10:00Z", "name": "Delyth Morgan"}},
        "note": "She did not come home from school",
    });
    let raised = app.custodian().post("/v1/alerts", &alert).expect(201);
    let path = raised.header("location").expect("a location").to_owned();
    app.custodian().change(&format!("{path}/authorise"), "*", &json!({"note": "Agreed"})).expect(200);
    app.custodian().change(&format!("{path}/circulate"), "*", &json!({"note": "Serious harm is likely"})).expect(200);
    app.ask(&Caller::police(), &Question::usual());
    for (table, column) in [("alert", "body"), ("enquiry", "packed")] {
        let database = app.database();
        let is_sqlite = database.url().starts_with("sqlite:");
        let hex = if is_sqlite { format!("hex({column})") } else { format!("encode({column}, 'hex')") };
        let packed = database.texts(&format!("SELECT {hex} AS value FROM {table} WHERE {column} IS NOT NULL"));
        assert_eq!(packed.len(), 1, "{table}");
        let other = format!("00000000{}", &packed[0][8..]);
        let literal = if is_sqlite { format!("X'{other}'") } else { format!("'\\x{other}'") };
        database.execute(&format!("UPDATE {table} SET {column} = {literal} WHERE {column} IS NOT NULL")).expect("another version");
    }
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(outcome(&answer), "on-register");
    assert_eq!(answer.at("/matches/0/missingAlert/stale"), json!(false), "the alert is told: {}", answer.body);
    app.enter(&Child::usual().nhs("9990001014"));
}

// -- Grades -----------------------------------------------------------------------------------------------------------

on_both!(a_number_that_agrees_when_everything_else_differs_is_only_possible);
fn a_number_that_agrees_when_everything_else_differs_is_only_possible(app: &TestApp) {
    app.register(&Child::usual());
    let answer = app.ask(&Caller::health(), &Question::about("Kofi", "Mensah").born("2010-01-02").nhs("9990001006"));
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("possible-match", vec!["possible registered".to_owned()]));
    assert!(why(&answer).contains("check the number"), "{}", answer.body);
}

on_both!(an_address_is_told_as_the_same_only_when_the_street_agrees);
fn an_address_is_told_as_the_same_only_when_the_street_agrees(app: &TestApp) {
    app.register(&Child::named("Mabli", "Goronwy").born("2015-07-07").living_at(&["12 Albany Road", "Newport"], "NP19 8AB"));
    for (line, told) in [
        ("12 Albany Road", "address: the same"),
        ("12 Elm Road", "address: something alike"),
        ("14 Albany Road", "address: street or place agree, the house does not or is not known"),
    ] {
        let asked = Question::about("Mabli", "Goronwy").born("2015-07-07").child("addresses", json!([{"lines": [line, "Newport"]}]));
        let answer = app.ask(&Caller::health(), &asked);
        assert!(why(&answer).contains(&format!("{told}\"")), "{line}: {}", why(&answer));
    }
}

on_both!(a_stranger_is_not_on_the_register_when_only_the_own_region_was_to_be_asked);
fn a_stranger_is_not_on_the_register_when_only_the_own_region_was_to_be_asked(app: &TestApp) {
    app.register(&Child::usual());
    for search in [json!("own-region"), json!(["gwent"])] {
        let question = Question::about("Peredur", "Tremain").born("2016-06-21").with("search", search);
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(outcome(&answer), "not-on-register");
        assert_eq!(matches(&answer), Vec::<String>::new());
        assert_eq!(advice(&answer), ["not-on-register", "report-anyway"]);
        assert_eq!(answer.at("/coverage/0/region"), "gwent");
        assert_eq!(answer.at("/coverage/0/status"), "answered");
        assert_eq!(answer.list("/coverage").len(), 1);
    }
}

on_both!(absence_is_never_told_while_a_region_is_silent);
fn absence_is_never_told_while_a_region_is_silent(app: &TestApp) {
    let stranger = || Question::about("Peredur", "Tremain").born("2016-06-21");
    let federation =
        ["cardiff-and-vale", "cwm-taf-morgannwg", "gwent", "mid-and-west-wales", "north-wales", "west-glamorgan", "west-midlands"];
    for (search, regions) in [
        (Value::Null, federation.to_vec()),
        (json!("federation"), federation.to_vec()),
        (json!(["gwent", "north-wales"]), vec!["gwent", "north-wales"]),
        (json!(["north-wales"]), vec!["north-wales"]),
    ] {
        let answer = app.ask(&Caller::health(), &stranger().with("search", search));
        assert_eq!(outcome(&answer), "indeterminate");
        assert!(advice(&answer).contains(&"indeterminate".to_owned()));
        let coverage = answer.list("/coverage");
        let asked: Vec<_> = coverage.iter().map(|row| row["region"].as_str().expect("a region")).collect();
        assert_eq!(asked, regions);
        for row in coverage {
            let own = row["region"] == "gwent";
            assert_eq!(row["status"], if own { "answered" } else { "unreachable" });
            assert_eq!(row["asOf"].is_string(), own, "only who answered has read a register: {row}");
            assert_eq!(row["contact"]["phone"].is_string(), !own, "whom to ring where nobody answered: {row}");
        }
    }
}

on_both!(what_was_found_is_told_although_other_regions_are_silent);
fn what_was_found_is_told_although_other_regions_are_silent(app: &TestApp) {
    app.register(&Child::usual());
    let answer = app.ask(&Caller::health(), &Question::usual().everywhere());
    assert_eq!(outcome(&answer), "on-register");
    let silent = answer.list("/coverage").iter().filter(|row| row["status"] == "unreachable").count();
    assert_eq!(silent, 6);
    let possible = app.ask(&Caller::health(), &Question::about("Gwenllian", "Trahaearn").born("2012-12-01").everywhere());
    assert_eq!(outcome(&possible), "possible-match");
}

on_both!(a_child_registered_a_moment_ago_is_found);
fn a_child_registered_a_moment_ago_is_found(app: &TestApp) {
    assert_eq!(outcome(&app.ask(&Caller::health(), &Question::usual())), "not-on-register");
    let entered = app.enter(&Child::usual());
    assert_eq!(outcome(&app.ask(&Caller::health(), &Question::usual())), "not-on-register", "entered is not registered");
    app.custodian().post("/v1/registrations", &Entry::usual().child(&entered.child).0).expect(201);
    assert_eq!(outcome(&app.ask(&Caller::health(), &Question::usual())), "on-register");
}

on_both!(little_is_enough_to_find_a_child);
fn little_is_enough_to_find_a_child(app: &TestApp) {
    app.register(&Child::usual());
    let only = |part: &str, name: &str| Question::nobody().child("names", json!([{part: name}]));
    for (known, question) in [
        ("the number alone", Question::nobody().nhs("9990001006")),
        ("name and age", Question::about("Gwenllian", "Trahaearn").child("ageYears", json!(9))),
        ("name and a year too many", Question::about("Gwenllian", "Trahaearn").child("ageYears", json!(10))),
        ("name and year", Question::about("Gwenllian", "Trahaearn").born("2017")),
        ("name and month", Question::about("Gwenllian", "Trahaearn").born("2017-05")),
        (
            "name and range",
            Question::about("Gwenllian", "Trahaearn")
                .child("dateOfBirthFrom", json!("2016-01-01"))
                .child("dateOfBirthTo", json!("2018-12-31")),
        ),
        ("name and postcode", Question::about("Gwenllian", "Trahaearn").living_at(&[], "np204qr")),
        ("given name, date and sex", only("given", "Gwenllian").born("2017-05-09").sex("female")),
        ("family name, date and postcode", only("family", "Trahaearn").born("2017-05-09").living_at(&[], "NP20 4QR")),
    ] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(outcome(&answer), "on-register", "{known}: {}", answer.body);
    }
}

// -- Who may be meant -------------------------------------------------------------------------------------------------

on_both!(a_brother_sister_or_twin_is_at_most_possible);
fn a_brother_sister_or_twin_is_at_most_possible(app: &TestApp) {
    app.register(&Child::usual());
    let at_home = |question: Question| question.living_at(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR");
    for (who, question) in [
        ("a twin", at_home(Question::about("Heledd", "Trahaearn").born("2017-05-09").sex("female"))),
        ("a brother", at_home(Question::about("Macsen", "Trahaearn").born("2014-11-30").sex("male"))),
    ] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(matches(&answer), ["possible registered"], "{who}: {}", answer.body);
        assert_eq!(outcome(&answer), "possible-match", "{who}");
        assert!(advice(&answer).contains(&"possible-sibling".to_owned()), "{who}: {}", answer.body);
    }
}

on_both!(two_people_who_fit_equally_well_are_a_possible_match);
fn two_people_who_fit_equally_well_are_a_possible_match(app: &TestApp) {
    let rhydian = || Child::named("Rhydian", "Pugh").born("2016-02-02");
    app.register(&rhydian().living_at(&["1 Heol y Castell", "Newport"], "NP20 1FW"));
    let question = || Question::about("Rhydian", "Pugh").born("2016-02-02");
    assert_eq!(outcome(&app.ask(&Caller::health(), &question())), "on-register");
    app.register(&rhydian().of(TORFAEN).living_at(&["77 Commercial Road", "Cwmbran"], "NP44 2PE"));
    let answer = app.ask(&Caller::health(), &question());
    assert_eq!(outcome(&answer), "possible-match", "{}", answer.body);
    assert_eq!(answer.list("/matches").len(), 2);
    assert!(advice(&answer).contains(&"several-people".to_owned()));
    // An address tells them apart.
    let told_apart = app.ask(&Caller::health(), &question().living_at(&["77 Commercial Road", "Cwmbran"], "NP44 2PE"));
    assert_eq!(outcome(&told_apart), "on-register", "{}", told_apart.body);
    assert_eq!(told_apart.at("/matches/0/authority/code"), TORFAEN);
}

on_both!(entries_of_one_person_in_two_authorities_are_no_rivals);
fn entries_of_one_person_in_two_authorities_are_no_rivals(app: &TestApp) {
    app.register(&Child::usual());
    app.register(&Child::usual().of(TORFAEN));
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(answer.list("/matches").len(), 2);
    assert_eq!(outcome(&answer), "on-register", "{}", answer.body);
}

on_both!(a_former_entry_never_changes_the_outcome_and_is_told_as_policy_allows);
fn a_former_entry_never_changes_the_outcome_and_is_told_as_policy_allows(app: &TestApp) {
    // Scenario S6 of the procedures.
    app.register_formerly(&Child::usual());
    for (caller, told) in [
        (Caller::health(), true),
        (Caller::police(), true),
        (Caller::partner("ambulance"), true),
        (Caller::partner("cafcass"), true),
        (Caller::custodian(), true),
        (Caller::emergency_duty(), true),
        (Caller::partner("education"), false),
        (Caller::partner("probation"), false),
        (Caller::partner("youth-justice"), false),
    ] {
        let answer = app.ask(&caller, &Question::usual());
        assert_eq!(outcome(&answer), "not-on-register", "{}", caller.subject());
        let expected: &[&str] = if told { &["certain previously-registered"] } else { &[] };
        assert_eq!(matches(&answer), expected, "{}", caller.subject());
        assert_eq!(advice(&answer).contains(&"previously-registered".to_owned()), told, "{}", caller.subject());
    }
}

on_both!(a_former_entry_beside_a_current_one_does_not_hide_it);
fn a_former_entry_beside_a_current_one_does_not_hide_it(app: &TestApp) {
    let entered = app.register_formerly(&Child::usual());
    app.custodian()
        .post("/v1/registrations", &Entry::usual().with("registeredOn", json!("2026-09-01")).child(&entered.child).0)
        .expect(201);
    let answer = app.ask(&Caller::partner("education"), &Question::usual());
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("on-register", vec!["certain registered".to_owned()]));
    assert_eq!(answer.at("/matches/0/registeredOn"), "2026-09-01");
}

on_both!(an_unborn_child_is_found_by_the_mother);
fn an_unborn_child_is_found_by_the_mother(app: &TestApp) {
    app.register(&Child::unborn("2027-01-20").mother("Meinir", "Vaughan").living_at(&["9 Ton Road", "Cwmbran"], "NP44 7LE"));
    let mother =
        |given: &str| Question::nobody().because("maternity-booking").child("mother", json!({"given": given, "family": "Vaughan"}));
    for question in [
        mother("Meinir").child("expectedDeliveryDate", json!("2027-01-20")),
        mother("Meinir").child("expectedDeliveryDate", json!("2027-01-31")),
        mother("Meinir").living_at(&[], "NP44 7LE"),
    ] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!(outcome(&answer), "on-register", "{}", answer.body);
        assert!(matches(&answer)[0].ends_with(" unborn-registered"), "{}", answer.body);
        assert!(advice(&answer).contains(&"unborn".to_owned()));
    }
    let other_mother = Question::nobody().child("mother", json!({"given": "Tegwen", "family": "Bebb"}));
    let other = app.ask(&Caller::health(), &other_mother.child("expectedDeliveryDate", json!("2026-12-20")));
    assert_ne!(outcome(&other), "on-register", "{}", other.body);
}

on_both!(a_shielded_child_is_not_matched_by_a_hidden_address_and_no_place_is_told);
fn a_shielded_child_is_not_matched_by_a_hidden_address_and_no_place_is_told(app: &TestApp) {
    // Scenario S42 of the procedures.
    let open = &["27 Albany Place", "Newport"];
    let refuge = &["3 Clos Heulog", "Newport"];
    app.register(&Child::named("Mabli", "Goronwy").born("2015-07-07").shielded().living_at(open, "NP19 8AB").hidden_at(refuge, "NP18 2XJ"));
    app.register(&Child::named("Nonna", "Meredith").born("2015-03-03").living_at(&["5 Rhodfa'r Coed", "Newport"], "NP10 8QQ"));
    let shielded = |lines: &[&str], postcode: &str| {
        app.ask(&Caller::health(), &Question::about("Mabli", "Goronwy").born("2014-01-05").living_at(lines, postcode))
    };
    let without = app.ask(&Caller::health(), &Question::about("Mabli", "Goronwy").born("2014-01-05"));
    for (lines, postcode) in [(open, "NP19 8AB"), (refuge, "NP18 2XJ")] {
        let with = shielded(lines, postcode);
        assert_eq!(with.at("/matches/0/score"), without.at("/matches/0/score"), "the hidden address counts as evidence");
        assert_eq!(with.at("/matches/0/grade"), without.at("/matches/0/grade"));
        assert!(!why(&with).contains("address") && !why(&with).contains("postcode"), "{}", with.body);
        assert_eq!(with.at("/matches/0/shielded"), true);
        assert!(advice(&with).contains(&"shielded".to_owned()));
        for place in ["NP18", "Clos Heulog", "NP19", "Albany"] {
            assert!(!with.body.contains(place), "{place} stands in the answer");
        }
        // Nobody is found through the address alone, and no notice tells that somebody lives there.
        let other = app.ask(&Caller::health(), &Question::about("Kofi", "Mensah").living_at(lines, postcode));
        assert_eq!((outcome(&other).as_str(), matches(&other)), ("not-on-register", vec![]));
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM notice WHERE kind = 'enquiry-same-address'"), 0);
    // The same address of a child who is not shielded does count: otherwise the above would prove nothing.
    let plain = |question: Question| app.ask(&Caller::health(), &question);
    let nonna = || Question::about("Nonna", "Meredith").born("2014-01-05");
    assert!(why(&plain(nonna().living_at(&["5 Rhodfa'r Coed", "Newport"], "NP10 8QQ"))).contains("address"));
    assert_ne!(
        plain(nonna().living_at(&["5 Rhodfa'r Coed", "Newport"], "NP10 8QQ")).at("/matches/0/score"),
        plain(nonna()).at("/matches/0/score")
    );
}

on_both!(a_shielded_child_is_found_by_what_the_enquirer_could_see);
fn a_shielded_child_is_found_by_what_the_enquirer_could_see(app: &TestApp) {
    app.register(&Child::named("Mabli", "Goronwy").born("2015-07-07").shielded().living_at(&["27 Albany Place"], "NP19 8AB"));
    let answer = app.ask(&Caller::health(), &Question::about("Mabli", "Goronwy").born("2015-07-07"));
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("on-register", vec!["certain registered".to_owned()]));
}

on_both!(an_identity_closed_by_an_adoption_is_never_found);
fn an_identity_closed_by_an_adoption_is_never_found(app: &TestApp) {
    let entered = app.register_formerly(&Child::usual());
    let question = || Question::usual().nhs("9990001006");
    assert_eq!(matches(&app.ask(&Caller::custodian(), &question())), ["certain previously-registered"]);
    let etag = app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200).header("etag").expect("a tag").to_owned();
    app.custodian().change(&format!("/v1/children/{}/adoption", entered.child), &etag, &json!({"reason": "Adoption order"})).expect(200);
    let answer = app.ask(&Caller::custodian(), &question());
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("not-on-register", vec![]));
    // The new identity stands for itself: same date and number, another name, and no link to the old one.
    app.register(&Child::named("Lowri", "Bowen").born("2017-05-09"));
    let old = app.ask(&Caller::health(), &question());
    assert_ne!(outcome(&old), "on-register", "{}", old.body);
}

on_both!(an_entry_made_in_error_is_never_found);
fn an_entry_made_in_error_is_never_found(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = format!("/v1/registrations/{}", entered.registration);
    let etag = app.custodian().get(&path).expect(200).header("etag").expect("a tag").to_owned();
    app.custodian().change(&format!("{path}/entered-in-error"), &etag, &json!({"reason": "Another child was meant"})).expect(200);
    let answer = app.ask(&Caller::custodian(), &Question::usual().nhs("9990001006"));
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("not-on-register", vec![]), "{}", answer.body);
}

on_both!(a_temporary_entry_names_the_authority_at_home);
fn a_temporary_entry_names_the_authority_at_home(app: &TestApp) {
    app.register_with(&Child::usual(), Entry::temporary("west-glamorgan", SWANSEA));
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((outcome(&answer).as_str(), matches(&answer)), ("on-register", vec!["certain temporarily-registered".to_owned()]));
    assert_eq!(answer.at("/matches/0/authority"), json!({"code": SWANSEA, "name": "Swansea", "region": "west-glamorgan"}));
    assert!(advice(&answer).contains(&"temporary".to_owned()));
}

on_both!(of_a_child_whose_home_is_outside_the_federation_the_answer_says_whom_to_ring);
fn of_a_child_whose_home_is_outside_the_federation_the_answer_says_whom_to_ring(app: &TestApp) {
    // Leeds is in no region of the federation.
    let child = app.enter(&Child::usual()).child;
    app.custodian().post("/v1/registrations", &Entry::temporary("leeds", "E08000035").child(&child).0).expect(201);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((outcome(&answer), answer.text("/matches/0/status")), ("on-register".into(), "temporarily-registered".into()));
    assert_eq!((answer.text("/matches/0/authority/code"), answer.at("/matches/0/authority/region")), ("E08000035".into(), Value::Null));
    assert_eq!(answer.text("/matches/0/heldBy/code"), NEWPORT);
    assert!(!answer.text("/matches/0/contact/now/phone").is_empty(), "{}", answer.body);
}

on_both!(everyone_gets_the_same_minimum_answer);
fn everyone_gets_the_same_minimum_answer(app: &TestApp) {
    app.register(&Child::usual());
    let told = |caller: &Caller| {
        let mut answer = app.ask(caller, &Question::usual()).json();
        for own in ["id", "reference", "askedAt", "asOf", "validUntil", "receipt", "coverage", "earlierEnquiries", "advice"] {
            answer.as_object_mut().expect("an object").remove(own);
        }
        answer
    };
    let nurse = told(&Caller::health());
    for caller in [
        Caller::custodian(),
        Caller::emergency_duty(),
        Caller::of_region("senior-safeguarding-manager"),
        Caller::coordinator(),
        Caller::partner("education"),
    ] {
        assert_eq!(told(&caller), nurse, "{}", caller.subject());
    }
}

// -- Earlier enquiries ------------------------------------------------------------------------------------------------

on_both!(a_second_agency_is_told_of_the_first_and_the_custodian_gets_a_task);
fn a_second_agency_is_told_of_the_first_and_the_custodian_gets_a_task(app: &TestApp) {
    // Scenario S3 of the procedures.
    let question = || Question::about("Peredur", "Tremain").born("2016-06-21");
    let first = app.ask(&Caller::health(), &question());
    assert_eq!(first.at("/earlierEnquiries"), json!({"count": 0, "agencies": []}));
    let again = app.ask(&Caller::health(), &question());
    assert_eq!(again.at("/earlierEnquiries/count"), 0, "one's own enquiries are no news");
    assert_eq!(app.custodian().get("/v1/tasks").expect(200).list("/items").len(), 0);

    let second = app.ask(&Caller::police(), &question());
    assert_eq!(second.at("/earlierEnquiries/count"), 2);
    assert_eq!(second.at("/earlierEnquiries/agencies"), json!(["Gwent health service"]));
    assert_eq!(second.at("/earlierEnquiries/since"), first.at("/askedAt"));
    assert!(advice(&second).contains(&"earlier-enquiries".to_owned()));
    let tasks = app.custodian().get("/v1/tasks").expect(200).list("/items");
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (&tasks[0]["kind"], &tasks[0]["checkId"], &tasks[0]["status"]),
        (&json!("repeat-enquiry"), &second.at("/id"), &json!("open"))
    );

    let school = app.ask(&Caller::partner("education"), &question());
    assert_eq!(school.at("/earlierEnquiries/count"), 3);
    assert_eq!(school.at("/earlierEnquiries/agencies"), json!([]), "policy names no agencies to a school");
    let another_child = app.ask(&Caller::police(), &Question::about("Ffion", "Maddocks").born("2013-10-11"));
    assert_eq!(another_child.at("/earlierEnquiries/count"), 0);
}

on_both!(the_repeat_task_can_be_switched_off, "[enquiries]\nrepeat_raises_task = false");
fn the_repeat_task_can_be_switched_off(app: &TestApp) {
    let question = || Question::about("Peredur", "Tremain").born("2016-06-21");
    app.ask(&Caller::health(), &question());
    assert_eq!(app.ask(&Caller::police(), &question()).at("/earlierEnquiries/count"), 1);
    assert_eq!(app.custodian().get("/v1/tasks").expect(200).list("/items").len(), 0);
}

on_both!(earlier_enquiries_are_told_for_as_long_as_configured);
fn earlier_enquiries_are_told_for_as_long_as_configured(app: &TestApp) {
    let question = || Question::about("Peredur", "Tremain").born("2016-06-21");
    app.ask(&Caller::health(), &question());
    app.set_clock("2027-02-15T09:00:00Z");
    assert_eq!(app.ask(&Caller::police(), &question()).at("/earlierEnquiries/count"), 1, "just within 90 days");
    app.set_clock("2027-02-15T11:00:00Z");
    assert_eq!(
        app.ask(&Caller::partner("education"), &question()).at("/earlierEnquiries/count"),
        1,
        "the nurse's is too old, the officer's is not"
    );
}

on_both!(enquiries_about_a_registered_child_are_counted_but_raise_no_task);
fn enquiries_about_a_registered_child_are_counted_but_raise_no_task(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let second = app.ask(&Caller::police(), &Question::nobody().nhs("9990001006"));
    assert_eq!(second.at("/earlierEnquiries/count"), 1, "{}", second.body);
    assert_eq!(app.custodian().get("/v1/tasks").expect(200).list("/items").len(), 0);
}

// -- Whom to ring, and in which language ------------------------------------------------------------------------------

on_both!(the_number_to_ring_is_that_of_this_minute);
fn the_number_to_ring_is_that_of_this_minute(app: &TestApp) {
    app.register(&Child::usual());
    let asked = app.ask(&Caller::health(), &Question::usual());
    let path = format!("/v1/checks/{}", asked.text("/id"));
    for (now, expected) in [
        ("2026-11-18T02:10:00Z", "outOfHours"),
        ("2026-11-17T10:00:00Z", "office"),
        ("2026-11-21T10:00:00Z", "outOfHours"),
        ("2026-12-28T10:00:00Z", "outOfHours"),
        ("2027-06-01T07:31:00Z", "office"),
        ("2027-06-01T16:01:00Z", "outOfHours"),
        ("2040-03-06T10:00:00Z", "outOfHours"),
    ] {
        app.set_clock(now);
        // Both in a new answer and in one that is read again.
        for answer in [app.ask(&Caller::health(), &Question::usual()), app.health().get(&path).expect(200)] {
            let contact = answer.at("/matches/0/contact");
            assert_eq!(contact["now"], contact[expected], "{now}");
            assert_ne!(contact["office"], contact["outOfHours"]);
        }
    }
}

on_both!(words_are_welsh_or_english_and_codes_are_neither);
fn words_are_welsh_or_english_and_codes_are_neither(app: &TestApp) {
    app.register(&Child::usual());
    let ask = |language: &str| {
        app.health()
            .request(Method::POST, "/v1/checks")
            .key(&uuid::Uuid::now_v7().to_string())
            .header("accept-language", language)
            .json(&Question::usual().0)
            .send()
            .expect(201)
    };
    let (english, welsh) = (ask("en-GB,en;q=0.9"), ask("cy,en;q=0.5"));
    assert_eq!((english.header("content-language"), welsh.header("content-language")), (Some("en"), Some("cy")));
    assert_eq!(english.at("/matches/0/authority/name"), "Newport");
    assert_eq!(welsh.at("/matches/0/authority/name"), "Casnewydd");
    for pointer in ["/outcome", "/matches/0/grade", "/matches/0/status", "/matches/0/authority/code", "/reason"] {
        assert_eq!(english.at(pointer), welsh.at(pointer), "{pointer}");
    }
    assert_eq!(advice(&english), advice(&welsh));
    for (left, right) in english.list("/advice").iter().zip(welsh.list("/advice")) {
        assert_ne!(left["text"], right["text"], "not translated: {left}");
    }
    assert_ne!(why(&english), why(&welsh));
    // A stored answer is read in the reader's language.
    let again =
        app.health().request(Method::GET, welsh.header("location").expect("a place")).header("accept-language", "en").send().expect(200);
    assert_eq!(again.at("/matches/0/authority/name"), "Newport");
}

// -- Reading a check again --------------------------------------------------------------------------------------------

on_both!(a_check_is_read_by_its_asker_and_the_custodian_and_is_nothing_to_anybody_else);
fn a_check_is_read_by_its_asker_and_the_custodian_and_is_nothing_to_anybody_else(app: &TestApp) {
    app.register(&Child::usual());
    let asked = app.ask(&Caller::health(), &Question::usual().with("caseReference", json!("ED-2026-11843")));
    let path = format!("/v1/checks/{}", asked.text("/id"));

    let again = app.health().get(&path).expect(200);
    assert_eq!(again.json(), asked.json());
    assert_eq!(again.header("etag"), Some("\"1\""));
    assert_eq!(again.at("/caseReference"), "ED-2026-11843");

    let custodian = app.custodian().get(&path).expect(200);
    assert_eq!(custodian.at("/enquirer/agency"), "Gwent health service");
    assert_eq!(custodian.at("/enquirer/person"), Caller::health().key());
    assert_eq!(custodian.at("/question/child/names/0/given"), "Gwenllian");

    let colleague = Caller::health().named("another-nurse");
    let none = "/v1/checks/01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35";
    let mut bodies = BTreeSet::new();
    for (caller, path) in [
        (colleague.clone(), path.as_str()),
        (Caller::police(), path.as_str()),
        (Caller::emergency_duty(), path.as_str()),
        (Caller::police(), none),
        (Caller::custodian(), none),
        (Caller::police(), "/v1/checks/not-an-id"),
        (Caller::police(), "/v1/checks/00000000-0000-0000-0000-000000000000"),
        (Caller::police(), "/v1/checks/%00"),
    ] {
        let refused = app.as_caller(&caller).get(path).problem(404, "not-found");
        let mut body = refused.json();
        body["instance"] = json!("");
        bodies.insert(body.to_string());
        let audit = app.audit_of(&refused);
        assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("not-found")), "{path}");
    }
    assert_eq!(bodies.len(), 1, "what may not be known looks like what does not exist: {bodies:?}");
}

on_both!(checks_are_listed_newest_first_page_by_page);
fn checks_are_listed_newest_first_page_by_page(app: &TestApp) {
    assert_eq!(app.health().get("/v1/checks").expect(200).json(), json!({"items": [], "links": {}}));
    let asked: Vec<_> = (0..5).map(|_| app.ask(&Caller::health(), &Question::about("Peredur", "Tremain").born("2016-06-21"))).collect();
    app.ask(&Caller::police(), &Question::about("Ffion", "Maddocks").born("2013-10-11"));
    let newest_first: Vec<_> = asked.iter().rev().map(|answer| answer.text("/id")).collect();

    let mut read = Vec::new();
    let mut sizes = Vec::new();
    let mut next = Some("/v1/checks?limit=2".to_owned());
    while let Some(path) = next {
        let page = app.health().get(&path).expect(200);
        let items = page.list("/items");
        sizes.push(items.len());
        read.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        next = page.at("/links/next").as_str().map(str::to_owned);
        assert!(sizes.len() <= 3, "the pages do not end");
    }
    assert_eq!((read, sizes), (newest_first, vec![2, 2, 1]));

    let all = app.custodian().get("/v1/checks").expect(200).list("/items");
    assert_eq!(all.len(), 6, "the custodian reads the enquiry log of the region");
    assert_eq!(all[0]["agency"], "Gwent police service");
    let reference = asked[2].text("/reference");
    let one = app.health().get(&format!("/v1/checks?reference={reference}")).expect(200);
    assert_eq!(one.list("/items").len(), 1);
    assert_eq!(one.at("/items/0/id"), asked[2].at("/id"));
    assert_eq!(app.police().get(&format!("/v1/checks?reference={reference}")).expect(200).list("/items").len(), 0);
}

on_both!(two_checks_that_come_to_the_same_reference_are_both_kept_and_listed);
fn two_checks_that_come_to_the_same_reference_are_both_kept_and_listed(app: &TestApp) {
    let [one, other] = [0, 1].map(|_| app.ask(&Caller::health(), &Question::about("Peredur", "Tremain").born("2016-06-21")));
    let reference = one.text("/reference");
    // Forty random bits do not collide in a test; that the database would take it is what matters.
    let same = format!("UPDATE enquiry SET reference = '{reference}' WHERE id = '{}'", other.text("/id"));
    app.database().execute(&same).expect("two checks with one reference");
    let listed = app.health().get(&format!("/v1/checks?reference={reference}")).expect(200).list("/items");
    assert_eq!(listed.iter().map(|check| check["id"].clone()).collect::<Vec<_>>(), [other.at("/id"), one.at("/id")]);
}

on_both!(a_query_that_is_not_understood_is_refused);
fn a_query_that_is_not_understood_is_refused(app: &TestApp) {
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=AAAA", "unknown=1", "reference=x", "limit=1&limit=2"] {
        app.health().get(&format!("/v1/checks?{query}")).problem(400, "malformed-query");
    }
}

// -- Several at once --------------------------------------------------------------------------------------------------

on_both!(a_batch_is_answered_in_the_order_of_its_questions);
fn a_batch_is_answered_in_the_order_of_its_questions(app: &TestApp) {
    app.register(&Child::usual());
    let stranger = Question::about("Peredur", "Tremain").born("2016-06-21");
    let questions = [stranger.0.clone(), Question::usual().0, stranger.everywhere().0];
    let answer = app.health().post("/v1/checks/batch", &json!({"checks": questions})).expect(201);
    let outcomes: Vec<_> = answer.list("/items").iter().map(|item| item["outcome"].clone()).collect();
    assert_eq!(outcomes, ["not-on-register", "on-register", "indeterminate"]);
    for item in answer.list("/items") {
        let again = app.health().get(&format!("/v1/checks/{}", item["id"].as_str().expect("an id"))).expect(200);
        assert_eq!(again.json(), item);
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM notice WHERE kind = 'enquiry'"), 1, "each is told like any other");
    assert_eq!(app.audit_of(&answer).len(), 1);
    assert!(app.audit_of(&answer)[0].record.contains("\"children\":[\""), "the entry names the child who was found");
}

on_both!(a_batch_with_a_mistake_does_nothing_and_names_the_place);
fn a_batch_with_a_mistake_does_nothing_and_names_the_place(app: &TestApp) {
    let good = Question::usual().0;
    let batch = |questions: Vec<Value>| app.health().post("/v1/checks/batch", &json!({"checks": questions}));
    let bad = Question::about("Gwenllian", "Trahaearn").born("2017-02-30").0;
    assert_eq!(batch(vec![good.clone(), bad]).problem(422, "invalid").mistakes(), ["/checks/1/child/dateOfBirth impossible-date"]);
    let little = Question::about("Gwenllian", "Trahaearn").0;
    assert_eq!(batch(vec![good.clone(), good.clone(), little]).problem(422, "invalid").mistakes(), ["/checks/2/child insufficient"]);
    assert_eq!(batch(vec![]).problem(422, "invalid").mistakes(), ["/checks missing"]);
    assert_eq!(batch(vec![good; 51]).problem(422, "invalid").mistakes(), ["/checks too-many-items"]);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
}

// -- The receipt and the audit log ------------------------------------------------------------------------------------

on_both!(a_receipt_binds_the_question_the_answer_and_the_time);
fn a_receipt_binds_the_question_the_answer_and_the_time(app: &TestApp) {
    app.register(&Child::usual());
    let answer = app.ask(&Caller::health(), &Question::usual().everywhere());
    let receipt = answer.text("/receipt");
    let keys: JwkSet = serde_json::from_str(&app.anonymous().get("/.well-known/jwks.json").expect(200).body).expect("a key set");
    let kid = jsonwebtoken::decode_header(&receipt).expect("a header").kid.expect("a key identifier");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key is published")).expect("a key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Value>(&receipt, &key, &validation).expect("the signature holds").claims;
    for (claim, pointer) in
        [("jti", "/id"), ("askedAt", "/askedAt"), ("asOf", "/asOf"), ("validUntil", "/validUntil"), ("outcome", "/outcome")]
    {
        assert_eq!(claims[claim], answer.at(pointer), "{claim}");
    }
    assert_eq!(claims["iss"], "gwent");
    let statuses = |rows: &Value| -> Vec<_> {
        rows.as_array().expect("rows").iter().map(|row| (row["region"].clone(), row["status"].clone())).collect()
    };
    assert_eq!(statuses(&claims["coverage"]), statuses(&answer.at("/coverage")));
    // The question is bound by a salted digest, so that the receipt itself says nothing of the child.
    let mut hashed = hex::decode(claims["salt"].as_str().expect("a salt")).expect("hexadecimal");
    hashed.extend_from_slice(app.database().texts("SELECT question AS value FROM enquiry")[0].as_bytes());
    assert_eq!(claims["question"], hex::encode(digest::digest(&digest::SHA256, &hashed)));
    let audit = app.audit_of(&answer);
    assert!(audit[0].record.contains(&format!("\"id\":\"{}\"", claims["audit"].as_str().expect("an entry"))));
    // A changed receipt does not verify.
    let (signed, _) = receipt.rsplit_once('.').expect("three parts");
    let (head, _) = signed.split_once('.').expect("two parts");
    let other = app.ask(&Caller::health(), &Question::about("Peredur", "Tremain").born("2016-06-21")).text("/receipt");
    let parts: Vec<_> = other.split('.').collect();
    let spliced = format!("{head}.{}.{}", parts[1], receipt.rsplit_once('.').expect("three parts").1);
    assert!(jsonwebtoken::decode::<Value>(&spliced, &key, &validation).is_err());
}

on_both!(a_check_is_in_the_audit_log_with_its_purpose_and_whom_it_touched);
fn a_check_is_in_the_audit_log_with_its_purpose_and_whom_it_touched(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let found = app.ask(&Caller::health(), &Question::usual());
    let entry = &app.audit_of(&found)[0];
    assert_eq!((entry.operation.as_str(), entry.outcome.as_str()), ("askCheck", "granted"));
    assert_eq!(entry.subject.as_deref(), Some("partner-health"));
    assert_eq!(entry.reason.as_deref(), Some("hospital-attendance"));
    assert_eq!(entry.enquiry_id, Some(found.text("/id")));
    assert!(entry.record.contains(&entered.child));
    let nothing = app.ask(&Caller::health(), &Question::about("Peredur", "Tremain").born("2016-06-21"));
    let entry = &app.audit_of(&nothing)[0];
    assert_eq!((entry.outcome.as_str(), entry.enquiry_id.clone()), ("empty", Some(nothing.text("/id"))), "no match is an event too");
}

on_both!(a_twin_whose_name_is_like_the_registered_one_is_at_most_possible);
fn a_twin_whose_name_is_like_the_registered_one_is_at_most_possible(app: &TestApp) {
    app.register(&Child::named("Elin", "Parry-Jones").born("2020-08-16").sex("female").living_at(&["2 Maes yr Haf"], "NP7 5EW"));
    let twin = Question::about("Erin", "Parry-Jones").born("2020-08-16").living_at(&["2 Maes yr Haf"], "NP7 5EW");
    let answer = app.ask(&Caller::health(), &twin).expect(201);
    assert_eq!(answer.text("/outcome"), "possible-match", "{}", answer.body);
    assert_eq!(answer.text("/matches/0/grade"), "possible");
    let why = answer.list("/matches/0/why");
    assert!(why[0].as_str().is_some_and(|words| words.contains("twin")), "{why:?}");
    // A slip of the pen that is nobody's name is still the child.
    let slip = Question::about("Elni", "Parry-Jones").born("2020-08-16").living_at(&["2 Maes yr Haf"], "NP7 5EW");
    assert_eq!(app.ask(&Caller::health(), &slip).expect(201).text("/outcome"), "on-register");
}
