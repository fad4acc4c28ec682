//! Why a text is no reference.

use std::fmt;

use crate::{
    language::{Language, Message},
    quote::Quoted,
};

/// The text is no image reference, or one that readers disagree about.
///
/// ```
/// use imagereview_core::{ImageRef, ReferenceErrorKind};
///
/// let error = ImageRef::parse("team//app").unwrap_err();
/// assert_eq!(error.kind(), ReferenceErrorKind::EmptyComponent);
/// assert_eq!(error.position(), 5);
/// assert_eq!(error.to_string(), r#"at byte 5 ("/app"): a part of the name is empty"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    kind: ReferenceErrorKind,
    position: usize,
    /// The start of the text from `position` on.
    excerpt: Box<str>,
}

impl std::error::Error for ReferenceError {}

/// What is wrong with a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceErrorKind {
    /// There is no text.
    Empty,
    /// A character that is not allowed where it is.
    InvalidCharacter,
    /// Two slashes, or a slash or colon at an end: a part of the name has no text.
    EmptyComponent,
    /// A `.`, `_` or `-` that is not between letters or digits, or too many of them.
    MisplacedSeparator,
    /// The repository has upper-case letters; registries take only lower case.
    UppercaseRepository,
    /// The repository is longer than 255 bytes.
    RepositoryTooLong,
    /// The host is longer than 255 bytes, its port included. The node's grammar takes it, but no such
    /// name can be looked up.
    HostTooLong,
    /// The first part has upper-case letters and neither dot nor port: the node takes it for a
    /// registry, `oci-spec` for a Docker Hub namespace.
    UppercaseHost,
    /// The first part has a dot and an underscore: the node finds no host in it, `oci-spec` does.
    UnderscoreInHost,
    /// 64 hexadecimal digits and nothing else: the node refuses it, as it could be an image's
    /// identifier; `oci-spec` takes it for a repository.
    BareIdentifier,
    /// `sha256:` and hexadecimal digits: the grammar has it as a Docker Hub name with a tag, but the
    /// node first looks for an image that it already holds with that identifier.
    ImageId,
    /// It begins with a scheme, such as `https://` or `docker://`, as a URL or an argument of some tools
    /// does.
    Scheme,
    /// A port that is not a number.
    InvalidPort,
    /// A host in brackets that is not an IPv6 address followed by an optional port and a path.
    InvalidIpv6Host,
    /// A `:` with no tag after it.
    EmptyTag,
    /// The tag is longer than 128 bytes.
    TagTooLong,
    /// The tag starts with `.` or `-`.
    TagStart,
    /// A tag with a letter or digit outside ASCII: the node refuses it, `oci-spec` accepts it.
    NonAsciiTag,
    /// A digest whose algorithm is none of `sha256`, `sha384`, `sha512`.
    DigestAlgorithm,
    /// A digest whose hash has the wrong number of digits for its algorithm.
    DigestLength,
    /// A digest with upper-case digits: the node refuses it, `oci-spec` accepts it.
    UppercaseDigest,
}

impl ReferenceErrorKind {
    /// Whether the text means different things to different readers, rather than nothing to all
    /// of them.
    #[must_use]
    pub fn is_ambiguous(self) -> bool {
        matches!(
            self,
            Self::UppercaseHost
                | Self::UnderscoreInHost
                | Self::BareIdentifier
                | Self::ImageId
                | Self::NonAsciiTag
                | Self::UppercaseDigest
        )
    }

    fn message(self) -> Message {
        let (english, chinese) = match self {
            Self::Empty => ("the image reference is empty", "镜像引用为空"),
            Self::InvalidCharacter => (
                "a character is not allowed in an image reference",
                "镜像引用含有不允许的字符",
            ),
            Self::EmptyComponent => ("a part of the name is empty", "名称中有空的部分"),
            Self::MisplacedSeparator => (
                "a separator must be one \".\", one or two \"_\", or dashes, between letters or digits",
                "分隔符必须是一个\".\"、一个或两个\"_\"或若干\"-\",并位于字母或数字之间",
            ),
            Self::UppercaseRepository => (
                "the repository has upper-case letters, which no registry takes; write it in lower case",
                "仓库名含有大写字母;请用小写",
            ),
            Self::RepositoryTooLong => (
                "the repository is longer than 255 bytes",
                "仓库名超过255字节",
            ),
            Self::HostTooLong => (
                "the registry is longer than 255 bytes, and no such host can be looked up",
                "镜像仓库主机超过255字节,无法解析",
            ),
            Self::UppercaseHost => (
                "the first part has upper-case letters: the node takes it for a registry, other \
                 readers for a Docker Hub namespace; write it in lower case",
                "第一部分含有大写字母:节点视其为镜像仓库主机,其他程序视其为Docker Hub命名空间;请用小写",
            ),
            Self::UnderscoreInHost => (
                "the first part has an underscore and a dot or port: the node finds no registry in it, other \
                 readers do; write the registry in front of it",
                "第一部分含有下划线和点或端口:节点不视其为镜像仓库主机,其他程序则视其为主机;请写明镜像仓库",
            ),
            Self::BareIdentifier => (
                "64 hexadecimal digits could be an image's identifier, which the node refuses and other \
                 readers take for a repository; write the registry in front of it",
                "64位十六进制数可能是镜像标识:节点拒绝,其他程序视其为仓库名;请写明镜像仓库",
            ),
            Self::ImageId => (
                "it could be the identifier of an image that the node already holds, from whatever \
                 registry; name the registry and repository",
                "可能是节点上已有镜像的标识,其来源无从得知;请写明镜像仓库和仓库名",
            ),
            Self::Scheme => (
                "it begins with a scheme, and an image reference has none; leave out all up to \"://\"",
                "镜像引用不能以协议开头;请去掉\"://\"及其之前的部分",
            ),
            Self::InvalidPort => ("the port is not a number", "端口不是数字"),
            Self::InvalidIpv6Host => (
                "the host in brackets is not an IPv6 address followed by an optional port and a path",
                "方括号中的主机不是IPv6地址,或其后缺少端口或路径",
            ),
            Self::EmptyTag => ("no tag follows the colon", "冒号后没有标签"),
            Self::TagTooLong => ("the tag is longer than 128 bytes", "标签超过128字节"),
            Self::TagStart => (
                "the tag starts with \".\" or \"-\"",
                "标签以\".\"或\"-\"开头",
            ),
            Self::NonAsciiTag => (
                "the tag has a character outside ASCII, which the node refuses and other readers may \
                 accept",
                "标签含有非ASCII字符:节点拒绝,其他程序可能接受",
            ),
            Self::DigestAlgorithm => (
                "the digest's algorithm is none of sha256, sha384 and sha512",
                "摘要算法不是sha256、sha384或sha512",
            ),
            Self::DigestLength => (
                "the digest has the wrong number of digits for its algorithm",
                "摘要位数与其算法不符",
            ),
            Self::UppercaseDigest => (
                "the digest has upper-case digits, which the node refuses and other readers accept; \
                 write it in lower case",
                "摘要含有大写数字:节点拒绝,其他程序接受;请用小写",
            ),
        };
        Message::new(english, chinese)
    }
}

impl ReferenceError {
    /// How much of the text is shown, in characters.
    const EXCERPT_LEN: usize = 40;

    #[cold]
    pub(super) fn new(kind: ReferenceErrorKind, text: &str, position: usize) -> Self {
        let excerpt = text[position..].chars().take(Self::EXCERPT_LEN).collect();
        Self {
            kind,
            position,
            excerpt,
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> ReferenceErrorKind {
        self.kind
    }

    /// Where it is wrong: an offset into the text, in bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The explanation, in both languages.
    #[must_use]
    pub fn message(&self) -> Message {
        let message = self.kind.message();
        let english = message.text(Language::English);
        let chinese = message.text(Language::Chinese);
        if self.excerpt.is_empty() {
            let position = self.position;
            return Message::from(format!("at byte {position}: {english}"))
                .with(Language::Chinese, format!("{chinese}(字节{position})"));
        }
        let (position, excerpt) = (self.position, Quoted(&self.excerpt));
        Message::from(format!("at byte {position} ({excerpt}): {english}")).with(
            Language::Chinese,
            format!("{chinese}(字节{position}:{excerpt})"),
        )
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().text(Language::English))
    }
}

/// The reference is valid, but `oci-spec` has no value for it: its host is an IPv6 address.
#[cfg(feature = "oci-spec")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("oci-spec has no reference for the IPv6 host {0}")]
pub struct NotOci(Box<str>);

#[cfg(feature = "oci-spec")]
impl NotOci {
    pub(super) fn new(host: &str) -> Self {
        Self(host.into())
    }

    /// The host, in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0
    }
}
