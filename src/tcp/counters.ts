// Counters of connections, such as why they are closed, which protocols add to their own. The protocol decides
// where in a worker's counters they start; the order is defined here.
import { counter, labelled } from '../metrics/counter-list.ts'

const REASONS = [
  'answered',
  'by_client',
  'unfinished',
  'reset',
  'first_timeout',
  'request_timeout',
  'idle_timeout',
  'unread_timeout',
  'connections_full',
  'connections_per_address',
  'descriptors',
  'memory',
  'made_room',
  'stop',
  'handshake',
  'overrun',
  'proxy_header',
  'proxy_not_trusted',
] as const

/** In the order of the positions below, which a test compares. */
export const TCP_COUNTERS = [
  labelled(
    'closed',
    'reason',
    'Connections that ended, by reason: by_client is an end between two requests, unfinished one in the middle ' +
      'of one, made_room an idle one that had to make room for another, overrun one that kept sending without ' +
      'taking answers; proxy_header one without a valid header of the PROXY protocol, proxy_not_trusted one that ' +
      'was not from a trusted proxy.',
    REASONS,
    { metric: 'closed_connections', table: 'Closed connections', nonZero: true },
  ),
  counter('accepted', 'Connections accepted.'),
  counter('accept_pauses', 'Times that accepting had to pause because no descriptors were left.', {
    lost: 'accepting paused',
  }),
  counter('lost_at_stop', 'Connections that waited to be accepted when the tracker stopped.', {
    lost: 'waiting at the stop',
  }),
  labelled(
    'handshakes',
    'type',
    'TLS handshakes; a resumed one continues an earlier session, which costs a fraction.',
    ['full', 'resumed'],
    { nonZero: true },
  ),
]

// Positions, from the protocol's first one on.
export const CLOSED_ANSWERED = 0
export const CLOSED_BY_CLIENT = 1
export const CLOSED_UNFINISHED = 2
export const CLOSED_RESET = 3
export const CLOSED_FIRST_TIMEOUT = 4
export const CLOSED_REQUEST_TIMEOUT = 5
export const CLOSED_IDLE_TIMEOUT = 6
export const CLOSED_UNREAD_TIMEOUT = 7
export const CLOSED_FULL = 8
export const CLOSED_PER_ADDRESS = 9
export const CLOSED_DESCRIPTORS = 10
export const CLOSED_MEMORY = 11
export const CLOSED_MADE_ROOM = 12
export const CLOSED_STOP = 13
export const CLOSED_HANDSHAKE = 14
export const CLOSED_OVERRUN = 15
export const CLOSED_PROXY_HEADER = 16
export const CLOSED_PROXY_NOT_TRUSTED = 17
export const ACCEPTED = 18
export const ACCEPT_PAUSES = 19
export const LOST_AT_STOP = 20
export const HANDSHAKES_FULL = 21
export const HANDSHAKES_RESUMED = 22
export const TCP_COUNTER_WORDS = 23
