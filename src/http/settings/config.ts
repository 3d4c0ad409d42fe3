// The settings of aquatic_http: names, defaults, limits and explanations. The default file, its checks, the
// environment variables and docs/config-http.md are derived from this schema. Keys from aquatic's Rust versions
// keep their names.

import { clusterFindings, clusterSettings } from '../../cluster/settings.ts'
import { intervalJitter } from '../../config/announce-interval.ts'
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  section,
  warning,
} from '../../config/schema.ts'
import { boolean, integer, seconds } from '../../config/setting.ts'
import { operationsPortFindings } from '../../operations/settings.ts'
import { peerAddressFindings, peerAddressSettings } from '../../peer-addresses/settings.ts'
import { scrapeExportSettings } from '../../persistence/scrape-export.ts'
import { swarmPersistence } from '../../persistence/settings.ts'
import { HEALTH_CHECK } from '../../process/health-check.ts'
import { privilegeSettings } from '../../process/privileges.ts'
import { publicPagePortFindings, publicPageSettingsHttp } from '../../public-page/settings.ts'
import { pauseLevel, pauseSection } from '../../requests/pause-settings.ts'
import { sourceLimitSettings } from '../../source-limits/settings.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import {
  proxyFindings,
  proxyHeader,
  proxyProtocol,
  trustedProxies,
} from '../../tcp/proxy-settings.ts'
import {
  type AcmeConfig,
  acmeDomains,
  acmeFiles,
  acmeFindings,
  acmeSettings,
} from '../../tls/acme-settings.ts'
import { tlsFindings, tlsSettings } from '../../tls/settings.ts'
import { TLS_COMMON } from '../../tracker/common-settings.ts'
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
import { RESPONSE_PEERS_MAX, SCRAPE_HASHES_MAX } from '../wire/layout.ts'
import { allListening, plainFindings, plainSettings } from './plain.ts'
import { retiredKeys } from './retired-keys.ts'
import { unixSocketFindings, unixSocketSettings } from './unix-socket.ts'

const CONNECTIONS_MAX = 16000000
const ANNOUNCE_INTERVAL_SEC = 1800
const TIMEOUT_SEC_MAX = 3600

const network = section('Where the tracker listens, and how long connections stay open.', {
  address: listenAddress(
    `, unless another entry listens on IPv4 with the same port or ipv6_only is true.`,
  ),
  address_ipv6: listenIPv6,
  ipv6_only: listenIPv6Only,
  ...tlsSettings(
    `Serve https:// instead of http:// on address and address_ipv6. plain_address serves http:// as well.`,
  ),
  ...plainSettings,
  trusted_proxies: trustedProxies(
    `Otherwise all clients behind a proxy count as one: they share the limits of one address, and peers
    are given the proxy's address for each of them. [limits] max_connections_per_ip does not apply to
    trusted proxies.`,
  ),
  proxy_header: proxyHeader(
    `Announces and scrapes in which it is missing or has no address get a failure that says so`,
  ),
  proxy_protocol: proxyProtocol(
    'neither from trusted_proxies nor over unix_socket',
    'announces and scrapes fail; health checks are answered',
  ),
  ...unixSocketSettings,
  keep_alive: boolean(
    true,
    `Keep a connection open after a response unless the client asks for it to be closed. With false, every
    connection is closed after its first response.

    A client that announces several torrents in a row then needs one handshake for all of them, and a
    request on an open connection costs the tracker half as much. Most clients close their connections
    themselves.`,
  ),
  request_timeout: seconds(
    20,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection, with status 408, whose request is not complete this long (seconds) after its first
    byte. A connection that sends nothing at all is closed too.

    A request has a few hundred bytes and arrives in one piece from all but the slowest networks.`,
  ),
  response_timeout: seconds(
    20,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection whose client has not read all of a response this long (seconds) after the system could
    first take no more of it. Reading a little does not renew the time, since the rest is kept in memory.

    A response has at most 32 KB, so even the slowest networks deliver it in time.`,
  ),
})

const protocol = section('What clients are told.', {
  max_scrape_torrents: integer(
    SCRAPE_HASHES_MAX,
    { min: 1, max: SCRAPE_HASHES_MAX },
    `Return at most this many torrents to a scrape; further ones in the request are left out.

    Transmission asks for up to 60 torrents at once. Each takes about 90 bytes of outgoing traffic.`,
  ),
  max_response_peers: integer(
    200,
    { min: 1, max: RESPONSE_PEERS_MAX },
    `Return at most this many peers to an announce, whether the client asks for more or names no number.

    200 is the most that common clients ask for. Each peer takes 6 bytes of outgoing traffic with IPv4 and
    18 with IPv6. Lower it to save bandwidth.`,
  ),
  peer_announce_interval: seconds(
    ANNOUNCE_INTERVAL_SEC,
    { min: 1, max: DAY_SEC },
    `Ask clients to announce again after this long (seconds).

    Most of a tracker's work is repeated announces, so doubling the interval nearly halves the load. Most
    HTTP announces come on a connection of their own and cost several times as much as one over UDP, so
    the default is half an hour, as usual for HTTP trackers: twice that of aquatic_udp. Keep [cleaning]
    max_peer_age well above it, or peers vanish between two announces.`,
  ),
  min_announce_interval: seconds(
    300,
    { min: 1, max: DAY_SEC },
    `Ask clients to wait at least this long (seconds) between announces, even when their users ask for
    more peers. Clients are never told more than peer_announce_interval. Earlier announces are still
    answered, within [source_limits].`,
  ),
  interval_jitter: intervalJitter(5),
  trust_announced_address: boolean(
    false,
    `Store the address that a client gives in the parameters ip, ipv4 and ipv6 instead of the one its
    announce comes from.

    Anyone can then announce other people's addresses as peers and make clients connect to them. Set it
    only where all clients are known, such as in a private network where they and the tracker are behind
    one NAT.`,
  ),
  count_downloads: boolean(
    true,
    `Count completed downloads of each torrent and report them in announces and scrapes.

    A download counts when a peer known as a leecher reports completion. The count lasts as long as the
    torrent has peers. With false, 0 is reported.`,
  ),
})

const cleaning = section('When peers, torrents and connections are forgotten.', {
  interval: cleaningInterval,
  max_peer_age: maxPeerAge(2400),
  max_connection_idle: seconds(
    60,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection that has sent no request for this long (seconds).

    When [limits] max_connections is reached, the connection that has been idle longest is closed earlier,
    to make room for a new one.`,
  ),
})

const limits = section(
  `Upper bounds on what the tracker stores, so that nobody can fill the machine's memory. Address space
  is reserved at startup; memory is used only as torrents, peers and connections arrive.`,
  {
    ...swarmLimits,
    max_connections: integer(
      100000,
      { min: 1, max: CONNECTIONS_MAX },
      `Keep at most this many connections open: those kept for another request, and those whose request
      has arrived only in part. A connection whose request is complete when it is accepted, and which is
      closed after the response, does not count.

      Beyond it, the connection that has been idle longest is closed for a new one; if none is idle,
      incomplete requests get status 503. The system's limit on open files (ulimit -n) must allow for
      them; otherwise as many as it allows take effect, and startup says so. An idle connection takes
      less than 1 KB besides what the system needs.`,
    ),
    max_connections_per_ip: integer(
      1000,
      { min: 0, max: CONNECTIONS_MAX },
      `Keep at most this many connections open, counted as for max_connections, from one IPv4 address or
      IPv6 /64. 0 = no limit. Beyond it, incomplete requests get status 503; complete ones are answered and
      their connections closed.

      Many people may share an address. Behind a reverse proxy all do, unless [network] trusted_proxies
      names it: this limit then does not apply to it.`,
    ),
  },
)

const { sustained_requests_per_second, new_torrents_per_second, peers_per_torrent } =
  sourceLimitSettings.settings

const pause = pauseSection(
  {
    failure: 'announces and scrapes get the reason as their failure reason',
    silence: 'their connection is closed without an answer; pages are still served',
  },
  {
    http: pauseLevel('requests over http://'),
    https: pauseLevel('requests over https://'),
  },
)

const sourceLimits = section(
  `What one source may ask for, so that none can exhaust the tracker. Requests from this machine
  (127.0.0.0/8, ::1) are never limited.`,
  {
    requests_per_second: {
      ...sourceLimitSettings.settings.requests_per_second,
      explanation: `Answer at most this many announces and scrapes per second from one address, an IPv4
      address or an IPv6 /64. 0 = no limit. After a pause, up to ten times as many at once are answered.

      A client with 10,000 torrents sends 11 per second, and 10,000 at once when it starts. Behind a
      reverse proxy all clients count as one, unless [network] trusted_proxies names it. An IPv6 /48 may
      send four times as many.`,
    },
    sustained_requests_per_second,
    new_torrents_per_second,
    peers_per_torrent,
    ban_seconds: {
      ...sourceLimitSettings.settings.ban_seconds,
      explanation: `Answer an address with an error for this long (seconds) if it keeps exceeding its limit
      on requests or new torrents: twice the limit for ten seconds. 0 bans nobody.

      TCP has proven its address, so nobody can have another one banned.`,
    },
  },
)

const common = trackerSchema({
  threads: {
    socket_workers: integer(
      1,
      { min: 0, max: WORKERS_MAX },
      `Threads that serve connections. 0 = one per processor. With [network] plain_address, it gets as many
      threads of its own.

      Each listens on the same port, and the system spreads connections over them. One worker can fill
      one core: add workers when one is not enough, and leave a core to the rest of the machine.`,
    ),
  },
  serving: { network, protocol, pause },
  storing: {
    cleaning,
    privileges: privilegeSettings,
    acme: acmeSettings,
    limits,
    source_limits: sourceLimits,
    peer_addresses: peerAddressSettings,
    cluster: clusterSettings,
    persistence: swarmPersistence('aquatic_http'),
    scrape_export: scrapeExportSettings,
  },
})
const schema = { ...common, public_page: publicPageSettingsHttp }

export type HttpConfig = ConfigOf<typeof schema>

export const httpSettings = defineSettings({
  schema,
  retired: retiredKeys,
  crossCheck,
  common: TLS_COMMON,
})

export const httpProgram = {
  name: 'aquatic_http',
  description: 'HTTP BitTorrent tracker (BEP 3)',
  settings: httpSettings,
  flags: [HEALTH_CHECK],
}

function crossCheck(config: HttpConfig): Finding[] {
  return [
    ...commonFindings(config, UDP_KINDS, ANNOUNCE_INTERVAL_SEC),
    ...minIntervalFindings(config),
    ...peerAddressFindings(config.peer_addresses),
    ...clusterFindings(config.cluster, config.privileges),
    ...proxyFindings(config.network),
    ...operationsPortFindings(config.operations, allListening(config.network)),
    ...publicPagePortFindings(config.public_page, allListening(config.network)),
    ...unixSocketFindings(networkWithAcme(config)),
    ...tlsFindings(networkWithAcme(config), 'http://'),
    ...plainFindings(config.network),
    ...acmeFindings(config.acme, config.network, config.privileges),
  ]
}

function minIntervalFindings({ protocol }: HttpConfig): Finding[] {
  const { min_announce_interval, peer_announce_interval } = protocol
  if (min_announce_interval <= peer_announce_interval) return []
  const text = `clients are told ${peer_announce_interval}, because [protocol] min_announce_interval
    (${min_announce_interval}) is above peer_announce_interval: lower min_announce_interval.`
  return [warning(['protocol.min_announce_interval', 'protocol.peer_announce_interval'], text)]
}

/** If [acme] gets the certificate, with the paths of its files filled in. */
export function networkWithAcme(config: {
  readonly network: HttpConfig['network']
  readonly acme: AcmeConfig
}): HttpConfig['network'] {
  const { network, acme } = config
  if (acmeDomains(acme).length === 0) return network
  const { certificate, key, webroot } = acmeFiles(acme)
  return {
    ...network,
    tls_certificate_path: certificate,
    tls_private_key_path: key,
    acme_webroot: webroot,
  }
}
