//! Bytes into CSV records, one at a time, in bounded memory whatever comes. What a record means is decided elsewhere.
//!
//! The csv crate reads leniently and lets a record grow without limit: an unclosed quote would silently swallow the
//! rest of a file. This reader has the same grammar (RFC 4180, with LF, CRLF or CR) and two more rules: a record
//! beyond [`RECORD_LIMIT`] is not kept, and faulty quoting is a [`RecordFault`], never a guess.

use csv::ByteRecord;
use std::io::{self, BufReader, Bytes, Chain, Cursor, Read};

/// The most bytes of a record. Far above a row of names and inventory columns, far below what would hurt.
pub const RECORD_LIMIT: usize = 64 * 1024;

/// Why a record cannot be read, whatever it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Beyond the limit.
    #[error("is longer than {} KiB: shorten it or leave columns out{}", RECORD_LIMIT / 1024, open_quote(*.quote))]
    TooLong {
        /// The line of the quote that was open at the limit.
        quote: Option<u64>,
    },
    /// The file ends inside a quoted field.
    #[error("the quote that opens in line {quote} is never closed: close it, or double it if it is part of the text")]
    Unclosed {
        /// The line of the quote.
        quote: u64,
    },
    /// Text between a closing quote and the next comma.
    #[error(
        "has text after the end of the quoted field that opens in line {quote}: double each quote that is part of the text"
    )]
    AfterQuote {
        /// The line where the field opens.
        quote: u64,
    },
}

fn open_quote(quote: Option<u64>) -> String {
    quote.map_or_else(String::new, |line| format!(" (a quote opens in line {line}: is it closed?)"))
}

/// A record, whose memory is reused for the next one.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The line where it begins, from 1.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) fault: Option<RecordFault>,
    /// The fields in order, quotes removed.
    pub(super) fields: ByteRecord,
    /// The field that is being read.
    field: Vec<u8>,
    quoted: bool,
}

/// Reads records from a source of bytes.
pub(super) struct Records<R> {
    source: Bytes<BufReader<Chain<Cursor<Vec<u8>>, R>>>,
    line: u64,
    after_cr: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScanState {
    /// Before the first character of a field that is not a blank.
    Lead,
    Plain,
    Quoted,
    /// After a quote in a quoted field: its end, or the first half of a doubled one.
    Quote,
    /// Blanks after a quoted field.
    Tail,
    /// After a fault, up to the line's end.
    Skip,
}

impl Record {
    fn begin(&mut self, line: u64) {
        self.line = line;
        self.fault = None;
        self.fields.clear();
        self.field.clear();
        self.quoted = false;
    }

    fn end_field(&mut self) {
        if !self.too_long() {
            self.fields.push_field(&self.field);
            self.field.clear();
        }
    }

    fn push(&mut self, byte: u8) {
        if !self.too_long() {
            self.field.push(byte);
        }
    }

    fn too_long(&self) -> bool {
        matches!(self.fault, Some(RecordFault::TooLong { .. }))
    }

    fn is_blank(&self) -> bool {
        let is_empty = self.fields.len() <= 1 && self.fields.as_slice().iter().all(u8::is_ascii_whitespace);
        self.fault.is_none() && !self.quoted && is_empty
    }
}

/// Bytes by which a kind of file is recognised.
const START: u64 = 8;

impl<R: Read> Records<R> {
    /// Starts to read. Also returns the first bytes, which tell the kind of file.
    pub(super) fn open(mut reader: R) -> io::Result<(Self, Vec<u8>)> {
        let mut start = Vec::new();
        reader.by_ref().take(START).read_to_end(&mut start)?;
        let body = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).to_vec();
        let source = BufReader::with_capacity(RECORD_LIMIT, Cursor::new(body).chain(reader));
        Ok((Self { source: source.bytes(), line: 1, after_cr: false }, start))
    }

    /// Reads the next record that is not a blank line; `false` at the end of the file.
    pub(super) fn read(&mut self, record: &mut Record) -> io::Result<bool> {
        loop {
            let more = self.read_any(record)?;
            if !record.is_blank() {
                return Ok(true);
            }
            if !more {
                return Ok(false);
            }
        }
    }

    /// Reads up to the end of a line outside quotes (`true`) or of the file (`false`).
    fn read_any(&mut self, record: &mut Record) -> io::Result<bool> {
        record.begin(self.line);
        let mut state = ScanState::Lead;
        let mut quote = self.line;
        let mut taken = 0_usize;
        while let Some(byte) = self.source.next().transpose()? {
            if byte == b'\n' && std::mem::take(&mut self.after_cr) {
                // The second half of a CRLF: the first already counted as a line end.
                if state == ScanState::Quoted {
                    record.push(byte);
                }
                continue;
            }
            let ends_line = matches!(byte, b'\n' | b'\r');
            self.after_cr = byte == b'\r';
            self.line += u64::from(ends_line);
            if ends_line && state != ScanState::Quoted {
                record.end_field();
                return Ok(true);
            }
            taken = taken.saturating_add(1);
            state = match (state, byte) {
                (ScanState::Lead | ScanState::Plain | ScanState::Quote | ScanState::Tail, b',') => {
                    record.end_field();
                    ScanState::Lead
                }
                (ScanState::Lead, b'"') => {
                    record.field.clear();
                    record.quoted = true;
                    quote = self.line;
                    ScanState::Quoted
                }
                (ScanState::Quoted, b'"') => ScanState::Quote,
                (ScanState::Quote, b'"') | (ScanState::Quoted, _) => {
                    record.push(byte);
                    ScanState::Quoted
                }
                (ScanState::Lead, b' ' | b'\t') => {
                    record.push(byte);
                    ScanState::Lead
                }
                (ScanState::Lead | ScanState::Plain, _) => {
                    record.push(byte);
                    ScanState::Plain
                }
                (ScanState::Quote | ScanState::Tail, b' ' | b'\t') => ScanState::Tail,
                (ScanState::Quote | ScanState::Tail, _) => {
                    record.fault = record.fault.or(Some(RecordFault::AfterQuote { quote }));
                    ScanState::Skip
                }
                (ScanState::Skip, _) => ScanState::Skip,
            };
            if taken > RECORD_LIMIT && record.fault.is_none() {
                // The fields before the limit stay, as a header is recognised by them.
                record.fault = Some(RecordFault::TooLong { quote: (state == ScanState::Quoted).then_some(quote) });
            }
        }
        if state == ScanState::Quoted {
            record.fault = record.fault.or(Some(RecordFault::Unclosed { quote }));
        }
        if taken > 0 {
            record.end_field();
        }
        Ok(false)
    }
}

#[cfg(test)]
#[path = "csv_records_tests.rs"]
mod tests;
