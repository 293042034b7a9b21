//! `cofrestr receipt verify`: prove what was asked and answered, with public keys alone.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;

use super::audit::public_keys;
use crate::api::checks::CheckRequest;
use crate::register::keys::{PublicKey, PublicKeys};
use crate::register::peers::directory::{DIRECTORY_TYPE, Directory};
use crate::register::peers::message::Parts;
use crate::register::peers::statement::Believed;
use crate::register::receipts::{ReceiptClaims, verify, verify_tree};
use crate::store::clock::Clock;
use crate::store::merkle::{self, Hash};
use crate::store::note;

/// Verify receipts.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prove a receipt with public keys alone: who answered, when, with what outcome and coverage. Keys that were rotated
    /// since go on proving what they signed.
    Verify {
        /// The receipt, or the whole check in JSON, which is compared with it then; - reads standard input.
        file: PathBuf,
        /// The region's public keys: a key set (file, or address of /.well-known/jwks.json).
        #[arg(long, value_name = "URL-or-FILE")]
        keys: String,
        /// The keys of the other regions: a directory of members (file, or address of any region) or a region's own statement. May
        /// be given several times. Without it the other regions' answers are not proved.
        #[arg(long, value_name = "URL-or-FILE")]
        members: Vec<String>,
        /// The question as it was sent (JSON): proves that this was asked.
        #[arg(long, value_name = "FILE")]
        question: Option<PathBuf>,
        /// The answer of /v1/audit/proof for the receipt's entry: proves that the check stands in the region's audit log.
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Print what the receipt says as JSON.
        #[arg(long)]
        json: bool,
    },
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Runs the command: 0 when everything that was given is proved.
///
/// # Errors
/// When it is not, or a file or the keys cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let What::Verify { file, keys, members, question, proof, json } = &args.what;
    let text = read(file)?;
    let check: Option<Value> = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
    let receipt = match &check {
        Some(check) => check.get("receipt").and_then(Value::as_str).context("the check has no receipt")?,
        None => text.trim(),
    };
    let keys = public_keys(keys)?;
    let verified = verify(receipt, &keys).context("the receipt does not verify")?;
    let claims = &verified.claims;
    let mut proved = vec![format!("signed by {} with key {} at {}", claims.iss, verified.kid, verified.signed_at.to_rfc3339())];
    if let Some(check) = &check {
        if !claims.is_for(check) {
            bail!("the answer beside the receipt is not the one that was given");
        }
        proved.push("the answer is the one that was given".into());
    }
    if let Some(question) = question {
        let asked: CheckRequest =
            serde_json::from_str(&read(question)?).with_context(|| format!("{} is not a question", question.display()))?;
        if !claims.is_about(&serde_json::to_string(&asked)?) {
            bail!("the question is not the one that was asked");
        }
        if !claims.asked_about(&serde_json::to_string(asked.child())?) {
            bail!("other regions were asked about somebody else");
        }
        proved.push("the question is the one that was asked".into());
    }
    if let Some(proof) = proof {
        let document: Value = serde_json::from_str(&read(proof)?).with_context(|| format!("{} is not a proof", proof.display()))?;
        proved.push(in_log(claims, &document, &keys)?);
    }
    let branches =
        if members.is_empty() { None } else { Some(verify_tree(claims, &keys_of(members)?).context("the receipt does not verify")?) };
    match &branches {
        Some(branches) if !branches.is_empty() => {
            proved.push(format!("{} other regions answered this question, each signed by itself", branches.len()));
        }
        None if !claims.answers.is_empty() => eprintln!("the answers of other regions were not looked at: give --members"),
        _ => {}
    }
    if *json {
        println!("{}", serde_json::to_string_pretty(claims)?);
    } else {
        println!("the receipt verifies");
        proved.iter().for_each(|line| println!("  {line}"));
        println!("  check     {}", claims.jti);
        println!("  asked at  {}", claims.asked_at);
        println!("  as of     {}", claims.as_of);
        println!("  outcome   {}", claims.outcome);
        for row in &claims.coverage {
            let status = serde_json::to_value(row.status)?;
            let said = branches.iter().flatten().find(|branch| branch.region == row.region);
            let said = said.map(|branch| format!(": {} (key {})", branch.outcome, branch.kid)).unwrap_or_default();
            println!("  coverage  {} {}{said}", row.region, status.as_str().unwrap_or_default());
        }
        println!("  audit     {} {}", claims.audit, claims.leaf);
    }
    Ok(ExitCode::SUCCESS)
}

/// The signing keys of regions, from directories and statements.
fn keys_of(sources: &[String]) -> anyhow::Result<BTreeMap<String, Vec<PublicKey>>> {
    let now = Clock::default().wall();
    let mut keys: BTreeMap<String, Vec<PublicKey>> = BTreeMap::new();
    for source in sources {
        let text = super::members::directory_text(source)?;
        let statements: Vec<String> = match Parts::of(&text, DIRECTORY_TYPE).and_then(|parts| parts.claims::<Directory>()) {
            Some(directory) => directory.members.into_iter().map(|member| member.statement).collect(),
            None => vec![text],
        };
        for statement in statements {
            let believed =
                Believed::on_its_own_word(&statement, now).with_context(|| format!("{source} holds no directory and no statement"))?;
            keys.entry(believed.statement.iss).or_default().extend(believed.statement.said.keys);
        }
    }
    Ok(keys)
}

fn hash(text: &Value) -> Option<Hash> {
    hex::decode(text.as_str()?).ok()?.try_into().ok()
}

/// Whether an inclusion proof leads from the receipt's leaf hash to a checkpoint that the region signed.
fn in_log(claims: &ReceiptClaims, proof: &Value, keys: &PublicKeys) -> anyhow::Result<String> {
    let keys: Vec<Vec<u8>> = keys.log.iter().filter_map(PublicKey::bytes).collect();
    let note = proof.pointer("/checkpoint/note").and_then(Value::as_str).context("the proof has no checkpoint")?;
    let checkpoint = note::open(note, &keys).context("the checkpoint of the proof does not verify")?;
    let index = proof.get("leafIndex").and_then(Value::as_u64).context("the proof names no place")?;
    let path: Option<Vec<Hash>> =
        proof.get("hashes").and_then(Value::as_array).map(|hashes| hashes.iter().map(hash).collect()).unwrap_or_default();
    let path = path.context("the proof has no hashes")?;
    let leaf = hash(&Value::String(claims.leaf.clone())).context("the receipt names no leaf hash")?;
    if checkpoint.origin != note::origin(&claims.iss) || !merkle::includes(&leaf, index, checkpoint.size, &path, &checkpoint.root) {
        bail!("the proof does not lead from the receipt to the checkpoint");
    }
    Ok(format!("the check stands at {index} of the audit log of {} entries", checkpoint.size))
}
