import { describe, expect, test } from 'bun:test'
import { type Environment, loadSettings } from '../../../src/config/load.ts'
import { entriesOf } from '../../../src/config/schema.ts'
import { type UdpConfig, udpSettings } from '../../../src/udp/settings/config.ts'
import { MAX_BATCH_PACKETS } from '../../../src/udp/wire/layout.ts'
import { newerFileContract, oldFileContract, settingsContract } from '../../contract/settings.ts'

const entries = entriesOf(udpSettings.schema)

function load(environment: Environment) {
  return loadSettings(udpSettings, null, environment)
}

const DEFAULTS: UdpConfig = {
  socket_workers: 1,
  request_workers: 0,
  log_level: 'error',
  log_format: 'text',
  log_addresses: 'hashed',
  network: {
    address: '0.0.0.0:3000',
    address_ipv6: 'auto',
    ipv6_only: false,
    socket_recv_buffer_size: 524288,
    poll_event_capacity: 4096,
    packet_path: 'sockets',
    xdp_interfaces: [],
    xdp_mode: 'auto',
  },
  protocol: {
    max_scrape_torrents: 255,
    max_response_peers: 255,
    max_response_bytes: 1252,
    peer_announce_interval: 900,
    interval_jitter: 5,
    invalid_connection_id: 'silent',
    connection_id_secret_path: '',
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
  cleaning: { interval: 30, max_peer_age: 1200, max_connection_age: 300 },
  privileges: { drop_privileges: false, chroot_path: '.', user: 'nobody', group: '' },
  limits: { max_torrents: 20000000, max_peers: 100000000 },
  source_limits: {
    connects_per_second: 2000,
    requests_per_second: 3000,
    sustained_requests_per_second: 300,
    new_torrents_per_second: 500,
    peers_per_torrent: 32,
    ban_seconds: 60,
  },
  peer_addresses: {
    private_peers: 'auto',
    reserved_peers: 'refuse',
    internal_networks: '',
    external_ipv4: '',
    external_ipv6: '',
  },
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
  scrape_export: { path: '', cleanings: 10 },
  persistence: { path: '', interval_minutes: 10, take_over: false },
  pressure: {
    enabled: true,
    longer_intervals_percent: 75,
    turn_away_percent: 85,
    refuse_percent: 95,
    max_interval_factor: 4,
    large_swarm_peers: 50,
  },
}

settingsContract('aquatic_udp', udpSettings, DEFAULTS)
oldFileContract('aquatic_udp', udpSettings, 17, { ...DEFAULTS, request_workers: 1 })

test('the limits that take effect are explained', () => {
  const of = (path: string) =>
    entries.find((entry) => entry.path === path)?.setting.explanation ?? ''
  expect(of('network.poll_event_capacity')).toContain(String(MAX_BATCH_PACKETS))
  expect(of('protocol.max_response_peers')).toMatch(/205 peers\s+over IPv4 and 67\s+over IPv6/)
  expect(of('protocol.max_scrape_torrents')).toMatch(
    /103\s+torrents\s+over IPv4 and\s+102\s+over IPv6/,
  )
})

newerFileContract('aquatic_udp', udpSettings, [
  'socket_workers',
  'log_level',
  'network.address',
  'network.only_ipv6',
  'network.socket_recv_buffer_size',
  'network.poll_timeout_ms',
  'network.resend_buffer_max_len',
  'network.use_io_uring',
  'network.ring_size',
  'protocol.max_scrape_torrents',
  'protocol.max_response_peers',
  'protocol.peer_announce_interval',
  'statistics.interval',
  'statistics.torrent_peer_histograms',
  'statistics.peer_clients',
  'statistics.print_to_stdout',
  'statistics.write_html_to_file',
  'statistics.html_file_path',
  'statistics.run_prometheus_endpoint',
  'statistics.prometheus_endpoint_address',
  'statistics.prometheus_peer_id_prefixes',
  'cleaning.torrent_cleaning_interval',
  'cleaning.max_connection_age',
  'cleaning.max_peer_age',
  'privileges.drop_privileges',
  'privileges.chroot_path',
  'privileges.group',
  'privileges.user',
  'access_list.mode',
  'access_list.path',
])

describe('addresses', () => {
  test('may be a list, also in the environment', () => {
    const { config, problems } = load({ AQUATIC_NETWORK_ADDRESS: '127.0.0.1:1,[::1]:1' })
    expect(problems).toEqual([])
    expect(config.network.address).toEqual(['127.0.0.1:1', '[::1]:1'])
  })

  test('are refused when they are not addresses, with what is allowed', () => {
    const { problems } = load({
      AQUATIC_NETWORK_ADDRESS: 'localhost:3000',
      AQUATIC_NETWORK_ADDRESS_IPV6: '0.0.0.0:3000',
    })
    expect(problems).toHaveLength(2)
    expect(problems[0]).toContain("allowed is 'IPv4:port' or '[IPv6]:port', or a list of them")
    expect(problems[1]).toContain('Write it in [network] address')
  })

  test('must be one at least', () => {
    for (const ipv6 of ['auto', '']) {
      const { problems } = load({
        AQUATIC_NETWORK_ADDRESS: '',
        AQUATIC_NETWORK_ADDRESS_IPV6: ipv6,
      })
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain('would listen nowhere')
    }
    const ipv6Only = { AQUATIC_NETWORK_ADDRESS: '', AQUATIC_NETWORK_ADDRESS_IPV6: '[::]:3000' }
    expect(load(ipv6Only).problems).toEqual([])
  })

  test('that are given twice are a problem', () => {
    const { problems } = load({
      AQUATIC_NETWORK_ADDRESS: '[::1]:1',
      AQUATIC_NETWORK_ADDRESS_IPV6: '[0:0::1]:1',
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('the address [::1]:1 is given twice')
  })
})

describe('settings that do not fit together', () => {
  test('peers that vanish between two announces are a warning', () => {
    const { problems, warnings } = load({ AQUATIC_CLEANING_MAX_PEER_AGE: '900' })
    expect(problems).toEqual([])
    expect(warnings[0]).toContain('forgotten between two announces')
    expect(load({ AQUATIC_CLEANING_MAX_PEER_AGE: '901' }).warnings).toEqual([])
  })

  test('cleaning more rarely than peers age is a warning', () => {
    expect(load({ AQUATIC_CLEANING_INTERVAL: '1201' }).warnings).toHaveLength(1)
    expect(load({ AQUATIC_CLEANING_INTERVAL: '1200' }).warnings).toEqual([])
  })

  test('connection ids that age faster than BEP 15 asks for are a warning', () => {
    expect(load({ AQUATIC_CLEANING_MAX_CONNECTION_AGE: '119' }).warnings).toHaveLength(1)
    expect(load({ AQUATIC_CLEANING_MAX_CONNECTION_AGE: '120' }).warnings).toEqual([])
  })

  test('dropping privileges without user or root directory is a problem', () => {
    const empty = { AQUATIC_PRIVILEGES_USER: '', AQUATIC_PRIVILEGES_CHROOT_PATH: '' }
    expect(load(empty).problems).toEqual([])
    expect(load({ ...empty, AQUATIC_PRIVILEGES_DROP_PRIVILEGES: 'true' }).problems).toHaveLength(2)
  })
})

describe('limits are refused just beyond their ends:', () => {
  test.each([
    ['AQUATIC_SOCKET_WORKERS', 0, 256],
    ['AQUATIC_REQUEST_WORKERS', 0, 256],
    ['AQUATIC_NETWORK_SOCKET_RECV_BUFFER_SIZE', 0, 1073741823],
    ['AQUATIC_NETWORK_POLL_EVENT_CAPACITY', 1, 1000000],
    ['AQUATIC_PROTOCOL_MAX_SCRAPE_TORRENTS', 1, 255],
    ['AQUATIC_PROTOCOL_MAX_RESPONSE_PEERS', 1, 65535],
    ['AQUATIC_PROTOCOL_PEER_ANNOUNCE_INTERVAL', 1, 86400],
    ['AQUATIC_HANDLERS_MAX_REQUESTS_PER_ITER', 1, 1000000],
    ['AQUATIC_HANDLERS_CHANNEL_RECV_TIMEOUT_MICROSECONDS', 0, 1000000],
    ['AQUATIC_STATISTICS_INTERVAL', 0, 86400],
    ['AQUATIC_CLEANING_INTERVAL', 1, 3600],
    ['AQUATIC_CLEANING_MAX_PEER_AGE', 1, 28000],
    ['AQUATIC_CLEANING_MAX_CONNECTION_AGE', 1, 86400],
    ['AQUATIC_LIMITS_MAX_TORRENTS', 1, 71000000],
    ['AQUATIC_LIMITS_MAX_PEERS', 1, 143000000],
  ])('%s from %d to %d', (variable, min, max) => {
    // The two limits share one reserve: each can have all of it.
    const rest = { AQUATIC_LIMITS_MAX_TORRENTS: '1', AQUATIC_LIMITS_MAX_PEERS: '1' }
    const problemsWith = (value: number) =>
      load({ ...rest, [variable]: String(value) }).problems.length
    expect([min - 1, min, max, max + 1].map(problemsWith)).toEqual([1, 0, 0, 1])
  })

  test('torrents and peers together are bounded by the reserve', () => {
    const { problems } = load({
      AQUATIC_LIMITS_MAX_TORRENTS: '40000000',
      AQUATIC_LIMITS_MAX_PEERS: '100000000',
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('4.0 GiB is the most')
  })
})
