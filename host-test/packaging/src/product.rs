//! The components that users get.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use artifact::{About, publish, publish_plugin, workspace};

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
    /// A component that supplies tokens.
    TokenAdapter {
        description: &'static str,
        file: &'static str,
    },
    /// A composition of an app, the plugin and a token adapter.
    App {
        description: &'static str,
        app: App,
        token: Token,
    },
}

/// An app, and what it is composed from.
#[derive(Debug, Clone, Copy)]
struct App {
    /// The name of its file in `compose/`.
    wac: &'static str,
    file: &'static str,
    docs: &'static str,
}

/// A token adapter, as a part of an app.
#[derive(Debug, Clone, Copy)]
struct Token {
    file: &'static str,
    docs: &'static str,
}

const PLUGIN: &str = env!("ENTRA_RISK_WASM");
/// A part of the command only.
const PROGRESS: &str = env!("ENTRA_RISK_PROGRESS_WASM");
const CLI: App = App { wac: "cli", file: env!("ENTRA_RISK_CLI_WASM"), docs: include_str!("../docs/cli.md") };
const GATEWAY: App =
    App { wac: "gateway", file: env!("ENTRA_RISK_GATEWAY_WASM"), docs: include_str!("../docs/gateway.md") };
const ENV_TOKEN: Token = Token { file: env!("ENTRA_RISK_ENV_TOKEN_WASM"), docs: include_str!("../docs/env-token.md") };
const CLIENT_CREDENTIALS: Token =
    Token { file: env!("ENTRA_RISK_CLIENT_CREDENTIALS_WASM"), docs: include_str!("../docs/client-credentials.md") };
const WORKLOAD_IDENTITY: Token =
    Token { file: env!("ENTRA_RISK_WORKLOAD_IDENTITY_WASM"), docs: include_str!("../docs/workload-identity.md") };
const MANAGED_IDENTITY: Token =
    Token { file: env!("ENTRA_RISK_MANAGED_IDENTITY_WASM"), docs: include_str!("../docs/managed-identity.md") };

/// All of them.
pub const PRODUCTS: &[Product] = &[
    Product { name: "entra-risk", kind: Kind::Plugin },
    Product {
        name: "entra-risk-env-token",
        kind: Kind::TokenAdapter {
            description: "Supplies entra-risk with the access token in GRAPH_TOKEN",
            file: ENV_TOKEN.file,
        },
    },
    Product {
        name: "entra-risk-client-credentials",
        kind: Kind::TokenAdapter {
            description: "Supplies entra-risk with application tokens from Microsoft Entra ID",
            file: CLIENT_CREDENTIALS.file,
        },
    },
    Product {
        name: "entra-risk-workload-identity",
        kind: Kind::TokenAdapter {
            description: "Supplies entra-risk with application tokens for the assertion in a file",
            file: WORKLOAD_IDENTITY.file,
        },
    },
    Product {
        name: "entra-risk-managed-identity",
        kind: Kind::TokenAdapter {
            description: "Supplies entra-risk with tokens of the managed identity of an Azure resource",
            file: MANAGED_IDENTITY.file,
        },
    },
    Product {
        name: "entra-risk-cli",
        kind: Kind::App {
            description: "entra-risk as a command, with the token in GRAPH_TOKEN",
            app: CLI,
            token: ENV_TOKEN,
        },
    },
    Product {
        name: "entra-risk-cli-client-credentials",
        kind: Kind::App {
            description: "entra-risk as a command, with application tokens from Microsoft Entra ID",
            app: CLI,
            token: CLIENT_CREDENTIALS,
        },
    },
    Product {
        name: "entra-risk-cli-workload-identity",
        kind: Kind::App {
            description: "entra-risk as a command, with application tokens for the assertion in a file",
            app: CLI,
            token: WORKLOAD_IDENTITY,
        },
    },
    Product {
        name: "entra-risk-cli-managed-identity",
        kind: Kind::App {
            description: "entra-risk as a command, with tokens of the managed identity of an Azure resource",
            app: CLI,
            token: MANAGED_IDENTITY,
        },
    },
    Product {
        name: "entra-risk-gateway",
        kind: Kind::App {
            description: "entra-risk as an HTTP gateway, with the token in GRAPH_TOKEN",
            app: GATEWAY,
            token: ENV_TOKEN,
        },
    },
    Product {
        name: "entra-risk-gateway-client-credentials",
        kind: Kind::App {
            description: "entra-risk as an HTTP gateway, with application tokens from Microsoft Entra ID",
            app: GATEWAY,
            token: CLIENT_CREDENTIALS,
        },
    },
    Product {
        name: "entra-risk-gateway-workload-identity",
        kind: Kind::App {
            description: "entra-risk as an HTTP gateway, with application tokens for the assertion in a file",
            app: GATEWAY,
            token: WORKLOAD_IDENTITY,
        },
    },
    Product {
        name: "entra-risk-gateway-managed-identity",
        kind: Kind::App {
            description: "entra-risk as an HTTP gateway, with tokens of the managed identity of an Azure resource",
            app: GATEWAY,
            token: MANAGED_IDENTITY,
        },
    },
];

impl Product {
    /// Makes the component.
    pub(crate) fn make(&self) -> Result<Vec<u8>> {
        match self.kind {
            Kind::Plugin => publish_plugin(&read(PLUGIN)?),
            Kind::TokenAdapter { description, file } => {
                publish(&read(file)?, About { name: self.name, description, docs: None })
            }
            Kind::App { description, app, token } => {
                let docs = format!("{}\n{}", app.docs, token.docs);
                let bytes = compose_app(app.wac, app.file.as_ref(), token)?;
                publish(&bytes, About { name: self.name, description, docs: Some(&docs) })
            }
        }
    }
}

/// Composes a playbook, which is a component that imports `entra:risk/actions`, with the plugin and `env-token`.
///
/// # Errors
/// If the file cannot be read, is not a component, or does not import `entra:risk/actions`.
pub fn compose_playbook(file: &Path) -> Result<Vec<u8>> {
    compose_app("playbook", file, ENV_TOKEN)
}

/// Composes the component in `file` with the plugin and a token adapter, as `compose/{wac}.wac` describes.
fn compose_app(wac: &str, file: &Path, token: Token) -> Result<Vec<u8>> {
    let parts = [
        (format!("entra:risk-{wac}"), file.to_owned()),
        ("entra:risk".into(), PLUGIN.into()),
        ("entra:risk-progress".into(), PROGRESS.into()),
        ("entra:risk-token".into(), token.file.into()),
    ];
    compose(&workspace().join("compose").join(wac).with_extension("wac"), parts.into())
}

fn read(file: &str) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.to_owned())
}
