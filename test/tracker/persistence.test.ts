// What all trackers do with the folder of [persistence], as processes: who may use it, and what a stop is
// worth. When what is written, test/persistence/persistence.test.ts tells.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { LineSocket } from '../../src/persistence/line-socket.ts'
import { whileHeld } from '../persistence/folders.ts'
import { inFolder } from '../support/folder.ts'
import { announceRequest } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  runTracker,
  type StartOptions,
  servedOn,
  Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const LINE_MS = 60_000

function keeping(executable: string, folder: string, takeOver = false, port = 0): StartOptions {
  const settings = `log_level = 'info'\n${servedOn(executable, `127.0.0.1:${port}`)}
    [persistence]\npath = '${folder}'\ntake_over = ${takeOver}\n`
  return { executable, settings }
}

async function taker(folder: string, program: string): Promise<LineSocket> {
  const socket = connect(join(folder, `${program}.sock`))
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const line = new LineSocket(socket)
  line.send('take-over 1')
  return line
}

describe.each([
  ['aquatic_udp', EXECUTABLE, 'aquatic_udp.snapshot'],
  ['aquatic_http', HTTP_EXECUTABLE, 'aquatic_http.snapshot'],
  ['aquatic_ws', WS_EXECUTABLE, 'aquatic_ws.counts'],
  ['aquatic', ALL_EXECUTABLE, 'aquatic.snapshot'],
])('%s', (program, executable, file) => {
  test('of several that start at once one gets the folder', () =>
    inFolder(async (folder) => {
      const trackers = Array.from({ length: 4 }, () => new Tracker(keeping(executable, folder)))
      try {
        const served = await Promise.all(
          trackers.map((tracker) =>
            tracker.waitForStart().then(
              () => true,
              () => false,
            ),
          ),
        )
        expect(served.filter((serves) => serves)).toHaveLength(1)
        for (const [i, tracker] of trackers.entries()) {
          if (served[i]) continue
          const { code, stderr } = await tracker.waitForEnd()
          expect([code, stderr]).toEqual([
            1,
            `${program}: another tracker uses the folder [persistence] path '${folder}': stop it, write ` +
              'another folder, or set take_over = true to replace it\n',
          ])
        }
      } finally {
        for (const tracker of trackers) await tracker.discard()
      }
    }))

  test('a process that starts there and does not answer yet is not disturbed', () =>
    inFolder((folder) =>
      whileHeld(folder, `${program}.lock`, async (kill) => {
        const { code, stderr } = await runTracker(keeping(executable, folder))
        expect(code).toBe(1)
        expect(stderr).toContain('another tracker uses the folder')
        expect(readdirSync(folder)).toEqual([`${program}.lock`])
        const waiting = new Tracker(keeping(executable, folder, true))
        try {
          await waiting.waitForOutput(/waiting for the tracker that uses the folder/)
          expect(readdirSync(folder)).toEqual([`${program}.lock`])
          await kill()
          await waiting.waitForStart()
        } finally {
          await waiting.discard()
        }
      }),
    ))

  test('kill -9 frees the folder', () =>
    inFolder(async (folder) => {
      for (let round = 0; round < 2; round++) {
        await withTracker(keeping(executable, folder), (tracker) => {
          expect(existsSync(join(folder, `${program}.sock`))).toBe(true)
          tracker.signal('SIGKILL')
        })
      }
    }))

  test('a last snapshot that cannot be written makes the exit code 1', () =>
    inFolder((folder) =>
      withTracker(keeping(executable, folder), async (tracker) => {
        // What nobody can replace, whatever their rights.
        rmSync(join(folder, file), { force: true })
        mkdirSync(join(folder, file))
        tracker.signal('SIGTERM')
        const { code, stderr } = await tracker.waitForEnd()
        expect(code).toBe(1)
        expect(stderr).toContain('the snapshot could not be written')
      }),
    ))

  test('SIGTERM while it hands over: the waiting process starts with its last snapshot', () =>
    inFolder((folder) =>
      withTracker(keeping(executable, folder), async (old) => {
        const line = await taker(folder, program)
        old.signal('SIGTERM')
        expect((await old.waitForEnd()).code).toBe(0)
        // In time for the snapshot or not: never that there is none.
        expect(await line.next(LINE_MS)).not.toBe('failed')
        expect(existsSync(join(folder, file))).toBe(true)
        expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
      }),
    ))

  test('SIGTERM while another takes over: that serves in the end', () =>
    inFolder((folder) =>
      withTracker(keeping(executable, folder), async (old) => {
        const { port } = old.at()
        const next = new Tracker(keeping(executable, folder, true, port))
        try {
          await old.waitForOutput(/another process is taking over/)
          old.signal('SIGTERM')
          await next.waitForStart()
          expect((await old.waitForEnd()).code).toBe(0)
        } finally {
          await next.discard()
        }
      }),
    ))
})

const INFO_HASH = new Uint8Array(20).fill(5)

test('the state of a process whose successor died goes to the next', () =>
  inFolder((folder) =>
    withClient('127.0.0.1', async (client) => {
      await withTracker(keeping(EXECUTABLE, folder), async (old) => {
        await client.announce(old.at(), { infoHash: INFO_HASH, port: 1001, left: 1n })
        const line = await taker(folder, 'aquatic_udp')
        expect(await line.next(LINE_MS)).toBe('snapshot')
        await client.announce(old.at(), { infoHash: INFO_HASH, port: 1002, left: 1n })
        line.send('serving')
        expect(await line.next(LINE_MS)).toBe('rest')
        expect((await old.waitForEnd()).code).toBe(0)
      })
      expect(existsSync(join(folder, 'aquatic_udp.rest'))).toBe(true)
      await withTracker(keeping(EXECUTABLE, folder), async (tracker) => {
        expect(tracker.stderr).toContain('restored changes that an earlier take-over left')
        const { leechers } = await client.scrape(tracker.at(), INFO_HASH)
        expect(leechers).toBe(2)
      })
    }),
  ))

/** Its monotonic clock is ahead of the machine's, as that of one whose image was taken before. */
const AHEAD = ['unshare', '--fork', '--kill-child', '--time', '--monotonic', '100000', '--']
const mayRunAhead = Bun.spawnSync([...AHEAD, 'true']).exitCode === 0

test.skipIf(!mayRunAhead).each([
  ['with a snapshot', true],
  ['killed before the first', false],
])(
  'after the clock was set back, %s, ids begin anew and ages go on by the wall clock',
  (_, isStopped) =>
    inFolder((folder) =>
      withClient('127.0.0.1', async (client) => {
        const options = keeping(EXECUTABLE, folder)
        const id = await withTracker({ ...options, prefix: AHEAD }, async (old) => {
          await client.announce(old.at(), { infoHash: INFO_HASH, port: 1001, left: 1n })
          const connectionId = await client.connect(old.at())
          if (isStopped) {
            // The process beside unshare, which hands no signals on.
            Bun.spawnSync(['pkill', '-TERM', '-P', String(old.pid)])
            await old.waitForEnd()
          }
          return connectionId
        })
        const firstAt = statSync(join(folder, 'aquatic_udp.key')).mtimeMs
        await waitUntil('two seconds have passed', () => Date.now() > firstAt + 2000)
        await withTracker(options, async (tracker) => {
          const to = tracker.at()
          const counts = await client.scrape(to, INFO_HASH)
          expect(counts.leechers).toBe(isStopped ? 1 : 0)
          if (isStopped) expect(tracker.stderr).toMatch(/[1-9]\d* seconds? old by the wall clock/)
          const stale = announceRequest(id, { infoHash: INFO_HASH, port: 1002 })
          expect(await client.isSilent(stale, to)).toBe(true)
        })
      }),
    ),
)
