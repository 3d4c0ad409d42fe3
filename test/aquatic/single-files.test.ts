// The files of the single trackers, as aquatic takes them (--udp FILE, --http FILE, --ws FILE).
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { loadSettings } from '../../src/config/load.ts'
import { defaultsOf, entriesOf, valueAt } from '../../src/config/schema.ts'
import { defaultFile } from '../../src/config/toml-text.ts'
import { httpSettings } from '../../src/http/settings/config.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { wsSettings } from '../../src/ws/settings/program.ts'
import { folderOfFile } from '../support/folder.ts'
import { ALL_EXECUTABLE, runTracker, withTracker } from '../support/tracker.ts'

setDefaultTimeout(180_000)

const { settings, base } = aquaticTracker
const folder = folderOfFile()
const pathOf = (name: string) => join(folder, name)

interface Files {
  readonly udp?: string
  readonly http?: string
  readonly ws?: string
  readonly own?: string
}

function load(
  { udp, http, ws, own }: Files,
  reached: (path: string) => string | null = (path) => path,
) {
  const flags = new Map<string, string>()
  for (const [name, text] of Object.entries({ udp, http, ws, own })) {
    if (text === undefined) continue
    writeFileSync(pathOf(`${name}.toml`), text)
    if (name !== 'own') flags.set(name, pathOf(`${name}.toml`))
  }
  const path = own === undefined ? null : pathOf('own.toml')
  const loaded = loadSettings(settings, path, {}, { base: base?.(flags, reached) })
  const at = (setting: string) => {
    const entry = entriesOf(settings.schema).find((each) => each.path === setting)
    if (entry === undefined) throw new Error(`no ${setting}`)
    return valueAt(loaded.config, entry) as unknown
  }
  const texts = (lines: readonly string[]) => lines.map((line) => line.replaceAll(`${folder}/`, ''))
  return { ...loaded, at, problems: texts(loaded.problems), warnings: texts(loaded.warnings) }
}

describe('a file of a tracker of one protocol', () => {
  test('that is one of aquatic itself, or not there, is refused with the flag to look at', () => {
    const { problems } = load({ udp: "[udp.network]\naddress = '0.0.0.0:7000'" })
    expect(problems).toEqual([
      'udp.toml:1: [udp] is not a section of this program. It is one of aquatic: give the file with -c in place of --udp.',
    ])
    const missing = loadSettings(
      settings,
      null,
      {},
      { base: base?.(new Map([['ws', '/nonexistent/ws.toml']]), (path) => path) },
    )
    expect(missing.problems).toEqual([
      '/nonexistent/ws.toml: there is no such file; check the path after --ws; -p prints a file to start from',
    ])
  })

  test('has its own settings under the name of the protocol, and shared ones in the shared place', () => {
    const udp =
      "socket_workers = 3\nlog_level = 'warn'\n[network]\naddress = '0.0.0.0:7000'\n[limits]\nmax_peers = 5"
    const http =
      "[network]\naddress = '0.0.0.0:7001'\nkeep_alive = false\n[limits]\nmax_connections = 8"
    const ws = '[limits]\nmax_connections = 9\n[protocol]\nmax_offers = 4'
    const { at, problems, origins } = load({ udp, http, ws })
    expect(problems).toEqual([])
    expect(at('udp.socket_workers')).toBe(3)
    expect(at('udp.network.address')).toBe('0.0.0.0:7000')
    expect(at('log_level')).toBe('warn')
    expect(at('limits.max_peers')).toBe(5)
    expect(at('http.network.address')).toBe('0.0.0.0:7001')
    expect(at('http.network.keep_alive')).toBe(false)
    expect(at('http.limits.max_connections')).toBe(8)
    expect(at('ws.limits.max_connections')).toBe(9)
    expect(at('ws.protocol.max_offers')).toBe(4)
    expect(origins.get('limits.max_peers')).toBe(`${pathOf('udp.toml')}:6`)
  })

  test('means the same as there, where defaults differ', () => {
    expect(load({ ws: '' }).at('ws.network.address')).toBe('0.0.0.0:3000')
    expect(load({}).at('ws.network.address')).toBe('0.0.0.0:3001')
  })

  test('has the protocols served that have one', () => {
    const served = (files: Files) => {
      const { at } = load(files)
      return ['udp', 'http', 'ws'].filter((name) => at(`${name}.enabled`))
    }
    expect(served({ udp: '' })).toEqual(['udp'])
    expect(served({ http: '' })).toEqual(['http'])
    expect(served({ udp: '', ws: '' })).toEqual(['udp', 'ws'])
    expect(served({ udp: '', http: '' })).toEqual(['udp', 'http'])
    expect(served({})).toEqual(['udp', 'http', 'ws'])
    expect(load({ udp: '', own: '[ws]\nenabled = true' }).at('ws.enabled')).toBe(true)
  })

  test('as -p prints it changes nothing that is shared', () => {
    const udp = defaultFile('aquatic_udp', udpSettings.schema)
    const http = defaultFile('aquatic_http', httpSettings.schema)
    // On one port with HTTP, as its own default is, it would be a mistake.
    const ws = defaultFile('aquatic_ws', wsSettings.schema).replace(
      "address = '0.0.0.0:3000'",
      "address = '0.0.0.0:3002'",
    )
    const { config, problems, warnings } = load({ udp, http, ws })
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
    const expected = structuredClone(defaultsOf(settings.schema)) as { ws: { network: object } }
    Object.assign(expected.ws.network, { address: '0.0.0.0:3002' })
    expect<object>(config).toEqual(expected)
  })

  test('that differs from another in a shared setting is a mistake that names both values', () => {
    const udp = '[limits]\nmax_peers = 5\nmax_torrents = 7'
    const ws = '[limits]\nmax_peers = 6\nmax_torrents = 7'
    expect(load({ udp, ws }).problems).toEqual([
      '[limits] max_peers is 5 in udp.toml:2, and 6 in ws.toml:2: make them the same, or write it in the ' +
        'file of -c.',
    ])
    const { problems, at } = load({ udp, ws, own: '[limits]\nmax_peers = 8' })
    expect(problems).toEqual([])
    expect(at('limits.max_peers')).toBe(8)
  })

  test('with mistakes is reported with its lines, and what is wrong together with its own name', () => {
    expect(
      load({ udp: 'nonsense = 1\n[network]\naddress = 5', ws: '[network]\nuse_tls = true' })
        .problems,
    ).toEqual([
      'udp.toml:1: nonsense is not a setting of this program. Delete the line, or see -p for all settings.',
      expect.stringMatching(/^udp\.toml:3: \[network\] address = 5 is a number: /),
      'ws.toml:2: [ws.network] use_tls = true needs a certificate: write tls_certificate_path and ' +
        'tls_private_key_path, or tls_pkcs12_path.',
    ])
    expect(load({ ws: '[handlers]\nmax_requests_per_iter = 5' }).warnings).toEqual([
      'ws.toml:2: [handlers] max_requests_per_iter has no effect in this version.',
    ])
  })

  test('that cannot be read again in another root directory is reported', () => {
    expect(load({ udp: '' }, () => null).problems).toEqual([
      'udp.toml is not below [privileges] chroot_path, so it cannot be read again',
    ])
  })
})

describe('as processes', () => {
  const file = pathOf('running.toml')
  const write = (interval: number) =>
    writeFileSync(
      file,
      `log_level = 'info'\n[network]\naddress = '127.0.0.1:0'\n[protocol]\npeer_announce_interval = ${interval}\n`,
    )

  beforeAll(() => write(900))

  test('it is named by --check', async () => {
    const executable = [ALL_EXECUTABLE, '--check', '--udp', file]
    const ended = await runTracker({ executable, settings: '' })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('it is read again on SIGHUP', () => {
    const executable = [ALL_EXECUTABLE, '--udp', file]
    return withTracker(
      { executable, settings: '[limits]\nmax_torrents = 9\nmax_peers = 9\n' },
      async (tracker) => {
        expect(tracker.stderr).toMatch(/listening on UDP: 127\.0\.0\.1:\d+ \(1 socket worker\)\n/)
        write(1000)
        tracker.signal('SIGHUP')
        await tracker.waitForOutput(
          /settings changed: \[udp\.protocol\] peer_announce_interval = 1000 \(it was 900\)\n/,
        )
      },
    )
  })
})
