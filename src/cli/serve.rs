//! `cofrestr serve`: one region.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::Config;
use crate::web;

/// Runs the server of one region.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The region's settings (TOML); what it does not say is as in the defaults.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs until SIGINT or SIGTERM, then lets requests under way finish.
///
/// # Errors
/// When the configuration, the keys, the database or the address cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    share_memory();
    let config = Config::load(Some(&args.config))?;
    log(&config);
    keep_panics_quiet();
    web::run(&config).context("the server cannot run")?;
    Ok(ExitCode::SUCCESS)
}

/// A panic is a defect, and its text may hold whatever was at hand: the log says where it was and nothing else.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a defect: a thread panicked");
    }));
}

/// Has all threads allocate from four arenas for each core. Of itself glibc takes eight, and each keeps what its threads once needed.
/// With fewer – two were tried – readers, writer and workers wait for each other's locks: a fifth of the time of a check. To be
/// called before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "mallopt through libc")]
fn share_memory() {
    let arenas = std::thread::available_parallelism().map_or(8, |cores| cores.get().saturating_mul(4));
    // SAFETY: takes two numbers and no memory of ours; what it answers is whether it did it, and without it the server runs too.
    let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(arenas).unwrap_or(8)) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_memory() {}

/// Structured logs to standard error. Nothing personal is ever put into one.
fn log(config: &Config) {
    use tracing_subscriber::EnvFilter;

    let filter =
        EnvFilter::try_new(format!("{},actix_server=warn,actix_web=warn", config.log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process (a test) is no error: the first goes on.
    let _ = if config.log.format == "json" { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
}
