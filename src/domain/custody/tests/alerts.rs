use super::*;
use crate::domain::custody::alert::*;
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{AlertId, SightingId};

fn region(name: char) -> RegionCode {
    match name {
        'N' => "north",
        'S' => "south",
        _ => "west",
    }
    .parse()
    .unwrap()
}

struct Post {
    alerts: Vec<Alert>,
    bag: Vec<(RegionCode, RegionCode, AlertMessage)>,
    matters: Vec<AlertMatter>,
    minutes: i64,
}

impl Post {
    fn raised(exercise: bool) -> Self {
        let id = AlertId::new_at(at(0));
        let custody = (CustodyId::new_at(at(0)), Epoch::FIRST);
        let mut alerts = vec![Alert::raised(id, region('N'), custody, MissingPath::Child, exercise, at(0))];
        alerts.extend(['S', 'W'].map(|name| Alert::unknown(id, region(name))));
        Self { alerts, bag: Vec::new(), matters: Vec::new(), minutes: 0 }
    }

    fn circulated() -> Self {
        let mut post = Self::raised(false);
        let audience = Some(['N', 'S', 'W'].map(region).into());
        post.act('N', AlertAction::Decide { audience, reconfirm_by: at(7 * 1440) }).unwrap();
        post
    }

    fn of(&mut self, name: char) -> &mut Alert {
        let me = region(name);
        self.alerts.iter_mut().find(|alert| alert.me == me).unwrap()
    }

    fn take(&mut self, me: RegionCode, outcome: AlertOutcome) {
        self.matters.extend(outcome.matters);
        self.bag.extend(outcome.send.into_iter().map(|(to, message)| (me.clone(), to, message)));
    }

    fn act(&mut self, name: char, action: AlertAction) -> Result<(), AlertRefused> {
        self.minutes += 1;
        let by = by(Role::Custodian, self.minutes);
        let outcome = self.of(name).act(action, &by)?;
        self.take(region(name), outcome);
        Ok(())
    }

    fn deliver(&mut self) -> String {
        let mut kinds = Vec::new();
        while !self.bag.is_empty() {
            let (from, to, message) = self.bag.remove(0);
            assert!(kinds.len() < 100, "the post never ends: {kinds:?}");
            kinds.push(message.as_str());
            let alert = self.alerts.iter_mut().find(|alert| alert.me == to).unwrap();
            let outcome = alert.receive(&from, message, Lead::Elsewhere, at(self.minutes));
            self.take(to, outcome);
        }
        kinds.join(" ")
    }

    fn status(&self) -> String {
        let of = |alert: &Alert| {
            alert
                .bulletin
                .as_ref()
                .map_or("-".into(), |bulletin| format!("{} {}.{}", bulletin.status, bulletin.version.epoch, bulletin.version.number))
        };
        self.alerts.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn whether_to_circulate_is_decided_by_a_person_and_not_circulating_is_looked_at_again() {
    let mut post = Post::raised(false);
    assert_eq!((post.status().as_str(), post.deliver().as_str()), ("raised 1.0, -, -", ""));
    assert_eq!(post.of('N').duties[0].kind, DutyKind::AlertDecision);
    assert!(!post.of('N').is_shown());
    let refused = post.act('N', AlertAction::Renew { reconfirm_by: at(9) }).unwrap_err();
    assert_eq!(refused.why, AlertWhy::NotNow);
    assert_eq!(
        refused.possible.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["authorise", "update", "stand-down", "sighting"]
    );
    post.act('N', AlertAction::Decide { audience: None, reconfirm_by: at(99) }).unwrap();
    assert_eq!((post.status().as_str(), post.deliver().as_str()), ("not-circulated 1.1, -, -", ""));
    assert_eq!(post.of('N').duties[0].kind, DutyKind::AlertRenewal);
    let audience = Some([region('S')].into());
    post.act('N', AlertAction::Decide { audience, reconfirm_by: at(99) }).unwrap();
    assert_eq!(post.deliver(), "alert alert-receipt");
    assert_eq!(post.status(), "active 1.2, active 1.2, -");
}

#[test]
fn each_recipient_stores_opens_and_searches_and_the_owner_sees_which() {
    let mut post = Post::circulated();
    let duties = |post: &mut Post, name| {
        post.of('N').recipients[&region(name)].duties.iter().map(|duty| duty.kind.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(duties(&mut post, 'S'), "alert-receipt");
    // W cannot be reached.
    post.bag.retain(|(_, to, _)| *to == region('S'));
    post.deliver();
    assert_eq!((duties(&mut post, 'S').as_str(), duties(&mut post, 'W').as_str()), ("alert-seen alert-search", "alert-receipt"));
    assert_eq!(post.act('S', AlertAction::Close { reason: ClosureReason::LocatedAndSeen }).unwrap_err().why, AlertWhy::NotOwner);
    assert_eq!(post.act('N', AlertAction::Acknowledge).unwrap_err().why, AlertWhy::Owner);
    assert_eq!(post.act('W', AlertAction::Acknowledge).unwrap_err().why, AlertWhy::UnknownAlert);
    post.act('S', AlertAction::Acknowledge).unwrap();
    post.deliver();
    assert_eq!(duties(&mut post, 'S'), "alert-search");
    post.act('S', AlertAction::Search { found: false }).unwrap();
    post.deliver();
    assert_eq!(duties(&mut post, 'S'), "");
    // A new version is opened anew; what was searched has been searched.
    post.act('N', AlertAction::Update).unwrap();
    post.deliver();
    assert_eq!(duties(&mut post, 'S'), "alert-seen");
    assert_eq!(post.of('N').escalate(Some(&region('S')), DutyKind::AlertSeen).matters, [AlertMatter::Escalated]);
    assert_eq!(post.of('N').escalate(None, DutyKind::AlertSeen), AlertOutcome::default());
}

#[test]
fn an_alert_grows_stale_and_is_never_hidden_by_it() {
    let mut post = Post::circulated();
    post.deliver();
    for name in ['N', 'S', 'W'] {
        let alert = post.of(name);
        let (before, after) = (at(7 * 1440), at(7 * 1440 + 1));
        assert!(!alert.is_stale(before) && alert.is_stale(after) && alert.is_shown(), "{name}");
    }
    post.act('N', AlertAction::Renew { reconfirm_by: at(14 * 1440) }).unwrap();
    post.deliver();
    assert!(!post.of('S').is_stale(at(8 * 1440)));
    assert_eq!(post.status(), "active 1.2, active 1.2, active 1.2");
}

#[test]
fn a_closure_stands_every_recipient_down_and_is_remembered_where_the_alert_never_was() {
    let mut post = Post::circulated();
    let late: Vec<_> = post.bag.iter().filter(|(_, to, _)| *to == region('W')).cloned().collect();
    post.bag.retain(|(_, to, _)| *to == region('S'));
    post.deliver();
    post.act('N', AlertAction::Close { reason: ClosureReason::LocatedAndSeen }).unwrap();
    post.deliver();
    assert_eq!(post.status(), "closed 1.2, closed 1.2, closed 1.2");
    assert!(post.of('N').due_messages().is_empty());
    post.bag.extend(late);
    assert_eq!(post.deliver(), "alert alert-receipt");
    assert!(!post.of('W').is_shown());
    assert_eq!(post.act('N', AlertAction::Update).unwrap_err().why, AlertWhy::Closed);
    // A sighting after the closure is stored for a person all the same.
    post.act('W', AlertAction::Report { sighting: SightingId::new_at(at(1)) }).unwrap();
    assert_eq!(post.deliver(), "alert-report alert-report-receipt");
    assert_eq!(post.of('N').unread().count(), 1);
    assert_eq!(post.of('N').duties.iter().map(|duty| duty.kind).collect::<Vec<_>>(), [DutyKind::SightingRead]);
}

#[test]
fn an_enquiry_that_the_owner_noted_and_another_region_tells_of_is_one() {
    let reported = |post: &Post| post.matters.iter().filter(|matter| **matter == AlertMatter::Report).count();
    for told_first in [true, false] {
        let mut post = Post::circulated();
        post.deliver();
        let sighting = SightingId::new_at(at(1));
        for name in if told_first { ['S', 'N'] } else { ['N', 'S'] } {
            post.act(name, AlertAction::Report { sighting }).unwrap();
            post.deliver();
        }
        assert_eq!((post.of('N').unread().count(), reported(&post)), (1, 1), "told first: {told_first}");
    }
}

#[test]
fn custody_that_moves_takes_the_alert_with_it_and_what_nobody_has_read() {
    let mut post = Post::circulated();
    post.deliver();
    let sighting = SightingId::new_at(at(1));
    post.act('W', AlertAction::Report { sighting }).unwrap();
    post.deliver();
    assert_eq!(post.of('W').reports[0].receipt_from, Some(region('N')));
    // N closes at the moment at which the child's custody passes to S.
    let audience: BTreeSet<_> = ['N', 'W'].map(region).into();
    let leads = Leads { epoch: Epoch::new(2).unwrap(), audience: &audience };
    let outcome = post.of('S').follow(Lead::Here(leads), at(9));
    assert!(post.of('S').is_mine() && post.of('N').is_mine(), "the old owner does not resign");
    post.act('N', AlertAction::Close { reason: ClosureReason::Mistake }).unwrap();
    post.take(region('S'), outcome);
    post.deliver();
    assert_eq!(post.status(), "closed 2.1, closed 2.1, closed 2.1", "a stand-down wins, and the new owner carries it out");
    assert!(post.alerts.iter().all(|alert| alert.bulletin.as_ref().unwrap().closure == Some(ClosureReason::Mistake)));
    let told = |matter| post.matters.iter().filter(|told| **told == matter).count();
    assert_eq!((told(AlertMatter::TakenOver), told(AlertMatter::StoodDown)), (1, 1), "W hears of it once; S and N see it for themselves");
    let unread: Vec<_> = post.of('S').unread().map(|report| report.key).collect();
    assert_eq!(unread, [ReportKey::Sighting(sighting)]);
    post.act('S', AlertAction::Read { key: ReportKey::Sighting(sighting) }).unwrap();
    assert_eq!(post.act('S', AlertAction::Read { key: ReportKey::Sighting(sighting) }).unwrap_err().why, AlertWhy::NotNow);
    assert!(post.alerts.iter().all(|alert| alert.due_messages().is_empty()));
    // One that hears of it only when it leads already takes it over then.
    let mut late = Post::circulated();
    let (from, _, message) = late.bag.pop().unwrap();
    let outcome = late.of('W').receive(&from, message, Lead::Here(Leads { epoch: Epoch::new(2).unwrap(), audience: &audience }), at(5));
    assert!(late.of('W').is_mine() && outcome.send.len() > 1);
}

#[test]
fn an_alert_is_sent_after_a_child_who_goes_where_it_was_not_circulated() {
    let mut post = Post::raised(false);
    // Nobody is told what nobody has decided to circulate.
    assert_eq!(post.of('N').follow(Lead::PassedTo(&region('W')), at(1)), AlertOutcome::default());
    post.act('N', AlertAction::Decide { audience: Some([region('S')].into()), reconfirm_by: at(99) }).unwrap();
    post.deliver();
    // Custody passes to S when S has it already, and to W.
    assert_eq!(post.of('N').follow(Lead::PassedTo(&region('S')), at(1)), AlertOutcome::default());
    assert_eq!(post.of('S').follow(Lead::PassedTo(&region('W')), at(1)), AlertOutcome::default(), "not the owner's");
    let (bulletin, west) = (post.of('N').bulletin.clone().unwrap(), region('W'));
    let receipt = post.of('S').receive(&region('N'), AlertMessage::Circulate(bulletin), Lead::PassedTo(&west), at(2));
    post.take(region('S'), receipt);
    let audience: BTreeSet<_> = ['N', 'S'].map(region).into();
    let (from, to, message) = { post.bag.remove(0) };
    let outcome = post.of('N').receive(&from, message, Lead::PassedTo(&from), at(3));
    assert_eq!((to, outcome.send.len()), (region('N'), 1));
    assert!(post.of('N').recipients[&west].duties.iter().any(|duty| duty.kind == DutyKind::AlertReceipt));
    let (to, message) = outcome.send[0].clone();
    assert_eq!(to, west);
    let leads = Leads { epoch: Epoch::new(3).unwrap(), audience: &audience };
    let outcome = post.of('W').receive(&region('N'), message, Lead::Here(leads), at(4));
    post.take(west, outcome);
    post.deliver();
    assert_eq!(post.status(), "active 3.0, active 3.0, active 3.0");
    assert!(post.of('W').is_mine() && !post.of('N').is_mine());
}

#[test]
fn each_report_is_sent_once_however_many_wait_for_an_owner_that_is_away() {
    let mut post = Post::circulated();
    post.deliver();
    for number in 1..=5 {
        post.act('S', AlertAction::Report { sighting: SightingId::new_at(at(number)) }).unwrap();
    }
    assert_eq!(post.bag.len(), 5);
    assert_eq!(post.of('S').due_messages().len(), 5, "all of them wait for the receipt");
    // A new owner gets all that the former one has not confirmed.
    post.bag.clear();
    let audience: BTreeSet<_> = ['N', 'S'].map(region).into();
    let outcome = post.of('W').follow(Lead::Here(Leads { epoch: Epoch::new(2).unwrap(), audience: &audience }), at(9));
    post.take(region('W'), outcome);
    post.deliver();
    assert_eq!((post.of('W').unread().count(), post.of('S').due_messages().len()), (5, 0));
}

#[test]
fn what_a_former_owner_published_meanwhile_is_added_once() {
    let audience: BTreeSet<_> = ['N', 'W'].map(region).into();
    let mut post = Post::circulated();
    post.deliver();
    // N publishes twice before it hears that S has taken the alert over.
    let taken_over = post.of('S').follow(Lead::Here(Leads { epoch: Epoch::new(2).unwrap(), audience: &audience }), at(9));
    post.act('N', AlertAction::Update).unwrap();
    post.act('N', AlertAction::Renew { reconfirm_by: at(9 * 1440) }).unwrap();
    let late: Vec<_> = post.bag.iter().filter(|(_, to, _)| *to == region('S')).cloned().collect();
    post.take(region('S'), taken_over);
    let mut beside = Vec::new();
    for (from, _, message) in [&late[..], &late[..]].concat() {
        let outcome = post.of('S').receive(&from, message, Lead::Elsewhere, at(10));
        beside.push(outcome.beside);
        post.take(region('S'), outcome);
    }
    assert_eq!(beside, [Beside::Added, Beside::Added, Beside::Left, Beside::Left]);
    post.deliver();
    assert_eq!(post.status(), "active 2.2, active 2.2, active 2.2");
    let held: BTreeSet<_> = post.alerts.iter().map(|alert| alert.bulletin.clone().unwrap()).collect();
    let last = Version { epoch: Epoch::FIRST, number: 3 };
    assert!(held.len() == 1 && held.iter().all(|held| held.contains == [last].into() && held.reconfirm_by == at(9 * 1440)), "{held:?}");
}

#[test]
fn the_owner_takes_no_receipt_of_another_owners_version_for_that_of_its_closure() {
    let audience: BTreeSet<_> = ['N', 'W'].map(region).into();
    let mut post = Post::circulated();
    post.deliver();
    let taken_over = post.of('S').follow(Lead::Here(Leads { epoch: Epoch::new(2).unwrap(), audience: &audience }), at(9));
    post.act('N', AlertAction::Close { reason: ClosureReason::LocatedAndSeen }).unwrap();
    post.bag.clear();
    let version = post.of('S').bulletin.as_ref().unwrap().version;
    let receipt = AlertMessage::Receipt { version, acknowledged: false, searched: None, passed_to: None };
    post.of('N').receive(&region('S'), receipt, Lead::Elsewhere, at(10));
    assert!(post.of('N').due_messages().iter().any(|(to, _)| *to == region('S')));
    // The closure itself was lost: the take-over is answered with it.
    post.take(region('S'), taken_over);
    post.deliver();
    assert_eq!(post.status(), "closed 2.1, closed 2.1, closed 2.1");
}

#[test]
fn a_receipt_that_comes_late_from_a_former_owner_counts_for_nothing() {
    let audience = |me: char| -> BTreeSet<_> { ['N', 'S', 'W'].into_iter().filter(|name| *name != me).map(region).collect() };
    let mut post = Post::circulated();
    post.deliver();
    let key = ReportKey::Sighting(SightingId::new_at(at(1)));
    let ReportKey::Sighting(sighting) = key else { unreachable!() };
    post.act('S', AlertAction::Report { sighting }).unwrap();
    post.deliver();
    // Custody goes to S and back to N: each passes on to the other what nobody has read.
    for (me, epoch) in [('S', 2), ('N', 3)] {
        let audience = audience(me);
        let outcome = post.of(me).follow(Lead::Here(Leads { epoch: Epoch::new(epoch).unwrap(), audience: &audience }), at(9));
        post.take(region(me), outcome);
        post.deliver();
    }
    assert_eq!(post.of('N').unread().count(), 1);
    // Then to W, which cannot be reached for a while; receipts that N and S once gave each other come again.
    let to_w = audience('W');
    let outcome = post.of('W').follow(Lead::Here(Leads { epoch: Epoch::new(4).unwrap(), audience: &to_w }), at(10));
    post.take(region('W'), outcome);
    post.deliver();
    for (from, to) in [('N', 'S'), ('S', 'N')] {
        post.bag.push((region(from), region(to), AlertMessage::ReportReceipt { key }));
    }
    post.deliver();
    assert_eq!(post.of('W').unread().map(|report| report.key).collect::<Vec<_>>(), [key]);
}

#[test]
fn two_alerts_for_one_child_stay_and_the_lead_owns_the_one_of_record() {
    let (mut first, second) = (Post::circulated(), Post::raised(true));
    let other = second.alerts[0].id;
    first.of('N').linked.insert(other);
    let mut theirs = second.alerts[0].clone();
    theirs.me = region('S');
    if let Some(bulletin) = &mut theirs.bulletin {
        bulletin.owner = region('S');
        assert!(bulletin.exercise);
    }
    let mine = first.of('N').clone();
    let both = || [&mine, &theirs];
    assert_eq!(of_record(both(), &region('N')).map(|alert| &alert.me), Some(&region('N')));
    assert_eq!(of_record(both(), &region('S')).map(|alert| &alert.me), Some(&region('S')));
    assert_eq!(of_record(both(), &region('W')), None);
    let leaf = mine.leaf().unwrap();
    assert_eq!((leaf.phase, leaf.version), (Phase::Active, (1, 1)));
    assert_eq!(theirs.leaf(), None);
    let text = serde_json::to_string(&mine).unwrap();
    assert_eq!(serde_json::from_str::<Alert>(&text).unwrap(), mine);
}
