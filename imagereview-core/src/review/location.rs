//! The location of an image in a request.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{language::Language, object::ContainerKind, quote::Quoted};

/// The location of an image: its JSON path, and the container's kind and name if the request has
/// them.
///
/// ```
/// use imagereview_core::{ContainerKind, Location};
///
/// let location = Location::new("spec.template.spec.initContainers", 1, "image")
///     .with_kind(ContainerKind::Init)
///     .with_container("migrate");
/// assert_eq!(location.path().to_string(), "spec.template.spec.initContainers[1].image");
/// assert_eq!(
///     location.to_string(),
///     r#"container "migrate", spec.template.spec.initContainers[1].image"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location<'a> {
    /// The path of the list; the whole path where there is no `index`.
    list: Cow<'a, str>,
    index: Option<usize>,
    field: &'static str,
    kind: ContainerKind,
    container: Option<Cow<'a, str>>,
}

impl<'a> Location<'a> {
    /// The image in `field` of the element at `index` (from 0) of the list at the JSON path
    /// `list`. An empty `field` means the element itself.
    #[must_use]
    pub fn new(list: impl Into<Cow<'a, str>>, index: usize, field: &'static str) -> Self {
        Self {
            list: list.into(),
            index: Some(index),
            field,
            kind: ContainerKind::Unknown,
            container: None,
        }
    }

    /// The image at a JSON path of any form.
    ///
    /// ```
    /// # use imagereview_core::Location;
    /// let location = Location::at("spec.templates[2].container.image");
    /// assert_eq!(location.to_string(), "spec.templates[2].container.image");
    /// ```
    #[must_use]
    pub fn at(path: impl Into<Cow<'a, str>>) -> Self {
        Self {
            list: path.into(),
            index: None,
            field: "",
            kind: ContainerKind::Unknown,
            container: None,
        }
    }

    /// Sets the kind of container.
    #[must_use]
    pub fn with_kind(mut self, kind: ContainerKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the container's name.
    #[must_use]
    pub fn with_container(mut self, name: impl Into<Cow<'a, str>>) -> Self {
        self.container = Some(name.into());
        self
    }

    /// The kind of container.
    #[must_use]
    pub fn kind(&self) -> ContainerKind {
        self.kind
    }

    /// The container's name, if the request has it.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// The JSON path, to be displayed.
    #[must_use]
    pub fn path(&self) -> impl fmt::Display + '_ {
        Path(self)
    }

    /// What stays the same of a location when elements are added to its list or taken from it.
    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            kind: self.kind,
            container: self.container(),
            list: without_indices(&self.list),
            field: self.field,
        }
    }

    /// The container's name and the JSON path, to be displayed in a sentence of this language.
    ///
    /// ```
    /// # use imagereview_core::{ContainerKind, Language, Location};
    /// let location = Location::new("spec.containers", 0, "image").with_container("web");
    /// let shown = location.describe(Language::Chinese).to_string();
    /// assert_eq!(shown, r#"容器"web",spec.containers[0].image"#);
    /// let volume = location.with_kind(ContainerKind::Volume);
    /// let shown = volume.describe(Language::English).to_string();
    /// assert_eq!(shown, r#"image volume "web", spec.containers[0].image"#);
    /// ```
    #[must_use]
    pub fn describe(&self, language: Language) -> impl fmt::Display + '_ {
        Described(self, language)
    }

    /// The same location, borrowed from this one.
    #[must_use]
    pub(crate) fn as_borrowed(&self) -> Location<'_> {
        Location {
            list: Cow::Borrowed(&self.list),
            container: self.container.as_deref().map(Cow::Borrowed),
            ..*self
        }
    }

    /// The same location, borrowed from nothing.
    #[must_use]
    pub fn into_owned(self) -> Location<'static> {
        Location {
            list: Cow::Owned(self.list.into_owned()),
            index: self.index,
            field: self.field,
            kind: self.kind,
            container: self.container.map(|name| Cow::Owned(name.into_owned())),
        }
    }
}

/// In English.
impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(Language::English).fmt(f)
    }
}

/// `path`, `kind`, and `container` if the request has it.
impl Serialize for Location<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut location = serializer.serialize_struct("Location", 3)?;
        location.serialize_field("path", &format_args!("{}", self.path()))?;
        location.serialize_field("kind", self.kind.as_str())?;
        match self.container() {
            None => location.skip_field("container")?,
            Some(container) => location.serialize_field("container", container)?,
        }
        location.end()
    }
}

struct Described<'p>(&'p Location<'p>, Language);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(location, language) = self;
        if let Some(name) = location.container() {
            let is_volume = location.kind == ContainerKind::Volume;
            match language {
                Language::English if is_volume => write!(f, "image volume {}, ", Quoted(name)),
                Language::Chinese if is_volume => write!(f, "镜像卷{},", Quoted(name)),
                Language::English => write!(f, "container {}, ", Quoted(name)),
                Language::Chinese => write!(f, "容器{},", Quoted(name)),
            }?;
        }
        location.path().fmt(f)
    }
}

/// A location but for where in its list it is: what kind of container, of which name, in which list.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Standing<'p> {
    kind: ContainerKind,
    container: Option<&'p str>,
    list: Cow<'p, str>,
    field: &'static str,
}

/// A JSON path without the numbers of elements, as in `spec.steps[].image`.
fn without_indices(path: &str) -> Cow<'_, str> {
    if !path.contains('[') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('[');
    let mut shared = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shared.push('[');
        shared.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    Cow::Owned(shared)
}

struct Path<'p>(&'p Location<'p>);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location {
            list, index, field, ..
        } = self.0;
        f.write_str(list)?;
        if let Some(index) = index {
            write!(f, "[{index}]")?;
        }
        if !field.is_empty() {
            write!(f, ".{field}")?;
        }
        Ok(())
    }
}
