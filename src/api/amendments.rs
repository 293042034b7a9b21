//! `/v1/registrations/{id}/coordinator`, `/categories`, `/core-group`: what of an entry changes while it is in force.

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::gate::Gate;
use super::problem::Problem;
use super::registrations::{
    Amendment, CategoryView, CoordinatorShape, CoordinatorView, CoreGroupMemberShape, CoreGroupMemberView, amend, members, show,
};
use crate::authz::policy::action;
use crate::domain::category::{Category, CategorySet, Derived};
use crate::domain::dates::parse_date;
use crate::domain::nation::Nation;
use crate::register::amendments;
use crate::register::children::today;
use crate::register::registrations::{NewCoordinator, NewCoreGroupMember, Registration};

/// Who co-ordinates from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoordinatorChangeRequest {
    /// The new co-ordinator; absent, the present one ends without a successor and the senior safeguarding manager is told.
    coordinator: Option<CoordinatorShape>,
    /// From which day; today when it is left out.
    #[schema(example = "2026-03-10")]
    from: Option<String>,
}

/// The categories from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CategoriesRequest {
    /// All categories that hold from that day: `neglect`, `physical`, `sexual`, `emotional`, and in Wales `financial`.
    #[serde(default)]
    #[schema(example = json!(["neglect", "emotional"]))]
    categories: Vec<String>,
    /// From which day; today when it is left out.
    #[schema(example = "2026-06-02")]
    from: Option<String>,
}

/// The core group from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoreGroupRequest {
    /// All its members.
    #[serde(default)]
    members: Vec<CoreGroupMemberShape>,
    /// From which day; today when it is left out.
    #[schema(example = "2026-03-10")]
    from: Option<String>,
}

/// Who co-ordinates an entry, and who did before.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoordinatorHistoryView {
    /// The co-ordinator now; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinator: Option<CoordinatorView>,
    /// All of them, the first one first.
    history: Vec<CoordinatorView>,
}

/// The categories of an entry: the first, the latest, all of them, and what they become elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoriesView {
    /// Those on the first day.
    #[schema(example = json!(["neglect"]))]
    initial: Vec<String>,
    /// Those that hold now, or held when the entry ended.
    #[schema(example = json!(["emotional", "neglect"]))]
    latest: Vec<String>,
    /// Each with its days, in the code set of the nation whose conference decided it.
    history: Vec<CategoryView>,
    /// The latest ones in other code sets.
    derived: Vec<DerivedView>,
}

/// A code that was worked out from the categories.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DerivedView {
    /// `england-cin` or `england-nhs`.
    #[schema(example = "england-cin")]
    code_set: String,
    /// The code; absent when the set has none for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MUL")]
    code: Option<String>,
    /// Whether the decision was made in another nation's terms.
    derived: bool,
    /// Whether something in the original has no code here.
    lossy: bool,
}

/// The core group of an entry; of a restricted record for those alone who may read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoreGroupView {
    /// Its members now.
    members: Vec<CoreGroupMemberView>,
    /// Everybody who is or was a member, the first ones first.
    history: Vec<CoreGroupMemberView>,
}

impl CoordinatorHistoryView {
    fn new(entry: &Registration) -> Self {
        Self {
            coordinator: entry.coordinator().map(CoordinatorView::new),
            history: in_order(&entry.coordinators, |row| (row.valid_from, row.valid_to.is_none())).map(CoordinatorView::new).collect(),
        }
    }
}

impl CategoriesView {
    fn new(entry: &Registration) -> Self {
        let owned = |codes: Vec<&str>| codes.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let latest = amendments::present_categories(entry);
        let nation = entry.categories.last().and_then(|row| row.code_set.parse().ok()).unwrap_or(Nation::Wales);
        let set = CategorySet::new(latest.iter().filter_map(|code| code.parse::<Category>().ok()));
        Self {
            initial: owned(amendments::categories_on(entry, entry.state.registered_on)),
            derived: set.map(|set| derived(&set, nation)).unwrap_or_default(),
            latest: owned(latest),
            history: in_order(&entry.categories, |row| (row.valid_from, row.valid_to.is_none())).map(CategoryView::new).collect(),
        }
    }
}

/// What a set of categories becomes in the sets of England: both say that they were worked out, and where they lose something.
fn derived(set: &CategorySet, nation: Nation) -> Vec<DerivedView> {
    let cin = set.cin_code(nation);
    let nhs = set.nhs_codes(nation);
    let view =
        |code_set: &str, code: Option<String>, derived: bool, lossy: bool| DerivedView { code_set: code_set.into(), code, derived, lossy };
    let Derived { code, derived, lossy } = cin;
    let mut views = vec![view("england-cin", code.map(|code| code.as_str().to_owned()), derived, lossy)];
    if nhs.code.is_empty() {
        views.push(view("england-nhs", None, nhs.derived, nhs.lossy));
    }
    views.extend(nhs.code.iter().map(|code| view("england-nhs", Some((*code).to_owned()), nhs.derived, nhs.lossy)));
    views
}

impl CoreGroupView {
    fn new(entry: &Registration) -> Self {
        Self {
            members: entry.members().map(CoreGroupMemberView::new).collect(),
            history: in_order(&entry.core_group, |row| (row.valid_from, row.valid_to.is_none())).map(CoreGroupMemberView::new).collect(),
        }
    }
}

/// Facts in the order of the days from which they held; of those of one day, what still holds last.
fn in_order<T>(rows: &[T], key: impl Fn(&T) -> (Option<NaiveDate>, bool)) -> std::vec::IntoIter<&T> {
    let mut rows: Vec<&T> = rows.iter().collect();
    rows.sort_by_key(|row| key(row));
    rows.into_iter()
}

fn day(text: Option<&str>, fields: &mut Fields, now: DateTime<Utc>) -> Option<NaiveDate> {
    match text {
        None => Some(today(now)),
        Some(text) => fields.keep("/from", parse_date(text)),
    }
}

/// Read the co-ordinator
///
/// Who co-ordinates the child's plan now, and who did before.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/coordinator", operation_id = "readCoordinator", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "The co-ordinators", body = CoordinatorHistoryView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ReadProblems),
)]
pub async fn coordinator(gate: Gate<action::ReadCoordinator>) -> Result<HttpResponse, Problem> {
    show(gate, |_, entry, _| Ok(CoordinatorHistoryView::new(entry))).await
}

/// Change the co-ordinator
///
/// The register shows the new one at once; the old and the new one and the custodian are told. Without a successor a task goes
/// to the senior safeguarding manager the same day.
#[utoipa::path(
    put, path = "/v1/registrations/{id}/coordinator", operation_id = "changeCoordinator", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")),
    request_body = CoordinatorChangeRequest,
    responses((status = 200, description = "The co-ordinators", body = CoordinatorHistoryView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ChangeProblems),
)]
pub async fn change_coordinator(gate: Gate<action::ChangeCoordinator>) -> Result<HttpResponse, Problem> {
    type Change = (Option<NewCoordinator>, NaiveDate);
    amend(
        gate,
        Amendment {
            read: |body: &CoordinatorChangeRequest, _, now| {
                let mut fields = Fields::default();
                let new = body.coordinator.as_ref().map(|shape| shape.read("/coordinator", &mut fields));
                let from = day(body.from.as_deref(), &mut fields, now);
                let read = from.map(|from| (new.flatten(), from));
                fields.finish(read)
            },
            write: |tx, _, entry, (new, from): &Change, by| amendments::coordinate(tx, entry, new.as_ref(), *from, by),
            view: |_, entry, _| Ok(CoordinatorHistoryView::new(entry)),
        },
    )
    .await
}

/// Read the categories
///
/// The first and the latest, each with its days, and what they become in the code sets of returns.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/categories", operation_id = "readCategories", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "The categories", body = CategoriesView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ReadProblems),
)]
pub async fn categories(gate: Gate<action::ReadCategories>) -> Result<HttpResponse, Problem> {
    show(gate, |_, entry, _| Ok(CategoriesView::new(entry))).await
}

/// Change the categories
///
/// As a conference decided. What held before stays readable.
#[utoipa::path(
    put, path = "/v1/registrations/{id}/categories", operation_id = "changeCategories", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")), request_body = CategoriesRequest,
    responses((status = 200, description = "The categories", body = CategoriesView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ChangeProblems),
)]
pub async fn change_categories(gate: Gate<action::ChangeCategories>) -> Result<HttpResponse, Problem> {
    type Change = (Vec<Category>, NaiveDate);
    amend(
        gate,
        Amendment {
            read: |body: &CategoriesRequest, _, now| {
                let mut fields = Fields::default();
                let categories = category_list("/categories", &body.categories, &mut fields);
                let from = day(body.from.as_deref(), &mut fields, now);
                let read = from.map(|from| (categories, from));
                fields.finish(read)
            },
            write: |tx, region, entry, (categories, from): &Change, by| {
                amendments::categorise(tx, entry, categories, region.own().nation, *from, by)
            },
            view: |_, entry, _| Ok(CategoriesView::new(entry)),
        },
    )
    .await
}

/// Reads categories; one more than there are is enough to see that one stands twice.
pub(super) fn category_list(pointer: &str, codes: &[String], fields: &mut Fields) -> Vec<Category> {
    let codes = codes.iter().take(Category::ALL.len() + 1).enumerate();
    codes.filter_map(|(index, code)| fields.optional(&format!("{pointer}/{index}"), Some(code))).collect()
}

/// Read the core group
///
/// Its members now, and who was one before.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/core-group", operation_id = "readCoreGroup", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "The core group", body = CoreGroupView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ReadProblems),
)]
pub async fn core_group(gate: Gate<action::ReadCoreGroup>) -> Result<HttpResponse, Problem> {
    show(gate, |_, entry, _| Ok(CoreGroupView::new(entry))).await
}

/// Change the core group
///
/// The list is the whole group from that day on: who is not on it leaves.
#[utoipa::path(
    put, path = "/v1/registrations/{id}/core-group", operation_id = "changeCoreGroup", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")), request_body = CoreGroupRequest,
    responses((status = 200, description = "The core group", body = CoreGroupView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ChangeProblems),
)]
pub async fn change_core_group(gate: Gate<action::ChangeCoreGroup>) -> Result<HttpResponse, Problem> {
    type Change = (Vec<NewCoreGroupMember>, NaiveDate);
    amend(
        gate,
        Amendment {
            read: |body: &CoreGroupRequest, _, now| {
                let mut fields = Fields::default();
                let group = members("/members", &body.members, &mut fields);
                let from = day(body.from.as_deref(), &mut fields, now);
                let read = from.map(|from| (group, from));
                fields.finish(read)
            },
            write: |tx, _, entry, (group, from): &Change, by| amendments::regroup(tx, entry, group, *from, by),
            view: |_, entry, _| Ok(CoreGroupView::new(entry)),
        },
    )
    .await
}
