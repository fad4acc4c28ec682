//! `imagereview init`: writes what the API server needs to call the webhook.

mod args;
mod certificates;
mod error;
mod file_names;
mod image_policy;
mod instructions;
mod mount_path;
mod server_url;
mod service;
mod webhook;
mod webhook_configuration;
mod yaml;

use std::{
    io::{self, Write},
    time::SystemTime,
};

use imagereview_pki::files::{FilesError, NewFile, Overwrite, Secrecy, write_all};

pub(crate) use self::{args::InitArgs, error::InitError};
use self::{
    certificates::Certificates,
    file_names::{ADMISSION_CONFIGURATION, INSTRUCTIONS, KUBECONFIG},
    webhook_configuration::webhook_configuration,
};

/// Writes the files and tells `out` which, and what to do next.
pub(crate) fn run(args: &InitArgs, now: SystemTime, out: &mut dyn Write) -> Result<(), InitError> {
    let certificates = Certificates::issue(args, now)?;
    let mut files = certificates.files(&args.out);
    for (name, contents) in [
        (
            ADMISSION_CONFIGURATION,
            image_policy::admission_configuration(args)?,
        ),
        (KUBECONFIG, image_policy::kubeconfig(args)?),
        (
            INSTRUCTIONS,
            instructions::instructions(args, &certificates)?,
        ),
    ] {
        files.push(NewFile::new(args.out.join(name), contents, Secrecy::Public));
    }

    for webhook in args.webhooks() {
        let ca_certificate = certificates.authority.certificate_pem();
        let contents = webhook_configuration(webhook, args, ca_certificate)?;
        let folder = args
            .out
            .join(webhook.folder(args.is_static).unwrap_or_default());
        let path = folder.join(webhook.file_name());
        files.push(NewFile::new(path, contents, Secrecy::Public));
    }

    let overwrite = if args.force {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    write_all(&files, overwrite).map_err(|error| match error {
        FilesError::Exist { .. } => InitError::Exist(error),
        error => InitError::Files(error),
    })?;
    write_summary(args, &certificates, &files, out).map_err(InitError::Output)
}

fn write_summary(
    args: &InitArgs,
    certificates: &Certificates,
    files: &[NewFile],
    out: &mut dyn Write,
) -> io::Result<()> {
    for file in files {
        writeln!(out, "wrote {}", file.path().display())?;
    }
    let assumed = if args.server.path_is_assumed() {
        " (the default path, because none was given)"
    } else {
        ""
    };
    writeln!(out, "the API server will call {}{assumed}", args.server)?;
    writeln!(out, "the certificates expire on {}", certificates.end())?;
    let instructions = args.out.join(INSTRUCTIONS);
    writeln!(out, "next: follow {}", instructions.display())
}
