//! How many requests a caller may send, and the header fields that say so.
//!
//! Requests are counted by each server for itself, in memory: this keeps a program gone wrong from taking the server from
//! everybody else. What a person may learn is bounded by the budgets of checks ([`crate::register::budgets`]), which all servers
//! share. Failed tokens are counted by network address and refused beyond a limit, without an entry in the audit log for each:
//! else whoever floods the server writes the log. A valid token is never refused because of them, whatever address it comes
//! from, since many people may stand behind one proxy.
//!
//! The fields are those of draft-ietf-httpapi-ratelimit-headers-10: Structured Fields (RFC 9651), lists of strings with
//! parameters.
//!
//! ```text
//! RateLimit-Policy: "requests";q=600;w=60, "checks";q=100;w=3600, "empty-answers";q=40;w=3600
//! RateLimit: "requests";r=599;t=1, "checks";r=70;t=1234, "empty-answers";r=33;t=1234
//! ```

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::problem::{Kind, Problem};
use crate::authz::{Operation, Principal, policy};
use crate::config;
use crate::register::budgets::{Left, Standing, WINDOW_SECONDS};

/// `RateLimit-Policy`: which limits there are.
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit`: what is left of them.
pub const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// The window of request rates, in seconds.
const MINUTE_SECONDS: u64 = 60;
/// Callers or addresses remembered at once (some 10 MB). Beyond it the new ones share one allowance until the next pruning.
const REMEMBERED: usize = 50_000;
/// How often those who were quiet are forgotten.
pub const PRUNE_EVERY: Duration = Duration::from_secs(60);

type Keyed<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// A rate for each of many.
struct Rate<K: Hash + Eq + Clone> {
    allowed: Keyed<K>,
    /// Lets one refusal a minute into the audit log: of those whom nobody knows. What a known caller is refused is there each time.
    recorded: Option<Keyed<K>>,
    per_minute: NonZeroU32,
    /// Stands for everybody who is not remembered.
    rest: K,
}

/// A request over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// When to try again, in seconds.
    pub seconds: u64,
    /// Whether to put this refusal into the audit log: always of a known caller, else the first in each minute.
    pub record: bool,
}

impl From<Over> for Problem {
    fn from(over: Over) -> Self {
        Self::for_seconds(Kind::RateLimited, over.seconds)
    }
}

fn keyed<K: Hash + Eq + Clone>(per_minute: NonZeroU32) -> Keyed<K> {
    RateLimiter::hashmap(Quota::per_minute(per_minute)).with_middleware()
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(per_minute: u32, rest: K, recorded: Option<Keyed<K>>) -> Self {
        // Not zero: the configuration was checked.
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self { allowed: keyed(per_minute), recorded, per_minute, rest }
    }

    fn take(&self, key: K) -> Result<Left, Over> {
        let key = if self.allowed.len() >= REMEMBERED { self.rest.clone() } else { key };
        match self.allowed.check_key(&key) {
            Ok(state) => {
                let used = self.per_minute.get() - state.remaining_burst_capacity().min(self.per_minute.get());
                let seconds = (u64::from(used) * MINUTE_SECONDS).div_ceil(u64::from(self.per_minute.get()));
                Ok(Left { remaining: u64::from(state.remaining_burst_capacity()), seconds })
            }
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                let record = self.recorded.as_ref().is_none_or(|recorded| recorded.check_key(&key).is_ok());
                Err(Over { seconds: whole_seconds(wait).max(1), record })
            }
        }
    }

    fn prune(&self) {
        self.allowed.retain_recent();
        if let Some(recorded) = &self.recorded {
            recorded.retain_recent();
        }
    }
}

/// The request rates of a server.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    callers: Rate<String>,
    strangers: Rate<Option<IpAddr>>,
    peers: Rate<String>,
    budgets: config::Limits,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limits")
    }
}

/// The network from which an address is taken to come: one IPv4 address, or the 64 bits that are given out together in IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None => IpAddr::from((u128::from(six) & !u128::from(u64::MAX)).to_be_bytes()),
        },
    }
}

impl Limits {
    /// The rates that the configuration sets.
    pub fn new(limits: &config::Limits, peer_requests_per_minute: u32) -> Self {
        Self(Arc::new(Inner {
            callers: Rate::new(limits.requests_per_minute, String::new(), None),
            strangers: Rate::new(limits.failed_tokens_per_minute, None, Some(keyed(NonZeroU32::MIN))),
            peers: Rate::new(peer_requests_per_minute, String::new(), None),
            budgets: limits.clone(),
        }))
    }

    /// Counts a request of somebody known. What is left of all limits is written into `told` in either case.
    ///
    /// # Errors
    /// When there were too many.
    pub fn caller(&self, principal: &Principal, told: &Told) -> Result<(), Over> {
        let Inner { callers, budgets, .. } = &*self.0;
        let asks = policy::reach(Operation::AskCheck, principal.role).is_some();
        let taken = callers.take(format!("{}#{}", principal.key(), principal.client.as_deref().unwrap_or_default()));
        let requests = match taken {
            Ok(left) => left,
            Err(over) => Left { remaining: 0, seconds: over.seconds },
        };
        told.with(|lines| {
            lines.requests = Some((budgets.requests_per_minute, requests));
            lines.budgets = asks.then_some((budgets.person_checks_per_hour, budgets.person_empty_answers_per_hour));
        });
        taken.map(|_| ()).inspect_err(|_| metrics::counter!("cofrestr_rate_limited_total", "who" => "caller").increment(1))
    }

    /// Counts a request without a valid token.
    ///
    /// # Errors
    /// When there were too many.
    pub fn stranger(&self, address: Option<IpAddr>) -> Result<(), Over> {
        let taken = self.0.strangers.take(address.map(network)).map(|_| ());
        taken.inspect_err(|_| metrics::counter!("cofrestr_rate_limited_total", "who" => "stranger").increment(1))
    }

    /// Counts a message of another region; false when there were too many.
    pub fn peer(&self, region: &str) -> bool {
        let taken = self.0.peers.take(region.to_owned());
        taken.inspect_err(|_| metrics::counter!("cofrestr_rate_limited_total", "who" => "peer").increment(1)).is_ok()
    }

    /// Forgets those who were quiet for a minute.
    pub fn prune(&self) {
        self.0.callers.prune();
        self.0.strangers.prune();
        self.0.peers.prune();
    }
}

#[derive(Debug, Default)]
struct Lines {
    requests: Option<(u32, Left)>,
    budgets: Option<(u32, u32)>,
    standing: Option<Standing>,
}

/// What the answer to one request will say of limits.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Lines>>);

impl Told {
    fn with<T>(&self, with: impl FnOnce(&mut Lines) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says what is left of the budgets of checks.
    pub fn standing(&self, standing: Standing) {
        self.with(|lines| lines.standing = Some(standing));
    }

    /// The header fields; none for a caller who is not known.
    pub fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.with(|lines| {
            let Some((quota, requests)) = lines.requests else { return Vec::new() };
            let mut policy = format!("\"requests\";q={quota};w={MINUTE_SECONDS}");
            let mut left = format!("\"requests\";r={};t={}", requests.remaining, requests.seconds);
            if let Some((checks, empty)) = lines.budgets {
                policy.push_str(&format!(", \"checks\";q={checks};w={WINDOW_SECONDS}, \"empty-answers\";q={empty};w={WINDOW_SECONDS}"));
            }
            if let Some(Standing { checks, empty_answers }) = lines.standing {
                for (name, budget) in [("checks", checks), ("empty-answers", empty_answers)] {
                    left.push_str(&format!(", \"{name}\";r={};t={}", budget.remaining, budget.seconds));
                }
            }
            let fields = [(POLICY, policy), (LEFT, left)];
            fields.into_iter().filter_map(|(name, text)| HeaderValue::from_str(&text).ok().map(|value| (name, value))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_allowance_of_their_own_and_of_strangers_one_refusal_a_minute_is_recorded() {
        let rate = Rate::new(2, "", Some(keyed(NonZeroU32::MIN)));
        assert_eq!(rate.take("a"), Ok(Left { remaining: 1, seconds: 30 }));
        assert_eq!(rate.take("a").map(|left| left.remaining), Ok(0));
        let over = rate.take("a").unwrap_err();
        assert!(over.record && (29..=30).contains(&over.seconds), "{over:?}");
        assert!(!rate.take("a").unwrap_err().record);
        assert!(rate.take("b").is_ok());
    }

    #[test]
    fn what_a_known_caller_is_refused_is_recorded_each_time() {
        let rate = Rate::new(1, "", None);
        assert!(rate.take("a").is_ok());
        assert!((0..3).all(|_| rate.take("a").unwrap_err().record));
    }

    #[test]
    fn memory_is_bounded_and_those_beyond_it_share() {
        let rate = Rate::new(1, usize::MAX, None);
        for key in 0..REMEMBERED {
            assert!(rate.take(key).is_ok());
        }
        assert!(rate.take(REMEMBERED).is_ok(), "the first of the rest");
        assert!(rate.take(REMEMBERED + 1).is_err(), "the rest share one allowance");
        assert!(rate.allowed.len() <= REMEMBERED + 1);
    }

    #[test]
    fn addresses_that_are_given_out_together_count_together() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn the_fields_are_structured_fields() {
        let told = Told::default();
        assert!(told.fields().is_empty());
        let left = |remaining, seconds| Left { remaining, seconds };
        told.with(|lines| {
            lines.requests = Some((600, left(599, 1)));
            lines.budgets = Some((100, 40));
        });
        told.standing(Standing { checks: left(70, 1234), empty_answers: left(33, 9) });
        let fields: Vec<_> = told.fields().into_iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(
            fields,
            [
                r#"ratelimit-policy: "requests";q=600;w=60, "checks";q=100;w=3600, "empty-answers";q=40;w=3600"#,
                r#"ratelimit: "requests";r=599;t=1, "checks";r=70;t=1234, "empty-answers";r=33;t=9"#,
            ]
        );
    }
}
