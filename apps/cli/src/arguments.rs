//! The command line, parsed once.

use entra_risk_common::actions::{ApiVersion, Options};
use entra_risk_common::{ACTIONS, Action, parse_cloud};
use lexopt::prelude::*;

use crate::suggestion::suggest;
use crate::values::{audience, endpoint, milliseconds, number, rate_limit, tenant};

/// The text of `--help`. Names of options are taken from it.
pub(crate) const HELP: &str = include_str!("help.txt");

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
    /// Files with ids; `-` is standard input.
    pub(crate) files: Vec<String>,
    pub(crate) column: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Do not ask.
    pub(crate) yes: bool,
    pub(crate) log: Option<String>,
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
        Some(Value(name)) if name == "help" => return Ok(Command::Help),
        Some(Value(name)) => action(&name.to_string_lossy())?,
        Some(option) => return Err(format!("expected an action first: {}", option.unexpected())),
        None => return Err("expected an action".to_owned()),
    };
    let mut job = Job {
        action,
        ids: Vec::new(),
        files: Vec::new(),
        column: None,
        dry_run: false,
        json: false,
        quiet: false,
        yes: false,
        log: None,
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
            Long("file") => job.files.push(text(&mut parser)?),
            Long("column") => job.column = Some(text(&mut parser)?),
            Long("dry-run") => job.dry_run = true,
            Long("json") => job.json = true,
            Short('q') | Long("quiet") => job.quiet = true,
            Short('y') | Long("yes") => job.yes = true,
            Long("log") => job.log = Some(text(&mut parser)?),
            Long("remaining") => job.remaining = Some(text(&mut parser)?),
            Long("refused") => job.refused = Some(text(&mut parser)?),
            Long("tenant") => options.tenant = Some(tenant(&text(&mut parser)?)?),
            Long("cloud") => {
                let name = text(&mut parser)?;
                let cloud = parse_cloud(&name).map_err(|names| format!("--cloud: expected {names}; got '{name}'"))?;
                options.cloud = Some(cloud);
            }
            Long("endpoint") => options.endpoint = Some(endpoint("--endpoint", &text(&mut parser)?)?),
            Long("audience") => options.audience = Some(audience(&text(&mut parser)?)?),
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
            Long(name) => return Err(unknown_option(name)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if job.column.is_some() && job.ids.iter().any(|id| id != "-") {
        return Err(
            "--column: applies to --file and standard input; give ids as arguments in a run of their own".to_owned()
        );
    }
    Ok(Command::Perform(Box::new(job)))
}

/// The action with this name.
fn action(name: &str) -> Result<&'static Action, String> {
    let action = ACTIONS.iter().find(|action| action.definition.name == name);
    action.ok_or_else(|| {
        format!("unknown action '{name}'{}", suggest("", name, ACTIONS.iter().map(|action| action.definition.name)))
    })
}

fn unknown_option(name: &str) -> String {
    if name == "dir" {
        return "invalid option '--dir': give --dir to the runtime, before the component".to_owned();
    }
    format!("invalid option '--{name}'{}", suggest("--", name, option_names()))
}

/// The names in the column of the help that lists the options.
fn option_names() -> impl Iterator<Item = &'static str> {
    HELP.lines().filter_map(|line| line.get(6..)?.strip_prefix("--")?.split([' ', ',']).next())
}

fn next(parser: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>, String> {
    parser.next().map_err(|error| error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use entra_risk_common::actions::{Cloud, RateLimit};
    use entra_risk_engine::contract::action::{
        DEFAULT_ATTEMPT_TIMEOUT_MS, DEFAULT_IDS_PER_REQUEST, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_IN_FLIGHT,
        DEFAULT_PATIENCE_MS,
    };

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
             --rate-limit 7/500ms --file ids.txt --file more.txt --column id --remaining left.txt --refused refused.txt \
             --log log.jsonl --json --dry-run --quiet --yes -");
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
        assert_eq!(
            (job.files.as_slice(), job.column.as_deref()),
            (["ids.txt", "more.txt"].map(str::to_owned).as_slice(), Some("id"))
        );
        assert_eq!((job.remaining.as_deref(), job.refused.as_deref()), (Some("left.txt"), Some("refused.txt")));
        assert_eq!(job.log.as_deref(), Some("log.jsonl"));
        assert!(job.json && job.dry_run && job.quiet && job.yes);
        assert_eq!(job.ids, ["-"]);
    }

    #[test]
    fn help_is_an_action_too() {
        assert!(matches!(parse(["help".to_owned()]), Ok(Command::Help)));
    }

    #[test]
    fn usage_errors_name_the_argument() {
        let cases = [
            ("", "expected an action"),
            (
                "dismiss",
                "unknown action 'dismiss': did you mean dismiss-sign-ins, dismiss-risky-users, \
                 dismiss-risky-service-principals or dismiss-risky-agents?",
            ),
            (
                "confirm-safe",
                "unknown action 'confirm-safe': did you mean confirm-sign-ins-safe, confirm-risky-users-safe or \
                 confirm-risky-agents-safe?",
            ),
            ("dismiss-user", "unknown action 'dismiss-user': did you mean dismiss-risky-users?"),
            ("list", "unknown action 'list'"),
            ("--json dismiss-sign-ins", "expected an action first: invalid option '--json'"),
            ("dismiss-sign-ins --force", "invalid option '--force'"),
            ("dismiss-sign-ins --remainig x", "invalid option '--remainig': did you mean --remaining?"),
            ("dismiss-sign-ins --fil x", "invalid option '--fil': did you mean --file?"),
            ("dismiss-sign-ins --di .", "invalid option '--di'"),
            ("dismiss-sign-ins --dir .", "invalid option '--dir': give --dir to the runtime, before the component"),
            (
                "dismiss-sign-ins --column id a",
                "--column: applies to --file and standard input; give ids as arguments in a run of their own",
            ),
            ("dismiss-sign-ins --tenant é", "--tenant: expected 1 to 256 visible ASCII characters; got 'é'"),
            (
                "dismiss-sign-ins --audience http://localhost",
                "--audience: must begin with https://; got 'http://localhost'",
            ),
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
            (
                "dismiss-sign-ins --rate-limit 100001/1s",
                "--rate-limit: expected a whole number from 1 to 100000; got '100001'",
            ),
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
        let source = include_str!("arguments.rs");
        let flags = source.split("Long(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
        let flags = flags.map(|(flag, _)| flag).filter(|flag| flag.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        assert_eq!(option_names().collect::<BTreeSet<_>>(), flags.collect::<BTreeSet<_>>());
        let first_words: Vec<&str> = HELP.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for action in &ACTIONS {
            assert!(first_words.contains(&action.definition.name), "{action:?}");
        }
    }

    #[test]
    fn the_help_states_the_defaults_of_the_engine() {
        for (flag, default) in [
            ("--ids-per-request", DEFAULT_IDS_PER_REQUEST.to_string()),
            ("--max-in-flight", DEFAULT_MAX_IN_FLIGHT.to_string()),
            ("--max-attempts", DEFAULT_MAX_ATTEMPTS.to_string()),
            ("--attempt-timeout", format!("{}s", DEFAULT_ATTEMPT_TIMEOUT_MS / 1_000)),
            ("--patience", format!("{}m", DEFAULT_PATIENCE_MS / 60_000)),
        ] {
            let line = HELP.lines().find(|line| line.trim_start().starts_with(flag)).unwrap();
            assert!(line.ends_with(&format!("(default {default})")), "{line}");
        }
    }
}
