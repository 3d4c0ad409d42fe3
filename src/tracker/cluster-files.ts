// The files of credentials and certificates that [cluster] names, read again on SIGUSR1 and when they have changed, in the
// main thread: so a new password needs no restart. Made by cluster.ts. Owns a timer and the signal's listener.
import { resolve } from 'node:path'
import { type EngineAccess, readAccess } from '../cluster/access.ts'
import type { ClusterConfig } from '../cluster/settings.ts'
import { StartError } from '../config/cli.ts'
import { FileWatch, stateOf, WATCH_MILLISECONDS } from '../list-file/file-watch.ts'
import { logFor } from '../log/log.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'

const log = logFor('cluster')

const PATHS = [
  'credentials_path',
  'tls_ca_path',
  'tls_certificate_path',
  'tls_private_key_path',
] as const

export class ClusterFiles {
  private readonly config: ClusterConfig
  private readonly chroot: string
  private readonly send: (access: EngineAccess) => void
  private inForce: string
  /** Where the files are: changes with the root directory. Null: none can be reached any more. */
  private current: ClusterConfig | null
  private readonly watches = new Map<string, { readonly watch: FileWatch; seen: string }>()
  private timer: ReturnType<typeof setInterval> | undefined

  /** `access`: as read at startup. `send`: for the next connection. */
  constructor(
    config: ClusterConfig,
    privileges: PrivilegeConfig,
    access: EngineAccess,
    send: (access: EngineAccess) => void,
  ) {
    this.config = at(config, resolve) ?? config
    this.chroot = resolve(privileges.chroot_path)
    this.send = send
    this.inForce = JSON.stringify(access)
    this.current = this.config
  }

  /** Once the tracker serves. `rootHasChanged`: the files have other paths now, if they are there at all. */
  start(rootHasChanged: boolean): void {
    if (rootHasChanged) this.current = at(this.config, (path) => pathBelow(this.chroot, path))
    for (const path of this.paths) {
      this.watches.set(path, { watch: new FileWatch(), seen: stateOf(path) })
    }
    if (PATHS.every((key) => this.config[key] === '')) return
    signals.on('SIGUSR1', () => void this.read('SIGUSR1'))
    this.timer = setInterval(() => this.poll(), WATCH_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private get paths(): string[] {
    const { current } = this
    return current === null ? [] : PATHS.map((key) => current[key]).filter((path) => path !== '')
  }

  private poll(): void {
    let hasChanged = false
    for (const [path, entry] of this.watches) {
      const state = entry.watch.poll(path, entry.seen)
      if (state === null) continue
      entry.seen = state
      hasChanged = true
    }
    if (hasChanged) void this.read('changed')
  }

  private async read(reason: string): Promise<void> {
    const { current } = this
    if (current === null) {
      const text = `the files that [cluster] names are not below [privileges] chroot_path, so they cannot be read again (${reason})`
      log.always('error', text)
      return
    }
    try {
      this.take(await readAccess(current), reason)
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      log.always('error', `${error.message} (${reason}); what was read before stays in force`)
    }
  }

  private take(access: EngineAccess | null, reason: string): void {
    const text = JSON.stringify(access)
    if (access === null || text === this.inForce) return
    this.inForce = text
    this.send(access)
    log.always(
      'info',
      `credentials and certificates were read again (${reason}), for the next connection`,
    )
  }
}

/** With its files at other paths; null if one of them has none. */
function at(config: ClusterConfig, move: (path: string) => string | null): ClusterConfig | null {
  const moved = PATHS.map((key) => [key, config[key] === '' ? '' : move(config[key])] as const)
  if (moved.some(([, path]) => path === null)) return null
  return { ...config, ...Object.fromEntries(moved) } as ClusterConfig
}
