//! Writing invented people as the CSV that `cofrestr import` and `cofrestr match-report` read.

use std::io;

use super::child::InventedChild;
use super::development::{Particulars, Query};

/// Columns of a register for `match-report`, in this order.
pub const REGISTER_COLUMNS: [&str; 14] = [
    "id",
    "given",
    "middle",
    "family",
    "aliasGiven",
    "aliasFamily",
    "dateOfBirth",
    "sex",
    "nhsNumber",
    "address",
    "postcode",
    "motherGiven",
    "motherFamily",
    "expectedDeliveryDate",
];

/// Columns that a list of queries has besides.
pub const QUERY_COLUMNS: [&str; 2] = ["truth", "slice"];

/// Columns that a file for `import` has besides.
pub const IMPORT_COLUMNS: [&str; 8] =
    ["authority", "status", "registeredOn", "removedOn", "removalGround", "categories", "coordinator", "confidentialAddress"];

impl Particulars {
    /// The cells of a row, in the order of [`REGISTER_COLUMNS`].
    fn cells(&self) -> [&str; 14] {
        [
            &self.id,
            &self.given,
            &self.middle,
            &self.family,
            &self.alias_given,
            &self.alias_family,
            &self.date_of_birth,
            &self.sex,
            &self.nhs_number,
            &self.address,
            &self.postcode,
            &self.mother_given,
            &self.mother_family,
            &self.expected_delivery_date,
        ]
    }
}

/// Writes a register for `match-report`; brothers and sisters who are not on the register are left out.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_register(children: &[InventedChild], out: impl io::Write) -> Result<(), csv::Error> {
    let mut sheet = csv::Writer::from_writer(out);
    sheet.write_record(REGISTER_COLUMNS)?;
    for child in children.iter().filter(|child| child.registration.is_some()) {
        sheet.write_record(Particulars::on_register(child).cells())?;
    }
    sheet.flush()?;
    Ok(())
}

/// Writes queries for `match-report`, with the truth and, in the last column, the slices separated by semicolons.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_queries(queries: &[Query], out: impl io::Write) -> Result<(), csv::Error> {
    let mut sheet = csv::Writer::from_writer(out);
    sheet.write_record(REGISTER_COLUMNS.iter().chain(&QUERY_COLUMNS))?;
    for query in queries {
        let slices = query.slices.join(";");
        sheet.write_record(query.asked.cells().into_iter().chain([query.truth.as_str(), &slices]))?;
    }
    sheet.flush()?;
    Ok(())
}

/// Writes children and their entries for `import`; brothers and sisters who are not on the register are left out.
///
/// `status` is `registered` for everyone who is on the register, for that file knows no other kinds; a temporary entry is
/// left out, because it needs the home authority's entry and not a file.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_import(children: &[InventedChild], out: impl io::Write) -> Result<(), csv::Error> {
    let mut sheet = csv::Writer::from_writer(out);
    sheet.write_record(REGISTER_COLUMNS.iter().chain(&IMPORT_COLUMNS))?;
    for child in children {
        let Some(entry) = &child.registration else {
            continue;
        };
        if entry.home_authority.is_some() {
            continue;
        }
        let row = Particulars::on_register(child);
        let categories: Vec<&str> = entry.categories.iter().map(|category| category.as_str()).collect();
        let confidential = child
            .addresses
            .iter()
            .find(|address| address.confidential)
            .map(|address| format!("{}, {}", address.lines.join(", "), address.postcode))
            .unwrap_or_default();
        let status = if entry.removal.is_some() { "previously-registered" } else { "registered" };
        let removed_on = entry.removal.map(|removal| removal.on.to_string()).unwrap_or_default();
        let ground = entry.removal.map_or("", |removal| removal.ground.as_str());
        let registered_on = entry.registered_on.to_string();
        let categories = categories.join(";");
        let more: [&str; 8] =
            [&child.authority, status, &registered_on, &removed_on, ground, &categories, &entry.coordinator.name, &confidential];
        sheet.write_record(row.cells().into_iter().chain(more))?;
    }
    sheet.flush()?;
    Ok(())
}
