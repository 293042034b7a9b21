//! `/v1/webhooks`: events that are sent to programs, over real sockets: signed, in order for each child, until they are taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::assertions::{System, nurse};
use crate::support::database::Backend;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT};

/// Attempts that follow each other in the time of a test.
const QUICK: &str = "[webhooks]\nretry_seconds = [1, 1, 1]\ntimeout_ms = 1000";

/// What a receiver was sent.
#[derive(Debug, Clone)]
struct Sent {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("an event")
    }

    fn signatures(&self) -> Vec<&str> {
        self.header("webhook-signature").split(' ').collect()
    }

    /// Whether one of its signatures is by this secret, as a receiver decides it.
    fn is_signed_by(&self, secret: &str) -> bool {
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let (kind, key) = secret.split_once('_').expect("a secret");
        let key = STANDARD.decode(key).expect("base64");
        self.signatures().iter().any(|signature| match (kind, signature.split_once(',').expect("a version")) {
            ("whsec", ("v1", tag)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &STANDARD.decode(tag).expect("base64")).is_ok()
            }
            ("whpk", ("v1a", tag)) => {
                UnparsedPublicKey::new(&ED25519, &key).verify(signed.as_bytes(), &STANDARD.decode(tag).expect("base64")).is_ok()
            }
            _ => false,
        })
    }
}

/// A program that receives events: it answers as it is told, and 204 when it is told nothing.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let receiver = Self { address: listener.local_addr().expect("an address"), sent: Arc::default(), answers: Arc::default() };
        let here = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let here = here.clone();
                std::thread::spawn(move || while here.serve(&stream).is_some() {});
            }
        });
        receiver
    }

    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let answer = self.answers.lock().expect("answers").pop_front().unwrap_or_else(|| "204 No Content".into());
        // Counted before it is answered, so that nothing is waited for twice.
        self.sent.lock().expect("what was sent").push(Sent { headers, body: String::from_utf8(body).ok()? });
        stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()
    }

    fn will_answer(&self, answers: &[&str]) {
        self.answers.lock().expect("answers").extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// What was sent, once it is so much; and that it stays so much.
    #[track_caller]
    fn sent(&self, expected: usize) -> Vec<Sent> {
        let begun = Instant::now();
        let mut complete = None;
        loop {
            let sent = self.sent.lock().expect("what was sent").clone();
            assert!(sent.len() <= expected, "{} were sent, not {expected}: {sent:?}", sent.len());
            if sent.len() == expected && complete.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(700) {
                return sent;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{} were sent, not {expected}: {sent:?}", sent.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A subscription, and its path.
#[track_caller]
fn subscribe(client: &Client<'_>, body: &Value) -> String {
    let made = client.post("/v1/webhooks", body).expect(201);
    assert_eq!(made.header("location"), Some(format!("/v1/webhooks/{}", made.text("/id")).as_str()));
    format!("/v1/webhooks/{}", made.text("/id"))
}

#[track_caller]
fn etag(client: &Client<'_>, path: &str) -> String {
    client.get(path).expect(200).header("etag").expect("a version").to_owned()
}

/// Does something to a subscription at whichever version it is.
#[track_caller]
fn act(client: &Client<'_>, path: &str, action: &str, body: &Value) {
    client.change(&format!("{path}/{action}"), &etag(client, path), body).expect(200);
}

#[track_caller]
fn put(client: &Client<'_>, path: &str, url: &str, status: &str) {
    client.put(path, &etag(client, path), &json!({"url": url, "status": status})).expect(200);
}

fn secret(client: &Client<'_>, path: &str) -> String {
    client.get(&format!("{path}/secret")).expect(200).text("/secret")
}

/// How many deliveries stand how, once that is so.
#[track_caller]
fn until(client: &Client<'_>, path: &str, counts: Value) {
    let begun = Instant::now();
    loop {
        let found = client.get(path).expect(200).at("/deliveries");
        if found == counts {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{found}, not {counts}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

on_both!(what_happens_is_sent_signed_and_as_the_feed_shows_it, super::QUICK);
fn what_happens_is_sent_signed_and_as_the_feed_shows_it(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let (receiver, custodian) = (Receiver::start(), app.custodian());
    // What was before the subscription is not sent; on PostgreSQL a place in the feed takes a moment.
    while custodian.get("/v1/events").expect(200).list("/items").is_empty() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let path = subscribe(&custodian, &json!({"url": receiver.url()}));
    for caller in [Caller::health(), Caller::police(), Caller::emergency_duty()] {
        app.ask(&caller, &Question::usual());
    }
    let sent = receiver.sent(3);
    let feed = custodian.get("/v1/events").expect(200).list("/items");
    assert_eq!(sent.iter().map(Sent::event).collect::<Vec<_>>(), feed[1..], "the same events, in their order");
    let secret = secret(&custodian, &path);
    assert!(secret.starts_with("whsec_"));
    for sent in &sent {
        assert_eq!(sent.header("content-type"), "application/cloudevents+json");
        assert_eq!(sent.header("webhook-id"), sent.event()["id"]);
        assert!(sent.is_signed_by(&secret) && sent.signatures().len() == 1, "{sent:?}");
        let altered = Sent { body: sent.body.replace("enquiry", "nothing"), ..sent.clone() };
        assert!(!altered.is_signed_by(&secret), "a signature is over the body");
        for personal in ["Gwenllian", "Trahaearn", "2017-05-09", "9990001006", "NP20"] {
            assert!(!sent.body.contains(personal), "an event is thin: {}", sent.body);
        }
    }
    until(&custodian, &path, json!({"waiting": 0, "delivered": 3, "failed": 0}));
    let deliveries = custodian.get(&format!("{path}/deliveries?status=delivered&limit=2")).expect(200);
    assert_eq!(deliveries.list("/items").len(), 2);
    assert_eq!(deliveries.at("/items/0/attempts"), 1);
    assert_eq!(custodian.get(&deliveries.text("/links/next")).expect(200).list("/items").len(), 1);
    // Another authority hears nothing of it.
    let other = Receiver::start();
    subscribe(
        &app.as_caller(&Caller::of_authority("custodian", NEWPORT)),
        &json!({"url": other.url(), "eventTypes": ["cofrestr.check.*"]}),
    );
    app.ask(&Caller::health(), &Question::usual());
    receiver.sent(4);
    other.sent(0);
}

on_both!(an_event_is_sent_until_it_is_taken_and_no_redirect_is_followed, super::QUICK);
fn an_event_is_sent_until_it_is_taken_and_no_redirect_is_followed(app: &TestApp) {
    let (receiver, elsewhere, custodian) = (Receiver::start(), Receiver::start(), app.custodian());
    let path = subscribe(&custodian, &json!({"url": receiver.url(), "signing": "ed25519"}));
    receiver.will_answer(&["500 Oops", &format!("307 There\r\nlocation: {}", elsewhere.url()), "429 Wait\r\nretry-after: 1"]);
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let sent = receiver.sent(4);
    elsewhere.sent(0);
    let key = secret(&custodian, &path);
    assert!(key.starts_with("whpk_"));
    let ids: BTreeSet<_> = sent.iter().map(|sent| sent.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "the same event has the same identifier, however often it is sent");
    assert!(sent.iter().all(|sent| sent.is_signed_by(&key)));
    until(&custodian, &path, json!({"waiting": 0, "delivered": 1, "failed": 0}));
    let delivery = custodian.get(&format!("{path}/deliveries")).expect(200);
    assert_eq!((delivery.at("/items/0/attempts"), delivery.at("/items/0/answered")), (json!(4), json!(204)));
}

on_both!(what_fails_holds_the_same_child_up_and_nobody_else_and_is_sent_again_when_asked, super::QUICK);
fn what_fails_holds_the_same_child_up_and_nobody_else_and_is_sent_again_when_asked(app: &TestApp) {
    let (receiver, custodian) = (Receiver::start(), app.custodian());
    let path = subscribe(&custodian, &json!({"url": receiver.url(), "eventTypes": ["cofrestr.notice.*"]}));
    let one = app.register(&Child::usual());
    let other = app.register(&Child::named("Ffion", "Maddocks").born("2016-02-03"));
    receiver.will_answer(&["503 Later"]);
    app.ask(&Caller::health(), &Question::usual());
    receiver.sent(1);
    receiver.will_answer(&["204 No Content"]);
    app.ask(&Caller::police(), &Question::usual());
    app.ask(&Caller::health(), &Question::about("Ffion", "Maddocks").born("2016-02-03"));
    let sent = receiver.sent(4);
    let children: Vec<_> = sent.iter().map(|sent| sent.event()["partitionkey"].as_str().expect("a child").to_owned()).collect();
    let of_one: Vec<_> = sent.iter().filter(|sent| sent.event()["partitionkey"] == one.child.as_str()).collect();
    assert_eq!((children.iter().filter(|child| **child == other.child).count(), of_one.len()), (1, 3));
    assert_eq!(of_one[0].body, of_one[1].body, "the first again before the second");
    assert_ne!(of_one[1].body, of_one[2].body);

    // After the last attempt it is listed as failed, what follows goes on, and its owner has it sent again.
    receiver.will_answer(&["500 a", "500 b", "500 c", "500 d"]);
    app.ask(&Caller::health(), &Question::usual());
    until(&custodian, &path, json!({"waiting": 0, "delivered": 3, "failed": 1}));
    app.ask(&Caller::police(), &Question::usual());
    until(&custodian, &path, json!({"waiting": 0, "delivered": 4, "failed": 1}));
    let failed = custodian.get(&format!("{path}/deliveries?status=failed")).expect(200);
    assert_eq!((failed.at("/items/0/attempts"), failed.at("/items/0/answered")), (json!(4), json!(500)));
    assert_eq!(failed.text("/items/0/problem"), "receiver-failed");
    act(&custodian, &path, "replay", &json!({}));
    until(&custodian, &path, json!({"waiting": 0, "delivered": 5, "failed": 0}));
    let before = receiver.sent(10).len();
    // One that was taken, too, and everything since a time.
    act(&custodian, &path, "replay", &json!({"events": [failed.text("/items/0/eventId")]}));
    let again = receiver.sent(before + 1);
    assert_eq!(again[before].header("webhook-id"), failed.text("/items/0/eventId"));
    act(&custodian, &path, "replay", &json!({"since": "2026-11-17T00:00:00Z"}));
    receiver.sent(before + 6);
}

on_both!(a_receiver_that_is_gone_is_left_alone_until_its_owner_turns_it_on_again, super::QUICK);
fn a_receiver_that_is_gone_is_left_alone_until_its_owner_turns_it_on_again(app: &TestApp) {
    let (receiver, custodian) = (Receiver::start(), app.custodian());
    let path = subscribe(&custodian, &json!({"url": receiver.url()}));
    receiver.will_answer(&["410 Gone"]);
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let begun = Instant::now();
    while custodian.get(&path).expect(200).text("/status") != "disabled" {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not disabled");
        std::thread::sleep(Duration::from_millis(50));
    }
    app.ask(&Caller::police(), &Question::usual());
    until(&custodian, &path, json!({"waiting": 2, "delivered": 0, "failed": 0}));
    std::thread::sleep(Duration::from_millis(2_500));
    receiver.sent(1);
    put(&custodian, &path, &receiver.url(), "active");
    until(&custodian, &path, json!({"waiting": 0, "delivered": 2, "failed": 0}));
    // Paused, events wait; ended, they are dropped, and nothing is done any more.
    put(&custodian, &path, &receiver.url(), "paused");
    app.ask(&Caller::health(), &Question::usual());
    until(&custodian, &path, json!({"waiting": 1, "delivered": 2, "failed": 0}));
    receiver.sent(3);
    custodian.change(&format!("{path}/test"), &etag(&custodian, &path), &json!({})).problem(409, "conflict");
    put(&custodian, &path, &receiver.url(), "ended");
    for (action, body) in [("rotation", json!({})), ("test", json!({})), ("replay", json!({}))] {
        custodian.change(&format!("{path}/{action}"), &etag(&custodian, &path), &body).problem(409, "conflict");
    }
    let back = json!({"url": receiver.url(), "status": "active"});
    custodian.put(&path, &etag(&custodian, &path), &back).problem(409, "conflict");
    receiver.sent(3);
}

on_both!(after_a_change_of_secrets_both_sign_for_a_while, super::QUICK);
fn after_a_change_of_secrets_both_sign_for_a_while(app: &TestApp) {
    let (receiver, custodian) = (Receiver::start(), app.custodian());
    let path = subscribe(&custodian, &json!({"url": receiver.url()}));
    let earlier = secret(&custodian, &path);
    act(&custodian, &path, "rotation", &json!({}));
    let shown = custodian.get(&format!("{path}/secret")).expect(200);
    let present = shown.text("/secret");
    assert_eq!(shown.text("/previousSecret"), earlier);
    assert_ne!(present, earlier);
    act(&custodian, &path, "test", &json!({}));
    let sent = receiver.sent(1);
    assert_eq!(sent[0].event()["type"], "cofrestr.webhook.test");
    assert!(sent[0].is_signed_by(&present) && sent[0].is_signed_by(&earlier));
    assert_eq!(sent[0].signatures().len(), 2);
    // A second change ends the first secret at once: whoever lost one changes twice.
    act(&custodian, &path, "rotation", &json!({}));
    act(&custodian, &path, "test", &json!({}));
    let sent = receiver.sent(2);
    assert!(sent[1].is_signed_by(&present) && !sent[1].is_signed_by(&earlier));
}

on_both!(the_secret_before_signs_no_more_when_its_time_is_over, "[webhooks]\noverlap_hours = 0");
fn the_secret_before_signs_no_more_when_its_time_is_over(app: &TestApp) {
    let (receiver, custodian) = (Receiver::start(), app.custodian());
    let path = subscribe(&custodian, &json!({"url": receiver.url()}));
    let earlier = secret(&custodian, &path);
    act(&custodian, &path, "rotation", &json!({}));
    assert!(custodian.get(&format!("{path}/secret")).expect(200).at("/previousSecret").is_null());
    act(&custodian, &path, "test", &json!({}));
    let sent = receiver.sent(1);
    assert!(!sent[0].is_signed_by(&earlier) && sent[0].signatures().len() == 1);
}

on_both!(a_partner_system_hears_of_its_own_checks_until_it_is_cut_off, super::QUICK);
fn a_partner_system_hears_of_its_own_checks_until_it_is_cut_off(app: &TestApp) {
    app.register(&Child::usual());
    let (system, other, receiver) = (System::usual(app), System::usual(app), Receiver::start());
    let person = app.with_token(Some(system.token(Some(nurse()))));
    let (own, others) = (app.with_token(Some(system.token(None))), app.with_token(Some(other.token(None))));
    let path = subscribe(&own, &json!({"url": receiver.url()}));
    // The person and the system are one owner; anybody else finds nothing there.
    person.get(&path).expect(200);
    for stranger in [&others, &app.custodian()] {
        stranger.get(&path).problem(404, "not-found");
        stranger.get(&format!("{path}/secret")).problem(404, "not-found");
        stranger.change(&format!("{path}/test"), "\"1\"", &json!({})).problem(404, "not-found");
        assert_eq!(stranger.get("/v1/webhooks").expect(200).list("/items").len(), 0);
    }
    let read_by_the_custodian = || {
        let asked = person.post("/v1/checks", &Question::usual().0).expect(201);
        for notice in app.custodian().get("/v1/notices").expect(200).list("/items") {
            let path = format!("/v1/notices/{}/acknowledgement", notice["id"].as_str().expect("an id"));
            app.custodian().change(&path, "\"1\"", &json!({}));
        }
        asked.text("/id")
    };
    let check = read_by_the_custodian();
    let sent = receiver.sent(1);
    assert_eq!(sent[0].event()["type"], "cofrestr.check.read-by-authority");
    assert_eq!(sent[0].event()["subject"], format!("/v1/checks/{check}"));
    read_by_the_custodian();
    receiver.sent(2);
    // Nothing more goes to a system that is cut off, though its subscription still stands.
    put(&own, &path, &receiver.url(), "paused");
    read_by_the_custodian();
    put(&own, &path, &receiver.url(), "active");
    receiver.sent(3);
    let operator = app.as_caller(&Caller::of_region("operator"));
    let client = format!("/v1/clients/{}", system.id);
    put(&own, &path, &receiver.url(), "paused");
    read_by_the_custodian();
    put(&own, &path, &receiver.url(), "active");
    operator.change(&format!("{client}/suspension"), "\"1\"", &json!({"reason": "A key was lost"})).expect(200);
    std::thread::sleep(Duration::from_secs(2));
    assert!(receiver.sent.lock().expect("what was sent").len() <= 4);
}

#[test]
fn nothing_is_lost_over_a_restart_of_either_side() {
    for kind in [Backend::Sqlite, Backend::Postgres] {
        let mut app = TestApp::start(kind, "[webhooks]\nretry_seconds = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\ntimeout_ms = 1000");
        let receiver = Receiver::start();
        // The receiver does not answer at first.
        receiver.will_answer(&["500 Oops"; 3]);
        subscribe(&app.custodian(), &json!({"url": receiver.url()}));
        app.register(&Child::usual());
        app.ask(&Caller::health(), &Question::usual());
        app.ask(&Caller::police(), &Question::usual());
        app.restart();
        app.ask(&Caller::emergency_duty(), &Question::usual());
        let begun = Instant::now();
        let path = format!("/v1/webhooks/{}", app.custodian().get("/v1/webhooks").expect(200).text("/items/0/id"));
        until(&app.custodian(), &path, json!({"waiting": 0, "delivered": 3, "failed": 0}));
        assert!(begun.elapsed() < Duration::from_secs(30));
        let sent = receiver.sent.lock().expect("what was sent").clone();
        let mut order: Vec<String> = sent.iter().map(|sent| sent.header("webhook-id").to_owned()).collect();
        order.dedup();
        let feed = app.custodian().get("/v1/events").expect(200).list("/items");
        let expected: Vec<_> = feed.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(order, expected, "each at least once, in their order");
    }
}

on_both!(bad_subscriptions_are_refused_with_what_would_help, super::QUICK);
fn bad_subscriptions_are_refused_with_what_would_help(app: &TestApp) {
    let custodian = app.custodian();
    for (body, expected) in [
        (json!({}), "/url missing"),
        (json!({"url": "http://events.hospital.example/"}), "/url in-the-clear"),
        (json!({"url": "nonsense"}), "/url not-an-address"),
        (json!({"url": "https://me:pw@events.hospital.example/"}), "/url credentials-in-address"),
        (json!({"url": "https://169.254.169.254/latest"}), "/url address-not-public"),
        (json!({"url": "https://[fd00:ec2::254]/"}), "/url address-not-public"),
        (json!({"url": "https://10.0.0.7/"}), "/url address-not-public"),
        (json!({"url": "https://a.example/", "eventTypes": []}), "/eventTypes empty"),
        (json!({"url": "https://a.example/", "eventTypes": ["everything"]}), "/eventTypes/0 not-an-event-type"),
        (json!({"url": "https://a.example/", "signing": "md5"}), "/signing unknown-code"),
    ] {
        assert_eq!(custodian.post("/v1/webhooks", &body).problem(422, "invalid").mistakes(), [expected], "{body}");
    }
    let path = subscribe(&custodian, &json!({"url": "https://a.example/"}));
    for (action, body, expected) in [
        ("replay", json!({"since": "yesterday"}), "/since not-an-instant"),
        ("replay", json!({"since": "2026-11-17T00:00:00Z", "events": []}), "/since events-or-since"),
        ("replay", json!({"events": ["x"]}), "/events/0 malformed"),
    ] {
        let refused = custodian.change(&format!("{path}/{action}"), "\"1\"", &body).problem(422, "invalid").mistakes();
        assert_eq!(refused[0].split(' ').next(), expected.split(' ').next(), "{body}: {refused:?}");
    }
    custodian.put(&path, "\"1\"", &json!({"url": "https://a.example/", "status": "disabled"})).problem(422, "invalid");
    custodian.get(&format!("{path}/deliveries?status=lost")).problem(400, "malformed-query");
}

on_both!(a_real_register_sends_nothing_to_its_own_machine, "[sandbox]\nenabled = false\n[webhooks]\nretry_seconds = [1]");
fn a_real_register_sends_nothing_to_its_own_machine(app: &TestApp) {
    for url in ["http://127.0.0.1:9/", "https://127.0.0.1/", "https://localhost/", "https://2130706433/"] {
        app.custodian().post("/v1/webhooks", &json!({"url": url})).problem(422, "invalid");
    }
}

on_both!(an_owner_has_only_so_many, "[webhooks]\nmost = 2");
fn an_owner_has_only_so_many(app: &TestApp) {
    let custodian = app.custodian();
    let body = json!({"url": "https://a.example/"});
    let first = subscribe(&custodian, &body);
    subscribe(&custodian, &body);
    let refused = custodian.post("/v1/webhooks", &body).expect(422);
    assert_eq!(refused.text("/errors/0/code"), "too-many-webhooks", "{}", refused.body);
    put(&custodian, &first, "https://a.example/", "ended");
    subscribe(&custodian, &body);
}
