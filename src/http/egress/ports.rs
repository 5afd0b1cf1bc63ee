//! The allowed ports.

/// Returns whether webhooks may go to this port: to 80 and 443, and from 1024 on to every port that
/// is not the default of a known service other than web applications.
pub(super) const fn is_allowed(port: u16) -> bool {
    match port {
        80 | 443 => true,
        0..1024 => false,
        _ => !(is_blocked_by_browsers(port) || is_store(port) || is_control_plane(port)),
    }
}

/// The ports above 1023 that the Fetch standard blocks (section *Port blocking*,
/// <https://fetch.spec.whatwg.org/#port-blocking>): services that may take an HTTP request for one
/// of their own, such as IRC, SIP, X11 and NFS.
const fn is_blocked_by_browsers(port: u16) -> bool {
    matches!(
        port,
        1719 | 1720 | 1723 | 2049 | 3659 | 4045 | 4190 | 5060 | 5061 | 6000 | 6566 | 6665
            ..=6669 | 6679 | 6697 | 10080
    )
}

/// Default ports of databases, caches, queues and file stores, from the IANA registry of service
/// names and the projects' documentation.
const fn is_store(port: u16) -> bool {
    matches!(
        port,
        1433 | 1434 // SQL Server
            | 1521 | 2483 | 2484 // Oracle
            | 1883 | 8883 // MQTT
            | 3050 // Firebird
            | 3260 // iSCSI
            | 3306 | 33060 // MySQL, MariaDB
            | 4222 // NATS
            | 5432 | 6432 // PostgreSQL, PgBouncer
            | 5671 | 5672 | 15672 | 25672 // RabbitMQ
            | 5984 // CouchDB
            | 6379 | 16379 | 26379 // Redis, its cluster bus and Sentinel
            | 7000 | 7001 | 9042 | 9160 // Cassandra
            | 7474 | 7687 // Neo4j
            | 8086 // InfluxDB
            | 8529 // ArangoDB
            | 9092 | 9093 // Kafka
            | 9200 | 9300 // Elasticsearch, OpenSearch
            | 11210 | 11211 // Couchbase, memcached
            | 26257 // CockroachDB
            | 27017
            ..=27019 | 28017 // MongoDB
            | 50000 // Db2
            | 61613 | 61616 // ActiveMQ
    )
}

/// Default ports by which machines and clusters are administered, from the IANA registry of service
/// names and the projects' documentation.
const fn is_control_plane(port: u16) -> bool {
    matches!(
        port,
        2181 | 2888 | 3888 // ZooKeeper
            | 2375..=2377 // Docker
            | 2379 | 2380 // etcd
            | 3389 // Remote Desktop
            | 4369 // Erlang's port mapper
            | 4505 | 4506 // Salt
            | 4646..=4648 // Nomad
            | 5900..=5903 // VNC
            | 5985 | 5986 // Windows Remote Management
            | 6443 | 10248..=10250 | 10255..=10259 // Kubernetes
            | 8200 | 8201 // Vault
            | 8300..=8302 | 8500..=8503 | 8600 // Consul
            | 9418 // Git
    )
}
