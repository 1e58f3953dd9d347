//! A token adapter of `target/dist` in its own host, with a scripted token endpoint.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Reply, Request};
use host_test::bindings::Plugin as PluginBindings;
use host_test::bindings::actions::{Batch, Failure};
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::host::{Host, Outbound, RecordedExchange};
use host_test::plugin::canary;
use host_test::script::{Script, respond};
use wasmtime::Store;
use wasmtime::component::{Linker, TypedFunc};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use crate::compositions::{component, plugin_with};

pub(crate) const ENV_TOKEN: &str = "entra-risk-env-token";
pub(crate) const DEFAULT_CREDENTIAL: &str = "entra-risk-default-credential";

/// The audience and the endpoint of a request unless a test names others.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";

/// The environment of an application with a secret.
pub(crate) const ENVIRONMENT: &[(&str, &str)] =
    &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", "canary-7d1c+/=&")];

/// An adapter and its host.
pub(crate) struct Adapter {
    store: Store<Host>,
    get_token: TypedFunc<(TokenRequest,), (Result<Credential, TokenError>,)>,
}

impl Adapter {
    /// Starts an adapter whose token endpoint follows the script.
    pub(crate) async fn start(name: &str, environment: &[(&str, &str)], script: Arc<Script>) -> Adapter {
        Adapter::start_with(name, WasiCtx::builder().envs(environment), script).await
    }

    /// Starts default-credential with the secret of an application.
    pub(crate) async fn client_secret(replies: impl IntoIterator<Item = Reply>) -> Adapter {
        Adapter::start(DEFAULT_CREDENTIAL, ENVIRONMENT, Script::new(replies)).await
    }

    /// Starts an adapter with this environment and these files.
    pub(crate) async fn start_with(name: &str, wasi: &mut WasiCtxBuilder, script: Arc<Script>) -> Adapter {
        let host = Host::with(wasi, Outbound::InProcess(script), canary(), 0);
        Adapter::start_in(host, name, |_| {}).await
    }

    /// Starts default-credential with the secret of an application, in a host that is changed, with
    /// replacements for functions of WASI.
    pub(crate) async fn start_changed(
        script: Arc<Script>,
        change: impl FnOnce(Host) -> Host,
        replace: impl FnOnce(&mut Linker<Host>),
    ) -> Adapter {
        let host = Host::with(WasiCtx::builder().envs(ENVIRONMENT), Outbound::InProcess(script), canary(), 0);
        Adapter::start_in(change(host), DEFAULT_CREDENTIAL, replace).await
    }

    async fn start_in(host: Host, name: &str, replace: impl FnOnce(&mut Linker<Host>)) -> Adapter {
        let component = component(name);
        let engine = component.engine();
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        replace(&mut linker);
        let mut store = Store::new(engine, host);
        let instance = linker.instantiate_async(&mut store, component).await.unwrap();
        let interface = instance.get_export_index(&mut store, None, "entra:risk/credentials@0.1.0").unwrap();
        let function = instance.get_export_index(&mut store, Some(&interface), "get-token").unwrap();
        let get_token = instance.get_typed_func(&mut store, function).unwrap();
        Adapter { store, get_token }
    }

    /// Requests a token for Microsoft Graph.
    pub(crate) async fn token(&mut self) -> Result<String, String> {
        self.get(request()).await
    }

    /// Requests a token after Microsoft Graph has rejected the last one.
    pub(crate) async fn fresh_token(&mut self, claims: Option<&str>) -> Result<String, String> {
        self.get(TokenRequest { refresh: true, claims: claims.map(str::to_owned), ..request() }).await
    }

    /// Requests a token. Returns the token, or the error as `unavailable: ` or `denied: ` with its
    /// message, which must not contain a secret.
    pub(crate) async fn get(&mut self, request: TokenRequest) -> Result<String, String> {
        let (result,) = self.get_token.call_async(&mut self.store, (request,)).await.expect("no trap");
        let result = match result {
            Ok(Credential { bearer }) => Ok(bearer.expect("a token, not one that the host attaches")),
            Err(TokenError::Unavailable(why)) => Err(format!("unavailable: {why}")),
            Err(TokenError::Denied(why)) => Err(format!("denied: {why}")),
        };
        assert!(!format!("{result:?}").contains("canary"), "{result:?}");
        result
    }

    /// The requests to the token endpoint so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.store.data().exchanges().into_iter().map(|exchange| exchange.request).collect()
    }

    /// When they were sent, since the start of the host.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.store.data().exchanges().into_iter().map(|exchange| exchange.sent).collect()
    }
}

/// The plugin with default-credential and the secret of an application, in one host.
pub(crate) struct Acting {
    store: Store<Host>,
    plugin: PluginBindings,
}

impl Acting {
    /// Starts both before services that follow the script.
    pub(crate) async fn start(script: Arc<Script>) -> Acting {
        let host = Host::with(WasiCtx::builder().envs(ENVIRONMENT), Outbound::InProcess(script), canary(), 0);
        let plugin = plugin_with(DEFAULT_CREDENTIAL);
        let mut store = Store::new(plugin.engine(), host);
        let plugin = plugin.instantiate_async(&mut store).await.unwrap();
        Acting { store, plugin }
    }

    /// Dismisses the risk of a user.
    pub(crate) async fn dismiss(&mut self) -> Result<Vec<Batch>, Failure> {
        let ids = ["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11".to_owned()];
        let actions = self.plugin.entra_risk_actions();
        actions.call_dismiss_risky_users(&mut self.store, &ids, None).await.unwrap()
    }

    /// All requests, in the order in which they were sent.
    pub(crate) fn exchanges(&self) -> Vec<RecordedExchange> {
        self.store.data().exchanges()
    }
}

/// A request for a token for Microsoft Graph.
pub(crate) fn request() -> TokenRequest {
    let [audience, endpoint] = [GRAPH; 2].map(str::to_owned);
    TokenRequest { tenant: None, audience, endpoint, refresh: false, claims: None }
}

/// A response with a token.
pub(crate) fn token_reply(value: &str, expires_in: u32) -> Reply {
    token_body(&format!(r#""token_type":"Bearer","expires_in":{expires_in},"access_token":"{value}""#))
}

/// A successful response with these members.
pub(crate) fn token_body(members: &str) -> Reply {
    Reply::at_once(respond(200, &[("content-type", "application/json")], format!("{{{members}}}")))
}
