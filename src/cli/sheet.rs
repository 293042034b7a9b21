//! Files of rows on the command line: which format, and how far it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::WithHint;
use crate::register::imports::{self, ReadRow, Sheets, Unreadable};

/// How the rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object to a line.
    Ndjson,
}

impl Format {
    fn of(path: &Path) -> anyhow::Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(anyhow::anyhow!("{} has neither the ending .csv nor .ndjson", path.display()))
                .hint("say --format csv or --format ndjson"),
        }
    }
}

/// Rows of a file, one after another.
pub(super) struct Sheet {
    path: PathBuf,
    rows: imports::Sheet,
    /// How far it is read, when somebody is looking.
    pub(super) progress: ProgressBar,
}

impl Sheet {
    /// Opens a file; `-` is standard input.
    pub(super) fn open(path: &Path, format: Option<Format>, task: &'static str) -> anyhow::Result<Self> {
        let standard_input = path == Path::new("-");
        let format = match format {
            Some(format) => format,
            None if standard_input => Format::Csv,
            None => Format::of(path)?,
        };
        let (input, bytes): (Box<dyn Read + Send>, _) = if standard_input {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).with_context(|| format!("{} could not be opened", path.display())).hint("check the path")?;
            let bytes = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(file), bytes)
        };
        let progress = progress(bytes, task);
        let format = match format {
            Format::Csv => imports::Format::Csv,
            Format::Ndjson => imports::Format::Ndjson,
        };
        let rows = imports::Sheet::new(format, Box::new(progress.wrap_read(input)))
            .with_context(|| format!("{} could not be read", path.display()))?;
        Ok(Self { path: path.to_owned(), rows, progress })
    }

    /// The columns of the header; none when every row names its own.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.rows.columns()
    }

    /// The next row, nothing at the end.
    ///
    /// # Errors
    /// When the file itself cannot be read any further.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Result<ReadRow, Unreadable>>> {
        self.rows.next_row().with_context(|| self.path.display().to_string())
    }
}

impl Sheets for Sheet {
    type Error = anyhow::Error;

    fn next_row(&mut self) -> anyhow::Result<Option<Result<ReadRow, Unreadable>>> {
        self.next()
    }
}

/// A progress bar, drawn only for a person.
pub(super) fn progress(length: Option<u64>, task: &'static str) -> ProgressBar {
    // `ProgressDrawTarget::stderr` draws nothing when standard error is no terminal.
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    if let Some(style) = length.and(ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}% {elapsed}").ok()) {
        bar.set_style(style);
    }
    bar.set_message(task);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Vec<Result<(String, bool), &'static str>> {
        let path = std::env::temp_dir().join(format!("cofrestr-sheet-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).expect("a file");
        let mut sheet = Sheet::open(&path, None, "").expect("a sheet");
        let mut rows = Vec::new();
        while let Some(row) = sheet.next().expect("a row or the end") {
            rows.push(row.map(|row| (row.cells.get("given").unwrap_or("-").to_owned(), row.legacy)).map_err(|(code, _)| code));
        }
        std::fs::remove_file(&path).expect("the file");
        rows
    }

    #[test]
    fn a_row_that_cannot_be_read_does_not_stop_the_next() {
        let one = |text: &str| Ok((text.to_owned(), false));
        assert_eq!(
            read("a.csv", "\u{feff}given,family\r\nSiân,Example\r\n\"A, b\"\r\na,b,c\r\na,b,\r\n".as_bytes()),
            [one("Siân"), one("A, b"), Err("too-many-cells"), one("a")]
        );
        assert_eq!(read("b.csv", b"given\nSi\xe2n\n"), [Ok(("Siân".to_owned(), true))]);
        assert_eq!(
            read("c.ndjson", b"{\"given\":\"a\"}\n\n{\"given\":\n[1]\n{\"given\":{}}\n{\"given\":null}\n{\"given\":[\"b\",1]}"),
            [one("a"), Err("not-json"), Err("not-json"), Err("not-a-text"), one("-"), one("b, 1")]
        );
    }
}
