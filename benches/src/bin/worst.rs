//! Looks for the review that takes a policy longest: the policies of `examples/`, policies that were made to be
//! slow, and random ones.
//!
//! It begins with random reviews, made of words of the policy, and changes the worst of them again and again. What is
//! measured is deciding, from the review to the verdict; reading the request and writing the response are shown beside
//! it. The table has what was found, and what the policy's price said before.
//!
//! `worst [SECONDS [SEED [NAME]]]` spends so many seconds on each policy, or on those with this in their name; 2 unless
//! told otherwise. It fails if a policy of
//! `examples/` takes more than 50 ms, or any more than 5 s, the default of `--review-timeout`.

use std::{
    env, fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use imagereview_core::{
    AdmissionResponse, AdmissionReview, ImagePolicy, Language, PolicySource, decide,
    limits::ENTRIES_LIMIT,
};
use serde_json::json;

/// The longest that a policy of `examples/` may take for a review.
const EXAMPLES: Duration = Duration::from_millis(50);

/// The longest that any may.
const ANY: Duration = Duration::from_secs(5);

/// The largest request that the webhook reads: twice the default of `--max-body-bytes`.
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// Random numbers that are the same each time (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many.
    fn below(&mut self, many: usize) -> usize {
        usize::try_from(self.next() % many.max(1) as u64).unwrap_or_default()
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

/// A policy, and the words of its text that a review may be made of.
struct Subject {
    name: String,
    policy: ImagePolicy,
    words: Vec<String>,
    most: Duration,
}

impl Subject {
    fn new(name: &str, text: &str, most: Duration) -> Option<Self> {
        let policy = match ImagePolicy::compile([PolicySource::new(name, text)]) {
            Ok(policy) => policy,
            Err(error) => {
                eprintln!("{name}: {error}");
                return None;
            }
        };
        let is_between = |c: char| c.is_whitespace() || "\"',:[]{}()*?".contains(c);
        let words = text.split(is_between).flat_map(|word| word.split('/'));
        let words = words.map(|word| word.trim_matches('.').to_ascii_lowercase());
        let mut words: Vec<String> = words.filter(|word| is_component(word)).collect();
        words.extend(["a", "ab", "latest", "example.com"].map(str::to_owned));
        words.sort();
        words.dedup();
        Some(Self {
            name: name.to_owned(),
            policy,
            words,
            most,
        })
    }
}

fn is_component(word: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    word.len() < 64
        && word.starts_with(ends)
        && word.ends_with(ends)
        && word.chars().all(|c| ends(c) || c == '-' || c == '.')
        && !word.contains("..")
}

/// What a review is made of.
#[derive(Clone, Debug)]
struct Genes {
    images: usize,
    host: Vec<usize>,
    host_len: usize,
    path: Vec<usize>,
    path_len: usize,
    tag: usize,
    tag_len: usize,
    /// Whether each image has a name of its own.
    is_numbered: bool,
    has_digest: bool,
    namespace: usize,
    annotations: usize,
    annotation_len: usize,
    groups: usize,
    is_update: bool,
}

impl Genes {
    fn random(random: &mut Random) -> Self {
        let words =
            |random: &mut Random| (0..random.below(4)).map(|_| random.below(1000)).collect();
        Self {
            images: *random.one_of(&[1, 20, 200, 1_000, 10_000]),
            host: words(random),
            host_len: random.below(256),
            path: words(random),
            path_len: random.below(240),
            tag: random.below(1000),
            tag_len: random.below(129),
            is_numbered: random.below(2) == 0,
            has_digest: random.below(4) == 0,
            namespace: random.below(1000),
            annotations: random.below(200),
            annotation_len: random.below(4000),
            groups: random.below(100),
            is_update: random.below(2) == 0,
        }
    }

    /// The same with one or two genes of another.
    fn changed(&self, random: &mut Random) -> Self {
        let mut changed = self.clone();
        for _ in 0..=random.below(2) {
            let other = Self::random(random);
            match random.below(13) {
                0 => changed.images = other.images,
                1 => changed.images = (changed.images * 2).min(ENTRIES_LIMIT),
                2 => changed.host = other.host,
                3 => changed.host_len = other.host_len,
                4 => changed.path = other.path,
                5 => changed.path_len = other.path_len,
                6 => (changed.tag, changed.tag_len) = (other.tag, other.tag_len),
                7 => changed.is_numbered = other.is_numbered,
                8 => changed.has_digest = other.has_digest,
                9 => changed.namespace = other.namespace,
                10 => changed.annotations = other.annotations,
                11 => changed.annotation_len = other.annotation_len,
                _ => (changed.groups, changed.is_update) = (other.groups, other.is_update),
            }
        }
        changed
    }

    fn request(&self, words: &[String]) -> String {
        let word = |index: usize| &*words[index % words.len()];
        let joined = |indexes: &[usize], separator: &str, len: usize| {
            let words: Vec<&str> = indexes.iter().map(|index| word(*index)).collect();
            let mut text = words.join(separator);
            while text.len() < len {
                text = format!("a{separator}{text}");
            }
            text
        };
        let host = format!(
            "{}.io",
            joined(&self.host, ".", self.host_len.min(240)).trim_matches('.')
        );
        let path = joined(&self.path, "/", self.path_len.min(235));
        let path = path.trim_matches('/');
        let tag = format!("{}{}", word(self.tag), "a".repeat(self.tag_len));
        let tag = &tag[..tag.len().min(120)];
        let image = |n: usize| {
            let number = if self.is_numbered { n } else { 0 };
            let digest = if self.has_digest {
                format!("@sha256:{number:064x}")
            } else {
                String::new()
            };
            let path = if path.is_empty() { "a" } else { path };
            format!("{host}/{path}/x{number}:{tag}{number}{digest}")
        };
        // An update has the object twice.
        let most = MAX_BYTES / if self.is_update { 2 } else { 1 };
        let mut bytes = self.annotations * (self.annotation_len + 80) + 10_000;
        let containers: Vec<_> = (0..self.images)
            .map(|n| (n, image(n)))
            .take_while(|(_, image)| {
                bytes += image.len() + 32;
                bytes < most
            })
            .map(|(n, image)| json!({"name": format!("c{n}"), "image": image}))
            .collect();
        let key = |n: usize| format!("k{n}.image-policy.k8s.io/{}", word(n));
        let annotations: serde_json::Map<_, _> = (0..self.annotations)
            .map(|n| (key(n), json!("a".repeat(self.annotation_len))))
            .collect();
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "annotations": annotations}, "spec": {"containers": containers}});
        let groups: Vec<String> = (0..self.groups)
            .map(|n| format!("{}{n}", word(n)))
            .collect();
        let operation = if self.is_update { "UPDATE" } else { "CREATE" };
        let old = if self.is_update {
            object.clone()
        } else {
            json!(null)
        };
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": operation, "namespace": word(self.namespace), "object": object,
            "oldObject": old, "userInfo": {"username": "a", "groups": groups}}})
        .to_string()
    }
}

/// What one review took.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    decided: Duration,
    whole: Duration,
    bytes: usize,
    images: usize,
}

fn measure(subject: &Subject, request: &str) -> Taken {
    let begin = Instant::now();
    let Ok(review) = AdmissionReview::from_slice_with(request.as_bytes(), subject.policy.kinds())
    else {
        return Taken::default();
    };
    let reviewed = review.review();
    let before = Instant::now();
    let verdict = decide(&subject.policy, &reviewed);
    let decided = before.elapsed();
    let response = AdmissionResponse::new(&review, &verdict, Language::English);
    let written = serde_json::to_vec(&response).map_or(0, |written| written.len());
    std::hint::black_box(written);
    Taken {
        decided,
        whole: begin.elapsed(),
        bytes: request.len(),
        images: reviewed.images().len(),
    }
}

/// The review that took longest to decide.
fn search(subject: &Subject, time: Duration, random: &mut Random) -> Taken {
    let end = Instant::now() + time;
    let (mut worst, mut genes) = (Taken::default(), Genes::random(random));
    let mut tried = 0;
    while Instant::now() < end || tried == 0 {
        tried += 1;
        let next = if tried % 4 == 1 {
            Genes::random(random)
        } else {
            genes.changed(random)
        };
        let request = next.request(&subject.words);
        // What the system interrupted is not the review's.
        let taken = measure(subject, &request);
        if taken.decided > worst.decided {
            let again = measure(subject, &request);
            if again.decided.min(taken.decided) > worst.decided {
                worst = if again.decided < taken.decided {
                    again
                } else {
                    taken
                };
                genes = next;
            }
        }
    }
    worst
}

fn document(rules: &str) -> String {
    format!("apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n{rules}\n")
}

fn list(count: usize, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect::<Vec<_>>().join(", ")
}

/// Policies that took seconds to minutes once.
fn slow() -> Vec<(&'static str, String)> {
    let rule = |check: &str| format!("rules: [{{name: r, {check}}}]");
    let expression = |text: &str| rule(&format!("expression: {text:?}"));
    vec![
        (
            "compares all images in a loop",
            expression("review.images.all(x, review.images == review.images)"),
        ),
        (
            "searches annotations in a loop",
            expression(
                "review.images.all(x, review.annotations.size() == 0 || 'k0.image-policy.k8s.io/a' in review.annotations && review.annotations['k0.image-policy.k8s.io/a'].contains(x.tag + '!'))",
            ),
        ),
        (
            "one tag of each",
            expression(
                "review.images.all(other, other.registry != image.registry || other.repository != image.repository || other.tag == image.tag)",
            ),
        ),
        (
            "1,000 exemptions by annotation",
            format!(
                "{}\nexemptions: [{}]",
                rule("digest: {}"),
                list(1000, |n| {
                    format!(
                        "{{name: e{n}, reason: r, namespaces: [a], annotation: {{key: k{n}.image-policy.k8s.io/a, value: 'b*'}}}}"
                    )
                })
            ),
        ),
        (
            "10,000 globs of one folder",
            rule(&format!(
                "repositories: {{deny: [{}]}}",
                list(10_000, |n| format!("'example.com.io/a/*-{n}/b*'"))
            )),
        ),
        (
            "2,000 globs with classes",
            rule(&format!(
                "repositories: {{deny: [{}]}}",
                list(2_000, |n| format!("'**/a/[a-f]*-{n}'"))
            )),
        ),
        (
            "120 regular expressions",
            rule(&format!(
                "tags: {{deny: [{}]}}",
                list(120, |n| format!("'/(a|b)*a[a-z]{{{}}}b.*/'", n + 5))
            )),
        ),
        (
            "100 rules that all fail",
            format!(
                "rules: [{}]",
                list(100, |n| format!(
                    "{{name: r{n}, digest: {{algorithms: [sha512]}}}}"
                ))
            ),
        ),
        (
            "patterns over 10,000 groups",
            format!(
                "scope: {{groups: {{exclude: [{}]}}}}\n{}",
                list(200, |n| format!("'*a*{n}b'")),
                rule("digest: {}")
            ),
        ),
    ]
}

/// A policy of some random rules.
fn random_policy(random: &mut Random) -> String {
    let words = ["a", "ab", "team", "app", "example.com.io", "x"];
    let rules = list(1 + random.below(20), |n| {
        let mut random = Random(random.0.wrapping_add(n as u64 * 7919));
        let pattern = |random: &mut Random| {
            let parts: Vec<String> = (0..=random.below(4))
                .map(|_| match random.below(5) {
                    0 => "**".to_owned(),
                    1 => format!("*{}", random.one_of(&words[..4])),
                    2 => format!("{}-?", random.one_of(&words[..4])),
                    _ => (*random.one_of(&words[..4])).to_owned(),
                })
                .collect();
            format!("'example.com.io/{}'", parts.join("/"))
        };
        let many = *random.one_of(&[1, 10, 300]);
        let patterns = {
            let mut random = Random(random.next());
            let all: Vec<String> = (0..many).map(|_| pattern(&mut random)).collect();
            all.join(", ")
        };
        let check = match random.below(5) {
            0 => format!("repositories: {{deny: [{patterns}]}}"),
            1 => format!("repositories: {{allow: [{patterns}]}}"),
            2 => format!(
                "tags: {{deny: ['*a*{n}', '/a[a-z]{{{}}}b*/', '>=1.{n}']}}",
                1 + random.below(40)
            ),
            3 => format!(
                "expression: \"{}\"",
                random.one_of(&[
                    "review.images.exists(x, x.repository == image.repository)",
                    "image.written.matches('^[a-z./:0-9]{10,300}$')",
                    "review.images.filter(x, x.tag == image.tag).size() < 100",
                    "image.registry.contains(image.tag)",
                ])
            ),
            _ => format!("maxImages: {}", random.below(100)),
        };
        format!("{{name: r{n}, {check}}}")
    });
    document(&format!("rules: [{rules}]"))
}

fn subjects(random: &mut Random) -> Vec<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let files = fs::read_dir(&folder).expect("the repository has example policies");
    let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.sort();
    let mut subjects = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if imagereview_core::document::is_policy_file(&name) {
            let text = fs::read_to_string(&file).expect("an example can be read");
            subjects.extend(Subject::new(&name, &text, EXAMPLES));
        }
    }
    let slow = slow();
    subjects.extend(
        slow.iter()
            .filter_map(|(name, rules)| Subject::new(name, &document(rules), ANY)),
    );
    for n in 0..10 {
        subjects.extend(Subject::new(
            &format!("random {n}"),
            &random_policy(random),
            ANY,
        ));
        random.next();
    }
    subjects
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let mut number = || arguments.next().map(|argument| argument.parse::<u64>());
    let (Ok(seconds), Ok(seed)) = (number().transpose(), number().transpose()) else {
        eprintln!("worst [SECONDS [SEED [NAME]]]");
        return ExitCode::from(2);
    };
    let (seconds, seed) = (seconds.unwrap_or(2), seed.unwrap_or(7));
    let wanted = arguments.next().unwrap_or_default();
    let mut random = Random(seed);
    let mut has_failed = false;
    println!(
        "| policy | price, ms | deciding, ms | with reading and writing, ms | images | bytes | ns a byte |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut subjects = subjects(&mut random);
    subjects.retain(|subject| subject.name.contains(&wanted));
    for subject in subjects {
        let worst = search(&subject, Duration::from_secs(seconds), &mut random);
        let price = subject.policy.price().steps().div_ceil(1_000_000);
        println!(
            "| {} | {price} | {:.1} | {:.1} | {} | {} | {} |",
            subject.name,
            worst.decided.as_secs_f64() * 1000.0,
            worst.whole.as_secs_f64() * 1000.0,
            worst.images,
            worst.bytes,
            worst.decided.as_nanos() / worst.bytes.max(1) as u128,
        );
        has_failed |= worst.decided > subject.most;
    }
    if has_failed {
        eprintln!("some policy takes longer than it may");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
