//! What must hold of moves: one authority leads, both ends agree, and people were told once.

use std::collections::{BTreeMap, BTreeSet};

use cofrestr::domain::custody::{Custody, OriginState, ReceiverState, Standing};

use super::differing;
use crate::federation::trials::world::World;

/// Everything that must hold of them.
pub fn judge(world: &World) {
    let custodies = custodies(world);
    one_leads(&custodies);
    both_ends_agree(world, &custodies);
    each_notice_once(world, &custodies);
}

/// What an authority holds of a child's custody.
pub struct Held {
    pub place: usize,
    pub child: Option<String>,
    pub custody: Custody,
}

/// By custody: what each authority holds of it.
pub type Custodies = BTreeMap<String, Vec<Held>>;

/// What every authority holds.
pub fn custodies(world: &World) -> Custodies {
    let mut all = Custodies::new();
    for (place, at) in world.places.iter().enumerate() {
        for text in at.database.texts("SELECT COALESCE(CAST(child_id AS TEXT), '') || ' ' || state AS value FROM custody") {
            let (child, state) = text.split_once(' ').expect("two parts");
            let custody: Custody = serde_json::from_str(state).expect("a custody");
            let child = (!child.is_empty()).then(|| child.to_owned());
            all.entry(custody.id.to_string()).or_default().push(Held { place, child, custody });
        }
    }
    all
}

/// Exactly one authority leads, in the highest epoch that anybody knows of; whoever led before points onwards.
fn one_leads(custodies: &Custodies) {
    for (id, held) in custodies {
        let leads: Vec<_> = held.iter().filter_map(|held| held.custody.standing.leads().map(|epoch| (epoch, &held.custody.me))).collect();
        let [(epoch, _)] = leads[..] else { panic!("custody {id} is led by {leads:?}") };
        for held in held {
            assert!(held.custody.dispute.is_none(), "custody {id} is in dispute");
            if let Standing::Ended { epoch: passed, .. } = held.custody.standing {
                assert!(passed <= epoch, "custody {id} was passed on to an epoch in which nobody leads");
            }
        }
    }
}

/// A move is complete at both ends or at none.
fn both_ends_agree(world: &World, custodies: &Custodies) {
    what_is_disputed_is_heard(custodies);
    for (id, held) in custodies {
        for origin in held {
            for outgoing in &origin.custody.outgoing {
                let there =
                    held.iter().find(|held| held.custody.me == outgoing.to).and_then(|held| held.custody.incoming(outgoing.transfer));
                let completed = there.is_some_and(|incoming| incoming.state == ReceiverState::Confirmed);
                assert_eq!(
                    completed,
                    outgoing.state == OriginState::Completed,
                    "custody {id}: {:?} and {:?}",
                    outgoing.state,
                    there.map(|t| t.state)
                );
                let ended = there.is_none_or(|incoming| !incoming.is_open());
                if !outgoing.state.is_open() {
                    assert!(ended, "custody {id}: {:?} here, and open there: {:?}", outgoing.state, there.map(|there| there.state));
                }
                world.count(if outgoing.state.is_open() { "moves open at the end" } else { "moves ended at both ends" });
            }
        }
    }
}

/// What one side has put before the senior managers stands at the other, and nothing else does.
fn what_is_disputed_is_heard(custodies: &Custodies) {
    for (id, held) in custodies {
        let of = |mine: bool| {
            let all = held.iter().flat_map(|held| held.custody.contests.iter().map(move |contest| (&held.custody.me, contest)));
            all.filter(|(_, contest)| contest.mine == mine)
                .map(|(me, contest)| {
                    assert!(contest.told, "custody {id}: a dispute has not been told");
                    let (from, to) = if mine { (me, &contest.other) } else { (&contest.other, me) };
                    (contest.transfer, contest.number, from.clone(), to.clone())
                })
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(of(true), of(false), "custody {id}: what is said to be disputed is not what was heard");
    }
}

/// People were told of each thing once: as often as it happened, by how custody stands.
fn each_notice_once(world: &World, custodies: &Custodies) {
    for (index, place) in world.places.iter().enumerate() {
        let sql = "SELECT kind || ' ' || to_role || ' ' || authority || ' ' || CAST(child_id AS TEXT) AS value FROM notice
                   WHERE kind IN ('custody-taken', 'custody-passed', 'transfer-incoming', 'transfer-disputed') AND child_id IS NOT NULL";
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for row in place.database.texts(sql) {
            *told.entry(row).or_default() += 1;
            world.count("notices of moves");
        }
        let announced: BTreeSet<String> = world
            .places
            .iter()
            .flat_map(|place| place.database.texts("SELECT CAST(transfer_id AS TEXT) AS value FROM custody_outbox WHERE kind = 'notice'"))
            .collect();
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for held in custodies.values().flatten().filter(|held| held.place == index) {
            let Some(child) = &held.child else { continue };
            let mut expect = |kind: &str, roles: &[&str]| {
                for role in roles {
                    *expected.entry(format!("{kind} {role} {} {child}", held.custody.me)).or_default() += 1;
                }
            };
            // Whoever disputes a move, the managers of both sides hear of it, once.
            for _ in &held.custody.contests {
                expect("transfer-disputed", &["custodian", "senior-safeguarding-manager"]);
            }
            for incoming in &held.custody.incoming {
                let was_announced = announced.contains(&incoming.transfer.to_string());
                let cancelled = incoming.state == ReceiverState::Cancelled && (was_announced || incoming.offer.is_some());
                for _ in 0..usize::from(was_announced) + usize::from(incoming.offer.is_some()) + usize::from(cancelled) {
                    expect("transfer-incoming", &["custodian", "team-manager", "emergency-duty"]);
                }
                if incoming.state.is_completed() {
                    expect("custody-taken", &["custodian"]);
                }
            }
            for _ in held.custody.outgoing.iter().filter(|outgoing| outgoing.state == OriginState::Completed) {
                expect("custody-passed", &["custodian"]);
            }
        }
        assert_eq!(
            differing(&told, &expected),
            differing(&expected, &told),
            "at {} people were not told as often as it happened",
            place.code
        );
    }
}
