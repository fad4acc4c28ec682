//! The terminal: diagnostics on standard error, progress, colour, width, and text that is safe to
//! show there.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// Prints a diagnostic on standard error.
pub(crate) fn print_diagnostic(diagnostic: impl fmt::Display) {
    // It may name files, and quote what is in them.
    let message = diagnostic.to_string();
    let lines: Vec<String> = message
        .split('\n')
        .map(|line| OneLine(line).to_string())
        .collect();
    // Where standard error is closed, the exit status still tells.
    let _ = writeln!(io::stderr(), "imagereview: {}", lines.join("\n"));
}

/// How many inputs are so few that nobody waits for them.
const FEW_INPUTS: u64 = 500;

/// A bar that shows how many inputs are done, on a terminal and where there are many.
pub(crate) fn progress(inputs: usize) -> ProgressBar {
    let inputs = inputs as u64;
    if inputs > FEW_INPUTS && io::stderr().is_terminal() {
        ProgressBar::new(inputs)
    } else {
        ProgressBar::hidden()
    }
}

/// A bar that shows on a terminal how much of some work is done.
pub(crate) fn progress_of(count: usize, what: &'static str) -> ProgressBar {
    if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let bar = ProgressBar::new(count as u64).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    } else {
        ProgressBar::hidden()
    }
}

/// What the place that text is written to can show. A file has neither colour nor a width.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Appearance {
    pub(crate) has_color: bool,
    /// How many columns a line has, on a terminal.
    pub(crate) width: Option<usize>,
}

impl Appearance {
    /// In colour on a terminal that has it, unless `NO_COLOR` (<https://no-color.org>), `CLICOLOR`
    /// or `CLICOLOR_FORCE` (<https://bixense.com/clicolors/>) say otherwise.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let width = terminal_size::terminal_size_of(&stdout)
            .map(|(terminal_size::Width(columns), _)| usize::from(columns));
        Self {
            has_color: AutoStream::choice(&stdout) != ColorChoice::Never,
            width,
        }
    }
}

/// What a word says, which its colour shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Denied, failed, or taken away.
    Bad,
    Warning,
    /// Only recorded, or of no consequence.
    Note,
    /// Allowed, passed, or added.
    Good,
    Heading,
}

impl Appearance {
    /// A text in the colour of what it says, where there is colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.has_color {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warning => AnsiColor::Yellow.on_default().bold(),
            Tone::Note => AnsiColor::Cyan.on_default(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Heading => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// Text from outside on one line. Characters that could forge a line or turn the direction of
/// writing are escaped.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\'' | '\\' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}
