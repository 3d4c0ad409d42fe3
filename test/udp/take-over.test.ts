// A new process takes the place of a running one: same swarms, same ids, hardly an answer lost. The two
// are different builds: the compiled executable, and the source.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { inFolder, waitForFiles } from '../support/folder.ts'
import { announceRequest, connectRequest, readAnnounce } from '../support/packets.ts'
import {
  type Endpoint,
  EXECUTABLE,
  listenOn,
  runTracker,
  type StartOptions,
  withTracker,
} from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { passMs, waitFor, waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const FROM_SOURCE = [process.execPath, join(import.meta.dir, '../../bin/aquatic_udp.ts')]
const INFO_HASH = new Uint8Array(20).fill(3)

interface Options extends Partial<StartOptions> {
  readonly port?: number
  readonly workers?: number
  /** Settings in front of all sections, and behind. */
  readonly first?: string
  readonly more?: string
  readonly takeOver?: boolean
}

function settingsFor(folder: string, options: Options = {}): StartOptions {
  const { port = 0, workers = 1, first = '', more = '', takeOver = true, ...rest } = options
  const settings = `log_level = 'info'\nsocket_workers = ${workers}\n${first}
    ${listenOn(`127.0.0.1:${port}`)}
    [persistence]\npath = '${join(folder, 'state')}'\ntake_over = ${takeOver}\n${more}\n`
  return { settings, ...rest }
}

/** Sends a connect every millisecond, and counts how many get no answer. */
async function steadyLoad(to: Endpoint, done: () => boolean) {
  const answered = new Set<number>()
  const socket = await Bun.udpSocket({
    hostname: '127.0.0.1',
    socket: {
      data: (_, packet) => void answered.add(Buffer.from(packet).readUInt32BE(4)),
      error: () => {},
    },
  })
  let sent = 0
  const startedAt = performance.now()
  while (!done()) {
    const due = performance.now() - startedAt
    while (sent < due) socket.send(connectRequest(++sent), to.port, to.host)
    await new Promise(setImmediate)
  }
  const isDone = () => answered.size === sent
  await waitFor(
    waitUntil('all is answered', isDone).catch(() => {}),
    2000,
  )
  socket.close()
  return { sent, lost: sent - answered.size }
}

describe.each([
  ['the executable by the source', [EXECUTABLE], FROM_SOURCE],
  ['the source by the executable', FROM_SOURCE, [EXECUTABLE]],
])('%s', (_, older, newer) => {
  test.each([
    ['one worker', 1, ''],
    ['three workers', 3, ''],
    ['two request workers', 1, 'request_workers = 2'],
  ])('is replaced under load, with %s', (_, workers, first) =>
    inFolder((folder) =>
      withTracker(settingsFor(folder, { workers, executable: older, first }), async (old) => {
        const client = await UdpClient.open()
        const to = old.at()
        const id = await client.connect(to)
        const announce = async (at: Endpoint, port: number) => {
          const request = announceRequest(id, { infoHash: INFO_HASH, port, left: 1n })
          return readAnnounce((await client.request(request, at)).packet, 4)
        }
        for (let port = 1001; port <= 1100; port++) await announce(to, port)
        let done = false
        const load = steadyLoad(to, () => done)
        const options = settingsFor(folder, { port: to.port, workers, executable: newer, first })
        await withTracker(options, async (tracker) => {
          const { code, stderr } = await old.waitForEnd()
          expect(code).toBe(0)
          expect(stderr).toContain('another process is taking over')
          expect(tracker.stderr).toContain('restored 100 peers')
          expect(tracker.stderr).toMatch(/taken over, .*: \d+ peers/)
          await passMs(300)
          done = true
          const { sent, lost } = await load
          expect(sent).toBeGreaterThan(300)
          // A packet per millisecond: so many milliseconds of answers, most of them while nobody else gets a core.
          expect(lost).toBeLessThan(3000)
          // The id of the old process, and its peers.
          const { leechers } = await announce(tracker.at(), 1001)
          expect(leechers).toBe(99)
          await waitForFiles(join(folder, 'state'), [
            'aquatic_udp.key',
            'aquatic_udp.lock',
            'aquatic_udp.snapshot',
            'aquatic_udp.sock',
          ])
        })
        client.close()
      }),
    ),
  )
})

test('the new process knows peers that announced to the old one while it started', () =>
  inFolder((folder) =>
    withTracker(settingsFor(folder), async (old) => {
      const to = old.at()
      const client = await UdpClient.open()
      const id = await client.connect(to)
      let done = false
      let announced = 0
      // Whichever of the two answers, none may be lost in the end.
      const announcing = (async () => {
        while (!done) {
          const port = 1 + announced
          await client.request(announceRequest(id, { infoHash: INFO_HASH, port }), to)
          announced++
        }
      })()
      await withTracker(settingsFor(folder, { port: to.port }), async (tracker) => {
        await old.waitForEnd()
        await tracker.waitForOutput(/taken over/)
        done = true
        await announcing
        const { seeders, leechers } = await client.scrape(to, INFO_HASH)
        expect(seeders + leechers).toBe(announced)
        expect(announced).toBeGreaterThan(100)
      })
      client.close()
    }),
  ))

test('the operations endpoint goes over as well', () =>
  inFolder(async (folder) => {
    const probe = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('') })
    const { port: operationsPort } = probe
    await probe.stop(true)
    const more = `[operations]\naddress = '127.0.0.1:${operationsPort}'`
    const health = async () => (await fetch(`http://127.0.0.1:${operationsPort}/health`)).status
    await withTracker(settingsFor(folder, { more }), async (old) => {
      expect(await health()).toBe(200)
      const { port } = old.at()
      await withTracker(settingsFor(folder, { more, port }), async () => {
        expect((await old.waitForEnd()).code).toBe(0)
        expect(await health()).toBe(200)
      })
    })
  }))

test('without a running tracker take_over is an ordinary start', () =>
  inFolder(async (folder) => {
    await withTracker(settingsFor(folder), (tracker) =>
      withClient('127.0.0.1', (client) => client.announce(tracker.at())),
    )
    // Killed, so its socket is still there, but nobody listens.
    expect(existsSync(join(folder, 'state/aquatic_udp.sock'))).toBe(true)
    await withTracker(settingsFor(folder), (tracker) =>
      withClient('127.0.0.1', (client) => client.announce(tracker.at())),
    )
  }))

describe('a tracker keeps serving', () => {
  test('when another uses its folder by mistake', () =>
    inFolder((folder) =>
      withTracker(settingsFor(folder), async (old) => {
        const { code, stderr } = await runTracker(settingsFor(folder, { takeOver: false }))
        expect(code).toBe(1)
        expect(stderr).toMatch(/^aquatic_udp: another tracker uses the folder [^\n]+\n$/)
        await withClient('127.0.0.1', (client) => client.announce(old.at()))
      }),
    ))

  test('when the new one cannot start, and the next can take over', () =>
    inFolder((folder) =>
      withTracker(settingsFor(folder), async (old) => {
        const { port } = old.at()
        const more = "[privileges]\ndrop_privileges = true\nuser = 'no-such-user'"
        const inUse = await Bun.udpSocket({ hostname: '127.0.0.1' })
        const failing = settingsFor(folder, { port: inUse.port })
        const { code, stderr } = await runTracker(failing)
        expect([code, stderr.includes('EADDRINUSE')]).toEqual([1, true])
        expect((await runTracker(settingsFor(folder, { port, more }))).code).toBe(1)
        inUse.close()
        await old.waitForOutput(/the other process went away: this one keeps serving/)
        await withClient('127.0.0.1', (client) => client.announce(old.at()))
        await withTracker(settingsFor(folder, { port }), async () => {
          expect((await old.waitForEnd()).code).toBe(0)
        })
      }),
    ))

  test('whatever is sent to its socket', () =>
    inFolder((folder) =>
      withTracker(settingsFor(folder), async (old) => {
        for (const text of ['', '\n', 'GET / HTTP/1.1\n', 'x'.repeat(100_000), 'take-over 2\n']) {
          const socket = connect(join(folder, 'state/aquatic_udp.sock'))
          socket.on('error', () => {})
          socket.resume()
          socket.write(text)
          socket.end()
          await new Promise((resolve) => socket.once('close', resolve))
        }
        await withClient('127.0.0.1', (client) => client.announce(old.at()))
      }),
    ))
})

test.skipIf(!isRoot)('a tracker in a new root directory, without rights, is replaced', () =>
  inFolder((folder) => {
    const more = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'`
    return withTracker(settingsFor(folder, { more }), async (old) => {
      const { port } = old.at()
      await withClient('127.0.0.1', (client) => client.announce(old.at(), { infoHash: INFO_HASH }))
      await withTracker(settingsFor(folder, { more, port }), async (tracker) => {
        expect((await old.waitForEnd()).code).toBe(0)
        await tracker.waitForOutput(/taken over/)
        const { seeders, leechers } = await withClient('127.0.0.1', (client) =>
          client.scrape(tracker.at(), INFO_HASH),
        )
        expect(seeders + leechers).toBe(1)
      })
    })
  }),
)
