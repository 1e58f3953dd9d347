//! The components that users get.

use std::path::PathBuf;

use anyhow::Result;

use crate::compose::compose;
use crate::parts::Parts;
use crate::publish::{About, World, publish, publish_world};
use crate::{folder, workspace};

/// A component that users get.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Its name, and the name of its file without the extension.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The component of a world in `wit/`.
    World(World),
    /// The plugin composed with an adapter that supplies turns.
    PluginWithStore { description: &'static str },
    /// A component to be composed or linked with others: an adapter, or an app without plugin and
    /// token adapter.
    Part { description: &'static str, part: &'static str },
    /// A composition of an app, the plugin and the adapter for every credential.
    App { description: &'static str, app: App },
    /// The command with the plugin and the reader, which get their tokens from the host. Packages
    /// contain it.
    PackagedCommand,
}

/// An app, and what it is composed from.
#[derive(Debug, Clone, Copy)]
struct App {
    /// The name of its file in `compose/`.
    wac: &'static str,
    part: &'static str,
    docs: &'static str,
}

const PLUGIN: &str = "entra-risk";
const PLUGIN_WITH_TURNS: &str = "entra-risk-with-turns";
const READER: &str = "entra-risk-reader";
const KEYVALUE_TURNS: &str = "entra-risk-keyvalue-turns";
const CLI: App = App { wac: "cli", part: "entra-risk-cli", docs: include_str!("../docs/cli.md") };
const GATEWAY: App = App { wac: "gateway", part: "entra-risk-gateway", docs: include_str!("../docs/gateway.md") };
const ENV_TOKEN: &str = "entra-risk-env-token";
const DEFAULT_CREDENTIAL: &str = "entra-risk-default-credential";

/// All of them.
pub const PRODUCTS: &[Product] = &[
    Product { name: PLUGIN, kind: Kind::World(World::Plugin) },
    Product { name: PLUGIN_WITH_TURNS, kind: Kind::World(World::WithTurns) },
    Product { name: READER, kind: Kind::World(World::Reader) },
    Product {
        name: KEYVALUE_TURNS,
        kind: Kind::Part {
            description: "Supplies entra-risk with turns from a key-value store: many instances keep one limit",
            part: KEYVALUE_TURNS,
        },
    },
    Product {
        name: "entra-risk-keyvalue",
        kind: Kind::PluginWithStore {
            description: "entra-risk for many instances, which keep one limit through a key-value store",
        },
    },
    Product {
        name: ENV_TOKEN,
        kind: Kind::Part { description: "Supplies entra-risk with the access token in GRAPH_TOKEN", part: ENV_TOKEN },
    },
    Product {
        name: DEFAULT_CREDENTIAL,
        kind: Kind::Part {
            description: "Supplies entra-risk with tokens for the credential that the environment configures",
            part: DEFAULT_CREDENTIAL,
        },
    },
    Product { name: "entra-risk-cli", kind: Kind::App { description: "entra-risk as a command", app: CLI } },
    Product {
        name: "entra-risk-gateway",
        kind: Kind::App { description: "entra-risk as an HTTP gateway", app: GATEWAY },
    },
    Product {
        name: "entra-risk-gateway-uncomposed",
        kind: Kind::Part {
            description: "entra-risk as an HTTP gateway, to be linked with the plugin and a token adapter",
            part: GATEWAY.part,
        },
    },
    Product { name: "entra-risk-command", kind: Kind::PackagedCommand },
];

impl Product {
    /// Builds what the component is made of, and makes it.
    ///
    /// # Errors
    /// If a part of it cannot be built or composed.
    pub fn make(&self) -> Result<Vec<u8>> {
        self.make_from(&Parts::build()?)
    }

    /// Makes the component from its parts.
    pub(crate) fn make_from(&self, parts: &Parts) -> Result<Vec<u8>> {
        match self.kind {
            Kind::World(world) => publish_world(parts.get(self.name)?, world),
            Kind::PluginWithStore { description } => {
                let docs = Some(include_str!("../docs/keyvalue.md"));
                let bytes = compose_turns(parts.get(PLUGIN_WITH_TURNS)?, parts.get(KEYVALUE_TURNS)?)?;
                publish(&bytes, About { name: self.name, description, docs })
            }
            Kind::Part { description, part } => {
                publish(parts.get(part)?, About { name: self.name, description, docs: None })
            }
            Kind::App { description, app } => {
                let docs = format!("{}\n{}", app.docs, include_str!("../docs/default-credential.md"));
                let bytes = compose_app(app.wac, parts.get(app.part)?, parts, DEFAULT_CREDENTIAL)?;
                publish(&bytes, About { name: self.name, description, docs: Some(&docs) })
            }
            Kind::PackagedCommand => {
                let parts = [
                    ("entra:risk-cli", parts.get(CLI.part)?),
                    ("entra:risk", parts.get(PLUGIN)?),
                    ("entra:risk-reader", parts.get(READER)?),
                ];
                let description = "entra-risk as a command in a package";
                publish(&compose("command", &parts)?, About { name: self.name, description, docs: None })
            }
        }
    }

    /// The file, which is in `target/dist` unless only packages contain it.
    pub fn file(&self) -> PathBuf {
        let folder = match self.kind {
            Kind::PackagedCommand => workspace().join("target/packages"),
            _ => folder(),
        };
        folder.join(self.name).with_extension("wasm")
    }
}

/// Composes a component of the user that imports `entra:risk/actions` or `entra:risk/calls` with
/// the plugin and `env-token`.
///
/// # Errors
/// If the bytes are not a component, or if it imports neither of the two.
pub fn compose_caller(component: &[u8]) -> Result<Vec<u8>> {
    compose_app("caller", component, &Parts::build()?, ENV_TOKEN)
}

/// Composes the plugin that takes turns with an adapter that supplies them.
///
/// # Errors
/// If one of the two is not such a component.
pub fn compose_turns(plugin: &[u8], turns: &[u8]) -> Result<Vec<u8>> {
    compose("turns", &[("entra:risk-with-turns", plugin), ("entra:risk-turns", turns)])
}

/// Composes an app or a component of the user with the plugin, the reader if it uses it, and a
/// token adapter.
fn compose_app(wac: &str, app: &[u8], parts: &Parts, token: &str) -> Result<Vec<u8>> {
    let parts = [
        (&*format!("entra:risk-{wac}"), app),
        ("entra:risk", parts.get(PLUGIN)?),
        ("entra:risk-reader", parts.get(READER)?),
        ("entra:risk-token", parts.get(token)?),
    ];
    compose(wac, &parts)
}
