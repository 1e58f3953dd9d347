//! Dismisses the risk of users from a Rust host: `entra-risk-example COMPONENT USER-ID...`, with the token in
//! `GRAPH_TOKEN`. `GRAPH_ENDPOINT`, if it is set, is where the requests go instead of Microsoft Graph.

use std::env;
use std::process::ExitCode;

use entra::risk::credentials::{self, Credential, TokenError, TokenRequest};
use exports::entra::risk::actions::{Options, Outcome};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Error, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "package entra:example; world host { import entra:risk/credentials@0.1.0; export entra:risk/actions@0.1.0; }",
    exports: { default: async },
});

#[derive(Default)]
struct State {
    wasi: WasiCtx, // A clock and random numbers: it inherits nothing from this process.
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: Default::default() }
    }
}

impl credentials::Host for State {
    fn get_token(&mut self, request: TokenRequest) -> Result<Credential, TokenError> {
        match env::var("GRAPH_TOKEN") {
            Ok(token) if !request.refresh => Ok(Credential::Bearer(token)),
            _ => Err(TokenError::Denied(format!("GRAPH_TOKEN must hold a good token for {}", request.audience))),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let (component, ids) = match env::args().collect::<Vec<_>>().as_slice() {
        [_, component, ids @ ..] if !ids.is_empty() => (component.clone(), ids.to_vec()),
        _ => return Err(Error::msg("usage: entra-risk-example COMPONENT USER-ID...")),
    };
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    credentials::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    let mut store = Store::new(&engine, State::default());
    let plugin = Host::instantiate_async(&mut store, &Component::from_file(&engine, component)?, &linker).await?;

    // One id a request, so that an id that is refused takes no other with it.
    let options = Options {
        cloud: None,
        endpoint: env::var("GRAPH_ENDPOINT").ok(),
        api_version: None,
        ids_per_request: Some(1),
        max_in_flight: None,
        max_attempts: None,
        attempt_timeout_ms: None,
        deadline_ms: None,
        pace: None,
    };
    let actions = plugin.entra_risk_actions();
    match actions.call_dismiss_risky_users(&mut store, &ids, Some(&options)).await? {
        Ok(receipts) => println!("accepted: {}", receipts.iter().map(|receipt| receipt.ids.len()).sum::<usize>()),
        Err(failure) => {
            for batch in failure.batches {
                match batch.outcome {
                    Outcome::Accepted(_) => println!("accepted: {:?}", batch.ids),
                    Outcome::Refused(error) => println!("refused ({error:?}): {:?}", batch.ids),
                    Outcome::Unknown(error) => println!("unknown ({error:?}): {:?}", batch.ids),
                    Outcome::Unsent(error) => println!("unsent ({error:?}): {:?}", batch.ids),
                }
            }
            println!("cause: {:?}", failure.cause);
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
