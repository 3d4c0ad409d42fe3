// The settings of aquatic_udp: names, defaults, limits and explanations. The default file, its checks, the
// environment variables and docs/config-udp.md are derived from this schema. Keys from aquatic's Rust versions
// keep their names.

import { availableParallelism } from 'node:os'
import { clusterFindings, clusterSettings } from '../../cluster/settings.ts'
import { intervalJitter } from '../../config/announce-interval.ts'
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  problem,
  section,
  warning,
} from '../../config/schema.ts'
import {
  boolean,
  bytes,
  choice,
  integer,
  refuseNul,
  seconds,
  string,
  stringOrList,
} from '../../config/setting.ts'
import { peerAddressFindings, peerAddressSettings } from '../../peer-addresses/settings.ts'
import { scrapeExportSettings } from '../../persistence/scrape-export.ts'
import { swarmPersistence } from '../../persistence/settings.ts'
import { HEALTH_CHECK } from '../../process/health-check.ts'
import { privilegeSettings } from '../../process/privileges.ts'
import { pauseSection } from '../../requests/pause-settings.ts'
import { sourceLimitSettings } from '../../source-limits/settings.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import { TRACKER_COMMON } from '../../tracker/common-settings.ts'
import {
  cleaningInterval,
  commonFindings,
  DAY_SEC,
  listenAddress,
  listenIPv6,
  listenIPv6Only,
  maxPeerAge,
  swarmLimits,
  trackerSchema,
  WORKERS_MAX,
} from '../../tracker/settings.ts'
import { PAIRS_MAX } from '../pipeline/links.ts'
import {
  CLOCKS_DIFFER_SEC_MAX,
  CONNECTION_AGE_SEC_MAX,
  SHARED_SECRET_CHARACTERS_MIN,
} from '../wire/connection-id.ts'
import {
  ANSWER_BYTES_MAX_IPV4,
  ANSWER_BYTES_MAX_IPV6,
  ANSWER_BYTES_MIN,
  ANSWER_BYTES_USUAL,
  MAX_BATCH_PACKETS,
} from '../wire/layout.ts'
import { retiredKeys } from './retired-keys.ts'

const RECV_BUFFER_BYTES_MAX = 1073741823 // The kernel doubles it, and counts in 31 bits.
const ANNOUNCE_INTERVAL_SEC = 900
// BEP 15: a client may use an id for a minute, a tracker should accept it for two.
const CONNECTION_AGE_BEP15_SEC = 120

const network = section('Where the tracker listens, and how it receives packets.', {
  address: listenAddress(
    ` where the system allows it, unless another entry listens on IPv4 with the same port or ipv6_only
    is true. On these wildcard addresses each packet is answered from the address it was sent to, which
    costs a little time per request; on a machine with one address, write that address to avoid it.`,
  ),
  address_ipv6: listenIPv6,
  ipv6_only: listenIPv6Only,
  socket_recv_buffer_size: bytes(
    524288,
    { min: 0, max: RECV_BUFFER_BYTES_MAX },
    `Ask the system for a receive buffer of this size (bytes) for each socket. 0 leaves the system's
    default.

    Packets wait here while a worker is busy; when the buffer is full the system drops new ones and
    clients have to ask again. Raise it if drops are counted (column "drops" in /proc/net/udp) while
    the machine still has time to spare: a larger buffer survives longer bursts but does not make an
    overloaded tracker faster. The system grants at most net.core.rmem_max; if that is less, startup
    says so. To allow 8 MB:

    $ sudo sysctl -w net.core.rmem_max=8000000`,
  ),
  poll_event_capacity: integer(
    4096,
    { min: 1, max: 1000000 },
    `Receive at most this many packets in one batch.

    Larger values act as ${MAX_BATCH_PACKETS}: a batch's buffers should fit the processor's caches,
    and larger batches gain nothing while the first packet waits longer for the last. Lower it to
    trade throughput for a steadier response time under full load.`,
  ),
  packet_path: choice(
    'sockets',
    ['sockets', 'xdp', 'auto'],
    `How packets come from the network card: 'sockets' through the kernel, 'xdp' past it, straight from
    the card's receive queues (AF_XDP), 'auto' past it where that is possible.

    With 'xdp' a response costs half to three quarters of the processor time; it pays from some 100,000
    requests per second on. Startup says why if the machine cannot. It needs Linux 5.9, root or CAP_NET_RAW,
    CAP_NET_ADMIN, CAP_BPF and CAP_IPC_LOCK until the cards are open, and request_workers = 0. Packets that reach
    the tracker so have not passed the firewall. Only plain requests take this path; the sockets
    stay open for all others. docs/kernel-bypass.md tells what to expect.

    With socket_workers = 0 there is then one worker per receive queue.`,
  ),
  xdp_interfaces: stringOrList(
    [],
    { allowed: 'the name of a network interface' },
    `With packet_path: take packets from these network interfaces. Empty means those that have the
    addresses of [network] address, or for a wildcard address those with a default route.`,
  ),
  xdp_mode: choice(
    'auto',
    ['auto', 'native', 'generic'],
    `With packet_path: 'native' has the card's driver run our program, 'generic' the kernel after the
    driver, which works with every driver and gains less. 'auto' is native where the driver can. A native
    driver that can also puts packets into the tracker's memory without a copy.`,
  ),
})

const protocol = section('What clients are told.', {
  max_scrape_torrents: integer(
    255,
    { min: 1, max: 255 },
    `Return at most this many torrents to a scrape; further ones in the request are left out.

    A response must also fit max_response_bytes: with its default at most 103 torrents over IPv4 and
    102 over IPv6 take effect. Lower it to spend less on scrapes.`,
  ),
  max_response_peers: integer(
    255,
    { min: 1, max: 65535 },
    `Return at most this many peers to an announce, also to clients that ask for more or for no
    particular number.

    A response must also fit max_response_bytes: with its default at most 205 peers over IPv4 and 67
    over IPv6 take effect. Each peer costs 6 bytes of outgoing traffic over IPv4 and 18 over IPv6.
    Lower it to save bandwidth.`,
  ),
  max_response_bytes: bytes(
    ANSWER_BYTES_USUAL,
    { min: ANSWER_BYTES_MIN, max: ANSWER_BYTES_MAX_IPV4 },
    `Send at most this many bytes in one response: the payload of a UDP packet, 28 less than the
    packet over IPv4 and 48 less over IPv6. Over IPv6 more than ${ANSWER_BYTES_MAX_IPV6} has no effect.

    Larger packets are cut on their way to clients behind VPNs and PPPoE, and many of those paths
    drop the pieces. The default passes wherever 1,280 bytes do, which includes every common tunnel,
    and has room for 205 IPv4 peers: clients ask for 200 at most. ${ANSWER_BYTES_MAX_IPV4} fills an Ethernet frame,
    with 242 peers.`,
  ),
  peer_announce_interval: seconds(
    ANNOUNCE_INTERVAL_SEC,
    { min: 1, max: DAY_SEC },
    `Ask clients to announce again after this long (seconds).

    Most of a tracker's work is repeated announces, so doubling the interval nearly halves the load,
    but clients learn of new peers later. Keep [cleaning] max_peer_age well above it, or peers
    vanish between two announces.`,
  ),
  interval_jitter: intervalJitter(5),
  invalid_connection_id: choice(
    'silent',
    ['silent', 'error'],
    `What to do with a request whose connection id is unknown or expired: 'silent' drops it, 'error'
    sends an error no longer than the request.

    The sender of such a request may be forged. With 'silent', an unproven address receives nothing
    but the short response to a connect; clients notice the timeout and connect again. With 'error',
    a client whose id has expired learns it at once.`,
  ),
  connection_id_secret_path: string(
    '',
    { allowed: "a file, or ''", check: refuseNul },
    `A file with a secret that several trackers share, so that each accepts the others' connection ids: for one address
    with several machines behind it, by anycast or a load balancer. '' uses one of this tracker's own.

    The secret is the file's first line, of at least ${SHARED_SECRET_CHARACTERS_MIN} characters without spaces, such as those of openssl rand -hex 32,
    and is read at startup. Whoever has it can forge ids. Ids then carry the wall clock's seconds: keep the machines'
    clocks within ${CLOCKS_DIFFER_SEC_MAX} seconds of each other, and use the same [cleaning] max_connection_age.`,
  ),
  count_downloads: boolean(
    true,
    `Count completed downloads of each torrent and report them in scrapes.

    A download counts when a peer known as a leecher reports completion. The count lasts as long as
    the torrent has peers. With false, scrapes report 0.`,
  ),
})

const pause = pauseSection(
  {
    failure: `connects get the error "Paused", announces and scrapes the reason`,
    silence: 'nothing is answered',
  },
  {},
)

const handlers = section(
  'The loop of a request worker. Without request workers these settings have no effect.',
  {
    max_requests_per_iter: integer(
      10000,
      { min: 1, max: 1000000 },
      `Handle at most this many requests in a row before the request worker does its other work: the
      clock, cleaning, its counters.

      Responses are passed to a socket worker once all its waiting requests, or this many, are done.
      Lower it to bound how long one socket worker's requests can delay others'.`,
    ),
    channel_recv_timeout_microseconds: integer(
      200,
      { min: 0, max: 1000000 },
      `A request worker that finds no request waits this long (microseconds) for one before it does
      its other work, and twice as long each time there is none again, up to a fifth of a second. A
      request ends the wait at once. 0 never waits, which keeps its core busy all the time.`,
    ),
  },
)

const cleaning = section('When peers, torrents and connection ids are forgotten.', {
  interval: cleaningInterval,
  max_peer_age: maxPeerAge(1200),
  max_connection_age: seconds(
    300,
    { min: 1, max: CONNECTION_AGE_SEC_MAX },
    `Accept a connection id for this long (seconds) after it was issued.

    BEP 15 lets clients use an id for one minute and asks trackers to accept it for two, so keep it
    at ${CONNECTION_AGE_BEP15_SEC} or more. A larger value, up to a day, saves a round trip for clients
    that keep their id, some for hours, and lengthens the time in which someone who has seen an id
    can use it from the same address. A change across 4,000 seconds makes all clients connect again.`,
  ),
})

const limits = section(
  `Upper bounds on what the tracker stores, so that nobody can fill the machine's memory. Address
  space is reserved for them at startup; memory is used only as torrents and peers arrive.`,
  swarmLimits,
)

const schema = trackerSchema({
  threads: {
    socket_workers: integer(
      1,
      { min: 0, max: WORKERS_MAX },
      `Threads that receive packets and send responses. 0 = one per processor.

      Each has its own sockets on the same port, and the system spreads clients over them by address
      and port. One worker can fill one core: add workers if that is not enough, and leave a core to
      the rest of the machine.`,
    ),
    request_workers: integer(
      0,
      { min: 0, max: WORKERS_MAX },
      `Threads that handle requests received by socket workers, each for its own share of the torrents.
      0 = socket workers handle them, which serves more with the same number of threads.

      With request workers, socket workers only receive, check and send; requests and responses travel
      through channels in shared memory, and no torrent is ever locked. Try it on a machine with many
      cores whose statistics show many waits for another worker, with one request worker for every
      three socket workers.`,
    ),
  },
  serving: { network, protocol, pause, handlers },
  storing: {
    cleaning,
    privileges: privilegeSettings,
    limits,
    source_limits: sourceLimitSettings,
    peer_addresses: peerAddressSettings,
    cluster: clusterSettings,
    persistence: swarmPersistence('aquatic_udp'),
    scrape_export: scrapeExportSettings,
  },
})

export type UdpConfig = ConfigOf<typeof schema>

export const udpSettings = defineSettings({
  schema,
  retired: retiredKeys,
  crossCheck,
  common: [...TRACKER_COMMON, 'protocol.peer_announce_interval', 'limits.max_peers'],
})

export const udpProgram = {
  name: 'aquatic_udp',
  description: 'UDP BitTorrent tracker (BEP 15)',
  settings: udpSettings,
  flags: [HEALTH_CHECK],
}

function crossCheck(config: UdpConfig): Finding[] {
  return [
    ...commonFindings(config, UDP_KINDS, ANNOUNCE_INTERVAL_SEC),
    ...peerAddressFindings(config.peer_addresses),
    ...clusterFindings(config.cluster, config.privileges),
    ...idFindings(config),
    ...workerFindings(config),
    ...pathFindings(config),
  ]
}

function workerFindings({ socket_workers, request_workers }: UdpConfig): Finding[] {
  const socketWorkers = socket_workers === 0 ? availableParallelism() : socket_workers
  if (socketWorkers * request_workers <= PAIRS_MAX) return []
  const text = `socket_workers = ${socketWorkers} and request_workers = ${request_workers} make more than
    ${PAIRS_MAX} pairs, each of which needs channels: lower them.`
  return [problem(['request_workers', 'socket_workers'], text)]
}

function pathFindings({ network, request_workers }: UdpConfig): Finding[] {
  if (network.packet_path !== 'xdp' || request_workers === 0) return []
  const text = `[network] packet_path = 'xdp' needs request_workers = 0, because the thread that takes a packet from a
    card also writes the response to it: set that, or packet_path = 'sockets'.`
  return [problem(['request_workers', 'network.packet_path'], text)]
}

function idFindings({ cleaning: { max_connection_age } }: UdpConfig): Finding[] {
  if (max_connection_age >= CONNECTION_AGE_BEP15_SEC) return []
  const text = `clients that keep to BEP 15 may be refused, because [cleaning] max_connection_age
    is ${max_connection_age}: raise it to ${CONNECTION_AGE_BEP15_SEC} or more.`
  return [warning(['cleaning.max_connection_age'], text)]
}
