//! The model of transfers: one child, two or three authorities, a few moves.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;

use chrono::{DateTime, NaiveDate, Utc};
use cofrestr::domain::custody::{
    Action as Act, Comparison, Custody, DutyKind, DutyOf, Epoch, Incoming, Level, Message, Nature, OriginState, Outcome, ReceiverState,
    RefusalReason, Signature, Standing, WithdrawalReason,
};
use cofrestr::domain::identifiers::GssCode;
use cofrestr::domain::ids::{CustodyId, TransferId};
use cofrestr::domain::registration::RemovalGround;
use cofrestr::domain::roles::Role;
use stateright::{Model, Property};
use uuid::Uuid;

use super::{Checked, Sealed, hashed, holds, is_caught, is_stuck, never_stuck, walks};

/// A safeguard that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flaw {
    /// F1: the origin ends when the offer has arrived.
    EndAtReceipt,
    /// F2: the origin ends when people have agreed.
    EndAtAgreement,
    /// F3: the origin cancels by itself.
    CancelAlone,
    /// F4: no epochs.
    NoEpoch,
    /// F5: a cancellation that comes before its offer is forgotten.
    NoTombstone,
    /// F6: duties live in memory.
    DutiesInMemory,
    /// F7: what was not sent at once is never sent.
    NoOutbox,
    /// F8: what comes twice is not answered.
    DuplicatesDropped,
    /// F9: tidying up forgets the highest stamp.
    StampForgotten,
    /// F9b: only the epoch is fenced, not the offer.
    EpochFenceOnly,
    /// F10: an entry can be ended while a transfer is open.
    CloseWhileOpen,
    /// F11: nothing is compared after a restore.
    NoComparison,
    /// F12: a stale request to cancel is not answered.
    StaleCancelIgnored,
    /// F13: two that lead in one epoch are not noticed.
    ForkIgnored,
    /// F14: both sides of a dispute give way.
    BothGiveWay,
    /// F15: that a move is disputed is said once, and not again.
    DisputeSaidOnce,
    /// F16: the receipt of a dispute is taken for that of another.
    DisputeReceiptBlurred,
}

#[derive(Debug, Clone, Copy)]
struct Setup {
    regions: usize,
    transfers: usize,
    /// Moves are announced before they are offered.
    announce: bool,
    /// Origins withdraw.
    cancel: bool,
    /// Receivers refuse.
    refuse: bool,
    /// The leading authority may end the entry.
    close: bool,
    /// Duties are escalated.
    timers: bool,
    /// How often a program may stop between its commit and its sending, or altogether.
    crashes: u8,
    /// What has ended may be tidied away.
    tidy: bool,
    /// Messages may be lost.
    drops: bool,
    /// The first region may be put back from a backup, once.
    restore: bool,
    /// An offer may be forced while another has not answered.
    force: bool,
    /// How often people put a move before the senior managers.
    disputes: u8,
    /// Which offers are made, in this order; empty: any.
    route: &'static [(usize, usize)],
    flaw: Option<Flaw>,
}

const PLAIN: Setup = Setup {
    regions: 2,
    transfers: 1,
    announce: false,
    cancel: true,
    refuse: true,
    close: false,
    timers: false,
    crashes: 0,
    tidy: false,
    drops: false,
    restore: false,
    force: false,
    disputes: 0,
    route: &[],
    flaw: None,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Packet {
    from: usize,
    to: usize,
    message: Message,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    regions: Vec<Sealed<Custody>>,
    net: BTreeSet<Sealed<Packet>>,
    /// Who really led, and when.
    led: BTreeSet<(usize, u32)>,
    /// Where people agreed, and to what.
    agreed: BTreeSet<(usize, TransferId)>,
    /// The entry was ended on a ground.
    closed: bool,
    offers: usize,
    crashes: u8,
    disputes: u8,
    backup: Option<Sealed<Custody>>,
    restored: bool,
}

/// What comes of a step at one region.
#[derive(Clone)]
struct Next {
    custody: Sealed<Custody>,
    led: Option<Epoch>,
    sent: Vec<Sealed<Packet>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Deliver(Sealed<Packet>),
    /// Committed, and stopped before anything was sent.
    DeliverAndStop(Sealed<Packet>),
    Lose(Sealed<Packet>),
    Offer {
        from: usize,
        to: usize,
        forced: bool,
    },
    Announce {
        from: usize,
        to: usize,
    },
    /// Offers what was announced.
    OfferAnnounced(usize, TransferId),
    Agree(usize, TransferId),
    Complete(usize, TransferId),
    Refuse(usize, TransferId),
    Withdraw(usize, TransferId),
    Close(usize),
    GiveWay(usize),
    /// Puts a move before the senior managers of both sides.
    Dispute(usize, TransferId),
    Send(usize),
    Stop(usize),
    Late(usize, TransferId, DutyKind),
    Tidy(usize),
    Backup,
    Restore,
    Compare(usize, usize),
}

fn code(region: usize) -> GssCode {
    format!("W0600000{}", region + 1).parse().expect("a code")
}

fn place(code: &GssCode) -> usize {
    usize::from(code.as_str().as_bytes()[8] - b'1')
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("an instant")
}

fn by(role: Role) -> Signature {
    Signature { role, name: "Ann".parse().expect("a name"), at: now() }
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number as u128)
}

fn transfer(number: usize) -> TransferId {
    TransferId::try_from(id(number)).expect("an id")
}

fn conference() -> NaiveDate {
    now().date_naive()
}

impl Setup {
    /// A step of one region's custody: what it has become, and its messages into the net. What comes of the same step of
    /// the same custody is remembered: worlds differ far more often in their other parts.
    fn step(
        &self,
        world: &mut World,
        region: usize,
        step: impl std::hash::Hash,
        change: impl FnOnce(&mut Custody) -> Option<Outcome>,
    ) -> Option<()> {
        thread_local! {
            static KNOWN: RefCell<HashMap<(u64, u64), Option<Next>>> = RefCell::new(HashMap::new());
        }
        let key = (world.regions[region].hash_value(), hashed(&(self.flaw, &step)));
        let known = KNOWN.with_borrow(|known| known.get(&key).cloned());
        let next = known.unwrap_or_else(|| {
            let next = self.work_out(&world.regions[region], region, change);
            KNOWN.with_borrow_mut(|known| known.insert(key, next.clone()));
            next
        });
        let Next { custody, led, sent } = next?;
        world.led.extend(led.map(|epoch| (region, epoch.number())));
        world.regions[region] = custody;
        world.net.extend(sent);
        Some(())
    }

    fn work_out(&self, custody: &Custody, region: usize, change: impl FnOnce(&mut Custody) -> Option<Outcome>) -> Option<Next> {
        let mut custody = custody.clone();
        let outcome = change(&mut custody)?;
        if self.flaw == Some(Flaw::EpochFenceOnly)
            && let Some(highest) = &mut custody.highest
        {
            highest.transfer = transfer(0);
        }
        let led = custody.standing.leads();
        let packet = |to: &GssCode, message| Sealed::new(Packet { from: region, to: place(to), message });
        let sent = outcome.send.into_iter().map(|envelope| packet(&envelope.to, envelope.message)).collect();
        Some(Next { custody: Sealed::new(custody), led, sent })
    }

    fn deliver(&self, world: &mut World, packet: &Sealed<Packet>, sends: bool) -> Option<()> {
        let Packet { from, to, message } = &**packet;
        let flaw = self.flaw;
        self.step(world, *to, (packet, sends), |custody| {
            let before = custody.clone();
            let message = if flaw == Some(Flaw::NoEpoch) { without_epoch(message.clone(), custody) } else { message.clone() };
            let known = message.transfer().is_some_and(|transfer| custody.incoming(transfer).is_some());
            let mut outcome = custody.receive(&code(*from), message.clone(), "", now());
            match (flaw, &message) {
                (Some(Flaw::EndAtReceipt), Message::Progress { transfer, .. }) => end_early(custody, *transfer, *from),
                (Some(Flaw::EndAtAgreement), Message::Progress { transfer, progress }) if progress.accepted.is_some() => {
                    end_early(custody, *transfer, *from);
                }
                (Some(Flaw::NoTombstone), Message::Cancel { stamp }) if !known => {
                    custody.incoming.retain(|incoming| incoming.transfer != stamp.transfer);
                    custody.highest = before.highest;
                }
                (Some(Flaw::DuplicatesDropped), Message::Offer(_) | Message::Cancel { .. }) if known && *custody == before => {
                    outcome.send.clear();
                }
                (Some(Flaw::DuplicatesDropped), Message::Complete(_)) if *custody == before => outcome.send.clear(),
                (Some(Flaw::StaleCancelIgnored), Message::Cancel { .. }) if !known && *custody == before => outcome.send.clear(),
                (Some(Flaw::DisputeReceiptBlurred), Message::DisputedReceipt { .. }) => {
                    custody.contests.iter_mut().for_each(|contest| contest.told = true);
                }
                (Some(Flaw::ForkIgnored), _) if custody.dispute.is_some() => {
                    custody.dispute = None;
                    custody.settle_after_tampering();
                }
                _ => {}
            }
            if !sends {
                outcome.send.clear();
            }
            Some(outcome)
        })
    }

    fn apply(&self, world: &mut World, step: Step) -> Option<()> {
        let key = hashed(&step);
        match step {
            Step::Deliver(packet) => self.deliver(world, &packet, true),
            Step::DeliverAndStop(packet) => {
                world.crashes += 1;
                self.deliver(world, &packet, false)
            }
            Step::Lose(packet) => {
                world.net.remove(&packet);
                Some(())
            }
            Step::Offer { from, to, forced } => {
                world.offers += 1;
                let forced_by = forced.then(|| Signature { name: "Bob".parse().expect("a name"), ..by(Role::SeniorSafeguardingManager) });
                let transfer = transfer(world.offers);
                let nature = Nature::Permanent;
                let act = Act::Offer { transfer, to: code(to), nature, family_move: None, stay: None, forced_by };
                self.act(world, from, act)
            }
            Step::Announce { from, to } => {
                world.offers += 1;
                self.act(world, from, Act::Announce { transfer: transfer(world.offers), to: code(to) })
            }
            Step::OfferAnnounced(from, transfer) => {
                let to = world.regions[from].outgoing(transfer)?.to.clone();
                let nature = Nature::Permanent;
                self.act(world, from, Act::Offer { transfer, to, nature, family_move: None, stay: None, forced_by: None })
            }
            Step::Agree(region, transfer) => {
                world.agreed.insert((region, transfer));
                self.act(world, region, Act::Agree { transfer, practitioner: "Eve".parse().expect("a name") })
            }
            Step::Complete(region, transfer) => self.step(world, region, key, |custody| {
                custody.act(Act::Hold { transfer, on: conference(), registers: true }, &by(Role::ConferenceChair)).ok()?;
                custody.act(Act::Accept { transfer }, &by(Role::Custodian)).ok()
            }),
            Step::Refuse(region, transfer) => {
                let accepted = world.regions[region].incoming(transfer).is_some_and(|incoming| incoming.state == ReceiverState::Accepted);
                let act = if accepted {
                    Act::Hold { transfer, on: conference(), registers: false }
                } else {
                    Act::Refuse { transfer, reason: RefusalReason::NotResident }
                };
                self.act(world, region, act)
            }
            Step::Withdraw(region, transfer) => {
                let alone = self.flaw == Some(Flaw::CancelAlone);
                self.step(world, region, key, |custody| {
                    let outcome = custody.act(Act::Withdraw { transfer, reason: WithdrawalReason::MovedOn }, &by(Role::Custodian)).ok()?;
                    if alone && let Some(outgoing) = custody.outgoing.iter_mut().find(|outgoing| outgoing.transfer == transfer) {
                        outgoing.state = OriginState::Cancelled;
                        outgoing.duties.clear();
                    }
                    Some(outcome)
                })
            }
            Step::Close(region) => {
                world.closed = true;
                let ground = RemovalGround::ReviewConferenceDecision;
                let anyway = self.flaw == Some(Flaw::CloseWhileOpen);
                self.step(world, region, key, |custody| {
                    match (custody.act(Act::Close { ground }, &by(Role::Custodian)), &custody.standing) {
                        (Err(_), Standing::Lead { epoch }) if anyway => {
                            custody.standing = Standing::Closed { epoch: *epoch, ground };
                            Some(Outcome::default())
                        }
                        (answer, _) => answer.ok(),
                    }
                })
            }
            Step::GiveWay(region) => {
                let both = self.flaw == Some(Flaw::BothGiveWay);
                self.step(world, region, key, |custody| {
                    let answer = custody.act(Act::GiveWay, &by(Role::SeniorSafeguardingManager));
                    if both && answer.is_err() {
                        let dispute = custody.dispute.take()?;
                        custody.standing = Standing::Ended { to: dispute.other, epoch: dispute.epoch };
                        custody.duties.clear();
                        return Some(Outcome::default());
                    }
                    answer.ok()
                })
            }
            Step::Dispute(region, transfer) => {
                world.disputes += 1;
                self.act(world, region, Act::Contest { transfer, words: None })
            }
            Step::Send(region) => self.step(world, region, key, |custody| {
                let mut send = custody.due_messages();
                if self.flaw == Some(Flaw::DisputeSaidOnce) {
                    send.retain(|envelope| !matches!(envelope.message, Message::Disputed { .. }));
                }
                Some(Outcome { send, ..Outcome::default() })
            }),
            Step::Stop(region) => {
                world.crashes += 1;
                let lost = self.flaw == Some(Flaw::DutiesInMemory);
                self.step(world, region, key, |custody| {
                    if lost {
                        custody.outgoing.iter_mut().for_each(|outgoing| outgoing.duties.clear());
                        custody.incoming.iter_mut().for_each(|incoming| incoming.duties.clear());
                    }
                    Some(Outcome::default())
                })
            }
            Step::Late(region, transfer, kind) => {
                self.step(world, region, key, |custody| Some(custody.escalate(DutyOf::Transfer(transfer), kind)))
            }
            Step::Tidy(region) => self.step(world, region, key, |custody| {
                custody.tidy();
                if self.flaw == Some(Flaw::StampForgotten) {
                    custody.highest = None;
                }
                Some(Outcome::default())
            }),
            Step::Backup => {
                world.backup = Some(world.regions[0].clone());
                Some(())
            }
            Step::Restore => {
                world.restored = true;
                let others = (1..self.regions).map(code).collect();
                let backup = world.backup.take()?;
                let mut custody = Custody::clone(&backup);
                if self.flaw != Some(Flaw::NoComparison) {
                    custody.restored(others);
                }
                world.regions[0] = Sealed::new(custody);
                Some(())
            }
            Step::Compare(one, other) => {
                let [mine, theirs] = [world.regions[one].claim_to(&code(other)), world.regions[other].claim_to(&code(one))];
                self.compare(world, one, other, theirs)?;
                self.compare(world, other, one, mine)
            }
        }
    }

    fn compare(&self, world: &mut World, region: usize, with: usize, claim: cofrestr::domain::custody::Claim) -> Option<()> {
        self.step(world, region, (with, claim.clone()), |custody| {
            let outcome = custody.compare(Comparison { with: code(with), claim }, now());
            if self.flaw == Some(Flaw::ForkIgnored) {
                custody.dispute = None;
                custody.settle_after_tampering();
            }
            Some(outcome)
        })
    }

    fn act(&self, world: &mut World, region: usize, act: Act) -> Option<()> {
        self.step(world, region, act.clone(), |custody| custody.act(act, &by(Role::Custodian)).ok())
    }
}

/// What a test does to a custody that no step of it would.
trait Tampering {
    fn settle_after_tampering(&mut self);
}

impl Tampering for Custody {
    fn settle_after_tampering(&mut self) {
        self.duties.clear();
    }
}

fn end_early(custody: &mut Custody, transfer: TransferId, to: usize) {
    let Some(epoch) = custody.standing.leads() else { return };
    if let Some(outgoing) = custody.outgoing.iter_mut().find(|outgoing| outgoing.transfer == transfer && outgoing.state.is_open()) {
        outgoing.state = OriginState::Completed;
        outgoing.duties.clear();
        custody.standing = Standing::Ended { to: code(to), epoch: epoch.next() };
    }
}

/// The message as one without epochs would be read: as of now.
fn without_epoch(message: Message, custody: &mut Custody) -> Message {
    let current = custody.highest_epoch().unwrap_or(Epoch::FIRST);
    match message {
        Message::Offer(offer) if custody.incoming(offer.stamp.transfer).is_none() => {
            // Nothing is fenced, and nothing of a former leading is held against it.
            custody.highest = None;
            if matches!(custody.standing, Standing::Ended { .. }) {
                custody.standing = Standing::None;
                custody.chain = cofrestr::domain::custody::Chain::default();
            }
            Message::Offer(offer)
        }
        Message::Complete(mut completion) => {
            let done = custody.outgoing(completion.transfer).is_some_and(|outgoing| outgoing.state == OriginState::Completed);
            if let Standing::Lead { epoch } = &mut custody.standing
                && !done
            {
                *epoch = completion.offer.epoch;
                custody.chain = completion.chain.until(completion.offer.epoch);
            } else if custody.outgoing(completion.transfer).is_none() && custody.standing.leads().is_some() {
                completion.epoch = current.next();
            }
            Message::Complete(completion)
        }
        other => other,
    }
}

impl Model for Setup {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let custody = CustodyId::try_from(id(0)).expect("an id");
        let regions = (0..self.regions)
            .map(|region| if region == 0 { Custody::begun(custody, code(0)) } else { Custody::unknown(custody, code(region)) })
            .map(Sealed::new)
            .collect();
        vec![World {
            regions,
            net: BTreeSet::new(),
            led: [(0, 1)].into(),
            agreed: BTreeSet::new(),
            closed: false,
            offers: 0,
            crashes: 0,
            disputes: 0,
            backup: None,
            restored: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for packet in &world.net {
            steps.push(Step::Deliver(packet.clone()));
            if self.drops {
                steps.push(Step::Lose(packet.clone()));
            }
            if world.crashes < self.crashes {
                steps.push(Step::DeliverAndStop(packet.clone()));
            }
        }
        for (region, custody) in world.regions.iter().enumerate() {
            self.persons(world, region, custody, steps);
            if self.flaw != Some(Flaw::NoOutbox) {
                steps.push(Step::Send(region));
            }
            if world.crashes < self.crashes {
                steps.push(Step::Stop(region));
            }
            if self.tidy {
                steps.push(Step::Tidy(region));
            }
            if self.timers {
                let outgoing =
                    custody.outgoing.iter().flat_map(|outgoing| outgoing.duties.iter().map(move |duty| (outgoing.transfer, duty)));
                let incoming =
                    custody.incoming.iter().flat_map(|incoming| incoming.duties.iter().map(move |duty| (incoming.transfer, duty)));
                let late = outgoing.chain(incoming).filter(|(_, duty)| duty.level < Level::First);
                steps.extend(late.map(|(transfer, duty)| Step::Late(region, transfer, duty.kind)));
            }
            if world.restored && self.flaw != Some(Flaw::NoComparison) {
                steps.extend((0..region).map(|other| Step::Compare(region, other)));
            }
        }
        if self.restore && !world.restored {
            if world.backup.is_none() {
                steps.push(Step::Backup);
            } else {
                steps.push(Step::Restore);
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        self.apply(&mut next, step)?;
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if self.restore {
            // No property can hold at every moment across a restore but these two: what is forgotten is forgotten until the
            // registers have been compared.
            return vec![
                Property::always("A1 some register names a lead", |_, world: &World| {
                    world.closed
                        || world.regions.iter().any(|custody| matches!(custody.standing, Standing::Lead { .. } | Standing::Ended { .. }))
                }),
                Property::always("L1 an open transfer has a duty", |_, world| every_open_transfer_has_a_duty(world)),
            ];
        }
        let mut properties = vec![
            Property::always("S1 never on no register", |_, world: &World| world.closed || world.regions.iter().any(leads)),
            Property::always("S3 ended only to one that led", |_, world: &World| {
                world.regions.iter().all(|custody| match &custody.standing {
                    Standing::Ended { to, epoch } => world.led.contains(&(place(to), epoch.number())),
                    Standing::None | Standing::Lead { .. } | Standing::Closed { .. } => true,
                })
            }),
            Property::always("S5 a receipt is for what is stored", |_, world| receipts_are_true(world)),
            Property::always("S6 agreed by people only", |_, world| agreements_are_true(world)),
            Property::always("S7 what has ended stays ended", |_, world| nobody_leads_after_the_end(world)),
            Property::always("L1 an open transfer has a duty", |_, world| every_open_transfer_has_a_duty(world)),
            Property::always("D1 who is told to have heard of a dispute has", |_, world| disputes_are_heard(world)),
        ];
        if !self.force {
            properties.push(Property::always("S2 one leads in an epoch", |_, world: &World| {
                let epochs: Vec<_> = world.regions.iter().filter_map(|custody| custody.standing.leads()).collect();
                epochs.iter().collect::<BTreeSet<_>>().len() == epochs.len()
            }));
            properties.push(Property::always("S4 two lead only while a transfer is open", |_, world| two_lead_only_in_a_transfer(world)));
        }
        properties
    }
}

impl Setup {
    fn persons(&self, world: &World, region: usize, custody: &Custody, steps: &mut Vec<Step>) {
        if custody.standing.leads().is_some() && world.offers < self.transfers {
            let on_route = |to: &usize| self.route.get(world.offers).is_none_or(|leg| *leg == (region, *to));
            for to in (0..self.regions).filter(|to| *to != region).filter(on_route) {
                steps.push(Step::Offer { from: region, to, forced: false });
                if self.force {
                    steps.push(Step::Offer { from: region, to, forced: true });
                }
                if self.announce {
                    steps.push(Step::Announce { from: region, to });
                }
            }
        }
        for Incoming { transfer, state, .. } in &custody.incoming {
            match state {
                ReceiverState::Received => steps.push(Step::Agree(region, *transfer)),
                ReceiverState::Accepted => steps.push(Step::Complete(region, *transfer)),
                ReceiverState::Expected => {}
                _ => continue,
            }
            if self.refuse {
                steps.push(Step::Refuse(region, *transfer));
            }
        }
        let announced = custody.outgoing.iter().filter(|outgoing| outgoing.state == OriginState::Expected);
        steps.extend(announced.map(|outgoing| Step::OfferAnnounced(region, outgoing.transfer)));
        let open = |state| matches!(state, OriginState::Expected | OriginState::Offered);
        let withdrawable = custody.outgoing.iter().filter(|outgoing| self.cancel && open(outgoing.state));
        steps.extend(withdrawable.map(|outgoing| Step::Withdraw(region, outgoing.transfer)));
        if self.close && custody.standing.leads().is_some() && !world.closed {
            steps.push(Step::Close(region));
        }
        if custody.dispute.is_some() {
            steps.push(Step::GiveWay(region));
        }
        if world.disputes < self.disputes {
            // Also what has ended: who is responsible now is what is disputed then.
            let known = custody.outgoing.iter().map(|outgoing| outgoing.transfer);
            let known = known.chain(custody.incoming.iter().map(|incoming| incoming.transfer));
            steps.extend(known.map(|transfer| Step::Dispute(region, transfer)));
        }
    }
}

fn leads(custody: &Sealed<Custody>) -> bool {
    custody.standing.leads().is_some()
}

fn two_lead_only_in_a_transfer(world: &World) -> bool {
    let highest = world.regions.iter().filter_map(|custody| custody.standing.leads()).max();
    world
        .regions
        .iter()
        .filter(|custody| leads(custody) && custody.standing.leads() < highest)
        .all(|custody| custody.outgoing.iter().any(|outgoing| outgoing.state.is_open()))
}

fn receipts_are_true(world: &World) -> bool {
    world.regions.iter().all(|custody| {
        custody.outgoing.iter().filter(|outgoing| outgoing.progress.as_ref().is_some_and(|progress| progress.offered)).all(|outgoing| {
            let receiver = &world.regions[place(&outgoing.to)];
            receiver.incoming(outgoing.transfer).is_some() || receiver.highest >= Some(outgoing.stamp())
        })
    })
}

fn agreements_are_true(world: &World) -> bool {
    world.regions.iter().all(|custody| {
        let agreed =
            custody.outgoing.iter().filter(|outgoing| outgoing.progress.as_ref().is_some_and(|progress| progress.accepted.is_some()));
        agreed.into_iter().all(|outgoing| world.agreed.contains(&(place(&outgoing.to), outgoing.transfer)))
    })
}

/// Nobody leads in the epoch in which the entry has ended, nor after it. Who led before it, and has not heard yet that custody passed on,
/// still shows the child: their end is on its way.
fn nobody_leads_after_the_end(world: &World) -> bool {
    let ended = world.regions.iter().filter_map(|custody| match &custody.standing {
        Standing::Closed { epoch, .. } => Some(*epoch),
        Standing::None | Standing::Lead { .. } | Standing::Ended { .. } => None,
    });
    let ended = ended.max();
    ended.is_none_or(|ended| world.regions.iter().all(|custody| custody.standing.leads() < Some(ended)))
}

/// What one side takes for heard stands at the other, once.
fn disputes_are_heard(world: &World) -> bool {
    world.regions.iter().enumerate().all(|(region, custody)| {
        custody.contests.iter().filter(|contest| contest.mine && contest.told).all(|contest| {
            let there = &world.regions[place(&contest.other)].contests;
            let heard = there.iter().filter(|heard| {
                !heard.mine && heard.other == code(region) && heard.transfer == contest.transfer && heard.number == contest.number
            });
            heard.count() == 1
        })
    })
}

fn every_open_transfer_has_a_duty(world: &World) -> bool {
    world.regions.iter().all(|custody| {
        custody.outgoing.iter().all(|outgoing| !outgoing.state.is_open() || !outgoing.duties.is_empty())
            && custody.incoming.iter().all(|incoming| !incoming.is_open() || !incoming.duties.is_empty())
    })
}

/// Everything has come to its end: no transfer is open, and one authority leads, or the entry has ended as it may.
fn is_settled(world: &World) -> bool {
    let leading = world.regions.iter().filter(|custody| leads(custody)).count();
    world.regions.iter().all(|custody| !custody.transfer_open() && custody.dispute.is_none() && custody.recovering.is_empty())
        && world.regions.iter().all(|custody| custody.contests.iter().all(|contest| contest.told))
        && (leading == 1 || (leading == 0 && world.closed))
}

impl Checked for Setup {
    fn flaw(&self) -> Option<String> {
        self.flaw.map(|flaw| format!("{flaw:?}"))
    }

    fn is_settled(world: &World) -> bool {
        is_settled(world)
    }

    fn is_trouble(step: &Step) -> bool {
        matches!(
            step,
            Step::Lose(_)
                | Step::DeliverAndStop(_)
                | Step::Stop(_)
                | Step::Offer { .. }
                | Step::Announce { .. }
                | Step::Dispute(..)
                | Step::Close(_)
                | Step::Backup
                | Step::Restore
        )
    }
}

fn without(flaw: Flaw, setup: &Setup) -> Setup {
    Setup { flaw: Some(flaw), ..*setup }
}

const TWO: Setup = Setup { transfers: 2, ..PLAIN };

/// Two moves to the same authority, so that what is left of the first meets the second.
const AGAIN: Setup = Setup { transfers: 2, tidy: true, route: &[(0, 1), (0, 1)], ..PLAIN };

const THERE_AND_BACK: Setup = Setup { transfers: 2, tidy: true, cancel: false, refuse: false, route: &[(0, 1), (1, 0)], ..PLAIN };

/// People dispute a move, at either end and whatever has become of it.
const DISPUTED: Setup = Setup { disputes: 2, cancel: false, ..PLAIN };

/// The origin forgets that it has offered, and offers the same epoch to a second.
const FORK: Setup = Setup { regions: 3, transfers: 2, restore: true, refuse: false, cancel: false, route: &[(0, 1), (0, 2)], ..PLAIN };

const FORCED: Setup = Setup { regions: 3, transfers: 2, force: true, refuse: false, route: &[(0, 1), (0, 2)], ..PLAIN };

const LOSSES: Setup = Setup { drops: true, crashes: 1, ..PLAIN };

const LOSSES_AND_RESTORE: Setup = Setup { drops: true, restore: true, ..PLAIN };

#[test]
fn two_moves_hold_in_every_order() {
    holds("T1: two regions, two moves", &TWO);
    holds("T3: three regions, two moves", &Setup { regions: 3, ..TWO });
    holds("T6: three regions, three moves, none taken back", &Setup { regions: 3, transfers: 3, cancel: false, refuse: false, ..PLAIN });
}

#[test]
fn what_has_been_tidied_away_does_no_harm() {
    holds("T2: there and again", &AGAIN);
    holds("T2b: there and back", &THERE_AND_BACK);
    holds("T2c: programs stop, duties are late", &Setup { crashes: 1, timers: true, tidy: true, ..PLAIN });
}

#[test]
fn an_entry_that_ended_as_it_may_stays_ended() {
    holds("T7: the entry may be ended", &Setup { close: true, ..TWO });
}

#[test]
fn a_forced_offer_may_double_the_lead_and_is_settled() {
    holds("TF: forced", &FORCED);
    never_stuck("TF: forced", &FORCED);
}

#[test]
fn what_was_announced_comes_about_or_does_not() {
    let announced = Setup { announce: true, ..PLAIN };
    holds("TA: announced, tidied", &Setup { tidy: true, ..announced });
    holds("TA3: three regions, moved on", &Setup { regions: 3, transfers: 2, refuse: false, route: &[(0, 1), (0, 2)], ..announced });
    never_stuck("TA: announced, messages are lost", &Setup { drops: true, tidy: true, ..announced });
}

#[test]
fn what_one_side_disputes_the_other_hears() {
    holds("TD: disputed twice, at either end", &DISPUTED);
    never_stuck("TD: disputed, messages are lost, programs stop", &Setup { disputes: 1, drops: true, crashes: 1, ..DISPUTED });
    never_stuck("TD: disputed, restored", &Setup { disputes: 1, restore: true, refuse: false, ..DISPUTED });
    let once = Setup { disputes: 1, refuse: false, ..DISPUTED };
    is_stuck(&without(Flaw::DisputeSaidOnce, &Setup { drops: true, ..once }));
    is_caught(&without(Flaw::DisputeReceiptBlurred, &Setup { disputes: 2, ..once }), &["D1"]);
}

#[test]
fn losses_and_stops_leave_nothing_stuck() {
    never_stuck("T4: messages are lost, programs stop", &Setup { tidy: true, ..LOSSES });
}

#[test]
fn a_restored_register_finds_its_place() {
    let there_and_back = Setup { restore: true, tidy: false, ..THERE_AND_BACK };
    holds("R1: restored, there and back", &there_and_back);
    never_stuck("R4: restored, there and back", &there_and_back);
    never_stuck("R2: restored, messages are lost", &LOSSES_AND_RESTORE);
    never_stuck("R3: restored, one epoch offered twice", &FORK);
}

#[test]
fn each_safeguard_that_keeps_an_entry_is_needed() {
    is_caught(&without(Flaw::EndAtReceipt, &TWO), &["S1", "S3"]);
    is_caught(&without(Flaw::EndAtAgreement, &TWO), &["S1", "S3"]);
    is_caught(&without(Flaw::CancelAlone, &TWO), &["S4"]);
    is_caught(&without(Flaw::NoEpoch, &THERE_AND_BACK), &["S1"]);
    is_caught(&without(Flaw::NoTombstone, &AGAIN), &["S4"]);
    is_caught(&without(Flaw::DutiesInMemory, &LOSSES), &["L1"]);
    is_caught(&without(Flaw::StampForgotten, &AGAIN), &["S4"]);
    is_caught(&without(Flaw::EpochFenceOnly, &AGAIN), &["S4"]);
    is_caught(&without(Flaw::CloseWhileOpen, &Setup { close: true, ..TWO }), &["S7"]);
}

#[test]
fn each_safeguard_against_being_stuck_is_needed() {
    is_stuck(&without(Flaw::NoOutbox, &LOSSES));
    is_stuck(&without(Flaw::DuplicatesDropped, &Setup { crashes: 0, ..LOSSES }));
    is_stuck(&without(Flaw::NoComparison, &LOSSES_AND_RESTORE));
    is_stuck(&without(Flaw::StaleCancelIgnored, &Setup { tidy: true, refuse: false, ..LOSSES_AND_RESTORE }));
    is_stuck(&without(Flaw::ForkIgnored, &FORK));
    is_stuck(&without(Flaw::BothGiveWay, &FORK));
}

#[test]
fn many_moves_between_many_authorities_hold_and_settle() {
    let many = Setup { regions: 5, transfers: 8, announce: true, tidy: true, timers: true, drops: true, crashes: 5, disputes: 4, ..PLAIN };
    walks("W1: five authorities, eight moves, losses and stops", &many, 300);
    walks("W2: the entry may be ended", &Setup { close: true, ..many }, 300);
    walks("W3: forced", &Setup { force: true, ..many }, 300);
    walks("W4: restored", &Setup { restore: true, ..many }, 300);
}

/// The bounds of the design, and wider.
#[test]
#[ignore = "minutes in a release build: cargo test --release --test model -- --ignored --nocapture"]
fn large_bounds() {
    holds("T2: two regions, two moves, stops, tidied", &Setup { tidy: true, crashes: 1, ..TWO });
    holds("T5: two regions, three moves", &Setup { transfers: 3, ..PLAIN });
    holds("TF: forced, any route", &Setup { route: &[], ..FORCED });
    never_stuck("TF: forced, any route", &Setup { route: &[], ..FORCED });
    holds("R1: two regions, two moves, restored", &Setup { restore: true, ..TWO });
    never_stuck("R4: two regions, two moves, restored", &Setup { restore: true, ..TWO });
    never_stuck("T4: two moves, messages are lost", &Setup { drops: true, refuse: false, ..TWO });
}
