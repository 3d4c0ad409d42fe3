// A real host as the checks see it (view.ts): files below a folder, commands, and two things that only system calls
// tell. Called by host.ts: once when watching begins, and once more at its end. Owns what it has read.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { clockIsSynchronised } from '../../src/os/clock-state.ts'
import { type ReceiveQueues, receiveQueues, receiveRing } from '../../src/os/network-card.ts'
import type { HostView, Ring } from './view.ts'

/** Where administrators' commands are, which the path of others may lack. First, since root may run this anywhere. */
const COMMAND_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin', '/usr/local/sbin']
const COMMAND_MILLISECONDS_MAX = 5000
const COMMAND_BYTES_MAX = 64 * 2 ** 20

export class HostFiles implements HostView {
  readonly seconds: number
  private readonly root: string
  private readonly before: HostFiles | null
  private readonly texts = new Map<string, string | null>()
  private readonly denied: Set<string>
  private readonly outputs: Map<string, string | null>

  /** `root`: the folder that stands for /. `before`: what has been read when watching began, `seconds` ago. */
  constructor(root: string, before: HostFiles | null = null, seconds = 0) {
    this.root = root
    this.before = before
    this.seconds = seconds
    this.denied = before?.denied ?? new Set()
    this.outputs = before?.outputs ?? new Map()
  }

  read(path: string): string | null {
    const known = this.texts.get(path)
    if (known !== undefined) return known
    const text = this.attempt(path, () => readFileSync(this.real(path), 'latin1'))
    this.texts.set(path, text)
    return text
  }

  earlier(path: string): string | null {
    return (this.before ?? this).read(path)
  }

  list(folder: string): readonly string[] {
    const byNumber = new Intl.Collator('en', { numeric: true })
    const names = this.attempt(folder, () => readdirSync(this.real(folder)))
    return (names ?? []).sort(byNumber.compare)
  }

  link(path: string): string | null {
    return this.attempt(path, () => readlinkSync(this.real(path)))
  }

  output(command: readonly string[]): string | null {
    const key = command.join(' ')
    const known = this.outputs.get(key)
    if (known !== undefined) return known
    const text = this.isRunning() ? this.run(command) : null
    this.outputs.set(key, text)
    return text
  }

  clockIsSynchronised(): boolean | null {
    return this.isRunning() ? clockIsSynchronised() : null
  }

  receiveRing(card: string): Ring | null {
    return this.isRunning() ? receiveRing(card) : null
  }

  receiveQueues(card: string): ReceiveQueues | null {
    return this.isRunning() ? receiveQueues(card) : null
  }

  /** What may not be read. */
  notPermitted(): string[] {
    return [...this.denied].sort()
  }

  /** A tree of files has no kernel. */
  isRunning(): boolean {
    return this.root === '/'
  }

  private run([name, ...args]: readonly string[]): string | null {
    const program = programNamed(name)
    if (program === null) return null
    const { status, stdout, error } = spawnSync(program, args, {
      env: { ...process.env, LC_ALL: 'C' },
      encoding: 'latin1',
      timeout: COMMAND_MILLISECONDS_MAX,
      maxBuffer: COMMAND_BYTES_MAX,
    })
    if (error === undefined && status === 0) return stdout
    this.denied.add(`the output of ${[name, ...args].join(' ')}`)
    return null
  }

  /** Not joined: a «..» is that of the folder a link leads to, which only the kernel knows. */
  private real(path: string): string {
    return this.isRunning() ? path : `${this.root}${path}`
  }

  private attempt<T>(path: string, act: () => T): T | null {
    try {
      return act()
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'EACCES' || code === 'EPERM') this.denied.add(path)
      return null
    }
  }
}

/** Its whole path, so that nothing in the working directory is run. */
function programNamed(name: string): string | null {
  const own = (process.env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))
  const paths = [...COMMAND_FOLDERS, ...own].map((folder) => join(folder, name))
  return paths.find((path) => existsSync(path)) ?? null
}
