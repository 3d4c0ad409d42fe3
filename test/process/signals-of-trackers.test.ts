// Signals at any moment of a tracker's life, from its first handler on.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import {
  ALL_EXECUTABLE,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  servedOn,
  Tracker,
  WS_EXECUTABLE,
} from '../support/tracker.ts'
import { passMs } from '../support/wait.ts'

setDefaultTimeout(180_000)

const folder = folderOfFile()
const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const OTHERS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

const HANDLERS_MS = 60_000
/** AQUATIC_TEST_MOMENTS=40 for more of them, closer together. */
const MOMENTS = Number(process.env.AQUATIC_TEST_MOMENTS ?? 5)
/** The last of them comes when every start is done, on an idle machine; earlier ones hit all of it. */
const MOMENT_MS = 80 / MOMENTS

const TRACKERS = [
  ['aquatic_udp', EXECUTABLE, ''],
  ['aquatic_udp with request workers', EXECUTABLE, 'request_workers = 2\n'],
  ['aquatic_http', HTTP_EXECUTABLE, ''],
  ['aquatic_ws', WS_EXECUTABLE, ''],
  ['aquatic', ALL_EXECUTABLE, ''],
] as const

let folders = 0

/** With everything that takes part in the start and the stop. */
function start(executable: string, more: string): Tracker {
  const persistence = `[persistence]\npath = '${join(folder, `kept-${folders++}`)}'\n`
  const settings =
    `${more}${servedOn(executable, '127.0.0.1:0', 3)}` +
    `[operations]\naddress = '127.0.0.1:0'\n${persistence}`
  return new Tracker({ executable, settings })
}

/** The signals that a process has handlers for, as a mask; 0 when there is no such process. */
function caughtBy(pid: number): bigint {
  try {
    const [, mask] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return BigInt(`0x${mask}`)
  } catch {
    return 0n
  }
}

/** Before the first line of it runs, nothing can be done about a signal. */
async function handlersOf(tracker: Tracker): Promise<void> {
  const numbers = [...OTHERS, 'SIGTERM', 'SIGINT'].map((name) => {
    return constants.signals[name as NodeJS.Signals]
  })
  const all = numbers.reduce((mask, number) => mask | (1n << BigInt(number - 1)), 0n)
  const deadline = performance.now() + HANDLERS_MS
  while ((caughtBy(tracker.pid) & all) !== all) {
    if (performance.now() > deadline) throw new Error('signals without a handler')
    // A turn of the event loop: the moments below begin here.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * At many moments of it, the last of which come when it serves. `again`: the program executes itself, and
 * at the very moment a stop ends it by the signal.
 */
async function stopWhileItStarts(executable: string, more: string, again = false): Promise<void> {
  for (let moment = 0; moment < MOMENTS; moment++) {
    const tracker = start(executable, more)
    try {
      await handlersOf(tracker)
      await passMs(moment * MOMENT_MS)
      tracker.signal('SIGTERM')
      const { code, signal, stderr } = await tracker.waitForEnd()
      const byExec = again && signal === 'SIGTERM' && stderr === ''
      if (!byExec) expect({ moment, code, signal }).toEqual({ moment, code: 0, signal: null })
      expect(stderr).toMatch(/^(aquatic\w* .* listening on .*\n)?(aquatic\w* operations at .*\n)?$/)
    } finally {
      await tracker.discard()
    }
  }
}

describe.each([...TRACKERS])('%s', (_, executable, more) => {
  test('ends with exit code 0 and no word, whenever a stop comes in its start', () =>
    stopWhileItStarts(executable, more))

  test('is never ended by another signal, from its first handler to its end', async () => {
    const tracker = start(executable, more)
    let hammering: ReturnType<typeof setInterval> | undefined
    try {
      await handlersOf(tracker)
      let sent = 0
      const hammer = () => tracker.signal(OTHERS[sent++ % OTHERS.length])
      hammering = setInterval(hammer, 1)
      await tracker.waitForStart()
      // Each now has work to do, which must leave a slow machine time for the stop.
      clearInterval(hammering)
      hammering = setInterval(hammer, 20)
      await tracker.waitForOutput(/settings read again: nothing has changed/)
      await tracker.waitForOutput(/snapshot written: /)
      tracker.signal('SIGTERM')
      const { code, signal } = await tracker.waitForEnd()
      expect({ code, signal }).toEqual({ code: 0, signal: null })
    } finally {
      clearInterval(hammering)
      await tracker.discard()
    }
  })
})

// Such a start executes the program once more, in which nobody knows of signals that came before.
test.skipIf(!isRoot)(`a stop is not lost when rights are given up${needsRoot}`, () =>
  stopWhileItStarts(
    EXECUTABLE,
    `privileges = { drop_privileges = true, chroot_path = '${folder}' }\n`,
    true,
  ),
)

test('SIGUSR2 without a folder to write to is answered, at the default log level', async () => {
  const tracker = new Tracker({})
  try {
    await tracker.waitForStart()
    tracker.signal('SIGUSR2')
    await tracker.waitForOutput(
      /nothing is written \(SIGUSR2\): \[persistence\] path names no folder/,
    )
    tracker.signal('SIGTERM')
    expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
  } finally {
    await tracker.discard()
  }
})
