//! Bytes into CSV records, one at a time, in bounded memory whatever comes. Not for what a record means.
//!
//! The csv crate reads leniently and lets a record grow without end: an unclosed quote would swallow the rest of a
//! file in silence. This reader is the same grammar (RFC 4180, with LF, CRLF or CR) held to two more rules: a record
//! beyond [`RECORD_LIMIT`] is not kept, and faulty quoting is a [`RecordFault`], never a guess.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// The most bytes of a record. Far above a row of names and inventory columns, far below what would hurt.
pub const RECORD_LIMIT: usize = 64 * 1024;

/// What was wrong with a record as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordFault {
    /// Beyond the limit; with the line of the quote that was open then.
    TooLong { quote: Option<u64> },
    /// The file ends inside a quoted field; with the line of its quote.
    Unclosed { quote: u64 },
    /// Text between a closing quote and the next comma.
    AfterQuote { quote: u64 },
}

/// A record, used again for each one that is read.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The line where it begins, from 1.
    pub(super) line: u64,
    /// The line where it ends.
    pub(super) last_line: u64,
    /// What was wrong with it.
    pub(super) fault: Option<RecordFault>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    quoted: bool,
}

/// Reads records from a source of bytes.
pub(super) struct Records<R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    line: u64,
    after_cr: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScanState {
    /// Before a field's first character that is not a blank.
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
    /// The fields in order, quotes removed.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter().copied()).map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }

    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn begin(&mut self, line: u64) {
        self.line = line;
        self.last_line = line;
        self.fault = None;
        self.bytes.clear();
        self.ends.clear();
        self.quoted = false;
    }

    fn end_field(&mut self) {
        if !self.too_long() {
            self.ends.push(self.bytes.len());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if !self.too_long() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn too_long(&self) -> bool {
        matches!(self.fault, Some(RecordFault::TooLong { .. }))
    }

    fn is_blank(&self) -> bool {
        self.fault.is_none() && !self.quoted && self.len() <= 1 && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// The bytes by which a kind of file is told.
const START: u64 = 8;

impl<R: Read> Records<R> {
    /// Starts to read; gives the first bytes too, for whoever wants to know what kind of file this is.
    pub(super) fn open(mut reader: R) -> io::Result<(Self, Vec<u8>)> {
        let mut start = Vec::new();
        reader.by_ref().take(START).read_to_end(&mut start)?;
        let body = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).to_vec();
        let source = BufReader::with_capacity(RECORD_LIMIT, Cursor::new(body).chain(reader));
        Ok((Self { source, line: 1, after_cr: false }, start))
    }

    /// Reads the next record that is no blank line; `false` at the end of the file.
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
        let mut field_start = 0;
        let mut quote = self.line;
        let mut taken = 0_usize;
        loop {
            let chunk = match self.source.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let Some(&byte) = chunk.first() else { break };
            if byte == b'\n' && std::mem::take(&mut self.after_cr) {
                // The second half of a CRLF, already counted as a line end with the first.
                if state == ScanState::Quoted {
                    record.push(b"\n");
                }
                self.source.consume(1);
                continue;
            }
            self.after_cr = false;
            record.last_line = self.line;
            // Ordinary bytes go in one piece.
            let run = match state {
                ScanState::Plain => chunk.iter().position(|b| matches!(b, b',' | b'\n' | b'\r')),
                ScanState::Quoted => chunk.iter().position(|b| matches!(b, b'"' | b'\n' | b'\r')),
                ScanState::Skip => chunk.iter().position(|b| matches!(b, b'\n' | b'\r')),
                ScanState::Lead | ScanState::Quote | ScanState::Tail => Some(0),
            };
            let run = run.unwrap_or(chunk.len());
            if run > 0 {
                let (ordinary, _) = chunk.split_at(run);
                // What lies beyond the limit is not copied, however big the source's pieces are.
                if state != ScanState::Skip && taken + run <= RECORD_LIMIT {
                    record.push(ordinary);
                }
                taken = taken.saturating_add(run);
                self.source.consume(run);
                limit(record, taken, (state == ScanState::Quoted).then_some(quote));
                continue;
            }
            let ends_line = matches!(byte, b'\n' | b'\r');
            self.source.consume(1);
            if ends_line {
                self.line += 1;
                self.after_cr = byte == b'\r';
            }
            if ends_line && state != ScanState::Quoted {
                record.end_field();
                return Ok(true);
            }
            taken = taken.saturating_add(1);
            state = match (state, byte) {
                (ScanState::Lead | ScanState::Plain | ScanState::Quote | ScanState::Tail, b',') => {
                    record.end_field();
                    field_start = record.bytes.len();
                    ScanState::Lead
                }
                (ScanState::Lead, b'"') => {
                    record.bytes.truncate(field_start);
                    record.quoted = true;
                    quote = self.line;
                    ScanState::Quoted
                }
                (ScanState::Quoted, b'"') => ScanState::Quote,
                (ScanState::Quote, b'"') | (ScanState::Quoted, _) => {
                    record.push(&[byte]);
                    ScanState::Quoted
                }
                (ScanState::Lead, b' ' | b'\t') => {
                    record.push(&[byte]);
                    ScanState::Lead
                }
                (ScanState::Lead | ScanState::Plain, _) => {
                    record.push(&[byte]);
                    ScanState::Plain
                }
                (ScanState::Quote | ScanState::Tail, b' ' | b'\t') => ScanState::Tail,
                (ScanState::Quote | ScanState::Tail, _) => {
                    record.fault = record.fault.or(Some(RecordFault::AfterQuote { quote }));
                    ScanState::Skip
                }
                (ScanState::Skip, _) => ScanState::Skip,
            };
            limit(record, taken, (state == ScanState::Quoted).then_some(quote));
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

/// Past the limit: what ended before it stays (a header is still known by it), no more is kept.
fn limit(record: &mut Record, taken: usize, quote: Option<u64>) {
    if taken > RECORD_LIMIT && record.fault.is_none() {
        record.fault = Some(RecordFault::TooLong { quote });
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
