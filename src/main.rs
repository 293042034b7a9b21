//! The program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cofrestr::cli::{openapi, serve};

/// The child protection register of a safeguarding region.
#[derive(Parser)]
#[command(version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server of one region.
    Serve(serve::Args),
    /// Print the OpenAPI document.
    Openapi(openapi::Args),
}

#[allow(clippy::print_stderr)] // errors of the command line belong there
fn main() -> ExitCode {
    let result = match Program::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Openapi(args) => openapi::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
