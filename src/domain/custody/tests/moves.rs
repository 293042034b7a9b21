use super::*;

#[test]
fn a_move_passes_custody_when_the_receiver_accepts_and_not_before() {
    let mut post = Post::new();
    let t = transfer(1);
    post.offer('A', 'B', t).unwrap();
    assert_eq!(post.deliver(), "offer progress");
    assert_eq!(post.leads(), "lead 1, -, -");
    assert!(post.of('B').is_provisional());
    assert_eq!(post.of('B').leader(), Some(&code('A')));

    post.act('B', Role::EmergencyDuty, Action::Acknowledge { transfer: t }).unwrap();
    assert_eq!(post.deliver(), "progress");
    let progress = post.of('A').outgoing(t).unwrap().progress.clone().unwrap();
    assert!(progress.offered && progress.seen.is_some() && progress.accepted.is_none(), "stored and seen, and nothing more");

    let papers = [Paper::Chronology, Paper::Plan].into();
    post.act('A', Role::Coordinator, Action::SendPapers { transfer: t, papers }).unwrap();
    let missing = [Paper::Assessment].into();
    post.deliver();
    post.act('B', Role::TeamManager, Action::Return { transfer: t, missing }).unwrap();
    post.deliver();
    assert!(post.of('A').outgoing(t).unwrap().is_returned());
    let papers = [Paper::Assessment].into();
    post.act('A', Role::Coordinator, Action::SendPapers { transfer: t, papers }).unwrap();
    assert_eq!(post.deliver(), "papers progress");
    assert!(!post.of('A').outgoing(t).unwrap().is_returned());
    assert_eq!(post.of('B').incoming(t).unwrap().papers.sent.len(), 3);

    post.agree('B', t);
    post.act('B', Role::TeamManager, Action::Book { transfer: t, on: "2026-10-01".parse().unwrap() }).unwrap();
    post.deliver();
    assert_eq!(why(post.act('B', Role::Custodian, Action::Accept { transfer: t })), Why::NoConference);
    post.hold('B', t, true);
    post.deliver();
    assert_eq!(post.leads(), "lead 1, -, -");

    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    assert_eq!(post.leads(), "lead 1, lead 2, -");
    assert_eq!(post.deliver(), "complete complete-ack");
    assert_eq!(post.leads(), "ended B 2, lead 2, -");
    assert_eq!(post.of('A').outgoing(t).unwrap().state, OriginState::Completed);
    assert_eq!(post.of('B').incoming(t).unwrap().state, ReceiverState::Confirmed);
    // The evidence for it: the receiver's signed completion here, the origin's signed offer there.
    assert_eq!(post.of('A').outgoing(t).unwrap().completion.as_ref().unwrap().jws, "signed by E06000051: complete");
    assert_eq!(post.of('B').chain.last().unwrap().proofs[0].jws, "signed by W06000023: offer");
    assert!(!post.of('A').transfer_open() && !post.of('B').transfer_open());
}

#[test]
fn what_a_receiver_does_not_take_stays_with_the_origin() {
    use {Matter as M, RefusalReason as R};
    // How far it came, why it ended, and what people at the origin have to look at.
    let table = [
        ("refused", R::NotResident, M::WhoIsResponsible),
        ("refused", R::Temporary, M::StayAgreed),
        ("agreed", R::CourtOrder, M::WhoIsResponsible),
        ("conference", R::NotRegistered, M::NotRegisteredThere),
    ];
    for (how, reason, matter) in table {
        let mut post = Post::new();
        let t = transfer(1);
        post.offer('A', 'B', t).unwrap();
        post.deliver();
        if how != "refused" {
            post.agree('B', t);
        }
        if how == "conference" {
            post.hold('B', t, false);
        } else {
            post.act('B', Role::TeamManager, Action::Refuse { transfer: t, reason }).unwrap();
        }
        assert!(post.of('B').is_provisional(), "shown at the receiver until the origin knows");
        assert!(post.deliver().ends_with("declined decline-ack"));
        assert!(!post.of('B').is_provisional() && !post.of('A').transfer_open() && !post.of('B').transfer_open());
        assert_eq!(post.leads(), "lead 1, -, -");
        assert_eq!(post.of('A').outgoing(t).unwrap().refusal, Some(reason));
        assert!(post.matters.contains(&matter), "{how} {:?}", post.matters);
    }
    let mut post = Post::new();
    post.offer('A', 'B', transfer(1)).unwrap();
    post.deliver();
    for reason in [R::Stale, R::Unproven, R::NotRegistered] {
        assert_eq!(
            why(post.act('B', Role::TeamManager, Action::Refuse { transfer: post.custodies[0].outgoing[0].transfer, reason })),
            Why::NotAReason
        );
    }
}

#[test]
fn a_withdrawal_is_a_request_that_the_receiver_decides() {
    let t = transfer(1);
    let mut post = Post::new();
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::CameBack }).unwrap();
    assert!(post.of('A').transfer_open(), "still open until the receiver has answered");
    assert_eq!(post.deliver(), "cancel cancelled");
    assert_eq!(post.of('A').outgoing(t).unwrap().state, OriginState::Cancelled);
    assert!(post.matters.contains(&Matter::WhoIsResponsible));

    // By mistake: nobody has moved, nobody is asked.
    let mut post = Post::new();
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::Mistake }).unwrap();
    post.deliver();
    assert!(!post.matters.contains(&Matter::WhoIsResponsible));

    // Too late: the receiver has completed, and says so instead.
    let mut post = Post::new();
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    post.agree('B', t);
    post.hold('B', t, true);
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.lose();
    post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::MovedOn }).unwrap();
    assert_eq!(post.deliver(), "cancel complete complete-ack");
    assert_eq!(post.leads(), "ended B 2, lead 2, -");

    // Before its offer: the offer finds it closed.
    let mut post = Post::new();
    post.offer('A', 'B', t).unwrap();
    let offer = post.bag.remove(0);
    post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::NotMoving }).unwrap();
    assert_eq!(post.deliver(), "cancel cancelled");
    post.bag.push(offer.clone());
    assert_eq!(post.deliver(), "offer cancelled");
    // And tidied away on both sides, it is stale.
    post.custodies.iter_mut().for_each(Custody::tidy);
    post.bag.push(offer);
    assert_eq!(post.deliver(), "offer declined decline-ack");
    assert_eq!(post.leads(), "lead 1, -, -");
}

#[test]
fn what_may_be_done_now_and_by_whom_is_told_with_every_refusal() {
    let told = |possible: &[Possible]| {
        possible.iter().map(|possible| format!("{} {}", possible.side, possible.action)).collect::<Vec<_>>().join(", ")
    };
    let mut post = Post::new();
    let t = transfer(1);
    assert_eq!(
        why(post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::Other })),
        Why::UnknownTransfer
    );
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    let refused = post.act('A', Role::Custodian, Action::Accept { transfer: t }).unwrap_err();
    assert_eq!(refused.why, Why::OtherSide);
    let expected = "holder send-papers, holder withdraw, receiver acknowledge, receiver agree, receiver return, receiver refuse";
    assert_eq!(told(&refused.possible), expected);
    let refused = post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap_err();
    assert_eq!((refused.why, told(&refused.possible).as_str()), (Why::NoConference, expected));
    let agree = refused.possible.iter().find(|possible| possible.action == ActionKind::Agree).unwrap();
    assert_eq!(agree.roles, [Role::Custodian, Role::TeamManager]);
    assert_eq!(why(post.act('B', Role::Custodian, Action::SendPapers { transfer: t, papers: BTreeSet::new() })), Why::OtherSide);
    assert_eq!(why(post.offer('A', 'C', transfer(2))), Why::TransferOpen);

    post.agree('B', t);
    post.deliver();
    let now = "holder send-papers, holder withdraw, receiver return, receiver book-conference, receiver hold-conference, receiver refuse";
    assert_eq!(told(&post.of('A').possible(t)), now);
    assert_eq!(told(&post.of('B').possible(t)), now);
    post.hold('B', t, true);
    post.deliver();
    let now = "holder send-papers, holder withdraw, receiver accept, receiver refuse";
    assert_eq!(told(&post.of('B').possible(t)), now);
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.deliver();
    for name in ['A', 'B'] {
        let refused = post
            .act(
                name,
                Role::Custodian,
                if name == 'A' {
                    Action::Withdraw { transfer: t, reason: WithdrawalReason::Other }
                } else {
                    Action::Refuse { transfer: t, reason: RefusalReason::Other }
                },
            )
            .unwrap_err();
        assert_eq!((refused.why, refused.possible), (Why::TransferEnded, Vec::new()), "{name}");
    }
    assert_eq!(why(post.offer('A', 'C', transfer(3))), Why::NotLeading);
    assert_eq!(why(post.offer('B', 'B', transfer(3))), Why::SameAuthority);
    assert_eq!(why(post.offer('B', 'A', t)), Why::NotNewest);
}

#[test]
fn a_move_that_is_not_certain_is_announced_first() {
    let mut post = Post::new();
    let t = transfer(1);
    post.act('A', Role::EmergencyDuty, Action::Announce { transfer: t, to: code('B') }).unwrap();
    assert_eq!(post.deliver(), "notice progress");
    assert!(post.of('B').is_provisional());
    assert_eq!(why(post.act('B', Role::TeamManager, Action::Agree { transfer: t, practitioner: "Bea".parse().unwrap() })), Why::NotNow);
    post.offer('A', 'B', t).unwrap();
    assert_eq!(post.deliver(), "offer progress");
    assert!(post.of('A').outgoing(t).unwrap().progress.as_ref().unwrap().offered);
    assert_eq!(post.of('B').incoming(t).unwrap().state, ReceiverState::Received);

    // It did not come about.
    let mut post = Post::new();
    post.act('A', Role::Coordinator, Action::Announce { transfer: t, to: code('B') }).unwrap();
    post.deliver();
    post.act('A', Role::Custodian, Action::Withdraw { transfer: t, reason: WithdrawalReason::NotMoving }).unwrap();
    assert_eq!(post.deliver(), "cancel cancelled");
    assert!(!post.of('B').is_provisional());

    // The origin has forgotten it (a restore): the receiver's people can end it.
    let mut post = Post::new();
    let before = post.of('A').clone();
    post.act('A', Role::Coordinator, Action::Announce { transfer: t, to: code('B') }).unwrap();
    post.deliver();
    *post.of('A') = before;
    post.act('B', Role::TeamManager, Action::Refuse { transfer: t, reason: RefusalReason::NotResident }).unwrap();
    assert_eq!(post.deliver(), "declined decline-ack");
    assert!(!post.of('B').is_provisional() && !post.of('B').transfer_open());
}

#[test]
fn one_that_gave_way_disputes_nothing_even_if_its_word_for_it_was_lost() {
    // A forgets that B leads, and C comes to lead in the same epoch.
    let mut post = Post::new();
    let before = post.of('A').clone();
    post.complete('A', 'B', transfer(1));
    *post.of('A') = before;
    post.complete('A', 'C', transfer(2));
    let claim = post.of('C').claim_to(&code('B'));
    let outcome = post.of('B').compare(Comparison { with: code('C'), claim }, at(90));
    post.take('B', outcome);
    post.deliver();
    post.act('C', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.lose();
    assert!(post.of('B').dispute.is_some());
    let due = post.of('B').due_messages();
    post.take('B', Outcome { send: due, ..Outcome::default() });
    assert_eq!(post.deliver(), "claim claim");
    assert!(post.of('B').dispute.is_none());
}

#[test]
fn a_dispute_goes_on_with_the_one_that_custody_was_passed_on_to() {
    let mut post = Post::new();
    let before = post.of('A').clone();
    post.complete('A', 'B', transfer(1));
    *post.of('A') = before;
    post.complete('A', 'C', transfer(2));
    // B passes custody on, back to A, before anybody notices; then C asks B.
    post.complete('B', 'A', transfer(3));
    assert_eq!(post.leads(), "lead 3, ended A 3, lead 2");
    let b = post.of('B').me.clone();
    post.of('C').dispute = Some(Dispute { other: b, epoch: Epoch::new(2).unwrap(), since: at(0) });
    let due = post.of('C').due_messages();
    post.take('C', Outcome { send: due, ..Outcome::default() });
    post.deliver();
    for (name, other) in [('A', 'C'), ('C', 'A')] {
        assert_eq!(post.of(name).dispute.as_ref().map(|dispute| &dispute.other), Some(&code(other)));
    }
    assert_eq!(why(post.act('A', Role::SeniorSafeguardingManager, Action::GiveWay)), Why::OtherGivesWay);
    post.act('C', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "lead 3, ended A 3, ended A 3");
    assert!(post.custodies.iter().all(|custody| custody.dispute.is_none()));
}

#[test]
fn a_family_that_moves_on_is_shown_at_the_third_place_before_the_second_has_answered() {
    let mut post = Post::new();
    post.offer('A', 'B', transfer(1)).unwrap();
    post.deliver();
    post.agree('B', post.custodies[0].outgoing[0].transfer);
    post.deliver();
    let (first, second) = (transfer_of(&post), transfer(5));
    post.act('A', Role::Custodian, Action::Withdraw { transfer: first, reason: WithdrawalReason::MovedOn }).unwrap();
    post.act('A', Role::Custodian, Action::Announce { transfer: second, to: code('C') }).unwrap();
    // B cannot be reached.
    post.bag.retain(|(_, envelope)| envelope.to == code('C'));
    post.deliver();
    assert!(post.of('C').is_provisional());
    assert_eq!(why(post.offer('A', 'C', second)), Why::TransferOpen);

    // Forced, by two people; B completes all the same, and the two leads are shown and settled.
    let second_person = Signature { name: "Cai Rees".parse().unwrap(), ..by(Role::SeniorSafeguardingManager, 0) };
    let forced =
        |forced_by| Action::Offer { transfer: second, to: code('C'), nature: Nature::Permanent, family_move: None, stay: None, forced_by };
    assert_eq!(why(post.act('A', Role::Custodian, forced(Some(by(Role::SeniorSafeguardingManager, 0))))), Why::SecondPerson);
    post.act('A', Role::Custodian, forced(Some(second_person))).unwrap();
    post.deliver();
    for (name, t) in [('B', first), ('C', second)] {
        if name == 'C' {
            post.agree('C', t);
        }
        post.hold(name, t, true);
    }
    post.act('C', Role::Custodian, Action::Accept { transfer: second }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended C 2, -, lead 2");
    post.act('B', Role::Custodian, Action::Accept { transfer: first }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended C 2, lead 2, lead 2");
    for name in ['B', 'C'] {
        assert!(post.of(name).dispute.is_some(), "{name} knows");
        assert_eq!(why(post.offer(name, 'A', transfer(7))), Why::DisputeOpen);
    }
    // One epoch: the higher code gives way, which is C's (W…) and never both.
    assert_eq!(post.of('B').gives_way(), Some(&code('C')));
    assert_eq!(why(post.act('B', Role::SeniorSafeguardingManager, Action::GiveWay)), Why::OtherGivesWay);
    post.act('C', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended C 2, lead 2, ended B 2");
    assert!(post.of('B').dispute.is_none());
}

#[test]
fn who_gives_way_asks_back_what_it_had_offered_on_and_a_completion_of_that_is_disputed() {
    // A forgets that B leads, C comes to lead in the same epoch, and offers the child on before it hears of B.
    let disputed = || {
        let mut post = Post::new();
        let before = post.of('A').clone();
        post.complete('A', 'B', transfer(1));
        *post.of('A') = before;
        post.complete('A', 'C', transfer(2));
        let t = transfer(3);
        post.offer('C', 'A', t).unwrap();
        post.deliver();
        let claim = post.of('C').claim_to(&code('B'));
        let outcome = post.of('B').compare(Comparison { with: code('C'), claim }, at(90));
        post.take('B', outcome);
        post.deliver();
        (post, t)
    };
    let (mut post, t) = disputed();
    post.act('C', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended C 2, lead 2, ended B 2");
    assert!(post.custodies.iter().all(|custody| !custody.transfer_open()), "the offer was asked back");
    assert!(post.of('A').incoming(t).is_some_and(|incoming| incoming.state == ReceiverState::Cancelled));

    // A had completed it already: that two lead is shown to both, and settled by them.
    let (mut post, t) = disputed();
    post.agree('A', t);
    post.hold('A', t, true);
    post.deliver();
    post.act('C', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.act('A', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "lead 3, lead 2, ended B 2");
    for (name, other) in [('A', 'B'), ('B', 'A')] {
        assert_eq!(post.of(name).dispute.as_ref().map(|dispute| &dispute.other), Some(&code(other)));
    }
    post.act('B', Role::SeniorSafeguardingManager, Action::GiveWay).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "lead 3, ended A 3, ended B 2");
    assert!(post.custodies.iter().all(|custody| custody.dispute.is_none()));
}

#[test]
fn an_entry_ends_only_without_an_open_move_but_for_death_and_age() {
    for (ground, ends) in [
        (RemovalGround::ReviewConferenceDecision, false),
        (RemovalGround::LeftUnitedKingdom, false),
        (RemovalGround::Died, true),
        (RemovalGround::ReachedEighteen, true),
    ] {
        let mut post = Post::new();
        post.offer('A', 'B', transfer(1)).unwrap();
        post.deliver();
        let answer = post.act('A', Role::Custodian, Action::Close { ground });
        assert_eq!(answer.is_ok(), ends, "{ground}");
        if ends {
            assert_eq!(post.deliver(), "cancel cancelled");
            assert!(!post.of('B').is_provisional());
        } else {
            assert_eq!(why(answer), Why::TransferOpen);
        }
    }
    let mut post = Post::new();
    post.act('A', Role::Custodian, Action::Close { ground: RemovalGround::ReviewConferenceDecision }).unwrap();
    assert_eq!(post.leads(), "closed 1, -, -");
    assert_eq!(why(post.offer('A', 'B', transfer(1))), Why::NotLeading);
}

#[test]
fn a_court_order_keeps_responsibility_and_a_child_outside_stays_with_its_lead() {
    let mut post = Post::new();
    post.act('A', Role::Custodian, Action::KeepByOrder { order: Some("interim care order of 3 May".parse().unwrap()) }).unwrap();
    assert_eq!(why(post.offer('A', 'B', transfer(1))), Why::CourtOrder);
    assert!(post.of('A').outgoing.is_empty());
    post.act('A', Role::Custodian, Action::KeepByOrder { order: None }).unwrap();
    post.offer('A', 'B', transfer(2)).unwrap();
    let order = || Action::KeepByOrder { order: Some("interim care order of 4 May".parse().unwrap()) };
    assert_eq!(why(post.act('A', Role::Custodian, order())), Why::TransferOpen, "it could be completed all the same");
    assert_eq!(why(post.act('B', Role::Custodian, order())), Why::NotLeading);

    let mut post = Post::new();
    let outside = Outside { place: "Dublin".parse().unwrap(), abroad: true, since: "2026-10-01".parse().unwrap(), evidence: Vec::new() };
    post.act('A', Role::Custodian, Action::PlaceOutside { outside: Some(outside.clone()) }).unwrap();
    assert_eq!((post.leads().as_str(), post.of('A').outside.as_ref()), ("lead 1, -, -", Some(&outside)));
    post.act('A', Role::Custodian, Action::Close { ground: RemovalGround::LeftUnitedKingdom }).unwrap();
    assert_eq!(post.of('A').outside, Some(outside), "the pointer stays");
    assert_eq!(why(post.act('B', Role::Custodian, Action::PlaceOutside { outside: None })), Why::NotLeading);
}

#[test]
fn a_message_that_comes_twice_is_answered_as_the_first_time() {
    let mut post = Post::new();
    let t = transfer(1);
    post.offer('A', 'B', t).unwrap();
    let offer = post.bag[0].clone();
    post.deliver();
    let again = |post: &mut Post| {
        post.bag.push(offer.clone());
        post.deliver()
    };
    let before = post.custodies.clone();
    assert_eq!(again(&mut post), "offer progress");
    assert_eq!(post.custodies, before);
    post.agree('B', t);
    post.deliver();
    assert_eq!(again(&mut post), "offer progress");
    post.hold('B', t, true);
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.deliver();
    assert_eq!(again(&mut post), "offer complete complete-ack");
    post.custodies.iter_mut().for_each(Custody::tidy);
    assert!(post.of('B').incoming.is_empty());
    assert_eq!(again(&mut post), "offer complete complete-ack", "from the chain, when all else has been tidied away");
    assert_eq!(post.leads(), "ended B 2, lead 2, -");
}

#[test]
fn an_offer_that_proves_nothing_is_refused_and_one_that_is_overtaken_cannot_be_accepted() {
    let mut post = Post::new();
    let t = transfer(1);
    post.offer('A', 'B', t).unwrap();
    let (from, mut envelope) = post.bag.remove(0);
    let Message::Offer(offer) = &mut envelope.message else { panic!("an offer") };
    offer.chain = Chain::begun(code('C'));
    post.bag.push((from, envelope));
    assert_eq!(post.deliver(), "offer declined decline-ack");
    assert_eq!(post.of('A').outgoing(t).unwrap().refusal, Some(RefusalReason::Unproven));

    // B holds an offer of epoch 1 when a newer epoch is seen.
    let mut post = Post::new();
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    post.agree('B', t);
    post.hold('B', t, true);
    let newer = Stamp { epoch: Epoch::new(2).unwrap(), transfer: transfer(2) };
    post.of('B').receive(&code('C'), Message::Notice(Announcement { stamp: newer }), "", at(50));
    assert_eq!(why(post.act('B', Role::Custodian, Action::Accept { transfer: t })), Why::Overtaken);
}

#[test]
fn a_receiver_that_still_waits_for_its_own_hand_over_puts_an_offer_off() {
    let mut post = Post::new();
    post.complete('A', 'B', transfer(1));
    // B → A is completed, but B has not heard so when A offers it back.
    let (back, again) = (transfer(2), transfer(3));
    post.offer('B', 'A', back).unwrap();
    post.deliver();
    post.agree('A', back);
    post.hold('A', back, true);
    post.act('A', Role::Custodian, Action::Accept { transfer: back }).unwrap();
    let complete = post.bag.pop().unwrap();
    post.lose();
    post.offer('A', 'B', again).unwrap();
    assert_eq!(post.deliver(), "offer deferred");
    assert!(post.matters.contains(&Matter::Deferred));
    post.bag.push(complete);
    post.deliver();
    assert_eq!(post.leads(), "lead 3, ended A 3, -");
    let due = post.of('A').due_messages();
    post.take('A', Outcome { send: due, ..Outcome::default() });
    assert_eq!(post.deliver(), "offer progress");
}

#[test]
fn a_restored_register_compares_first_and_finds_what_it_had_forgotten() {
    let compare = |post: &mut Post, one: char, other: char| {
        let claim = post.of(other).claim_to(&code(one));
        let outcome = post.of(one).compare(Comparison { with: code(other), claim }, at(100));
        post.take(one, outcome);
    };
    // B forgets that it leads; A remembers, with B's own signature.
    let mut post = Post::new();
    post.offer('A', 'B', transfer(1)).unwrap();
    post.deliver();
    let forgotten = post.of('B').clone();
    let t = transfer_of(&post);
    post.agree('B', t);
    post.hold('B', t, true);
    post.act('B', Role::Custodian, Action::Accept { transfer: t }).unwrap();
    post.deliver();
    *post.of('B') = forgotten;
    post.of('B').restored([code('A'), code('B'), code('C')].into());
    assert_eq!(why(post.act('B', Role::TeamManager, Action::Agree { transfer: t, practitioner: "Bea".parse().unwrap() })), Why::Recovering);
    compare(&mut post, 'B', 'C');
    assert_eq!(post.of('B').recovering.len(), 1, "A has not answered yet");
    compare(&mut post, 'B', 'A');
    assert_eq!(post.leads(), "ended B 2, lead 2, -");
    assert!(post.of('B').recovering.is_empty() && post.matters.contains(&Matter::LeadRegained));

    // A forgets that it passed custody on: B's chain passes through it.
    let mut post = Post::new();
    let before = post.of('A').clone();
    post.complete('A', 'B', transfer(1));
    *post.of('A') = before;
    post.of('A').restored([code('B')].into());
    compare(&mut post, 'A', 'B');
    assert_eq!(post.leads(), "ended B 2, lead 2, -");

    // A forgets its offer and offers the same epoch to C: nobody ends by itself, both are told.
    let mut post = Post::new();
    let before = post.of('A').clone();
    post.complete('A', 'B', transfer(1));
    *post.of('A') = before;
    post.complete('A', 'C', transfer(2));
    assert_eq!(post.leads(), "ended C 2, lead 2, lead 2");
    compare(&mut post, 'B', 'C');
    post.deliver();
    assert!(post.of('B').dispute.is_some() && post.of('C').dispute.is_some());

    // A peer that cannot be reached: two people decide.
    post.of('B').restored([code('A')].into());
    let same = by(Role::Custodian, 0);
    assert_eq!(why(post.act('B', Role::Custodian, Action::LeaveRecovery { approved_by: same })), Why::SecondPerson);
    let other = Signature { name: "Cai Rees".parse().unwrap(), ..by(Role::SeniorSafeguardingManager, 0) };
    post.act('B', Role::Custodian, Action::LeaveRecovery { approved_by: other }).unwrap();
    assert!(post.of('B').recovering.is_empty());
}

#[test]
fn a_child_who_comes_back_from_a_third_is_led_by_the_third() {
    let mut post = Post::new();
    post.complete('A', 'B', transfer(1));
    assert_eq!(post.of('A').leader(), Some(&code('B')));
    post.complete('B', 'C', transfer(2));
    assert_eq!(post.of('A').leader(), Some(&code('B')), "nobody told A yet");
    let back = transfer(3);
    post.offer('C', 'A', back).unwrap();
    post.deliver();
    let of_a = post.of('A');
    assert_eq!((of_a.leader(), of_a.is_provisional()), (Some(&code('C')), true));
    post.agree('A', back);
    post.hold('A', back, true);
    post.act('A', Role::Custodian, Action::Accept { transfer: back }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "lead 4, ended C 3, ended A 4");
}

#[test]
fn who_leads_is_named_with_the_epoch_in_which_they_do() {
    let mut post = Post::new();
    post.complete('A', 'B', transfer(1));
    post.complete('B', 'C', transfer(2));
    let led_by = |post: &mut Post, at| post.of(at).led_by().map(|(leader, epoch)| (leader.clone(), epoch.map(Epoch::number)));
    assert_eq!(led_by(&mut post, 'A'), Some((code('B'), Some(2))));
    // An offer of which nothing comes says all the same who made it, and when.
    let back = transfer(3);
    post.offer('C', 'A', back).unwrap();
    post.deliver();
    let reason = RefusalReason::NotResident;
    post.act('A', Role::Custodian, Action::Refuse { transfer: back, reason }).unwrap();
    post.deliver();
    assert_eq!(post.leads(), "ended B 2, ended C 3, lead 3");
    assert_eq!(led_by(&mut post, 'A'), Some((code('C'), Some(3))));
    assert_eq!(led_by(&mut post, 'C'), Some((code('C'), Some(3))));
}

#[test]
fn a_dispute_is_told_until_the_other_side_has_it_and_heard_once() {
    let mut post = Post::new();
    let t = transfer(1);
    let contest = |words: &str| Action::Contest { transfer: t, words: Some(words.parse().unwrap()) };
    assert_eq!(why(post.act('A', Role::Custodian, contest("Who visits?"))), Why::UnknownTransfer);
    post.offer('A', 'B', t).unwrap();
    post.deliver();
    post.act('A', Role::SeniorSafeguardingManager, contest("Who visits?")).unwrap();
    let said = post.bag[0].clone();
    // Lost, and said again for as long as no receipt is there.
    post.lose();
    assert!(post.of('A').due_messages().iter().any(|envelope| matches!(envelope.message, Message::Disputed { number: 1, .. })));
    post.bag.push(said.clone());
    assert_eq!(post.deliver(), "disputed disputed-receipt");
    assert!(!post.of('A').due_messages().iter().any(|envelope| matches!(envelope.message, Message::Disputed { .. })));
    post.bag.push(said);
    assert_eq!(post.deliver(), "disputed disputed-receipt", "what comes twice is answered, and no more");
    assert_eq!(post.of('B').contests_about(t).count(), 1);
    // From the other side, and after the move has ended.
    post.act('B', Role::TeamManager, Action::Refuse { transfer: t, reason: RefusalReason::NotResident }).unwrap();
    post.deliver();
    post.act('B', Role::SeniorSafeguardingManager, contest("She sleeps elsewhere")).unwrap();
    post.deliver();
    let sides = |custody: &Custody| custody.contests_about(t).map(|contest| (contest.mine, contest.told)).collect::<Vec<_>>();
    assert_eq!(sides(post.of('A')), [(true, true), (false, true)]);
    assert_eq!(sides(post.of('B')), [(false, true), (true, true)]);
    assert_eq!(post.leads(), "lead 1, -, -", "no custody moves by it");
    // A register that has forgotten what it said counts from one again, and is heard all the same.
    post.of('A').contests.clear();
    post.act('A', Role::SeniorSafeguardingManager, contest("Who visits now?")).unwrap();
    post.deliver();
    assert_eq!(post.of('B').contests_about(t).count(), 3);
}
