// Real trackers that share their swarms through a real nats-server: what one is told, the others know; and whoever is different, or
// may not, does no harm.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import { metricSum } from '../support/metrics.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { hostPort, type StartOptions } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'
import { withNodes } from './nats-node.ts'

setDefaultTimeout(400_000)

const NAMES = ['a', 'b', 'c']
const DAY_MS = 86_400_000

/** The machine of `a` has run for a day longer, and the calendar of `b` is a day ahead, where this can be had. */
const CLOCKS: Record<string, StartOptions | undefined> = {
  a: runBy(['unshare', '--fork', '--kill-child', '--time', '--monotonic', '86400', '--']),
  b: fakeTime(),
}

/** Its program runs ours as a child, which would outlive it, so its library is taken alone. */
function fakeTime(): StartOptions | undefined {
  if (Bun.which('faketime') === null) return undefined
  const { stdout } = Bun.spawnSync(['faketime', '-f', '+1d', 'sh', '-c', 'echo "$LD_PRELOAD"'])
  const env = {
    LD_PRELOAD: stdout.toString().trim(),
    FAKETIME: '+1d',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  return env.LD_PRELOAD === '' ? undefined : { env }
}

function runBy(prefix: string[]): StartOptions | undefined {
  if (Bun.which(prefix[0]) === null) return undefined
  return Bun.spawnSync([...prefix, 'true']).exitCode === 0 ? { prefix } : undefined
}

describe.concurrent.skipIf(WHY_NO_NATS !== '')(`nodes of a cluster${WHY_NO_NATS}`, () => {
  const folder = folderOfFile()

  test.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ])('who joins, completes and leaves at one is known at the others, over %s', (_, host) =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        await fleet.startAll(NAMES, { servers: server.address, listen: hostPort(host, 0) })
        const leecher = await fleet.join('a', 0, false)
        const seeder = await fleet.join('b', 0, true)
        for (const name of NAMES) for (const peer of [leecher, seeder]) await fleet.seen(name, peer)
        await fleet.churn(NAMES, 200)
        await fleet.equal(NAMES, 'announces')
        await fleet.leave(leecher)
        await fleet.seen('c', leecher, false)
        for (const peer of [...fleet.peers.values()]) await fleet.leave(peer)
        await fleet.equal(NAMES, 'leaves')
      }, host),
    ),
  )

  test('a completed download is counted once, everywhere', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        await fleet.startAll(['a', 'b'], { servers: server.address })
        const peer = await fleet.join('a', 0, false)
        await fleet.seen('b', peer)
        await fleet.complete(peer)
        const completed = async (name: string) => (await fleet.scrape(name, 0)).completed
        await waitUntil('b has counted it', async () => (await completed('b')) === 1)
        // Told again, at the other node.
        await fleet.announce('b', 0, peer.port, 0n, 1)
        await fleet.churn(['a', 'b'], 20)
        await fleet.equal(['a', 'b'], 'a completed download')
        expect([await completed('a'), await completed('b')]).toEqual([1, 1])
      }),
    ))

  test('clocks that are a day apart make no difference', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        await fleet.startAll(NAMES, { servers: server.address }, (name) => ({
          start: CLOCKS[name] ?? {},
        }))
        await fleet.churn(NAMES, 100)
        await fleet.equal(NAMES, 'clocks a day apart')
        if (CLOCKS.b === undefined) return
        const [a, b] = ['a', 'b'].map((name) => {
          return Date.parse(/^\S+Z(?= .*joined)/m.exec(fleet.of(name).stderr)?.[0] ?? '')
        })
        expect(Math.round((b - a) / DAY_MS)).toBe(1)
      }),
    ))

  test('a node with wrong credentials serves alone and says why, also when it gets the right ones later', () => {
    const accounts = (password: string) =>
      `authorization { users = [ { user: a, password: x }, { user: b, password: "${password}" } ] }`
    const path = join(folder, 'password')
    writeFileSync(path, 'x\n')
    const cluster = (user: string) =>
      `credentials = 'password'\nuser = '${user}'\ncredentials_path = '${path}'\n`
    return withNats(accounts('y'), (server) =>
      Fleet.with(async (fleet) => {
        await fleet.start('a', { servers: server.address, cluster: cluster('a') })
        await fleet.start('b', { servers: server.address, cluster: cluster('b') })
        await fleet.joined('a')
        await fleet.logs('b', /Authorization Violation/)
        await fleet.churn(['a', 'b'], 20)
        expect(await metricSum(fleet.of('b'), 'tracker_cluster_connected')).toBe(0)
        expect((await fetch(`${await fleet.of('b').operationsUrl()}ready`)).status).toBe(200)
        await server.kill()
        await server.run(accounts('x'))
        await fleet.joined('b')
        await fleet.equal(['a', 'b'], 'wrong credentials')
      }),
    )
  })

  test('a second node with the same name serves alone, and shares when the first has gone', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        await fleet.startAll(['a', 'b'], { servers: server.address })
        const first = fleet.of('b')
        fleet.nodes.set('first', first)
        fleet.nodes.delete('b')
        await fleet.start('b', { servers: server.address })
        await fleet.logs('b', /another node has the name b/)
        const alone = await fleet.join('b', 0)
        const peer = await fleet.join('first', 1)
        await fleet.seen('a', peer)
        expect(await fleet.known('a')).not.toContain(String(alone.port))
        await fleet.leave(peer)
        first.signal('SIGTERM')
        await first.waitForEnd()
        await fleet.joined('b')
        await fleet.equal(['a', 'b'], 'a name in use')
      }),
    ))

  test('what another version and a stranger say is counted, and changes nothing', () =>
    withNats('', (server) =>
      withNodes((open) =>
        Fleet.with(async (fleet) => {
          await fleet.startAll(['a', 'b'], { servers: server.address })
          await fleet.churn(['a', 'b'], 40)
          const stranger = await open(server.address)
          const batches: Uint8Array[] = []
          stranger.engine.subscribe('aquatic.log.*', (bytes) => batches.push(bytes.slice()))
          await stranger.connected()
          await waitUntil('a batch with records', async () => {
            await fleet.churn(['a'], 1)
            return batches.some(({ length }) => length > 64)
          })
          const batch = batches.find(({ length }) => length > 64) ?? new Uint8Array()
          const refused = () => metricSum(fleet.of('b'), 'tracker_cluster_refused_messages_total')
          const before = await refused()
          for (let i = 0; i < 64; i++) {
            const changed = batch.slice()
            changed[i % 4] ^= 1 + (i >> 2)
            stranger.engine.publish('aquatic.log.other', changed)
            stranger.engine.publish('aquatic.log.other', batch.subarray(0, i))
            stranger.engine.publish('aquatic.to.b.other', batch.slice(0, i * 8))
          }
          await waitUntil('they are counted', async () => (await refused()) >= before + 128)
          await fleet.churn(['a', 'b'], 40)
          await fleet.equal(['a', 'b'], 'messages of another version')
          await waitUntil('it is a trouble', async () =>
            (await fleet.trouble('b')).includes('of another version'),
          )
        }),
      ),
    ))
})
