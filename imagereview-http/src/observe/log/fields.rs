//! The fields of an event in a line of text: the message, then `name=value`.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use crate::text::Escaped;

/// Writes what `tracing_subscriber`'s own formatter writes where there are no colours. A line for
/// each decision takes that formatter a tenth of what a request takes in all; this, which hands text
/// that needs no escaping on as it is and the line on as a whole, takes less than half as much.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line {
            text: String::with_capacity(USUAL),
            written: Ok(()),
        };
        fields.record(&mut line);
        line.written?;
        writer.write_str(&line.text)
    }
}

/// How many bytes the fields of a decision take, mostly.
const USUAL: usize = 512;

struct Line {
    text: String,
    written: fmt::Result,
}

impl Line {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if !is_message(field) {
            self.text.push_str(field.name());
            self.text.push('=');
        }
        self.written = self.written.and(value(&mut self.text));
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, text: &str) {
        let is_message = is_message(field);
        self.write(field, |line| {
            if is_message {
                return Escaped(line).write_str(text);
            }
            if !is_plain(text) {
                return write!(line, "{text:?}");
            }
            line.push('"');
            line.push_str(text);
            line.push('"');
            Ok(())
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |line| {
            line.push_str(itoa::Buffer::new().format(value));
            Ok(())
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |line| {
            line.push_str(if value { "true" } else { "false" });
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_message(field) {
            self.write(field, |line| write!(Escaped(line), "{value:?}"));
        } else {
            self.write(field, |line| write!(line, "{value:?}"));
        }
    }
}

fn is_message(field: &Field) -> bool {
    field.name() == "message"
}

/// Whether text needs no escapes between quotation marks.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// Which bytes need no escape: what ASCII prints but `"` and `\\`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by these fields.
    fn logged<F: for<'w> FormatFields<'w> + Send + Sync + 'static>(
        fields: F,
        log: impl FnOnce(),
    ) -> String {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(fields)
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = output.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_reads_as_that_of_the_library() {
        let log = || {
            tracing::info!(
                text = "plain",
                quoted = "a \"b\"\n\\",
                chinese = "镜像",
                absent = None::<&str>,
                allowed = true,
                number = 7_u64,
                shown = %"as it is",
                list = ?["a", "b"],
                "decided"
            );
            tracing::info!("{} forms", "a message of two");
        };
        let line = logged(Fields, log);
        assert_eq!(
            line,
            logged(tracing_subscriber::fmt::format::DefaultFields::new(), log)
        );
        assert!(
            line.contains(
                r#"decided text="plain" quoted="a \"b\"\n\\" chinese="镜像" allowed=true"#
            ),
            "{line}"
        );
    }

    #[test]
    fn a_message_stays_one_line() {
        let line = logged(Fields, || tracing::info!("one\ntwo \u{1b}[31mred"));
        assert_eq!(line, " INFO one\\ntwo \\u{1b}[31mred\n");
    }
}
