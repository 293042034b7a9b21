//! Faults that a sandbox shows to other regions when it is told to: so that integrators and tests see what becomes of an answer
//! when a region is down, slow, hung or wrong.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

/// How a region misbehaves towards its peers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    #[default]
    None,
    /// It cannot answer anybody.
    Down,
    /// It answers late.
    Slow,
    /// It takes questions and never answers.
    Hung,
    /// It answers with something that is no message.
    Garbage,
    /// It answers another question than the one that was asked.
    WrongQuestion,
    /// Its clock is off.
    Clock,
}

/// The fault that is shown, on this server.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<RwLock<(Mode, u64)>>);

impl Faults {
    /// Shows a fault from now on; `ms` is how late, or how far off, in milliseconds.
    pub fn set(&self, mode: Mode, ms: u64) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (mode, ms);
    }

    /// The fault.
    pub fn mode(&self) -> Mode {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// How late it answers.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.0.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// How far its clock is off.
    pub fn clock_off(&self) -> TimeDelta {
        let (mode, ms) = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        if mode == Mode::Clock { TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(0)) } else { TimeDelta::zero() }
    }
}
