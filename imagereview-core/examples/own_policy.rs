//! A policy of one's own, composed with the built-in one, over images given as arguments.
//!
//! ```sh
//! cargo run -p imagereview-core --example own_policy -- nginx:1.27 registry.example.com/app:latest
//! ```

use imagereview_core::{
    Language, Message, Mode, NoLatestTag, Policy, Review, Verdict, Violation, decide,
};

/// Images come from one registry.
struct OnlyFrom {
    registry: &'static str,
}

impl Policy for OnlyFrom {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        Verdict::for_each_image(review, |image| {
            // Letters of a host mean the same in either case.
            let registry = image.reference().registry();
            if registry.eq_ignore_ascii_case(self.registry) {
                return None;
            }
            let reason = Message::from(format!("registry {registry:?} is not allowed"))
                .with(Language::Chinese, format!("不允许使用仓库主机{registry:?}"));
            let remedy = format!("use an image of {}", self.registry);
            Some(Violation::new("own-registry", image, reason).with_remedy(remedy))
        })
    }
}

fn main() {
    let images: Vec<String> = std::env::args().skip(1).collect();
    let review: Review<'_> = images.iter().map(String::as_str).collect();

    let own_registry = OnlyFrom {
        registry: "registry.example.com",
    };
    // The tag is denied; the registry, being tried out, is only warned of.
    let policy = NoLatestTag.and(own_registry.in_mode(Mode::Warn));

    let verdict = decide(&policy, &review);
    println!("{}", verdict.reason(Language::English));
    for violation in verdict.warnings() {
        println!("warning: {}", violation.describe(Language::English));
    }
    if !verdict.is_allowed() {
        std::process::exit(1);
    }
}
