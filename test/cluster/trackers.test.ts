// Trackers as nodes of one cluster, with a real nats-server between them.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { announceTarget, askOnce } from '../support/http-client.ts'
import { type NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  servedOn,
  Tracker,
} from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(400_000)

const INFO_HASH = Buffer.alloc(20, 7)
const STARTED = 2
const STOPPED = 3
const REQUEST_WORKERS = { AQUATIC_REQUEST_WORKERS: '2' }

interface NodeOptions {
  readonly executable?: string
  readonly env?: Readonly<Record<string, string>>
}

function newNode(server: NatsServer, name: string, options: NodeOptions = {}): Tracker {
  const { executable = EXECUTABLE, env = {} } = options
  const settings = `log_level = 'info'
${servedOn(executable, '127.0.0.1:0')}
[cluster]
servers = '${server.address}'
node = '${name}'
[operations]
address = '127.0.0.1:0'
`
  return new Tracker({ executable, settings, env })
}

/** Trackers that have joined and hear each other, one for each name. */
async function withNodes(
  options: Readonly<Record<string, NodeOptions>>,
  use: (server: NatsServer, ...nodes: Tracker[]) => Promise<void>,
): Promise<void> {
  await withNats('', async (server) => {
    const names = Object.keys(options)
    const nodes = names.map((name) => newNode(server, name, options[name]))
    try {
      await Promise.all(nodes.map((node) => node.waitForStart()))
      for (const [i, node] of nodes.entries()) {
        await node.waitForOutput(/joined as/)
        const others = names.filter((_, other) => other !== i)
        for (const other of others) await node.waitForOutput(new RegExp(`hears ${other}\\b`))
      }
      await use(server, ...nodes)
    } finally {
      for (const node of nodes) await node.discard()
    }
  })
}

/** Where it serves UDP, of several protocols or alone. */
function udpAt(node: Tracker): Endpoint {
  const [, port] = /listening on (?:\w+: )?127\.0\.0\.1:(\d+)/.exec(node.stderr) ?? []
  return { host: '127.0.0.1', port: Number(port) }
}

async function hasPeers(client: UdpClient, node: Tracker, count: number): Promise<void> {
  let found = -1
  await waitUntil(`the node has ${count} peers`, async () => {
    const { seeders, leechers } = await client.scrape(udpAt(node), INFO_HASH)
    found = seeders + leechers
    return found === count
  }).catch((error) => {
    throw new Error(`${error.message}; it has ${found}`)
  })
}

describe.concurrent.skipIf(WHY_NO_NATS !== '')(`trackers of one cluster${WHY_NO_NATS}`, () => {
  test('an announce to one is answered with the peers of the other', async () => {
    await withNodes({ a: {}, b: {} }, async (_, a, b) => {
      await withClient('127.0.0.1', async (client) => {
        await client.announce(a.at(), { infoHash: INFO_HASH, port: 1001, left: 0n })
        await hasPeers(client, b, 1)
        const answer = await client.announce(b.at(), { infoHash: INFO_HASH, port: 1002 })
        expect(answer.peers).toEqual(['127.0.0.1:1001'])
        await hasPeers(client, a, 2)
        const url = `${await b.operationsUrl()}metrics`
        await waitUntil('the metrics tell of the other', async () => {
          const metrics = await (await fetch(url)).text()
          return metrics.includes('tracker_cluster_node_up{node="a"} 1')
        })
      })
    })
  })

  test('protocols and ways of sharing out the work can differ', async () => {
    const kinds = {
      udp: { env: REQUEST_WORKERS },
      mixed: { executable: ALL_EXECUTABLE },
      http: { executable: HTTP_EXECUTABLE },
    }
    await withNodes(kinds, async (_, udp, mixed, http) => {
      await withClient('127.0.0.1', async (client) => {
        await client.announce(udp.at(), { infoHash: INFO_HASH, port: 1001 })
        await askOnce(http.at(), announceTarget({ infoHash: '%07'.repeat(20), port: 1002 }))
        await client.announce(udpAt(mixed), { infoHash: INFO_HASH, port: 1003 })
        for (const node of [udp, mixed]) await hasPeers(client, node, 3)
        await client.announce(udp.at(), { infoHash: INFO_HASH, port: 1001, event: STOPPED })
        await hasPeers(client, mixed, 2)
      })
    })
  })

  test('what happens while there is no server reaches the others afterwards', async () => {
    await withNodes({ a: {}, b: {} }, async (server, a, b) => {
      await withClient('127.0.0.1', async (client) => {
        await client.announce(a.at(), { infoHash: INFO_HASH, port: 1001, event: STARTED })
        await hasPeers(client, b, 1)
        await server.kill()
        await a.waitForOutput(/no connection/)
        await client.announce(a.at(), { infoHash: INFO_HASH, port: 1001, event: STOPPED })
        for (const port of [1002, 1003, 1004]) {
          await client.announce(a.at(), { infoHash: INFO_HASH, port, event: STARTED })
        }
        await server.run()
        await hasPeers(client, b, 3)
      })
    })
  })

  test('a name that is in use: the second node serves, shares nothing, and says why', async () => {
    await withNodes({ a: {}, b: {} }, async (server, a, b) => {
      const second = newNode(server, 'a')
      try {
        await second.waitForStart()
        await second.waitForOutput(/another node has the name a/)
        await withClient('127.0.0.1', async (client) => {
          await client.announce(second.at(), { infoHash: INFO_HASH, port: 1001 })
          await client.announce(a.at(), { infoHash: INFO_HASH, port: 1002 })
          await hasPeers(client, b, 1)
        })
        a.signal('SIGTERM')
        await b.waitForOutput(/a has left/)
        await second.waitForOutput(/joined as a/)
      } finally {
        await second.discard()
      }
    })
  })
})
