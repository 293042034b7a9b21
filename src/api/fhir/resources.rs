//! From the native answer of a check to resources and Bundles. Fields listed by hand; no more than the native answer says.

use serde_json::{Map, Value, json};

use super::question::Wanted;
use super::{OWN, PATH, own_coding};

const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition";
const SNOMED: &str = "http://snomed.info/sct";
pub(super) const GSS: &str = "http://statistics.data.gov.uk/id/statistical-geography";
/// Points from a flag to what is behind it (FHIR 4.0.1, extension flag-detail).
const FLAG_DETAIL: &str = "http://hl7.org/fhir/StructureDefinition/flag-detail";
const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";
const CONTACT_COMMENT: &str = "http://hl7.org/fhir/StructureDefinition/contactpoint-comment";

/// Which part of a result is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// At most so many; all of them when nothing is said.
    pub(super) count: Option<usize>,
    /// After so many.
    pub(super) offset: usize,
}

/// One match of a check, with what the face needs to name it.
pub(super) struct Match<'a> {
    issuer: &'a str,
    check: &'a Value,
    found: &'a Value,
    place: usize,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn profile(name: &str) -> Value {
    json!([format!("{UK_CORE}/UKCore-{name}")])
}

impl<'a> Match<'a> {
    /// The match at a place of a check; nothing when there is none.
    pub(super) fn of(issuer: &'a str, check: &'a Value, place: usize) -> Option<Self> {
        Some(Self { issuer, check, found: check["matches"].get(place)?, place })
    }

    fn all(issuer: &'a str, check: &'a Value) -> Vec<Self> {
        (0..).map_while(|place| Self::of(issuer, check, place)).collect()
    }

    fn id(&self) -> String {
        format!("{}-{}", text(self.check, "/id"), self.place + 1)
    }

    /// Whether the entry is in force.
    pub(super) fn is_current(&self) -> bool {
        self.found["status"] != "previously-registered"
    }

    fn full_url(&self, kind: &str) -> String {
        format!("{}{PATH}/{kind}/{}", self.issuer, self.id())
    }

    fn reference(&self, kind: &str) -> Value {
        json!({"reference": format!("{kind}/{}", self.id())})
    }

    fn meta(&self, kind: &str) -> Value {
        json!({"versionId": "1", "lastUpdated": self.check["asOf"], "profile": profile(kind)})
    }

    /// What SNOMED CT calls an entry.
    ///
    /// # Source
    /// NHS England, CP-IS plan types: SNOMED CT UK edition.
    pub(super) fn plan(unborn: bool) -> Value {
        let (code, display) = match unborn {
            true => ("818901000000100", "Unborn child subject to child protection plan"),
            false => ("342191000000101", "Subject to child protection plan"),
        };
        json!({"coding": [{"system": SNOMED, "code": code, "display": display}], "text": display})
    }

    fn code(&self) -> Value {
        Self::plan(self.found["status"] == "unborn-registered")
    }

    fn authority(&self) -> Value {
        json!({
            "type": "Organization",
            "identifier": {"system": GSS, "value": self.found["authority"]["code"]},
            "display": self.found["authority"]["name"],
        })
    }

    /// How sure the match is, and how the entry stands, where no element of FHIR has a place for it.
    fn extension(&self) -> Value {
        json!({"url": format!("{OWN}/StructureDefinition/match"), "extension": [
            {"url": "grade", "valueCode": self.found["grade"]},
            {"url": "score", "valueDecimal": self.found["score"]},
            {"url": "status", "valueCode": self.found["status"]},
            {"url": "shielded", "valueBoolean": self.found["shielded"]},
        ]})
    }

    /// The child, of whom no more is said than that they are meant.
    pub(super) fn patient(&self) -> Value {
        json!({
            "resourceType": "Patient",
            "id": self.id(),
            "meta": self.meta("Patient"),
            "extension": [self.extension()],
            "managingOrganization": self.authority(),
        })
    }

    /// That the child is on the register.
    pub(super) fn flag(&self) -> Value {
        json!({
            "resourceType": "Flag",
            "id": self.id(),
            "meta": self.meta("Flag"),
            "extension": [
                {"url": FLAG_DETAIL, "valueReference": self.reference("CarePlan")},
                self.extension(),
            ],
            "status": if self.is_current() { "active" } else { "inactive" },
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety", "display": "Safety"}]}],
            "code": self.code(),
            "subject": self.reference("Patient"),
            "period": {"start": self.found["registeredOn"]},
            "author": self.authority(),
        })
    }

    /// The plan: that there is one, since when, and who answers for it.
    pub(super) fn care_plan(&self) -> Value {
        json!({
            "resourceType": "CarePlan",
            "id": self.id(),
            "meta": self.meta("CarePlan"),
            "status": if self.is_current() { "active" } else { "completed" },
            "intent": "plan",
            "category": [self.code()],
            "subject": self.reference("Patient"),
            "period": {"start": self.found["registeredOn"]},
            "author": self.authority(),
            "careTeam": [self.reference("CareTeam")],
        })
    }

    /// Whom to ring: the authority, by day and by night, and the co-ordinator's name.
    pub(super) fn care_team(&self) -> Value {
        self.care_team_with(Map::new())
    }

    /// The same with other elements in place of its own.
    pub(super) fn care_team_with(&self, more: Map<String, Value>) -> Value {
        let contact = &self.found["contact"];
        let phone = |place: &str, rank: u8, when: &str| {
            let comment = format!("{}: {}", when, text(contact, &format!("/{place}/name")));
            contact.pointer(&format!("/{place}/phone")).map(|phone| {
                json!({
                    "extension": [{"url": CONTACT_COMMENT, "valueString": comment}],
                    "system": "phone", "value": phone, "use": "work", "rank": rank,
                })
            })
        };
        // The number to ring at this minute comes first.
        let office_now = contact.pointer("/now/phone") == contact.pointer("/office/phone");
        let (office, night) = if office_now { (1, 2) } else { (2, 1) };
        let telecom: Vec<_> =
            [phone("office", office, "Office hours"), phone("outOfHours", night, "Out of hours")].into_iter().flatten().collect();
        let mut team = json!({
            "resourceType": "CareTeam",
            "id": self.id(),
            "meta": self.meta("CareTeam"),
            "extension": [self.extension()],
            "status": if self.is_current() { "active" } else { "inactive" },
            "category": [self.code()],
            "name": self.found["authority"]["name"],
            "subject": self.reference("Patient"),
            "period": {"start": self.found["registeredOn"]},
            "managingOrganization": [self.authority()],
        });
        if !telecom.is_empty() {
            team["telecom"] = telecom.into();
        }
        if let Some(coordinator) = self.found.pointer("/coordinator/name") {
            team["participant"] =
                json!([{"role": [{"text": "Plan co-ordinator"}], "member": {"type": "Practitioner", "display": coordinator}}]);
        }
        for (name, value) in more {
            team[name] = value;
        }
        team
    }

    /// The resource in a Bundle.
    pub(super) fn entry(&self, kind: &str, resource: Value, search: Value) -> Value {
        json!({"fullUrl": self.full_url(kind), "resource": resource, "search": search})
    }

    fn included(&self, kind: &str, resource: Value) -> Value {
        self.entry(kind, resource, json!({"mode": "include"}))
    }

    fn grade(&self) -> Value {
        // What FHIR calls a match: certain, probable, possible; ours are the same words.
        json!({"mode": "match", "score": self.found["score"], "extension": [{"url": MATCH_GRADE, "valueCode": self.found["grade"]}]})
    }
}

/// Outcome and coverage, where a program finds them: an empty list is no absence when somebody was silent.
fn answer_extension(check: &Value) -> Value {
    let coverage = check["coverage"].as_array().into_iter().flatten().map(|row| {
        let mut parts = vec![json!({"url": "region", "valueCode": row["region"]}), json!({"url": "status", "valueCode": row["status"]})];
        if let Some(as_of) = row.get("asOf") {
            parts.push(json!({"url": "asOf", "valueInstant": as_of}));
        }
        json!({"url": "coverage", "extension": parts})
    });
    let mut parts = vec![
        json!({"url": "outcome", "valueCode": check["outcome"]}),
        json!({"url": "check", "valueString": check["id"]}),
        json!({"url": "reference", "valueString": check["reference"]}),
        json!({"url": "validUntil", "valueInstant": check["validUntil"]}),
        json!({"url": "receipt", "valueString": check["receipt"]}),
        json!({"url": "earlierEnquiries", "valueUnsignedInt": check["earlierEnquiries"]["count"]}),
    ];
    parts.extend(coverage);
    json!({"url": format!("{OWN}/StructureDefinition/check"), "extension": parts})
}

/// The same in words, for people: the outcome, every region that was silent, and what the answer means.
fn answer_in_words(check: &Value) -> Value {
    let advice = |code: &str| {
        let all = check["advice"].as_array().into_iter().flatten();
        all.into_iter().find(|advice| advice["code"] == code).map_or("", |advice| text(advice, "/text")).to_owned()
    };
    let outcome = text(check, "/outcome");
    let severity = if outcome == "not-on-register" { "information" } else { "warning" };
    let kind = if outcome == "indeterminate" { "incomplete" } else { "informational" };
    let mut issues = vec![json!({
        "severity": severity, "code": kind,
        "details": {"coding": [own_coding("check-outcome", outcome)], "text": advice(outcome)},
    })];
    for row in check["coverage"].as_array().into_iter().flatten().filter(|row| row["status"] != "answered") {
        let ring =
            row.get("contact").map(|contact| format!("; {}: {}", text(contact, "/name"), text(contact, "/phone"))).unwrap_or_default();
        issues.push(json!({
            "severity": "warning", "code": "incomplete",
            "details": {"coding": [own_coding("coverage", text(row, "/status"))], "text": format!("{}{ring}", text(row, "/region"))},
        }));
    }
    for one in check["advice"].as_array().into_iter().flatten().filter(|one| one["code"] != outcome) {
        issues.push(json!({
            "severity": "information", "code": "informational",
            "details": {"coding": [own_coding("advice", text(one, "/code"))], "text": one["text"]},
        }));
    }
    json!({
        "resourceType": "OperationOutcome",
        "id": check["id"],
        "meta": {"profile": profile("OperationOutcome")},
        "issue": issues,
    })
}

/// A searchset with the answer around it. `total` is left out when a region was silent: nobody knows how many there are.
pub(super) fn searchset(issuer: &str, check: &Value, links: Vec<Value>, total: usize, mut entries: Vec<Value>) -> Value {
    entries.push(json!({
        "fullUrl": format!("urn:uuid:{}", text(check, "/id")),
        "resource": answer_in_words(check),
        "search": {"mode": "outcome"},
    }));
    let mut bundle = json!({
        "resourceType": "Bundle",
        "id": check["id"],
        "meta": {"lastUpdated": check["asOf"], "profile": profile("Bundle"), "extension": [answer_extension(check)]},
        "type": "searchset",
        "timestamp": check["askedAt"],
        "link": links,
        "entry": entries,
    });
    let silent = check["coverage"].as_array().into_iter().flatten().any(|row| row["status"] != "answered");
    if !silent {
        bundle["total"] = total.into();
    }
    let _ = issuer;
    bundle
}

/// The answer of `$match`: the children who may be meant, best first.
pub(super) fn matches(issuer: &str, check: &Value, wanted: &Wanted) -> Value {
    let all = Match::all(issuer, check);
    let found: Vec<_> = all.iter().filter(|found| !wanted.only_certain || found.found["grade"] == "certain").collect();
    let shown = found.iter().take(wanted.count.unwrap_or(usize::MAX));
    let entries = shown.map(|found| found.entry("Patient", found.patient(), found.grade())).collect();
    let link = json!({"relation": "self", "url": format!("{issuer}{PATH}/Patient/$match")});
    searchset(issuer, check, vec![link], found.len(), entries)
}

/// The flags of a check.
pub(super) fn flags(issuer: &str, check: &Value, page: Page, status: Option<&str>) -> Value {
    some_flags(issuer, check, page, status, None)
}

/// The flags of a check, or the one of them that is wanted.
pub(super) fn some_flags(issuer: &str, check: &Value, page: Page, status: Option<&str>, only: Option<usize>) -> Value {
    let all = Match::all(issuer, check);
    let has = |found: &&Match<'_>| status.is_none_or(|status| status == if found.is_current() { "active" } else { "inactive" });
    let found: Vec<_> = all.iter().filter(|found| only.is_none_or(|only| only == found.place)).filter(has).collect();
    let shown: Vec<_> = found.iter().skip(page.offset).take(page.count.unwrap_or(usize::MAX)).collect();
    let mut entries: Vec<_> = shown.iter().map(|found| found.entry("Flag", found.flag(), json!({"mode": "match"}))).collect();
    for found in &shown {
        entries.push(found.included("Patient", found.patient()));
        entries.push(found.included("CarePlan", found.care_plan()));
        entries.push(found.included("CareTeam", found.care_team()));
    }
    let address = |offset: usize| {
        let mut address = format!("{issuer}{PATH}/Flag?check={}", text(check, "/id"));
        for (name, value) in [("status", status.map(str::to_owned)), ("_count", page.count.map(|count| count.to_string()))] {
            if let Some(value) = value.filter(|value| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')) {
                address.push_str(&format!("&{name}={value}"));
            }
        }
        if offset > 0 {
            address.push_str(&format!("&_offset={offset}"));
        }
        address
    };
    let mut links = vec![json!({"relation": "self", "url": address(page.offset)})];
    let next = page.offset + shown.len();
    if next < found.len() && !shown.is_empty() {
        links.push(json!({"relation": "next", "url": address(next)}));
    }
    searchset(issuer, check, links, found.len(), entries)
}
