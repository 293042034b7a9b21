//! `cofrestr statistics`: make a return on the machine itself.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;

use super::{Where, WithHint, open_store, region, runtime};
use crate::api::problem::Problem;
use crate::api::statistics::{self, Days};
use crate::domain::identifiers::GssCode;
use crate::domain::returns::ReturnCode;
use crate::store::connection::DatabaseUrl;

/// Make a return and print it to standard output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// wales-register, cin-plans or northern-ireland-quarterly.
    #[arg(value_name = "RETURN")]
    code: String,
    #[command(flatten)]
    place: Where,
    /// The day, or the last day of the year, that it is about; default: the latest reference day.
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
    /// The first day of another time than the year before (Wales).
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// One authority alone (GSS code); the census is of one.
    #[arg(long, value_name = "GSS")]
    authority: Option<String>,
    /// As the register knew it then (RFC 3339); default: now.
    #[arg(long, value_name = "INSTANT")]
    known_at: Option<String>,
    /// For the public: without small numbers.
    #[arg(long)]
    public: bool,
    /// The form; default: CSV for tables, XML for the census.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
    Xml,
}

impl Format {
    const fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Xml => "application/xml",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the return cannot be made, or the configuration, keys or database cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let code: ReturnCode = args.code.parse().with_context(|| format!("{} is no return", args.code))?;
    let usual = if code.is_record_level() { Format::Xml } else { Format::Csv };
    let media = args.format.unwrap_or(usual).media();
    if !statistics::forms(code).contains(&media) {
        bail!("{code} has no such form: {}", statistics::forms(code).join(", "));
    }
    let authority: Option<GssCode> = args.authority.as_deref().map(str::parse).transpose().context("--authority")?;
    let stated = args.known_at.as_deref().map(chrono::DateTime::parse_from_rfc3339).transpose().context("--known-at")?;
    let days = Days { on: args.on.clone(), from: args.from.clone(), to: None };
    let public = args.public;
    let config = args.place.config()?;
    let region = region(&config)?;
    let url = DatabaseUrl::parse(&config.database.url)?;
    let rendered = runtime()?.block_on(async {
        let store = open_store(&url)?;
        if region.sandbox {
            crate::register::sandbox::load_clock(&store, region.code().as_str()).await?;
        }
        let ask = move |region: &crate::register::Region, now| {
            let known_at = stated.map_or(now, |at| at.to_utc().min(now));
            statistics::ask(region, code, &days, authority, known_at, public)
        };
        statistics::run(&store, &region, "statistics", ask, media).await.map_err(|problem: Problem| anyhow!("{problem}"))
    });
    let rendered = rendered
        .context("the return cannot be made")
        .hint("the census is of one English authority (--authority) on a 31 March (--on); no return is about days to come")?;
    std::io::stdout().write_all(rendered.text.as_bytes())?;
    eprintln!("as known at {}", rendered.known_at);
    if rendered.gaps > 0 {
        eprintln!("{} items that the census requires are not recorded; --format json names them", rendered.gaps);
    }
    Ok(ExitCode::SUCCESS)
}
