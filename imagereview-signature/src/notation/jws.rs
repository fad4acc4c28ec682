//! Envelopes in JWS.

use super::envelope::{
    AUTHENTIC_SIGNING_TIME, CONTENT_TYPE, EXPIRY, Envelope, Headers, MAX_CERTIFICATES, SCHEME,
    SIGNING_TIME, time,
};
use crate::{
    base64,
    json::{self, Object},
    malformed::Malformed,
    public_key::EnvelopeAlgorithm,
};

/// The algorithms that there are. `none` and those with a secret are none of them.
const ALGORITHMS: &[(&str, EnvelopeAlgorithm)] = &[
    ("PS256", EnvelopeAlgorithm::PssSha256),
    ("PS384", EnvelopeAlgorithm::PssSha384),
    ("PS512", EnvelopeAlgorithm::PssSha512),
    ("ES256", EnvelopeAlgorithm::P256),
    ("ES384", EnvelopeAlgorithm::P384),
    ("ES512", EnvelopeAlgorithm::P521),
];

/// Reads an envelope: JWS in JSON with one signature (RFC 7515, section 7.2.2).
pub(super) fn read(bytes: &[u8]) -> Result<Envelope, Malformed> {
    let value = json::parse(bytes, "the JWS")?;
    let jws = Object::new(
        &value,
        "the JWS",
        &["payload", "protected", "header", "signature", "signatures"],
    )?;
    if jws.get("signatures").is_some() {
        return Err(jws.wrong("signatures", "must not be there: there is one signature"));
    }
    let payload = jws.need_string("payload")?;
    let protected = jws.need_string("protected")?;
    let signature = base64::decode_url(jws.need_string("signature")?, "the signature")?;

    let value = json::parse(&base64::decode_url(protected, "protected")?, "protected")?;
    let names = [
        "alg",
        "cty",
        "crit",
        "b64",
        "x5c",
        SCHEME,
        SIGNING_TIME,
        AUTHENTIC_SIGNING_TIME,
        EXPIRY,
    ];
    let signed_headers = Object::new(&value, "protected", &names)?;
    let algorithm = signed_headers.need_string("alg")?;
    let algorithm = ALGORITHMS
        .iter()
        .find_map(|(name, known)| (*name == algorithm).then_some(*known))
        .ok_or_else(|| {
            signed_headers.wrong(
                "alg",
                "is none of PS256, PS384, PS512, ES256, ES384 and ES512",
            )
        })?;
    if signed_headers.need_string("cty")? != CONTENT_TYPE {
        return Err(signed_headers.wrong("cty", &format!("is not {CONTENT_TYPE:?}")));
    }
    let critical = signed_headers.list("crit", 16)?.iter().map(|name| {
        name.as_str()
            .ok_or_else(|| signed_headers.wrong("crit", "has an entry that is not a string"))
    });
    let critical: Vec<&str> = critical.collect::<Result<_, _>>()?;
    let at = |name| signed_headers.string(name)?.map(time).transpose();
    let headers = Headers {
        scheme: signed_headers.string(SCHEME)?,
        signing_time: at(SIGNING_TIME)?,
        authentic_signing_time: at(AUTHENTIC_SIGNING_TIME)?,
        expiry: at(EXPIRY)?,
    };

    let unsigned = Object::new(
        jws.need("header")?,
        "header",
        &["x5c", "io.cncf.notary.timestampSignature", "alg", "crit"],
    )?;
    // A name must not be in both (RFC 7515, section 7.2.1).
    if unsigned.get("alg").is_some() || unsigned.get("crit").is_some() {
        return Err(Malformed::new("alg and crit must be in protected alone"));
    }
    let certificates = unsigned.list("x5c", MAX_CERTIFICATES)?.iter();
    let certificates = certificates.map(|certificate| {
        let text = certificate.as_str().unwrap_or("?");
        base64::decode(text, "a certificate in x5c")
    });
    let timestamp = unsigned.string("io.cncf.notary.timestampSignature")?;
    Ok(Envelope {
        algorithm,
        scheme: headers.scheme(&critical)?,
        expiry: headers.expiry,
        payload: base64::decode_url(payload, "the payload")?,
        signed: format!("{protected}.{payload}").into_bytes(),
        signature,
        certificates: certificates.collect::<Result<_, _>>()?,
        timestamp: timestamp
            .map(|text| base64::decode(text, "the timestamp"))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn jws(protected: &Value) -> Value {
        json!({
            "payload": "e30",
            "protected": base64::encode_url(protected.to_string()),
            "header": {"x5c": ["AA=="]},
            "signature": "AAAA",
        })
    }

    fn protected() -> Value {
        json!({
            "alg": "ES256",
            "cty": CONTENT_TYPE,
            "crit": [SCHEME],
            SCHEME: "notary.x509",
            SIGNING_TIME: "2026-11-28T08:00:00Z",
        })
    }

    #[test]
    fn envelopes_of_another_form_are_refused() {
        let good = jws(&protected());
        assert!(read(good.to_string().as_bytes()).is_ok());
        for (field, value) in [
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("alg", json!(null)),
            ("Alg", json!("ES256")),
            ("cty", json!("application/json")),
            ("crit", json!([])),
            ("crit", json!([SCHEME, "other"])),
            ("crit", json!([SCHEME, EXPIRY])),
            ("crit", json!([SCHEME, 1])),
            ("other", json!("ignored")),
            (SCHEME, json!("notary.x509.signingAuthority")),
            (SCHEME, json!("other")),
            (SIGNING_TIME, json!("yesterday")),
            (EXPIRY, json!("2026-11-28T08:00:00Z")),
        ] {
            let mut changed = protected();
            changed[field] = value;
            let read = read(jws(&changed).to_string().as_bytes());
            assert_eq!(read.is_ok(), field == "other", "{changed}");
        }
        for (field, value) in [
            ("signatures", json!([])),
            ("header", json!({"alg": "none", "x5c": []})),
            ("header", json!({"x5c": [1]})),
            ("header", json!({"x5c": vec!["AA=="; MAX_CERTIFICATES + 1]})),
            ("payload", json!("e30=")),
            ("protected", json!("e30")),
            ("signature", json!("AA+/")),
            ("Payload", json!("e30")),
        ] {
            let mut changed = good.clone();
            changed[field] = value;
            assert!(read(changed.to_string().as_bytes()).is_err(), "{changed}");
        }
    }
}
