// A Persistence with a state that only records what happens to it, and the other side of a take-over. Used by the tests
// beside it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { logFor } from '../../src/log/log.ts'
import { SnapshotRefused } from '../../src/persistence/block-reader.ts'
import { SnapshotStopped } from '../../src/persistence/block-writer.ts'
import { Folder } from '../../src/persistence/folder.ts'
import { LineSocket } from '../../src/persistence/line-socket.ts'
import {
  type PersistedState,
  Persistence,
  type UseFile,
  type WriteRequest,
} from '../../src/persistence/persistence.ts'
import { signals } from '../../src/process/signals.ts'
import { inFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { KEEPS_RIGHTS } from './folders.ts'

// Every Persistence of this process gets them, also those of earlier tests, which have finished.
signals.serving(() => {})

/** Each write waits until the test ends it. */
export class TestState implements PersistedState {
  readonly suffix: string
  readonly otherSuffixes = ['key']
  /** What has happened, such as `begin`, `write snapshot`, `written snapshot`. */
  readonly events: string[] = []
  readonly loaded: string[] = []
  private readonly ends: (() => void)[] = []
  private underWay = 0
  /** The next write fails by it. */
  failure: Error | null = null
  /** Writes end by themselves. */
  isQuick = false

  constructor(suffix = 'snapshot') {
    this.suffix = suffix
  }

  open(use: UseFile): void {
    use('key', (path) => this.load(path))
  }

  begin(): Promise<void> {
    return this.work('begin')
  }

  load(path: string): string | null {
    if (!existsSync(path)) return null
    const text = readFileSync(path, 'utf8')
    if (text === 'damaged') throw new SnapshotRefused('is damaged')
    this.loaded.push(text)
    return 'something'
  }

  async write({ path, mustStop }: WriteRequest): Promise<string> {
    const suffix = path.slice(path.lastIndexOf('.') + 1)
    await this.work(`write ${suffix}`, mustStop)
    writeFileSync(path, `${suffix} of this process`)
    this.events.push(`written ${suffix}`)
    return suffix
  }

  /** Ends what is under way. */
  end(): void {
    for (const end of this.ends.splice(0)) end()
  }

  async until(event: string): Promise<void> {
    await waitUntil(event, () => this.events.includes(event))
  }

  private async work(name: string, mustStop = () => false): Promise<void> {
    if (++this.underWay > 1) throw new Error('two at a time')
    this.events.push(name)
    try {
      if (this.isQuick) {
        if (this.failure !== null && name !== 'begin') throw this.failure
        return
      }
      let ended = false
      this.ends.push(() => {
        ended = true
      })
      await waitUntil(`the end of ${name}`, () => ended || mustStop())
      if (!ended) throw new SnapshotStopped('the process stops')
      if (this.failure !== null) throw this.failure
    } finally {
      this.underWay--
    }
  }
}

/** What was logged since the test began. */
export const lines: string[] = []
const note = (text: string) => void lines.push(text)
export const log = {
  ...logFor('persistence'),
  error: note,
  warn: note,
  info: note,
  always: (_: unknown, text: string) => note(`always: ${text}`),
}

export function open(folder: string, state: PersistedState, takeOver = false) {
  return openSeveral(folder, [state], takeOver)
}

export function openSeveral(folder: string, states: readonly PersistedState[], takeOver = false) {
  return Persistence.open({
    folder: new Folder(folder, KEEPS_RIGHTS, null),
    program: 'test',
    states,
    mayKeepOthers: states.length > 1,
    intervalMinutes: 0,
    takeOver,
    log,
  })
}

export interface Serving {
  readonly folder: string
  readonly state: TestState
  readonly persistence: Persistence
  /** How often it was told that another has its place. */
  readonly given: () => number
}

/** A Persistence that has begun. */
export function whileServing<T>(use: (serving: Serving) => Promise<T>): Promise<T> {
  lines.length = 0
  return inFolder(async (folder) => {
    const state = new TestState()
    const persistence = await open(folder, state)
    let given = 0
    const started = persistence.start(() => {
      given++
    })
    await state.until('begin')
    state.end()
    await started
    const result = await use({ folder, state, persistence, given: () => given })
    state.isQuick = true
    state.end()
    await persistence.finish()
    return result
  })
}

export async function taker(folder: string): Promise<LineSocket> {
  const socket = connect(join(folder, 'test.sock'))
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const line = new LineSocket(socket)
  line.send('take-over 1')
  return line
}
