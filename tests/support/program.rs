//! The program as a process of its own: what cannot be seen from inside – what it prints, the files it leaves, how it dies.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{TUESDAY, configuration_text};
use super::database::{Folder, TestDatabase};
use super::http::{self, Answer};
use super::tokens::{self, Caller};

/// A slow machine that builds at the same time needs this long to start a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// `cofrestr serve` under way; killed when the test ends.
pub struct Program {
    database: Arc<TestDatabase>,
    /// Configuration, keys and what is printed.
    folder: Arc<Folder>,
    /// How many servers were started in this folder.
    runs: usize,
    name: String,
    process: Child,
    address: String,
}

impl Program {
    /// Starts a server; `configuration` is laid over that of every test. It must say where it listens: level `info` or lower.
    pub fn start(database: Arc<TestDatabase>, configuration: &str) -> Self {
        let folder = Arc::new(Folder::new());
        let key_set = folder.path().join("jwks.json");
        std::fs::write(&key_set, tokens::key_set()).expect("a key set");
        let text = configuration_text(&folder, database.url(), &key_set.display().to_string(), configuration);
        std::fs::write(folder.path().join("region.toml"), text).expect("a configuration");
        let program = Self::run(database, folder, "one".into(), 1);
        program.post("/sandbox/clock", None, &json!({"now": TUESDAY})).expect(204);
        program
    }

    /// Another server over the same database, with the same keys.
    pub fn beside(other: &Self) -> Self {
        Self::run(Arc::clone(&other.database), Arc::clone(&other.folder), "other".into(), 1)
    }

    /// The same, with a face of its own for other regions: the first one's port is taken.
    pub fn beside_elsewhere(other: &Self) -> Self {
        let path = other.folder.path().join("region.toml");
        let before = std::fs::read_to_string(&path).expect("a configuration");
        let mut table: toml::Table = toml::from_str(&before).expect("a configuration");
        table["federation"]["bind"] = "127.0.0.1:0".into();
        std::fs::write(&path, toml::to_string(&table).expect("a configuration")).expect("a configuration");
        let program = Self::run(Arc::clone(&other.database), Arc::clone(&other.folder), "other".into(), 1);
        std::fs::write(&path, before).expect("a configuration");
        program
    }

    /// Sends a signal to the process.
    #[allow(unsafe_code, reason = "kill has no safe interface in std; it takes two numbers")]
    pub fn signal(&self, signal: i32) {
        // SAFETY: two numbers; the process is a child of ours that has not been waited for.
        let sent = unsafe { libc::kill(i32::try_from(self.process.id()).expect("a process"), signal) };
        assert_eq!(sent, 0, "the process takes the signal");
    }

    fn run(database: Arc<TestDatabase>, folder: Arc<Folder>, name: String, runs: usize) -> Self {
        let printed = folder.path().join(format!("printed-{name}-{runs}"));
        let file = File::create(&printed).expect("a file for what is printed");
        let process = Command::new(env!("CARGO_BIN_EXE_cofrestr"))
            .args(["serve", "--config"])
            .arg(folder.path().join("region.toml"))
            .current_dir(folder.path())
            // Settings of tests, which the program would take for its own.
            .env_remove("COFRESTR_TRIALS")
            .env_remove("COFRESTR_SEED")
            .env_remove("COFRESTR_EPISODES")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file)
            .spawn()
            .expect("the program");
        let mut program = Self { database, folder, runs, name, process, address: String::new() };
        let begun = Instant::now();
        while program.address.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the server does not start: {}", program.printed());
            assert!(program.process.try_wait().expect("a process").is_none(), "the server ended: {}", program.printed());
            sleep(Duration::from_millis(5));
            program.address = listening(&std::fs::read_to_string(&printed).unwrap_or_default()).unwrap_or_default();
        }
        program
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().expect("a process to kill");
        self.process.wait().expect("a dead process");
    }

    /// Starts it again after it was killed.
    pub fn start_again(&mut self) {
        let (database, folder) = (Arc::clone(&self.database), Arc::clone(&self.folder));
        *self = Self::run(database, folder, self.name.clone(), self.runs + 1);
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The database behind it.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The files in its folder, wherever they are.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        folders.extend(self.database.folder().map(Path::to_owned));
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                files.push(path);
            }
        }
        files
    }

    /// Everything it printed, on every run.
    pub fn printed(&self) -> String {
        let mut text = String::new();
        for file in std::fs::read_dir(self.folder.path()).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("printed-")) {
                text.push_str(&String::from_utf8_lossy(&std::fs::read(file).expect("what was printed")));
            }
        }
        text
    }

    /// Sends a request put together by hand.
    pub fn send(&self, method: &Method, path: &str, headers: &HeaderMap, body: Option<Vec<u8>>) -> Answer {
        http::send(method, &format!("http://{}{path}", self.address), headers, body)
    }

    /// Reads as somebody.
    pub fn get(&self, path: &str, caller: &Caller) -> Answer {
        self.send(&Method::GET, path, &headers(Some(caller), &[]), None)
    }

    /// Creates as somebody, with a new idempotency key; or changes what is there, at whichever version it is.
    pub fn post(&self, path: &str, caller: Option<&Caller>, body: &Value) -> Answer {
        let key = Uuid::now_v7().to_string();
        let (kind, body) = match body {
            Value::String(rows) if path.starts_with("/v1/imports") => ("text/csv", rows.clone()),
            body => ("application/json", body.to_string()),
        };
        let headers = headers(caller, &[("content-type", kind), ("idempotency-key", &key), ("if-match", "*")]);
        self.send(&Method::POST, path, &headers, Some(body.into_bytes()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Headers with somebody's token.
pub fn headers(caller: Option<&Caller>, more: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let token = caller.map(|caller| format!("Bearer {}", caller.token()));
    for (name, value) in token.iter().map(|token| ("authorization", token.as_str())).chain(more.iter().copied()) {
        let (name, value) = http::header(name, value);
        headers.append(name, value);
    }
    headers
}

/// The address in the line that says that a server listens, in either format.
fn listening(printed: &str) -> Option<String> {
    let line = printed.lines().find(|line| line.contains("listening") && line.contains("address"))?;
    let address = &line[line.find("127.0.0.1:")?..];
    let end = address.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(address.len());
    Some(address[..end].to_owned())
}
