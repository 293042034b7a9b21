//! Beginning the move of a child, or of the children of a family in one act, from what the register holds: by whoever may do so by the
//! API.

use std::collections::BTreeSet;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Map, Value, json};

use super::children::{Child, Name, sign_in};
use super::entries::{Entry, choices, in_force};
use super::form::{Mistake, day};
use super::page::{Page, authorities, html, see, sorry};
use super::reading::{reach, read};
use super::sent::{Boxes, Came, Sent};
use super::session::{SignedIn, Visit};
use super::steps::{StepForm, described_by, error_at};
use crate::api::problem::{Kind, Problem};
use crate::api::{children, transfers};
use crate::authz::Operation;
use crate::authz::policy::action::{AddFamilyMove, AddTransfer, ReadChild};
use crate::words::{self, Language};

/// Most children of a household who are looked at besides the first: with that one as many as the API takes in one act.
const SIBLINGS_MAX: usize = 19;
/// The kinds of move, as the form has them. The last one the API knows by saying none.
const NATURES: [&str; 5] = ["permanent", "not-said", "long-stay", "temporary", UNCERTAIN];
/// It is not certain that the family moves.
pub(super) const UNCERTAIN: &str = "uncertain";

/// Whether somebody may begin a move.
pub(super) fn may(somebody: &SignedIn) -> bool {
    reach(Operation::AddTransfer, somebody).is_some()
}

/// A child of the household with an entry on the same register.
struct Sibling {
    /// The entry.
    id: String,
    name: String,
}

#[derive(Template)]
#[template(path = "begin.html")]
struct BeginPage {
    page: Page,
    child: Child,
    /// The entries of the child that can move.
    entries: Vec<(String, String)>,
    siblings: Vec<Sibling>,
    authorities: Vec<(String, String)>,
    form: StepForm,
    key: String,
    errors: Vec<Mistake>,
}

impl BeginPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }

    fn choices(&self) -> [&'static str; 5] {
        NATURES
    }
}

/// A day of the form, by the start of the names of its boxes.
fn on(form: &StepForm, start: &str) -> String {
    let part = |part: &str| form.value(format!("{start}-{part}")).to_owned();
    day(&part("day"), &part("month"), &part("year"))
}

/// What is said of one child alone: the item, its box, the message that names it, and what was typed.
fn alone(form: &StepForm) -> [(&'static str, &'static str, &'static str, String); 4] {
    [
        ("startsOn", "starts-day", "move-starts-on", on(form, "starts")),
        ("expectedTo", "ends-day", "move-ends-on", on(form, "ends")),
        ("supervision", "supervision", "move-supervision", form.value("supervision").to_owned()),
        ("approvedBy", "approved-by", "move-approved-by", form.value("approved-by").to_owned()),
    ]
}

/// The entries of the other children who move too.
fn siblings(form: &StepForm) -> Vec<&str> {
    form.values.iter().filter(|(name, _)| name == "sibling").map(|(_, value)| value.as_str()).collect()
}

/// What the API is asked; of several children, for the family.
fn body(form: &StepForm) -> Value {
    let siblings = siblings(form);
    let mut body = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            body.insert(name.to_owned(), json!(value));
        }
    };
    put("to", form.value("to"));
    put("note", form.value("note"));
    match form.value("nature") {
        UNCERTAIN => {}
        // The API takes nothing for a move that may come. Here that must be said.
        "" => put("nature", "-"),
        nature => put("nature", nature),
    }
    if siblings.is_empty() {
        put("registrationId", form.value("entry"));
        for (item, _, _, value) in alone(form) {
            put(item, &value);
        }
    } else {
        let all: Vec<&str> = [form.value("entry")].into_iter().chain(siblings).collect();
        body.insert("registrationIds".to_owned(), json!(all));
    }
    Value::Object(body)
}

/// What was said that cannot be said of several children in one act.
fn not_together(form: &StepForm, language: Language) -> Vec<Mistake> {
    let say = |name: &str| words::say(language, name, &[]);
    let mut mistakes = Vec::new();
    if ["temporary", UNCERTAIN].contains(&form.value("nature")) {
        mistakes.push(Mistake { field: "nature", text: say("move-error-together") });
    }
    for (_, field, label, _) in alone(form).into_iter().filter(|(.., value)| !value.is_empty()) {
        mistakes.push(Mistake { field, text: format!("{}: {}", say(label), say("move-error-alone")) });
    }
    mistakes
}

/// The box that each item was typed into.
const BOXES: Boxes = Boxes {
    boxes: &[
        ("/to", "to", "move-begin-to"),
        ("/nature", "nature", "move-nature"),
        ("/startsOn", "starts-day", "move-starts-on"),
        ("/expectedTo", "ends-day", "move-ends-on"),
        ("/supervision", "supervision", "move-supervision"),
        ("/approvedBy", "approved-by", "move-approved-by"),
        ("/note", "note", "move-note"),
    ],
    instead: |pointer, code| match (pointer, code) {
        ("/to", "missing") => Some("move-error-to"),
        ("/nature", _) => Some("move-error-nature"),
        // What can be chosen here was on the register when the form was made.
        (pointer, "unknown-registration") if pointer.starts_with("/registrationId") => Some("move-begin-none"),
        _ => None,
    },
};

/// The others of the household who are on one of these registers too.
async fn household(
    request: &HttpRequest,
    visit: &Visit,
    somebody: &SignedIn,
    child: &Child,
    entries: &[Entry],
) -> Result<Vec<Sibling>, Problem> {
    if reach(Operation::AddFamilyMove, somebody).is_none() || entries.is_empty() {
        return Ok(Vec::new());
    }
    let related: BTreeSet<&str> = child.household.iter().filter_map(|member| member.related()).filter(|id| *id != child.id).collect();
    let mut found = Vec::new();
    for id in related.into_iter().take(SIBLINGS_MAX) {
        let other = match read::<ReadChild, Child, _>(request, somebody, visit.language, (Some(id), ""), children::read).await {
            Ok(other) => other,
            // It is not for this person, or not any more.
            Err(problem) if problem.kind == Kind::NotFound => continue,
            Err(problem) => return Err(problem),
        };
        let held = in_force(request, visit, somebody, &other).await?;
        let Some(entry) = held.into_iter().find(|held| entries.iter().any(|entry| entry.authority == held.authority)) else { continue };
        found.push(Sibling { id: entry.id, name: other.names.first().map(Name::whole).unwrap_or_default() });
    }
    Ok(found)
}

/// The form, about a child whom the person may see.
async fn blank(
    request: &HttpRequest,
    mut visit: Visit,
    somebody: &SignedIn,
    id: &str,
    (status, form, errors): (StatusCode, StepForm, Vec<Mistake>),
) -> Result<HttpResponse, Problem> {
    if !may(somebody) {
        return sorry(visit, &Kind::OperationNotAllowed.into());
    }
    let child = match read::<ReadChild, Child, _>(request, somebody, visit.language, (Some(id), ""), children::read).await {
        Ok(child) => child,
        Err(problem) => return sorry(visit, &problem),
    };
    let entries = in_force(request, &visit, somebody, &child).await?;
    let siblings = household(request, &visit, somebody, &child, &entries).await?;
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    // A form that comes back is the same form: sent twice, it begins one move.
    let key = form.key();
    let (entries, authorities) = (choices(&entries, &visit, &page), authorities(&visit));
    html(visit, status, &BeginPage { page, child, entries, siblings, authorities, form, key, errors })
}

/// `GET /children/{id}/move`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(sign_in(visit, &id)) };
    blank(&request, visit, &somebody, &id, (StatusCode::OK, StepForm::default(), Vec::new())).await
}

/// `POST /children/{id}/move`.
pub(super) async fn send(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let sent = match Sent::read(&request, payload, |visit| sign_in(visit, &id)).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (form, body) = (&sent.form, body(&sent.form).to_string());
    let together = !siblings(form).is_empty();
    let noticed = if together { not_together(form, sent.visit.language) } else { Vec::new() };
    let came = if !noticed.is_empty() {
        Came::Again(StatusCode::UNPROCESSABLE_ENTITY, noticed)
    } else if together {
        let add = |gate: crate::api::gate::Gate<AddFamilyMove>| transfers::families::add(gate.saying(&body, "*").once(form.value("key")));
        sent.ask(&request, BOXES, None, add).await
    } else {
        let add = |gate: crate::api::gate::Gate<AddTransfer>| transfers::add(gate.saying(&body, "*").once(form.value("key")));
        sent.ask(&request, BOXES, None, add).await
    };
    let Sent { visit, somebody, form } = sent;
    match came {
        Came::Done(made) => {
            let place = made.headers().get(header::LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
            // Of a family each child has a move of their own: the list has them all.
            let place = place.strip_prefix("/v1/transfers").map_or_else(|| "/work/moves".to_owned(), |id| format!("/moves{id}"));
            Ok(see(visit, &place))
        }
        Came::Again(status, errors) => blank(&request, visit, &somebody, &id, (status, form, errors)).await,
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> StepForm {
        StepForm { values: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() }
    }

    #[test]
    fn one_child_or_a_family_is_asked_for_with_what_belongs_to_it() {
        let stay = [
            ("entry", "a"),
            ("to", "E06000051"),
            ("nature", "temporary"),
            ("starts-day", "9"),
            ("starts-month", "11"),
            ("starts-year", "2026"),
            ("ends-day", "31"),
            ("supervision", " Weekly visits "),
            ("note", "N"),
        ];
        let expected = json!({"registrationId": "a", "to": "E06000051", "nature": "temporary", "startsOn": "2026-11-09",
            "expectedTo": "-", "supervision": "Weekly visits", "note": "N"});
        assert_eq!(body(&form(&stay)), expected);
        assert_eq!(body(&form(&[("entry", "a"), ("nature", UNCERTAIN)])), json!({"registrationId": "a"}));
        assert_eq!(body(&form(&[("entry", "a")])), json!({"registrationId": "a", "nature": "-"}));
        let family = [("entry", "a"), ("sibling", "b"), ("sibling", "c"), ("nature", "permanent"), ("to", "W06000020")];
        assert_eq!(body(&form(&family)), json!({"registrationIds": ["a", "b", "c"], "to": "W06000020", "nature": "permanent"}));
        assert_eq!(not_together(&form(&family), Language::English), []);
        let fields: Vec<_> = not_together(&form(&stay), Language::English).into_iter().map(|mistake| mistake.field).collect();
        assert_eq!(fields, ["nature", "starts-day", "ends-day", "supervision"]);
    }
}
