//! A JSON object for each document, one a line.

use std::io::{self, Write};

use imagereview_core::Language;

use super::{json::DocumentRecord, report::Report};
use crate::engine::{ReviewedFile, Run};

pub(super) struct Ndjson {
    language: Language,
}

impl Ndjson {
    pub(super) fn new(language: Language) -> Self {
        Self { language }
    }
}

impl Report for Ndjson {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            let record = DocumentRecord::new(&file.name, document, self.language);
            serde_json::to_writer(&mut *out, &record)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Run, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
