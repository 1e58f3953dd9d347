//! What the token adapters share: [`destination`] decides where a token may be sent, and
//! [`graph_token`] finds the token in what people put into a variable. [`directory`] finds a path
//! in the directories that a host grants.

pub mod destination;
pub mod directory;
pub mod graph_token;
