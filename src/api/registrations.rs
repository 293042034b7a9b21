//! `/v1/registrations`: entries on the register.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::amendments::category_list;
use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::{child_in_body, entry_in_path, entry_to_show};
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::authz::policy::action;
use crate::authz::{Action, Reach};
use crate::domain::contact::{EmailAddress, PhoneNumber};
use crate::domain::dates::parse_date;
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::{ChildId, RegistrationId};
use crate::domain::registration::{ConferenceKind, LegalStatusCode, RegistrationStatus};
use crate::domain::text::{Line, Note};
use crate::register::children::today;
use crate::register::registrations::{self, NewBasis, NewCoordinator, NewCoreGroupMember, NewRegistration, Registration};
use crate::register::{Region, RegisterError, work_lists};
use crate::store::Tx;
use crate::store::children::ParticularsRow;
use crate::store::connection::AnyConnection;
use crate::store::custody::LeadRow;
use crate::store::registrations::{CategoryRow, CoordinatorRow, CoreGroupRow, Whose, list as list_rows};
use crate::store::types::Id;

/// The most members of a core group.
const CORE_GROUP: usize = 50;

/// An entry to be made: by a conference's decision, or temporary and resting on another authority's entry.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationRequest {
    /// The child.
    #[schema(example = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    child_id: Option<String>,
    /// Whose register (GSS code).
    #[schema(example = "W06000022")]
    authority: Option<String>,
    /// From when.
    #[schema(example = "2026-03-03")]
    registered_on: Option<String>,
    /// The recorded conference that decided it. Its categories and review date are taken over where none are given.
    conference_id: Option<String>,
    /// The conference that decided it, when it is not recorded: it is recorded with the entry.
    conference: Option<ConferenceShape>,
    /// For a temporary entry: the entry of the authority from which the child came.
    home: Option<HomeShape>,
    /// `neglect`, `physical`, `sexual`, `emotional`, and in Wales `financial`.
    #[serde(default)]
    #[schema(example = json!(["neglect"]))]
    categories: Vec<String>,
    /// The plan co-ordinator; missing, the entry is made and a task is raised.
    coordinator: Option<CoordinatorShape>,
    /// The core group.
    #[serde(default)]
    core_group: Vec<CoreGroupMemberShape>,
    /// When the next review is due; missing, the entry is made and a task is raised.
    #[schema(example = "2026-06-03")]
    review_due_on: Option<String>,
    /// Legal status.
    #[schema(example = "no-order")]
    legal_status: Option<String>,
}

/// A conference by its date: it is recorded with the entry.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConferenceShape {
    /// When it was held.
    #[schema(example = "2026-03-03")]
    held_on: Option<String>,
    /// `initial`, `pre-birth` or `transfer-in`.
    #[schema(example = "initial")]
    kind: Option<String>,
    /// Whose it was (GSS code).
    #[schema(example = "W06000022")]
    authority: Option<String>,
}

/// The entry at home that a temporary entry rests on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HomeShape {
    /// The region.
    #[schema(example = "gwent")]
    region: Option<String>,
    /// The authority (GSS code).
    #[schema(example = "W06000022")]
    authority: Option<String>,
    /// The entry there, if its identifier is known.
    registration_id: Option<String>,
}

/// A co-ordinator.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoordinatorShape {
    /// Name, as it is told to enquirers.
    #[schema(example = "Carys Mathias")]
    name: Option<String>,
    /// Who they are at the identity provider (`issuer#subject`): what makes the case theirs.
    person: Option<String>,
    /// Number.
    phone: Option<String>,
    /// E-mail.
    email: Option<String>,
}

/// A member of the core group.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoreGroupMemberShape {
    /// Name.
    name: Option<String>,
    /// Agency.
    agency: Option<String>,
    /// Role.
    role: Option<String>,
    /// Number.
    phone: Option<String>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationView {
    /// Identifier.
    id: String,
    /// The child.
    child_id: String,
    /// Whose register (GSS code).
    authority: String,
    /// `registered`, `temporarily-registered`, `transfer-pending`, `previously-registered`, `unborn-registered` or
    /// `entered-in-error`.
    #[schema(example = "registered")]
    status: String,
    /// From when.
    registered_on: NaiveDate,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_on: Option<NaiveDate>,
    /// On which ground it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    removal_ground: Option<String>,
    /// The conference that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference: Option<DecidingConferenceView>,
    /// The entry at home that a temporary entry rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<HomeView>,
    /// Categories, the first ones first.
    categories: Vec<CategoryView>,
    /// The co-ordinator.
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinator: Option<CoordinatorView>,
    /// The core group; of a restricted record for those alone who may read it.
    core_group: Vec<CoreGroupMemberView>,
    /// When the next review is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    review_due_on: Option<NaiveDate>,
    /// Legal status.
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_status: Option<String>,
    /// When the entry was recorded.
    recorded_at: DateTime<Utc>,
}

/// The conference that decided an entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecidingConferenceView {
    /// Under which it is recorded; absent for what was taken over from an earlier register.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// When it was held.
    held_on: NaiveDate,
    /// Which kind of conference.
    kind: String,
    /// Whose it was (GSS code).
    authority: String,
}

/// The entry at home.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HomeView {
    /// The region.
    region: String,
    /// The authority (GSS code).
    authority: String,
    /// The entry there.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryView {
    /// The category of abuse.
    category: String,
    /// The nation whose code it is.
    code_set: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
}

/// A co-ordinator.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoordinatorView {
    /// Name.
    #[schema(example = "Carys Mathias")]
    name: String,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01632 960101")]
    phone: Option<String>,
    /// E-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
}

/// A member of the core group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoreGroupMemberView {
    /// Name.
    #[schema(example = "Ann Price")]
    name: String,
    /// Agency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Royal Gwent Hospital")]
    agency: Option<String>,
    /// Role there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "staff nurse")]
    role: Option<String>,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
}

/// A page of entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistrationList {
    /// The entries, newest first.
    items: Vec<RegistrationView>,
    /// Where the next page is.
    links: Links,
}

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegistrationQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

impl RegistrationRequest {
    fn read(&self) -> Result<(ChildId, NewRegistration), Problem> {
        let mut fields = Fields::default();
        let child: Option<ChildId> = fields.required("/childId", self.child_id.as_deref());
        let authority: Option<GssCode> = fields.required("/authority", self.authority.as_deref());
        let registered_on = match self.registered_on.as_deref() {
            None => {
                fields.missing("/registeredOn");
                None
            }
            Some(text) => fields.keep("/registeredOn", parse_date(text)),
        };
        let review_due_on = self.review_due_on.as_deref().and_then(|text| fields.keep("/reviewDueOn", parse_date(text)));
        let legal_status: Option<LegalStatusCode> = fields.optional("/legalStatus", self.legal_status.as_deref());
        let categories = category_list("/categories", &self.categories, &mut fields);
        let basis = self.basis(&mut fields);
        let coordinator = self.coordinator.as_ref().and_then(|shape| shape.read("/coordinator", &mut fields));
        let core_group = members("/coreGroup", &self.core_group, &mut fields);
        let read = (|| {
            Some((
                child?,
                NewRegistration {
                    authority: authority?.as_str().to_owned(),
                    registered_on: registered_on?,
                    removed: None,
                    basis: basis?,
                    categories,
                    coordinator,
                    core_group,
                    review_due_on,
                    legal_status,
                },
            ))
        })();
        fields.finish(read)
    }

    fn basis(&self, fields: &mut Fields) -> Option<NewBasis> {
        match (self.conference_id.as_deref(), &self.conference, &self.home) {
            (Some(id), None, None) => Some(NewBasis::Recorded(fields.optional("/conferenceId", Some(id))?)),
            (None, Some(conference), None) => {
                let held_on = match conference.held_on.as_deref() {
                    None => {
                        fields.missing("/conference/heldOn");
                        None
                    }
                    Some(text) => fields.keep("/conference/heldOn", parse_date(text)),
                };
                let kind: Option<ConferenceKind> = fields.required("/conference/kind", conference.kind.as_deref());
                let authority: Option<GssCode> = fields.required("/conference/authority", conference.authority.as_deref());
                Some(NewBasis::Conference { id: None, held_on: held_on?, kind: kind?, authority: authority? })
            }
            (None, None, Some(home)) => {
                let region: Option<RegionCode> = fields.required("/home/region", home.region.as_deref());
                let authority: Option<GssCode> = fields.required("/home/authority", home.authority.as_deref());
                let registration: Option<RegistrationId> = fields.optional("/home/registrationId", home.registration_id.as_deref());
                Some(NewBasis::Home { region: region?, authority: authority?, registration })
            }
            (None, None, None) => {
                fields.note(
                    "/conference",
                    "no-conference-decision",
                    "name the conference that decided to register the child, or for a temporary entry the entry at home",
                );
                None
            }
            (_, _, home) => {
                let place = if home.is_some() { "/home" } else { "/conferenceId" };
                fields.note(place, "two-bases", "an entry rests either on a conference or on an entry at home: give one of them");
                None
            }
        }
    }
}

/// Reads a core group.
pub(super) fn members(pointer: &str, shapes: &[CoreGroupMemberShape], fields: &mut Fields) -> Vec<NewCoreGroupMember> {
    let shapes = fields.bounded(pointer, shapes, CORE_GROUP).iter().enumerate();
    shapes.filter_map(|(index, member)| member.read(&format!("{pointer}/{index}"), fields)).collect()
}

impl CoordinatorShape {
    pub(super) fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewCoordinator> {
        let name: Option<Line> = fields.required(&format!("{pointer}/name"), self.name.as_deref());
        let person: Option<Line> = fields.optional(&format!("{pointer}/person"), self.person.as_deref());
        let phone: Option<PhoneNumber> = fields.optional(&format!("{pointer}/phone"), self.phone.as_deref());
        let email: Option<EmailAddress> = fields.optional(&format!("{pointer}/email"), self.email.as_deref());
        Some(NewCoordinator { name: name?, person: person.map(|person| person.expose().to_owned()), phone, email })
    }
}

impl CoreGroupMemberShape {
    pub(super) fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewCoreGroupMember> {
        let name: Option<Line> = fields.required(&format!("{pointer}/name"), self.name.as_deref());
        let agency: Option<Line> = fields.optional(&format!("{pointer}/agency"), self.agency.as_deref());
        let role: Option<Line> = fields.optional(&format!("{pointer}/role"), self.role.as_deref());
        let phone: Option<PhoneNumber> = fields.optional(&format!("{pointer}/phone"), self.phone.as_deref());
        Some(NewCoreGroupMember { name: name?, agency, role, phone })
    }
}

impl RegistrationView {
    /// What is shown of an entry: fields listed by hand.
    fn new(entry: &Registration, unborn: bool, moves: bool, now: DateTime<Utc>) -> Self {
        let state = &entry.state;
        let conference = state.conference_held_on.map(|held_on| DecidingConferenceView {
            id: state.conference_id.map(|id| id.0.to_string()),
            held_on,
            kind: state.conference_kind.clone().unwrap_or_default(),
            authority: state.conference_authority.clone().unwrap_or_default(),
        });
        let home = state.home_authority.as_ref().map(|authority| HomeView {
            region: state.home_region.clone().unwrap_or_default(),
            authority: authority.clone(),
            registration_id: state.home_registration_id.map(|id| id.0.to_string()),
        });
        Self {
            id: entry.row.id.0.to_string(),
            child_id: entry.row.child_id.0.to_string(),
            authority: entry.row.authority.clone(),
            status: match entry.status_on(today(now), unborn) {
                RegistrationStatus::Registered | RegistrationStatus::UnbornRegistered if moves => RegistrationStatus::TransferPending,
                status => status,
            }
            .as_str()
            .to_owned(),
            registered_on: state.registered_on,
            removed_on: state.removed_on,
            removal_ground: state.removal_ground.clone(),
            conference,
            home,
            categories: entry.categories.iter().map(CategoryView::new).collect(),
            coordinator: entry.coordinator().map(CoordinatorView::new),
            core_group: entry.members().map(CoreGroupMemberView::new).collect(),
            review_due_on: state.review_due_on,
            legal_status: state.legal_status.clone(),
            recorded_at: state.recorded_at.get(),
        }
    }
}

impl CategoryView {
    pub(super) fn new(row: &CategoryRow) -> Self {
        Self { category: row.category.clone(), code_set: row.code_set.clone(), from: row.valid_from, to: row.valid_to }
    }
}

impl CoordinatorView {
    pub(super) fn new(row: &CoordinatorRow) -> Self {
        Self { name: row.name.clone(), phone: row.phone.clone(), email: row.email.clone(), from: row.valid_from, to: row.valid_to }
    }
}

impl CoreGroupMemberView {
    pub(super) fn new(row: &CoreGroupRow) -> Self {
        Self {
            name: row.name.clone(),
            agency: row.agency.clone(),
            role: row.role.clone(),
            phone: row.phone.clone(),
            from: row.valid_from,
            to: row.valid_to,
        }
    }
}

/// Views of entries; whether a child is unborn is looked up for all of them at once.
fn views(connection: &mut AnyConnection, entries: &[Registration], now: DateTime<Utc>) -> Result<Vec<RegistrationView>, Problem> {
    let children: Vec<Id> = entries.iter().map(|entry| entry.row.child_id).collect();
    let leads = LeadRow::of(connection, &children)?;
    let particulars = ParticularsRow::current(connection, &children)?;
    let unborn = |entry: &Registration| particulars.iter().any(|row| row.child_id == entry.row.child_id && row.birth_kind == "expected");
    let moves = |entry: &Registration| {
        leads.iter().any(|row| row.is_pending && row.authority == entry.row.authority && row.child_id == Some(entry.row.child_id))
    };
    Ok(entries.iter().map(|entry| RegistrationView::new(entry, unborn(entry), moves(entry), now)).collect())
}

pub(super) fn view(connection: &mut AnyConnection, entry: &Registration, now: DateTime<Utc>) -> Result<RegistrationView, Problem> {
    views(connection, std::slice::from_ref(entry), now)?.pop().ok_or_else(|| Kind::InternalError.into())
}

/// How an entry, or a part of it, is shown as it stands at an instant.
type Shown<View> = fn(&mut AnyConnection, &Registration, DateTime<Utc>) -> Result<View, Problem>;

/// Shows the entry in the path, or a part of it, under the entry's version.
pub(super) async fn show<A: Action, View: Serialize + 'static>(gate: Gate<A>, view: Shown<View>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let mut entry = entry_to_show(snapshot, &incoming, &principal, reach)?;
            let now = snapshot.now();
            registrations::veil(snapshot.connection, std::slice::from_mut(&mut entry), &principal, reach, now)?;
            item::<View>(entry.row.version, &view(snapshot.connection, &entry, now)?)
        })
        .await
        .map(kept)
}

/// How a change of an entry is read from a body, made, and shown.
pub(super) struct Amendment<Body, Change, View> {
    /// The change; whether the entry allows it is looked at after the body.
    pub read: fn(&Body, &Registration, DateTime<Utc>) -> Result<Change, Problem>,
    /// Makes it, in the name of a person.
    pub write: fn(&mut Tx<'_>, &Region, &Registration, &Change, &str) -> Result<(), RegisterError>,
    /// Shows what came of it.
    pub view: Shown<View>,
}

/// Changes the entry in the path, and shows it, or the part of it that was changed, under the entry's new version.
pub(super) async fn amend<A, Body, Change, View>(gate: Gate<A>, amendment: Amendment<Body, Change, View>) -> Result<HttpResponse, Problem>
where
    A: Action,
    Body: DeserializeOwned + 'static,
    Change: Send + Sync + 'static,
    View: Serialize + 'static,
{
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    let Amendment { read, write, view } = amendment;
    app.store
        .run(
            permit,
            move |snapshot| {
                let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                let body: Body = incoming.change(entry.row.version)?;
                let change = read(&body, &entry, snapshot.now())?;
                Ok((entry, change))
            },
            move |tx, (entry, change): &(Registration, Change)| {
                write(tx, &region, entry, change, &by)?;
                let entry = registrations::load(tx.connection, entry.row.id)?;
                let now = tx.now();
                item::<View>(entry.row.version, &view(tx.connection, &entry, now)?)
            },
        )
        .await
        .map(kept)
}

/// Enter a registration
///
/// Only by a conference's decision, recorded before (`conferenceId`) or with the entry (`conference`), or as a temporary entry that rests on an entry at home. A missing co-ordinator or review
/// date never blocks it; a task is raised the same day.
#[utoipa::path(
    post, path = "/v1/registrations", operation_id = "addRegistration", tag = "Registrations",
    params(super::openapi::IdempotencyKey), request_body = RegistrationRequest,
    responses((status = 201, description = "The entry", body = RegistrationView,
        headers(("Location" = String, description = "Where the entry can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddRegistration>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<RegistrationRequest>()?, |snapshot, body| {
                    let (child, new) = body.read()?;
                    reader.within_scope(&principal, &new.authority)?;
                    child_in_body(snapshot, child, &principal, reach)?;
                    Ok((child, new))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (child, new)| {
                    let id = registrations::add(tx, &writer, *child, new, &by)?;
                    let entry = registrations::load(tx.connection, id.into())?;
                    let now = tx.now();
                    let view = view(tx.connection, &entry, now)?;
                    created(Some(format!("/v1/registrations/{id}")), Some(etag(entry.row.version)), &view)
                })
            },
        )
        .await
        .map(kept)
}

/// Read a registration
///
/// An entry with its categories, co-ordinator and core group, as far as the caller's role and authority reach.
#[utoipa::path(
    get, path = "/v1/registrations/{id}", operation_id = "readRegistration", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "The entry", body = RegistrationView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadRegistration>) -> Result<HttpResponse, Problem> {
    show(gate, view).await
}

/// List registrations
///
/// The register of the caller's authorities, or the cases that the caller co-ordinates.
#[utoipa::path(
    get, path = "/v1/registrations", operation_id = "listRegistrations", tag = "Registrations", params(RegistrationQuery),
    responses((status = 200, description = "A page of entries, newest first", body = RegistrationList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListRegistrations>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let whose = match reach {
        Reach::Scope => Whose::Authorities(work_lists(permit.principal(), &app.region)),
        Reach::Own => Whose::Coordinator(permit.principal().key()),
    };
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: RegistrationQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let rows = list_rows(snapshot.connection, &whose, page.before::<uuid::Uuid>().map(Id), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/registrations", |row| row.id.0);
            for row in &rows {
                snapshot.audit().child(row.child_id);
            }
            let mut entries = registrations::assemble(snapshot.connection, rows)?;
            let now = snapshot.now();
            registrations::veil(snapshot.connection, &mut entries, &principal, reach, now)?;
            let items = views(snapshot.connection, &entries, now)?;
            list(&RegistrationList { items, links })
        })
        .await
        .map(kept)
}

/// Mark a registration as entered in error
///
/// It never was a registration. Nothing is deleted: who reads the history sees that it was entered and withdrawn, by whom and
/// why.
#[utoipa::path(
    post, path = "/v1/registrations/{id}/entered-in-error", operation_id = "markRegistrationInError", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")), request_body = ReasonRequest,
    responses((status = 200, description = "The entry", body = RegistrationView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn mark_in_error(gate: Gate<action::MarkRegistrationInError>) -> Result<HttpResponse, Problem> {
    amend(
        gate,
        Amendment {
            read: |body: &ReasonRequest, entry, _| {
                let reason = body.read()?;
                if entry.state.entered_in_error { Err(Kind::Conflict.into()) } else { Ok(reason) }
            },
            write: |tx, region, entry, reason: &Note, by| registrations::mark_in_error(tx, region, entry, reason.expose(), by),
            view,
        },
    )
    .await
}
