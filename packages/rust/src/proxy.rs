//! The proxy of `https` requests.

use std::env;
use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::SetupError;

/// The proxy of `https` requests: an HTTP proxy that is asked to `CONNECT`. Requests to `http`
/// endpoints, which are on this machine, do not use it. Its `Debug` does not print addresses, which
/// may contain a password.
#[derive(Clone, Default)]
pub enum Proxy {
    /// The proxy that the environment names when the [`EntraRisk`](crate::EntraRisk) is
    /// constructed: `HTTPS_PROXY`, or else `ALL_PROXY`, unless `NO_PROXY` lists the host. The
    /// variables may be in lower case.
    #[default]
    FromEnvironment,
    /// No proxy, whatever the environment says.
    None,
    /// The proxy that is given here.
    Given {
        /// `http://` or `https://` with a host, optionally a port, and optionally `user:password@`
        /// before the host.
        https_proxy: String,
        /// Hosts that are reached without the proxy, separated by commas, as in `NO_PROXY`: names
        /// with their subdomains, addresses, networks such as `10.0.0.0/8`, or `*`.
        no_proxy: String,
    },
}

impl Proxy {
    /// Decides which requests use a proxy. The error does not contain the address, which may
    /// contain a password.
    pub(crate) fn matcher(&self) -> Result<Matcher, SetupError> {
        self.matcher_in(|name| env::var(name).ok())
    }

    /// Decides as `matcher` does, in any environment.
    fn matcher_in(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Matcher, SetupError> {
        // A variable in upper or lower case, unless it is empty.
        let variable = |name: &str| {
            let names = [name.to_owned(), name.to_ascii_lowercase()];
            names.into_iter().filter_map(|name| environment(&name)).find(|value| !value.is_empty())
        };
        let (https_proxy, no_proxy) = match self {
            Proxy::FromEnvironment => (variable("HTTPS_PROXY").or_else(|| variable("ALL_PROXY")), variable("NO_PROXY")),
            Proxy::None => (None, None),
            Proxy::Given { https_proxy, no_proxy } => (Some(https_proxy.clone()), Some(no_proxy.clone())),
        };
        let https_proxy = https_proxy.unwrap_or_default();
        // A matcher ignores what it does not understand, and requests would go around the proxy.
        let any =
            Matcher::builder().https(https_proxy.as_str()).build().intercept(&Uri::from_static("https://any.test"));
        let is_valid = match any {
            Some(proxy) => matches!(proxy.uri().scheme_str(), Some("http" | "https")),
            None => https_proxy.is_empty() && !matches!(self, Proxy::Given { .. }),
        };
        if !is_valid {
            let expected = "expected http:// or https:// with a host, optionally a port and credentials";
            return Err(SetupError(format!("proxy: the address of the proxy is not valid: {expected}")));
        }
        Ok(Matcher::builder().https(https_proxy).no(no_proxy.unwrap_or_default()).build())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proxy::FromEnvironment => "FromEnvironment",
            Proxy::None => "None",
            Proxy::Given { .. } => "Given",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(https_proxy: &str, no_proxy: &str) -> Proxy {
        Proxy::Given { https_proxy: https_proxy.to_owned(), no_proxy: no_proxy.to_owned() }
    }

    #[test]
    fn no_proxy_bypasses_the_proxy() {
        let matcher = given("proxy.test:8080", "a.test, 10.0.0.0/8").matcher().unwrap();
        let uses_proxy = |uri| matcher.intercept(&Uri::from_static(uri)).is_some();
        assert!(uses_proxy("https://graph.microsoft.com"));
        assert!(!uses_proxy("https://b.a.test"));
        assert!(!uses_proxy("https://10.1.2.3"));
        assert!(!uses_proxy("http://localhost"));
    }

    #[test]
    fn the_environment_names_the_proxy() {
        let proxy = |variables: &[(&str, &str)], uri| {
            let variable =
                |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
            let matcher = Proxy::FromEnvironment.matcher_in(variable)?;
            Ok::<_, SetupError>(matcher.intercept(&Uri::from_static(uri)).map(|proxy| proxy.uri().to_string()))
        };
        let https = "https://a.test";
        let variables = [("HTTPS_PROXY", ""), ("https_proxy", "http://p.test:1"), ("ALL_PROXY", "http://q.test:1")];
        assert_eq!(proxy(&variables, https).unwrap().as_deref(), Some("http://p.test:1/"));
        assert_eq!(proxy(&variables[2..], https).unwrap().as_deref(), Some("http://q.test:1/"));
        assert_eq!(proxy(&[variables[1], ("no_proxy", "a.test")], https).unwrap(), None);
        assert_eq!(proxy(&variables, "http://localhost").unwrap(), None);
        assert_eq!(proxy(&[], https).unwrap(), None);
        assert!(proxy(&[("HTTPS_PROXY", "socks5://p.test")], https).is_err());
    }

    #[test]
    fn an_invalid_proxy_is_an_error_without_its_address() {
        for address in ["", "socks5://user:canary@proxy.test", "http://user:canary@", "ftp://canary"] {
            let error = given(address, "").matcher().unwrap_err().to_string();
            assert!(error.starts_with("proxy: ") && !error.contains("canary"), "{error}");
            assert_eq!(format!("{:?}", given(address, "")), "Given");
        }
    }
}
