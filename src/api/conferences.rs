//! `/v1/conferences`: who met, what was decided about each child, and what follows.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::amendments::category_list;
use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::once::Once;
use super::paging::Links;
use super::problem::{FieldError, Problem};
use super::registrations::{CoordinatorShape, CoreGroupMemberShape, members};
use super::respond::{created, item, kept, list};
use super::section47::{ChildQuery, DepartureShape, DepartureView, day};
use crate::authz::policy::action;
use crate::authz::{Action, Principal, Reach};
use crate::domain::conference::Decision;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ChildId, ConferenceId, RegistrationId, Section47Id};
use crate::domain::language::PreferredLanguage;
use crate::domain::registration::{ConferenceKind, LegalStatusCode};
use crate::domain::roles::Role;
use crate::domain::text::{Line, Note};
use crate::register::children::today;
use crate::register::conferences::{
    self, Attendance, Correction, Held, NewAttendee, NewConference, NewDecision, Particulars, RecordViolation, Voice,
};
use crate::register::{Broken, Region, RegisterError, work_lists};
use crate::store::Tx;
use crate::store::conferences::{AttendeeRow, ConferenceRow, DecisionRow, Whose};
use crate::store::types::Id;
use crate::words::Language;

/// The most people at a conference.
const ATTENDANCE: usize = 100;
/// The most children of one conference: the largest families of siblings and half-siblings, twice over.
const CHILDREN: usize = 30;

/// A conference to be recorded, with its decisions.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConferenceRequest {
    /// `initial`, `pre-birth`, `review` or `transfer-in`.
    #[schema(example = "initial")]
    kind: Option<String>,
    /// Whose it was (GSS code).
    authority: Option<String>,
    /// When it was held.
    #[schema(example = "2026-03-03")]
    held_on: Option<String>,
    /// Who chaired it.
    #[schema(example = "Mair Bowen")]
    chair: Option<String>,
    /// Who that is at the identity provider (`issuer#subject`): what makes the conference theirs.
    chair_person: Option<String>,
    /// The language in which it was held (BCP 47).
    #[schema(example = "cy")]
    language: Option<String>,
    /// Whether enough were there, in the chair's judgement. Left out, those who attended are counted.
    quorate: Option<bool>,
    /// Why it went ahead without a quorum.
    quorum_reason: Option<String>,
    /// Why next dates lie beyond the limits, and which senior safeguarding manager authorised it.
    departure: Option<DepartureShape>,
    /// Who was there, and who should have been.
    #[serde(default)]
    attendance: Vec<AttendeeShape>,
    /// The decisions, one for each child.
    #[serde(default)]
    decisions: Vec<DecisionShape>,
}

/// Who was at a conference, or should have been.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttendeeShape {
    /// Name.
    #[schema(example = "Ann Price")]
    name: Option<String>,
    /// Agency.
    #[schema(example = "Royal Gwent Hospital")]
    agency: Option<String>,
    /// What they are there, or to the child.
    #[schema(example = "health visitor")]
    role: Option<String>,
    /// `attended`, `apologies`, `report-only` or `not-invited`.
    attendance: Option<String>,
    /// Whether they know the child.
    direct_contact: Option<bool>,
}

/// What was decided about one child.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionShape {
    /// The child.
    child_id: Option<String>,
    /// The section 47 enquiry that led to it.
    #[serde(rename = "section47Id")]
    section47_id: Option<String>,
    /// For a review: the entry. It can be left out when the child has one.
    registration_id: Option<String>,
    /// `registered` or `not-registered`; at a review `continued` or `removed`.
    decision: Option<String>,
    /// For a child who is on the register after it; at a review left out when they stay as they are.
    #[serde(default)]
    #[schema(example = json!(["neglect"]))]
    categories: Vec<String>,
    /// Whether all agreed. If not, the chair decided, and the reasons are needed.
    #[schema(example = true)]
    consensus: Option<bool>,
    /// Who did not agree, and why.
    dissent: Option<String>,
    /// The reasons.
    reasons: Option<String>,
    /// What they rest on.
    evidence: Option<String>,
    /// Views of child and parents.
    views: Option<ViewsShape>,
    /// How the child took part: `PN0` to `PN7`.
    participation: Option<String>,
    /// The active offer of an advocate and the answer.
    advocacy: Option<AdvocacyShape>,
    /// From when the name is on the register; the day of the conference when it is left out.
    registered_on: Option<String>,
    /// From when the name is off the register; the day of the conference when it is left out.
    removed_on: Option<String>,
    /// The plan co-ordinator; missing, the entry is made and a task is raised.
    coordinator: Option<CoordinatorShape>,
    /// The core group; at a review, left out when it stays as it is.
    core_group: Option<Vec<CoreGroupMemberShape>>,
    /// When the next review is held; missing, a task is raised.
    #[schema(example = "2026-06-02")]
    next_review_on: Option<String>,
    /// When the core group meets next.
    #[schema(example = "2026-03-13")]
    core_group_on: Option<String>,
    /// Legal status.
    legal_status: Option<String>,
}

/// What child and parents wanted to be heard.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ViewsShape {
    /// The child's views.
    child: Option<String>,
    /// How they were obtained.
    child_how: Option<String>,
    /// The parents' views.
    parents: Option<String>,
    /// How they were obtained.
    parents_how: Option<String>,
    /// In which language (BCP 47).
    language: Option<String>,
}

/// The active offer of an advocate.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdvocacyShape {
    /// When it was made.
    offered_on: Option<String>,
    /// By whom.
    offered_by: Option<String>,
    /// `accepted`, `declined`, `already-has`, `too-young` or `not-possible`.
    response: Option<String>,
}

/// What of a conference is said anew. What was decided cannot be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConferenceCorrectionRequest {
    /// Who chaired it.
    chair: Option<String>,
    /// Who that is at the identity provider (`issuer#subject`).
    chair_person: Option<String>,
    /// The language in which it was held (BCP 47).
    #[schema(example = "cy")]
    language: Option<String>,
    /// Whether enough were there, in the chair's judgement.
    quorate: Option<bool>,
    /// Why it went ahead without a quorum.
    quorum_reason: Option<String>,
    /// Why next dates lie beyond the limits, and which senior safeguarding manager authorised it.
    departure: Option<DepartureShape>,
    /// Who was there, and who should have been: all of them.
    #[serde(default)]
    attendance: Vec<AttendeeShape>,
    /// Views and advocacy of the children named; of the others they stay.
    #[serde(default)]
    children: Vec<VoiceShape>,
}

/// Views and advocacy of one child, said anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoiceShape {
    /// The child.
    child_id: Option<String>,
    /// Views of child and parents.
    views: Option<ViewsShape>,
    /// How the child took part: `PN0` to `PN7`.
    participation: Option<String>,
    /// The active offer of an advocate and the answer.
    advocacy: Option<AdvocacyShape>,
}

/// A conference.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConferenceView {
    /// Identifier.
    id: String,
    /// Which kind of conference.
    kind: String,
    /// Whose it was (GSS code).
    authority: String,
    /// `held` or `entered-in-error`.
    status: String,
    /// When it was held.
    held_on: NaiveDate,
    /// Who chaired it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Mair Bowen")]
    chair: Option<String>,
    /// Who that is at the identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://idp.example#chair-1")]
    chair_person: Option<String>,
    /// The language in which it was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cy")]
    language: Option<String>,
    /// Whether enough were there, in the chair's judgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    quorate: Option<bool>,
    /// Why it went ahead without a quorum.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Snow kept the police away; their report was read")]
    quorum_reason: Option<String>,
    /// Why next dates lie beyond the limits, and who authorised it.
    #[serde(skip_serializing_if = "Option::is_none")]
    departure: Option<DepartureView>,
    /// Who was there, and who should have been.
    attendance: Vec<AttendeeView>,
    /// The decisions, as far as the caller may know of the children.
    decisions: Vec<DecisionView>,
    /// What was taken although it is unusual, each with its rule.
    doubts: Vec<FieldError>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

/// Who was at a conference, or should have been.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttendeeView {
    /// Name.
    #[schema(example = "Ann Price")]
    name: String,
    /// Agency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Royal Gwent Hospital")]
    agency: Option<String>,
    /// What they are there, or to the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "health visitor")]
    role: Option<String>,
    /// How they took part.
    attendance: String,
    /// Whether they know the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_contact: Option<bool>,
}

/// What was decided about one child.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    /// Identifier of the fact.
    id: String,
    /// The child.
    child_id: String,
    /// The section 47 enquiry that led to it.
    #[serde(skip_serializing_if = "Option::is_none", rename = "section47Id")]
    section47_id: Option<String>,
    /// The entry that was made, kept or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// What was decided.
    decision: String,
    /// The categories that were decided.
    categories: Vec<String>,
    /// Whether all agreed; absent when nothing was said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    consensus: Option<bool>,
    /// Who did not agree, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The school thought that the plan should go on")]
    dissent: Option<String>,
    /// The reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The home is safe and warm, and has been for four months")]
    reasons: Option<String>,
    /// What they rest on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Eleven visits, the health visitor's report")]
    evidence: Option<String>,
    /// Views of child and parents.
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<ViewsView>,
    /// How the child took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "PN1")]
    participation: Option<String>,
    /// The active offer of an advocate.
    #[serde(skip_serializing_if = "Option::is_none")]
    advocacy: Option<AdvocacyView>,
    /// When the next review is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_review_on: Option<NaiveDate>,
    /// When the core group meets next.
    #[serde(skip_serializing_if = "Option::is_none")]
    core_group_on: Option<NaiveDate>,
}

/// What child and parents wanted to be heard.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViewsView {
    /// The child's views.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Wants to stay at home and see Nain on Saturdays")]
    child: Option<String>,
    /// How they were obtained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "drawn and told to the advocate")]
    child_how: Option<String>,
    /// The parents' views.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Agree with the plan")]
    parents: Option<String>,
    /// How they were obtained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "in person")]
    parents_how: Option<String>,
    /// In which language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cy")]
    language: Option<String>,
}

/// The active offer of an advocate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdvocacyView {
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    offered_on: Option<NaiveDate>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Elin Gwynne")]
    offered_by: Option<String>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "accepted")]
    response: Option<String>,
    /// Whether the child is entitled to an active offer and has had none; absent where there is no entitlement.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmet: Option<bool>,
}

/// A page of conferences.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConferenceList {
    /// The conferences, newest first.
    items: Vec<ConferenceView>,
    /// Where the next page is.
    links: Links,
}

impl AttendeeShape {
    fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewAttendee> {
        let name: Option<Line> = fields.required(&format!("{pointer}/name"), self.name.as_deref());
        let agency: Option<Line> = fields.optional(&format!("{pointer}/agency"), self.agency.as_deref());
        let role: Option<Line> = fields.optional(&format!("{pointer}/role"), self.role.as_deref());
        let attendance: Option<Attendance> = fields.required(&format!("{pointer}/attendance"), self.attendance.as_deref());
        Some(NewAttendee { name: name?, agency, role, attendance: attendance?, direct_contact: self.direct_contact })
    }
}

/// Reads views, participation and advocacy.
fn voice(
    pointer: &str,
    views: Option<&ViewsShape>,
    participation: Option<&str>,
    advocacy: Option<&AdvocacyShape>,
    fields: &mut Fields,
) -> Voice {
    let place = |item: &str| format!("{pointer}{item}");
    let code: Option<Line> = fields.optional(&place("/participation"), participation);
    let mut voice = Voice { participation: code.map(|code| code.expose().to_owned()), ..Voice::default() };
    if let Some(views) = views {
        voice.child = fields.optional(&place("/views/child"), views.child.as_deref());
        voice.child_how = fields.optional(&place("/views/childHow"), views.child_how.as_deref());
        voice.parents = fields.optional(&place("/views/parents"), views.parents.as_deref());
        voice.parents_how = fields.optional(&place("/views/parentsHow"), views.parents_how.as_deref());
        voice.language = fields.optional(&place("/views/language"), views.language.as_deref());
    }
    if let Some(advocacy) = advocacy {
        voice.offered_on = day(&place("/advocacy/offeredOn"), advocacy.offered_on.as_deref(), fields);
        voice.offered_by = fields.optional(&place("/advocacy/offeredBy"), advocacy.offered_by.as_deref());
        let response: Option<Line> = fields.optional(&place("/advocacy/response"), advocacy.response.as_deref());
        voice.response = response.map(|code| code.expose().to_owned());
    }
    voice
}

impl DecisionShape {
    fn read(&self, pointer: &str, fields: &mut Fields) -> Option<NewDecision> {
        let place = |item: &str| format!("{pointer}{item}");
        let child: Option<ChildId> = fields.required(&place("/childId"), self.child_id.as_deref());
        let section47: Option<Section47Id> = fields.optional(&place("/section47Id"), self.section47_id.as_deref());
        let registration: Option<RegistrationId> = fields.optional(&place("/registrationId"), self.registration_id.as_deref());
        let decision: Option<Decision> = fields.required(&place("/decision"), self.decision.as_deref());
        let categories = category_list(&place("/categories"), &self.categories, fields);
        if self.consensus.is_none() {
            fields.missing(&place("/consensus"));
        }
        let dissent: Option<Note> = fields.optional(&place("/dissent"), self.dissent.as_deref());
        let reasons: Option<Note> = fields.optional(&place("/reasons"), self.reasons.as_deref());
        let evidence: Option<Note> = fields.optional(&place("/evidence"), self.evidence.as_deref());
        let voice = voice(pointer, self.views.as_ref(), self.participation.as_deref(), self.advocacy.as_ref(), fields);
        let registered_on = day(&place("/registeredOn"), self.registered_on.as_deref(), fields);
        let removed_on = day(&place("/removedOn"), self.removed_on.as_deref(), fields);
        let coordinator = self.coordinator.as_ref().and_then(|shape| shape.read(&place("/coordinator"), fields));
        let core_group = self.core_group.as_ref().map(|shapes| members(&place("/coreGroup"), shapes, fields));
        let next_review_on = day(&place("/nextReviewOn"), self.next_review_on.as_deref(), fields);
        let core_group_on = day(&place("/coreGroupOn"), self.core_group_on.as_deref(), fields);
        let legal_status: Option<LegalStatusCode> = fields.optional(&place("/legalStatus"), self.legal_status.as_deref());
        Some(NewDecision {
            child: child?,
            section47,
            registration,
            decision: decision?,
            categories,
            consensus: self.consensus?,
            dissent,
            reasons,
            evidence,
            voice,
            registered_on,
            removed_on,
            coordinator,
            core_group,
            next_review_on,
            core_group_on,
            legal_status,
        })
    }
}

/// The items of a conference that can be corrected, as they stand in both requests.
struct Said<'a> {
    chair: Option<&'a str>,
    chair_person: Option<&'a str>,
    language: Option<&'a str>,
    quorate: Option<bool>,
    quorum_reason: Option<&'a str>,
    departure: Option<&'a DepartureShape>,
    attendance: &'a [AttendeeShape],
}

impl Said<'_> {
    fn read(&self, principal: &Principal, fields: &mut Fields) -> Particulars {
        let chair: Option<Line> = fields.optional("/chair", self.chair);
        let named: Option<Line> = fields.optional("/chairPerson", self.chair_person);
        let named = named.map(|person| person.expose().to_owned());
        let is_chair = principal.role == Role::ConferenceChair;
        if is_chair && named.as_ref().is_some_and(|person| *person != principal.key()) {
            fields.broken(Broken::at("/chairPerson", &RecordViolation::NotTheChair));
        }
        let language: Option<PreferredLanguage> = fields.optional("/language", self.language);
        let quorum_reason: Option<Note> = fields.optional("/quorumReason", self.quorum_reason);
        let (departure_reason, departure_approved_by) = DepartureShape::read(self.departure, fields);
        let shapes = fields.bounded("/attendance", self.attendance, ATTENDANCE).iter().enumerate();
        let attendance = shapes.filter_map(|(index, shape)| shape.read(&format!("/attendance/{index}"), fields)).collect();
        Particulars {
            chair,
            // What a chair records is theirs.
            chair_person: named.or_else(|| is_chair.then(|| principal.key())),
            language,
            quorate: self.quorate,
            quorum_reason,
            departure_reason,
            departure_approved_by,
            attendance,
        }
    }
}

impl ConferenceRequest {
    fn read(&self, principal: &Principal) -> Result<NewConference, Problem> {
        let mut fields = Fields::default();
        let kind: Option<ConferenceKind> = fields.required("/kind", self.kind.as_deref());
        let authority: Option<GssCode> = fields.required("/authority", self.authority.as_deref());
        if self.held_on.is_none() {
            fields.missing("/heldOn");
        }
        let held_on = day("/heldOn", self.held_on.as_deref(), &mut fields);
        let said = Said {
            chair: self.chair.as_deref(),
            chair_person: self.chair_person.as_deref(),
            language: self.language.as_deref(),
            quorate: self.quorate,
            quorum_reason: self.quorum_reason.as_deref(),
            departure: self.departure.as_ref(),
            attendance: &self.attendance,
        };
        let particulars = said.read(principal, &mut fields);
        let shapes = fields.bounded("/decisions", &self.decisions, CHILDREN).iter().enumerate();
        let decisions = shapes.filter_map(|(index, shape)| shape.read(&format!("/decisions/{index}"), &mut fields)).collect();
        let read = (|| Some(NewConference { kind: kind?, authority: authority?, held_on: held_on?, particulars, decisions }))();
        fields.finish(read)
    }
}

impl ConferenceCorrectionRequest {
    fn read(&self, principal: &Principal) -> Result<Correction, Problem> {
        let mut fields = Fields::default();
        let said = Said {
            chair: self.chair.as_deref(),
            chair_person: self.chair_person.as_deref(),
            language: self.language.as_deref(),
            quorate: self.quorate,
            quorum_reason: self.quorum_reason.as_deref(),
            departure: self.departure.as_ref(),
            attendance: &self.attendance,
        };
        let particulars = said.read(principal, &mut fields);
        let mut voices = Vec::new();
        for (index, shape) in fields.bounded("/children", &self.children, CHILDREN).iter().enumerate() {
            let pointer = format!("/children/{index}");
            let child: Option<ChildId> = fields.required(&format!("{pointer}/childId"), shape.child_id.as_deref());
            let voice = voice(&pointer, shape.views.as_ref(), shape.participation.as_deref(), shape.advocacy.as_ref(), &mut fields);
            voices.extend(child.map(|child| (child, voice)));
        }
        fields.finish(Some(Correction { particulars, voices }))
    }
}

impl AttendeeView {
    fn new(row: &AttendeeRow) -> Self {
        Self {
            name: row.name.clone(),
            agency: row.agency.clone(),
            role: row.role.clone(),
            attendance: row.attendance.clone(),
            direct_contact: row.direct_contact,
        }
    }
}

impl DecisionView {
    fn new(held: &Held, row: &DecisionRow, region: &Region) -> Self {
        let views = ViewsView {
            child: row.child_views.clone(),
            child_how: row.child_views_how.clone(),
            parents: row.parent_views.clone(),
            parents_how: row.parent_views_how.clone(),
            language: row.views_language.clone(),
        };
        let said = [&views.child, &views.child_how, &views.parents, &views.parents_how, &views.language];
        let any_views = said.iter().any(|item| item.is_some());
        let advocacy = AdvocacyView {
            offered_on: row.advocacy_offered_on,
            offered_by: row.advocacy_offered_by.clone(),
            response: row.advocacy_response.clone(),
            unmet: held.advocacy_unmet(region, row),
        };
        let any_advocacy = advocacy.unmet.is_some() || advocacy.offered_on.is_some() || advocacy.response.is_some();
        Self {
            id: row.id.0.to_string(),
            child_id: row.child_id.0.to_string(),
            section47_id: row.section47_id.map(|id| id.0.to_string()),
            registration_id: row.registration_id.map(|id| id.0.to_string()),
            decision: row.decision.clone(),
            categories: conferences::categories(row),
            consensus: row.consensus,
            dissent: row.dissent.clone(),
            reasons: row.reasons.clone(),
            evidence: row.evidence.clone(),
            views: any_views.then_some(views),
            participation: row.child_participation.clone(),
            advocacy: any_advocacy.then_some(advocacy),
            next_review_on: row.review_due_on,
            core_group_on: row.core_group_due_on,
        }
    }
}

impl ConferenceView {
    fn new(held: &Held, region: &Region, now: DateTime<Utc>, language: Language) -> Self {
        let state = &held.state;
        Self {
            id: held.row.id.0.to_string(),
            kind: state.kind.clone(),
            authority: held.row.authority.clone(),
            status: if state.entered_in_error { "entered-in-error" } else { "held" }.to_owned(),
            held_on: state.held_on,
            chair: state.chair.clone(),
            chair_person: state.chair_person.clone(),
            language: state.language.clone(),
            quorate: state.quorate,
            quorum_reason: state.quorum_reason.clone(),
            departure: DepartureView::new(state.departure_reason.as_ref(), state.departure_approved_by.as_ref()),
            attendance: held.attendees.iter().map(AttendeeView::new).collect(),
            decisions: held.decisions.iter().map(|row| DecisionView::new(held, row, region)).collect(),
            doubts: held.doubts(region, today(now)).into_iter().map(|doubt| FieldError::from(doubt).said(language)).collect(),
            recorded_at: state.recorded_at.get(),
        }
    }
}

/// Record a conference
///
/// With a decision for each child by itself: a registered child gets an entry, a continued one its next review, a removed one
/// comes off the register. All of it happens in one transaction: a rule that one decision breaks refuses the whole and is
/// named with its place.
#[utoipa::path(
    post, path = "/v1/conferences", operation_id = "addConference", tag = "Conferences",
    params(super::openapi::IdempotencyKey), request_body = ConferenceRequest,
    responses((status = 201, description = "The conference", body = ConferenceView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddConference>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let writer = Arc::clone(&principal);
    let by = principal.key();
    let (reading, region) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<ConferenceRequest>()?, |_, body| {
                    let new = body.read(&principal)?;
                    reading.within_scope(&principal, new.authority.as_str())?;
                    Ok(new)
                })
            },
            move |tx, once| {
                once.make(tx, |tx, new| {
                    let held = conferences::record(tx, &region, new, &writer, &by)?;
                    let view = ConferenceView::new(&held, &region, tx.now(), language);
                    created(Some(format!("/v1/conferences/{}", held.row.id.0)), Some(etag(held.row.version)), &view)
                })
            },
        )
        .await
        .map(kept)
}

/// Read a conference
///
/// A chair reads the conferences they chaired; a co-ordinator only the decisions about children whose cases they co-ordinate.
#[utoipa::path(
    get, path = "/v1/conferences/{id}", operation_id = "readConference", tag = "Conferences",
    params(("id" = String, Path, description = "Identifier of the conference")),
    responses((status = 200, description = "The conference", body = ConferenceView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadConference>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: ConferenceId = incoming.id()?;
            let held = conferences::find(snapshot.connection, id, &principal, reach)?;
            incoming.reading()?;
            for decision in &held.decisions {
                snapshot.audit().child(decision.child_id);
            }
            item(held.row.version, &ConferenceView::new(&held, &region, snapshot.now(), language))
        })
        .await
        .map(kept)
}

/// List conferences
///
/// Those of the caller's authorities, those that the caller chaired, or those about children whose cases the caller
/// co-ordinates; `child` narrows to one child.
#[utoipa::path(
    get, path = "/v1/conferences", operation_id = "listConferences", tag = "Conferences", params(ChildQuery),
    responses((status = 200, description = "A page of conferences, newest first", body = ConferenceList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListConferences>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    let whose = match reach {
        Reach::Scope => Whose::Authorities(work_lists(&principal, &region)),
        Reach::Own => conferences::own(&principal),
    };
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: ChildQuery = incoming.query()?;
            let (child, page) = query.read()?;
            let rows = ConferenceRow::list(snapshot.connection, &whose, child, page.before::<uuid::Uuid>().map(Id), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/conferences", |row| row.id.0);
            let mut items = Vec::new();
            for held in conferences::assemble(snapshot.connection, rows)? {
                let Some(held) = conferences::seen_by(snapshot.connection, held, &principal, reach)? else { continue };
                for decision in &held.decisions {
                    snapshot.audit().child(decision.child_id);
                }
                items.push(ConferenceView::new(&held, &region, snapshot.now(), language));
            }
            if items.is_empty() {
                snapshot.audit().empty();
            }
            list(&ConferenceList { items, links })
        })
        .await
        .map(kept)
}

/// Changes a conference that the caller may see.
async fn alter<A: Action, Change: Send + Sync + 'static, Body: DeserializeOwned + 'static>(
    gate: Gate<A>,
    read: fn(&Body, &Principal) -> Result<Change, Problem>,
    write: fn(&mut Tx<'_>, &Region, &Held, &Change, &str) -> Result<Held, RegisterError>,
) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let held = conferences::find(snapshot.connection, incoming.id::<ConferenceId>()?, &principal, reach)?;
                let body: Body = incoming.change(held.row.version)?;
                let change = read(&body, &principal)?;
                Ok((held, change))
            },
            move |tx, (held, change): &(Held, Change)| {
                let held = write(tx, &region, held, change, &by)?;
                item::<ConferenceView>(held.row.version, &ConferenceView::new(&held, &region, tx.now(), language))
            },
        )
        .await
        .map(kept)
}

/// Correct a conference
///
/// Chair, language, quorum, attendance, views and advocacy are said anew; what was held before stays in the history. What was
/// decided has effect and is undone only by marking the conference, or the entry, as entered in error.
#[utoipa::path(
    put, path = "/v1/conferences/{id}", operation_id = "correctConference", tag = "Conferences",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the conference")),
    request_body = ConferenceCorrectionRequest,
    responses((status = 200, description = "The conference", body = ConferenceView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn correct(gate: Gate<action::CorrectConference>) -> Result<HttpResponse, Problem> {
    alter(gate, ConferenceCorrectionRequest::read, |tx, region, held, correction: &Correction, by| {
        conferences::correct(tx, region, held, correction, by)
    })
    .await
}

/// Mark a conference as entered in error
///
/// Refused while an entry rests on it: mark that first. A removal that it decided is undone, and a review date that it set is
/// taken back. Nothing is deleted.
#[utoipa::path(
    post, path = "/v1/conferences/{id}/entered-in-error", operation_id = "markConferenceInError", tag = "Conferences",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the conference")), request_body = ReasonRequest,
    responses((status = 200, description = "The conference", body = ConferenceView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn mark_in_error(gate: Gate<action::MarkConferenceInError>) -> Result<HttpResponse, Problem> {
    alter(
        gate,
        |body: &ReasonRequest, _| body.read(),
        |tx, region, held, reason: &Note, by| conferences::mark_in_error(tx, region, held, reason.expose(), by),
    )
    .await
}
