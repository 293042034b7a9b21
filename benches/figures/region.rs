//! A region under measurement: its configuration, tokens, children, and the server over them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::Utc;
use cofrestr::config::DEMO;
use cofrestr::register::keys::{KeyFolder, Signer};
use serde_json::json;

use super::process::{Server, free_port};

/// The program under measurement, built with the profile of this benchmark: release.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cofrestr");
const ISSUER: &str = "https://login.figures.example";
const AUDIENCE: &str = "https://register.figures.example";
/// As many people ask as there are connections at most: each has a token of their own.
const PEOPLE: usize = 32;
/// The organisations for which they ask.
const ORGANISATIONS: usize = 8;

/// What the benchmark lays over the demo's settings. Here the budgets of a person and an organisation would be raised: one
/// nurse does not ask two thousand questions in a second.
const SETTINGS: &str = r#"
[region]
code = "gwent"

# Everybody asks more in a minute than anybody may in an hour.
[limits]
requests_per_minute = 1000000000
failed_tokens_per_minute = 1000000
person_checks_noted_per_hour = 1000000000
person_checks_per_hour = 1000000000
person_empty_answers_per_hour = 1000000000
client_checks_per_hour = 1000000000
organisation_checks_per_hour = 1000000000
"#;

/// A folder with everything that a server needs.
#[derive(Debug)]
pub struct Region {
    program: PathBuf,
    folder: PathBuf,
    database: String,
    /// Access tokens of nurses.
    pub tokens: Vec<String>,
    /// The access token of the region's custodian.
    pub custodian: String,
}

impl Region {
    /// Makes the folder, with keys and tokens.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(program: Option<PathBuf>, folder: PathBuf, database: String) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let issuer = KeyFolder::new(folder.join("issuer"));
        let now = Utc::now();
        issuer.rotate(now)?;
        let signer = Signer::open(issuer)?;
        let token = |number: usize| {
            let organisation = number % ORGANISATIONS;
            signer.sign(
                "at+jwt",
                &json!({
                    "iss": ISSUER, "aud": AUDIENCE, "sub": format!("nurse-{number}"), "client_id": "figures",
                    "iat": now.timestamp(), "nbf": now.timestamp(), "exp": now.timestamp() + 36_000, "role": "partner", "sector": "health",
                    "organisation": { "code": format!("FIG{organisation}"), "name": format!("Hospital {organisation}") },
                }),
            )
        };
        let tokens = (0..PEOPLE).map(token).collect::<Result<_, _>>()?;
        let custodian = signer.sign(
            "at+jwt",
            &json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": "custodian-1", "client_id": "figures", "iat": now.timestamp(), "nbf": now.timestamp(),
                "exp": now.timestamp() + 36_000, "role": "custodian",
                "region": "gwent", "organisation": { "code": "W06000022", "name": "Gwent" },
            }),
        )?;
        Ok(Self { program: program.unwrap_or_else(|| PROGRAM.into()), folder, database, tokens, custodian })
    }

    fn configuration(&self, name: &str, port: u16, matching: bool) -> Result<PathBuf> {
        let mut all: toml::Table = toml::from_str(DEMO)?;
        let ours = toml::from_str::<toml::Table>(SETTINGS)?.into_iter().chain(toml::toml! {
            [server]
            bind = (format!("127.0.0.1:{port}"))
            shutdown_seconds = 3

            [database]
            url = (self.database.clone())

            [keys]
            folder = (self.folder.join("keys").display().to_string())

            [sandbox]
            enabled = true
            matching = matching

            [[issuers]]
            issuer = ISSUER
            audience = AUDIENCE
            jwks_file = (self.folder.join("issuer/public.json").display().to_string())
        });
        all.extend(ours);
        let path = self.folder.join(name);
        fs::write(&path, toml::to_string(&all)?)?;
        Ok(path)
    }

    /// Enters everybody in the file; says how long it took.
    ///
    /// # Errors
    /// When the import does.
    pub fn import(&self, file: &Path) -> Result<Duration> {
        let begun = Instant::now();
        self.run(&[&["keys", "make"], &["migrate"], &["import", &file.display().to_string()]])?;
        Ok(begun.elapsed())
    }

    /// Makes keys and an empty database.
    ///
    /// # Errors
    /// When the program cannot.
    pub fn prepare(&self) -> Result<()> {
        self.run(&[&["keys", "make"], &["migrate"]])
    }

    fn run(&self, commands: &[&[&str]]) -> Result<()> {
        let configuration = self.configuration("import.toml", 1, true)?;
        let log = fs::File::create(self.folder.join("import.log"))?;
        let run = |arguments: &[&str]| -> Result<i32> {
            let mut command = Command::new(&self.program);
            command.args(arguments).arg("--config").arg(&configuration).stdout(log.try_clone()?).stderr(log.try_clone()?);
            Ok(command.status().context("cannot run the program")?.code().unwrap_or(-1))
        };
        // Some invented children are on no register of their own (2: some rows were rejected); that is no failure here.
        for arguments in commands {
            let code = run(arguments)?;
            if code != 0 && code != 2 {
                bail!("cofrestr {} ended with {code}; see {}", arguments[0], self.folder.join("import.log").display());
            }
        }
        Ok(())
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When it does not start.
    pub fn serve(&self, matching: bool) -> Result<Server> {
        let port = free_port()?;
        let configuration = self.configuration("serve.toml", port, matching)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(configuration);
        for variable in cofrestr::config::overriding_variables() {
            command.env_remove(variable);
        }
        Server::start(command, port, "/health/ready", &self.folder.join("serve.log"))
    }
}
