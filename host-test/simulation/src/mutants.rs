//! All mutants, grouped by what they do wrong.

mod end;
mod report;
mod send;
mod turns;

use crate::mutant::Mutant;

/// Every mutant of the plugin.
pub fn mutants() -> Vec<Mutant> {
    let mutants = [report::MUTANTS, end::MUTANTS, send::MUTANTS].into_iter().flatten().copied();
    mutants.chain(turns::MUTANTS.iter().map(|mutant| mutant.with_turns())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant::plugin_source;

    #[test]
    fn every_mutant_applies_to_the_source() {
        let source = plugin_source().unwrap();
        let failed: Vec<String> = mutants()
            .iter()
            .filter_map(|mutant| Some(format!("{}: {:?}", mutant.name, mutant.change(&source).err()?)))
            .collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = mutants().iter().map(|mutant| mutant.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
