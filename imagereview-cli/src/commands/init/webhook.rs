//! The two webhooks of admission.

/// Which of the two objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Webhook {
    Validating,
    Mutating,
}

impl Webhook {
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Validating => "validating_webhook.yaml",
            Self::Mutating => "mutating_webhook.yaml",
        }
    }

    /// The folder of its file, where the API server is to read it from its disk: one folder for each kind of object.
    pub(super) fn folder(self, is_static: bool) -> Option<&'static str> {
        is_static.then_some(match self {
            Self::Validating => "validating_webhooks",
            Self::Mutating => "mutating_webhooks",
        })
    }

    /// The admission plugin that calls it.
    pub(super) fn plugin(self) -> &'static str {
        match self {
            Self::Validating => "ValidatingAdmissionWebhook",
            Self::Mutating => "MutatingAdmissionWebhook",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Validating => "ValidatingWebhookConfiguration",
            Self::Mutating => "MutatingWebhookConfiguration",
        }
    }

    /// The name of the webhook in its object: a qualified name of at least three parts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Validating => "validate.imagereview.internal",
            Self::Mutating => "mutate.imagereview.internal",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Validating => "/validate",
            Self::Mutating => "/mutate",
        }
    }
}
