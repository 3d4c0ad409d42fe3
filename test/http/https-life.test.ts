// aquatic_http over TLS in the hands of its operator: files, settings, descriptors, privileges, replacement.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnceTls, HttpConnection } from '../support/http-client.ts'
import {
  type Endpoint,
  HTTP_EXECUTABLE,
  runTracker,
  type StartOptions,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const ASKERS = 6
const LOST_SHARE_MAX = 0.02
const TICKS_PER_SECOND = 100
/** In which a loop that spins would take as many ticks. */
const WATCHED_MS = 500
const isRoot = process.getuid?.() === 0

const files = new Certificates()
beforeAll(() => {
  files.make('ec', 'ec')
  files.make('rsa', 'rsa')
})
afterAll(() => files.remove())

function withFiles(cert: string, key: string, network = '', more = ''): StartOptions {
  return {
    executable: HTTP_EXECUTABLE,
    settings:
      `[network]\naddress = '127.0.0.1:0'\nuse_tls = true\ntls_certificate_path = '${cert}'\n` +
      `tls_private_key_path = '${key}'\n${network}\n${more}\n`,
  }
}

const usual = (network = '', more = '') =>
  withFiles(files.path('ec.pem'), files.path('ec-key.pem'), network, more)

test('a PKCS#12 file, and IPv6', () => {
  const path = files.makePkcs12('rsa', 'a password')
  const settings =
    `[network]\naddress = '[::1]:0'\nuse_tls = true\ntls_pkcs12_path = '${path}'\n` +
    `tls_pkcs12_password = 'a password'\n`
  return withTracker({ executable: HTTP_EXECUTABLE, settings }, async (tracker) => {
    expect(await nameShown(tracker.at())).toBe('rsa')
    await askOnceTls(tracker.at(), announceTarget({ port: 1001 }))
    const { body } = await askOnceTls(tracker.at(), announceTarget({ port: 1002 }))
    expect(readDictionary(body)).toMatchObject({ incomplete: 1 })
    expect(Buffer.from(body).toString('latin1')).toContain('6:peers618:')
  })
})

test.each([
  [
    'the key of another',
    () => withFiles(files.path('ec.pem'), files.path('rsa-key.pem')),
    'is not that of the certificate',
  ],
  [
    'no file',
    () => withFiles('/nowhere.pem', files.path('ec-key.pem')),
    "'/nowhere.pem' cannot be read",
  ],
  ['no key', () => withFiles(files.path('ec.pem'), ''), 'tls_private_key_path is empty'],
  [
    'the same address twice',
    () => usual("plain_address = '127.0.0.1:4433'").settings?.replace(':0', ':4433') ?? '',
    'with TLS and without',
  ],
  [
    'a redirect to nowhere',
    () => usual("plain_address = '127.0.0.1:0'\nplain_requests = 'redirect'"),
    'needs https_name',
  ],
  ['a name that is none', () => usual("https_name = 'https://a.test/'"), 'is not a host name'],
  [
    'plain HTTP beside plain HTTP',
    () => "[network]\naddress = '127.0.0.1:0'\nplain_address = '127.0.0.1:0'\n",
    'use_tls is false',
  ],
])('%s ends the start, and --check', async (_, given, words) => {
  const made = given()
  const options = typeof made === 'string' ? { executable: HTTP_EXECUTABLE, settings: made } : made
  const start = await runTracker(options)
  const check = await runTracker({ ...options, executable: [HTTP_EXECUTABLE, '--check'] })
  expect([start.code, check.code]).toEqual([1, 1])
  for (const { stderr } of [start, check]) expect(stderr.replaceAll(/\s+/g, ' ')).toContain(words)
})

test('without descriptors newcomers wait, nothing spins, and all goes on afterwards', () =>
  withTracker(usual('', "[operations]\naddress = '127.0.0.1:0'"), async (tracker) => {
    const url = await tracker.operationsUrl()
    await fetch(`${url}metrics`)
    const kept = await HttpConnection.openTls(tracker.at())
    await kept.ask('/health')
    const limit = readdirSync(`/proc/${tracker.pid}/fd`).length + 40
    Bun.spawnSync(['prlimit', `--pid=${tracker.pid}`, `--nofile=${limit}:`])
    const { host, port } = tracker.at()
    const silent = Array.from({ length: 80 }, () => {
      const socket = connect({ host, port })
      socket.on('error', () => {})
      return socket
    })
    await waitUntil('the operator is told', async () => {
      return (await (await fetch(url)).text()).includes('New connections have to wait')
    })
    const before = ticks(tracker.pid)
    const end = performance.now() + WATCHED_MS
    await waitUntil('it was watched for a while', async () => {
      expect((await kept.ask('/health')).status).toBe(200)
      return performance.now() > end
    })
    expect(ticks(tracker.pid) - before).toBeLessThan(TICKS_PER_SECOND / 4)
    for (const socket of silent) socket.destroy()
    expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
  }))

test.skipIf(!isRoot)(
  'without privileges a new certificate is taken, from inside the root directory (needs root)',
  () =>
    inFolder((folder) => {
      chmodSync(folder, 0o755)
      const paths = ['certificate.pem', 'key.pem']
      const install = (name: string) => {
        for (const [i, from] of [`${name}.pem`, `${name}-key.pem`].entries()) {
          copyFileSync(files.path(from), join(folder, paths[i]))
          chmodSync(join(folder, paths[i]), 0o644)
        }
      }
      install('ec')
      const more = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\nuser = 'nobody'\n`
      const options = { ...withFiles('certificate.pem', 'key.pem', '', more), cwd: folder }
      return withTracker(options, async (tracker) => {
        expect(await nameShown(tracker.at())).toBe('ec')
        install('rsa')
        tracker.signal('SIGUSR1')
        await tracker.waitForOutput(/new connections get the certificate as it is now/)
        expect(await nameShown(tracker.at())).toBe('rsa')
        expect(tracker.stderr).not.toContain('SIGUSR1 will not')
      })
    }),
)

async function steadyLoad(to: Endpoint, done: () => boolean) {
  let [sent, lost] = [0, 0]
  const ask = async () => {
    while (!done()) {
      sent++
      await askOnceTls(to, '/health').catch(() => void lost++)
    }
  }
  await Promise.all(Array.from({ length: ASKERS }, ask))
  return { sent, lost }
}

test.each([1, 2])('a tracker of %d workers is replaced under load', (workers) =>
  inFolder((folder) => {
    const settings = (port: number) => ({
      executable: HTTP_EXECUTABLE,
      settings:
        `log_level = 'info'\nsocket_workers = ${workers}\n${usual().settings?.replace(':0', `:${port}`)}` +
        `[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true\n`,
    })
    return withTracker(settings(0), async (old) => {
      const to = old.at()
      for (let port = 1001; port <= 1020; port++) await askOnceTls(to, announceTarget({ port }))
      const slow = await HttpConnection.openTls(to)
      slow.send('GET /health HT')
      // It has begun to ask when the stop begins, so it is answered.
      const answered = old.waitForOutput(/info {2}http: stopping/).then(() => {
        slow.send('TP/1.1\r\n\r\n')
        return slow.answer()
      })
      let done = false
      const load = steadyLoad(to, () => done)
      await withTracker(settings(to.port), async (tracker) => {
        expect((await answered).status).toBe(200)
        // With this answer or after it: the worker may hear of the stop a moment later.
        await slow.ended()
        expect(await old.waitForEnd()).toMatchObject({ code: 0 })
        expect(tracker.stderr).toContain('restored 20 peers')
        done = true
        const { sent, lost } = await load
        expect(sent).toBeGreaterThan(50)
        expect(lost / sent).toBeLessThan(LOST_SHARE_MAX)
      })
    })
  }),
)

/** CPU time of a process. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return Number(fields[11]) + Number(fields[12])
}
