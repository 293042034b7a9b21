//! What goes wrong, at random: a process dies, a line is cut, a message comes twice, a clock is moved.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rand::RngExt as _;

use super::Dice;
use super::world::World;

/// How far one clock may run ahead of another.
const APART: TimeDelta = TimeDelta::days(3);

/// Makes faults until the trials are over; then every line is whole and every process runs.
pub fn make(world: &World, dice: &mut Dice) {
    let mut cut: Vec<(Instant, usize)> = Vec::new();
    while !world.is_over() {
        sleep(Duration::from_millis(dice.random_range(400..2_000)));
        cut.retain(|(until, place)| {
            let is_cut = Instant::now() < *until;
            if !is_cut {
                world.region(*place).wire.mend();
            }
            is_cut
        });
        let place = dice.random_range(0..world.places.len());
        match dice.random_range(0..100) {
            0..28 => kill(world, dice, place),
            28..55 => {
                let until = Instant::now() + Duration::from_millis(dice.random_range(300..6_000));
                world.region(place).wire.cut();
                cut.push((until, place));
                world.count("lines cut");
            }
            55..80 => tell_twice(world, place),
            _ => move_clock(world, dice, place),
        }
    }
    for place in 0..world.places.len() {
        world.region(place).wire.mend();
    }
}

/// Ends a process as a power cut would, at whatever it does, and starts it again.
fn kill(world: &World, dice: &mut Dice, place: usize) {
    let mut region = world.region(place);
    region.program.kill();
    world.count("processes killed");
    sleep(Duration::from_millis(dice.random_range(0..800)));
    region.program.start_again();
    world.moved_to(place, region.program.address());
}

/// Some of what was delivered goes out once more, now or much later than it did: as if no answer had come.
fn tell_twice(world: &World, place: usize) {
    let sql = "UPDATE custody_outbox SET state = 'waiting', ended_at = NULL, next_at = created_at WHERE id IN
               (SELECT id FROM custody_outbox WHERE state = 'delivered' ORDER BY random() LIMIT 12)";
    // The server may be writing just then.
    if world.places[place].database.execute(sql).is_ok() {
        world.count("times that up to 12 messages were sent again");
    }
}

fn move_clock(world: &World, dice: &mut Dice, place: usize) {
    let slowest = (0..world.places.len()).map(|place| world.now(place)).min().expect("a region");
    let by = TimeDelta::minutes(dice.random_range(10..2_400));
    if world.now(place) + by - slowest <= APART {
        world.move_clock(place, by);
    }
}
