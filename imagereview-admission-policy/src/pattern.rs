//! Lists of patterns as conditions over an image.

use imagereview_core::document::{
    HostForm, NameOutline, PathForm, PortForm, RepositoryOutline, TagForm, TagOutline,
    VersionReading,
};

use crate::{
    cel::{Condition, string, strings},
    cost::{self, FIELD, PART_LEN, TAG_LEN},
    matching::matches,
    re2::{Alphabet, re2},
    version,
};

/// How patterns over repositories are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A match allows: exactly what is written.
    Exact,
    /// A match denies: any case, any port where none is written, every name of Docker Hub.
    Broad,
}

/// The hosts of Docker Hub, which deny patterns take for one registry.
pub(crate) const DOCKER_HUB_HOSTS: [&str; 5] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
];

const DOCKER_HUB: &str = "docker.io";

/// Patterns of one shape, which become one condition.
#[derive(Default)]
struct Shapes {
    registries: Vec<String>,
    names: Vec<String>,
    folders: Vec<String>,
    domains: Vec<String>,
    others: Vec<Condition>,
}

/// Whether an image matches one of the patterns.
pub(crate) fn repositories(
    patterns: &[RepositoryOutline],
    reading: Reading,
) -> Result<Condition, String> {
    let mut shapes = Shapes::default();
    for pattern in patterns {
        let added = match reading {
            Reading::Exact => shapes.add_exact(pattern),
            Reading::Broad => shapes.add_broad(pattern),
        };
        added.map_err(|reason| format!("{:?}: {reason}", pattern.text))?;
    }
    let (registry, name) = match reading {
        Reading::Exact => ("image.registry", "image.name"),
        Reading::Broad => ("image.broadHost", "image.broadName"),
    };
    let conditions = [
        is_one_of(registry, &shapes.registries),
        any_end(registry, "endsWith", &shapes.domains),
        is_one_of(name, &shapes.names),
        any_end(name, "startsWith", &shapes.folders),
    ];
    Ok(Condition::any(conditions.into_iter().chain(shapes.others)))
}

/// Whether a field begins or ends with one of some texts.
fn any_end(field: &str, function: &str, ends: &[String]) -> Condition {
    let longest = ends.iter().map(String::len).max().unwrap_or_default();
    let cost = cost::each(ends.len(), longest);
    match ends {
        [] => Condition::constant(false),
        [one] => Condition::new(format!("{field}.{function}({})", string(one)), cost),
        ends => Condition::new(
            format!("{}.exists(end, {field}.{function}(end))", strings(ends)),
            cost,
        ),
    }
}

/// Whether a field is one of some texts.
pub(crate) fn is_one_of<T: AsRef<str>>(field: &str, texts: &[T]) -> Condition {
    match texts {
        [] => Condition::constant(false),
        [one] => Condition::new(
            format!("{field} == {}", string(one.as_ref())),
            FIELD + PART_LEN / 10,
        ),
        texts => Condition::new(
            format!("{field} in {}", strings(texts)),
            cost::lookup(texts.len()),
        ),
    }
}

impl Shapes {
    fn add_exact(&mut self, pattern: &RepositoryOutline) -> Result<(), String> {
        let registry = match (&pattern.host, &pattern.port) {
            (HostForm::Exact(host), PortForm::Unwritten) => Some(host.to_string()),
            (HostForm::Exact(host), PortForm::Exact(port)) => Some(format!("{host}:{port}")),
            (HostForm::Shaped, _) => return Err(SHAPED.into()),
            _ => None,
        };
        let is_hub = registry.as_deref() == Some(DOCKER_HUB);
        match (&registry, &pattern.path) {
            (Some(registry), PathForm::Any) => self.registries.push(registry.clone()),
            (Some(registry), PathForm::Below(folder)) => {
                self.folders.push(format!("{registry}/{folder}/"));
            }
            (Some(registry), PathForm::Exact(path)) if is_hub && !path.contains('/') => {
                self.names.push(format!("{registry}/library/{path}"));
            }
            (Some(registry), PathForm::Exact(path)) => {
                self.names.push(format!("{registry}/{path}"));
            }
            _ => {
                let host = match (registry, &pattern.host, &pattern.port) {
                    (Some(registry), ..) => is_one_of("image.registry", &[registry]),
                    (None, HostForm::Below(domain), PortForm::Unwritten) => {
                        if pattern.path == PathForm::Any {
                            self.domains.push(format!(".{domain}"));
                            return Ok(());
                        }
                        ends("image.registry", &format!(".{domain}"))
                    }
                    (None, HostForm::Below(domain), PortForm::Exact(port)) => {
                        ends("image.registry", &format!(".{domain}:{port}"))
                    }
                    (None, HostForm::Any, PortForm::Exact(port)) => {
                        ends("image.registry", &format!(":{port}"))
                    }
                    (None, HostForm::Any, _) => Condition::constant(true),
                    (None, HostForm::Exact(host), _) => Condition::any([
                        is_one_of("image.registry", &[host]),
                        begins("image.registry", &format!("{host}:")),
                    ]),
                    (None, HostForm::Below(domain), _) => {
                        let expression = format!("\\.{}(?::[0-9]+)?$", domain.replace('.', "\\."));
                        matches("image.registry", PART_LEN, &expression)
                    }
                    _ => return Err(UNKNOWN.into()),
                };
                let path = path(&pattern.path, "image.repository", "image.short")?;
                self.others.push(Condition::all([host, path]));
            }
        }
        Ok(())
    }

    fn add_broad(&mut self, pattern: &RepositoryOutline) -> Result<(), String> {
        let host = match &pattern.host {
            HostForm::Shaped => return Err(SHAPED.into()),
            HostForm::Any => None,
            HostForm::Below(domain) => {
                checked_host(domain)?;
                let below = ends("image.broadHost", &format!(".{domain}"));
                let is_above_hub = DOCKER_HUB_HOSTS
                    .iter()
                    .any(|host| host.ends_with(&format!(".{domain}")));
                if is_above_hub {
                    Some(Condition::any([
                        below,
                        is_one_of("image.broadHost", &[DOCKER_HUB]),
                    ]))
                } else if pattern.path == PathForm::Any && any_port(&pattern.port) {
                    self.domains.push(format!(".{domain}"));
                    return Ok(());
                } else {
                    Some(below)
                }
            }
            HostForm::Exact(host) => {
                checked_host(host)?;
                let host = if DOCKER_HUB_HOSTS.contains(&&**host) {
                    DOCKER_HUB
                } else {
                    host
                };
                if any_port(&pattern.port) {
                    match &pattern.path {
                        PathForm::Any => self.registries.push(host.into()),
                        PathForm::Below(folder) => self.folders.push(format!("{host}/{folder}/")),
                        PathForm::Exact(path) if host == DOCKER_HUB && !path.contains('/') => {
                            self.names.push(format!("{host}/library/{path}"));
                        }
                        PathForm::Exact(path) => self.names.push(format!("{host}/{path}")),
                        _ => {
                            let host = is_one_of("image.broadHost", &[host]);
                            let path = path(&pattern.path, "image.broadPath", "image.broadShort")?;
                            self.others.push(Condition::all([host, path]));
                        }
                    }
                    return Ok(());
                }
                Some(is_one_of("image.broadHost", &[host]))
            }
            _ => return Err(UNKNOWN.into()),
        };
        let port = match &pattern.port {
            PortForm::Unwritten | PortForm::Any => Condition::constant(true),
            PortForm::Exact(port) => {
                let port = port.trim_start_matches('0');
                let mut ports = vec![port];
                // A port that is not written is that of HTTPS, or of HTTP.
                if ["443", "80"].contains(&port) {
                    ports.push("none");
                }
                is_one_of("image.broadPort", &ports)
            }
            _ => return Err(UNKNOWN.into()),
        };
        let path = path(&pattern.path, "image.broadPath", "image.broadShort")?;
        let host = host.unwrap_or(Condition::constant(true));
        self.others.push(Condition::all([host, port, path]));
        Ok(())
    }
}

const SHAPED: &str = "hosts with a star among their names are not compiled yet";
const UNKNOWN: &str = "this compiler does not know patterns of this form";

fn any_port(port: &PortForm) -> bool {
    matches!(port, PortForm::Unwritten | PortForm::Any)
}

/// An address has many spellings, which a deny pattern all matches.
fn checked_host(host: &str) -> Result<(), String> {
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if host.starts_with('[') || host.rsplit('.').next().is_some_and(is_number) {
        return Err("an IP address has many spellings, and CEL can't tell all of them".into());
    }
    Ok(())
}

fn ends(field: &str, end: &str) -> Condition {
    let cost = FIELD + end.len() as u64 / 10;
    Condition::new(format!("{field}.endsWith({})", string(end)), cost)
}

fn begins(field: &str, beginning: &str) -> Condition {
    let cost = FIELD + beginning.len() as u64 / 10;
    Condition::new(format!("{field}.startsWith({})", string(beginning)), cost)
}

/// Whether a path matches. An official image of Docker Hub has two paths.
fn path(form: &PathForm, field: &str, short: &str) -> Result<Condition, String> {
    Ok(match form {
        PathForm::Any => Condition::constant(true),
        PathForm::Exact(path) if path.contains('/') => is_one_of(field, &[path]),
        PathForm::Exact(path) => {
            Condition::any([is_one_of(field, &[path]), is_one_of(short, &[path])])
        }
        PathForm::Below(folder) => begins(field, &format!("{folder}/")),
        PathForm::Matching(expression) => {
            let expression = re2(expression, Alphabet::Ascii)?;
            let of_short = Condition::all([
                Condition::new(format!("{short} != ''"), FIELD),
                matches(short, PART_LEN, &expression),
            ]);
            Condition::any([matches(field, PART_LEN, &expression), of_short])
        }
        _ => return Err(UNKNOWN.into()),
    })
}

/// Whether the tag matches one of the patterns.
pub(crate) fn tags(patterns: &[TagOutline]) -> Result<Condition, String> {
    let mut exact: Vec<&str> = Vec::new();
    let mut in_any_case: Vec<&str> = Vec::new();
    let mut expressions = Vec::new();
    let mut ranges = Vec::new();
    let mut allows = false;
    for pattern in patterns {
        for form in &pattern.forms {
            let problem = |reason: String| format!("{:?}: {reason}", pattern.text);
            match form {
                TagForm::Exact(tags) => exact.extend(tags.iter().map(|tag| &**tag)),
                TagForm::ExactInAnyCase(tags) => in_any_case.extend(tags.iter().map(|tag| &**tag)),
                TagForm::Matching(expression) => {
                    let expression = re2(expression, Alphabet::Ascii).map_err(problem)?;
                    if !expressions.contains(&expression) {
                        expressions.push(expression);
                    }
                }
                TagForm::Versions(bounds, reading) => {
                    let bounds = bounds.as_deref().ok_or_else(|| {
                        problem("CEL can't put pre-releases in their order".into())
                    })?;
                    ranges.push(version::within(bounds).map_err(problem)?);
                    allows |= *reading == VersionReading::Exact;
                }
                _ => return Err(problem(UNKNOWN.into())),
            }
        }
    }
    let matching = |expression: &String| matches("image.tag", TAG_LEN, expression);
    let conditions = [
        is_one_of("image.tag", &exact),
        is_one_of("image.tag.lowerAscii()", &in_any_case),
    ];
    let conditions = conditions.into_iter();
    let expressions = expressions.iter().map(matching);
    let mut ranges = Condition::any(ranges);
    if allows {
        ranges = Condition::all([version::is_release(), ranges]);
    }
    Ok(Condition::any(
        conditions.chain(expressions).chain([ranges]),
    ))
}

/// The longest name or value that is compared with patterns, in bytes; as in imagereview-core.
const MAX_VALUE_LEN: usize = 4096;

/// Whether a text matches one of the globs. `longest` is in bytes, as far as it is known.
pub(crate) fn names(
    text: &str,
    patterns: &[NameOutline],
    longest: Option<u64>,
) -> Result<Condition, String> {
    let mut exact: Vec<&str> = Vec::new();
    let mut conditions = Vec::new();
    for pattern in patterns {
        match &pattern.expression {
            None => exact.push(&pattern.text),
            Some(expression) => {
                let expression = re2(expression, Alphabet::Unicode)
                    .map_err(|reason| format!("{:?}: {reason}", pattern.text))?;
                let longest = longest.unwrap_or(MAX_VALUE_LEN as u64);
                conditions.push(matches(text, longest, &expression));
            }
        }
    }
    let exact = is_one_of(text, &exact);
    Ok(Condition::any([exact].into_iter().chain(conditions)))
}

/// Whether a name or value is too long to be compared with patterns.
pub(crate) fn is_too_long(text: &str) -> Condition {
    Condition::new(
        format!("size(bytes({text})) > {MAX_VALUE_LEN}"),
        FIELD + MAX_VALUE_LEN as u64 / 5,
    )
}
