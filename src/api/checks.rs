//! `/v1/checks`: ask, read back, list, ask about several.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::Fields;
use super::gate::{Gate, Incoming, etag};
use super::limits::Told;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use super::shapes::{AddressShape, ContactView, NameShape};
use crate::api::app::{Federated, Turn};
use crate::authz::policy::action;
use crate::authz::{Context, Principal, Reach};
use crate::domain::contact::PhoneNumber;
use crate::domain::dates::{AgeYears, BirthDate, DateError, DateOfBirth, ExpectedDeliveryDate, PartialDate};
use crate::domain::identifiers::{ChiNumber, HcNumber, NhsNumber, RegionCode};
use crate::domain::ids::CheckId;
use crate::domain::notify::Notify;
use crate::domain::outcome::{CoverageStatus, Grade, MatchStatus, Reply};
use crate::domain::reason::{Reason, ReasonText, StatedReason};
use crate::domain::search_set::{Search, SearchSet};
use crate::domain::sex::Sex;
use crate::domain::short_reference::ShortReference;
use crate::domain::text::{CaseReference, Line};
use crate::domain::verification::VerificationMethod;
use crate::matching::{Birth, Field, Flag, Level, NameKind, Person, PersonAddress, PersonCarer, PersonName, Reason as MatchReason};
use crate::register::alerts::hits::ToldAlert;
use crate::register::budgets::{self, Hold, Reckoning};
use crate::register::checks::{self, Checked, NumbersInUse, PeerReply, Question, Reading, Readings, Searched, StoredAnswer, StoredMatch};
use crate::register::idempotency::{self, Answer, Key};
use crate::register::peers::wire::PeerQuestion;
use crate::register::{Region, RegisterError};
use crate::store::enquiries::EnquiryRow;
use crate::store::{Ending, Snapshot, Store};
use crate::words::{self, Language, say};

/// The most names, addresses or carers in one question: more than any child has, less than makes a search slow.
const ITEMS: usize = 10;
/// Bounds of the time budget, in milliseconds.
const DEADLINE_MS: std::ops::RangeInclusive<u64> = 200..=10_000;
/// How long ago an identity may have been checked: the length of a night shift.
const VERIFIED_HOURS: i64 = 24;

/// A question: is this child on a child protection register?
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// Why: `emergency-duty`, `hospital-attendance`, `ambulance-attendance`, `police-contact`, `police-protection`,
    /// `strategy-discussion`, `section-47-enquiry`, `referral`, `private-law-proceedings`, `scheduled-care`,
    /// `maternity-booking`, `school-admission`, `transfer-in`, `missing-child` or `other`.
    #[schema(example = "hospital-attendance")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(required = true, value_type = String)]
    reason: Option<String>,
    /// The reason in words; required when it is `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_text: Option<String>,
    /// The enquirer's own reference; opaque, never personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ED-2026-11843")]
    case_reference: Option<String>,
    /// What is known of the child. Everything is optional, but there must be enough to search on.
    child: ChildQuestion,
    /// The verified caller for whom emergency duty or custodian staff ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<OnBehalfOfShape>,
    /// How those who must know are told: `urgent`, `normal` (default), or `silent` for reasons that allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "normal")]
    notify: Option<String>,
    /// Which registers: `own-region`, `federation` (default) or a list of region codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<SearchShape>,
    /// Time budget in milliseconds, 200 to 10000; default 3000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 200, maximum = 10000, example = 3000)]
    deadline_ms: Option<u64>,
}

/// Which registers are asked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SearchShape {
    /// `own-region` or `federation`.
    #[schema(example = "federation")]
    Word(String),
    /// Region codes.
    Regions(Vec<String>),
}

/// What is known of the child in question.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChildQuestion {
    /// Names, aliases and former names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<NameShape>,
    /// Date of birth: `YYYY-MM-DD`, or `YYYY-MM` or `YYYY` when no more is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2017-05-09")]
    date_of_birth: Option<String>,
    /// First possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2016-01-01")]
    date_of_birth_from: Option<String>,
    /// Last possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2018-12-31")]
    date_of_birth_to: Option<String>,
    /// Age in years when asked, give or take one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 25, example = 9)]
    age_years: Option<u64>,
    /// For an unborn child: the expected date of delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-20")]
    expected_delivery_date: Option<String>,
    /// The mother.
    #[serde(skip_serializing_if = "Option::is_none")]
    mother: Option<NameShape>,
    /// `female`, `male`, `indeterminate` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "female")]
    sex: Option<String>,
    /// NHS number, ten digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9990001006")]
    nhs_number: Option<String>,
    /// CHI number (Scotland).
    #[serde(skip_serializing_if = "Option::is_none")]
    chi_number: Option<String>,
    /// Health and Care number (Northern Ireland).
    #[serde(skip_serializing_if = "Option::is_none")]
    hc_number: Option<String>,
    /// Addresses, present and former.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressShape>,
    /// Carers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    carers: Vec<CarerShape>,
}

impl std::fmt::Debug for ChildQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChildQuestion([personal])")
    }
}

/// Somebody who cares for the child.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CarerShape {
    /// Name.
    name: NameShape,
    /// Date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1990-02-17")]
    date_of_birth: Option<String>,
}

/// The caller for whom is asked, and how their identity was checked.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnBehalfOfShape {
    /// Name.
    #[schema(example = "Ann Price")]
    name: Option<String>,
    /// Agency.
    #[schema(example = "Royal Gwent Hospital")]
    agency: Option<String>,
    /// Role there.
    #[schema(example = "staff nurse")]
    role: Option<String>,
    /// The number that was rung back.
    #[schema(example = "01632 960123")]
    call_back_number: Option<String>,
    /// How, when and by whom the caller was verified.
    verified_by: Option<VerificationShape>,
}

impl std::fmt::Debug for OnBehalfOfShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnBehalfOfShape([personal])")
    }
}

/// How, when and by whom a caller was verified.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationShape {
    /// `switchboard-call-back`, `directory-call-back`, `known-colleague`, `in-person`, `video-call`, `secure-email` or
    /// `duty-rota`.
    #[schema(example = "switchboard-call-back")]
    method: Option<String>,
    /// When.
    #[schema(example = "2026-11-22T02:08:00Z")]
    at: Option<String>,
    /// By whom.
    #[schema(example = "Huw Rees")]
    by: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// Identifier of the check.
    #[schema(example = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    id: String,
    /// A short reference that can be read over the telephone.
    #[schema(example = "K7QF-3M9T-T")]
    reference: String,
    /// When it was asked.
    asked_at: DateTime<Utc>,
    /// The instant of the register that was read.
    as_of: DateTime<Utc>,
    /// How long the answer may be relied on.
    valid_until: DateTime<Utc>,
    /// `on-register`, `possible-match`, `not-on-register` or `indeterminate`.
    #[schema(example = "on-register")]
    outcome: String,
    /// A missing-child alert that this question is about although no match carries it: the child is on no register that
    /// answered. Read it before the outcome: `not-on-register` beside it means that the child is sought, and is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_alert: Option<MissingAlertView>,
    /// People who may be meant, best first.
    matches: Vec<MatchView>,
    /// Every region in the search and what became of asking it.
    coverage: Vec<CoverageView>,
    /// Enquiries of other organisations about this child lately.
    earlier_enquiries: EarlierView,
    /// What the answer means and does not mean.
    advice: Vec<AdviceView>,
    /// A signed statement (compact JWS) that binds question, answer, coverage and time.
    #[schema(
        example = "eyJhbGciOiJFZERTQSJ9.eyJpZCI6IjAxOTM4ZjBhIn0.c2lnbmF0dXJl",
        pattern = "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$"
    )]
    receipt: String,
    /// The reason that was stated.
    reason: String,
    /// The enquirer's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_reference: Option<String>,
    /// Who asked; for the region's custodian.
    #[serde(skip_serializing_if = "Option::is_none")]
    enquirer: Option<EnquirerView>,
    /// What was asked; for the region's custodian.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CheckRequest>)]
    question: Option<Box<serde_json::value::RawValue>>,
}

/// Who asked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnquirerView {
    /// The person, as their identity provider knows them.
    #[schema(example = "https://idp.example#nurse-1")]
    person: String,
    /// Their agency, or that of the caller for whom they asked.
    #[schema(example = "Royal Gwent Hospital")]
    agency: String,
    /// Their role.
    #[schema(example = "emergency-duty")]
    role: String,
}

/// A person who may be meant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchView {
    /// How sure: `certain`, `probable` or `possible`.
    #[schema(value_type = String, example = "certain")]
    grade: Grade,
    /// Probability, 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.9991)]
    score: f64,
    /// What agreed, differed or was missing, in words.
    #[schema(example = json!(["date of birth agrees", "family name agrees"]))]
    why: Vec<String>,
    /// `registered`, `temporarily-registered`, `transfer-pending`, `previously-registered` or `unborn-registered`.
    #[schema(value_type = String, example = "registered")]
    status: MatchStatus,
    /// The one responsible authority.
    authority: AuthorityView,
    /// Since when the entry stands.
    registered_on: NaiveDate,
    /// The plan co-ordinator.
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinator: Option<CoordinatorNameView>,
    /// Whom to ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactsView>,
    /// Whether the record is shielded: ask for no location and pass none on.
    shielded: bool,
    /// The missing-child alert that is live for this child: what to do now, and whom to ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_alert: Option<MissingAlertView>,
    /// The NHS number that has come in the place of the one you gave, where the region's policy tells you.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9990001006")]
    number_in_use: Option<String>,
    /// Who at the authority has confirmed having read that you asked, the first first; what a region tells of its own people takes a
    /// moment. Absent while nobody has, for an entry of a region that does not tell, and for a former entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_by: Option<Vec<ReadingView>>,
}

/// That a person at an authority has read of a check: the office, never the name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadingView {
    /// The office whose notice it was.
    #[schema(example = "custodian")]
    role: String,
    /// When they confirmed it.
    at: DateTime<Utc>,
}

/// A missing-child alert, as an enquirer is told of it: what to do now, and whom to ring; nothing more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingAlertView {
    /// How sure it is that the question is about the child who is sought: `certain`, `probable` or `possible`.
    #[schema(value_type = String, example = "probable")]
    grade: Grade,
    /// Whether it is an exercise: nobody is missing.
    exercise: bool,
    /// Whether those who seek the child were to confirm the alert by now and have not. It is live all the same.
    stale: bool,
    /// Since when it should have been confirmed, of a stale one.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_since: Option<DateTime<Utc>>,
    /// What to do now, in the words of those who seek the child.
    #[schema(example = "Keep the child with you if you can do so safely. Do not tell the family that you have rung.")]
    instructions: String,
    /// Whom to ring at this minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactView>,
}

impl MissingAlertView {
    fn new(alert: &ToldAlert, region: &Region, language: Language, now: DateTime<Utc>) -> Self {
        let known = region.authority(&alert.authority);
        let contact = known.and_then(|(home, authority)| authority.contact_now(home.nation, now).map(ContactView::new));
        let usual = if alert.exercise { "alert-instructions-exercise" } else { "alert-instructions" };
        let stale = alert.reconfirm_by < now;
        Self {
            grade: alert.grade,
            exercise: alert.exercise,
            stale,
            stale_since: stale.then_some(alert.reconfirm_by),
            instructions: alert.instructions.clone().unwrap_or_else(|| say(language, usual, &[])),
            contact,
        }
    }
}

/// An authority.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityView {
    /// GSS code.
    #[schema(example = "W06000022")]
    code: String,
    /// Name in the language of the answer.
    #[schema(example = "Newport")]
    name: String,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "gwent")]
    region: Option<String>,
}

/// A co-ordinator, as enquirers are told of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoordinatorNameView {
    /// Name.
    #[schema(example = "Carys Mathias")]
    name: String,
}

/// Whom to ring at an authority.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactsView {
    /// The number to ring at this minute, by shift and bank holidays.
    now: ContactView,
    /// In office hours.
    office: ContactView,
    /// At all other times.
    out_of_hours: ContactView,
}

/// What became of asking a region.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoverageView {
    /// The region.
    #[schema(example = "gwent")]
    region: String,
    /// `answered`, `timed-out`, `unreachable`, `refused` or `invalid`.
    #[schema(value_type = String, example = "answered")]
    status: CoverageStatus,
    /// The instant of its register that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u32>,
    /// For a region that did not answer: whom to ring there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactView>,
}

/// Enquiries of other organisations about this child lately.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EarlierView {
    /// How many.
    count: u64,
    /// Which agencies, as far as policy allows.
    #[schema(example = json!(["Gwent Police"]))]
    agencies: Vec<String>,
    /// When the first of them was.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
}

/// A piece of advice.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdviceView {
    /// Stable code.
    #[schema(example = "report-anyway")]
    code: String,
    /// In words, in the language of the answer.
    #[schema(example = "If you are worried about the child, report it whatever this answer says.")]
    text: String,
}

/// A check in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// Identifier.
    id: String,
    /// Short reference.
    #[schema(example = "K7QF-3M9T-T")]
    reference: String,
    /// When it was asked.
    asked_at: DateTime<Utc>,
    /// Outcome.
    outcome: String,
    /// Reason.
    reason: String,
    /// The agency that asked.
    #[schema(example = "Royal Gwent Hospital")]
    agency: String,
    /// The enquirer's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_reference: Option<String>,
}

/// A page of checks.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckList {
    /// The checks, newest first.
    items: Vec<CheckSummary>,
    /// Where the next page is.
    links: Links,
}

/// Several questions at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The questions.
    #[schema(min_items = 1, max_items = 50)]
    checks: Vec<CheckRequest>,
}

/// The answers of a batch, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    /// The answers.
    items: Vec<CheckView>,
}

/// Which checks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// Only the check with this short reference.
    #[param(example = "K7QF-3M9T-T")]
    reference: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

impl CheckRequest {
    /// The child in question.
    pub fn child(&self) -> &ChildQuestion {
        &self.child
    }

    /// Reads the question.
    ///
    /// # Errors
    /// 403 when it is for a caller who is not verified, or by somebody who may not ask for callers; 422 with every mistake.
    fn question(
        &self,
        prefix: &str,
        region: &Region,
        principal: &Principal,
        now: DateTime<Utc>,
        language: Language,
    ) -> Result<Question, Problem> {
        let mut fields = Fields::default();
        let at = |item: &str| format!("{prefix}/{item}");
        let caller = match &self.on_behalf_of {
            None => None,
            Some(_) if !principal.role.asks_for_callers() => return Err(Kind::OnBehalfNotAllowed.into()),
            Some(OnBehalfOfShape { verified_by: None, .. }) => return Err(Kind::CallerNotVerified.into()),
            Some(caller) => caller.read(&at("onBehalfOf"), &mut fields, now),
        };
        let reason: Option<Reason> = fields.required(&at("reason"), self.reason.as_deref());
        let reason_text: Option<ReasonText> = fields.optional(&at("reasonText"), self.reason_text.as_deref());
        if let Some(reason) = reason {
            fields.keep(&at("reasonText"), StatedReason::new(reason, reason_text));
        }
        let case_reference: Option<CaseReference> = fields.optional(&at("caseReference"), self.case_reference.as_deref());
        let notify: Notify = fields.optional(&at("notify"), self.notify.as_deref()).unwrap_or(Notify::Normal);
        if let Some(reason) = reason {
            fields.keep(&at("notify"), notify.permitted_for(reason));
        }
        if self.deadline_ms.is_some_and(|deadline| !DEADLINE_MS.contains(&deadline)) {
            fields.note(&at("deadlineMs"), "out-of-range", "give 200 to 10000 milliseconds");
        }
        let search = self.search_set(&at("search"), region, &mut fields);
        let person = self.child.person(&at("child"), region, now, &mut fields);
        let document = serde_json::to_string(self).map_err(|_| Problem::from(Kind::InternalError))?;
        let child = serde_json::to_string(&self.child).map_err(|_| Problem::from(Kind::InternalError))?;
        let deadline_ms = self.deadline_ms.unwrap_or(region.deadline_ms);
        let read = reason.zip(search).map(|(reason, search)| Question {
            reason,
            case_reference: case_reference.map(|reference| reference.expose().to_owned()),
            person,
            document,
            child,
            deadline_ms,
            notify,
            search,
            on_behalf_of: caller,
            call_back: self.on_behalf_of.as_ref().and_then(|caller| caller.call_back_number.clone()),
            language: language.as_str(),
        });
        fields.finish(read)
    }

    fn search_set(&self, pointer: &str, region: &Region, fields: &mut Fields) -> Option<SearchSet> {
        let search = match &self.search {
            None => Search::Federation,
            Some(SearchShape::Word(word)) => match word.as_str() {
                "federation" => Search::Federation,
                "own-region" => Search::OwnRegion,
                _ => {
                    fields.note(pointer, "unknown-search", "use own-region, federation or a list of region codes");
                    return None;
                }
            },
            Some(SearchShape::Regions(codes)) => {
                let read: Vec<_> = codes
                    .iter()
                    .enumerate()
                    .filter_map(|(index, code)| match code.parse() {
                        Ok(code) => Some(code),
                        Err(_) => {
                            fields.note(&format!("{pointer}/{index}"), "unknown-region", "use region codes from the directory");
                            None
                        }
                    })
                    .collect();
                Search::Regions(read)
            }
        };
        if fields.any() && matches!(&search, Search::Regions(regions) if regions.is_empty()) {
            return None;
        }
        fields.keep(pointer, SearchSet::choose(&search, region.code(), &region.standings()))
    }
}

impl OnBehalfOfShape {
    /// The caller's agency, when everything about the caller is in order.
    fn read(&self, pointer: &str, fields: &mut Fields, now: DateTime<Utc>) -> Option<String> {
        let at = |item: &str| format!("{pointer}/{item}");
        let _: Option<Line> = fields.required(&at("name"), self.name.as_deref());
        let agency: Option<Line> = fields.required(&at("agency"), self.agency.as_deref());
        let _: Option<Line> = fields.required(&at("role"), self.role.as_deref());
        let _: Option<PhoneNumber> = fields.required(&at("callBackNumber"), self.call_back_number.as_deref());
        if let Some(verified) = &self.verified_by {
            let _: Option<VerificationMethod> = fields.required(&at("verifiedBy/method"), verified.method.as_deref());
            let _: Option<Line> = fields.required(&at("verifiedBy/by"), verified.by.as_deref());
            match verified.at.as_deref().map(DateTime::parse_from_rfc3339) {
                None => fields.missing(&at("verifiedBy/at")),
                Some(Err(_)) => {
                    fields.note(&at("verifiedBy/at"), "not-an-instant", "write date and time with the zone, as 2026-11-22T02:08:00Z")
                }
                Some(Ok(instant)) => {
                    let age = now.signed_duration_since(instant);
                    if age < -crate::domain::verification::CLOCK_DIFFERENCE_MAX {
                        fields.note(
                            &at("verifiedBy/at"),
                            "verified-in-the-future",
                            "check the time at which the caller was verified: it has not come yet",
                        );
                    } else if age.num_hours() >= VERIFIED_HOURS {
                        fields.note(&at("verifiedBy/at"), "verified-too-long-ago", "verify the caller again: it is more than 24 hours ago");
                    }
                }
            }
        }
        agency.map(|agency| agency.expose().to_owned())
    }
}

impl ChildQuestion {
    /// The child as the matcher reads it.
    pub(super) fn person(&self, pointer: &str, region: &Region, now: DateTime<Utc>, fields: &mut Fields) -> Person {
        let at = |item: &str| format!("{pointer}/{item}");
        let ranges = region.ranges();
        let mut person = Person::default();
        for (index, name) in fields.bounded(&at("names"), &self.names, ITEMS).iter().enumerate() {
            if let Some((given, middle, family)) = name.parts(&format!("{}/{index}", at("names")), fields) {
                let kind = if index == 0 { NameKind::Current } else { NameKind::Alias };
                person.names.push(PersonName { given, middle, family, kind });
            }
        }
        person.birth = self.birth(pointer, now, fields);
        if let Some(sex) = fields.optional::<Sex>(&at("sex"), self.sex.as_deref()) {
            person.sex = crate::register::matcher::sex(sex.as_str());
        }
        let numbers = [
            ("nhsNumber", &self.nhs_number, fields_nhs as fn(&str, _) -> _),
            ("chiNumber", &self.chi_number, fields_chi as fn(&str, _) -> _),
            ("hcNumber", &self.hc_number, fields_hc as fn(&str, _) -> _),
        ];
        for (item, text, parse) in numbers {
            if let Some(text) = text
                && let Some(number) = fields.keep(&at(item), parse(text, ranges))
            {
                person.nhs_numbers.push(number);
            }
        }
        for (index, address) in fields.bounded(&at("addresses"), &self.addresses, ITEMS).iter().enumerate() {
            if let Some(address) = address.read(&format!("{}/{index}", at("addresses")), fields) {
                person.addresses.push(PersonAddress {
                    lines: address.lines().iter().map(|line| line.expose().to_owned()).collect(),
                    postcode: address.postcode().map(|postcode| postcode.expose().to_owned()),
                    current: true,
                    hidden: false,
                });
            }
        }
        if let Some(mother) = &self.mother
            && let Some((given, _, family)) = mother.parts(&at("mother"), fields)
        {
            person.carers.push(PersonCarer { given, family, is_mother: true, hidden: false });
        }
        for (index, carer) in fields.bounded(&at("carers"), &self.carers, ITEMS).iter().enumerate() {
            let pointer = format!("{}/{index}", at("carers"));
            let _: Option<PartialDate> = fields.optional(&format!("{pointer}/dateOfBirth"), carer.date_of_birth.as_deref());
            if let Some((given, _, family)) = carer.name.parts(&format!("{pointer}/name"), fields) {
                person.carers.push(PersonCarer { given, family, is_mother: false, hidden: false });
            }
        }
        person
    }

    /// What is said of the birth; only one way of saying it.
    fn birth(&self, pointer: &str, now: DateTime<Utc>, fields: &mut Fields) -> Birth {
        let at = |item: &str| format!("{pointer}/{item}");
        let day = crate::register::children::today(now);
        let said = [
            self.date_of_birth.is_some(),
            self.date_of_birth_from.is_some() || self.date_of_birth_to.is_some(),
            self.age_years.is_some(),
            self.expected_delivery_date.is_some(),
        ];
        if said.iter().filter(|said| **said).count() > 1 {
            fields.note(
                &at("dateOfBirth"),
                "too-many-dates",
                "give the date of birth, or a range, or an age, or the expected date: only one of them",
            );
            return Birth::Unknown;
        }
        if let Some(text) = &self.date_of_birth {
            let Some(partial) = fields.optional::<PartialDate>(&at("dateOfBirth"), Some(text)) else { return Birth::Unknown };
            let Some(birth) = fields.keep(&at("dateOfBirth"), BirthDate::from_partial(partial)) else { return Birth::Unknown };
            not_in_the_future(&at("dateOfBirth"), birth, day, fields);
            return Birth::from_text(&partial.expose());
        }
        if self.date_of_birth_from.is_some() || self.date_of_birth_to.is_some() {
            let from: Option<DateOfBirth> = fields.optional(&at("dateOfBirthFrom"), self.date_of_birth_from.as_deref());
            let to: Option<DateOfBirth> = fields.optional(&at("dateOfBirthTo"), self.date_of_birth_to.as_deref());
            if from.is_some() || to.is_some() {
                let missing = if self.date_of_birth_to.is_none() { "dateOfBirthTo" } else { "dateOfBirthFrom" };
                if let Some(Some(birth)) = fields.keep(&at(missing), BirthDate::from_parts(None, from, to, None)) {
                    not_in_the_future(&at("dateOfBirthFrom"), birth, day, fields);
                    let (from, to) = birth.expose_bounds();
                    return Birth::Range { from, to };
                }
            }
            return Birth::Unknown;
        }
        if let Some(age) = self.age_years {
            let age = u8::try_from(age).unwrap_or(u8::MAX);
            if let Some(age) = fields.keep(&at("ageYears"), AgeYears::new(age))
                && let Some(range) = fields.keep(&at("ageYears"), age.born_between(day))
            {
                return Birth::Range { from: range.from().expose(), to: range.to().expose() };
            }
            return Birth::Unknown;
        }
        if let Some(date) = fields.optional::<ExpectedDeliveryDate>(&at("expectedDeliveryDate"), self.expected_delivery_date.as_deref()) {
            fields.keep(&at("expectedDeliveryDate"), date.plausible(day));
            return Birth::Expected(date.expose());
        }
        Birth::Unknown
    }
}

/// A question may be about anybody who has been born: whether the person is a child is for the register to say.
fn not_in_the_future(pointer: &str, birth: BirthDate, day: NaiveDate, fields: &mut Fields) {
    if birth.expose_bounds().0 > day {
        fields.wrong(pointer, &DateError::InTheFuture);
    }
}

type Ranges = crate::domain::identifiers::Ranges;
type IdentifierError = crate::domain::identifiers::IdentifierError;

fn fields_nhs(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    NhsNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

fn fields_chi(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    ChiNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

fn fields_hc(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    HcNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

/// One line of an explanation, in words.
fn reason_in_words(reason: &MatchReason, language: Language) -> String {
    let code = |value: &dyn erased::Coded| value.code();
    let item = say(language, &format!("why-item-{}", code(&reason.field)), &[]);
    let said = say(language, &format!("why-{}", code(&reason.level)), &[("item", &item)]);
    match reason.qualifier {
        None => said,
        Some(qualifier) => format!("{said} ({})", say(language, &format!("why-with-{}", code(&qualifier)), &[])),
    }
}

/// The codes of the matcher's reasons, as they are serialised.
mod erased {
    use serde::Serialize;

    /// Something whose serialised form is its code.
    pub trait Coded {
        /// The code.
        fn code(&self) -> String;
    }

    impl<T: Serialize> Coded for T {
        fn code(&self) -> String {
            serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        }
    }
}

impl MatchView {
    fn new(
        found: &StoredMatch,
        number_in_use: Option<&String>,
        readings: Option<Vec<Reading>>,
        region: &Region,
        language: Language,
        now: DateTime<Utc>,
    ) -> Self {
        let known = region.authority(&found.authority);
        let contact = known.as_ref().and_then(|(home, authority)| {
            let contacts = authority.contacts.as_ref()?;
            Some(ContactsView {
                now: ContactView::new(authority.contact_now(home.nation, now)?),
                office: ContactView::new(&contacts.office),
                out_of_hours: ContactView::new(&contacts.out_of_hours),
            })
        });
        let mut why: Vec<String> = found.reasons.iter().map(|reason| reason_in_words(reason, language)).collect();
        for flag in &found.flags {
            let name = match flag {
                Flag::PossibleSiblingOrTwin => "why-possible-sibling-or-twin",
                Flag::IdentifierConflict
                    if found.reasons.iter().any(|reason| reason.field == Field::Identifier && reason.level == Level::Exact) =>
                {
                    "why-identifier-conflict"
                }
                Flag::IdentifierConflict => "why-identifier-differs",
            };
            why.insert(0, say(language, name, &[]));
        }
        if found.superseded_number {
            why.insert(0, say(language, "why-identifier-superseded", &[]));
        }
        Self {
            grade: found.grade,
            score: found.score,
            why,
            status: found.status,
            authority: AuthorityView {
                code: found.authority.clone(),
                name: known.as_ref().map_or_else(|| found.authority.clone(), |(_, authority)| authority.name(language).to_owned()),
                region: known.as_ref().map(|(home, _)| home.code.to_string()),
            },
            registered_on: found.registered_on,
            coordinator: found.coordinator.as_ref().map(|name| CoordinatorNameView { name: name.clone() }),
            contact,
            shielded: found.shielded,
            missing_alert: found.alert.as_ref().map(|alert| MissingAlertView::new(alert, region, language, now)),
            number_in_use: number_in_use.cloned(),
            read_by: readings
                .filter(|readings| !readings.is_empty())
                .map(|readings| readings.into_iter().map(|Reading { role, at }| ReadingView { role, at }).collect()),
        }
    }
}

impl CheckView {
    /// What a caller is shown of a check: fields listed by hand. `numbers` are those in use, of the people who were asked for by
    /// another; `readings` who has read of it meanwhile.
    #[allow(clippy::too_many_arguments)] // the check, and for whom it is shown
    fn new(
        row: &EnquiryRow,
        answer: &StoredAnswer,
        numbers: &NumbersInUse,
        readings: &Readings,
        region: &Region,
        principal: &Principal,
        reach: Reach,
        language: Language,
        now: DateTime<Utc>,
    ) -> Self {
        let agencies = if region.disclosure.earlier_agencies(principal) { answer.earlier.agencies.clone() } else { Vec::new() };
        let custodian = reach == Reach::Scope && principal.role == crate::domain::roles::Role::Custodian;
        Self {
            id: row.id.0.to_string(),
            reference: row.reference.clone(),
            asked_at: row.asked_at.get(),
            as_of: row.as_of.get(),
            valid_until: row.valid_until.get(),
            outcome: row.outcome.clone(),
            missing_alert: answer.alerts.first().map(|alert| MissingAlertView::new(alert, region, language, now)),
            matches: answer
                .matches
                .iter()
                .map(|found| MatchView::new(found, numbers.of(found), readings.of(found), region, language, now))
                .collect(),
            coverage: answer
                .coverage
                .iter()
                .map(|row| CoverageView {
                    region: row.region.clone(),
                    status: row.status,
                    as_of: row.as_of,
                    duration_ms: row.duration_ms,
                    contact: if row.status == CoverageStatus::Answered {
                        None
                    } else {
                        row.region
                            .parse()
                            .ok()
                            .and_then(|code| region.member(&code))
                            .and_then(|member| member.contact_now(now).map(ContactView::new))
                    },
                })
                .collect(),
            earlier_enquiries: EarlierView { count: answer.earlier.count, agencies, since: answer.earlier.since },
            advice: answer
                .advice
                .iter()
                .map(|code| AdviceView { code: code.clone(), text: words::say(language, &format!("advice-{code}"), &[]) })
                .collect(),
            receipt: row.receipt.clone(),
            reason: row.reason.clone(),
            case_reference: row.case_reference.clone(),
            enquirer: custodian.then(|| EnquirerView { person: row.asked_by.clone(), agency: row.agency.clone(), role: row.role.clone() }),
            question: if custodian { serde_json::value::RawValue::from_string(row.question.clone()).ok() } else { None },
        }
    }
}

/// What the reading part of a request found: an answer given before, or what this region's register holds.
enum Read {
    Before(Answer),
    New {
        key: Option<Key>,
        searched: Vec<Searched>,
        replies: Vec<Vec<PeerReply>>,
        reckoning: Reckoning,
        turn: Option<Turn>,
        hold: Arc<Hold>,
    },
}

/// Asks the other regions of every question at once, each until its deadline.
async fn ask_others(
    federation: Option<Federated>,
    store: &Store,
    region: &Region,
    context: Context,
    asked_at: Stopwatch,
    read: Read,
) -> Read {
    let Read::New { key, searched, reckoning, turn, hold, .. } = read else { return read };
    let silent = |regions: Vec<RegionCode>| -> Vec<PeerReply> {
        let one = |region| PeerReply {
            region,
            reply: Reply::Unreachable,
            duration_ms: 0,
            earlier: None,
            signed: None,
            code: None,
            alerts: Vec::new(),
        };
        regions.into_iter().map(one).collect()
    };
    let asked = searched.iter().map(|searched| {
        let federation = federation.clone();
        async move {
            let Some((regions, question)) = searched.to_ask(region) else { return Vec::new() };
            let Some(peers) = federation.and_then(|federated| federated.peers) else { return silent(regions) };
            let budget = Duration::from_millis(searched.deadline_ms()).saturating_sub(RESERVE);
            peers.ask_all(regions, question, context.correlation_id, asked_at + budget).await
        }
    });
    let replies = join_all(asked).await;
    if let Some(peers) = federation.as_ref().and_then(|federated| federated.peers.as_ref()) {
        let refused = replies.iter().flatten().filter_map(|reply| Some((reply.region.to_string(), reply.code?)));
        join_all(refused.map(|(of, code)| peers.note_refusal(store, of, code, context))).await;
    }
    Read::New { key, searched, replies, reckoning, turn, hold }
}

/// Of the deadline, what is kept for putting the answers together and keeping them.
const RESERVE: Duration = Duration::from_millis(30);

/// The parts of a new answer, or one given before.
enum Asked {
    Before(Answer),
    New { key: Option<Key>, checked: Vec<Checked>, answer: Answer, subjects: Vec<String>, _turn: Option<Turn>, _hold: Arc<Hold> },
}

/// A question as a face of the API, or a page, read it.
#[derive(Debug)]
pub enum Posed {
    /// It was answered before, under the same idempotency key.
    Before(Answer),
    /// It is new; without a key a repetition would be another question.
    New(Box<CheckRequest>, Option<(Key, Turn)>),
}

/// Refuses when the caller asked about too many children already; what is left is told either way.
fn admit(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    principal: &Principal,
    children: usize,
    hold: &Hold,
    told: &Told,
) -> Result<Reckoning, RegisterError> {
    let reckoning = region.budgets.reckon(snapshot, principal)?;
    let admitted = region.budgets.admit(&reckoning, children as u64, hold);
    told.standing(region.budgets.standing(&reckoning, 0));
    admitted.map(|()| reckoning)
}

/// How many of these checks named nobody.
fn empty(checked: &[Checked]) -> u64 {
    checked.iter().filter(|checked| checked.answer.matches.is_empty()).count() as u64
}

/// The unit of work of one or several new checks.
fn keep(region: &Region, tx: &mut crate::store::Tx<'_>, asked: &Asked) -> Result<Answer, Problem> {
    match asked {
        Asked::Before(answer) => Ok(answer.clone()),
        Asked::New { key, checked, answer, subjects, .. } => {
            let work = |tx: &mut crate::store::Tx<'_>| {
                budgets::spend(tx, subjects, checked.len() as u64, empty(checked))?;
                for checked in checked {
                    checks::record(tx, region, checked)?;
                }
                Ok::<_, RegisterError>(answer.clone())
            };
            match key {
                Some(key) => idempotency::once(tx, key, work),
                None => work(tx),
            }
            .map_err(Problem::from)
        }
    }
}

/// Ask whether a child is on a register
///
/// Asks the registers of the search and answers in words that cannot be misread: `not-on-register` only when every register
/// answered and nobody on them may be the child. The enquiry is recorded and told to those responsible. A child who is sought
/// carries `missingAlert`: on the match, or at the top when nobody on a register matched; those who seek the child are rung.
#[utoipa::path(
    post, path = "/v1/checks", operation_id = "askCheck", tag = "Checks",
    params(super::openapi::IdempotencyKey), request_body = CheckRequest,
    responses((status = 201, description = "The answer", body = CheckView,
        headers(("Location" = String, description = "Where the check can be read again"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn ask(gate: Gate<action::AskCheck>) -> Result<HttpResponse, Problem> {
    let read = |incoming: &Incoming, snapshot: &mut Snapshot<'_>| {
        let creation = incoming.creation::<CheckRequest>()?;
        match idempotency::before(snapshot, &creation.key)? {
            Some(answer) => Ok(Posed::Before(answer)),
            None => Ok(Posed::New(Box::new(creation.body), Some((creation.key, creation.turn)))),
        }
    };
    put(gate, read).await.map(kept)
}

/// Puts a question to the register, whichever face of the API, or page, `read` it: the one way in which a check comes about.
///
/// # Errors
/// As the operation documents them.
pub async fn put(
    gate: Gate<action::AskCheck>,
    read: impl FnOnce(&Incoming, &mut Snapshot<'_>) -> Result<Posed, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let asked_at = Stopwatch::now();
    let Gate { permit, incoming, language, told, app } = gate;
    let principal = Arc::clone(permit.principal());
    let context = permit.context();
    // Held until the answer is on its way, and until the unit of work has ended although the caller has gone.
    let held = Arc::new(app.region.budgets.hold());
    let (hold, told_then) = (Arc::clone(&held), told.clone());
    let (reader, teller, writer) = (Arc::clone(&app.region), Arc::clone(&principal), Arc::clone(&app.region));
    let look = move |snapshot: &mut Snapshot<'_>| {
        let (request, key) = match read(&incoming, snapshot)? {
            Posed::Before(answer) => return Ok(Read::Before(answer)),
            Posed::New(request, key) => (request, key),
        };
        let (key, turn) = key.unzip();
        let question = request.question("", &reader, &principal, snapshot.now(), language)?;
        let reckoning = admit(snapshot, &reader, &principal, 1, &hold, &told)?;
        let searched = vec![checks::find(snapshot, &reader, question, &principal)?];
        Ok(Read::New { key, searched, replies: Vec::new(), reckoning, turn, hold })
    };
    let work = async move {
        let region = Arc::clone(&app.region);
        let ask = |read| ask_others(app.federation.clone(), &app.store, &region, context, asked_at, read);
        let end = |ending: &mut Ending<'_>, read| {
            put_together(
                ending,
                &region,
                &teller,
                &told_then,
                read,
                |mut views| {
                    let (version, view) = views.pop().ok_or(Kind::InternalError)?;
                    created(Some(format!("/v1/checks/{}", view.id)), Some(etag(version)), &view)
                },
                language,
            )
        };
        let answer = app.store.run_asking(permit, look, ask, end, move |tx, asked: &Asked| keep(&writer, tx, asked)).await;
        drop(held);
        answer
    };
    to_its_end(work).await
}

/// Goes on although the caller has gone: other regions were asked, and that must not be forgotten.
async fn to_its_end(work: impl Future<Output = Result<Answer, Problem>> + 'static) -> Result<Answer, Problem> {
    actix_web::rt::spawn(work).await.map_err(|_| Problem::from(Kind::InternalError))?
}

/// Puts the answers of all regions together, signs the receipts and writes the reply.
fn put_together(
    ending: &mut Ending<'_>,
    region: &Region,
    principal: &Principal,
    told: &Told,
    read: Read,
    write: impl FnOnce(Vec<(i64, CheckView)>) -> Result<Answer, Problem>,
    language: Language,
) -> Result<Asked, Problem> {
    let (key, searched, replies, reckoning, turn, hold) = match read {
        Read::Before(answer) => return Ok(Asked::Before(answer)),
        Read::New { key, searched, replies, reckoning, turn, hold } => (key, searched, replies, reckoning, turn, hold),
    };
    let mut checked = Vec::with_capacity(searched.len());
    for (one, replies) in searched.into_iter().zip(replies) {
        checked.push(checks::conclude(ending, region, one, replies)?);
    }
    checks::sign(ending, region, &mut checked)?;
    let now = ending.now();
    let views = checked
        .iter()
        .map(|one| {
            // Nobody can have read of it yet.
            let none = Readings::default();
            (one.row.version, CheckView::new(&one.row, &one.answer, &one.numbers, &none, region, principal, Reach::Own, language, now))
        })
        .collect();
    let answer = write(views)?;
    told.standing(region.budgets.standing(&reckoning, empty(&checked)));
    let subjects = budgets::subjects(principal);
    Ok(Asked::New { key, checked, answer, subjects, _turn: turn, _hold: hold })
}

/// Ask about several children at once
///
/// Each question is a check of its own, kept and told like any other; all are answered, or none when one of them cannot be
/// read.
#[utoipa::path(
    post, path = "/v1/checks/batch", operation_id = "askChecks", tag = "Checks",
    params(super::openapi::IdempotencyKey), request_body = BatchRequest,
    responses((status = 201, description = "The answers, in the order of the questions", body = BatchView), super::openapi::CreateProblems),
)]
pub async fn ask_several(gate: Gate<action::AskChecks>) -> Result<HttpResponse, Problem> {
    let asked_at = Stopwatch::now();
    let Gate { permit, incoming, language, told, app } = gate;
    let principal = Arc::clone(permit.principal());
    let context = permit.context();
    // Held until the answer is on its way, and until the unit of work has ended although the caller has gone.
    let held = Arc::new(app.region.budgets.hold());
    let (hold, told_then) = (Arc::clone(&held), told.clone());
    let (reader, teller, writer) = (Arc::clone(&app.region), Arc::clone(&principal), Arc::clone(&app.region));
    let read = move |snapshot: &mut Snapshot<'_>| {
        let creation = incoming.creation::<BatchRequest>()?;
        if let Some(answer) = idempotency::before(snapshot, &creation.key)? {
            return Ok(Read::Before(answer));
        }
        let questions = creation.body.questions(&reader, &principal, snapshot.now(), language)?;
        let reckoning = admit(snapshot, &reader, &principal, questions.len(), &hold, &told)?;
        let mut searched = Vec::new();
        for (index, question) in questions.into_iter().enumerate() {
            let one = checks::find(snapshot, &reader, question, &principal).map_err(|error| match error {
                RegisterError::Insufficient => {
                    let mut fields = Fields::default();
                    fields.note(&format!("/checks/{index}/child"), "insufficient", &say(language, "problem-insufficient-detail", &[]));
                    fields.finish::<()>(None).err().unwrap_or_else(|| Kind::Insufficient.into())
                }
                other => other.into(),
            })?;
            searched.push(one);
        }
        Ok(Read::New { key: Some(creation.key), searched, replies: Vec::new(), reckoning, turn: Some(creation.turn), hold })
    };
    let work = async move {
        let region = Arc::clone(&app.region);
        let ask = |read| ask_others(app.federation.clone(), &app.store, &region, context, asked_at, read);
        let end = |ending: &mut Ending<'_>, read| {
            put_together(
                ending,
                &region,
                &teller,
                &told_then,
                read,
                |views| created(None, None, &BatchView { items: views.into_iter().map(|(_, view)| view).collect() }),
                language,
            )
        };
        let answer = app.store.run_asking(permit, read, ask, end, move |tx, asked: &Asked| keep(&writer, tx, asked)).await;
        drop(held);
        answer
    };
    to_its_end(work).await.map(kept)
}

impl BatchRequest {
    /// Reads every question.
    ///
    /// # Errors
    /// As [`CheckRequest::question`], with the mistakes of all of them.
    fn questions(&self, region: &Region, principal: &Principal, now: DateTime<Utc>, language: Language) -> Result<Vec<Question>, Problem> {
        let mut fields = Fields::default();
        if self.checks.is_empty() {
            fields.missing("/checks");
        }
        fields.bounded("/checks", &self.checks, region.batch_limit);
        fields.finish(Some(()))?;
        let mut questions = Vec::new();
        let mut errors = Vec::new();
        for (index, check) in self.checks.iter().enumerate() {
            match check.question(&format!("/checks/{index}"), region, principal, now, language) {
                Ok(question) => questions.push(question),
                Err(problem) if problem.kind == Kind::Invalid => errors.extend(problem.errors),
                Err(problem) => return Err(problem),
            }
        }
        if errors.is_empty() { Ok(questions) } else { Err(Problem::invalid(errors)) }
    }
}

/// Items of a child in a question, by where they stand: what another region's newer version says besides is left out.
const CHILD_ITEMS: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "names",
            "dateOfBirth",
            "dateOfBirthFrom",
            "dateOfBirthTo",
            "ageYears",
            "expectedDeliveryDate",
            "mother",
            "sex",
            "nhsNumber",
            "chiNumber",
            "hcNumber",
            "addresses",
            "carers",
        ],
    ),
    ("names", &["given", "middle", "family"]),
    ("addresses", &["lines", "postcode", "uprn"]),
    ("carers", &["name", "dateOfBirth"]),
];

/// Leaves out of a child what this version does not know.
fn without_unknown(child: &mut serde_json::Value) -> usize {
    let mut left_out = 0;
    let Some(items) = child.as_object_mut() else { return 0 };
    for (place, known) in CHILD_ITEMS {
        let mut strip = |items: &mut serde_json::Map<String, serde_json::Value>| {
            let before = items.len();
            items.retain(|name, _| known.contains(&name.as_str()));
            left_out += before - items.len();
        };
        if place.is_empty() {
            strip(items);
        } else if let Some(serde_json::Value::Array(list)) = items.get_mut(place) {
            list.iter_mut().filter_map(serde_json::Value::as_object_mut).for_each(strip);
        }
    }
    left_out
}

/// A question of another region, as this one's register reads it.
///
/// # Errors
/// 422 with what cannot be read.
pub(super) fn question_of_peer(asked: &PeerQuestion, region: &Region, now: DateTime<Utc>) -> Result<Question, Problem> {
    let mut fields = Fields::default();
    let mut child: serde_json::Value = serde_json::from_str(&asked.child).map_err(|_| Problem::from(Kind::MalformedJson))?;
    let left_out = without_unknown(&mut child);
    if left_out > 0 {
        tracing::info!(items = left_out, "ignored items of another region's question that this version does not know");
    }
    let reason: Option<Reason> = fields.required("/reason", Some(&asked.reason));
    let notify: Option<Notify> = fields.required("/notify", Some(&asked.notify));
    let case_reference: Option<CaseReference> = fields.optional("/caseReference", asked.case_reference.as_deref());
    let shape: Option<ChildQuestion> = serde_json::from_value(child.clone()).ok();
    if shape.is_none() {
        fields.note("/child", "wrong-type", "give the child as POST /v1/checks takes it");
    }
    // An age is an age on the day on which it was asked; a day that is far away is nobody's.
    let asked_at = if (asked.asked_at - now).abs() < chrono::TimeDelta::days(366) { asked.asked_at } else { now };
    let person = shape.map(|shape| shape.person("/child", region, asked_at, &mut fields));
    let search = SearchSet::choose(&Search::OwnRegion, region.code(), &[]).map_err(|_| Problem::from(Kind::InternalError))?;
    let mut document = serde_json::json!({ "reason": asked.reason, "child": child, "notify": asked.notify, "search": "own-region" });
    if let (Some(reference), Some(items)) = (&case_reference, document.as_object_mut()) {
        items.insert("caseReference".into(), reference.expose().into());
    }
    let read = reason.zip(notify).zip(person).map(|((reason, notify), person)| Question {
        reason,
        case_reference: case_reference.as_ref().map(|reference| reference.expose().to_owned()),
        person,
        document: document.to_string(),
        child: asked.child.clone(),
        deadline_ms: region.deadline_ms,
        notify: if notify.permitted_for(reason).is_ok() { notify } else { Notify::Normal },
        search,
        on_behalf_of: None,
        call_back: None,
        language: Language::English.as_str(),
    });
    fields.finish(read)
}

/// Read a check again
///
/// For the asker and the region's custodian. The numbers to ring are those of this minute.
#[utoipa::path(
    get, path = "/v1/checks/{id}", operation_id = "readCheck", tag = "Checks",
    params(("id" = String, Path, description = "Identifier of the check")),
    responses((status = 200, description = "The check", body = CheckView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadCheck>) -> Result<HttpResponse, Problem> {
    let id = gate.incoming.id()?;
    let accepted = gate.incoming.reading();
    again(gate, id, Ok(()), accepted).await.map(kept)
}

/// Reads a check again, for whichever face of the API. `sound` says whether the request can be understood at all, `accepted`
/// whether the caller takes the answer: that is looked at once the check is known to exist.
pub async fn again(
    gate: Gate<action::ReadCheck>,
    id: CheckId,
    sound: Result<(), Problem>,
    accepted: Result<(), Problem>,
) -> Result<Answer, Problem> {
    let Gate { permit, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            sound?;
            snapshot.audit().enquiry(id);
            let (row, answer) = checks::read(snapshot.connection, id, &principal, reach)?;
            accepted?;
            for child in answer.own_children() {
                snapshot.audit().child(crate::store::types::Id(child));
            }
            let numbers = checks::numbers_in_place(snapshot.connection, &region, &principal, &answer.matches)?;
            let readings = checks::readings(snapshot.connection, id)?;
            let view = CheckView::new(&row, &answer, &numbers, &readings, &region, &principal, reach, language, snapshot.now());
            item(row.version, &view)
        })
        .await
}

/// List checks
///
/// One's own; for the region's custodian all of the region: the enquiry log.
#[utoipa::path(
    get, path = "/v1/checks", operation_id = "listChecks", tag = "Checks", params(CheckQuery),
    responses((status = 200, description = "A page of checks, newest first", body = CheckList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListChecks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let (page, reference) = query(&incoming)?;
            let rows = checks::list(snapshot.connection, &principal, reach, reference.as_ref(), page.before(), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/checks", |row| row.id.0);
            let items = rows
                .into_iter()
                .map(|row| CheckSummary {
                    id: row.id.0.to_string(),
                    reference: row.reference,
                    asked_at: row.asked_at.get(),
                    outcome: row.outcome,
                    reason: row.reason,
                    agency: row.agency,
                    case_reference: row.case_reference,
                })
                .collect();
            list(&CheckList { items, links })
        })
        .await
        .map(kept)
}

fn query(incoming: &Incoming) -> Result<(Page, Option<ShortReference>), Problem> {
    incoming.reading()?;
    let query: CheckQuery = incoming.query()?;
    let reference = query.reference.map(|text| text.parse::<ShortReference>()).transpose().map_err(|_| Kind::MalformedQuery)?;
    Ok((
        Page::new(query.cursor.as_deref(), query.limit, reference.as_ref().map(|reference| ("reference", reference.as_str().to_owned())))?,
        reference,
    ))
}
