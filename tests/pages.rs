//! The pages: asking and answering as people see it, through HTTP and without a script.

use std::cell::RefCell;
use std::collections::BTreeMap;

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::database::{Backend, Folder};
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::{Child, Question};
use crate::support::tokens::Caller;

/// The most that a page may weigh with everything it loads, in bytes.
///
/// # Source
/// Issue 7.
const HEAVIEST: usize = 200_000;

/// A server with pages, and the folder with the tokens of those who can sign in.
struct Site {
    app: TestApp,
    people: Folder,
}

impl Site {
    fn start(kind: Backend) -> Self {
        let people = Folder::new();
        let settings = format!("[pages]\nsandbox_tokens = \"{}\"", people.path().display());
        let site = Self { app: TestApp::start(kind, &settings), people };
        site.lets_in("emergency-duty", &Caller::emergency_duty());
        site.lets_in("partner-health", &Caller::health());
        site.lets_in("partner-police", &Caller::police());
        site
    }

    fn lets_in(&self, person: &str, caller: &Caller) {
        std::fs::write(self.people.path().join(format!("{person}.token")), caller.token()).expect("a token");
    }

    fn browser(&self) -> Browser<'_> {
        Browser { app: &self.app, cookies: RefCell::default() }
    }

    /// Somebody who has signed in.
    #[track_caller]
    fn signed_in(&self, person: &str) -> Browser<'_> {
        let browser = self.browser();
        let form = browser.get("/sign-in").expect(200);
        browser.post("/sign-in", &[("mark", &hidden(&form, "mark")), ("person", person)]).expect(303);
        browser
    }
}

/// A browser without scripts: it keeps cookies and follows nothing by itself.
struct Browser<'a> {
    app: &'a TestApp,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Browser<'_> {
    fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let cookies = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut request = self.app.anonymous().request(method, path);
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let answer = request.send();
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a cookie");
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
            let (name, value) = cookie.split(';').next().expect("a value").split_once('=').expect("a name");
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None)
    }

    fn post(&self, path: &str, typed: &[(&str, &str)]) -> Answer {
        const PERSONAL: [&str; 6] = ["given", "family", "others", "postcode", "number", "caller-number"];
        for (name, value) in typed {
            if PERSONAL.contains(name) && value.len() >= 4 {
                self.app.remember_typed(value);
            }
        }
        let body = reqwest::Url::parse_with_params("http://x/", typed).expect("a form").query().unwrap_or_default().to_owned();
        self.send(Method::POST, path, Some(body))
    }

    /// Fills a fresh form and sends it.
    fn ask(&self, typed: &[(&str, &str)]) -> Answer {
        let form = self.get("/ask").expect(200);
        let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
        self.post("/ask", &[&[("mark", mark.as_str()), ("key", key.as_str())], typed].concat())
    }
}

/// The value of a hidden item of a form.
#[track_caller]
fn hidden(page: &Answer, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.body.split_once(&start).unwrap_or_else(|| panic!("no {name} in {}", page.body)).1;
    rest.split('"').next().expect("a value").to_owned()
}

/// Where an answer sends one on.
#[track_caller]
fn place(answer: &Answer) -> String {
    answer.clone().expect(303).header("location").expect("a place").to_owned()
}

fn usual() -> Vec<(&'static str, &'static str)> {
    vec![
        ("given", "Gwenllian"),
        ("family", "Trahaearn"),
        ("birth", "date"),
        ("born-day", "9"),
        ("born-month", "5"),
        ("born-year", "2017"),
        ("reason", "hospital-attendance"),
    ]
}

on_both_databases!(one_signs_in_asks_and_reads_the_answer);
fn one_signs_in_asks_and_reads_the_answer(kind: Backend) {
    let site = Site::start(kind);
    site.app.register(&Child::usual());
    let browser = site.browser();
    assert_eq!(place(&browser.get("/")), "/ask");
    assert_eq!(place(&browser.get("/ask")), "/sign-in");
    let form = browser.get("/sign-in").expect(200);
    let entered = browser.post("/sign-in", &[("mark", &hidden(&form, "mark")), ("person", "partner-health")]);
    assert_eq!(place(&entered), "/ask");
    let audit = site.app.audit_of(&entered);
    assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].subject.as_deref()), (1, "signIn", Some("partner-health")));

    let asked = browser.ask(&usual());
    let answer = place(&asked);
    assert!(answer.strip_prefix("/answers/").is_some_and(|id| id.parse::<uuid::Uuid>().is_ok()), "nothing personal: {answer}");
    let audit = site.app.audit_of(&asked);
    assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "askCheck", "granted"));
    assert_eq!(audit[0].reason.as_deref(), Some("hospital-attendance"));

    let page = browser.get(&answer).expect(200);
    for said in ["ON the child protection register", "Ring now: Newport", "href=\"tel:", "given name: the same", "Certain: this child"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    assert!(!page.body.contains("Gwenllian") && !page.body.contains("Trahaearn"), "what was asked is not shown again");
    assert_eq!(page.header("refresh"), None);
    let audit = site.app.audit_of(&page);
    assert_eq!((audit.len(), audit[0].operation.as_str()), (1, "readCheck"));

    // The same check, for the same person, through the API.
    let id = answer.trim_start_matches("/answers/");
    let check = site.app.health().get(&format!("/v1/checks/{id}")).expect(200);
    assert!(page.body.contains(&check.text("/reference")));
    let receipt = browser.get(&format!("{answer}/receipt")).expect(200);
    assert_eq!(receipt.body, check.text("/receipt"));
    assert_eq!(receipt.header("content-disposition"), Some(&*format!("attachment; filename=\"{}.jws\"", check.text("/reference"))));
}

on_both_databases!(a_page_asks_exactly_what_the_api_asks);
fn a_page_asks_exactly_what_the_api_asks(kind: Backend) {
    let site = Site::start(kind);
    site.app.register(&Child::usual());
    let counts = || ["enquiry", "enquiry_match", "notice", "check_budget"].map(|table| site.app.count(table));
    let before = counts();
    place(&site.signed_in("partner-health").ask(&usual()));
    let through_page = counts();
    site.app.ask(&Caller::health().named("another-nurse"), &Question::usual().everywhere());
    let through_api = counts();
    for (index, table) in ["enquiry", "enquiry_match", "notice"].iter().enumerate() {
        assert!(through_page[index] > before[index], "{table}");
        assert_eq!(through_page[index] - before[index], through_api[index] - through_page[index], "{table}");
    }
    assert!(through_page[3] > before[3], "a question through a page is counted");
}

on_both_databases!(a_form_sent_twice_asks_once);
fn a_form_sent_twice_asks_once(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("partner-health");
    let form = browser.get("/ask").expect(200);
    let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
    let cookies = browser.cookies.borrow().clone();
    let typed = [&[("mark", mark.as_str()), ("key", key.as_str())], usual().as_slice()].concat();
    let places: Vec<String> = std::thread::scope(|scope| {
        let clicks: Vec<_> = (0..4)
            .map(|_| {
                let again = Browser { app: &site.app, cookies: RefCell::new(cookies.clone()) };
                let typed = &typed;
                scope.spawn(move || place(&again.post("/ask", typed)))
            })
            .collect();
        clicks.into_iter().map(|click| click.join().expect("an answer")).collect()
    });
    assert!(places.iter().all(|other| *other == places[0]), "{places:?}");
    assert_eq!(site.app.count("enquiry"), 1);
    // What was changed is another question, although the form is the same.
    let changed: Vec<_> = typed.iter().map(|(name, value)| (*name, if *name == "born-day" { "8" } else { *value })).collect();
    assert_ne!(place(&browser.post("/ask", &changed)), places[0]);
    assert_eq!(site.app.count("enquiry"), 2);
}

on_both_databases!(mistakes_stand_beside_their_boxes_and_everything_typed_is_kept);
fn mistakes_stand_beside_their_boxes_and_everything_typed_is_kept(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("partner-health");
    let page = browser.ask(&[
        ("given", "Si\"><script>ân"),
        ("family", "Llewelyn"),
        ("birth", "date"),
        ("born-day", "31"),
        ("born-month", "2"),
        ("born-year", "2017"),
        ("number", "9990001007"),
    ]);
    let page = page.expect(422);
    for field in ["born-day", "number", "reason"] {
        assert!(page.body.contains(&format!("href=\"#{field}\"")), "{field} in the summary: {}", page.body);
        assert!(page.body.contains(&format!("id=\"{field}-error\"")), "{field} beside its box");
        assert!(page.body.contains(&format!("id=\"{field}\"")), "{field} is there to be gone to");
    }
    assert!(page.body.contains("<title>Error:"), "the title says so first");
    assert!(!page.body.contains("<script>ân"), "what was typed is text");
    for kept in ["value=\"Llewelyn\"", "value=\"31\"", "value=\"9990001007\""] {
        assert!(page.body.contains(kept), "{kept}");
    }
    assert_eq!(site.app.count("enquiry"), 0);
    let too_little = browser.ask(&[("given", "Siân"), ("reason", "referral")]).expect(422);
    assert!(too_little.body.contains("id=\"given-error\""), "{}", too_little.body);
    let no_year = browser.ask(&[("given", "Siân"), ("family", "Llewelyn"), ("born-day", "9"), ("reason", "referral")]).expect(422);
    assert!(no_year.body.contains("id=\"born-day-error\""), "{}", no_year.body);
}

on_both_databases!(nothing_is_told_to_a_caller_who_is_not_verified);
fn nothing_is_told_to_a_caller_who_is_not_verified(kind: Backend) {
    let site = Site::start(kind);
    site.app.register(&Child::usual());
    let browser = site.signed_in("emergency-duty");
    let unsaid = browser.ask(&usual()).expect(422);
    assert!(unsaid.body.contains("id=\"caller-error\""), "who asks at night must say for whom");
    let caller = [
        ("caller", "other"),
        ("caller-name", "Ann Price"),
        ("caller-agency", "Royal Gwent Hospital"),
        ("caller-role", "staff nurse"),
        ("caller-number", "01632 960123"),
    ];
    let refused = browser.ask(&[usual().as_slice(), &caller].concat()).expect(403);
    assert!(refused.body.contains("id=\"caller-method-error\"") && !refused.body.contains("tel:"), "{}", refused.body);
    let audit = site.app.audit_of(&refused);
    assert_eq!((audit[0].outcome.as_str(), audit[0].code.as_deref()), ("refused", Some("caller-not-verified")));
    let verified = [usual().as_slice(), &caller, &[("caller-method", "switchboard-call-back")]].concat();
    let page = browser.get(&place(&browser.ask(&verified))).expect(200);
    assert!(page.body.contains("ON the child protection register"));
}

on_both_databases!(a_form_without_its_mark_asks_nothing);
fn a_form_without_its_mark_asks_nothing(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("partner-health");
    for mark in ["", "bm90IHRoZSBtYXJr"] {
        let page = browser.post("/ask", &[usual().as_slice(), &[("mark", mark)]].concat()).expect(403);
        assert!(page.body.contains("value=\"Gwenllian\""), "what was typed is kept");
    }
    assert_eq!(site.app.count("enquiry"), 0);
    let stranger = site.browser();
    stranger.post("/sign-in", &[("person", "partner-health"), ("mark", "")]).expect(403);
    assert_eq!(place(&browser.post("/sign-out", &[("mark", "")])), "/ask", "nobody else signs one out");
    browser.get("/ask").expect(200);
}

on_both_databases!(what_is_typed_outlives_the_session);
fn what_is_typed_outlives_the_session(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("partner-health");
    let form = browser.get("/ask").expect(200);
    let cookies = browser.cookies.borrow().clone();
    let out = browser.post("/sign-out", &[("mark", &hidden(&form, "mark"))]);
    assert_eq!(place(&out), "/sign-in");
    assert_eq!(site.app.audit_of(&out)[0].operation, "signOut");
    // The cookie of the ended session opens nothing, wherever it was kept.
    *browser.cookies.borrow_mut() = cookies;
    let page = browser.post("/ask", &[usual().as_slice(), &[("mark", &hidden(&form, "mark"))]].concat()).expect(200);
    assert!(page.body.contains("name=\"kept-given\" value=\"Gwenllian\""), "{}", page.body);
    assert_eq!(site.app.count("enquiry"), 0);
    let kept: Vec<(String, String)> = usual().iter().map(|(name, value)| (format!("kept-{name}"), (*value).to_owned())).collect();
    let mut typed: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mark = hidden(&page, "mark");
    typed.extend([("mark", mark.as_str()), ("person", "partner-health")]);
    let form = browser.post("/sign-in", &typed).expect(200);
    assert!(form.body.contains("value=\"Gwenllian\"") && form.body.contains("<option value=\"hospital-attendance\" selected>"));
    assert_eq!(site.app.count("enquiry"), 0, "it comes back, and is not asked by itself");
}

on_both_databases!(a_session_is_known_to_every_server_and_ends_in_its_time);
fn a_session_is_known_to_every_server_and_ends_in_its_time(kind: Backend) {
    let mut site = Site::start(kind);
    let cookies = site.signed_in("partner-health").cookies.borrow().clone();
    site.app.turn_to_the_other();
    let browser = Browser { app: &site.app, cookies: RefCell::new(cookies.clone()) };
    browser.get("/ask").expect(200);
    for secret in cookies.values() {
        assert_eq!(site.app.database().number(&format!("SELECT count(*) AS n FROM session WHERE digest = '{secret}'")), 0);
    }
    site.app.database().execute("UPDATE session SET ends_at = '2020-01-01T00:00:00.000000Z'").expect("an end");
    assert_eq!(place(&browser.get("/ask")), "/sign-in");
    site.signed_in("partner-police");
    assert_eq!(site.app.count("session"), 1, "what has ended is forgotten when the next one begins");
}

on_both_databases!(an_answer_is_for_whoever_asked);
fn an_answer_is_for_whoever_asked(kind: Backend) {
    let site = Site::start(kind);
    let answer = place(&site.signed_in("partner-health").ask(&usual()));
    let officer = site.signed_in("partner-police");
    let (other, none) = (officer.get(&answer).expect(404), officer.get("/answers/Gwenllian").expect(404));
    assert_eq!(site.app.audit_of(&other)[0].outcome, "refused");
    assert_eq!(other.body, none.body, "what may not be known is as what is not there");
    let stranger = site.browser();
    assert_eq!(place(&stranger.get(&answer)), format!("/sign-in?next={answer}"));
    assert_eq!(place(&stranger.get("/answers/Gwenllian")), "/sign-in");
    let form = stranger.get(&format!("/sign-in?next={answer}")).expect(200);
    let typed = [("mark", &*hidden(&form, "mark")), ("next", &*hidden(&form, "next")), ("person", "partner-health")];
    assert_eq!(place(&stranger.post("/sign-in", &typed)), answer, "and on to where one wanted to go");
}

on_both_databases!(both_languages_are_equal_and_a_switch_keeps_what_was_typed);
fn both_languages_are_equal_and_a_switch_keeps_what_was_typed(kind: Backend) {
    let site = Site::start(kind);
    site.app.register(&Child::usual());
    let browser = site.signed_in("partner-health");
    let form = browser.get("/ask").expect(200);
    assert!(form.body.contains("<html lang=\"en\"") && form.header("content-language") == Some("en"));
    let switched =
        browser.post("/ask", &[usual().as_slice(), &[("mark", &hidden(&form, "mark")), ("language", "cy")]].concat()).expect(200);
    assert!(switched.body.contains("<html lang=\"cy\"") && switched.header("content-language") == Some("cy"));
    assert!(switched.body.contains("value=\"Gwenllian\"") && switched.body.contains("Gofyn i&#39;r cofrestrau"), "{}", switched.body);
    assert_eq!(site.app.count("enquiry"), 0, "a switch asks nothing");
    // The choice is remembered, and the answer comes in that language.
    let answer = place(&browser.ask(&usual()));
    let page = browser.get(&answer).expect(200);
    assert!(page.body.contains("AR y gofrestr amddiffyn plant") && page.body.contains("Casnewydd"), "{}", page.body);
    let page = browser.get(&format!("{answer}?language=en")).expect(200);
    assert!(page.body.contains("ON the child protection register") && page.body.contains("Newport"));
    let first = site.app.anonymous().request(Method::GET, "/sign-in").header("accept-language", "cy").send();
    assert!(first.body.contains("Mewngofnodi"), "whoever chose nothing is greeted in the browser's language");
}

on_both_databases!(a_page_is_light_closed_and_loads_only_its_own);
fn a_page_is_light_closed_and_loads_only_its_own(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("emergency-duty");
    let page = browser.get("/ask").expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(!policy.contains("unsafe") && policy.contains("script-src 'self'") && policy.contains("form-action 'self'"), "{policy}");
    let mut weight = page.body.len();
    let mut loaded = 0;
    for part in page.body.split('"').filter(|part| part.starts_with("/assets/")) {
        let file = site.app.anonymous().get(part).expect(200);
        assert!(file.header("cache-control").is_some_and(|value| value.contains("immutable")));
        weight += file.body.len();
        loaded += 1;
    }
    let base = page.body.split('"').find_map(|part| part.strip_suffix("/pages.js")).expect("a script");
    weight += site.app.anonymous().get(&format!("{base}/govuk-frontend.js")).expect(200).body.len();
    assert!(loaded == 3 && weight < HEAVIEST, "{loaded} files, {weight} bytes");
    site.app.anonymous().get("/assets/0/pages.css").problem(404, "not-found");
    let switch = page.body.find("name=\"language\"").expect("a switch");
    let default = page.body.find("class=\"cofrestr-default\"").expect("a default button");
    assert!(default < switch, "Enter asks and does not switch the language");
}

on_both_databases!(notices_are_read_and_acknowledged_in_the_morning);
fn notices_are_read_and_acknowledged_in_the_morning(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("custodian", &Caller::custodian());
    site.app.register(&Child::usual());
    place(&site.signed_in("partner-health").ask(&usual()));
    let custodian = site.signed_in("custodian");
    let page = custodian.get("/work").expect(200);
    let operations: Vec<_> = site.app.audit_of(&page).into_iter().map(|entry| entry.operation).collect();
    assert_eq!(operations, ["listNotices", "listTasks"]);
    let unread = || {
        let list = site.app.custodian().get("/v1/notices?acknowledged=false").expect(200);
        list.list("/items").iter().map(|notice| notice["id"].as_str().expect("an identifier").to_owned()).collect::<Vec<_>>()
    };
    let before = unread();
    let form = page.body.split("action=\"").find_map(|part| part.strip_prefix("/work/notices/")).expect("a notice");
    let id = form.split('"').next().expect("an identifier").to_owned();
    assert!(before.contains(&id));
    let path = format!("/work/notices/{id}");
    custodian.post(&path, &[("mark", "")]).expect(303);
    assert_eq!(unread(), before, "without the mark nothing is acknowledged");
    let done = custodian.post(&path, &[("mark", &hidden(&page, "mark"))]);
    assert_eq!(place(&done), "/work");
    assert_eq!(site.app.audit_of(&done)[0].operation, "acknowledgeNotice");
    assert!(!unread().contains(&id));
    place(&custodian.post(&path, &[("mark", &hidden(&page, "mark"))]));
    // A nurse has notices of her own and no tasks, and is not refused for what she did not ask for.
    let page = site.signed_in("partner-health").get("/work").expect(200);
    assert!(!page.body.contains(&id) && site.app.audit_of(&page).iter().all(|entry| entry.outcome != "refused"));
    assert_eq!(place(&site.browser().get("/work")), "/sign-in?next=/work");
}

on_both_databases!(there_are_no_pages_where_nobody_can_sign_in);
fn there_are_no_pages_where_nobody_can_sign_in(kind: Backend) {
    let app = TestApp::start(kind, "");
    for path in ["/", "/ask", "/sign-in"] {
        app.anonymous().get(path).problem(404, "not-found");
    }
}
