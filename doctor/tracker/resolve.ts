// Which addresses a tracker's name has, and which of them can be asked from this machine. Called by ask.ts.
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Patience, within } from './deadline.ts'
import { type Endpoint, endpointAt, type Hashes, isLoopback, type TrackerUrl } from './endpoint.ts'

/** The system asks several servers, several times. */
const LOOKUP_MS = 15_000
/** Of each family. */
const ADDRESSES_MAX = 8

export interface Places {
  readonly endpoints: readonly Endpoint[]
  /** Addresses of a family that this machine does not have. */
  readonly outOfReach: readonly string[]
  /** Why there is no address at all; ''. */
  readonly failure: string
}

export interface Naming {
  /** In place of what the name has. */
  readonly addresses: readonly string[]
  readonly nameServer: string | null
  readonly hashes?: Hashes
  readonly patience: Patience
}

export function resolverAt(nameServer: string | null, { answerMs }: Patience): Resolver {
  const resolver = new Resolver({ timeout: answerMs, tries: 2 })
  if (nameServer !== null) resolver.setServers([nameServer])
  return resolver
}

export async function placesOf(url: TrackerUrl, naming: Naming): Promise<Places> {
  const { addresses, failure } = await addressesOf(url, naming)
  const isHere = ({ family, address }: Endpoint) => isReachable(family, address)
  const all = [...new Set(addresses)].map((address) => endpointAt(url, address, naming.hashes))
  return {
    endpoints: all.filter(isHere),
    outOfReach: all.filter((endpoint) => !isHere(endpoint)).map(({ address }) => address),
    failure: all.length > 0 ? '' : failure,
  }
}

async function addressesOf(
  url: TrackerUrl,
  { addresses, nameServer, patience }: Naming,
): Promise<{ addresses: readonly string[]; failure: string }> {
  if (addresses.length > 0) return { addresses, failure: '' }
  if (isIP(url.host) !== 0) return { addresses: [url.host], failure: '' }
  try {
    const found =
      nameServer === null
        ? await bySystem(url.host)
        : await byServer(url.host, nameServer, patience)
    return { addresses: found, failure: 'it has no address' }
  } catch (error) {
    return { addresses: [], failure: (error as Error).message }
  }
}

async function bySystem(host: string): Promise<string[]> {
  const found = await within(lookup(host, { all: true }), LOOKUP_MS)
  if (found === undefined) throw new Error(`no answer in ${LOOKUP_MS / 1000} seconds`)
  const of = (family: number) =>
    found.filter((each) => each.family === family).slice(0, ADDRESSES_MAX)
  return [...of(4), ...of(6)].map(({ address }) => address)
}

async function byServer(host: string, nameServer: string, patience: Patience): Promise<string[]> {
  const resolver = resolverAt(nameServer, patience)
  const asked = [resolver.resolve4(host), resolver.resolve6(host)]
  const answers = await Promise.allSettled(asked)
  const found = answers.flatMap((answer) =>
    answer.status === 'fulfilled' ? answer.value.slice(0, ADDRESSES_MAX) : [],
  )
  const refusal = answers.find((answer) => answer.status === 'rejected')
  if (found.length === 0 && refusal?.status === 'rejected') throw refusal.reason
  return found
}

/** Whether this machine has an address of that family from which it might be reached. */
function isReachable(family: 4 | 6, address: string): boolean {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .some((own) => {
      if (own.family !== `IPv${family}`) return false
      return isLoopback(address) || (!own.internal && !/^fe80:/i.test(own.address))
    })
}
