// Certificates of a running tracker: the start, --check, and the change while it runs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { Certificates, nameShown } from '../support/certificates.ts'
import {
  listenOn,
  runTracker,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { openSocket, WsClient } from '../support/ws-client.ts'

const files = new Certificates()
const PASSWORD = 'pass word \u00e9'

beforeAll(() => {
  files.make('ec', 'ec')
  files.make('rsa', 'rsa')
  files.make('other', 'ec')
})
afterAll(() => files.remove())

describe('--check and a start', () => {
  const inPkcs12 = (path: string, password: string) =>
    `${listenOn('127.0.0.1:0')}use_tls = true\ntls_pkcs12_path = '${path}'
    tls_pkcs12_password = '${password}'\n`

  test('take good files, without a word', async () => {
    const pair = settings(files.path('ec.pem'), files.path('ec-key.pem'))
    const container = inPkcs12(files.makePkcs12('rsa', PASSWORD), PASSWORD)
    for (const text of [pair, container]) {
      const executable = [WS_EXECUTABLE, '--check']
      expect(await runTracker({ executable, settings: text })).toMatchObject({
        code: 0,
        stderr: '',
      })
    }
  })

  test('refuse the others with the same words', async () => {
    const keyless = files.makePkcs12('rsa', PASSWORD, '-nokeys')
    const cases = [
      [
        settings(files.path('ec.pem'), files.path('other-key.pem')),
        'is not that of the certificate',
      ],
      [
        settings(files.path('none.pem'), files.path('ec-key.pem')),
        'cannot be read: there is no such file',
      ],
      [
        settings(halfOf('ec', 'other'), files.path('ec-key.pem')),
        'does not end: the file is incomplete',
      ],
      [inPkcs12(files.makePkcs12('rsa', PASSWORD), 'another'), 'that is not its password'],
      [inPkcs12(keyless, PASSWORD), 'holds no private key'],
      [inPkcs12(files.path('ec.pem'), ''), 'is no PKCS#12 file'],
    ]
    for (const [text, words] of cases) {
      const check = await runTracker({ executable: [WS_EXECUTABLE, '--check'], settings: text })
      const start = await runTracker({ executable: WS_EXECUTABLE, settings: text })
      expect([check.code, start.code]).toEqual([1, 1])
      const fault = check.stderr.replace('1 mistake in the settings:\n  ', '')
      expect(fault).toContain(words)
      expect(start.stderr).toBe(fault)
      expect(fault).not.toContain(PASSWORD)
    }
  })

  test('warn of a certificate that has expired', async () => {
    files.make('old', 'ec')
    files.expire('old')
    const text = settings(files.path('old.pem'), files.path('old-key.pem'))
    const warning =
      /^aquatic_ws: warning: the certificate \(CN=old\) has expired, on .* GMT: renew it$/m
    const check = await runTracker({ executable: [WS_EXECUTABLE, '--check'], settings: text })
    expect(check.code).toBe(0)
    expect(check.stderr).toMatch(warning)
    await withTracker({ executable: WS_EXECUTABLE, settings: text }, async (tracker) => {
      expect(tracker.stderr).toMatch(warning)
      await serves(tracker)
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/warn .*has expired/)
    })
  })
})

function settings(cert: string, key: string, more = ''): string {
  return `socket_workers = 2\nlog_level = 'info'\n[network]\naddress = '127.0.0.1:0'
    use_tls = true\ntls_certificate_path = '${cert}'\ntls_private_key_path = '${key}'\n${more}`
}

/** The first certificate, and of the second all but its end. */
function halfOf(first: string, second: string): string {
  const text = files.read(`${first}.pem`) + files.read(`${second}.pem`)
  return files.write(`half-${first}.pem`, text.slice(0, -300))
}

async function serves(tracker: Tracker): Promise<void> {
  const client = await WsClient.connect(tracker.at(), { tls: true })
  const announce = { action: 'announce', info_hash: 'h'.repeat(20), peer_id: 'p'.repeat(20) }
  expect(await client.ask(announce)).toMatchObject({ interval: 120 })
  await client.close()
}

describe('a tracker with use_tls', () => {
  test.each([
    ['tls_certificate_path', '/none/cert.pem', 'there is no such file (ENOENT)'],
    ['tls_private_key_path', '/none/key.pem', 'there is no such file (ENOENT)'],
    ['tls_private_key_path', '/dev/zero', 'it is a device, and only regular files are read'],
  ])('does not start without the file of %s', async (setting, path, why) => {
    const of = (name: string, file: string) => (name === setting ? path : files.path(file))
    const cert = of('tls_certificate_path', 'ec.pem')
    const key = of('tls_private_key_path', 'ec-key.pem')
    const options = { settings: settings(cert, key) }
    const { code: exit, stderr } = await runTracker({ ...options, executable: WS_EXECUTABLE })
    expect(exit).toBe(1)
    expect(stderr).toBe(`aquatic_ws: [network] ${setting} '${path}' cannot be read: ${why}\n`)
  })

  test('serves wss, and health by https', async () => {
    const path = files.makePkcs12('rsa', PASSWORD)
    const text = `[network]\naddress = '127.0.0.1:0'\nuse_tls = true\ntls_pkcs12_path = '${path}'\n`
    const env = { AQUATIC_NETWORK_TLS_PKCS12_PASSWORD: PASSWORD }
    await withTracker({ executable: WS_EXECUTABLE, settings: text, env }, async (tracker) => {
      await serves(tracker)
      expect(await nameShown(tracker.at())).toBe('rsa')
      const options = { tls: { rejectUnauthorized: false } }
      expect((await fetch(`https://${tracker.address()}/health`, options)).status).toBe(200)
      expect((await fetch(`https://${tracker.address()}/`, options)).status).toBe(426)
      expect(tracker.stderr).not.toContain(PASSWORD)
    })
  })

  test('takes new certificates on SIGUSR1, keeps connections, and the old ones if they are wrong', async () => {
    const cert = files.write('live.pem', files.read('ec.pem'))
    const key = files.write('live-key.pem', files.read('ec-key.pem'))
    const options = { executable: WS_EXECUTABLE, settings: settings(cert, key) }
    await withTracker(options, async (tracker) => {
      const old = await WsClient.connect(tracker.at(), { tls: true })
      expect(await nameShown(tracker.at())).toBe('ec')
      files.write('live.pem', files.read('other.pem'))
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/the certificate stays as it was: the key .* is not that of/)
      expect(await nameShown(tracker.at())).toBe('ec')
      files.write('live-key.pem', files.read('other-key.pem'))
      files.write('live.pem', `${files.read('other.pem')}${files.read('ec.pem').slice(0, -300)}`)
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/the certificate stays as it was: .* line \d+ begins a block/)
      expect(await nameShown(tracker.at())).toBe('ec')
      files.write('live.pem', files.read('other.pem'))
      tracker.signal('SIGUSR1')
      await waitUntil('the new certificate is shown', async () => {
        const names = await Promise.all(Array.from({ length: 8 }, () => nameShown(tracker.at())))
        return names.every((name) => name === 'other')
      })
      await tracker.waitForOutput(/info {2}ws: new connections get the certificate as it is now\n/)
      const announce = { action: 'announce', info_hash: 'h'.repeat(20), peer_id: 'q'.repeat(20) }
      expect(await old.ask(announce)).toMatchObject({ interval: 120 })
      await serves(tracker)
      old.destroy()
    })
  }, 180_000)

  test('closes a handshake that is not completed within 15 seconds, however slowly it goes on', async () => {
    const text = settings(files.path('ec.pem'), files.path('ec-key.pem'))
    await withTracker({ executable: WS_EXECUTABLE, settings: text }, async (tracker) => {
      const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)
      await Promise.all(
        [new Uint8Array(0), hello].flatMap((start) =>
          [false, true].map(async (trickles) => {
            const socket = openSocket(tracker.at())
            const closed = new Promise((resolve) => socket.on('close', resolve))
            socket.on('error', () => {})
            if (start.length > 0) socket.write(start)
            const timer = setInterval(() => trickles && socket.write('a'), 1000)
            expect(await waitFor(closed, 30_000)).toBeDefined()
            clearInterval(timer)
          }),
        ),
      )
      await serves(tracker)
    })
  }, 180_000)
})

const isRoot = process.getuid?.() === 0
/** Ports from here on need no rights. */
const UNPRIVILEGED = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'))

describe.skipIf(!isRoot)(
  `a tracker that root starts with drop_privileges${isRoot ? '' : ' (skipped: needs root)'}`,
  () => {
    const drop = (root: string) => `[privileges]\ndrop_privileges = true\nchroot_path = '${root}'\n`

    test('takes new certificates afterwards, when they are inside its root directory', async () => {
      const cert = files.write('dropped.pem', files.read('ec.pem'))
      const key = files.write('dropped-key.pem', files.read('ec-key.pem'))
      // The same paths lead to the same files, from outside and inside.
      const options = { executable: WS_EXECUTABLE, settings: settings(cert, key, drop('/')) }
      await withTracker(options, async (tracker) => {
        expect(tracker.stderr).not.toContain('SIGUSR1')
        await serves(tracker)
        files.write('dropped.pem', files.read('other.pem'))
        files.write('dropped-key.pem', files.read('other-key.pem'))
        tracker.signal('SIGUSR1')
        await waitUntil('the new certificate is shown', async () => {
          return (await nameShown(tracker.at())) === 'other'
        })
        await serves(tracker)
      })
    }, 180_000)

    test.skipIf(UNPRIVILEGED <= 443)(
      'takes new ones for a port that it may not open any more',
      async () => {
        const cert = files.write('low.pem', files.read('ec.pem'))
        const key = files.write('low-key.pem', files.read('ec-key.pem'))
        const text = settings(cert, key, drop('/'))
        // Below 1024, on an address that no other test uses.
        const env = { AQUATIC_NETWORK_ADDRESS: '127.0.0.79:443' }
        await withTracker({ executable: WS_EXECUTABLE, settings: text, env }, async (tracker) => {
          expect(tracker.stderr).not.toContain('SIGUSR1')
          await serves(tracker)
          files.write('low.pem', files.read('other.pem'))
          files.write('low-key.pem', files.read('other-key.pem'))
          tracker.signal('SIGUSR1')
          await waitUntil('the new certificate is shown', async () => {
            return (await nameShown(tracker.at())) === 'other'
          })
          await serves(tracker)
          tracker.signal('SIGTERM')
          expect((await tracker.waitForEnd()).code).toBe(0)
        })
      },
      180_000,
    )

    test('says at the start what new certificates would need', async () => {
      const text = settings(files.path('ec.pem'), files.path('ec-key.pem'), drop(files.folder))
      await withTracker({ executable: WS_EXECUTABLE, settings: text }, async (tracker) => {
        expect(tracker.stderr).toContain('warning: SIGUSR1 will not find new certificates')
        await serves(tracker)
        tracker.signal('SIGUSR1')
        await tracker.waitForOutput(/the certificate stays as it was/)
        await serves(tracker)
      })
    }, 180_000)
  },
)
