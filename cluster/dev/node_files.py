"""What one Cassandra node of a development cluster is started with: its folder, its configuration, its command line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

DATA_CENTER = "dev"
USER = PASSWORD = "cassandra"  # what every new Cassandra begins with; these nodes listen on loopback, but where a test names an address
HEAP_MIB = 512
READY = "Startup complete"
"""Said when clients may come."""
UP = "InetAddress /{address}:{port} is now UP"
"""Said by a node of each other one that it sees."""
ROLE_MADE = "Created default superuser role"
"""Said by the first node of a new cluster: from then on clients can log in."""

_EXPORTS = (
    "java.base/java.lang.ref", "java.base/jdk.internal.misc", "java.base/sun.nio.ch", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql", "jdk.unsupported/sun.misc",
)  # fmt: skip
_OPENS = (
    "java.io", "java.lang", "java.lang.module", "java.lang.reflect", "java.math", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.loader", "jdk.internal.math", "jdk.internal.module",
    "jdk.internal.ref", "jdk.internal.reflect", "jdk.internal.util.jar", "sun.nio.ch",
)  # fmt: skip


class Ports(NamedTuple):
    """The same on every node, each of which has an address of its own."""

    native: int
    """For clients."""
    storage: int
    """For the other nodes."""


class NodePlan(NamedTuple):
    """One node."""

    number: int
    """From 1."""
    nodes: int
    """How many there are."""
    folder: Path
    ports: Ports
    for_clients: str = ""
    """The address for clients; empty: the same."""
    pem: Path | None = None
    """Key and certificate, where clients speak TLS."""

    @property
    def address(self) -> str:
        """On loopback."""
        return f"127.0.0.{self.number}"


def write_files(plan: NodePlan) -> None:
    """Write the node's configuration; its data stays."""
    conf = plan.folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "cassandra.yaml").write_text(_yaml(plan))
    (conf / "cassandra-rackdc.properties").write_text(f"dc={DATA_CENTER}\nrack=rack{plan.number}\n")
    (conf / "logback.xml").write_text(_logback(plan.folder / "system.log"))


def command(plan: NodePlan, java: Path, jars: list[Path]) -> list[str]:
    """The node's command line."""
    jamm = next(jar for jar in jars if jar.name.startswith("jamm-"))
    conf = plan.folder / "conf"
    options = {
        "jdk.attach.allowAttachSelf": "true",
        "cassandra.config": (conf / "cassandra.yaml").as_uri(),
        "cassandra.storagedir": str(plan.folder / "data"),
        "cassandra.logdir": str(plan.folder),
        # Tried again after this time, too: several nodes need most of them for it.
        "cassandra.superuser_setup_delay_ms": "0" if plan.nodes == 1 else "1000",
        "cassandra.skip_wait_for_gossip_to_settle": "0",
        "cassandra.ring_delay_ms": "1000",
        # Else it closes its output before it says that it is ready.
        "cassandra-foreground": "yes",
        "java.net.preferIPv4Stack": "true",
        "io.netty.tryReflectionSetAccessible": "true",
    }
    return [
        *(str(java), f"-Xms{HEAP_MIB}M", f"-Xmx{HEAP_MIB}M", "-Xss384k", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
        *("-XX:MaxDirectMemorySize=256M", "-XX:TieredStopAtLevel=4", "-XX:-UsePerfData", f"-javaagent:{jamm}"),
        *(part for name in _EXPORTS for part in ("--add-exports", f"{name}=ALL-UNNAMED")),
        *(part for name in _OPENS for part in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")),
        *("--add-opens", "jdk.management/com.sun.management.internal=ALL-UNNAMED"),
        *(f"-D{name}={value}" for name, value in options.items()),
        *("-cp", ":".join([str(conf), *map(str, jars)]), "org.apache.cassandra.service.CassandraDaemon"),
    ]


def _token(plan: NodePlan) -> int:
    """Its place on the ring: evenly spread, so that nobody has to agree on anything at start."""
    return (plan.number - 1) * (2**64 // plan.nodes) - 2**63


def _yaml(plan: NodePlan) -> str:
    data = plan.folder / "data"
    return f"""cluster_name: warbler-dev
num_tokens: 1
initial_token: "{_token(plan)}"
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
dynamic_snitch: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:{plan.ports.storage}"
listen_address: {plan.address}
storage_port: {plan.ports.storage}
rpc_address: {plan.for_clients or plan.address}
native_transport_port: {plan.ports.native}
default_keyspace_rf: {plan.nodes}
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
data_file_directories: ["{data}/files"]
commitlog_directory: "{data}/commitlog"
hints_directory: "{data}/hints"
saved_caches_directory: "{data}/caches"
commitlog_sync: batch
commitlog_segment_size: 32MiB
commitlog_total_space: 256MiB
paxos_variant: v2
auto_snapshot: false
batch_size_warn_threshold: 64KiB
unlogged_batch_across_partitions_warn_threshold: 100
memtable_heap_space: 96MiB
memtable_offheap_space: 96MiB
file_cache_size: 32MiB
key_cache_size: 16MiB
counter_cache_size: 0MiB
concurrent_reads: 16
concurrent_writes: 16
concurrent_counter_writes: 2
concurrent_compactors: 1
native_transport_max_threads: 32
disk_failure_policy: stop
commit_failure_policy: stop
{_tls(plan.pem) if plan.pem is not None else ""}"""


def _tls(pem: Path) -> str:
    return f"""client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: {pem}
"""


def _logback(log: Path) -> str:
    # The pipe to whoever starts the node gets what it waits for, and errors; the file gets all.
    return f"""<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>{log}</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>{log}.%i</fileNamePattern><minIndex>1</minIndex><maxIndex>2</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy"><maxFileSize>20MB</maxFileSize></triggeringPolicy>
    <encoder><pattern>%-5level %date %logger{{0}} %msg%n</pattern></encoder>
  </appender>
  <appender name="PIPE" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %msg%n</pattern></encoder>
  </appender>
  <logger name="org.apache.cassandra.service.CassandraDaemon"><appender-ref ref="PIPE"/></logger>
  <logger name="org.apache.cassandra.gms.Gossiper"><appender-ref ref="PIPE"/></logger>
  <logger name="org.apache.cassandra.auth.CassandraRoleManager"><appender-ref ref="PIPE"/></logger>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"""
