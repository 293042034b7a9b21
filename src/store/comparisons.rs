//! Rows of comparisons with other regions: when, with what result, and what differs.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::Store;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{comparison, comparison_difference};
use super::types::{Id, Instant};

/// What came of comparing with another region.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = comparison)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ComparisonRow {
    pub region: String,
    pub next_at: Instant,
    pub compared_at: Option<Instant>,
    pub status: Option<String>,
    pub differing: i64,
}

impl ComparisonRow {
    /// Every region with which this one compares.
    ///
    /// # Errors
    /// When the database fails.
    pub fn all(connection: &mut AnyConnection) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| comparison::table.order(comparison::region).select(Self::as_select()).load(c))?)
    }

    /// Compares with these regions at an instant.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn call(connection: &mut AnyConnection, regions: &[String], at: Instant) -> Result<(), StoreError> {
        for region in regions {
            let new = (comparison::region.eq(region), comparison::next_at.eq(at), comparison::differing.eq(0));
            with!(&mut *connection, |c| diesel::insert_into(comparison::table).values(new).on_conflict_do_nothing().execute(c))?;
        }
        let those = comparison::table.filter(comparison::region.eq_any(regions)).filter(comparison::next_at.gt(at));
        with!(connection, |c| diesel::update(those).set(comparison::next_at.eq(at)).execute(c))?;
        Ok(())
    }

    /// What came of it, and when it is done again: unless somebody has called for it since it was `taken`, or, for one that the other
    /// region has begun, it is due here already.
    ///
    /// # Errors
    /// When the database fails.
    pub fn done(
        connection: &mut AnyConnection,
        region: &str,
        (status, differing): (&str, i64),
        at: Option<Instant>,
        (taken, now, next_at): (Option<Instant>, Instant, Instant),
    ) -> Result<(), StoreError> {
        let new = (comparison::region.eq(region), comparison::next_at.eq(next_at), comparison::differing.eq(0));
        with!(&mut *connection, |c| diesel::insert_into(comparison::table).values(new).on_conflict_do_nothing().execute(c))?;
        let here = comparison::table.find(region);
        with!(&mut *connection, |c| diesel::update(here).set(comparison::status.eq(status)).execute(c))?;
        let later = comparison::next_at.eq(next_at);
        match taken {
            Some(until) => with!(&mut *connection, |c| diesel::update(here.filter(comparison::next_at.eq(until))).set(later).execute(c))?,
            None => with!(&mut *connection, |c| diesel::update(here.filter(comparison::next_at.gt(now))).set(later).execute(c))?,
        };
        // A region that did not answer: what was found the time before stands.
        if let Some(at) = at {
            let found = (comparison::compared_at.eq(Some(at)), comparison::differing.eq(differing));
            with!(connection, |c| diesel::update(here).set(found).execute(c))?;
        }
        Ok(())
    }
}

/// Something that differs between this region and another.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = comparison_difference, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct DifferenceRow {
    pub region: String,
    pub item_id: Id,
    pub first_seen_at: Instant,
    pub reported_at: Option<Instant>,
}

impl DifferenceRow {
    /// What differs from a region, as far as is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, region: &str) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| comparison_difference::table
            .filter(comparison_difference::region.eq(region))
            .order(comparison_difference::item_id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// How much of what differs has been reported to people, by region.
    ///
    /// # Errors
    /// When the database fails.
    pub fn reported(connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
        Ok(with!(connection, |c| comparison_difference::table
            .filter(comparison_difference::reported_at.is_not_null())
            .order(comparison_difference::region)
            .select(comparison_difference::region)
            .load(c))?)
    }

    /// Adds it; one that another comparison has found at the same time stays.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(comparison_difference::table).values(self).on_conflict_do_nothing().execute(c))?;
        Ok(())
    }

    /// People have been told of it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn report(&self, connection: &mut AnyConnection, at: Instant) -> Result<(), StoreError> {
        let here = comparison_difference::table.find((&self.region, self.item_id));
        with!(connection, |c| diesel::update(here).set(comparison_difference::reported_at.eq(Some(at))).execute(c))?;
        Ok(())
    }

    /// Both agree.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let here = comparison_difference::table.find((&self.region, self.item_id));
        with!(connection, |c| diesel::delete(here).execute(c))?;
        Ok(())
    }
}

// What the upkeep of a server does: no access to anybody's record, and so without an entry in the audit log. The comparison itself has
// one.
impl Store {
    /// Takes one of these regions with which it is time to compare, so that no other server does within `lease`; and until when it is
    /// taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_comparison(&self, regions: Vec<String>, lease: TimeDelta) -> Result<Option<(String, Instant)>, StoreError> {
        let now = self.clock().wall();
        let asked = regions.clone();
        let is_due = self
            .upkeep_reading(move |connection| {
                let rest: i64 = with!(connection, |c| comparison::table
                    .filter(comparison::region.eq_any(&asked))
                    .filter(comparison::next_at.gt(Instant::new(now)))
                    .count()
                    .get_result(c))?;
                Ok(usize::try_from(rest).unwrap_or(0) < asked.len())
            })
            .await?;
        if !is_due {
            return Ok(None);
        }
        self.upkeep(move |connection| {
            for region in &regions {
                let new = (comparison::region.eq(region), comparison::next_at.eq(Instant::new(now)), comparison::differing.eq(0));
                with!(&mut *connection, |c| diesel::insert_into(comparison::table).values(new).on_conflict_do_nothing().execute(c))?;
            }
            macro_rules! due {
                () => {
                    comparison::table
                        .filter(comparison::region.eq_any(&regions))
                        .filter(comparison::next_at.le(Instant::new(now)))
                        .order((comparison::next_at, comparison::region))
                        .limit(1)
                        .select(comparison::region)
                };
            }
            let taken: Option<String> = match &mut *connection {
                // Several servers share the work: what another holds is skipped, not waited for.
                AnyConnection::Pg(c) => due!().for_update().skip_locked().first(c).optional()?,
                AnyConnection::Sqlite(c) => due!().first(c).optional()?,
            };
            let until = Instant::new(now + lease);
            if let Some(region) = &taken {
                let change = comparison::next_at.eq(until);
                with!(connection, |c| diesel::update(comparison::table.find(region)).set(change).execute(c))?;
            }
            Ok(taken.map(|region| (region, until)))
        })
        .await
    }

    /// A region answers again that did not: what was open with it is compared now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hurry_comparison(&self, region: String) -> Result<(), StoreError> {
        let now: DateTime<Utc> = self.clock().wall();
        self.upkeep(move |connection| {
            let here = comparison::table.find(region).filter(comparison::next_at.gt(Instant::new(now)));
            with!(connection, |c| diesel::update(here).set(comparison::next_at.eq(Instant::new(now))).execute(c))?;
            Ok(())
        })
        .await
    }
}
