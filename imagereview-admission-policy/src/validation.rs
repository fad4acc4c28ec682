//! A document as validating policies: one for each mode that its violations have.

use imagereview_core::{
    Mode,
    document::{DocumentOutline, RuleOutline},
};

use crate::{
    cel::{Condition, string},
    cost::{
        EXPRESSION_LENGTH_LIMIT, EXPRESSION_LIMIT, LEAST_IMAGES, OBJECT_LIMIT, POLICY_LIMIT, STEP,
    },
    exemption::{Exemption, exemptions},
    kinds::{self, Custom},
    message::LOCATION,
    object::{
        AuditAnnotation, Named, PolicyCost, ResourceRule, ValidatingPolicy, Validation,
        ValidationAction,
    },
    options::Options,
    reading::{self, Judged, Needs, Variable},
    refusal::Refusal,
    rule::Rule,
    scope,
};

/// Updates that leave the spec alone (labels, finalizers, owner references) change no image. The webhooks that
/// `imagereview init` registers aren't asked about them either.
const SPEC_CHANGES: &str = "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec";

/// The most match conditions of a policy (`validateMatchConditions` of Kubernetes).
const MAX_MATCH_CONDITIONS: usize = 64;

/// A rule that can be said, with its exemptions.
struct Compiled<'o> {
    outline: &'o RuleOutline,
    rule: Rule,
    exemptions: Vec<Exemption<'o>>,
}

/// The policies of a document, and what can't be said of it.
pub(crate) fn policies(
    document: &DocumentOutline,
    customs: &[Custom],
    identity: &str,
    options: Options,
) -> (Vec<ValidatingPolicy>, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let refuse_document = |reason: String| {
        let subject = format!("document \"{}\"", document.name);
        Refusal::new(&document.source, document.line, subject, reason)
    };
    let doc_images = match scope::of_image(&document.scope) {
        Ok(condition) => condition,
        Err(reason) => {
            return (
                Vec::new(),
                vec![refuse_document(format!("scope: {reason}"))],
            );
        }
    };
    let mut compiled = Vec::new();
    for outline in &document.rules {
        let rule = Rule::compile(outline).and_then(|rule| {
            if rule.max_images.is_some() && !doc_images.is(true) {
                return Err("maxImages is about a whole object, and the scope of the document about some images".into());
            }
            let exemptions = exemptions(document, outline)?;
            let compiled = Compiled {
                outline,
                rule,
                exemptions,
            };
            compiled.checked(&doc_images)?;
            Ok(compiled)
        });
        match rule {
            Ok(rule) => compiled.push(rule),
            Err(reason) => {
                let subject = format!("rule \"{}\"", outline.name);
                refusals.push(Refusal::new(
                    &document.source,
                    outline.line,
                    subject,
                    reason,
                ));
            }
        }
    }
    let mut policies = Vec::new();
    for mode in [Mode::Enforce, Mode::Warn, Mode::Audit] {
        let builder = Builder {
            document,
            identity,
            options,
            mode,
            customs,
            doc_images: &doc_images,
            rules: &compiled,
        };
        match builder.policy() {
            Ok(policy) => policies.extend(policy),
            Err(reason) => {
                // What concerns the document is the same in each mode.
                let refusal = refuse_document(reason);
                if !refusals.contains(&refusal) {
                    refusals.push(refusal);
                }
            }
        }
    }
    (policies, refusals)
}

impl Compiled<'_> {
    /// The variable that has the images which fail.
    fn variable(&self) -> String {
        format!("failed_{}", self.outline.name.replace('-', "_"))
    }

    /// The variable of those that exemptions do not cover yet.
    fn broken(&self) -> String {
        format!("broke_{}", self.outline.name.replace('-', "_"))
    }

    fn condition(&self, doc_images: &Condition) -> Condition {
        Condition::all([
            doc_images.clone(),
            self.rule.image_in_scope.clone(),
            self.rule.fails.clone(),
        ])
    }

    fn covers(&self) -> Condition {
        Condition::any(self.exemptions.iter().map(|one| one.covers.clone()))
    }

    /// Whether the API server evaluates it for enough images.
    fn checked(&self, doc_images: &Condition) -> Result<(), String> {
        let conditions = [
            self.condition(doc_images),
            self.covers(),
            self.rule.in_scope.clone(),
        ];
        for condition in conditions {
            let len = condition.to_string().chars().count();
            if len > EXPRESSION_LENGTH_LIMIT - 1000 {
                return Err(format!(
                    "its patterns make an expression of {len} characters, and the API server reads at most \
                     {EXPRESSION_LENGTH_LIMIT}; make several rules of it, or leave it to the webhook"
                ));
            }
            let images = EXPRESSION_LIMIT / (condition.cost() + STEP);
            if images < LEAST_IMAGES {
                return Err(format!(
                    "its patterns cost the API server {} for an image with the longest names, so it would stop after {images} \
                     images, and an object may have {LEAST_IMAGES}; leave the rule to the webhook",
                    condition.cost()
                ));
            }
        }
        Ok(())
    }
}

struct Builder<'o> {
    document: &'o DocumentOutline,
    identity: &'o str,
    options: Options,
    mode: Mode,
    customs: &'o [Custom],
    doc_images: &'o Condition,
    rules: &'o [Compiled<'o>],
}

/// Which images of an update a rule judges in a mode.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Which {
    new: bool,
    unchanged: bool,
}

impl Builder<'_> {
    /// Which images violate something in this mode that has the mode `declared`.
    fn which(&self, declared: Mode) -> Which {
        Which {
            new: declared == self.mode,
            unchanged: declared.min(self.document.modes.unchanged()) == self.mode,
        }
    }

    /// The policy of this mode; `None` where nothing has it.
    fn policy(&self) -> Result<Option<ValidatingPolicy>, String> {
        let any = |which: &Which| which.new || which.unchanged;
        let unreadable = Some(self.which(self.document.modes.unreadable_references())).filter(any);
        let of_rule = |rule: &Compiled<'_>| self.which(rule.outline.mode);
        let rules: Vec<_> = self
            .rules
            .iter()
            .map(|rule| (rule, of_rule(rule)))
            .filter(|(_, which)| any(which))
            .collect();
        let all = unreadable
            .iter()
            .chain(rules.iter().map(|(_, which)| which));
        let mut all = all.copied();
        let Some(first) = all.next() else {
            return Ok(None);
        };
        let judged = if all.any(|which| which != first) {
            Judged::Both
        } else {
            match (first.new, first.unchanged) {
                (true, true) => Judged::All,
                (true, false) => Judged::New,
                _ => Judged::Unchanged,
            }
        };
        let mut variables = reading::variables(
            self.customs,
            self.judged(judged),
            self.needs(),
            self.options.kubernetes,
        )?;
        let mut validations = Vec::new();
        let mut failed = Vec::new();
        let mut exempted = Vec::new();
        if let Some(which) = unreadable {
            validations.push(self.unreadable(judged, which, &mut failed));
        }
        for (rule, which) in &rules {
            self.rule(rule, *which, judged, &mut variables, &mut validations);
            failed.push((rule.variable(), rule.outline.name.to_string()));
            exempted.extend(Self::exempted(rule));
        }
        failed.sort_by(|one, other| one.1.cmp(&other.1));
        let audit_annotations = self.annotations(&failed, &exempted, &mut variables);
        self.assembled(variables, validations, audit_annotations)
            .map(Some)
    }

    /// The counts of images that a rule needs are of both kinds.
    fn judged(&self, judged: Judged) -> Judged {
        let counts = self.rules.iter().any(|rule| rule.rule.max_images.is_some());
        if judged == Judged::All && counts {
            Judged::Both
        } else {
            judged
        }
    }

    fn needs(&self) -> Needs {
        let mut texts = vec![self.doc_images.to_string()];
        for rule in self.rules {
            texts.push(rule.condition(self.doc_images).to_string());
            texts.push(rule.covers().to_string());
            texts.push(rule.rule.in_scope.to_string());
        }
        let scopes = scope::of_request(&self.document.scope).unwrap_or_default();
        texts.extend(scopes.iter().map(|(_, condition)| condition.to_string()));
        let uses = |name: &str| texts.iter().any(|text| text.contains(name));
        Needs {
            short: uses("image.short"),
            broad: uses("image.broad"),
            annotations: uses("variables.annotations"),
        }
    }

    /// Only the images that are judged, where others are in the list too.
    fn of_state(&self, which: Which, judged: Judged) -> Condition {
        let state = match (self.judged(judged), which.new, which.unchanged) {
            (Judged::Both, true, false) => "new",
            (Judged::Both, false, true) => "unchanged",
            _ => return Condition::constant(true),
        };
        Condition::new(format!("image.state == '{state}'"), STEP)
    }

    fn unreadable(
        &self,
        judged: Judged,
        which: Which,
        failed: &mut Vec<(String, String)>,
    ) -> Validation {
        let of_state = self.of_state(which, judged);
        let list = if of_state.is(true) {
            "variables.unreadable".to_owned()
        } else {
            format!("variables.unreadable.filter(image, {of_state})")
        };
        failed.push((
            list.trim_start_matches("variables.").to_owned(),
            "unreadable-reference".into(),
        ));
        let quoted = "strings.quote(image.written.size() > 160 ? image.written.substring(0, 160) + '…' : image.written)";
        let reason = string(
            "it is no image reference, or one that the node and other programs read differently",
        );
        Validation {
            comment: "unreadable-reference, in every policy".into(),
            expression: format!("size({list}) == 0"),
            message_expression: message(&list, quoted, "unreadable-reference", &reason),
            message: "an image reference can't be read".into(),
            reason: REASON,
        }
    }

    fn rule(
        &self,
        compiled: &Compiled<'_>,
        which: Which,
        judged: Judged,
        variables: &mut Vec<Variable>,
        validations: &mut Vec<Validation>,
    ) {
        let Compiled {
            outline,
            rule,
            exemptions,
        } = compiled;
        let name = compiled.variable();
        let of_state = self.of_state(which, judged);
        let (images, cost) = match rule.max_images {
            None => {
                let condition = Condition::all([of_state, compiled.condition(self.doc_images)]);
                let list = format!("variables.references.filter(image,\n  {condition}\n)");
                (list, condition.cost() + STEP)
            }
            Some(max) => (self.too_many(max, which), 3 * STEP),
        };
        let images = if rule.in_scope.is(true) {
            images
        } else {
            format!("!({}) ? [] :\n({images})", rule.in_scope)
        };
        let description = outline.description.as_deref();
        let comment = format!("The images that fail {}.", outline.name);
        if exemptions.is_empty() {
            variables.push(Variable::new(&name, &comment, images).costing(cost));
        } else {
            let covers = compiled.covers();
            variables.push(
                Variable::new(
                    &compiled.broken(),
                    &format!("{comment} Some may be exempt."),
                    images,
                )
                .costing(cost),
            );
            let left = format!(
                "variables.{}.filter(image,\n  {}\n)",
                compiled.broken(),
                covers.clone().not()
            );
            let names: Vec<&str> = exemptions.iter().map(|one| &*one.outline.name).collect();
            let comment = format!("Those that are not exempt ({}).", names.join(", "));
            variables.push(Variable::new(&name, &comment, left).costing(covers.cost() + STEP));
        }
        let list = format!("variables.{name}");
        let reason = match rule.max_images {
            None => rule.reason.clone(),
            Some(_) if outline.message.is_some() => rule.reason.clone(),
            Some(max) => format!(
                "'the review has ' + string(size(variables.images)) + ' images, and may have {max}'{}",
                rule.reason
            ),
        };
        let about = format!(
            "{} ({}:{})",
            outline.name, self.document.source, outline.line
        );
        validations.push(Validation {
            comment: match description {
                None => about,
                Some(description) => format!("{about}: {description}"),
            },
            expression: format!("size({list}) == 0"),
            message_expression: message(
                &list,
                "'\"' + image.written + '\"'",
                &outline.name,
                &reason,
            ),
            message: format!("an image breaks rule \"{}\"", outline.name),
            reason: REASON,
        });
    }

    /// The images of an object that has more than it may: new ones come last.
    fn too_many(&self, max: usize, which: Which) -> String {
        let new = format!(
            "size(variables.images) > {max} ? variables.references{} : []",
            self.only("new")
        );
        // Among those that were there before the order decides. Nothing but a container's name says where it is.
        let is_beyond = if self.customs.is_empty() {
            format!(
                ".filter(image, variables.unchangedImages.map(one, one.list + '/' + one.container).indexOf(\n  \
                 image.list + '/' + image.container) >= {max})"
            )
        } else {
            String::new()
        };
        let unchanged = format!(
            "size(variables.unchangedImages) > {max} ? variables.references{}{is_beyond} : []",
            self.only("unchanged")
        );
        match (which.new, which.unchanged) {
            (true, true) => format!("({new}) +\n({unchanged})"),
            (true, false) => new,
            _ => unchanged,
        }
    }

    /// The filter of a state, where others are in the list too.
    fn only(&self, state: &str) -> String {
        let modes = self.rules.iter().map(|rule| self.which(rule.outline.mode));
        let unreadable = self.which(self.document.modes.unreadable_references());
        let mut all = modes
            .chain([unreadable])
            .filter(|which| which.new || which.unchanged);
        let is_new = state == "new";
        if all.all(|which| which.new == is_new && which.unchanged != is_new) {
            String::new()
        } else {
            format!(".filter(image, image.state == '{state}')")
        }
    }

    /// What is recorded of exemptions from a rule: the text, and when.
    fn exempted(compiled: &Compiled<'_>) -> Vec<String> {
        let mut earlier: Vec<Condition> = Vec::new();
        let mut all = Vec::new();
        for exemption in &compiled.exemptions {
            let first = Condition::all([
                exemption.covers.clone(),
                Condition::any(earlier.iter().cloned()).not(),
            ]);
            earlier.push(exemption.covers.clone());
            let outline = exemption.outline;
            let text = format!(
                "{} ({}): {}",
                outline.name, compiled.outline.name, outline.reason
            );
            all.push(format!(
                "variables.{}.exists(image, {first}) ? {} : ''",
                compiled.broken(),
                string(&text.replace(['\n', '\r'], " "))
            ));
        }
        all
    }

    fn annotations(
        &self,
        failed: &[(String, String)],
        exempted: &[String],
        variables: &mut Vec<Variable>,
    ) -> Vec<AuditAnnotation> {
        let failed: Vec<String> = failed
            .iter()
            .map(|(list, name)| format!("size(variables.{list}) > 0 ? {} : ''", string(name)))
            .collect();
        let joined =
            |texts: &[String]| format!("[\n  {}\n].filter(name, name != '')", texts.join(",\n  "));
        variables.push(Variable::new(
            "failedRules",
            "For the audit log.",
            joined(&failed),
        ));
        let mut annotations = vec![
            AuditAnnotation {
                key: "policy",
                value_expression: string(self.identity),
            },
            AuditAnnotation {
                key: match self.mode {
                    Mode::Enforce => "denied-by",
                    Mode::Warn => "warned-by",
                    Mode::Audit => "audited-by",
                },
                value_expression: "variables.failedRules.join(',')".into(),
            },
        ];
        if !exempted.is_empty() {
            variables.push(Variable::new("exemptions", "", joined(exempted)));
            annotations.push(AuditAnnotation {
                key: "exempted-by",
                value_expression: "variables.exemptions.join('; ')".into(),
            });
        }
        annotations
    }

    fn assembled(
        &self,
        variables: Vec<Variable>,
        validations: Vec<Validation>,
        audit_annotations: Vec<AuditAnnotation>,
    ) -> Result<ValidatingPolicy, String> {
        let too_long = variables
            .iter()
            .map(|variable| &variable.named)
            .find(|named| named.expression.chars().count() > EXPRESSION_LENGTH_LIMIT);
        if let Some(named) = too_long {
            return Err(format!(
                "the variable {} would have more than {EXPRESSION_LENGTH_LIMIT} characters",
                named.name
            ));
        }
        let cost = Self::cost(&variables, validations.len() as u64);
        if cost.images < LEAST_IMAGES {
            return Err(format!(
                "its rules cost the API server {} for an image with the longest names, so it would stop after {} images, \
                 and an object may have {LEAST_IMAGES}; make several documents of it, or leave it to the webhook",
                cost.image, cost.images
            ));
        }
        let suffix = match self.mode {
            Mode::Enforce => "",
            Mode::Warn => ".warn",
            Mode::Audit => ".audit",
        };
        let ending = if self.options.is_static {
            ".static.k8s.io"
        } else {
            ""
        };
        let mut policy = ValidatingPolicy {
            comment: self.comment(&cost),
            name: format!("imagereview-{}{suffix}{ending}", self.document.name),
            // A rule that only warns never stops a request.
            fails_closed: self.mode == Mode::Enforce,
            resource_rules: resource_rules(self.customs),
            match_conditions: self.match_conditions()?,
            variables: variables
                .into_iter()
                .map(|variable| variable.named)
                .collect(),
            validations,
            audit_annotations,
            actions: match self.mode {
                Mode::Enforce => vec![ValidationAction::Deny],
                Mode::Warn => vec![ValidationAction::Warn, ValidationAction::Audit],
                Mode::Audit => vec![ValidationAction::Audit],
            },
            cost,
        };
        policy.cost.bytes = policy.to_yaml().len();
        if policy.cost.bytes > OBJECT_LIMIT && !self.options.is_static {
            return Err(format!(
                "it would have {} bytes, and the API server stores at most {OBJECT_LIMIT}; make several documents of it, \
                 or compile it with --static",
                policy.cost.bytes
            ));
        }
        Ok(policy)
    }

    fn cost(variables: &[Variable], validations: u64) -> PolicyCost {
        let per_image = variables.iter().map(|variable| variable.per_image);
        let all = per_image.clone().fold(0, u64::saturating_add);
        let expression = per_image.max().unwrap_or_default();
        // Validations, and once more for their messages, of which each says where its first image is.
        let image = all.saturating_mul(2).saturating_add(validations * STEP);
        let fixed =
            variables.iter().map(|variable| variable.fixed).sum::<u64>() * 2 + validations * 2000;
        // An update compares each image with each.
        let most = 250;
        let images = most
            .min(EXPRESSION_LIMIT / expression.max(1))
            .min(POLICY_LIMIT.saturating_sub(fixed) / image.max(1));
        PolicyCost {
            image,
            expression,
            fixed,
            images,
            bytes: 0,
        }
    }

    fn comment(&self, cost: &PolicyCost) -> String {
        let document = self.document;
        let mode = match self.mode {
            Mode::Enforce => "Denies what breaks its rules",
            Mode::Warn => "Warns of what breaks its rules",
            Mode::Audit => "Records what breaks its rules in the audit log",
        };
        format!(
            "{mode}, in the mode {} of the document \"{}\" ({}:{}).\nCompiled by imagereview for Kubernetes {} and later; \
             change the document, and compile it again.\nFor each image it costs at most {} of the {POLICY_LIMIT} that a policy may \
             cost, so an object may have {} images with the longest names, and more with ordinary ones.",
            self.mode,
            document.name,
            document.source,
            document.line,
            self.options.kubernetes,
            cost.image,
            cost.images
        )
    }

    fn match_conditions(&self) -> Result<Vec<Named>, String> {
        let mut conditions = Vec::new();
        let mut add = |name: &str, comment: &str, expression: String| {
            let taken = conditions
                .iter()
                .filter(|one: &&Named| one.name.starts_with(name))
                .count();
            conditions.push(Named {
                comment: comment.into(),
                name: if taken == 0 {
                    name.into()
                } else {
                    format!("{name}-{}", taken + 1)
                },
                expression,
            });
        };
        if !self.customs.is_empty() {
            add(
                "kinds-with-images",
                "",
                kinds::has_images(self.customs).to_string(),
            );
        }
        add(
            "spec-changes",
            "An update that leaves the spec alone changes no image.",
            SPEC_CHANGES.into(),
        );
        let scope =
            scope::of_request(&self.document.scope).map_err(|reason| format!("scope: {reason}"))?;
        for (name, condition) in scope {
            // Match conditions know no variables.
            let text = condition.to_string();
            let annotations = format!("({})", kinds::annotations(self.customs).replace('\n', " "));
            add(
                name,
                "The scope of the document.",
                text.replace("variables.annotations", &annotations),
            );
        }
        if conditions.len() > MAX_MATCH_CONDITIONS {
            return Err(format!(
                "its scope needs {} match conditions, and a policy may have {MAX_MATCH_CONDITIONS}",
                conditions.len()
            ));
        }
        Ok(conditions)
    }
}

/// The reason that goes with a denial: the status code 403.
const REASON: &str = "Forbidden";

/// What is said of the first image of a list, and how many more there are.
fn message(list: &str, image: &str, rule: &str, reason: &str) -> String {
    format!(
        "size({list}) == 0 ? '' :\n[{list}[0]].map(image,\n  'image check failed: image ' + {image} + ' (' +\n  \
         (image.container == '' ? '' : 'container \"' + image.container + '\", ') +\n  {LOCATION} +\n  {} +\n  {reason}\n)[0] +\n\
         (size({list}) > 1 ? '; and ' + string(size({list}) - 1) + ' more' : '')",
        string(&format!(") breaks rule \"{rule}\": "))
    )
}

/// Every kind that has a pod spec, and all resources of the groups with custom ones. A subresource matches only where it
/// is named.
pub(crate) fn resource_rules(customs: &[Custom]) -> Vec<ResourceRule> {
    let rule = |group: &str, version: &str, resources: &[&str], operations: &[&'static str]| {
        ResourceRule {
            api_groups: vec![group.into()],
            api_versions: vec![version.into()],
            resources: resources.iter().map(ToString::to_string).collect(),
            operations: operations.to_vec(),
        }
    };
    let created_or_updated = &["CREATE", "UPDATE"];
    let mut rules = vec![
        rule(
            "",
            "v1",
            &["pods", "podtemplates", "replicationcontrollers"],
            created_or_updated,
        ),
        rule("", "v1", &["pods/ephemeralcontainers"], &["UPDATE"]),
        rule(
            "apps",
            "v1",
            &["deployments", "replicasets", "statefulsets", "daemonsets"],
            created_or_updated,
        ),
        rule("batch", "v1", &["jobs", "cronjobs"], created_or_updated),
    ];
    for custom in customs {
        let version = custom.version().unwrap_or("*");
        let one = rule(custom.group(), version, &["*"], created_or_updated);
        if !rules.contains(&one) {
            rules.push(one);
        }
    }
    rules
}
