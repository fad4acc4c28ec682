//! HTTP/2 against the rules and against good manners.

use crate::{
    faults::{Abuse, Outcome},
    harness::{PROTOCOLS, Pki},
    load::Load,
    webhook::{ALLOWED, Webhook},
};

/// How much memory may stay with the process after it was abused: what its allocator keeps.
const KEPT: usize = 16 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abuse_of_http2_ends_its_connection_and_disturbs_nobody() {
    let pki = Pki::new();
    let webhook = Webhook::start(&pki, &[]).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let load = PROTOCOLS
        .map(|protocol| Load::start(pki.client(None), webhook.address, protocol, 1, &[ALLOWED]));
    let mut surprises = Vec::new();
    for abuse in Abuse::all() {
        let outcome = abuse.commit(&client, webhook.address).await;
        println!("{}: {outcome:?}", abuse.name);
        let as_expected = match outcome {
            // Without an error it would be the end of any connection.
            Outcome::Ended(code) => code != Some(0),
            Outcome::GoesOn => !abuse.must_end,
        };
        if !as_expected {
            surprises.push(format!("{}: {outcome:?}", abuse.name));
        }
        for load in &load {
            load.has_answered(2).await;
        }
    }
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        let figures = load.stop().await;
        println!("beside it, {protocol:?}: {figures}");
        figures.assert_none_lost();
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    webhook.answers(&client).await;
    let after = webhook.lets_go(before).await;
    println!("before: {before}; after: {after}");
    assert!(after.memory < before.memory + KEPT, "{before}; {after}");
    webhook.stops().await;
}
