//! The model of custody and of alerts: every order in which messages can arrive, be lost, come twice or late, in which
//! programs can stop and people act, for few regions and few moves – against the very functions the register runs.
//!
//! Two checks. Of *safety*: a property that holds in every state that can be reached (stateright). Of *never being stuck*:
//! from every state that can be reached, one that is settled can be reached. Each safeguard is switched off once, around the
//! functions and not in them, and the model has to find what breaks; otherwise the properties would say nothing.
//!
//! What has too many states for that is walked at random, from seeds: `COFRESTR_WALKS` says how often.
//!
//! The bounds here are for every run of the tests; wider ones are ignored there and run by
//! `cargo test --release --test model -- --ignored --nocapture`.

#![allow(clippy::print_stdout, reason = "how many states were walked is what a run of the model has to tell")]

mod alerts;
mod transfers;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use stateright::{Checker, HasDiscoveries, Model};

/// The hash of a value.
pub fn hashed<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A value with its hash, shared: states of the model are cloned and compared a million times.
pub struct Sealed<T>(Arc<(u64, T)>);

impl<T: Hash> Sealed<T> {
    /// Hashes and shares a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new((hashed(&value), value)))
    }
}

impl<T> Sealed<T> {
    /// The hash.
    pub fn hash_value(&self) -> u64 {
        self.0.0
    }
}

impl<T> std::ops::Deref for Sealed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Hash for Sealed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.0);
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> PartialOrd for Sealed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Sealed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

impl<T: Debug> Debug for Sealed<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.1.fmt(formatter)
    }
}

/// A model that is checked in both ways.
trait Checked:
    Model<State: Debug + Hash + Clone + PartialEq + Send + Sync, Action: Debug + Clone + PartialEq + Send + Sync>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The safeguard that is switched off.
    fn flaw(&self) -> Option<String>;

    /// Whether everything has come to its end.
    fn is_settled(state: &Self::State) -> bool;

    /// Whether an action makes trouble or new work, and so ends when a walk is to come to its end.
    fn is_trouble(action: &Self::Action) -> bool;
}

/// Walks at random where there are too many states to visit all: so many steps of anything, each of which must keep every
/// property, and then of anything but trouble until everything has come to its end. A walk that fails names its seed.
fn walks<M: Checked>(name: &str, model: &M, steps: usize) {
    let began = Instant::now();
    let walks = std::env::var("COFRESTR_WALKS").ok().map_or(100, |walks| walks.parse().expect("a number of walks"));
    let properties = model.properties();
    let mut taken = 0;
    for seed in 0..walks {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut state = model.init_states().swap_remove(0);
        let mut left = steps + STEPS_TO_SETTLE;
        while left > STEPS_TO_SETTLE || !M::is_settled(&state) {
            let wild = left > STEPS_TO_SETTLE;
            left = left.checked_sub(1).unwrap_or_else(|| panic!("{name}: seed {seed} does not settle: {state:#?}"));
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            actions.retain(|action| wild || !M::is_trouble(action));
            if actions.is_empty() {
                continue;
            }
            let action = actions.swap_remove(chance.random_range(0..u32::try_from(actions.len()).expect("few actions")) as usize);
            let Some(next) = model.next_state(&state, action) else { continue };
            state = next;
            taken += 1;
            for property in &properties {
                assert!((property.condition)(model, &state), "{name}: seed {seed} breaks {}: {state:#?}", property.name);
            }
        }
    }
    println!("{name}: {walks} walks, {taken} steps, all settled, {:?}", began.elapsed());
}

/// Steps within which a walk settles once there is no more trouble: some hundreds are usual.
const STEPS_TO_SETTLE: usize = 20_000;

/// Every property holds in every state.
fn holds<M: Checked>(name: &str, model: &M) {
    let began = Instant::now();
    let (states, broken) = safety(model, &[]);
    println!("{name}: {states} states, all hold, {:?}", began.elapsed());
    assert_eq!(broken, Vec::<&str>::new(), "{name}");
}

/// From every state a settled one can be reached.
fn never_stuck<M: Checked>(name: &str, model: &M) {
    let began = Instant::now();
    let (states, path) = stuck(model);
    println!("{name}: {states} states, never stuck, {:?}", began.elapsed());
    assert_eq!(path, None, "{name}");
}

/// With its safeguard switched off, the properties expected are found broken.
fn is_caught<M: Checked>(model: &M, expected: &[&'static str]) {
    let began = Instant::now();
    let flaw = model.flaw().expect("a flaw");
    let (states, broken) = safety(model, expected);
    println!("{flaw}: {states} states, broken: {broken:?}, {:?}", began.elapsed());
    for property in expected {
        assert!(broken.iter().any(|broken| broken.starts_with(property)), "{flaw} does not break {property}: {broken:?}");
    }
}

/// With its safeguard switched off, a state can be reached that can never be settled.
fn is_stuck<M: Checked>(model: &M) {
    let began = Instant::now();
    let flaw = model.flaw().expect("a flaw");
    let (states, path) = stuck(model);
    println!("{flaw}: {states} states, stuck after {:?} steps, {:?}", path.as_ref().map(Vec::len), began.elapsed());
    assert!(path.is_some(), "{flaw} is not found");
}

/// Walks every state: how many there are, and which properties some state breaks, showing how the first is reached. With
/// properties to look for, only until those are found broken.
fn safety<M: Checked>(model: &M, look_for: &[&'static str]) -> (usize, Vec<&'static str>) {
    let checker = model.clone().checker().threads(2);
    let all: BTreeSet<_> = model.properties().into_iter().map(|property| property.name).collect();
    let wanted: BTreeSet<_> = all.iter().copied().filter(|name| look_for.iter().any(|wanted| name.starts_with(wanted))).collect();
    assert_eq!(wanted.len(), look_for.len(), "no such property among {all:?}");
    let checker = if wanted.is_empty() { checker } else { checker.finish_when(HasDiscoveries::AllOf(wanted)) };
    let checker = checker.spawn_bfs().join();
    let found = checker.discoveries();
    if look_for.is_empty() {
        for (name, path) in &found {
            println!("{name}:");
            for action in path.clone().into_actions() {
                println!("  {action:?}");
            }
        }
    }
    let mut broken: Vec<_> = found.into_keys().collect();
    broken.sort_unstable();
    (checker.unique_state_count(), broken)
}

/// How many states there are, and how one is reached that cannot be settled any more; `None`: from everywhere something
/// settled can be reached.
fn stuck<M: Checked>(model: &M) -> (usize, Option<Vec<String>>) {
    let mut index: HashMap<u64, u32> = HashMap::new();
    let mut reached_from: Vec<Vec<u32>> = Vec::new();
    let mut first: Vec<Option<(u32, String)>> = Vec::new();
    let mut settled: Vec<u32> = Vec::new();
    let mut frontier: Vec<(u32, M::State)> = Vec::new();
    let mut enter =
        |state: &M::State, from: Option<(u32, &dyn Debug)>, reached_from: &mut Vec<Vec<u32>>, first: &mut Vec<Option<(u32, String)>>| {
            let next = u32::try_from(reached_from.len()).expect("fewer states than that");
            let place = *index.entry(hashed(state)).or_insert(next);
            if place == next {
                reached_from.push(Vec::new());
                first.push(from.map(|(from, action)| (from, format!("{action:?}"))));
            }
            if let Some((from, _)) = from {
                reached_from[place as usize].push(from);
            }
            (place, place == next)
        };
    for state in model.init_states() {
        let (place, _) = enter(&state, None, &mut reached_from, &mut first);
        frontier.push((place, state));
    }
    while let Some((place, state)) = frontier.pop() {
        if M::is_settled(&state) {
            settled.push(place);
        }
        for (action, next) in model.next_steps(&state) {
            let (reached, new) = enter(&next, Some((place, &action)), &mut reached_from, &mut first);
            if new {
                frontier.push((reached, next));
            }
        }
    }
    let mut can = vec![false; reached_from.len()];
    while let Some(place) = settled.pop() {
        if !std::mem::replace(&mut can[place as usize], true) {
            settled.extend(&reached_from[place as usize]);
        }
    }
    let path = can.iter().position(|can| !can).map(|place| {
        let mut path = Vec::new();
        let mut at = u32::try_from(place).expect("a place");
        while let Some((from, action)) = &first[at as usize] {
            path.push(action.clone());
            at = *from;
        }
        path.reverse();
        path
    });
    (reached_from.len(), path)
}
