// Keys that the Rust versions of aquatic_ws up to 0.9 have and this one does not, with what to do instead. A
// file written for those versions gets these sentences; no key is silently ignored.

const GONE = 'there is no such setting any more; delete the line.'
const PROMETHEUS =
  'metrics for Prometheus are served at /metrics of [operations] address; delete the line.'

export const retiredKeys: Readonly<Record<string, string>> = {
  swarm_workers: 'there are none: socket workers share the swarms; delete the line.',
  request_workers: 'there are none: socket workers share the swarms; delete the line.',
  cpu_pinning:
    'worker threads are not pinned to processors; use taskset, or CPUAffinity= of systemd.',

  'network.only_ipv6': 'it is called [network] ipv6_only.',
  'network.enable_tls': 'it is called [network] use_tls.',
  'network.tcp_backlog': GONE,
  'network.enable_http_health_checks':
    'GET /health is always answered, with TLS too; delete the line.',
  'network.websocket_write_buffer_size':
    'what waits for a client is limited by [limits] max_backlog_bytes.',

  'metrics.run_prometheus_endpoint': PROMETHEUS,
  'metrics.prometheus_endpoint_address': 'it is called [operations] address.',
  'metrics.torrent_count_update_interval': PROMETHEUS,
  'metrics.peer_clients': 'it is called [statistics] peer_clients.',
  'metrics.peer_id_prefixes':
    'peers are counted by client ([statistics] peer_clients), not by peer id; delete the line.',

  'cleaning.torrent_cleaning_interval': 'it is called [cleaning] interval.',
  'cleaning.connection_cleaning_interval': 'connections are checked every second; delete the line.',
  'cleaning.max_connection_idle': 'it is called [cleaning] max_connection_age.',
  'cleaning.close_after_tls_update_grace_period':
    'connections keep the certificate that they began with; delete the line.',
}
