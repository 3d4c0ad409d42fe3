// Keeps the access list in step with its file: reads it at the start, again on SIGUSR1 and when it has
// changed, and hands each new list to the workers. Made by each protocol's main, in the main thread.
// Owns a timer and the signal's listener.
import { resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import { counted } from '../config/quantities.ts'
import type { Log } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import type { HashKey } from './build.ts'
import { FileWatch, settledState, stateOf, WATCH_MILLISECONDS } from './file-watch.ts'
import { type AccessListData, ALL_ALLOWED, MODE_ALLOW, MODE_DENY, MODE_OFF } from './list.ts'
import { ListFileError, type ReadList, readListFile } from './read-file.ts'
import type { AccessListConfig } from './settings.ts'

/** The reason for reading it again that nobody asked for, and so nobody waits for an answer. */
const HAS_CHANGED = 'it has changed'

const MODES = { off: MODE_OFF, allow: MODE_ALLOW, deny: MODE_DENY }

/** What a start would find wrong with the file, for --check. The table that it makes is let go. */
export async function accessListFaults({ mode, path }: AccessListConfig): Promise<string[]> {
  if (mode === 'off' || path === '') return []
  try {
    await readListFile(resolve(path), MODES[mode], { key0: 0, key1: 0 })
    return []
  } catch (error) {
    return [faultText(path, error)]
  }
}

function stillWritten(): ListFileError {
  return new ListFileError('is still being written: it is read once it holds still')
}

function faultText(path: string, error: unknown): string {
  if (!(error instanceof ListFileError)) throw error
  return `[access_list] path '${path}' ${error.message}`
}

export class AccessListReloader {
  /** The list in force; workers start with it. */
  list = ALL_ALLOWED
  entries = 0
  private config: AccessListConfig
  /** Where relative paths start, and the root directory to come: both as of the start. */
  private readonly folder = process.cwd()
  private readonly root: string
  private readonly key: HashKey
  private readonly log: Log
  private readonly send: (list: AccessListData) => void
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

  /** `send` gives a new list to all workers. */
  constructor(
    config: AccessListConfig,
    privileges: PrivilegeConfig,
    key: HashKey,
    log: Log,
    send: (list: AccessListData) => void,
  ) {
    this.config = config
    this.root = resolve(privileges.chroot_path)
    this.key = key
    this.log = log
    this.send = send
    this.path = resolve(config.path)
  }

  /** Reads the list for the start. Throws StartError when that fails. */
  async load(): Promise<void> {
    if (this.config.mode === 'off') return
    const state = await settledState(this.path)
    if (state === null) throw new StartError(faultText(this.config.path, stillWritten()))
    this.seen = state
    try {
      this.take(await this.read())
    } catch (error) {
      throw new StartError(faultText(this.config.path, error))
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
  change(config: AccessListConfig): void {
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
    return { name: 'access_list_failed', find: () => this.trouble() }
  }

  private trouble(): Trouble | null {
    if (this.fault === null) return null
    return {
      severity: 'attention',
      text: `The previous list stays in force, because [access_list] path '${this.config.path}' ${this.fault}.`,
      remedy: 'Correct the file; it is read again when it changes.',
      isLogged: true,
    }
  }

  private async readAndSend(reason: string): Promise<void> {
    const { mode, path } = this.config
    const wasOff = this.list.mode === MODE_OFF
    try {
      const found = await this.readSettled()
      // The next polls will find it changed.
      if (found === null) return
      this.take(found)
    } catch (error) {
      if (!(error instanceof ListFileError)) throw error
      this.fault = error.message
      const stays = 'the previous list stays in force'
      this.tell(reason, 'error', `access list '${path}' (${reason}) ${error.message}; ${stays}`)
      return
    }
    this.fault = null
    // Without a list the signal is for something else, such as new certificates.
    if (mode === 'off' && wasOff) return
    this.tell(reason, 'info', `access list (${reason}): mode ${mode}${this.size()}`)
    this.send(this.list)
    // The list before it is garbage now, of a size that the collector does not see from its own heap.
    Bun.gc(true)
  }

  /** Null when the file has changed while it was read. */
  private async readSettled(): Promise<ReadList | null> {
    if (this.config.mode === 'off') return this.read()
    const { path } = this
    const state = await settledState(path)
    if (state === null) throw stillWritten()
    this.seen = state
    try {
      const found = await this.read()
      return stateOf(path) === state ? found : null
    } catch (error) {
      if (stateOf(path) === state) throw error
      return null
    }
  }

  private async read(): Promise<ReadList> {
    const { mode } = this.config
    if (mode === 'off') return { list: ALL_ALLOWED, entries: 0 }
    return readListFile(this.path, MODES[mode], this.key)
  }

  private take({ list, entries }: ReadList): void {
    this.list = list
    this.entries = entries
  }

  private tell(reason: string, level: 'info' | 'error', text: string): void {
    if (reason === HAS_CHANGED) this.log[level](text)
    else this.log.always(level, text)
  }

  private size(): string {
    if (this.config.mode === 'off') return ''
    return `, ${counted(this.entries, 'info hash', 'info hashes')}`
  }

  private poll(): void {
    if (this.config.mode === 'off' || this.reading !== null) return
    if (this.watch.poll(this.path, this.seen) !== null) this.reload(HAS_CHANGED)
  }

  private pathOf(path: string): string {
    const full = resolve(this.folder, path)
    return this.rootHasChanged ? (pathBelow(this.root, full) ?? full) : full
  }
}
