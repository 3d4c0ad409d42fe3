// The settings of aquatic_ws: names, defaults, limits and explanations. The default file, its checks, the
// environment variables and docs/config-ws.md are derived from this schema. Keys from aquatic's Rust versions
// keep their names.

import { clusterSettings } from '../../cluster/settings.ts'
import { intervalJitter } from '../../config/announce-interval.ts'
import { type ConfigOf, section } from '../../config/schema.ts'
import { boolean, bytes, integer, seconds } from '../../config/setting.ts'
import { scrapeExportSettings } from '../../persistence/scrape-export.ts'
import { countPersistence } from '../../persistence/settings.ts'
import { privilegeSettings } from '../../process/privileges.ts'
import { pauseSection } from '../../requests/pause-settings.ts'
import { proxyHeader, proxyProtocol, trustedProxies } from '../../tcp/proxy-settings.ts'
import { tlsSettings } from '../../tls/settings.ts'
import {
  CLEANING_INTERVAL_SEC_MAX,
  DAY_SEC,
  listenAddress,
  listenIPv6,
  listenIPv6Only,
  PEER_AGE_SEC_MAX,
  trackerSchema,
  WORKERS_MAX,
} from '../../tracker/settings.ts'
import { originsSetting } from './origins.ts'

const TORRENTS_MAX = 60000000
const PEERS_MAX = 100000000
// A connection's slot has 24 bits.
const CONNECTIONS_MAX = 16000000
// The runtime's own limit on silence.
const CONNECTION_AGE_SEC_MAX = 900
const MESSAGE_BYTES_MAX = 16777216
const OFFERS_MAX = 100
/** The default of aquatic's files, which few have chosen. */
const FRAME_BYTES_USUAL = 16384
// Costs are in 2^18ths of a second, which would be too coarse above this, considering four times as many per
// network.
const REQUEST_RATE_MAX = 20_000

const network = section('Where the tracker listens, its certificate, and bounds on messages.', {
  address: listenAddress(
    `, unless another entry listens on IPv4 with the same port or ipv6_only is true.`,
  ),
  address_ipv6: listenIPv6,
  ipv6_only: listenIPv6Only,
  ...tlsSettings(
    `Serve wss:// instead of ws://. Browsers require it on pages that came over https.`,
  ),
  trusted_proxies: trustedProxies(
    `Without it all clients behind a proxy count as one address and share [limits]
    max_connections_per_ip.`,
  ),
  proxy_header: proxyHeader(
    `Connections without it, or with no address in it, count as the proxy's own`,
  ),
  proxy_protocol: proxyProtocol(
    'from none of trusted_proxies',
    `the connection counts as the proxy's own`,
  ),
  allowed_origins: originsSetting(
    `Web pages that may use the tracker: their scheme, host and port, as browsers send them, without
    the scheme's default port. '' allows all; an empty list is refused, because it could mean nobody.

    Browsers say where a page came from; other programs send nothing or anything. So this keeps other
    sites from using the tracker, and nobody else.`,
  ),
  poll_event_capacity: integer(
    4096,
    { min: 1, max: 1000000 },
    `Has no effect: a worker takes as many events as there are. Accepted for compatibility
    with aquatic's files.`,
  ),
  poll_timeout_milliseconds: integer(
    50,
    { min: 1, max: 3600000 },
    `Has no effect: a worker wakes up when there is something to do. Accepted for compatibility with
    aquatic's files.`,
  ),
  websocket_max_message_size: bytes(
    65536,
    { min: 4096, max: MESSAGE_BYTES_MAX },
    `Close a connection that sends a message longer than this (bytes). A browser's announce with ten
    offers has 20,000 to 40,000.`,
  ),
  websocket_max_frame_size: bytes(
    FRAME_BYTES_USUAL,
    { min: 1, max: MESSAGE_BYTES_MAX },
    `Close a connection that sends a frame longer than this (bytes). Messages may have several frames.

    16384, the default of aquatic's files, means as long as a message: browsers send each message as
    one frame.`,
  ),
})

const protocol = section('What clients are told.', {
  max_scrape_torrents: integer(
    255,
    { min: 1, max: 10000 },
    `Return at most this many torrents to a scrape; further ones in the request are left out.`,
  ),
  max_offers: integer(
    10,
    { min: 0, max: OFFERS_MAX },
    `Pass on at most this many offers of an announce; further ones are dropped.

    Each goes to another peer, so this is how many peers a client can find with one announce. With 0
    clients are counted but cannot find each other.`,
  ),
  peer_announce_interval: seconds(
    120,
    { min: 1, max: DAY_SEC },
    `Ask clients to announce again after this long (seconds).

    Clients learn of new peers through their own announces and those of others.`,
  ),
  interval_jitter: intervalJitter(5),
  count_downloads: boolean(
    true,
    `Count completed downloads of each torrent and report them in scrapes.

    A download counts when a peer known as a leecher reports completion. The count lasts as long as
    the torrent has peers, and with [persistence] path over a restart. With false, scrapes report 0.`,
  ),
})

const pause = pauseSection(
  {
    failure:
      'announces and scrapes get the reason as their failure reason, on connections that stay open',
    silence: 'they get no message',
  },
  {},
)

const handlers = section(
  'The loop of a request worker. This tracker has none, so nothing here has an effect.',
  {
    max_requests_per_iter: integer(
      10000,
      { min: 1, max: 1000000 },
      `Has no effect. Accepted for compatibility with aquatic's files.`,
    ),
    channel_recv_timeout_microseconds: integer(
      200,
      { min: 0, max: 1000000 },
      `Has no effect. Accepted for compatibility with aquatic's files.`,
    ),
  },
)

const cleaning = section('When peers, offers and connections are forgotten.', {
  interval: seconds(
    30,
    { min: 1, max: CLEANING_INTERVAL_SEC_MAX },
    `Look for peers to forget, and for torrents without peers, this often (seconds). Peers whose
    connection ends are forgotten at once.`,
  ),
  max_peer_age: seconds(
    180,
    { min: 1, max: PEER_AGE_SEC_MAX },
    `Forget a peer that has not announced for this long (seconds), unless its connection has shown
    life in that time by a message, a ping, or an answer to one.

    Some clients announce once and then only ping, so peers stay as long as their connection lives;
    a client that leaves a torrent says so. What remains are peers of connections that have fallen
    silent and are not closed yet, which takes up to three times ping_interval_seconds. The maximum
    comes from the peer table, which stores ages in 15 bits.`,
  ),
  max_offer_age: seconds(
    120,
    { min: 1, max: DAY_SEC },
    `Accept an answer to an offer for this long (seconds) after the offer was passed on, or up to
    twice as long.`,
  ),
  max_connection_age: seconds(
    180,
    { min: 1, max: CONNECTION_AGE_SEC_MAX },
    `Close a connection that has been silent for this long (seconds).

    With peers in torrents, messages, pings and answers to pings all count, so it lasts as long as
    it lives. Without, only messages count, since such a connection is of no use to anyone.

    Keep it well above ping_interval_seconds. Connections that answer no pings end earlier, unless
    that is more than half of this.`,
  ),
  ping_interval_seconds: seconds(
    30,
    { min: 1, max: CONNECTION_AGE_SEC_MAX },
    `Ping each connection this often (seconds). If a ping is unanswered when the next is due, other
    connections may take over this one's peers, since it is probably an earlier connection of the
    same client. After a second unanswered ping it is closed.`,
  ),
})

const limits = section(
  `Upper bounds on what clients can make the tracker do and store. Address space for torrents and
  peers is reserved at startup; memory is used only as they arrive.`,
  {
    max_torrents: integer(
      2000000,
      { min: 1, max: TORRENTS_MAX },
      `Store at most this many torrents. Beyond it, announces of new torrents get an error, and the
      log says so at most once a minute; known torrents are served.`,
    ),
    max_peers: integer(
      10000000,
      { min: 1, max: PEERS_MAX },
      `Store at most this many peers in all torrents together. Beyond it, announces of new peers get
      an error, and the log says so at most once a minute; known peers are served.`,
    ),
    max_connections: integer(
      100000,
      { min: 1, max: CONNECTIONS_MAX },
      `Accept at most this many connections. Further handshakes are refused with status 503.

      The system's limit on open files (ulimit -n) must allow for them; otherwise as many as it
      allows take effect, and startup says so. A connection without torrents takes about 4 KB, with
      TLS about 7.`,
    ),
    max_connections_per_ip: integer(
      1000,
      { min: 0, max: CONNECTIONS_MAX },
      `Accept at most this many connections from one IPv4 address or IPv6 /64. 0 = no limit. Further
      handshakes are refused with status 503.

      Many people may share an address. Behind a reverse proxy all do, unless [network]
      trusted_proxies names it.`,
    ),
    max_torrents_per_connection: integer(
      10000,
      { min: 1, max: 1000000 },
      `Accept at most this many torrents at a time from one connection; announces of further ones get
      an error.`,
    ),
    max_peer_ids_per_torrent: integer(
      4,
      { min: 1, max: 1000000 },
      `Accept at most this many peer ids in one torrent from one connection; announces with further
      ones get an error.

      Clients in one page or program share a connection, and two of them may be in the same torrent.
      With 500 peer ids one connection would be most of a small torrent and get all offers.`,
    ),
    max_backlog_bytes: bytes(
      1048576,
      { min: 65536, max: 1073741824 },
      `Keep at most this much (bytes) for a client that does not read, then close its connection.

      This bounds responses to its own messages. From the first message it does not take, it gets no
      further offers. Answers of other clients may take a quarter as much on top and are then
      dropped, so that nobody can get another's connection closed.`,
    ),
    max_total_backlog_bytes: bytes(
      268435456,
      { min: 1048576, max: 1099511627776 },
      `Keep at most this much (bytes) for all clients together that do not read. Beyond it,
      connections with an above-average backlog are closed.

      Each socket worker has its share. The default is 250 clients at the limit above; one that
      reads hardly ever has more than some kilobytes waiting.`,
    ),
  },
)

const sourceLimits = section(
  `What one source may ask for, so that none can exhaust the tracker. Connections from this machine
  (127.0.0.0/8, ::1) are never limited: they come through a proxy.`,
  {
    connection_requests_per_second: integer(
      5,
      { min: 0, max: REQUEST_RATE_MAX },
      `Answer at most this many requests per second on one connection, plus one for every ten
      torrents it is in. 0 = no limit. After a pause, a minute's worth may come at once.

      Refused requests get the reason, at most five times in ten seconds; a client that then sends
      as many again as it may is disconnected. Answers to offers do not count. A client announces
      each torrent every [protocol] peer_announce_interval, so ten torrents need 0.1 per second; a
      client with 10,000 torrents can announce all of them at once when it starts.`,
    ),
    requests_per_second: integer(
      500,
      { min: 0, max: REQUEST_RATE_MAX },
      `Answer at most this many requests per second from one IPv4 address or IPv6 /64, over all of
      its connections. 0 = no limit. After a pause, a minute's worth may come at once. An IPv6 /48
      may send four times as many.

      1,000 clients behind one address with 20 torrents each send 170 per second, a client with
      50,000 torrents 420. Behind a reverse proxy all clients count as one, unless [network]
      trusted_proxies names it.`,
    ),
    new_torrents_per_second: integer(
      200,
      { min: 0, max: REQUEST_RATE_MAX },
      `Let one address (IPv6: one /64) bring at most this many torrents per second that the tracker
      does not know. 0 = no limit. After a pause, a minute's worth may come at once. An IPv6 /48 may
      bring four times as many.

      Beyond that, such announces get an error. Torrents that have peers are not affected. A client
      may be in 10,000 torrents on one connection ([limits] max_torrents_per_connection), and brings
      all of them at once if it is the first after a restart of the tracker.`,
    ),
  },
)

export const wsSchema = trackerSchema({
  threads: {
    socket_workers: integer(
      1,
      { min: 0, max: WORKERS_MAX },
      `Threads that serve connections. 0 = one per processor.

      Each listens on the same port, and the system spreads connections over them. Clients cannot
      tell: all workers share the swarms and pass offers and answers on to each other. One worker can
      fill one core; leave a core to the rest of the machine.`,
    ),
  },
  serving: { network, protocol, pause, handlers },
  storing: {
    cleaning,
    persistence: countPersistence,
    scrape_export: scrapeExportSettings,
    privileges: privilegeSettings,
    limits,
    source_limits: sourceLimits,
    cluster: clusterSettings,
  },
})

export type WsConfig = ConfigOf<typeof wsSchema>

/** The longest frame of a client, in bytes. */
export function frameBytesMax({ network }: Pick<WsConfig, 'network'>): number {
  const { websocket_max_frame_size, websocket_max_message_size } = network
  const isUsual = websocket_max_frame_size === FRAME_BYTES_USUAL
  return isUsual ? websocket_max_message_size : websocket_max_frame_size
}
