//! From FHIR to the question of a check: as it would stand in the body of `POST /v1/checks`.

use serde_json::{Map, Value, json};

use super::{CHI_NUMBER, HC_NUMBER, NHS_NUMBER, Parameters};
use crate::api::problem::{FieldError, Kind, Problem};

/// A native question.
pub(super) struct Asked(pub(super) Value);

/// What a caller of `$match` wants to be shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// Only certain matches.
    pub(super) only_certain: bool,
    /// At most so many.
    pub(super) count: Option<usize>,
}

fn parameter<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body["parameter"].as_array()?.iter().find(|parameter| parameter["name"] == name)
}

impl Wanted {
    /// What stands in the parameters of `$match`.
    pub(super) fn of_match(body: &Value) -> Self {
        Self {
            only_certain: parameter(body, "onlyCertainMatches").is_some_and(|parameter| parameter["valueBoolean"] == true),
            count: parameter(body, "count")
                .and_then(|parameter| parameter["valueInteger"].as_u64().or_else(|| parameter["valuePositiveInt"].as_u64()))
                .and_then(|count| usize::try_from(count).ok()),
        }
    }
}

/// The question of `Patient/$match`: a Patient, by itself or in Parameters, which may also say `reason`, `caseReference`,
/// `notify` and `search` as a native question does.
///
/// # Errors
/// 400 when the body is neither.
pub(super) fn of_match(body: &Value, reason: Option<&str>) -> Result<Asked, Problem> {
    let patient = match body["resourceType"].as_str() {
        Some("Patient") => body,
        Some("Parameters") => match parameter(body, "resource") {
            Some(parameter) if parameter["resource"]["resourceType"] == "Patient" => &parameter["resource"],
            _ => return Err(Problem::invalid(vec![FieldError::named("/parameter", "missing")])),
        },
        _ => return Err(Kind::MalformedJson.into()),
    };
    let mut question = json!({ "child": child(patient) });
    let text = |name: &str| {
        let parameter = parameter(body, name)?;
        ["valueCode", "valueString"].iter().find_map(|kind| parameter[*kind].as_str()).map(str::to_owned)
    };
    for name in ["reason", "reasonText", "caseReference", "notify", "search"] {
        if let Some(stated) = text(name) {
            question[name] = stated.into();
        }
    }
    if question["reason"].is_null() {
        state(&mut question, "reason", reason);
    }
    Ok(Asked(question))
}

fn state(question: &mut Value, name: &str, stated: Option<&str>) {
    if let Some(stated) = stated
        && let Some(fields) = question.as_object_mut()
    {
        fields.insert(name.to_owned(), stated.into());
    }
}

/// What a Patient says of the child.
fn child(patient: &Value) -> Value {
    let mut child = Map::new();
    let list = |name: &str| patient[name].as_array().map(Vec::as_slice).unwrap_or_default();
    // The official or usual name first: the native question takes the first for the present one.
    let mut names: Vec<&Value> = list("name").iter().collect();
    names.sort_by_key(|name| !matches!(name["use"].as_str(), None | Some("official" | "usual")));
    let names: Vec<_> = names.into_iter().map(name).collect();
    let addresses: Vec<_> = list("address")
        .iter()
        .map(|address| json!({"lines": address["line"].as_array().cloned().unwrap_or_default(), "postcode": address["postalCode"]}))
        .collect();
    if !names.is_empty() {
        child.insert("names".into(), names.into());
    }
    if !addresses.is_empty() {
        child.insert("addresses".into(), addresses.into());
    }
    if let Some(born) = patient["birthDate"].as_str() {
        child.insert("dateOfBirth".into(), born.into());
    }
    if let Some(gender) = patient["gender"].as_str() {
        // FHIR's "other" is the register's "indeterminate"; what is no gender is a mistake there as here.
        child.insert("sex".into(), if gender == "other" { "indeterminate" } else { gender }.into());
    }
    for identifier in list("identifier") {
        if let (Some(system), Some(value)) = (identifier["system"].as_str(), identifier["value"].as_str())
            && let Some(field) = number_field(system)
        {
            child.insert(field.into(), value.into());
        }
    }
    let mother = list("contact").iter().find(|contact| {
        let codings =
            contact["relationship"].as_array().into_iter().flatten().flat_map(|relationship| relationship["coding"].as_array()).flatten();
        codings.into_iter().any(|coding| matches!(coding["code"].as_str(), Some("MTH" | "NMTH")))
    });
    if let Some(mother) = mother {
        child.insert("mother".into(), name(&mother["name"]));
    }
    Value::Object(child)
}

fn name(name: &Value) -> Value {
    let mut given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut read = Map::new();
    if let Some(first) = given.next() {
        read.insert("given".into(), first.into());
    }
    let middle = given.collect::<Vec<_>>().join(" ");
    if !middle.is_empty() {
        read.insert("middle".into(), middle.into());
    }
    if let Some(family) = name["family"].as_str() {
        read.insert("family".into(), family.into());
    }
    Value::Object(read)
}

/// The field of a question in which a number of a system stands.
fn number_field(system: &str) -> Option<&'static str> {
    match system {
        NHS_NUMBER => Some("nhsNumber"),
        CHI_NUMBER => Some("chiNumber"),
        HC_NUMBER => Some("hcNumber"),
        _ => None,
    }
}

/// A token of a search: a number, with its system before it or without.
pub(super) fn number(token: &str) -> Option<(&'static str, &str)> {
    match token.rsplit_once('|') {
        Some((system, value)) => Some((number_field(system)?, value)),
        None => Some(("nhsNumber", token)),
    }
}

/// The question of a search for flags by a person's identifier, and what else is known of them.
///
/// # Errors
/// 422 when there is no identifier of a system that we know.
pub(super) fn of_search(parameters: &Parameters, reason: Option<&str>) -> Result<Asked, Problem> {
    let token = parameters.first_of(&["patient:identifier", "subject:identifier", "patient.identifier", "subject.identifier"]);
    let (field, value) = token.and_then(number).ok_or_else(|| Problem::invalid(vec![FieldError::named("/child/nhsNumber", "missing")]))?;
    let mut child = json!({ field: value });
    if let Some(born) = parameters.one("patient.birthdate") {
        child["dateOfBirth"] = born.into();
    }
    let (given, family) = (parameters.one("patient.given"), parameters.one("patient.family"));
    if given.is_some() || family.is_some() {
        let mut name = Map::new();
        for (part, stated) in [("given", given), ("family", family)] {
            if let Some(stated) = stated {
                name.insert(part.to_owned(), stated.into());
            }
        }
        child["names"] = json!([name]);
    }
    let mut question = json!({ "child": child });
    state(&mut question, "reason", parameters.one("reason").or(reason));
    Ok(Asked(question))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_becomes_the_question_that_a_native_caller_would_ask() {
        let patient = json!({
            "resourceType": "Patient",
            "name": [
                {"use": "old", "family": "Pryce", "given": ["Shan"]},
                {"use": "official", "family": "Llewellyn", "given": ["Siân", "Haf"]},
            ],
            "birthDate": "2017-05-09",
            "gender": "other",
            "identifier": [{"system": NHS_NUMBER, "value": "9990001006"}, {"system": "https://ward.example", "value": "4711"}],
            "address": [{"line": ["14 Stryd y Felin"], "postalCode": "NP20 4QR"}],
            "contact": [{"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"family": "Llewellyn", "given": ["Nia"]}}],
        });
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": patient}, {"name": "reason", "valueCode": "hospital-attendance"},
            {"name": "onlyCertainMatches", "valueBoolean": true}, {"name": "count", "valueInteger": 3},
        ]});
        let Asked(question) = of_match(&body, Some("scheduled-care")).unwrap();
        assert_eq!(
            question,
            json!({"reason": "hospital-attendance", "child": {
                "names": [{"given": "Siân", "middle": "Haf", "family": "Llewellyn"}, {"given": "Shan", "family": "Pryce"}],
                "dateOfBirth": "2017-05-09", "sex": "indeterminate", "nhsNumber": "9990001006",
                "addresses": [{"lines": ["14 Stryd y Felin"], "postcode": "NP20 4QR"}], "mother": {"given": "Nia", "family": "Llewellyn"},
            }})
        );
        let wanted = Wanted::of_match(&body);
        assert!(wanted.only_certain && wanted.count == Some(3));
        let Asked(alone) = of_match(&patient, Some("scheduled-care")).unwrap();
        assert_eq!(alone["reason"], "scheduled-care");
        for body in [json!({}), json!([]), json!({"resourceType": "Observation"}), json!({"resourceType": "Parameters"})] {
            assert!(of_match(&body, None).is_err(), "{body}");
        }
    }

    #[test]
    fn a_token_names_a_number_of_a_system_that_we_know() {
        assert_eq!(number("9990001006"), Some(("nhsNumber", "9990001006")));
        assert_eq!(number("https://fhir.nhs.uk/Id/nhs-number|9990001006"), Some(("nhsNumber", "9990001006")));
        assert_eq!(number("https://ward.example|4711"), None);
    }
}
