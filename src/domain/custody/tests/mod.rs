//! Each row of the tables of transitions, told as what people do; orders and losses are the model's (`tests/model`).

mod alerts;
mod duties;
mod moves;
mod stays;

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use super::*;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{CustodyId, TransferId};
use crate::domain::roles::Role;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minutes)
}

fn by(role: Role, minutes: i64) -> Signature {
    Signature { role, name: "Ann Lee".parse().unwrap(), at: at(minutes) }
}

fn code(name: char) -> GssCode {
    match name {
        'A' => "W06000023",
        'B' => "E06000051",
        _ => "W06000015",
    }
    .parse()
    .unwrap()
}

fn transfer(number: i64) -> TransferId {
    TransferId::new_at(at(number))
}

/// Three authorities, and the post between them.
struct Post {
    custodies: Vec<Custody>,
    bag: Vec<(GssCode, Envelope)>,
    matters: Vec<Matter>,
    minutes: i64,
}

impl Post {
    /// A leads; B and C know nothing.
    fn new() -> Self {
        let id = CustodyId::new_at(at(0));
        let custodies = vec![Custody::begun(id, code('A')), Custody::unknown(id, code('B')), Custody::unknown(id, code('C'))];
        Self { custodies, bag: Vec::new(), matters: Vec::new(), minutes: 0 }
    }

    fn of(&mut self, name: char) -> &mut Custody {
        let code = code(name);
        self.custodies.iter_mut().find(|custody| custody.me == code).unwrap()
    }

    fn take(&mut self, name: char, outcome: Outcome) {
        self.matters.extend(outcome.matters.iter().map(|(matter, _)| *matter));
        self.bag.extend(outcome.send.into_iter().map(|envelope| (code(name), envelope)));
    }

    fn act(&mut self, name: char, role: Role, action: Action) -> Result<(), Refused> {
        self.minutes += 1;
        let by = by(role, self.minutes);
        let outcome = self.of(name).act(action, &by)?;
        self.take(name, outcome);
        Ok(())
    }

    /// Delivers everything until nothing is on its way; gives the kinds in order.
    fn deliver(&mut self) -> String {
        let mut kinds = Vec::new();
        while !self.bag.is_empty() {
            let (from, envelope) = self.bag.remove(0);
            assert!(kinds.len() < 100, "the post never ends: {kinds:?}");
            kinds.push(envelope.message.as_str());
            self.minutes += 1;
            let now = at(self.minutes);
            let receiver = self.custodies.iter_mut().find(|custody| custody.me == envelope.to).unwrap();
            let jws = format!("signed by {from}: {}", envelope.message.as_str());
            let outcome = receiver.receive(&from, envelope.message, &jws, now);
            let name = if receiver.me == code('A') {
                'A'
            } else if receiver.me == code('B') {
                'B'
            } else {
                'C'
            };
            self.take(name, outcome);
        }
        kinds.join(" ")
    }

    fn lose(&mut self) {
        self.bag.clear();
    }

    fn offer(&mut self, from: char, to: char, transfer: TransferId) -> Result<(), Refused> {
        let nature = Nature::Permanent;
        self.act(from, Role::Custodian, Action::Offer { transfer, to: code(to), nature, family_move: None, stay: None, forced_by: None })
    }

    fn agree(&mut self, at: char, transfer: TransferId) {
        let practitioner = "Bea Roe".parse().unwrap();
        self.act(at, Role::TeamManager, Action::Agree { transfer, practitioner }).unwrap();
    }

    fn hold(&mut self, at: char, transfer: TransferId, registers: bool) {
        let on = "2026-10-01".parse().unwrap();
        self.act(at, Role::ConferenceChair, Action::Hold { transfer, on, registers }).unwrap();
    }

    /// The whole of a move, delivered.
    fn complete(&mut self, from: char, to: char, transfer: TransferId) {
        self.offer(from, to, transfer).unwrap();
        self.deliver();
        self.agree(to, transfer);
        self.hold(to, transfer, true);
        self.act(to, Role::Custodian, Action::Accept { transfer }).unwrap();
        self.deliver();
    }

    fn leads(&self) -> String {
        let of = |custody: &Custody| match &custody.standing {
            Standing::None => "-".to_owned(),
            Standing::Lead { epoch } => format!("lead {epoch}"),
            Standing::Ended { to, epoch } => format!(
                "ended {} {epoch}",
                if *to == code('A') {
                    'A'
                } else if *to == code('B') {
                    'B'
                } else {
                    'C'
                }
            ),
            Standing::Closed { epoch, .. } => format!("closed {epoch}"),
        };
        self.custodies.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

fn why(answer: Result<(), Refused>) -> Why {
    answer.unwrap_err().why
}

#[test]
fn what_is_held_is_read_back_as_it_was_written() {
    let mut post = Post::new();
    post.complete('A', 'B', transfer(1));
    post.offer('B', 'C', transfer(2)).unwrap();
    for custody in &post.custodies {
        let text = serde_json::to_string(custody).unwrap();
        assert_eq!(&serde_json::from_str::<Custody>(&text).unwrap(), custody);
    }
    for (_, envelope) in &post.bag {
        let text = serde_json::to_string(envelope).unwrap();
        assert_eq!(&serde_json::from_str::<Envelope>(&text).unwrap(), envelope);
        assert!(text.contains(&format!("\"kind\":\"{}\"", envelope.message.as_str())), "{text}");
    }
}

#[test]
fn digests_agree_until_something_differs() {
    let mut post = Post::new();
    let digest = |custody: &Custody, other| custody.leaves_with(&code(other)).collect::<Digest>();
    assert_eq!(digest(&post.custodies[0], 'B').root(), digest(&post.custodies[1], 'A').root());
    post.offer('A', 'B', transfer(1)).unwrap();
    let (a, b) = (digest(&post.custodies[0], 'B'), digest(&post.custodies[1], 'A'));
    assert_ne!(a.root(), b.root());
    let buckets = a.differing(&b.buckets());
    assert_eq!(buckets.len(), 1);
    let differences = a.differences(buckets[0], b.rows(buckets[0]));
    assert_eq!(differences.len(), 1);
    assert_eq!((differences[0].id, differences[0].theirs.is_none()), (*transfer_of(&post).as_uuid(), true));
    assert_eq!(a.differing(&[]).len(), BUCKETS);
    post.deliver();
    assert_eq!(digest(&post.custodies[0], 'B').root(), digest(&post.custodies[1], 'A').root());
    // A third authority has no part in it.
    assert_eq!(digest(&post.custodies[0], 'C').root(), Digest::default().root());
    // A completion that has not been confirmed differs from an offer.
    let transfer = transfer_of(&post);
    post.agree('B', transfer);
    post.hold('B', transfer, true);
    post.act('B', Role::Custodian, Action::Accept { transfer }).unwrap();
    assert_ne!(digest(&post.custodies[0], 'B').root(), digest(&post.custodies[1], 'A').root());
    post.deliver();
    assert_eq!(digest(&post.custodies[0], 'B').root(), digest(&post.custodies[1], 'A').root());
}

fn transfer_of(post: &Post) -> TransferId {
    post.custodies[0].outgoing[0].transfer
}

#[test]
fn a_chain_that_does_not_hang_together_is_not_believed() {
    let mut post = Post::new();
    post.complete('A', 'B', transfer(1));
    post.complete('B', 'C', transfer(2));
    let chain = post.of('C').chain.clone();
    assert!(chain.is_sound());
    assert_eq!(chain.links().iter().map(|link| link.epoch.number()).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(chain.passes(&code('A'), Epoch::FIRST) && !chain.passes(&code('B'), Epoch::FIRST));
    let without = |place: usize| {
        let links: Vec<_> = chain.links().iter().enumerate().filter(|(at, _)| *at != place).map(|(_, link)| link.clone()).collect();
        links.into_iter().fold(Chain::default(), |chain, link| chain.extended(link))
    };
    assert!(!without(0).is_sound() && !without(1).is_sound() && without(2).is_sound());
    let last = chain.last().unwrap().clone();
    for forged in [
        Link { proofs: Vec::new(), ..last.clone() },
        Link { leader: code('A'), ..last.clone() },
        Link { transfer: Some(transfer(9)), ..last.clone() },
        Link { epoch: last.epoch.next(), ..last },
    ] {
        assert!(!without(2).extended(forged).is_sound());
    }
    let full = (2..=64).fold(Chain::begun(code('A')), |chain, epoch| {
        chain.extended(Link { epoch: Epoch::new(epoch).unwrap(), leader: code('B'), transfer: None, proofs: Vec::new() })
    });
    assert_eq!((full.links().len(), full.is_full(), full.until(Epoch::FIRST)), (CHAIN_LINKS_MAX, true, Chain::begun(code('A'))));
}
