// Keeps the history of a tracker: asks for its figures every few seconds, and writes them to a file, from which the
// next process continues. Made by tracker/pages.ts, in the main thread. Owns the history, its timer and the file.
//
// A process that takes over reads the file once the other one has ended, which has written it by then. Nothing about
// the file stops a tracker: one that cannot be used is renamed, one that cannot be written is a trouble.
import { readRegularFile } from '../config/named-file.ts'
import type { Log } from '../log/log.ts'
import { nowMilliseconds, wallSeconds } from '../os/clock.ts'
import { replaceFile, setAside } from '../persistence/files.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { type Figures, History } from './history.ts'
import { FILE_BYTES_MAX, HistoryRefused, historyText, readHistory } from './history-file.ts'

export const TICK_SECONDS = 10
/** How often it is written: what a killed process leaves out is taken for time in which it did not serve. */
const TICKS_PER_WRITE = 30
/** Readable by all: it says nothing about anybody. */
const FILE_MODE = 0o644
/** Of what is no file, and so is not replaced by one either (config/named-file.ts). */
const NO_FILE = ['NOT_REGULAR', 'ENXIO']

export interface KeeperOptions {
  /** Called at each use, since the root directory may change; null keeps the history in memory alone. */
  readonly path: () => string | null
  readonly figures: () => Figures
  readonly isServing: () => boolean
  /** Called after each tick. */
  readonly ticked: () => void
  readonly log: Log
}

export class HistoryKeeper {
  history = new History()
  private readonly options: KeeperOptions
  private readonly servingSince = wallSeconds()
  private timer: ReturnType<typeof setInterval> | undefined
  private toldAt = nowMilliseconds()
  private ticks = 0
  private writing: Promise<void> = Promise.resolve()
  private hasBegun = false
  /** Why the last write failed; null if it did not. */
  private failure: string | null = null

  /** Call it once the tracker serves. */
  constructor(options: KeeperOptions) {
    this.options = options
    this.history.begin(this.servingSince)
    this.timer = setInterval(() => this.tick(), TICK_SECONDS * 1000)
  }

  /** Call it once no other process writes the file. Continues what that says. */
  begin(): void {
    this.history = this.read() ?? new History()
    this.history.begin(this.servingSince)
    this.hasBegun = true
    this.tick()
  }

  /** The tracker stops to serve. */
  stop(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.timer = undefined
    if (this.hasBegun) this.tell(true)
  }

  /** After `stop`: the last write. */
  async finish(): Promise<void> {
    await this.writing
    if (this.hasBegun) await this.write()
  }

  /** Reports a failed write until one succeeds. */
  get troubleSource(): TroubleSource {
    return { name: 'history_failed', find: () => this.trouble() }
  }

  /** Called by the timer. */
  tick(): void {
    this.tell(this.options.isServing())
    this.options.ticked()
    // What failed is tried again at once: there may be room now.
    const isDue = this.ticks % TICKS_PER_WRITE === 0 || this.failure !== null
    if (this.hasBegun && isDue) {
      this.writing = this.writing.then(() => this.write())
    }
    this.ticks++
  }

  private tell(isServing: boolean): void {
    const now = nowMilliseconds()
    const elapsed = Math.round((now - this.toldAt) / 1000)
    const { figures } = this.options
    this.history.tell({ at: wallSeconds(), elapsed, isServing, figures: figures() })
    this.toldAt += elapsed * 1000
  }

  private read(): History | null {
    const { log } = this.options
    const path = this.options.path()
    if (path === null) return null
    try {
      return readHistory(readRegularFile(path, FILE_BYTES_MAX).toString('utf8'))
    } catch (error) {
      const { message, code } = error as { message: string; code?: string }
      if (code === 'ENOENT') return null
      const fault = error instanceof HistoryRefused ? message : `cannot be read: ${message}`
      // It would be overwritten: it may be something else, by a mistake in the settings, or readable tomorrow.
      const aside = NO_FILE.includes(code ?? '') ? '' : this.setAside(path)
      log.always('warn', `${path} ${fault}; it is not used${aside}, and the history begins anew`)
      return null
    }
  }

  private setAside(path: string): string {
    try {
      return `, and was renamed to ${setAside(path)}`
    } catch {
      return ''
    }
  }

  private async write(): Promise<void> {
    const path = this.options.path()
    if (path === null) return
    try {
      const bytes = new TextEncoder().encode(historyText(this.history))
      await replaceFile(path, FILE_MODE, (write) => write(bytes))
      this.failure = null
    } catch (error) {
      const { message } = error as Error
      // The source of troubles repeats it.
      if (this.failure === null) {
        this.options.log.always('error', `${path} could not be written: ${message}`)
      }
      this.failure = message
    }
  }

  private trouble(): Trouble | null {
    if (this.failure === null) return null
    return {
      severity: 'attention',
      text: `The history ${this.options.path()} could not be written: ${this.failure}.`,
      remedy: "Make room, and make its folder writable by the tracker's user.",
      isLogged: true,
    }
  }
}
