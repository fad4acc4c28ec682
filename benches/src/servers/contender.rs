//! The servers that are measured side by side.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{self, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    Error,
    build::{self, Program},
    cores::Cores,
    credentials::{Credentials, HOST},
    process::ServerProcess,
    protocol::Protocol,
    target::Target,
};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(30);

/// How often one is tried that doesn't listen yet.
const RETRY: Duration = Duration::from_micros(200);

/// A server that can be started.
#[derive(Clone, Debug)]
pub struct Contender {
    name: String,
    what: &'static str,
    program: Program,
    path: Option<PathBuf>,
    configuration: Configuration,
}

/// How a contender's program is started.
#[derive(Clone, Copy, Debug)]
enum Configuration {
    /// Our options, after those that all of ours have.
    Ours(&'static [&'static str]),
    /// Address, certificate, key and client CA as arguments.
    Plain,
    /// Flask's own server.
    Flask,
    /// gunicorn, with the options that choose its workers.
    Gunicorn(&'static [&'static str]),
}

/// What all contenders of a run share.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Which core is whose.
    pub cores: Cores,
    /// The certificates of both sides.
    pub credentials: Credentials,
    /// Where they write their logs.
    pub folder: PathBuf,
}

impl Setting {
    /// Chooses the cores and makes the certificates.
    ///
    /// # Errors
    ///
    /// There are too few cores, or files can't be written.
    pub fn prepare() -> Result<Self, Error> {
        let folder = build::folder()?;
        Ok(Self {
            cores: Cores::take()?,
            // In a folder of their own, which ours watches.
            credentials: Credentials::make(&folder.join("pki"))?,
            folder,
        })
    }
}

impl Contender {
    /// All of them, ours first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let ours = |name: &str, what, options| {
            Self::new(name, what, Program::Webhook, Configuration::Ours(options))
        };
        let policy = "trusted-registries of examples/policies";
        vec![
            ours("ours", "built-in policy, decision log to a file", &[]),
            ours(
                "ours-policy",
                policy,
                &["--policy", "examples/policies/trusted-registries.yaml"],
            ),
            ours(
                "ours-audit",
                "audit log to a file, beside the decision log",
                &["--audit-log"],
            ),
            ours(
                "ours-warn",
                "log level warn, so no decision log",
                &["--log-level", "warn"],
            ),
            Self::new(
                "hyper",
                "bare hyper with a fixed response, the same TLS",
                Program::BareHyper,
                Configuration::Plain,
            ),
            Self::new(
                "go",
                "plain Go net/http webhook, logs nothing",
                Program::Go,
                Configuration::Plain,
            ),
            Self::new(
                "flask",
                "the Flask script under its own server, no client certificates",
                Program::Python,
                Configuration::Flask,
            ),
            Self::new(
                "gunicorn-sync",
                "the script under gunicorn, 3 sync workers",
                Program::Python,
                Configuration::Gunicorn(&["--worker-class", "sync", "--workers", "3"]),
            ),
            Self::new(
                "gunicorn-gthread",
                "the script under gunicorn, 1 worker of 32 threads",
                Program::Python,
                Configuration::Gunicorn(&[
                    "--worker-class",
                    "gthread",
                    "--workers",
                    "1",
                    "--threads",
                    "32",
                ]),
            ),
        ]
    }

    /// Another build of ours, named for its path, with the configuration of the first contender.
    #[must_use]
    pub fn other_build(path: PathBuf) -> Self {
        Self {
            name: path.display().to_string(),
            what: "another build of ours",
            program: Program::Webhook,
            path: Some(path),
            configuration: Configuration::Ours(&[]),
        }
    }

    fn new(name: &str, what: &'static str, program: Program, configuration: Configuration) -> Self {
        Self {
            name: name.to_owned(),
            what,
            program,
            path: None,
            configuration,
        }
    }

    /// The name in tables and options.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, for people.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Whether it is ours with other options, and so much like the first.
    #[must_use]
    pub fn is_variant(&self) -> bool {
        matches!(self.configuration, Configuration::Ours([_, ..]))
    }

    /// Whether it speaks the protocol.
    #[must_use]
    pub fn speaks(&self, protocol: Protocol) -> bool {
        protocol == Protocol::H1 || self.program != Program::Python
    }

    /// Builds the program where it has to be, and remembers its path.
    ///
    /// # Errors
    ///
    /// It can't be built.
    pub fn build(&mut self) -> Result<(), Error> {
        self.path = Some(match &self.path {
            // It is not run in this folder.
            Some(path) => path::absolute(path)?,
            None => self.program.build()?,
        });
        Ok(())
    }

    /// Starts it and waits for its first response in each protocol that it speaks.
    ///
    /// # Errors
    ///
    /// It is not built, it ends, or its response is wrong.
    pub async fn start(&self, setting: &Setting) -> Result<Server, Error> {
        let spoken = [Protocol::H2, Protocol::H1];
        let mut spoken = spoken.into_iter().filter(|&protocol| self.speaks(protocol));
        let first = spoken.next().ok_or("it speaks no protocol")?;
        let mut server = self.start_with(setting, first).await?;
        for protocol in spoken {
            server.connect(setting, protocol).await?;
        }
        Ok(server)
    }

    /// Starts it and waits for its first response in one protocol.
    ///
    /// # Errors
    ///
    /// It is not built, it ends, or its response is wrong.
    pub async fn start_with(&self, setting: &Setting, protocol: Protocol) -> Result<Server, Error> {
        let address = free_address()?;
        let probes = match self.configuration {
            Configuration::Ours(_) => Some(free_address()?),
            _ => None,
        };
        let log = setting
            .folder
            .join(format!("{}.log", self.name.replace(['/', '.'], "-")));
        let process = ServerProcess::start(self.command(setting, address, probes)?, &log)?;
        let mut server = Server {
            name: self.name.clone(),
            process,
            address,
            probes,
            targets: Vec::new(),
        };
        server.connect(setting, protocol).await?;
        Ok(server)
    }

    fn command(
        &self,
        setting: &Setting,
        address: SocketAddr,
        probes: Option<SocketAddr>,
    ) -> Result<Command, Error> {
        let program = self.path.as_ref().ok_or("it has not been built")?;
        let mut command = setting.cores.server_command(program);
        let Credentials {
            ca,
            server_certificate: certificate,
            server_key: key,
            ..
        } = &setting.credentials;
        match self.configuration {
            Configuration::Ours(options) => {
                command
                    .args(["--listen", &address.to_string()])
                    .args(probes.map(|probes| format!("--health-listen={probes}")))
                    .arg("--tls-cert")
                    .arg(certificate)
                    .arg("--tls-key")
                    .arg(key)
                    .arg("--client-ca")
                    .arg(ca)
                    .args(options)
                    .current_dir(build::repository());
                if options.contains(&"--audit-log") {
                    command.arg(setting.folder.join("audit.jsonl"));
                }
            }
            Configuration::Plain => {
                command
                    .arg(address.to_string())
                    .args([certificate, key, ca]);
            }
            Configuration::Flask => {
                command
                    .arg(build::peer("flask").join("webhook.py"))
                    .arg(address.port().to_string())
                    .args([certificate, key]);
            }
            Configuration::Gunicorn(workers) => {
                command
                    .args(["-m", "gunicorn", "--bind", &address.to_string()])
                    .arg("--certfile")
                    .arg(certificate)
                    .arg("--keyfile")
                    .arg(key)
                    .arg("--ca-certs")
                    .arg(ca)
                    // ssl.CERT_REQUIRED
                    .args(["--cert-reqs", "2"])
                    .args(workers)
                    .arg("webhook:app")
                    .current_dir(build::peer("flask"));
            }
        }
        // What users have set for their own servers is not for these.
        for name in ["GUNICORN_CMD_ARGS", "FLASK_DEBUG", "RUST_LOG"] {
            command.env_remove(name);
        }
        Ok(command)
    }
}

/// A contender that runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Server {
    name: String,
    /// What it takes of the machine.
    pub process: ServerProcess,
    address: SocketAddr,
    /// Where ours has its metrics.
    probes: Option<SocketAddr>,
    targets: Vec<(Protocol, Arc<Target>)>,
}

impl Server {
    /// Its target in that protocol, if it speaks it.
    #[must_use]
    pub fn target(&self, protocol: Protocol) -> Option<&Arc<Target>> {
        let mut targets = self.targets.iter();
        targets
            .find(|(spoken, _)| *spoken == protocol)
            .map(|(_, target)| target)
    }

    /// Tries until there is a response.
    async fn connect(&mut self, setting: &Setting, protocol: Protocol) -> Result<(), Error> {
        let start = Instant::now();
        let target = loop {
            self.process
                .check_running()
                .map_err(|error| self.failed(&error))?;
            let connected = Target::connect(self.address, &setting.credentials, protocol).await;
            if let Some(target) = connected.map_err(|error| self.failed(&error))? {
                break target;
            }
            if start.elapsed() > START {
                return Err(format!("{} doesn't listen after {START:?}", self.name).into());
            }
            // Nothing else runs on this thread, and the runtime's own timer is coarser.
            thread::sleep(RETRY);
        };
        self.targets.push((protocol, Arc::new(target)));
        Ok(())
    }

    fn failed(&self, error: &Error) -> Error {
        format!("{}: {error}", self.name).into()
    }

    /// The counters of ours, as it serves them in Prometheus' text format; `None` for others.
    ///
    /// # Errors
    ///
    /// They can't be read.
    pub fn metrics(&self) -> Result<Option<String>, Error> {
        let Some(probes) = self.probes else {
            return Ok(None);
        };
        let mut stream = TcpStream::connect(probes)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(Some(response))
    }
}

/// An address with a port that is free now.
fn free_address() -> Result<SocketAddr, Error> {
    Ok(TcpListener::bind((HOST, 0))?.local_addr()?)
}
