// The settings that all trackers have and no other folder defines, and checks of how a tracker's settings fit
// together. Used by the protocols' config.ts.
import {
  type AccessKeyConfig,
  accessKeyFindings,
  accessKeySettings,
} from '../access-keys/settings.ts'
import {
  type AccessListConfig,
  accessListFindings,
  accessListSettings,
} from '../access-list/settings.ts'
import {
  type ClientListConfig,
  clientListFindings,
  clientListSettings,
  networkListSettings,
} from '../client-lists/settings.ts'
import type { ClusterConfig } from '../cluster/settings.ts'
import { ADDRESS_FORMS } from '../config/address.ts'
import { intervalFindings } from '../config/announce-interval.ts'
import {
  checkListenAddress,
  checkListenIPv6,
  type ListenSettings,
  listenFindings,
} from '../config/listen.ts'
import { counted } from '../config/quantities.ts'
import { type Finding, type Schema, warning } from '../config/schema.ts'
import { boolean, integer, type Setting, seconds, string, stringOrList } from '../config/setting.ts'
import { historyFindings } from '../history/settings.ts'
import type { LogAddresses, LogFormat, LogLevel } from '../log/log.ts'
import { logSettings } from '../log/settings.ts'
import { statisticsSettings } from '../metrics/settings.ts'
import {
  type OperationsConfig,
  operationsFindings,
  operationsSettings,
} from '../operations/settings.ts'
import type { PeerAddressConfig } from '../peer-addresses/settings.ts'
import { type ScrapeExportConfig, scrapeExportFindings } from '../persistence/scrape-export.ts'
import { type PersistenceConfig, persistenceFindings } from '../persistence/settings.ts'
import { type PressureConfig, pressureFindings, pressureSettings } from '../pressure/settings.ts'
import { type PrivilegeConfig, privilegeFindings } from '../process/privileges.ts'
import {
  type PublicPageConfig,
  publicPageFindings,
  publicPageSettings,
} from '../public-page/settings.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { type ReserveLimits, reserveFindings } from '../swarm/reserve.ts'

export const WORKERS_MAX = 256
// Of swarms of UDP and HTTP. Each alone fills the 4 GiB that can be reserved; a check covers them together.
const TORRENTS_MAX = 71000000
const PEERS_MAX = 143000000
export const DAY_SEC = 86400
/** A peer row counts seconds in 15 bits, in which an age plus the time to the next cleaning must fit. */
export const PEER_AGE_SEC_MAX = 28000
export const CLEANING_INTERVAL_SEC_MAX = 3600

/** Sections that are the same in every tracker: what it tells its operator, and which torrents and whom it serves. */
export const operatorSections = {
  statistics: statisticsSettings,
  operations: operationsSettings,
  public_page: publicPageSettings,
  access_list: accessListSettings,
  access_keys: accessKeySettings,
  network_list: networkListSettings,
  client_list: clientListSettings,
}

/** The settings of a tracker with one protocol, in the order in which every tracker's file and manual have them. */
export function trackerSchema<T extends Schema, S extends Schema, M extends Schema>(parts: {
  readonly threads: T
  readonly serving: S
  readonly storing: M
}) {
  return {
    ...parts.threads,
    ...logSettings,
    ...parts.serving,
    ...operatorSections,
    ...parts.storing,
    pressure: pressureSettings,
  }
}

/** Of the swarms of IPv4 and IPv6, whatever protocol their peers use. */
export const swarmLimits = {
  max_torrents: integer(
    20000000,
    { min: 1, max: TORRENTS_MAX },
    `Store at most this many torrents, over IPv4 and IPv6 together.

    Beyond it, announces of new torrents get an error and are counted, and the log says so at most
    once a minute; known torrents are served. When an eighth or less is left, one source gets a
    sixteenth of that at once, and as much again per minute. Lower it if startup reports that the
    system refuses to reserve the memory, as it may under "ulimit -v" or strict overcommit.`,
  ),
  max_peers: integer(
    100000000,
    { min: 1, max: PEERS_MAX },
    `Store at most this many peers in all torrents together.

    Beyond it, announces of new peers get an error and are counted, and the log says so at most
    once a minute; known peers are served. When an eighth or less is left, one source gets a
    sixteenth of that at once, and as much again per minute. Lower it if startup reports that the
    system refuses to reserve the memory.`,
  ),
}

export const cleaningInterval = seconds(
  30,
  { min: 1, max: CLEANING_INTERVAL_SEC_MAX },
  `Look for peers to forget, and for torrents without peers, this often (seconds).

    A peer that is too old stays in responses until then. Cleaning happens in small steps between
    requests; a shorter interval keeps counts and memory tighter for slightly more work.`,
)

/** `usual`: the default, in seconds. */
export function maxPeerAge(usual: number): Setting<number> {
  return seconds(
    usual,
    { min: 1, max: PEER_AGE_SEC_MAX },
    `Forget a peer that has not announced for this long (seconds).

    Keep it above [protocol] peer_announce_interval, with room for a client that is late or whose
    announce is lost: a third more is usual. A larger value keeps peers that have long gone, and
    memory grows accordingly. The maximum comes from the peer table, which stores ages in 15 bits.`,
  )
}

/** `ipv4Too`: text about when the IPv6 wildcard also accepts IPv4, and other notes about wildcards. */
export function listenAddress(ipv4Too: string): Setting<string | readonly string[]> {
  return stringOrList(
    '0.0.0.0:3000',
    { allowed: ADDRESS_FORMS, check: checkListenAddress },
    `Listen on this address and port, or on each of a list, such as
    ['192.0.2.1:3000', '[2001:db8::1]:3000'].

    0.0.0.0 means every IPv4 address of the machine. [::] means every IPv6 address, and every IPv4
    address too${ipv4Too} Host names are not accepted. Port 0 lets the system choose a free port, for
    tests. Ports below 1024 need the right to open them at startup.

    An empty list opens nothing here; address_ipv6 must then name an address. In an environment
    variable, separate the addresses of a list with commas; [] is the empty list. Startup fails if an
    address cannot be opened.`,
  )
}

export const listenIPv6 = string(
  'auto',
  { allowed: "'auto', '' or '[IPv6]:port'", check: checkListenIPv6 },
  `Also listen on this IPv6 address.

    'auto' listens on [::] with the port of address if that is the IPv4 wildcard 0.0.0.0, and on
    nothing otherwise, so a tracker bound to 127.0.0.1 does not become public; it is ignored on a
    machine without IPv6. With an explicit address, such as '[2001:db8::1]:3000', startup fails if it
    cannot be opened. '' listens only on address.`,
)

export const listenIPv6Only = boolean(
  false,
  `Serve IPv6 only: the default address, 0.0.0.0 with its port, then means [::], and [::] accepts no
  IPv4. The machine must have IPv6; any other IPv4 address in address is an error.`,
)

/** Settings of every tracker that the tracker itself uses. */
export interface CommonConfig {
  readonly log_level: LogLevel
  readonly log_format: LogFormat
  readonly log_addresses: LogAddresses
  readonly protocol: { readonly count_downloads: boolean }
  readonly statistics: {
    readonly peer_clients: boolean
    readonly torrent_peer_histograms: boolean
    readonly history_path: string
  }
  readonly operations: OperationsConfig
  readonly public_page: PublicPageConfig
  readonly access_list: AccessListConfig
  readonly access_keys: AccessKeyConfig
  readonly network_list: ClientListConfig
  readonly client_list: ClientListConfig
  readonly cleaning: { readonly interval: number; readonly max_peer_age: number }
  readonly privileges: PrivilegeConfig
  readonly limits: ReserveLimits
  readonly source_limits: {
    readonly requests_per_second: number
    /** Only if peers are stored by address. */
    readonly peers_per_torrent?: number
  }
  readonly pressure: PressureConfig
  /** Only if peers are stored by address. */
  readonly cluster?: ClusterConfig
  readonly peer_addresses?: PeerAddressConfig
  readonly persistence: PersistenceConfig
  readonly scrape_export: ScrapeExportConfig
}

interface CheckedConfig extends CommonConfig {
  readonly network: ListenSettings
  readonly protocol: CommonConfig['protocol'] & { readonly peer_announce_interval: number }
}

/** How often a client shows that it is alive, and the setting that determines this. */
export interface LifeSign {
  readonly what: string
  /** Its name in messages, and its path. */
  readonly name: string
  readonly path: string
  readonly seconds: number
}

export function announceSign(protocol: { readonly peer_announce_interval: number }): LifeSign {
  return {
    what: 'announces',
    name: '[protocol] peer_announce_interval',
    path: 'protocol.peer_announce_interval',
    seconds: protocol.peer_announce_interval,
  }
}

/** `usualInterval`: the default, which causes no warning. */
export function commonFindings(
  config: CheckedConfig,
  kinds: readonly PeerKindName[],
  usualInterval: number,
  sign: LifeSign = announceSign(config.protocol),
): Finding[] {
  const { privileges } = config
  return [
    ...listenFindings(config.network),
    ...intervalFindings(config.protocol.peer_announce_interval, usualInterval),
    ...ageFindings(config.cleaning, sign),
    ...pressureFindings(
      config.pressure,
      config.protocol.peer_announce_interval,
      config.cleaning.max_peer_age,
      PEER_AGE_SEC_MAX,
    ),
    ...privilegeFindings(privileges),
    ...persistenceFindings(config.persistence, privileges),
    ...scrapeExportFindings(config.scrape_export, privileges),
    ...reserveFindings(config.limits, kinds),
    ...operationsFindings(config.operations),
    ...publicPageFindings(config.public_page, config.operations),
    ...historyFindings(config),
    ...accessListFindings(config.access_list, privileges),
    ...accessKeyFindings(config.access_keys, privileges),
    ...clientListFindings(config, privileges),
  ]
}

function ageFindings(
  { interval, max_peer_age }: CheckedConfig['cleaning'],
  sign: LifeSign,
): Finding[] {
  const findings = tooYoung(sign, 'max_peer_age', max_peer_age, 'peers would be forgotten')
  if (interval > max_peer_age) {
    const text = `peers would stay up to ${counted(interval, 'second')} beyond their age, because [cleaning]
      interval is above max_peer_age (${max_peer_age}): lower interval.`
    findings.push(warning(['cleaning.interval', 'cleaning.max_peer_age'], text))
  }
  return findings
}

/** The finding if something's age limit, the setting `key` of [cleaning], ends before the next sign of life. */
export function tooYoung(sign: LifeSign, key: string, age: number, happens: string): Finding[] {
  const { what, name, path, seconds } = sign
  if (seconds < age) return []
  const text = `${happens} between two ${what}, because ${name} (${seconds}) is not below
    [cleaning] ${key} (${age}): raise the second to a third or more above the first.`
  return [warning([path, `cleaning.${key}`], text)]
}
