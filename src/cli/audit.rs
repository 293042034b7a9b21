//! `cofrestr audit verify`: walk the audit log again, with the database and public keys alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{WithHint, runtime};
use crate::config::Config;
use crate::federation;
use crate::register::keys::{KeyFolder, PublicKey, PublicKeys};
use crate::store::connection::DatabaseUrl;
use crate::store::note;
use crate::store::verify::{Fault, Means, Walk, walk};

/// Verify the audit log.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Walk the log from its first entry: hash every entry again, compare it with its columns, its place, the tree and every
    /// signed checkpoint, and name the first that does not verify. Needs no server and changes nothing.
    Verify {
        /// The region's configuration: names the database, and the folder of the keys.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The database, when it is not that of the configuration: sqlite:PATH or postgres://…
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// The public keys, when they are not those of the configuration: a key set (file, or address of
        /// /.well-known/jwks.json).
        #[arg(long, value_name = "URL-or-FILE")]
        keys: Option<String>,
        /// A checkpoint that was kept elsewhere (the note, or the answer of /v1/audit/checkpoint): the log must contain what
        /// it saw. May be given several times.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// Print the result as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command: 0 when the log verifies, 1 when it does not.
///
/// # Errors
/// When the database or the keys cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let What::Verify { config, database, keys, checkpoint, json } = &args.what;
    let config = match (config, database, keys) {
        (None, Some(_), Some(_)) => None,
        (None, Some(_), None) => bail!("without a configuration the public keys must be given with --keys"),
        (config, ..) => Some(Config::load(config.as_deref())?),
    };
    let url = match (database, &config) {
        (Some(url), _) => url.clone(),
        (None, Some(config)) => config.database.url.clone(),
        (None, None) => bail!("name the database with --config or --database"),
    };
    let url = DatabaseUrl::parse(&url)?;
    if let DatabaseUrl::Sqlite(path) = &url
        && !Path::new(path).is_file()
    {
        bail!("there is no database {path}");
    }
    let keys = match (keys, &config) {
        (Some(source), _) => public_keys(source)?,
        (None, Some(config)) => KeyFolder::new(&config.keys.folder).public_keys()?,
        (None, None) => PublicKeys::default(),
    };
    let keys: Vec<Vec<u8>> = keys.log.iter().filter_map(PublicKey::bytes).collect();
    if keys.is_empty() {
        bail!("there is no key of an audit log among the public keys");
    }
    let held = checkpoint.iter().map(|path| held_note(path)).collect::<anyhow::Result<Vec<_>>>()?;

    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} entries, {eta} to go") {
        bar.set_style(style);
    }
    let mut progress = |done: u64, all: u64| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let origin = config.map(|config| note::origin(&config.region.code));
    let result = walk(&url, &mut Means { origin, keys: &keys, held: &held, progress: &mut progress });
    bar.finish_and_clear();
    let result = result.context("the audit log cannot be read")?;
    if *json {
        println!("{}", document(&result))
    } else {
        tell(&result)
    }
    Ok(if result.fault.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(walk: &Walk) {
    if let Some(Fault { tampering, index, entry, what }) = &walk.fault {
        let place = index.map_or_else(|| "the audit log".to_owned(), |index| format!("entry {index}"));
        let entry = entry.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        println!("{place}{entry} was {}: {what}", tampering.as_str());
        println!("{} entries before it verify", walk.entries);
        return;
    }
    println!("the audit log verifies: {} entries, {} signed checkpoints", walk.entries, walk.checkpoints);
    if let Some(last) = &walk.last {
        println!("the last checkpoint covers {} entries and was signed at {}", last.size, instant(last.signed_at));
    }
    if walk.uncovered + walk.waiting > 0 {
        println!("{} entries are newer than that; {} of them wait for their place", walk.uncovered + walk.waiting, walk.waiting);
    }
    println!(
        "{} kept questions are those that were asked; the commitments of {} entries can no longer be opened",
        walk.questions, walk.forgotten
    );
}

fn instant(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default()
}

fn document(walk: &Walk) -> serde_json::Value {
    json!({
        "verifies": walk.fault.is_none(),
        "entries": walk.entries,
        "checkpoints": walk.checkpoints,
        "uncovered": walk.uncovered,
        "waiting": walk.waiting,
        "questions": walk.questions,
        "forgotten": walk.forgotten,
        "last": walk.last.as_ref().map(|last| json!({
            "origin": last.origin, "size": last.size, "rootHash": hex::encode(last.root), "signedAt": instant(last.signed_at),
        })),
        "fault": walk.fault.as_ref().map(|fault| json!({
            "was": fault.tampering.as_str(), "index": fault.index, "entry": fault.entry, "what": fault.what,
        })),
    })
}

/// Public keys from a file, a key folder, or the address of a server.
pub(super) fn public_keys(source: &str) -> anyhow::Result<PublicKeys> {
    let text = if source.starts_with("https://") || source.starts_with("http://") {
        let address =
            if source.ends_with(".json") { source.to_owned() } else { format!("{}/.well-known/jwks.json", source.trim_end_matches('/')) };
        let fetch = federation::key_sets()?;
        runtime()?.block_on(fetch(address.clone())).map_err(anyhow::Error::msg).with_context(|| format!("{address} gives no keys"))?
    } else {
        let path = Path::new(source);
        let path = if path.is_dir() { path.join("public.json") } else { path.to_owned() };
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?
    };
    serde_json::from_str(&text)
        .with_context(|| format!("{source} does not hold public keys"))
        .hint("give what the region publishes at /.well-known/jwks.json, or what `cofrestr keys list --json` prints")
}

/// The note in a file: as it is, or in the answer of the server.
fn held_note(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let in_json =
        json.as_ref().and_then(|json| json.get("note").or_else(|| json.pointer("/checkpoint/note"))).and_then(|note| note.as_str());
    Ok(in_json.map_or(text.clone(), str::to_owned))
}
