// A certificate by ACME: files for certbot's --webroot, and one that the tracker gets by itself, from Pebble (of the Go
// module github.com/letsencrypt/pebble/v2) where that is installed: in PATH, or where AQUATIC_PEBBLE says.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Log } from '../../src/log/log.ts'
import { Acme, isDue, prepareAcme } from '../../src/tls/acme.ts'
import { acmeFiles, acmeFindings } from '../../src/tls/acme-settings.ts'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { askOnce, askOnceTls } from '../support/http-client.ts'
import { HTTP_EXECUTABLE, runTracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const PEBBLE = process.env.AQUATIC_PEBBLE ?? Bun.which('pebble')
const DAY_MS = 86_400_000
const CHALLENGES = '.well-known/acme-challenge'

const files = new Certificates()
beforeAll(() => files.make('localhost', 'ec', 90))
afterAll(() => files.remove())

/** Free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('answers of another program are served from its folder, and nothing else', () =>
  inFolder((folder) => {
    mkdirSync(join(folder, CHALLENGES), { recursive: true })
    writeFileSync(join(folder, CHALLENGES, 'token_of-the-authority'), 'token.fingerprint')
    writeFileSync(join(folder, CHALLENGES, 'very-long'), 'x'.repeat(5000))
    writeFileSync(join(folder, 'secret-file'), 'secret')
    symlinkSync(folder, join(folder, CHALLENGES, 'a-folder'))
    // Nobody writes to it: a reader would wait for ever, and the worker with it.
    spawnSync('mkfifo', [join(folder, CHALLENGES, 'a-pipe-of-nobody')])
    const settings =
      `[network]\naddress = '127.0.0.1:0'\nuse_tls = true\nplain_address = '127.0.0.1:0'\n` +
      `tls_certificate_path = '${files.path('localhost.pem')}'\ntls_private_key_path = '${files.path('localhost-key.pem')}'\n` +
      `plain_requests = 'redirect'\nhttps_name = 'localhost'\nacme_webroot = '${folder}'\n`
    return withTracker({ executable: HTTP_EXECUTABLE, settings }, async (tracker) => {
      const ask = async (token: string) => {
        const { status, body } = await askOnce(tracker.at(undefined, 1), `/${CHALLENGES}/${token}`)
        return `${status} ${body.toString()}`
      }
      expect(await ask('token_of-the-authority')).toBe('200 token.fingerprint')
      for (const token of [
        '',
        'another-token',
        'very-long',
        '../../secret-file',
        '..%2f..%2fsecret-file',
        'a-folder',
        'a-pipe-of-nobody',
      ]) {
        expect(await ask(token)).toBe('301 ')
      }
      // Only by plain HTTP.
      const { status } = await askOnceTls(tracker.at(), `/${CHALLENGES}/token_of-the-authority`)
      expect(status).toBe(404)
    })
  }))

test('a certificate is due for other names, and when a third of its time is left', () => {
  const certificate = files.read('localhost-names.pem')
  const now = Date.now()
  expect(isDue(certificate, ['localhost'], now)).toBe(false)
  expect(isDue(certificate, ['LOCALHOST', 'other.test'], now)).toBe(true)
  expect(isDue(certificate, ['localhost'], now + 59 * DAY_MS)).toBe(false)
  expect(isDue(certificate, ['localhost'], now + 61 * DAY_MS)).toBe(true)
})
beforeAll(() => files.makeNamed('localhost-names', 'localhost', 90))

test('files that a sudden end has left, of which one is older, do not stop a start', () =>
  inFolder((path) => {
    const config = { domains: 'a.test', path, terms_accepted: true, email: '', directory: '' }
    const { certificate, key } = acmeFiles(config)
    const fits = () =>
      new X509Certificate(readFileSync(certificate)).checkPrivateKey(
        createPrivateKey(readFileSync(key)),
      )
    prepareAcme(config)
    const first = readFileSync(key)
    prepareAcme(config)
    expect(readFileSync(key)).toEqual(first)
    for (const left of [files.read('localhost-names-key.pem'), '', 'not a key']) {
      writeFileSync(key, left)
      prepareAcme(config)
      expect(fits()).toBe(true)
    }
    writeFileSync(certificate, '')
    prepareAcme(config)
    expect(fits()).toBe(true)
    expect(isDue(readFileSync(certificate, 'latin1'), ['a.test'], Date.now())).toBe(true)
  }))

describe('an authority that does not answer is named in the log, and is a trouble:', () => {
  test.each<[string, RequestListener | null, string]>([
    ['never', () => {}, 'timed out'],
    ['by an error', (_, response) => response.writeHead(503).end(), 'status 503'],
    ['not even listening', null, 'connect'],
  ])('%s', (_, answer, reason) =>
    inFolder(async (path) => {
      const server = createHttpServer(answer ?? undefined).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      if (answer === null) server.close()
      const directory = `http://127.0.0.1:${port}/directory`
      const config = { domains: 'a.test', path, terms_accepted: true, email: '', directory }
      const told: string[] = []
      const log = { always: (level: string, text: string) => told.push(`${level}: ${text}`) }
      prepareAcme(config)
      const acme = new Acme(config, log as unknown as Log, () => expect.unreachable(), {
        answerMs: 200,
        orderMs: 60_000,
      })
      acme.start()
      await waitUntil('it was told', () => told.length === 2)
      acme.stop()
      server.close()
      const begin = `error: no certificate for a.test: ${directory} does not answer: `
      expect(told[1]).toStartWith(begin)
      expect(told[1].slice(begin.length)).toContain(reason)
      expect(acme.troubleSource.find()?.text).toContain(directory)
    }),
  )
})

test('what is missing beside [acme] is told', () => {
  const acme = {
    domains: 'a.test',
    path: '',
    terms_accepted: false,
    email: '',
    directory: 'https://a.test',
  }
  const network = {
    use_tls: false,
    tls_certificate_path: '/a',
    tls_pkcs12_path: '',
    plain_address: '',
    acme_webroot: '',
  }
  const hidden = { drop_privileges: true, chroot_path: '/srv' }
  const all = { drop_privileges: true, chroot_path: '/' }
  expect(acmeFindings(acme, network, hidden).map(({ text }) => text)).toHaveLength(6)
  expect(acmeFindings({ ...acme, domains: '' }, network, hidden).map(({ kind }) => kind)).toEqual([
    'warning',
  ])
  const right = { ...acme, path: '/var/lib/a', terms_accepted: true }
  const fitting = {
    ...network,
    use_tls: true,
    tls_certificate_path: '',
    plain_address: '0.0.0.0:80',
  }
  expect(acmeFindings(right, fitting, all)).toEqual([])
})

test('a folder that cannot be used is told at the start', async () => {
  const settings =
    `[network]\naddress = '127.0.0.1:0'\nuse_tls = true\nplain_address = '127.0.0.1:0'\n` +
    `[acme]\ndomains = 'localhost'\nterms_accepted = true\npath = '/dev/null/acme'\n`
  const { code, stderr } = await runTracker({ executable: HTTP_EXECUTABLE, settings })
  expect(code).toBe(1)
  expect(stderr).toContain("[acme] path '/dev/null/acme' cannot be used")
})

// Skipped where Pebble is missing: it is a program in Go that no registry of ours has.
test.skipIf(PEBBLE === null)(
  'the tracker gets a certificate by itself, and shows it (needs pebble)',
  () =>
    inFolder(async (folder) => {
      const [port, management, plain] = [await freePort(), await freePort(), await freePort()]
      writeFileSync(
        join(folder, 'pebble.json'),
        JSON.stringify({
          pebble: {
            listenAddress: `127.0.0.1:${port}`,
            managementListenAddress: `127.0.0.1:${management}`,
            certificate: files.path('localhost-names.pem'),
            privateKey: files.path('localhost-names-key.pem'),
            httpPort: plain,
            tlsPort: 1,
          },
        }),
      )
      const pebble = Bun.spawn([PEBBLE as string, '-config', join(folder, 'pebble.json')], {
        stdout: 'ignore',
        stderr: 'ignore',
        env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
      })
      try {
        await waitUntil('Pebble answers', () =>
          fetch(`https://127.0.0.1:${port}/dir`, { tls: { rejectUnauthorized: false } }).then(
            ({ ok }) => ok,
            () => false,
          ),
        )
        const acme = join(folder, 'acme')
        const settings =
          `log_level = 'info'\n[network]\naddress = '127.0.0.1:0'\nuse_tls = true\nplain_address = '127.0.0.1:${plain}'\n` +
          `[acme]\ndomains = 'localhost'\nterms_accepted = true\npath = '${acme}'\n` +
          `directory = 'https://localhost:${port}/dir'\n`
        const env = { NODE_EXTRA_CA_CERTS: files.path('localhost-names.pem') }
        await withTracker({ executable: HTTP_EXECUTABLE, settings, env }, async (tracker) => {
          expect(tracker.stderr).toContain('listening')
          await tracker.waitForOutput(/new connections get the certificate as it is now/)
          // That of Pebble has no common name.
          expect(await nameShown(tracker.at())).toBe('undefined')
          expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
          for (const name of ['key.pem', 'account-key.pem']) {
            expect(statSync(join(acme, name)).mode & 0o777).toBe(0o600)
          }
        })
        // The next start finds it, and asks for none.
        await withTracker({ executable: HTTP_EXECUTABLE, settings, env }, async (tracker) => {
          expect(await nameShown(tracker.at())).toBe('undefined')
          expect(tracker.stderr).not.toContain('getting a certificate')
        })
      } finally {
        pebble.kill()
        await pebble.exited
      }
    }),
)
