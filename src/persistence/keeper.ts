// Keeps the UDP tracker's state over a restart: reads it at the start, writes it now and then and at the
// stop. Made by udp/main.ts, in the main thread. Owns the timer and the files of the folder.
//
// A failed write is no reason to stop serving: it is logged as an error, counted, and tried again.
import { randomBytes } from 'node:crypto'
import { StartError } from '../config/cli.ts'
import { writeStderr } from '../config/output.ts'
import type { Log } from '../log/log.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { momentNow, readBootId } from './boot.ts'
import { setAside } from './files.ts'
import type { Folder } from './folder.ts'
import { readKey, writeKey } from './key.ts'
import { type LoadFigures, loadSnapshot, SnapshotRefused } from './read.ts'
import { type SnapshotFigures, SnapshotStopped, writeSnapshot } from './write.ts'

export const KEY_FILE = 'aquatic_udp.key'
export const SNAPSHOT_FILE = 'aquatic_udp.snapshot'

const MINUTE_MILLISECONDS = 60_000
const SECRET_BYTES = 32

export interface KeeperOptions {
  readonly folder: Folder
  readonly swarms: Swarms
  readonly intervalMinutes: number
  /** `[cleaning] max_peer_age`. */
  readonly maxAge: number
  readonly countDownloads: boolean
  readonly log: Log
}

/** For the metrics. */
export interface KeeperCounts {
  written: number
  failed: number
  last: SnapshotFigures | null
}

export class Keeper {
  readonly counts: KeeperCounts = { written: 0, failed: 0, last: null }
  /** The secret of the connection ids: the one that was kept, or a new one. */
  readonly secret: Uint8Array
  private readonly options: KeeperOptions
  private readonly bootId = readBootId()
  private timer: ReturnType<typeof setInterval> | undefined
  private underWay: Promise<void> | null = null
  private stopping = false

  /** Reads what was kept. Nobody may serve from the swarms yet. */
  constructor(options: KeeperOptions) {
    this.options = options
    const key = this.use(KEY_FILE, (path) => readKey(path, this.bootId))
    this.secret = key ?? randomBytes(SECRET_BYTES)
    const loaded = this.use(SNAPSHOT_FILE, (path) => this.load(path))
    if (loaded !== null) options.log.info(`restored ${describeLoaded(loaded)}`)
  }

  /** Call it once the root directory has changed. */
  rootChanged(): void {
    this.options.folder.rootChanged()
  }

  /** Call it once the process is who it will be. Throws StartError when the folder cannot be written. */
  async start(): Promise<void> {
    const { folder, intervalMinutes } = this.options
    try {
      await writeKey(folder.fileOf(KEY_FILE), this.bootId, this.secret)
    } catch (error) {
      throw new StartError(
        `cannot write to the folder [persistence] path '${folder.name}': ` +
          `${(error as Error).message}. It must be writable for the user that the tracker runs as.`,
      )
    }
    process.on('SIGUSR2', () => this.writeNow())
    if (intervalMinutes === 0) return
    this.timer = setInterval(() => this.writeNow(), intervalMinutes * MINUTE_MILLISECONDS)
  }

  /** The last snapshot, when nobody serves any more. */
  async finish(): Promise<void> {
    clearInterval(this.timer)
    this.stopping = true
    await this.underWay
    await this.write(false)
  }

  private writeNow(): void {
    if (this.underWay !== null) return
    this.underWay = this.write(true).finally(() => {
      this.underWay = null
    })
  }

  private async write(gently: boolean): Promise<void> {
    const { folder, swarms, log } = this.options
    const path = folder.fileOf(SNAPSHOT_FILE)
    const mustStop = () => gently && this.stopping
    try {
      const figures = await writeSnapshot({ path, swarms, bootId: this.bootId, gently, mustStop })
      this.counts.written++
      this.counts.last = figures
      log.info(`snapshot written: ${describeWritten(figures)}`)
    } catch (error) {
      if (error instanceof SnapshotStopped) return
      this.counts.failed++
      log.error(`the snapshot could not be written: ${(error as Error).message}`)
    }
  }

  private load(path: string): LoadFigures | null {
    const { swarms, maxAge, countDownloads } = this.options
    return loadSnapshot({ path, swarms, now: momentNow(this.bootId), maxAge, countDownloads })
  }

  /** What `read` makes of a file; a file that it refuses is set aside. */
  private use<T>(name: string, read: (path: string) => T | null): T | null {
    const { folder } = this.options
    const path = folder.fileOf(name)
    try {
      return read(path)
    } catch (error) {
      if (!(error instanceof SnapshotRefused)) {
        throw new StartError(`cannot read ${path}: ${(error as Error).message}`)
      }
      const aside = setAside(path)
      const text = `${path} ${error.message}; it is not used, and was renamed to ${aside}`
      writeStderr(`aquatic_udp: warning: ${text}\n`)
      return null
    }
  }
}

function describeLoaded({ peers, tooOld, refused, ageSeconds }: LoadFigures): string {
  const lost = refused === 0 ? '' : `, ${refused} beyond [limits]`
  return `${peers} peers from a snapshot ${ageSeconds} seconds old (${tooOld} too old${lost})`
}

function describeWritten({ peers, bytes, seconds }: SnapshotFigures): string {
  return `${peers} peers, ${(bytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(2)} s`
}
