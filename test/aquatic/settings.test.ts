// The settings of aquatic: those of the single trackers, and what is wrong with them together.
import { describe, expect, test } from 'bun:test'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { type Environment, loadSettings } from '../../src/config/load.ts'
import { defaultsOf, entriesOf, isSection, type Schema } from '../../src/config/schema.ts'
import { httpSettings } from '../../src/http/settings/config.ts'
import { COMBINED, SINGLE } from '../../src/tracker/relatives.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { PATHS_WITHOUT_EFFECT } from '../../src/ws/settings/config-checks.ts'
import { wsSettings } from '../../src/ws/settings/program.ts'
import { settingsContract } from '../contract/settings.ts'
import { ALL_EXECUTABLE, HTTP_EXECUTABLE, runTracker } from '../support/tracker.ts'

const { settings } = aquaticTracker
const entries = new Map(entriesOf(settings.schema).map((entry) => [entry.path, entry]))

settingsContract('aquatic', settings, defaultsOf(settings.schema))

function load(variables: Environment) {
  const { problems, warnings } = loadSettings(settings, null, variables)
  return { problems: problems.join('\n'), warnings: warnings.join('\n') }
}

describe('the settings of aquatic', () => {
  test('are all of the single trackers, but what has no effect, with the same limits', () => {
    const missing: string[] = []
    for (const [name, schema] of [
      ['udp', udpSettings.schema],
      ['http', httpSettings.schema],
      ['ws', wsSettings.schema],
    ] as const) {
      for (const { path, setting } of entriesOf(schema)) {
        const found = entries.get(`${name}.${path}`) ?? entries.get(path)
        if (found === undefined) missing.push(path)
        // What fits the reserve depends on the kinds of peers; that of all together is checked on its own.
        else if (!/^limits\.max_(torrents|peers)$/.test(path)) {
          expect(found.setting.allowed, path).toBe(setting.allowed)
        }
      }
    }
    expect(missing).toEqual([...PATHS_WITHOUT_EFFECT].sort(byFile))
  })

  test('are the same for all, or of one', () => {
    const shared = [...entries.keys()].filter((path) => !/^(udp|http|ws)\./.test(path))
    expect(shared).toContain('log_level')
    expect(shared).toContain('persistence.path')
    expect(shared).toContain('source_limits.requests_per_second')
    expect(shared.filter((path) => /^(network|handlers|workers)(\.|$)/.test(path))).toEqual([])
    expect(entries.has('ws.source_limits.requests_per_second')).toBe(true)
    expect(entries.has('udp.cleaning.max_connection_age')).toBe(true)
    for (const name of ['http', 'ws']) {
      expect(entries.has(`${name}.limits.max_connections`)).toBe(true)
    }
    expect(entries.has('http.source_limits.requests_per_second')).toBe(false)
  })

  test('name no setting in their explanations that is not there', () => {
    const known = new Set([...entries.values()].map(({ section, key }) => `[${section}] ${key}`))
    const named = [...entries.values()].flatMap(({ setting }) => {
      const text = setting.explanation.replace(/\s+/g, ' ')
      return [...text.matchAll(/\[[a-z_.]+\] [a-z0-9]+_[a-z0-9_]+/g)].map(([name]) => name)
    })
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  test('are checked as by the single trackers, under their own names', () => {
    expect(load({ AQUATIC_WS_NETWORK_USE_TLS: 'true' }).problems).toBe(
      'AQUATIC_WS_NETWORK_USE_TLS: [ws.network] use_tls = true needs a certificate: write ' +
        'tls_certificate_path and tls_private_key_path, or tls_pkcs12_path.',
    )
    expect(load({ AQUATIC_UDP_CLEANING_MAX_CONNECTION_AGE: '60' }).warnings).toContain(
      'AQUATIC_UDP_CLEANING_MAX_CONNECTION_AGE: clients that keep to BEP 15 may be refused, because ' +
        '[udp.cleaning] max_connection_age is 60',
    )
    const shared = load({ AQUATIC_CLEANING_INTERVAL: '3000' }).warnings
    expect(shared.match(/interval is above max_peer_age/g)).toHaveLength(1)
  })

  test('of a protocol that is not served are not checked', () => {
    const off = { AQUATIC_WS_ENABLED: 'false', AQUATIC_WS_NETWORK_USE_TLS: 'true' }
    expect(load(off)).toEqual({ problems: '', warnings: '' })
    const none = { ...off, AQUATIC_HTTP_ENABLED: 'false', AQUATIC_UDP_ENABLED: 'false' }
    expect(load(none).problems).toBe(
      'AQUATIC_UDP_ENABLED: no protocol is enabled: set [udp] enabled or [http] enabled or [ws] enabled = true.',
    )
  })

  test('may name one port for UDP and HTTP, and the same addresses for HTTP and WebTorrent, but not some of them', () => {
    const of = (name: string) => entries.get(`${name}.network.address`)?.setting.defaultValue
    expect([of('udp'), of('http'), of('ws')]).toEqual([
      '0.0.0.0:3000',
      '0.0.0.0:3000',
      '0.0.0.0:3001',
    ])
    const both = (http: string, ws: string) =>
      load({ AQUATIC_HTTP_NETWORK_ADDRESS: http, AQUATIC_WS_NETWORK_ADDRESS: ws }).problems
    const told = (address: string) =>
      'AQUATIC_HTTP_NETWORK_ADDRESS: [http.network] address and ' +
      `[ws.network] address are both ${address}: protocols over TCP need ports of their own, or the same addresses in ` +
      '[http.network] as in [ws.network], and no others.'
    expect(both('0.0.0.0:3000', '0.0.0.0:3000')).toBe('')
    expect(both('127.0.0.1:3000', '127.0.0.1:3000')).toBe('')
    expect(both('127.0.0.1:3000,[::1]:3000', '[::1]:3000,127.0.0.1:3000')).toBe('')
    expect(both('127.0.0.1:3000,[::1]:3000', '127.0.0.1:3000')).toBe(told('127.0.0.1:3000'))
    expect(both('0.0.0.0:3000', '127.0.0.1:3000')).toBe(told('127.0.0.1:3000'))
    expect(both('192.0.2.1:3000,[::1]:7000', '127.0.0.1:80,[::1]:7000')).toBe(told('[::1]:7000'))
    expect(both('[::]:3000', '127.0.0.1:3000')).toBe(told('127.0.0.1:3000'))
    expect(both('127.0.0.1:3000', '127.0.0.2:3000')).toBe('')
    expect(both('127.0.0.1:3000', '[::1]:3000')).toBe('')
    expect(both('127.0.0.1:0', '127.0.0.1:0')).toBe('')
    const plain = load({
      AQUATIC_HTTP_NETWORK_USE_TLS: 'true',
      AQUATIC_HTTP_NETWORK_PLAIN_ADDRESS: '127.0.0.1:3001',
    }).problems
    expect(plain).toContain(
      '[http.network] plain_address and [ws.network] address are both 0.0.0.0:3001: protocols over TCP',
    )
    const off = { AQUATIC_HTTP_ENABLED: 'false', AQUATIC_WS_NETWORK_ADDRESS: '0.0.0.0:3000' }
    expect(load(off)).toEqual({ problems: '', warnings: '' })
  })

  test('of addresses that HTTP and WebTorrent share are those of HTTP', () => {
    const shared = {
      AQUATIC_HTTP_NETWORK_ADDRESS: '127.0.0.1:443',
      AQUATIC_WS_NETWORK_ADDRESS: '127.0.0.1:443',
      AQUATIC_HTTP_NETWORK_USE_TLS: 'true',
      AQUATIC_HTTP_NETWORK_TLS_CERTIFICATE_PATH: '/cert.pem',
      AQUATIC_HTTP_NETWORK_TLS_PRIVATE_KEY_PATH: '/key.pem',
    }
    const withMore = (more: Environment) => load({ ...shared, ...more }).problems
    expect(load(shared)).toEqual({ problems: '', warnings: '' })
    // The same again is no contradiction.
    expect(withMore({ AQUATIC_WS_NETWORK_USE_TLS: 'true' })).toBe('')
    expect(withMore({ AQUATIC_WS_NETWORK_TLS_CERTIFICATE_PATH: '/cert.pem' })).toBe('')
    const told = (key: string, section = '.network') =>
      new RegExp(
        `\\[ws${section.replace('.', '\\.')}\\] ${key} is not as \\[http${section.replace('.', '\\.')}\\] .*: on the addresses that ` +
          '\\[ws.network\\] and \\[http.network\\] share, the latter decides. Delete it, or give \\[ws.network\\] address a port of its own.',
      )
    expect(withMore({ AQUATIC_WS_NETWORK_TLS_CERTIFICATE_PATH: '/other.pem' })).toMatch(
      told("tls_certificate_path = '/other.pem'"),
    )
    expect(withMore({ AQUATIC_WS_NETWORK_TRUSTED_PROXIES: '192.0.2.1' })).toMatch(
      told("trusted_proxies = '192.0.2.1'"),
    )
    expect(withMore({ AQUATIC_WS_NETWORK_PROXY_HEADER: 'X-Real-IP' })).toMatch(
      told("proxy_header = 'X-Real-IP'"),
    )
    expect(withMore({ AQUATIC_WS_SOCKET_WORKERS: '3' })).toMatch(told('socket_workers = 3', ''))
    expect(withMore({ AQUATIC_WS_SOCKET_WORKERS: '3', AQUATIC_HTTP_SOCKET_WORKERS: '3' })).toBe('')
    // A password is not shown.
    const secret = withMore({ AQUATIC_WS_NETWORK_TLS_PKCS12_PASSWORD: 'hush' })
    expect(secret).toMatch(told('tls_pkcs12_password'))
    expect(secret).not.toContain('hush')
    const plain = {
      AQUATIC_HTTP_NETWORK_ADDRESS: '0.0.0.0:80',
      AQUATIC_WS_NETWORK_ADDRESS: '0.0.0.0:80',
    }
    expect(load({ ...plain, AQUATIC_WS_NETWORK_USE_TLS: 'true' }).problems).toMatch(
      told('use_tls = true'),
    )
    expect(load({ ...plain, AQUATIC_WS_NETWORK_PROXY_PROTOCOL: 'required' }).problems).toMatch(
      told("proxy_protocol = 'required'"),
    )
  })

  test('may not name a port of a protocol over TCP for the operations page', () => {
    const at = (address: string, more: Environment = {}) =>
      load({ AQUATIC_OPERATIONS_ADDRESS: address, ...more }).problems
    const told = (address: string, section: string) =>
      `AQUATIC_OPERATIONS_ADDRESS: [operations] address = '${address}' has the port of the tracker itself ` +
      `([${section}]): give the page another one, such as '127.0.0.1:9000'.`
    expect(at('127.0.0.1:3000')).toBe(told('127.0.0.1:3000', 'http.network'))
    expect(at('[::1]:3001')).toBe(told('[::1]:3001', 'ws.network'))
    expect(at('127.0.0.1:3002')).toBe('')
    // UDP has ports of its own.
    expect(at('127.0.0.1:3000', { AQUATIC_HTTP_ENABLED: 'false' })).toBe('')
    const tls = {
      AQUATIC_HTTP_NETWORK_USE_TLS: 'true',
      AQUATIC_HTTP_NETWORK_PLAIN_ADDRESS: '127.0.0.1:80',
    }
    expect(at('127.0.0.1:80', tls)).toContain(told('127.0.0.1:80', 'http.network'))
  })

  test('reserve no more than there can be', () => {
    const large = { AQUATIC_LIMITS_MAX_PEERS: '100000000', AQUATIC_LIMITS_MAX_TORRENTS: '20000000' }
    expect(load(large).problems).toContain('4.0 GiB is the most')
    expect(load({ ...large, AQUATIC_WS_ENABLED: 'false' }).problems).toBe('')
  })

  test('are recognised by the single trackers, which say whose they are', async () => {
    expect(COMBINED.name).toBe(aquaticTracker.name)
    const own = Object.entries(settings.schema).filter(([name, node]) => {
      // [pressure] can be switched off too, but is of all.
      return isSection(node) && `${name}.network.address` in Object.fromEntries(entries)
    })
    expect(COMBINED.sections).toEqual(own.map(([name]) => name))
    const ended = await runTracker({
      executable: HTTP_EXECUTABLE,
      settings: "[udp.network]\naddress = '127.0.0.1:0'\n[limits]\nmax_peers = 1",
    })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(
      /:1: \[udp\] is not a section of this program\. It is one of aquatic: start that with these settings\.\n/,
    )
  })

  test("recognise a single tracker's file, and say which flag takes it", async () => {
    const sections = (schema: Schema) =>
      Object.entries(schema).flatMap(([name, node]) => (isSection(node) ? [name] : []))
    const own = sections(settings.schema)
    const singles = [udpSettings, httpSettings, wsSettings].flatMap(({ schema }) =>
      sections(schema),
    )
    expect([...new Set(singles)].filter((name) => !own.includes(name))).toEqual([
      ...(SINGLE.sections ?? []),
    ])
    const ended = await runTracker({
      executable: ALL_EXECUTABLE,
      settings: "[network]\naddress = '127.0.0.1:0'\n",
    })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(
      'Write [udp.network] or [http.network] or [ws.network]; or if the file is that of a single tracker, give it with ' +
        '--udp, --http or --ws in place of -c.',
    )
  })

  test('know the keys of other versions', () => {
    expect(load({ AQUATIC_WS_NETWORK_ENABLE_TLS: 'true' }).problems).toContain(
      'AQUATIC_WS_NETWORK_ENABLE_TLS is not a setting here: it is called [ws.network] use_tls.',
    )
  })
})

function byFile(a: string, b: string): number {
  const paths = entriesOf(wsSettings.schema).map(({ path }) => path)
  return paths.indexOf(a) - paths.indexOf(b)
}
