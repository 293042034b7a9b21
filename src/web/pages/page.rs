//! What every page has: a language, a header, its way out as a response.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Europe::London;

use super::assets;
use super::session::Visit;
use crate::api::gate::AsIs;
use crate::api::problem::{Kind, Problem};
use crate::words::{self, Language};

/// What a page may load and do: its own stylesheet and script, and forms to itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// What every template knows.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) language: Language,
    pub(super) sandbox: bool,
    /// The mark for its forms.
    pub(super) mark: Option<String>,
    /// Who is signed in.
    pub(super) person: Option<String>,
    pub(super) region: String,
    /// Whether something must be mended: the title says so.
    pub(super) wrong: bool,
}

impl Page {
    /// The page of a visit.
    ///
    /// # Errors
    /// When the system has no random numbers for a mark.
    pub(super) fn new(visit: &mut Visit) -> Result<Self, Problem> {
        let mark = visit.mark()?;
        let somebody = visit.somebody.as_ref().map(|somebody| &somebody.principal);
        let own = visit.app.region.own();
        Ok(Self {
            language: visit.language,
            sandbox: visit.app.region.sandbox,
            mark: Some(mark),
            person: somebody.map(|principal| principal.name.clone().unwrap_or_else(|| principal.subject.clone())),
            region: own.name(visit.language).to_owned(),
            wrong: false,
        })
    }

    /// A message in the language of the page.
    pub(super) fn say(&self, name: impl AsRef<str>) -> String {
        words::say(self.language, name.as_ref(), &[])
    }

    /// A message with a value put in.
    pub(super) fn put(&self, name: impl AsRef<str>, key: &str, value: impl AsRef<str>) -> String {
        words::say(self.language, name.as_ref(), &[(key, value.as_ref())])
    }

    /// The other language.
    pub(super) fn other(&self) -> Language {
        match self.language {
            Language::Welsh => Language::English,
            Language::English => Language::Welsh,
        }
    }

    pub(super) fn assets(&self) -> &'static str {
        assets::base()
    }

    pub(super) fn mark_text(&self) -> &str {
        self.mark.as_deref().unwrap_or_default()
    }

    /// A number as a telephone dials it.
    pub(super) fn dial(&self, phone: &str) -> String {
        dial(phone)
    }

    /// A day as people write it.
    pub(super) fn day(&self, day: &NaiveDate) -> String {
        let month = self.say(format!("month-{}", day.month()));
        format!("{} {month} {}", day.day(), day.year())
    }

    /// An instant as the clocks in the room show it.
    pub(super) fn time(&self, at: &DateTime<Utc>) -> String {
        let here = at.with_timezone(&London);
        format!("{}, {:02}:{:02}", self.day(&here.date_naive()), here.hour(), here.minute())
    }
}

/// A number as a telephone dials it: what people write between the digits is left out.
pub(super) fn dial(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

/// Every authority of the federation by its name: code and name.
pub(super) fn authorities(visit: &Visit) -> Vec<(String, String)> {
    let regions = visit.app.region.members();
    let named = |authority: &crate::register::AuthorityEntry| (authority.gss.clone(), authority.name(visit.language).to_owned());
    let mut authorities: Vec<(String, String)> = regions.iter().flat_map(|region| region.authorities.iter().map(named)).collect();
    authorities.sort_by(|one, other| one.1.cmp(&other.1));
    authorities
}

/// The response of a page.
///
/// # Errors
/// When the template cannot be filled: a defect.
pub(super) fn html(visit: Visit, status: StatusCode, template: &impl Template) -> Result<HttpResponse, Problem> {
    let body = template.render().map_err(|_| Problem::from(Kind::InternalError))?;
    let mut response = HttpResponse::build(status);
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CONTENT_LANGUAGE, visit.language.as_str()))
        .insert_header((header::VARY, "Cookie"));
    for cookie in visit.cookies {
        response.cookie(cookie);
    }
    let mut response = response.body(body);
    response.extensions_mut().insert(AsIs);
    Ok(response)
}

/// Goes on with another page.
pub(super) fn see(visit: Visit, place: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, place));
    for cookie in visit.cookies {
        response.cookie(cookie);
    }
    response.finish()
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    page: Page,
    title: String,
    text: String,
    /// Where one can go on, and what that is called.
    link: (&'a str, String),
}

/// A page that says one thing: the names of its title, its text and its link.
///
/// # Errors
/// When it cannot be filled: a defect.
pub(super) fn message(
    mut visit: Visit,
    status: StatusCode,
    title: &str,
    text: &str,
    (place, label): (&str, &str),
) -> Result<HttpResponse, Problem> {
    let page = Page::new(&mut visit)?;
    let (title, text, label) = (page.say(title), page.say(text), page.say(label));
    html(visit, status, &Message { page, title, text, link: (place, label) })
}

/// A problem, in words.
///
/// # Errors
/// When not even that can be shown.
pub(super) fn sorry(visit: Visit, problem: &Problem) -> Result<HttpResponse, Problem> {
    let slug = problem.kind.slug();
    let (title, text) = (format!("problem-{slug}"), format!("problem-{slug}-detail"));
    let mut response = message(visit, problem.kind.status(), &title, &text, ("/ask", "pages-back-to-ask"))?;
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}
