//! `/v1/alerts`: missing children, from "whereabouts unknown" to the stand-down of everybody who looked out for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::Fields;
use super::gate::{Gate, Incoming, etag};
use super::named::entry_in_body;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, PossibleStep, Problem};
use super::respond::{created, item, kept, list};
use super::transfers::SignatureView;
use crate::authz::policy::action;
use crate::authz::{Principal, Reach};
use crate::domain::custody::alert::{AlertStatus, ClosureReason, MissingPath, Recipient, Report, ReportKey, RiskLevel};
use crate::domain::custody::{Duty, Nature};
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::{AlertId, ChildId, RegistrationId, SightingId};
use crate::domain::roles::Sector;
use crate::domain::text::{Line, Note};
use crate::matching::NameKind;
use crate::register::alerts::acts::Found;
use crate::register::alerts::particulars::{Details, LastSeen, Name, Notified, ReportDetails};
use crate::register::alerts::{self, Act, Held, NewAlert, Step};
use crate::register::idempotency::Answer;
use crate::register::registrations::{self, Registration};
use crate::register::transfers::{Actor, coordinated};
use crate::register::{Region, RegisterError, children, work_lists};
use crate::store::Snapshot;
use crate::store::alerts::{AlertRow, AlertStepRow, ReportRow, Whose};
use crate::store::connection::AnyConnection;
use crate::store::types::Id;

/// Most regions or sectors in a list: more than there are.
const ITEMS_MAX: usize = 500;

/// When and where the child was last seen.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastSeenShape {
    /// When.
    #[schema(example = "2026-11-16T15:40:00Z")]
    at: Option<String>,
    /// Where.
    #[schema(example = "Outside the leisure centre, with a holdall")]
    place: Option<String>,
}

/// Who was told, and when.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotifiedShape {
    /// When.
    #[schema(example = "2026-11-16T17:05:00Z")]
    at: Option<String>,
    /// Who.
    #[schema(example = "PC 4417 Rees")]
    name: Option<String>,
    /// Their reference.
    #[schema(example = "SWP-2026-118834")]
    reference: Option<String>,
}

/// What is said of the matter. It goes to every region to which the alert is circulated: no confidential address may stand in it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertDetailsShape {
    /// When and where the child was last seen.
    last_seen: Option<LastSeenShape>,
    /// How great the risk is: `high`, `medium` or `low`.
    #[schema(example = "high")]
    risk: Option<String>,
    /// Which risk.
    #[schema(example = "Exploitation by older men; needs insulin twice a day")]
    risk_note: Option<String>,
    /// Who may be with the child.
    #[schema(example = "Her mother's former partner")]
    companions: Option<String>,
    /// What whoever meets the child is to do. Every enquirer whose question is about the child is told these words, and no others.
    #[schema(example = "Keep the child with you if you can do so safely. Do not tell the family that you have rung.")]
    instructions: Option<String>,
    /// The police were told.
    police: Option<NotifiedShape>,
    /// The manager was told.
    manager: Option<NotifiedShape>,
    /// The sectors to which recipients pass it on. Whoever asks about the child is told of it in every sector.
    #[schema(example = json!(["health", "police", "education"]))]
    sectors: Option<Vec<String>>,
}

/// A child is missing, or a family is not where it is expected.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertRequest {
    /// The entry of the child. Or:
    registration_id: Option<String>,
    /// The child: it is about the entry in force.
    child_id: Option<String>,
    /// `child-missing` (others are at home, or from care) or `family-not-where-expected`.
    #[schema(example = "child-missing")]
    path: Option<String>,
    /// Whether it is an exercise: everybody it reaches is told so, and nobody is rung for it.
    #[schema(example = false)]
    exercise: Option<bool>,
    /// What is said of the matter.
    details: Option<AlertDetailsShape>,
    /// What happened. Kept here.
    #[schema(example = "She did not come home from school; the house is empty")]
    note: Option<String>,
}

/// What is said with a step. Each step takes the items that belong to it; any other is refused.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertStepRequest {
    /// `circulate`, `update`: what else is said of the matter. What is left out stays as it is.
    details: Option<AlertDetailsShape>,
    /// `circulate`: to which regions. Left out: to every other one.
    #[schema(example = json!(["west-midlands"]))]
    regions: Option<Vec<String>>,
    /// `circulate`, `decline`, `renew`: by when it is confirmed or decided anew; within a week, and a week when left out.
    #[schema(example = "2026-11-20T09:00:00Z")]
    review_by: Option<String>,
    /// `stand-down`: `raised-by-mistake`, `removed`, `reached-eighteen`, `died` or `exercise-over`.
    #[schema(example = "raised-by-mistake")]
    reason: Option<String>,
    /// `locate`: the named person who has seen the child. `sighting`: who saw them.
    #[schema(example = "Sister Ruth Adeyemi")]
    seen_by: Option<String>,
    /// `locate`, `sighting`: when; now when left out.
    #[schema(example = "2026-11-17T02:25:00Z")]
    seen_at: Option<String>,
    /// `sighting`: where.
    #[schema(example = "Birmingham New Street station")]
    place: Option<String>,
    /// `locate`: the authority in whose area the child was found (GSS code). Of another one, a move to it is begun.
    #[schema(example = "E08000025")]
    found_in: Option<String>,
    /// `locate`: as in a move: whether the family has gone there for good. Left out while that is not certain.
    #[schema(example = "permanent")]
    nature: Option<String>,
    /// `read-sighting`: which.
    sighting_id: Option<String>,
    /// In words; needed for `circulate` and `decline` (the reasons) and for `sighting`.
    #[schema(example = "She has been gone since Monday and is at risk of serious harm")]
    note: Option<String>,
}

/// Which alerts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only those that stand so: `raised`, `not-circulated`, `active` or `closed`.
    #[param(example = "active")]
    pub status: Option<String>,
    /// Only those of this child (identifier).
    pub child: Option<String>,
    /// Where to go on: `links.next` of the page before.
    pub cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
}

/// The authority that leads.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertOwnerView {
    /// GSS code.
    #[schema(example = "W06000011")]
    code: String,
    /// Its name.
    #[schema(example = "Swansea")]
    name: String,
    /// Its region.
    #[schema(example = "west-glamorgan")]
    region: String,
}

/// A name of the child who is sought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoughtNameView {
    /// `current`, `alias` or `former`.
    #[schema(example = "alias")]
    kind: String,
    /// Forename.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Haf")]
    given: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Mair")]
    middle: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Beynon")]
    family: Option<String>,
}

/// The child who is sought: as much as it takes to know them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoughtView {
    /// Names, aliases and former names among them.
    names: Vec<SoughtNameView>,
    /// Date of birth, or the first possible one.
    #[serde(skip_serializing_if = "Option::is_none")]
    born_from: Option<NaiveDate>,
    /// The last possible one, of a child whose date of birth is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    born_to: Option<NaiveDate>,
    /// When a child who is not born yet is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_on: Option<NaiveDate>,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "female")]
    sex: Option<String>,
    /// Health numbers.
    numbers: Vec<String>,
    /// The mother, of a child who is not born yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    mother: Option<SoughtNameView>,
    /// Whether the record is shielded: nobody is told where the child is.
    shielded: bool,
}

/// When and where the child was last seen.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastSeenView {
    /// When.
    at: DateTime<Utc>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Outside the leisure centre, with a holdall")]
    place: Option<String>,
}

/// Who was told, and when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifiedView {
    /// When.
    at: DateTime<Utc>,
    /// Who.
    #[schema(example = "PC 4417 Rees")]
    name: String,
    /// Their reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "SWP-2026-118834")]
    reference: Option<String>,
}

/// What is said of the matter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertDetailsView {
    /// When and where the child was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<LastSeenView>,
    /// How great the risk is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "high")]
    risk: Option<String>,
    /// Which risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Needs insulin twice a day")]
    risk_note: Option<String>,
    /// Who may be with the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Her mother's former partner")]
    companions: Option<String>,
    /// What whoever meets the child is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Keep the child with you if you can do so safely.")]
    instructions: Option<String>,
    /// The police were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    police: Option<NotifiedView>,
    /// The manager was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<NotifiedView>,
    /// The sectors to which recipients pass it on.
    #[schema(example = json!(["health", "police"]))]
    sectors: Vec<String>,
}

/// Something that is to be done by a time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertDutyView {
    /// What.
    #[schema(example = "alert-seen")]
    code: String,
    /// Since when it runs.
    since: DateTime<Utc>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    /// How far it has been escalated: `none`, `first`, `second` or `third`.
    #[schema(example = "none")]
    level: String,
}

/// A region to which the alert goes, and how far it has come with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecipientView {
    /// The region.
    #[schema(example = "west-midlands")]
    region: String,
    /// Whether its register has stored the present version. That is no acknowledgement.
    delivered: bool,
    /// Whether a person there has opened the present version.
    acknowledged: bool,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<SignatureView>,
    /// Whether it has searched its own register and the enquiries made to it.
    searched: bool,
    /// Whether it found anything; each find is among the reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<bool>,
    /// What is to be done there by when.
    duties: Vec<AlertDutyView>,
}

/// What was reported: an enquiry about the child, a record that may be theirs, or a sighting.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertReportView {
    /// Identifier, for `read-sighting`; absent for a closure.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `enquiry`, `record`, `sighting`, or `closure`: an earlier owner had closed the alert when this one took it over.
    #[schema(example = "enquiry")]
    kind: String,
    /// The region where it was made.
    #[schema(example = "west-midlands")]
    region: String,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    /// How sure it is that it is this child.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "probable")]
    grade: Option<String>,
    /// Who asked, or whose the record is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Birmingham Children's Hospital")]
    agency: Option<String>,
    /// In which role they asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "partner")]
    role: Option<String>,
    /// Why they asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hospital-attendance")]
    reason: Option<String>,
    /// The number on which they were rung back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01632 960123")]
    call_back: Option<String>,
    /// Where the child was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Birmingham New Street station")]
    place: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "A guard")]
    seen_by: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Alone, on platform 4")]
    note: Option<String>,
    /// When it was stored here.
    stored_at: DateTime<Utc>,
    /// Whether it is with the owner.
    with_owner: bool,
    /// Who read it at the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<SignatureView>,
}

/// What a person of this region did about an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertStepView {
    /// What: `raise` or a step.
    #[schema(example = "circulate")]
    action: String,
    /// At which authority (GSS code), or the region's code.
    #[schema(example = "W06000011")]
    authority: String,
    /// Who.
    by: SignatureView,
    /// The reason, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "located-and-seen")]
    reason: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "She has been gone since Monday and is at risk of serious harm")]
    note: Option<String>,
}

/// The child was found, and seen by a named person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocatedView {
    /// Who saw the child.
    #[schema(example = "Sister Ruth Adeyemi")]
    seen_by: String,
    /// When.
    at: DateTime<Utc>,
    /// In the area of which authority (GSS code); absent for the own one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "E08000025")]
    found_in: Option<String>,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertView {
    /// Identifier: the same in every region.
    id: String,
    /// `raised`, `not-circulated`, `active` or `closed`.
    #[schema(example = "active")]
    status: String,
    /// `child-missing` or `family-not-where-expected`.
    #[schema(example = "child-missing")]
    path: String,
    /// Whether it is an exercise: nobody is missing.
    exercise: bool,
    /// Whether this region owns it.
    own: bool,
    /// The authority that leads.
    owner: AlertOwnerView,
    /// The child, in the region that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// The entry under which it was raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// Who is sought. Of an alert that was stood down only the region that owns it keeps this.
    child: SoughtView,
    /// What is said of the matter.
    details: AlertDetailsView,
    /// What the procedures ask for and nobody has recorded: `police`, `manager`, `lastSeen`, `risk`, `instructions`.
    missing: Vec<String>,
    /// The regions to which it goes.
    regions: Vec<String>,
    /// By when it is confirmed, or decided anew; absent while nothing is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    review_by: Option<DateTime<Utc>>,
    /// Whether it should have been confirmed and was not. It is live all the same.
    stale: bool,
    /// For how many hours it has been stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_hours: Option<i64>,
    /// Why it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closure: Option<String>,
    /// The child was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    located: Option<LocatedView>,
    /// The move that was begun when the child was found in another area.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_id: Option<String>,
    /// At the owner: every region to which it goes.
    recipients: Vec<AlertRecipientView>,
    /// At a recipient: who opened the present version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<SignatureView>,
    /// At a recipient: whether this register was searched, and whether anything was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<bool>,
    /// What was reported, oldest first.
    reports: Vec<AlertReportView>,
    /// What is to be done here by when.
    duties: Vec<AlertDutyView>,
    /// What people of this region did, oldest first.
    steps: Vec<AlertStepView>,
    /// What may be done now, at which authority and by whom.
    possible: Vec<PossibleStep>,
    /// When it was raised, or came here.
    created_at: DateTime<Utc>,
    /// When anything of it changed last.
    changed_at: DateTime<Utc>,
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertList {
    /// The alerts, newest first.
    items: Vec<AlertView>,
    /// Where the next page is.
    links: Links,
}

fn instant(pointer: &str, text: Option<&str>, fields: &mut Fields) -> Option<DateTime<Utc>> {
    match text.map(DateTime::parse_from_rfc3339)? {
        Ok(at) => Some(at.with_timezone(&Utc)),
        Err(_) => {
            fields.note(pointer, "not-an-instant", "write date and time with the zone, as 2026-11-22T02:08:00Z");
            None
        }
    }
}

/// An instant that cannot be still to come.
fn past(pointer: &str, text: Option<&str>, now: DateTime<Utc>, fields: &mut Fields) -> Option<DateTime<Utc>> {
    let at = instant(pointer, text, fields)?;
    if at > now + crate::domain::verification::CLOCK_DIFFERENCE_MAX {
        fields.note(pointer, "in-the-future", "give a time that has come");
    }
    Some(at)
}

fn line(pointer: &str, text: Option<&str>, fields: &mut Fields) -> Option<String> {
    fields.optional::<Line>(pointer, text).map(|line| line.expose().to_owned())
}

fn words(pointer: &str, text: Option<&str>, fields: &mut Fields) -> Option<String> {
    fields.optional::<Note>(pointer, text).map(|note| note.expose().to_owned())
}

impl NotifiedShape {
    fn read(shape: Option<&Self>, pointer: &str, now: DateTime<Utc>, fields: &mut Fields) -> Option<Notified> {
        let shape = shape?;
        for (name, missing) in [("at", shape.at.is_none()), ("name", shape.name.is_none())] {
            if missing {
                fields.missing(&format!("{pointer}/{name}"));
            }
        }
        let at = past(&format!("{pointer}/at"), shape.at.as_deref(), now, fields);
        let name = line(&format!("{pointer}/name"), shape.name.as_deref(), fields);
        let reference = line(&format!("{pointer}/reference"), shape.reference.as_deref(), fields);
        Some(Notified { at: at?, name: name?, reference })
    }
}

impl AlertDetailsShape {
    fn read(shape: Option<&Self>, now: DateTime<Utc>, fields: &mut Fields) -> Details {
        let Some(shape) = shape else { return Details::default() };
        let last_seen = shape.last_seen.as_ref().and_then(|seen| {
            if seen.at.is_none() {
                fields.missing("/details/lastSeen/at");
            }
            let at = past("/details/lastSeen/at", seen.at.as_deref(), now, fields);
            let place = words("/details/lastSeen/place", seen.place.as_deref(), fields);
            Some(LastSeen { at: at?, place })
        });
        let given = shape.sectors.as_deref().unwrap_or_default();
        let sectors = fields.bounded("/details/sectors", given, ITEMS_MAX).to_vec();
        let sectors = sectors.iter().enumerate().filter_map(|(index, code)| {
            fields.required::<Sector>(&format!("/details/sectors/{index}"), Some(code)).map(|sector| sector.as_str().to_owned())
        });
        let sectors: BTreeSet<String> = sectors.collect();
        Details {
            last_seen,
            risk: fields.optional::<RiskLevel>("/details/risk", shape.risk.as_deref()).map(|risk| risk.as_str().to_owned()),
            risk_note: words("/details/riskNote", shape.risk_note.as_deref(), fields),
            companions: words("/details/companions", shape.companions.as_deref(), fields),
            instructions: words("/details/instructions", shape.instructions.as_deref(), fields),
            police: NotifiedShape::read(shape.police.as_ref(), "/details/police", now, fields),
            manager: NotifiedShape::read(shape.manager.as_ref(), "/details/manager", now, fields),
            sectors: sectors.into_iter().collect(),
        }
    }
}

/// About whom an alert is raised.
enum About {
    Entry(RegistrationId),
    Child(ChildId),
}

impl About {
    /// The entry, of those that the caller may see.
    fn entry(&self, snapshot: &mut Snapshot<'_>, principal: &Principal, reach: Reach) -> Result<Registration, Problem> {
        let mut fields = Fields::default();
        let found = match self {
            Self::Entry(id) => entry_in_body(snapshot, *id, principal, reach, "/registrationId", &mut fields)?,
            Self::Child(id) => {
                let today = children::today(snapshot.now());
                match registrations::find_in_force(snapshot.connection, *id, principal, reach, today) {
                    Ok(entry) => {
                        snapshot.audit().child(entry.row.child_id);
                        Some(entry)
                    }
                    Err(RegisterError::NotFound) => {
                        fields.note("/childId", "unknown-child", "give the id of a person on this register");
                        None
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        fields.finish(found)
    }
}

impl AlertRequest {
    fn read(&self, now: DateTime<Utc>) -> Result<(About, NewAlert), Problem> {
        let mut fields = Fields::default();
        let about = match (self.registration_id.as_deref(), self.child_id.as_deref()) {
            (entry, None) => fields.required("/registrationId", entry).map(About::Entry),
            (None, child) => fields.required("/childId", child).map(About::Child),
            (Some(_), Some(_)) => {
                fields.note("/childId", "entry-or-child", "name the entry or the child, not both");
                None
            }
        };
        let path: Option<MissingPath> = fields.required("/path", self.path.as_deref());
        let details = AlertDetailsShape::read(self.details.as_ref(), now, &mut fields);
        let words: Option<Note> = fields.optional("/note", self.note.as_deref());
        let exercise = self.exercise.unwrap_or(false);
        let read = about.zip(path).map(|(about, path)| (about, NewAlert { path, exercise, details, words }));
        fields.finish(read)
    }
}

impl AlertStepRequest {
    /// The items that are there, by name.
    fn given(&self) -> [(&'static str, bool); 10] {
        [
            ("details", self.details.is_some()),
            ("regions", self.regions.is_some()),
            ("reviewBy", self.review_by.is_some()),
            ("reason", self.reason.is_some()),
            ("seenBy", self.seen_by.is_some()),
            ("seenAt", self.seen_at.is_some()),
            ("place", self.place.is_some()),
            ("foundIn", self.found_in.is_some()),
            ("nature", self.nature.is_some()),
            ("sightingId", self.sighting_id.is_some()),
        ]
    }

    fn read(&self, step: Step, region: &RegionCode, by: &Actor, now: DateTime<Utc>) -> Result<(Act, Option<Note>), Problem> {
        let mut fields = Fields::default();
        let own: &[&str] = match step {
            Step::Circulate => &["details", "regions", "reviewBy"],
            Step::Update => &["details"],
            Step::Decline | Step::Renew => &["reviewBy"],
            Step::Locate => &["seenBy", "seenAt", "foundIn", "nature"],
            Step::StandDown => &["reason"],
            Step::Read => &["sightingId"],
            Step::Sighting => &["seenBy", "seenAt", "place"],
            Step::Authorise | Step::Acknowledge | Step::Search => &[],
        };
        for (name, _) in self.given().into_iter().filter(|(name, given)| *given && !own.contains(name)) {
            fields.note(&format!("/{name}"), "not-of-this-step", "leave it out: it does not belong to this step");
        }
        let note: Option<Note> = fields.optional("/note", self.note.as_deref());
        // What is decided is decided with reasons; a sighting says what was seen.
        if matches!(step, Step::Circulate | Step::Decline | Step::Sighting) && self.note.is_none() {
            fields.missing("/note");
        }
        let act = self.act(step, region, by, now, &mut fields);
        fields.finish(act).map(|act| (act, note))
    }

    fn regions(&self, fields: &mut Fields) -> Option<BTreeSet<RegionCode>> {
        let given = self.regions.as_deref()?;
        let bounded = fields.bounded("/regions", given, ITEMS_MAX).to_vec();
        let mut read = BTreeSet::new();
        for (index, code) in bounded.iter().enumerate() {
            match code.parse() {
                Ok(code) => drop(read.insert(code)),
                Err(_) => fields.note(&format!("/regions/{index}"), "unknown-region", "use region codes from the directory"),
            }
        }
        Some(read)
    }

    fn act(&self, step: Step, region: &RegionCode, by: &Actor, now: DateTime<Utc>, fields: &mut Fields) -> Option<Act> {
        let review_by = instant("/reviewBy", self.review_by.as_deref(), fields);
        Some(match step {
            Step::Authorise => Act::Authorise,
            Step::Circulate => {
                let details = AlertDetailsShape::read(self.details.as_ref(), now, fields);
                Act::Circulate { regions: self.regions(fields), review_by, details }
            }
            Step::Decline => Act::Decline { review_by },
            Step::Update => {
                if self.details.is_none() {
                    fields.missing("/details");
                }
                Act::Update(AlertDetailsShape::read(self.details.as_ref(), now, fields))
            }
            Step::Renew => Act::Renew { review_by },
            Step::Locate => {
                let found_in: Option<GssCode> = fields.optional("/foundIn", self.found_in.as_deref());
                let nature: Option<Nature> = fields.optional("/nature", self.nature.as_deref());
                let seen_at = past("/seenAt", self.seen_at.as_deref(), now, fields);
                let seen_by: Line = fields.required("/seenBy", self.seen_by.as_deref())?;
                Act::Locate(Found { seen_by: seen_by.expose().to_owned(), at: seen_at, found_in, nature })
            }
            Step::StandDown => {
                let reason: ClosureReason = fields.required("/reason", self.reason.as_deref())?;
                if reason == ClosureReason::LocatedAndSeen {
                    fields.note("/reason", "use-locate", "a child who was found is located: say who has seen them");
                }
                Act::StandDown(reason)
            }
            Step::Read => Act::Read(fields.required::<SightingId>("/sightingId", self.sighting_id.as_deref())?),
            Step::Acknowledge => Act::Acknowledge,
            Step::Search => Act::Search,
            Step::Sighting => {
                let at = past("/seenAt", self.seen_at.as_deref(), now, fields).unwrap_or(now);
                Act::Sighting(Box::new(ReportDetails {
                    kind: "sighting".into(),
                    region: region.to_string(),
                    at,
                    grade: None,
                    agency: None,
                    role: Some(by.role.as_str().into()),
                    reason: None,
                    call_back: None,
                    place: words("/place", self.place.as_deref(), fields),
                    seen_by: line("/seenBy", self.seen_by.as_deref(), fields).or_else(|| Some(by.name.expose().to_owned())),
                    note: words("/note", self.note.as_deref(), fields),
                }))
            }
        })
    }
}

impl SoughtNameView {
    fn new(name: &Name) -> Self {
        let kind = match name.kind {
            NameKind::Current => "current",
            NameKind::Alias => "alias",
            NameKind::Former => "former",
        };
        Self { kind: kind.to_owned(), given: name.given.clone(), middle: name.middle.clone(), family: name.family.clone() }
    }
}

impl NotifiedView {
    fn new(notified: &Notified) -> Self {
        Self { at: notified.at, name: notified.name.clone(), reference: notified.reference.clone() }
    }
}

impl AlertDetailsView {
    fn new(details: &Details) -> Self {
        Self {
            last_seen: details.last_seen.as_ref().map(|seen| LastSeenView { at: seen.at, place: seen.place.clone() }),
            risk: details.risk.clone(),
            risk_note: details.risk_note.clone(),
            companions: details.companions.clone(),
            instructions: details.instructions.clone(),
            police: details.police.as_ref().map(NotifiedView::new),
            manager: details.manager.as_ref().map(NotifiedView::new),
            sectors: details.sectors.clone(),
        }
    }
}

fn duties<'a>(region: &Region, held: &Held, running: impl IntoIterator<Item = &'a Duty>) -> Vec<AlertDutyView> {
    let one = |duty: &Duty| AlertDutyView {
        code: duty.kind.as_str().to_owned(),
        since: duty.since,
        due_at: held.due_at(region, duty),
        level: duty.level.as_str().to_owned(),
    };
    running.into_iter().map(one).collect()
}

fn recipient(region: &Region, held: &Held, code: &RegionCode, recipient: &Recipient) -> AlertRecipientView {
    let version = held.alert.bulletin.as_ref().map(|bulletin| bulletin.version);
    AlertRecipientView {
        region: code.to_string(),
        delivered: recipient.delivered.is_some() && recipient.delivered == version,
        acknowledged: recipient.acknowledged,
        acknowledged_by: held.kept.acknowledged_by.get(code.as_str()).filter(|_| recipient.acknowledged).map(SignatureView::new),
        searched: recipient.searched.is_some(),
        found: recipient.searched,
        duties: duties(region, held, &recipient.duties),
    }
}

fn report(report: &Report, told: &[(Id, ReportDetails)]) -> AlertReportView {
    let id = match report.key {
        ReportKey::Sighting(id) => Some(id),
        ReportKey::Closure(_) => None,
    };
    let details = id.and_then(|id| told.iter().find(|(told, _)| *told == Id::from(id))).map(|(_, details)| details.clone());
    let usual = if id.is_some() { "sighting" } else { "closure" };
    AlertReportView {
        id: id.map(|id| id.to_string()),
        kind: details.as_ref().map_or_else(|| usual.to_owned(), |details| details.kind.clone()),
        // The owner that was asked noted an enquiry of another region for itself.
        region: details.as_ref().map_or_else(|| report.reporter.to_string(), |details| details.region.clone()),
        at: details.as_ref().map(|details| details.at),
        grade: details.as_ref().and_then(|details| details.grade.clone()),
        agency: details.as_ref().and_then(|details| details.agency.clone()),
        role: details.as_ref().and_then(|details| details.role.clone()),
        reason: details.as_ref().and_then(|details| details.reason.clone()),
        call_back: details.as_ref().and_then(|details| details.call_back.clone()),
        place: details.as_ref().and_then(|details| details.place.clone()),
        seen_by: details.as_ref().and_then(|details| details.seen_by.clone()),
        note: details.and_then(|details| details.note),
        stored_at: report.stored_at,
        with_owner: report.receipt_from.is_some(),
        read: report.read.as_ref().map(SignatureView::new),
    }
}

impl AlertStepView {
    fn new(row: &AlertStepRow) -> Self {
        Self {
            action: row.action.clone(),
            authority: row.authority.clone(),
            by: SignatureView::of(&row.role, &row.name, row.recorded_at.get()),
            reason: row.reason.clone(),
            note: row.words.clone(),
        }
    }
}

fn view(connection: &mut AnyConnection, region: &Region, row: AlertRow, now: DateTime<Utc>) -> Result<AlertView, Problem> {
    let steps = AlertStepRow::of(connection, row.id)?;
    let told = ReportRow::of(connection, row.id)?;
    let told: Vec<_> = told.into_iter().filter_map(|row| Some((row.sighting_id, serde_json::from_str(&row.details).ok()?))).collect();
    AlertView::new(region, &Held::read(row)?, &steps, &told, now)
}

impl AlertView {
    /// What is shown of an alert: fields listed by hand.
    fn new(
        region: &Region,
        held: &Held,
        steps: &[AlertStepRow],
        told: &[(Id, ReportDetails)],
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let (Some(row), Some(bulletin)) = (&held.row, &held.alert.bulletin) else { return Err(Kind::InternalError.into()) };
        let (particulars, alert) = (&held.kept.particulars, &held.alert);
        let (own, stale) = (alert.is_mine(), alert.is_stale(now));
        let child = &particulars.child;
        let is_expected = child.birth_kind == "expected";
        let name = region.authority(held.authority()).map_or_else(String::new, |(_, authority)| authority.name[0].clone());
        let missing = if bulletin.status == AlertStatus::Closed { Vec::new() } else { particulars.details.missing() };
        Ok(Self {
            id: alert.id.to_string(),
            status: bulletin.status.as_str().to_owned(),
            path: bulletin.path.as_str().to_owned(),
            exercise: bulletin.exercise,
            own,
            owner: AlertOwnerView { code: held.authority().to_owned(), name, region: bulletin.owner.to_string() },
            child_id: held.child.filter(|_| own).map(|id| id.0.to_string()),
            registration_id: held.registration.map(|id| id.0.to_string()),
            child: SoughtView {
                names: child.names.iter().map(SoughtNameView::new).collect(),
                born_from: child.birth_from.filter(|_| !is_expected),
                born_to: child.birth_to.filter(|to| !is_expected && Some(*to) != child.birth_from),
                expected_on: child.birth_from.filter(|_| is_expected),
                sex: Some(child.sex.clone()).filter(|sex| !sex.is_empty()),
                numbers: child.numbers.clone(),
                mother: child.mother.as_ref().map(SoughtNameView::new),
                shielded: child.shielded,
            },
            details: AlertDetailsView::new(&particulars.details),
            missing: missing.into_iter().map(str::to_owned).collect(),
            regions: particulars.audience.clone(),
            review_by: Some(bulletin.reconfirm_by).filter(|_| bulletin.status != AlertStatus::Raised),
            stale,
            stale_hours: stale.then(|| (now - bulletin.reconfirm_by).num_hours()),
            closure: bulletin.closure.map(|reason| reason.as_str().to_owned()),
            located: held.kept.located.as_ref().map(|located| LocatedView {
                seen_by: located.seen_by.clone(),
                at: located.at,
                found_in: located.found_in.clone(),
            }),
            transfer_id: held.kept.transfer.map(|id| id.to_string()),
            recipients: alert.recipients.iter().map(|(code, one)| recipient(region, held, code, one)).collect(),
            acknowledged: alert.acknowledged.as_ref().map(SignatureView::new),
            found: alert.searched,
            reports: alert.reports.iter().map(|one| report(one, told)).collect(),
            duties: duties(region, held, &alert.duties),
            steps: steps.iter().map(AlertStepView::new).collect(),
            possible: held.possible(region).iter().map(PossibleStep::from).collect(),
            created_at: row.created_at.get(),
            changed_at: row.changed_at.get(),
        })
    }
}

/// Raise an alert
///
/// A child is missing, or a family is not where it is expected. The custodian is asked whether to circulate it, the managers hear
/// of it at once; no other region does yet.
#[utoipa::path(
    post, path = "/v1/alerts", operation_id = "addAlert", tag = "Alerts",
    params(super::openapi::IdempotencyKey), request_body = AlertRequest,
    responses((status = 201, description = "The alert", body = AlertView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddAlert>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<AlertRequest>()?, |snapshot, body| {
                    let (about, new) = body.read(snapshot.now())?;
                    Ok((about.entry(snapshot, &principal, reach)?, new))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (entry, new)| {
                    let row = alerts::raise(tx, &region, entry, new, &by)?;
                    let (location, version, now) = (format!("/v1/alerts/{}", row.id.0), row.version, tx.now());
                    created(Some(location), Some(etag(version)), &view(tx.connection, &region, row, now)?)
                })
            },
        )
        .await
        .map(kept)
}

/// Read an alert
///
/// How it stands, how far each recipient has come with it, what was reported, what is due by when, and what may be done now, at
/// which authority and by whom.
#[utoipa::path(
    get, path = "/v1/alerts/{id}", operation_id = "readAlert", tag = "Alerts",
    params(("id" = String, Path, description = "Identifier of the alert")),
    responses((status = 200, description = "The alert", body = AlertView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadAlert>) -> Result<HttpResponse, Problem> {
    again(gate, Incoming::reading).await.map(kept)
}

/// Reads an alert, whichever face of the API asks; `accepted` says whether the caller takes the answer's form.
///
/// # Errors
/// As the operation documents them.
pub async fn again(
    gate: Gate<action::ReadAlert>,
    accepted: impl FnOnce(&Incoming) -> Result<(), Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: AlertId = incoming.id()?;
            let row = alerts::find(snapshot.connection, id, &principal, reach)?;
            accepted(&incoming)?;
            if let Some(child) = row.child_id {
                snapshot.audit().child(child);
            }
            let (version, now) = (row.version, snapshot.now());
            item::<AlertView>(version, &view(snapshot.connection, &region, row, now)?)
        })
        .await
}

/// List alerts
///
/// Those of the caller's authorities, and those that were circulated in this region or came from another; for whoever co-ordinates
/// those of the children whose cases they co-ordinate.
#[utoipa::path(
    get, path = "/v1/alerts", operation_id = "listAlerts", tag = "Alerts", params(AlertQuery),
    responses((status = 200, description = "A page of alerts, newest first", body = AlertList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListAlerts>) -> Result<HttpResponse, Problem> {
    let asked = |incoming: &Incoming| {
        incoming.reading()?;
        incoming.query()
    };
    some(gate, asked).await.map(kept)
}

/// Lists alerts, whichever face of the API asks; `asked` reads which.
///
/// # Errors
/// As the operation documents them.
pub async fn some(
    gate: Gate<action::ListAlerts>,
    asked: impl FnOnce(&Incoming) -> Result<AlertQuery, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let query = asked(&incoming)?;
            let status: Option<AlertStatus> = query.status.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
            // An identifier that this register never gave names nobody: an empty list, like one that is not known to the caller.
            let child: Option<uuid::Uuid> = query.child.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
            let filters = status.map(|status| ("status", status.as_str().to_owned())).into_iter();
            let filters = filters.chain(child.map(|child| ("child", child.to_string())));
            let page = Page::new(query.cursor.as_deref(), query.limit, filters)?;
            let whose = match reach {
                Reach::Scope => Whose::Authorities(work_lists(&principal, &region)),
                Reach::Own => Whose::Children(coordinated(snapshot.connection, &principal.key())?),
            };
            let before = page.before::<uuid::Uuid>().map(Id);
            let status = status.map(AlertStatus::as_str);
            let rows = AlertRow::list(snapshot.connection, &whose, child.map(Id), status, before, page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/alerts", |row| row.id.0);
            for child in rows.iter().filter_map(|row| row.child_id) {
                snapshot.audit().child(child);
            }
            let now = snapshot.now();
            let items = rows.into_iter().map(|row| view(snapshot.connection, &region, row, now)).collect::<Result<_, _>>()?;
            list(&AlertList { items, links })
        })
        .await
}

/// Take the next step about an alert
///
/// At the authority that leads: `authorise` (a manager approves), `circulate` or `decline` (the custodian decides, with reasons),
/// `update` (a new version to everybody), `renew` (it is still open), `read-sighting` (a person has read a report), `locate` (the
/// child was found and seen by a named person: everybody is stood down, and a child found in another area is moved), `stand-down`
/// (for another reason). In a region that received it: `acknowledge`, `search`. Everywhere: `sighting`. An exercise is raised as
/// one. A step out of turn is 409 and says what may be done now, where and by whom.
#[utoipa::path(
    post, path = "/v1/alerts/{id}/{action}", operation_id = "actOnAlert", tag = "Alerts",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the alert"),
        ("action" = String, Path, description = "The step")),
    request_body = AlertStepRequest,
    responses((status = 200, description = "The alert", body = AlertView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn act(gate: Gate<action::ActOnAlert>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    let (reader, reading, actor) = (Arc::clone(&principal), Arc::clone(&app.region), by.clone());
    app.store
        .run(
            permit,
            move |snapshot| {
                let step: Step = incoming.word()?;
                if !step.roles().contains(&reader.role) {
                    return Err(Kind::OperationNotAllowed.into());
                }
                let id: AlertId = incoming.id()?;
                let row = alerts::find(snapshot.connection, id, &reader, reach)?;
                if let Some(child) = row.child_id {
                    snapshot.audit().child(child);
                }
                let body: AlertStepRequest = incoming.change(row.version)?;
                let act = body.read(step, reading.code(), &actor, snapshot.now())?;
                Ok((row, act, incoming.takes_any_version()))
            },
            move |tx, (row, (act, words), any): &(AlertRow, (Act, Option<Note>), bool)| {
                // Messages of other regions come at any time: who takes any version takes the one that they left.
                let newest = if *any { AlertRow::find(tx.connection, row.id)? } else { None };
                let row = newest.as_ref().unwrap_or(row);
                // A co-ordinator acts where they co-ordinate.
                let covers = |authority: &str| reach == Reach::Own || principal.scope.covers(authority);
                alerts::act(tx, &region, row, (act, words.as_ref()), &by, &covers)?;
                let row = AlertRow::find(tx.connection, row.id)?.ok_or(RegisterError::NotFound)?;
                let (version, now) = (row.version, tx.now());
                item::<AlertView>(version, &view(tx.connection, &region, row, now)?)
            },
        )
        .await
        .map(kept)
}
