//! Paths in the directories that a runtime grants. For components that read files.

/// The path relative to the directory with this name, if the directory contains it.
pub fn within<'a>(directory: &str, path: &'a str) -> Option<&'a str> {
    match directory.trim_end_matches('/') {
        "." => Some(plain(path)).filter(|path| !path.starts_with('/')),
        "" => path.strip_prefix('/'),
        directory => plain(path).strip_prefix(plain(directory))?.strip_prefix('/'),
    }
    .filter(|rest| !rest.is_empty())
}

/// The path without the names of the current directory at its beginning.
fn plain(mut path: &str) -> &str {
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_directory_that_contains_it() {
        let token = "/var/run/secrets/azure/tokens/azure-identity-token";
        let cases = [
            (".", "ids.txt", Some("ids.txt")),
            (".", "././a/ids.txt", Some("a/ids.txt")),
            (".", "/data/ids.txt", None),
            ("/", "/data/ids.txt", Some("data/ids.txt")),
            ("/data", "/data/ids.txt", Some("ids.txt")),
            ("/data/", "/data/ids.txt", Some("ids.txt")),
            ("/data", "/datafs/ids.txt", None),
            ("/data", "/data", None),
            ("/data", "ids.txt", None),
            ("data", "data/ids.txt", Some("ids.txt")),
            ("data", "./data/ids.txt", Some("ids.txt")),
            ("./data", "./data/ids.txt", Some("ids.txt")),
            ("./data/", "data/ids.txt", Some("ids.txt")),
            ("data", "data", None),
            ("/var/run/secrets/azure/tokens", token, Some("azure-identity-token")),
            ("/var/run/secrets/azure/token", token, None),
        ];
        for (directory, path, expected) in cases {
            assert_eq!(within(directory, path), expected, "{path} in {directory}");
        }
    }
}
