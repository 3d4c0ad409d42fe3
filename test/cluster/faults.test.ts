// What a cluster of real trackers does when its servers are cut in two or stand still, when a node is too slow or stands still, and
// when there is no server for longer than peers are kept. Afterwards all nodes know the same, and meanwhile each answers.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'
import { flood } from './nats-node.ts'
import { Relay } from './relay.ts'

setDefaultTimeout(400_000)

const NAMES = ['a', 'b', 'c']
const OTHERS = ['a', 'b']
const CLUSTER = 'name: x, listen: "127.0.0.1:-1", no_advertise: true'

describe.concurrent.skipIf(WHY_NO_NATS !== '')(
  `after a fault all nodes know the same${WHY_NO_NATS}`,
  () => {
    test('a cluster of servers cut in two, with nodes on both sides', async () => {
      const one = await NatsServer.start(`cluster { ${CLUSTER} }`)
      const route = Number((await one.routeAddress()).split(':').at(-1))
      await Relay.to([route], async (relay) => {
        const two = await NatsServer.start(
          `cluster { ${CLUSTER}, routes: [ "nats://${relay.address}" ] }`,
        )
        try {
          await one.waitForLog(/Route connection created/)
          await Fleet.with(async (fleet) => {
            const serverOf = (name: string) => (name === 'c' ? two : one)
            await fleet.startAll(NAMES, { servers: '' }, (name) => ({
              servers: serverOf(name).address,
            }))
            await fleet.churn(NAMES, 60)
            await fleet.equal(NAMES, 'announces')
            await fleet.meanwhile(NAMES, async () => {
              relay.down()
              await fleet.hears('c', 'a', false)
              await fleet.churn(NAMES, 100)
              expect(await fleet.known('a')).not.toEqual(await fleet.known('c'))
              relay.up()
              await fleet.repaired(NAMES, 'a cut between servers')
            })
          })
        } finally {
          await two.stop()
        }
      }).finally(() => one.stop())
    })

    test('a node that was too slow for the stream, and was cut off by the server', () =>
      withNats('max_payload: 65536, max_pending: 65536, write_deadline: "200ms"', (server) =>
        Relay.to([server.port], (relay) =>
          Fleet.with(async (fleet) => {
            await fleet.startAll(NAMES, { servers: server.address }, (name) =>
              name === 'c' ? { servers: relay.address } : {},
            )
            await fleet.churn(NAMES, 40)
            relay.stop()
            await fleet.meanwhile(NAMES, async () => {
              // Until the system's buffers are full, and the server's.
              await waitUntil('the server cuts it off', async () => {
                flood(server.port, 'aquatic.log.z', 16)
                return /Slow Consumer/.test(server.log)
              })
              await fleet.churn(NAMES, 60)
              relay.cut()
              relay.resume()
              await fleet.repaired(NAMES, 'a slow node')
            })
          }),
        ),
      ))

    test('a server that stood still', () =>
      withNats('', (server) =>
        Fleet.with(async (fleet) => {
          await fleet.startAll(NAMES, { servers: server.address })
          await fleet.churn(NAMES, 60)
          await fleet.meanwhile(NAMES, async () => {
            server.signal('SIGSTOP')
            await fleet.churn(NAMES, 60)
            await fleet.logs('a', /no connection/)
            await fleet.churn(NAMES, 60)
            server.signal('SIGCONT')
            await fleet.repaired(NAMES, 'a stopped server')
          })
        }),
      ))

    test('a node that stood still for longer than it may be silent', () =>
      withNats('', (server) =>
        Fleet.with(async (fleet) => {
          await fleet.startAll(NAMES, { servers: server.address })
          await fleet.churn(NAMES, 60)
          // A leave that it has not told yet cannot be known.
          await fleet.equal(NAMES, 'announces')
          await fleet.meanwhile(OTHERS, async () => {
            await fleet.of('c').pause()
            await fleet.moveClients('c', OTHERS)
            await fleet.logs('a', /nothing from c for \d+ s/)
            await fleet.churn(OTHERS, 60)
            await fleet.equal(OTHERS, 'a node that stands still')
            fleet.of('c').signal('SIGCONT')
            await fleet.repaired(NAMES, 'a stopped node')
          })
          for (const name of OTHERS) await fleet.logs(name, /hears c again/)
          // It still is the same node, in its place.
          expect(fleet.of('c').stderr).not.toMatch(/another node has the name/)
          await fleet.hears('c', 'a')
        }),
      ))

    test('an outage longer than peers are kept: who stayed is known, and nobody else', () =>
      withNats('', (server) =>
        Fleet.with(async (fleet) => {
          const maxPeerAge = 6
          await fleet.startAll(NAMES, { servers: server.address, maxPeerAge })
          await fleet.churn(NAMES, 60)
          await fleet.meanwhile(NAMES, async () => {
            await server.kill()
            // Whoever stays is forgotten unless it announces meanwhile.
            const gone = await fleet.join('a', 0)
            fleet.peers.delete(gone.port)
            await waitUntil(
              'who said nothing more is forgotten',
              async () => {
                await fleet.churn(NAMES, 4)
                await fleet.renewAll()
                return !(await fleet.known('a')).includes(String(gone.port))
              },
              120_000,
            )
            await server.run()
            const since = performance.now()
            await fleet.equal(NAMES, 'an outage longer than max_peer_age', since, true)
          })
        }),
      ))
  },
)
