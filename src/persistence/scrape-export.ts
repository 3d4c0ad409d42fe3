// Writes a text file with the counts of all torrents now and then, for other programs. Made by udp/main.ts,
// in the main thread; workers serve meanwhile. Owns its timer and the file.
//
//  info hash, 40 hex digits │ blank │ seeders │ blank │ leechers │ blank │ completed downloads │ line feed
//
// IPv4 and IPv6 count together: whoever is in both tables is written with the first.
import { type ConfigOf, type Finding, problem, section } from '../config/schema.ts'
import { integer, string } from '../config/setting.ts'
import type { Log } from '../log/log.ts'
import { nowMilliseconds } from '../os/clock.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import {
  COUNTS_LEECHERS,
  COUNTS_SEEDERS,
  COUNTS_WORDS,
  PIECE_COMPLETED,
  Walk,
} from '../swarm/export.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { hashInfoHash, INFO_HASH_WORDS } from '../swarm/torrents.ts'
import { replaceFile, type Write } from './files.ts'

const CLEANINGS_MAX = 10_000
/** Everybody may read it: it is made for others. */
const FILE_MODE = 0o644
/** As for snapshots (write.ts): short holds of the lock, and a quarter of a core. */
const SLICE_TORRENTS = 200
const TURN_MILLISECONDS = 0.5
const PAUSE_MILLISECONDS = 1.5
const WRITE_CHARS = 262_144

export const scrapeExportSettings = section(
  'A text file with the counts of all torrents, for other programs.',
  {
    path: string(
      '',
      { allowed: "a file, or ''" },
      `Write info hash, seeders, leechers and completed downloads of each torrent to this file, one torrent
      per line, separated by blanks. '' writes none.

      Readers always find a complete file: it is written beside, as the same name with .tmp, and renamed.
      With [privileges] drop_privileges it must lie below chroot_path, in a folder that the user may
      write to.`,
    ),
    cleanings: integer(
      10,
      { min: 1, max: CLEANINGS_MAX },
      `Write the file every so many cleanings: every cleanings times [cleaning] interval seconds.

      A million torrents are about 48 MB.`,
    ),
  },
)

type ScrapeExportConfig = ConfigOf<{ scrape_export: typeof scrapeExportSettings }>['scrape_export']

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

export class ScrapeExport {
  private readonly path: string
  private readonly swarms: Swarms
  private readonly log: Log
  private timer: ReturnType<typeof setInterval> | undefined
  private underWay = false
  private seconds = 0

  /** `path`: as it is called now that the process is who it will be. */
  constructor(path: string, swarms: Swarms, log: Log) {
    this.path = path
    this.swarms = swarms
    this.log = log
  }

  /** From now on a file every so many seconds. Nothing changes where they are the same. */
  setInterval(seconds: number): void {
    if (seconds === this.seconds) return
    this.seconds = seconds
    clearInterval(this.timer)
    this.timer = setInterval(() => void this.writeNow(), seconds * 1000)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** A failure is logged, and the next time tried again. */
  async writeNow(): Promise<void> {
    if (this.underWay) return
    this.underWay = true
    try {
      await replaceFile(this.path, FILE_MODE, (write) => this.write(write))
      this.log.debug(`written: ${this.path}`)
    } catch (error) {
      this.log.error(`${this.path} could not be written: ${(error as Error).message}`)
    }
    this.underWay = false
  }

  private async write(write: Write): Promise<void> {
    const walk = new Walk(true)
    let text = ''
    for (const ipv4 of [true, false]) {
      for (const table of ipv4 ? this.swarms.ipv4 : this.swarms.ipv6) {
        walk.open(table)
        for (let more = true; more; ) {
          const turnEnd = nowMilliseconds() + TURN_MILLISECONDS
          do {
            more = walk.slice(SLICE_TORRENTS)
            text += this.linesOf(walk, ipv4)
          } while (more && text.length < WRITE_CHARS && nowMilliseconds() < turnEnd)
          if (text.length >= WRITE_CHARS) {
            await write(Buffer.from(text, 'latin1'))
            text = ''
          }
          if (more) await Bun.sleep(PAUSE_MILLISECONDS)
        }
      }
    }
    await write(Buffer.from(text, 'latin1'))
  }

  private linesOf({ words, used }: Walk, ipv4: boolean): string {
    const bytes = Buffer.from(words.buffer)
    const { swarms } = this
    let lines = ''
    for (let at = 0; at < used; at += COUNTS_WORDS) {
      this.scrapeOther(words, at, !ipv4)
      if (!ipv4 && swarms.seeders + swarms.leechers > 0) continue
      const seeders = words[at + COUNTS_SEEDERS] + swarms.seeders
      const leechers = words[at + COUNTS_LEECHERS] + swarms.leechers
      const completed = words[at + PIECE_COMPLETED] + swarms.completed
      const infoHash = bytes.toString('hex', at * 4, (at + INFO_HASH_WORDS) * 4)
      lines += `${infoHash} ${seeders} ${leechers} ${completed}\n`
    }
    return lines
  }

  /** The counts of the same torrent in the other family, into `swarms`. */
  private scrapeOther(words: Int32Array, at: number, ipv4: boolean): void {
    const hash = hashInfoHash(this.swarms.ipv4[0], words, at)
    const table = this.swarms.tableOf(ipv4, hash)
    table.lock()
    this.swarms.scrape(table, words, at, hash)
    table.unlock()
  }
}
