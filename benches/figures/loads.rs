//! `--import`: how fast a whole register goes in through `POST /v1/imports`, beside the databases' own bulk loaders, which put the
//! same rows as bare text into one table without an index: no child, no entry, no index of the matcher, no audit log.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cofrestr::store::connection::{AnyConnection, DatabaseUrl};
use diesel::connection::SimpleConnection;
use serde_json::Value;

use super::Databases;
use super::children::Register;
use super::process::cpu_seconds;
use super::region::Region;

/// How long a load may take.
const LIMIT: Duration = Duration::from_secs(1_800);
/// SQLite's own way: prepared statement, one transaction. `.import` of its shell does no more.
const SQLITE: &str = "
import csv, sqlite3, sys
rows = csv.reader(open(sys.argv[2], newline='', encoding='utf-8'))
header = next(rows)
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode = WAL')
db.execute('PRAGMA synchronous = FULL')
db.execute('CREATE TABLE bulk (%s)' % ', '.join('\"%s\" TEXT' % name for name in header))
db.execute('BEGIN')
db.executemany('INSERT INTO bulk VALUES (%s)' % ', '.join('?' * len(header)), rows)
db.execute('COMMIT')
";

/// What was measured of one database.
struct Measured {
    database: &'static str,
    what: &'static str,
    seconds: f64,
    cpu: f64,
}

/// Measures, and prints a table.
///
/// # Errors
/// When something does not run, or a load does not do what it should.
pub fn measure(databases: &Databases, program: Option<&Path>, size: usize) -> Result<()> {
    let register = Register::invent(size);
    let folder = &databases.folder;
    let (sheet, changed) = (folder.join("children.csv"), folder.join("changed.csv"));
    register.write(&sheet)?;
    let rows = change_one_in_a_hundred(&sheet, &changed)?;
    let mut all = Vec::new();
    for database in ["SQLite", "PostgreSQL"] {
        let bulk = databases.url(database, "bulk");
        all.push(Measured { database, what: "bulk loader", seconds: bulk_load(&bulk, &sheet)?, cpu: 0.0 });
        let url = databases.url(database, "imported");
        let region = Region::make(program.map(Path::to_path_buf), folder.join(format!("{database}-imports")), url)?;
        region.prepare()?;
        let server = region.serve(true)?;
        for (what, file, unchanged) in
            [("everything new", &sheet, 0), ("the same again", &sheet, 100), ("one in a hundred changed", &changed, 98)]
        {
            let before = cpu_seconds(server.id()) + databases.process(database).map_or(0.0, cpu_seconds);
            let begun = Instant::now();
            let counts = load(server.port, &region.custodian, file)?;
            let seconds = begun.elapsed().as_secs_f64();
            let after = cpu_seconds(server.id()) + databases.process(database).map_or(0.0, cpu_seconds);
            let count =
                |code: &str| counts.iter().find(|count| count["code"] == code).and_then(|count| count["rows"].as_u64()).unwrap_or(0);
            let taken = rows as u64 - count("rejected");
            if count("unchanged") * 100 < taken * unchanged {
                bail!("{what}: {} of {taken} rows are unchanged", count("unchanged"));
            }
            eprintln!(
                "{database}, {what}: {seconds:.1} s; {} added, {} changed, {} unchanged",
                count("added"),
                count("changed"),
                count("unchanged")
            );
            all.push(Measured { database, what, seconds, cpu: after - before });
        }
        server.end();
    }
    println!("| database | {rows} rows | seconds | rows per second | CPU seconds | times the bulk loader's time |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for row in &all {
        let bulk = all.iter().find(|other| other.database == row.database).map_or(1.0, |bulk| bulk.seconds);
        let (rate, times) = (rows as f64 / row.seconds, row.seconds / bulk);
        println!("| {} | {} | {:.2} | {rate:.0} | {:.1} | {times:.1} |", row.database, row.what, row.seconds, row.cpu);
    }
    Ok(())
}

/// Writes the same file with another co-ordinator in every hundredth row; answers how many rows there are.
fn change_one_in_a_hundred(from: &Path, to: &Path) -> Result<usize> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(from)?;
    let headers = reader.headers()?.clone();
    let place = headers.iter().position(|name| name == "coordinator").context("the file names no co-ordinators")?;
    let mut writer = csv::WriterBuilder::new().flexible(true).from_path(to)?;
    writer.write_record(&headers)?;
    let mut rows = 0;
    for record in reader.records() {
        let record = record?;
        let cell = |(column, text): (usize, &str)| {
            if column == place && rows % 100 == 0 { "Another Sample".to_owned() } else { text.to_owned() }
        };
        writer.write_record(record.iter().enumerate().map(cell).collect::<Vec<_>>())?;
        rows += 1;
    }
    writer.flush()?;
    Ok(rows)
}

/// Loads the file with what the database itself has for it; says how many seconds it took.
fn bulk_load(url: &str, sheet: &Path) -> Result<f64> {
    if let DatabaseUrl::Sqlite(path) = DatabaseUrl::parse(url)? {
        let begun = Instant::now();
        let status = Command::new("python3").arg("-c").arg(SQLITE).arg(path).arg(sheet).status().context("cannot run python3")?;
        if !status.success() {
            bail!("SQLite's bulk load: {status}");
        }
        return Ok(begun.elapsed().as_secs_f64());
    }
    let AnyConnection::Pg(mut connection) = AnyConnection::open(&DatabaseUrl::parse(url)?)? else { bail!("not PostgreSQL") };
    let headers = csv::Reader::from_path(sheet)?.headers()?.clone();
    let columns: Vec<String> = headers.iter().map(|name| format!("\"{name}\" TEXT")).collect();
    connection.batch_execute(&format!("CREATE TABLE bulk ({})", columns.join(", ")))?;
    let begun = Instant::now();
    connection.batch_execute(&format!("COPY bulk FROM '{}' (FORMAT csv, HEADER)", sheet.display()))?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Sends a file and waits until every row is answered; answers how many rows have which code.
fn load(port: u16, token: &str, file: &Path) -> Result<Vec<Value>> {
    let body = std::fs::read(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let base = format!("http://127.0.0.1:{port}/v1/imports");
        let sent = client.post(format!("{base}?source=figures")).bearer_auth(token).header("content-type", "text/csv");
        let sent = sent.header("idempotency-key", uuid::Uuid::now_v7().to_string()).body(body).send().await?;
        let sent: Value = sent.error_for_status()?.json().await?;
        let id = sent["id"].as_str().context("an import without an identifier")?.to_owned();
        let begun = Instant::now();
        loop {
            let now: Value = client.get(format!("{base}/{id}")).bearer_auth(token).send().await?.error_for_status()?.json().await?;
            match now["status"].as_str() {
                Some("finished") => return Ok(now["counts"].as_array().cloned().unwrap_or_default()),
                Some("waiting" | "running") if begun.elapsed() < LIMIT => tokio::time::sleep(Duration::from_millis(50)).await,
                other => bail!("the import is {other:?} after {:.0} s", begun.elapsed().as_secs_f64()),
            }
        }
    })
}
