//! Processes under measurement: started, watched through `/proc`, ended.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to start: 60,000 children, slow disk.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(2);
/// How long a server may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Linux counts processor time for user space in hundredths of a second, on every machine.
const TICK: f64 = 0.01;

/// A server in a process of its own. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    /// From the start of the process until it said that it is ready.
    pub start_up: Duration,
}

impl Server {
    /// Starts a server and waits until a page of it is there.
    ///
    /// # Errors
    /// When it ends or is not ready in time; then its log is in the message.
    pub fn start(mut command: Command, port: u16, ready: &str, log: &Path) -> Result<Self> {
        let out = File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let begun = Instant::now();
        let mut child = command.spawn().context("cannot start a server")?;
        loop {
            if super::load::page(port, ready).is_ok() {
                return Ok(Self { child, port, start_up: begun.elapsed() });
            }
            let ended = child.try_wait()?;
            if ended.is_some() || begun.elapsed() > START_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                bail!("a server did not start:\n{}", fs::read_to_string(log).unwrap_or_default());
            }
            sleep(LOOK);
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits for that.
    pub fn end(mut self) {
        let _ = Command::new("kill").arg(self.id().to_string()).status();
        let begun = Instant::now();
        while begun.elapsed() < END_LIMIT && matches!(self.child.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A process and those that it started, their processor time counted together.
pub fn family(id: u32) -> Vec<u32> {
    let mut family = vec![id];
    let mut place = 0;
    while let Some(parent) = family.get(place).copied() {
        place += 1;
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    family
}

/// Processor time that a process, those it started and those of them that ended have used, in seconds.
pub fn cpu_seconds(id: u32) -> f64 {
    let of = |id: u32, fields: &[usize]| -> f64 {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The second field is a name in brackets, which may hold anything.
        let rest: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        fields.iter().filter_map(|field| rest.get(field - 3)?.parse::<f64>().ok()).sum::<f64>() * TICK
    };
    // utime, stime, and those of children that were waited for.
    family(id).into_iter().map(|id| of(id, &[14, 15, 16, 17])).sum()
}

/// What a process and those that it started have in memory now, in megabytes: resident pages, those of mapped files counted.
pub fn memory_mb(id: u32) -> f64 {
    let of = |id: u32| -> f64 {
        let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0 / 1e6
    };
    family(id).into_iter().map(of).sum()
}

/// A port that nobody listens on now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
