//! Dismisses the risk of users from a Rust host: `without_library COMPONENT USER-ID...`, with
//! the token in `GRAPH_TOKEN`. If `GRAPH_ENDPOINT` is set, requests go there instead of to
//! Microsoft Graph. Ctrl-C ends the call, and every outcome is reported. It needs the crates tokio,
//! wasmtime, wasmtime-wasi and wasmtime-wasi-http, and nothing of the library in this package.

#![allow(missing_docs, reason = "the bindings are generated")]

use std::{env, process::ExitCode, sync::Arc, sync::atomic::AtomicBool, sync::atomic::Ordering::Relaxed};

use entra::risk::credentials::{self, Credential, TokenError, TokenRequest};
use exports::entra::risk::{actions::Batch, actions::Options, calls::Action, calls::Event};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "package entra:example;
        world app { import entra:risk/credentials@0.1.0; export entra:risk/actions@0.1.0; export entra:risk/calls@0.1.0; }",
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
        let token = env::var("GRAPH_TOKEN").ok().filter(|token| !token.is_empty() && !request.refresh);
        let why = "GRAPH_TOKEN is not set or was rejected: set it to an access token for";
        token
            .map(|token| Credential { bearer: Some(token) })
            .ok_or_else(|| TokenError::Denied(format!("{why} {}", request.audience)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let Some(component) = arguments.next() else {
        println!("usage: without_library COMPONENT USER-ID...");
        return Ok(ExitCode::FAILURE);
    };
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    credentials::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    let mut store = Store::new(&engine, State::default());
    let plugin = App::instantiate_async(&mut store, &Component::from_file(&engine, component)?, &linker).await?;
    let calls = plugin.entra_risk_calls().call();

    #[rustfmt::skip]
    let options = Options {
        endpoint: env::var("GRAPH_ENDPOINT").ok(), // An absent option has the default of the contract.
        tenant: None, cloud: None, audience: None, api_version: None, ids_per_request: None, max_in_flight: None,
        max_attempts: None, attempt_timeout_ms: None, deadline_ms: None, patience_ms: None, isolate_refused: None,
        rate_limit: None,
    };
    let ids: Vec<String> = arguments.collect();
    // The outer error is a trap, the inner one an invalid argument.
    let call = match calls.call_start(&mut store, Action::DismissRiskyUsers, &ids, Some(&options)).await? {
        Ok(call) => call,
        Err(rule) => {
            println!("{rule}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let (interrupted, mut is_stopped) = (Arc::new(AtomicBool::new(false)), false);
    let signal = Arc::clone(&interrupted);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if signal.swap(true, Relaxed) {
                std::process::exit(130); // The second time.
            }
        }
    });
    let cause = loop {
        if interrupted.load(Relaxed) && !std::mem::replace(&mut is_stopped, true) {
            calls.call_stop(&mut store, call, None).await?; // `next` reports the remaining outcomes.
        }
        match calls.call_next(&mut store, call, Some(100)).await? {
            Event::Ended(batches) => batches.iter().for_each(print),
            Event::Waiting(_) => {}
            Event::Over(cause) => break cause,
        }
    };
    call.resource_drop_async(&mut store).await?;
    Ok(match cause {
        None => ExitCode::SUCCESS, // Every id was accepted.
        Some(cause) => {
            println!("cause: {:?}: {}", cause.kind, cause.message);
            ExitCode::FAILURE
        }
    })
}

fn print(batch: &Batch) {
    match &batch.error {
        None => println!("accepted: {} {:?}", batch.ids.len(), batch.ids),
        Some(error) => println!("{:?}: {:?}: {error:?}", batch.outcome, batch.ids),
    }
}
