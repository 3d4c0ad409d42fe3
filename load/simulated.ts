// What a run asked for in fact, beside what its profile and settings say: shares of the kinds of
// requests, and the peers that were announced. Used by run.ts and reports.ts. Pure functions.
import { grouped } from '../src/metrics/text-table.ts'
import { figure, percent, type Section } from './report.ts'

/** What the tracker has been told in the whole run. */
export interface Announced {
  /** Those with peers. */
  readonly torrents: number
  readonly seeders: number
  readonly leechers: number
}

/** Part of a whole, such as scrapes of all requests. */
export interface Share {
  /** As the JSON report names it. */
  readonly kind: string
  readonly text: string
  readonly part: number
  readonly whole: number
}

/** `counts`: seeders and leechers of each torrent, one behind the other, every `step` words from `first` on. */
export function announcedIn(words: Int32Array, first: number, step: number): Announced {
  let [torrents, seeders, leechers] = [0, 0, 0]
  for (let at = first; at < words.length; at += step) {
    if (words[at] + words[at + 1] === 0) continue
    torrents++
    seeders += words[at]
    leechers += words[at + 1]
  }
  return { torrents, seeders, leechers }
}

export function simulatedSection(
  profile: string,
  shares: readonly Share[],
  { torrents, seeders, leechers }: Announced,
): Section {
  const peers = seeders + leechers
  return {
    title: `asked for, profile '${profile}'`,
    head: ['', ''],
    rows: [
      ...shares.map(({ text, part, whole }) => [text, percent(part, whole)]),
      ['peers announced', grouped(peers)],
      ['peers per torrent', figure(peers / torrents)],
      ['seeders among them', percent(seeders, peers)],
    ],
  }
}

export function simulatedJson(
  profile: string,
  shares: readonly Share[],
  announced: Announced,
): object {
  const { torrents, seeders, leechers } = announced
  const found = shares.map(({ kind, part, whole }) => [kind, whole === 0 ? 0 : part / whole])
  return {
    profile,
    shares: Object.fromEntries(found),
    torrents,
    peers: seeders + leechers,
    seeder_share: seeders / Math.max(1, seeders + leechers),
  }
}

/** Of requests of these kinds. `counts`: as the load tester's. */
export function requestShares<Kind extends string>(
  kinds: readonly Kind[],
  counts: Readonly<Record<`sent_${NoInfer<Kind>}`, number>>,
): Share[] {
  const whole = kinds.reduce((sum, kind) => sum + counts[`sent_${kind}`], 0)
  return kinds.map((kind) => ({
    kind,
    text: `${kind}s, of requests`,
    part: counts[`sent_${kind}`],
    whole,
  }))
}
