//! Knowing the members: the directory and the statements that this region took up, and exchanging them with the others.
//!
//! ```text
//!  a file, POST /v1/directory, another region ──▶ learn ──▶ database ──▶ refresh (every second, on every server) ──▶ in use
//! ```
//!
//! What is learnt is believed only by its signatures, and kept before it is used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use super::peers::Peers;
use crate::authz::policy::action::TakeUpMembers;
use crate::authz::program_permit;
use crate::domain::identifiers::RegionCode;
use crate::domain::search_set::Standing;
use crate::register::keys::{PublicKey, directory_key};
use crate::register::peers::directory::{DirectoryError, Known};
use crate::register::peers::message::kind;
use crate::register::peers::statement::{Believed, Descent, Statement, StatementError};
use crate::register::peers::wire::{DIRECTORY_PATH, PeerDirectory};
use crate::register::{Region, RegisterError};
use crate::store::federation::{self as rows, Marks};
use crate::store::{Store, StoreError};

/// How long another region may take to say what it knows of the members.
const EXCHANGE_WAIT: Duration = Duration::from_secs(5);
/// With how many others the directory is compared each time; of fewer, with all.
const COMPARED_WITH: usize = 8;

/// What this server knows of the members.
#[derive(Debug, Clone)]
pub struct Members {
    store: Store,
    region: Arc<Region>,
    keys: Arc<Vec<PublicKey>>,
    marks: Arc<Mutex<Option<Marks>>>,
}

/// Why something about the members was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The directory is not believed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The statement is not believed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It could not be kept.
    #[error("the database failed")]
    Register(#[from] RegisterError),
}

/// Whose statement is kept.
#[derive(Debug, Clone, Copy)]
enum Kept {
    /// This region's, signed after the kept one with this serial.
    Own { after: Option<i64> },
    /// Another member's.
    Member,
}

impl Kept {
    /// As the audit log has it.
    fn step(self) -> &'static str {
        match self {
            Self::Own { .. } => "own",
            Self::Member => "member",
        }
    }
}

impl From<StoreError> for LearnError {
    fn from(error: StoreError) -> Self {
        Self::Register(error.into())
    }
}

impl Members {
    /// What is known, from the database; nothing is in use yet.
    pub fn new(store: Store, region: Arc<Region>) -> Self {
        let keys = region.federation.directory_keys.iter().map(|key| directory_key(key)).collect();
        Self { store, region, keys: Arc::new(keys), marks: Arc::default() }
    }

    /// Takes up what the database has, when it is other than before. Signs this region's own statement anew when it has changed.
    ///
    /// # Errors
    /// When the database fails, or there is no key to sign with.
    pub async fn refresh(&self) -> Result<(), LearnError> {
        let known = self.marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wall = self.store.clock().wall();
        let says_all = |statement: &Statement| statement.said == self.region.said() && !statement.outlives_a_key(wall);
        let own_is_current = self.region.membership().own.as_ref().is_some_and(|own| says_all(&own.newest.statement));
        let Some((news, marks)) = self.store.member_news(known.filter(|_| own_is_current)).await? else { return Ok(()) };
        let newer = news.statements;
        let known = match news.directory {
            Some(text) => {
                let current = self.region.membership().known.clone();
                Some(match current.filter(|known| known.text == text) {
                    Some(known) => known,
                    None => Arc::new(Known::read(&text, &self.keys, wall)?),
                })
            }
            None => None,
        };
        let own = self.own(known.as_deref(), newer.get(self.region.code().as_str()).map_or(&[], Vec::as_slice)).await?;
        match known {
            Some(known) => self.region.take_up(known, &newer, Arc::new(own), wall),
            None => self.region.take_up_alone(Arc::new(own)),
        }
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner) = Some(marks);
        Ok(())
    }

    /// This region's own statement: the newest that is kept, unless there is something new to say.
    async fn own(&self, known: Option<&Known>, kept: &[String]) -> Result<Descent, LearnError> {
        let wall = self.store.clock().wall();
        let said = self.region.said();
        let code = self.region.code().as_str();
        let listed = known.and_then(|known| known.statement(code)).cloned();
        let follows = |newest: Believed, texts: &[String]| {
            let descent = listed.as_ref().map(|listed| listed.descent(texts, wall)).filter(|descent| descent.newest == newest);
            descent.unwrap_or(Descent::of(newest))
        };
        let last = kept.last().and_then(|text| Believed::on_its_own_word(text, wall).ok());
        let after = last.as_ref().map(|last| last.statement.serial);
        let newest = last.into_iter().chain(listed.clone()).max_by_key(|believed| believed.statement.serial);
        let says_all = |statement: &Statement| statement.said == said && !statement.outlives_a_key(wall);
        let is_enough = |newest: &&Believed| says_all(&newest.statement) || said.is_behind(&newest.statement.said);
        if let Some(newest) = newest.as_ref().filter(is_enough) {
            return Ok(follows(newest.clone(), kept));
        }
        let serial = newest.as_ref().map_or(0, |newest| newest.statement.serial + 1).max(wall.timestamp_millis());
        let before = newest.as_ref().map(|newest| &newest.statement);
        let signed = Statement::sign_after(before, said, code, serial, &self.region.signer, wall)
            .map_err(|_| StoreError::Corrupt("the signing key"))?;
        let texts: Vec<String> = kept.iter().chain([&signed.text]).cloned().collect();
        let descent = follows(signed, &texts);
        // Servers of one region must say the same to other regions; one that meets none says it to whoever asks. Where another server
        // was quicker, what it said is taken up the next time.
        if self.region.is_federated() && !self.keep(code.to_owned(), descent.clone(), Kept::Own { after }).await? {
            return Ok(newest.map_or(descent, |newest| follows(newest, kept)));
        }
        Ok(descent)
    }

    async fn keep(&self, region: String, descent: Descent, whose: Kept) -> Result<bool, LearnError> {
        let kept = self
            .store
            .run::<_, _, _, RegisterError>(
                program_permit::<TakeUpMembers>("federation", self.region.code().as_str()),
                |_| Ok(()),
                move |tx, ()| {
                    let Descent { newest, earlier } = &descent;
                    let serial = newest.statement.serial;
                    tx.audit().detail("statement", &region);
                    tx.audit().detail("step", whose.step());
                    tx.audit().detail("serial", serial);
                    Ok(match whose {
                        Kept::Own { after } => rows::keep_own_statement(tx, &region, after, serial, &newest.text, earlier)?,
                        Kept::Member => rows::keep_statement(tx, &region, serial, &newest.text, earlier)?,
                    })
                },
            )
            .await?;
        Ok(kept)
    }

    /// Takes up a directory, if it follows from the one in use; false when that is this one or a newer one.
    ///
    /// # Errors
    /// Why it is not taken up.
    pub async fn learn_directory(&self, text: &str) -> Result<bool, LearnError> {
        let wall = self.store.clock().wall();
        let current = self.region.membership().known.clone();
        let read = match &current {
            Some(current) => current.followed_by(text, &self.keys, wall),
            None => Known::read(text, &self.keys, wall),
        };
        let known = match read {
            Ok(known) => known,
            Err(DirectoryError::Old) => return Ok(false),
            Err(error) => {
                tracing::error!(code = error.code(), "a directory of members was not taken up");
                return Err(error.into());
            }
        };
        let vouched: Vec<String> = known
            .directory
            .members
            .iter()
            .filter(|member| member.vouched_in == Some(known.directory.version))
            .map(|member| member.region.clone())
            .collect();
        let (version, change, document) = (known.directory.version, known.directory.change.clone(), text.to_owned());
        self.store
            .run::<_, _, _, RegisterError>(
                program_permit::<TakeUpMembers>("federation", self.region.code().as_str()),
                |_| Ok(()),
                move |tx, ()| {
                    tx.audit().detail("directory", version);
                    tx.audit().detail("change", &change);
                    rows::keep_directory(tx, version, &document)?;
                    for region in &vouched {
                        rows::forget_statement(tx, region)?;
                    }
                    Ok(())
                },
            )
            .await?;
        self.refresh().await?;
        tracing::info!(version, "took up a directory of members");
        Ok(true)
    }

    /// Takes up a member's newest statement, if it follows from the one that is known, over others that come with it (oldest first,
    /// the newest last); false when that is this one or a newer one.
    ///
    /// # Errors
    /// Why it is not taken up.
    pub async fn learn_statement(&self, region: &RegionCode, texts: &[String]) -> Result<bool, LearnError> {
        let wall = self.store.clock().wall();
        let membership = self.region.membership();
        let Some(peer) = membership.peers.get(region) else { return Ok(false) };
        if texts.last().is_none_or(|newest| peer.believed.newest.text == *newest) {
            return Ok(false);
        }
        let known = match peer.believed.hear(texts, wall) {
            Ok(known) => known,
            Err(StatementError::Old) => return Ok(false),
            Err(error) => {
                tracing::warn!(peer = %region, code = error.code(), "a member's statement was not taken up");
                return Err(error.into());
            }
        };
        // What follows from the directory's statement only is what every server can verify again.
        let listed = membership.known.as_ref().and_then(|known| known.statement(region.as_str()));
        let descent = listed.map(|listed| listed.descent(&known.texts(), wall));
        let Some(descent) = descent.filter(|descent| descent.newest == known.newest) else {
            tracing::warn!(peer = %region, "a member's statement does not follow from the directory's; the directory needs the newer one");
            return Ok(false);
        };
        self.keep(region.to_string(), descent, Kept::Member).await?;
        self.refresh().await?;
        Ok(true)
    }

    /// Looks into the file that may hold a newer directory.
    ///
    /// # Errors
    /// When it cannot be read or is not believed.
    pub async fn read_file(&self) -> Result<bool, LearnError> {
        let file = &self.region.federation.directory_file;
        if file.is_empty() {
            return Ok(false);
        }
        let text = std::fs::read_to_string(file).map_err(|_| DirectoryError::Form)?;
        let text = text.trim();
        if self.region.membership().known.as_ref().is_some_and(|known| known.text == text) {
            return Ok(false);
        }
        self.learn_directory(text).await
    }

    /// What this region says about the members to another that knows so much already.
    pub fn told(&self, to: &RegionCode, knows_version: i64, knows_serial: i64) -> PeerDirectory {
        let membership = self.region.membership();
        let newer = membership.known.as_ref().filter(|known| known.directory.version > knows_version);
        let newer_own = membership.own.as_ref().filter(|own| own.newest.statement.serial > knows_serial);
        PeerDirectory {
            directory: newer.map(|known| known.text.clone()),
            version: membership.version(),
            statement: newer_own.map(|own| own.newest.text.clone()),
            earlier: newer_own.map(|own| own.earlier.clone()).unwrap_or_default(),
            knows_serial: membership.peers.get(to).map_or(0, |peer| peer.statement().serial),
        }
    }

    /// Takes up what another region says about the members; whether anything was new.
    pub async fn hear(&self, from: &RegionCode, said: &PeerDirectory) -> bool {
        let mut news = false;
        if let Some(text) = &said.directory {
            news |= self.learn_directory(text).await.unwrap_or(false);
        }
        if let Some(text) = &said.statement {
            let texts: Vec<String> = said.earlier.iter().chain([text]).cloned().collect();
            news |= self.learn_statement(from, &texts).await.unwrap_or(false);
        }
        news
    }

    /// Compares with one region: says what is in use here, and hears what is in use there.
    pub async fn compare_with(&self, peers: &Peers, to: &RegionCode) -> bool {
        let knows_serial = 0;
        // The other side's version is not known before it answers: the directory is sent only to those who then turn out to be behind.
        let first = PeerDirectory { directory: None, ..self.told(to, i64::MAX, knows_serial) };
        let Some(said) = self.exchange(peers, to, &first).await else {
            // Its key may be new: what it says of itself, it says to everybody, and a key that is known signed it.
            let Some(texts) = peers.statement_of(to).await else { return false };
            return self.learn_statement(to, &texts).await.unwrap_or(false);
        };
        let news = self.hear(to, &said).await;
        if said.version < self.region.membership().version() {
            let second = self.told(to, said.version, i64::MAX);
            self.exchange(peers, to, &second).await;
        }
        news
    }

    async fn exchange(&self, peers: &Peers, to: &RegionCode, body: &PeerDirectory) -> Option<PeerDirectory> {
        let body = serde_json::to_value(body).ok()?;
        let genuine = peers.send(to, DIRECTORY_PATH, kind::ASK_DIRECTORY, body, Uuid::now_v7(), EXCHANGE_WAIT).await.ok()?;
        (genuine.received.envelope.kind == kind::DIRECTORY).then(|| genuine.received.body().ok()).flatten()
    }

    /// The other regions that can be asked.
    pub fn others(&self) -> Vec<RegionCode> {
        let membership = self.region.membership();
        membership.peers.iter().filter(|(_, peer)| peer.standing == Standing::Active).map(|(code, _)| code.clone()).collect()
    }

    /// Compares with some other regions, all of them when there are few; what is new is passed on to everybody.
    pub async fn compare(&self, peers: &Peers, everybody: bool) {
        let before = self.region.membership().version();
        let others = self.others();
        let some: Vec<RegionCode> = if everybody || others.len() <= COMPARED_WITH {
            others
        } else {
            others.sample(&mut rand::rng(), COMPARED_WITH).cloned().collect()
        };
        let asked = some.iter().map(|to| self.compare_with(peers, to));
        join_all(asked).await;
        if self.region.membership().version() > before && !everybody {
            let asked: Vec<RegionCode> = self.others();
            join_all(asked.iter().map(|to| self.compare_with(peers, to))).await;
        }
    }
}
