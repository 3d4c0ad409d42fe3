// Private trackers as their users run them: each protocol with keys, a list that changes, settings that do; and
// no key in anything that a tracker says.
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { spawnSync } from 'node:child_process'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { Certificates } from '../support/certificates.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceTarget, askOnce } from '../support/http-client.ts'
import { announceRequest } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { Refused, WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'

setDefaultTimeout(180_000)

const FIRST = 'Zb6cK9-first_key'
const SECOND = 'Qw3rT5-second_key'
const OLD = 'Hj7kL1-ended_key'
const STRANGE = 'Xc8vB2-unknown_key'
const ALL_KEYS = [FIRST, SECOND, OLD, STRANGE]

const MISSING = 'Access key missing: use the announce URL that you were given'
const UNKNOWN = 'Access key unknown'
const ENDED = 'Access key has expired'

const certificates = new Certificates()
beforeAll(() => certificates.make('own', 'ec'))
afterAll(() => removeFolder(certificates.folder))

let folder = ''
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => removeFolder(folder))

/** Replaces the list, as a whole. */
function writeKeys(...lines: string[]): void {
  const path = join(folder, 'keys')
  writeFileSync(`${path}.new`, lines.map((line) => `${line}\n`).join(''))
  renameSync(`${path}.new`, path)
}

/** What an announce with a key, '' for none, is told; '' when it is served. */
type Ask = (at: Endpoint, key: string) => Promise<string>

const pathOf = (key: string) => (key === '' ? '/announce' : `/${key}/announce`)

const askUdp: Ask = (at, key) =>
  withClient('127.0.0.1', async (client) => {
    const path = pathOf(key)
    const trailing = Buffer.from([2, path.length, ...Buffer.from(path)])
    const request = announceRequest(await client.connect(at), { trailing })
    const { packet } = await client.request(request, at)
    return packet.readUInt32BE(0) === 3 ? packet.toString('utf8', 8) : ''
  })

const askHttp: Ask = async (at, key) => {
  const { status, body } = await askOnce(at, announceTarget().replace('/announce', pathOf(key)))
  expect(status).toBe(200)
  return String(readDictionary(body)['failure reason'] ?? '')
}

const askHttps: Ask = async (at, key) => {
  const target = announceTarget().replace('/announce', pathOf(key))
  const response = await fetch(`https://${at.host}:${at.port}${target}`, {
    tls: { rejectUnauthorized: false },
  })
  expect(response.status).toBe(200)
  const body = Buffer.from(await response.arrayBuffer())
  return String(readDictionary(body)['failure reason'] ?? '')
}

const askWs: Ask = async (at, key) => {
  try {
    const client = await WsClient.connect(at, { path: pathOf(key) })
    const answer = await client.ask(announce('h'.repeat(20), 1))
    client.destroy()
    return answer['failure reason'] ?? ''
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const response = await fetch(`http://${at.host}:${at.port}${pathOf(key)}`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
      },
    })
    // The keys may have changed between the two.
    const isSame = response.status === error.status
    return isSame && error.status === 403 ? (await response.text()).trimEnd() : 'another status'
  }
}

interface Served {
  readonly name: string
  readonly executable: string
  readonly settings: string
  /** Of each protocol, by its name in the start line; '' for the only one. */
  readonly asks: Readonly<Record<string, Ask>>
}

const NETWORK = "[network]\naddress = '127.0.0.1:0'\n"

const SERVED: readonly Served[] = [
  { name: 'aquatic_udp', executable: EXECUTABLE, settings: NETWORK, asks: { '': askUdp } },
  {
    name: 'aquatic_udp with request workers',
    executable: EXECUTABLE,
    settings: `socket_workers = 2\nrequest_workers = 2\n${NETWORK}`,
    asks: { '': askUdp },
  },
  { name: 'aquatic_http', executable: HTTP_EXECUTABLE, settings: NETWORK, asks: { '': askHttp } },
  {
    name: 'aquatic_http with TLS',
    executable: HTTP_EXECUTABLE,
    settings: `${NETWORK}use_tls = true\ntls_certificate_path = '${certificates.path('own.pem')}'
      tls_private_key_path = '${certificates.path('own-key.pem')}'\n`,
    asks: { '': askHttps },
  },
  { name: 'aquatic_ws', executable: WS_EXECUTABLE, settings: NETWORK, asks: { '': askWs } },
  {
    name: 'aquatic',
    executable: ALL_EXECUTABLE,
    settings: ['udp', 'http', 'ws']
      .map((name) => `[${name}.network]\naddress = '127.0.0.1:0'\n`)
      .join(''),
    asks: { UDP: askUdp, HTTP: askHttp, WebTorrent: askWs },
  },
]

async function endpointOf(tracker: Tracker, protocol: string): Promise<Endpoint> {
  const name = protocol === '' ? '' : `${protocol}: `
  const pattern = new RegExp(`listening on .*?${name}([\\d.]+):(\\d+)`)
  const [, host, port] = await tracker.waitForOutput(pattern)
  return { host, port: Number(port) }
}

function settingsFile({ settings, executable }: Served, mode: string): string {
  const small = '[limits]\nmax_torrents = 10000\nmax_peers = 100000\n'
  const connections = 'max_connections = 900\n'
  const limits =
    executable === ALL_EXECUTABLE
      ? `${small}[http.limits]\n${connections}[ws.limits]\n${connections}`
      : executable === EXECUTABLE
        ? small
        : small + connections
  const path = join(folder, 'settings.toml')
  writeFileSync(
    path,
    `log_level = 'debug'\n${settings}${limits}[operations]\naddress = '127.0.0.1:0'\n` +
      `[access_keys]\nmode = '${mode}'\npath = '${join(folder, 'keys')}'\n`,
  )
  return path
}

for (const served of SERVED) {
  test(`${served.name} serves those who have a key, as the list and the settings have it`, () => {
    writeKeys(FIRST, `${OLD} 2001-01-01`)
    const { executable } = served
    return withTracker({ executable, file: settingsFile(served, 'required') }, async (tracker) => {
      const all: [Ask, Endpoint][] = []
      for (const [protocol, ask] of Object.entries(served.asks)) {
        all.push([ask, await endpointOf(tracker, protocol)])
      }
      const told = (key: string) => Promise.all(all.map(([ask, at]) => ask(at, key)))
      const each = (text: string) => all.map(() => text)
      const becomes = (key: string, text: string) =>
        waitUntil(`${text} is told`, async () => String(await told(key)) === String(each(text)))

      expect(await told(FIRST)).toEqual(each(''))
      expect(await told('')).toEqual(each(MISSING))
      expect(await told(STRANGE)).toEqual(each(UNKNOWN))
      expect(await told(OLD)).toEqual(each(ENDED))

      writeKeys(SECOND)
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/access keys \(SIGUSR1\): mode required, 1 key\n/)
      await becomes(FIRST, UNKNOWN)
      expect(await told(SECOND)).toEqual(each(''))

      writeKeys(`${FIRST} ${FIRST}`)
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/access keys '.*' \(SIGUSR1\) line 1 has something after the key/)
      expect(await told(SECOND)).toEqual(each(''))

      const url = await tracker.operationsUrl()
      let pages: string[] = []
      const figures = [
        /reason="key_missing"[^\n]*\} [1-9]/,
        /reason="key_unknown"[^\n]*\} [1-9]/,
        /reason="key_ended"[^\n]*\} [1-9]/,
        /tracker_trouble\{trouble="access_keys_failed"\} 1/,
        /^tracker_access_keys 1$/m,
      ]
      await waitUntil('what was refused is counted, and the trouble told', async () => {
        const paths = ['', 'metrics', 'stats.json', 'health']
        pages = await Promise.all(paths.map(async (path) => (await fetch(`${url}${path}`)).text()))
        return figures.every((figure) => figure.test(pages[1]))
      })

      settingsFile(served, 'off')
      tracker.signal('SIGHUP')
      await tracker.waitForOutput(/access keys \(the settings\): mode off\n/)
      await becomes('', '')

      for (const said of [tracker.stderr, ...pages]) {
        for (const key of ALL_KEYS) expect(said.includes(key.slice(0, 7))).toBe(false)
      }
    })
  })
}

test('a connection of aquatic_ws is not served any more once its key is gone, and again when it is back', () => {
  writeKeys(FIRST)
  const served = SERVED.find(({ name }) => name === 'aquatic_ws') as Served
  const { executable } = served
  return withTracker({ executable, file: settingsFile(served, 'required') }, async (tracker) => {
    const client = await WsClient.connect(tracker.at(), { path: `/${FIRST}` })
    const told = async () => (await client.ask(announce('h'.repeat(20), 1)))['failure reason'] ?? ''
    expect(await told()).toBe('')
    writeKeys(SECOND)
    tracker.signal('SIGUSR1')
    await waitUntil('it is refused', async () => (await told()) === UNKNOWN)
    writeKeys(SECOND, FIRST)
    tracker.signal('SIGUSR1')
    await waitUntil('it is served', async () => (await told()) === '')
    client.destroy()
  })
})

for (const served of SERVED.slice(2)) {
  test(`${served.name} with keys is healthy for whom checks that without one`, () => {
    writeKeys(FIRST)
    const { executable } = served
    return withTracker({ executable, file: settingsFile(served, 'required') }, async (tracker) => {
      const protocols = Object.keys(served.asks)
      const at = await Promise.all(protocols.map((protocol) => endpointOf(tracker, protocol)))
      const path = settingsFile(served, 'required')
      const env: Record<string, string> = {}
      const names = {
        UDP: 'AQUATIC_UDP_NETWORK_ADDRESS',
        HTTP: 'AQUATIC_HTTP_NETWORK_ADDRESS',
        WebTorrent: 'AQUATIC_WS_NETWORK_ADDRESS',
      }
      for (const [i, protocol] of protocols.entries()) {
        const name = names[protocol as keyof typeof names] ?? 'AQUATIC_NETWORK_ADDRESS'
        env[name] = `${at[i].host}:${at[i].port}`
      }
      const { status, stderr } = spawnSync(executable, ['-c', path, '--health-check', '10'], {
        env,
      })
      expect([status, String(stderr)]).toEqual([0, ''])
    })
  })
}

test.skipIf(process.getuid?.() !== 0)(
  'the list is read again in another root directory, as another user',
  () => {
    writeKeys(FIRST)
    const [served] = SERVED
    const file = settingsFile(served, 'required')
    const privileges = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
    appendFileSync(file, privileges)
    return withTracker({ file }, async (tracker) => {
      expect(await askUdp(tracker.at(), FIRST)).toBe('')
      writeKeys(SECOND)
      tracker.signal('SIGUSR1')
      await waitUntil('it is in force', async () => (await askUdp(tracker.at(), SECOND)) === '')
      expect(await askUdp(tracker.at(), FIRST)).toBe(UNKNOWN)
    })
  },
)

test('--check and a start refuse a list with a wrong line, and do not tell it', async () => {
  writeKeys(FIRST, `${SECOND}!`)
  const [served] = SERVED
  const path = settingsFile(served, 'required')
  const check = spawnSync(served.executable, ['-c', path, '--check'], { encoding: 'utf8' })
  const start = spawnSync(served.executable, ['-c', path], { encoding: 'utf8', timeout: 20_000 })
  for (const { status, stderr } of [check, start]) {
    expect(status).toBe(1)
    expect(stderr).toContain(`[access_keys] path '${join(folder, 'keys')}' line 2 has a character`)
    expect(stderr).not.toContain(SECOND.slice(0, 7))
  }
})
