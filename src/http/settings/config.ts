// The settings of aquatic_http: names, defaults, limits and explanations. The default file, its checks, the
// environment variables and docs/config-http.md are derived from this schema. Keys from aquatic's Rust versions
// keep their names.
import { intervalJitter } from '../../config/announce-interval.ts'
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  section,
  warning,
} from '../../config/schema.ts'
import { boolean, integer, seconds } from '../../config/setting.ts'
import { scrapeExportSettings } from '../../persistence/scrape-export.ts'
import { swarmPersistence } from '../../persistence/settings.ts'
import { HEALTH_CHECK } from '../../process/health-check.ts'
import { privilegeSettings } from '../../process/privileges.ts'
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
import {
  CLEANING_INTERVAL_SEC_MAX,
  commonFindings,
  DAY_SEC,
  listenAddress,
  listenIPv6,
  listenIPv6Only,
  PEER_AGE_SEC_MAX,
  trackerSchema,
  WORKERS_MAX,
} from '../../tracker/settings.ts'
import { RESPONSE_PEERS_MAX, SCRAPE_HASHES_MAX } from '../wire/layout.ts'
import { plainFindings, plainSettings } from './plain.ts'
import { retiredKeys } from './retired-keys.ts'
import { unixSocketFindings, unixSocketSettings } from './unix-socket.ts'

// Either fills the 4 GiB that can be reserved; together they are checked as well.
const TORRENTS_MAX = 71000000
const PEERS_MAX = 143000000
const CONNECTIONS_MAX = 16000000
const ANNOUNCE_INTERVAL_SEC = 1800
const TIMEOUT_SEC_MAX = 3600

const network = section('Where the tracker listens, and how long connections may stay.', {
  address: listenAddress(
    `, unless another entry listens on IPv4 with the same port or ipv6_only is true.`,
  ),
  address_ipv6: listenIPv6,
  ipv6_only: listenIPv6Only,
  ...tlsSettings(
    `Serve https:// instead of http:// on address and address_ipv6. plain_address serves http:// beside it.`,
  ),
  ...plainSettings,
  trusted_proxies: trustedProxies(
    `Without it all clients behind a proxy count as one address: they share the limits of one, and are
    handed out as peers at the proxy's address. [limits] max_connections_per_ip does not apply to trusted
    proxies.`,
  ),
  proxy_header: proxyHeader(
    `Announces and scrapes without it, or with no address in it, get a failure that says so`,
  ),
  proxy_protocol: proxyProtocol,
  ...unixSocketSettings,
  keep_alive: boolean(
    true,
    `Keep a connection open after a response, unless its client does not want that. With false, each ends
    with its first response.

    Clients that announce several torrents one after the other save a handshake for each: a request on an
    open connection costs the tracker half as much. Most clients end their connections themselves.`,
  ),
  request_timeout: seconds(
    20,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection whose request has not arrived completely within this long (seconds) of its first
    byte, with status 408. Also one that sends nothing at all.

    A request is a few hundred bytes, and arrives in one piece from all but the slowest networks.`,
  ),
  response_timeout: seconds(
    20,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection whose client takes nothing of a response for this long (seconds).`,
  ),
})

const protocol = section('What clients are told.', {
  max_scrape_torrents: integer(
    SCRAPE_HASHES_MAX,
    { min: 1, max: SCRAPE_HASHES_MAX },
    `Answer a scrape for at most this many torrents; further ones in the same request are left out.

    Transmission asks for up to 60 torrents at once. Each costs about 90 bytes of outgoing traffic.`,
  ),
  max_response_peers: integer(
    200,
    { min: 1, max: RESPONSE_PEERS_MAX },
    `Return at most this many peers to an announce, also to clients that ask for more or for no particular
    number.

    200 is the most that common clients ask for. Each peer costs 6 bytes of outgoing traffic over IPv4 and
    18 over IPv6. Lower it to save bandwidth.`,
  ),
  peer_announce_interval: seconds(
    ANNOUNCE_INTERVAL_SEC,
    { min: 1, max: DAY_SEC },
    `Ask clients to announce again after this long (seconds).

    Most of a tracker's work is repeated announces, so twice the interval is nearly half the load. Most
    announces over HTTP come with a connection of their own, which costs several times as much as one over
    UDP; so half an hour, usual for HTTP trackers, is twice the default of aquatic_udp. Keep [cleaning]
    max_peer_age well above it, or peers vanish between two announces.`,
  ),
  min_announce_interval: seconds(
    300,
    { min: 1, max: DAY_SEC },
    `Ask clients not to announce more often than this (seconds), even when their users ask for more peers.
    No more than the interval is told. Who does so all the same is answered, as far as [source_limits] allow.`,
  ),
  interval_jitter: intervalJitter(5),
  trust_announced_address: boolean(
    false,
    `Believe the addresses that clients announce by the parameters ip, ipv4 and ipv6, in place of those that
    they come from.

    Anybody could then have others announced as peers, and have clients connect to them. Set it only where
    all clients are known, as in a network of one's own where they and the tracker are behind one NAT.`,
  ),
  count_downloads: boolean(
    true,
    `Count completed downloads of each torrent and report them in announces and scrapes.

    A download counts when a peer that the tracker knows as a leecher reports its completion. The count
    lasts as long as the torrent has peers. With false, 0 is reported.`,
  ),
})

const cleaning = section('When peers, torrents and connections are forgotten.', {
  interval: seconds(
    30,
    { min: 1, max: CLEANING_INTERVAL_SEC_MAX },
    `Look for peers to forget this often (seconds), and for torrents without peers.

    A peer that is too old counts in answers until the next look. Cleaning happens in small steps between
    requests; a shorter interval keeps counts and memory tighter for a little more work.`,
  ),
  max_peer_age: seconds(
    2400,
    { min: 1, max: PEER_AGE_SEC_MAX },
    `Forget a peer that has not announced for this long (seconds).

    Keep it above [protocol] peer_announce_interval, with room for a client that is late: a third more is
    usual. Longer keeps peers that have long gone, and memory grows accordingly. The limit is that of the
    peer table, which counts an age in 15 bits.`,
  ),
  max_connection_idle: seconds(
    60,
    { min: 1, max: TIMEOUT_SEC_MAX },
    `Close a connection on which nothing was asked for this long (seconds).

    When there are as many connections as [limits] max_connections allows, the one that has been idle for
    longest is closed earlier for another that needs its place.`,
  ),
})

const limits = section(
  `Upper bounds on what the tracker remembers, so that nobody can fill the machine's memory. Address
  space is reserved for them at the start; memory is spent only as torrents, peers and connections arrive.`,
  {
    max_torrents: integer(
      20000000,
      { min: 1, max: TORRENTS_MAX },
      `Remember at most this many torrents, over IPv4 and IPv6 together.

      Beyond it, announces for new torrents get an error and are counted, and a log line says so at most
      once a minute; torrents that are known go on. When an eighth or less is left, one source gets a
      sixteenth of that at once, and as much again in a minute.`,
    ),
    max_peers: integer(
      100000000,
      { min: 1, max: PEERS_MAX },
      `Remember at most this many peers in all torrents together.

      Beyond it, announces of new peers get an error and are counted, and a log line says so at most
      once a minute; peers that are known go on. When an eighth or less is left, one source gets a
      sixteenth of that at once, and as much again in a minute.`,
    ),
    max_connections: integer(
      100000,
      { min: 1, max: CONNECTIONS_MAX },
      `Have at most this many connections that stay: those that are kept for another request, or whose
      request has come in part. One whose request is there when it is accepted, and which then ends, needs no
      place.

      Beyond it, the connection that has been idle for longest is closed for a new one; when none is idle,
      requests that are not complete get status 503. The system's limit on open files (ulimit -n) must
      allow for them; if it does not, as many as it allows take effect, and the start says so. An idle
      connection takes less than 1 KB beside what the system needs.`,
    ),
    max_connections_per_ip: integer(
      1000,
      { min: 0, max: CONNECTIONS_MAX },
      `Have at most this many connections that stay from one IPv4 address, or from one /64 network of IPv6.
      0 = no limit. Beyond it, requests that are not complete get status 503, and complete ones are answered
      and their connections closed.

      Many people may share an address. Behind a reverse proxy all do, unless [network]
      trusted_proxies names it: then it has no such limit.`,
    ),
  },
)

const { requests_per_second, sustained_requests_per_second } = sourceLimitSettings.settings
const { new_torrents_per_second, peers_per_torrent, ban_seconds } = sourceLimitSettings.settings

const sourceLimits = section(
  `What one source may ask for, so that no single one can use the tracker up. Requests from this machine
  (127.0.0.0/8, ::1) are never limited.`,
  {
    requests_per_second,
    sustained_requests_per_second,
    new_torrents_per_second,
    peers_per_torrent,
    ban_seconds,
  },
)

const schema = trackerSchema({
  threads: {
    socket_workers: integer(
      1,
      { min: 0, max: WORKERS_MAX },
      `Threads that serve connections. 0 = as many as the machine has processors. With [network] plain_address there are
      as many again for it.

      Each listens on the same port, and the system spreads connections over them. One worker fills one
      processor core: add workers when one is not enough, and leave a core to the rest of the machine.`,
    ),
  },
  serving: { network, protocol },
  storing: {
    cleaning,
    privileges: privilegeSettings,
    acme: acmeSettings,
    limits,
    source_limits: sourceLimits,
    persistence: swarmPersistence('aquatic_http'),
    scrape_export: scrapeExportSettings,
  },
})

export type HttpConfig = ConfigOf<typeof schema>

export const httpSettings = defineSettings({ schema, retired: retiredKeys, crossCheck })

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
    ...proxyFindings(config.network),
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
    (${min_announce_interval}) is above peer_announce_interval: lower the first.`
  return [warning(['protocol.min_announce_interval', 'protocol.peer_announce_interval'], text)]
}

/** With the files that [acme] keeps, where it gets the certificate. */
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
