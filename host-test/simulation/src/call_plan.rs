//! The plan of one call: its arguments, and how its host makes it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use host_test::bindings::actions::{Cloud, Options, RateLimit};
use host_test::plugin::Action;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use crate::caller::{Caller, Form};
use crate::random::{log_uniform, millis};

/// One call of the plugin.
#[derive(Debug, Clone)]
pub struct Call {
    /// The time since the previous call ended, or since it began if they overlap.
    pub pause: Duration,
    /// The action.
    pub action: Action,
    /// The ids.
    pub ids: Vec<String>,
    /// The options.
    pub options: Options,
    /// How the host makes it.
    pub form: Form,
}

impl Call {
    /// Draws a call for some of the ids of a population.
    pub(crate) fn draw(rng: &mut StdRng, population: &[Uuid], tenants: bool) -> Self {
        // The four functions are drawn as often as the other actions.
        let actions: &[Action] = if rng.random() { &Action::FUNCTIONS } else { &Action::ALL };
        let action = *actions.choose(rng).unwrap_or(&Action::DismissRiskyUsers);
        let mut ids: Vec<String> = population.iter().filter(|_| rng.random_ratio(9, 10)).map(Uuid::to_string).collect();
        // Without ids, a call is over before it begins.
        ids.extend(population.first().filter(|_| rng.random_ratio(49, 50)).map(Uuid::to_string));
        if rng.random_ratio(1, 3) {
            let again: Vec<_> = ids.iter().filter(|_| rng.random_ratio(1, 10)).cloned().collect();
            again.into_iter().for_each(|id| ids.insert(rng.random_range(0..=ids.len()), id));
        }
        for id in ids.iter_mut().filter(|_| rng.random_ratio(1, 4)) {
            *id = id.to_uppercase();
        }
        let options = Call::draw_options(rng, action, ids.len(), tenants);
        let form = if Action::FUNCTIONS.contains(&action) && rng.random() {
            Form::Function
        } else {
            Form::Call(Caller::draw(rng))
        };
        Call { pause: millis(rng, 1..=30_000), action, ids, options, form }
    }

    /// Lets each `next` take as long as it needs, one immediately after the other.
    pub(crate) fn wait_for_each_next(&mut self) {
        if let Form::Call(caller) = &mut self.form {
            *caller = Caller::default();
        }
    }

    fn draw_options(rng: &mut StdRng, action: Action, ids: usize, tenants: bool) -> Options {
        let pick = |rng: &mut StdRng, texts: &[&str]| Some((*texts.choose(rng)?).to_owned());
        let tenant =
            if tenants { pick(rng, &["contoso", "fabrikam"]).filter(|_| rng.random_ratio(3, 4)) } else { None };
        let audience = if rng.random_ratio(1, 10) { pick(rng, &["https://graph.example"]) } else { None };
        let endpoints = ["https://Gateway.Example:443", "http://localhost:8080", "https://gateway.example"];
        let endpoint = if rng.random_ratio(1, 5) { pick(rng, &endpoints) } else { None };
        let clouds = [Cloud::Global, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China];
        let cloud = if rng.random_ratio(1, 5) { clouds.choose(rng).copied() } else { None };
        let isolate_refused = if rng.random_ratio(1, 4) { Some(rng.random_ratio(1, 3)) } else { None };
        let mut sometimes = |range: RangeInclusive<u32>| rng.random::<bool>().then(|| log_uniform(rng, range));
        // With fewer, most of the run would be waiting for the rate limit.
        let min = (ids / 30).clamp(1, 60) as u32;
        let max = if is_on_sign_ins(action) { 400 } else { 60 };
        Options {
            tenant,
            cloud,
            endpoint,
            audience,
            isolate_refused,
            ids_per_request: sometimes(min..=max),
            max_in_flight: sometimes(1..=32),
            max_attempts: sometimes(1..=10),
            attempt_timeout_ms: sometimes(100..=600_000),
            deadline_ms: sometimes(1..=3_600_000).filter(|_| ids.is_multiple_of(2)),
            patience_ms: sometimes(1..=600_000),
            rate_limit: sometimes(1..=20_000)
                .map(|window_ms| RateLimit { requests: log_uniform(rng, 1..=12), window_ms }),
            ..Options::default()
        }
    }

    /// The ids that the plugin must report: each once, as spelled at its first position.
    pub fn distinct(&self) -> Vec<&String> {
        let mut seen = BTreeSet::new();
        self.ids.iter().filter(|id| seen.insert(id.to_lowercase())).collect()
    }

    /// The rate limit of the call: the option, or the documented limit.
    pub fn rate_limit(&self) -> RateLimit {
        self.options.rate_limit.unwrap_or(match is_on_sign_ins(self.action) {
            false => RateLimit { requests: 1, window_ms: 1_000 },
            true => RateLimit { requests: 5, window_ms: 10_000 },
        })
    }

    /// The window of its rate limit.
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.rate_limit().window_ms.into())
    }

    /// The longest time from a failure to the next acceptance.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.options.patience_ms.unwrap_or(180_000).into()).max(self.window() * 2)
    }

    /// The audience of its token.
    pub fn audience(&self) -> &str {
        self.options.audience.as_deref().unwrap_or(self.root())
    }

    /// Where its token is sent.
    pub fn endpoint(&self) -> String {
        let endpoint = self.options.endpoint.as_deref().unwrap_or(self.root()).to_lowercase();
        endpoint.trim_end_matches(":443").to_owned()
    }

    fn root(&self) -> &'static str {
        match self.options.cloud.unwrap_or(Cloud::Global) {
            Cloud::Global => "https://graph.microsoft.com",
            Cloud::UsGovL4 => "https://graph.microsoft.us",
            Cloud::UsGovL5 => "https://dod-graph.microsoft.us",
            Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }
}

/// Whether an action counts against the limit of the sign-in actions.
pub(crate) fn is_on_sign_ins(action: Action) -> bool {
    action.name().contains("sign-ins")
}
