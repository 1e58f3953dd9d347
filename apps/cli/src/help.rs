//! The help, and the names of options in it.

use crate::suggestion::suggest;

/// The text of `--help`. Names of options are taken from it.
pub(crate) const HELP: &str = include_str!("help.txt");

/// The message about an option that the command does not have, or not in this place.
pub(crate) fn unknown_option(name: &str) -> String {
    match name {
        "dir" => return "invalid option '--dir': give --dir to the runtime, before the component".to_owned(),
        "check" => return "invalid option '--check': give --check first".to_owned(),
        name if option_names().any(|known| known == name) => {
            return format!("invalid option '--{name}': does not apply here");
        }
        _ => {}
    }
    format!("invalid option '--{name}'{}", suggest("--", name, option_names()))
}

/// The names in the column of the help that lists the options.
pub(crate) fn option_names() -> impl Iterator<Item = &'static str> {
    HELP.lines().filter_map(|line| line.get(6..)?.strip_prefix("--")?.split([' ', ',']).next())
}
