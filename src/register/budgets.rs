//! Budgets of checks: how many children a person, a client and an organisation may ask about in an hour.
//!
//! ```text
//!  question ──▶ standing   on the reader's snapshot: what was used in this hour of the wall clock and the one before
//!           ├─▶ admit      refused (429) before anything is matched, or held until the answer is on its way
//!           └─▶ spend      in the unit of work of the check: counted if and only if it was kept
//! ```
//!
//! The counts are in the database, so that servers over one database share them and a restart keeps them. An hour back from now
//! is reckoned from two whole hours: all of this one and the part of the last that still lies within sixty minutes, as if its
//! checks had been spread evenly. That is at most one hour's budget out, and costs one indexed read of a handful of rows and one
//! statement for each check, whatever the budget ([`crate::store::budgets`] says why rows are not shared). Counting the enquiry
//! log would be exact, and cost as many rows for each check as the budget has.
//!
//! What is under way on this server is held in memory, so that many requests at once do not all see the same free budget.
//! Requests under way on another server are not seen, nor a check that was kept just after this one began to read: by them, at
//! most one for each database connection, and by a batch whose answers turn out empty, a budget may be overrun.
//!
//! Measured with pgbench on a busy machine of two cores, eight connections, one person: rows of their own 968 transactions a
//! second and no retry; one shared row 223 a second, three in four retried and one in six given up after eight tries.
//!
//! # Source
//! The rules against fishing: 30 checks an hour by one person noted and 100 refused, fewer for answers that named nobody, kept
//! over restarts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::RegisterError;
use crate::authz::Principal;
use crate::config::Limits;
use crate::store::budgets::{self as rows, UseRow};
use crate::store::types::Instant;
use crate::store::{Snapshot, StoreError, Tx};

/// The window of a budget, in seconds.
pub const WINDOW_SECONDS: u64 = 3600;

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many more.
    pub remaining: u64,
    /// Seconds until there will be more.
    pub seconds: u64,
}

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Checks: the least of what person, client and organisation have left.
    pub checks: Left,
    /// Answers that name nobody.
    pub empty_answers: Left,
}

/// What somebody used in this hour and the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    this: u64,
    before: u64,
}

impl Used {
    /// How much of it lies within the last sixty minutes, `elapsed` seconds into this hour; rounded up.
    fn within_an_hour(self, elapsed: u64) -> u64 {
        self.this + (self.before * WINDOW_SECONDS.saturating_sub(elapsed)).div_ceil(WINDOW_SECONDS)
    }

    /// Seconds until `wanted` more fit into a budget of `limit`, if nothing else is asked.
    fn wait(self, elapsed: u64, limit: u64, wanted: u64) -> u64 {
        let room = limit.saturating_sub(wanted);
        let left = WINDOW_SECONDS.saturating_sub(elapsed);
        // The largest number of seconds of an hour at whose share `count` checks weigh no more than `room`.
        let fits = |count: u64, room: u64| {
            (room * WINDOW_SECONDS).checked_div(count).map_or(WINDOW_SECONDS, |seconds| seconds.min(WINDOW_SECONDS))
        };
        if self.this <= room {
            left.saturating_sub(fits(self.before, room - self.this))
        } else {
            left + WINDOW_SECONDS - fits(self.this, room)
        }
    }

    fn left(self, elapsed: u64, limit: u64, under_way: u64) -> Left {
        let remaining = limit.saturating_sub(self.within_an_hour(elapsed) + under_way);
        let seconds = if remaining == 0 { self.wait(elapsed, limit, 1).max(1) } else { WINDOW_SECONDS.saturating_sub(elapsed) };
        Left { remaining, seconds }
    }
}

/// The budgets of a server.
#[derive(Debug)]
pub struct Budgets {
    limits: Limits,
    under_way: Mutex<HashMap<String, u64>>,
}

/// What a request under way has taken; given back when dropped.
#[derive(Debug)]
pub struct Hold {
    budgets: Arc<Budgets>,
    taken: Mutex<Vec<(String, u64)>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut under_way = self.budgets.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, count) in self.taken.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(held) = under_way.get_mut(&subject) {
                *held = held.saturating_sub(count);
                if *held == 0 {
                    under_way.remove(&subject);
                }
            }
        }
    }
}

/// What the database says of a caller's budgets.
#[derive(Debug)]
pub struct Reckoning {
    /// Each budget: whose, how much of it was used, how large it is.
    budgets: Vec<(String, Used, u64)>,
    empty_answers: Used,
    elapsed: u64,
}

/// Whose budgets a check of this person counts against, as they are named in the database: opaque keys, as in the audit log.
pub fn subjects(principal: &Principal) -> Vec<String> {
    let client = principal.client.as_ref().map(|client| format!("client:{}#{client}", principal.issuer));
    let organisation = principal.organisation.as_ref().map(|organisation| format!("organisation:{}", organisation.code));
    std::iter::once(format!("person:{}", principal.key())).chain(client).chain(organisation).collect()
}

fn hour(at: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
    at.duration_trunc(TimeDelta::hours(1)).map_err(|_| StoreError::Corrupt("the clock"))
}

impl Budgets {
    /// The budgets that the configuration sets.
    pub fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), under_way: Mutex::default() }
    }

    /// The sizes.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A hold that has taken nothing yet.
    pub fn hold(self: &Arc<Self>) -> Hold {
        Hold { budgets: Arc::clone(self), taken: Mutex::default() }
    }

    fn limit(&self, subject: &str) -> u64 {
        let limit = match subject.split_once(':') {
            Some(("client", _)) => self.limits.client_checks_per_hour,
            Some(("organisation", _)) => self.limits.organisation_checks_per_hour,
            _ => self.limits.person_checks_per_hour,
        };
        u64::from(limit)
    }

    /// Reads what the caller used.
    ///
    /// # Errors
    /// When the database fails.
    pub fn reckon(&self, snapshot: &mut Snapshot<'_>, principal: &Principal) -> Result<Reckoning, RegisterError> {
        let now = snapshot.wall();
        let this = hour(now)?;
        let subjects = subjects(principal);
        let rows = rows::used(snapshot.connection, &subjects, Instant::new(this - TimeDelta::hours(1)))?;
        let sum = |subject: &str, of: fn(&UseRow) -> i64| {
            let mut used = Used::default();
            for row in rows.iter().filter(|row| row.subject == subject) {
                let count = u64::try_from(of(row)).unwrap_or(0);
                // Hours that have not begun here are those of a server whose clock is ahead.
                if row.window_start.get() >= this { used.this += count } else { used.before += count }
            }
            used
        };
        let empty_answers = subjects.first().map(|person| sum(person, |row| row.empty_answers)).unwrap_or_default();
        let budgets = subjects
            .into_iter()
            .map(|subject| {
                let (used, limit) = (sum(&subject, |row| row.checks), self.limit(&subject));
                (subject, used, limit)
            })
            .collect();
        Ok(Reckoning { budgets, empty_answers, elapsed: u64::try_from((now - this).num_seconds()).unwrap_or(0) })
    }

    /// What is left to the caller, with what is under way and `empty` more answers that name nobody.
    pub fn standing(&self, reckoning: &Reckoning, empty: u64) -> Standing {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = reckoning
            .budgets
            .iter()
            .map(|(subject, used, limit)| used.left(reckoning.elapsed, *limit, under_way.get(subject).copied().unwrap_or(0)))
            .min_by_key(|left| (left.remaining, u64::MAX - left.seconds))
            .unwrap_or(Left { remaining: 0, seconds: WINDOW_SECONDS });
        let limit = u64::from(self.limits.person_empty_answers_per_hour);
        let empty_answers = Used { this: reckoning.empty_answers.this + empty, ..reckoning.empty_answers };
        Standing { checks, empty_answers: empty_answers.left(reckoning.elapsed, limit, 0) }
    }

    /// Takes `children` checks from the caller's budgets until the hold is dropped.
    ///
    /// # Errors
    /// [`RegisterError::TooManyChecks`] or [`RegisterError::TooManyEmptyAnswers`] when a budget has not so much left.
    pub fn admit(&self, reckoning: &Reckoning, children: u64, hold: &Hold) -> Result<(), RegisterError> {
        let Reckoning { budgets, empty_answers, elapsed } = reckoning;
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, used, limit) in budgets {
            let held = under_way.get(subject).copied().unwrap_or(0);
            if used.within_an_hour(*elapsed) + held + children > *limit {
                // What is under way will most likely be kept: it is waited for like what was.
                let used = Used { this: used.this + held, ..*used };
                return Err(RegisterError::TooManyChecks { seconds: used.wait(*elapsed, *limit, children).max(1) });
            }
        }
        let limit = u64::from(self.limits.person_empty_answers_per_hour);
        if empty_answers.within_an_hour(*elapsed) >= limit {
            return Err(RegisterError::TooManyEmptyAnswers { seconds: empty_answers.wait(*elapsed, limit, 1).max(1) });
        }
        let mut taken = hold.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, ..) in budgets {
            *under_way.entry(subject.clone()).or_default() += children;
            taken.push((subject.clone(), children));
        }
        Ok(())
    }
}

/// Counts checks that are kept in this unit of work, `empty` of which named nobody.
///
/// # Errors
/// When the database refuses or fails.
pub fn spend(tx: &mut Tx<'_>, subjects: &[String], checks: u64, empty: u64) -> Result<(), RegisterError> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let hour = hour(tx.wall())?;
    Ok(rows::add(tx, subjects, Instant::new(hour), count(checks), count(empty))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_reckoned_from_two() {
        for (this, before, elapsed, within) in [
            (0, 0, 0, 0),
            (5, 0, 0, 5),
            (0, 100, 0, 100),
            (0, 100, 1, 100),
            (0, 100, 36, 99),
            (0, 100, 1800, 50),
            (7, 100, 1801, 57),
            (7, 100, 3599, 8),
            (7, 100, 3600, 7),
        ] {
            assert_eq!(Used { this, before }.within_an_hour(elapsed), within, "{this} {before} {elapsed}");
        }
    }

    /// Whoever waits as long as they were told gets in, and not a minute earlier.
    #[test]
    fn the_wait_is_long_enough_and_no_longer() {
        for limit in [1, 2, 5, 40, 100] {
            for this in [0, 1, 3, 39, 100] {
                for before in [0, 1, 5, 100, 1000] {
                    for elapsed in [0, 1, 599, 1800, 3599] {
                        let used = Used { this, before };
                        let wait = used.wait(elapsed, limit, 1);
                        let after = |seconds: u64| {
                            let at = elapsed + seconds;
                            match at / WINDOW_SECONDS {
                                0 => used.within_an_hour(at),
                                1 => Used { this: 0, before: this }.within_an_hour(at - WINDOW_SECONDS),
                                _ => 0,
                            }
                        };
                        assert!(after(wait) < limit, "{used:?} of {limit} after {elapsed} s: {wait} s is not enough");
                        assert!(wait < 2 || after(wait - 2) >= limit, "{used:?} of {limit} after {elapsed} s: {wait} s is too long");
                    }
                }
            }
        }
    }
}
