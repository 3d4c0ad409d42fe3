// What a cluster of real trackers does when its servers are cut in two, when a node is too slow, and when there is no server for longer
// than peers are kept. Afterwards all nodes know the same, and meanwhile each answers.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'
import { flood } from './nats-node.ts'
import { Relay } from './relay.ts'

setDefaultTimeout(180_000)

const NAMES = ['a', 'b', 'c']
/** Relays are closed afterwards. */
async function withRelays<T>(
  targets: readonly number[],
  use: (...relays: Relay[]) => Promise<T>,
): Promise<T> {
  const relays = await Promise.all(targets.map((port) => Relay.open(port)))
  try {
    return await use(...relays)
  } finally {
    for (const relay of relays) relay.close()
  }
}

describe.skipIf(WHY_NO_NATS !== '')(`after a fault all nodes know the same${WHY_NO_NATS}`, () => {
  test('a cluster of servers cut in two, with nodes on both sides', async () => {
    const one = await NatsServer.start(
      'cluster { name: x, listen: "127.0.0.1:-1", no_advertise: true }',
    )
    const route = Number(/Listening for route connections on 127\.0\.0\.1:(\d+)/.exec(one.log)?.[1])
    await withRelays([route], async (relay) => {
      const two = await NatsServer.start(
        `cluster { name: x, listen: "127.0.0.1:-1", no_advertise: true, routes: [ "nats://${relay.address}" ] }`,
      )
      try {
        await one.waitForLog(/Route connection created/)
        await Fleet.with(async (fleet) => {
          await fleet.start('a', { servers: one.address })
          await fleet.start('b', { servers: one.address })
          await fleet.start('c', { servers: two.address })
          for (const name of NAMES) await fleet.joined(name)
          await fleet.churn(NAMES, 60)
          await fleet.equal(NAMES, 'announces')
          relay.down()
          await fleet.hears('c', 'a', false)
          await fleet.churn(NAMES, 100)
          expect(await fleet.known('a')).not.toEqual(await fleet.known('c'))
          relay.up()
          const since = performance.now()
          await fleet.churn(NAMES, 20)
          await fleet.equal(NAMES, 'a cut between servers', since)
        })
      } finally {
        await two.stop()
      }
    }).finally(() => one.stop())
  })

  test('a node that was too slow for the stream, and was cut off by the server', () =>
    withNats('max_payload: 65536, max_pending: 65536, write_deadline: "200ms"', (server) =>
      withRelays([server.port], (relay) =>
        Fleet.with(async (fleet) => {
          await fleet.start('c', { servers: relay.address })
          await fleet.startAll(['a', 'b'], { servers: server.address })
          await fleet.joined('c')
          await fleet.churn(NAMES, 40)
          relay.stop()
          // Until the system's buffers are full, and the server's.
          await waitUntil('the server cuts it off', async () => {
            flood(server.port, 'aquatic.log.z', 16)
            return /Slow Consumer/.test(server.log)
          })
          await fleet.churn(NAMES, 60)
          relay.cut()
          relay.resume()
          const since = performance.now()
          await fleet.churn(NAMES, 20)
          await fleet.equal(NAMES, 'a slow node', since)
        }),
      ),
    ))

  test('an outage longer than peers are kept: who stayed is known, and nobody else', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        const maxPeerAge = 10
        await fleet.startAll(NAMES, { servers: server.address, maxPeerAge })
        await fleet.churn(NAMES, 60)
        await server.kill()
        // Whoever stays is forgotten unless it announces meanwhile.
        const gone = await fleet.join('a', 0)
        fleet.peers.delete(gone.port)
        await waitUntil(
          'who said nothing more is forgotten',
          async () => {
            await fleet.churn(NAMES, 4)
            for (const peer of fleet.peers.values()) await fleet.renew(peer)
            return !(await fleet.known('a')).includes(String(gone.port))
          },
          60_000,
        )
        await server.run()
        const since = performance.now()
        await fleet.equal(NAMES, 'an outage longer than max_peer_age', since, true)
      }),
    ))
})
