//! The parts of a filter's text.

/// A part of a filter's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Open,
    Close,
    Word(String),
    Quoted(String),
}

/// Splits the text of a filter, or returns the message with which Microsoft Graph rejects it.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match rest.next() {
                        // Two are one in the text.
                        Some('\'') if rest.next_if_eq(&'\'').is_some() => quoted.push('\''),
                        Some('\'') => break,
                        Some(other) => quoted.push(other),
                        None => return Err("There is an unterminated string literal in the filter.".into()),
                    }
                }
                tokens.push(Token::Quoted(quoted));
            }
            first => {
                let mut word = first.to_string();
                while let Some(other) = rest.next_if(|other| !" ()'".contains(*other)) {
                    word.push(other);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}
