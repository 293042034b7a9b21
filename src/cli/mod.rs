//! The command line. Data goes to standard output, everything else to standard error; an error says what went wrong, then
//! why, then a hint.
//!
//! The other floors answer errors of their own; here they become [`anyhow`] errors, and hints are laid over them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program speaks to people")]

mod audit;
mod check;
mod demo;
mod import;
mod keys;
mod match_report;
mod members;
mod messages;
mod migrate;
mod openapi;
mod receipt;
mod retention;
mod serve;
mod sheet;
mod statistics;

pub use serve::keep_panics_quiet;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::matching::Keyer;
use crate::register::Region;
use crate::register::keys::{KeyError, KeyFolder, Signer};
use crate::register::matcher::{Budget, Matcher};
use crate::store::clock::Clock;
use crate::store::connection::DatabaseUrl;
use crate::store::{Sizes, Store, StoreError, migrations};

/// The register of children in need of protection: is this child on any register, and whom to ring?
#[derive(Debug, Parser)]
#[command(name = "cofrestr", version, about, propagate_version = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run seven regions with invented children on this machine, to try things out.
    Demo(demo::Args),
    /// Run the server of one region.
    Serve(serve::Args),
    /// Take over a register: children and registrations from CSV or NDJSON.
    Import(import::Args),
    /// Ask from the terminal whether a child is on a register.
    Check(Box<check::Args>),
    /// Measure how well and how fast the matching finds people, from two CSV files.
    MatchReport(match_report::Args),
    /// Make, list, change and retire this region's signing keys.
    Keys(keys::Args),
    /// Keep the signed directory of the federation's members.
    Members(members::Args),
    /// List what authorities could not yet say to each other about moves, or send again what was refused.
    Messages(messages::Args),
    /// Walk the audit log again and name the first entry that does not verify.
    Audit(audit::Args),
    /// Prove with public keys alone what was asked and answered.
    Receipt(receipt::Args),
    /// Make a return: register tables, census, quarterly tables.
    Statistics(statistics::Args),
    /// Say which records have run their time and why the others stay, or erase them.
    Retention(retention::Args),
    /// Bring a database to this version of the program, or prove the migrations.
    Migrate(migrate::Args),
    /// Print the OpenAPI document.
    Openapi(openapi::Args),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let result = match Program::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Check(args) => check::run(&args),
        Command::MatchReport(args) => match_report::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Members(args) => members::run(&args),
        Command::Messages(args) => messages::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Receipt(args) => receipt::run(&args),
        Command::Statistics(args) => statistics::run(&args),
        Command::Retention(args) => retention::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Openapi(args) => openapi::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprint!("{}", Report(&error));
        ExitCode::FAILURE
    })
}

/// What would help, laid over an error.
#[derive(Debug, Clone)]
struct Hint(String);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lays a hint over an error.
trait WithHint<T> {
    /// Says what would help.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E> WithHint<T> for Result<T, E>
where
    Result<T, E>: Context<T, E>,
{
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.with_context(|| Hint(hint.into()))
    }
}

/// An error as people read it: what went wrong, why, and what would help.
struct Report<'a>(&'a anyhow::Error);

impl Report<'_> {
    /// The hint laid over the error, or else one for its cause.
    fn hint(&self) -> Option<String> {
        if let Some(hint) = self.0.downcast_ref::<Hint>() {
            return Some(hint.0.clone());
        }
        let store = self.0.chain().find_map(|cause| cause.downcast_ref::<StoreError>());
        if let Some(error) = store {
            return match error {
                StoreError::Connect(_) | StoreError::Busy(_) => Some("is the database running, and does the URL name it?".into()),
                StoreError::Url(_) => Some("for example sqlite:/var/lib/cofrestr/register.sqlite".into()),
                StoreError::Migrations(_) => Some("`cofrestr migrate` brings the database to this version".into()),
                _ => None,
            };
        }
        if self.0.chain().any(|cause| cause.downcast_ref::<ConfigError>().is_some()) {
            return Some("name the region's configuration with --config FILE; config/default.toml explains every key".into());
        }
        let missing = |cause: &KeyError| matches!(cause, KeyError::None(_) | KeyError::File { .. });
        if self.0.chain().filter_map(|cause| cause.downcast_ref::<KeyError>()).any(missing) {
            return Some("the keys of this region's server are needed; `cofrestr keys make` makes those of a new region".into());
        }
        None
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = self.hint();
        let laid_over = self.0.downcast_ref::<Hint>().map(ToString::to_string);
        let mut last = String::new();
        let mut first = true;
        for cause in self.0.chain().map(ToString::to_string).filter(|cause| Some(cause) != laid_over.as_ref()) {
            // Some libraries repeat their cause in their own words.
            if !first && last.contains(&cause) {
                continue;
            }
            writeln!(f, "{}{cause}", if first { "error: " } else { "  because: " })?;
            (first, last) = (false, cause);
        }
        hint.map_or(Ok(()), |hint| writeln!(f, "hint: {hint}"))
    }
}

/// Which region's server and database a command is about.
#[derive(Debug, clap::Args)]
struct Where {
    /// The region's configuration, the same file as for `cofrestr serve`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Another database than that of the configuration: sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl Where {
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(url) = &self.database {
            config.database.url.clone_from(url);
        }
        Ok(config)
    }
}

/// The region of a configuration, with the keys of its server. Makes no keys: an index under another secret would hide
/// everybody in it.
fn region(config: &Config) -> anyhow::Result<Arc<Region>> {
    let folder = KeyFolder::new(&config.keys.folder);
    let secret = folder.matcher_secret()?;
    let matcher = Matcher::new(Keyer::new(secret), Budget::of(&config.matching));
    Ok(Arc::new(Region::new(config, matcher, Arc::new(Signer::open(folder)?))?))
}

/// Opens a database for a command that works alone.
fn open_store(url: &DatabaseUrl) -> anyhow::Result<Store> {
    Ok(Store::open_for_bulk(url, Sizes { connections: 3, wait: Duration::from_secs(10) }, Arc::new(Clock::default()))?)
}

/// Brings the database to this version, if it is allowed to.
fn bring_up_to_date(url: &DatabaseUrl, allowed: bool) -> anyhow::Result<()> {
    if allowed {
        for name in migrations::run(url)? {
            eprintln!("migrated the database: {name}");
        }
    }
    Ok(())
}

/// The runtime on which a command waits for its work.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("the runtime could not be started")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        Program::command().debug_assert();
    }

    #[test]
    fn an_error_says_what_and_why_and_what_would_help() {
        let error: Result<(), _> = Err(std::io::Error::other("the disk is gone"));
        let report = |error: anyhow::Error| Report(&error).to_string();
        let told = error.context("rows.csv could not be read").hint("plug it in").expect_err("a failure");
        assert_eq!(report(told), "error: rows.csv could not be read\n  because: the disk is gone\nhint: plug it in\n");
        let url = DatabaseUrl::parse("mysql:x").expect_err("another scheme");
        assert!(report(url.into()).ends_with("hint: for example sqlite:/var/lib/cofrestr/register.sqlite\n"));
    }
}
