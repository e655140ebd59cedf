//! Short news for all that share a store.

use agent_orchestrator::store::Heard;
use futures::StreamExt;

use super::*;

pub(super) async fn every_listener_hears_every_signal(store: Arc<dyn Store>) {
    let mut listeners = [store.listen(), store.listen()];
    for listener in &mut listeners {
        assert_eq!(listener.next().await, Some(Heard::Listening));
    }
    let signals: Vec<Bytes> = (0..50)
        .map(|i| Bytes::from(format!("signal {i}\0")))
        .collect();
    for signal in &signals {
        store.publish(signal.clone()).await.unwrap();
    }
    for listener in &mut listeners {
        for signal in &signals {
            assert_eq!(listener.next().await, Some(Heard::Signal(signal.clone())));
        }
    }
}
