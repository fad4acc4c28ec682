//! Markdown, for a comment on a change.

use std::io::{self, Write};

use imagereview_core::{Language, Message};

use super::{label, report::Report};
use crate::engine::{ReviewedFile, Run, at};
use crate::terminal::OneLine;

/// How many bytes of findings are listed. GitHub takes comments of 65,536 characters.
const LISTED: usize = 50_000;

/// The list is below the summary, which is known only at the end.
pub(super) struct Markdown {
    language: Language,
    findings: List,
    diagnostics: List,
}

/// Lines, as many as there is capacity for.
#[derive(Default)]
struct List {
    text: String,
    count: usize,
    left_out: usize,
}

impl List {
    fn add(&mut self, line: &str) {
        self.count += 1;
        if self.left_out > 0 || self.text.len() + line.len() > LISTED {
            self.left_out += 1;
        } else {
            self.text += line;
            self.text.push('\n');
        }
    }

    fn write(&self, language: Language, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        if self.left_out > 0 {
            let left_out = self.left_out;
            let more = Message::from(format!("and {left_out} more; the other formats list all"))
                .with(
                    Language::Chinese,
                    format!("另有 {left_out} 项;其他格式会全部列出"),
                );
            writeln!(out, "\n{}", more.text(language))?;
        }
        Ok(())
    }
}

impl Markdown {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            findings: List::default(),
            diagnostics: List::default(),
        }
    }
}

/// Text in a cell: what Markdown or HTML would take for markup is escaped.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in OneLine(text).to_string().chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' | '$' => {
                cell.push('\\');
                cell.push(c);
            }
            c => cell.push(c),
        }
    }
    // GitHub makes formulas of what is between dollars, and links of these without any markup.
    cell.replace("://", r"\://").replace("www.", r"www\.")
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
                    self.findings.add(&format!(
                        "| {} | {} | {} | {} | {} | {} |",
                        label::consequence(violation.mode()).text(self.language),
                        cell(&image.image),
                        cell(violation.rule()),
                        cell(&reason),
                        cell(&label::title(document, self.language)),
                        cell(&file.place(document, image)),
                    ));
                }
            }
        }
        for diagnostic in file.errors() {
            let (place, message) = (file.at(diagnostic.position), &diagnostic.message);
            self.diagnostics
                .add(&format!("- {}: {}", cell(&place), cell(message)));
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        let (language, summary) = (self.language, &run.summary);
        for notice in run.unreviewed.notices() {
            let place = at(&notice.file, notice.first.position);
            let message = notice.to_string();
            self.diagnostics
                .add(&format!("- {}: {}", cell(&place), cell(&message)));
        }
        let outcome = if summary.errors > 0 {
            Message::new("not everything could be reviewed", "未能全部审查")
        } else if summary.denied > 0 {
            Message::new("images are denied", "有镜像被拒绝")
        } else {
            Message::new("every image may run", "所有镜像均可运行")
        };
        let title = Message::new("Image review", "镜像审查");
        let (title, outcome) = (title.text(language), outcome.text(language));
        writeln!(out, "### {title}: {outcome}\n\n{}", summary.text(language))?;
        if self.findings.count > 0 {
            let columns = Message::new(
                "Outcome | Image | Rule | Why, and what to do | Object | Place",
                "结果 | 镜像 | 规则 | 原因与处理办法 | 对象 | 位置",
            );
            writeln!(out, "\n| {} |", columns.text(language))?;
            writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
            self.findings.write(language, out)?;
        }
        if self.diagnostics.count > 0 {
            let title = Message::new("Not reviewed:", "未审查:");
            writeln!(out, "\n{}\n", title.text(language))?;
            self.diagnostics.write(language, out)?;
        }
        if !run.exemptions.is_empty() {
            let title = Message::new("Exempted:", "已豁免:");
            writeln!(out, "\n{}\n", title.text(language))?;
            let mut exemptions = List::default();
            for (used, count) in &run.exemptions {
                let line = label::exemption_with_count(used, *count, language);
                exemptions.add(&format!("- {}", cell(&line)));
            }
            exemptions.write(language, out)?;
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
        assert_eq!(
            cell("https://a.example www.b.example a:1"),
            r"https\://a.example www\.b.example a:1"
        );
        assert_eq!(cell("a\n\u{202e}b"), r"a\\n\\u{202e}b");
        assert_eq!(cell("${A}:${B}"), r"\${A}:\${B}");
    }

    #[test]
    fn a_comment_can_hold_all_that_is_listed() {
        let mut list = List::default();
        let line = "x".repeat(LISTED / 10 - 1);
        for _ in 0..15 {
            list.add(&line);
        }
        list.add("short");
        let mut text = Vec::new();
        list.write(Language::English, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.len() < LISTED + 100);
        assert!(
            text.ends_with("\nand 6 more; the other formats list all\n"),
            "{text}"
        );
    }
}
