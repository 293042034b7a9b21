//! Random episodes among real region processes: they are killed with SIGKILL, their lines are cut, messages come twice and clocks
//! are moved, while children move and go missing, and while others ask all the time whether those children are on a register, and
//! sought. At the end everything is mended, and then everybody must agree.
//!
//! ```text
//! workers ──▶ trial: a child, an authority, random steps of people at both ends      ┐
//! watchers ─▶ checks of random children from random regions, all the time            ├─▶ heal ─▶ verdict
//! one more ─▶ faults: kill and start again · cut and mend · tell twice · move a clock ┘
//! ```
//!
//! `COFRESTR_TRIALS` says how many trials, `COFRESTR_SEED` with which seed: everything that is decided here follows from it. What
//! the processes make of it depends on their timing too, so the same seed finds the same fault often, but not always.
//! `COFRESTR_EPISODES` says which: `moves`, `missing`, or `all`, with children who move while they are sought; when nothing is said, the
//! first two.

#![allow(clippy::print_stdout)] // it says what it did, for whoever reads along

mod child;
mod faults;
mod missing;
mod moves;
mod sought;
mod verdict;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::database::Backend;
use crate::support::on_both_databases;
use world::World;

/// Where the seed comes from.
type Dice = ChaCha8Rng;

/// Trials under way at once: they wait for each other's messages more than for the processor.
const WORKERS: usize = 40;
/// Threads that ask about children all the time.
const WATCHERS: u64 = 2;
/// Trials among the same regions; the next ones get new ones, so that registers and calendars stay of a size.
const BATCH: u64 = 500;
/// Trials when nothing else is said, on SQLite and on PostgreSQL.
const USUAL: (u64, u64) = (160, 80);

/// How gladly people let something be for now.
const IDLE: u32 = 30;

/// The step that somebody takes after a while, by how gladly each is taken: of those that are possible here, and now and then one that
/// is not. Nothing when they let it be.
fn chosen(dice: &mut Dice, weights: &[(&'static str, u32)], here: &[&str]) -> Option<&'static str> {
    let mischief = dice.random_bool(0.04);
    let choice =
        weights.iter().copied().filter(|(action, _)| mischief || here.contains(action)).map(|(action, weight)| (Some(action), weight));
    let choice: Vec<(Option<&str>, u32)> = choice.chain([(None, IDLE)]).collect();
    let (action, _) = *choice.choose_weighted(dice, |(_, weight)| *weight).expect("one of them");
    // It may be long since it was possible: somebody has it open on a screen.
    let pause = if action.is_some() { 0..150 } else { 50..300 };
    sleep(Duration::from_millis(dice.random_range(pause)));
    action
}

/// What a trial is about. Another kind of episode comes in here: with what people do in it, and with what must hold of it after
/// healing.
#[derive(Debug, Clone, Copy)]
enum Episode {
    /// A child moves among the authorities.
    Move,
    /// A child goes missing, and is sought in all regions.
    Missing,
    /// The same; some are found elsewhere, and move, and some move while they are sought.
    MissingAndMoving,
}

impl Episode {
    /// Every kind.
    const ALL: [Self; 3] = [Self::Move, Self::Missing, Self::MissingAndMoving];

    /// The kinds that are tried; a trial is of one of them at random.
    fn tried() -> &'static [Self] {
        match std::env::var("COFRESTR_EPISODES").as_deref() {
            Err(_) => &Self::ALL[..2],
            Ok("all") => &Self::ALL,
            Ok("moves") => &Self::ALL[..1],
            Ok("missing") => &Self::ALL[1..2],
            Ok(other) => panic!("COFRESTR_EPISODES is {other}: say moves, or missing, or all, or leave it out"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Move => "a child moves",
            Self::Missing => "a child goes missing",
            Self::MissingAndMoving => "a child goes missing and moves",
        }
    }

    fn live(self, world: &World, dice: &mut Dice, number: u64) {
        match self {
            Self::Move => moves::live(world, dice, number),
            Self::Missing => missing::live(world, dice, number, false),
            Self::MissingAndMoving => missing::live(world, dice, number, true),
        }
    }

    /// What must hold once everything is mended. A child who goes missing may move, too: everything is looked at together.
    fn judge(self, world: &World) {
        match self {
            Self::Move => verdict::moves::judge(world),
            Self::Missing | Self::MissingAndMoving => verdict::alerts::judge(world),
        }
    }
}

/// Another one each time; where `CI` is set always the same, so that no change fails by what was there before it.
fn usual_seed() -> u64 {
    if std::env::var_os("CI").is_some() { 20_261_122 } else { rand::rng().random_range(0..1_000_000_000) }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

on_both_databases!(in_random_trials_every_child_stays_on_a_register_and_one_authority_is_responsible);
fn in_random_trials_every_child_stays_on_a_register_and_one_authority_is_responsible(backend: Backend) {
    let usual = if backend == Backend::Sqlite { USUAL.0 } else { USUAL.1 };
    let trials = setting("COFRESTR_TRIALS").unwrap_or(usual);
    let mut seed = setting("COFRESTR_SEED").unwrap_or_else(usual_seed);
    let begun = Instant::now();
    let (mut left, mut counts) = (trials, BTreeMap::new());
    while left > 0 {
        let batch = left.min(BATCH);
        println!("{batch} trials on {backend:?}: COFRESTR_SEED={seed} COFRESTR_TRIALS={batch}");
        run(backend, seed, batch, &mut counts);
        (left, seed) = (left - batch, seed + 1);
    }
    println!("{trials} trials on {backend:?} passed in {:.0} s", begun.elapsed().as_secs_f64());
    show(&counts);
}

fn show(counts: &BTreeMap<String, u64>) {
    for (what, count) in counts {
        println!("{count:>8}  {what}");
    }
}

/// Some trials among regions of their own.
fn run(backend: Backend, seed: u64, trials: u64, counts: &mut BTreeMap<String, u64>) {
    let begun = Instant::now();
    let mut world = World::new(backend);
    live(&world, seed, trials);
    println!("lived for {:.0} s", begun.elapsed().as_secs_f64());
    if !world.has_failed() {
        world.guard("healing", || verdict::heal(&world));
        println!("healed after {:.0} s", begun.elapsed().as_secs_f64());
    }
    if !world.has_failed() {
        for episode in [Episode::Move, Episode::Missing] {
            world.guard(&format!("the verdict when {}", episode.name()), || episode.judge(&world));
        }
    }
    if !world.has_failed() {
        world.guard("the verdict", || verdict::judge(&world));
    }
    if !world.has_failed() {
        world.stop();
        world.guard("the logs", || verdict::logs(&world));
    }
    println!("judged after {:.0} s", begun.elapsed().as_secs_f64());
    world.add_to(counts);
    let failures = world.failures();
    if !failures.is_empty() {
        show(counts);
        let first: Vec<String> = failures.into_iter().take(5).collect();
        panic!("{}\nrun it again with COFRESTR_SEED={seed} COFRESTR_TRIALS={trials}", first.join("\n"));
    }
}

fn live(world: &World, seed: u64, trials: u64) {
    let next = &AtomicU64::new(0);
    let kinds = Episode::tried();
    let dice_of = |stream: u64| {
        let mut dice = Dice::seed_from_u64(seed);
        dice.set_stream(stream);
        dice
    };
    scope(|threads| {
        let worker = || {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= trials || world.has_failed() {
                    break;
                }
                let mut dice = dice_of(number);
                let episode = kinds[dice.random_range(0..kinds.len())];
                world.guard(&format!("trial {number}"), || episode.live(world, &mut dice, number));
                world.count(&format!("trials: {}", episode.name()));
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| threads.spawn(worker)).collect();
        for watcher in 0..WATCHERS {
            let mut dice = dice_of(u64::MAX - 1 - watcher);
            threads.spawn(move || world.guard("a watcher", || watch::watch(world, &mut dice)));
        }
        let mut dice = dice_of(u64::MAX);
        threads.spawn(move || world.guard("the faults", || faults::make(world, &mut dice)));
        for worker in workers {
            let _ = worker.join();
        }
        world.end();
    });
}
