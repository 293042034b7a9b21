//! Many people at once: what they ask and enter shares commits, and each gets the answer of their own.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::Caller;

on_both!(checks_entries_and_failures_at_once_are_each_answered_and_kept);
fn checks_entries_and_failures_at_once_are_each_answered_and_kept(app: &TestApp) {
    const PEOPLE: usize = 12;
    const TIMES: usize = 6;
    let registered = app.register(&Child::usual());
    let again = Entry::usual().child(&registered.child).0;
    let again = &again;
    let answers: Vec<(usize, u16)> = std::thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                scope.spawn(move || {
                    let one = |_| match person % 3 {
                        // In force already: found out in the middle of the unit of work, which is undone.
                        0 => app.custodian().post("/v1/registrations", again).status,
                        1 => app.custodian().post("/v1/children", &Child::usual().0).status,
                        _ => {
                            let answer = app.as_caller(&Caller::health()).post("/v1/checks", &Question::usual().0).expect(201);
                            assert_ne!(answer.at("/outcome"), json!("not-on-register"));
                            answer.status
                        }
                    };
                    (0..TIMES).map(|time| (person % 3, one(time))).collect::<Vec<_>>()
                })
            })
            .collect();
        people.into_iter().flat_map(|person| person.join().expect("answers")).collect()
    });
    let count = |what: usize, status: u16| answers.iter().filter(|answer| **answer == (what, status)).count();
    let each = PEOPLE / 3 * TIMES;
    assert_eq!((count(0, 422), count(1, 201), count(2, 201)), (each, each, each), "{answers:?}");
    let kept = |table: &str| usize::try_from(app.database().number(&format!("SELECT count(*) AS n FROM {table}"))).expect("a count");
    assert_eq!(kept("enquiry"), each, "every check that was answered, once");
    assert_eq!(kept("child"), each + 1);
    assert_eq!(kept("registration"), 1, "nothing is left of what failed");
    assert_eq!(kept("idempotency"), each * 2 + 2, "an answer is kept for everything that was done, and for nothing else");
    assert_eq!(kept("audit_commitment"), each);
}
