//! The model of alerts: one alert, two or three regions, custody that moves, sightings.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use chrono::{DateTime, Utc};
use cofrestr::domain::custody::alert::{
    Alert, AlertAction, AlertMessage, AlertOutcome, AlertStatus, Beside, Bulletin, ClosureReason, Lead, Leads, MissingPath, Report,
    ReportKey, Version,
};
use cofrestr::domain::custody::{Epoch, Signature};
use cofrestr::domain::identifiers::RegionCode;
use cofrestr::domain::ids::{AlertId, CustodyId, SightingId};
use cofrestr::domain::roles::Role;
use stateright::{Model, Property};
use uuid::Uuid;

use super::{Checked, Sealed, hashed, holds, is_caught, is_stuck, never_stuck, walks};

/// A safeguard that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flaw {
    /// MF0: the old owner resigns when custody moves.
    ResignFirst,
    /// MF1: what comes last wins.
    LastWins,
    /// MF2: a closure that comes before its alert is forgotten.
    ClosureForgotten,
    /// MF4: sightings after the closure are dropped.
    LateSightingDropped,
    /// MF5: an alert disappears by the passage of time.
    Expires,
    /// MF6a: a take-over wins over a closure that it has not heard of, at whoever holds the closure.
    TakeOverWins,
    /// MF6b: the same, at the one that took over.
    LateClosureIgnored,
    /// MF6c: whoever closed the alert does not tell the one that took it over.
    ClosureNotTold,
    /// MF8: what a former owner published before it heard of the take-over is not added.
    LateWordsIgnored,
    /// MF7: a receipt goes to the reporter only.
    ReceiptToReporterOnly,
    /// MF9a: it is not sent after a child who goes where it was not circulated.
    NotSentAfter,
    /// MF9b: whoever gets it when custody has passed on from there does not say so.
    PassedOnInSilence,
}

#[derive(Debug, Clone)]
struct Setup {
    regions: usize,
    sightings: u8,
    renewals: u8,
    /// Where custody moves, in this order: to any region, or to one.
    moves: &'static [Option<usize>],
    /// To whom it goes first; empty: to everybody.
    audience: &'static [usize],
    /// How often people close it, in all: once closed it has to be closed everywhere without anybody else's doing. With 0 it stays
    /// open, and everybody has to come to hold all that was said of it.
    closes: u8,
    drops: bool,
    flaw: Option<Flaw>,
}

const PLAIN: Setup = Setup { regions: 3, sightings: 1, renewals: 0, moves: &[], audience: &[], closes: 1, drops: false, flaw: None };

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Packet {
    from: usize,
    to: usize,
    message: AlertMessage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    alerts: Vec<Sealed<Alert>>,
    net: BTreeSet<Sealed<Packet>>,
    /// Who leads the child's custody, and in which epoch.
    lead: (usize, u32),
    /// To whom each region has passed it.
    passed_to: Vec<Option<usize>>,
    /// What each region has heard, of all that was ever published.
    heard: Vec<BTreeSet<(Version, bool)>>,
    sightings: u8,
    renewals: u8,
    /// How often it was closed, and how often at most.
    closes: (u8, u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Deliver(Sealed<Packet>),
    Lose(Sealed<Packet>),
    Renew(usize),
    Close(usize),
    Sight(usize),
    Read(usize, ReportKey),
    Move(usize),
    /// The region hears that custody has passed on from there.
    Hear(usize),
    Send(usize),
    Expire(usize),
}

/// What comes of a step at one region.
#[derive(Clone)]
struct Next {
    alert: Sealed<Alert>,
    sent: Vec<Sealed<Packet>>,
}

const REGIONS: [&str; 5] = ["north", "south", "west", "east", "centre"];

fn code(region: usize) -> RegionCode {
    REGIONS[region].parse().expect("a code")
}

fn place(code: &RegionCode) -> usize {
    REGIONS.iter().position(|name| *name == code.as_str()).expect("a region")
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("an instant")
}

fn by() -> Signature {
    Signature { role: Role::Custodian, name: "Ann".parse().expect("a name"), at: now() }
}

fn id(number: u8) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

impl Setup {
    fn step(
        &self,
        world: &mut World,
        region: usize,
        step: impl Hash,
        change: impl FnOnce(&mut Alert) -> Option<AlertOutcome>,
    ) -> Option<()> {
        thread_local! {
            static KNOWN: RefCell<HashMap<(u64, u64), Option<Next>>> = RefCell::new(HashMap::new());
        }
        let key = (world.alerts[region].hash_value(), hashed(&(self.flaw, self.regions, &step)));
        let known = KNOWN.with_borrow(|known| known.get(&key).cloned());
        let next = known.unwrap_or_else(|| {
            let mut alert = Alert::clone(&world.alerts[region]);
            let next = change(&mut alert).map(|outcome| {
                let packet = |(to, message)| Sealed::new(Packet { from: region, to: place(&to), message });
                Next { alert: Sealed::new(alert), sent: outcome.send.into_iter().map(packet).collect() }
            });
            KNOWN.with_borrow_mut(|known| known.insert(key, next.clone()));
            next
        });
        let Next { alert, sent } = next?;
        if alert.is_mine()
            && let Some(bulletin) = &alert.bulletin
        {
            world.heard[region].insert((bulletin.version, bulletin.status == AlertStatus::Active));
        }
        world.alerts[region] = alert;
        world.net.extend(sent);
        Some(())
    }

    fn others(&self, region: usize) -> BTreeSet<RegionCode> {
        (0..self.regions).filter(|other| *other != region).map(code).collect()
    }

    fn deliver(&self, world: &mut World, packet: &Sealed<Packet>) -> Option<()> {
        let Packet { from, to, message } = &**packet;
        let epoch = Some(world.lead).filter(|(lead, _)| lead == to).and_then(|(_, epoch)| Epoch::new(epoch));
        let audience = self.others(*to);
        if let AlertMessage::Circulate(bulletin) = message {
            world.heard[*to].insert((bulletin.version, bulletin.status == AlertStatus::Active));
        }
        let passed_to = world.passed_to[*to].map(code).filter(|_| self.flaw != Some(Flaw::PassedOnInSilence));
        self.step(world, *to, (packet, epoch, &passed_to), |alert| {
            let lead = match (epoch, &passed_to) {
                (Some(epoch), _) => Lead::Here(Leads { epoch, audience: &audience }),
                (None, Some(region)) => Lead::PassedTo(region),
                (None, None) => Lead::Elsewhere,
            };
            Some(self.receive(alert, *from, message.clone(), lead))
        })
    }

    /// The step itself, with the safeguard switched off around it.
    fn receive(&self, alert: &mut Alert, from: usize, message: AlertMessage, lead: Lead<'_>) -> AlertOutcome {
        let before = alert.clone();
        match (self.flaw, &message, &mut alert.bulletin) {
            (Some(Flaw::LastWins), AlertMessage::Circulate(bulletin), Some(held)) if bulletin.version < held.version => {
                (held.status, held.version) = (AlertStatus::Active, Version { epoch: Epoch::FIRST, number: 0 });
            }
            (Some(Flaw::ClosureForgotten), AlertMessage::Circulate(bulletin), None) if bulletin.status == AlertStatus::Closed => {
                let message = AlertMessage::Receipt { version: bulletin.version, acknowledged: false, searched: None, passed_to: None };
                return AlertOutcome { send: vec![(code(from), message)], ..AlertOutcome::default() };
            }
            (Some(Flaw::TakeOverWins), AlertMessage::Circulate(bulletin), Some(held)) if bulletin.version > held.version => {
                held.status = AlertStatus::Active;
            }
            (Some(Flaw::LateClosureIgnored), AlertMessage::Circulate(bulletin), Some(held)) if bulletin.version < held.version => {
                let message = AlertMessage::Receipt { version: held.version, acknowledged: false, searched: None, passed_to: None };
                return AlertOutcome { send: vec![(code(from), message)], ..AlertOutcome::default() };
            }
            _ => {}
        }
        let mut outcome = alert.receive(&code(from), message.clone(), lead, now());
        match (self.flaw, &message) {
            (Some(Flaw::LateSightingDropped), AlertMessage::Report { .. }) if !before.is_shown() => alert.reports = before.reports,
            (Some(Flaw::ReceiptToReporterOnly), AlertMessage::Report { reporter, .. }) => {
                outcome.send.retain(|(to, message)| to == reporter || !matches!(message, AlertMessage::ReportReceipt { .. }))
            }
            (Some(Flaw::LateWordsIgnored), AlertMessage::Circulate(_)) if outcome.beside == Beside::Added => {
                *alert = before;
                outcome = AlertOutcome::default();
            }
            (Some(Flaw::ClosureNotTold), AlertMessage::Circulate(_)) if before.is_mine() && !before.is_shown() => {
                *alert = before;
                outcome.send.retain(|(_, message)| !matches!(message, AlertMessage::Circulate(_)));
            }
            _ => {}
        }
        outcome
    }

    fn apply(&self, world: &mut World, step: Step) -> Option<()> {
        let key = hashed(&step);
        match step {
            Step::Deliver(packet) => self.deliver(world, &packet),
            Step::Lose(packet) => {
                world.net.remove(&packet);
                Some(())
            }
            Step::Renew(region) => {
                world.renewals += 1;
                self.act(world, region, AlertAction::Renew { reconfirm_by: now() })
            }
            Step::Close(region) => {
                world.closes.0 += 1;
                self.act(world, region, AlertAction::Close { reason: ClosureReason::LocatedAndSeen })
            }
            Step::Sight(region) => {
                world.sightings += 1;
                let sighting = SightingId::try_from(id(world.sightings)).expect("an id");
                self.act(world, region, AlertAction::Report { sighting })
            }
            Step::Read(region, key) => self.act(world, region, AlertAction::Read { key }),
            Step::Move(to) => {
                let (from, epoch) = world.lead;
                world.lead = (to, epoch + 1);
                (world.passed_to[from], world.passed_to[to]) = (Some(to), None);
                if self.flaw == Some(Flaw::ResignFirst) {
                    self.step(world, from, key, |alert| {
                        alert.bulletin.as_mut()?.owner = code(to);
                        Some(AlertOutcome::default())
                    })?;
                }
                let (epoch, audience) = (Epoch::new(epoch + 1).expect("an epoch"), self.others(to));
                self.step(world, to, (key, epoch), |alert| Some(alert.follow(Lead::Here(Leads { epoch, audience: &audience }), now())))
            }
            Step::Hear(region) => {
                let to = code(world.passed_to[region]?);
                self.step(world, region, (key, &to), |alert| Some(alert.follow(Lead::PassedTo(&to), now())))
            }
            Step::Send(region) => self.step(world, region, key, |alert| {
                let send = alert.due_messages();
                Some(AlertOutcome { send, ..AlertOutcome::default() })
            }),
            Step::Expire(region) => self.step(world, region, key, |alert| {
                let bulletin = alert.bulletin.as_mut().filter(|bulletin| bulletin.status == AlertStatus::Active)?;
                bulletin.status = AlertStatus::Closed;
                Some(AlertOutcome::default())
            }),
        }
    }

    fn act(&self, world: &mut World, region: usize, action: AlertAction) -> Option<()> {
        self.step(world, region, action.clone(), |alert| alert.act(action, &by()).ok())
    }
}

impl Model for Setup {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let alert = AlertId::try_from(id(100)).expect("an id");
        let custody = (CustodyId::try_from(id(101)).expect("an id"), Epoch::FIRST);
        let alerts = (0..self.regions).map(|region| Sealed::new(Alert::unknown(alert, code(region)))).collect();
        let heard = vec![BTreeSet::new(); self.regions];
        let (net, passed_to, closes) = (BTreeSet::new(), vec![None; self.regions], (0, self.closes));
        let mut world = World { alerts, net, lead: (0, 1), passed_to, heard, sightings: 0, renewals: 0, closes };
        let raised = Alert::raised(alert, code(0), custody, MissingPath::Child, false, now());
        world.alerts[0] = Sealed::new(raised);
        let named: BTreeSet<RegionCode> = self.audience.iter().copied().map(code).collect();
        let audience = Some(if named.is_empty() { self.others(0) } else { named });
        self.act(&mut world, 0, AlertAction::Decide { audience, reconfirm_by: now() }).expect("a decision");
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for packet in &world.net {
            steps.push(Step::Deliver(packet.clone()));
            if self.drops {
                steps.push(Step::Lose(packet.clone()));
            }
        }
        let (lead, epoch) = world.lead;
        for (region, alert) in world.alerts.iter().enumerate() {
            steps.push(Step::Send(region));
            if alert.is_mine() && alert.is_shown() {
                if world.closes.0 < self.closes {
                    steps.push(Step::Close(region));
                }
                if world.renewals < self.renewals {
                    steps.push(Step::Renew(region));
                }
            }
            steps.extend(alert.unread().map(|report| Step::Read(region, report.key)));
            if world.sightings < self.sightings && alert.bulletin.is_some() && region != 0 {
                steps.push(Step::Sight(region));
            }
            let next = self.moves.get(epoch as usize - 1);
            if region != lead && next.is_some_and(|to| to.is_none_or(|to| to == region)) {
                steps.push(Step::Move(region));
            }
            if world.passed_to[region].is_some() && self.flaw != Some(Flaw::NotSentAfter) {
                steps.push(Step::Hear(region));
            }
            if self.flaw == Some(Flaw::Expires) && region != 0 {
                steps.push(Step::Expire(region));
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        self.apply(&mut next, step)?;
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("M1 an acknowledged sighting is where a person must see it", |_, world| {
                acknowledged_sightings_are_kept(world)
            }),
            Property::always("M2 no region shows an alert that it knows to be closed, in whichever version", |_, world| {
                regions(world).all(|(alert, heard)| !alert.is_shown() || heard.iter().all(|(_, active)| *active))
            }),
            Property::always("M3 an open alert is never hidden", |_, world| {
                regions(world).all(|(alert, heard)| alert.is_shown() || heard.is_empty() || heard.iter().any(|(_, active)| !active))
            }),
            Property::always("M4 somebody acts as owner at every moment", |_, world: &World| {
                world.alerts.iter().any(|alert| alert.is_mine())
            }),
            Property::always("M5 a version has one owner", |_, world: &World| {
                let owned: Vec<_> = world
                    .alerts
                    .iter()
                    .filter(|alert| alert.is_mine())
                    .filter_map(|alert| alert.bulletin.as_ref())
                    .map(|bulletin| bulletin.version)
                    .collect();
                owned.iter().collect::<BTreeSet<_>>().len() == owned.len()
            }),
            Property::always("L2 what is open has a duty", |_, world: &World| {
                world.alerts.iter().all(|alert| {
                    let version = alert.bulletin.as_ref().map(|bulletin| bulletin.version);
                    let open = |delivered: Option<Version>| delivered < version;
                    alert.recipients.values().all(|recipient| !open(recipient.delivered) || !recipient.duties.is_empty())
                        && (alert.unread().next().is_none() || !alert.duties.is_empty())
                })
            }),
        ]
    }
}

fn regions(world: &World) -> impl Iterator<Item = (&Alert, &BTreeSet<(Version, bool)>)> {
    world.alerts.iter().map(|alert| &**alert).zip(&world.heard)
}

/// Whoever reported it has a receipt: then it has been read, or a person has it before them, or it is on its way to one.
fn acknowledged_sightings_are_kept(world: &World) -> bool {
    let all = || world.alerts.iter().flat_map(|alert| alert.reports.iter().map(move |report| (alert, report)));
    all().filter(|(alert, report)| report.reporter == alert.me && report.receipt_from.is_some()).all(|(_, reported)| {
        all()
            .filter(|(_, report)| report.key == reported.key)
            .any(|(alert, report): (&Sealed<Alert>, &Report)| report.read.is_some() || alert.is_mine() || report.receipt_from.is_none())
    })
}

/// Everybody who has heard of it holds the same, closed if anybody was to close it, and otherwise owned by whoever leads; and everything
/// that was reported has been read.
fn is_settled(world: &World) -> bool {
    let held: BTreeSet<_> = world.alerts.iter().filter_map(|alert| alert.bulletin.as_ref()).collect();
    let is_over = |bulletin: &Bulletin| match world.closes.1 {
        0 => contains_all(bulletin, world) && place(&bulletin.owner) == world.lead.0,
        _ => bulletin.status == AlertStatus::Closed,
    };
    held.len() == 1
        && held.iter().all(|bulletin| is_over(bulletin))
        && world.alerts.iter().all(|alert| alert.due_messages().is_empty() && alert.unread().next().is_none())
}

/// Whatever any owner has published is in what is held.
fn contains_all(held: &Bulletin, world: &World) -> bool {
    let published = world.heard.iter().flatten().map(|(version, _)| *version);
    published
        .filter(|version| version.epoch < held.version.epoch)
        .all(|version| held.contains.iter().any(|known| known.epoch == version.epoch && *known >= version))
}

impl Checked for Setup {
    fn flaw(&self) -> Option<String> {
        self.flaw.map(|flaw| format!("{flaw:?}"))
    }

    fn is_settled(world: &World) -> bool {
        is_settled(world)
    }

    fn is_trouble(step: &Step) -> bool {
        matches!(step, Step::Lose(_) | Step::Renew(_) | Step::Sight(_) | Step::Move(_))
    }
}

fn without(flaw: Flaw) -> Setup {
    Setup { flaw: Some(flaw), ..TWO_REGIONS }
}

const MOVES: Setup = Setup { moves: &[None], ..PLAIN };
const TWO_REGIONS: Setup = Setup { regions: 2, moves: &[Some(1)], ..PLAIN };
/// Words are added while custody moves, and nobody closes the alert.
const WORDS: Setup = Setup { renewals: 2, sightings: 0, closes: 0, ..TWO_REGIONS };
/// The first owner circulates it at home alone, and custody moves to two others, one after the other.
const PAST_THE_AUDIENCE: Setup = Setup { sightings: 0, closes: 0, moves: &[Some(1), Some(2)], audience: &[0], ..PLAIN };
/// The first owner tells one region alone; custody moves there, and to one that the first owner never told of anything.
const TOLD_TO_ONE: Setup = Setup { sightings: 0, moves: &[Some(2), Some(1)], audience: &[2], ..PLAIN };

#[test]
fn an_alert_holds_whatever_the_order() {
    holds("M-b: two sightings, renewed", &Setup { regions: 2, sightings: 2, renewals: 1, ..PLAIN });
    holds("M-c: custody moves", &TWO_REGIONS);
}

#[test]
fn an_alert_is_never_stuck() {
    never_stuck("M-c: custody moves", &TWO_REGIONS);
    never_stuck("M-w: something is said while custody moves", &WORDS);
    never_stuck("M-p: custody moves past those who were told", &PAST_THE_AUDIENCE);
}

#[test]
fn each_safeguard_of_an_alert_is_needed() {
    is_caught(&without(Flaw::ResignFirst), &["M4"]);
    is_caught(&without(Flaw::LastWins), &["M2"]);
    is_caught(&without(Flaw::ClosureForgotten), &["M2"]);
    is_caught(&without(Flaw::LateSightingDropped), &["M1"]);
    is_caught(&without(Flaw::Expires), &["M3"]);
    is_caught(&without(Flaw::TakeOverWins), &["M2"]);
    is_caught(&without(Flaw::LateClosureIgnored), &["M2"]);
    is_stuck(&without(Flaw::LateClosureIgnored));
    is_stuck(&Setup { flaw: Some(Flaw::LateWordsIgnored), ..WORDS });
    is_stuck(&without(Flaw::ReceiptToReporterOnly));
    is_stuck(&Setup { flaw: Some(Flaw::NotSentAfter), ..PAST_THE_AUDIENCE });
    is_stuck(&Setup { flaw: Some(Flaw::PassedOnInSilence), ..PAST_THE_AUDIENCE });
}

#[test]
fn an_alert_among_many_regions_holds_and_settles() {
    let many = Setup { regions: 5, sightings: 6, renewals: 3, moves: &[None; 4], closes: 3, drops: true, ..PLAIN };
    walks("W5: five regions, six sightings, custody moves four times", &many, 300);
}

/// The bounds of the design, and wider.
#[test]
#[ignore = "minutes in a release build: cargo test --release --test model -- --ignored --nocapture"]
fn large_bounds() {
    holds("M-c2: custody moves there and back", &Setup { moves: &[Some(1), Some(0)], ..TWO_REGIONS });
    holds("M-a: three regions, custody moves", &Setup { sightings: 0, ..MOVES });
    never_stuck("M-o: told to one region, custody moves twice", &TOLD_TO_ONE);
    is_stuck(&Setup { flaw: Some(Flaw::ClosureNotTold), ..TOLD_TO_ONE });
    never_stuck("M-d: custody moves, messages are lost", &Setup { drops: true, sightings: 0, ..TWO_REGIONS });
}
