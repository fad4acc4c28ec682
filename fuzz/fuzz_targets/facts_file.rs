//! Any bytes as a file of facts: refused with a line or a field, or read; and what is read is written
//! and read again as the same.

#![no_main]

use std::time::SystemTime;

use imagereview_core::{
    ImageRef,
    facts::{Fact, Facts},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let facts = match Facts::from_file(bytes) {
        Ok(facts) => facts,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for (name, fact) in facts.iter() {
        let image = ImageRef::parse(name).expect("each is under a full name");
        assert_eq!(facts.image(&image), Some(fact), "{name}");
        if let Fact::Known(known) = fact {
            assert_eq!(facts.digest(&image), Some(known.digest.as_str()), "{name}");
        }
    }
    // A time may be out of the range that is written.
    if let Ok(file) = facts.to_file(SystemTime::UNIX_EPOCH, "fuzz") {
        let again = Facts::from_file(file.as_bytes()).expect("what is written is read");
        assert_eq!(again, facts);
    }
});
