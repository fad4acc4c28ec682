//! A table of all images.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Grid, presets};
use imagereview_core::{Language, Mode, Violation};

use super::{human::write_end, label, report::Report};
use crate::engine::{ReviewedFile, Run};
use crate::terminal::{Appearance, OneLine, Tone};

/// How many images a table has at most. The columns are as wide as what is in them, so a table is
/// held until it is complete; of more images there are several.
const ROWS: usize = 10_000;

/// Which column has the JSON paths.
const PATH_COLUMN: usize = 4;

/// The least width of a terminal to which a table is made fit; in fewer columns the rows would fall
/// to pieces.
const LEAST_WIDTH: usize = 72;

pub(super) struct Table {
    appearance: Appearance,
    language: Language,
    grid: Grid,
}

impl Table {
    pub(super) fn new(appearance: Appearance, language: Language) -> Self {
        Self {
            appearance,
            language,
            grid: empty(language),
        }
    }

    /// A line of the table with its verdict in colour. The grid counts characters, so it is made first.
    fn painted(&self, line: &str) -> String {
        let verdicts = [
            (label::consequence(Mode::Enforce), Tone::Bad),
            (label::consequence(Mode::Warn), Tone::Warning),
            (label::consequence(Mode::Audit), Tone::Note),
            (&label::ALLOWED, Tone::Good),
        ];
        let found = verdicts.into_iter().find_map(|(word, tone)| {
            let word = word.text(self.language);
            let rest = line.strip_prefix(' ')?.strip_prefix(word)?;
            Some(format!(" {}{rest}", self.appearance.paint(tone, word)))
        });
        found.unwrap_or_else(|| line.to_owned())
    }

    fn write_rows(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut grid = std::mem::replace(&mut self.grid, empty(self.language));
        if let Some(width) = self.appearance.width {
            fit(&mut grid, width);
        }
        for line in grid.lines() {
            writeln!(out, "{}", self.painted(line.trim_end()))?;
        }
        writeln!(out)
    }
}

/// Makes a table fit a terminal, if it can be read in so few columns: without its paths, which are
/// long and told by the places too, and else on several lines a row.
fn fit(grid: &mut Grid, width: usize) {
    let widths = grid.column_max_content_widths();
    // Each column has a blank on either side; the last one may go beyond the edge.
    let total = |widths: &[u16]| -> usize {
        let columns = widths.iter().map(|width| usize::from(*width) + 2);
        columns.sum::<usize>().saturating_sub(1)
    };
    let (before, after) = (&widths[..PATH_COLUMN], &widths[PATH_COLUMN + 1..]);
    if total(&widths) <= width {
        return;
    }
    if let Some(paths) = grid.column_mut(PATH_COLUMN) {
        paths.set_constraint(ColumnConstraint::Hidden);
    }
    if width >= LEAST_WIDTH && total(&[before, after].concat()) > width {
        // Editors and terminals open a place that is in one piece.
        if let [.., last] = widths[..]
            && usize::from(last) <= width / 3
            && let Some(places) = grid.column_mut(widths.len() - 1)
        {
            places.set_constraint(ColumnConstraint::ContentWidth);
        }
        grid.set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
}

fn empty(language: Language) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING)
        .set_header(header(language));
    grid
}

fn header(language: Language) -> Vec<String> {
    let columns = [
        &label::VERDICT,
        &label::IMAGE,
        &label::RULE,
        &label::OBJECT,
        &label::PATH,
        &label::LOCATION,
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
                    label::verdict(image).text(self.language).to_owned(),
                    OneLine(&image.image).to_string(),
                    rules.join(", "),
                    label::title(document, self.language),
                    OneLine(&image.path).to_string(),
                    file.place(document, image),
                ]);
                if self.grid.row_count() == ROWS {
                    self.write_rows(out)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        if self.grid.row_count() > 0 || run.summary.images == 0 {
            self.write_rows(out)?;
        }
        write_end(run, self.language, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_a_terminal_that_can_hold_it() {
        let image = "registry.example.com:5000/team/app";
        let path = "spec.template.spec.containers[0].image";
        let row = [
            "denied",
            image,
            "no-latest-tag",
            "Deployment shop/web",
            path,
            "web.yaml:22:18",
        ];
        for (width, has_path, lines, is_whole) in [
            (20, false, 2, true),
            (72, false, 3, false),
            (103, false, 2, true),
            (160, true, 2, true),
        ] {
            let mut grid = empty(Language::English);
            grid.add_row(row);
            fit(&mut grid, width);
            let text = grid.to_string();
            assert_eq!(text.contains(path), has_path, "{width}:\n{text}");
            assert_eq!(text.contains(image), is_whole, "{width}:\n{text}");
            assert!(text.contains("web.yaml:22:18"), "{width}:\n{text}");
            assert_eq!(text.lines().count(), lines, "{width}:\n{text}");
            if width >= LEAST_WIDTH {
                let mut lines = text.lines();
                assert!(
                    lines.all(|line| line.trim_end().len() <= width),
                    "{width}:\n{text}"
                );
            }
        }
    }
}
