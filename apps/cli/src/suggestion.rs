//! Suggestions for names that do not exist.

/// Least similarity of a name to be suggested, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The known names like this one, or only those of them that have all its parts, with the prefix
/// that users write: `: did you mean X, Y or Z?`, or nothing.
pub(crate) fn suggest<'a>(prefix: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for known in known.filter(|known| strsim::jaro_winkler(name, known) >= MIN_SIMILARITY) {
        if !names.contains(&known) {
            names.push(known);
        }
    }
    let has_every_part = |known: &&str| name.split('-').all(|part| known.contains(part));
    if names.iter().any(has_every_part) {
        names.retain(has_every_part);
    }
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => format!(": did you mean {prefix}{last}?"),
        Some((last, names)) => {
            format!(": did you mean {prefix}{} or {prefix}{last}?", names.join(&format!(", {prefix}")))
        }
    }
}
