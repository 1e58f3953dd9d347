//! Suggestions for names that do not exist.

/// Least similarity of a name to be suggested, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The known names like this one, with the prefix that users write: `: did you mean X or Y?`, or nothing.
pub(crate) fn suggest<'a>(prefix: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for known in known.filter(|known| strsim::jaro_winkler(name, known) >= MIN_SIMILARITY) {
        if !names.contains(&known) {
            names.push(known);
        }
    }
    if names.is_empty() {
        String::new()
    } else {
        format!(": did you mean {prefix}{}?", names.join(&format!(" or {prefix}")))
    }
}
