// Keeps a list in step with its file: reads it at the start, again on SIGUSR1 and when it has changed, and
// hands each new list to the workers. Made by the tracker (tracker/tracker.ts), in the main thread; what kind
// of list it is, access-list and access-keys say. Owns a timer and the signal's listener.
import { resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import type { Log } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import { FileWatch, settledState, stateOf, WATCH_MILLISECONDS } from './file-watch.ts'
import { ListFileError } from './lines.ts'

/** The reason for reading it again that nobody asked for, and so nobody waits for an answer. */
const HAS_CHANGED = 'it has changed'

const MISSING = 'is not there any more, or this user may not see it'

export interface ListConfig {
  /** 'off': there is no list. */
  readonly mode: string
  readonly path: string
}

/** A kind of list: `C` its section of the settings, `L` the list that is read. */
export interface ListKind<C extends ListConfig, L> {
  /** Of the settings. */
  readonly section: string
  /** For people. */
  readonly title: string
  /** Also asked when there is no list. Throws ListFileError. */
  read(path: string, config: C): Promise<L>
  /** How much it holds. */
  sizeText(list: L): string
}

/** What a start would find wrong with the file, for --check. The list that it makes is let go. */
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
  return new ListFileError('is still being written: it is read once it holds still')
}

function faultText(section: string, path: string, error: unknown): string {
  if (!(error instanceof ListFileError)) throw error
  return `[${section}] path '${path}' ${error.message}`
}

export class ListReloader<C extends ListConfig, L> {
  private readonly kind: ListKind<C, L>
  /** In force. */
  protected inForce: L
  private isOff = true
  private config: C
  /** Where relative paths start, and the root directory to come: both as of the start. */
  private readonly folder = process.cwd()
  private readonly root: string
  private readonly log: Log
  private readonly send: (list: L) => void
  private path: string
  private rootHasChanged = false
  /** The state of the file that the list is of. */
  private seen = ''
  private readonly watch = new FileWatch()
  private reading: Promise<void> | null = null
  private readAgain = false
  private timer: ReturnType<typeof setInterval> | undefined
  /** Why the file is not in force; null when it is. */
  private fault: string | null = null

  /** `off`: what is in force without a list. `send` gives a new list to all workers. */
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

  /** Reads the list for the start. Throws StartError when that fails. */
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

  /** Call it once the tracker serves, and after the root directory has changed, if it has. */
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

  /** Other settings while the tracker runs. */
  change(config: C): void {
    this.config = config
    this.path = this.pathOf(config.path)
    this.reload('the settings')
  }

  /** Reads the list again, also when it looks unchanged. A wrong file is logged and changes nothing. */
  reload(reason: string): void {
    // One at a time: who asks meanwhile gets another reading after this one.
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

  /** A list that could not be read again, until it can. */
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
    // Other settings may come while the file is read: they get a reading of their own.
    const { mode } = this.config
    const wasOff = this.isOff
    try {
      const found = await this.readSettled()
      // The next polls will find it changed.
      if (found === null) return
      this.take(found, mode)
    } catch (error) {
      if (!(error instanceof ListFileError)) throw error
      this.fail(reason, error.message)
      return
    }
    this.fault = null
    // Without a list the signal is for something else, such as new certificates.
    if (mode === 'off' && wasOff) return
    const { kind, inForce } = this
    const size = this.isOff ? '' : `, ${kind.sizeText(inForce)}`
    this.tell(reason, 'info', `${kind.title} (${reason}): mode ${mode}${size}`)
    this.send(inForce)
    // The list before it is garbage now, of a size that the collector does not see from its own heap.
    Bun.gc(true)
  }

  private fail(reason: string, fault: string): void {
    this.fault = fault
    const text = `${this.kind.title} '${this.config.path}' (${reason}) ${fault}`
    this.tell(reason, 'error', `${text}; the previous list stays in force`)
  }

  /** Null when the file has changed while it was read. */
  private async readSettled(): Promise<L | null> {
    const { path, config, kind } = this
    if (config.mode === 'off') return kind.read(path, config)
    const state = await settledState(path)
    if (state === null) throw stillWritten()
    this.seen = state
    try {
      const found = await kind.read(path, config)
      return stateOf(path) === state ? found : null
    } catch (error) {
      if (stateOf(path) === state) throw error
      return null
    }
  }

  private take(list: L, mode: string): void {
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
      // Also one that comes back as it was is read again.
      this.seen = ''
    }
  }

  /** Nobody expects to read it again: a warning of the start has said so. */
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
