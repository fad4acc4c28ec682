//! Compares what the command line takes for a tree of manifests, and for a stream of reviews, with
//! what reading the same bytes costs with the same libraries.
//!
//! Each contender is a process that uses as many threads as the other. They take turns, and the
//! medians are compared: of the time that passed, and of what the processors worked, which other
//! work on the machine disturbs less.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use imagereview_benches::reviews::{self, PlainReview};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

/// How many manifests there are.
const FILES: usize = 10_000;

/// How many images are in them.
const IMAGES: usize = 30_000;

/// How many reviews are in the stream.
const REVIEWS: usize = 300_000;

/// How often each contender runs.
const TURNS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments {
        [] => compare(),
        // The contenders.
        ["values", folder] => parse_all::<Value>(Path::new(folder)),
        ["events", folder] => parse_all::<IgnoredAny>(Path::new(folder)),
        ["reviews", file] => read_reviews(Path::new(file)),
        _ => Err("it takes no arguments".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn Error>>;

/// One row of the table: what runs, and beside what.
struct Row {
    name: &'static str,
    ours: Vec<String>,
    beside: &'static str,
    theirs: Vec<String>,
    /// What the ratio should be at most.
    target: Option<f64>,
}

/// What a run took.
#[derive(Clone, Copy)]
struct Cost {
    passed: Duration,
    worked: Duration,
}

fn compare() -> Outcome {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "imagereview-cli"])
        .status()?;
    if !built.success() {
        return Err("imagereview was not built".into());
    }
    let this = env::current_exe()?;
    let program = this.with_file_name("imagereview");
    let target = this.parent().and_then(Path::parent).ok_or("no target")?;
    let tree = target.join("manifests");
    make_tree(&tree)?;
    let stream = target.join("reviews.json");
    fs::write(&stream, reviews::allowed(3).repeat(REVIEWS))?;
    check_tree(&program, &tree)?;

    let text = |path: &Path| path.display().to_string();
    let review = |format: &str, input: &Path| {
        let words = ["review", "--format", format, "--"].map(str::to_owned);
        let mut command = vec![text(&program)];
        command.extend(words);
        command.push(text(input));
        command
    };
    let own = |contender: &str, input: &Path| vec![text(&this), contender.to_owned(), text(input)];
    let values = "serde-saphyr, into serde_json::Value";
    let events = "serde-saphyr, into nothing";
    let row = |name, ours, beside, theirs, target| Row {
        name,
        ours,
        beside,
        theirs,
        target,
    };
    let human = || review("human", &tree);
    let rows = [
        row(
            "tree, human",
            human(),
            values,
            own("values", &tree),
            Some(1.5),
        ),
        row("tree, human", human(), events, own("events", &tree), None),
        row(
            "tree, json: each image with its place",
            review("json", &tree),
            values,
            own("values", &tree),
            None,
        ),
        row(
            "stream, responses",
            vec![text(&program), "respond".to_owned(), text(&stream)],
            "serde_json, into borrowed structs",
            own("reviews", &stream),
            Some(1.5),
        ),
    ];
    println!("| what | ms | beside | ms | ratio | of processor time | target |");
    println!("| --- | ---: | --- | ---: | ---: | ---: | --- |");
    for row in &rows {
        row.measure()?;
    }
    Ok(())
}

impl Row {
    fn measure(&self) -> Outcome {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            ours.push(run(&self.ours)?);
            theirs.push(run(&self.theirs)?);
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        let ratio = ours.passed.as_secs_f64() / theirs.passed.as_secs_f64();
        let worked = ours.worked.as_secs_f64() / theirs.worked.as_secs_f64();
        let target = self.target.map(|most| format!("≤ {most}"));
        println!(
            "| {} | {} | {} | {} | {ratio:.2} | {worked:.2} | {} |",
            self.name,
            ours.passed.as_millis(),
            self.beside,
            theirs.passed.as_millis(),
            target.unwrap_or_default(),
        );
        Ok(())
    }
}

/// The median of each cost by itself.
fn median(costs: &[Cost]) -> Cost {
    let middle = |cost: fn(&Cost) -> Duration| {
        let mut all: Vec<Duration> = costs.iter().map(cost).collect();
        all.sort();
        all[all.len() / 2]
    };
    Cost {
        passed: middle(|cost| cost.passed),
        worked: middle(|cost| cost.worked),
    }
}

fn run(command: &[String]) -> Result<Cost, Box<dyn Error>> {
    let before = worked_of_children()?;
    let start = Instant::now();
    let status = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .status()?;
    let passed = start.elapsed();
    // A review that denies something ends with 1.
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(Cost {
        passed,
        worked: worked_of_children()?.saturating_sub(before),
    })
}

/// What the processors have worked for the processes that this one started, by
/// `proc_pid_stat(5)`, which counts hundredths of a second.
fn worked_of_children() -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program is in brackets, and may have any characters.
    let (_, rest) = stat.rsplit_once(')').ok_or("no process")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = fields[13].parse::<u64>()? + fields[14].parse::<u64>()?;
    Ok(Duration::from_millis(10 * ticks))
}

/// Reads and parses each file below a folder, on all processors.
fn parse_all<T: DeserializeOwned + Send>(folder: &Path) -> Outcome {
    let mut files: Vec<PathBuf> = Vec::new();
    for part in fs::read_dir(folder)? {
        for file in fs::read_dir(part?.path())? {
            files.push(file?.path());
        }
    }
    let parsed = files.par_iter().map(|file| {
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        let options = serde_saphyr::options! { with_snippet: false, budget: None };
        let documents: Vec<T> = serde_saphyr::from_multiple_with_options(&text, options)
            .map_err(|error| error.to_string())?;
        Ok(black_box(documents).len())
    });
    let documents = parsed.collect::<Result<Vec<usize>, String>>()?;
    if documents.len() == FILES {
        Ok(())
    } else {
        Err(format!("{} files instead of {FILES}", documents.len()).into())
    }
}

/// Reads each review of a stream.
fn read_reviews(file: &Path) -> Outcome {
    let bytes = fs::read(file)?;
    let reviews = serde_json::Deserializer::from_slice(&bytes).into_iter::<PlainReview<'_>>();
    let mut count = 0;
    for review in reviews {
        black_box(review?);
        count += 1;
    }
    if count == REVIEWS {
        Ok(())
    } else {
        Err(format!("{count} reviews instead of {REVIEWS}").into())
    }
}

/// That all of the tree is reviewed, and comes out as it was made.
fn check_tree(program: &Path, tree: &Path) -> Outcome {
    let output = Command::new(program)
        .args(["review", "--format=json"])
        .arg(tree)
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let summary = &report["summary"];
    // Each twentieth file has a denied image.
    let expected = [
        ("files", FILES),
        ("images", IMAGES),
        ("denied", FILES / 20),
        ("errors", 0),
    ];
    for (name, count) in expected {
        if summary[name] != count {
            return Err(format!("{count} {name} expected: {summary}").into());
        }
    }
    Ok(())
}

/// Makes the manifests, the same each time.
fn make_tree(tree: &Path) -> Outcome {
    if tree.exists() {
        fs::remove_dir_all(tree)?;
    }
    for index in 0..FILES {
        let folder = tree.join(format!("team-{:02}", index % 50));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("app-{index:05}.yaml")), manifest(index))?;
    }
    Ok(())
}

/// A file as people write them: twelve images in four files.
fn manifest(index: usize) -> String {
    let name = format!("app-{index:05}");
    let denied = index.is_multiple_of(20);
    let image = |n: usize| match n {
        0 if denied => "nginx".to_owned(),
        0 => format!(
            "registry.example.com/team-{:02}/{name}:1.{}.{}",
            index % 50,
            index % 30,
            index % 7
        ),
        1 => format!(
            "ghcr.io/example/proxy:v{}.{}@sha256:{}",
            index % 5,
            index % 9,
            "0123456789abcdef".repeat(4)
        ),
        _ => format!("quay.io/example/migrate:{}", 100 + index % 400),
    };
    let (first, second, third) = (image(0), image(1), image(2));
    match index % 4 {
        0 | 3 => {
            workload(
                "Deployment",
                &name,
                "",
                &pod(&name, &[&first, &second], Some(&third), 6),
            ) + &service(&name)
        }
        1 => cron_job(&name, &pod(&name, &[&first, &second], None, 10)) + &config(&name),
        _ => {
            let one = workload(
                "StatefulSet",
                &name,
                "  ",
                &pod(&name, &[&first, &second], None, 8),
            );
            let more = format!("{name}-b");
            let two = workload(
                "Deployment",
                &more,
                "  ",
                &pod(&more, &[&second, &third], None, 8),
            );
            let item = |text: &str| text.replacen("---\n  ", "- ", 1);
            format!(
                "---\napiVersion: v1\nkind: List\nitems:\n{}{}",
                item(&one),
                item(&two)
            ) + &service(&name)
        }
    }
}

fn workload(kind: &str, name: &str, indent: &str, pod: &str) -> String {
    format!(
        "---
{indent}apiVersion: apps/v1
{indent}kind: {kind}
{indent}metadata:
{indent}  name: {name}
{indent}  namespace: shop
{indent}  labels:
{indent}    app.kubernetes.io/name: {name}
{indent}    app.kubernetes.io/part-of: shop
{indent}spec:
{indent}  replicas: 3
{indent}  selector:
{indent}    matchLabels:
{indent}      app.kubernetes.io/name: {name}
{indent}  template:
{indent}    metadata:
{indent}      labels:
{indent}        app.kubernetes.io/name: {name}
{indent}    spec:
{pod}"
    )
}

fn cron_job(name: &str, pod: &str) -> String {
    format!(
        "---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
  namespace: shop
spec:
  schedule: \"*/5 * * * *\"
  jobTemplate:
    spec:
      template:
        spec:
{pod}"
    )
}

/// What is in a pod's `spec`, so many spaces to the right.
fn pod(name: &str, images: &[&str], init: Option<&str>, indent: usize) -> String {
    let mut text =
        String::from("serviceAccountName: default\nsecurityContext:\n  runAsNonRoot: true\n");
    if let Some(image) = init {
        let _ = write!(
            text,
            "initContainers:\n- name: migrate\n  image: {image}\n  args: [\"--database\", \"{name}\"]\n"
        );
    }
    text += "containers:\n";
    for (number, image) in images.iter().enumerate() {
        let _ = write!(
            text,
            "- name: c{number}
  image: {image}
  imagePullPolicy: IfNotPresent
  ports:
  - name: http
    containerPort: {port}
  env:
  - name: DATABASE_URL # from the team's own secret
    valueFrom:
      secretKeyRef:
        name: {name}
        key: url
  - name: LOG_LEVEL
    value: \"info\"
  resources:
    requests: {{cpu: 100m, memory: 128Mi}}
    limits: {{memory: 256Mi}}
  readinessProbe:
    httpGet:
      path: /healthz
      port: http
    periodSeconds: 10
",
            port = 8080 + number
        );
    }
    let indent = " ".repeat(indent);
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{indent}{line}");
        all
    })
}

fn service(name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: shop
spec:
  selector:
    app.kubernetes.io/name: {name}
  ports:
  - name: http
    port: 80
    targetPort: http
"
    )
}

fn config(name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: shop
data:
  settings.ini: |
    [server]
    workers = 4
    image = {name}
"
    )
}
