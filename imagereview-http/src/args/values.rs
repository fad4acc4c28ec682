//! The values of options: how each is read, and what to write instead of one that can't be used.

use std::{fmt, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use humantime::DurationError;

/// A value that may be empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Optional<T>(pub(super) Option<T>);

/// A parser of whole numbers in a range.
pub(super) fn number<N>(
    range: RangeInclusive<N>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: Copy + fmt::Display + FromStr + PartialOrd + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("write a whole number from {least} to {most}")
        })
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "write an IP address and a port, such as 0.0.0.0:8443 or [::]:8443")
}

pub(super) fn optional_address(text: &str) -> Result<Optional<SocketAddr>, &'static str> {
    if text.is_empty() {
        return Ok(Optional(None));
    }
    let address = address(text).map_err(
        |_| "write an IP address and a port, such as 0.0.0.0:8081, or nothing for no listener",
    )?;
    Ok(Optional(Some(address)))
}

pub(super) fn log_level(text: &str) -> Result<tracing::Level, &'static str> {
    text.parse()
        .map_err(|_| "write error, warn, info, debug or trace")
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    match time_or_none(text)? {
        Duration::ZERO => {
            Err("nothing is done in no time; write a longer one, such as 10s".to_owned())
        }
        time => Ok(time),
    }
}

pub(super) fn time_or_none(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| match error {
        DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
            format!(
                "the unit {unit:?} is unknown; write ms, s, m, h or d, such as 500ms, 10s or 1m"
            )
        }
        DurationError::NumberOverflow => {
            "the time is too long; write a shorter one, such as 24h".to_owned()
        }
        _ => "write a number with a unit, such as 500ms, 10s or 1m".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_or_explained() {
        let port = number::<u32>(1..=10_000);
        let advice = "write a whole number from 1 to 10000";
        let rows = [
            ("1", Ok(1)),
            ("10000", Ok(10_000)),
            ("0", Err(advice)),
            ("10001", Err(advice)),
            ("99999999999999999999", Err(advice)),
            ("-1", Err(advice)),
            ("1.5", Err(advice)),
            ("ten", Err(advice)),
            ("", Err(advice)),
        ];
        for (text, read) in rows {
            assert_eq!(port(text), read.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_read_or_explained() {
        for text in [
            "8443",
            "localhost:8443",
            "0.0.0.0",
            ":8443",
            "1.2.3.4:99999",
        ] {
            let advice = address(text).unwrap_err();
            assert!(
                advice.contains("such as 0.0.0.0:8443"),
                "{text:?}: {advice}"
            );
            let advice = optional_address(text).unwrap_err();
            assert!(
                advice.contains("or nothing for no listener"),
                "{text:?}: {advice}"
            );
        }
        assert_eq!(address("[::1]:1").unwrap().port(), 1);
        assert!(optional_address("").unwrap().0.is_none());
    }

    #[test]
    fn times_are_read_or_explained() {
        let rows = [
            ("500ms", Ok(Duration::from_millis(500))),
            ("1m 30s", Ok(Duration::from_secs(90))),
            ("0s", Ok(Duration::ZERO)),
            ("10", Err("write a number with a unit")),
            ("s", Err("write a number with a unit")),
            ("", Err("write a number with a unit")),
            ("-1s", Err("write a number with a unit")),
            (
                "5fortnights",
                Err("the unit \"fortnights\" is unknown; write ms, s, m, h or d"),
            ),
            ("99999999999999999999s", Err("the time is too long")),
        ];
        for (text, read) in rows {
            match (time_or_none(text), read) {
                (Ok(time), Ok(expected)) => assert_eq!(time, expected, "{text:?}"),
                (Err(advice), Err(beginning)) => {
                    assert!(advice.starts_with(beginning), "{text:?}: {advice}");
                }
                row => panic!("{text:?}: {row:?}"),
            }
        }
        assert!(time("0s").unwrap_err().contains("such as 10s"));
    }

    #[test]
    fn levels_are_read_or_explained() {
        assert_eq!(log_level("debug"), Ok(tracing::Level::DEBUG));
        assert_eq!(
            log_level("loud"),
            Err("write error, warn, info, debug or trace")
        );
    }
}
