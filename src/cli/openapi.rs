//! `cofrestr openapi`: print the OpenAPI document.

use std::io::Write;
use std::process::ExitCode;

use utoipa::OpenApi;

use crate::api::openapi::{Document, yaml};

/// Prints the OpenAPI document.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON instead of YAML.
    #[arg(long)]
    pub json: bool,
}

/// Prints the document to standard output.
///
/// # Errors
/// When it cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let text = if args.json { Document::openapi().to_pretty_json()? } else { yaml().map_err(anyhow::Error::msg)? };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
