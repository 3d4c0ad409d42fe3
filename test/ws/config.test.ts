import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { type Environment, loadSettings } from '../../src/config/load.ts'
import { defaultsOf, entriesOf } from '../../src/config/schema.ts'
import { defaultFile } from '../../src/config/toml-text.ts'
import { type WsConfig, wsSettings } from '../../src/ws/config.ts'

const FIXTURE = join(import.meta.dir, '../fixtures/aquatic_ws-2020.toml')
const entries = entriesOf(wsSettings.schema)

function load(environment: Environment) {
  return loadSettings(wsSettings, null, environment)
}

/** What the settings of these variables (without AQUATIC_) are told. */
function findings(variables: Record<string, string>) {
  const environment = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`AQUATIC_${name}`, value]),
  )
  const { problems, warnings } = load(environment)
  return { problems: problems.join('\n'), warnings: warnings.join('\n') }
}

describe('the settings of aquatic_ws', () => {
  test('have these names and defaults', () => {
    const expected: WsConfig = {
      socket_workers: 1,
      log_level: 'error',
      log_format: 'text',
      network: {
        address: '0.0.0.0:3000',
        address_ipv6: 'auto',
        ipv6_only: false,
        use_tls: false,
        tls_certificate_path: '',
        tls_private_key_path: '',
        tls_pkcs12_path: '',
        tls_pkcs12_password: '',
        trusted_proxies: '',
        allowed_origins: '',
        poll_event_capacity: 4096,
        poll_timeout_milliseconds: 50,
        websocket_max_message_size: 65536,
        websocket_max_frame_size: 16384,
      },
      protocol: {
        max_scrape_torrents: 255,
        max_offers: 10,
        peer_announce_interval: 120,
        interval_jitter: 5,
        count_downloads: true,
      },
      handlers: { max_requests_per_iter: 10000, channel_recv_timeout_microseconds: 200 },
      statistics: { interval: 0, torrent_peer_histograms: false },
      operations: { address: '', show_info_hashes: false },
      access_list: { mode: 'off', path: '' },
      cleaning: {
        interval: 30,
        max_peer_age: 180,
        max_offer_age: 120,
        max_connection_age: 180,
        ping_interval_seconds: 30,
      },
      privileges: { drop_privileges: false, chroot_path: '.', user: 'nobody', group: '' },
      limits: {
        max_torrents: 2000000,
        max_peers: 10000000,
        max_connections: 100000,
        max_connections_per_ip: 1000,
        max_torrents_per_connection: 10000,
        max_backlog_bytes: 1048576,
      },
    }
    expect(defaultsOf(wsSettings.schema)).toEqual(expected)
  })

  test('accept the file of 2020 as it is', () => {
    const { config, problems, warnings, origins } = loadSettings(wsSettings, FIXTURE, {})
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
    expect(origins.size).toBe(22)
    expect(config).toEqual(defaultsOf(wsSettings.schema))
  })

  test('have every key of the file of 2020', () => {
    const paths = new Set(entries.map((entry) => entry.path))
    for (const [name, value] of Object.entries(parse(readFileSync(FIXTURE, 'utf8')))) {
      const keys = typeof value === 'object' ? Object.keys(value) : null
      if (keys === null) expect(paths).toContain(name)
      else for (const key of keys) expect(paths).toContain(`${name}.${key}`)
    }
  })

  test('are printed as a file that gives the defaults', () => {
    const text = defaultFile('aquatic_ws', wsSettings.schema)
    expect(parse(text) as object).toEqual(defaultsOf(wsSettings.schema))
  })

  test('have defaults that pass their own checks without a warning', () => {
    const environment = Object.fromEntries(
      entries.map((entry) => [entry.variable, String(entry.setting.defaultValue)]),
    )
    const { config, problems, warnings } = load(environment)
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
    expect(config).toEqual(defaultsOf(wsSettings.schema))
  })

  test('never show the password of the certificate', () => {
    const secret = entries.filter(({ setting }) => setting.secret).map(({ path }) => path)
    expect(secret).toEqual(['network.tls_pkcs12_password'])
  })
})

describe('contradictions', () => {
  const PEM = {
    NETWORK_TLS_CERTIFICATE_PATH: 'cert.pem',
    NETWORK_TLS_PRIVATE_KEY_PATH: 'key.pem',
  }
  const PKCS12 = { NETWORK_TLS_PKCS12_PATH: 'both.p12' }
  const TLS = { NETWORK_USE_TLS: 'true' }

  test('TLS without a certificate is refused', () => {
    expect(findings(TLS).problems).toContain('use_tls = true needs a certificate')
    expect(findings({ ...TLS, ...PEM }).problems).toBe('')
    expect(findings({ ...TLS, ...PKCS12 }).problems).toBe('')
  })

  test('both kinds of certificate are refused', () => {
    expect(findings({ ...TLS, ...PEM, ...PKCS12 }).problems).toContain('twice')
  })

  test.each(['NETWORK_TLS_CERTIFICATE_PATH', 'NETWORK_TLS_PRIVATE_KEY_PATH'])(
    'half a pair, %s alone, is refused',
    (name) => {
      expect(findings({ ...TLS, [name]: 'file.pem' }).problems).toContain('write both')
    },
  )

  test('a certificate that is not used is told', () => {
    expect(findings(PEM)).toMatchObject({ problems: '' })
    expect(findings(PEM).warnings).toContain('use_tls is false')
    expect(findings(PKCS12).warnings).toContain('use_tls is false')
  })

  test.each([
    ['NETWORK_POLL_EVENT_CAPACITY', '1'],
    ['NETWORK_POLL_TIMEOUT_MILLISECONDS', '1'],
    ['NETWORK_WEBSOCKET_MAX_FRAME_SIZE', '1000'],
    ['HANDLERS_MAX_REQUESTS_PER_ITER', '1'],
    ['HANDLERS_CHANNEL_RECV_TIMEOUT_MICROSECONDS', '1'],
  ])('%s, which has no effect, is told when it is changed', (name, value) => {
    expect(findings({ [name]: value }).warnings).toContain('has no effect')
  })

  test.each([
    ['CLEANING_MAX_PEER_AGE', '120', 'peers would be forgotten'],
    ['CLEANING_MAX_CONNECTION_AGE', '100', 'connections would be closed'],
    ['CLEANING_INTERVAL', '181', 'beyond their age'],
  ])('%s = %s is told: %s', (name, value, text) => {
    expect(findings({ [name]: value }).warnings).toContain(text)
  })

  test.each(['192.0.2.0/33', '192.0.2/24', 'localhost', '::1/129', 'fe80::1%eth0', '1.2.3.4/2/3'])(
    'a trusted proxy %p is refused',
    (text) => {
      expect(findings({ NETWORK_TRUSTED_PROXIES: text }).problems).toContain('TRUSTED_PROXIES')
    },
  )

  test('addresses, networks and lists of them are trusted proxies', () => {
    const list = '127.0.0.1, 10.0.0.0/8, ::1, 2001:db8::/32'
    expect(findings({ NETWORK_TRUSTED_PROXIES: list }).problems).toBe('')
  })

  test.each(['example.com', 'https://example.com/page', 'https://'])(
    'an origin %p is refused',
    (text) => {
      expect(findings({ NETWORK_ALLOWED_ORIGINS: text }).problems).toContain('ALLOWED_ORIGINS')
    },
  )
})
