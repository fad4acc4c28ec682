//! The fields of a policy document. One declaration of each gives the reader and the JSON Schema,
//! so the two cannot say different things.

use std::{collections::BTreeMap, time::Duration};

use super::{
    node::{Node, Value},
    problem::{Position, Problems},
    read::{Fields, Read, one_of, parsed, wrong_kind},
    template::Template,
};
use crate::{
    facts::{CLAIMS, Platform},
    object::{ContainerKind, Operation, PullPolicy},
    pattern::{NamePattern, RegistryPattern, RepositoryPattern, TagPattern},
    policy::{Mode, UNDECIDED, UNREADABLE_OBJECT, UNREADABLE_REFERENCE},
    reference::{DigestAlgorithm, ImageRef},
    wire::image_review::FORWARDED,
    workload::{FieldPath, KnownResources},
};

/// The `apiVersion` of a policy document.
pub const API_VERSION: &str = "imagereview/v1alpha1";

/// The `kind` of a policy document.
pub const KIND: &str = "ImagePolicy";

/// Declares a map with fields: a struct, how it is read, and its JSON Schema. A field whose type is
/// an `Option` may be left out.
macro_rules! declare {
    ($(
        $(#[doc = $doc:literal])*
        struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $key:literal $field:ident: $ty:ty, )*
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[allow(dead_code, reason = "some fields are there for those who read the document")]
        #[derive(Debug)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
        pub(super) struct $name {
            #[cfg_attr(feature = "schema", schemars(skip))]
            pub(super) position: Position,
            $(
                $(#[doc = $field_doc])*
                #[cfg_attr(feature = "schema", schemars(rename = $key))]
                pub(super) $field: $ty,
            )*
        }

        impl Read for $name {
            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                let fields = Fields::of(node, &[$($key),*], problems)?;
                // All fields are read before the first that failed ends it.
                $( let $field = fields.take::<$ty>($key, problems); )*
                Some(Self { position: node.position, $($field: $field?,)* })
            }
        }
    )*};
}

declare! {
    /// A policy over container images: every image of a review must pass every rule.
    struct Document {
        /// Always `imagereview/v1alpha1`.
        "apiVersion" api_version: ApiVersion,
        /// Always `ImagePolicy`.
        "kind" kind: Kind,
        /// The name of the document.
        "metadata" metadata: Metadata,
        /// The mode of violations, and of an object whose images cannot all be read. The mode of a rule is
        /// capped at it. `enforce` if left out.
        "mode" mode: Option<Mode>,
        /// The mode for references that cannot be read, capped at `mode`. As `mode` if left out.
        "unreadableReferences" unreadable_references: Option<Mode>,
        /// The cap for violations of images that were in the object before an update. Only an
        /// `AdmissionReview` says which those are. `warn` if left out.
        "unchangedImages" unchanged_images: Option<Mode>,
        /// Which images the whole document applies to. All if left out.
        "scope" scope: Option<Scope>,
        /// Custom resources, and where in them images are.
        "customResources" custom_resources: Option<Vec<CustomResource>>,
        /// Well-known projects, in whose custom resources images are looked for.
        "knownResources" known_resources: Option<Vec<KnownResources>>,
        /// What is changed in objects before they are stored, and then reviewed.
        "mutations" mutations: Option<Mutations>,
        /// What images must pass.
        "rules" rules: Vec<Rule>,
        /// Declared exemptions from rules. Every use is recorded.
        "exemptions" exemptions: Option<Vec<Exemption>>,
    }

    /// The name of the document.
    struct Metadata {
        /// Lower-case letters, digits and dashes.
        "name" name: Name,
    }

    /// One thing that images must pass. An image must pass all checks of a rule.
    struct Rule {
        /// Lower-case letters, digits and dashes; unique in the policy.
        "name" name: Name,
        /// What the rule is for, for those who read the document.
        "description" description: Option<String>,
        /// The mode of violations, capped at the document's mode. As the document's if left out.
        "mode" mode: Option<Mode>,
        /// Which images the rule applies to. All if left out.
        "scope" scope: Option<Scope>,
        /// The reason of a violation, in place of the built-in one.
        "message" message: Option<Text>,
        /// What the user should do, in place of the built-in advice.
        "remedy" remedy: Option<Text>,
        /// Which tags are allowed or denied.
        "tags" tags: Option<Tags>,
        /// Whether a digest must be written, and of which algorithm.
        "digest" digest: Option<Digest>,
        /// Which registries are allowed or denied.
        "registries" registries: Option<Registries>,
        /// Which repositories are allowed or denied.
        "repositories" repositories: Option<Repositories>,
        /// The most images that one review may have.
        "maxImages" max_images: Option<usize>,
        /// What `imagePullPolicy` may be, for containers and volumes. Where none is written it is what
        /// Kubernetes puts there: `Always` for the tag `latest`, and else `IfNotPresent`. An image of which
        /// that is not known, as in an `ImageReview`, fails.
        "imagePullPolicies" image_pull_policies: Option<Vec<PullPolicy>>,
        /// What only its registry can tell of an image: platforms, age, size, user and more.
        "facts" facts: Option<Facts>,
        /// Whether a comment beside an image in its file exempts it from the rule, where a file is reviewed:
        /// `# imagereview: ignore[RULE] REASON`. `deny` if left out. No cluster sees comments.
        "inlineExemptions" inline_exemptions: Option<Verdict>,
        /// Who must have signed the image.
        "signed" signed: Option<Signed>,
        /// What must be attested of the image, and by whom.
        "attested" attested: Option<Attested>,
        /// A CEL expression that is true for images that pass the rule.
        "expression" expression: Option<Expression>,
    }

    /// Tags: a tag must match none of the deny patterns, and one of the allow patterns if there are any.
    ///
    /// A pattern is a tag (`latest`), a glob (`*-SNAPSHOT`), a regular expression over the whole tag
    /// between slashes (`/v[0-9]+/`), a range of versions (`>=1.20, <2`), or `$mutable`, the tags that
    /// usually move (`latest`, `main`, `edge` and others).
    struct Tags {
        /// The tag must match one of these.
        "allow" allow: Option<Vec<TagPattern>>,
        /// The tag must match none of these, whatever the case of its letters.
        "deny" deny: Option<Vec<TagPattern>>,
        /// An image with neither tag nor digest: always `deny` or always `allow` it. If left out, its tag
        /// is `latest`, as for the node, and is matched like any other.
        "missing" missing: Option<Verdict>,
        /// An image with a digest: `allow` it whatever its tag (as if left out), since the node does
        /// not use the tag, or `check` the tag that is written beside the digest.
        "pinned" pinned: Option<Pinned>,
    }

    /// Digests.
    struct Digest {
        /// Whether a digest must be written. True if left out.
        "required" required: Option<bool>,
        /// The algorithms that a digest may use. All that the node verifies, if left out.
        "algorithms" algorithms: Option<Vec<DigestAlgorithm>>,
    }

    /// Registries: a host with an optional port (`registry.example.com:5000`), `*.example.com` for
    /// every host below a domain, `a.*.example.com` with one name for each other star, or `*`.
    struct Registries {
        /// The registry must match one of these, exactly.
        "allow" allow: Option<Vec<RegistryPattern>>,
        /// The registry must match none of these, on whatever port where none is given.
        "deny" deny: Option<Vec<RegistryPattern>>,
    }

    /// Repositories: a registry and a path (`registry.example.com/team/app`), in which `*` stands for
    /// anything within one part and `**` for any parts; or a short name, which means what it means to
    /// the node (`nginx` is `docker.io/library/nginx`).
    struct Repositories {
        /// The repository must match one of these.
        "allow" allow: Option<Vec<RepositoryPattern>>,
        /// The repository must match none of these.
        "deny" deny: Option<Vec<RepositoryPattern>>,
    }

    /// What only its registry can tell of an image. All given conditions must hold, those over labels,
    /// user and the like for each platform. The settings `ifUnavailable`, `tags`, `onPlatforms` and `staleFor` are for
    /// the `expression` of the rule too, if it uses facts.
    struct Facts {
        /// What follows if something can't be known: `deny` (as if left out), `warn` or `allow`.
        "ifUnavailable" if_unavailable: Option<IfUnavailable>,
        /// A tag may mean another image when the node pulls it. So a pod's image must have a digest
        /// (`pinned`, as if left out), unless the tag is only to be checked (`checkOnly`).
        "tags" tags: Option<FactTags>,
        /// The platforms for which conditions must hold, such as `linux/amd64`. All that the image is for,
        /// if left out.
        "onPlatforms" on_platforms: Option<Vec<PlatformName>>,
        /// For how long what a tag meant is good enough while its registry is away or slow, such as `10m`. Not
        /// at all if left out.
        "staleFor" stale_for: Option<Staleness>,
        /// Which platforms the image must be for.
        "platforms" platforms: Option<RequiredPlatforms>,
        /// How long ago the image may have been created, such as `90d`. Where it says no date, or one that
        /// stands for none (the year 1, 1970), that can't be known.
        "maxAge" max_age: Option<Age>,
        /// How large the image may be: its layers, compressed, and its configuration, such as `500Mi`.
        "maxSize" max_size: Option<ByteSize>,
        /// Whether the user of the image must be a number other than 0. A name may be root's.
        "nonRoot" non_root: Option<bool>,
        /// Labels that the image must have, and globs for their values.
        "labels" labels: Option<BTreeMap<EntryName, NamePattern>>,
        /// Annotations that the image must have in its manifest or its index, and globs for their values.
        "annotations" annotations: Option<BTreeMap<EntryName, NamePattern>>,
        /// Which volumes the image may declare, by their paths.
        "volumes" volumes: Option<Values>,
        /// Which ports the image may expose, such as `8080/tcp`.
        "exposedPorts" exposed_ports: Option<Values>,
        /// `required`: the image must have an entrypoint.
        "entrypoint" entrypoint: Option<Presence>,
        /// Which media types the manifest or index may have.
        "mediaTypes" media_types: Option<Values>,
        /// `deny`: no layer may be one that is fetched from elsewhere.
        "foreignLayers" foreign_layers: Option<Refused>,
        /// Which image it may be made from, by the annotation `org.opencontainers.image.base.name`.
        "baseImage" base_image: Option<BaseImage>,
    }

    /// Signatures: the image must be signed by an authority. Every format is found by itself: bundles of
    /// Sigstore, signatures of cosign 2, and those of notation. An attestation is no signature.
    struct Signed {
        /// Who must have signed.
        "by" by: By,
        /// Annotations that must be signed with the image, and globs for their values.
        "annotations" annotations: Option<BTreeMap<EntryName, NamePattern>>,
        /// The repository that a signature must name, as a glob. Only signatures of cosign 2 name one.
        "reference" reference: Option<NamePattern>,
        /// The repository in which signatures are, if that is not the image's own.
        "repository" repository: Option<RepositoryName>,
        /// What must be signed: what the image's name means (`named`, as if left out), or the manifest for
        /// each of its platforms (`everyPlatform`).
        "covers" covers: Option<Covers>,
        /// What follows if something can't be known: `deny` (as if left out), `warn` or `allow`.
        "ifUnavailable" if_unavailable: Option<IfUnavailable>,
        /// A tag may mean another image when the node pulls it. So a pod's image must have a digest
        /// (`pinned`, as if left out), unless the tag is only to be checked (`checkOnly`).
        "tags" tags: Option<FactTags>,
    }

    /// Attestations: an authority must have said this of the image. One attestation must pass all
    /// conditions; others beside it don't count.
    struct Attested {
        /// What kind of predicate it is: a URI, or one of the names `slsaProvenance` (of version 0.2 or 1),
        /// `spdx`, `cyclonedx`, `vulnerabilities` and `openvex`. One of these must match.
        "predicateTypes" predicate_types: Vec<PredicateType>,
        /// Who must have attested it.
        "by" by: By,
        /// The name that its subject must have, as a glob.
        "subject" subject: Option<NamePattern>,
        /// Where the image was built, by a predicate of SLSA provenance.
        "provenance" provenance: Option<Provenance>,
        /// Which packages the image may have, by its SBOM: SPDX or `CycloneDX`.
        "packages" packages: Option<Packages>,
        /// Which vulnerabilities the image may have, by the report of a scanner.
        "vulnerabilities" vulnerabilities: Option<Vulnerabilities>,
        /// A CEL expression over `predicate`, `image` and `review` that is true for a predicate that passes.
        "expression" expression: Option<Expression>,
        /// The repository in which attestations are, if that is not the image's own.
        "repository" repository: Option<RepositoryName>,
        /// What must be attested: what the image's name means (`named`, as if left out), or the manifest
        /// for each of its platforms (`everyPlatform`).
        "covers" covers: Option<Covers>,
        /// What follows if something can't be known: `deny` (as if left out), `warn` or `allow`.
        "ifUnavailable" if_unavailable: Option<IfUnavailable>,
        /// A tag may mean another image when the node pulls it. So a pod's image must have a digest
        /// (`pinned`, as if left out), unless the tag is only to be checked (`checkOnly`).
        "tags" tags: Option<FactTags>,
    }

    /// Who may vouch for an image: one authority, or several and how many of them are needed.
    struct By {
        /// What the authority is called in reasons. It is made of its fields, if left out.
        "name" name: Option<Name>,
        /// Who holds a private key.
        "key" key: Option<KeyAuthority>,
        /// Whom an issuer of identities vouched for, as Sigstore's certificates say.
        "keyless" keyless: Option<KeylessAuthority>,
        /// Who holds a certificate of one's own authority.
        "certificate" certificate: Option<CertificateAuthority>,
        /// Who signs with notation.
        "notation" notation: Option<NotationAuthority>,
        /// Always `pass` or always `deny`. Nobody is asked.
        "static" static_: Option<Static>,
        /// One of these must vouch.
        "anyOf" any_of: Option<Vec<By>>,
        /// Each of these must vouch.
        "allOf" all_of: Option<Vec<By>>,
        /// So many of those in `of` must vouch, each by a signer of its own.
        "atLeast" at_least: Option<usize>,
        /// See `atLeast`.
        "of" of: Option<Vec<By>>,
    }

    /// Public keys. No log and no timestamp is required, unless one is named.
    struct KeyAuthority {
        /// One or more public keys in PEM. One of them must have signed.
        "pem" pem: Option<String>,
        /// A file of them beside the policy.
        "file" file: Option<FileName>,
        /// Whether an entry in a transparency log is required. `optional` if left out.
        "log" log: Option<Requirement>,
        /// Whether a timestamp is required. `optional` if left out.
        "timestamp" timestamp: Option<Requirement>,
        /// The `trusted_root.json` with the keys of the log and the timestamp authority, beside the policy.
        "trustedRoot" trusted_root: Option<FileName>,
    }

    /// Identities that Sigstore's certificates name.
    struct KeylessAuthority {
        /// The issuer, such as `https://token.actions.githubusercontent.com`: a glob over the whole of it.
        "issuer" issuer: NamePattern,
        /// The identity, such as an e-mail address or the URI of a workflow: a glob over the whole of it.
        "subject" subject: NamePattern,
        /// What else the certificate must say, such as `sourceRepositoryURI`, and globs for the values.
        "claims" claims: Option<BTreeMap<ClaimName, NamePattern>>,
        /// The `trusted_root.json` of the Sigstore instance, beside the policy.
        "trustedRoot" trusted_root: FileName,
        /// Whether an entry in a transparency log is required. `required` if left out.
        "log" log: Option<Requirement>,
        /// Whether a timestamp is required. `optional` if left out.
        "timestamp" timestamp: Option<Requirement>,
        /// Whether the certificate must be in a certificate transparency log. `required` if left out.
        "certificateLog" certificate_log: Option<Requirement>,
    }

    /// Certificates of one's own authority.
    struct CertificateAuthority {
        /// One or more root certificates in PEM.
        "pem" pem: Option<String>,
        /// A file of them beside the policy.
        "file" file: Option<FileName>,
        /// The attributes that the certificate's subject must have, such as `O`, and globs for the values.
        "subject" subject: Option<BTreeMap<EntryName, NamePattern>>,
        /// An alternative name that the certificate must have, as a glob.
        "alternativeName" alternative_name: Option<NamePattern>,
        /// Whether an entry in a transparency log is required. `optional` if left out.
        "log" log: Option<Requirement>,
        /// Whether a timestamp is required. `optional` if left out.
        "timestamp" timestamp: Option<Requirement>,
        /// The `trusted_root.json` with the keys of the log and the timestamp authority, beside the policy.
        /// Without one, a certificate must be valid now.
        "trustedRoot" trusted_root: Option<FileName>,
    }

    /// Trust stores and identities of notation. Revocation is not looked up.
    struct NotationAuthority {
        /// One or more root certificates of the trust stores `ca`, in PEM.
        "pem" pem: Option<String>,
        /// A file of them beside the policy.
        "file" file: Option<FileName>,
        /// A file of the root certificates of the trust stores `signingAuthority`, beside the policy.
        "signingAuthorities" signing_authorities: Option<FileName>,
        /// A file of the root certificates of timestamp authorities, beside the policy.
        "timestampRoots" timestamp_roots: Option<FileName>,
        /// Who may sign: attributes that the certificate's subject must have, such as `O`, and globs for the
        /// values. One of these must match.
        "identities" identities: Option<Vec<BTreeMap<EntryName, NamePattern>>>,
        /// `strict` (as if left out), or `permissive`: signatures and certificates that have expired count.
        "level" level: Option<Level>,
    }

    /// Where an image was built: each given field must match one of its globs.
    struct Provenance {
        /// The builder's URI.
        "builders" builders: Option<Vec<NamePattern>>,
        /// The repository of the source, such as `https://git.example.com/team/app`, without `git+` before it
        /// and `.git` behind it.
        "sources" sources: Option<Vec<NamePattern>>,
        /// What was built of it, such as `refs/heads/main` or `refs/tags/v*`.
        "refs" refs: Option<Vec<NamePattern>>,
    }

    /// Packages, by their names (`openssl`), their names and versions (`openssl@3.0.1`), or their package
    /// URLs (`pkg:npm/left-pad@1.3.0`), as globs.
    struct Packages {
        /// No package may match one of these.
        "deny" deny: Option<Vec<NamePattern>>,
        /// For each of these a package must match.
        "require" require: Option<Vec<NamePattern>>,
    }

    /// Vulnerabilities, as Trivy and Grype report them.
    struct Vulnerabilities {
        /// The most vulnerabilities of a severity, such as `{critical: 0, high: 5}`.
        "max" max: Option<BTreeMap<Severity, usize>>,
        /// Vulnerabilities that don't count, such as `CVE-2026-1234`.
        "ignore" ignore: Option<Vec<String>>,
        /// How long ago the scan may have been, such as `7d`.
        "maxAge" max_age: Option<Age>,
    }

    /// Platforms that an image must be for.
    struct RequiredPlatforms {
        /// The image must be there for each of these.
        "requires" requires: Vec<PlatformName>,
    }

    /// Globs over values: each must match none of the deny patterns, and one of the allow patterns if
    /// there are any.
    struct Values {
        /// Each value must match one of these.
        "allow" allow: Option<Vec<NamePattern>>,
        /// Each value must match none of these.
        "deny" deny: Option<Vec<NamePattern>>,
    }

    /// The image that an image is made from.
    struct BaseImage {
        /// Its repository must match one of these.
        "allow" allow: Option<Vec<RepositoryPattern>>,
        /// Its repository must match none of these.
        "deny" deny: Option<Vec<RepositoryPattern>>,
        /// `required`: the annotation `org.opencontainers.image.base.digest` must be there.
        "digest" digest: Option<Presence>,
    }

    /// Which images something applies to. All given fields must match. A field that a review does not
    /// have matches, so that a rule is never skipped because of it: an `ImageReview` has no containers,
    /// and a bare reference no namespace.
    struct Scope {
        /// Which namespaces.
        "namespaces" namespaces: Option<Namespaces>,
        /// `exclude` excludes kube-system, kube-public and kube-node-lease. `include` if left out.
        "systemNamespaces" system_namespaces: Option<SystemNamespaces>,
        /// Which repositories.
        "images" images: Option<Images>,
        /// Which kinds of containers.
        "containers" containers: Option<Vec<ContainerKind>>,
        /// Which annotations must be there, with globs for their values. Each key must contain
        /// `.image-policy.k8s.io/`: the API server forwards no others. Whoever creates a pod sets its
        /// annotations, so they can put it out of this scope.
        "annotations" annotations: Option<BTreeMap<ForwardedKey, NamePattern>>,
        /// Which labels the pod must have (those of the template, in an object that has one; else the
        /// object's own), with globs for their values. An `ImageReview` has none, and is in
        /// scope. Whoever creates a pod sets its labels, so they can put it out of this scope.
        "labels" labels: Option<BTreeMap<EntryName, NamePattern>>,
        /// Which labels the namespace must have, with globs for their values. No request has them, so it is
        /// in scope unless they are known otherwise (`--namespace-labels` of the command line).
        "namespaceLabels" namespace_labels: Option<BTreeMap<EntryName, NamePattern>>,
        /// Which kinds of objects (`Pod`, `Deployment`).
        "kinds" kinds: Option<Names>,
        /// Which operations.
        "operations" operations: Option<Vec<Operation>>,
        /// Which users, by name.
        "users" users: Option<Names>,
        /// Users of which groups: one of them must match what is included, and none what is excluded.
        "groups" groups: Option<Names>,
        /// Which service accounts, as `namespace/name`. A user who is not a service account does not match
        /// `include`.
        "serviceAccounts" service_accounts: Option<Names>,
    }

    /// Globs over names.
    struct Names {
        /// The name must match one of these.
        "include" include: Option<Vec<NamePattern>>,
        /// The name must match none of these.
        "exclude" exclude: Option<Vec<NamePattern>>,
    }

    /// A kind of custom resource, and where in it images are. A path is names between dots, with
    /// `[*]` for every element of a list: `spec.steps[*].image`.
    struct CustomResource {
        /// Its group and version (`tekton.dev/v1`), or its group and every version (`tekton.dev/*`).
        "apiVersion" api_version: String,
        /// Its kind.
        "kind" kind: String,
        /// Where images are.
        "images" images: Option<Vec<FieldPath>>,
        /// Where pod specs are, with all that a Pod's `spec` has.
        "podSpecs" pod_specs: Option<Vec<FieldPath>>,
    }

    /// What is changed in objects before they are stored, in this order.
    struct Mutations {
        /// Repositories that are pulled from elsewhere; the first that matches applies.
        "mirrors" mirrors: Option<Vec<Mirror>>,
        /// Whether names are written in full, with registry and `library/`. False if left out.
        "fullNames" full_names: Option<bool>,
        /// Whether `latest` is written where it is implied; with `fullNames` only. False if left out.
        "impliedTags" implied_tags: Option<bool>,
        /// Images that are pinned to the digest that their tag means now; the tag stays. It comes behind all
        /// changes of names.
        "pinDigests" pin_digests: Option<Vec<PinDigestsOf>>,
        /// What `imagePullPolicy` is set to; the first that matches applies.
        "pullPolicies" pull_policies: Option<Vec<PullPolicyFor>>,
        /// Secrets that are added to `imagePullSecrets`; all that match apply.
        "pullSecrets" pull_secrets: Option<Vec<PullSecretFor>>,
    }

    /// Repositories, and where they are pulled from instead. Both are one repository, or both end in
    /// `/**`.
    struct Mirror {
        /// What is written, such as `docker.io/**`.
        "from" from: String,
        /// What is pulled, such as `mirror.example.com/hub/**`.
        "to" to: String,
    }

    /// Repositories whose images are pinned, and where.
    struct PinDigestsOf {
        /// One repository, or all below a registry or path (`registry.example.com/**`), as it is pulled:
        /// behind a mirror the mirror's. `**` stands for all.
        "repositories" repositories: String,
        /// The kinds of objects that are changed; `*` stands for all, and for Compose files (`Compose`) and
        /// Dockerfiles (`Dockerfile`), which only the command line changes. `Pod` if left out: what writes
        /// other objects would find them changed, and write them anew.
        "kinds" kinds: Option<Vec<String>>,
        /// Which namespaces. All if left out.
        "namespaces" namespaces: Option<Namespaces>,
        /// For how long the digest that a tag had is written while its registry is away or slow, such as `10m`.
        /// Not at all if left out.
        "staleFor" stale_for: Option<Staleness>,
    }

    /// Tags, and when the node pulls images with them.
    struct PullPolicyFor {
        /// Tags, exactly; a missing one is `latest`.
        "tags" tags: Vec<String>,
        /// The value of `imagePullPolicy`.
        "policy" policy: PullPolicy,
    }

    /// Repositories, and the secret that the node pulls them with.
    struct PullSecretFor {
        /// One repository, or all below a registry or path (`registry.example.com/**`).
        "repositories" repositories: String,
        /// The name of a secret in the pod's namespace.
        "secret" secret: String,
    }

    /// Globs over namespaces.
    struct Namespaces {
        /// The namespace must match one of these.
        "include" include: Option<Vec<NamespacePattern>>,
        /// The namespace must match none of these.
        "exclude" exclude: Option<Vec<NamespacePattern>>,
    }

    /// Patterns over repositories.
    struct Images {
        /// The repository must match one of these.
        "include" include: Option<Vec<RepositoryPattern>>,
        /// The repository must match none of these.
        "exclude" exclude: Option<Vec<RepositoryPattern>>,
    }

    /// A declared exemption from rules. All given fields must match. A field that a review does not have
    /// does not match.
    struct Exemption {
        /// Lower-case letters, digits and dashes; unique in the policy.
        "name" name: Name,
        /// Why; it is recorded at every use.
        "reason" reason: String,
        /// The last day on which it is valid (`2027-01-31`, in UTC), or the time at which it expires
        /// (`2027-01-31T12:00:00Z`).
        "expires" expires: Option<Expiry>,
        /// The names of the rules that it covers. All if left out.
        "rules" rules: Option<Vec<Name>>,
        /// Which repositories.
        "images" images: Option<Vec<RepositoryPattern>>,
        /// Which namespaces.
        "namespaces" namespaces: Option<Vec<NamespacePattern>>,
        /// Which annotation must be there. It needs `namespaces`, since whoever may create a pod may
        /// annotate it.
        "annotation" annotation: Option<BreakGlass>,
    }

    /// An annotation that whoever creates a pod sets to ask for an exemption.
    struct BreakGlass {
        /// The key. It must contain `.image-policy.k8s.io/`: the API server forwards no others.
        "key" key: ForwardedKey,
        /// A glob for the value. Any value if left out.
        "value" value: Option<NamePattern>,
    }
}

impl Document {
    /// Whether the node looks like a policy document at all; if not, that is the one problem worth
    /// recording.
    pub(super) fn is_meant(node: &Node, problems: &mut Problems) -> bool {
        let Value::Map(entries) = &node.value else {
            wrong_kind::<()>(node, "a map with apiVersion, kind and rules", problems);
            return false;
        };
        let kind = entries.iter().find(|(name, _, _)| name == "kind");
        if let Some((
            _,
            position,
            Node {
                value: Value::Text(kind),
                ..
            },
        )) = kind
            && kind != KIND
        {
            problems.add(
                *position,
                format!("this is a {kind}; a policy is of kind {KIND}"),
            );
            return false;
        }
        true
    }
}

/// Gives a type a JSON Schema that is inlined where the type is used.
macro_rules! inline_schema {
    ($name:ty, $schema:tt) => {
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// The value of a field that can have only one.
macro_rules! constant {
    ($name:ident, $value:expr) => {
        #[derive(Debug)]
        pub(super) struct $name;

        impl Read for $name {
            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                parsed(node, problems, |text| match text {
                    text if text == $value => Ok(Self),
                    other => Err(format!("{other:?} is not known here; write {:?}", $value)),
                })
            }
        }

        inline_schema!($name, {"type": "string", "const": $value});
    };
}

constant!(ApiVersion, API_VERSION);
constant!(Kind, KIND);

/// Values that are one of a few words: those of `as_str`.
macro_rules! words {
    ($($name:ident: $($variant:ident)|+;)*) => {$(
        impl Read for $name {
            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                const WORDS: &[(&str, $name)] = &[$(($name::$variant.as_str(), $name::$variant)),+];
                one_of(node, problems, WORDS)
            }
        }

        inline_schema!($name, {"type": "string", "enum": [$($name::$variant.as_str()),+]});
    )*};
}

/// Declares an enum of this document alone, and the word for each of its values.
macro_rules! choices {
    ($($name:ident { $($variant:ident = $word:literal,)* })*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant,)*
        }

        impl $name {
            const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    )*};
}

choices! {
    Verdict { Allow = "allow", Deny = "deny", }
    Pinned { Allow = "allow", Check = "check", }
    SystemNamespaces { Include = "include", Exclude = "exclude", }
    IfUnavailable { Deny = "deny", Warn = "warn", Allow = "allow", }
    FactTags { Pinned = "pinned", CheckOnly = "checkOnly", }
    Presence { Required = "required", }
    Refused { Deny = "deny", }
    Covers { Named = "named", EveryPlatform = "everyPlatform", }
    Requirement { Required = "required", Optional = "optional", }
    Static { Pass = "pass", Deny = "deny", }
    Level { Strict = "strict", Permissive = "permissive", }
}

words! {
    Mode: Enforce | Warn | Audit;
    Verdict: Allow | Deny;
    Pinned: Allow | Check;
    SystemNamespaces: Include | Exclude;
    IfUnavailable: Deny | Warn | Allow;
    FactTags: Pinned | CheckOnly;
    Presence: Required;
    Refused: Deny;
    Covers: Named | EveryPlatform;
    Requirement: Required | Optional;
    Static: Pass | Deny;
    Level: Strict | Permissive;
    Severity: Critical | High | Medium | Low | Negligible | Unknown;
    ContainerKind: Regular | Init | Ephemeral | Volume;
    Operation: Create | Update;
    PullPolicy: Always | IfNotPresent | Never;
    DigestAlgorithm: Sha256 | Sha384 | Sha512;
}

/// Values that are made of text.
macro_rules! texts {
    ($($name:ty = $parse:expr, $schema:tt;)*) => {$(
        impl Read for $name {
            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                parsed(node, problems, $parse)
            }
        }

        inline_schema!($name, $schema);
    )*};
}

texts! {
    Name = Name::parse, {
        "description": "A name: lower-case letters, digits and dashes.",
        "type": "string",
        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        "maxLength": 63,
    };
    NamespacePattern = NamespacePattern::parse, {
        "description": "A namespace, in which `*` stands for any characters.",
        "type": "string",
        "pattern": "^[-a-z0-9*?\\[\\]{},!]+$",
        "examples": ["shop", "prod-*"],
    };
    ForwardedKey = ForwardedKey::parse, {
        "type": "string",
        "pattern": "[^.].*\\.image-policy\\.k8s\\.io/.",
        "examples": ["example.image-policy.k8s.io/break-glass"],
    };
    Expiry = Expiry::parse, {
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "examples": ["2027-01-31", "2027-01-31T12:00:00Z"],
    };
    Template = Template::parse, {
        "description": "A text with placeholders: {image}, {registry}, {repository}, {tag}, {digest}, \
                        {namespace}, {container}, {location}, {rule}.",
        "type": "string",
        "minLength": 1,
        "examples": ["{image} is not from our own registry"],
    };
    TagPattern = TagPattern::parse, {
        "description": "A tag (`latest`), a glob (`*-SNAPSHOT`), a regular expression over the whole tag \
                        (`/v[0-9]+/`), a range of versions (`>=1.20, <2`), or `$mutable`: the tags that \
                        are moved by custom.",
        "type": "string",
        "minLength": 1,
        "examples": ["latest", "$mutable", "*-SNAPSHOT", "/v[0-9]+/", ">=1.20, <2"],
    };
    RegistryPattern = RegistryPattern::parse, {
        "description": "A registry: a host with an optional port, `*.example.com` for every host below a \
                        domain, `a.*.example.com` with one name for each other star, or `*`.",
        "type": "string",
        "pattern": "^[^/]+$",
        "examples": ["docker.io", "registry.example.com:5000", "*.example.com"],
    };
    RepositoryPattern = RepositoryPattern::parse, {
        "description": "A repository: a registry and a path, in which `*` stands for anything within one \
                        part and `**` for any parts; or a short name (`nginx` is \
                        `docker.io/library/nginx`).",
        "type": "string",
        "pattern": "^[^@]+$",
        "examples": ["registry.example.com/team/**", "nginx", "docker.io/**", "**/busybox"],
    };
    NamePattern = NamePattern::parse, {
        "description": "A text, in which `*` stands for any characters.",
        "type": "string",
        "minLength": 1,
    };
    PlatformName = |text: &str| text.parse().map(PlatformName), {
        "description": "A platform: operating system, processor, and its variant where it matters.",
        "type": "string",
        "pattern": "^[-_.+a-zA-Z0-9]+(/[-_.+a-zA-Z0-9]+){1,2}$",
        "examples": ["linux/amd64", "linux/arm/v7"],
    };
    Age = Age::parse, {
        "description": "A time: a number of hours (`h`), days (`d`) or weeks (`w`).",
        "type": "string",
        "pattern": "^[1-9][0-9]{0,5}[hdw]$",
        "examples": ["90d", "12h", "2w"],
    };
    Staleness = Staleness::parse, {
        "description": "A time of a day at most: a number of minutes (`m`) or hours (`h`).",
        "type": "string",
        "pattern": "^[1-9][0-9]{0,3}[mh]$",
        "examples": ["10m", "1h"],
    };
    ByteSize = ByteSize::parse, {
        "description": "A size: a number of bytes, or of `Ki`, `Mi`, `Gi`, `k`, `M` or `G`, as in Kubernetes.",
        "type": "string",
        "pattern": "^[1-9][0-9]{0,14}(Ki|Mi|Gi|k|M|G)?$",
        "examples": ["500Mi", "2Gi"],
    };
    EntryName = EntryName::parse, {
        "type": "string",
        "pattern": "^[^\\x00-\\x20\\x7f]+$",
        "maxLength": 255,
        "examples": ["org.opencontainers.image.source"],
    };
    FileName = FileName::parse, {
        "description": "The name of a file beside the policy.",
        "type": "string",
        "pattern": "^[-_a-zA-Z0-9][-_.a-zA-Z0-9]*$",
        "maxLength": 255,
        "examples": ["cosign.pub", "trusted_root.json"],
    };
    RepositoryName = RepositoryName::parse, {
        "description": "A repository: a registry and a path.",
        "type": "string",
        "pattern": "^[^@*?]+$",
        "examples": ["registry.example.com/signatures"],
    };
    PredicateType = PredicateType::parse, {
        "description": "A URI, or slsaProvenance, spdx, cyclonedx, vulnerabilities or openvex.",
        "type": "string",
        "minLength": 1,
        "examples": ["slsaProvenance", "https://slsa.dev/provenance/v1"],
    };
    FieldPath = |text: &str| text.parse::<FieldPath>(), {
        "description": "The path of a field: names between dots, with `[*]` for every element of a list.",
        "type": "string",
        "minLength": 1,
        "examples": ["spec.steps[*].image", "spec.template.spec"],
    };
}

impl Read for KnownResources {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let sets: Vec<(&str, Self)> = Self::all().map(|set| (set.name(), set)).collect();
        one_of(node, problems, &sets)
    }
}

inline_schema!(KnownResources, {
    "type": "string",
    "enum": KnownResources::all().map(KnownResources::name).collect::<Vec<_>>(),
});

/// The text of an expression, and its location.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) position: Position,
}

impl Read for Expression {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        String::read(node, problems).map(|text| Self {
            text,
            position: node.position,
        })
    }
}

inline_schema!(Expression, {
    "type": "string",
    "minLength": 1,
    "examples": ["image.tag.startsWith('v') || image.digest != ''"],
});

/// The name of a document, rule or exemption. It is used in audit annotations and metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) Box<str>);

impl Name {
    /// The longest name, as for a label's value in Kubernetes.
    const MAX_LEN: usize = 63;

    /// Whether it is the name of a rule that every policy has.
    pub(super) fn is_reserved(&self) -> bool {
        [UNREADABLE_REFERENCE, UNREADABLE_OBJECT, UNDECIDED].contains(&&*self.0)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ends = text.starts_with('-') || text.ends_with('-');
        if text.is_empty() || text.len() > Self::MAX_LEN || ends || !text.chars().all(in_name) {
            return Err(format!(
                "{text:?} is no name: 1 to {} lower-case letters, digits and dashes, with a letter or \
                 digit at each end",
                Self::MAX_LEN
            ));
        }
        Ok(Self(text.into()))
    }
}

/// A glob over namespaces.
#[derive(Clone, Debug)]
pub(super) struct NamespacePattern(pub(super) NamePattern);

impl NamespacePattern {
    fn parse(text: &str) -> Result<Self, crate::pattern::PatternError> {
        NamePattern::parse_namespace(text).map(Self)
    }
}

/// The key of an annotation that the API server forwards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ForwardedKey(pub(super) Box<str>);

impl ForwardedKey {
    fn parse(text: &str) -> Result<Self, String> {
        let forwarded = text
            .split_once(FORWARDED)
            .is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty());
        if !forwarded {
            return Err(format!(
                "the API server forwards only annotations whose key contains {FORWARDED:?}, such as \
                 \"example.image-policy.k8s.io/break-glass\"; {text:?} would never arrive"
            ));
        }
        Ok(Self(text.into()))
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the macro that declares choices takes no attributes"
)]
impl Default for IfUnavailable {
    fn default() -> Self {
        Self::Deny
    }
}

/// A platform, as a rule names it.
#[derive(Clone, Debug)]
pub(super) struct PlatformName(pub(super) Platform);

/// The name of a label or an annotation of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryName(Box<str>);

impl EntryName {
    const MAX_LEN: usize = 255;

    fn parse(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c != ' ' && !c.is_ascii_control();
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.chars().all(is_plain) {
            return Err(format!(
                "{text:?} is no name of a label or annotation: 1 to {} characters without blanks",
                Self::MAX_LEN
            ));
        }
        Ok(Self(text.into()))
    }
}

impl AsRef<str> for EntryName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The name of a file beside the policy.
#[derive(Clone, Debug)]
pub(super) struct FileName(pub(super) Box<str>);

impl FileName {
    fn parse(text: &str) -> Result<Self, String> {
        super::files::checked_name(text).map(Self)
    }
}

/// A repository, in full.
#[derive(Clone, Debug)]
pub(super) struct RepositoryName(pub(super) Box<str>);

impl RepositoryName {
    fn parse(text: &str) -> Result<Self, String> {
        let image = ImageRef::parse(text)
            .map_err(|error| format!("{} is no repository: {error}", crate::quote::Quoted(text)))?;
        if image.tag().is_some() || image.digest().is_some() {
            return Err(format!(
                "{text:?} is an image; write its repository, without a tag and a digest"
            ));
        }
        let (registry, path) = (image.registry(), image.repository());
        Ok(Self(format!("{registry}/{path}").into()))
    }
}

/// A kind of predicate: the URIs that it may have.
#[derive(Clone, Debug)]
pub(super) struct PredicateType(pub(super) Vec<Box<str>>);

impl PredicateType {
    /// The names of kinds, and what they stand for: without a version each version, as statements name
    /// them.
    const NAMES: [(&'static str, &'static [&'static str]); 5] = [
        (
            "slsaProvenance",
            &[
                "https://slsa.dev/provenance/v0.2",
                "https://slsa.dev/provenance/v1",
            ],
        ),
        (
            "spdx",
            &[
                "https://spdx.dev/Document",
                "https://spdx.dev/Document/v2.3",
            ],
        ),
        ("cyclonedx", &["https://cyclonedx.org/bom"]),
        (
            "vulnerabilities",
            &[
                "https://cosign.sigstore.dev/attestation/vuln/v1",
                "https://in-toto.io/attestation/vulns/v0.1",
                "https://in-toto.io/attestation/vulns/v0.2",
            ],
        ),
        (
            "openvex",
            &["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"],
        ),
    ];

    fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, uris)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self(uris.iter().map(|uri| (*uri).into()).collect()));
        }
        let names = Self::NAMES.map(|(name, _)| name);
        if !text.contains(':') || text.contains(char::is_whitespace) || text.len() > 255 {
            return Err(format!(
                "{} is neither a URI nor one of {}{}",
                crate::quote::Quoted(text),
                names.join(", "),
                crate::suggestion::suggestion(text, &names)
            ));
        }
        Ok(Self(vec![text.into()]))
    }
}

/// What a certificate of Fulcio's says of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClaimName(pub(super) &'static str);

impl Read for ClaimName {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let names: Vec<(&str, &str)> = CLAIMS.iter().map(|(name, _)| (*name, *name)).collect();
        one_of(node, problems, &names).map(Self)
    }
}

inline_schema!(ClaimName, {
    "type": "string",
    "enum": CLAIMS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
});

/// How bad a vulnerability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Critical,
    High,
    Medium,
    Low,
    Negligible,
    Unknown,
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Negligible => "negligible",
            Self::Unknown => "unknown",
        }
    }
}

/// How long ago something may have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age(pub(super) Duration);

impl Age {
    fn parse(text: &str) -> Result<Self, String> {
        let hours = match text.chars().next_back() {
            Some('h') => 1,
            Some('d') => 24,
            Some('w') => 7 * 24,
            _ => 0,
        };
        let number = text.get(..text.len().saturating_sub(1));
        let number = number.and_then(|number| whole_number(number, 6));
        match number.map(|number| number * hours) {
            Some(hours @ 1..) => Ok(Self(Duration::from_secs(hours * 60 * 60))),
            _ => Err(format!(
                "{text:?} is no time: write a number of hours, days or weeks, such as 12h, 90d or 2w"
            )),
        }
    }
}

/// For how long an older answer is good enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staleness(pub(super) Duration);

impl Staleness {
    /// What a tag meant longer ago says little of what it means.
    const MOST_MINUTES: u64 = 24 * 60;

    fn parse(text: &str) -> Result<Self, String> {
        let minutes = match text.chars().next_back() {
            Some('m') => 1,
            Some('h') => 60,
            _ => 0,
        };
        let number = text.get(..text.len().saturating_sub(1));
        let number = number.and_then(|number| whole_number(number, 4));
        match number.map(|number| number * minutes) {
            Some(minutes @ 1..=Self::MOST_MINUTES) => Ok(Self(Duration::from_secs(minutes * 60))),
            _ => Err(format!(
                "{text:?} is no time of a day at most: write a number of minutes or hours, such as 10m or 1h"
            )),
        }
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteSize(pub(super) u64);

impl ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 7] = [
            ("Ki", 1 << 10),
            ("Mi", 1 << 20),
            ("Gi", 1 << 30),
            ("k", 1000),
            ("M", 1_000_000),
            ("G", 1_000_000_000),
            ("", 1),
        ];
        let read = UNITS.iter().find_map(|(unit, bytes)| {
            let number = whole_number(text.strip_suffix(unit)?, 15)?;
            number.checked_mul(*bytes)
        });
        read.filter(|bytes| *bytes > 0).map(Self).ok_or_else(|| {
            format!("{text:?} is no size: write a number of bytes, or one such as 500Mi or 2Gi")
        })
    }
}

/// A number of so many digits at most, without a sign or a zero before it.
fn whole_number(text: &str, most_digits: usize) -> Option<u64> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    (is_number && text.len() <= most_digits)
        .then(|| text.parse().ok())
        .flatten()
}

/// When an exemption ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry(pub(super) jiff::Timestamp);

impl Expiry {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(instant) = text.parse() {
            return Ok(Self(instant));
        }
        // A day is over when the next one begins. A date and time without a zone is no instant, and would
        // be read as a day.
        let day = if text.len() == "2027-01-31".len() {
            text
        } else {
            ""
        };
        jiff::civil::Date::strptime("%Y-%m-%d", day)
            .and_then(jiff::civil::Date::tomorrow)
            .and_then(|next| next.to_zoned_datetime(jiff::tz::TimeZone::UTC))
            .map(|midnight| Self(midnight.timestamp()))
            .map_err(|_| {
                format!(
                    "{text:?} is neither a day such as 2027-01-31 nor an instant such as \
                     2027-01-31T12:00:00Z"
                )
            })
    }
}

/// A message: one text, or one for each language.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) english: Option<Template>,
    pub(super) chinese: Option<Template>,
}

declare! {
    /// A message in each language.
    struct Translations {
        /// The English text.
        "en" en: Option<Template>,
        /// The Chinese text.
        "zh" zh: Option<Template>,
    }
}

impl Read for Text {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::Text(_) = node.value {
            return Some(Self {
                english: Template::read(node, problems),
                chinese: None,
            });
        }
        let Translations { position, en, zh } = Translations::read(node, problems)?;
        if en.is_none() && zh.is_none() {
            problems.add(position, "the message has neither \"en\" nor \"zh\"");
        }
        Some(Self {
            english: en,
            chinese: zh,
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A message, with placeholders such as {image}: one text, or one for each language.",
            "anyOf": [
                generator.subschema_for::<Template>(),
                generator.subschema_for::<Translations>(),
            ],
        })
    }
}
