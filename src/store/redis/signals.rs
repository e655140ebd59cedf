//! Signals: a channel, which is listened to on a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use redis::aio::PubSub;
use redis::{Pipeline, RedisResult};

use super::super::{Heard, Signals, StoreError};
use super::Redis;
use super::address::Address;

const CHANNEL: &str = "signals";

/// How long after a connection was lost, or could not be made, the next is tried.
const RETRY: Duration = Duration::from_millis(250);
/// From a connection on which nothing was heard for so long perhaps nothing can be heard.
const SILENCE: Duration = Duration::from_secs(30);

impl Signals for Redis {
    fn publish(&self, signal: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("PUBLISH").arg(self.key(CHANNEL));
            request.arg(&signal[..]).ignore();
            self.link.query(&request).await
        }
        .boxed()
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        let address = self.link.address().clone();
        listen(address, self.link.timeout(), self.key(CHANNEL))
    }
}

/// Where, and on which connection at the moment.
struct Listener {
    address: Address,
    timeout: Duration,
    channel: String,
    connection: Option<PubSub>,
}

/// All that is said on the channel, whatever happens to the server.
fn listen(address: Address, timeout: Duration, channel: String) -> BoxStream<'static, Heard> {
    let listener = Listener {
        address,
        timeout,
        channel,
        connection: None,
    };
    let hear = async |mut listener: Listener| Some((listener.hear().await, listener));
    stream::unfold(listener, hear).boxed()
}

impl Listener {
    async fn hear(&mut self) -> Heard {
        loop {
            if let Some(mut connection) = self.connection.take() {
                let said = tokio::time::timeout(SILENCE, next(&mut connection)).await;
                if let Ok(Some(signal)) = said {
                    self.connection = Some(connection);
                    return Heard::Signal(signal);
                }
            }
            let connecting = tokio::time::timeout(3 * self.timeout, self.connect());
            if let Ok(Ok(connection)) = connecting.await {
                self.connection = Some(connection);
                return Heard::Listening;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn connect(&self) -> RedisResult<PubSub> {
        let client = self.address.server(self.timeout).await?;
        let mut connection = client.get_async_pubsub().await?;
        connection.subscribe(&self.channel).await?;
        Ok(connection)
    }
}

async fn next(connection: &mut PubSub) -> Option<Bytes> {
    let said = connection.on_message().next().await?;
    Some(Bytes::copy_from_slice(said.get_payload_bytes()))
}
