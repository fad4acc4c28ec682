//! The words around the reasons, in each language.

use imagereview_core::{ContainerKind, Language, Message, Mode};

use crate::{
    engine::{Count, ReviewedDocument, ReviewedImage, UsedExemption},
    terminal::OneLine,
};

pub(super) static IMAGE: Message = Message::new("image", "镜像");
pub(super) static OBJECT: Message = Message::new("object", "对象");
pub(super) static LOCATION: Message = Message::new("location", "位置");
pub(super) static PATH: Message = Message::new("path", "路径");
pub(super) static RULE: Message = Message::new("rule", "规则");
pub(super) static VERDICT: Message = Message::new("verdict", "结论");
static CONTAINER: Message = Message::new("container", "容器");
static IMAGE_VOLUME: Message = Message::new("image volume", "镜像卷");
pub(super) static HELP: Message = Message::new("help", "帮助");
static DENIED: Message = Message::new("denied", "拒绝");
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

/// What comes of an image.
pub(super) fn verdict(image: &ReviewedImage) -> &'static Message {
    image.worst().map_or(&ALLOWED, consequence)
}

/// What a document is called. Names of objects are the same in each language.
pub(super) fn title(document: &ReviewedDocument, language: Language) -> String {
    static COMPOSE: Message = Message::new("Compose file", "Compose 文件");
    static OBJECT: Message = Message::new("an object", "一个对象");

    let title = &*document.title;
    let known = [&COMPOSE, &OBJECT];
    let known = known
        .into_iter()
        .find(|known| known.text(Language::English) == title);
    OneLine(known.map_or(title, |known| known.text(language))).to_string()
}

/// What an image is in its object: its container or volume with its name, or else its JSON path.
pub(super) fn part(image: &ReviewedImage, language: Language) -> String {
    match &image.container {
        Some(name) => {
            let word = match image.kind {
                ContainerKind::Volume => &IMAGE_VOLUME,
                _ => &CONTAINER,
            };
            format!("{} {}", word.text(language), OneLine(name))
        }
        None => OneLine(&image.path).to_string(),
    }
}

/// An exemption that was used: its name, the rule that it covers, and why there is one.
pub(crate) fn exemption(used: &UsedExemption, language: Language) -> String {
    let UsedExemption {
        exemption,
        rule,
        reason,
    } = used;
    Message::from(format!("exempted from {rule} by {exemption}: {reason}"))
        .with(
            Language::Chinese,
            format!("{exemption} 豁免规则 {rule}:{reason}"),
        )
        .text(language)
        .to_owned()
}

/// An exemption that was used, and how often.
pub(super) fn exemption_with_count(
    used: &UsedExemption,
    count: usize,
    language: Language,
) -> String {
    let times = Message::from(format!(" ({})", Count(count, "time")))
        .with(Language::Chinese, format!("({count} 次)"));
    exemption(used, language) + times.text(language)
}

/// A part of a whole: `container web of Pod a`.
pub(super) fn part_of(part: &str, whole: &str, language: Language) -> String {
    Message::from(format!("{part} of {whole}"))
        .with(Language::Chinese, format!("{whole}的{part}"))
        .text(language)
        .to_owned()
}
