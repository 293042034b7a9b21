//! `/v1/children/{id}/history`: what was true on a day, what was known then, and on which days a child was on the register.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Entry};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

#[track_caller]
fn between(app: &TestApp, child: &str, from: &str, to: &str) -> (bool, u64) {
    let answer = app.custodian().get(&format!("/v1/children/{child}/history?from={from}&to={to}")).expect(200);
    (answer.at("/period/onRegister").as_bool().expect("yes or no"), answer.at("/period/days").as_u64().expect("a count"))
}

on_both!(i18_whether_a_child_was_on_the_register_between_two_days_is_exact_to_the_day);
fn i18_whether_a_child_was_on_the_register_between_two_days_is_exact_to_the_day(app: &TestApp) {
    // The six months before a death decide which review is held (domain rules on child practice reviews).
    let child = app.register_formerly(&Child::usual()).child;
    for (from, to, expected) in [
        ("2025-01-01", "2025-01-13", (false, 0)),
        ("2025-01-01", "2025-01-14", (true, 1)),
        ("2025-02-01", "2025-02-28", (true, 28)),
        ("2026-06-15", "2026-12-31", (true, 1)),
        // The day it ended is the first on which the child was no longer on it.
        ("2026-06-16", "2026-12-15", (false, 0)),
    ] {
        assert_eq!(between(app, &child, from, to), expected, "{from} {to}");
    }
    let second = Entry::usual().with("registeredOn", json!("2026-10-01")).child(&child);
    app.custodian().post("/v1/registrations", &second.0).expect(201);
    let answer = app.custodian().get(&format!("/v1/children/{child}/history?from=2026-06-01&to=2026-11-30")).expect(200);
    let runs: Vec<_> =
        answer.list("/period/runs").iter().map(|run| (run["from"].clone(), run["to"].clone(), run["days"].clone())).collect();
    assert_eq!(
        runs,
        [(json!("2026-06-01"), json!("2026-06-15"), json!(15)), (json!("2026-10-01"), json!("2026-11-17"), json!(48))],
        "days that have not come yet are left out"
    );
    assert_eq!(answer.list("/period/entries").len(), 2);
}

on_both!(i18_what_was_true_on_a_day_and_what_was_known_then_are_two_answers);
fn i18_what_was_true_on_a_day_and_what_was_known_then_are_two_answers(app: &TestApp) {
    let entered = app.register(&Child::named("Gwenllian", "Tryhairn").born("2017-05-09"));
    let path = format!("/v1/children/{}", entered.child);
    let fact = app.custodian().get(&path).expect(200).text("/names/0/id");
    app.set_clock("2026-11-20T10:00:00Z");
    let corrected = json!({"reason": "Misspelt", "name": {"given": "Gwenllian", "family": "Trahaearn"}});
    app.custodian().put(&format!("{path}/names/{fact}"), "*", &corrected).expect(200);
    app.custodian()
        .change(&format!("/v1/registrations/{}/entered-in-error", entered.registration), "*", &json!({"reason": "Of another child"}))
        .expect(200);
    let asked = |query: &str| app.custodian().get(&format!("{path}/history?{query}")).expect(200);
    for (query, family, on_register) in [
        ("on=2026-11-18", "Trahaearn", false),
        ("on=2026-11-18&known=2026-11-18T12:00:00Z", "Tryhairn", true),
        ("on=2026-03-02&known=2026-11-18T12:00:00Z", "Tryhairn", false),
        ("on=2026-11-18&known=2026-11-20T12:00:00Z", "Trahaearn", false),
    ] {
        let answer = asked(query);
        assert_eq!((answer.at("/day/names/0/family"), answer.at("/day/onRegister")), (json!(family), json!(on_register)), "{query}");
        assert_eq!(answer.list("/day/names").len(), 1, "{query}");
    }
    let before = asked("on=2026-11-18&known=2026-11-16T12:00:00Z");
    assert_eq!((before.list("/day/names").len(), before.list("/day/registrations").len()), (0, 0), "nothing was known yet");
    assert_eq!(asked("from=2026-03-01&to=2026-11-18").at("/period/onRegister"), false);
    assert_eq!(asked("from=2026-03-01&to=2026-11-18&known=2026-11-18T12:00:00Z").at("/period/days"), 261);
}

on_both!(a_question_about_the_past_names_one_day_or_two);
fn a_question_about_the_past_names_one_day_or_two(app: &TestApp) {
    let child = app.register(&Child::usual()).child;
    let path = format!("/v1/children/{child}/history");
    for query in [
        "on=2026-02-30",
        "on=yesterday",
        "from=2026-01-01",
        "to=2026-01-01",
        "from=2026-01-02&to=2026-01-01",
        "on=2026-01-01&from=2026-01-01&to=2026-01-02",
        "known=yesterday",
        "day=2026-01-01",
    ] {
        app.custodian().get(&format!("{path}?{query}")).problem(400, "malformed-query");
    }
    let today = app.custodian().get(&path).expect(200);
    assert_eq!((today.at("/day/on"), today.at("/day/onRegister")), (json!("2026-11-17"), json!(true)));
    app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(&path).problem(404, "not-found");
    app.as_caller(&Caller::emergency_duty()).get(&path).problem(403, "operation-not-allowed");
    app.as_caller(&Caller::of_authority("team-manager", NEWPORT)).get(&path).expect(200);
}

/// A few numbers of no pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A name as the naive model remembers it: days as one set, and the times between which it was held to be true.
struct Remembered {
    id: String,
    given: String,
    from: NaiveDate,
    to: NaiveDate,
    recorded: DateTime<Utc>,
    superseded: Option<DateTime<Utc>>,
}

/// An entry as the model remembers it: identifier, days, when it was recorded, when it was taken back.
type Entered = (String, BTreeSet<NaiveDate>, DateTime<Utc>, Option<DateTime<Utc>>);

on_both!(i18_random_facts_corrections_and_errors_answer_as_a_naive_model_does);
fn i18_random_facts_corrections_and_errors_answer_as_a_naive_model_does(app: &TestApp) {
    const GIVEN: [&str; 8] = ["Eluned", "Ffion", "Gwenno", "Heledd", "Iola", "Lowri", "Mabli", "Nest"];
    let mut dice = Dice(20_261_122);
    let child = app.enter(&Child::named("Angharad", "Naive").born("2016-02-29")).child;
    let path = format!("/v1/children/{child}");
    let first = day("2025-01-01");
    let mut clock: DateTime<Utc> = "2026-11-17T10:00:00Z".parse().expect("an instant");
    let mut names: Vec<Remembered> = Vec::new();
    let mut entries: Vec<Entered> = Vec::new();
    let mut next = first;
    for step in 0..24 {
        clock += TimeDelta::hours(6);
        app.set_clock(&clock.to_rfc3339());
        let from = first + Days::new(dice.below(300));
        let to = from + Days::new(dice.below(90));
        let given = GIVEN[usize::try_from(dice.below(8)).expect("small")];
        let name = json!({"use": "alias", "given": given, "family": "Naive", "from": from, "to": to});
        let live: Vec<usize> = (0..names.len()).filter(|index| names[*index].superseded.is_none()).collect();
        let chosen = (!live.is_empty()).then(|| live[usize::try_from(dice.below(live.len() as u64)).expect("small")]);
        let remembered = |id: String| Remembered { id, given: given.into(), from, to, recorded: clock, superseded: None };
        match (dice.below(4), chosen) {
            (0, Some(index)) => {
                let body = json!({"reason": "A slip", "name": name});
                let made = app.custodian().put(&format!("{path}/names/{}", names[index].id), "*", &body).expect(200);
                names[index].superseded = Some(clock);
                names.push(remembered(made.text("/id")));
            }
            (1, Some(index)) => {
                let at = format!("{path}/names/{}/entered-in-error", names[index].id);
                app.custodian().change(&at, "*", &json!({"reason": "Of another child"})).expect(200);
                names[index].superseded = Some(clock);
            }
            (2, _) if step % 2 == 0 => {
                let start = next + Days::new(dice.below(20));
                let end = start + Days::new(1 + dice.below(60));
                next = end;
                let id = app.registered_between(&child, &start.to_string(), &end.to_string());
                entries.push((id, start.iter_days().take_while(|day| *day < end).collect(), clock, None));
            }
            (3, _) if entries.iter().any(|entry| entry.3.is_none()) => {
                let entry = entries.iter_mut().rev().find(|entry| entry.3.is_none()).expect("one that stands");
                let at = format!("/v1/registrations/{}/entered-in-error", entry.0);
                app.custodian().change(&at, "*", &json!({"reason": "Of another child"})).expect(200);
                entry.3 = Some(clock);
            }
            _ => {
                let made = app.custodian().change(&format!("{path}/names"), "*", &name).expect(201);
                names.push(remembered(made.text("/id")));
            }
        }
    }
    assert!(names.iter().any(|name| name.superseded.is_some()) && entries.len() > 1, "the dice made too little of it");
    let began: DateTime<Utc> = "2026-11-17T12:00:00Z".parse().expect("an instant");
    let stood = |recorded: DateTime<Utc>, ended: Option<DateTime<Utc>>, known: DateTime<Utc>| {
        // What is done at an instant of the clock is recorded a moment later; questions lie hours between.
        recorded < known && ended.is_none_or(|ended| known < ended)
    };
    for _ in 0..40 {
        let known = began + TimeDelta::hours(6 * i64::try_from(dice.below(26)).expect("small")) + TimeDelta::hours(3);
        let known_text = known.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let on = first + Days::new(dice.below(400));
        let answer = app.custodian().get(&format!("{path}/history?on={on}&known={known_text}")).expect(200);
        let mut told: Vec<String> = answer
            .list("/day/names")
            .iter()
            .filter(|name| name["use"] == "alias")
            .map(|name| name["given"].as_str().expect("a name").to_owned())
            .collect();
        told.sort();
        let mut expected: Vec<String> = names
            .iter()
            .filter(|name| stood(name.recorded, name.superseded, known) && name.from <= on && on <= name.to)
            .map(|name| name.given.clone())
            .collect();
        expected.sort();
        assert_eq!(told, expected, "on {on} as known at {known_text}");
        let days: BTreeSet<NaiveDate> = entries
            .iter()
            .filter(|(_, _, recorded, ended)| stood(*recorded, *ended, known))
            .flat_map(|(_, days, _, _)| days.iter().copied())
            .collect();
        assert_eq!(answer.at("/day/onRegister"), days.contains(&on), "on {on} as known at {known_text}");
        let to = on + Days::new(dice.below(120));
        let period = app.custodian().get(&format!("{path}/history?from={on}&to={to}&known={known_text}")).expect(200);
        let within = days.range(on..=to).count();
        assert_eq!(period.at("/period/days"), within, "{on} to {to} as known at {known_text}");
        assert_eq!(period.at("/period/onRegister"), within > 0);
        let told: usize = period
            .list("/period/runs")
            .iter()
            .map(|run| {
                let (from, to) = (day(run["from"].as_str().expect("a day")), day(run["to"].as_str().expect("a day")));
                from.iter_days().take_while(|one| *one <= to).filter(|one| days.contains(one)).count()
            })
            .sum();
        assert_eq!(told, within, "the runs are those days and no others");
    }
}

on_both!(what_is_confidential_now_was_so_always_for_whoever_may_not_see_it);
fn what_is_confidential_now_was_so_always_for_whoever_may_not_see_it(app: &TestApp) {
    let child = Child::usual().with(
        "household",
        json!([{"relationship": "father", "name": {"given": "Iolo", "family": "Trahaearn"}},
            {"relationship": "mother", "name": {"given": "Angharad", "family": "Trahaearn"}}]),
    );
    let child = app.register(&child).child;
    let path = format!("/v1/children/{child}");
    let before = "2026-11-17T11:00:00Z";
    app.set_clock("2026-11-18T10:00:00Z");
    let read = app.custodian().get(&path).expect(200);
    let secret = json!({"lines": ["14 Stryd y Felin", "Casnewydd"], "postcode": "NP20 4QR", "confidential": true});
    let at = format!("{path}/addresses/{}", read.text("/addresses/0/id"));
    app.custodian().put(&at, "*", &json!({"reason": "The father must not learn it", "address": secret})).expect(200);
    // The member is not corrected but stated anew beside, as confidential: the name is the same.
    let member = json!({"relationship": "mother", "confidential": true, "name": {"given": "Angharad", "family": "Trahaearn"}});
    app.custodian().change(&format!("{path}/household"), "*", &member).expect(201);
    let known = |caller: &Caller| app.as_caller(caller).get(&format!("{path}/history?on=2026-11-17&known={before}")).expect(200).body;
    let full = known(&Caller::custodian());
    assert!(full.contains("Stryd y Felin") && full.contains("NP20 4QR") && full.contains("Angharad"), "{full}");
    assert!(!full.contains("\"confidential\":true"), "what was known then was not confidential: {full}");
    let partly = known(&Caller::of_region("team-manager"));
    assert!(partly.contains("Iolo"), "{partly}");
    for hidden in ["Stryd y Felin", "NP20", "Angharad"] {
        assert!(!partly.contains(hidden), "{hidden}: {partly}");
    }
}
