//! Several regions, each a process of its own on a database of its own, in one federation over mutual TLS.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cofrestr::register::keys::{KeyFolder, directory_key};
use cofrestr::register::peers::directory::{Keeper, Known};
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::{AuditRow, Backend, Folder, TestDatabase};
use crate::support::http::{self, Answer};
use crate::support::program::{Program, headers};
use crate::support::tokens::Caller;

use super::wire::Wire;

/// A slow machine that builds at the same time needs this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Birmingham, of the West Midlands.
pub const BIRMINGHAM: &str = "E08000025";
/// Wrexham, of North Wales.
pub const WREXHAM: &str = "W06000006";

/// One region.
pub struct Region {
    /// Its code.
    pub code: &'static str,
    /// Its process.
    pub program: Program,
    /// The address of its face for others.
    pub peers: String,
    /// The line by which the others reach it.
    pub wire: Wire,
    /// Its database.
    pub database: Arc<TestDatabase>,
}

impl Region {
    /// Asks as somebody of this region.
    pub fn ask(&self, caller: &Caller, question: &Value) -> Answer {
        self.program.post("/v1/checks", Some(caller), question).expect(201)
    }

    /// Reads a check again.
    pub fn read(&self, caller: &Caller, check: &str) -> Value {
        self.program.get(&format!("/v1/checks/{check}"), caller).expect(200).json()
    }

    /// Another server over its database.
    pub fn beside(&self) -> Program {
        Program::beside_elsewhere(&self.program)
    }

    /// Makes the region misbehave towards the others.
    pub fn fault(&self, mode: &str, ms: Option<u64>) {
        let mut fault = json!({ "mode": mode });
        if let Some(ms) = ms {
            fault["ms"] = ms.into();
        }
        self.program.post("/sandbox/faults", None, &fault).expect(204);
    }

    /// A person whose token is of this region.
    pub fn person(&self, caller: Caller) -> Caller {
        person_of(self.code, caller)
    }

    /// The audit log.
    pub fn audit(&self) -> Vec<AuditRow> {
        self.database.audit()
    }

    /// The folder of its keys.
    pub fn keys(&self) -> KeyFolder {
        KeyFolder::new(self.program.folder().join("keys"))
    }
}

/// A person whose token is of a region.
pub fn person_of(region: &str, caller: Caller) -> Caller {
    let authority = match region {
        "west-midlands" => BIRMINGHAM,
        "north-wales" => WREXHAM,
        _ => crate::support::tokens::NEWPORT,
    };
    let caller = match (caller.claim("region").is_some(), caller.claim("authority").is_some()) {
        (true, _) => caller.with("region", json!(region)),
        (_, true) => caller.with("authority", json!(authority)),
        _ => caller,
    };
    caller.with("organisation", json!({"code": authority, "name": format!("Children's services of {region}")}))
}

/// The federation.
pub struct Federation {
    pub regions: Vec<Region>,
    pub folder: Folder,
}

/// A port that was free a moment ago, and that no outgoing connection takes while a region is down: those have higher ones.
fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(10_000..20_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Runs the program's command line; answers what it printed.
pub fn cofrestr(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofrestr"));
    // Settings of tests, which the program would take for its own.
    command.args(arguments).env_remove("COFRESTR_TRIALS").env_remove("COFRESTR_SEED").env_remove("COFRESTR_EPISODES");
    let output = command.output().expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

pub fn wait<T>(what: &str, mut until: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = until() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "still waiting for {what}");
        sleep(Duration::from_millis(50));
    }
}

impl Federation {
    /// Three regions: two of Wales and one of England.
    pub fn start(backend: Backend) -> Self {
        Self::of(backend, &["gwent", "north-wales", "west-midlands"])
    }

    /// These regions, let in one after the other, as a keeper does it.
    pub fn of(backend: Backend, codes: &[&'static str]) -> Self {
        Self::on(codes, |_| TestDatabase::migrated(backend))
    }

    /// The same, each on the database that is made for it.
    pub fn on(codes: &[&'static str], database: impl Fn(&str) -> TestDatabase) -> Self {
        let folder = Folder::new();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(path("people")).expect("a folder");
        let people = path("people");
        let keeper = cofrestr(&["members", "key", &path("keeper.key")]).expect("a key").trim().to_owned();
        let regions: Vec<Region> = codes
            .iter()
            .map(|code| {
                let peers = format!("127.0.0.1:{}", free_port());
                let wire = Wire::to(&peers);
                let reached = wire.address();
                let configuration = format!(
                    "[region]\ncode = \"{code}\"\n[log]\nlevel = \"info\"\n[federation]\nbind = \"{peers}\"\naddress = \"https://{reached}\"\n\
                     directory_keys = [\"{keeper}\"]\nrefresh_ms = 300\nretry_first_ms = 200\nretry_last_ms = 1000\nrest_ms = 500\n\
                     compare_every_ms = 3600000\ncompare_again_ms = 2000\n\
                     [pages]\nsandbox_tokens = {people:?}\n"
                );
                let database = Arc::new(database(code));
                let program = Program::start(Arc::clone(&database), &configuration);
                Region { code, program, peers: format!("https://{peers}"), wire, database }
            })
            .collect();
        let federation = Self { regions, folder };
        for region in &federation.regions {
            let address = format!("http://{}", region.program.address());
            federation.members(&["add", "--statement", &address]).expect("a member");
        }
        // Nobody knows anybody yet: the first directory comes to each by hand, later ones pass from region to region.
        for region in &federation.regions {
            federation.publish_to(region);
        }
        for region in &federation.regions {
            let expected = i64::try_from(codes.len()).expect("a few");
            wait("the directory", || (federation.version(region) == expected).then_some(()));
        }
        federation
    }

    /// Lets somebody sign in to the pages by choosing who they are.
    pub fn lets_in(&self, person: &str, caller: &Caller) {
        std::fs::write(self.folder.path().join("people").join(format!("{person}.token")), caller.token()).expect("a token");
    }

    /// `cofrestr members …` on the federation's directory.
    pub fn members(&self, arguments: &[&str]) -> Result<String, String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (directory, key) = (path("directory.jws"), path("keeper.key"));
        let mut all = vec!["members"];
        all.extend(arguments);
        all.extend(["--directory", &directory, "--key", &key]);
        cofrestr(&all)
    }

    /// Hands the directory to one region.
    pub fn publish_to(&self, region: &Region) {
        let token = self.folder.path().join("operator.token");
        std::fs::write(&token, region.person(Caller::of_region("operator")).token()).expect("a token");
        let (directory, token) = (self.directory().display().to_string(), token.display().to_string());
        let address = format!("http://{}", region.program.address());
        cofrestr(&["members", "publish", "--directory", &directory, "--to", &address, "--token-file", &token]).expect("taken up");
    }

    /// Where the directory is.
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("directory.jws")
    }

    /// The directory.
    pub fn known(&self) -> Known {
        let text = std::fs::read_to_string(self.directory()).expect("a directory");
        Known::read(text.trim(), &[directory_key(&self.keeper().public_key())], chrono::Utc::now()).expect("the keeper's")
    }

    /// The keeper.
    pub fn keeper(&self) -> Keeper {
        Keeper::read(&std::fs::read_to_string(self.folder.path().join("keeper.key")).expect("a key")).expect("a key")
    }

    /// The version of the directory that a region uses.
    pub fn version(&self, region: &Region) -> i64 {
        let url = format!("http://{}/.well-known/cofrestr", region.program.address());
        http::send(&Method::GET, &url, &headers(None, &[]), None).expect(200).at("/directoryVersion").as_i64().expect("a version")
    }

    /// A region by its code.
    pub fn region(&self, code: &str) -> &Region {
        self.regions.iter().find(|region| region.code == code).expect("a region")
    }

    /// The same, to be killed or started again.
    pub fn region_mut(&mut self, code: &str) -> &mut Region {
        self.regions.iter_mut().find(|region| region.code == code).expect("a region")
    }

    /// Asks until every region answers: connections are made, whoever was away is back.
    pub fn until_all_answer(&self, from: &Region) -> Value {
        wait("every region to answer", || {
            let answer = from.ask(&from.person(Caller::emergency_duty()), &nobody()).json();
            (answer["outcome"] == "not-on-register").then_some(answer)
        })
    }
}

/// A question about somebody who is on no register.
pub fn nobody() -> Value {
    json!({"reason": "emergency-duty", "child": {"names": [{"given": "Peredur", "family": "Tremain"}], "dateOfBirth": "2016-06-21"}})
}

/// The status of a region in the coverage of an answer.
pub fn status_of(answer: &Value, region: &str) -> String {
    let row = answer["coverage"].as_array().expect("coverage").iter().find(|row| row["region"] == region);
    row.expect("a row for every region")["status"].as_str().expect("a status").to_owned()
}
