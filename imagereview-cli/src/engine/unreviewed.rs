//! What a run did not review though it may have images, and is no error. The same thing in many
//! places is reported once, with its number.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use super::reviewed::{Diagnostic, ReviewedFile, at};
use crate::terminal::print_diagnostic;

/// What a run did not review, in the order in which it was found.
#[derive(Debug, Default)]
pub(crate) struct Unreviewed {
    notices: Vec<Notice>,
    /// The place of each message in the list.
    by_message: HashMap<String, usize>,
}

/// One thing that was not reviewed, in as many places as it is in.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The file of the first place.
    pub(crate) file: String,
    /// The first place, and what is there.
    pub(crate) first: Diagnostic,
    /// How many places there are.
    pub(crate) count: usize,
}

impl Unreviewed {
    /// Adds what was not reviewed of a file, and says how much that is.
    pub(super) fn add(&mut self, file: &ReviewedFile) -> usize {
        let mut count = 0;
        for notice in file.diagnostics.iter().filter(|one| !one.is_error) {
            count += 1;
            if let Some(index) = self.by_message.get(&notice.message) {
                self.notices[*index].count += 1;
                continue;
            }
            let message = notice.message.clone();
            self.by_message.insert(message, self.notices.len());
            self.notices.push(Notice {
                file: file.name.clone(),
                first: notice.clone(),
                count: 1,
            });
        }
        count
    }

    pub(crate) fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Reports on standard error what was not reviewed.
    pub(crate) fn print(&self) {
        for notice in &self.notices {
            let place = at(&notice.file, notice.first.position);
            print_diagnostic(format_args!("{place}: {notice}"));
        }
    }
}

/// The message, and how many other places it is about.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.message)?;
        match self.count {
            1 => Ok(()),
            2 => f.write_str(" (and 1 more like it)"),
            count => write!(f, " (and {} more like it)", count - 1),
        }
    }
}

/// The folder of the chart that a file belongs to, by the file `Chart.yaml` of that folder.
///
/// Of a chart within a chart, the outer one: that is what gets rendered.
pub(super) fn chart_of(folder: &Path) -> Option<PathBuf> {
    let folders = folder.ancestors();
    let charts = folders.filter(|folder| folder.join("Chart.yaml").is_file());
    let chart = charts.last()?.to_owned();
    Some(if chart.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        chart
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_many_places_is_one_notice() {
        let mut unreviewed = Unreviewed::default();
        let mut taken = 0;
        for (name, messages) in [
            ("a.yaml", &["one", "two", "one"][..]),
            ("b.yaml", &["one"]),
            ("c.yaml", &[]),
        ] {
            let mut file = ReviewedFile {
                name: name.to_owned(),
                ..ReviewedFile::default()
            };
            for message in messages {
                file.diagnostics.push(Diagnostic {
                    position: None,
                    message: (*message).to_owned(),
                    is_error: *message == "two",
                });
            }
            taken += unreviewed.add(&file);
        }
        assert_eq!(taken, 3);
        let told: Vec<String> = unreviewed
            .notices()
            .iter()
            .map(|notice| format!("{}: {notice}", notice.file))
            .collect();
        assert_eq!(told, ["a.yaml: one (and 2 more like it)"]);
    }
}
