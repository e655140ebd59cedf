//! JSON of records, which are made by the thousand and wait for a moment to be written.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

/// No thread keeps a larger scratch.
const SCRATCH_BYTES: usize = 64 << 10;

/// Records are put beside one another into memory of this size, which is left when all of them are: each
/// by itself would be got from the system by one thread and given back by another. Longer ones than
/// an eighth of it are kept by themselves.
const SHEET_BYTES: usize = 32 << 10;

/// Why there is no error to handle.
const SERIALISES: &str = "records have string keys and cannot fail to serialise";

/// The value as JSON.
///
/// # Panics
/// When a `Serialize` written by hand fails; no derived one of this crate's can.
pub(crate) fn to_json(value: &impl Serialize) -> Bytes {
    on_scratch(|scratch| {
        serde_json::to_writer(&mut *scratch, value).expect(SERIALISES);
        on_sheet(scratch)
    })
}

/// A struct as JSON, with one more member at its end; and the JSON of that member by itself, which may
/// be kept for longer.
///
/// # Panics
/// As [`to_json`] does, and for what is no struct with members.
pub(crate) fn to_json_with(
    record: &impl Serialize,
    member: &str,
    value: &impl Serialize,
) -> (Bytes, Bytes) {
    on_scratch(|scratch| {
        serde_json::to_writer(&mut *scratch, record).expect(SERIALISES);
        assert_eq!(scratch.pop(), Some(b'}'), "a struct ends with a brace");
        for part in [",\"", member, "\":"] {
            scratch.extend_from_slice(part.as_bytes());
        }
        let begin = scratch.len();
        serde_json::to_writer(&mut *scratch, value).expect(SERIALISES);
        let end = scratch.len();
        scratch.push(b'}');
        (
            on_sheet(scratch),
            Bytes::copy_from_slice(&scratch[begin..end]),
        )
    })
}

/// Memory that the thread keeps, empty. Texts are written on it and copied when their length is known:
/// memory that grows with a text would be moved again and again, and be kept half empty.
fn on_scratch<R>(write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local!(static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        let written = write(scratch);
        scratch.shrink_to(SCRATCH_BYTES);
        written
    })
}

/// A copy of the text, beside others.
fn on_sheet(text: &[u8]) -> Bytes {
    thread_local!(static SHEET: RefCell<BytesMut> = RefCell::default());
    if text.len() > SHEET_BYTES / 8 {
        return Bytes::copy_from_slice(text);
    }
    SHEET.with_borrow_mut(|sheet| {
        if sheet.capacity() < text.len() {
            *sheet = BytesMut::with_capacity(SHEET_BYTES);
        }
        sheet.extend_from_slice(text);
        sheet.split().freeze()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Point {
        x: u8,
        y: u8,
    }

    #[test]
    fn records_of_all_lengths_stay_what_they_are_beside_one_another() {
        let texts: Vec<String> = (0..6000).step_by(7).map(|n| "x".repeat(n)).collect();
        let made: Vec<Bytes> = texts.iter().map(to_json).collect();
        for (text, json) in texts.iter().zip(made) {
            assert_eq!(json, format!("\"{text}\""));
        }
    }

    #[test]
    fn a_member_is_a_part_of_the_record_and_json_by_itself() {
        let (x, y) = (1, 2);
        let (whole, part) = to_json_with(&Point { x, y }, "at", &["here"]);
        assert_eq!(whole, r#"{"x":1,"y":2,"at":["here"]}"#);
        assert_eq!(part, r#"["here"]"#);
        assert_eq!(to_json(&Point { x, y }), r#"{"x":1,"y":2}"#);
    }
}
