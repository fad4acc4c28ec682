//! Tells how `imagereview-core` reads image references, for the comparison with the node's reading.
//!
//! It reads one JSON string per line and writes one JSON object per line: the parts, or the kind of the error.

use std::io::{self, BufRead, BufWriter, Write};

use imagereview_core::ImageRef;
use serde_json::json;

fn main() -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let reading = match ImageRef::parse(&text) {
            Ok(image) => json!({
                "domain": image.registry(),
                "path": image.repository().to_string(),
                "tag": image.tag(),
                "digest": image.digest().map(|digest| digest.to_string()),
            }),
            Err(error) => json!({ "error": format!("{:?}", error.kind()) }),
        };
        serde_json::to_writer(&mut output, &reading)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
