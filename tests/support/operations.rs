//! A request that succeeds, for every operation of the OpenAPI document. An operation without one fails the tests that walk
//! the document.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cofrestr::authz::Operation;
use cofrestr::domain::roles::Role;
use cofrestr::domain::search_set::Standing;
use cofrestr::register::keys::directory_key;
use cofrestr::register::peers::directory::{Directory, Known, Listed};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::http::Answer;
use super::people::{Conference, Entry, full};
use super::tokens::{Caller, ISSUER, NEWPORT, SWANSEA};

/// Who sends what where: without a body it is read, with one created or, at whichever version it is, changed.
pub type Send<'a> = dyn Fn(&Caller, &str, Option<&Value>) -> Answer + 'a;

/// How long an entry of the audit log may take to be covered by a checkpoint.
const COVERED_WITHIN: Duration = Duration::from_secs(30);

/// The entity tag of what was just made.
pub const FIRST: &str = "\"1\"";

/// A request that succeeds.
#[derive(Debug, Clone)]
pub struct Example {
    /// The method.
    pub method: Method,
    /// The path, with a real identifier in it.
    pub path: String,
    /// The body of what creates or changes.
    pub body: Option<Value>,
    /// The entity tag of what is changed.
    pub etag: &'static str,
}

/// What stands in the document of an operation.
#[derive(Debug, Clone)]
pub struct Documented {
    /// The method.
    pub method: Method,
    /// The path, with `{id}` in it, and `{fact}` for something of it.
    pub path: String,
    /// The statuses with which it may answer.
    pub statuses: Vec<u16>,
    /// Whether it changes a resource that was read with an entity tag.
    pub changes: bool,
}

/// Whether an operation does not speak JSON as the others do: the token endpoint takes forms and has tests of its own.
pub fn speaks_otherwise(operation: &Value) -> bool {
    operation["requestBody"]["content"].as_object().is_some_and(|content| !content.contains_key("application/json"))
}

/// Every operation of a document, by its identifier.
pub fn documented(document: &Value) -> BTreeMap<String, Documented> {
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an operationId").to_owned();
            if speaks_otherwise(operation) {
                continue;
            }
            let parameters = operation["parameters"].as_array();
            let documented = Documented {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                statuses: operation["responses"].as_object().expect("responses").keys().map(|s| s.parse().expect("a status")).collect(),
                changes: parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "If-Match")),
            };
            assert!(operations.insert(id.clone(), documented).is_none(), "{id} stands twice");
        }
    }
    assert!(operations.len() > 25, "the document has hardly any operation");
    operations
}

/// The roles that may do an operation.
pub fn allowed(operation: &str) -> Vec<Role> {
    let known = Operation::ALL.iter().find(|known| known.as_str() == operation);
    known.map(|known| known.allowed().iter().map(|(role, _)| *role).collect()).unwrap_or_default()
}

/// Caerphilly, of the same region.
const CAERPHILLY: &str = "W06000018";

/// A move to another authority.
fn moves(entry: &str, to: &str, certain: bool) -> Value {
    let mut body = json!({"registrationId": entry, "to": to, "note": "A tenancy from 1 December"});
    if certain {
        body["nature"] = json!("permanent");
    }
    body
}

/// A child is missing.
fn alert(entry: &str) -> Value {
    let details = json!({
        "lastSeen": {"at": "2026-11-16T15:40:00Z", "place": "Outside the leisure centre"}, "risk": "high", "riskNote": "Needs insulin",
        "companions": "A man with a van", "instructions": "Keep the child with you", "sectors": ["health"],
        "police": {"at": "2026-11-16T17:05:00Z", "name": "PC Rees", "reference": "GP-118834"},
    });
    json!({"registrationId": entry, "path": "child-missing", "exercise": false, "details": details, "note": "Not home from school"})
}

/// Where requests that succeed are made: what they need is entered first.
pub struct Ground<'a> {
    send: &'a Send<'a>,
    /// The n-th child, as it is entered.
    child: &'a dyn Fn(usize) -> Value,
    /// A question that finds the n-th child.
    question: &'a dyn Fn(usize) -> Value,
    entered: Cell<usize>,
}

impl<'a> Ground<'a> {
    /// The ground on which children of this kind are entered.
    pub fn new(send: &'a Send<'a>, child: &'a dyn Fn(usize) -> Value, question: &'a dyn Fn(usize) -> Value) -> Self {
        Self { send, child, question, entered: Cell::new(0) }
    }

    /// The next version of the directory: every member of the version before, or this region alone.
    fn next_directory(&self) -> Value {
        let anybody = Caller::of_region("operator");
        let now = chrono::Utc::now();
        let statement = (self.send)(&anybody, "/.well-known/cofrestr", None).expect(200).text("/statement");
        let listed = (self.send)(&anybody, "/.well-known/cofrestr-directory", None);
        let keeper = super::keeper();
        let known = (listed.status == 200)
            .then(|| Known::read(listed.body.trim(), &[directory_key(&keeper.public_key())], now).expect("the directory of the keeper"));
        let mut directory = Directory::next(known.as_ref(), "added gwent".into(), now);
        if directory.members.is_empty() {
            directory.members.push(Listed {
                region: "gwent".into(),
                standing: Standing::Active,
                statement,
                earlier: Vec::new(),
                vouched_in: None,
            });
        }
        json!({ "directory": keeper.sign(&directory).expect("a signature") })
    }

    fn post(&self, caller: &Caller, path: &str, body: &Value) -> Answer {
        (self.send)(caller, path, Some(body)).expect(201)
    }

    /// The items of a list, as somebody sees it.
    fn items(&self, caller: &Caller, path: &str) -> Vec<Value> {
        (self.send)(caller, path, None).expect(200).list("/items")
    }

    /// Enters another child; answers which and under what identifier.
    fn child(&self) -> (usize, String) {
        let number = self.entered.replace(self.entered.get() + 1);
        (number, self.post(&Caller::custodian(), "/v1/children", &(self.child)(number)).text("/id"))
    }

    fn entry(&self, child: &str, coordinator: &Caller) -> Value {
        let coordinator = json!({"name": "Carys Mathias", "person": coordinator.key()});
        // Without a review date: that raises a task.
        Entry::of(NEWPORT).with("coordinator", coordinator).with("reviewDueOn", Value::Null).child(child).0
    }

    /// Enters another child with an entry whose co-ordinator is `caller`.
    fn registered(&self, caller: &Caller) -> (usize, String, String) {
        let (number, child) = self.child();
        let entry = self.post(&Caller::custodian(), "/v1/registrations", &self.entry(&child, caller)).text("/id");
        (number, child, entry)
    }

    /// The notice that `caller` has of an enquiry about another child.
    fn notice(&self, caller: &Caller) -> String {
        let (number, child, _) = self.registered(caller);
        self.post(&Caller::health(), "/v1/checks", &(self.question)(number));
        let is_coordinator = caller.role() == "coordinator";
        let reader = if is_coordinator { caller.clone() } else { Caller::custodian() };
        let wanted = if is_coordinator { "coordinator" } else { "custodian" };
        let all = self.items(&reader, "/v1/notices?limit=200");
        let notice = all.iter().find(|notice| notice["childId"] == child.as_str() && notice["toRole"] == wanted);
        notice.expect("a notice of the enquiry")["id"].as_str().expect("an id").to_owned()
    }

    fn task(&self, caller: &Caller) -> String {
        if caller.role() == "emergency-duty" {
            // What is the duty team's to do: somebody has seen a missing child.
            let alert = self.sought(caller);
            (self.send)(&Caller::custodian(), &format!("{alert}/sighting"), Some(&json!({"note": "At the bus station"}))).expect(200);
            let all = self.items(&Caller::custodian(), "/v1/tasks?limit=200");
            let task =
                all.iter().find(|task| task["kind"] == "alert-hit" && task["alertId"].as_str().is_some_and(|id| alert.ends_with(id)));
            return task.expect("a task")["id"].as_str().expect("an id").to_owned();
        }
        let (_, child, _) = self.registered(caller);
        let all = self.items(&Caller::custodian(), "/v1/tasks?limit=200");
        all.iter().find(|task| task["childId"] == child.as_str()).expect("a task")["id"].as_str().expect("an id").to_owned()
    }

    /// A hold on the record of another child.
    fn hold(&self) -> Value {
        json!({"authority": NEWPORT, "childId": self.child().1, "reason": "Proceedings are expected"})
    }

    /// An entry of the audit log about another child, when it can be proved.
    fn audited(&self, caller: &Caller) -> String {
        let (_, child, _) = self.registered(caller);
        let entries = self.items(&Caller::custodian(), &format!("/v1/audit?child={child}"));
        let id = entries.last().expect("an entry")["id"].as_str().expect("an id").to_owned();
        let begun = Instant::now();
        while (self.send)(&Caller::custodian(), &format!("/v1/audit/proof/{id}"), None).status != 200 {
            assert!(begun.elapsed() < COVERED_WITHIN, "no checkpoint covers the entry");
            sleep(Duration::from_millis(50));
        }
        id
    }

    /// The place of an event that `caller` gets.
    fn event(&self, caller: &Caller) -> String {
        let asker = if caller.role() == "partner" { caller.clone() } else { Caller::health() };
        let (number, child, _) = self.registered(&Caller::coordinator());
        self.post(&asker, "/v1/checks", &(self.question)(number));
        let notices = self.items(&Caller::custodian(), "/v1/notices?limit=200");
        let notice = notices.iter().find(|notice| notice["childId"] == child.as_str() && notice["toRole"] == "custodian");
        let read = format!("/v1/notices/{}/acknowledgement", notice.expect("a notice")["id"].as_str().expect("an id"));
        (self.send)(&Caller::custodian(), &read, Some(&json!({}))).expect(200);
        let reader = if ["partner", "custodian"].contains(&caller.role()) { caller.clone() } else { Caller::custodian() };
        let begun = Instant::now();
        loop {
            let events = (self.send)(&reader, "/v1/events?limit=200", None).expect(200);
            if let Some(cursor) = events.at("/cursor").as_str() {
                return cursor.to_owned();
            }
            assert!(begun.elapsed() < COVERED_WITHIN, "no event comes");
            sleep(Duration::from_millis(50));
        }
    }

    /// An import of one more child, and a path under it.
    fn import(&self, rest: &str) -> String {
        let child = (self.child)(self.entered.replace(self.entered.get() + 1));
        let part = |name: &str| child["names"][0][name].as_str().unwrap_or("Mair").to_owned();
        let rows = format!(
            "id,given,family,authority,status,registeredOn,categories\n{},{},{},{NEWPORT},registered,2025-01-06,neglect\n",
            self.entered.get(),
            part("given"),
            part("family")
        );
        let sent = self.post(&Caller::custodian(), "/v1/imports?source=ground", &Value::String(rows));
        format!("/v1/imports/{}{rest}", sent.text("/id"))
    }

    /// A subscription of `caller`'s, or of a custodian's when they can have none.
    fn webhook(&self, caller: &Caller, rest: &str) -> String {
        let owner = if ["partner", "custodian"].contains(&caller.role()) { caller.clone() } else { Caller::custodian() };
        format!("/v1/webhooks/{}{rest}", self.post(&owner, "/v1/webhooks", &webhook()).text("/id"))
    }

    /// Another partner system, and a path under it.
    fn client(&self, rest: &str) -> String {
        let made = self.post(&Caller::of_region("operator"), "/v1/clients", &client());
        format!("/v1/clients/{}{rest}", made.text("/id"))
    }

    /// A part of another child's entry.
    fn part(&self, caller: &Caller, name: &str) -> String {
        format!("/v1/registrations/{}/{name}", self.registered(caller).2)
    }

    /// How the entry of another child, whose case `caller` co-ordinated, ended: a review decided it.
    fn removed(&self, caller: &Caller) -> String {
        let child = self.child().1;
        let hold = |conference: Conference| self.post(&Caller::custodian(), "/v1/conferences", &conference.0);
        let made = hold(Conference::held("initial", "2026-03-03").decides(&child, "registered", self.decided(caller)));
        hold(Conference::held("review", "2026-06-02").decides(&child, "removed", json!({"reasons": "Safe", "evidence": "Eleven visits"})));
        format!("/v1/registrations/{}/removal", made.text("/decisions/0/registrationId"))
    }

    /// A move of another child, whose case `caller` co-ordinates. What is to be changed at its first version goes to a region that
    /// does not answer; as long as no directory is published, there are others.
    fn moving(&self, caller: &Caller, to: &str, certain: bool) -> String {
        let entry = self.registered(caller).2;
        format!("/v1/transfers/{}", self.post(&Caller::custodian(), "/v1/transfers", &moves(&entry, to, certain)).text("/id"))
    }

    /// A message for a region that does not answer. It stays undelivered when a directory is published in which that region is not.
    fn undelivered(&self) -> String {
        let find = || {
            let messages = self.items(&Caller::of_region("operator"), "/v1/messages");
            let message = messages.into_iter().find(|message| message["to"] == SWANSEA)?;
            Some(message["id"].as_str().expect("an id").to_owned())
        };
        find().unwrap_or_else(|| {
            self.moving(&Caller::coordinator(), SWANSEA, true);
            find().expect("a message")
        })
    }

    /// An alert for another child, whose case `caller` co-ordinates; nobody else knows of it yet.
    fn sought(&self, caller: &Caller) -> String {
        let entry = self.registered(caller).2;
        format!("/v1/alerts/{}", self.post(&Caller::custodian(), "/v1/alerts", &alert(&entry)).text("/id"))
    }

    /// An enquiry about another child, whose case `caller` co-ordinates.
    fn section47(&self, caller: &Caller) -> String {
        let child = self.registered(caller).1;
        format!("/v1/section-47-enquiries/{}", self.post(&Caller::custodian(), "/v1/section-47-enquiries", &section47(&child)).text("/id"))
    }

    /// What goes with a decision to register a child whose case `caller` co-ordinates.
    fn decided(&self, caller: &Caller) -> Value {
        let mut more = full(json!(["neglect"]));
        more["coordinator"] = json!({"name": "Carys Mathias", "person": caller.key()});
        more
    }

    /// A conference that `caller` chaired, about another child, whose case they co-ordinate.
    fn conference(&self, caller: &Caller, decision: &str) -> String {
        let more = if decision == "registered" { self.decided(caller) } else { json!({}) };
        let chaired = Conference::held("initial", "2026-03-03").with("chairPerson", json!(caller.key()));
        let conference = chaired.decides(&self.child().1, decision, more);
        format!("/v1/conferences/{}", self.post(&Caller::custodian(), "/v1/conferences", &conference.0).text("/id"))
    }

    /// A fact of another entry's plan, as it is recorded.
    fn below(&self, caller: &Caller, what: &str) -> Example {
        let body = match what {
            "visits" => json!({"visitedOn": "2026-03-10", "seen": true, "seenAlone": true}),
            "core-group/meetings" => json!({"heldOn": "2026-03-10"}),
            _ => json!({"kind": "agencies-told", "reachedOn": "2026-03-10"}),
        };
        let path = format!("/v1/registrations/{}/{what}", self.registered(caller).2);
        Example { method: Method::POST, path, body: Some(body), etag: FIRST }
    }

    fn list_below(&self, caller: &Caller, what: &str) -> Example {
        Example { method: Method::GET, body: None, ..self.below(caller, what) }
    }

    fn one_below(&self, caller: &Caller, what: &str) -> Example {
        let Example { path, body, .. } = self.below(caller, what);
        let id = self.post(&Caller::custodian(), &path, &body.expect("a body")).text("/id");
        Example { method: Method::GET, path: format!("{path}/{id}"), body: None, etag: FIRST }
    }

    fn withdrawn(&self, caller: &Caller, what: &str, reason: Value) -> Example {
        let path = format!("{}/entered-in-error", self.one_below(caller, what).path);
        Example { method: Method::POST, path, body: Some(reason), etag: FIRST }
    }

    /// Enters another child before birth.
    fn unborn(&self) -> String {
        let number = self.entered.replace(self.entered.get() + 1);
        let mut child = (self.child)(number);
        for item in ["names", "dateOfBirth", "sex", "identifiers"] {
            child.as_object_mut().expect("a child").remove(item);
        }
        child["expectedDeliveryDate"] = json!("2026-11-30");
        self.post(&Caller::custodian(), "/v1/children", &child).text("/id")
    }

    /// The path of a fact of another child, whose co-ordinator is `caller`.
    fn fact(&self, caller: &Caller, list: &str) -> String {
        let path = format!("/v1/children/{}", self.registered(caller).1);
        let fact = (self.send)(&Caller::custodian(), &path, None).expect(200).text(&format!("/{list}/0/id"));
        format!("{path}/{list}/{fact}")
    }

    /// What is decided of two other records.
    fn about_two(&self, what: &str) -> Example {
        let (one, other) = (self.child().1, self.child().1);
        let body = json!({"otherChildId": other, "reason": "The health visitor knows them"});
        Example { method: Method::POST, path: format!("/v1/children/{one}/{what}"), body: Some(body), etag: FIRST }
    }

    /// The path of what was decided of two other records.
    fn decision(&self) -> String {
        let Example { path, body, .. } = self.about_two("distinctions");
        let answer = self.post(&Caller::custodian(), &path, body.as_ref().expect("a body"));
        format!("/v1/identity-decisions/{}", answer.text("/id"))
    }

    /// A request of an operation about something that `caller` may know of, if anybody in their role may.
    pub fn example(&self, operation: &str, caller: &Caller) -> Example {
        let asker = if allowed("askCheck").iter().any(|role| role.as_str() == caller.role()) { caller.clone() } else { Caller::health() };
        let reason = json!({"reason": "Entered twice by mistake"});
        let get = |path: String| Example { method: Method::GET, path, body: None, etag: FIRST };
        let post = |path: String, body: Value| Example { method: Method::POST, path, body: Some(body), etag: FIRST };
        let put = |path: String, body: Value| Example { method: Method::PUT, path, body: Some(body), etag: FIRST };
        let of_child = |what: &str, body: Value| post(format!("/v1/children/{}/{what}", self.registered(caller).1), body);
        let item = |list: &str| (self.child)(self.entered.get())[list][0].clone();
        match operation {
            "live" => get("/health/live".into()),
            "ready" => get("/health/ready".into()),
            "askCheck" => post("/v1/checks".into(), (self.question)(self.registered(caller).0)),
            "askChecks" => post("/v1/checks/batch".into(), json!({"checks": [(self.question)(self.registered(caller).0)]})),
            "listChecks" => get("/v1/checks".into()),
            "readCheck" => {
                let number = self.registered(caller).0;
                get(format!("/v1/checks/{}", self.post(&asker, "/v1/checks", &(self.question)(number)).text("/id")))
            }
            "addChild" => post("/v1/children".into(), (self.child)(self.entered.replace(self.entered.get() + 1))),
            "readChild" => get(format!("/v1/children/{}", self.registered(caller).1)),
            "addName" => of_child("names", item("names")),
            "addAddress" => of_child("addresses", item("addresses")),
            "addIdentifier" => of_child("identifiers", item("identifiers")),
            "addHouseholdMember" => of_child("household", item("household")),
            "recordBirth" => {
                post(format!("/v1/children/{}/birth", self.unborn()), json!({"bornOn": "2026-11-16", "names": [item("names")]}))
            }
            "correctName" => put(self.fact(caller, "names"), json!({"reason": "Misspelt", "name": item("names")})),
            "correctAddress" => put(self.fact(caller, "addresses"), json!({"reason": "Misspelt", "address": item("addresses")})),
            "correctIdentifier" => put(self.fact(caller, "identifiers"), json!({"reason": "Mistyped", "identifier": item("identifiers")})),
            "correctHouseholdMember" => put(self.fact(caller, "household"), json!({"reason": "Misspelt", "member": item("household")})),
            "correctParticulars" => {
                let born = (self.child)(self.entered.get())["dateOfBirth"].clone();
                put(format!("/v1/children/{}/particulars", self.registered(caller).1), json!({"reason": "Misread", "dateOfBirth": born}))
            }
            "statePractice" => {
                let body = json!({"name": "Meddygfa Glan-yr-afon", "odsCode": "W93001"});
                put(format!("/v1/children/{}/practice", self.registered(caller).1), body)
            }
            "withdrawName" => post(format!("{}/entered-in-error", self.fact(caller, "names")), reason),
            "withdrawAddress" => post(format!("{}/entered-in-error", self.fact(caller, "addresses")), reason),
            "withdrawIdentifier" => post(format!("{}/entered-in-error", self.fact(caller, "identifiers")), reason),
            "withdrawHouseholdMember" => post(format!("{}/entered-in-error", self.fact(caller, "household")), reason),
            "readHistory" => get(format!("/v1/children/{}/history", self.registered(caller).1)),
            "mergeChildren" => self.about_two("merges"),
            "tellChildrenApart" => self.about_two("distinctions"),
            "readIdentityDecision" => get(self.decision()),
            "undoIdentityDecision" => post(format!("{}/undo", self.decision()), reason),
            "shieldChild" => {
                let body = json!({"shielded": true, "reason": "The father looks for them"});
                put(format!("/v1/children/{}/shielding", self.registered(caller).1), body)
            }
            "breakGlass" => of_child("break-glass", json!({"reason": "A police officer is at the door"})),
            "markChildInError" => post(format!("/v1/children/{}/entered-in-error", self.child().1), reason),
            "closeIdentity" => post(format!("/v1/children/{}/adoption", self.child().1), reason),
            "addRegistration" => post("/v1/registrations".into(), self.entry(&self.child().1, caller)),
            "listRegistrations" => get("/v1/registrations".into()),
            "readRegistration" => get(format!("/v1/registrations/{}", self.registered(caller).2)),
            "markRegistrationInError" => post(format!("/v1/registrations/{}/entered-in-error", self.registered(caller).2), reason),
            "readCoordinator" => get(self.part(caller, "coordinator")),
            "changeCoordinator" => {
                put(self.part(caller, "coordinator"), json!({"coordinator": {"name": "Dafydd Puw", "person": caller.key()}}))
            }
            "readCategories" => get(self.part(caller, "categories")),
            "changeCategories" => put(self.part(caller, "categories"), json!({"categories": ["emotional"]})),
            "readCoreGroup" => get(self.part(caller, "core-group")),
            "changeCoreGroup" => put(self.part(caller, "core-group"), json!({"members": [{"name": "Huw Rees"}]})),
            "removeRegistration" => post(self.part(caller, "removal"), died()),
            "readRemoval" => get(self.removed(caller)),
            // The removal was a change of the entry.
            "markRemovalInError" => Example { etag: "\"2\"", ..post(format!("{}/entered-in-error", self.removed(caller)), reason) },
            "addTransfer" => post("/v1/transfers".into(), moves(&self.registered(caller).2, CAERPHILLY, true)),
            "addFamilyMove" => {
                let entries = [self.registered(caller).2, self.registered(caller).2];
                post("/v1/family-moves".into(), json!({"registrationIds": entries, "to": CAERPHILLY, "nature": "permanent"}))
            }
            "readResponsibility" => get(self.part(caller, "responsibility")),
            "changeResponsibility" => {
                put(self.part(caller, "responsibility"), json!({"courtOrder": "Interim care order of 3 November", "reason": "Seen today"}))
            }
            "listTransfers" => get("/v1/transfers".into()),
            "readTransfer" => get(self.moving(caller, CAERPHILLY, true)),
            "actOnTransfer" => match caller.role() {
                "emergency-duty" => post(format!("{}/notify", self.moving(caller, SWANSEA, false)), json!({"nature": "permanent"})),
                "senior-safeguarding-manager" => {
                    post(format!("{}/dispute", self.moving(caller, SWANSEA, true)), json!({"note": "Not agreed who visits"}))
                }
                _ => post(format!("{}/papers", self.moving(caller, SWANSEA, true)), json!({"papers": ["chronology", "plan"]})),
            },
            "addAlert" => post("/v1/alerts".into(), alert(&self.registered(caller).2)),
            "listAlerts" => get("/v1/alerts".into()),
            "readAlert" => get(self.sought(caller)),
            "actOnAlert" => match caller.role() {
                "senior-safeguarding-manager" => post(format!("{}/authorise", self.sought(caller)), json!({"note": "Agreed at 17:15"})),
                _ => {
                    let more = json!({"details": {"companions": "An uncle", "police": {"at": "2026-11-16T17:05:00Z", "name": "PC Rees"}}});
                    post(format!("{}/update", self.sought(caller)), more)
                }
            },
            "addSection47Enquiry" => post("/v1/section-47-enquiries".into(), section47(&self.child().1)),
            "listSection47Enquiries" => get("/v1/section-47-enquiries".into()),
            "readSection47Enquiry" => get(self.section47(caller)),
            "changeSection47Enquiry" => put(self.section47(caller), json!({"strategyDiscussionOn": "2026-02-05"})),
            "markSection47EnquiryInError" => post(format!("{}/entered-in-error", self.section47(caller)), reason),
            "addConference" => {
                let conference = Conference::held("initial", "2026-03-03");
                post("/v1/conferences".into(), conference.decides(&self.child().1, "registered", self.decided(caller)).0)
            }
            "listConferences" => get("/v1/conferences".into()),
            "readConference" => get(self.conference(caller, "registered")),
            "correctConference" => put(self.conference(caller, "registered"), json!({"chair": "Rhodri Ellis", "quorate": true})),
            // Nothing rests on a decision not to register.
            "markConferenceInError" => post(format!("{}/entered-in-error", self.conference(caller, "not-registered")), reason),
            "addVisit" => self.below(caller, "visits"),
            "listVisits" => self.list_below(caller, "visits"),
            "readVisit" => self.one_below(caller, "visits"),
            "markVisitInError" => self.withdrawn(caller, "visits", reason),
            "addCoreGroupMeeting" => self.below(caller, "core-group/meetings"),
            "listCoreGroupMeetings" => self.list_below(caller, "core-group/meetings"),
            "readCoreGroupMeeting" => self.one_below(caller, "core-group/meetings"),
            "markCoreGroupMeetingInError" => self.withdrawn(caller, "core-group/meetings", reason),
            "addMilestone" => self.below(caller, "milestones"),
            "listMilestones" => self.list_below(caller, "milestones"),
            "readMilestone" => self.one_below(caller, "milestones"),
            "markMilestoneInError" => self.withdrawn(caller, "milestones", reason),
            "readClocks" => self.list_below(caller, "clocks"),
            "addDeparture" => {
                let later = json!({"dueOn": "2027-01-04", "reason": "The chair is ill"});
                post(format!("/v1/registrations/{}/clocks/outline-plan/departures", self.registered(caller).2), later)
            }
            "listClocks" => get("/v1/clocks".into()),
            "listNotices" => get("/v1/notices".into()),
            "readNotice" => get(format!("/v1/notices/{}", self.notice(caller))),
            "acknowledgeNotice" => post(format!("/v1/notices/{}/acknowledgement", self.notice(caller)), json!({"note": "Rang the ward"})),
            "listTasks" => get("/v1/tasks".into()),
            "readTask" => get(format!("/v1/tasks/{}", self.task(caller))),
            "closeTask" => post(format!("/v1/tasks/{}/closure", self.task(caller)), reason),
            "readDirectory" => get("/v1/directory".into()),
            "listAudit" => get("/v1/audit".into()),
            "readAuditCheckpoint" => get("/v1/audit/checkpoint".into()),
            "readAuditProof" => get(format!("/v1/audit/proof/{}", self.audited(caller))),
            "readAuditConsistency" => get("/v1/audit/consistency?from=1".into()),
            "addRevocation" => {
                let revocation = json!({"issuer": ISSUER, "tokenId": Uuid::now_v7().to_string(), "reason": "The device was lost"});
                post("/v1/revocations".into(), revocation)
            }
            "listRevocations" => get("/v1/revocations".into()),
            "listMessages" => {
                self.undelivered();
                get("/v1/messages".into())
            }
            "replayMessage" => post(format!("/v1/messages/{}/replay", self.undelivered()), json!({})),
            "listComparisons" => get("/v1/comparisons".into()),
            "addComparison" => post("/v1/comparisons".into(), json!({})),
            "publishDirectory" => post("/v1/directory".into(), self.next_directory()),
            "readStatistics" => get("/v1/statistics/wales-register".into()),
            "readRetention" => get("/v1/retention".into()),
            "addLegalHold" => post("/v1/legal-holds".into(), self.hold()),
            "listLegalHolds" => get("/v1/legal-holds".into()),
            "readLegalHold" => {
                get(format!("/v1/legal-holds/{}", self.post(&Caller::custodian(), "/v1/legal-holds", &self.hold()).text("/id")))
            }
            "liftLegalHold" => {
                let placed = self.post(&Caller::custodian(), "/v1/legal-holds", &self.hold()).text("/id");
                post(format!("/v1/legal-holds/{placed}/lifting"), reason)
            }
            "listEvents" => get("/v1/events".into()),
            "acknowledgeEvents" => post("/v1/events/acknowledgement".into(), json!({"cursor": self.event(caller)})),
            "addWebhook" => post("/v1/webhooks".into(), webhook()),
            "listWebhooks" => get("/v1/webhooks".into()),
            "readWebhook" => get(self.webhook(caller, "")),
            "readWebhookSecret" => get(self.webhook(caller, "/secret")),
            "changeWebhook" => put(self.webhook(caller, ""), json!({"url": webhook()["url"], "status": "paused"})),
            "rotateWebhookSecret" => post(self.webhook(caller, "/rotation"), json!({})),
            "testWebhook" => post(self.webhook(caller, "/test"), json!({})),
            "listWebhookDeliveries" => get(self.webhook(caller, "/deliveries")),
            "replayWebhook" => post(self.webhook(caller, "/replay"), json!({"since": "2026-11-17T00:00:00Z"})),
            "reportMissedAppointment" => {
                let child = (self.question)(self.registered(caller).0)["child"].clone();
                let report = json!({"kind": "was-not-brought", "service": "Outpatients", "missedOn": "2026-11-16", "child": child});
                post("/v1/missed-appointments".into(), report)
            }
            "listMissedAppointments" => get(format!("/v1/children/{}/missed-appointments", self.registered(caller).1)),
            "listImports" => get("/v1/imports".into()),
            "readImport" => get(self.import("")),
            "listImportRows" => get(self.import("/rows")),
            "addClient" => post("/v1/clients".into(), client()),
            "listClients" => get("/v1/clients".into()),
            "readClient" => get(self.client("")),
            "changeClientKeys" => put(self.client("/keys"), json!({"jwks": client()["jwks"]})),
            "suspendClient" => post(self.client("/suspension"), reason),
            "resumeClient" => {
                let path = self.client("");
                (self.send)(&Caller::of_region("operator"), &format!("{path}/suspension"), Some(&reason)).expect(200);
                Example { etag: "\"2\"", ..post(format!("{path}/resumption"), reason) }
            }
            "revokeClient" => post(self.client("/revocation"), reason),
            other => panic!("{other} has no request that succeeds: add one to tests/support/operations.rs"),
        }
    }
}

/// A subscription, to an address at which nobody listens.
fn webhook() -> Value {
    json!({"url": "https://events.hospital.example/cofrestr"})
}

/// A partner system as it is registered.
pub fn client() -> Value {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let organisation = json!({"code": "7A6", "name": "Aneurin Bevan University Health Board"});
    json!({"name": "Ward system", "sector": "health", "organisation": organisation, "jwks": {"keys": [key]}})
}

fn died() -> Value {
    json!({"removedOn": "2026-11-10", "ground": "died", "evidence": "Certificate seen", "reasons": "The hospital rang on the day"})
}

fn section47(child: &str) -> Value {
    json!({"childId": child, "authority": NEWPORT, "strategyDiscussionOn": "2026-02-03"})
}
