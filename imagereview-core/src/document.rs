//! Policy documents: what a platform team writes, compiled to a [`Policy`].
//!
//! A document is YAML or JSON. It is read from text, since this crate does no I/O, and everything
//! that is wrong with it is reported at once, each with its file, line, column and field.
//!
//! ```
//! use imagereview_core::{ImagePolicy, PolicySource, decide};
//!
//! let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
//! apiVersion: imagereview/v1alpha1
//! kind: ImagePolicy
//! metadata:
//!   name: production
//! rules:
//!   - name: no-moving-tags
//!     tags:
//!       deny: [$mutable, "*-SNAPSHOT"]
//!   - name: own-registry
//!     scope:
//!       namespaces: {include: ["prod-*"]}
//!     registries:
//!       allow: [registry.example.com, "*.registry.example.com"]
//! "#)])?;
//!
//! let review = ["nginx:1.27"].into_iter().collect::<imagereview_core::Review<'_>>();
//! assert!(decide(&policy, &review.clone().with_namespace("dev")).is_allowed());
//! assert!(!decide(&policy, &review.with_namespace("prod-eu")).is_allowed());
//! # Ok::<(), imagereview_core::PolicyErrors>(())
//! ```
//!
//! # Deny patterns match broadly, allow patterns exactly
//!
//! Deny patterns match any case, any port where the pattern names none, and Docker Hub's other host
//! names. Patterns that allow or exempt match exactly what is written. What a review does not contain
//! (the namespace of a bare reference, the containers of an `ImageReview`) never skips a rule and
//! never grants an exemption.

mod asked;
mod check;
mod custom_resources;
mod declaration;
mod doubt;
mod exemption;
mod explanation;
mod facts;
mod failure;
mod file_name;
mod files;
mod material;
#[cfg(feature = "mutation")]
mod mutations;
mod node;
mod outline;
mod price;
mod problem;
mod read;
mod rule;
#[cfg(feature = "schema")]
mod schema;
mod scope;
mod signed;
mod source;
mod template;
mod written;
mod yaml_error;

use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::SystemTime,
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

#[cfg(feature = "schema")]
pub use self::schema::json_schema;
use self::{
    asked::Asked,
    declaration::{Document, Name},
    doubt::Doubts,
    exemption::Exemption,
    failure::{Failure, Failures},
    problem::Problems,
    read::Read as _,
    rule::{Judged, Rule},
    scope::Scope,
};
pub use self::{
    declaration::{API_VERSION, KIND},
    explanation::{Branch, Explanation, ImageExplanation, Outcome, Step},
    file_name::is_policy_file,
    files::PolicyFiles,
    outline::{
        DigestOutline, DocumentOutline, ExemptionOutline, HostForm, IncludeExclude, ListsOutline,
        MutationsOutline, NameOutline, PathForm, PortForm, RepositoryOutline, RuleOutline,
        ScopeOutline, TagForm, TagOutline, TagsOutline, VersionBound, VersionReading, outlines,
    },
    price::{PolicyPrice, RulePrice},
    problem::{PolicyErrors, Problem},
    source::PolicySource,
};
#[cfg(feature = "mutation")]
use crate::{
    facts::Facts,
    mutation::{self, Mutations, Patch},
    reference::ImageRef,
    wire::AdmissionReview,
    workload::Workload,
};
use crate::{
    facts::{Needs, Trust},
    limits::{ENTRIES_LIMIT, STEPS_LIMIT},
    pattern::{Lengths, RegexBudget},
    policy::{Mode, Modes, Policy, Verdict, decide},
    review::{Image, Review},
    workload::{self, KnownResources, WorkloadKinds},
};

/// A compiled policy document, or several that must all pass.
///
/// See the [module](self) for an example.
#[derive(Debug)]
pub struct ImagePolicy {
    documents: Vec<CompiledDocument>,
    kinds: WorkloadKinds,
    /// The documents' names, and the hash of all texts.
    identity: Arc<str>,
}

#[derive(Debug)]
struct CompiledDocument {
    modes: Modes,
    #[cfg(feature = "mutation")]
    mutations: Mutations,
    scope: Scope,
    rules: Vec<Rule>,
    exemptions: Vec<Exemption>,
}

impl ImagePolicy {
    /// Compiles the documents of one or more texts into one policy.
    ///
    /// # Errors
    ///
    /// [`PolicyErrors`] with everything that is wrong in any of them, or if there is no document.
    ///
    /// ```
    /// use imagereview_core::{ImagePolicy, PolicySource};
    ///
    /// let errors = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: example}
    /// rules:
    ///   - name: tags
    ///     tags: {denny: [latest], missing: no}
    /// "#)]).unwrap_err();
    /// assert_eq!(errors.problems().len(), 2);
    /// assert!(errors.to_string().starts_with(
    ///     r#"policy.yaml:7:12: rules[0].tags: there is no field "denny" here; did you mean "deny"?"#
    /// ));
    /// ```
    pub fn compile<'a>(
        sources: impl IntoIterator<Item = PolicySource<'a>>,
    ) -> Result<Self, PolicyErrors> {
        let mut problems = Problems::default();
        let mut taken = Taken::default();
        let mut documents = Vec::new();
        let mut hash = Sha256::new();
        let mut found = 0;
        for source in sources {
            problems.in_source(source.name, source.text);
            hash.update(source.text.len().to_le_bytes());
            hash.update(source.text);
            for (name, text) in source.files.iter() {
                for part in [name, text] {
                    hash.update(part.len().to_le_bytes());
                    hash.update(part);
                }
            }
            for node in node::parse(source.text, &mut problems) {
                found += 1;
                if !Document::is_meant(&node, &mut problems) {
                    continue;
                }
                let Some(document) = Document::read(&node, &mut problems) else {
                    continue;
                };
                documents.extend(CompiledDocument::compile(
                    document,
                    source.files,
                    &mut taken,
                    &mut problems,
                ));
            }
        }
        if found == 0 {
            problems.require_document();
        }
        let mut identity = taken
            .documents
            .iter()
            .map(|name| &*name.0)
            .collect::<Vec<_>>()
            .join(",");
        identity.push_str("@sha256:");
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(identity, "{byte:02x}");
        }
        let kinds = custom_resources::kinds(taken.resources, &taken.known_resources, &mut problems);
        share_steps(&mut documents);
        problems.finish(Self {
            documents,
            kinds,
            identity: identity.into(),
        })
    }

    /// What is no mistake in the documents that this policy was compiled from and hardly meant, in the order of
    /// the files and lines: exemptions that have expired
    /// at this time, kinds of objects that have no images, what is allowed and denied, expressions that are
    /// never true, scopes in which nothing is, and rules that another one makes needless.
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use imagereview_core::{ImagePolicy, PolicySource};
    ///
    /// let sources = [PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: example}
    /// rules:
    ///   - name: digests
    ///     scope: {kinds: {include: [Deploymnt]}}
    ///     digest: {}
    /// "#)];
    /// let doubts = ImagePolicy::compile(sources)?.doubts(sources, SystemTime::now());
    /// assert_eq!(doubts.len(), 1);
    /// assert!(doubts[0].to_string().contains(r#"did you mean "Deployment"?"#));
    /// # Ok::<(), imagereview_core::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn doubts<'a>(
        &self,
        sources: impl IntoIterator<Item = PolicySource<'a>>,
        now: SystemTime,
    ) -> Vec<Problem> {
        // The texts are read again, so that a policy that only decides holds nothing for this.
        let mut doubts = Doubts::new(&self.kinds, Timestamp::try_from(now).ok());
        let mut mistakes = Problems::default();
        for source in sources {
            doubts.in_source(source.name);
            for node in node::parse(source.text, &mut mistakes) {
                if let Some(document) = Document::read(&node, &mut mistakes) {
                    doubts.of(&document);
                }
            }
        }
        doubts.finish()
    }

    /// What identifies this policy: the names of its documents and the SHA-256 of their
    /// text, as `name@sha256:hex`. It is in the audit annotations of every verdict.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The kinds of objects in which images are looked for: the built-in ones, the custom resources
    /// that the documents declare, and those of the [`KnownResources`] that they name.
    #[must_use]
    pub fn kinds(&self) -> &WorkloadKinds {
        &self.kinds
    }

    /// Changes the object of a request as the matching documents declare, and returns the JSON Patch
    /// that makes the same changes. Decide the request afterwards: its review is of the changed object.
    ///
    /// What several documents declare is one list: of the mirrors of all of them the first that
    /// matches applies, and what is at the target of any is left there.
    ///
    /// ```
    /// use imagereview_core::{AdmissionReview, ImagePolicy, PolicySource, decide, facts::Facts};
    ///
    /// let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: mirrored}
    /// mutations:
    ///   mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
    /// rules:
    ///   - {name: own-registry, registries: {allow: [mirror.example.com]}}
    /// "#)])?;
    ///
    /// let mut request = AdmissionReview::from_slice_with(br#"{
    ///     "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
    ///     "request": {"uid": "6f0d", "operation": "CREATE", "object": {
    ///         "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}}
    /// }"#, policy.kinds())?;
    /// assert!(!decide(&policy, &request.review()).is_allowed());
    /// let patch = policy.mutate(&mut request, &Facts::new());
    /// assert_eq!(patch.0.len(), 1);
    /// assert!(decide(&policy, &request.review()).is_allowed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "mutation")]
    #[must_use = "the API server changes nothing unless the response has the patch"]
    pub fn mutate(&self, request: &mut AdmissionReview<'_>, facts: &Facts) -> Patch {
        let mutations = self.mutations_for(&request.review());
        if mutations.is_empty() {
            return Patch::default();
        }
        mutation::All(&mutations).apply(request, facts)
    }

    /// The facts that [`mutate`](Self::mutate) needs: the digests of images that are pinned. What the
    /// changed object needs to be decided is another question:
    /// [`Policy::needs`].
    #[cfg(feature = "mutation")]
    pub fn mutation_needs(&self, request: &AdmissionReview<'_>, needs: &mut Needs) {
        let mutations = self.mutations_for(&request.review());
        mutation::All(&mutations).needs(request, needs);
    }

    /// The facts that [`mutate_object`](Self::mutate_object) needs.
    #[cfg(feature = "mutation")]
    pub fn mutation_needs_of_object(&self, object: &Workload<'_>, needs: &mut Needs) {
        let mutations = self.mutations_for(&object.review());
        mutation::All(&mutations).needs_of_object(object, needs);
    }

    /// Whether an image in something that is no object, such as a `Dockerfile`, is pinned.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn pins(&self, kind: &str, image: &ImageRef<'_>) -> bool {
        self.pins_of(kind).iter().any(|pin| pin.matches(image))
    }

    /// The image with the digest behind it, if it is [pinned](Self::pins) and its digest is known. No
    /// other change is made.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn pin(&self, kind: &str, image: &ImageRef<'_>, facts: &Facts) -> Option<String> {
        mutation::pinned(image, &self.pins_of(kind), facts)
    }

    #[cfg(feature = "mutation")]
    fn pins_of(&self, kind: &str) -> Vec<&mutation::PinRule> {
        let pins = self.documents.iter().flat_map(|one| one.mutations.pins());
        pins.filter(|pin| pin.is_about(kind, None)).collect()
    }

    /// Whether any document declares mutations.
    #[cfg(feature = "mutation")]
    #[must_use]
    pub fn has_mutations(&self) -> bool {
        let mut documents = self.documents.iter();
        documents.any(|document| !document.mutations.is_empty())
    }

    /// Whether any rule or mutation is about what only registries can tell. If not, no review needs
    /// facts.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        self.documents.iter().any(|document| {
            #[cfg(feature = "mutation")]
            let pins = !document.mutations.pins().is_empty();
            #[cfg(not(feature = "mutation"))]
            let pins = false;
            pins || document.rules.iter().any(Rule::uses_facts)
        })
    }

    /// Whether any rule evaluates an expression or reads attestations, whose cost grows with what is
    /// reviewed faster than that of the other checks.
    #[must_use]
    pub fn has_expressions(&self) -> bool {
        let mut rules = self.documents.iter().flat_map(|document| &document.rules);
        rules.any(Rule::has_expressions)
    }

    /// Changes an object that is not stored yet as the matching documents declare, and
    /// returns the patch that makes the same changes to its document. A field that an object does not
    /// have (the operation, the user, often the namespace) matches, as it does when the object is
    /// decided.
    ///
    /// ```
    /// use imagereview_core::{ImagePolicy, PolicySource, facts::Facts};
    /// use serde::de::DeserializeSeed;
    ///
    /// let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: mirrored}
    /// mutations:
    ///   mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
    /// rules:
    ///   - {name: own-registry, registries: {allow: [mirror.example.com]}}
    /// "#)])?;
    ///
    /// let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}"#;
    /// let manifest = policy.kinds().deserialize(&mut serde_json::Deserializer::from_str(pod))?;
    /// for object in manifest {
    ///     let patch = policy.mutate_object(&mut object.unwrap(), &Facts::new());
    ///     assert_eq!(patch.0[0].path().to_string(), "/spec/containers/0/image");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "mutation")]
    #[must_use = "the document itself is not changed"]
    pub fn mutate_object(&self, object: &mut Workload<'_>, facts: &Facts) -> Patch {
        let mutations = self.mutations_for(&object.review());
        mutation::All(&mutations).apply_to_object(object, facts)
    }

    /// The mutations of the documents that are about a review. Nothing that they change has to do with
    /// which documents those are.
    #[cfg(feature = "mutation")]
    fn mutations_for(&self, review: &Review<'_>) -> Vec<&Mutations> {
        let mutations = self.about(review).map(|document| &document.mutations);
        mutations.filter(|one| !one.is_empty()).collect()
    }

    /// The documents that are about a review.
    fn about(&self, review: &Review<'_>) -> impl Iterator<Item = &CompiledDocument> {
        let is_about = |document: &&CompiledDocument| document.scope.admits_review(review).is_ok();
        self.documents.iter().filter(is_about)
    }

    /// What the policy takes for the largest review that is accepted: known before there is one.
    ///
    /// ```
    /// use imagereview_core::{ImagePolicy, PolicySource, limits::STEPS_LIMIT};
    ///
    /// let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: example}
    /// rules:
    ///   - {name: own-registry, registries: {allow: [registry.example.com]}}
    ///   - {name: fixed, expression: "image.tag != 'latest'"}
    /// "#)])?;
    ///
    /// let price = policy.price();
    /// assert!(price.steps() < STEPS_LIMIT);
    /// assert_eq!(price.rules()[1].rule(), "fixed");
    /// # Ok::<(), imagereview_core::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn price(&self) -> PolicyPrice {
        let documents = self.documents.iter();
        let rules = documents.flat_map(|document| {
            let rules = document.rules.iter();
            rules.map(|rule| RulePrice {
                rule: Arc::clone(&rule.shared_name),
                declared_at: Arc::clone(&rule.declared_at),
                steps: document.most_steps(rule),
                share: rule.share(),
                bytes: rule.most_bytes(),
                violation_bytes: rule.violation_bytes(),
            })
        });
        let own = self.documents.iter().map(CompiledDocument::own_steps);
        PolicyPrice {
            rules: rules.collect(),
            own_steps: own.fold(0, u64::saturating_add),
        }
    }

    /// What signatures are verified with, and where a document says so: `file:line:column`. Whether it can
    /// be used, whoever verifies knows.
    pub fn trusts(&self) -> impl Iterator<Item = (&str, &Trust)> {
        let rules = self.documents.iter().flat_map(|document| &document.rules);
        rules.flat_map(Rule::trusts)
    }

    /// What should be looked at, though it is no mistake: an authority for whom anybody may sign, and a
    /// policy that [cannot decide](PolicyPrice::warning) every review.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let rules = self.documents.iter().flat_map(|document| &document.rules);
        let rules = rules.flat_map(Rule::warnings).map(str::to_owned);
        rules.chain(self.price().warning()).collect()
    }

    /// The names of the rules, in the order of the documents.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.documents
            .iter()
            .flat_map(|document| &document.rules)
            .map(|rule| &*rule.name.0)
    }

    /// Whether a comment beside an image in its file exempts it from a rule, where a file is reviewed. The
    /// comments are for the program that reads files; nothing here sees them.
    #[must_use]
    pub fn allows_inline_exemption(&self, rule: &str) -> bool {
        let mut rules = self.documents.iter().flat_map(|document| &document.rules);
        rules.any(|one| *one.name.0 == *rule && one.allows_inline_exemptions)
    }

    /// Decides a review, and reports for each image what each rule found.
    #[must_use]
    pub fn explain(&self, review: &Review<'_>) -> Explanation {
        let documents: Vec<_> = self
            .documents
            .iter()
            .map(|document| (document, document.granted(review)))
            .collect();
        let documents: Vec<_> = documents
            .iter()
            .map(|(document, granted)| (document, document.asked(review, granted)))
            .collect();
        let explain = |image: &Image<'_>| ImageExplanation {
            image: image.reference().as_written().into(),
            full_name: image.reference().to_string().into(),
            location: image.location().clone().into_owned(),
            steps: documents
                .iter()
                .flat_map(|(document, asked)| document.explain(asked, review, image))
                .collect(),
        };
        Explanation {
            images: review.images().iter().map(explain).collect(),
            verdict: decide(self, review),
        }
    }
}

/// Modes are the strongest of the documents that are about the review.
impl Policy for ImagePolicy {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        let granted: Vec<_> = self
            .documents
            .iter()
            .map(|document| document.granted(review))
            .collect();
        let mut failures = Failures::keeping(review.violations_limit());
        for (document, granted) in self.documents.iter().zip(&granted) {
            document.evaluate(review, granted, &mut failures);
        }
        failures.verdict().with_policy(Arc::clone(&self.identity))
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        let modes = self.about(review).map(|document| document.modes);
        modes.reduce(Modes::strongest).unwrap_or(
            Modes::default()
                .with_unreadable_references(Mode::Audit)
                .with_unreadable_object(Mode::Audit)
                .with_unchanged(Mode::Audit),
        )
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        for document in &self.documents {
            document.needs(review, needs);
        }
    }
}

/// What the documents have used so far: names, which are unique, and memory for regular expressions.
#[derive(Default)]
struct Taken {
    documents: BTreeSet<Name>,
    resources: Vec<workload::CustomResource>,
    known_resources: Vec<KnownResources>,
    rules: BTreeMap<Name, Arc<str>>,
    exemptions: BTreeMap<Name, Arc<str>>,
    regexes: RegexBudget,
}

impl CompiledDocument {
    fn compile(
        declared: Document,
        files: &PolicyFiles,
        taken: &mut Taken,
        problems: &mut Problems,
    ) -> Option<Self> {
        taken.documents.insert(declared.metadata.name);
        let mode = declared.mode.unwrap_or_default();
        let scope = problems.within(format_args!(".scope"), |problems| {
            Scope::compile(declared.scope, problems)
        });
        for (index, resource) in declared.custom_resources.into_iter().flatten().enumerate() {
            let segment = format_args!(".customResources[{index}]");
            let resource = problems.within(segment, |problems| resource.compile(problems));
            taken.resources.extend(resource);
        }
        let known = declared.known_resources.into_iter().flatten();
        taken.known_resources.extend(known);
        #[cfg(feature = "mutation")]
        let mutations = declared.mutations.map_or_else(Mutations::new, |mutations| {
            problems.within(format_args!(".mutations"), |problems| {
                mutations::compile(mutations, problems)
            })
        });
        #[cfg(not(feature = "mutation"))]
        if let Some(mutations) = declared.mutations {
            problems.within(format_args!(".mutations"), |problems| {
                problems.add(
                    mutations.position,
                    "this build cannot apply mutations (the feature \"mutation\" is off)",
                );
            });
        }
        let rule_names: BTreeSet<Name> = declared
            .rules
            .iter()
            .map(|rule| rule.name.clone())
            .collect();
        let mut rules = Vec::new();
        for (index, rule) in declared.rules.into_iter().enumerate() {
            problems.within(format_args!(".rules[{index}]"), |problems| {
                if rule.name.is_reserved() {
                    let message = format!("the name {:?} is that of a built-in rule", rule.name.0);
                    problems.add(rule.position, message);
                }
                take_name(&mut taken.rules, &rule.name, rule.position, problems);
                rules.extend(Rule::compile(
                    rule,
                    mode,
                    files,
                    &mut taken.regexes,
                    problems,
                ));
            });
        }
        let mut exemptions = Vec::new();
        for (index, exemption) in declared.exemptions.into_iter().flatten().enumerate() {
            problems.within(format_args!(".exemptions[{index}]"), |problems| {
                let position = exemption.position;
                take_name(&mut taken.exemptions, &exemption.name, position, problems);
                let Some(exemption) = Exemption::compile(exemption, problems) else {
                    return;
                };
                // An exemption covers rules of its own document only.
                for name in exemption.rules() {
                    if !rule_names.contains(name) {
                        let message =
                            format!("this document has no rule {:?} to be exempt from", name.0);
                        problems.add(position, message);
                    }
                }
                exemptions.push(exemption);
            });
        }
        Some(Self {
            modes: modes(
                mode,
                declared.unreadable_references,
                declared.unchanged_images,
            ),
            #[cfg(feature = "mutation")]
            mutations,
            scope: scope?,
            rules,
            exemptions,
        })
    }

    /// The exemptions that are granted for a review.
    fn granted(&self, review: &Review<'_>) -> Vec<&Exemption> {
        let exemptions = self.exemptions.iter();
        exemptions
            .filter(|exemption| exemption.is_granted(review))
            .collect()
    }

    /// Whether registries are asked of images that an update does not change. They are if one could be
    /// denied, and not for a warning: what runs already must not need a registry to be updated.
    fn asks_of_unchanged(&self) -> bool {
        self.modes.unchanged() == Mode::Enforce
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        if self.scope.admits_review(review).is_err() {
            return;
        }
        let granted = self.granted(review);
        let is_exempt = |rule: &Rule, image: &Image<'_>| {
            let mut exemptions = granted.iter();
            exemptions
                .any(|exemption| exemption.covers_rule(&rule.name) && exemption.covers_image(image))
        };
        for rule in &self.rules {
            if !rule.uses_facts() || rule.scope.admits_review(review).is_err() {
                continue;
            }
            for image in review.images() {
                if self.scope.admits_image(image).is_ok()
                    && rule.scope.admits_image(image).is_ok()
                    && !is_exempt(rule, image)
                {
                    rule.needs(review, image, self.asks_of_unchanged(), needs);
                }
            }
        }
    }

    /// The review for each rule.
    fn asked<'r>(&'r self, review: &'r Review<'r>, granted: &'r [&'r Exemption]) -> Vec<Asked<'r>> {
        let rules = self.rules.iter();
        rules
            .map(|rule| self.asked_of(rule, review, granted))
            .collect()
    }

    fn asked_of<'r>(
        &'r self,
        rule: &'r Rule,
        review: &'r Review<'r>,
        granted: &'r [&'r Exemption],
    ) -> Asked<'r> {
        let scopes = [&self.scope, &rule.scope];
        let share = rule.share();
        Asked::about(review, scopes, self.asks_of_unchanged(), share, granted)
    }

    fn evaluate<'r>(
        &'r self,
        review: &'r Review<'r>,
        granted: &'r [&'r Exemption],
        failures: &mut Failures<'r>,
    ) {
        if self.scope.admits_review(review).is_err() {
            return;
        }
        for rule in &self.rules {
            if rule.scope.admits_review(review).is_err() {
                continue;
            }
            let asked = self.asked_of(rule, review, granted);
            for image in review.images() {
                if asked.admits(image).is_err() {
                    continue;
                }
                let exemption = LazyCell::new(|| asked.exemption(&rule.name, image));
                for finding in rule.failures(&asked, image) {
                    let failure = Failure::new(rule, finding, review, image);
                    failures.push(failure.in_modes(self.modes), *exemption);
                }
            }
        }
    }

    /// What each rule found for one image.
    fn explain(&self, asked: &[Asked<'_>], review: &Review<'_>, image: &Image<'_>) -> Vec<Step> {
        let document = self.scope.admits_review(review);
        let mut steps = Vec::new();
        for (rule, asked) in self.rules.iter().zip(asked) {
            let in_scope = document
                .and_then(|()| rule.scope.admits_review(review))
                .and_then(|()| asked.admits(image));
            let judged = match in_scope {
                Err(out) => vec![Judged::out_of_scope(out)],
                Ok(()) => rule.judge(asked, image),
            };
            let exemption = LazyCell::new(|| asked.exemption(&rule.name, image));
            for mut judged in judged {
                if judged.outcome == Outcome::Violated {
                    let mut exemptions = self.exemptions.iter();
                    if let Some(exemption) = *exemption {
                        judged.exempt(&exemption.shared_name, &exemption.reason);
                    } else if let Some(expired) =
                        exemptions.find_map(|one| one.expired(&rule.name, review, image))
                    {
                        judged.add(&expired);
                    }
                }
                steps.push(rule.step(judged));
            }
        }
        steps
    }

    /// The steps that each rule takes for the largest review, at most.
    fn most_steps(&self, rule: &Rule) -> u64 {
        let exemptions = self.exemptions.iter();
        let covering = exemptions.filter(|exemption| exemption.covers_rule(&rule.name));
        let exemptions = covering.map(|exemption| {
            let images = exemption.image_steps(Lengths::LONGEST);
            images.saturating_mul(ENTRIES_LIMIT as u64)
        });
        exemptions.fold(rule.most_steps(&self.scope), u64::saturating_add)
    }

    /// The steps that it takes for the largest review at most, beside those that its rules have a share of:
    /// its scopes and exemptions.
    fn own_steps(&self) -> u64 {
        let exemptions = self.exemptions.iter().map(Exemption::review_steps);
        let rules = self.rules.iter().map(|rule| rule.scope.review_steps());
        // That of the document is looked at for the modes and the mutations too.
        let scope = self.scope.review_steps().saturating_mul(3);
        exemptions.chain(rules).fold(scope, u64::saturating_add)
    }
}

/// The modes of a document: what is declared, capped at its mode.
fn modes(mode: Mode, unreadable_references: Option<Mode>, unchanged: Option<Mode>) -> Modes {
    Modes::default()
        .with_unreadable_references(unreadable_references.unwrap_or(mode).min(mode))
        .with_unreadable_object(mode)
        .with_unchanged(unchanged.unwrap_or(Mode::Warn).min(mode))
}

/// Gives each rule its share of the [`STEPS_LIMIT`]: as many steps as the largest review takes it, and
/// where those of all rules are too many, the expensive ones as many as each other.
fn share_steps(documents: &mut [CompiledDocument]) {
    let mut rules: Vec<(u64, usize, usize)> = Vec::new();
    for (d, document) in documents.iter().enumerate() {
        let steps = document.rules.iter().map(|rule| document.most_steps(rule));
        rules.extend(steps.enumerate().map(|(r, most)| (most, d, r)));
    }
    rules.sort_unstable();
    let own = documents.iter().map(CompiledDocument::own_steps);
    let mut left = STEPS_LIMIT.saturating_sub(own.fold(0, u64::saturating_add));
    let mut count = rules.len() as u64;
    for (most, document, rule) in rules {
        let share = most.min(left / count);
        documents[document].rules[rule].set_share(share);
        left -= share;
        count -= 1;
    }
}

fn take_name(
    taken: &mut BTreeMap<Name, Arc<str>>,
    name: &Name,
    position: problem::Position,
    problems: &mut Problems,
) {
    let location: Arc<str> = format!("{}:{}", problems.source(), position.line).into();
    if let Some(first) = taken.insert(name.clone(), location) {
        problems.add(
            position,
            format!("the name {:?} is taken at {first}", name.0),
        );
    }
}
