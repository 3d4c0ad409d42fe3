// Two protocols over TCP on the same addresses: the workers of one, the host, serve the other one, its guest, too. All or
// nothing: the guest's addresses are all those of its host, which then decides about what both have. Used by combined.ts and
// combined-settings.ts. Owns nothing.
import { isDeepStrictEqual } from 'node:util'
import { addressText } from '../config/address.ts'
import type { Lens } from '../config/combine.ts'
import { type ListenSettings, listenAddresses } from '../config/listen.ts'
import { entriesOf, type Finding, pathOf, problem, titleOf } from '../config/schema.ts'
import type { TomlValue } from '../config/setting.ts'
import { tomlText } from '../config/toml-text.ts'

/** Of a protocol that may be served by another one's workers. */
export interface GuestRules {
  /** The section of that one's settings. */
  readonly host: string
  /** Paths of settings that both have, and that the host decides about. */
  readonly followed: readonly string[]
}

interface Part {
  readonly name: string
  readonly lens: Lens
}

interface GuestPart extends Part {
  readonly rules: GuestRules
}

type Config = Readonly<Record<string, unknown>>

/** The settings of one protocol among the combined ones. */
export class OwnConfig {
  private readonly lens: Lens
  private readonly guest: GuestPart | null
  private readonly host: Part | null

  /** `host`: who may serve it. */
  constructor(part: Part & { readonly rules: GuestRules | null }, host: Part | null) {
    const { name, lens, rules } = part
    this.lens = lens
    this.guest = rules === null ? null : { name, lens, rules }
    this.host = host
  }

  /** Whether its host serves it. */
  isGuest(combined: object): boolean {
    const { guest, host } = this
    return guest !== null && host !== null && sharesAddresses(combined, guest, host)
  }

  /** As the protocol is served. */
  served(combined: object): object {
    const own = this.lens.config(combined) as Config
    const { guest, host } = this
    if (guest === null || host === null || !this.isGuest(combined)) return own
    const hosts = host.lens.config(combined) as Config
    return replaced(own, guest.rules.followed, (path) => valueIn(hosts, path))
  }

  /** As its own checks read it: what the host decides about is the host's to check. */
  checked(combined: object): object {
    const own = this.lens.config(combined) as Config
    const { guest } = this
    if (guest === null || !this.isGuest(combined)) return own
    return replaced(own, guest.rules.followed, (path) => defaultOf(guest, path))
  }

  /** Settings of the guest that say something else than its host's. */
  contradictions(combined: object): Finding[] {
    const { guest, host } = this
    if (guest === null || host === null || !this.isGuest(combined)) return []
    const own = guest.lens.config(combined) as Config
    const hosts = host.lens.config(combined) as Config
    return guest.rules.followed.flatMap((path) => {
      const value = valueIn(own, path)
      // What is not set follows the host.
      if (isDeepStrictEqual(value, defaultOf(guest, path))) return []
      const hostValue = valueIn(hosts, path)
      return isDeepStrictEqual(value, hostValue) ? [] : [contradiction(guest, host, path, value)]
    })
  }
}

function contradiction(guest: GuestPart, host: Part, path: string, value: unknown): Finding {
  const paths = [pathOf(guest.name, path), pathOf(host.name, path)]
  const [own, hosts] = paths.map(titleAt)
  const shown = path.endsWith('password') ? '' : ` = ${tomlText(value as TomlValue)}`
  const text = `${own}${shown} is not as ${hosts}: on the addresses that [${guest.name}.network] and
    [${host.name}.network] share, the latter decides. Delete it, or give [${guest.name}.network] address a port of its own.`
  return problem(paths, text)
}

function titleAt(path: string): string {
  const names = path.split('.')
  return titleOf({ section: names.slice(0, -1).join('.'), key: names[names.length - 1] })
}

/** Whether the two listen on the same addresses: the same ones, and none with a port that the system chooses. */
function sharesAddresses(combined: object, one: Part, other: Part): boolean {
  const [own, others] = [one, other].map(({ name, lens }) => {
    const { enabled } = (combined as Record<string, { enabled: boolean }>)[name]
    const { network } = lens.config(combined) as { network: ListenSettings }
    return enabled ? listenAddresses(network) : []
  })
  if (own.length === 0 || own.some(({ port }) => port === 0)) return false
  const texts = (list: typeof own) => list.map(addressText).sort()
  return isDeepStrictEqual(texts(own), texts(others))
}

function defaultOf({ lens }: Part, path: string): unknown {
  const { schema, defaults } = lens.part
  if (Object.hasOwn(defaults, path)) return defaults[path]
  return entriesOf(schema).find((entry) => entry.path === path)?.setting.defaultValue
}

function valueIn(config: Config, path: string): unknown {
  return path.split('.').reduce<unknown>((node, name) => (node as Config)[name], config)
}

function replaced(
  config: Config,
  paths: readonly string[],
  valueFor: (path: string) => unknown,
): Config {
  const result: Record<string, unknown> = { ...config }
  for (const path of paths) {
    const [first, key] = path.split('.')
    result[first] =
      key === undefined ? valueFor(path) : { ...(result[first] as Config), [key]: valueFor(path) }
  }
  return result
}
