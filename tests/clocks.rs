//! The clocks of an entry and the work-list of clocks.

use serde_json::{Value, json};

use crate::support::app::{Client, Entered, TestApp};
use crate::support::on_both;
use crate::support::people::{Child, Conference, Entry};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// The day of scenario S12, in office hours.
const THIRD_OF_MARCH: &str = "2026-03-03T10:00:00Z";

fn path(entered: &Entered, what: &str) -> String {
    format!("/v1/registrations/{}/{what}", entered.registration)
}

#[track_caller]
fn clocks(app: &TestApp, entered: &Entered) -> Vec<Value> {
    app.custodian().get(&path(entered, "clocks")).expect(200).list("/items")
}

/// One clock of a code, of which there is no other.
#[track_caller]
fn clock(app: &TestApp, entered: &Entered, code: &str) -> Value {
    let mut found: Vec<Value> = clocks(app, entered).into_iter().filter(|clock| clock["code"] == code).collect();
    assert_eq!(found.len(), 1, "{code}: {found:?}");
    found.remove(0)
}

#[track_caller]
fn stands(app: &TestApp, entered: &Entered, code: &str) -> String {
    let clock = clock(app, entered, code);
    format!("{} {}", clock["dueOn"].as_str().unwrap_or("-"), clock["state"].as_str().unwrap_or("?"))
}

on_both!(registration_on_the_third_of_march_starts_its_clocks);
fn registration_on_the_third_of_march_starts_its_clocks(app: &TestApp) {
    // S12 and I22.
    app.set_clock(THIRD_OF_MARCH);
    let entered = app.register(&Child::usual());
    let found = app.custodian().get(&path(&entered, "clocks")).expect(200);
    assert_eq!((found.text("/asOf"), found.text("/procedures")), ("2026-03-03".to_owned(), "wales".to_owned()));
    let due: Vec<_> = found.list("/items").iter().map(|clock| format!("{} {}", clock["code"], clock["dueOn"]).replace('"', "")).collect();
    assert_eq!(
        due,
        [
            "outline-plan 2026-03-10",
            "first-core-group 2026-03-17",
            "seen-alone 2026-03-17",
            "seen-at-home 2026-03-31",
            "bedroom-seen 2026-06-03",
            "first-review 2026-06-03"
        ]
    );
    for clock in found.list("/items") {
        assert_eq!(clock["start"], json!({"event": "registered", "on": "2026-03-03", "id": entered.registration}));
        assert_eq!((&clock["state"], &clock["owedBy"], &clock["calendar"]), (&json!("running"), &json!(NEWPORT), &json!("wales")));
        assert!(clock["source"].as_str().is_some_and(|source| !source.is_empty()));
    }
    let core_group = clock(app, &entered, "first-core-group");
    assert_eq!((&core_group["daysLeft"], &core_group["workingDaysLeft"]), (&json!(14), &json!(10)));
    assert_eq!(core_group["runsFor"], json!({"length": 10, "unit": "working-days"}));
    assert_eq!(core_group["next"], json!({"role": "coordinator", "on": "2026-03-14"}));
    assert_eq!(clock(app, &entered, "seen-at-home")["workingDaysLeft"], Value::Null);
    let welsh = app.custodian().request(reqwest::Method::GET, &path(&entered, "clocks")).header("accept-language", "cy").send();
    assert_eq!(welsh.expect(200).at("/items/0/text"), "Dosbarthu'r cynllun amlinellol a chrynodeb o'r penderfyniadau");
}

on_both!(bank_holidays_of_wales_are_no_working_days_and_weeks_never_skip);
fn bank_holidays_of_wales_are_no_working_days_and_weeks_never_skip(app: &TestApp) {
    // I22: Good Friday and Easter Monday of 2026 are 3 and 6 April.
    app.set_clock("2026-04-01T10:00:00Z");
    let entered = app.register_with(&Child::usual(), Entry::usual().with("registeredOn", json!("2026-04-01")));
    assert_eq!(stands(app, &entered, "outline-plan"), "2026-04-10 running");
    assert_eq!(stands(app, &entered, "seen-at-home"), "2026-04-29 running");
    assert_eq!(stands(app, &entered, "first-review"), "2026-07-01 running");
    assert_eq!(clock(app, &entered, "outline-plan")["workingDaysLeft"], 5);
}

on_both!(a_child_seen_but_not_alone_leaves_seen_alone_running);
fn a_child_seen_but_not_alone_leaves_seen_alone_running(app: &TestApp) {
    app.set_clock(THIRD_OF_MARCH);
    let entered = app.register(&Child::usual());
    app.set_clock("2026-03-18T10:00:00Z");
    let visit = |body: Value| app.custodian().post(&path(&entered, "visits"), &body).expect(201);
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-03-17 overdue");
    visit(json!({"visitedOn": "2026-03-10", "seen": true, "atHome": true}));
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-03-17 overdue");
    assert_eq!(stands(app, &entered, "seen-at-home"), "2026-04-07 running");
    visit(json!({"visitedOn": "2026-03-11", "seen": false, "atHome": true}));
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-03-17 overdue");
    let alone = visit(json!({"visitedOn": "2026-03-12", "seen": true, "seenAlone": true}));
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-03-26 running");
    let history = app.custodian().get(&path(&entered, "clocks?history=true")).expect(200).list("/items");
    let met: Vec<_> = history.iter().filter(|clock| clock["code"] == "seen-alone" && clock["state"] == "met").collect();
    assert_eq!(met.len(), 1);
    assert_eq!((&met[0]["metOn"], &met[0]["metBy"]["id"]), (&json!("2026-03-12"), &alone.at("/id")));
    // It was the brother: the clock runs as if nobody had come.
    let mark = format!("{}/entered-in-error", alone.header("location").expect("a location"));
    app.custodian().change(&mark, "\"1\"", &json!({"reason": "It was the brother"})).expect(200);
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-03-17 overdue");
}

on_both!(milestones_and_core_groups_meet_their_clocks_in_time_or_late);
fn milestones_and_core_groups_meet_their_clocks_in_time_or_late(app: &TestApp) {
    app.set_clock(THIRD_OF_MARCH);
    let entered = app.register(&Child::usual());
    app.set_clock("2026-03-20T10:00:00Z");
    let post = |what: &str, body: Value| app.custodian().post(&path(&entered, what), &body).expect(201);
    post("milestones", json!({"kind": "plan-circulated", "reachedOn": "2026-03-11"}));
    assert_eq!(stands(app, &entered, "outline-plan"), "2026-03-10 met-late");
    let met = post("core-group/meetings", json!({"heldOn": "2026-03-17"}));
    assert_eq!(stands(app, &entered, "first-core-group"), "2026-03-17 met");
    // Monthly, and never more than six weeks apart.
    let next = clock(app, &entered, "later-core-groups");
    assert_eq!((&next["dueOn"], &next["recommendedOn"]), (&json!("2026-04-28"), &json!("2026-04-17")));
    assert_eq!(next["start"], json!({"event": "core-group-met", "on": "2026-03-17", "id": met.at("/id")}));
}

on_both!(birth_starts_the_visits_and_moves_no_review);
fn birth_starts_the_visits_and_moves_no_review(app: &TestApp) {
    // I21.
    app.set_clock(THIRD_OF_MARCH);
    let pre_birth = Entry::usual().with("conference", json!({"heldOn": "2026-03-03", "kind": "pre-birth", "authority": NEWPORT}));
    let entered = app.register_with(&Child::unborn("2026-05-20").mother("Meinir", "Vaughan"), pre_birth);
    assert_eq!(stands(app, &entered, "seen-alone"), "- not-applicable");
    assert_eq!(stands(app, &entered, "first-review"), "2026-06-03 running");
    app.database()
        .execute("UPDATE child_particulars SET birth_kind = 'exact', birth_from = '2026-05-18', birth_to = '2026-05-18'")
        .expect("a birth");
    app.set_clock("2026-05-19T10:00:00Z");
    let born = clock(app, &entered, "seen-alone");
    assert_eq!((&born["start"]["event"], &born["start"]["on"]), (&json!("born"), &json!("2026-05-18")));
    assert_eq!(born["dueOn"], "2026-06-02");
    let review = clock(app, &entered, "first-review");
    assert_eq!((&review["dueOn"], &review["start"]["on"]), (&json!("2026-06-03"), &json!("2026-03-03")));
}

on_both!(what_an_earlier_register_did_not_say_is_unknown_and_not_overdue);
fn what_an_earlier_register_did_not_say_is_unknown_and_not_overdue(app: &TestApp) {
    let entered = app.take_over(&Child::usual(), "2024-05-07", None, Some("2026-12-01"));
    for code in ["outline-plan", "first-core-group", "seen-alone", "seen-at-home"] {
        let clock = clock(app, &entered, code);
        assert_eq!((&clock["state"], &clock["start"], &clock["dueOn"]), (&json!("start-unknown"), &Value::Null, &Value::Null), "{code}");
    }
    // The review date came along.
    assert_eq!(stands(app, &entered, "first-review"), "2026-12-01 due-soon");
    app.custodian().post(&path(&entered, "visits"), &json!({"visitedOn": "2026-11-17", "seen": true, "seenAlone": true})).expect(201);
    assert_eq!(stands(app, &entered, "seen-alone"), "2026-12-01 running");
    app.set_clock("2026-12-02T10:00:00Z");
    assert_eq!(stands(app, &entered, "first-review"), "2026-12-01 overdue");
}

on_both!(only_the_senior_safeguarding_manager_departs_from_a_date);
fn only_the_senior_safeguarding_manager_departs_from_a_date(app: &TestApp) {
    // WSP-3.1.8.
    app.set_clock(THIRD_OF_MARCH);
    let entered = app.register(&Child::usual());
    let departures = path(&entered, "clocks/first-review/departures");
    let new = json!({"dueOn": "2026-06-12", "reason": "The chair is ill; agreed with the parents."});
    for role in ["custodian", "coordinator", "team-manager", "conference-chair", "emergency-duty", "operator"] {
        app.as_caller(&Caller::of_region(role)).post(&departures, &new).problem(403, "operation-not-allowed");
    }
    let manager = app.as_caller(&Caller::of_region("senior-safeguarding-manager"));
    app.as_caller(&Caller::of_authority("senior-safeguarding-manager", TORFAEN)).post(&departures, &new).problem(404, "not-found");
    manager.post(&path(&entered, "clocks/tea/departures"), &new).problem(404, "not-found");
    for (body, mistake) in [
        (json!({"reason": "x"}), "/dueOn missing"),
        (json!({"dueOn": "2026-06-12"}), "/reason missing"),
        (json!({"dueOn": "2026-03-02", "reason": "x"}), "/dueOn in-the-past"),
        (json!({"dueOn": "2026-06-03", "reason": "x"}), "/dueOn date-unchanged"),
    ] {
        assert_eq!(manager.post(&departures, &body).problem(422, "invalid").mistakes(), [mistake]);
    }
    let made = manager.post(&departures, &new).expect(201);
    assert_eq!((made.text("/dueOn"), made.text("/limitOn")), ("2026-06-12".to_owned(), "2026-06-03".to_owned()));
    let clock_now = clock(app, &entered, "first-review");
    assert_eq!(clock_now["departure"]["wasDueOn"], "2026-06-03");
    assert_eq!(clock_now["departure"]["reason"], "The chair is ill; agreed with the parents.");
    assert_eq!(clock_now["departure"]["approvedBy"], Caller::of_region("senior-safeguarding-manager").key());
    // A second departure departs from the first.
    manager.post(&departures, &json!({"dueOn": "2026-06-19", "reason": "Still ill."})).expect(201);
    assert_eq!(clock(app, &entered, "first-review")["departure"]["wasDueOn"], "2026-06-12");
    app.set_clock("2026-06-18T10:00:00Z");
    assert_eq!(stands(app, &entered, "first-review"), "2026-06-19 due-soon");
    // What is done has no date to be changed.
    app.custodian().post(&path(&entered, "milestones"), &json!({"kind": "plan-circulated", "reachedOn": "2026-03-05"})).expect(201);
    let refused = manager.post(&path(&entered, "clocks/outline-plan/departures"), &json!({"dueOn": "2026-07-01", "reason": "x"}));
    assert_eq!(refused.problem(422, "invalid").mistakes(), [" clock-not-open"]);
}

on_both!(enquiries_and_conferences_start_and_meet_clocks);
fn enquiries_and_conferences_start_and_meet_clocks(app: &TestApp) {
    app.set_clock(THIRD_OF_MARCH);
    let child = app.enter(&Child::usual()).child;
    let enquiry = json!({"childId": child, "authority": NEWPORT, "referralOn": "2026-02-02", "strategyDiscussionOn": "2026-02-03",
        "decidedOn": "2026-02-03", "startedOn": "2026-02-04", "outcome": "conference", "outcomeOn": "2026-02-20"});
    let enquiry = app.custodian().post("/v1/section-47-enquiries", &enquiry).expect(201).text("/id");
    let made = app.custodian().post("/v1/registrations", &Entry::usual().child(&child).0).expect(201);
    let entered = Entered { child: child.clone(), registration: made.text("/id") };
    // 42 working days from the start of the enquiry; the performance measure counts them from the referral.
    let assessment = clock(app, &entered, "assessment");
    assert_eq!((&assessment["dueOn"], &assessment["start"]["event"]), (&json!("2026-04-07"), &json!("enquiry-started")));
    assert_eq!(assessment["start"]["id"], enquiry.as_str());
    assert_eq!(stands(app, &entered, "assessment-from-referral"), "2026-04-01 running");
    assert_eq!(stands(app, &entered, "section-47-enquiry"), "2026-02-17 met-late");
    // Fifteen working days from the decision: the initial conference was late.
    assert_eq!(stands(app, &entered, "initial-conference"), "2026-02-24 met-late");
    app.custodian().post(&path(&entered, "milestones"), &json!({"kind": "assessment-completed", "reachedOn": "2026-03-02"})).expect(201);
    assert_eq!(stands(app, &entered, "assessment"), "2026-04-07 met");
    app.set_clock("2026-05-20T10:00:00Z");
    let review = Conference::held("review", "2026-05-20").decides(&child, "continued", json!({"nextReviewOn": "2026-11-02"}));
    let review = app.hold(&review).text("/id");
    assert_eq!(stands(app, &entered, "first-review"), "2026-06-03 met");
    let later = clock(app, &entered, "later-reviews");
    // Six months at most; the conference set an earlier day.
    assert_eq!((&later["dueOn"], &later["limitOn"], &later["start"]["id"]), (&json!("2026-11-02"), &json!("2026-11-20"), &json!(review)));
    // It was held about somebody else: nobody has reviewed this plan.
    app.custodian().change(&format!("/v1/conferences/{review}/entered-in-error"), "*", &json!({"reason": "The brother's"})).expect(200);
    assert_eq!(stands(app, &entered, "first-review"), "2026-06-03 due-soon");
    assert!(clocks(app, &entered).iter().all(|clock| clock["code"] != "later-reviews"));
}

#[track_caller]
fn due(client: &Client<'_>, query: &str) -> Vec<String> {
    let items = client.get(&format!("/v1/clocks{query}")).expect(200).list("/items");
    items
        .iter()
        .map(|item| format!("{} {} {} {}", item["dueOn"], item["authority"], item["clock"], item["state"]).replace('"', ""))
        .collect()
}

on_both!(the_work_list_shows_what_is_overdue_and_due_soon_by_its_day);
fn the_work_list_shows_what_is_overdue_and_due_soon_by_its_day(app: &TestApp) {
    app.set_clock(THIRD_OF_MARCH);
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let newport = app.register_with(&Child::usual(), Entry::usual().with("coordinator", coordinator));
    let torfaen = app.register(&Child::named("Nia", "Elsewhere").of(TORFAEN));
    // Whatever is recorded brings the list up to date at once.
    for entered in [&newport, &torfaen] {
        app.custodian().post(&path(entered, "milestones"), &json!({"kind": "agencies-told", "reachedOn": "2026-03-03"})).expect(201);
    }
    assert_eq!(due(&app.custodian(), ""), Vec::<String>::new());
    app.set_clock("2026-03-16T10:00:00Z");
    let plan = |authority: &str| format!("2026-03-10 {authority} outline-plan overdue");
    let core = |authority: &str| format!("2026-03-17 {authority} first-core-group due-soon");
    let alone = |authority: &str| format!("2026-03-17 {authority} seen-alone due-soon");
    let sorted = |mut list: Vec<String>| {
        assert!(list.is_sorted_by_key(|line| line[..10].to_owned()), "{list:?}");
        list.sort();
        list
    };
    assert_eq!(sorted(due(&app.custodian(), "?state=overdue")), [plan(TORFAEN), plan(NEWPORT)]);
    let both = sorted(due(&app.custodian(), ""));
    assert_eq!(both, [plan(TORFAEN), plan(NEWPORT), core(TORFAEN), alone(TORFAEN), core(NEWPORT), alone(NEWPORT)]);
    let newports = [plan(NEWPORT), core(NEWPORT), alone(NEWPORT)];
    assert_eq!(sorted(due(&app.custodian(), &format!("?authority={NEWPORT}"))), newports);
    assert_eq!(sorted(due(&app.as_caller(&Caller::of_authority("team-manager", NEWPORT)), "")), newports);
    assert_eq!(sorted(due(&app.as_caller(&Caller::coordinator()), "")), newports);
    assert_eq!(due(&app.as_caller(&Caller::of_authority("team-manager", NEWPORT)), &format!("?authority={TORFAEN}")), Vec::<String>::new());
    assert_eq!(due(&app.custodian(), "?state=due-soon").len(), 4);
    // Page by page, each once.
    let (mut paged, mut next) = (Vec::new(), Some("/v1/clocks?limit=1&state=due-soon".to_owned()));
    while let Some(path) = next {
        let page = app.custodian().get(&path).expect(200);
        paged.extend(page.list("/items"));
        next = page.at("/links/next").as_str().map(str::to_owned);
        assert!(paged.len() <= 4);
    }
    assert_eq!(paged.len(), 4);
    for query in ["?state=tea", "?authority=W06000099", "?limit=0", "?order=down"] {
        app.custodian().get(&format!("/v1/clocks{query}")).problem(400, "malformed-query");
    }
    app.custodian().post(&path(&newport, "milestones"), &json!({"kind": "plan-circulated", "reachedOn": "2026-03-05"})).expect(201);
    assert_eq!(due(&app.custodian(), "?state=overdue"), [plan(TORFAEN)]);
    app.as_caller(&Caller::of_region("auditor")).get("/v1/clocks").problem(403, "operation-not-allowed");
}
