//! Measures what facts from registries cost: a review whose facts are in the cache, a digest that is not, a
//! thousand reviews of one new image at once, and `imagereview resolve` beside `crane digest`.
//!
//! The registry is in this process, on loopback. What is compared takes turns, and the median of the ratios of the
//! rounds counts: what slows one slows both.

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use imagereview_core::{
    ImagePolicy, ImageRef, Policy, PolicySource, Review, decide,
    facts::{ContentDigest, Facts, Need, Needs},
};
use imagereview_registry::{Client, Keyring, Limits, Registries, is_digest_of, sha256_of};
use tokio::{net::TcpListener, runtime::Runtime};

const ROUNDS: usize = 201;

/// How many times each contender works in one round.
const TURN: u32 = 20;

/// How often each program runs.
const PROGRAM_RUNS: usize = 41;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

const WITH_FACTS: &str = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n  \
    - {name: tags, tags: {deny: [latest]}}\n  \
    - {name: facts, facts: {tags: checkOnly, nonRoot: true, maxSize: 1Gi}}\n";

const WITHOUT_FACTS: &str = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n  \
    - {name: tags, tags: {deny: [latest]}}\n";

fn main() -> ExitCode {
    let crane = env::args().nth(1).map(PathBuf::from);
    match measure(crane.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn Error>>;

/// A registry in which every tag of every repository is one image.
#[derive(Clone)]
struct Registry {
    address: SocketAddr,
    content: Arc<Content>,
    requests: Arc<AtomicUsize>,
}

struct Content {
    manifest: Bytes,
    digest: ContentDigest,
    config: Bytes,
}

impl Content {
    fn new() -> Self {
        let config = Bytes::from_static(
            br#"{"created":"2026-11-01T12:00:00Z","os":"linux","architecture":"amd64","config":{"User":"1000"}}"#,
        );
        let (digest, size) = (sha256_of(&config), config.len());
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{size}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":5242880}}]}}"#
        );
        let manifest = Bytes::from(manifest);
        Self {
            digest: sha256_of(&manifest),
            manifest,
            config,
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (body, media_type) = if request.uri().path().contains("/blobs/") {
            (&self.config, "application/octet-stream")
        } else {
            (&self.manifest, IMAGE)
        };
        let mut response = Response::new(Full::new(body.clone()));
        let headers = response.headers_mut();
        headers.insert("content-type", media_type.parse().expect("a header"));
        let digest = self.digest.as_str().parse().expect("a header");
        headers.insert("docker-content-digest", digest);
        response
    }
}

impl Registry {
    /// Serves on threads of its own, as another machine would.
    fn start() -> Result<Self, Box<dyn Error>> {
        let runtime = Runtime::new()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let registry = Self {
            address: listener.local_addr()?,
            content: Arc::new(Content::new()),
            requests: Arc::default(),
        };
        let served = registry.clone();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    // As clients do.
                    let _ = stream.set_nodelay(true);
                    let served = served.clone();
                    let service = service_fn(move |request| {
                        served.requests.fetch_add(1, Ordering::Relaxed);
                        let response = served.content.answer(&request);
                        async move { Ok::<_, std::convert::Infallible>(response) }
                    });
                    tokio::spawn(async move {
                        let builder = auto::Builder::new(TokioExecutor::new());
                        let _ = builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        Ok(registry)
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/team/app:{tag}", self.address)
    }
}

/// A client that knows nothing yet.
fn new_client() -> Client {
    let registries = Registries::new().with_localhost();
    Client::new(registries, Keyring::new(), Limits::default())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn measure(crane: Option<&Path>) -> Outcome {
    let registry = Registry::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!("| what | µs | beside | µs | ratio | target |");
    println!("| --- | ---: | --- | ---: | ---: | --- |");
    warm(&registry, &runtime)?;
    cold(&registry, &runtime, false);
    cold(&registry, &runtime, true);
    if let Some(crane) = crane {
        programs(&registry, crane)?;
    }
    println!();
    at_once(&registry)
}

/// A review of three images with a rule over facts that are in the cache, beside one without.
fn warm(registry: &Registry, runtime: &Runtime) -> Outcome {
    let compile = |text| ImagePolicy::compile([PolicySource::new("p.yaml", text)]);
    let (with, without) = (compile(WITH_FACTS)?, compile(WITHOUT_FACTS)?);
    let names: Vec<String> = (0..3)
        .map(|index| registry.image(&format!("v{index}")))
        .collect();
    let client = new_client();
    let review = || -> Review<'_> { names.iter().map(String::as_str).collect() };
    let facts_of = |review: &Review<'_>| -> Facts {
        let mut needs = Needs::new();
        with.needs(review, &mut needs);
        runtime.block_on(client.facts(&needs, soon(), |_| {}))
    };
    let first = facts_of(&review());
    if !decide(&with, &review().with_facts(&first)).is_allowed() {
        return Err("the images should be allowed".into());
    }
    let ours = || {
        let review = review();
        let facts = facts_of(&review);
        black_box(decide(&with, &review.with_facts(&facts)).is_allowed());
    };
    let theirs = || {
        black_box(decide(&without, &review()).is_allowed());
    };
    let times = compare(&mut { ours }, &mut { theirs });
    let more = times.ours - times.theirs;
    println!(
        "| review of 3 images, facts in the cache: {more:.1} µs more | {:.1} | the same without a rule over facts | {:.1} | {:.2} | ≤ 5 µs more |",
        times.ours, times.theirs, times.ratio
    );
    Ok(())
}

/// What is known of an image that is not in the cache, beside a program that sends the same requests over a connection
/// that it keeps, and computes the same digests.
fn cold(registry: &Registry, runtime: &Runtime, is_whole: bool) {
    let client = new_client();
    let bare: legacy::Client<HttpConnector, Empty<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build_http();
    let mut number = 0;
    let mut ours = || {
        number += 1;
        let name = registry.image(&format!("{is_whole}-{number}"));
        let image = ImageRef::parse(&name).expect("a reference");
        let is_known = runtime.block_on(async {
            if is_whole {
                // Configurations are known by their digest, so each is of another repository.
                let name = format!("{}/team/app-{number}:v1", registry.address);
                let image = ImageRef::parse(&name).expect("a reference");
                client.image(&image, &[], soon()).await.known().is_some()
            } else {
                client.digest(&image, soon()).await.known().is_some()
            }
        });
        assert!(is_known, "{name}");
    };
    let mut other = 0;
    let mut theirs = || {
        other += 1;
        let get = async |path: String, digest: &ContentDigest| {
            let uri = format!("http://{}{path}", registry.address);
            let request = Request::get(uri).body(Empty::new()).expect("a request");
            let response = bare.request(request).await.expect("a response");
            let body = response.into_body().collect().await.expect("a body");
            assert!(is_digest_of(digest, &body.to_bytes()));
        };
        runtime.block_on(async {
            let content = &registry.content;
            get(
                format!("/v2/team/app-{other}/manifests/v1"),
                &content.digest,
            )
            .await;
            if is_whole {
                let digest = sha256_of(&content.config);
                get(format!("/v2/team/app-{other}/blobs/{digest}"), &digest).await;
            }
        });
    };
    let times = compare(&mut ours, &mut theirs);
    let (what, requests) = if is_whole {
        ("all that is known of an image, cold", "two")
    } else {
        ("digest of a tag, cold", "one")
    };
    println!(
        "| {what} | {:.1} | the same {requests} of hyper's client, and SHA-256 | {:.1} | {:.2} | ≤ 2 |",
        times.ours, times.theirs, times.ratio
    );
}

/// Medians of all rounds, in microseconds for one go.
struct Times {
    ours: f64,
    theirs: f64,
    ratio: f64,
}

fn compare(ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()) -> Times {
    let turn = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        for _ in 0..TURN {
            work();
        }
        started.elapsed().as_secs_f64() * 1e6 / f64::from(TURN)
    };
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (ours, theirs) = (turn(ours), turn(theirs));
        rounds.push((ours, theirs, ours / theirs));
    }
    let median_of = |part: fn(&(f64, f64, f64)) -> f64| median(rounds.iter().map(part).collect());
    Times {
        ours: median_of(|round| round.0),
        theirs: median_of(|round| round.1),
        ratio: median_of(|round| round.2),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The programs, from their start to their end: the first run of each, and the median of the others.
fn programs(registry: &Registry, crane: &Path) -> Outcome {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "imagereview-cli"])
        .status()?;
    if !built.success() {
        return Err("imagereview was not built".into());
    }
    let ours = env::current_exe()?.with_file_name("imagereview");
    // No login of this machine's user.
    let home = env::temp_dir().join("imagereview-facts-bench");
    fs::create_dir_all(&home)?;
    let image = registry.image("v1");
    let run = |program: &Path, command: &str| -> Result<f64, Box<dyn Error>> {
        let started = Instant::now();
        let status = Command::new(program)
            .args([command, &image])
            .env("DOCKER_CONFIG", &home)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{} {command} {image} failed", program.display()).into());
        }
        Ok(started.elapsed().as_secs_f64() * 1e6)
    };
    let first = (run(&ours, "resolve")?, run(crane, "digest")?);
    println!(
        "| `imagereview resolve`, the first run | {:.0} | `crane digest` | {:.0} | {:.2} |  |",
        first.0,
        first.1,
        first.0 / first.1
    );
    let mut rounds = Vec::new();
    for _ in 0..PROGRAM_RUNS {
        rounds.push((run(&ours, "resolve")?, run(crane, "digest")?));
    }
    let ours = median(rounds.iter().map(|round| round.0).collect());
    let theirs = median(rounds.iter().map(|round| round.1).collect());
    let ratio = median(rounds.iter().map(|round| round.0 / round.1).collect());
    println!(
        "| `imagereview resolve`, later runs | {ours:.0} | `crane digest` | {theirs:.0} | {ratio:.2} |  |"
    );
    Ok(())
}

/// A thousand reviews of one new image at once.
fn at_once(registry: &Registry) -> Outcome {
    const REVIEWS: usize = 1000;
    let runtime = Runtime::new()?;
    let client = new_client();
    let before = registry.requests.load(Ordering::Relaxed);
    let started = Instant::now();
    let known = runtime.block_on(async {
        let asks: Vec<_> = (0..REVIEWS)
            .map(|_| {
                let (client, name) = (client.clone(), registry.image("new"));
                tokio::spawn(async move {
                    let image = ImageRef::parse(&name).expect("a reference");
                    let mut needs = Needs::new();
                    needs.add(&image, Need::All);
                    let facts = client.facts(&needs, soon(), |_| {}).await;
                    facts.digest(&image).is_some()
                })
            })
            .collect();
        let mut known = 0;
        for ask in asks {
            known += usize::from(ask.await.unwrap_or_default());
        }
        known
    });
    let took = started.elapsed();
    let requests = registry.requests.load(Ordering::Relaxed) - before;
    println!(
        "{REVIEWS} reviews of one new image at once: {known} know it after {:.1} ms, and the registry had {requests} requests (its manifest, its configuration)",
        took.as_secs_f64() * 1e3
    );
    if known != REVIEWS || requests != 2 {
        return Err("each thing should be fetched once".into());
    }
    Ok(())
}
