//! The words around the reasons, in each language.

use imagereview_core::{Language, Message, Mode};

use crate::engine::ReviewedImage;

pub(super) static IMAGE: Message = Message::new("image", "镜像");
pub(super) static OBJECT: Message = Message::new("object", "对象");
pub(super) static LOCATION: Message = Message::new("location", "位置");
pub(super) static PATH: Message = Message::new("path", "路径");
pub(super) static RULE: Message = Message::new("rule", "规则");
pub(super) static VERDICT: Message = Message::new("verdict", "结论");
pub(super) static CONTAINER: Message = Message::new("container", "容器");
pub(super) static HELP: Message = Message::new("help", "帮助");
pub(super) static DENIED: Message = Message::new("denied", "拒绝");
pub(super) static ALLOWED: Message = Message::new("allowed", "允许");
static WARNING: Message = Message::new("warning", "警告");
static AUDIT: Message = Message::new("audit", "审计");

/// What comes of an image that breaks a rule of this mode.
pub(super) fn consequence(mode: Mode) -> &'static Message {
    match mode {
        Mode::Enforce => &DENIED,
        Mode::Warn => &WARNING,
        Mode::Audit => &AUDIT,
    }
}

/// Whether an image may run.
pub(super) fn verdict(image: &ReviewedImage) -> &'static Message {
    if image.is_allowed() {
        &ALLOWED
    } else {
        &DENIED
    }
}

/// A part of a whole: `container web of Pod a`.
pub(super) fn part_of(part: &str, whole: &str, language: Language) -> String {
    Message::from(format!("{part} of {whole}"))
        .with(Language::Chinese, format!("{whole}的{part}"))
        .text(language)
        .to_owned()
}
