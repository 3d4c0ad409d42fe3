// Keys that the Rust versions of aquatic_http up to 0.9 have and this one does not, with what to do instead. A
// file written for those versions gets these sentences; no key is silently ignored.

const GONE = 'there is no such setting any more; delete the line.'
const STATISTICS =
  'metrics for Prometheus are served at /metrics of [operations] address; delete the line.'
const PROXY_HEADER = 'it is called [network] proxy_header.'

export const retiredKeys: Readonly<Record<string, string>> = {
  swarm_workers: 'socket workers carry out requests themselves; delete the line.',
  cpu_pinning:
    'worker threads are not pinned to processors; use taskset, or CPUAffinity= of systemd.',

  'network.only_ipv6': 'it is called [network] ipv6_only.',
  'network.enable_tls': 'it is called [network] use_tls.',
  'network.tcp_backlog':
    'it is as long as the system allows (net.core.somaxconn); delete the line.',
  'network.runs_behind_reverse_proxy':
    'name the addresses of the proxies in [network] trusted_proxies; delete the line.',
  'network.reverse_proxy_ip_header_name': PROXY_HEADER,
  'network.reverse_proxy_ip_header_format':
    'the last address of the header counts, in any form; delete the line.',

  'protocol.max_peers': 'it is called [protocol] max_response_peers.',

  'cleaning.torrent_cleaning_interval': 'it is called [cleaning] interval.',
  'cleaning.connection_cleaning_interval': GONE,

  'metrics.run_prometheus_endpoint': STATISTICS,
  'metrics.prometheus_endpoint_address': 'it is called [operations] address.',
  'metrics.torrent_count_update_interval': GONE,
}
