//! A policy document from a string: compiled, then explained for one image.
//!
//! ```sh
//! cargo run -p imagereview-core --example document -- nginx:1.27
//! ```

use imagereview_core::{ImagePolicy, Language, PolicySource, Review};

const POLICY: &str = r#"
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata:
  name: example
rules:
  - name: fixed-tags
    tags:
      deny: [$mutable, "*-SNAPSHOT"]
  - name: own-registry
    registries:
      allow: [registry.example.com]
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The name stands before each mistake: policy.yaml:7:5: …
    let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", POLICY)])?;

    let images: Vec<String> = std::env::args().skip(1).collect();
    let review: Review<'_> = images.iter().map(String::as_str).collect();
    let explanation = policy.explain(&review);
    for image in explanation.images() {
        println!("{}", image.full_name());
        for step in image.steps() {
            let why = step.why().text(Language::English);
            println!("  {}: {:?}, {why}", step.rule(), step.outcome());
        }
    }
    println!("{}", explanation.verdict().reason(Language::English));
    Ok(())
}
