use super::*;
use crate::domain::ids::StayId;

fn terms(stay: StayId) -> StayTerms {
    let from = "2026-09-01".parse().unwrap();
    StayTerms {
        stay,
        version: 0,
        state: StayState::Open,
        from,
        expected_to: Some("2026-10-01".parse().unwrap()),
        supervision: None,
        kept_on: None,
    }
}

#[test]
fn a_stay_is_the_homes_and_shown_at_the_host_until_home_ends_it() {
    let mut post = Post::new();
    let stay = StayId::new_at(at(0));
    let begin = |host| Action::BeginStay { host: code(host), terms: terms(stay) };
    assert_eq!(why(post.act('B', Role::Custodian, begin('C'))), Why::NotLeading);
    assert_eq!(why(post.act('A', Role::Custodian, begin('A'))), Why::SameAuthority);
    post.act('A', Role::TeamManager, begin('B')).unwrap();
    assert_eq!(why(post.act('A', Role::Custodian, begin('B'))), Why::StayKnown);
    let first = post.bag[0].clone();
    assert_eq!(post.deliver(), "stay stay-receipt");
    assert_eq!(post.leads(), "lead 1, -, -", "no custody moves by it");
    assert!(post.of('B').is_provisional() && post.of('B').leader() == Some(&code('A')));
    assert!(post.of('A').stay(stay).unwrap().is_delivered() && post.of('A').stay(stay).unwrap().acknowledged == 0);
    post.act('B', Role::TeamManager, Action::AcknowledgeStay { stay }).unwrap();
    post.deliver();
    assert_eq!(post.of('A').stay(stay).unwrap().acknowledged, 1);

    let change = StayChange::Extend { expected_to: None, supervision: Some("B visits weekly".parse().unwrap()) };
    post.act('A', Role::TeamManager, Action::ChangeStay { stay, change }).unwrap();
    post.deliver();
    post.act('A', Role::TeamManager, Action::ChangeStay { stay, change: StayChange::End }).unwrap();
    post.deliver();
    assert!(!post.of('B').is_provisional());
    assert_eq!(why(post.act('A', Role::TeamManager, Action::ChangeStay { stay, change: StayChange::Keep })), Why::StayEnded);
    // An older version that comes late changes nothing, and is answered with the newer.
    post.bag.push(first.clone());
    assert_eq!(post.deliver(), "stay stay-receipt");
    assert!(!post.of('B').is_provisional());
    // An end that came before its beginning is remembered.
    let mut other = Post::new();
    let ended = Message::Stay(StayTerms { version: 3, state: StayState::Ended, ..terms(stay) });
    other.of('B').receive(&code('A'), ended, "", at(1));
    other.bag.push(first);
    other.deliver();
    assert!(!other.of('B').is_provisional());
}

#[test]
fn a_stay_never_outlives_the_home_registration_and_turns_into_a_transfer_and_back() {
    let stay = StayId::new_at(at(0));
    let begun = || {
        let mut post = Post::new();
        post.act('A', Role::TeamManager, Action::BeginStay { host: code('B'), terms: terms(stay) }).unwrap();
        post.deliver();
        post
    };
    let mut post = begun();
    post.act('A', Role::Custodian, Action::Close { ground: RemovalGround::ReviewConferenceDecision }).unwrap();
    assert_eq!(post.deliver(), "stay stay-receipt");
    assert!(!post.of('B').is_provisional());

    let convert =
        |t| Action::Offer { transfer: t, to: code('B'), nature: Nature::LongStay, family_move: None, stay: Some(stay), forced_by: None };
    let mut post = begun();
    let t = transfer(1);
    post.act('A', Role::Custodian, convert(t)).unwrap();
    post.deliver();
    assert!(post.of('A').stay(stay).unwrap().duties.is_empty() || post.of('A').stay(stay).unwrap().transfer == Some(t));
    // Refused as temporary: it is a stay again, and never for a moment not shown.
    post.act('B', Role::TeamManager, Action::Refuse { transfer: t, reason: RefusalReason::Temporary }).unwrap();
    post.deliver();
    assert!(post.of('B').is_provisional() && post.of('A').stay(stay).unwrap().transfer.is_none());
    // Completed: the stay ends with the home registration, the child is registered at the host.
    let t = transfer(2);
    post.act('A', Role::Custodian, convert(t)).unwrap();
    post.deliver();
    post.agree('B', t);
    post.hold('B', t, true);
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended B 2, lead 2, -");
    assert!(post.of('A').stays.iter().all(|stay| stay.terms.state == StayState::Ended && stay.is_delivered()));
    let unknown = Action::Offer {
        transfer: transfer(3),
        to: code('A'),
        nature: Nature::LongStay,
        family_move: None,
        stay: Some(StayId::new_at(at(9))),
        forced_by: None,
    };
    assert_eq!(why(post.act('B', Role::Custodian, unknown)), Why::UnknownStay);
    assert!(!post.of('B').transfer_open());
}

#[test]
fn what_the_host_saw_reaches_home_once_and_in_order() {
    let mut post = Post::new();
    let stay = StayId::new_at(at(0));
    post.act('A', Role::TeamManager, Action::BeginStay { host: code('B'), terms: terms(stay) }).unwrap();
    post.deliver();
    let report = |on: &str| Action::ReportContact { stay, on: on.parse().unwrap(), words: None };
    assert_eq!(why(post.act('A', Role::TeamManager, report("2026-09-02"))), Why::UnknownStay, "home does not report to itself");
    post.act('B', Role::TeamManager, report("2026-09-02")).unwrap();
    let first = post.bag.clone();
    post.lose();
    post.act('B', Role::TeamManager, report("2026-09-09")).unwrap();
    assert_eq!(post.of('B').due_messages().len(), 2, "both are owed");
    // The second before the first: it waits for its turn, and comes again.
    post.bag.reverse();
    post.deliver();
    assert_eq!(post.of('A').stay(stay).unwrap().contacts.len(), 1);
    let due = post.of('B').due_messages();
    post.bag.extend(due.into_iter().map(|envelope| (code('B'), envelope)));
    post.bag.extend(first);
    post.deliver();
    let days: Vec<_> = post.of('A').stay(stay).unwrap().contacts.iter().map(|contact| contact.on.to_string()).collect();
    assert_eq!(days, ["2026-09-02", "2026-09-09"]);
    assert!(post.of('B').due_messages().is_empty(), "nothing is owed any more");
    assert_eq!(post.matters.iter().filter(|matter| **matter == Matter::StayContact).count(), 2, "each is told once");
    post.act('A', Role::TeamManager, Action::ChangeStay { stay, change: StayChange::End }).unwrap();
    post.deliver();
    assert_eq!(why(post.act('B', Role::TeamManager, report("2026-09-10"))), Why::StayEnded);
}

#[test]
fn both_sides_wait_for_the_end_of_the_weeks_and_anew_when_they_are_kept() {
    let mut post = Post::new();
    let stay = StayId::new_at(at(0));
    post.act('A', Role::TeamManager, Action::BeginStay { host: code('B'), terms: terms(stay) }).unwrap();
    post.deliver();
    let level = |post: &mut Post, name: char| {
        let custody = post.of(name);
        let duties = custody.stay(stay).map(|held| &held.duties).or_else(|| custody.hosted(stay).map(|hosted| &hosted.duties)).unwrap();
        duties.iter().find(|duty| duty.kind == DutyKind::StayReview).unwrap().level
    };
    for name in ['A', 'B'] {
        post.of(name).escalate(DutyOf::Stay(stay), DutyKind::StayReview);
        assert_eq!(level(&mut post, name), Level::First);
    }
    post.act('A', Role::TeamManager, Action::ChangeStay { stay, change: StayChange::Keep }).unwrap();
    post.deliver();
    for name in ['A', 'B'] {
        assert_eq!(level(&mut post, name), Level::None, "{name} counts anew");
        assert!(post.of(name).stay_terms(stay).unwrap().kept_on.is_some());
    }
}

fn begun() -> (Post, StayId) {
    let mut post = Post::new();
    let stay = StayId::new_at(at(0));
    post.act('A', Role::TeamManager, Action::BeginStay { host: code('B'), terms: terms(stay) }).unwrap();
    post.deliver();
    (post, stay)
}

#[test]
fn a_host_that_was_put_back_from_a_backup_counts_its_reports_again_and_none_is_lost() {
    let (mut post, stay) = begun();
    let report = |on: &str| Action::ReportContact { stay, on: on.parse().unwrap(), words: None };
    post.act('B', Role::TeamManager, report("2026-09-02")).unwrap();
    post.deliver();
    let before = post.of('B').clone();
    post.act('B', Role::TeamManager, report("2026-09-03")).unwrap();
    post.deliver();
    *post.of('B') = before;
    post.act('B', Role::TeamManager, report("2026-09-05")).unwrap();
    let again = post.bag.clone();
    post.deliver();
    post.bag.extend(again);
    post.deliver();
    let days: Vec<_> = post.of('A').stay(stay).unwrap().contacts.iter().map(|contact| (contact.number, contact.on.to_string())).collect();
    assert_eq!(days, [(1, "2026-09-02".into()), (2, "2026-09-03".into()), (3, "2026-09-05".into())]);
    assert!(post.of('B').due_messages().is_empty(), "nothing is owed any more");
    assert_eq!(post.matters.iter().filter(|matter| **matter == Matter::StayContact).count(), 3, "each is told once");
}

#[test]
fn what_a_home_that_was_put_back_from_a_backup_says_of_a_stay_is_what_is_agreed() {
    let extend = |day: &str| StayChange::Extend { expected_to: Some(day.parse().unwrap()), supervision: None };
    for forgotten in [vec![extend("2026-11-01")], vec![extend("2026-11-01"), extend("2026-12-01")]] {
        let (mut post, stay) = begun();
        let before = post.of('A').clone();
        let versions = forgotten.len();
        for change in forgotten {
            post.act('A', Role::TeamManager, Action::ChangeStay { stay, change }).unwrap();
            post.deliver();
        }
        post.act('B', Role::TeamManager, Action::AcknowledgeStay { stay }).unwrap();
        post.deliver();
        *post.of('A') = before;
        post.act('A', Role::TeamManager, Action::ChangeStay { stay, change: StayChange::End }).unwrap();
        post.deliver();
        assert!(!post.of('B').is_provisional(), "the end of a stay is heard after {versions} forgotten versions");
        let agreed = post.of('A').stay(stay).unwrap().terms.clone();
        assert_eq!(post.of('B').hosted(stay).unwrap().terms, agreed);
        assert!(post.of('A').stay(stay).unwrap().is_delivered());
        assert_eq!(post.matters.contains(&Matter::Incident), versions > 1, "people look at what was forgotten");
    }
}
