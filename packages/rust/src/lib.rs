//! Clears and confirms risk in Microsoft Entra ID Protection, for thousands of ids, at the
//! documented rate limit of Microsoft Graph, and reports the outcome of every id.
//!
//! ```no_run
//! use entra_risk_host::{AccessToken, EntraRisk, Options, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = AccessToken::new(std::env::var("GRAPH_TOKEN")?)?;
//! let risk = EntraRisk::new(token, Settings::default())?;
//! let report = risk.dismiss_risky_users(&["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"], &Options::default()).await?;
//! println!("{report}"); // 1 of 1 ids accepted, 0 refused, 0 to retry
//! # Ok(())
//! # }
//! ```
//!
//! The library contains the plugin, a WebAssembly component, and runs it in wasmtime: [`EntraRisk`]
//! has the actions, a [`Report`] contains the outcome of every id, a [`Call`] yields the outcomes
//! as they come, and a [`TokenSource`] supplies the tokens.

mod action;
mod asker;
mod bindings;
mod bounded;
mod call;
mod call_error;
mod call_state;
mod client;
mod cloud;
mod components;
mod connector;
mod conversion;
mod entry;
mod error;
mod host;
mod instance;
mod library;
mod list_options;
mod listing;
mod lists;
mod options;
mod order;
mod outbound;
mod progress;
mod proxy;
mod reading;
mod received;
mod redaction;
mod report;
mod sends;
mod settings;
mod setup_error;
mod task;
mod tenants;
mod token;
mod transport_error;
mod verification;
mod worker;

pub use action::{Action, UnknownAction};
pub use call::Call;
pub use call_error::{CallError, TokenSourceError};
pub use client::EntraRisk;
pub use cloud::Cloud;
pub use entry::Entry;
pub use error::{Error, ErrorKind, Response};
pub use list_options::{ListOptions, VerifyOptions};
pub use listing::{ListError, Listing};
pub use options::{ApiVersion, InvalidArgument, Options, RateLimit};
pub use progress::Progress;
pub use proxy::Proxy;
pub use report::{Batch, Failure, Outcome, Receipt, Report};
pub use settings::{Allocation, Settings};
pub use setup_error::SetupError;
pub use token::{AccessToken, InvalidToken, TokenError, TokenRequest, TokenSource};
pub use verification::Verification;
