//! The form with a question: what was typed, and what of it the API is asked.

use aws_lc_rs::digest;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::api::checks::CheckRequest;
use crate::api::problem::{FieldError, Problem};
use crate::authz::Principal;

/// The longest that is kept of what was typed into one box, in characters: more than any of them takes.
const LONGEST: usize = 1_000;

macro_rules! form {
    ($($field:ident = $name:literal),+ $(,)?) => {
        /// What was typed.
        #[derive(Clone, Default)]
        pub(super) struct AskForm {
            /// Once for each form that is shown: a double click asks once.
            pub(super) key: String,
            $(pub(super) $field: String,)+
        }

        impl AskForm {
            /// The name of each box and what was typed into it.
            pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
                vec![("key", &self.key), $(($name, &self.$field)),+]
            }

            fn place(&mut self, name: &str) -> Option<&mut String> {
                match name {
                    "key" => Some(&mut self.key),
                    $($name => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

form! {
    given = "given", family = "family", others = "others", birth = "birth",
    born_day = "born-day", born_month = "born-month", born_year = "born-year", age = "age",
    due_day = "due-day", due_month = "due-month", due_year = "due-year",
    mother_given = "mother-given", mother_family = "mother-family",
    sex = "sex", number = "number", postcode = "postcode", address = "address", carers = "carers", case_reference = "case-reference",
    reason = "reason", reason_text = "reason-text",
    for_whom = "caller", caller_name = "caller-name", caller_agency = "caller-agency", caller_role = "caller-role",
    caller_number = "caller-number", caller_method = "caller-method",
}

impl std::fmt::Debug for AskForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AskForm([personal])")
    }
}

/// A mistake, beside its box and in the summary. Without a box it concerns the whole question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) text: String,
}

/// A mistake that is noticed before the API is asked: the box, and the name of the message.
type Noticed = (&'static str, &'static str);

impl AskForm {
    /// An empty form with a key of its own.
    pub(super) fn blank() -> Self {
        Self { key: Uuid::now_v7().to_string(), ..Self::default() }
    }

    /// Reads what was typed; names that start with `prefix`, without it. Boxes that are not ours are passed over.
    pub(super) fn read<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>, prefix: &str) -> Self {
        let mut form = Self::default();
        for (name, value) in pairs {
            if let Some(place) = name.strip_prefix(prefix).and_then(|name| form.place(name)) {
                *place = value.chars().take(LONGEST).collect::<String>().trim().to_owned();
            }
        }
        if form.key.parse::<Uuid>().is_err() {
            form.key = Uuid::now_v7().to_string();
        }
        form
    }

    /// Whether something was typed of what is not always asked for.
    pub(super) fn has_more(&self) -> bool {
        [&self.address, &self.carers, &self.case_reference].iter().any(|typed| !typed.is_empty())
    }

    /// A digest of everything typed: what was changed and sent again is another question.
    pub(super) fn digest(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for (name, value) in self.pairs() {
            for part in [name, value] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part.as_bytes());
            }
        }
        hex::encode(context.finish())
    }

    /// The question as the API takes it. `asks_for_callers` says whether the person must say for whom they ask.
    ///
    /// # Errors
    /// The mistakes that the API would not understand as such.
    pub(super) fn question(&self, principal: &Principal, now: DateTime<Utc>) -> Result<CheckRequest, Vec<Noticed>> {
        let mut noticed = Vec::new();
        let mut body = Map::new();
        put(&mut body, "reason", &self.reason);
        put(&mut body, "reasonText", &self.reason_text);
        put(&mut body, "caseReference", &self.case_reference);
        body.insert("child".into(), self.child(&mut noticed));
        if principal.role.asks_for_callers() {
            match self.for_whom.as_str() {
                "self" => {}
                "other" => {
                    body.insert("onBehalfOf".into(), self.on_behalf_of(principal, now));
                }
                _ => noticed.push(("caller", "ask-error-caller")),
            }
        }
        match serde_json::from_value(Value::Object(body)) {
            Ok(request) if noticed.is_empty() => Ok(request),
            _ => Err(noticed),
        }
    }

    fn child(&self, noticed: &mut Vec<Noticed>) -> Value {
        let mut child = Map::new();
        let mut names = vec![name(&self.given, &self.family)];
        names.extend(self.others.lines().filter(|line| !line.trim().is_empty()).map(written));
        if names[0].as_object().is_some_and(Map::is_empty) {
            names.remove(0);
        }
        if !names.is_empty() {
            child.insert("names".into(), Value::Array(names));
        }
        match self.birth.as_str() {
            "age" if !self.age.is_empty() => match self.age.parse::<u64>() {
                Ok(age) => drop(child.insert("ageYears".into(), json!(age))),
                Err(_) => noticed.push(("age", "ask-error-age")),
            },
            "unborn" => {
                match date(&self.due_day, &self.due_month, &self.due_year) {
                    Some(due) => put(&mut child, "expectedDeliveryDate", &due),
                    None => noticed.push(("due-day", "ask-error-date")),
                }
                let mother = name(&self.mother_given, &self.mother_family);
                if mother.as_object().is_some_and(|mother| !mother.is_empty()) {
                    child.insert("mother".into(), mother);
                }
            }
            "age" => {}
            _ => match date(&self.born_day, &self.born_month, &self.born_year) {
                Some(born) => put(&mut child, "dateOfBirth", &born),
                None => noticed.push(("born-day", "ask-error-date")),
            },
        }
        put(&mut child, "sex", &self.sex);
        put(&mut child, number_kind(&self.number), &self.number);
        let mut address = Map::new();
        let lines: Vec<&str> = self.address.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !lines.is_empty() {
            address.insert("lines".into(), json!(lines));
        }
        put(&mut address, "postcode", &self.postcode);
        if !address.is_empty() {
            child.insert("addresses".into(), json!([address]));
        }
        let carers: Option<Vec<Value>> = self.carers.lines().filter(|line| !line.trim().is_empty()).map(carer).collect();
        match carers {
            Some(carers) if !carers.is_empty() => drop(child.insert("carers".into(), Value::Array(carers))),
            Some(_) => {}
            None => noticed.push(("carers", "ask-error-carers")),
        }
        Value::Object(child)
    }

    /// The caller. Whoever says how they made sure who is calling did so just now, themselves.
    fn on_behalf_of(&self, principal: &Principal, now: DateTime<Utc>) -> Value {
        let mut caller = Map::new();
        put(&mut caller, "name", &self.caller_name);
        put(&mut caller, "agency", &self.caller_agency);
        put(&mut caller, "role", &self.caller_role);
        put(&mut caller, "callBackNumber", &self.caller_number);
        if !self.caller_method.is_empty() {
            let by = principal.name.as_ref().unwrap_or(&principal.subject);
            let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
            caller.insert("verifiedBy".into(), json!({ "method": self.caller_method, "at": at, "by": by }));
        }
        Value::Object(caller)
    }
}

/// Puts in what was typed, if anything was.
fn put(into: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        into.insert(name.to_owned(), Value::String(text.to_owned()));
    }
}

fn name(given: &str, family: &str) -> Value {
    let mut name = Map::new();
    put(&mut name, "given", given);
    put(&mut name, "family", family);
    Value::Object(name)
}

/// A name as people write it: the last word is the family name; a word by itself is a given name.
fn written(text: &str) -> Value {
    let text = text.trim();
    let (given, family) = text.rsplit_once(char::is_whitespace).unwrap_or((text, ""));
    name(given.trim(), family)
}

/// A carer: a name, and after a comma when they were born, as much of it as is known. Nothing when that is no date.
fn carer(line: &str) -> Option<Value> {
    let (who, born) = line.split_once(',').unwrap_or((line, ""));
    let parts: Vec<&str> = born.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let other = born.chars().any(|c| !c.is_ascii_digit() && !c.is_whitespace() && !"/.-".contains(c));
    let born = match parts.as_slice() {
        _ if other => None,
        [] => Some(String::new()),
        [year] => date("", "", year),
        [month, year] => date("", month, year),
        // As computers write it, and as people do.
        [year, month, day] if year.len() == 4 => date(day, month, year),
        [day, month, year] => date(day, month, year),
        _ => None,
    }?;
    let mut carer = Map::new();
    carer.insert("name".into(), written(who));
    put(&mut carer, "dateOfBirth", &born);
    Some(Value::Object(carer))
}

/// A whole day; empty when nothing was typed. What is no day the API says.
pub(super) fn day(day: &str, month: &str, year: &str) -> String {
    if [day, month, year].iter().all(|part| part.is_empty()) {
        String::new()
    } else {
        date(day, month, year).unwrap_or_else(|| "-".to_owned())
    }
}

/// As much of a date as is known; empty when nothing is, nothing when the year is missing, or the month of a day.
fn date(day: &str, month: &str, year: &str) -> Option<String> {
    let two = |part: &str| if part.len() == 1 { format!("0{part}") } else { part.to_owned() };
    match (year.is_empty(), month.is_empty(), day.is_empty()) {
        (true, true, true) => Some(String::new()),
        (false, true, true) => Some(year.to_owned()),
        (false, false, true) => Some(format!("{year}-{}", two(month))),
        (false, false, false) => Some(format!("{year}-{}-{}", two(month), two(day))),
        _ => None,
    }
}

/// Which of the three numbers of the United Kingdom's health services this is, by its first digits.
///
/// # Source
/// Contract, part 3: CHI numbers begin with a day of the month, Health and Care numbers with 320 to 399.
fn number_kind(number: &str) -> &'static str {
    let digits: String = number.chars().filter(char::is_ascii_digit).take(3).collect();
    match digits.parse::<u16>() {
        Ok(10..=319) => "chiNumber",
        Ok(320..=399) => "hcNumber",
        _ => "nhsNumber",
    }
}

/// The box that an item of the API's request was typed into.
pub(super) fn box_of(pointer: &str) -> &'static str {
    const BOXES: [(&str, &str); 27] = [
        ("/child/names/0/given", "given"),
        ("/child/names/0/family", "family"),
        ("/child/names/0", "given"),
        ("/child/names", "others"),
        ("/child/dateOfBirth", "born-day"),
        ("/child/ageYears", "age"),
        ("/child/expectedDeliveryDate", "due-day"),
        ("/child/mother/family", "mother-family"),
        ("/child/mother", "mother-given"),
        ("/child/sex", "sex"),
        ("/child/nhsNumber", "number"),
        ("/child/chiNumber", "number"),
        ("/child/hcNumber", "number"),
        ("/child/addresses/0/lines", "address"),
        ("/child/addresses", "postcode"),
        ("/child/carers", "carers"),
        ("/caseReference", "case-reference"),
        ("/child", "given"),
        ("/reasonText", "reason-text"),
        ("/reason", "reason"),
        ("/onBehalfOf/name", "caller-name"),
        ("/onBehalfOf/agency", "caller-agency"),
        ("/onBehalfOf/role", "caller-role"),
        ("/onBehalfOf/callBackNumber", "caller-number"),
        ("/onBehalfOf/verifiedBy", "caller-method"),
        ("/onBehalfOf", "caller"),
        ("", ""),
    ];
    BOXES.iter().find(|(start, _)| pointer.starts_with(start)).map_or("", |(_, name)| name)
}

/// What the API says of a form with one box: its mistakes beside it, or what the problem is.
pub(super) fn said_of(problem: &Problem, field: &'static str, language: crate::words::Language) -> Vec<Mistake> {
    if problem.errors.is_empty() {
        let text = crate::words::say(language, &format!("problem-{}-detail", problem.kind.slug()), &[]);
        return vec![Mistake { field, text }];
    }
    problem.errors.iter().map(|error| Mistake { field, text: error.clone().said(language).detail }).collect()
}

/// The API's mistakes beside the boxes.
pub(super) fn mistakes(errors: &[FieldError], language: crate::words::Language) -> Vec<Mistake> {
    let place = |error: &FieldError| box_of(&error.pointer);
    errors
        .iter()
        .map(|error| {
            let field = place(error);
            let label = crate::words::find(language, &format!("ask-label-{field}"), &[]);
            let said = error.clone().said(language).detail;
            // What would help stands under a heading in the API; here it must say by itself what it is about.
            Mistake { field, text: label.map_or_else(|| said.clone(), |label| format!("{label}: {said}")) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_a_date_as_is_known_is_asked() {
        for (day, month, year, asked) in [
            ("9", "5", "2017", Some("2017-05-09")),
            ("", "05", "2017", Some("2017-05")),
            ("", "", "2017", Some("2017")),
            ("", "", "", Some("")),
            ("9", "", "2017", None),
            ("9", "5", "", None),
            ("", "5", "", None),
            ("9", "", "", None),
            ("31", "x", "2017", Some("2017-0x-31")),
        ] {
            assert_eq!(date(day, month, year).as_deref(), asked, "{day} {month} {year}");
        }
    }

    #[test]
    fn a_carer_is_a_name_and_perhaps_a_date() {
        for (line, asked) in [
            ("Sioned Parry", Some(json!({"name": {"given": "Sioned", "family": "Parry"}}))),
            (
                "Sioned Mair Parry, 3 4 1985",
                Some(json!({"name": {"given": "Sioned Mair", "family": "Parry"}, "dateOfBirth": "1985-04-03"})),
            ),
            ("Sioned, 1985-04-03", Some(json!({"name": {"given": "Sioned"}, "dateOfBirth": "1985-04-03"}))),
            ("Sioned, 4/1985", Some(json!({"name": {"given": "Sioned"}, "dateOfBirth": "1985-04"}))),
            ("Sioned, 1985", Some(json!({"name": {"given": "Sioned"}, "dateOfBirth": "1985"}))),
            ("Parry, Sioned", None),
            ("Sioned, about 40", None),
            ("Sioned, 1 2 3 4", None),
        ] {
            assert_eq!(carer(line), asked, "{line}");
        }
        assert_eq!(day("8", "12", "2026"), "2026-12-08");
        assert_eq!((day("", "", ""), day("8", "", "2026")), (String::new(), "-".to_owned()));
    }

    #[test]
    fn a_number_is_asked_as_what_its_digits_say() {
        for (number, kind) in [
            ("999 000 1006", "nhsNumber"),
            ("0105170000", "chiNumber"),
            ("3112990000", "chiNumber"),
            ("320 000 0000", "hcNumber"),
            ("399", "hcNumber"),
            ("4000000000", "nhsNumber"),
            ("", "nhsNumber"),
            ("00", "nhsNumber"),
        ] {
            assert_eq!(number_kind(number), kind, "{number}");
        }
    }

    #[test]
    fn every_place_of_a_mistake_has_its_box() {
        let form = AskForm::default();
        let boxes: Vec<_> = form.pairs().into_iter().map(|(name, _)| name).collect();
        for pointer in [
            "/caseReference",
            "/child/carers/1/dateOfBirth",
            "/child/addresses/0/lines/2",
            "/child/names/0/given",
            "/child/names/2",
            "/child/addresses/0/postcode",
            "/onBehalfOf/verifiedBy/at",
            "/reason",
        ] {
            assert!(boxes.contains(&box_of(pointer)), "{pointer}");
        }
        assert_eq!(box_of("/child/names/1/family"), "others");
        assert_eq!(box_of("/search"), "");
    }

    #[test]
    fn what_was_typed_is_read_kept_and_told_apart() {
        let typed = [("given".to_owned(), " Siân ".to_owned()), ("nonsense".to_owned(), "x".to_owned())];
        let form = AskForm::read(&typed, "");
        assert_eq!(form.given, "Siân");
        assert!(form.key.parse::<Uuid>().is_ok(), "a form without a key gets one");
        let kept: Vec<_> = form.pairs().into_iter().map(|(name, value)| (format!("kept-{name}"), value.to_owned())).collect();
        let again = AskForm::read(&kept, "kept-");
        assert_eq!(again.digest(), form.digest());
        assert_ne!(AskForm { family: "Evans".into(), ..again }.digest(), form.digest());
    }
}
