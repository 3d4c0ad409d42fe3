import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace, WHY_NO_NAMESPACE } from '../../support/namespace.ts'
import {
  announceRequest,
  connectRequest,
  infoHash,
  readConnect,
  scrapeRequest,
} from '../../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../../support/schedules.ts'
import { type Endpoint, listenOn, type Tracker, withTracker } from '../../support/tracker.ts'
import { withClient } from '../../support/udp-client.ts'

setDefaultTimeout(180_000)

/** Whether anybody listens on a port of an address: the system gives a port only once. */
async function isFree({ host, port }: Endpoint): Promise<boolean> {
  try {
    const socket = await Bun.udpSocket({ hostname: host, port })
    socket.close()
    return true
  } catch {
    return false
  }
}

/** What two clients on an address learn of each other. */
function meet(tracker: Tracker, host: string, index = 0): Promise<readonly string[]> {
  return withClient(host, async (client) => {
    const to = tracker.at(host, index)
    await client.announce(to, { port: 1001 })
    return (await client.announce(to, { port: 1002 })).peers
  })
}

const LOOPBACK_4 = ['127.0.0.1:1001']
const LOOPBACK_6 = ['0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1:1001']

const wildcards = () => listenOn('0.0.0.0:0')

/** Runs one of the scenarios of namespace-scenarios.ts. */
async function expectScenario(name: string, setup: string): Promise<void> {
  const script = join(import.meta.dir, '../namespace-scenarios.ts')
  const { code, stdout, stderr } = await inNamespace(setup, script, [name])
  expect(stderr + stdout).toBe('good\n')
  expect(code).toBe(0)
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe('a tracker', () => {
    test('on 0.0.0.0 listens on [::] with the same port, and serves both families', () =>
      withTracker({ settings: wildcards() }, async (tracker) => {
        const { port } = tracker.at()
        expect(tracker.endpoints).toEqual([
          { host: '0.0.0.0', port },
          { host: '::', port },
        ])
        expect(await meet(tracker, '127.0.0.1')).toEqual(LOOPBACK_4)
        expect(await meet(tracker, '::1')).toEqual(LOOPBACK_6)
      }))

    test("on 0.0.0.0 with address_ipv6 = '' listens on nothing else", () =>
      withTracker({ settings: `${wildcards()}address_ipv6 = ''\n` }, async (tracker) => {
        const { port } = tracker.at()
        expect(tracker.endpoints).toEqual([{ host: '0.0.0.0', port }])
        expect(await isFree({ host: '::1', port })).toBe(true)
        expect(await meet(tracker, '127.0.0.1')).toEqual(LOOPBACK_4)
      }))

    test('on 127.0.0.1 is reached there alone', () =>
      withTracker({}, async (tracker) => {
        const { port } = tracker.at()
        expect(tracker.endpoints).toEqual([{ host: '127.0.0.1', port }])
        for (const host of ['127.0.0.2', '::1']) expect(await isFree({ host, port })).toBe(true)
        expect(await isFree({ host: '127.0.0.1', port })).toBe(false)
      }))

    test('on [::] alone serves both families, and knows IPv4 clients as such', () =>
      withTracker({ settings: listenOn('[::]:0') }, async (tracker) => {
        expect(tracker.endpoints.map(({ host }) => host)).toEqual(['::'])
        expect(await meet(tracker, '127.0.0.1')).toEqual(LOOPBACK_4)
        expect(await meet(tracker, '::1')).toEqual(LOOPBACK_6)
      }))

    test('on [::] fills packets of each family to the limit of that family', () =>
      withTracker({ settings: listenOn('[::]:0') }, async (tracker) => {
        for (const [host, most] of [
          ['127.0.0.1', 205],
          ['::1', 67],
        ] as const) {
          await withClient(host, async (client) => {
            for (let port = 1; port <= most + 5; port++) {
              await client.announce(tracker.at(host), { port, numWant: 1 })
            }
            const { peers } = await client.announce(tracker.at(host), { port: 9999 })
            expect(new Set(peers).size).toBe(most)
          })
        }
      }))

    test('on an explicit address_ipv6 serves IPv6 there', () => {
      const settings = `${listenOn('127.0.0.1:0')}address_ipv6 = '[::1]:0'\n`
      return withTracker({ settings }, async (tracker) => {
        expect(tracker.endpoints.map(({ host }) => host)).toEqual(['127.0.0.1', '::1'])
        expect(await meet(tracker, '::1', 1)).toEqual(LOOPBACK_6)
      })
    })

    test('on a list of addresses listens on each, with one set of swarms', () =>
      withTracker(
        { settings: listenOn('127.0.0.1:0', '127.0.0.2:0', '[::1]:0') },
        async (tracker) => {
          expect(tracker.endpoints.map(({ host }) => host)).toEqual([
            '127.0.0.1',
            '127.0.0.2',
            '::1',
          ])
          expect(await meet(tracker, '127.0.0.1', 0)).toEqual(LOOPBACK_4)
          expect(await meet(tracker, '::1', 2)).toEqual(LOOPBACK_6)
          await withClient('127.0.0.2', async (client) => {
            const { peers } = await client.announce(tracker.at('127.0.0.2', 1))
            expect([...peers].sort()).toEqual(['127.0.0.1:1001', '127.0.0.1:1002'])
          })
        },
      ))
  })

  describe('on a wildcard address the answer comes from the address that was asked', () => {
    // The client is on an address that the system would not choose for the answer by itself.
    test.each([
      ['0.0.0.0:0', '127.0.0.2'],
      ['0.0.0.0:0', '127.1.2.3'],
      ['0.0.0.0:0', '127.0.0.1'],
      ['[::]:0', '127.0.0.2'],
      ['[::]:0', '127.1.2.3'],
      ['[::]:0', '::1'],
    ])('on %s: %s', (address, host) =>
      withTracker({ settings: listenOn(address) }, (tracker) =>
        withClient(host === '::1' ? '::' : '127.0.0.9', async (client) => {
          const to = tracker.at(host)
          const answer = await client.request(connectRequest(), to)
          expect(answer).toMatchObject(to)
          const id = readConnect(answer.packet).connectionId
          const hashes = [1, 2, 3, 4].map(infoHash)
          for (const packet of [announceRequest(id), scrapeRequest(id, hashes)]) {
            expect(await client.request(packet, to)).toMatchObject(to)
          }
        }),
      ),
    )

    test('also when requests to many addresses arrive at once', () =>
      withTracker({ settings: wildcards() }, (tracker) =>
        withClient('127.0.0.9', async (client) => {
          const hosts = Array.from({ length: 200 }, (_, i) => `127.0.${i >> 4}.${i + 1}`)
          const id = await client.connect(tracker.at(hosts[0]))
          const answers = await Promise.all(
            hosts.map((host, n) => {
              const announce = announceRequest(id, { infoHash: infoHash(n) })
              return client.request(n % 2 === 0 ? announce : connectRequest(), tracker.at(host))
            }),
          )
          expect(answers.map(({ host }) => host)).toEqual(hosts)
        }),
      ))
  })

  describe.skipIf(WHY_NO_NAMESPACE !== '')(`in a network of its own${WHY_NO_NAMESPACE}`, () => {
    const ADDRESSES = Array.from(
      { length: 9 },
      (_, i) => `ip address add fd00::${i + 1} dev lo nodad`,
    )

    test('answers over IPv6 come from the address that was asked', () =>
      expectScenario('many-ipv6-addresses', ADDRESSES.join('; ')))

    test('a machine whose interfaces have no IPv6 is not an error', () =>
      expectScenario('no-ipv6', 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'))

    test('a scrape of 5,116 bytes that arrives in fragments is answered', () =>
      expectScenario('fragments', 'ip link set lo mtu 1280'))

    test('packets from port 0, and from addresses that cannot be answered, cost nobody else', () =>
      expectScenario('bad-sources', 'true'))
  })
})
