// Settings files of the Rust versions of aquatic_http: every key is understood, or told what to do instead.
import { expect, test } from 'bun:test'
import { entriesOf } from '../../src/config/schema.ts'
import { httpSettings } from '../../src/http/settings/config.ts'
import { HTTP_EXECUTABLE, runTracker } from '../support/tracker.ts'

/** Of version 0.9, by section. */
const KEYS = {
  '': ['socket_workers', 'swarm_workers', 'log_level'],
  network: [
    'address',
    'only_ipv6',
    'tcp_backlog',
    'enable_tls',
    'tls_certificate_path',
    'tls_private_key_path',
    'keep_alive',
    'runs_behind_reverse_proxy',
    'reverse_proxy_ip_header_name',
    'reverse_proxy_ip_header_format',
  ],
  protocol: ['max_scrape_torrents', 'max_peers', 'peer_announce_interval'],
  cleaning: [
    'torrent_cleaning_interval',
    'connection_cleaning_interval',
    'max_peer_age',
    'max_connection_idle',
  ],
  privileges: ['drop_privileges', 'chroot_path', 'group', 'user'],
  access_list: ['mode', 'path'],
  metrics: [
    'run_prometheus_endpoint',
    'prometheus_endpoint_address',
    'torrent_count_update_interval',
  ],
}

test('every key of version 0.9 is still there, or retired with a remedy', () => {
  const known = new Set(entriesOf(httpSettings.schema).map(({ path }) => path))
  const paths = Object.entries(KEYS).flatMap(([section, keys]) =>
    keys.map((key) => (section === '' ? key : `${section}.${key}`)),
  )
  expect(paths.filter((path) => !known.has(path) && !httpSettings.retired[path])).toEqual([])
})

test('a file with such keys is answered with a sentence for each', async () => {
  const settings =
    "swarm_workers = 1\n[network]\naddress = '127.0.0.1:0'\nenable_tls = false\n[protocol]\nmax_peers = 50\n"
  const { code, stderr } = await runTracker({ executable: HTTP_EXECUTABLE, settings })
  expect(code).toBe(1)
  for (const part of ['swarm_workers', 'use_tls', 'max_response_peers']) {
    expect(stderr).toContain(part)
  }
}, 180_000)
