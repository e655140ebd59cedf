use std::time::Duration;

/// Milliseconds, to the microsecond: how spans are shown.
#[must_use]
pub fn milliseconds(span: Duration) -> f64 {
    rounded(span.as_secs_f64() * 1e3, 1e3)
}

/// Seconds, to the microsecond.
#[must_use]
pub fn seconds(span: Duration) -> f64 {
    rounded(span.as_secs_f64(), 1e6)
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}
