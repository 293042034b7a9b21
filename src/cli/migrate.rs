//! `cofrestr migrate`: bring a database to this version, or prove that the way there and back is whole.

use std::process::ExitCode;

use anyhow::{Context, ensure};

use super::match_report::Scratch;
use super::{Where, WithHint};
use crate::config::Config;
use crate::store::connection::DatabaseUrl;
use crate::store::migrations::{self, ScratchDatabase};

/// Bring a database to this version of the program, or prove the migrations.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// Prove the migrations on a scratch database: up, down, up again, and the catalogues compared. The database itself is
    /// not touched; on PostgreSQL the role must be allowed to create databases.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached, a migration fails, or the proof does.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let url = match (&args.place.database, args.place.config.is_some() || !args.check) {
        (Some(url), _) => Some(DatabaseUrl::parse(url)?),
        (None, true) => Some(DatabaseUrl::parse(&Config::load(args.place.config.as_deref())?.database.url)?),
        // A proof needs no region: SQLite is built in.
        (None, false) => None,
    };
    match url {
        Some(DatabaseUrl::Postgres(url)) if args.check => {
            let scratch = ScratchDatabase::create(&url)
                .context("a scratch database could not be made")
                .hint("use a role that may create databases (ALTER ROLE … CREATEDB), or name another server with --database")?;
            prove(scratch.url())?;
        }
        Some(DatabaseUrl::Sqlite(_)) | None if args.check => prove(&Scratch::new("migrate")?.url())?,
        Some(url) => {
            let applied = migrations::run(&url)?;
            for name in &applied {
                println!("{name}");
            }
            eprintln!("{} migrations applied; the database has this program's version", applied.len());
        }
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Up, down, up.
fn prove(url: &DatabaseUrl) -> anyhow::Result<()> {
    let applied = migrations::run(url).context("up")?;
    let up = migrations::catalogue(url)?;
    ensure!(!up.0.is_empty(), "the migrations made no tables");
    ensure!(!migrations::pending(url)?, "migrations are pending after all have run");
    migrations::revert_all(url).context("down")?;
    let down = migrations::catalogue(url)?;
    ensure!(
        down.0.is_empty() && down.1.is_empty(),
        "down leaves something behind: {} columns, {} other things",
        down.0.len(),
        down.1.len()
    );
    migrations::run(url).context("up again")?;
    let again = migrations::catalogue(url)?;
    ensure!(up == again, "up, down and up again makes another catalogue than up alone");
    println!(
        "{}: {} migrations up, down and up again; {} columns, {} indexes and triggers",
        url.kind(),
        applied.len(),
        up.0.len(),
        up.1.len()
    );
    Ok(())
}
