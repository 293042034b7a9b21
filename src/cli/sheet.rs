//! Reading rows from CSV or NDJSON: a row that cannot be read is told as such and never stops the next.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::WithHint;
use crate::register::imports::Cells;

/// Longest line of NDJSON, in bytes: a row is some hundreds of bytes; more than this is no list of rows.
const LINE_BYTES_MAX: u64 = 1 << 20;

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

/// Why a row cannot be read: code and what would help.
pub(super) type Unreadable = (&'static str, &'static str);

/// Cells, and whether some of them were not in UTF-8.
pub(super) struct Read1 {
    pub(super) cells: Cells,
    pub(super) legacy: bool,
}

enum Source {
    Csv { reader: csv::Reader<Box<dyn Read>>, columns: Vec<String>, record: csv::ByteRecord },
    Ndjson(BufReader<Box<dyn Read>>),
}

/// Rows of a file, one after another.
pub(super) struct Sheet {
    path: PathBuf,
    source: Source,
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
        let (input, bytes): (Box<dyn Read>, _) = if standard_input {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).with_context(|| format!("{} could not be opened", path.display())).hint("check the path")?;
            let bytes = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(file), bytes)
        };
        let progress = progress(bytes, task);
        let input: Box<dyn Read> = Box::new(progress.wrap_read(input));
        let source = match format {
            Format::Csv => {
                // `flexible`: a row with too few or too many cells is refused as a row, and the rest is read.
                let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(input);
                let header = reader.byte_headers().with_context(|| format!("{} could not be read", path.display()))?;
                let columns: Vec<String> =
                    header.iter().map(|cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned()).collect();
                if columns.iter().all(String::is_empty) {
                    bail!("{} has no header", path.display());
                }
                let mut sorted: Vec<_> = columns.iter().filter(|column| !column.is_empty()).collect();
                sorted.sort();
                if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                    bail!("{} has two columns named {}", path.display(), twice[0]);
                }
                Source::Csv { reader, columns, record: csv::ByteRecord::new() }
            }
            Format::Ndjson => Source::Ndjson(BufReader::with_capacity(1 << 16, input)),
        };
        Ok(Self { path: path.to_owned(), source, progress })
    }

    /// The columns of the header; none when every row names its own.
    pub(super) fn columns(&self) -> Option<&[String]> {
        match &self.source {
            Source::Csv { columns, .. } => Some(columns),
            Source::Ndjson(_) => None,
        }
    }

    /// The next row, nothing at the end.
    ///
    /// # Errors
    /// When the file itself cannot be read any further.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Result<Read1, Unreadable>>> {
        let path = &self.path;
        let broken = || format!("{} could not be read any further", path.display());
        match &mut self.source {
            Source::Csv { reader, columns, record } => match reader.read_byte_record(record) {
                Ok(false) => Ok(None),
                Ok(true) => Ok(Some(from_record(columns, record))),
                Err(error) => Err(error).with_context(broken),
            },
            Source::Ndjson(reader) => loop {
                let mut line = Vec::new();
                if reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).with_context(broken)? == 0 {
                    return Ok(None);
                }
                if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
                    bail!("{} has a line of more than {LINE_BYTES_MAX} bytes: it is not NDJSON", path.display());
                }
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Ok(Some(from_line(&line)));
                }
            },
        }
    }
}

fn from_record(columns: &[String], record: &csv::ByteRecord) -> Result<Read1, Unreadable> {
    // Cells that no column names hold nothing, or an unquoted comma has pushed all others aside.
    if record.iter().skip(columns.len()).any(|cell| !cell.iter().all(u8::is_ascii_whitespace)) {
        return Err(("too-many-cells", "quote texts that hold a comma"));
    }
    let mut legacy = false;
    let cells = columns
        .iter()
        .zip(record)
        .map(|(column, cell)| {
            let text = std::str::from_utf8(cell).map_or_else(
                |_| {
                    legacy = true;
                    windows_1252(cell)
                },
                str::to_owned,
            );
            (column.as_str(), text)
        })
        .collect();
    Ok(Read1 { cells, legacy })
}

fn from_line(line: &[u8]) -> Result<Read1, Unreadable> {
    use serde_json::Value;
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else {
        return Err(("not-json", "write one JSON object to a line"));
    };
    let plain = |value: &Value| match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    let cells: Option<Vec<(String, String)>> = object
        .into_iter()
        .map(|(column, value)| {
            let separator = if column == "categories" { ";" } else { ", " };
            let text = match &value {
                Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(separator),
                value => plain(value)?,
            };
            Some((column, text))
        })
        .collect();
    cells
        .map(|cells| Read1 { cells: cells.into_iter().collect(), legacy: false })
        .ok_or(("not-a-text", "write each item as a text, or as a list of texts"))
}

/// What old spreadsheets write. Only the letters and quotation marks that stand in names and addresses; the rest becomes
/// characters that no name may hold, and is dropped with a warning.
fn windows_1252(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x91 => '\u{2018}',
            0x92 => '\u{2019}',
            0x93 => '\u{201c}',
            0x94 => '\u{201d}',
            0x96 => '\u{2013}',
            0x8a => 'Š',
            0x8e => 'Ž',
            0x9a => 'š',
            0x9e => 'ž',
            0x9f => 'Ÿ',
            byte => char::from(*byte),
        })
        .collect()
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
