//! Lines that are written as they come: CSV, a JSON array, or one JSON object per line; or text for people.

use crate::domain::spreadsheet;
use serde_json::Value;
use std::borrow::Cow;
use std::io::{Result, Write};

/// The format of a report or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// The most important columns, for people
    #[default]
    Table,
    /// All columns, with a header; cells that a spreadsheet would run are escaped
    Csv,
    /// An array of objects
    Json,
    /// One object per line
    Jsonl,
}

pub(in crate::report) struct Sheet<W: Write> {
    out: W,
    format: Format,
    empty: bool,
}

impl<W: Write> Sheet<W> {
    /// Begins a sheet with these columns.
    pub(in crate::report) fn begin<'n>(
        mut out: W,
        format: Format,
        columns: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self> {
        match format {
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(&mut out);
                write_cells(&mut csv, columns)?;
                csv.flush()?;
            }
            Format::Json => out.write_all(b"[")?,
            Format::Table | Format::Jsonl => {}
        }
        Ok(Self { out, format, empty: true })
    }

    /// Adds text as it is.
    pub(in crate::report) fn text(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Adds lines, each an object with the columns as its members.
    pub(in crate::report) fn lines(&mut self, mut lines: impl Iterator<Item = Value>) -> Result<()> {
        match self.format {
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(&mut self.out);
                lines.try_for_each(|line| {
                    write_cells(&mut csv, line.as_object().into_iter().flat_map(|line| line.values()).map(cell))
                })?;
                csv.flush()?;
            }
            Format::Json => lines.try_for_each(|line| {
                let gap = if std::mem::take(&mut self.empty) { "\n" } else { ",\n" };
                write!(self.out, "{gap}{line}")
            })?,
            Format::Table | Format::Jsonl => lines.try_for_each(|line| writeln!(self.out, "{line}"))?,
        }
        self.out.flush()
    }

    /// Ends it; what it was written to.
    pub(in crate::report) fn end(mut self) -> Result<W> {
        if self.format == Format::Json {
            self.out.write_all(if self.empty { b"]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A value as a cell of CSV.
fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Cow::Owned(value.to_string()),
        Value::Object(tags) => {
            let tag = |(key, value): (&String, &Value)| match value.as_str() {
                Some("") | None => key.clone(),
                Some(value) => format!("{key}={value}"),
            };
            Cow::Owned(tags.iter().map(tag).collect::<Vec<_>>().join(";"))
        }
    }
}

fn write_cells<W: Write>(csv: &mut csv::Writer<W>, cells: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
    for cell in cells {
        csv.write_field(spreadsheet::neutralise(cell.as_ref()).as_bytes()).map_err(io_error)?;
    }
    csv.write_record(None::<&[u8]>).map_err(io_error)
}

/// The underlying error: the crate's own conversion hides its kind, and a closed pipe with it.
fn io_error(error: csv::Error) -> std::io::Error {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { std::io::Error::other(text) }
}
