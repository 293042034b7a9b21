use super::*;
use crate::domain::ids::StayId;

fn terms(stay: StayId) -> StayTerms {
    let from = "2026-09-01".parse().unwrap();
    StayTerms { stay, version: 0, state: StayState::Open, from, expected_to: Some("2026-10-01".parse().unwrap()), supervision: None }
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
