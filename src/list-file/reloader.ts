// Keeps a list up to date with its file: reads it at startup, on SIGUSR1 and when it has changed, and passes each
// new list to the workers. Created by the tracker (tracker/tracker.ts), in the main thread; access-list and
// access-keys define the kind of list. Owns a timer and the signal's listener.
import { resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import type { Log } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { FileWatch, settledState, stateOf, WATCH_MILLISECONDS } from './file-watch.ts'
import { ListFileError } from './lines.ts'

/** The reason for a reading that nobody asked for, and whose result nobody waits for. */
const HAS_CHANGED = 'it has changed'

const MISSING = 'no longer exists, or this user cannot access it'

export interface ListConfig {
  /** 'off' = there is no list. */
  readonly mode: string
  readonly path: string
}

/** A kind of list. `C`: its section of the settings; `L`: the list as read. */
export interface ListKind<C extends ListConfig, L> {
  /** Its section in the settings. */
  readonly section: string
  /** Its name in messages. */
  readonly title: string
  /** Also called if the mode is 'off'. Throws ListFileError. */
  read(path: string, config: C): Promise<L>
  /** Its size in words, such as '3 keys'. */
  sizeText(list: L): string
}

/** What startup would find wrong with the file, for --check. The list itself is discarded. */
export async function listFaults<C extends ListConfig>(
  kind: ListKind<C, unknown>,
  config: C,
): Promise<string[]> {
  const { mode, path } = config
  if (mode === 'off' || path === '') return []
  try {
    await kind.read(resolve(path), config)
    return []
  } catch (error) {
    return [faultText(kind.section, path, error)]
  }
}

function stillWritten(): ListFileError {
  return new ListFileError('is still being written: it is read once it stops changing')
}

function faultText(section: string, path: string, error: unknown): string {
  if (!(error instanceof ListFileError)) throw error
  return `[${section}] path '${path}' ${error.message}`
}

export class ListReloader<C extends ListConfig, L> {
  private readonly kind: ListKind<C, L>
  /** The list in force. */
  protected inForce: L
  private isOff = true
  private config: C
  /** The folder at startup, for relative paths, and below it the root directory after chroot. */
  private readonly folder = process.cwd()
  private readonly root: string
  protected readonly log: Log
  private readonly send: (list: L) => void
  protected path: string
  private rootHasChanged = false
  /** The state of the file from which the list was read. */
  private seen = ''
  private readonly watch = new FileWatch()
  private reading: Promise<void> | null = null
  private readAgain = false
  private timer: ReturnType<typeof setInterval> | undefined
  /** Why the file's current content is not in force; null if it is. */
  private fault: string | null = null

  /** `off`: what is in force without a list. `send`: passes a new list to all workers. */
  constructor(
    kind: ListKind<C, L>,
    off: L,
    config: C,
    privileges: PrivilegeConfig,
    log: Log,
    send: (list: L) => void,
  ) {
    this.kind = kind
    this.inForce = off
    this.config = config
    this.root = resolve(privileges.chroot_path)
    this.log = log
    this.send = send
    this.path = resolve(config.path)
  }

  /** Reads the list at startup. Throws StartError if that fails. */
  async load(): Promise<void> {
    const { section } = this.kind
    const { path, mode } = this.config
    if (mode === 'off') return
    const state = await settledState(this.path)
    if (state === null) throw new StartError(faultText(section, path, stillWritten()))
    this.seen = state
    try {
      this.take(await this.kind.read(this.path, this.config), mode)
    } catch (error) {
      throw new StartError(faultText(section, path, error))
    }
  }

  /** Call it once the tracker serves; if the root directory changes, after that. */
  start(): void {
    signals.on('SIGUSR1', () => this.reload('SIGUSR1'))
    this.timer = setInterval(() => this.poll(), WATCH_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  rootChanged(): void {
    this.rootHasChanged = true
    this.path = this.pathOf(this.config.path)
  }

  /** Applies new settings while the tracker runs. */
  change(config: C): void {
    this.config = config
    this.path = this.pathOf(config.path)
    this.reload('the settings')
  }

  /** Reads the list again, even if it looks unchanged. An invalid file is logged and changes nothing. */
  reload(reason: string): void {
    // One at a time: a request during a reading causes another one after it.
    if (this.reading !== null) {
      this.readAgain = true
      return
    }
    this.reading = this.readAndSend(reason).finally(() => {
      this.reading = null
      if (this.readAgain) this.reload(reason)
      this.readAgain = false
    })
  }

  /** Reports a list that could not be read again, until it can. */
  get troubleSource(): TroubleSource {
    return { name: `${this.kind.section}_failed`, find: () => this.trouble() }
  }

  private trouble(): Trouble | null {
    if (this.fault === null) return null
    const { section } = this.kind
    return {
      severity: 'attention',
      text: `The previous list stays in force, because [${section}] path '${this.config.path}' ${this.fault}.`,
      remedy: 'Correct the file; it is read again when it changes.',
      isLogged: true,
    }
  }

  private async readAndSend(reason: string): Promise<void> {
    // New settings may arrive while the file is read; they get a reading of their own.
    const { mode } = this.config
    const wasOff = this.isOff
    try {
      const found = await this.readSettled()
      // The next polls will notice the change.
      if (found === null) return
      this.take(found, mode)
    } catch (error) {
      if (!(error instanceof ListFileError)) throw error
      this.fail(reason, error.message)
      return
    }
    this.fault = null
    // Without a list, the signal is meant for something else, such as new certificates.
    if (mode === 'off' && wasOff) return
    const { kind, inForce } = this
    const size = this.isOff ? '' : `, ${kind.sizeText(inForce)}`
    this.tell(reason, 'info', `${kind.title} (${reason}): mode ${mode}${size}`)
    this.send(inForce)
    // The previous list is garbage now, but its size is outside the heap that the collector watches.
    Bun.gc(true)
  }

  private fail(reason: string, fault: string): void {
    this.fault = fault
    const text = `${this.kind.title} '${this.config.path}' (${reason}) ${fault}`
    this.tell(reason, 'error', `${text}; the previous list stays in force`)
  }

  /** Null if the file changed while it was read, or if it is not the list any more: another reading follows. */
  private async readSettled(): Promise<L | null> {
    const { path, config, kind } = this
    if (config.mode === 'off') return kind.read(path, config)
    const state = await settledState(path)
    if (state === null) throw stillWritten()
    this.seen = state
    try {
      const found = await kind.read(path, config)
      return this.isStill(path, state) ? found : null
    } catch (error) {
      if (this.isStill(path, state)) throw error
      return null
    }
  }

  private isStill(path: string, state: string): boolean {
    return path === this.path && stateOf(path) === state
  }

  /** Puts a list in force that was read. Throws ListFileError. */
  protected take(list: L, mode: string): void {
    this.inForce = list
    this.isOff = mode === 'off'
  }

  private tell(reason: string, level: 'info' | 'error', text: string): void {
    if (reason === HAS_CHANGED) this.log[level](text)
    else this.log.always(level, text)
  }

  private poll(): void {
    if (this.config.mode === 'off' || this.reading !== null) return
    if (this.watch.poll(this.path, this.seen) !== null) this.reload(HAS_CHANGED)
    else if (this.watch.isMissing && this.fault === null && !this.isOutOfReach()) {
      this.fail(HAS_CHANGED, MISSING)
      // So that a file that comes back unchanged is read again too.
      this.seen = ''
    }
  }

  /** True if it cannot be read again, about which startup has warned. */
  private isOutOfReach(): boolean {
    return (
      this.rootHasChanged && pathBelow(this.root, resolve(this.folder, this.config.path)) === null
    )
  }

  private pathOf(path: string): string {
    const full = resolve(this.folder, path)
    return this.rootHasChanged ? (pathBelow(this.root, full) ?? full) : full
  }
}
