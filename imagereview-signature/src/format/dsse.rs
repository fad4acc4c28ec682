//! DSSE envelopes.
//!
//! Source: [DSSE, version 1](https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md).

use serde_json::Value;

use crate::{base64, json::Object, malformed::Malformed};

/// The type of payload that is a statement about an artifact.
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An envelope: a payload, and one signature over it and its type.
#[derive(Debug)]
pub(crate) struct Envelope {
    payload_type: Box<str>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Envelope {
    /// Takes a JSON value for an envelope of a statement.
    ///
    /// An envelope may have several signatures. What else is there, such as a log entry, is about one
    /// of them, and readers differ in which; so there must be one.
    pub(crate) fn new(value: &Value) -> Result<Self, Malformed> {
        let object = Object::new(
            value,
            "the DSSE envelope",
            &["payload", "payloadType", "signatures"],
        )?;
        let payload_type = object.need_string("payloadType")?;
        if payload_type != IN_TOTO {
            return Err(object.wrong("payloadType", &format!("is not {IN_TOTO:?}")));
        }
        let payload = base64::decode(object.need_string("payload")?, "the payload")?;
        let [signature] = object.list("signatures", 64)? else {
            return Err(object.wrong("signatures", "must have one entry"));
        };
        let signature = Object::new(signature, "the signature", &["sig", "keyid"])?;
        Ok(Self {
            payload_type: payload_type.into(),
            payload,
            signature: base64::decode(signature.need_string("sig")?, "the signature")?,
        })
    }

    /// The bytes that are signed.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let header = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        );
        let mut bytes = header.into_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_signed_is_the_type_and_the_payload_with_their_lengths() {
        let value = json!({
            "payloadType": IN_TOTO, "payload": "e30=", "signatures": [{"sig": "AA==", "keyid": "k"}],
        });
        let envelope = Envelope::new(&value).unwrap();
        assert_eq!(
            envelope.signed_bytes(),
            b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
        );
        assert_eq!(envelope.signature, [0]);
    }

    #[test]
    fn envelopes_that_are_not_of_the_form_are_refused() {
        let one = json!([{"sig": "AA=="}]);
        for (payload_type, payload, signatures) in [
            ("text/plain", "e30=", one.clone()),
            ("application/vnd.in-toto+json ", "e30=", one.clone()),
            (IN_TOTO, "e30", one.clone()),
            (IN_TOTO, "e30=\n", one.clone()),
            (IN_TOTO, "e30=", json!([])),
            (IN_TOTO, "e30=", json!([{"sig": "AA=="}, {"sig": "AA=="}])),
            (IN_TOTO, "e30=", json!([{"sig": "AA=", "keyid": ""}])),
            (IN_TOTO, "e30=", json!([{"sig": "AA==", "Sig": "AQ=="}])),
            (IN_TOTO, "e30=", json!([{"keyid": ""}])),
        ] {
            let value =
                json!({"payloadType": payload_type, "payload": payload, "signatures": signatures});
            assert!(Envelope::new(&value).is_err(), "{value}");
        }
    }
}
