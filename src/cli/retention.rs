//! `cofrestr retention`: say what retention would erase and why, or erase it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{Where, open_store, region, runtime};
use crate::api::retention::RetentionView;
use crate::register::RegisterError;
use crate::register::retention::{erase, erase_checks, plan};
use crate::store::connection::DatabaseUrl;

/// Who is named in the audit log.
const PERSON: &str = "retention";

/// Say which records have run their time, and why the others stay. Changes nothing unless told to.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// Erase what would go. What is erased is gone; the audit log keeps a tombstone.
    #[arg(long)]
    apply: bool,
}

/// Runs the command: a line of JSON for each record, by opaque identifier.
///
/// # Errors
/// When the configuration, keys or database cannot be used. What was erased until then stays erased.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.place.config()?;
    let region = region(&config)?;
    let url = DatabaseUrl::parse(&config.database.url)?;
    runtime()?.block_on(async {
        let store = open_store(&url)?;
        if region.sandbox {
            crate::register::sandbox::load_clock(&store, region.code().as_str()).await?;
        }
        let (decided, checks) = plan(&store, &region, PERSON).await.context("the plan could not be made")?;
        let mut out = std::io::stdout().lock();
        let (mut going, mut erased) = (0_usize, 0_usize);
        for one in &decided {
            let mut line = serde_json::to_value(RetentionView::new(one))?;
            if one.decision.may_go() {
                going += 1;
                if args.apply {
                    let done = match erase(&store, &region, one.child, PERSON).await {
                        Ok(()) => true,
                        // Something came between the plan and now: it stays.
                        Err(RegisterError::Kept | RegisterError::NotFound) => false,
                        Err(error) => return Err(anyhow::Error::new(error).context("a record could not be erased")),
                    };
                    erased += usize::from(done);
                    line["erased"] = json!(done);
                }
            }
            writeln!(out, "{line}")?;
        }
        if args.apply {
            let gone = erase_checks(&store, &region, PERSON).await.context("checks could not be erased")?;
            eprintln!("{} records, {erased} of {going} that could go erased; {gone} checks that found nobody erased", decided.len());
        } else {
            eprintln!("{} records, {going} could go; {checks} checks that found nobody could go; nothing was changed", decided.len());
        }
        Ok(ExitCode::SUCCESS)
    })
}
