// Which of several certificates a client is shown: by its name and the keys that it takes.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { connect } from 'node:tls'
import { tlsContexts } from '../../src/tls/contexts.ts'
import { tlsFindings } from '../../src/tls/settings.ts'
import { readTlsFiles, type TlsFiles } from '../../src/tls/tls.ts'
import { Certificates } from '../support/certificates.ts'
import { HttpConnection } from '../support/http-client.ts'
import {
  type Endpoint,
  HTTP_EXECUTABLE,
  type StartOptions,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'

setDefaultTimeout(180_000)

const files = new Certificates()
const NONE = {
  tls_certificate_path: '',
  tls_private_key_path: '',
  tls_pkcs12_path: '',
  tls_pkcs12_password: '',
}

beforeAll(() => {
  files.makeNamed('ec', 'a.test')
  files.makeNamed('rsa', 'a.test', 30, 'rsa')
  files.makeNamed('other', 'b.test')
  files.makeNamed('wild', '*.c.test', 30, 'rsa')
  files.makeNamed('newer', 'a.test')
})
afterAll(() => files.remove())

const ALL = ['ec', 'rsa', 'other', 'wild']
const paths = (names: readonly string[]) => ({
  tls_certificate_path: names.map((name) => files.path(`${name}.pem`)),
  tls_private_key_path: names.map((name) => files.path(`${name}-key.pem`)),
})
const read = (...names: string[]): TlsFiles => readTlsFiles({ ...NONE, ...paths(names) }, () => {})

test('two kinds of keys of one name are one context', () => {
  const { usual, named } = tlsContexts(read('ec', 'rsa'))
  expect(usual.cert.map((pem) => pem.slice(0, 27))).toHaveLength(2)
  expect(named).toEqual([])
})

test('other names have contexts of their own; of two of one kind the first counts', () => {
  const { usual, named } = tlsContexts(read(...ALL, 'newer'))
  expect(usual.cert).toEqual([read('ec').cert, read('rsa').cert])
  expect(named.map(({ name, context }) => [name, context.cert])).toEqual([
    ['b.test', [read('other').cert]],
    ['*.c.test', [read('wild').cert]],
  ])
})

test('a certificate without its key, in a list, is a mistake in the settings', () => {
  const network = { ...NONE, ...paths(ALL), use_tls: true }
  expect(tlsFindings(network, 'http://')).toEqual([])
  const [{ text }] = tlsFindings(
    { ...network, tls_private_key_path: [files.path('ec-key.pem')] },
    'http://',
  )
  expect(text).toContain('names 4 certificates and 1 keys')
})

/** Common name and size of the key of what is shown. */
function shown({ host, port }: Endpoint, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host, port, servername, rejectUnauthorized: false }
    const socket = connect(options, () => {
      const { subject } = socket.getPeerCertificate()
      resolve(String(subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

async function shownByOpenssl(at: Endpoint, ...flags: string[]): Promise<string> {
  const child = Bun.spawn(['openssl', 's_client', '-connect', `${at.host}:${at.port}`, ...flags], {
    stdin: null,
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const text = await new Response(child.stdout).text()
  return /^subject=CN = (\S+)$/m.exec(text)?.[1] ?? ''
}

function trackerWith(executable: string, names: readonly string[]): StartOptions {
  const list = (all: readonly string[]) => `[${all.map((path) => `'${path}'`).join(', ')}]`
  const { tls_certificate_path, tls_private_key_path } = paths(names)
  return {
    executable,
    settings:
      `log_level = 'info'\n[network]\naddress = '127.0.0.1:0'\nuse_tls = true\n` +
      `tls_certificate_path = ${list(tls_certificate_path)}\n` +
      `tls_private_key_path = ${list(tls_private_key_path)}\n`,
  }
}

test.each([
  ['aquatic_http', HTTP_EXECUTABLE],
  ['aquatic_ws', WS_EXECUTABLE],
])('%s shows the certificate of the name, and RSA to whom wants it', (_, executable) =>
  withTracker(trackerWith(executable, ALL), async (tracker) => {
    const at = tracker.at()
    expect(await shown(at, 'b.test')).toBe('other')
    expect(await shown(at, 'x.c.test')).toBe('wild')
    expect(await shown(at, 'unknown.test')).toBe('ec')
    const rsaOnly = ['-sigalgs', 'rsa_pss_rsae_sha256', '-servername', 'a.test']
    expect(await shownByOpenssl(at, ...rsaOnly)).toBe('rsa')
    expect(await shownByOpenssl(at, '-servername', 'a.test')).toBe('ec')
    const rsaCipher = ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256']
    expect(await shownByOpenssl(at, ...rsaCipher)).toBe('rsa')
    expect(await shownByOpenssl(at, '-tls1_1')).toBe('')
  }),
)

test('new certificates reach all names of HTTPS, and no connection is lost for them', () =>
  withTracker(trackerWith(HTTP_EXECUTABLE, ['ec', 'other']), async (tracker) => {
    const at = tracker.at()
    const kept = await HttpConnection.openTls(at)
    let [asked, lost, done] = [0, 0, false]
    const ask = async () => {
      while (!done) {
        asked++
        await HttpConnection.openTls(at)
          .then(async (connection) => {
            await connection.ask('/health', 'Connection: close\r\n')
            connection.close()
          })
          .catch(() => void lost++)
      }
    }
    const load = Promise.all(Array.from({ length: 6 }, ask))
    const [ec, other] = [files.read('ec.pem'), files.read('other.pem')]
    const keys = [files.read('ec-key.pem'), files.read('other-key.pem')]
    try {
      for (let i = 0; i < 6; i++) {
        const swap = i % 2 === 0
        files.write('ec.pem', swap ? other : ec)
        files.write('ec-key.pem', swap ? keys[1] : keys[0])
        files.write('other.pem', swap ? ec : other)
        files.write('other-key.pem', swap ? keys[0] : keys[1])
        tracker.stderr = ''
        tracker.signal('SIGUSR1')
        await tracker.waitForOutput(/new connections get the certificate as it is now/)
        expect(await shown(at, 'unknown.test')).toBe(swap ? 'other' : 'ec')
        expect(await shown(at, 'b.test')).toBe('other')
        expect(await shown(at, 'a.test')).toBe('ec')
        expect((await kept.ask('/health')).status).toBe(200)
      }
    } finally {
      files.write('ec.pem', ec)
      files.write('ec-key.pem', keys[0])
      files.write('other.pem', other)
      files.write('other-key.pem', keys[1])
    }
    done = true
    await load
    expect(asked).toBeGreaterThan(20)
    expect(lost).toBe(0)
  }))
