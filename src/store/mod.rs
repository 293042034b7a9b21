//! The store: the only place that names diesel.
//!
//! ```text
//!  permit ─▶ read  (a reader's snapshot: matching, finding, checking)      many at once; checks that wait share one
//!         └▶ write (the short unit of work + its audit entry)              SQLite: one writer, group commit
//!                   committed before anything is answered                  PostgreSQL: two writers, group commit; who fails, alone
//! ```
//!
//! Nothing reaches the database except by spending a [`Permit`], which only the access decision makes. The store owns begin
//! and commit and writes the audit entry in the same transaction – for refusals, failures and empty results too.

pub mod alerts;
pub mod audit;
pub mod break_glass;
pub mod budgets;
pub mod census;
pub mod children;
pub mod clients;
pub mod clock;
pub mod clocks;
pub mod comparisons;
pub mod conferences;
pub mod connection;
pub mod custody;
pub mod enquiries;
mod error;
pub mod events;
pub mod federation;
mod fixed;
pub mod holds;
pub mod idempotency;
pub mod identities;
pub mod import_runs;
pub mod imports;
mod lanes;
pub mod log;
pub mod matching;
pub mod merkle;
pub mod migrations;
pub mod missed;
pub mod note;
pub mod notices;
pub mod patterns;
pub mod plans;
mod readers;
pub mod registrations;
pub mod retention;
pub mod revocations;
pub mod sandbox;
pub mod schema;
pub mod sessions;
pub mod settings;
mod sheaf;
mod statements;
pub mod statistics;
pub mod tasks;
pub mod types;
pub mod verify;
pub mod webhooks;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::r2d2::Pool;
use tokio::sync::{Semaphore, oneshot};

use crate::authz::{Access, Action, Permit, Refusal};
use audit::{AuditDraft, AuditOutcome, AuditPromise};
use clock::Clock;
use connection::{AnyConnection, DatabaseUrl, Manager};
pub use error::StoreError;
use lanes::{ASIDE, Broken, LANES, Lanes};
use readers::Readers;
use sheaf::Sheaf;
use writer::Writer;

/// How often a transaction is tried again when another one is in the way (PostgreSQL 40001, 40P01).
const ATTEMPTS: u32 = 8;

/// How PostgreSQL begins a unit of work.
const REPEATABLE_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

/// A failure of a unit of work, as the audit log needs to know it.
pub trait Failure: From<StoreError> + Send + 'static {
    /// Whether the caller was refused (rather than mistaken, or let down by us).
    fn is_refusal(&self) -> bool;
    /// The stable code of the problem.
    fn code(&self) -> &'static str;
    /// Whether running the same work again on a new transaction may succeed.
    fn is_retryable(&self) -> bool;
    /// Whether the database does not answer at all, so that not even the failure can be kept.
    fn is_away(&self) -> bool;
}

impl Failure for StoreError {
    fn is_refusal(&self) -> bool {
        false
    }

    fn code(&self) -> &'static str {
        if self.is_temporary() { "temporarily-unavailable" } else { "internal-error" }
    }

    fn is_retryable(&self) -> bool {
        StoreError::is_retryable(self)
    }

    fn is_away(&self) -> bool {
        StoreError::is_away(self)
    }
}

/// How large the store's pools are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Connections for reading; on PostgreSQL those for long work too. Those that answer checks and those that write come on top.
    pub connections: u32,
    /// How long to wait for one.
    pub wait: Duration,
}

/// A snapshot to read from: everything read through it is of one instant.
#[allow(missing_debug_implementations)]
pub struct Snapshot<'a> {
    pub(crate) connection: &'a mut AnyConnection,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    access: &'a Access,
    audit: AuditDraft,
}

impl Snapshot<'_> {
    /// Procedure time at which the snapshot was taken: the answer's `asOf`.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The clock on the wall when the snapshot was taken.
    pub fn wall(&self) -> DateTime<Utc> {
        self.wall
    }

    /// What the audit entry will say.
    pub fn audit(&mut self) -> &mut AuditDraft {
        &mut self.audit
    }

    /// Gives the audit entry its final form, so that a receipt can name its hash. Whoever adds to the entry afterwards makes
    /// the unit of work fail.
    ///
    /// # Errors
    /// When the entry cannot be written: a defect.
    pub fn promise(&mut self) -> Result<AuditPromise, StoreError> {
        self.audit.promise(self.access, self.wall)
    }
}

/// The end of a look that went on outside the database: the audit entry gets its last words there.
#[allow(missing_debug_implementations)]
pub struct Ending<'a> {
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    access: &'a Access,
    audit: AuditDraft,
}

impl Ending<'_> {
    /// Procedure time at the end.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The clock on the wall at the end.
    pub fn wall(&self) -> DateTime<Utc> {
        self.wall
    }

    /// What the audit entry will say.
    pub fn audit(&mut self) -> &mut AuditDraft {
        &mut self.audit
    }

    /// Gives the audit entry its final form, as [`Snapshot::promise`] does.
    ///
    /// # Errors
    /// When the entry cannot be written: a defect.
    pub fn promise(&mut self) -> Result<AuditPromise, StoreError> {
        self.audit.promise(self.access, self.wall)
    }
}

/// A unit of work in progress. Synchronous and short: no network, no sleep.
#[allow(missing_debug_implementations)]
pub struct Tx<'a> {
    pub(crate) connection: &'a mut AnyConnection,
    /// Where rows that nobody reads again are bound together with those of the other units of a group.
    sheaf: Option<&'a mut Sheaf>,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    audit: AuditDraft,
}

impl Tx<'_> {
    /// Whether the work is tried for the first time, in company. Then it may rely on what was looked up before on the
    /// reader's snapshot, as long as a key in the database notices when that is no longer so: it is done again alone.
    pub fn is_hopeful(&self) -> bool {
        self.sheaf.is_some()
    }

    /// Procedure time: one instant for the whole transaction.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The clock on the wall: the instant of the audit entry.
    pub fn wall(&self) -> DateTime<Utc> {
        self.wall
    }

    /// What the audit entry will say.
    pub fn audit(&mut self) -> &mut AuditDraft {
        &mut self.audit
    }
}

/// The database of one region.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("database", &self.kind()).finish_non_exhaustive()
    }
}

struct Inner {
    database: Arc<Database>,
    /// As many blocking reads at once as there are connections: the rest wait here, not on threads.
    turns: Semaphore,
    readers: Readers,
    writer: Writers,
    clock: Arc<Clock>,
}

/// Who writes.
enum Writers {
    Sqlite(Writer),
    Postgres(Lanes),
}

/// The snapshot on which a look is taken.
#[derive(Debug, Clone, Copy)]
enum On {
    /// One of its own: it may take long.
    Own,
    /// One for all that wait: many ask at once, and nobody reads for long.
    Shared,
}

/// The connections to the database.
struct Database {
    url: DatabaseUrl,
    pool: Pool<Manager>,
}

impl Store {
    /// Opens the store. The database must have this program's migrations.
    ///
    /// # Errors
    /// When the database cannot be reached, or its migrations are not this program's.
    pub fn open(url: &DatabaseUrl, sizes: Sizes, clock: Arc<Clock>) -> Result<Self, StoreError> {
        // A reader's cache is empty after every commit; the writer's stays, because nobody else writes: more than 3 MB did not help.
        // Its log is carried over every 16 MB: a page that many checks change is written once for all of them.
        Self::open_writing(url, sizes, clock, |writer| Ok(writer.execute("PRAGMA cache_size = -3000; PRAGMA wal_autocheckpoint = 4096")?))
    }

    /// Opens the store for a command that writes thousands of people. The index's keys are hashes, so every unit of work
    /// touches most of its pages: SQLite's writer gets room for all of them (128 MB), and carries them over from its log less
    /// often (every 128 MB). What is committed is as durable as ever.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_for_bulk(url: &DatabaseUrl, sizes: Sizes, clock: Arc<Clock>) -> Result<Self, StoreError> {
        Self::open_writing(
            url,
            sizes,
            clock,
            |writer| Ok(writer.execute("PRAGMA cache_size = -131072; PRAGMA wal_autocheckpoint = 32768")?),
        )
    }

    fn open_writing(
        url: &DatabaseUrl,
        sizes: Sizes,
        clock: Arc<Clock>,
        prepare: impl FnOnce(&mut AnyConnection) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        if migrations::pending(url)? {
            return Err(StoreError::Migrations("the database is behind this program; run `cofrestr migrate` first".into()));
        }
        let writers = if matches!(url, DatabaseUrl::Postgres(_)) { LANES + ASIDE } else { 0 };
        let readers = match url {
            DatabaseUrl::Sqlite(_) => sizes.connections,
            // Half of the time a reader waits for the database.
            DatabaseUrl::Postgres(_) => sizes.connections.div_ceil(2),
        };
        let pool = Pool::builder()
            .max_size(sizes.connections + readers + writers)
            .min_idle(Some(1))
            .connection_timeout(sizes.wait)
            .test_on_check_out(false)
            .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
            .build(Manager(url.clone()))
            .map_err(StoreError::Busy)?;
        let database = Arc::new(Database { url: url.clone(), pool });
        let writer = match url {
            DatabaseUrl::Sqlite(_) => {
                let mut connection = AnyConnection::open(url)?;
                prepare(&mut connection)?;
                Writers::Sqlite(Writer::start(connection, sizes.wait)?)
            }
            DatabaseUrl::Postgres(_) => {
                log::prepare(&mut database.pool.get().map_err(StoreError::Busy)?.any)?;
                Writers::Postgres(Lanes::start(&database)?)
            }
        };
        let turns = Semaphore::new(sizes.connections as usize);
        let readers = Readers::start(&database, readers as usize)?;
        Ok(Self { inner: Arc::new(Inner { database, turns, readers, writer, clock }) })
    }

    /// The injected clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.inner.clock
    }

    /// `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        self.inner.database.url.kind()
    }

    /// Whether checks can be answered, for the readiness probe: the database answers, nobody keeps it from being written, and the
    /// matcher's index was made by this version of the program. Reads nothing of anybody.
    ///
    /// # Errors
    /// When that is not so.
    pub async fn ready(&self, index: matching::Mark) -> Result<(), StoreError> {
        self.is_written().await?;
        self.on_reader(move |database| database.with_transaction("BEGIN", |connection| matching::is_of(connection, index))).await
    }

    /// Whether the database takes what is written, as far as is known. Only after somebody has waited in vain it is tried.
    ///
    /// # Errors
    /// When another process keeps everybody from writing.
    pub async fn is_written(&self) -> Result<(), StoreError> {
        match &self.inner.writer {
            Writers::Sqlite(writer) if writer.is_locked() => self.upkeep(|_| Ok(())).await,
            Writers::Sqlite(_) | Writers::Postgres(_) => Ok(()),
        }
    }

    /// Whether an import brought people who have still to be looked for among the others. Reads nothing of anybody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_queued_duplicates(&self) -> Result<bool, StoreError> {
        self.on_reader(|inner| inner.with_transaction("BEGIN", |connection| Ok(!identities::queued(connection, 1)?.is_empty()))).await
    }

    /// Reads on a snapshot and answers once the audit entry is committed.
    ///
    /// # Errors
    /// What `read` answers, after that too stands in the audit log; or a failure of the database, and then nothing is
    /// answered.
    pub async fn read<A, T, E>(
        &self,
        permit: Permit<A>,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        A: Action,
        T: Send + 'static,
        E: Failure,
    {
        let access = Arc::new(permit.spend());
        match self.look(&access, On::Own, read).await {
            Ok((value, draft)) => {
                self.append(access, draft).await?;
                Ok(value)
            }
            Err(error) => Err(self.failed(access, error).await),
        }
    }

    /// Reads on a snapshot, then does the unit of work with what was read; answers once that and its audit entry are
    /// committed. `write` may run several times, each time on a new transaction of which nothing was kept before.
    ///
    /// # Errors
    /// What `read` or `write` answer, after that too stands in the audit log; or a failure of the database. Nothing of the
    /// work is kept then.
    pub async fn run<A, R, T, E>(
        &self,
        permit: Permit<A>,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<R, E> + Send + 'static,
        write: impl Fn(&mut Tx<'_>, &R) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        A: Action,
        R: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        let access = Arc::new(permit.spend());
        match self.look(&access, On::Own, read).await {
            Ok((found, draft)) => self.unit(access, draft, move |tx| write(tx, &found)).await,
            Err(error) => Err(self.failed(access, error).await),
        }
    }

    /// The same with something between that is not the database's: others are asked, with no connection held and no transaction
    /// open. What they said is put together in `end`, which gives the audit entry its last words; then the work is done. Nothing
    /// is kept before that: the future must be driven to its end although the caller has gone.
    ///
    /// # Errors
    /// What `read`, `end` or `write` answer, after that too stands in the audit log; or a failure of the database.
    pub async fn run_asking<A, R, M, S, T, E, F>(
        &self,
        permit: Permit<A>,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<R, E> + Send + 'static,
        ask: impl FnOnce(R) -> F,
        end: impl FnOnce(&mut Ending<'_>, M) -> Result<S, E>,
        write: impl Fn(&mut Tx<'_>, &S) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        A: Action,
        R: Send + 'static,
        F: Future<Output = M>,
        S: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        let access = Arc::new(permit.spend());
        let (found, audit) = match self.look(&access, On::Shared, read).await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(access, error).await),
        };
        let asked = ask(found).await;
        let mut ending = Ending { now: self.inner.clock.now(), wall: self.inner.clock.wall(), access: &access, audit };
        match end(&mut ending, asked) {
            Ok(made) => {
                let draft = ending.audit;
                self.unit(access, draft, move |tx| write(tx, &made)).await
            }
            Err(error) => Err(self.failed(access, error).await),
        }
    }

    /// Upkeep that reads: no access to anybody's record, no entry in the audit log.
    async fn upkeep_reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.on_reader(move |database| database.with_transaction(database.begin_reading(), work)).await
    }

    /// Upkeep that writes: no access to anybody's record, no entry in the audit log.
    async fn upkeep<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.inner.writer {
            Writers::Postgres(_) => {
                self.on_reader(move |database| database.with_transaction("BEGIN ISOLATION LEVEL READ COMMITTED", work)).await
            }
            Writers::Sqlite(writer) => {
                let (answer, answered) = oneshot::channel();
                writer.upkeep(move |connection| {
                    let result = guarded(connection, work);
                    Box::new(move |committed| {
                        let _ = answer.send(committed.and(result));
                    })
                })?;
                answered.await.unwrap_or(Err(StoreError::Overloaded))
            }
        }
    }

    /// The tokens that are revoked, when there are more of them than `known`. Like the upkeep of the audit log it is no access to
    /// anybody's record and leaves no entry.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revocations(&self, known: Option<usize>) -> Result<Option<Vec<revocations::RevocationRow>>, StoreError> {
        self.on_reader(move |database| {
            database.with_transaction(database.begin_reading(), |connection| revocations::beyond(connection, known))
        })
        .await
    }

    /// A partner system that asks for a token. Who it is must be known before it can be believed; what comes of it, a token or a
    /// refusal, leaves an entry.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn client(&self, id: types::Id) -> Result<Option<clients::ClientRow>, StoreError> {
        self.on_reader(move |database| database.with_transaction("BEGIN", |connection| clients::find(connection, id))).await
    }

    /// The session of somebody who uses the pages: who they are must be known before they can be let in or turned away, and what
    /// they do then leaves its entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, digest: String) -> Result<Option<sessions::SessionRow>, StoreError> {
        self.on_reader(move |database| database.with_transaction("BEGIN", |connection| sessions::find(connection, &digest))).await
    }

    /// Notes until when a session may rest, after somebody did something there. What they did leaves its own entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_session(&self, digest: String, idle_ends: DateTime<Utc>) -> Result<(), StoreError> {
        self.upkeep(move |connection| sessions::touch(connection, &digest, idle_ends)).await
    }

    /// Forgets what was kept for a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_kept(&self, digest: String) -> Result<(), StoreError> {
        self.upkeep(move |connection| sessions::forget_kept(connection, &digest)).await
    }

    /// Keeps what somebody must bring back from the identity provider. Nobody is known yet, and nothing of anybody is seen: that they
    /// signed in, or that it failed, leaves its entry when they come back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_sign_in(&self, row: sessions::SignInRow, most_forgotten: i64) -> Result<(), StoreError> {
        let now = self.inner.clock.wall();
        self.upkeep(move |connection| row.insert(connection, now, most_forgotten)).await
    }

    /// Takes what was kept for somebody who comes back; the second who asks for it gets nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_sign_in(&self, digest: String) -> Result<Option<sessions::SignInRow>, StoreError> {
        self.upkeep(move |connection| sessions::take_sign_in(connection, &digest)).await
    }

    /// The same for long work, of which others must not wait for the end: on PostgreSQL in a transaction of its own, beside
    /// theirs. SQLite has one writer.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub async fn run_alone<A, R, T, E>(
        &self,
        permit: Permit<A>,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<R, E> + Send + 'static,
        write: impl Fn(&mut Tx<'_>, &R) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        A: Action,
        R: Send + Sync + 'static,
        T: Send + 'static,
        E: Failure,
    {
        let access = Arc::new(permit.spend());
        let (found, draft) = match self.look(&access, On::Own, read).await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(access, error).await),
        };
        if let Writers::Sqlite(writer) = &self.inner.writer {
            let (answer, answered) = oneshot::channel();
            let unit = self.queued(access, draft, move |tx: &mut Tx<'_>| write(tx, &found), answer);
            writer.submit_long(unit).map_err(E::from)?;
            return answered.await.unwrap_or_else(|_| Err(StoreError::Stopped.into()));
        }
        let (now, wall) = (self.inner.clock.now(), self.inner.clock.wall());
        self.on_reader(move |database| alone(database, REPEATABLE_READ, &access, &draft, now, wall, &|tx: &mut Tx<'_>| write(tx, &found)))
            .await
    }

    /// Puts a refusal into the audit log.
    ///
    /// # Errors
    /// When the database fails; then the caller is told that, not the refusal.
    pub async fn record(&self, refusal: &Refusal) -> Result<(), StoreError> {
        self.append(Arc::new(refusal.access.clone()), AuditDraft::ended(AuditOutcome::Refused, refusal.code)).await
    }

    /// Brings the audit log forward: places for entries that wait (PostgreSQL), nodes of the tree, and a signed checkpoint when
    /// the log grew and the last one is older than `every`. Any number of servers may call this; one at a time does the work.
    /// It is no access to anybody's record and leaves no entry: the log would never come to rest.
    ///
    /// # Errors
    /// When the database fails, or there is no key to sign with.
    pub async fn advance_log(&self, every: Duration, sign: Arc<log::Sign>) -> Result<(), StoreError> {
        let every = TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX);
        loop {
            let now = self.inner.clock.wall();
            let sign = Arc::clone(&sign);
            let more = match &self.inner.writer {
                Writers::Postgres(_) => {
                    self.on_reader(move |database| {
                        // Not REPEATABLE READ: what is read after the lease must be what the holder before committed.
                        database.with_transaction("BEGIN ISOLATION LEVEL READ COMMITTED", |connection| {
                            if !log::lease(connection)? {
                                return Ok::<_, StoreError>(false);
                            }
                            let waiting = log::sequence(connection)?;
                            Ok(log::checkpoint(connection, now, every, &*sign)? || waiting)
                        })
                    })
                    .await?
                }
                Writers::Sqlite(writer) => {
                    let due = self
                        .on_reader(move |database| database.with_transaction("BEGIN", |connection| log::due(connection, now, every)))
                        .await?;
                    if !due {
                        return Ok(());
                    }
                    let (answer, answered) = oneshot::channel();
                    writer.upkeep(move |connection| {
                        let result = guarded(connection, |connection| log::checkpoint(connection, now, every, &*sign));
                        Box::new(move |committed| {
                            let _ = answer.send(committed.and(result));
                        })
                    })?;
                    answered.await.unwrap_or(Err(StoreError::Overloaded))?
                }
            };
            if !more {
                return Ok(());
            }
        }
    }

    /// Whether there is work for the keeper of the clocks: entries to be worked out for `today`, or notices that have gone unread
    /// too long, `unread` saying how long each level may. Reads nothing of anybody and leaves no entry, or a register at rest
    /// would fill its log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clocks_wait(&self, today: NaiveDate, unread: Vec<TimeDelta>) -> Result<bool, StoreError> {
        let now = self.inner.clock.now();
        self.on_reader(move |inner| {
            inner.with_transaction("BEGIN", |connection| {
                if !clocks::waiting(connection, today, 1)?.is_empty() {
                    return Ok(true);
                }
                for (level, after) in (1..).zip(unread) {
                    if !notices::unread_since(connection, (now - after).into(), level, 1)?.is_empty() {
                        return Ok(true);
                    }
                }
                Ok::<_, StoreError>(false)
            })
        })
        .await
    }

    /// Takes a look, on a snapshot of its own or on one that is shared with other looks that wait.
    async fn look<T, E>(
        &self,
        access: &Arc<Access>,
        on: On,
        read: impl FnOnce(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<(T, AuditDraft), E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let (now, wall) = (self.inner.clock.now(), self.inner.clock.wall());
        let (access, operation) = (Arc::clone(access), access.operation);
        let look = move |connection: &mut AnyConnection| {
            let watch = Stopwatch::now();
            let mut snapshot = Snapshot { connection, now, wall, access: &access, audit: AuditDraft::new() };
            let found = read(&mut snapshot);
            metrics::histogram!("cofrestr_read_seconds").record(watch.elapsed().as_secs_f64());
            Ok::<_, E>((found?, snapshot.audit))
        };
        if matches!(on, On::Own) {
            let look =
                move |database: &Database| statements::counted(operation, || database.with_transaction(database.begin_reading(), look));
            return self.on_reader(look).await;
        }
        let (answer, answered) = oneshot::channel();
        let on_shared = move |connection: Result<&mut AnyConnection, StoreError>| {
            let found = connection.map_err(E::from).and_then(|connection| {
                let look = AssertUnwindSafe(|| statements::counted(operation, || look(connection)));
                catch_unwind(look).unwrap_or_else(|_| Err(StoreError::Panicked.into()))
            });
            let is_sound = found.is_ok();
            // The caller may have gone away.
            let _ = answer.send(found);
            is_sound
        };
        self.inner.readers.submit(Box::new(on_shared)).map_err(E::from)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    /// Runs blocking work on a reader's turn.
    async fn on_reader<T, E>(&self, work: impl FnOnce(&Database) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let _turn = self.inner.turns.acquire().await.map_err(|_| StoreError::Stopped)?;
        let database = Arc::clone(&self.inner.database);
        tokio::task::spawn_blocking(move || {
            catch_unwind(AssertUnwindSafe(|| work(&database))).unwrap_or_else(|_| Err(StoreError::Panicked.into()))
        })
        .await
        .unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    async fn append(&self, access: Arc<Access>, draft: AuditDraft) -> Result<(), StoreError> {
        self.unit::<(), StoreError>(access, draft, |_| Ok(())).await
    }

    /// Puts a failure into the audit log and answers what the caller is to be told.
    async fn failed<E: Failure>(&self, access: Arc<Access>, error: E) -> E {
        // A database that is away cannot keep an entry either; the caller is told at once, and the log has it.
        if error.is_away() {
            return error;
        }
        let outcome = if error.is_refusal() { AuditOutcome::Refused } else { AuditOutcome::Failed };
        match self.append(access, AuditDraft::ended(outcome, error.code())).await {
            Ok(()) => error,
            Err(store) => store.into(),
        }
    }

    /// One unit of work and its audit entry, committed together.
    async fn unit<T, E>(
        &self,
        access: Arc<Access>,
        draft: AuditDraft,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let (answer, answered) = oneshot::channel();
        let unit = self.queued(access, draft, work, answer);
        match &self.inner.writer {
            Writers::Sqlite(writer) => writer.submit(unit),
            Writers::Postgres(lanes) => lanes.submit(unit),
        }
        .map_err(E::from)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    /// A unit of work as it waits for a writer.
    fn queued<T, E, W>(&self, access: Arc<Access>, draft: AuditDraft, work: W, answer: Answer<T, E>) -> Box<Grouped<T, E, W>> {
        let now = self.inner.clock.now();
        let wall = self.inner.clock.wall();
        Box::new(Grouped { access, draft, now, wall, work, queued: Stopwatch::now(), done: None, answer })
    }
}

/// Who waits for what comes of a unit of work.
type Answer<T, E> = oneshot::Sender<Result<T, E>>;

/// A unit of work that waits for its turn.
struct Grouped<T, E, W> {
    access: Arc<Access>,
    draft: AuditDraft,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    work: W,
    queued: Stopwatch,
    done: Option<Result<T, E>>,
    answer: Answer<T, E>,
}

impl<T, E, W> lanes::Unit for Grouped<T, E, W>
where
    T: Send,
    E: Failure,
    W: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn attempt(&mut self, connection: &mut AnyConnection, sheaf: Option<&mut Sheaf>) -> Result<(), Broken> {
        metrics::histogram!("cofrestr_write_wait_seconds").record(self.queued.elapsed().as_secs_f64());
        let Self { access, draft, now, wall, work, .. } = self;
        // A panic is met again alone, and answered there.
        let unit = || attempt_unit(connection, sheaf, access, draft.clone(), *now, *wall, work);
        match catch_unwind(AssertUnwindSafe(|| statements::counted(access.operation, unit))) {
            Ok(Ok(value)) => {
                self.done = Some(Ok(value));
                Ok(())
            }
            Ok(Err(error)) if error.is_away() => Err(Broken::Away),
            Ok(Err(_)) | Err(_) => Err(Broken::Again),
        }
    }

    fn attempt_apart(&mut self, connection: &mut AnyConnection) {
        let Self { access, draft, now, wall, work, .. } = self;
        let apart = || in_savepoint(connection, access, draft.clone(), *now, *wall, work);
        self.done = Some(statements::counted(access.operation, apart));
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { done, answer, work, .. } = *self;
        let result = committed.map_err(E::from).and_then(|()| done.unwrap_or_else(|| Err(StoreError::Stopped.into())));
        // With the work goes the caller's turn: whoever asks again as soon as they have the answer is not told that it is under way.
        drop(work);
        // The caller may have gone away; the work is kept all the same.
        let _ = answer.send(result);
    }

    fn alone(self: Box<Self>, database: &Database) {
        let Self { access, draft, now, wall, work, answer, .. } = *self;
        let result = catch_unwind(AssertUnwindSafe(|| alone(database, lanes::SINGLE, &access, &draft, now, wall, &work)))
            .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        drop(work);
        let _ = answer.send(result);
    }
}

/// A unit of work of PostgreSQL in a transaction of its own, tried again while others are in the way. A failure gets an entry of
/// its own in the audit log: the transaction is gone, and its entry with it.
fn alone<T, E: Failure>(
    database: &Database,
    begin: &str,
    access: &Access,
    draft: &AuditDraft,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut attempt = 0;
    let result = loop {
        attempt += 1;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let unit = |connection: &mut AnyConnection| attempt_unit(connection, None, access, draft.clone(), now, wall, work);
            statements::counted(access.operation, || database.with_transaction(begin, unit))
        }))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        match result {
            Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                std::thread::sleep(Duration::from_millis(u64::from(1u32 << attempt.min(5)) + u64::from(std::process::id() % 7)));
            }
            other => break other,
        }
    };
    match result {
        Err(error) if !error.is_away() => {
            let outcome = if error.is_refusal() { AuditOutcome::Refused } else { AuditOutcome::Failed };
            let entry = draft.clone().but_failed(outcome, error.code());
            let recorded = database.with_transaction("BEGIN", |connection| audit::append(connection, None, access, &entry, wall));
            Err(recorded.map_or_else(E::from, |()| error))
        }
        result => result,
    }
}

impl Database {
    /// How a snapshot to read from begins.
    fn begin_reading(&self) -> &'static str {
        match self.url {
            DatabaseUrl::Sqlite(_) => "BEGIN",
            DatabaseUrl::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// What begins a snapshot for looks that share it. All that checks read they find by a key, wherever it is: PostgreSQL need not
    /// plan that anew for every number of children.
    fn begin_looking(&self) -> &'static str {
        match self.url {
            DatabaseUrl::Sqlite(_) => "BEGIN",
            DatabaseUrl::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan",
        }
    }

    /// Runs `work` between begin and commit; rolls back when it fails.
    fn with_transaction<T, E: From<StoreError>>(&self, begin: &str, work: impl FnOnce(&mut AnyConnection) -> Result<T, E>) -> Result<T, E> {
        let mut pooled = self.begin(begin)?;
        match work(&mut pooled.any) {
            Ok(value) => {
                pooled.any.execute("COMMIT").map_err(StoreError::from)?;
                pooled.open_transaction = false;
                Ok(value)
            }
            Err(error) => {
                pooled.open_transaction = pooled.any.execute("ROLLBACK").is_err();
                Err(error)
            }
        }
    }

    /// Takes a connection and begins. A connection that died in the pool (a database restarted) is thrown away and another
    /// one is taken: as often as the pool is large, and once more for a fresh one.
    fn begin(&self, sql: &str) -> Result<diesel::r2d2::PooledConnection<Manager>, StoreError> {
        let mut last = None;
        for _ in 0..=self.pool.max_size() {
            let mut pooled = self.pool.get().map_err(StoreError::Busy)?;
            pooled.open_transaction = true;
            match pooled.any.execute(sql) {
                Ok(()) => return Ok(pooled),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or(StoreError::Stopped, StoreError::Database))
    }
}

/// The work and its entry, on a transaction that somebody else ends.
fn attempt_unit<T, E: Failure>(
    connection: &mut AnyConnection,
    mut sheaf: Option<&mut Sheaf>,
    access: &Access,
    draft: AuditDraft,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut tx = Tx { connection, sheaf: sheaf.as_deref_mut(), now, wall, audit: draft };
    let value = work(&mut tx)?;
    let draft = tx.audit;
    audit::append(connection, sheaf, access, &draft, wall)?;
    Ok(value)
}

/// The same inside a savepoint of the writer's transaction. When the work fails, it is undone, and the failure gets its entry
/// in the same commit.
fn in_savepoint<T, E: Failure>(
    connection: &mut AnyConnection,
    access: &Access,
    draft: AuditDraft,
    now: DateTime<Utc>,
    wall: DateTime<Utc>,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    connection.execute("SAVEPOINT unit").map_err(StoreError::from)?;
    let result = catch_unwind(AssertUnwindSafe(|| attempt_unit(connection, None, access, draft.clone(), now, wall, work)))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
    match result {
        Ok(value) => {
            connection.execute("RELEASE unit").map_err(StoreError::from)?;
            Ok(value)
        }
        Err(error) => {
            connection.execute("ROLLBACK TO unit; RELEASE unit").map_err(StoreError::from)?;
            let outcome = if error.is_refusal() { AuditOutcome::Refused } else { AuditOutcome::Failed };
            let entry = draft.but_failed(outcome, error.code());
            audit::append(connection, None, access, &entry, wall)?;
            Err(error)
        }
    }
}

/// Work inside a savepoint of the writer's transaction that undoes only itself when it fails.
fn guarded<T>(connection: &mut AnyConnection, work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    connection.execute("SAVEPOINT unit")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or(Err(StoreError::Panicked));
    connection.execute(if result.is_ok() { "RELEASE unit" } else { "ROLLBACK TO unit; RELEASE unit" })?;
    result
}
