//! The questions of `/v1/checks`: what a caller may say of a child, and how it is read.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::fields::Fields;
use crate::api::problem::{Kind, Problem};
use crate::api::shapes::{AddressShape, NameShape};
use crate::authz::Principal;
use crate::domain::contact::PhoneNumber;
use crate::domain::dates::{AgeYears, BirthDate, DateError, DateOfBirth, ExpectedDeliveryDate, PartialDate};
use crate::domain::identifiers::{ChiNumber, HcNumber, IdentifierError, NhsNumber, Ranges};
use crate::domain::notify::Notify;
use crate::domain::reason::{Reason, ReasonText, StatedReason};
use crate::domain::search_set::{Search, SearchSet};
use crate::domain::sex::Sex;
use crate::domain::text::{CaseReference, Line};
use crate::domain::verification::VerificationMethod;
use crate::matching::{Birth, NameKind, Person, PersonAddress, PersonCarer, PersonName};
use crate::register::Region;
use crate::register::checks::Question;
use crate::register::peers::wire::PeerQuestion;
use crate::words::Language;

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

/// Several questions at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The questions.
    #[schema(min_items = 1, max_items = 50)]
    checks: Vec<CheckRequest>,
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
    pub(super) fn question(
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
    pub(in crate::api) fn person(&self, pointer: &str, region: &Region, now: DateTime<Utc>, fields: &mut Fields) -> Person {
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

fn fields_nhs(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    NhsNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

fn fields_chi(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    ChiNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

fn fields_hc(text: &str, ranges: Ranges) -> Result<String, IdentifierError> {
    HcNumber::parse(text, ranges).map(|number| number.expose().to_owned())
}

impl BatchRequest {
    /// Reads every question.
    ///
    /// # Errors
    /// As [`CheckRequest::question`], with the mistakes of all of them.
    pub(super) fn questions(
        &self,
        region: &Region,
        principal: &Principal,
        now: DateTime<Utc>,
        language: Language,
    ) -> Result<Vec<Question>, Problem> {
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
pub(in crate::api) fn question_of_peer(asked: &PeerQuestion, region: &Region, now: DateTime<Utc>) -> Result<Question, Problem> {
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
