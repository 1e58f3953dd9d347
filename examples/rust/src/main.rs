//! Dismisses the risk of users from a Rust host: `entra-risk-example COMPONENT USER-ID...`, with the token in
//! `GRAPH_TOKEN`. If `GRAPH_ENDPOINT` is set, requests go there instead of to Microsoft Graph.

use std::{env, process::ExitCode};

use entra::risk::credentials::{self, Credential, TokenError, TokenRequest};
use exports::entra::risk::actions::Options;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "package entra:example; world app { import entra:risk/credentials@0.1.0; export entra:risk/actions@0.1.0; }",
    exports: { default: async },
});

#[derive(Default)]
struct State(WasiCtx, WasiHttpCtx, ResourceTable); // The component inherits nothing from this process.

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.0, table: &mut self.2 }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.1, table: &mut self.2, hooks: Default::default() }
    }
}

impl credentials::Host for State {
    fn get_token(&mut self, request: TokenRequest) -> Result<Credential, TokenError> {
        let token = env::var("GRAPH_TOKEN").ok().filter(|_| !request.refresh).map(Credential::Bearer);
        token.ok_or_else(|| {
            TokenError::Denied(format!(
                "GRAPH_TOKEN is not set or was rejected: set it to an access token for {}",
                request.audience
            ))
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let component = arguments.next().expect("usage: entra-risk-example COMPONENT USER-ID...");
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    credentials::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    let mut store = Store::new(&engine, State::default());
    let plugin = App::instantiate_async(&mut store, &Component::from_file(&engine, component)?, &linker).await?;

    #[rustfmt::skip]
    let options = Options {
        endpoint: env::var("GRAPH_ENDPOINT").ok(), // An absent option has the default of the contract.
        tenant: None, cloud: None, audience: None, api_version: None, ids_per_request: None, max_in_flight: None,
        max_attempts: None, attempt_timeout_ms: None, deadline_ms: None, patience_ms: None, isolate_refused: None,
        rate_limit: None,
    };
    let ids: Vec<String> = arguments.collect();
    // The outer error is a trap; the inner one reports the outcome of every id.
    match plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, Some(&options)).await? {
        Ok(batches) => println!("accepted: {}", batches.iter().map(|batch| batch.ids.len()).sum::<usize>()),
        Err(failure) => {
            failure.batches.iter().for_each(|batch| println!("{:?}: {:?}", batch.ids, batch.outcome));
            println!("cause: {:?}", failure.cause);
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
