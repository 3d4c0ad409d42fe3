// Reads the settings again on SIGHUP, and applies what can change while the tracker runs. Made by each
// protocol's main, in the main thread. Owns the settings in force and the signal's listener.
//
// All or nothing: a file with a mistake changes nothing, and the log says what is wrong with it. What
// needs a restart is logged and left as it is, on every reload until the restart.
import { resolve } from 'node:path'
import { changesBetween, withChanges } from '../config/changes.ts'
import type { RunContext } from '../config/cli.ts'
import type { ConfigOf, Schema } from '../config/schema.ts'
import type { Log } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from './privileges.ts'
import type { ServiceManager } from './service-manager.ts'
import { signals } from './signals.ts'

/** Between two readings: signals in this time cause one reading at its end, or many would leave no time for anything else. */
const PAUSE_MILLISECONDS = 100

export interface ReloadRules<S extends Schema> {
  readonly schema: S
  /** Whether the setting at `path` can take the value it has in `after` without a restart. */
  readonly canApply: (path: string, after: ConfigOf<S>) => boolean
  /** Puts settings in force, of which those at `paths` have changed. */
  readonly apply: (config: ConfigOf<S>, paths: ReadonlySet<string>) => void
}

export class Reloader<S extends Schema> {
  /** The settings in force as TOML, without secrets. */
  settingsText: string
  private config: ConfigOf<S>
  private readonly context: RunContext<S>
  private readonly rules: ReloadRules<S>
  private readonly log: Log
  private path: string | null
  private readonly pathInside: string | null
  /** Of the start: what relative paths begin at, and the new root directory. */
  private readonly folder = process.cwd()
  private readonly root: string
  private rootHasChanged = false
  private nextReading = 0
  private isPlanned = false

  constructor(
    config: ConfigOf<S>,
    context: RunContext<S>,
    rules: ReloadRules<S>,
    privileges: PrivilegeConfig,
    log: Log,
  ) {
    const { configPath } = context
    this.config = config
    this.context = context
    this.rules = rules
    this.log = log
    this.settingsText = context.settingsText
    this.path = configPath === null ? null : resolve(configPath)
    this.root = resolve(privileges.chroot_path)
    // Looked up now: relative paths mean something else once the root directory has changed.
    this.pathInside = this.path === null ? null : pathBelow(privileges.chroot_path, this.path)
  }

  /** Call it once the tracker serves. `rootHasChanged`: the settings file has another path now. */
  start(rootHasChanged: boolean, service: ServiceManager): void {
    this.rootHasChanged = rootHasChanged
    if (rootHasChanged) this.path = this.pathInside
    const read = () => {
      this.isPlanned = false
      service.reload(() => this.reload(rootHasChanged))
      this.nextReading = performance.now() + PAUSE_MILLISECONDS
    }
    signals.on('SIGHUP', () => {
      const wait = this.nextReading - performance.now()
      if (this.isPlanned) return
      this.isPlanned = wait > 0
      if (this.isPlanned) setTimeout(read, wait).unref()
      else read()
    })
  }

  private reload(rootHasChanged: boolean): void {
    const { context, log } = this
    if (this.path === null && context.configPath !== null && rootHasChanged) {
      log.always(
        'error',
        `settings stay as they are: ${context.configPath} is not below [privileges] chroot_path, so ` +
          'it cannot be read again',
      )
      return
    }
    const loaded = context.load(this.path, (path) => this.reached(path))
    for (const warning of loaded.warnings) log.always('warn', warning)
    if (loaded.problems.length > 0) {
      for (const problem of loaded.problems)
        log.always('error', `settings stay as they are: ${problem}`)
      return
    }
    this.change(loaded.config)
    this.settingsText = loaded.settingsText(this.config)
  }

  /** A file that a flag names, as it is called now. */
  private reached(path: string): string | null {
    const whole = resolve(this.folder, path)
    return this.rootHasChanged ? pathBelow(this.root, whole) : whole
  }

  private change(wanted: ConfigOf<S>): void {
    const { log, rules } = this
    const changes = changesBetween(rules.schema, this.config, wanted)
    const now = changes.filter(({ path }) => rules.canApply(path, wanted))
    const later = changes.filter((change) => !now.includes(change))
    const paths = new Set(now.map(({ path }) => path))
    this.config = withChanges(rules.schema, this.config, wanted, paths)
    rules.apply(this.config, paths)
    if (changes.length === 0) log.always('info', 'settings read again: nothing has changed')
    if (now.length > 0) log.always('info', `settings changed: ${listOf(now)}`)
    if (later.length > 0) log.always('info', `settings that need a restart: ${listOf(later)}`)
  }
}

function listOf(changes: readonly { text: string }[]): string {
  return changes.map(({ text }) => text).join(', ')
}
