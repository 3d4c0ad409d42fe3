// The public page: what it tells, prepared at each tick of the history, for its own server and for the workers of HTTP.
// Made by tracker/pages.ts, in the main thread. Owns the prepared bytes and the server.
import type { SocketAddress } from '../config/address.ts'
import { DAY_SECONDS, type History, SLOT_SECONDS, SLOTS_PER_DAY } from '../history/history.ts'
import type { Snapshot } from '../metrics/families.ts'
import type { PortSharing } from '../operations/open-server.ts'
import { seriesValue } from '../operations/sampler.ts'
import { timeText } from '../operations/stats.ts'
import type { TrackerView } from '../operations/view.ts'
import { nowMilliseconds, wallSeconds } from '../os/clock.ts'
import { conditionOf } from '../process/troubles.ts'
import { type AnnouncePlace, announceUrls } from './announce-urls.ts'
import type { PublicFigures } from './figures.ts'
import { type PreparedPage, preparePage } from './prepared.ts'
import { PublicServer } from './server.ts'
import type { PublicPageConfig } from './settings.ts'

export interface PublicPageParts {
  readonly config: PublicPageConfig
  readonly view: TrackerView
  readonly history: () => History
  /** The two newest snapshots of the view's figures. */
  readonly snapshots: () => { readonly now: Snapshot; readonly before: Snapshot }
  readonly places: readonly AnnouncePlace[]
  readonly needsKey: () => boolean
  /** Called with each page that was prepared. */
  readonly publish: (page: PreparedPage) => void
  readonly sharing: PortSharing
}

export class PublicPage {
  /** Null where the page has no address of its own. */
  readonly address: SocketAddress | null
  private readonly parts: PublicPageParts
  private config: PublicPageConfig
  private readonly startedAt = nowMilliseconds()
  private prepared: PreparedPage
  private readonly server: PublicServer | null

  /** Opens the socket. Throws StartError when that fails. */
  constructor(parts: PublicPageParts) {
    const { config, sharing } = parts
    this.parts = parts
    this.config = config
    this.prepared = preparePage(this.figures())
    parts.publish(this.prepared)
    this.server =
      config.address === '' ? null : new PublicServer(config.address, sharing, () => this.prepared)
    this.address = this.server?.address ?? null
  }

  configure(config: PublicPageConfig): void {
    this.config = config
    this.prepare()
  }

  prepare(): void {
    this.prepared = preparePage(this.figures())
    this.parts.publish(this.prepared)
  }

  stop(): void {
    this.server?.stop()
  }

  private figures(): PublicFigures {
    const { view, places, needsKey, snapshots } = this.parts
    const { now, before } = snapshots()
    const swarms = view.swarms.map(({ title, torrents, seeders, leechers }) => ({
      name: title,
      torrents: seriesValue(torrents, now, before),
      seeders: seriesValue(seeders, now, before),
      leechers: seriesValue(leechers, now, before),
    }))
    const total = (pick: (swarm: (typeof swarms)[number]) => number) =>
      swarms.reduce((sum, swarm) => sum + pick(swarm), 0)
    const seeders = total((swarm) => swarm.seeders)
    const leechers = total((swarm) => swarm.leechers)
    return {
      state: this.state(),
      name: view.name,
      version: view.version,
      time: secondText(wallSeconds()),
      serving_since: timeText(this.startedAt),
      announce_urls: announceUrls(this.config, places, needsKey()),
      torrents: total(({ torrents }) => torrents),
      peers: seeders + leechers,
      seeders,
      leechers,
      swarms,
      protocols: view.protocols.map(({ title, requests }) => ({
        name: title,
        requests_per_second: rounded(
          requests.reduce((sum, spec) => sum + seriesValue(spec, now, before), 0),
        ),
      })),
      ...this.past(),
    }
  }

  private state(): PublicFigures['state'] {
    const { view } = this.parts
    if (!view.isReady()) return 'down'
    return conditionOf(view.troubles()) === 'bad' ? 'degraded' : 'up'
  }

  private past(): Pick<PublicFigures, 'requests' | 'availability'> {
    const history = this.parts.history()
    const at = wallSeconds()
    const first = (Math.floor(at / SLOT_SECONDS) - SLOTS_PER_DAY + 1) * SLOT_SECONDS
    const values = history.valuesOf('requests', at, SLOTS_PER_DAY)
    return {
      requests: {
        from: secondText(first),
        step_seconds: SLOT_SECONDS,
        per_second: values.map((value) => (Number.isNaN(value) ? null : rounded(value))),
      },
      availability: {
        share: shareOf(history.availability(at)),
        days: history.days(at).map(({ day, share }) => {
          return { day: secondText(day * DAY_SECONDS).slice(0, 10), share: shareOf(share) }
        }),
      },
    }
  }
}

function secondText(second: number): string {
  return `${new Date(second * 1000).toISOString().slice(0, 19)}Z`
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** Down: a day with a gap is not a whole one. */
function shareOf(share: number | null): number | null {
  return share === null ? null : Math.floor(share * 1e5) / 1e5
}
