//! `/v1/family-moves`: the children of one family move together, in one act.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TransferView, view};
use crate::api::fields::Fields;
use crate::api::gate::Gate;
use crate::api::named::entry_in_body;
use crate::api::once::Once;
use crate::api::problem::Problem;
use crate::api::respond::{created, kept};
use crate::authz::policy::action;
use crate::domain::custody::Nature;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{FamilyMoveId, RegistrationId};
use crate::domain::text::Note;
use crate::register::transfers::{self, Actor, NewTransfer};

/// Most children of one act: more than any family that is known of.
const CHILDREN_MAX: usize = 20;

/// The children of a family who move, as the authority that leads begins it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FamilyMoveRequest {
    /// The entries of the children who move.
    registration_ids: Option<Vec<String>>,
    /// The authority to which they move (GSS code), of this region or of another.
    #[schema(example = "E06000051")]
    to: Option<String>,
    /// `permanent`, `not-said` or `long-stay`, as for one child.
    #[schema(example = "permanent")]
    nature: Option<String>,
    /// What the other authority's people should know. Kept here, with each child's move.
    #[schema(example = "The family took a tenancy in Shrewsbury from 1 December")]
    note: Option<String>,
}

/// The moves of one family.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FamilyMoveView {
    /// What the moves have in common.
    family_move_id: String,
    /// The move of each child.
    items: Vec<TransferView>,
}

struct NewFamilyMove {
    entries: Vec<RegistrationId>,
    to: GssCode,
    nature: Nature,
    words: Option<Note>,
}

impl FamilyMoveRequest {
    fn read(&self) -> Result<NewFamilyMove, Problem> {
        let mut fields = Fields::default();
        let given = self.registration_ids.as_deref().unwrap_or_default();
        if given.is_empty() {
            fields.missing("/registrationIds");
        }
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for (index, text) in fields.bounded("/registrationIds", given, CHILDREN_MAX).iter().enumerate() {
            let pointer = format!("/registrationIds/{index}");
            if let Some(id) = fields.required::<RegistrationId>(&pointer, Some(text.as_str())) {
                if !seen.insert(id.to_string()) {
                    fields.note(&pointer, "twice", "name each child once");
                }
                entries.push(id);
            }
        }
        let to: Option<GssCode> = fields.required("/to", self.to.as_deref());
        let nature: Option<Nature> = fields.required("/nature", self.nature.as_deref());
        let words: Option<Note> = fields.optional("/note", self.note.as_deref());
        fields.finish((|| Some(NewFamilyMove { entries, to: to?, nature: nature?, words }))())
    }
}

/// Tell another authority that a family moves
///
/// Offers custody of each of these children, all in one act or none. From then on each move is a move of its own: what is decided about
/// one child changes nothing for another.
#[utoipa::path(
    post, path = "/v1/family-moves", operation_id = "addFamilyMove", tag = "Transfers",
    params(crate::api::openapi::IdempotencyKey), request_body = FamilyMoveRequest,
    responses((status = 201, description = "The moves", body = FamilyMoveView), crate::api::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddFamilyMove>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    let wall = app.store.clock().wall();
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<FamilyMoveRequest>()?, |snapshot, body| {
                    let asked = body.read()?;
                    let mut fields = Fields::default();
                    let mut entries = Vec::new();
                    for (index, id) in asked.entries.iter().enumerate() {
                        let pointer = format!("/registrationIds/{index}");
                        entries.extend(entry_in_body(snapshot, *id, &principal, reach, &pointer, &mut fields)?);
                    }
                    fields.finish(Some(()))?;
                    let family = FamilyMoveId::new_at(wall);
                    let NewFamilyMove { to, nature, words, .. } = asked;
                    let new = NewTransfer { to, nature: Some(nature), family_move: Some(family), words, approved_by: None, stay: None };
                    Ok((entries, new, family))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (entries, new, family)| {
                    let mut items = Vec::new();
                    for entry in entries {
                        let row = transfers::begin(tx, &region, entry, new, &by)?;
                        items.push(view(tx.connection, &region, row)?);
                    }
                    created(None, None, &FamilyMoveView { family_move_id: family.to_string(), items })
                })
            },
        )
        .await
        .map(kept)
}
