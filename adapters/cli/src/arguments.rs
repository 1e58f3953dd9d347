//! The command line, parsed once into what is to be done.

use std::ops::RangeInclusive;

use entra_risk_account::actions::{ApiVersion, Cloud, Options, Pace};
use entra_risk_account::{ACTIONS, Action};
use lexopt::prelude::*;

/// What the command line asks for.
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
    /// Ids among the arguments; `-` stands for standard input.
    pub(crate) ids: Vec<String>,
    pub(crate) file: Option<String>,
    pub(crate) column: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
    pub(crate) left: Option<String>,
    pub(crate) refused: Option<String>,
    pub(crate) options: Options,
}

/// The command line, without the program's name. The error is for people.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let action = match next(&mut parser)? {
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Short('V') | Long("version")) => return Ok(Command::Version),
        Some(Value(name)) => ACTIONS
            .iter()
            .find(|action| name == action.name)
            .ok_or_else(|| format!("there is no action {}", name.display()))?,
        Some(option) => return Err(format!("an action comes first: {}", option.unexpected())),
        None => return Err("no action given".to_owned()),
    };
    let mut job = Job {
        action,
        ids: Vec::new(),
        file: None,
        column: None,
        dry_run: false,
        json: false,
        left: None,
        refused: None,
        options: Options::DEFAULT,
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
            Long("left") => job.left = Some(text(&mut parser)?),
            Long("refused") => job.refused = Some(text(&mut parser)?),
            Long("cloud") => {
                let name = text(&mut parser)?;
                options.cloud = Some(Cloud::named(&name).ok_or_else(|| format!("--cloud: there is no cloud {name}"))?);
            }
            Long("endpoint") => options.endpoint = Some(text(&mut parser)?),
            Long("api-version") => {
                options.api_version = Some(match text(&mut parser)?.as_str() {
                    "v1.0" => ApiVersion::V1,
                    "beta" => ApiVersion::Beta,
                    other => return Err(format!("--api-version: {other} is neither v1.0 nor beta")),
                });
            }
            Long("ids-per-request") => {
                let range = 1..=action.max_ids_per_request;
                options.ids_per_request = Some(number("--ids-per-request", &text(&mut parser)?, range)?);
            }
            Long("max-in-flight") => {
                options.max_in_flight = Some(number("--max-in-flight", &text(&mut parser)?, 1..=32)?);
            }
            Long("max-attempts") => {
                options.max_attempts = Some(number("--max-attempts", &text(&mut parser)?, 1..=10)?);
            }
            Long("attempt-timeout") => {
                let timeout = milliseconds("--attempt-timeout", &text(&mut parser)?)?;
                if timeout > 600_000 {
                    return Err("--attempt-timeout: at most 10m".to_owned());
                }
                options.attempt_timeout_ms = Some(timeout);
            }
            Long("deadline") => options.deadline_ms = Some(milliseconds("--deadline", &text(&mut parser)?)?),
            Long("pace") => options.pace = Some(pace(&text(&mut parser)?)?),
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

fn number(flag: &str, text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let parsed = text.parse().ok().filter(|number| range.contains(number));
    parsed.ok_or_else(|| format!("{flag}: {text} is not a whole number from {} to {}", range.start(), range.end()))
}

fn milliseconds(flag: &str, text: &str) -> Result<u32, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text.get(split..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => return Err(format!("{flag}: {text} is not a time such as 500ms, 90s, 10m or 2h")),
    };
    let count = text.get(..split).and_then(|digits| digits.parse::<u32>().ok()).filter(|count| *count > 0);
    let time = count.and_then(|count| count.checked_mul(unit));
    time.ok_or_else(|| format!("{flag}: {text} is not a time from 1ms to 1193h"))
}

fn pace(text: &str) -> Result<Pace, String> {
    let (requests, window) = text.split_once('/').ok_or_else(|| format!("--pace: {text} is not such as 5/10s"))?;
    Ok(Pace { requests: number("--pace", requests, 1..=u32::MAX)?, window_ms: milliseconds("--pace", window)? })
}

#[cfg(test)]
mod tests {
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
        let job = job("confirm-sign-ins-safe --cloud china --endpoint http://localhost:1 --api-version v1.0 \
             --ids-per-request 10000 --max-in-flight 32 --max-attempts 10 --attempt-timeout 10m --deadline 2h \
             --pace 7/500ms --file ids.txt --column id --left left.txt --refused refused.txt --json --dry-run a -");
        let Options {
            cloud,
            endpoint,
            api_version,
            ids_per_request,
            max_in_flight,
            max_attempts,
            attempt_timeout_ms,
            deadline_ms,
            pace,
        } = job.options;
        assert!(matches!((cloud, api_version), (Some(Cloud::China), Some(ApiVersion::V1))));
        assert_eq!(endpoint.as_deref(), Some("http://localhost:1"));
        assert_eq!((ids_per_request, max_in_flight, max_attempts), (Some(10_000), Some(32), Some(10)));
        assert_eq!((attempt_timeout_ms, deadline_ms), (Some(600_000), Some(7_200_000)));
        assert!(matches!(pace, Some(Pace { requests: 7, window_ms: 500 })));
        assert_eq!((job.file.as_deref(), job.column.as_deref()), (Some("ids.txt"), Some("id")));
        assert_eq!((job.left.as_deref(), job.refused.as_deref()), (Some("left.txt"), Some("refused.txt")));
        assert!(job.json && job.dry_run);
        assert_eq!(job.ids, ["a", "-"]);
    }

    #[test]
    fn a_wrong_command_line_is_told_apart() {
        let cases = [
            ("", "no action given"),
            ("dismiss", "there is no action dismiss"),
            ("--json dismiss-sign-ins", "an action comes first: invalid option '--json'"),
            ("dismiss-sign-ins --force", "invalid option '--force'"),
            ("dismiss-sign-ins --file", "missing argument for option '--file'"),
            ("dismiss-sign-ins --json=yes", "unexpected argument for option '--json': \"yes\""),
            ("dismiss-sign-ins --cloud moon", "--cloud: there is no cloud moon"),
            ("dismiss-sign-ins --api-version 2", "--api-version: 2 is neither v1.0 nor beta"),
            ("dismiss-risky-users --ids-per-request 61", "--ids-per-request: 61 is not a whole number from 1 to 60"),
            ("dismiss-sign-ins --max-attempts 0", "--max-attempts: 0 is not a whole number from 1 to 10"),
            ("dismiss-sign-ins --deadline 90", "--deadline: 90 is not a time such as 500ms, 90s, 10m or 2h"),
            ("dismiss-sign-ins --deadline 0s", "--deadline: 0s is not a time from 1ms to 1193h"),
            ("dismiss-sign-ins --deadline 1194h", "--deadline: 1194h is not a time from 1ms to 1193h"),
            ("dismiss-sign-ins --attempt-timeout 11m", "--attempt-timeout: at most 10m"),
            ("dismiss-sign-ins --pace 5", "--pace: 5 is not such as 5/10s"),
        ];
        for (line, expected) in cases {
            match parse(line.split_whitespace().map(str::to_owned)) {
                Err(said) => assert_eq!(said, expected, "{line}"),
                Ok(command) => panic!("{line}: {command:?}"),
            }
        }
    }

    #[test]
    fn the_help_names_every_flag_and_action() {
        let help = include_str!("help.txt");
        let source = include_str!("arguments.rs");
        let flags = source.split("Long(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
        for (flag, _) in flags.filter(|(flag, _)| flag.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
            assert!(help.contains(&format!("--{flag}")), "--{flag}");
        }
        for action in &ACTIONS {
            assert!(help.contains(action.name), "{action:?}");
        }
    }
}
