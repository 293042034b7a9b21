//! Rows of the federation: directories and statements taken up, messages that came already, regions still to answer.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{check_reading, check_waiting, federation_directory, member_statement, peer_message};
use super::types::{Id, Instant, shows_only};
use super::{Snapshot, Store, Tx};

/// What is known of the members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// The newest directory.
    pub directory: Option<String>,
    /// The statements of each region, oldest first: the newest, after those over which it follows from the directory's.
    pub statements: BTreeMap<String, Vec<String>>,
}

/// By which it is seen that nothing changed: the directory's version and every statement's serial.
pub type Marks = (Option<i64>, Vec<(String, i64)>);

/// A region that is still to answer a check.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = check_waiting)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct WaitingRow {
    pub enquiry_id: Id,
    pub region: String,
    pub question: String,
    pub attempts: i64,
    pub next_at: Instant,
}

shows_only!(WaitingRow: enquiry_id, region);

/// That a person at an authority of another region has read of a check that was asked here.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = check_reading)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ReadingRow {
    pub region: String,
    pub message_id: Id,
    pub enquiry_id: Id,
    pub entry: String,
    pub role: String,
    pub read_at: Instant,
}

impl ReadingRow {
    /// Adds it; false when it is there already.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn add(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        Ok(with!(connection, |c| diesel::insert_into(check_reading::table).values(self).on_conflict_do_nothing().execute(c))? == 1)
    }

    /// What a region told by a message.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, region: &str, message: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| check_reading::table.find((region, message)).select(Self::as_select()).first(c).optional())?)
    }

    /// Those about a check, the first first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_check(connection: &mut AnyConnection, check: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| check_reading::table
            .filter(check_reading::enquiry_id.eq(check))
            .order((check_reading::read_at, check_reading::message_id))
            .select(Self::as_select())
            .load(c))?)
    }
}

fn marks(connection: &mut AnyConnection) -> Result<Marks, StoreError> {
    let version = with!(&mut *connection, |c| federation_directory::table
        .select(diesel::dsl::max(federation_directory::version))
        .first::<Option<i64>>(c))?;
    let serials = with!(connection, |c| member_statement::table
        .select((member_statement::region, member_statement::serial))
        .order(member_statement::region)
        .load(c))?;
    Ok((version, serials))
}

/// What is known of the members now.
///
/// # Errors
/// When the database fails.
pub fn news(connection: &mut AnyConnection) -> Result<(News, Marks), StoreError> {
    let marks = marks(connection)?;
    let directory = with!(&mut *connection, |c| federation_directory::table
        .select(federation_directory::document)
        .order(federation_directory::version.desc())
        .first(c)
        .optional())?;
    let rows: Vec<(String, String, String)> = with!(connection, |c| member_statement::table
        .select((member_statement::region, member_statement::earlier, member_statement::document))
        .load(c))?;
    let mut statements = BTreeMap::new();
    for (region, earlier, newest) in rows {
        let mut texts: Vec<String> = serde_json::from_str(&earlier).map_err(|_| StoreError::Corrupt("statements of a member"))?;
        texts.push(newest);
        statements.insert(region, texts);
    }
    Ok((News { directory, statements }, marks))
}

/// Keeps a directory; one of the same version that is there already stays.
///
/// # Errors
/// When the database refuses or fails.
pub fn keep_directory(tx: &mut Tx<'_>, version: i64, document: &str) -> Result<(), StoreError> {
    let at = Instant::new(tx.wall());
    let row =
        (federation_directory::version.eq(version), federation_directory::document.eq(document), federation_directory::taken_up_at.eq(at));
    with!(&mut *tx.connection, |c| diesel::insert_into(federation_directory::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Keeps this region's own next statement, with those over which it follows from the directory's, in the place of the one after
/// which it was signed (its serial); false when another server was quicker.
///
/// # Errors
/// When the database refuses or fails.
pub fn keep_own_statement(
    tx: &mut Tx<'_>,
    region: &str,
    after: Option<i64>,
    serial: i64,
    document: &str,
    earlier: &[String],
) -> Result<bool, StoreError> {
    if let Some(after) = after {
        let replaced = with!(&mut *tx.connection, |c| {
            diesel::delete(member_statement::table.filter(member_statement::region.eq(region)).filter(member_statement::serial.eq(after)))
                .execute(c)
        })?;
        if replaced == 0 {
            return Ok(false);
        }
    }
    keep_statement(tx, region, serial, document, earlier)
}

/// Keeps a statement in the place of an older one, with those over which it follows from the directory's; false when there is a newer
/// one.
///
/// # Errors
/// When the database refuses or fails.
pub fn keep_statement(tx: &mut Tx<'_>, region: &str, serial: i64, document: &str, earlier: &[String]) -> Result<bool, StoreError> {
    let at = Instant::new(tx.wall());
    let earlier = serde_json::to_string(earlier).map_err(|_| StoreError::Corrupt("statements of a member"))?;
    let kept = with!(&mut *tx.connection, |c| {
        diesel::delete(member_statement::table.filter(member_statement::region.eq(region)).filter(member_statement::serial.lt(serial)))
            .execute(c)?;
        diesel::insert_into(member_statement::table)
            .values((
                member_statement::region.eq(region),
                member_statement::serial.eq(serial),
                member_statement::document.eq(document),
                member_statement::earlier.eq(earlier),
                member_statement::taken_up_at.eq(at),
            ))
            .on_conflict_do_nothing()
            .execute(c)
    })?;
    Ok(kept == 1)
}

/// Forgets the statement of a member for whom the directory has vouched anew.
///
/// # Errors
/// When the database fails.
pub fn forget_statement(tx: &mut Tx<'_>, region: &str) -> Result<(), StoreError> {
    with!(&mut *tx.connection, |c| diesel::delete(member_statement::table.find(region)).execute(c))?;
    Ok(())
}

/// Whether a message came already.
///
/// # Errors
/// When the database fails.
pub fn came_already(snapshot: &mut Snapshot<'_>, sender: &str, message: Id) -> Result<bool, StoreError> {
    let found: i64 = with!(&mut *snapshot.connection, |c| peer_message::table
        .filter(peer_message::sender.eq(sender))
        .filter(peer_message::message_id.eq(message))
        .count()
        .get_result(c))?;
    Ok(found > 0)
}

/// Remembers that a message came; false when it came already.
///
/// # Errors
/// When the database refuses or fails.
pub fn remember_message(tx: &mut Tx<'_>, sender: &str, message: Id) -> Result<bool, StoreError> {
    let at = Instant::new(tx.wall());
    let row = (peer_message::sender.eq(sender), peer_message::message_id.eq(message), peer_message::received_at.eq(at));
    let added = with!(&mut *tx.connection, |c| diesel::insert_into(peer_message::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(added == 1)
}

/// Puts regions that are still to answer a check on the list.
///
/// # Errors
/// When the database refuses or fails.
pub fn wait_for(tx: &mut Tx<'_>, rows: &[WaitingRow]) -> Result<(), StoreError> {
    with!(&mut *tx.connection, |c| {
        for row in rows {
            diesel::insert_into(check_waiting::table).values(row).execute(c)?;
        }
        Ok::<_, diesel::result::Error>(())
    })?;
    Ok(())
}

/// One region that is still to answer a check.
///
/// # Errors
/// When the database fails.
pub fn waiting(connection: &mut AnyConnection, check: Id, region: &str) -> Result<Option<WaitingRow>, StoreError> {
    Ok(with!(connection, |c| check_waiting::table.find((check, region)).select(WaitingRow::as_select()).first(c).optional())?)
}

/// How many regions are still to answer a check.
///
/// # Errors
/// When the database fails.
pub fn still_waiting(connection: &mut AnyConnection, check: Id) -> Result<i64, StoreError> {
    Ok(with!(connection, |c| check_waiting::table.filter(check_waiting::enquiry_id.eq(check)).count().get_result(c))?)
}

/// Takes a region off the list.
///
/// # Errors
/// When the database fails.
pub fn wait_no_more(tx: &mut Tx<'_>, check: Id, region: &str) -> Result<(), StoreError> {
    with!(&mut *tx.connection, |c| diesel::delete(check_waiting::table.find((check, region))).execute(c))?;
    Ok(())
}

/// Says when a region is asked again.
///
/// # Errors
/// When the database fails.
pub fn ask_again(tx: &mut Tx<'_>, check: Id, region: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    with!(&mut *tx.connection, |c| diesel::update(check_waiting::table.find((check, region)))
        .set(check_waiting::next_at.eq(Instant::new(at)))
        .execute(c))?;
    Ok(())
}

/// How long a message is remembered at least: longer than it is good for.
const REMEMBERED: TimeDelta = TimeDelta::minutes(15);

// What the upkeep of a server does: no access to anybody's record, and so without an entry in the audit log. What it leads to
// has one.
impl Store {
    /// What is known of the members, unless nothing changed since `marks`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn member_news(&self, known: Option<Marks>) -> Result<Option<(News, Marks)>, StoreError> {
        self.upkeep_reading(move |connection| {
            if known.is_some_and(|known| marks(connection).is_ok_and(|now| now == known)) {
                return Ok(None);
            }
            news(connection).map(Some)
        })
        .await
    }

    /// Takes the next regions that are due to be asked again, at most `limit`, so that no other server takes them within
    /// `lease`: check, region, question, attempts so far.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_waiting(&self, limit: i64, lease: TimeDelta) -> Result<Vec<WaitingRow>, StoreError> {
        let now = self.clock().wall();
        let is_due = self
            .upkeep_reading(move |connection| {
                let due: i64 = with!(connection, |c| check_waiting::table
                    .filter(check_waiting::next_at.le(Instant::new(now)))
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
            let due: Vec<WaitingRow> = with!(&mut *connection, |c| check_waiting::table
                .filter(check_waiting::next_at.le(Instant::new(now)))
                .order(check_waiting::next_at)
                .limit(limit)
                .select(WaitingRow::as_select())
                .load(c))?;
            let mut taken = Vec::new();
            for mut row in due {
                let here = check_waiting::table
                    .filter(check_waiting::enquiry_id.eq(row.enquiry_id))
                    .filter(check_waiting::region.eq(&row.region))
                    .filter(check_waiting::attempts.eq(row.attempts));
                let change = (check_waiting::next_at.eq(Instant::new(now + lease)), check_waiting::attempts.eq(row.attempts + 1));
                if with!(&mut *connection, |c| diesel::update(here).set(change).execute(c))? == 1 {
                    row.attempts += 1;
                    taken.push(row);
                }
            }
            Ok(taken)
        })
        .await
    }

    /// Makes a region that answers again be asked at once about everything that it has not answered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_waiting(&self, region: String) -> Result<(), StoreError> {
        let now = self.clock().wall();
        self.upkeep(move |connection| {
            let rows = check_waiting::table.filter(check_waiting::region.eq(&region)).filter(check_waiting::next_at.gt(Instant::new(now)));
            with!(connection, |c| diesel::update(rows).set(check_waiting::next_at.eq(Instant::new(now))).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Remembers that a message came that is no look at anybody's record; false when it came already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_message(&self, sender: String, message: Id) -> Result<bool, StoreError> {
        let at = Instant::new(self.clock().wall());
        self.upkeep(move |connection| {
            let row = (peer_message::sender.eq(sender), peer_message::message_id.eq(message), peer_message::received_at.eq(at));
            let added = with!(connection, |c| diesel::insert_into(peer_message::table).values(row).on_conflict_do_nothing().execute(c))?;
            Ok(added == 1)
        })
        .await
    }

    /// Forgets messages that are too old to be believed again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_messages(&self) -> Result<(), StoreError> {
        let before = Instant::new(self.clock().wall() - REMEMBERED);
        self.upkeep(move |connection| {
            with!(connection, |c| diesel::delete(peer_message::table.filter(peer_message::received_at.lt(before))).execute(c))?;
            Ok(())
        })
        .await
    }
}
