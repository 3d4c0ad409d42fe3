// Keeps what a tracker knows over a restart: reads it at the start, writes it now and then and at the stop.
// Made by tracker/persistence.ts, in the main thread; what there is to keep, swarm-state.ts and count-state.ts
// say: a process has one or both, with one folder, lock and socket. Owns the timer and the files of the folder.
//
// A failed write is no reason to stop serving: it is logged as an error, and tried again. The last one tells
// the exit code.
import { StartError } from '../config/cli.ts'
import { type Log, writeNotice } from '../log/log.ts'
import { signals } from '../process/signals.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { SnapshotRefused } from './block-reader.ts'
import { SnapshotStopped } from './block-writer.ts'
import { momentNow, readBootId } from './boot.ts'
import { removeFile, removeLeftovers, setAside } from './files.ts'
import type { Folder } from './folder.ts'
import { FolderLock } from './folder-lock.ts'
import { HandOver } from './hand-over.ts'
import { enterFolder, type TakeOver } from './take-over.ts'

const LOCK_SUFFIX = 'lock'
/** For a process that takes over, in the folder. */
const SOCKET_SUFFIX = 'sock'
/** What changed between a snapshot and a take-over; of a program with several states each has one. */
const DELTA_SUFFIX = 'rest'

const MINUTE_MILLISECONDS = 60_000

export interface WriteRequest {
  readonly path: string
  readonly bootId: Uint8Array
  /** Sleep between turns, because others work. */
  readonly gently: boolean
  /** Only what has changed since this second of the monotonic clock needs to be in it. */
  readonly seenSince?: number
  /** Asked between turns: give up with SnapshotStopped, and leave the old file as it is. */
  readonly mustStop: () => boolean
}

/** What a tracker keeps, and in which form. */
export interface PersistedState {
  /** How the name of the file ends that is written again and again. */
  readonly suffix: string
  /** The same of the other files. */
  readonly otherSuffixes: readonly string[]
  /** Reads what is in files beside that one. */
  open(use: UseFile, bootId: Uint8Array): void
  /** The first write of the process, which shows whether the folder can be written. */
  begin(pathOf: (suffix: string) => string, bootId: Uint8Array): Promise<void>
  /** Adds a file's content to what is known, and tells what that was; null when there is no such file. */
  load(path: string, bootId: Uint8Array): string | null
  /** Writes what is known; tells what that was. */
  write(request: WriteRequest): Promise<string>
}

/** What `read` makes of the file with this suffix; a file that it refuses is set aside. */
export type UseFile = <T>(suffix: string, read: (path: string) => T | null) => T | null

export interface PersistenceOptions {
  readonly folder: Folder
  /** The executable: the names of all files begin with it. */
  readonly program: string
  readonly states: readonly PersistedState[]
  /** The program can keep other states than these, with other settings. */
  readonly mayKeepOthers: boolean
  readonly intervalMinutes: number
  /** Take the place of a tracker that uses the folder. */
  readonly takeOver: boolean
  readonly log: Log
}

interface WantedWrite {
  /** Sleep between turns, because others work. */
  readonly gently: boolean
  /** Only what has changed since the last snapshot, for who has got that. */
  readonly isDelta?: boolean
  /** By somebody who waits for the answer. */
  readonly isAsked?: boolean
}

export class Persistence {
  private readonly options: PersistenceOptions
  private readonly bootId: Uint8Array
  private readonly lock: FolderLock
  private readonly takeOver: TakeOver | null
  private handOver: HandOver | null = null
  private handingOver = false
  /** What is in a file of changes has been loaded, and is in no snapshot yet. */
  private hasDelta = false
  /** The folder holds this process's state, and not, as until a take-over, another's. */
  private hasPlace: boolean
  /** The second before the last snapshot was begun: who announced since may be missing in it. */
  private snapshotSince = 0
  private timer: ReturnType<typeof setInterval> | undefined
  /** Writes that are under way or wait: there is one at a time. */
  private writes = 0
  private lastWrite: Promise<unknown> = Promise.resolve()
  private stopping = false
  private intervalMinutes: number
  /** Why the last snapshot is missing; null when it is not. */
  private failure: string | null = null

  /** Reads what was kept, or takes it from a running tracker. Nobody may serve from the swarms yet. */
  static async open(options: PersistenceOptions): Promise<Persistence> {
    const { folder, program, takeOver, log } = options
    const lock = new FolderLock(folder, `${program}.${LOCK_SUFFIX}`)
    const socketName = `${program}.${SOCKET_SUFFIX}`
    const other = await enterFolder({ folder, lock, socketName, takeOver, log })
    return new Persistence(options, lock, other)
  }

  private constructor(options: PersistenceOptions, lock: FolderLock, takeOver: TakeOver | null) {
    this.options = options
    this.intervalMinutes = options.intervalMinutes
    this.lock = lock
    this.takeOver = takeOver
    this.hasPlace = takeOver === null
    this.bootId = readBootId()
    const { states, log } = options
    if (takeOver === null) this.removeLeftovers()
    for (const state of states) {
      state.open((suffix, read) => this.use(suffix, read), this.bootId)
      const loaded = this.use(state.suffix, (path) => state.load(path, this.bootId))
      if (loaded !== null) log.info(`restored ${loaded}`)
    }
    // Of a take-over whose new process died before it had written it all.
    const delta = this.loadDelta()
    if (delta !== null) log.info(`restored what an earlier take-over left: ${delta}`)
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
    const { folder, states, log } = this.options
    try {
      for (const state of states) {
        await this.inTurn(() => state.begin((suffix) => this.pathOf(suffix), this.bootId))
      }
    } catch (error) {
      throw new StartError(
        `cannot write to the folder [persistence] path '${folder.name}': ` +
          `${(error as Error).message}. It must be writable for the user that the tracker runs as.`,
      )
    }
    // A process that stops must not get the place of one that serves, nor be one to take over from.
    if (this.takeOver !== null && !this.stopping) await this.takeDelta(this.takeOver)
    if (this.stopping) return
    const actions = { snapshot: () => this.handOverSnapshot(), stop, resume: () => this.resume() }
    this.handOver = new HandOver(this.pathOf(SOCKET_SUFFIX), actions, log)
    await this.handOver.listen()
    this.lock.follow()
    signals.on('SIGUSR2', () => this.writeNow(true))
    this.setTimer()
    if (this.hasDelta) this.writeNow()
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

  /**
   * The last snapshot, when the tracker stops. After a take-over only what the other has not got. False
   * when it could not be written.
   */
  async finish(): Promise<boolean> {
    clearInterval(this.timer)
    this.stopping = true
    this.handOver?.end()
    await this.lastWrite
    // Nothing has changed yet: the other one goes on.
    if (!this.hasPlace) return true
    // The other process serves already, perhaps on the same core.
    const isDelta = this.handOver?.isGiven === true
    const written = await this.write({ isDelta, gently: isDelta })
    await this.handOver?.finish(written)
    return written
  }

  /** A snapshot that is missing, until one is written. */
  get troubleSource(): TroubleSource {
    return { name: 'snapshot_failed', find: () => this.trouble() }
  }

  private trouble(): Trouble | null {
    if (this.failure === null) return null
    return {
      severity: 'attention',
      text: `The last snapshot could not be written: ${this.failure}.`,
      remedy:
        `Make room in [persistence] path '${this.options.folder.name}', and let the tracker's user write ` +
        'there; SIGUSR2 tries again at once. A restart would lose what has changed since the one before.',
      isLogged: true,
    }
  }

  private async takeDelta(takeOver: TakeOver): Promise<void> {
    const { log } = this.options
    this.hasPlace = true
    const isLeft = await takeOver.serving()
    if (!isLeft) log.warn('the other process left nothing of what changed while this one started')
    try {
      const delta = this.loadDelta()
      if (delta !== null) log.info(`taken over, with what changed meanwhile: ${delta}`)
    } catch (error) {
      // The other has ended: without this one nobody would serve.
      log.error(`what changed during the take-over is lost: ${(error as Error).message}`)
    }
  }

  /** The file stays until a snapshot holds what is in it. */
  private loadDelta(): string | null {
    const deltas = this.options.states
      .map((state) => this.use(this.deltaOf(state), (path) => state.load(path, this.bootId)))
      .filter((delta) => delta !== null)
    if (deltas.length === 0) return null
    this.hasDelta = true
    return deltas.join('; ')
  }

  private deltaOf({ suffix }: PersistedState): string {
    return this.options.mayKeepOthers ? `${suffix}.${DELTA_SUFFIX}` : DELTA_SUFFIX
  }

  /** Of killed processes. Nobody else may be using the folder. */
  private removeLeftovers(): void {
    for (const state of this.options.states) {
      for (const each of [state.suffix, this.deltaOf(state), ...state.otherSuffixes]) {
        removeLeftovers(this.pathOf(each), 0)
      }
    }
  }

  /** For a process that takes over: what is known now. From here on no snapshot of this process's own. */
  private handOverSnapshot(): Promise<boolean> {
    this.handingOver = true
    return this.write({ gently: true })
  }

  private resume(): void {
    this.handingOver = false
  }

  private writeNow(isAsked = false): void {
    if (this.stopping) return
    if (this.writes > 0 || this.handingOver) {
      if (isAsked) this.options.log.always('info', 'a snapshot is being written already (SIGUSR2)')
      return
    }
    void this.write({ gently: true, isAsked })
  }

  private write(wanted: WantedWrite): Promise<boolean> {
    return this.inTurn(() => this.writeFiles(wanted))
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.writes++
    const turn = this.lastWrite.then(work).finally(() => {
      this.writes--
    })
    // A failure is the caller's; the next one writes all the same.
    this.lastWrite = turn.catch(() => {})
    return turn
  }

  /** True when all of them have been written. One that fails keeps none of the others from it. */
  private async writeFiles({ gently, isDelta = false, isAsked = false }: WantedWrite) {
    const { states, log } = this.options
    const { bootId, hasDelta } = this
    const mustStop = () => gently && !isDelta && this.stopping
    const seenSince = isDelta ? { seenSince: this.snapshotSince } : {}
    this.snapshotSince = momentNow(bootId).monotonic - 1
    const written: string[] = []
    const failures: string[] = []
    for (const state of states) {
      try {
        const path = this.pathOf(isDelta ? this.deltaOf(state) : state.suffix)
        written.push(await state.write({ path, bootId, gently, mustStop, ...seenSince }))
      } catch (error) {
        if (error instanceof SnapshotStopped) return false
        failures.push((error as Error).message)
      }
    }
    this.failure = failures.length === 0 ? null : failures.join('; ')
    const text =
      this.failure === null
        ? `snapshot written: ${written.join('; ')}`
        : `the snapshot could not be written: ${this.failure}`
    const level = this.failure === null ? 'info' : 'error'
    if (isAsked) log.always(level, text)
    else log[level](text)
    if (this.failure === null && hasDelta && !isDelta) this.forgetDelta()
    return this.failure === null
  }

  private forgetDelta(): void {
    this.hasDelta = false
    for (const state of this.options.states) removeFile(this.pathOf(this.deltaOf(state)))
  }

  private pathOf(suffix: string): string {
    const { folder, program } = this.options
    return folder.fileOf(`${program}.${suffix}`)
  }

  private use<T>(suffix: string, read: (path: string) => T | null): T | null {
    const path = this.pathOf(suffix)
    try {
      return read(path)
    } catch (error) {
      if (!(error instanceof SnapshotRefused)) {
        throw new StartError(`cannot read ${path}: ${(error as Error).message}`)
      }
      const aside = setAside(path)
      const text = `${path} ${error.message}; it is not used, and was renamed to ${aside}`
      writeNotice('warn', `${this.options.program}: warning: ${text}`)
      return null
    }
  }
}
