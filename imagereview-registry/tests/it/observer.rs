//! What a client reports of its work.

use std::sync::{Arc, Mutex};

use imagereview_core::facts::{Cause, Fact};
use imagereview_registry::{Asked, Client, Keyring, Limits, Lookup, Observer, Outcome, Registries};

use crate::harness::{Registry, Store, digest, facts, known, status};

#[derive(Default)]
struct Notes {
    asked: Mutex<Vec<(String, bool, Outcome)>>,
    looked_up: Mutex<Vec<Lookup>>,
}

impl Notes {
    fn asked(&self) -> Vec<(String, bool, Outcome)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn looked_up(&self) -> Vec<Lookup> {
        std::mem::take(&mut *self.looked_up.lock().unwrap())
    }
}

impl Observer for Notes {
    fn asked(&self, asked: &Asked<'_>) {
        let note = (asked.registry.to_owned(), asked.is_listed, asked.outcome);
        self.asked.lock().unwrap().push(note);
    }

    fn looked_up(&self, lookup: Lookup) {
        self.looked_up.lock().unwrap().push(lookup);
    }
}

#[tokio::test]
async fn requests_and_look_ups_are_reported() {
    let notes = Arc::new(Notes::default());
    let (good, bad) = (
        Registry::of(Store::one_image()).await,
        Registry::serve(|_| status(500)).await,
    );
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: Registries\nregistries: [{{host: '{}'}}]",
        good.address
    );
    let registries = Registries::parse("r.yaml".as_ref(), &text).unwrap();
    let client = Client::observed(
        registries.with_localhost(),
        Keyring::new(),
        Limits::default(),
        Arc::clone(&notes) as Arc<dyn Observer>,
    );
    let name = good.image("a/b:v1");
    known(facts(&client, &name).await);
    let host = good.address.to_string();
    let found = (host.clone(), true, Outcome::Found);
    assert_eq!(
        notes.asked(),
        [found.clone(), found],
        "the manifest, then the configuration"
    );
    known(facts(&client, &name).await);
    assert_eq!(notes.asked(), []);
    assert_eq!(notes.looked_up(), [Lookup::Missed, Lookup::Hit]);

    assert_eq!(digest(&client, &good.image("a/b:v2")).await, Fact::Absent);
    assert_eq!(notes.asked(), [(host, true, Outcome::Absent)]);
    assert!(
        digest(&client, &bad.image("a/b:v1"))
            .await
            .known()
            .is_none()
    );
    let failed = Outcome::Unavailable(Cause::Failed);
    assert_eq!(notes.asked(), [(bad.address.to_string(), false, failed)]);
    assert_eq!(failed.to_string(), "failed");
}
