//! What orchestrators that share a state tell each other.

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Orchestrator;
use crate::store::Heard;
use crate::words::{RequestId, to_json};

/// Something that others should know at once. Whoever misses it finds out a little later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub(super) enum News {
    /// There is work in the queue.
    Work,
    /// The list of agents that were registered at run time has changed.
    Crew,
    /// The breaker before an agent elsewhere has opened.
    Opened { by: Uuid, instance: String },
    /// A request is to be stopped by whoever works on it.
    Cancel { request: RequestId },
}

impl Orchestrator {
    /// Tells all orchestrators, this one included.
    pub(super) async fn tell_others(&self, news: &News) -> bool {
        self.house().store.publish(to_json(news)).await.is_ok()
    }

    /// Hears what the others tell, for ever.
    pub(crate) async fn hear_news(self) {
        let mut heard = self.house().store.listen();
        while let Some(heard) = heard.next().await {
            match heard {
                Heard::Listening => {
                    self.house().background.ring();
                    self.house().crew_bell.notify_one();
                }
                // What newer versions tell is not for us.
                Heard::Signal(news) => {
                    if let Ok(news) = serde_json::from_slice(&news) {
                        self.hear(&news);
                    }
                }
            }
        }
    }

    fn hear(&self, news: &News) {
        let house = self.house();
        match news {
            News::Work => house.background.ring(),
            News::Crew => house.crew_bell.notify_one(),
            News::Opened { by, instance } if *by != house.id => self.heed_warning(instance),
            News::Opened { .. } => {}
            News::Cancel { request } => {
                house.running.stop(*request);
            }
        }
    }
}
