//! The answers of `/v1/checks`: what a caller is shown of a check.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::question::CheckRequest;
use crate::api::shapes::ContactView;
use crate::authz::{Principal, Reach};
use crate::domain::outcome::{CoverageStatus, Grade, MatchStatus};
use crate::matching::{Field, Flag, Level, Reason as MatchReason};
use crate::register::Region;
use crate::register::alerts::hits::ToldAlert;
use crate::register::checks::{NumbersInUse, Reading, Readings, StoredAnswer, StoredMatch};
use crate::store::enquiries::EnquiryRow;
use crate::words::{self, Language, say};

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// Identifier of the check.
    #[schema(example = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    pub(super) id: String,
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
    /// Of a child who stays in the federation while the responsible authority is outside it: the authority where they stay, which has
    /// the plan. The contact is its.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<AuthorityView>,
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
        let holder = found.held_by.as_ref().filter(|_| known.is_none()).and_then(|code| region.authority(code));
        let contact = known.as_ref().or(holder.as_ref()).and_then(|(home, authority)| {
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
            held_by: holder.as_ref().map(|(home, authority)| AuthorityView {
                code: authority.gss.as_str().to_owned(),
                name: authority.name(language).to_owned(),
                region: Some(home.code.to_string()),
            }),
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

impl CheckView {
    /// What a caller is shown of a check: fields listed by hand. `numbers` are those in use, of the people who were asked for by
    /// another; `readings` who has read of it meanwhile.
    #[allow(clippy::too_many_arguments)] // the check, and for whom it is shown
    pub(super) fn new(
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
