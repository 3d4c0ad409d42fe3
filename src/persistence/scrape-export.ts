// Periodically writes a text file with the counts of all torrents, for other programs. Made by the tracker, in
// the main thread; workers serve meanwhile. Owns its timer and the file.
//
//  info hash, 40 hex digits │ space │ seeders │ space │ leechers │ space │ completed downloads │ line feed
//
// IPv4 and IPv6 count together: a torrent in both tables is written with the first.
import { type ConfigOf, type Finding, problem, section } from '../config/schema.ts'
import { integer, string } from '../config/setting.ts'
import { type Log, logFor } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { STRIDE_IPV4 } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table/table.ts'
import { hashInfoHash, INFO_HASH_WORDS } from '../swarm/table/torrents.ts'
import {
  COUNTS_LEECHERS,
  COUNTS_SEEDERS,
  COUNTS_WORDS,
  PIECE_COMPLETED,
  Walk,
} from '../swarm/walks/export.ts'
import { walkThrough } from '../swarm/walks/pace.ts'
import { replaceFile, type Write } from './files.ts'

const CLEANINGS_MAX = 10_000
/** Readable by all: it is meant for other programs. */
const FILE_MODE = 0o644
const SLICE_TORRENTS = 200
const WRITE_CHARS = 262_144

export const scrapeExportSettings = section(
  'A text file with the counts of all torrents, for other programs.',
  {
    path: string(
      '',
      { allowed: "a file, or ''" },
      `Write info hash, seeders, leechers and completed downloads of each torrent to this file, one torrent
      per line, separated by blanks. '' writes none.

      Readers always find a complete file: it is written under a name that begins with this one and ends
      in .tmp, then renamed. With [privileges] drop_privileges it must lie below chroot_path, in a folder
      that the user may write to.`,
    ),
    cleanings: integer(
      10,
      { min: 1, max: CLEANINGS_MAX },
      `Write the file after this many cleanings: every cleanings times [cleaning] interval seconds.

      A million torrents are about 48 MB.`,
    ),
  },
)

export type ScrapeExportConfig = ConfigOf<{
  scrape_export: typeof scrapeExportSettings
}>['scrape_export']

export function scrapeExportFindings(
  { path }: ScrapeExportConfig,
  { drop_privileges, chroot_path }: PrivilegeConfig,
): Finding[] {
  const isReached = !drop_privileges || pathBelow(chroot_path, path) !== null
  if (path === '' || chroot_path === '' || isReached) return []
  const text = `[scrape_export] path ('${path}') is not below [privileges] chroot_path ('${chroot_path}'),
    so it cannot be reached once the root directory has changed: write a file below it.`
  return [problem(['scrape_export.path', 'privileges.chroot_path'], text)]
}

/** The settings that the export needs. */
interface ExportConfig {
  readonly scrape_export: ScrapeExportConfig
  readonly cleaning: { readonly interval: number }
  readonly privileges: PrivilegeConfig
}

/** `rootChanged`: paths begin at the new root directory. Null if no export is configured. */
export function startScrapeExport(
  config: ExportConfig,
  rootChanged: boolean,
  swarms: () => Swarms,
): ScrapeExport | null {
  const { path } = config.scrape_export
  if (path === '') return null
  const inside = rootChanged ? (pathBelow(config.privileges.chroot_path, path) ?? path) : path
  const scrapeExport = new ScrapeExport(inside, swarms(), logFor('export'))
  scrapeExport.configure(config)
  return scrapeExport
}

export class ScrapeExport {
  private readonly path: string
  private readonly swarms: Swarms
  private readonly log: Log
  private timer: ReturnType<typeof setInterval> | undefined
  private underWay = false
  private stopped = false
  private interval = 0
  private cleanings = 0
  private left = 0
  /** Why the last write failed; null if it did not. */
  private failure: string | null = null

  /** `path`: as seen from the process's final root directory. */
  constructor(path: string, swarms: Swarms, log: Log) {
    this.path = path
    this.swarms = swarms
    this.log = log
  }

  /** Sets how often a file is written. The same value again does not restart the timer. */
  configure({ scrape_export, cleaning }: Omit<ExportConfig, 'privileges'>): void {
    const { cleanings } = scrape_export
    const { interval } = cleaning
    if (this.stopped || (cleanings === this.cleanings && interval === this.interval)) return
    this.cleanings = cleanings
    this.interval = interval
    this.left = cleanings
    clearInterval(this.timer)
    // Cleanings are counted because a timer runs for at most 24 days, and fires at once if given more.
    this.timer = setInterval(() => this.cleaned(), interval * 1000)
  }

  private cleaned(): void {
    this.left--
    if (this.left > 0) return
    this.left = this.cleanings
    void this.writeNow()
  }

  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
  }

  /** A failure is logged, and tried again next time. */
  async writeNow(): Promise<void> {
    if (this.underWay) return
    this.underWay = true
    try {
      await replaceFile(this.path, FILE_MODE, (write) => this.write(write))
      this.failure = null
      this.log.debug(`written: ${this.path}`)
    } catch (error) {
      this.failure = (error as Error).message
      this.log.error(`${this.path} could not be written: ${this.failure}`)
    }
    this.underWay = false
  }

  /** Reports a failed write until one succeeds. */
  get troubleSource(): TroubleSource {
    return { name: 'scrape_export_failed', find: () => this.trouble() }
  }

  private trouble(): Trouble | null {
    if (this.failure === null) return null
    return {
      severity: 'attention',
      text: `[scrape_export] path '${this.path}' could not be written: ${this.failure}.`,
      remedy: "Make room, and make its folder writable by the tracker's user.",
      isLogged: true,
    }
  }

  private async write(write: Write): Promise<void> {
    const walk = new Walk(true)
    let text = ''
    const flush = async () => {
      await write(Buffer.from(text, 'latin1'))
      text = ''
    }
    const { ipv4, ipv6, websocket } = this.swarms
    await walkThrough(walk, [...ipv4, ...ipv6, ...websocket], {
      budget: SLICE_TORRENTS,
      gently: true,
      take: (table) => {
        text += this.linesOf(walk, table)
        return text.length >= WRITE_CHARS
      },
      afterTurn: async () => {
        if (text.length >= WRITE_CHARS) await flush()
        return true
      },
    })
    await flush()
  }

  private linesOf({ words, used }: Walk, table: Table): string {
    const bytes = Buffer.from(words.buffer)
    const { swarms } = this
    const ipv6 = swarms.ipv6.includes(table)
    let lines = ''
    for (let at = 0; at < used; at += COUNTS_WORDS) {
      this.scrapeOther(words, at, table)
      if (ipv6 && swarms.seeders + swarms.leechers > 0) continue
      const seeders = words[at + COUNTS_SEEDERS] + swarms.seeders
      const leechers = words[at + COUNTS_LEECHERS] + swarms.leechers
      const completed = words[at + PIECE_COMPLETED] + swarms.completed
      const infoHash = bytes.toString('hex', at * 4, (at + INFO_HASH_WORDS) * 4)
      lines += `${infoHash} ${seeders} ${leechers} ${completed}\n`
    }
    return lines
  }

  /** Reads the same torrent's counts in the other address family into `swarms`. */
  private scrapeOther(words: Int32Array, at: number, table: Table): void {
    const { swarms } = this
    if (table.owned) {
      Object.assign(swarms, { seeders: 0, leechers: 0, completed: 0 })
      return
    }
    const hash = hashInfoHash(table, words, at)
    const other = swarms.tableOf(table.stride !== STRIDE_IPV4, hash)
    other.locked(() => swarms.scrape(other, words, at, hash))
  }
}
