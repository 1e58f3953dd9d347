//! The command line, parsed once.

use std::ops::RangeInclusive;

use entra_risk_engine::endpoint::Endpoint;
use entra_risk_report::actions::{ApiVersion, Options, RateLimit};
use entra_risk_report::{ACTIONS, Action, parse_cloud};
use lexopt::prelude::*;

/// A parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    Perform(Box<Job>),
}

/// An action with its input, options and outputs.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) action: &'static Action,
    /// Ids among the arguments; `-` is standard input.
    pub(crate) ids: Vec<String>,
    pub(crate) file: Option<String>,
    pub(crate) column: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
    pub(crate) remaining: Option<String>,
    pub(crate) refused: Option<String>,
    pub(crate) options: Options,
}

/// Parses the command line without the program's name. The error is a message for people.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let action = match next(&mut parser)? {
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Short('V') | Long("version")) => return Ok(Command::Version),
        Some(Value(name)) => ACTIONS
            .iter()
            .find(|action| name == action.definition.name)
            .ok_or_else(|| format!("unknown action '{}'", name.display()))?,
        Some(option) => return Err(format!("expected an action first: {}", option.unexpected())),
        None => return Err("expected an action".to_owned()),
    };
    let mut job = Job {
        action,
        ids: Vec::new(),
        file: None,
        column: None,
        dry_run: false,
        json: false,
        remaining: None,
        refused: None,
        options: Options::default(),
    };
    while let Some(argument) = next(&mut parser)? {
        let options = &mut job.options;
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Value(id) => job.ids.push(id.to_string_lossy().into_owned()),
            Long("file") => job.file = Some(text(&mut parser)?),
            Long("column") => job.column = Some(text(&mut parser)?),
            Long("dry-run") => job.dry_run = true,
            Long("json") => job.json = true,
            Long("remaining") => job.remaining = Some(text(&mut parser)?),
            Long("refused") => job.refused = Some(text(&mut parser)?),
            Long("tenant") => options.tenant = Some(text(&mut parser)?),
            Long("cloud") => {
                let name = text(&mut parser)?;
                let cloud = parse_cloud(&name).map_err(|names| format!("--cloud: expected {names}; got '{name}'"))?;
                options.cloud = Some(cloud);
            }
            Long("endpoint") => options.endpoint = Some(endpoint("--endpoint", &text(&mut parser)?)?),
            Long("audience") => options.audience = Some(text(&mut parser)?),
            Long("api-version") => {
                options.api_version = Some(match text(&mut parser)?.as_str() {
                    "v1.0" => ApiVersion::V1,
                    "beta" => ApiVersion::Beta,
                    other => return Err(format!("--api-version: expected v1.0 or beta; got '{other}'")),
                });
            }
            Long("ids-per-request") => {
                let range = 1..=action.definition.max_ids_per_request;
                options.ids_per_request = Some(number("--ids-per-request", &text(&mut parser)?, range)?);
            }
            Long("max-in-flight") => {
                options.max_in_flight = Some(number("--max-in-flight", &text(&mut parser)?, 1..=32)?);
            }
            Long("max-attempts") => {
                options.max_attempts = Some(number("--max-attempts", &text(&mut parser)?, 1..=10)?);
            }
            Long("attempt-timeout") => {
                let timeout = text(&mut parser)?;
                let milliseconds = milliseconds("--attempt-timeout", &timeout)?;
                if milliseconds > 600_000 {
                    return Err(format!("--attempt-timeout: expected at most 10m; got '{timeout}'"));
                }
                options.attempt_timeout_ms = Some(milliseconds);
            }
            Long("deadline") => options.deadline_ms = Some(milliseconds("--deadline", &text(&mut parser)?)?),
            Long("patience") => options.patience_ms = Some(milliseconds("--patience", &text(&mut parser)?)?),
            Long("no-isolate-refused") => options.isolate_refused = Some(false),
            Long("rate-limit") => options.rate_limit = Some(rate_limit(&text(&mut parser)?)?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Perform(Box::new(job)))
}

fn next(parser: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>, String> {
    parser.next().map_err(|error| error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

fn endpoint(flag: &str, text: &str) -> Result<String, String> {
    Endpoint::parse(text).map(|endpoint| endpoint.to_string()).map_err(|rule| format!("{flag}: {rule}; got '{text}'"))
}

fn number(flag: &str, text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!("{flag}: expected a whole number from {} to {}; got '{text}'", range.start(), range.end())
    })
}

fn milliseconds(flag: &str, text: &str) -> Result<u32, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text.get(split..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => return Err(format!("{flag}: expected a time, such as 500ms, 90s, 10m or 2h; got '{text}'")),
    };
    let count = text.get(..split).and_then(|digits| digits.parse::<u32>().ok()).filter(|count| *count > 0);
    let time = count.and_then(|count| count.checked_mul(unit));
    time.ok_or_else(|| format!("{flag}: expected a time from 1ms to 1193h; got '{text}'"))
}

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    const FLAG: &str = "--rate-limit";
    let (requests, window) =
        text.split_once('/').ok_or_else(|| format!("{FLAG}: expected N/TIME, such as 5/10s; got '{text}'"))?;
    Ok(RateLimit { requests: number(FLAG, requests, 1..=u32::MAX)?, window_ms: milliseconds(FLAG, window)? })
}

#[cfg(test)]
mod tests {
    use entra_risk_report::actions::Cloud;

    use super::*;

    #[track_caller]
    fn job(line: &str) -> Box<Job> {
        match parse(line.split_whitespace().map(str::to_owned)) {
            Ok(Command::Perform(job)) => job,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_option_of_the_contract_has_a_flag() {
        let job = job("confirm-sign-ins-safe --tenant contoso.com --cloud china --endpoint http://LOCALHOST:1 \
             --audience https://graph.example --api-version v1.0 --ids-per-request 10000 --max-in-flight 32 \
             --max-attempts 10 --attempt-timeout 10m --deadline 2h --patience 5m --no-isolate-refused \
             --rate-limit 7/500ms --file ids.txt --column id --remaining left.txt --refused refused.txt --json \
             --dry-run a -");
        let Options {
            tenant,
            cloud,
            endpoint,
            audience,
            api_version,
            ids_per_request,
            max_in_flight,
            max_attempts,
            attempt_timeout_ms,
            deadline_ms,
            patience_ms,
            isolate_refused,
            rate_limit,
        } = job.options;
        assert!(matches!((cloud, api_version), (Some(Cloud::China), Some(ApiVersion::V1))));
        assert_eq!((tenant.as_deref(), endpoint.as_deref()), (Some("contoso.com"), Some("http://localhost:1")));
        assert_eq!(audience.as_deref(), Some("https://graph.example"));
        assert_eq!((ids_per_request, max_in_flight, max_attempts), (Some(10_000), Some(32), Some(10)));
        assert_eq!((attempt_timeout_ms, deadline_ms), (Some(600_000), Some(7_200_000)));
        assert_eq!((patience_ms, isolate_refused), (Some(300_000), Some(false)));
        assert!(matches!(rate_limit, Some(RateLimit { requests: 7, window_ms: 500 })));
        assert_eq!((job.file.as_deref(), job.column.as_deref()), (Some("ids.txt"), Some("id")));
        assert_eq!((job.remaining.as_deref(), job.refused.as_deref()), (Some("left.txt"), Some("refused.txt")));
        assert!(job.json && job.dry_run);
        assert_eq!(job.ids, ["a", "-"]);
    }

    #[test]
    fn usage_errors_name_the_argument() {
        let cases = [
            ("", "expected an action"),
            ("dismiss", "unknown action 'dismiss'"),
            ("--json dismiss-sign-ins", "expected an action first: invalid option '--json'"),
            ("dismiss-sign-ins --force", "invalid option '--force'"),
            ("dismiss-sign-ins --file", "missing argument for option '--file'"),
            ("dismiss-sign-ins --json=yes", "unexpected argument for option '--json': \"yes\""),
            ("dismiss-sign-ins --cloud moon", "--cloud: expected global, us-gov-l4, us-gov-l5 or china; got 'moon'"),
            (
                "dismiss-sign-ins --endpoint a.test",
                "--endpoint: must begin with https:// (or http:// for a loopback host); got 'a.test'",
            ),
            ("dismiss-sign-ins --api-version 2", "--api-version: expected v1.0 or beta; got '2'"),
            (
                "dismiss-risky-users --ids-per-request 61",
                "--ids-per-request: expected a whole number from 1 to 60; got '61'",
            ),
            ("dismiss-sign-ins --max-attempts 0", "--max-attempts: expected a whole number from 1 to 10; got '0'"),
            ("dismiss-sign-ins --deadline 90", "--deadline: expected a time, such as 500ms, 90s, 10m or 2h; got '90'"),
            ("dismiss-sign-ins --deadline 0s", "--deadline: expected a time from 1ms to 1193h; got '0s'"),
            ("dismiss-sign-ins --patience 1194h", "--patience: expected a time from 1ms to 1193h; got '1194h'"),
            ("dismiss-sign-ins --attempt-timeout 11m", "--attempt-timeout: expected at most 10m; got '11m'"),
            ("dismiss-sign-ins --rate-limit 5", "--rate-limit: expected N/TIME, such as 5/10s; got '5'"),
        ];
        for (line, expected) in cases {
            match parse(line.split_whitespace().map(str::to_owned)) {
                Err(message) => assert_eq!(message, expected, "{line}"),
                Ok(command) => panic!("{line}: {command:?}"),
            }
        }
    }

    #[test]
    fn the_help_lists_every_flag_and_action() {
        let help = include_str!("help.txt");
        let source = include_str!("arguments.rs");
        let flags = source.split("Long(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
        for (flag, _) in flags.filter(|(flag, _)| flag.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
            assert!(help.contains(&format!("--{flag}")), "--{flag}");
        }
        for action in &ACTIONS {
            assert!(help.contains(action.definition.name), "{action:?}");
        }
    }
}
