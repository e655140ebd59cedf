use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Where a server's endpoints are, up to and including `/v1`.
///
/// ```
/// use agent_orchestrator::llm::BaseUrl;
///
/// let url: BaseUrl = "http://127.0.0.1:11434/v1".parse()?;
/// assert_eq!(url.to_string(), "http://127.0.0.1:11434/v1");
/// assert!("localhost:11434".parse::<BaseUrl>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The endpoint of that path.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        let joined = self.0.join(path);
        joined.expect("paths are relative, and a URL with a host takes them")
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Self(url))
            }
            _ => Err(format!("`{text}` is no URL of http or https")),
        }
    }
}

/// Without what may be a secret.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        url.set_query(None);
        // One that cannot have them has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
