//! Lists in statements whose text never changes, so that a connection prepares each statement once. Diesel prepares an
//! `sql_query` anew every time, and on SQLite every `IN` with a list of values: a check would spend more on that than on being
//! answered.
//!
//! A list goes in as one JSON array on SQLite, as one array on PostgreSQL.

use std::marker::PhantomData;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel::sqlite::Sqlite;

use super::types::{DbInstant, DbUuid, Id, Instant};

/// What lists are made of.
pub(super) trait Item: Clone {
    /// Its type in a statement.
    type Sql;
    /// Adds it to a JSON array.
    fn write(&self, out: &mut String);
}

impl Item for i64 {
    type Sql = BigInt;

    fn write(&self, out: &mut String) {
        use std::fmt::Write as _;
        // A string takes everything that is written to it.
        let _ = write!(out, "{self}");
    }
}

impl Item for Id {
    type Sql = DbUuid;

    fn write(&self, out: &mut String) {
        out.push('"');
        out.push_str(self.0.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
        out.push('"');
    }
}

impl Item for String {
    type Sql = Text;

    fn write(&self, out: &mut String) {
        // A text is always JSON.
        out.push_str(&serde_json::Value::from(self.as_str()).to_string());
    }
}

fn json<T: Item>(items: &[T]) -> String {
    let mut out = String::with_capacity(items.len() * 40 + 2);
    out.push('[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        item.write(&mut out);
    }
    out.push(']');
    out
}

/// That a column has one of these values.
#[derive(Debug, Clone)]
pub(super) struct Among<'a, C, T> {
    column: C,
    items: &'a [T],
    json: String,
}

/// That a column has one of these values: `eq_any` that is prepared once.
pub(super) fn among<C, T: Item>(column: C, items: &[T]) -> Among<'_, C, T> {
    Among { column, items, json: json(items) }
}

impl<C: Expression, T> Expression for Among<'_, C, T> {
    type SqlType = Bool;
}

impl<C: Expression, T> ValidGrouping<()> for Among<'_, C, T> {
    type IsAggregate = is_aggregate::No;
}

impl<C: AppearsOnTable<QS>, T, QS> AppearsOnTable<QS> for Among<'_, C, T> {}

impl<C: SelectableExpression<QS>, T, QS> SelectableExpression<QS> for Among<'_, C, T> {}

impl<C: QueryId, T: 'static> QueryId for Among<'_, C, T> {
    type QueryId = Among<'static, C::QueryId, T>;
    const HAS_STATIC_QUERY_ID: bool = C::HAS_STATIC_QUERY_ID;
}

impl<C: QueryFragment<Sqlite>, T> QueryFragment<Sqlite> for Among<'_, C, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

macro_rules! postgres {
    ($($item:ty),+) => {$(
        impl<C: QueryFragment<Pg>> QueryFragment<Pg> for Among<'_, C, $item> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                self.column.walk_ast(out.reborrow())?;
                out.push_sql(" = ANY(");
                out.push_bind_param::<Array<<$item as Item>::Sql>, _>(&self.items)?;
                out.push_sql(")");
                Ok(())
            }
        }
    )+};
}
postgres!(i64, Id, String);

/// A statement in both dialects: `?` is first the list of numbers, then the instant.
pub(super) trait Fixed: 'static {
    /// On SQLite.
    const SQLITE: &'static str;
    /// On PostgreSQL.
    const POSTGRES: &'static str;
    /// What the columns of the answer are.
    type Columns;
}

/// A fixed statement about a list of numbers, and an instant if it asks for one.
#[derive(Debug)]
pub(super) struct ByNumbers<'a, S> {
    numbers: &'a [i64],
    json: String,
    since: Option<Instant>,
    statement: PhantomData<S>,
}

impl<'a, S> ByNumbers<'a, S> {
    pub(super) fn new(numbers: &'a [i64]) -> Self {
        Self { numbers, json: json(numbers), since: None, statement: PhantomData }
    }

    pub(super) fn since(self, since: Instant) -> Self {
        Self { since: Some(since), ..self }
    }
}

impl<S: Fixed> QueryId for ByNumbers<'_, S> {
    type QueryId = ByNumbers<'static, S>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Fixed> Query for ByNumbers<'_, S> {
    type SqlType = S::Columns;
}

impl<S, C> RunQueryDsl<C> for ByNumbers<'_, S> {}

impl<S: Fixed> QueryFragment<Sqlite> for ByNumbers<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut parts = S::SQLITE.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql(parts.next().unwrap_or_default());
        if let Some(since) = &self.since {
            out.push_bind_param::<DbInstant, _>(since)?;
            out.push_sql(parts.next().unwrap_or_default());
        }
        Ok(())
    }
}

impl<S: Fixed> QueryFragment<Pg> for ByNumbers<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut parts = S::POSTGRES.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        out.push_bind_param::<Array<BigInt>, _>(&self.numbers)?;
        out.push_sql(parts.next().unwrap_or_default());
        if let Some(since) = &self.since {
            out.push_bind_param::<DbInstant, _>(since)?;
            out.push_sql(parts.next().unwrap_or_default());
        }
        Ok(())
    }
}

/// Makes a statement: its name, what its columns are, its text for SQLite and for PostgreSQL.
macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident -> $columns:ty, $sqlite:literal, $postgres:literal) => {
        $(#[$doc])*
        struct $name;

        impl $crate::store::fixed::Fixed for $name {
            const SQLITE: &'static str = $sqlite;
            const POSTGRES: &'static str = $postgres;
            type Columns = $columns;
        }
    };
}
pub(super) use fixed;
