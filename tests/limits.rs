//! How much somebody may ask: budgets of checks and rates of requests.

use reqwest::Method;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::people::{Child, Question};
use crate::support::tokens::Caller;
use crate::support::{on_both, on_both_databases};

/// Few checks for a person, more for a client, most for an organisation.
const FEW: &str = "[limits]\nperson_checks_noted_per_hour = 2\nperson_checks_per_hour = 3\nclient_checks_per_hour = 5\n\
                   organisation_checks_per_hour = 7\n[enquiries]\nbatch_limit = 3";

const FEW_EMPTY: &str = "[limits]\nperson_empty_answers_per_hour = 2";

const FEW_REQUESTS: &str = "[limits]\nrequests_per_minute = 4\nfailed_tokens_per_minute = 3";

/// A nurse, by name, with a client program.
fn nurse(name: &str, client: &str) -> Caller {
    Caller::health().named(name).with("client_id", json!(client))
}

/// What the answer says is left of a limit: how many more, and in how many seconds.
#[track_caller]
fn left(answer: &Answer, limit: &str) -> (u64, u64) {
    let field = answer.header("ratelimit").expect("RateLimit").to_owned();
    let item =
        field.split(", ").find_map(|item| item.strip_prefix(&format!("\"{limit}\";"))).unwrap_or_else(|| panic!("{limit} in {field}"));
    let number = |name: &str| item.split(';').find_map(|part| part.strip_prefix(name)).expect(name).parse().expect("a number");
    (number("r="), number("t="))
}

#[track_caller]
fn waits(answer: &Answer, at_most: u64) -> u64 {
    let seconds = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=at_most).contains(&seconds), "wait {seconds} s");
    seconds
}

on_both!(a_person_has_a_budget_of_checks, super::FEW);
fn a_person_has_a_budget_of_checks(app: &TestApp) {
    app.register(&Child::usual());
    let (ann, ben) = (nurse("ann", "ward"), nurse("ben", "ward"));
    for more in [2, 1, 0] {
        let answer = app.ask(&ann, &Question::usual());
        assert_eq!(left(&answer, "checks").0, more);
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some(r#""requests";q=1000000;w=60, "checks";q=3;w=3600, "empty-answers";q=1000000;w=3600"#)
        );
    }
    let known = app.as_caller(&ann).post("/v1/checks", &Question::usual().0).problem(429, "too-many-checks");
    let nobody = app.as_caller(&ann).post("/v1/checks", &Question::about("Peredur", "Tremain").born("2016-06-21").0);
    let nobody = nobody.problem(429, "too-many-checks");
    for refused in [&known, &nobody] {
        // At most until all of this hour has left the last sixty minutes.
        let seconds = waits(refused, 7200);
        assert_eq!(left(refused, "checks"), (0, seconds), "both fields name the same instant");
        let audit = app.audit_of(refused);
        assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "askCheck", "refused"));
        assert_eq!((audit[0].code.as_deref(), audit[0].subject.as_deref()), (Some("too-many-checks"), Some("ann")));
    }
    let body = |answer: &Answer| {
        let mut body = answer.json();
        body["instance"] = json!("");
        body
    };
    assert_eq!(body(&known), body(&nobody), "a refusal tells nothing of the child");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 3);
    // A mistake in the question is named first, and reading what was asked before costs nothing.
    app.as_caller(&ann).post("/v1/checks", &Question::usual().born("2017-13-45").0).problem(422, "invalid");
    app.as_caller(&ann).get("/v1/checks").expect(200);
    // Others have budgets of their own.
    app.ask(&ben, &Question::usual());
}

on_both!(a_repeated_request_costs_nothing, super::FEW);
fn a_repeated_request_costs_nothing(app: &TestApp) {
    let client = app.as_caller(&nurse("ann", "ward"));
    let ask = |key: &str| client.request(Method::POST, "/v1/checks").key(key).json(&Question::usual().0).send();
    let first = ask("one").expect(201);
    for _ in 0..5 {
        assert_eq!(ask("one").expect(201).body, first.body);
    }
    ask("two").expect(201);
    ask("three").expect(201);
    assert_eq!(ask("one").expect(201).body, first.body, "also when the budget is spent");
    ask("four").problem(429, "too-many-checks");
}

on_both!(every_child_of_a_batch_counts, super::FEW);
fn every_child_of_a_batch_counts(app: &TestApp) {
    let client = app.as_caller(&nurse("ann", "ward"));
    let batch = |children: usize| json!({"checks": vec![Question::usual().0; children]});
    assert_eq!(left(&client.post("/v1/checks/batch", &batch(2)).expect(201), "checks").0, 1);
    let refused = client.post("/v1/checks/batch", &batch(2)).problem(429, "too-many-checks");
    assert_eq!(left(&refused, "checks").0, 1, "a batch is asked as a whole or not at all");
    client.post("/v1/checks", &Question::usual().0).expect(201);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 3);
}

on_both!(a_client_and_an_organisation_have_budgets, super::FEW);
fn a_client_and_an_organisation_have_budgets(app: &TestApp) {
    let ask = |caller: &Caller| app.as_caller(caller).post("/v1/checks", &Question::usual().0);
    for (name, times) in [("ann", 3), ("ben", 2)] {
        for _ in 0..times {
            ask(&nurse(name, "ward")).expect(201);
        }
    }
    let refused = ask(&nurse("cai", "ward")).problem(429, "too-many-checks");
    assert_eq!(left(&refused, "checks").0, 0, "the client's five are spent");
    assert_eq!(left(&ask(&nurse("cai", "desk")).expect(201), "checks").0, 1, "one of the organisation's seven is left");
    ask(&nurse("dai", "home")).expect(201);
    ask(&nurse("eve", "home")).problem(429, "too-many-checks");
    // Another organisation is another matter.
    ask(&Caller::police()).expect(201);
}

on_both!(answers_that_name_nobody_have_a_lower_budget, super::FEW_EMPTY);
fn answers_that_name_nobody_have_a_lower_budget(app: &TestApp) {
    app.register(&Child::usual());
    let nobody = Question::about("Peredur", "Tremain").born("2016-06-21");
    let client = app.health();
    assert_eq!(left(&client.post("/v1/checks", &nobody.0).expect(201), "empty-answers").0, 1);
    // An answer that names somebody does not count.
    assert_eq!(left(&client.post("/v1/checks", &Question::usual().0).expect(201), "empty-answers").0, 1);
    assert_eq!(left(&client.post("/v1/checks", &nobody.0).expect(201), "empty-answers").0, 0);
    let refused = client.post("/v1/checks", &Question::usual().0).problem(429, "too-many-empty-answers");
    waits(&refused, 7200);
    let audit = app.audit_of(&refused);
    assert_eq!((audit[0].outcome.as_str(), audit[0].code.as_deref()), ("refused", Some("too-many-empty-answers")));
    app.ask(&Caller::police(), &nobody);
}

on_both_databases!(budgets_survive_a_restart_and_a_moved_clock);
fn budgets_survive_a_restart_and_a_moved_clock(kind: Backend) {
    let mut app = TestApp::start(kind, FEW);
    for _ in 0..3 {
        app.ask(&nurse("ann", "ward"), &Question::usual());
    }
    app.restart();
    app.as_caller(&nurse("ann", "ward")).post("/v1/checks", &Question::usual().0).problem(429, "too-many-checks");
    // Budgets go by the clock on the wall, which a sandbox cannot move.
    app.set_clock("2026-12-24T10:00:00Z");
    app.as_caller(&nurse("ann", "ward")).post("/v1/checks", &Question::usual().0).problem(429, "too-many-checks");
    // Two hours later nothing of it counts.
    let past = match kind {
        Backend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', window_start, '-2 hours')",
        Backend::Postgres => "window_start - interval '2 hours'",
    };
    app.database().execute(&format!("UPDATE check_budget SET window_start = {past}")).expect("older rows");
    app.ask(&nurse("ann", "ward"), &Question::usual());
}

/// Only PostgreSQL has several servers over one database.
#[test]
fn servers_over_one_database_share_budgets() {
    let mut app = TestApp::start(Backend::Postgres, FEW);
    app.ask(&nurse("ann", "ward"), &Question::usual());
    app.turn_to_the_other();
    app.ask(&nurse("ann", "ward"), &Question::usual());
    app.turn_to_the_other();
    app.ask(&nurse("ann", "ward"), &Question::usual());
    app.as_caller(&nurse("ann", "ward")).post("/v1/checks", &Question::usual().0).problem(429, "too-many-checks");
    app.turn_to_the_other();
    app.as_caller(&nurse("ann", "ward")).post("/v1/checks", &Question::usual().0).problem(429, "too-many-checks");
}

/// What many threads ask at once is never more than the budget: what is under way is counted too.
const TEN: &str = "[limits]\nperson_checks_noted_per_hour = 10\nperson_checks_per_hour = 10\n[enquiries]\nbatch_limit = 3";
on_both!(many_at_once_do_not_overrun_a_budget, super::TEN);
fn many_at_once_do_not_overrun_a_budget(app: &TestApp) {
    let caller = nurse("ann", "ward");
    let answered: Vec<u16> = std::thread::scope(|scope| {
        let ask = || (0..4).map(|_| app.as_caller(&caller).post("/v1/checks", &Question::usual().0).status).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("answers")).collect()
    });
    let count = |status: u16| answered.iter().filter(|answered| **answered == status).count();
    assert_eq!(count(201) + count(429), 32, "{answered:?}");
    let kept = app.database().number("SELECT count(*) AS n FROM enquiry");
    assert_eq!(kept, count(201) as i64);
    // On each of the four connections a request may have begun to read before another one was kept.
    assert!((10..=14).contains(&kept), "{kept} of 10");
    let counted = app.database().number("SELECT CAST(sum(checks) AS BIGINT) AS n FROM check_budget WHERE subject LIKE 'person:%'");
    assert_eq!(counted, kept);
}

on_both!(a_caller_has_a_rate_of_requests, super::FEW_REQUESTS);
fn a_caller_has_a_rate_of_requests(app: &TestApp) {
    let client = app.as_caller(&nurse("ann", "ward"));
    assert_eq!(client.get("/v1/directory").expect(200).header("ratelimit-policy").map(|policy| policy.split(',').count()), Some(3));
    assert_eq!(left(&client.get("/v1/nothing").problem(404, "not-found"), "requests").0, 2);
    assert_eq!(left(&client.get("/v1/tasks").problem(403, "operation-not-allowed"), "requests").0, 1);
    assert_eq!(left(&client.post("/v1/audit/checkpoint", &json!({})).problem(405, "method-not-allowed"), "requests").0, 0);
    let refused = client.get("/v1/directory").problem(429, "rate-limited");
    let seconds = waits(&refused, 15);
    assert_eq!(left(&refused, "requests"), (0, seconds));
    let audit = app.audit_of(&refused);
    assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("rate-limited")));
    assert_eq!(audit[0].subject.as_deref(), Some("ann"));
    let again = client.get("/v1/tasks").problem(429, "rate-limited");
    assert_eq!(app.audit_of(&again)[0].code.as_deref(), Some("rate-limited"), "every refusal of a known caller is in the log");
    // The same person through another program, and another person, are not touched.
    app.as_caller(&nurse("ann", "home")).get("/v1/directory").expect(200);
    let operator = app.as_caller(&Caller::of_region("operator")).get("/v1/directory").expect(200);
    assert_eq!(operator.header("ratelimit-policy"), Some(r#""requests";q=4;w=60"#), "who may not ask has no budget of checks");
}

on_both!(failed_tokens_are_slowed_and_valid_ones_are_not, super::FEW_REQUESTS);
fn failed_tokens_are_slowed_and_valid_ones_are_not(app: &TestApp) {
    for _ in 0..3 {
        app.with_token(Some("guess".into())).get("/v1/checks").problem(401, "unauthenticated");
    }
    let refused = app.with_token(Some("guess".into())).get("/v1/checks").problem(429, "rate-limited");
    waits(&refused, 20);
    assert_eq!(refused.header("ratelimit"), None, "nobody is told how many guesses are left");
    assert_eq!(app.audit_of(&refused)[0].code.as_deref(), Some("rate-limited"));
    assert_eq!(app.audit_of(&app.anonymous().get("/v1/checks").problem(429, "rate-limited")).len(), 0);
    app.health().get("/v1/checks").expect(200);
}
