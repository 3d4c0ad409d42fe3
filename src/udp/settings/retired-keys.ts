// Keys that the Rust versions of aquatic_udp up to 0.9 have and this one does not, with what to do instead. A
// file written for those versions gets these sentences; no key is silently ignored.

const GONE = 'there is no such setting any more; delete the line.'
const EVERY_WORKER =
  'worker threads are not pinned to processors; use taskset, or CPUAffinity= of systemd.'
const CHANNELS = 'channels between threads have a fixed size; delete the line.'
const STATISTICS =
  'statistics go to standard error if [statistics] interval is above 0; delete the line.'
const HTML = 'a page with statistics is served at [operations] address; delete the line.'
const PROMETHEUS =
  'metrics for Prometheus are served at /metrics of [operations] address; delete the line.'

export const retiredKeys: Readonly<Record<string, string>> = {
  swarm_workers: 'it is called request_workers.',
  worker_channel_size: CHANNELS,
  request_channel_size: CHANNELS,
  response_channel_size: CHANNELS,
  request_channel_recv_timeout_ms:
    'it is called [handlers] channel_recv_timeout_microseconds, in microseconds.',
  cpu_pinning: EVERY_WORKER,

  'network.address_ipv4': 'it is called [network] address.',
  'network.use_ipv4':
    'IPv4 is on if [network] address has an IPv4 address; to turn it off, write an IPv6 one.',
  'network.use_ipv6': "IPv6 is off with [network] address_ipv6 = '' and on with an address there.",
  'network.only_ipv6': 'it is called [network] ipv6_only.',
  'network.set_only_ipv6': 'the socket of address_ipv6 accepts only IPv6; delete the line.',
  'network.poll_timeout_ms': GONE,
  'network.poll_timeout_milliseconds': GONE,
  'network.resend_buffer_max_len': 'a response that cannot be sent is dropped; delete the line.',
  'network.use_io_uring': 'packets are received and sent in batches without it; delete the line.',
  'network.ring_size':
    'there is no ring; [network] poll_event_capacity limits the packets per batch.',

  'statistics.print_to_stdout': STATISTICS,
  'statistics.write_html_to_file': HTML,
  'statistics.html_file_path': HTML,
  'statistics.run_prometheus_endpoint': PROMETHEUS,
  'statistics.prometheus_endpoint_address': 'it is called [operations] address.',
  'statistics.prometheus_peer_id_prefixes':
    'peers are counted by client ([statistics] peer_clients), not by peer id; delete the line.',

  'cleaning.torrent_cleaning_interval': 'it is called [cleaning] interval.',
  'cleaning.connection_cleaning_interval': 'connections are not stored; delete the line.',
  'cleaning.pending_scrape_cleaning_interval': 'scrapes are answered at once; delete the line.',
  'cleaning.max_pending_scrape_age': 'scrapes are answered at once; delete the line.',
}
