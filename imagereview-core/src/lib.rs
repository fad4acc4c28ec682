//! Decides whether container images may run in Kubernetes.
