//! A JSON array whose elements go out as they come, one a line.

use serde::Serialize;
use std::io::{Result, Write};

pub(in crate::report) struct JsonArray<W: Write> {
    out: W,
    empty: bool,
}

impl<W: Write> JsonArray<W> {
    pub(in crate::report) fn begin(mut out: W) -> Result<Self> {
        out.write_all(b"[")?;
        Ok(Self { out, empty: true })
    }

    pub(in crate::report) fn add(&mut self, element: &impl Serialize) -> Result<()> {
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        Ok(serde_json::to_writer(&mut self.out, element)?)
    }

    pub(in crate::report) fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    pub(in crate::report) fn end(mut self) -> Result<()> {
        self.out.write_all(if self.empty { b"]\n" } else { b"\n]\n" })?;
        self.out.flush()
    }
}
