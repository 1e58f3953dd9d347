//! Clears and confirms risk in Microsoft Entra ID Protection, for thousands of ids, at the documented rate limit of
//! Microsoft Graph, and reports the outcome of every id.
//!
//! ```no_run
//! use entra_risk_host::{AccessToken, EntraRisk, Options, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = AccessToken::new(std::env::var("GRAPH_TOKEN")?)?;
//! let risk = EntraRisk::new(token, Settings::default())?;
//! risk.dismiss_risky_users(&["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"], &Options::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The library contains the plugin, a WebAssembly component, and performs it with wasmtime: [`EntraRisk`] has the actions,
//! [`TokenSource`] supplies the tokens, [`Failure`] reports the outcome of every id.

mod action;
mod bindings;
mod client;
mod connector;
mod conversion;
mod error;
mod instance;
mod options;
mod outbound;
mod plugin;
mod proxy;
mod redaction;
mod report;
mod settings;
mod tenants;
mod token;
mod transport_error;

pub use client::EntraRisk;
pub use error::{Error, GraphError};
pub use options::{ApiVersion, Cloud, Options, RateLimit};
pub use proxy::Proxy;
pub use report::{Batch, Failure, Outcome, Receipt};
pub use settings::{Allocation, Settings, SetupError};
pub use token::{AccessToken, InvalidToken, TokenError, TokenRequest, TokenSource};
