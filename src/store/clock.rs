//! The injected clock.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Two readings of time. *Wall* time drives tokens, message times, budgets and leases; *procedure* time drives what the
/// procedures count: ages, shifts, working days. Outside a sandbox they are the same; in a sandbox procedure time can be
/// moved, so that fifteen working days can pass in a test.
#[derive(Debug, Default)]
pub struct Clock {
    offset_micros: AtomicI64,
}

impl Clock {
    /// The time of the machine, in UTC.
    pub fn wall(&self) -> DateTime<Utc> {
        let now = Utc::now();
        // Cut to what both databases keep, so that what is told equals what is stored.
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// The time that the procedures go by, in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        self.wall() + TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed))
    }

    /// Moves procedure time to an instant (sandbox only); it runs on from there. Answers the new offset in microseconds.
    pub fn move_to(&self, instant: DateTime<Utc>) -> i64 {
        let offset = (instant - self.wall()).num_microseconds().unwrap_or(0);
        self.set_offset(offset);
        offset
    }

    /// Sets the offset of procedure time from wall time, in microseconds.
    pub fn set_offset(&self, micros: i64) {
        self.offset_micros.store(micros, Ordering::Relaxed);
    }
}
