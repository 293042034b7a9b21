//! Returns: counted from what the register knew at an instant, the same to the byte when asked again, and nobody to be recognised
//! in what the public gets (domain notes, part 8; invariants I16 and I18; scenario S39).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::people::{Child, Conference, Entry, full};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};
use crate::support::{on_both, on_both_databases};

const WALES: &str = "/v1/statistics/wales-register";
const CIN: &str = "/v1/statistics/cin-plans";

fn read(app: &TestApp, caller: &Caller, path: &str, accept: &str) -> Answer {
    app.as_caller(caller).request(Method::GET, path).header("accept", accept).send()
}

fn statistics() -> Caller {
    Caller::of_region("statistics")
}

/// Enters a child of an authority who has been on its register since before 31 March 2026.
fn registered(app: &TestApp, number: usize, authority: &str, sex: &str, category: &str) -> String {
    let child = Child::named("Ceinwen", &format!("Maddocks{number}")).of(authority).born("2019-06-21").sex(sex);
    app.register_with(&child, Entry::of(authority).with("categories", json!([category]))).child
}

/// The value at the labels of a table.
fn value(answer: &Answer, table: &str, labels: &Value) -> Value {
    let tables = answer.list("/tables");
    let table = tables.iter().find(|one| one["code"] == table).expect("a table");
    let is_there = |row: &&Value| labels.as_object().expect("labels").iter().all(|(name, label)| row[name] == *label);
    table["rows"].as_array().expect("rows").iter().find(is_there).expect("a row")["value"].clone()
}

on_both!(a_return_made_twice_as_known_at_one_instant_is_the_same_to_the_byte);
fn a_return_made_twice_as_known_at_one_instant_is_the_same_to_the_byte(app: &TestApp) {
    for number in 0..3 {
        registered(app, number, NEWPORT, "female", "neglect");
    }
    let first = app.custodian().get(WALES).expect(200);
    let known_at = first.text("/knownAt");
    assert_eq!(
        (first.text("/to"), first.text("/from"), first.text("/audience")),
        ("2026-03-31".into(), "2025-04-01".into(), "internal".into())
    );
    assert_eq!(first.header("cofrestr-known-at"), Some(known_at.as_str()));
    let on_register = json!({"authority": NEWPORT, "category": "neglect", "sex": "female"});
    assert_eq!(value(&first, "on-register-by-category-and-sex", &on_register), 3);

    // What is learned later changes later answers, and not this one: S39, I18.
    app.set_clock("2026-11-18T10:00:00Z");
    let late = registered(app, 3, NEWPORT, "female", "neglect");
    let error = registered(app, 4, NEWPORT, "female", "neglect");
    let entries = app.custodian().get("/v1/registrations?limit=200").expect(200).list("/items");
    let of = |child: &str| entries.iter().find(|entry| entry["childId"] == child).expect("an entry")["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/registrations/{}/entered-in-error", of(&error));
    app.custodian().change(&path, "\"1\"", &json!({"reason": "Entered twice by mistake"})).expect(200);
    app.custodian().change(&format!("/v1/children/{error}/entered-in-error"), "\"1\"", &json!({"reason": "A mistake"})).expect(200);
    assert!(!late.is_empty());
    for accept in ["application/json", "text/csv"] {
        let again = |known: &str| read(app, &Caller::custodian(), &format!("{WALES}?knownAt={known}"), accept).expect(200).body;
        assert_eq!(again(&known_at), again(&known_at), "{accept}");
        if accept == "application/json" {
            assert_eq!(again(&known_at), first.body, "as it was answered then");
        }
    }
    let now = app.custodian().get(WALES).expect(200);
    assert_eq!(value(&now, "on-register-by-category-and-sex", &on_register), 4, "one more, and not the one entered in error");
    let audit = app.audit_of(&now);
    assert_eq!((audit[0].operation.as_str(), audit[0].outcome.as_str()), ("readStatistics", "granted"));
    assert!(audit[0].record.contains("[\"people\",\"4\"]") && audit[0].record.contains("[\"return\",\"wales-register\"]"));
    for child in [&late, &error] {
        assert!(!audit[0].record.contains(child.as_str()), "a count names nobody");
    }
}

on_both!(records_of_one_child_are_one_history_as_it_was_known);
fn records_of_one_child_are_one_history_as_it_was_known(app: &TestApp) {
    let former = app.enter(&Child::usual()).child;
    app.registered_between(&former, "2025-01-14", "2025-12-01");
    let again = app.register(&Child::named("Gwenlian", "Trahaearn").born("2017-05-09").sex("female")).child;
    let people = |known: &str| {
        let made = app.custodian().get(&format!("{WALES}{known}")).expect(200);
        let record = app.audit_of(&made)[0].record.clone();
        (made, record.split("[\"people\",\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a count").to_owned())
    };
    let (before, count) = people("");
    assert_eq!(count, "2");
    let one_child = json!({"otherChildId": former, "reason": "The health visitor confirms that there is one child"});
    app.custodian().change(&format!("/v1/children/{again}/merges"), "*", &one_child).expect(201);
    assert_eq!(people("").1, "1");
    let (as_known, count) = people(&format!("?knownAt={}", before.text("/knownAt")));
    assert_eq!((as_known.body, count.as_str()), (before.body, "2"), "what was known then stays so");
}

on_both!(the_unborn_are_counted_by_themselves_and_temporary_entries_elsewhere);
fn the_unborn_are_counted_by_themselves_and_temporary_entries_elsewhere(app: &TestApp) {
    app.set_clock("2026-03-20T10:00:00Z");
    let unborn = Child::unborn("2026-06-30").mother("Chwerthin", "Maddocks");
    let entry = Entry::usual().with("conference", json!({"heldOn": "2026-03-03", "kind": "pre-birth", "authority": NEWPORT}));
    app.register_with(&unborn, entry);
    registered(app, 1, NEWPORT, "male", "physical");
    app.register_with(&Child::named("Guto", "Penllyn").born("2020-01-02"), Entry::temporary("west-glamorgan", "W06000011"));
    app.set_clock("2026-11-17T10:00:00Z");
    let made = app.custodian().get(WALES).expect(200);
    let of_age = |age: &str| value(&made, "on-register-by-age", &json!({"authority": NEWPORT, "age": age}));
    assert_eq!((of_age("unborn"), of_age("5 to 9"), of_age("all")), (json!(1), of_age("5 to 9"), json!(2)));
    let moved = |movement: &str| value(&made, "movement", &json!({"authority": NEWPORT, "movement": movement}));
    assert_eq!((moved("added"), moved("removed")), (json!(2), json!(0)), "the home authority counts the child who stays here");
}

on_both!(the_public_is_told_no_small_number_and_no_total_that_gives_one_away);
fn the_public_is_told_no_small_number_and_no_total_that_gives_one_away(app: &TestApp) {
    for number in 0..6 {
        registered(app, number, NEWPORT, "female", "neglect");
    }
    registered(app, 6, NEWPORT, "male", "neglect");
    for number in 7..15 {
        registered(app, number, TORFAEN, "male", "emotional");
    }
    let internal = app.custodian().get(WALES).expect(200);
    let public = app.as_caller(&statistics()).get(WALES).expect(200);
    assert_eq!(public.text("/audience"), "public");
    let of = |answer: &Answer, authority: &str, sex: &str| {
        value(answer, "on-register-by-category-and-sex", &json!({"authority": authority, "category": "neglect", "sex": sex}))
    };
    assert_eq!(
        (of(&internal, NEWPORT, "male"), of(&internal, NEWPORT, "female"), of(&internal, NEWPORT, "all")),
        (json!(1), json!(6), json!(7))
    );
    // 6 of 7 would tell of the one boy: what stands beside him is hidden too.
    assert_eq!(of(&public, NEWPORT, "male"), "c");
    assert!(of(&public, NEWPORT, "female") == "c" || of(&public, NEWPORT, "all") == "c");
    for table in public.list("/tables") {
        for row in table["rows"].as_array().expect("rows") {
            assert!(
                row["value"] == "c" || row["value"].is_null() || row["value"].as_f64() == Some(0.0) || row["value"].as_f64() > Some(5.0),
                "{row}"
            );
        }
    }
    // A custodian gets the same public version, and the role for statistics never the internal one.
    let again = app.custodian().get(&format!("{WALES}?audience=public&knownAt={}", public.text("/knownAt"))).expect(200);
    assert_eq!(again.body, public.body);
    app.as_caller(&statistics()).get(&format!("{WALES}?audience=internal")).problem(403, "operation-not-allowed");
    // Of two counts a day apart, the difference would tell of one child.
    for query in ["?on=2026-03-30", "?from=2026-01-01&to=2026-03-31", "?audience=public&on=2026-06-30"] {
        app.as_caller(&statistics()).get(&format!("{WALES}{query}")).problem(400, "malformed-query");
    }
}

on_both!(quarterly_tables_have_their_own_days_and_every_child_once);
fn quarterly_tables_have_their_own_days_and_every_child_once(app: &TestApp) {
    registered(app, 1, NEWPORT, "male", "physical");
    let made = app.custodian().get("/v1/statistics/northern-ireland-quarterly").expect(200);
    assert_eq!(made.text("/to"), "2026-09-30");
    for table in ["quarter-by-age", "quarter-by-category", "quarter-by-time", "quarter-by-legal-status"] {
        let tables = made.list("/tables");
        let rows = tables.iter().find(|one| one["code"] == table).expect("a table")["rows"].as_array().expect("rows").clone();
        assert_eq!(rows[0]["value"], 1, "{table}");
    }
    let csv = read(app, &Caller::custodian(), "/v1/statistics/northern-ireland-quarterly?on=2026-03-31", "text/csv").expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(
        csv.body.starts_with("table,authority,dimension,label,dimension2,label2,value\r\nquarter-by-age,all,age,all,,,1\r\n"),
        "{}",
        csv.body
    );
}

on_both!(nobody_gets_figures_beyond_their_authorities_their_role_or_the_days_that_have_come);
fn nobody_gets_figures_beyond_their_authorities_their_role_or_the_days_that_have_come(app: &TestApp) {
    registered(app, 1, NEWPORT, "male", "physical");
    let of_torfaen = Caller::of_authority("custodian", TORFAEN);
    let made = app.as_caller(&of_torfaen).get(WALES).expect(200);
    assert_eq!(made.list("/authorities"), [json!(TORFAEN)]);
    assert_eq!(value(&made, "on-register-by-age", &json!({"authority": "all", "age": "all"})), 0);
    app.as_caller(&of_torfaen).get(&format!("{WALES}?authority={NEWPORT}")).problem(404, "not-found");
    app.custodian().get(&format!("{WALES}?authority=W06000011")).problem(404, "not-found");
    app.custodian().get("/v1/statistics/nothing").problem(404, "not-found");
    for query in [
        "?on=2026-11-18",
        "?on=2026-02-30",
        "?on=2026-03-31&to=2026-03-31",
        "?from=2026-04-01&to=2026-03-31",
        "?audience=all",
        "?knownAt=yesterday",
        "?knownAt=2100-01-01T00:00:00Z",
        "?authority=Newport",
        "?nonsense=1",
    ] {
        app.custodian().get(&format!("{WALES}{query}")).problem(400, "malformed-query");
    }
    for (path, accept) in [(WALES, "application/xml"), (WALES, "text/html"), (CIN, "text/csv"), (WALES, "text/csv;q=0")] {
        read(app, &Caller::custodian(), path, accept).problem(406, "not-acceptable");
    }
    // No authority of Wales has a number at the Department for Education.
    app.custodian().get(&format!("{CIN}?authority={NEWPORT}")).problem(404, "not-found");
    // Records of children are for the custodian alone.
    for role in ["statistics", "senior-safeguarding-manager"] {
        for query in ["", "?audience=public", "?audience=internal", "?authority=W06000022"] {
            app.as_caller(&Caller::of_region(role)).get(&format!("{CIN}{query}")).problem(403, "operation-not-allowed");
        }
    }
}

/// Registers a child after an enquiry under section 47, under two categories of which one is taken back before the census.
fn enquired_and_changed(app: &TestApp) {
    let third = Child::named("Osian", "Tudur")
        .born("2014-05-05")
        .sex("male")
        .with("ethnicity", json!("WBRI"))
        .with("disabilities", json!([]))
        .with("upnUnknown", json!("UN1"))
        .with("referral", json!({"receivedOn": "2026-02-02", "source": "6", "primaryNeed": "N1"}));
    let child = app.enter(&third).child;
    let enquiry = json!({
        "childId": child, "authority": NEWPORT, "referralOn": "2026-02-02", "strategyDiscussionOn": "2026-02-03",
        "decidedOn": "2026-02-03", "startedOn": "2026-02-04", "outcome": "conference", "outcomeOn": "2026-02-16",
    });
    let enquiry = app.custodian().post("/v1/section-47-enquiries", &enquiry).expect(201);
    let mut decision = full(json!(["neglect", "physical"]));
    decision["section47Id"] = enquiry.at("/id");
    let held = app.hold(&Conference::held("initial", "2026-03-03").decides(&child, "registered", decision));
    let entry = held.text("/decisions/0/registrationId");
    let changed = json!({"categories": ["physical"], "from": "2026-03-20"});
    app.custodian().put(&format!("/v1/registrations/{entry}/categories"), "\"1\"", &changed).expect(200);
}

on_both_databases!(the_census_tells_what_is_recorded_and_names_what_is_not);
fn the_census_tells_what_is_recorded_and_names_what_is_not(kind: Backend) {
    // The founding members, with a number for Newport: no test runs an English region over HTTP.
    let members = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/regions.toml")).unwrap();
    let members = members.replace("gss = \"W06000022\",", "gss = \"W06000022\", lea = 680,");
    let path = std::env::temp_dir().join(format!("cofrestr-members-{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(&path, members).unwrap();
    let app = TestApp::start(kind, &format!("[members]\nfile = {path:?}"));
    census(&app);
    // Its configuration is read once more when it ends.
    drop(app);
    std::fs::remove_file(path).unwrap();
}

fn census(app: &TestApp) {
    let full = Child::named("Ceinwen", "Maddocks")
        .born("2022-06-21")
        .sex("female")
        .with("ethnicity", json!("WBRI"))
        .with("disabilities", json!(["AUT", "LD"]))
        .with("upnUnknown", json!("UN1"))
        .with("referral", json!({"receivedOn": "2026-02-10", "source": "3E", "primaryNeed": "N1"}))
        .hidden_at(&["Lloches Dan Glo", "Casnewydd"], "NP20 9ZZ");
    let entered = app.register(&full);
    let shown = app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200);
    assert_eq!(
        (shown.text("/ethnicity"), shown.at("/disabilities"), shown.text("/upnUnknown")),
        ("WBRI".into(), json!(["AUT", "LD"]), "UN1".into())
    );
    assert_eq!(shown.at("/referrals"), json!([{"receivedOn": "2026-02-10", "source": "3E", "primaryNeed": "N1"}]));
    let bare = app.register(&Child::named("Guto", "Penllyn").born("2015-01-02"));
    enquired_and_changed(app);

    let path_of = format!("{CIN}?authority={NEWPORT}");
    let made = app.custodian().get(&path_of).expect(200);
    assert_eq!((made.text("/to"), made.at("/plansInForce")), ("2026-03-31".into(), json!(3)));
    let digits = |id: &str| id.replace('-', "")[12..].to_uppercase();
    let gaps = made.list("/gaps");
    assert!(gaps.iter().all(|gap| gap["laChildId"] == digits(&bare.child).as_str()), "{gaps:?}");
    let missing: Vec<&str> = gaps.iter().map(|gap| gap["missing"].as_str().unwrap()).collect();
    assert_eq!(missing, ["referral", "ethnicity", "disability", "pupil-number"]);
    let xml = read(app, &Caller::custodian(), &format!("{path_of}&knownAt={}", made.text("/knownAt")), "application/xml").expect(200);
    assert_eq!(xml.body, made.text("/document"));
    assert_eq!((xml.header("content-type"), xml.header("cofrestr-gaps")), (Some("application/xml"), Some("4")));
    for part in [
        "<LEA>680</LEA>",
        "<UPNunknown>UN1</UPNunknown>",
        "<Ethnicity>WBRI</Ethnicity>",
        "<Disability>LD</Disability>",
        "<CINreferralDate>2026-02-10</CINreferralDate>",
        "<ReferralSource>3E</ReferralSource>",
        "<DateOfInitialCPC>2026-03-03</DateOfInitialCPC>",
        "<S47ActualStartDate>2026-02-04</S47ActualStartDate>",
        // Fifteen working days after the strategy discussion.
        "<InitialCPCtarget>2026-02-24</InitialCPCtarget>",
        "<InitialCategoryOfAbuse>MUL</InitialCategoryOfAbuse>",
        "<LatestCategoryOfAbuse>PHY</LatestCategoryOfAbuse>",
    ] {
        assert!(xml.body.contains(part), "{part}");
    }
    // Neither a name nor where somebody lives: I16.
    for hidden in ["Maddocks", "Ceinwen", "Lloches", "NP20", entered.child.as_str()] {
        assert!(!xml.body.contains(hidden), "{hidden}");
    }
    app.custodian().get(&format!("{path_of}&on=2026-03-30")).problem(400, "malformed-query");
    app.custodian().get(&format!("{path_of}&audience=public")).problem(400, "malformed-query");
    app.custodian().get(CIN).problem(404, "not-found");
}

on_both!(what_a_census_cannot_take_is_named);
fn what_a_census_cannot_take_is_named(app: &TestApp) {
    let with = |name: &str, value: Value| {
        let child = Child::named("Ceinwen", "Maddocks").with(name, value).0;
        app.custodian().post("/v1/children", &child).problem(422, "invalid").mistakes()
    };
    assert_eq!(with("ethnicity", json!("white")), ["/ethnicity unknown-code"]);
    assert_eq!(with("disabilities", json!(["AUT", "NONE"])), ["/disabilities/1 unknown-code"]);
    assert_eq!(with("upnUnknown", json!("UN8")), ["/upnUnknown unknown-code"]);
    assert_eq!(with("referral", json!({})), ["/referral/receivedOn missing", "/referral/source missing", "/referral/primaryNeed missing"]);
    let later = json!({"receivedOn": "2026-11-18", "source": "11", "primaryNeed": "N1"});
    assert_eq!(with("referral", later), ["/referral/receivedOn in-the-future", "/referral/source unknown-code"]);
}
