import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { version } from '../../package.json'
import { infoHash } from '../support/packets.ts'
import { EXECUTABLE, listenOn, runTracker, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const FIXTURE_2020 = join(import.meta.dir, '../fixtures/aquatic_udp-2020.toml')
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
const isRoot = process.getuid?.() === 0

/** Runs as nobody when the test is root; otherwise as the same user. */
const unprivileged = isRoot ? NOBODY : []
const nobodyCan = Bun.spawnSync([...unprivileged, 'test', '-x', EXECUTABLE]).exitCode === 0
const whyNot = nobodyCan ? '' : ' (skipped: nobody may not execute files in this checkout)'

/** One line that names the program, and nothing else. */
function expectOneLine(stderr: string, ...parts: string[]): void {
  expect(stderr).toMatch(/^aquatic_udp: [^\n]+\n$/)
  for (const part of parts) expect(stderr).toContain(part)
}

describe('a start', () => {
  test.each(['off', 'error'])('says version, address and workers, with log_level = %p', (level) =>
    withTracker(
      { settings: `log_level = '${level}'\n${listenOn('127.0.0.1:0')}` },
      ({ stderr, endpoints }) => {
        const { host, port } = endpoints[0]
        expect(port).toBeGreaterThan(0)
        const line = `aquatic_udp ${version} listening on ${host}:${port} (1 socket worker)\n`
        expect(stderr).toBe(line)
      },
    ),
  )

  test('writes nothing to standard output, and only its line when it is used and stopped', () =>
    withTracker({}, (tracker) =>
      withClient('127.0.0.1', async (client) => {
        await client.announce(tracker.at())
        tracker.signal('SIGTERM')
        const { code, stderr } = await tracker.waitForEnd()
        expect(code).toBe(0)
        expect(stderr.split('\n').length).toBe(2)
        expect(await tracker.stdout()).toBe('')
      }),
    ))

  test('counts the workers', () =>
    withTracker({ settings: `socket_workers = 3\n${listenOn('127.0.0.1:0')}` }, (tracker) => {
      expect(tracker.stderr).toContain('(3 socket workers)')
    }))

  test('socket_workers = 0 is one per processor', () =>
    withTracker({ settings: `socket_workers = 0\n${listenOn('127.0.0.1:0')}` }, ({ stderr }) => {
      const workers = navigator.hardwareConcurrency
      expect(stderr).toContain(workers === 1 ? '(1 socket worker)' : `(${workers} socket workers)`)
    }))

  test('takes the settings file of 2020 as it is, with another address from the environment', () =>
    withTracker(
      { file: FIXTURE_2020, env: { AQUATIC_NETWORK_ADDRESS: '127.0.0.1:0' } },
      (tracker) =>
        withClient('127.0.0.1', async (client) => {
          expect(tracker.stderr).toContain('(1 socket worker, 1 request worker)')
          const fields = { infoHash: infoHash(1), left: 0n }
          expect((await client.announce(tracker.at(), fields)).interval).toBe(900)
          const entry = await client.scrape(tracker.at(), infoHash(1))
          expect(entry).toEqual({ seeders: 1, completed: 0, leechers: 0 })
        }),
    ))

  test.skipIf(!nobodyCan)(`says when the system grants a smaller receive buffer${whyNot}`, () => {
    const settings = `${listenOn('127.0.0.1:0')}socket_recv_buffer_size = 1000000000\n`
    return withTracker({ settings, prefix: unprivileged }, ({ stderr }) => {
      expect(stderr).toMatch(/^aquatic_udp: warning: the system granted receive buffers of \d+ /)
      expect(stderr).toContain('[network] socket_recv_buffer_size')
      expect(stderr).toContain('sudo sysctl -w net.core.rmem_max=1000000000')
    })
  })
})

describe('a start fails with one clear line and exit code 1', () => {
  test('when another tracker has the port, whoever its workers share it with', () =>
    withTracker({ settings: `socket_workers = 2\n${listenOn('127.0.0.1:0')}` }, async (first) => {
      const settings = listenOn(`127.0.0.1:${first.at().port}`)
      for (const workers of ['1', '2']) {
        const env = { AQUATIC_SOCKET_WORKERS: workers }
        const { code, stderr } = await runTracker({ settings, env })
        expect(code).toBe(1)
        const address = `127.0.0.1:${first.at().port}`
        expectOneLine(stderr, address, 'the port is in use by another program')
      }
      await withClient('127.0.0.1', (client) => client.announce(first.at()))
    }))

  test('when another program has the port, also of the second address', () =>
    withClient('127.0.0.1', async ({ port }) => {
      const settings = listenOn('127.0.0.2:0', `127.0.0.1:${port}`)
      const { code, stderr } = await runTracker({ settings })
      expect(code).toBe(1)
      expectOneLine(stderr, `127.0.0.1:${port}`, 'the port is in use by another program')
    }))

  test.each(['203.0.113.77:0', '[2001:db8::77]:0'])(
    'when %s is not of this machine',
    async (text) => {
      const { code, stderr } = await runTracker({ settings: listenOn(text) })
      expect(code).toBe(1)
      expectOneLine(stderr, text, 'the address is not one of this machine')
    },
  )

  test('when an address_ipv6 that was written is not of this machine', async () => {
    const settings = `${listenOn('127.0.0.1:0')}address_ipv6 = '[2001:db8::77]:0'\n`
    const { code, stderr } = await runTracker({ settings })
    expect(code).toBe(1)
    expectOneLine(stderr, '[2001:db8::77]:0', 'the address is not one of this machine')
  })

  test.skipIf(!nobodyCan)(`when the port needs rights${whyNot}`, async () => {
    const options = { settings: listenOn('127.0.0.1:1'), prefix: unprivileged }
    const { code, stderr } = await runTracker(options)
    expect(code).toBe(1)
    expectOneLine(stderr, '127.0.0.1:1:', 'no permission (EACCES)', 'CAP_NET_BIND_SERVICE')
  })

  test('when the system refuses the reserve: it names both settings', async () => {
    // Room for the runtime, not for the 4 GiB that the default limits ask for.
    const prefix = ['sh', '-c', 'ulimit -v 8000000; exec "$@"', 'sh']
    const settings = listenOn('127.0.0.1:0')
    const defaults = '[limits]\nmax_torrents = 20000000\nmax_peers = 100000000\n'
    const { code, stderr } = await runTracker({ settings: settings + defaults, prefix })
    expect(code).toBe(1)
    const names = ['max_torrents = 20000000', 'max_peers = 100000000']
    expectOneLine(stderr, ...names, 'refuses to reserve', 'ulimit -v', 'lower them')
    // The remedy that the line names.
    await withTracker({ settings, prefix }, (tracker) => expect(tracker.endpoints.length).toBe(1))
  })

  test('when the limits together ask for more than can be reserved at all', async () => {
    const limits = '[limits]\nmax_torrents = 20000000\nmax_peers = 140000000\n'
    const { code, stderr } = await runTracker({ settings: listenOn('127.0.0.1:0') + limits })
    expect(code).toBe(1)
    for (const part of ['max_torrents = 20000000', 'max_peers = 140000000', 'lower them']) {
      expect(stderr).toContain(part)
    }
  })

  test('when settings are wrong', async () => {
    const { code, stderr } = await runTracker({ settings: '[network]\naddress = 7\n' })
    expect(code).toBe(1)
    expect(stderr).toContain('address')
  })
})
