//! What the crate promises, through its public API: a module for each subject.

#[cfg(all(feature = "document", feature = "mutation"))]
mod admission_review;
#[cfg(all(feature = "cel", feature = "mutation"))]
mod adversarial;
mod composition;
#[cfg(all(feature = "document", feature = "mutation"))]
mod document_admission;
#[cfg(feature = "document")]
mod document_errors;
#[cfg(feature = "document")]
mod document_rules;
#[cfg(feature = "cel")]
mod doubts;
#[cfg(all(
    feature = "cel",
    feature = "facts-file",
    feature = "mutation",
    feature = "schema"
))]
mod examples;
#[cfg(feature = "cel")]
mod facts;
#[cfg(all(feature = "facts-file", feature = "schema"))]
mod facts_file;
mod image_review;
mod json_readings;
#[cfg(feature = "document")]
mod known_resources;
mod limits;
#[cfg(feature = "mutation")]
mod mutation;
mod no_latest_tag;
#[cfg(feature = "document")]
mod patterns;
#[cfg(all(feature = "document", feature = "mutation"))]
mod pins;
#[cfg(feature = "document")]
mod pod_rules;
#[cfg(all(feature = "document", feature = "mutation"))]
mod properties;
#[cfg(feature = "oci-spec")]
mod references;
#[cfg(feature = "document")]
mod registries;
#[cfg(all(feature = "cel", feature = "mutation", feature = "schema"))]
mod schema;
#[cfg(feature = "cel")]
mod signed;
#[cfg(all(feature = "cel", feature = "mutation"))]
mod steps;
mod support;
#[cfg(feature = "document")]
mod unchanged;
#[cfg(feature = "document")]
mod unreadable_objects;
mod verdict;
#[cfg(all(feature = "document", feature = "mutation"))]
mod violations;
#[cfg(feature = "mutation")]
mod workloads;
