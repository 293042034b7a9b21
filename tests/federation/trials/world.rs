//! The regions of a run, and what is remembered of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc, Weekday};
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::support::{Federation, Region, person_of};
use super::Dice;
use super::sought::Sought;
use crate::support::database::{Backend, Folder, TestDatabase};
use crate::support::http::{self, Answer};
use crate::support::program::headers;
use crate::support::tokens::Caller;

/// Where procedure time stands at the beginning.
const MONDAY: &str = "2026-11-16T10:00:00Z";
/// How many days clocks are moved on in all: the tables of holidays and a child's age have ends.
const DAYS_MAX: i64 = 300;
/// How long a day lasts at least when people wait for the next.
const DAY: Duration = Duration::from_secs(2);
/// How long a request is tried while its region dies and starts again.
const PATIENCE: Duration = Duration::from_secs(90);

/// The regions, and the authorities between which children move.
const REGIONS: [(&str, [&str; 2]); 3] = [
    ("mid-and-west-wales", ["W06000023", "W06000008"]),
    ("west-midlands", ["E06000051", "E08000025"]),
    ("gwent", ["W06000022", "W06000020"]),
];

/// An authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Which region.
    pub place: usize,
    /// Its code.
    pub authority: &'static str,
}

/// A child of a trial.
#[derive(Debug, Clone)]
pub struct Known {
    pub given: String,
    pub family: String,
    pub born: String,
    pub nhs: String,
    /// Where the child was registered first.
    pub at: At,
    /// Their record there.
    pub id: String,
    /// What is known of alerts for them, of a child who goes missing.
    pub sought: Option<Arc<Sought>>,
}

/// One region.
pub struct Place {
    pub code: &'static str,
    pub database: Arc<TestDatabase>,
    /// Held by whoever kills it.
    pub region: Mutex<Region>,
    address: RwLock<String>,
    /// Where procedure time was put, and when.
    clock: Mutex<(DateTime<Utc>, Instant)>,
}

pub struct World {
    pub places: Vec<Place>,
    known: Mutex<Vec<Known>>,
    counts: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<Vec<String>>,
    over: AtomicBool,
    /// Keys and directory, for as long as the regions run.
    _folder: Folder,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new(backend: Backend) -> Self {
        let federation = Federation::of(backend, &REGIONS.map(|(code, _)| code));
        let now: DateTime<Utc> = MONDAY.parse().expect("a time");
        let Federation { regions, folder } = federation;
        let places = regions.into_iter().map(|region| Place {
            code: region.code,
            database: Arc::clone(&region.database),
            address: RwLock::new(region.program.address().to_owned()),
            clock: Mutex::new((now, Instant::now())),
            region: Mutex::new(region),
        });
        let world = Self {
            places: places.collect(),
            known: Mutex::default(),
            counts: Mutex::default(),
            failures: Mutex::default(),
            over: AtomicBool::new(false),
            _folder: folder,
        };
        for place in 0..world.places.len() {
            world.put_clock(place, now);
        }
        world
    }

    /// A random authority that is not this one.
    pub fn another(dice: &mut Dice, not: Option<At>) -> At {
        loop {
            let place = dice.random_range(0..REGIONS.len());
            let authority = REGIONS[place].1[dice.random_range(0..2)];
            let at = At { place, authority };
            if Some(at) != not {
                return at;
            }
        }
    }

    /// The authority with this code.
    pub fn at(code: &str) -> At {
        let all = REGIONS.iter().enumerate().flat_map(|(place, (_, all))| all.iter().map(move |authority| At { place, authority }));
        all.into_iter().find(|at| at.authority == code).expect("an authority of the trials")
    }

    /// Somebody of a region.
    pub fn person(&self, place: usize, caller: Caller) -> Caller {
        person_of(self.places[place].code, caller).with("name", json!("Gwen Powell"))
    }

    pub fn custodian(&self, place: usize) -> Caller {
        self.person(place, Caller::custodian())
    }

    /// Sends a request once; says why there was no answer.
    pub fn try_send(
        &self,
        place: usize,
        method: &Method,
        path: &str,
        caller: Option<&Caller>,
        body: Option<(&Value, &str)>,
    ) -> Result<Answer, String> {
        let address = self.places[place].address.read().unwrap_or_else(PoisonError::into_inner).clone();
        let more: Vec<(&str, &str)> = match body {
            Some((_, key)) => vec![("content-type", "application/json"), ("idempotency-key", key), ("if-match", "*")],
            None => Vec::new(),
        };
        let answer = http::try_send(
            method,
            &format!("http://{address}{path}"),
            &headers(caller, &more),
            body.map(|(body, _)| body.to_string().into_bytes()),
        )?;
        // A server that stands in the way of itself says 503; everything else of that kind is a defect.
        assert!(
            answer.status < 500 || answer.status == 503,
            "{method} {path} at {}: {} {}",
            self.places[place].code,
            answer.status,
            answer.body
        );
        // And one that is so busy that a request does not come in whole in its time says 408.
        if [408, 503].contains(&answer.status) {
            self.count(&format!("answers {}", answer.status));
            return Err(answer.status.to_string());
        }
        Ok(answer)
    }

    /// Sends a request until it is answered: the same one, under the same key.
    pub fn send(&self, place: usize, method: &Method, path: &str, body: Option<&Value>) -> Answer {
        let key = Uuid::now_v7().to_string();
        let begun = Instant::now();
        loop {
            match self.try_send(place, method, path, Some(&self.custodian(place)), body.map(|body| (body, key.as_str()))) {
                // The first is still under way, for all that the database knows.
                Ok(answer) if answer.status == 409 && answer.at("/code") == json!("request-in-progress") => {}
                Ok(answer) => return answer,
                Err(_) => self.count("requests that were not answered"),
            }
            assert!(begun.elapsed() < PATIENCE, "{method} {path} is never answered at {}", self.places[place].code);
            sleep(Duration::from_millis(100));
        }
    }

    pub fn get(&self, place: usize, path: &str) -> Answer {
        self.send(place, &Method::GET, path, None)
    }

    pub fn post(&self, place: usize, path: &str, body: &Value) -> Answer {
        self.send(place, &Method::POST, path, Some(body))
    }

    /// Where the process of a region listens now.
    pub fn moved_to(&self, place: usize, address: &str) {
        address.clone_into(&mut self.places[place].address.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Procedure time at a region: no later than its server has it.
    pub fn now(&self, place: usize) -> DateTime<Utc> {
        let (put, at) = *lock(&self.places[place].clock);
        put + TimeDelta::from_std(at.elapsed()).expect("a while")
    }

    pub fn today(&self, place: usize) -> NaiveDate {
        self.now(place).date_naive()
    }

    fn put_clock(&self, place: usize, now: DateTime<Utc>) {
        let body = json!({ "now": now.to_rfc3339() });
        let begun = Instant::now();
        while self.try_send(place, &Method::POST, "/sandbox/clock", None, Some((&body, "clock"))).map_or(0, |answer| answer.status) != 204 {
            assert!(begun.elapsed() < PATIENCE, "the clock cannot be moved");
            sleep(Duration::from_millis(50));
        }
        *lock(&self.places[place].clock) = (now, Instant::now());
    }

    /// Moves a region's clock on, as long as there are days left.
    pub fn move_clock(&self, place: usize, by: TimeDelta) -> bool {
        let first: DateTime<Utc> = MONDAY.parse().expect("a time");
        let to = self.now(place) + by;
        if to - first > TimeDelta::days(DAYS_MAX) {
            return false;
        }
        self.put_clock(place, to);
        self.count("clock moves");
        true
    }

    /// Lets a region's working day end, unless one has only just.
    pub fn next_day(&self, place: usize) {
        let since = lock(&self.places[place].clock).1.elapsed();
        if since > DAY {
            let days = match self.today(place).weekday() {
                Weekday::Fri => 3,
                Weekday::Sat => 2,
                _ => 1,
            };
            self.move_clock(place, TimeDelta::days(days));
        }
    }

    pub fn add(&self, known: Known) {
        lock(&self.known).push(known);
    }

    pub fn known(&self) -> Vec<Known> {
        lock(&self.known).clone()
    }

    /// One of the children, once there is any.
    pub fn somebody(&self, dice: &mut Dice) -> Option<Known> {
        let known = lock(&self.known);
        (!known.is_empty()).then(|| known[dice.random_range(0..known.len())].clone())
    }

    pub fn count(&self, what: &str) {
        *lock(&self.counts).entry(what.to_owned()).or_default() += 1;
    }

    /// Does something; that it panics ends the run.
    pub fn guard(&self, who: &str, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            lock(&self.failures).push(format!("{who}: {}", text.unwrap_or("it panicked")));
            self.end();
        }
    }

    pub fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    pub fn has_failed(&self) -> bool {
        !lock(&self.failures).is_empty()
    }

    /// The trials are over: no more faults and questions.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Adds what was done to what was done before.
    pub fn add_to(&self, counts: &mut BTreeMap<String, u64>) {
        for (what, count) in lock(&self.counts).iter() {
            *counts.entry(what.clone()).or_default() += count;
        }
    }

    /// Ends the processes.
    pub fn stop(&mut self) {
        for place in &self.places {
            lock(&place.region).program.kill();
        }
    }

    pub fn region(&self, place: usize) -> MutexGuard<'_, Region> {
        lock(&self.places[place].region)
    }
}
