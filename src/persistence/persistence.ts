// Lets a tracker's state survive a restart: reads it at startup, writes it at intervals and on stop. Made by
// tracker/persistence.ts, in the main thread. swarm-state.ts and count-state.ts define the state; a process has
// one or both, with one folder, lock and socket. Owns the timer and the files in the folder.
//
// A failed write does not end the tracker: it is logged as an error and tried again. Whether the last one fails
// decides the exit code.
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
/** The socket in the folder, for a process that takes over. */
const SOCKET_SUFFIX = 'sock'
/** The file of changes between a snapshot and a take-over; a program with several states has one for each. */
const DELTA_SUFFIX = 'rest'

const MINUTE_MILLISECONDS = 60_000

export interface WriteRequest {
  readonly path: string
  readonly bootId: Uint8Array
  /** Sleep between turns, to leave the processor to others. */
  readonly gently: boolean
  /** What has not changed since this second of the monotonic clock may be left out. */
  readonly seenSince?: number
  /** Asked between turns; true gives up with SnapshotStopped, and leaves the old file as it is. */
  readonly mustStop: () => boolean
}

/** State that survives a restart, and its file format. */
export interface PersistedState {
  /** The suffix of its snapshot file. */
  readonly suffix: string
  /** The suffixes of its other files. */
  readonly otherSuffixes: readonly string[]
  /** Reads the other files. */
  open(use: UseFile, bootId: Uint8Array): void
  /** The process's first write, which shows whether the folder is writable. */
  begin(pathOf: (suffix: string) => string, bootId: Uint8Array): Promise<void>
  /** Adds a file's content to the state, and returns a description of it; null if there is no such file. */
  load(path: string, bootId: Uint8Array): string | null
  /** Writes the state; returns a description of what was written. */
  write(request: WriteRequest): Promise<string>
}

/** The result of `read` for the file with this suffix; a file that it refuses is renamed. */
export type UseFile = <T>(suffix: string, read: (path: string) => T | null) => T | null

export interface PersistenceOptions {
  readonly folder: Folder
  /** The executable, with which all file names begin. */
  readonly program: string
  readonly states: readonly PersistedState[]
  /** With other settings the program can have other states than these. */
  readonly mayKeepOthers: boolean
  readonly intervalMinutes: number
  /** Take over from a tracker that uses the folder. */
  readonly takeOver: boolean
  readonly log: Log
}

interface WantedWrite {
  /** Sleep between turns, to leave the processor to others. */
  readonly gently: boolean
  /** Only changes since the last snapshot, for a process that has loaded it. */
  readonly isDelta?: boolean
  /** The operator asked for it, and wants an answer. */
  readonly isAsked?: boolean
}

export class Persistence {
  private readonly options: PersistenceOptions
  private readonly bootId: Uint8Array
  private readonly lock: FolderLock
  private readonly takeOver: TakeOver | null
  private handOver: HandOver | null = null
  private handingOver = false
  /** A delta file was loaded, and no snapshot has its content yet. */
  private hasDelta = false
  /** The folder holds this process's state; until a take-over it is another's. */
  private hasPlace: boolean
  /** The second before the last snapshot was begun: later announces may be missing from it. */
  private snapshotSince = 0
  private timer: ReturnType<typeof setInterval> | undefined
  /** Writes in progress or waiting: there is one at a time. */
  private writes = 0
  private lastWrite: Promise<unknown> = Promise.resolve()
  private stopping = false
  private intervalMinutes: number
  /** Why the last snapshot failed; null if it did not. */
  private failure: string | null = null

  /** Reads the saved state, or takes it from a running tracker. No worker may use the swarms yet. */
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
    // Left by a take-over whose new process died before it had written everything.
    const delta = this.loadDelta()
    if (delta !== null) log.info(`restored changes that an earlier take-over left: ${delta}`)
  }

  /** True if a serving tracker is being replaced: its ports are shared until it ends. */
  get takesOver(): boolean {
    return this.takeOver !== null
  }

  /** Call it once the root directory has changed. */
  rootChanged(): void {
    this.options.folder.rootChanged()
  }

  /**
   * Call it once the workers serve and the process has its final user. `stop` ends the workers when another
   * process takes over. Throws StartError if the folder is not writable; a tracker that was to be replaced then
   * keeps serving.
   */
  async start(stop: () => void): Promise<void> {
    const { states, log } = this.options
    for (const state of states) {
      try {
        await this.inTurn(() => state.begin((suffix) => this.pathOf(suffix), this.bootId))
      } catch (error) {
        this.couldNotBegin(error as NodeJS.ErrnoException)
      }
    }
    // A stopping process must not replace one that serves, nor be taken over from.
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

  /** A full disk is a trouble: nothing else would serve. Where another process still does, that one goes on. */
  private couldNotBegin({ code, message }: NodeJS.ErrnoException): void {
    const { folder, log } = this.options
    const fault = `cannot write to the folder [persistence] path '${folder.name}': ${message}`
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    if (!isFull || this.takesOver) {
      throw new StartError(`${fault}. It must be writable by the user that the tracker runs as.`)
    }
    this.failure = message
    log.always('error', fault)
  }

  /** Also at runtime; 0 = only the last snapshot. The same value again does not restart the timer. */
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
   * The last snapshot, when the tracker stops. After a take-over, only what the other process does not have.
   * False if it could not be written.
   */
  async finish(): Promise<boolean> {
    clearInterval(this.timer)
    this.stopping = true
    this.handOver?.end()
    await this.lastWrite
    // Nothing has changed yet: the other process keeps serving.
    if (!this.hasPlace) return true
    // The other process already serves, perhaps on the same core.
    const isDelta = this.handOver?.isGiven === true
    const written = await this.write({ isDelta, gently: isDelta })
    await this.handOver?.finish(written)
    return written
  }

  /** Reports a failed snapshot until one succeeds. */
  get troubleSource(): TroubleSource {
    return { name: 'snapshot_failed', find: () => this.trouble() }
  }

  private trouble(): Trouble | null {
    if (this.failure === null) return null
    return {
      severity: 'attention',
      text: `The last snapshot could not be written: ${this.failure}.`,
      remedy:
        `Make room in [persistence] path '${this.options.folder.name}' and make it writable by the tracker's user; ` +
        'SIGUSR2 tries again at once. A restart would lose all changes since the last good snapshot.',
      isLogged: true,
    }
  }

  private async takeDelta(takeOver: TakeOver): Promise<void> {
    const { log } = this.options
    this.hasPlace = true
    const isLeft = await takeOver.serving()
    if (!isLeft) log.warn('the other process did not save what changed while this one started')
    try {
      const delta = this.loadDelta()
      if (delta !== null) log.info(`taken over, with the changes made meanwhile: ${delta}`)
    } catch (error) {
      // The other process has ended: without this one, nothing would serve.
      log.error(`changes made during the take-over are lost: ${(error as Error).message}`)
    }
  }

  /** The file stays until a snapshot has its content. */
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

  /** Left by killed processes. No other process may be using the folder. */
  private removeLeftovers(): void {
    for (const state of this.options.states) {
      for (const each of [state.suffix, this.deltaOf(state), ...state.otherSuffixes]) {
        removeLeftovers(this.pathOf(each), 0)
      }
    }
  }

  /** The current state, for a process that takes over. From here on, this process writes no other snapshot. */
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
      if (isAsked) this.options.log.always('info', 'a snapshot is already being written (SIGUSR2)')
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
    // A failure goes to the caller; the next write happens regardless.
    this.lastWrite = turn.catch(() => {})
    return turn
  }

  /** True if all files were written. A failure does not keep the others from being written. */
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

  /** A file of this program in the folder. */
  pathOf(suffix: string): string {
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
