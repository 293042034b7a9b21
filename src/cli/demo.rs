//! `cofrestr demo`: seven regions on this machine, each a process of its own with its own database, keys and invented
//! children.
//!
//! ```text
//! folder ─▶ ports free? ─▶ every region at once: config, keys, tokens, database, children ─▶ a process each
//!                                                                                              │ GET /health/ready
//! the end ◀─ SIGINT, SIGTERM ◀─ wait; say so when a region ends, and leave it so ◀─ ready file ◀┘
//! ```

mod client;
mod folder;
mod people;
mod process;
mod ready;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::WithHint;
use crate::config::{self, Config};
use crate::domain::search_set::Standing;
use crate::matching::Keyer;
use crate::register::keys::{KeyFolder, Signer, directory_key};
use crate::register::matcher::{Budget, Matcher};
use crate::register::peers::directory::{Directory, Known, Listed};
use crate::register::peers::statement::{Believed, Statement};
use crate::register::{Region, sandbox};
use crate::store::clock::Clock;
use crate::store::connection::DatabaseUrl;
use crate::store::{Sizes, Store, migrations};
use client::DemoClient;
use folder::{Folder, Plan, RegionFolder, peer_port, url};
use people::{PLACES, Place};
use process::Process;
use ready::{Ready, ReadyChild, ReadyRegion};

/// Port of the first region when none is given.
const BASE_PORT: u16 = 8470;
/// The base port that is proposed when the one that was chosen is taken.
const OTHER_BASE_PORT: u16 = 9470;
/// The last base port with room above it for every region, and for the face to other regions a hundred above.
const BASE_PORT_MAX: i64 = 65_535 - 107;
/// Children with an entry in each region when nothing is said.
const CHILDREN: usize = 300;
/// The most children in each region: they are put in, and back, in one transaction.
const CHILDREN_MAX: i64 = 20_000;
/// The seed when none is given.
const SEED: u64 = 1;
/// How long the regions may take to answer: a slow machine under load takes ten seconds.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// How often is looked whether a region answers, or has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How much of a log is shown when a region does not start, in characters.
const LOG_SHOWN: usize = 2_000;

/// Seven regions on this machine with invented children: `cofrestr demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Port of the first region; the others have the ports after it [default: 8470]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=BASE_PORT_MAX))]
    pub base_port: Option<u16>,
    /// Folder for databases, keys and tokens; an earlier demo in it is taken up again [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File to write, as JSON, when every region answers: addresses, tokens, children
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Where the demo's clock starts, as in 2026-11-22T10:00:00Z or 2026-11-22 [default: now]
    #[arg(long, value_name = "ISO", value_parser = instant)]
    pub clock: Option<DateTime<Utc>>,
    /// Children on each region's register [default: 300]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=CHILDREN_MAX))]
    pub children: Option<u32>,
    /// The same seed gives the same children [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// An instant as people write one on a command line: RFC 3339, the same without a zone (UTC), or a day (its noon).
fn instant(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let at = DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .or_else(|_| text.parse::<NaiveDateTime>().map(|at| at.and_utc()))
        .or_else(|_| text.parse::<NaiveDate>().map(|day| (day.and_time(NaiveTime::MIN) + TimeDelta::hours(12)).and_utc()))
        .map_err(|_| "write an instant as 2026-11-22T10:00:00Z, or a day as 2026-11-22")?;
    // As far as dates in the register go.
    let years = crate::domain::dates::YEAR_MIN..=crate::domain::dates::YEAR_MAX;
    if years.contains(&at.year()) { Ok(at) } else { Err("choose a year from 1850 to 2199") }
}

/// A region with everything in its place, not yet started.
struct Prepared {
    place: &'static Place,
    port: u16,
    folder: RegionFolder,
    tokens: Map<String, Value>,
    client: DemoClient,
    children: Vec<ReadyChild>,
    statement: Believed,
}

/// Runs the demo until it is told to end. Call it on the main thread: the regions live as long as the thread that starts
/// them.
///
/// # Errors
/// When the demo cannot start: a port is taken, the folder cannot be written, a region does not answer.
pub fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot start")?;
    let folder = {
        // Signals are caught from here on, so that nothing is left behind.
        let _context = runtime.enter();
        let ending = Ending::new()?;
        let folder = Folder::take(args.data.as_deref())?;
        runtime.block_on(demo(args, &folder, ending))?;
        folder
    };
    // Work on the databases that was under way ends before a temporary folder is removed.
    drop(runtime);
    drop(folder);
    Ok(ExitCode::SUCCESS)
}

async fn demo(args: &Args, folder: &Folder, mut ending: Ending) -> Result<()> {
    if let Some(file) = &args.ready_file {
        // Nobody may take the file of an earlier run for this one's.
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot write {}", file.display()));
            }
            _ => {}
        }
    }
    let earlier = folder.plan()?;
    let plan = plan(args, earlier.as_ref())?;
    let ports = ports(plan.base_port);
    ports_are_free(&ports)?;
    let mut prepared = tokio::select! {
        prepared = prepare(folder, &plan, earlier.is_some(), args.clock, &ports) => prepared?,
        () = ending.come() => return Ok(()),
    };
    prepared.sort_by_key(|region| region.port);
    write_directory(folder, &prepared)?;
    folder.keep(&plan)?;
    let mut processes = start(&prepared)?;
    let outcome = tokio::select! {
        ready = answers(&prepared, &mut processes) => ready.and_then(|()| announce(args, folder, &prepared, &processes)),
        () = ending.come() => {
            process::end(&mut processes);
            return Ok(());
        }
    };
    if outcome.is_ok() {
        watch(&prepared, &mut processes, &mut ending).await;
    }
    process::end(&mut processes);
    outcome
}

/// What the demo is to begin with, or has begun with.
fn plan(args: &Args, earlier: Option<&Plan>) -> Result<Plan> {
    let children = args.children.map(|children| children as usize);
    let Some(earlier) = earlier else {
        return Ok(Plan {
            base_port: args.base_port.unwrap_or(BASE_PORT),
            children: children.unwrap_or(CHILDREN),
            seed: args.seed.unwrap_or(SEED),
            began_at: args.clock.unwrap_or_else(|| Clock::default().wall()),
        });
    };
    if children.is_some_and(|children| children != earlier.children) || args.seed.is_some_and(|seed| seed != earlier.seed) {
        return Err(anyhow!("the demo in this folder has {} children in each region, of seed {}", earlier.children, earlier.seed))
            .hint("leave --children and --seed out to take it up again, or name another folder with --data");
    }
    Ok(Plan { base_port: args.base_port.unwrap_or(earlier.base_port), ..earlier.clone() })
}

fn ports(base: u16) -> Vec<u16> {
    (base..).take(PLACES.len()).collect()
}

fn ports_are_free(ports: &[u16]) -> Result<()> {
    let other = if ports.first() == Some(&OTHER_BASE_PORT) { BASE_PORT } else { OTHER_BASE_PORT };
    for (place, port) in PLACES.iter().zip(ports).flat_map(|(place, port)| [(place, *port), (place, peer_port(*port))]) {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("the region {} cannot listen on port {port}", place.code))
            .hint(format!("is another demo running? --base-port chooses other ports, for example --base-port {other}"))?;
    }
    Ok(())
}

/// Puts everything in its place for every region, all at once.
async fn prepare(folder: &Folder, plan: &Plan, again: bool, clock: Option<DateTime<Utc>>, ports: &[u16]) -> Result<Vec<Prepared>> {
    // One reading of the wall clock for all, so that procedure time is the same in every region.
    let offset = clock.map(|clock| clock - Clock::default().wall());
    let progress = ProgressBar::new(PLACES.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        progress.set_style(style);
    }
    progress.set_message("regions");
    progress.tick();
    let keeper = folder.keeper()?.public_key();
    let mut under_way = JoinSet::new();
    for (place, port) in PLACES.iter().zip(ports) {
        let (folder, plan, port, keeper) = (folder.region(place), plan.clone(), *port, keeper.clone());
        let here = tokio::runtime::Handle::current();
        // Files, keys and migrations block.
        under_way.spawn_blocking(move || {
            here.block_on(prepare_region(place, folder, &plan, again, offset, port, &keeper)).with_context(|| place.code)
        });
    }
    let mut prepared = Vec::with_capacity(PLACES.len());
    while let Some(region) = under_way.join_next().await {
        prepared.push(region.context("a region could not be prepared")??);
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(prepared)
}

async fn prepare_region(
    place: &'static Place,
    folder: RegionFolder,
    plan: &Plan,
    again: bool,
    offset: Option<TimeDelta>,
    port: u16,
    keeper: &str,
) -> Result<Prepared> {
    let now = Clock::default().wall();
    let config = Config::from_text(&folder.write_config(place, port, keeper)?)?;
    let keys = KeyFolder::new(&config.keys.folder);
    keys.make_missing(now)?;
    keys.make_missing_tls(place.code, now)?;
    let tokens = people::tokens(place, &folder, now)?;
    let matcher = Matcher::new(Keyer::new(keys.matcher_secret()?), Budget::of(&config.matching));
    let region = Arc::new(Region::new(&config, matcher, Arc::new(Signer::open(keys)?))?);
    let database = DatabaseUrl::parse(&config.database.url)?;
    migrations::run(&database)?;
    let sizes = Sizes { connections: 1, wait: Duration::from_millis(config.database.wait_ms) };
    let store = Store::open(&database, sizes, Arc::new(Clock::default()))?;
    // A start that was broken off may have left children of another plan behind: only a demo that once ran is taken up again.
    let seed = match sandbox::seed(&store, place.code).await? {
        Some(seed) if again => seed,
        _ => {
            let seed =
                sandbox::Seed { children: plan.children, seed: plan.seed, began_at: plan.began_at, coordinator: place.coordinator() };
            sandbox::begin(&store, &region, seed.clone()).await?;
            seed
        }
    };
    let (client, registered) = client::client(place, &folder)?;
    sandbox::keep_client(&store, place.code, registered).await?;
    if let Some(offset) = offset {
        sandbox::move_clock(&store, place.code, Clock::default().wall() + offset).await?;
    }
    let children = sandbox::invented(&region, &seed).into_iter().filter_map(|(id, child)| ReadyChild::new(place.code, id, child)).collect();
    let statement = Statement::sign(region.said(), place.code, now.timestamp_millis(), &region.signer, now)?;
    Ok(Prepared { place, port, folder, tokens, client, children, statement })
}

/// Writes the signed directory of the regions, as its keeper would: a first version, or the next one when a region's address has
/// changed since.
fn write_directory(folder: &Folder, prepared: &[Prepared]) -> Result<()> {
    let keeper = folder.keeper()?;
    let (path, now) = (folder.directory(), Clock::default().wall());
    let keys = [directory_key(&keeper.public_key())];
    let known = match std::fs::read_to_string(&path) {
        Ok(text) => Some(Known::read(text.trim(), &keys, now).with_context(|| format!("{} cannot be used", path.display()))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let says_the_same = |region: &&Prepared| {
        let listed = known.as_ref().and_then(|known| known.statement(region.place.code));
        listed.is_some_and(|listed| listed.statement.said.address == region.statement.statement.said.address)
    };
    let changed: Vec<&Prepared> = prepared.iter().filter(|region| !says_the_same(region)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let mut directory = Directory::next(known.as_ref(), "the regions of the demo".into(), now);
    for region in changed {
        let text = region.statement.text.clone();
        match directory.member(region.place.code) {
            Some(member) => (member.statement, member.earlier) = (text, Vec::new()),
            None => directory.members.push(Listed {
                region: region.place.code.to_owned(),
                standing: Standing::Active,
                statement: text,
                earlier: Vec::new(),
                vouched_in: None,
            }),
        }
    }
    let text = keeper.sign(&directory)?;
    folder::write_whole(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Starts a process for every region.
fn start(prepared: &[Prepared]) -> Result<Vec<Process>> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    // A variable that is meant for one server would give all seven the same database.
    let without = config::overriding_variables();
    prepared
        .iter()
        .map(|region| {
            let arguments: [OsString; 3] = ["serve".into(), "--config".into(), region.folder.config().into()];
            Process::start(&program, &arguments, &without, region.folder.open_log()?)
                .with_context(|| format!("the region {} cannot start", region.place.code))
        })
        .collect()
}

/// Waits until every region answers.
async fn answers(prepared: &[Prepared], processes: &mut [Process]) -> Result<()> {
    let begun = Instant::now();
    for (region, process) in prepared.iter().zip(processes) {
        loop {
            if let Some(status) = process.ended() {
                bail!(
                    "the region {} ended at its start ({status}); its log says:\n{}",
                    region.place.code,
                    end_of_log(&region.folder.log())
                );
            }
            let port = region.port;
            if tokio::task::spawn_blocking(move || is_ready(port)).await.unwrap_or(false) {
                break;
            }
            if begun.elapsed() > READY_LIMIT {
                bail!(
                    "the region {} does not answer after {} seconds; its log says:\n{}",
                    region.place.code,
                    READY_LIMIT.as_secs(),
                    end_of_log(&region.folder.log())
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Whether the server on a port of this machine says that it is ready.
fn is_ready(port: u16) -> bool {
    let limit = Duration::from_secs(2);
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        stream.write_all(format!("GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn end_of_log(path: &Path) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let skipped = text.chars().count().saturating_sub(LOG_SHOWN);
    let shown: String = text.chars().skip(skipped).collect();
    if shown.trim().is_empty() { format!("nothing ({})", path.display()) } else { shown }
}

/// Writes the ready file, and says on standard output what there is.
fn announce(args: &Args, folder: &Folder, prepared: &[Prepared], processes: &[Process]) -> Result<()> {
    if let Some(file) = &args.ready_file {
        let ready = Ready {
            regions: prepared
                .iter()
                .zip(processes)
                .map(|(region, process)| ReadyRegion {
                    code: region.place.code,
                    url: url(region.port),
                    pid: process.id(),
                    database: region.folder.database(),
                    config: region.folder.config(),
                    tokens: &region.tokens,
                    client: &region.client,
                })
                .collect(),
            children: prepared.iter().flat_map(|region| &region.children).collect(),
        };
        folder::write_whole(file, &serde_json::to_vec_pretty(&ready)?).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let text = introduction(folder, prepared)?;
    // Whoever started us may have closed our output; the regions run all the same.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}

fn introduction(folder: &Folder, prepared: &[Prepared]) -> Result<String> {
    let first = prepared.first().ok_or(anyhow!("there is no region"))?;
    let regions: String = prepared.iter().map(|region| format!("  {:<20} {}\n", region.place.code, url(region.port))).collect();
    let token = people::token_path(first.folder.path(), "emergency-duty");
    // A key of its own for each, even when both are pasted in one second.
    let check = |key: &str, child: &str| {
        format!(
            "curl -sS {}/v1/checks \\\n  -H \"Authorization: Bearer $(cat '{}')\" \\\n  -H \"Content-Type: application/json\" \\\n  \
             -H \"Idempotency-Key: {key}-$(date +%s)\" \\\n  -d '{{\"reason\": \"emergency-duty\", \"child\": {child}}}'\n",
            url(first.port),
            token.display()
        )
    };
    Ok(format!(
        "{} regions are up, each with invented children; nobody in them is real.\n\n{regions}\n\
         The page for people: {}/ask, in English and in Welsh; choose who you are. Every region has its own.\n\
         The interface is described at {}/docs, and on every other region.\n\
         Tokens, one for each role: {}/REGION/ROLE.token\nLogs: {}/REGION/region.log\n{}\n\
         A child who is on Gwent's register, with her name misspelt:\n\n{}\n\
         A child who is on no register:\n\n{}\n\
         Ctrl-C ends the demo.\n",
        prepared.len(),
        url(first.port),
        url(first.port),
        folder.path().display(),
        folder.path().display(),
        if folder.is_temporary() { "All of it goes when the demo ends; --data DIR keeps it.\n" } else { "" },
        check("first", r#"{"names": [{"given": "Sian", "family": "Llewelyn"}], "dateOfBirth": "2017-05-09"}"#),
        check("second", r#"{"names": [{"given": "Peredur", "family": "Tremain"}], "dateOfBirth": "2016-06-21"}"#),
    ))
}

/// Waits for the end. A region that ends meanwhile is as in real life: the others go on without it.
async fn watch(prepared: &[Prepared], processes: &mut [Process], ending: &mut Ending) {
    let mut gone = vec![false; processes.len()];
    loop {
        tokio::select! {
            () = ending.come() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        for ((region, process), gone) in prepared.iter().zip(processes.iter_mut()).zip(&mut gone) {
            if let (false, Some(status)) = (*gone, process.ended()) {
                *gone = true;
                let _ = writeln!(
                    std::io::stderr().lock(),
                    "the region {} ended ({status})\nhint: cofrestr serve --config '{}' starts it again",
                    region.place.code,
                    region.folder.config().display()
                );
            }
        }
    }
}

/// The signals that end a demo. Catching one also undoes that it is ignored, which shells do to what they start in the
/// background – but not for a hang-up: `nohup` means it.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Ending {
    fn new() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hang_up: if process::hang_up_is_ignored() { None } else { Some(catch(SignalKind::hangup())?) },
        })
    }

    async fn come(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}
