//! `cofrestr check`: ask from the terminal. The same question, and the same answer, as over HTTP.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{WithHint, runtime};
use crate::federation::client::{self, ClientError, Reply};

/// The variable that holds the token when no file does.
const TOKEN: &str = "COFRESTR_TOKEN";
/// Longest question on standard input, in bytes; a server takes no more.
const QUESTION_BYTES_MAX: u64 = 256 * 1024;
/// The status of an answer that was made.
const CREATED: u16 = 201;

/// Ask whether a child is on a child protection register, and whom to ring.
///
/// What is said on the command line stands in the shell's history and in the list of processes. Better give the child's
/// particulars on standard input:
///
///   cofrestr check --url https://gwent.example --token-file token --reason emergency-duty --stdin <<'END'
///   {"names": [{"given": "...", "family": "..."}], "dateOfBirth": "2017-05-09"}
///   END
///
/// The exit code is 0 when there is an answer, whatever it is, and 1 when there is none.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The address of the region, for example https://gwent.example or http://127.0.0.1:8470.
    #[arg(long)]
    url: String,
    /// A file that holds the access token; otherwise it is taken from the variable COFRESTR_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Why: emergency-duty, hospital-attendance, police-contact, referral …
    #[arg(long, required_unless_present = "stdin")]
    reason: Option<String>,
    /// The reason in words; needed with --reason other.
    #[arg(long, value_name = "TEXT")]
    reason_text: Option<String>,
    /// Your own reference; never a name.
    #[arg(long, value_name = "TEXT")]
    case_reference: Option<String>,
    /// Read the child's particulars, or the whole question, from standard input as JSON.
    #[arg(long)]
    stdin: bool,
    /// Given name.
    #[arg(long, value_name = "NAME")]
    given: Option<String>,
    /// Family name.
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Date of birth: YYYY-MM-DD, or YYYY-MM or YYYY when no more is known.
    #[arg(long, value_name = "DATE")]
    date_of_birth: Option<String>,
    /// Age in years, give or take one.
    #[arg(long, value_name = "YEARS", conflicts_with = "date_of_birth")]
    age: Option<u8>,
    /// female, male, indeterminate or unknown.
    #[arg(long)]
    sex: Option<String>,
    /// NHS number.
    #[arg(long, value_name = "NUMBER")]
    nhs_number: Option<String>,
    /// Address, in one line.
    #[arg(long, value_name = "TEXT")]
    address: Option<String>,
    /// Postcode.
    #[arg(long)]
    postcode: Option<String>,
    /// The mother's given name.
    #[arg(long, value_name = "NAME")]
    mother_given: Option<String>,
    /// The mother's family name.
    #[arg(long, value_name = "NAME")]
    mother_family: Option<String>,
    /// Of an unborn child: when it is expected.
    #[arg(long, value_name = "DATE", conflicts_with_all = ["date_of_birth", "age"])]
    expected_delivery_date: Option<String>,
    /// Which registers: own-region, federation, or region codes separated by commas.
    #[arg(long, value_name = "WHICH")]
    search: Option<String>,
    /// How long the regions may take, in milliseconds.
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<u64>,
    /// urgent, normal or silent.
    #[arg(long, value_name = "HOW")]
    notify: Option<String>,
    /// The language of the answer: en or cy.
    #[arg(long, default_value = "en", value_parser = ["en", "cy"])]
    language: String,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no answer.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let token = token(args.token_file.as_deref())?;
    let given = if args.stdin { read_question()? } else { Map::new() };
    let question = question(args, given);
    let reply = runtime()?.block_on(client::check(&args.url, &token, &args.language, &question)).map_err(|error| {
        let hint = match &error {
            ClientError::Address(_) => "for example --url https://gwent.example",
            ClientError::InTheClear => "use the https:// address of the region",
            ClientError::Unreachable(_) => {
                "nothing is known of this child now: ring the emergency duty team, and do not take this for absence"
            }
            ClientError::NotAnAnswer(_) => "is the address that of a region's server?",
        };
        anyhow::Error::from(error).context(super::Hint(hint.into()))
    })?;
    if reply.status != CREATED {
        return Err(problem(&reply));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reply.body)?);
    } else {
        print!("{}", answer(&reply.body));
    }
    Ok(ExitCode::SUCCESS)
}

fn token(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?,
        None => {
            std::env::var(TOKEN).map_err(|_| anyhow!("there is no access token")).hint(format!("say --token-file FILE, or set {TOKEN}"))?
        }
    };
    Ok(SecretString::from(text.trim().to_owned()))
}

fn read_question() -> anyhow::Result<Map<String, Value>> {
    let mut text = String::new();
    std::io::stdin().take(QUESTION_BYTES_MAX).read_to_string(&mut text).context("standard input could not be read")?;
    // The parser's own message would repeat what stands there.
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(anyhow!("what stands on standard input is not one JSON object"))
            .hint(r#"for example {"names": [{"given": "...", "family": "..."}], "dateOfBirth": "2017-05-09"}"#),
    }
}

/// The question: what stands on standard input, and over it what the arguments say.
fn question(args: &Args, given: Map<String, Value>) -> Value {
    let mut body = if given.contains_key("child") { given } else { Map::from_iter([("child".to_owned(), Value::Object(given))]) };
    let search = args.search.as_ref().map(|search| match search.as_str() {
        "own-region" | "federation" => json!(search),
        codes => json!(codes.split(',').map(str::trim).collect::<Vec<_>>()),
    });
    for (key, value) in [
        ("reason", args.reason.as_ref().map(|text| json!(text))),
        ("reasonText", args.reason_text.as_ref().map(|text| json!(text))),
        ("caseReference", args.case_reference.as_ref().map(|text| json!(text))),
        ("search", search),
        ("deadlineMs", args.deadline_ms.map(|ms| json!(ms))),
        ("notify", args.notify.as_ref().map(|text| json!(text))),
    ] {
        if let Some(value) = value {
            body.insert(key.into(), value);
        }
    }
    if let Some(Value::Object(child)) = body.get_mut("child") {
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let object = |parts: [(&str, Option<Value>); 2]| {
            let parts: Map<String, Value> = parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
            (!parts.is_empty()).then_some(Value::Object(parts))
        };
        let name = object([("given", text(&args.given)), ("family", text(&args.family))]);
        let lines = args.address.as_ref().map(|line| json!([line]));
        let address = object([("lines", lines), ("postcode", text(&args.postcode))]);
        for (key, value) in [
            ("names", name.map(|name| json!([name]))),
            ("dateOfBirth", text(&args.date_of_birth)),
            ("ageYears", args.age.map(|age| json!(age))),
            ("sex", text(&args.sex)),
            ("nhsNumber", text(&args.nhs_number)),
            ("addresses", address.map(|address| json!([address]))),
            ("mother", object([("given", text(&args.mother_given)), ("family", text(&args.mother_family))])),
            ("expectedDeliveryDate", text(&args.expected_delivery_date)),
        ] {
            if let Some(value) = value {
                child.insert(key.into(), value);
            }
        }
    }
    Value::Object(body)
}

/// A text of the answer, without characters that would steer the terminal.
fn text<'a>(value: &'a Value, pointer: &str) -> Option<String> {
    let text: &'a Value = value.pointer(pointer)?;
    let text = match text {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn problem(reply: &Reply) -> anyhow::Error {
    let body = &reply.body;
    let mut said = text(body, "/title").unwrap_or_else(|| format!("the region answered with status {}", reply.status));
    if let Some(detail) = text(body, "/detail") {
        let _ = write!(said, ": {detail}");
    }
    for error in items(body, "/errors") {
        let _ = write!(said, "\n  {} {}", text(error, "/pointer").unwrap_or_default(), text(error, "/code").unwrap_or_default());
        if let Some(detail) = text(error, "/detail") {
            let _ = write!(said, ": {detail}");
        }
    }
    let hint = match (reply.status, reply.retry_after) {
        (401, _) => "the token is missing, wrong or has run out: get a new one".to_owned(),
        (403, _) => "this token's role may not ask this; nothing was disclosed, and the attempt is on record".to_owned(),
        (422, _) => "correct or add what is named above; `cofrestr check --help` lists everything that can be said".to_owned(),
        (429 | 503, Some(seconds)) => format!("try again in {seconds} seconds; if it cannot wait, ring the emergency duty team"),
        (429 | 500..=599, _) => "nothing is known of this child now: try again, or ring the emergency duty team".to_owned(),
        _ => format!("the region answered with status {}", reply.status),
    };
    anyhow!(said).context(super::Hint(hint))
}

fn contact(value: &Value, pointer: &str) -> Option<String> {
    let contact = value.pointer(pointer)?;
    let name = text(contact, "/name")?;
    let more = [text(contact, "/phone"), text(contact, "/email"), text(contact, "/hours").map(|hours| format!("({hours})"))];
    Some(more.into_iter().flatten().fold(name, |all, part| all + "  " + &part))
}

/// A missing-child alert: what to do now, and whom to ring.
fn alert_lines(alert: &Value, indent: &str, line: &mut impl FnMut(&str)) {
    let is = |name: &str| alert.get(name).and_then(Value::as_bool) == Some(true);
    let instructions = text(alert, "/instructions").unwrap_or_else(|| "a missing-child alert is live".into());
    let heading = if is("exercise") { "EXERCISE       " } else { "MISSING CHILD  " };
    let sure = text(alert, "/grade").unwrap_or_default();
    line(&format!("{indent}{heading} {instructions}"));
    line(&format!(
        "{indent}                {sure}: a missing-child alert{}",
        if is("stale") { ", not confirmed lately and live all the same" } else { "" }
    ));
    if let Some(now) = contact(alert, "/contact") {
        line(&format!("{indent}ring now        {now}"));
    }
}

/// The answer as people read it: the outcome first, then whom to ring.
fn answer(body: &Value) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        let _ = writeln!(out, "{}", text.trim_end());
    };
    // Before everything else, also before "not on the register": the child is sought.
    if let Some(alert) = body.get("missingAlert") {
        alert_lines(alert, "", &mut line);
        line("");
    }
    let outcome = text(body, "/outcome").unwrap_or_default();
    line(match outcome.as_str() {
        "on-register" => "ON THE REGISTER",
        "possible-match" => "POSSIBLY ON THE REGISTER – a person must decide",
        "not-on-register" => "NOT ON THE REGISTER",
        "indeterminate" => "NOT KNOWN – some regions did not answer; this is not absence",
        _ => &outcome,
    });
    for (number, found) in items(body, "/matches").enumerate() {
        let part = |pointer: &str| text(found, pointer).unwrap_or_default();
        line("");
        let region = text(found, "/authority/region").map(|region| format!(" ({region})")).unwrap_or_default();
        line(&format!(
            "{}. {}, {} since {}, {}{region}",
            number + 1,
            part("/grade"),
            part("/status"),
            part("/registeredOn"),
            part("/authority/name")
        ));
        if let Some(now) = contact(found, "/contact/now") {
            line(&format!("   ring now        {now}"));
        }
        if let Some(name) = text(found, "/coordinator/name") {
            line(&format!("   co-ordinator    {name}"));
        }
        if found.get("shielded").and_then(Value::as_bool) == Some(true) {
            line("   SHIELDED        ask for no location and pass none on");
        }
        if let Some(alert) = found.get("missingAlert") {
            alert_lines(alert, "   ", &mut line);
        }
        for (index, why) in items(found, "/why").filter_map(|why| text(why, "")).enumerate() {
            line(&format!("   {:<15} {why}", if index == 0 { "why" } else { "" }));
        }
    }
    let silent: Vec<&Value> = items(body, "/coverage").filter(|row| text(row, "/status").as_deref() != Some("answered")).collect();
    line("");
    let answered: Vec<String> = items(body, "/coverage")
        .filter(|row| text(row, "/status").as_deref() == Some("answered"))
        .filter_map(|row| text(row, "/region"))
        .collect();
    line(&format!("answered           {}", if answered.is_empty() { "nobody".to_owned() } else { answered.join(", ") }));
    for row in silent {
        let ring = contact(row, "/contact").map(|contact| format!(": ring {contact}")).unwrap_or_default();
        line(&format!(
            "did not answer     {} ({}){ring}",
            text(row, "/region").unwrap_or_default(),
            text(row, "/status").unwrap_or_default()
        ));
    }
    if let Some(count) = body.pointer("/earlierEnquiries/count").and_then(Value::as_u64).filter(|count| *count > 0) {
        let agencies: Vec<String> = items(body, "/earlierEnquiries/agencies").filter_map(|agency| text(agency, "")).collect();
        line(&format!("asked before       {count} times {}", agencies.join(", ")));
    }
    for advice in items(body, "/advice").filter_map(|advice| text(advice, "/text")) {
        line("");
        line(&advice);
    }
    line("");
    let reference = text(body, "/reference").or_else(|| text(body, "/id")).unwrap_or_default();
    line(&format!(
        "reference {reference}, asked {}, valid until {}",
        text(body, "/askedAt").unwrap_or_default(),
        text(body, "/validUntil").unwrap_or_default()
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: Args,
    }

    fn args(more: &[&str]) -> Args {
        Only::parse_from(["check", "--url", "https://gwent.example"].iter().chain(more)).args
    }

    #[test]
    fn the_question_is_what_was_said() {
        let asked = question(
            &args(&["--reason", "referral", "--given", "Siân", "--postcode", "NP20 1AA", "--age", "4", "--search", "gwent,north-wales"]),
            Map::new(),
        );
        let child = json!({"names": [{"given": "Siân"}], "ageYears": 4, "addresses": [{"postcode": "NP20 1AA"}]});
        assert_eq!(asked, json!({"child": child, "reason": "referral", "search": ["gwent", "north-wales"]}));
        let whole = json!({"reason": "referral", "child": {"nhsNumber": "1"}, "notify": "urgent"});
        let Value::Object(given) = whole.clone() else { panic!("an object") };
        assert_eq!(question(&args(&["--stdin"]), given), whole);
        let asked = question(&args(&["--stdin", "--reason", "other"]), Map::from_iter([("nhsNumber".to_owned(), json!("1"))]));
        assert_eq!(asked, json!({"child": {"nhsNumber": "1"}, "reason": "other"}));
    }

    #[test]
    fn the_answer_begins_with_the_outcome_and_names_whom_to_ring() {
        let body = json!({
            "outcome": "indeterminate", "reference": "K7QF\u{1b}[2J",
            "coverage": [{"region": "gwent", "status": "answered"},
                {"region": "north-wales", "status": "unreachable", "contact": {"name": "Duty team", "phone": "01632 960001"}}],
            "matches": [], "advice": [{"code": "report-anyway", "text": "Report all the same."}],
        });
        let told = answer(&body);
        assert!(told.starts_with("NOT KNOWN"));
        assert!(told.contains("north-wales (unreachable): ring Duty team  01632 960001"));
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn a_child_who_is_sought_stands_before_the_outcome() {
        let alert = |exercise: bool| {
            json!({"grade": "probable", "exercise": exercise, "stale": true, "instructions": "Keep her with you",
            "contact": {"name": "Swansea duty team", "phone": "01632 960011"}})
        };
        let body = |exercise| {
            json!({"outcome": "not-on-register", "reference": "K7QF", "coverage": [], "matches": [], "advice": [],
            "missingAlert": alert(exercise)})
        };
        let told = answer(&body(false));
        assert!(told.starts_with("MISSING CHILD   Keep her with you\n"), "{told}");
        assert!(told.find("01632 960011") < told.find("NOT ON THE REGISTER"), "{told}");
        assert!(answer(&body(true)).starts_with("EXERCISE"));
    }
}
