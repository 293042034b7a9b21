//! `cofrestr keys`: this region's signing keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::WithHint;
use crate::config::Config;
use crate::register::keys::{KeyFolder, KeyState, PublicKey, TlsKey};
use crate::store::clock::Clock;

/// Make, list, change and retire this region's signing keys.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The key folder; by default that of the configuration.
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    /// The region's configuration.
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "folder")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the public keys, newest first.
    List {
        /// Print the key set as JSON, to be published or kept for verifying receipts.
        #[arg(long)]
        json: bool,
    },
    /// Make what is missing: a signing key, the matcher's secret. Changes nothing that is there.
    Make,
    /// Publish a new signing key. It signs two minutes later, when every server and verifier can have it; running servers go
    /// over by themselves. The one before goes on verifying.
    Rotate {
        /// Sign with it at once: for a key that is no longer safe.
        #[arg(long, conflicts_with = "log")]
        now: bool,
        /// The key of the audit log instead.
        #[arg(long)]
        log: bool,
        /// The certificate with which the region meets other regions instead; needs the configuration.
        #[arg(long, conflicts_with_all = ["log", "now"], requires = "config")]
        tls: bool,
    },
    /// Destroy the private half of a key that is no longer in use. What it signed stays verifiable.
    Retire {
        /// The key's identifier, as `list` shows it.
        kid: String,
    },
}

/// Runs the command.
///
/// # Errors
/// When the folder or the key cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = match &args.folder {
        Some(folder) => KeyFolder::new(folder),
        None => KeyFolder::new(Config::load(args.config.as_deref())?.keys.folder),
    };
    match &args.what {
        What::List { json } => {
            let keys = folder.public_keys()?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&keys)?);
            } else {
                keys.keys.iter().for_each(show);
                if !keys.log.is_empty() {
                    println!("of the audit log:");
                }
                keys.log.iter().for_each(show);
                if !keys.tls.is_empty() {
                    println!("of the certificates:");
                }
                keys.tls.iter().for_each(show_certificate);
            }
            if keys.keys.is_empty() {
                eprintln!("no keys in {}; make them with `cofrestr keys make`", folder.path().display());
            }
        }
        What::Make => {
            folder.make_missing(Clock::default().wall())?;
            folder.public_keys()?.keys.iter().for_each(show);
            eprintln!(
                "keys are in {}; keep a copy of matcher.secret: without it the matching index must be built anew",
                folder.path().display()
            );
        }
        What::Rotate { tls: true, .. } => {
            let code = Config::load(args.config.as_deref())?.region.code;
            show_certificate(&folder.rotate_tls(&code, Clock::default().wall())?);
        }
        What::Rotate { now, log, .. } => {
            let at = Clock::default().wall();
            show(&match (now, log) {
                (_, true) => folder.rotate_log(at)?,
                (true, false) => folder.rotate_from(at, at)?,
                (false, false) => folder.rotate(at)?,
            });
        }
        What::Retire { kid } => {
            folder.retire(kid).hint("`cofrestr keys list` shows the keys; one that signs, or will, must be rotated first")?;
            eprintln!("the private half of {kid} is gone; what it signed stays verifiable");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(key: &PublicKey) {
    let until = key.retired.as_deref().map(|until| format!(" to {until}")).unwrap_or_default();
    match key.state(Clock::default().wall()) {
        KeyState::Next => println!("{}  published; signs from {}", key.kid, key.nbf),
        KeyState::Current => println!("{}  signs from {}{until}", key.kid, key.nbf),
        KeyState::Retired => println!("{}  signed from {}{until}", key.kid, key.nbf),
    }
}

fn show_certificate(key: &TlsKey) {
    let retired = key.retired.as_ref().map(|until| format!(", used until {until}")).unwrap_or_default();
    println!("{}  from {}, runs out {}{retired}", key.spki, key.nbf, key.exp);
}
