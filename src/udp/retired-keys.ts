// Keys that aquatic_udp has in its Rust versions up to 0.9 and not here, with what to do instead.
// A file written for one of those gets these sentences; nothing of it is silently ignored.

const GONE = 'there is nothing like it to set; delete the line.'
const EVERY_WORKER =
  'worker threads are not pinned to processors; use taskset, or CPUAffinity= of systemd.'
const CHANNELS = 'channels between threads have a fixed size; delete the line.'
const STATISTICS =
  'statistics go to standard error when [statistics] interval is above 0; delete the line.'
const NO_PROMETHEUS = 'there is no Prometheus endpoint in this version; delete the line.'

export const retiredKeys: Readonly<Record<string, string>> = {
  swarm_workers: 'it is called request_workers.',
  worker_channel_size: CHANNELS,
  request_channel_size: CHANNELS,
  response_channel_size: CHANNELS,
  request_channel_recv_timeout_ms:
    'it is called [handlers] channel_recv_timeout_microseconds, in microseconds.',
  cpu_pinning: EVERY_WORKER,
  access_list: 'there are no access lists in this version; delete the section.',

  'network.address_ipv4': 'it is called [network] address.',
  'network.use_ipv4':
    'IPv4 is on when [network] address has an IPv4 address; to switch it off, write an IPv6 one.',
  'network.use_ipv6': "IPv6 is off with [network] address_ipv6 = '' and on with an address there.",
  'network.only_ipv6':
    "for IPv6 alone, write [network] address = [] and address_ipv6 = '[::]:3000'.",
  'network.set_only_ipv6': 'a socket of address_ipv6 takes IPv6 alone; delete the line.',
  'network.poll_timeout_ms': GONE,
  'network.poll_timeout_milliseconds': GONE,
  'network.resend_buffer_max_len': 'an answer that cannot be sent is not kept; delete the line.',
  'network.use_io_uring': 'packets are received and sent in batches without it; delete the line.',
  'network.ring_size': 'there is no ring; [network] poll_event_capacity bounds a batch of packets.',

  'statistics.torrent_peer_histograms': 'there are no histograms in this version; delete the line.',
  'statistics.peer_clients': 'clients are not counted in this version; delete the line.',
  'statistics.print_to_stdout': STATISTICS,
  'statistics.write_html_to_file': STATISTICS,
  'statistics.html_file_path': STATISTICS,
  'statistics.run_prometheus_endpoint': NO_PROMETHEUS,
  'statistics.prometheus_endpoint_address': NO_PROMETHEUS,
  'statistics.prometheus_peer_id_prefixes': NO_PROMETHEUS,

  'cleaning.torrent_cleaning_interval': 'it is called [cleaning] interval.',
  'cleaning.connection_cleaning_interval': 'connections are not stored; delete the line.',
  'cleaning.pending_scrape_cleaning_interval': 'scrapes are answered at once; delete the line.',
  'cleaning.max_pending_scrape_age': 'scrapes are answered at once; delete the line.',
}
