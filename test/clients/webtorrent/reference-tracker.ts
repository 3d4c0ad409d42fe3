// The npm package's own tracker behind our command line: what the tests with WebTorrent clients are
// tried against, so that they do not ask for more than the clients themselves know. Run it with
//
//   AQUATIC_WS_EXECUTABLE=$PWD/test/clients/webtorrent/reference-tracker.ts ./scripts/test-clients.sh webtorrent
//
// It counts every seeder as a completed download, so the tests that look at that number fail with it.

import { readFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { Server } from 'bittorrent-tracker'
import { parse } from 'smol-toml'

interface Settings {
  protocol?: { peer_announce_interval: number }
  network: {
    address: string
    use_tls?: boolean
    tls_certificate_path?: string
    tls_private_key_path?: string
  }
}

const path = process.argv[process.argv.indexOf('-c') + 1] as string
const { network, protocol } = parse(readFileSync(path, 'utf8')) as unknown as Settings
const [, host, port] = network.address.match(/^\[?(.+?)\]?:(\d+)$/) as [string, string, string]

const http = network.use_tls
  ? createHttps({
      cert: readFileSync(String(network.tls_certificate_path)),
      key: readFileSync(String(network.tls_private_key_path)),
    })
  : createHttp()
const tracker = new Server({
  http: false,
  udp: false,
  ws: { server: http },
  stats: false,
  interval: (protocol?.peer_announce_interval ?? 120) * 1000,
})
tracker.on('warning', (warning) => console.log(`warning: ${warning.message}`))
tracker.on('error', (error) => console.log(`error: ${error.message}`))
http.listen(Number(port), host, () => {
  const address = http.address() as { address: string; port: number }
  console.log(`listening on ${address.address}:${address.port} (bittorrent-tracker)`)
})
process.on('SIGTERM', () => process.exit(0))
