// The settings of a tracker with several protocols, derived from those of the single ones (config/combine.ts):
// which are shared by the process, and which do not fit together. Used by combined.ts.
import { addressText } from '../config/address.ts'
import { combinedSchema, explained, Lens } from '../config/combine.ts'
import {
  type ListenAddress,
  type ListenSettings,
  listenAddresses,
  overlap,
} from '../config/listen.ts'
import {
  defineSettings,
  type Finding,
  pathOf,
  problem,
  type Schema,
  type Settings,
  titleOf,
} from '../config/schema.ts'
import { boolean } from '../config/setting.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { type ReserveLimits, reserveFindings } from '../swarm/reserve.ts'
import { type GuestRules, OwnConfig } from './sharing.ts'

/** `crossCheck` takes the settings in the form of the protocol's own program. */
export interface OwnSettings {
  readonly schema: Schema
  readonly retired: Readonly<Record<string, string>>
  readonly crossCheck: (config: never) => Finding[]
  readonly common?: readonly string[]
}

/** One protocol, as its own program has it. */
export interface ProtocolSettings {
  /** The section of its own settings. */
  readonly name: string
  /** The name shown to people. */
  readonly title: string
  /** The tracker that serves only this protocol. */
  readonly program: string
  readonly settings: OwnSettings
  readonly transport: 'udp' | 'tcp'
  /** Sections that it does not share although others do, because they have another meaning here. */
  readonly ownSections?: readonly string[]
  /** Settings without effect, which exist only for old files. */
  readonly omitted?: readonly string[]
  /** Other default values, by path. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** It may be served by the workers of another protocol, on the same addresses. */
  readonly guestOf?: GuestRules
}

const SHARED_SECTIONS: readonly string[] = [
  'statistics',
  'operations',
  'public_page',
  'access_list',
  'access_keys',
  'network_list',
  'client_list',
  'privileges',
  'source_limits',
  'peer_addresses',
  'cluster',
  'persistence',
  'scrape_export',
  'pressure',
]

/** Settings about the swarms themselves, not about how clients reach them. */
const SHARED_SETTINGS: readonly string[] = [
  'log_level',
  'log_format',
  'log_addresses',
  'protocol.count_downloads',
  'cleaning.interval',
  'cleaning.max_peer_age',
  'limits.max_torrents',
  'limits.max_peers',
]

export interface KnownProtocol extends ProtocolSettings {
  /** `listens` takes the form that its own program has. */
  readonly type: {
    readonly kinds: readonly PeerKindName[]
    listens(config: never): { readonly settings: ListenSettings }
  }
}

export interface CombinedSettings {
  readonly settings: Settings
  /** In the order of the protocols, as the following. */
  readonly lenses: readonly Lens[]
  readonly configs: readonly OwnConfig[]
}

export interface SharedTexts {
  /** Shared ones that say something else of several protocols than of each by itself. */
  readonly sections: Schema
  /** Of shared settings and sections, in place of the first protocol's own. */
  readonly explanations: Readonly<Record<string, string>>
}

export function combineSettings(
  protocols: readonly KnownProtocol[],
  { sections, explanations }: SharedTexts,
): CombinedSettings {
  const lenses = protocols.map(lensOf)
  const configs = protocols.map((_, i) => ownConfig(protocols, lenses, i))
  const retired = Object.assign({}, ...lenses.map((lens) => lens.retired()))
  const schema = explained({ ...combinedSchema(lenses), ...sections }, explanations)
  const crossCheck = (config: object) => findingsOf(protocols, { lenses, configs }, config)
  const enabled = protocols.map(({ name }) => pathOf(name, 'enabled'))
  const common = [...enabled, ...lenses.flatMap((lens, i) => commonOf(protocols[i], lens))]
  return {
    settings: defineSettings<Schema>({ schema, retired, crossCheck, common }),
    lenses,
    configs,
  }
}

function ownConfig(
  protocols: readonly KnownProtocol[],
  lenses: readonly Lens[],
  index: number,
): OwnConfig {
  const { name, guestOf = null } = protocols[index]
  const host = protocols.findIndex((each) => each.name === guestOf?.host)
  return new OwnConfig(
    { name, lens: lenses[index], rules: guestOf },
    host < 0 ? null : { name: protocols[host].name, lens: lenses[host] },
  )
}

function commonOf({ settings }: ProtocolSettings, lens: Lens): string[] {
  const { common = [] } = settings
  return common.map((path) => lens.outer(path)).filter((path) => path !== undefined)
}

/** Whether the settings enable the protocol. */
export function isEnabled(config: object, name: string): boolean {
  return (config as Record<string, { enabled: boolean }>)[name].enabled
}

function lensOf(protocol: ProtocolSettings): Lens {
  const { name, title, settings, ownSections = [], omitted = [], defaults = {} } = protocol
  return new Lens({
    name,
    explanation: `Settings of ${title} alone.`,
    schema: settings.schema,
    retired: settings.retired,
    isShared: (path) => {
      const [sectionName] = path.split('.')
      if (ownSections.includes(sectionName)) return false
      return SHARED_SECTIONS.includes(sectionName) || SHARED_SETTINGS.includes(path)
    },
    omitted,
    defaults,
    extra: {
      enabled: boolean(
        true,
        `Serve ${title}. With false, [${name}] and its sections have no effect.`,
      ),
    },
  })
}

function findingsOf(
  protocols: readonly KnownProtocol[],
  { lenses, configs }: Omit<CombinedSettings, 'settings'>,
  config: object,
): Finding[] {
  const served = protocols.flatMap((protocol, i) => {
    return isEnabled(config, protocol.name) ? [{ protocol, lens: lenses[i], own: configs[i] }] : []
  })
  if (served.length === 0) {
    const paths = protocols.map(({ name }) => `${name}.enabled`)
    const titles = protocols.map(({ name }) => `[${name}] enabled`)
    return [problem(paths, `no protocol is enabled: set ${titles.join(' or ')} = true.`)]
  }
  const own = served.flatMap((each) => ownFindings(each, config))
  const kinds = new Set(served.flatMap(({ protocol }) => protocol.type.kinds))
  const { limits } = config as { limits: ReserveLimits }
  const all = [...own, ...reserveFindings(limits, [...kinds]), ...portFindings(served, config)]
  const texts = all.map(({ text }) => text)
  return all.filter(({ text }, i) => texts.indexOf(text) === i)
}

/** What the protocol's own program would report. */
function ownFindings({ protocol, lens, own }: Served, config: object): Finding[] {
  const { settings } = protocol
  const found = settings.crossCheck(own.checked(config) as never).map((finding) => ({
    ...finding,
    paths: finding.paths.map((path) => lens.outer(path) ?? path),
    text: lens.text(finding.text),
  }))
  return [...own.contradictions(config), ...found]
}

interface Served {
  readonly protocol: KnownProtocol
  readonly lens: Lens
  readonly own: OwnConfig
}

/** Two protocols over TCP on one port: the second could not be opened, or would get half of the clients. */
function portFindings(served: readonly Served[], config: object): Finding[] {
  const alone = served.filter(({ own }) => !own.isGuest(config))
  const all = alone.map(({ protocol: { name, transport, type, guestOf }, lens }) => {
    const own = lens.config(config) as { network: ListenSettings }
    const { settings } = type.listens(own as never)
    const host = guestOf?.host
    return { name, transport, host, network: own.network, items: listenAddresses(settings) }
  })
  const pairs = all.flatMap((one, i) => all.slice(0, i).map((other) => [other, one] as const))
  return pairs.flatMap(([other, one]) => {
    if (other.transport !== one.transport) return []
    const item = one.items.find((item) => other.items.some((another) => overlap(item, another)))
    if (item === undefined) return []
    const named = [other, one].map((each) => {
      return { section: `${each.name}.network`, key: settingWith(each.network, item) }
    })
    const [first, second] = named.map(titleOf)
    const paths = named.map(({ section, key }) => pathOf(section, key))
    const text = `${first} and ${second} are both
      ${addressText(item)}: protocols over TCP need ports of their own${
        one.host === other.name
          ? `, or the same addresses in [${other.name}.network] as in [${one.name}.network], and no others`
          : ''
      }.`
    return [problem(paths, text)]
  })
}

/** Which setting brings the address. */
function settingWith(network: ListenSettings, item: ListenAddress): 'address' | 'plain_address' {
  return listenAddresses(network).some((own) => overlap(own, item)) ? 'address' : 'plain_address'
}
