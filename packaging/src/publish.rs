//! Adds to a component what its users look for inside: name, version, description, license and
//! documentation.

use std::borrow::Cow;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Source, Version};
use wit_parser::{Resolve, WorldItem};

use crate::{strip_names, workspace};

/// What a published component contains about itself.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub description: &'static str,
    /// Its documentation. `None` for components that are plugged into others, because tools refuse
    /// a component in which more than one part contains documentation.
    pub docs: Option<&'a str>,
}

/// Turns a component as cargo built it into what is published.
///
/// # Errors
/// If the bytes are not a component.
pub fn publish(component: &[u8], about: About<'_>) -> Result<Vec<u8>> {
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(about.name.into());
    metadata.version = AddMetadataField::Set(Version::new(env!("CARGO_PKG_VERSION")));
    metadata.description = AddMetadataField::Set(Description::new(about.description));
    metadata.licenses = AddMetadataField::Set(Licenses::new(env!("CARGO_PKG_LICENSE"))?);
    // Empty unless the manifest of this crate has a `repository`.
    let repository = env!("CARGO_PKG_REPOSITORY");
    if !repository.is_empty() {
        metadata.source = AddMetadataField::Set(Source::new(repository)?);
    }
    let mut bytes = metadata.to_wasm(&strip_names(component)?)?;
    if let Some(docs) = about.docs {
        append_docs(&mut bytes, docs)?;
    }
    Ok(bytes)
}

/// The worlds in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// `plugin`
    Plugin,
    /// `plugin-with-turns`
    WithTurns,
    /// `reader`
    Reader,
}

/// Turns the component of a world as cargo built it into what is published.
///
/// # Errors
/// If the bytes are not a component, or if `wit/` does not parse.
pub fn publish_world(component: &[u8], world: World) -> Result<Vec<u8>> {
    let (name, description, world) = match world {
        World::Plugin => (
            "entra-risk",
            "Clears and confirms risk in Microsoft Entra ID Protection: actions of Microsoft Graph on thousands of ids",
            "plugin",
        ),
        World::WithTurns => (
            "entra-risk-with-turns",
            "entra-risk for many instances, which take turns to keep one limit",
            "plugin-with-turns",
        ),
        World::Reader => (
            "entra-risk-reader",
            "Lists what is at risk in Microsoft Entra ID Protection: users, sign-ins and service principals",
            "reader",
        ),
    };
    publish(component, About { name, description, docs: Some(&world_docs(world)?) })
}

/// The documentation in `wit/` that helps to choose a function: of the package, of a world, and of
/// the functions that it exports. Of interfaces and of methods it is the first paragraph; `wit/`
/// has the rest.
fn world_docs(name: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_path(workspace().join("wit"))?.0;
    let package = &resolve.packages[package];
    let world = package.worlds.get(name).context("no such world")?;
    let world = &resolve.worlds[*world];
    let mut docs: Vec<String> =
        [&package.docs, &world.docs].into_iter().filter_map(|docs| docs.contents.clone()).collect();
    for item in world.exports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        docs.extend(interface.docs.contents.as_deref().map(first_paragraph).map(str::to_owned));
        docs.extend(interface.functions.values().filter_map(|function| {
            let docs = function.docs.contents.as_deref()?;
            // The name of a method is `[method]resource.name`.
            Some(match function.name.rsplit_once(']') {
                Some((_, name)) => format!("{name}: {}", first_paragraph(docs)),
                None => format!("{}: {docs}", function.name),
            })
        }));
    }
    ensure!(!docs.is_empty(), "wit/ contains no documentation");
    Ok(docs.join("\n\n"))
}

fn first_paragraph(docs: &str) -> &str {
    docs.split("\n\n").next().unwrap_or(docs)
}

/// Adds documentation in the section that tools read. They call the world of a component `root`,
/// and refuse a section about anything that the component does not contain.
fn append_docs(bytes: &mut Vec<u8>, docs: &str) -> Result<()> {
    /// The version of the section's format.
    const FORMAT: u8 = 1;
    let mut data = vec![FORMAT];
    serde_json::to_writer(&mut data, &json!({ "worlds": { "root": { "docs": docs } } }))?;
    CustomSection { name: "package-docs".into(), data: Cow::Owned(data) }.append_to_component(bytes);
    Ok(())
}
