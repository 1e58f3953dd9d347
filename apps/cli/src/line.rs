//! The command line, read from left to right: options with their values, and other arguments.

use lexopt::prelude::*;
use serde::Serialize;

/// A command line without the program's name.
pub(crate) struct Line {
    parser: lexopt::Parser,
    /// The number of arguments.
    count: usize,
    /// The files that the options read so far name.
    pub(crate) files: Vec<FileArgument>,
}

/// An option or another argument.
#[derive(Debug)]
pub(crate) enum Item {
    /// An option, by its long name without hyphens.
    Option(String),
    /// An argument that is no option.
    Value(String),
}

/// A file that an option names.
#[derive(Debug, Serialize)]
pub(crate) struct FileArgument {
    /// The number of the argument that ends with the path, counted from 0.
    argument: usize,
    path: String,
    access: Access,
}

/// What a run does to a file and its neighbors.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    Read,
    Write,
}

impl Line {
    pub(crate) fn new(arguments: Vec<String>) -> Self {
        Line { count: arguments.len(), parser: lexopt::Parser::from_args(arguments), files: Vec::new() }
    }

    /// The next option or argument. The errors are messages for people.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, String> {
        let name = match self.parser.next().map_err(|error| error.to_string())? {
            None => return Ok(None),
            Some(Value(value)) => return Ok(Some(Item::Value(value.to_string_lossy().into_owned()))),
            Some(Long(name)) => name,
            Some(Short('h')) => "help",
            Some(Short('V')) => "version",
            Some(Short('q')) => "quiet",
            Some(Short('y')) => "yes",
            Some(other) => return Err(other.unexpected().to_string()),
        };
        Ok(Some(Item::Option(name.to_owned())))
    }

    /// The value of the option before.
    pub(crate) fn text(&mut self) -> Result<String, String> {
        self.parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
    }

    /// The value of the option before, which is a path.
    pub(crate) fn path(&mut self, access: Access) -> Result<String, String> {
        let path = self.text()?;
        let rest = self.parser.try_raw_args().map_or(0, |rest| rest.as_slice().len());
        let argument = self.count.saturating_sub(rest).saturating_sub(1);
        self.files.push(FileArgument { argument, path: path.clone(), access });
        Ok(path)
    }

    /// The value of the option before, which is a path to read, or `-` for standard input.
    pub(crate) fn source(&mut self) -> Result<String, String> {
        let path = self.path(Access::Read)?;
        if path == "-" {
            self.files.pop();
        }
        Ok(path)
    }
}
