//! Where Redis is: one server, those that Sentinels name, or a cluster.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsMode, Value,
};

/// How often what was sent to the wrong server of a cluster is sent again.
const CLUSTER_RETRIES: u32 = 3;

/// Where Redis is.
#[derive(Clone)]
pub(super) struct Address {
    /// What people call it: no password is in it.
    pub name: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Server(Box<Client>),
    /// Some of the Sentinels, and what they call the servers.
    Sentinels(Vec<ConnectionInfo>, String, Box<SentinelNodeConnectionInfo>),
    /// Some of the cluster's servers.
    Cluster(Vec<ConnectionInfo>),
}

/// A connection that any number of requests may use at once; cheap to clone.
#[derive(Clone)]
pub(super) enum Wire {
    Server(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl Address {
    /// Reads a url. Beside those of the Redis library there are
    /// `redis+sentinel://[user:password@]host:port,host:port/name[/database]`, with the login of the
    /// Sentinels as `?sentinel_user=` and `sentinel_password=`, and
    /// `redis+cluster://[user:password@]host:port,host:port`; with `rediss` for TLS.
    pub(super) fn parse(url: &str) -> RedisResult<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(plain, "redis" | "rediss") || !matches!(kind, "sentinel" | "cluster") {
            let client = Client::open(url)?;
            let name = client.get_connection_info().addr().to_string();
            let kind = Kind::Server(Box::new(client));
            return Ok(Self { name, kind });
        }
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match place.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), place),
        };
        if kind == "cluster" {
            let nodes = hosts.split(',');
            let nodes = nodes.map(|host| format!("{plain}://{user}{host}").into_connection_info());
            let nodes = nodes.collect::<RedisResult<Vec<_>>>()?;
            if !path.is_empty() {
                return Err(wrong("a cluster has no database number"));
            }
            ClusterClientBuilder::new(nodes.clone()).build()?;
            let name = format!("the cluster of {hosts}");
            let kind = Kind::Cluster(nodes);
            return Ok(Self { name, kind });
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (service, database) = path.split_once('/').unwrap_or((path, ""));
        if service.is_empty() {
            return Err(wrong(
                "it names no service, as in redis+sentinel://host:26379/mymaster",
            ));
        }
        let server = format!("{plain}://{user}{}/{database}", first(hosts));
        let server = server.into_connection_info()?;
        let sentinels = hosts.split(',');
        let login = sentinel_login(query)?;
        let sentinels =
            sentinels.map(|host| format!("{plain}://{login}{host}").into_connection_info());
        let sentinels = sentinels.collect::<RedisResult<Vec<_>>>()?;
        let kind = Kind::Sentinels(
            sentinels,
            service.to_owned(),
            Box::new(of_service(&server, plain == "rediss")),
        );
        let name = format!("`{service}` of the Sentinels {hosts}");
        Ok(Self { name, kind })
    }

    /// Whether keys are spread over several servers, so that a batch may have keys of one slot only.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    /// Connects; each step of that, and each answer later, may take so long.
    pub(super) async fn connect(&self, timeout: Duration) -> RedisResult<Wire> {
        match &self.kind {
            Kind::Server(client) => multiplexed(client, timeout).await.map(Wire::Server),
            Kind::Sentinels(..) => {
                let client = self.server(timeout).await?;
                multiplexed(&client, timeout).await.map(Wire::Server)
            }
            Kind::Cluster(nodes) => {
                let cluster = ClusterClientBuilder::new(nodes.clone())
                    .connection_timeout(timeout)
                    .response_timeout(timeout)
                    .overall_response_timeout(Some(2 * timeout))
                    .retries(CLUSTER_RETRIES)
                    .build()?;
                let connecting = in_time(2 * timeout, connect_to(&cluster));
                connecting.await.map(|it| Wire::Cluster(Box::new(it)))
            }
        }
    }

    /// A server that can be listened to: of a cluster, any one that answers.
    pub(super) async fn server(&self, timeout: Duration) -> RedisResult<Client> {
        match &self.kind {
            Kind::Server(client) => Ok(Client::clone(client)),
            Kind::Sentinels(sentinels, service, server) => {
                let mut client = SentinelClient::build(
                    sentinels.clone(),
                    service.clone(),
                    Some(SentinelNodeConnectionInfo::clone(server)),
                    SentinelServerType::Master,
                )?;
                let found = client.async_get_client();
                in_time(2 * timeout, found).await
            }
            Kind::Cluster(nodes) => {
                let mut problem = wrong("it names no server");
                for node in nodes {
                    let client = Client::open(node.clone())?;
                    match multiplexed(&client, timeout).await {
                        Ok(_it_answers) => return Ok(client),
                        Err(error) => problem = error,
                    }
                }
                Err(problem)
            }
        }
    }
}

async fn multiplexed(client: &Client, timeout: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

async fn connect_to(cluster: &ClusterClient) -> RedisResult<ClusterConnection> {
    cluster.get_async_connection().await
}

async fn in_time<T>(
    timeout: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    let done = tokio::time::timeout(timeout, work).await;
    done.unwrap_or_else(|_elapsed| {
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Err(RedisError::from(late))
    })
}

/// How the servers of a service are spoken to: as the url says of one.
fn of_service(server: &ConnectionInfo, tls: bool) -> SentinelNodeConnectionInfo {
    let login: &RedisConnectionInfo = server.redis_settings();
    let service = SentinelNodeConnectionInfo::default().set_redis_connection_info(login.clone());
    if tls {
        service.set_tls_mode(TlsMode::Secure)
    } else {
        service
    }
}

/// The login of the Sentinels, as it stands in the url of a server.
fn sentinel_login(query: &str) -> RedisResult<String> {
    let (mut user, mut password) = ("", "");
    for parameter in query.split('&').filter(|it| !it.is_empty()) {
        match parameter.split_once('=') {
            Some(("sentinel_user", name)) => user = name,
            Some(("sentinel_password", secret)) => password = secret,
            _ => {
                let known = "it may only have the parameters sentinel_user and sentinel_password";
                return Err(wrong(known));
            }
        }
    }
    if query.contains(['@', '/', '#', '?']) {
        return Err(wrong(
            "@, /, # and ? in it have to be %40, %2F, %23 and %3F",
        ));
    }
    match (user, password) {
        ("", "") => Ok(String::new()),
        (_, "") => Err(wrong("the Sentinels have a user and no password")),
        (user, password) => Ok(format!("{user}:{password}@")),
    }
}

fn first(hosts: &str) -> &str {
    hosts.split(',').next().unwrap_or_default()
}

fn wrong(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, what))
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(wire) => wire.req_packed_command(cmd),
            Self::Cluster(wire) => wire.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(wire) => wire.req_packed_commands(cmd, offset, count),
            Self::Cluster(wire) => wire.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(wire) => wire.get_db(),
            Self::Cluster(wire) => wire.get_db(),
        }
    }
}
