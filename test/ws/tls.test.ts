// Certificates: every form of file, what is told about wrong ones, and the change while it runs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { readTlsFiles, TlsError } from '../../src/ws/tls.ts'
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
  files.make('pss', 'rsa signed with PSS')
  files.make('ed25519', 'ed25519')
})
afterAll(() => files.remove())

const NONE = {
  tls_certificate_path: '',
  tls_private_key_path: '',
  tls_pkcs12_path: '',
  tls_pkcs12_password: '',
}
const pem = (cert: string, key: string) =>
  readTlsFiles({ ...NONE, tls_certificate_path: cert, tls_private_key_path: key })
const pkcs12 = (path: string, password: string) =>
  readTlsFiles({ ...NONE, tls_pkcs12_path: path, tls_pkcs12_password: password })

/** The common name of the first certificate, and how many there are. */
function summary({ cert }: { cert: string }): [string, number] {
  const all = cert.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return [new X509Certificate(String(all[0])).subject, all.length]
}

function messageOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(TlsError)
    return (error as TlsError).message
  }
  throw new Error('it was accepted')
}

describe('files in PEM', () => {
  test.each(['ec', 'rsa'])('with an %s key, PKCS#8 or older, are read', (name) => {
    const cert = files.path(`${name}.pem`)
    for (const key of [files.path(`${name}-key.pem`), files.makeTraditional(name)]) {
      expect(summary(pem(cert, key))).toEqual([`CN=${name}`, 1])
    }
  })

  test('keep their chain', () => {
    const chain = files.write('chain.pem', files.read('ec.pem') + files.read('other.pem'))
    expect(summary(pem(chain, files.path('ec-key.pem')))).toEqual(['CN=ec', 2])
  })

  test('that are wrong are told apart', () => {
    const [cert, key] = [files.path('ec.pem'), files.path('ec-key.pem')]
    const junk = files.write('junk.pem', 'junk')
    expect(messageOf(() => pem(files.path('none.pem'), key))).toMatch(
      /none\.pem' cannot be read.*ENOENT/,
    )
    expect(messageOf(() => pem(cert, files.folder))).toContain('it is a directory')
    expect(messageOf(() => pem(junk, key))).toContain("junk.pem' holds no certificate")
    expect(messageOf(() => pem(cert, junk))).toContain("junk.pem' holds no private key")
    const locked = [
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n',
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n',
    ]
    for (const text of locked) {
      const path = files.write('locked.pem', text)
      const message = messageOf(() => pem(cert, path))
      expect(message).toMatch(/^the key in '.*locked\.pem' is encrypted, .*openssl pkey -in/)
    }
    expect(messageOf(() => pem(key, cert))).toContain('holds no certificate')
    expect(messageOf(() => pem(cert, files.path('rsa-key.pem')))).toContain('is not that of')
    expect(messageOf(() => pem(cert, files.path('other-key.pem')))).toContain('is not that of')
  })
})

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

describe('a file in PKCS#12', () => {
  test.each(['ec', 'rsa', 'pss', 'ed25519'])(
    'with an %s key is read as it is, modern and old',
    (name) => {
      const bytes = new X509Certificate(files.read(`${name}.pem`)).fingerprint256
      for (const more of [[], ['-legacy'], ['-keypbe', 'NONE', '-certpbe', 'NONE'], ['-nomac']]) {
        const read = pkcs12(files.makePkcs12(name, PASSWORD, ...more), PASSWORD)
        expect(summary(read)).toEqual([`CN=${name}`, 1])
        expect(new X509Certificate(read.cert).fingerprint256).toBe(bytes)
      }
    },
  )

  test('is read when one of its parts is encrypted as ever and the other the modern way', () => {
    for (const more of ['-keypbe', '-certpbe']) {
      const path = files.makePkcs12('ec', PASSWORD, more, 'PBE-SHA1-3DES')
      expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
    }
  })

  // One of 256 ends like this. With the password in UTF-16, which only its check takes.
  test('is read when it ends in what looks like padding with a wrong key', () => {
    const path = join(import.meta.dir, '../fixtures/padding-by-chance.p12')
    expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
  })

  test('has its own certificate first, whatever the order', () => {
    const path = files.makePkcs12('ec', '', '-certfile', files.path('other.pem'))
    expect(summary(pkcs12(path, ''))).toEqual(['CN=ec', 2])
  })

  test('that is wrong is told', () => {
    const path = files.makePkcs12('rsa', PASSWORD)
    expect(messageOf(() => pkcs12(path, 'another'))).toContain('that is not its password')
    expect(messageOf(() => pkcs12(path, ''))).toContain('that is not its password')
    const unchecked = files.makePkcs12('rsa', PASSWORD, '-nomac')
    expect(messageOf(() => pkcs12(unchecked, 'another'))).toContain(
      'not its password, or it is damaged',
    )
    expect(messageOf(() => pkcs12(files.path('ec.pem'), ''))).toContain('is no PKCS#12 file')
    const other = files.write('integer.p12', '\x30\x03\x02\x01\x03')
    expect(messageOf(() => pkcs12(other, ''))).toContain('is no PKCS#12 file')
    expect(messageOf(() => pkcs12(files.path('none.p12'), ''))).toContain('ENOENT')
    const keyless = files.makePkcs12('rsa', PASSWORD, '-nokeys')
    expect(messageOf(() => pkcs12(keyless, PASSWORD))).toContain('holds no private key')
  })
})

function settings(cert: string, key: string, more = ''): string {
  return `socket_workers = 2\nlog_level = 'info'\n[network]\naddress = '127.0.0.1:0'
    use_tls = true\ntls_certificate_path = '${cert}'\ntls_private_key_path = '${key}'\n${more}`
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
      tracker.signal('SIGUSR1')
      await waitUntil('the new certificate is shown', async () => {
        const names = await Promise.all(Array.from({ length: 8 }, () => nameShown(tracker.at())))
        return names.every((name) => name === 'other')
      })
      const announce = { action: 'announce', info_hash: 'h'.repeat(20), peer_id: 'q'.repeat(20) }
      expect(await old.ask(announce)).toMatchObject({ interval: 120 })
      await serves(tracker)
      old.destroy()
    })
  }, 30_000)

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
            expect(await waitFor(closed, 15_500)).toBeDefined()
            clearInterval(timer)
          }),
        ),
      )
      await serves(tracker)
    })
  }, 30_000)
})

const isRoot = process.getuid?.() === 0

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
    }, 30_000)

    test('says at the start what new certificates would need', async () => {
      const text = settings(files.path('ec.pem'), files.path('ec-key.pem'), drop(files.folder))
      await withTracker({ executable: WS_EXECUTABLE, settings: text }, async (tracker) => {
        expect(tracker.stderr).toContain('warning: SIGUSR1 will not find new certificates')
        await serves(tracker)
        tracker.signal('SIGUSR1')
        await tracker.waitForOutput(/the certificate stays as it was/)
        await serves(tracker)
      })
    }, 30_000)
  },
)
