// What operators do with nodes of a running cluster: upgrade one after the other, with and without a process that takes over; have
// one leave and another join; give the name of one that is gone to another; take an account away, and give it back.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import { metricSum } from '../support/metrics.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'

setDefaultTimeout(400_000)

const NAMES = ['a', 'b', 'c']

describe.concurrent.skipIf(WHY_NO_NATS !== '')(`nodes of a running cluster${WHY_NO_NATS}`, () => {
  const folder = folderOfFile()

  test('are upgraded one after the other: each that starts has everything when it says so', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        await fleet.startAll(NAMES, { servers: server.address })
        await fleet.churn(NAMES, 80)
        await fleet.equal(NAMES, 'announces')
        for (const name of NAMES) {
          const others = NAMES.filter((other) => other !== name)
          await fleet.meanwhile(others, async () => {
            fleet.of(name).signal('SIGTERM')
            await fleet.of(name).waitForEnd()
            for (const other of others) await fleet.logs(other, new RegExp(`${name} has left`))
            await fleet.churn(others, 20)
            await fleet.start(name, { servers: server.address })
            // What its page and the metrics say to an operator who waits before the next.
            await waitUntil('it has caught up', async () => {
              const read = (figure: string) =>
                metricSum(fleet.of(name), `tracker_cluster_${figure}`)
              const [joined, walks, busy] = await Promise.all([
                read('joined'),
                read('catch_ups_total'),
                read('catching_up'),
              ])
              return joined === 1 && walks > 0 && busy === 0
            })
          })
          await fleet.repaired(NAMES, `an upgrade of ${name}`)
        }
      }),
    ))

  test('are taken over by new processes, which tell the others what happens then', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        const more = (name: string) =>
          `[persistence]\npath = '${join(folder, `state-${name}`)}'\ntake_over = true\n`
        await fleet.startAll(NAMES, { servers: server.address }, (name) => ({ more: more(name) }))
        await fleet.churn(NAMES, 80)
        for (const name of NAMES) {
          const old = fleet.of(name)
          const listen = old.address()
          await fleet.meanwhile(
            NAMES.filter((other) => other !== name),
            async () => {
              await fleet.start(name, { servers: server.address, more: more(name), listen })
              expect((await old.waitForEnd()).code).toBe(0)
              await fleet.churn(NAMES, 20)
              await fleet.joined(name)
            },
          )
          await fleet.repaired(NAMES, `${name} was taken over`)
        }
      }),
    ))

  test('leave and join, also under the name of one that is gone for longer than peers are kept', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        const maxPeerAge = 8
        const options = { servers: server.address, maxPeerAge }
        await fleet.startAll(NAMES, options)
        await fleet.churn(NAMES, 40)
        await fleet.equal(NAMES, 'announces', performance.now(), true)
        await fleet.hears('a', 'c')
        const old = fleet.of('c')
        old.signal('SIGKILL')
        await old.waitForEnd()
        await fleet.moveClients('c', ['a', 'b'])
        await waitUntil('it is forgotten', async () => {
          await fleet.renewAll()
          const text = await fleet.metrics('a')
          return !text.includes('node="c"')
        })
        // Another machine, which knows nothing.
        await fleet.start('c', options)
        await fleet.joined('c')
        await fleet.start('d', options)
        await fleet.joined('d')
        await fleet.churn(['c', 'd'], 20)
        await fleet.equal([...NAMES, 'd'], 'a name that had been free', performance.now(), true)
        fleet.of('b').signal('SIGTERM')
        await fleet.of('b').waitForEnd()
        await fleet.logs('d', /b has left/)
        await fleet.moveClients('b', ['d'])
        await fleet.equal(['a', 'c', 'd'], 'a node that left', performance.now(), true)
      }),
    ))

  test('stand still for longer than peers are kept, and find another under their name: one of the two is silent', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        const options = { servers: server.address, maxPeerAge: 8 }
        await fleet.startAll(NAMES, options)
        await fleet.churn(NAMES, 40)
        await fleet.equal(NAMES, 'announces', performance.now(), true)
        await fleet.hears('a', 'c')
        const old = fleet.of('c')
        await old.pause()
        await fleet.moveClients('c', ['a', 'b'])
        await waitUntil('it is forgotten', async () => {
          await fleet.renewAll()
          return !(await fleet.metrics('a')).includes('node="c"')
        })
        await fleet.start('c', options)
        await fleet.joined('c')
        const both = [old, fleet.of('c')]
        old.signal('SIGCONT')
        await waitUntil('one of them is silent', async () => {
          await fleet.renewAll()
          return both.some(({ stderr }) => stderr.includes('another node has the name c'))
        })
        const isSilent = both.map(({ stderr }) => stderr.includes('another node has the name c'))
        expect(isSilent.filter((each) => each)).toHaveLength(1)
        fleet.nodes.set('c', both[isSilent.indexOf(false)])
        await fleet.churn(NAMES, 20)
        await fleet.equal(NAMES, 'a name taken meanwhile', performance.now(), true)
      }),
    ))

  test('an account that is taken away: its peers expire elsewhere, and are back when it is given back', () => {
    const password = join(folder, 'password')
    writeFileSync(password, 'x\n', { mode: 0o600 })
    const users = (...names: string[]) =>
      `authorization { users = [ ${names.map((name) => `{ user: ${name}, password: x }`).join(', ')} ] }`
    return withNats(users(...NAMES), (server) =>
      Fleet.with(async (fleet) => {
        const cluster = (name: string) =>
          `credentials = 'password'\nuser = '${name}'\ncredentials_path = '${password}'\n`
        await fleet.startAll(NAMES, { servers: server.address, maxPeerAge: 8 }, (name) => ({
          cluster: cluster(name),
        }))
        await fleet.churn(NAMES, 40)
        await fleet.equal(NAMES, 'announces', performance.now(), true)
        await fleet.meanwhile(NAMES, async () => {
          await server.reload(users('a', 'b'))
          await fleet.logs('c', /no connection/)
          const lasting = await fleet.join('c')
          const own = [...fleet.peers.values()].filter(({ node }) => node === 'c')
          await waitUntil('its peers have expired', async () => {
            await fleet.renewAll()
            const known = await fleet.known('a')
            return own.every(({ port }) => !known.includes(String(port)))
          })
          // They are all still there at their own node.
          const known = await fleet.known('c')
          for (const { port } of own) expect(known).toContain(String(port))
          await server.reload(users(...NAMES))
          await waitUntil('it is known again', async () => {
            await fleet.renewAll()
            return (await fleet.known('a')).includes(String(lasting.port))
          })
          await fleet.equal(NAMES, 'an account given back', performance.now(), true)
        })
      }),
    )
  })
})
