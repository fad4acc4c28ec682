//! The variables that read the images of an object as the node reads them.

use crate::{
    cel::strings,
    cost::{self, FIELD, MAP_FIELD, STEP},
    kinds::{self, Custom},
    kubernetes_version::KubernetesVersion,
    object::Named,
    pattern::DOCKER_HUB_HOSTS,
};

/// A variable, and what it costs: for each image, and whatever the images.
pub(crate) struct Variable {
    pub(crate) named: Named,
    pub(crate) per_image: u64,
    pub(crate) fixed: u64,
}

impl Variable {
    pub(crate) fn new(name: &str, comment: &str, expression: String) -> Self {
        Self {
            named: Named {
                comment: comment.into(),
                name: name.into(),
                expression,
            },
            per_image: 0,
            fixed: 500,
        }
    }

    pub(crate) fn costing(mut self, per_image: u64) -> Self {
        self.per_image = per_image;
        self
    }
}

/// Which images of an update a policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    All,
    New,
    Unchanged,
    /// Some rules are about new ones only, others about unchanged ones only.
    Both,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// Official images of Docker Hub by their short name, where an exact pattern has one.
    pub(crate) short: bool,
    /// The broad reading of deny patterns.
    pub(crate) broad: bool,
    /// The annotations of the pods that result.
    pub(crate) annotations: bool,
}

/// What is known of an image before its reference is read.
const FIELDS: [&str; 4] = ["written", "container", "kind", "list"];

/// The longest reference, in bytes: host, path, tag and digest.
const LONGEST: &str = "size(image.written) <= 800";

const LABEL: &str = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const H: &str = "[0-9a-fA-F]{1,4}";

/// A host with the `/` behind it, or nothing.
fn host_expression() -> String {
    let mut ipv6 = vec![format!("(?:{H}:){{7}}{H}"), format!("(?:{H}:){{1,7}}:")];
    for tail in 1..=6 {
        let head = 7 - tail;
        ipv6.push(format!("(?:{H}:){{1,{head}}}(?::{H}){{1,{tail}}}"));
    }
    ipv6.push(format!(":(?:(?::{H}){{1,7}}|:)"));
    let ipv6 = ipv6.join("|");
    format!("^(?:(?:(?:{LABEL})(?:\\.(?:{LABEL}))*(?::[0-9]+)?|\\[(?:{ipv6})\\](?::[0-9]+)?)/)?$")
}

/// A path with its tag and digest.
const REST: &str = "^[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*(?::[0-9A-Za-z_][0-9A-Za-z_.-]{0,127})?(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?$";

/// What could be the identifier of an image: the node refuses it, or looks for it among the images that it holds.
const IDENTIFIER: &str = "^(?:[a-f0-9]{64}|sha(?:256|384|512):[0-9A-Fa-f]+)$";

fn map(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("  '{name}': {value}"))
        .collect();
    format!("{{\n{}\n}}", entries.join(",\n"))
}

/// The fields as they were, and others.
fn carrying(fields: &[&str], others: &[(&str, String)]) -> String {
    let same = fields.iter().map(|name| (*name, format!("image.{name}")));
    let all: Vec<(&str, String)> = same.chain(others.iter().cloned()).collect();
    map(&all)
}

/// The variables up to `references` and `unreadable`.
pub(crate) fn variables(
    customs: &[Custom],
    judged: Judged,
    needs: Needs,
    kubernetes: KubernetesVersion,
) -> Result<Vec<Variable>, String> {
    let mut all = images(customs, needs, kubernetes)?;
    let per_image = FIELD + MAP_FIELD * 6 + STEP;
    let counts = "variables.images.filter(one, one == image).size() > variables.oldImages.filter(one, one == image).size()";
    let is_new = if customs.is_empty() {
        "!(image in variables.oldImages)"
    } else {
        counts
    };
    let new = format!(
        "request.operation != 'UPDATE' ? variables.images :\nvariables.images.filter(image, {is_new})"
    );
    let unchanged = "variables.images.filter(image, image in variables.oldImages)";
    let state = |state: &str, list: &str| {
        format!(
            "{list}.map(image, {})",
            carrying(&FIELDS, &[("state", format!("'{state}'"))])
        )
    };
    if judged != Judged::All {
        all.push(
            Variable::new(
                "newImages",
                "Those that are not in the object before the update: the same text in the same container.",
                new,
            )
            .costing(per_image * 4),
        );
        all.push(
            Variable::new(
                "unchangedImages",
                "Those that are in it before the update, as they are now.",
                unchanged.into(),
            )
            .costing(per_image * 4),
        );
    }
    let (reviewed, mut fields) = match judged {
        Judged::All => ("variables.images".to_owned(), FIELDS.to_vec()),
        Judged::New => ("variables.newImages".to_owned(), FIELDS.to_vec()),
        Judged::Unchanged => ("variables.unchangedImages".to_owned(), FIELDS.to_vec()),
        Judged::Both => {
            let both = format!(
                "{} +\n{}",
                state("new", "variables.newImages"),
                state("unchanged", "variables.unchangedImages")
            );
            all.push(
                Variable::new("reviewedImages", "Both, and which each is.", both)
                    .costing(2 * per_image),
            );
            let fields = FIELDS.iter().copied().chain(["state"]).collect();
            ("variables.reviewedImages".to_owned(), fields)
        }
    };
    all.extend(split(&reviewed, &fields));
    all.extend(references(&fields, needs));
    fields.clear();
    Ok(all)
}

/// Where the images are.
fn images(
    customs: &[Custom],
    needs: Needs,
    kubernetes: KubernetesVersion,
) -> Result<Vec<Variable>, String> {
    let mut all = vec![
        Variable::new(
            "podSpecPath",
            "Where the pod is in an object of this kind.",
            kinds::pod_spec_path(),
        ),
        Variable::new("podSpec", "", kinds::pod_spec("object")),
        Variable::new("oldPodSpec", "", kinds::pod_spec("oldObject")),
    ];
    if needs.annotations {
        all.push(Variable::new(
            "annotations",
            "The annotations of the pod.",
            kinds::annotations(customs),
        ));
    }
    let mut new = String::new();
    let mut old = String::new();
    for custom in customs {
        let name = custom.name();
        let about = |what: &str| {
            format!(
                "The images of a {} of {}{what}.",
                custom.kind(),
                custom.group()
            )
        };
        all.push(
            Variable::new(&name, &about(""), custom.images("object", kubernetes)?)
                .costing(FIELD + MAP_FIELD * 6 + STEP),
        );
        let old_name = format!("old_{name}");
        all.push(
            Variable::new(
                &old_name,
                &about(" before the update"),
                custom.images("oldObject", kubernetes)?,
            )
            .costing(FIELD + MAP_FIELD * 6 + STEP),
        );
        let condition = custom.condition();
        new.extend([
            &*condition,
            " ? variables.",
            &name,
            " :
",
        ]);
        old.extend([
            &*condition,
            " ? variables.",
            &old_name,
            " :
",
        ]);
    }
    new.push_str(&kinds::builtin_images("variables.podSpec"));
    old.push_str(&kinds::builtin_images("variables.oldPodSpec"));
    let per_image = FIELD + MAP_FIELD * 6 + STEP;
    all.push(
        Variable::new(
            "images",
            "Every image of the object: its text, and where it is.",
            new,
        )
        .costing(per_image),
    );
    all.push(
        Variable::new(
            "oldImages",
            "Every image of the object before an update.",
            format!("request.operation != 'UPDATE' ? [] :\n{old}"),
        )
        .costing(per_image),
    );
    Ok(all)
}

/// Splits references at their first slash.
fn split(reviewed: &str, fields: &[&str]) -> Vec<Variable> {
    // The same as the node: what is before the first slash is a host if it has a dot or a colon, or is localhost.
    let host = r"^(?:localhost|[^/]*[.:][^/]*)/";
    let written = carrying(
        fields,
        &[
            ("hostPart", format!("image.written.find(r'{host}')")),
            (
                "rest",
                format!("image.written.substring(size(image.written.find(r'{host}')))"),
            ),
        ],
    );
    let host_expression = host_expression();
    let conditions = [
        LONGEST.to_owned(),
        "size(image.hostPart) <= 256".to_owned(),
        format!("image.hostPart.matches(r'{host_expression}')"),
        format!("image.rest.matches(r'{REST}')"),
        "size(image.rest.find('^[^:@]*')) <=\n  (image.hostPart in ['', 'docker.io/', 'index.docker.io/'] && !image.rest.contains('/') ? 247 : 255)".to_owned(),
        format!("!image.written.matches('{IDENTIFIER}')"),
    ];
    let readable = format!(
        "variables.split.filter(image,\n  {}\n)",
        conditions.join(" &&\n  ")
    );
    let texts =
        cost::regex(257, &host_expression) + cost::regex(540, REST) + cost::regex(80, IDENTIFIER);
    let carried = (fields.len() as u64 + 2) * (MAP_FIELD + 4);
    vec![
        Variable::new(
            "split",
            "As the node splits a reference: a host is before the first slash, and has a dot or a colon, or is localhost.",
            format!("{reviewed}.map(image, {written})"),
        )
        .costing(3 * cost::regex(800, host) + carried + STEP),
        Variable::new(
            "readable",
            "What the node can read, and every reader reads the same way: a host or none, a path of at most 255 characters, \
             a tag, a digest; and nothing that could be the identifier of an image.",
            readable,
        )
        .costing(texts + 8 * FIELD + cost::regex(540, "^[^:@]*") + STEP),
        Variable::new(
            "unreadable",
            "All others.",
            "size(variables.readable) == size(variables.split) ? [] :\nvariables.split.filter(image, !(image in variables.readable))".into(),
        )
        .costing(STEP),
    ]
}

/// The parts of references, with all that is left implicit.
fn references(fields: &[&str], needs: Needs) -> Vec<Variable> {
    let mut fields = fields.to_vec();
    let carried = |fields: &[&str]| (fields.len() as u64) * (MAP_FIELD + 4) + STEP;
    let name = "image.rest.split('@')[0]";
    let parts = [
        (
            "registry",
            "image.hostPart in ['', 'index.docker.io/'] ? 'docker.io' : image.hostPart.substring(0, size(image.hostPart) - 1)".to_owned(),
        ),
        (
            "repository",
            format!("(image.hostPart in ['', 'docker.io/', 'index.docker.io/'] && !image.rest.contains('/') ? 'library/' : '') + {name}.split(':')[0]"),
        ),
        (
            "tag",
            format!("{name}.contains(':') ? {name}.split(':')[1] : image.rest.contains('@') ? '' : 'latest'"),
        ),
        (
            "tagIsImplied",
            "image.rest.contains(':') || image.rest.contains('@') ? 'false' : 'true'".to_owned(),
        ),
        (
            "digest",
            "image.rest.contains('@') ? image.rest.split('@')[1] : ''".to_owned(),
        ),
    ];
    let mut all = vec![
        Variable::new(
            "parts",
            "Their parts. Without a host it is Docker Hub, whose official images are in library/; without tag and digest the tag \
             is latest.",
            format!(
                "variables.readable.map(image, {})",
                carrying(&fields, &parts)
            ),
        )
        .costing(carried(&fields) + 5 * MAP_FIELD + 900),
    ];
    fields.extend(["registry", "repository", "tag", "tagIsImplied", "digest"]);
    let mut names = vec![("name", "image.registry + '/' + image.repository".to_owned())];
    if needs.short {
        names.push((
            "short",
            "image.registry == 'docker.io' && image.repository.matches('^library/[^/]*$') ? image.repository.substring(8) : ''".to_owned(),
        ));
    }
    let (name, comment) = match (needs.broad, needs.short) {
        (true, _) => ("names", "Registry and repository together."),
        (false, false) => ("references", "Registry and repository together."),
        (false, true) => (
            "references",
            "Registry and repository together, and the short name of an official image of Docker Hub.",
        ),
    };
    let with_names = format!("variables.parts.map(image, {})", carrying(&fields, &names));
    all.push(Variable::new(name, comment, with_names).costing(carried(&fields) + 500));
    fields.extend(names.iter().map(|(name, _)| *name));
    if needs.broad {
        let host = "image.registry.substring(0, size(image.registry) - size(image.registry.find(':[0-9]+$'))).lowerAscii()";
        let hosts = [
            (
                "broadHost",
                format!("{host} in {} ? 'docker.io' :\n    {host}", strings(DOCKER_HUB_HOSTS)),
            ),
            (
                "broadPort",
                "image.registry.matches(':[0-9]+$') ? image.registry.find(':[0-9]+$').find('[1-9][0-9]*$') : 'none'".to_owned(),
            ),
        ];
        all.push(
            Variable::new(
                "hosts",
                "As deny patterns read a registry: in any case, without its port, and every host of Docker Hub is docker.io.",
                format!("variables.names.map(image, {})", carrying(&fields, &hosts)),
            )
            .costing(carried(&fields) + 1500),
        );
        fields.extend(["broadHost", "broadPort"]);
        let is_official = "image.broadHost == 'docker.io' && !image.repository.contains('/')";
        let paths = [
            (
                "broadPath",
                format!("({is_official} ? 'library/' : '') + image.repository"),
            ),
            (
                "broadName",
                format!(
                    "image.broadHost + '/' + ({is_official} ? 'library/' : '') + image.repository"
                ),
            ),
            (
                "broadShort",
                format!(
                    "{is_official} ? image.repository :\n    image.broadHost == 'docker.io' && image.repository.matches('^library/[^/]*$') ? image.repository.substring(8) : ''"
                ),
            ),
        ];
        all.push(
            Variable::new(
                "references",
                "And their paths.",
                format!("variables.hosts.map(image, {})", carrying(&fields, &paths)),
            )
            .costing(carried(&fields) + 600),
        );
    }
    all
}
