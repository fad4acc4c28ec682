//! A table of all images.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table as Grid, presets};
use imagereview_core::{Language, Violation};

use super::{OneLine, Report, Style, label};
use crate::report::{ReviewedFile, Summary};

/// How many images a table has at most. The columns are as wide as what is in them, so a table is
/// held until it is complete; of more images there are several.
const ROWS: usize = 10_000;

pub(super) struct Table {
    style: Style,
    grid: Grid,
}

impl Table {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            grid: empty(style),
        }
    }

    fn write_rows(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let grid = std::mem::replace(&mut self.grid, empty(self.style));
        for line in grid.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)
    }
}

fn empty(style: Style) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING)
        .set_header(header(style.language));
    if let Some(width) = style.width.and_then(|width| u16::try_from(width).ok()) {
        grid.set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    grid
}

fn header(language: Language) -> Vec<String> {
    let columns = [
        &label::VERDICT,
        &label::IMAGE,
        &label::RULE,
        &label::OBJECT,
        &label::PATH,
        &label::PLACE,
    ];
    let columns = columns.iter().map(|column| column.text(language));
    columns.map(str::to_uppercase).collect()
}

impl Report for Table {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                let rules: Vec<&str> = image.violations.iter().map(Violation::rule).collect();
                self.grid.add_row([
                    label::verdict(image).text(self.style.language).to_owned(),
                    OneLine(&image.image).to_string(),
                    rules.join(", "),
                    OneLine(&document.title).to_string(),
                    OneLine(&image.path).to_string(),
                    file.place(image.position),
                ]);
                if self.grid.row_count() == ROWS {
                    self.write_rows(out)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        if self.grid.row_count() > 0 || summary.images == 0 {
            self.write_rows(out)?;
        }
        writeln!(out, "{}", summary.text(self.style.language))
    }
}
