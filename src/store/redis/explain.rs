//! Says in words what went wrong with the server, without the url and without what is stored.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

use super::super::StoreError;

/// The error of the store of this name, which was given `timeout` to answer, for people.
pub(super) fn explain(store: String, timeout: Duration, error: RedisError) -> StoreError {
    let (problem, remedy) = match error.kind() {
        _ if error.is_timeout() => (
            format!("no answer within {timeout:?}"),
            "check that it is not overloaded, or allow more time",
        ),
        ErrorKind::Io => (
            error.to_string(),
            "check that it is running, and its address",
        ),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => (
            "what answers there is not Redis".to_owned(),
            "check its address",
        ),
        ErrorKind::AuthenticationFailed => (error.to_string(), CHECK_PASSWORD),
        _ => return complaint(store, error),
    };
    StoreError::Unavailable {
        store,
        problem,
        remedy: remedy.to_owned(),
    }
}

/// The error where the store of this name holds what it has not written.
pub(super) fn foreign(store: String) -> StoreError {
    StoreError::Corrupt {
        store,
        problem: "the key holds something of another kind".to_owned(),
        remedy: "choose a prefix that no other program uses".to_owned(),
    }
}

/// What is wrong with the url; the library's further words may repeat parts of it.
pub(super) fn malformed(error: &RedisError) -> StoreError {
    let words = error.to_string();
    let problem = words.split(" - ").next().unwrap_or_default();
    StoreError::Misconfigured {
        store: "the Redis store".to_owned(),
        problem: format!("its url is malformed ({problem})"),
        remedy: "write it as redis://user:password@host:6379/0, where special characters of the \
                 password are percent-encoded"
            .to_owned(),
    }
}

const CHECK_PASSWORD: &str = "check the user and the password in its url";

/// What the server itself complained about: of a batch, its first complaint, for it repeats
/// itself for each entry.
fn complaint(store: String, error: RedisError) -> StoreError {
    let words = error.to_string();
    let complaints = error.into_server_errors();
    let Some((_, first)) = complaints.as_deref().and_then(<[_]>::first) else {
        return StoreError::Unavailable {
            store,
            problem: words,
            remedy: SEE_LOG.to_owned(),
        };
    };
    let remedy = match first.code() {
        "WRONGTYPE" => return foreign(store),
        "NOAUTH" | "NOPERM" | "WRONGPASS" => CHECK_PASSWORD,
        "OOM" => "give it more memory, or keep requests for a shorter time",
        "LOADING" => "wait until it has read its data",
        "READONLY" => "give the address of the primary server",
        _ => SEE_LOG,
    };
    StoreError::Unavailable {
        store,
        problem: [first.code(), first.details().unwrap_or_default()].join(" "),
        remedy: remedy.to_owned(),
    }
}

const SEE_LOG: &str = "see the log of the server";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: &str) -> String {
        let value = redis::parse_redis_value(answer.as_bytes()).unwrap();
        let error = value.extract_error().unwrap_err();
        explain("Redis at x:1".to_owned(), Duration::ZERO, error).to_string()
    }

    #[test]
    fn what_the_server_complains_about_is_passed_on_with_a_remedy() {
        assert_eq!(
            said("-OOM command not allowed\r\n"),
            "Redis at x:1 is unavailable: OOM command not allowed; give it more memory, or keep \
             requests for a shorter time"
        );
        assert!(said("-NOAUTH Authentication required.\r\n").ends_with(CHECK_PASSWORD));
        assert!(said("-READONLY You can't write\r\n").contains("the primary server"));
        assert!(said("-ODD words\r\n").ends_with("ODD words; see the log of the server"));
    }

    #[test]
    fn a_key_of_another_kind_is_not_blamed_on_the_server() {
        let said = said("-WRONGTYPE Operation against a key\r\n");
        assert!(said.contains("cannot be read"), "{said}");
        assert!(said.contains("choose a prefix"), "{said}");
    }
}
