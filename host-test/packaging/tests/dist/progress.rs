//! The component between the plugin and its token adapter, which updates the progress line of the command.

use std::sync::OnceLock;

use host_test::bindings::credentials::{self, Credential, TokenError, TokenRequest};
use host_test::clock::Clock;
use tokio::time::{Duration, Instant, advance};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable, TypedFunc};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::token_adapter::request;

type TokenResult = Result<Credential, TokenError>;

/// The component in a host that is its token adapter.
struct Progress {
    store: Store<Host>,
    get_token: TypedFunc<(TokenRequest,), (TokenResult,)>,
    show: TypedFunc<(Vec<String>, u32), ()>,
    stderr: MemoryOutputPipe,
}

struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    /// What the token adapter returns.
    result: TokenResult,
    /// The latest request to it.
    request: Option<TokenRequest>,
    memory_bytes: usize,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl credentials::Host for Host {
    async fn get_token(&mut self, request: TokenRequest) -> TokenResult {
        self.request = Some(request);
        self.result.clone()
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory_bytes = desired;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl Progress {
    async fn new() -> Self {
        static COMPILED: OnceLock<Component> = OnceLock::new();
        let component = COMPILED.get_or_init(|| {
            Component::from_file(&wasmtime::Engine::default(), env!("ENTRA_RISK_PROGRESS_WASM")).unwrap()
        });
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        credentials::add_to_linker::<Host, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        let stderr = MemoryOutputPipe::new(1 << 20);
        let wasi = WasiCtx::builder().stderr(stderr.clone()).monotonic_clock(Clock::since(Instant::now())).build();
        let result = Ok(Credential::AttachedByHost);
        let host = Host { table: ResourceTable::new(), wasi, result, request: None, memory_bytes: 0 };
        let mut store = Store::new(component.engine(), host);
        store.limiter(|host| host);
        let instance = linker.instantiate_async(&mut store, component).await.unwrap();
        let mut function = |interface, name| {
            let interface = instance.get_export_index(&mut store, None, interface).unwrap();
            instance.get_export_index(&mut store, Some(&interface), name).unwrap()
        };
        let get_token = function("entra:risk/credentials@0.1.0", "get-token");
        let show = function("entra:risk-progress/progress-line@0.1.0", "show");
        let get_token = instance.get_typed_func(&mut store, get_token).unwrap();
        let show = instance.get_typed_func(&mut store, show).unwrap();
        Progress { store, get_token, show, stderr }
    }

    /// Requests a token from the component, whose token adapter returns this.
    async fn get_token(&mut self, request: TokenRequest, result: TokenResult) -> TokenResult {
        self.store.data_mut().result = result;
        self.get_token.call_async(&mut self.store, (request,)).await.unwrap().0
    }

    async fn show(&mut self, lines: &[&str], step: u32) {
        let lines = lines.iter().copied().map(str::to_owned).collect();
        self.show.call_async(&mut self.store, (lines, step)).await.unwrap();
    }

    /// What is on the screen after as many token requests, so many milliseconds apart.
    async fn requests(&mut self, number: usize, milliseconds: u64) -> String {
        for _ in 0..number {
            assert!(self.get_token(request(), Ok(Credential::AttachedByHost)).await.is_ok());
            advance(Duration::from_millis(milliseconds)).await;
        }
        String::from_utf8(self.stderr.contents().into()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn requests_and_results_pass_through_unchanged() {
    let mut progress = Progress::new().await;
    let [tenant, claims] = ["contoso.com", r#"{"access_token":{"nbf":"ü"}}"#].map(|text| Some(text.to_owned()));
    let requests = [
        request(),
        TokenRequest { tenant: tenant.clone(), ..request() },
        TokenRequest { refresh: true, claims: claims.clone(), ..request() },
        TokenRequest { tenant, claims, audience: String::new(), endpoint: "https://a.test".to_owned(), refresh: true },
    ];
    let results = || {
        [
            Ok(Credential::Bearer("a".to_owned())),
            Ok(Credential::Bearer("b".repeat(1 << 20))),
            Ok(Credential::AttachedByHost),
            Err(TokenError::Unavailable("the token endpoint does not respond".to_owned())),
            Err(TokenError::Denied(String::new())),
            Err(TokenError::Cancelled),
        ]
    };
    for request in requests {
        for result in results() {
            let returned = progress.get_token(request.clone(), result.clone()).await;
            assert!(returned == result, "the result is another one");
            assert!(progress.store.data_mut().request.take() == Some(request.clone()), "the request is another one");
        }
    }
    assert!(progress.stderr.contents().is_empty(), "written without being asked to");
}

#[tokio::test(start_paused = true)]
async fn each_line_is_for_some_requests() {
    let mut progress = Progress::new().await;
    progress.show(&["0 ", "2 ", "4 "], 2).await;
    advance(Duration::from_secs(1)).await;
    for (more, expected) in [(2, "0 "), (2, "0 2 "), (1, "0 2 4 "), (5, "0 2 4 ")] {
        assert_eq!(progress.requests(more, 1_000).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_is_written_at_most_once_a_second() {
    let mut progress = Progress::new().await;
    progress.show(&["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 "], 1).await;
    assert_eq!(progress.requests(7, 400).await, "0 3 6 ");
}

#[tokio::test(start_paused = true)]
async fn one_line_or_none_stays() {
    for (lines, expected) in [(&["a"][..], "a"), (&[], "")] {
        let mut progress = Progress::new().await;
        progress.show(lines, 1).await;
        assert_eq!(progress.requests(3, 2_000).await, expected);
        progress.show(&["0 ", "1 "], 0).await;
        assert_eq!(progress.requests(2, 2_000).await, format!("{expected}0 "), "no step");
    }
}

#[tokio::test(start_paused = true)]
async fn lines_are_cut_as_stated() {
    let mut progress = Progress::new().await;
    let lines: Vec<String> = (0..100).map(|number| format!("{number:-<40}")).collect();
    progress.show(&lines.iter().map(String::as_str).collect::<Vec<_>>(), 1).await;
    let written = progress.requests(100, 1_000).await;
    assert_eq!(written.len() % 36, 0);
    assert!(written.ends_with(&lines[59][..36]));
}

/// Tokens pass through the memory, so it must neither grow nor be written.
#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_need_the_memory_of_one() {
    let mut progress = Progress::new().await;
    let lines: Vec<String> = (0..60).map(|number| format!("\r\x1b[K~{number}/60")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut first = None;
    for number in 0..10_000 {
        if number % 50 == 0 {
            progress.show(&lines, 1).await;
        }
        let (letter, claims) = ("t".repeat(65_536 - number), Some("c".repeat(1_000)));
        let request = TokenRequest { refresh: true, claims, ..request() };
        let returned = progress.get_token(request, Ok(Credential::Bearer(letter.clone()))).await;
        assert!(returned == Ok(Credential::Bearer(letter)), "the token is another one");
        let bytes = progress.store.data().memory_bytes;
        assert_eq!(bytes, *first.get_or_insert(bytes), "after {number} requests");
        advance(Duration::from_secs(1)).await;
    }
    let written = String::from_utf8(progress.stderr.contents().into()).unwrap();
    assert!(written.contains("~49/60") && !written.contains("tt") && !written.contains("cc"));
    println!("{} KiB", first.unwrap() >> 10);
}
