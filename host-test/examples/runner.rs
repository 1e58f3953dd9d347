//! `wasmtime run` and `wasmtime serve` as far as the examples need them, with the wasmtime that the
//! workspace builds: `runner run --help` and `runner serve --help` list the options. A component
//! may send HTTP requests without TLS, and sees no more of this process than the options grant.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::error::Context;
use wasmtime::{Config, Engine, Error, OptLevel, Result, Store, bail};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Runs components as the wasmtime command does.
#[derive(Parser)]
enum Arguments {
    /// Runs a command
    Run(Run),
    /// Serves HTTP, with an instance for each request
    Serve {
        /// The address to listen on
        #[arg(long, default_value = "127.0.0.1:8080")]
        addr: SocketAddr,
        #[command(flatten)]
        grants: Grants,
        component: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    grants: Grants,
    component: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// What the component may use.
#[derive(Args, Clone)]
struct Grants {
    /// A variable, with the value that it has here unless one is given
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,
    /// A directory, with the name that it has here unless one is given
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    directories: Vec<String>,
    /// `http` or `cli`, for the real command: here, both are always granted
    #[arg(short = 'S', value_name = "NAME")]
    _interfaces: Vec<String>,
}

/// The host of one instance.
struct State {
    wasi: WasiCtx,
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

impl Grants {
    /// The host of a new instance with these arguments.
    fn state(&self, arguments: &[String]) -> Result<State> {
        let mut wasi = WasiCtx::builder();
        wasi.inherit_stdio().args(arguments);
        for variable in &self.variables {
            match variable.split_once('=') {
                Some((name, value)) => wasi.env(name, value),
                None => wasi.env(variable, env::var(variable).unwrap_or_default()),
            };
        }
        for directory in &self.directories {
            let (host, guest) = directory.split_once("::").unwrap_or((directory, directory));
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite).with_context(|| host.to_owned())?;
        }
        Ok(State { wasi: wasi.build(), http: WasiHttpCtx::new(), table: ResourceTable::new() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    match Arguments::parse() {
        Arguments::Run(run) => run.run().await,
        Arguments::Serve { addr, grants, component } => serve(addr, grants, ProxyPre::new(load(&component)?)?).await,
    }
}

/// Compiles a component and links it to all of WASI.
fn load(file: &PathBuf) -> Result<InstancePre<State>> {
    // Compiling takes longer than running.
    let engine = Engine::new(Config::new().cranelift_opt_level(OptLevel::None))?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.instantiate_pre(&Component::from_file(&engine, file)?)
}

impl Run {
    async fn run(mut self) -> Result<ExitCode> {
        let component = load(&self.component)?;
        self.arguments.insert(0, self.component.display().to_string());
        let mut store = Store::new(component.engine(), self.grants.state(&self.arguments)?);
        let command = CommandPre::new(component)?.instantiate_async(&mut store).await?;
        match command.wasi_cli_run().call_run(&mut store).await {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            Ok(Err(())) => Ok(ExitCode::FAILURE),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => Ok(u8::try_from(exit.0).map_or(ExitCode::FAILURE, ExitCode::from)),
                None => Err(error),
            },
        }
    }
}

/// Serves until this process is killed.
async fn serve(address: SocketAddr, grants: Grants, component: ProxyPre<State>) -> Result<ExitCode> {
    let listener = TcpListener::bind(address).await?;
    eprintln!("Serving HTTP on http://{}/", listener.local_addr()?);
    loop {
        let (connection, _) = listener.accept().await?;
        let (grants, component) = (grants.clone(), component.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| respond(grants.clone(), component.clone(), request));
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await {
                eprintln!("{error}");
            }
        });
    }
}

/// Responds to one request. The instance may run on after its response began.
async fn respond(
    grants: Grants,
    component: ProxyPre<State>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<HyperOutgoingBody>> {
    let mut store = Store::new(component.engine(), grants.state(&[])?);
    let (sender, response) = oneshot::channel();
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    let instance = tokio::spawn(async move {
        let proxy = component.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
    });
    match response.await {
        Ok(response) => Ok(response?),
        Err(_) => match instance.await {
            Ok(Ok(())) => bail!("the component did not respond"),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(Error::from(error)),
        },
    }
}
