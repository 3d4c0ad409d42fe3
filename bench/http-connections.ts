// What connections cost aquatic_http: memory of those that stay, and whether ones that come and go leave any.
// Run: bun bench/http-connections.ts idle|churn [--count N] [--rate N] [--seconds N] [--smoke]
//
// «idle» opens connections (20,000), kept after an announce, and then as many with half a request, and prints the
// tracker's resident memory per connection. «churn» opens connections, 2,000 a second for a minute, of which one in
// three ends with its announce, one is kept and then closed, and one is reset in the middle of a request; it prints the
// memory every five seconds: flat when nothing is left behind. Starts dist/aquatic_http on a free port, and ends it.
import { createConnection, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { LISTEN_ADDRESS, localAddressOf, measureConnections } from './support/connections.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '20000' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
    smoke: { type: 'boolean', default: false },
  },
})
const TORRENTS = 500
const WARM_UP = values.smoke ? 10 : 3000

function announce(peer: number, fields = ''): string {
  const infoHash = `${peer % TORRENTS}`.padStart(20, 'h')
  return `GET /announce?info_hash=${infoHash}&peer_id=-XX0001-${'p'.repeat(12)}&port=${1 + (peer % 60_000)}&left=1 HTTP/1.1\r\n${fields}\r\n`
}

/** Resolves once it is answered, or once `text` is sent where it is no whole request. */
function open(peer: number, port: number, text: string): Promise<Socket> {
  return new Promise((done, fail) => {
    const localAddress = localAddressOf(peer)
    const socket = createConnection({ host: '127.0.0.1', port, localAddress })
    const isWhole = text.endsWith('\r\n\r\n')
    socket.on('error', fail)
    socket.once('data', () => done(socket))
    socket.write(text, () => {
      if (!isWhole) done(socket)
    })
  })
}

const CHURN: readonly ((peer: number, port: number) => Promise<void>)[] = [
  async (peer, port) => void (await open(peer, port, announce(peer, 'Connection: close\r\n'))),
  async (peer, port) => void (await open(peer, port, announce(peer))).destroy(),
  async (peer, port) =>
    void (await open(peer, port, announce(peer).slice(0, 60))).resetAndDestroy(),
]

function comeAndGo(peer: number, port: number): Promise<void> {
  return CHURN[peer % CHURN.length](peer, port)
}

/** Compiled code and the first memory of each kind are not the connections'. */
async function warmUp(port: number): Promise<void> {
  for (let peer = 0; peer < WARM_UP; peer++) await comeAndGo(peer, port)
}

const connections = {
  executable: 'aquatic_http',
  settings: `[network]\naddress = '${LISTEN_ADDRESS}'\nrequest_timeout = 600\n[cleaning]\nmax_connection_idle = 600\n[limits]\nmax_connections_per_ip = 0\n`,
  idle: [
    ['kept after an announce', (peer: number, port: number) => open(peer, port, announce(peer))],
    [
      'with half a request',
      (peer: number, port: number) => open(peer, port, announce(peer).slice(0, 60)),
    ],
  ],
  churn: comeAndGo,
  warmUp,
  eachText: (bytes: number) => `${Math.round(bytes)} bytes`,
} as const
await measureConnections(connections, positionals[0], values)
