//! The settings of a client: where its requests go, and what the plugin may take up.

use std::time::Duration;

use crate::Cloud;
use crate::proxy::Proxy;

/// What applies to every call of an [`EntraRisk`](crate::EntraRisk). Write `Settings { cloud: …,
/// ..Settings::default() }`: later versions can have more fields.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The national cloud. Default: `Global`.
    pub cloud: Cloud,
    /// Replaces the cloud's root as the address of the requests: `https://` with a host and
    /// optionally a port, or `http://` with a loopback host. The token is sent there, so
    /// `allowed_endpoints` must list it. Default: the cloud's root.
    pub endpoint: Option<String>,
    /// Replaces the cloud's root as the audience of the token: `https://` with a host and
    /// optionally a port. Default: the cloud's root.
    pub audience: Option<String>,
    /// Endpoints that requests may reach besides the Microsoft Graph of `cloud`, written like
    /// `endpoint`. A request to any other address is not sent and ends the call with
    /// `ErrorKind::DeniedByHost`. Default: none.
    pub allowed_endpoints: Vec<String>,
    /// The proxy of `https` requests. Default: the one that the environment names.
    pub proxy: Proxy,
    /// Root certificates that are trusted besides those of the platform: PEM, any number of
    /// certificates. Default: none.
    pub extra_roots: Vec<u8>,
    /// Maximum time to establish a connection, including name resolution, proxy and TLS. Default:
    /// 30 s.
    pub connect_timeout: Duration,
    /// Maximum instances of the plugin, and so of tenants whose calls run at the same time: at
    /// least 1. Calls of further tenants wait. If there are more tenants, the least recently used
    /// instance without an open call is dropped, and with it what it has learned about the rate
    /// limit of its tenant. Default: 1,000.
    pub max_instances: u32,
    /// How the memory of instances is allocated. Default: `OnDemand`.
    pub allocation: Allocation,
    /// Maximum linear memory of an instance in bytes. A call of 100,000 ids takes 12.4 MiB.
    /// Default: 64 MiB.
    pub max_memory_bytes: usize,
    /// Maximum WebAssembly instructions of a call. Exceeding them ends a plugin that computes
    /// without end. Unlike a limit of time, they depend neither on how long a call waits for
    /// responses nor on how busy the machine is. A call of 10,000 ids executes 89 million, or 210
    /// million if 200 of the ids are refused. Default: 100,000,000,000, which a processor executes
    /// in 20 to 60 s.
    pub max_instructions: u64,
}

/// How the memory of instances is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Allocation {
    /// Memory is allocated when an instance needs it. 10,000 instances take more mappings than
    /// Linux allows a process.
    #[default]
    OnDemand,
    /// Memory is taken from a pool. Its address space, but no memory, is reserved at the start for
    /// `max_instances` instances. Instances start faster, and there can be more of them.
    Pooled,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            cloud: Cloud::default(),
            endpoint: None,
            audience: None,
            allowed_endpoints: Vec::new(),
            proxy: Proxy::default(),
            extra_roots: Vec::new(),
            connect_timeout: Duration::from_secs(30),
            max_instances: 1_000,
            allocation: Allocation::default(),
            max_memory_bytes: 64 << 20,
            max_instructions: 100_000_000_000,
        }
    }
}
