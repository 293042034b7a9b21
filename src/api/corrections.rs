//! Corrections of what is known of a person: another fact in the place of one, or none.

use std::sync::Arc;

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::children::{
    AddressView, BirthShape, ChildView, HouseholdMemberView, IdentifierView, NameView, NewAddressShape, NewHouseholdMemberShape,
    NewIdentifierShape, NewNameShape, ReasonRequest, change, kept_view, read_sex,
};
use super::fields::Fields;
use super::gate::{Gate, Incoming};
use super::named::{child_in_path, related_in_body};
use super::problem::Problem;
use super::respond::{item, kept};
use crate::authz::policy::action;
use crate::authz::{Principal, Reach};
use crate::domain::dates::BirthDate;
use crate::domain::ids::{AddressId, HouseholdMemberId, IdentifierId, NameId};
use crate::domain::language::PreferredLanguage;
use crate::domain::text::Note;
use crate::register::children::{NewAddress, NewHouseholdMember, NewIdentifier, NewName};
use crate::register::corrections::{self, NewParticulars};
use crate::register::idempotency::Answer;
use crate::register::{Region, RegisterError};
use crate::store::Snapshot;
use crate::store::children::{AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow};
use crate::store::types::Id;

/// Another name in the place of one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameCorrectionRequest {
    /// Why.
    #[schema(example = "Misspelt in the referral")]
    reason: Option<String>,
    /// What holds instead; to end a name, the same with `to`.
    name: Option<NewNameShape>,
}

/// Another address in the place of one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressCorrectionRequest {
    /// Why.
    #[schema(example = "The family moved")]
    reason: Option<String>,
    /// What holds instead; to end a stay, the same with `to`.
    address: Option<NewAddressShape>,
}

/// Another identifier in the place of one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentifierCorrectionRequest {
    /// Why.
    #[schema(example = "Two digits were swapped")]
    reason: Option<String>,
    /// What holds instead; for a number that is in use no more, the same with `to`.
    identifier: Option<NewIdentifierShape>,
}

/// Another household member in the place of one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HouseholdCorrectionRequest {
    /// Why.
    #[schema(example = "He moved out")]
    reason: Option<String>,
    /// What holds instead; for somebody who left, the same with `to`.
    member: Option<NewHouseholdMemberShape>,
}

/// What is to be held of a person's birth, sex, language and needs: all of it, not only what changes.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParticularsRequest {
    /// Why.
    #[schema(example = "The birth certificate was seen")]
    reason: Option<String>,
    /// Date of birth: `YYYY-MM-DD`, or `YYYY-MM` or `YYYY` when no more is known.
    #[schema(example = "2017-05-09")]
    date_of_birth: Option<String>,
    /// First possible date of birth.
    date_of_birth_from: Option<String>,
    /// Last possible date of birth.
    date_of_birth_to: Option<String>,
    /// For an unborn child: the expected date of delivery.
    expected_delivery_date: Option<String>,
    /// `female`, `male`, `indeterminate` or `unknown` (default).
    #[schema(example = "female")]
    sex: Option<String>,
    /// The language that the child prefers (BCP 47).
    #[schema(example = "cy")]
    preferred_language: Option<String>,
    /// How to communicate with the child.
    communication_needs: Option<String>,
}

impl std::fmt::Debug for ParticularsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParticularsRequest([personal])")
    }
}

/// The person whose fact is to be corrected, and whether the fact is one that is held to be true of them now.
fn found<R>(
    snapshot: &mut Snapshot<'_>,
    incoming: &Incoming,
    principal: &Principal,
    reach: Reach,
    fact: Id,
    current: impl FnOnce(&mut crate::store::connection::AnyConnection, Id) -> Result<Vec<R>, crate::store::StoreError>,
    id_of: impl Fn(&R) -> Id,
) -> Result<ChildRow, Problem> {
    let row = child_in_path(snapshot, incoming, principal, reach)?;
    if !current(snapshot.connection, row.id)?.iter().any(|row| id_of(row) == fact) {
        return Err(RegisterError::NotFound.into());
    }
    Ok(row)
}

/// The new fact, with the person's new version.
fn replaced<T: serde::Serialize>(row: &ChildRow, view: &T) -> Result<Answer, Problem> {
    item(row.version + 1, view)
}

macro_rules! correct_fact {
    ($(#[$doc:meta])* $name:ident, $action:ident, $operation:literal, $path:literal, $shape:ty, $item:ident, $new:ty, $view:ident, $fact:ty,
     $row:ident, $correct:path, |$body:ident, $pointer:ident, $region:ident, $now:ident, $fields:ident| $read:expr) => {
        $(#[$doc])*
        ///
        /// The new fact comes in the place of the old, which stays in the history with the reason. To say that something was
        /// true and is over, send it again with `to`.
        #[utoipa::path(
            put, path = $path, operation_id = $operation, tag = "Children",
            params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person"),
                ("fact" = String, Path, description = "Identifier of the fact")),
            request_body = $shape,
            responses((status = 200, description = "The fact that holds now", body = $view,
                headers(("ETag" = String, description = "The person's new version"))), super::openapi::ChangeProblems),
        )]
        pub async fn $name(gate: Gate<action::$action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let by = principal.key();
            let reach = permit.reach();
            let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
            app.store
                .run(
                    permit,
                    move |snapshot| {
                        let fact = Id::from(incoming.item::<$fact>()?);
                        let row = found(snapshot, &incoming, &principal, reach, fact, |c, child| $row::current(c, &[child]), |row| row.id)?;
                        let request: $shape = incoming.change(row.version)?;
                        let ($region, $now): (&Region, _) = (&reader, snapshot.now());
                        let _ = ($region, $now);
                        let mut fields = Fields::default();
                        let reason = fields.required::<Note>("/reason", request.reason.as_deref());
                        let $pointer = concat!("/", stringify!($item));
                        if request.$item.is_none() {
                            fields.missing($pointer);
                        }
                        let $fields = &mut fields;
                        let new: Option<$new> = request.$item.as_ref().and_then(|$body| $read);
                        let (new, reason) = fields.finish(new.zip(reason))?;
                        related_in_body(snapshot, Some(row.id), &new, &principal, reach, concat!("/", stringify!($item), "/relatedChildId"))?;
                        Ok((row, fact, (new, reason)))
                    },
                    move |tx, (row, fact, (new, reason)): &(ChildRow, Id, ($new, Note))| {
                        let made = $correct(tx, &writer, row, *fact, new, reason, &by)?;
                        replaced(row, &$view::new(&made))
                    },
                )
                .await
                .map(kept)
        }
    };
}

correct_fact! {
    /// Correct or end a name
    correct_name, CorrectName, "correctName", "/v1/children/{id}/names/{fact}", NameCorrectionRequest, name, NewName, NameView, NameId,
    NameRow, corrections::correct_name, |body, pointer, region, now, fields| body.read(pointer, fields)
}
correct_fact! {
    /// Correct or end an address
    correct_address, CorrectAddress, "correctAddress", "/v1/children/{id}/addresses/{fact}", AddressCorrectionRequest, address, NewAddress,
    AddressView, AddressId, AddressRow, corrections::correct_address, |body, pointer, region, now, fields| body.read(pointer, fields)
}
correct_fact! {
    /// Correct or end an identifier
    correct_identifier, CorrectIdentifier, "correctIdentifier", "/v1/children/{id}/identifiers/{fact}", IdentifierCorrectionRequest,
    identifier, NewIdentifier, IdentifierView, IdentifierId, IdentifierRow, corrections::correct_identifier,
    |body, pointer, region, now, fields| body.read_first(pointer, region, fields)
}
correct_fact! {
    /// Correct a household member or carer
    correct_household_member, CorrectHouseholdMember, "correctHouseholdMember", "/v1/children/{id}/household/{fact}",
    HouseholdCorrectionRequest, member, NewHouseholdMember, HouseholdMemberView, HouseholdMemberId, HouseholdRow,
    corrections::correct_household_member, |body, pointer, region, now, fields| body.read(pointer, region, now, fields)
}

macro_rules! withdraw_fact {
    ($(#[$doc:meta])* $name:ident, $action:ident, $operation:literal, $path:literal, $fact:ty, $row:ident, $withdraw:path) => {
        $(#[$doc])*
        ///
        /// It never was true. It stays in the history, with who took it back, when and why; nobody finds the person by it any more.
        #[utoipa::path(
            post, path = $path, operation_id = $operation, tag = "Children",
            params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person"),
                ("fact" = String, Path, description = "Identifier of the fact")),
            request_body = ReasonRequest,
            responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
                super::openapi::ChangeProblems),
        )]
        pub async fn $name(gate: Gate<action::$action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let by = principal.key();
            let reach = permit.reach();
            let region = Arc::clone(&app.region);
            app.store
                .run(
                    permit,
                    move |snapshot| {
                        let fact = Id::from(incoming.item::<$fact>()?);
                        let row = found(snapshot, &incoming, &principal, reach, fact, |c, child| $row::current(c, &[child]), |row| row.id)?;
                        let body: ReasonRequest = incoming.change(row.version)?;
                        let reason = body.read()?;
                        Ok((row, fact, reason))
                    },
                    move |tx, (row, fact, reason): &(ChildRow, Id, Note)| {
                        $withdraw(tx, &region, row, *fact, reason, &by)?;
                        let (version, view) = kept_view(tx.connection, row.id)?;
                        item::<ChildView>(version, &view)
                    },
                )
                .await
                .map(kept)
        }
    };
}

withdraw_fact! {
    /// Take back a name
    withdraw_name, WithdrawName, "withdrawName", "/v1/children/{id}/names/{fact}/entered-in-error", NameId, NameRow,
    corrections::withdraw_name
}
withdraw_fact! {
    /// Take back an address
    withdraw_address, WithdrawAddress, "withdrawAddress", "/v1/children/{id}/addresses/{fact}/entered-in-error", AddressId, AddressRow,
    corrections::withdraw_address
}
withdraw_fact! {
    /// Take back an identifier
    withdraw_identifier, WithdrawIdentifier, "withdrawIdentifier", "/v1/children/{id}/identifiers/{fact}/entered-in-error", IdentifierId,
    IdentifierRow, corrections::withdraw_identifier
}
withdraw_fact! {
    /// Take back a household member or carer
    withdraw_household_member, WithdrawHouseholdMember, "withdrawHouseholdMember", "/v1/children/{id}/household/{fact}/entered-in-error",
    HouseholdMemberId, HouseholdRow, corrections::withdraw_household_member
}

impl ParticularsRequest {
    fn read(&self, now: chrono::DateTime<chrono::Utc>) -> Result<(NewParticulars, Note), Problem> {
        let mut fields = Fields::default();
        let reason = fields.required::<Note>("/reason", self.reason.as_deref());
        let dates = BirthShape {
            date_of_birth: self.date_of_birth.as_deref(),
            from: self.date_of_birth_from.as_deref(),
            to: self.date_of_birth_to.as_deref(),
            expected: self.expected_delivery_date.as_deref(),
        };
        let birth = dates.read(now, &mut fields);
        let sex = read_sex(self.sex.as_deref(), birth.as_ref().is_some_and(BirthDate::is_expected), &mut fields);
        let preferred_language: Option<PreferredLanguage> = fields.optional("/preferredLanguage", self.preferred_language.as_deref());
        let communication_needs: Option<Note> = fields.optional("/communicationNeeds", self.communication_needs.as_deref());
        let new = NewParticulars { birth, sex, preferred_language, communication_needs };
        fields.finish(reason.map(|reason| (new, reason)))
    }
}

/// Correct birth, sex, language and needs
///
/// All of it is stated anew; what was held before stays in the history with the reason. That an unborn child was born is no
/// correction but a birth.
#[utoipa::path(
    put, path = "/v1/children/{id}/particulars", operation_id = "correctParticulars", tag = "Children",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person")),
    request_body = ParticularsRequest,
    responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn correct_particulars(gate: Gate<action::CorrectParticulars>) -> Result<HttpResponse, Problem> {
    change(gate, ParticularsRequest::read, |tx, region, row, (new, reason): &(NewParticulars, Note), by| {
        corrections::correct_particulars(tx, region, row, new, reason, by)
    })
    .await
}
