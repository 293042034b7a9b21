use chrono::{DateTime, Datelike, Days, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::dates::parse_date;
use crate::domain::nation::Nation;
use EventKind::{
    AssessmentCompleted, Born, CoreGroupMet, EnquiryDecided, EnquiryStarted, MoveAgreedPermanent, MoveNotified, PlanCirculated,
    ReferralReceived, Registered, Removed, TemporaryStayBegan, TransferPapersSent,
};

fn day(text: &str) -> NaiveDate {
    parse_date(text).unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn event(number: u128, on: &str, what: Happening) -> Event {
    Event { id: id(number), on: day(on), what }
}

fn plain(number: u128, on: &str, kind: EventKind) -> Event {
    event(number, on, Happening::Plain(kind))
}

fn review(number: u128, on: &str) -> Event {
    event(number, on, Happening::Conference(ConferenceKind::Review))
}

fn visit(number: u128, on: &str, seen: bool, alone: bool, at_home: bool, bedroom: bool) -> Event {
    event(number, on, Happening::Visit(Visit { seen, alone, at_home, bedroom }))
}

fn life(events: &[Event]) -> Life<'_> {
    Life { events, entered_unborn: false, known_from: None, agreed: &[], departures: &[] }
}

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn newport() -> &'static GssCode {
    static CODE: std::sync::LazyLock<GssCode> = std::sync::LazyLock::new(|| "W06000022".parse().unwrap());
    &CODE
}

fn shropshire() -> &'static GssCode {
    static CODE: std::sync::LazyLock<GssCode> = std::sync::LazyLock::new(|| "E06000051".parse().unwrap());
    &CODE
}

fn party(side: Side, authority: &'static GssCode, procedures: &str) -> Party<'static> {
    let procedures = Procedures::embedded(procedures).unwrap();
    Party { side, authority, calendar: Calendar::for_nation(procedures.nation).unwrap(), procedures }
}

fn wales() -> [Party<'static>; 1] {
    [party(Side::Holder, newport(), "wales")]
}

/// `start id, due date, state` of the clocks of one code.
fn told(life: &Life<'_>, code: &str, today: &str) -> Vec<String> {
    let clocks = clocks(life, &wales(), day(today)).unwrap();
    clocks
        .iter()
        .filter(|clock| clock.rule.code.as_str() == code)
        .map(|clock| {
            let due = clock.due_on.map_or_else(|| "-".to_owned(), |due| due.to_string());
            format!("{} {due} {}", clock.started.id.as_u128(), clock.state)
        })
        .collect()
}

#[test]
fn registration_on_the_third_of_march_starts_its_clocks() {
    // S12.
    let events = [plain(1, "2026-03-03", Registered)];
    let clocks = clocks(&life(&events), &wales(), day("2026-03-03")).unwrap();
    let due: Vec<_> = clocks.iter().map(|clock| format!("{} {}", clock.rule.code, clock.due_on.unwrap())).collect();
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
    for clock in &clocks {
        assert_eq!(clock.started, Mark { kind: Registered, on: day("2026-03-03"), id: id(1) });
        assert_eq!((clock.owed_by, clock.procedures.as_str(), clock.state), (newport(), "wales", ClockState::Running));
        assert_eq!((clock.limit_on, clock.binding), (clock.due_on, true));
        assert!(!clock.rule.source.as_str().is_empty());
    }
}

#[test]
fn a_clock_grows_old_day_by_day() {
    let events = [plain(1, "2026-03-03", Registered)];
    use Role::{Coordinator, SeniorSafeguardingManager, TeamManager};
    type Row = (&'static str, ClockState, i64, &'static [Role], Option<(Role, &'static str)>);
    let table: &[Row] = &[
        ("2026-03-03", ClockState::Running, 7, &[], Some((Coordinator, "2026-03-08"))),
        ("2026-03-07", ClockState::Running, 3, &[], Some((Coordinator, "2026-03-08"))),
        ("2026-03-08", ClockState::DueSoon, 2, &[Coordinator], Some((TeamManager, "2026-03-11"))),
        ("2026-03-10", ClockState::DueSoon, 0, &[Coordinator], Some((TeamManager, "2026-03-11"))),
        ("2026-03-11", ClockState::Overdue, -1, &[Coordinator, TeamManager], Some((SeniorSafeguardingManager, "2026-03-13"))),
        ("2026-03-13", ClockState::Overdue, -3, &[Coordinator, TeamManager, SeniorSafeguardingManager], None),
    ];
    for (today, state, days_left, roles, next) in table {
        let clocks = clocks(&life(&events), &wales(), day(today)).unwrap();
        let plan = clocks.iter().find(|clock| clock.rule.code.as_str() == "outline-plan").unwrap();
        assert_eq!((plan.state, plan.days_left), (*state, Some(*days_left)), "{today}");
        assert_eq!((plan.told.as_slice(), plan.next), (*roles, next.map(|(role, on)| (role, day(on)))), "{today}");
    }
}

#[test]
fn a_clock_is_met_in_time_or_late() {
    for (on, expected) in [
        ("2026-03-02", "1 2026-03-10 running"),
        ("2026-03-03", "1 2026-03-10 met"),
        ("2026-03-10", "1 2026-03-10 met"),
        ("2026-03-11", "1 2026-03-10 met-late"),
    ] {
        let events = [plain(1, "2026-03-03", Registered), plain(2, on, PlanCirculated)];
        let today = if on < "2026-03-03" { "2026-03-03" } else { on };
        assert_eq!(told(&life(&events), "outline-plan", today), [expected], "{on}");
    }
    // What is recorded for a day to come has not happened.
    let events = [plain(1, "2026-03-03", Registered), plain(2, "2026-03-06", PlanCirculated)];
    assert_eq!(told(&life(&events), "outline-plan", "2026-03-05"), ["1 2026-03-10 running"]);
}

#[test]
fn seen_but_not_alone_leaves_seen_alone_running() {
    let registered = plain(1, "2026-03-03", Registered);
    let table = [
        (visit(2, "2026-03-05", true, false, true, true), vec!["1 2026-03-17 running"], 2),
        (visit(2, "2026-03-05", true, true, false, false), vec!["1 2026-03-17 met", "2 2026-03-19 running"], 1),
        // Not seen is not seen alone, whatever else was ticked.
        (visit(2, "2026-03-05", false, true, true, false), vec!["1 2026-03-17 running"], 1),
    ];
    for (visit, alone, at_home) in table {
        let events = [registered, visit];
        assert_eq!(told(&life(&events), "seen-alone", "2026-03-06"), alone, "{visit:?}");
        assert_eq!(told(&life(&events), "seen-at-home", "2026-03-06").len(), at_home, "{visit:?}");
    }
}

#[test]
fn visits_on_one_day_leave_one_clock_running() {
    let events = [
        plain(5, "2026-03-03", Registered),
        visit(1, "2026-03-03", true, true, true, true),
        visit(9, "2026-03-03", true, true, true, true),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let events = order.map(|index| events[index]);
        let states = told(&life(&events), "seen-alone", "2026-03-03");
        assert_eq!(states.iter().filter(|state| state.ends_with("running")).count(), 1, "{states:?}");
    }
}

#[test]
fn the_bedroom_is_seen_between_reviews() {
    let registered = plain(1, "2026-03-03", Registered);
    let seen = |number, on| visit(number, on, true, false, true, true);
    let first = review(3, "2026-05-20");
    let table: &[(&[Event], &str, &[&str])] = &[
        (&[registered], "2026-06-04", &["1 2026-06-03 overdue"]),
        (&[registered, seen(2, "2026-04-01")], "2026-06-04", &["1 2026-06-03 met"]),
        // The first review came sooner than it was due, and nobody had looked.
        (&[registered, first], "2026-05-21", &["1 2026-05-20 overdue", "3 2026-11-20 running"]),
        (&[registered, first, seen(4, "2026-05-22")], "2026-05-22", &["1 2026-05-20 met-late", "3 2026-11-20 met"]),
        (&[registered, seen(2, "2026-04-01"), first], "2026-05-21", &["1 2026-05-20 met", "3 2026-11-20 running"]),
    ];
    for (events, today, expected) in table {
        assert_eq!(told(&life(events), "bedroom-seen", today), *expected, "{events:?}");
    }
}

#[test]
fn reviews_follow_each_other() {
    let events = [plain(1, "2025-11-30", Registered), review(2, "2026-02-27"), review(3, "2026-08-28")];
    assert_eq!(told(&life(&events[..1]), "first-review", "2026-02-28"), ["1 2026-02-28 due-soon"]);
    assert_eq!(told(&life(&events[..1]), "first-review", "2026-03-01"), ["1 2026-02-28 overdue"]);
    assert_eq!(told(&life(&events), "first-review", "2026-09-01"), ["1 2026-02-28 met"]);
    assert_eq!(told(&life(&events), "later-reviews", "2026-09-01"), ["2 2026-08-27 met-late", "3 2027-02-28 running"]);
}

#[test]
fn core_groups_are_six_weeks_apart_at_most_and_monthly_by_choice() {
    let events = [plain(1, "2026-03-03", Registered), plain(2, "2026-03-17", CoreGroupMet)];
    assert_eq!(told(&life(&events), "first-core-group", "2026-03-18"), ["1 2026-03-17 met"]);
    assert_eq!(told(&life(&events), "later-core-groups", "2026-03-18"), ["2 2026-04-28 running"]);
    let clocks = clocks(&life(&events), &wales(), day("2026-03-18")).unwrap();
    assert_eq!(clocks.iter().find_map(|clock| clock.recommended_on), Some(day("2026-04-17")));
}

#[test]
fn the_assessment_is_counted_from_the_enquiry_and_for_the_measure_from_the_referral() {
    let events = [
        plain(1, "2026-03-02", ReferralReceived),
        plain(2, "2026-03-05", EnquiryDecided),
        plain(3, "2026-03-09", EnquiryStarted),
        plain(4, "2026-05-05", AssessmentCompleted),
    ];
    // 42 working days over Good Friday, Easter Monday and the early May holiday.
    assert_eq!(told(&life(&events), "assessment", "2026-05-06"), ["3 2026-05-11 met"]);
    assert_eq!(told(&life(&events), "assessment-from-referral", "2026-05-06"), ["1 2026-05-01 met-late"]);
    assert_eq!(told(&life(&events), "initial-conference", "2026-05-02"), ["2 2026-03-26 overdue"]);
    let held = [events[1], event(5, "2026-03-26", Happening::Conference(ConferenceKind::PreBirth))];
    assert_eq!(told(&life(&held), "initial-conference", "2026-05-02"), ["2 2026-03-26 met"]);
}

#[test]
fn removal_ends_every_clock() {
    let events = [
        plain(1, "2026-03-03", Registered),
        plain(2, "2026-03-09", PlanCirculated),
        review(3, "2026-05-20"),
        plain(4, "2026-05-20", Removed),
        visit(5, "2026-05-25", true, true, true, true),
    ];
    let clocks = clocks(&life(&events), &wales(), day("2027-01-01")).unwrap();
    assert!(clocks.iter().all(|clock| !clock.state.is_open() && clock.told.is_empty() && clock.next.is_none()));
    assert_eq!(told(&life(&events), "seen-alone", "2027-01-01"), ["1 2026-03-17 ended"]);
    assert_eq!(told(&life(&events), "first-review", "2027-01-01"), ["1 2026-06-03 met"]);
    assert_eq!(told(&life(&events), "later-reviews", "2027-01-01"), [""; 0]);
    assert_eq!(clocks.iter().find(|clock| clock.rule.code.as_str() == "seen-alone").unwrap().ended_on, Some(day("2026-05-20")));
    assert_eq!(told(&life(&events), "outline-plan", "2027-01-01"), ["1 2026-03-10 met"]);
}

#[test]
fn birth_starts_the_visits_and_moves_no_review() {
    let registered = plain(1, "2026-03-03", Registered);
    let born = plain(2, "2026-05-04", Born);
    let unborn = |events| Life { entered_unborn: true, ..life(events) };
    let before = [registered];
    assert_eq!(told(&unborn(&before), "seen-alone", "2026-04-20"), ["1 - not-applicable"]);
    assert_eq!(told(&unborn(&before), "bedroom-seen", "2026-04-20"), ["1 - not-applicable"]);
    assert_eq!(told(&unborn(&before), "first-review", "2026-04-20"), ["1 2026-06-03 running"]);
    let after = [registered, born];
    // Born on the early May holiday: ten working days from there.
    assert_eq!(told(&unborn(&after), "seen-alone", "2026-05-05"), ["2 2026-05-18 running"]);
    assert_eq!(told(&unborn(&after), "bedroom-seen", "2026-05-05"), ["2 2026-06-03 running"]);
    assert_eq!(told(&unborn(&after), "first-review", "2026-05-05"), ["1 2026-06-03 running"]);
    // A review before the birth: what fell due with it never ran.
    let reviewed = [registered, review(3, "2026-04-15"), born];
    assert_eq!(told(&unborn(&reviewed), "bedroom-seen", "2026-05-05"), ["2 2026-10-15 running", "2 - not-applicable"]);
    assert_eq!(told(&unborn(&reviewed), "later-reviews", "2026-05-05"), ["3 2026-10-15 running"]);
}

#[test]
fn an_agreed_date_binds_when_it_is_earlier_and_a_departure_when_it_is_authorised() {
    let events = [plain(1, "2026-03-03", Registered)];
    let agreed = |on| [Agreed { clock: code("first-review"), start: id(1), due_on: day(on) }];
    for (on, due) in [("2026-05-20", "1 2026-05-20 running"), ("2026-06-10", "1 2026-06-03 running")] {
        assert_eq!(told(&Life { agreed: &agreed(on), ..life(&events) }, "first-review", "2026-03-04"), [due]);
    }
    let reason = || "The chair is ill.".parse::<Note>().unwrap();
    for role in Role::ALL {
        let departure = Departure::new(code("first-review"), id(1), day("2026-06-12"), role, reason());
        assert_eq!(departure.is_ok(), role == Role::SeniorSafeguardingManager, "{role}");
    }
    let departures = [Departure::new(code("first-review"), id(1), day("2026-06-12"), Role::SeniorSafeguardingManager, reason()).unwrap()];
    let life = Life { departures: &departures, ..life(&events) };
    assert_eq!(told(&life, "first-review", "2026-06-12"), ["1 2026-06-12 due-soon"]);
    let clocks = clocks(&life, &wales(), day("2026-06-12")).unwrap();
    let clock = clocks.iter().find(|clock| clock.departure.is_some()).unwrap();
    assert_eq!((clock.limit_on, clock.due_on), (Some(day("2026-06-03")), Some(day("2026-06-12"))));
    assert_eq!(told(&life, "outline-plan", "2026-03-10"), ["1 2026-03-10 due-soon"]);
}

#[test]
fn what_an_earlier_register_did_not_say_is_not_overdue() {
    let events = [plain(1, "2025-03-03", Registered), visit(2, "2026-11-20", true, true, false, false)];
    let brought = [Agreed { clock: code("first-review"), start: id(1), due_on: day("2026-12-01") }];
    let taken_over = Life { known_from: Some(day("2026-11-17")), agreed: &brought, ..life(&events) };
    let table: [(&str, &[&str]); 5] = [
        ("outline-plan", &["1 - start-unknown"]),
        // From the first visit recorded here on the clock runs.
        ("seen-alone", &["2 2026-12-04 running"]),
        ("seen-at-home", &["1 - start-unknown"]),
        // A date that was brought along is worked to, however long ago registration was.
        ("first-review", &["1 2026-12-01 due-soon"]),
        ("bedroom-seen", &["1 2026-12-01 due-soon"]),
    ];
    for (clock, expected) in table {
        assert_eq!(told(&taken_over, clock, "2026-11-23"), expected, "{clock}");
    }
    assert_eq!(told(&taken_over, "first-review", "2026-12-02"), ["1 2026-12-01 overdue"]);
    let without_dates = Life { agreed: &[], ..taken_over };
    for clock in ["first-review", "bedroom-seen"] {
        assert_eq!(told(&without_dates, clock, "2026-11-23"), ["1 - start-unknown"]);
    }
    // An entry made here on the same day knows everything.
    let known = Life { known_from: Some(day("2025-03-03")), ..life(&events) };
    assert_eq!(told(&known, "outline-plan", "2026-11-23"), ["1 2025-03-10 overdue"]);
}

#[test]
fn a_move_has_the_clocks_of_both_authorities_and_the_earlier_binds() {
    let parties = [party(Side::Holder, newport(), "wales"), party(Side::Receiver, shropshire(), "england")];
    let events =
        [plain(1, "2026-03-26", MoveNotified), plain(2, "2026-04-01", MoveAgreedPermanent), plain(3, "2026-03-28", TransferPapersSent)];
    let clocks = clocks(&life(&events), &parties, day("2026-04-02")).unwrap();
    let found: Vec<_> = clocks
        .iter()
        .map(|clock| {
            format!(
                "{} {} {} {} {} {}",
                clock.rule.code,
                clock.procedures,
                clock.owed_by,
                clock.due_on.unwrap(),
                clock.state,
                clock.binding
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "transfer-papers wales W06000022 2026-03-29 met false",
            "transfer-conference england E06000051 2026-04-20 running true",
            // S24: 15 working days after 1 April, over Easter.
            "transfer-conference wales E06000051 2026-04-24 running false",
        ]
    );
    // Without the other authority its duties have no clock here.
    assert_eq!(told(&life(&events), "transfer-conference", "2026-04-02"), [""; 0]);
    let stay = [plain(1, "2026-03-02", TemporaryStayBegan)];
    assert_eq!(told(&life(&stay), "temporary-stay", "2026-05-25"), ["1 2026-05-25 due-soon"]);
}

#[test]
fn working_days_are_those_of_the_authority_that_owes_the_action() {
    let scotland = Procedures::read(include_str!("../../../tests/procedures/scotland.toml")).unwrap();
    let dundee: GssCode = "S12000042".parse().unwrap();
    let receiver = Party {
        side: Side::Receiver,
        authority: &dundee,
        calendar: Calendar::for_nation(Nation::Scotland).unwrap(),
        procedures: &scotland,
    };
    let parties = [party(Side::Holder, newport(), "wales"), receiver];
    let events = [plain(1, "2026-06-01", MoveNotified), plain(2, "2026-06-01", MoveAgreedPermanent)];
    let clocks = clocks(&life(&events), &parties, day("2026-06-02")).unwrap();
    let due = |procedures: &str| {
        clocks
            .iter()
            .find(|clock| clock.procedures.as_str() == procedures && clock.rule.code.as_str() == "transfer-conference")
            .unwrap()
            .due_on
    };
    // 15 June 2026 was a bank holiday in Scotland, whose authority owes the conference under both rules.
    assert_eq!((due("wales"), due("scotland")), (Some(day("2026-06-23")), Some(day("2026-07-01"))));
}

#[test]
fn counting_beyond_the_table_of_holidays_is_an_error() {
    let events = [plain(1, "2035-12-28", Registered)];
    assert!(clocks(&life(&events), &wales(), day("2035-12-28")).is_err());
}

fn any_life() -> impl Strategy<Value = Vec<Event>> {
    let visit = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(seen, alone, at_home, bedroom)| Happening::Visit(Visit { seen, alone, at_home, bedroom }));
    let what = prop_oneof![
        3 => visit,
        2 => (0..EventKind::ALL.len()).prop_map(|index| Happening::Plain(EventKind::ALL[index])),
        1 => (0..ConferenceKind::ALL.len()).prop_map(|index| Happening::Conference(ConferenceKind::ALL[index])),
    ];
    proptest::collection::vec((0_u64..200, what), 0..12).prop_map(|events| {
        let from = day("2026-01-01");
        let made = |(index, (days, what)): (usize, (u64, Happening))| Event { id: id(index as u128 + 1), on: from + Days::new(days), what };
        events.into_iter().enumerate().map(made).collect()
    })
}

proptest! {
    #[test]
    fn the_order_in_which_events_are_given_changes_nothing(events in any_life(), unborn in any::<bool>(), today in 0_u64..250) {
        let today = day("2026-01-01") + Days::new(today);
        let mut turned = events.clone();
        turned.reverse();
        let of = |events: &[Event]| {
            let life = Life { events, entered_unborn: unborn, known_from: None, agreed: &[], departures: &[] };
            format!("{:?}", clocks(&life, &wales(), today).unwrap())
        };
        prop_assert_eq!(of(&events), of(&events));
        prop_assert_eq!(of(&events), of(&turned));
    }

    #[test]
    fn no_clock_is_met_before_it_started_or_by_what_started_it(events in any_life(), unborn in any::<bool>(), today in 0_u64..250) {
        let today = day("2026-01-01") + Days::new(today);
        let life = Life { events: &events, entered_unborn: unborn, known_from: None, agreed: &[], departures: &[] };
        let removed = events.iter().filter(|event| event.what.is(Removed) && event.on <= today).map(|event| event.on).min();
        for clock in clocks(&life, &wales(), today).unwrap() {
            prop_assert!(clock.started.on <= today);
            if let Some(met) = clock.met {
                prop_assert!(met.on >= clock.started.on && met.id != clock.started.id && met.on <= today);
                prop_assert!(clock.rule.met_by.contains(&met.kind));
            }
            prop_assert_eq!(clock.state.is_open(), clock.days_left.is_some());
            prop_assert_eq!(clock.due_on.is_none(), clock.state == ClockState::NotApplicable);
            prop_assert!(removed.is_none() || !clock.state.is_open());
        }
    }

    #[test]
    fn events_of_no_concern_change_nothing(events in any_life(), extra in proptest::collection::vec(0_u64..200, 0..5), today in 0_u64..250) {
        // Nothing in the procedures starts with or waits for a child's having been seen, whatever the way.
        let today = day("2026-01-01") + Days::new(today);
        let mut more = events.clone();
        more.extend(extra.iter().enumerate().map(|(index, days)| Event {
            id: id(1_000 + index as u128),
            on: day("2026-01-01") + Days::new(*days),
            what: Happening::Plain(EventKind::Seen),
        }));
        prop_assert_eq!(clocks(&life(&events), &wales(), today).unwrap(), clocks(&life(&more), &wales(), today).unwrap());
    }

    #[test]
    fn a_repeating_clock_always_runs_while_the_child_is_on_the_register(days in proptest::collection::vec(0_u64..100, 0..8)) {
        let mut events = vec![plain(500, "2026-01-01", Registered)];
        events.extend(days.iter().enumerate().map(|(index, days)| Event {
            id: id(if index % 2 == 0 { index as u128 } else { 900 + index as u128 }),
            on: day("2026-01-01") + Days::new(*days),
            what: Happening::Visit(Visit { seen: true, alone: true, at_home: true, bedroom: true }),
        }));
        let today = day("2026-01-01") + Days::new(100);
        let clocks = clocks(&life(&events), &wales(), today).unwrap();
        for code in ["seen-alone", "seen-at-home"] {
            let open: Vec<_> = clocks.iter().filter(|clock| clock.rule.code.as_str() == code && clock.state.is_open()).collect();
            prop_assert_eq!(open.len(), 1, "{}", code);
            prop_assert_eq!(open[0].started.on, events.iter().map(|event| event.on).max().unwrap());
        }
    }
}

#[test]
fn an_instant_counts_by_its_day_in_london() {
    let late: DateTime<Utc> = "2026-07-01T23:30:00Z".parse().unwrap();
    assert_eq!(crate::domain::shift::london_date(late).day(), 2);
}
