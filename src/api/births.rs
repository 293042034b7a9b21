//! `/v1/children/{id}/birth`: how the pregnancy of a child entered before birth ended.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::children::{ChildView, ITEMS, NewIdentifierShape, NewNameShape, kept_view, read_sex};
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::child_in_path;
use super::once::Once;
use super::problem::{FieldError, Problem};
use super::respond::{created, kept};
use crate::authz::policy::action;
use crate::domain::dates::{DateError, parse_date};
use crate::domain::identifiers::{Identifier, IdentifierKind};
use crate::register::Region;
use crate::register::births::{self, Ending, Newborn, Outcome};
use crate::register::children::{NewIdentifier, today};
use crate::words::say;

/// The most children of one birth: one more than ever lived.
const BORN_TOGETHER: usize = 10;

/// How a pregnancy ended: with a birth (`bornOn`, `names`, …), or without a living child (`outcome` and `on`).
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BirthRequest {
    /// `live-birth` (default), `stillbirth`, `miscarriage` or `termination`.
    #[schema(example = "live-birth")]
    outcome: Option<String>,
    /// For a pregnancy that ended without a living child: when.
    on: Option<String>,
    /// For a birth: when.
    #[schema(example = "2026-11-16")]
    born_on: Option<String>,
    /// Names.
    #[serde(default)]
    names: Vec<NewNameShape>,
    /// `female`, `male`, `indeterminate` or `unknown` (default).
    #[schema(example = "female")]
    sex: Option<String>,
    /// The child's own NHS number.
    #[schema(example = "9990001006")]
    nhs_number: Option<String>,
    /// Other identifiers.
    #[serde(default)]
    identifiers: Vec<NewIdentifierShape>,
    /// Twins and further children of the same birth: each gets a record and an entry of their own.
    #[serde(default)]
    others: Vec<NewbornShape>,
}

/// Another child of the same birth.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewbornShape {
    /// When; the day of the first when it is left out.
    #[schema(example = "2026-11-16")]
    born_on: Option<String>,
    /// Names.
    #[serde(default)]
    names: Vec<NewNameShape>,
    /// `female`, `male`, `indeterminate` or `unknown` (default).
    #[schema(example = "male")]
    sex: Option<String>,
    /// The child's own NHS number.
    #[schema(example = "9990001014")]
    nhs_number: Option<String>,
    /// Other identifiers.
    #[serde(default)]
    identifiers: Vec<NewIdentifierShape>,
}

/// What became of a pregnancy.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BirthView {
    /// `live-birth`, `stillbirth`, `miscarriage` or `termination`.
    outcome: String,
    /// The records: first the one that was entered before birth.
    children: Vec<ChildView>,
    /// What somebody should look at again. It was recorded all the same.
    warnings: Vec<FieldError>,
}

struct Parts<'a> {
    born_on: Option<&'a str>,
    names: &'a [NewNameShape],
    sex: Option<&'a str>,
    nhs_number: Option<&'a str>,
    identifiers: &'a [NewIdentifierShape],
}

impl Parts<'_> {
    fn read(&self, pointer: &str, default: Option<NaiveDate>, region: &Region, now: DateTime<Utc>, fields: &mut Fields) -> Option<Newborn> {
        let at = |item: &str| format!("{pointer}/{item}");
        let born_on = match self.born_on {
            Some(text) => fields.keep(&at("bornOn"), parse_date(text)),
            None => {
                if default.is_none() {
                    fields.missing(&at("bornOn"));
                }
                default
            }
        };
        if born_on.is_some_and(|day| day > today(now)) {
            fields.wrong(&at("bornOn"), &DateError::InTheFuture);
        }
        if self.names.is_empty() {
            fields.missing(&at("names"));
        }
        let names = fields.bounded(&at("names"), self.names, ITEMS).iter().enumerate();
        let names = names.filter_map(|(index, name)| name.read(&format!("{}/{index}", at("names")), fields)).collect();
        let sex = match self.sex {
            None => crate::domain::sex::Sex::Unknown,
            Some(text) if pointer.is_empty() => read_sex(Some(text), false, fields),
            Some(text) => fields.optional(&at("sex"), Some(text)).unwrap_or(crate::domain::sex::Sex::Unknown),
        };
        let number = self
            .nhs_number
            .and_then(|text| fields.keep(&at("nhsNumber"), Identifier::parse(IdentifierKind::NhsNumber, text, region.ranges())));
        let mut identifiers: Vec<NewIdentifier> = number.into_iter().map(NewIdentifier::from).collect();
        for (index, shape) in fields.bounded(&at("identifiers"), self.identifiers, ITEMS).iter().enumerate() {
            identifiers.extend(shape.read_first(&format!("{}/{index}", at("identifiers")), region, fields));
        }
        Some(Newborn { born_on: born_on?, names, sex, identifiers })
    }
}

impl BirthRequest {
    fn read(&self, region: &Region, now: DateTime<Utc>) -> Result<(Outcome, Ending), Problem> {
        let mut fields = Fields::default();
        let outcome = fields.optional("/outcome", self.outcome.as_deref()).unwrap_or(Outcome::LiveBirth);
        let ending = if outcome == Outcome::LiveBirth { self.born(region, now, &mut fields) } else { self.lost(outcome, now, &mut fields) };
        fields.finish(ending.map(|ending| (outcome, ending)))
    }

    fn born(&self, region: &Region, now: DateTime<Utc>, fields: &mut Fields) -> Option<Ending> {
        if self.on.is_some() {
            fields.note("/on", "not-of-this-outcome", "leave it out: a birth has bornOn");
        }
        let first = Parts {
            born_on: self.born_on.as_deref(),
            names: &self.names,
            sex: self.sex.as_deref(),
            nhs_number: self.nhs_number.as_deref(),
            identifiers: &self.identifiers,
        };
        let first = first.read("", None, region, now, fields);
        let day = first.as_ref().map(|first| first.born_on);
        let mut born: Vec<Newborn> = first.into_iter().collect();
        for (index, other) in fields.bounded("/others", &self.others, BORN_TOGETHER - 1).iter().enumerate() {
            let parts = Parts {
                born_on: other.born_on.as_deref(),
                names: &other.names,
                sex: other.sex.as_deref(),
                nhs_number: other.nhs_number.as_deref(),
                identifiers: &other.identifiers,
            };
            born.extend(parts.read(&format!("/others/{index}"), day, region, now, fields));
        }
        Some(Ending::Born(born))
    }

    fn lost(&self, outcome: Outcome, now: DateTime<Utc>, fields: &mut Fields) -> Option<Ending> {
        for (item, given) in [
            ("/bornOn", self.born_on.is_some()),
            ("/names", !self.names.is_empty()),
            ("/sex", self.sex.is_some()),
            ("/nhsNumber", self.nhs_number.is_some()),
            ("/identifiers", !self.identifiers.is_empty()),
            ("/others", !self.others.is_empty()),
        ] {
            if given {
                fields.note(item, "not-of-this-outcome", "leave it out: it belongs to a birth");
            }
        }
        let Some(text) = self.on.as_deref() else {
            fields.missing("/on");
            return None;
        };
        let on = fields.keep("/on", parse_date(text))?;
        if on > today(now) {
            fields.wrong("/on", &DateError::InTheFuture);
        }
        Some(Ending::Lost { outcome, on })
    }
}

/// Record a birth
///
/// The record and the entry of an unborn child become those of the child: same identifiers, same start and review date; the
/// expected date is kept. Twins become two records with an entry each. A pregnancy that ended without a living child closes the
/// entry with the ground `died`; the date of birth stays empty, and the notice says that nobody writes to the parents.
#[utoipa::path(
    post, path = "/v1/children/{id}/birth", operation_id = "recordBirth", tag = "Children",
    params(super::openapi::IdempotencyKey, super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the unborn child")),
    request_body = BirthRequest,
    responses((status = 201, description = "What became of it", body = BirthView,
        headers(("Location" = String, description = "Where the child can be read"), ("ETag" = String, description = "The child's new version"))),
        super::openapi::ChangeProblems),
)]
pub async fn record(gate: Gate<action::RecordBirth>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let row = child_in_path(snapshot, &incoming, &principal, reach)?;
                Once::read(snapshot, incoming.creation_unshaped()?, |snapshot, _| {
                    let body: BirthRequest = incoming.change(row.version)?;
                    let (outcome, ending) = body.read(&reader, snapshot.now())?;
                    Ok((row, outcome, ending))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (row, outcome, ending)| {
                    let ended = births::record(tx, &writer, row, ending, &by)?;
                    let mut version = row.version;
                    let mut children = Vec::with_capacity(ended.children.len());
                    for (index, child) in ended.children.iter().enumerate() {
                        let (now_at, view) = kept_view(tx.connection, (*child).into())?;
                        if index == 0 {
                            version = now_at;
                        }
                        children.push(view);
                    }
                    let far = "far-from-expected-date";
                    let warnings = ended
                        .far_from_expected
                        .then(|| FieldError::worded("/bornOn", far, say(language, &format!("field-{far}"), &[])))
                        .into_iter()
                        .collect();
                    let view = BirthView { outcome: outcome.as_str().to_owned(), children, warnings };
                    created(Some(format!("/v1/children/{}", row.id.0)), Some(etag(version)), &view)
                })
            },
        )
        .await
        .map(kept)
}
