//! `cofrestr match-report`: how well and how fast this register's matching finds people.
//!
//! The register file is loaded into the same tables as a real register, and each question goes the way of a check: read,
//! normalised, searched in the database, ranked. Every person counts as registered now. No row is ever refused: an
//! impossible date or an odd number is evidence, as it would be in a question.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::sheet::{Sheet, progress};
use super::{WithHint, open_store, runtime};
use crate::authz::policy::action::MeasureMatching;
use crate::authz::program_permit;
use crate::domain::ids::{AddressId, ChildId, HouseholdMemberId, IdentifierId, NameId};
use crate::domain::nation::Nation;
use crate::matching::{Birth, Grade, Keyer, NameKind, Person, PersonAddress, PersonCarer, PersonName, Query, Sex};
use crate::register::RegisterError;
use crate::register::bulk::Bulk;
use crate::register::children::{self, Child};
use crate::register::imports::Cells;
use crate::register::matcher::{self, Budget, Matcher};
use crate::register::registrations::{self, NewBasis, NewRegistration};
use crate::store::children::{AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow};
use crate::store::connection::DatabaseUrl;
use crate::store::matching as rows;
use crate::store::types::Id;
use crate::store::{Snapshot, Store, Tx, migrations};

/// Rows entered in one unit of work. Nobody else waits for this database.
const UNIT: usize = 5_000;
/// Questions asked before the clock counts, so that neither cold caches nor unprepared statements are measured.
const WARM_UP: usize = 200;
/// In whose name facts stand and permits are spent.
const BY: &str = "match-report";
/// Every child needs an authority; which one does not matter here.
const AUTHORITY: &str = "W06000022";
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Measures how well and how fast the matching finds people.
///
/// Two CSV files with the columns id,given,middle,family,aliasGiven,aliasFamily,dateOfBirth,sex,nhsNumber,address,postcode,
/// motherGiven,motherFamily,expectedDeliveryDate; columns may be missing and cells empty ("not known"). The queries have one
/// more, `truth`: the `id` of the person in the register, or empty when the person is not there. If they have a column
/// `slice` (tags separated by `;`), recall is also told for each tag.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The people on the register.
    #[arg(long, value_name = "FILE")]
    register: PathBuf,
    /// The questions.
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// An empty database to use; by default a temporary one.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Ask only the first N questions.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The figures.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    register_size: usize,
    queries: usize,
    recall_at1: f64,
    recall_at5: f64,
    recall_at1_probable: f64,
    false_alarm_possible: f64,
    false_alarm_probable: f64,
    false_alarm_certain: f64,
    candidates_mean: f64,
    latency_ms: Latency,
    load_seconds: f64,
    database_bytes: i64,
}

#[derive(Debug, Default, Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
    max: f64,
}

/// A question and what is right.
struct Asked {
    person: Person,
    /// The person who is meant, nobody when they are not on the register.
    truth: Option<String>,
    slices: Vec<String>,
}

/// What came of a question.
struct Answered {
    /// Place of the person who is meant, from 0, and the grade there.
    found: Option<(usize, Grade)>,
    best: Option<Grade>,
    candidates: usize,
    compared: usize,
    milliseconds: f64,
}

/// Runs the command.
///
/// # Errors
/// When a file or the database cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let questions = questions(&args.queries, args.limit)?;
    let scratch = match &args.database {
        Some(_) => None,
        None => Some(Scratch::new("match-report")?),
    };
    let url = match (&args.database, &scratch) {
        (Some(url), _) => DatabaseUrl::parse(url)?,
        (None, Some(scratch)) => scratch.url(),
        (None, None) => return Err(anyhow!("there is no database")),
    };
    let sheet = Sheet::open(&args.register, None, "loading")?;
    migrations::run(&url)?;
    let store = open_store(&url)?;
    let mut matcher = matcher()?;
    if let Some(years) = all_ages(&args.register)? {
        eprintln!(
            "note: these people were born over {years} years, so they are weighed as people of all ages, not as a register of children"
        );
        matcher = matcher.over_all_ages(years);
    }
    let (figures, per_slice) = runtime()?.block_on(async {
        refuse_a_register(&store).await?;
        let started = Instant::now();
        let people = load(&store, &matcher, sheet).await?;
        matcher::refresh(&store, BY, &matcher).await?;
        let load_seconds = started.elapsed().as_secs_f64();
        let unknown = questions.iter().filter_map(|asked| asked.truth.as_ref()).filter(|truth| !people.contains_key(*truth)).count();
        if unknown > 0 {
            eprintln!("note: {unknown} queries name a truth that is not in the register; they count as not found");
        }
        let (answers, database_bytes) = ask(&store, &matcher, &people, &questions).await?;
        let mut figures = figures(&questions, &answers);
        (figures.register_size, figures.load_seconds, figures.database_bytes) = (people.len(), round(load_seconds), database_bytes);
        let compared = mean(answers.iter().map(|answer| answer.compared as f64));
        anyhow::Ok((figures, (slices(&questions, &answers), compared)))
    })?;
    drop(store);
    drop(scratch);
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print!("{}", table(&figures, &per_slice.0, per_slice.1));
    }
    Ok(ExitCode::SUCCESS)
}

/// A temporary SQLite database, gone with the value: it holds what the files hold.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(purpose: &str) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("cofrestr-{purpose}-{}", uuid::Uuid::now_v7()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
        Ok(Self(folder))
    }

    pub(super) fn url(&self) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.0.join("scratch.sqlite").to_string_lossy().into_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The matcher as a server has it by default, under a secret of its own.
fn matcher() -> anyhow::Result<Matcher> {
    let mut secret = [0; 16];
    SystemRandom::new().fill(&mut secret).map_err(|_| anyhow!("the random source failed"))?;
    let defaults: toml::Table = toml::from_str(DEFAULTS)?;
    let settings = defaults.get("matching").context("config/default.toml has no [matching]")?.clone().try_into()?;
    Ok(Matcher::new(Keyer::new(secret), Budget::of(&settings)))
}

/// A register of children, former ones included, spans no more years of birth than this.
const CHILDREN_BORN_OVER_YEARS: i32 = 60;

/// Over how many years the people of a file were born, when that shows that they are no children: public data sets of
/// adults. The earliest and the latest hundredth are left out, for among faulty dates some are always far off.
fn all_ages(register: &Path) -> anyhow::Result<Option<u16>> {
    let mut sheet = Sheet::open(register, None, "reading")?;
    let mut years = Vec::new();
    while let Some(row) = sheet.next()? {
        let cells = row.map(|row| row.cells).unwrap_or_default();
        match cells.get("dateOfBirth").map(Birth::from_text) {
            Some(Birth::Exact(on)) => years.push(on.year()),
            Some(Birth::Year(year) | Birth::Month { year, .. }) => years.push(i32::from(year)),
            _ => {}
        }
    }
    sheet.progress.finish_and_clear();
    years.sort_unstable();
    let at = |part: usize| years.get(years.len() * part / 100).or(years.last());
    Ok(match (at(1), at(99)) {
        (Some(first), Some(last)) if last - first > CHILDREN_BORN_OVER_YEARS => u16::try_from(last - first + 1).ok(),
        _ => None,
    })
}

async fn refuse_a_register(store: &Store) -> anyhow::Result<()> {
    let empty = store
        .read(program_permit::<MeasureMatching>(BY, BY), |snapshot: &mut Snapshot<'_>| {
            Ok::<_, RegisterError>(crate::store::children::page(snapshot.connection, 0, 1)?.is_empty())
        })
        .await?;
    if empty { Ok(()) } else { Err(anyhow!("the database already holds people")).hint("name an empty database, or leave --database out") }
}

/// A person as the files describe them.
fn person(cells: &Cells) -> Person {
    let text = |column: &str| cells.get(column).map(str::to_owned);
    let named = |given: &str, middle: &str, family: &str, kind: NameKind| {
        let name = PersonName { given: text(given), middle: text(middle), family: text(family), kind };
        (name.given.is_some() || name.middle.is_some() || name.family.is_some()).then_some(name)
    };
    let birth = cells.get("dateOfBirth").map_or(Birth::Unknown, Birth::from_text);
    let expected = match cells.get("expectedDeliveryDate").map(Birth::from_text) {
        Some(Birth::Exact(on)) => Birth::Expected(on),
        _ => Birth::Unknown,
    };
    Person {
        names: [named("given", "middle", "family", NameKind::Current), named("aliasGiven", "", "aliasFamily", NameKind::Alias)]
            .into_iter()
            .flatten()
            .collect(),
        birth: if birth == Birth::Unknown { expected } else { birth },
        sex: match cells.get("sex").map(str::to_lowercase).as_deref() {
            Some("f") => Sex::Female,
            Some("m") => Sex::Male,
            code => matcher::sex(code.unwrap_or_default()),
        },
        nhs_numbers: text("nhsNumber").into_iter().collect(),
        addresses: (cells.get("address").is_some() || cells.get("postcode").is_some())
            .then(|| PersonAddress {
                lines: text("address").into_iter().collect(),
                postcode: text("postcode"),
                current: true,
                hidden: false,
            })
            .into_iter()
            .collect(),
        carers: (cells.get("motherGiven").is_some() || cells.get("motherFamily").is_some())
            .then(|| PersonCarer { given: text("motherGiven"), family: text("motherFamily"), is_mother: true, hidden: false })
            .into_iter()
            .collect(),
    }
}

/// The bounds of a birth, as far as a fact table holds it.
fn bounds(birth: Birth) -> (&'static str, Option<NaiveDate>, Option<NaiveDate>) {
    let month = |year: u16, month: u8| NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), 1);
    let last = |next: Option<NaiveDate>| next.and_then(|next| next.checked_sub_days(Days::new(1)));
    let (kind, from, to) = match birth {
        Birth::Unknown | Birth::Impossible { .. } => ("unknown", None, None),
        Birth::Exact(on) => ("exact", Some(on), Some(on)),
        Birth::Expected(on) => ("expected", Some(on), Some(on)),
        Birth::Range { from, to } => ("approximate", Some(from), Some(to)),
        Birth::Year(year) => ("approximate", month(year, 1), last(month(year + 1, 1))),
        Birth::Month { year, month: 12 } => ("approximate", month(year, 12), last(month(year + 1, 1))),
        Birth::Month { year, month: of } => ("approximate", month(year, of), last(month(year, of + 1))),
    };
    // PostgreSQL and SQLite agree on four-digit years.
    match (from, to) {
        (Some(from), Some(to)) if from <= to && (1..=9999).contains(&from.year()) => (kind, Some(from), Some(to)),
        _ => ("unknown", None, None),
    }
}

/// The facts of a person as a register keeps them.
fn facts(person: &Person, at: DateTime<Utc>) -> (ChildId, Child) {
    let id = ChildId::new_at(at);
    let (birth_kind, birth_from, birth_to) = bounds(person.birth);
    let child = Child {
        row: ChildRow {
            pid: 0,
            id: id.into(),
            authority: AUTHORITY.into(),
            standing: "current".into(),
            shielded: false,
            version: 1,
            created_at: at.into(),
            changed_at: at.into(),
        },
        census: None,
        referrals: Vec::new(),
        particulars: Some(ParticularsRow {
            id: Id(uuid::Uuid::now_v7()),
            child_id: id.into(),
            birth_kind: birth_kind.into(),
            birth_from,
            birth_to,
            sex: match person.sex {
                Sex::Female => "female",
                Sex::Male => "male",
                Sex::Indeterminate => "indeterminate",
                Sex::Unknown => "unknown",
            }
            .into(),
            preferred_language: None,
            communication_needs: None,
            valid_from: None,
            valid_to: None,
            recorded_at: at.into(),
            recorded_by: BY.into(),
            superseded_at: None,
        }),
        names: person
            .names
            .iter()
            .filter(|name| name.given.is_some() || name.family.is_some())
            .map(|name| NameRow {
                id: NameId::new_at(at).into(),
                child_id: id.into(),
                name_use: if name.kind == NameKind::Current { "official" } else { "alias" }.into(),
                given: name.given.clone(),
                middle: name.middle.clone(),
                family: name.family.clone(),
                valid_from: None,
                valid_to: None,
                recorded_at: at.into(),
                recorded_by: BY.into(),
                superseded_at: None,
            })
            .collect(),
        identifiers: person
            .nhs_numbers
            .iter()
            .map(|number| IdentifierRow {
                id: IdentifierId::new_at(at).into(),
                child_id: id.into(),
                kind: "nhs-number".into(),
                value: number.clone(),
                valid_from: None,
                valid_to: None,
                recorded_at: at.into(),
                recorded_by: BY.into(),
                superseded_at: None,
            })
            .collect(),
        addresses: person
            .addresses
            .iter()
            .map(|address| AddressRow {
                id: AddressId::new_at(at).into(),
                child_id: id.into(),
                kind: "home".into(),
                lines: serde_json::Value::from(address.lines.clone()).to_string(),
                postcode: address.postcode.clone(),
                uprn: None,
                source: None,
                confidential: false,
                valid_from: None,
                valid_to: None,
                recorded_at: at.into(),
                recorded_by: BY.into(),
                superseded_at: None,
            })
            .collect(),
        practices: Vec::new(),
        household: person
            .carers
            .iter()
            .map(|carer| HouseholdRow {
                id: HouseholdMemberId::new_at(at).into(),
                child_id: id.into(),
                relationship: "mother".into(),
                carer: true,
                parental_responsibility: true,
                in_household: true,
                given: carer.given.clone(),
                family: carer.family.clone(),
                date_of_birth: None,
                related_child_id: None,
                confidential: false,
                nhs_number: None,
                valid_from: None,
                valid_to: None,
                recorded_at: at.into(),
                recorded_by: BY.into(),
                superseded_at: None,
            })
            .collect(),
    };
    (id, child)
}

/// Whose identifiers in the file became which numbers in the database.
type Loaded = (Vec<String>, Vec<i64>);

/// The rows of a unit of work, put together as the store reads and written as it writes.
fn unit(people: &[(String, Person)], keyer: &Keyer, at: DateTime<Utc>) -> Bulk {
    let day = children::today(at);
    let registration = NewRegistration {
        authority: AUTHORITY.into(),
        registered_on: day,
        removed: None,
        basis: NewBasis::EarlierRegister,
        categories: Vec::new(),
        coordinator: None,
        core_group: Vec::new(),
        review_due_on: None,
        legal_status: None,
    };
    let mut bulk = Bulk::default();
    for (_, person) in people {
        let (id, child) = facts(person, at);
        let (_, entry) = registrations::facts(Nation::Wales, id, &registration, at, BY);
        bulk.enter_as(keyer, child, vec![entry], person, day);
    }
    bulk
}

/// Loads the register; answers whose identifier in the file each number in the database is.
async fn load(store: &Store, matcher: &Matcher, mut sheet: Sheet) -> anyhow::Result<HashMap<String, i64>> {
    let mut people = HashMap::new();
    let mut number = 0_u64;
    let mut under_way: Option<JoinHandle<Result<Loaded, RegisterError>>> = None;
    loop {
        let mut chunk = Vec::with_capacity(UNIT);
        while chunk.len() < UNIT {
            let Some(row) = sheet.next()? else { break };
            number += 1;
            let cells = row.map(|row| row.cells).unwrap_or_default();
            // Without an identifier nobody can be the truth of a query, but everybody can be a false alarm.
            let id = cells.get("id").map_or_else(|| format!("\u{0}{number}"), str::to_owned);
            chunk.push((id, person(&cells)));
        }
        let last = chunk.is_empty();
        if let Some(handle) = under_way.take() {
            let (ids, pids) = handle.await.context("loading was abandoned")?.context("the register could not be loaded")?;
            for (id, pid) in ids.into_iter().zip(pids) {
                if people.insert(id, pid).is_some() {
                    eprintln!("note: an identifier stands twice in the register; the later row counts");
                }
            }
        }
        if last {
            sheet.progress.finish_and_clear();
            return Ok(people);
        }
        let (store, keyer, index) = (store.clone(), matcher.keyer.clone(), matcher.index);
        under_way = Some(tokio::spawn(async move {
            let pids = store
                .run(
                    program_permit::<MeasureMatching>(BY, BY),
                    move |snapshot: &mut Snapshot<'_>| {
                        let bulk = unit(&chunk, &keyer, snapshot.now());
                        Ok::<_, RegisterError>((bulk, chunk.into_iter().map(|(id, _)| id).collect::<Vec<_>>()))
                    },
                    move |tx: &mut Tx<'_>, (bulk, ids)| {
                        tx.audit().detail("people", bulk.len());
                        index.insert(tx.connection)?;
                        Ok((ids.clone(), bulk.write(tx.connection, index)?))
                    },
                )
                .await?;
            Ok(pids)
        }));
    }
}

fn questions(path: &Path, limit: Option<usize>) -> anyhow::Result<Vec<Asked>> {
    let mut sheet = Sheet::open(path, None, "reading")?;
    if sheet.columns().is_some_and(|columns| !columns.iter().any(|column| column == "truth")) {
        return Err(anyhow!("{} has no column truth", path.display()))
            .hint("it holds the id of the person in the register, or nothing when the person is not there");
    }
    let mut questions = Vec::new();
    while limit.is_none_or(|limit| questions.len() < limit) {
        let Some(row) = sheet.next()? else { break };
        let cells = row.map(|row| row.cells).unwrap_or_default();
        questions.push(Asked {
            person: person(&cells),
            truth: cells.get("truth").map(str::to_owned),
            slices: cells
                .get("slice")
                .unwrap_or_default()
                .split(';')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
        });
    }
    sheet.progress.finish_and_clear();
    Ok(questions)
}

/// Asks every question, one at a time.
async fn ask(store: &Store, matcher: &Matcher, people: &HashMap<String, i64>, questions: &[Asked]) -> anyhow::Result<(Vec<Answered>, i64)> {
    let matcher = matcher.clone();
    let questions: Vec<(Person, Option<i64>)> =
        questions.iter().map(|asked| (asked.person.clone(), asked.truth.as_ref().and_then(|truth| people.get(truth)).copied())).collect();
    let bar = progress(Some(questions.len() as u64), "asking");
    let answers = store
        .read(program_permit::<MeasureMatching>(BY, BY), move |snapshot: &mut Snapshot<'_>| {
            for (person, _) in questions.iter().take(WARM_UP) {
                matcher.search(snapshot.connection, &Query::new(person))?;
            }
            let mut answers = Vec::with_capacity(questions.len());
            for (person, truth) in &questions {
                let watch = Instant::now();
                let found = matcher.search(snapshot.connection, &Query::new(person))?;
                let milliseconds = watch.elapsed().as_secs_f64() * 1_000.0;
                let ranked = &found.current.candidates;
                let place = ranked.iter().position(|candidate| Some(candidate.id) == *truth);
                answers.push(Answered {
                    found: place.map(|place| (place, ranked[place].grade)),
                    best: ranked.iter().map(|candidate| candidate.grade).max(),
                    candidates: ranked.len(),
                    compared: found.compared,
                    milliseconds,
                });
                bar.inc(1);
            }
            bar.finish_and_clear();
            snapshot.audit().detail("questions", answers.len());
            Ok::<_, RegisterError>((answers, rows::database_bytes(snapshot.connection)?))
        })
        .await?;
    Ok(answers)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    if count == 0 { 0.0 } else { values.sum::<f64>() / count as f64 }
}

/// Four places are more than any sample here supports.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// The share of answers for which something holds; 0 of none.
fn share(answers: &[&Answered], holds: impl Fn(&Answered) -> bool) -> f64 {
    round(mean(answers.iter().map(|answer| f64::from(u8::from(holds(answer))))))
}

/// The nearest-rank percentile of ascending values.
fn percentile(ascending: &[f64], percent: usize) -> f64 {
    let rank = (ascending.len() * percent).div_ceil(100);
    ascending.get(rank.saturating_sub(1)).copied().map_or(0.0, round)
}

fn figures(questions: &[Asked], answers: &[Answered]) -> Figures {
    let of = |truth: bool| -> Vec<&Answered> {
        questions.iter().zip(answers).filter(|(asked, _)| asked.truth.is_some() == truth).map(|(_, answer)| answer).collect()
    };
    let (here, nobody) = (of(true), of(false));
    let mut times: Vec<f64> = answers.iter().map(|answer| answer.milliseconds).collect();
    times.sort_by(f64::total_cmp);
    let alarm = |grade: Grade| share(&nobody, |answer| answer.best >= Some(grade));
    Figures {
        queries: answers.len(),
        recall_at1: share(&here, |answer| matches!(answer.found, Some((0, _)))),
        recall_at5: share(&here, |answer| matches!(answer.found, Some((0..5, _)))),
        recall_at1_probable: share(&here, |answer| matches!(answer.found, Some((0, grade)) if grade >= Grade::Probable)),
        false_alarm_possible: alarm(Grade::Possible),
        false_alarm_probable: alarm(Grade::Probable),
        false_alarm_certain: alarm(Grade::Certain),
        candidates_mean: round(mean(answers.iter().map(|answer| answer.candidates as f64))),
        latency_ms: Latency { p50: percentile(&times, 50), p99: percentile(&times, 99), max: times.last().copied().map_or(0.0, round) },
        ..Figures::default()
    }
}

/// For each tag: how many questions have it, and of those with a truth how many, with recall at 1 and 5; of those without,
/// false alarms of any grade.
struct Slice {
    with_truth: usize,
    recall_at1: f64,
    recall_at5: f64,
    without: usize,
    false_alarm: f64,
}

fn slices(questions: &[Asked], answers: &[Answered]) -> BTreeMap<String, Slice> {
    let mut of: BTreeMap<&str, [Vec<&Answered>; 2]> = BTreeMap::new();
    for (asked, answer) in questions.iter().zip(answers) {
        for tag in &asked.slices {
            of.entry(tag).or_default()[usize::from(asked.truth.is_none())].push(answer);
        }
    }
    of.into_iter()
        .map(|(tag, [here, nobody])| {
            let slice = Slice {
                with_truth: here.len(),
                recall_at1: share(&here, |answer| matches!(answer.found, Some((0, _)))),
                recall_at5: share(&here, |answer| answer.found.is_some()),
                without: nobody.len(),
                false_alarm: share(&nobody, |answer| answer.best.is_some()),
            };
            (tag.to_owned(), slice)
        })
        .collect()
}

fn table(figures: &Figures, slices: &BTreeMap<String, Slice>, compared: f64) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<34}{value:>14}");
    };
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    line("people on the register", figures.register_size.to_string());
    line("questions", figures.queries.to_string());
    line("found first", percent(figures.recall_at1));
    line("found among the first five", percent(figures.recall_at5));
    line("found first, probable or certain", percent(figures.recall_at1_probable));
    line("false alarm, any grade", percent(figures.false_alarm_possible));
    line("false alarm, probable or certain", percent(figures.false_alarm_probable));
    line("false alarm, certain", percent(figures.false_alarm_certain));
    line("candidates shown, mean", format!("{:.2}", figures.candidates_mean));
    line("people compared, mean", format!("{compared:.0}"));
    line("latency, half of all below", format!("{:.2} ms", figures.latency_ms.p50));
    line("latency, 99 in 100 below", format!("{:.2} ms", figures.latency_ms.p99));
    line("latency, longest", format!("{:.2} ms", figures.latency_ms.max));
    line("loading", format!("{:.1} s", figures.load_seconds));
    line("database", format!("{:.1} MB", figures.database_bytes as f64 / 1e6));
    if !slices.is_empty() {
        let _ = writeln!(out, "\n{:<34}{:>8}{:>10}{:>10}{:>10}{:>10}", "slice", "present", "first", "in five", "absent", "alarms");
    }
    for (tag, slice) in slices {
        let share = |count: usize, share: f64| if count == 0 { "–".to_owned() } else { percent(share) };
        let _ = writeln!(
            out,
            "{tag:<34}{:>8}{:>10}{:>10}{:>10}{:>10}",
            slice.with_truth,
            share(slice.with_truth, slice.recall_at1),
            share(slice.with_truth, slice.recall_at5),
            slice.without,
            share(slice.without, slice.false_alarm)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        for (values, percent, expected) in
            [(&values[..], 50, 100.0), (&values[..], 99, 198.0), (&values[..1], 99, 1.0), (&values[..2], 50, 1.0), (&[], 50, 0.0)]
        {
            assert_eq!(percentile(values, percent), expected);
        }
    }

    #[test]
    fn what_a_fact_table_holds_of_a_birth() {
        let day = |text: &str| text.parse::<NaiveDate>().ok();
        for (text, expected) in [
            ("2019-03-04", ("exact", day("2019-03-04"), day("2019-03-04"))),
            ("2019-12", ("approximate", day("2019-12-01"), day("2019-12-31"))),
            ("2020-02", ("approximate", day("2020-02-01"), day("2020-02-29"))),
            ("2019", ("approximate", day("2019-01-01"), day("2019-12-31"))),
            ("2019-02-30", ("unknown", None, None)),
            ("", ("unknown", None, None)),
        ] {
            assert_eq!(bounds(Birth::from_text(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_figures_count_what_they_say() {
        let asked = |truth: Option<&str>| Asked { person: Person::default(), truth: truth.map(str::to_owned), slices: vec!["all".into()] };
        let answered = |found, best| Answered { found, best, candidates: usize::from(best.is_some()), compared: 1, milliseconds: 1.0 };
        let questions = [asked(Some("a")), asked(Some("b")), asked(Some("c")), asked(Some("d")), asked(None), asked(None)];
        let answers = [
            answered(Some((0, Grade::Certain)), Some(Grade::Certain)),
            answered(Some((0, Grade::Possible)), Some(Grade::Possible)),
            answered(Some((3, Grade::Possible)), Some(Grade::Certain)),
            answered(None, None),
            answered(None, Some(Grade::Probable)),
            answered(None, None),
        ];
        let figures = figures(&questions, &answers);
        assert_eq!((figures.recall_at1, figures.recall_at5, figures.recall_at1_probable), (0.5, 0.75, 0.25));
        assert_eq!((figures.false_alarm_possible, figures.false_alarm_probable, figures.false_alarm_certain), (0.5, 0.5, 0.0));
        assert_eq!(slices(&questions, &answers)["all"].with_truth, 4);
    }
}
