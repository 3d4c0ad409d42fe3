import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { announceRequest, infoHash, readAnnounce } from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { type Endpoint, listenOn, withTracker } from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { expectQuick } from '../support/wait.ts'

setDefaultTimeout(180_000)

// The system chooses a worker by the client's address and port: of so many clients, each worker
// gets some, except in one run of 10^12.
const CLIENTS = 100
const WORKERS = 4

async function withClients<T>(host: string, use: (clients: UdpClient[]) => Promise<T>): Promise<T> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => UdpClient.open(host)))
  try {
    return await use(clients)
  } finally {
    for (const client of clients) client.close()
  }
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each([
    { address: '127.0.0.1:0', host: '127.0.0.1' },
    { address: '0.0.0.0:0', host: '127.0.0.1' },
    { address: '[::]:0', host: '127.0.0.1' },
    { address: '[::]:0', host: '::1' },
  ])('four workers on $address, clients on $host', ({ address, host }) => {
    const settings = `socket_workers = ${WORKERS}\n${listenOn(address)}`

    test('take an id that one of them gave out, and share their swarms', () =>
      withTracker({ settings }, (tracker) =>
        withClients(host, async (clients) => {
          const to = tracker.at(host)
          const id = await clients[0].connect(to)
          const family = host === '::1' ? 6 : 4
          for (const [n, client] of clients.entries()) {
            const request = announceRequest(id, { port: 1000 + n, numWant: 5 })
            const answer = readAnnounce((await client.request(request, to)).packet, family)
            expect(answer.leechers).toBe(n)
            expect(answer.peers.length).toBe(Math.min(n, 5))
          }
        }),
      ))

    test('serve many clients at once', () =>
      withTracker({ settings }, (tracker) =>
        withClients(host, async (clients) => {
          const to = tracker.at(host)
          await Promise.all(clients.map((client, n) => announceMany(client, to, 1000 + n)))
          for (let torrent = 0; torrent < 20; torrent++) {
            const { leechers } = await clients[0].scrape(to, infoHash(torrent))
            expect(leechers).toBe(CLIENTS)
          }
        }),
      ))
  })

  /** Twenty torrents, each entered, left, and entered again. */
  async function announceMany(client: UdpClient, to: Endpoint, port: number): Promise<void> {
    const id = await client.connect(to)
    for (const event of [2, 3, 2]) {
      const requests = Array.from({ length: 20 }, (_, torrent) =>
        client.request(announceRequest(id, { infoHash: infoHash(torrent), port, event }), to),
      )
      await Promise.all(requests)
    }
  }

  test('a single worker serves the sockets of all addresses', () =>
    withTracker({ settings: listenOn('127.0.0.1:0', '127.0.0.2:0', '[::1]:0') }, (tracker) =>
      withClient('::', async (client) => {
        for (const to of tracker.endpoints) await client.connect(to)
        await Promise.all(
          Array.from({ length: 300 }, (_, i) => client.connect(tracker.endpoints[i % 3])),
        )
      }),
    ))

  // Wake-ups that got lost would show as a poll's whole time, a fifth of a second.
  test('an idle tracker answers at once', () =>
    withTracker({}, (tracker) =>
      withClient('127.0.0.1', async (client) => {
        const to = tracker.at()
        const id = await client.connect(to)
        const answerTimes = async () => {
          const times: number[] = []
          for (let i = 0; i < 200; i++) {
            const sentAt = performance.now()
            await client.request(announceRequest(id, { infoHash: infoHash(i) }), to)
            times.push(performance.now() - sentAt)
          }
          times.sort((a, b) => a - b)
          // The first is to be below 50 ms, the second below 150.
          return Math.max(times[100], times[190] / 3)
        }
        await expectQuick(50, answerTimes)
      }),
    ))
})
