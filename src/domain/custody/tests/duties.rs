use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::ids::StayId;
use crate::domain::nation::Nation;
use crate::domain::procedures::{EventKind, Procedures};

fn kinds(duties: &[Duty]) -> String {
    duties.iter().map(|duty| duty.kind.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_step_of_a_move_has_its_duties_on_both_sides() {
    let mut post = Post::new();
    let t = transfer(1);
    post.offer('A', 'B', t).unwrap();
    let a = |post: &mut Post| kinds(&post.of('A').outgoing(t).unwrap().duties);
    let b = |post: &mut Post| kinds(&post.of('B').incoming(t).unwrap().duties);
    assert_eq!(a(&mut post), "transfer-receipt transfer-answer transfer-conference transfer-papers");
    post.deliver();
    assert_eq!(a(&mut post), "transfer-seen transfer-answer transfer-conference transfer-papers");
    assert_eq!(b(&mut post), "transfer-seen transfer-answer transfer-conference");
    post.act('A', Role::Coordinator, Action::SendPapers { transfer: t, papers: [Paper::Plan].into() }).unwrap();
    post.agree('B', t);
    post.deliver();
    assert_eq!((a(&mut post), b(&mut post)), ("transfer-conference".into(), "transfer-conference".into()));
    let since = post.of('B').incoming(t).unwrap().duties[0].since;
    assert_eq!(since, post.of('B').incoming(t).unwrap().received_at, "one that runs on is not begun anew");
    post.hold('B', t, true);
    post.deliver();
    assert_eq!((a(&mut post), b(&mut post)), ("transfer-acceptance".into(), "transfer-acceptance".into()));
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    assert_eq!(b(&mut post), "transfer-confirmation");
    post.deliver();
    assert_eq!((a(&mut post), b(&mut post)), (String::new(), String::new()));
}

#[test]
fn lateness_raises_a_level_tells_people_and_moves_no_custody() {
    let mut post = Post::new();
    let t = transfer(1);
    post.offer('A', 'B', t).unwrap();
    for expected in [Level::First, Level::Second, Level::Third, Level::Third] {
        let outcome = post.of('A').escalate(DutyOf::Transfer(t), DutyKind::Receipt);
        assert_eq!(outcome.matters, [(Matter::Escalated, Some(t))]);
        assert_eq!(post.of('A').outgoing(t).unwrap().duties[0].level, expected);
    }
    assert_eq!(post.leads(), "lead 1, -, -");
    // A duty that is done already tells nobody.
    assert_eq!(post.of('A').escalate(DutyOf::Transfer(t), DutyKind::Acceptance), Outcome::default());
    assert_eq!(post.of('A').escalate(DutyOf::Transfer(transfer(9)), DutyKind::Receipt), Outcome::default());
}

#[test]
fn duties_fall_due_as_the_owing_authoritys_procedures_say() {
    let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let day = |text: &str| instant(&format!("{text}T10:00:00Z"));
    let scotland = Procedures::read(include_str!("../../../../tests/procedures/scotland.toml")).unwrap();
    let wales = (Procedures::embedded("wales").unwrap(), Nation::Wales);
    let england = (Procedures::embedded("england").unwrap(), Nation::England);
    let scotland = (&scotland, Nation::Scotland);
    // S24: agreed as permanent on 1 April 2026 (Good Friday is the 3rd, Easter Monday the 6th), told on 30 March.
    let happened = |kind| match kind {
        EventKind::MoveNotified => Some(day("2026-03-30")),
        EventKind::MoveAgreedPermanent => Some(day("2026-04-01")),
        EventKind::TemporaryStayBegan => Some(day("2026-03-02")),
        _ => None,
    };
    let table = [
        (wales, DutyKind::Receipt, Some("2026-03-30T10:15:00Z")),
        (wales, DutyKind::Seen, Some("2026-03-31T22:59:59Z")),
        (wales, DutyKind::Answer, Some("2026-04-02T22:59:59Z")),
        (wales, DutyKind::Papers, Some("2026-04-02T22:59:59Z")),
        (wales, DutyKind::Conference, Some("2026-04-24T22:59:59Z")),
        (england, DutyKind::Conference, Some("2026-04-22T22:59:59Z")),
        (scotland, DutyKind::Conference, Some("2026-04-29T22:59:59Z")),
        (wales, DutyKind::StayReview, Some("2026-05-25T22:59:59Z")),
        (wales, DutyKind::AlertReceipt, Some("2026-03-30T10:05:00Z")),
        (wales, DutyKind::SightingRead, Some("2026-03-30T10:15:00Z")),
    ];
    for ((procedures, nation), kind, due) in table {
        let timetable = Timetable { procedures, calendar: Calendar::for_nation(nation).unwrap() };
        let duty = Duty { kind, since: day("2026-03-30"), level: Level::None };
        assert_eq!(timetable.due_at(&duty, happened).unwrap(), due.map(instant), "{nation} {kind}");
    }
    // Not before the event from which the procedures count.
    let timetable = Timetable { procedures: wales.0, calendar: Calendar::for_nation(Nation::Wales).unwrap() };
    let duty = Duty { kind: DutyKind::Conference, since: day("2026-03-30"), level: Level::None };
    assert_eq!(timetable.due_at(&duty, |_| None), Ok(None));
    assert!(timetable.due_at(&Duty { since: day("2035-12-31"), kind: DutyKind::Seen, ..duty }, |_| None).is_err());
}

#[test]
fn levels_come_at_half_whole_and_half_as_much_again_and_then_every_day() {
    let due = at(60);
    let duty = |level| Duty { kind: DutyKind::Receipt, since: at(0), level };
    let day = 24 * 60;
    for (level, raised, expected) in [
        (Level::None, None, at(30)),
        (Level::First, Some(at(30)), at(60)),
        (Level::Second, Some(at(60)), at(90)),
        (Level::Third, Some(at(90)), at(90 + day)),
        (Level::Third, Some(at(90 + day)), at(90 + 2 * day)),
    ] {
        assert_eq!(Timetable::raised_at(&duty(level), due, raised), expected, "{level}");
    }
    for procedures in ["wales", "england"] {
        let procedures = Procedures::embedded(procedures).unwrap();
        for kind in DutyKind::ALL {
            let rule = procedures.duty(kind).unwrap();
            assert_eq!(rule.told_at(Level::None).count(), 0);
            assert!(rule.told_at(Level::Third).any(|role| role == Role::SeniorSafeguardingManager), "{kind}");
        }
    }
}

#[test]
fn a_stay_is_reviewed_until_it_ends_or_turns_into_a_transfer_and_keeping_it_begins_the_weeks_anew() {
    let mut post = Post::new();
    let stay = StayId::new_at(at(0));
    let from = "2026-09-01".parse().unwrap();
    let terms = StayTerms { stay, version: 0, state: StayState::Open, from, expected_to: None, supervision: None, kept_on: None };
    post.act('A', Role::TeamManager, Action::BeginStay { host: code('B'), terms }).unwrap();
    let duties = |post: &mut Post| kinds(&post.of('A').stay(stay).unwrap().duties);
    assert_eq!(duties(&mut post), "stay-receipt stay-review");
    post.deliver();
    assert_eq!(duties(&mut post), "stay-seen stay-review");
    assert_eq!(kinds(&post.of('B').hosted[0].duties), "stay-seen stay-review");
    post.of('A').escalate(DutyOf::Stay(stay), DutyKind::StayReview);
    let began = post.of('A').stay(stay).unwrap().terms.happened(EventKind::TemporaryStayBegan).unwrap();
    assert_eq!(began.to_rfc3339(), "2026-09-01T00:00:00+00:00");
    post.act('A', Role::Custodian, Action::ChangeStay { stay, change: StayChange::Keep }).unwrap();
    let held = post.of('A').stay(stay).unwrap().clone();
    assert_eq!(held.terms.happened(EventKind::TemporaryStayBegan).map(|at| at.date_naive()), held.terms.kept_on);
    assert!(held.duties.iter().all(|duty| duty.level == Level::None));
    assert_eq!(held.terms.happened(EventKind::MoveNotified), None);
    let convert = Action::Offer {
        transfer: transfer(1),
        to: code('B'),
        nature: Nature::LongStay,
        family_move: None,
        stay: Some(stay),
        forced_by: None,
    };
    post.act('A', Role::Custodian, convert).unwrap();
    post.deliver();
    assert_eq!(duties(&mut post), "stay-seen");
}
