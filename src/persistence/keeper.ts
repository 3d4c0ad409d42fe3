// Keeps the UDP tracker's state over a restart: reads it at the start, writes it now and then and at the
// stop. Made by udp/main.ts, in the main thread. Owns the timer and the files of the folder.
//
// A failed write is no reason to stop serving: it is logged as an error, counted, and tried again.
import { randomBytes } from 'node:crypto'
import { StartError } from '../config/cli.ts'
import { type Log, writeNotice } from '../log/log.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { momentNow, readBootId } from './boot.ts'
import { removeFile, setAside } from './files.ts'
import type { Folder } from './folder.ts'
import { HandOver } from './hand-over.ts'
import { readKey, writeKey } from './key.ts'
import { type LoadFigures, loadSnapshot, SnapshotRefused } from './read.ts'
import { SOCKET_FILE, type TakeOver, takeOverFrom } from './take-over.ts'
import { type SnapshotFigures, SnapshotStopped, writeSnapshot } from './write.ts'

export const KEY_FILE = 'aquatic_udp.key'
export const SNAPSHOT_FILE = 'aquatic_udp.snapshot'
/** Who announced between a snapshot and a take-over. */
export const REST_FILE = 'aquatic_udp.rest'

const MINUTE_MILLISECONDS = 60_000
const SECRET_BYTES = 32

export interface KeeperOptions {
  readonly folder: Folder
  readonly swarms: Swarms
  readonly intervalMinutes: number
  /** `[cleaning] max_peer_age`. */
  readonly maxAge: number
  readonly countDownloads: boolean
  /** Take the place of a tracker that uses the folder. */
  readonly takeOver: boolean
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
  private readonly bootId: Uint8Array
  private readonly takeOver: TakeOver | null
  private handOver: HandOver | null = null
  private handingOver = false
  /** The second before the last snapshot was begun: who announced since may be missing in it. */
  private snapshotSince = 0
  private timer: ReturnType<typeof setInterval> | undefined
  private underWay: Promise<void> | null = null
  private stopping = false
  private intervalMinutes: number

  /** Reads what was kept, or takes it from a running tracker. Nobody may serve from the swarms yet. */
  static async open(options: KeeperOptions): Promise<Keeper> {
    return new Keeper(options, await takeOverFrom(options.folder, options.takeOver))
  }

  private constructor(options: KeeperOptions, takeOver: TakeOver | null) {
    this.options = options
    this.intervalMinutes = options.intervalMinutes
    this.takeOver = takeOver
    this.bootId = readBootId()
    const key = this.use(KEY_FILE, (path) => readKey(path, this.bootId))
    this.secret = key ?? randomBytes(SECRET_BYTES)
    const loaded = this.use(SNAPSHOT_FILE, (path) => this.load(path))
    if (loaded !== null) options.log.info(`restored ${describeLoaded(loaded)}`)
  }

  /** True when a tracker that serves now is to be replaced: its ports are shared with it. */
  get takesOver(): boolean {
    return this.takeOver !== null
  }

  /** Call it once the root directory has changed. */
  rootChanged(): void {
    this.options.folder.rootChanged()
  }

  /**
   * Call it once the workers serve and the process is who it will be; `stop` ends the workers, when
   * another process has this one's place. Throws StartError when the folder cannot be written: then a
   * tracker that was to be replaced goes on.
   */
  async start(stop: () => void): Promise<void> {
    const { folder, log } = this.options
    try {
      await writeKey(folder.fileOf(KEY_FILE), this.bootId, this.secret)
    } catch (error) {
      throw new StartError(
        `cannot write to the folder [persistence] path '${folder.name}': ` +
          `${(error as Error).message}. It must be writable for the user that the tracker runs as.`,
      )
    }
    if (this.takeOver !== null) await this.takeRest(this.takeOver)
    const actions = { snapshot: () => this.handOverSnapshot(), stop, resume: () => this.resume() }
    this.handOver = new HandOver(folder.fileOf(SOCKET_FILE), actions, log)
    await this.handOver.listen()
    process.on('SIGUSR2', () => this.writeNow())
    this.setTimer()
  }

  /** Also while it is at work; 0 = no snapshots but the last. Nothing changes where it is the same. */
  setInterval(minutes: number): void {
    if (minutes === this.intervalMinutes || this.stopping) return
    this.intervalMinutes = minutes
    this.setTimer()
  }

  private setTimer(): void {
    clearInterval(this.timer)
    if (this.intervalMinutes === 0) return
    this.timer = setInterval(() => this.writeNow(), this.intervalMinutes * MINUTE_MILLISECONDS)
  }

  /** The last snapshot, when nobody serves any more. After a take-over only what the other has not got. */
  async finish(): Promise<void> {
    clearInterval(this.timer)
    this.stopping = true
    await this.underWay
    const isGivenAway = this.handOver?.isGivenAway === true
    const written = await this.write(isGivenAway ? REST_FILE : SNAPSHOT_FILE, false)
    await this.handOver?.finish(written)
  }

  private async takeRest(takeOver: TakeOver): Promise<void> {
    const { folder, log } = this.options
    if (!(await takeOver.serving())) {
      log.warn('the other process left nobody who announced while this one started')
      return
    }
    try {
      const rest = this.use(REST_FILE, (path) => this.load(path))
      removeFile(folder.fileOf(REST_FILE))
      if (rest !== null) log.info(`taken over, with ${rest.peers} peers that announced meanwhile`)
    } catch (error) {
      // The other has ended: without this one nobody would serve.
      log.error(`who announced during the take-over is lost: ${(error as Error).message}`)
    }
  }

  /** For a process that takes over: what is known now. From here on no snapshot of this process's own. */
  private async handOverSnapshot(): Promise<boolean> {
    this.handingOver = true
    await this.underWay
    return this.write(SNAPSHOT_FILE, true)
  }

  private resume(): void {
    this.handingOver = false
  }

  private writeNow(): void {
    if (this.underWay !== null || this.handingOver) return
    this.underWay = this.write(SNAPSHOT_FILE, true).then(() => {
      this.underWay = null
    })
  }

  private async write(name: string, gently: boolean): Promise<boolean> {
    const { folder, swarms, log } = this.options
    const path = folder.fileOf(name)
    const mustStop = () => gently && this.stopping
    const since = this.snapshotSince
    const seenSince = name === REST_FILE ? { seenSince: since } : {}
    this.snapshotSince = momentNow(this.bootId).monotonic - 1
    try {
      const figures = await writeSnapshot({
        path,
        swarms,
        bootId: this.bootId,
        gently,
        mustStop,
        ...seenSince,
      })
      this.counts.written++
      this.counts.last = figures
      log.info(`snapshot written: ${describeWritten(figures)}`)
      return true
    } catch (error) {
      if (error instanceof SnapshotStopped) return false
      this.counts.failed++
      log.error(`the snapshot could not be written: ${(error as Error).message}`)
      return false
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
      writeNotice('warn', `aquatic_udp: warning: ${text}`)
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
