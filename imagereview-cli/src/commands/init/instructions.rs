//! The text that says what goes where.

use std::net::IpAddr;

use imagereview_pki::SubjectName;
use serde_saphyr::ser::Error;

use super::{
    args::InitArgs,
    certificates::Certificates,
    file_names::{
        ADMISSION_CONFIGURATION, CA_CERTIFICATE, CA_KEY, CLIENT_CERTIFICATE, CLIENT_KEY,
        KUBECONFIG, SERVER_CERTIFICATE, SERVER_KEY,
    },
    webhook::Webhook,
    yaml::yaml,
};

/// The contents of `README.txt`.
pub(super) fn instructions(args: &InitArgs, certificates: &Certificates) -> Result<String, Error> {
    let port = args.server.port();
    let listen = match args.server.host() {
        // A shell would take the brackets for a pattern.
        SubjectName::Ip(IpAddr::V6(_)) => format!("'[::]:{port}'"),
        _ => format!("0.0.0.0:{port}"),
    };
    let when_unreachable = if args.default_allow {
        "approves every image"
    } else {
        "denies every image, so creates no pod,"
    };
    // Go's JSON can make a review six times as long as the 3 MiB that an API server takes. One that
    // is not read is no verdict, and with --default-allow that would let the pod in.
    let options = if args.default_allow {
        " --max-body-bytes 20971520"
    } else {
        ""
    };
    let admission_configuration = args.mount_path.join(ADMISSION_CONFIGURATION);
    let flag = format!("--admission-control-config-file={admission_configuration}");
    let webhooks: Vec<&str> = args.webhooks().map(Webhook::file_name).collect();
    let webhooks = if webhooks.is_empty() {
        String::new()
    } else if args.is_static {
        let folders: Vec<&str> = args
            .webhooks()
            .filter_map(|one| one.folder(args.is_static))
            .collect();
        format!(
            include_str!("static_webhook_instructions.txt"),
            folders = folders.join("\n    "),
            mount_path = args.mount_path,
            admission_configuration = ADMISSION_CONFIGURATION,
            options = options,
            listen = listen,
            server_certificate = SERVER_CERTIFICATE,
            server_key = SERVER_KEY
        )
    } else {
        let apply = webhooks.join(" -f ");
        match &args.service {
            Some(service) => format!(
                include_str!("service_instructions.txt"),
                namespace = service.namespace(),
                name = service.name(),
                port = service.port(),
                apply = apply,
                options = if args.default_allow {
                    " \\\n        --set-json 'options=[\"--max-body-bytes=20971520\"]'"
                } else {
                    ""
                },
                server_certificate = SERVER_CERTIFICATE,
                server_key = SERVER_KEY,
                ca_certificate = CA_CERTIFICATE,
            ),
            None => format!(
                include_str!("webhook_instructions.txt"),
                apply = apply,
                options = options,
                listen = listen,
                server_certificate = SERVER_CERTIFICATE,
                server_key = SERVER_KEY
            ),
        }
    };
    Ok(format!(
        include_str!("instructions.txt"),
        webhooks = webhooks,
        server = args.server,
        end = certificates.end(),
        listen = listen,
        when_unreachable = when_unreachable,
        options = options,
        ca_certificate = CA_CERTIFICATE,
        ca_key = CA_KEY,
        server_certificate = SERVER_CERTIFICATE,
        server_key = SERVER_KEY,
        client_certificate = CLIENT_CERTIFICATE,
        client_key = CLIENT_KEY,
        admission_configuration = ADMISSION_CONFIGURATION,
        kubeconfig = KUBECONFIG,
        mount_path = args.mount_path,
        mount_path_yaml = yaml(&args.mount_path.as_str())?.trim_end(),
        config_file_flag_yaml = yaml(&flag)?.trim_end(),
    ))
}
