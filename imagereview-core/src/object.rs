//! Words about Kubernetes objects: their kinds, what is done to them and by whom, and why their images
//! cannot be known.

mod container_kind;
mod error;
mod kind;
mod operation;
mod pull_policy;
mod user;
mod value_type;

pub(crate) use self::kind::split_api_version;
pub use self::{
    container_kind::ContainerKind,
    error::{ObjectError, ObjectErrorKind},
    kind::ObjectKind,
    operation::Operation,
    pull_policy::PullPolicy,
    user::User,
    value_type::ValueType,
};
