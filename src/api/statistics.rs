//! `/v1/statistics/{return}`: returns to governments and figures for boards.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::gate::Gate;
use super::problem::{Kind, Problem};
use crate::authz::Principal;
use crate::authz::policy::action;
use crate::domain::dates::parse_date;
use crate::domain::identifiers::GssCode;
use crate::domain::returns::ReturnCode;
use crate::domain::returns::table::Table;
use crate::domain::roles::Role;
use crate::register::children::today;
use crate::register::statistics::{self, Content, Made, Question};
use crate::register::{Region, RegisterError};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const XML: &str = "application/xml";

/// How long a return waits before it counts what was known when it was asked for: what was recorded before that instant may
/// still be on its way to the disk, and would be in the same return made later. Units of work take milliseconds.
const SETTLES: Duration = Duration::from_millis(500);

/// The forms in which a return is given, the usual one first.
pub fn forms(code: ReturnCode) -> &'static [&'static str] {
    if code.is_record_level() { &[JSON, XML] } else { &[JSON, CSV] }
}

/// What the return is to be about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// The day, or the last day of the year, that the return is about; default: the latest 31 March or, for the quarterly
    /// tables, the latest end of a quarter.
    on: Option<String>,
    /// The first day of another time than the year that ends on `to`: Wales, internal, only.
    from: Option<String>,
    /// The same as `on`.
    to: Option<String>,
    /// Of one authority alone (GSS code); default: all that the token reaches.
    authority: Option<String>,
    /// As the register knew it then; default: now. The answer says which, and asked for that again it is the same to the byte.
    known_at: Option<String>,
    /// `internal`, or `public`: without small numbers and what they could be worked out from. Default: `internal`; for the
    /// role `statistics` always `public`.
    audience: Option<String>,
}

/// A return.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsView {
    /// Which return.
    r#return: &'static str,
    /// For whom: `public` tells no small number.
    audience: &'static str,
    /// Of which authorities (GSS codes).
    authorities: Vec<String>,
    /// The first day that it is about.
    from: NaiveDate,
    /// The last.
    to: NaiveDate,
    /// As the register knew it at this instant.
    #[schema(value_type = String, format = DateTime)]
    known_at: String,
    /// Tables: each `{code, from, to, rows}`; a row has the labels of its dimensions (`all` in a total) and a `value`, `"c"`
    /// where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    tables: Option<Vec<Value>>,
    /// The census document (XML).
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    /// What the census requires and the register does not hold, child by child. Nothing is invented in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<Vec<GapView>>,
    /// Plans in force on the last day whose reviews were in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed_in_time: Option<u64>,
    /// Plans in force on the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    plans_in_force: Option<u64>,
}

/// Something that a census requires of a child and the register does not hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GapView {
    /// The child's id in the authority's returns.
    #[schema(example = "7b029d0b6f2f0f6f0b11")]
    la_child_id: String,
    /// What is missing.
    missing: &'static str,
}

/// A return in one of its forms.
#[derive(Debug)]
pub struct Rendered {
    /// The form.
    pub media: &'static str,
    /// The text.
    pub text: String,
    /// As known when.
    pub known_at: String,
    /// How many items a census lacks.
    pub gaps: usize,
}

/// Gives a return one of its forms.
///
/// # Errors
/// When it cannot be written: a defect.
pub fn render(made: &Made, media: &'static str) -> Result<Rendered, Problem> {
    let known_at = made.question.known_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let gaps = match &made.content {
        Content::Tables(_) => 0,
        Content::Census { census, .. } => census.gaps.len(),
    };
    let text = match (&made.content, media) {
        (Content::Tables(tables), CSV) => Table::all_to_csv(tables),
        (Content::Census { census, .. }, XML) => census.xml.clone(),
        _ => serde_json::to_string(&StatisticsView::new(made, &known_at)).map_err(|_| Problem::from(Kind::InternalError))?,
    };
    Ok(Rendered { media, text, known_at, gaps })
}

impl StatisticsView {
    fn new(made: &Made, known_at: &str) -> Self {
        let Question { code, from, to, authorities, public, .. } = &made.question;
        let (mut tables, mut document, mut gaps, mut in_time) = (None, None, None, None);
        match &made.content {
            Content::Tables(made) => tables = Some(made.iter().map(Table::to_json).collect()),
            Content::Census { census, reviewed } => {
                document = Some(census.xml.clone());
                let gap = |(child, gap): &(crate::domain::identifiers::LocalAuthorityChildId, crate::domain::returns::cin::Gap)| GapView {
                    la_child_id: child.expose().to_owned(),
                    missing: gap.as_str(),
                };
                gaps = Some(census.gaps.iter().map(gap).collect());
                in_time = Some(*reviewed);
            }
        }
        Self {
            r#return: code.as_str(),
            audience: if *public { "public" } else { "internal" },
            authorities: authorities.iter().map(|code| code.as_str().to_owned()).collect(),
            from: *from,
            to: *to,
            known_at: known_at.to_owned(),
            tables,
            document,
            gaps,
            reviewed_in_time: in_time.map(|(in_time, _)| in_time),
            plans_in_force: in_time.map(|(_, all)| all),
        }
    }
}

impl StatisticsQuery {
    /// Reads what is asked, for somebody: small numbers and records of children are only for those who keep the register.
    fn read(self, code: ReturnCode, region: &Region, principal: &Principal, now: DateTime<Utc>) -> Result<Question, Problem> {
        let wrong = || Problem::from(Kind::MalformedQuery);
        let public = match self.audience.as_deref() {
            Some("public") => true,
            Some("internal") => false,
            None => principal.role == Role::Statistics,
            Some(_) => return Err(wrong()),
        };
        // Records of children are the custodian's to send, and everybody else sees of a child nothing at all here.
        if (principal.role == Role::Statistics && !public) || (code.is_record_level() && principal.role != Role::Custodian) {
            return Err(Kind::OperationNotAllowed.into());
        }
        let instant = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc)).map_err(|_| wrong());
        let known_at = self.known_at.as_deref().map(instant).transpose()?.unwrap_or(now);
        let authority = self.authority.as_deref().map(|text| text.parse::<GssCode>().map_err(|_| wrong())).transpose()?;
        let question = ask(region, code, &Days { on: self.on, from: self.from, to: self.to }, authority, known_at.min(now), public)?;
        let reached: Vec<GssCode> = question.authorities.iter().filter(|code| principal.scope.covers(code.as_str())).cloned().collect();
        if reached.is_empty() || known_at > now {
            return Err(if reached.is_empty() { Kind::NotFound } else { Kind::MalformedQuery }.into());
        }
        Ok(Question { authorities: reached, ..question })
    }
}

/// The days that a return is to be about, as they were given.
#[derive(Debug, Default)]
pub struct Days {
    /// The day, or the last one.
    pub on: Option<String>,
    /// The first day.
    pub from: Option<String>,
    /// The last day.
    pub to: Option<String>,
}

/// What is asked, once it makes sense for the return: days that have come, reference days where the form of the return or
/// its audience wants them.
///
/// A public return is made for its reference days only: of two counts a day apart, the difference would tell of one child.
///
/// # Errors
/// 400 for days that make no sense; 404 for an authority that is none of this region's.
pub fn ask(
    region: &Region,
    code: ReturnCode,
    days: &Days,
    authority: Option<GssCode>,
    known_at: DateTime<Utc>,
    public: bool,
) -> Result<Question, Problem> {
    let wrong = || Problem::from(Kind::MalformedQuery);
    let day = |text: &Option<String>| text.as_deref().map(|text| parse_date(text).map_err(|_| wrong())).transpose();
    let to = match (day(&days.on)?, day(&days.to)?) {
        (Some(_), Some(_)) => return Err(wrong()),
        (on, to) => on.or(to).unwrap_or_else(|| code.latest_reference_day(today(known_at))),
    };
    let usual_from = code.first_day(to);
    let from = day(&days.from)?.unwrap_or(usual_from);
    let needs_reference_day = public || code.is_record_level();
    let is_usual = from == usual_from && (code.is_reference_day(to) || !needs_reference_day);
    let other_time = code == ReturnCode::WalesRegister && !public && from <= to;
    if to > today(known_at) || !(is_usual || other_time) || (public && code.is_record_level()) {
        return Err(wrong());
    }
    let own = region.authorities().iter().filter_map(|entry| entry.gss.parse::<GssCode>().ok());
    let authorities: Vec<GssCode> = own.filter(|gss| authority.as_ref().is_none_or(|only| only == gss)).collect();
    if authorities.is_empty() {
        return Err(Kind::NotFound.into());
    }
    Ok(Question { code, from, to, authorities, known_at, public })
}

/// Make a return
///
/// `wales-register`: the register tables of Wales; `northern-ireland-quarterly`: the quarterly tables of Northern Ireland;
/// `cin-plans`: the plan module of England's children-in-need census, as the XML that an authority sends – of one authority
/// that has a number at the Department for Education, and for its custodian alone, since it tells of each child. Asked twice
/// with the same `knownAt` the answer is the same to the byte. The role `statistics` gets public tables only.
#[utoipa::path(
    get, path = "/v1/statistics/{return}", operation_id = "readStatistics", tag = "Statistics",
    params(("return" = String, Path, description = "Which return", example = "wales-register"), StatisticsQuery),
    responses((status = 200, description = "The return", content(
            (StatisticsView = "application/json"), (String = "text/csv"), (String = "application/xml")),
            headers(("Cofrestr-Known-At" = String, description = "As the register knew it at this instant"),
                ("Cofrestr-Gaps" = u64, description = "How many items a census lacks; the JSON form names them"))),
        super::openapi::ReportProblems),
)]
pub async fn read(gate: Gate<action::ReadStatistics>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let asked_at = app.store.clock().now();
    tokio::time::sleep(SETTLES).await;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let code: ReturnCode = incoming.word()?;
            let media = incoming.preferred(forms(code))?;
            let question = incoming.query::<StatisticsQuery>()?.read(code, &region, &principal, asked_at)?;
            snapshot.audit().detail("return", code.as_str());
            snapshot.audit().detail("audience", if question.public { "public" } else { "internal" });
            let made = statistics::make(snapshot.connection, &region, question)?;
            snapshot.audit().detail("people", made.children);
            render(&made, media)
        })
        .await
        .map(|rendered| {
            let mut response = HttpResponse::Ok();
            response.content_type(if rendered.media == CSV { "text/csv; charset=utf-8" } else { rendered.media });
            response.insert_header(("Cofrestr-Known-At", rendered.known_at));
            response.insert_header(("Cofrestr-Gaps", rendered.gaps.to_string()));
            response.body(rendered.text)
        })
}

/// Makes a return for whoever runs the program on the machine itself.
///
/// # Errors
/// As over HTTP.
pub async fn run(
    store: &crate::store::Store,
    region: &Arc<Region>,
    person: &str,
    ask: impl FnOnce(&Region, DateTime<Utc>) -> Result<Question, Problem> + Send + 'static,
    media: &'static str,
) -> Result<Rendered, Problem> {
    let permit = crate::authz::program_permit::<action::RunStatistics>(person, region.code().as_str());
    let asked_at = store.clock().now();
    tokio::time::sleep(SETTLES).await;
    let region = Arc::clone(region);
    store
        .read(permit, move |snapshot| {
            let question = ask(&region, asked_at)?;
            snapshot.audit().detail("return", question.code.as_str());
            let made = statistics::make(snapshot.connection, &region, question).map_err(|error: RegisterError| Problem::from(error))?;
            snapshot.audit().detail("people", made.children);
            render(&made, media)
        })
        .await
}
