//! `cofrestr messages`: what authorities have to say to each other and could not yet; what was refused for good, and sending it again.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{Where, open_store, region, runtime};
use crate::register::transfers::messages::{Undelivered, outbox, replay};
use crate::store::connection::DatabaseUrl;

/// Who is named in the audit log.
const PERSON: &str = "messages";

/// List messages about custody that are not delivered, or send one again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List them, newest first: those that were refused and are parked, then those that wait.
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Send one again at once: one that is parked, after what was wrong is mended, or one that waits for its next turn.
    Replay {
        /// Its identifier.
        id: Uuid,
        #[command(flatten)]
        place: Where,
    },
}

/// Runs the command: a line of JSON for each message. It names nobody: what it is about is opened through the API.
///
/// # Errors
/// When the configuration, keys or database cannot be used, or there is no such message that waits or is parked.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let place = match &args.what {
        What::List { place } | What::Replay { place, .. } => place,
    };
    let config = place.config()?;
    let region = region(&config)?;
    let store_at = DatabaseUrl::parse(&config.database.url)?;
    runtime()?.block_on(async {
        let store = open_store(&store_at)?;
        match &args.what {
            What::Replay { id, .. } => {
                if !replay(&store, &region, PERSON, *id).await.context("the message could not be sent again")? {
                    bail!("no message with this identifier waits or is parked");
                }
                eprintln!("it is sent again within a second, by whichever server of this region comes first");
            }
            What::List { .. } => {
                let mut out = std::io::stdout().lock();
                for state in [Undelivered::Parked, Undelivered::Waiting] {
                    for row in outbox(&store, &region, PERSON, state).await.context("the messages could not be read")? {
                        let line = json!({
                            "id": row.id.0, "state": row.state, "kind": row.kind, "from": row.from_authority, "to": row.to_authority,
                            "region": row.region, "attempts": row.attempts, "refused": row.refused, "problem": row.problem,
                            "createdAt": row.created_at.get(), "nextAt": row.next_at.get(),
                        });
                        writeln!(out, "{line}")?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
