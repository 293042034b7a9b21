//! The load: connections that each send a request, wait for its answer, and send the next.
//!
//! HTTP/1.1 by hand over kept-alive sockets, in one thread: the generator shares the machine with what it measures and must
//! cost little beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// One answer in so many is read and compared with the truth; the others are only looked at for their status.
const READ_EVERY: usize = 8;

/// What is right about the child in a question.
#[derive(Debug, Clone)]
pub struct Truth {
    /// GSS code of the authority.
    pub authority: String,
    /// Since when the child is registered.
    pub registered_on: String,
}

/// Something to ask, over and over.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The body, in JSON.
    pub body: String,
    /// What the answer should name, if the child is on the register now.
    pub truth: Option<Truth>,
}

/// What is sent.
#[derive(Debug)]
pub struct Job {
    /// Method and path.
    pub line: &'static str,
    /// The status of every answer.
    pub status: &'static str,
    /// Bearer tokens: connection `i` has the `i`th, round and round.
    pub tokens: Vec<String>,
    /// The bodies, one after the other over all connections; a request without a body when there are none.
    pub asked: Arc<Vec<Asked>>,
    /// The next body.
    pub next: Arc<AtomicUsize>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Answers.
    pub answers: usize,
    /// Over how long.
    pub seconds: f64,
    /// Milliseconds, sorted.
    pub latencies: Vec<f64>,
    /// Answers that were read and should name a child.
    pub read: usize,
    /// Those of them whose first match is that child.
    pub right: usize,
}

impl Measured {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// The latency below which this share of the answers came, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Sends for as long as is said, over so many connections.
///
/// # Errors
/// When a connection breaks, or an answer has another status.
pub fn drive(port: u16, job: &Arc<Job>, connections: usize, time: Duration) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let workers: Vec<_> = (0..connections)
            .map(|number| {
                let (job, stop) = (Arc::clone(job), Arc::clone(&stop));
                tokio::spawn(async move { connection(port, &job, number, &stop).await })
            })
            .collect();
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        let mut all = Measured::default();
        for worker in workers {
            let one = worker.await??;
            all.answers += one.answers;
            all.read += one.read;
            all.right += one.right;
            all.latencies.extend(one.latencies);
        }
        all.seconds = begun.elapsed().as_secs_f64();
        all.latencies.sort_by(f64::total_cmp);
        Ok(all)
    })
}

async fn connection(port: u16, job: &Job, number: usize, stop: &AtomicBool) -> Result<Measured> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut measured = Measured::default();
    let mut answer = Answer::default();
    let mut request = Vec::with_capacity(2048);
    let token = job.tokens.get(number % job.tokens.len().max(1)).map(String::as_str).unwrap_or_default();
    while !stop.load(Ordering::Relaxed) {
        let place = job.next.fetch_add(1, Ordering::Relaxed);
        let asked = job.asked.get(place % job.asked.len().max(1));
        write_request(&mut request, job.line, token, asked.map(|asked| asked.body.as_str()));
        let begun = Instant::now();
        stream.write_all(&request).await?;
        tokio::time::timeout(PATIENCE, answer.receive(&mut stream)).await.context("no answer")??;
        measured.latencies.push(begun.elapsed().as_secs_f64() * 1000.0);
        measured.answers += 1;
        if answer.status() != job.status {
            bail!("{} was answered with {}: {}", job.line, answer.status(), String::from_utf8_lossy(answer.body()));
        }
        if place.is_multiple_of(READ_EVERY)
            && let Some(truth) = asked.and_then(|asked| asked.truth.as_ref())
        {
            measured.read += 1;
            measured.right += usize::from(names(answer.body(), truth)?);
        }
    }
    Ok(measured)
}

fn write_request(out: &mut Vec<u8>, line: &str, token: &str, body: Option<&str>) {
    use std::io::Write as _;
    out.clear();
    let key = uuid::Uuid::now_v7();
    // A vector takes everything that is written to it.
    let _ = write!(out, "{line} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    if !token.is_empty() {
        let _ = write!(out, "authorization: Bearer {token}\r\n");
    }
    let _ = match body {
        Some(body) => {
            write!(out, "idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        None => write!(out, "\r\n"),
    };
}

/// Whether the first match is the child who is meant.
fn names(body: &[u8], truth: &Truth) -> Result<bool> {
    let answer: Value = serde_json::from_slice(body).context("an answer that is no JSON")?;
    let first = &answer["matches"][0];
    Ok(first["authority"]["code"] == truth.authority.as_str() && first["registeredOn"] == truth.registered_on.as_str())
}

/// The answer to one request; its memory is used again for the next.
#[derive(Default)]
struct Answer {
    bytes: Vec<u8>,
    filled: usize,
    head: usize,
}

impl Answer {
    fn status(&self) -> &str {
        self.bytes.get(9..12).and_then(|status| std::str::from_utf8(status).ok()).unwrap_or("none")
    }

    fn body(&self) -> &[u8] {
        &self.bytes[self.head..self.filled]
    }

    async fn receive(&mut self, stream: &mut TcpStream) -> Result<()> {
        self.filled = 0;
        let mut whole = None;
        loop {
            if self.bytes.len() < self.filled + 4096 {
                self.bytes.resize(self.filled + 16_384, 0);
            }
            let count = stream.read(&mut self.bytes[self.filled..]).await?;
            if count == 0 {
                bail!("the server closed the connection");
            }
            self.filled += count;
            if whole.is_none()
                && let Some(end) = self.bytes[..self.filled].windows(4).position(|four| four == b"\r\n\r\n")
            {
                self.head = end + 4;
                whole = Some(self.head + content_length(&self.bytes[..end])?);
            }
            if whole.is_some_and(|whole| self.filled >= whole) {
                return Ok(());
            }
        }
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head).context("a head that is no text")?;
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| anyhow!("an answer without content-length"))
}

/// Reads a page, on a connection of its own.
///
/// # Errors
/// When it cannot be read.
pub fn page(port: u16, path: &str) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").as_bytes()).await?;
        let mut answer = Answer::default();
        tokio::time::timeout(PATIENCE, answer.receive(&mut stream)).await.context("no answer")??;
        if answer.status() != "200" {
            bail!("{path}: {}", answer.status());
        }
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    })
}
