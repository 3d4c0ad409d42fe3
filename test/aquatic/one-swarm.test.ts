// UDP and HTTP of one process have one set of swarms: their clients meet, and are counted once.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { addressBytes, peer } from '../support/packets.ts'
import { type Tracker, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { announceOverHttp, at, type Options, overHttp, peersIn, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

const HASH = 'h'.repeat(20)
const HASH_BYTES = new TextEncoder().encode(HASH)

const COMPLETED = 1
const STOPPED = 3

/** Clients of either protocol at one address. */
function withBoth<T>(
  tracker: Tracker,
  host: '127.0.0.1' | '::1',
  use: (clients: ReturnType<typeof clientsOf>) => Promise<T>,
): Promise<T> {
  return withClient(host, (udp) => use(clientsOf(tracker, udp, host)))
}

function clientsOf(
  tracker: Tracker,
  udp: Parameters<Parameters<typeof withClient>[1]>[0],
  host: string,
) {
  const udpAt = at(tracker, 'udp', host === '::1')
  const httpAt = at(tracker, 'http', host === '::1')
  return {
    known: (port: number) => peer(addressBytes(host), port),
    udp: (port: number, left: bigint, event = 0) =>
      udp.announce(udpAt, { infoHash: HASH_BYTES, port, left, event }),
    http: (port: number, left: number, event?: string) =>
      announceOverHttp(httpAt, { infoHash: HASH, port, left, event }),
    counts: async () => {
      const { seeders, leechers, completed } = await udp.scrape(udpAt, HASH_BYTES)
      const { files } = await overHttp(httpAt, `/scrape?info_hash=${HASH}`)
      expect(files).toEqual({
        [HASH]: { complete: seeders, downloaded: completed, incomplete: leechers },
      })
      return [seeders, leechers, completed]
    },
  }
}

const THREADS = {
  'one worker each': {},
  'several workers each': { udp: 'socket_workers = 3', http: 'socket_workers = 3' },
  'request workers of UDP': {
    udp: 'socket_workers = 2\nrequest_workers = 2',
    http: 'socket_workers = 2',
  },
} satisfies Record<string, Options['lines']>

describe.each(Object.entries(THREADS))('with %s', (_, lines) => {
  test.each(['127.0.0.1', '::1'] as const)(
    'clients at %s find each other and are counted once',
    (host) =>
      withTracker(settingsFor({ both: true, lines }), (tracker) =>
        withBoth(tracker, host, async ({ known, udp, http, counts }) => {
          await udp(1001, 1n)
          const seen = await http(1002, 0)
          // Who asks is not counted.
          expect([seen.complete, seen.incomplete]).toEqual([0, 1])
          expect(peersIn(seen)).toEqual([known(1001)])
          const back = await udp(1001, 1n)
          expect([back.seeders, back.leechers, back.peers]).toEqual([1, 0, [known(1002)]])
          expect(await counts()).toEqual([1, 1, 0])
          // The same client over both is one peer, whose download counts once.
          await http(1001, 0, 'completed')
          await udp(1001, 0n, COMPLETED)
          expect(await counts()).toEqual([2, 0, 1])
          await http(1003, 1, 'started')
          expect((await udp(1003, 1n, STOPPED)).peers).toEqual([])
          expect(await counts()).toEqual([2, 0, 1])
        }),
      ),
  )

  test('many announces at once over both lose no peer', () =>
    withTracker(settingsFor({ lines }), (tracker) =>
      withBoth(tracker, '127.0.0.1', async ({ udp, http, counts }) => {
        const ports = Array.from({ length: 300 }, (_, i) => 1000 + i)
        const overUdp = async () => {
          for (const port of ports) await udp(port, port % 2 === 0 ? 0n : 1n)
        }
        const overHttp = async () => {
          for (const port of ports) await http(port + 1000, port % 2)
        }
        await Promise.all([overUdp(), overHttp(), overUdp(), overHttp()])
        expect(await counts()).toEqual([300, 300, 0])
      }),
    ))

  test('peers of HTTP are forgotten by whoever cleans', () =>
    withTracker(
      settingsFor({ lines, more: '[cleaning]\ninterval = 1\nmax_peer_age = 2' }),
      (tracker) =>
        withBoth(tracker, '127.0.0.1', async ({ http }) => {
          for (let port = 1; port < 20; port++) await http(port, 1)
          await waitUntil('all are forgotten', () => isForgotten(tracker))
        }),
    ))
})

async function isForgotten(tracker: Tracker): Promise<boolean> {
  const { files } = await overHttp(at(tracker, 'http'), `/scrape?info_hash=${HASH}`)
  return JSON.stringify(files).includes('"incomplete":0')
}

test('HTTP without UDP forgets its peers itself', () =>
  withTracker(
    settingsFor({
      lines: { udp: 'enabled = false' },
      more: '[cleaning]\ninterval = 1\nmax_peer_age = 2',
    }),
    async (tracker) => {
      const to = at(tracker, 'http')
      await announceOverHttp(to, { infoHash: HASH })
      await waitUntil('it is forgotten', () => isForgotten(tracker))
    },
  ))

test.skipIf(WHY_NO_NAMESPACE !== '')(
  `what one source may ask for it may ask over both together${WHY_NO_NAMESPACE}`,
  async () => {
    const script = join(import.meta.dir, 'shared-limits.ts')
    const { stdout, stderr } = await inNamespace('ip address add 5.6.7.1/32 dev lo', script, [])
    expect(stderr + stdout).toBe('good\n')
  },
)
