// Trackers as nodes of one cluster, with a real nats-server between them.
import { describe, expect, test } from 'bun:test'
import { type NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { EXECUTABLE, servedOn, Tracker } from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

const INFO_HASH = Buffer.alloc(20, 7)

function settings(server: NatsServer, node: string, executable = EXECUTABLE): string {
  return `log_level = 'info'
${servedOn(executable, '127.0.0.1:0')}
[cluster]
servers = '${server.address}'
node = '${node}'
`
}

/** Trackers that have joined, one for each name. */
async function withNodes(
  names: readonly string[],
  use: (server: NatsServer, ...nodes: Tracker[]) => Promise<void>,
  executable = EXECUTABLE,
): Promise<void> {
  await withNats('', async (server) => {
    const nodes: Tracker[] = []
    try {
      for (const name of names) {
        nodes.push(new Tracker({ executable, settings: settings(server, name, executable) }))
      }
      for (const node of nodes) {
        await node.waitForStart()
        await node.waitForOutput(/joined as/)
        for (const name of names)
          if (name !== names[nodes.indexOf(node)])
            await node.waitForOutput(new RegExp(`hears ${name}`))
      }
      await use(server, ...nodes)
    } finally {
      for (const node of nodes) await node.discard()
    }
  })
}

async function peersAt(client: UdpClient, node: Tracker): Promise<number> {
  const { seeders, leechers } = await client.scrape(node.at(), INFO_HASH)
  return seeders + leechers
}

describe.skipIf(WHY_NO_NATS !== '')(`trackers of one cluster${WHY_NO_NATS}`, () => {
  test('an announce to one is answered with the peers of the other', async () => {
    await withNodes(['a', 'b'], async (_, a, b) => {
      await withClient('127.0.0.1', async (client) => {
        await client.announce(a.at(), { infoHash: INFO_HASH, port: 1001, left: 0n })
        await waitUntil('b knows the peer of a', async () => (await peersAt(client, b)) === 1)
        const answer = await client.announce(b.at(), { infoHash: INFO_HASH, port: 1002 })
        expect(answer.peers).toEqual(['127.0.0.1:1001'])
        await waitUntil('a knows the peer of b', async () => (await peersAt(client, a)) === 2)
      })
    })
  }, 60_000)
})
