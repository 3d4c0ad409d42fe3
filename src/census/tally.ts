// Counts peers by client and version. Filled by whoever goes through peers (sample.ts, census.ts), and read
// by census.ts. Bounded, whatever the peer ids are: by the forms of names, and the limits below.
import { type Client, clientOf, UNKNOWN } from './peer-id.ts'

/** Versions told apart per client: real ones have a few dozen. */
const VERSIONS_MAX = 256
/** Peer ids whose client is remembered: real clients make a few hundred beginnings. */
const REMEMBERED_MAX = 2048

/** Clients, and versions of all of them, that are shown: what is rare would hide what is not. */
export const CLIENTS_SHOWN = 30
export const VERSIONS_SHOWN = 60

/** All other clients, and other versions of a client. */
export const OTHER = 'other'

/** So there are never more rows than these: per client also one without a version, and one of the rest. */
export const ROWS_MAX = VERSIONS_SHOWN + 2 * CLIENTS_SHOWN + 2

/** What there is of a version of a client; '' where the peer id tells none. */
export interface ClientCount {
  readonly client: string
  readonly version: string
  readonly peers: number
}

export class Tally {
  private readonly counts = new Map<string, Map<string, number>>()
  private readonly remembered = new Map<string, Client>()

  /** Counts a peer id, by its first two words as they are in memory, as so many peers. */
  add(id0: number, id1: number, peers: number): void {
    const { name, version } = this.clientOf(startOf(id0, id1))
    let versions = this.counts.get(name)
    if (versions === undefined) {
      versions = new Map()
      this.counts.set(name, versions)
    }
    const known = versions.has(version) || versions.size < VERSIONS_MAX
    const key = known ? version : OTHER
    versions.set(key, (versions.get(key) ?? 0) + peers)
  }

  /** Clients with most peers first, each with its versions; what is unknown, and the rest, last. */
  result(): ClientCount[] {
    const clients = [...this.counts].map(([client, versions]) => {
      return { client, peers: sum(versions.values()), versions: versionRows(client, versions) }
    })
    const named = clients.filter(({ client }) => client !== UNKNOWN).sort(mostFirst)
    const shown = named.slice(0, CLIENTS_SHOWN)
    const told = shown.flatMap(({ versions }) => versions).filter(({ version }) => isTold(version))
    const kept = new Set(told.sort(mostFirst).slice(0, VERSIONS_SHOWN))
    const rest = sum(named.slice(CLIENTS_SHOWN).map(({ peers }) => peers))
    return [
      ...shown.flatMap(({ client, versions }) => withoutRare(client, versions, kept)),
      ...clients.filter(({ client }) => client === UNKNOWN).flatMap(({ versions }) => versions),
      ...(rest === 0 ? [] : [{ client: OTHER, version: '', peers: rest }]),
    ]
  }

  private clientOf(start: string): Client {
    const before = this.remembered.get(start)
    if (before !== undefined) return before
    const client = clientOf(start)
    if (this.remembered.size === REMEMBERED_MAX) this.remembered.clear()
    this.remembered.set(start, client)
    return client
  }
}

function startOf(id0: number, id1: number): string {
  return String.fromCharCode(
    id0 & 0xff,
    (id0 >>> 8) & 0xff,
    (id0 >>> 16) & 0xff,
    id0 >>> 24,
    id1 & 0xff,
    (id1 >>> 8) & 0xff,
    (id1 >>> 16) & 0xff,
    id1 >>> 24,
  )
}

function versionRows(client: string, versions: ReadonlyMap<string, number>): ClientCount[] {
  return [...versions].map(([version, peers]) => ({ client, version, peers })).sort(mostFirst)
}

function isTold(version: string): boolean {
  return version !== '' && version !== OTHER
}

/** The versions of a client; those beyond the most frequent of all clients are one row. */
function withoutRare(
  client: string,
  versions: readonly ClientCount[],
  kept: ReadonlySet<ClientCount>,
): ClientCount[] {
  const isShown = (row: ClientCount) => row.version === '' || kept.has(row)
  const rest = sum(versions.filter((row) => !isShown(row)).map(({ peers }) => peers))
  const shown = versions.filter(isShown)
  return rest === 0 ? shown : [...shown, { client, version: OTHER, peers: rest }]
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

interface Named {
  readonly client: string
  readonly version?: string
  readonly peers: number
}

/** By peers, then by name: the same order each time, whatever the locale. */
function mostFirst(a: Named, b: Named): number {
  if (a.peers !== b.peers) return b.peers - a.peers
  const [left, right] = [`${a.client} ${a.version}`, `${b.client} ${b.version}`]
  return left < right ? -1 : left > right ? 1 : 0
}
