//! What a region says of itself, signed by itself: names, authorities, whom to ring, where it answers, its public keys.
//!
//! A newer statement is believed when a key of the one before signed it: so keys change without anybody's help, and nobody
//! else – the keeper of the directory included – can change them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::message::{Parts, signs_at};
use crate::config::{BothNames, Contacts};
use crate::domain::coded::coded_error;
use crate::domain::identifiers::RegionCode;
use crate::domain::nation::Nation;
use crate::register::keys::{KeyError, PublicKey, PublicKeys, Signer, TlsKey};
use crate::register::receipts::sha256;
use crate::register::region::{AuthorityEntry, RegionEntry, RegionError, contacts};

/// The `typ` of a statement.
pub const STATEMENT_TYPE: &str = "cofrestr-member+jwt";
/// No statement is longer, in bytes: thirty authorities and forty keys fit five times.
pub const LONGEST: usize = 256 * 1024;
/// How far in the future a statement may be signed.
const SKEW: TimeDelta = TimeDelta::minutes(3);

/// What this program can do beyond the first version of the profile.
pub const CAPABILITIES: [&str; 5] = ["checks", "earlier-enquiries", "receipts", "comparisons", "readings"];

/// What a region says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The region's code.
    pub iss: String,
    /// When it was signed (seconds since 1970).
    pub iat: i64,
    /// Grows with every statement of the region.
    pub serial: i64,
    /// What is said.
    #[serde(flatten)]
    pub said: Said,
}

/// The content of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Its name.
    pub name: BothNames,
    /// Its nation.
    pub nation: String,
    /// The procedures that its authorities follow.
    pub procedures: String,
    /// Where it answers other regions: the address of its face for peers.
    pub address: String,
    /// Where it answers people and partner systems.
    pub public_address: String,
    /// Its authorities.
    pub authorities: Vec<StatedAuthority>,
    /// The keys with which it signs, newest first.
    pub keys: Vec<PublicKey>,
    /// The keys of its audit log.
    #[serde(default)]
    pub log: Vec<PublicKey>,
    /// The keys of its certificates.
    pub tls: Vec<TlsKey>,
    /// The versions of the wire profile that it speaks.
    pub versions: Vec<String>,
    /// What it can do beyond the first version.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

impl Said {
    /// Whether whoever says this has not taken up keys yet that another server of the region names already. A folder with keys of its
    /// own is never behind: so a region that lost its keys can speak again.
    pub fn is_behind(&self, other: &Self) -> bool {
        fn all<T: PartialEq>(these: &[T], among: &[T], same: impl Fn(&T, &T) -> bool) -> (bool, bool) {
            (these.iter().all(|one| among.iter().any(|other| same(one, other))), these.len() < among.len())
        }
        let parts = [
            all(&self.keys, &other.keys, |one, other| one.kid == other.kid),
            all(&self.log, &other.log, |one, other| one.kid == other.kid),
            all(&self.tls, &other.tls, |one, other| one.spki == other.spki),
        ];
        parts.iter().all(|(known, _)| *known) && parts.iter().any(|(_, fewer)| *fewer)
    }
}

/// An authority in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatedAuthority {
    /// GSS code.
    pub code: String,
    /// Its name.
    pub name: BothNames,
    /// Whom to ring, by day and by night.
    #[serde(flatten)]
    pub contacts: Contacts,
}

coded_error! {
    /// Why a statement is not believed.
    pub enum StatementError {
        /// It is no statement.
        Form = "malformed-statement", "give the statement as the region publishes it at /.well-known/cofrestr";
        /// None of the keys that it may be signed with signed it.
        Signature = "unsigned-statement", "sign it with a key that the statement before names, and that it names itself";
        /// It was signed at another time than it says, or its key did not sign then.
        Time = "mistimed-statement", "sign it now, with the key that signs now";
        /// It is not newer than the one that is known.
        Old = "old-statement", "give a newer one";
        /// It speaks for another region.
        OtherRegion = "statement-of-another-region", "give the statement of this region";
        /// A code, name or contact in it cannot be used.
        Content = "unusable-statement", "correct the region's configuration and publish the statement anew";
    }
}

/// The signed part of what a region publishes at `/.well-known/cofrestr`.
#[derive(Debug, Clone, Deserialize)]
pub struct PublishedStatement {
    /// The newest statement.
    pub statement: String,
    /// Those over which it follows from the directory's, oldest first.
    #[serde(default)]
    pub earlier: Vec<String>,
}

impl PublishedStatement {
    /// All of it, oldest first.
    pub fn texts(self) -> Vec<String> {
        let mut texts = self.earlier;
        texts.push(self.statement);
        texts
    }
}

/// A statement with those over which it follows from an older one: each signed with a key of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descent {
    /// The newest.
    pub newest: Believed,
    /// Those between, as they were signed, oldest first.
    pub earlier: Vec<String>,
}

impl Descent {
    /// A statement that needs no others.
    pub fn of(newest: Believed) -> Self {
        Self { newest, earlier: Vec::new() }
    }

    /// All of it as it was signed, oldest first.
    pub fn texts(&self) -> Vec<String> {
        self.earlier.iter().chain([&self.newest.text]).cloned().collect()
    }

    /// What is known after hearing more, oldest first: each must follow from the newest that is known when it is heard, so that a
    /// key that was retired in between signs nothing any more.
    ///
    /// # Errors
    /// Why none of them is believed; [`StatementError::Old`] when none is newer.
    pub fn hear(&self, heard: &[String], now: DateTime<Utc>) -> Result<Self, StatementError> {
        let (mut known, mut problem) = (self.clone(), StatementError::Old);
        for text in heard {
            match known.newest.followed_by(text, now) {
                Ok(next) => known = Self { earlier: known.texts(), newest: next },
                Err(StatementError::Old) => {}
                Err(error) => problem = error,
            }
        }
        if known.newest == self.newest { Err(problem) } else { Ok(known) }
    }
}

/// A statement that is believed, with the text that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// What it says.
    pub statement: Statement,
    /// The compact JWS.
    pub text: String,
}

impl Statement {
    /// Signs what a region says of itself.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign(said: Said, region: &str, serial: i64, signer: &Signer, now: DateTime<Utc>) -> Result<Believed, KeyError> {
        let statement = Self { iss: region.to_owned(), iat: now.timestamp(), serial, said };
        let text = signer.sign_at(STATEMENT_TYPE, &statement, now)?;
        Ok(Believed { statement, text })
    }

    /// Signs what follows a statement that others know: with a key that they know too, when the present one is too new for them.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign_after(
        before: Option<&Self>,
        said: Said,
        region: &str,
        serial: i64,
        signer: &Signer,
        now: DateTime<Utc>,
    ) -> Result<Believed, KeyError> {
        let known: Vec<&str> = before
            .map(|before| before.said.keys.iter().filter(|key| before.lets_sign(key, now)).map(|key| key.kid.as_str()).collect())
            .unwrap_or_default();
        let signed = Self::sign(said.clone(), region, serial, signer, now)?;
        let present = Parts::of(&signed.text, STATEMENT_TYPE).map(|parts| parts.kid).unwrap_or_default();
        if known.is_empty() || known.contains(&present.as_str()) {
            return Ok(signed);
        }
        let statement = Self { iss: region.to_owned(), iat: now.timestamp(), serial, said };
        match signer.sign_with(STATEMENT_TYPE, &statement, &known) {
            Ok(text) => Ok(Believed { statement, text }),
            // The old key was destroyed: the keeper of the directory must vouch for the new one.
            Err(_) => Ok(signed),
        }
    }

    /// Whether the time of one of its keys has run out since it was signed. Then the region says the same again: whoever gets hold of
    /// that key later cannot sign what follows, whatever date it puts there.
    pub fn outlives_a_key(&self, now: DateTime<Utc>) -> bool {
        let ended = |until: DateTime<Utc>| until.timestamp() > self.iat && until <= now;
        self.said.keys.iter().filter_map(PublicKey::signs_until).any(ended)
    }

    /// Whether a key of this statement may sign what follows it. One that this statement says is retired must not come back,
    /// whatever date it puts on what it signs.
    fn lets_sign(&self, key: &PublicKey, at: DateTime<Utc>) -> bool {
        signs_at(key, at) && key.signs_until().is_none_or(|until| until.timestamp() > self.iat)
    }

    /// The region's public keys.
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys { keys: self.said.keys.clone(), log: self.said.log.clone(), tls: self.said.tls.clone() }
    }

    /// Whether a certificate's key may be used for a connection now.
    pub fn pins(&self, spki: &str, now: DateTime<Utc>) -> bool {
        self.said.tls.iter().any(|key| key.spki == spki && key.is_good_at(now))
    }

    /// The region as searches and answers need it.
    ///
    /// # Errors
    /// When a code, nation or contact in it cannot be used.
    pub fn region(&self) -> Result<RegionEntry, RegionError> {
        let problem =
            |error: &dyn std::fmt::Display| RegionError::Entry { place: format!("member {}", self.iss), problem: error.to_string() };
        let code: RegionCode = self.iss.parse().map_err(|error| problem(&error))?;
        let nation: Nation = self.said.nation.parse().map_err(|error| problem(&error))?;
        let authorities = self.said.authorities.iter().map(|authority| {
            Ok(AuthorityEntry {
                gss: authority.code.clone(),
                name: [authority.name.en.clone(), authority.name.cy.clone()],
                lea: None,
                contacts: Some(contacts(&authority.code, &authority.contacts)?),
            })
        });
        Ok(RegionEntry {
            code,
            name: [self.said.name.en.clone(), self.said.name.cy.clone()],
            nation,
            authorities: authorities.collect::<Result<_, RegionError>>()?,
        })
    }
}

impl Believed {
    /// Reads a statement on its own word: it is signed with a key that it names, in that key's time. Whether the region is who it
    /// says is for the directory to say.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn on_its_own_word(text: &str, now: DateTime<Utc>) -> Result<Self, StatementError> {
        if text.len() > LONGEST {
            return Err(StatementError::Form);
        }
        let parts = Parts::of(text, STATEMENT_TYPE).ok_or(StatementError::Form)?;
        let statement: Statement = parts.claims().ok_or(StatementError::Form)?;
        let signed_at = DateTime::from_timestamp(statement.iat, 0).ok_or(StatementError::Form)?;
        let key = statement.said.keys.iter().find(|key| parts.is_signed_by(key)).ok_or(StatementError::Signature)?;
        if !signs_at(key, signed_at) || signed_at > now + SKEW {
            return Err(StatementError::Time);
        }
        statement.region().map_err(|_| StatementError::Content)?;
        Ok(Self { statement, text: text.to_owned() })
    }

    /// Reads a statement that follows this one: newer, and signed with a key of this one too.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn followed_by(&self, text: &str, now: DateTime<Utc>) -> Result<Self, StatementError> {
        let next = Self::on_its_own_word(text, now)?;
        if next.statement.iss != self.statement.iss {
            return Err(StatementError::OtherRegion);
        }
        if next.statement.serial <= self.statement.serial {
            return Err(StatementError::Old);
        }
        let parts = Parts::of(text, STATEMENT_TYPE).ok_or(StatementError::Form)?;
        let signed_at = DateTime::from_timestamp(next.statement.iat, 0).ok_or(StatementError::Form)?;
        let key = self.statement.said.keys.iter().find(|key| parts.is_signed_by(key)).ok_or(StatementError::Signature)?;
        if !self.statement.lets_sign(key, signed_at) || next.statement.iat < self.statement.iat - SKEW.num_seconds() {
            return Err(StatementError::Time);
        }
        Ok(next)
    }

    /// The newest of some statements that follows from this one, over others of them where it must; those that are not needed are
    /// left out. Without any that follows, it is this one.
    pub fn descent(&self, texts: &[String], now: DateTime<Utc>) -> Descent {
        let mut newer: Vec<Self> = texts.iter().filter_map(|text| Self::on_its_own_word(text, now).ok()).collect();
        newer.sort_by_key(|believed| believed.statement.serial);
        let mut path = vec![self.clone()];
        for next in newer {
            if let Some(from) = path.iter().position(|known| known.followed_by(&next.text, now).is_ok()) {
                path.truncate(from + 1);
                path.push(next);
            }
        }
        let newest = path.pop().unwrap_or_else(|| self.clone());
        Descent { newest, earlier: path.into_iter().skip(1).map(|between| between.text).collect() }
    }

    /// SHA-256 of the signed text, hexadecimal.
    pub fn digest(&self) -> String {
        sha256(&[self.text.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::keys::KeyFolder;
    use uuid::Uuid;

    /// A region whose keys change.
    struct Changing {
        folder: KeyFolder,
        signer: Signer,
        serial: i64,
    }

    impl Changing {
        fn new(now: DateTime<Utc>) -> Self {
            let folder = KeyFolder::new(std::env::temp_dir().join(format!("cofrestr-statement-{}", Uuid::now_v7())));
            folder.make_missing(now).unwrap();
            Self { signer: Signer::open(folder.clone()).unwrap(), folder, serial: 0 }
        }

        fn said(&self) -> Said {
            let keys = self.signer.public_keys();
            Said {
                name: BothNames { en: "Gwent".into(), cy: "Gwent".into() },
                nation: "wales".into(),
                procedures: "wsp-2020".into(),
                address: "https://gwent.example".into(),
                public_address: "https://gwent.example".into(),
                authorities: Vec::new(),
                keys: keys.keys,
                log: keys.log,
                tls: keys.tls,
                versions: Vec::new(),
                capabilities: Vec::new(),
            }
        }

        fn states(&mut self, now: DateTime<Utc>) -> Believed {
            self.serial += 1;
            Statement::sign(self.said(), "gwent", self.serial, &self.signer, now).unwrap()
        }

        /// Another key signs from now on; what is said now is signed by the one before, as others know only that.
        fn rotates(&mut self, before: &Believed, now: DateTime<Utc>) -> Believed {
            self.folder.rotate_from(now, now).unwrap();
            self.signer.refresh().unwrap();
            self.serial += 1;
            Statement::sign_after(Some(&before.statement), self.said(), "gwent", self.serial, &self.signer, now).unwrap()
        }
    }

    impl Drop for Changing {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.folder.path());
        }
    }

    fn texts(all: &[&Believed]) -> Vec<String> {
        all.iter().map(|believed| believed.text.clone()).collect()
    }

    #[test]
    fn a_statement_is_followed_over_those_between_and_over_no_others() {
        let begun = Utc::now() - TimeDelta::hours(9);
        let mut region = Changing::new(begun);
        let listed = region.states(begun);
        let second = region.rotates(&listed, begun + TimeDelta::hours(1));
        let between = region.states(begun + TimeDelta::hours(2));
        let third = region.rotates(&between, begun + TimeDelta::hours(3));
        let now = begun + TimeDelta::hours(4);
        assert_eq!(listed.followed_by(&third.text, now), Err(StatementError::Signature));

        let way = listed.descent(&texts(&[&second, &between, &third]), now);
        assert_eq!((&way.newest, way.earlier), (&third, texts(&[&second])), "what is not needed is left out");
        let way = listed.descent(&texts(&[&third, &second]), now);
        assert_eq!(way.newest, third, "in whatever order they come");
        let way = listed.descent(&texts(&[&third]), now);
        assert_eq!(way, Descent::of(listed.clone()), "without what leads to it, it does not follow");
        let way = listed.descent(&["no statement".into(), second.text.clone()], now);
        assert_eq!(way, Descent::of(second.clone()));

        let heard = Descent::of(listed.clone()).hear(&texts(&[&second, &third]), now).unwrap();
        assert_eq!(heard.texts(), texts(&[&listed, &second, &third]));
        assert_eq!(heard.hear(&texts(&[&second]), now), Err(StatementError::Old));
    }

    #[test]
    fn a_server_that_has_not_taken_up_the_newest_keys_is_behind_and_new_keys_are_not() {
        let begun = Utc::now() - TimeDelta::hours(9);
        let mut region = Changing::new(begun);
        let old = region.states(begun);
        let new = region.rotates(&old, begun + TimeDelta::hours(1));
        let other = Changing::new(begun);
        for (one, another, behind) in [
            (&old.statement.said, &new.statement.said, true),
            (&new.statement.said, &old.statement.said, false),
            (&new.statement.said, &new.statement.said, false),
            (&other.said(), &new.statement.said, false),
        ] {
            assert_eq!(one.is_behind(another), behind);
        }
    }

    #[test]
    fn a_key_that_was_replaced_signs_nothing_more_also_when_it_dates_it_back() {
        let begun = Utc::now() - TimeDelta::hours(9);
        let mut region = Changing::new(begun);
        let listed = region.states(begun);
        // The first key is stolen; the region replaces it, and everybody hears so.
        let second = region.rotates(&listed, begun + TimeDelta::hours(1));
        let now = begun + TimeDelta::hours(2);
        let known = Descent::of(listed.clone()).hear(&texts(&[&second]), now).unwrap();
        // Whoever has the first key says something newer with it, as if it had been before the change.
        let stolen = listed.statement.said.keys[0].kid.clone();
        let said = Said { address: "https://elsewhere.example".into(), ..listed.statement.said.clone() };
        for (at, problem) in [
            (begun + TimeDelta::minutes(1), StatementError::Time),
            (begun + TimeDelta::minutes(61), StatementError::Time),
            (now, StatementError::Time),
        ] {
            let statement = Statement { iss: "gwent".into(), iat: at.timestamp(), serial: 99, said: said.clone() };
            let forged = region.signer.sign_with(STATEMENT_TYPE, &statement, &[&stolen]).unwrap();
            assert_eq!(known.hear(&[forged], now), Err(problem), "{at}");
        }
    }

    #[test]
    fn a_key_whose_time_ran_out_as_planned_signs_nothing_more_once_the_region_has_said_the_same_again() {
        let begun = Utc::now() - TimeDelta::hours(9);
        let mut region = Changing::new(begun);
        let listed = region.states(begun);
        let stolen = listed.statement.said.keys[0].kid.clone();
        // The next key is published ahead of its time.
        let (planned, from) = (begun + TimeDelta::hours(1), begun + TimeDelta::hours(5));
        region.folder.rotate_from(planned, from).unwrap();
        region.signer.refresh().unwrap();
        let published = region.states(planned);
        assert!(!published.statement.outlives_a_key(from - TimeDelta::minutes(1)));
        assert!(published.statement.outlives_a_key(from));
        let again = region.states(from + TimeDelta::minutes(1));
        assert_eq!(again.statement.said, published.statement.said);
        let now = from + TimeDelta::hours(1);
        assert!(!again.statement.outlives_a_key(now));

        let said = Said { address: "https://elsewhere.example".into(), ..published.statement.said.clone() };
        let statement = Statement { iss: "gwent".into(), iat: (from - TimeDelta::minutes(1)).timestamp(), serial: 99, said };
        let forged = region.signer.sign_with(STATEMENT_TYPE, &statement, &[&stolen]).unwrap();
        let known = Descent::of(listed).hear(&texts(&[&published, &again]), now).unwrap();
        assert_eq!(known.newest.statement.serial, again.statement.serial);
        assert_eq!(known.hear(&[forged], now), Err(StatementError::Time));
    }
}
