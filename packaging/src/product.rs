//! The components that users get.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use artifact::{About, PluginWorld, function_docs, publish, publish_plugin, workspace};

use crate::compose::compose;

/// A component that users get.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Its name, and the name of its file without the extension.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plugin,
    /// The plugin that takes turns with other instances.
    PluginWithTurns,
    /// The same with an adapter that supplies the turns.
    PluginWithStore {
        description: &'static str,
        turns: &'static str,
    },
    /// A component to be composed or linked with others: an adapter, or an app without plugin and
    /// token adapter.
    Part {
        description: &'static str,
        file: &'static str,
    },
    /// A composition of an app, the plugin and the adapter for every credential.
    App {
        description: &'static str,
        app: App,
    },
}

/// An app, and what it is composed from.
#[derive(Debug, Clone, Copy)]
struct App {
    /// The name of its file in `compose/`.
    wac: &'static str,
    file: &'static str,
    docs: &'static str,
    /// The folder of its WIT, if its world exports functions whose documentation hosts show.
    functions: Option<&'static str>,
}

/// A token adapter, as a part of an app.
#[derive(Debug, Clone, Copy)]
struct Token {
    file: &'static str,
    docs: &'static str,
}

const PLUGIN: &str = env!("ENTRA_RISK_WASM");
const PLUGIN_WITH_TURNS: &str = env!("ENTRA_RISK_TURNS_WASM");
const KEYVALUE_TURNS: &str = env!("ENTRA_RISK_KEYVALUE_TURNS_WASM");
const CLI: App =
    App { wac: "cli", file: env!("ENTRA_RISK_CLI_WASM"), docs: include_str!("../docs/cli.md"), functions: None };
const GATEWAY: App = App {
    wac: "gateway",
    file: env!("ENTRA_RISK_GATEWAY_WASM"),
    docs: include_str!("../docs/gateway.md"),
    functions: None,
};
const TOOLS: App = App {
    wac: "tools",
    file: env!("ENTRA_RISK_TOOLS_WASM"),
    docs: include_str!("../docs/tools.md"),
    functions: Some("apps/tools/wit"),
};
const ENV_TOKEN: Token = Token { file: env!("ENTRA_RISK_ENV_TOKEN_WASM"), docs: include_str!("../docs/env-token.md") };
const DEFAULT_CREDENTIAL: Token =
    Token { file: env!("ENTRA_RISK_DEFAULT_CREDENTIAL_WASM"), docs: include_str!("../docs/default-credential.md") };

/// All of them.
pub const PRODUCTS: &[Product] = &[
    Product { name: "entra-risk", kind: Kind::Plugin },
    Product { name: "entra-risk-with-turns", kind: Kind::PluginWithTurns },
    Product {
        name: "entra-risk-keyvalue-turns",
        kind: Kind::Part {
            description: "Supplies entra-risk with turns from a key-value store: many instances keep one limit",
            file: KEYVALUE_TURNS,
        },
    },
    Product {
        name: "entra-risk-keyvalue",
        kind: Kind::PluginWithStore {
            description: "entra-risk for many instances, which keep one limit through a key-value store",
            turns: KEYVALUE_TURNS,
        },
    },
    Product {
        name: "entra-risk-env-token",
        kind: Kind::Part {
            description: "Supplies entra-risk with the access token in GRAPH_TOKEN",
            file: ENV_TOKEN.file,
        },
    },
    Product {
        name: "entra-risk-default-credential",
        kind: Kind::Part {
            description: "Supplies entra-risk with tokens for the credential that the environment configures",
            file: DEFAULT_CREDENTIAL.file,
        },
    },
    Product { name: "entra-risk-cli", kind: Kind::App { description: "entra-risk as a command", app: CLI } },
    Product {
        name: "entra-risk-gateway",
        kind: Kind::App { description: "entra-risk as an HTTP gateway", app: GATEWAY },
    },
    Product {
        name: "entra-risk-tools",
        kind: Kind::App { description: "entra-risk as tools for a language model", app: TOOLS },
    },
    Product {
        name: "entra-risk-gateway-uncomposed",
        kind: Kind::Part {
            description: "entra-risk as an HTTP gateway, to be linked with the plugin and a token adapter",
            file: GATEWAY.file,
        },
    },
];

impl Product {
    /// Makes the component.
    ///
    /// # Errors
    /// If a part of it cannot be read or composed.
    pub fn make(&self) -> Result<Vec<u8>> {
        match self.kind {
            Kind::Plugin => publish_plugin(&read(PLUGIN)?, PluginWorld::Plugin),
            Kind::PluginWithTurns => publish_plugin(&read(PLUGIN_WITH_TURNS)?, PluginWorld::WithTurns),
            Kind::PluginWithStore { description, turns } => {
                let bytes = compose_turns(PLUGIN_WITH_TURNS.as_ref(), turns.as_ref())?;
                publish(
                    &bytes,
                    About {
                        name: self.name,
                        description,
                        docs: Some(include_str!("../docs/keyvalue.md")),
                        functions: &[],
                    },
                )
            }
            Kind::Part { description, file } => {
                publish(&read(file)?, About { name: self.name, description, docs: None, functions: &[] })
            }
            Kind::App { description, app } => {
                let docs = format!("{}\n{}", app.docs, DEFAULT_CREDENTIAL.docs);
                let bytes = compose_app(app.wac, app.file.as_ref(), DEFAULT_CREDENTIAL)?;
                let functions = app.functions.map(function_docs).transpose()?.unwrap_or_default();
                publish(&bytes, About { name: self.name, description, docs: Some(&docs), functions: &functions })
            }
        }
    }
}

/// Composes a playbook, which is a component that imports `entra:risk/actions` or
/// `entra:risk/calls`, with the plugin and `env-token`.
///
/// # Errors
/// If the file cannot be read, is not a component, or imports neither of the two.
pub fn compose_playbook(file: &Path) -> Result<Vec<u8>> {
    compose_app("playbook", file, ENV_TOKEN)
}

/// Composes the plugin that takes turns with an adapter that supplies them.
///
/// # Errors
/// If a file cannot be read or is not such a component.
pub fn compose_turns(plugin: &Path, turns: &Path) -> Result<Vec<u8>> {
    let parts = [("entra:risk-with-turns".into(), plugin.to_owned()), ("entra:risk-turns".into(), turns.to_owned())];
    compose(&workspace().join("compose/turns.wac"), parts.into())
}

/// Composes the component in `file` with the plugin and a token adapter, as `compose/{wac}.wac`
/// describes.
fn compose_app(wac: &str, file: &Path, token: Token) -> Result<Vec<u8>> {
    let parts = [
        (format!("entra:risk-{wac}"), file.to_owned()),
        ("entra:risk".into(), PLUGIN.into()),
        ("entra:risk-token".into(), token.file.into()),
    ];
    compose(&workspace().join("compose").join(wac).with_extension("wac"), parts.into())
}

fn read(file: &str) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.to_owned())
}
