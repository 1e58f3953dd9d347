//! All mutants, grouped by what they do wrong.

mod end;
mod reader;
mod report;
mod send;
mod turns;

use crate::mutant::Mutant;
use crate::subject::Mode;

/// Every mutant of the plugin and the reader.
pub fn mutants() -> Vec<Mutant> {
    let mutants = [report::MUTANTS, end::MUTANTS, send::MUTANTS].into_iter().flatten().copied();
    let played = |mutants: &'static [Mutant], mode| mutants.iter().map(move |mutant| mutant.played(mode));
    let others = played(turns::MUTANTS, Mode::ManyInstances).chain(played(reader::MUTANTS, Mode::Lists));
    mutants.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant::source;

    #[test]
    fn every_mutant_applies_to_the_source() {
        let (plugin, reader) = (source(Mode::Calls).unwrap(), source(Mode::Lists).unwrap());
        let source = |mutant: &Mutant| if mutant.mode == Mode::Lists { &reader } else { &plugin };
        let failed: Vec<String> = mutants()
            .iter()
            .filter_map(|mutant| Some(format!("{}: {:?}", mutant.name, mutant.change(source(mutant)).err()?)))
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
