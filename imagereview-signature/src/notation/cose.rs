//! Envelopes in COSE.

use ciborium::Value;

use super::envelope::{
    AUTHENTIC_SIGNING_TIME, CONTENT_TYPE, EXPIRY, Envelope, Headers, MAX_CERTIFICATES, SCHEME,
    SIGNING_TIME, seconds,
};
use crate::{malformed::Malformed, public_key::EnvelopeAlgorithm};

/// The tag of an envelope with one signature. Source: RFC 9052, section 2.
const COSE_SIGN1: u64 = 18;

/// Labels of headers. Sources: RFC 9052, section 3.1, and RFC 9360, section 2.
const ALGORITHM: i128 = 1;
const CRITICAL: i128 = 2;
const CONTENT: i128 = 3;
const X5CHAIN: i128 = 33;

/// Source: RFC 9053, section 2.1, and RFC 8230, section 2.
const ALGORITHMS: &[(i128, EnvelopeAlgorithm)] = &[
    (-37, EnvelopeAlgorithm::PssSha256),
    (-38, EnvelopeAlgorithm::PssSha384),
    (-39, EnvelopeAlgorithm::PssSha512),
    (-7, EnvelopeAlgorithm::P256),
    (-35, EnvelopeAlgorithm::P384),
    (-36, EnvelopeAlgorithm::P521),
];

/// Reads an envelope.
pub(super) fn read(bytes: &[u8]) -> Result<Envelope, Malformed> {
    let Value::Tag(COSE_SIGN1, inner) = parse(bytes)? else {
        return Err(Malformed::new("it is not a COSE_Sign1 with its tag"));
    };
    let Value::Array(parts) = *inner else {
        return Err(malformed());
    };
    let Ok(
        [
            Value::Bytes(protected),
            unsigned,
            Value::Bytes(payload),
            Value::Bytes(signature),
        ],
    ) = <[Value; 4]>::try_from(parts)
    else {
        return Err(malformed());
    };
    let headers_value = parse(&protected)?;
    let headers = Map::new(&headers_value)?;
    let unsigned = Map::new(&unsigned)?;
    // A label must not be in both (RFC 9052, section 3).
    if headers
        .0
        .iter()
        .any(|(label, _)| unsigned.0.iter().any(|(other, _)| other == label))
    {
        return Err(Malformed::new("a header is both signed and not signed"));
    }

    let algorithm = match headers.label(ALGORITHM) {
        Some(Value::Integer(algorithm)) => i128::from(*algorithm),
        _ => return Err(Malformed::new("the header alg is missing")),
    };
    let algorithm = ALGORITHMS
        .iter()
        .find_map(|(name, known)| (*name == algorithm).then_some(*known))
        .ok_or_else(|| {
            Malformed::new("the header alg is none of PS256, PS384, PS512, ES256, ES384 and ES512")
        })?;
    if headers.label(CONTENT).and_then(Value::as_text) != Some(CONTENT_TYPE) {
        let message = format!("the header for the content type is not {CONTENT_TYPE:?}");
        return Err(Malformed::new(message));
    }
    let critical = match headers.label(CRITICAL) {
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_text().ok_or_else(malformed)),
        _ => return Err(Malformed::new("the header crit is missing")),
    };
    let critical: Vec<&str> = critical.collect::<Result<_, _>>()?;
    let known = Headers {
        scheme: headers.name(SCHEME).and_then(Value::as_text),
        signing_time: headers.time(SIGNING_TIME)?,
        authentic_signing_time: headers.time(AUTHENTIC_SIGNING_TIME)?,
        expiry: headers.time(EXPIRY)?,
    };

    let certificates = match unsigned.label(X5CHAIN) {
        Some(Value::Bytes(one)) => vec![one.clone()],
        Some(Value::Array(list)) if list.len() <= MAX_CERTIFICATES => {
            let list = list
                .iter()
                .map(|one| one.as_bytes().cloned().ok_or_else(malformed));
            list.collect::<Result<_, _>>()?
        }
        _ => {
            return Err(Malformed::new(
                "the header x5chain has no certificates, or too many",
            ));
        }
    };
    let timestamp = unsigned.name("io.cncf.notary.timestampSignature");
    let scheme = known.scheme(&critical)?;
    let expiry = known.expiry;
    Ok(Envelope {
        algorithm,
        scheme,
        expiry,
        signed: signed_bytes(protected, payload.clone())?,
        payload,
        signature,
        certificates,
        timestamp: timestamp.and_then(Value::as_bytes).cloned(),
    })
}

/// Reads one value that is written in the one shortest way: what is of indefinite length, longer than it
/// need be, or followed by more, comes out otherwise when it is written again.
fn parse(bytes: &[u8]) -> Result<Value, Malformed> {
    let value: Value = ciborium::from_reader(bytes)
        .map_err(|_| Malformed::new("it is not CBOR that can be read"))?;
    let mut again = Vec::with_capacity(bytes.len());
    ciborium::into_writer(&value, &mut again).map_err(|_| malformed())?;
    if again == bytes {
        Ok(value)
    } else {
        Err(Malformed::new(
            "its CBOR is not in the shortest form, or has something behind it",
        ))
    }
}

/// The bytes that are signed. Source: RFC 9052, section 4.4, `Sig_structure`.
fn signed_bytes(protected: Vec<u8>, payload: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    let structure = Value::Array(vec![
        Value::Text("Signature1".to_owned()),
        Value::Bytes(protected),
        Value::Bytes(Vec::new()),
        Value::Bytes(payload),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&structure, &mut bytes).map_err(|_| malformed())?;
    Ok(bytes)
}

fn malformed() -> Malformed {
    Malformed::new("it is not of the form of a COSE_Sign1")
}

/// A map of headers, each once.
struct Map<'a>(&'a [(Value, Value)]);

impl<'a> Map<'a> {
    fn new(value: &'a Value) -> Result<Self, Malformed> {
        let Value::Map(entries) = value else {
            return Err(malformed());
        };
        let is_twice = |(index, (label, _)): (usize, &(Value, Value))| {
            entries[..index].iter().any(|(other, _)| other == label)
        };
        if entries.len() > 64 || entries.iter().enumerate().any(is_twice) {
            return Err(Malformed::new(
                "a header is there twice, or there are too many",
            ));
        }
        Ok(Self(entries))
    }

    fn label(&self, label: i128) -> Option<&'a Value> {
        let mut entries = self.0.iter();
        let is_label = |key: &Value| {
            key.as_integer()
                .is_some_and(|integer| i128::from(integer) == label)
        };
        entries.find_map(|(key, value)| is_label(key).then_some(value))
    }

    fn name(&self, name: &str) -> Option<&'a Value> {
        let mut entries = self.0.iter();
        entries.find_map(|(key, value)| (key.as_text() == Some(name)).then_some(value))
    }

    /// A time of the tag 1, in seconds.
    fn time(&self, name: &str) -> Result<Option<std::time::SystemTime>, Malformed> {
        match self.name(name) {
            None => Ok(None),
            Some(Value::Tag(1, time)) => {
                let time = time.as_integer().and_then(|time| i64::try_from(time).ok());
                seconds(time.ok_or_else(malformed)?).map(Some)
            }
            Some(_) => Err(malformed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbor_that_is_not_in_the_shortest_form_is_refused() {
        for (bytes, is_accepted) in [
            (&[0x83, 0x01, 0x02, 0x03][..], true),
            (&[0xa1, 0x01, 0x26], true),
            // Of indefinite length: a list, a string of bytes, a text, a map.
            (&[0x9f, 0x01, 0xff], false),
            (&[0x5f, 0x41, 0x00, 0xff], false),
            (&[0x7f, 0x61, 0x61, 0xff], false),
            (&[0xbf, 0x01, 0x26, 0xff], false),
            // Longer than need be: a number, a length.
            (&[0x18, 0x01], false),
            (&[0x58, 0x01, 0x00], false),
            // Behind it, and not all of it.
            (&[0x01, 0x01], false),
            (&[0x83, 0x01], false),
            (
                &[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                false,
            ),
            (
                &[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                false,
            ),
            (&[], false),
        ] {
            assert_eq!(parse(bytes).is_ok(), is_accepted, "{bytes:x?}");
        }
        assert!(parse(&vec![0x81; 100_000]).is_err());
        let twice = Value::Map(vec![
            (Value::from(1), Value::from(-7)),
            (Value::from(1), Value::from(-7)),
        ]);
        assert!(Map::new(&twice).is_err());
    }
}
