//! The baselines over a plain table: the bare look-up with a durable insert through diesel, and the same as a FastAPI service.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cofrestr::store::connection::{AnyConnection, DatabaseUrl};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;

use super::load::{Asked, Job, Measured, drive};
use super::process::{Server, free_port};

diesel::table! {
    look_up (id) { id -> BigInt, given -> Text, family -> Text, born -> Text, }
}
diesel::table! {
    look_up_audit (id) { id -> Text, at -> Text, subject -> Text, outcome -> Text, child -> Nullable<BigInt>, }
}

const TABLES: &str = "
    CREATE TABLE look_up (id BIGINT PRIMARY KEY, given TEXT NOT NULL, family TEXT NOT NULL, born TEXT NOT NULL);
    CREATE INDEX look_up_by_name ON look_up (family, given, born);
    CREATE TABLE look_up_audit (id TEXT PRIMARY KEY, at TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, child BIGINT);";
/// Rows in one statement: below the values that SQLite takes.
const ROWS: usize = 2_000;
/// What the service takes for a token.
const TOKEN: &str = "figures";

macro_rules! with {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            AnyConnection::Pg($inner) => $body,
            AnyConnection::Sqlite($inner) => $body,
        }
    };
}

/// A child as it is looked up: given name, family name, date of birth.
pub type Child = (String, String, String);

/// Makes the plain database.
///
/// # Errors
/// When it cannot be written.
pub fn fill(url: &str, children: &[Child]) -> Result<()> {
    let mut connection = AnyConnection::open(&DatabaseUrl::parse(url)?)?;
    with!(&mut connection, |c| c.batch_execute(TABLES))?;
    let rows: Vec<_> = children
        .iter()
        .zip(1_i64..)
        .map(|((given, family, born), id)| {
            (look_up::id.eq(id), look_up::given.eq(given), look_up::family.eq(family), look_up::born.eq(born))
        })
        .collect();
    for rows in rows.chunks(ROWS) {
        with!(&mut connection, |c| diesel::insert_into(look_up::table).values(rows).execute(c))?;
    }
    with!(&mut connection, |c| c.batch_execute("ANALYZE"))?;
    Ok(())
}

/// Looks children up and writes a row for each, one commit each, over so many connections. On SQLite, which has one writer, the
/// connections take turns at writing instead of waking each other by chance.
///
/// # Errors
/// When the database fails.
pub fn bare(url: &str, children: &Arc<Vec<Child>>, connections: usize, time: Duration) -> Result<Measured> {
    let parsed = DatabaseUrl::parse(url)?;
    let turn = matches!(parsed, DatabaseUrl::Sqlite(_)).then(|| Arc::new(Mutex::new(())));
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (parsed, turn, stop, next, children) =
                (parsed.clone(), turn.clone(), Arc::clone(&stop), Arc::clone(&next), Arc::clone(children));
            std::thread::spawn(move || -> Result<Vec<f64>> {
                let mut connection = AnyConnection::open(&parsed)?;
                let mut latencies = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let child = &children[next.fetch_add(1, Ordering::Relaxed) % children.len()];
                    let begun = Instant::now();
                    one(&mut connection, turn.as_deref(), child)?;
                    latencies.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                Ok(latencies)
            })
        })
        .collect();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let mut all = Measured::default();
    for worker in workers {
        let Ok(latencies) = worker.join() else { bail!("a thread panicked") };
        all.latencies.extend(latencies?);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    all.answers = all.latencies.len();
    all.latencies.sort_by(f64::total_cmp);
    Ok(all)
}

fn one(connection: &mut AnyConnection, turn: Option<&Mutex<()>>, (given, family, born): &Child) -> Result<()> {
    let found: Option<i64> = with!(&mut *connection, |c| look_up::table
        .filter(look_up::family.eq(family))
        .filter(look_up::given.eq(given))
        .filter(look_up::born.eq(born))
        .select(look_up::id)
        .first(c)
        .optional())?;
    let row = (
        look_up_audit::id.eq(uuid::Uuid::now_v7().to_string()),
        look_up_audit::at.eq(chrono::Utc::now().to_rfc3339()),
        look_up_audit::subject.eq("nurse"),
        look_up_audit::outcome.eq(if found.is_some() { "found" } else { "none" }),
        look_up_audit::child.eq(found),
    );
    let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
    with!(connection, |c| diesel::insert_into(look_up_audit::table).values(row).execute(c))?;
    Ok(())
}

/// The virtual environment of the FastAPI service, made when it is not there yet.
///
/// # Errors
/// When Python or its package index cannot be used.
pub fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fastapi/requirements.txt");
    let stamp = folder.join("requirements.txt");
    if std::fs::read(&stamp).ok() == Some(std::fs::read(&requirements)?) {
        return Ok(python);
    }
    let run = |program: &Path, arguments: &[&str]| -> Result<()> {
        let status = Command::new(program).args(arguments).status().with_context(|| format!("cannot run {}", program.display()))?;
        if status.success() { Ok(()) } else { bail!("{} {}: {status}", program.display(), arguments.join(" ")) }
    };
    run(Path::new("python3"), &["-m", "venv", &folder.display().to_string()])?;
    run(&python, &["-m", "pip", "install", "--quiet", "--requirement", &requirements.display().to_string()])?;
    std::fs::copy(&requirements, &stamp)?;
    Ok(python)
}

/// Starts the FastAPI service with so many worker processes.
///
/// # Errors
/// When it does not start.
pub fn service(python: &Path, url: &str, workers: usize, log: &Path) -> Result<Server> {
    let port = free_port()?;
    // SQLAlchemy wants the path of a file after three slashes, and knows no sslmode for asyncpg.
    let url = match url.strip_prefix("sqlite:") {
        Some(path) => format!("sqlite:///{path}"),
        None => url.replace("postgres://", "postgresql://").split('?').next().unwrap_or_default().to_owned(),
    };
    let mut command = Command::new(python);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fastapi"))
        .args(["-m", "uvicorn", "service:app", "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"])
        .args(["--port", &port.to_string(), "--workers", &workers.to_string()])
        .env("LOOK_UP_URL", url)
        .env("LOOK_UP_TOKEN", TOKEN)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Server::start(command, port, "/ready", log)
}

/// What the service is asked.
pub fn job(line: &'static str, children: &[Child]) -> Arc<Job> {
    let asked = children
        .iter()
        .map(|(given, family, born)| Asked { body: json!({"given": given, "family": family, "born": born}).to_string(), truth: None });
    Arc::new(Job { line, status: "201", tokens: vec![TOKEN.to_owned()], asked: Arc::new(asked.collect()), next: Arc::default() })
}

/// Asks the service.
///
/// # Errors
/// As [`drive`].
pub fn ask(server: &Server, job: &Arc<Job>, connections: usize, time: Duration) -> Result<Measured> {
    drive(server.port, job, connections, time)
}
