//! The command of entra-risk: a `wasi:cli/run` that uses the plugin. It reads ids, calls the
//! plugin, prints the outcome of every id, and keeps files with the outcomes and with the ids still
//! to process.

mod arguments;
mod bindings;
mod check;
mod claims;
mod column;
mod command;
mod connection;
mod dry_run;
mod file;
#[cfg(test)]
mod fuzz_seeds;
mod help;
mod hint;
mod ids;
mod input;
mod job;
mod json;
mod line;
mod list;
mod listing;
mod log;
mod log_line;
mod mark;
mod needs;
mod operation;
mod outputs;
mod package;
mod plain_list;
mod plan;
mod progress;
mod question;
mod reading;
mod records;
mod refused;
mod remaining;
mod run;
mod selected;
mod selection;
mod sources;
mod status;
mod stdio;
mod suggestion;
mod summary;
mod table;
mod text;
mod values;
mod verify;
mod wanted;

use arguments::parse;
use bindings::wasi::cli::{environment, exit};
use command::{Check, Command};
use connection::Connection;
use help::HELP;
use package::Package;
use stdio::{eprint, lines, print};

/// The component's export.
struct Component;

/// Why nothing was sent, or why the result is incomplete.
enum Failure {
    /// The command line or the ids are wrong: nothing was sent. Each text is a line.
    Usage(Vec<String>),
    /// The answer to the question was no: nothing was sent.
    NotConfirmed,
    /// A file or standard output could not be written.
    Output(String),
    /// What to act on could not be listed. `is_barred`: for lack of token, permission or
    /// connection.
    Unread { message: String, is_barred: bool },
}

impl Failure {
    fn usage(message: String) -> Self {
        Failure::Usage(vec![message])
    }
}

impl bindings::exports::wasi::cli::run::Guest for Component {
    fn run() -> Result<(), ()> {
        let code = command().unwrap_or_else(|failure| {
            let (message, code) = match failure {
                Failure::Usage(mut message) => {
                    message.push("See entra-risk --help.".to_owned());
                    (message, 2)
                }
                Failure::NotConfirmed => (vec!["not confirmed: nothing was sent".to_owned()], 2),
                Failure::Output(message) => (vec![message], 1),
                Failure::Unread { message, is_barred } => (vec![message], if is_barred { 3 } else { 1 }),
            };
            eprint(&format!("entra-risk: {}", lines(message)));
            code
        });
        match code {
            0 => Ok(()),
            1 => Err(()),
            code => {
                exit::exit_with_code(code);
                Err(())
            }
        }
    }
}

/// The argument before a command line that is not to be executed.
const NEEDS: &str = "--needs";

/// Executes the command line. Returns the exit code.
fn command() -> Result<u8, Failure> {
    let mut arguments: Vec<String> = environment::get_arguments().into_iter().skip(1).collect();
    let is_asked = arguments.first().is_some_and(|first| first == NEEDS);
    if is_asked {
        arguments.remove(0);
    }
    let (command, files) = parse(arguments).map_err(Failure::usage)?;
    let package = Package::of_environment();
    let connection = command.connection();
    connection.map_or(Ok(()), |connection| package.check(connection)).map_err(Failure::usage)?;
    if is_asked {
        print(&needs::needs(&command, &files)).map_err(Failure::Output)?;
        return Ok(0);
    }
    let note = connection.and_then(Connection::note).filter(|_| needs::requests_token(&command));
    eprint(&lines(note.map(|note| format!("entra-risk: {note}"))));
    match command {
        Command::Help => print(HELP).map_err(Failure::Output)?,
        Command::Version => {
            print(concat!("entra-risk ", env!("CARGO_PKG_VERSION"), "\n")).map_err(Failure::Output)?;
        }
        Command::Perform(job) => return run::execute(&job, &package),
        Command::List(listing) => listing::list(&listing, &package)?,
        Command::Verify(verify) => return run::verify(&verify, &package),
        Command::Check(check) => return look(&check),
    }
    Ok(0)
}

/// Whether an error is the lack of a token, a permission or a connection, by the name of its kind
/// and the status of its response.
fn is_barred(kind: &str, status: Option<u16>) -> bool {
    match kind {
        "no-token" | "denied-by-host" | "unauthenticated" | "forbidden" | "unreachable" => true,
        "client-error" => status == Some(407),
        _ => false,
    }
}

/// Looks at a token.
fn look(check: &Check) -> Result<u8, Failure> {
    let found = check::look(check);
    print(&lines(found.lines)).map_err(Failure::Output)?;
    Ok(if found.is_usable { 0 } else { 3 })
}
