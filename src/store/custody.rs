//! Rows of custody: what authorities hold of it, the moves, what people did about them, and the messages that go out and came in.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::among;
use super::schema::{custody, custody_inbox, custody_outbox, transfer, transfer_step};
use super::types::{Id, Instant, shows_only};
use super::{Store, Tx};

/// What an authority holds of a child's custody.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = custody, treat_none_as_default_value = false, treat_none_as_null = true)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct CustodyRow {
    pub id: Id,
    pub custody_id: Id,
    pub authority: String,
    pub child_id: Option<Id>,
    pub version: i64,
    pub standing: String,
    pub is_open: bool,
    pub is_pending: bool,
    pub leader: Option<String>,
    pub epoch: Option<i64>,
    pub state: String,
    pub raise_at: Option<Instant>,
    pub raised_at: Option<Instant>,
    pub drive_at: Option<Instant>,
    pub created_at: Instant,
    pub changed_at: Instant,
}

shows_only!(CustodyRow: custody_id, authority);

/// Who leads, as an authority of this region knows it: what a check tells.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = custody)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct LeadRow {
    pub child_id: Option<Id>,
    pub authority: String,
    pub standing: String,
    pub is_open: bool,
    pub is_pending: bool,
    pub leader: Option<String>,
    pub epoch: Option<i64>,
}

impl CustodyRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(custody::table).values(self).execute(c))?;
        Ok(())
    }

    /// Puts it in the place of what was there at the version before. Says whether it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn replace(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let here = custody::table.filter(custody::id.eq(self.id)).filter(custody::version.eq(self.version - 1));
        Ok(with!(connection, |c| diesel::update(here).set(self).execute(c))? == 1)
    }

    /// What an authority holds of a custody.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id, authority: &str) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| custody::table
            .filter(custody::custody_id.eq(id))
            .filter(custody::authority.eq(authority))
            .select(Self::as_select())
            .first(c)
            .optional())?)
    }

    /// Everything that authorities of this region hold of a custody.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_custody(connection: &mut AnyConnection, id: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| custody::table.filter(custody::custody_id.eq(id)).order(custody::id).select(Self::as_select()).load(c))?)
    }

    /// Everything that is held of the custody of these children, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| custody::table
            .filter(custody::child_id.eq_any(children.iter().copied().map(Some)))
            .order(custody::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// Those of these children of whom something is open.
    ///
    /// # Errors
    /// When the database fails.
    pub fn moving(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Id>, StoreError> {
        let found: Vec<Option<Id>> = with!(connection, |c| custody::table
            .filter(custody::child_id.eq_any(children.iter().copied().map(Some)))
            .filter(custody::is_open.eq(true))
            .select(custody::child_id)
            .load(c))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Those of which a duty goes up, or which are sent again, by an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub fn due(
        connection: &mut AnyConnection,
        raise_by: DateTime<Utc>,
        drive_by: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        let due = custody::raise_at.le(Instant::new(raise_by)).or(custody::drive_at.le(Instant::new(drive_by)));
        Ok(with!(connection, |c| custody::table.filter(due).order(custody::id).limit(limit).select(Self::as_select()).load(c))?)
    }
}

impl LeadRow {
    /// Who leads the custody of these children, as those authorities know it that lead it, await it or passed it on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Self>, StoreError> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| custody::table
            .filter(among(custody::child_id, children))
            .filter(custody::standing.ne("closed").or(custody::is_open.eq(true)))
            .select(Self::as_select())
            .load(c))?)
    }
}

/// A move.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = transfer)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct TransferRow {
    pub id: Id,
    pub custody_id: Id,
    pub child_id: Id,
    pub from_authority: String,
    pub from_region: String,
    pub to_authority: String,
    pub to_region: String,
    pub version: i64,
    pub is_open: bool,
    pub created_at: Instant,
    pub changed_at: Instant,
    pub kind: String,
}

/// A move: custody is to pass.
pub const MOVE: &str = "move";
/// A temporary stay: custody stays where it is.
pub const STAY: &str = "stay";

/// Whose moves a list shows.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Those to or from these authorities.
    Authorities(Vec<String>),
    /// Those of these children.
    Children(Vec<Id>),
}

impl TransferRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(transfer::table).values(self).execute(c))?;
        Ok(())
    }

    /// The move with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| transfer::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// Something of the move has changed: it is at its next version.
    ///
    /// # Errors
    /// When the database fails.
    pub fn touch(connection: &mut AnyConnection, id: Id, is_open: bool, at: Instant) -> Result<(), StoreError> {
        let change = (transfer::version.eq(transfer::version + 1), transfer::is_open.eq(is_open), transfer::changed_at.eq(at));
        with!(connection, |c| diesel::update(transfer::table.find(id)).set(change).execute(c))?;
        Ok(())
    }

    /// The custodies of which a move or a stay between this region and another is open.
    ///
    /// # Errors
    /// When the database fails.
    pub fn open_with(connection: &mut AnyConnection, region: &str) -> Result<Vec<Id>, StoreError> {
        Ok(with!(connection, |c| transfer::table
            .filter(transfer::is_open.eq(true))
            .filter(transfer::from_region.eq(region).or(transfer::to_region.eq(region)))
            .order(transfer::custody_id)
            .select(transfer::custody_id)
            .distinct()
            .load(c))?)
    }

    /// A page of moves, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        whose: &Whose,
        child: Option<Id>,
        open: Option<bool>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = transfer::table.select(Self::as_select()).order(transfer::id.desc()).limit(limit).into_boxed();
            query = match whose {
                Whose::Authorities(authorities) => {
                    query.filter(transfer::from_authority.eq_any(authorities).or(transfer::to_authority.eq_any(authorities)))
                }
                Whose::Children(children) => query.filter(transfer::child_id.eq_any(children)),
            };
            if let Some(child) = child {
                query = query.filter(transfer::child_id.eq(child));
            }
            if let Some(open) = open {
                query = query.filter(transfer::is_open.eq(open));
            }
            if let Some(before) = before {
                query = query.filter(transfer::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }
}

/// What a named person did about a move.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = transfer_step, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct StepRow {
    pub id: Id,
    pub transfer_id: Id,
    pub authority: String,
    pub action: String,
    pub role: String,
    pub name: String,
    pub reason: Option<String>,
    pub words: Option<String>,
    pub conference_id: Option<Id>,
    pub recorded_at: Instant,
    pub recorded_by: String,
}

shows_only!(StepRow: id, action);

impl StepRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(transfer_step::table).values(self).execute(c))?;
        Ok(())
    }

    /// What was done about these moves, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, transfers: &[Id]) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| transfer_step::table
            .filter(transfer_step::transfer_id.eq_any(transfers))
            .order(transfer_step::id)
            .select(Self::as_select())
            .load(c))?)
    }
}

/// A message that waits to be sent.
pub const WAITING: &str = "waiting";
/// A message that the other side has stored.
pub const DELIVERED: &str = "delivered";
/// A message that the other side refused for good.
pub const PARKED: &str = "parked";

/// The kind of the message that a person has read of a check.
pub const CHECK_READ: &str = "check-read";

/// A message on its way.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = custody_outbox, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct OutboxRow {
    pub id: Id,
    pub custody_id: Id,
    pub transfer_id: Option<Id>,
    pub from_authority: String,
    pub to_authority: String,
    pub region: String,
    pub kind: String,
    pub body: String,
    pub state: String,
    pub attempts: i64,
    pub refused: i64,
    pub problem: Option<String>,
    pub next_at: Instant,
    pub created_at: Instant,
    pub ended_at: Option<Instant>,
}

shows_only!(OutboxRow: id, kind);

impl OutboxRow {
    /// A message that waits for its first turn: about a custody, from one authority, or region, to another in a region.
    pub fn waiting(id: Id, custody: Id, (from, to, region): (&str, &str, &str), kind: &str, body: String, at: Instant) -> Self {
        Self {
            id,
            custody_id: custody,
            transfer_id: None,
            from_authority: from.to_owned(),
            to_authority: to.to_owned(),
            region: region.to_owned(),
            kind: kind.to_owned(),
            body,
            state: WAITING.to_owned(),
            attempts: 0,
            refused: 0,
            problem: None,
            next_at: at,
            created_at: at,
            ended_at: None,
        }
    }

    /// Whether it is a region's to another about an alert. What is neither that nor of a check is an authority's about custody.
    pub fn is_of_an_alert(&self) -> bool {
        self.kind == "alert" || self.kind.starts_with("alert-")
    }

    /// Whether it is a region's to another about a check: `custody_id` names the check then.
    pub fn is_of_a_check(&self) -> bool {
        self.kind == CHECK_READ
    }

    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(custody_outbox::table).values(self).execute(c))?;
        Ok(())
    }

    /// The message with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| custody_outbox::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// To whom something of an authority about a custody waits to be sent: each authority, with its region.
    ///
    /// # Errors
    /// When the database fails.
    pub fn awaited_by(connection: &mut AnyConnection, custody: Id, from: &str) -> Result<Vec<(String, String)>, StoreError> {
        Ok(with!(connection, |c| custody_outbox::table
            .filter(custody_outbox::custody_id.eq(custody))
            .filter(custody_outbox::from_authority.eq(from))
            .filter(custody_outbox::state.eq(WAITING))
            .select((custody_outbox::to_authority, custody_outbox::region))
            .distinct()
            .load(c))?)
    }

    /// The messages of some states, newest first; only those from some, if so asked.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        states: &[&str],
        from: Option<&[String]>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = custody_outbox::table
                .filter(custody_outbox::state.eq_any(states))
                .select(Self::as_select())
                .order(custody_outbox::id.desc())
                .limit(limit)
                .into_boxed();
            if let Some(from) = from {
                query = query.filter(custody_outbox::from_authority.eq_any(from));
            }
            if let Some(before) = before {
                query = query.filter(custody_outbox::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }

    /// The other side has it. Says whether it was waiting.
    ///
    /// # Errors
    /// When the database fails.
    pub fn delivered(connection: &mut AnyConnection, id: Id, at: Instant) -> Result<bool, StoreError> {
        let here = custody_outbox::table.filter(custody_outbox::id.eq(id)).filter(custody_outbox::state.ne(DELIVERED));
        let change = (custody_outbox::state.eq(DELIVERED), custody_outbox::ended_at.eq(at), custody_outbox::problem.eq(None::<String>));
        Ok(with!(connection, |c| diesel::update(here).set(change).execute(c))? == 1)
    }

    /// Sends it again from the beginning: a person looked at it. Says whether it was still to be delivered.
    ///
    /// # Errors
    /// When the database fails.
    pub fn replay(connection: &mut AnyConnection, id: Id, at: Instant) -> Result<bool, StoreError> {
        let here = custody_outbox::table.filter(custody_outbox::id.eq(id)).filter(custody_outbox::state.ne(DELIVERED));
        let change = (
            custody_outbox::state.eq(WAITING),
            custody_outbox::refused.eq(0),
            custody_outbox::next_at.eq(at),
            custody_outbox::ended_at.eq(None::<Instant>),
        );
        Ok(with!(connection, |c| diesel::update(here).set(change).execute(c))? == 1)
    }

    /// The other side refused it for good. Says whether it was waiting.
    ///
    /// # Errors
    /// When the database fails.
    pub fn park(connection: &mut AnyConnection, id: Id, at: Instant, refused: i64, problem: &str) -> Result<bool, StoreError> {
        let here = custody_outbox::table.filter(custody_outbox::id.eq(id)).filter(custody_outbox::state.eq(WAITING));
        let change = (
            custody_outbox::state.eq(PARKED),
            custody_outbox::ended_at.eq(Some(at)),
            custody_outbox::refused.eq(refused),
            custody_outbox::problem.eq(Some(problem.to_owned())),
        );
        Ok(with!(connection, |c| diesel::update(here).set(change).execute(c))? == 1)
    }
}

/// Remembers a message that was taken in; false when it came before.
///
/// # Errors
/// When the database refuses or fails.
pub fn take_in(tx: &mut Tx<'_>, sender: &str, message: Id, custody: Id, digest: &str) -> Result<bool, StoreError> {
    let row = (
        custody_inbox::sender.eq(sender),
        custody_inbox::message_id.eq(message),
        custody_inbox::custody_id.eq(custody),
        custody_inbox::digest.eq(digest),
        custody_inbox::received_at.eq(Instant::new(tx.wall())),
    );
    let added = with!(&mut *tx.connection, |c| diesel::insert_into(custody_inbox::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(added == 1)
}

/// The digest of a message that came before.
///
/// # Errors
/// When the database fails.
pub fn came_in(connection: &mut AnyConnection, sender: &str, message: Id) -> Result<Option<String>, StoreError> {
    Ok(with!(connection, |c| custody_inbox::table.find((sender, message)).select(custody_inbox::digest).first(c).optional())?)
}

// What the upkeep of a server does: no access to anybody's record, and so without an entry in the audit log. What it leads to has
// one.
impl Store {
    /// Takes the next messages that are due, at most `limit`, so that no other server takes them within `lease`; none to the regions
    /// in `but`. Of each custody and pair of authorities only the oldest that waits is due: what follows waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_outbox(&self, limit: i64, lease: TimeDelta, but: Vec<String>) -> Result<Vec<OutboxRow>, StoreError> {
        let now = self.clock().wall();
        let not_to = but.clone();
        let is_due = self
            .upkeep_reading(move |connection| {
                let due: i64 = with!(connection, |c| custody_outbox::table
                    .filter(custody_outbox::state.eq(WAITING))
                    .filter(custody_outbox::next_at.le(Instant::new(now)))
                    .filter(custody_outbox::region.ne_all(&not_to))
                    .limit(1)
                    .count()
                    .get_result(c))?;
                Ok(due > 0)
            })
            .await?;
        if !is_due {
            return Ok(Vec::new());
        }
        self.upkeep(move |connection| {
            let earlier = diesel::alias!(custody_outbox as earlier);
            let is_first = diesel::dsl::not(diesel::dsl::exists(
                earlier
                    .filter(earlier.field(custody_outbox::custody_id).eq(custody_outbox::custody_id))
                    .filter(earlier.field(custody_outbox::from_authority).eq(custody_outbox::from_authority))
                    .filter(earlier.field(custody_outbox::to_authority).eq(custody_outbox::to_authority))
                    .filter(earlier.field(custody_outbox::state).eq(WAITING))
                    .filter(earlier.field(custody_outbox::id).lt(custody_outbox::id)),
            ));
            macro_rules! due {
                () => {
                    custody_outbox::table
                        .filter(custody_outbox::state.eq(WAITING))
                        .filter(custody_outbox::next_at.le(Instant::new(now)))
                        .filter(custody_outbox::region.ne_all(&but))
                        .filter(is_first)
                        .order(custody_outbox::id)
                        .limit(limit)
                        .select(OutboxRow::as_select())
                };
            }
            let mut taken: Vec<OutboxRow> = match &mut *connection {
                // Several servers share the work: what another holds is skipped, not waited for.
                AnyConnection::Pg(c) => due!().for_update().skip_locked().load(c)?,
                AnyConnection::Sqlite(c) => due!().load(c)?,
            };
            for row in &mut taken {
                row.attempts += 1;
                let change = (custody_outbox::next_at.eq(Instant::new(now + lease)), custody_outbox::attempts.eq(row.attempts));
                with!(&mut *connection, |c| diesel::update(custody_outbox::table.find(row.id)).set(change).execute(c))?;
            }
            Ok(taken)
        })
        .await
    }

    /// A message was not stored by the other side: it is sent again at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off(&self, id: Id, again_at: DateTime<Utc>, refused: i64, problem: String) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            let here = custody_outbox::table.filter(custody_outbox::id.eq(id)).filter(custody_outbox::state.eq(WAITING));
            let change = (
                custody_outbox::next_at.eq(Instant::new(again_at)),
                custody_outbox::refused.eq(refused),
                custody_outbox::problem.eq(Some(problem)),
            );
            with!(connection, |c| diesel::update(here).set(change).execute(c))?;
            Ok(())
        })
        .await
    }

    /// The other side has stored a message.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_delivered(&self, id: Id) -> Result<(), StoreError> {
        let now = self.clock().wall();
        self.upkeep(move |connection| OutboxRow::delivered(connection, id, now.into()).map(|_| ())).await
    }

    /// Makes what waits for a region that answers again be sent at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_outbox(&self, region: String) -> Result<(), StoreError> {
        let now = Instant::new(self.clock().wall());
        self.upkeep(move |connection| {
            let waits = custody_outbox::table
                .filter(custody_outbox::region.eq(region))
                .filter(custody_outbox::state.eq(WAITING))
                .filter(custody_outbox::attempts.gt(0))
                .filter(custody_outbox::next_at.gt(now));
            with!(connection, |c| diesel::update(waits).set(custody_outbox::next_at.eq(now)).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Whether a duty of any custody goes up now, or anything of one is to be sent again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn custody_waits(&self) -> Result<bool, StoreError> {
        let (raise_by, drive_by) = (self.clock().now(), self.clock().wall());
        self.upkeep_reading(move |connection| Ok(!CustodyRow::due(connection, raise_by, drive_by, 1)?.is_empty())).await
    }
}
