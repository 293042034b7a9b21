//! `cargo bench --bench federation`: how long a question to every region takes, beside the slowest region's own answer and beside
//! a bare fan-out with the same HTTP client and no work.
//!
//! ```text
//! cargo bench --bench federation                     6, 22 and 218 regions on this machine
//! cargo bench --bench federation -- 6 22             these
//! ```
//!
//! Every region is a process of its own with a database of its own, as in real life; all of them share this machine, which real
//! regions do not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the benchmark speaks")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use cofrestr::config::{Config, DEMO};
use cofrestr::domain::search_set::Standing;
use cofrestr::federation::tls;
use cofrestr::matching::Keyer;
use cofrestr::register::Region;
use cofrestr::register::keys::{KeyFolder, Signer, TlsIdentity, directory_key};
use cofrestr::register::matcher::{Budget, Matcher};
use cofrestr::register::peers::directory::{Directory, Keeper, Known, Listed};
use cofrestr::register::peers::statement::{Believed, Descent, Statement};
use cofrestr::store::connection::DatabaseUrl;
use cofrestr::store::migrations;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cofrestr");
const ISSUER: &str = "https://login.figures.example";
const AUDIENCE: &str = "https://register.figures.example";
/// Questions for up to as many regions as England and Wales have safeguarding regions, and for more, after a few that do not count.
const QUESTIONS: usize = 300;
const QUESTIONS_OF_MANY: usize = 60;
const MANY: usize = 50;
const WARM: usize = 5;
/// So many processes are started at once.
const AT_ONCE: usize = 8;

/// How long a region may take to start, with all the others starting beside it.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A region's process. Killed when dropped.
struct Server(Child);

impl Server {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A free port below those that the system gives to outgoing connections, of which there are many thousand here.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        ensure!(port < 32_000, "no free port between 20000 and 32000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

struct Member {
    code: String,
    folder: PathBuf,
    region: Arc<Region>,
    identity: TlsIdentity,
    statement: Believed,
    address: String,
    port: u16,
    configuration: PathBuf,
}

fn main() -> Result<()> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![6, 22, 218] } else { sizes };
    println!(
        "| regions | wall p50 ms | wall p99 ms | slowest region p50 ms | slowest region p99 ms | wall / slowest (p50) | bare fan-out p50 ms | bare fan-out p99 ms | complete | memory of a region MB (PSS) | CPU ms for a question, all processes |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for size in sizes {
        measure(size)?;
    }
    Ok(())
}

fn measure(size: usize) -> Result<()> {
    let questions = if size > MANY { QUESTIONS_OF_MANY } else { QUESTIONS };
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("federation-{}-{size}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let (members, directory) = prepare(size, &scratch)?;
    let mut servers = Vec::new();
    for some in members.chunks(AT_ONCE) {
        for member in some {
            servers.push(serve(member)?);
        }
        let begun = Instant::now();
        for member in some {
            while TcpStream::connect(("127.0.0.1", member.port)).is_err() {
                ensure!(begun.elapsed() < START_LIMIT, "{} does not start; see {}", member.code, member.folder.display());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let first = members.first().context("no region")?;
    let token = token(first)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://127.0.0.1:{}/v1/checks", first.port);
    let ask = |number: usize| {
        let (client, url, token) = (client.clone(), url.clone(), token.clone());
        async move {
            // Another child each time: somebody who is on no register, so that every region must answer.
            let question = json!({
                "reason": "emergency-duty", "deadlineMs": 10_000,
                "child": { "names": [{ "given": "Peredur", "family": format!("Tremain{number}") }], "dateOfBirth": "2016-06-21" },
            });
            let begun = Instant::now();
            let response = client
                .post(url)
                .bearer_auth(token)
                .header("Idempotency-Key", format!("bench-{number}-{}", uuid::Uuid::now_v7()))
                .json(&question)
                .send()
                .await?;
            ensure!(response.status() == 201, "status {}", response.status());
            let answer: Value = response.json().await?;
            Ok::<_, anyhow::Error>((begun.elapsed(), answer))
        }
    };
    // Until every line is open.
    let opening = Instant::now();
    loop {
        let (_, answer) = runtime.block_on(ask(usize::MAX))?;
        if answer["outcome"] == "not-on-register" {
            break;
        }
        ensure!(opening.elapsed() < Duration::from_secs(120), "the regions do not find each other: {}", answer["coverage"]);
        std::thread::sleep(Duration::from_millis(200));
    }
    for number in 0..WARM {
        runtime.block_on(ask(number))?;
    }
    let cpu_before = servers.iter().map(|server| cpu_seconds(server.id())).sum::<f64>();
    let (mut wall, mut slowest, mut complete) = (Vec::new(), Vec::new(), 0);
    for number in 0..questions {
        let (elapsed, answer) = runtime.block_on(ask(WARM + number))?;
        wall.push(elapsed.as_secs_f64() * 1e3);
        let of_regions = answer["coverage"].as_array().context("coverage")?.iter().filter_map(|row| row["durationMs"].as_f64());
        slowest.push(of_regions.fold(0.0, f64::max));
        complete += usize::from(answer["outcome"] == "not-on-register");
    }
    let cpu = (servers.iter().map(|server| cpu_seconds(server.id())).sum::<f64>() - cpu_before) * 1e3 / questions as f64;
    let bare = runtime.block_on(bare(&members, &directory, questions))?;
    let memory = servers.iter().filter_map(|server| pss_mb(server.id())).sum::<f64>() / servers.len() as f64;
    println!(
        "| {size} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {complete} of {questions} | {memory:.1} | {cpu:.1} |",
        at(&mut wall, 0.5),
        at(&mut wall, 0.99),
        at(&mut slowest, 0.5),
        at(&mut slowest, 0.99),
        at(&mut wall, 0.5) / at(&mut slowest, 0.5).max(0.1),
        at(&mut bare.clone(), 0.5),
        at(&mut bare.clone(), 0.99),
    );
    drop(servers);
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn at(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short list")]
    values.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// Every region's folder, keys and statement, and the directory of all.
fn prepare(size: usize, scratch: &Path) -> Result<(Vec<Member>, Arc<Known>)> {
    let (keeper, _) = Keeper::generate()?;
    let regions: Vec<Value> = (0..size)
        .map(|number| {
            json!({
                "code": code(number), "name": { "en": format!("Region {number}"), "cy": format!("Rhanbarth {number}") },
                "nation": "england", "procedures": "england",
                "authorities": [{ "gss": gss(number), "name": { "en": format!("Authority {number}"), "cy": format!("Awdurdod {number}") } }],
            })
        })
        .collect();
    let file = scratch.join("regions.toml");
    fs::write(&file, toml::to_string(&json!({ "region": regions }))?)?;
    let empty = scratch.join("empty.sqlite");
    migrations::run(&DatabaseUrl::Sqlite(empty.display().to_string()))?;
    let mut members = Vec::with_capacity(size);
    for number in 0..size {
        members.push(member(number, scratch, &file, &empty, &keeper.public_key())?);
    }
    let now = Utc::now();
    let mut directory = Directory::next(None, "the regions of the benchmark".into(), now);
    directory.members = members
        .iter()
        .map(|member| Listed {
            region: member.code.clone(),
            standing: Standing::Active,
            statement: member.statement.text.clone(),
            earlier: Vec::new(),
            vouched_in: None,
        })
        .collect();
    let text = keeper.sign(&directory)?;
    fs::write(scratch.join("directory.jws"), &text)?;
    Ok((members, Arc::new(Known::read(&text, &[directory_key(&keeper.public_key())], now)?)))
}

fn code(number: usize) -> String {
    format!("region-{number:03}")
}

fn gss(number: usize) -> String {
    format!("E0699{number:04}")
}

fn member(number: usize, scratch: &Path, members: &Path, empty: &Path, keeper: &str) -> Result<Member> {
    let code = code(number);
    let folder = scratch.join(&code);
    fs::create_dir_all(&folder)?;
    fs::copy(empty, folder.join("register.sqlite"))?;
    let (port, peers) = (free_port()?, free_port()?);
    let address = format!("https://127.0.0.1:{peers}");
    let mut all: toml::Table = toml::from_str(DEMO)?;
    let contact = |kind: &str| -> toml::Table {
        toml::toml! { name = (format!("{kind} {number}")) phone = "0121 496 0000" }
    };
    let mut contacts = toml::Table::new();
    let mut of_authority = toml::Table::new();
    of_authority.insert("office".into(), contact("Office").into());
    of_authority.insert("out_of_hours".into(), contact("Duty team").into());
    contacts.insert(gss(number), of_authority.into());
    all.insert("contacts".into(), contacts.into());
    all.extend(toml::toml! {
        [region]
        code = (code.clone())

        [server]
        bind = (format!("127.0.0.1:{port}"))
        workers = 1
        shutdown_seconds = 1

        [database]
        url = (format!("sqlite:{}", folder.join("register.sqlite").display()))
        connections = 2

        [keys]
        folder = (folder.join("keys").display().to_string())

        [members]
        file = (members.display().to_string())

        [federation]
        bind = (format!("127.0.0.1:{peers}"))
        address = (address.clone())
        directory_keys = [(keeper.to_owned())]
        directory_file = (scratch.join("directory.jws").display().to_string())
        refresh_ms = 30000
        requests_per_minute = 1000000

        [[issuers]]
        issuer = ISSUER
        audience = AUDIENCE
        jwks_file = (folder.join("issuer/public.json").display().to_string())
    });
    let text = toml::to_string(&all)?;
    let configuration = folder.join("region.toml");
    fs::write(&configuration, &text)?;
    let now = Utc::now();
    KeyFolder::new(folder.join("issuer")).rotate(now)?;
    let keys = KeyFolder::new(folder.join("keys"));
    keys.make_missing(now)?;
    keys.make_missing_tls(&code, now)?;
    let matcher = Matcher::new(Keyer::new(keys.matcher_secret()?), Budget::default());
    let signer = Arc::new(Signer::open(keys.clone())?);
    let region = Arc::new(Region::new(&Config::from_text(&text)?, matcher, Arc::clone(&signer))?);
    let statement = Statement::sign(region.said(), &code, now.timestamp_millis(), &signer, now)?;
    Ok(Member { identity: keys.tls_identity(now)?, code, folder, region, statement, address, port, configuration })
}

fn serve(member: &Member) -> Result<Server> {
    let mut command = Command::new(PROGRAM);
    command.arg("serve").arg("--config").arg(&member.configuration);
    for variable in cofrestr::config::overriding_variables() {
        command.env_remove(variable);
    }
    let log = fs::File::create(member.folder.join("serve.log"))?;
    let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("cannot start a region")?;
    Ok(Server(child))
}

fn token(member: &Member) -> Result<String> {
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "nurse", "client_id": "bench", "iat": now, "nbf": now, "exp": now + 36_000,
        "role": "partner", "sector": "health", "organisation": { "code": "BEN", "name": "Hospital" },
    });
    Ok(Signer::open(KeyFolder::new(member.folder.join("issuer")))?.sign("at+jwt", &claims)?)
}

/// A request without work to every other region at once, over the same kind of connections: what the network and the client cost.
async fn bare(members: &[Member], directory: &Arc<Known>, questions: usize) -> Result<Vec<f64>> {
    let [first, others @ ..] = members else { bail!("no region") };
    first.region.take_up(Arc::clone(directory), &BTreeMap::new(), Arc::new(Descent::of(first.statement.clone())), Utc::now());
    let mut clients = Vec::new();
    for other in others {
        let config = tls::client(&first.region, &other.code.parse()?, &first.identity)?;
        let client = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().pool_idle_timeout(None).build()?;
        clients.push((client, format!("{}/health/live", other.address)));
    }
    let mut times = Vec::new();
    for round in 0..WARM + questions {
        let begun = Instant::now();
        let asked: Vec<_> = clients
            .iter()
            .cloned()
            .map(|(client, url)| {
                tokio::spawn(async move {
                    // A connection may have been closed while it was idle: once more, then.
                    let first = client.get(&url).send().await;
                    let answer = if first.is_err() { client.get(&url).send().await } else { first };
                    answer.map(|answer| answer.status().is_success())
                })
            })
            .collect();
        for answer in asked {
            ensure!(answer.await??, "a region does not answer");
        }
        if round >= WARM {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

/// Proportional share of memory, in MB.
fn pss_mb(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

/// Processor time so far, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // utime and stime, in hundredths; the state before them is no number.
    fields.get(10).zip(fields.get(11)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}
