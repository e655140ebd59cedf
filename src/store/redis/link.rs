//! Keeps one connection to the server, for everybody.
//!
//! Invariant: at most one attempt to connect is under way, and whoever asks shortly after a failed
//! one is told its error at once. A server that is down thus costs one time-out now and then, not
//! one for each request.
//!
//! Edges: a connection on which anything was lost or late is thrown away, for replies on it could
//! no longer be trusted to be in time. Where it turns out to have been closed (the server was
//! restarted, or a firewall forgot it) the request is sent once more on a new one: every request
//! of the store may be done twice.

use std::time::{Duration, Instant};

use redis::{FromRedisValue, Pipeline, RedisError, Value};
use tokio::sync::Mutex;

use super::super::StoreError;
use super::address::{Address, Wire};
use super::explain::{explain, foreign};

/// How long after a failed attempt to connect no other is made: the time-out, within these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The way to a server.
pub(super) struct Link {
    address: Address,
    timeout: Duration,
    state: Mutex<State>,
}

/// A connection, and which one it is.
#[derive(Clone)]
struct Connection {
    number: u64,
    wire: Wire,
}

#[derive(Default)]
struct State {
    /// How many connections were made so far.
    made: u64,
    connection: Option<Connection>,
    /// Until when not to try again, and why.
    refusal: Option<(Instant, StoreError)>,
}

impl Link {
    pub(super) fn new(address: Address, timeout: Duration) -> Self {
        Self {
            address,
            timeout,
            state: Mutex::default(),
        }
    }

    /// What the store is called in errors.
    pub(super) fn name(&self) -> String {
        format!("Redis at {}", self.address.name)
    }

    /// Where it leads.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// How long connecting may take, and an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends the request, and reads its replies.
    pub(super) async fn query<T: FromRedisValue>(
        &self,
        request: &Pipeline,
    ) -> Result<T, StoreError> {
        let replies = match self.send(request).await? {
            Err(error) if was_closed(&error) || was_demoted(&error) => self.send(request).await?,
            replies => replies,
        };
        let replies = replies.map_err(|error| explain(self.name(), self.timeout, error))?;
        redis::from_redis_value(Value::Array(replies)).map_err(|_| foreign(self.name()))
    }

    /// Sends the request once. The outer error is that of connecting.
    async fn send(&self, request: &Pipeline) -> Result<Result<Vec<Value>, RedisError>, StoreError> {
        let mut connection = self.connection().await?;
        let replies = request.query_async(&mut connection.wire).await;
        if let Err(error) = &replies
            && (error.is_io_error() || error.is_unrecoverable_error() || was_demoted(error))
        {
            self.discard(connection.number).await;
        }
        Ok(replies)
    }

    async fn connection(&self) -> Result<Connection, StoreError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        if let Some((until, error)) = &state.refusal
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        self.connect(&mut state).await
    }

    async fn connect(&self, state: &mut State) -> Result<Connection, StoreError> {
        match self.address.connect(self.timeout).await {
            Ok(wire) => {
                state.made += 1;
                let number = state.made;
                Ok(state.connection.insert(Connection { number, wire }).clone())
            }
            Err(error) => {
                let pause = self.timeout.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                let error = explain(self.name(), self.timeout, error);
                state.refusal = Some((Instant::now() + pause, error.clone()));
                Err(error)
            }
        }
    }

    /// Forgets the connection with this number, unless another has taken its place.
    async fn discard(&self, number: u64) {
        let mut state = self.state.lock().await;
        state.connection.take_if(|current| current.number == number);
    }
}

/// Whether the server is a primary no more: another one is, or soon will be.
fn was_demoted(error: &RedisError) -> bool {
    matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
}

fn was_closed(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}
