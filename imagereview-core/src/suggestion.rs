//! The known name that was meant.

/// How long a name may be that is compared with known ones, in bytes.
const MAX_SUGGESTED_LEN: usize = 64;

/// `; did you mean …?` where a name is near enough to be meant.
pub(crate) fn suggestion(written: &str, known: &[&str]) -> String {
    if written.len() > MAX_SUGGESTED_LEN {
        return String::new();
    }
    let near = known
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .min();
    match near {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => {
            format!("; did you mean {name:?}?")
        }
        _ => String::new(),
    }
}
