//! The pages: asking and answering as people see it, through HTTP and without a script.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::browser::{Browser, hidden, place};
use crate::support::database::{Backend, Folder};
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::{Child, Conference, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

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
        Browser::of(&self.app)
    }

    /// Somebody who has signed in.
    #[track_caller]
    fn signed_in(&self, person: &str) -> Browser<'_> {
        let browser = self.browser();
        browser.sign_in(person);
        browser
    }
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
                let again = Browser::with(&site.app, cookies.clone());
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
        let refused = &site.app.audit_of(&page)[0];
        assert_eq!((refused.operation.as_str(), refused.outcome.as_str()), ("askCheck", "refused"));
        assert_eq!((refused.code.as_deref(), refused.subject.as_deref()), (Some("form-of-another-session"), Some("partner-health")));
    }
    // Whoever is not signed in is sent to do so, and it is known that somebody wanted to see a record.
    let sent_away = site.browser().get("/children/01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35");
    place(&sent_away);
    let refused = &site.app.audit_of(&sent_away)[0];
    assert_eq!((refused.operation.as_str(), refused.outcome.as_str()), ("readChild", "refused"));
    assert_eq!((refused.code.as_deref(), refused.subject.as_deref()), (Some("token-missing"), None));
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
    assert_eq!(place(&browser.post("/sign-in", &typed)), "/ask");
    for _ in 0..2 {
        let form = browser.get("/ask").expect(200);
        assert!(form.body.contains("value=\"Gwenllian\"") && form.body.contains("<option value=\"hospital-attendance\" selected>"));
    }
    assert_eq!(site.app.count("enquiry"), 0, "it comes back, and is not asked by itself");
    place(&browser.ask(&usual()));
    assert!(!browser.get("/ask").expect(200).body.contains("Gwenllian"), "once it was sent it is kept no longer");
}

on_both_databases!(a_session_is_known_to_every_server_and_ends_in_its_time);
fn a_session_is_known_to_every_server_and_ends_in_its_time(kind: Backend) {
    let mut site = Site::start(kind);
    let cookies = site.signed_in("partner-health").cookies.borrow().clone();
    site.app.turn_to_the_other();
    let browser = Browser::with(&site.app, cookies.clone());
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
    assert_eq!(operations, ["listAlerts", "listNotices", "listTasks", "listClocks", "listTransfers"]);
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

on_both_databases!(what_is_put_together_is_confirmed_as_far_as_the_page_showed_it);
fn what_is_put_together_is_confirmed_as_far_as_the_page_showed_it(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("custodian", &Caller::custodian());
    site.app.register(&Child::usual());
    let routine = || site.app.ask(&Caller::health(), &Question::usual().with("reason", json!("scheduled-care"))).text("/id");
    let mut checks = vec![routine(), routine(), routine()];
    let (nurse, answer) = (site.signed_in("partner-health"), format!("/answers/{}", checks[0]));
    assert!(!nurse.get(&answer).expect(200).body.contains("Read there by"), "nobody yet");
    let custodian = site.signed_in("custodian");
    let page = custodian.get("/work").expect(200);
    let forms = page.body.matches("action=\"/work/notices/").count();
    assert_eq!((forms, hidden(&page, "together").as_str()), (1, "3"));
    assert!(page.body.contains("3 routine enquiries about this child, put together"), "{}", page.body);
    let id = page.body.split("action=\"/work/notices/").nth(1).and_then(|rest| rest.split('"').next()).expect("an identifier").to_owned();
    let confirm = |page: &Answer, together: &str| {
        let done = custodian.post(&format!("/work/notices/{id}"), &[("mark", &hidden(page, "mark")), ("together", together)]);
        assert_eq!(place(&done), "/work");
        site.app.audit_of(&done).remove(0)
    };
    let unread = || site.app.count("notice WHERE to_role = 'custodian' AND acknowledged_at IS NULL");

    // One more has come since the page was made: nothing is confirmed unseen, also by a form that says nothing of how many.
    checks.push(routine());
    for seen in [hidden(&page, "together").as_str(), "", "all"] {
        let entry = confirm(&page, seen);
        assert_eq!((entry.operation.as_str(), entry.code.as_deref()), ("acknowledgeNotice", Some("precondition-failed")), "{seen}");
        assert_eq!(unread(), 4, "{seen}");
    }
    let page = custodian.get("/work?language=cy").expect(200);
    assert!(page.body.contains("4 o ymholiadau arferol am y plentyn hwn"), "{}", page.body);
    assert_eq!(confirm(&page, &hidden(&page, "together")).outcome, "granted");
    assert_eq!(unread(), 0);
    for check in checks {
        let seen = site.app.health().get(&format!("/v1/checks/{check}")).expect(200);
        assert_eq!(seen.text("/matches/0/readBy/0/role"), "custodian", "each of them is read");
        assert!(nurse.get(&format!("/answers/{check}")).expect(200).body.contains("Read there by</dt>"));
    }
    let answer = nurse.get(&answer).expect(200).body;
    assert!(answer.contains("Custodian of the register, 1"), "the office and the time, never the name: {answer}");
    assert!(!custodian.get("/work").expect(200).body.contains("action=\"/work/notices/"));
}

on_both_databases!(there_are_no_pages_where_nobody_can_sign_in);
fn there_are_no_pages_where_nobody_can_sign_in(kind: Backend) {
    let app = TestApp::start(kind, "");
    for path in ["/", "/ask", "/sign-in"] {
        app.anonymous().get(path).problem(404, "not-found");
    }
}

on_both_databases!(a_session_rests_only_so_long_and_a_page_that_looks_by_itself_does_not_keep_it);
fn a_session_rests_only_so_long_and_a_page_that_looks_by_itself_does_not_keep_it(kind: Backend) {
    let site = Site::start(kind);
    let browser = site.signed_in("partner-health");
    // Nobody else is asked by a region that stands alone: the answer is not complete, and the page looks again by itself.
    let answer = place(&browser.ask(&usual()));
    let page = browser.get(&answer).expect(200);
    let again = page.header("refresh").and_then(|value| value.strip_prefix("10; url=")).expect("a page that looks again").to_owned();
    assert_eq!(again, format!("{answer}?look=again"));
    let rests = || site.app.database().texts("SELECT CAST(idle_ends_at AS TEXT) AS value FROM session").remove(0);
    let soon = chrono::Utc::now() + chrono::TimeDelta::minutes(1);
    let soon = soon.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let rest_until =
        |instant: &str| site.app.database().execute(&format!("UPDATE session SET idle_ends_at = '{instant}'")).expect("an end");
    rest_until(&soon.to_string());
    let before = rests();
    browser.get(&again).expect(200);
    assert_eq!(rests(), before, "nobody did anything");
    browser.get("/ask").expect(200);
    assert_ne!(rests(), before, "somebody did");
    let touched = rests();
    browser.get("/ask").expect(200);
    assert_eq!(rests(), touched, "not every page is a write");
    rest_until("2020-01-01T00:00:00.000000Z");
    assert_eq!(place(&browser.get("/ask")), "/sign-in");
}

/// A region whose people sign in through a provider that is not there.
fn provided(kind: Backend, folder: &Folder) -> TestApp {
    let secret = folder.path().join("client.secret");
    std::fs::write(&secret, "a secret\n").expect("a secret");
    // Nothing listens on the port for discarding.
    let settings = format!(
        "[sign_in]\nissuer = \"http://127.0.0.1:9\"\nclient_id = \"pages\"\nclient_secret_file = {:?}",
        secret.display().to_string()
    );
    TestApp::start(kind, &settings)
}

on_both_databases!(a_provider_that_is_away_is_said_and_nothing_typed_is_lost);
fn a_provider_that_is_away_is_said_and_nothing_typed_is_lost(kind: Backend) {
    let folder = Folder::new();
    let app = provided(kind, &folder);
    let browser = Browser::of(&app);
    let form = browser.get("/sign-in").expect(200);
    assert!(form.body.contains("name=\"by\" value=\"provider\"") && !form.body.contains("name=\"person\""), "{}", form.body);
    let typed = [("mark", hidden(&form, "mark")), ("by", "provider".into()), ("kept-given", "Gwenllian".into())];
    let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = browser.post("/sign-in", &typed).expect(503);
    assert!(page.body.contains("does not answer") && page.body.contains("name=\"kept-given\" value=\"Gwenllian\""), "{}", page.body);
    let audit = app.audit_of(&page);
    assert_eq!((audit[0].operation.as_str(), audit[0].code.as_deref()), ("signIn", Some("provider-away")));
    let unmarked = browser.post("/sign-in", &[("by", "provider"), ("mark", "")]).expect(403);
    assert!(unmarked.body.contains("id=\"provider\""));
    // Who brings back what was never given out is told so, and stays nobody.
    for path in ["/sign-in/return", "/sign-in/return?state=c29tZXRoaW5n&code=c29tZXRoaW5n", "/sign-in/return?error=access_denied"] {
        let page = browser.get(path).expect(403);
        assert_eq!(app.audit_of(&page)[0].code.as_deref(), Some("provider-unknown-state"), "{path}");
        assert_eq!(place(&browser.get("/ask")), "/sign-in");
    }
    browser.get("/signed-out").expect(200);
}

on_both_databases!(who_comes_back_does_so_once_in_time_and_in_the_same_browser);
fn who_comes_back_does_so_once_in_time_and_in_the_same_browser(kind: Backend) {
    use cofrestr::register::sessions::{Secret, come_back, go_away};
    let app = TestApp::start(kind, "");
    let (store, _) = app.inside();
    let (own, other) = (Secret::new().expect("a secret"), Secret::new().expect("a secret"));
    let runtime = crate::support::http::runtime();
    let away = |state: &str| runtime.block_on(go_away(&store, &own, state, "what was typed")).expect("kept");
    let back = |secret: &Secret, state: &str| runtime.block_on(come_back(&store, secret, state)).expect("an answer");
    away("one");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM sign_in WHERE digest = 'one' OR sealed LIKE '%typed%'"), 0);
    assert_eq!(back(&own, "one").as_deref(), Some("what was typed"));
    assert_eq!(back(&own, "one"), None, "once");
    away("two");
    assert_eq!(back(&other, "two"), None, "the same browser");
    assert_eq!(back(&own, "two"), None, "and whoever tried has used it up");
    away("three");
    app.database().execute("UPDATE sign_in SET ends_at = '2020-01-01T00:00:00.000000Z'").expect("an end");
    away("four");
    assert_eq!(app.count("sign_in"), 1, "what is over is forgotten when the next one sets out");
    app.database().execute("UPDATE sign_in SET ends_at = '2020-01-01T00:00:00.000000Z'").expect("an end");
    assert_eq!(back(&own, "four"), None, "in time");
    // Of several who bring the same at once, one gets it.
    away("five");
    let taken = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| back(&own, "five").is_some())).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).filter(|taken| *taken).count()
    });
    assert_eq!(taken, 1);
}

on_both_databases!(address_carers_and_reference_are_asked_too);
fn address_carers_and_reference_are_asked_too(kind: Backend) {
    let site = Site::start(kind);
    site.app.register(&Child::usual());
    let browser = site.signed_in("partner-health");
    let more = [
        ("address", "14 Stryd y Felin\r\n Casnewydd \r\n"),
        ("carers", "Angharad Trahaearn, 3 4 1985\nSioned Beynon"),
        ("case-reference", "ED-2026-11843"),
    ];
    let answer = place(&browser.ask(&[usual().as_slice(), &more].concat()));
    let asked: Value =
        serde_json::from_str(&site.app.database().texts("SELECT question AS value FROM enquiry").remove(0)).expect("a question");
    assert_eq!(asked["child"]["addresses"], json!([{"lines": ["14 Stryd y Felin", "Casnewydd"]}]));
    assert_eq!(asked["child"]["carers"][0]["dateOfBirth"], "1985-04-03");
    assert_eq!(asked["child"]["carers"][1]["name"], json!({"given": "Sioned", "family": "Beynon"}));
    let check = site.app.health().get(&answer.replace("/answers", "/v1/checks")).expect(200);
    assert_eq!(check.text("/caseReference"), "ED-2026-11843");
    let page = browser.ask(&[usual().as_slice(), &[("carers", "Beynon, Sioned")]].concat()).expect(422);
    assert!(page.body.contains("id=\"carers-error\"") && page.body.contains("<details class=\"govuk-details\" open>"), "{}", page.body);
    assert!(page.body.contains(">Beynon, Sioned</textarea>"), "what was typed is kept");
    let long = "x".repeat(300);
    let page = browser.ask(&[usual().as_slice(), &[("case-reference", long.as_str())]].concat()).expect(422);
    assert!(page.body.contains("id=\"case-reference-error\""), "{}", page.body);
}

on_both_databases!(a_restricted_record_is_opened_by_somebody_who_has_just_shown_who_they_are);
fn a_restricted_record_is_opened_by_somebody_who_has_just_shown_who_they_are(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("custodian", &Caller::custodian());
    let child = site.app.register(&Child::usual().hidden_at(&["3 Clos Heulog"], "NP18 2XJ").shielded()).child;
    let path = format!("/children/{child}");
    let duty = site.signed_in("emergency-duty");
    let page = duty.get(&path).expect(404);
    assert!(page.body.contains("id=\"open\"") && !page.body.contains("Clos Heulog") && !page.body.contains("Gwenllian"), "{}", page.body);
    let unknown = "01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35";
    let none = duty.get(&format!("/children/{unknown}")).expect(404);
    let plain = |page: &crate::support::http::Answer, id: &str| page.body.replace(id, "ID").replace(&hidden(page, "key"), "KEY");
    assert_eq!(plain(&page, &child), plain(&none, unknown), "what may not be seen is as what is not there");
    let (mark, key) = (hidden(&page, "mark"), hidden(&page, "key"));
    let send = |reason: &str, mark: &str| duty.post(&format!("{path}/open"), &[("mark", mark), ("key", &key), ("reason", reason)]);
    assert!(send("", &mark).expect(422).body.contains("id=\"reason-error\""));
    assert!(send("A reason", "").expect(403).body.contains(">A reason</textarea>"));
    assert_eq!(site.app.count("break_glass"), 0);

    // Too long after they signed in: nothing is opened, and what they typed comes back once they have done so again.
    let earlier = "UPDATE session SET began_at = '2020-01-01T00:00:00.000000Z'";
    site.app.database().execute(earlier).expect("an earlier beginning");
    let page = send("Found alone at night", &mark).expect(403);
    assert!(!page.body.contains("id=\"open\"") && page.body.contains(&format!("/sign-in?next={path}")), "{}", page.body);
    assert_eq!(site.app.count("break_glass"), 0);
    let form = duty.get(&format!("/sign-in?next={path}")).expect(200);
    let typed =
        [("mark", &*hidden(&form, "mark")), ("next", &*path), ("person", "emergency-duty"), ("kept-open-reason", "Found alone at night")];
    assert_eq!(place(&duty.post("/sign-in", &typed)), path);
    let page = duty.get(&path).expect(404);
    assert!(page.body.contains(">Found alone at night</textarea>"), "{}", page.body);
    let typed = [("mark", &*hidden(&page, "mark")), ("key", &*hidden(&page, "key")), ("reason", "Found alone at night")];
    let opened = duty.post(&format!("{path}/open"), &typed);
    assert_eq!(place(&opened), path);
    let audit = site.app.audit_of(&opened);
    assert_eq!((audit[0].operation.as_str(), audit[0].outcome.as_str()), ("breakGlass", "granted"));
    place(&duty.post(&format!("{path}/open"), &typed));
    assert_eq!(site.app.count("break_glass"), 1, "a double click opens once");
    let page = duty.get(&path).expect(200);
    assert!(page.body.contains("3 Clos Heulog") && !page.body.contains("/log"), "{}", page.body);

    // The custodian sees who it was, and closes the task.
    let custodian = site.signed_in("custodian");
    let log = custodian.get(&format!("{path}/log")).expect(200);
    assert!(log.body.contains("Opened the restricted record in an emergency") && log.body.contains("emergency-duty-1"), "{}", log.body);
    let work = custodian.get("/work").expect(200);
    let task = work.body.split("href=\"").find_map(|part| part.strip_prefix("/tasks/")).expect("a task").split('"').next().expect("an end");
    let task = format!("/tasks/{task}");
    let page = custodian.get(&task).expect(200);
    assert!(page.body.contains("opened in an emergency") && page.body.contains(&path), "{}", page.body);
    let mark = hidden(&page, "mark");
    assert!(custodian.post(&task, &[("mark", &mark), ("reason", " ")]).expect(422).body.contains("id=\"reason-error\""));
    let done = custodian.post(&task, &[("mark", &mark), ("reason", "Rang the duty team: it was right")]);
    assert_eq!((place(&done).as_str(), site.app.audit_of(&done)[0].operation.as_str()), ("/work", "closeTask"));
    assert_eq!(
        site.app.custodian().get(&task.replace("/tasks", "/v1/tasks")).expect(200).text("/closure/reason"),
        "Rang the duty team: it was right"
    );
    place(&custodian.post(&task, &[("mark", &mark), ("reason", "Again")]));
    // A partner has no way there at all.
    let nurse = site.signed_in("partner-health");
    for path in [path.clone(), format!("{path}/log"), task] {
        nurse.get(&path).expect(403);
    }
}

on_both_databases!(a_long_list_has_pages_and_each_is_there_for_whom_the_api_shows_it);
fn a_long_list_has_pages_and_each_is_there_for_whom_the_api_shows_it(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("custodian", &Caller::custodian());
    for number in 0..27 {
        let child = Child::named("Ffion", &format!("Maddocks{number}"));
        site.app.register_with(&child, Entry::usual().with("coordinator", Value::Null));
    }
    let custodian = site.signed_in("custodian");
    let tasks = |page: &str| page.matches("href=\"/tasks/").count();
    let all = custodian.get("/work").expect(200);
    assert_eq!(tasks(&all.body), 10);
    assert!(all.body.contains("href=\"/work/tasks\"") && all.body.contains("id=\"clocks\"") && all.body.contains("id=\"moves\""));
    let first = custodian.get("/work/tasks").expect(200);
    assert!(tasks(&first.body) == 25 && !first.body.contains("id=\"clocks\""));
    let next = first.body.split("href=\"").find_map(|part| part.strip_prefix("/work/tasks?after=")).expect("a next page").split('"').next();
    let second = custodian.get(&format!("/work/tasks?after={}", next.expect("an end"))).expect(200);
    assert_eq!(tasks(&second.body), 2);
    assert!(!second.body.contains("?after="), "the last page has no next");
    custodian.get("/work/tasks?after=x%26child=y").expect(200);
    for clock in ["overdue", "due-soon"] {
        let due = site.app.custodian().get(&format!("/v1/clocks?state={clock}")).expect(200).list("/items").len();
        let shown =
            custodian.get("/work/clocks").expect(200).body.matches(if clock == "overdue" { ">Overdue<" } else { ">Due soon<" }).count();
        assert_eq!(shown, due.min(25), "{clock}");
    }
    custodian.get("/work/secrets").expect(404);
    let nurse = site.signed_in("partner-health").get("/work/tasks").expect(200);
    assert_eq!(tasks(&nurse.body), 0);
    assert!(site.app.audit_of(&nurse).is_empty(), "nothing is asked for that is not hers");
}

on_both_databases!(a_move_offers_each_person_the_steps_that_are_theirs_now);
fn a_move_offers_each_person_the_steps_that_are_theirs_now(kind: Backend) {
    let site = Site::start(kind);
    let origin = Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"));
    let receiver = Caller::of_authority("custodian", TORFAEN).named("torfaen-custodian").with("name", json!("Gwen Powell"));
    site.lets_in("custodian", &receiver);
    site.lets_in("team-manager", &origin);
    let entered = site.app.register(&Child::usual());
    let begun = json!({"registrationId": entered.registration, "to": TORFAEN, "nature": "permanent"});
    let made = site.app.as_caller(&origin).post("/v1/transfers", &begun).expect(201);
    let path = made.header("location").expect("a place").to_owned();
    let page = path.replace("/v1/transfers", "/moves");
    let read = |caller: &Caller| site.app.as_caller(caller).get(&path).expect(200);
    let begun = std::time::Instant::now();
    while read(&receiver).at("/delivered") != true {
        assert!(begun.elapsed().as_secs() < 30, "the offer arrives");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let there = site.signed_in("custodian");
    assert!(there.get("/work").expect(200).body.contains(&format!("href=\"{page}\"")));
    // The same steps as the API names for the role at the person's authority, and no other.
    let offered = |browser: &Browser<'_>| {
        let body = browser.get(&page).expect(200).body;
        let start = format!("href=\"{page}/");
        let mut steps: Vec<String> = body.split(&start).skip(1).map(|part| part.split('"').next().expect("an end").to_owned()).collect();
        steps.sort();
        steps
    };
    let named = |caller: &Caller, authority: &str| {
        let mut steps: Vec<String> = read(caller)
            .list("/possible")
            .iter()
            .filter(|step| {
                step["authority"] == authority && step["roles"].as_array().is_some_and(|roles| roles.contains(&json!("custodian")))
            })
            .map(|step| step["action"].as_str().expect("a step").to_owned())
            .collect();
        steps.sort();
        steps
    };
    assert_eq!(offered(&there), named(&receiver, TORFAEN));
    let here = site.signed_in("team-manager");
    assert_eq!(offered(&here), named(&origin, NEWPORT));
    assert_ne!(offered(&here), offered(&there));
    assert_eq!(place(&there.get(&format!("{page}/accept"))), page, "what is not to be done now has no form");
    let form = there.get(&format!("{page}/acknowledge")).expect(200);
    let mark = hidden(&form, "mark");
    there.post(&format!("{page}/acknowledge"), &[("mark", "")]).expect(403);
    let done = there.post(&format!("{page}/acknowledge"), &[("mark", &mark)]);
    assert_eq!((place(&done), site.app.audit_of(&done)[0].operation.as_str()), (page.clone(), "actOnTransfer"));
    assert_eq!(read(&receiver).text("/status"), "acknowledged");
    let form = there.post(&format!("{page}/agree"), &[("mark", &mark), ("nature", "permanent"), ("note", "Rang Newport")]).expect(422);
    assert!(form.body.contains("id=\"practitioner-error\"") && form.body.contains(">Rang Newport</textarea>"), "{}", form.body);
    place(&there.post(&format!("{page}/agree"), &[("mark", &mark), ("nature", "permanent"), ("practitioner", "Gwen Powell")]));
    let form = there.get(&format!("{page}/book-conference")).expect(200);
    assert!(form.body.contains("id=\"on-day\""));
    assert!(
        there
            .post(&format!("{page}/book-conference"), &[("mark", &mark), ("on-day", "8")])
            .expect(422)
            .body
            .contains("id=\"on-day-error\"")
    );
    let day = [("mark", &*mark), ("on-day", "8"), ("on-month", "12"), ("on-year", "2026")];
    place(&there.post(&format!("{page}/book-conference"), &day));
    assert_eq!(read(&receiver).text("/conferenceOn"), "2026-12-08");
    // A conference is chosen by its kind and day, once it is recorded.
    site.app.set_clock("2026-12-08T12:00:00Z");
    let hold = format!("{page}/hold-conference");
    assert!(there.get(&hold).expect(200).body.contains("Record it first"));
    let held = Conference::of(TORFAEN, "transfer-in", "2026-12-08");
    let held = held.decides(&entered.child, "not-registered", json!({"reasons": "Safe where they are now"}));
    let held = site.app.custodian().post("/v1/conferences", &held.0).expect(201).text("/id");
    let form = there.get(&hold).expect(200);
    let option = format!("<option value=\"{held}\">Transfer-in conference of 8 December 2026</option>");
    assert!(form.body.contains(&option), "{}", form.body);
    let child = hidden(&form, "child");
    let again = there.post(&hold, &[("mark", &mark), ("child", &child), ("note", "All were there")]).expect(422);
    assert!(again.body.contains("id=\"conference-error\"") && again.body.contains(&option), "{}", again.body);
    assert!(again.body.contains(">All were there</textarea>"), "{}", again.body);
    assert_eq!(place(&there.post(&hold, &[("mark", &mark), ("child", &child), ("conference", &held)])), page);
    assert_eq!(read(&receiver).list("/steps").last().expect("a step")["conferenceId"], held.as_str());
    // Once more than it was this side's turn: the API says so, and nothing typed is lost.
    let again = there.post(&format!("{page}/acknowledge"), &[("mark", &mark), ("note", "Once more")]);
    assert!(again.status == 409 && again.body.contains(">Once more</textarea>") || again.status == 303, "{}", again.body);
    site.signed_in("partner-health").get(&page).expect(403);
}

/// Raises an alert from what the register holds of a child; answers the alert's page.
fn raised(site: &Site, here: &Browser<'_>, entered: &Entered) -> String {
    let place_of_form = format!("/children/{}/alert", entered.child);
    assert!(here.get(&format!("/children/{}", entered.child)).expect(200).body.contains(&format!("href=\"{place_of_form}\"")));
    let form = here.get(&place_of_form).expect(200);
    assert!(form.body.contains("Gwenllian Trahaearn") && !form.body.contains("<title>Gwenllian"), "whom it is about: {}", form.body);
    let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
    let all = [
        ("mark", mark.as_str()),
        ("key", key.as_str()),
        ("path", "child-missing"),
        ("seen-day", "16"),
        ("seen-month", "11"),
        ("seen-year", "2026"),
        ("seen-time", "15:40"),
        ("seen-place", "Outside <the> leisure centre"),
        ("note", "She did not come home from school"),
    ];
    let without = |left_out: &[&str]| all.into_iter().filter(|(name, _)| !left_out.contains(name)).collect::<Vec<_>>();
    assert_eq!(here.post(&place_of_form, &without(&["mark"])).status, 403);
    let again = here.post(&place_of_form, &without(&["path", "seen-time"])).expect(422);
    for said in ["id=\"path-error\"", "href=\"#seen-day\"", ">She did not come home from school</textarea>", "value=\"2026\""] {
        assert!(again.body.contains(said), "{said}: {}", again.body);
    }
    assert_eq!(hidden(&again, "key"), key, "it is the same form");
    assert_eq!(site.app.count("alert"), 0);
    let done = here.post(&place_of_form, &all);
    let page = place(&done);
    assert_eq!(site.app.audit_of(&done)[0].operation, "addAlert");
    assert_eq!(place(&here.post(&place_of_form, &all)), page, "a double click raises one alert");
    assert_eq!(site.app.count("alert"), 1);
    // A second one is refused in words; whoever may not raise any is offered none.
    let next = hidden(&here.get(&place_of_form).expect(200), "key");
    let second = [&without(&["key"])[..], &[("key", next.as_str())]].concat();
    let refused = here.post(&place_of_form, &second).expect(409);
    assert!(
        refused.body.contains("govuk-error-summary") && refused.body.contains(">She did not come home from school</textarea>"),
        "{}",
        refused.body
    );
    site.signed_in("partner-health").get(&place_of_form).expect(403);
    page
}

on_both_databases!(a_missing_child_is_on_the_pages_of_those_who_act_and_of_nobody_else);
fn a_missing_child_is_on_the_pages_of_those_who_act_and_of_nobody_else(kind: Backend) {
    let site = Site::start(kind);
    let custodian = Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"));
    let elsewhere = Caller::of_authority("custodian", TORFAEN).named("torfaen-custodian");
    site.lets_in("custodian", &custodian);
    site.lets_in("team-manager", &elsewhere);
    let entered = site.app.register(&Child::usual());
    let here = site.signed_in("custodian");
    let page = raised(&site, &here, &entered);
    let path = page.replace("/alerts", "/v1/alerts");
    assert!(here.get("/work").expect(200).body.contains(&format!("href=\"{page}\"")));
    let shown = here.get(&page).expect(200).body;
    assert!(shown.contains("Outside &#60;the&#62; leisure centre"), "{shown}");
    assert!(shown.contains("that the police were told"), "what the procedures ask for and nobody recorded: {shown}");
    // The steps that the API names for the role at the person's authority, and no other; a report is read where it stands.
    let possible = site.app.as_caller(&custodian).get(&path).expect(200).list("/possible");
    let own = possible
        .iter()
        .filter(|step| step["authority"] == NEWPORT && step["roles"].as_array().is_some_and(|roles| roles.contains(&json!("custodian"))));
    let mut named: Vec<&str> = own.map(|step| step["action"].as_str().expect("a step")).filter(|step| *step != "read-sighting").collect();
    named.sort_unstable();
    let start = format!("href=\"{page}/");
    let mut offered: Vec<&str> = shown.split(&start).skip(1).map(|part| part.split('"').next().expect("an end")).collect();
    offered.sort_unstable();
    assert_eq!(offered, named);
    for step in &offered {
        assert!(here.get(&format!("{page}/{step}")).expect(200).body.contains("name=\"mark\""), "{step} has a form");
    }
    assert_eq!(place(&here.get(&format!("{page}/renew"))), page, "what is not to be done now has no form");

    let mark = hidden(&here.get(&format!("{page}/circulate")).expect(200), "mark");
    here.post(&format!("{page}/circulate"), &[("mark", "")]).expect(403);
    let told = [("mark", mark.as_str()), ("instructions", "Keep her with you."), ("police", "PC Rees"), ("police-reference", "GP-118834")];
    let again = here.post(&format!("{page}/circulate"), &told).expect(422).body;
    assert!(again.contains("id=\"note-error\"") && again.contains(">Keep her with you.</textarea>"), "{again}");
    let whole = [&told[..], &[("risk", "high"), ("note", "At risk of serious harm")]].concat();
    let done = here.post(&format!("{page}/circulate"), &whole);
    assert_eq!((place(&done), site.app.audit_of(&done)[0].operation.as_str()), (page.clone(), "actOnAlert"));
    let now = site.app.as_caller(&custodian).get(&path).expect(200);
    assert_eq!((now.text("/status"), now.text("/details/police/reference")), ("active".into(), "GP-118834".into()));
    assert_eq!((now.text("/details/instructions"), now.text("/details/risk")), ("Keep her with you.".into(), "high".into()));
    let found = [("mark", mark.as_str()), ("seen-by", "Sister Ruth Adeyemi"), ("note", "She is well")];
    assert_eq!(place(&here.post(&format!("{page}/locate"), &found)), page);
    assert_eq!(site.app.as_caller(&custodian).get(&path).expect(200).text("/status"), "closed");

    // The other authority of the region sees what the API shows it; a nurse nothing, as if there were nothing.
    let there = site.signed_in("team-manager");
    assert_eq!(there.get(&page).status, site.app.as_caller(&elsewhere).get(&path).status);
    let nurse = site.signed_in("partner-health");
    assert!(!nurse.get("/work").expect(200).body.contains("/alerts/"));
    nurse.get(&page).expect(403);
}

on_both_databases!(a_move_is_begun_from_what_the_register_holds_by_whom_the_api_lets);
fn a_move_is_begun_from_what_the_register_holds_by_whom_the_api_lets(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("custodian", &Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard")));
    site.lets_in("team-manager", &Caller::of_authority("team-manager", TORFAEN).named("torfaen-manager"));
    site.lets_in("senior-safeguarding-manager", &Caller::of_region("senior-safeguarding-manager"));
    let entered = site.app.register(&Child::usual());
    let (record, path) = (format!("/children/{}", entered.child), format!("/children/{}/move", entered.child));
    let here = site.signed_in("custodian");
    assert!(here.get(&record).expect(200).body.contains(&format!("href=\"{path}\"")));
    let form = here.get(&path).expect(200);
    assert!(form.body.contains("Gwenllian Trahaearn") && form.body.contains("<title>Begin a move"), "whom it is about: {}", form.body);
    let operations: Vec<_> = site.app.audit_of(&form).into_iter().map(|entry| entry.operation).collect();
    assert_eq!(operations, ["readChild", "readRegistration"], "who looked is known before anybody sees it");
    let (mark, key, entry) = (hidden(&form, "mark"), hidden(&form, "key"), hidden(&form, "entry"));
    assert_eq!(entry, entered.registration);
    let typed = |more: &[(&'static str, &'static str)]| {
        let mut all =
            vec![("mark", mark.clone()), ("key", key.clone()), ("entry", entry.clone()), ("note", "A tenancy <there>".to_owned())];
        all.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all
    };
    let send = |browser: &Browser<'_>, all: &[(&str, String)]| {
        browser.post(&path, &all.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    };
    assert_eq!(send(&here, &typed(&[("to", TORFAEN), ("nature", "permanent")])[1..]).status, 403, "without its mark");
    for (more, wrong) in [
        (&[][..], &["to", "nature"][..]),
        (&[("to", TORFAEN), ("nature", "for-ever")], &["nature"]),
        (&[("to", "W06000099"), ("nature", "permanent")], &["to"]),
        (&[("to", TORFAEN), ("nature", "permanent"), ("starts-day", "9"), ("supervision", "Visits")], &["starts-day", "supervision"]),
        (
            &[("to", TORFAEN), ("nature", "temporary"), ("starts-day", "31"), ("starts-month", "2"), ("starts-year", "2026")],
            &["starts-day"],
        ),
        (&[("to", TORFAEN), ("nature", "temporary")], &["starts-day"]),
    ] {
        let again = send(&here, &typed(more)).expect(422);
        let mistakes: Vec<_> = again.body.split("<li><a href=\"#").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert_eq!(mistakes, wrong, "{more:?}: {}", again.body);
        assert!(wrong.iter().all(|field| again.body.contains(&format!("id=\"{field}-error\""))), "beside the box: {}", again.body);
        assert!(again.body.contains(">A tenancy &#60;there&#62;</textarea>") && again.body.contains("<title>Error: "), "{}", again.body);
        assert_eq!(hidden(&again, "key"), key, "it is the same form");
    }
    assert_eq!(site.app.count("transfer"), 0);

    // For those who may not begin one there is no form, nor for those to whom there is no such child.
    let manager = site.signed_in("senior-safeguarding-manager");
    assert!(!manager.get(&record).expect(200).body.contains(&path));
    manager.get(&path).expect(403);
    assert_eq!(manager.post(&path, &[("mark", &hidden(&manager.get("/work").expect(200), "mark"))]).status, 403);
    site.signed_in("partner-health").get(&path).expect(403);
    let there = site.signed_in("team-manager");
    assert!(!there.get(&path).expect(404).body.contains("Gwenllian"));
    let all =
        [&typed(&[("to", NEWPORT), ("nature", "permanent")])[1..], &[("mark", hidden(&there.get("/work").expect(200), "mark"))]].concat();
    assert!(!send(&there, &all).expect(404).body.contains("Gwenllian"));

    let all = typed(&[("to", TORFAEN), ("nature", "permanent")]);
    let done = send(&here, &all);
    let begun = place(&done);
    assert_eq!(site.app.audit_of(&done)[0].operation, "addTransfer");
    assert_eq!((place(&send(&here, &all)), site.app.count("transfer")), (begun.clone(), 1), "a double click begins one move");
    assert!(here.get(&begun).expect(200).body.contains("A tenancy &#60;there&#62;"));
    // A second one is refused in words.
    let next = hidden(&here.get(&path).expect(200), "key");
    let all: Vec<_> = all.into_iter().map(|(name, value)| if name == "key" { (name, next.clone()) } else { (name, value) }).collect();
    let refused = send(&here, &all).expect(409);
    assert!(refused.body.contains("complete or withdraw the transfer first"), "{}", refused.body);
    assert!(refused.body.contains(">A tenancy &#60;there&#62;</textarea>"), "{}", refused.body);

    // Whose name is off the register has nothing that could move.
    let former = site.app.register_formerly(&Child::named("Heledd", "Maddocks"));
    let none = here.get(&format!("/children/{}/move?language=cy", former.child)).expect(200);
    assert!(none.body.contains("Nid oes cofnod mewn grym yma") && !none.body.contains("id=\"begin\""), "{}", none.body);
}

on_both_databases!(the_children_of_a_household_move_in_one_act);
fn the_children_of_a_household_move_in_one_act(kind: Backend) {
    let site = Site::start(kind);
    site.lets_in("emergency-duty", &Caller::of_authority("emergency-duty", NEWPORT).with("name", json!("Ann Price")));
    let sister = site.app.register(&Child::named("Ffion", "Trahaearn").born("2019-03-02"));
    let elsewhere = site.app.register_with(&Child::named("Macsen", "Trahaearn").born("2020-03-02"), Entry::of(TORFAEN));
    let unregistered = site.app.enter(&Child::named("Tegan", "Trahaearn").born("2021-03-02"));
    let household: Vec<Value> = [&sister, &elsewhere, &unregistered]
        .iter()
        .map(|other| json!({"relationship": "sibling", "relatedChildId": other.child}))
        .collect();
    let entered = site.app.register(&Child::usual().with("household", Value::Array(household)));
    let path = format!("/children/{}/move", entered.child);
    let duty = site.signed_in("emergency-duty");
    let form = duty.get(&path).expect(200);
    let offered: Vec<_> =
        form.body.split("name=\"sibling\" type=\"checkbox\" value=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert_eq!(offered, [sister.registration.as_str()], "who is on this register: {}", form.body);
    assert!(form.body.contains(">Ffion Trahaearn</label>"), "{}", form.body);
    let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
    let all = [
        ("mark", mark.as_str()),
        ("key", key.as_str()),
        ("entry", entered.registration.as_str()),
        ("sibling", sister.registration.as_str()),
        ("to", TORFAEN),
    ];
    let with = |more: &[(&'static str, &'static str)]| duty.post(&path, &[&all[..], more].concat());
    let again = with(&[("nature", "temporary"), ("supervision", "Weekly")]).expect(422);
    for said in ["href=\"#nature\"", "id=\"supervision-error\"", "value=\"Weekly\"", "type=\"checkbox\" value=", "\" checked>"] {
        assert!(again.body.contains(said), "{said}: {}", again.body);
    }
    assert!(with(&[]).expect(422).body.contains("id=\"nature-error\""));
    assert_eq!(site.app.count("transfer"), 0, "all or none");
    let done = with(&[("nature", "permanent")]);
    assert_eq!((place(&done).as_str(), site.app.audit_of(&done)[0].operation.as_str()), ("/work/moves", "addFamilyMove"));
    assert_eq!(place(&with(&[("nature", "permanent")])), "/work/moves");
    assert_eq!(site.app.count("transfer"), 2, "a double click moves each of them once");
    assert_eq!(duty.get("/work/moves").expect(200).body.matches("href=\"/moves/").count(), 2);
}

on_both_databases!(another_date_for_a_clock_is_authorised_from_the_list_by_whom_the_api_lets);
fn another_date_for_a_clock_is_authorised_from_the_list_by_whom_the_api_lets(kind: Backend) {
    let site = Site::start(kind);
    site.app.set_clock("2026-03-03T12:00:00Z");
    site.lets_in("senior-safeguarding-manager", &Caller::of_authority("senior-safeguarding-manager", NEWPORT));
    site.lets_in("custodian", &Caller::custodian());
    site.lets_in("team-manager", &Caller::of_authority("senior-safeguarding-manager", TORFAEN).named("torfaen-manager"));
    let entered = site.app.register(&Child::usual());
    // Whatever is recorded brings the list up to date at once.
    let told = json!({"kind": "agencies-told", "reachedOn": "2026-03-03"});
    site.app.custodian().post(&format!("/v1/registrations/{}/milestones", entered.registration), &told).expect(201);
    site.app.set_clock("2026-06-01T12:00:00Z");
    let due = format!("/v1/registrations/{}/clocks", entered.registration);
    let path = format!("/registrations/{}/clocks/first-review/departure", entered.registration);
    let manager = site.signed_in("senior-safeguarding-manager");
    assert!(manager.get("/work/clocks").expect(200).body.contains(&format!("href=\"{path}\"")));
    let custodian = site.signed_in("custodian");
    assert!(!custodian.get("/work/clocks").expect(200).body.contains("/departure"), "only whoever may is offered it");
    custodian.get(&path).expect(403);
    let form = manager.get(&path).expect(200);
    assert!(form.body.contains("3 June 2026") && !form.body.contains("Gwenllian"), "{}", form.body);
    assert_eq!(site.app.audit_of(&form)[0].operation, "readClocks");
    let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
    let send =
        |browser: &Browser<'_>, mark: &str, more: &[(&str, &str)]| browser.post(&path, &[&[("mark", mark), ("key", &key)], more].concat());
    let day = |day: &'static str| [("on-day", day), ("on-month", "6"), ("on-year", "2026"), ("reason", "The chair <is> ill")];
    assert_eq!(send(&manager, "", &day("12")).status, 403);
    for (more, wrong) in [
        (&[("reason", "The chair <is> ill")][..], &["on-day"][..]),
        (&[("on-day", "12"), ("on-month", "6"), ("on-year", "2026")], &["reason"]),
        (&day("31"), &["on-day"]),
        (&day("3"), &["on-day"]),
        (&[("on-day", "1"), ("on-month", "5"), ("on-year", "2026"), ("reason", "The chair <is> ill")], &["on-day"]),
    ] {
        let again = send(&manager, &mark, more).expect(422);
        let mistakes: Vec<_> = again.body.split("<li><a href=\"#").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert_eq!(mistakes, wrong, "{more:?}: {}", again.body);
        assert!(wrong == ["reason"] || again.body.contains(">The chair &#60;is&#62; ill</textarea>"), "{}", again.body);
        assert_eq!(hidden(&again, "key"), key, "it is the same form");
    }
    let refused = send(&custodian, &hidden(&custodian.get("/work").expect(200), "mark"), &day("12"));
    assert_eq!((refused.status, site.app.audit_of(&refused)[0].outcome.as_str()), (403, "refused"));
    let there = site.signed_in("team-manager");
    there.get(&path).expect(404);
    send(&there, &hidden(&there.get("/work").expect(200), "mark"), &day("12")).expect(404);
    assert_eq!(place(&manager.get(&path.replace("first-review", "tea"))), "/work/clocks", "there is no such clock");
    assert_eq!(site.app.count("clock_departure"), 0);

    let done = send(&manager, &mark, &day("12"));
    assert_eq!((place(&done).as_str(), site.app.audit_of(&done)[0].operation.as_str()), ("/work/clocks", "addDeparture"));
    assert_eq!(place(&send(&manager, &mark, &day("12"))), "/work/clocks");
    assert_eq!(site.app.count("clock_departure"), 1, "a double click departs once");
    let clocks = site.app.custodian().get(&due).expect(200).list("/items");
    let review = clocks.iter().find(|clock| clock["code"] == "first-review").expect("a clock");
    assert_eq!((&review["dueOn"], &review["departure"]["reason"]), (&json!("2026-06-12"), &json!("The chair <is> ill")));
    let again = manager.get(&format!("{path}?language=cy")).expect(200).body;
    assert!(
        again.contains("12 Mehefin 2026") && again.contains("3 Mehefin 2026") && again.contains("The chair &#60;is&#62; ill"),
        "{again}"
    );
}

on_both_databases!(who_is_responsible_is_read_and_recorded_by_whom_the_api_lets);
fn who_is_responsible_is_read_and_recorded_by_whom_the_api_lets(kind: Backend) {
    let site = Site::start(kind);
    let custodian = Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"));
    let coordinator = Caller::of_authority("coordinator", NEWPORT);
    site.lets_in("custodian", &custodian);
    site.lets_in("coordinator", &coordinator);
    site.lets_in("team-manager", &Caller::of_authority("team-manager", NEWPORT));
    site.lets_in("senior-safeguarding-manager", &Caller::of_authority("custodian", TORFAEN).named("torfaen-custodian"));
    let theirs = json!({"name": "Carys Bevan", "phone": "01632 960125", "person": coordinator.key()});
    let entered = site.app.register_with(&Child::usual(), Entry::usual().with("coordinator", theirs));
    let (record, path) = (format!("/children/{}", entered.child), format!("/children/{}/responsibility", entered.child));
    let api = format!("/v1/registrations/{}/responsibility", entered.registration);
    let here = site.signed_in("custodian");
    assert!(here.get(&record).expect(200).body.contains(&format!("href=\"{path}\"")));
    let form = here.get(&path).expect(200);
    assert!(
        form.body.contains("<dd class=\"govuk-summary-list__value\">Newport</dd>") && !form.body.contains("<title>Gwen"),
        "{}",
        form.body
    );
    let looked: Vec<_> = site.app.audit_of(&form).into_iter().map(|entry| entry.operation).collect();
    assert_eq!(looked, ["readChild", "readRegistration", "readResponsibility"]);
    let send = |browser: &Browser<'_>, page: &Answer, more: &[(&str, &str)]| {
        // As a browser reads it.
        let version = hidden(page, "version").replace("&#34;", "\"");
        let (mark, entry) = (hidden(page, "mark"), hidden(page, "entry"));
        browser.post(&path, &[&[("mark", mark.as_str()), ("entry", &entry), ("version", &version)], more].concat())
    };
    let order = [("court-order", "Interim care order of 3 November"), ("reason", "Served <today>")];
    assert_eq!(here.post(&path, &[&[("entry", entered.registration.as_str()), ("version", "*")], &order[..]].concat()).status, 403);
    let abroad = [("place", "Dublin, Tusla"), ("abroad", "yes"), ("since-day", "31"), ("since-month", "2"), ("since-year", "2026")];
    for (more, wrong) in [
        (&order[..1], &["reason"][..]),
        (&[&abroad[..], &order[1..]].concat(), &["since-day", "evidence"]),
        (&[("abroad", "yes"), ("reason", "R")], &["place", "since-day", "evidence"]),
    ] {
        let again = send(&here, &form, more).expect(422);
        let mistakes: Vec<_> = again.body.split("<li><a href=\"#").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert_eq!(mistakes, wrong, "{more:?}: {}", again.body);
        assert!(more.iter().all(|(_, value)| again.body.contains(&value.replace('<', "&#60;").replace('>', "&#62;"))), "{}", again.body);
        assert_eq!(hidden(&again, "version"), hidden(&form, "version"));
    }
    let done = send(&here, &form, &order);
    assert!(place(&done).starts_with(&path), "{:?}", done.headers);
    assert_eq!(site.app.audit_of(&done)[0].operation, "changeResponsibility");
    let now = site.app.as_caller(&custodian).get(&api).expect(200);
    assert_eq!((now.text("/courtOrder"), now.text("/reason")), (order[0].1.into(), order[1].1.into()));
    assert!(place(&send(&here, &form, &order)).starts_with(&path), "a double click records it once");
    assert_eq!(site.app.as_caller(&custodian).get(&api).expect(200).header("etag"), now.header("etag"));

    // Whoever had the page open before says something else: they are shown what has come meanwhile, and decide anew.
    let whole = [
        &abroad[..2],
        &[("since-day", "9"), ("since-month", "11"), ("since-year", "2026"), ("evidence", "Letter 118\r\nCall 12"), ("reason", "Rang")],
    ]
    .concat();
    let stale = send(&here, &form, &whole).expect(412);
    assert!(
        stale.body.contains("Interim care order of 3 November</dd>") && stale.body.contains("value=\"Dublin, Tusla\""),
        "{}",
        stale.body
    );
    place(&send(&here, &stale, &whole));
    let now = site.app.as_caller(&custodian).get(&api).expect(200);
    assert_eq!((now.at("/courtOrder"), now.list("/outside/evidence").len()), (Value::Null, 2));
    let form = here.get(&format!("{path}?language=cy")).expect(200);
    assert!(
        form.body.contains(">Letter 118\nCall 12</textarea>") && form.body.contains("9 Tachwedd 2026"),
        "what is recorded stands in the boxes: {}",
        form.body
    );

    // The child's own co-ordinator reads it; nobody else.
    let reader = site.signed_in("coordinator");
    let shown = reader.get(&path).expect(200);
    assert!(shown.body.contains("Dublin, Tusla") && !shown.body.contains("id=\"responsible\""), "{}", shown.body);
    assert_eq!(send(&reader, &form, &order).status, 403);
    let mark = hidden(&reader.get("/work").expect(200), "mark");
    let refused = reader.post(&path, &[("mark", mark.as_str()), ("entry", &entered.registration), ("version", "*"), ("reason", "R")]);
    assert_eq!((refused.status, site.app.audit_of(&refused)[0].operation.as_str()), (403, "changeResponsibility"));
    let manager = site.signed_in("team-manager");
    assert!(!manager.get(&record).expect(200).body.contains(&path));
    manager.get(&path).expect(403);
    let there = site.signed_in("senior-safeguarding-manager");
    assert!(!there.get(&path).expect(404).body.contains("Dublin"));
}
