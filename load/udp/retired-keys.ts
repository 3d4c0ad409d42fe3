// Keys that load testers of aquatic have had and this one has not, with what to do instead.
// Part of the settings in config.ts.

const POPULARITY = 'it is called [requests] torrent_gamma_shape.'
const REQUESTS = 'it is in section [requests] here, under the same name.'

export const retiredKeys: Readonly<Record<string, string>> = {
  log_level: 'the load tester writes no log; delete the line.',
  extra_statistics: 'the summary is always complete; delete the line.',
  num_workers: 'it is called workers.',
  num_socket_workers: 'it is called workers; one kind of worker does everything.',
  num_request_workers: 'it is called workers; one kind of worker does everything.',
  'network.poll_timeout': 'workers never wait long for answers; delete the line.',
  'network.poll_event_capacity': 'answers are taken in batches of a fixed size; delete the line.',
  'network.first_port': 'the system chooses the ports; delete the line.',
  handler: 'see [requests].',
  'requests.additional_request_factor':
    'use [closed_loop] in_flight, or leave the number of requests to the load tester.',
  'requests.number_of_hashes': 'it is called [requests] number_of_torrents.',
  'requests.torrent_selection_pareto_shape': POPULARITY,
  'requests.torrent_gamma_scale': 'only the shape matters; delete the line.',
  number_of_torrents: REQUESTS,
  number_of_peers: REQUESTS,
}
