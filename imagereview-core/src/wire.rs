//! The requests of an API server and what is sent back: bytes ⇄ [`Review`](crate::Review).

mod admission_response;
pub mod admission_review;
pub mod image_review;

pub use self::{
    admission_response::{AdmissionResponse, WARNING_LIMIT, WARNINGS_LIMIT},
    admission_review::AdmissionReview,
    image_review::{ImageReview, ImageReviewResponse},
};
