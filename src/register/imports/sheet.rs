//! Reading rows from CSV or NDJSON, and judging them: a row that cannot be read is told as such and never stops the next.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

use super::{Cells, REQUIRED, Remark, Row, Rules, UNIT, read};

/// Longest line of NDJSON, in bytes: a row is some hundreds of bytes; more than this is no list of rows.
const LINE_BYTES_MAX: u64 = 1 << 20;

crate::domain::coded::closed_set! {
    /// How the rows are written down.
    pub enum Format {
        /// Comma-separated values with a header.
        Csv = "csv",
        /// One JSON object to a line.
        Ndjson = "ndjson",
    }
}

/// Why rows cannot be read at all, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// What they are read from broke off.
    #[error("the rows could not be read any further")]
    Broken(#[source] std::io::Error),
    /// There is no header.
    #[error("there is no header: the first line names the columns")]
    NoHeader,
    /// A column stands in the header twice.
    #[error("two columns have the same name")]
    ColumnTwice,
    /// A column without which no row can be an entry is not there.
    #[error("there is no column {}", .0.join(", "))]
    ColumnMissing(Vec<&'static str>),
    /// A line is so long that this is no list of rows.
    #[error("a line has more than {LINE_BYTES_MAX} bytes: this is not NDJSON")]
    LineTooLong,
}

impl SheetError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Broken(_) => "unreadable",
            Self::NoHeader => "no-header",
            Self::ColumnTwice => "column-twice",
            Self::ColumnMissing(_) => "column-missing",
            Self::LineTooLong => "line-too-long",
        }
    }
}

/// Why a row cannot be read: code and what would help.
pub type Unreadable = (&'static str, &'static str);

/// Cells, and whether some of them were not in UTF-8.
#[derive(Debug)]
pub struct ReadRow {
    /// What it says.
    pub cells: Cells,
    /// Whether it was written as old spreadsheets do.
    pub legacy: bool,
}

type Input = Box<dyn Read + Send>;

enum Source {
    Csv { reader: csv::Reader<Input>, columns: Vec<String>, record: csv::ByteRecord },
    Ndjson(BufReader<Input>),
}

/// Rows, one after another.
#[allow(missing_debug_implementations)] // holds what people said
pub struct Sheet(Source);

impl Sheet {
    /// Begins to read rows.
    ///
    /// # Errors
    /// When there is no usable header.
    pub fn new(format: Format, input: Input) -> Result<Self, SheetError> {
        match format {
            Format::Ndjson => Ok(Self(Source::Ndjson(BufReader::with_capacity(1 << 16, input)))),
            Format::Csv => {
                // `flexible`: a row with too few or too many cells is refused as a row, and the rest is read.
                let mut reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(input);
                let header = reader.byte_headers().map_err(broken)?;
                let columns: Vec<String> =
                    header.iter().map(|cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned()).collect();
                if columns.iter().all(String::is_empty) {
                    return Err(SheetError::NoHeader);
                }
                let mut sorted: Vec<_> = columns.iter().filter(|column| !column.is_empty()).collect();
                sorted.sort();
                if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(SheetError::ColumnTwice);
                }
                Ok(Self(Source::Csv { reader, columns, record: csv::ByteRecord::new() }))
            }
        }
    }

    /// The columns of the header; none when every row names its own.
    pub fn columns(&self) -> Option<&[String]> {
        match &self.0 {
            Source::Csv { columns, .. } => Some(columns),
            Source::Ndjson(_) => None,
        }
    }

    /// Sees whether there is every column without which no row can be an entry.
    ///
    /// # Errors
    /// [`SheetError::ColumnMissing`].
    pub fn check_columns(&self) -> Result<(), SheetError> {
        let Some(columns) = self.columns() else { return Ok(()) };
        let missing: Vec<_> = REQUIRED.iter().filter(|needed| !columns.iter().any(|column| column == *needed)).copied().collect();
        if missing.is_empty() { Ok(()) } else { Err(SheetError::ColumnMissing(missing)) }
    }

    fn read_one(&mut self) -> Result<Option<Result<ReadRow, Unreadable>>, SheetError> {
        match &mut self.0 {
            Source::Csv { reader, columns, record } => {
                Ok(reader.read_byte_record(record).map_err(broken)?.then(|| from_record(columns, record)))
            }
            Source::Ndjson(reader) => loop {
                let mut line = Vec::new();
                if reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(SheetError::Broken)? == 0 {
                    return Ok(None);
                }
                if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
                    return Err(SheetError::LineTooLong);
                }
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Ok(Some(from_line(&line)));
                }
            },
        }
    }
}

fn broken(error: csv::Error) -> SheetError {
    let kind = match error.kind() {
        csv::ErrorKind::Io(error) => error.kind(),
        _ => std::io::ErrorKind::Other,
    };
    SheetError::Broken(std::io::Error::new(kind, error))
}

/// Rows, judged.
#[allow(missing_debug_implementations)] // holds what people said
pub struct Rows<S, E> {
    sheet: S,
    rules: Rules,
    number: u64,
    /// Identifiers seen so far: a second row under the same one would overwrite the first.
    seen: HashSet<String>,
    /// Why it went no further, once the rows before are told.
    broken: Option<E>,
}

/// What rows are read from.
pub trait Sheets {
    /// Why they cannot be read any further.
    type Error;

    /// The next row, nothing at the end.
    ///
    /// # Errors
    /// When nothing can be read any further.
    fn next_row(&mut self) -> Result<Option<Result<ReadRow, Unreadable>>, Self::Error>;
}

impl Sheets for Sheet {
    type Error = SheetError;

    fn next_row(&mut self) -> Result<Option<Result<ReadRow, Unreadable>>, SheetError> {
        self.read_one()
    }
}

impl<S: Sheets<Error = E>, E> Rows<S, E> {
    /// The rows of a sheet, judged by rules.
    pub fn new(sheet: S, rules: Rules) -> Self {
        Self { sheet, rules, number: 0, seen: HashSet::new(), broken: None }
    }

    /// What they are read from.
    pub fn sheet(&self) -> &S {
        &self.sheet
    }

    /// The next row, nothing at the end.
    ///
    /// # Errors
    /// When nothing can be read any further.
    pub fn next_row(&mut self) -> Result<Option<Row>, E> {
        let Some(found) = self.sheet.next_row()? else { return Ok(None) };
        self.number += 1;
        let remark = |column, code, detail: &str| Remark { row: self.number, column, code, detail: detail.to_owned() };
        let mut row = match found {
            Ok(found) => {
                let mut row = read(&self.rules, self.number, &found.cells);
                if found.legacy {
                    row.warnings.push(remark("id", "not-utf-8", "read as Windows-1252; write the file in UTF-8"));
                }
                row
            }
            Err((code, detail)) => {
                let mut row = read(&self.rules, self.number, &Cells::default());
                (row.warnings, row.errors) = (Vec::new(), vec![remark("id", code, detail)]);
                return Ok(Some(row));
            }
        };
        if !self.seen.insert(row.external_id.clone()) {
            row.errors.push(remark("id", "duplicate-id", "an earlier row of this file has this identifier; give each row one of its own"));
            row.entry = None;
        }
        Ok(Some(row))
    }

    /// The rows of the next unit of work; none at the end.
    ///
    /// # Errors
    /// When nothing can be read any further, after the rows before were answered.
    pub fn unit(&mut self) -> Result<Vec<Row>, E> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let mut rows = Vec::with_capacity(UNIT);
        while rows.len() < UNIT {
            match self.next_row() {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => break,
                Err(error) if rows.is_empty() => return Err(error),
                // The rows before it are good.
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        Ok(rows)
    }
}

fn from_record(columns: &[String], record: &csv::ByteRecord) -> Result<ReadRow, Unreadable> {
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
    Ok(ReadRow { cells, legacy })
}

fn from_line(line: &[u8]) -> Result<ReadRow, Unreadable> {
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
        .map(|cells| ReadRow { cells: cells.into_iter().collect(), legacy: false })
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
