// Certificates: every form of file, what is told about wrong ones, and the change while it runs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTlsFiles } from '../../src/ws/tls.ts'
import { TlsError } from '../../src/ws/tls-file.ts'
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
  files.make('p224', 'ec of a curve without use')
  files.make('short', 'rsa of 512 bits')
})
afterAll(() => files.remove())

const NONE = {
  tls_certificate_path: '',
  tls_private_key_path: '',
  tls_pkcs12_path: '',
  tls_pkcs12_password: '',
}
const said: string[] = []
const say = (text: string) => said.push(text)
const pem = (cert: string, key: string) =>
  readTlsFiles({ ...NONE, tls_certificate_path: cert, tls_private_key_path: key }, say)
const pkcs12 = (path: string, password: string) =>
  readTlsFiles({ ...NONE, tls_pkcs12_path: path, tls_pkcs12_password: password }, say)

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

  test('are read past what else stands in them', () => {
    const key = files.read('ec-key.pem')
    const both = files.write('both.pem', `subject=CN = ec\n${files.read('ec.pem')}${key}`)
    expect(summary(pem(both, both))).toEqual(['CN=ec', 1])
    const x509 = files.read('ec.pem').replaceAll('CERTIFICATE', 'X509 CERTIFICATE')
    const path = files.write('x509.pem', x509 + files.read('other.pem').replaceAll('\n', '\r\n'))
    expect(summary(pem(path, both))).toEqual(['CN=ec', 2])
  })

  test('whose chain would be shorter than the file are refused, with the line', () => {
    const [first, second] = [files.read('ec.pem'), files.read('other.pem')]
    const line = first.split('\n').length
    const lines = second.trimEnd().split('\n')
    const der = Buffer.from(lines.slice(1, -1).join(''), 'base64')
    const longer = Buffer.concat([der, Buffer.of(5, 0)]).toString('base64')
    const cases = [
      [second.slice(0, -300), 'does not end'],
      [second.slice(0, 20), 'is a damaged boundary'],
      [second.slice(10), 'belongs to a block whose BEGIN is missing', 1],
      [lines.toSpliced(3, 1).join('\n'), 'the certificate that begins in'],
      [`${lines[0]}\n${longer}\n${lines.at(-1)}`, 'the certificate that begins in'],
      [second.replace('\n', '\nA: b\n\n'), 'the certificate that begins in'],
      [second.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), 'that is no certificate'],
      [second.replaceAll('CERTIFICATE', 'PKCS7'), 'that is no certificate'],
      ['\0'.repeat(300), 'has a byte of value 0'],
    ] as const
    for (const [rest, words, more = 0] of cases) {
      const path = files.write('half.pem', first + rest)
      const message = messageOf(() => pem(path, files.path('ec-key.pem')))
      expect(message).toStartWith(`[network] tls_certificate_path '${path}': `)
      expect(message).toContain(words)
      expect(message).toContain(`line ${line + more} `)
    }
  })

  test('whose key is damaged are refused, without a word of it', () => {
    const key = files.read('rsa-key.pem')
    const cases = [
      [key.slice(0, -200), 'does not end'],
      [key.replace('\nM', '\n!'), 'is no base64'],
      [key.split('\n').toSpliced(5, 1).join('\n'), 'holds no private key'],
    ]
    for (const [text, words] of cases) {
      const message = messageOf(() => pem(files.path('rsa.pem'), files.write('half-key.pem', text)))
      expect(message).toContain(words)
      const bodies = text.split('\n').filter((line) => line.length > 20 && !line.startsWith('--'))
      for (const body of bodies) expect(message).not.toContain(body.slice(0, 20))
    }
  })

  test('that the server could not use are refused', () => {
    const [p224, short] = ['p224', 'short'].map((name) => {
      return messageOf(() => pem(files.path(`${name}.pem`), files.path(`${name}-key.pem`)))
    })
    expect(p224).toMatch(/p224\.pem' \(ec\) cannot be used for TLS here: .*UNSUPPORTED_ALGORITHM/)
    expect(short).toContain("short.pem' has 512 bits, too few for TLS")
  })

  test('that are no regular files are refused at once', () => {
    const fifo = files.path('fifo')
    Bun.spawnSync(['mkfifo', fifo])
    expect(messageOf(() => pem(fifo, files.path('ec-key.pem')))).toContain('it is a pipe, and only')
    const zero = messageOf(() => pem(files.path('ec.pem'), '/dev/zero'))
    expect(zero).toContain('it is a device, and only')
    const long = files.write('long.pem', '#'.repeat(1_048_577))
    const message = messageOf(() => pem(long, files.path('ec-key.pem')))
    expect(message).toContain('it is longer than 1048576 bytes')
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
      [settings(halfOf('ec', 'other'), files.path('ec-key.pem')), 'does not end: the file was'],
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

  test.each(['sha1', 'sha256', 'sha384', 'sha512'])('is read when its check is of %s', (hash) => {
    const path = files.makePkcs12('ec', PASSWORD, '-macalg', hash, '-iter', '3000')
    expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
    expect(messageOf(() => pkcs12(path, 'another'))).toContain('that is not its password')
  })

  test('is read with a line end behind it, and with nothing else', () => {
    const bytes = readFileSync(files.makePkcs12('ec', PASSWORD))
    const behind = (text: string) => {
      return files.write('behind.p12', bytes.toString('latin1') + text, 'latin1')
    }
    for (const text of ['\n', '\r\n', '\n\n']) {
      expect(summary(pkcs12(behind(text), PASSWORD))).toEqual(['CN=ec', 1])
    }
    for (const text of ['\0', ' x\n', '0\0']) {
      expect(messageOf(() => pkcs12(behind(text), PASSWORD))).toContain('is no PKCS#12 file')
    }
    const cut = files.write('cut.p12', bytes.toString('latin1').slice(0, -1), 'latin1')
    expect(messageOf(() => pkcs12(cut, PASSWORD))).toContain('a part of one is missing')
  })

  // Derived in JavaScript, these rounds took most of a minute.
  test.each([
    ['of the newer encryption', []],
    ['of the older encryption', ['-legacy']],
  ])(
    'with a million rounds %s is read in a moment, after a word',
    (_name, more) => {
      const quick = files.makePkcs12('ec', PASSWORD, ...more)
      said.length = 0
      pkcs12(quick, PASSWORD)
      expect(said).toEqual([])
      const path = files.makePkcs12('ec', PASSWORD, ...more, '-iter', '1000000')
      const start = performance.now()
      expect(summary(pkcs12(path, PASSWORD))).toEqual(['CN=ec', 1])
      expect(performance.now() - start).toBeLessThan(10_000)
      expect(said).toEqual([
        `reading '${path}', whose password takes 1000000 rounds: this may take some seconds`,
      ])
    },
    30_000,
  )

  test('that asks for more rounds than anybody waits for is refused', () => {
    const more = ['-certpbe', 'NONE', '-nomac', '-iter', '65537']
    const bytes = readFileSync(files.makePkcs12('ec', PASSWORD, ...more)).toString('hex')
    expect(bytes).toContain('0203010001')
    const text = Buffer.from(bytes.replaceAll('0203010001', '02037fffff'), 'hex').toString('latin1')
    const message = messageOf(() => pkcs12(files.write('rounds.p12', text, 'latin1'), PASSWORD))
    expect(message).toMatch(/asks for 8388607 rounds of its password, more than 8000000\. Make PEM/)
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
      await tracker.waitForOutput(/aquatic_ws: new connections get the certificate as it is now\n/)
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
/** Ports from here on are anybody's. */
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
    }, 30_000)

    test.skipIf(UNPRIVILEGED <= 443)(
      'stays with the old ones when it may not open its port again',
      async () => {
        const text = settings(files.path('ec.pem'), files.path('ec-key.pem'), drop('/'))
        // Below 1024, on an address that no other test uses.
        const env = { AQUATIC_NETWORK_ADDRESS: '127.0.0.79:443' }
        await withTracker({ executable: WS_EXECUTABLE, settings: text, env }, async (tracker) => {
          const noRight =
            /SIGUSR1 will not open port 443 .*: set net\.ipv4\.ip_unprivileged_port_start/
          expect(tracker.stderr).toMatch(noRight)
          await serves(tracker)
          for (let signals = 1; signals <= 2; signals++) {
            tracker.signal('SIGUSR1')
            const line =
              'error ws: the certificate stays as it was: its port cannot be opened again: no permission (EACCES)'
            await waitUntil('it is logged', () => tracker.stderr.split(line).length - 1 === signals)
          }
          expect(tracker.stderr).not.toContain('as it is now')
          await serves(tracker)
          tracker.signal('SIGTERM')
          expect((await tracker.waitForEnd()).code).toBe(0)
        })
      },
      30_000,
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
    }, 30_000)
  },
)
