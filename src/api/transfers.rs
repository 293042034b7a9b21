//! `/v1/transfers`: moves of children between authorities, from the first notice to the acceptance in writing.

pub mod families;
mod stays;

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::entry_in_body;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, PossibleStep, Problem};
use super::respond::{created, item, kept, list};
use super::section47::day;
use crate::authz::Reach;
use crate::authz::policy::action;
use crate::domain::custody::{
    Custody, Duty, DutyOf, Incoming, Nature, Outgoing, Paper, Progress, RefusalReason, Signature, WithdrawalReason,
};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ConferenceId, FamilyMoveId, RegistrationId, TransferId};
use crate::domain::text::{Line, Note};
use crate::register::idempotency::Answer;
use crate::register::transfers::{self, Act, Actor, NewStay, NewTransfer, Step, TEMPORARY, Transfer};
use crate::register::{Region, RegisterError, work_lists};
use crate::store::connection::AnyConnection;
use crate::store::custody::{STAY, StepRow, TransferRow, Whose};
use crate::store::types::Id;

/// How far a move can have come.
pub const STATUSES: [&str; 17] = [
    "expected",
    "notified",
    "acknowledged",
    "agreed",
    "conference-booked",
    "conference-held",
    "accepted",
    "closed",
    "returned",
    "refused",
    "not-registered",
    "withdrawing",
    "withdrawn",
    "disputed",
    "staying",
    "stay-acknowledged",
    "stay-ended",
];

/// Most papers in a list: more than there are kinds of them.
const PAPERS_MAX: usize = 20;

/// A move, as the authority that leads begins it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRequest {
    /// The entry of the child who moves.
    registration_id: Option<String>,
    /// The authority to which the child moves (GSS code), of this region or of another.
    #[schema(example = "E06000051")]
    to: Option<String>,
    /// `permanent`, `not-said` (the parents will not say: treated as permanent) or `long-stay` (longer than the procedures allow
    /// without a conference). Left out while it is not certain that the family moves: the other authority is told that the child
    /// may come, and `notify` follows. Or `temporary`: the child stays there for a time and this authority goes on being
    /// responsible; the child is shown there by a temporary entry until this authority ends the stay.
    #[schema(example = "permanent")]
    nature: Option<String>,
    /// `temporary`: the first day.
    #[schema(example = "2026-11-16")]
    starts_on: Option<String>,
    /// `temporary`: the day on which it is to end, as far as anybody knows. That it has passed ends nothing: people are told.
    #[schema(example = "2026-12-18")]
    expected_to: Option<String>,
    /// `temporary`: who visits, and what else the two managers agreed.
    #[schema(example = "The host authority visits every week")]
    supervision: Option<String>,
    /// The move of the family of which this is a part: the same identifier for each of its children.
    family_move_id: Option<String>,
    /// The child has moved on, and an earlier receiver has not answered the request to cancel: the name of the second person who
    /// approves that custody is offered elsewhere all the same.
    #[schema(example = "Siân Parry")]
    approved_by: Option<String>,
    /// What the other authority's people should know. Kept here; what travels is the offer and its papers.
    #[schema(example = "The family took a tenancy in Shrewsbury from 1 December")]
    note: Option<String>,
}

/// What is said with a step. Each step takes the items that belong to it; any other is refused.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferStepRequest {
    /// `notify`: as when a move begins. `agree`: `permanent`, or `temporary` for a stay after which the child goes home. `convert`:
    /// as for `notify`; `long-stay` when nothing is said.
    #[schema(example = "permanent")]
    nature: Option<String>,
    /// `extend`: the new last day of a stay.
    #[schema(example = "2027-01-29")]
    expected_to: Option<String>,
    /// `extend`: who visits, and what else the two managers agreed.
    #[schema(example = "The host authority visits every week")]
    supervision: Option<String>,
    /// `notify`: the move of the family.
    family_move_id: Option<String>,
    /// `papers`: those that are sent now.
    #[schema(example = json!(["chronology", "plan"]))]
    papers: Option<Vec<String>>,
    /// `return`: the papers that are missing.
    missing: Option<Vec<String>>,
    /// `agree` with `permanent`: who will lead the work.
    #[schema(example = "Gwen Powell")]
    practitioner: Option<String>,
    /// `book-conference`: the day. `contact`: the day on which the child was seen.
    #[schema(example = "2026-12-08")]
    on: Option<String>,
    /// `hold-conference`: the recorded transfer-in conference. Whether the child was registered is taken from its decision.
    conference_id: Option<String>,
    /// `refuse`: `not-resident`, `other-authority`, `temporary`, `court-order` or `other`. `withdraw`: `mistake`, `not-moving`,
    /// `came-back`, `moved-on`, `court-order` or `other`.
    #[schema(example = "not-resident")]
    reason: Option<String>,
    /// In words; needed for `accept` (the acceptance in writing), `dispute`, `give-way`, `keep` (why there is no conference), and with the reason
    /// `other`. What is said with `contact` travels to the home authority, and with `dispute` to the other side.
    #[schema(example = "Accepted; the plan of 8 December replaces the earlier one")]
    note: Option<String>,
}

/// Which moves to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransferQuery {
    /// Only those of this child (identifier).
    pub child: Option<String>,
    /// Only those that are open, or only those that are not.
    pub open: Option<bool>,
    /// Where to go on: `links.next` of the page before.
    pub cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
}

/// An authority of a move.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferPartyView {
    /// GSS code.
    #[schema(example = "W06000023")]
    code: String,
    /// Its name.
    #[schema(example = "Powys")]
    name: String,
    /// Its region.
    #[schema(example = "mid-and-west-wales")]
    region: String,
}

/// A named person who acted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureView {
    /// In which role.
    #[schema(example = "custodian")]
    role: String,
    /// By which name.
    #[schema(example = "Gwen Powell")]
    name: String,
    /// When.
    at: DateTime<Utc>,
}

/// Something that is to be done by a time, by this region's procedures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferDutyView {
    /// What.
    #[schema(example = "transfer-seen")]
    code: String,
    /// At which side it is kept: `origin` or `receiver`.
    #[schema(example = "receiver")]
    side: String,
    /// Since when it runs.
    since: DateTime<Utc>,
    /// When it is due; absent while the event from which the procedures count has not happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    /// How far it has been escalated: `none`, `first`, `second` or `third`.
    #[schema(example = "none")]
    level: String,
}

/// What a person of this region did about a move.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferStepView {
    /// What: `announce` or a step.
    #[schema(example = "acknowledge")]
    action: String,
    /// At which authority (GSS code).
    authority: String,
    /// Who.
    by: SignatureView,
    /// The reason, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not-resident")]
    reason: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The tenancy begins on 1 December")]
    note: Option<String>,
    /// The conference.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference_id: Option<String>,
}

/// A move was put before the senior managers of both sides.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferDisputeView {
    /// By which side: `origin` or `receiver`.
    #[schema(example = "receiver")]
    side: String,
    /// Who did it.
    by: SignatureView,
    /// What there is to settle.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The school has had the child since Monday")]
    note: Option<String>,
}

/// What the host of a stay saw of the child.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StayContactView {
    /// The day.
    on: NaiveDate,
    /// Who recorded it.
    by: SignatureView,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Seen at the grandmother's; well")]
    note: Option<String>,
}

/// A move, or a temporary stay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferView {
    /// Identifier: the same at both authorities.
    id: String,
    /// The child.
    child_id: String,
    /// The authority from which the child moves.
    from: TransferPartyView,
    /// The authority to which the child moves.
    to: TransferPartyView,
    /// How far it has come: `expected`, `notified`, `acknowledged`, `agreed`, `conference-booked`, `conference-held`, `accepted`,
    /// `closed`, `returned`, `refused`, `not-registered`, `withdrawing`, `withdrawn` or `disputed`; of a stay `staying`,
    /// `stay-acknowledged` or `stay-ended`.
    #[schema(example = "acknowledged")]
    status: String,
    /// Whether something can still come of it.
    open: bool,
    /// The one responsible authority (GSS code), as far as is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    responsible: Option<String>,
    /// Whether it is for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    nature: Option<String>,
    /// The move of the family of which it is a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    family_move_id: Option<String>,
    /// The temporary stay that became this move.
    #[serde(skip_serializing_if = "Option::is_none")]
    stay_id: Option<String>,
    /// The move that this stay became.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_id: Option<String>,
    /// The first day of a stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_on: Option<NaiveDate>,
    /// The day on which a stay is to end, as far as anybody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_to: Option<NaiveDate>,
    /// Who visits during a stay, and what else was agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The host authority visits every week")]
    supervision: Option<String>,
    /// The day on which people last decided that a stay goes on without a conference.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_on: Option<NaiveDate>,
    /// What the host of a stay saw of the child.
    contacts: Vec<StayContactView>,
    /// Whether the receiver's register has stored it. That is no acknowledgement.
    delivered: bool,
    /// Who acknowledged it at the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<SignatureView>,
    /// Who agreed at the receiver that it is permanent.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreed: Option<SignatureView>,
    /// Who will lead the work at the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Gwen Powell")]
    practitioner: Option<String>,
    /// The day for which the transfer-in conference is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference_on: Option<NaiveDate>,
    /// The day on which it registered the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_on: Option<NaiveDate>,
    /// The papers that have been sent.
    papers: Vec<String>,
    /// Those of the procedures that have not.
    missing_papers: Vec<String>,
    /// Those that the receiver asked for again.
    returned_for: Vec<String>,
    /// Why the receiver refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// Why the origin withdrew.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawal: Option<String>,
    /// What either side has put before the senior managers of both.
    disputes: Vec<TransferDisputeView>,
    /// What is to be done by when.
    duties: Vec<TransferDutyView>,
    /// What people of this region did, oldest first.
    steps: Vec<TransferStepView>,
    /// What may be done now, at which authority and by whom.
    possible: Vec<PossibleStep>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When anything of it changed last.
    changed_at: DateTime<Utc>,
}

/// A page of moves.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferList {
    /// The moves, newest first.
    items: Vec<TransferView>,
    /// Where the next page is.
    links: Links,
}

impl SignatureView {
    /// A signature.
    pub fn new(signature: &Signature) -> Self {
        Self::of(signature.role.as_str(), signature.name.expose(), signature.at)
    }

    /// The same by its parts.
    pub fn of(role: &str, name: &str, at: DateTime<Utc>) -> Self {
        Self { role: role.to_owned(), name: name.to_owned(), at }
    }
}

fn papers(pointer: &str, given: Option<&[String]>, fields: &mut Fields) -> Option<BTreeSet<Paper>> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        fields.missing(pointer);
        return None;
    };
    let bounded = fields.bounded(pointer, given, PAPERS_MAX);
    let read: Vec<Option<Paper>> =
        bounded.iter().enumerate().map(|(index, code)| fields.required(&format!("{pointer}/{index}"), Some(code))).collect();
    read.into_iter().collect()
}

impl TransferRequest {
    fn read(&self) -> Result<(RegistrationId, NewTransfer), Problem> {
        let mut fields = Fields::default();
        let registration: Option<RegistrationId> = fields.required("/registrationId", self.registration_id.as_deref());
        let to: Option<GssCode> = fields.required("/to", self.to.as_deref());
        let is_stay = self.nature.as_deref() == Some(TEMPORARY);
        let nature: Option<Nature> = if is_stay { None } else { fields.optional("/nature", self.nature.as_deref()) };
        let family_move: Option<FamilyMoveId> = fields.optional("/familyMoveId", self.family_move_id.as_deref());
        let words: Option<Note> = fields.optional("/note", self.note.as_deref());
        let approved_by: Option<Line> = fields.optional("/approvedBy", self.approved_by.as_deref());
        if approved_by.is_some() && nature.is_none() {
            fields.note("/approvedBy", "not-of-this-step", "leave it out: it does not belong to this step");
        }
        let stay = if is_stay { self.stay(&mut fields).map(Some) } else { self.no_stay(&mut fields) };
        let read = (|| Some((registration?, NewTransfer { to: to?, nature, family_move, words, approved_by, stay: stay? })))();
        fields.finish(read)
    }

    fn stay(&self, fields: &mut Fields) -> Option<NewStay> {
        if self.starts_on.is_none() {
            fields.missing("/startsOn");
        }
        if self.family_move_id.is_some() {
            fields.note("/familyMoveId", "not-of-this-step", "leave it out: it does not belong to this step");
        }
        let from = day("/startsOn", self.starts_on.as_deref(), fields);
        let expected_to = day("/expectedTo", self.expected_to.as_deref(), fields);
        let supervision = fields.optional("/supervision", self.supervision.as_deref());
        Some(NewStay { from: from?, expected_to, supervision })
    }

    /// What belongs to a stay is said of nothing else.
    fn no_stay(&self, fields: &mut Fields) -> Option<Option<NewStay>> {
        let given = [("startsOn", &self.starts_on), ("expectedTo", &self.expected_to), ("supervision", &self.supervision)];
        for (name, _) in given.into_iter().filter(|(_, given)| given.is_some()) {
            fields.note(&format!("/{name}"), "not-of-this-step", "leave it out: it does not belong to this step");
        }
        Some(None)
    }
}

impl TransferStepRequest {
    /// The items that are there, by name.
    fn given(&self) -> [(&'static str, bool); 10] {
        [
            ("nature", self.nature.is_some()),
            ("familyMoveId", self.family_move_id.is_some()),
            ("papers", self.papers.is_some()),
            ("missing", self.missing.is_some()),
            ("practitioner", self.practitioner.is_some()),
            ("on", self.on.is_some()),
            ("conferenceId", self.conference_id.is_some()),
            ("reason", self.reason.is_some()),
            ("expectedTo", self.expected_to.is_some()),
            ("supervision", self.supervision.is_some()),
        ]
    }

    fn read(&self, step: Step) -> Result<(Act, Option<Note>), Problem> {
        let mut fields = Fields::default();
        let own: &[&str] = match step {
            Step::Notify => &["nature", "familyMoveId"],
            Step::Papers => &["papers"],
            Step::Return => &["missing"],
            Step::Agree => &["nature", "practitioner"],
            Step::BookConference => &["on"],
            Step::HoldConference => &["conferenceId"],
            Step::Refuse | Step::Withdraw => &["reason"],
            Step::Extend => &["expectedTo", "supervision"],
            Step::Convert => &["nature"],
            Step::Contact => &["on"],
            Step::Acknowledge | Step::Accept | Step::Dispute | Step::GiveWay | Step::Keep | Step::End => &[],
        };
        for (name, _) in self.given().into_iter().filter(|(name, given)| *given && !own.contains(name)) {
            fields.note(&format!("/{name}"), "not-of-this-step", "leave it out: it does not belong to this step");
        }
        let words: Option<Note> = fields.optional("/note", self.note.as_deref());
        let reason = self.reason.as_deref();
        let needs_words = matches!(step, Step::Accept | Step::Dispute | Step::GiveWay | Step::Keep) || reason == Some("other");
        if needs_words && self.note.is_none() {
            fields.missing("/note");
        }
        let act = self.act(step, &mut fields);
        fields.finish(act).map(|act| (act, words))
    }

    fn act(&self, step: Step, fields: &mut Fields) -> Option<Act> {
        Some(match step {
            Step::Notify => {
                let nature = fields.required("/nature", self.nature.as_deref());
                let family_move = fields.optional("/familyMoveId", self.family_move_id.as_deref());
                Act::Notify { nature: nature?, family_move }
            }
            Step::Papers => Act::Papers(papers("/papers", self.papers.as_deref(), fields)?),
            Step::Return => Act::Return(papers("/missing", self.missing.as_deref(), fields)?),
            Step::Withdraw => Act::Withdraw(fields.required::<WithdrawalReason>("/reason", self.reason.as_deref())?),
            Step::Refuse => {
                let reason: RefusalReason = fields.required("/reason", self.reason.as_deref())?;
                if !reason.is_a_persons() {
                    fields.note("/reason", "not-a-persons-reason", "give a reason of your own");
                }
                Act::Refuse(reason)
            }
            Step::Acknowledge => Act::Acknowledge,
            Step::Agree if self.nature.as_deref() == Some("temporary") => {
                if self.practitioner.is_some() {
                    fields.note("/practitioner", "not-of-this-step", "leave it out: it does not belong to this step");
                }
                Act::AgreeTemporary
            }
            Step::Agree => {
                if self.nature.as_deref().is_some_and(|nature| nature != "permanent") {
                    fields.note("/nature", "unknown-code", "use one of: permanent, temporary");
                }
                Act::Agree { practitioner: fields.required::<Line>("/practitioner", self.practitioner.as_deref())? }
            }
            Step::BookConference => {
                if self.on.is_none() {
                    fields.missing("/on");
                }
                Act::Book(day("/on", self.on.as_deref(), fields)?)
            }
            Step::HoldConference => Act::Hold(fields.required::<ConferenceId>("/conferenceId", self.conference_id.as_deref())?),
            Step::Accept => Act::Accept,
            Step::Dispute => Act::Dispute,
            Step::GiveWay => Act::GiveWay,
            Step::Keep => Act::Keep,
            Step::End => Act::End,
            Step::Convert => Act::Convert(fields.optional("/nature", self.nature.as_deref()).unwrap_or(Nature::LongStay)),
            Step::Contact => {
                if self.on.is_none() {
                    fields.missing("/on");
                }
                Act::Contact(day("/on", self.on.as_deref(), fields)?)
            }
            Step::Extend => {
                if self.expected_to.is_none() && self.supervision.is_none() {
                    fields.missing("/expectedTo");
                }
                let expected_to = day("/expectedTo", self.expected_to.as_deref(), fields);
                Act::Extend { expected_to, supervision: fields.optional("/supervision", self.supervision.as_deref()) }
            }
        })
    }
}

/// How far the people at the receiver have come, as a code.
fn reached(progress: &Progress, papers_round: u32) -> &'static str {
    if progress.registered_on.is_some() {
        "conference-held"
    } else if progress.returned.as_ref().is_some_and(|returned| returned.round >= papers_round) {
        "returned"
    } else if progress.conference_on.is_some() {
        "conference-booked"
    } else if progress.accepted.is_some() {
        "agreed"
    } else if progress.seen.is_some() {
        "acknowledged"
    } else {
        "notified"
    }
}

fn declined(refusal: Option<RefusalReason>) -> &'static str {
    if refusal == Some(RefusalReason::NotRegistered) { "not-registered" } else { "refused" }
}

fn status_of(origin: Option<&Outgoing>, receiver: Option<&Incoming>) -> &'static str {
    use crate::domain::custody::{OriginState as O, ReceiverState as R};
    match (origin.map(|outgoing| outgoing.state), receiver.map(|incoming| incoming.state)) {
        (Some(O::Completed), _) | (_, Some(R::Confirmed)) => "closed",
        (Some(O::InConflict), _) | (_, Some(R::Disputed)) => "disputed",
        (Some(O::Cancelled), _) | (_, Some(R::Cancelled)) => "withdrawn",
        (_, Some(R::Completed)) => "accepted",
        (_, Some(R::Declined)) => declined(receiver.and_then(|incoming| incoming.refusal)),
        (Some(O::Declined), _) => declined(origin.and_then(|outgoing| outgoing.refusal)),
        (Some(O::CancelRequested), _) => "withdrawing",
        (_, Some(R::Received | R::Accepted)) => receiver.map_or("notified", |incoming| reached(&incoming.progress, incoming.papers.round)),
        (Some(O::Expected), _) | (None, Some(R::Expected)) => "expected",
        (Some(O::Offered), _) => origin.map_or("notified", |outgoing| {
            let told = outgoing.progress.as_ref();
            told.map_or("notified", |progress| reached(progress, outgoing.papers.round))
        }),
        (None, None) => "closed",
    }
}

fn party(region: &Region, code: &str, in_region: &str) -> TransferPartyView {
    let name = region.authority(code).map_or_else(String::new, |(_, authority)| authority.name[0].clone());
    TransferPartyView { code: code.to_owned(), name, region: in_region.to_owned() }
}

fn codes(papers: &BTreeSet<Paper>) -> Vec<String> {
    papers.iter().map(|paper| paper.as_str().to_owned()).collect()
}

fn view(connection: &mut AnyConnection, region: &Region, row: TransferRow) -> Result<TransferView, Problem> {
    let steps = StepRow::of(connection, &[row.id])?;
    let transfer = transfers::assemble(connection, row)?;
    if transfer.row.kind == STAY {
        return stays::view(region, &transfer, &steps);
    }
    let Ok(id) = TransferId::try_from(transfer.row.id.0) else { return Err(Kind::InternalError.into()) };
    Ok(TransferView::new(region, &transfer, id, &steps))
}

impl TransferView {
    /// What is shown of a move: fields listed by hand.
    fn new(region: &Region, transfer: &Transfer, id: TransferId, steps: &[StepRow]) -> Self {
        let Transfer { row, origin, receiver } = transfer;
        let outgoing = origin.as_ref().and_then(|held| held.custody.outgoing(id));
        let incoming = receiver.as_ref().and_then(|held| held.custody.incoming(id));
        // The receiver knows best how far its people have come; the origin knows what it was told.
        let progress = incoming.map(|incoming| &incoming.progress).or_else(|| outgoing.and_then(|outgoing| outgoing.progress.as_ref()));
        let sent = outgoing.map(|outgoing| &outgoing.papers).or_else(|| incoming.map(|incoming| &incoming.papers));
        let sent = sent.map(|papers| papers.sent.clone()).unwrap_or_default();
        let missing: BTreeSet<Paper> = region.procedures.moves.papers.difference(&sent).copied().collect();
        let leads = |held: &&transfers::Held| held.custody.standing.leads().is_some();
        let highest = [origin, receiver].into_iter().flatten().filter(leads).max_by_key(|held| held.custody.highest_epoch());
        let responsible = highest.or(origin.as_ref()).or(receiver.as_ref()).and_then(|held| held.custody.leader());
        let returned = progress.and_then(|progress| progress.returned.as_ref()).map(|returned| codes(&returned.missing));
        Self {
            id: row.id.0.to_string(),
            child_id: row.child_id.0.to_string(),
            from: party(region, &row.from_authority, &row.from_region),
            to: party(region, &row.to_authority, &row.to_region),
            status: status_of(outgoing, incoming).to_owned(),
            open: row.is_open,
            responsible: responsible.map(|code| code.as_str().to_owned()),
            nature: outgoing.and_then(|o| o.nature).or_else(|| incoming.and_then(|i| i.nature)).map(|nature| nature.as_str().to_owned()),
            family_move_id: outgoing.and_then(|o| o.family_move).or_else(|| incoming.and_then(|i| i.family_move)).map(|id| id.to_string()),
            stay_id: outgoing.and_then(|o| o.stay).or_else(|| incoming.and_then(|i| i.stay)).map(|id| id.to_string()),
            transfer_id: None,
            starts_on: None,
            expected_to: None,
            supervision: None,
            kept_on: None,
            contacts: Vec::new(),
            delivered: incoming.is_some() || outgoing.is_some_and(|outgoing| outgoing.progress.is_some()),
            acknowledged: progress.and_then(|progress| progress.seen.as_ref()).map(SignatureView::new),
            agreed: progress.and_then(|progress| progress.accepted.as_ref()).map(SignatureView::new),
            practitioner: progress.and_then(|progress| progress.practitioner.as_ref()).map(|name| name.expose().to_owned()),
            conference_on: progress.and_then(|progress| progress.conference_on),
            registered_on: progress.and_then(|progress| progress.registered_on),
            papers: codes(&sent),
            missing_papers: codes(&missing),
            returned_for: returned.unwrap_or_default(),
            refusal: outgoing.and_then(|o| o.refusal).or_else(|| incoming.and_then(|i| i.refusal)).map(|reason| reason.as_str().to_owned()),
            withdrawal: outgoing.and_then(|outgoing| outgoing.withdrawal).map(|reason| reason.as_str().to_owned()),
            disputes: disputes(transfer, id),
            duties: duties(region, transfer, id),
            steps: steps.iter().map(TransferStepView::new).collect(),
            possible: transfer.possible().iter().map(PossibleStep::from).collect(),
            created_at: row.created_at.get(),
            changed_at: row.changed_at.get(),
        }
    }
}

/// The duties of one side, as they are shown.
fn shown(region: &Region, custody: &Custody, side: &str, of: DutyOf, running: &[Duty]) -> Vec<TransferDutyView> {
    let one = |duty: &Duty| TransferDutyView {
        code: duty.kind.as_str().to_owned(),
        side: side.to_owned(),
        since: duty.since,
        due_at: transfers::due_at(region, custody, of, duty),
        level: duty.level.as_str().to_owned(),
    };
    running.iter().map(one).collect()
}

/// What either side has put before the senior managers, as one side holds it: its own, and what it has heard.
fn disputes(transfer: &Transfer, id: TransferId) -> Vec<TransferDisputeView> {
    let (held, own, other) = match (&transfer.origin, &transfer.receiver) {
        (Some(held), _) => (held, "origin", "receiver"),
        (None, Some(held)) => (held, "receiver", "origin"),
        (None, None) => return Vec::new(),
    };
    let shown = held.custody.contests_about(id).map(|contest| TransferDisputeView {
        side: if contest.mine { own } else { other }.to_owned(),
        by: SignatureView::new(&contest.by),
        note: contest.words.as_ref().map(|words| words.expose().to_owned()),
    });
    shown.collect()
}

fn duties(region: &Region, transfer: &Transfer, id: TransferId) -> Vec<TransferDutyView> {
    let of = DutyOf::Transfer(id);
    let mut all = Vec::new();
    if let Some(custody) = transfer.origin.as_ref().map(|held| &held.custody) {
        all.extend(custody.outgoing(id).map(|outgoing| shown(region, custody, "origin", of, &outgoing.duties)).unwrap_or_default());
    }
    if let Some(custody) = transfer.receiver.as_ref().map(|held| &held.custody) {
        all.extend(custody.incoming(id).map(|incoming| shown(region, custody, "receiver", of, &incoming.duties)).unwrap_or_default());
    }
    all
}

impl TransferStepView {
    fn new(row: &StepRow) -> Self {
        Self {
            action: row.action.clone(),
            authority: row.authority.clone(),
            by: SignatureView { role: row.role.clone(), name: row.name.clone(), at: row.recorded_at.get() },
            reason: row.reason.clone(),
            note: row.words.clone(),
            conference_id: row.conference_id.map(|id| id.0.to_string()),
        }
    }
}

/// Tell another authority that a child moves
///
/// With `nature` custody is offered: the other authority's duty desk and custodian hear of it at once, and the clocks of the
/// procedures start. Without, the other authority is told that the child may come. Until the other authority has accepted in
/// writing, this one is responsible and the child stays on its register; at the other the child is shown by a temporary entry.
#[utoipa::path(
    post, path = "/v1/transfers", operation_id = "addTransfer", tag = "Transfers",
    params(super::openapi::IdempotencyKey), request_body = TransferRequest,
    responses((status = 201, description = "The move", body = TransferView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddTransfer>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<TransferRequest>()?, |snapshot, body| {
                    let (registration, new) = body.read()?;
                    let mut fields = Fields::default();
                    let entry = entry_in_body(snapshot, registration, &principal, reach, "/registrationId", &mut fields)?;
                    Ok((fields.finish(entry)?, new))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (entry, new)| {
                    let row = transfers::begin(tx, &region, entry, new, &by)?;
                    let (location, version) = (format!("/v1/transfers/{}", row.id.0), row.version);
                    created(Some(location), Some(etag(version)), &view(tx.connection, &region, row)?)
                })
            },
        )
        .await
        .map(kept)
}

/// Read a move
///
/// How far it has come, what is due by when, and what may be done now, at which authority and by whom.
#[utoipa::path(
    get, path = "/v1/transfers/{id}", operation_id = "readTransfer", tag = "Transfers",
    params(("id" = String, Path, description = "Identifier of the move")),
    responses((status = 200, description = "The move", body = TransferView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadTransfer>) -> Result<HttpResponse, Problem> {
    again(gate, |incoming| incoming.reading()).await.map(kept)
}

/// Reads a move, whichever face of the API asks; `accepted` says whether the caller takes the answer's form.
///
/// # Errors
/// As the operation documents them.
pub async fn again(
    gate: Gate<action::ReadTransfer>,
    accepted: impl FnOnce(&super::gate::Incoming) -> Result<(), Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: TransferId = incoming.id()?;
            let row = transfers::find(snapshot.connection, id, &principal, reach)?;
            accepted(&incoming)?;
            snapshot.audit().child(row.child_id);
            let version = row.version;
            item::<TransferView>(version, &view(snapshot.connection, &region, row)?)
        })
        .await
}

/// List moves
///
/// To and from the caller's authorities, or of children whose cases the caller co-ordinates.
#[utoipa::path(
    get, path = "/v1/transfers", operation_id = "listTransfers", tag = "Transfers", params(TransferQuery),
    responses((status = 200, description = "A page of moves, newest first", body = TransferList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListTransfers>) -> Result<HttpResponse, Problem> {
    let asked = |incoming: &super::gate::Incoming| {
        incoming.reading()?;
        incoming.query()
    };
    some(gate, asked).await.map(kept)
}

/// Lists moves, whichever face of the API asks; `asked` reads which.
///
/// # Errors
/// As the operation documents them.
pub async fn some(
    gate: Gate<action::ListTransfers>,
    asked: impl FnOnce(&super::gate::Incoming) -> Result<TransferQuery, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let query = asked(&incoming)?;
            // An identifier that this register never gave names nobody: an empty list, like one that is not known to the caller.
            let child: Option<uuid::Uuid> = query.child.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
            let filters = child.map(|child| ("child", child.to_string())).into_iter();
            let filters = filters.chain(query.open.map(|open| ("open", open.to_string())));
            let page = Page::new(query.cursor.as_deref(), query.limit, filters)?;
            let whose = match reach {
                Reach::Scope => Whose::Authorities(work_lists(&principal, &region)),
                Reach::Own => Whose::Children(transfers::coordinated(snapshot.connection, &principal.key())?),
            };
            let before = page.before::<uuid::Uuid>().map(Id);
            let rows = TransferRow::list(snapshot.connection, &whose, child.map(Id), query.open, before, page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/transfers", |row| row.id.0);
            for row in &rows {
                snapshot.audit().child(row.child_id);
            }
            let items = rows.into_iter().map(|row| view(snapshot.connection, &region, row)).collect::<Result<_, _>>()?;
            list(&TransferList { items, links })
        })
        .await
}

/// Take the next step of a move
///
/// At the origin: `notify` (offer what was announced), `papers`, `withdraw` (ask for the cancellation: the receiver decides). At
/// the receiver: `acknowledge` (a named person has opened it), `agree` (permanent, or temporary), `return` (for papers),
/// `book-conference`, `hold-conference`, `accept` (in writing: this authority leads from here on, and the origin's entry ends when
/// it has heard so), `refuse`. At either: `dispute`, and `give-way` when two say that they lead and this
/// is the one that has to. Of a stay: at home `extend`, `keep` (beyond its weeks, without a conference),
/// `convert` (it becomes a move), `end`; at the host `acknowledge`, `contact` (what was seen of the child). A step out of turn is 409
/// and says what may be done now, where and by whom.
#[utoipa::path(
    post, path = "/v1/transfers/{id}/{action}", operation_id = "actOnTransfer", tag = "Transfers",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the move"),
        ("action" = String, Path, description = "The step")),
    request_body = TransferStepRequest,
    responses((status = 200, description = "The move", body = TransferView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn act(gate: Gate<action::ActOnTransfer>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    let own: Vec<String> = region.authorities().iter().map(|authority| authority.gss.clone()).collect();
    let reader = Arc::clone(&principal);
    app.store
        .run(
            permit,
            move |snapshot| {
                let step: Step = incoming.word()?;
                if !step.roles().contains(&reader.role) {
                    return Err(Kind::OperationNotAllowed.into());
                }
                let id: TransferId = incoming.id()?;
                let row = transfers::find(snapshot.connection, id, &reader, reach)?;
                snapshot.audit().child(row.child_id);
                let body: TransferStepRequest = incoming.change(row.version)?;
                let act = body.read(step)?;
                Ok((row, act, incoming.takes_any_version()))
            },
            move |tx, (row, (act, words), any): &(TransferRow, (Act, Option<Note>), bool)| {
                // Messages of the other side come at any time: who takes any version takes the one that they left.
                let newest = if *any { TransferRow::find(tx.connection, row.id)? } else { None };
                let row = newest.as_ref().unwrap_or(row);
                // A co-ordinator acts where they co-ordinate: at the origin.
                let covers = |authority: &str| own.iter().any(|own| own == authority) && principal.scope.covers(authority);
                transfers::act(tx, &region, row, (act, words.as_ref()), &by, &covers)?;
                let row = TransferRow::find(tx.connection, row.id)?.ok_or(RegisterError::NotFound)?;
                let version = row.version;
                item::<TransferView>(version, &view(tx.connection, &region, row)?)
            },
        )
        .await
        .map(kept)
}
