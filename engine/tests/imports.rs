//! The wings of the engine import each other one way, and no files import each other in a circle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The wings, and the wings that each may import. Whatever stands beside them may be imported by
/// all.
const WINGS: [(&str, &[&str]); 6] = [
    ("query", &["call", "limit", "http", "contract"]),
    ("call", &["limit", "http", "contract"]),
    ("limit", &["contract"]),
    ("http", &["contract"]),
    ("contract", &[]),
    ("", &[]),
];

/// The modules of the engine, each with the modules that it imports outside its tests.
fn imports() -> BTreeMap<String, Vec<String>> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let root = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let module = path.strip_prefix(&root).unwrap().with_extension("");
                texts.insert(module.to_str().unwrap().replace('/', "::"), fs::read_to_string(path).unwrap());
            }
        }
    }
    let module_of = |path: &str| {
        let parents = path.match_indices("::").map(|(end, _)| &path[..end]);
        parents.chain([path]).filter(|module| texts.contains_key(*module)).last().map(str::to_owned)
    };
    let imports_of = |text: &str| {
        let uses = text.split("#[cfg(test)]").next().unwrap().split("use crate::").skip(1);
        let uses = uses.map(|rest| rest.split_once(';').expect("the end of the import").0);
        let paths = uses.flat_map(|path| {
            let (folder, names) = path.split_once('{').unwrap_or((path, ""));
            names.trim_end_matches('}').split(',').map(move |name| format!("{folder}{}", name.trim()))
        });
        paths.filter_map(|path| module_of(&path)).collect()
    };
    texts.iter().map(|(module, text)| (module.clone(), imports_of(text))).collect()
}

#[test]
fn wings_import_one_way_and_no_files_in_a_circle() {
    let mut imports = imports();
    let wing =
        |module: &str| WINGS.iter().find(|(wing, _)| module.split("::").next() == Some(wing)).map_or("", |it| it.0);
    for (module, imported) in imports.iter().flat_map(|(module, all)| all.iter().map(move |one| (module, one))) {
        let (from, to) = (wing(module), wing(imported));
        let allowed = WINGS.iter().find(|(wing, _)| *wing == from).unwrap().1;
        assert!(from == to || to.is_empty() || allowed.contains(&to), "{module} imports {imported}");
    }
    // Modules without imports are removed until nothing is left. A circle would remain.
    while let Some(module) = imports.iter().find(|(_, all)| all.is_empty()).map(|(module, _)| module.clone()) {
        imports.remove(&module);
        imports.values_mut().for_each(|all| all.retain(|imported| *imported != module));
    }
    assert!(imports.is_empty(), "a circle: {imports:?}");
}
