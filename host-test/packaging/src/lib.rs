//! What users get: the plugin, its token adapters, and the command and the gateway composed with them, each with its
//! name, version, description, licence, source and documentation inside.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wac_graph::EncodeOptions;
use wac_parser::Document;
use wac_resolver::{FileSystemPackageResolver, packages};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Source, Version};
use wasmparser::{Parser, Payload};
use wit_parser::{PackageId, Resolve, WorldItem};

use crate::engine::COMPONENT;

/// A component that users get.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Its name, which is also that of its file.
    pub name: &'static str,
    description: &'static str,
    make: Make,
    /// The folder of the WIT package that documents it. None for what is to be plugged into another component: tools
    /// refuse a component in which more than one part brings documentation.
    wit: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Make {
    /// A component as it was built.
    Part(&'static str),
    /// A composition of the plugin with a front and a token adapter, each the name of a file in `compose/` or the path
    /// of a component.
    Composition { wac: &'static str, front: &'static str, token: &'static str },
}

const CLI: &str = env!("ENTRA_RISK_CLI_WASM");
const GATEWAY: &str = env!("ENTRA_RISK_GATEWAY_WASM");

/// The adapter that takes the token from the environment.
pub const ENV_TOKEN: &str = env!("ENTRA_RISK_ENV_TOKEN_WASM");

/// The adapter that gets tokens from Microsoft Entra ID.
pub const CLIENT_CREDENTIALS: &str = env!("ENTRA_RISK_CLIENT_CREDENTIALS_WASM");

/// All of them.
pub const PRODUCTS: &[Product] = &[
    Product {
        name: "entra-risk",
        description: "Clears and confirms risk in Microsoft Entra ID Protection: four actions of Microsoft Graph",
        make: Make::Part(COMPONENT),
        wit: Some("wit"),
    },
    Product {
        name: "entra-risk-env-token",
        description: "Gives entra-risk the access token in GRAPH_TOKEN",
        make: Make::Part(ENV_TOKEN),
        wit: None,
    },
    Product {
        name: "entra-risk-client-credentials",
        description: "Gets entra-risk application tokens from Microsoft Entra ID",
        make: Make::Part(CLIENT_CREDENTIALS),
        wit: None,
    },
    Product {
        name: "entra-risk-cli",
        description: "entra-risk as a command, with its token from GRAPH_TOKEN",
        make: Make::Composition { wac: "cli", front: CLI, token: ENV_TOKEN },
        wit: Some("adapters/cli/wit"),
    },
    Product {
        name: "entra-risk-cli-client-credentials",
        description: "entra-risk as a command, with application tokens from Microsoft Entra ID",
        make: Make::Composition { wac: "cli", front: CLI, token: CLIENT_CREDENTIALS },
        wit: Some("adapters/cli/wit"),
    },
    Product {
        name: "entra-risk-gateway",
        description: "entra-risk as an HTTP gateway, with its token from GRAPH_TOKEN",
        make: Make::Composition { wac: "gateway", front: GATEWAY, token: ENV_TOKEN },
        wit: Some("adapters/gateway/wit"),
    },
    Product {
        name: "entra-risk-gateway-client-credentials",
        description: "entra-risk as an HTTP gateway, with application tokens from Microsoft Entra ID",
        make: Make::Composition { wac: "gateway", front: GATEWAY, token: CLIENT_CREDENTIALS },
        wit: Some("adapters/gateway/wit"),
    },
];

impl Product {
    /// Makes the component.
    pub fn build(&self) -> Result<Vec<u8>> {
        let bytes = match self.make {
            Make::Part(path) => fs::read(path).context(path)?,
            Make::Composition { wac, front, token } => {
                let front = (format!("entra:risk-{wac}"), front.into());
                let parts = [front, ("entra:risk".into(), COMPONENT.into()), ("entra:risk-token".into(), token.into())];
                compose(&workspace().join("compose").join(wac).with_extension("wac"), parts.into())?
            }
        };
        let mut metadata = AddMetadata::default();
        metadata.name = AddMetadataField::Set(self.name.into());
        metadata.version = AddMetadataField::Set(Version::new(env!("CARGO_PKG_VERSION")));
        metadata.description = AddMetadataField::Set(Description::new(self.description));
        metadata.licenses = AddMetadataField::Set(Licenses::new(env!("CARGO_PKG_LICENSE"))?);
        metadata.source = AddMetadataField::Set(Source::new(env!("CARGO_PKG_REPOSITORY"))?);
        let mut bytes = metadata.to_wasm(&without_names(&bytes)?)?;
        if let Some(wit) = self.wit {
            append_docs(&mut bytes, &docs(wit)?)?;
        }
        Ok(bytes)
    }
}

/// The workspace, which the WIT packages and the compositions are in.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Composes components as a file in the WAC language says, each of whose packages is in the file that `parts` tells.
fn compose(wac: &Path, parts: HashMap<String, PathBuf>) -> Result<Vec<u8>> {
    let source = fs::read_to_string(wac).with_context(|| wac.display().to_string())?;
    let document = Document::parse(&source)?;
    let packages = FileSystemPackageResolver::new("", parts, true).resolve(&packages(&document)?)?;
    Ok(document.resolve(packages)?.encode(EncodeOptions::default())?)
}

/// The same component without the names of its inner items, which nothing but a disassembler shows: 5 kB of the plugin.
fn without_names(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::new();
    let (mut depth, mut section_start) = (0_i32, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let section_end = match &payload {
            Payload::Version { range, .. } => range.end,
            Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                unchecked_range.end
            }
            other => other.as_section().map_or(section_start, |(_, range)| range.end),
        };
        let is_names = matches!(&payload, Payload::CustomSection(section) if section.name() == "component-name");
        if depth == 0 {
            if !is_names {
                kept.extend_from_slice(&bytes[usize::try_from(section_start)?..usize::try_from(section_end)?]);
            }
            section_start = section_end;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    Ok(kept)
}

/// The documentation of a WIT package's world and of the interfaces of its own that the world exports.
fn docs(wit: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let plugin = resolve.push_path(workspace().join("wit"))?.0;
    let package = if wit == "wit" { plugin } else { resolve.push_path(workspace().join(wit))?.0 };
    let mut docs = Vec::new();
    collect_docs(&resolve, package, &mut docs);
    ensure!(!docs.is_empty(), "{wit} has no documentation");
    Ok(docs.join("\n\n"))
}

fn collect_docs(resolve: &Resolve, package: PackageId, docs: &mut Vec<String>) {
    let package = &resolve.packages[package];
    docs.extend(package.docs.contents.clone());
    for world in package.worlds.values().map(|id| &resolve.worlds[*id]) {
        docs.extend(world.docs.contents.clone());
        for item in world.exports.values() {
            if let WorldItem::Interface { id, .. } = item
                && resolve.interfaces[*id].package == resolve.worlds[package.worlds[0]].package
            {
                let interface = &resolve.interfaces[*id];
                docs.extend(interface.docs.contents.clone());
                docs.extend(interface.functions.values().filter_map(|function| {
                    function.docs.contents.as_ref().map(|docs| format!("{}: {docs}", function.name))
                }));
            }
        }
    }
}

/// Adds documentation in the section in which tools look for it. To them the world of a component is called `root`, and
/// they refuse a section that speaks of what is not in it.
fn append_docs(bytes: &mut Vec<u8>, docs: &str) -> Result<()> {
    /// The version of the section's format.
    const FORMAT: u8 = 1;
    let mut data = vec![FORMAT];
    serde_json::to_writer(&mut data, &json!({ "worlds": { "root": { "docs": docs } } }))?;
    CustomSection { name: "package-docs".into(), data: Cow::Owned(data) }.append_to_component(bytes);
    Ok(())
}
