//! Rows that several units of work add, bound together: on PostgreSQL every statement is a journey to the server and back, so
//! what the units of one commit insert goes there in one statement for each table. The wide tables' rows go by `COPY`, which has
//! nothing to be read and planned anew for every number of rows, as an `INSERT` has. On SQLite what they have in common is written
//! once: what was used of budgets, and the end of the audit log.
//!
//! Only rows that no unit reads again are bound: what a check leaves behind, kept answers, entries of the audit log. They
//! are written before the commit, in the order in which they refer to each other.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};

use super::audit::EntryInsert;
use super::budgets::Spent;
use super::connection::AnyConnection;
use super::enquiries::{EnquiryMatchRow, EnquiryRow};
use super::error::StoreError;
use super::events::EventRow;
use super::idempotency::KeptRow;
use super::log;
use super::notices::NoticeRow;
use super::patterns::MarkRow;
use super::schema::{
    audit_child, audit_commitment, audit_entry, enquiry, enquiry_key, enquiry_mark, enquiry_match, event, idempotency, notice, task,
};
use super::tasks::TaskRow;
use super::types::{DbInstant, DbUuid, Id, Instant};

/// The rows.
#[derive(Debug, Default)]
pub(super) struct Sheaf {
    pub(super) enquiries: Vec<EnquiryRow>,
    pub(super) matches: Vec<EnquiryMatchRow>,
    pub(super) keys: Vec<(i64, Instant, Id)>,
    pub(super) marks: Vec<MarkRow>,
    pub(super) spent: Spent,
    pub(super) notices: Vec<NoticeRow>,
    pub(super) events: Vec<EventRow>,
    pub(super) tasks: Vec<TaskRow>,
    pub(super) kept: Vec<KeptRow>,
    pub(super) entries: Vec<EntryInsert>,
    pub(super) commitments: Vec<(Id, Vec<u8>)>,
    pub(super) children: Vec<(Id, Id)>,
}

macro_rules! copy {
    ($connection:expr, $table:ident, $rows:expr) => {
        if !$rows.is_empty() {
            diesel::copy_from($table::table).from_insertable($rows).execute($connection)?;
        }
    };
}

macro_rules! insert_each {
    ($connection:expr, $table:ident, $rows:expr) => {
        for row in $rows {
            diesel::insert_into($table::table).values(row).execute($connection)?;
        }
    };
}

impl Sheaf {
    /// Writes all of them.
    ///
    /// # Errors
    /// When the database refuses one or fails; then the transaction is of no more use.
    pub(super) fn write(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        // The only rows that somebody else may be writing too come last: others wait for them no longer than the commit.
        let spent = self.write_bound(connection)?;
        spent.write(connection)
    }

    fn write_bound(self, connection: &mut AnyConnection) -> Result<Spent, StoreError> {
        let c = match connection {
            AnyConnection::Pg(c) => c,
            AnyConnection::Sqlite(_) => return self.write_one_by_one(connection),
        };
        let narrow = Narrow::of(&self);
        copy!(c, enquiry, self.enquiries);
        copy!(c, notice, self.notices);
        copy!(c, task, self.tasks);
        copy!(c, idempotency, self.kept);
        copy!(c, audit_entry, self.entries);
        narrow.execute(c)?;
        Ok(self.spent)
    }

    /// On SQLite nothing travels, and a statement for one row stays prepared.
    fn write_one_by_one(self, connection: &mut AnyConnection) -> Result<Spent, StoreError> {
        if let AnyConnection::Sqlite(c) = connection {
            insert_each!(c, enquiry, &self.enquiries);
            insert_each!(c, enquiry_match, &self.matches);
            let key =
                |&(k, at, id): &(i64, Instant, Id)| (enquiry_key::k.eq(k), enquiry_key::asked_at.eq(at), enquiry_key::enquiry_id.eq(id));
            insert_each!(c, enquiry_key, self.keys.iter().map(key));
            insert_each!(c, enquiry_mark, &self.marks);
            insert_each!(c, notice, &self.notices);
            insert_each!(c, event, &self.events);
            insert_each!(c, task, &self.tasks);
            insert_each!(c, idempotency, &self.kept);
            insert_each!(c, audit_entry, &self.entries);
            let commitment = |(entry, key): (Id, Vec<u8>)| (audit_commitment::entry_id.eq(entry), audit_commitment::key.eq(key));
            insert_each!(c, audit_commitment, self.commitments.into_iter().map(commitment));
            let child = |(child, entry): (Id, Id)| (audit_child::child_id.eq(child), audit_child::entry_id.eq(entry));
            insert_each!(c, audit_child, self.children.into_iter().map(child));
        }
        if !self.entries.is_empty() {
            let leaves: Vec<_> = self.entries.into_iter().map(|row| (row.id, row.leaf_hash)).collect();
            log::place(connection, &leaves)?;
        }
        Ok(self.spent)
    }
}

/// The rows of narrow tables, by column, in one statement that is prepared once. What they refer to is there before.
struct Narrow {
    matched: (Vec<Id>, Vec<Id>, Vec<Instant>, Vec<String>),
    keys: (Vec<i64>, Vec<Instant>, Vec<Id>),
    commitments: (Vec<Id>, Vec<Vec<u8>>),
    children: (Vec<Id>, Vec<Id>),
    marks: Marks,
    events: Events,
    pending: Vec<Id>,
}

struct Marks {
    enquiries: Vec<Id>,
    instants: Vec<Instant>,
    work_lists: Vec<String>,
    own_names: Vec<bool>,
    own_addresses: Vec<bool>,
    out_of_hours: Vec<bool>,
}

struct Events {
    ids: Vec<Id>,
    entries: Vec<Id>,
    kinds: Vec<String>,
    audiences: Vec<String>,
    subjects: Vec<String>,
    children: Vec<Option<Id>>,
    instants: Vec<Instant>,
}

impl Narrow {
    fn of(sheaf: &Sheaf) -> Self {
        let Sheaf { matches, keys, commitments, children, marks, events, entries, .. } = sheaf;
        Self {
            matched: (
                column(matches, |row| row.child_id),
                column(matches, |row| row.enquiry_id),
                column(matches, |row| row.asked_at),
                column(matches, |row| row.grade.clone()),
            ),
            keys: (column(keys, |row| row.0), column(keys, |row| row.1), column(keys, |row| row.2)),
            commitments: (column(commitments, |row| row.0), column(commitments, |row| row.1.clone())),
            children: (column(children, |row| row.0), column(children, |row| row.1)),
            marks: Marks {
                enquiries: column(marks, |row| row.enquiry_id),
                instants: column(marks, |row| row.marked_at),
                work_lists: column(marks, |row| row.work_list.clone()),
                own_names: column(marks, |row| row.own_name),
                own_addresses: column(marks, |row| row.own_address),
                out_of_hours: column(marks, |row| row.out_of_hours),
            },
            events: Events {
                ids: column(events, |row| row.id),
                entries: column(events, |row| row.entry_id),
                kinds: column(events, |row| row.kind.clone()),
                audiences: column(events, |row| row.audience.clone()),
                subjects: column(events, |row| row.subject.clone()),
                children: column(events, |row| row.child_id),
                instants: column(events, |row| row.happened_at),
            },
            pending: column(entries, |row| row.id),
        }
    }
}

impl QueryId for Narrow {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for Narrow {}

impl QueryFragment<Pg> for Narrow {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        macro_rules! unnest {
            ($before:literal, $first:ty = $column:expr $(, $sql:ty = $next:expr)*) => {
                out.push_sql(concat!($before, " SELECT * FROM unnest("));
                out.push_bind_param::<Array<$first>, _>($column)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<Array<$sql>, _>($next)?;
                )*
                out.push_sql(")");
            };
        }
        let (children, enquiries, instants, grades) = &self.matched;
        unnest!(
            "WITH matched AS (INSERT INTO enquiry_match (child_id, enquiry_id, asked_at, grade)",
            DbUuid = children,
            DbUuid = enquiries,
            DbInstant = instants,
            Text = grades
        );
        let (keys, instants, enquiries) = &self.keys;
        unnest!("), keyed AS (INSERT INTO enquiry_key (k, asked_at, enquiry_id)", BigInt = keys, DbInstant = instants, DbUuid = enquiries);
        let (entries, secrets) = &self.commitments;
        unnest!("), committed AS (INSERT INTO audit_commitment (entry_id, key)", DbUuid = entries, Binary = secrets);
        let (children, entries) = &self.children;
        unnest!("), named AS (INSERT INTO audit_child (child_id, entry_id)", DbUuid = children, DbUuid = entries);
        unnest!(
            "), marked AS (INSERT INTO enquiry_mark (enquiry_id, marked_at, work_list, own_name, own_address, out_of_hours)",
            DbUuid = &self.marks.enquiries,
            DbInstant = &self.marks.instants,
            Text = &self.marks.work_lists,
            Bool = &self.marks.own_names,
            Bool = &self.marks.own_addresses,
            Bool = &self.marks.out_of_hours
        );
        unnest!(
            "), told AS (INSERT INTO event (id, entry_id, kind, audience, subject, child_id, happened_at)",
            DbUuid = &self.events.ids,
            DbUuid = &self.events.entries,
            Text = &self.events.kinds,
            Text = &self.events.audiences,
            Text = &self.events.subjects,
            Nullable<DbUuid> = &self.events.children,
            DbInstant = &self.events.instants
        );
        unnest!(") INSERT INTO audit_pending (entry_id)", DbUuid = &self.pending);
        Ok(())
    }
}

fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
