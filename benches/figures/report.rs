//! The tables.

use std::fmt::Write as _;

use serde::Serialize;

use super::load::Measured;

/// One measurement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// `SQLite` or `PostgreSQL`.
    pub database: &'static str,
    /// Children on the register.
    pub children: usize,
    /// Connections.
    pub connections: usize,
    /// Answers per second.
    pub rate: f64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
    /// Processor time for each answer, milliseconds: the server's, and on PostgreSQL that of the database.
    pub cpu_ms: [f64; 2],
    /// Memory of the server, megabytes.
    pub memory_mb: f64,
    /// Milliseconds until the server was ready.
    pub start_up_ms: f64,
    /// Of the answers that were read: the share whose first match is the child who is meant.
    pub right: Option<f64>,
    /// Where the time goes: the name of a stage and the mean milliseconds for each check.
    pub stages: Vec<(String, f64)>,
}

impl Row {
    /// A row of what was measured.
    pub fn of(what: &'static str, database: &'static str, children: usize, connections: usize, measured: &Measured) -> Self {
        Self {
            what,
            database,
            children,
            connections,
            rate: measured.rate(),
            p50: measured.quantile(0.5),
            p99: measured.quantile(0.99),
            cpu_ms: [0.0; 2],
            memory_mb: 0.0,
            start_up_ms: 0.0,
            right: (measured.read > 0).then(|| measured.right as f64 / measured.read as f64),
            stages: Vec::new(),
        }
    }
}

/// The computer that it was measured on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    cores: usize,
    memory_gib: f64,
    processor: String,
    /// Work that others did meanwhile: the load average before the first measurement.
    load_before: String,
}

impl Machine {
    /// This computer, now.
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kilobytes = value(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0);
        Self {
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_gib: kilobytes / f64::from(1 << 20),
            processor: value(&read("/proc/cpuinfo"), "model name"),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

impl Machine {
    /// What it is, and how busy it was.
    pub fn said(&self) -> String {
        let Self { cores, memory_gib, processor, load_before } = self;
        format!(
            "Measured on {cores} cores ({processor}) with {memory_gib:.0} GiB; the load generator and PostgreSQL run on the same cores. \
             Load average of the machine before: {load_before}."
        )
    }
}

/// Everything, as JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The computer.
    pub machine: Machine,
    /// The measurements.
    pub rows: Vec<Row>,
}

impl Report {
    /// The tables in Markdown, as they stand in the README.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{}\n", self.machine.said());
        out += "| | database | children | connections | per second | p50 ms | p99 ms | CPU ms each | memory MB | start ms | right child |\n\
                | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        for row in &self.rows {
            let cpu = match row.cpu_ms {
                [own, 0.0] => format!("{own:.2}"),
                [own, database] => format!("{own:.2} + {database:.2}"),
            };
            let known = |value: f64| if value > 0.0 { format!("{value:.0}") } else { String::new() };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {:.0} | {:.1} | {:.1} | {cpu} | {} | {} | {} |",
                row.what,
                row.database,
                row.children,
                row.connections,
                row.rate,
                row.p50,
                row.p99,
                known(row.memory_mb),
                known(row.start_up_ms),
                row.right.map_or_else(String::new, |right| format!("{:.1} %", right * 100.0)),
            );
        }
        out += "\nWhere the time of a check goes, mean milliseconds (waiting for a core or for the others of a group counts):\n\n";
        let timed: Vec<&Row> = self.rows.iter().filter(|row| !row.stages.is_empty()).collect();
        if let Some(first) = timed.first() {
            let names: Vec<&str> = first.stages.iter().map(|(name, _)| name.as_str()).collect();
            let _ = writeln!(out, "| database | children | connections | {} |", names.join(" | "));
            let _ = writeln!(out, "| --- | ---: | ---: |{}", " ---: |".repeat(names.len()));
        }
        for row in timed {
            let stages: Vec<String> = row.stages.iter().map(|(_, milliseconds)| format!("{milliseconds:.3}")).collect();
            let _ = writeln!(out, "| {} | {} | {} | {} |", row.database, row.children, row.connections, stages.join(" | "));
        }
        out += &self.targets();
        out
    }

    fn rate(&self, what: &str, database: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.what == what && row.database == database && row.children == 60_000 && row.connections == 32)
    }

    /// What was to be reached, and whether it was.
    pub fn targets(&self) -> String {
        let mut out = String::from("\nAt 60,000 children and 32 connections:\n\n");
        for database in ["SQLite", "PostgreSQL"] {
            let Some(check) = self.rate(super::CHECK, database) else { continue };
            let times = |what: &str| self.rate(what, database).map_or(f64::NAN, |row| check.rate / row.rate);
            let said = |reached: bool| if reached { "reached" } else { "missed" };
            let (unmatched, fastapi) = (times(super::WITHOUT_MATCHING), times(super::FASTAPI));
            let _ = writeln!(out, "- {database}: {unmatched:.2} of the rate without matching (0.5: {})", said(unmatched >= 0.5));
            let _ = writeln!(out, "- {database}: {fastapi:.1} times FastAPI (3: {})", said(fastapi >= 3.0));
            let _ = writeln!(out, "- {database}: p99 {:.1} ms (40: {})", check.p99, said(check.p99 < 40.0));
            if database == "SQLite" {
                let _ = writeln!(out, "- {database}: {:.0} MB (80: {})", check.memory_mb, said(check.memory_mb < 80.0));
            }
        }
        out
    }
}
