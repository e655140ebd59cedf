//! Entries of `kind: http`.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::agents::remote::{RemoteAgent, RemoteConfig};
use crate::supervision::AgentSpec;
use crate::words::Reader;

pub(super) fn spec(name: &str, remotes: &[(RemoteConfig, u32)]) -> AgentSpec {
    let (configs, weights): (Vec<_>, Vec<_>) = remotes.iter().cloned().unzip();
    AgentSpec::numbered(name, move |number| {
        RemoteAgent::new(configs[number].clone())
    })
    .weights(weights)
    .fixed()
}

pub(super) fn read(entry: &Reader<'_>) -> Option<Vec<(RemoteConfig, u32)>> {
    let urls = entry.required("urls")?;
    let places = urls.items()?;
    if places.is_empty() {
        urls.fault("expected 1 or more URLs");
    }
    let headers = entry.member("headers");
    let headers = headers.as_ref().map_or_else(HeaderMap::new, read_headers);
    let health_path = entry.member("health_path");
    let health_path = health_path.and_then(|path| path.string().map(str::to_owned));
    let weights = weights(entry, places.len());
    let remotes = places.iter().zip(weights).filter_map(|(place, weight)| {
        let config = RemoteConfig {
            url: url(place)?,
            headers: headers.clone(),
            health_path: health_path.clone(),
        };
        Some((config, weight))
    });
    let remotes: Vec<_> = remotes.collect();
    (!remotes.is_empty()).then_some(remotes)
}

fn url(place: &Reader<'_>) -> Option<Url> {
    let text = place.string()?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        _ => {
            place.fault(format!("`{text}` is no URL of http or https"));
            None
        }
    }
}

fn weights(entry: &Reader<'_>, urls: usize) -> Vec<u32> {
    let Some(place) = entry.member("weights") else {
        return vec![1; urls];
    };
    let items = place.items().unwrap_or_default();
    if items.len() != urls {
        let found = items.len();
        place.fault(format!(
            "expected as many weights as URLs, {urls}, found {found}"
        ));
    }
    let weight = |item: &Reader<'_>| item.integer(1..=1000).and_then(|w| u32::try_from(w).ok());
    let mut weights: Vec<u32> = items.iter().filter_map(weight).collect();
    weights.resize(urls, 1);
    weights
}

fn read_headers(place: &Reader<'_>) -> HeaderMap {
    let entries = place.entries().unwrap_or_default().into_iter();
    let headers = entries.filter_map(|(name, place)| {
        let text = place.string()?;
        let header = HeaderName::try_from(name).ok();
        let header = header.zip(HeaderValue::try_from(text).ok());
        if header.is_none() {
            place.fault("expected the name and the value of an HTTP header");
        }
        header
    });
    headers.collect()
}
