//! Tests of reading tables.

use super::*;

fn read(text: &str, column: &str) -> Result<Vec<(String, u64)>, String> {
    let mut values = Vec::new();
    read_with_empty(text, column, &mut values).map(|_| values)
}

fn read_with_empty(text: &str, column: &str, values: &mut Vec<(String, u64)>) -> Result<usize, String> {
    let mut text = Text::new(Box::new(text.as_bytes())).unwrap();
    for header in headers(text.head()) {
        if let Some(id) = position(&header.names, column)? {
            let columns = Columns { id, label: None };
            let add = |value: Value<'_>| values.push((value.id.to_owned(), value.line));
            return read_columns(&mut text, &header, columns, "t.csv", |id| id.trim().is_empty(), add);
        }
    }
    Err("no such column".to_owned())
}

#[track_caller]
fn is(text: &str, column: &str, expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(value, line)| ((*value).to_owned(), *line)).collect();
    assert_eq!(read(text, column), Ok(expected), "{text:?}");
}

#[test]
fn a_column_is_found_by_name_after_quotes_and_line_ends() {
    let long = "x".repeat(1000);
    let text =
        format!("\"User\",\"Request ID\",note\n\"Ann, \"\"A\"\"\",\"1\",\"two\nlines\"\n{long},2\n\n,,\n,{long},\n");
    is(&text, "request id", &[("1", 2), ("2", 4), (&long, 7)]);
}

#[test]
fn the_delimiter_is_that_of_the_header() {
    for delimiter in [",", ";", "\t"] {
        let text = "name|id\n\"A|B\"|1\n2,5;3|4\n".replace("2,5;3", "x").replace('|', delimiter);
        is(&text, "id", &[("1", 2), ("4", 3)]);
    }
    is("sep=|\na,b|id\nx|1\n", "ID", &[("1", 3)]);
    is("sep=;\nid\n1", "id", &[("1", 3)]);
    is("id\n1", " id", &[("1", 2)]);
}

#[test]
fn a_type_before_the_header_is_ignored() {
    is("#TYPE Microsoft.Graph.RiskyUser\n\"Id\",\"Name\"\n\"1\",\"Ann\"\n", "id", &[("1", 3)]);
}

#[test]
fn no_text_panics_or_loses_the_end() {
    let mut state = 1_u32;
    for _ in 0..5_000 {
        let mut text = String::from("id,b\n");
        for _ in 0..state % 24 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend(b"\"\"\",;\t\n\n\r\0 1a".get(state as usize >> 16 & 15).map(|byte| char::from(*byte)));
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Either the last record is found, or the text is an error.
        text.push_str("\nlast,\n");
        if let Ok(values) = read(&text, "id") {
            assert_eq!(values.last().map(|(value, _)| value.as_str()), Some("last"), "{text:?}");
        }
    }
}

#[test]
fn a_quote_in_the_wrong_place_is_an_error() {
    let message = |line| Err(format!("t.csv:{line}: a field begins with a quote here, but does not end with one"));
    assert_eq!(read("id,name\n1,x\n2,\"Ann\n3,y\n4,z\n", "id"), message(3));
    assert_eq!(read("id,\"name\n1,x\n", "id"), message(1));
    assert_eq!(read("id\n\"1", "id"), message(2));
    assert_eq!(read("id,name\n1,\"Ann\n2,Bob\n3,\"Carl\"\n", "id"), message(2));
    assert_eq!(read("id;name;note\n1;\"Ann\";\n2;\"a\"\"\nb\"\n3;\"c\" \n", "id"), message(5));
    is("id,name\n1,\"x\"\n2,y\"z\n", "id", &[("1", 2), ("2", 3)]);
}

#[test]
fn a_record_that_ends_before_the_column_is_an_error() {
    let message = |line, got| Err(format!("t.csv:{line}: expected at least 2 fields, up to \"id\"; got {got}"));
    assert_eq!(read("name,id\nAnn,1\nBob\nCarl,3\n", "id"), message(3, 1));
    assert_eq!(read("name,id\n\n  \nAnn,1\n", "id"), message(3, 1));
    is("name,id,note\nAnn,1\n", "id", &[("1", 2)]);
}

#[test]
fn a_record_with_more_fields_than_the_header_is_an_error() {
    let message = |line, expected, got| {
        Err(format!(
            "t.csv:{line}: expected at most {expected} fields, as in the header; got {got}: a field that contains a delimiter must be quoted"
        ))
    };
    assert_eq!(read("name,id,manager\nAnn,1,2\nDoe, Jane,3,4\n", "id"), message(3, 3, 4));
    assert_eq!(read("id\n1\n2,3\n", "id"), message(3, 1, 2));
    assert_eq!(read("id;name\n1;\"two\nlines\"\n2;b;\n", "id"), message(4, 2, 3));
    let long = format!("id,name\n1{}\n", ",".repeat(100_000));
    assert_eq!(read(&long, "id"), message(2, 2, 100_001));
    is("name,id\n\"Doe, Jane\",3\n", "id", &[("3", 2)]);
}

#[test]
fn records_with_an_empty_field_are_counted() {
    let mut values = Vec::new();
    let empty = read_with_empty("name,id\nAnn,1\nBob,\nCarl, \n,\n\n", "id", &mut values);
    assert_eq!((empty, values.len()), (Ok(3), 1));
}

#[test]
fn a_missing_or_repeated_column_is_reported() {
    for text in ["a,b\n1,2\n", "a;b\n1;2\n", "", "\n", "sep=;"] {
        assert_eq!(read(text, "id"), Err("no such column".to_owned()));
    }
    let repeated = r#"the header has 2 columns "id": rename all but one"#;
    assert_eq!(read("id,ID\n1,2\n", "id"), Err(repeated.to_owned()));
}

#[test]
fn records_and_quotes_are_whole_where_a_long_text_is_cut() {
    for before in 0..8 {
        let text = format!("id,name\n1,{}\n\"2\",\"a\"\"\nb\"\n3,\n", "x".repeat(HEAD_BYTES - 24 + before));
        is(&text, "id", &[("1", 2), ("2", 3), ("3", 5)]);
    }
    assert!(headers("x,".repeat(HEAD_BYTES).as_bytes()).is_empty(), "a header without an end");
}
