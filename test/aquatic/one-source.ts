// Run by one-source.test.ts in a network of its own: a tracker of all protocols, whose clients all come from the address that
// Docker's userland proxy gives them, though each has a port or peer id of its own. Prints what the tracker then says on the
// endpoint and in the log, as JSON.
import { announceTarget, askOnce } from '../support/http-client.ts'
import { ALL_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash } from '../ws/messages.ts'
import { NAMES } from './harness.ts'

export interface SaidOfOneSource {
  readonly troubles: readonly { readonly name: string; readonly text: string }[]
  readonly metrics: string
  readonly log: string
}

const GATEWAY = '172.17.0.1'
const CLIENTS = 120
const HASH = 'h'.repeat(20)
const PORTS = { udp: 3000, http: 3000, ws: 3001 }

const sections = NAMES.map((name) => `[${name}.network]\naddress = '${GATEWAY}:${PORTS[name]}'\n`)
const settings = `${sections.join('')}[operations]\naddress = '127.0.0.1:0'\n`

await withTracker({ executable: ALL_EXECUTABLE, settings }, async (tracker) => {
  await withClient(GATEWAY, async (udp) => {
    const to = { host: GATEWAY, port: PORTS.udp }
    for (let port = 1; port <= CLIENTS; port++) await udp.announce(to, { port })
  })
  for (let port = 1; port <= CLIENTS; port++) {
    const target = announceTarget({ infoHash: HASH, port })
    await askOnce({ host: GATEWAY, port: PORTS.http }, target)
  }
  const ws = await WsClient.connect({ host: GATEWAY, port: PORTS.ws })
  // A connection may have four peer ids in a torrent.
  for (let peer = 1; peer <= CLIENTS; peer++) {
    ws.send(announce(newHash(), peer))
    await ws.next()
  }
  const url = await tracker.operationsUrl()
  const read = async () => (await (await fetch(`${url}stats.json`)).json()) as SaidOfOneSource
  await waitUntil('all three are found', async () => {
    const { troubles } = await read()
    return troubles.filter(({ name }) => name.endsWith('one_source')).length === NAMES.length
  })
  const { troubles } = await read()
  const metrics = await (await fetch(`${url}metrics`)).text()
  console.log(JSON.stringify({ troubles, metrics, log: tracker.stderr }))
  ws.close()
})
