//! The source of the plugin, in which a change names the function that it concerns. What it
//! replaces there is compared token by token, so that neither the layout of the code nor its
//! comments nor the file that contains it matters.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, Item, ItemConst, ItemFn, ItemImpl, ItemMod, Type};
use wasmtime::error::Context;
use wasmtime::{Error, Result};

/// The functions and constants of the files read, without those of tests.
pub(crate) struct Source {
    files: Vec<File>,
}

/// One change: the file, relative to the folder that was read, and what it contains afterward.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

struct File {
    path: PathBuf,
    text: String,
    functions: Vec<Function>,
}

/// A function, or a constant, whose value counts as its body.
struct Function {
    /// `Type::function` in an `impl` block, and otherwise `function`.
    name: String,
    /// Its signature and its body.
    tokens: Vec<Token>,
    /// Where its body is, without the braces.
    body: Range<usize>,
}

/// A token and where it is in its file.
struct Token {
    text: String,
    at: Range<usize>,
}

impl Source {
    /// Reads the Rust files in some folders below `root`, as far as these exist.
    pub(crate) fn read(root: &Path, folders: &[&str]) -> Result<Source> {
        let mut paths = Vec::new();
        for folder in folders {
            find(&root.join(folder), &mut paths)?;
        }
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path)?;
            let functions = functions(&text).with_context(|| path.display().to_string())?;
            Ok(File { path: path.strip_prefix(root)?.to_owned(), text, functions })
        };
        Ok(Source { files: paths.into_iter().map(read).collect::<Result<_>>()? })
    }

    /// Replaces tokens that occur exactly once in the functions of this name.
    pub(crate) fn replace(&self, function: &str, from: &str, to: &str) -> Result<Changed> {
        let wanted = tokens(from)?;
        let is_wanted = |tokens: &&[Token]| tokens.iter().zip(&wanted).all(|(token, wanted)| token.text == wanted.text);
        let mut found = Vec::new();
        for (file, function) in self.named(function) {
            let windows = function.tokens.windows(wanted.len().max(1)).filter(is_wanted);
            found.extend(windows.map(|tokens| (file, tokens)));
        }
        match found.as_slice() {
            [(file, [first, .., last])] => file.change(first.at.start..last.at.end, to),
            [(file, [only])] => file.change(only.at.clone(), to),
            _ => Err(Error::msg(format!("{function} contains `{from}` {} times, not once", found.len()))),
        }
    }

    /// Replaces the body of the only function of this name.
    pub(crate) fn replace_body(&self, function: &str, to: &str) -> Result<Changed> {
        let named: Vec<_> = self.named(function).collect();
        match named.as_slice() {
            [(file, function)] => file.change(function.body.clone(), to),
            _ => Err(Error::msg(format!("{} functions are named {function}, not one", named.len()))),
        }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = (&File, &Function)> {
        let all = self.files.iter().flat_map(|file| file.functions.iter().map(move |function| (file, function)));
        all.filter(move |(_, function)| function.name == name)
    }
}

impl File {
    fn change(&self, at: Range<usize>, to: &str) -> Result<Changed> {
        let (before, after) = (self.text.get(..at.start), self.text.get(at.end..));
        let (before, after) = before.zip(after).context("a token is inside its file")?;
        let text = [before, to, after].concat();
        syn::parse_file(&text).with_context(|| format!("{} with `{to}`", self.path.display()))?;
        Ok(Changed { path: self.path.clone(), text })
    }
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| find(entry, files));
    }
    files.extend(Some(path.to_owned()).filter(|path| path.extension().is_some_and(|extension| extension == "rs")));
    Ok(())
}

fn functions(text: &str) -> Result<Vec<Function>> {
    let mut found = Found { owner: None, functions: Vec::new() };
    found.visit_file(&syn::parse_file(text)?);
    Ok(found.functions)
}

/// The functions found so far, and the type whose `impl` block is being read.
struct Found {
    owner: Option<String>,
    functions: Vec<Function>,
}

impl Found {
    fn add(&mut self, name: &syn::Ident, signature: TokenStream, value: TokenStream, body: Range<usize>) {
        let mut tokens = Vec::new();
        flatten(signature, &mut tokens);
        flatten(value, &mut tokens);
        let name = self.owner.iter().map(|owner| format!("{owner}::{name}")).next().unwrap_or_else(|| name.to_string());
        self.functions.push(Function { name, tokens, body });
    }

    fn add_function(&mut self, signature: &syn::Signature, block: &Block) {
        let braces = &block.brace_token.span;
        let body = braces.open().byte_range().end..braces.close().byte_range().start;
        self.add(&signature.ident, signature.to_token_stream(), block.to_token_stream(), body);
    }
}

impl Visit<'_> for Found {
    fn visit_item_mod(&mut self, module: &ItemMod) {
        if !module.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, block: &ItemImpl) {
        let Type::Path(of) = &*block.self_ty else { return };
        self.owner = of.path.segments.last().map(|segment| segment.ident.to_string());
        visit::visit_item_impl(self, block);
        self.owner = None;
    }

    fn visit_impl_item_fn(&mut self, function: &ImplItemFn) {
        self.add_function(&function.sig, &function.block);
    }

    fn visit_item_fn(&mut self, function: &ItemFn) {
        self.add_function(&function.sig, &function.block);
    }

    fn visit_item_const(&mut self, constant: &ItemConst) {
        let value = constant.expr.to_token_stream();
        let mut tokens = Vec::new();
        flatten(value.clone(), &mut tokens);
        if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
            self.add(&constant.ident, TokenStream::new(), value, first.at.start..last.at.end);
        }
    }

    fn visit_item(&mut self, item: &Item) {
        // A trait has no body to change.
        if !matches!(item, Item::Trait(_)) {
            visit::visit_item(self, item);
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let stream: TokenStream = text.parse().map_err(|error| Error::msg(format!("`{text}`: {error}")))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

/// Appends the tokens of a stream, and those inside its delimiters. A comma before a closing
/// delimiter is left out: whether it is there depends on the layout.
fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let at = tree.span().byte_range();
        let TokenTree::Group(group) = tree else {
            tokens.push(Token { text: tree.to_string(), at });
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        tokens.push(Token { text: open.to_owned(), at: group.span_open().byte_range() });
        flatten(group.stream(), tokens);
        if tokens.last().is_some_and(|last| last.text == ",") {
            tokens.pop();
        }
        tokens.push(Token { text: close.to_owned(), at: group.span_close().byte_range() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "const LIMIT: u32 = 2 * 3;

impl Queue {
    /// Takes the next one.
    fn take(&mut self, many: bool) -> u32 {
        // The first one.
        self.ids.remove(
            0,
        )
    }
}

impl Other {
    fn take(&self) {}
}

#[cfg(test)]
mod tests {
    fn take() {}
}
";

    fn source() -> Source {
        let functions = functions(TEXT).unwrap();
        Source { files: vec![File { path: PathBuf::from("queue.rs"), text: TEXT.to_owned(), functions }] }
    }

    #[test]
    fn layout_and_comments_do_not_matter() {
        let changed = source().replace("Queue::take", "self.ids.remove(0)", "7").unwrap();
        assert_eq!(changed.text, TEXT.replace("self.ids.remove(\n            0,\n        )", "7"));
    }

    #[test]
    fn a_body_and_the_value_of_a_constant_can_be_replaced() {
        assert!(source().replace_body("Other::take", "drop(1)").unwrap().text.contains("fn take(&self) {drop(1)}"));
        assert!(source().replace_body("LIMIT", "9").unwrap().text.contains("const LIMIT: u32 = 9;"));
        assert!(source().replace("LIMIT", "2", "5").unwrap().text.contains("const LIMIT: u32 = 5 * 3;"));
    }

    #[test]
    fn what_is_not_there_or_not_unique_is_an_error() {
        let error = |result: Result<Changed>| result.unwrap_err().to_string();
        assert!(error(source().replace("Queue::take", "self.ids.push", "7")).contains("0 times"));
        assert!(error(source().replace("Queue::take", "self", "7")).contains("2 times"));
        assert!(error(source().replace_body("take", "7")).contains("0 functions"));
        assert!(error(source().replace_body("Other::take", "if")).contains("queue.rs"));
    }
}
