//! A table of all images.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table as Grid, presets};
use imagereview_core::Violation;

use super::{OneLine, Report, Style};
use crate::report::{ReviewedFile, Summary};

pub(super) struct Table(Grid);

impl Table {
    pub(super) fn new(style: Style) -> Self {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING)
            .set_header(["VERDICT", "IMAGE", "RULES", "OBJECT", "PLACE"]);
        if let Some(width) = style.width.and_then(|width| u16::try_from(width).ok()) {
            grid.set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        Self(grid)
    }
}

impl Report for Table {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                let verdict = if image.is_allowed() {
                    "allowed"
                } else {
                    "denied"
                };
                let rules: Vec<&str> = image.violations.iter().map(Violation::rule).collect();
                self.0.add_row([
                    verdict.to_owned(),
                    OneLine(&image.image).to_string(),
                    rules.join(", "),
                    OneLine(&document.title).to_string(),
                    file.place(image.position),
                ]);
            }
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        for line in self.0.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out, "\n{summary}")
    }
}
