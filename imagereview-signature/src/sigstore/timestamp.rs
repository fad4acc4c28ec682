//! Timestamps of RFC 3161 by an authority of which only the root is known.

use std::time::SystemTime;

use cms::{
    cert::{
        CertificateChoices,
        x509::der::{Any, Decode as _, Encode as _},
    },
    content_info::ContentInfo,
    signed_data::SignedData,
};
use sigstore_verify::{
    tsa::{TsaAuthority, verify_timestamp_for_authority},
    types::{DerCertificate, SignatureBytes, TimestampToken},
};

use super::provider;

/// The most certificates that are tried as the one that signed.
const MAX_CERTIFICATES: usize = 8;

/// The time of a timestamp of a signature, if one of the roots vouches for who made it.
pub(crate) fn timestamp(token: &[u8], signature: &[u8], roots: &[Vec<u8>]) -> Option<SystemTime> {
    provider::install();
    let certificates = certificates(token)?;
    let token = TimestampToken::from_bytes(token);
    let signature = SignatureBytes::from_bytes(signature);
    let leaves = certificates.iter().take(MAX_CERTIFICATES);
    leaves
        .flat_map(|leaf| roots.iter().map(move |root| (leaf, root)))
        .find_map(|(leaf, root)| {
            let root = DerCertificate::from_bytes(root);
            let authority = TsaAuthority::new(leaf.clone(), certificates.clone(), root, None);
            verify_timestamp_for_authority(&token, &signature, &authority).ok()
        })
        .map(SystemTime::from)
}

/// The certificates that came with a token.
fn certificates(token: &[u8]) -> Option<Vec<DerCertificate>> {
    let content = match ContentInfo::from_der(token) {
        Ok(content) => content,
        // A response has the status first. Whether it was granted is verified with the rest.
        Err(_) => match &Vec::<Any>::from_der(token).ok()?[..] {
            [_, token] => ContentInfo::from_der(&token.to_der().ok()?).ok()?,
            _ => return None,
        },
    };
    let content = content.content.to_der().ok()?;
    let data = SignedData::from_der(&content).ok()?;
    let certificates = data.certificates?.0;
    let certificates = certificates
        .iter()
        .filter_map(|certificate| match certificate {
            CertificateChoices::Certificate(certificate) => certificate.to_der().ok(),
            CertificateChoices::Other(_) => None,
        });
    Some(certificates.map(DerCertificate::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::decode;

    /// A timestamp of Sigstore's staging instance: that of `tests/data/sigstore/rekor-2.json`.
    const TOKEN: &str = "\
        MIIE6jADAgEAMIIE4QYJKoZIhvcNAQcCoIIE0jCCBM4CAQMxDTALBglghkgBZQMEAgEwgcMGCyqGSIb3DQEJEAEE\
        oIGzBIGwMIGtAgEBBgkrBgEEAYO/MAIwMTANBglghkgBZQMEAgEFAAQgT+syEhwBsFJBzpGsTzmK/V+WYaRavslr\
        WNcubLIJ98cCFQDtl/TBXCHg74U1iIASP+2TxLYC0xgPMjAyNjA1MjYwNzQyMjFaMAMCAQECCQC9rITQcfKU+KAy\
        pDAwLjEVMBMGA1UEChMMc2lnc3RvcmUuZGV2MRUwEwYDVQQDEwxzaWdzdG9yZS10c2GgggITMIICDzCCAZagAwIB\
        AgIUCjWhBmHV4kFzxomWp/J98n4DfKcwCgYIKoZIzj0EAwMwOTEVMBMGA1UEChMMc2lnc3RvcmUuZGV2MSAwHgYD\
        VQQDExdzaWdzdG9yZS10c2Etc2VsZnNpZ25lZDAeFw0yNTAzMjgwOTE0MDZaFw0zNTAzMjYwODE0MDZaMC4xFTAT\
        BgNVBAoTDHNpZ3N0b3JlLmRldjEVMBMGA1UEAxMMc2lnc3RvcmUtdHNhMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\
        x1v5F3HpD9egHuknpBFlRz7QBRDJu4aeVzt9zJLRY0lvmx1lF7WBM2c9AN8ZGPQsmDqHlJN2R/7+RxLkvlLzkc19\
        IOx38t7mGGEcB7agUDdCF/Ky3RTLSK0Xo/0AgHQdo2owaDAOBgNVHQ8BAf8EBAMCB4AwHQYDVR0OBBYEFKj8ZPYo\
        3i7mO3NPVIxSxOGc3VOlMB8GA1UdIwQYMBaAFDsgRlletTJNRzDObmPuc3RH8gR9MBYGA1UdJQEB/wQMMAoGCCsG\
        AQUFBwMIMAoGCCqGSM49BAMDA2cAMGQCMESvVS6GGtF33+J19TfwENWJXjRv4i0/HQFwLUSkX6TfV7g0nG8VnqNH\
        JLvEpAtOjQIwUD3uywTXorQP1DgbV09rF9Yen+CEqs/iEpieJWPst280SSOZ5Na+dyPVk9/8SFk6MYIB2zCCAdcC\
        AQEwUTA5MRUwEwYDVQQKEwxzaWdzdG9yZS5kZXYxIDAeBgNVBAMTF3NpZ3N0b3JlLXRzYS1zZWxmc2lnbmVkAhQK\
        NaEGYdXiQXPGiZan8n3yfgN8pzALBglghkgBZQMEAgGggfwwGgYJKoZIhvcNAQkDMQ0GCyqGSIb3DQEJEAEEMBwG\
        CSqGSIb3DQEJBTEPFw0yNjA1MjYwNzQyMjFaMC8GCSqGSIb3DQEJBDEiBCBHrLMozugr1dBonLPKAI2buQFNZsq2\
        vjxuZoLuTLnO7TCBjgYLKoZIhvcNAQkQAi8xfzB9MHsweQQgBvT/4Ef+s1mZtzOw16MjUBz8GOTAM2aoRdd1NudL\
        J0QwVTA9pDswOTEVMBMGA1UEChMMc2lnc3RvcmUuZGV2MSAwHgYDVQQDExdzaWdzdG9yZS10c2Etc2VsZnNpZ25l\
        ZAIUCjWhBmHV4kFzxomWp/J98n4DfKcwCgYIKoZIzj0EAwIEZzBlAjEAve6v8X5J0UdlqP03ZZS+rN6/DH2ylF2a\
        ZLTGeeKh+pJF7Mcm6V0rNi1tVLPWmoL/AjARc8Q147M9jHMnJ6NkPUPfaeuGnebMb/cC/B9fYcSTSCaieugS+7EZ\
        SHpIyhmOrHo=";

    /// The signature that it is of.
    const SIGNATURE: &str = "\
        MEQCICa0brTkBBiIWRK8hSjQaVvtSfdYxTydkMSMFq/bSDAOAiB8TwVGeNGG6UWwJB/uvSg4jV6c/VLSV8snsILZ\
        y2xBbg==";

    /// The root of who made it, from `tests/data/sigstore/staging-root.json`.
    const ROOT: &str = "\
        MIIB9zCCAXygAwIBAgIUCPExEFKiQh0dP4sp5ltmSYSSkFUwCgYIKoZIzj0EAwMwOTEVMBMGA1UEChMMc2lnc3Rv\
        cmUuZGV2MSAwHgYDVQQDExdzaWdzdG9yZS10c2Etc2VsZnNpZ25lZDAeFw0yNTAzMjgwOTE0MDZaFw0zNTAzMjYw\
        ODE0MDZaMDkxFTATBgNVBAoTDHNpZ3N0b3JlLmRldjEgMB4GA1UEAxMXc2lnc3RvcmUtdHNhLXNlbGZzaWduZWQw\
        djAQBgcqhkjOPQIBBgUrgQQAIgNiAATt0tIDWyo4ARfL9BaSo0W5bJQEbKJTU/u7llvdjSI5aTkOAJa8tixn2+LE\
        fPG4dMFdsMPtsIuU1qn2OqFiuMk6vHv/c+az25RQVY1oo50iMb0jIL3N4FgwhPFpZnCbQPOjRTBDMA4GA1UdDwEB\
        /wQEAwIBBjASBgNVHRMBAf8ECDAGAQH/AgEAMB0GA1UdDgQWBBQ7IEZZXrUyTUcwzm5j7nN0R/IEfTAKBggqhkjO\
        PQQDAwNpADBmAjEA2MI1VXgbf3dUOSc95hSRypBKOab18eh2xzQtxUsHvWeY+1iFgyMluUuNR6taoSmFAjEA31m2\
        czguZhKYX+4JSKu5pRYhBTXAd8KKQ3xdPRX/qCaLvT2qJAEQ1YQM3EJRrtI7";

    #[test]
    fn a_timestamp_is_of_one_signature_and_of_a_trusted_root() {
        let [token, signature, root] =
            [TOKEN, SIGNATURE, ROOT].map(|text| decode(text, "it").unwrap());
        let roots = [root];
        let time = timestamp(&token, &signature, &roots);
        assert!(time.is_some());
        assert_eq!(timestamp(&token, b"another", &roots), None);
        assert_eq!(timestamp(&token, &signature, &[]), None);
        assert_eq!(timestamp(b"", &signature, &roots), None);
        let mut changed = token.clone();
        for index in (0..token.len()).step_by(37) {
            changed[index] ^= 1;
            let found = timestamp(&changed, &signature, &roots);
            assert!(found.is_none() || found == time, "byte {index}");
            changed[index] ^= 1;
        }
    }
}
