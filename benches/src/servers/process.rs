//! A server that runs as a process of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use procfs_core::{
    FromRead as _,
    process::{Stat, Status},
};

use super::{Error, cores};

/// How long a server may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(5);

/// A running server and its descendants, which are stopped when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    output: PathBuf,
    /// The process itself and, once they are known, its workers.
    family: Vec<u32>,
}

impl ServerProcess {
    /// Starts it; what it writes goes to the file `output`.
    ///
    /// # Errors
    ///
    /// The file can't be made, or the program not be run.
    pub fn start(mut command: Command, output: &Path) -> Result<Self, Error> {
        // Appended to, so that the file can be emptied while it is written.
        let file = File::options().create(true).append(true).open(output)?;
        file.set_len(0)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot run {command:?}: {error}"))?;
        Ok(Self {
            family: vec![child.id()],
            child,
            output: output.to_owned(),
        })
    }

    /// The process's identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says whether it still runs.
    ///
    /// # Errors
    ///
    /// It has ended; the error shows what it wrote last.
    pub fn check_running(&mut self) -> Result<(), Error> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let written = fs::read_to_string(&self.output).unwrap_or_default();
                let lines: Vec<&str> = written.lines().collect();
                let last = &lines[lines.len().saturating_sub(10)..];
                Err(format!("it ended with {status}: {}", last.join("\n")).into())
            }
        }
    }

    /// Forgets what it has written, so that its log doesn't fill the disk.
    ///
    /// # Errors
    ///
    /// The file can't be changed.
    pub fn clear_output(&self) -> Result<(), Error> {
        File::options().write(true).open(&self.output)?.set_len(0)?;
        Ok(())
    }

    /// Looks which processes it has started by now. Only those count afterwards.
    ///
    /// # Errors
    ///
    /// `/proc` can't be read.
    pub fn find_workers(&mut self) -> Result<(), Error> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // A process may have ended since the folder was read.
            if let Ok(stat) = Stat::from_file(format!("/proc/{id}/stat")) {
                parents.push((id, u32::try_from(stat.ppid).unwrap_or_default()));
            }
        }
        self.family = vec![self.child.id()];
        let mut next = 0;
        while let Some(&parent) = self.family.get(next) {
            let children = parents.iter().filter(|(_, theirs)| *theirs == parent);
            self.family.extend(children.map(|(id, _)| id));
            next += 1;
        }
        Ok(())
    }

    /// The processor's time that it and its workers have taken so far, in steps of 10 ms.
    ///
    /// # Errors
    ///
    /// One of them has ended.
    pub fn cpu_time(&self) -> Result<Duration, Error> {
        let mut ticks = 0;
        for id in &self.family {
            let stat = Stat::from_file(format!("/proc/{id}/stat"))?;
            ticks += stat.utime + stat.stime;
        }
        Ok(cores::from_ticks(ticks))
    }

    /// The memory that it and its workers hold, in bytes. What two of them share counts twice.
    ///
    /// # Errors
    ///
    /// One of them has ended.
    pub fn resident(&self) -> Result<u64, Error> {
        self.memory(|status| status.vmrss)
    }

    /// The most memory that they have held, likewise.
    ///
    /// # Errors
    ///
    /// One of them has ended.
    pub fn peak_resident(&self) -> Result<u64, Error> {
        self.memory(|status| status.vmhwm)
    }

    fn memory(&self, kibibytes: fn(Status) -> Option<u64>) -> Result<u64, Error> {
        let mut sum = 0;
        for id in &self.family {
            let status = Status::from_file(format!("/proc/{id}/status"))?;
            sum += kibibytes(status).ok_or_else(|| format!("process {id} holds no memory"))?;
        }
        Ok(sum * 1024)
    }

    fn stop(&mut self) -> io::Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > STOP {
                self.child.kill()?;
                self.child.wait()?;
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("process {} cannot be stopped: {error}", self.child.id());
        }
    }
}

/// So many bytes in MiB.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a tenth is printed")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
