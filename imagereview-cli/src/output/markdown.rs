//! Markdown, for a comment on a change.

use std::io::{self, Write};

use imagereview_core::Language;

use super::Report;
use crate::report::{ReviewedFile, Summary};

/// The table stands below the summary, which is known only at the end.
pub(super) struct Markdown {
    language: Language,
    rows: Vec<String>,
    problems: Vec<String>,
}

impl Markdown {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            rows: Vec::new(),
            problems: Vec::new(),
        }
    }
}

/// Text in a cell: what Markdown or HTML would take for markup is escaped.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' => {
                cell.push('\\');
                cell.push(c);
            }
            c if c.is_control() => cell.extend(c.escape_debug()),
            c => cell.push(c),
        }
    }
    cell
}

impl Report for Markdown {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    let mut reason = violation.reason().text(self.language).to_owned();
                    if let Some(remedy) = violation.remedy() {
                        reason.push_str("; ");
                        reason.push_str(remedy.text(self.language));
                    }
                    self.rows.push(format!(
                        "| {} | {} | {} | {} | {} | {} |",
                        violation.mode(),
                        cell(&image.image),
                        cell(violation.rule()),
                        cell(&reason),
                        cell(&document.title),
                        cell(&file.place(image.position)),
                    ));
                }
            }
        }
        for problem in &file.problems {
            let (place, message) = (file.place(problem.position), &problem.message);
            self.problems
                .push(format!("- {}: {}", cell(&place), cell(message)));
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let outcome = if summary.errors > 0 {
            "not everything could be reviewed"
        } else if summary.denied > 0 {
            "images are denied"
        } else {
            "every image may run"
        };
        writeln!(out, "### Image review: {outcome}\n\n{summary}")?;
        if !self.rows.is_empty() {
            writeln!(
                out,
                "\n| Mode | Image | Rule | Why, and what to do | Object | Place |"
            )?;
            writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
            for row in &self.rows {
                writeln!(out, "{row}")?;
            }
        }
        if !self.problems.is_empty() {
            writeln!(out, "\nNot reviewed:\n")?;
            for problem in &self.problems {
                writeln!(out, "{problem}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        assert_eq!(cell("a|b"), r"a\|b");
        assert_eq!(
            cell("[x](y) <img> @team `c`"),
            r"\[x\](y) \<img\> \@team \`c\`"
        );
        assert_eq!(cell("a\nb"), r"a\nb");
    }
}
