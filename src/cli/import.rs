//! `cofrestr import`: valid rows in, invalid rows out with codes.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::sheet::{Format, Sheet};
use super::{Where, WithHint, bring_up_to_date, open_store, region, runtime};
use crate::domain::text::Line;
use crate::register::imports::{self, COLUMNS, Done, Importer, Outcome, REQUIRED, Remark, Rows, Rules};
use crate::register::{RegisterError, children, matcher, sandbox};
use crate::store::clock::Clock;
use crate::store::connection::DatabaseUrl;

/// The exit code when some rows were not taken.
const SOME_REJECTED: u8 = 2;

/// Takes over a register from a file: children and their registrations.
///
/// Every row is answered on standard output as one line of JSON: `row`, `id`, `outcome` (`added`, `unchanged`, `changed`,
/// `rejected`), `childId`, `warnings` and `errors`, each with `column`, `code` and `detail`. An odd item is dropped with a
/// warning and the row kept; a row is rejected only when it cannot be an entry at all. Run it again as often as you like:
/// rows that are on the register already are `unchanged`, and an import that broke off goes on where it stopped.
///
/// The exit code is 0 when every row was taken, 2 when some were rejected, 1 when the import failed.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file; `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    place: Where,
    /// Say what would become of each row, and write nothing but that somebody looked.
    #[arg(long)]
    dry_run: bool,
    /// The name of the source, the same one each time it is imported; by default the file's name without its ending.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the rows are written down; by default what the file's ending says.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Who runs the import, for the audit log.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "cofrestr", hide_env_values = true)]
    by: String,
}

/// A line of the answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    warnings: &'a [Remark],
    errors: &'a [Remark],
}

#[derive(Default)]
struct Summary {
    rows: u64,
    added: u64,
    unchanged: u64,
    changed: u64,
    rejected: u64,
    with_warnings: u64,
}

impl Summary {
    fn count(&mut self, done: &Done) {
        self.rows += 1;
        *match done.outcome {
            Outcome::Added => &mut self.added,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Changed => &mut self.changed,
            Outcome::Rejected => &mut self.rejected,
        } += 1;
        self.with_warnings += u64::from(!done.warnings.is_empty());
    }
}

/// Runs the command.
///
/// # Errors
/// When the file, the configuration or the database cannot be used. Rows answered before are safe.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.place.config()?;
    let source = source(args)?;
    let sheet = Sheet::open(&args.file, args.format, "importing")?;
    check_columns(&sheet)?;
    let region = region(&config)?;
    let url = DatabaseUrl::parse(&config.database.url)?;
    if args.dry_run && matches!(&url, DatabaseUrl::Sqlite(path) if !Path::new(path).exists()) {
        // Nothing is on this register yet, and a dry run makes no database.
        let rules = Rules::of(&region, children::today(Clock::default().now()));
        let mut rows = Rows::new(sheet, rules);
        let mut teller = Teller::new(true);
        while let Some(row) = rows.next_row()? {
            teller.tell(&[imports::untried(&row)])?;
        }
        return teller.finish(rows.sheet(), Instant::now());
    }
    bring_up_to_date(&url, config.database.migrate_at_start && !args.dry_run)?;
    let store = open_store(&url)?;
    let runtime = runtime()?;
    if config.sandbox.enabled {
        runtime.block_on(sandbox::load_clock(&store, region.code().as_str()))?;
    }
    if !args.dry_run {
        runtime.block_on(matcher::bring_up_to_date(&store, &region))?;
    }
    let started = Instant::now();
    let today = children::today(store.clock().now());
    sheet.progress.reset_elapsed();
    let mut rows = Rows::new(sheet, Rules::of(&region, today));
    let importer =
        Importer { store: store.clone(), region: region.clone(), user: args.by.clone(), source, dry_run: args.dry_run, run: None };
    let mut teller = Teller::new(args.dry_run);
    runtime.block_on(async {
        take_all(&importer, &mut rows, &mut teller).await?;
        if teller.summary.added + teller.summary.changed > 0 && !args.dry_run {
            matcher::refresh(&store, region.code().as_str(), &region.matcher)
                .await
                .context("the matcher's statistics could not be counted")?;
        }
        anyhow::Ok(())
    })?;
    teller.finish(rows.sheet(), started)
}

/// The name of the source: a short line, since it stands beside every fact.
fn source(args: &Args) -> anyhow::Result<String> {
    let name = match &args.source {
        Some(name) => name.clone(),
        None if args.file == Path::new("-") => {
            return Err(anyhow::anyhow!("rows from standard input have no name")).hint("name their source with --source NAME");
        }
        None => args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    let line: Line = name.parse().context("the name of the source cannot be used").hint("name the source with --source NAME")?;
    Ok(line.expose().to_owned())
}

fn check_columns(sheet: &Sheet) -> anyhow::Result<()> {
    let Some(columns) = sheet.columns() else { return Ok(()) };
    let missing: Vec<_> = REQUIRED.iter().filter(|needed| !columns.iter().any(|column| column == *needed)).copied().collect();
    if !missing.is_empty() {
        return Err(anyhow::anyhow!("the file has no column {}", missing.join(", ")))
            .hint(format!("the columns are {}", COLUMNS.join(",")));
    }
    let unknown: Vec<_> = columns.iter().filter(|column| !column.is_empty() && !COLUMNS.contains(&column.as_str())).cloned().collect();
    if !unknown.is_empty() {
        eprintln!("note: these columns are not read: {}", unknown.join(", "));
    }
    Ok(())
}

/// Takes all rows in. While one unit of work is put together and written, the next is read.
async fn take_all(importer: &Importer, rows: &mut Rows<Sheet, anyhow::Error>, teller: &mut Teller) -> anyhow::Result<()> {
    let mut under_way: Option<JoinHandle<Result<Vec<Done>, RegisterError>>> = None;
    loop {
        let unit = rows.unit()?;
        let last = unit.is_empty();
        if let Some(handle) = under_way.take() {
            let done = handle.await.context("a unit of work was abandoned")?;
            let told =
                done.context("the import broke off").hint("run it again: rows answered so far are safe, and it goes on from there")?;
            teller.tell(&told)?;
        }
        if last {
            return Ok(());
        }
        let importer = importer.clone();
        under_way = Some(tokio::spawn(async move { importer.take(unit).await }));
    }
}

/// Tells what became of each row.
struct Teller {
    out: BufWriter<io::Stdout>,
    summary: Summary,
    dry_run: bool,
}

impl Teller {
    fn new(dry_run: bool) -> Self {
        Self { out: BufWriter::new(io::stdout()), summary: Summary::default(), dry_run }
    }

    fn tell(&mut self, told: &[Done]) -> anyhow::Result<()> {
        for done in told {
            self.summary.count(done);
            let exists = !(self.dry_run && done.outcome == Outcome::Added);
            let answer = Answer {
                row: done.number,
                id: done.id.as_deref(),
                outcome: done.outcome.as_str(),
                child_id: done.child.filter(|_| exists).map(|child| child.to_string()),
                warnings: &done.warnings,
                errors: &done.errors,
            };
            serde_json::to_writer(&mut self.out, &answer).context("standard output cannot be written to")?;
            self.out.write_all(b"\n").context("standard output cannot be written to")?;
        }
        self.out.flush().context("standard output cannot be written to")
    }

    fn finish(mut self, sheet: &Sheet, started: Instant) -> anyhow::Result<ExitCode> {
        self.out.flush().context("standard output cannot be written to")?;
        sheet.progress.finish_and_clear();
        let Summary { rows, added, unchanged, changed, rejected, with_warnings } = self.summary;
        eprintln!(
            "{}{rows} rows in {:.1} s: {added} added, {unchanged} unchanged, {changed} changed, {rejected} rejected; {with_warnings} with warnings",
            if self.dry_run { "dry run, nothing written: " } else { "" },
            started.elapsed().as_secs_f64()
        );
        Ok(if rejected > 0 { ExitCode::from(SOME_REJECTED) } else { ExitCode::SUCCESS })
    }
}
