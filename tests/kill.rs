//! A server that dies between commit and reply: whoever was not answered asks again under the same key, and one thing exists.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use cofrestr::register::keys::{KeyFolder, PublicKey};
use cofrestr::store::note;
use cofrestr::store::verify::{Means, walk};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::database::{Backend, TestDatabase};
use crate::support::on_both_databases;
use crate::support::people::{Child, Entry, Question};
use crate::support::program::{Program, headers};
use crate::support::tokens::{Caller, GWENT};

/// Deaths of each server: enough for both sides of the commit.
const TRIALS: u64 = 18;
/// Requests that keep the one worker busy while another thread commits, so that the reply has to wait for it.
const BUSY: usize = 10;
/// How long a commit may take on a machine that builds at the same time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a request over a connection of its own; answers what came back until the connection ended.
fn sent(address: &str, request: String) -> JoinHandle<String> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a sent request");
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    })
}

/// What is created: the path, the body, and the table in which it is counted.
fn created(number: u64, child: &str) -> (&'static str, Value, &'static str) {
    match number % 3 {
        0 => ("/v1/children", Child::usual().0, "child"),
        1 => ("/v1/checks", Question::usual().0, "enquiry"),
        _ => ("/v1/registrations", Entry::usual().child(child).0, "registration"),
    }
}

on_both_databases!(a_kill_between_commit_and_reply_gives_one_thing);
fn a_kill_between_commit_and_reply_gives_one_thing(kind: Backend) {
    let mut program = Program::start(Arc::new(TestDatabase::migrated(kind)), "[log]\nlevel = \"info\"");
    let custodian = Caller::custodian();
    let (mut unheard, mut undone, mut heard) = (0, 0, 0);
    for trial in 0..TRIALS {
        let child = program.post("/v1/children", Some(&custodian), &Child::usual().0).expect(201).text("/id");
        let (path, body, table) = created(trial, &child);
        let key = Uuid::now_v7().to_string();
        let count = format!("SELECT count(*) AS n FROM {table}");
        let before = program.database().number(&count);
        let kept = format!("SELECT count(*) AS n FROM idempotency WHERE idempotency_key = '{key}'");
        let mut watch = program.database().watch(&kept);
        let (text, token) = (body.to_string(), custodian.token());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        let address = program.address().to_owned();
        let waiting = if trial % 2 == 0 {
            // Killed as soon as somebody outside sees that it was committed, while the worker that would reply has other work.
            let reply = sent(&address, request);
            let busy: Vec<_> = (0..BUSY).map(|_| sent(&address, "GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n".into())).collect();
            let begun = Instant::now();
            while watch() == 0 {
                assert!(begun.elapsed() < PATIENCE, "the request is not done");
            }
            program.kill();
            drop(busy);
            reply
        } else {
            // Killed at some moment, soon after the request or a little later.
            let reply = sent(&address, request);
            sleep(Duration::from_micros(trial * 400));
            program.kill();
            reply
        };
        let answered = waiting.join().expect("what came back");
        drop(watch);
        let stored = program.database().texts(&format!("SELECT body AS value FROM idempotency WHERE idempotency_key = '{key}'"));
        let was_heard = answered.starts_with("HTTP/1.1 201");
        match (stored.len(), was_heard) {
            (1, false) => unheard += 1,
            (1, true) => heard += 1,
            (0, false) => undone += 1,
            (rows, _) => panic!("{rows} answers are kept, and a reply was {}: {answered}", if was_heard { "heard" } else { "not heard" }),
        }
        let after_death = program.database().number(&count);
        assert_eq!(after_death, before + stored.len() as i64, "the thing and its answer are kept together");

        program.start_again();
        let again = || {
            let headers = headers(Some(&custodian), &[("content-type", "application/json"), ("idempotency-key", &key)]);
            let begun = Instant::now();
            loop {
                let answer = program.send(&Method::POST, path, &headers, Some(text.clone().into_bytes()));
                // PostgreSQL may still be at the commit that the dead server had asked for: then the first is under way.
                if answer.status == 409 && kind == Backend::Postgres && begun.elapsed() < PATIENCE {
                    sleep(Duration::from_millis(20));
                    continue;
                }
                return answer.expect(201);
            }
        };
        let (first, second) = (again(), again());
        assert_eq!(first.body, second.body);
        if let Some(stored) = stored.first() {
            assert_eq!(&first.body, stored, "the answer that nobody heard is given again");
        }
        if was_heard {
            assert!(answered.ends_with(&first.body), "the answer that was heard is given again");
        }
        assert_eq!(program.database().number(&count), before + 1, "one thing exists: {path}");
        assert_eq!(program.get(first.header("location").expect("a place"), &custodian).expect(200).at("/id"), json!(first.text("/id")));
    }
    assert!(unheard >= 3, "hardly any death was between commit and reply: {unheard} unheard, {undone} undone, {heard} heard");

    program.kill();
    let keys = KeyFolder::new(program.folder().join("keys"));
    let keys: Vec<_> = keys.public_keys().expect("keys").log.iter().filter_map(PublicKey::bytes).collect();
    let mut means = Means { origin: Some(note::origin(GWENT)), keys: &keys, held: &[], progress: &mut |_, _| {} };
    let walk = walk(&program.database().parsed(), &mut means).expect("a readable audit log");
    assert_eq!(walk.fault, None, "the audit log verifies after {TRIALS} deaths");
}
