//! `cargo bench --bench figures`: how fast a check is, over HTTP, beside what it is compared with.
//!
//! ```text
//! cargo bench --bench figures                 everything, a quarter of an hour
//! cargo bench --bench figures -- --quick      60,000 children and 32 connections only, short runs
//!                                --readme     the tables alone, without progress, as they stand in README.md
//!                                --json       the measurements as JSON
//!                                --program P  measure another build of the program
//!                                --sets DIR   measure nothing; write a development set of 60,000 for `match-report`
//! ```
//!
//! For each database and size of register: invented children are imported, the release server is started in a process of its
//! own, and misspelt questions about them are asked over kept-alive connections – first for a while that does not count. Every
//! answer's status is checked, and of many whether the first match is the child who is meant. Beside it, in the same run: an
//! empty handler, the same check with matching switched off (a sandbox can do that), the bare look-up and insert through
//! diesel, and the FastAPI service of `benches/fastapi`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod children;
mod load;
mod loads;
mod plain;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
mod process;
mod region;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use children::Register;
use load::{Job, drive, page};
use postgres::PostgresServer;
use process::{Server, cpu_seconds, memory_mb};
use region::Region;
use report::{Machine, Report, Row};

/// The names of what is measured.
pub const CHECK: &str = "check";
/// The check that searches nobody.
pub const WITHOUT_MATCHING: &str = "check, matching off";
/// A handler that does nothing.
pub const EMPTY: &str = "empty handler";
/// Through diesel, without HTTP.
pub const BARE: &str = "bare SELECT + INSERT";
/// The service of `benches/fastapi`.
pub const FASTAPI: &str = "FastAPI + SQLAlchemy";

/// The stages of a check: the name in the table, and the histogram of the server.
const STAGES: [(&str, &str); 7] = [
    ("token", "cofrestr_token_seconds"),
    ("match", "cofrestr_match_seconds"),
    ("rest of reading", "cofrestr_read_seconds"),
    ("sign", "cofrestr_sign_seconds"),
    ("wait for the writer", "cofrestr_write_wait_seconds"),
    ("write", "cofrestr_write_seconds"),
    ("commit", "cofrestr_commit_seconds"),
];

/// How much is measured.
struct Plan {
    sizes: &'static [usize],
    connections: &'static [usize],
    /// Seconds that count, and seconds before them.
    time: Duration,
    warm_up: Duration,
}

const FULL: Plan =
    Plan { sizes: &[3_000, 60_000], connections: &[1, 8, 32], time: Duration::from_secs(8), warm_up: Duration::from_secs(2) };
const QUICK: Plan = Plan { sizes: &[60_000], connections: &[32], time: Duration::from_secs(4), warm_up: Duration::from_secs(1) };

/// The two databases, and whose processor time counts as the database's.
struct Databases {
    postgres: PostgresServer,
    folder: PathBuf,
}

impl Databases {
    fn url(&self, database: &str, name: &str) -> String {
        match database {
            "SQLite" => format!("sqlite:{}", self.folder.join(format!("{name}.sqlite")).display()),
            _ => self.postgres.create_database(),
        }
    }

    fn process(&self, database: &str) -> Option<u32> {
        if database == "SQLite" { None } else { self.postgres.process() }
    }
}

struct Run {
    plan: Plan,
    databases: Databases,
    python: PathBuf,
    program: Option<PathBuf>,
    quiet: bool,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let path =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|place| arguments.get(place + 1)).map(PathBuf::from);
    if let Some(folder) = path("--sets") {
        return children::write_sets(&folder, 60_000);
    }
    let program = path("--program");
    let plan = if has("--quick") { QUICK } else { FULL };
    let machine = Machine::here();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = scratch.join(format!("figures-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    if has("--import") {
        let databases = Databases { postgres: PostgresServer::durable(), folder: folder.clone() };
        let size = path("--children").and_then(|size| size.to_str()?.parse().ok()).unwrap_or(60_000);
        loads::measure(&databases, program.as_deref(), size)?;
        std::fs::remove_dir_all(&folder)?;
        println!("\n{}", machine.said());
        return Ok(());
    }
    let python = plain::environment(&scratch.join("figures-venv")).context("the FastAPI service cannot be installed")?;
    let mut run = Run {
        plan,
        databases: Databases { postgres: PostgresServer::durable(), folder: folder.clone() },
        python,
        program,
        quiet: has("--readme"),
        rows: Vec::new(),
    };
    run.all().with_context(|| format!("what was made until then is in {}", folder.display()))?;
    std::fs::remove_dir_all(&folder)?;
    let report = Report { machine, rows: run.rows };
    if has("--json") {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.markdown());
    }
    Ok(())
}

impl Run {
    fn all(&mut self) -> Result<()> {
        for size in self.plan.sizes {
            let register = Register::invent(*size);
            eprintln!("{size} children, {} misspelt questions", register.questions.len());
            let sheet = self.databases.folder.join(format!("children-{size}.csv"));
            register.write(&sheet)?;
            let asked = Arc::new(register.questions.clone());
            for database in ["SQLite", "PostgreSQL"] {
                let url = self.databases.url(database, &format!("register-{size}"));
                let region = Region::make(self.program.clone(), self.databases.folder.join(format!("{database}-{size}")), url)?;
                let took = region.import(&sheet)?;
                eprintln!("{database}: imported in {:.0} s", took.as_secs_f64());
                self.checks(database, *size, &region, &asked)?;
            }
            if *size == 60_000 {
                self.plain_baselines(&register)?;
            }
        }
        Ok(())
    }

    /// The check, the check without matching, and the empty handler.
    fn checks(&mut self, database: &'static str, size: usize, region: &Region, asked: &Arc<Vec<load::Asked>>) -> Result<()> {
        let job = |asked: &Arc<Vec<load::Asked>>, line, status, tokens: &[String]| {
            Arc::new(Job { line, status, tokens: tokens.to_vec(), asked: Arc::clone(asked), next: Arc::default() })
        };
        for (what, matching) in [(CHECK, true), (WITHOUT_MATCHING, false)] {
            let server = region.serve(matching)?;
            let check = job(asked, "POST /v1/checks", "201", &region.tokens);
            for connections in self.plan.connections {
                self.measure(what, database, size, *connections, &server, &check)?;
            }
            if matching && size == 60_000 && database == "SQLite" {
                let empty = job(&Arc::default(), "GET /health/live", "200", &[]);
                for connections in self.plan.connections {
                    self.measure(EMPTY, database, size, *connections, &server, &empty)?;
                }
            }
            server.end();
        }
        Ok(())
    }

    fn measure(
        &mut self,
        what: &'static str,
        database: &'static str,
        children: usize,
        connections: usize,
        server: &Server,
        job: &Arc<Job>,
    ) -> Result<()> {
        drive(server.port, job, connections, self.plan.warm_up)?;
        let stages_before = if what == CHECK { stages(server.port)? } else { Vec::new() };
        let behind = self.databases.process(database).filter(|_| what != EMPTY);
        let before = (cpu_seconds(server.id()), behind.map_or(0.0, cpu_seconds));
        let measured = drive(server.port, job, connections, self.plan.time)?;
        let after = (cpu_seconds(server.id()), behind.map_or(0.0, cpu_seconds));
        let mut row = Row::of(what, database, children, connections, &measured);
        let each = 1000.0 / measured.answers as f64;
        row.cpu_ms = [(after.0 - before.0) * each, (after.1 - before.1) * each];
        row.memory_mb = memory_mb(server.id());
        row.start_up_ms = server.start_up.as_secs_f64() * 1000.0;
        if what == CHECK {
            let after = stages(server.port)?;
            row.stages = stages_before.into_iter().zip(after).map(|((name, a), (_, b))| (name, (b - a) * each)).collect();
        }
        self.add(row);
        Ok(())
    }

    /// The bare look-up and the FastAPI service, which share a plain table.
    fn plain_baselines(&mut self, register: &Register) -> Result<()> {
        let children = Arc::new(register.plainly());
        for database in ["SQLite", "PostgreSQL"] {
            let url = self.databases.url(database, "plain");
            plain::fill(&url, &children)?;
            for connections in self.plan.connections {
                let behind = self.databases.process(database);
                plain::bare(&url, &children, *connections, self.plan.warm_up)?;
                let before = (cpu_seconds(std::process::id()), behind.map_or(0.0, cpu_seconds));
                let measured = plain::bare(&url, &children, *connections, self.plan.time)?;
                let after = (cpu_seconds(std::process::id()), behind.map_or(0.0, cpu_seconds));
                let mut row = Row::of(BARE, database, 60_000, *connections, &measured);
                let each = 1000.0 / measured.answers as f64;
                // The database's processes are ours to count apart only when they are not of this program's family.
                let of_database = after.1 - before.1;
                row.cpu_ms = [((after.0 - before.0) - of_database).max(0.0) * each, of_database * each];
                self.add(row);
            }
            self.fastapi(database, &url, &children)?;
        }
        Ok(())
    }

    /// The FastAPI service, written and started in the way that is quickest at the most connections.
    fn fastapi(&mut self, database: &'static str, url: &str, children: &[plain::Child]) -> Result<()> {
        let log = self.databases.folder.join("fastapi.log");
        let most = self.plan.connections.last().copied().unwrap_or(32);
        let mut best: Option<(f64, usize, &'static str)> = None;
        for workers in [1, 2] {
            let server = plain::service(&self.python, url, workers, &log)?;
            for line in ["POST /sync", "POST /async"] {
                let job = plain::job(line, children);
                plain::ask(&server, &job, most, self.plan.warm_up)?;
                let tried = plain::ask(&server, &job, most, self.plan.time / 2)?;
                eprintln!("FastAPI on {database}, {workers} workers, {line}: {:.0} per second", tried.rate());
                if best.is_none_or(|(rate, ..)| tried.rate() > rate) {
                    best = Some((tried.rate(), workers, line));
                }
            }
            server.end();
        }
        let Some((_, workers, line)) = best else { return Ok(()) };
        let server = plain::service(&self.python, url, workers, &log)?;
        let job = plain::job(line, children);
        for connections in self.plan.connections {
            self.measure(FASTAPI, database, 60_000, *connections, &server, &job)?;
        }
        server.end();
        Ok(())
    }

    fn add(&mut self, row: Row) {
        if self.quiet {
            self.rows.push(row);
            return;
        }
        eprintln!(
            "{} | {} | {} | {} connections | {:.0}/s | p50 {:.1} | p99 {:.1} | cpu {:.2} + {:.2} | {:.0} MB | {:.0} ms | {:?} | {:?}",
            row.what,
            row.database,
            row.children,
            row.connections,
            row.rate,
            row.p50,
            row.p99,
            row.cpu_ms[0],
            row.cpu_ms[1],
            row.memory_mb,
            row.start_up_ms,
            row.right,
            row.stages
        );
        self.rows.push(row);
    }
}

/// The time that the server spent in each stage so far, in seconds.
fn stages(port: u16) -> Result<Vec<(String, f64)>> {
    let text = page(port, "/metrics")?;
    let sum = |metric: &str| {
        let name = format!("{metric}_sum");
        text.lines().filter_map(|line| line.split_once(' ')).find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
    };
    let mut stages: Vec<(String, f64)> = STAGES.iter().map(|(name, metric)| ((*name).to_owned(), sum(metric).unwrap_or(0.0))).collect();
    // The read counts the match and the signature too.
    let within = stages[1].1 + stages[3].1;
    stages[2].1 = (stages[2].1 - within).max(0.0);
    Ok(stages)
}
