import { describe, expect, test } from 'bun:test'
import { type Environment, loadSettings } from '../../../src/config/load.ts'
import { entriesOf } from '../../../src/config/schema.ts'
import type { WsConfig } from '../../../src/ws/settings/config.ts'
import { frameBytesMax } from '../../../src/ws/settings/config.ts'
import { wsSettings } from '../../../src/ws/settings/program.ts'
import { newerFileContract, oldFileContract, settingsContract } from '../../contract/settings.ts'

function load(environment: Environment) {
  return loadSettings(wsSettings, null, environment)
}

/** The problems and warnings about settings in these variables (without AQUATIC_). */
function findings(variables: Record<string, string>) {
  const environment = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`AQUATIC_${name}`, value]),
  )
  const { problems, warnings } = load(environment)
  return { problems: problems.join('\n'), warnings: warnings.join('\n') }
}

const DEFAULTS: WsConfig = {
  socket_workers: 1,
  log_level: 'error',
  log_format: 'text',
  log_addresses: 'hashed',
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
    proxy_header: 'X-Forwarded-For',
    proxy_protocol: 'off',
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
  pause: {
    ipv4: 'no',
    ipv6: 'no',
    reason: 'Tracker is paused: try again later',
    retry_minutes: 60,
  },
  handlers: { max_requests_per_iter: 10000, channel_recv_timeout_microseconds: 200 },
  statistics: {
    interval: 0,
    peer_clients: false,
    torrent_peer_histograms: false,
    history_path: '',
  },
  operations: { address: '', host_names: '', token_path: '', show_info_hashes: false },
  public_page: { address: '', host_names: '', announce_urls: '' },
  access_list: { mode: 'off', path: '' },
  access_keys: { mode: 'off', path: '', unknown_keys_per_minute: 60 },
  network_list: { mode: 'off', path: '' },
  client_list: { mode: 'off', path: '' },
  cluster: {
    servers: '',
    node: '',
    subject: 'aquatic',
    credentials: 'none',
    credentials_path: '',
    user: '',
    use_tls: false,
    tls_ca_path: '',
    tls_certificate_path: '',
    tls_private_key_path: '',
  },
  persistence: { path: '', interval_minutes: 10, take_over: false },
  pressure: {
    enabled: true,
    longer_intervals_percent: 75,
    turn_away_percent: 85,
    refuse_percent: 95,
    max_interval_factor: 4,
    large_swarm_peers: 50,
  },
  scrape_export: { path: '', cleanings: 10 },
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
    max_peer_ids_per_torrent: 4,
    max_backlog_bytes: 1048576,
    max_total_backlog_bytes: 268435456,
  },
  source_limits: {
    connection_requests_per_second: 5,
    requests_per_second: 500,
    new_torrents_per_second: 200,
  },
}

settingsContract('aquatic_ws', wsSettings, DEFAULTS)
oldFileContract('aquatic_ws', wsSettings, 22, DEFAULTS)
newerFileContract('aquatic_ws', wsSettings, [
  'socket_workers',
  'swarm_workers',
  'log_level',
  'network.address',
  'network.only_ipv6',
  'network.tcp_backlog',
  'network.enable_tls',
  'network.tls_certificate_path',
  'network.tls_private_key_path',
  'network.websocket_max_message_size',
  'network.websocket_max_frame_size',
  'network.websocket_write_buffer_size',
  'network.enable_http_health_checks',
  'protocol.max_scrape_torrents',
  'protocol.max_offers',
  'protocol.peer_announce_interval',
  'cleaning.torrent_cleaning_interval',
  'cleaning.max_peer_age',
  'cleaning.max_offer_age',
  'cleaning.connection_cleaning_interval',
  'cleaning.max_connection_idle',
  'cleaning.close_after_tls_update_grace_period',
  'privileges.drop_privileges',
  'privileges.chroot_path',
  'privileges.group',
  'privileges.user',
  'access_list.mode',
  'access_list.path',
  'metrics.run_prometheus_endpoint',
  'metrics.prometheus_endpoint_address',
  'metrics.torrent_count_update_interval',
  'metrics.peer_clients',
  'metrics.peer_id_prefixes',
])

test('the password of the certificate is the secret that is never shown', () => {
  const secret = entriesOf(wsSettings.schema).filter(({ setting }) => setting.secret)
  expect(secret.map(({ path }) => path)).toEqual(['network.tls_pkcs12_password'])
})

test('frames may be as long as messages where the setting is that of old files, or as long as it says', () => {
  const most = (frame: number, message: number) =>
    frameBytesMax({
      network: {
        ...DEFAULTS.network,
        websocket_max_frame_size: frame,
        websocket_max_message_size: message,
      },
    } as Parameters<typeof frameBytesMax>[0])
  expect(most(16384, 65536)).toBe(65536)
  expect(most(16384, 4096)).toBe(4096)
  expect(most(16385, 65536)).toBe(16385)
  expect(most(1000, 65536)).toBe(1000)
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
    ['HANDLERS_MAX_REQUESTS_PER_ITER', '1'],
    ['HANDLERS_CHANNEL_RECV_TIMEOUT_MICROSECONDS', '1'],
  ])('%s, which has no effect, is told when it is changed', (name, value) => {
    expect(findings({ [name]: value }).warnings).toContain('has no effect')
  })

  test.each([
    ['CLEANING_MAX_PEER_AGE', '30', 'peers would be forgotten between two pings'],
    ['CLEANING_MAX_CONNECTION_AGE', '30', 'connections would be closed between two pings'],
    ['CLEANING_INTERVAL', '181', 'beyond their age'],
  ])('%s = %s is told: %s', (name, value, text) => {
    expect(findings({ [name]: value }).warnings).toContain(text)
  })

  test('pings show life more often than announces, unless they are seldom', () => {
    const ages = { CLEANING_MAX_PEER_AGE: '31', CLEANING_MAX_CONNECTION_AGE: '31' }
    expect(findings(ages).warnings).toBe('')
    const seldom = { ...ages, CLEANING_PING_INTERVAL_SECONDS: '900' }
    expect(findings(seldom).warnings).toContain('closed between two announces')
    expect(findings(seldom).warnings).toContain('forgotten between two announces')
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

  test('a header of proxies that are not trusted is told', () => {
    const header = { NETWORK_PROXY_HEADER: 'X-Real-IP' }
    expect(findings(header).warnings).toContain('no effect without trusted_proxies')
    expect(findings({ ...header, NETWORK_TRUSTED_PROXIES: '127.0.0.1' }).warnings).toBe('')
  })

  test('a list that no mode uses is told', () => {
    const list = { ACCESS_LIST_PATH: 'list' }
    expect(findings(list).problems).toBe('')
    expect(findings(list).warnings).toContain("mode is 'off': all torrents are served")
    expect(findings({ ...list, ACCESS_LIST_MODE: 'allow' }).warnings).toBe('')
  })

  test.each(['example.com', 'https://example.com/page', 'https://'])(
    'an origin %p is refused',
    (text) => {
      expect(findings({ NETWORK_ALLOWED_ORIGINS: text }).problems).toContain('ALLOWED_ORIGINS')
    },
  )

  test.each([
    ['https://example.com:443', "Write 'https://example.com'"],
    ['http://example.com:80', "Write 'http://example.com'"],
    ['https://example.com/', "Write 'https://example.com'"],
    ['https://b\u00fccher.example', "Write 'https://xn--bcher-kva.example'"],
    ['https://EXAMPLE.com:0443', "Write 'https://example.com'"],
    ['https://[2001:DB8:0::1]', "Write 'https://[2001:db8::1]'"],
    ['moz-extension://abc/', "Write 'moz-extension://abc'"],
    ['https://a:99999', 'Write scheme and host'],
    ['https://me@example.com', 'Write scheme and host'],
    ['https://example.com?x', 'Write scheme and host'],
    ['[]', "Write '' to allow all, or the origins that may use the tracker"],
    ["['https://a', '']", "has an item ''"],
  ])('as an origin %p no browser sends: %s', (text, remedy) => {
    expect(findings({ NETWORK_ALLOWED_ORIGINS: text }).problems).toContain(remedy)
  })

  test.each([
    '',
    'https://example.com',
    'https://Example.COM',
    'http://example.com:443',
    'https://example.com:8443',
    'http://localhost:3000',
    'https://[2001:db8::1]:8443',
    'moz-extension://0a1b2c',
    'capacitor://localhost',
    "['https://a', 'http://b:81']",
  ])('the origin %p is one', (text) => {
    expect(findings({ NETWORK_ALLOWED_ORIGINS: text }).problems).toBe('')
  })
})
