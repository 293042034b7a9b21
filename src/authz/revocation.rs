//! Tokens that are believed no more although their signature and times are good.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// One token, by its `jti`.
    Token(String),
    /// Every token of a person (`sub`) that was issued up to an instant.
    Subject(String, DateTime<Utc>),
}

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whose token it is: what it says in `iss`.
    pub issuer: String,
    /// What is revoked.
    pub revoked: Revoked,
    /// From when on it need not be looked for, because whatever it stops has expired.
    pub until: Option<DateTime<Utc>>,
}

/// What of a verified token revocations look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its `jti`.
    pub token_id: Option<String>,
    /// Its `iat`, in seconds since 1970.
    pub issued_at: Option<i64>,
    /// The client that the region itself issued it to: who revokes the client revokes it.
    pub client: Option<String>,
}

/// An issuer and its `jti` or `sub`.
type Of = (String, String);
/// Since when, and until when.
type Span = (DateTime<Utc>, Option<DateTime<Utc>>);

/// The revocations that are known, arranged so that a token is looked up and not searched for.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    tokens: HashMap<Of, Option<DateTime<Utc>>>,
    subjects: HashMap<Of, Vec<Span>>,
    read: usize,
}

impl Revocations {
    /// Arranges all revocations that there are.
    pub fn new(all: impl IntoIterator<Item = Revocation>) -> Self {
        let mut known = Self::default();
        for Revocation { issuer, revoked, until } in all {
            known.read += 1;
            match revoked {
                Revoked::Token(token) => {
                    let ends = known.tokens.entry((issuer, token)).or_insert(until);
                    // Of two revocations of one token the one that lasts longer counts; without an end is longest.
                    *ends = ends.zip(until).map(|(one, other)| one.max(other));
                }
                Revoked::Subject(subject, at) => known.subjects.entry((issuer, subject)).or_default().push((at, until)),
            }
        }
        known
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.read
    }

    /// Whether a token is revoked at an instant. `iat` counts whole seconds: a token of the second in which its person was
    /// revoked may have been issued before that, and is refused; so is one that does not say when it was issued.
    pub fn cover(&self, issuer: &str, subject: &str, stamp: &Stamp, now: DateTime<Utc>) -> bool {
        let lasts = |until: &Option<DateTime<Utc>>| until.is_none_or(|until| now < until);
        let has = |name: &str| (issuer.to_owned(), name.to_owned());
        let by_token = !self.tokens.is_empty() && stamp.token_id.as_ref().and_then(|token| self.tokens.get(&has(token))).is_some_and(lasts);
        let by_name = |name: &str| {
            self.subjects.get(&has(name)).is_some_and(|revoked| {
                revoked.iter().any(|(at, until)| lasts(until) && stamp.issued_at.is_none_or(|issued| issued <= at.timestamp()))
            })
        };
        by_token || (!self.subjects.is_empty() && (by_name(subject) || stamp.client.as_deref().is_some_and(by_name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 700_000_000).unwrap()
    }

    fn stamp(token: &str, issued: Option<i64>) -> Stamp {
        Stamp {
            token_id: (!token.is_empty()).then(|| token.to_owned()),
            issued_at: issued.map(|second| 1_800_000_000 + second),
            client: None,
        }
    }

    #[test]
    fn a_token_is_revoked_by_its_identifier_for_as_long_as_is_said() {
        let revocation =
            |issuer: &str, token: &str, until| Revocation { issuer: issuer.into(), revoked: Revoked::Token(token.into()), until };
        let known = Revocations::new([
            revocation("i", "ever", None),
            revocation("i", "short", Some(at(10))),
            revocation("i", "twice", Some(at(10))),
            revocation("i", "twice", None),
            revocation("i", "twice", Some(at(5))),
        ]);
        assert_eq!(known.count(), 5);
        for (issuer, token, now, revoked) in [
            ("i", "ever", 0, true),
            ("i", "ever", 1_000_000, true),
            ("j", "ever", 0, false),
            ("i", "short", 9, true),
            ("i", "short", 10, false),
            ("i", "twice", 11, true),
            ("i", "other", 0, false),
            ("i", "", 0, false),
        ] {
            assert_eq!(known.cover(issuer, "anybody", &stamp(token, Some(0)), at(now)), revoked, "{issuer} {token} {now}");
        }
    }

    #[test]
    fn with_a_client_whoever_acts_through_it_is_revoked() {
        let known = Revocations::new([Revocation { issuer: "i".into(), revoked: Revoked::Subject("client".into(), at(100)), until: None }]);
        let of = |client: Option<&str>, issued| Stamp { client: client.map(str::to_owned), ..stamp("t", Some(issued)) };
        assert!(known.cover("i", "client/nurse", &of(Some("client"), 99), at(101)));
        assert!(!known.cover("i", "client/nurse", &of(Some("client"), 101), at(101)), "issued later");
        assert!(!known.cover("i", "client/nurse", &of(Some("other"), 99), at(101)));
        assert!(!known.cover("i", "client/nurse", &of(None, 99), at(101)), "another issuer's client");
    }

    #[test]
    fn a_person_is_revoked_until_they_sign_in_again() {
        let known =
            Revocations::new([Revocation { issuer: "i".into(), revoked: Revoked::Subject("sub".into(), at(100)), until: Some(at(500)) }]);
        for (issuer, subject, issued, now, revoked) in [
            ("i", "sub", Some(-50), 101, true),
            ("i", "sub", Some(99), 101, true),
            ("i", "sub", Some(100), 101, true),
            ("i", "sub", Some(101), 101, false),
            ("i", "sub", None, 101, true),
            ("i", "sub", Some(99), 500, false),
            ("j", "sub", Some(99), 101, false),
            ("i", "other", Some(99), 101, false),
        ] {
            assert_eq!(known.cover(issuer, subject, &stamp("t", issued), at(now)), revoked, "{issuer} {subject} {issued:?} {now}");
        }
    }
}
