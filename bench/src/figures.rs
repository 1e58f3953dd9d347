//! The figures of `docs/benchmarks.md` that are measured in virtual time. Each part of the page
//! that is generated stands between two comments, and its plot is a file next to the page.

mod bisection;
mod chart;
mod large_runs;
mod network_conditions;
mod table;

use std::fs;
use std::path::PathBuf;

use wasmtime::Result;
use wasmtime::error::Context;

/// How to write the figures.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder for the page and the plots.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// The page, relative to the workspace.
const PAGE: &str = "docs/benchmarks.md";

/// Measures everything, and writes the page with its plots.
pub(crate) fn write(Arguments { out }: &Arguments) -> Result<()> {
    fs::create_dir_all(out)?;
    let mut page = fs::read_to_string(PAGE).context(PAGE)?;
    for (name, table) in [
        ("large-runs", large_runs::measure(&out.join("large-runs.svg"))?),
        ("network-conditions", network_conditions::measure(&out.join("network-conditions.svg"))?),
        ("bisection", bisection::measure(&out.join("bisection.svg"))?),
    ] {
        println!("{table}\n");
        page = replace(&page, name, &format!("{table}\n")).with_context(|| format!("{PAGE} has no part {name}"))?;
    }
    fs::write(out.join("benchmarks.md"), page)?;
    Ok(())
}

/// The page with another text between `<!-- NAME -->` and `<!-- /NAME -->`.
fn replace(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_part_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\nkept\n<!-- /y -->\n";
        let replaced = "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n<!-- y -->\nkept\n<!-- /y -->\n";
        assert_eq!(replace(page, "x", "new\n").as_deref(), Some(replaced));
        assert_eq!(replace(page, "z", "new"), None);
    }
}
